//! What runs becomes dearer or cheaper within its month: the difference is charged to the card, or goes back to it, once.
//!
//! Whoever changes what an order costs does it in three steps. `hold_charge` stores the intent to charge, in the write that
//! begins the change. The card is driven like any other (`drive_authorization`, `drive_capture`, `drive_void`). `reprice` moves
//! the order to its new price, in the write that ends the change.

use super::App;
use crate::base::ids::{ChargeId, JobId, RefundId, TransferId};
use crate::base::money::Usd;
use crate::base::{Error, Random, Result, Time};
use crate::domain::charge::{Charge, ChargeState, Refund};
use crate::domain::job::Work;
use crate::domain::order::Order;
use crate::domain::term::Due;
use crate::store::Tx;
use crate::store::charge::Charges;

/// Moves an order to another price, as of the moment it was agreed on: `charge` has been captured by now, and what it became cheaper
/// by goes back. The caller stores the order.
pub(super) fn reprice(
    tx: &mut Tx<'_>,
    order: &mut Order,
    (price, due, agreed): (Usd, Due, Time),
    charge: Option<ChargeId>,
    random: &dyn Random,
    now: Time,
) -> Result<Due> {
    super::bill::earn(tx, order, now)?;
    let due = order.reprice(price, due, agreed);
    order.more_charges.extend(charge);
    if let Due::Back(amount) = due {
        give_back(tx, order, amount, random, now)?;
    }
    Ok(due)
}

/// Owes money back to an order's charges, the newest first, each as far as it goes.
pub(super) fn give_back(tx: &mut Tx<'_>, order: &Order, amount: Usd, random: &dyn Random, now: Time) -> Result<()> {
    let mut left = amount;
    let charges: Vec<ChargeId> = order.charges().collect();
    for id in charges.into_iter().rev() {
        let charge = tx.charge(id)?.ok_or_else(|| Error::not_found("charge"))?;
        if charge.state != ChargeState::Captured {
            continue;
        }
        // What is owed counts, whether or not it has arrived.
        let owed =
            tx.refunds_of(id)?.iter().try_fold(Usd::ZERO, |sum, refund| sum.checked_add(refund.amount)).unwrap_or(charge.amount);
        let part = left.min(charge.amount.checked_sub(owed).unwrap_or_default());
        if part > Usd::ZERO {
            refund(tx, &charge, part, random, now)?;
            left = left.checked_sub(part).unwrap_or_default();
        }
    }
    match left > Usd::ZERO {
        true => Err(Error::internal("More is to go back than was ever charged.")),
        false => Ok(()),
    }
}

/// Owes a part of one charge back.
pub(super) fn refund(tx: &mut Tx<'_>, charge: &Charge, amount: Usd, random: &dyn Random, now: Time) -> Result<()> {
    let (id, key) = (RefundId::random(random), hex::encode(random.bytes::<16>()));
    let refund = Refund::new(id, charge, amount, key, TransferId::random(random), now);
    super::refund::hold(tx, &refund, charge.user, now)?;
    tx.put_refund(&refund)?;
    tx.owe(JobId::random(random), Work::PayRefund(id), now)
}

impl App {
    /// Lets go of a difference that is not wanted any more. True when that is done: what was taken after all goes back whole, once.
    pub(super) async fn drop_difference(&self, id: ChargeId) -> Result<bool> {
        let charge = self.drive_void(id).await?;
        match charge.state {
            ChargeState::Voided | ChargeState::Declined { .. } => Ok(true),
            ChargeState::Captured => {
                let (random, now) = (self.random.clone(), self.now());
                self.store
                    .write(move |tx| {
                        let charge = tx.charge(id)?.ok_or_else(|| Error::not_found("charge"))?;
                        match tx.refunds_of(id)?.is_empty() {
                            true => refund(tx, &charge, charge.amount, &*random, now),
                            false => Ok(()),
                        }
                    })
                    .await?;
                self.nudge();
                Ok(true)
            }
            ChargeState::Sent | ChargeState::NeedsAction { .. } | ChargeState::Authorized => Ok(false),
        }
    }
}
