//! Deployments described without asking anybody: what a VM is to a node.

use std::collections::BTreeMap;
use std::net::{IpAddr, Ipv4Addr};

use serde_json::json;

use super::Plan;
use crate::base::ids::OrderId;
use crate::base::{Error, Random, Result};
use crate::domain::catalogue::Boot;
use crate::domain::order::Wish;
use crate::domain::placement::Choice;
use crate::wire::zos::data::IpNet;
use crate::wire::zos::vm::{Disk, Mycelium, PrivateNet, Vm};

/// The VM's name inside its deployment: workload names have no hyphen (`threefoldtech/zosbase: pkg/gridtypes`).
pub(super) const MACHINE: &str = "vm";

/// Makes deployments without asking anybody: fit for use inside a write.
#[derive(Clone, Copy)]
pub struct Planner {
    pub(super) twin: u32,
}

impl Planner {
    /// One VM with a private network of its own and an address on the mesh. `order` makes its hash unique on the chain;
    /// nothing in it tells who the customer is.
    pub fn plan(&self, wish: &Wish, order: OrderId, _choice: &Choice, random: &dyn Random) -> Result<Plan> {
        let [second, third, ports @ ..] = random.bytes::<4>();
        let net = |host, prefix| IpNet::new(IpAddr::V4(Ipv4Addr::new(10, second.max(1), third, host)), prefix);
        let size = wish.size.capacity;
        let disk = match wish.image.boot {
            Boot::Full => Disk::Boot(size.ssd),
            Boot::Micro => Disk::Root(size.ssd),
        };
        let vm = Vm {
            name: MACHINE.into(),
            flist: wish.image.flist.clone(),
            entrypoint: wish.image.entrypoint.clone(),
            cpu: u8::try_from(size.cores).map_err(|_| Error::invalid("size", "No node has so many cores."))?,
            memory: size.memory,
            disk,
            data_disks: vec![],
            ssh_keys: vec![wish.ssh_key.as_str().to_owned()],
            env: BTreeMap::new(),
            network: PrivateNet {
                name: format!("n{}", hex::encode(random.bytes::<8>())),
                range: IpNet::new(IpAddr::V4(Ipv4Addr::new(10, second.max(1), 0, 0)), 16),
                subnet: net(0, 24),
                ip: Ipv4Addr::new(10, second.max(1), third, 2),
                wireguard_key: random.bytes(),
                wireguard_port: 1024 + u16::from_be_bytes(ports) % 31_744,
                peers: vec![],
                mycelium: Some(Mycelium { key: random.bytes(), seed: random.bytes() }),
                metadata: String::new(),
            },
            public_ipv4: false,
            public_ipv6: false,
            light: false,
            metadata: deployment_data(order),
            description: hex::encode(random.bytes::<16>()),
        };
        let deployment =
            vm.deployment(self.twin).map_err(|cause| Error::internal("This VM can't be described to a node.").because(cause))?;
        let hash = deployment.hash_hex().map_err(|cause| Error::internal("This VM can't be hashed.").because(cause))?;
        let deployment =
            serde_json::to_value(&deployment).map_err(|cause| Error::internal("A deployment does not print.").because(cause))?;
        Ok(Plan { deployment, hash })
    }
}

/// The public text of a contract (`threefoldtech/zosbase: pkg/gridtypes`): our order's random number, and no customer data.
pub(super) fn deployment_data(order: OrderId) -> String {
    json!({ "version": 3, "type": "vm", "name": MACHINE, "projectName": order.to_string() }).to_string()
}
