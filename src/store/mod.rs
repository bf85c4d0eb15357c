//! Everything we remember: typed tables on redb, snapshot reads, one writer.
//!
//! `Store` is cheap to clone. A write is a closure that runs on the writer's thread, together with others, in one redb
//! transaction: what it returns with `Ok` is durable when its future resolves, after `Err` nothing of it is left.
//! Nothing outside this room names redb, but for tests that bring a disk of their own.
//!
//! A noun has its tables in `schema.rs`, and in a file of its own the questions it answers, as a trait on every `Read`,
//! and the writes that keep its indexes true, as methods of `Tx` (`ledger.rs` shows how):
//!
//! ```ignore
//! let order = store.read()?.need(&ORDERS, id, "order")?;
//! store.write(move |tx| { tx.put(&ORDERS, id, &order)?; tx.post(order.hold, None, now) }).await?;
//! ```
//!
//! A verb never asks the store for another write: it is the writer.

pub mod account;
pub mod backup;
pub mod charge;
pub mod check;
pub mod earning;
pub mod exposure;
pub mod grid;
mod health;
pub mod home_copy;
pub mod job;
mod key;
pub mod ledger;
mod leftover;
pub mod maintenance;
pub mod measure;
mod migrate;
pub mod node;
pub mod observation;
mod open;
pub mod order;
pub mod outage;
mod page;
pub mod report;
pub mod revision;
pub mod saved_filter;
pub mod schema;
pub mod swarm;
mod table;
mod tx;
pub mod web_address;
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
pub use page::Turn;
pub use table::{Index, Order, Read, Row, Single, Table};
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
        Store::start(open::open(dir, &options, migrate::MIGRATIONS)?, &options)
    }

    /// A store on another disk than a file.
    pub fn open_backend(backend: impl redb::StorageBackend, options: Options) -> Result<Store> {
        Store::start(open::open_backend(backend, &options, migrate::MIGRATIONS)?, &options)
    }

    /// A store that forgets everything, writing inline.
    pub fn in_memory() -> Result<Store> {
        Store::open_backend(redb::backends::InMemoryBackend::new(), Options { writer: Writer::Inline, ..Options::default() })
    }

    fn start(disk: Disk, options: &Options) -> Result<Store> {
        let disk = Arc::new(disk);
        let queue = Arc::new(Queue::new(options.queue));
        let health = Arc::new(Health::new());
        let commits = watch::channel(0).0;
        let engine = Engine { disk: disk.clone(), health: health.clone(), commits: commits.clone(), most: options.batch.max(1) };
        let hands = match options.writer {
            Writer::Inline => Hands::Inline(engine),
            Writer::Thread => {
                let queue = queue.clone();
                let thread = std::thread::Builder::new().name("store-writer".into()).spawn(move || engine.serve(&queue));
                Hands::Thread(thread.map_err(|cause| Error::unavailable("The store's writer does not start.").because(cause))?)
            }
        };
        let hands = Mutex::new(hands);
        Ok(Store(Arc::new(Inner { disk: RwLock::new(Some(disk)), queue, health, commits, hands })))
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

#[cfg(test)]
mod tests {
    use std::sync::atomic::{AtomicU64, Ordering};

    use futures_util::future::join_all;

    use super::*;
    use crate::base::Kind;

    const NOTES: Table<(u64, String), String> = Table::new("test_notes");
    const NOTES_BY_WORD: Index<String, (u64, String)> = Index::new("test_notes_by_word");

    fn key(number: u64, name: &str) -> (u64, String) {
        (number, name.into())
    }

    fn note(store: &Store, number: u64, name: &'static str) -> impl Future<Output = Result<()>> + use<> {
        store.write(move |tx| tx.insert(&NOTES, key(number, name), &name.to_owned()))
    }

    fn names(reader: &impl Read) -> Vec<String> {
        reader.all(&NOTES, 100).unwrap().into_iter().map(|(_, name)| name).collect()
    }

    #[tokio::test]
    async fn a_failing_request_leaves_nothing_behind_while_its_batch_mates_live() {
        let store = Store::in_memory().unwrap();
        let commits = store.commits();
        let fails = store.write(|tx| {
            tx.put(&NOTES, key(2, "b"), &"b".into())?;
            tx.remove(&NOTES, key(1, "a"))?;
            tx.link(&NOTES_BY_WORD, "b", key(2, "b"));
            assert_eq!(names(tx), ["b"], "a request sees its own writes");
            Err::<(), _>(Error::conflict("no"))
        });
        let panics = store.write(|tx| {
            tx.put(&NOTES, key(3, "c"), &"c".into())?;
            if tx.has(&NOTES, key(3, "c"))? { panic!("a bug") } else { Ok(()) }
        });
        let batch: Vec<std::pin::Pin<Box<dyn Future<Output = Result<()>>>>> =
            vec![Box::pin(note(&store, 1, "a")), Box::pin(fails), Box::pin(panics), Box::pin(note(&store, 4, "d"))];
        let kinds: Vec<_> = join_all(batch).await.into_iter().map(|result| result.err().map(|error| error.kind())).collect();
        assert_eq!(kinds, [None, Some(Kind::Conflict), Some(Kind::Internal), None]);
        assert_eq!(*commits.borrow(), 1, "they shared one commit");
        assert_eq!(names(&store.read().unwrap()), ["a", "d"]);
        assert!(!store.read().unwrap().is_linked(&NOTES_BY_WORD, "b", key(2, "b")).unwrap());
    }

    #[tokio::test]
    async fn a_request_sees_what_its_batch_mates_before_it_wrote() {
        let store = Store::in_memory().unwrap();
        let answers = join_all([note(&store, 1, "a"), note(&store, 1, "a")]).await;
        assert!(answers[0].is_ok());
        assert_eq!(answers[1].as_ref().map_err(Error::kind), Err(Kind::Conflict));
    }

    #[tokio::test]
    async fn a_snapshot_stays_as_it_was() {
        let store = Store::in_memory().unwrap();
        note(&store, 1, "a").await.unwrap();
        let before = store.read().unwrap();
        note(&store, 2, "b").await.unwrap();
        assert_eq!(names(&before), ["a"]);
        assert_eq!(names(&store.read().unwrap()), ["a", "b"]);
    }

    #[test]
    fn ranges_pages_and_prefixes_read_through_what_a_write_has_changed() {
        let store = Store::in_memory().unwrap();
        store
            .write_blocking(|tx| {
                for (number, name) in [(1, "a"), (1, "b"), (2, "a"), (2, "c"), (3, "z")] {
                    tx.put(&NOTES, key(number, name), &format!("{number}{name}"))?;
                }
                Ok(())
            })
            .unwrap();
        store
            .write_blocking(|tx| {
                tx.remove(&NOTES, key(2, "a"))?;
                tx.put(&NOTES, key(2, "b"), &"2b".into())?;
                tx.put(&NOTES, key(2, "c"), &"2C".into())?;
                let words = |found: Vec<((u64, String), String)>| found.into_iter().map(|(_, name)| name).collect::<Vec<_>>();
                assert_eq!(names(tx), ["1a", "1b", "2b", "2C", "3z"]);
                assert_eq!(words(tx.newest(&NOTES, 3)?), ["3z", "2C", "2b"]);
                assert_eq!(words(tx.under(&NOTES, &2, Order::Up, 9)?), ["2b", "2C"]);
                assert_eq!(words(tx.range(&NOTES, 1..3, Order::Down, 2)?), ["2C", "2b"]);
                assert_eq!(words(tx.range(&NOTES, key(1, "b")..=key(2, "b"), Order::Up, 9)?), ["1b", "2b"]);
                let (three, one) = (3, 1);
                assert_eq!(words(tx.range(&NOTES, three..one, Order::Up, 9)?), [""; 0], "an empty range is no error");
                assert_eq!(words(tx.page(&NOTES, Some(key(1, "b")), 2)?), ["2b", "2C"]);
                assert_eq!(tx.last(&NOTES)?.map(|(key, _)| key.0), Some(3));
                assert_eq!(tx.take(&NOTES, key(3, "z"))?.as_deref(), Some("3z"));
                assert_eq!(tx.take(&NOTES, key(3, "z"))?, None);
                Ok(())
            })
            .unwrap();
        assert_eq!(store.read().unwrap().count(&NOTES).unwrap(), 4);
    }

    #[test]
    fn an_index_finds_rows_until_they_are_moved() {
        let store = Store::in_memory().unwrap();
        let found = |word: &str| store.read().unwrap().follow(&NOTES_BY_WORD, word, &NOTES, 9).unwrap();
        store
            .write_blocking(|tx| {
                for (number, name) in [(1, "a"), (2, "b")] {
                    tx.put(&NOTES, key(number, name), &name.into())?;
                    tx.link(&NOTES_BY_WORD, "red", key(number, name));
                }
                Ok(())
            })
            .unwrap();
        assert_eq!((found("red"), found("re")), (vec!["a".to_owned(), "b".to_owned()], vec![]));
        store
            .write_blocking(|tx| {
                tx.relink(&NOTES_BY_WORD, &key(1, "a"), Some(&"red".into()), Some(&"blue".into()));
                tx.relink(&NOTES_BY_WORD, &key(2, "b"), Some(&"red".into()), None);
                Ok(())
            })
            .unwrap();
        assert_eq!((found("red"), found("blue")), (vec![], vec!["a".to_owned()]));
    }

    #[test]
    fn a_full_queue_refuses_and_a_closed_store_too() {
        let options = Options { queue: 1, writer: Writer::Inline, ..Options::default() };
        let store = Store::open_backend(redb::backends::InMemoryBackend::new(), options).unwrap();
        let waits = note(&store, 1, "a");
        let refused = store.write_blocking(|_| Ok(()));
        assert_eq!(refused.map_err(|error| error.kind()), Err(Kind::Unavailable));
        drop(waits);
        store.close();
        assert_eq!(store.write_blocking(|_| Ok(())).map_err(|error| error.kind()), Err(Kind::Unavailable));
        assert_eq!(store.read().err().map(|error| error.kind()), Some(Kind::Unavailable));
    }

    /// A disk in memory whose syncs fail from some moment on.
    #[derive(Debug)]
    struct Failing {
        memory: redb::backends::InMemoryBackend,
        syncs_left: Arc<AtomicU64>,
    }

    impl redb::StorageBackend for Failing {
        fn len(&self) -> std::io::Result<u64> {
            self.memory.len()
        }
        fn read(&self, offset: u64, out: &mut [u8]) -> std::io::Result<()> {
            self.memory.read(offset, out)
        }
        fn set_len(&self, len: u64) -> std::io::Result<()> {
            self.memory.set_len(len)
        }
        fn sync_data(&self) -> std::io::Result<()> {
            let left = self.syncs_left.fetch_update(Ordering::SeqCst, Ordering::SeqCst, |left| left.checked_sub(1));
            left.map(|_| ()).map_err(|_| std::io::Error::other("the cable is out"))
        }
        fn write(&self, offset: u64, data: &[u8]) -> std::io::Result<()> {
            self.memory.write(offset, data)
        }
    }

    #[tokio::test]
    async fn after_the_first_disk_error_everything_is_refused_and_the_process_hears_of_it() {
        for writer in [Writer::Inline, Writer::Thread] {
            let syncs_left = Arc::new(AtomicU64::new(u64::MAX));
            let disk = Failing { memory: redb::backends::InMemoryBackend::new(), syncs_left: syncs_left.clone() };
            let store = Store::open_backend(disk, Options { writer, ..Options::default() }).unwrap();
            note(&store, 1, "a").await.unwrap();
            syncs_left.store(1, Ordering::SeqCst);
            assert_eq!(note(&store, 2, "b").await.map_err(|error| error.kind()), Err(Kind::Unavailable));
            syncs_left.store(u64::MAX, Ordering::SeqCst);
            assert_eq!(note(&store, 3, "c").await.map_err(|error| error.kind()), Err(Kind::Unavailable));
            assert_eq!(store.read().err().map(|error| error.kind()), Some(Kind::Unavailable));
            assert!(store.failed().await.contains("the cable is out"));
        }
    }

    #[tokio::test]
    async fn what_was_asked_before_closing_is_done() {
        let dir = open::tests::Folder::new("closing");
        let store = Store::open(&dir.0, Options::default()).unwrap();
        let asked: Vec<_> = (0..50).map(|number| note(&store, number, "a")).collect();
        store.close();
        assert!(join_all(asked).await.into_iter().all(|result| result.is_ok()));
        drop(store);
        let store = Store::open(&dir.0, Options::default()).unwrap();
        assert_eq!(names(&store.read().unwrap()).len(), 50);
    }
}
