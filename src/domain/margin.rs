//! What a plan leaves: its price, less the card's fee, the grid and what providers get beyond it. Whole numbers; nothing is booked with it.

use super::discount::{Ladder, Surcharge};
use super::purse::months;
use crate::base::money::{Rate, Tft, Usd};

/// Which amount a provider's share is a part of, and which part.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Share {
    /// Of the list price, not of what is billed.
    pub of_list: bool,
    pub percent: u32,
}

/// What is asked about.
#[derive(Debug, Clone, Copy)]
pub struct Plan {
    /// For a month of one machine.
    pub price: Usd,
    pub machines: u32,
    /// An hour of one machine on the grid, at list price.
    pub list: Tft,
    /// Hundredths of a percent of a charge, and what is added to it.
    pub fee_bp: u32,
    pub fee_fixed: Usd,
}

/// What a month comes to, all machines together.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Month {
    pub revenue: Usd,
    pub card_fee: Usd,
    /// Billed by the grid.
    pub billed: Tft,
    pub grid: Usd,
    /// The provider's share, and what of it the grid pays out of its bill.
    pub share: Tft,
    pub by_grid: Tft,
    /// What is left of the share to be paid by us.
    pub extra: Usd,
    pub provider: Usd,
    pub margin: Usd,
}

/// A month of `plan` at one discount level. None when it is more than can be counted.
pub fn month(plan: &Plan, level: usize, ladder: &Ladder, share: Share, farmer_percent: u32, rate: Rate) -> Option<Month> {
    let times = |one: i64| one.checked_mul(plan.machines.into());
    let billed = Tft::from_units(times(months(ladder.due(plan.list, level, Surcharge::NONE)).units())?);
    let list = Tft::from_units(times(months(plan.list).units())?);
    let basis = if share.of_list { list } else { billed };
    let promised = basis.part(share.percent.into(), 100)?;
    let by_grid = billed.part(farmer_percent.into(), 100)?.min(promised);
    let revenue = Usd::from_units(times(plan.price.units())?);
    let card_fee = Usd::from_units(times(fee(plan)?.units())?);
    let (grid, extra) = (cost(rate, billed)?, cost(rate, promised.checked_sub(by_grid)?)?);
    let margin = revenue.checked_sub(card_fee)?.checked_sub(grid)?.checked_sub(extra)?;
    Some(Month { revenue, card_fee, billed, grid, share: promised, by_grid, extra, provider: rate.to_usd(promised)?, margin })
}

/// What the card processor keeps of one month's charge: the part of it to the nearest cent, and the fixed amount.
fn fee(plan: &Plan) -> Option<Usd> {
    const BP: i128 = 10_000;
    let cent = i128::from(Usd::from_cents(1).units());
    let part = i128::from(plan.price.units()) * i128::from(plan.fee_bp);
    let cents = (part + BP * cent / 2).div_euclid(BP * cent);
    Usd::from_cents(i64::try_from(cents).ok()?).checked_add(plan.fee_fixed)
}

/// What tokens are worth, rounded up: a cost is never understated.
fn cost(rate: Rate, tft: Tft) -> Option<Usd> {
    let negative = rate.to_usd(Tft::from_units(tft.units().checked_neg()?))?;
    negative.units().checked_neg().map(Usd::from_units)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::domain::discount::tests::ladder;

    const HALF: Share = Share { of_list: false, percent: 50 };

    fn plan(cents: i64, machines: u32, list: i64) -> Plan {
        Plan { price: Usd::from_cents(cents), machines, list: Tft::from_units(list), fee_bp: 290, fee_fixed: Usd::from_cents(30) }
    }

    fn at(plan: &Plan, level: usize, share: Share) -> Month {
        month(plan, level, &ladder(), share, 50, Rate::from_musd(10).unwrap()).unwrap()
    }

    #[test]
    fn ten_dollars_cost_fifty_nine_cents_of_card_fee() {
        assert_eq!(at(&plan(1000, 1, 0), 0, HALF).card_fee, Usd::from_cents(59));
        assert_eq!(at(&plan(1000, 3, 0), 0, HALF).card_fee, Usd::from_cents(177));
        assert_eq!(at(&plan(600, 1, 0), 0, HALF).card_fee, Usd::from_cents(47), "17.4 cents of it");
        assert_eq!(at(&plan(2500, 1, 0), 0, HALF).card_fee, Usd::from_cents(103), "72.5 cents of it");
    }

    #[test]
    fn s0_21_the_discount_raises_the_margin_and_halves_what_is_billed_for_the_provider() {
        // 11,250,000 units an hour are 810 tokens a month: $8.10 at a cent each.
        let ten = plan(1000, 1, 11_250_000);
        let (dear, cheap) = (at(&ten, 0, HALF), at(&ten, 4, HALF));
        assert_eq!((dear.grid, dear.margin), (Usd::from_cents(810), Usd::from_cents(131)));
        assert_eq!((cheap.grid, cheap.margin), (Usd::from_cents(324), Usd::from_cents(617)));
        assert_eq!((cheap.provider, cheap.extra), (Usd::from_cents(162), Usd::ZERO), "the grid pays the farmer half itself");
        let whole = at(&ten, 4, Share { of_list: true, percent: 50 });
        assert_eq!((whole.provider, whole.extra), (Usd::from_cents(405), Usd::from_cents(243)));
        assert_eq!(whole.margin, Usd::from_cents(374));
        let less = at(&ten, 4, Share { of_list: false, percent: 20 });
        assert_eq!((less.by_grid, less.margin), (less.share, cheap.margin), "no more than the share is counted");
    }

    proptest! {
        /// S0-13: the operator's price never enters a provider's share.
        #[test]
        fn a_share_is_the_same_whatever_the_plan_costs(
            price in 0i64..10_000_000, list in 0i64..1 << 40, level in 0usize..5, percent in 0u32..=100,
        ) {
            let share = Share { of_list: false, percent };
            let (one, other) = (at(&plan(price, 1, list), level, share), at(&plan(0, 1, list), level, share));
            prop_assert_eq!((one.share, one.provider, one.extra), (other.share, other.provider, other.extra));
            prop_assert_eq!(i128::from(one.share.units()), i128::from(one.billed.units()) * i128::from(percent) / 100);
        }

        #[test]
        fn a_higher_level_never_leaves_less(price in 0i64..1_000_000, list in 0i64..1 << 40, level in 0usize..4) {
            let plan = plan(price, 3, list);
            prop_assert!(at(&plan, level + 1, HALF).margin >= at(&plan, level, HALF).margin);
        }

        #[test]
        fn nothing_is_lost_between_revenue_and_margin(price in 0i64..1_000_000, list in 0i64..1 << 40, level in 0usize..5) {
            let month = at(&plan(price, 2, list), level, HALF);
            let parts = month.card_fee.units() + month.grid.units() + month.extra.units() + month.margin.units();
            prop_assert_eq!(parts, month.revenue.units());
        }
    }
}
