//! The order ladder: paid (held) → reserved on chain → deployed → active; a failed rung tries another node, or undoes it all.
//!
//! Each run of the job takes at most one step outwards. What leaves the house was stored before, so a run can be cut off
//! anywhere and simply happens again. While an outcome is unknown the order stays on its rung: nothing second is begun.

use std::time::Duration;

use super::App;
use super::mail;
use super::order::{new_attempt, next_choice, reservation};
use super::signer::Overdue;
use crate::base::ids::{JobId, OrderId, RefundId, TransferId};
use crate::base::time::SECOND;
use crate::base::{Error, Result, Time};
use crate::domain::bill::Contract;
use crate::domain::catalogue::Place;
use crate::domain::charge::{Charge, ChargeState, Refund};
use crate::domain::job::{Next, Work};
use crate::domain::order::{Attempt, DEPLOY_PATIENCE, Order, Outcome, State, Step};
use crate::domain::signer::{CallState, Purpose, SignedCall};
use crate::grid::{Call, Fate, Progress};
use crate::store::account::Accounts;
use crate::store::charge::Charges;
use crate::store::grid::Chain;
use crate::store::order::Orders;
use crate::store::schema::BILLED_TO;
use crate::store::{Read, Tx};

/// How soon to look again while something outside is under way.
const SOON: Duration = Duration::from_millis(200);
/// How soon to look again at something that takes its time.
const LATER: Duration = Duration::from_secs(3);
/// So long a contract is tried to be made, then the money goes back.
const RESERVE_PATIENCE: Duration = Duration::from_secs(30 * 60);
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

    fn soon(&self) -> Next {
        Next::Again(self.now() + SOON)
    }

    fn later(&self) -> Next {
        Next::Again(self.now() + LATER)
    }

    /// Waits for the chain: until its next finalized block is heard of, or for a while.
    async fn at_next_block(&self) -> Next {
        let _either = tokio::time::timeout(LATER, self.next_head()).await;
        Next::Again(self.now())
    }

    /// The longer something takes, the less often it is looked at.
    fn by_and_by(&self, since: Time) -> Next {
        let now = self.now();
        Next::Again(now + (now.since(since) / 4).clamp(SOON, 3 * LATER))
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
                    order.note(now, Step::Pay, format!("The bank holds {amount} for you; it is taken when the VM runs."));
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
        let purpose = Purpose::CreateContract { order: order.id, attempt: number };
        let overdue = match self.now().since(attempt.started) > RESERVE_PATIENCE {
            true => Overdue::LetGo,
            false => Overdue::SignAnew,
        };
        if overdue == Overdue::LetGo && self.read()?.call(&purpose)?.is_none_or(|known| known.state == CallState::Expired) {
            self.give_up(order, Step::Deploy, "The grid could not be reached for half an hour.".into()).await?;
            return Ok(self.soon());
        }
        if self.read()?.call(&purpose)?.is_none() {
            // The list is minutes old, and what is signed costs money: the chain itself is asked before.
            let standing = self.grid.standing(attempt.node()).await?;
            if let Some(why) = standing.refusal(self.twin()?) {
                tracing::info!(order = %order.id, node = attempt.node(), why, "a node can't be had any more");
                return self.next_node(order, Step::Deploy, why).await;
            }
        }
        let fate = self.drive_call(purpose, self.grid.contract_call(order, attempt), overdue).await?;
        match fate {
            Fate::Pending => Ok(self.at_next_block().await),
            Fate::Expired | Fate::Usurped => {
                self.give_up(order, Step::Deploy, "The grid did not take the order for half an hour.".into()).await?;
                Ok(self.soon())
            }
            Fate::Landed { block } => {
                let Some(contract) = self.grid.contract_of(attempt.node(), &attempt.hash, self.twin()?).await? else {
                    // A node of the chain that lags does not know it yet; one that does not says that it is gone again.
                    let lags = self.grid.finalized().await?.number < block;
                    if lags || self.now().since(attempt.started) < DEPLOY_PATIENCE {
                        return Ok(self.at_next_block().await);
                    }
                    return self.next_node(order, Step::Deploy, "let go of the order again").await;
                };
                let now = self.now();
                self.change(order, move |tx, order| {
                    let farm = &order.attempts[number as usize].choice.best.farm_name;
                    let said = format!("{farm} has agreed to carry it.");
                    order.attempts[number as usize].contract = Some(contract);
                    order.state = State::Deploying;
                    order.note(now, Step::Deploy, said);
                    know(tx, order, number, contract, block, now)
                })
                .await?;
                Ok(self.soon())
            }
            Fate::Refused(reason) => {
                tracing::warn!(order = %order.id, node = attempt.node(), %reason, "the chain refused a contract");
                self.next_node(order, Step::Deploy, "did not take the order").await
            }
        }
    }

    /// Rung 3: the VM on the node.
    async fn deploy(&self, order: &Order) -> Result<Next> {
        let (number, attempt) = current(order)?;
        let contract = attempt.contract.ok_or_else(|| Error::internal("A deployment without a contract."))?;
        let (node, twin) = (attempt.node(), attempt.choice.best.twin);
        let now = self.now();
        if attempt.sent.is_none() {
            match self.grid.deploy(twin, contract, &attempt.deployment).await {
                Ok(()) => {}
                // The answer is lost, not the request: the next look tells.
                Err(error) if error.kind() == crate::base::Kind::Unavailable => {
                    tracing::info!(order = %order.id, node, %error, "no answer to a deployment");
                }
                Err(error) => {
                    tracing::warn!(order = %order.id, node, %error, "a node refused a deployment");
                    return self.next_node(order, Step::Allocate, "refused the VM").await;
                }
            }
            self.change(order, move |_, order| {
                order.attempts[number as usize].sent = Some(now);
                let farm = order.attempts[number as usize].choice.best.farm_name.clone();
                order.note(now, Step::Allocate, format!("{farm} is setting the VM up."));
                Ok(())
            })
            .await?;
            return Ok(self.soon());
        }
        // The bank or the chain may have taken long; that is not the node's fault.
        let overdue = attempt.sent.is_some_and(|sent| now.since(sent) > DEPLOY_PATIENCE);
        match self.grid.progress(twin, contract).await {
            Ok(Progress::Ready(access)) => {
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
            Ok(Progress::Failed(why)) => {
                tracing::warn!(order = %order.id, node, %why, "a deployment failed");
                self.next_node(order, Step::Allocate, "could not start the VM").await
            }
            Ok(Progress::Working { .. }) if !overdue => Ok(self.by_and_by(attempt.sent.unwrap_or(now))),
            Ok(Progress::Unknown) if !overdue => {
                // The request may have been lost: the same deployment again is the same deployment.
                match self.grid.deploy(twin, contract, &attempt.deployment).await {
                    Err(error) if error.kind() != crate::base::Kind::Unavailable => {
                        self.next_node(order, Step::Allocate, "refused the VM").await
                    }
                    _ => Ok(self.later()),
                }
            }
            Err(error) if !overdue => {
                tracing::info!(order = %order.id, node, %error, "a node does not answer");
                Ok(self.later())
            }
            Ok(_) | Err(_) => self.next_node(order, Step::Allocate, "did not get it done in time").await,
        }
    }

    /// Rung 4: the money is taken, and the VM is the customer's.
    async fn settle(&self, order: &Order) -> Result<Next> {
        let charge = self.drive_capture(order.charge).await?;
        let now = self.now();
        match charge.state {
            ChargeState::Captured => {
                let (brand, site) = (self.settings.brand.name.clone(), self.settings.server.public_url.clone());
                let random = self.random.clone();
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
                    tx.owe(JobId::random(&*random), Work::BookFee(charge.id), now + SECOND)?;
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

    /// Cancels the contract of one attempt, whether or not we know its number. True when it is gone for good.
    async fn clear_attempt(&self, order: &Order, number: u32) -> Result<bool> {
        let attempt = order.attempts.get(number as usize).ok_or_else(|| Error::not_found("attempt"))?;
        if attempt.cleared {
            return Ok(true);
        }
        // A node of the chain that lags behind the contract's block would call it gone.
        let creation = self.read()?.call(&Purpose::CreateContract { order: order.id, attempt: number })?;
        if let Some(SignedCall { state: CallState::Landed { block }, .. }) = creation
            && self.grid.finalized().await?.number < block
        {
            return Ok(false);
        }
        let contract = match attempt.contract {
            Some(contract) => Some(contract),
            None => match self.fate_of_creation(order, number, attempt).await? {
                Fate::Pending => return Ok(false),
                Fate::Refused(_) | Fate::Expired | Fate::Usurped => None,
                Fate::Landed { block } => {
                    let found = self.grid.contract_of(attempt.node(), &attempt.hash, self.twin()?).await?;
                    if let Some(contract) = found {
                        let (id, now) = (order.id, self.now());
                        self.store
                            .write(move |tx| {
                                let mut order = tx.order(id)?.ok_or_else(|| Error::not_found("order"))?;
                                order.attempts[number as usize].contract = Some(contract);
                                tx.put_order(&order)?;
                                know(tx, &order, number, contract, block, now)
                            })
                            .await?;
                    }
                    found
                }
            },
        };
        if let Some(contract) = contract {
            let purpose = Purpose::CancelContract { order: order.id, attempt: number };
            // A call of ours on its way is asked about even if the contract is gone: it holds a nonce, and its block has the
            // last bill in it.
            let asked = self.read()?.call(&purpose)?.is_some();
            if asked || !self.grid.contract_is_gone(contract).await? {
                match self.drive_call(purpose, Call::CancelContract { contract }, Overdue::SignAnew).await? {
                    // What the call did can't be read from a block that the chain has forgotten: what there is can.
                    Fate::Landed { .. } if self.grid.contract_is_gone(contract).await? => {}
                    Fate::Landed { block } if self.grid.finalized().await?.number < block => return Ok(false),
                    Fate::Landed { .. } => {
                        self.forget_call(purpose).await?;
                        return Err(Error::unavailable("A contract was cancelled and is still there."));
                    }
                    Fate::Pending | Fate::Expired | Fate::Usurped => return Ok(false),
                    // "It is gone already" is a success.
                    Fate::Refused(reason) if reason.contains("NotExist") => {}
                    Fate::Refused(reason) => {
                        // The reason may pass, so the next try is a new call; if it does not, a person must look.
                        if !self.grid.contract_is_gone(contract).await? {
                            self.forget_call(purpose).await?;
                            return Err(Error::internal("The chain refuses to cancel a contract.").because(reason));
                        }
                    }
                }
            }
        }
        let id = order.id;
        self.store
            .write(move |tx| {
                let mut order = tx.order(id)?.ok_or_else(|| Error::not_found("order"))?;
                let attempt = &mut order.attempts[number as usize];
                attempt.cleared = true;
                attempt.contract = attempt.contract.or(contract);
                let node = attempt.node();
                if order.attempts.iter().all(|other| other.cleared || other.node() != node) {
                    tx.release(node, id)?;
                }
                tx.put_order(&order)
            })
            .await?;
        Ok(true)
    }

    /// Whether the contract of an attempt was ever made. Never signed is the same as refused.
    async fn fate_of_creation(&self, order: &Order, number: u32, attempt: &Attempt) -> Result<Fate> {
        let purpose = Purpose::CreateContract { order: order.id, attempt: number };
        match self.read()?.call(&purpose)? {
            None => Ok(Fate::Refused("never signed".into())),
            Some(_) => {
                let call = self.grid.contract_call(order, attempt);
                self.drive_call(purpose, call, Overdue::LetGo).await
            }
        }
    }

    /// The job of a failed attempt.
    pub async fn cancel_attempt(&self, id: OrderId, number: u32) -> Result<Next> {
        let order = self.read()?.order(id)?.ok_or_else(|| Error::not_found("order"))?;
        match self.clear_attempt(&order, number).await? {
            true => Ok(Next::Done),
            false => Ok(self.at_next_block().await),
        }
    }

    async fn clear_all(&self, order: &Order) -> Result<bool> {
        let mut clear = true;
        for number in 0..order.attempts.len() {
            clear &= self.clear_attempt(order, u32::try_from(number).unwrap_or(u32::MAX)).await?;
        }
        Ok(clear)
    }

    /// The way down: no contract is left, then the money goes back.
    async fn undo(&self, order: &Order) -> Result<Next> {
        if !self.clear_all(order).await? {
            return Ok(self.at_next_block().await);
        }
        let charge = self.drive_void(order.charge).await?;
        if charge.state == ChargeState::Captured {
            let amount = charge.amount;
            return self.refund_and(order, &charge, amount, State::Refunded).await;
        }
        if !matches!(charge.state, ChargeState::Voided | ChargeState::Declined { .. }) {
            return Ok(self.later());
        }
        let now = self.now();
        let (brand, site) = (self.settings.brand.name.clone(), self.settings.server.public_url.clone());
        let random = self.random.clone();
        self.change(order, move |tx, order| {
            release_all(tx, order)?;
            order.note(now, Step::Pay, "The bank was told to let go of the money: nothing was charged.");
            order.state = State::Refunded;
            tell(tx, order, |user, order| mail::not_running(&brand, &site, user, order, &*random, now), &*random, now)
        })
        .await?;
        Ok(Next::Done)
    }

    /// The end of a VM that ran: no contract is left, its last bill is in the books, and unused hours are paid back.
    async fn finish(&self, order: &Order) -> Result<Next> {
        if !self.clear_all(order).await? {
            return Ok(self.at_next_block().await);
        }
        // The cancellation billed once more; wait until that block has been read.
        if !self.last_bills_are_read(order).await? {
            return Ok(self.at_next_block().await);
        }
        let charge = self.read()?.charge(order.charge)?.ok_or_else(|| Error::not_found("charge"))?;
        let unused = order.price.checked_sub(order.earned_by(self.now())).unwrap_or_default().floor_to_cent();
        self.refund_and(order, &charge, unused, State::Ended).await
    }

    async fn last_bills_are_read(&self, order: &Order) -> Result<bool> {
        let snapshot = self.read()?;
        let read_to = snapshot.single(&BILLED_TO)?.unwrap_or(0);
        for number in 0..order.attempts.len() {
            let purpose = Purpose::CancelContract { order: order.id, attempt: u32::try_from(number).unwrap_or(u32::MAX) };
            if let Some(SignedCall { state: CallState::Landed { block }, .. }) = snapshot.call(&purpose)?
                && read_to < block
            {
                return Ok(false);
            }
        }
        Ok(true)
    }

    /// Brings the earned part home, owes the refund of the rest, and comes to rest.
    async fn refund_and(&self, order: &Order, charge: &Charge, amount: crate::base::money::Usd, rest: State) -> Result<Next> {
        let now = self.now();
        let random = self.random.clone();
        let charge = charge.clone();
        self.change(order, move |tx, order| {
            release_all(tx, order)?;
            super::bill::earn(tx, order, now)?;
            if amount.units() > 0 {
                let (id, key) = (RefundId::random(&*random), hex::encode(random.bytes::<16>()));
                let refund = Refund::new(id, &charge, amount, key, TransferId::random(&*random), now);
                super::refund::hold(tx, &refund, order.user, now)?;
                tx.put_refund(&refund)?;
                tx.owe(JobId::random(&*random), Work::PayRefund(id), now)?;
                order.note(now, Step::Pay, format!("{amount} goes back to your card."));
            }
            // What is left of the month is less than a cent: it can't be paid back.
            super::bill::round_off(tx, order, amount, now)?;
            order.state = rest;
            order.note(now, Step::Access, "Everything is given back.");
            Ok(())
        })
        .await?;
        self.nudge();
        Ok(Next::Done)
    }
}

/// From now on the contract's bills are ours; those that were read before are read again.
fn know(tx: &mut Tx<'_>, order: &Order, number: u32, contract: u64, block: u32, now: Time) -> Result<()> {
    let best = &order.attempts[number as usize].choice.best;
    let (node, farm, owner) = (best.node, best.farm, best.owner);
    tx.put_contract(&Contract { id: contract, order: order.id, attempt: number, node, farm, owner, created: now })?;
    super::bill::read_again_from(tx, block)
}

fn current(order: &Order) -> Result<(u32, &Attempt)> {
    let attempt = order.attempts.last().ok_or_else(|| Error::internal("An order without an attempt."))?;
    Ok((u32::try_from(order.attempts.len() - 1).unwrap_or(u32::MAX), attempt))
}

fn release_all(tx: &mut Tx<'_>, order: &Order) -> Result<()> {
    order.attempts.iter().try_for_each(|attempt| tx.release(attempt.node(), order.id))
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
