//! The chart of accounts with its balances.

use super::overview::journal_check;
use crate::base::money::{Asset, Tft, Usd};
use crate::domain::ledger;
use crate::store::Turn;
use crate::store::ledger::LedgerRead;
use crate::web::error::PageResult;
use crate::web::extract::Operator;
use crate::web::list::{Query, ROWS, paged, turn};
use crate::web::page::operator::accounts::{Account, Balance, View, page};

type Line = (ledger::Account, ledger::Balance);

pub async fn list(me: Operator, query: Query) -> PageResult {
    // This list goes up by name, so what comes after a name is on the page that other lists call older.
    let asked = turn(&query, |name| name.parse::<ledger::Account>().ok())?;
    let lines = me.app.read()?.accounts(mirrored(asked), ROWS + 1)?;
    let (lines, pager) = paged("/operator/accounts", &[], &asked, lines, |(account, _): &Line| account.to_string());
    let accounts = lines.into_iter().map(row).collect();
    let view = View { accounts, check: journal_check(&me.app), pager, now: me.app.now() };
    Ok(me.show(200, page(&me.chrome(), &view)))
}

fn mirrored<M>(turn: Turn<M>) -> Turn<M> {
    match turn {
        Turn::First => Turn::First,
        Turn::Before(mark) => Turn::After(mark),
        Turn::After(mark) => Turn::Before(mark),
    }
}

fn row((account, balance): Line) -> Account {
    let units = |amount: i128| i64::try_from(amount).unwrap_or(if amount < 0 { i64::MIN } else { i64::MAX });
    let posted = units(balance.posted(account));
    let held = units(i128::from(balance.debits_pending) + i128::from(balance.credits_pending));
    Account {
        name: account.to_string(),
        about: account.title().about(),
        balance: match account.asset() {
            Asset::Usd => Balance::Usd { posted: Usd::from_units(posted), held: Usd::from_units(held) },
            Asset::Tft => Balance::Tft { posted: Tft::from_units(posted), held: Tft::from_units(held) },
        },
    }
}
