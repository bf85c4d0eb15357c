//! What one node holds and what it takes: the rules of Zero-OS over plain values. Knows no bus and no time of its own.

use std::collections::{BTreeMap, BTreeSet, VecDeque};
use std::net::{IpAddr, Ipv6Addr};

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use serde_json::{Value, json};
use sha2::{Digest, Sha256};

use super::super::fleet::Profile;
use super::super::genesis::{NodeSeed, Resources};
use super::super::{ContractStateView, ContractView};
use super::shelf::namespace;
use crate::wire::zos::data::{Data, Machine, Network};
use crate::wire::zos::deployment::{Deployment, Outcome, State, Workload};
use crate::wire::zos::vm::{LEAST_MEMORY, is_workload_name, least_root_size};

const GIB: u64 = 1 << 30;
/// What Zero-OS keeps for itself.
pub const SYSTEM: Resources = Resources { cru: 0, mru: 2 * GIB, sru: 100 * GIB, hru: 0 };
const QSFS_MEMORY: u64 = GIB;
/// Disk images: the first mount must be a zmount, which becomes the boot disk.
const DISK_IMAGES: [&str; 4] =
    ["/ubuntu-22.04.flist", "/ubuntu-20.04-lts.flist", "/ubuntu-18.04-lts.flist", "/nixos-22.11.flist"];

/// What can be changed in place.
const CHANGEABLE: [&str; 6] = ["zmount", "volume", "zdb", "qsfs", "network", "network-light"];

/// One deployment and all that ever happened to it.
#[derive(Debug, Clone)]
pub struct Held {
    pub deployment: Deployment,
    /// What was signed and must be on chain, even if an update later fails in parts.
    pub hash: String,
    pub history: Vec<Workload>,
    /// What still has to be done, in order.
    pub pending: VecDeque<Op>,
    /// The pause that a grace period brings is over all workloads.
    pub paused: bool,
}

/// One thing to do. A node knows nothing of a part that an update adds, and shows one that it changes as it was, until it comes to it.
#[derive(Debug, Clone, PartialEq)]
pub enum Op {
    /// Of a new deployment: all its parts are known at once.
    Install(String),
    Remove(String),
    Update(Workload),
    Add(Workload),
}

impl Op {
    pub fn name(&self) -> &str {
        match self {
            Op::Install(name) | Op::Remove(name) => name,
            Op::Update(workload) | Op::Add(workload) => &workload.name,
        }
    }
}

pub struct Engine {
    pub seed: NodeSeed,
    pub profile: Profile,
    /// Gateway of each public address of the farm.
    pub gateways: BTreeMap<String, String>,
    pub held: BTreeMap<u64, Held>,
    /// The free memory it believes in, if it tells everybody more than it has.
    pub really_free: Option<u64>,
}

impl Held {
    fn new(mut deployment: Deployment) -> Result<Held, String> {
        let hash = deployment.hash_hex().map_err(|error| error.to_string())?;
        for workload in &mut deployment.workloads {
            workload.result = Outcome::default();
        }
        let mut pending: Vec<_> =
            deployment.workloads.iter().map(|workload| (rank(&workload.data), Op::Install(workload.name.clone()))).collect();
        pending.sort_by_key(|(rank, _)| *rank);
        let history = deployment.workloads.clone();
        let pending = pending.into_iter().map(|(_, op)| op).collect();
        Ok(Held { deployment, hash, history, pending, paused: false })
    }

    /// Begins an addition: from here on the part is known.
    pub fn add(&mut self, workload: &Workload) {
        if self.deployment.workload(&workload.name).is_none() {
            let new = Workload { result: Outcome::default(), ..workload.clone() };
            self.history.push(new.clone());
            self.deployment.workloads.push(new);
        }
    }

    /// Takes a part away.
    pub fn remove(&mut self, name: &str, now: i64) {
        let gone = self.deployment.workloads.iter().find(|workload| workload.name == name).cloned();
        let result = |old: Outcome| Outcome { created: now, state: State::Deleted, error: "deleted by an update".into(), ..old };
        self.history.extend(gone.map(|gone| Workload { result: result(gone.result.clone()), ..gone }));
        self.deployment.workloads.retain(|workload| workload.name != name);
    }

    /// Ends a change of a part: one that failed only shows among the changes.
    pub fn updated(&mut self, new: &Workload, result: Outcome) {
        let new = Workload { result, ..new.clone() };
        if new.result.state != State::Unchanged
            && let Some(old) = self.deployment.workloads.iter_mut().find(|workload| workload.name == new.name)
        {
            old.clone_from(&new);
        }
        self.history.push(new);
    }

