//! The operator's tokens: read from the chain, watched as they get short, and looked at before anything new is sold.

use std::collections::BTreeSet;
use std::sync::Arc;

use super::mail::{self, Short};
use super::{App, lock};
use crate::base::money::{Tft, Usd};
use crate::base::time::MINUTE;
use crate::base::{Error, Kind, Result, Time};
use crate::domain::backup::{Backup, BackupVm, twin};
use crate::domain::catalogue::Capacity;
use crate::domain::order::{Attempt, Order, State, Wish};
use crate::domain::purse::{Line, Purse, Running};
use crate::domain::swarm::place::need;
use crate::domain::swarm::{Shard, Stage, Swarm};
use crate::domain::web_address::WebAddress;
use crate::grid::{Grid, Wallet};
use crate::store::account::Accounts;
use crate::store::backup::Backups;
use crate::store::order::Orders;
use crate::store::schema::{RUNWAY, TWIN};
use crate::store::swarm::Swarms;
use crate::store::web_address::WebAddresses;
use crate::store::{Read, Tx};

/// Orders that are in memory at once.
const SLICE: usize = 200;
/// Running orders that are looked at for whether their use was read yet.
const NEWEST: usize = 50;
/// States in which an order may have a contract on the chain.
const WITH_CONTRACT: [State; 6] =
    [State::Reserving, State::Deploying, State::Settling, State::Active, State::Undoing, State::Ending];
/// States on the way to a VM whose cost no reading shows yet.
const COMING: [State; 5] = [State::Paying, State::Reserving, State::Deploying, State::Settling, State::Active];
const PAUSED: &str = "New orders are paused for the moment, so nothing was taken from your card. VMs that run go on running. \
                      Please try again later.";

/// Whether something new may be sold: what the tokens must carry beside everything that runs.
pub struct Sales {
    /// None: there is no floor to keep.
    purse: Option<Arc<Purse>>,
    floor_days: u64,
}

impl Sales {
    /// Refuses what the tokens would not carry for as long as the floor says. Orders that are on their way count already.
    pub(super) fn admit(&self, tx: &Tx<'_>, wish: &Wish, now: Time) -> Result<()> {
        self.admit_room(tx, wish.everywhere(), wish.addresses_everywhere(), now)
    }

    /// The same for so much room and so many addresses, which come to what is there already. What its owner has stopped counts as
    /// if it ran: it may be started at any moment.
    pub(super) fn admit_room(&self, tx: &Tx<'_>, room: Capacity, addresses: u32, now: Time) -> Result<()> {
        let Some(purse) = &self.purse else { return Ok(()) };
        let metered: BTreeSet<u64> =
            purse.meters.iter().filter(|meter| meter.line.list > Tft::ZERO).map(|meter| meter.running.contract).collect();
        let mut lines = vec![];
        lines.extend(hour(purse, room, addresses));
        for state in COMING {
            // One that runs is soon read: only the newest can be missing in the purse.
            let most = if state == State::Active { NEWEST } else { SLICE };
            for order in tx.orders_in(state, None, most)? {
                let (backup, swarm) = (tx.backup(order.id)?, tx.swarm(order.id)?);
                let (room, addresses) = unmetered(&order, backup.as_ref(), swarm.as_ref(), &metered);
                if (room, addresses) != (Capacity::default(), 0) {
                    lines.extend(hour(purse, room, addresses));
                }
            }
        }
        match purse.carries(&lines, self.floor_days, now) {
            true => Ok(()),
            false => Err(Error::conflict(PAUSED)),
        }
    }
}

/// What of an order no meter tells the cost of yet: everything but those of its contracts that are metered. Its parts come one by one,
/// and each is billed from then on only.
fn unmetered(order: &Order, backup: Option<&BackupVm>, swarm: Option<&Swarm>, metered: &BTreeSet<u64>) -> (Capacity, u32) {
    let machine = order.attempt().and_then(|attempt| leased(order, attempt, order.wish.capacity(), order.wish.public_ips()));
    let second = backup.and_then(|backup| {
        let wish = twin(&order.wish);
        leased(order, backup.current()?.1, wish.capacity(), wish.public_ips())
    });
    let open = swarm.into_iter().flat_map(|swarm| swarm.open().map(move |(_, shard)| (swarm, shard)));
    let shards = open.filter_map(|(swarm, shard)| leased(order, &shard.attempt, need(&swarm.wish, shard.role), 0));
    let there = machine.into_iter().chain(second).chain(shards).filter(|part| metered.contains(&part.contract));
    there.fold((order.wish.everywhere(), order.wish.addresses_everywhere()), |(room, addresses), part| {
        (room.minus(part.capacity), addresses.saturating_sub(part.addresses))
    })
}

fn hour(purse: &Purse, capacity: Capacity, addresses: u32) -> Option<Line> {
    Grid::hour(&purse.tariff, &purse.price, capacity, addresses).map(|(_, line)| line)
}

