//! Between our types and SCALE bytes, always through the runtime's own metadata.

use blake2::digest::consts::{U16, U32};
use blake2::{Blake2b, Digest};
use parity_scale_codec::{Compact, Decode, Encode};
use scale_encode::EncodeAsType;
use scale_value::{Composite, Primitive, Value, ValueDef};
use subxt::metadata::Metadata;
use twox_hash::XxHash64;

use super::types::{BatchKind, Call, EventRecord, Hash, ModuleError};
use super::{dynamic, read};
use crate::wire::key::AccountId;

/// A batch inside a batch inside a batch is nobody's business.
const MAX_BATCH_DEPTH: u8 = 3;

#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum CodecError {
    #[error("the runtime has no {0}")]
    Missing(String),
    #[error("cannot read {0}")]
    Malformed(String),
}

/// Every call that we can write and read.
pub const CALLS: &[(&str, &str)] = &[
    ("Balances", "transfer_allow_death"),
    ("Balances", "transfer_keep_alive"),
    ("SmartContractModule", "bill_contract_for_block"),
    ("SmartContractModule", "cancel_contract"),
    ("SmartContractModule", "create_name_contract"),
    ("SmartContractModule", "create_node_contract"),
    ("SmartContractModule", "create_rent_contract"),
    ("SmartContractModule", "update_node_contract"),
    ("TfgridModule", "create_twin"),
    ("TfgridModule", "update_twin"),
    ("TfgridModule", "user_accept_tc"),
    ("Utility", "batch"),
    ("Utility", "batch_all"),
    ("Utility", "force_batch"),
];

enum Arg {
    Number(u128),
    Bytes(Vec<u8>),
    MaybeNumber(Option<u64>),
    MaybeBytes(Option<Vec<u8>>),
    Account(AccountId),
}

/// A runtime's metadata, ready to encode and decode with.
pub struct Codec {
    pub(super) metadata: Metadata,
}

impl Codec {
    /// From the bytes that `state_getMetadata` gives.
    pub fn new(metadata: &[u8]) -> Result<Self, CodecError> {
        let metadata = Metadata::decode_from(metadata).map_err(|error| CodecError::Malformed(format!("metadata: {error}")))?;
        Ok(Codec { metadata })
    }

    /// The version of the runtime that this is the metadata of, if it says so.
    pub fn spec_version(&self) -> Option<u32> {
        let (_spec, _implementation, _authoring, version) =
            <(String, String, u32, u32)>::decode(&mut self.constant("System", "Version")?).ok()?;
        Some(version)
    }

    pub fn encode_call(&self, call: &Call) -> Result<Vec<u8>, CodecError> {
        let mut out = Vec::new();
        self.put_call(call, &mut out)?;
        Ok(out)
    }

    fn put_call(&self, call: &Call, out: &mut Vec<u8>) -> Result<(), CodecError> {
        let (pallet_name, name, args) = arguments(call);
        let missing = || CodecError::Missing(format!("{pallet_name}.{name}"));
        let pallet = self.metadata.pallet_by_name(pallet_name).ok_or_else(missing)?;
        let variant = pallet.call_variant_by_name(name).ok_or_else(missing)?;
        out.extend([pallet.call_index(), variant.index]);
        if let Call::Batch { calls, .. } = call {
            Compact(u32::try_from(calls.len()).map_err(|_| malformed("so long a batch"))?).encode_to(out);
            return calls.iter().try_for_each(|call| self.put_call(call, out));
        }
        if variant.fields.len() != args.len() {
            return Err(missing());
        }
        for field in &variant.fields {
            let arg = args.iter().find(|(name, _)| Some(*name) == field.name.as_deref()).ok_or_else(missing)?;
            self.put_arg(&arg.1, field.ty.id, out).map_err(|error| malformed(&format!("{name}: {error}")))?;
        }
        Ok(())
    }

    fn put_arg(&self, arg: &Arg, ty: u32, out: &mut Vec<u8>) -> Result<(), scale_encode::Error> {
        let types = self.metadata.types();
        match arg {
            Arg::Number(number) => number.encode_as_type_to(ty, types, out),
            Arg::Bytes(bytes) => bytes.encode_as_type_to(ty, types, out),
            Arg::MaybeNumber(number) => number.encode_as_type_to(ty, types, out),
            Arg::MaybeBytes(bytes) => bytes.encode_as_type_to(ty, types, out),
            Arg::Account(account) => Value::unnamed_variant("Id", [Value::from_bytes(account)]).encode_as_type_to(ty, types, out),
        }
    }

