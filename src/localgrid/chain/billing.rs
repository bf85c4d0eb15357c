//! Hourly billing as the chain of today does it: reserve every cycle, pay out every 24. Source: `threefoldtech/tfchain: pallet-smart-contract/src/billing.rs`.

use std::sync::LazyLock;

use super::db::plain;
use super::record::{BillingInformation, Cause, Contract, Farm, Kind, Node, PaymentState, PricingPolicy, State, UsedResources};
use super::world::{Reward, World};
use crate::localgrid::{BillView, ContractStateView};
use crate::wire::key::AccountId;
use crate::wire::tfchain::codec::blake2_128;
use crate::wire::tfchain::{Level, Resources, TftPrice, price};

/// Blocks between two bills of a contract.
pub const FREQUENCY: u64 = 600;
/// Bills between two payouts.
const CYCLES: u16 = 24;
/// Blocks that an unpaid contract is kept: 14 days.
const GRACE: u64 = 201_600;

/// What one bill asks for, in token units.
struct Due {
    standard: u128,
    /// The farmer's extra fee.
    additional: u128,
    level: Level,
}

/// Bills the contracts whose turn it is in this block.
pub fn bill_due(world: &mut World) {
    if !world.billing {
        return;
    }
    // Asked in every block, so the first half of the key is made only once.
    static PREFIX: LazyLock<Vec<u8>> = LazyLock::new(|| plain("SmartContractModule", "ContractsToBillAt"));
    let turn = (u64::from(world.number) % FREQUENCY).to_le_bytes();
    let key = [&PREFIX[..], &blake2_128(&turn), &turn].concat();
    for id in world.db.get::<Vec<u64>>(&key).unwrap_or_default() {
        bill(world, id);
    }
}

/// Bills one contract up to now, whatever its state.
pub fn bill(world: &mut World, id: u64) {
    let (Some(contract), Some(mut payment)) = (world.contract(id), world.smart::<PaymentState>("ContractPaymentState", &id))
    else {
        return;
    };
    let Some(twin) = world.twin(contract.twin) else { return };
    let seconds = world.seconds().saturating_sub(payment.last_updated_seconds);
    if let Some(due) = due(world, &contract, &twin.account, seconds) {
        payment.last_updated_seconds = world.seconds();
        if let Some(mut information) = world.smart::<BillingInformation>("ContractBillingInformationByID", &id) {
            information.amount_unbilled = 0;
            information.last_updated = world.seconds();
            world.put_smart("ContractBillingInformationByID", &id, &information);
        }
        collect(world, &contract, &twin.account, &mut payment, &due);
    }
    payment.cycles = payment.cycles.saturating_add(1);
    let ended = matches!(world.contract(id).map(|contract| contract.state), Some(State::Deleted(_)));
    if payment.cycles >= CYCLES || ended {
        pay_out(world, &contract, &twin.account, &mut payment);
    }
    world.put_smart("ContractPaymentState", &id, &payment);
    if ended {
        remove(world, id);
    }
}

fn collect(world: &mut World, contract: &Contract, payer: &AccountId, payment: &mut PaymentState, due: &Due) {
    let standard = payment.standard_overdraft + due.standard;
    let additional = payment.additional_overdraft + due.additional;
    let total = standard + additional;
    if world.usable(payer) >= total {
        world.reserve(payer, total);
        payment.standard_reserve += standard;
        payment.additional_reserve += additional;
        (payment.standard_overdraft, payment.additional_overdraft) = (0, 0);
        if total > 0 {
            let at = world.seconds();
            world.bills.push(BillView { contract: contract.id, at, level: due.level, amount: total });
            world.emit("SmartContractModule", "ContractBilled", &(contract.id, at, level_index(due.level), total));
        }
        if matches!(contract.state, State::GracePeriod(_)) && !held_by_rent(world, contract) {
            set_state(world, contract.id, State::Created);
        }
        return;
    }
    // Whatever there is goes to the standard part first.
    let taken = world.reserve(payer, total);
    let for_standard = taken.min(standard);
    payment.standard_reserve += for_standard;
    payment.additional_reserve += taken - for_standard;
    payment.standard_overdraft = standard - for_standard;
    payment.additional_overdraft = additional - (taken - for_standard);
    let told = (contract.id, world.seconds(), taken, total - taken);
    world.emit("SmartContractModule", "ContractPaymentOverdrawn", &told);
    match contract.state {
        State::Created => set_state(world, contract.id, State::GracePeriod(world.number.into())),
        State::GracePeriod(since) if u64::from(world.number).saturating_sub(since) >= GRACE => {
            set_state(world, contract.id, State::Deleted(Cause::OutOfFunds));
        }
        State::GracePeriod(_) | State::Deleted(_) => {}
    }
}

