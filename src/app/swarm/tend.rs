//! The job that tends a swarm: chooses nodes, makes contracts, has stores set up, replaces what fails, and in the end takes all of it down.
//!
//! Every run takes each shard one step onwards, all of them side by side, and stores what it learned before the next step.

use std::time::Duration;

use futures_util::future::join_all;

use super::settle::pay_back;
use super::{Passwords, machine_nodes, seed_label};
use crate::app::lease::{Built, Signed, know};
use crate::app::{App, mail};
use crate::base::ids::{JobId, OrderId};
use crate::base::seal::Locker;
use crate::base::time::HOUR;
use crate::base::{Error, Kind, Random, Result, Time};
use crate::domain::job::{Next, Work};
use crate::domain::order::{Attempt, Outcome, State};
use crate::domain::placement::{Choice, Scored};
use crate::domain::pool::Pool;
use crate::domain::swarm::place::Ground;
use crate::domain::swarm::{BUILD_PATIENCE, FAILURES_MAX, Role, SHARDS_MAX, Shard, Stage, Swarm, place};
use crate::grid::{Planner, with_password};
use crate::store::Tx;
use crate::store::account::Accounts;
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
        let waits = swarm.no_room.is_some_and(|since| now < since + NO_ROOM);
        if swarm.lacks().is_some() && !waits {
            self.seat_shards(swarm).await?;
        }
        let known = self.read()?.swarm(swarm.order)?.filter(|known| known.stage == swarm.stage);
        let Some(swarm) = known else { return Ok(self.soon()) };
        let trying: Vec<u32> = swarm.open().filter(|(_, shard)| !shard.works()).map(|(number, _)| number).collect();
        if trying.is_empty() && swarm.stage == Stage::Ready && swarm.working().any(|(_, shard)| shard.since == 0) {
            self.next_version(&swarm).await?;
        }
        let passwords = self.passwords(&swarm)?;
        // All side by side: there are some dozens at most, and each has its own patience.
        let climbing = join_all(trying.iter().map(|number| self.climb_shard(&swarm, *number, &passwords))).await;
        let clear = self.clear_shards(&swarm, swarm.given_up()).await?;
        for climbed in climbing {
            match climbed {
                Ok(()) => {}
                Err(error) if error.kind() == Kind::Unavailable => {
                    tracing::info!(order = %swarm.order, ?error, "a shard has to wait")
                }
                Err(error) => return Err(error),
            }
        }
        Ok(match (trying.is_empty(), clear, swarm.no_room) {
            (true, true, None) if swarm.stage == Stage::Ready => Next::Done,
            (true, true, Some(since)) => Next::Again(since + NO_ROOM),
            _ => self.soon(),
        })
    }

    /// Chooses nodes for the shards that are missing. Where there is no room a swarm that was never whole is given up; in one that
    /// was, it is remembered, and everything else goes on.
    async fn seat_shards(&self, swarm: &Swarm) -> Result<()> {
        let (now, random, nodes) = (self.now(), self.random.clone(), self.known_nodes().await?);
        let make = self.shard_maker()?;
        self.change_swarm(swarm, move |tx, swarm| {
            let seated = if swarm.shards.is_empty() {
                make.seat_all(tx, &nodes, swarm, now, &*random)
            } else {
                // Each role by itself: where no room is left for what is large there may be some for what is small.
                let seated = Role::ALL.map(|role| {
                    let mut seated = Ok(());
                    while seated.is_ok() && swarm.is_short_of(role) {
                        seated = make.seat(tx, &nodes, swarm, role, now, &*random);
                    }
                    seated
                });
                seated.into_iter().collect()
            };
            match seated {
                Ok(()) => {
                    swarm.no_room = None;
                    Ok(())
                }
                Err(error) if matches!(error.kind(), Kind::Unfunded | Kind::Conflict) && swarm.stage == Stage::Building => {
                    undo(swarm, error.message(), now);
                    Ok(())
                }
                Err(error) if matches!(error.kind(), Kind::Unfunded | Kind::Conflict) => {
                    if swarm.no_room.replace(now).is_none() {
                        swarm.trouble(now, format!("A shard can't be replaced yet: {}", error.message()));
                    }
                    Ok(())
                }
                Err(error) => Err(error),
            }
        })
        .await
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
            swarm.no_room = None;
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
            if undone && matches!(order.state, State::Active | State::Ending) {
                let back = pay_back(tx, &mut order, swarm.wish.price, &*random, now)?;
                swarm.note(now, format!("{} goes back to your card.", back.shown()));
                // Who has deleted the server meanwhile is told of the whole.
                if let Some(user) = tx.user(order.user)?.filter(|_| order.state == State::Active) {
                    let letter = mail::swarm_failed(&brand, &site, &user, &order, back, &*random, now);
                    tx.queue_mail(&letter, &*random, now)?;
                }
            }
            match order.state.at_rest() {
                true => Ok(()),
                false => tx.owe(JobId::random(&*random), Work::ClimbOrder(order.id), now),
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
    for (node, (farm, capacity)) in place::taken(&swarm.wish, kept().map(|shard| (shard.role, shard.node()))) {
        let all_up = kept().filter(|shard| shard.node().node == node).all(Shard::works);
        let until = all_up.then_some(now + REPORTED_AFTER);
        tx.reserve(node, swarm.order, &Reservation { farm, capacity, ipv4: 0, until })?;
    }
    Ok(())
}

impl Maker {
    /// Seats all shards of a swarm that has none.
    fn seat_all(&self, tx: &mut Tx<'_>, nodes: &Pool, swarm: &mut Swarm, now: Time, random: &dyn Random) -> Result<()> {
        let machine = machine_nodes(tx, swarm.order)?;
        // The room that was kept since the order was made is what they take now.
        for node in tx.kept_for(swarm.order)?.into_iter().filter(|node| !machine.contains(node)) {
            tx.release(node, swarm.order)?;
        }
        let (market, buyer) = (tx.market(now)?, tx.buyer_of(swarm.user)?);
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
        let mut never = machine_nodes(tx, swarm.order)?;
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
