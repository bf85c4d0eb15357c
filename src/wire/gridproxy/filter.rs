//! What one may ask for: the same structs write the query and answer it.

use std::cmp::Ordering;

use serde::{Deserialize, Serialize};

use super::types::{Contract, Farm, Node, Status};

pub const DEFAULT_SIZE: u64 = 50;

/// Lists are comma separated in a query.
mod comma {
    use std::fmt::Display;
    use std::str::FromStr;

    use serde::de::Error;
    use serde::{Deserialize, Deserializer, Serializer};

    pub fn serialize<S: Serializer, T: Display>(list: &[T], serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(&list.iter().map(T::to_string).collect::<Vec<_>>().join(","))
    }

    pub fn deserialize<'de, D: Deserializer<'de>, T: FromStr>(deserializer: D) -> Result<Vec<T>, D::Error> {
        let text = String::deserialize(deserializer)?;
        let items = text.split(',').map(str::trim).filter(|item| !item.is_empty());
        items.map(|item| item.parse().map_err(|_| D::Error::custom(format!("cannot read {item:?}")))).collect()
    }
}

impl std::fmt::Display for Status {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(match self {
            Status::Up => "up",
            Status::Down => "down",
            Status::Standby => "standby",
            Status::Unknown => "unknown",
        })
    }
}

