//! Charging cards, exactly once: intent first, one random key a call, and an unknown outcome is a state that is asked about.

use std::time::Duration;

use super::App;
use crate::base::ids::{ChargeId, JobId, OrderId, RevisionId, TransferId, UserId};
use crate::base::money::Usd;
use crate::base::time::SECOND;
use crate::base::{Error, Random, Result, Time};
use crate::domain::charge::{Card, Charge, ChargeState};
use crate::domain::job::{Next, Work};
use crate::domain::ledger::{Account, Cause, NewTransfer};
use crate::domain::price::Part;
use crate::store::Tx;
use crate::store::charge::Charges;
use crate::wire::stripe::{Metadata, PaymentIntent, PaymentRequest, PaymentStatus, StripeError, decline};

/// Keys are forgotten after a day (`docs.stripe.com/api/idempotent_requests`): nothing is sent under one that is older than this.
pub(super) const KEY_LIFE: Duration = Duration::from_secs(23 * 3600);
/// A new key is taken when the old one is surely forgotten, …
pub(super) const KEY_DEATH: Duration = Duration::from_secs(25 * 3600);
/// … and nothing that was sent under it can be under way any more.
pub(super) const QUIET: Duration = Duration::from_secs(3600);
/// So long the bank is asked for a payment of which the processor's list knows nothing.
const PAY_PATIENCE: Duration = Duration::from_secs(1800);
/// So long after the last asking its list is believed that there is none.
const PAY_SILENCE: Duration = Duration::from_secs(600);
/// How soon to look again at a refund that its bank is working on.
pub(super) const REFUND_LOOK: Duration = Duration::from_secs(600);