    /// The contract is not for this: everything is put aside, and what was to be done is dropped.
    pub fn put_aside(&mut self, error: &str, now: i64) {
        self.pending.clear();
        let names: Vec<String> = self.deployment.workloads.iter().map(|workload| workload.name.clone()).collect();
        for name in names {
            self.settle(&name, Outcome { created: now, state: State::Error, error: error.to_owned(), data: Value::Null });
        }
    }

    /// Sets the result of a workload and notes the change.
    pub fn settle(&mut self, name: &str, result: Outcome) {
        if let Some(workload) = self.deployment.workloads.iter_mut().find(|workload| workload.name == name) {
            workload.result = result;
            self.history.push(workload.clone());
        }
    }

    /// Whether a machine that runs has mounted this disk.
    fn mounts(&self, disk: &str) -> bool {
        self.deployment.workloads.iter().filter(|it| it.result.state == State::Ok).any(|it| match &it.data {
            Data::Machine(machine) | Data::MachineLight(machine) => machine.mounts.iter().any(|mount| mount.name == disk),
            _ => false,
        })
    }

    fn is_ok(&self, name: &str) -> Option<&Workload> {
        self.deployment.workload(name).filter(|workload| workload.result.state == State::Ok)
    }
}

/// Zero-OS provisions by type, whatever the order in the deployment.
fn rank(data: &Data) -> usize {
    const ORDER: [&str; 10] =
        ["zmount", "volume", "qsfs", "network", "network-light", "ipv4", "ip", "zmachine", "zmachine-light", "zlogs"];
    ORDER.iter().position(|kind| *kind == data.kind()).unwrap_or(ORDER.len())
}

