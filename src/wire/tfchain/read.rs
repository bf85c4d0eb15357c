//! From dynamically decoded values to our records. Fields are found by name, so a runtime may add some.

use scale_value::{At, Composite, Value, ValueDef, Variant};

use super::codec::{Codec, CodecError, malformed, number};
use super::types::{
    Balances, Call, Cause, Contract, ContractKind, ContractState, Event, EventRecord, ModuleError, Node, PricingPolicy,
    Resources, Twin,
};
use crate::base::Time;
use crate::wire::key::AccountId;

type Decoded = Value<u32>;
type Read<T> = Result<T, CodecError>;

pub(super) fn call(name: (&str, &str), args: &Composite<u32>) -> Read<Call> {
    let arg = |name: &'static str| args.at(name).ok_or_else(|| malformed(name));
    Ok(match name {
        ("TfgridModule", "user_accept_tc") => {
            Call::AcceptTerms { link: text(arg("document_link")?)?, hash: text(arg("document_hash")?)? }
        }
        ("TfgridModule", "create_twin") => Call::CreateTwin { relay: maybe(arg("relay")?, text)?, pk: maybe(arg("pk")?, bytes)? },
        ("TfgridModule", "update_twin") => Call::UpdateTwin { relay: maybe(arg("relay")?, text)?, pk: maybe(arg("pk")?, bytes)? },
        ("SmartContractModule", "create_node_contract") => Call::CreateNodeContract {
            node: int(arg("node_id")?)?,
            hash: array(arg("deployment_hash")?)?,
            data: bytes(arg("deployment_data")?)?,
            public_ips: int(arg("public_ips")?)?,
            solution_provider: maybe(arg("solution_provider_id")?, int)?,
        },
        ("SmartContractModule", "update_node_contract") => Call::UpdateNodeContract {
            contract: int(arg("contract_id")?)?,
            hash: array(arg("deployment_hash")?)?,
            data: bytes(arg("deployment_data")?)?,
        },
        ("SmartContractModule", "cancel_contract") => Call::CancelContract { contract: int(arg("contract_id")?)? },
        ("SmartContractModule", "create_name_contract") => Call::CreateNameContract { name: bytes(arg("name")?)? },
        ("SmartContractModule", "create_rent_contract") => {
            Call::CreateRentContract { node: int(arg("node_id")?)?, solution_provider: maybe(arg("solution_provider_id")?, int)? }
        }
        ("SmartContractModule", "bill_contract_for_block") => Call::BillContract { contract: int(arg("contract_id")?)? },
        ("Balances", "transfer_keep_alive") => Call::TransferKeepAlive { to: target(arg("dest")?)?, amount: int(arg("value")?)? },
        ("Balances", "transfer_allow_death" | "transfer") => {
            Call::TransferAllowDeath { to: target(arg("dest")?)?, amount: int(arg("value")?)? }
        }
        _ => return Err(malformed("a call of another kind")),
    })
}

pub(super) fn event_record(codec: &Codec, record: &Decoded) -> Read<EventRecord> {
    let phase = variant(field(record, "phase")?)?;
    let extrinsic = match phase.name.as_str() {
        "ApplyExtrinsic" => Some(int(phase.values.at(0).ok_or_else(|| malformed("phase"))?)?),
        _ => None,
    };
    let pallet = variant(field(record, "event")?)?;
    let inner = variant(pallet.values.at(0).ok_or_else(|| malformed("event"))?)?;
    Ok(EventRecord { extrinsic, event: event(codec, &pallet.name, inner)? })
}

