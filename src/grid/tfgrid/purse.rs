//! The operator's tokens and what runs on them, read at one finalized block, with the chain's own prices.

use std::collections::BTreeMap;
use std::time::Duration;

use futures_util::{StreamExt, TryStreamExt, stream};

use super::{AT_ONCE, Tfgrid, chain_error, tft};
use crate::base::money::{Rate, Tft, Usd};
use crate::base::{Error, Kind, Result, Time};
use crate::domain::catalogue::Capacity;
use crate::domain::discount::{Ladder, Step, Surcharge, WHOLE};
use crate::domain::purse::{Holdings, Line, Meter, Price, Purse, Running, Tariff};
use crate::grid::Block;
use crate::wire::tfchain::client::ChainClient;
use crate::wire::tfchain::price;
use crate::wire::tfchain::types as chain;

/// Seconds between two blocks.
const BLOCK_SECONDS: u64 = 6;
const HOUR: u64 = 3600;

impl Tfgrid {
    /// Our tokens and what of `running` is on the chain, all at one finalized block. `twin` is ours, once there is one.
    pub async fn purse(&self, twin: Option<u32>, running: Vec<Running>) -> Result<Purse> {
        let chain = self.chain.get().await?;
        let head = self.finalized().await?;
        let at = Some(head.hash);
        let (policy, feed, set, own, stash) = tokio::try_join!(
            chain.pricing_policy(at),
            chain.tft_price(at),
            chain.price_set_in(at),
            async { chain.account(&self.own, at).await },
            stash(chain, twin, at),
        )
        .map_err(chain_error)?;
        let tariff = tariff(&policy);
        let price = told_price(&feed, set, &head)?;
        let nodes = nodes(chain, &running, at).await?;
        let mut meters: Vec<Meter> = stream::iter(running)
            .map(|running| meter(chain, running, &nodes, &policy, &feed, at))
            .buffer_unordered(AT_ONCE)
            .try_filter_map(|meter| async { Ok(meter) })
            .try_collect()
            .await?;
        meters.sort_by_key(|meter| meter.running.contract);
        Ok(Purse {
            block: head.number,
            at: head.at,
            tariff,
            price,
            ladder: ladder()?,
            farmer_percent: u32::try_from(price::split_node(100).farmer).unwrap_or(0),
            holdings: Holdings {
                free: tft(own.free)?,
                kept: tft(own.free.saturating_sub(own.usable()))?,
                reserved: tft(own.reserved)?,
                usable: tft(own.usable())?,
                beside: tft(stash)?,
            },
            meters,
        })
    }

    /// What an hour of something would cost at list price. None when it is more than can be counted.
    pub fn hour(tariff: &Tariff, price: &Price, used: Capacity, addresses: u32) -> Option<(Usd, Line)> {
        let cost = price::node_contract(&policy(tariff)?, Some(&resources(used)), addresses, HOUR)?;
        line(cost, &feed(price), Surcharge::NONE)
    }
}

/// What a stash account beside the twin's own holds and could spend.
async fn stash(chain: &ChainClient, twin: Option<u32>, at: Option<chain::Hash>) -> Result<u128, crate::wire::tfchain::Error> {
    let Some(twin) = twin else { return Ok(0) };
    match chain.stash_of(twin, at).await? {
        Some(account) => Ok(chain.account(&account, at).await?.usable()),
        None => Ok(0),
    }
}

/// What a bill must know of a node.
#[derive(Clone, Copy)]
struct Place {
    certified: bool,
    /// Its owner took it out of billing: what runs there goes on and costs nothing.
    unbilled: bool,
}

async fn nodes(chain: &ChainClient, running: &[Running], at: Option<chain::Hash>) -> Result<BTreeMap<u32, Place>> {
    let mut ids: Vec<u32> = running.iter().map(|running| running.node).collect();
    ids.sort_unstable();
    ids.dedup();
    stream::iter(ids)
        .map(|id| async move {
            let (node, unbilled) = tokio::try_join!(chain.node(id, at), chain.opted_out(id, at))?;
            Ok((id, Place { certified: node.is_some_and(|node| node.certified), unbilled }))
        })
        .buffer_unordered(AT_ONCE)
        .try_collect()
        .await
        .map_err(chain_error)
}

