//! The order ladder: paid (held) → reserved on chain → deployed → active; a failed rung tries another node, or undoes it all.
//!
//! Each run of the job takes at most one step outwards. What leaves the house was stored before, so a run can be cut off
//! anywhere and simply happens again. While an outcome is unknown the order stays on its rung: nothing second is begun.

mod undo;

use std::time::Duration;

use super::lease::{Built, Signed, know};
use super::order::{new_attempt, next_choice, reservation};
use super::{App, mail};
use crate::base::ids::{JobId, OrderId};
use crate::base::{Error, Result, Time};
use crate::domain::backup::Backup;
use crate::domain::catalogue::Place;
use crate::domain::charge::ChargeState;
use crate::domain::job::{Next, Work};
use crate::domain::order::{Attempt, Order, Outcome, State, Step};
use crate::domain::slot::Slot;
use crate::store::Tx;
use crate::store::account::Accounts;
use crate::store::order::Orders;

/// So long a bank may think about a payment that it knows.
const BANK_PATIENCE: Duration = Duration::from_secs(30 * 60);
/// How long a reservation outlives activation: the node reports its used room every 40 minutes (`threefoldtech/tfgrid-sdk-go: grid-proxy`).
const REPORTED_AFTER: Duration = Duration::from_secs(3600);

impl App {
    /// Takes an order as far as it goes now.
    pub async fn climb_order(&self, id: OrderId) -> Result<Next> {
        loop {
            let order = self.read()?.order(id)?.ok_or_else(|| Error::not_found("order"))?;
            let before = (order.state, order.attempts.len());
            let next = match order.state {
                State::Paying => self.pay(&order).await?,
                State::Reserving => self.reserve(&order).await?,
                State::Deploying => self.deploy(&order).await?,
                State::Settling => self.settle(&order).await?,
                State::Undoing => self.undo(&order).await?,
                State::Ending => self.finish(&order).await?,
                State::Active | State::Ended | State::Refunded => return Ok(Next::Done),
            };
            let now = self.read()?.order(id)?.map(|order| (order.state, order.attempts.len()));
            if now == Some(before) {
                return Ok(next);
            }
        }
    }

