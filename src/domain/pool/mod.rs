//! Every node we know of, in columns: a question about all of them reads only the columns it names.
//!
//! Rows are in the order of node numbers. Texts that repeat are kept once (`words.rs`), sets of rows are bitmaps (`rows.rs`),
//! `filter.rs` is what somebody looks for, `scan.rs` finds it, `facet.rs` counts what else would be found, and `rank.rs` takes the best.

mod cluster;
mod facet;
mod filter;
mod rank;
mod rows;
mod scan;
mod words;

use std::collections::BTreeMap;

pub use cluster::Cluster;
pub use facet::{Count, Facets, Relax};
pub use filter::{Field, Filter, GpuWish, TEXT_MAX, Wrong};
pub use rank::Sort;
pub use rows::Rows;
pub use scan::Search;

use self::scan::Test;
use self::words::{Word, Words, WordsBuilder};
use super::catalogue::Capacity;
use super::node::{self, Class, Features, Gpu, Looks, Node, NodeState, Spot, StorageClass};
use crate::base::Time;
use crate::base::money::Usd;

/// Yes-and-no columns, a bit each.
mod flag {
    pub const UP: u16 = 1;
    pub const STANDBY: u16 = 1 << 1;
    pub const HEALTHY: u16 = 1 << 2;
    pub const OPTED_OUT: u16 = 1 << 3;
    pub const DEDICATED: u16 = 1 << 4;
    pub const RENTED: u16 = 1 << 5;
    pub const CERTIFIED: u16 = 1 << 6;
    pub const IPV6: u16 = 1 << 7;
    pub const GPU_FREE: u16 = 1 << 8;
    pub const SELLABLE: u16 = 1 << 9;
    pub const TAKES_VMS: u16 = 1 << 10;
    pub const PLACED: u16 = 1 << 11;
    pub const BENCHMARKED: u16 = 1 << 12;
}

/// Measured uptime of a node that we have looked at too seldom.
const UNMEASURED: u16 = u16::MAX;
/// The price of a node that has none: above any that somebody would pay.
const UNPRICED: i64 = i64::MAX;

/// A farm as the nodes on it say it: what is the same for all of them is kept once.
#[derive(Debug)]
struct Farm {
    id: u32,
    owner: u32,
    name: Word,
}

/// A graphics card of a row.
#[derive(Debug, Clone, Copy)]
struct Card {
    row: u32,
    vendor: Word,
    device: Word,
    free: bool,
}

/// All nodes. Cheap to read, made anew by every answer of the index, never changed.
#[derive(Debug, Default)]
pub struct Pool {
    ids: Vec<u32>,
    twins: Vec<u32>,
    /// Places in `farms`.
    farm: Vec<u32>,
    owners: Vec<u32>,
    regions: Vec<Word>,
    countries: Vec<Word>,
    cities: Vec<Word>,
    latitudes: Vec<i32>,
    longitudes: Vec<i32>,
    cores: Vec<u32>,
    cores_used: Vec<u32>,
    memory: Vec<u64>,
    memory_free: Vec<u64>,
    ssd: Vec<u64>,
    ssd_free: Vec<u64>,
    hdd: Vec<u64>,
    hdd_free: Vec<u64>,
    flags: Vec<u16>,
    classes: Vec<u8>,
    features: Vec<u32>,
    free_ips: Vec<u16>,
    upload_bps: Vec<u64>,
    download_bps: Vec<u64>,
    /// The slower direction in Mbit/s.
    line_mbps: Vec<u32>,
    /// Units of 10⁻⁷ US dollar a month, or `UNPRICED`.
    prices: Vec<i64>,
    rates_bp: Vec<u16>,
    benchmarks: Vec<u32>,
    looks: Vec<Looks>,
    /// Hundredths of a percent, or `UNMEASURED`.
    measured: Vec<u16>,
    uptimes: Vec<u32>,
    seen: Vec<Time>,
    domains: Vec<Word>,
    addresses: Vec<Word>,
    extra_fees: BTreeMap<u32, u64>,
    renters: BTreeMap<u32, u32>,
    farms: Vec<Farm>,
    /// By row.
    cards: Vec<Card>,
    words: Words,
}

impl Pool {
    /// Of these rows; of two with one number the first counts.
    pub fn new(mut nodes: Vec<Node>, storage: StorageClass) -> Pool {
        nodes.sort_by_key(|node| node.id);
        Pool::of_sorted(nodes, storage)
    }

