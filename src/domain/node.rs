//! A node as the grid's index tells of it: a row of the pool before it becomes columns.

use serde::{Deserialize, Serialize};

use super::catalogue::{Capacity, GIB};
use crate::base::Time;
use crate::base::money::Usd;

/// A gigabyte as makers print it on memory. A machine sold with 32 GB shows a little less than 32 GiB, because its system keeps some,
/// and a little more than this.
const GB: u64 = 1_000_000_000;
/// 1 Gbit/s.
const GIGABIT_BPS: u64 = 1_000_000_000;

/// What the index and the chain's power record say together (`threefoldtech/tfgrid-sdk-go: grid-proxy/pkg/nodestatus`).
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Default, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum NodeState {
    Up,
    /// Powered off by its farmer to save energy: it can be woken up, and it answers nobody now.
    Standby,
    #[default]
    Down,
}

impl NodeState {
    pub const fn word(self) -> &'static str {
        match self {
            NodeState::Up => "Up",
            NodeState::Standby => "Standby",
            NodeState::Down => "Down",
        }
    }
}

/// A point on the earth in millionths of a degree, north and east positive.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub struct Spot {
    pub latitude: i32,
    pub longitude: i32,
}

impl Spot {
    /// None for what is no place: beyond a pole or once around, and the point (0, 0) that stands for "not known".
    pub fn new(latitude: i32, longitude: i32) -> Option<Spot> {
        let on_earth = latitude.unsigned_abs() <= 90_000_000 && longitude.unsigned_abs() <= 180_000_000;
        (on_earth && (latitude, longitude) != (0, 0)).then_some(Spot { latitude, longitude })
    }

    /// Kilometres as the crow flies, good to about one in a hundred: the chord through the earth, in whole numbers, bent back.
    pub fn km_to(self, other: Spot) -> u32 {
        let (a, b) = (self.on_ball(), other.on_ball());
        let square = (0..3).map(|axis| (a[axis] - b[axis]).pow(2)).sum::<i64>();
        // The ball's radius is 2²⁰. arc = 2 asin(chord / 2), by a series that is good to 1 % up to the other side of the earth.
        let half = i64::try_from(square.unsigned_abs().isqrt()).unwrap_or(BALL) / 2;
        let x = half.min(BALL);
        u32::try_from(2 * EARTH_KM * arcsine(x) / BALL).unwrap_or(u32::MAX)
    }

    /// On a ball with radius 2²⁰.
    fn on_ball(self) -> [i64; 3] {
        let (up, out) = sine_cosine(self.latitude.into());
        let (east, front) = sine_cosine(self.longitude.into());
        [out * front / BALL, out * east / BALL, up]
    }
}

const BALL: i64 = 1 << 20;
const EARTH_KM: i64 = 6371;
/// π/2 on the ball.
const QUARTER: i64 = 1_647_099;

/// Sine and cosine × 2²⁰ of an angle in millionths of a degree, by their series around the nearest quarter.
fn sine_cosine(angle: i64) -> (i64, i64) {
    let angle = angle.rem_euclid(360_000_000);
    let (quarter, rest) = (angle / 90_000_000, angle % 90_000_000);
    let x = rest * QUARTER / 90_000_000;
    let times = |a: i64, b: i64| a * b / BALL;
    let series = |x: i64| {
        let square = times(x, x);
        let inner = BALL - square / 110;
        let inner = BALL - times(square, inner) / 72;
        let inner = BALL - times(square, inner) / 42;
        let inner = BALL - times(square, inner) / 20;
        times(x, BALL - times(square, inner) / 6)
    };
    let (sine, cosine) = (series(x), series(QUARTER - x));
    match quarter {
        0 => (sine, cosine),
        1 => (cosine, -sine),
        2 => (-sine, -cosine),
        _ => (-cosine, sine),
    }
}

/// Arc sine × 2²⁰ of `x` ÷ 2²⁰, from 0 to the whole ball.
fn arcsine(x: i64) -> i64 {
    let series = |x: i64| {
        let square = x * x / BALL;
        let fourth = square * square / BALL;
        x * (BALL + square / 6 + fourth * 3 / 40 + fourth * square / BALL * 15 / 336) / BALL
    };
    if x <= BALL / 2 {
        return series(x);
    }
    // Half the angle keeps the series short: sin(a/2) = sqrt((1 - cos a) / 2).
    let cosine = i64::try_from((BALL * BALL - x * x).unsigned_abs().isqrt()).unwrap_or(BALL);
    2 * series(i64::try_from((BALL * (BALL - cosine) / 2).unsigned_abs().isqrt()).unwrap_or(BALL))
}

