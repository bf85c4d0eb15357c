//! One order with its money: every hop from the card to the provider, beside the work that it paid for.

use maud::{Markup, html};
use serde::Serialize;

use super::orders::OrderState;
use crate::base::Time;
use crate::base::ids::{OrderId, TransferId, UserId};
use crate::base::money::{Tft, Usd};
use crate::web::ui::format::{money, tokens, when};
use crate::web::ui::part::{self, Step, Tone, number, text};
use crate::web::ui::{Chrome, layout};

/// How far a hop has come.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum HopState {
    Held,
    Posted,
    Voided,
    /// Owed, and not moved yet.
    Owed,
    /// The other side has not answered.
    Unknown,
}

impl HopState {
    fn badge(self) -> Markup {
        match self {
            HopState::Held => part::badge(Tone::Busy, "Held"),
            HopState::Posted => part::badge(Tone::Good, "Posted"),
            HopState::Voided => part::badge(Tone::Quiet, "Voided"),
            HopState::Owed => part::badge(Tone::Warn, "Owed"),
            HopState::Unknown => part::badge(Tone::Bad, "Unknown"),
        }
    }
}

#[derive(Debug, Clone, Copy, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Amount {
    Usd(Usd),
    Tft(Tft),
}

impl Amount {
    fn text(self) -> String {
        match self {
            Amount::Usd(amount) => money(amount),
            Amount::Tft(amount) => tokens(amount),
        }
    }
}

/// One movement of money.
#[derive(Debug, Clone, Serialize)]
pub struct Hop {
    pub title: String,
    /// The accounts, as the chart of accounts names them.
    pub from: String,
    pub to: String,
    pub amount: Amount,
    /// The same in the other asset, at the rate it was booked with.
    pub worth: Option<Amount>,
    pub state: HopState,
    pub at: Option<Time>,
    pub transfer: Option<TransferId>,
    /// What the other side calls it: a payment, a contract, a block.
    pub outside: Option<String>,
}

/// One try on one node.
#[derive(Debug, Clone, Serialize)]
pub struct Attempt {
    pub number: u32,
    pub node: u32,
    pub farm: String,
    pub contract: Option<u64>,
    pub result: String,
    pub ok: bool,
    pub at: Time,
}

#[derive(Debug, Clone, Serialize)]
pub struct View {
    pub id: OrderId,
    pub name: String,
    pub state: OrderState,
    pub user: UserId,
    pub who: String,
    pub ordered: Time,
    pub paid: Usd,
    pub card_fee: Usd,
    pub grid_cost: Usd,
    pub provider_share: Usd,
    pub margin: Usd,
    pub hops: Vec<Hop>,
    pub steps: Vec<Step>,
    pub attempts: Vec<Attempt>,
}

pub fn page(chrome: &Chrome, view: &View) -> Markup {
    layout(
        chrome,
        &format!("Order {}", view.name),
        html! {
            div.wrap.stack {
                (part::back("/operator/orders", "All orders"))
                header.head {
                    div {
                        h1 { (view.name) }
                        p.lead.cluster { (view.state.badge()) span { (view.who) } span { (when(view.ordered)) } }
                        p.hint { code { (view.id) } }
                    }
                }
                (split(view))
                div.order-split.trace-split {
                    section.card { h2 { "Money trace" } (trace(view)) }
                    section.card { h2 { "Timeline" } (part::steps(&view.steps)) }
                }
                section.stack-small {
                    h2 { "Attempts" }
                    @if view.attempts.is_empty() { p.soft { "No node has been asked yet." } } @else {
                        (part::table("Attempts", &COLUMNS, view.attempts.iter().map(attempt).collect()))
                    }
                }
            }
        },
    )
}

/// Where each dollar went. Adds up to what was paid.
fn split(view: &View) -> Markup {
    html! {
        dl.sum {
            div { dt { "Paid by card" } dd { (money(view.paid)) } }
            div { dt { span aria-hidden="true" { "− " } "Card fee" } dd { (money(view.card_fee)) } }
            div { dt { span aria-hidden="true" { "− " } "Grid cost so far" } dd { (money(view.grid_cost)) }
                  dd.sum-note { "of it the provider's: " (money(view.provider_share)) } }
            div.total { dt { span aria-hidden="true" { "= " } "Left" } dd { (money(view.margin)) } }
        }
    }
}

fn trace(view: &View) -> Markup {
    html! {
        @if view.hops.is_empty() { p.soft { "No money has moved yet. The first hop is the hold on the card." } }
        ol.trace {
            @for hop in &view.hops {
                li.(if hop.state == HopState::Posted { "done" } else { "todo" }) {
                    div.trace-main {
                        div {
                            p.trace-title { (hop.title) " " (hop.state.badge()) }
                            p.trace-way { span { (hop.from) } span aria-label="to" role="img" { " → " } span { (hop.to) } }
                        }
                        div.trace-amount {
                            p { strong { (hop.amount.text()) } }
                            @if let Some(worth) = hop.worth { p.hint { (worth.text()) } }
                        }
                    }
                    p.trace-ids {
                        @if let Some(at) = hop.at { (when(at)) " " }
                        @if let Some(id) = hop.transfer { code { (id) } " " }
                        @if let Some(outside) = &hop.outside { code { (outside) } }
                    }
                }
            }
        }
    }
}

const COLUMNS: [part::Column; 4] = [text("Attempt"), text("Result"), number("Contract"), text("When")];

fn attempt(attempt: &Attempt) -> Vec<Markup> {
    let tone = if attempt.ok { Tone::Good } else { Tone::Bad };
    vec![
        html! { strong { (attempt.number) ". Node " (attempt.node) } span.sub { (attempt.farm) } },
        html! { (part::badge(tone, if attempt.ok { "Worked" } else { "Failed" })) span.sub { (attempt.result) } },
        html! { @match attempt.contract { Some(contract) => (contract), None => span.soft { "–" } } },
        when(attempt.at),
    ]
}
