//! Double entry: accounts, transfers that are held, posted or voided, and the chained journal they leave behind.
//!
//! The rules are plain functions over `Books`, so that the store and a naive model run the same ones. Corrections are
//! new transfers; nothing is ever edited. The journal holds ids only, no personal data.

mod account;
mod journal;
mod rules;

pub use account::{Account, Class, Owner, Title};
pub use journal::{Deed, Entry, Hash, Head, Terms};
pub use rules::{Amount, Balance, Books, Cause, Done, NewTransfer, Posting, State, Transfer, hold, post, transfer, void};