impl App {
    /// Our tokens and what runs on them, as the chain last told; None until it has.
    pub fn purse(&self) -> Option<Arc<Purse>> {
        lock(&self.purse).clone()
    }

    /// Resolves when our tokens are not what they were when the purse was read.
    pub async fn purse_moved(&self) {
        self.purse_moved.notified().await;
    }

    /// Rings for a wallet that is not the purse's, and for a purse that has become old: what is not paid moves nothing.
    pub(super) fn purse_may_have_moved(&self, wallet: Wallet, at: Time) {
        let same = self.purse().is_some_and(|purse| {
            let known = purse.holdings;
            (known.free, known.reserved) == (wallet.free, wallet.reserved) && at.since(purse.at) < MINUTE
        });
        if !same {
            self.purse_moved.notify_one();
        }
    }

    /// What an hour of a plan costs on the grid at list price, as far as the chain has told.
    pub fn plan_hour(&self, capacity: Capacity) -> Option<(Usd, Line)> {
        let purse = self.purse()?;
        Grid::hour(&purse.tariff, &purse.price, capacity, 0)
    }

    /// Whether new orders are taken: the smallest plan must be carried for as long as the floor says, beside all that runs.
    pub fn sells(&self, purse: &Purse, now: Time) -> bool {
        let floor = self.settings.grid.runway_floor_days;
        let plans = self.catalogue.sizes.iter().filter_map(|size| hour(purse, size.capacity, 0));
        floor == 0 || plans.min_by_key(|line| line.list).is_none_or(|least| purse.carries(&[least], floor, now))
    }

    /// What a sale must be held against. Where nothing was read yet the chain is asked.
    pub(super) async fn sales(&self) -> Result<Sales> {
        let floor_days = self.settings.grid.runway_floor_days;
        if floor_days == 0 {
            return Ok(Sales { purse: None, floor_days });
        }
        if self.purse().is_none() {
            self.refresh_purse().await?;
        }
        Ok(Sales { purse: self.purse(), floor_days })
    }

    /// Refuses to offer what would not be sold.
    pub(super) async fn sales_are_open(&self, now: Time) -> Result<()> {
        match self.sales().await?.purse {
            Some(purse) if !self.sells(&purse, now) => Err(Error::new(Kind::Invalid, PAUSED)),
            _ => Ok(()),
        }
    }

    /// Reads tokens and contracts at one finalized block, contracts once a minute, and tells operators when they get short.
    pub async fn refresh_purse(&self) -> Result<()> {
        let purse = match self.purse_with_new_wallet() {
            Some(purse) => Arc::new(purse),
            None => {
                let (twin, running) = self.running()?;
                Arc::new(self.grid.purse(twin, running).await?)
            }
        };
        let newer = {
            let mut known = lock(&self.purse);
            let newer = known.as_ref().is_none_or(|known| known.block <= purse.block);
            if newer {
                *known = Some(purse.clone());
            }
            newer
        };
        if newer { self.watch_runway(&purse).await } else { Ok(()) }
    }

    /// The purse with the wallet that was heard of last. None once the rest of it is a minute old: then all is read anew. Some
    /// contract is billed in almost every block, and what the others cost is the same as a moment ago.
    fn purse_with_new_wallet(&self) -> Option<Purse> {
        let (mut purse, heard) = (Purse::clone(&*self.purse()?), self.heard());
        let wallet = heard.wallet?;
        if heard.head?.at.since(purse.at) >= MINUTE {
            return None;
        }
        let held = &mut purse.holdings;
        (held.free, held.reserved) = (wallet.free, wallet.reserved);
        held.usable = wallet.free.checked_sub(held.kept).unwrap_or_default().max(Tft::ZERO);
        Some(purse)
    }

    /// Our twin, and every contract of ours that may be on the chain.
    fn running(&self) -> Result<(Option<u32>, Vec<Running>)> {
        let (snapshot, until) = (self.read()?, self.now());
        let mut running = Vec::new();
        for state in WITH_CONTRACT {
            let mut last = None;
            loop {
                let orders = snapshot.orders_until(state, until, last, SLICE)?;
                for order in &orders {
                    running.extend(contracts(order));
                    if order.wish.backup == Backup::Machine {
                        running.extend(snapshot.backup(order.id)?.iter().flat_map(|backup| beside(order, backup)));
                    }
                    if order.wish.swarm.is_some() {
                        let swarm = snapshot.swarm(order.id)?;
                        running.extend(swarm.iter().flat_map(|swarm| shards(order, swarm)));
                    }
                    if let Some(address) = snapshot.web_address_of(order.id)? {
                        running.extend(gateways(order, &address));
                    }
                }
                match orders.last() {
                    Some(order) if orders.len() == SLICE => last = Some((order.created, order.id)),
                    _ => break,
                }
            }
        }
        Ok((snapshot.single(&TWIN)?, running))
    }

