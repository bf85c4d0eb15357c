//! One order with its money: every hop from the card to the provider, beside the work that it paid for.

use maud::{Markup, html};
use serde::Serialize;

use super::orders::badge;
use crate::base::Time;
use crate::base::ids::{OrderId, TransferId};
use crate::base::money::{Tft, Usd};
use crate::domain::order::State;
use crate::web::page::user::swarm;
use crate::web::ui::format::{count, money, tokens, when};
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
}

impl HopState {
    fn badge(self) -> Markup {
        match self {
            HopState::Held => part::badge(Tone::Busy, "Held"),
            HopState::Posted => part::badge(Tone::Good, "Posted"),
            HopState::Voided => part::badge(Tone::Quiet, "Voided"),
            HopState::Owed => part::badge(Tone::Warn, "Owed"),
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

/// One movement of money, or several of the same kind added up.
#[derive(Debug, Clone, Serialize)]
pub struct Hop {
    pub title: String,
    /// The accounts, as the chart of accounts names them. Empty for what was not booked.
    pub debit: String,
    pub credit: String,
    pub amount: Amount,
    /// The same in dollars, at today's price.
    pub worth: Option<Usd>,
    pub state: HopState,
    /// How many transfers it is.
    pub number: usize,
    /// The moments of the first and the last of them.
    pub first: Option<Time>,
    pub last: Option<Time>,
    /// The first and, if it is another one, the last.
    pub transfers: Vec<TransferId>,
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
    /// None: it is still being tried.
    pub ok: Option<bool>,
    pub at: Time,
}

/// Where the money of one order is. Everything in dollars but what the grid took.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize)]
pub struct Sums {
    pub paid: Usd,
    pub refunded: Usd,
    /// Parts of a cent that could not go back.
    pub rounding: Usd,
    pub earned: Usd,
    pub card_fee: Usd,
    pub grid: Tft,
    pub share: Tft,
    /// What the chain itself has paid of the share.
    pub payouts: Tft,
}

impl Sums {
    /// Paid and neither used nor given back.
    pub fn unused(&self) -> Option<Usd> {
        self.paid.checked_sub(self.refunded)?.checked_sub(self.rounding)?.checked_sub(self.earned)
    }

    /// The part of the share that is ours to pay, on top of what the grid took.
    pub fn owed(&self) -> Option<Tft> {
        self.share.checked_sub(self.payouts)
    }
}

#[derive(Debug, Clone, Serialize)]
pub struct View {
    pub id: OrderId,
    pub name: String,
    pub state: State,
    pub who: String,
    /// What was asked for, part by part.
    pub asked: Vec<String>,
    pub ordered: Time,
    pub swarm: Option<swarm::Card>,
    pub sums: Sums,
    /// What the grid took and what is owed beyond it, at today's price; None while that is not known.
    pub grid_worth: Option<Usd>,
    pub owed_worth: Option<Usd>,
    /// Earned, less card fee, grid and what is owed beyond it.
    pub margin: Option<Usd>,
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
                        p.lead.cluster { (badge(view.state)) span { (view.who) } span { (when(view.ordered)) } }
                        p { (view.asked.join(" · ")) }
                        p.hint { code { (view.id) } }
                    }
                }
                @if let Some(card) = &view.swarm {
                    p.cluster { (part::badge(card.tone, &card.badge)) span { "Storage swarm: " (card.headline) } }
                }
                (split(view))
                div.order-split.trace-split {
                    section.card { h2 { "Money trace" } (trace(view)) }
                    section.card { h2 { "Timeline" } (part::steps(&view.steps)) }
                }
                section.stack-small {
                    h2 { "Attempts" }
                    @if view.attempts.is_empty() { p.soft { "No node has been asked." } } @else {
                        (part::table("Attempts", &COLUMNS, view.attempts.iter().map(attempt).collect()))
                    }
                }
            }
        },
    )
}

/// Where each dollar went: what was paid is given back, unused or earned; what was earned is spent or left.
fn split(view: &View) -> Markup {
    let sums = &view.sums;
    let unknown = || html! { span.soft { "Price unknown" } };
    let less = |name: &str, amount: Usd| {
        html! { @if amount != Usd::ZERO { div { dt { span aria-hidden="true" { "− " } (name) } dd { (money(amount)) } } } }
    };
    html! {
        dl.sum {
            div { dt { "Paid by card" } dd { (money(sums.paid)) } }
            (less("Given back", sums.refunded))
            (less("Not used yet", sums.unused().unwrap_or_default()))
            (less("Part of a cent", sums.rounding))
            div.total { dt { span aria-hidden="true" { "= " } "Earned" } dd { (money(sums.earned)) } }
            (less("Card fee", sums.card_fee))
            div { dt { span aria-hidden="true" { "− " } "Grid" } dd { @match view.grid_worth { Some(worth) => (money(worth)), None => (unknown()) } }
                  dd.sum-note { (tokens(sums.grid)) ", the provider's share of it: " (tokens(sums.share)) } }
            @if sums.owed().is_some_and(|owed| owed != Tft::ZERO) {
                div { dt { span aria-hidden="true" { "− " } "Owed to the provider" } dd { @match view.owed_worth { Some(worth) => (money(worth)), None => (unknown()) } }
                      dd.sum-note { "the chain paid " (tokens(sums.payouts)) } }
            }
            div.total { dt { span aria-hidden="true" { "= " } "Left" } dd { @match view.margin { Some(margin) => (money(margin)), None => (unknown()) } }
                        dd.sum-note { "tokens at today's price" } }
        }
    }
}

fn trace(view: &View) -> Markup {
    html! {
        @if view.hops.is_empty() { p.soft { "No money has moved yet. The first hop is the hold on the card." } }
        ol.trace { @for hop in &view.hops { (line(hop)) } }
    }
}

fn line(hop: &Hop) -> Markup {
    html! {
        li.(if hop.state == HopState::Posted { "done" } else { "todo" }) {
            div.trace-main {
                div {
                    p.trace-title { (hop.title) " " (hop.state.badge()) }
                    @if !hop.debit.is_empty() {
                        p.trace-way { span { "Debit " (hop.debit) } " " span { "Credit " (hop.credit) } }
                    }
                }
                div.trace-amount {
                    p { strong { (hop.amount.text()) } }
                    @if let Some(worth) = hop.worth { p.hint { (money(worth)) } }
                }
            }
            @if let Some(first) = hop.first {
                p.trace-when {
                    @if hop.number > 1 { (count(hop.number.try_into().unwrap_or(u64::MAX))) " transfers, " }
                    (when(first))
                    @if let Some(last) = hop.last.filter(|last| last.minute() != first.minute()) { " to " (when(last)) }
                }
            }
            p.trace-ids {
                @for id in &hop.transfers { code { (id) } " " }
                @if let Some(outside) = &hop.outside { code { (outside) } }
            }
        }
    }
}

const COLUMNS: [part::Column; 4] = [text("Attempt"), text("Result"), number("Contract"), text("When")];

fn attempt(attempt: &Attempt) -> Vec<Markup> {
    let (tone, word) = match attempt.ok {
        Some(true) => (Tone::Good, "Worked"),
        Some(false) => (Tone::Bad, "Failed"),
        None => (Tone::Busy, "Under way"),
    };
    vec![
        html! { strong { (attempt.number) ". Node " (attempt.node) } span.sub { (attempt.farm) } },
        html! { (part::badge(tone, word)) span.sub { (attempt.result) } },
        html! { @match attempt.contract { Some(contract) => (contract), None => span.soft { "–" } } },
        when(attempt.at),
    ]
}