/// None for a contract that is no longer there. One that can't be read counts as what was ordered, and hides no other.
async fn meter(
    chain: &ChainClient,
    running: Running,
    nodes: &BTreeMap<u32, Place>,
    policy: &chain::PricingPolicy,
    feed: &chain::TftPrice,
    at: Option<chain::Hash>,
) -> Result<Option<Meter>> {
    let ordered = running.clone();
    match told_meter(chain, running, nodes, policy, feed, at).await {
        Err(error) if error.kind() != Kind::Unavailable => {
            tracing::warn!(contract = ordered.contract, ?error, "a contract can't be read: it counts as what was ordered");
            let cost = price::node_contract(policy, Some(&resources(ordered.capacity)), ordered.addresses, HOUR);
            let (usd, line) = cost.and_then(|cost| line(cost, feed, Surcharge::NONE)).ok_or(error)?;
            Ok(Some(Meter { running: ordered, usd, line, owed: Tft::ZERO, paused: false }))
        }
        told => told,
    }
}

async fn told_meter(
    chain: &ChainClient,
    running: Running,
    nodes: &BTreeMap<u32, Place>,
    policy: &chain::PricingPolicy,
    feed: &chain::TftPrice,
    at: Option<chain::Hash>,
) -> Result<Option<Meter>> {
    let id = running.contract;
    let (contract, used, payment) =
        tokio::try_join!(chain.contract(id, at), chain.used_by(id, at), chain.payment(id, at)).map_err(chain_error)?;
    let Some(contract) = contract.filter(|contract| !matches!(contract.state, chain::ContractState::Deleted(_))) else {
        return Ok(None);
    };
    let addresses = match contract.kind {
        chain::ContractKind::Node { public_ips, .. } => public_ips,
        chain::ContractKind::Name { .. } | chain::ContractKind::Rent { .. } | chain::ContractKind::Other => 0,
    };
    let place = nodes.get(&running.node).copied().unwrap_or(Place { certified: false, unbilled: false });
    let surcharge = if place.certified { CERTIFIED } else { Surcharge::NONE };
    let too_much = || Error::internal("The chain names an amount that can't be.");
    let cost = match place.unbilled {
        true => 0,
        false => price::node_contract(policy, Some(&used), addresses, HOUR).ok_or_else(too_much)?,
    };
    let (usd, line) = line(cost, feed, surcharge).ok_or_else(too_much)?;
    let payment = payment.unwrap_or_default();
    Ok(Some(Meter {
        running,
        usd,
        line,
        owed: tft(payment.overdraft())?,
        paused: matches!(contract.state, chain::ContractState::GracePeriod(_)),
    }))
}

/// A quarter more on certified hardware.
const CERTIFIED: Surcharge = Surcharge { num: 5, den: 4 };

fn line(cost: u64, feed: &chain::TftPrice, surcharge: Surcharge) -> Option<(Usd, Line)> {
    let list = Tft::from_units(i64::try_from(price::tft(cost, feed)?).ok()?);
    Some((Usd::from_units(i64::try_from(cost).ok()?), Line { list, surcharge }))
}

/// The chain's levels, by the months it asks for and the fractions it pays.
fn ladder() -> Result<Ladder> {
    let step = |(name, half_months, pays): (chain::Level, u32, u128)| Step { name: format!("{name:?}"), half_months, pays };
    let pays = |level| price::pays(level).map_or(WHOLE, |fraction| fraction.to_bits());
    let steps = price::LEVELS.map(|(level, half_months)| step((level, half_months, pays(level))));
    Ladder::new(steps.to_vec()).ok_or_else(|| Error::internal("The chain's discount levels are in no order."))
}

fn tariff(policy: &chain::PricingPolicy) -> Tariff {
    let usd = |units: u32| Usd::from_units(units.into());
    Tariff {
        compute: usd(policy.cu),
        storage: usd(policy.su),
        traffic: usd(policy.nu),
        address: usd(policy.ipu),
        name: usd(policy.unique_name),
        dedicated_percent: policy.dedication_percent.into(),
    }
}

/// The chain's own record of a tariff, for its formulas.
fn policy(tariff: &Tariff) -> Option<chain::PricingPolicy> {
    let units = |usd: Usd| u32::try_from(usd.units()).ok();
    Some(chain::PricingPolicy {
        su: units(tariff.storage)?,
        cu: units(tariff.compute)?,
        nu: units(tariff.traffic)?,
        ipu: units(tariff.address)?,
        unique_name: units(tariff.name)?,
        dedication_percent: u8::try_from(tariff.dedicated_percent).ok()?,
    })
}

