//! The operator's tokens against all that runs.

use actix_web::http::StatusCode;

use super::simulator;
use crate::app::App;
use crate::base::money::{Rate, Tft};
use crate::base::time::DAY;
use crate::base::{Error, Result, Time};
use crate::domain::ledger::Account;
use crate::domain::purse::{Lift, Meter, Purse, hours_left, months};
use crate::settings::Basis;
use crate::store::Snapshot;
use crate::store::grid::Chain;
use crate::store::ledger::LedgerRead;
use crate::store::order::Orders;
use crate::web::error::PageResult;
use crate::web::extract::Operator;
use crate::web::list::{Query, ROWS};
use crate::web::page::operator::overview::Runway;
use crate::web::page::operator::purse::{self, Amount, Level, Price, Row, Share, Sums, Tariff, Told, View, page};
use crate::web::ui::part::Pager;

const HERE: &str = "/operator/purse";

pub async fn show(me: Operator, query: Query) -> PageResult {
    let (app, now) = (&me.app, me.app.now());
    let from = match query.get("from") {
        Some(text) => text.parse().map_err(|_| Error::invalid("from", "There is no such place in this list."))?,
        None => 0,
    };
    let known = app.purse();
    let simulator = simulator::view(app, known.as_deref(), &query, now);
    let told = known.map(|purse| told(app, &app.read()?, &purse, from, now)).transpose()?;
    let status = if simulator.filled.is_refused() { StatusCode::UNPROCESSABLE_ENTITY } else { StatusCode::OK };
    let view = View { told, answers: app.heard().answers, simulator, now };
    Ok(me.show(status.as_u16(), page(&me.chrome(), &view)))
}

fn told(app: &App, snapshot: &Snapshot, purse: &Purse, from: u64, now: Time) -> Result<Told> {
    let published = app.settings.published_at(now);
    let table = published.months.into_iter().zip(published.percent).map(Some);
    let levels = purse.ladder.steps().iter().zip([None].into_iter().chain(table)).map(|(step, published)| Level {
        name: step.name.clone(),
        half_months: step.half_months,
        percent_off: step.percent_off(),
        published,
    });
    let (rows, pager) = rows(snapshot, purse, from, now)?;
    Ok(Told {
        block: purse.block,
        at: purse.at,
        tariff: Tariff {
            compute: purse.tariff.compute,
            storage: purse.tariff.storage,
            traffic: purse.tariff.traffic,
            address: purse.tariff.address,
            name: purse.tariff.name,
            dedicated_percent: purse.tariff.dedicated_percent,
        },
        price: Price {
            musd: purse.price.rate.musd(),
            average: purse.price.average,
            least: purse.price.least,
            most: purse.price.most,
            set: purse.price.set,
        },
        levels: levels.collect(),
        table_since: Some(published.from).filter(|from| *from > Time::EPOCH),
        network_percent: published.network_percent,
        runway: Runway {
            days: purse.lasts(&[], now).map(|lasts| lasts.as_secs() / DAY.as_secs()),
            sells: app.sells(purse, now),
            floor_days: app.settings.grid.runway_floor_days,
        },
        sums: sums(purse, now),
        lowest: purse.lowest().map(|meter| meter.running.contract),
        lifts: purse.lifts().iter().map(|lift| self::lift(purse, lift)).collect(),
        contracts: purse.meters.len(),
        rows,
        pager,
        share: share(app, snapshot, purse, now)?,
    })
}

fn amount(tft: Tft, rate: Rate) -> Amount {
    Amount { tft, worth: rate.to_usd(tft).unwrap_or_default() }
}

fn lift(purse: &Purse, lift: &Lift) -> purse::Lift {
    let rate = purse.price.rate;
    purse::Lift {
        level: purse.ladder.name(lift.level).to_owned(),
        missing: amount(lift.missing, rate),
        saves: amount(lift.saves, rate),
    }
}

