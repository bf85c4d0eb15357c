//! Calls we signed for the chain: stored before they are sent, sent again byte for byte, signed anew only when they can never land.

use std::collections::BTreeSet;

use serde::{Deserialize, Serialize};

use super::slot::Slot;
use crate::base::Time;
use crate::base::ids::{RevisionId, WebAddressId};

/// What a signed call is for. At most one open call a purpose.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Purpose {
    AcceptTerms,
    CreateTwin,
    UpdateTwin,
    CreateContract(Slot),
    CancelContract(Slot),
    /// One draft of a revision: the hash of what its node is to have.
    UpdateContract {
        revision: RevisionId,
        draft: u32,
    },
    /// A gateway's contract, for the hash of its next version.
    PointAddress {
        address: WebAddressId,
        change: u32,
    },
    /// Of a contract, by its number, that the books know nothing of.
    CancelOrphan(u64),
}

impl Purpose {
    /// The key it is stored under.
    pub fn key(&self) -> String {
        match self {
            Purpose::AcceptTerms => "accept-terms".into(),
            Purpose::CreateTwin => "create-twin".into(),
            Purpose::UpdateTwin => "update-twin".into(),
            Purpose::CreateContract(slot) => format!("create-contract/{slot}"),
            Purpose::CancelContract(slot) => format!("cancel-contract/{slot}"),
            Purpose::UpdateContract { revision, draft } => format!("update-contract/{revision}/{draft}"),
            Purpose::PointAddress { address, change } => format!("point-address/{address}/{change}"),
            Purpose::CancelOrphan(contract) => format!("cancel-orphan/{contract}"),
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
    /// It did not land while it could and never will: its nonce is free again.
    Expired,
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

/// The least nonce that the chain has left, that no call of ours has used up (`used_to` is the first such), and that none
/// which may still land carries (`taken`). A gap is filled first: what waits behind it could not land before.
pub fn free_nonce(chain_next: u32, used_to: u32, taken: &BTreeSet<u32>) -> u32 {
    let mut nonce = chain_next.max(used_to);
    while taken.contains(&nonce) {
        nonce = nonce.saturating_add(1);
    }
    nonce
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_gap_among_the_nonces_is_filled_before_a_new_one_is_begun() {
        assert_eq!(free_nonce(4, 0, &[].into()), 4);
        assert_eq!(free_nonce(4, 0, &[4, 5].into()), 6);
        // 4 was given up: 5 and 6 wait for somebody who takes it.
        assert_eq!(free_nonce(4, 0, &[5, 6].into()), 4);
        // A node of the chain that lags counts too few.
        assert_eq!(free_nonce(4, 7, &[7].into()), 8);
    }
}
