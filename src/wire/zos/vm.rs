//! A virtual machine with its network in one deployment, ready to hash and sign.

use std::collections::BTreeMap;
use std::net::{IpAddr, Ipv4Addr};

use base64::Engine;
use base64::engine::general_purpose::STANDARD;

use super::data::{
    Capacity, Data, HexBytes, Interface, IpNet, Machine, MachineMycelium, MachineNetwork, Mount, Network, NetworkMycelium,
    NetworkPeer, PublicIp, Space,
};
use super::deployment::{Deployment, Workload};
use crate::base::Secret;

const MIB: u64 = 1 << 20;
const GIB: u64 = 1 << 30;
pub const LEAST_MEMORY: u64 = 250 * MIB;

/// Where the machine's system lives.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Disk {
    /// A writable layer of this many bytes over the image: micro VMs and containers.
    Root(u64),
    /// The image is written to a disk of this many bytes and boots from it: images with `/image.raw`.
    Boot(u64),
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub struct DataDisk {
    pub name: String,
    pub mountpoint: String,
    /// Bytes.
    pub size: u64,
}

/// Key and seed decide the address: the same pair gives the same one on any node.
#[derive(Clone, Copy, PartialEq, Eq)]
pub struct Mycelium {
    pub key: [u8; 32],
    pub seed: [u8; 6],
}

#[derive(Clone)]
pub struct PrivateNet {
    /// Must be unique per customer: nodes share networks of one twin by name.
    pub name: String,
    /// Third octet and host are ours: `range` is a /16, `subnet` a /24 of it.
    pub range: IpNet,
    pub subnet: IpNet,
    /// In `subnet`, neither .0, .1 (the node's gateway) nor .255.
    pub ip: Ipv4Addr,
    /// A fresh X25519 secret.
    pub wireguard_key: [u8; 32],
    /// Free on the node.
    pub wireguard_port: u16,
    pub peers: Vec<NetworkPeer>,
    pub mycelium: Option<Mycelium>,
    /// Metadata of the network workload, or empty.
    pub metadata: String,
}

#[derive(Clone)]
pub struct Vm {
    pub name: String,
    pub flist: String,
    pub entrypoint: String,
    pub cpu: u8,
    /// Bytes.
    pub memory: u64,
    pub disk: Disk,
    pub data_disks: Vec<DataDisk>,
    pub ssh_keys: Vec<String>,
    /// More environment; `SSH_KEY` is set from `ssh_keys`. The farmer can read it.
    pub env: BTreeMap<String, String>,
    pub network: PrivateNet,
    /// Needs a contract with one public IP.
    pub public_ipv4: bool,
    pub public_ipv6: bool,
    /// For nodes that take `zmachine-light` and `network-light` only; they have no public addresses.
    pub light: bool,
    /// The text that also goes on chain as `deployment_data`; public.
    pub metadata: String,
    pub description: String,
}

/// Something a node would refuse.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum Unfit {
    #[error("not a workload name: {0:?}")]
    Name(String),
    #[error("two workloads are called {0:?}")]
    NameTwice(String),
    #[error("at least 250 MiB of memory")]
    Memory,
    #[error("at least one core")]
    Cpu,
    #[error("the root file system needs at least {0} bytes")]
    RootSize(u64),
    #[error("a disk of size 0")]
    DiskSize,
    #[error("the machine's address is not a free one of its subnet")]
    Address,
    #[error("a light machine needs mycelium and has no public address")]
    Light,
}

/// `[A-Za-z0-9_]`, 1 to 36 characters, and none of the words that nodes keep for themselves.
pub fn is_workload_name(name: &str) -> bool {
    let plain = name.bytes().all(|byte| byte.is_ascii_alphanumeric() || byte == b'_');
    (1..=36).contains(&name.len()) && plain && !["ygg", "pub", "mycelium"].contains(&name)
}

/// The least root file system a node accepts, other than 0.
pub fn least_root_size(cpu: u8, memory: u64) -> u64 {
    if u128::from(cpu) * u128::from(memory) / u128::from(8 * GIB) == 0 { 500 * MIB } else { 2 * GIB }
}

impl Vm {
    pub const BOOT_DISK: &'static str = "boot";
    pub const PUBLIC_IP: &'static str = "publicip";

    /// The number of public IPv4 addresses that the contract must reserve.
    pub fn public_ips(&self) -> u32 {
        self.public_ipv4.into()
    }

