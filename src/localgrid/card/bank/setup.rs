//! Saving a card: the set-up, the bank's question, and forgetting the card again.

use serde_json::Value;

use super::{Answer, Bank, missing};
use crate::base::{Secret, Time};
use crate::localgrid::card::numbers::{Temper, TestCard, declined};
use crate::wire::stripe::objects::{PaymentMethodObject, SetupIntentObject};
use crate::wire::stripe::server::ApiError;
use crate::wire::stripe::{PaymentError, SetupStatus};

impl Bank {
    pub fn setup(&self, id: &str) -> Option<&SetupIntentObject> {
        self.setups.iter().find(|setup| setup.id == id)
    }

    pub(super) fn create_setup(&mut self, customer: Option<String>, now: Time) -> Answer<Value> {
        if let Some(customer) = &customer {
            self.customer(customer)?;
        }
        let id = self.id("seti");
        let client_secret = Secret::new(format!("{id}_secret_{}", self.token()));
        let setup = SetupIntentObject {
            id,
            created: now,
            customer,
            status: SetupStatus::RequiresPaymentMethod,
            payment_method: None,
            last_error: None,
            client_secret,
        };
        self.happened("setup_intent.created", setup.json(), now);
        self.setups.push(setup.clone());
        Ok(setup.json())
    }

    /// What the card page does: the customer's card meets the set-up. Tells the status it leads to.
    pub fn offer_card(&mut self, setup: &str, card: &TestCard, name: &str, expiry: (i64, i64), now: Time) -> Option<SetupStatus> {
        let at = self.setups.iter().position(|known| known.id == setup)?;
        if !matches!(self.setups[at].status, SetupStatus::RequiresPaymentMethod | SetupStatus::RequiresAction) {
            return Some(self.setups[at].status);
        }
        if card.temper == Temper::WrongCvc {
            self.setup_failed(at, declined("incorrect_cvc", None), now);
            return Some(SetupStatus::RequiresPaymentMethod);
        }
        let method = PaymentMethodObject {
            id: self.id("pm"),
            created: now,
            customer: None,
            name: (!name.is_empty()).then(|| name.to_owned()),
            brand: card.brand.into(),
            last4: card.number[card.number.len() - 4..].into(),
            exp_month: expiry.0,
            exp_year: expiry.1,
        };
        self.setups[at].payment_method = Some(method.id.clone());
        self.methods.insert(method.id.clone(), (method, card.temper));
        if matches!(card.temper, Temper::AsksAtSetup | Temper::AsksAlways) {
            self.setups[at].status = SetupStatus::RequiresAction;
            self.happened("setup_intent.requires_action", self.setups[at].json(), now);
        } else {
            self.setup_succeeded(at, now);
        }
        Some(self.setups[at].status)
    }

    /// The customer answers the bank's question.
    pub fn answer_setup(&mut self, setup: &str, approved: bool, now: Time) -> Option<SetupStatus> {
        let at = self.setups.iter().position(|known| known.id == setup)?;
        if self.setups[at].status == SetupStatus::RequiresAction {
            if approved {
                self.setup_succeeded(at, now);
            } else {
                self.setups[at].payment_method = None;
                self.setup_failed(at, declined("setup_intent_authentication_failure", None), now);
            }
        }
        Some(self.setups[at].status)
    }

    fn setup_succeeded(&mut self, at: usize, now: Time) {
        let setup = &mut self.setups[at];
        setup.status = SetupStatus::Succeeded;
        setup.last_error = None;
        let (setup, method) = (setup.clone(), setup.payment_method.clone().unwrap_or_default());
        if let Some((method, _)) = self.methods.get_mut(&method) {
            method.customer = setup.customer.clone();
            let json = method.json();
            self.happened("payment_method.attached", json, now);
        }
        self.happened("setup_intent.succeeded", setup.json(), now);
    }

    fn setup_failed(&mut self, at: usize, error: PaymentError, now: Time) {
        self.setups[at].status = SetupStatus::RequiresPaymentMethod;
        self.setups[at].last_error = Some(error);
        self.happened("setup_intent.setup_failed", self.setups[at].json(), now);
    }

    pub(super) fn detach(&mut self, id: &str, now: Time) -> Answer<Value> {
        let (method, _) = self.methods.get_mut(id).ok_or_else(|| missing("PaymentMethod", id))?;
        if method.customer.take().is_none() {
            let message = "The payment method you provided is not attached to a customer so detachment is impossible.";
            return Err(ApiError::invalid(None, message).into());
        }
        let json = method.json();
        self.happened("payment_method.detached", json.clone(), now);
        Ok(json)
    }
}
