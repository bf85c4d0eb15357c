//! On what ground we stand: which runtime the chain runs, which of its nodes can be believed, whether we are known.

use std::time::Duration;

use super::Block;
use super::tfgrid::{Tfgrid, chain_error};
use crate::base::time::MINUTE;
use crate::base::{Error, Result};
use crate::wire::tfchain::Standing;

/// A finalized block older than this is old: a hundred should have come since.
const OLD: Duration = Duration::from_secs(10 * MINUTE.as_secs());
/// So long, by the real time, it must stay so: after a leap of the clock the built-in chain needs a moment.
const STAYS_OLD: Duration = Duration::from_secs(2);

/// What the chain runs, and what is thought of its nodes.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Footing {
    pub spec_name: String,
    pub spec_version: u32,
    /// What we need and this runtime lacks. While there is anything, nothing is signed.
    pub lacking: Vec<String>,
    /// Its newest finalized block is old, and stays so.
    pub stands_still: bool,
    /// All nodes that are set.
    pub endpoints: Vec<Endpoint>,
}

/// One node of the chain.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Endpoint {
    pub url: String,
    /// What is wrong with it, as the second half of a sentence.
    pub wrong: Option<String>,
}

impl Footing {
    /// Whether what the chain says is compared between at least two nodes.
    pub fn compares(&self) -> bool {
        self.endpoints.len() > 1
    }
}

impl Tfgrid {
    /// Looks whether the runtime was changed, and what was last thought of the nodes.
    pub async fn footing(&self, head: &Block) -> Result<Footing> {
        let chain = self.chain.get().await?;
        let stands_still = chain.stands_still(head.number, self.clock.now().since(head.at) > OLD) > STAYS_OLD;
        chain.refresh().await.map_err(chain_error)?;
        let runtime = chain.runtime();
        let lacking = chain.missing();
        Ok(Footing {
            spec_name: runtime.spec_name,
            spec_version: runtime.spec_version,
            lacking,
            stands_still,
            endpoints: self.endpoints(),
        })
    }

    /// What was last thought of the nodes; nothing is asked.
    pub fn endpoints(&self) -> Vec<Endpoint> {
        let compared = self.chain.client.get().map(|chain| chain.endpoints()).unwrap_or_default();
        let wrong = |standing: &Standing| match standing {
            Standing::NotAsked | Standing::Agrees => None,
            Standing::Silent(why) => Some(format!("does not answer ({why})")),
            Standing::OtherChain => Some("is a node of another chain".into()),
            Standing::Differs { number } => Some(format!("has another block {number} than the others")),
            Standing::Behind { blocks } => Some(format!("is {blocks} blocks behind the others")),
        };
        self.chain
            .urls
            .iter()
            .map(|url| {
                let known = compared.iter().find(|endpoint| endpoint.url == *url);
                Endpoint { url: url.clone(), wrong: known.and_then(|endpoint| wrong(&endpoint.standing)) }
            })
            .collect()
    }

    /// The chain itself: hex of its first block's hash. None if whoever answers is on another chain than these books.
    pub async fn genesis(&self) -> Result<Option<String>> {
        let told = async { self.chain.connected().await?.genesis().await };
        match told.await {
            Ok(hash) => Ok(Some(hex::encode(hash))),
            Err(crate::wire::tfchain::Error::OtherChain) => Ok(None),
            Err(error) => Err(chain_error(error)),
        }
    }

    /// Whether nodes will take a deployment of this twin. None if no identity service is set.
    pub async fn is_verified(&self, twin: u32) -> Result<Option<bool>> {
        let Some(identity) = &self.identity else { return Ok(None) };
        let answer = identity.is_verified(twin).await;
        answer.map(Some).map_err(|cause| Error::unavailable("The identity service does not answer.").because(cause))
    }
}