#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
pub struct Gpu {
    pub vendor: String,
    pub device: String,
    /// No contract has it.
    pub free: bool,
}

impl Gpu {
    /// `NVIDIA Corporation GeForce RTX 4090`
    pub fn model(&self) -> String {
        [self.vendor.trim(), self.device.trim()].join(" ").trim().to_owned()
    }
}

/// What a node can do for a deployment (`threefoldtech/zosbase: pkg/gridtypes`); words that we have no use for are left out.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Hash, Serialize, Deserialize)]
#[serde(transparent)]
pub struct Features(u32);

impl Features {
    const WORDS: [&'static str; 18] = [
        "zmachine",
        "network",
        "mycelium",
        "wireguard",
        "yggdrasil",
        "ip",
        "ipv4",
        "zmount",
        "volume",
        "qsfs",
        "zdb",
        "zlogs",
        "gateway-name-proxy",
        "gateway-fqdn-proxy",
        "zmachine-light",
        "network-light",
        "gpu",
        "public-config",
    ];
    /// What a VM of ours is made of.
    pub const VM: Features = Features(0b111);
    /// Ends customers' tunnels.
    pub const WIREGUARD: Features = Features(1 << 3);
    /// Keeps stores.
    pub const STORAGE: Features = Features(1 << 10);
    /// Lets visitors in by a name of its own, and by one of theirs.
    pub const GATEWAY: Features = Features(0b11 << 12);
    /// Gives machines public addresses.
    pub const IP: Features = Features(1 << 5);

    pub fn of<T: AsRef<str>>(words: impl IntoIterator<Item = T>) -> Features {
        let bit = |word: T| Self::WORDS.iter().position(|known| *known == word.as_ref());
        Features(words.into_iter().filter_map(bit).fold(0, |bits, place| bits | 1 << place))
    }

    pub const fn bits(self) -> u32 {
        self.0
    }

    pub const fn from_bits(bits: u32) -> Features {
        Features(bits)
    }

    pub const fn has(self, all: Features) -> bool {
        self.0 & all.0 == all.0
    }

    pub fn words(self) -> impl Iterator<Item = &'static str> {
        Self::WORDS.into_iter().enumerate().filter(move |(place, _)| self.0 >> place & 1 == 1).map(|(_, word)| word)
    }
}

/// How often we looked at a node within the last 90 days, and how often it was up. Times when nobody looked count as neither.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
pub struct Looks {
    pub seen: u32,
    pub up: u32,
}

impl Looks {
    /// Fewer than this say nothing yet: an hour and a half of looking every half minute.
    pub const ENOUGH: u32 = 180;

    /// Hundredths of a percent; None while there are too few.
    pub fn basis_points(self) -> Option<u16> {
        if self.seen < Self::ENOUGH {
            return None;
        }
        let share = u64::from(self.up.min(self.seen)) * 10_000 / u64::from(self.seen);
        u16::try_from(share).ok()
    }
}

/// A node as far as selling on it goes.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Node {
    pub id: u32,
    /// Where the node is reached on the message bus.
    pub twin: u32,
    pub farm: u32,
    pub farm_name: String,
    /// The farmer's twin: whoever it belongs to earns the share. 0 where the index did not tell: such a node sells nothing.
    pub owner: u32,
    /// The continent, as the index names it.
    pub region: String,
    pub country: String,
    pub city: String,
    pub spot: Option<Spot>,
    pub total: Capacity,
    pub used: Capacity,
    pub certified: bool,
    pub state: NodeState,
    /// The index asked it something and got an answer.
    pub healthy: bool,
    /// Its owner took it out of the grid's billing: it refuses new contracts.
    pub opted_out: bool,
    /// Can only be rented whole: so says its farm, or it costs an extra fee.
    pub dedicated: bool,
    /// The twin that rents it whole.
    pub rented_by: Option<u32>,
    /// Thousandths of a dollar a month, on top of everything, for whoever rents it.
    pub extra_fee_musd: u64,
    pub features: Features,
    pub gpus: Vec<Gpu>,
    /// Public addresses of its farm that nobody has. They are the farm's: two nodes of a farm show the same ones.
    pub free_ips: u32,
    pub ipv6: bool,
    /// Bits a second, by the index's own speed test.
    pub upload_bps: u64,
    pub download_bps: u64,
    /// Its own public address, without the size of its network; empty for nodes behind somebody else's.
    #[serde(default)]
    pub address: String,
    /// As a gateway.
    pub domain: String,
    /// For a month of all it has, by the chain's price list and without anybody's discount.
    pub price: Option<Usd>,
    /// What a VM costs here, in hundredths of a percent of the grid's usual price.
    pub rate_bp: u16,
    /// Points of a benchmark, where one was run: 1000 is as fast as we need.
    pub benchmark: Option<u32>,
    /// Our own looks at it.
    pub looks: Looks,
    /// Seconds since its last start, by its own report.
    pub uptime_s: u64,
    /// Its last report.
    pub seen: Time,
}

