//! A client on the bus: keeps one connection to a relay alive and matches answers to requests.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use futures_util::future::BoxFuture;
use futures_util::{SinkExt, StreamExt};
use serde_json::Value;
use tokio::net::TcpStream;
use tokio::sync::{mpsc, watch};
use tokio::time::{Instant, interval, sleep, timeout, timeout_at};
use tokio_tungstenite::tungstenite::Message as Frame;
use tokio_tungstenite::tungstenite::protocol::WebSocketConfig;
use tokio_tungstenite::{MaybeTlsStream, WebSocketStream, connect_async_with_config};

use super::codec::{self, Claims};
use super::types::{Address, Envelope, Failure, Message, Request};
use super::{FAIL_FAST, JSON, MAX_FRAME_BYTES};
use crate::base::{Clock, Random};
use crate::wire::key::{AccountId, KeyPair};

const PING_EVERY: Duration = Duration::from_secs(20);
const SILENCE_MEANS_DEAD: Duration = Duration::from_secs(40);
const RECONNECT_AFTER: Duration = Duration::from_secs(2);
const CONNECT_WITHIN: Duration = Duration::from_secs(15);
/// How long a call waits for a connection before it gives up unsent.
const LINK_WITHIN: Duration = Duration::from_secs(10);
const TOKEN_LIFE_S: i64 = 60;

/// What one must know of a twin to talk to it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Peer {
    pub account: AccountId,
    /// Its 33-byte encryption key, if it published one.
    pub pk: Option<Vec<u8>>,
}

/// Where twins are looked up: the chain, or something that remembers it.
pub trait Directory: Send + Sync + 'static {
    /// None if there is no such twin or it cannot be found out now.
    fn peer(&self, twin: u32) -> BoxFuture<'_, Option<Peer>>;
}

impl<F: Fn(u32) -> Option<Peer> + Send + Sync + 'static> Directory for F {
    fn peer(&self, twin: u32) -> BoxFuture<'_, Option<Peer>> {
        Box::pin(std::future::ready(self(twin)))
    }
}

#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum RmbError {
    /// The request left and nothing came back in time. It may have been carried out.
    #[error("no answer in time")]
    Timeout,
    /// The other twin answered with an error.
    #[error("{message}")]
    Remote { code: u32, message: String },
    /// The relay did not deliver the request.
    #[error("relay: {message}")]
    Relay { message: String },
    /// Something came back that cannot be believed or read. The request may have been carried out.
    #[error("bad answer: {0}")]
    BadAnswer(String),
    /// There was no connection; the request never left.
    #[error("not connected to the relay")]
    Disconnected,
}

impl RmbError {
    /// Whether the request may have been carried out, although no usable answer came.
    pub fn outcome_is_unknown(&self) -> bool {
        matches!(self, RmbError::Timeout | RmbError::BadAnswer(_))
    }
}

/// A client of one twin. Clones share the connection; it closes when the last of them is dropped.
#[derive(Clone)]
pub struct RmbClient(Arc<Handle>);

struct Handle {
    shared: Arc<Shared>,
    outgoing: mpsc::UnboundedSender<Vec<u8>>,
    up: watch::Receiver<bool>,
    task: tokio::task::AbortHandle,
}

impl Drop for Handle {
    fn drop(&mut self) {
        self.task.abort();
    }
}

struct Shared {
    relay: reqwest::Url,
    twin: u32,
    key: KeyPair,
    sid: String,
    clock: Arc<dyn Clock>,
    random: Arc<dyn Random>,
    directory: Arc<dyn Directory>,
    waiting: Mutex<HashMap<String, mpsc::UnboundedSender<Envelope>>>,
}

/// Takes a waiting call off the list, however it ends.
struct Waiting<'a>(&'a Shared, String);

impl Drop for Waiting<'_> {
    fn drop(&mut self) {
        self.0.waiting().remove(&self.1);
    }
}

impl RmbClient {
    /// Begins to connect and goes on trying for ever; calls wait a little for the connection.
    /// `sid` must be unique per process and short. Must be called inside a tokio runtime.
    pub fn connect(
        relay: reqwest::Url,
        twin: u32,
        key: KeyPair,
        sid: impl Into<String>,
        clock: Arc<dyn Clock>,
        random: Arc<dyn Random>,
        directory: Arc<dyn Directory>,
    ) -> RmbClient {
        let waiting = Mutex::default();
        let shared = Arc::new(Shared { relay, twin, key, sid: sid.into(), clock, random, directory, waiting });
        let (outgoing, queue) = mpsc::unbounded_channel();
        let (up_sender, up) = watch::channel(false);
        let task = tokio::spawn(keep_connected(shared.clone(), queue, up_sender)).abort_handle();
        RmbClient(Arc::new(Handle { shared, outgoing, up, task }))
    }

