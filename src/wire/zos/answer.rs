//! What nodes answer: results of workloads, counters, and refusals, which are told apart by their text only.

use std::net::IpAddr;

use serde::{Deserialize, Serialize};
use serde_json::Value;

use super::data::{Data, IpNet};
use super::deployment::{Deployment, State};
use super::null_is_default;

/// Result of a `zmachine` or `zmachine-light`.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
pub struct MachineResult {
    #[serde(default, deserialize_with = "null_is_default")]
    pub id: String,
    #[serde(default, deserialize_with = "null_is_default")]
    pub ip: String,
    #[serde(default, alias = "ygg_ip", deserialize_with = "null_is_default")]
    pub planetary_ip: String,
    #[serde(default, deserialize_with = "null_is_default")]
    pub mycelium_ip: String,
    /// `host:port` of an unauthenticated terminal.
    #[serde(default, deserialize_with = "null_is_default")]
    pub console_url: String,
}

/// Result of an `ip`. Go writes an unset address as `""`, `"<nil>"` or null.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
pub struct IpResult {
    #[serde(default, deserialize_with = "null_is_default")]
    pub ip: String,
    #[serde(default, deserialize_with = "null_is_default")]
    pub ip6: String,
    #[serde(default, deserialize_with = "null_is_default")]
    pub gateway: String,
}

#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
pub struct ZmountResult {
    #[serde(default)]
    pub volume_id: String,
}

#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
pub struct VolumeResult {
    #[serde(default, alias = "volume_id")]
    pub id: String,
}

#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
pub struct ZdbResult {
    #[serde(default, rename = "Namespace")]
    pub namespace: String,
    #[serde(default, rename = "IPs", deserialize_with = "null_is_default")]
    pub ips: Vec<String>,
    #[serde(default, rename = "Port")]
    pub port: u16,
}

#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
pub struct GatewayResult {
    #[serde(default)]
    pub fqdn: String,
}

#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
pub struct QsfsResult {
    #[serde(default)]
    pub path: String,
    #[serde(default)]
    pub metrics_endpoint: String,
}

/// How a machine is reached, collected from the results of its deployment.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Addresses {
    /// In the private network.
    pub private: Option<IpAddr>,
    pub mycelium: Option<IpAddr>,
    pub planetary: Option<IpAddr>,
    pub public4: Option<IpNet>,
    pub public6: Option<IpNet>,
    /// Gateway of the public IPv4.
    pub gateway: Option<IpAddr>,
    /// `host:port` inside the private network.
    pub console: Option<String>,
}

/// The addresses of machine `name`; None while it is not `ok`, or if there is no such machine.
pub fn addresses(deployment: &Deployment, name: &str) -> Option<Addresses> {
    let workload = deployment.workload(name)?;
    let (Data::Machine(machine) | Data::MachineLight(machine)) = &workload.data else { return None };
    if workload.result.state != State::Ok {
        return None;
    }
    let result: MachineResult = serde_json::from_value(workload.result.data.clone()).ok()?;
    let ip: Option<IpResult> = deployment
        .workload(&machine.network.public_ip)
        .filter(|workload| workload.result.state == State::Ok)
        .and_then(|workload| serde_json::from_value(workload.result.data.clone()).ok());
    let ip = ip.unwrap_or_default();
    Some(Addresses {
        private: result.ip.parse().ok(),
        mycelium: result.mycelium_ip.parse().ok(),
        planetary: result.planetary_ip.parse().ok(),
        public4: ip.ip.parse().ok(),
        public6: ip.ip6.parse().ok(),
        gateway: ip.gateway.parse().ok(),
        console: Some(result.console_url).filter(|url| !url.is_empty()),
    })
}

/// Bytes, but cores for `cru` and addresses for `ipv4u`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(default)]
pub struct Capacity {
    pub cru: u64,
    pub sru: u64,
    pub hru: u64,
    pub mru: u64,
    pub ipv4u: u64,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(default)]
pub struct Users {
    pub deployments: u64,
    pub workloads: u64,
    pub last_deployment_timestamp: i64,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(default)]
