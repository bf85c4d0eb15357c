//! Stores of a swarm: what is put on a node for one, and what is asked of one that is there.

use std::net::{IpAddr, SocketAddr};
use std::time::Duration;

use super::plan::{Planner, deployment_data};
use super::{Deployed, Tfgrid};
use crate::base::ids::OrderId;
use crate::base::{Error, Result, Secret};
use crate::domain::swarm::{Backend, Role, Told, best_address};
use crate::grid::Plan;
use crate::wire::visit::client::is_public;
use crate::wire::zdb::{Zdb, ZdbError};
use crate::wire::zos::answer::ZdbResult;
use crate::wire::zos::data::{Data, Zdb as Workload, ZdbMode};
use crate::wire::zos::deployment::{Deployment, State, Workload as Part};

/// The store's name inside its deployment.
const STORE: &str = "store";
/// How long a store may take for one answer: it is on somebody's line at home.
const PATIENCE: Duration = Duration::from_secs(5);
/// Longest names of namespaces (`threefoldtech/0-db: libzdb/namespace.c`).
const NAME_MAX: usize = 128;
/// Below this are the ports of a machine's own services; stores are above (`threefoldtech/zosbase: pkg/primitives/zdb`).
const PORT_MIN: u16 = 1024;
/// Bytes of the largest value that is asked for: stores hold trials of ours, and what else is in them is not for us.
const VALUE_MAX: usize = 64 << 10;

impl Planner {
    /// One store of so many bytes. Its password is part of what is hashed, and no part of what is stored: see [`with_password`].
    pub fn store(&self, order: OrderId, role: Role, size: u64, password: &Secret<String>, salt: &[u8]) -> Result<Plan> {
        let mode = match role {
            Role::Data => ZdbMode::Seq,
            Role::Meta => ZdbMode::User,
        };
        let store = Workload { size, mode, password: password.clone(), public: false };
        let mut deployment = Deployment::new(self.twin, vec![Part::new(STORE, Data::Zdb(store))]);
        deployment.metadata = deployment_data(order);
        // Of two stores alike on one node each has a hash of its own.
        deployment.description = hex::encode(salt);
        let hash = deployment.hash_hex().map_err(|cause| Error::internal("This store can't be hashed.").because(cause))?;
        let mut deployment =
            serde_json::to_value(&deployment).map_err(|cause| Error::internal("A deployment does not print.").because(cause))?;
        deployment["workloads"][0]["data"]["password"] = "".into();
        Ok(Plan { deployment, hash, tunnel: None })
    }
}

/// A stored deployment with the password that it was hashed with.
pub fn with_password(deployment: &serde_json::Value, password: &Secret<String>) -> serde_json::Value {
    let mut whole = deployment.clone();
    if let Some(data) = whole.pointer_mut("/workloads/0/data").and_then(|data| data.as_object_mut()) {
        data.insert("password".into(), password.reveal().as_str().into());
    }
    whole
}

impl Deployed {
    /// How to reach the store in it.
    pub fn backend(&self) -> Result<Backend> {
        let lost = || Error::unavailable("The node says ready, and does not say where its store is.");
        let part = self.0.workload(STORE).filter(|part| part.result.state == State::Ok).ok_or_else(lost)?;
        let told: ZdbResult = serde_json::from_value(part.result.data.clone()).map_err(|cause| lost().because(cause))?;
        let ips = told.ips.iter().filter_map(|ip| ip.parse::<IpAddr>().ok()).filter(|ip| leads_to_the_grid(*ip));
        let ip = best_address(ips).ok_or_else(lost)?;
        let backend = Backend { namespace: told.namespace, ip, port: told.port };
        if !is_proper(&backend) {
            return Err(lost());
        }
        Ok(backend)
    }
}

/// Whether a store may be where a node says that it is. A farmer can have his node say anything: nobody is led into our own network or
/// that of a customer, and nothing is said to a stranger but a name.
fn is_proper(backend: &Backend) -> bool {
    let name = &backend.namespace;
    let plain = (1..=NAME_MAX).contains(&name.len()) && name.bytes().all(|byte| byte.is_ascii_alphanumeric() || byte == b'-');
    plain && backend.port >= PORT_MIN && leads_to_the_grid(backend.ip)
}

/// Whether an address is one of the overlays that nodes are on, Mycelium (400::/7) and Yggdrasil (200::/7), or of the public Internet.
fn leads_to_the_grid(ip: IpAddr) -> bool {
    let overlay = matches!(ip, IpAddr::V6(ip) if matches!(ip.octets()[0] & 0xfe, 0x02 | 0x04));
    overlay || is_public(ip)
}

impl Tfgrid {
    /// A connection to a store, inside its namespace.
    async fn store(&self, backend: &Backend, password: &Secret<String>) -> Result<Zdb> {
        // Stored before anybody looked at it, perhaps.
        if !is_proper(backend) {
            return Err(Error::unavailable("The store is where no store can be."));
        }
        let address = self.stores.unwrap_or(SocketAddr::new(backend.ip, backend.port));
        let mut store = Zdb::connect(address, PATIENCE).await.map_err(store_error)?;
        store.select(&backend.namespace, password).await.map_err(store_error)?;
        Ok(store)
    }

