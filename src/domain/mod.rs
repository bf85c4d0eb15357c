//! Rules: plain structs and pure functions that take `now` as an argument.

pub mod export;
pub mod ledger;
