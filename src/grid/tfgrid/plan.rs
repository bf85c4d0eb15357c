//! What is put on a node for a wish: the deployment, and the customer's end of the tunnel into it.

use std::collections::BTreeMap;
use std::net::{IpAddr, Ipv4Addr};

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use serde_json::json;

use super::super::Plan;
use super::draft::data_disk;
use crate::base::ids::OrderId;
use crate::base::text::WgKey;
use crate::base::{Error, Random, Result};
use crate::domain::catalogue::Boot;
use crate::domain::placement::Choice;
use crate::domain::tunnel::Tunnel;
use crate::domain::wish::Wish;
use crate::wire::zos::data::{IpNet, NetworkPeer};
use crate::wire::zos::vm::{DataDisk, Disk, Mycelium, PrivateNet, Vm};

/// The VM's name inside its deployment: workload names have no hyphen (`threefoldtech/zosbase: pkg/gridtypes`).
pub(super) const MACHINE: &str = "vm";

/// Makes deployments without asking anybody: fit for use inside a write.
#[derive(Clone, Copy)]
pub struct Planner {
    pub(super) twin: u32,
}

impl Planner {
    pub(super) fn new(twin: u32) -> Planner {
        Planner { twin }
    }

    pub(super) fn twin(&self) -> u32 {
        self.twin
    }

    /// One VM with its disks, a private network of its own, and the addresses that were wished for. `order` makes its hash
    /// unique on the chain; nothing in it tells who the customer is.
    pub fn plan(&self, wish: &Wish, order: OrderId, choice: &Choice, random: &dyn Random) -> Result<Plan> {
        let [second, third, ports @ ..] = random.bytes::<4>();
        let second = second.max(1);
        let net = |host, prefix| IpNet::new(IpAddr::V4(Ipv4Addr::new(10, second, third, host)), prefix);
        let size = wish.size.capacity;
        let disk = match wish.image.boot {
            Boot::Full => Disk::Boot(size.ssd),
            Boot::Rooted | Boot::Micro => Disk::Root(size.ssd),
        };
        let (wireguard_key, wireguard_port) = (random.bytes(), 1024 + u16::from_be_bytes(ports) % 31_744);
        let end = match &wish.net.tunnel {
            Some(key) => Some(tunnel(key, choice, (second, third), &wireguard_key, wireguard_port)?),
            None => None,
        };
        let (tunnel, peers) = end.map_or((None, vec![]), |(tunnel, peer)| (Some(tunnel), vec![peer]));
        let vm = Vm {
            name: MACHINE.into(),
            flist: wish.image.flist.clone(),
            entrypoint: wish.image.entrypoint.clone(),
            cpu: u8::try_from(size.cores).map_err(|_| Error::invalid("size", "No node has so many cores."))?,
            memory: size.memory,
            disk,
            data_disks: (1..)
                .zip(&wish.disks)
                .map(|(number, disk): (u32, _)| DataDisk {
                    name: data_disk(number),
                    mountpoint: disk.mount.to_string(),
                    size: disk.size,
                })
                .collect(),
            ssh_keys: wish.keys().map(|key| key.as_str().to_owned()).collect(),
            env: BTreeMap::new(),
            network: PrivateNet {
                name: format!("n{}", hex::encode(random.bytes::<8>())),
                range: IpNet::new(IpAddr::V4(Ipv4Addr::new(10, second, 0, 0)), 16),
                subnet: net(0, 24),
                ip: Ipv4Addr::new(10, second, third, 2),
                wireguard_key,
                wireguard_port,
                peers,
                mycelium: Some(Mycelium { key: random.bytes(), seed: random.bytes() }),
                // Other clients of the grid keep the customer's private key in here; we do not have it.
                metadata: String::new(),
            },
            public_ipv4: wish.net.ipv4,
            public_ipv6: wish.net.ipv6,
            light: false,
            metadata: deployment_data(order),
            description: hex::encode(random.bytes::<16>()),
        };
        let deployment =
            vm.deployment(self.twin).map_err(|cause| Error::internal("This VM can't be described to a node.").because(cause))?;
        let hash = deployment.hash_hex().map_err(|cause| Error::internal("This VM can't be hashed.").because(cause))?;
        let deployment =
            serde_json::to_value(&deployment).map_err(|cause| Error::internal("A deployment does not print.").because(cause))?;
        Ok(Plan { deployment, hash, tunnel })
    }
}

/// Both ends of a customer's tunnel: what the customer is told, and what the node is. The customer's end gets the next
/// subnet and the address that goes with it by custom (`threefoldtech/tfgrid-sdk-go: grid-client`).
fn tunnel(
    key: &WgKey,
    choice: &Choice,
    (second, third): (u8, u8),
    node_key: &[u8; 32],
    port: u16,
) -> Result<(Tunnel, NetworkPeer)> {
    let node = &choice.best;
    let host = node.address.as_deref().ok_or_else(|| Error::internal("A tunnel to a node that can't be reached."))?;
    let theirs = third.wrapping_add(1);
    let v4 = |parts: [u8; 4], prefix| IpNet::new(IpAddr::V4(parts.into()), prefix);
    let (subnet, address) = (v4([10, second, theirs, 0], 24), v4([100, 64, second, theirs], 32));
    let public = x25519_dalek::PublicKey::from(&x25519_dalek::StaticSecret::from(*node_key));
    let node_public = WgKey::parse(&STANDARD.encode(public.as_bytes()))
        .map_err(|why| Error::internal("A WireGuard key that can't be.").because(why))?;
    let endpoint = match host.parse::<IpAddr>() {
        Ok(IpAddr::V6(ip)) => format!("[{ip}]:{port}"),
        _ => format!("{host}:{port}"),
    };
    let peer = NetworkPeer {
        subnet: Some(subnet),
        wireguard_public_key: key.to_string(),
        allowed_ips: vec![subnet, address],
        endpoint: String::new(),
    };
    let network = v4([10, second, third, 0], 24).to_string();
    Ok((Tunnel { key: key.clone(), address: address.to_string(), node: node_public, endpoint, network }, peer))
}

/// The public text of a contract (`threefoldtech/zosbase: pkg/gridtypes`): our order's random number, and no customer data.
pub(super) fn deployment_data(order: OrderId) -> String {
    json!({ "version": 3, "type": "vm", "name": MACHINE, "projectName": order.to_string() }).to_string()
}

/// The order that the public text of a contract names, if it is as we write it.
pub(super) fn order_of(data: &[u8]) -> Option<OrderId> {
    let data: serde_json::Value = serde_json::from_slice(data).ok()?;
    data.get("projectName")?.as_str()?.parse().ok()
}
