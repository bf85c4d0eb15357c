//! What a wish costs for a month of 720 hours: a size by its own price, everything else by the unit. Integers only.

use serde::{Deserialize, Serialize};

use super::backup::Backup;
use super::catalogue::{Capacity, GIB, Size};
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
        if wish.backup == Backup::Machine {
            let again = total(&parts)?;
            parts.push(Part { what: BACKUP.into(), amount: again });
        }
        Some(parts)
    }
}

/// The part of a price that is for the backup VM: the same machine once more.
const BACKUP: &str = "Backup VM: the same once more";

/// What the backup VM costs, of these parts.
pub fn backup_part(parts: &[Part]) -> Usd {
    parts.iter().find(|part| part.what == BACKUP).map_or(Usd::ZERO, |part| part.amount)
}

/// The parts without the backup VM's.
pub fn without_backup(parts: &[Part]) -> Vec<Part> {
    parts.iter().filter(|part| part.what != BACKUP).cloned().collect()
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
    };

    fn measures(cores: u64, memory: u64, ssd: u64) -> Capacity {
        Capacity { cores, memory: memory * GIB, ssd: ssd * GIB, hdd: 0 }
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
