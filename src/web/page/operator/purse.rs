//! The operator's tokens: what they are needed for, how long they last, what each contract costs, and what more would change.

use maud::{Markup, html};
use serde::Serialize;

use super::overview::{Runway, days_text, lasts_text, runway_alarm};
use super::simulator;
use crate::base::Time;
use crate::base::ids::OrderId;
use crate::base::money::{Tft, Usd};
use crate::web::ui::format::{about, about_tokens, ago, count, day, money, tokens};
use crate::web::ui::part::{self, Pager, Tone, number, text};
use crate::web::ui::{Chrome, layout};

/// Tokens, and what they are worth at the price that the chain bills with.
#[derive(Debug, Clone, Copy, Default, Serialize)]
pub struct Amount {
    pub tft: Tft,
    pub worth: Usd,
}

/// The grid's list prices for an hour.
#[derive(Debug, Clone, Default, Serialize)]
pub struct Tariff {
    pub compute: Usd,
    pub storage: Usd,
    pub traffic: Usd,
    pub address: Usd,
    pub name: Usd,
    pub dedicated_percent: u32,
}

/// A token's price in thousandths of a dollar.
#[derive(Debug, Clone, Default, Serialize)]
pub struct Price {
    pub musd: u32,
    pub average: u32,
    pub least: u32,
    pub most: u32,
    pub set: Option<Time>,
}

/// One level: as the chain bills it, and as the public pages show it.
#[derive(Debug, Clone, Serialize)]
pub struct Level {
    pub name: String,
    pub half_months: u32,
    pub percent_off: u32,
    /// Months and percent; None for the one without a discount.
    pub published: Option<(u32, u32)>,
}

#[derive(Debug, Clone, Default, Serialize)]
pub struct Sums {
    pub free: Amount,
    pub kept: Amount,
    pub usable: Amount,
    pub reserved: Amount,
    /// Billed and not paid, because there was too little.
    pub owed: Amount,
    pub beside: Amount,
    /// A month of everything that runs: as billed, and at list price.
    pub month: Amount,
    pub list_month: Amount,
    /// What all paid time costs to its end: at today's levels, and without any discount.
    pub needed: Amount,
    pub needed_at_list: Amount,
    /// How long it lasts if levels stayed as they are, in days.
    pub simple_days: Option<u64>,
}

/// What a top-up would do.
#[derive(Debug, Clone, Serialize)]
pub struct Lift {
    pub level: String,
    pub missing: Amount,
    /// A month less.
    pub saves: Amount,
}

/// One running contract.
#[derive(Debug, Clone, Serialize)]
pub struct Row {
    pub contract: u64,
    pub node: u32,
    pub order: OrderId,
    pub name: String,
    /// The node has put it to sleep: it was not paid.
    pub paused: bool,
    pub owed: Tft,
    /// At list price.
    pub list_hour: Amount,
    pub list_month: Amount,
    pub level: String,
    pub percent_off: u32,
    /// Months that the balance would pay for, in tenths.
    pub held_tenths: u64,
    pub hour: Amount,
    pub month: Amount,
    /// The last bill and the level it was made at.
    pub last: Option<(Tft, String)>,
    pub next: Option<Lift>,
    pub paid_until: Option<Time>,
    /// What its paid time costs to the end, and whether the tokens last as long.
    pub to_end: Tft,
    pub carried: bool,
}

/// How providers are paid.
#[derive(Debug, Clone, Default, Serialize)]
pub struct Share {
    pub of_list: bool,
    pub percent: u32,
    pub since: Option<Time>,
    /// When the rule changes: from then on, of list or of what is billed, how many percent.
    pub next: Option<(Time, bool, u32)>,
    /// A month of it by either basis.
    pub by_billed: Amount,
    pub by_list: Amount,
    /// What the chain itself gives farmers of its bills: percent, and a month of it.
    pub farmer_percent: u32,
    pub by_chain: Amount,
    /// In the books: promised so far, paid of it by the chain, still owed.
    pub promised: Amount,
    pub paid: Amount,
    pub owed: Amount,
}

/// What the chain last told.
#[derive(Debug, Clone, Serialize)]
pub struct Told {
    pub block: u32,
    pub at: Time,
    pub tariff: Tariff,
    pub price: Price,
    pub levels: Vec<Level>,
    pub table_since: Option<Time>,
    /// The most that the published table takes off public addresses and traffic, in percent.
    pub network_percent: u32,
    pub runway: Runway,
    pub sums: Sums,
    pub lowest: Option<u64>,
    pub lifts: Vec<Lift>,
    pub contracts: usize,
    pub rows: Vec<Row>,
    pub pager: Pager,
    pub share: Share,
}

