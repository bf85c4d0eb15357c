//! Typed commands to one node over any message bus.

use futures_util::future::BoxFuture;
use serde::de::DeserializeOwned;
use serde_json::{Value, json};

use super::answer::{CpuBenchmark, PublicConfig, Refusal, Statistics, Version, refusal};
use super::deployment::{Deployment, Workload};

/// The message bus as a node's client needs it. Implemented outside, so that this room knows no other protocol.
pub trait Bus: Send + Sync {
    /// One request to a twin, one answer. No retries.
    fn call<'a>(&'a self, twin: u32, command: &'a str, payload: Value) -> BoxFuture<'a, Result<Value, BusError>>;
}

#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum BusError {
    /// The request left, and no usable answer came. It may have been carried out.
    #[error("outcome unknown: {0}")]
    Unknown(String),
    /// The request certainly did not arrive.
    #[error("not delivered: {0}")]
    Undelivered(String),
    /// The node answered with an error.
    #[error("{0}")]
    Remote(String),
}

#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum ZosError {
    /// May have been carried out; for `deploy`, ask `get`.
    #[error("outcome unknown: {0}")]
    Unknown(String),
    /// Certainly did not arrive.
    #[error("not delivered: {0}")]
    Undelivered(String),
    #[error("the node refused: {1}")]
    Refused(Refusal, String),
    /// The node answered something that cannot be read.
    #[error("bad answer: {0}")]
    BadAnswer(String),
}

impl From<BusError> for ZosError {
    fn from(error: BusError) -> Self {
        match error {
            BusError::Unknown(why) => ZosError::Unknown(why),
            BusError::Undelivered(why) => ZosError::Undelivered(why),
            BusError::Remote(text) => ZosError::Refused(refusal(&text), text),
        }
    }
}

/// One node, by its twin.
#[derive(Clone, Copy)]
pub struct Node<'a> {
    bus: &'a dyn Bus,
    twin: u32,
}

impl<'a> Node<'a> {
    pub fn new(bus: &'a dyn Bus, twin: u32) -> Self {
        Node { bus, twin }
    }

    async fn ask<T: DeserializeOwned>(&self, command: &str, payload: Value) -> Result<T, ZosError> {
        let answer = self.bus.call(self.twin, command, payload).await?;
        serde_json::from_value(answer).map_err(|error| ZosError::BadAnswer(error.to_string()))
    }

    /// Hands over a new deployment. Success only means queued: poll `changes`. Hash, contract and capacity are judged later.
    /// `Refusal::Exists` means an earlier attempt arrived.
    pub async fn deploy(&self, deployment: &Deployment) -> Result<(), ZosError> {
        self.send("zos.deployment.deploy", deployment).await
    }

    /// Hands over a new version; the contract's hash must have been updated before.
    pub async fn update(&self, deployment: &Deployment) -> Result<(), ZosError> {
        self.send("zos.deployment.update", deployment).await
    }

    async fn send(&self, command: &str, deployment: &Deployment) -> Result<(), ZosError> {
        let payload = serde_json::to_value(deployment).map_err(|error| ZosError::Undelivered(error.to_string()))?;
        self.ask::<Value>(command, payload).await.map(drop)
    }

    /// The deployment with its results; `Refusal::NotFound` if it is not there or not ours.
    pub async fn get(&self, contract: u64) -> Result<Deployment, ZosError> {
        self.ask("zos.deployment.get", json!({ "contract_id": contract })).await
    }

    /// States over time, oldest first; the last entry of a name counts.
    pub async fn changes(&self, contract: u64) -> Result<Vec<Workload>, ZosError> {
        let changes: Option<Vec<Workload>> = self.ask("zos.deployment.changes", json!({ "contract_id": contract })).await?;
        Ok(changes.unwrap_or_default())
    }

    /// Our active deployments on this node.
    pub async fn list(&self) -> Result<Vec<Deployment>, ZosError> {
        let list: Option<Vec<Deployment>> = self.ask("zos.deployment.list", Value::Null).await?;
        Ok(list.unwrap_or_default())
    }

