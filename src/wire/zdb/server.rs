//! Answers as a 0-db does: its words, its limits, its modes. What is kept, and for whom, is somebody else's.

use std::sync::Arc;
use std::time::Duration;

use tokio::io::{AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt};
use tokio::net::TcpListener;
use tokio::task::JoinSet;

use super::codec::{MESSAGE_MAX, read_command, reply};
use super::types::{Info, KEY_MAX, Mode, Reply};

/// A connection that says nothing for so long is ended.
const PATIENCE: Duration = Duration::from_secs(120);
/// Longest names (`threefoldtech/0-db: libzdb/namespace.c`).
const NAME_MAX: usize = 128;
const PASSWORD_MAX: usize = 255;

/// Why something can't be had.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum No {
    Such,
    /// A password that is not the right one.
    Access,
    /// None given where one is needed.
    Private,
    Room,
    Key,
    ReadOnly,
    /// It is off: whoever asks hears nothing any more.
    Power,
}

impl No {
    fn reply(self) -> Option<Reply> {
        let text = match self {
            No::Such => "Namespace not found",
            No::Access => "Access denied",
            No::Private => "Namespace protected and private",
            No::Room => "No space left on this namespace",
            No::Key => "Invalid key, use empty key for auto-generated key",
            No::ReadOnly => "Namespace is in read-only mode",
            No::Power => return None,
        };
        Some(Reply::Error(text.into()))
    }
}

/// What is behind: namespaces by their names.
pub trait Shelves: Send + Sync + 'static {
    /// How somebody may come in: with the right password to write, without one perhaps to read. True: to write.
    fn enter(&self, namespace: &str, password: Option<&[u8]>) -> Result<bool, No>;
    /// Keeps a value; gives its key, or None if that very value was there.
    fn put(&self, namespace: &str, key: &[u8], value: &[u8]) -> Result<Option<Vec<u8>>, No>;
    fn take(&self, namespace: &str, key: &[u8]) -> Result<Option<Vec<u8>>, No>;
    /// False: there was none.
    fn forget(&self, namespace: &str, key: &[u8]) -> Result<bool, No>;
    fn info(&self, namespace: &str) -> Result<Info, No>;
}

/// The key of the entry with this number.
pub fn sequential_key(number: u32) -> Vec<u8> {
    number.to_le_bytes().to_vec()
}

/// Whether a store of this mode takes this key for a value, new or old.
pub fn takes_key(mode: Mode, key: &[u8], known: bool) -> bool {
    match mode {
        Mode::User => (1..=KEY_MAX).contains(&key.len()),
        Mode::Sequential => key.is_empty() || known,
    }
}

/// Serves until it is dropped.
pub async fn serve(listener: TcpListener, shelves: Arc<dyn Shelves>) {
    let mut sessions = JoinSet::new();
    loop {
        tokio::select! {
            accepted = listener.accept() => match accepted {
                Ok((socket, _)) => {
                    let shelves = shelves.clone();
                    // A broken connection ends its session; nobody else needs to know.
                    sessions.spawn(async move { drop(session(socket, &*shelves).await) });
                }
                Err(error) => {
                    tracing::warn!(%error, "cannot accept a connection to a store");
                    tokio::time::sleep(Duration::from_millis(100)).await;
                }
            },
            Some(_) = sessions.join_next() => {}
        }
    }
}

/// Where a connection stands.
struct Visitor {
    /// The namespace it has gone to, and whether it may write there.
    inside: Option<(String, bool)>,
}

/// One conversation.
pub async fn session(mut socket: impl AsyncRead + AsyncWrite + Unpin, shelves: &dyn Shelves) -> std::io::Result<()> {
    let (mut bytes, mut visitor) = (Vec::new(), Visitor { inside: None });
    loop {
        match read_command(&bytes) {
            Ok(Some((parts, length))) => {
                bytes.drain(..length);
                let Some(answer) = visitor.ask(shelves, &parts) else { return Ok(()) };
                socket.write_all(&reply(&answer)).await?;
            }
            Err(_) => return socket.write_all(&reply(&Reply::Error("Malformed query string".into()))).await,
            Ok(None) if bytes.len() > MESSAGE_MAX => return Ok(()),
            Ok(None) => match tokio::time::timeout(PATIENCE, socket.read_buf(&mut bytes)).await {
                Ok(Err(error)) => return Err(error),
                Ok(Ok(1..)) => {}
                Ok(Ok(0)) | Err(_) => return Ok(()),
            },
        }
    }
}

