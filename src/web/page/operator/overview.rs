//! The whole instance on one screen: is money right, is work done, is the grid there?

use maud::{Markup, html};
use serde::Serialize;

use super::orders::slug;
use crate::base::Time;
use crate::base::money::{Tft, Usd};
use crate::domain::order::State;
use crate::domain::watch::MARKS;
use crate::web::ui::chart::{self, Bar};
use crate::web::ui::form;
use crate::web::ui::format::{about, about_text, about_tokens, ago, count, money, when};
use crate::web::ui::part::{self, Tone};
use crate::web::ui::{Chrome, layout};

#[derive(Debug, Clone, Serialize)]
pub struct Wallet {
    pub balance: Tft,
    /// None: the token's price is not known.
    pub worth: Option<Usd>,
    /// None: the chain has not told yet.
    pub runway: Option<Runway>,
    /// The balance over the last days, the oldest first; may be empty.
    pub trend: Vec<Tft>,
}

/// How long the tokens carry what runs.
#[derive(Debug, Clone, Copy, Serialize)]
pub struct Runway {
    /// None: nothing runs.
    pub days: Option<u64>,
    /// New orders are taken.
    pub sells: bool,
    /// Below it they are not; 0: they always are.
    pub floor_days: u64,
}

/// Tokens, and what they are worth at today's price if that is known.
#[derive(Debug, Clone, Copy, Default, Serialize)]
pub struct Tokens {
    pub tft: Tft,
    pub worth: Option<Usd>,
}

#[derive(Debug, Clone, Copy, Default, Serialize)]
pub struct Jobs {
    pub waiting: u64,
    pub parked: u64,
}

/// The last time the whole journal was recomputed.
#[derive(Debug, Clone, Serialize)]
pub struct JournalCheck {
    pub at: Time,
    pub transfers: u64,
    /// None: everything agrees.
    pub problem: Option<String>,
}

#[derive(Debug, Clone, Serialize)]
pub struct Grid {
    /// `local`, `main`, `test` …
    pub network: String,
    pub reachable: bool,
    /// The newest finalized block and its moment.
    pub block: Option<(u32, Time)>,
    pub nodes_up: usize,
    pub nodes: usize,
    /// When the index told of them.
    pub told: Option<Time>,
    /// The version of the chain's runtime, once it was asked.
    pub runtime: Option<u32>,
    /// Whether nodes will take what we send. None: the identity service has not said.
    pub verified: Option<bool>,
    /// Of the wallet.
    pub address: String,
}

/// A node that carries deployments and should not be relied on.
#[derive(Debug, Clone, Serialize)]
pub struct AtRisk {
    pub node: u32,
    /// `is down`
    pub trouble: &'static str,
    pub deployments: u32,
}

/// Work on a node that carries deployments.
#[derive(Debug, Clone, Serialize)]
pub struct Planned {
    pub node: u32,
    pub starts: Time,
    pub ends: Time,
    pub deployments: u32,
}

#[derive(Debug, Clone, Serialize)]
pub struct OrderCount {
    pub state: State,
    pub number: u64,
    /// There are more than were counted.
    pub more: bool,
}

#[derive(Debug, Clone, Serialize)]
pub struct Day {
    pub at: Time,
    pub revenue: Usd,
}

#[derive(Debug, Clone, Serialize)]
pub struct View {
    pub orders: Vec<OrderCount>,
    pub revenue: Usd,
    pub card_fees: Usd,
    /// What the chain billed, the promised shares and what of them the chain has paid itself.
    pub grid_cost: Tokens,
    pub provider_share: Tokens,
    pub chain_payouts: Tokens,
    /// None: the token's price is not known.
    pub margin: Option<Usd>,
    pub days: Vec<Day>,
    pub wallet: Wallet,
    pub jobs: Jobs,
    /// None: it has not been checked since the start.
    pub journal: Option<JournalCheck>,
    /// The newest blocks that could not be read, from and to: their bills are in nobody's books.
    pub unread: Option<(u32, u32)>,
    /// Why no order is taken, a sentence each.
    pub obstacles: Vec<String>,
    /// What else should be known of the grid, a sentence each.
    pub warnings: Vec<String>,
    pub grid: Grid,
    /// Nodes that carry something of ours and are in trouble.
    pub at_risk: Vec<AtRisk>,
    /// Work that providers have announced for nodes that carry something of ours, the next first.
    pub maintenance: Vec<Planned>,
    /// Whether time can be moved here.
    pub clock: bool,
    pub now: Time,
}

