//! What the index says, field by field. Reading is tolerant: unknown is ignored, missing and null are defaults.

use std::collections::BTreeMap;

use serde::{Deserialize, Deserializer, Serialize};

/// Bytes, but cores for `cru`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(default)]
pub struct Resources {
    pub cru: u64,
    pub sru: u64,
    pub hru: u64,
    pub mru: u64,
}

impl Resources {
    pub fn minus(self, other: Resources) -> Resources {
        Resources {
            cru: self.cru.saturating_sub(other.cru),
            sru: self.sru.saturating_sub(other.sru),
            hru: self.hru.saturating_sub(other.hru),
            mru: self.mru.saturating_sub(other.mru),
        }
    }
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Default, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Status {
    Up,
    #[default]
    Down,
    Standby,
    /// A word that newer servers may use.
    #[serde(other)]
    Unknown,
}

#[derive(Debug, Clone, PartialEq, Default, Serialize, Deserialize)]
#[serde(default)]
pub struct Location {
    #[serde(deserialize_with = "nullable")]
    pub country: String,
    #[serde(deserialize_with = "nullable")]
    pub city: String,
    #[serde(deserialize_with = "nullable")]
    pub longitude: f64,
    #[serde(deserialize_with = "nullable")]
    pub latitude: f64,
}

impl Location {
    /// Latitude and longitude in millionths of a degree; None for what is no number or not on the earth.
    pub fn micro_degrees(&self) -> Option<(i32, i32)> {
        let micro = |degrees: f64, most: f64| (degrees.abs() <= most).then(|| (degrees * 1e6).round() as i32);
        Some((micro(self.latitude, 90.0)?, micro(self.longitude, 180.0)?))
    }
}

#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(default)]
pub struct PublicConfig {
    pub domain: String,
    pub gw4: String,
    pub gw6: String,
    pub ipv4: String,
    pub ipv6: String,
}

#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(default)]
pub struct Power {
    #[serde(deserialize_with = "nullable")]
    pub state: String,
    #[serde(deserialize_with = "nullable")]
    pub target: String,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(default)]
pub struct Speed {
    /// Bits per second.
    #[serde(deserialize_with = "bits")]
    pub upload: u64,
    #[serde(deserialize_with = "bits")]
    pub download: u64,
}

#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(default)]
pub struct Gpu {
    pub node_twin_id: u32,
    pub id: String,
    pub vendor: String,
    pub device: String,
    /// 0 is free.
    pub contract: u64,
    pub updated_at: i64,
}

#[derive(Debug, Clone, PartialEq, Default, Serialize, Deserialize)]
#[serde(default, rename_all = "camelCase")]
pub struct Node {
    pub id: String,
    pub node_id: u32,
    pub farm_id: u32,
    #[serde(deserialize_with = "nullable")]
    pub farm_name: String,
    pub twin_id: u32,
    #[serde(deserialize_with = "nullable")]
    pub country: String,
    #[serde(deserialize_with = "nullable")]
    pub region: String,
    #[serde(deserialize_with = "nullable")]
    pub city: String,
    pub grid_version: u32,
    pub uptime: i64,
    pub created: i64,
    pub farming_policy_id: u32,
    pub updated_at: i64,
    #[serde(rename = "total_resources")]
    pub total_resources: Resources,
    #[serde(rename = "used_resources")]
    pub used_resources: Resources,
    /// A single node has its resources in here instead; `Node::unnested` moves them out.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub capacity: Option<Capacity>,
    #[serde(deserialize_with = "nullable")]
    pub location: Location,
    #[serde(deserialize_with = "nullable")]
    pub public_config: PublicConfig,
    #[serde(deserialize_with = "nullable")]
    pub status: Status,
    /// `Diy` or `Certified`.
    #[serde(deserialize_with = "nullable")]
    pub certification_type: String,
    pub dedicated: bool,
    pub in_dedicated_farm: bool,
    pub rent_contract_id: u64,
    pub rented: bool,
    pub rentable: bool,
    pub rented_by_twin_id: u32,
    #[serde(deserialize_with = "nullable")]
    pub serial_number: String,
    #[serde(deserialize_with = "nullable")]
    pub power: Power,
    #[serde(rename = "num_gpu")]
    pub num_gpu: u32,
    /// Thousandths of a US dollar a month, on top of everything.
    pub extra_fee: u64,
    pub healthy: bool,
    #[serde(deserialize_with = "nullable")]
    pub speed: Speed,
    #[serde(deserialize_with = "nullable")]
    pub gpus: Vec<Gpu>,
    /// US dollars a month for the whole node, and not to be trusted (`threefoldtech/tfgrid-sdk-go: grid-proxy`): kept as text and never
    /// calculated with.
    #[serde(rename = "price_usd")]
    pub price_usd: Option<serde_json::Number>,
    #[serde(rename = "farm_free_ips")]
    pub farm_free_ips: u64,
    #[serde(deserialize_with = "nullable")]
    pub features: Vec<String>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(default)]
pub struct Capacity {
    pub total_resources: Resources,
    pub used_resources: Resources,
}

impl Node {
    pub fn free(&self) -> Resources {
        self.total_resources.minus(self.used_resources)
    }

