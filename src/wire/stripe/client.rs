//! What we ask of the card processor. Each call is made once, with a key the caller has stored; retries live in `jobs`.
//!
//! The error is the point of this file: *refused* and *declined* mean that nothing was charged, *unknown* means that nobody
//! can say before the processor was asked again. The exactly-once recipe stands on that difference.

use std::collections::HashMap;
use std::time::Duration;

use stripe::{Client, ClientBuilder, IdempotencyKey, RequestStrategy, StripeRequest};
use stripe_client_core::RequestBuilder;
use stripe_core::charge::RetrieveCharge;
use stripe_core::customer::CreateCustomer;
use stripe_core::event::ListEvent;
use stripe_core::payment_intent::{
    CancelPaymentIntent, CapturePaymentIntent, CreatePaymentIntent, CreatePaymentIntentOffSession, ListPaymentIntent,
    RetrievePaymentIntent,
};
use stripe_core::refund::{CreateRefund, ListRefund, RetrieveRefund};
use stripe_core::setup_intent::{CreateSetupIntent, CreateSetupIntentUsage, RetrieveSetupIntent};
use stripe_payment::payment_method::{DetachPaymentMethod, RetrievePaymentMethod};
use stripe_types::{RangeBoundsTs, RangeQueryTs};

use super::types::{
    Customer, EventHead, Metadata, PaymentError, PaymentIntent, PaymentMethod, PaymentRequest, PaymentStatus, Refund,
    RefundStatus, SetupIntent, SetupStatus,
};
use crate::base::{Secret, Time};

/// The most a page of a list holds, at Stripe.
const PAGE: i64 = 100;
/// Stop turning pages here: a reconciler asks again later.
const MOST_PAGES: usize = 100;

#[derive(Debug, thiserror::Error)]
pub enum StripeError {
    /// The bank said no. Nothing is held, nothing was charged.
    #[error("the card was declined: {}", decline_code.as_deref().or(code.as_deref()).unwrap_or("no reason given"))]
    Declined {
        code: Option<String>,
        decline_code: Option<String>,
        message: Option<String>,
        payment_intent: Option<Box<PaymentIntent>>,
    },
    /// The bank wants to see the customer. Nothing is held, nothing was charged.
    #[error("the bank asks the customer to confirm the payment")]
    Authentication { payment_intent: Option<Box<PaymentIntent>> },
    /// The request was understood and refused before anything happened. `status` 0: it never left.
    #[error("refused by the card processor ({status}): {message}")]
    Rejected { status: u16, code: Option<String>, message: String },
    /// No answer, or one that does not tell what happened: resend the same call with the same key, or look it up.
    #[error("the outcome is unknown: {reason}")]
    Unknown { reason: String },
}

impl StripeError {
    pub fn is_unknown(&self) -> bool {
        matches!(self, StripeError::Unknown { .. })
    }
}

pub type Result<T> = std::result::Result<T, StripeError>;

/// The card processor, seen from us.
#[derive(Clone)]
pub struct Stripe {
    client: Client,
}

impl std::fmt::Debug for Stripe {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Stripe")
    }
}

impl Stripe {
    /// `timeout` bounds every call; the SDK itself would wait for ever.
    pub fn new(base_url: &str, secret_key: Secret<String>, timeout: Duration) -> Result<Self> {
        ClientBuilder::new(secret_key.reveal().as_str())
            .url(format!("{}/", base_url.trim_end_matches('/')))
            .timeout(timeout)
            .build()
            .map(|client| Stripe { client })
            .map_err(from_sdk)
    }

    pub async fn create_customer(&self, key: &str, email: &str, name: &str, user: &str) -> Result<Customer> {
        let call = CreateCustomer::new().email(email).name(name).metadata(HashMap::from([("user".into(), user.into())]));
        self.change(key, &call).await.map(|customer| Customer {
            id: customer.id.as_str().into(),
            email: customer.email,
            livemode: customer.livemode,
        })
    }