    /// An unsigned deployment of `twin`, or what a node would have against it.
    pub fn deployment(&self, twin: u32) -> Result<Deployment, Unfit> {
        self.check()?;
        let mut network = Workload::new(&self.network.name, self.network_data());
        network.metadata.clone_from(&self.network.metadata);
        let mut workloads = vec![network];
        let mut mounts = Vec::new();
        if let Disk::Boot(size) = self.disk {
            // The first mount becomes the boot disk; its mountpoint is not used.
            workloads.push(Workload::new(Self::BOOT_DISK, Data::Zmount(Space { size })));
            mounts.push(Mount { name: Self::BOOT_DISK.into(), mountpoint: "/".into() });
        }
        for disk in &self.data_disks {
            workloads.push(Workload::new(&disk.name, Data::Zmount(Space { size: disk.size })));
            mounts.push(Mount { name: disk.name.clone(), mountpoint: disk.mountpoint.clone() });
        }
        let public = self.public_ipv4 || self.public_ipv6;
        if public {
            let ip = PublicIp { v4: self.public_ipv4, v6: self.public_ipv6 };
            workloads.push(Workload::new(Self::PUBLIC_IP, Data::Ip(ip)));
        }
        let machine = self.machine(mounts, public);
        let data = if self.light { Data::MachineLight(machine) } else { Data::Machine(machine) };
        workloads.push(Workload::new(&self.name, data));

        for (place, workload) in workloads.iter().enumerate() {
            if !is_workload_name(&workload.name) {
                return Err(Unfit::Name(workload.name.clone()));
            }
            if workloads[..place].iter().any(|earlier| earlier.name == workload.name) {
                return Err(Unfit::NameTwice(workload.name.clone()));
            }
        }
        let (metadata, description) = (self.metadata.clone(), self.description.clone());
        Ok(Deployment { metadata, description, ..Deployment::new(twin, workloads) })
    }

    fn check(&self) -> Result<(), Unfit> {
        if self.cpu == 0 {
            return Err(Unfit::Cpu);
        }
        if self.memory < LEAST_MEMORY {
            return Err(Unfit::Memory);
        }
        let least = least_root_size(self.cpu, self.memory);
        match self.disk {
            Disk::Root(size) if size != 0 && size < least => return Err(Unfit::RootSize(least)),
            Disk::Boot(0) => return Err(Unfit::DiskSize),
            _ => {}
        }
        if self.data_disks.iter().any(|disk| disk.size == 0) {
            return Err(Unfit::DiskSize);
        }
        let (IpAddr::V4(subnet), 24) = (self.network.subnet.ip, self.network.subnet.prefix) else { return Err(Unfit::Address) };
        let ([a, b, c, _], [x, y, z, host]) = (subnet.octets(), self.network.ip.octets());
        if [a, b, c] != [x, y, z] || !(2..=254).contains(&host) {
            return Err(Unfit::Address);
        }
        if self.light && (self.network.mycelium.is_none() || self.public_ipv4 || self.public_ipv6) {
            return Err(Unfit::Light);
        }
        Ok(())
    }

    fn network_data(&self) -> Data {
        let net = &self.network;
        let mycelium = net.mycelium.map(|it| NetworkMycelium { hex_key: HexBytes(it.key.to_vec()), peers: Vec::new() });
        // Every field is sent even to light nodes: only then do all versions hash alike.
        let network = Network {
            ip_range: Some(net.range),
            subnet: Some(net.subnet),
            wireguard_private_key: Secret::new(STANDARD.encode(net.wireguard_key)),
            wireguard_listen_port: net.wireguard_port,
            peers: net.peers.clone(),
            mycelium,
        };
        if self.light { Data::NetworkLight(network) } else { Data::Network(network) }
    }