    /// Of rows that come by number, one after the other; what does not go up is left out.
    pub fn of_sorted(nodes: impl IntoIterator<Item = Node>, storage: StorageClass) -> Pool {
        let nodes = nodes.into_iter();
        let mut words = WordsBuilder::default();
        let mut pool = Pool::default();
        pool.reserve(nodes.size_hint().0);
        let mut places: BTreeMap<u32, u32> = BTreeMap::new();
        for node in nodes {
            if pool.ids.last().is_some_and(|last| *last >= node.id) {
                continue;
            }
            let next = u32::try_from(pool.farms.len()).unwrap_or(u32::MAX);
            let place = *places.entry(node.farm).or_insert_with(|| {
                pool.farms.push(Farm { id: node.farm, owner: node.owner, name: words.intern(&node.farm_name) });
                next
            });
            pool.push(&node, place, storage, &mut words);
        }
        pool.farms.shrink_to_fit();
        pool.cards.shrink_to_fit();
        pool.words = words.done();
        pool
    }

    fn reserve(&mut self, rows: usize) {
        macro_rules! reserve { ($($column:ident)*) => { $(self.$column.reserve_exact(rows);)* } }
        reserve! {
            ids twins farm owners regions countries cities latitudes longitudes cores cores_used memory memory_free ssd ssd_free hdd
            hdd_free flags classes features free_ips upload_bps download_bps line_mbps prices rates_bp benchmarks looks measured uptimes seen
            domains addresses
        }
    }

    fn push(&mut self, node: &Node, farm: u32, storage: StorageClass, words: &mut WordsBuilder) {
        let row = u32::try_from(self.ids.len()).unwrap_or(u32::MAX);
        let narrow = |number: u64| u32::try_from(number).unwrap_or(u32::MAX);
        let free = node.total.minus(node.used);
        let spot = node.spot.unwrap_or(Spot { latitude: 0, longitude: 0 });
        self.ids.push(node.id);
        self.twins.push(node.twin);
        self.farm.push(farm);
        self.owners.push(node.owner);
        self.regions.push(words.intern_name(&node.region));
        self.countries.push(words.intern_name(&node.country));
        self.cities.push(words.intern_name(&node.city));
        self.latitudes.push(spot.latitude);
        self.longitudes.push(spot.longitude);
        self.cores.push(narrow(node.total.cores));
        self.cores_used.push(narrow(node.used.cores));
        self.memory.push(node.total.memory);
        self.memory_free.push(free.memory);
        self.ssd.push(node.total.ssd);
        self.ssd_free.push(free.ssd);
        self.hdd.push(node.total.hdd);
        self.hdd_free.push(free.hdd);
        self.flags.push(flags(node));
        self.classes.push(node::classes(node, storage));
        self.features.push(node.features.bits());
        self.free_ips.push(u16::try_from(node.free_ips).unwrap_or(u16::MAX));
        self.upload_bps.push(node.upload_bps);
        self.download_bps.push(node.download_bps);
        self.line_mbps.push(narrow(node.upload_bps.min(node.download_bps) / 1_000_000));
        self.prices.push(node.price.map_or(UNPRICED, Usd::units));
        self.rates_bp.push(node.rate_bp);
        self.benchmarks.push(node.benchmark.unwrap_or(0));
        self.looks.push(node.looks);
        self.measured.push(node.looks.basis_points().unwrap_or(UNMEASURED));
        self.uptimes.push(narrow(node.uptime_s));
        self.seen.push(node.seen);
        self.domains.push(words.intern(&node.domain));
        self.addresses.push(words.intern(&node.address));
        if node.extra_fee_musd > 0 {
            self.extra_fees.insert(row, node.extra_fee_musd);
        }
        if let Some(twin) = node.rented_by {
            self.renters.insert(row, twin);
        }
        for gpu in &node.gpus {
            let card = Card { row, vendor: words.intern(&gpu.vendor), device: words.intern(&gpu.device), free: gpu.free };
            self.cards.push(card);
        }
    }

    pub fn len(&self) -> usize {
        self.ids.len()
    }

    pub fn is_empty(&self) -> bool {
        self.ids.is_empty()
    }

