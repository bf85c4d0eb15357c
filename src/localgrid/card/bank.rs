//! The truth of the pretended processor: who has which card, what is held, taken and given back. No IO.

mod setup;

use std::collections::{BTreeMap, VecDeque};
use std::sync::Arc;
use std::time::Duration;

use serde_json::{Value, json};

use super::numbers::{Temper, declined};
use super::page::pay_url;
use crate::base::time::DAY;
use crate::base::{Random, Secret, Time};
use crate::wire::stripe::objects::{
    BookingObject, ChargeObject, CustomerObject, EventObject, PaymentIntentObject, PaymentMethodObject, RefundObject,
    SetupIntentObject,
};
use crate::wire::stripe::server::{ApiError, Command, NewPayment, Page, Refusal};
use crate::wire::stripe::{Metadata, PaymentError, PaymentStatus};

/// A hold that nobody captures is let go, as card schemes do.
pub const HOLD_LASTS: Duration = DAY.saturating_mul(7);
const SMALLEST_CENTS: i64 = 50;
const LARGEST_CENTS: i64 = 99_999_999;
/// Older events are forgotten, as Stripe forgets them after 30 days.
const MOST_EVENTS: usize = 5_000;

type Answer<T> = Result<T, Box<Refusal>>;

/// What the processor holds for one order, as it alone knows.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Truth {
    pub captured_cents: i64,
    pub refunded_cents: i64,
    pub open_cents: i64,
    /// How many payments took money.
    pub captures: usize,
    /// How many payments hold money right now.
    pub open: usize,
}

pub struct Bank {
    random: Arc<dyn Random>,
    /// Where people confirm payments: the processor's own pages.
    pub base_url: String,
    customers: BTreeMap<String, CustomerObject>,
    setups: Vec<SetupIntentObject>,
    methods: BTreeMap<String, (PaymentMethodObject, Temper)>,
    payments: Vec<PaymentIntentObject>,
    charges: BTreeMap<String, ChargeObject>,
    refunds: Vec<RefundObject>,
    events: VecDeque<EventObject>,
    /// How many events were forgotten.
    forgotten: usize,
}

impl Bank {
    pub fn new(random: Arc<dyn Random>) -> Self {
        Bank {
            random,
            base_url: String::new(),
            customers: BTreeMap::new(),
            setups: Vec::new(),
            methods: BTreeMap::new(),
            payments: Vec::new(),
            charges: BTreeMap::new(),
            refunds: Vec::new(),
            events: VecDeque::new(),
            forgotten: 0,
        }
    }

    pub fn run(&mut self, command: Command, now: Time) -> Answer<Value> {
        self.let_old_holds_go(now);
        match command {
            Command::CreateCustomer { email, name, metadata } => {
                let customer = CustomerObject { id: self.id("cus"), created: now, email, name, metadata };
                self.happened("customer.created", customer.json(), now);
                self.customers.insert(customer.id.clone(), customer.clone());
                Ok(customer.json())
            }
            Command::Customer(id) => Ok(self.customer(&id)?.json()),
            Command::CreateSetupIntent { customer } => self.create_setup(customer, now),
            Command::SetupIntent(id) => Ok(self.setup(&id).ok_or_else(|| missing("setupintent", &id))?.json()),
            Command::PaymentMethod(id) => {
                self.methods.get(&id).map(|(method, _)| method.json()).ok_or_else(|| missing("PaymentMethod", &id))
            }
            Command::Detach(id) => self.detach(&id, now),
            Command::CreatePaymentIntent(new) => self.create_payment(new, now),
            Command::PaymentIntent(id) => self.payment(&id).map(|payment| payment.json()),
            Command::PaymentIntents { customer, page } => {
                let mine = |payment: &&PaymentIntentObject| customer.is_none() || payment.customer == customer;
                let rows =
                    self.payments.iter().filter(mine).map(|payment| (payment.id.as_str(), payment.created, payment.json()));
                list("/v1/payment_intents", rows.collect(), &page)
            }
            Command::Capture { id, amount } => self.capture(&id, amount, now),
            Command::Cancel(id) => self.cancel(&id, now),
            Command::CreateRefund { payment_intent, amount, metadata } => self.refund(&payment_intent, amount, metadata, now),
            Command::Refund(id) => {
                let refund = self.refunds.iter().find(|refund| refund.id == id);
                refund.map(RefundObject::json).ok_or_else(|| missing("refund", &id))
            }
            Command::Refunds { payment_intent, page } => {
                let mine = |refund: &&RefundObject| payment_intent.as_ref().is_none_or(|id| *id == refund.payment_intent);
                let rows = self.refunds.iter().filter(mine).map(|refund| (refund.id.as_str(), refund.created, refund.json()));
                list("/v1/refunds", rows.collect(), &page)
            }
            Command::Charge { id, expand_booking } => {
                self.charges.get(&id).map(|charge| charge.json(expand_booking)).ok_or_else(|| missing("charge", &id))
            }
            Command::Event(id) => {
                let event = self.events.iter().find(|event| event.id == id);
                event.map(EventObject::json).ok_or_else(|| missing("event", &id))
            }
            Command::Events { page } => {
                let rows = self.events.iter().map(|event| (event.id.as_str(), event.created, event.json()));
                list("/v1/events", rows.collect(), &page)
            }
        }
    }

