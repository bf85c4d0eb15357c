//! The stores that nodes keep: a namespace for each `zdb` that was deployed. What is in it lives as long as its contract.

use std::collections::BTreeMap;
use std::sync::Arc;

use tokio::net::TcpListener;

use super::{Node, Nodes, locked};
use crate::wire::zdb::server::{No, Shelves, sequential_key, serve, takes_key};
use crate::wire::zdb::types::{Info, Mode};
use crate::wire::zos::data::{Data, Zdb, ZdbMode};
use crate::wire::zos::deployment::State;

/// What is in one namespace.
#[derive(Default)]
pub struct Vault {
    entries: BTreeMap<Vec<u8>, Vec<u8>>,
    /// The number of the next entry, where the store numbers them.
    next: u32,
}

impl Vault {
    fn used(&self) -> u64 {
        self.entries.values().map(|value| value.len() as u64).sum()
    }
}

/// The name of the namespace of a workload (`threefoldtech/zosbase: pkg/gridtypes`, workload identifiers).
pub fn namespace(twin: u32, contract: u64, workload: &str) -> String {
    format!("{twin}-{contract}-{workload}")
}

/// What somebody deployed, as far as it counts here.
struct Deployed {
    zdb: Zdb,
    /// A pause that a grace period brings leaves what is there readable.
    paused: bool,
}

impl Nodes {
    /// Serves the stores of all nodes on one port of this machine: on the grid each node has an address of its own, here it is the
    /// namespace that tells which node is meant. Ends with the nodes.
    pub async fn serve_stores(&self, port: u16) -> std::io::Result<std::net::SocketAddr> {
        let listener = TcpListener::bind((std::net::Ipv4Addr::LOCALHOST, port)).await?;
        let address = listener.local_addr()?;
        self.spawn(serve(listener, Arc::new(self.clone())));
        Ok(address)
    }

    /// What a namespace is, if its node is on.
    fn store(&self, name: &str) -> Result<Deployed, No> {
        let mut parts = name.splitn(3, '-');
        let mut part = || parts.next().ok_or(No::Such);
        let (twin, contract, workload) = (part()?, part()?, part()?);
        let contract: u64 = contract.parse().map_err(|_| No::Such)?;
        let node: &Node = self.0.nodes.values().find(|node| locked(&node.engine).held.contains_key(&contract)).ok_or(No::Such)?;
        if !node.alive() {
            return Err(No::Power);
        }
        let engine = locked(&node.engine);
        let held = engine.held.get(&contract).filter(|held| held.deployment.twin_id.to_string() == twin).ok_or(No::Such)?;
        let found = held.deployment.workload(workload).ok_or(No::Such)?;
        match (&found.data, found.result.state) {
            (Data::Zdb(zdb), State::Ok) => Ok(Deployed { zdb: zdb.clone(), paused: false }),
            (Data::Zdb(zdb), State::Paused) => Ok(Deployed { zdb: zdb.clone(), paused: true }),
            _ => Err(No::Such),
        }
    }

    /// Throws away what was in a namespace.
    pub(super) fn clear_store(&self, name: &str) {
        locked(&self.0.vaults).remove(name);
    }

    /// What is in a namespace, for looking at: entries and bytes.
    pub fn stored(&self, name: &str) -> Option<(usize, u64)> {
        locked(&self.0.vaults).get(name).map(|vault| (vault.entries.len(), vault.used()))
    }

    /// Changes a byte of everything in a namespace, as a disk does that goes bad.
    pub fn spoil(&self, name: &str) {
        for value in locked(&self.0.vaults).get_mut(name).into_iter().flat_map(|vault| vault.entries.values_mut()) {
            value.iter_mut().take(1).for_each(|byte| *byte ^= 0xff);
        }
    }
}

fn mode(zdb: &Zdb) -> Mode {
    match zdb.mode {
        ZdbMode::User => Mode::User,
        ZdbMode::Seq => Mode::Sequential,
    }
}

impl Shelves for Nodes {
    fn enter(&self, namespace: &str, password: Option<&[u8]>) -> Result<bool, No> {
        let Deployed { zdb, .. } = self.store(namespace)?;
        match password {
            Some(password) if password == zdb.password.reveal().as_bytes() => Ok(true),
            Some(_) => Err(No::Access),
            None if zdb.password.reveal().is_empty() => Ok(true),
            None if zdb.public => Ok(false),
            None => Err(No::Private),
        }
    }

    fn put(&self, namespace: &str, key: &[u8], value: &[u8]) -> Result<Option<Vec<u8>>, No> {
        let Deployed { zdb, paused } = self.store(namespace)?;
        if paused {
            return Err(No::ReadOnly);
        }
        let mut vaults = locked(&self.0.vaults);
        let vault = vaults.entry(namespace.to_owned()).or_default();
        let old = vault.entries.get(key);
        if !takes_key(mode(&zdb), key, old.is_some()) {
            return Err(No::Key);
        }
        if old.is_some_and(|old| old == value) {
            return Ok(None);
        }
        let rest = vault.used() - old.map_or(0, |old| old.len() as u64);
        if rest + value.len() as u64 > zdb.size {
            return Err(No::Room);
        }
        let key = match key.is_empty() {
            true => {
                let key = sequential_key(vault.next);
                vault.next += 1;
                key
            }
            false => key.to_vec(),
        };
        vault.entries.insert(key.clone(), value.to_vec());
        Ok(Some(key))
    }

    fn take(&self, namespace: &str, key: &[u8]) -> Result<Option<Vec<u8>>, No> {
        self.store(namespace)?;
        Ok(locked(&self.0.vaults).get(namespace).and_then(|vault| vault.entries.get(key).cloned()))
    }

    fn forget(&self, namespace: &str, key: &[u8]) -> Result<bool, No> {
        self.store(namespace)?;
        Ok(locked(&self.0.vaults).get_mut(namespace).is_some_and(|vault| vault.entries.remove(key).is_some()))
    }

    fn info(&self, namespace: &str) -> Result<Info, No> {
        let Deployed { zdb, .. } = self.store(namespace)?;
        let vaults = locked(&self.0.vaults);
        let vault = vaults.get(namespace);
        Ok(Info {
            name: namespace.to_owned(),
            entries: vault.map_or(0, |vault| vault.entries.len() as u64),
            public: zdb.public,
            password: !zdb.password.reveal().is_empty(),
            used: vault.map_or(0, Vault::used),
            limit: zdb.size,
            mode: mode(&zdb),
        })
    }
}
