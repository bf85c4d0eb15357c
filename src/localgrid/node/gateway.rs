//! A node as a gateway: what it checks before it lets a name in, and where a visitor comes out. Source:
//! `threefoldtech/zosbase: pkg/gateway/gateway.go`.

use std::net::IpAddr;

use super::super::names::Names;
use super::super::{ContractStateView, ContractView};
use super::command::addresses_of;
use super::engine::{Engine, Held};
use super::{Node, Nodes, locked};
use crate::wire::dns::types::Record;
use crate::wire::zos::answer::MachineResult;
use crate::wire::zos::data::Data;
use crate::wire::zos::deployment::{State, Workload};

/// Where a gateway sends its visitors.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Backend {
    pub ip: String,
    pub port: u16,
}

/// What becomes of a visitor who asks for a name.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Served {
    /// No gateway knows the name.
    Nobody,
    /// The gateway it leads to is not there.
    Dead,
    By(Backend),
}

/// A machine that runs and whose web server answers.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Machine {
    pub contract: u64,
    pub node: u32,
    pub name: String,
}

impl Machine {
    /// What its web server shows.
    pub fn page(&self, port: u16) -> String {
        format!(
            "<!doctype html><title>It works</title><h1>It works</h1><p>Machine {} of contract {} on node {}, port {port}.</p>",
            self.name, self.contract, self.node
        )
    }
}

/// What a gateway has to know of the world outside it.
pub(super) struct Outside<'a> {
    /// Contracts of names, deleted ones left out.
    pub names: Vec<ContractView>,
    pub dns: Option<&'a Names>,
}

/// Whether a gateway lets this workload in, in the node's words if not.
pub(super) fn admit(engine: &Engine, held: &Held, workload: &Workload, outside: &Outside<'_>) -> Result<(), String> {
    let (backends, passthrough) = match &workload.data {
        Data::NameGateway(it) => (&it.backends, it.tls_passthrough),
        Data::FqdnGateway(it) => (&it.backends, it.tls_passthrough),
        _ => return Ok(()),
    };
    let Some(domain) = &engine.profile.domain else { return Ok(()) }; // refused for that
    match &workload.data {
        Data::NameGateway(it) => {
            let found = outside.names.iter().find(|contract| contract.name.as_deref() == Some(&it.name));
            let why = match found {
                None => Some("a name contract with the given name must be reserved first"),
                Some(contract) if contract.state != ContractStateView::Created => {
                    Some("the name contract must be in Created state")
                }
                Some(contract) if contract.twin != held.deployment.twin_id => Some("twin id mismatch"),
                Some(_) => None,
            };
            if let Some(why) = why {
                return Err(format!("failed to verify name contract: {why}"));
            }
        }
        Data::FqdnGateway(it) => {
            if it.fqdn.ends_with(domain.as_str()) {
                return Err("can't create a fqdn workload with a subdomain of the gateway's managed domain".into());
            }
            let ips = outside.dns.map(|dns| dns.seen_by_gateways(&it.fqdn)).unwrap_or_default();
            if ips.is_empty() {
                return Err(format!("failed to verify domain dns record: lookup {}: no such host", it.fqdn));
            }
            let own = addresses_of(&engine.seed);
            if !ips.iter().any(|ip| own.contains(ip)) {
                return Err("failed to verify domain dns record: host doesn't point to the gateway ip".into());
            }
        }
        _ => {}
    }
    let [backend] = backends.as_slice() else { return Err("only one backend is supported".into()) };
    if target(backend, passthrough).is_none() {
        return Err(format!("failed to validate backend '{backend}'"));
    }
    let fqdn = fqdn_of(engine, &workload.data).unwrap_or_default();
    let own = (held.deployment.contract_id, workload.name.as_str());
    let taken = engine.held.values().any(|other| {
        let id = other.deployment.contract_id;
        other.deployment.workloads.iter().any(|it| {
            (id, it.name.as_str()) != own && it.result.state == State::Ok && fqdn_of(engine, &it.data).as_ref() == Some(&fqdn)
        })
    });
    if taken { Err(format!("domain already registered: {fqdn}")) } else { Ok(()) }
}

fn fqdn_of(engine: &Engine, data: &Data) -> Option<String> {
    match data {
        Data::NameGateway(it) => Some(format!("{}.{}", it.name, engine.profile.domain.as_ref()?)),
        Data::FqdnGateway(it) => Some(it.fqdn.clone()),
        _ => None,
    }
}

/// `http://IP[:port]`, or `IP:port` where TLS is passed through; an IPv6 address in brackets, and nobody's own machine.
fn target(backend: &str, passthrough: bool) -> Option<Backend> {
    let place = if passthrough { backend } else { backend.strip_prefix("http://")? };
    let (host, port) = match place.rsplit_once(':') {
        Some((host, port)) if !port.contains(']') => (host, Some(port.parse::<u16>().ok()?)),
        _ => (place, None),
    };
    let host = match host.strip_prefix('[') {
        Some(rest) => rest.strip_suffix(']').filter(|rest| rest.contains(':'))?,
        None => Some(host).filter(|host| !host.contains(':'))?,
    };
    let ip: IpAddr = host.parse().ok()?;
    let port = if passthrough { port? } else { port.unwrap_or(80) };
    (!ip.is_loopback()).then(|| Backend { ip: ip.to_string(), port })
}

