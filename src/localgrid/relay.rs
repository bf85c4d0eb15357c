//! The pretended relay: carries envelopes between twins. Other relays and rate limits do not exist here.

use std::collections::HashMap;
use std::io;
use std::net::Ipv4Addr;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use tokio::net::{TcpListener, TcpStream};
use tokio::sync::mpsc;
use tokio::time::timeout;

use super::{ChainView, fleet};
use crate::base::{Clock, Time};
use crate::wire::rmb::server::{Accepted, Lookup, accept};
use crate::wire::rmb::types::Empty;
use crate::wire::rmb::{Address, Envelope, FAIL_FAST, Failure, Message, Payload, codec};

const HANDSHAKE_WITHIN: Duration = Duration::from_secs(10);
const ERROR_TTL_S: u64 = 300;
/// Messages waiting for one connection, or for one twin that is away; more are dropped.
const MOST_WAITING: usize = 256;

/// Ways in which a relay can fail. Answers are what nodes send, requests are what comes from outside.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Fault {
    #[default]
    None,
    /// Nobody gets in, and those inside are put out.
    Down,
    DropsRequests,
    DropsAnswers,
    /// Everything comes twice.
    Duplicates,
    /// Every other message is overtaken by the next.
    Reorders(Duration),
    Delays(Duration),
    /// A forged answer comes before the true one.
    ForgesFirst,
    /// Forged answers come instead of the true ones.
    ForgesAll,
    /// Answers come in the name of another twin.
    Misnames,
}

/// A handle on the relay. Stops when `stop` is called.
#[derive(Clone)]
pub struct Relay(Arc<Inner>);

struct Inner {
    chain: Arc<dyn ChainView>,
    clock: Arc<dyn Clock>,
    rooms: Mutex<Rooms>,
    next_session: AtomicU64,
    fault: Mutex<Fault>,
    routed: AtomicU64,
    task: Mutex<Option<tokio::task::AbortHandle>>,
}

#[derive(Default)]
struct Rooms {
    /// One connection a (twin, session id).
    sessions: HashMap<Slot, Session>,
    /// What waits for a twin of ours that is away.
    queues: HashMap<Slot, Vec<Envelope>>,
}

type Slot = (u32, Option<String>);

struct Session {
    number: u64,
    outbox: mpsc::Sender<Vec<u8>>,
}