pub fn page(chrome: &Chrome, view: &View) -> Markup {
    layout(
        chrome,
        "Overview",
        html! {
            div.wrap.stack {
                (part::head("Overview", html! { (when(view.now)) }, html! {}))
                div.alarms { (alarms(view)) }
                div.figures {
                    (part::figure("Revenue", html! { (about(view.revenue)) }, html! { "Hours that customers used, all time" }))
                    (part::figure("Grid cost", worth(view.grid_cost), html! { (about_tokens(view.grid_cost.tft)) " billed by the chain" }))
                    (part::figure("Provider share", worth(view.provider_share), html! {
                        (about_tokens(view.provider_share.tft)) ", of it paid by the chain: " (about_tokens(view.chain_payouts.tft))
                    }))
                    (part::figure("Margin", html! { (known(view.margin)) }, html! {
                        "After " (about(view.card_fees)) " of card fees; tokens at today's price"
                    }))
                }
                div.duo.wide-left {
                    (part::card("Revenue by day", days(view)))
                    (part::card("Orders", orders(view)))
                }
                div.trio {
                    (part::card("Wallet", wallet(&view.wallet, &view.grid.address)))
                    (part::card("Grid", grid(view)))
                    (part::card("Work and books", work(view)))
                }
                @if view.clock { (local_clock(chrome, view.now)) }
            }
        },
    )
}

/// Nodes in trouble that are named; the others are counted.
const RISKS_SHOWN: usize = 8;

pub(super) fn lasts_text(days: Option<u64>) -> String {
    match days {
        None => "Nothing is running".into(),
        Some(3650..) => "More than ten years".into(),
        Some(days) => days_text(days),
    }
}

/// What an operator has to act on, above everything else.
fn alarms(view: &View) -> Markup {
    html! {
        @for obstacle in &view.obstacles {
            p.flash.bad role="alert" { span { strong { "New orders are off. " } (obstacle) } }
        }
        @for warning in &view.warnings {
            p.flash.notice { span { (warning) } }
        }
        @if let Some((from, to)) = view.unread {
            p.flash.bad role="alert" {
                span {
                    strong { "Bills are missing in the books. " }
                    "The chain had forgotten blocks " (from) " to " (to) " before they were read. What they billed shows as fees of the chain; "
                    "the providers' share of it has to be settled by hand."
                }
            }
        }
        @if let Some(problem) = view.journal.as_ref().and_then(|check| check.problem.as_ref()) {
            p.flash.bad role="alert" { span { strong { "The books do not agree. " } (problem) " " a href="/operator/accounts" { "Look at the ledger" } } }
        }
        @if view.jobs.parked > 0 {
            p.flash.notice { span {
                strong { (view.jobs.parked) @if view.jobs.parked == 1 { " job is" } @else { " jobs are" } " parked. " }
                "It was tried as often as it may be and needs you. " a href="/operator/jobs?state=parked" { "See what is wrong" }
            } }
        }
        @if !view.at_risk.is_empty() {
            p.flash.bad role="alert" { span {
                strong { (count(view.at_risk.iter().map(|risk| u64::from(risk.deployments)).sum())) " running deployments are at risk. " }
                @for risk in view.at_risk.iter().take(RISKS_SHOWN) { "Node " (risk.node) " " (risk.trouble) " (" (count(risk.deployments.into())) "). " }
                @if view.at_risk.len() > RISKS_SHOWN { "And " (count((view.at_risk.len() - RISKS_SHOWN) as u64)) " more nodes." }
            } }
        }
        @if !view.maintenance.is_empty() {
            p.flash.notice { span {
                strong { "Providers will work on nodes that carry deployments. " }
                @for work in view.maintenance.iter().take(RISKS_SHOWN) {
                    "Node " (work.node) ": " (when(work.starts)) " to " (when(work.ends)) " (" (count(work.deployments.into())) "). "
                }
                @if view.maintenance.len() > RISKS_SHOWN { "And " (count((view.maintenance.len() - RISKS_SHOWN) as u64)) " more. " }
                "Their owners were told."
            } }
        }
        (runway_alarm(view.wallet.runway.as_ref()))
        @if !view.grid.reachable {
            p.flash.bad role="alert" { span { strong { "The grid does not answer. " } "New orders wait; running deployments go on." } }
        }
    }
}

/// How long the tokens last, where that needs an operator.
pub(super) fn runway_alarm(runway: Option<&Runway>) -> Markup {
    let low = |days: u64| days < MARKS[0];
    html! {
        @if let Some(runway) = runway {
            @if !runway.sells {
                p.flash.bad role="alert" { span {
                    strong { "New orders are refused. " }
                    @match runway.days {
                        Some(days) => {
                            "The tokens carry what runs, and the smallest plan beside it, for less than " (days_text(runway.floor_days))
                            ": " (days_text(days)) " are left. Running deployments go on until nothing is left. "
                        }
                        None => { "There are too few tokens to carry even the smallest plan for " (days_text(runway.floor_days)) ". " }
                    }
                    a href="/operator/purse" { "See what a top-up needs" }
                } }
            } @else if let Some(days) = runway.days.filter(|days| low(*days)) {
                p.flash.notice { span {
                    strong { "The tokens get short: " (days_text(days)) " are left. " }
                    "Top up before running deployments are at risk. "
                    a href="/operator/purse" { "See what a top-up needs" }
                } }
            }
        }
    }
}