    /// None for a call that is not among ours. The bytes must hold exactly one call.
    pub fn decode_call(&self, mut bytes: &[u8]) -> Result<Option<Call>, CodecError> {
        let call = self.take_call(&mut bytes, MAX_BATCH_DEPTH)?;
        if call.is_some() && !bytes.is_empty() {
            return Err(malformed("a call with bytes behind it"));
        }
        Ok(call)
    }

    fn take_call(&self, bytes: &mut &[u8], depth: u8) -> Result<Option<Call>, CodecError> {
        let [pallet_index, call_index] = <[u8; 2]>::decode(bytes).map_err(|_| malformed("a call"))?;
        let pallet = self.metadata.pallet_by_call_index(pallet_index).ok_or_else(|| malformed("the call's pallet"))?;
        let variant = pallet.call_variant_by_index(call_index).ok_or_else(|| malformed("the call's name"))?;
        let kind = match (pallet.name(), variant.name.as_str()) {
            ("Utility", "batch") => Some(BatchKind::UntilFailure),
            ("Utility", "batch_all") => Some(BatchKind::Atomic),
            ("Utility", "force_batch") => Some(BatchKind::Forced),
            _ => None,
        };
        if let Some(kind) = kind {
            let depth = depth.checked_sub(1).ok_or_else(|| malformed("so deep a batch"))?;
            let count = Compact::<u32>::decode(bytes).map_err(|_| malformed("a batch"))?.0;
            let mut calls = Vec::new();
            for _ in 0..count {
                let Some(call) = self.take_call(bytes, depth)? else { return Ok(None) };
                calls.push(call);
            }
            return Ok(Some(Call::Batch { kind, calls }));
        }
        let name = (pallet.name(), variant.name.as_str());
        if !CALLS.contains(&name) && name != ("Balances", "transfer") {
            return Ok(None);
        }
        let mut fields = Vec::new();
        for field in &variant.fields {
            fields.push((field.name.clone().unwrap_or_default(), self.take(bytes, field.ty.id)?));
        }
        read::call(name, &Composite::Named(fields)).map(Some)
    }

    /// The key of a storage item, or of one entry of a map. `keys` are SCALE-encoded already.
    pub fn storage_key(&self, pallet: &str, item: &str, keys: &[Vec<u8>]) -> Result<Vec<u8>, CodecError> {
        let missing = || CodecError::Missing(format!("{pallet}.{item}"));
        let storage = self.metadata.pallet_by_name(pallet).and_then(|p| p.storage()).ok_or_else(missing)?;
        let entry = storage.entry_by_name(item).ok_or_else(missing)?;
        // A map over a tuple with one hasher is told with one key; its parts are hashed together.
        let hashers: Vec<_> = entry.keys().map(|key| format!("{:?}", key.hasher)).collect();
        let joined = keys.concat();
        let parts: Vec<&[u8]> = if hashers.len() == keys.len() {
            keys.iter().map(Vec::as_slice).collect()
        } else if hashers.len() == 1 {
            vec![&joined]
        } else {
            return Err(missing());
        };
        let mut key = storage_prefix(storage.prefix(), item);
        for (hasher, part) in hashers.iter().zip(parts) {
            match hasher.as_str() {
                "Blake2_128Concat" => key.extend([&blake2_128(part)[..], part].concat()),
                "Twox64Concat" => key.extend([&XxHash64::oneshot(0, part).to_le_bytes()[..], part].concat()),
                "Identity" => key.extend(part),
                _ => return Err(missing()),
            }
        }
        Ok(key)
    }

    /// A stored value, as the runtime's metadata describes it.
    pub fn decode_storage(&self, pallet: &str, item: &str, mut bytes: &[u8]) -> Result<Value<u32>, CodecError> {
        let storage = self.metadata.pallet_by_name(pallet).and_then(|p| p.storage());
        let entry = storage.and_then(|s| s.entry_by_name(item));
        let entry = entry.ok_or_else(|| CodecError::Missing(format!("{pallet}.{item}")))?;
        let value = self.take(&mut bytes, entry.value_ty())?;
        if bytes.is_empty() { Ok(value) } else { Err(malformed(&format!("{pallet}.{item}: too long"))) }
    }

