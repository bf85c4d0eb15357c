//! The chart of accounts with its balances, and whether the journal agrees with them.

use maud::{Markup, html};
use serde::Serialize;

use super::overview::JournalCheck;
use crate::base::Time;
use crate::base::money::{Tft, Usd};
use crate::web::ui::format::{ago, count, money, tokens};
use crate::web::ui::part::{self, Pager, number, text};
use crate::web::ui::{Chrome, layout};

#[derive(Debug, Clone, Copy, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Balance {
    Usd { posted: Usd, held: Usd },
    Tft { posted: Tft, held: Tft },
}

#[derive(Debug, Clone, Serialize)]
pub struct Account {
    /// As the chart writes it: `asset:card-processor:usd`.
    pub name: String,
    /// What it is for, in a few words.
    pub about: &'static str,
    pub balance: Balance,
}

#[derive(Debug, Clone, Serialize)]
pub struct View {
    pub accounts: Vec<Account>,
    pub check: Option<JournalCheck>,
    pub pager: Pager,
    pub now: Time,
}

pub fn page(chrome: &Chrome, view: &View) -> Markup {
    layout(
        chrome,
        "Ledger",
        html! {
            div.wrap.stack {
                (part::head("Ledger", html! { "Every amount is in exactly one account. Each asset adds up to zero." }, html! {}))
                (check(view))
                @if view.accounts.is_empty() {
                    (part::empty(
                        "No money has moved yet",
                        "Accounts appear with the first transfer. An order brings it.",
                        part::button("/order", "Place an order"),
                    ))
                } @else {
                    (part::table("Accounts", &COLUMNS, view.accounts.iter().map(row).collect()))
                    (part::pager_saying("← Before", "After →", &view.pager))
                }
            }
        },
    )
}

fn check(view: &View) -> Markup {
    html! {
        @match &view.check {
            None => p.flash.notice { span { "The journal has not been checked since the start. It is checked every night." } },
            Some(JournalCheck { problem: Some(problem), at, .. }) => p.flash.bad role="alert" {
                span { strong { "The journal does not agree. " } (problem) " Found " (ago(*at, view.now)) "." }
            },
            Some(check) => p.flash.good {
                span { strong { "The journal agrees. " } (count(check.transfers)) " transfers recomputed " (ago(check.at, view.now)) "." }
            },
        }
    }
}

const COLUMNS: [part::Column; 3] = [text("Account"), number("Balance"), number("Held")];

fn row(account: &Account) -> Vec<Markup> {
    let (posted, held) = match account.balance {
        Balance::Usd { posted, held } => (money(posted), (held != Usd::ZERO).then(|| money(held))),
        Balance::Tft { posted, held } => (tokens(posted), (held != Tft::ZERO).then(|| tokens(held))),
    };
    vec![
        html! { code { (account.name) } span.sub { (account.about) } },
        html! { (posted) },
        html! { @match held { Some(held) => (held), None => span.soft { "–" } } },
    ]
}
