//! From the index's rows to ours: what can't be true is left out and counted, and nothing in it can break anything.

use std::collections::{BTreeMap, BTreeSet};

use super::Census;
use crate::base::Time;
use crate::base::money::Usd;
use crate::domain::catalogue::Capacity;
use crate::domain::node::{Features, Gpu, Looks, Node, NodeState, Spot};
use crate::domain::pool::TEXT_MAX;
use crate::wire::gridproxy::types::{self as index, Status};
use crate::wire::tfchain::price;
use crate::wire::tfchain::types::{Level, PricingPolicy, Resources};
use crate::wire::zos::data::IpNet;

/// A month as the chain counts it.
const MONTH_S: u64 = 720 * 3600;
const GPUS_MAX: usize = 64;
/// More bytes than this (an exbibyte) and more cores than this nobody has in one machine.
const BYTES_MAX: u64 = 1 << 60;
const CORES_MAX: u64 = 100_000;

/// What the rows are read with.
pub struct Beside<'a> {
    pub farms: &'a [index::Farm],
    /// Nodes taken out of billing, as the chain knows.
    pub opted_out: &'a BTreeSet<u32>,
    pub policy: &'a PricingPolicy,
    pub now: Time,
}

/// Reads rows; `dropped` are those that the index's client could not read at all.
pub fn take(rows: Vec<index::Node>, dropped: usize, beside: &Beside<'_>) -> Census {
    let owners: BTreeMap<u32, u32> = beside.farms.iter().map(|farm| (farm.farm_id, farm.twin_id)).collect();
    let mut census = Census { nodes: Vec::with_capacity(rows.len()), dropped };
    for row in rows {
        match node(row, &owners, beside) {
            Some(node) => census.nodes.push(node),
            None => census.dropped += 1,
        }
    }
    census
}

fn node(row: index::Node, owners: &BTreeMap<u32, u32>, beside: &Beside<'_>) -> Option<Node> {
    let mut row = row.unnested();
    for name in [&mut row.farm_name, &mut row.region, &mut row.country, &mut row.city] {
        *name = name.trim().to_owned();
    }
    let total = capacity(row.total_resources);
    let fair = |text: &String| text.chars().count() <= TEXT_MAX && !text.chars().any(char::is_control);
    let names = [&row.farm_name, &row.region, &row.country, &row.city, &row.public_config.domain];
    let sane = row.node_id > 0
        && row.farm_id > 0
        && row.twin_id > 0
        && total.cores <= CORES_MAX
        && [total.memory, total.ssd, total.hdd].iter().all(|bytes| *bytes <= BYTES_MAX)
        && names.into_iter().all(fair)
        && row.gpus.len() <= GPUS_MAX
        && row.gpus.iter().all(|gpu| fair(&gpu.vendor) && fair(&gpu.device));
    if !sane {
        return None;
    }
    let certified = row.certification_type == "Certified";
    Some(Node {
        id: row.node_id,
        twin: row.twin_id,
        farm: row.farm_id,
        farm_name: row.farm_name,
        owner: owners.get(&row.farm_id).copied().unwrap_or(0),
        region: row.region,
        spot: row.location.micro_degrees().and_then(|(latitude, longitude)| Spot::new(latitude, longitude)),
        country: row.country,
        city: row.city,
        total,
        used: capacity(row.used_resources),
        certified,
        state: match row.status {
            Status::Up => NodeState::Up,
            Status::Standby => NodeState::Standby,
            Status::Down | Status::Unknown => NodeState::Down,
        },
        healthy: row.healthy,
        opted_out: beside.opted_out.contains(&row.node_id),
        dedicated: row.dedicated || row.in_dedicated_farm || row.extra_fee > 0,
        rented_by: row.rented.then_some(row.rented_by_twin_id),
        extra_fee_musd: row.extra_fee,
        features: Features::of(&row.features),
        gpus: row.gpus.into_iter().map(|gpu| Gpu { vendor: gpu.vendor, device: gpu.device, free: gpu.contract == 0 }).collect(),
        free_ips: u32::try_from(row.farm_free_ips).unwrap_or(u32::MAX),
        ipv6: !row.public_config.ipv6.is_empty(),
        upload_bps: row.speed.upload,
        download_bps: row.speed.download,
        address: host_of(&row.public_config.ipv4),
        domain: row.public_config.domain,
        price: month(beside.policy, total, certified),
        rate_bp: if certified { 12_500 } else { 10_000 },
        benchmark: None,
        looks: Looks::default(),
        uptime_s: u64::try_from(row.uptime).unwrap_or(0),
        seen: if row.updated_at > 0 { Time::from_secs(row.updated_at) } else { beside.now },
    })
}