    /// Begins to save a card for later charges.
    pub async fn create_setup_intent(&self, key: &str, customer: &str) -> Result<SetupIntent> {
        let call = CreateSetupIntent::new()
            .customer(customer)
            .allowed_payment_method_types(vec![stripe_shared::SetupIntentAllowedPaymentMethodTypes::Card])
            .usage(CreateSetupIntentUsage::OffSession);
        self.change(key, &call).await.map(setup_intent)
    }

    pub async fn setup_intent(&self, id: &str) -> Result<SetupIntent> {
        self.ask(&RetrieveSetupIntent::new(id)).await.map(setup_intent)
    }

    pub async fn payment_method(&self, id: &str) -> Result<PaymentMethod> {
        self.ask(&RetrievePaymentMethod::new(id)).await.and_then(payment_method)
    }

    /// Forgets a saved card. Needs no key: forgetting twice is refused, and harmless.
    pub async fn detach(&self, id: &str) -> Result<PaymentMethod> {
        self.ask(&DetachPaymentMethod::new(id)).await.and_then(payment_method)
    }

    /// Holds an amount on a saved card; `capture` takes it, `cancel` lets it go.
    pub async fn authorize(&self, key: &str, request: &PaymentRequest) -> Result<PaymentIntent> {
        let mut call = CreatePaymentIntent::new(request.amount_cents, currency(&request.currency))
            .customer(request.customer.as_str())
            .payment_method(request.payment_method.as_str())
            .allowed_payment_method_types(vec![stripe_shared::PaymentIntentAllowedPaymentMethodTypes::Card])
            .capture_method(stripe_shared::PaymentIntentCaptureMethod::Manual)
            .confirm(true)
            .metadata(metadata_out(&request.metadata))
            .description(request.description.as_str());
        call = match &request.return_url {
            Some(url) => call.return_url(url.as_str()),
            None => call.off_session(CreatePaymentIntentOffSession::Bool(true)),
        };
        self.change(key, &call).await.map(payment_intent)
    }

    pub async fn payment_intent(&self, id: &str) -> Result<PaymentIntent> {
        self.ask(&RetrievePaymentIntent::new(id)).await.map(payment_intent)
    }

    /// Takes up to the amount that is held; the rest is let go.
    pub async fn capture(&self, key: &str, id: &str, amount_cents: i64) -> Result<PaymentIntent> {
        self.change(key, &CapturePaymentIntent::new(id).amount_to_capture(amount_cents)).await.map(payment_intent)
    }

    pub async fn cancel(&self, key: &str, id: &str) -> Result<PaymentIntent> {
        self.change(key, &CancelPaymentIntent::new(id)).await.map(payment_intent)
    }

    pub async fn refund(&self, key: &str, payment_intent: &str, amount_cents: i64, metadata: &Metadata) -> Result<Refund> {
        let call = CreateRefund::new().payment_intent(payment_intent).amount(amount_cents).metadata(metadata_out(metadata));
        self.change(key, &call).await.map(refund)
    }

    pub async fn refund_by_id(&self, id: &str) -> Result<Refund> {
        self.ask(&RetrieveRefund::new(id)).await.map(refund)
    }

    /// All refunds of a payment, newest first.
    pub async fn refunds(&self, payment_intent: &str) -> Result<Vec<Refund>> {
        let first = ListRefund::new().payment_intent(payment_intent).limit(PAGE);
        self.all(|after| after.map_or(first.clone(), |id| first.clone().starting_after(id)), |refund| refund.id.as_str(), refund)
            .await
    }

    /// All payments of a customer since a moment, newest first. Exact at once, unlike Stripe's search.
    pub async fn find_payment_intents(&self, customer: &str, created_after: Time) -> Result<Vec<PaymentIntent>> {
        let first = ListPaymentIntent::new().customer(customer).created(RangeQueryTs::gte(created_after.secs())).limit(PAGE);
        self.all(
            |after| after.map_or(first.clone(), |id| first.clone().starting_after(id)),
            |intent| intent.id.as_str(),
            payment_intent,
        )
        .await
    }