impl Nodes {
    /// Where names lead. The first one counts; without any, no own domain is let in.
    pub fn set_names(&self, names: Names) {
        let _first = self.0.names.set(names);
    }

    /// Sets the records of a name; none takes it away.
    pub fn set_records(&self, name: &str, records: Vec<Record>) {
        if let Some(names) = self.0.names.get() {
            names.set(name, records);
        }
    }

    /// Has a node lose what it holds of a contract, as one that was set up anew.
    pub fn lose(&self, node: u32, contract: u64) {
        if let Some(it) = self.0.nodes.get(&node) {
            locked(&it.engine).held.remove(&contract);
        }
    }

    /// A machine's web server, on or off, by the contract of its deployment.
    pub fn set_quiet(&self, contract: u64, quiet: bool) {
        let mut all = locked(&self.0.quiet);
        if quiet {
            all.insert(contract)
        } else {
            all.remove(&contract)
        };
    }

    /// What becomes of a visitor who asks for a name, in small letters.
    pub fn serves(&self, name: &str) -> Served {
        let leads_to = self.0.names.get().map(|names| names.resolve(name));
        let mut served = Served::Nobody;
        for node in self.0.nodes.values() {
            let engine = locked(&node.engine);
            let is_there = |ips: &Vec<IpAddr>| addresses_of(&engine.seed).iter().any(|ip| ips.contains(ip));
            if engine.profile.domain.is_none() || !leads_to.as_ref().is_none_or(is_there) {
                continue;
            }
            let found = engine
                .held
                .values()
                .flat_map(|held| &held.deployment.workloads)
                .find(|it| it.result.state == State::Ok && fqdn_of(&engine, &it.data).as_deref() == Some(name));
            let backend = found.and_then(|it| match &it.data {
                Data::NameGateway(it) => target(it.backends.first()?, it.tls_passthrough),
                Data::FqdnGateway(it) => target(it.backends.first()?, it.tls_passthrough),
                _ => None,
            });
            drop(engine);
            match backend {
                _ if !node.alive() => served = Served::Dead,
                Some(backend) => return Served::By(backend),
                None => {}
            }
        }
        served
    }

    /// The machine with this address outside its private network, if it runs and its web server is on.
    pub fn machine(&self, ip: &str) -> Option<Machine> {
        self.0
            .nodes
            .iter()
            .filter(|(_, node)| node.alive())
            .find_map(|(id, node)| machine_on(*id, node, ip))
            .filter(|machine| !locked(&self.0.quiet).contains(&machine.contract))
    }

    pub(super) fn outside(&self) -> Outside<'_> {
        let mut names = self.0.chain.contracts();
        names.retain(|contract| contract.name.is_some() && contract.state != ContractStateView::Deleted);
        Outside { names, dns: self.0.names.get() }
    }
}

fn machine_on(id: u32, node: &Node, ip: &str) -> Option<Machine> {
    let engine = locked(&node.engine);
    engine.held.values().find_map(|held| {
        let mut machines = held
            .deployment
            .workloads
            .iter()
            .filter(|it| matches!(it.data, Data::Machine(_) | Data::MachineLight(_)) && it.result.state == State::Ok);
        let at = |it: &&Workload| {
            let result: Option<MachineResult> = serde_json::from_value(it.result.data.clone()).ok();
            result.is_some_and(|result| result.mycelium_ip == ip)
        };
        let found = machines.find(at)?;
        Some(Machine { contract: held.deployment.contract_id, node: id, name: found.name.clone() })
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn backends_are_read_as_the_nodes_read_them() {
        let at = |text: &str, passthrough| target(text, passthrough).map(|it| (it.ip, it.port));
        assert_eq!(at("http://10.1.2.3", false), Some(("10.1.2.3".into(), 80)));
        assert_eq!(at("http://[400::1]:8080", false), Some(("400::1".into(), 8080)));
        assert_eq!(at("http://[400::1]", false), Some(("400::1".into(), 80)));
        assert_eq!(at("[400::1]:443", true), Some(("400::1".into(), 443)));
        for (wrong, passthrough) in [
            ("10.1.2.3", false),
            ("https://10.1.2.3", false),
            ("http://example.org", false),
            ("http://127.0.0.1:80", false),
            ("http://[::1]:80", false),
            ("http://10.1.2.3:x", false),
            ("10.1.2.3", true),
            ("http://10.1.2.3:443", true),
            ("400::1:443", true),
        ] {
            assert_eq!(at(wrong, passthrough), None, "{wrong}");
        }
    }
}