impl App {
    /// Sends the authorisation of a charge, or learns what became of it. The charge as it is then.
    pub async fn drive_authorization(&self, id: ChargeId) -> Result<Charge> {
        let charge = self.charge(id)?;
        match charge.state {
            ChargeState::Sent | ChargeState::NeedsAction { .. } => {}
            _ => return Ok(charge),
        }
        let age = self.now().since(charge.created);
        let intent = match &charge.payment_intent {
            Some(known) => self.cards.payment_intent(known).await,
            // Nothing is sent any more, so that what is under way comes to its end; then the processor's list tells.
            None if age > PAY_PATIENCE => match self.find_payment(&charge).await? {
                Some(found) => Ok(found),
                None if age > PAY_PATIENCE + PAY_SILENCE => {
                    let reason = "The bank did not answer for half an hour. Nothing was charged.";
                    return self.decline(charge, reason.into(), None).await;
                }
                None => return Err(Error::unavailable("The card processor did not answer; its list is looked at once more.")),
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
            // The refusal is of this request; an earlier one may have got through, and its answer been lost.
            Err(StripeError::Rejected { status, message, .. }) if charge.payment_intent.is_none() => {
                tracing::error!(charge = %charge.id, status, %message, "the card processor refused a charge");
                match self.find_payment(&charge).await? {
                    Some(found) => self.believe(charge, &found).await,
                    None => {
                        let reason = "The payment could not be made. Nothing was charged; we are looking into it.";
                        self.decline(charge, reason.into(), None).await
                    }
                }
            }
            // It may have happened although no answer came, and an error is repeated as long as its key is known: the
            // processor's own list tells.
            Err(unknown @ StripeError::Unknown { .. }) if charge.payment_intent.is_none() => {
                match self.find_payment(&charge).await? {
                    Some(found) => self.believe(charge, &found).await,
                    None => Err(no_answer(unknown)),
                }
            }
            Err(other) => Err(no_answer(other)),
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
            Err(error) => {
                let random = self.random.clone();
                self.ask_again(charge, error, move |charge| charge.capture_key = hex::encode(random.bytes::<16>())).await
            }
        }
    }

    /// After a capture or cancellation that did not work: perhaps it was done before, perhaps the bank let go, so the payment
    /// itself tells. If it is where it was, the next try gets a new key, because an error is repeated as long as its key is
    /// known; a payment is captured or cancelled once, whatever the key.
    async fn ask_again(
        &self,
        charge: Charge,
        error: StripeError,
        new_key: impl FnOnce(&mut Charge) + Send + 'static,
    ) -> Result<Charge> {
        let intent = charge.payment_intent.clone().ok_or_else(|| Error::internal("A charge without its payment."))?;
        let told = self.ask(&intent).await?;
        let charge = self.believe(charge, &told).await?;
        if !charge.state.is_open() {
            return Ok(charge);
        }
        self.update(charge, told.id, move |_, charge| {
            new_key(charge);
            Ok(())
        })
        .await?;
        Err(no_answer(error))
    }

    /// Lets the bank go of the money. A charge that turns out to be captured stays captured: it must be refunded.
    pub async fn drive_void(&self, id: ChargeId) -> Result<Charge> {
        let charge = self.charge(id)?;
        if matches!(charge.state, ChargeState::Voided | ChargeState::Captured | ChargeState::Declined { .. }) {
            return Ok(charge);
        }
        let Some(intent) = &charge.payment_intent else {
            // The authorisation's outcome is unknown: learn it first.
            return self.drive_authorization(id).await;
        };
        match self.cards.cancel(&charge.cancel_key, intent).await {
            Ok(intent) => self.believe(charge, &intent).await,
            Err(error) => {
                let random = self.random.clone();
                self.ask_again(charge, error, move |charge| charge.cancel_key = hex::encode(random.bytes::<16>())).await
            }
        }
    }

    /// Books what the processor kept of a charge.
    pub async fn book_fee(&self, id: ChargeId) -> Result<Next> {
        let charge = self.charge(id)?;
        let Some(processor) = charge.processor_charge.clone().filter(|_| charge.fee.is_none()) else { return Ok(Next::Done) };
        let (fee, currency) = self.cards.fee_of(&processor).await.map_err(no_answer)?;
        if currency != "usd" {
            return Ok(Next::Park("The card processor keeps its fee in another currency than US dollars: book it by hand."));
        }
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
                        id: TransferId::random(&*random),
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
                let (processor, random) = (intent.latest_charge.clone(), self.random.clone());
                self.update(charge, id, move |tx, charge| captured(tx, charge, processor, &*random, now)).await
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
                if charge.state.is_open() {
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

/// What is to be charged.
pub(super) struct Intent<'a> {
    pub order: OrderId,
    pub user: UserId,
    pub card: &'a Card,
    /// The processor's name for the customer.
    pub customer: String,
    pub amount: Usd,
    /// What the receipt will say.
    pub lines: Vec<Part>,
    /// The change that it is for, if it is for one.
    pub revision: Option<RevisionId>,
    /// Why, in the books.
    pub memo: &'static str,
}

/// Stores the intent to charge with its keys, held in the ledger. Nothing leaves the house.
pub(super) fn hold_charge(tx: &mut Tx<'_>, intent: Intent<'_>, random: &dyn Random, now: Time) -> Result<ChargeId> {
    cents(intent.amount)?;
    let key = || hex::encode(random.bytes::<16>());
    let charge = Charge {
        id: ChargeId::random(random),
        order: intent.order,
        user: intent.user,
        card: intent.card.id,
        amount: intent.amount,
        customer: intent.customer,
        method: intent.card.method.clone(),
        created: now,
        state: ChargeState::Sent,
        authorize_key: key(),
        capture_key: key(),
        cancel_key: key(),
        hold: TransferId::random(random),
        payment_intent: None,
        processor_charge: None,
        captured: None,
        fee: None,
        refunded: Usd::ZERO,
        receipt: None,
        lines: intent.lines,
        revision: intent.revision,
    };
    let hold = NewTransfer {
        id: charge.hold,
        debit: Account::CARD_PROCESSOR,
        credit: Account::customer(charge.user),
        amount: charge.amount.into(),
        cause: Cause::new("charge", charge.id),
        memo: intent.memo.into(),
    };
    tx.hold(hold, now)?;
    tx.add_charge(&charge)?;
    Ok(charge.id)
}

/// The money is ours, whatever becomes of what it was for: what the processor kept of it is booked by a job of its own.
fn captured(tx: &mut Tx<'_>, charge: &mut Charge, processor: Option<String>, random: &dyn Random, now: Time) -> Result<()> {
    charge.state = ChargeState::Captured;
    charge.captured = Some(now);
    charge.processor_charge = processor;
    charge.receipt = Some(tx.next_receipt()?);
    tx.owe(JobId::random(random), Work::BookFee(charge.id), now + SECOND)?;
    tx.post(charge.hold, None, now).map(|_| ())
}

pub(super) fn cents(amount: Usd) -> Result<i64> {
    amount.cents().ok_or_else(|| Error::internal("A card can't be charged parts of a cent."))
}

fn request(charge: &Charge, site: &str) -> Result<PaymentRequest> {
    Ok(PaymentRequest {
        amount_cents: cents(charge.amount)?,
        currency: "usd".into(),
        customer: charge.customer.clone(),
        payment_method: charge.method.clone(),
        metadata: Metadata::from([("charge".into(), charge.id.to_string()), ("order".into(), charge.order.to_string())]),
        description: if charge.revision.is_some() {
            "Cloud hosting, a change within the month"
        } else {
            "Cloud hosting, one month"
        }
        .into(),
        return_url: Some(format!("{site}/deployments/{}/progress", charge.order)),
    })
}

pub(super) fn no_answer(error: StripeError) -> Error {
    match error {
        StripeError::Unknown { .. } => Error::unavailable("The card processor does not answer.").because(error),
        _ => Error::internal("The card processor refuses.").because(error),
    }
}