impl Relay {
    /// Listens on a port of this machine, 0 for any. `clock` is by what tokens and messages expire. The second value is the
    /// address for clients.
    pub async fn start(chain: Arc<dyn ChainView>, clock: Arc<dyn Clock>, port: u16) -> io::Result<(Relay, reqwest::Url)> {
        let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, port)).await?;
        let url = format!("ws://{}/", listener.local_addr()?);
        let url = url.parse().map_err(|_| io::Error::other("the machine's own address is no URL"))?;
        let (rooms, task, fault, routed) = Default::default();
        let relay = Relay(Arc::new(Inner { chain, clock, rooms, next_session: AtomicU64::new(1), fault, routed, task }));
        let task = tokio::spawn(relay.clone().listen(listener)).abort_handle();
        *relay.0.task.lock().unwrap_or_else(PoisonError::into_inner) = Some(task);
        Ok((relay, url))
    }

    /// The bus has a time of its own: a chain that leaps does not take programs by others with it.
    pub fn now(&self) -> Time {
        self.0.clock.now()
    }

    /// Stops listening and hangs up on everybody.
    pub fn stop(&self) {
        if let Some(task) = self.0.task.lock().unwrap_or_else(PoisonError::into_inner).take() {
            task.abort();
        }
        self.hang_up();
    }

    /// Another fault, or none.
    pub fn set_fault(&self, fault: Fault) {
        *self.0.fault.lock().unwrap_or_else(PoisonError::into_inner) = fault;
        if fault == Fault::Down {
            self.hang_up();
        }
    }

    fn fault(&self) -> Fault {
        *self.0.fault.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Cuts every connection from outside; clients may come back at once. Attached twins stay.
    pub fn hang_up(&self) {
        self.rooms().sessions.retain(|(_, sid), _| sid.is_none());
    }

    /// Plugs in a twin of this process, without a connection. What arrives for it comes out of the receiver.
    pub fn attach(&self, twin: u32) -> mpsc::Receiver<Vec<u8>> {
        self.enter((twin, None)).1
    }

    pub fn detach(&self, twin: u32) {
        self.rooms().sessions.remove(&(twin, None));
    }

    /// Takes an envelope from an attached twin.
    pub fn submit(&self, twin: u32, envelope: &[u8]) {
        self.route(&(twin, None), envelope);
    }

    fn rooms(&self) -> MutexGuard<'_, Rooms> {
        self.0.rooms.lock().unwrap_or_else(PoisonError::into_inner)
    }

    async fn listen(self, listener: TcpListener) {
        loop {
            match listener.accept().await {
                Ok((stream, _)) => drop(tokio::spawn(self.clone().serve(stream))),
                Err(error) => {
                    tracing::warn!(%error, "local relay cannot accept");
                    tokio::time::sleep(Duration::from_millis(100)).await;
                }
            }
        }
    }

    async fn serve(self, stream: TcpStream) {
        if self.fault() == Fault::Down {
            return;
        }
        let chain = self.0.chain.clone();
        let lookup = move |twin| chain.twin(twin).map_or(Lookup::Unknown, |twin| Lookup::Account(twin.account));
        let _ = stream.set_nodelay(true);
        let Ok(Some(accepted)) = timeout(HANDSHAKE_WITHIN, accept(stream, self.0.clock.now(), lookup)).await else { return };
        let Accepted { claims, mut receive, mut send } = accepted;
        let slot = (claims.sub, claims.sid);
        let (number, mut inbox) = self.enter(slot.clone());
        loop {
            tokio::select! {
                frame = receive.next() => match frame {
                    Some(bytes) => self.route(&slot, &bytes),
                    None => break,
                },
                bytes = inbox.recv() => match bytes {
                    Some(bytes) => {
                        if !send.send(bytes).await {
                            break;
                        }
                    }
                    // Replaced by a second connection of the same session, or hung up on.
                    None => break,
                },
            }
        }
        let _ = timeout(HANDSHAKE_WITHIN, send.close()).await;
        let mut rooms = self.rooms();
        if rooms.sessions.get(&slot).is_some_and(|session| session.number == number) {
            rooms.sessions.remove(&slot);
        }
    }

    /// Opens a session, closing one with the same name, and hands over what waited for it.
    fn enter(&self, slot: Slot) -> (u64, mpsc::Receiver<Vec<u8>>) {
        let number = self.0.next_session.fetch_add(1, Ordering::Relaxed);
        let (outbox, inbox) = mpsc::channel(MOST_WAITING);
        let now = self.0.clock.now().secs();
        let mut rooms = self.rooms();
        for envelope in rooms.queues.remove(&slot).unwrap_or_default() {
            if !envelope.expired(now) {
                let _ = outbox.try_send(codec::encode(&envelope));
            }
        }
        rooms.sessions.insert(slot, Session { number, outbox });
        (number, inbox)
    }

    /// Passes a message on, as well as the relay feels today.
    fn route(&self, from: &Slot, bytes: &[u8]) {
        let answer = from.1.is_none();
        let later = |wait: Duration| {
            let (relay, from, bytes) = (self.clone(), from.clone(), bytes.to_vec());
            drop(tokio::spawn(async move {
                tokio::time::sleep(wait).await;
                relay.pass(&from, &bytes);
            }));
        };
        match self.fault() {
            Fault::Down => {}
            Fault::DropsRequests if !answer => {}
            Fault::DropsAnswers if answer => {}
            Fault::Duplicates => {
                self.pass(from, bytes);
                self.pass(from, bytes);
            }
            Fault::Reorders(wait) if self.0.routed.fetch_add(1, Ordering::Relaxed).is_multiple_of(2) => later(wait),
            Fault::Delays(wait) => later(wait),
            Fault::ForgesFirst if answer => {
                self.alter(bytes, |envelope| envelope.payload = Some(Payload::Plain(b"null".to_vec())));
                self.pass(from, bytes);
            }
            Fault::ForgesAll if answer => {
                self.alter(bytes, |envelope| envelope.payload = Some(Payload::Plain(b"null".to_vec())));
            }
            Fault::Misnames if answer => {
                let twin = from.0 + 1;
                self.alter(bytes, |envelope| envelope.source = Some(Address { twin, connection: None }));
            }
            _ => self.pass(from, bytes),
        }
    }

    /// Hands over something else than what was sent.
    fn alter(&self, bytes: &[u8], change: impl FnOnce(&mut Envelope)) {
        let Ok(mut envelope) = codec::decode(bytes) else { return };
        change(&mut envelope);
        if let Some(to) = envelope.destination.clone() {
            self.hand_over(&(to.twin, to.connection), codec::encode(&envelope));
        }
    }

    fn pass(&self, from: &Slot, bytes: &[u8]) {
        let envelope = match codec::decode(bytes) {
            Ok(envelope) => envelope,
            Err(error) => return tracing::debug!(twin = from.0, %error, "local relay dropped a frame"),
        };
        let uid = envelope.uid.clone();
        if let Err(why) = self.deliver(from, envelope, bytes) {
            let (twin, connection) = from.clone();
            let error = Envelope {
                uid,
                timestamp: self.0.clock.now().secs().unsigned_abs(),
                expiration: ERROR_TTL_S,
                destination: Some(Address { twin, connection }),
                message: Some(Message::Error(Failure { code: 0, message: why })),
                ..Envelope::default()
            };
            self.hand_over(from, codec::encode(&error));
        }
    }

    fn deliver(&self, from: &Slot, mut envelope: Envelope, bytes: &[u8]) -> Result<(), String> {
        if envelope.source.as_ref().is_none_or(|source| (source.twin, &source.connection) != (from.0, &from.1)) {
            return Err("message wrong source".into());
        }
        if matches!(envelope.message, Some(Message::Ping(_))) {
            std::mem::swap(&mut envelope.source, &mut envelope.destination);
            envelope.message = Some(Message::Pong(Empty {}));
            envelope.payload = Some(Payload::Plain(b"hello world".to_vec()));
            self.hand_over(from, codec::encode(&envelope));
            return Ok(());
        }
        let to = envelope.destination.clone().filter(|to| to.twin != 0).ok_or("message with missing destination")?;
        let twin = self.0.chain.twin(to.twin).ok_or("unknown twin destination")?;
        let slot = (to.twin, to.connection);
        if self.hand_over(&slot, bytes.to_vec()) {
            return Ok(());
        }
        let relays = twin.relay.filter(|relay| !relay.is_empty()).ok_or("relay info is not set for this twin")?;
        if !relays.split('_').any(|host| host == fleet::RELAY) {
            return Err(format!("failed to route message to peer '{relays}'"));
        }
        if envelope.has_tag(FAIL_FAST) {
            return Err("destination offline".into());
        }
        let now = self.0.clock.now().secs();
        let mut rooms = self.rooms();
        let queue = rooms.queues.entry(slot).or_default();
        queue.retain(|waiting| !waiting.expired(now));
        if queue.len() < MOST_WAITING && !envelope.expired(now) {
            queue.push(envelope);
        }
        Ok(())
    }

    /// False if there is no such session.
    fn hand_over(&self, to: &Slot, bytes: Vec<u8>) -> bool {
        match self.rooms().sessions.get(to) {
            // A full outbox drops the message, as a busy relay does.
            Some(session) => !matches!(session.outbox.try_send(bytes), Err(mpsc::error::TrySendError::Closed(_))),
            None => false,
        }
    }
}
