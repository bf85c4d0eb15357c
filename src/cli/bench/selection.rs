//! Choosing among a great many nodes: against the barest loop over the same columns, in the same run.

use std::collections::BTreeSet;
use std::fs::File;
use std::hint::black_box;
use std::io::{BufWriter, Write};
use std::path::Path;
use std::time::{Duration, Instant};

use super::{Figure, Goal, median};
use crate::base::money::Usd;
use crate::base::{Error, Result, Time};
use crate::domain::catalogue::{Capacity, GIB};
use crate::domain::node::{Features, Looks, Node, NodeState, Spot, StorageClass};
use crate::domain::pool::{Filter, Pool, Rows, Search, Sort};
use crate::grid::census::{Beside, take};
use crate::wire::gridproxy::client::{Every, sift};
use crate::wire::gridproxy::types as index;
use crate::wire::tfchain::price::GENESIS;

const NODES: u32 = 1_000_000;
const SYNCED: u32 = 10_000;
const PAGE: usize = 500;
const BEST: usize = 50;
const ROUNDS: usize = 21;
/// Six wishes, which some eight nodes in a thousand fulfil.
pub const QUERY: &str = "region=Europe&cores=8&memory=32&ssd=500&bandwidth=100&uptime=99";

/// Measures everything about choosing. With a path, the nodes are written there too, for other programs to choose from.
pub fn measure(csv: Option<&Path>) -> Result<Vec<Figure>> {
    let pool = Pool::of_sorted((1..=NODES).map(made_up), StorageClass::default());
    if let Some(path) = csv {
        write(&pool, path).map_err(|cause| Error::internal("The nodes can't be written.").because(cause))?;
    }
    let filter = Filter::parse(QUERY).map_err(|_| Error::internal("The query of the bench can't be read."))?;
    let among = Rows::all(pool.len());
    let search = Search { filter: &filter, among: &among, mine: &[] };
    let bare = Bare::new(&pool);
    let (mut ours, mut its, mut counts) = (Vec::new(), Vec::new(), Vec::new());
    let (mut found, mut same) = (0, true);
    for _ in 0..=ROUNDS {
        let (chosen, took) = timed(|| {
            let rows = pool.find(&search);
            (rows.count(), pool.best(&rows, Sort::Price, BEST, |_| 0))
        });
        let (plain, plainly) = timed(|| bare.choose());
        let (facets, counted) = timed(|| pool.facets(&search));
        found = chosen.0;
        same &= chosen == plain && facets.matches == found;
        ours.push(took.as_secs_f64() * 1e3);
        its.push(plainly.as_secs_f64() * 1e3);
        counts.push(counted.as_secs_f64() * 1e3);
    }
    if !same {
        return Err(Error::internal("The columns and the bare loop choose different nodes."));
    }
    // The first round warms up.
    for rounds in [&mut ours, &mut its, &mut counts] {
        rounds.remove(0);
    }
    let ratios = |mine: &[f64]| median(mine.iter().zip(&its).map(|(mine, its)| mine / its).collect());
    let from = |mine: &[f64]| {
        format!("{:.2} ms, {:.2} ms; {BEST} of {found} of {NODES} nodes, six wishes", median(mine.to_vec()), median(its.clone()))
    };
    let bytes = pool.bytes() as f64 / pool.len() as f64;
    // Beside the pool stand our own looks: a node's number and two counts, for today and for the days before.
    let looks = (size_of::<(u32, Looks)>() + size_of::<u32>() + 2 * size_of::<u16>()) as f64;
    Ok(vec![
        Figure::new("best 50 of a million / bare loop", ratios(&ours), "×", from(&ours)).goal(Goal::AtMost(2.0)),
        Figure::new("best 50 of a million", median(ours.clone()), "ms", format!("{QUERY}, cheapest first")),
        Figure::new("counts beside every filter / bare loop", ratios(&counts), "×", from(&counts)),
        Figure::new("memory of a node", bytes + looks, "bytes", format!("{bytes:.0} in columns, {looks:.0} for our looks"))
            .goal(Goal::AtMost(300.0)),
        sync()?.goal(Goal::AtMost(1.0)),
    ])
}

fn timed<T>(act: impl FnOnce() -> T) -> (T, Duration) {
    let begun = Instant::now();
    let done = black_box(act());
    (done, begun.elapsed())
}