    /// What a store tells of itself.
    pub async fn ask_store(&self, backend: &Backend, password: &Secret<String>) -> Result<Told> {
        let mut store = self.store(backend, password).await?;
        let info = store.info(&backend.namespace).await.map_err(store_error)?;
        Ok(Told { used: info.used, entries: info.entries })
    }

    /// Keeps a value in a store; gives its key. `key` is for stores of the directory: the others make their own.
    pub async fn keep(
        &self,
        backend: &Backend,
        password: &Secret<String>,
        role: Role,
        key: &[u8],
        value: &[u8],
    ) -> Result<Vec<u8>> {
        let mut store = self.store(backend, password).await?;
        let key = if role == Role::Meta { key } else { &[] };
        let kept = store.set(key, value).await.map_err(store_error)?;
        Ok(kept.unwrap_or_else(|| key.to_vec()))
    }

    pub async fn fetch(&self, backend: &Backend, password: &Secret<String>, key: &[u8]) -> Result<Option<Vec<u8>>> {
        self.store(backend, password).await?.get(key, VALUE_MAX).await.map_err(store_error)
    }

    pub async fn forget(&self, backend: &Backend, password: &Secret<String>, key: &[u8]) -> Result<()> {
        self.store(backend, password).await?.delete(key).await.map_err(store_error)
    }
}

/// `Unavailable` when it is not known what the store did, `Conflict` when it said no.
fn store_error(error: ZdbError) -> Error {
    match error {
        ZdbError::Refused(_) => Error::conflict("The store refused.").because(error),
        ZdbError::Away(_) | ZdbError::Nonsense => Error::unavailable("The store does not answer.").because(error),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// What a node that set up a store says of it.
    fn told(ips: &[&str], namespace: &str, port: u16) -> Deployed {
        let store = Workload { size: 1, mode: ZdbMode::Seq, password: "p".into(), public: false };
        let mut part = Part::new(STORE, Data::Zdb(store));
        part.result.state = State::Ok;
        part.result.data = serde_json::json!({ "Namespace": namespace, "IPs": ips, "Port": port });
        Deployed(Box::new(Deployment::new(7, vec![part])))
    }

    #[test]
    fn a_node_leads_nobody_into_a_house_whatever_it_tells() {
        let at = |ips: &[&str]| told(ips, "7-12-store", 9900).backend().map(|backend| backend.address()).ok();
        assert_eq!(at(&["127.0.0.1", "2a02:1802:5e::1", "5f1::1"]).as_deref(), Some("[5f1::1]:9900"));
        assert_eq!(at(&["10.0.0.1", "300::1"]).as_deref(), Some("[300::1]:9900"));
        assert_eq!(at(&["185.69.166.1"]).as_deref(), Some("185.69.166.1:9900"));
        for inside in
            ["127.0.0.1", "::1", "169.254.169.254", "10.0.0.1", "fd00::1", "fe80::1", "::ffff:127.0.0.1", "0.0.0.0", "::"]
        {
            assert_eq!(at(&[inside]), None, "{inside}");
        }
        let called = |name: &str, port| told(&["5f1::1"], name, port).backend().is_ok();
        assert!(called(&"n".repeat(128), 9900) && called("7-12-store", 1024));
        for name in ["", "a\r\nSET x", "a b", "a\"b", "ä", &"n".repeat(129)] {
            assert!(!called(name, 9900), "{name:?}");
        }
        assert!(!called("n", 22) && !called("n", 0));
        // Told before anybody looked at it.
        assert!(!is_proper(&Backend { namespace: "n".into(), ip: "127.0.0.1".parse().unwrap(), port: 9900 }));
    }

    #[test]
    fn a_stored_plan_has_no_password_and_is_what_was_hashed_once_it_has() {
        let (planner, password) = (Planner::new(7), Secret::from("canary-of-32-letters"));
        let order = OrderId::from_bits(5);
        let plan = planner.store(order, Role::Data, 84 << 30, &password, &[1, 2]).unwrap();
        assert!(!plan.deployment.to_string().contains("canary"));
        let sent: Deployment = serde_json::from_value(with_password(&plan.deployment, &password)).unwrap();
        assert_eq!(sent.hash_hex().unwrap(), plan.hash);
        let Data::Zdb(store) = &sent.workloads[0].data else { panic!() };
        assert_eq!((store.size, store.mode, store.public), (84 << 30, ZdbMode::Seq, false));
        let other = planner.store(order, Role::Data, 84 << 30, &password, &[1, 3]).unwrap();
        assert_ne!(other.hash, plan.hash, "two alike on one node are two");
        let meta = planner.store(order, Role::Meta, 1 << 30, &password, &[1]).unwrap();
        assert_eq!(meta.deployment["workloads"][0]["data"]["mode"], "user");
    }
}