pub struct Statistics {
    pub total: Capacity,
    /// Includes `system`.
    pub used: Capacity,
    pub system: Capacity,
    pub users: Users,
    pub open_connections: u64,
}

impl Statistics {
    pub fn free(&self) -> Capacity {
        let (total, used) = (self.total, self.used);
        Capacity {
            cru: total.cru.saturating_sub(used.cru),
            sru: total.sru.saturating_sub(used.sru),
            hru: total.hru.saturating_sub(used.hru),
            mru: total.mru.saturating_sub(used.mru),
            ipv4u: total.ipv4u.saturating_sub(used.ipv4u),
        }
    }
}

/// The report of a node's own benchmark (`threefoldtech/zos: docs/tasks/cpubench.md`).
#[derive(Debug, Clone, PartialEq, Default, Serialize, Deserialize)]
#[serde(default)]
pub struct CpuBenchmark {
    pub result: CpuTimes,
    /// Unix seconds.
    pub timestamp: i64,
}

/// Seconds that its task took: less is faster.
#[derive(Debug, Clone, Copy, PartialEq, Default, Serialize, Deserialize)]
#[serde(default)]
pub struct CpuTimes {
    pub single: f64,
    pub multi: f64,
    pub threads: u32,
    /// Running beside it.
    pub workloads: u32,
}

impl CpuBenchmark {
    pub const NAME: &str = "cpu-benchmark";

    /// Milliseconds that one thread took; None for what is no time at all.
    pub fn single_ms(&self) -> Option<u32> {
        let ms = (self.result.single * 1e3).round();
        (ms >= 1.0 && ms <= f64::from(u32::MAX)).then_some(ms as u32)
    }
}

#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(default)]
pub struct PublicConfig {
    #[serde(rename = "type", deserialize_with = "null_is_default")]
    pub kind: Value,
    #[serde(deserialize_with = "null_is_default")]
    pub ipv4: String,
    #[serde(deserialize_with = "null_is_default")]
    pub ipv6: String,
    #[serde(deserialize_with = "null_is_default")]
    pub gw4: String,
    #[serde(deserialize_with = "null_is_default")]
    pub gw6: String,
    #[serde(deserialize_with = "null_is_default")]
    pub domain: String,
}

#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(default)]
pub struct Version {
    pub zos: String,
    pub zinit: String,
}

/// Why a node said no. The code is always 0, so its words decide.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Refusal {
    NotFound,
    /// The deployment is there already: a repeated `deploy` was accepted before.
    Exists,
    HashMismatch,
    /// The contract is for another node.
    WrongNode,
    /// The node's own chain connection does not know the contract (yet).
    ContractUnknown,
    TwinMismatch,
    /// The twin has not passed the identity check.
    NotVerified,
    BadSignature,
    BadVersion,
    /// Not enough memory free on the node at this moment.
    NoCapacity,
    /// This type of workload cannot be changed in place.
    NoUpgrade,
    DeletionDisabled,
    Other,
}

