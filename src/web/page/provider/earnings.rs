//! What a provider's nodes earned: both what the chain billed and what our promise makes of it.

use maud::{Markup, html};
use serde::Serialize;

use crate::base::Time;
use crate::base::ids::OrderId;
use crate::base::money::{Tft, Usd};
use crate::web::ui::chart::{self, Bar};
use crate::web::ui::format::{about, about_text, about_tokens, count, money, percent, tokens, when};
use crate::web::ui::part::{self, Pager, number, text};
use crate::web::ui::{Chrome, layout};

/// Tokens, and what they are worth at today's price if that is known.
#[derive(Debug, Clone, Copy, Default, Serialize)]
pub struct Amount {
    pub tft: Tft,
    pub worth: Option<Usd>,
}

#[derive(Debug, Clone, Serialize)]
pub struct Row {
    pub node: u32,
    /// None: all that ran on the node.
    pub order: Option<OrderId>,
    pub billed: Amount,
    pub share: Amount,
    pub bills: u64,
    /// The last of them.
    pub last: Time,
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
    /// The share is taken of the undiscounted price and not of the bill.
    pub of_list: bool,
    /// All that was ever earned, and what became of it.
    pub earned: Amount,
    pub paid_by_chain: Amount,
    pub owed: Amount,
    /// By node, all that it ever earned.
    pub nodes: Vec<Row>,
    pub nodes_pager: Pager,
    /// By node and deployment.
    pub rows: Vec<Row>,
    pub pager: Pager,
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
                    html! { "Your share is " strong { (percent(view.share)) } " of what the chain bills for deployments on your nodes"
                           @if view.of_list { ", before any discount" } "." },
                    html! {},
                ))
                @if view.rows.is_empty() && view.earned.tft == Tft::default() {
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
                    section.stack {
                        h2 { "By node" }
                        (part::table("Earnings by node", &NODES, view.nodes.iter().map(row).collect()))
                        (part::pager_saying("← From the first", "Next →", &view.nodes_pager))
                    }
                    section.stack {
                        h2 { "By deployment" }
                        (part::table("Earnings by deployment", &COLUMNS, view.rows.iter().map(row).collect()))
                        (part::pager_saying("← From the first", "Next →", &view.pager))
                    }
                    p.hint { "Both count every bill since the first." }
                }
            }
        },
    )
}

fn figures(view: &View) -> Markup {
    let figure = |name, amount: Amount, note: &str| {
        part::figure(
            name,
            html! { (about_tokens(amount.tft)) },
            html! { @if let Some(worth) = amount.worth { (about(worth)) " at today's price" br; } (note) },
        )
    };
    html! {
        div.figures {
            (figure("Your share", view.earned, "All that your nodes have earned."))
            (figure("Paid by the chain", view.paid_by_chain, "Already in your account there."))
            (figure("Still owed to you", view.owed, "Your share without what is paid."))
        }
    }
}

fn days(view: &View) -> Markup {
    let bars: Vec<Bar> = view
        .days
        .iter()
        .map(|day| Bar {
            label: short_day(day.at),
            value: day.share.tft.units(),
            text: about_text(day.share.tft.units(), |units| tokens(Tft::from_units(units))),
        })
        .collect();
    chart::bars("Your share by day, in TFT", &bars)
}

/// `11-21`: the day without its year, to fit below a column.
fn short_day(at: Time) -> String {
    at.date().split_once('-').map_or_else(String::new, |(_, day)| day.to_owned())
}

const NODES: [part::Column; 4] = [text("Node"), number("Bills"), number("Billed"), number("Your share")];
const COLUMNS: [part::Column; 4] = [text("Node and order"), number("Bills"), number("Billed"), number("Your share")];

fn row(row: &Row) -> Vec<Markup> {
    let amount =
        |amount: Amount| html! { (tokens(amount.tft)) @if let Some(worth) = amount.worth { span.sub { (money(worth)) } } };
    vec![
        html! {
            @match row.order {
                Some(order) => { strong { "Node " (row.node) } span.sub { code { (order) } } }
                None => a.row-link href={ "/provider/nodes/" (row.node) } { "Node " (row.node) },
            }
        },
        html! { (count(row.bills)) span.sub { "Last: " (when(row.last)) } },
        amount(row.billed),
        amount(row.share),
    ]
}

fn rule(view: &View) -> Markup {
    html! {
        p {
            "Every hour the chain bills each deployment. Your share is " (percent(view.share)) " of that bill, "
            @if view.of_list { "as it would be without our discount, " } @else { "after the discount, " }
            "and never of the price a user pays"
            @if let Some(since) = view.rule_since { "; this rule holds since " (since.day()) }
            "."
        }
        p { "The chain itself sends a part of each bill to the farmer. That part counts towards your share; the rest is owed by us, \
             and stays in our books until it is paid." }
    }
}