    /// The value of `System.Events`.
    pub fn decode_events(&self, bytes: &[u8]) -> Result<Vec<EventRecord>, CodecError> {
        let records = self.decode_storage("System", "Events", bytes)?;
        let ValueDef::Composite(records) = &records.value else { return Err(malformed("events")) };
        records.values().map(|record| read::event_record(self, record)).collect()
    }

    /// The names behind `DispatchError::Module`.
    pub fn module_error(&self, pallet_index: u8, error_index: u8) -> ModuleError {
        let pallet = self.metadata.pallet_by_error_index(pallet_index);
        let name = pallet.as_ref().and_then(|p| p.error_variant_by_index(error_index)).map(|error| error.name.clone());
        ModuleError {
            pallet: pallet.map_or_else(|| format!("pallet {pallet_index}"), |p| p.name().to_owned()),
            name: name.unwrap_or_else(|| format!("error {error_index}")),
        }
    }

    /// Where a named error, or a named event, sits in the runtime.
    pub fn error_index(&self, pallet: &str, name: &str) -> Option<(u8, u8)> {
        let pallet = self.metadata.pallet_by_name(pallet)?;
        Some((pallet.error_index(), pallet.error_variants()?.iter().find(|error| error.name == name)?.index))
    }

    pub fn event_index(&self, pallet: &str, name: &str) -> Option<(u8, u8)> {
        let pallet = self.metadata.pallet_by_name(pallet)?;
        Some((pallet.event_index(), pallet.event_variants()?.iter().find(|event| event.name == name)?.index))
    }

    pub fn call_index(&self, pallet: &str, name: &str) -> Option<(u8, u8)> {
        let pallet = self.metadata.pallet_by_name(pallet)?;
        Some((pallet.call_index(), pallet.call_variant_by_name(name)?.index))
    }

    /// The SCALE-encoded constant of a pallet.
    pub fn constant(&self, pallet: &str, name: &str) -> Option<&[u8]> {
        Some(self.metadata.pallet_by_name(pallet)?.constant_by_name(name)?.value())
    }

    pub(super) fn take(&self, bytes: &mut &[u8], ty: u32) -> Result<Value<u32>, CodecError> {
        dynamic::decode(self.metadata.types(), ty, bytes)
    }
}

/// Pallet and call, as the runtime calls them.
pub(super) fn name(call: &Call) -> (&'static str, &'static str) {
    let (pallet, name, _) = arguments(call);
    (pallet, name)
}