    pub fn is_connected(&self) -> bool {
        *self.0.up.borrow()
    }

    pub fn twin(&self) -> u32 {
        self.0.shared.twin
    }

    /// Asks `destination` and waits at most `ttl` (whole seconds on the wire). One attempt: whoever calls decides about another.
    /// Never queued by the relay for a twin that is away: a request that comes late does more harm than one that fails.
    pub async fn call(&self, destination: u32, command: &str, payload: Value, ttl: Duration) -> Result<Value, RmbError> {
        let shared = &*self.0.shared;
        let deadline = Instant::now() + ttl;
        let peer = match timeout(LINK_WITHIN.min(ttl), shared.directory.peer(destination)).await {
            Ok(Some(peer)) => peer,
            Ok(None) => return Err(RmbError::Relay { message: "unknown twin destination".into() }),
            Err(_) => return Err(RmbError::Disconnected),
        };
        let mut up = self.0.up.clone();
        match timeout(LINK_WITHIN.min(ttl), up.wait_for(|up| *up)).await {
            Ok(Ok(_)) => {}
            _ => return Err(RmbError::Disconnected),
        }

        let envelope = shared.request(destination, &peer, command, &payload, ttl);
        let uid = envelope.uid.clone();
        let (sender, mut answers) = mpsc::unbounded_channel();
        shared.waiting().insert(uid.clone(), sender);
        let _off_the_list = Waiting(shared, uid);
        self.0.outgoing.send(codec::encode(&envelope)).map_err(|_| RmbError::Disconnected)?;

        // An answer that anybody could have forged must not end the call: the true one may still come.
        let mut doubt = RmbError::Timeout;
        while let Ok(Some(answer)) = timeout_at(deadline, answers.recv()).await {
            match shared.judge(answer, destination, &peer) {
                Verdict::Final(result) => return result,
                Verdict::Ignore(why) => {
                    tracing::warn!(twin = destination, command, why, "ignored a bus answer");
                    doubt = RmbError::BadAnswer(why.into());
                }
            }
        }
        Err(doubt)
    }
}

enum Verdict {
    Final(Result<Value, RmbError>),
    Ignore(&'static str),
}

impl Shared {
    fn waiting(&self) -> std::sync::MutexGuard<'_, HashMap<String, mpsc::UnboundedSender<Envelope>>> {
        self.waiting.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn request(&self, destination: u32, peer: &Peer, command: &str, payload: &Value, ttl: Duration) -> Envelope {
        let plain = payload.to_string().into_bytes();
        let sealed = codec::seal(self.key.encryption_secret(), peer.pk.as_deref(), self.random.bytes(), plain);
        let mut envelope = Envelope {
            uid: uuid(self.random.bytes()),
            tags: Some(FAIL_FAST.into()),
            timestamp: self.clock.now().secs().unsigned_abs(),
            expiration: ttl.as_secs().max(1),
            source: Some(Address { twin: self.twin, connection: Some(self.sid.clone()) }),
            destination: Some(Address { twin: destination, connection: None }),
            message: Some(Message::Request(Request { command: command.into() })),
            signature: None,
            schema: Some(JSON.into()),
            federation: None,
            payload: Some(sealed),
            relays: self.relay.host_str().map(str::to_owned).into_iter().collect(),
        };
        codec::sign(&mut envelope, &self.key);
        envelope
    }

    /// What an answer with our uid is worth.
    fn judge(&self, answer: Envelope, asked: u32, peer: &Peer) -> Verdict {
        let source = answer.source_twin();
        if source == 0 {
            return match answer.message {
                Some(Message::Error(Failure { message, .. })) => Verdict::Final(Err(RmbError::Relay { message })),
                _ => Verdict::Ignore("an answer without a source that is not an error"),
            };
        }
        if source != asked {
            return Verdict::Ignore("answered by another twin");
        }
        if answer.expired(self.clock.now().secs()) {
            return Verdict::Ignore("expired");
        }
        if !codec::verify(&answer, &peer.account) {
            return Verdict::Ignore("bad signature");
        }
        Verdict::Final(match answer.message {
            Some(Message::Error(Failure { code, message })) => Err(RmbError::Remote { code, message }),
            Some(Message::Response(_)) => self.read(peer, &answer),
            _ => Err(RmbError::BadAnswer("neither a response nor an error".into())),
        })
    }

