//! Rules: plain structs and pure functions that take `now` as an argument.

pub mod account;
pub mod benchmark;
pub mod bill;
pub mod catalogue;
pub mod charge;
pub mod discount;
pub mod export;
pub mod exposure;
pub mod handover;
pub mod job;
pub mod ledger;
pub mod mail;
pub mod margin;
pub mod node;
pub mod observation;
pub mod order;
pub mod placement;
pub mod pool;
pub mod price;
pub mod purse;
pub mod saved_filter;
pub mod signer;
pub mod slot;
pub mod tunnel;
pub mod watch;
pub mod wish;
