//! A client of one chain over any of its nodes. Every call has a deadline; nothing here retries for ever.

use std::collections::{BTreeSet, VecDeque};
use std::sync::{Arc, Mutex, RwLock};
use std::time::Duration;

use parity_scale_codec::{Decode, Encode};
use scale_value::Value;
use serde::Deserialize;
use serde::de::DeserializeOwned;
use serde_json::json;
use subxt_rpcs::client::{RpcClient, RpcParams, RpcSubscription};
use tokio::time::{Instant, timeout};

use super::codec::{CodecError, blake2_128, blake2_256, malformed, storage_prefix};
use super::panel::{Endpoint, Head, Panel, told};
use super::read;
pub use super::rpc::Timeouts;
use super::rpc::{Fault, Header, Nodes, fixed, late, text, unhex};
use super::runtime::{Known, Words, learn, locked};
use super::types::{
    Balances, Block, Call, Contract, ContractState, Event, EventRecord, Hash, Node, Outcome, PricingPolicy, SignedCall, TftPrice,
    Twin,
};
use crate::base::Time;
use crate::wire::key::{AccountId, KeyPair};

/// Errors by what the caller can do about them.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// No node answered in time, or it could not say. Whether a submitted extrinsic arrived is unknown: ask `outcome`.
    #[error("the chain is out of reach: {0}")]
    Unavailable(String),
    /// The node refused an extrinsic. It may still have been included before: ask `outcome`.
    #[error("the chain refused: {reason}")]
    Rejected { reason: String },
    #[error("the chain's answer makes no sense: {0}")]
    Decode(String),
    /// The live runtime lacks something we need.
    #[error("the chain runs a runtime that this program does not know: {0}")]
    UnknownRuntime(String),
    /// Every node that is set is a node of another chain.
    #[error("another chain answers")]
    OtherChain,
}

pub type Result<T> = std::result::Result<T, Error>;

/// How nodes say that they no longer have the state of a block (`paritytech/polkadot-sdk`: sc-client-db, sc-rpc).
const FORGOTTEN: [&str; 3] = ["State already discarded", "UnknownBlock", "unknown block"];

/// Nodes whose owners took them out of billing: a map that runtimes after spec 149 have (`threefoldtech/tfchain: pallet-tfgrid`).
const OPT_OUT: (&str, &str) = ("TfgridModule", "NodeV3BillingOptOut");
/// Keys of a map that are asked for at once: as many as nodes give.
const KEYS_AT_ONCE: u32 = 500;
/// Hashes of blocks that are asked for at once.
const HASHES_AT_ONCE: usize = 500;

/// Whether an error says that the state of a block is no longer kept.
pub fn forgotten(error: &Error) -> bool {
    let said = error.to_string();
    FORGOTTEN.iter().any(|words| said.contains(words))
}

impl From<CodecError> for Error {
    fn from(error: CodecError) -> Self {
        match error {
            CodecError::Missing(_) => Error::UnknownRuntime(error.to_string()),
            CodecError::Malformed(_) => Error::Decode(error.to_string()),
        }
    }
}

pub struct ChainClient {
    pub(super) nodes: Nodes,
    /// The same nodes one by one, to be compared. None if there is but one.
    pub(super) panel: Option<Panel>,
    pub(super) known: RwLock<Arc<Known>>,
    /// Runtimes before the one that runs now, for the events of old blocks: the newest at the end.
    pub(super) past: Mutex<VecDeque<Arc<Known>>>,
    /// The newest finalized block that was ever told: what was final stays final.
    last: Mutex<Option<Head>>,
    /// Since when every look has found this very block the newest, and old.
    old_since: Mutex<Option<(u32, Instant)>>,
}

#[derive(Deserialize)]
struct ChangeSet {
    changes: Vec<(String, Option<String>)>,
}

#[derive(Deserialize)]
struct SignedBlock {
    block: BlockBody,
}

#[derive(Deserialize)]
struct BlockBody {
    extrinsics: Vec<String>,
}

impl ChainClient {
    /// Connects to the first of `urls` that answers; the others are for when it no longer does, and to compare it with: where
    /// there are two or more, the finalized block that everything is read at is one that two of them vouch for.
    pub async fn connect(urls: &[String], timeouts: Timeouts) -> Result<Self> {
        Self::connect_to(urls, timeouts, None).await
    }

