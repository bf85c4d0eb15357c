//! What each call does, with the real pallets' rules and named errors. Source: `threefoldtech/tfchain`.

use super::billing::{FREQUENCY, bill, rent_of, set_state};
use super::db::entry2;
use super::record::{
    BillingInformation, Cause, Contract, Farm, Kind, Node, PaymentState, PublicIp, State, Terms, Twin, UsedResources,
};
use super::world::{Failure, Outcome, World};
use crate::wire::key::AccountId;
use crate::wire::tfchain::{BatchKind, Call};

use Failure::{Smart, Tfgrid};

const MAX_DATA: usize = 512;

pub fn dispatch(world: &mut World, signer: &AccountId, call: &Call) -> Outcome {
    match call {
        Call::AcceptTerms { link, hash } => accept_terms(world, signer, link.as_bytes(), hash.as_bytes()),
        Call::CreateTwin { relay, pk } => create_twin(world, signer, relay.as_deref(), pk.clone()),
        Call::UpdateTwin { relay, pk } => update_twin(world, signer, relay.as_deref(), pk.clone()),
        Call::CreateNodeContract { node, hash, data, public_ips, solution_provider } => {
            no_provider(*solution_provider)?;
            create_node_contract(world, signer, *node, *hash, data, *public_ips)
        }
        Call::UpdateNodeContract { contract, hash, data } => update_node_contract(world, signer, *contract, *hash, data),
        Call::CancelContract { contract } => cancel(world, signer, *contract),
        Call::CreateNameContract { name } => create_name_contract(world, signer, name),
        Call::CreateRentContract { node, solution_provider } => {
            no_provider(*solution_provider)?;
            create_rent_contract(world, signer, *node)
        }
        Call::BillContract { contract } => {
            world.contract(*contract).ok_or(Smart("ContractNotExists"))?;
            bill(world, *contract);
            Ok(())
        }
        Call::TransferKeepAlive { to, amount } => world.transfer(signer, to, *amount, true),
        Call::TransferAllowDeath { to, amount } => world.transfer(signer, to, *amount, false),
        Call::Batch { kind, calls } => batch(world, signer, *kind, calls),
    }
}

/// One call that leaves no trace if it fails.
fn attempt(world: &mut World, signer: &AccountId, call: &Call) -> Outcome {
    let mark = world.mark();
    let outcome = dispatch(world, signer, call);
    if outcome.is_err() {
        world.roll_back(&mark);
    }
    outcome
}

fn batch(world: &mut World, signer: &AccountId, kind: BatchKind, calls: &[Call]) -> Outcome {
    let mut failed = false;
    for (index, call) in (0u32..).zip(calls) {
        match (attempt(world, signer, call), kind) {
            (Ok(()), _) => world.emit("Utility", "ItemCompleted", &()),
            (Err(failure), BatchKind::Atomic) => return Err(failure),
            (Err(failure), BatchKind::UntilFailure) => {
                let error = Verbatim(world.encoded(failure));
                world.emit("Utility", "BatchInterrupted", &(index, error));
                return Ok(());
            }
            (Err(failure), BatchKind::Forced) => {
                let error = Verbatim(world.encoded(failure));
                world.emit("Utility", "ItemFailed", &error);
                failed = true;
            }
        }
    }
    world.emit("Utility", if failed { "BatchCompletedWithErrors" } else { "BatchCompleted" }, &());
    Ok(())
}

/// Bytes that are encoded already.
pub struct Verbatim(pub Vec<u8>);

impl parity_scale_codec::Encode for Verbatim {
    fn encode_to<T: parity_scale_codec::Output + ?Sized>(&self, out: &mut T) {
        out.write(&self.0);
    }
}

fn accept_terms(world: &mut World, signer: &AccountId, link: &[u8], hash: &[u8]) -> Outcome {
    let of_url = |byte: &u8| byte.is_ascii_alphanumeric() || b"-._~:/?#[]@!$&'()*+,;=%".contains(byte);
    match link.len() {
        0 => return Err(Tfgrid("DocumentLinkInputTooShort")),
        2049.. => return Err(Tfgrid("DocumentLinkInputTooLong")),
        _ if !link.iter().all(of_url) => return Err(Tfgrid("InvalidDocumentLinkInput")),
        _ => {}
    }
    match hash.len() {
        0 => return Err(Tfgrid("DocumentHashInputTooShort")),
        51.. => return Err(Tfgrid("DocumentHashInputTooLong")),
        _ if !hash.iter().all(|byte| byte.is_ascii_alphanumeric() || b"_-".contains(byte)) => {
            return Err(Tfgrid("InvalidDocumentHashInput"));
        }
        _ => {}
    }
    let mut accepted: Vec<Terms> = world.tfgrid("UsersTermsAndConditions", signer).unwrap_or_default();
    accepted.push(Terms { account: *signer, timestamp: world.seconds(), link: link.to_vec(), hash: hash.to_vec() });
    world.put_tfgrid("UsersTermsAndConditions", signer, &accepted);
    Ok(())
}

