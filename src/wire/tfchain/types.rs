//! The part of the chain's types that we speak: calls, events and stored records.

use serde::{Deserialize, Serialize};

use crate::base::Time;
use crate::wire::key::AccountId;

pub type Hash = [u8; 32];

/// Who runs on the other side, read at start.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Runtime {
    pub spec_name: String,
    pub spec_version: u32,
    pub tx_version: u32,
    pub genesis: Hash,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum BatchKind {
    /// Stops at the first failure; earlier calls stay.
    UntilFailure,
    /// All or nothing.
    Atomic,
    /// Goes on after failures.
    Forced,
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Call {
    AcceptTerms {
        link: String,
        hash: String,
    },
    CreateTwin {
        relay: Option<String>,
        pk: Option<Vec<u8>>,
    },
    /// Overwrites both fields: a pk of None clears the stored one.
    UpdateTwin {
        relay: Option<String>,
        pk: Option<Vec<u8>>,
    },
    /// `hash`: the 32 ASCII characters of the deployment's hex md5.
    CreateNodeContract {
        node: u32,
        hash: [u8; 32],
        data: Vec<u8>,
        public_ips: u32,
        solution_provider: Option<u64>,
    },
    UpdateNodeContract {
        contract: u64,
        hash: [u8; 32],
        data: Vec<u8>,
    },
    CancelContract {
        contract: u64,
    },
    CreateNameContract {
        name: Vec<u8>,
    },
    CreateRentContract {
        node: u32,
        solution_provider: Option<u64>,
    },
    BillContract {
        contract: u64,
    },
    TransferKeepAlive {
        to: AccountId,
        amount: u128,
    },
    TransferAllowDeath {
        to: AccountId,
        amount: u128,
    },
    Batch {
        kind: BatchKind,
        calls: Vec<Call>,
    },
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub enum Level {
    None,
    Default,
    Bronze,
    Silver,
    Gold,
}

/// Why a call failed, by the names of the runtime: pallet `SmartContractModule`, name `ContractIsNotUnique`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, thiserror::Error)]
#[error("{pallet}.{name}")]
pub struct ModuleError {
    /// Empty for failures that belong to no pallet, such as `BadOrigin` or `Token.FundsUnavailable`.
    pub pallet: String,
    pub name: String,
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Event {
    /// `amount` includes old overdraft that this cycle settled. `level` is the discount's name.
    ContractBilled {
        contract: u64,
        timestamp: u64,
        level: String,
        amount: u128,
    },
    /// The account had less than was due: so much was taken in this cycle, and no `ContractBilled` tells of it. `left` is all that the
    /// contract owes now; the next bill that can be paid includes it.
    PaymentOverdrawn {
        contract: u64,
        timestamp: u64,
        taken: u128,
        left: u128,
    },
    NameContractCanceled {
        contract: u64,
    },
    NodeContractCanceled {
        contract: u64,
    },
    GracePeriodStarted {
        contract: u64,
    },
    GracePeriodEnded {
        contract: u64,
    },
    Transfer {
        from: AccountId,
        to: AccountId,
        amount: u128,
    },
    ReserveRepatriated {
        from: AccountId,
        to: AccountId,
        amount: u128,
    },
    ExtrinsicSuccess,
    ExtrinsicFailed(ModuleError),
    /// One that nobody here does anything about.
    Other {
        pallet: String,
        name: String,
    },
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub struct EventRecord {
    /// The extrinsic of the block that caused it; None for what the chain does by itself, such as billing.
    pub extrinsic: Option<u32>,
    pub event: Event,
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Twin {
    pub id: u32,
    pub account: AccountId,
    /// Host names joined with `_`.
    pub relay: Option<String>,
    pub pk: Option<Vec<u8>>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Cause {
    CanceledByUser,
    OutOfFunds,
    CanceledByCollective,
    Other,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ContractState {
    Created,
    Deleted(Cause),
    /// Since which block.
    GracePeriod(u64),
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub enum ContractKind {
    Node { node: u32, hash: [u8; 32], data: Vec<u8>, public_ips: u32 },
    Name { name: String },
    Rent { node: u32 },
    Other,
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Contract {
    pub id: u64,
    pub twin: u32,
    pub state: ContractState,
    pub kind: ContractKind,
}

/// The chain keeps this much of every account alive, in units.
pub const EXISTENTIAL_DEPOSIT: u128 = 500;

#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Balances {
    pub nonce: u32,
    pub free: u128,
    pub reserved: u128,
    pub frozen: u128,
}

impl Balances {
    /// What billing can reserve and what counts for the discount.
    pub fn usable(&self) -> u128 {
        self.free.saturating_sub(self.frozen.max(EXISTENTIAL_DEPOSIT))
    }
}

/// Prices in units of 10⁻⁷ US dollar per hour and unit of capacity.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PricingPolicy {
    pub su: u32,
    pub cu: u32,
    pub nu: u32,
    pub ipu: u32,
    pub unique_name: u32,
    /// What a rented node costs of its full price, in per cent.
    pub dedication_percent: u8,
}

/// Thousandths of a US dollar for one TFT.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct TftPrice {
    pub average: u32,
    pub min: u32,
    pub max: u32,
}

impl TftPrice {
    /// The price that billing uses.
    pub fn musd(&self) -> u32 {
        self.average.max(self.min).min(self.max)
    }
}

/// Bytes, but cores for `cru`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Resources {
    pub hru: u64,
    pub sru: u64,
    pub cru: u64,
    pub mru: u64,
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Node {
    pub id: u32,
    pub certified: bool,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Block {
    pub number: u32,
    pub hash: Hash,
    pub time: Time,
}

/// A signed extrinsic: store it before it leaves; the same bytes may be sent any number of times.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct SignedCall {
    pub bytes: Vec<u8>,
    pub hash: Hash,
    pub signer: AccountId,
    pub nonce: u32,
    /// The block it was signed upon.
    pub birth_block: u32,
    /// The last block that may include it.
    pub last_block: u32,
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Outcome {
    /// Not seen in a finalized block so far, and it still may be.
    Pending,
    Included {
        block: Hash,
        number: u32,
        result: std::result::Result<Vec<Event>, ModuleError>,
    },
    /// Can never be included any more.
    Expired,
    /// Can never be included any more: something else has used its nonce.
    Usurped,
}