    /// What the processor kept of a captured charge: in the smallest unit of the currency the account is settled in, and that currency
    /// (ISO 4217, small letters). It need not be the currency of the charge.
    pub async fn fee_of(&self, charge: &str) -> Result<(i64, String)> {
        let charge = self.ask(&RetrieveCharge::new(charge).expand(vec!["balance_transaction".to_owned()])).await?;
        let booked = charge.balance_transaction.as_ref().and_then(|booked| booked.as_object());
        booked.map(|booked| (booked.fee, booked.currency.to_string())).ok_or_else(|| unknown("the charge is not booked yet"))
    }

    /// What happened from a moment on and before another, newest first. None if it is more than `most_pages` of a hundred: ask
    /// for less. Both in whole seconds.
    pub async fn events(&self, since: Time, until: Option<Time>, most_pages: usize) -> Result<Option<Vec<EventHead>>> {
        let span = RangeBoundsTs { gte: Some(since.secs()), lt: until.map(Time::secs), ..RangeBoundsTs::default() };
        let first = ListEvent::new().created(RangeQueryTs::Bounds(span)).limit(PAGE);
        let page = |after: Option<&str>| after.map_or(first.clone(), |id| first.clone().starting_after(id));
        self.pages(most_pages, page, |event| event.id.as_str(), event_head).await
    }

    /// Sends a change under a key: resending it has no second effect.
    async fn change<R: StripeRequest>(&self, key: &str, request: &R) -> Result<R::Output>
    where
        R::Output: miniserde::Deserialize,
    {
        let key = IdempotencyKey::new(key).map_err(|error| rejected(0, None, error.to_string()))?;
        Sorted(request).customize().request_strategy(RequestStrategy::Idempotent(key)).send(&self.client).await.map_err(from_sdk)
    }

    async fn ask<R: StripeRequest>(&self, request: &R) -> Result<R::Output>
    where
        R::Output: miniserde::Deserialize,
    {
        request.customize().request_strategy(RequestStrategy::Once).send(&self.client).await.map_err(from_sdk)
    }

    async fn all<R, T, U>(
        &self,
        page: impl Fn(Option<&str>) -> R,
        id: impl Fn(&T) -> &str,
        read: impl Fn(T) -> U,
    ) -> Result<Vec<U>>
    where
        R: StripeRequest<Output = stripe_types::List<T>>,
        stripe_types::List<T>: miniserde::Deserialize,
    {
        self.pages(MOST_PAGES, page, id, read).await?.ok_or_else(|| unknown("the list has no end"))
    }

    /// None if it goes on behind so many pages.
    async fn pages<R, T, U>(
        &self,
        most: usize,
        page: impl Fn(Option<&str>) -> R,
        id: impl Fn(&T) -> &str,
        read: impl Fn(T) -> U,
    ) -> Result<Option<Vec<U>>>
    where
        R: StripeRequest<Output = stripe_types::List<T>>,
        stripe_types::List<T>: miniserde::Deserialize,
    {
        let mut found = Vec::new();
        let mut after: Option<String> = None;
        for _ in 0..most {
            let list = self.ask(&page(after.as_deref())).await?;
            after = list.data.last().map(|last| id(last).to_owned());
            found.extend(list.data.into_iter().map(&read));
            if !list.has_more || after.is_none() {
                return Ok(Some(found));
            }
        }
        Ok(None)
    }
}

/// The same request with its fields in order. The SDK keeps metadata in a hash map, so that the same call would else have another
/// body after a restart, and a key is only good for the same parameters.
struct Sorted<'a, R>(&'a R);

impl<R: StripeRequest> StripeRequest for Sorted<'_, R> {
    type Output = R::Output;

    fn build(&self) -> RequestBuilder {
        let mut request = self.0.build();
        if let Some(body) = &mut request.body {
            let mut fields: Vec<&str> = body.split('&').collect();
            fields.sort_unstable();
            *body = fields.join("&");
        }
        request
    }
}