fn event(codec: &Codec, pallet: &str, event: &Variant<u32>) -> Read<Event> {
    let values = &event.values;
    let first = || values.at(0).ok_or_else(|| malformed("an event without fields"));
    let get = |name: &'static str| values.at(name).ok_or_else(|| malformed(name));
    Ok(match (pallet, event.name.as_str()) {
        ("SmartContractModule", "ContractBilled") => {
            let bill = first()?;
            Event::ContractBilled {
                contract: int(field(bill, "contract_id")?)?,
                timestamp: int(field(bill, "timestamp")?)?,
                level: variant(field(bill, "discount_level")?)?.name.clone(),
                amount: int(field(bill, "amount_billed")?)?,
            }
        }
        ("SmartContractModule", "ContractPaymentOverdrawn") => Event::PaymentOverdrawn {
            contract: int(get("contract_id")?)?,
            timestamp: int(get("timestamp")?)?,
            taken: int(get("partially_billed_amount")?)?,
            left: int(get("overdraft")?)?,
        },
        ("SmartContractModule", "NameContractCanceled") => Event::NameContractCanceled { contract: int(get("contract_id")?)? },
        ("SmartContractModule", "NodeContractCanceled") => Event::NodeContractCanceled { contract: int(get("contract_id")?)? },
        ("SmartContractModule", "ContractGracePeriodStarted") => {
            Event::GracePeriodStarted { contract: int(get("contract_id")?)? }
        }
        ("SmartContractModule", "ContractGracePeriodEnded") => Event::GracePeriodEnded { contract: int(get("contract_id")?)? },
        ("Balances", "Transfer") => {
            Event::Transfer { from: array(get("from")?)?, to: array(get("to")?)?, amount: int(get("amount")?)? }
        }
        ("Balances", "ReserveRepatriated") => {
            Event::ReserveRepatriated { from: array(get("from")?)?, to: array(get("to")?)?, amount: int(get("amount")?)? }
        }
        ("System", "ExtrinsicSuccess") => Event::ExtrinsicSuccess,
        ("System", "ExtrinsicFailed") => Event::ExtrinsicFailed(failure(codec, get("dispatch_error")?)?),
        (pallet, name) => Event::Other { pallet: pallet.to_owned(), name: name.to_owned() },
    })
}

fn failure(codec: &Codec, error: &Decoded) -> Read<ModuleError> {
    let error = variant(error)?;
    let inner = error.values.values().next();
    if error.name == "Module" {
        let module = inner.ok_or_else(|| malformed("a module error"))?;
        let [index, ..] = array::<4>(field(module, "error")?)?;
        return Ok(codec.module_error(int(field(module, "index")?)?, index));
    }
    // Token, arithmetic and transactional failures name their reason one level down.
    let reason = inner.and_then(|inner| variant(inner).ok()).map(|reason| format!(".{}", reason.name)).unwrap_or_default();
    Ok(ModuleError { pallet: String::new(), name: format!("{}{reason}", error.name) })
}

pub(super) fn account(value: &Decoded) -> Read<Balances> {
    let data = field(value, "data")?;
    Ok(Balances {
        nonce: int(field(value, "nonce")?)?,
        free: int(field(data, "free")?)?,
        reserved: int(field(data, "reserved")?)?,
        frozen: int(field(data, "frozen")?)?,
    })
}

pub(super) fn twin(value: &Decoded) -> Read<Twin> {
    Ok(Twin {
        id: int(field(value, "id")?)?,
        account: array(field(value, "account_id")?)?,
        relay: maybe(field(value, "relay")?, text)?,
        pk: maybe(field(value, "pk")?, bytes)?,
    })
}

