//! The envelope and what it holds, field by field as in `rmb-rs: proto/types.proto`.

/// A twin, and which of its sessions if it has several.
#[derive(Clone, PartialEq, Eq, prost::Message)]
pub struct Address {
    #[prost(uint32, tag = "1")]
    pub twin: u32,
    #[prost(string, optional, tag = "2")]
    pub connection: Option<String>,
}

#[derive(Clone, PartialEq, Eq, prost::Message)]
pub struct Request {
    #[prost(string, tag = "1")]
    pub command: String,
}

/// A request that went wrong: `Error` in the protocol.
#[derive(Clone, PartialEq, Eq, prost::Message)]
pub struct Failure {
    #[prost(uint32, tag = "1")]
    pub code: u32,
    #[prost(string, tag = "2")]
    pub message: String,
}

#[derive(Clone, Copy, PartialEq, Eq, prost::Message)]
pub struct Empty {}

#[derive(Clone, PartialEq, Eq, prost::Oneof)]
pub enum Message {
    #[prost(message, tag = "7")]
    Request(Request),
    #[prost(message, tag = "8")]
    Response(Empty),
    #[prost(message, tag = "12")]
    Error(Failure),
    #[prost(message, tag = "15")]
    Ping(Empty),
    #[prost(message, tag = "16")]
    Pong(Empty),
}

#[derive(Clone, PartialEq, Eq, prost::Oneof)]
pub enum Payload {
    #[prost(bytes = "vec", tag = "13")]
    Plain(Vec<u8>),
    #[prost(bytes = "vec", tag = "14")]
    Cipher(Vec<u8>),
}

#[derive(Clone, PartialEq, Eq, prost::Message)]
pub struct Envelope {
    #[prost(string, tag = "1")]
    pub uid: String,
    #[prost(string, optional, tag = "2")]
    pub tags: Option<String>,
    /// Unix seconds of sending.
    #[prost(uint64, tag = "3")]
    pub timestamp: u64,
    /// Seconds to live from `timestamp`: a span, not a date.
    #[prost(uint64, tag = "4")]
    pub expiration: u64,
    #[prost(message, optional, tag = "5")]
    pub source: Option<Address>,
    #[prost(message, optional, tag = "6")]
    pub destination: Option<Address>,
    #[prost(oneof = "Message", tags = "7, 8, 12, 15, 16")]
    pub message: Option<Message>,
    #[prost(bytes = "vec", optional, tag = "9")]
    pub signature: Option<Vec<u8>>,
    #[prost(string, optional, tag = "10")]
    pub schema: Option<String>,
    #[prost(string, optional, tag = "11")]
    pub federation: Option<String>,
    #[prost(oneof = "Payload", tags = "13, 14")]
    pub payload: Option<Payload>,
    #[prost(string, repeated, tag = "17")]
    pub relays: Vec<String>,
}

impl Envelope {
    /// The sender's twin; 0 is the relay itself.
    pub fn source_twin(&self) -> u32 {
        self.source.as_ref().map_or(0, |address| address.twin)
    }

    pub fn destination_twin(&self) -> u32 {
        self.destination.as_ref().map_or(0, |address| address.twin)
    }

    /// Whether its time to live is over at `now` (unix seconds).
    pub fn expired(&self, now: i64) -> bool {
        i64::try_from(self.timestamp.saturating_add(self.expiration)).is_ok_and(|end| end < now)
    }

    pub fn has_tag(&self, tag: &str) -> bool {
        self.tags.as_deref().is_some_and(|tags| tags.split([',', ' ']).any(|one| one == tag))
    }
}