impl Visitor {
    /// None: the connection ends.
    fn ask(&mut self, shelves: &dyn Shelves, parts: &[Vec<u8>]) -> Option<Reply> {
        match self.answer(shelves, parts) {
            Ok(reply) => Some(reply),
            Err(no) => no.reply(),
        }
    }

    fn answer(&mut self, shelves: &dyn Shelves, parts: &[Vec<u8>]) -> Result<Reply, No> {
        let error = |text: &str| Ok(Reply::Error(text.into()));
        let [word, arguments @ ..] = parts else { return error("Malformed query string") };
        let word = String::from_utf8_lossy(word).to_ascii_uppercase();
        let inside = self.inside.clone();
        match (word.as_str(), arguments) {
            ("PING", _) => Ok(Reply::Text("PONG".into())),
            ("SELECT", [name] | [name, _]) if name.len() > NAME_MAX => error("Namespace too long"),
            ("SELECT", [_, password]) if password.len() > PASSWORD_MAX => error("Password too long"),
            ("SELECT", [name] | [name, _]) => {
                let name = String::from_utf8_lossy(name).into_owned();
                let writes = shelves.enter(&name, arguments.get(1).map(Vec::as_slice))?;
                self.inside = Some((name, writes));
                Ok(Reply::Text("OK".into()))
            }
            ("NSINFO", [name]) => {
                let info = shelves.info(&String::from_utf8_lossy(name))?;
                Ok(Reply::Bulk(Some(info.text().into_bytes())))
            }
            ("SET" | "GET" | "DEL" | "EXISTS" | "DBSIZE" | "LENGTH", _) if inside.is_none() => {
                // The namespace that every connection begins in is the node's own.
                error("Namespace protected and private")
            }
            ("SET", [key, _]) if key.len() > KEY_MAX => error("Key too large"),
            ("SET" | "DEL", [_, ..]) if inside.as_ref().is_some_and(|(_, writes)| !writes) => Err(No::ReadOnly),
            (word, arguments) => {
                let name = inside.map(|(name, _)| name).unwrap_or_default();
                match (word, arguments) {
                    ("SET", [key, value]) => shelves.put(&name, key, value).map(Reply::Bulk),
                    ("GET", [key]) => shelves.take(&name, key).map(Reply::Bulk),
                    ("EXISTS", [key]) => shelves.take(&name, key).map(|found| Reply::Number(found.is_some().into())),
                    ("LENGTH", [key]) => {
                        let length = |value: Vec<u8>| Reply::Number(i64::try_from(value.len()).unwrap_or(i64::MAX));
                        shelves.take(&name, key).map(|found| found.map_or(Reply::Bulk(None), length))
                    }
                    ("DEL", [key]) => Ok(match shelves.forget(&name, key)? {
                        true => Reply::Text("OK".into()),
                        false => Reply::Error("Key not found".into()),
                    }),
                    ("DBSIZE", []) => {
                        let entries = shelves.info(&name)?.entries;
                        Ok(Reply::Number(i64::try_from(entries).unwrap_or(i64::MAX)))
                    }
                    ("NSNEW" | "NSDEL" | "NSSET" | "NSLIST" | "RELOAD" | "FLUSH" | "STOP", _) => error("Permission denied"),
                    ("SELECT" | "NSINFO" | "SET" | "GET" | "DEL" | "EXISTS" | "DBSIZE" | "LENGTH", _) => {
                        error("Unexpected arguments")
                    }
                    _ => error("Command not supported"),
                }
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;
    use std::sync::Mutex;

    use proptest::collection::vec;
    use proptest::prelude::*;

    use super::super::client::{Zdb, ZdbError};
    use super::*;
    use crate::base::Secret;

    /// One namespace of each mode, both with the password `pw` and room for 20 bytes.
    #[derive(Default)]
    struct Cupboard(Mutex<BTreeMap<Place, Vec<u8>>>);

    /// A namespace, and a key in it.
    type Place = (String, Vec<u8>);

    impl Cupboard {
        fn mode(namespace: &str) -> Result<Mode, No> {
            match namespace {
                "user" => Ok(Mode::User),
                "seq" => Ok(Mode::Sequential),
                "dead" => Err(No::Power),
                _ => Err(No::Such),
            }
        }
    }

    impl Shelves for Cupboard {
        fn enter(&self, namespace: &str, password: Option<&[u8]>) -> Result<bool, No> {
            Self::mode(namespace)?;
            match password {
                Some(b"pw") => Ok(true),
                Some(_) => Err(No::Access),
                None if namespace == "user" => Ok(false),
                None => Err(No::Private),
            }
        }

        fn put(&self, namespace: &str, key: &[u8], value: &[u8]) -> Result<Option<Vec<u8>>, No> {
            let (mode, mut all) = (Self::mode(namespace)?, self.0.lock().unwrap());
            let known = all.contains_key(&(namespace.to_owned(), key.to_vec()));
            if !takes_key(mode, key, known) {
                return Err(No::Key);
            }
            if value.len() > 20 {
                return Err(No::Room);
            }
            let key = if key.is_empty() { sequential_key(u32::try_from(all.len()).unwrap()) } else { key.to_vec() };
            all.insert((namespace.to_owned(), key.clone()), value.to_vec());
            Ok(Some(key))
        }

        fn take(&self, namespace: &str, key: &[u8]) -> Result<Option<Vec<u8>>, No> {
            Self::mode(namespace)?;
            Ok(self.0.lock().unwrap().get(&(namespace.to_owned(), key.to_vec())).cloned())
        }

        fn forget(&self, namespace: &str, key: &[u8]) -> Result<bool, No> {
            Ok(self.0.lock().unwrap().remove(&(namespace.to_owned(), key.to_vec())).is_some())
        }

        fn info(&self, namespace: &str) -> Result<Info, No> {
            let (mode, all) = (Self::mode(namespace)?, self.0.lock().unwrap());
            let mine = || all.iter().filter(|((name, _), _)| name == namespace).map(|(_, value)| value.len() as u64);
            Ok(Info {
                name: namespace.into(),
                entries: mine().count() as u64,
                public: namespace == "user",
                password: true,
                used: mine().sum(),
                limit: 20,
                mode,
            })
        }
    }

    async fn visit() -> (Zdb, tokio::task::JoinHandle<()>) {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap();
        let serving = tokio::spawn(serve(listener, Arc::new(Cupboard::default())));
        (Zdb::connect(address, Duration::from_secs(5)).await.unwrap(), serving)
    }

    fn refused<T: std::fmt::Debug>(answer: Result<T, ZdbError>, words: &str) {
        match answer {
            Err(ZdbError::Refused(why)) => assert!(why.contains(words), "{why}"),
            other => panic!("not refused for “{words}”: {other:?}"),
        }
    }

    #[tokio::test]
    async fn whoever_has_the_password_keeps_things_and_gets_them_back() {
        let (mut zdb, _serving) = visit().await;
        let password = Secret::from("pw");
        zdb.ping().await.unwrap();
        refused(zdb.get(b"x", 20).await, "private");
        refused(zdb.select("user", &Secret::from("wrong")).await, "Access denied");
        refused(zdb.select("other", &password).await, "not found");
        refused(zdb.select(&"n".repeat(200), &password).await, "too long");
        zdb.select("user", &password).await.unwrap();
        assert_eq!(zdb.set(b"key", b"a value").await.unwrap().unwrap(), b"key");
        assert_eq!(zdb.get(b"key", 20).await.unwrap().unwrap(), b"a value");
        assert_eq!(zdb.get(b"other", 20).await.unwrap(), None);
        refused(zdb.set(b"", b"nameless").await, "Invalid key");
        refused(zdb.set(b"large", &[7; 21]).await, "No space left");
        refused(zdb.set(&[1; 256], b"x").await, "Key too large");
        assert_eq!(zdb.info("user").await.unwrap().used, 7);
        zdb.delete(b"key").await.unwrap();
        zdb.delete(b"key").await.unwrap();
        assert_eq!(zdb.info("user").await.unwrap().entries, 0);
    }

    #[tokio::test]
    async fn a_store_that_numbers_its_entries_makes_the_keys_itself() {
        let (mut zdb, _serving) = visit().await;
        zdb.select("seq", &Secret::from("pw")).await.unwrap();
        assert_eq!(zdb.set(b"", b"first").await.unwrap().unwrap(), [0, 0, 0, 0]);
        let second = zdb.set(b"", &[0, 13, 10, 255]).await.unwrap().unwrap();
        assert_eq!(second, [1, 0, 0, 0]);
        assert_eq!(zdb.get(&second, 20).await.unwrap().unwrap(), [0, 13, 10, 255], "bytes are bytes");
        refused(zdb.set(b"mine", b"x").await, "Invalid key");
        assert_eq!(zdb.set(&second, b"anew").await.unwrap().unwrap(), second, "an old one may be changed");
    }

    /// A store that answers everything the same.
    async fn liar(answer: Vec<u8>) -> Zdb {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap();
        tokio::spawn(async move {
            let (mut line, _) = listener.accept().await.unwrap();
            let mut asked = [0; 100];
            let _size = line.read(&mut asked).await;
            let _cut = line.write_all(&answer).await;
            let _until_it_hangs_up = line.read(&mut asked).await;
        });
        Zdb::connect(address, Duration::from_secs(5)).await.unwrap()
    }

    #[tokio::test]
    async fn a_store_that_talks_on_and_on_is_not_listened_to() {
        let long = |size: usize| reply(&Reply::Bulk(Some(vec![b'x'; size])));
        let half = |size: usize| long(size)[..size / 2].to_vec();
        assert_eq!(liar(half(1 << 20)).await.info("x").await, Err(ZdbError::Nonsense), "before all of it is here");
        assert_eq!(liar(half(1 << 20)).await.get(b"x", 1000).await, Err(ZdbError::Nonsense));
        assert_eq!(liar(long(1000)).await.get(b"x", 1000).await, Ok(Some(vec![b'x'; 1000])));
    }

    #[tokio::test]
    async fn one_that_is_off_is_not_heard_of_and_strangers_may_not_write() {
        let (mut zdb, _serving) = visit().await;
        assert!(matches!(zdb.select("dead", &Secret::from("pw")).await, Err(ZdbError::Away(_))));
        let (mut reader, _serving) = visit().await;
        assert_eq!(reader.ask(&["SELECT", "user"]).await, Ok(Reply::Text("OK".into())));
        refused(reader.set(b"key", b"value").await, "read-only");
        refused(reader.ask(&["NSNEW", "mine"]).await, "Permission denied");
        refused(reader.ask(&["SELECT"]).await, "Unexpected arguments");
        refused(reader.ask(&["COMMAND", "DOCS"]).await, "not supported");
        assert_eq!(reader.ask(&["exists", "key"]).await, Ok(Reply::Number(0)));
        refused(reader.ask(&["SELECT", "seq"]).await, "private");
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(64))]
        #[test]
        fn noise_ends_a_conversation_and_never_the_server(noise in vec(any::<u8>(), 0..300), split in 0usize..300) {
            let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
            runtime.block_on(async {
                let (mut ours, theirs) = tokio::io::duplex(1 << 16);
                let cupboard = Cupboard::default();
                let talking = session(theirs, &cupboard);
                let speaking = async {
                    let split = split.min(noise.len());
                    ours.write_all(&noise[..split]).await.ok();
                    ours.write_all(&noise[split..]).await.ok();
                    ours.shutdown().await.ok();
                    let mut said = Vec::new();
                    ours.read_to_end(&mut said).await.ok();
                };
                let _ended = tokio::join!(talking, speaking);
            });
        }
    }
}