    /// Every node, by number.
    pub fn iter(&self) -> impl ExactSizeIterator<Item = Entry<'_>> {
        (0..self.len()).map(|row| Entry { pool: self, row })
    }

    /// The node with this number.
    pub fn node(&self, id: u32) -> Option<Entry<'_>> {
        self.ids.binary_search(&id).ok().map(|row| Entry { pool: self, row })
    }

    /// The node in a row that a set or a ranking named.
    pub fn at(&self, row: usize) -> Option<Entry<'_>> {
        (row < self.len()).then_some(Entry { pool: self, row })
    }

    /// Nodes that take a VM beside others, from anybody.
    pub fn sellable(&self) -> Rows {
        Rows::that(self.flags.len(), |row| self.flags[row] & flag::SELLABLE != 0)
    }

    /// Nodes that would take a VM of ours: those that must be rented whole, or are rented already, included.
    pub fn live(&self) -> Rows {
        Rows::that(self.flags.len(), |row| self.flags[row] & flag::TAKES_VMS != 0)
    }

    /// Nodes that somebody rents whole.
    pub fn rented(&self) -> Rows {
        Rows::that(self.flags.len(), |row| self.flags[row] & flag::RENTED != 0)
    }

    /// The rows of nodes with these numbers.
    pub fn rows_of(&self, ids: impl IntoIterator<Item = u32>) -> Rows {
        let mut rows = Rows::none(self.len());
        for id in ids {
            if let Ok(row) = self.ids.binary_search(&id) {
                rows.insert(row);
            }
        }
        rows
    }

    /// Nodes of farmers with these twins.
    pub fn owned_by(&self, twins: &[u32]) -> Rows {
        Rows::that(self.owners.len(), |row| twins.contains(&self.owners[row]))
    }

    /// For each farm, in the order of their places: its own number of something, and its owner's.
    pub(in crate::domain) fn by_farm(&self, numbers: &BTreeMap<u32, u32>) -> Vec<(u32, u32)> {
        let own = |farm: &Farm| numbers.get(&farm.id).copied().unwrap_or(0);
        let mut owners: BTreeMap<u32, u32> = BTreeMap::new();
        for farm in &self.farms {
            *owners.entry(farm.owner).or_default() += own(farm);
        }
        self.farms.iter().map(|farm| (own(farm), owners.get(&farm.owner).copied().unwrap_or(0))).collect()
    }

    /// Those of `rows` whose node has this much room: cores in all, for they are shared, and the rest free.
    pub(in crate::domain) fn with_room(&self, rows: Rows, need: Capacity) -> Rows {
        let cores = u32::try_from(need.cores).unwrap_or(u32::MAX);
        let tests = [
            Test::AtLeast(&self.cores, cores),
            Test::AtLeastBytes(&self.memory_free, need.memory),
            Test::AtLeastBytes(&self.ssd_free, need.ssd),
            Test::AtLeastBytes(&self.hdd_free, need.hdd),
        ];
        self.pass(rows, &tests)
    }

    /// What the pool takes in memory, in bytes.
    pub fn bytes(&self) -> usize {
        fn column<T>(column: &Vec<T>) -> usize {
            column.capacity() * size_of::<T>()
        }
        macro_rules! sum { ($($column:ident)*) => { 0 $(+ column(&self.$column))* } }
        let columns = sum! {
            ids twins farm owners regions countries cities latitudes longitudes cores cores_used memory memory_free ssd ssd_free hdd
            hdd_free flags classes features free_ips upload_bps download_bps line_mbps prices rates_bp benchmarks looks measured uptimes seen
            domains addresses farms cards
        };
        // A map's leaf holds up to eleven entries and is at least half full.
        let maps = 2 * (self.extra_fees.len() * 12 + self.renters.len() * 8);
        columns + maps + self.words.bytes()
    }

    fn cards_of(&self, row: usize) -> &[Card] {
        let from = self.cards.partition_point(|card| (card.row as usize) < row);
        let to = self.cards.partition_point(|card| (card.row as usize) <= row);
        &self.cards[from..to]
    }
}

fn flags(node: &Node) -> u16 {
    [
        (flag::UP, node.up()),
        (flag::STANDBY, node.state == NodeState::Standby),
        (flag::HEALTHY, node.healthy),
        (flag::OPTED_OUT, node.opted_out),
        (flag::DEDICATED, node.dedicated),
        (flag::RENTED, node.rented_by.is_some()),
        (flag::CERTIFIED, node.certified),
        (flag::IPV6, node.ipv6),
        (flag::GPU_FREE, node.gpus.iter().any(|gpu| gpu.free)),
        (flag::SELLABLE, node.sellable()),
        (flag::TAKES_VMS, node.takes_vms()),
        (flag::PLACED, node.spot.is_some()),
        (flag::BENCHMARKED, node.benchmark.is_some()),
    ]
    .into_iter()
    .filter(|(_, is)| *is)
    .fold(0, |bits, (bit, _)| bits | bit)
}

