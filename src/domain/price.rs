//! What a wish costs for a month of 720 hours: a size by its own price, everything else by the unit. Integers only.

use serde::{Deserialize, Serialize};

use super::backup::Backup;
use super::catalogue::{Capacity, GIB, Size};
use super::swarm::SwarmWish;
use super::wish::Wish;
use crate::base::money::Usd;

/// Prices by the unit, for a month.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct UnitPrices {
    /// Of any machine that is not one of the sizes, before its parts.
    pub base: Usd,
    pub core: Usd,
    pub memory_gib: Usd,
    /// Of disk, whether it belongs to the machine or holds data.
    pub disk_gib: Usd,
    /// Of a public address.
    pub ipv4: Usd,
    pub ipv6: Usd,
    /// Of room on a store of a swarm: what can be used takes more than one of them.
    pub swarm_gib: Usd,
}

/// One line of a price.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Part {
    pub what: String,
    pub amount: Usd,
}

impl UnitPrices {
    /// The price of a machine of these measures: the sum of its parts, up to the next whole cent. One of the sizes costs what
    /// that size costs, and nothing that holds all of a size costs less than it: so nobody pays more for less.
    pub fn machine(&self, measures: Capacity, sizes: &[Size]) -> Option<Usd> {
        if let Some(same) = sizes.iter().find(|size| size.capacity == measures) {
            return Some(same.price);
        }
        let parts = [
            Some(self.base),
            times(self.core, measures.cores),
            times(self.memory_gib, measures.memory.div_ceil(GIB)),
            times(self.disk_gib, measures.ssd.div_ceil(GIB)),
        ];
        let sum = parts.into_iter().try_fold(Usd::ZERO, |sum, part| sum.checked_add(part?))?;
        let holds = |size: &&Size| {
            let inside = size.capacity;
            measures.cores >= inside.cores && measures.memory >= inside.memory && measures.ssd >= inside.ssd
        };
        let least = sizes.iter().filter(holds).map(|size| size.price).max().unwrap_or(Usd::ZERO);
        Some(up_to_cent(sum)?.max(least))
    }

    /// The parts of a wish's price, the machine first. None when it is more than can be counted.
    pub fn parts(&self, wish: &Wish) -> Option<Vec<Part>> {
        let mut parts = vec![Part { what: wish.size.name.clone(), amount: wish.size.price }];
        let mut add = |what: String, amount: Usd| parts.push(Part { what, amount });
        let data = wish.data().div_ceil(GIB);
        if data > 0 {
            let what = match wish.disks.len() {
                1 => format!("Data disk, {data} GB"),
                many => format!("{many} data disks, {data} GB in all"),
            };
            add(what, up_to_cent(times(self.disk_gib, data)?)?);
        }
        if wish.net.ipv4 {
            add("Public IPv4 address".into(), up_to_cent(self.ipv4)?);
        }
        if wish.net.ipv6 {
            add("Public IPv6 address".into(), up_to_cent(self.ipv6)?);
        }
        if let Some(swarm) = &wish.swarm {
            let what = format!("{SWARM}, {} GB on {} shards", swarm.usable.div_ceil(GIB), swarm.layout.members());
            add(what, self.swarm(swarm)?);
        }
        if wish.backup == Backup::Machine {
            // The swarm is the server's own.
            let swarm = match &wish.swarm {
                Some(swarm) => self.swarm(swarm)?,
                None => Usd::ZERO,
            };
            let again = total(&parts)?.checked_sub(swarm)?;
            parts.push(Part { what: BACKUP.into(), amount: again });
        }
        Some(parts)
    }
}

/// The part of a price that is for the backup VM: the same machine once more.
const BACKUP: &str = "Backup VM: the same once more";
/// Begins the name of the part that is for the storage swarm.
const SWARM: &str = "Storage swarm";

/// What the backup VM costs, of these parts.
pub fn backup_part(parts: &[Part]) -> Usd {
    parts.iter().find(|part| part.what == BACKUP).map_or(Usd::ZERO, |part| part.amount)
}

/// The parts without the backup VM's.
pub fn without_backup(parts: &[Part]) -> Vec<Part> {
    parts.iter().filter(|part| part.what != BACKUP).cloned().collect()
}

/// The parts with the backup VM's at another price: it stays what it is when the server changes.
pub fn with_backup_at(parts: Vec<Part>, amount: Usd) -> Vec<Part> {
    parts.into_iter().map(|part| if part.what == BACKUP { Part { amount, ..part } } else { part }).collect()
}

/// The parts without the storage swarm's.
pub fn without_swarm(parts: &[Part]) -> Vec<Part> {
    parts.iter().filter(|part| !part.what.starts_with(SWARM)).cloned().collect()
}

