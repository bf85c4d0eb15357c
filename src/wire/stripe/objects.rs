//! Stripe's objects as the server half sends them: every field that the SDK cannot do without, and those we read.

use serde_json::{Value, json};

use super::types::{Metadata, PaymentError, PaymentStatus, SetupStatus};
use crate::base::{Secret, Time};

/// The version whose shapes these are; the SDK asks for the same one.
pub const API_VERSION: &str = "2026-09-30.endive";

#[derive(Debug, Clone)]
pub struct CustomerObject {
    pub id: String,
    pub created: Time,
    pub email: Option<String>,
    pub name: Option<String>,
    pub metadata: Metadata,
}

#[derive(Debug, Clone)]
pub struct SetupIntentObject {
    pub id: String,
    pub created: Time,
    pub customer: Option<String>,
    pub status: SetupStatus,
    pub payment_method: Option<String>,
    pub last_error: Option<PaymentError>,
    pub client_secret: Secret<String>,
}

#[derive(Debug, Clone)]
pub struct PaymentMethodObject {
    pub id: String,
    pub created: Time,
    pub customer: Option<String>,
    pub name: Option<String>,
    pub brand: String,
    pub last4: String,
    pub exp_month: i64,
    pub exp_year: i64,
}

#[derive(Debug, Clone)]
pub struct PaymentIntentObject {
    pub id: String,
    pub created: Time,
    pub amount: i64,
    pub amount_capturable: i64,
    pub amount_received: i64,
    pub currency: String,
    pub customer: Option<String>,
    pub payment_method: Option<String>,
    pub description: Option<String>,
    pub metadata: Metadata,
    pub manual_capture: bool,
    pub status: PaymentStatus,
    pub latest_charge: Option<String>,
    pub last_error: Option<PaymentError>,
    pub client_secret: Secret<String>,
    /// Where the customer confirms, while that is what it waits for.
    pub confirm_url: Option<String>,
    pub canceled_at: Option<Time>,
}

#[derive(Debug, Clone)]
pub struct ChargeObject {
    pub id: String,
    pub created: Time,
    pub amount: i64,
    pub amount_captured: i64,
    pub amount_refunded: i64,
    pub currency: String,
    pub customer: Option<String>,
    pub payment_intent: String,
    pub payment_method: Option<String>,
    pub metadata: Metadata,
    /// What the bank said, if it said no.
    pub failure: Option<PaymentError>,
    pub captured: bool,
    pub balance_transaction: Option<BookingObject>,
}

/// A balance transaction.
#[derive(Debug, Clone)]
pub struct BookingObject {
    pub id: String,
    pub created: Time,
    pub amount: i64,
    pub fee: i64,
    pub currency: String,
    pub source: String,
    pub kind: &'static str,
}

#[derive(Debug, Clone)]
pub struct RefundObject {
    pub id: String,
    pub created: Time,
    pub amount: i64,
    pub currency: String,
    pub charge: String,
    pub payment_intent: String,
    pub metadata: Metadata,
    pub balance_transaction: BookingObject,
    /// The customer's bank sent it back.
    pub failed: bool,
}

#[derive(Debug, Clone)]
pub struct EventObject {
    pub id: String,
    pub created: Time,
    pub kind: String,
    /// The object as it was when it happened.
    pub object: Value,
    pub delivered: bool,
}

impl CustomerObject {
    pub fn json(&self) -> Value {
        json!({
            "id": self.id, "object": "customer", "created": self.created.secs(), "livemode": false,
            "email": self.email, "name": self.name, "metadata": self.metadata, "invoice_settings": {}, "shipping": null,
        })
    }
}

impl SetupIntentObject {
    pub fn json(&self) -> Value {
        json!({
            "id": self.id, "object": "setup_intent", "created": self.created.secs(), "livemode": false,
            "customer": self.customer, "status": setup_status(self.status), "usage": "off_session",
            "payment_method": self.payment_method, "payment_method_types": ["card"], "metadata": {},
            "client_secret": self.client_secret.reveal(), "last_setup_error": self.last_error.as_ref().map(error_json),
        })
    }
}

impl PaymentMethodObject {
    pub fn json(&self) -> Value {
        json!({
            "id": self.id, "object": "payment_method", "created": self.created.secs(), "livemode": false, "type": "card",
            "customer": self.customer, "metadata": {},
            "billing_details": { "address": null, "email": null, "name": self.name, "phone": null, "tax_id": null },
            "card": {
                "brand": self.brand, "display_brand": self.brand, "last4": self.last4, "funding": "credit", "country": "US",
                "exp_month": self.exp_month, "exp_year": self.exp_year,
            },
        })
    }
}