/// One node of the pool, read where it stands.
#[derive(Debug, Clone, Copy)]
pub struct Entry<'a> {
    pool: &'a Pool,
    row: usize,
}

impl<'a> Entry<'a> {
    pub fn row(self) -> usize {
        self.row
    }

    pub fn id(self) -> u32 {
        self.pool.ids[self.row]
    }

    pub fn twin(self) -> u32 {
        self.pool.twins[self.row]
    }

    pub fn farm(self) -> u32 {
        self.pool.farms[self.pool.farm[self.row] as usize].id
    }

    pub fn farm_name(self) -> &'a str {
        self.pool.words.text(self.pool.farms[self.pool.farm[self.row] as usize].name)
    }

    pub fn owner(self) -> u32 {
        self.pool.owners[self.row]
    }

    pub fn region(self) -> &'a str {
        self.pool.words.text(self.pool.regions[self.row])
    }

    pub fn country(self) -> &'a str {
        self.pool.words.text(self.pool.countries[self.row])
    }

    pub fn city(self) -> &'a str {
        self.pool.words.text(self.pool.cities[self.row])
    }

    pub fn spot(self) -> Option<Spot> {
        let (latitude, longitude) = (self.pool.latitudes[self.row], self.pool.longitudes[self.row]);
        self.has(flag::PLACED).then_some(Spot { latitude, longitude })
    }

    pub fn total(self) -> Capacity {
        let Pool { cores, memory, ssd, hdd, .. } = self.pool;
        Capacity { cores: cores[self.row].into(), memory: memory[self.row], ssd: ssd[self.row], hdd: hdd[self.row] }
    }

    pub fn free(self) -> Capacity {
        let Pool { cores, cores_used, memory_free, ssd_free, hdd_free, .. } = self.pool;
        Capacity {
            cores: cores[self.row].saturating_sub(cores_used[self.row]).into(),
            memory: memory_free[self.row],
            ssd: ssd_free[self.row],
            hdd: hdd_free[self.row],
        }
    }

    pub fn used(self) -> Capacity {
        self.total().minus(self.free())
    }

    pub fn state(self) -> NodeState {
        match (self.has(flag::UP), self.has(flag::STANDBY)) {
            (true, _) => NodeState::Up,
            (_, true) => NodeState::Standby,
            _ => NodeState::Down,
        }
    }

    pub fn up(self) -> bool {
        self.has(flag::UP)
    }

    pub fn healthy(self) -> bool {
        self.has(flag::HEALTHY)
    }

    pub fn opted_out(self) -> bool {
        self.has(flag::OPTED_OUT)
    }

    pub fn dedicated(self) -> bool {
        self.has(flag::DEDICATED)
    }

    /// The twin that rents it whole.
    pub fn rented_by(self) -> Option<u32> {
        self.pool.renters.get(&self.small_row()).copied()
    }

    /// Thousandths of a dollar a month, for whoever rents it whole.
    pub fn extra_fee_musd(self) -> u64 {
        self.pool.extra_fees.get(&self.small_row()).copied().unwrap_or(0)
    }

    pub fn certified(self) -> bool {
        self.has(flag::CERTIFIED)
    }

    pub fn sellable(self) -> bool {
        self.has(flag::SELLABLE)
    }

    pub fn features(self) -> Features {
        Features::from_bits(self.pool.features[self.row])
    }

    pub fn gpus(self) -> impl ExactSizeIterator<Item = Gpu> + use<'a> {
        let words = &self.pool.words;
        self.pool.cards_of(self.row).iter().map(|card| Gpu {
            vendor: words.text(card.vendor).to_owned(),
            device: words.text(card.device).to_owned(),
            free: card.free,
        })
    }

    /// Public addresses of its farm that nobody has.
    pub fn free_ips(self) -> u32 {
        self.pool.free_ips[self.row].into()
    }

    pub fn ipv6(self) -> bool {
        self.has(flag::IPV6)
    }

    /// Gives a machine a public IPv4 address while its farm has one.
    pub fn gives_ipv4(self) -> bool {
        self.features().has(Features::IP) && self.free_ips() > 0
    }

    pub fn gives_ipv6(self) -> bool {
        self.features().has(Features::IP) && self.ipv6()
    }

    /// Where a customer's tunnel can end on it.
    pub fn tunnel_address(self) -> Option<&'a str> {
        let address = self.pool.words.text(self.pool.addresses[self.row]);
        Some(address).filter(|address| !address.is_empty() && self.features().has(Features::WIREGUARD))
    }

    pub fn upload_bps(self) -> u64 {
        self.pool.upload_bps[self.row]
    }

    pub fn download_bps(self) -> u64 {
        self.pool.download_bps[self.row]
    }

    pub fn domain(self) -> &'a str {
        self.pool.words.text(self.pool.domains[self.row])
    }

    /// For a month of all it has.
    pub fn price(self) -> Option<Usd> {
        Some(self.pool.prices[self.row]).filter(|price| *price != UNPRICED).map(Usd::from_units)
    }

    /// What a VM costs here, in hundredths of a percent of the grid's usual price.
    pub fn rate_bp(self) -> u16 {
        self.pool.rates_bp[self.row]
    }

    pub fn benchmark(self) -> Option<u32> {
        self.has(flag::BENCHMARKED).then(|| self.pool.benchmarks[self.row])
    }

    pub fn looks(self) -> Looks {
        self.pool.looks[self.row]
    }

    /// How often it was up when we looked, in hundredths of a percent; None while we looked too seldom.
    pub fn measured_bp(self) -> Option<u16> {
        Some(self.pool.measured[self.row]).filter(|measured| *measured != UNMEASURED)
    }

    /// Seconds since its last start, by its own report.
    pub fn uptime_s(self) -> u64 {
        self.pool.uptimes[self.row].into()
    }

    pub fn seen(self) -> Time {
        self.pool.seen[self.row]
    }

    pub fn is(self, class: Class) -> bool {
        self.pool.classes[self.row] & class.bit() != 0
    }

    pub fn classes(self) -> impl Iterator<Item = Class> + use<'a> {
        Class::ALL.into_iter().filter(move |class| self.is(*class))
    }

    /// Its farm's place among the farms of the pool.
    pub(in crate::domain) fn farm_place(self) -> usize {
        self.pool.farm[self.row] as usize
    }

    fn has(self, bit: u16) -> bool {
        self.pool.flags[self.row] & bit != 0
    }

    fn small_row(self) -> u32 {
        u32::try_from(self.row).unwrap_or(u32::MAX)
    }
}