impl std::str::FromStr for Status {
    type Err = ();
    fn from_str(text: &str) -> Result<Self, ()> {
        [Status::Up, Status::Down, Status::Standby].into_iter().find(|status| status.to_string() == text).ok_or(())
    }
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Order {
    #[default]
    Asc,
    Desc,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct Paging {
    /// From 1.
    pub page: u64,
    pub size: u64,
    pub ret_count: bool,
}

impl Default for Paging {
    fn default() -> Self {
        Paging { page: 1, size: DEFAULT_SIZE, ret_count: false }
    }
}

/// `None` and empty lists ask for nothing.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(default)]
pub struct NodeFilter {
    #[serde(skip_serializing_if = "Option::is_none")]
    pub node_id: Option<u32>,
    #[serde(with = "comma", skip_serializing_if = "Vec::is_empty")]
    pub node_ids: Vec<u32>,
    #[serde(with = "comma", skip_serializing_if = "Vec::is_empty")]
    pub excluded: Vec<u32>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub twin_id: Option<u32>,
    #[serde(with = "comma", skip_serializing_if = "Vec::is_empty")]
    pub farm_ids: Vec<u32>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub farm_name: Option<String>,
    #[serde(with = "comma", skip_serializing_if = "Vec::is_empty")]
    pub status: Vec<Status>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub healthy: Option<bool>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub free_mru: Option<u64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub free_sru: Option<u64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub free_hru: Option<u64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub total_cru: Option<u64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub total_mru: Option<u64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub total_sru: Option<u64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub total_hru: Option<u64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub country: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub country_contains: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub city: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub city_contains: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub region: Option<String>,
    /// Free public IPs of the farm.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub free_ips: Option<u64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub ipv4: Option<bool>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub ipv6: Option<bool>,
    /// The public config has a domain: a gateway.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub domain: Option<bool>,
    /// Has an address of its own that machines can get one from.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub has_ipv6: Option<bool>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub dedicated: Option<bool>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub in_dedicated_farm: Option<bool>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub rentable: Option<bool>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub rented: Option<bool>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub rented_by: Option<u32>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub rentable_or_rented_by: Option<u32>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub available_for: Option<u32>,
    /// The twin of the farm.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub owned_by: Option<u32>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub certification_type: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub has_gpu: Option<bool>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub num_gpu: Option<u32>,
    #[serde(with = "comma", skip_serializing_if = "Vec::is_empty")]
    pub features: Vec<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub sort_by: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub sort_order: Option<Order>,
}

fn wants<T: PartialEq>(wish: &Option<T>, is: T) -> bool {
    wish.as_ref().is_none_or(|wish| *wish == is)
}

fn at_least<T: PartialOrd>(wish: Option<T>, is: T) -> bool {
    wish.is_none_or(|wish| is >= wish)
}

fn one_of<T: PartialEq>(list: &[T], is: &T) -> bool {
    list.is_empty() || list.contains(is)
}

fn same(wish: &Option<String>, is: &str) -> bool {
    wish.as_ref().is_none_or(|wish| wish.eq_ignore_ascii_case(is))
}

fn contains(wish: &Option<String>, is: &str) -> bool {
    wish.as_ref().is_none_or(|wish| is.to_lowercase().contains(&wish.to_lowercase()))
}

impl NodeFilter {
    /// What can be told from the node alone: not `has_ipv6` and `owned_by`, which the index knows from elsewhere.
    pub fn matches(&self, node: &Node) -> bool {
        let (free, total) = (node.free(), node.total_resources);
        wants(&self.node_id, node.node_id)
            && one_of(&self.node_ids, &node.node_id)
            && !self.excluded.contains(&node.node_id)
            && wants(&self.twin_id, node.twin_id)
            && one_of(&self.farm_ids, &node.farm_id)
            && same(&self.farm_name, &node.farm_name)
            && one_of(&self.status, &node.status)
            && wants(&self.healthy, node.healthy)
            && at_least(self.free_mru, free.mru)
            && at_least(self.free_sru, free.sru)
            && at_least(self.free_hru, free.hru)
            && at_least(self.total_cru, total.cru)
            && at_least(self.total_mru, total.mru)
            && at_least(self.total_sru, total.sru)
            && at_least(self.total_hru, total.hru)
            && same(&self.country, &node.country)
            && contains(&self.country_contains, &node.country)
            && same(&self.city, &node.city)
            && contains(&self.city_contains, &node.city)
            && same(&self.region, &node.region)
            && at_least(self.free_ips, node.farm_free_ips)
            && wants(&self.ipv4, !node.public_config.ipv4.is_empty())
            && wants(&self.ipv6, !node.public_config.ipv6.is_empty())
            && wants(&self.domain, !node.public_config.domain.is_empty())
            && wants(&self.dedicated, node.dedicated)
            && wants(&self.in_dedicated_farm, node.in_dedicated_farm)
            && wants(&self.rentable, node.rentable)
            && wants(&self.rented, node.rented)
            && self.rented_by.is_none_or(|twin| node.rented && node.rented_by_twin_id == twin)
            && self.rentable_or_rented_by.is_none_or(|twin| node.rentable || node.rented && node.rented_by_twin_id == twin)
            && self.available_for.is_none_or(|twin| node.available_for(twin))
            && same(&self.certification_type, &node.certification_type)
            && wants(&self.has_gpu, node.num_gpu > 0)
            && at_least(self.num_gpu, node.num_gpu)
            && self.features.iter().all(|feature| node.features.contains(feature))
    }

    /// Sorts by `sort_by`, then by id; by id alone for a field that is not known.
    pub fn sort(&self, nodes: &mut [Node]) {
        let by = self.sort_by.as_deref().unwrap_or("node_id");
        let compare = |a: &Node, b: &Node| -> Ordering {
            match by {
                "farm_id" => a.farm_id.cmp(&b.farm_id),
                "farm_name" => a.farm_name.cmp(&b.farm_name),
                "twin_id" => a.twin_id.cmp(&b.twin_id),
                "country" => a.country.cmp(&b.country),
                "city" => a.city.cmp(&b.city),
                "uptime" => a.uptime.cmp(&b.uptime),
                "created" => a.created.cmp(&b.created),
                "updated_at" => a.updated_at.cmp(&b.updated_at),
                "status" => a.status.to_string().cmp(&b.status.to_string()),
                "total_cru" => a.total_resources.cru.cmp(&b.total_resources.cru),
                "total_mru" => a.total_resources.mru.cmp(&b.total_resources.mru),
                "total_sru" => a.total_resources.sru.cmp(&b.total_resources.sru),
                "total_hru" => a.total_resources.hru.cmp(&b.total_resources.hru),
                "used_cru" => a.used_resources.cru.cmp(&b.used_resources.cru),
                "used_mru" => a.used_resources.mru.cmp(&b.used_resources.mru),
                "used_sru" => a.used_resources.sru.cmp(&b.used_resources.sru),
                "used_hru" => a.used_resources.hru.cmp(&b.used_resources.hru),
                "free_cru" => a.free().cru.cmp(&b.free().cru),
                "num_gpu" => a.num_gpu.cmp(&b.num_gpu),
                "extra_fee" => a.extra_fee.cmp(&b.extra_fee),
                _ => Ordering::Equal,
            }
            .then(a.node_id.cmp(&b.node_id))
        };
        nodes.sort_by(|a, b| directed(self.sort_order, compare(a, b)));
    }
}

fn directed(order: Option<Order>, ordering: Ordering) -> Ordering {
    if order == Some(Order::Desc) { ordering.reverse() } else { ordering }
}

#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(default)]
pub struct FarmFilter {
    #[serde(skip_serializing_if = "Option::is_none")]
    pub farm_id: Option<u32>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub twin_id: Option<u32>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub name: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub name_contains: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub free_ips: Option<u64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub total_ips: Option<u64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub dedicated: Option<bool>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub pricing_policy_id: Option<u32>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub stellar_address: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub certification_type: Option<String>,
    /// From here on conditions that one node of the farm must meet.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub country: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub region: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub node_free_mru: Option<u64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub node_free_sru: Option<u64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub node_free_hru: Option<u64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub node_total_cru: Option<u64>,
    #[serde(with = "comma", skip_serializing_if = "Vec::is_empty")]
    pub node_status: Vec<Status>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub node_available_for: Option<u32>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub node_rented_by: Option<u32>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub node_has_gpu: Option<bool>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub node_has_ipv6: Option<bool>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub node_certified: Option<bool>,
    #[serde(with = "comma", skip_serializing_if = "Vec::is_empty")]
    pub node_features: Vec<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub sort_by: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub sort_order: Option<Order>,
}

impl FarmFilter {
    pub fn matches(&self, farm: &Farm) -> bool {
        let free = farm.public_ips.iter().filter(|ip| ip.contract_id == 0).count() as u64;
        wants(&self.farm_id, farm.farm_id)
            && wants(&self.twin_id, farm.twin_id)
            && same(&self.name, &farm.name)
            && contains(&self.name_contains, &farm.name)
            && at_least(self.free_ips, free)
            && at_least(self.total_ips, farm.public_ips.len() as u64)
            && wants(&self.dedicated, farm.dedicated)
            && wants(&self.pricing_policy_id, farm.pricing_policy_id)
            && same(&self.stellar_address, &farm.stellar_address)
            && same(&self.certification_type, &farm.certification_type)
    }

    /// What one node of the farm must be like.
    pub fn of_nodes(&self) -> NodeFilter {
        NodeFilter {
            country: self.country.clone(),
            region: self.region.clone(),
            free_mru: self.node_free_mru,
            free_sru: self.node_free_sru,
            free_hru: self.node_free_hru,
            total_cru: self.node_total_cru,
            status: self.node_status.clone(),
            available_for: self.node_available_for,
            rented_by: self.node_rented_by,
            has_gpu: self.node_has_gpu,
            has_ipv6: self.node_has_ipv6,
            certification_type: self.node_certified.map(|is| if is { "Certified" } else { "Diy" }.to_owned()),
            features: self.node_features.clone(),
            ..NodeFilter::default()
        }
    }

    pub fn sort(&self, farms: &mut [Farm]) {
        let by = self.sort_by.as_deref().unwrap_or("farm_id");
        let compare = |a: &Farm, b: &Farm| -> Ordering {
            match by {
                "name" => a.name.cmp(&b.name),
                "twin_id" => a.twin_id.cmp(&b.twin_id),
                "dedicated" => a.dedicated.cmp(&b.dedicated),
                "public_ips" | "total_ips" => a.public_ips.len().cmp(&b.public_ips.len()),
                _ => Ordering::Equal,
            }
            .then(a.farm_id.cmp(&b.farm_id))
        };
        farms.sort_by(|a, b| directed(self.sort_order, compare(a, b)));
    }
}

#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(default)]
pub struct ContractFilter {
    #[serde(skip_serializing_if = "Option::is_none")]
    pub contract_id: Option<u64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub twin_id: Option<u32>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub node_id: Option<u32>,
    #[serde(rename = "type", skip_serializing_if = "Option::is_none")]
    pub kind: Option<String>,
    #[serde(with = "comma", skip_serializing_if = "Vec::is_empty")]
    pub state: Vec<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub name: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub number_of_public_ips: Option<u32>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub deployment_data: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub deployment_hash: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub farm_id: Option<u32>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub sort_by: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub sort_order: Option<Order>,
}

impl ContractFilter {
    pub fn matches(&self, contract: &Contract) -> bool {
        let details = &contract.details;
        let detail = |wish: &Option<String>, is: &Option<String>| wish.is_none() || wish == is;
        wants(&self.contract_id, contract.contract_id)
            && wants(&self.twin_id, contract.twin_id)
            && (self.node_id.is_none() || self.node_id == details.node_id)
            && same(&self.kind, &contract.kind)
            && (self.state.is_empty() || self.state.iter().any(|state| state.eq_ignore_ascii_case(&contract.state)))
            && detail(&self.name, &details.name)
            && (self.number_of_public_ips.is_none() || self.number_of_public_ips == details.number_of_public_ips)
            && detail(&self.deployment_data, &details.deployment_data)
            && detail(&self.deployment_hash, &details.deployment_hash)
            && (self.farm_id.is_none() || self.farm_id == details.farm_id)
    }

    pub fn sort(&self, contracts: &mut [Contract]) {
        let by = self.sort_by.as_deref().unwrap_or("contract_id");
        let compare = |a: &Contract, b: &Contract| -> Ordering {
            match by {
                "twin_id" => a.twin_id.cmp(&b.twin_id),
                "state" => a.state.cmp(&b.state),
                "created_at" => a.created_at.cmp(&b.created_at),
                "type" => a.kind.cmp(&b.kind),
                _ => Ordering::Equal,
            }
            .then(a.contract_id.cmp(&b.contract_id))
        };
        contracts.sort_by(|a, b| directed(self.sort_order, compare(a, b)));
    }
}