fn create_twin(world: &mut World, signer: &AccountId, relay: Option<&str>, pk: Option<Vec<u8>>) -> Outcome {
    if world.tfgrid::<Vec<Terms>>("UsersTermsAndConditions", signer).is_none() {
        return Err(Tfgrid("UserDidNotSignTermsAndConditions"));
    }
    if world.twin_of(signer).is_some() {
        return Err(Tfgrid("TwinWithPubkeyExists"));
    }
    let relay = checked_relay(relay)?;
    let id = u32::try_from(world.counter("TfgridModule", "TwinID")).map_err(|_| Tfgrid("StorageOverflow"))?;
    let twin = Twin { id, account: *signer, relay, entities: vec![], pk };
    world.put_tfgrid("Twins", &id, &twin);
    world.put_tfgrid("TwinIdByAccountID", signer, &id);
    world.emit("TfgridModule", "TwinStored", &twin);
    Ok(())
}

fn update_twin(world: &mut World, signer: &AccountId, relay: Option<&str>, pk: Option<Vec<u8>>) -> Outcome {
    let mut twin = world.twin_of(signer).and_then(|id| world.twin(id)).ok_or(Tfgrid("TwinNotExists"))?;
    twin.relay = checked_relay(relay)?;
    twin.pk = pk;
    world.put_tfgrid("Twins", &twin.id, &twin);
    world.emit("TfgridModule", "TwinUpdated", &twin);
    Ok(())
}

fn checked_relay(relay: Option<&str>) -> Result<Option<Vec<u8>>, Failure> {
    let Some(relay) = relay else { return Ok(None) };
    if relay.is_empty() {
        return Err(Tfgrid("RelayTooShort"));
    }
    let fits = relay.bytes().all(|byte| byte.is_ascii_alphanumeric() || b"._-".contains(&byte));
    if !fits || relay.starts_with('.') || relay.ends_with('.') || relay.contains("..") {
        return Err(Tfgrid("InvalidRelayAddress"));
    }
    Ok(Some(relay.as_bytes().to_vec()))
}

fn no_provider(provider: Option<u64>) -> Outcome {
    provider.map_or(Ok(()), |_| Err(Smart("NoSuchSolutionProvider")))
}

fn signing_twin(world: &World, signer: &AccountId) -> Result<u32, Failure> {
    world.twin_of(signer).ok_or(Smart("TwinNotExists"))
}

fn create_node_contract(
    world: &mut World,
    signer: &AccountId,
    node: u32,
    hash: [u8; 32],
    data: &[u8],
    public_ips: u32,
) -> Outcome {
    let twin = signing_twin(world, signer)?;
    let (_, farm) = deployable(world, node, twin)?;
    let rented = rent_of(world, node).is_some_and(|rent| rent.twin == twin);
    let dedicated = farm.dedicated || world.smart::<u64>("DedicatedNodesExtraFee", &node).unwrap_or_default() > 0;
    if dedicated && !rented {
        return Err(Smart("NodeNotAvailableToDeploy"));
    }
    if data.len() > MAX_DATA {
        return Err(Failure::Other);
    }
    if by_hash(world, node, &hash).is_some() {
        return Err(Smart("ContractIsNotUnique"));
    }
    let id = world.counter("SmartContractModule", "ContractID");
    let ips = reserve_ips(world, farm, id, public_ips)?;
    world.db.put(entry2("SmartContractModule", "ContractIDByNodeIDAndHash", &node, &hash), &id);
    let mut active: Vec<u64> = world.smart("ActiveNodeContracts", &node).unwrap_or_default();
    active.push(id);
    world.put_smart("ActiveNodeContracts", &node, &active);
    world.put_smart("NodeContractResources", &id, &UsedResources { contract: id, ..Default::default() });
    store(world, id, twin, Kind::Node { node, hash, data: data.to_vec(), public_ips, ips });
    Ok(())
}

/// The node and its farm, if `twin` may put something there.
fn deployable(world: &World, node: u32, twin: u32) -> Result<(Node, Farm), Failure> {
    let record: Node = world.tfgrid("Nodes", &node).ok_or(Smart("NodeNotExists"))?;
    let farm: Farm = world.tfgrid("Farms", &record.farm).ok_or(Smart("FarmNotExists"))?;
    // The live runtime has an error of its own for nodes taken out of billing; the one we play does not know it yet.
    let opted_out = world.tfgrid::<u64>("NodeV3BillingOptOut", &node).is_some();
    let foreign = rent_of(world, node).is_some_and(|rent| rent.twin != twin || rent.state != State::Created);
    if opted_out || foreign { Err(Smart("NodeNotAvailableToDeploy")) } else { Ok((record, farm)) }
}

fn by_hash(world: &World, node: u32, hash: &[u8; 32]) -> Option<u64> {
    world.db.get(&entry2("SmartContractModule", "ContractIDByNodeIDAndHash", &node, hash))
}