    /// The list form of a node that came in the nested form.
    pub fn unnested(mut self) -> Node {
        if let Some(capacity) = self.capacity.take() {
            (self.total_resources, self.used_resources) = (capacity.total_resources, capacity.used_resources);
        }
        self
    }

    /// Whether `twin` can use shared capacity, or the whole node because it rents it.
    pub fn available_for(&self, twin: u32) -> bool {
        if self.rented { self.rented_by_twin_id == twin } else { !self.in_dedicated_farm && self.extra_fee == 0 }
    }
}

#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(default)]
pub struct FarmIp {
    pub id: String,
    pub ip: String,
    pub gateway: String,
    /// 0 is free.
    pub contract_id: u64,
    pub farm_id: u32,
}

#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(default, rename_all = "camelCase")]
pub struct Farm {
    #[serde(deserialize_with = "nullable")]
    pub name: String,
    pub farm_id: u32,
    pub twin_id: u32,
    pub pricing_policy_id: u32,
    /// `NotCertified` or `Gold`.
    #[serde(deserialize_with = "nullable")]
    pub certification_type: String,
    #[serde(deserialize_with = "nullable")]
    pub stellar_address: String,
    pub dedicated: bool,
    #[serde(deserialize_with = "nullable")]
    pub public_ips: Vec<FarmIp>,
}

/// One bill of a contract.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(default, rename_all = "camelCase")]
pub struct Bill {
    /// Token units.
    pub amount_billed: u64,
    pub discount_received: String,
    /// Unix seconds.
    pub timestamp: i64,
}

#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(default)]
pub struct Contract {
    pub contract_id: u64,
    pub twin_id: u32,
    /// `Created`, `GracePeriod` or `Deleted`.
    pub state: String,
    pub created_at: i64,
    /// `node`, `name` or `rent`.
    #[serde(rename = "type")]
    pub kind: String,
    #[serde(deserialize_with = "nullable")]
    pub details: ContractDetails,
}

#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(default)]
pub struct ContractDetails {
    #[serde(rename = "nodeId", skip_serializing_if = "Option::is_none")]
    pub node_id: Option<u32>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub deployment_data: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub deployment_hash: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub number_of_public_ips: Option<u32>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub name: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub farm_name: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub farm_id: Option<u32>,
}

#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(default, rename_all = "camelCase")]
pub struct Twin {
    pub twin_id: u32,
    /// SS58.
    #[serde(deserialize_with = "nullable")]
    pub account_id: String,
    #[serde(deserialize_with = "nullable")]
    pub relay: String,
    /// Hex, with or without `0x`; may be empty.
    #[serde(deserialize_with = "nullable")]
    pub public_key: String,
}

impl Twin {
    /// The 33 bytes for bus encryption, if there are any.
    pub fn pk(&self) -> Option<Vec<u8>> {
        hex::decode(self.public_key.strip_prefix("0x").unwrap_or(&self.public_key)).ok().filter(|pk| !pk.is_empty())
    }
}

#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(default, rename_all = "camelCase")]
pub struct Stats {
    pub nodes: u64,
    pub farms: u64,
    pub countries: u64,
    pub total_cru: u64,
    pub total_sru: u64,
    pub total_mru: u64,
    pub total_hru: u64,
    pub public_ips: u64,
    pub access_nodes: u64,
    pub gateways: u64,
    pub twins: u64,
    pub contracts: u64,
    #[serde(deserialize_with = "nullable")]
    pub nodes_distribution: BTreeMap<String, u64>,
    pub gpus: u64,
    pub dedicated_nodes: u64,
    #[serde(rename = "workloads_number")]
    pub workloads_number: u64,
}

fn nullable<'de, D: Deserializer<'de>, T: Default + Deserialize<'de>>(deserializer: D) -> Result<T, D::Error> {
    Ok(Option::<T>::deserialize(deserializer)?.unwrap_or_default())
}

