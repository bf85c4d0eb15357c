//! Charging cards, exactly once: intent first, one random key a call, and an unknown outcome is a state that is asked about.

use std::time::Duration;

use super::App;
use crate::base::ids::{ChargeId, RefundId};
use crate::base::money::Usd;
use crate::base::{Error, Result, Time};
use crate::domain::charge::{Charge, ChargeState, Refund, RefundState};
use crate::domain::job::Next;
use crate::domain::ledger::{Account, Cause, NewTransfer};
use crate::store::Tx;
use crate::store::charge::Charges;
use crate::wire::stripe::{Metadata, PaymentIntent, PaymentRequest, PaymentStatus, RefundStatus, StripeError, decline};

/// Keys are forgotten after a day (`docs.stripe.com/api/idempotent_requests`): from here on the outcome is looked up, never sent again.
const KEY_LIFE: Duration = Duration::from_secs(23 * 3600);
/// So long a payment that the processor's list does not have is waited for.
const PAY_PATIENCE: Duration = Duration::from_secs(1800);
/// So long after its first sending a refund that the processor's list does not have is sent under a new key.
const REFUND_PATIENCE: Duration = Duration::from_secs(3600);

impl App {
    /// Sends the authorisation of a charge, or learns what became of it. The charge as it is then.
    pub async fn drive_authorization(&self, id: ChargeId) -> Result<Charge> {
        let charge = self.charge(id)?;
        match charge.state {
            ChargeState::Sent | ChargeState::NeedsAction { .. } => {}
            _ => return Ok(charge),
        }
        let intent = match &charge.payment_intent {
            Some(known) => self.cards.payment_intent(known).await,
            None if self.now().since(charge.created) > KEY_LIFE => match self.find_payment(&charge).await? {
                Some(found) => Ok(found),
                None => return self.decline(charge, "The bank never answered. Nothing was charged.".into(), None).await,
            },
            None => self.cards.authorize(&charge.authorize_key, &request(&charge, &self.settings.server.public_url)?).await,
        };
        match intent {
            Ok(intent) => self.believe(charge, &intent).await,
            Err(StripeError::Declined { code, decline_code, payment_intent, .. }) => {
                let reason = decline::sentence(code.as_deref(), decline_code.as_deref());
                self.decline(charge, reason.into(), payment_intent.map(|intent| intent.id)).await
            }
            Err(StripeError::Authentication { payment_intent, .. }) => {
                let reason = "Your bank wants you to confirm this payment, and could not reach you. Please use another card.";
                self.decline(charge, reason.into(), payment_intent.map(|intent| intent.id)).await
            }
            Err(StripeError::Rejected { status, message, .. }) => {
                tracing::error!(charge = %charge.id, status, %message, "the card processor refused a charge");
                self.decline(charge, "The payment could not be made. Nothing was charged; we are looking into it.".into(), None)
                    .await
            }
            // It may have happened although no answer came, and an error is repeated as long as its key is known: the
            // processor's own list tells. What is not on it after so long holds no money, and nothing but us could take it.
            Err(unknown @ StripeError::Unknown { .. }) if charge.payment_intent.is_none() => {
                match self.find_payment(&charge).await? {
                    Some(found) => self.believe(charge, &found).await,
                    None if self.now().since(charge.created) > PAY_PATIENCE => {
                        self.decline(charge, "The bank did not answer for half an hour. Nothing was charged.".into(), None).await
                    }
                    None => Err(no_answer(unknown)),
                }
            }
            Err(unknown) => Err(no_answer(unknown)),
        }
    }

    /// Takes the money the bank holds.
    pub async fn drive_capture(&self, id: ChargeId) -> Result<Charge> {
        let charge = self.charge(id)?;
        if charge.state != ChargeState::Authorized {
            return Ok(charge);
        }
        let intent = charge.payment_intent.clone().ok_or_else(|| Error::internal("An authorised charge without its payment."))?;
        match self.cards.capture(&charge.capture_key, &intent, cents(charge.amount)?).await {
            Ok(intent) => self.believe(charge, &intent).await,
            // Perhaps it was captured before, perhaps the bank let go: the payment itself tells.
            Err(StripeError::Unknown { .. }) => {
                let random = self.random.clone();
                self.ask_again(charge, &intent, move |charge| charge.capture_key = hex::encode(random.bytes::<16>())).await
            }
            Err(_) => {
                let intent = self.ask(&intent).await?;
                self.believe(charge, &intent).await
            }
        }
    }