#[cfg(test)]
pub(crate) mod tests {
    use super::*;
    use crate::domain::catalogue::GIB;
    use crate::domain::node::tests::node;

    /// A grid that is made up, but always the same: node `n` is unlike its neighbours in every column.
    pub(crate) fn world(nodes: u32) -> Vec<Node> {
        const PLACES: [(&str, &str, &str); 6] = [
            ("Europe", "Belgium", "Ghent"),
            ("Europe", "Belgium", "Leuven"),
            ("Europe", "Germany", "Berlin"),
            ("Africa", "Egypt", "Cairo"),
            ("Americas", "Canada", "Toronto"),
            ("Asia", "Singapore", "Singapore"),
        ];
        (1..=nodes)
            .map(|id| {
                // Some chance, by a multiplicative generator: neighbouring numbers have nothing in common.
                let dice = |salt: u32| (id.wrapping_mul(2_654_435_761).wrapping_add(salt).wrapping_mul(2_246_822_519)) >> 8;
                let (region, country, city) = PLACES[dice(1) as usize % PLACES.len()];
                let total = Capacity {
                    cores: [4, 8, 16, 40][dice(2) as usize % 4],
                    memory: [16, 32, 64, 256][dice(3) as usize % 4] * GIB,
                    ssd: [512, 1024, 4096][dice(4) as usize % 3] * GIB,
                    hdd: [0, 0, 8192][dice(5) as usize % 3] * GIB,
                };
                let used = Capacity { memory: total.memory / 8 * u64::from(dice(6) % 8), ssd: 100 * GIB, ..Capacity::default() };
                let gpu = Gpu { vendor: "NVIDIA".into(), device: "GeForce RTX 4090".into(), free: dice(8) % 2 == 0 };
                Node {
                    farm: 1 + dice(7) % 9,
                    farm_name: format!("Farm {}", 1 + dice(7) % 9),
                    owner: 100 + (dice(7) % 9).div_ceil(2),
                    region: region.into(),
                    country: country.into(),
                    city: city.into(),
                    total,
                    used,
                    certified: dice(9) % 4 == 0,
                    gpus: if dice(10) % 10 == 0 { vec![gpu] } else { vec![] },
                    dedicated: dice(11) % 8 == 0,
                    free_ips: dice(12) % 3,
                    ipv6: dice(13) % 2 == 0,
                    upload_bps: u64::from(dice(14) % 20) * 100_000_000,
                    download_bps: 1_500_000_000,
                    price: (dice(15) % 20 != 0).then(|| Usd::from_cents(1000 + i64::from(dice(15) % 9000))),
                    looks: Looks {
                        seen: dice(16) % 4 * 1000,
                        up: dice(16) % 4 * 1000 - (dice(16) % 4).min(1) * (dice(17) % 100),
                    },
                    uptime_s: u64::from(dice(18) % 5_000_000),
                    ..node(id)
                }
            })
            .collect()
    }