impl Node {
    pub fn up(&self) -> bool {
        self.state == NodeState::Up
    }

    /// Takes a VM beside others, from anybody.
    pub fn sellable(&self) -> bool {
        self.takes_vms() && !self.dedicated && self.rented_by.is_none()
    }

    /// It would take a VM of ours, if it is not somebody else's.
    pub fn takes_vms(&self) -> bool {
        self.up() && self.healthy && !self.opted_out && self.owner != 0 && self.features.has(Features::VM)
    }
}

/// What a node is good for by what it has. The numbers are promises to people who look for one, and badges beside its name.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Class {
    /// 8 cores and 32 GB.
    Vm,
    /// 16 cores and 64 GB.
    Kubernetes,
    /// Disks: the threshold is a setting.
    Storage,
    /// A graphics card.
    Gpu,
    /// 1 Gbit/s both ways, as measured.
    Bandwidth,
}

impl Class {
    pub const ALL: [Class; 5] = [Class::Vm, Class::Kubernetes, Class::Storage, Class::Gpu, Class::Bandwidth];

    /// As in a query.
    pub const fn key(self) -> &'static str {
        match self {
            Class::Vm => "vm",
            Class::Kubernetes => "kubernetes",
            Class::Storage => "storage",
            Class::Gpu => "gpu",
            Class::Bandwidth => "bandwidth",
        }
    }

    pub const fn word(self) -> &'static str {
        match self {
            Class::Vm => "VM",
            Class::Kubernetes => "Kubernetes",
            Class::Storage => "Storage",
            Class::Gpu => "GPU",
            Class::Bandwidth => "High bandwidth",
        }
    }

    pub fn parse(key: &str) -> Option<Class> {
        Class::ALL.into_iter().find(|class| class.key() == key)
    }

    pub(super) const fn bit(self) -> u8 {
        1 << self as u8
    }
}

/// From how much on a node counts as one for storage, in bytes of all its disks.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct StorageClass {
    pub ssd: u64,
    pub hdd: u64,
}

impl Default for StorageClass {
    fn default() -> Self {
        StorageClass { ssd: 4096 * GIB, hdd: 8192 * GIB }
    }
}

/// The classes of a node, as bits.
pub(super) fn classes(node: &Node, storage: StorageClass) -> u8 {
    let at_least = |cores, gigabytes| node.total.cores >= cores && node.total.memory >= gigabytes * GB;
    let line = node.upload_bps.min(node.download_bps);
    [
        (Class::Vm, at_least(8, 32)),
        (Class::Kubernetes, at_least(16, 64)),
        (Class::Storage, node.total.ssd >= storage.ssd || node.total.hdd >= storage.hdd),
        (Class::Gpu, !node.gpus.is_empty()),
        (Class::Bandwidth, line >= GIGABIT_BPS),
    ]
    .into_iter()
    .filter(|(_, is)| *is)
    .fold(0, |bits, (class, _)| bits | class.bit())
}

#[cfg(test)]
pub(crate) mod tests {
    use super::*;

    pub(crate) fn node(id: u32) -> Node {
        Node {
            id,
            twin: 1000 + id,
            farm: id,
            farm_name: format!("Farm {id}"),
            owner: 100 + id,
            region: "Europe".into(),
            country: "Belgium".into(),
            city: "Ghent".into(),
            spot: Spot::new(51_054_300, 3_717_400),
            total: Capacity { cores: 8, memory: 32 * GIB, ssd: 500 * GIB, hdd: 0 },
            used: Capacity::default(),
            certified: false,
            state: NodeState::Up,
            healthy: true,
            opted_out: false,
            dedicated: false,
            rented_by: None,
            extra_fee_musd: 0,
            features: Features::VM,
            gpus: vec![],
            free_ips: 0,
            ipv6: false,
            upload_bps: 100_000_000,
            download_bps: 400_000_000,
            address: String::new(),
            domain: String::new(),
            price: Some(Usd::from_cents(5000)),
            rate_bp: 10_000,
            benchmark: None,
            looks: Looks::default(),
            uptime_s: 0,
            seen: Time::EPOCH,
        }
    }