    /// After a capture or cancellation without an answer: believes the payment itself, or changes the key for the next try, because
    /// an error is repeated as long as its key is known. A payment is captured or cancelled once, whatever the key.
    async fn ask_again(
        &self,
        charge: Charge,
        intent: &str,
        new_key: impl FnOnce(&mut Charge) + Send + 'static,
    ) -> Result<Charge> {
        let told = self.ask(intent).await?;
        if told.status != PaymentStatus::RequiresCapture {
            return self.believe(charge, &told).await;
        }
        self.update(charge, told.id, move |_, charge| {
            new_key(charge);
            Ok(())
        })
        .await?;
        Err(Error::unavailable("The card processor does not answer."))
    }

    /// Lets the bank go of the money. A charge that turns out to be captured stays captured: it must be refunded.
    pub async fn drive_void(&self, id: ChargeId) -> Result<Charge> {
        let charge = self.charge(id)?;
        if matches!(charge.state, ChargeState::Voided | ChargeState::Captured | ChargeState::Declined { .. }) {
            return Ok(charge);
        }
        let Some(intent) = charge.payment_intent.clone() else {
            // The authorisation's outcome is unknown: learn it first.
            return self.drive_authorization(id).await;
        };
        match self.cards.cancel(&charge.cancel_key, &intent).await {
            Ok(intent) => self.believe(charge, &intent).await,
            Err(StripeError::Unknown { .. }) => {
                let random = self.random.clone();
                self.ask_again(charge, &intent, move |charge| charge.cancel_key = hex::encode(random.bytes::<16>())).await
            }
            Err(_) => {
                let intent = self.ask(&intent).await?;
                self.believe(charge, &intent).await
            }
        }
    }

    /// Gives money back.
    pub async fn pay_refund(&self, id: RefundId) -> Result<Next> {
        let snapshot = self.read()?;
        let refund = snapshot.refund(id)?.ok_or_else(|| Error::not_found("refund"))?;
        if refund.state != RefundState::Sent {
            return Ok(Next::Done);
        }
        let charge = snapshot.charge(refund.charge)?.ok_or_else(|| Error::not_found("charge"))?;
        let intent = charge.payment_intent.clone().ok_or_else(|| Error::internal("A refund of a charge that was never made."))?;
        let metadata = Metadata::from([("refund".to_owned(), refund.id.to_string())]);
        // Before it is sent late, it is looked for: the key no longer protects.
        let found = match self.now().since(refund.created) > KEY_LIFE {
            true => self.find_refund(&intent, &metadata).await?,
            false => None,
        };
        let answer = match found {
            Some(found) => found,
            None => match self.cards.refund(&refund.key, &intent, cents(refund.amount)?, &metadata).await {
                Ok(answer) => answer,
                // It may have happened: the processor's list tells.
                Err(unknown @ StripeError::Unknown { .. }) => match self.find_refund(&intent, &metadata).await? {
                    Some(found) => found,
                    None => {
                        self.renew_refund_key(&refund).await?;
                        return Err(no_answer(unknown));
                    }
                },
                Err(refused) => return Err(no_answer(refused)),
            },
        };
        if answer.amount_cents != cents(refund.amount)? {
            return Err(Error::internal("The card processor refunded another amount than it was asked to."));
        }
        match answer.status {
            RefundStatus::Succeeded => self.settle_refund(refund, answer.id, true).await.map(|()| Next::Done),
            RefundStatus::Failed | RefundStatus::Canceled => {
                tracing::error!(refund = %refund.id, "a refund failed: the customer's credit stays until a person looks at it");
                self.settle_refund(refund, answer.id, false).await.map(|()| Next::Done)
            }
            _ => Ok(Next::Again(self.now() + Duration::from_secs(60))),
        }
    }