fn told_price(feed: &chain::TftPrice, set: Option<u32>, head: &Block) -> Result<Price> {
    let rate = Rate::from_musd(feed.musd()).ok_or_else(|| Error::unavailable("The chain has no price of a token."))?;
    let age = set.map(|block| Duration::from_secs(u64::from(head.number.saturating_sub(block)) * BLOCK_SECONDS));
    let set: Option<Time> = age.map(|age| head.at - age);
    Ok(Price { rate, average: feed.average, least: feed.min, most: feed.max, set })
}

fn feed(price: &Price) -> chain::TftPrice {
    chain::TftPrice { average: price.average, min: price.least, max: price.most }
}

fn resources(used: Capacity) -> chain::Resources {
    chain::Resources { hru: used.hdd, sru: used.ssd, cru: used.cores, mru: used.memory }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;
    use serde_json::Value;

    use super::*;

    fn genesis() -> Tariff {
        let usd = Usd::from_units;
        Tariff {
            compute: usd(100_000),
            storage: usd(50_000),
            traffic: usd(15_000),
            address: usd(40_000),
            name: usd(2_500),
            dedicated_percent: 50,
        }
    }

    #[test]
    fn every_recorded_bill_of_an_hour_comes_out_of_our_own_words() {
        let vectors: Value = serde_json::from_str(include_str!("../../../tests/vectors/grid/pricing_onchain.json")).unwrap();
        let (ladder, mut seen) = (ladder().unwrap(), 0);
        for case in vectors["cases"].as_array().unwrap() {
            let number = |name: &str| case[name].as_u64().unwrap_or_default();
            if case["contract"] != "node" || number("seconds") != HOUR {
                continue;
            }
            let used = Capacity { cores: number("cru"), memory: number("mru"), ssd: number("sru"), hdd: number("hru") };
            let musd = u32::try_from(number("avg_tft_price_musd")).unwrap();
            let price = Price { rate: Rate::from_musd(musd).unwrap(), average: musd, least: 1, most: 1000, set: None };
            let addresses = u32::try_from(number("public_ips")).unwrap();
            let (usd, line) = Tfgrid::hour(&genesis(), &price, used, addresses).unwrap();
            let units = |amount: i64| u64::try_from(amount).unwrap();
            assert_eq!(units(usd.units()), number("cost_units_usd_1e-7"), "{case}");
            assert_eq!(units(line.list.units()), number("cost_before_discount_tft_1e-7"), "{case}");
            let month = crate::domain::purse::months(line.list);
            assert_eq!(units(month.units()), number("monthly_before_discount_tft_1e-7"), "{case}");
            let level = ladder.level(Tft::from_units(i64::try_from(number("usable_balance")).unwrap()), month);
            assert_eq!(ladder.name(level), case["discount_level"].as_str().unwrap(), "{case}");
            let surcharge = if case["certified"] == true { CERTIFIED } else { Surcharge::NONE };
            assert_eq!(units(ladder.due(line.list, level, surcharge).units()), number("amount_due_tft_1e-7"), "{case}");
            seen += 1;
        }
        assert!(seen > 50, "{seen}");
    }

    #[test]
    fn what_cannot_be_counted_is_none() {
        let price = Price { rate: Rate::from_musd(1).unwrap(), average: 1, least: 1, most: 1, set: None };
        let huge = Capacity { cores: u64::MAX, memory: u64::MAX, ssd: u64::MAX, hdd: 0 };
        assert_eq!(Tfgrid::hour(&genesis(), &price, huge, u32::MAX), None);
    }

    proptest! {
        /// Two ways to the same unit: the chain's fixed point, and our whole numbers.
        #[test]
        fn our_ladder_is_the_chains(list in 0u64..1 << 48, usable in 0u64..1 << 62, months in 0u64..20, certified in any::<bool>()) {
            let ladder = ladder().unwrap();
            let near = list.saturating_mul(720).saturating_mul(months);
            for usable in [usable, near, near.saturating_sub(1), near + list * 360, (near + list * 360).saturating_sub(1)] {
                let tft = |units: u64| Tft::from_units(i64::try_from(units).unwrap_or(i64::MAX));
                let theirs = price::level(list, HOUR, usable.into()).unwrap();
                let level = ladder.level(tft(usable), tft(list * 720));
                prop_assert_eq!(ladder.name(level), format!("{theirs:?}"));
                let surcharge = if certified { CERTIFIED } else { Surcharge::NONE };
                let due = price::amount_due(list, theirs, certified).unwrap();
                prop_assert_eq!(ladder.due(tft(list), level, surcharge), tft(due));
            }
        }
    }
}