impl PaymentIntentObject {
    pub fn json(&self) -> Value {
        let next_action = self.confirm_url.as_ref().filter(|_| self.status == PaymentStatus::RequiresAction);
        json!({
            "id": self.id, "object": "payment_intent", "created": self.created.secs(), "livemode": false,
            "amount": self.amount, "amount_capturable": self.amount_capturable, "amount_received": self.amount_received,
            "currency": self.currency, "customer": self.customer, "payment_method": self.payment_method,
            "payment_method_types": ["card"], "description": self.description, "metadata": self.metadata,
            "capture_method": if self.manual_capture { "manual" } else { "automatic" }, "confirmation_method": "automatic",
            "status": payment_status(self.status), "latest_charge": self.latest_charge,
            "last_payment_error": self.last_error.as_ref().map(error_json), "client_secret": self.client_secret.reveal(),
            "next_action": next_action.map(|url| json!({
                "type": "redirect_to_url", "redirect_to_url": { "url": url, "return_url": null },
            })),
            "canceled_at": self.canceled_at.map(Time::secs),
        })
    }
}

impl ChargeObject {
    pub fn json(&self, expand_booking: bool) -> Value {
        let booking = self.balance_transaction.as_ref();
        json!({
            "id": self.id, "object": "charge", "created": self.created.secs(), "livemode": false,
            "amount": self.amount, "amount_captured": self.amount_captured, "amount_refunded": self.amount_refunded,
            "currency": self.currency, "customer": self.customer, "payment_intent": self.payment_intent,
            "payment_method": self.payment_method, "metadata": self.metadata, "captured": self.captured, "disputed": false,
            "billing_details": { "address": null, "email": null, "name": null, "phone": null, "tax_id": null },
            "paid": self.failure.is_none(), "refunded": self.captured && self.amount_refunded == self.amount_captured,
            "status": if self.failure.is_some() { "failed" } else { "succeeded" },
            "failure_code": self.failure.as_ref().and_then(|failure| failure.code.as_ref()),
            "failure_message": self.failure.as_ref().and_then(|failure| failure.message.as_ref()),
            "balance_transaction": if expand_booking { json!(booking.map(BookingObject::json)) } else { json!(booking.map(|b| &b.id)) },
        })
    }
}

impl BookingObject {
    pub fn json(&self) -> Value {
        let fees: Vec<_> = (self.fee != 0)
            .then(|| json!({ "amount": self.fee, "currency": self.currency, "type": "stripe_fee", "description": "Processing fee" }))
            .into_iter()
            .collect();
        json!({
            "id": self.id, "object": "balance_transaction", "created": self.created.secs(), "available_on": self.created.secs(),
            "amount": self.amount, "fee": self.fee, "net": self.amount - self.fee, "currency": self.currency,
            "fee_details": fees, "balance_type": "payments", "reporting_category": self.kind, "status": "available",
            "type": self.kind, "source": self.source,
        })
    }
}

impl RefundObject {
    pub fn json(&self) -> Value {
        json!({
            "id": self.id, "object": "refund", "created": self.created.secs(), "amount": self.amount, "currency": self.currency,
            "charge": self.charge, "payment_intent": self.payment_intent, "metadata": self.metadata, "status": if self.failed { "failed" } else { "succeeded" },
            "failure_reason": self.failed.then_some("lost_or_stolen_card"),
            "balance_transaction": self.balance_transaction.id,
        })
    }
}

impl EventObject {
    pub fn json(&self) -> Value {
        json!({
            "id": self.id, "object": "event", "api_version": API_VERSION, "created": self.created.secs(), "livemode": false,
            "pending_webhooks": i32::from(!self.delivered), "request": { "id": null, "idempotency_key": null },
            "type": self.kind, "data": { "object": self.object },
        })
    }
}

pub fn error_json(error: &PaymentError) -> Value {
    json!({ "type": "card_error", "code": error.code, "decline_code": error.decline_code, "message": error.message })
}

fn setup_status(status: SetupStatus) -> &'static str {
    match status {
        SetupStatus::RequiresPaymentMethod => "requires_payment_method",
        SetupStatus::RequiresConfirmation => "requires_confirmation",
        SetupStatus::RequiresAction => "requires_action",
        SetupStatus::Processing | SetupStatus::Other => "processing",
        SetupStatus::Canceled => "canceled",
        SetupStatus::Succeeded => "succeeded",
    }
}

fn payment_status(status: PaymentStatus) -> &'static str {
    match status {
        PaymentStatus::RequiresPaymentMethod => "requires_payment_method",
        PaymentStatus::RequiresConfirmation => "requires_confirmation",
        PaymentStatus::RequiresAction => "requires_action",
        PaymentStatus::Processing | PaymentStatus::Other => "processing",
        PaymentStatus::RequiresCapture => "requires_capture",
        PaymentStatus::Canceled => "canceled",
        PaymentStatus::Succeeded => "succeeded",
    }
}
