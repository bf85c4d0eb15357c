//! Which runtime the chain runs, and ran: learnt at one block, so that what is read there is read in its own words.

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use serde::Deserialize;
use serde_json::json;

use super::client::{ChainClient, Error, Result, forgotten};
use super::codec::Codec;
use super::panel::{Head, Panel, told};
use super::rpc::{Nodes, fixed, text, unhex};
use super::types::{Hash, Runtime};

/// Old runtimes that are remembered.
const PAST: usize = 4;

/// A runtime, and how to speak with it.
pub(super) struct Known {
    pub(super) runtime: Runtime,
    pub(super) codec: Arc<Codec>,
    /// Whether the codec is this runtime's. Else it is that of the one before, as far as it goes; events are not read with it.
    pub(super) fits: bool,
    /// What we need and it lacks.
    pub(super) missing: Vec<String>,
    /// The block that it was learnt at, if two nodes told it alike there, or there is but one.
    pub(super) sure: Option<u32>,
}

/// How the events of a block are told.
#[derive(Clone)]
pub struct Words(pub(super) Arc<Known>);

impl Words {
    /// Whether they are told the same way: by one runtime.
    pub fn same(&self, other: &Words) -> bool {
        self.0.runtime.spec_version == other.0.runtime.spec_version
    }
}

#[derive(PartialEq, Deserialize)]
#[serde(rename_all = "camelCase")]
struct Version {
    spec_name: String,
    spec_version: u32,
    transaction_version: u32,
}

impl ChainClient {
    /// As read last: at start, at each `refresh`, and before signing if the node has moved on since.
    pub fn runtime(&self) -> Runtime {
        self.known().runtime.clone()
    }

    /// What we use and the live runtime lacks. While there is anything, nothing is signed.
    pub fn missing(&self) -> Vec<String> {
        self.known().missing.clone()
    }

    /// Looks whether the runtime was upgraded, and learns the new one. What can't be learned is missing; reading goes on. All of it
    /// at the newest block that is vouched for, by the word of two nodes where there are two: what one alone says lasts for
    /// nothing. What could not be read is read anew each time.
    pub async fn refresh(&self) -> Result<()> {
        let head = self.head().await?;
        let version: Version = self.told("state_getRuntimeVersion", json!([text(&head.hash)])).await?;
        let known = self.known();
        let same = (version.spec_version, version.transaction_version) == (known.runtime.spec_version, known.runtime.tx_version);
        if same && known.fits && known.sure.is_some() {
            return Ok(());
        }
        self.relearn(version, head).await
    }

    /// How the events of a block are told: by the runtime that its parent left. Where what the parent was like is forgotten the
    /// block itself tells, unless the change was in that very block.
    pub async fn words(&self, parent: Hash, block: Hash) -> Result<Words> {
        match self.known_at(parent).await {
            Err(error) if forgotten(&error) => self.known_at(block).await,
            told => told,
        }
        .map(Words)
    }

    async fn known_at(&self, block: Hash) -> Result<Arc<Known>> {
        let version: Version = self.nodes.ask("state_getRuntimeVersion", json!([text(&block)])).await?;
        let now = self.known();
        if version.spec_version == now.runtime.spec_version {
            return Ok(now);
        }
        if let Some(known) = locked(&self.past).iter().find(|known| known.runtime.spec_version == version.spec_version) {
            return Ok(known.clone());
        }
        let learned = Arc::new(learn(&self.nodes, None, Some(block)).await?);
        self.remember(learned.clone());
        Ok(learned)
    }

    fn remember(&self, known: Arc<Known>) {
        let mut past = locked(&self.past);
        past.push_back(known);
        while past.len() > PAST {
            past.pop_front();
        }
    }

    pub(super) fn known(&self) -> Arc<Known> {
        self.known.read().unwrap_or_else(PoisonError::into_inner).clone()
    }

    async fn relearn(&self, version: Version, at: Head) -> Result<()> {
        let sure = Some(at.number);
        let fresh = match learn(&self.nodes, self.panel.as_ref(), Some(at.hash)).await {
            Ok(fresh) => Known { sure, ..fresh },
            // What the new one says of itself can't be read. What is stored may be read as before, as far as it goes.
            Err(Error::UnknownRuntime(why)) => {
                let before = self.known();
                Known {
                    runtime: Runtime {
                        spec_name: version.spec_name,
                        spec_version: version.spec_version,
                        tx_version: version.transaction_version,
                        genesis: before.runtime.genesis,
                    },
                    codec: before.codec.clone(),
                    fits: false,
                    missing: vec![why],
                    sure,
                }
            }
            Err(other) => return Err(other),
        };
        let mut known = self.known.write().unwrap_or_else(PoisonError::into_inner);
        // Somebody else has looked at a newer block meanwhile.
        if known.sure > sure {
            return Ok(());
        }
        let before = std::mem::replace(&mut *known, Arc::new(fresh));
        if before.fits && before.sure.is_some() {
            self.remember(before);
        }
        Ok(())
    }
}

/// The runtime at a block, by the word of two nodes where a panel is given; without a block that of the newest finalized one, by
/// the word of the node at hand.
pub(super) async fn learn(nodes: &Nodes, panel: Option<&Panel>, at: Option<Hash>) -> Result<Known> {
    let at = match at {
        Some(at) => text(&at),
        None => nodes.ask("chain_getFinalizedHead", json!([])).await?,
    };
    let version: Version = told(nodes, panel, "state_getRuntimeVersion", json!([at])).await?;
    let genesis: String = nodes.ask("chain_getBlockHash", json!([0])).await?;
    let metadata: String = told(nodes, panel, "state_getMetadata", json!([at])).await?;
    let codec = Codec::new(&unhex(&metadata)?).map_err(|error| Error::UnknownRuntime(error.to_string()))?;
    // Between two questions somebody else may have come to answer.
    if codec.spec_version().is_some_and(|spec| spec != version.spec_version) {
        return Err(Error::Unavailable("the node tells of two runtimes at one block".into()));
    }
    let runtime = Runtime {
        spec_name: version.spec_name,
        spec_version: version.spec_version,
        tx_version: version.transaction_version,
        genesis: fixed(&genesis)?,
    };
    let missing = codec.missing();
    Ok(Known { runtime, codec: Arc::new(codec), fits: true, missing, sure: None })
}

pub(super) fn locked<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}