    fn read(&self, peer: &Peer, answer: &Envelope) -> Result<Value, RmbError> {
        if answer.schema.as_deref().is_some_and(|schema| schema != JSON) {
            return Err(RmbError::BadAnswer("not JSON".into()));
        }
        let plain = codec::open(self.key.encryption_secret(), peer.pk.as_deref(), answer.payload.as_ref())
            .ok_or_else(|| RmbError::BadAnswer("cannot be decrypted".into()))?;
        if plain.is_empty() {
            return Ok(Value::Null);
        }
        serde_json::from_slice(&plain).map_err(|error| RmbError::BadAnswer(format!("not JSON: {error}")))
    }

    async fn dial(&self) -> Result<WebSocketStream<MaybeTlsStream<TcpStream>>, String> {
        let now = self.clock.now().secs();
        let claims = Claims { sub: self.twin, iat: now, exp: now + TOKEN_LIFE_S, sid: Some(self.sid.clone()) };
        let mut url = self.relay.clone();
        url.set_query(Some(&codec::make_token(&self.key, &claims)));
        let config = WebSocketConfig::default().max_message_size(Some(MAX_FRAME_BYTES)).max_frame_size(Some(MAX_FRAME_BYTES));
        let dialling = connect_async_with_config(url.as_str(), Some(config), true);
        match timeout(CONNECT_WITHIN, dialling).await {
            Ok(Ok((socket, _))) => Ok(socket),
            Ok(Err(error)) => Err(error.to_string()),
            Err(_) => Err("no answer".into()),
        }
    }

    /// Hands an answer to the call that waits for it.
    fn deliver(&self, bytes: &[u8]) {
        let envelope = match codec::decode(bytes) {
            Ok(envelope) => envelope,
            Err(error) => return tracing::warn!(%error, "ignored a bus frame"),
        };
        // Nobody waiting: a late or second answer, or somebody's request to us.
        if let Some(waiting) = self.waiting().get(&envelope.uid) {
            let _ = waiting.send(envelope);
        }
    }
}

async fn keep_connected(shared: Arc<Shared>, mut queue: mpsc::UnboundedReceiver<Vec<u8>>, up: watch::Sender<bool>) {
    loop {
        match shared.dial().await {
            Ok(socket) => {
                up.send_replace(true);
                let why = carry(&shared, socket, &mut queue).await;
                up.send_replace(false);
                tracing::info!(why, "lost the relay, reconnecting");
            }
            Err(why) => tracing::warn!(why, "cannot reach the relay"),
        }
        sleep(RECONNECT_AFTER).await;
    }
}

/// Moves frames until the connection is of no use any more; says why.
async fn carry(
    shared: &Shared,
    mut socket: WebSocketStream<MaybeTlsStream<TcpStream>>,
    queue: &mut mpsc::UnboundedReceiver<Vec<u8>>,
) -> String {
    let mut ping = interval(PING_EVERY);
    let mut heard = Instant::now();
    loop {
        tokio::select! {
            frame = socket.next() => {
                heard = Instant::now();
                match frame {
                    Some(Ok(Frame::Binary(bytes))) => shared.deliver(&bytes),
                    Some(Ok(Frame::Ping(_) | Frame::Pong(_) | Frame::Text(_) | Frame::Frame(_))) => {}
                    Some(Ok(Frame::Close(_))) | None => return "closed by the relay".into(),
                    Some(Err(error)) => return error.to_string(),
                }
            }
            Some(bytes) = queue.recv() => {
                if let Err(error) = socket.send(Frame::binary(bytes)).await {
                    return error.to_string();
                }
            }
            _ = ping.tick() => {
                if heard.elapsed() > SILENCE_MEANS_DEAD {
                    return "silent for too long".into();
                }
                if let Err(error) = socket.send(Frame::Ping(Default::default())).await {
                    return error.to_string();
                }
            }
        }
    }
}

/// A random (version 4) UUID in its usual spelling.
fn uuid(mut bytes: [u8; 16]) -> String {
    bytes[6] = bytes[6] & 0x0f | 0x40;
    bytes[8] = bytes[8] & 0x3f | 0x80;
    let hex = hex::encode(bytes);
    format!("{}-{}-{}-{}-{}", &hex[..8], &hex[8..12], &hex[12..16], &hex[16..20], &hex[20..])
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_request_id_is_a_version_4_uuid() {
        assert_eq!(uuid([0xff; 16]), "ffffffff-ffff-4fff-bfff-ffffffffffff");
        assert_eq!(uuid([0; 16]), "00000000-0000-4000-8000-000000000000");
    }
}
