//! What a provider's nodes earned: both what the chain billed and what our promise makes of it.

use maud::{Markup, html};
use serde::Serialize;

use crate::base::Time;
use crate::base::ids::OrderId;
use crate::base::money::{Tft, Usd};
use crate::web::ui::chart::{self, Bar};
use crate::web::ui::format::{money, percent, tokens};
use crate::web::ui::part::{self, number, text};
use crate::web::ui::{Chrome, layout};

/// The same amount in both assets, at the rate of the day it was earned.
#[derive(Debug, Clone, Copy, Default, Serialize)]
pub struct Amount {
    pub tft: Tft,
    pub usd: Usd,
}

#[derive(Debug, Clone, Serialize)]
pub struct Row {
    pub node: u32,
    pub order: OrderId,
    pub billed: Amount,
    pub share: Amount,
    pub paid_by_chain: Amount,
    pub owed: Amount,
}

#[derive(Debug, Clone, Serialize)]
pub struct Day {
    pub at: Time,
    pub share: Amount,
}

#[derive(Debug, Clone, Serialize)]
pub struct View {
    /// Hundredths of a per cent: 5000 is half.
    pub share: u32,
    pub rule_since: Option<Time>,
    pub billed: Amount,
    pub earned: Amount,
    pub paid_by_chain: Amount,
    pub owed: Amount,
    pub rows: Vec<Row>,
    pub days: Vec<Day>,
}

pub fn page(chrome: &Chrome, view: &View) -> Markup {
    layout(
        chrome,
        "Earnings",
        html! {
            div.wrap.stack {
                (part::head(
                    "Earnings",
                    html! { "Your share is " strong { (percent(view.share)) } " of what the chain bills for deployments on your nodes." },
                    html! {},
                ))
                @if view.rows.is_empty() {
                    (part::empty(
                        "Nothing earned yet",
                        "As soon as a deployment runs on one of your nodes, every hour's bill and your share of it stand here.",
                        part::button("/provider/nodes", "Look at your nodes"),
                    ))
                    (part::card("How this is counted", rule(view)))
                } @else {
                    (figures(view))
                    div.duo.wide-left {
                        (part::card("Your share by day", days(view)))
                        (part::card("How this is counted", rule(view)))
                    }
                    (part::table("Earnings by deployment", &COLUMNS, view.rows.iter().map(row).collect()))
                }
            }
        },
    )
}

fn figures(view: &View) -> Markup {
    let figure = |name, amount: Amount, note: &str| {
        part::figure(name, html! { (tokens(amount.tft)) }, html! { (money(amount.usd)) br; (note) })
    };
    html! {
        div.figures {
            (figure("Billed by the chain", view.billed, "For your nodes, after discounts."))
            (figure("Your share", view.earned, "What we promise you of it."))
            (figure("Paid by the chain", view.paid_by_chain, "Already in your account there."))
            (figure("Still owed to you", view.owed, "Your share without what is paid."))
        }
    }
}

fn days(view: &View) -> Markup {
    let bars: Vec<Bar> = view
        .days
        .iter()
        .map(|day| Bar { label: short_day(day.at), value: day.share.tft.units(), text: tokens(day.share.tft) })
        .collect();
    chart::bars("Your share by day, in TFT", &bars)
}

/// `11-21`: the day without its year, to fit below a column.
fn short_day(at: Time) -> String {
    at.date().split_once('-').map_or_else(String::new, |(_, day)| day.to_owned())
}

const COLUMNS: [part::Column; 5] =
    [text("Node and order"), number("Billed"), number("Your share"), number("Paid by the chain"), number("Still owed")];

fn row(row: &Row) -> Vec<Markup> {
    let amount = |amount: Amount| html! { (tokens(amount.tft)) span.sub { (money(amount.usd)) } };
    vec![
        html! { strong { "Node " (row.node) } span.sub { code { (row.order) } } },
        amount(row.billed),
        amount(row.share),
        amount(row.paid_by_chain),
        amount(row.owed),
    ]
}

fn rule(view: &View) -> Markup {
    html! {
        p {
            "Every hour the chain bills each deployment. Your share is " (percent(view.share)) " of that bill, after the discount, \
             and never of the price a user pays"
            @if let Some(since) = view.rule_since { "; this rule holds since " (since.day()) }
            "."
        }
        p { "The chain itself sends a part of each bill to the farmer. That part counts towards your share; the rest is owed by us, \
             and stays in our books until it is paid." }
    }
}