fn rejected(status: u16, code: Option<String>, message: impl Into<String>) -> StripeError {
    StripeError::Rejected { status, code, message: message.into() }
}

fn unknown(reason: impl Into<String>) -> StripeError {
    StripeError::Unknown { reason: reason.into() }
}

fn from_sdk(error: stripe::StripeError) -> StripeError {
    let (error, status) = match error {
        stripe::StripeError::Stripe(error, status) => (*error, status),
        stripe::StripeError::ConfigError(message) => return rejected(0, None, message),
        // A reply that cannot be read may be a success that cannot be read.
        stripe::StripeError::JSONDeserialize(message) => return unknown(format!("unreadable answer: {message}")),
        stripe::StripeError::ClientError(message) => return unknown(message),
        stripe::StripeError::Timeout => return unknown("no answer in time"),
    };
    let message = error.message.clone().unwrap_or_default();
    let code = error.code.as_ref().map(|code| code.as_str().to_owned());
    match (status, &error.type_) {
        (402, stripe_shared::ApiErrorsType::CardError) => {
            let payment_intent = error.payment_intent.map(|intent| Box::new(payment_intent(intent)));
            if code.as_deref() == Some("authentication_required") {
                StripeError::Authentication { payment_intent }
            } else {
                StripeError::Declined { code, decline_code: error.decline_code, message: error.message, payment_intent }
            }
        }
        // The key was used before, with other parameters: what *that* call did is for the reconciler to find.
        (_, stripe_shared::ApiErrorsType::IdempotencyError) => unknown(format!("{status} idempotency error: {message}")),
        // 409 the first call under this key still runs, 424 and 429 try later; a 500 may be cached under the key.
        (409 | 424 | 429 | 500.., _) => unknown(format!("{status} {message}")),
        _ => rejected(status, code, message),
    }
}

/// Never fails: codes newer than the SDK are passed on as they are.
fn currency(code: &str) -> stripe_types::Currency {
    match code.parse() {
        Ok(currency) => currency,
        Err(never) => match never {},
    }
}

fn metadata_out(metadata: &Metadata) -> HashMap<String, String> {
    metadata.clone().into_iter().collect()
}

fn payment_error(error: &stripe_shared::ApiErrors) -> PaymentError {
    PaymentError {
        code: error.code.as_ref().map(|code| code.as_str().to_owned()),
        decline_code: error.decline_code.clone(),
        message: error.message.clone(),
    }
}

fn setup_intent(from: stripe_shared::SetupIntent) -> SetupIntent {
    use stripe_shared::SetupIntentStatus as Sdk;
    SetupIntent {
        id: from.id.as_str().into(),
        status: match from.status {
            Sdk::RequiresPaymentMethod => SetupStatus::RequiresPaymentMethod,
            Sdk::RequiresConfirmation => SetupStatus::RequiresConfirmation,
            Sdk::RequiresAction => SetupStatus::RequiresAction,
            Sdk::Processing => SetupStatus::Processing,
            Sdk::Canceled => SetupStatus::Canceled,
            Sdk::Succeeded => SetupStatus::Succeeded,
            _ => SetupStatus::Other,
        },
        customer: from.customer.map(|customer| customer.id().as_str().into()),
        payment_method: from.payment_method.map(|method| method.id().as_str().into()),
        client_secret: from.client_secret.map(Secret::new),
        last_error: from.last_setup_error.as_deref().map(payment_error),
        livemode: from.livemode,
    }
}

fn payment_method(from: stripe_shared::PaymentMethod) -> Result<PaymentMethod> {
    let card = from.card.ok_or_else(|| rejected(200, None, "the payment method is not a card"))?;
    Ok(PaymentMethod {
        id: from.id.as_str().into(),
        customer: from.customer.map(|customer| customer.id().as_str().into()),
        brand: card.brand,
        last4: card.last4,
        exp_month: card.exp_month,
        exp_year: card.exp_year,
    })
}