/// Reading the answer of an index with so many nodes, until they can be chosen from.
fn sync() -> Result<Figure> {
    let rows: Vec<index::Node> = (1..=SYNCED).map(told).collect();
    let print = |rows: &[index::Node]| {
        serde_json::to_vec(rows).map_err(|cause| Error::internal("A made-up node does not print.").because(cause))
    };
    let pages: Vec<Vec<u8>> = rows.chunks(PAGE).map(print).collect::<Result<_>>()?;
    let farms: Vec<index::Farm> =
        (0..SYNCED / 10).map(|id| index::Farm { farm_id: 1 + id, twin_id: 1 + id, ..index::Farm::default() }).collect();
    let bytes: usize = pages.iter().map(Vec::len).sum();
    let opted_out: BTreeSet<u32> = (1..=SYNCED).filter(|id| id % 50 == 0).collect();
    let beside = Beside { farms: &farms, opted_out: &opted_out, policy: &GENESIS, now: Time::EPOCH };
    let (pool, took) = timed(|| -> Result<Pool> {
        let mut all = Every { items: Vec::new(), dropped: 0 };
        for page in &pages {
            sift(page, &mut all).map_err(|cause| Error::internal("A made-up page can't be read.").because(cause))?;
        }
        let census = take(all.items, all.dropped, &beside);
        Ok(Pool::new(census.nodes, StorageClass::default()))
    });
    let from = format!("{} nodes, {:.1} MiB of JSON", pool?.len(), bytes as f64 / super::MIB);
    Ok(Figure::new("sync of 10 000 nodes", took.as_secs_f64(), "s", from))
}

/// The same columns as plain lists, with the same six tests written out.
struct Bare {
    europe: u32,
    regions: Vec<u32>,
    cores: Vec<u32>,
    memory: Vec<u64>,
    ssd: Vec<u64>,
    mbps: Vec<u32>,
    uptime_bp: Vec<u16>,
    prices: Vec<i64>,
}

impl Bare {
    fn new(pool: &Pool) -> Bare {
        let place = |name: &str| REGIONS.iter().position(|region| region.0 == name).map_or(u32::MAX, |place| place as u32);
        Bare {
            europe: place("Europe"),
            regions: pool.iter().map(|node| place(node.region())).collect(),
            cores: pool.iter().map(|node| node.total().cores as u32).collect(),
            memory: pool.iter().map(|node| node.free().memory).collect(),
            ssd: pool.iter().map(|node| node.free().ssd).collect(),
            mbps: pool.iter().map(|node| (node.upload_bps().min(node.download_bps()) / 1_000_000) as u32).collect(),
            uptime_bp: pool.iter().map(|node| node.measured_bp().unwrap_or(0)).collect(),
            prices: pool.iter().map(|node| node.price().map_or(i64::MAX, Usd::units)).collect(),
        }
    }

    fn choose(&self) -> (usize, Vec<usize>) {
        let mut hits: Vec<(i64, usize)> = Vec::new();
        let places = self.regions.iter().zip(&self.cores).zip(&self.memory);
        let lines = self.ssd.iter().zip(&self.mbps).zip(&self.uptime_bp);
        for (row, (((region, cores), memory), ((ssd, mbps), uptime_bp))) in places.zip(lines).enumerate() {
            // Without `&&`: a branch that nobody can foresee costs more than all six comparisons.
            let fits = (*region == self.europe)
                & (*cores >= 8)
                & (*memory >= 32 * GIB)
                & (*ssd >= 500 * GIB)
                & (*mbps >= 100)
                & (*uptime_bp >= 9900);
            if fits {
                hits.push((self.prices[row], row));
            }
        }
        let count = hits.len();
        if count > BEST {
            hits.select_nth_unstable(BEST);
            hits.truncate(BEST);
        }
        hits.sort_unstable();
        (count, hits.into_iter().map(|(_, row)| row).collect())
    }
}

/// Continent, country, city, and where it is.
const REGIONS: [(&str, &str, &str, i32, i32); 8] = [
    ("Europe", "Belgium", "Ghent", 51_054_300, 3_717_400),
    ("Europe", "Germany", "Berlin", 52_520_000, 13_405_000),
    ("Europe", "Switzerland", "Zürich", 47_376_900, 8_541_700),
    ("Africa", "Egypt", "Cairo", 30_044_400, 31_235_700),
    ("Africa", "Kenya", "Nairobi", -1_292_100, 36_821_900),
    ("Americas", "Canada", "Toronto", 43_653_200, -79_383_200),
    ("Americas", "Brazil", "Recife", -8_047_600, -34_877_000),
    ("Asia", "Singapore", "Singapore", 1_352_100, 103_819_800),
];

/// The same number for the same node and question, without a pattern (`splitmix64`).
fn dice(id: u32, question: u64, sides: u64) -> u64 {
    let mut mixed = (u64::from(id) << 8 | question).wrapping_mul(0x9E37_79B9_7F4A_7C15);
    mixed = (mixed ^ mixed >> 30).wrapping_mul(0xBF58_476D_1CE4_E5B9);
    mixed = (mixed ^ mixed >> 27).wrapping_mul(0x94D0_49BB_1331_11EB);
    (mixed ^ mixed >> 31) % sides
}

