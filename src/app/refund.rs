//! Giving money back, exactly once: looked for before it is sent again, and never sent twice under two keys.

use super::App;
use super::charge::{KEY_DEATH, KEY_LIFE, QUIET, REFUND_LOOK, cents, no_answer};
use crate::base::ids::{JobId, RefundId, TransferId, UserId};
use crate::base::{Error, Result, Time};
use crate::domain::charge::{Charge, Refund, RefundState};
use crate::domain::job::{Next, Work};
use crate::domain::ledger::{Account, Cause, NewTransfer};
use crate::domain::order::Step;
use crate::store::Tx;
use crate::store::charge::Charges;
use crate::store::order::Orders;
use crate::wire::stripe::{Metadata, Refund as Told, RefundStatus};

/// What the operator reads at a parked refund.
const BANK_REFUSED: &str =
    "The customer's bank did not take the refund. The money is in their credit; “try again” sends it once more.";

impl App {
    /// Sends a refund, or learns what became of it.
    pub async fn pay_refund(&self, id: RefundId) -> Result<Next> {
        let snapshot = self.read()?;
        let mut refund = snapshot.refund(id)?.ok_or_else(|| Error::not_found("refund"))?;
        if refund.state == RefundState::Done {
            return Ok(Next::Done);
        }
        let charge = snapshot.charge(refund.charge)?.ok_or_else(|| Error::not_found("charge"))?;
        let intent = charge.payment_intent.clone().ok_or_else(|| Error::internal("A refund of a charge that was never made."))?;
        if refund.state == RefundState::Failed {
            refund = self.reopen_refund(id, charge.user).await?;
        }
        // Whatever was sent before is looked for first.
        let known = match refund.last_sent {
            Some(_) => self.find_refund(&intent, &refund).await?,
            None => None,
        };
        let told = match known {
            Some(known) => known,
            None => {
                let Some(refund) = self.before_sending(id).await? else { return Ok(Next::Again(self.now() + REFUND_LOOK)) };
                let metadata = Metadata::from([("refund".to_owned(), id.to_string())]);
                match self.cards.refund(&refund.key, &intent, cents(refund.amount)?, &metadata).await {
                    Ok(told) => told,
                    // A refusal is of this request; an earlier one may have got through.
                    Err(error) => self.find_refund(&intent, &refund).await?.ok_or_else(|| no_answer(error))?,
                }
            }
        };
        if told.amount_cents != cents(refund.amount)? {
            return Err(Error::internal("The card processor refunded another amount than it was asked to."));
        }
        match told.status {
            RefundStatus::Succeeded => self.refund_done(id, told.id).await.map(|()| Next::Done),
            RefundStatus::Failed | RefundStatus::Canceled => {
                self.refund_failed(id, told.id).await?;
                Ok(Next::Park(BANK_REFUSED))
            }
            RefundStatus::Pending | RefundStatus::RequiresAction | RefundStatus::Other => {
                Ok(Next::Again(self.now() + REFUND_LOOK))
            }
        }
    }

    /// The refund that carries our name, if the processor has one that did not come to nothing.
    async fn find_refund(&self, intent: &str, refund: &Refund) -> Result<Option<Told>> {
        let known = self.cards.refunds(intent).await.map_err(no_answer)?;
        let name = refund.id.to_string();
        Ok(known.into_iter().find(|told| told.metadata.get("refund") == Some(&name) && !refund.failed.contains(&told.id)))
    }

    /// Notes that a refund is about to be sent. None when that has to wait: its key may be forgotten, and until it surely is,
    /// a new one could pay twice.
    async fn before_sending(&self, id: RefundId) -> Result<Option<Refund>> {
        let (now, key) = (self.now(), hex::encode(self.random.bytes::<16>()));
        self.store
            .write(move |tx| {
                let mut refund = tx.refund(id)?.ok_or_else(|| Error::not_found("refund"))?;
                let age = now.since(refund.sent.unwrap_or(now));
                if age >= KEY_LIFE {
                    let quiet = refund.last_sent.is_none_or(|last| now.since(last) >= QUIET);
                    if age < KEY_DEATH || !quiet {
                        return Ok(None);
                    }
                    (refund.key, refund.sent) = (key, None);
                }
                refund.sent.get_or_insert(now);
                refund.last_sent = Some(now);
                tx.put_refund(&refund)?;
                Ok(Some(refund))
            })
            .await
    }

    async fn refund_done(&self, id: RefundId, told: String) -> Result<()> {
        let now = self.now();
        self.store
            .write(move |tx| {
                let mut refund = tx.refund(id)?.ok_or_else(|| Error::not_found("refund"))?;
                if refund.state != RefundState::Sent {
                    return Ok(());
                }
                refund.processor_refund = Some(told);
                refund.state = RefundState::Done;
                tx.post(refund.hold, None, now)?;
                change_refunded(tx, &refund, true)?;
                tx.put_refund(&refund)
            })
            .await
    }