#[derive(Debug, Clone, Serialize)]
pub struct View {
    /// None: the chain has told nothing since the start.
    pub told: Option<Told>,
    /// Whether the chain answered at the last time of asking.
    pub answers: bool,
    pub simulator: simulator::View,
    pub now: Time,
}

pub fn page(chrome: &Chrome, view: &View) -> Markup {
    layout(
        chrome,
        "Purse",
        html! {
            div.wrap.stack {
                (part::head(
                    "Purse",
                    html! {
                        @match &view.told {
                            Some(told) => { "As of block " (count(told.block.into())) ", " (ago(told.at, view.now)) ". What the chain bills, and what it would bill if more were held." }
                            None => "What the chain bills, and what it would bill if more were held.",
                        }
                    },
                    html! {},
                ))
                div.alarms {
                    @if !view.answers {
                        p.flash.bad role="alert" { span { strong { "The chain does not answer. " } "These are the last known figures; it goes on billing." } }
                    }
                    @if let Some(told) = &view.told { (runway_alarm(Some(&told.runway))) }
                }
                @match &view.told {
                    Some(told) => (told_part(told, view.now)),
                    None => {
                        (part::empty(
                            "Nothing known yet",
                            "The chain has told nothing since the start. This page fills by itself as soon as it answers.",
                            html! { a.btn.quiet href="/operator/purse" { "Look again" } },
                        ))
                    }
                }
                (simulator::card(&view.simulator))
            }
        },
    )
}

fn told_part(told: &Told, now: Time) -> Markup {
    let sums = &told.sums;
    html! {
        div.figures {
            (part::figure("Spendable", html! { (about_tokens(sums.usable.tft)) }, html! { (about(sums.usable.worth)) " at the chain's price" }))
            (part::figure("Lasts", html! { (lasts_text(told.runway.days)) }, html! {
                "With levels falling as it shrinks"
                @if let Some(days) = sums.simple_days { "; " (lasts_text(Some(days))) " at today's" }
            }))
            (part::figure("A month's bills", html! { (about_tokens(sums.month.tft)) }, html! {
                (about(sums.month.worth)) "; at list price " (about_tokens(sums.list_month.tft))
            }))
            (part::figure("Paid time", html! { (if sums.usable.tft >= sums.needed.tft { "Covered" } else { "Not covered" }) }, html! {
                "Needs " (about_tokens(sums.needed.tft)) " to its end"
            }))
        }
        div.duo {
            (part::card("What is there", holdings(told)))
            (part::card("What more would do", planner(told)))
        }
        section.stack-small {
            h2 { "What runs" }
            (contracts(told, now))
        }
        div.duo {
            (part::card("Providers", providers(told)))
            (part::card("The grid's prices", prices(told, now)))
        }
        (part::card("Discount levels", levels(told)))
    }
}

fn both(amount: Amount) -> Markup {
    html! { (tokens(amount.tft)) span.sub { (about(amount.worth)) } }
}

fn holdings(told: &Told) -> Markup {
    let sums = &told.sums;
    let mut facts = vec![
        ("In the account", both(sums.free)),
        ("Kept by the chain", html! { (tokens(sums.kept.tft)) span.sub { "Frozen, or the least that an account must have" } }),
        ("Spendable", both(sums.usable)),
        ("Set aside", html! { (tokens(sums.reserved.tft)) span.sub { "Billed, and paid out once a day" } }),
        (
            "Owed",
            html! { (tokens(sums.owed.tft)) @if sums.owed.tft > Tft::ZERO { span.sub { "Billed when there was too little: taken first from what comes in" } } },
        ),
    ];
    if sums.beside.tft > Tft::ZERO {
        facts.push((
            "Held beside",
            html! { (tokens(sums.beside.tft)) span.sub { "Another account of ours: counts for the discount, pays nothing" } },
        ));
    }
    facts.push((
        "Paid time",
        html! {
            (tokens(sums.needed.tft))
            span.sub {
                "What customers have paid for and not had, to its end. "
                @match sums.usable.tft.checked_sub(sums.needed.tft) {
                    Some(rest) if rest >= Tft::ZERO => { "Covered; " (about_tokens(rest)) " are beyond it." }
                    Some(short) => { strong { "Short by " (about_tokens(Tft::from_units(short.units().saturating_neg()))) "." } }
                    None => "",
                }
                " Without any discount " (about_tokens(sums.needed_at_list.tft)) ": "
                (if sums.usable.tft >= sums.needed_at_list.tft { "covered too." } else { "not covered." })
            }
        },
    ));
    facts.push((
        "Sales floor",
        html! {
            @match told.runway.floor_days {
                0 => "None: new orders are always taken",
                days => { (days_text(days)) ", " (if told.runway.sells { "kept" } else { "not kept: new orders are refused" }) }
            }
        },
    ));
    part::facts(facts)
}

