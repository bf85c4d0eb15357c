//! The node's side of the wire: JSON-RPC over WebSocket, or in process. What is true is the backend's business.

mod socket;

use std::sync::Arc;

use futures_util::Stream;
use futures_util::stream::{BoxStream, StreamExt, unfold};
use parity_scale_codec::{Compact, Decode, Encode};
use serde_json::{Value, json};
use tokio::sync::watch;

pub use self::socket::{in_process, serve};
use super::codec::blake2_256;
use super::types::Hash;
use crate::wire::key::{AccountId, account};

const MAX_KEYS: u64 = 1000;
/// Missed heads that a subscriber is told one by one; beyond that it gets only the newest.
const MAX_CATCH_UP: u32 = 16;

/// The newest block and the newest that will never be undone.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Heads {
    pub best: u32,
    pub finalized: u32,
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Header {
    pub number: u32,
    pub parent: Hash,
    pub state_root: Hash,
    pub extrinsics_root: Hash,
}

impl Header {
    /// A block's hash is that of its SCALE-encoded header; the digest is empty.
    pub fn hash(&self) -> Hash {
        blake2_256(&(self.parent, Compact(self.number), self.state_root, self.extrinsics_root, Vec::<u8>::new()).encode())
    }

    fn json(&self) -> Value {
        json!({
            "parentHash": text(&self.parent),
            "number": format!("{:#x}", self.number),
            "stateRoot": text(&self.state_root),
            "extrinsicsRoot": text(&self.extrinsics_root),
            "digest": { "logs": [] },
        })
    }
}

/// Why an extrinsic is not taken, as a Substrate node words it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Refusal {
    Malformed,
    Stale,
    BadProof,
    Payment,
    AncientBirthBlock,
    /// These very bytes were included lately.
    Banned,
    AlreadyImported,
    PoolFull,
    /// The node's own switch says no.
    Closed,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Submission {
    Accepted(Hash),
    /// Done, but the answer gets lost on its way.
    Silent,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct UnknownBlock;

/// Whether questions are answered at all, and with sense.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Mood {
    Well,
    Silent,
    Garbled,
}

/// The truth behind the wire. All questions are answered from memory, so none of them waits.
pub trait ChainBackend: Send + Sync + 'static {
    /// At a block; the newest without one.
    fn metadata(&self, at: Option<Hash>) -> Arc<Vec<u8>>;
    /// The SCALE-encoded constant `System.Version`, at a block; the newest without one.
    fn version(&self, at: Option<Hash>) -> Arc<Vec<u8>>;
    fn heads(&self) -> watch::Receiver<Heads>;
    fn hash_of(&self, number: u32) -> Option<Hash>;
    fn block(&self, hash: &Hash) -> Option<(Header, Vec<Vec<u8>>)>;
    fn storage(&self, key: &[u8], at: Option<Hash>) -> Result<Option<Vec<u8>>, UnknownBlock>;
    fn keys(&self, prefix: &[u8], after: Option<&[u8]>, count: usize, at: Option<Hash>) -> Result<Vec<Vec<u8>>, UnknownBlock>;
    fn next_nonce(&self, account: &AccountId) -> u32;
    fn submit(&self, extrinsic: &[u8]) -> Result<Submission, Refusal>;
    /// Where a recent extrinsic was included.
    fn locate(&self, extrinsic: &Hash) -> Option<u32>;
    fn fee(&self, length: usize) -> u128;
    /// Changes when every connection is to be cut.
    fn cut(&self) -> watch::Receiver<u64>;
    /// How it feels about answering.
    fn mood(&self) -> Mood;
}

struct Fault {
    code: i32,
    message: String,
    data: Option<&'static str>,
}

type Answer<T> = Result<T, Fault>;

impl From<UnknownBlock> for Fault {
    fn from(_: UnknownBlock) -> Self {
        fault(4003, "Client error: UnknownBlock: State already discarded or never known")
    }
}

