//! The operator's tokens against what runs: what each contract costs at the balance held, and how long all of it lasts.

use std::time::Duration;

use super::catalogue::Capacity;
use super::discount::{HOURS, Ladder, Surcharge};
use crate::base::Time;
use crate::base::ids::OrderId;
use crate::base::money::{Rate, Tft, Usd};
use crate::base::time::{DAY, HOUR};

/// The grid's list prices for an hour, in force at the moment they were read.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Tariff {
    /// Of a unit of compute.
    pub compute: Usd,
    /// Of a unit of storage.
    pub storage: Usd,
    /// Of a gigabyte of public traffic.
    pub traffic: Usd,
    /// Of a public IPv4 address.
    pub address: Usd,
    /// Of a name of one's own.
    pub name: Usd,
    /// What a whole rented node costs of its list price, in percent.
    pub dedicated_percent: u32,
}

/// What a token is worth to the grid.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Price {
    /// What it bills with: the average, kept within the bounds.
    pub rate: Rate,
    /// Thousandths of a dollar.
    pub average: u32,
    pub least: u32,
    pub most: u32,
    /// When the grid last heard a price; None where it does not say.
    pub set: Option<Time>,
}

/// What is in the operator's account.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Holdings {
    pub free: Tft,
    /// What of `free` can't be spent: frozen, or the least an account must have.
    pub kept: Tft,
    /// Billed, and not paid out to anybody yet.
    pub reserved: Tft,
    /// `free` without what is kept: what bills are paid from.
    pub usable: Tft,
    /// What another account holds for us: counts for the discount and is never charged.
    pub beside: Tft,
}

/// What an hour of something costs without a discount.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Line {
    pub list: Tft,
    pub surcharge: Surcharge,
}

impl Line {
    /// What the grid holds against the balance.
    fn month(&self) -> Tft {
        months(self.list)
    }
}

/// A contract that our books know of.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Running {
    pub contract: u64,
    pub order: OrderId,
    pub node: u32,
    /// Until when its customer has paid; None while it is being made or undone.
    pub paid_until: Option<Time>,
    /// What was ordered: it counts where what is used can't be read.
    pub capacity: Capacity,
    pub addresses: u32,
}

/// What the grid says about one of our contracts.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Meter {
    pub running: Running,
    /// An hour at list price.
    pub usd: Usd,
    pub line: Line,
    /// Billed and not paid, because there was too little.
    pub owed: Tft,
    /// Its time of grace is running: the node has put it to sleep.
    pub paused: bool,
}

/// Everything the grid told about our tokens at one finalized block.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Purse {
    pub block: u32,
    pub at: Time,
    pub tariff: Tariff,
    pub price: Price,
    pub ladder: Ladder,
    /// What a farmer gets of a bill by the grid's own rule, in percent.
    pub farmer_percent: u32,
    pub holdings: Holdings,
    /// By the contract's number.
    pub meters: Vec<Meter>,
}

/// Where one contract stands at the balance held.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Standing {
    pub level: usize,
    /// Months of it that the balance would pay for at list price, in tenths.
    pub held_tenths: u64,
    /// An hour and a month as billed, and the month at list price.
    pub hour: Tft,
    pub month: Tft,
    pub list_month: Tft,
    pub next: Option<Lift>,
}

/// What more tokens would do.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Lift {
    pub level: usize,
    pub missing: Tft,
    /// A month's bills less than now.
    pub saves: Tft,
}

/// What all paid time costs to its end.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Reserve {
    /// At today's levels, with what is owed.
    pub needed: Tft,
    /// The same if no contract got any discount.
    pub at_list: Tft,
}

impl Purse {
    /// What counts for the discount.
    pub fn balance(&self) -> Tft {
        plus(self.holdings.usable, self.holdings.beside)
    }

    fn lines(&self) -> impl Iterator<Item = &Line> {
        self.meters.iter().map(|meter| &meter.line)
    }

    fn due_at(&self, line: &Line, balance: Tft) -> Tft {
        self.ladder.due(line.list, self.ladder.level(balance, line.month()), line.surcharge)
    }

    /// An hour of everything, as billed at `balance`.
    fn burn_at(&self, balance: Tft) -> Tft {
        self.lines().map(|line| self.due_at(line, balance)).fold(Tft::ZERO, plus)
    }

    /// An hour of everything that runs, as billed today.
    pub fn burn(&self) -> Tft {
        self.burn_at(self.balance())
    }

    /// The same without any discount.
    pub fn list_burn(&self) -> Tft {
        self.lines().map(|line| self.ladder.due(line.list, 0, line.surcharge)).fold(Tft::ZERO, plus)
    }