fn planner(told: &Told) -> Markup {
    html! {
        @match (&told.lowest, told.lifts.first()) {
            (None, _) => p.soft { "Nothing runs, so nothing can be made cheaper." },
            (Some(_), None) => p { "Every contract is at the highest level. More tokens would only last longer." },
            (Some(lowest), Some(next)) => {
                p {
                    strong { (tokens(next.missing.tft)) " more" }
                    " lifts the lowest contract, " (lowest) ", to " (next.level)
                    @if next.saves.tft > Tft::ZERO { " and saves " (about_tokens(next.saves.tft)) " (" (about(next.saves.worth)) ") a month." }
                    @else { "; it saves less than a unit." }
                }
                (part::table(
                    "What each level needs",
                    &[text("Every contract at"), number("Missing"), number("Saves a month")],
                    told.lifts.iter().map(|lift| vec![
                        html! { strong { (lift.level) } },
                        html! { (tokens(lift.missing.tft)) span.sub { (about(lift.missing.worth)) } },
                        html! { (about_tokens(lift.saves.tft)) span.sub { (about(lift.saves.worth)) } },
                    ]).collect(),
                ))
                p.soft { "The chain measures each contract against the whole balance, so the dearest one decides. Bills that are set aside lower the balance all day: keep a tenth more." }
            }
        }
    }
}

fn contracts(told: &Told, now: Time) -> Markup {
    html! {
        @if told.contracts == 0 {
            (part::empty(
                "Nothing runs",
                "No contract of ours is on the chain. The first order changes that.",
                part::button("/operator/orders", "See the orders"),
            ))
        } @else if told.rows.is_empty() {
            (part::empty(
                "No contracts here",
                "There is nothing on this page of the list. Go back to its beginning.",
                part::button("/operator/purse", "Show the first"),
            ))
        } @else {
            (part::table("Running contracts", &COLUMNS, told.rows.iter().map(|line| row(line, now)).collect()))
            (part::pager_saying("← Before", "After →", &told.pager))
        }
    }
}

const COLUMNS: [part::Column; 6] =
    [text("Contract"), number("List price"), text("Level"), number("Billed"), text("Next level"), text("Paid time")];

fn row(row: &Row, now: Time) -> Vec<Markup> {
    vec![
        html! {
            strong { (row.contract) } " on node " (row.node)
            span.sub { a href={ "/operator/orders/" (row.order) } { (row.name) } }
            @if row.paused { (part::badge(Tone::Bad, "Asleep")) }
            @if row.owed > Tft::ZERO { span.sub { "Owes " (tokens(row.owed)) } }
        },
        html! {
            (money(row.list_hour.worth)) " an hour"
            span.sub { (tokens(row.list_hour.tft)) }
            span.sub { (about(row.list_month.worth)) ", " (about_tokens(row.list_month.tft)) " a month" }
        },
        html! {
            (part::badge(tone(row.percent_off), &row.level))
            span.sub { (row.percent_off) " % off; " (held(row.held_tenths)) " held" }
        },
        html! {
            (tokens(row.hour.tft)) " an hour"
            span.sub { (about(row.month.worth)) ", " (about_tokens(row.month.tft)) " a month" }
            @if let Some((amount, level)) = &row.last { span.sub { "Last bill " (tokens(*amount)) " at " (level) } }
        },
        html! {
            @match &row.next {
                Some(next) => {
                    (next.level) ": " (about_tokens(next.missing.tft)) " more"
                    span.sub { "saves " (about(next.saves.worth)) " a month" }
                }
                None => span.soft { "Highest" },
            }
        },
        html! {
            @match row.paid_until {
                Some(until) => {
                    (part::span(until.since(now))) " left"
                    span.sub { (about_tokens(row.to_end)) " to its end" }
                    @if row.carried { (part::badge(Tone::Good, "Carried")) } @else { (part::badge(Tone::Bad, "Not carried")) }
                }
                None => span.soft { "None" },
            }
        },
    ]
}

fn tone(percent_off: u32) -> Tone {
    match percent_off {
        0 => Tone::Quiet,
        1..40 => Tone::Busy,
        _ => Tone::Good,
    }
}

