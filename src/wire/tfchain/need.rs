//! What we need of a runtime: calls whose arguments we can fill, storage we can read, events we understand.

use scale_info::form::PortableForm;
use scale_info::{PortableRegistry, TypeDef, Variant};

use super::codec::{Codec, CodecError};
use super::types::Call;

/// A call with each argument as we fill it.
fn calls() -> [Call; 7] {
    let (relay, pk) = (Some("relay.example".to_owned()), Some(vec![2; 33]));
    [
        Call::AcceptTerms { link: "https://terms.example/".into(), hash: "d41d8cd98f00b204e9800998ecf8427e".into() },
        Call::CreateTwin { relay: relay.clone(), pk: pk.clone() },
        Call::UpdateTwin { relay, pk },
        Call::CreateNodeContract { node: 7, hash: [b'a'; 32], data: vec![b'{', b'}'], public_ips: 0, solution_provider: None },
        Call::CancelContract { contract: 7 },
        Call::UpdateNodeContract { contract: 7, hash: [b'a'; 32], data: vec![b'{', b'}'] },
        Call::CreateNameContract { name: b"shop".to_vec() },
    ]
}

/// Storage we read, how many keys it takes, and the parts of its value that we look for. A part is a field or a choice.
/// Read only to be looked at, and done without where it is not: `ContractBillingInformationByID`, `LastBlockSet`. What a twin's
/// second account (`TwinBoundedAccountID`) adds to the discount is not counted where it can't be read.
pub const STORAGE: &[(&str, &str, usize, &[&str])] = &[
    ("System", "Account", 1, &["nonce", "data.free", "data.reserved", "data.frozen"]),
    ("System", "Events", 0, &[]),
    ("Timestamp", "Now", 0, &[]),
    ("TfgridModule", "TwinIdByAccountID", 1, &[]),
    ("TfgridModule", "Twins", 1, &["id", "account_id", "relay", "pk"]),
    ("TfgridModule", "UsersTermsAndConditions", 1, &[]),
    ("SmartContractModule", "ContractIDByNodeIDAndHash", 2, &[]),
    ("SmartContractModule", "ContractIDByNameRegistration", 1, &[]),
    (
        "SmartContractModule",
        "Contracts",
        1,
        &[
            "contract_id",
            "twin_id",
            "state.Created",
            "state.GracePeriod",
            "state.Deleted",
            "contract_type.NodeContract.node_id",
            "contract_type.NodeContract.deployment_hash",
            "contract_type.NodeContract.deployment_data",
            "contract_type.NodeContract.public_ips",
            "contract_type.NameContract.name",
        ],
    ),
    ("SmartContractModule", "ActiveRentContractForNode", 1, &[]),
    ("SmartContractModule", "DedicatedNodesExtraFee", 1, &[]),
    ("SmartContractModule", "NodeContractResources", 1, &["used.hru", "used.sru", "used.cru", "used.mru"]),
    ("TfgridModule", "Nodes", 1, &["id", "certification.Certified"]),
    (
        "TfgridModule",
        "PricingPolicies",
        1,
        &["su.value", "cu.value", "nu.value", "ipu.value", "unique_name.value", "discount_for_dedication_nodes"],
    ),
    ("TFTPriceModule", "AverageTftPrice", 0, &[]),
    ("TFTPriceModule", "MaxTftPrice", 0, &[]),
    ("TFTPriceModule", "MinTftPrice", 0, &[]),
];

/// Events we act on, with the fields we look for. The bill is a record inside its event. `ContractPaymentOverdrawn` is read where
/// there is one: the recorded runtime does not have it yet.
const EVENTS: &[(&str, &str, &[&str])] = &[
    ("System", "ExtrinsicSuccess", &[]),
    ("System", "ExtrinsicFailed", &["dispatch_error"]),
    ("Balances", "Transfer", &["from", "to", "amount"]),
    ("Balances", "ReserveRepatriated", &["from", "to", "amount"]),
    ("SmartContractModule", "ContractBilled", &["contract_id", "timestamp", "discount_level", "amount_billed"]),
    ("SmartContractModule", "NodeContractCanceled", &["contract_id"]),
    ("SmartContractModule", "NameContractCanceled", &["contract_id"]),
    ("SmartContractModule", "ContractGracePeriodStarted", &["contract_id"]),
    ("SmartContractModule", "ContractGracePeriodEnded", &["contract_id"]),
];

impl Codec {
    /// What we use and this runtime lacks, by name; empty if we can work with it. A call counts only if what we write into
    /// its arguments reads back as the same call, storage and events only if they hold the parts we look for.
    pub fn missing(&self) -> Vec<String> {
        let mut missing = Vec::new();
        for call in calls() {
            if let Err(error) = self.writes(&call) {
                missing.push(error.to_string());
            }
        }
        if let Err(error) = self.extensions() {
            missing.push(error.to_string());
        }
        for (pallet, item, keys, parts) in STORAGE {
            let key = vec![vec![0; 32]; *keys];
            let value = match self.storage_key(pallet, item, &key) {
                Ok(_) => self.value_type(pallet, item),
                Err(_) => None,
            };
            match value {
                Some(value) => missing.extend(self.lacking(pallet, item, parts, |part| has(self.metadata.types(), value, part))),
                None => missing.push(format!("{pallet}.{item}")),
            }
        }
        for (pallet, name, fields) in EVENTS {
            let variants = self.metadata.pallet_by_name(pallet);
            let event =
                variants.as_ref().and_then(|it| it.event_variants()).and_then(|all| all.iter().find(|it| it.name == *name));
            match event {
                Some(event) => missing.extend(self.lacking(pallet, name, fields, |field| self.event_has(event, field))),
                None => missing.push(format!("{pallet}.{name}")),
            }
        }
        missing
    }

