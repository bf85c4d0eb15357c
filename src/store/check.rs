//! The full check of the books: everything is computed again from the journal and compared with what is stored.

use std::collections::BTreeMap;

use serde::Serialize;

use super::ledger::LedgerRead;
use super::schema::{BALANCES, JOURNAL, TRANSFERS, TRANSFERS_BY_ACCOUNT, TRANSFERS_BY_CAUSE};
use super::table::Read;
use super::tx::Snapshot;
use crate::base::Result;
use crate::base::ids::TransferId;
use crate::base::money::Asset;
use crate::domain::ledger::{Account, Balance, Deed, Entry, Head, State, Terms, Transfer};

/// What a check has seen and what is wrong.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize)]
pub struct Report {
    pub entries: u64,
    pub transfers: u64,
    /// Transfers that are still held.
    pub held: u64,
    pub accounts: u64,
    /// How many things are wrong. 0 is a clean ledger.
    pub wrong: u64,
    /// The first of them, a sentence each.
    pub findings: Vec<String>,
}

/// More than this many sentences help nobody.
const MOST_FINDINGS: usize = 100;
/// How many entries lie between two reports of progress.
const STEP: u64 = 1000;

impl Report {
    pub fn is_clean(&self) -> bool {
        self.wrong == 0
    }

    fn finding(&mut self, sentence: String) {
        self.wrong += 1;
        if self.findings.len() < MOST_FINDINGS {
            self.findings.push(sentence);
        }
    }

    fn expect(&mut self, holds: bool, sentence: impl FnOnce() -> String) {
        if !holds {
            self.finding(sentence());
        }
    }
}

/// Checks all of the ledger. `progress` hears how many entries of how many are done.
///
/// Needs memory for the accounts and for what is held, not for the journal.
pub fn check(books: &Snapshot, mut progress: impl FnMut(u64, u64)) -> Result<Report> {
    let total = books.count(&JOURNAL)?;
    let mut replay =
        Replay { books, report: Report::default(), head: Head::default(), sums: BTreeMap::new(), open: BTreeMap::new() };
    books.each(&JOURNAL, |number, entry| {
        if replay.report.entries.is_multiple_of(STEP) {
            progress(replay.report.entries, total);
        }
        replay.entry(number, &entry)
    })?;
    replay.stored_agrees()?;
    progress(total, total);
    Ok(replay.report)
}

struct Replay<'a> {
    books: &'a Snapshot,
    report: Report,
    head: Head,
    sums: BTreeMap<Account, Balance>,
    open: BTreeMap<TransferId, Terms>,
}