pub(super) fn days_text(days: u64) -> String {
    format!("{} day{}", count(days), if days == 1 { "" } else { "s" })
}

/// An amount that depends on a price we may not have heard yet.
fn known(amount: Option<Usd>) -> Markup {
    html! { @match amount { Some(amount) => (about(amount)), None => "Price unknown" } }
}

fn worth(amount: Tokens) -> Markup {
    html! { @match amount.worth { Some(worth) => (about(worth)), None => (about_tokens(amount.tft)) } }
}

fn days(view: &View) -> Markup {
    let bars: Vec<Bar> = view
        .days
        .iter()
        .map(|day| Bar {
            label: day.at.date().split_once('-').map_or_else(String::new, |(_, day)| day.to_owned()),
            value: day.revenue.units(),
            text: about_text(day.revenue.units(), |units| money(Usd::from_units(units))),
        })
        .collect();
    html! {
        @if bars.is_empty() { p.soft { "No hour has been used yet. The first order changes that." } } @else {
            (chart::bars("Revenue by day, in US dollars", &bars))
        }
    }
}

fn orders(view: &View) -> Markup {
    let all = view.orders.iter().map(|count| count.number).sum::<u64>();
    html! {
        @if all == 0 { p.soft { "None yet. " a href="/order" { "Place the first one yourself" } " to see the whole path." } } @else {
            ul.tally {
                @for line in view.orders.iter().filter(|line| line.number > 0) {
                    li {
                        a href={ "/operator/orders?state=" (slug(line.state)) } { (line.state.word()) }
                        span { (count(line.number)) @if line.more { "+" } }
                        (part::bar(line.state.word(), line.number, all))
                    }
                }
            }
        }
    }
}

fn wallet(wallet: &Wallet, address: &str) -> Markup {
    html! {
        div.cluster.apart {
            p.figure-value { (about_tokens(wallet.balance)) }
            @if wallet.trend.len() > 1 { (chart::sparkline("Balance over the last days", &wallet.trend.iter().map(|balance| balance.units()).collect::<Vec<_>>())) }
        }
        (part::facts(vec![
            ("Address", html! { code { (address) } }),
            ("Worth", html! { (known(wallet.worth)) }),
            ("Lasts", html! {
                @match &wallet.runway {
                    None => "Not known yet",
                    Some(runway) => (lasts_text(runway.days)),
                }
            }),
        ]))
        p { a href="/operator/purse" { "Discount, runway and prices" } }
    }
}

fn grid(view: &View) -> Markup {
    let grid = &view.grid;
    html! {
        p.cluster {
            span.figure-value { (grid.nodes_up) " of " (grid.nodes) " up" }
            @if grid.reachable { (part::badge(Tone::Good, "Answers")) } @else { (part::badge(Tone::Bad, "Silent")) }
        }
        (part::facts(vec![
            ("Network", html! {
                (grid.network) @if let Some(version) = grid.runtime { ", runtime " (version) }
            }),
            ("Identity", html! {
                @match grid.verified { Some(true) => "Verified", Some(false) => "Not verified", None => "Not known" }
            }),
            ("List of nodes", html! { @match grid.told { Some(at) => (ago(at, view.now)), None => "Has not come yet" } }),
            ("Last block", html! {
                @match grid.block { Some((number, at)) => { (count(number.into())) ", " (ago(at, view.now)) }, None => "Not seen yet" }
            }),
        ]))
    }
}

fn work(view: &View) -> Markup {
    html! {
        p.cluster {
            span.figure-value { "Journal" }
            @match &view.journal {
                None => (part::badge(Tone::Quiet, "Not checked yet")),
                Some(JournalCheck { problem: Some(_), .. }) => (part::badge(Tone::Bad, "Does not agree")),
                Some(_) => (part::badge(Tone::Good, "Agrees")),
            }
        }
        (part::facts(vec![
            ("Checked", html! {
                @match &view.journal {
                    None => "Never",
                    Some(check) => { (ago(check.at, view.now)) ", " (count(check.transfers)) " transfers" }
                }
            }),
            ("Jobs", html! {
                a href="/operator/jobs" { (count(view.jobs.waiting)) " waiting, " (count(view.jobs.parked)) " parked" }
            }),
        ]))
    }
}

fn local_clock(chrome: &Chrome, now: Time) -> Markup {
    html! {
        section.card.clock {
            div {
                h2 { "The clock of this local world" }
                p.soft {
                    "It is " (when(now)) " here"
                    ". Move it to see hours billed and paid time run out without waiting for it."
                }
            }
            (form::post(chrome, "/operator/clock/skip", html! { button.btn.quiet type="submit" { "Skip an hour" } }))
        }
    }
}