    /// Notes what was crossed and writes the mails in the same transaction: nobody is told twice of the same thing.
    async fn watch_runway(&self, purse: &Purse) -> Result<()> {
        let (hours, now) = (purse.runway(&[]), self.now());
        let stopped = !self.sells(purse, now);
        let before = self.read()?.single(&RUNWAY)?.unwrap_or_default();
        if before.after(hours, stopped).0 == before {
            return Ok(());
        }
        let (brand, site, random) =
            (self.settings.brand.name.clone(), self.settings.server.public_url.clone(), self.random.clone());
        let a_day = Tft::from_units(purse.burn().units().saturating_mul(24));
        let (usable, floor_days) = (purse.holdings.usable, self.settings.grid.runway_floor_days);
        let crossed = self
            .store
            .write(move |tx| {
                let (watch, crossed) = tx.single(&RUNWAY)?.unwrap_or_default().after(hours, stopped);
                tx.set(&RUNWAY, &watch)?;
                if let Some(mark) = crossed {
                    let short = Short { mark, usable, a_day, stopped, floor_days };
                    for operator in tx.operators()? {
                        tx.queue_mail(&mail::runway(&brand, &site, &operator, &short, &*random, now), &*random, now)?;
                    }
                }
                Ok(crossed)
            })
            .await?;
        if let Some(days) = crossed {
            tracing::warn!(days, hours, %usable, "the tokens on the grid last for less than this");
            self.nudge();
        }
        match (before.stopped, stopped) {
            (false, true) => tracing::warn!(floor_days, hours, "new orders are refused: the tokens would not last"),
            (true, false) => tracing::info!(hours, "new orders are taken again"),
            _ => {}
        }
        Ok(())
    }
}

/// The contract of an attempt that may be on the chain, for so much room.
fn leased(order: &Order, attempt: &Attempt, capacity: Capacity, addresses: u32) -> Option<Running> {
    Some(Running {
        contract: attempt.contract.filter(|_| !attempt.cleared)?,
        order: order.id,
        node: attempt.node(),
        paid_until: order.paid_until().filter(|_| order.state == State::Active),
        capacity,
        addresses,
    })
}

fn contracts(order: &Order) -> impl Iterator<Item = Running> {
    let (room, addresses) = (order.wish.capacity(), order.wish.public_ips());
    order.attempts.iter().filter_map(move |attempt| leased(order, attempt, room, addresses))
}

/// Of its backup VM.
fn beside(order: &Order, backup: &BackupVm) -> Vec<Running> {
    let wish = twin(&order.wish);
    let of = |attempt: &Attempt| leased(order, attempt, wish.capacity(), wish.public_ips());
    backup.attempts.iter().filter_map(of).collect()
}

/// What its web address has on gateways. Names cost next to nothing and are on nobody's node.
fn gateways(order: &Order, address: &WebAddress) -> Vec<Running> {
    address.attempts.iter().filter_map(|attempt| leased(order, attempt, Capacity::default(), 0)).collect()
}

fn shards(order: &Order, swarm: &Swarm) -> Vec<Running> {
    let paid = |running: Running| Running { paid_until: running.paid_until.filter(|_| swarm.stage == Stage::Ready), ..running };
    let of = |shard: &Shard| leased(order, &shard.attempt, need(&swarm.wish, shard.role), 0).map(paid);
    swarm.shards.iter().filter_map(of).collect()
}

#[cfg(test)]
mod tests {
    use super::super::order::new_attempt;
    use super::*;
    use crate::domain::order::tests::order;
    use crate::domain::placement::{Choice, Scored};
    use crate::grid::Plan;

    #[test]
    fn a_part_that_no_meter_tells_of_is_counted_though_another_one_is_metered() {
        let mut order = order();
        order.wish.backup = Backup::Machine;
        let best = Scored {
            node: 1,
            twin: 1,
            farm: 1,
            farm_name: "Farm".into(),
            owner: 1,
            country: "Belgium".into(),
            city: "Ghent".into(),
            parts: vec![],
            address: None,
        };
        let plan = Plan { deployment: serde_json::Value::Null, hash: String::new(), tunnel: None };
        let choice = Choice { best, runner_up: None, fitting: 1 };
        order.attempts.push(Attempt { contract: Some(7), ..new_attempt(choice, plan, Time::EPOCH) });
        let all = (order.wish.everywhere(), order.wish.addresses_everywhere());
        assert_eq!(unmetered(&order, None, None, &BTreeSet::from([8])), all);
        let (room, _) = unmetered(&order, None, None, &BTreeSet::from([7]));
        assert_eq!(room, twin(&order.wish).capacity());
        order.wish.backup = Backup::None;
        assert_eq!(unmetered(&order, None, None, &BTreeSet::from([7])), (Capacity::default(), 0));
    }
}
