//! The job that tends a swarm: chooses nodes, makes contracts, has stores set up, replaces what fails, and in the end takes all of it down.
//!
//! Every run takes each shard one step onwards, all of them side by side, and stores what it learned before the next step.

use std::time::Duration;

use futures_util::future::join_all;

use super::{Passwords, seed_label};
use crate::app::lease::{Built, Signed, know};
use crate::app::{App, mail, refund};
use crate::base::ids::{JobId, OrderId, RefundId, TransferId};
use crate::base::seal::Locker;
use crate::base::time::HOUR;
use crate::base::{Error, Kind, Random, Result, Time};
use crate::domain::charge::Refund;
use crate::domain::job::{Next, Work};
use crate::domain::order::{Attempt, Outcome, State, Step};
use crate::domain::placement::{Choice, Scored};
use crate::domain::pool::Pool;
use crate::domain::swarm::place::Ground;
use crate::domain::swarm::{BUILD_PATIENCE, FAILURES_MAX, Role, SHARDS_MAX, Shard, Stage, Swarm, place};
use crate::grid::{Planner, with_password};
use crate::store::Tx;
use crate::store::account::Accounts;
use crate::store::charge::Charges;
use crate::store::exposure::Exposures;
use crate::store::order::{Orders, Reservation};
use crate::store::swarm::Swarms;

/// How soon to look for room again that there is none of now.
const NO_ROOM: Duration = HOUR;
/// How long a node may take to report what it gave (`threefoldtech/tfgrid-sdk-go: grid-proxy`).
const REPORTED_AFTER: Duration = HOUR;

/// What has to be asked before a write can make shards.
pub(super) struct Maker {
    planner: Planner,
    locker: Locker,
}

impl App {
    pub(super) fn shard_maker(&self) -> Result<Maker> {
        Ok(Maker { planner: self.grid.planner(self.twin()?), locker: self.locker()?.clone() })
    }

    /// Takes a swarm as far as it goes now.
    pub async fn tend_swarm(&self, id: OrderId) -> Result<Next> {
        loop {
            let Some(swarm) = self.read()?.swarm(id)? else { return Ok(Next::Done) };
            let next = match swarm.stage {
                Stage::Building | Stage::Ready => self.build_swarm(&swarm).await?,
                Stage::Undoing | Stage::Ending => self.take_swarm_down(&swarm).await?,
                Stage::Gone => return Ok(Next::Done),
            };
            if self.read()?.swarm(id)?.as_ref() == Some(&swarm) {
                return Ok(next);
            }
        }
    }