    pub fn find_payment(&self, id: &str) -> Option<&PaymentIntentObject> {
        self.payments.iter().find(|payment| payment.id == id)
    }

    fn create_payment(&mut self, new: NewPayment, now: Time) -> Answer<Value> {
        if !(SMALLEST_CENTS..=LARGEST_CENTS).contains(&new.amount) {
            let code = if new.amount < SMALLEST_CENTS { "amount_too_small" } else { "amount_too_large" };
            return Err(ApiError { param: Some("amount".into()), ..ApiError::invalid(Some(code), "Amount out of range.") }.into());
        }
        if new.currency.len() != 3 || !new.currency.bytes().all(|byte| byte.is_ascii_lowercase()) {
            return Err(ApiError::invalid(None, format!("Invalid currency: {}", new.currency)).into());
        }
        if let Some(customer) = &new.customer {
            self.customer(customer)?;
        }
        if let Some(method) = &new.payment_method {
            let (method, _) = self.methods.get(method).ok_or_else(|| missing("PaymentMethod", method))?;
            if method.customer.is_none() || method.customer != new.customer {
                let message = "The provided PaymentMethod is not attached to this Customer, or was detached from it.";
                return Err(ApiError::invalid(Some("payment_method_unexpected_state"), message).into());
            }
        } else if new.confirm {
            return Err(ApiError::invalid(Some("parameter_missing"), "A payment method is needed to confirm.").into());
        }
        let id = self.id("pi");
        let client_secret = Secret::new(format!("{id}_secret_{}", self.token()));
        self.payments.push(PaymentIntentObject {
            created: now,
            amount: new.amount,
            amount_capturable: 0,
            amount_received: 0,
            currency: new.currency,
            customer: new.customer,
            status: if new.payment_method.is_some() {
                PaymentStatus::RequiresConfirmation
            } else {
                PaymentStatus::RequiresPaymentMethod
            },
            payment_method: new.payment_method,
            description: new.description,
            metadata: new.metadata,
            manual_capture: new.manual_capture,
            latest_charge: None,
            last_error: None,
            client_secret,
            confirm_url: None,
            canceled_at: None,
            id,
        });
        let at = self.payments.len() - 1;
        self.happened("payment_intent.created", self.payments[at].json(), now);
        if new.confirm {
            self.confirm(at, new.return_url.as_deref(), now)?;
        }
        Ok(self.payments[at].json())
    }

    fn confirm(&mut self, at: usize, return_url: Option<&str>, now: Time) -> Answer<()> {
        let method = self.payments[at].payment_method.clone().unwrap_or_default();
        match self.methods.get(&method).map(|(_, temper)| *temper) {
            Some(Temper::Pays | Temper::AsksAtSetup) => {
                self.charge(at, now);
                Ok(())
            }
            Some(Temper::AsksAlways) if return_url.is_some() => {
                let payment = &mut self.payments[at];
                payment.status = PaymentStatus::RequiresAction;
                let back = return_url.unwrap_or_default();
                payment.confirm_url = Some(pay_url(&self.base_url, &payment.id, &payment.client_secret, back));
                let json = payment.json();
                self.happened("payment_intent.requires_action", json, now);
                Ok(())
            }
            Some(Temper::AsksAlways) => {
                self.payment_failed(at, declined("authentication_required", Some("authentication_required")), now)
            }
            Some(Temper::DeclinesCharge { code, decline_code }) => {
                self.payment_failed(at, declined(code, Some(decline_code)), now)
            }
            Some(Temper::WrongCvc) | None => self.payment_failed(at, declined("incorrect_cvc", Some("incorrect_cvc")), now),
        }
    }