    /// Changes an order in one transaction, if it is still in the state the change was thought up for.
    async fn change<F>(&self, order: &Order, change: F) -> Result<()>
    where
        F: FnOnce(&mut Tx<'_>, &mut Order) -> Result<()> + Send + 'static,
    {
        let (id, state) = (order.id, order.state);
        self.store
            .write(move |tx| {
                let mut order = tx.order(id)?.ok_or_else(|| Error::not_found("order"))?;
                if order.state != state {
                    return Ok(()); // somebody took it onwards meanwhile: what was learned here is old
                }
                change(tx, &mut order)?;
                tx.put_order(&order)
            })
            .await
    }

    /// Rung 1: the bank holds the money.
    async fn pay(&self, order: &Order) -> Result<Next> {
        let charge = self.drive_authorization(order.charge).await?;
        let now = self.now();
        let random = self.random.clone();
        match charge.state {
            ChargeState::Authorized => {
                let amount = charge.amount;
                self.change(order, move |_, order| {
                    order.state = State::Reserving;
                    // The grid's patience begins now: the bank's time was not its own.
                    if let Some(attempt) = order.attempts.last_mut() {
                        attempt.started = now;
                    }
                    order.note(
                        now,
                        Step::Pay,
                        format!("The bank holds {} for you; it is taken when the VM runs.", amount.shown()),
                    );
                    Ok(())
                })
                .await?;
            }
            ChargeState::Declined { reason } => {
                let (brand, site) = (self.settings.brand.name.clone(), self.settings.server.public_url.clone());
                self.change(order, move |tx, order| {
                    order.trouble(now, Step::Pay, reason.clone());
                    order.reason = Some(reason);
                    release_all(tx, order)?;
                    for attempt in &mut order.attempts {
                        attempt.cleared = true;
                    }
                    order.state = State::Ended;
                    tell(tx, order, |user, order| mail::not_running(&brand, &site, user, order, &*random, now), &*random, now)
                })
                .await?;
            }
            ChargeState::NeedsAction { .. } if now.since(order.created) > Duration::from_secs(1800) => {
                self.give_up(order, Step::Pay, "The payment was not confirmed with your bank within half an hour.".into())
                    .await?;
            }
            ChargeState::NeedsAction { .. } => {
                const ASKS: &str = "Your bank asks you to confirm this payment.";
                if order.timeline.last().is_none_or(|last| last.text != ASKS) {
                    self.change(order, move |_, order| {
                        order.note(now, Step::Pay, ASKS);
                        Ok(())
                    })
                    .await?;
                }
                return Ok(self.later());
            }
            ChargeState::Sent if now.since(order.created) > BANK_PATIENCE && charge.payment_intent.is_some() => {
                self.give_up(order, Step::Pay, "The bank did not decide about the payment within half an hour.".into()).await?;
            }
            ChargeState::Sent => return Ok(self.by_and_by(order.created)),
            // Somebody else's hand was on it, or the bank's patience is over: all the way down, whatever was taken goes back.
            ChargeState::Captured | ChargeState::Voided => {
                self.give_up(order, Step::Pay, "The bank let go of the money before it was taken.".into()).await?;
            }
        }
        Ok(self.soon())
    }

    /// Rung 2: a contract on the chain.
    async fn reserve(&self, order: &Order) -> Result<Next> {
        let (number, attempt) = current(order)?;
        let slot = Slot::machine(order.id, number);
        match self.sign_lease(slot, attempt, order.wish.public_ips()).await? {
            Signed::Waits(next) => Ok(next),
            Signed::TooLate(why) => {
                self.give_up(order, Step::Deploy, why.into()).await?;
                Ok(self.soon())
            }
            Signed::Refused(what) => self.next_node(order, Step::Deploy, what).await,
            Signed::Made { contract, block } => {
                let now = self.now();
                self.change(order, move |tx, order| {
                    let attempt = &mut order.attempts[number as usize];
                    attempt.contract = Some(contract);
                    know(tx, slot, attempt, contract, block, now)?;
                    let said = format!("{} has agreed to carry it.", attempt.choice.best.farm_name);
                    order.state = State::Deploying;
                    order.note(now, Step::Deploy, said);
                    Ok(())
                })
                .await?;
                Ok(self.soon())
            }
        }
    }

    /// Rung 3: the VM on the node.
    async fn deploy(&self, order: &Order) -> Result<Next> {
        let (number, attempt) = current(order)?;
        let now = self.now();
        match self.build_lease(Slot::machine(order.id, number), attempt).await? {
            Built::Waits(next) => Ok(next),
            Built::Failed(what) => self.next_node(order, Step::Allocate, what).await,
            Built::Sent => {
                self.change(order, move |_, order| {
                    order.attempts[number as usize].sent = Some(now);
                    let farm = order.attempts[number as usize].choice.best.farm_name.clone();
                    order.note(now, Step::Allocate, format!("{farm} is setting the VM up."));
                    Ok(())
                })
                .await?;
                Ok(self.soon())
            }
            Built::Up(deployed) => {
                let access = deployed.access()?;
                self.change(order, move |_, order| {
                    order.attempts[number as usize].outcome = Outcome::Works;
                    order.note(now, Step::Allocate, format!("The VM is up at {}.", access.address()));
                    order.access = Some(access);
                    order.state = State::Settling;
                    Ok(())
                })
                .await?;
                Ok(self.soon())
            }
        }
    }

    /// Rung 4: the money is taken, and the VM is the customer's.
    async fn settle(&self, order: &Order) -> Result<Next> {
        let charge = self.drive_capture(order.charge).await?;
        let now = self.now();
        match charge.state {
            ChargeState::Captured => {
                let (brand, site) = (self.settings.brand.name.clone(), self.settings.server.public_url.clone());
                let (random, locker) = (self.random.clone(), self.locker.clone());
                self.change(order, move |tx, order| {
                    order.state = State::Active;
                    order.active_since = Some(now);
                    order.note(
                        now,
                        Step::Access,
                        format!("It is yours until {}.", order.paid_until().map(Time::day).unwrap_or_default()),
                    );
                    let attempt = order.attempts.last().ok_or_else(|| Error::internal("An order without an attempt."))?;
                    let best = &attempt.choice.best;
                    let fading = reservation(&order.wish, best.farm, Some(now + REPORTED_AFTER));
                    tx.reserve(best.node, order.id, &fading)?;
                    if order.wish.backup == Backup::Machine {
                        tx.owe(JobId::random(&*random), Work::TendBackup(order.id), now)?;
                    }
                    super::swarm::begin(tx, order, locker.as_ref(), &*random, now)?;
                    tell(
                        tx,
                        order,
                        |user, order| mail::running(&brand, &site, user, order, &charge, &*random, now),
                        &*random,
                        now,
                    )
                })
                .await?;
                Ok(Next::Done)
            }
            ChargeState::Declined { reason } => {
                self.give_up(order, Step::Access, format!("The bank let go of the money before it was taken. {reason}")).await?;
                Ok(self.soon())
            }
            ChargeState::Voided => {
                self.give_up(order, Step::Access, "The bank let go of the money before it was taken.".into()).await?;
                Ok(self.soon())
            }
            ChargeState::Sent | ChargeState::NeedsAction { .. } | ChargeState::Authorized => Ok(self.later()),
        }
    }

    /// The attempt failed: its contract is cancelled by a job of its own, and another node is tried, or none is left.
    async fn next_node(&self, order: &Order, step: Step, what: &'static str) -> Result<Next> {
        let now = self.now();
        let (number, _) = current(order)?;
        // Just after a start no node is known yet: that is no reason to give up.
        let (nodes, random) = (self.known_nodes().await?, self.random.clone());
        let planner = self.grid.planner(self.twin()?);
        self.change(order, move |tx, order| {
            let failed = &mut order.attempts[number as usize];
            let why = format!("{} in {} {what}.", failed.choice.best.farm_name, failed.choice.best.city);
            failed.outcome = Outcome::Failed { why: why.clone() };
            let node = failed.node();
            tx.release(node, order.id)?;
            match next_choice(tx, &nodes, order, now)? {
                Some(choice) => {
                    tx.owe(JobId::random(&*random), Work::CancelAttempt { order: order.id, attempt: number }, now)?;
                    let best = choice.best.clone();
                    order.trouble(now, step, format!("{why} Trying {} in {} instead.", best.farm_name, best.city));
                    let plan = planner.plan(&order.wish, order.id, &choice, &*random)?;
                    tx.reserve(best.node, order.id, &reservation(&order.wish, best.farm, None))?;
                    order.attempts.push(new_attempt(choice, plan, now));
                    order.state = State::Reserving;
                }
                None => {
                    let (left, reason) = match order.wish.place {
                        Place::Node(_) => (
                            "You chose this node, so no other one is tried: you get your money back.",
                            "The node that you chose could not start it. You were not charged.",
                        ),
                        _ if !order.wish.filter.is_empty() => (
                            "Nothing more within your filter is tried: you get your money back.",
                            "None of the nodes we tried within your filter could start it. You were not charged.",
                        ),
                        Place::Anywhere | Place::Country(_) => (
                            "No other place is left to try: you get your money back.",
                            "None of the places we tried could start it. You were not charged.",
                        ),
                    };
                    order.trouble(now, step, format!("{why} {left}"));
                    order.reason = Some(reason.into());
                    order.state = State::Undoing;
                }
            }
            Ok(())
        })
        .await?;
        self.nudge();
        Ok(self.soon())
    }

    async fn give_up(&self, order: &Order, step: Step, why: String) -> Result<()> {
        let now = self.now();
        self.change(order, move |_, order| {
            order.trouble(now, step, why.clone());
            order.reason = Some(why);
            order.state = State::Undoing;
            Ok(())
        })
        .await
    }
}

fn current(order: &Order) -> Result<(u32, &Attempt)> {
    let attempt = order.attempts.last().ok_or_else(|| Error::internal("An order without an attempt."))?;
    Ok((u32::try_from(order.attempts.len() - 1).unwrap_or(u32::MAX), attempt))
}

fn release_all(tx: &mut Tx<'_>, order: &Order) -> Result<()> {
    order.attempts.iter().try_for_each(|attempt| tx.release(attempt.node(), order.id))?;
    super::swarm::let_go(tx, order)?;
    super::backup::let_go(tx, order)
}

fn tell(
    tx: &mut Tx<'_>,
    order: &Order,
    write: impl FnOnce(&crate::domain::account::User, &Order) -> crate::domain::mail::Mail,
    random: &dyn crate::base::Random,
    now: Time,
) -> Result<()> {
    match tx.user(order.user)? {
        Some(user) => {
            let mail = write(&user, order);
            tx.queue_mail(&mail, random, now)
        }
        None => Ok(()),
    }
}