impl From<Refusal> for Fault {
    fn from(refusal: Refusal) -> Self {
        let invalid = |data| Fault { code: 1010, message: "Invalid Transaction".into(), data: Some(data) };
        match refusal {
            Refusal::Malformed => fault(1002, "Verification Error: Extrinsic could not be decoded"),
            Refusal::Stale => invalid("Transaction is outdated"),
            Refusal::BadProof => invalid("Transaction has a bad signature"),
            Refusal::Payment => invalid("Inability to pay some fees (e.g. account balance too low)"),
            Refusal::AncientBirthBlock => invalid("Transaction has an ancient birth block"),
            Refusal::Banned => fault(1012, "Transaction is temporarily banned"),
            Refusal::AlreadyImported => fault(1013, "Transaction Already Imported"),
            Refusal::PoolFull => fault(1016, "Immediately Dropped"),
            Refusal::Closed => fault(1001, "Pool is closed for maintenance"),
        }
    }
}

pub struct Server<B> {
    backend: Arc<B>,
}

impl<B: ChainBackend> Server<B> {
    /// None: the answer is lost on purpose.
    fn answer(&self, method: &str, params: &Value) -> Answer<Option<Value>> {
        let backend = &*self.backend;
        match backend.mood() {
            Mood::Well => {}
            Mood::Silent => return Ok(None),
            Mood::Garbled => return Ok(Some(json!({ "mumble": method.len() }))),
        }
        let heads = *backend.heads().borrow();
        Ok(Some(match method {
            "rpc_methods" => json!({ "methods": METHODS }),
            "system_chain" => json!("TFChain local"),
            "system_name" => json!("tfchain"),
            "system_version" => json!("2.9.0"),
            "system_chainType" => json!("Local"),
            "system_properties" => json!({ "ss58Format": 42, "tokenDecimals": 7, "tokenSymbol": "TFT" }),
            "system_health" => json!({ "peers": 0, "isSyncing": false, "shouldHavePeers": false }),
            "system_accountNextIndex" | "account_nextIndex" => {
                let address = params.get(0).and_then(Value::as_str).and_then(account);
                json!(backend.next_nonce(&address.ok_or_else(|| wrong("an address"))?))
            }
            "chain_getBlockHash" | "chain_getHead" => match params.get(0) {
                None | Some(Value::Null) => json!(backend.hash_of(heads.best).map(|hash| text(&hash))),
                Some(Value::Array(numbers)) => {
                    let hashes: Answer<Vec<_>> =
                        numbers.iter().take(1000).map(|n| Ok(backend.hash_of(block_number(n)?))).collect();
                    json!(hashes?.iter().map(|hash| hash.map(|hash| text(&hash))).collect::<Vec<_>>())
                }
                Some(number) => json!(backend.hash_of(block_number(number)?).map(|hash| text(&hash))),
            },
            "chain_getFinalizedHead" | "chain_getFinalisedHead" => json!(backend.hash_of(heads.finalized).map(|h| text(&h))),
            "chain_getHeader" => json!(self.found(params, heads)?.map(|(header, _)| header.json())),
            "chain_getBlock" => json!(self.found(params, heads)?.map(|(header, extrinsics)| {
                let extrinsics: Vec<_> = extrinsics.iter().map(|bytes| text(bytes)).collect();
                json!({ "block": { "header": header.json(), "extrinsics": extrinsics }, "justifications": null })
            })),
            "state_getMetadata" => json!(text(&backend.metadata(maybe_hash(params, 0)?))),
            "state_getRuntimeVersion" | "chain_getRuntimeVersion" => version_json(&backend.version(maybe_hash(params, 0)?))?,
            "state_getStorage" | "state_getStorageAt" => {
                let value = backend.storage(&hex_param(params, 0)?, maybe_hash(params, 1)?)?;
                json!(value.map(|value| text(&value)))
            }
            "state_getStorageSize" => json!(backend.storage(&hex_param(params, 0)?, maybe_hash(params, 1)?)?.map(|v| v.len())),
            "state_getStorageHash" => {
                let value = backend.storage(&hex_param(params, 0)?, maybe_hash(params, 1)?)?;
                json!(value.map(|value| text(&blake2_256(&value))))
            }
            "state_getKeysPaged" | "state_getKeysPagedAt" => {
                let count = params.get(1).and_then(Value::as_u64).unwrap_or(MAX_KEYS).min(MAX_KEYS);
                let after = params.get(2).filter(|key| !key.is_null()).map(|_| hex_param(params, 2)).transpose()?;
                let count = usize::try_from(count).unwrap_or(0);
                let keys = backend.keys(&hex_param(params, 0)?, after.as_deref(), count, maybe_hash(params, 3)?)?;
                json!(keys.iter().map(|key| text(key)).collect::<Vec<_>>())
            }
            "state_queryStorageAt" => {
                let at = match maybe_hash(params, 1)? {
                    Some(at) => at,
                    None => backend.hash_of(heads.best).ok_or(UnknownBlock)?,
                };
                json!([changes(backend, &key_list(params)?, at)?])
            }
            "state_call" => json!(text(&self.runtime_call(params)?)),
            "payment_queryInfo" => {
                let fee = backend.fee(hex_param(params, 0)?.len());
                let weight = json!({ "ref_time": 100_000_000, "proof_size": 0 });
                json!({ "weight": weight, "class": "normal", "partialFee": fee.to_string() })
            }
            "author_pendingExtrinsics" => json!([]),
            "author_submitExtrinsic" => match backend.submit(&hex_param(params, 0)?)? {
                Submission::Accepted(hash) => json!(text(&hash)),
                Submission::Silent => return Ok(None),
            },
            _ => return Err(fault(-32601, "Method not found")),
        }))
    }