    /// Changes a swarm in one transaction, if it is still in the stage that the change was thought up for.
    async fn change_swarm<F>(&self, swarm: &Swarm, change: F) -> Result<()>
    where
        F: FnOnce(&mut Tx<'_>, &mut Swarm) -> Result<()> + Send + 'static,
    {
        let (id, stage) = (swarm.order, swarm.stage);
        self.store
            .write(move |tx| {
                let Some(mut swarm) = tx.swarm(id)?.filter(|swarm| swarm.stage == stage) else { return Ok(()) };
                change(tx, &mut swarm)?;
                tx.put_swarm(&swarm)
            })
            .await
    }

    async fn build_swarm(&self, swarm: &Swarm) -> Result<Next> {
        let now = self.now();
        if swarm.stage == Stage::Building {
            let late = now.since(swarm.created) > BUILD_PATIENCE;
            if late || swarm.failures() > FAILURES_MAX {
                let why = if late { "It was not whole within an hour." } else { "Too many nodes failed." };
                self.give_swarm_up(swarm, why.into()).await?;
                return Ok(self.soon());
            }
            if swarm.is_whole() {
                self.hand_over(swarm).await?;
                return Ok(self.soon());
            }
        }
        if swarm.lacks().is_some() && !self.seat_shards(swarm).await? {
            return Ok(Next::Again(now + NO_ROOM));
        }
        let Some(swarm) = self.read()?.swarm(swarm.order)? else { return Ok(Next::Done) };
        let trying: Vec<u32> = swarm.open().filter(|(_, shard)| !shard.works()).map(|(number, _)| number).collect();
        if trying.is_empty() && swarm.stage == Stage::Ready && swarm.working().any(|(_, shard)| shard.since == 0) {
            self.next_version(&swarm).await?;
        }
        let passwords = self.passwords(&swarm)?;
        // All side by side: there are some dozens at most, and each has its own patience.
        let climbing = join_all(trying.iter().map(|number| self.climb_shard(&swarm, *number, &passwords))).await;
        // What failed is given back; one that was part of the swarm only when its successor is there.
        let mended = trying.is_empty() && swarm.lacks().is_none();
        let given_up: Vec<u32> = swarm
            .numbered()
            .filter(|(_, shard)| !shard.is_open() && !shard.attempt.cleared && (mended || shard.since == 0))
            .map(|(number, _)| number)
            .collect();
        let clear = self.clear_shards(&swarm, given_up).await?;
        for climbed in climbing {
            match climbed {
                Ok(()) => {}
                Err(error) if error.kind() == Kind::Unavailable => {
                    tracing::info!(order = %swarm.order, ?error, "a shard has to wait")
                }
                Err(error) => return Err(error),
            }
        }
        Ok(match (trying.is_empty(), clear) {
            (true, true) if swarm.stage == Stage::Ready => Next::Done,
            _ => self.soon(),
        })
    }

    /// Chooses nodes for the shards that are missing. False when there is no room; a swarm that was never whole is given up then.
    async fn seat_shards(&self, swarm: &Swarm) -> Result<bool> {
        let (now, random, nodes) = (self.now(), self.random.clone(), self.known_nodes().await?);
        let make = self.shard_maker()?;
        let (before, id) = (swarm.shards.len(), swarm.order);
        self.change_swarm(swarm, move |tx, swarm| {
            let seated = if swarm.shards.is_empty() {
                make.seat_all(tx, &nodes, swarm, now, &*random)
            } else {
                let mut seated = Ok(());
                while let (Ok(()), Some(role)) = (&seated, swarm.lacks()) {
                    seated = make.seat(tx, &nodes, swarm, role, now, &*random);
                }
                seated
            };
            match seated {
                Ok(()) => Ok(()),
                Err(error) if matches!(error.kind(), Kind::Unfunded | Kind::Conflict) && swarm.stage == Stage::Building => {
                    undo(swarm, error.message(), now);
                    Ok(())
                }
                Err(error) if matches!(error.kind(), Kind::Unfunded | Kind::Conflict) => {
                    let said = format!("A shard can't be replaced yet: {}", error.message());
                    if swarm.history.last().is_none_or(|last| last.text != said) {
                        swarm.trouble(now, said);
                    }
                    Ok(())
                }
                Err(error) => Err(error),
            }
        })
        .await?;
        let now = self.read()?.swarm(id)?;
        Ok(now.is_some_and(|now| now.shards.len() > before || now.stage != swarm.stage))
    }

    /// Takes one shard onwards.
    async fn climb_shard(&self, swarm: &Swarm, number: u32, passwords: &Passwords) -> Result<()> {
        let shard = swarm.shard(number).ok_or_else(|| Error::not_found("shard"))?;
        let (slot, now) = (swarm.slot(number), self.now());
        if shard.attempt.contract.is_none() {
            return match self.sign_lease(slot, &shard.attempt, 0).await? {
                Signed::Waits(_) => Ok(()),
                Signed::Made { contract, block } => {
                    self.change_shard(swarm, number, move |tx, shard| {
                        shard.attempt.contract = Some(contract);
                        know(tx, slot, &shard.attempt, contract, block, now)
                    })
                    .await
                }
                Signed::Refused(what) => self.fail_shard(swarm, number, what).await,
                Signed::TooLate(_) => self.fail_shard(swarm, number, "could not be reserved in time").await,
            };
        }
        let password = passwords.of(number);
        let whole = Attempt { deployment: with_password(&shard.attempt.deployment, &password), ..shard.attempt.clone() };
        match self.build_lease(slot, &whole).await? {
            Built::Waits(_) => Ok(()),
            Built::Sent => {
                self.change_shard(swarm, number, move |_, shard| {
                    shard.attempt.sent = Some(now);
                    Ok(())
                })
                .await
            }
            Built::Failed(what) => self.fail_shard(swarm, number, what).await,
            Built::Up(deployed) => {
                let backend = match deployed.backend() {
                    Ok(backend) => backend,
                    Err(error) => {
                        tracing::warn!(%slot, ?error, "a node tells no use of its store");
                        return self.fail_shard(swarm, number, "does not say where the store is").await;
                    }
                };
                self.change_swarm(swarm, move |tx, swarm| {
                    let Some(shard) = swarm.shard_mut(number).filter(|shard| shard.is_open()) else { return Ok(()) };
                    shard.backend = Some(backend);
                    shard.attempt.outcome = Outcome::Works;
                    reserve(tx, swarm, now)
                })
                .await
            }
        }
    }

    async fn change_shard<F>(&self, swarm: &Swarm, number: u32, change: F) -> Result<()>
    where
        F: FnOnce(&mut Tx<'_>, &mut Shard) -> Result<()> + Send + 'static,
    {
        // Whatever became of the swarm meanwhile, what is known of a contract must not be lost.
        let id = swarm.order;
        self.store
            .write(move |tx| {
                let Some(mut swarm) = tx.swarm(id)? else { return Ok(()) };
                let Some(shard) = swarm.shard_mut(number) else { return Ok(()) };
                change(tx, shard)?;
                tx.put_swarm(&swarm)
            })
            .await
    }

    async fn fail_shard(&self, swarm: &Swarm, number: u32, what: &'static str) -> Result<()> {
        let now = self.now();
        self.change_swarm(swarm, move |_, swarm| {
            let Some(shard) = swarm.shard_mut(number).filter(|shard| shard.is_open()) else { return Ok(()) };
            let why = format!("{} in {} {what}.", shard.node().farm_name, shard.node().city);
            shard.attempt.outcome = Outcome::Failed { why: why.clone() };
            swarm.trouble(now, format!("{why} Another node is tried."));
            Ok(())
        })
        .await
    }

    /// Gives shards back. True when all of them are gone for good.
    async fn clear_shards(&self, swarm: &Swarm, numbers: Vec<u32>) -> Result<bool> {
        let cleared = join_all(numbers.into_iter().map(|number| self.clear_shard(swarm, number))).await;
        let mut all = true;
        for cleared in cleared {
            match cleared {
                Ok(gone) => all &= gone,
                Err(error) if error.kind() == Kind::Unavailable => {
                    tracing::info!(order = %swarm.order, ?error, "a shard can't be given back yet");
                    all = false;
                }
                Err(error) => return Err(error),
            }
        }
        Ok(all)
    }

    async fn clear_shard(&self, swarm: &Swarm, number: u32) -> Result<bool> {
        let shard = swarm.shard(number).ok_or_else(|| Error::not_found("shard"))?;
        let (id, now) = (swarm.order, self.now());
        let keep = move |tx: &mut Tx<'_>, contract| {
            let Some(mut swarm) = tx.swarm(id)? else { return Ok(()) };
            if let Some(shard) = swarm.shard_mut(number) {
                shard.attempt.contract = Some(contract);
            }
            tx.put_swarm(&swarm)
        };
        if !self.clear_lease(swarm.slot(number), &shard.attempt, 0, keep).await? {
            return Ok(false);
        }
        self.store
            .write(move |tx| {
                let Some(mut swarm) = tx.swarm(id)? else { return Ok(()) };
                if let Some(shard) = swarm.shard_mut(number) {
                    shard.attempt.cleared = true;
                }
                reserve(tx, &swarm, now)?;
                tx.put_swarm(&swarm)
            })
            .await?;
        Ok(true)
    }

    /// It is whole: from now on it is its owner's.
    async fn hand_over(&self, swarm: &Swarm) -> Result<()> {
        let (now, random) = (self.now(), self.random.clone());
        let (brand, site) = (self.settings.brand.name.clone(), self.settings.server.public_url.clone());
        self.change_swarm(swarm, move |tx, swarm| {
            swarm.stage = Stage::Ready;
            swarm.ready = Some(now);
            swarm.version = 1;
            swarm.shards.iter_mut().filter(|shard| shard.works()).for_each(|shard| shard.since = 1);
            swarm.note(now, format!("All {} shards are there.", swarm.layout().members()));
            reserve(tx, swarm, now)?;
            if let (Some(user), Some(order)) = (tx.user(swarm.user)?, tx.order(swarm.order)?) {
                tx.queue_mail(&mail::swarm_ready(&brand, &site, &user, &order, &*random, now), &*random, now)?;
            }
            Ok(())
        })
        .await?;
        self.nudge();
        Ok(())
    }

    /// Shards were replaced: there is a new configuration.
    async fn next_version(&self, swarm: &Swarm) -> Result<()> {
        let (now, random) = (self.now(), self.random.clone());
        let (brand, site) = (self.settings.brand.name.clone(), self.settings.server.public_url.clone());
        self.change_swarm(swarm, move |tx, swarm| {
            swarm.version += 1;
            let version = swarm.version;
            swarm.shards.iter_mut().filter(|shard| shard.works() && shard.since == 0).for_each(|shard| shard.since = version);
            swarm.note(now, format!("Replaced: configuration {version} is there for you to put in place."));
            if let (Some(user), Some(order)) = (tx.user(swarm.user)?, tx.order(swarm.order)?) {
                tx.queue_mail(&mail::swarm_mended(&brand, &site, &user, &order, version, &*random, now), &*random, now)?;
            }
            Ok(())
        })
        .await?;
        self.nudge();
        Ok(())
    }

    async fn give_swarm_up(&self, swarm: &Swarm, why: String) -> Result<()> {
        let now = self.now();
        self.change_swarm(swarm, move |_, swarm| {
            undo(swarm, &why, now);
            Ok(())
        })
        .await
    }

    /// The way down: no contract is left and the last bills are read; then what was paid for it goes back, or the order goes on ending.
    async fn take_swarm_down(&self, swarm: &Swarm) -> Result<Next> {
        let left = swarm.numbered().filter(|(_, shard)| !shard.attempt.cleared).map(|(number, _)| number).collect();
        if !self.clear_shards(swarm, left).await? || !self.last_bills_are_read(swarm.slots())? {
            return Ok(self.at_next_block().await);
        }
        let (now, random) = (self.now(), self.random.clone());
        let (brand, site) = (self.settings.brand.name.clone(), self.settings.server.public_url.clone());
        self.change_swarm(swarm, move |tx, swarm| {
            let undone = swarm.stage == Stage::Undoing;
            swarm.stage = Stage::Gone;
            swarm.key = None;
            swarm.note(now, "Every shard is given back.");
            let Some(mut order) = tx.order(swarm.order)? else { return Ok(()) };
            if !undone || order.state != State::Active {
                // What was paid for it is part of what the order settles.
                return match order.state.at_rest() {
                    true => Ok(()),
                    false => tx.owe(JobId::random(&*random), Work::ClimbOrder(order.id), now),
                };
            }
            let charge = tx.charge(order.charge)?.ok_or_else(|| Error::not_found("charge"))?;
            let amount = swarm.wish.price;
            if amount.units() > 0 {
                let (id, key) = (RefundId::random(&*random), hex::encode(random.bytes::<16>()));
                let owed = Refund::new(id, &charge, amount, key, TransferId::random(&*random), now);
                refund::hold(tx, &owed, order.user, now)?;
                tx.put_refund(&owed)?;
                tx.owe(JobId::random(&*random), Work::PayRefund(id), now)?;
                // From here on the order costs what is left of it; its parts stay as they were quoted, for the receipt.
                order.price = order.price.checked_sub(amount).unwrap_or_default();
            }
            order.wish.swarm = None;
            let back = amount.shown();
            order.note(now, Step::Access, format!("The storage swarm could not be built: {back} goes back to your card."));
            swarm.note(now, format!("{back} goes back to your card."));
            tx.put_order(&order)?;
            match tx.user(order.user)? {
                Some(user) => {
                    tx.queue_mail(&mail::swarm_failed(&brand, &site, &user, &order, amount, &*random, now), &*random, now)
                }
                None => Ok(()),
            }
        })
        .await?;
        self.nudge();
        Ok(Next::Done)
    }
}

/// Takes a swarm that was never whole onto its way down.
fn undo(swarm: &mut Swarm, why: &str, now: Time) {
    swarm.stage = Stage::Undoing;
    swarm.key = None;
    swarm.reason = Some(format!("The storage swarm could not be built. {why} What you paid for it goes back to your card."));
    swarm.trouble(now, format!("It is given up. {why}"));
}

/// Keeps what is promised on each node true: room is kept until the node itself reports it as used, and given back with the contract.
fn reserve(tx: &mut Tx<'_>, swarm: &Swarm, now: Time) -> Result<()> {
    let kept = || swarm.shards.iter().filter(|shard| !shard.attempt.cleared);
    for shard in &swarm.shards {
        if kept().all(|other| other.node().node != shard.node().node) {
            tx.release(shard.node().node, swarm.order)?;
        }
    }
    for (node, (farm, capacity)) in place::taken(&swarm.wish, kept()) {
        let all_up = kept().filter(|shard| shard.node().node == node).all(Shard::works);
        let until = all_up.then_some(now + REPORTED_AFTER);
        tx.reserve(node, swarm.order, &Reservation { farm, capacity, ipv4: 0, until })?;
    }
    Ok(())
}

impl Maker {
    /// Seats all shards of a swarm that has none.
    fn seat_all(&self, tx: &mut Tx<'_>, nodes: &Pool, swarm: &mut Swarm, now: Time, random: &dyn Random) -> Result<()> {
        let (market, buyer) = (tx.market(now)?, tx.buyer_of(swarm.user)?);
        let machine = machine_nodes(tx, swarm)?;
        let ground = Ground { pool: nodes, market: &market, wish: &swarm.wish, never: &machine, buyer: &buyer };
        let choices = ground.choose_all().map_err(|none| Error::unfunded(none.sentence()))?;
        for (role, choice) in choices {
            self.add(swarm, role, choice, now, random)?;
        }
        reserve(tx, swarm, now)
    }

