//! What a month earns when its price changes on the way: hours begun at the old price, hours left at the new one, exact to the last unit.

use serde::{Deserialize, Serialize};

use crate::base::Time;
use crate::base::money::Usd;
use crate::base::time::HOUR;

/// Hours of a month, which is what a price is for.
pub const HOURS: u64 = 720;
/// The least that a card is charged (`docs.stripe.com/currencies`, minimum charge amounts).
pub const LEAST_CHARGE: Usd = Usd::from_cents(50);

/// The rest of a month from one change of its price on. Whatever was paid is either earned before it, or is its rest.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct Term {
    /// The beginning of its first hour.
    pub from: Time,
    /// Earned before.
    pub earned: Usd,
    /// Earned by its hours, evenly.
    pub rest: Usd,
    pub hours: u64,
}

/// Money that a change of price moves at once.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Due {
    #[default]
    Nothing,
    /// Taken from the card: whole cents.
    Pay(Usd),
    /// Given back to the card: whole cents.
    Back(Usd),
}

/// What a change of price means for the rest of a month.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Proration {
    /// Whole hours that are left: the hour under way has its old price.
    pub hours: u64,
    pub due: Due,
}

impl Term {
    /// A month from its beginning on.
    pub const fn first(since: Time, price: Usd) -> Term {
        Term { from: since, earned: Usd::ZERO, rest: price, hours: HOURS }
    }

    /// Hours begun until a moment.
    fn begun(&self, at: Time) -> u64 {
        let hours = at.since(self.from).as_millis().div_ceil(HOUR.as_millis());
        u64::try_from(hours).unwrap_or(u64::MAX).min(self.hours)
    }

    pub fn earned_by(&self, at: Time) -> Usd {
        let rest = self.rest.part(self.begun(at), self.hours).unwrap_or(self.rest);
        self.earned.checked_add(rest).unwrap_or(self.earned)
    }

    /// Everything that was paid and not given back.
    pub fn paid(&self) -> Usd {
        self.earned.checked_add(self.rest).unwrap_or(self.earned)
    }

    /// What it takes to go on at another price. The difference counts for the hours left: up to the next cent if it is to be
    /// paid, and never less than a card can be charged; down to a cent if it goes back. None beyond what can be counted.
    pub fn prorate(&self, old: Usd, new: Usd, now: Time) -> Option<Proration> {
        let hours = self.hours - self.begun(now);
        let due = match new.checked_sub(old)? {
            more if more > Usd::ZERO => match part_up(more, hours)? {
                Usd::ZERO => Due::Nothing,
                due => Due::Pay(due.max(LEAST_CHARGE)),
            },
            less => match old.checked_sub(new)?.part(hours, HOURS)?.floor_to_cent() {
                Usd::ZERO => Due::Nothing,
                back if less < Usd::ZERO => Due::Back(back),
                _ => Due::Nothing,
            },
        };
        Some(Proration { hours, due })
    }

    /// The term that follows when `due` was moved, as of a moment in this one.
    pub fn followed(&self, at: Time, due: Due) -> Term {
        let begun = self.begun(at);
        let earned = self.earned_by(at);
        let left = self.paid().checked_sub(earned).unwrap_or_default();
        let rest = match due {
            Due::Nothing => left,
            Due::Pay(more) => left.checked_add(more).unwrap_or(left),
            Due::Back(less) => left.checked_sub(less).unwrap_or_default(),
        };
        let hour = u32::try_from(begun).unwrap_or(u32::MAX);
        Term { from: self.from + HOUR * hour, earned, rest, hours: self.hours - begun }
    }
}

