//! A client of one chain over any of its nodes. Every call has a deadline; nothing here retries for ever.

use std::collections::BTreeSet;
use std::sync::{Arc, Mutex, PoisonError, RwLock};

use parity_scale_codec::{Decode, Encode};
use scale_value::Value;
use serde::Deserialize;
use serde_json::json;
use subxt_rpcs::client::{RpcClient, RpcParams, RpcSubscription};
use tokio::time::timeout;

use super::codec::{Codec, CodecError, blake2_128, blake2_256, malformed, storage_prefix};
use super::panel::{Endpoint, Head, Panel};
use super::read;
pub use super::rpc::Timeouts;
use super::rpc::{Fault, Header, Nodes, fixed, late, text, unhex};
use super::types::{
    Balances, Block, Call, Contract, ContractState, Event, EventRecord, Farm, Hash, Node, Outcome, PricingPolicy, Runtime,
    SignedCall, TftPrice, Twin,
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

/// A runtime, and how to speak with it.
struct Known {
    runtime: Runtime,
    codec: Arc<Codec>,
    /// What we need and it lacks.
    missing: Vec<String>,
}

pub struct ChainClient {
    nodes: Nodes,
    /// The same nodes one by one, to be compared. None if there is but one.
    panel: Option<Panel>,
    known: RwLock<Arc<Known>>,
    /// Runtimes before the one that runs now, for the events of old blocks.
    past: Mutex<Vec<Arc<Known>>>,
}

#[derive(Deserialize)]
struct ChangeSet {
    changes: Vec<(String, Option<String>)>,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Version {
    spec_name: String,
    spec_version: u32,
    transaction_version: u32,
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
        if let Some(panel) = &panel {
            genesis.into_iter().for_each(|genesis| panel.expect(genesis));
            let agreed = panel.agreed(&nodes).await;
            if genesis.is_none() {
                agreed?;
            }
        }
        Self::start(nodes, panel).await
    }

    /// Over a transport of the caller's: tests plug the client straight into a server.
    pub async fn over(rpc: RpcClient, timeouts: Timeouts) -> Result<Self> {
        Self::start(Nodes::over(rpc, timeouts), None).await
    }

    async fn start(nodes: Nodes, panel: Option<Panel>) -> Result<Self> {
        let known = learn(&nodes, None).await?;
        nodes.expect(known.runtime.genesis);
        panel.iter().for_each(|panel| panel.expect(known.runtime.genesis));
        Ok(ChainClient { nodes, panel, known: RwLock::new(Arc::new(known)), past: Mutex::default() })
    }

    /// The chain itself, by its first block: asked, so that one hears of it if another chain answers now.
    pub async fn genesis(&self) -> Result<Hash> {
        fixed(&self.nodes.ask::<String>("chain_getBlockHash", json!([0])).await?)
    }

    /// As read last: at start, at each `refresh`, and before signing if the node has moved on since.
    pub fn runtime(&self) -> Runtime {
        self.known().runtime.clone()
    }

    /// What we use and the live runtime lacks. While there is anything, nothing is signed.
    pub fn missing(&self) -> Vec<String> {
        self.known().missing.clone()
    }

    /// What was last thought of each node; empty if there is but one.
    pub fn endpoints(&self) -> Vec<Endpoint> {
        self.panel.as_ref().map(Panel::endpoints).unwrap_or_default()
    }

    /// Looks whether the runtime was upgraded, and learns the new one. What can't be learned is missing; reading goes on.
    pub async fn refresh(&self) -> Result<()> {
        let version: Version = self.nodes.ask("state_getRuntimeVersion", json!([])).await?;
        let known = self.known();
        match (version.spec_version, version.transaction_version) == (known.runtime.spec_version, known.runtime.tx_version) {
            true => Ok(()),
            false => self.relearn(version).await,
        }
    }

    /// The newest finalized block; where there are several nodes, the newest that two of them vouch for. What concerns money is
    /// read at this block.
    pub async fn finalized(&self) -> Result<Block> {
        let head = self.head().await?;
        Ok(Block { number: head.number, hash: head.hash, time: self.time_of(head.hash).await? })
    }

    /// The newest finalized block, as vouched for.
    async fn head(&self) -> Result<Head> {
        if let Some(panel) = &self.panel {
            return panel.agreed(&self.nodes).await;
        }
        let hash = fixed(&self.nodes.ask::<String>("chain_getFinalizedHead", json!([])).await?)?;
        Ok(Head { number: self.number_of(hash).await?, hash })
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

    /// What happened in a block, as the runtime of now tells events.
    pub async fn events(&self, block: Hash) -> Result<Vec<EventRecord>> {
        self.events_as(&self.known(), block).await
    }

    async fn events_as(&self, known: &Known, block: Hash) -> Result<Vec<EventRecord>> {
        match self.raw("System", "Events", &[], Some(block)).await? {
            Some(bytes) => Ok(known.codec.decode_events(&bytes)?),
            None => Ok(vec![]),
        }
    }

    /// What happened in a block whose parent is `parent`: if the runtime was another one then, its events are read as it told them.
    pub async fn events_then(&self, parent: Hash, block: Hash) -> Result<Vec<EventRecord>> {
        let known = self.known_at(parent).await?;
        self.events_as(&known, block).await
    }

    /// Whether the runtime at a block was the one that runs now.
    pub async fn same_runtime_at(&self, block: Hash) -> Result<bool> {
        let version: Version = self.nodes.ask("state_getRuntimeVersion", json!([text(&block)])).await?;
        Ok(version.spec_version == self.known().runtime.spec_version)
    }

    async fn known_at(&self, block: Hash) -> Result<Arc<Known>> {
        let version: Version = self.nodes.ask("state_getRuntimeVersion", json!([text(&block)])).await?;
        let now = self.known();
        if version.spec_version == now.runtime.spec_version {
            return Ok(now);
        }
        let past = || self.past.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(known) = past().iter().find(|known| known.runtime.spec_version == version.spec_version) {
            return Ok(known.clone());
        }
        let learned = Arc::new(learn(&self.nodes, Some(block)).await?);
        past().push(learned.clone());
        Ok(learned)
    }

    /// Where in a block an extrinsic is.
    pub async fn extrinsic_index(&self, block: Hash, extrinsic: Hash) -> Result<Option<u32>> {
        let body: Option<SignedBlock> = self.nodes.ask("chain_getBlock", json!([text(&block)])).await?;
        let body = body.ok_or_else(|| Error::Unavailable("the node does not know the block".into()))?;
        for (index, bytes) in body.block.extrinsics.iter().enumerate() {
            if blake2_256(&unhex(bytes)?) == extrinsic {
                return Ok(u32::try_from(index).ok());
            }
        }
        Ok(None)
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
            let asked = json!([text(&prefix), KEYS_AT_ONCE, after, text(&at)]);
            let keys: Vec<String> = self.nodes.ask("state_getKeysPaged", asked).await?;
            if !goes_on(&keys, after.as_ref(), &text(&prefix)) {
                return Err(Error::Decode("a list of keys that are not the map's".into()));
            }
            let Some(last) = keys.last().cloned() else { break };
            let sets: Vec<ChangeSet> = self.nodes.ask("state_queryStorageAt", json!([keys, text(&at)])).await?;
            for (_, value) in sets.into_iter().flat_map(|set| set.changes) {
                let Some(value) = value else { continue };
                let value = self.known().codec.decode_storage("SmartContractModule", "Contracts", &unhex(&value)?)?;
                contracts.push(read::contract(&value)?);
            }
            after = Some(last);
        }
        contracts.retain(|contract| contract.twin == twin);
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

    pub async fn active_contracts(&self, node: u32, at: Option<Hash>) -> Result<Vec<u64>> {
        let value = self.value("SmartContractModule", "ActiveNodeContracts", &[node.encode()], at).await?;
        value.map_or(Ok(vec![]), |value| Ok(read::list(&value, read::int)?))
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
        const PAGE: usize = 1000;
        let mut nodes = BTreeSet::new();
        let (prefix, at) = (storage_prefix(OPT_OUT.0, OPT_OUT.1), self.pinned(at).await?);
        let mut after: Option<String> = None;
        loop {
            let asked = json!([text(&prefix), PAGE, after, text(&at)]);
            let keys: Vec<String> = self.nodes.ask("state_getKeysPaged", asked).await?;
            for key in &keys {
                let key = unhex(key)?;
                // Whatever the hasher, the key itself stands at the end.
                let id = key.strip_prefix(prefix.as_slice()).and_then(|rest| rest.last_chunk::<4>());
                nodes.insert(u32::from_le_bytes(*id.ok_or_else(|| malformed("the key of a node"))?));
            }
            match keys.last() {
                // A server may give fewer than it is asked for; one that repeats itself would never end.
                Some(last) if after.as_ref() < Some(last) => after = Some(last.clone()),
                _ => return Ok(nodes),
            }
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

    pub async fn farm(&self, id: u32, at: Option<Hash>) -> Result<Option<Farm>> {
        let value = self.value("TfgridModule", "Farms", &[id.encode()], at).await?;
        Ok(value.map(|value| read::farm(&value)).transpose()?)
    }

    /// The next free nonce of an account, extrinsics waiting in the node's pool included.
    pub async fn next_nonce(&self, account: &AccountId) -> Result<u32> {
        self.nodes.ask("system_accountNextIndex", json!([crate::wire::key::address(account)])).await
    }

    /// Signs upon the last finalized block for `era_blocks` blocks. Store the answer before you submit it.
    pub async fn sign(&self, key: &KeyPair, call: &Call, nonce: u32, era_blocks: u64) -> Result<SignedCall> {
        self.refresh().await?;
        let missing = self.missing();
        if !missing.is_empty() {
            return Err(Error::UnknownRuntime(missing.join(", ")));
        }
        let head = self.head().await?;
        let known = self.known();
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
            let Some(block) = self.block_hash(number).await? else {
                gap = true;
                continue;
            };
            if let Some(index) = self.extrinsic_index(block, call.hash).await? {
                return self.included(block, number, index).await;
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
                return Ok(Outcome::Included { block, number, finalized: true, result: Ok(Vec::new()) });
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
        Ok(Outcome::Included { block, number, finalized: true, result })
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

    async fn pinned(&self, at: Option<Hash>) -> Result<Hash> {
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

    pub(super) async fn value(&self, pallet: &str, item: &str, keys: &[Vec<u8>], at: Option<Hash>) -> Result<Option<Value<u32>>> {
        let bytes = self.raw(pallet, item, keys, at).await?;
        Ok(bytes.map(|bytes| self.known().codec.decode_storage(pallet, item, &bytes)).transpose()?)
    }

    fn known(&self) -> Arc<Known> {
        self.known.read().unwrap_or_else(PoisonError::into_inner).clone()
    }

    async fn relearn(&self, version: Version) -> Result<()> {
        let before = self.known();
        let fresh = match learn(&self.nodes, None).await {
            Ok(fresh) => fresh,
            // What the new one says of itself can't be read. What is stored may be read as before, as far as it goes.
            Err(Error::UnknownRuntime(why)) => Known {
                runtime: Runtime {
                    spec_name: version.spec_name,
                    spec_version: version.spec_version,
                    tx_version: version.transaction_version,
                    genesis: before.runtime.genesis,
                },
                codec: before.codec.clone(),
                missing: vec![why],
            },
            Err(other) => return Err(other),
        };
        self.past.lock().unwrap_or_else(PoisonError::into_inner).push(before);
        *self.known.write().unwrap_or_else(PoisonError::into_inner) = Arc::new(fresh);
        Ok(())
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

/// The runtime at a block; the newest without one.
async fn learn(nodes: &Nodes, at: Option<Hash>) -> Result<Known> {
    let at = at.map_or_else(|| json!([]), |block| json!([text(&block)]));
    let version: Version = nodes.ask("state_getRuntimeVersion", at.clone()).await?;
    let genesis: String = nodes.ask("chain_getBlockHash", json!([0])).await?;
    let metadata: String = nodes.ask("state_getMetadata", at).await?;
    let codec = Codec::new(&unhex(&metadata)?).map_err(|error| Error::UnknownRuntime(error.to_string()))?;
    let runtime = Runtime {
        spec_name: version.spec_name,
        spec_version: version.spec_version,
        tx_version: version.transaction_version,
        genesis: fixed(&genesis)?,
    };
    let missing = codec.missing();
    Ok(Known { runtime, codec: Arc::new(codec), missing })
}

/// Whether a page of a map's keys comes after the one before and stays in the map: a node that goes in circles would never
/// be done with.
fn goes_on(keys: &[String], after: Option<&String>, prefix: &str) -> bool {
    let within = keys.iter().all(|key| key.starts_with(prefix));
    keys.is_empty() || within && keys.is_sorted_by(|a, b| a < b) && keys.first() > after
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn a_list_of_keys_that_goes_in_circles_is_refused() {
        let keys = |list: &[&str]| list.iter().map(|key| (*key).to_owned()).collect::<Vec<_>>();
        let last = "0xab2".to_owned();
        assert!(goes_on(&[], Some(&last), "0xab") && goes_on(&keys(&["0xab1", "0xab2"]), None, "0xab"));
        assert!(goes_on(&keys(&["0xab3"]), Some(&last), "0xab"));
        for bad in [&["0xab2"][..], &["0xab1"], &["0xab4", "0xab3"], &["0xab3", "0xab3"], &["0xac0"]] {
            assert!(!goes_on(&keys(bad), Some(&last), "0xab"), "{bad:?}");
        }
    }

    proptest! {
        #[test]
        fn whatever_keys_come_each_page_is_further_on(
            // Short and few, so that some of them are in order.
            pages in proptest::collection::vec(proptest::collection::vec("[a-c]{0,3}", 0..4), 0..4),
        ) {
            let mut after = None;
            for page in pages {
                if !goes_on(&page, after.as_ref(), "") {
                    break;
                }
                let last = page.last().cloned();
                prop_assert!(last.is_none() || last > after);
                after = last.or(after);
            }
        }
    }
}