    fn found(&self, params: &Value, heads: Heads) -> Answer<Option<(Header, Vec<Vec<u8>>)>> {
        let hash = match maybe_hash(params, 0)? {
            Some(hash) => Some(hash),
            None => self.backend.hash_of(heads.best),
        };
        Ok(hash.and_then(|hash| self.backend.block(&hash)))
    }

    fn runtime_call(&self, params: &Value) -> Answer<Vec<u8>> {
        let input = hex_param(params, 1)?;
        match params.get(0).and_then(Value::as_str).unwrap_or_default() {
            "Core_version" => Ok(self.backend.version(None).to_vec()),
            "Metadata_metadata" => Ok(self.backend.metadata(None).to_vec().encode()),
            "AccountNonceApi_account_nonce" => {
                let account = AccountId::decode(&mut input.as_slice()).map_err(|_| wrong("an account"))?;
                Ok(self.backend.next_nonce(&account).encode())
            }
            // Weight, class and fee; the last four bytes of the input are the extrinsic's length.
            "TransactionPaymentApi_query_info" => {
                let fee = self.backend.fee(input.len().saturating_sub(4));
                Ok((Compact(100_000_000u64), Compact(0u64), 0u8, fee).encode())
            }
            // Also `Metadata_metadata_versions`: a client then falls back to metadata version 14.
            _ => Err(fault(4003, "Client error: Execution failed: Exported method is not found")),
        }
    }