/// Whether a workload waits for the rent of its node to be paid.
fn held_by_rent(world: &World, contract: &Contract) -> bool {
    let Kind::Node { node, .. } = contract.kind else { return false };
    rent_of(world, node).is_some_and(|rent| matches!(rent.state, State::GracePeriod(_)))
}

/// None if the chain cannot work it out; the time then stays unbilled until it can.
fn due(world: &World, contract: &Contract, payer: &AccountId, seconds: u64) -> Option<Due> {
    if seconds == 0 {
        return Some(Due { standard: 0, additional: 0, level: Level::None });
    }
    let policy = policy(world)?;
    let feed = feed(world);
    let node: Option<Node> = contract.kind.node().and_then(|node| world.tfgrid("Nodes", &node));
    let (cost, fee) = match &contract.kind {
        Kind::Node { node, public_ips, .. } => {
            let used: UsedResources = world.smart("NodeContractResources", &contract.id).unwrap_or_default();
            let rented = rent_of(world, *node).is_some_and(|rent| rent.twin == contract.twin);
            let used = (!rented).then(|| resources(used.used));
            let information: BillingInformation = world.smart("ContractBillingInformationByID", &contract.id).unwrap_or_default();
            let cost = price::node_contract(&policy, used.as_ref(), *public_ips, seconds)?;
            (cost.checked_add(information.amount_unbilled)?, 0)
        }
        Kind::Rent { node: id } => {
            let musd: u64 = world.smart("DedicatedNodesExtraFee", id).unwrap_or_default();
            let total = resources(node.as_ref()?.resources);
            (price::rent_contract(&policy, &total, seconds)?, price::extra_fee(musd, seconds)?)
        }
        Kind::Name { .. } => (price::name_contract(&policy, seconds)?, 0),
    };
    let undiscounted = price::tft(cost, &feed)?;
    let level = price::level(undiscounted, seconds, world.usable(payer))?;
    let certified = node.is_some_and(|node| node.certified);
    let standard = price::amount_due(undiscounted, level, certified)?;
    Some(Due { standard: standard.into(), additional: price::tft(fee, &feed)?.into(), level })
}

fn pay_out(world: &mut World, contract: &Contract, payer: &AccountId, payment: &mut PaymentState) {
    let total = u64::try_from(payment.standard_reserve).unwrap_or(u64::MAX);
    let additional = payment.additional_reserve;
    let policy: Option<PricingPolicy> = world.tfgrid("PricingPolicies", &1u32);
    if let (Some(policy), true) = (policy, total > 0 || additional > 0) {
        let node: Option<Node> = contract.kind.node().and_then(|node| world.tfgrid("Nodes", &node));
        let farm: Option<Farm> = node.and_then(|node| world.tfgrid("Farms", &node.farm));
        let farmer = farm.and_then(|farm| world.twin(farm.twin));
        let split = match farmer {
            Some(_) => price::split_node(total),
            None => price::split_name(total),
        };
        let to_farmer = u128::from(split.farmer) + additional;
        if let Some(farmer) = &farmer {
            world.repatriate(payer, &farmer.account, to_farmer);
        }
        world.repatriate(payer, &policy.foundation, split.foundation.into());
        let pool = world.staking_pool;
        world.repatriate(payer, &pool, split.staking_pool.into());
        world.rewards.push(Reward {
            contract: contract.id,
            farmer_twin: farmer.map(|farmer| farmer.id),
            farmer: to_farmer,
            foundation: split.foundation.into(),
            staking_pool: split.staking_pool.into(),
            at: world.seconds(),
        });
    }
    payment.standard_reserve -= u128::from(total);
    payment.additional_reserve = 0;
    payment.cycles = 0;
}