impl Engine {
    pub fn features(&self) -> Vec<&'static str> {
        if self.profile.light {
            return vec!["zmount", "network-light", "zmachine-light", "volume", "zlogs", "zdb", "mycelium"];
        }
        let mut features = vec!["zmount", "network", "zmachine", "volume", "ip", "ipv4", "qsfs", "zlogs", "zdb"];
        features.extend(["wireguard", "yggdrasil", "mycelium"]);
        if self.profile.domain.is_some() {
            features.extend(["gateway-name-proxy", "gateway-fqdn-proxy"]);
        }
        features
    }

    /// What the workloads of one deployment take.
    pub fn used_by(held: &Held) -> Resources {
        let mut used = Resources::default();
        for workload in &held.deployment.workloads {
            if !matches!(workload.result.state, State::Ok | State::Paused | State::Unchanged) {
                continue;
            }
            match &workload.data {
                Data::Zmount(space) | Data::Volume(space) => used.sru = used.sru.saturating_add(space.size),
                Data::Machine(machine) | Data::MachineLight(machine) => {
                    used.cru += u64::from(machine.compute_capacity.cpu);
                    used.mru = used.mru.saturating_add(machine.compute_capacity.memory);
                    used.sru = used.sru.saturating_add(root_size(machine));
                }
                Data::Zdb(zdb) => used.hru = used.hru.saturating_add(zdb.size),
                Data::Qsfs(qsfs) => {
                    used.cru += 1;
                    used.mru = used.mru.saturating_add(QSFS_MEMORY);
                    used.sru = used.sru.saturating_add(qsfs.cache);
                }
                _ => {}
            }
        }
        used
    }

    /// Everything in use, the system included.
    pub fn used(&self) -> Resources {
        self.held.values().map(Engine::used_by).fold(SYSTEM, |sum, used| Resources {
            cru: sum.cru.saturating_add(used.cru),
            mru: sum.mru.saturating_add(used.mru),
            sru: sum.sru.saturating_add(used.sru),
            hru: sum.hru.saturating_add(used.hru),
        })
    }

    pub fn wireguard_ports(&self) -> BTreeSet<u16> {
        self.networks()
            .filter(|(_, _, network)| network.wireguard_listen_port != 0)
            .map(|(.., net)| net.wireguard_listen_port)
            .collect()
    }

    /// (twin, name, network) of all networks that run.
    fn networks(&self) -> impl Iterator<Item = (u32, &str, &Network)> {
        self.held.values().flat_map(|held| {
            held.deployment.workloads.iter().filter_map(|workload| match &workload.data {
                Data::Network(network) | Data::NetworkLight(network) if workload.result.state == State::Ok => {
                    Some((held.deployment.twin_id, workload.name.as_str(), network))
                }
                _ => None,
            })
        })
    }

    /// The addresses that machines of `twin` have in its network `name`.
    pub fn private_ips(&self, twin: u32, name: &str) -> Vec<IpAddr> {
        let held = self.held.values().filter(|held| held.deployment.twin_id == twin);
        let machines = held.flat_map(|held| &held.deployment.workloads).filter_map(|workload| match &workload.data {
            Data::Machine(machine) | Data::MachineLight(machine) if workload.result.state == State::Ok => Some(machine),
            _ => None,
        });
        machines.flat_map(|machine| &machine.network.interfaces).filter(|it| it.network == name).map(|it| it.ip).collect()
    }

    /// The CIDRs of public IPv4 addresses in use.
    pub fn public_ips(&self) -> Vec<String> {
        let all = self.held.values().flat_map(|held| &held.deployment.workloads);
        all.filter(|workload| matches!(workload.data, Data::Ip(_) | Data::Ipv4) && workload.result.state == State::Ok)
            .filter_map(|workload| workload.result.data["ip"].as_str().filter(|ip| !ip.is_empty()).map(str::to_owned))
            .collect()
    }

    /// What is checked before a deployment is taken at all.
    pub fn validate(&self, deployment: &Deployment) -> Result<(), String> {
        let features = self.features();
        let mut names = BTreeSet::new();
        for workload in &deployment.workloads {
            let (name, kind) = (&workload.name, workload.data.kind());
            if !is_workload_name(name) {
                return Err(format!("unsupported workload name '{name}'"));
            }
            if !names.insert(name) {
                return Err(format!("multiple workloads with the same name '{name}'"));
            }
            // A node without a domain knows gateways, it only cannot run them.
            let gateway = kind.starts_with("gateway-") && !self.profile.light;
            if !features.contains(&kind) && !gateway {
                return Err(format!("unknown workload type '{kind}'"));
            }
            if let Data::Machine(machine) | Data::MachineLight(machine) = &workload.data {
                validate_machine(machine).map_err(|why| format!("failed to validate workload '{name}': {why}"))?;
            }
        }
        Ok(())
    }

    /// Takes a new deployment, which is then pending.
    pub fn take(&mut self, deployment: Deployment) -> Result<(), String> {
        let contract = deployment.contract_id;
        if self.held.contains_key(&contract) {
            return Err("exists".into());
        }
        self.held.insert(contract, Held::new(deployment)?);
        Ok(())
    }

    /// Takes a new version of a deployment: what was left out is then to be removed, what has the new number to be changed or added, in
    /// this order (`threefoldtech/zosbase: pkg/gridtypes/deployment.go, pkg/provision/engine.go`). Whatever else of a known part is
    /// different is not looked at.
    pub fn change(&mut self, new: Deployment) -> Result<(), String> {
        let held = self.held.get_mut(&new.contract_id).filter(|held| held.deployment.twin_id == new.twin_id);
        let held = held.ok_or("deployment not found")?;
        let hash = new.hash_hex().map_err(|error| error.to_string())?;
        let refused = |why: String| format!("deployment upgrade validation error: {why}");
        let expected = held.deployment.version + 1;
        if new.version != expected {
            return Err(refused(format!("expecting deployment version {expected}, got {}", new.version)));
        }
        let mut ops = Vec::new();
        for workload in &new.workloads {
            let (kind, name) = (workload.data.kind(), &workload.name);
            let place = i64::try_from(rank(&workload.data)).unwrap_or(i64::MAX) + 1;
            match held.deployment.workload(name) {
                None if workload.version == expected => ops.push((place, Op::Add(workload.clone()))),
                None => return Err(refused(format!("invalid version number for workload '{name}' expected '{expected}'"))),
                Some(old) if old.data.kind() != kind => return Err(refused(format!("cannot change workload type '{name}'"))),
                Some(_) if workload.version == expected => {
                    if !CHANGEABLE.contains(&kind) {
                        return Err(refused(format!("workload '{kind}' does not support upgrade")));
                    }
                    ops.push((place, Op::Update(workload.clone())));
                }
                Some(_) => {}
            }
        }
        for old in held.deployment.workloads.iter().filter(|old| new.workload(&old.name).is_none()) {
            ops.push((-i64::try_from(rank(&old.data)).unwrap_or(i64::MAX) - 1, Op::Remove(old.name.clone())));
        }
        ops.sort_by_key(|(place, _)| *place);
        held.pending.extend(ops.into_iter().map(|(_, op)| op));
        let workloads = std::mem::take(&mut held.deployment.workloads);
        held.deployment = Deployment { workloads, ..new };
        held.hash = hash;
        Ok(())
    }

    /// Changes one part in place: its result, or why it stays as it was.
    pub fn update(&self, contract: &ContractView, new: &Workload) -> Result<Value, String> {
        let held = self.held.get(&contract.id).ok_or("deployment not found")?;
        let old = held.deployment.workload(&new.name).ok_or("no such workload is deployed")?;
        match (&old.data, &new.data) {
            (Data::Zmount(before), Data::Zmount(after)) | (Data::Volume(before), Data::Volume(after)) => {
                if after.size < before.size {
                    return Err("not safe to shrink a disk".into());
                }
                let more = after.size - before.size;
                let usable = self.seed.total.sru.saturating_sub(self.used().sru);
                if more > 0 && matches!(old.data, Data::Zmount(_)) && held.mounts(&new.name) {
                    return Err("disk is mounted, please delete the VM first".into());
                }
                if more > usable {
                    return Err(format!("not enough free storage: {more} bytes of usable {usable} bytes"));
                }
                Ok(old.result.data.clone())
            }
            (_, Data::Network(network)) | (_, Data::NetworkLight(network)) => self.network(contract.twin, &new.name, network),
            _ => Ok(old.result.data.clone()),
        }
    }

    /// Whether the contract on chain is for this deployment, in the node's words if not.
    pub fn check_contract(&self, held: &Held, contract: Option<ContractView>) -> Result<ContractView, String> {
        let live = contract.filter(|contract| contract.state != ContractStateView::Deleted);
        let contract = live.ok_or("failed to get deployment contract: not found")?;
        if contract.node != Some(self.seed.id) {
            return Err("invalid node address in contract".into());
        }
        if contract.twin != held.deployment.twin_id {
            return Err("twin id mismatch between deployment and contract".into());
        }
        if contract.deployment_hash.as_deref() != Some(&held.hash) {
            return Err("contract hash does not match deployment hash".into());
        }
        Ok(contract)
    }

    /// Starts one workload: its result, or why not.
    pub fn provision(&self, contract: &ContractView, name: &str) -> Result<Value, String> {
        let held = self.held.get(&contract.id).ok_or("deployment not found")?;
        let workload = held.deployment.workload(name).ok_or("workload not found")?;
        let free = |total: u64, used: u64| total.saturating_sub(used);
        match &workload.data {
            Data::Zmount(space) | Data::Volume(space) => {
                let usable = free(self.seed.total.sru, self.used().sru);
                if space.size == 0 {
                    return Err("invalid size".into());
                }
                if space.size > usable {
                    return Err(format!("not enough free storage: {} bytes of usable {usable} bytes", space.size));
                }
                let id = format!("{}-{}-{name}", contract.twin, contract.id);
                Ok(if matches!(workload.data, Data::Zmount(_)) { json!({ "volume_id": id }) } else { json!({ "id": id }) })
            }
            Data::Network(network) | Data::NetworkLight(network) => self.network(contract.twin, name, network),
            Data::Ipv4 => self.public_ip(held, contract, name, true, false),
            Data::Ip(ip) => self.public_ip(held, contract, name, ip.v4, ip.v6),
            Data::Machine(machine) | Data::MachineLight(machine) => self.machine(held, contract, name, machine),
            Data::NameGateway(gateway) => match &self.profile.domain {
                Some(domain) => Ok(json!({ "fqdn": format!("{}.{domain}", gateway.name) })),
                None => Err("node doesn't support name proxy (doesn't have a domain)".into()),
            },
            Data::FqdnGateway(_) if self.profile.domain.is_some() => Ok(Value::Null),
            Data::FqdnGateway(_) => Err("node doesn't support fqdn proxy (doesn't have public config)".into()),
            Data::Zdb(zdb) => {
                let usable = free(self.seed.total.hru, self.used().hru);
                if zdb.size == 0 || zdb.size > usable {
                    return Err(format!("not enough free storage: {} bytes of usable {usable} bytes", zdb.size));
                }
                let id = u16::try_from(self.seed.id).unwrap_or(u16::MAX);
                // In the order of the store's interfaces (`threefoldtech/zosbase: pkg/primitives/zdb`).
                let public = self.seed.ipv6.then(|| Ipv6Addr::new(0x2001, 0xdb8, 0, id, 0, 0, 0, 0x9900));
                let planetary = (!self.profile.light).then(|| Ipv6Addr::new(0x300, 0, 0, id, 0, 0, 0, 0x9900));
                let mesh = mycelium(&Sha256::digest(format!("zdb {}", self.seed.id)), &[0, 0, 0, 0, 0, 1]);
                let ips: Vec<Ipv6Addr> = public.into_iter().chain(planetary).chain([mesh]).collect();
                Ok(json!({ "Namespace": namespace(contract.twin, contract.id, name), "IPs": ips, "Port": 9900 }))
            }
            Data::Zlogs(logs) => match held.is_ok(&logs.zmachine) {
                Some(_) => Ok(Value::Null),
                None => Err(format!("no machine called '{}'", logs.zmachine)),
            },
            Data::Qsfs(_) => Ok(json!({ "path": format!("/var/run/qsfs/{}-{name}", contract.id), "metrics_endpoint": "" })),
            Data::Other(kind, _) => Err(format!("unknown workload type '{kind}'")),
        }
    }

    fn network(&self, twin: u32, name: &str, network: &Network) -> Result<Value, String> {
        if network.subnet.is_none() {
            return Err("network subnet cannot be empty".into());
        }
        let port = network.wireguard_listen_port;
        let taken = |(owner, other, it): (u32, &str, &Network)| {
            it.wireguard_listen_port == port && port != 0 && (owner, other) != (twin, name)
        };
        if self.networks().any(taken) {
            return Err(format!("wireguard port {port} already in use"));
        }
        let is_key = |text: &String| STANDARD.decode(text).is_ok_and(|bytes| bytes.len() == 32);
        if let Some(peer) = network.peers.iter().find(|peer| !is_key(&peer.wireguard_public_key) || peer.allowed_ips.is_empty()) {
            return Err(format!("invalid wireguard peer '{}'", peer.wireguard_public_key));
        }
        if network.mycelium.as_ref().is_some_and(|mycelium| mycelium.hex_key.0.len() != 32 || !mycelium.peers.is_empty()) {
            return Err("invalid mycelium configuration".into());
        }
        Ok(Value::Null)
    }

    fn public_ip(&self, held: &Held, contract: &ContractView, name: &str, v4: bool, v6: bool) -> Result<Value, String> {
        let used: Vec<_> = held
            .deployment
            .workloads
            .iter()
            .filter(|it| it.name != name && it.result.state == State::Ok)
            .filter_map(|it| it.result.data["ip"].as_str())
            .collect();
        let (mut ip, mut gateway) = (String::new(), String::new());
        if v4 {
            let free = contract.ips.iter().find(|ip| !used.contains(&ip.as_str()));
            ip = free.ok_or("could not find public ip: no ip is reserved for this workload")?.clone();
            gateway = self.gateways.get(&ip).cloned().unwrap_or_default();
        }
        let mut ip6 = String::new();
        if v6 {
            if !self.seed.ipv6 {
                return Err("public ipv6 is not supported on this node".into());
            }
            let [a, b, ..] = <[u8; 32]>::from(Sha256::digest(format!("{} {name}", contract.id)));
            let host = u16::from_be_bytes([a, b]);
            ip6 = format!("{}/64", Ipv6Addr::new(0x2001, 0xdb8, 0, self.seed.id as u16, 0, 0, 0, host));
        }
        Ok(json!({ "ip": ip, "ip6": ip6, "gateway": gateway }))
    }

    fn machine(&self, held: &Held, contract: &ContractView, name: &str, machine: &Machine) -> Result<Value, String> {
        let memory = machine.compute_capacity.memory;
        let believed = self.seed.total.mru.saturating_sub(self.used().mru);
        let usable = self.really_free.map_or(believed, |really| believed.min(really));
        if memory > usable {
            return Err(format!("cannot fulfil required memory size {memory} bytes out of usable {usable} bytes"));
        }
        let disks = self.seed.total.sru.saturating_sub(self.used().sru);
        if root_size(machine) > disks {
            return Err(format!("not enough free storage: {} bytes of usable {disks} bytes", root_size(machine)));
        }
        if !machine.gpu.is_empty() {
            return Err("usage of GPU is not allowed unless node is rented".into());
        }
        for mount in &machine.mounts {
            held.is_ok(&mount.name).ok_or_else(|| format!("failed to mount '{}': no such disk", mount.name))?;
        }
        if DISK_IMAGES.iter().any(|image| machine.flist.ends_with(image)) {
            let boots = machine.mounts.first().and_then(|mount| held.is_ok(&mount.name));
            if !boots.is_some_and(|disk| matches!(disk.data, Data::Zmount(_))) {
                return Err("first disk mount on a full vm should be a zmount".into());
            }
        }
        let [interface] = &machine.network.interfaces[..] else { return Err("only one private network is support".into()) };
        let found = self.networks().find(|(twin, other, _)| (*twin, *other) == (contract.twin, &interface.network));
        let (_, _, network) = found.ok_or_else(|| format!("could not get network '{}': not found", interface.network))?;
        let console_host = gateway_of(network, interface.ip)
            .ok_or_else(|| format!("ip {} is not a usable address of network '{}'", interface.ip, interface.network))?;
        if self.private_ips(contract.twin, &interface.network).contains(&interface.ip) {
            return Err(format!("ip {} is already in use", interface.ip));
        }
        let public = &machine.network.public_ip;
        if !public.is_empty() {
            held.is_ok(public).ok_or_else(|| format!("failed to get public ip workload '{public}'"))?;
        }
        let mut mycelium_ip = String::new();
        if let Some(wish) = &machine.network.mycelium {
            let key = network.mycelium.as_ref().filter(|_| wish.network == interface.network);
            let key = key.ok_or("mycelium is not enabled on this network")?;
            mycelium_ip = mycelium(&Sha256::digest(&key.hex_key.0), &wish.hex_seed.0).to_string();
        }
        let host = match interface.ip {
            IpAddr::V4(ip) => u16::from(ip.octets()[3]),
            IpAddr::V6(_) => 0,
        };
        Ok(json!({
            "id": format!("{}-{}-{name}", contract.twin, contract.id),
            "ip": interface.ip,
            "planetary_ip": "",
            "mycelium_ip": mycelium_ip,
            "console_url": format!("{console_host}:{}", 20_000 + host),
        }))
    }
}