/// A node as it might be: cities, farms and machines of many kinds, some full and some empty.
fn made_up(id: u32) -> Node {
    let (region, country, city, latitude, longitude) = REGIONS[dice(id, 1, 8) as usize];
    let farm = 1 + dice(id, 2, u64::from(NODES / 10)) as u32;
    let total = Capacity {
        cores: [2, 4, 8, 16, 32, 64][dice(id, 3, 6) as usize],
        memory: [8, 16, 32, 64, 128, 256][dice(id, 4, 6) as usize] * GIB,
        ssd: [256, 512, 1024, 2048, 4096][dice(id, 5, 5) as usize] * GIB,
        hdd: [0, 0, 0, 8192][dice(id, 6, 4) as usize] * GIB,
    };
    let part = |whole: u64, question| whole / 100 * dice(id, question, 90);
    let used = Capacity { cores: 0, memory: part(total.memory, 7), ssd: part(total.ssd, 8), hdd: 0 };
    let line = [20, 90, 250, 500, 1000][dice(id, 9, 5) as usize] * 1_000_000;
    let seen = 20_000;
    Node {
        id,
        twin: 1_000_000 + id,
        farm,
        farm_name: format!("Farm {farm}"),
        owner: farm,
        region: region.into(),
        country: country.into(),
        city: city.into(),
        spot: Spot::new(latitude, longitude),
        total,
        used,
        certified: dice(id, 10, 5) == 0,
        state: NodeState::Up,
        healthy: true,
        opted_out: false,
        dedicated: dice(id, 11, 10) == 0,
        rented_by: None,
        extra_fee_musd: 0,
        features: Features::VM,
        gpus: vec![],
        free_ips: dice(id, 12, 4) as u32,
        ipv6: dice(id, 13, 2) == 0,
        upload_bps: line,
        download_bps: line,
        address: String::new(),
        domain: String::new(),
        price: crate::grid::census::month(&GENESIS, total, dice(id, 10, 5) == 0),
        rate_bp: 10_000,
        benchmark: None,
        looks: Looks { seen, up: seen - dice(id, 14, 600) as u32 },
        uptime_s: dice(id, 15, 90 * 86_400),
        seen: Time::EPOCH,
    }
}

/// The same node as an index tells of it, with the parts that nobody here reads.
fn told(id: u32) -> index::Node {
    let node = made_up(id);
    let resources = |of: Capacity| index::Resources { cru: of.cores, mru: of.memory, sru: of.ssd, hru: of.hdd };
    index::Node {
        id: format!("{id:010}-000001-bench"),
        node_id: id,
        farm_id: 1 + id % (SYNCED / 10),
        farm_name: node.farm_name,
        twin_id: node.twin,
        location: index::Location {
            country: node.country.clone(),
            city: node.city.clone(),
            longitude: node.spot.map_or(0.0, |spot| f64::from(spot.longitude) / 1e6),
            latitude: node.spot.map_or(0.0, |spot| f64::from(spot.latitude) / 1e6),
        },
        country: node.country,
        region: node.region,
        city: node.city,
        grid_version: 3,
        uptime: node.uptime_s as i64,
        created: 1_700_000_000,
        farming_policy_id: 1,
        updated_at: 1_795_270_000,
        total_resources: resources(node.total),
        used_resources: resources(node.used),
        public_config: index::PublicConfig {
            gw4: "192.0.2.1".into(),
            ipv4: "192.0.2.10/24".into(),
            ..index::PublicConfig::default()
        },
        status: index::Status::Up,
        certification_type: if node.certified { "Certified" } else { "Diy" }.into(),
        serial_number: format!("BENCH-{id:06}"),
        power: index::Power { state: "Up".into(), target: "Up".into() },
        healthy: true,
        speed: index::Speed { upload: node.upload_bps, download: node.download_bps },
        farm_free_ips: node.free_ips.into(),
        features: ["zmount", "network", "zmachine", "volume", "ip", "ipv4", "wireguard", "yggdrasil", "mycelium", "zlogs"]
            .map(str::to_owned)
            .into(),
        ..index::Node::default()
    }
}

/// The nodes as comma-separated values, a line each: what another program needs to answer the same question.
fn write(pool: &Pool, path: &Path) -> std::io::Result<()> {
    let mut file = BufWriter::new(File::create(path)?);
    for node in pool.iter() {
        let (total, free) = (node.total(), node.free());
        writeln!(
            file,
            "{},{},{},{},{},{},{},{},{},{},{},{},{},{},{},{},{},{}",
            node.id(),
            node.twin(),
            node.farm(),
            node.region(),
            node.country(),
            node.city(),
            total.cores,
            total.memory,
            total.ssd,
            total.hdd,
            total.memory - free.memory,
            total.ssd - free.ssd,
            node.certified(),
            node.dedicated(),
            node.upload_bps(),
            node.download_bps(),
            node.measured_bp().unwrap_or(0),
            node.price().map_or(0, Usd::units),
        )?;
    }
    file.flush()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_bare_loop_and_the_pool_choose_the_same() {
        let pool = Pool::of_sorted((1..=20_000).map(made_up), StorageClass::default());
        let (filter, among) = (Filter::parse(QUERY).unwrap(), Rows::all(pool.len()));
        let rows = pool.find(&Search { filter: &filter, among: &among, mine: &[] });
        let ours = (rows.count(), pool.best(&rows, Sort::Price, BEST, |_| 0));
        assert!(ours.0 > BEST, "{}", ours.0);
        assert_eq!(ours, Bare::new(&pool).choose());
        let sorted = ours.1.is_sorted_by_key(|row| pool.at(*row).map(|node| node.price()));
        assert!(sorted);
    }
}