    fn writes(&self, call: &Call) -> Result<(), CodecError> {
        let (pallet, name) = super::codec::name(call);
        let unfit = || CodecError::Missing(format!("{pallet}.{name} as we fill it"));
        let bytes = self.encode_call(call).map_err(|_| unfit())?;
        match self.decode_call(&bytes) {
            Ok(Some(read)) if read == *call => Ok(()),
            _ => Err(unfit()),
        }
    }

    fn lacking(&self, pallet: &str, name: &str, parts: &[&str], has: impl Fn(&str) -> bool) -> Vec<String> {
        parts.iter().filter(|part| !has(part)).map(|part| format!("{pallet}.{name}.{part}")).collect()
    }

    fn value_type(&self, pallet: &str, item: &str) -> Option<u32> {
        let pallet = self.metadata.pallet_by_name(pallet)?;
        Some(pallet.storage()?.entry_by_name(item)?.value_ty())
    }

    fn event_has(&self, event: &Variant<PortableForm>, field: &str) -> bool {
        let inside = |at: &scale_info::Field<PortableForm>| has(self.metadata.types(), at.ty.id, field);
        event.fields.iter().any(|at| at.name.as_deref() == Some(field) || (at.name.is_none() && inside(at)))
    }
}

/// Whether a type has a part: field or choice names joined by dots, through wrappers and options.
fn has(types: &PortableRegistry, ty: u32, path: &str) -> bool {
    let (first, rest) = path.split_once('.').unwrap_or((path, ""));
    let Some(found) = types.resolve(ty) else { return false };
    let goes_on = |ty: Option<u32>| rest.is_empty() || ty.is_some_and(|ty| has(types, ty, rest));
    match &found.type_def {
        TypeDef::Composite(record) => match record.fields.as_slice() {
            [only] if only.name.is_none() => has(types, only.ty.id, path),
            fields => fields.iter().any(|field| field.name.as_deref() == Some(first) && goes_on(Some(field.ty.id))),
        },
        TypeDef::Variant(choice) => {
            choice.variants.iter().any(|it| it.name == first && goes_on(it.fields.first().map(|field| field.ty.id)))
        }
        _ => false,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::wire::tfchain::METADATA_149;

    /// The runtime with one word of it changed for another of the same length.
    fn with(old: &str, new: &str) -> Codec {
        assert_eq!(old.len(), new.len());
        let mut bytes = METADATA_149.to_vec();
        let at: Vec<usize> = (0..bytes.len() - old.len()).filter(|at| bytes[*at..].starts_with(old.as_bytes())).collect();
        assert!(!at.is_empty(), "{old}");
        for at in at {
            bytes[at..at + old.len()].copy_from_slice(new.as_bytes());
        }
        Codec::new(&bytes).unwrap()
    }

    #[test]
    fn a_runtime_that_we_know_lacks_nothing() {
        assert_eq!(Codec::new(METADATA_149).unwrap().missing(), Vec::<String>::new());
    }

    #[test]
    fn whatever_a_runtime_renames_is_named() {
        for (old, new, named) in [
            ("cancel_contract", "cancel_kontract", "SmartContractModule.cancel_contract as we fill it"),
            ("deployment_data", "deployment_dada", "SmartContractModule.create_node_contract as we fill it"),
            ("deployment_data", "deployment_dada", "SmartContractModule.Contracts.contract_type.NodeContract.deployment_data"),
            ("update_node_contract", "update_node_kontract", "SmartContractModule.update_node_contract as we fill it"),
            ("user_accept_tc", "user_accept_tk", "TfgridModule.user_accept_tc as we fill it"),
            ("ContractIDByNodeIDAndHash", "ContractIDByNodeIDAndHush", "SmartContractModule.ContractIDByNodeIDAndHash"),
            ("GracePeriod", "GracyPeriod", "SmartContractModule.Contracts.state.GracePeriod"),
            ("ContractBilled", "ContractBulled", "SmartContractModule.ContractBilled"),
            ("amount_billed", "amount_bulled", "SmartContractModule.ContractBilled.amount_billed"),
            ("TwinIdByAccountID", "TwinIdByAccountIX", "TfgridModule.TwinIdByAccountID"),
            ("reserved", "reversed", "System.Account.data.reserved"),
            ("ActiveRentContractForNode", "ActiveRentContractForNope", "SmartContractModule.ActiveRentContractForNode"),
            ("certification", "zertification", "TfgridModule.Nodes.certification.Certified"),
            ("discount_for_dedication_nodes", "discount_for_dedication_nopes", "PricingPolicies.discount_for_dedication_nodes"),
        ] {
            let missing = with(old, new).missing();
            assert!(missing.iter().any(|it| it.contains(named)), "{old} is {new}: {missing:?}");
        }
    }
}