    /// None for methods that are no subscriptions. With the name that its notices carry.
    fn subscription(&self, method: &str, params: &Value) -> Option<Answer<(&'static str, BoxStream<'static, Value>)>> {
        let (backend, heads) = (self.backend.clone(), self.backend.heads());
        Some(Ok(match method {
            "chain_subscribeNewHeads" | "chain_subscribeNewHead" | "subscribe_newHead" => {
                ("chain_newHead", headers(backend, heads, |heads| heads.best).boxed())
            }
            "chain_subscribeAllHeads" => ("chain_allHead", headers(backend, heads, |heads| heads.best).boxed()),
            "chain_subscribeFinalizedHeads" | "chain_subscribeFinalisedHeads" => {
                ("chain_finalizedHead", headers(backend, heads, |heads| heads.finalized).boxed())
            }
            "state_subscribeRuntimeVersion" | "chain_subscribeRuntimeVersion" => match version_json(&backend.version(None)) {
                // Told once; who wants to hear of an upgrade asks.
                Ok(version) => {
                    let once = futures_util::stream::once(async move { version });
                    ("state_runtimeVersion", once.chain(futures_util::stream::pending()).boxed())
                }
                Err(fault) => return Some(Err(fault)),
            },
            "state_subscribeStorage" => match key_list(params) {
                Ok(keys) => ("state_storage", storage_changes(backend, heads, keys).boxed()),
                Err(fault) => return Some(Err(fault)),
            },
            "author_submitAndWatchExtrinsic" => {
                let submitted = hex_param(params, 0).and_then(|bytes| Ok((self.backend.submit(&bytes)?, blake2_256(&bytes))));
                match submitted {
                    Ok((_, hash)) => ("author_extrinsicUpdate", progress(backend, heads, hash).boxed()),
                    Err(fault) => return Some(Err(fault)),
                }
            }
            _ => return None,
        }))
    }
}

fn headers<B: ChainBackend>(
    backend: Arc<B>,
    heads: watch::Receiver<Heads>,
    which: fn(&Heads) -> u32,
) -> impl Stream<Item = Value> + Send + 'static {
    unfold((backend, heads, None::<u32>), move |(backend, mut heads, told)| async move {
        let newest = heads.wait_for(|heads| told.is_none_or(|told| which(heads) > told)).await.map(|heads| which(&heads)).ok()?;
        let next = told.map_or(newest, |told| if newest - told > MAX_CATCH_UP { newest } else { told + 1 });
        let (header, _) = backend.block(&backend.hash_of(next)?)?;
        Some((header.json(), (backend, heads, Some(next))))
    })
}

fn storage_changes<B: ChainBackend>(
    backend: Arc<B>,
    heads: watch::Receiver<Heads>,
    keys: Vec<Vec<u8>>,
) -> impl Stream<Item = Value> + Send + 'static {
    unfold((backend, heads, keys, None::<(u32, Value)>), |(backend, mut heads, keys, mut told)| async move {
        loop {
            let newer = |heads: &Heads| told.as_ref().is_none_or(|(number, _)| heads.best > *number);
            let best = heads.wait_for(newer).await.ok()?.best;
            let set = changes(&*backend, &keys, backend.hash_of(best)?).ok()?;
            let values = set.get("changes").cloned().unwrap_or_default();
            if told.as_ref().is_none_or(|(_, old)| *old != values) {
                return Some((set, (backend, heads, keys, Some((best, values)))));
            }
            told = Some((best, values));
        }
    })
}

/// Ready, in a block, finalized.
fn progress<B: ChainBackend>(
    backend: Arc<B>,
    heads: watch::Receiver<Heads>,
    extrinsic: Hash,
) -> impl Stream<Item = Value> + Send + 'static {
    unfold((backend, heads, 0u8), move |(backend, mut heads, stage)| async move {
        let notice = match stage {
            0 => json!("ready"),
            1 => {
                heads.wait_for(|_| backend.locate(&extrinsic).is_some()).await.ok()?;
                json!({ "inBlock": text(&backend.hash_of(backend.locate(&extrinsic)?)?) })
            }
            2 => {
                let number = backend.locate(&extrinsic)?;
                heads.wait_for(|heads| heads.finalized >= number).await.ok()?;
                json!({ "finalized": text(&backend.hash_of(number)?) })
            }
            _ => return None,
        };
        Some((notice, (backend, heads, stage + 1)))
    })
}

fn changes<B: ChainBackend>(backend: &B, keys: &[Vec<u8>], at: Hash) -> Answer<Value> {
    let mut changes = Vec::new();
    for key in keys {
        changes.push(json!([text(key), backend.storage(key, Some(at))?.map(|value| text(&value))]));
    }
    Ok(json!({ "block": text(&at), "changes": changes }))
}