    /// The same, to the chain with this first block and to no other. Where it is not given, it is whatever chain answers, or
    /// of several nodes the one that two of them are on; from then on it is that one alone.
    pub async fn connect_to(urls: &[String], timeouts: Timeouts, genesis: Option<Hash>) -> Result<Self> {
        let (nodes, panel) = (Nodes::new(urls, timeouts), Panel::of(urls));
        genesis.into_iter().for_each(|genesis| nodes.expect(genesis));
        let mut head = None;
        if let Some(panel) = &panel {
            genesis.into_iter().for_each(|genesis| panel.expect(genesis));
            head = match panel.agreed(&nodes).await {
                Err(error) if genesis.is_none() => return Err(error),
                agreed => agreed.ok(),
            };
        }
        Self::start(nodes, panel, head).await
    }

    /// Over a transport of the caller's: tests plug the client straight into a server.
    pub async fn over(rpc: RpcClient, timeouts: Timeouts) -> Result<Self> {
        Self::start(Nodes::over(rpc, timeouts), None, None).await
    }

    /// Where nobody vouches for a block yet, the runtime is what the node at hand says, until the first `refresh`.
    async fn start(nodes: Nodes, panel: Option<Panel>, head: Option<Head>) -> Result<Self> {
        let mut known = learn(&nodes, panel.as_ref().filter(|_| head.is_some()), head.map(|head| head.hash)).await?;
        known.sure = if panel.is_none() { Some(0) } else { head.map(|head| head.number) };
        nodes.expect(known.runtime.genesis);
        panel.iter().for_each(|panel| panel.expect(known.runtime.genesis));
        let known = RwLock::new(Arc::new(known));
        let (past, last, old_since) = (Mutex::default(), Mutex::default(), Mutex::default());
        Ok(ChainClient { nodes, panel, known, past, last, old_since })
    }

    /// The chain itself, by its first block: asked, so that one hears of it if another chain answers now.
    pub async fn genesis(&self) -> Result<Hash> {
        fixed(&self.nodes.ask::<String>("chain_getBlockHash", json!([0])).await?)
    }

    /// What was last thought of each node; empty if there is but one.
    pub fn endpoints(&self) -> Vec<Endpoint> {
        self.panel.as_ref().map(Panel::endpoints).unwrap_or_default()
    }

    /// The newest finalized block; where there are several nodes, the newest that two of them vouch for. What concerns money is
    /// read at this block.
    pub async fn finalized(&self) -> Result<Block> {
        let head = self.head().await?;
        Ok(Block { number: head.number, hash: head.hash, time: self.time_of(head.hash).await? })
    }

    /// The newest finalized block, as vouched for. It never goes back.
    pub(super) async fn head(&self) -> Result<Head> {
        let told = match &self.panel {
            Some(panel) => panel.agreed(&self.nodes).await?,
            None => {
                let hash = fixed(&self.nodes.ask::<String>("chain_getFinalizedHead", json!([])).await?)?;
                Head { number: self.number_of(hash).await?, hash }
            }
        };
        onwards(&mut locked(&self.last), told)
    }

    /// For how long, by the real time, every look has found this one block the newest, and old; nothing if it is not old. After a
    /// leap of the clock whoever makes blocks by it needs a moment.
    pub fn stands_still(&self, number: u32, old: bool) -> Duration {
        let mut since = locked(&self.old_since);
        *since = match *since {
            _ if !old => None,
            Some((same, since)) if same == number => Some((same, since)),
            _ => Some((number, Instant::now())),
        };
        since.map_or(Duration::ZERO, |(_, since)| since.elapsed())
    }

    pub async fn block(&self, hash: Hash) -> Result<Block> {
        Ok(Block { number: self.number_of(hash).await?, hash, time: self.time_of(hash).await? })
    }

    async fn time_of(&self, hash: Hash) -> Result<Time> {
        let time = match self.raw("Timestamp", "Now", &[], Some(hash)).await? {
            Some(bytes) => u64::decode(&mut bytes.as_slice()).map_err(|error| Error::Decode(error.to_string()))?,
            None => 0,
        };
        Ok(Time::from_ms(i64::try_from(time).unwrap_or(i64::MAX)))
    }

    /// None if the chain is not that long, or the node has forgotten so old a block.
    pub async fn block_hash(&self, number: u32) -> Result<Option<Hash>> {
        let hash: Option<String> = self.nodes.ask("chain_getBlockHash", json!([number])).await?;
        hash.as_deref().map(fixed).transpose()
    }

