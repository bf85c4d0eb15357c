//! Saved cards, and all that was ever charged to them.

use maud::{Markup, html};
use serde::Serialize;

use crate::base::Time;
use crate::base::ids::{CardId, ChargeId};
use crate::base::money::Usd;
use crate::web::ui::form;
use crate::web::ui::format::{money, when};
use crate::web::ui::icon::{Icon, icon};
use crate::web::ui::offer::CardLine;
use crate::web::ui::part::{self, Pager, Tone, number, text};
use crate::web::ui::{Chrome, layout};

#[derive(Debug, Clone, Serialize)]
pub struct SavedCard {
    pub id: CardId,
    pub line: CardLine,
    /// The one that is charged.
    pub default: bool,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum ChargeStatus {
    /// Set aside on the card, not taken.
    Held,
    Paid,
    Released,
    Refunded,
    Declined,
    /// The processor has not answered yet.
    Open,
}

impl ChargeStatus {
    pub fn badge(self) -> Markup {
        match self {
            ChargeStatus::Held => part::badge(Tone::Busy, "Set aside"),
            ChargeStatus::Paid => part::badge(Tone::Good, "Paid"),
            ChargeStatus::Released => part::badge(Tone::Quiet, "Released"),
            ChargeStatus::Refunded => part::badge(Tone::Warn, "Paid back"),
            ChargeStatus::Declined => part::badge(Tone::Bad, "Declined"),
            ChargeStatus::Open => part::badge(Tone::Busy, "Being checked"),
        }
    }
}

#[derive(Debug, Clone, Serialize)]
pub struct Charge {
    pub id: ChargeId,
    pub at: Time,
    pub what: String,
    pub card: String,
    pub amount: Usd,
    pub status: ChargeStatus,
    /// The number of the receipt, once there is one.
    pub receipt: Option<String>,
}

#[derive(Debug, Clone, Default, Serialize)]
pub struct View {
    pub cards: Vec<SavedCard>,
    pub charges: Vec<Charge>,
    pub pager: Pager,
}

pub fn page(chrome: &Chrome, view: &View) -> Markup {
    layout(
        chrome,
        "Cards and receipts",
        html! {
            div.wrap.stack {
                (part::head(
                    "Cards and receipts",
                    html! { "Your card number is typed at the card processor and never reaches us." },
                    html! { @if !view.cards.is_empty() { (add(chrome)) } },
                ))
                (cards(chrome, view))
                section.stack-small {
                    h2 { "Charges" }
                    @if view.charges.is_empty() {
                        p.soft { "Nothing has been charged yet. When it is, each charge and its receipt stand here." }
                    } @else {
                        (part::table("Charges", &COLUMNS, view.charges.iter().map(row).collect()))
                        (part::pager(&view.pager))
                    }
                }
            }
        },
    )
}

fn add(chrome: &Chrome) -> Markup {
    form::post(chrome, "/cards", html! { button.btn type="submit" { "Add a card" } })
}

fn cards(chrome: &Chrome, view: &View) -> Markup {
    if view.cards.is_empty() {
        return part::empty(
            "No card yet",
            "Add one now, or when you place your first order. Nothing is charged by adding it.",
            add(chrome),
        );
    }
    html! {
        ul.cards {
            @for card in &view.cards {
                li.pay-card {
                    p.pay-card-head { (icon(Icon::Card)) strong { (card.line.brand) }
                        @if card.default { (part::badge(Tone::Good, "Charged by default")) } }
                    p.pay-card-number { span.hidden { "ending in " } span aria-hidden="true" { "•••• " } (card.line.last4) }
                    p.pay-card-foot {
                        span { "Valid until " (format!("{:02}/{}", card.line.exp_month, card.line.exp_year)) }
                    }
                    div.between {
                        @if !card.default {
                            (form::post(chrome, &format!("/cards/{}/default", card.id), html! {
                                button.btn.quiet.small type="submit" { "Charge this one" }
                            }))
                        }
                        (form::post(chrome, &format!("/cards/{}/remove", card.id), html! {
                            button.btn.quiet.small.danger type="submit" { "Remove" span.hidden { " " (card.line.name()) } }
                        }))
                    }
                }
            }
        }
    }
}

const COLUMNS: [part::Column; 5] = [text("For"), text("Card"), text("State"), number("Amount"), text("Receipt")];

fn row(charge: &Charge) -> Vec<Markup> {
    vec![
        html! { strong { (charge.what) } span.sub { (when(charge.at)) } },
        html! { (charge.card) },
        charge.status.badge(),
        html! { (money(charge.amount)) },
        html! {
            @match &charge.receipt {
                Some(number) => a href={ "/receipts/" (charge.id) } { (number) },
                None => span.soft { "–" },
            }
        },
    ]
}
