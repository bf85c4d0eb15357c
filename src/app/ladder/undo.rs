//! The way down the ladder: every contract is given back, the last bills are read, then the money goes where it belongs.

use super::super::mail::standing;
use super::super::{App, bill, mail, prorate};
use super::{release_all, tell};
use crate::base::ids::OrderId;
use crate::base::money::Usd;
use crate::base::{Error, Result};
use crate::domain::backup::BackupVm;
use crate::domain::charge::ChargeState;
use crate::domain::job::Next;
use crate::domain::order::{Order, State, Step};
use crate::domain::slot::Slot;
use crate::store::Tx;
use crate::store::backup::Backups;
use crate::store::order::Orders;

impl App {
    /// Cancels the contract of one attempt. True when it is gone for good, or never was.
    async fn clear_attempt(&self, order: &Order, slot: Slot) -> Result<bool> {
        let number = slot.number as usize;
        let attempt = order.attempts.get(number).ok_or_else(|| Error::not_found("attempt"))?;
        if attempt.cleared {
            return Ok(true);
        }
        let id = order.id;
        let keep = move |tx: &mut Tx<'_>, contract| {
            let mut order = tx.order(id)?.ok_or_else(|| Error::not_found("order"))?;
            order.attempts[number].contract = Some(contract);
            tx.put_order(&order)
        };
        if !self.clear_lease(slot, attempt, order.wish.public_ips(), keep).await? {
            return Ok(false);
        }
        self.store
            .write(move |tx| {
                let mut order = tx.order(id)?.ok_or_else(|| Error::not_found("order"))?;
                let attempt = &mut order.attempts[number];
                attempt.cleared = true;
                let node = attempt.node();
                if order.attempts.iter().all(|other| other.cleared || other.node() != node) {
                    tx.release(node, id)?;
                }
                tx.put_order(&order)
            })
            .await?;
        Ok(true)
    }

    /// The job of a failed attempt.
    pub async fn cancel_attempt(&self, id: OrderId, number: u32) -> Result<Next> {
        let order = self.read()?.order(id)?.ok_or_else(|| Error::not_found("order"))?;
        match self.clear_attempt(&order, Slot::machine(id, number)).await? {
            true => Ok(Next::Done),
            false => Ok(self.at_next_block().await),
        }
    }

    /// Cancels every contract of an order. True when none is left.
    async fn clear_all(&self, order: &Order) -> Result<bool> {
        let mut clear = true;
        for slot in Slot::machines(order) {
            clear &= self.clear_attempt(order, slot).await?;
        }
        Ok(clear)
    }

    /// The way down: no contract is left, then the money goes back.
    pub(super) async fn undo(&self, order: &Order) -> Result<Next> {
        if !self.clear_all(order).await? {
            return Ok(self.at_next_block().await);
        }
        let charge = self.drive_void(order.charge).await?;
        if charge.state == ChargeState::Captured {
            let amount = charge.amount;
            return self.refund_and(order, amount, State::Refunded).await;
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
    pub(super) async fn finish(&self, order: &Order) -> Result<Next> {
        // A change under way is let go of first, by its own job, so that nothing new is begun behind our back. Whatever
        // was taken for it goes back whole.
        if !self.drop_revision(order).await? {
            return Ok(self.later());
        }
        // The way in first: whoever comes by it should find nobody's machine behind it.
        if !self.web_address_is_gone(order.id).await? || !self.clear_all(order).await? {
            return Ok(self.at_next_block().await);
        }
        if !self.swarm_is_down(order).await? {
            return Ok(self.later());
        }
        if !self.backup_is_down(order).await? {
            return Ok(self.at_next_block().await);
        }
        // The cancellation billed once more; wait until that block has been read.
        let backup = self.read()?.backup(order.id)?;
        let slots = Slot::machines(order).chain(backup.iter().flat_map(BackupVm::slots));
        if !self.last_bills_are_read(slots)? {
            return Ok(self.at_next_block().await);
        }
        // The price may have become less while the backup VM was given up.
        let order = &self.read()?.order(order.id)?.ok_or_else(|| Error::not_found("order"))?;
        let unused = order.paid().checked_sub(order.earned_by(self.now())).unwrap_or_default().floor_to_cent();
        self.refund_and(order, unused, State::Ended).await
    }

    /// Brings the earned part home, owes the refund of the rest, and comes to rest.
    async fn refund_and(&self, order: &Order, amount: Usd, rest: State) -> Result<Next> {
        let (now, letters) = (self.now(), self.letters());
        self.change(order, move |tx, order| {
            let random = letters.random.clone();
            release_all(tx, order)?;
            bill::earn(tx, order, now)?;
            if amount.units() > 0 {
                prorate::give_back(tx, order, amount, &*random, now)?;
                order.note(now, Step::Pay, format!("{} goes back to your card.", amount.shown()));
            }
            // What is left of the month is less than a cent: it can't be paid back.
            bill::round_off(tx, order, amount, now)?;
            order.state = rest;
            order.note(now, Step::Access, "Everything is given back.");
            if amount.units() == 0 {
                return Ok(());
            }
            letters.send(tx, order.user, now, |user| match rest {
                // It never ran.
                State::Refunded => mail::not_running(&letters.brand, &letters.site, user, order, &*random, now),
                _ => standing::final_bill(&letters, user, order, amount, now),
            })
        })
        .await?;
        self.nudge();
        Ok(Next::Done)
    }
}