    /// The hashes of blocks `from..=to` on the chain that leads to `head`, by one word of one node: who does not have that very
    /// block is not believed of those before it. None for blocks that the node has forgotten.
    pub async fn hashes(&self, from: u32, to: u32, head: (u32, Hash)) -> Result<Vec<Option<Hash>>> {
        let numbers: Vec<u32> = (from..=to).collect();
        let mut hashes = Vec::with_capacity(numbers.len());
        for some in numbers.chunks(HASHES_AT_ONCE) {
            hashes.extend(told_hashes(&self.nodes, some, head).await?);
        }
        Ok(hashes)
    }

    /// Whether the events of a block can still be had, from any node that vouches for `head`: that one is asked from here on. It is
    /// forgotten if all of them say so; of one that does not answer nothing is known.
    pub async fn keeps(&self, block: u32, head: (u32, Hash)) -> Result<bool> {
        if self.kept_by(&self.nodes, block, head).await? {
            return Ok(true);
        }
        let Some(panel) = &self.panel else { return Ok(false) };
        for place in panel.vouching() {
            if self.kept_by(&panel.members[place], block, head).await? {
                self.nodes.steer(&[place]).await;
                return Ok(true);
            }
        }
        Ok(false)
    }

    async fn kept_by(&self, nodes: &Nodes, block: u32, head: (u32, Hash)) -> Result<bool> {
        let key = self.known().codec.storage_key("System", "Events", &[])?;
        let Some(Some(hash)) = told_hashes(nodes, &[block], head).await?.pop() else { return Ok(false) };
        match nodes.ask::<Option<String>>("state_getStorageHash", json!([text(&key), text(&hash)])).await {
            Ok(_) => Ok(true),
            Err(error) if forgotten(&error) => Ok(false),
            Err(error) => Err(error),
        }
    }

    /// What happened in a block, as the runtime of that time told it.
    pub async fn events(&self, block: Hash) -> Result<Vec<EventRecord>> {
        let header: Option<Header> = self.nodes.ask("chain_getHeader", json!([text(&block)])).await?;
        let parent = header.ok_or_else(|| Error::Unavailable("the node does not know the block".into()))?.parent()?;
        self.events_in(&self.words(parent, block).await?, block).await
    }

    /// The same, in words that are known already.
    pub async fn events_in(&self, words: &Words, block: Hash) -> Result<Vec<EventRecord>> {
        if !words.0.fits {
            return Err(Error::UnknownRuntime(words.0.missing.join(", ")));
        }
        match self.raw("System", "Events", &[], Some(block)).await? {
            Some(bytes) => Ok(words.0.codec.decode_events(&bytes)?),
            None => Ok(vec![]),
        }
    }

    /// What a block is made of. None if the node no longer has it.
    async fn body(&self, number: u32) -> Result<Option<(Hash, Vec<String>)>> {
        let Some(hash) = self.block_hash(number).await? else { return Ok(None) };
        let body: Option<SignedBlock> = self.nodes.ask("chain_getBlock", json!([text(&hash)])).await?;
        Ok(body.map(|body| (hash, body.block.extrinsics)))
    }

    /// All zero for an account that the chain has never seen. `at`: None is the last finalized block of the node at hand, here
    /// and below; what concerns money names a block that was vouched for.
    pub async fn account(&self, account: &AccountId, at: Option<Hash>) -> Result<Balances> {
        let value = self.value("System", "Account", &[account.encode()], at).await?;
        value.map_or(Ok(Balances::default()), |value| Ok(read::account(&value)?))
    }

    pub async fn twin_id_of(&self, account: &AccountId, at: Option<Hash>) -> Result<Option<u32>> {
        let value = self.value("TfgridModule", "TwinIdByAccountID", &[account.encode()], at).await?;
        Ok(value.map(|value| read::int(&value)).transpose()?)
    }

    pub async fn twin(&self, id: u32, at: Option<Hash>) -> Result<Option<Twin>> {
        let value = self.value("TfgridModule", "Twins", &[id.encode()], at).await?;
        Ok(value.map(|value| read::twin(&value)).transpose()?)
    }

    pub async fn contract(&self, id: u64, at: Option<Hash>) -> Result<Option<Contract>> {
        let value = self.value("SmartContractModule", "Contracts", &[id.encode()], at).await?;
        Ok(value.map(|value| read::contract(&value)).transpose()?)
    }