/// Changes a contract's state and tells; the workloads of a rented node share the fate of its rent contract.
pub fn set_state(world: &mut World, id: u64, state: State) {
    let Some(mut contract) = world.contract(id) else { return };
    let before = contract.state;
    contract.state = state;
    world.put_smart("Contracts", &id, &contract);
    world.changes += 1;
    let node = contract.kind.node().unwrap_or_default();
    match (before, state) {
        (_, State::GracePeriod(since)) => {
            world.emit("SmartContractModule", "ContractGracePeriodStarted", &(id, node, contract.twin, since));
        }
        (State::GracePeriod(_), State::Created) => {
            world.emit("SmartContractModule", "ContractGracePeriodEnded", &(id, node, contract.twin));
        }
        _ => {}
    }
    if let Kind::Rent { node } = contract.kind {
        for inner in world.smart::<Vec<u64>>("ActiveNodeContracts", &node).unwrap_or_default() {
            match state {
                State::Deleted(_) => {
                    set_state(world, inner, state);
                    bill(world, inner);
                }
                _ => set_state(world, inner, state),
            }
        }
    }
}

/// Forgets a contract whose end was billed already.
fn remove(world: &mut World, id: u64) {
    let Some(contract) = world.contract(id) else { return };
    world.changes += 1;
    let mut view = super::view(&contract, world.born.get(&id).copied().unwrap_or_default());
    view.state = ContractStateView::Deleted;
    world.gone.insert(id, view);
    match &contract.kind {
        Kind::Node { node, hash, ips, .. } => {
            free_ips(world, *node, id, ips);
            world.db.remove(super::db::entry2("SmartContractModule", "ContractIDByNodeIDAndHash", node, hash));
            world.remove_smart("NodeContractResources", &id);
            without(world, "ActiveNodeContracts", *node, id);
            world.emit("SmartContractModule", "NodeContractCanceled", &(id, *node, contract.twin));
        }
        Kind::Name { name } => {
            world.remove_smart("ContractIDByNameRegistration", name);
            world.emit("SmartContractModule", "NameContractCanceled", &id);
        }
        Kind::Rent { node } => {
            world.remove_smart("ActiveRentContractForNode", node);
            world.emit("SmartContractModule", "RentContractCanceled", &id);
        }
    }
    without(world, "ContractsToBillAt", id % FREQUENCY, id);
    for item in ["ContractBillingInformationByID", "ContractPaymentState", "Contracts"] {
        world.remove_smart(item, &id);
    }
}

fn free_ips(world: &mut World, node: u32, contract: u64, ips: &Vec<super::record::PublicIp>) {
    let node: Option<Node> = world.tfgrid("Nodes", &node);
    let Some(mut farm) = node.and_then(|node| world.tfgrid::<Farm>("Farms", &node.farm)) else { return };
    if ips.is_empty() {
        return;
    }
    farm.public_ips.iter_mut().filter(|ip| ip.contract == contract).for_each(|ip| ip.contract = 0);
    world.put_tfgrid("Farms", &farm.id, &farm);
    world.emit("SmartContractModule", "IPsFreed", &(contract, ips));
}

fn without(world: &mut World, item: &str, key: impl parity_scale_codec::Encode, id: u64) {
    let mut ids: Vec<u64> = world.smart(item, &key).unwrap_or_default();
    ids.retain(|other| *other != id);
    world.put_smart(item, &key, &ids);
}

pub fn rent_of(world: &World, node: u32) -> Option<Contract> {
    world.smart::<u64>("ActiveRentContractForNode", &node).and_then(|id| world.contract(id))
}

fn policy(world: &World) -> Option<crate::wire::tfchain::PricingPolicy> {
    let stored: PricingPolicy = world.tfgrid("PricingPolicies", &1u32)?;
    Some(crate::wire::tfchain::PricingPolicy {
        su: stored.su.value,
        cu: stored.cu.value,
        nu: stored.nu.value,
        ipu: stored.ipu.value,
        unique_name: stored.unique_name.value,
        dedication_percent: stored.dedication_percent,
    })
}

fn feed(world: &World) -> TftPrice {
    let item = |name| world.db.get(&plain("TFTPriceModule", name)).unwrap_or_default();
    TftPrice { average: item("AverageTftPrice"), min: item("MinTftPrice"), max: item("MaxTftPrice") }
}

fn resources(stored: super::record::Resources) -> Resources {
    Resources { hru: stored.hru, sru: stored.sru, cru: stored.cru, mru: stored.mru }
}

fn level_index(level: Level) -> u8 {
    match level {
        Level::None => 0,
        Level::Default => 1,
        Level::Bronze => 2,
        Level::Silver => 3,
        Level::Gold => 4,
    }
}
