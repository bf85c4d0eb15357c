//! What we ask of any compute grid, in our own words. `tfgrid.rs` is the first that answers; nothing above knows which.

pub mod census;
mod standing;
mod tfgrid;

pub use standing::{Endpoint, Footing};
pub use tfgrid::{Config, Deployed, Planner, Tfgrid as Grid, Version, with_password};

use std::net::{Ipv4Addr, Ipv6Addr};

use serde_json::Value;

use crate::base::Time;
use crate::base::ids::OrderId;
use crate::base::money::Tft;
use crate::domain::node::Node;
use crate::domain::tunnel::Tunnel;

/// Every node that the index told of and that makes sense.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Census {
    pub nodes: Vec<Node>,
    /// Rows of the index's answer that could not be read or can't be true.
    pub dropped: usize,
}

/// What the chain itself says of a node, at the moment before money depends on it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Standing {
    pub opted_out: bool,
    pub rented_by: Option<u32>,
    pub extra_fee_musd: u64,
}

impl Standing {
    /// Why `twin` can't have a contract there, in words for a timeline.
    pub fn refusal(&self, twin: u32) -> Option<&'static str> {
        match self {
            Standing { opted_out: true, .. } => Some("takes no new orders any more"),
            Standing { rented_by: Some(other), .. } if *other != twin => Some("was rented as a whole by somebody else"),
            Standing { extra_fee_musd: 1.., rented_by: None, .. } => Some("is only rented out as a whole now"),
            _ => None,
        }
    }
}

/// A finalized block: what it says can't change any more.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Block {
    pub number: u32,
    pub hash: [u8; 32],
    pub at: Time,
}

/// What is put on a node: opaque, frozen, and hashed as the contract wants it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Plan {
    pub deployment: Value,
    /// 32 hex letters.
    pub hash: String,
    /// The customer's way into the private network, if one was wished for.
    pub tunnel: Option<Tunnel>,
}

/// Something to be signed for the chain.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Call {
    AcceptTerms,
    CreateTwin,
    UpdateTwin,
    CreateContract { node: u32, hash: String, data: String, public_ips: u32 },
    CancelContract { contract: u64 },
    UpdateContract { contract: u64, hash: String, data: String },
    CreateName { name: String },
}

/// A signed call, not sent yet.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Signed {
    pub nonce: u32,
    pub bytes: Vec<u8>,
    pub hash: [u8; 32],
    pub birth_block: u32,
    /// It can't land in a later block than this.
    pub last_block: u32,
}

/// What became of a signed call.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Fate {
    /// Not in a finalized block yet, and it still may be.
    Pending,
    /// It did what it says, in this finalized block.
    Landed { block: u32 },
    /// In a finalized block, and the chain said no.
    Refused(String),
    /// It can never land any more.
    Expired,
    /// It can never land any more: somebody else has used the account, and its nonce with it.
    Usurped,
}

/// What has become of a contract.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ContractState {
    Runs,
    /// It could not be paid: what it carries is paused until it can, for some days.
    Paused,
    /// Deleted, or never there.
    Gone,
}

/// A contract that our account has on the chain.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Held {
    pub contract: u64,
    pub node: Option<u32>,
    /// The order that its public text names.
    pub order: Option<OrderId>,
}

/// How far a node is with a deployment.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Progress {
    /// The node does not know of it.
    Unknown,
    /// So many of so many parts are ready.
    Working {
        ready: usize,
        of: usize,
        now: String,
    },
    Ready(Deployed),
    /// It holds it back, as nodes do with what is not paid.
    Paused,
    Failed(String),
}

/// How far a node is with another version of a deployment.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Revised {
    /// It has not taken it.
    NotTaken,
    Working,
    /// All is as it should be.
    Ready(Deployed),
    Failed(String),
}

/// How a gateway is reached.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PublicConfig {
    /// Small letters, no dot at the end. Empty: it lends out no names.
    pub domain: String,
    pub v4: Option<Ipv4Addr>,
    pub v6: Option<Ipv6Addr>,
}

/// What a gateway has of ours.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct GatewayState {
    pub version: u32,
    pub ready: bool,
    /// Why it does not carry it.
    pub failed: Option<String>,
}

/// One bill in a finalized block, or as much of one as could be paid.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct BillEvent {
    pub event: u32,
    pub contract: u64,
    /// With whatever was left of bills before.
    pub amount: Tft,
    /// What is left of it for the next one; there is no discount on that.
    pub left: Tft,
    /// Name of the discount level.
    pub level: String,
    pub at: Time,
}

/// Tokens that a bill took from us to somebody else, found in a finalized block.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PaymentEvent {
    pub event: u32,
    /// The farmer's twin it went to.
    pub to: u32,
    pub amount: Tft,
}

/// What one finalized block did to our purse, and to contracts.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct BlockReport {
    pub bills: Vec<BillEvent>,
    pub payments: Vec<PaymentEvent>,
    /// Contracts, anybody's, that could not be paid, that can be again, and that were deleted.
    pub paused: Vec<u64>,
    pub resumed: Vec<u64>,
    pub gone: Vec<u64>,
    /// When the block was made; known only where a contract was paused or deleted.
    pub at: Option<Time>,
}

/// The operator's tokens at a finalized block.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Wallet {
    pub free: Tft,
    /// Billed, and not paid out to anybody yet.
    pub reserved: Tft,
}

/// What the operator's account on the grid has and lacks.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Account {
    pub address: String,
    pub terms_accepted: bool,
    pub twin: Option<u32>,
    /// Relay and encryption key on the chain are the ones we use.
    pub twin_current: bool,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn whoever_left_or_is_taken_is_refused_with_a_reason() {
        let free = Standing { opted_out: false, rented_by: None, extra_fee_musd: 0 };
        assert_eq!(free.refusal(7), None);
        assert_eq!(Standing { rented_by: Some(7), extra_fee_musd: 5, ..free }.refusal(7), None, "it is ours");
        for other in [
            Standing { opted_out: true, ..free },
            Standing { rented_by: Some(8), ..free },
            Standing { extra_fee_musd: 1, ..free },
            Standing { opted_out: true, rented_by: Some(7), ..free },
        ] {
            assert!(other.refusal(7).is_some(), "{other:?}");
        }
    }
}