/// Measured speeds come with a fraction at times; nobody needs it.
fn bits<'de, D: Deserializer<'de>>(deserializer: D) -> Result<u64, D::Error> {
    let number = Option::<serde_json::Number>::deserialize(deserializer)?;
    let whole = |number: serde_json::Number| number.as_u64().or_else(|| number.to_string().split('.').next()?.parse().ok());
    Ok(number.and_then(whole).unwrap_or_default())
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    /// The list form of the index (`threefoldtech/tfgrid-sdk-go: grid-proxy`).
    const NODE: &str = r#"{"id":"0000123456-000001-abcde","nodeId":101,"farmId":12,"farmName":"exampleFarm","twinId":2024,"country":"Belgium","region":"Europe","gridVersion":3,"city":"Ghent","uptime":864000,"created":1650000000,
 "farmingPolicyId":1,"updatedAt":1760000000,
 "total_resources":{"cru":16,"sru":1000204886016,"hru":4000787030016,"mru":67430752256},
 "used_resources":{"cru":4,"sru":214748364800,"hru":0,"mru":9663676416},
 "location":{"country":"Belgium","city":"Ghent","longitude":3.7,"latitude":51.05},
 "publicConfig":{"domain":"gw.example.org","gw4":"192.0.2.1","gw6":"","ipv4":"192.0.2.10/24","ipv6":""},
 "status":"up","certificationType":"Diy","dedicated":false,"inDedicatedFarm":false,"rentContractId":0,"rented":false,"rentable":false,"rentedByTwinId":0,
 "serialNumber":"EX-1","power":{"state":"Up","target":"Up"},"num_gpu":0,"extraFee":0,"healthy":true,
 "dmi":{"bios":{"vendor":"","version":""}},
 "speed":{"upload":500000000.5,"download":600000000},"gpus":null,"price_usd":61.2,"farm_free_ips":3,"features":["zmount","network","zmachine"]}"#;

    #[test]
    fn the_documented_node_is_read() {
        let node: Node = serde_json::from_str(NODE).unwrap();
        assert_eq!((node.node_id, node.farm_id, node.twin_id, node.status), (101, 12, 2024, Status::Up));
        assert_eq!((node.total_resources.cru, node.used_resources.mru, node.free().cru), (16, 9_663_676_416, 12));
        assert_eq!((node.farm_free_ips, node.extra_fee, node.healthy), (3, 0, true));
        assert_eq!(node.public_config.domain, "gw.example.org");
        assert_eq!((node.speed.upload, node.speed.download), (500_000_000, 600_000_000));
        assert_eq!(node.price_usd.as_ref().unwrap().to_string(), "61.2");
        assert_eq!(node.features.len(), 3);
        let again: Node = serde_json::from_value(serde_json::to_value(&node).unwrap()).unwrap();
        assert_eq!(again, node);
    }

    #[test]
    fn a_place_is_read_to_the_millionth_of_a_degree() {
        let at = |latitude, longitude| Location { latitude, longitude, ..Location::default() }.micro_degrees();
        assert_eq!(at(51.05, -3.7), Some((51_050_000, -3_700_000)));
        assert_eq!(at(90.1, 0.0), None);
        assert_eq!(at(f64::NAN, 0.0), None);
    }

    #[test]
    fn the_nested_form_of_a_node_is_unnested() {
        let nested = r#"{"nodeId":5,"capacity":{"total_resources":{"cru":8},"used_resources":{"cru":3}},"features":null,"status":"hibernating"}"#;
        let node = serde_json::from_str::<Node>(nested).unwrap().unnested();
        assert_eq!((node.free().cru, node.capacity, node.status), (5, None, Status::Unknown));
    }

    #[test]
    fn the_documented_farm_contract_and_twin_are_read() {
        let farm: Farm = serde_json::from_str(
            r#"{"name":"exampleFarm","farmId":12,"twinId":77,"pricingPolicyId":1,"certificationType":"NotCertified","stellarAddress":"","dedicated":false,
            "publicIps":[{"id":"0000123-1","ip":"192.0.2.20/24","gateway":"192.0.2.1","contract_id":0,"farm_id":12}]}"#,
        )
        .unwrap();
        assert_eq!((farm.farm_id, farm.twin_id, farm.public_ips[0].ip.as_str()), (12, 77, "192.0.2.20/24"));
        let contract: Contract = serde_json::from_str(
            r#"{"contract_id":5001,"twin_id":2024,"state":"Created","created_at":1760000000,"type":"node",
            "details":{"nodeId":101,"deployment_data":"{\"version\":3}","deployment_hash":"6244a7e9329b79a5d04f600fe78f1e59","number_of_public_ips":1,"farm_name":"exampleFarm","farm_id":12}}"#,
        )
        .unwrap();
        assert_eq!((contract.contract_id, contract.kind.as_str(), contract.details.node_id), (5001, "node", Some(101)));
        let twin: Twin = serde_json::from_str(r#"{"twinId":2024,"accountId":"5x","relay":null,"publicKey":"0x0302"}"#).unwrap();
        assert_eq!(twin.pk(), Some(vec![3, 2]));
        assert_eq!(Twin::default().pk(), None);
        let stats: Stats =
            serde_json::from_str(r#"{"nodes":2,"totalCru":9,"nodesDistribution":{"Belgium":2},"workloads_number":1}"#).unwrap();
        assert_eq!((stats.nodes, stats.total_cru, stats.nodes_distribution["Belgium"], stats.workloads_number), (2, 9, 2, 1));
    }

    proptest! {
        #[test]
        fn noise_is_refused_without_a_panic(noise: Vec<u8>) {
            let _ = serde_json::from_slice::<Node>(&noise);
            let _ = serde_json::from_slice::<Farm>(&noise);
            let _ = serde_json::from_slice::<Contract>(&noise);
            let _ = serde_json::from_slice::<Stats>(&noise);
            let _ = Twin { public_key: String::from_utf8_lossy(&noise).into(), ..Twin::default() }.pk();
        }
    }
}