    pub fn owed(&self) -> Tft {
        self.meters.iter().map(|meter| meter.owed).fold(Tft::ZERO, plus)
    }

    pub fn standing(&self, meter: &Meter) -> Standing {
        let (balance, line) = (self.balance(), &meter.line);
        let month = line.month();
        let level = self.ladder.level(balance, month);
        let hour = self.ladder.due(line.list, level, line.surcharge);
        let held = i128::from(balance.units().max(0)) * 10 / i128::from(month.units().max(1));
        let next = (month > Tft::ZERO && level < self.ladder.top()).then(|| Lift {
            level: level + 1,
            missing: minus(self.ladder.needed(level + 1, month), balance),
            saves: months(minus(hour, self.ladder.due(line.list, level + 1, line.surcharge))),
        });
        Standing {
            level,
            held_tenths: if month > Tft::ZERO { u64::try_from(held).unwrap_or(u64::MAX) } else { 0 },
            hour,
            month: months(hour),
            list_month: months(self.ladder.due(line.list, 0, line.surcharge)),
            next,
        }
    }

    /// The dearest contract: the last one to reach a level.
    pub fn lowest(&self) -> Option<&Meter> {
        self.meters.iter().filter(|meter| meter.line.list > Tft::ZERO).max_by_key(|meter| meter.line.list)
    }

    /// What it takes to lift the lowest contract, and all others with it, to each level above its own.
    pub fn lifts(&self) -> Vec<Lift> {
        let Some(lowest) = self.lowest() else { return vec![] };
        let (balance, month) = (self.balance(), lowest.line.month());
        let burn = self.burn();
        let above = self.ladder.level(balance, month) + 1..=self.ladder.top();
        above
            .map(|level| {
                let needed = self.ladder.needed(level, month);
                Lift { level, missing: minus(needed, balance), saves: months(minus(burn, self.burn_at(needed))) }
            })
            .collect()
    }

    /// Whole hours that what is usable pays for, with everything going on and `more` beside it. While the balance falls, levels
    /// fall with it and the hours become dearer. None: nothing costs anything.
    pub fn runway(&self, more: &[Line]) -> Option<u64> {
        let lines: Vec<&Line> = self.lines().chain(more).collect();
        let units = |amount: Tft| i128::from(amount.units());
        let mut left = units(self.holdings.usable) - units(self.owed());
        let beside = units(self.holdings.beside);
        let balance = plus(Tft::from_units(i64::try_from(left.max(0)).unwrap_or(i64::MAX)), self.holdings.beside);
        // Each level that will be lost: below which balance, and what an hour costs more from then on.
        let (mut burn, mut drops) = (0, Vec::new());
        for line in lines {
            let (month, due) = (line.month(), |level| units(self.ladder.due(line.list, level, line.surcharge)));
            let level = self.ladder.level(balance, month);
            burn += due(level);
            drops.extend((1..=level).map(|level| (units(self.ladder.needed(level, month)), due(level - 1) - due(level))));
        }
        drops.sort_unstable_by(|one, other| other.cmp(one));
        let mut hours = 0;
        for (below, dearer) in drops {
            let above = left + beside - below;
            if above >= 0 {
                if burn == 0 {
                    return None; // too cheap at this level to cost a unit: the balance never falls below it
                }
                let paid = (above / burn + 1).min(left.max(0) / burn);
                hours += paid;
                left -= paid * burn;
                if left < burn {
                    break;
                }
            }
            burn += dearer;
        }
        if burn == 0 {
            return None;
        }
        u64::try_from(hours + left.max(0) / burn).ok()
    }

    /// The runway as a span from `now` on, for a purse that was read a while ago: the grid has gone on billing.
    pub fn lasts(&self, more: &[Line], now: Time) -> Option<Duration> {
        let hours = self.runway(more)?;
        Some(HOUR.saturating_mul(u32::try_from(hours).unwrap_or(u32::MAX)).saturating_sub(now.since(self.at)))
    }

    /// Whether all that runs and `more` could go on for `floor_days`.
    pub fn carries(&self, more: &[Line], floor_days: u64, now: Time) -> bool {
        let floor = DAY.saturating_mul(u32::try_from(floor_days).unwrap_or(u32::MAX));
        self.lasts(more, now).is_none_or(|lasts| lasts >= floor)
    }

