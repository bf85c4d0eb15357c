//! How a balance that is held makes contracts cheaper: steps by the months it would pay for, each contract against all of it.

use crate::base::money::Tft;

/// A whole, for fractions in 64 binary places: grids count in them, and their last places decide how an exact half is rounded.
pub const WHOLE: u128 = 1 << 64;
/// The hours of a month, here and on the grid.
pub const HOURS: i64 = 720;

/// One step of the discount.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Step {
    /// The grid's own name for it.
    pub name: String,
    /// Held months of a contract at which it begins, in halves of a month.
    pub half_months: u32,
    /// What is paid of the list price, in 2⁻⁶⁴.
    pub pays: u128,
}

impl Step {
    /// Percent off, to the nearest one.
    pub fn percent_off(&self) -> u32 {
        let off = WHOLE.saturating_sub(self.pays) * 100;
        u32::try_from((off + WHOLE / 2) / WHOLE).unwrap_or(100)
    }
}

/// What is added on some hardware, after the discount: `num ÷ den` of the price.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Surcharge {
    pub num: u32,
    pub den: u32,
}

impl Surcharge {
    pub const NONE: Surcharge = Surcharge { num: 1, den: 1 };
}

/// Steps from none upwards. A step is named by its place.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Ladder {
    steps: Vec<Step>,
}

impl Ladder {
    /// None unless the first step is there for nothing, and each next one needs more and pays no more.
    pub fn new(steps: Vec<Step>) -> Option<Ladder> {
        let begins = steps.first().is_some_and(|first| first.half_months == 0 && first.pays == WHOLE);
        let climbs = steps.windows(2).all(|pair| pair[0].half_months < pair[1].half_months && pair[0].pays >= pair[1].pays);
        (begins && climbs).then_some(Ladder { steps })
    }

    pub fn steps(&self) -> &[Step] {
        &self.steps
    }

    pub fn top(&self) -> usize {
        self.steps.len() - 1
    }

    pub fn name(&self, level: usize) -> &str {
        self.steps.get(level).map_or("", |step| &step.name)
    }

    /// The level of a contract that costs `month` without a discount, by the `balance` that is held.
    pub fn level(&self, balance: Tft, month: Tft) -> usize {
        if month <= Tft::ZERO {
            return 0; // what costs nothing is not discounted
        }
        self.steps.iter().rposition(|step| balance >= needed(step, month)).unwrap_or(0)
    }

    /// The least balance that lifts a contract of `month` to a level.
    pub fn needed(&self, level: usize, month: Tft) -> Tft {
        self.steps.get(level).map_or(Tft::ZERO, |step| needed(step, month))
    }

    /// What is due of a list price at a level, to the grid's last unit.
    pub fn due(&self, list: Tft, level: usize, surcharge: Surcharge) -> Tft {
        let list = u128::try_from(list.units()).unwrap_or(0);
        let exact = list * self.steps.get(level).map_or(WHOLE, |step| step.pays);
        let (num, den) = (u128::from(surcharge.num), u128::from(surcharge.den.max(1)));
        let exact = (exact / den).saturating_mul(num).saturating_add(exact % den * num / den);
        let rounded = exact.saturating_add(WHOLE / 2) / WHOLE;
        Tft::from_units(i64::try_from(rounded).unwrap_or(i64::MAX))
    }
}

/// Up to the next unit where half a month is no whole number of them.
fn needed(step: &Step, month: Tft) -> Tft {
    let doubled = i128::from(month.units().max(0)) * i128::from(step.half_months);
    Tft::from_units(i64::try_from((doubled + 1) / 2).unwrap_or(i64::MAX))
}

#[cfg(test)]
pub(crate) mod tests {
    use proptest::prelude::*;

    use super::*;

    /// The steps of TFChain, with the fractions as its runtime rounds them (`threefoldtech/tfchain: pallet-smart-contract/src/billing.rs`).
    pub(crate) fn ladder() -> Ladder {
        let step = |name: &str, half_months, pays| Step { name: name.into(), half_months, pays };
        Ladder::new(vec![
            step("None", 0, WHOLE),
            step("Default", 3, 0xCCCC_CCCC_CCCC_D000),
            step("Bronze", 6, 0xB333_3333_3333_3000),
            step("Silver", 12, 0x9999_9999_9999_9800),
            step("Gold", 36, 0x6666_6666_6666_6800),
        ])
        .unwrap()
    }

    fn tft(units: i64) -> Tft {
        Tft::from_units(units)
    }

    #[test]
    fn every_recorded_boundary_has_its_level_and_its_price() {
        let text = include_str!("../../tests/vectors/treasury/discount_levels.json");
        let vectors: serde_json::Value = serde_json::from_str(text).unwrap();
        let (ladder, rows) = (ladder(), vectors["rows"].as_array().unwrap());
        assert_eq!(rows.len(), 9);
        for row in rows {
            let number = |name: &str| tft(row[name].as_i64().unwrap_or(0));
            let (due, month) = (number("amount_due_units"), number("monthly_cost_units"));
            let level = ladder.level(number("balance_units"), month);
            assert_eq!(ladder.name(level), row["level"].as_str().unwrap(), "{row}");
            assert_eq!(ladder.due(due, level, Surcharge::NONE), number("due_after_discount_units"), "{row}");
        }
    }

    #[test]
    fn a_level_begins_at_its_unit_and_not_one_below() {
        let ladder = ladder();
        for month in [1, 7, 720, 679_091_040, 679_091_041, i64::MAX / 40] {
            for level in 1..=ladder.top() {
                let needed = ladder.needed(level, tft(month));
                assert_eq!(ladder.level(needed, tft(month)), level, "{month}");
                assert_eq!(ladder.level(tft(needed.units() - 1), tft(month)), level - 1, "{month}");
            }
        }
        assert_eq!(ladder.needed(1, tft(7)), tft(11), "ten and a half");
        assert_eq!(ladder.level(tft(i64::MAX), Tft::ZERO), 0);
    }

    #[test]
    fn a_ladder_begins_at_nothing_and_climbs() {
        let step = |half_months, pays| Step { name: "x".into(), half_months, pays };
        for bad in [vec![], vec![step(1, WHOLE)], vec![step(0, 5)], vec![step(0, WHOLE), step(2, 5), step(2, 4)]] {
            assert_eq!(Ladder::new(bad), None);
        }
        assert_eq!(Ladder::new(vec![step(0, WHOLE), step(2, 4), step(3, 5)]), None, "more for more");
        assert_eq!(ladder().steps().iter().map(Step::percent_off).collect::<Vec<_>>(), [0, 20, 30, 40, 60]);
    }

    proptest! {
        #[test]
        fn more_held_is_never_dearer(list in 0i64..1 << 50, balance in 0i64..i64::MAX, more in 0i64..i64::MAX) {
            let (ladder, month) = (ladder(), tft(list * HOURS));
            let at = |balance| ladder.due(tft(list), ladder.level(tft(balance), month), Surcharge::NONE);
            prop_assert!(at(balance.saturating_add(more)) <= at(balance));
        }

        #[test]
        fn what_is_due_is_never_negative_and_never_above_the_list_price(list in any::<i64>(), level in 0usize..7) {
            let due = ladder().due(tft(list), level, Surcharge::NONE);
            prop_assert!(due >= Tft::ZERO && due <= tft(list.max(0)));
        }
    }
}