    pub(crate) fn pool(nodes: u32) -> Pool {
        Pool::new(world(nodes), StorageClass::default())
    }

    #[test]
    fn what_goes_into_the_columns_comes_out_again() {
        let mut rows = world(300);
        rows[7].rented_by = Some(12);
        rows[7].extra_fee_musd = 5000;
        rows[8].benchmark = Some(900);
        rows[9].domain = "gw.example.org".into();
        rows[10].spot = None;
        let pool = Pool::new(rows.clone(), StorageClass::default());
        assert_eq!(pool.len(), rows.len());
        for node in &rows {
            let entry = pool.node(node.id).unwrap();
            assert_eq!((entry.id(), entry.twin(), entry.owner()), (node.id, node.twin, node.owner));
            assert_eq!((entry.farm(), entry.farm_name()), (node.farm, node.farm_name.as_str()));
            assert_eq!((entry.region(), entry.country(), entry.city()), (&*node.region, &*node.country, &*node.city));
            assert_eq!((entry.total(), entry.used(), entry.spot()), (node.total, node.used, node.spot));
            assert_eq!((entry.state(), entry.up(), entry.healthy()), (node.state, node.up(), node.healthy));
            assert_eq!((entry.dedicated(), entry.sellable()), (node.dedicated, node.sellable()));
            assert_eq!((entry.rented_by(), entry.extra_fee_musd()), (node.rented_by, node.extra_fee_musd));
            assert_eq!((entry.certified(), entry.features(), entry.ipv6()), (node.certified, node.features, node.ipv6));
            assert_eq!(entry.gpus().collect::<Vec<_>>(), node.gpus);
            assert_eq!((entry.free_ips(), entry.domain()), (node.free_ips, node.domain.as_str()));
            assert_eq!((entry.upload_bps(), entry.download_bps()), (node.upload_bps, node.download_bps));
            assert_eq!((entry.price(), entry.rate_bp(), entry.benchmark()), (node.price, node.rate_bp, node.benchmark));
            assert_eq!((entry.looks(), entry.measured_bp()), (node.looks, node.looks.basis_points()));
            assert_eq!((entry.uptime_s(), entry.seen()), (node.uptime_s, node.seen));
        }
        assert!(pool.node(0).is_none() && pool.node(301).is_none() && pool.at(300).is_none());
    }

    #[test]
    fn two_rows_of_one_number_are_one_node() {
        let twice = [node(2), Node { country: "Peru".into(), ..node(2) }, node(1)];
        let pool = Pool::new(twice.into(), StorageClass::default());
        assert_eq!(pool.iter().map(Entry::id).collect::<Vec<_>>(), [1, 2]);
        assert_eq!(pool.node(2).unwrap().country(), "Belgium");
    }

    #[test]
    fn a_node_takes_less_than_300_bytes() {
        let pool = pool(20_000);
        assert!(pool.bytes() <= 300 * pool.len(), "{} bytes a node", pool.bytes() / pool.len());
    }

    #[test]
    fn a_node_that_is_somebodys_own_or_silent_is_not_sold() {
        let silent = Node { state: NodeState::Standby, ..node(2) };
        let sick = Node { healthy: false, ..node(3) };
        let out = Node { opted_out: true, ..node(4) };
        let whole = Node { dedicated: true, ..node(5) };
        let rented = Node { rented_by: Some(9), ..node(6) };
        let light = Node { features: Features::of(["zmachine-light", "network-light"]), ..node(7) };
        let nobodys = Node { owner: 0, ..node(8) };
        let pool = Pool::new([node(1), silent, sick, out, whole, rented, light, nobodys].into(), StorageClass::default());
        assert_eq!(pool.sellable().iter().collect::<Vec<_>>(), [0]);
        assert_eq!(pool.live().iter().collect::<Vec<_>>(), [0, 4, 5]);
    }
}