    /// Whether a contract is there at a block, however the runtime of that time wrote it down.
    pub async fn has_contract(&self, id: u64, at: Hash) -> Result<bool> {
        Ok(self.raw("SmartContractModule", "Contracts", &[id.encode()], Some(at)).await?.is_some())
    }

    /// Every contract of a twin that is not gone, oldest first. The chain has no list of them, so all contracts are read.
    pub async fn contracts_of(&self, twin: u32, at: Option<Hash>) -> Result<Vec<Contract>> {
        let at = self.pinned(at).await?;
        let prefix = storage_prefix("SmartContractModule", "Contracts");
        let (mut contracts, mut after) = (Vec::new(), None::<String>);
        loop {
            let keys = self.keys(&prefix, after.as_ref(), at).await?;
            let Some(last) = keys.last().cloned() else { break };
            let sets: Vec<ChangeSet> = self.nodes.ask("state_queryStorageAt", json!([keys, text(&at)])).await?;
            for (_, value) in sets.into_iter().flat_map(|set| set.changes) {
                let Some(value) = value else { continue };
                let value = self.known().codec.decode_storage("SmartContractModule", "Contracts", &unhex(&value)?);
                match value.and_then(|value| read::contract(&value)) {
                    Ok(contract) if contract.twin == twin => contracts.push(contract),
                    Ok(_) => {}
                    // Most are other people's: one of a new kind hides none of ours.
                    Err(error) => tracing::debug!(%error, "a contract can't be read"),
                }
            }
            after = Some(last);
        }
        contracts.sort_by_key(|contract| contract.id);
        Ok(contracts)
    }

    /// Until when a contract has been billed. None for one that is gone.
    pub async fn billed_until(&self, contract: u64, at: Option<Hash>) -> Result<Option<Time>> {
        let value = self.value("SmartContractModule", "ContractBillingInformationByID", &[contract.encode()], at).await?;
        Ok(value.map(|value| read::billed_until(&value)).transpose()?)
    }

    /// The live contract with this deployment hash on a node, whoever owns it: compare the twin before adopting it.
    pub async fn contract_by_hash(&self, node: u32, hash: &[u8; 32], at: Option<Hash>) -> Result<Option<u64>> {
        let keys = [node.encode(), hash.encode()];
        let value = self.value("SmartContractModule", "ContractIDByNodeIDAndHash", &keys, at).await?;
        let id: Option<u64> = value.map(|value| read::int(&value)).transpose()?;
        Ok(id.filter(|id| *id != 0))
    }

    /// The contract that holds a name, whoever owns it.
    pub async fn contract_by_name(&self, name: &str, at: Option<Hash>) -> Result<Option<u64>> {
        let keys = [name.as_bytes().to_vec().encode()];
        let value = self.value("SmartContractModule", "ContractIDByNameRegistration", &keys, at).await?;
        let id: Option<u64> = value.map(|value| read::int(&value)).transpose()?;
        Ok(id.filter(|id| *id != 0))
    }

    pub async fn accepted_terms(&self, account: &AccountId, at: Option<Hash>) -> Result<bool> {
        Ok(self.raw("TfgridModule", "UsersTermsAndConditions", &[account.encode()], at).await?.is_some())
    }

    /// Policy 1: the one the chain uses, whatever a farm says.
    pub async fn pricing_policy(&self, at: Option<Hash>) -> Result<PricingPolicy> {
        let value = self.value("TfgridModule", "PricingPolicies", &[1u32.encode()], at).await?;
        let value = value.ok_or_else(|| Error::UnknownRuntime("the chain has no pricing policy 1".into()))?;
        Ok(read::pricing_policy(&value)?)
    }

    pub async fn tft_price(&self, at: Option<Hash>) -> Result<TftPrice> {
        let at = Some(self.pinned(at).await?);
        let [average, min, max] = ["AverageTftPrice", "MinTftPrice", "MaxTftPrice"];
        Ok(TftPrice {
            average: self.price_item(average, at).await?,
            min: self.price_item(min, at).await?,
            max: self.price_item(max, at).await?,
        })
    }

    async fn price_item(&self, item: &str, at: Option<Hash>) -> Result<u32> {
        let value = self.value("TFTPriceModule", item, &[], at).await?;
        value.map_or(Ok(0), |value| Ok(read::int(&value)?))
    }

