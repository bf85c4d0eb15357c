//! What the pretended chain stores, laid out exactly as the real runtime does: foreign clients read it through metadata.

use parity_scale_codec::{Decode, Encode};

use crate::wire::key::AccountId;

#[derive(Debug, Clone, Encode, Decode)]
pub struct Account {
    pub nonce: u32,
    pub consumers: u32,
    pub providers: u32,
    pub sufficients: u32,
    pub free: u128,
    pub reserved: u128,
    pub frozen: u128,
    pub flags: u128,
}

impl Default for Account {
    fn default() -> Self {
        // The top bit says that the account follows the runtime's newer balance logic.
        let flags = 1 << 127;
        Account { nonce: 0, consumers: 0, providers: 1, sufficients: 0, free: 0, reserved: 0, frozen: 0, flags }
    }
}

#[derive(Debug, Clone, Encode, Decode)]
pub struct EntityProof {
    pub entity: u32,
    pub signature: Vec<u8>,
}

#[derive(Debug, Clone, Encode, Decode)]
pub struct Twin {
    pub id: u32,
    pub account: AccountId,
    pub relay: Option<Vec<u8>>,
    pub entities: Vec<EntityProof>,
    pub pk: Option<Vec<u8>>,
}

#[derive(Debug, Clone, Encode, Decode)]
pub struct Terms {
    pub account: AccountId,
    pub timestamp: u64,
    pub link: Vec<u8>,
    pub hash: Vec<u8>,
}

#[derive(Debug, Clone, PartialEq, Eq, Encode, Decode)]
pub struct PublicIp {
    pub ip: Vec<u8>,
    pub gateway: Vec<u8>,
    /// 0: free.
    pub contract: u64,
}

#[derive(Debug, Clone, Encode, Decode)]
pub struct Farm {
    pub version: u32,
    pub id: u32,
    pub name: Vec<u8>,
    pub twin: u32,
    pub pricing_policy: u32,
    pub certification: u8,
    pub public_ips: Vec<PublicIp>,
    pub dedicated: bool,
    /// Always None: limits of farming policies mean nothing here.
    pub limits: Option<()>,
}

#[derive(Debug, Clone, Copy, Default, Encode, Decode)]
pub struct Resources {
    pub hru: u64,
    pub sru: u64,
    pub cru: u64,
    pub mru: u64,
}

#[derive(Debug, Clone, Encode, Decode)]
pub struct Location {
    pub city: Vec<u8>,
    pub country: Vec<u8>,
    pub latitude: Vec<u8>,
    pub longitude: Vec<u8>,
}

#[derive(Debug, Clone, Encode, Decode)]
pub struct Node {
    pub version: u32,
    pub id: u32,
    pub farm: u32,
    pub twin: u32,
    pub resources: Resources,
    pub location: Location,
    /// Always None: our nodes have no public network of their own.
    pub public_config: Option<()>,
    pub created: u64,
    pub farming_policy: u32,
    /// Always empty.
    pub interfaces: Vec<u8>,
    pub certified: bool,
    pub secure_boot: bool,
    pub virtualized: bool,
    pub serial_number: Option<Vec<u8>>,
    pub connection_price: u32,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Encode, Decode)]
pub enum Cause {
    CanceledByUser,
    OutOfFunds,
    CanceledByCollective,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Encode, Decode)]
pub enum State {
    Created,
    Deleted(Cause),
    GracePeriod(u64),
}

#[derive(Debug, Clone, Encode, Decode)]
pub enum Kind {
    Node { node: u32, hash: [u8; 32], data: Vec<u8>, public_ips: u32, ips: Vec<PublicIp> },
    Name { name: Vec<u8> },
    Rent { node: u32 },
}

impl Kind {
    pub fn node(&self) -> Option<u32> {
        match self {
            Kind::Node { node, .. } | Kind::Rent { node } => Some(*node),
            Kind::Name { .. } => None,
        }
    }
}

#[derive(Debug, Clone, Encode, Decode)]
pub struct Contract {
    pub version: u32,
    pub state: State,
    pub id: u64,
    pub twin: u32,
    pub kind: Kind,
    pub solution_provider: Option<u64>,
}

#[derive(Debug, Clone, Default, Encode, Decode)]
pub struct BillingInformation {
    pub previous_nu_reported: u64,
    pub last_updated: u64,
    pub amount_unbilled: u64,
}

#[derive(Debug, Clone, Default, Encode, Decode)]
pub struct UsedResources {
    pub contract: u64,
    pub used: Resources,
}

/// Newer than the metadata we carry; its layout is the one the reference client's types tell.
#[derive(Debug, Clone, Default, Encode, Decode)]
pub struct PaymentState {
    pub standard_reserve: u128,
    pub additional_reserve: u128,
    pub standard_overdraft: u128,
    pub additional_overdraft: u128,
    pub last_updated_seconds: u64,
    pub cycles: u16,
}

#[derive(Debug, Clone, Copy, Encode, Decode)]
pub struct Price {
    pub value: u32,
    /// 3: gigabytes.
    pub unit: u8,
}

#[derive(Debug, Clone, Encode, Decode)]
pub struct PricingPolicy {
    pub version: u32,
    pub id: u32,
    pub name: Vec<u8>,
    pub su: Price,
    pub cu: Price,
    pub nu: Price,
    pub ipu: Price,
    pub unique_name: Price,
    pub domain_name: Price,
    pub foundation: AccountId,
    pub certified_sales: AccountId,
    pub dedication_percent: u8,
}
