//! Every table and every index there is. Stored names never change.

use super::table::{Index, Single, Table};
use crate::base::ids::TransferId;
use crate::domain::ledger::{Account, Balance, Entry, Head, Transfer};

// META: single values.
/// How many migrations this file has been through.
pub const VERSION: Single<u64> = Single::new("version");
/// The newest entry of the journal.
pub const JOURNAL_HEAD: Single<Head> = Single::new("journal_head");

// The ledger.
pub const TRANSFERS: Table<TransferId, Transfer> = Table::new("transfers");
pub const TRANSFERS_BY_CAUSE: Table<String, TransferId> = Table::new("transfers_by_cause");
/// Under the number of the entry that opened the transfer, so that they list in the order they happened.
pub const TRANSFERS_BY_ACCOUNT: Index<Account, (u64, TransferId)> = Index::new("transfers_by_account");
pub const BALANCES: Table<Account, Balance> = Table::new("balances");
pub const JOURNAL: Table<u64, Entry> = Table::new("journal");
