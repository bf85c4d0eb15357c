//! Everything we remember: typed tables on redb, snapshot reads, one writer.
//!
//! `Store` is cheap to clone. A write is a closure that runs on the writer's thread, together with others, in one redb
//! transaction: what it returns with `Ok` is durable when its future resolves, after `Err` nothing of it is left.
//! Nothing outside this room names redb, but for tests that bring a disk of their own.

mod health;
mod key;
pub mod ledger;
pub mod measure;
mod migrate;
mod open;
pub mod schema;
mod table;
mod tx;
mod writer;

use std::path::Path;
use std::sync::mpsc;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError, RwLock};
use std::thread::JoinHandle;

use redb::ReadableDatabase;
use tokio::sync::{oneshot, watch};

use crate::base::{Error, Result};
use health::{Health, refusal};
pub use key::{AsKey, Key, PrefixOf};
pub use table::{Index, Order, Read, Single, Table};
pub use tx::{Snapshot, Tx};
use writer::{Engine, Queue, Request};

#[derive(Debug, Clone)]
pub struct Options {
    /// Memory for pages of the file.
    pub cache_bytes: usize,
    /// Writes that may wait; who comes later is told to come again.
    pub queue: usize,
    /// Writes that share one commit.
    pub batch: usize,
    pub writer: Writer,
}

/// Where writes run.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Writer {
    /// On a thread of the store.
    Thread,
    /// With whoever first waits for one of them, in a batch of all that were asked for by then. For worlds that must
    /// replay alike: no thread, no race.
    Inline,
}

impl Default for Options {
    fn default() -> Self {
        Options { cache_bytes: 64 << 20, queue: 4096, batch: 256, writer: Writer::Thread }
    }
}

/// The open file and the lock on its folder, let go in this order.
struct Disk {
    db: redb::Database,
    _lock: Option<std::fs::File>,
}

#[derive(Clone)]
pub struct Store(Arc<Inner>);

struct Inner {
    disk: RwLock<Option<Arc<Disk>>>,
    queue: Arc<Queue>,
    health: Arc<Health>,
    commits: watch::Sender<u64>,
    hands: Mutex<Hands>,
}

/// Who does the writing.
enum Hands {
    Thread(JoinHandle<()>),
    Inline(Engine),
    Gone,
}

impl Store {
    /// Opens the store in the folder `dir`; makes both if they are not there.
    pub fn open(dir: &Path, options: Options) -> Result<Store> {
        Ok(Store::start(open::open(dir, &options, migrate::MIGRATIONS)?, &options))
    }

    /// A store on another disk than a file.
    pub fn open_backend(backend: impl redb::StorageBackend, options: Options) -> Result<Store> {
        Ok(Store::start(open::open_backend(backend, &options, migrate::MIGRATIONS)?, &options))
    }

    /// A store that forgets everything, writing inline.
    pub fn in_memory() -> Result<Store> {
        Store::open_backend(redb::backends::InMemoryBackend::new(), Options { writer: Writer::Inline, ..Options::default() })
    }

    fn start(disk: Disk, options: &Options) -> Store {
        let disk = Arc::new(disk);
        let queue = Arc::new(Queue::new(options.queue));
        let health = Arc::new(Health::new());
        let commits = watch::channel(0).0;
        let engine = Engine { disk: disk.clone(), health: health.clone(), commits: commits.clone(), most: options.batch.max(1) };
        let hands = match options.writer {
            Writer::Inline => Hands::Inline(engine),
            Writer::Thread => {
                let queue = queue.clone();
                Hands::Thread(std::thread::spawn(move || engine.serve(&queue)))
            }
        };
        Store(Arc::new(Inner { disk: RwLock::new(Some(disk)), queue, health, commits, hands: Mutex::new(hands) }))
    }

    /// Everything as it is now.
    pub fn read(&self) -> Result<Snapshot> {
        self.0.health.check()?;
        let disk = self.0.disk.read().unwrap_or_else(PoisonError::into_inner).clone();
        let disk = disk.ok_or_else(|| Error::unavailable("The service is stopping."))?;
        let txn = disk.db.begin_read().map_err(|cause| self.0.health.fail(cause.into()))?;
        Ok(Snapshot { txn, health: self.0.health.clone() })
    }

    /// Asks for a write at once; the future resolves when it is durable, or refused. Dropping the future does not take
    /// the write back.
    pub fn write<T, F>(&self, verb: F) -> impl Future<Output = Result<T>> + Send + use<T, F>
    where
        T: Send + 'static,
        F: FnOnce(&mut Tx<'_>) -> Result<T> + Send + 'static,
    {
        let (done, result) = oneshot::channel();
        let asked = self.ask(writer::request(verb, |result| drop(done.send(result))));
        let inner = self.0.clone();
        async move {
            asked?;
            inner.pump();
            result.await.unwrap_or_else(|_| Err(refusal()))
        }
    }

    /// `write` for callers without a runtime: the command line and tests.
    pub fn write_blocking<T: Send + 'static>(&self, verb: impl FnOnce(&mut Tx<'_>) -> Result<T> + Send + 'static) -> Result<T> {
        let (done, result) = mpsc::sync_channel(1);
        self.ask(writer::request(verb, move |result| drop(done.send(result))))?;
        self.0.pump();
        result.recv().unwrap_or_else(|_| Err(refusal()))
    }

    fn ask(&self, request: Request) -> Result<()> {
        self.0.health.check()?;
        self.0.queue.push(request)
    }

    /// Resolves with the reason, for the log, when the disk has failed. The process must then end with an error.
    pub fn failed(&self) -> impl Future<Output = Arc<str>> + Send + use<> {
        let health = self.0.health.clone();
        async move { health.failed().await }
    }

    /// Counts commits: who shows something live looks again when this moves.
    pub fn commits(&self) -> watch::Receiver<u64> {
        self.0.commits.subscribe()
    }

    /// Takes no more requests, finishes what waits and closes the file. Blocks; later reads and writes are refused.
    pub fn close(&self) {
        self.0.close();
    }
}

impl Inner {
    fn hands(&self) -> MutexGuard<'_, Hands> {
        self.hands.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn pump(&self) {
        if let Hands::Inline(engine) = &*self.hands() {
            loop {
                let batch = self.queue.take(engine.most);
                if batch.is_empty() {
                    return;
                }
                engine.run(batch);
            }
        }
    }

    fn close(&self) {
        self.queue.close();
        self.pump();
        let hands = std::mem::replace(&mut *self.hands(), Hands::Gone);
        if let Hands::Thread(thread) = hands
            && thread.thread().id() != std::thread::current().id()
            && thread.join().is_err()
        {
            self.health.stop("the writer panicked");
        }
        self.disk.write().unwrap_or_else(PoisonError::into_inner).take();
    }
}

/// The last handle closes the store, unless the last handle is held by a write.
impl Drop for Inner {
    fn drop(&mut self) {
        self.close();
    }
}