    /// The bank did not take it, at once or after it had been thought done: the books follow, the customer reads it, and the
    /// refund waits for a person.
    pub(super) async fn refund_failed(&self, id: RefundId, told: String) -> Result<()> {
        tracing::error!(refund = %id, "a refund failed: the customer's credit stays until a person looks at it");
        let (now, transfer, job) = (self.now(), TransferId::random(&*self.random), JobId::random(&*self.random));
        self.store
            .write(move |tx| {
                let mut refund = tx.refund(id)?.ok_or_else(|| Error::not_found("refund"))?;
                if refund.failed.contains(&told) {
                    return Ok(());
                }
                let Some(mut order) = tx.order(refund.order)? else { return Err(Error::not_found("order")) };
                match refund.state {
                    RefundState::Sent => drop(tx.void(refund.hold, now)?),
                    RefundState::Done => {
                        let back = NewTransfer {
                            id: transfer,
                            debit: Account::CARD_PROCESSOR,
                            credit: Account::customer(order.user),
                            amount: refund.amount.into(),
                            cause: Cause::new("refund-failed", format_args!("{id}-{}", refund.failed.len())),
                            memo: "the bank sent it back".into(),
                        };
                        tx.transfer(back, now)?;
                        change_refunded(tx, &refund, false)?;
                    }
                    RefundState::Failed => return Ok(()),
                }
                refund.state = RefundState::Failed;
                refund.failed.push(told);
                tx.put_refund(&refund)?;
                // In this very write: told twice, it does not wait again for somebody who has had it sent meanwhile.
                tx.owe_parked(job, Work::PayRefund(id), BANK_REFUSED, now)?;
                let amount = refund.amount.shown();
                order.trouble(
                    now,
                    Step::Pay,
                    format!("Your bank did not take the {amount} that go back to you. We are looking into it."),
                );
                tx.put_order(&order)
            })
            .await
    }

    /// A person said "try again": held anew, under a new key.
    async fn reopen_refund(&self, id: RefundId, user: UserId) -> Result<Refund> {
        let (now, hold, key) = (self.now(), TransferId::random(&*self.random), hex::encode(self.random.bytes::<16>()));
        self.store
            .write(move |tx| {
                let refund = tx.refund(id)?.ok_or_else(|| Error::not_found("refund"))?;
                if refund.state != RefundState::Failed {
                    return Ok(refund);
                }
                let anew = Refund { key, hold, state: RefundState::Sent, processor_refund: None, sent: None, ..refund };
                self::hold(tx, &anew, user, now)?;
                tx.put_refund(&anew)?;
                Ok(anew)
            })
            .await
    }

    /// Whether a refund of ours that the processor tells of came to nothing after all. Gives it if so.
    pub(super) async fn refund_came_back(&self, told: &str) -> Result<Option<(RefundId, String)>> {
        let told = self.cards.refund_by_id(told).await.map_err(no_answer)?;
        if !matches!(told.status, RefundStatus::Failed | RefundStatus::Canceled) {
            return Ok(None);
        }
        let Some(id) = told.metadata.get("refund").and_then(|name| name.parse::<RefundId>().ok()) else { return Ok(None) };
        let ours = self.read()?.refund(id)?.filter(|ours| ours.processor_refund.as_ref() == Some(&told.id));
        Ok(ours.map(|ours| (ours.id, told.id)))
    }
}

/// Sets the money of a refund aside.
pub(super) fn hold(tx: &mut Tx<'_>, refund: &Refund, user: UserId, now: Time) -> Result<()> {
    let transfer = NewTransfer {
        id: refund.hold,
        debit: Account::customer(user),
        credit: Account::CARD_PROCESSOR,
        amount: refund.amount.into(),
        cause: refund_cause(refund),
        memo: "unused hours".into(),
    };
    tx.hold(transfer, now).map(|_| ())
}

/// A refund that is sent again is a new movement of money.
fn refund_cause(refund: &Refund) -> Cause {
    match refund.failed.len() {
        0 => Cause::new("refund", refund.id),
        again => Cause::new("refund", format_args!("{}-{again}", refund.id)),
    }
}

fn change_refunded(tx: &mut Tx<'_>, refund: &Refund, up: bool) -> Result<()> {
    let Some(charge) = tx.charge(refund.charge)? else { return Ok(()) };
    let refunded = match up {
        true => charge.refunded.checked_add(refund.amount),
        false => charge.refunded.checked_sub(refund.amount),
    };
    tx.put_charge(&Charge { refunded: refunded.unwrap_or(charge.refunded), ..charge })
}
