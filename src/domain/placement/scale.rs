//! The weighing of nodes: how many points each part is worth, and the sentence that says why.

use super::{Ask, Extra, Part, Reach, Scored, count};
use crate::domain::catalogue::Capacity;
use crate::domain::exposure::Market;
use crate::domain::node::{Features, Spot};
use crate::domain::pool::{Entry, Pool, Rows};

const PRICE: u32 = 15;
const RELIABILITY: u32 = 35;
const ROOM: u32 = 20;
const SPREAD: u32 = 15;
const SPEED: u32 = 5;
const HARDWARE: u32 = 10;
const DISTANCE: u32 = 20;
/// What a node says of itself is worth less than what we saw.
const SAID_MAX: u32 = 25;
/// Up less often than this earns nothing.
const RELIABLE_BP: u32 = 9000;
/// Kilometres that cost one point: a hundred are a millisecond there and back.
const KM_A_POINT: u32 = 100;

/// Weighs the nodes of a pool for one ask. Points need no text, so that many nodes can be weighed; the sentences are made for the few
/// that are shown.
pub(super) struct Scale<'a> {
    pool: &'a Pool,
    ask: &'a Ask,
    market: &'a Market,
    /// Rows whose node has something promised.
    promised: Rows,
    /// VMs of ours on a farm and with its farmer, by the farm's place in the pool.
    carried: Vec<(u32, u32)>,
}

impl<'a> Scale<'a> {
    pub(super) fn new(pool: &'a Pool, ask: &'a Ask, market: &'a Market) -> Self {
        let carried = pool.by_farm(&market.ours);
        Scale { pool, ask, market, promised: pool.rows_of(market.reserved.keys().copied()), carried }
    }

    /// Those of `rows` with room for the need.
    pub(super) fn roomy(&self, rows: Rows) -> Rows {
        let mut rows = self.pool.with_room(rows, self.ask.need);
        for row in self.promised.iter() {
            let need = self.ask.need;
            let short = self.pool.at(row).is_some_and(|entry| {
                let free = self.free(entry);
                free.memory < need.memory || free.ssd < need.ssd || free.hdd < need.hdd
            });
            if short {
                rows.remove(row);
            }
        }
        rows
    }

    /// Those of `rows` that offer all of `reach`.
    pub(super) fn reachable(&self, mut rows: Rows, reach: Reach) -> Rows {
        if reach == Reach::default() {
            return rows;
        }
        // A farm's addresses are promised by us until the chain has given them.
        let left = |entry: Entry<'_>| {
            entry.gives_ipv4() && entry.free_ips() > self.market.addresses.get(&entry.farm()).copied().unwrap_or(0)
        };
        let offers = |entry: Entry<'_>| {
            (!reach.ipv4 || left(entry))
                && (!reach.ipv6 || entry.gives_ipv6())
                && (!reach.tunnel || entry.tunnel_address().is_some())
                && (!reach.storage || entry.features().has(Features::STORAGE))
        };
        let short: Vec<usize> = rows.iter().filter(|row| !self.pool.at(*row).is_some_and(offers)).collect();
        short.into_iter().for_each(|row| rows.remove(row));
        rows
    }

    /// What none of `rows` has of what is asked.
    pub(super) fn missing(&self, rows: &Rows) -> Extra {
        let Reach { ipv4, ipv6, tunnel, .. } = self.ask.reach;
        let alone = [
            (Extra::Ipv4, Reach { ipv4, ..Reach::default() }),
            (Extra::Ipv6, Reach { ipv6, ..Reach::default() }),
            (Extra::Tunnel, Reach { tunnel, ..Reach::default() }),
        ];
        let nobody = |reach| self.reachable(rows.clone(), reach).is_empty();
        alone.into_iter().find(|(_, reach)| nobody(*reach)).map_or(Extra::Together, |(extra, _)| extra)
    }

    /// What is neither used nor promised. Cores may be shared between VMs (`threefoldtech/tfgrid-sdk-go: grid-proxy`): a node must only
    /// have as many as the VM wants.
    fn free(&self, entry: Entry<'_>) -> Capacity {
        match self.promised.contains(entry.row()) {
            true => entry.free().minus(self.market.reserved.get(&entry.id()).copied().unwrap_or_default()),
            false => entry.free(),
        }
    }

    pub(super) fn points(&self, row: usize) -> u32 {
        let Some(entry) = self.pool.at(row) else { return 0 };
        let distance = self.ask.near.map_or(0, |near| near_points(entry, near).0);
        price_points(entry)
            + reliability_points(entry)
            + self.headroom(entry) * ROOM / 100
            + self.spread_points(entry)
            + speed_points(entry)
            + hardware_points(entry)
            + distance
    }

    /// Percent of the node that stays free beside the need: of memory or of disk, whichever is less.
    fn headroom(&self, entry: Entry<'_>) -> u32 {
        let (left, total) = (self.free(entry).minus(self.ask.need), entry.total());
        let percent = |left: u64, total: u64| left.saturating_mul(100).checked_div(total).unwrap_or(0);
        u32::try_from(percent(left.memory, total.memory).min(percent(left.ssd, total.ssd)).min(100)).unwrap_or(100)
    }

    fn spread_points(&self, entry: Entry<'_>) -> u32 {
        let (farm, owner) = self.carried.get(entry.farm_place()).copied().unwrap_or_default();
        SPREAD.saturating_sub(farm.saturating_mul(3)).saturating_sub(owner.saturating_sub(farm))
    }

    pub(super) fn scored(&self, row: usize) -> Option<Scored> {
        let entry = self.pool.at(row)?;
        Some(Scored {
            node: entry.id(),
            twin: entry.twin(),
            farm: entry.farm(),
            farm_name: entry.farm_name().to_owned(),
            owner: entry.owner(),
            country: entry.country().to_owned(),
            city: entry.city().to_owned(),
            address: entry.tunnel_address().map(str::to_owned),
            parts: self.parts(entry),
        })
    }

    fn parts(&self, entry: Entry<'_>) -> Vec<Part> {
        let part = |name: &str, points, of, why: String| Part { name: name.into(), points, of, why };
        let headroom = self.headroom(entry);
        let (farm, owner) = self.carried.get(entry.farm_place()).copied().unwrap_or_default();
        let spread = match owner.saturating_sub(farm) {
            0 => format!("Its farm runs {} for our customers.", count(farm.into(), "other VM")),
            more => {
                format!(
                    "Its farm runs {} for our customers, and its farmer {more} more elsewhere.",
                    count(farm.into(), "other VM")
                )
            }
        };
        let mut parts = vec![
            part("Price", price_points(entry), PRICE, price_sentence(entry)),
            part("Reliability", reliability_points(entry), RELIABILITY, reliability_sentence(entry)),
            part("Room to spare", headroom * ROOM / 100, ROOM, format!("{headroom} % of it stays free beside your VM.")),
            part("Spread", self.spread_points(entry), SPREAD, spread),
            part("Speed", speed_points(entry), SPEED, speed_sentence(entry)),
            part(
                "Hardware",
                hardware_points(entry),
                HARDWARE,
                if entry.certified() { "Certified hardware.".into() } else { "Self-built hardware.".into() },
            ),
        ];
        if let Some(near) = self.ask.near {
            let (points, km) = near_points(entry, near);
            let why = km.map_or("Where it stands is not known.".to_owned(), |km| format!("{km} km away as the crow flies."));
            parts.push(part("Distance", points, DISTANCE, why));
        }
        parts
    }
}

