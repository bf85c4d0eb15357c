//! The whole instance on one screen.

use crate::app::App;
use crate::app::chain::Obstacle;
use crate::base::money::{Rate, Tft, Usd};
use crate::base::time::{DAY, HOUR};
use crate::base::{Result, Time};
use crate::domain::ledger::{Account, Transfer};
use crate::domain::maintenance::Maintenance;
use crate::domain::order::State;
use crate::store::Snapshot;
use crate::store::grid::Chain;
use crate::store::ledger::LedgerRead;
use crate::store::maintenance::Maintenances;
use crate::store::order::Orders;
use crate::web::error::PageResult;
use crate::web::extract::{Form, Operator};
use crate::web::page::operator::overview::{
    AtRisk, Day, Grid, Jobs, JournalCheck, OrderCount, Planned, Runway, Tokens, View, Wallet, page,
};

/// Orders of one state that are counted; beyond it the page says "more".
const COUNTED: usize = 10_000;
/// Transfers of one account that are looked at for a chart.
const LOOKED_AT: usize = 3000;
/// Days on a chart.
const DAYS: usize = 14;

pub async fn show(me: Operator) -> PageResult {
    let view = view(&me.app, &me.app.read()?, me.app.now())?;
    Ok(me.show(200, page(&me.chrome(), &view)))
}

/// Moves the clock of a local world; anywhere else there is no such page.
pub async fn skip(me: Operator, _form: Form) -> PageResult {
    me.app.skip(HOUR)?;
    Ok(me.go_saying("/operator", true, "An hour has passed. What is due is being done."))
}

fn view(app: &App, snapshot: &Snapshot, now: Time) -> Result<View> {
    let rate = app.rate();
    let (hosting, card_fees) = (snapshot.balance(Account::HOSTING)?, snapshot.balance(Account::CARD_FEES)?);
    let (grid, share) = (snapshot.balance(Account::GRID)?, snapshot.balance(Account::PROVIDER_SHARE)?);
    let revenue = Usd::from_units(units(hosting.posted(Account::HOSTING)));
    let card_fees = Usd::from_units(units(card_fees.posted(Account::CARD_FEES)));
    let spent = units(grid.posted(Account::GRID).saturating_add(share.posted(Account::PROVIDER_SHARE)));
    let (waiting, parked) = snapshot.job_counts()?;
    Ok(View {
        orders: State::ALL.into_iter().map(|state| count(snapshot, state)).collect::<Result<Vec<_>>>()?,
        revenue,
        card_fees,
        grid_cost: tokens(grid.debits_posted, rate),
        provider_share: tokens(units(share.posted(Account::PROVIDER_SHARE)), rate),
        chain_payouts: tokens(grid.credits_posted, rate),
        margin: margin(revenue, card_fees, Tft::from_units(spent), rate),
        days: days(&snapshot.transfers_of(Account::HOSTING, None, LOOKED_AT)?, LOOKED_AT),
        wallet: wallet(app, snapshot, now)?,
        jobs: Jobs { waiting, parked },
        journal: journal_check(app),
        unread: snapshot.unread_blocks()?,
        obstacles: app.obstacles()?.iter().map(Obstacle::sentence).collect(),
        warnings: app.warnings()?,
        grid: state_of_grid(app),
        at_risk: app
            .at_risk()?
            .into_iter()
            .map(|risk| AtRisk { node: risk.node, trouble: risk.trouble.sentence(), deployments: risk.vms })
            .collect(),
        maintenance: maintenance(snapshot, now)?,
        clock: app.can_skip(),
        now,
    })
}

/// Announced work on nodes that carry something of ours.
fn maintenance(snapshot: &Snapshot, now: Time) -> Result<Vec<Planned>> {
    let carrying = snapshot.carrying()?;
    let planned = |row: Maintenance| {
        let deployments = *carrying.get(&row.node)?;
        Some(Planned { node: row.node, starts: row.starts, ends: row.ends, deployments })
    };
    let mut all: Vec<Planned> = snapshot.open_maintenances(now)?.into_iter().filter_map(planned).collect();
    all.sort_by_key(|work| (work.starts, work.node));
    Ok(all)
}

fn count(snapshot: &Snapshot, state: State) -> Result<OrderCount> {
    let number = snapshot.count_in(state, COUNTED + 1)?;
    Ok(OrderCount { state, number: number.min(COUNTED).try_into().unwrap_or(u64::MAX), more: number > COUNTED })
}

/// What is left of the revenue after card fees and all tokens spent or promised.
fn margin(revenue: Usd, card_fees: Usd, spent: Tft, rate: Option<Rate>) -> Option<Usd> {
    revenue.checked_sub(card_fees)?.checked_sub(rate?.to_usd(spent)?)
}

fn tokens(units: i64, rate: Option<Rate>) -> Tokens {
    let tft = Tft::from_units(units);
    Tokens { tft, worth: rate.and_then(|rate| rate.to_usd(tft)) }
}