    /// The refund that carries our name, if the processor has one.
    async fn find_refund(&self, intent: &str, metadata: &Metadata) -> Result<Option<crate::wire::stripe::Refund>> {
        let known = self.cards.refunds(intent).await.map_err(no_answer)?;
        Ok(known.into_iter().find(|known| known.metadata.get("refund") == metadata.get("refund")))
    }

    /// An error is repeated as long as its key is known. After so long without a trace no first try is under way any more.
    async fn renew_refund_key(&self, refund: &Refund) -> Result<()> {
        if self.now().since(refund.created) < REFUND_PATIENCE {
            return Ok(());
        }
        let (id, key) = (refund.id, hex::encode(self.random.bytes::<16>()));
        self.store
            .write(move |tx| {
                let mut refund = tx.refund(id)?.ok_or_else(|| Error::not_found("refund"))?;
                refund.key = key;
                tx.put_refund(&refund)
            })
            .await
    }

    async fn settle_refund(&self, refund: Refund, processor: String, done: bool) -> Result<()> {
        let now = self.now();
        self.store
            .write(move |tx| {
                let mut refund = tx.refund(refund.id)?.ok_or_else(|| Error::not_found("refund"))?;
                if refund.state != RefundState::Sent {
                    return Ok(());
                }
                refund.processor_refund = Some(processor);
                if done {
                    refund.state = RefundState::Done;
                    tx.post(refund.hold, None, now)?;
                    if let Some(mut charge) = tx.charge(refund.charge)? {
                        charge.refunded = charge.refunded.checked_add(refund.amount).unwrap_or(charge.refunded);
                        tx.put_charge(&charge)?;
                    }
                } else {
                    refund.state = RefundState::Failed;
                    tx.void(refund.hold, now)?;
                }
                tx.put_refund(&refund)
            })
            .await
    }

    /// Books what the processor kept of a charge.
    pub async fn book_fee(&self, id: ChargeId) -> Result<Next> {
        let charge = self.charge(id)?;
        let Some(processor) = charge.processor_charge.clone().filter(|_| charge.fee.is_none()) else { return Ok(Next::Done) };
        let fee = self.cards.fee_of(&processor).await.map_err(no_answer)?;
        let fee = Usd::from_cents(fee);
        let (now, random) = (self.now(), self.random.clone());
        self.store
            .write(move |tx| {
                let mut charge = tx.charge(id)?.ok_or_else(|| Error::not_found("charge"))?;
                if charge.fee.is_some() {
                    return Ok(());
                }
                charge.fee = Some(fee);
                if fee.units() > 0 {
                    let transfer = NewTransfer {
                        id: crate::base::ids::TransferId::random(&*random),
                        debit: Account::CARD_FEES,
                        credit: Account::CARD_PROCESSOR,
                        amount: fee.into(),
                        cause: Cause::new("charge-fee", charge.id),
                        memo: "card fee".into(),
                    };
                    tx.transfer(transfer, now)?;
                }
                tx.put_charge(&charge)
            })
            .await?;
        Ok(Next::Done)
    }

    fn charge(&self, id: ChargeId) -> Result<Charge> {
        self.read()?.charge(id)?.ok_or_else(|| Error::not_found("charge"))
    }

    async fn ask(&self, intent: &str) -> Result<PaymentIntent> {
        self.cards.payment_intent(intent).await.map_err(no_answer)
    }

    /// The payment that carries our charge's name, if the processor has one.
    async fn find_payment(&self, charge: &Charge) -> Result<Option<PaymentIntent>> {
        let since = charge.created - Duration::from_secs(3600);
        let found = self.cards.find_payment_intents(&charge.customer, since).await.map_err(no_answer)?;
        Ok(found.into_iter().find(|intent| intent.metadata.get("charge").is_some_and(|name| *name == charge.id.to_string())))
    }