impl Replay<'_> {
    fn entry(&mut self, key: u64, entry: &Entry) -> Result<()> {
        let number = entry.number;
        let report = &mut self.report;
        report.entries += 1;
        report.expect(key == number && number == self.head.number + 1, || {
            format!("Entry {number} is stored as {key} and follows entry {}.", self.head.number)
        });
        report.expect(entry.at >= self.head.at, || format!("Entry {number} is older than the one before."));
        report.expect(entry.hash == entry.seal(&self.head.hash), || format!("The hash of entry {number} is wrong."));
        self.head = entry.head();
        match &entry.deed {
            Deed::Hold(terms) => {
                self.opened(entry, terms, true)?;
                self.open.insert(entry.transfer, terms.clone());
                self.add(number, terms, |sums| (&mut sums.debits_pending, &mut sums.credits_pending), terms.amount);
            }
            Deed::Transfer(terms) => {
                self.opened(entry, terms, false)?;
                self.add(number, terms, |sums| (&mut sums.debits_posted, &mut sums.credits_posted), terms.amount);
            }
            Deed::Post(amount) => self.settled(entry, State::Posted, *amount)?,
            Deed::Void => self.settled(entry, State::Voided, 0)?,
        }
        Ok(())
    }

    /// The row of a transfer says what the journal says, and its cause and its accounts find it.
    fn opened(&mut self, entry: &Entry, terms: &Terms, held: bool) -> Result<()> {
        let (number, id) = (entry.number, entry.transfer);
        self.report.transfers += 1;
        let report = &mut self.report;
        report.expect(terms.amount > 0, || format!("Entry {number} moves {} units.", terms.amount));
        report.expect(terms.debit.asset() == terms.credit.asset(), || format!("Entry {number} mixes two assets."));
        match self.books.get(&TRANSFERS, id)? {
            None => report.finding(format!("The transfer {id} of entry {number} is missing.")),
            Some(row) => {
                let Transfer { id: own, terms: kept, at, held_first, entry: first, .. } = &row;
                let same = (own, kept, at, held_first, first) == (&id, terms, &entry.at, &held, &number);
                report.expect(same, || format!("The transfer {id} is not what entry {number} says."));
                let whole = row.state == State::Posted && row.posted == terms.amount;
                report.expect(held || whole, || format!("The transfer {id} is not posted, as entry {number} says."));
            }
        }
        let by_cause = self.books.get(&TRANSFERS_BY_CAUSE, terms.cause.as_str())?;
        report.expect(by_cause == Some(id), || {
            format!("The cause {} of entry {number} is used twice or does not lead to {id}.", terms.cause)
        });
        for account in [terms.debit, terms.credit] {
            let listed = self.books.is_linked(&TRANSFERS_BY_ACCOUNT, account, (number, id))?;
            report.expect(listed, || format!("The transfer {id} is not listed under {account}."));
        }
        Ok(())
    }

    fn settled(&mut self, entry: &Entry, state: State, amount: i64) -> Result<()> {
        let (number, id) = (entry.number, entry.transfer);
        let Some(terms) = self.open.remove(&id) else {
            self.report.finding(format!("Entry {number} settles {id}, which is not held."));
            return Ok(());
        };
        let fits = if state == State::Posted { (1..=terms.amount).contains(&amount) } else { amount == 0 };
        self.report.expect(fits, || format!("Entry {number} posts {amount} units of {} held.", terms.amount));
        let row = self.books.get(&TRANSFERS, id)?;
        let same = row.is_some_and(|row| row.state == state && row.posted == amount);
        self.report.expect(same, || format!("The transfer {id} is not settled as entry {number} says."));
        self.sums.entry(terms.debit).or_default().debits_pending -= terms.amount;
        self.sums.entry(terms.credit).or_default().credits_pending -= terms.amount;
        self.add(number, &terms, |sums| (&mut sums.debits_posted, &mut sums.credits_posted), amount);
        Ok(())
    }

    /// Adds to the debit side of one account and to the credit side of the other; both must keep their floors.
    fn add(&mut self, number: u64, terms: &Terms, pick: fn(&mut Balance) -> (&mut i64, &mut i64), amount: i64) {
        for (account, is_debit) in [(terms.debit, true), (terms.credit, false)] {
            let balance = self.sums.entry(account).or_default();
            let (debits, credits) = pick(balance);
            let sum = if is_debit { debits } else { credits };
            match sum.checked_add(amount) {
                Some(more) => *sum = more,
                None => self.report.finding(format!("Entry {number} makes {account} larger than a number can be.")),
            }
        }
        for account in [terms.debit, terms.credit] {
            let allowed = self.sums.get(&account).is_some_and(|balance| balance.is_allowed(account));
            self.report.expect(allowed, || format!("Entry {number} takes {account} below zero."));
        }
    }

    /// After the last entry: what is stored is what was computed, nothing more and nothing less.
    fn stored_agrees(&mut self) -> Result<()> {
        let head = self.books.journal_head()?;
        let report = &mut self.report;
        report.expect(head == self.head, || {
            format!("The journal ends with entry {} and should end with {}.", self.head.number, head.number)
        });
        let counts = [
            ("transfers", self.books.count(&TRANSFERS)?, report.transfers),
            ("causes", self.books.count(&TRANSFERS_BY_CAUSE)?, report.transfers),
            ("lines under accounts", self.books.count_links(&TRANSFERS_BY_ACCOUNT)?, report.transfers * 2),
        ];
        for (what, stored, known) in counts {
            report.expect(stored == known, || format!("There are {stored} {what}; the journal knows {known}."));
        }
        for id in self.open.keys() {
            let held = self.books.get(&TRANSFERS, *id)?.is_some_and(|row| row.state == State::Held && row.posted == 0);
            report.expect(held, || format!("The transfer {id} should be held and is not."));
        }
        report.held = self.open.len() as u64;
        self.balances_agree()
    }

    fn balances_agree(&mut self) -> Result<()> {
        let (sums, report) = (&mut self.sums, &mut self.report);
        let mut totals: BTreeMap<Asset, (i128, i128)> = BTreeMap::new();
        self.books.each(&BALANCES, |account, stored| {
            report.accounts += 1;
            let known = sums.remove(&account).unwrap_or_default();
            report.expect(stored == known, || format!("{account} is stored as {stored:?} and comes to {known:?}."));
            let (posted, pending) = totals.entry(account.asset()).or_default();
            *posted += stored.net();
            *pending += i128::from(stored.debits_pending) - i128::from(stored.credits_pending);
            Ok(())
        })?;
        for account in sums.keys() {
            report.finding(format!("The balance of {account} is missing."));
        }
        for (asset, (posted, pending)) in totals {
            report.expect(posted == 0 && pending == 0, || {
                format!("{asset} does not add up to zero: {posted} units posted, {pending} held.")
            });
        }
        Ok(())
    }
}