fn wallet(app: &App, snapshot: &Snapshot, now: Time) -> Result<Wallet> {
    let rate = app.rate();
    let balance = Tft::from_units(units(snapshot.balance(Account::WALLET)?.posted(Account::WALLET)));
    let moved = snapshot.transfers_of(Account::WALLET, None, LOOKED_AT)?;
    Ok(Wallet {
        balance,
        worth: rate.and_then(|rate| rate.to_usd(balance)),
        runway: app.purse().map(|purse| Runway {
            days: purse.lasts(&[], now).map(|lasts| lasts.as_secs() / DAY.as_secs()),
            sells: app.sells(&purse, now),
            floor_days: app.settings.grid.runway_floor_days,
        }),
        trend: trend(balance, &moved),
    })
}

/// The balance at the end of each day on which it moved, the oldest first.
fn trend(balance: Tft, moved: &[Transfer]) -> Vec<Tft> {
    let mut at_end: Vec<(String, i64)> = Vec::new();
    let mut units = balance.units();
    for transfer in moved {
        let date = transfer.at.date();
        if at_end.last().is_none_or(|(day, _)| *day != date) {
            at_end.push((date, units));
        }
        let came_in = transfer.terms.debit == Account::WALLET;
        units = if came_in { units.saturating_sub(transfer.posted) } else { units.saturating_add(transfer.posted) };
    }
    at_end.truncate(DAYS);
    at_end.into_iter().rev().map(|(_, units)| Tft::from_units(units)).collect()
}

/// Revenue by day, the oldest first. Of `limit` transfers the oldest may have siblings that were not read: its day is left out.
fn days(transfers: &[Transfer], limit: usize) -> Vec<Day> {
    let mut days: Vec<Day> = Vec::new();
    for transfer in transfers {
        let earned = if transfer.terms.credit == Account::HOSTING { transfer.posted } else { -transfer.posted };
        match days.last_mut().filter(|day| day.at.date() == transfer.at.date()) {
            Some(day) => day.revenue = Usd::from_units(day.revenue.units().saturating_add(earned)),
            None => days.push(Day { at: transfer.at, revenue: Usd::from_units(earned) }),
        }
    }
    if transfers.len() >= limit && days.len() > 1 {
        days.pop();
    }
    days.truncate(DAYS);
    days.reverse();
    days
}

/// The last check of the books, in a sentence if something is wrong.
pub(super) fn journal_check(app: &App) -> Option<JournalCheck> {
    app.ledger_checked().map(|check| JournalCheck {
        at: check.at,
        transfers: check.report.transfers,
        problem: (!check.report.is_clean()).then(|| {
            let first = check.report.findings.first().map_or("", String::as_str);
            format!("{first} ({} found in all)", check.report.wrong)
        }),
    })
}

fn state_of_grid(app: &App) -> Grid {
    let (heard, nodes) = (app.heard(), app.nodes());
    Grid {
        network: app.settings.grid.network.name().into(),
        reachable: heard.answers,
        block: heard.head.map(|head| (head.number, head.at)),
        nodes_up: nodes.iter().filter(|node| node.up()).count(),
        nodes: nodes.len(),
        told: app.census().at,
        runtime: heard.footing.map(|footing| footing.spec_version),
        verified: heard.verified.map(|(verified, _)| verified),
        address: app.grid.address(),
    }
}

fn units(amount: i128) -> i64 {
    i64::try_from(amount).unwrap_or(if amount < 0 { i64::MIN } else { i64::MAX })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::base::ids::TransferId;
    use crate::base::money::Asset;
    use crate::domain::ledger::{self, Cause, Terms};

    const NOW: Time = Time::from_secs(1_795_270_000);

    fn moved(debit: Account, credit: Account, amount: i64, hours_ago: u32) -> Transfer {
        Transfer {
            id: TransferId::from_bits(1),
            terms: Terms { debit, credit, amount, cause: Cause::new("test", 1), memo: String::new() },
            at: NOW - HOUR * hours_ago,
            state: ledger::State::Posted,
            posted: amount,
            held_first: false,
            entry: 1,
        }
    }

    #[test]
    fn the_trend_ends_at_the_balance_and_undoes_what_moved() {
        let opening = Account::opening(Asset::Tft);
        let moves = [
            moved(Account::GRID_DUE, Account::WALLET, 30, 1),
            moved(Account::GRID_DUE, Account::WALLET, 20, 26),
            moved(Account::WALLET, opening, 1000, 27),
        ];
        let trend: Vec<i64> = trend(Tft::from_units(950), &moves).iter().map(|balance| balance.units()).collect();
        assert_eq!(trend, [980, 950]);
    }

    #[test]
    fn a_day_that_was_not_read_to_its_end_is_left_out() {
        let customer = Account::customer(crate::base::ids::UserId::from_bits(1));
        let earned = |amount, hours| moved(customer, Account::HOSTING, amount, hours);
        let transfers = [earned(1, 0), earned(2, 1), earned(4, 30), earned(8, 60)];
        let sums = |limit| days(&transfers, limit).iter().map(|day| day.revenue.units()).collect::<Vec<_>>();
        assert_eq!((sums(100), sums(4)), (vec![8, 4, 3], vec![4, 3]));
    }

    #[test]
    fn the_margin_is_unknown_without_a_price() {
        let (revenue, fees) = (Usd::from_cents(1000), Usd::from_cents(59));
        let spent = Tft::from_units(10_000_000);
        assert_eq!(margin(revenue, fees, spent, None), None);
        assert_eq!(margin(revenue, fees, spent, Rate::from_musd(10)), Some(Usd::from_cents(940)));
    }
}
