//! Zero-OS nodes: what is deployed on them, how it is hashed and signed, and the commands they take. Source: `threefoldtech/zosbase: pkg/gridtypes`.

pub mod answer;
pub mod challenge;
pub mod client;
pub mod data;
pub mod deployment;
pub mod vm;

pub use answer::{Addresses, Refusal, Statistics, refusal};
pub use client::{Bus, BusError, Node, ZosError};
pub use data::{Data, HexBytes, IpNet};
pub use deployment::{Deployment, Outcome, State, Workload};
pub use vm::{DataDisk, Disk, Mycelium, PrivateNet, Vm};

use serde::{Deserialize, Deserializer};

/// Go writes an empty list, map or text as `null` now and then.
fn null_is_default<'de, D: Deserializer<'de>, T: Default + Deserialize<'de>>(deserializer: D) -> Result<T, D::Error> {
    Ok(Option::<T>::deserialize(deserializer)?.unwrap_or_default())
}