    /// What it takes to carry all paid time to its end.
    pub fn reserve(&self, now: Time) -> Reserve {
        let balance = self.balance();
        let mut sum = Reserve { needed: self.owed(), at_list: self.owed() };
        for meter in &self.meters {
            let hours = hours_left(meter, now);
            let times = |hour: Tft| Tft::from_units(hour.units().saturating_mul(hours));
            sum.needed = plus(sum.needed, times(self.due_at(&meter.line, balance)));
            sum.at_list = plus(sum.at_list, times(self.ladder.due(meter.line.list, 0, meter.line.surcharge)));
        }
        sum
    }
}

/// Hours, the started one included, that a contract's customer has paid for and not had.
pub fn hours_left(meter: &Meter, now: Time) -> i64 {
    let left = meter.running.paid_until.map_or(Duration::ZERO, |until| until.since(now));
    i64::try_from(left.as_millis().div_ceil(HOUR.as_millis())).unwrap_or(i64::MAX)
}

/// A month of hours.
pub fn months(hour: Tft) -> Tft {
    Tft::from_units(hour.units().saturating_mul(HOURS))
}

fn plus(one: Tft, other: Tft) -> Tft {
    Tft::from_units(one.units().saturating_add(other.units()))
}

fn minus(one: Tft, other: Tft) -> Tft {
    Tft::from_units(one.units().saturating_sub(other.units()))
}