fn reserve_ips(world: &mut World, mut farm: Farm, contract: u64, count: u32) -> Result<Vec<PublicIp>, Failure> {
    let count = usize::try_from(count).map_err(|_| Smart("NumOverflow"))?;
    if count == 0 {
        return Ok(vec![]);
    }
    if farm.public_ips.len() < count {
        return Err(Smart("FarmHasNotEnoughPublicIPs"));
    }
    let mut taken = Vec::new();
    for ip in farm.public_ips.iter_mut().filter(|ip| ip.contract == 0).take(count) {
        ip.contract = contract;
        taken.push(ip.clone());
    }
    if taken.len() < count {
        return Err(Smart("FarmHasNotEnoughPublicIPsFree"));
    }
    world.put_tfgrid("Farms", &farm.id, &farm);
    world.emit("SmartContractModule", "IPsReserved", &(contract, &taken));
    Ok(taken)
}

fn store(world: &mut World, id: u64, twin: u32, kind: Kind) {
    let contract = Contract { version: 4, state: State::Created, id, twin, kind, solution_provider: None };
    let now = world.seconds();
    world.put_smart("Contracts", &id, &contract);
    world.put_smart("ContractBillingInformationByID", &id, &BillingInformation { last_updated: now, ..Default::default() });
    world.put_smart("ContractPaymentState", &id, &PaymentState { last_updated_seconds: now, ..Default::default() });
    let turn = id % FREQUENCY;
    let mut due: Vec<u64> = world.smart("ContractsToBillAt", &turn).unwrap_or_default();
    due.push(id);
    world.put_smart("ContractsToBillAt", &turn, &due);
    world.born.insert(id, i64::try_from(now).unwrap_or(i64::MAX));
    world.changes += 1;
    world.emit("SmartContractModule", "ContractCreated", &contract);
}

fn update_node_contract(world: &mut World, signer: &AccountId, id: u64, hash: [u8; 32], data: &[u8]) -> Outcome {
    let twin = signing_twin(world, signer)?;
    let mut contract = world.contract(id).ok_or(Smart("ContractNotExists"))?;
    if contract.twin != twin {
        return Err(Smart("TwinNotAuthorizedToUpdateContract"));
    }
    if matches!(contract.state, State::GracePeriod(_)) {
        return Err(Smart("CannotUpdateContractInGraceState"));
    }
    let Kind::Node { node, hash: old_hash, data: old_data, .. } = &mut contract.kind else {
        return Err(Smart("InvalidContractType"));
    };
    if data.len() > MAX_DATA {
        return Err(Failure::Other);
    }
    if by_hash(world, *node, &hash).is_some_and(|other| other != id) {
        return Err(Smart("ContractIsNotUnique"));
    }
    world.db.remove(entry2("SmartContractModule", "ContractIDByNodeIDAndHash", node, old_hash));
    world.db.put(entry2("SmartContractModule", "ContractIDByNodeIDAndHash", node, &hash), &id);
    *old_hash = hash;
    *old_data = data.to_vec();
    world.put_smart("Contracts", &id, &contract);
    world.changes += 1;
    world.emit("SmartContractModule", "ContractUpdated", &contract);
    Ok(())
}

fn cancel(world: &mut World, signer: &AccountId, id: u64) -> Outcome {
    let contract = world.contract(id).ok_or(Smart("ContractNotExists"))?;
    let twin = signing_twin(world, signer)?;
    if contract.twin != twin {
        return Err(Smart("TwinNotAuthorizedToCancelContract"));
    }
    if let Kind::Rent { node } = contract.kind
        && !world.smart::<Vec<u64>>("ActiveNodeContracts", &node).unwrap_or_default().is_empty()
    {
        return Err(Smart("NodeHasActiveContracts"));
    }
    set_state(world, id, State::Deleted(Cause::CanceledByUser));
    bill(world, id);
    Ok(())
}

fn create_name_contract(world: &mut World, signer: &AccountId, name: &Vec<u8>) -> Outcome {
    let twin = signing_twin(world, signer)?;
    match name.len() {
        0..3 => return Err(Smart("NameContractNameTooShort")),
        65.. => return Err(Smart("NameContractNameTooLong")),
        _ => {}
    }
    if !name.iter().all(|byte| byte.is_ascii_lowercase() || byte.is_ascii_digit() || b"_-".contains(byte)) {
        return Err(Smart("NameNotValid"));
    }
    if world.smart::<u64>("ContractIDByNameRegistration", name).is_some() {
        return Err(Smart("NameExists"));
    }
    let id = world.counter("SmartContractModule", "ContractID");
    world.put_smart("ContractIDByNameRegistration", name, &id);
    store(world, id, twin, Kind::Name { name: name.clone() });
    Ok(())
}

fn create_rent_contract(world: &mut World, signer: &AccountId, node: u32) -> Outcome {
    let twin = signing_twin(world, signer)?;
    let (_, farm) = deployable(world, node, twin)?;
    if rent_of(world, node).is_some() {
        return Err(Smart("NodeHasRentContract"));
    }
    if !farm.dedicated && !world.smart::<Vec<u64>>("ActiveNodeContracts", &node).unwrap_or_default().is_empty() {
        return Err(Smart("NodeNotAvailableToDeploy"));
    }
    let id = world.counter("SmartContractModule", "ContractID");
    world.put_smart("ActiveRentContractForNode", &node, &id);
    store(world, id, twin, Kind::Rent { node });
    Ok(())
}