    pub async fn statistics(&self) -> Result<Statistics, ZosError> {
        self.ask("zos.statistics.get", Value::Null).await
    }

    /// The WireGuard ports in use.
    pub async fn list_wg_ports(&self) -> Result<Vec<u16>, ZosError> {
        let ports: Option<Vec<u16>> = self.ask("zos.network.list_wg_ports", Value::Null).await?;
        Ok(ports.unwrap_or_default())
    }

    /// The addresses taken in one of our networks on this node.
    pub async fn list_private_ips(&self, network: &str) -> Result<Vec<String>, ZosError> {
        let ips: Option<Vec<String>> = self.ask("zos.network.list_private_ips", json!({ "network_name": network })).await?;
        Ok(ips.unwrap_or_default())
    }

    /// A node without one answers with an error, which comes out as `Refused`.
    pub async fn public_config(&self) -> Result<PublicConfig, ZosError> {
        self.ask("zos.network.public_config_get", Value::Null).await
    }

    pub async fn has_ipv6(&self) -> Result<bool, ZosError> {
        self.ask("zos.network.has_ipv6", Value::Null).await
    }

    /// How fast the node's processor was when it last measured itself. `Refused` by one that has not yet.
    pub async fn cpu_benchmark(&self) -> Result<CpuBenchmark, ZosError> {
        self.ask("zos.perf.get", json!({ "Name": CpuBenchmark::NAME })).await
    }

    pub async fn system_version(&self) -> Result<Version, ZosError> {
        self.ask("zos.system.version", Value::Null).await
    }

    pub async fn features(&self) -> Result<Vec<String>, ZosError> {
        let features: Option<Vec<String>> = self.ask("zos.system.node_features_get", Value::Null).await?;
        Ok(features.unwrap_or_default())
    }
}

/// The last word on each workload, in the order in which they first appeared.
pub fn latest(changes: &[Workload]) -> Vec<&Workload> {
    let mut latest: Vec<&Workload> = Vec::new();
    for change in changes {
        match latest.iter_mut().find(|known| known.name == change.name) {
            Some(known) => *known = change,
            None => latest.push(change),
        }
    }
    latest
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::wire::zos::data::{Data, Space};
    use crate::wire::zos::deployment::State;

    struct Fixed(Result<Value, BusError>);

    impl Bus for Fixed {
        fn call<'a>(&'a self, _: u32, _: &'a str, _: Value) -> BoxFuture<'a, Result<Value, BusError>> {
            Box::pin(std::future::ready(self.0.clone()))
        }
    }

    #[tokio::test]
    async fn answers_are_typed_and_errors_classified() {
        assert_eq!(Node::new(&Fixed(Ok(Value::Null)), 1).list_wg_ports().await, Ok(vec![]), "Go's empty list");
        assert_eq!(Node::new(&Fixed(Ok(json!([1, 65535]))), 1).list_wg_ports().await, Ok(vec![1, 65535]));
        assert!(matches!(Node::new(&Fixed(Ok(json!([65536]))), 1).list_wg_ports().await, Err(ZosError::BadAnswer(_))));
        let exists = Fixed(Err(BusError::Remote("exists".into())));
        let deployment = Deployment::new(1, vec![]);
        assert_eq!(Node::new(&exists, 1).deploy(&deployment).await, Err(ZosError::Refused(Refusal::Exists, "exists".into())));
        let lost = Fixed(Err(BusError::Unknown("no answer".into())));
        assert!(matches!(Node::new(&lost, 1).deploy(&deployment).await, Err(ZosError::Unknown(_))));
    }

    #[test]
    fn the_last_entry_of_a_name_counts() {
        let change = |name: &str, state| {
            let mut workload = Workload::new(name, Data::Zmount(Space { size: 1 }));
            workload.result.state = state;
            workload
        };
        let changes = [change("a", State::Init), change("b", State::Ok), change("a", State::Error)];
        let states: Vec<_> = latest(&changes).into_iter().map(|one| (one.name.as_str(), one.result.state)).collect();
        assert_eq!(states, [("a", State::Error), ("b", State::Ok)]);
    }
}