    /// Takes over what the processor says of a payment, after comparing that it is the payment we asked for.
    async fn believe(&self, charge: Charge, intent: &PaymentIntent) -> Result<Charge> {
        let ours = intent.amount_cents == cents(charge.amount)?
            && intent.currency.eq_ignore_ascii_case("usd")
            && intent.customer.as_deref() == Some(charge.customer.as_str())
            && intent.metadata.get("charge").is_some_and(|name| *name == charge.id.to_string());
        if !ours {
            return Err(Error::internal("The card processor answers with another payment than the one we made.")
                .because(intent.id.clone()));
        }
        let now = self.now();
        let id = intent.id.clone();
        match intent.status {
            PaymentStatus::RequiresCapture => {
                self.update(charge, id, move |_, charge| {
                    charge.state = ChargeState::Authorized;
                    Ok(())
                })
                .await
            }
            PaymentStatus::Succeeded => {
                let processor = intent.latest_charge.clone();
                self.update(charge, id, move |tx, charge| captured(tx, charge, processor, now)).await
            }
            PaymentStatus::Canceled => {
                self.update(charge, id, move |tx, charge| {
                    charge.state = ChargeState::Voided;
                    tx.void(charge.hold, now).map(|_| ())
                })
                .await
            }
            PaymentStatus::RequiresPaymentMethod => {
                let error = intent.last_error.clone().unwrap_or_default();
                let reason = decline::sentence(error.code.as_deref(), error.decline_code.as_deref());
                self.decline(charge, reason.into(), Some(id)).await
            }
            PaymentStatus::RequiresAction => {
                let url = intent.action_url.clone().unwrap_or_default();
                self.update(charge, id, move |_, charge| {
                    charge.state = ChargeState::NeedsAction { url };
                    Ok(())
                })
                .await
            }
            PaymentStatus::RequiresConfirmation | PaymentStatus::Processing | PaymentStatus::Other => {
                self.update(charge, id, |_, _| Ok(())).await
            }
        }
    }

    async fn decline(&self, charge: Charge, reason: String, intent: Option<String>) -> Result<Charge> {
        let now = self.now();
        let id = intent.or_else(|| charge.payment_intent.clone()).unwrap_or_default();
        self.update(charge, id, move |tx, charge| {
            charge.state = ChargeState::Declined { reason };
            tx.void(charge.hold, now).map(|_| ())
        })
        .await
    }

    /// Changes a charge that is still open; one that has come to rest stays as it is.
    async fn update<F>(&self, charge: Charge, intent: String, change: F) -> Result<Charge>
    where
        F: FnOnce(&mut Tx<'_>, &mut Charge) -> Result<()> + Send + 'static,
    {
        self.store
            .write(move |tx| {
                let mut charge = tx.charge(charge.id)?.ok_or_else(|| Error::not_found("charge"))?;
                let open = matches!(charge.state, ChargeState::Sent | ChargeState::NeedsAction { .. } | ChargeState::Authorized);
                if open {
                    if !intent.is_empty() {
                        charge.payment_intent = Some(intent);
                    }
                    change(tx, &mut charge)?;
                    tx.put_charge(&charge)?;
                }
                Ok(charge)
            })
            .await
    }
}

fn captured(tx: &mut Tx<'_>, charge: &mut Charge, processor: Option<String>, now: Time) -> Result<()> {
    charge.state = ChargeState::Captured;
    charge.captured = Some(now);
    charge.processor_charge = processor;
    charge.receipt = Some(tx.next_receipt()?);
    tx.post(charge.hold, None, now).map(|_| ())
}

fn cents(amount: Usd) -> Result<i64> {
    amount.cents().ok_or_else(|| Error::internal("A card can't be charged parts of a cent."))
}

fn request(charge: &Charge, site: &str) -> Result<PaymentRequest> {
    Ok(PaymentRequest {
        amount_cents: cents(charge.amount)?,
        currency: "usd".into(),
        customer: charge.customer.clone(),
        payment_method: charge.method.clone(),
        metadata: Metadata::from([("charge".into(), charge.id.to_string()), ("order".into(), charge.order.to_string())]),
        description: "Cloud hosting, one month".into(),
        return_url: Some(format!("{site}/deployments/{}/progress", charge.order)),
    })
}

pub(super) fn no_answer(error: StripeError) -> Error {
    match error {
        StripeError::Unknown { .. } => Error::unavailable("The card processor does not answer.").because(error),
        _ => Error::internal("The card processor refuses.").because(error),
    }
}
