//! Cards, and what was charged to them.

use actix_web::web::{Data, Path, Query};
use serde::Deserialize;

use super::{PAGE, card_line, id, mark};
use crate::base::Kind;
use crate::base::ids::{CardId, ChargeId};
use crate::domain::charge::{Charge, ChargeState};
use crate::store::charge::Charges;
use crate::store::order::Orders;

use crate::web::error::PageResult;
use crate::web::extract::{Browser, Form, Me};
use crate::web::guest::login::local;
use crate::web::page::user::card_form;
use crate::web::page::user::cards::{self, ChargeStatus, SavedCard, View, page};
use crate::web::routes::Policy;
use crate::web::ui::part::Pager;

#[derive(Deserialize)]
pub struct Before {
    pub before: Option<String>,
}

pub async fn list(me: Me, query: Query<Before>) -> PageResult {
    let mark = mark::<ChargeId>(query.before.as_deref())?;
    let snapshot = me.app.read()?;
    let chosen = me.app.card_of(&me.user)?.map(|card| card.id);
    let cards = snapshot.cards_of(me.user.id)?;
    let cards =
        cards.iter().map(|card| SavedCard { id: card.id, line: card_line(card), default: Some(card.id) == chosen }).collect();
    let mut charges = snapshot.charges_of(me.user.id, mark, PAGE + 1)?;
    let more = charges.len() > PAGE;
    charges.truncate(PAGE);
    let older = charges.last().filter(|_| more).map(|last| format!("/cards?before={}.{}", last.created.ms(), last.id));
    let mut rows = Vec::with_capacity(charges.len());
    for charge in &charges {
        let card = snapshot.card(charge.card)?.map(|card| card.label()).unwrap_or_default();
        let name = snapshot.order(charge.order)?.map(|order| order.wish.name.to_string()).unwrap_or_default();
        rows.push(row(charge, name, card));
    }
    let view = View { cards, charges: rows, pager: Pager { newer: mark.map(|_| "/cards".into()), older } };
    Ok(me.show(200, page(&me.chrome(), &view)))
}

/// To the card page of the processor, and back here afterwards.
pub async fn create(me: Me, form: Form) -> PageResult {
    let card_page = me.app.start_card(&me.user, &local(form.text("next"), "/cards")).await?;
    Ok(me.go(&card_page.url))
}

/// The processor's frame on our page, where the processor has no page of its own.
pub async fn new(me: Me, path: Path<String>, policy: Data<Policy>) -> PageResult {
    let secret = me.app.card_form(me.user.id, &path).await?;
    let cards = &me.app.settings.cards;
    let view = card_form::View {
        intent: path.into_inner(),
        secret,
        publishable_key: cards.publishable_key.clone(),
        script: cards.script.clone(),
    };
    let mut answer = me.show(200, card_form::page(&me.chrome(), &view));
    policy.admit_cards(&mut answer);
    Ok(answer)
}

#[derive(Deserialize)]
pub struct Back {
    #[serde(default)]
    setup_intent: String,
}

/// Back from the card page. What the address says is not believed: the processor is asked.
pub async fn done(browser: Browser, back: Query<Back>) -> PageResult {
    match browser.app.back_from_card_page(&back.setup_intent).await {
        Ok(then) => Ok(browser.go_saying(&then, true, "Your card is saved.")),
        Err(error) if error.kind() == Kind::Conflict => Ok(browser.go_saying("/cards", false, error.message())),
        Err(error) => Err(error.into()),
    }
}

pub async fn update(me: Me, path: Path<String>, _form: Form) -> PageResult {
    let card: CardId = id(&path, "card")?;
    me.app.choose_card(me.user.id, card).await?;
    Ok(me.go_saying("/cards", true, "This card is charged from now on."))
}

pub async fn remove(me: Me, path: Path<String>, _form: Form) -> PageResult {
    let card: CardId = id(&path, "card")?;
    me.app.remove_card(me.user.id, card).await?;
    Ok(me.go_saying("/cards", true, "The card is removed."))
}

pub fn status(charge: &Charge) -> ChargeStatus {
    match &charge.state {
        ChargeState::Sent | ChargeState::NeedsAction { .. } => ChargeStatus::Open,
        ChargeState::Authorized => ChargeStatus::Held,
        ChargeState::Captured if charge.refunded.units() > 0 => ChargeStatus::Refunded,
        ChargeState::Captured => ChargeStatus::Paid,
        ChargeState::Declined { .. } => ChargeStatus::Declined,
        ChargeState::Voided => ChargeStatus::Released,
    }
}

fn row(charge: &Charge, name: String, card: String) -> cards::Charge {
    cards::Charge {
        id: charge.id,
        at: charge.created,
        what: name,
        card,
        amount: charge.amount,
        status: status(charge),
        receipt: charge.receipt.map(number),
    }
}

/// `R-000042`
pub fn number(receipt: u64) -> String {
    format!("R-{receipt:06}")
}
