//! Saving and removing cards. The number of a card never comes near us: the processor's own page takes it.

use super::App;
use super::charge::no_answer;
use super::limit::Limit;
use crate::base::ids::{CardId, UserId};
use crate::base::{Error, Result, Secret};
use crate::domain::account::User;
use crate::domain::charge::{Card, CardSetup};
use crate::store::account::Accounts;
use crate::store::charge::{CARDS_MAX, Charges};
use crate::wire::stripe::SetupStatus;

/// Where the browser goes to type its card.
pub struct CardPage {
    pub url: String,
}

impl App {
    /// Begins saving a card. `then` is the path to come back to afterwards.
    pub async fn start_card(&self, user: &User, then: &str) -> Result<CardPage> {
        if self.read()?.cards_of(user.id)?.len() >= CARDS_MAX {
            return Err(too_many_cards());
        }
        self.limits.take(Limit::NewCard, &user.id.to_string(), self.now())?;
        let customer = self.customer(user).await?;
        // Nothing is charged by this call; a lost answer leaves an unused set-up that expires by itself.
        let key = hex::encode(self.random.bytes::<16>());
        let setup = self.cards.create_setup_intent(&key, &customer).await.map_err(no_answer)?;
        let secret = setup.client_secret.ok_or_else(|| Error::internal("The card processor gave no secret for its page."))?;
        let back = format!("{}/cards/done", self.settings.server.public_url);
        let row = CardSetup { user: user.id, created: self.now(), then: then.to_owned(), card: None };
        let id = setup.id.clone();
        self.store.write(move |tx| tx.put_card_setup(&id, &row)).await?;
        if self.settings.cards.page.is_empty() {
            return Ok(CardPage { url: format!("/cards/new/{}", setup.id) });
        }
        let query = [("client_secret", secret.reveal().as_str()), ("return_url", back.as_str())];
        let query = serde_urlencoded::to_string(query)
            .map_err(|cause| Error::internal("The way to the card page can't be written.").because(cause))?;
        Ok(CardPage { url: format!("{}/card/{}?{query}", self.settings.cards.page.trim_end_matches('/'), setup.id) })
    }

    /// The processor's name for a person; made once.
    async fn customer(&self, user: &User) -> Result<String> {
        if let Some(customer) = &user.customer {
            return Ok(customer.clone());
        }
        // Two tabs use the same key, so that they get one customer.
        let key = self.customer_key(user.id, None).await?;
        let made = self.cards.create_customer(&key, user.email.as_str(), user.name.as_str(), &user.id.to_string()).await;
        let name = match made {
            Ok(customer) => customer.id,
            Err(error) => {
                // An error is repeated as long as its key is known. A customer whom nobody uses costs nothing.
                self.customer_key(user.id, Some(key)).await?;
                return Err(no_answer(error));
            }
        };
        let id = user.id;
        self.store
            .write(move |tx| {
                let mut user = tx.user(id)?.ok_or_else(|| Error::not_found("person"))?;
                let customer = user.customer.get_or_insert(name).clone();
                user.customer_key = None;
                tx.put_user(&user)?;
                Ok(customer)
            })
            .await
    }

    /// What the browser needs to finish saving a card on our page: the secret of a set-up that this person began.
    pub async fn card_form(&self, user: UserId, intent: &str) -> Result<Secret<String>> {
        let mine = |setup: &CardSetup| setup.user == user && setup.card.is_none();
        self.read()?.card_setup(intent)?.filter(mine).ok_or_else(|| Error::not_found("card form"))?;
        self.may_ask_processor(user)?;
        let setup = self.cards.setup_intent(intent).await.map_err(no_answer)?;
        setup.client_secret.ok_or_else(|| Error::internal("The card processor gave no secret for its form."))
    }

    /// Looking at a set-up asks the processor, whose patience is shared by all: it counts like a change.
    fn may_ask_processor(&self, user: UserId) -> Result<()> {
        self.limits.take(Limit::Change, &user.to_string(), self.now())
    }

