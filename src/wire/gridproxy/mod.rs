//! Gridproxy, the REST index of the grid: good for choosing, not for confirming. Source: `threefoldtech/tfgrid-sdk-go: grid-proxy`.

pub mod client;
pub mod filter;
pub mod server;
pub mod types;

pub use client::{GridProxy, IndexError, Page};
pub use filter::{ContractFilter, FarmFilter, NodeFilter, Order, Paging};
pub use types::{Contract, Farm, Node, Resources, Stats, Status, Twin};