    /// Whether a node's owner took it out of billing, so that it refuses new contracts.
    pub async fn opted_out(&self, node: u32, at: Option<Hash>) -> Result<bool> {
        let (pallet, item) = OPT_OUT;
        // A runtime whose metadata does not tell of the map has nothing under its prefix, unless it hides it: it costs nothing to look.
        let key = self.known().codec.storage_key(pallet, item, &[node.encode()]);
        let key =
            key.unwrap_or_else(|_| [storage_prefix(pallet, item), blake2_128(&node.encode()).to_vec(), node.encode()].concat());
        Ok(self.raw_at(&key, at).await?.is_some())
    }

    /// Every node that `opted_out` is true of, by the keys of the map, page by page at one block.
    pub async fn opted_out_nodes(&self, at: Option<Hash>) -> Result<BTreeSet<u32>> {
        let mut nodes = BTreeSet::new();
        let (prefix, at) = (storage_prefix(OPT_OUT.0, OPT_OUT.1), self.pinned(at).await?);
        let mut after = None;
        loop {
            let keys = self.keys(&prefix, after.as_ref(), at).await?;
            for key in &keys {
                let key = unhex(key)?;
                // Whatever the hasher, the key itself stands at the end.
                let id = key.strip_prefix(prefix.as_slice()).and_then(|rest| rest.last_chunk::<4>());
                nodes.insert(u32::from_le_bytes(*id.ok_or_else(|| malformed("the key of a node"))?));
            }
            match keys.into_iter().next_back() {
                Some(last) => after = Some(last),
                None => return Ok(nodes),
            }
        }
    }

    /// The next keys of a map, behind `after`; none at its end. A node may give fewer than it is asked for.
    async fn keys(&self, prefix: &[u8], after: Option<&String>, at: Hash) -> Result<Vec<String>> {
        let asked = json!([text(prefix), KEYS_AT_ONCE, after, text(&at)]);
        let keys: Vec<String> = self.nodes.ask("state_getKeysPaged", asked).await?;
        match goes_on(&keys, after, &text(prefix)) {
            true => Ok(keys),
            false => Err(Error::Decode("a list of keys that are not the map's".into())),
        }
    }

    /// The twin that rents a node whole.
    pub async fn rented_by(&self, node: u32, at: Option<Hash>) -> Result<Option<u32>> {
        let at = Some(self.pinned(at).await?);
        let Some(value) = self.value("SmartContractModule", "ActiveRentContractForNode", &[node.encode()], at).await? else {
            return Ok(None);
        };
        let contract = self.contract(read::int(&value)?, at).await?;
        let live = contract.filter(|contract| !matches!(contract.state, ContractState::Deleted(_)));
        Ok(live.map(|contract| contract.twin))
    }

    /// Thousandths of a dollar a month, on top of everything, for whoever rents the node whole.
    pub async fn extra_fee(&self, node: u32, at: Option<Hash>) -> Result<u64> {
        let value = self.value("SmartContractModule", "DedicatedNodesExtraFee", &[node.encode()], at).await?;
        value.map_or(Ok(0), |value| Ok(read::int(&value)?))
    }

    pub async fn node(&self, id: u32, at: Option<Hash>) -> Result<Option<Node>> {
        let value = self.value("TfgridModule", "Nodes", &[id.encode()], at).await?;
        Ok(value.map(|value| read::node(&value)).transpose()?)
    }

    /// The next free nonce of an account, extrinsics waiting in the node's pool included.
    pub async fn next_nonce(&self, account: &AccountId) -> Result<u32> {
        self.nodes.ask("system_accountNextIndex", json!([crate::wire::key::address(account)])).await
    }

    /// Signs upon the last finalized block for `era_blocks` blocks. Store the answer before you submit it.
    pub async fn sign(&self, key: &KeyPair, call: &Call, nonce: u32, era_blocks: u64) -> Result<SignedCall> {
        self.refresh().await?;
        let known = self.known();
        if !known.missing.is_empty() {
            return Err(Error::UnknownRuntime(known.missing.join(", ")));
        }
        let head = self.head().await?;
        Ok(known.codec.sign(&known.runtime, key, call, nonce, (head.number, head.hash), era_blocks)?)
    }