    /// The stored key under which a person becomes a customer of the processor; another one than `spent`.
    async fn customer_key(&self, id: UserId, spent: Option<String>) -> Result<String> {
        let fresh = hex::encode(self.random.bytes::<16>());
        self.store
            .write(move |tx| {
                let mut user = tx.user(id)?.ok_or_else(|| Error::not_found("person"))?;
                if user.customer_key == spent {
                    user.customer_key = None;
                }
                let key = user.customer_key.get_or_insert(fresh).clone();
                tx.put_user(&user)?;
                Ok(key)
            })
            .await
    }

    /// A browser is back from the processor's page.
    pub async fn back_from_card_page(&self, intent: &str) -> Result<String> {
        let row = self.read()?.card_setup(intent)?.ok_or_else(|| Error::not_found("card"))?;
        self.may_ask_processor(row.user)?;
        self.finish_card(intent).await
    }

    /// Finishes saving a card: asks the processor what really happened. Gives the path to go to; safe to call twice.
    pub(super) async fn finish_card(&self, intent: &str) -> Result<String> {
        let row = self.read()?.card_setup(intent)?.ok_or_else(|| Error::not_found("card"))?;
        if row.card.is_some() {
            return Ok(row.then);
        }
        let setup = self.cards.setup_intent(intent).await.map_err(no_answer)?;
        let user = self.read()?.user(row.user)?.ok_or_else(|| Error::not_found("person"))?;
        if setup.customer != user.customer {
            return Err(Error::not_found("card"));
        }
        let method = match (setup.status, setup.payment_method) {
            (SetupStatus::Succeeded, Some(method)) => method,
            _ => return Err(Error::conflict("Your bank did not agree to save this card. Please try again or take another one.")),
        };
        let printed = self.cards.payment_method(&method).await.map_err(no_answer)?;
        let card = Card {
            id: CardId::random(&*self.random),
            user: row.user,
            method: printed.id,
            brand: printed.brand,
            last4: printed.last4,
            exp_month: u32::try_from(printed.exp_month).unwrap_or(0),
            exp_year: u32::try_from(printed.exp_year).unwrap_or(0),
            added: self.now(),
            removed: None,
        };
        let intent = intent.to_owned();
        self.store
            .write(move |tx| {
                let mut row = tx.card_setup(&intent)?.ok_or_else(|| Error::not_found("card"))?;
                if row.card.is_none() {
                    if tx.cards_of(card.user)?.len() >= CARDS_MAX {
                        return Err(too_many_cards());
                    }
                    row.card = Some(card.id);
                    tx.add_card(&card)?;
                    tx.put_card_setup(&intent, &row)?;
                }
                Ok(row.then)
            })
            .await
    }

    /// The card that is charged: the chosen one, else the newest.
    pub fn card_of(&self, user: &User) -> Result<Option<Card>> {
        card_of(&self.read()?, user)
    }

    pub async fn choose_card(&self, user: UserId, id: CardId) -> Result<()> {
        self.store
            .write(move |tx| {
                tx.card(id)?
                    .filter(|card| card.user == user && card.removed.is_none())
                    .ok_or_else(|| Error::not_found("card"))?;
                let mut user = tx.user(user)?.ok_or_else(|| Error::not_found("person"))?;
                user.card = Some(id);
                tx.put_user(&user)
            })
            .await
    }

    pub async fn remove_card(&self, user: UserId, id: CardId) -> Result<()> {
        let card = self
            .read()?
            .card(id)?
            .filter(|card| card.user == user && card.removed.is_none())
            .ok_or_else(|| Error::not_found("card"))?;
        // Forgetting twice is refused and harmless; what counts is that we no longer offer it.
        if let Err(error) = self.cards.detach(&card.method).await {
            tracing::info!(card = %card.id, %error, "the card processor did not forget a card");
        }
        let removed = Card { removed: Some(self.now()), ..card };
        self.store.write(move |tx| tx.remove_card(&removed)).await
    }
}

fn too_many_cards() -> Error {
    Error::conflict("You have saved twenty cards. Please remove one first.")
}

/// The card that is charged for a person: the one they have chosen, or the newest.
pub(super) fn card_of(store: &impl Charges, user: &User) -> Result<Option<Card>> {
    let mut cards = store.cards_of(user.id)?;
    let chosen = cards.iter().position(|card| Some(card.id) == user.card);
    Ok(chosen.map(|place| cards.swap_remove(place)).or_else(|| cards.pop()))
}
