//! Connections to nodes of one chain: one request, one answer, one deadline; another node when the one at hand is gone.

use std::collections::BTreeSet;
use std::sync::{Mutex as Lock, MutexGuard, OnceLock, PoisonError};
use std::time::Duration;

use serde::Deserialize;
use serde::de::DeserializeOwned;
use subxt_rpcs::client::{RpcClient, RpcParams};
use tokio::sync::Mutex;
use tokio::time::timeout;

use super::client::{Error, Result};
use super::types::Hash;

#[derive(Debug, Clone, Copy)]
pub struct Timeouts {
    /// For one node to accept a connection.
    pub connect: Duration,
    /// For one request to be answered.
    pub request: Duration,
}

impl Default for Timeouts {
    fn default() -> Self {
        Timeouts { connect: Duration::from_secs(5), request: Duration::from_secs(15) }
    }
}

/// The nodes of one chain, one of them connected.
pub(super) struct Nodes {
    pub(super) urls: Vec<String>,
    pub(super) timeouts: Timeouts,
    /// The connection, and whose turn it is.
    pub(super) current: Mutex<(Option<RpcClient>, usize)>,
    /// The first block of the chain in question, once it is known: nobody is connected to who has another one.
    genesis: OnceLock<Hash>,
    /// Those who were found on a fork or on another chain, by their places: nobody is connected to them.
    shunned: Lock<BTreeSet<usize>>,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct Header {
    number: String,
    parent_hash: String,
}

pub(super) enum Fault {
    /// The node answered with an error.
    Refused {
        code: i32,
        reason: String,
    },
    /// The connection is no good any more.
    Broken(String),
    /// The deadline is over; asking another node would only double it.
    Late,
    Nonsense(String),
    OtherChain,
}

impl From<Fault> for Error {
    fn from(fault: Fault) -> Self {
        match fault {
            Fault::Refused { reason, .. } | Fault::Broken(reason) => Error::Unavailable(reason),
            Fault::Late => late(),
            Fault::Nonsense(what) => Error::Decode(what),
            Fault::OtherChain => Error::OtherChain,
        }
    }
}

impl Nodes {
    pub(super) fn new(urls: &[String], timeouts: Timeouts) -> Self {
        Nodes {
            urls: urls.to_vec(),
            timeouts,
            current: Mutex::new((None, 0)),
            genesis: OnceLock::new(),
            shunned: Lock::default(),
        }
    }

    /// Over a transport of the caller's: there is no other.
    pub(super) fn over(rpc: RpcClient, timeouts: Timeouts) -> Self {
        let current = Mutex::new((Some(rpc), 0));
        Nodes { urls: vec![], timeouts, current, genesis: OnceLock::new(), shunned: Lock::default() }
    }

    /// From the next connection on only nodes of this chain are asked.
    pub(super) fn expect(&self, genesis: Hash) {
        let _known = self.genesis.set(genesis);
    }

    /// From now on asks one of these nodes, by their places; stays where it is if it asks one of them already.
    pub(super) async fn steer(&self, to: &[usize]) {
        let mut current = self.current.lock().await;
        let at = self.place(current.1);
        if let Some(first) = to.first().filter(|_| !to.contains(&at)) {
            *current = (None, *first);
        }
    }

    /// The place of the node at hand.
    pub(super) async fn at_hand(&self) -> usize {
        self.place(self.current.lock().await.1)
    }

    fn place(&self, turn: usize) -> usize {
        turn.checked_rem(self.urls.len()).unwrap_or(0)
    }

    pub(super) fn shunned(&self) -> MutexGuard<'_, BTreeSet<usize>> {
        self.shunned.lock().unwrap_or_else(PoisonError::into_inner)
    }

    pub(super) async fn ask<T: DeserializeOwned>(&self, method: &str, params: serde_json::Value) -> Result<T> {
        Ok(self.try_ask(method, params).await?)
    }

    /// Asks the connected node; if it is gone, once more whichever answers then. All our requests may be repeated.
    pub(super) async fn try_ask<T: DeserializeOwned>(
        &self,
        method: &str,
        params: serde_json::Value,
    ) -> std::result::Result<T, Fault> {
        match self.ask_once(method, &params).await {
            Err(Fault::Broken(_)) if !self.urls.is_empty() => self.ask_once(method, &params).await,
            answer => answer,
        }
    }

