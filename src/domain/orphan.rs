//! Contracts of our account on the grid that the books know nothing of: they are billed, and nobody uses them.

use std::time::Duration;

use serde::{Deserialize, Serialize};

use crate::base::Time;
use crate::base::ids::OrderId;
use crate::base::time::HOUR;

/// So long one may be new to us: it is being made, and its row is about to be written.
const NEW_FOR: Duration = HOUR;

#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Orphan {
    /// When it was first seen.
    pub seen: Time,
    #[serde(default)]
    pub node: Option<u32>,
    /// The order that its public text names, whoever wrote that.
    #[serde(default)]
    pub order: Option<OrderId>,
    /// Operators were told.
    #[serde(default)]
    pub told: bool,
}

impl Orphan {
    /// Whether it has been there for too long to be only new.
    pub fn is_one(&self, now: Time) -> bool {
        now.since(self.seen) >= NEW_FOR
    }
}