#[cfg(test)]
pub(crate) mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::domain::discount::tests::ladder;

    const NOW: Time = Time::from_secs(1_795_270_000);

    fn tft(units: i64) -> Tft {
        Tft::from_units(units)
    }

    fn line(list: i64) -> Line {
        Line { list: tft(list), surcharge: Surcharge::NONE }
    }

    /// A purse with `usable` units, in which contracts run whose hours cost this at list price.
    pub(crate) fn purse(usable: i64, hours: &[i64]) -> Purse {
        let meters = (1..).zip(hours).map(|(contract, list)| Meter {
            running: Running {
                contract,
                order: OrderId::from_bits(contract.into()),
                node: 1,
                paid_until: Some(NOW + DAY * 3),
                capacity: Capacity::default(),
                addresses: 0,
            },
            usd: Usd::ZERO,
            line: line(*list),
            owed: Tft::ZERO,
            paused: false,
        });
        Purse {
            block: 1,
            at: NOW,
            tariff: Tariff {
                compute: Usd::from_units(100_000),
                storage: Usd::from_units(50_000),
                traffic: Usd::from_units(15_000),
                address: Usd::from_units(40_000),
                name: Usd::from_units(2_500),
                dedicated_percent: 50,
            },
            price: Price { rate: Rate::from_musd(10).unwrap(), average: 10, least: 1, most: 1000, set: None },
            ladder: ladder(),
            farmer_percent: 50,
            holdings: Holdings { free: tft(usable + 500), kept: tft(500), usable: tft(usable), ..Holdings::default() },
            meters: meters.collect(),
        }
    }

    /// The runway by paying one hour after the other.
    fn walked(purse: &Purse) -> Option<u64> {
        let mut purse = purse.clone();
        let mut hours = 0;
        loop {
            let burn = purse.burn();
            if burn == Tft::ZERO {
                return None;
            }
            if burn > purse.holdings.usable {
                return Some(hours);
            }
            purse.holdings.usable = minus(purse.holdings.usable, burn);
            hours += 1;
        }
    }

    #[test]
    fn each_contract_is_measured_against_the_whole_balance() {
        // A month of the first costs 7,200, of the second 72,000.
        let purse = purse(216_000, &[10, 100]);
        let standings: Vec<_> = purse.meters.iter().map(|meter| purse.standing(meter)).collect();
        let seen: Vec<_> = standings.iter().map(|at| (purse.ladder.name(at.level), at.held_tenths, at.hour.units())).collect();
        assert_eq!(seen, [("Gold", 300, 4), ("Bronze", 30, 70)]);
        assert_eq!(standings[0].next, None);
        assert_eq!(standings[1].next, Some(Lift { level: 3, missing: tft(216_000), saves: tft(7_200) }));
        assert_eq!((purse.burn(), purse.list_burn()), (tft(74), tft(110)));
        let lifts: Vec<_> = purse.lifts().iter().map(|lift| (lift.level, lift.missing.units(), lift.saves.units())).collect();
        assert_eq!(lifts, [(3, 216_000, 7_200), (4, 1_080_000, 21_600)]);
    }

    #[test]
    fn one_unit_below_a_level_is_the_level_below() {
        let at = |usable| purse(usable, &[10]).burn().units();
        assert_eq!((at(129_600), at(129_599)), (4, 6), "eighteen months");
        assert_eq!((at(43_200), at(43_199)), (6, 7), "six months");
        assert_eq!((at(21_600), at(21_599)), (7, 8), "three months");
        assert_eq!((at(10_800), at(10_799)), (8, 10), "a month and a half");
    }

    #[test]
    fn what_is_held_beside_counts_for_the_level_and_pays_nothing() {
        let mut purse = purse(100, &[10]);
        purse.holdings.beside = tft(129_600);
        assert_eq!((purse.burn().units(), purse.runway(&[])), (4, Some(25)));
        purse.meters[0].owed = tft(60);
        assert_eq!(purse.runway(&[]), Some(10), "what is owed is paid first");
    }

    #[test]
    fn hours_become_dearer_as_the_balance_falls() {
        for usable in [0, 9, 10, 799, 10_800, 10_808, 43_200, 129_599, 129_600, 200_000] {
            for hours in [&[10][..], &[10, 3], &[1, 1, 500], &[1], &[0], &[]] {
                let purse = purse(usable, hours);
                assert_eq!(purse.runway(&[]), walked(&purse), "{usable} {hours:?}");
            }
        }
        assert_eq!(purse(100, &[]).runway(&[line(10)]), Some(10));
    }

    #[test]
    fn sales_go_on_only_while_the_floor_is_kept() {
        let purse = purse(240, &[10]);
        assert_eq!(purse.runway(&[]), Some(24));
        assert!(purse.carries(&[], 1, NOW));
        assert!(!purse.carries(&[line(1)], 1, NOW), "with one more it would not be a day");
        assert!(!purse.carries(&[], 1, NOW + HOUR), "an hour has passed since it was read");
        assert!(purse.carries(&[line(i64::MAX / 1_000_000)], 0, NOW), "no floor");
        assert!(self::purse(0, &[]).carries(&[], 7, NOW), "nothing runs");
    }

    #[test]
    fn paid_time_is_what_must_be_there_to_its_end() {
        let mut purse = purse(100, &[10, 20]);
        purse.meters[1].running.paid_until = None;
        purse.meters[1].owed = tft(5);
        assert_eq!(purse.reserve(NOW), Reserve { needed: tft(725), at_list: tft(725) });
        let hour_and_a_bit = NOW + DAY * 3 - HOUR - Duration::from_secs(1);
        assert_eq!(purse.reserve(hour_and_a_bit).needed, tft(25));
        assert_eq!(purse.reserve(NOW + DAY * 4).needed, tft(5));
        purse.holdings.usable = tft(129_600);
        assert_eq!(purse.reserve(NOW), Reserve { needed: tft(293), at_list: tft(725) });
    }

    proptest! {
        #[test]
        fn more_tokens_last_longer_and_no_longer_than_at_todays_price(
            usable in 0i64..5_000_000,
            more in 0i64..5_000_000,
            hours in proptest::collection::vec(0i64..2_000, 0..6),
        ) {
            let (less, plenty) = (purse(usable, &hours), purse(usable + more, &hours));
            match (less.runway(&[]), plenty.runway(&[])) {
                (Some(short), Some(long)) => {
                    prop_assert!(short <= long);
                    prop_assert!(i64::try_from(short).unwrap() <= usable / less.burn().units());
                }
                (Some(_), None) => prop_assert_eq!(plenty.burn(), Tft::ZERO),
                (short, long) => prop_assert_eq!(short, long),
            }
            prop_assert!(plenty.burn() <= less.burn() && less.burn() <= less.list_burn());
        }

        #[test]
        fn the_runway_is_what_paying_hour_by_hour_comes_to(
            usable in 0i64..300_000,
            hours in proptest::collection::vec(1i64..900, 1..5),
        ) {
            let purse = purse(usable, &hours);
            prop_assert_eq!(purse.runway(&[]), walked(&purse));
        }

        #[test]
        fn a_lift_reaches_its_level_with_its_last_unit(
            usable in 0i64..3_000_000,
            hours in proptest::collection::vec(1i64..900, 1..5),
        ) {
            let before = purse(usable, &hours);
            for lift in before.lifts() {
                let lowest = |more: i64| {
                    let purse = purse(usable + more, &hours);
                    purse.standing(purse.lowest().unwrap()).level
                };
                prop_assert!(lift.missing > Tft::ZERO && lift.saves >= Tft::ZERO);
                prop_assert_eq!(lowest(lift.missing.units()), lift.level);
                prop_assert_eq!(lowest(lift.missing.units() - 1), lift.level - 1);
            }
        }
    }
}