    #[test]
    fn distances_are_those_of_the_atlas() {
        let spot = |latitude, longitude| Spot::new(latitude, longitude).unwrap();
        let (ghent, berlin) = (spot(51_054_300, 3_717_400), spot(52_520_000, 13_405_000));
        let (austin, sao_paulo) = (spot(30_267_200, -97_743_100), spot(-23_555_800, -46_639_600));
        let singapore = spot(1_352_100, 103_819_800);
        for (from, to, km) in [
            (ghent, ghent, 0),
            (ghent, spot(50_879_800, 4_700_500), 72),
            (ghent, berlin, 685),
            (berlin, ghent, 685),
            (ghent, austin, 8172),
            (austin, singapore, 15_822),
            (sao_paulo, singapore, 15_987),
            (spot(10_000_000, 179_900_000), spot(10_000_000, -179_900_000), 22),
        ] {
            let found = from.km_to(to);
            assert!(found.abs_diff(km) <= 2 + km / 100, "{found} km instead of {km}");
        }
    }

    #[test]
    fn what_is_no_place_is_none() {
        assert_eq!(Spot::new(0, 0), None);
        assert_eq!(Spot::new(90_000_001, 5), None);
        assert_eq!(Spot::new(i32::MIN, i32::MIN), None);
        assert!(Spot::new(-90_000_000, 180_000_000).is_some());
    }

    #[test]
    fn a_machine_sold_with_so_many_gigabytes_is_of_the_class_that_wants_them() {
        let class = |cores, memory| {
            classes(&Node { total: Capacity { cores, memory, ssd: 0, hdd: 0 }, ..node(1) }, StorageClass::default())
        };
        assert_eq!(class(8, 33_500_000_000), Class::Vm.bit(), "32 GB without what the system keeps");
        assert_eq!(class(16, 67_430_752_256), Class::Vm.bit() | Class::Kubernetes.bit());
        assert_eq!(class(7, 64 * GIB), 0);
        assert_eq!(class(8, 16 * GIB), 0);
    }

    #[test]
    fn the_other_classes_are_by_disks_cards_and_lines() {
        let of = |node: &Node| classes(node, StorageClass::default()) & !Class::Vm.bit();
        let gpu = Gpu { vendor: "NVIDIA".into(), device: "RTX 4090".into(), free: false };
        assert_eq!(of(&Node { gpus: vec![gpu], ..node(1) }), Class::Gpu.bit());
        let line = |upload_bps, download_bps| of(&Node { upload_bps, download_bps, ..node(1) });
        assert_eq!(line(1_000_000_000, 1_000_000_001), Class::Bandwidth.bit());
        assert_eq!(line(999_999_999, 1_000_000_000), 0, "measured, not as sold");
        assert_eq!(line(300_000_000, 2_000_000_000), 0, "both ways");
        let mut disks = node(1);
        disks.total.hdd = 8192 * GIB;
        assert_eq!(of(&disks), Class::Storage.bit());
    }

    #[test]
    fn features_are_known_words_and_print_again() {
        let features = Features::of(["network", "zmachine", "mycelium", "teleport"]);
        assert!(features.has(Features::VM));
        assert_eq!((Features::WIREGUARD, Features::IP), (Features::of(["wireguard"]), Features::of(["ip"])));
        assert_eq!(Features::STORAGE, Features::of(["zdb"]));
        assert_eq!(Features::GATEWAY, Features::of(["gateway-name-proxy", "gateway-fqdn-proxy"]));
        assert_eq!(features.words().collect::<Vec<_>>(), ["zmachine", "network", "mycelium"]);
        assert!(!Features::of(["zmachine-light", "network-light", "mycelium"]).has(Features::VM));
    }

    #[test]
    fn few_looks_say_nothing() {
        assert_eq!(Looks { seen: 179, up: 179 }.basis_points(), None);
        assert_eq!(Looks { seen: 1000, up: 995 }.basis_points(), Some(9950));
        assert_eq!(Looks { seen: 1000, up: 5000 }.basis_points(), Some(10_000));
    }
}
