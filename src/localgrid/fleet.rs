//! The founding fleet: a few dozen nodes in several countries with different owners.

use sha2::{Digest, Sha256};

use super::genesis::{FarmSeed, Genesis, NodeSeed, Resources, TwinSeed};
use crate::base::money::{SCALE, Tft};
use crate::wire::key::{AccountId, KeyPair, Scheme};
use crate::wire::rmb::codec;

/// The relay of the local grid, as twins name it on chain.
pub const RELAY: &str = "relay.local";

const GIB: u64 = 1 << 30;
const TIB: u64 = 1 << 40;
const FARMER_BALANCE: Tft = Tft::from_units(1_000 * SCALE);
const NODE_BALANCE: Tft = Tft::from_units(10 * SCALE);

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Condition {
    Up,
    /// Powered off by its farmer to save energy.
    Standby,
    /// Gone without a word.
    Down,
}

/// What the chain does not know of a node.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Profile {
    pub node: u32,
    pub condition: Condition,
    /// Takes `zmachine-light` and `network-light` only, and has no public addresses.
    pub light: bool,
    /// A gateway's domain. Browsers look for everything below `localhost` on their own machine, where `web` is.
    pub domain: Option<String>,
}

/// Everything a world of our own begins with, apart from the operator's accounts.
#[derive(Debug, Clone)]
pub struct Fleet {
    /// Farmers first, in the order of their farms, then nodes.
    pub twins: Vec<TwinSeed>,
    pub farms: Vec<FarmSeed>,
    pub nodes: Vec<NodeSeed>,
    /// One a node, in the same order.
    pub profiles: Vec<Profile>,
}

impl Fleet {
    pub fn genesis(&self, balances: Vec<(AccountId, Tft)>, tft_price_musd: u32) -> Genesis {
        let (twins, farms, nodes) = (self.twins.clone(), self.farms.clone(), self.nodes.clone());
        Genesis { twins, farms, nodes, balances, tft_price_musd }
    }
}

/// The key of the person who owns a farm.
pub fn farmer_key(farmer: &str) -> KeyPair {
    local_key(&format!("cooperage local farmer {farmer}"))
}

pub fn node_key(node: u32) -> KeyPair {
    local_key(&format!("cooperage local node {node}"))
}

/// Worthless keys that everybody can make: they exist in the pretended world only.
fn local_key(words: &str) -> KeyPair {
    KeyPair::from_mini_secret(Sha256::digest(words).into(), Scheme::Sr25519)
}

