//! The Reliable Message Bus: signed, encrypted envelopes over a WebSocket to a relay. Source: `threefoldtech/rmb-rs: docs`.

pub mod client;
pub mod codec;
pub mod server;
pub mod types;

pub use client::{Directory, Peer, RmbClient, RmbError};
pub use types::{Address, Envelope, Failure, Message, Payload, Request};

/// The only schema that nodes take.
pub const JSON: &str = "application/json";
/// The only tag with a meaning: do not queue for a twin that is away, say so at once.
pub const FAIL_FAST: &str = "fail-fast";
/// More than any deployment needs; what is larger is cut off before it is read.
pub const MAX_FRAME_BYTES: usize = 4 << 20;