    /// Seats one more shard.
    fn seat(&self, tx: &mut Tx<'_>, nodes: &Pool, swarm: &mut Swarm, role: Role, now: Time, random: &dyn Random) -> Result<()> {
        if swarm.shards.len() >= SHARDS_MAX {
            return Err(Error::conflict("So many shards failed that a person must look. Please write to us."));
        }
        let choice = self.one(tx, nodes, swarm, role, None, now)?;
        self.add(swarm, role, choice, now, random)?;
        reserve(tx, swarm, now)
    }

    /// Gives a shard up and seats another one for it. False when there is no node for it: then nothing is changed.
    pub(super) fn replace(
        &self,
        tx: &mut Tx<'_>,
        nodes: &Pool,
        swarm: &mut Swarm,
        number: u32,
        now: Time,
        random: &dyn Random,
    ) -> Result<bool> {
        let Some(role) = swarm.shard(number).map(|shard| shard.role) else { return Ok(false) };
        if swarm.shards.len() >= SHARDS_MAX {
            return Ok(false);
        }
        let Ok(choice) = self.one(tx, nodes, swarm, role, Some(number), now) else { return Ok(false) };
        if let Some(old) = swarm.shard_mut(number) {
            let farm = old.node().farm_name.clone();
            old.attempt.outcome = Outcome::Failed { why: "It was away for too long.".into() };
            let new = &choice.best;
            let said = format!("The shard at {farm} is away: it is replaced by one at {} in {}.", new.farm_name, new.city);
            swarm.trouble(now, said);
        }
        self.add(swarm, role, choice, now, random)?;
        reserve(tx, swarm, now)?;
        Ok(true)
    }

