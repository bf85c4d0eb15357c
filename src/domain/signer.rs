//! Calls we signed for the chain: stored before they are sent, sent again byte for byte, signed anew only when they can never land.

use serde::{Deserialize, Serialize};

use crate::base::Time;
use crate::base::ids::OrderId;

/// What a signed call is for. At most one open call a purpose.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Purpose {
    AcceptTerms,
    CreateTwin,
    UpdateTwin,
    CreateContract { order: OrderId, attempt: u32 },
    CancelContract { order: OrderId, attempt: u32 },
}

impl Purpose {
    /// The key it is stored under.
    pub fn key(&self) -> String {
        match self {
            Purpose::AcceptTerms => "accept-terms".into(),
            Purpose::CreateTwin => "create-twin".into(),
            Purpose::UpdateTwin => "update-twin".into(),
            Purpose::CreateContract { order, attempt } => format!("create-contract/{order}/{attempt}"),
            Purpose::CancelContract { order, attempt } => format!("cancel-contract/{order}/{attempt}"),
        }
    }
}

#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum CallState {
    /// Signed; it may land until its last block is finalized.
    Open,
    /// In this finalized block, and it did what it says.
    Landed { block: u32 },
    /// In a finalized block, and the chain refused: pallet and error.
    Refused { reason: String },
}

/// A signed extrinsic.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct SignedCall {
    pub purpose: Purpose,
    pub nonce: u32,
    /// Hex of the exact bytes.
    pub bytes: String,
    /// Hex of their hash.
    pub hash: String,
    pub birth_block: u32,
    pub last_block: u32,
    pub signed: Time,
    pub state: CallState,
    /// How many times it had to be signed anew because its era ended.
    #[serde(default)]
    pub renewals: u32,
}