fn payment_intent(from: stripe_shared::PaymentIntent) -> PaymentIntent {
    use stripe_shared::PaymentIntentStatus as Sdk;
    PaymentIntent {
        id: from.id.as_str().into(),
        status: match from.status {
            Sdk::RequiresPaymentMethod => PaymentStatus::RequiresPaymentMethod,
            Sdk::RequiresConfirmation => PaymentStatus::RequiresConfirmation,
            Sdk::RequiresAction => PaymentStatus::RequiresAction,
            Sdk::Processing => PaymentStatus::Processing,
            Sdk::RequiresCapture => PaymentStatus::RequiresCapture,
            Sdk::Canceled => PaymentStatus::Canceled,
            Sdk::Succeeded => PaymentStatus::Succeeded,
            _ => PaymentStatus::Other,
        },
        amount_cents: from.amount,
        currency: from.currency.to_string(),
        customer: from.customer.map(|customer| customer.id().as_str().into()),
        payment_method: from.payment_method.map(|method| method.id().as_str().into()),
        metadata: from.metadata.into_iter().collect(),
        latest_charge: from.latest_charge.map(|charge| charge.id().as_str().into()),
        amount_received_cents: from.amount_received,
        amount_capturable_cents: from.amount_capturable,
        last_error: from.last_payment_error.as_deref().map(payment_error),
        action_url: from.next_action.and_then(|action| action.redirect_to_url).and_then(|page| page.url),
        client_secret: from.client_secret.map(Secret::new),
        created: Time::from_secs(from.created),
        livemode: from.livemode,
    }
}

fn refund(from: stripe_shared::Refund) -> Refund {
    Refund {
        id: from.id.as_str().into(),
        status: match from.status.as_deref() {
            Some("pending") => RefundStatus::Pending,
            Some("requires_action") => RefundStatus::RequiresAction,
            Some("succeeded") => RefundStatus::Succeeded,
            Some("failed") => RefundStatus::Failed,
            Some("canceled") => RefundStatus::Canceled,
            _ => RefundStatus::Other,
        },
        amount_cents: from.amount,
        currency: from.currency.to_string(),
        payment_intent: from.payment_intent.map(|intent| intent.id().as_str().into()),
        metadata: from.metadata.unwrap_or_default().into_iter().collect(),
        created: Time::from_secs(from.created),
    }
}

fn event_head(from: stripe_shared::Event) -> EventHead {
    use miniserde::json::Value;
    let object_id = match &from.data.object {
        Value::Object(object) => match object.get("id") {
            Some(Value::String(id)) => Some(id.clone()),
            _ => None,
        },
        _ => None,
    };
    EventHead {
        id: from.id.as_str().into(),
        kind: from.type_.to_string(),
        created: Time::from_secs(from.created),
        livemode: from.livemode,
        object_id,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_same_call_has_the_same_bytes_every_time() {
        let body = || {
            let metadata: HashMap<String, String> = ["order", "charge", "user", "try"].map(|k| (k.into(), "1".into())).into();
            Sorted(&CreatePaymentIntent::new(500, currency("usd")).metadata(metadata)).build().body
        };
        let expected = "amount=500&currency=usd&metadata[charge]=1&metadata[order]=1&metadata[try]=1&metadata[user]=1";
        for _ in 0..20 {
            assert_eq!(body().as_deref().map(|body| body.replace("%5B", "[").replace("%5D", "]")).as_deref(), Some(expected));
        }
    }

    #[test]
    fn a_base_url_that_is_none_is_refused_at_once() {
        assert!(matches!(
            Stripe::new("not a url", "sk_test_1".into(), Duration::from_secs(1)),
            Err(StripeError::Rejected { status: 0, .. })
        ));
        let shown = format!("{:?}", Stripe::new("http://127.0.0.1:1", "sk_test_canary".into(), Duration::from_secs(1)));
        assert_eq!(shown, "Ok(Stripe)");
    }
}
