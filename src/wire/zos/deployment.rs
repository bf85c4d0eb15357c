//! A deployment: its workloads, its hash, its signatures, and the results that a node adds.

use md5::{Digest, Md5};
use serde::de::Error as _;
use serde::{Deserialize, Deserializer, Serialize, Serializer};
use serde_json::Value;

use super::challenge::{self, UnknownType};
use super::data::Data;
use super::null_is_default;
use crate::wire::key::{self, AccountId, KeyPair, Scheme};

/// The style of browser wallets, which sign text only.
pub const POLKA_WALLET: &str = "polka-wallet";

#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Deployment {
    /// 0 on creation, one more on each update.
    pub version: u32,
    /// Must be the sender on the bus.
    pub twin_id: u32,
    /// Set once the contract exists. Not hashed.
    #[serde(default)]
    pub contract_id: u64,
    #[serde(default)]
    pub metadata: String,
    #[serde(default)]
    pub description: String,
    /// Unused, 0.
    #[serde(default)]
    pub expiration: i64,
    #[serde(default)]
    pub signature_requirement: SignatureRequirement,
    /// In the order in which they are hashed.
    #[serde(default, deserialize_with = "null_is_default")]
    pub workloads: Vec<Workload>,
}

#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
pub struct SignatureRequirement {
    #[serde(default, deserialize_with = "null_is_default")]
    pub requests: Vec<SignatureRequest>,
    #[serde(default)]
    pub weight_required: u64,
    #[serde(default, deserialize_with = "null_is_default")]
    pub signatures: Vec<Signature>,
    /// Empty, or `POLKA_WALLET`.
    #[serde(default)]
    pub signature_style: String,
}

#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct SignatureRequest {
    pub twin_id: u32,
    #[serde(default)]
    pub required: bool,
    #[serde(default)]
    pub weight: u64,
}

#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Signature {
    pub twin_id: u32,
    /// 64 bytes as hex, no prefix byte.
    pub signature: String,
    #[serde(default)]
    pub signature_type: String,
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Workload {
    pub version: u32,
    pub name: String,
    pub data: Data,
    pub metadata: String,
    pub description: String,
    /// Set by the node. Not hashed.
    pub result: Outcome,
}

/// What the node says about a workload.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
pub struct Outcome {
    /// Unix seconds.
    #[serde(default)]
    pub created: i64,
    #[serde(default)]
    pub state: State,
    /// What went wrong, for `State::Error`.
    #[serde(default, rename = "message")]
    pub error: String,
    #[serde(default)]
    pub data: Value,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum State {
    /// Not yet.
    #[default]
    #[serde(rename = "", alias = "init")]
    Init,
    Ok,
    Error,
    Deleted,
    Paused,
    /// An update failed; what was there before still runs.
    Unchanged,
    /// A word that newer nodes may use.
    #[serde(other)]
    Unknown,
}

impl Workload {
    pub fn new(name: impl Into<String>, data: Data) -> Self {
        let (metadata, description) = (String::new(), String::new());
        Workload { version: 0, name: name.into(), data, metadata, description, result: Outcome::default() }
    }
}

#[derive(Serialize, Deserialize)]
struct RawWorkload {
    #[serde(default)]
    version: u32,
    name: String,
    #[serde(rename = "type")]
    kind: String,
    #[serde(default)]
    data: Value,
    #[serde(default)]
    metadata: String,
    #[serde(default)]
    description: String,
    #[serde(default, deserialize_with = "null_is_default")]
    result: Outcome,
}

impl Serialize for Workload {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let raw = RawWorkload {
            version: self.version,
            name: self.name.clone(),
            kind: self.data.kind().to_owned(),
            data: self.data.to_json().map_err(serde::ser::Error::custom)?,
            metadata: self.metadata.clone(),
            description: self.description.clone(),
            result: self.result.clone(),
        };
        raw.serialize(serializer)
    }
}

impl<'de> Deserialize<'de> for Workload {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let raw = RawWorkload::deserialize(deserializer)?;
        Ok(Workload {
            version: raw.version,
            name: raw.name,
            data: Data::from_json(&raw.kind, raw.data).map_err(D::Error::custom)?,
            metadata: raw.metadata,
            description: raw.description,
            result: raw.result,
        })
    }
}