fn version_json(bytes: &[u8]) -> Answer<Value> {
    type Version = (String, String, u32, u32, u32, Vec<([u8; 8], u32)>, u32, u8);
    let version = Version::decode(&mut &*bytes).map_err(|_| fault(-32603, "Internal error"))?;
    let (spec, implementation, authoring, spec_version, impl_version, apis, tx_version, state_version) = version;
    Ok(json!({
        "specName": spec,
        "implName": implementation,
        "authoringVersion": authoring,
        "specVersion": spec_version,
        "implVersion": impl_version,
        "apis": apis.iter().map(|(id, version)| json!([text(id), version])).collect::<Vec<_>>(),
        "transactionVersion": tx_version,
        "stateVersion": state_version,
    }))
}

fn fault(code: i32, message: &str) -> Fault {
    Fault { code, message: message.to_owned(), data: None }
}

fn wrong(what: &str) -> Fault {
    fault(-32602, &format!("Invalid params: expected {what}"))
}

fn block_number(value: &Value) -> Answer<u32> {
    let digits = value.as_str().map(|text| u32::from_str_radix(text.trim_start_matches("0x"), 16).ok());
    let number = digits.unwrap_or_else(|| value.as_u64().and_then(|number| u32::try_from(number).ok()));
    number.ok_or_else(|| wrong("a block number"))
}

fn unhex(value: &Value) -> Answer<Vec<u8>> {
    let digits = value.as_str().and_then(|text| text.strip_prefix("0x"));
    digits.and_then(|digits| hex::decode(digits).ok()).ok_or_else(|| wrong("hexadecimal bytes"))
}

fn hex_param(params: &Value, index: usize) -> Answer<Vec<u8>> {
    unhex(params.get(index).unwrap_or(&Value::Null))
}

fn key_list(params: &Value) -> Answer<Vec<Vec<u8>>> {
    let keys = params.get(0).and_then(Value::as_array).filter(|keys| keys.len() <= 1000);
    keys.ok_or_else(|| wrong("a list of keys"))?.iter().map(unhex).collect()
}

fn maybe_hash(params: &Value, index: usize) -> Answer<Option<Hash>> {
    match params.get(index) {
        None | Some(Value::Null) => Ok(None),
        Some(value) => unhex(value)?.try_into().map(Some).map_err(|_| wrong("a block hash")),
    }
}

fn text(bytes: &[u8]) -> String {
    format!("0x{}", hex::encode(bytes))
}

/// Everything a client may call.
pub const METHODS: &[&str] = &[
    "account_nextIndex",
    "author_pendingExtrinsics",
    "author_submitAndWatchExtrinsic",
    "author_submitExtrinsic",
    "author_unwatchExtrinsic",
    "chain_getBlock",
    "chain_getBlockHash",
    "chain_getFinalizedHead",
    "chain_getHeader",
    "chain_subscribeAllHeads",
    "chain_subscribeFinalizedHeads",
    "chain_subscribeNewHeads",
    "chain_unsubscribeAllHeads",
    "chain_unsubscribeFinalizedHeads",
    "chain_unsubscribeNewHeads",
    "payment_queryInfo",
    "rpc_methods",
    "state_call",
    "state_getKeysPaged",
    "state_getMetadata",
    "state_getRuntimeVersion",
    "state_getStorage",
    "state_getStorageAt",
    "state_getStorageHash",
    "state_getStorageSize",
    "state_queryStorageAt",
    "state_subscribeRuntimeVersion",
    "state_subscribeStorage",
    "state_unsubscribeRuntimeVersion",
    "state_unsubscribeStorage",
    "system_accountNextIndex",
    "system_chain",
    "system_chainType",
    "system_health",
    "system_name",
    "system_properties",
    "system_version",
];
