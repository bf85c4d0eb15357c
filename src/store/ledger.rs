//! The books in the store: the ledger's verbs on a transaction, its questions on any reader.

use std::io;

use super::page::Turn;
use super::schema::{BALANCES, JOURNAL, JOURNAL_HEAD, TRANSFERS, TRANSFERS_BY_ACCOUNT, TRANSFERS_BY_CAUSE};
use super::table::{Order, Read};
use super::tx::{Snapshot, Tx};
use crate::base::ids::TransferId;
use crate::base::{Error, Result, Time};
use crate::domain::export;
use crate::domain::ledger::{
    self, Account, Amount, Balance, Books, Cause, Deed, Done, Entry, Head, NewTransfer, Posting, Terms, Transfer,
};

/// Questions about money, to a snapshot or inside a write.
pub trait LedgerRead: Read {
    fn balance(&self, account: Account) -> Result<Balance> {
        Ok(self.get(&BALANCES, account)?.unwrap_or_default())
    }

    /// Every account that was ever used, by name.
    fn balances(&self) -> Result<Vec<(Account, Balance)>> {
        self.all(&BALANCES, usize::MAX)
    }

    fn transfer_of(&self, id: TransferId) -> Result<Option<Transfer>> {
        self.get(&TRANSFERS, id)
    }

    /// The transfer this cause has opened.
    fn transfer_by_cause(&self, cause: &Cause) -> Result<Option<Transfer>> {
        match self.get(&TRANSFERS_BY_CAUSE, cause.as_str())? {
            Some(id) => self.get(&TRANSFERS, id),
            None => Ok(None),
        }
    }

    /// The transfers opened by causes `kind:place-…`, in no order that means anything.
    fn transfers_at(&self, kind: &str, place: &str, limit: usize) -> Result<Vec<Transfer>> {
        // '.' follows '-': everything that begins with the place and a hyphen lies between the two.
        let (from, to) = (format!("{kind}:{place}-"), format!("{kind}:{place}."));
        let found = self.range(&TRANSFERS_BY_CAUSE, from..to, Order::Up, limit)?;
        found.into_iter().map(|(_, id)| self.need(&TRANSFERS, id, "transfer")).collect()
    }

    /// A page of the accounts by name: from the beginning, after one, or up to one.
    fn accounts(&self, turn: Turn<Account>, limit: usize) -> Result<Vec<(Account, Balance)>> {
        match turn {
            Turn::First => self.page(&BALANCES, None, limit),
            Turn::After(mark) => self.page(&BALANCES, Some(mark), limit),
            Turn::Before(mark) => {
                let mut found = self.range(&BALANCES, ..mark, Order::Down, limit)?;
                found.reverse();
                Ok(found)
            }
        }
    }

    /// Transfers from or to `account`, newest first. `before` is the `entry` of the last one of the page before.
    fn transfers_of(&self, account: Account, before: Option<u64>, limit: usize) -> Result<Vec<Transfer>> {
        let from = (account, (0, TransferId::from_bits(0)));
        let to = (account, (before.unwrap_or(u64::MAX), TransferId::from_bits(0)));
        let found = self.links(&TRANSFERS_BY_ACCOUNT, from..to, Order::Down, limit)?;
        found.into_iter().map(|(_, (_, id))| self.need(&TRANSFERS, id, "transfer")).collect()
    }

    /// Where the journal ends.
    fn journal_head(&self) -> Result<Head> {
        Ok(self.single(&JOURNAL_HEAD)?.unwrap_or_default())
    }

    /// Entries after number `after`, in their order.
    fn journal(&self, after: u64, limit: usize) -> Result<Vec<Entry>> {
        Ok(self.page(&JOURNAL, Some(after), limit)?.into_iter().map(|(_, entry)| entry).collect())
    }

