//! How a pretended grid begins: who owns which farm and node, and who has how many tokens.

use crate::base::money::Tft;
use crate::wire::key::AccountId;

/// Bytes, but cores for `cru`: the grid's own units.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Resources {
    pub cru: u64,
    pub mru: u64,
    pub sru: u64,
    pub hru: u64,
}

#[derive(Debug, Clone)]
pub struct TwinSeed {
    /// Twins are numbered from 1 in the order of `Genesis::twins`.
    pub id: u32,
    pub account: AccountId,
    pub relay: Option<String>,
    pub pk: Option<Vec<u8>>,
    pub balance: Tft,
}

#[derive(Debug, Clone)]
pub struct FarmSeed {
    /// Farms are numbered from 1.
    pub id: u32,
    pub name: String,
    /// The farmer's twin: the chain pays its account.
    pub twin: u32,
    /// `(CIDR, gateway)` of each public IPv4 the farm offers.
    pub public_ips: Vec<(String, String)>,
    pub dedicated: bool,
}

#[derive(Debug, Clone)]
pub struct NodeSeed {
    /// Nodes are numbered from 1.
    pub id: u32,
    pub farm: u32,
    /// The node's own twin.
    pub twin: u32,
    pub country: String,
    /// Continent, as gridproxy's `region`.
    pub region: String,
    pub city: String,
    /// Decimal degrees as text: the chain stores text too, and nothing here calculates with them.
    pub latitude: String,
    pub longitude: String,
    pub total: Resources,
    pub certified: bool,
    /// Bits per second.
    pub upload_bps: u64,
    pub download_bps: u64,
    pub ipv6: bool,
    /// Taken out of v3 billing by its owner: refuses new contracts (`threefoldtech/tfchain`).
    pub opted_out: bool,
}

#[derive(Debug, Clone)]
pub struct Genesis {
    pub twins: Vec<TwinSeed>,
    pub farms: Vec<FarmSeed>,
    pub nodes: Vec<NodeSeed>,
    /// Accounts without a twin that begin with tokens.
    pub balances: Vec<(AccountId, Tft)>,
    /// Thousandths of a US dollar for one TFT.
    pub tft_price_musd: u32,
}