/// Pallet, call and named arguments as the runtime calls them.
fn arguments(call: &Call) -> (&'static str, &'static str, Vec<(&'static str, Arg)>) {
    let text = |text: &Option<String>| Arg::MaybeBytes(text.as_ref().map(|text| text.clone().into_bytes()));
    let id = |id: &u64| Arg::Number((*id).into());
    match call {
        Call::AcceptTerms { link, hash } => {
            let (link, hash) = (link.clone().into_bytes(), hash.clone().into_bytes());
            ("TfgridModule", "user_accept_tc", vec![("document_link", Arg::Bytes(link)), ("document_hash", Arg::Bytes(hash))])
        }
        Call::CreateTwin { relay, pk } => {
            ("TfgridModule", "create_twin", vec![("relay", text(relay)), ("pk", Arg::MaybeBytes(pk.clone()))])
        }
        Call::UpdateTwin { relay, pk } => {
            ("TfgridModule", "update_twin", vec![("relay", text(relay)), ("pk", Arg::MaybeBytes(pk.clone()))])
        }
        Call::CreateNodeContract { node, hash, data, public_ips, solution_provider } => (
            "SmartContractModule",
            "create_node_contract",
            vec![
                ("node_id", Arg::Number((*node).into())),
                ("deployment_hash", Arg::Bytes(hash.to_vec())),
                ("deployment_data", Arg::Bytes(data.clone())),
                ("public_ips", Arg::Number((*public_ips).into())),
                ("solution_provider_id", Arg::MaybeNumber(*solution_provider)),
            ],
        ),
        Call::UpdateNodeContract { contract, hash, data } => (
            "SmartContractModule",
            "update_node_contract",
            vec![
                ("contract_id", id(contract)),
                ("deployment_hash", Arg::Bytes(hash.to_vec())),
                ("deployment_data", Arg::Bytes(data.clone())),
            ],
        ),
        Call::CancelContract { contract } => ("SmartContractModule", "cancel_contract", vec![("contract_id", id(contract))]),
        Call::CreateNameContract { name } => {
            ("SmartContractModule", "create_name_contract", vec![("name", Arg::Bytes(name.clone()))])
        }
        Call::CreateRentContract { node, solution_provider } => (
            "SmartContractModule",
            "create_rent_contract",
            vec![("node_id", Arg::Number((*node).into())), ("solution_provider_id", Arg::MaybeNumber(*solution_provider))],
        ),
        Call::BillContract { contract } => {
            ("SmartContractModule", "bill_contract_for_block", vec![("contract_id", id(contract))])
        }
        Call::TransferKeepAlive { to, amount } => {
            ("Balances", "transfer_keep_alive", vec![("dest", Arg::Account(*to)), ("value", Arg::Number(*amount))])
        }
        Call::TransferAllowDeath { to, amount } => {
            ("Balances", "transfer_allow_death", vec![("dest", Arg::Account(*to)), ("value", Arg::Number(*amount))])
        }
        Call::Batch { kind: BatchKind::UntilFailure, .. } => ("Utility", "batch", vec![]),
        Call::Batch { kind: BatchKind::Atomic, .. } => ("Utility", "batch_all", vec![]),
        Call::Batch { kind: BatchKind::Forced, .. } => ("Utility", "force_batch", vec![]),
    }
}

pub(super) fn malformed(what: &str) -> CodecError {
    CodecError::Malformed(what.to_owned())
}

/// The first 32 bytes of every key of a storage item.
pub fn storage_prefix(pallet: &str, item: &str) -> Vec<u8> {
    [twox_128(pallet.as_bytes()), twox_128(item.as_bytes())].concat()
}

pub fn twox_128(bytes: &[u8]) -> [u8; 16] {
    let (low, high) = (XxHash64::oneshot(0, bytes), XxHash64::oneshot(1, bytes));
    (u128::from(low) | u128::from(high) << 64).to_le_bytes()
}

pub fn blake2_128(bytes: &[u8]) -> [u8; 16] {
    Blake2b::<U16>::digest(bytes).into()
}

pub fn blake2_256(bytes: &[u8]) -> Hash {
    Blake2b::<U32>::digest(bytes).into()
}

/// The number in `value`, through any wrappers.
pub(super) fn number(value: &Value<u32>) -> Option<u128> {
    match &value.value {
        ValueDef::Primitive(Primitive::U128(number)) => Some(*number),
        ValueDef::Composite(inner) if inner.len() == 1 => number(inner.values().next()?),
        _ => None,
    }
}

#[cfg(test)]
pub(in crate::wire::tfchain) mod tests {
    use std::sync::LazyLock;

    use serde_json::Value as Json;

    use super::*;
    use crate::wire::tfchain::METADATA_149;

    pub(in crate::wire::tfchain) fn codec() -> &'static Codec {
        static CODEC: LazyLock<Codec> = LazyLock::new(|| Codec::new(METADATA_149).unwrap());
        &CODEC
    }

    fn vectors() -> Json {
        serde_json::from_str(include_str!("../../../tests/vectors/grid/scale.json")).unwrap()
    }

    fn bob() -> AccountId {
        hex::decode("8eaf04151687736326c9fea17e25fc5287613693c912909cb226aa4794f26a48").unwrap().try_into().unwrap()
    }

    fn alice() -> AccountId {
        hex::decode("d43593c715fdd31c61141abd04a99fd6822c8558854ccde39a5684e7a56da27d").unwrap().try_into().unwrap()
    }

    /// None for calls that we never make.
    fn recorded_call(case: &Json) -> Option<Call> {
        let args = &case["args"];
        let text = |name: &str| args[name].as_str().unwrap().to_owned();
        let hash = || <[u8; 32]>::try_from(text("deployment_hash_ascii").into_bytes()).unwrap();
        let int = |name: &str| args[name].as_u64().unwrap();
        let narrow = |name: &str| u32::try_from(int(name)).unwrap();
        let twin = || {
            let pk = args["pk"].as_str().map(|pk| hex::decode(pk.strip_prefix("0x").unwrap()).unwrap());
            (args["relay"].as_str().map(str::to_owned), pk)
        };
        let cancels = || vec![Call::CancelContract { contract: 1 }, Call::CancelContract { contract: 2 }];
        Some(match case["call"].as_str().unwrap() {
            "userAcceptTc" => Call::AcceptTerms { link: text("document_link"), hash: text("document_hash") },
            "createTwin" => Call::CreateTwin { relay: twin().0, pk: twin().1 },
            "createNodeContract" => Call::CreateNodeContract {
                node: narrow("node_id"),
                hash: hash(),
                data: text("deployment_data").into_bytes(),
                public_ips: narrow("public_ips"),
                solution_provider: args["solution_provider_id"].as_u64(),
            },
            "updateNodeContract" => Call::UpdateNodeContract {
                contract: int("contract_id"),
                hash: hash(),
                data: text("deployment_data").into_bytes(),
            },
            "createRentContract" => Call::CreateRentContract { node: narrow("node_id"), solution_provider: None },
            "createNameContract" => Call::CreateNameContract { name: text("name").into_bytes() },
            "billContractForBlock" => Call::BillContract { contract: int("contract_id") },
            "transferAllowDeath" => Call::TransferAllowDeath { to: bob(), amount: 10_000_000 },
            "batchAll" => Call::Batch { kind: BatchKind::Atomic, calls: cancels() },
            "batch" => Call::Batch { kind: BatchKind::UntilFailure, calls: cancels() },
            _ => return None,
        })
    }

    #[test]
    fn recorded_calls_are_encoded_byte_for_byte_and_read_back() {
        let mut encoded = 0;
        for case in vectors()["calls"].as_array().unwrap() {
            let want = hex::decode(case["call_data_hex"].as_str().unwrap()).unwrap();
            let Some(call) = recorded_call(case) else {
                // Calls of others: the old transfer is read as what it is today, the rest is politely not ours.
                let legacy = Call::TransferAllowDeath { to: bob(), amount: 10_000_000 };
                let expected = (case["call"] == "transfer").then_some(legacy);
                assert_eq!(codec().decode_call(&want), Ok(expected), "{case}");
                continue;
            };
            assert_eq!(codec().encode_call(&call).map(hex::encode), Ok(hex::encode(&want)), "{case}");
            assert_eq!(codec().decode_call(&want), Ok(Some(call)));
            encoded += 1;
        }
        assert_eq!(encoded, 12);
    }

    #[test]
    fn recorded_storage_keys_come_out() {
        let keys = |name: &str| match name.split(['(', ')']).nth(1) {
            None => vec![],
            Some("//Alice") => vec![alice().to_vec()],
            Some("mygw") => vec!["mygw".encode()],
            Some("123456") => vec![123_456u64.encode()],
            Some(small) => vec![small.parse::<u32>().unwrap().encode()],
        };
        let cases = vectors()["storage_keys"].as_array().unwrap().clone();
        assert_eq!(cases.len(), 9);
        for case in cases {
            let name = case["name"].as_str().unwrap();
            let (pallet, item) = name.split('(').next().unwrap().split_once('.').unwrap();
            let key = codec().storage_key(pallet, item, &keys(name)).unwrap();
            assert_eq!(hex::encode(key), case["key_hex"].as_str().unwrap(), "{name}");
        }
    }

    #[test]
    fn nothing_we_use_is_missing_from_the_recorded_runtime() {
        assert_eq!(codec().missing(), Vec::<String>::new());
        assert_eq!(codec().spec_version(), Some(149));
    }

    #[test]
    fn a_batch_nested_a_thousand_times_is_refused() {
        let mut call = [3, 0, 4].repeat(1000);
        call.extend([26, 2, 1, 0, 0, 0, 0, 0, 0, 0]);
        assert!(codec().decode_call(&call).is_err());
    }

    #[test]
    fn errors_have_the_runtimes_names() {
        assert_eq!(codec().module_error(26, 13).to_string(), "SmartContractModule.ContractIsNotUnique");
        assert_eq!(codec().module_error(26, 250).name, "error 250");
        assert_eq!(codec().error_index("SmartContractModule", "ContractIsNotUnique"), Some((26, 13)));
    }
}
