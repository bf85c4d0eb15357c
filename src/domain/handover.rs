//! Making a machine one's own: what its owner needs to set it up under a twin of theirs, without us.

use serde::{Deserialize, Serialize};

use super::placement::Choice;
use super::wish::Wish;
use crate::base::Time;
use crate::base::ids::OrderId;

/// An account on the chain whose key somebody has shown to hold. The key itself never comes here.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct OwnAccount {
    /// SS58.
    pub address: String,
    pub proved: Time,
}

/// The first line of a file, so that an older program says what it can't read.
pub const FORMAT: &str = "cooperage-handover/1";

/// Everything about a machine but what is on its disks. There is no secret in it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Handover {
    pub format: String,
    /// Where the machine was rented, and as what.
    pub site: String,
    pub order: OrderId,
    /// The chain by the hash of its first block, and who answers for the grid: addresses that are anybody's.
    pub genesis: String,
    pub chain: Vec<String>,
    pub relay: String,
    pub index: Vec<String>,
    /// Whom nodes ask whether a twin is verified. May be empty.
    #[serde(default)]
    pub identity: String,
    pub wish: Wish,
    /// The node that has room for it.
    pub choice: Choice,
}

/// A machine that its owner has set up under their own twin, as the chain tells.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct Taken {
    pub twin: u32,
    pub contract: u64,
    pub node: u32,
}