    /// The customer answers the bank's question about a payment.
    pub fn answer_payment(&mut self, id: &str, approved: bool, now: Time) -> Option<PaymentStatus> {
        self.let_old_holds_go(now);
        let at = self.payments.iter().position(|payment| payment.id == id)?;
        if self.payments[at].status == PaymentStatus::RequiresAction {
            if approved {
                self.charge(at, now);
            } else {
                // The refusal itself is for the API's caller; the page only needs the new status.
                let _refused = self.payment_failed(at, declined("payment_intent_authentication_failure", None), now);
            }
        }
        Some(self.payments[at].status)
    }

    fn new_charge(&mut self, at: usize, failure: Option<PaymentError>, now: Time) -> ChargeObject {
        let id = self.id("ch");
        let payment = &mut self.payments[at];
        payment.latest_charge = Some(id.clone());
        let charge = ChargeObject {
            id: id.clone(),
            created: now,
            amount: payment.amount,
            amount_captured: 0,
            amount_refunded: 0,
            currency: payment.currency.clone(),
            customer: payment.customer.clone(),
            payment_intent: payment.id.clone(),
            payment_method: payment.payment_method.clone(),
            metadata: payment.metadata.clone(),
            failure,
            captured: false,
            balance_transaction: None,
        };
        self.charges.insert(id, charge.clone());
        charge
    }

    fn charge(&mut self, at: usize, now: Time) {
        self.new_charge(at, None, now);
        let payment = &mut self.payments[at];
        (payment.last_error, payment.confirm_url) = (None, None);
        payment.amount_capturable = payment.amount;
        payment.status = PaymentStatus::RequiresCapture;
        if payment.manual_capture {
            let json = payment.json();
            self.happened("payment_intent.amount_capturable_updated", json, now);
        } else {
            let amount = payment.amount;
            self.take(at, amount, now);
        }
    }

    fn payment_failed(&mut self, at: usize, error: PaymentError, now: Time) -> Answer<()> {
        let charge = self.new_charge(at, Some(error.clone()), now);
        let payment = &mut self.payments[at];
        payment.status = PaymentStatus::RequiresPaymentMethod;
        (payment.payment_method, payment.confirm_url) = (None, None);
        payment.last_error = Some(error.clone());
        let json = payment.json();
        self.happened("charge.failed", charge.json(false), now);
        self.happened("payment_intent.payment_failed", json.clone(), now);
        Err(Box::new(Refusal::Card { error, payment_intent: Some(json) }))
    }

    fn capture(&mut self, id: &str, amount: Option<i64>, now: Time) -> Answer<Value> {
        let at = self.payment_at(id)?;
        let payment = &self.payments[at];
        if payment.status != PaymentStatus::RequiresCapture {
            return Err(unexpected_state(payment, "captured"));
        }
        let amount = amount.unwrap_or(payment.amount_capturable);
        if amount < 1 || amount > payment.amount_capturable {
            return Err(ApiError::invalid(Some("amount_too_large"), "The amount is more than is held.").into());
        }
        self.take(at, amount, now);
        Ok(self.payments[at].json())
    }

    /// Takes held money; what is left of the hold is let go.
    fn take(&mut self, at: usize, amount: i64, now: Time) {
        let booking_id = self.id("txn");
        let payment = &mut self.payments[at];
        payment.status = PaymentStatus::Succeeded;
        payment.amount_received = amount;
        payment.amount_capturable = 0;
        let (json, charge) = (payment.json(), payment.latest_charge.clone().unwrap_or_default());
        if let Some(charge) = self.charges.get_mut(&charge) {
            charge.captured = true;
            charge.amount_captured = amount;
            charge.balance_transaction = Some(BookingObject {
                id: booking_id,
                created: now,
                amount,
                fee: fee(amount),
                currency: charge.currency.clone(),
                source: charge.id.clone(),
                kind: "charge",
            });
            let charge = charge.json(false);
            self.happened("charge.captured", charge, now);
        }
        self.happened("payment_intent.succeeded", json, now);
    }

