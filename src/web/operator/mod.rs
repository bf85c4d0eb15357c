//! What operators see and may do: everything.

pub mod account;
#[cfg(test)]
mod front_door;
pub mod job;
pub mod order;
pub mod overview;
pub mod person;
pub mod pool;
pub mod purse;
pub mod setting;
mod simulator;
mod trace;

use std::str::FromStr;

use crate::base::{Error, Result};

/// The id in a path. What is no id names nothing that is there.
fn id<T: FromStr>(text: &str, noun: &str) -> Result<T> {
    text.parse().map_err(|_| Error::not_found(noun))
}
