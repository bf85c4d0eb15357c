//! What the chain billed for a contract, and the provider's part of it.

use serde::{Deserialize, Serialize};

use super::slot::Slot;
use crate::base::Time;
use crate::base::ids::OrderId;
use crate::base::money::Tft;

/// A contract of ours on the chain: what of which order it carries, and whose node it is on.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Contract {
    pub id: u64,
    #[serde(flatten)]
    pub slot: Slot,
    pub node: u32,
    pub farm: u32,
    /// The farmer's twin.
    pub owner: u32,
    pub created: Time,
}

/// One bill of the chain, found in a finalized block.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Bill {
    pub contract: u64,
    pub order: OrderId,
    pub node: u32,
    pub owner: u32,
    pub block: u32,
    /// Position of the event in its block.
    pub event: u32,
    pub at: Time,
    pub amount: Tft,
    /// Discount level by its name on the chain.
    pub level: String,
    /// What `amount` would be without the discount.
    pub list: Tft,
    /// The provider's share by the rule in force at that moment.
    pub share: Tft,
}

/// What bills come to.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
pub struct Sum {
    pub billed: Tft,
    pub share: Tft,
    pub bills: u64,
    /// When the last of them was.
    pub last: Time,
}

impl Sum {
    pub fn plus(self, bill: &Bill) -> Sum {
        let add = |sum: Tft, more: Tft| Tft::from_units(sum.units().saturating_add(more.units()));
        Sum {
            billed: add(self.billed, bill.amount),
            share: add(self.share, bill.share),
            bills: self.bills.saturating_add(1),
            last: self.last.max(bill.at),
        }
    }
}

/// Percent of the list price that is paid at a discount level (`threefoldtech/tfchain: pallet-smart-contract/src/cost.rs`).
pub fn pay_percent(level: &str) -> u64 {
    match level {
        "Default" => 80,
        "Bronze" => 70,
        "Silver" => 60,
        "Gold" => 40,
        _ => 100,
    }
}

/// The undiscounted amount behind a bill, rounded down to a unit. What it takes with it of bills that could not be paid (`owed`) was
/// counted before, at whose level it came to be: without a discount, for that is what there is for an empty wallet.
pub fn list_amount(amount: Tft, owed: Tft, level: &str) -> Tft {
    let old = owed.min(amount);
    let new = amount.checked_sub(old).unwrap_or_default();
    new.part(100, pay_percent(level)).and_then(|new| new.checked_add(old)).unwrap_or(amount)
}

/// The provider's share: `percent` of the basis, rounded down; the rest stays with the operator's cost account.
pub fn share(basis: Tft, percent: u32) -> Tft {
    basis.part(u64::from(percent), 100).unwrap_or(Tft::ZERO)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn sixty_percent_off_leaves_the_provider_a_fifth_of_the_list_price() {
        let billed = Tft::from_units(4_300_000);
        assert_eq!(list_amount(billed, Tft::ZERO, "Gold"), Tft::from_units(10_750_000));
        assert_eq!(share(billed, 50), Tft::from_units(2_150_000));
        assert_eq!(share(list_amount(billed, Tft::ZERO, "Gold"), 50), Tft::from_units(5_375_000));
    }

    #[test]
    fn nothing_is_off_what_is_paid_late() {
        let units = Tft::from_units;
        // An hour of 1000 that could not be paid, and one of 400 after the wallet was topped up.
        assert_eq!(list_amount(units(1400), units(1000), "Gold"), units(2000));
        assert_eq!(list_amount(units(900), units(1000), "Gold"), units(900));
        assert_eq!(list_amount(units(700), Tft::ZERO, "None"), units(700));
    }

    proptest! {
        /// S0-13: half of what the chain billed, for every amount, never a unit more.
        #[test]
        fn the_share_is_half_of_the_bill_to_the_unit(units in 0i64..i64::MAX / 2) {
            let share = share(Tft::from_units(units), 50);
            prop_assert_eq!(share.units(), units / 2);
        }
    }
}