    fn cancel(&mut self, id: &str, now: Time) -> Answer<Value> {
        let at = self.payment_at(id)?;
        let payment = &mut self.payments[at];
        if matches!(payment.status, PaymentStatus::Succeeded | PaymentStatus::Canceled | PaymentStatus::Processing) {
            return Err(unexpected_state(payment, "canceled"));
        }
        payment.status = PaymentStatus::Canceled;
        payment.amount_capturable = 0;
        payment.canceled_at = Some(now);
        let json = payment.json();
        self.happened("payment_intent.canceled", json.clone(), now);
        Ok(json)
    }

    fn let_old_holds_go(&mut self, now: Time) {
        let old = |payment: &&PaymentIntentObject| {
            payment.status == PaymentStatus::RequiresCapture && now.since(payment.created) >= HOLD_LASTS
        };
        let ids: Vec<String> = self.payments.iter().filter(old).map(|payment| payment.id.clone()).collect();
        for id in ids {
            // Cannot be refused: the hold is open.
            let _let_go = self.cancel(&id, now);
        }
    }

    fn refund(&mut self, payment: &str, amount: Option<i64>, metadata: Metadata, now: Time) -> Answer<Value> {
        let payment = self.payment(payment)?.clone();
        let charge_id = payment.latest_charge.clone().unwrap_or_default();
        let left = match self.charges.get(&charge_id) {
            Some(charge) if charge.captured => charge.amount_captured - charge.amount_refunded,
            _ => return Err(ApiError::invalid(None, "This PaymentIntent does not have a successful charge to refund.").into()),
        };
        if left == 0 {
            let message = format!("Charge {charge_id} has already been refunded.");
            return Err(ApiError::invalid(Some("charge_already_refunded"), message).into());
        }
        let amount = amount.unwrap_or(left);
        if amount < 1 || amount > left {
            let message = format!("Refund amount ({amount}) is greater than unrefunded amount on charge ({left})");
            return Err(ApiError { param: Some("amount".into()), ..ApiError::invalid(None, message) }.into());
        }
        let id = self.id("re");
        let booking = BookingObject {
            id: self.id("txn"),
            created: now,
            amount: -amount,
            fee: 0, // fees are not given back
            currency: payment.currency.clone(),
            source: id.clone(),
            kind: "refund",
        };
        let refund = RefundObject {
            id,
            created: now,
            amount,
            currency: payment.currency.clone(),
            charge: charge_id.clone(),
            payment_intent: payment.id.clone(),
            metadata,
            balance_transaction: booking,
            failed: false,
        };
        self.refunds.push(refund.clone());
        self.happened("refund.created", refund.json(), now);
        if let Some(charge) = self.charges.get_mut(&charge_id) {
            charge.amount_refunded += amount;
            let charge = charge.json(false);
            self.happened("charge.refunded", charge, now);
        }
        Ok(refund.json())
    }

    /// The customers' banks send the refunds of an order back. How many that were.
    pub fn send_refunds_back(&mut self, order: &str, now: Time) -> usize {
        let of_order = |payment: &&PaymentIntentObject| payment.metadata.get("order").is_some_and(|known| known == order);
        let payments: Vec<String> = self.payments.iter().filter(of_order).map(|payment| payment.id.clone()).collect();
        let mut back = Vec::new();
        for refund in &mut self.refunds {
            if payments.contains(&refund.payment_intent) && !refund.failed {
                refund.failed = true;
                back.push(refund.clone());
            }
        }
        for refund in &back {
            if let Some(charge) = self.charges.get_mut(&refund.charge) {
                charge.amount_refunded -= refund.amount;
            }
            self.happened("refund.failed", refund.json(), now);
        }
        back.len()
    }

    // Truth

