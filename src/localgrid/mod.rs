//! The built-in grid: a pretended world with its own truth behind the wire servers. Only the command line and tests start it.

pub mod card;
pub mod chain;
pub mod control;
pub mod fleet;
pub mod genesis;
pub mod graph;
pub mod grid;
pub mod index;
pub mod mail;
pub mod names;
pub mod node;
pub mod relay;
pub mod web;
pub mod world;

use crate::wire::key::AccountId;
use crate::wire::tfchain::Level;

/// What nodes, relay and index may know of the pretended chain, and the one thing they may tell it.
pub trait ChainView: Send + Sync + 'static {
    fn twin(&self, id: u32) -> Option<TwinView>;
    fn twins(&self) -> Vec<TwinView>;
    fn contract(&self, id: u64) -> Option<ContractView>;
    /// All contracts that were ever made, oldest first, deleted ones included.
    fn contracts(&self) -> Vec<ContractView>;
    /// Changes whenever a contract changes state, so that a node can wait for the next change.
    fn changes(&self) -> tokio::sync::watch::Receiver<u64>;
    /// What a contract was billed so far, oldest first.
    fn bills(&self, contract: u64) -> Vec<BillView>;
    /// A node reports what a contract uses (`SmartContractModule.NodeContractResources`).
    fn report_resources(&self, contract: u64, used: genesis::Resources);
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub struct TwinView {
    pub id: u32,
    pub account: AccountId,
    /// Host names joined with `_`, as on chain.
    pub relay: Option<String>,
    /// 33-byte compressed secp256k1 key for bus encryption.
    pub pk: Option<Vec<u8>>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ContractStateView {
    Created,
    GracePeriod,
    Deleted,
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ContractView {
    pub id: u64,
    pub twin: u32,
    pub state: ContractStateView,
    /// None for name contracts.
    pub node: Option<u32>,
    /// The 32 ASCII characters of the deployment's hex md5; None for name and rent contracts.
    pub deployment_hash: Option<String>,
    pub deployment_data: String,
    pub public_ips: u32,
    /// CIDR addresses that the chain reserved for the contract.
    pub ips: Vec<String>,
    /// What a name contract holds; None for the others.
    pub name: Option<String>,
    /// Unix seconds.
    pub created: i64,
}

/// One bill of a contract, as its event told it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct BillView {
    pub contract: u64,
    /// Unix seconds.
    pub at: u64,
    pub level: Level,
    /// Token units.
    pub amount: u128,
}
