//! Money taken from a card: first authorised, then captured or voided, and given back in part or whole.

use serde::{Deserialize, Serialize};

use super::price::Part;
use crate::base::Time;
use crate::base::ids::{CardId, ChargeId, OrderId, RefundId, RevisionId, TransferId, UserId};
use crate::base::money::Usd;

/// A card that the processor keeps for a person. We only know what is printed on a receipt.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Card {
    pub id: CardId,
    pub user: UserId,
    /// The processor's name for it: `pm_…`.
    pub method: String,
    pub brand: String,
    pub last4: String,
    pub exp_month: u32,
    pub exp_year: u32,
    pub added: Time,
    /// Removed cards stay for the receipts they are named on.
    #[serde(default)]
    pub removed: Option<Time>,
}

impl Card {
    /// `Visa •••• 4242`
    pub fn label(&self) -> String {
        let mut letters = self.brand.chars();
        let brand: String = letters.next().into_iter().flat_map(char::to_uppercase).chain(letters).collect();
        format!("{brand} •••• {}", self.last4)
    }
}

/// A set-up in progress: somebody is at the processor's card page. Keyed by the processor's id, `seti_…`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct CardSetup {
    pub user: UserId,
    pub created: Time,
    /// Where to go afterwards: a quote, or the list of cards.
    pub then: String,
    #[serde(default)]
    pub card: Option<CardId>,
}

/// Where a charge stands. `Sent` is also what an unknown outcome looks like: nothing new starts until it is known.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum ChargeState {
    /// Intent stored; the call may or may not have left.
    Sent,
    /// The bank wants its customer to confirm; the page to do so is at the processor.
    NeedsAction { url: String },
    /// The card's bank holds the money for us.
    Authorized,
    /// We have it.
    Captured,
    /// Never taken: declined, with the sentence the person reads.
    Declined { reason: String },
    /// Given up before capture: the bank lets go of it.
    Voided,
}

impl ChargeState {
    /// Whether money may still move one way or the other.
    pub const fn is_open(&self) -> bool {
        matches!(self, ChargeState::Sent | ChargeState::NeedsAction { .. } | ChargeState::Authorized)
    }
}

/// One intent to charge a card, with its parameters frozen.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Charge {
    pub id: ChargeId,
    pub order: OrderId,
    pub user: UserId,
    pub card: CardId,
    pub amount: Usd,
    pub customer: String,
    pub method: String,
    pub created: Time,
    pub state: ChargeState,
    /// Random idempotency keys, stored before the calls that carry them. Never counters: after a restore a counter would repeat itself.
    pub authorize_key: String,
    pub capture_key: String,
    pub cancel_key: String,
    /// The hold in the ledger; posted by the capture, voided with the charge.
    pub hold: TransferId,
    /// The processor's id once known: `pi_…`.
    #[serde(default)]
    pub payment_intent: Option<String>,
    /// `ch_…`, for the fee.
    #[serde(default)]
    pub processor_charge: Option<String>,
    #[serde(default)]
    pub captured: Option<Time>,
    #[serde(default)]
    pub fee: Option<Usd>,
    #[serde(default)]
    pub refunded: Usd,
    /// Receipt number, gap-free, taken when captured.
    #[serde(default)]
    pub receipt: Option<u64>,
    /// What it is for, line by line; their sum is the amount. Empty in charges from before there were lines.
    #[serde(default)]
    pub lines: Vec<Part>,
    /// The change it pays for, if it is not the order itself.
    #[serde(default)]
    pub revision: Option<RevisionId>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum RefundState {
    /// Owed; the call may or may not have left.
    Sent,
    Done,
    /// The customer's bank did not take it. The money is in their credit here until a person has it sent again.
    Failed,
}

/// One intent to give money back.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Refund {
    pub id: RefundId,
    pub charge: ChargeId,
    pub order: OrderId,
    pub amount: Usd,
    pub key: String,
    pub hold: TransferId,
    pub created: Time,
    pub state: RefundState,
    /// `re_…`, as soon as it is known.
    #[serde(default)]
    pub processor_refund: Option<String>,
    /// When it was first sent under `key`, and when last under any.
    #[serde(default)]
    pub sent: Option<Time>,
    #[serde(default)]
    pub last_sent: Option<Time>,
    /// The processor's refunds for it that came to nothing.
    #[serde(default)]
    pub failed: Vec<String>,
}

impl Refund {
    /// Owed, and nothing has left the house.
    pub fn new(id: RefundId, charge: &Charge, amount: Usd, key: String, hold: TransferId, created: Time) -> Refund {
        Refund {
            id,
            charge: charge.id,
            order: charge.order,
            amount,
            key,
            hold,
            created,
            state: RefundState::Sent,
            processor_refund: None,
            sent: None,
            last_sent: None,
            failed: Vec::new(),
        }
    }
}

/// A webhook as it came in, stored before anything is believed.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Notice {
    /// `evt_…`
    pub id: String,
    pub kind: String,
    pub object: String,
    pub received: Time,
    #[serde(default)]
    pub handled: Option<Time>,
    /// What came of it, for the operator.
    #[serde(default)]
    pub note: String,
}