    /// What is held, taken and given back for payments whose metadata say `order`.
    pub fn truth(&mut self, order: &str, now: Time) -> Truth {
        self.let_old_holds_go(now);
        let mut truth = Truth::default();
        for payment in self.payments.iter().filter(|payment| payment.metadata.get("order").is_some_and(|known| known == order)) {
            truth.captured_cents += payment.amount_received;
            truth.captures += usize::from(payment.amount_received > 0);
            truth.open_cents += payment.amount_capturable;
            truth.open += usize::from(payment.amount_capturable > 0);
            let back = self.refunds.iter().filter(|refund| refund.payment_intent == payment.id && !refund.failed);
            truth.refunded_cents += back.map(|refund| refund.amount).sum::<i64>();
        }
        truth
    }

    /// Events from number `from` on, oldest first.
    pub fn events_from(&self, from: usize) -> impl Iterator<Item = &EventObject> {
        self.events.iter().skip(from.saturating_sub(self.forgotten))
    }

    /// How many events there ever were.
    pub fn event_count(&self) -> usize {
        self.forgotten + self.events.len()
    }

    pub fn delivered(&mut self, event: &str) {
        if let Some(event) = self.events.iter_mut().find(|known| known.id == event) {
            event.delivered = true;
        }
    }

    /// So many things that are nobody's business here, one a second until `now`, behind everything that has happened so far.
    pub fn flood(&mut self, count: u32, now: Time) {
        for second in (0..count).rev() {
            let at = now - std::time::Duration::from_secs(second.into());
            self.happened("balance.available", json!({ "object": "balance" }), at);
        }
    }

    fn happened(&mut self, kind: &str, object: Value, now: Time) {
        let id = self.id("evt");
        self.events.push_back(EventObject { id, created: now, kind: kind.into(), object, delivered: false });
        if self.events.len() > MOST_EVENTS {
            self.events.pop_front();
            self.forgotten += 1;
        }
    }

    fn customer(&self, id: &str) -> Answer<&CustomerObject> {
        self.customers.get(id).ok_or_else(|| missing("customer", id))
    }

    fn payment_at(&self, id: &str) -> Answer<usize> {
        self.payments.iter().position(|payment| payment.id == id).ok_or_else(|| missing("payment_intent", id))
    }

    fn payment(&self, id: &str) -> Answer<&PaymentIntentObject> {
        self.payment_at(id).map(|at| &self.payments[at])
    }

    fn id(&self, prefix: &str) -> String {
        format!("{prefix}_{}", self.token())
    }

    fn token(&self) -> String {
        const LETTERS: &[u8; 62] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789";
        self.random.bytes::<24>().iter().map(|byte| char::from(LETTERS[usize::from(*byte) % LETTERS.len()])).collect()
    }
}

/// 2.9 % and 30 cents, to the nearest cent.
pub const fn fee(amount: i64) -> i64 {
    (amount * 29 + 500) / 1000 + 30
}

fn missing(noun: &str, id: &str) -> Box<Refusal> {
    ApiError::missing(noun, id).into()
}

fn unexpected_state(payment: &PaymentIntentObject, verb: &str) -> Box<Refusal> {
    let message = format!("This PaymentIntent could not be {verb} because of its status.");
    let error = ApiError::invalid(Some("payment_intent_unexpected_state"), message);
    ApiError { payment_intent: Some(payment.json()), ..error }.into()
}

/// One page, newest first. `rows` come oldest first.
fn list(url: &str, rows: Vec<(&str, Time, Value)>, page: &Page) -> Answer<Value> {
    let mut rows: Vec<_> = rows.into_iter().rev().collect();
    if let Some(after) = &page.after {
        let Some(at) = rows.iter().position(|(id, ..)| id == after) else {
            return Err(missing("starting_after", after));
        };
        rows.drain(..=at);
    }
    if let Some(since) = page.since {
        rows.retain(|(_, created, _)| created.secs() >= since);
    }
    if let Some(until) = page.until {
        rows.retain(|(_, created, _)| created.secs() < until);
    }
    let has_more = rows.len() > page.limit;
    let data: Vec<Value> = rows.into_iter().take(page.limit).map(|(.., json)| json).collect();
    Ok(json!({ "object": "list", "url": url, "has_more": has_more, "data": data }))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_processor_keeps_2_9_percent_and_30_cents() {
        assert_eq!([fee(10_000), fee(1_000), fee(50), fee(1_017)], [320, 59, 31, 59]);
    }
}