/// `18.2 months`
fn held(tenths: u64) -> String {
    match tenths {
        10_000.. => "over a thousand months".into(),
        _ => format!("{}.{} months", tenths / 10, tenths % 10),
    }
}

fn providers(told: &Told) -> Markup {
    let share = &told.share;
    let basis = |of_list: bool| if of_list { "the list price" } else { "what is billed" };
    html! {
        p {
            "Providers get " strong { (share.percent) " % of " (basis(share.of_list)) }
            @match share.since { Some(since) => { ", since " (day(since)) "." }, None => ", since the beginning." }
            @match share.next {
                Some((from, of_list, percent)) => { " From " (day(from)) " on it is " (percent) " % of " (basis(of_list)) "." }
                None => " No change is set.",
            }
        }
        (part::facts(vec![
            ("By what is billed", html! { (about_tokens(share.by_billed.tft)) " a month" @if !share.of_list { " " (part::badge(Tone::Good, "In force")) } span.sub { (about(share.by_billed.worth)) } }),
            ("By list price", html! { (about_tokens(share.by_list.tft)) " a month" @if share.of_list { " " (part::badge(Tone::Good, "In force")) } span.sub { (about(share.by_list.worth)) } }),
            ("By the chain itself", html! {
                (about_tokens(share.by_chain.tft)) " a month"
                span.sub { (share.farmer_percent) " % of each bill goes to the farmer's account by the chain's own rule, once a day. It counts towards the share." }
            }),
            ("Promised so far", both(share.promised)),
            ("Paid by the chain", both(share.paid)),
            ("Still to be paid", both(share.owed)),
        ]))
    }
}

fn prices(told: &Told, now: Time) -> Markup {
    let (tariff, price) = (&told.tariff, &told.price);
    html! {
        (part::facts(vec![
            ("A token", html! {
                (musd(price.musd))
                span.sub {
                    @match price.set { Some(set) => { "Told " (ago(set, now)) "; " }, None => "" }
                    "average " (musd(price.average)) ", kept from " (musd(price.least)) " to " (musd(price.most))
                }
            }),
            ("Unit of compute", html! { (money(tariff.compute)) " an hour" }),
            ("Unit of storage", html! { (money(tariff.storage)) " an hour" }),
            ("Public traffic", html! { (money(tariff.traffic)) " a gigabyte" }),
            ("Public IPv4", html! { (money(tariff.address)) " an hour" }),
            ("Name of one's own", html! { (money(tariff.name)) " an hour" }),
            ("A whole node", html! { (tariff.dedicated_percent) " % of its list price" }),
        ]))
    }
}

/// `$0.010` for ten thousandths of a dollar.
fn musd(musd: u32) -> String {
    format!("${}.{:03}", count((musd / 1000).into()), musd % 1000)
}

fn levels(told: &Told) -> Markup {
    let rows = told.levels.iter().map(|level| {
        vec![
            html! { strong { (level.name) } },
            html! { (half(level.half_months)) },
            html! { (level.percent_off) " %" },
            html! { @match level.published { Some((months, _)) => { (months) " months" }, None => "–" } },
            html! { @match level.published { Some((_, percent)) => { (percent) " %" }, None => "–" } },
        ]
    });
    let columns =
        [text("Level"), number("The chain: from"), number("takes off"), number("Public pages: from"), number("take off")];
    html! {
        p.soft {
            "A level begins when the balance would pay for so many months of a contract at list price. The chain's own figures are what is \
             billed, for addresses and traffic too. The public pages say otherwise"
            @if let Some(since) = told.table_since { " (as of " (day(since)) ")" }
            ", and at most " (told.network_percent) " % off addresses and traffic; nothing is booked by them."
        }
        (part::table("Discount levels", &columns, rows.collect()))
    }
}

fn half(half_months: u32) -> String {
    match half_months {
        0 => "–".into(),
        even if even.is_multiple_of(2) => format!("{} months", even / 2),
        odd => format!("{}.5 months", odd / 2),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn months_and_prices_are_written_out() {
        assert_eq!((half(3), half(36), half(0)), ("1.5 months".into(), "18 months".into(), "–".into()));
        assert_eq!((musd(10), musd(1000), musd(1_234_567)), ("$0.010".into(), "$1.000".into(), "$1,234.567".into()));
        assert_eq!(
            (held(182), held(9), held(u64::MAX)),
            ("18.2 months".into(), "0.9 months".into(), "over a thousand months".into())
        );
    }
}