    async fn ask_once<T: DeserializeOwned>(&self, method: &str, params: &serde_json::Value) -> std::result::Result<T, Fault> {
        // Others may be connecting already: waiting for them has the same deadline.
        let connected = timeout(self.timeouts.request, self.connected()).await.map_err(|_| Fault::Late)?;
        let (rpc, turn) = connected.map_err(|error| match error {
            Error::OtherChain => Fault::OtherChain,
            error => Fault::Broken(error.to_string()),
        })?;
        let mut arguments = RpcParams::new();
        for param in params.as_array().into_iter().flatten() {
            arguments.push(param).map_err(|error| Fault::Nonsense(error.to_string()))?;
        }
        let fault = match timeout(self.timeouts.request, rpc.request(method, arguments)).await {
            Ok(Ok(answer)) => return Ok(answer),
            Ok(Err(subxt_rpcs::Error::User(error))) => {
                let detail = error.data.map(|data| format!(": {}", data.get().trim_matches('"'))).unwrap_or_default();
                return Err(Fault::Refused { code: error.code, reason: format!("{}{detail}", error.message) });
            }
            // A node that talks nonsense is as good as gone.
            Ok(Err(subxt_rpcs::Error::Deserialization(error))) => Fault::Broken(format!("{method}: {error}")),
            Ok(Err(error)) => Fault::Broken(error.to_string()),
            Err(_) => Fault::Late,
        };
        self.forget(turn).await;
        Err(fault)
    }

    /// The connection and its turn, made anew if there is none: each node is tried once, beginning with the one whose turn it is;
    /// those that were found to be false are passed over.
    pub(super) async fn connected(&self) -> Result<(RpcClient, usize)> {
        let mut current = self.current.lock().await;
        if let (Some(rpc), turn) = &*current {
            return Ok((rpc.clone(), *turn));
        }
        let mut last = Error::Unavailable("no address of a node is set".into());
        let mut foreign = 0;
        for _ in 0..self.urls.len() {
            let place = self.place(current.1);
            if self.shunned().contains(&place) {
                current.1 = current.1.wrapping_add(1);
                continue;
            }
            match timeout(self.timeouts.connect, self.open(&self.urls[place])).await {
                Ok(Ok(rpc)) => {
                    current.0 = Some(rpc.clone());
                    return Ok((rpc, current.1));
                }
                Ok(Err(Error::OtherChain)) => foreign += 1,
                Ok(Err(error)) => last = error,
                Err(_) => last = late(),
            }
            current.1 = current.1.wrapping_add(1);
        }
        // While one of them says nothing, it may be the right one.
        Err(if foreign > 0 && foreign == self.urls.len() { Error::OtherChain } else { last })
    }

    async fn open(&self, url: &str) -> Result<RpcClient> {
        let failed = |error: subxt_rpcs::Error| Error::Unavailable(format!("{url}: {error}"));
        let rpc = RpcClient::from_insecure_url(url).await.map_err(failed)?;
        if let Some(expected) = self.genesis.get() {
            let mut first = RpcParams::new();
            first.push(0).map_err(failed)?;
            let told: Option<String> = rpc.request("chain_getBlockHash", first).await.map_err(failed)?;
            if told.as_deref().map(fixed).transpose()? != Some(*expected) {
                return Err(Error::OtherChain);
            }
        }
        Ok(rpc)
    }

    /// Drops the connection of `turn`, unless somebody else did and there is a new one already.
    /// An injected transport is kept: there is no other.
    pub(super) async fn forget(&self, turn: usize) {
        let mut current = self.current.lock().await;
        if !self.urls.is_empty() && current.1 == turn {
            *current = (None, turn.wrapping_add(1));
        }
    }
}

impl Header {
    pub(super) fn number(&self) -> Result<u32> {
        let digits = self.number.strip_prefix("0x").unwrap_or(&self.number);
        u32::from_str_radix(digits, 16).map_err(|_| Error::Decode("a block number".into()))
    }

    pub(super) fn parent(&self) -> Result<Hash> {
        fixed(&self.parent_hash)
    }
}

pub(super) fn late() -> Error {
    Error::Unavailable("no answer in time".into())
}

pub(super) fn text(bytes: &[u8]) -> String {
    format!("0x{}", hex::encode(bytes))
}

pub(super) fn unhex(text: &str) -> Result<Vec<u8>> {
    hex::decode(text.strip_prefix("0x").unwrap_or(text)).map_err(|_| Error::Unavailable("the node answers nonsense".into()))
}

pub(super) fn fixed(text: &str) -> Result<Hash> {
    unhex(text)?.try_into().map_err(|_| Error::Unavailable("the node answers nonsense for a hash".into()))
}