    /// A node for one shard beside those that are there. Nodes that failed this swarm are not tried again.
    fn one(&self, tx: &Tx<'_>, nodes: &Pool, swarm: &Swarm, role: Role, without: Option<u32>, now: Time) -> Result<Choice> {
        let (market, buyer) = (tx.market(now)?, tx.buyer_of(swarm.user)?);
        let there: Vec<(Role, &Scored)> =
            swarm.open().filter(|(number, _)| Some(*number) != without).map(|(_, shard)| (shard.role, shard.node())).collect();
        let mut never = machine_nodes(tx, swarm)?;
        let failed = swarm.numbered().filter(|(number, shard)| !shard.is_open() || Some(*number) == without);
        never.extend(failed.map(|(_, shard)| shard.node().node));
        let ground = Ground { pool: nodes, market: &market, wish: &swarm.wish, never: &never, buyer: &buyer };
        let mut found = ground.choose(role, 1, &there).map_err(|none| Error::unfunded(none.sentence()))?;
        found.pop().ok_or_else(|| Error::unfunded("No node is left."))
    }

    fn add(&self, swarm: &mut Swarm, role: Role, choice: Choice, now: Time, random: &dyn Random) -> Result<()> {
        let number = u32::try_from(swarm.shards.len()).unwrap_or(u32::MAX);
        let seed = self.locker.open(&seed_label(swarm.order), &swarm.seed)?;
        let (size, password) = (swarm.layout().backend_size(swarm.wish.usable, role), Passwords(seed).of(number));
        let plan = self.planner.store(swarm.order, role, size, &password, &random.bytes::<16>())?;
        // Why it was chosen among thousands is of no use to anybody here, and there are many of them in one row.
        let choice = Choice { best: Scored { parts: vec![], ..choice.best }, runner_up: None, fitting: choice.fitting };
        swarm.shards.push(Shard { role, attempt: crate::app::order::new_attempt(choice, plan, now), backend: None, since: 0 });
        Ok(())
    }
}

/// Nodes that carry or carried the machine itself: what takes it down must not take a shard, too.
fn machine_nodes(tx: &Tx<'_>, swarm: &Swarm) -> Result<Vec<u32>> {
    Ok(tx.order(swarm.order)?.map(|order| order.tried()).unwrap_or_default())
}
