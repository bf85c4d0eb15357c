//! Moving: a new attempt on another node while the old one runs on. When the new one works, the old one is given back.

use super::super::lease::{Built, Signed, know};
use super::super::order::{ask, new_attempt, reservation};
use super::super::{App, backup, swarm};
use crate::base::ids::JobId;
use crate::base::{Error, Random, Result, Time};
use crate::domain::job::{Next, Work};
use crate::domain::order::{MAX_ATTEMPTS, Order, Outcome};
use crate::domain::placement::choose;
use crate::domain::revision::{Revision, Rung, State as Stage};
use crate::domain::slot::Slot;
use crate::store::Tx;
use crate::store::exposure::Exposures;

impl App {
    /// A contract for the new place, then the machine on it.
    pub(super) async fn set_up_elsewhere(&self, order: &Order, revision: &Revision) -> Result<Next> {
        let number = last(order)?;
        let attempt = &order.attempts[number as usize];
        let (slot, now) = (Slot::machine(order.id, number), self.now());
        if attempt.contract.is_none() {
            return match self.sign_lease(slot, attempt, revision.wish.public_ips()).await? {
                Signed::Waits(next) => Ok(next),
                Signed::TooLate(why) => self.stay(order, revision, why).await,
                Signed::Refused(what) => self.try_elsewhere(order, revision, what).await,
                Signed::Made { contract, block } => {
                    self.turn(revision, move |tx, order, revision| {
                        let attempt = &mut order.attempts[number as usize];
                        attempt.contract = Some(contract);
                        know(tx, slot, attempt, contract, block, now)?;
                        revision.note(now, Rung::Change, format!("{} has agreed to carry it.", attempt.choice.best.farm_name));
                        Ok(())
                    })
                    .await?;
                    Ok(self.soon())
                }
            };
        }
        match self.build_lease(slot, attempt).await? {
            Built::Waits(next) => Ok(next),
            Built::Failed(what) => self.try_elsewhere(order, revision, what).await,
            Built::Sent => {
                self.turn(revision, move |_, order, revision| {
                    let attempt = &mut order.attempts[number as usize];
                    attempt.sent = Some(now);
                    revision.note(now, Rung::Change, format!("{} is setting it up.", attempt.choice.best.farm_name));
                    Ok(())
                })
                .await?;
                Ok(self.soon())
            }
            Built::Up(deployed) => {
                let access = deployed.access()?;
                self.turn(revision, move |_, _, revision| {
                    revision.note(now, Rung::Change, format!("It is up at its new place: {}.", access.address()));
                    revision.access = Some(access);
                    revision.enter(Stage::Settling, now);
                    Ok(())
                })
                .await?;
                Ok(self.soon())
            }
        }
    }

    /// The new place failed: its contract is cancelled by a job of its own, and the next one is tried, or none is left.
    async fn try_elsewhere(&self, order: &Order, revision: &Revision, what: &'static str) -> Result<Next> {
        let (now, number) = (self.now(), last(order)?);
        let (nodes, random) = (self.known_nodes().await?, self.random.clone());
        let planner = self.grid.planner(self.twin()?);
        self.turn(revision, move |tx, order, revision| {
            let why = fail(tx, order, number, what, &*random, now)?;
            let from = revision.attempts_from.unwrap_or(number) as usize;
            // Where it is, and where this move has been.
            let mut tried: Vec<u32> =
                order.attempts[from.min(order.attempts.len())..].iter().map(|attempt| attempt.node()).collect();
            let here = order.attempt().map(|attempt| attempt.node());
            tried.extend(here);
            tried.extend(swarm::nodes_of(tx, order.id)?);
            let mut ask = ask(&revision.wish, tx.buyer_of(order.user)?).without_nodes(&tried);
            backup::keep_apart(tx, order.id, &mut ask)?;
            let choice = match order.attempts.len() - from.min(order.attempts.len()) < MAX_ATTEMPTS {
                true => choose(&nodes, &ask, &tx.market(now)?).ok(),
                false => None,
            };
            match choice {
                Some(choice) => {
                    let best = choice.best.clone();
                    revision.trouble(now, Rung::Change, format!("{why} Trying {} in {} instead.", best.farm_name, best.city));
                    let plan = planner.plan(&revision.wish, order.id, &choice, &*random)?;
                    tx.reserve(best.node, order.id, &reservation(&revision.wish, best.farm, None))?;
                    order.attempts.push(new_attempt(choice, plan, now));
                }
                None => {
                    revision.trouble(now, Rung::Change, format!("{why} No other place is left to try: it stays where it is."));
                    revision.reason = Some("None of the places we tried could start it. It is where it was, as it was.".into());
                    revision.enter(Stage::Releasing, now);
                }
            }
            Ok(())
        })
        .await?;
        self.nudge();
        Ok(self.soon())
    }

    /// Nothing more is tried.
    async fn stay(&self, order: &Order, revision: &Revision, why: &'static str) -> Result<Next> {
        let (now, number, random) = (self.now(), last(order)?, self.random.clone());
        self.turn(revision, move |tx, order, revision| {
            fail(tx, order, number, "could not be had", &*random, now)?;
            revision.trouble(now, Rung::Change, format!("{why} It stays where it is."));
            revision.reason = Some(why.into());
            revision.enter(Stage::Releasing, now);
            Ok(())
        })
        .await?;
        self.nudge();
        Ok(self.soon())
    }
}

fn last(order: &Order) -> Result<u32> {
    let last = order.attempts.len().checked_sub(1).and_then(|last| u32::try_from(last).ok());
    last.ok_or_else(|| Error::internal("A move without a place to move to."))
}

/// It was not paid for: what was begun for it elsewhere is given back.
pub(super) fn leave(tx: &mut Tx<'_>, order: &mut Order, random: &dyn Random, now: Time) -> Result<()> {
    let number = last(order)?;
    fail(tx, order, number, "is not needed any more", random, now).map(drop)
}

/// Notes that a place failed, gives its room back and owes its contract's end.
fn fail(tx: &mut Tx<'_>, order: &mut Order, number: u32, what: &str, random: &dyn Random, now: Time) -> Result<String> {
    let failed = &mut order.attempts[number as usize];
    let why = format!("{} in {} {what}.", failed.choice.best.farm_name, failed.choice.best.city);
    failed.outcome = Outcome::Failed { why: why.clone() };
    tx.release(failed.node(), order.id)?;
    tx.owe(JobId::random(random), Work::CancelAttempt { order: order.id, attempt: number }, now)?;
    Ok(why)
}

/// It works at its new place: from now on that one counts, and the old one's contract is cancelled.
pub(super) fn arrive(tx: &mut Tx<'_>, order: &mut Order, revision: &Revision, random: &dyn Random, now: Time) -> Result<()> {
    let (old, new) = (order.attempt_number(), last(order)?);
    if let Some(old) = old.filter(|old| *old != new as usize) {
        order.attempts[old].outcome = Outcome::Left;
        let attempt = u32::try_from(old).unwrap_or(u32::MAX);
        tx.owe(JobId::random(random), Work::CancelAttempt { order: order.id, attempt }, now)?;
    }
    order.attempts[new as usize].outcome = Outcome::Works;
    order.wish.place.clone_from(&revision.wish.place);
    order.wish.filter.clone_from(&revision.wish.filter);
    order.access.clone_from(&revision.access);
    (order.stopped, order.lost) = (None, None);
    backup::moved(tx, order, random, now)
}