/// `amount × hours ÷ 720`, up to the next cent.
fn part_up(amount: Usd, hours: u64) -> Option<Usd> {
    let product = i128::from(amount.units()).checked_mul(i128::from(hours))?;
    let units = i64::try_from((product + i128::from(HOURS) - 1).div_euclid(i128::from(HOURS))).ok()?;
    units.checked_add(Usd::from_cents(1).units()).map(|_| Usd::from_units(units).ceil_to_cent())
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use proptest::prelude::*;

    use super::*;
    use crate::base::time::MONTH;

    #[test]
    fn ten_dollars_that_become_twenty_nine_after_ten_days_cost_the_difference_of_twenty_days() {
        let term = Term::first(Time::EPOCH, Usd::from_cents(1000));
        let at = Time::EPOCH + MONTH / 3;
        let proration = term.prorate(Usd::from_cents(1000), Usd::from_cents(2900), at).unwrap();
        // 19.00 × 480 ÷ 720 = 12.666…
        assert_eq!(proration, Proration { hours: 480, due: Due::Pay(Usd::from_cents(1267)) });
        let next = term.followed(at, proration.due);
        assert_eq!((next.hours, next.from, next.paid()), (480, at, Usd::from_cents(2267)));
        assert_eq!(next.earned_by(at), term.earned_by(at), "what was earned stays");
        assert_eq!(next.earned_by(Time::EPOCH + MONTH), Usd::from_cents(2267));
        // And back again half of that time later: 19.00 × 240 ÷ 720 = 6.333…
        let at = at + HOUR * 240;
        let back = next.prorate(Usd::from_cents(2900), Usd::from_cents(1000), at).unwrap();
        assert_eq!(back, Proration { hours: 240, due: Due::Back(Usd::from_cents(633)) });
        assert_eq!(next.followed(at, back.due).paid(), Usd::from_cents(2267 - 633));
    }

    #[test]
    fn the_hour_under_way_keeps_its_price_and_the_last_one_moves_nothing() {
        let term = Term::first(Time::EPOCH, Usd::from_cents(1000));
        let at =
            |ms| term.prorate(Usd::from_cents(1000), Usd::from_cents(2000), Time::EPOCH + Duration::from_millis(ms)).unwrap();
        assert_eq!((at(0).hours, at(1).hours, at(3_600_000).hours, at(3_600_001).hours), (720, 719, 719, 718));
        let last = Time::EPOCH + HOUR * 719 + HOUR / 2;
        let proration = term.prorate(Usd::from_cents(1000), Usd::from_cents(5900), last).unwrap();
        assert_eq!(proration, Proration { hours: 0, due: Due::Nothing });
        assert_eq!(term.followed(last, Due::Nothing).earned_by(last), Usd::from_cents(1000));
    }

    #[test]
    fn a_difference_that_no_card_can_be_charged_is_charged_as_the_least_that_it_can() {
        let term = Term::first(Time::EPOCH, Usd::from_cents(1000));
        let late = Time::EPOCH + HOUR * 700;
        let proration = term.prorate(Usd::from_cents(1000), Usd::from_cents(1100), late).unwrap();
        assert_eq!(proration.due, Due::Pay(LEAST_CHARGE));
        assert_eq!(term.prorate(Usd::from_units(i64::MIN), Usd::from_units(i64::MAX), late), None);
    }

    proptest! {
        /// Whatever the sequence of prices: never more is earned than was paid, what goes back is there, and at the end every unit
        /// that was paid is earned or goes back.
        #[test]
        fn nothing_is_lost_and_nothing_is_made(
            first in 1i64..1_000_000,
            changes in proptest::collection::vec((0u64..3_000_000_000, 1i64..1_000_000), 0..12),
            end in 0u64..4_000_000_000,
        ) {
            let (mut price, mut now) = (Usd::from_cents(first), Time::EPOCH);
            let mut term = Term::first(now, price);
            let mut paid = price;
            for (wait, cents) in changes {
                now = now + Duration::from_millis(wait / 4);
                let new = Usd::from_cents(cents);
                let before = term.earned_by(now);
                let due = term.prorate(price, new, now).unwrap().due;
                match due {
                    Due::Nothing => {}
                    Due::Pay(more) => paid = paid.checked_add(more).unwrap(),
                    Due::Back(back) => {
                        prop_assert!(back <= term.paid().checked_sub(before).unwrap(), "more goes back than is left");
                        paid = paid.checked_sub(back).unwrap();
                    }
                }
                term = term.followed(now, due);
                price = new;
                prop_assert_eq!(term.paid(), paid);
                prop_assert_eq!(term.earned_by(now), before);
                // What is left is at least what the hours left cost.
                prop_assert!(term.rest >= price.part(term.hours, HOURS).unwrap());
            }
            let earned = term.earned_by(now + Duration::from_millis(end));
            prop_assert!(earned <= paid);
            prop_assert_eq!(term.earned_by(Time::EPOCH + MONTH + HOUR), paid);
            let back = paid.checked_sub(earned).unwrap().floor_to_cent();
            let rounding = paid.checked_sub(earned).unwrap().checked_sub(back).unwrap();
            prop_assert!(rounding < Usd::from_cents(1));
        }
    }
}