    /// Sends a signed extrinsic. The same bytes may be sent again at any time: they count once.
    pub async fn submit(&self, bytes: &[u8]) -> Result<Hash> {
        match self.nodes.try_ask::<String>("author_submitExtrinsic", json!([text(bytes)])).await {
            Ok(hash) => fixed(&hash),
            // Temporarily banned (seen and included, or dropped) and already imported: the node has these very bytes.
            Err(Fault::Refused { code: 1012 | 1013, .. }) => Ok(blake2_256(bytes)),
            Err(Fault::Refused { reason, .. }) => Err(Error::Rejected { reason }),
            Err(fault) => Err(fault.into()),
        }
    }

    /// What became of a signed extrinsic, by finalized blocks alone.
    pub async fn outcome(&self, call: &SignedCall) -> Result<Outcome> {
        let Head { number, hash: head } = self.head().await?;
        let over = number > call.last_block;
        let unused = self.account(&call.signer, Some(head)).await?.nonce <= call.nonce;
        if unused && !over {
            return Ok(Outcome::Pending);
        }
        let mut gap = false;
        for number in call.birth_block..=call.last_block.min(number) {
            let Some((block, extrinsics)) = self.body(number).await? else {
                gap = true;
                continue;
            };
            for (index, bytes) in (0..).zip(&extrinsics) {
                if blake2_256(&unhex(bytes)?) == call.hash {
                    return self.included(block, number, index).await;
                }
            }
        }
        match (over, gap) {
            // All blocks that could hold it were seen, and the nonce is used: by something that we did not sign for this.
            (_, false) if !unused => Ok(Outcome::Usurped),
            (false, _) => Ok(Outcome::Pending),
            (true, false) => Ok(Outcome::Expired),
            // Nobody can show the blocks any more, but an extrinsic that was included would have used its nonce.
            (true, true) if unused => Ok(Outcome::Expired),
            (true, true) => Err(Error::Unavailable("the node has forgotten the blocks in question".into())),
        }
    }

    async fn included(&self, block: Hash, number: u32, index: u32) -> Result<Outcome> {
        let records = match self.events(block).await {
            Ok(records) => records,
            // It is in the block; what it did there can only be seen from what there is now.
            Err(error) if forgotten(&error) => {
                return Ok(Outcome::Included { block, number, result: Ok(Vec::new()) });
            }
            Err(error) => return Err(error),
        };
        let events: Vec<_> = records.into_iter().filter(|record| record.extrinsic == Some(index)).map(|r| r.event).collect();
        let mut failure = None;
        let mut success = false;
        for event in &events {
            match event {
                Event::ExtrinsicFailed(error) => failure = Some(error.clone()),
                Event::ExtrinsicSuccess => success = true,
                _ => {}
            }
        }
        let result = match failure {
            Some(error) => Err(error),
            None if success => Ok(events),
            None => return Err(Error::Decode("the block has the extrinsic but not its result".into())),
        };
        Ok(Outcome::Included { block, number, result })
    }

    /// Tells of new finalized blocks, so that nobody needs to poll. Ends when the connection does: then ask again.
    pub async fn finalized_blocks(&self) -> Result<FinalizedBlocks> {
        let (rpc, turn) = self.nodes.connected().await?;
        let subscribed = rpc.subscribe("chain_subscribeFinalizedHeads", RpcParams::new(), "chain_unsubscribeFinalizedHeads");
        let deadline = self.nodes.timeouts.request;
        let heads = timeout(deadline, subscribed).await.map_err(|_| late())?;
        match heads {
            Ok(heads) => Ok(FinalizedBlocks { heads }),
            Err(error) => {
                self.nodes.forget(turn).await;
                Err(Error::Unavailable(error.to_string()))
            }
        }
    }

    pub(super) async fn pinned(&self, at: Option<Hash>) -> Result<Hash> {
        match at {
            Some(hash) => Ok(hash),
            None => fixed(&self.nodes.ask::<String>("chain_getFinalizedHead", json!([])).await?),
        }
    }

    async fn number_of(&self, hash: Hash) -> Result<u32> {
        let header: Option<Header> = self.nodes.ask("chain_getHeader", json!([text(&hash)])).await?;
        header.ok_or_else(|| Error::Unavailable("the node does not know the block".into()))?.number()
    }

