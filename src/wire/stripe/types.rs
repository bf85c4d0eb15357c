//! The few facts about cards and payments that anybody above the wire needs. The SDK's types stop at `client.rs`.

use std::collections::BTreeMap;

use crate::base::{Secret, Time};

/// Free text that we hang on an object, and find it again by.
pub type Metadata = BTreeMap<String, String>;

#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Customer {
    pub id: String,
    pub email: Option<String>,
    pub livemode: bool,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum SetupStatus {
    RequiresPaymentMethod,
    RequiresConfirmation,
    RequiresAction,
    Processing,
    Canceled,
    Succeeded,
    /// A state newer than this program.
    Other,
}

/// A card on its way into the wallet; nothing is charged.
#[derive(Debug, Clone)]
pub struct SetupIntent {
    pub id: String,
    pub status: SetupStatus,
    pub customer: Option<String>,
    pub payment_method: Option<String>,
    /// Lets a browser finish the set-up: to be shown to the customer only.
    pub client_secret: Option<Secret<String>>,
    pub last_error: Option<PaymentError>,
    pub livemode: bool,
}

/// A saved card.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PaymentMethod {
    pub id: String,
    /// None once it is detached.
    pub customer: Option<String>,
    pub brand: String,
    pub last4: String,
    pub exp_month: i64,
    pub exp_year: i64,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum PaymentStatus {
    RequiresPaymentMethod,
    RequiresConfirmation,
    RequiresAction,
    /// Not paid yet: wait.
    Processing,
    /// The amount is held on the card.
    RequiresCapture,
    Canceled,
    Succeeded,
    /// A state newer than this program.
    Other,
}

/// Why the card was not charged or not saved.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct PaymentError {
    pub code: Option<String>,
    pub decline_code: Option<String>,
    pub message: Option<String>,
}

#[derive(Debug, Clone)]
pub struct PaymentIntent {
    pub id: String,
    pub status: PaymentStatus,
    pub amount_cents: i64,
    /// Three small letters: `usd`.
    pub currency: String,
    pub customer: Option<String>,
    pub payment_method: Option<String>,
    pub metadata: Metadata,
    pub latest_charge: Option<String>,
    pub amount_received_cents: i64,
    pub amount_capturable_cents: i64,
    pub last_error: Option<PaymentError>,
    /// The bank's page that asks the customer, while the status is `RequiresAction`.
    pub action_url: Option<String>,
    /// Lets a browser finish the payment: to be shown to the customer only.
    pub client_secret: Option<Secret<String>>,
    pub created: Time,
    pub livemode: bool,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum RefundStatus {
    Pending,
    RequiresAction,
    Succeeded,
    Failed,
    Canceled,
    /// A state newer than this program.
    Other,
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Refund {
    pub id: String,
    pub status: RefundStatus,
    pub amount_cents: i64,
    pub currency: String,
    pub payment_intent: Option<String>,
    pub metadata: Metadata,
    pub created: Time,
}

/// One line of the processor's diary.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct EventHead {
    pub id: String,
    /// `payment_intent.succeeded` and the like.
    pub kind: String,
    pub created: Time,
    pub livemode: bool,
    pub object_id: Option<String>,
}

/// What to hold on a card.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PaymentRequest {
    pub amount_cents: i64,
    /// Three small letters: `usd`.
    pub currency: String,
    pub customer: String,
    pub payment_method: String,
    /// At least `order` and `charge`: reconciling finds the payment again by them.
    pub metadata: Metadata,
    pub description: String,
    /// Where the bank's page sends the customer back to, should it have a question. None when nobody is at the keyboard: then
    /// a bank that must ask declines instead.
    pub return_url: Option<String>,
}