    fn machine(&self, mounts: Vec<Mount>, public: bool) -> Machine {
        let net = &self.network;
        let mut env = self.env.clone();
        if !self.ssh_keys.is_empty() {
            env.insert("SSH_KEY".into(), self.ssh_keys.join("\n"));
        }
        let seed = |it: Mycelium| MachineMycelium { network: net.name.clone(), hex_seed: HexBytes(it.seed.to_vec()) };
        Machine {
            flist: self.flist.clone(),
            network: MachineNetwork {
                public_ip: if public { Self::PUBLIC_IP.into() } else { String::new() },
                planetary: false,
                interfaces: vec![Interface { network: net.name.clone(), ip: net.ip.into() }],
                mycelium: net.mycelium.map(seed),
            },
            size: match self.disk {
                Disk::Root(size) => size,
                Disk::Boot(_) => 0,
            },
            compute_capacity: Capacity { cpu: self.cpu, memory: self.memory },
            mounts,
            entrypoint: self.entrypoint.clone(),
            env,
            corex: false,
            gpu: Vec::new(),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn vm() -> Vm {
        Vm {
            name: "web1".into(),
            flist: "https://hub.grid.tf/tf-official-vms/ubuntu-24.04-full.flist".into(),
            entrypoint: String::new(),
            cpu: 2,
            memory: 4 * GIB,
            disk: Disk::Boot(25 * GIB),
            data_disks: vec![DataDisk { name: "data".into(), mountpoint: "/mnt/data".into(), size: GIB }],
            ssh_keys: vec!["ssh-ed25519 A".into(), "ssh-ed25519 B".into()],
            env: BTreeMap::new(),
            network: PrivateNet {
                name: "net_ab12".into(),
                range: "10.20.0.0/16".parse().unwrap(),
                subnet: "10.20.2.0/24".parse().unwrap(),
                ip: Ipv4Addr::new(10, 20, 2, 2),
                wireguard_key: [1; 32],
                wireguard_port: 5533,
                peers: vec![],
                mycelium: Some(Mycelium { key: [0xaa; 32], seed: [1, 2, 3, 4, 5, 6] }),
                metadata: String::new(),
            },
            public_ipv4: true,
            public_ipv6: false,
            light: false,
            metadata: "{}".into(),
            description: String::new(),
        }
    }

    #[test]
    fn a_full_vm_boots_from_its_first_mount() {
        let deployment = vm().deployment(7).unwrap();
        let kinds: Vec<_> = deployment.workloads.iter().map(|it| (it.name.as_str(), it.data.kind())).collect();
        assert_eq!(
            kinds,
            [("net_ab12", "network"), ("boot", "zmount"), ("data", "zmount"), ("publicip", "ip"), ("web1", "zmachine")]
        );
        let Data::Machine(machine) = &deployment.workloads[4].data else { panic!() };
        assert_eq!(machine.mounts[0].name, "boot");
        assert_eq!((machine.size, machine.network.public_ip.as_str()), (0, "publicip"));
        assert_eq!(machine.env["SSH_KEY"], "ssh-ed25519 A\nssh-ed25519 B");
        assert_eq!((deployment.twin_id, deployment.version, vm().public_ips()), (7, 0, 1));
    }

    #[test]
    fn a_light_vm_names_every_field_of_its_network() {
        let light = Vm { light: true, public_ipv4: false, disk: Disk::Root(0), ..vm() };
        let json = serde_json::to_value(light.deployment(7).unwrap()).unwrap();
        for field in ["ip_range", "subnet", "wireguard_private_key", "wireguard_listen_port", "peers", "mycelium"] {
            assert!(json["workloads"][0]["data"].get(field).is_some(), "{field}");
        }
        let network = &json["workloads"][2]["data"]["network"];
        assert!(network.get("public_ip").is_none() && network.get("planetary").is_none(), "{network}");
    }

    #[test]
    fn what_a_node_would_refuse_is_refused_here() {
        type Change = fn(&mut Vm);
        let wrong: [(Change, Unfit); 9] = [
            (|vm| vm.cpu = 0, Unfit::Cpu),
            (|vm| vm.memory = LEAST_MEMORY - 1, Unfit::Memory),
            (|vm| vm.name = "web-1".into(), Unfit::Name("web-1".into())),
            (|vm| vm.network.name = "mycelium".into(), Unfit::Name("mycelium".into())),
            (|vm| vm.name = "data".into(), Unfit::NameTwice("data".into())),
            (|vm| vm.disk = Disk::Boot(0), Unfit::DiskSize),
            (|vm| vm.disk = Disk::Root(2 * GIB - 1), Unfit::RootSize(2 * GIB)),
            (|vm| vm.network.ip = Ipv4Addr::new(10, 20, 2, 1), Unfit::Address),
            (|vm| vm.light = true, Unfit::Light),
        ];
        for (change, expected) in wrong {
            let mut vm = vm();
            vm.cpu = 4;
            change(&mut vm);
            assert_eq!(vm.deployment(7), Err(expected));
        }
    }

    #[test]
    fn the_least_root_size_follows_cores_and_memory() {
        assert_eq!(least_root_size(1, 4 * GIB), 500 * MIB);
        assert_eq!(least_root_size(2, 4 * GIB), 2 * GIB);
        assert_eq!(least_root_size(255, u64::MAX), 2 * GIB);
    }
}
