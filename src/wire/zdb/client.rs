//! Asks a 0-db: one connection, one question after the other.

use std::fmt;
use std::net::SocketAddr;
use std::time::Duration;

use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;
use tokio::time::timeout;

use super::codec::{command, read_reply};
use super::types::{Info, Reply};
use crate::base::Secret;

/// More than anything but a value takes to be said.
const WORDS_MAX: usize = 8 << 10;

/// Why there is no answer, or not the wanted one.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum ZdbError {
    /// Not reached, or not heard of in time: whether it did what it was asked is not known.
    Away(String),
    /// It said no.
    Refused(String),
    /// What it said is not an answer to what it was asked.
    Nonsense,
}

impl fmt::Display for ZdbError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            ZdbError::Away(why) => write!(f, "the store is not reached: {why}"),
            ZdbError::Refused(why) => write!(f, "the store refused: {why}"),
            ZdbError::Nonsense => f.write_str("the store says something that is no answer"),
        }
    }
}

impl std::error::Error for ZdbError {}

fn away(error: std::io::Error) -> ZdbError {
    ZdbError::Away(error.to_string())
}

/// A connection to one store.
pub struct Zdb {
    stream: TcpStream,
    /// What was received and not read yet.
    rest: Vec<u8>,
    /// For each question.
    patience: Duration,
}

impl Zdb {
    pub async fn connect(address: SocketAddr, patience: Duration) -> Result<Zdb, ZdbError> {
        let stream = timeout(patience, TcpStream::connect(address)).await.map_err(|_| late())?.map_err(away)?;
        stream.set_nodelay(true).map_err(away)?;
        Ok(Zdb { stream, rest: Vec::new(), patience })
    }

    pub(super) async fn ask<B: AsRef<[u8]>>(&mut self, parts: &[B]) -> Result<Reply, ZdbError> {
        self.ask_for(parts, WORDS_MAX).await
    }

    /// Asks, and takes an answer of so many bytes at most.
    async fn ask_for<B: AsRef<[u8]>>(&mut self, parts: &[B], most: usize) -> Result<Reply, ZdbError> {
        let patience = self.patience;
        match timeout(patience, self.exchange(parts, most)).await {
            Ok(Ok(Reply::Error(why))) => Err(ZdbError::Refused(why)),
            Ok(answer) => answer,
            Err(_) => Err(late()),
        }
    }

    async fn exchange<B: AsRef<[u8]>>(&mut self, parts: &[B], most: usize) -> Result<Reply, ZdbError> {
        self.stream.write_all(&command(parts)).await.map_err(away)?;
        loop {
            if let Some((reply, length)) = read_reply(&self.rest).map_err(|_| ZdbError::Nonsense)? {
                self.rest.drain(..length);
                return Ok(reply);
            }
            if self.rest.len() > most {
                return Err(ZdbError::Nonsense);
            }
            if self.stream.read_buf(&mut self.rest).await.map_err(away)? == 0 {
                return Err(ZdbError::Away("it hung up".into()));
            }
        }
    }

    pub async fn ping(&mut self) -> Result<(), ZdbError> {
        self.ask(&["PING"]).await.map(drop)
    }

    /// Goes to a namespace. What is asked from now on is asked of it.
    pub async fn select(&mut self, namespace: &str, password: &Secret<String>) -> Result<(), ZdbError> {
        match self.ask(&["SELECT", namespace, password.reveal()]).await? {
            Reply::Text(_) => Ok(()),
            _ => Err(ZdbError::Nonsense),
        }
    }

    /// Keeps a value, and gives its key. A store that numbers its entries wants an empty key for a new one. None: it had the very
    /// same value already.
    pub async fn set(&mut self, key: &[u8], value: &[u8]) -> Result<Option<Vec<u8>>, ZdbError> {
        match self.ask(&[b"SET", key, value]).await? {
            Reply::Bulk(key) => Ok(key),
            _ => Err(ZdbError::Nonsense),
        }
    }

    /// The value of a key, which has so many bytes at most.
    pub async fn get(&mut self, key: &[u8], most: usize) -> Result<Option<Vec<u8>>, ZdbError> {
        match self.ask_for(&[b"GET", key], most.saturating_add(WORDS_MAX)).await? {
            Reply::Bulk(value) => Ok(value),
            _ => Err(ZdbError::Nonsense),
        }
    }

    /// Forgets an entry. One that is not there is as good as forgotten.
    pub async fn delete(&mut self, key: &[u8]) -> Result<(), ZdbError> {
        match self.ask(&[b"DEL", key]).await {
            Ok(Reply::Text(_) | Reply::Number(_) | Reply::Bulk(None)) => Ok(()),
            Err(ZdbError::Refused(why)) if why.contains("not found") => Ok(()),
            Ok(_) => Err(ZdbError::Nonsense),
            Err(error) => Err(error),
        }
    }

    pub async fn info(&mut self, namespace: &str) -> Result<Info, ZdbError> {
        match self.ask(&["NSINFO", namespace]).await? {
            Reply::Bulk(Some(text)) => {
                let text = String::from_utf8(text).map_err(|_| ZdbError::Nonsense)?;
                Info::parse(&text).filter(|info| info.name == namespace).ok_or(ZdbError::Nonsense)
            }
            _ => Err(ZdbError::Nonsense),
        }
    }
}

fn late() -> ZdbError {
    ZdbError::Away("no answer in time".into())
}
