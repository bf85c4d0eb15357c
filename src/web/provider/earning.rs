//! What a provider's farms earned.

use std::collections::BTreeMap;

use crate::app::provider::{BILLS_SHOWN, Earned};
use crate::base::Time;
use crate::base::ids::OrderId;
use crate::base::money::{Rate, Tft};
use crate::domain::bill::Bill;
use crate::settings::{Basis, ShareRule};
use crate::web::error::PageResult;
use crate::web::extract::Provider;
use crate::web::page::provider::earnings::{Amount, Day, Row, View, page};

/// Days on the chart.
const DAYS: usize = 14;

pub async fn list(me: Provider) -> PageResult {
    let (earned, bills) = me.app.earnings(&me.user)?;
    let rule = me.app.settings.share_at(me.app.now());
    let view = view(&earned, &bills, &rule, me.app.rate());
    Ok(me.show(200, page(&me.chrome(), &view)))
}

fn view(earned: &Earned, bills: &[Bill], rule: &ShareRule, rate: Option<Rate>) -> View {
    View {
        share: rule.percent.saturating_mul(100),
        rule_since: Some(rule.from).filter(|from| *from > Time::EPOCH),
        of_list: rule.basis == Basis::List,
        earned: amount(earned.share, rate),
        paid_by_chain: amount(earned.paid_by_chain, rate),
        owed: amount(earned.owed, rate),
        rows: rows(bills, rate),
        more: bills.len() >= BILLS_SHOWN,
        days: days(bills, rate),
    }
}

fn amount(tft: Tft, rate: Option<Rate>) -> Amount {
    Amount { tft, worth: rate.and_then(|rate| rate.to_usd(tft)) }
}

/// What was billed and earned for each order on each node, the newest bill's first. `bills` are newest first.
fn rows(bills: &[Bill], rate: Option<Rate>) -> Vec<Row> {
    let mut rows: Vec<Row> = Vec::new();
    let mut places: BTreeMap<(u32, OrderId), usize> = BTreeMap::new();
    for bill in bills {
        let place = *places.entry((bill.node, bill.order)).or_insert_with(|| {
            let nothing = Amount::default();
            rows.push(Row { node: bill.node, order: bill.order, billed: nothing, share: nothing, bills: 0, last: bill.at });
            rows.len() - 1
        });
        let row = &mut rows[place];
        row.billed = amount(plus(row.billed.tft, bill.amount), rate);
        row.share = amount(plus(row.share.tft, bill.share), rate);
        row.bills += 1;
    }
    rows
}

/// The share of each day, the oldest first.
fn days(bills: &[Bill], rate: Option<Rate>) -> Vec<Day> {
    let mut days: Vec<Day> = Vec::new();
    for bill in bills {
        match days.last_mut().filter(|day| day.at.date() == bill.at.date()) {
            Some(day) => day.share = amount(plus(day.share.tft, bill.share), rate),
            None => days.push(Day { at: bill.at, share: amount(bill.share, rate) }),
        }
    }
    days.truncate(DAYS);
    days.reverse();
    days
}

fn plus(sum: Tft, more: Tft) -> Tft {
    Tft::from_units(sum.units().saturating_add(more.units()))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::base::time::{DAY, HOUR};

    fn bill(node: u32, order: u128, hours_ago: u32, amount: i64) -> Bill {
        Bill {
            contract: 1,
            order: OrderId::from_bits(order),
            node,
            owner: 7,
            block: hours_ago,
            event: 0,
            at: Time::EPOCH + DAY * 9 - HOUR * hours_ago,
            amount: Tft::from_units(amount),
            level: "Gold".into(),
            list: Tft::from_units(amount * 100 / 40),
            share: Tft::from_units(amount / 2),
        }
    }

    #[test]
    fn rows_and_days_add_up_to_the_bills() {
        let bills = [bill(1, 1, 0, 100), bill(2, 2, 1, 40), bill(1, 1, 1, 100), bill(1, 3, 30, 7)];
        let rows = rows(&bills, Rate::from_musd(10));
        let seen: Vec<_> = rows.iter().map(|row| (row.node, row.bills, row.billed.tft.units(), row.share.tft.units())).collect();
        assert_eq!(seen, [(1, 2, 200, 100), (2, 1, 40, 20), (1, 1, 7, 3)]);
        assert_eq!(rows[0].billed.worth.map(|worth| worth.units()), Some(2));
        let days: Vec<_> = days(&bills, None).iter().map(|day| (day.at.date(), day.share.tft.units())).collect();
        let expected = [("1970-01-08", 3), ("1970-01-09", 70), ("1970-01-10", 50)].map(|(day, units)| (day.to_owned(), units));
        assert_eq!(days, expected);
    }
}