fn sums(purse: &Purse, now: Time) -> Sums {
    let (held, rate) = (&purse.holdings, purse.price.rate);
    let (burn, reserve) = (purse.burn(), purse.reserve(now));
    let amount = |tft| amount(tft, rate);
    Sums {
        free: amount(held.free),
        kept: amount(held.kept),
        usable: amount(held.usable),
        reserved: amount(held.reserved),
        owed: amount(purse.owed()),
        beside: amount(held.beside),
        month: amount(months(burn)),
        list_month: amount(months(purse.list_burn())),
        needed: amount(reserve.needed),
        needed_at_list: amount(reserve.at_list),
        simple_days: (burn > Tft::ZERO).then(|| u64::try_from(held.usable.units() / burn.units()).unwrap_or(0) / 24),
    }
}

/// One page of the contracts, from the number `from` on.
fn rows(snapshot: &Snapshot, purse: &Purse, from: u64, now: Time) -> Result<(Vec<Row>, Pager)> {
    let begin = purse.meters.partition_point(|meter| meter.running.contract < from);
    let end = purse.meters.len().min(begin + ROWS);
    let link = |meter: Option<&Meter>| meter.map(|meter| format!("{HERE}?from={}", meter.running.contract));
    let newer = (begin > 0).then(|| link(purse.meters.get(begin.saturating_sub(ROWS)))).flatten();
    let pager = Pager { newer, older: link(purse.meters.get(end)) };
    let lasts = purse.lasts(&[], now);
    let rows = purse.meters[begin..end].iter().map(|meter| {
        let (running, standing, rate) = (&meter.running, purse.standing(meter), purse.price.rate);
        let left = hours_left(meter, now);
        // A row that can't be read is named by its number: it hides no other.
        let name = snapshot.order(running.order).ok().flatten();
        let name = name.map_or_else(|| running.order.to_string(), |order| order.wish.name.to_string());
        let mut list_hour = amount(meter.line.list, rate);
        list_hour.worth = meter.usd;
        Ok(Row {
            contract: running.contract,
            node: running.node,
            order: running.order,
            name,
            paused: meter.paused,
            owed: meter.owed,
            list_hour,
            list_month: amount(standing.list_month, rate),
            level: purse.ladder.name(standing.level).to_owned(),
            percent_off: purse.ladder.steps().get(standing.level).map_or(0, |step| step.percent_off()),
            held_tenths: standing.held_tenths,
            hour: amount(standing.hour, rate),
            month: amount(standing.month, rate),
            last: snapshot.last_bill_of(running.contract).ok().flatten().map(|bill| (bill.amount, bill.level)),
            next: standing.next.as_ref().map(|lift| self::lift(purse, lift)),
            paid_until: running.paid_until,
            to_end: Tft::from_units(standing.hour.units().saturating_mul(left)),
            carried: lasts.is_none_or(|lasts| running.paid_until.is_none_or(|until| now + lasts >= until)),
        })
    });
    Ok((rows.collect::<Result<_>>()?, pager))
}

fn share(app: &App, snapshot: &Snapshot, purse: &Purse, now: Time) -> Result<Share> {
    let (rule, rate) = (app.settings.share_at(now), purse.price.rate);
    let part = |of: Tft, percent: u32| amount(of.part(percent.into(), 100).unwrap_or_default(), rate);
    let (billed, list) = (months(purse.burn()), months(purse.list_burn()));
    let units = |amount: i128| Tft::from_units(i64::try_from(amount).unwrap_or(i64::MAX));
    let promised = units(snapshot.balance(Account::PROVIDER_SHARE)?.posted(Account::PROVIDER_SHARE));
    let paid = Tft::from_units(snapshot.balance(Account::GRID)?.credits_posted);
    Ok(Share {
        of_list: rule.basis == Basis::List,
        percent: rule.percent,
        since: Some(rule.from).filter(|from| *from > Time::EPOCH),
        next: app.settings.next_share(now).map(|next| (next.from, next.basis == Basis::List, next.percent)),
        by_billed: part(billed, rule.percent),
        by_list: part(list, rule.percent),
        farmer_percent: purse.farmer_percent,
        by_chain: part(billed, purse.farmer_percent),
        promised: amount(promised, rate),
        paid: amount(paid, rate),
        owed: amount(promised.checked_sub(paid).unwrap_or_default(), rate),
    })
}