pub(super) fn contract(value: &Decoded) -> Read<Contract> {
    let (state, kind) = (variant(field(value, "state")?)?, variant(field(value, "contract_type")?)?);
    let inside = |variant: &'_ Variant<u32>| variant.values.values().next().cloned().ok_or_else(|| malformed("contract"));
    let state = match state.name.as_str() {
        "Created" => ContractState::Created,
        "Deleted" => ContractState::Deleted(match variant(&inside(state)?)?.name.as_str() {
            "CanceledByUser" => Cause::CanceledByUser,
            "OutOfFunds" => Cause::OutOfFunds,
            "CanceledByCollective" => Cause::CanceledByCollective,
            _ => Cause::Other,
        }),
        "GracePeriod" => ContractState::GracePeriod(int(&inside(state)?)?),
        _ => return Err(malformed("the state of a contract")),
    };
    let kind = match (kind.name.as_str(), inside(kind)) {
        ("NodeContract", data) => {
            let data = data?;
            ContractKind::Node {
                node: int(field(&data, "node_id")?)?,
                hash: array(field(&data, "deployment_hash")?)?,
                data: bytes(field(&data, "deployment_data")?)?,
                public_ips: int(field(&data, "public_ips")?)?,
            }
        }
        ("NameContract", data) => ContractKind::Name { name: text(field(&data?, "name")?)? },
        ("RentContract", data) => ContractKind::Rent { node: int(field(&data?, "node_id")?)? },
        _ => ContractKind::Other,
    };
    Ok(Contract { id: int(field(value, "contract_id")?)?, twin: int(field(value, "twin_id")?)?, state, kind })
}

pub(super) fn billed_until(value: &Decoded) -> Read<Time> {
    Ok(Time::from_secs(int(field(value, "last_updated")?)?))
}

pub(super) fn pricing_policy(value: &Decoded) -> Read<PricingPolicy> {
    let price = |name: &'static str| int(field(field(value, name)?, "value")?);
    Ok(PricingPolicy {
        su: price("su")?,
        cu: price("cu")?,
        nu: price("nu")?,
        ipu: price("ipu")?,
        unique_name: price("unique_name")?,
        dedication_percent: int(field(value, "discount_for_dedication_nodes")?)?,
    })
}

pub(super) fn node(value: &Decoded) -> Read<Node> {
    Ok(Node { id: int(field(value, "id")?)?, certified: variant(field(value, "certification")?)?.name == "Certified" })
}

pub(super) fn resources(value: &Decoded) -> Read<Resources> {
    Ok(Resources {
        hru: int(field(value, "hru")?)?,
        sru: int(field(value, "sru")?)?,
        cru: int(field(value, "cru")?)?,
        mru: int(field(value, "mru")?)?,
    })
}

fn target(value: &Decoded) -> Read<AccountId> {
    match variant(value)? {
        address if address.name == "Id" => array(address.values.at(0).ok_or_else(|| malformed("an address"))?),
        _ => Err(malformed("an address that is not an account")),
    }
}

fn field<'a>(value: &'a Decoded, name: &'static str) -> Read<&'a Decoded> {
    value.at(name).ok_or_else(|| malformed(name))
}

fn variant(value: &Decoded) -> Read<&Variant<u32>> {
    match &value.value {
        ValueDef::Variant(variant) => Ok(variant),
        _ => Err(malformed("a choice")),
    }
}

pub(super) fn int<T: TryFrom<u128>>(value: &Decoded) -> Read<T> {
    number(value).and_then(|number| T::try_from(number).ok()).ok_or_else(|| malformed("a number"))
}

pub(super) fn maybe<T>(value: &Decoded, read: impl Fn(&Decoded) -> Read<T>) -> Read<Option<T>> {
    let option = variant(value)?;
    match option.name.as_str() {
        "None" => Ok(None),
        _ => read(option.values.at(0).ok_or_else(|| malformed("an option"))?).map(Some),
    }
}

pub(super) fn bytes(value: &Decoded) -> Read<Vec<u8>> {
    let ValueDef::Composite(inner) = &value.value else { return Err(malformed("bytes")) };
    if let (1, Some(only @ Value { value: ValueDef::Composite(_), .. })) = (inner.len(), inner.values().next()) {
        return bytes(only);
    }
    inner.values().map(int).collect()
}

fn text(value: &Decoded) -> Read<String> {
    bytes(value).map(|bytes| String::from_utf8_lossy(&bytes).into_owned())
}

pub(super) fn array<const N: usize>(value: &Decoded) -> Read<[u8; N]> {
    bytes(value)?.try_into().map_err(|_| malformed("bytes of this length"))
}