/// Classifies the text of an error, from an answer or from a workload's result.
pub fn refusal(text: &str) -> Refusal {
    const TEXTS: [(&str, Refusal); 15] = [
        ("deployment not found", Refusal::NotFound),
        ("contract hash does not match deployment hash", Refusal::HashMismatch),
        ("invalid node address in contract", Refusal::WrongNode),
        ("failed to get deployment contract", Refusal::ContractUnknown),
        ("twin id mismatch", Refusal::TwinMismatch),
        ("is not verified", Refusal::NotVerified),
        ("failed to verify signature", Refusal::BadSignature),
        ("missing required signature", Refusal::BadSignature),
        ("expected version to be 0 on deployment creation", Refusal::BadVersion),
        ("invalid version", Refusal::BadVersion),
        ("expecting deployment version", Refusal::BadVersion),
        ("cannot fulfil required", Refusal::NoCapacity),
        ("does not support upgrade", Refusal::NoUpgrade),
        ("deletion over the api is disabled", Refusal::DeletionDisabled),
        // Last, since other sentences may hold the word.
        ("exists", Refusal::Exists),
    ];
    TEXTS.into_iter().find(|(known, _)| text.contains(known)).map_or(Refusal::Other, |(_, refusal)| refusal)
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;
    use crate::wire::zos::deployment::{Outcome, Workload};

    #[test]
    fn a_benchmark_is_read_as_nodes_report_it() {
        // As documented with the task itself.
        let sample = json!({
            "description": "Measures the performance of the node CPU by reporting the timespent of computing a task in seconds.",
            "name": "cpu-benchmark",
            "result": { "multi": 1.105, "single": 1.135, "threads": 1, "workloads": 0 },
            "timestamp": 1_700_504_403
        });
        let read = |value| serde_json::from_value::<CpuBenchmark>(value).unwrap();
        assert_eq!(read(sample).single_ms(), Some(1135));
        for nonsense in [0.0, -1.0, 1e-9, 1e300] {
            assert_eq!(read(json!({ "result": { "single": nonsense } })).single_ms(), None, "{nonsense}");
        }
        assert_eq!(read(json!({})).single_ms(), None);
    }

    #[test]
    fn refusals_are_told_apart_by_their_words() {
        for (text, expected) in [
            ("deployment not found", Refusal::NotFound),
            ("exists", Refusal::Exists),
            ("contract hash does not match deployment hash", Refusal::HashMismatch),
            ("invalid node address in contract", Refusal::WrongNode),
            ("failed to get deployment contract: not found", Refusal::ContractUnknown),
            ("twin id mismatch", Refusal::TwinMismatch),
            ("user with twin id 7 is not verified", Refusal::NotVerified),
            ("failed to verify signature", Refusal::BadSignature),
            ("missing required signature for twin: 7", Refusal::BadSignature),
            ("expected version to be 0 on deployment creation", Refusal::BadVersion),
            ("cannot fulfil required memory size 1 bytes out of usable 0 bytes", Refusal::NoCapacity),
            ("the moon is in the wrong house", Refusal::Other),
        ] {
            assert_eq!(refusal(text), expected, "{text}");
        }
    }

    #[test]
    fn old_and_new_results_are_read_alike() {
        let old: MachineResult =
            serde_json::from_value(json!({"id": "1", "ip": "10.1.2.3", "ygg_ip": "300::1", "mycelium_ip": null})).unwrap();
        assert_eq!((old.planetary_ip.as_str(), old.mycelium_ip.as_str()), ("300::1", ""));
        let npm: VolumeResult = serde_json::from_value(json!({"volume_id": "v"})).unwrap();
        assert_eq!(npm.id, "v");
        let zdb: ZdbResult = serde_json::from_value(json!({"Namespace": "n", "IPs": null, "Port": 9900})).unwrap();
        assert_eq!((zdb.ips.len(), zdb.port), (0, 9900));
    }

    #[test]
    fn addresses_are_collected_once_the_machine_runs() {
        let data = |kind: &str, json| Data::from_json(kind, json).unwrap();
        let machine =
            json!({"flist": "f", "network": {"public_ip": "ip", "interfaces": []}, "compute_capacity": {"cpu": 1, "memory": 1}});
        let mut deployment = Deployment::new(
            7,
            vec![Workload::new("ip", data("ip", json!({"v4": true}))), Workload::new("vm", data("zmachine", machine))],
        );
        assert_eq!(addresses(&deployment, "vm"), None);
        let ok = |data| Outcome { created: 1, state: State::Ok, error: String::new(), data };
        deployment.workloads[0].result = ok(json!({"ip": "192.0.2.9/24", "ip6": "<nil>", "gateway": "192.0.2.1"}));
        deployment.workloads[1].result = ok(json!({"ip": "10.1.2.3", "mycelium_ip": "400::1", "console_url": "10.1.2.1:20003"}));
        let found = addresses(&deployment, "vm").unwrap();
        assert_eq!(found.public4.unwrap().to_string(), "192.0.2.9/24");
        assert_eq!((found.public6, found.mycelium), (None, Some("400::1".parse().unwrap())));
        assert_eq!(addresses(&deployment, "ip"), None);
    }
}
