//! The names of the pretended world: the gateways' own, and whatever somebody sets, as at a registrar.

use std::collections::BTreeMap;
use std::net::{IpAddr, SocketAddr};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, PoisonError};

use super::fleet::Profile;
use super::genesis::Genesis;
use super::node::addresses_of;
use crate::wire::dns::server;
use crate::wire::dns::types::Record;

/// All names. Cheap to clone.
#[derive(Clone)]
pub struct Names(Arc<Zone>);

struct Zone {
    /// A gateway's domain and its addresses; every name below it is its too.
    gateways: BTreeMap<String, Vec<IpAddr>>,
    set: Mutex<BTreeMap<String, Vec<Record>>>,
    /// Where names led before, as far as gateways have not heard of newer records.
    old: Mutex<BTreeMap<String, Vec<IpAddr>>>,
    unwell: AtomicBool,
}

impl Names {
    pub fn new(genesis: &Genesis, profiles: &[Profile]) -> Names {
        let mut gateways = BTreeMap::new();
        for seed in &genesis.nodes {
            let domain = profiles.iter().find(|profile| profile.node == seed.id).and_then(|profile| profile.domain.clone());
            if let Some(domain) = domain {
                gateways.insert(domain, addresses_of(seed));
            }
        }
        Names(Arc::new(Zone { gateways, set: Mutex::default(), old: Mutex::default(), unwell: AtomicBool::new(false) }))
    }

    /// Sets the records of a name, or takes it out of the world where there are none.
    pub fn set(&self, name: &str, records: Vec<Record>) {
        let mut set = self.0.set.lock().unwrap_or_else(PoisonError::into_inner);
        match records.is_empty() {
            true => set.remove(name),
            false => set.insert(name.to_owned(), records),
        };
    }

    /// What gateways go on believing of a name, whatever its records say, as those do who remember old ones. None: they ask anew.
    pub fn remember(&self, name: &str, ips: Option<Vec<IpAddr>>) {
        let mut old = self.0.old.lock().unwrap_or_else(PoisonError::into_inner);
        match ips {
            Some(ips) => old.insert(name.to_owned(), ips),
            None => old.remove(name),
        };
    }

    /// The server can't say anything, or can again.
    pub fn set_unwell(&self, unwell: bool) {
        self.0.unwell.store(unwell, Ordering::SeqCst);
    }

    /// Where a name leads, as a gateway sees it.
    pub fn seen_by_gateways(&self, name: &str) -> Vec<IpAddr> {
        let old = self.0.old.lock().unwrap_or_else(PoisonError::into_inner).get(name).cloned();
        old.unwrap_or_else(|| self.resolve(name))
    }

    /// Where a name leads, aliases followed.
    pub fn resolve(&self, name: &str) -> Vec<IpAddr> {
        let mut name = name.to_lowercase();
        for _ in 0..8 {
            let records = server::Names::records(self, &name).unwrap_or_default();
            let alias = records.iter().find_map(|record| match record {
                Record::Cname(to) => Some(to.clone()),
                _ => None,
            });
            match alias {
                Some(to) => name = to,
                None => {
                    let ip = |record| match record {
                        Record::A(ip) => Some(IpAddr::V4(ip)),
                        Record::Aaaa(ip) => Some(IpAddr::V6(ip)),
                        _ => None,
                    };
                    return records.into_iter().filter_map(ip).collect();
                }
            }
        }
        Vec::new()
    }

    /// Answers questions over UDP.
    pub async fn serve(&self, port: u16) -> std::io::Result<(server::Server, SocketAddr)> {
        let server = server::Server::start(Arc::new(self.clone()), port).await?;
        let address = server.address;
        Ok((server, address))
    }
}

impl server::Names for Names {
    fn fails(&self) -> bool {
        self.0.unwell.load(Ordering::SeqCst)
    }

    fn records(&self, name: &str) -> Option<Vec<Record>> {
        if let Some(records) = self.0.set.lock().unwrap_or_else(PoisonError::into_inner).get(name) {
            return Some(records.clone());
        }
        let of = |ip: &IpAddr| match ip {
            IpAddr::V4(ip) => Record::A(*ip),
            IpAddr::V6(ip) => Record::Aaaa(*ip),
        };
        let below = |domain: &str| name.strip_suffix(domain).is_some_and(|rest| rest.is_empty() || rest.ends_with('.'));
        let (_, ips) = self.0.gateways.iter().find(|(domain, _)| below(domain))?;
        Some(ips.iter().map(of).collect())
    }
}