/// Why a node does not accept the signatures, in its words.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum SignatureFault {
    #[error("missing required signature for twin: {0}")]
    Missing(u32),
    #[error("failed to verify signature: twin {0}")]
    Wrong(u32),
    #[error("required signatures weight not reached")]
    Weight,
    #[error(transparent)]
    UnknownType(#[from] UnknownType),
}

impl Deployment {
    /// A deployment of one twin, which alone has to sign.
    pub fn new(twin: u32, workloads: Vec<Workload>) -> Self {
        let requests = vec![SignatureRequest { twin_id: twin, required: false, weight: 1 }];
        Deployment {
            version: 0,
            twin_id: twin,
            contract_id: 0,
            metadata: String::new(),
            description: String::new(),
            expiration: 0,
            signature_requirement: SignatureRequirement { requests, weight_required: 1, ..Default::default() },
            workloads,
        }
    }

    pub fn challenge(&self) -> Result<String, UnknownType> {
        challenge::deployment(self)
    }

    /// The 16 bytes that are signed.
    pub fn hash(&self) -> Result<[u8; 16], UnknownType> {
        Ok(Md5::digest(self.challenge()?).into())
    }

    /// The 32 characters that go on chain.
    pub fn hash_hex(&self) -> Result<String, UnknownType> {
        Ok(hex::encode(self.hash()?))
    }

    /// Signs for `twin` in the style that is asked for, replacing its earlier signature.
    pub fn sign(&mut self, twin: u32, key: &KeyPair) -> Result<(), UnknownType> {
        let signature = hex::encode(key.sign(&self.message()?));
        let signatures = &mut self.signature_requirement.signatures;
        signatures.retain(|signature| signature.twin_id != twin);
        signatures.push(Signature { twin_id: twin, signature, signature_type: key.scheme().name().into() });
        Ok(())
    }

    /// As a node does it: the own twin is always required, and every listed request needs a valid signature.
    pub fn verify_signatures(&self, account: impl Fn(u32) -> Option<AccountId>) -> Result<(), SignatureFault> {
        let message = self.message()?;
        let requirement = &self.signature_requirement;
        if !requirement.requests.iter().any(|request| request.twin_id == self.twin_id) {
            return Err(SignatureFault::Missing(self.twin_id));
        }
        let mut weight = 0u64;
        for request in &requirement.requests {
            let twin = request.twin_id;
            let signature = requirement.signatures.iter().find(|signature| signature.twin_id == twin);
            let Some(signature) = signature else {
                let required = request.required || twin == self.twin_id;
                // A node checks an absent optional signature as an empty one, which is never valid.
                return Err(if required { SignatureFault::Missing(twin) } else { SignatureFault::Wrong(twin) });
            };
            let account = account(twin).ok_or(SignatureFault::Wrong(twin))?;
            if !verify(signature, &account, &message) {
                return Err(SignatureFault::Wrong(twin));
            }
            weight = weight.saturating_add(request.weight);
        }
        if weight < requirement.weight_required { Err(SignatureFault::Weight) } else { Ok(()) }
    }

    /// What is signed: the raw hash, or the text a browser wallet makes of it.
    fn message(&self) -> Result<Vec<u8>, UnknownType> {
        let hash = self.hash()?;
        Ok(match self.signature_requirement.signature_style.as_str() {
            POLKA_WALLET => format!("<Bytes>{}</Bytes>", hex::encode(hash)).into_bytes(),
            _ => hash.to_vec(),
        })
    }

    pub fn workload(&self, name: &str) -> Option<&Workload> {
        self.workloads.iter().find(|workload| workload.name == name)
    }
}

