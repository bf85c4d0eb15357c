//! What a provider's farms earned.

use std::collections::BTreeMap;

use crate::base::money::{Rate, Tft};
use crate::base::{Error, Result, Time};
use crate::domain::bill::Sum;
use crate::settings::Basis;
use crate::store::Snapshot;
use crate::store::earning::{EarnedMark, Earnings};
use crate::web::error::PageResult;
use crate::web::extract::Provider;
use crate::web::list::{Query, ROWS};
use crate::web::page::provider::earnings::{Amount, Day, Row, View, page};
use crate::web::ui::part::Pager;

/// Days on the chart.
const DAYS: usize = 14;
const DAY_S: i64 = 86_400;
const HERE: &str = "/provider/earnings";

pub async fn list(me: Provider, query: Query) -> PageResult {
    let (snapshot, owners, rate) = (me.app.read()?, me.app.owners_of(&me.user)?, me.app.rate());
    let (earned, rule) = (me.app.earned(&owners)?, me.app.settings.share_at(me.app.now()));
    let (nodes, nodes_pager) = by_node(&snapshot, &owners, &query, rate)?;
    let (rows, pager) = by_order(&snapshot, &owners, &query, rate)?;
    let view = View {
        share: rule.percent.saturating_mul(100),
        rule_since: Some(rule.from).filter(|from| *from > Time::EPOCH),
        of_list: rule.basis == Basis::List,
        earned: amount(earned.share, rate),
        paid_by_chain: amount(earned.paid_by_chain, rate),
        owed: amount(earned.owed, rate),
        nodes,
        nodes_pager,
        rows,
        pager,
        days: days(&snapshot, &owners, rate)?,
    };
    Ok(me.show(200, page(&me.chrome(), &view)))
}

fn by_node(snapshot: &Snapshot, owners: &[u32], query: &Query, rate: Option<Rate>) -> Result<(Vec<Row>, Pager)> {
    let after = mark(query, "nodes", |text| {
        let (owner, node) = text.split_once('-')?;
        Some((owner.parse().ok()?, node.parse().ok()?))
    })?;
    let mut rows = snapshot.earned_by_node(owners, after, ROWS + 1)?;
    let pager = pager("nodes", after.is_some(), &mut rows, |(owner, node): &(u32, u32)| format!("{owner}-{node}"));
    Ok((rows.into_iter().map(|((_, node), sum)| row(node, None, sum, rate)).collect(), pager))
}

fn by_order(snapshot: &Snapshot, owners: &[u32], query: &Query, rate: Option<Rate>) -> Result<(Vec<Row>, Pager)> {
    let after = mark(query, "after", |text| {
        let mut parts = text.splitn(3, '-');
        Some((parts.next()?.parse().ok()?, parts.next()?.parse().ok()?, parts.next()?.parse().ok()?))
    })?;
    let mut rows = snapshot.earned_by_order(owners, after, ROWS + 1)?;
    let pager = pager("after", after.is_some(), &mut rows, |(owner, node, order): &EarnedMark| format!("{owner}-{node}-{order}"));
    Ok((rows.into_iter().map(|((_, node, order), sum)| row(node, Some(order), sum, rate)).collect(), pager))
}

fn mark<M>(query: &Query, name: &'static str, read: impl Fn(&str) -> Option<M>) -> Result<Option<M>> {
    let unknown = || Error::invalid(name, "There is no such place in this list.");
    query.get(name).map(|text| read(text).ok_or_else(unknown)).transpose()
}

/// Cuts off the row too many, and says where the list goes on and where it begins.
fn pager<K, R>(name: &str, inside: bool, rows: &mut Vec<(K, R)>, write: impl Fn(&K) -> String) -> Pager {
    let more = rows.len() > ROWS;
    rows.truncate(ROWS);
    let older = rows.last().filter(|_| more).map(|(last, _)| format!("{HERE}?{name}={}", write(last)));
    Pager { newer: inside.then(|| HERE.to_owned()), older }
}

fn row(node: u32, order: Option<crate::base::ids::OrderId>, sum: Sum, rate: Option<Rate>) -> Row {
    Row { node, order, billed: amount(sum.billed, rate), share: amount(sum.share, rate), bills: sum.bills, last: sum.last }
}

fn amount(tft: Tft, rate: Option<Rate>) -> Amount {
    Amount { tft, worth: rate.and_then(|rate| rate.to_usd(tft)) }
}

/// The share of each day, the oldest first.
fn days(snapshot: &Snapshot, owners: &[u32], rate: Option<Rate>) -> Result<Vec<Day>> {
    let mut sums: BTreeMap<u32, Tft> = BTreeMap::new();
    for owner in owners {
        for (day, share) in snapshot.earned_by_day(*owner, DAYS)? {
            let sum = sums.entry(day).or_insert(Tft::ZERO);
            *sum = Tft::from_units(sum.units().saturating_add(share.units()));
        }
    }
    let skip = sums.len().saturating_sub(DAYS);
    let day = |(day, share): (u32, Tft)| Day { at: Time::from_secs(i64::from(day) * DAY_S), share: amount(share, rate) };
    Ok(sums.into_iter().skip(skip).map(day).collect())
}