    async fn raw(&self, pallet: &str, item: &str, keys: &[Vec<u8>], at: Option<Hash>) -> Result<Option<Vec<u8>>> {
        let key = self.known().codec.storage_key(pallet, item, keys)?;
        self.raw_at(&key, at).await
    }

    pub(super) async fn raw_at(&self, key: &[u8], at: Option<Hash>) -> Result<Option<Vec<u8>>> {
        let at = self.pinned(at).await?;
        let value: Option<String> = self.nodes.ask("state_getStorage", json!([text(key), text(&at)])).await?;
        value.as_deref().map(unhex).transpose()
    }

    /// What two nodes tell alike, where there are two.
    pub(super) async fn told<T: DeserializeOwned + PartialEq>(&self, method: &str, params: serde_json::Value) -> Result<T> {
        told(&self.nodes, self.panel.as_ref(), method, params).await
    }

    /// A value at a block that was vouched for, by the word of two of those who did, where there are two.
    async fn vouched(&self, pallet: &str, item: &str, key: Vec<u8>, at: Hash) -> Result<Option<Value<u32>>> {
        let key = self.known().codec.storage_key(pallet, item, &[key])?;
        let asked = json!([text(&key), text(&at)]);
        let told: Option<String> = self.told("state_getStorage", asked).await?;
        let bytes = told.as_deref().map(unhex).transpose()?;
        Ok(bytes.map(|bytes| self.known().codec.decode_storage(pallet, item, &bytes)).transpose()?)
    }

    /// An account, by the word of two nodes where there are two.
    pub async fn vouched_account(&self, account: &AccountId, at: Hash) -> Result<Balances> {
        let value = self.vouched("System", "Account", account.encode(), at).await?;
        value.map_or(Ok(Balances::default()), |value| Ok(read::account(&value)?))
    }

    /// A contract, by the word of two nodes where there are two.
    pub async fn vouched_contract(&self, id: u64, at: Hash) -> Result<Option<Contract>> {
        let value = self.vouched("SmartContractModule", "Contracts", id.encode(), at).await?;
        Ok(value.map(|value| read::contract(&value)).transpose()?)
    }

    pub(super) async fn value(&self, pallet: &str, item: &str, keys: &[Vec<u8>], at: Option<Hash>) -> Result<Option<Value<u32>>> {
        let bytes = self.raw(pallet, item, keys, at).await?;
        Ok(bytes.map(|bytes| self.known().codec.decode_storage(pallet, item, &bytes)).transpose()?)
    }
}

/// New finalized blocks as they come. After a stall only the newest may be told.
pub struct FinalizedBlocks {
    heads: RpcSubscription<Header>,
}

impl FinalizedBlocks {
    /// The number of the next finalized block; None when the connection is gone.
    pub async fn next(&mut self) -> Option<u32> {
        self.heads.next().await?.ok()?.number().ok()
    }
}

/// What one node has for the hashes of blocks, if it has this very head.
async fn told_hashes(nodes: &Nodes, numbers: &[u32], (number, hash): (u32, Hash)) -> Result<Vec<Option<Hash>>> {
    let asked: Vec<u32> = numbers.iter().copied().chain([number]).collect();
    let told: Vec<Option<String>> = nodes.ask("chain_getBlockHash", json!([asked])).await?;
    let mut told = told.iter().map(|hash| hash.as_deref().map(fixed).transpose()).collect::<Result<Vec<_>>>()?;
    if told.len() != asked.len() || told.pop() != Some(Some(hash)) {
        return Err(Error::Unavailable("the node does not have the newest block that is vouched for".into()));
    }
    Ok(told)
}

/// The newest head there ever was: one that is older says nothing new, and another one of the same number can't be.
fn onwards(last: &mut Option<Head>, told: Head) -> Result<Head> {
    match *last {
        Some(known) if known.number > told.number => Ok(known),
        Some(known) if known.number == told.number && known.hash != told.hash => {
            Err(Error::Unavailable(format!("another block {} is told than was final before", told.number)))
        }
        _ => Ok(*last.insert(told)),
    }
}

/// Whether a page of a map's keys comes after the one before and stays in the map: a node that goes in circles would never
/// be done with.
fn goes_on(keys: &[String], after: Option<&String>, prefix: &str) -> bool {
    let within = keys.iter().all(|key| key.starts_with(prefix));
    keys.is_empty() || within && keys.is_sorted_by(|a, b| a < b) && keys.first() > after
}

#[cfg(test)]
mod tests;