fn validate_machine(machine: &Machine) -> Result<(), String> {
    if machine.compute_capacity.cpu == 0 {
        return Err("cpu capacity can't be 0".into());
    }
    if machine.compute_capacity.memory < LEAST_MEMORY {
        return Err("mem capacity can't be less that 250M".into());
    }
    let least = least_root_size(machine.compute_capacity.cpu, machine.compute_capacity.memory);
    if machine.size != 0 && machine.size < least {
        return Err(format!("disk size can't be less that {least}. Set to 0 for minimum"));
    }
    if machine.network.interfaces.len() != 1 {
        return Err("only one private network is support at the moment".into());
    }
    if machine.network.mycelium.as_ref().is_some_and(|mycelium| mycelium.hex_seed.0.len() != 6) {
        return Err("mycelium seed must be 6 bytes".into());
    }
    Ok(())
}

/// Bytes of the writable layer, which is never less than the least.
fn root_size(machine: &Machine) -> u64 {
    machine.size.max(least_root_size(machine.compute_capacity.cpu, machine.compute_capacity.memory))
}

/// The first address of the network's subnet, if `ip` is one that a machine may have.
fn gateway_of(network: &Network, ip: IpAddr) -> Option<IpAddr> {
    let subnet = network.subnet?;
    let (IpAddr::V4(net), IpAddr::V4(ip)) = (subnet.ip, ip) else { return None };
    let mask = u32::MAX.checked_shl(32 - u32::from(subnet.prefix)).unwrap_or(0);
    let (net, host) = (u32::from(net) & mask, u32::from(ip) & !mask);
    let inside = u32::from(ip) & mask == net && host > 1 && host != !mask;
    inside.then(|| IpAddr::V4((net + 1).into()))
}

/// Key decides the prefix in 400::/7, seed the host part.
fn mycelium(key: &[u8], seed: &[u8]) -> Ipv6Addr {
    let mut bytes = [0; 16];
    for (to, from) in bytes.iter_mut().zip(key.iter().take(8)) {
        *to = *from;
    }
    bytes[0] = 0x04 | bytes[0] & 1;
    (bytes[8], bytes[9]) = (0xff, 0x0f);
    for (to, from) in bytes[10..].iter_mut().zip(seed) {
        *to = *from;
    }
    bytes.into()
}