impl UnitPrices {
    /// Of a whole swarm: by the room that all its shards take.
    pub fn swarm(&self, wish: &SwarmWish) -> Option<Usd> {
        up_to_cent(times(self.swarm_gib, wish.raw().div_ceil(GIB))?)
    }
}

pub fn total(parts: &[Part]) -> Option<Usd> {
    parts.iter().try_fold(Usd::ZERO, |sum, part| sum.checked_add(part.amount))
}

fn times(price: Usd, count: u64) -> Option<Usd> {
    price.units().checked_mul(i64::try_from(count).ok()?).map(Usd::from_units)
}

/// Up to the next whole cent: a card is charged cents.
fn up_to_cent(amount: Usd) -> Option<Usd> {
    amount.checked_add(Usd::from_cents(1)).map(|_| amount.ceil_to_cent())
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::domain::catalogue::Catalogue;

    const PRICES: UnitPrices = UnitPrices {
        base: Usd::from_cents(200),
        core: Usd::from_cents(100),
        memory_gib: Usd::from_cents(125),
        disk_gib: Usd::from_cents(5),
        ipv4: Usd::from_cents(400),
        ipv6: Usd::ZERO,
        swarm_gib: Usd::from_cents(1),
    };

    fn measures(cores: u64, memory: u64, ssd: u64) -> Capacity {
        Capacity { cores, memory: memory * GIB, ssd: ssd * GIB, hdd: 0 }
    }

    #[test]
    fn what_goes_on_without_the_server_is_told_apart_by_its_parts() {
        let part = |what: &str, cents| Part { what: what.into(), amount: Usd::from_cents(cents) };
        let parts = [part("Medium", 1000), part("Storage swarm, 100 GB on 24 shards", 200), part(BACKUP, 1000)];
        assert_eq!(without_swarm(&without_backup(&parts)), [part("Medium", 1000)]);
        let larger = with_backup_at(vec![part("Large", 2900), part(BACKUP, 2900)], backup_part(&parts));
        assert_eq!(larger, [part("Large", 2900), part(BACKUP, 1000)]);
    }

    #[test]
    fn a_size_costs_what_it_costs_however_it_is_asked_for() {
        let sizes = Catalogue::default().sizes;
        for size in &sizes {
            assert_eq!(PRICES.machine(size.capacity, &sizes), Some(size.price), "{}", size.name);
        }
        assert_eq!(PRICES.machine(measures(2, 4, 60), &sizes), Some(Usd::from_cents(200 + 200 + 500 + 300)));
        assert_eq!(PRICES.machine(measures(u64::MAX, 1, 1), &sizes), None, "more than can be counted is no price");
    }

    #[test]
    fn parts_of_a_cent_are_rounded_up_once() {
        let third = UnitPrices { disk_gib: Usd::from_units(33_333), ..PRICES };
        assert_eq!(third.machine(measures(1, 1, 7), &[]), Some(Usd::from_cents(200 + 100 + 125 + 3)));
        assert_eq!(up_to_cent(Usd::from_units(i64::MAX)), None);
    }

    #[test]
    fn a_swarm_costs_what_all_its_shards_take() {
        let layout = crate::domain::swarm::Layout::default();
        let wish = SwarmWish { usable: 1000 * GIB, layout, price: Usd::ZERO, consent: String::new() };
        assert_eq!(PRICES.swarm(&wish), Some(Usd::from_cents(24 * 84 + 4)));
        assert_eq!(PRICES.swarm(&SwarmWish { usable: u64::MAX, ..wish.clone() }).map(|price| price > Usd::ZERO), Some(true));
        let with = Wish { swarm: Some(wish), ..crate::domain::wish::tests::wish() };
        let parts = PRICES.parts(&with).unwrap();
        assert_eq!(parts.last().unwrap().what, "Storage swarm, 1000 GB on 28 shards");
        assert_eq!(total(&parts), Some(Usd::from_cents(1000 + 2020)));
    }

    proptest! {
        #[test]
        fn more_never_costs_less(cores in 1u64..64, memory in 1u64..300, ssd in 1u64..3000, more in 0u64..50, which in 0..3) {
            let sizes = Catalogue::default().sizes;
            let small = measures(cores, memory, ssd);
            let large = match which {
                0 => measures(cores + more, memory, ssd),
                1 => measures(cores, memory + more, ssd),
                _ => measures(cores, memory, ssd + more),
            };
            let (less, more) = (PRICES.machine(small, &sizes).unwrap(), PRICES.machine(large, &sizes).unwrap());
            // A size is sold below the sum of its parts: what is a little smaller may not be.
            let bargain = sizes.iter().any(|size| size.capacity == large);
            prop_assert!(more >= less || bargain, "{small:?} {less} {large:?} {more}");
            prop_assert!(less.cents().is_some() && more.cents().is_some());
        }
    }
}