    /// Entries before number `before`, newest first: for people.
    fn journal_back(&self, before: Option<u64>, limit: usize) -> Result<Vec<Entry>> {
        let entries = self.range(&JOURNAL, 0..before.unwrap_or(u64::MAX), Order::Down, limit)?;
        Ok(entries.into_iter().map(|(_, entry)| entry).collect())
    }
}

impl<T: Read> LedgerRead for T {}

/// The verbs. Several in one write are all or nothing.
impl Tx<'_> {
    /// Opens a transfer and holds its amount.
    pub fn hold(&mut self, new: NewTransfer, now: Time) -> Result<Done> {
        ledger::hold(self, new, now)
    }

    /// Opens a transfer and posts it at once.
    pub fn transfer(&mut self, new: NewTransfer, now: Time) -> Result<Done> {
        ledger::transfer(self, new, now)
    }

    /// Moves a held transfer, or a part of it and lets the rest go.
    pub fn post(&mut self, id: TransferId, amount: Option<Amount>, now: Time) -> Result<Done> {
        ledger::post(self, id, amount, now)
    }

    /// Lets a held transfer go.
    pub fn void(&mut self, id: TransferId, now: Time) -> Result<Done> {
        ledger::void(self, id, now)
    }
}

impl Books for Tx<'_> {
    fn head(&self) -> Result<Head> {
        self.journal_head()
    }

    fn transfer(&self, id: TransferId) -> Result<Option<Transfer>> {
        self.get(&TRANSFERS, id)
    }

    fn cause_is_used(&self, cause: &Cause) -> Result<bool> {
        self.has(&TRANSFERS_BY_CAUSE, cause.as_str())
    }

    fn balance(&self, account: Account) -> Result<Balance> {
        LedgerRead::balance(self, account)
    }

    fn open(&mut self, transfer: &Transfer) -> Result<()> {
        self.insert(&TRANSFERS, transfer.id, transfer)?;
        self.insert(&TRANSFERS_BY_CAUSE, transfer.terms.cause.as_str(), &transfer.id)?;
        for account in [transfer.terms.debit, transfer.terms.credit] {
            self.link(&TRANSFERS_BY_ACCOUNT, account, (transfer.entry, transfer.id));
        }
        Ok(())
    }

    fn settle(&mut self, transfer: &Transfer) -> Result<()> {
        self.put(&TRANSFERS, transfer.id, transfer)
    }

    fn set_balance(&mut self, account: Account, balance: &Balance) -> Result<()> {
        self.put(&BALANCES, account, balance)
    }

    fn append(&mut self, entry: &Entry) -> Result<()> {
        self.insert(&JOURNAL, entry.number, entry)?;
        self.set(&JOURNAL_HEAD, &entry.head())
    }
}

impl Snapshot {
    /// Every posted movement in the order of the journal.
    pub fn each_posting(&self, mut visit: impl FnMut(&Posting) -> Result<()>) -> Result<()> {
        self.each(&JOURNAL, |number, entry| {
            let (terms, amount) = match entry.deed {
                Deed::Transfer(terms) => {
                    let amount = terms.amount;
                    (terms, amount)
                }
                Deed::Post(amount) => (self.need(&TRANSFERS, entry.transfer, "transfer")?.terms, amount),
                Deed::Hold(_) | Deed::Void => return Ok(()),
            };
            let Terms { debit, credit, cause, memo, .. } = terms;
            visit(&Posting { number, at: entry.at, transfer: entry.transfer, debit, credit, amount, cause, memo })
        })
    }

    /// Writes the books for another accounting program.
    pub fn export(&self, format: export::Format, out: &mut dyn io::Write) -> Result<()> {
        let balances = self.balances()?;
        let mut writer = export::Export::start(format, &balances, out).map_err(unwritten)?;
        self.each_posting(|posting| writer.posting(posting).map_err(unwritten))?;
        writer.finish(self.journal_head()?.at).map_err(unwritten)
    }
}

fn unwritten(cause: io::Error) -> Error {
    Error::unavailable("The export could not be written.").because(cause)
}