/// The host of `192.0.2.10/24`; empty for what is none.
fn host_of(net: &str) -> String {
    net.parse::<IpNet>().map(|net| net.ip.to_string()).unwrap_or_default()
}

fn capacity(own: index::Resources) -> Capacity {
    Capacity { cores: own.cru, memory: own.mru, ssd: own.sru, hdd: own.hru }
}

/// A month of a capacity by the chain's price list and arithmetic, before any discount; a quarter more on certified hardware.
pub fn month(policy: &PricingPolicy, of: Capacity, certified: bool) -> Option<Usd> {
    let used = Resources { hru: of.hdd, sru: of.ssd, cru: of.cores, mru: of.memory };
    let plain = price::node_contract(policy, Some(&used), 0, MONTH_S)?;
    let units = price::amount_due(plain, Level::None, certified)?;
    i64::try_from(units).ok().map(Usd::from_units)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;
    use serde_json::{Value, json};

    use super::*;
    use crate::domain::catalogue::GIB;
    use crate::domain::node::StorageClass;
    use crate::domain::pool::{Filter, Pool, Rows, Search};
    use crate::wire::gridproxy::client::{Every, sift};
    use crate::wire::tfchain::price::GENESIS;

    fn farms() -> Vec<index::Farm> {
        vec![index::Farm { farm_id: 12, twin_id: 77, ..index::Farm::default() }]
    }

    /// The way of an answer: body, rows, nodes.
    fn read(body: &str, opted_out: &[u32]) -> Census {
        let mut all = Every { items: Vec::new(), dropped: 0 };
        if sift(body.as_bytes(), &mut all).is_err() {
            return Census::default();
        }
        let opted_out = opted_out.iter().copied().collect();
        let beside = Beside { farms: &farms(), opted_out: &opted_out, policy: &GENESIS, now: Time::from_secs(5) };
        take(all.items, all.dropped, &beside)
    }

    fn row() -> Value {
        json!({
            "nodeId": 101, "farmId": 12, "farmName": "exampleFarm", "twinId": 2024, "country": "Belgium", "region": "Europe",
            "city": "Ghent", "uptime": 864_000, "updatedAt": 1_760_000_000,
            "total_resources": { "cru": 16, "sru": 1_000_204_886_016_u64, "hru": 0, "mru": 67_430_752_256_u64 },
            "used_resources": { "cru": 4, "sru": 214_748_364_800_u64, "hru": 0, "mru": 9_663_676_416_u64 },
            "location": { "longitude": 3.7, "latitude": 51.05 },
            "publicConfig": { "domain": "gw.example.org", "ipv4": "192.0.2.10/24", "ipv6": "2001:db8::1/64" },
            "status": "up", "certificationType": "Diy", "healthy": true,
            "speed": { "upload": 500_000_000, "download": 600_000_000.5 },
            "num_gpu": 1, "gpus": [{ "vendor": "NVIDIA", "device": "RTX 4090", "contract": 7 }],
            "farm_free_ips": 3, "features": ["zmachine", "network", "mycelium"]
        })
    }

    #[test]
    fn a_documented_row_becomes_a_node() {
        let census = read(&json!([row()]).to_string(), &[]);
        let [node] = &census.nodes[..] else { panic!("{census:?}") };
        assert_eq!((node.id, node.owner, node.state, node.sellable()), (101, 77, NodeState::Up, true));
        assert_eq!(node.spot, Spot::new(51_050_000, 3_700_000));
        assert_eq!((node.upload_bps, node.download_bps, node.ipv6), (500_000_000, 600_000_000, true));
        assert_eq!((node.gpus[0].model().as_str(), node.gpus[0].free), ("NVIDIA RTX 4090", false));
        assert_eq!(node.address, "192.0.2.10");
        assert_eq!((node.free_ips, node.seen), (3, Time::from_secs(1_760_000_000)));
    }

    #[test]
    fn who_opted_out_is_dedicated_or_rented_is_not_for_sale() {
        let sold = |change: Value, opted_out: &[u32]| {
            let mut row = row();
            row.as_object_mut().unwrap().extend(change.as_object().unwrap().clone());
            read(&json!([row]).to_string(), opted_out).nodes[0].sellable()
        };
        assert!(sold(json!({}), &[5]));
        assert!(!sold(json!({}), &[101]));
        for change in [
            json!({ "dedicated": true }),
            json!({ "inDedicatedFarm": true }),
            json!({ "extraFee": 5000 }),
            json!({ "rented": true, "rentedByTwinId": 9 }),
            json!({ "healthy": false }),
            json!({ "status": "standby" }),
            json!({ "status": "hibernating" }),
            json!({ "farmId": 13 }),
            json!({ "features": null }),
        ] {
            assert!(!sold(change.clone(), &[]), "{change}");
        }
    }

    #[test]
    fn a_month_costs_what_the_chain_would_bill() {
        // 1 compute unit at 0.01 and half a storage unit at 0.005 dollars an hour, 720 hours.
        let of = Capacity { cores: 2, memory: 4 * GIB, ssd: 100 * GIB, hdd: 0 };
        assert_eq!(month(&GENESIS, of, false), Some(Usd::from_cents(900)));
        assert_eq!(month(&GENESIS, of, true), Some(Usd::from_cents(1125)), "a quarter more");
    }

    #[test]
    fn what_cannot_be_true_is_dropped_and_counted_and_the_others_stay() {
        let with = |key: &str, value: Value| {
            let mut row = row();
            row[key] = value;
            row
        };
        let rows = json!([
            row(),
            with("nodeId", json!(0)),
            with("twinId", json!(0)),
            with("nodeId", json!("101")),
            with("country", json!("x".repeat(201))),
            with("city", json!("Gh\nent")),
            with("total_resources", json!({ "mru": u64::MAX })),
            with("gpus", json!(vec![json!({}); 65])),
            with("status", json!(["up"])),
            null_row(),
        ]);
        let census = read(&rows.to_string(), &[]);
        assert_eq!((census.nodes.len(), census.dropped), (1, 9));
    }

    fn null_row() -> Value {
        Value::Null
    }

    fn noise() -> impl Strategy<Value = Value> {
        let leaf = prop_oneof![
            Just(Value::Null),
            any::<bool>().prop_map(Value::from),
            any::<i64>().prop_map(Value::from),
            any::<u64>().prop_map(Value::from),
            any::<f64>().prop_map(Value::from),
            ".{0,12}".prop_map(Value::from),
            Just(Value::from("up")),
        ];
        leaf.prop_recursive(2, 12, 4, |inner| {
            prop_oneof![
                proptest::collection::vec(inner.clone(), 0..4).prop_map(Value::from),
                proptest::collection::btree_map("[a-z_]{1,9}", inner, 0..4).prop_map(Value::from_iter),
            ]
        })
    }

    proptest! {
        #[test]
        fn a_hostile_answer_gives_fewer_nodes_and_never_a_panic(
            wrong in proptest::collection::vec((any::<prop::sample::Index>(), noise()), 0..6),
            cut in any::<prop::sample::Index>(),
            junk in noise(),
        ) {
            let mut bad = row();
            let keys: Vec<String> = bad.as_object().unwrap().keys().cloned().collect();
            for (place, value) in wrong {
                bad[place.get(&keys)] = value;
            }
            let good = row();
            let body = json!([good, bad, junk, good]).to_string();
            let census = read(&body, &[]);
            prop_assert_eq!(census.nodes.len() + census.dropped, 4, "every row is somewhere");
            prop_assert!(census.nodes.iter().filter(|node| node.id == 101).count() >= 2, "the good ones stay");
            let pool = Pool::new(census.nodes, StorageClass::default());
            let all = Rows::all(pool.len());
            let filter = Filter::default();
            prop_assert_eq!(pool.facets(&Search { filter: &filter, among: &all, mine: &[] }).matches, pool.len());
            for entry in pool.iter() {
                let _every_field = (entry.used(), entry.price(), entry.gpus().len(), entry.spot(), entry.seen());
            }
            // An answer that is cut off anywhere is no answer.
            let at = (0..=cut.index(body.len())).rev().find(|at| body.is_char_boundary(*at)).unwrap_or(0);
            prop_assert_eq!(read(&body[..at], &[]), Census::default());
        }

        #[test]
        fn noise_is_no_answer(body in ".{0,80}") {
            prop_assert!(read(&body, &[]).nodes.is_empty());
        }
    }
}