/// An unknown scheme is taken for ed25519, as nodes do.
fn verify(signature: &Signature, account: &AccountId, message: &[u8]) -> bool {
    let scheme = if signature.signature_type == Scheme::Sr25519.name() { Scheme::Sr25519 } else { Scheme::Ed25519 };
    hex::decode(&signature.signature).is_ok_and(|bytes| key::verify(scheme, account, message, &bytes))
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;
    use serde_json::json;

    use super::*;

    fn vectors(name: &str) -> Value {
        serde_json::from_str(match name {
            "deployments" => include_str!("../../../tests/vectors/grid/deployments.json"),
            _ => include_str!("../../../tests/vectors/grid/signatures.json"),
        })
        .unwrap()
    }

    fn recorded(name: &str) -> Deployment {
        let vectors = vectors("deployments");
        let case = vectors["cases"].as_array().unwrap().iter().find(|case| case["name"] == name).unwrap();
        serde_json::from_value(case["deployment"].clone()).unwrap()
    }

    #[test]
    fn the_recorded_deployments_hash_as_recorded() {
        let vectors = vectors("deployments");
        let cases = vectors["cases"].as_array().unwrap();
        assert_eq!(cases.len(), 17);
        for case in cases {
            let name = case["name"].as_str().unwrap();
            let read: Deployment = serde_json::from_value(case["deployment"].clone()).unwrap();
            assert_eq!(read.challenge().unwrap(), case["challenge_utf8"].as_str().unwrap(), "{name}");
            assert_eq!(read.hash_hex().unwrap(), case["challenge_hash_hex"].as_str().unwrap(), "{name}");
            let on_chain = hex::encode(read.hash_hex().unwrap());
            assert_eq!(on_chain, case["onchain_deployment_hash_32_ascii_bytes_hex"].as_str().unwrap(), "{name}");
            // What we write is read back as the same, and holds every field that was recorded.
            let written = serde_json::to_value(&read).unwrap();
            assert_eq!(serde_json::from_value::<Deployment>(written.clone()).unwrap(), read, "{name}");
            contains(&written, &case["deployment"], name);
        }
    }

    fn contains(whole: &Value, part: &Value, place: &str) {
        match (whole, part) {
            (Value::Object(whole), Value::Object(part)) => {
                part.iter().for_each(|(key, value)| contains(&whole[key], value, &format!("{place}.{key}")));
            }
            (Value::Array(whole), Value::Array(part)) => {
                assert_eq!(whole.len(), part.len(), "{place}");
                whole.iter().zip(part).for_each(|(whole, part)| contains(whole, part, place));
            }
            _ => assert_eq!(whole, part, "{place}"),
        }
    }

    #[test]
    fn the_recorded_signatures_verify_as_recorded() {
        let vectors = vectors("signatures");
        let cases = vectors["cases"].as_array().unwrap();
        assert_eq!(cases.len(), 5);
        for case in cases {
            let account: AccountId = hex::decode(case["public_key"].as_str().unwrap()).unwrap().try_into().unwrap();
            let text = |name: &str| case[name].as_str().unwrap().to_owned();
            let signature = Signature { twin_id: 7, signature: text("signature_hex"), signature_type: text("scheme") };
            let message = hex::decode(text("message_hex")).unwrap();
            assert_eq!(verify(&signature, &account, &message), case["valid"].as_bool().unwrap(), "{case}");
            if case["signature_object"].is_object() {
                let object: Signature = serde_json::from_value(case["signature_object"].clone()).unwrap();
                assert_eq!(object, signature);
                let mut signed = recorded("vm_network_disk_publicip");
                signed.signature_requirement.signatures.push(object);
                assert_eq!(signed.verify_signatures(|_| Some(account)), Ok(()));
            }
        }
    }

    #[test]
    fn both_styles_and_both_schemes_are_signed_and_verified() {
        for scheme in [Scheme::Sr25519, Scheme::Ed25519] {
            for style in ["", POLKA_WALLET] {
                let key = KeyPair::from_mini_secret([9; 32], scheme);
                let mut deployment = recorded("zmount_only");
                deployment.signature_requirement.signature_style = style.into();
                deployment.sign(7, &key).unwrap();
                deployment.sign(7, &key).unwrap();
                assert_eq!(deployment.signature_requirement.signatures.len(), 1);
                assert_eq!(deployment.verify_signatures(|_| Some(key.public())), Ok(()));
                assert_eq!(deployment.verify_signatures(|_| Some([1; 32])), Err(SignatureFault::Wrong(7)));
                deployment.metadata.push('x');
                assert_eq!(deployment.verify_signatures(|_| Some(key.public())), Err(SignatureFault::Wrong(7)));
            }
        }
    }

    #[test]
    fn every_listed_twin_must_sign_and_the_owner_always() {
        let key = KeyPair::from_mini_secret([9; 32], Scheme::Sr25519);
        let account = |_| Some(key.public());
        let mut deployment = recorded("update_version_2_two_signers");
        assert_eq!(deployment.verify_signatures(account), Err(SignatureFault::Missing(7)));
        deployment.sign(7, &key).unwrap();
        assert_eq!(deployment.verify_signatures(account), Err(SignatureFault::Wrong(8)), "optional, and yet checked");
        deployment.sign(8, &key).unwrap();
        assert_eq!(deployment.verify_signatures(account), Ok(()));

        let mut heavy = recorded("zmount_only");
        heavy.signature_requirement.weight_required = 2;
        heavy.sign(7, &key).unwrap();
        assert_eq!(heavy.verify_signatures(account), Err(SignatureFault::Weight));
        heavy.signature_requirement.requests.clear();
        assert_eq!(heavy.verify_signatures(account), Err(SignatureFault::Missing(7)));
    }

    /// The two hashes below are not recorded from a client: no vector has them. They come from the second implementation that
    /// the vectors were checked with (`grid/vectors/generate/check.py`).
    fn one(kind: &str, name: &str, data: Value) -> Deployment {
        Deployment::new(7, vec![Workload::new(name, Data::from_json(kind, data).unwrap())])
    }

    #[test]
    fn a_light_network_without_wireguard_hashes_as_go_prints_it() {
        let key = "bb".repeat(32);
        let data = json!({"subnet": "10.20.2.0/24", "mycelium": {"hex_key": key, "peers": []}});
        let light = one("network-light", "mynet", data);
        assert_eq!(light.challenge().unwrap(), format!("0700mynetnetwork-light<nil>10.20.2.0/240{key}7false11"));
        assert_eq!(light.hash_hex().unwrap(), "736843c8f4f68507f8f06652a1e8d41a");
    }

    #[test]
    fn a_qsfs_hashes_in_the_documented_order() {
        let backend = |n: u8| json!({"address": format!("[400::{n}]:9900"), "namespace": format!("7-1-b{n}"), "password": format!("pw{n}")});
        let config = json!({
            "minimal_shards": 12, "expected_shards": 20, "redundant_groups": 1, "redundant_nodes": 2, "max_zdb_data_dir_size": 512,
            "encryption": {"algorithm": "AES", "key": "AB".repeat(32)},
            "meta": {"type": "zdb", "config": {"prefix": "pre", "encryption": {"algorithm": "AES", "key": "cd".repeat(32)},
                "backends": [backend(1), backend(2)]}},
            "groups": [{"backends": [backend(3)]}, {"backends": [backend(4), backend(5)]}],
            "compression": {"algorithm": "snappy"},
        });
        let qsfs = one("qsfs", "store", json!({"cache": 262_144_000, "config": config}));
        assert_eq!(qsfs.hash_hex().unwrap(), "5616a7e562b7d8bb1aa73c24cd774f21");
        let again: Deployment = serde_json::from_value(serde_json::to_value(&qsfs).unwrap()).unwrap();
        assert_eq!(again, qsfs);
    }

    #[test]
    fn an_unknown_state_or_type_does_not_hide_the_rest() {
        let outcome: Outcome = serde_json::from_str(r#"{"state":"dreaming","message":"z"}"#).unwrap();
        assert_eq!((outcome.state, outcome.error.as_str()), (State::Unknown, "z"));
        for (text, state) in [("", State::Init), ("init", State::Init), ("ok", State::Ok), ("unchanged", State::Unchanged)] {
            assert_eq!(serde_json::from_value::<State>(text.into()).unwrap(), state);
        }
        let mut deployment = recorded("zmount_only");
        deployment.workloads[0].data = Data::Other("hologram".into(), Value::Null);
        assert_eq!(deployment.hash_hex(), Err(UnknownType("hologram".into())));
    }

    proptest! {
        #[test]
        fn noise_is_refused_without_a_panic(noise: Vec<u8>, text: String) {
            let _ = serde_json::from_slice::<Deployment>(&noise);
            let mut json = serde_json::to_value(recorded("vm_network_disk_publicip")).unwrap();
            for pointer in ["/workloads/0/data/subnet", "/workloads/0/data/mycelium/hex_key", "/workloads/3/data/network/interfaces/0/ip", "/workloads/3/type"] {
                let mut changed = json.clone();
                *changed.pointer_mut(pointer).unwrap() = text.clone().into();
                let _ = serde_json::from_value::<Deployment>(changed);
            }
            *json.pointer_mut("/workloads/3/data").unwrap() = text.into();
            prop_assert!(serde_json::from_value::<Deployment>(json).is_err());
        }
    }
}