struct Farm {
    name: &'static str,
    farmer: &'static str,
    /// Network of its public addresses and how many it has of it, from .10 on.
    public: Option<(&'static str, u8, u8)>,
    dedicated: bool,
}

const fn farm(name: &'static str, farmer: &'static str, public: Option<(&'static str, u8, u8)>) -> Farm {
    Farm { name, farmer, public, dedicated: false }
}

/// Public addresses are of the ranges that are reserved for documentation.
const FARMS: [Farm; 13] = [
    farm("Hilbert's Barn", "Hilbert", Some(("192.0.2", 10, 8))),
    farm("Lieve Servers", "Lieve Maes", Some(("192.0.2", 40, 6))),
    farm("Black Forest Compute", "Anton Rieger", None),
    farm("Alpenrack", "Ursina Caflisch", Some(("198.51.100", 10, 10))),
    farm("Grachten Cloud", "Joost de Vries", Some(("198.51.100", 60, 4))),
    farm("Ferme du Rhône", "Camille Perrin", None),
    farm("Nube del Turia", "Marta Ferrer", Some(("198.51.100", 110, 4))),
    farm("Nile Nodes", "Amira Hassan", Some(("203.0.113", 10, 6))),
    farm("Savanna Grid", "Wanjiku Kamau", None),
    farm("Lone Star Racks", "Dale Whitaker", Some(("203.0.113", 60, 8))),
    farm("Maple Edge", "Élodie Tremblay", None),
    farm("Nuvem do Sul", "Rafael Andrade", Some(("203.0.113", 110, 4))),
    Farm { name: "Monsoon Metal", farmer: "Priya Nair", public: None, dedicated: true },
];

/// Kinds of machines that people really run.
#[derive(Clone, Copy)]
enum Build {
    /// A mini PC under a desk.
    Small,
    /// A few VMs.
    Vm,
    /// A Kubernetes cluster's worth.
    Cluster,
    /// A retired data centre server.
    Server,
    /// Many disks, little else.
    Storage,
}

impl Build {
    const fn resources(self) -> Resources {
        let (cru, mru, sru, hru) = match self {
            Build::Small => (4, 16 * GIB, 512 * GIB, 0),
            Build::Vm => (8, 32 * GIB, TIB, 2 * TIB),
            Build::Cluster => (16, 64 * GIB, 2 * TIB, 4 * TIB),
            Build::Server => (40, 256 * GIB, 4 * TIB, 8 * TIB),
            Build::Storage => (8, 32 * GIB, TIB, 32 * TIB),
        };
        Resources { cru, mru, sru, hru }
    }
}

struct Site {
    country: &'static str,
    region: &'static str,
    city: &'static str,
    latitude: &'static str,
    longitude: &'static str,
}

const fn site(
    country: &'static str,
    region: &'static str,
    city: &'static str,
    latitude: &'static str,
    longitude: &'static str,
) -> Site {
    Site { country, region, city, latitude, longitude }
}

const GHENT: Site = site("Belgium", "Europe", "Ghent", "51.0543", "3.7174");
const ANTWERP: Site = site("Belgium", "Europe", "Antwerp", "51.2194", "4.4025");
const LEUVEN: Site = site("Belgium", "Europe", "Leuven", "50.8798", "4.7005");
const FREIBURG: Site = site("Germany", "Europe", "Freiburg", "47.9990", "7.8421");
const BERLIN: Site = site("Germany", "Europe", "Berlin", "52.5200", "13.4050");
const ZURICH: Site = site("Switzerland", "Europe", "Zürich", "47.3769", "8.5417");
const LUGANO: Site = site("Switzerland", "Europe", "Lugano", "46.0037", "8.9511");
const GENEVA: Site = site("Switzerland", "Europe", "Geneva", "46.2044", "6.1432");
const AMSTERDAM: Site = site("Netherlands", "Europe", "Amsterdam", "52.3676", "4.9041");
const UTRECHT: Site = site("Netherlands", "Europe", "Utrecht", "52.0907", "5.1214");
const LYON: Site = site("France", "Europe", "Lyon", "45.7640", "4.8357");
const PARIS: Site = site("France", "Europe", "Paris", "48.8566", "2.3522");
const VALENCIA: Site = site("Spain", "Europe", "Valencia", "39.4699", "-0.3763");
const BARCELONA: Site = site("Spain", "Europe", "Barcelona", "41.3874", "2.1686");
const CAIRO: Site = site("Egypt", "Africa", "Cairo", "30.0444", "31.2357");
const ALEXANDRIA: Site = site("Egypt", "Africa", "Alexandria", "31.2001", "29.9187");
const NAIROBI: Site = site("Kenya", "Africa", "Nairobi", "-1.2921", "36.8219");
const MOMBASA: Site = site("Kenya", "Africa", "Mombasa", "-4.0435", "39.6682");
const AUSTIN: Site = site("United States", "Americas", "Austin", "30.2672", "-97.7431");
const PORTLAND: Site = site("United States", "Americas", "Portland", "45.5152", "-122.6784");
const MONTREAL: Site = site("Canada", "Americas", "Montréal", "45.5019", "-73.5674");
const TORONTO: Site = site("Canada", "Americas", "Toronto", "43.6532", "-79.3832");
const SAO_PAULO: Site = site("Brazil", "Americas", "São Paulo", "-23.5558", "-46.6396");
const RECIFE: Site = site("Brazil", "Americas", "Recife", "-8.0476", "-34.8770");
const BENGALURU: Site = site("India", "Asia", "Bengaluru", "12.9716", "77.5946");
const SINGAPORE: Site = site("Singapore", "Asia", "Singapore", "1.3521", "103.8198");

/// What is unusual about a node.
#[derive(Clone, Copy, PartialEq)]
enum Mark {
    Certified,
    /// Has a domain and a public address.
    Gateway,
    Ipv6,
    Light,
    OptedOut,
    Standby,
    Down,
    /// A fast line.
    Fibre,
}

use Build::{Cluster, Server, Small, Storage, Vm};
use Mark::{Certified, Down, Fibre, Gateway, Ipv6, Light, OptedOut, Standby};

/// (number of the farm, where, what, what is unusual)
const NODES: [(u32, &Site, Build, &[Mark]); 40] = [
    (1, &GHENT, Cluster, &[Certified, Ipv6, Fibre]),
    (1, &GHENT, Vm, &[Ipv6]),
    (1, &FREIBURG, Cluster, &[Fibre]),
    (1, &FREIBURG, Storage, &[]),
    (2, &ANTWERP, Server, &[Certified, Gateway, Ipv6, Fibre]),
    (2, &LEUVEN, Vm, &[]),
    (2, &LEUVEN, Cluster, &[Certified]),
    (3, &FREIBURG, Vm, &[]),
    (3, &BERLIN, Cluster, &[Ipv6]),
    (3, &BERLIN, Storage, &[Ipv6]),
    (3, &BERLIN, Small, &[Light]),
    (4, &ZURICH, Server, &[Certified, Gateway, Ipv6, Fibre]),
    (4, &ZURICH, Cluster, &[Certified, Ipv6]),
    (4, &LUGANO, Vm, &[]),
    (4, &GENEVA, Storage, &[Certified]),
    (5, &AMSTERDAM, Server, &[Gateway, Ipv6, Fibre]),
    (5, &AMSTERDAM, Cluster, &[Ipv6, Fibre]),
    (5, &UTRECHT, Vm, &[]),
    (6, &LYON, Cluster, &[]),
    (6, &LYON, Vm, &[Standby]),
    (6, &PARIS, Cluster, &[Fibre]),
    (7, &VALENCIA, Vm, &[Certified]),
    (7, &VALENCIA, Storage, &[]),
    (7, &BARCELONA, Cluster, &[]),
    (8, &CAIRO, Server, &[Gateway]),
    (8, &CAIRO, Vm, &[]),
    (8, &ALEXANDRIA, Vm, &[Down]),
    (9, &NAIROBI, Cluster, &[]),
    (9, &NAIROBI, Storage, &[]),
    (9, &MOMBASA, Small, &[]),
    (10, &AUSTIN, Server, &[Certified, Gateway, Fibre]),
    (10, &AUSTIN, Cluster, &[OptedOut]),
    (10, &PORTLAND, Vm, &[Ipv6]),
    (11, &MONTREAL, Cluster, &[Ipv6]),
    (11, &TORONTO, Vm, &[]),
    (11, &TORONTO, Storage, &[]),
    (12, &SAO_PAULO, Cluster, &[]),
    (12, &RECIFE, Vm, &[]),
    (13, &BENGALURU, Server, &[]),
    (13, &SINGAPORE, Cluster, &[Fibre]),
];

/// The same fleet every time.
pub fn fleet() -> Fleet {
    let farmers = FARMS.len() as u32;
    let twin = |id: u32, key: KeyPair, balance: Tft| TwinSeed {
        id,
        account: key.public(),
        relay: Some(RELAY.into()),
        pk: codec::public_key(key.encryption_secret()).map(Vec::from),
        balance,
    };
    let mut fleet = Fleet { twins: Vec::new(), farms: Vec::new(), nodes: Vec::new(), profiles: Vec::new() };
    for (id, farm) in (1..).zip(&FARMS) {
        fleet.twins.push(twin(id, farmer_key(farm.farmer), FARMER_BALANCE));
        let addresses = |(net, first, count): (&str, u8, u8)| {
            (first..first.saturating_add(count)).map(|host| (format!("{net}.{host}/24"), format!("{net}.1"))).collect::<Vec<_>>()
        };
        fleet.farms.push(FarmSeed {
            id,
            name: farm.name.into(),
            twin: id,
            public_ips: farm.public.map(addresses).unwrap_or_default(),
            dedicated: farm.dedicated,
        });
    }
    for (id, (farm, site, build, marks)) in (1..).zip(NODES) {
        let has = |mark| marks.contains(&mark);
        fleet.twins.push(twin(farmers + id, node_key(id), NODE_BALANCE));
        let (upload_bps, download_bps) =
            if has(Fibre) { (1_000_000_000, 1_000_000_000) } else { (90_000_000 + u64::from(id) * 1_000_000, 450_000_000) };
        fleet.nodes.push(NodeSeed {
            id,
            farm,
            twin: farmers + id,
            country: site.country.into(),
            region: site.region.into(),
            city: site.city.into(),
            latitude: site.latitude.into(),
            longitude: site.longitude.into(),
            total: build.resources(),
            certified: has(Certified),
            upload_bps,
            download_bps,
            ipv6: has(Ipv6),
            opted_out: has(OptedOut),
        });
        fleet.profiles.push(Profile {
            node: id,
            condition: if has(Standby) {
                Condition::Standby
            } else if has(Down) {
                Condition::Down
            } else {
                Condition::Up
            },
            light: has(Light),
            domain: has(Gateway).then(|| format!("gw{id:02}.localhost")),
        });
    }
    fleet
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use super::*;

    #[test]
    fn the_fleet_is_large_and_diverse_enough_to_choose_from() {
        let fleet = fleet();
        let countries: BTreeSet<_> = fleet.nodes.iter().map(|node| &node.country).collect();
        assert!(fleet.nodes.len() >= 36 && countries.len() >= 10 && fleet.farms.len() >= 12);
        let farmers: BTreeSet<_> = fleet.farms.iter().map(|farm| farm.twin).collect();
        assert_eq!(farmers.len(), fleet.farms.len(), "different owners");
        let usable = |cores, memory| {
            fleet.nodes.iter().filter(|node| node.total.cru >= cores && node.total.mru >= memory * GIB && !node.opted_out).count()
        };
        assert!(usable(8, 32) > 30 && usable(16, 64) > 15);
        assert!(fleet.nodes.iter().filter(|node| node.total.hru > TIB).count() >= 8);
        assert!(fleet.nodes.iter().any(|node| node.opted_out) && fleet.nodes.iter().any(|node| node.certified));
        for condition in [Condition::Standby, Condition::Down] {
            assert!(fleet.profiles.iter().any(|profile| profile.condition == condition));
        }
    }

    #[test]
    fn a_swarm_finds_room_with_some_to_spare() {
        let fleet = fleet();
        let up = |node: &&NodeSeed| {
            let profile = &fleet.profiles[node.id as usize - 1];
            profile.condition == Condition::Up && !profile.light && !node.opted_out && node.total.hru >= TIB
        };
        let shared = |node: &&NodeSeed| !fleet.farms[node.farm as usize - 1].dedicated;
        let stores: Vec<_> = fleet.nodes.iter().filter(up).filter(shared).collect();
        let farms: BTreeSet<_> = stores.iter().map(|node| node.farm).collect();
        assert!(stores.len() >= 32 && farms.len() >= 12, "{} on {}", stores.len(), farms.len());
    }

    #[test]
    fn hilbert_runs_four_nodes_in_ghent_and_freiburg() {
        let fleet = fleet();
        let barn = fleet.farms.iter().find(|farm| farm.name == "Hilbert's Barn").unwrap();
        let hilbert = &fleet.twins[barn.twin as usize - 1];
        assert_eq!(hilbert.account, farmer_key("Hilbert").public());
        let cities: Vec<_> = fleet.nodes.iter().filter(|node| node.farm == barn.id).map(|node| node.city.as_str()).collect();
        assert_eq!(cities, ["Ghent", "Ghent", "Freiburg", "Freiburg"]);
    }

    #[test]
    fn everything_is_numbered_from_one_and_hangs_together() {
        let fleet = fleet();
        for (place, twin) in (1..).zip(&fleet.twins) {
            assert_eq!((twin.id, twin.pk.as_ref().map(Vec::len)), (place, Some(33)));
        }
        for (place, node) in (1..).zip(&fleet.nodes) {
            assert_eq!((node.id, fleet.profiles[place as usize - 1].node), (place, place));
            assert_eq!(fleet.twins[node.twin as usize - 1].account, node_key(node.id).public());
            assert!(fleet.farms.iter().any(|farm| farm.id == node.farm));
        }
        let ips: Vec<_> = fleet.farms.iter().flat_map(|farm| &farm.public_ips).map(|(ip, _)| ip).collect();
        let documentation = |ip: &&&String| ["192.0.2.", "198.51.100.", "203.0.113."].iter().any(|net| ip.starts_with(net));
        assert_eq!(ips.iter().filter(documentation).count(), ips.len());
        assert_eq!(ips.iter().collect::<BTreeSet<_>>().len(), ips.len(), "no address twice");
    }
}