/// All points at the plain list price, none at twice that.
fn price_points(entry: Entry<'_>) -> u32 {
    PRICE * 20_000u32.saturating_sub(entry.rate_bp().into()).min(10_000) / 10_000
}

fn price_sentence(entry: Entry<'_>) -> String {
    match entry.rate_bp().cmp(&10_000) {
        std::cmp::Ordering::Less => format!("{} below the usual price.", hundredths(10_000 - entry.rate_bp())),
        std::cmp::Ordering::Equal => "At the usual price.".into(),
        std::cmp::Ordering::Greater => format!("{} above the usual price.", hundredths(entry.rate_bp() - 10_000)),
    }
}

/// What we saw; while we saw too little, what the node says of itself, at a discount.
fn reliability_points(entry: Entry<'_>) -> u32 {
    match entry.measured_bp() {
        Some(points) => RELIABILITY * u32::from(points).saturating_sub(RELIABLE_BP).min(1000) / 1000,
        None => u32::try_from(entry.uptime_s() / 86_400).unwrap_or(SAID_MAX).min(SAID_MAX),
    }
}

fn reliability_sentence(entry: Entry<'_>) -> String {
    match entry.measured_bp() {
        Some(points) => format!("Up {} of the {} times we looked.", hundredths(points), entry.looks().seen),
        None => format!(
            "Up without a break for {}, by its own report: we have not looked often enough yet.",
            count(entry.uptime_s() / 86_400, "day")
        ),
    }
}

/// A thousand points of the benchmark are all points here.
fn speed_points(entry: Entry<'_>) -> u32 {
    entry.benchmark().unwrap_or(0).min(1000) * SPEED / 1000
}

fn speed_sentence(entry: Entry<'_>) -> String {
    entry
        .benchmark()
        .map_or("It has told no benchmark yet.".into(), |points| format!("{points} points in its own benchmark; 1000 is fast."))
}

fn hardware_points(entry: Entry<'_>) -> u32 {
    if entry.certified() { HARDWARE } else { 0 }
}

fn near_points(entry: Entry<'_>, near: Spot) -> (u32, Option<u32>) {
    let km = entry.spot().map(|spot| spot.km_to(near));
    (km.map_or(0, |km| DISTANCE.saturating_sub(km / KM_A_POINT)), km)
}

/// `99.5 %`
fn hundredths(basis_points: u16) -> String {
    let text = format!("{}.{:02}", basis_points / 100, basis_points % 100);
    format!("{} %", text.trim_end_matches('0').trim_end_matches('.'))
}
