//! The ledger's books in plain maps: what the store must come to, without a disk.

use std::collections::{BTreeMap, BTreeSet};

use cooperage::base::Result;
use cooperage::base::ids::TransferId;
use cooperage::domain::ledger::{Account, Balance, Books, Cause, Entry, Head, Transfer};

#[derive(Clone, Default)]
pub struct PlainBooks {
    pub transfers: BTreeMap<TransferId, Transfer>,
    pub causes: BTreeSet<Cause>,
    pub balances: BTreeMap<Account, Balance>,
    pub journal: Vec<Entry>,
}

impl Books for PlainBooks {
    fn head(&self) -> Result<Head> {
        Ok(self.journal.last().map(Entry::head).unwrap_or_default())
    }

    fn transfer(&self, id: TransferId) -> Result<Option<Transfer>> {
        Ok(self.transfers.get(&id).cloned())
    }

    fn cause_is_used(&self, cause: &Cause) -> Result<bool> {
        Ok(self.causes.contains(cause))
    }

    fn balance(&self, account: Account) -> Result<Balance> {
        Ok(self.balances.get(&account).copied().unwrap_or_default())
    }

    fn open(&mut self, transfer: &Transfer) -> Result<()> {
        self.causes.insert(transfer.terms.cause.clone());
        self.settle(transfer)
    }

    fn settle(&mut self, transfer: &Transfer) -> Result<()> {
        self.transfers.insert(transfer.id, transfer.clone());
        Ok(())
    }

    fn set_balance(&mut self, account: Account, balance: &Balance) -> Result<()> {
        self.balances.insert(account, *balance);
        Ok(())
    }

    fn append(&mut self, entry: &Entry) -> Result<()> {
        self.journal.push(entry.clone());
        Ok(())
    }
}
