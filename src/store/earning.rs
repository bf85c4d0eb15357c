//! What farmers' nodes earned, added up bill by bill: by node, by node and order, and by day.

use std::ops::Bound::{Excluded, Included};

use super::schema::{EARNED_BY_DAY, EARNED_BY_NODE, EARNED_BY_ORDER};
use super::{Order, Read, Tx};
use crate::base::Result;
use crate::base::ids::OrderId;
use crate::base::money::Tft;
use crate::domain::bill::{Bill, Sum};
use crate::domain::observation::day_of;

/// Where a list of what was earned by order goes on: twin, node and order of its last row.
pub type EarnedMark = (u32, u32, OrderId);

pub trait Earnings: Read {
    /// What these twins' nodes earned with each order, by twin, node and order, from behind a mark on. `owners` go up.
    fn earned_by_order(&self, owners: &[u32], after: Option<EarnedMark>, limit: usize) -> Result<Vec<(EarnedMark, Sum)>> {
        let mut rows = Vec::new();
        for owner in owners {
            let from = match after {
                Some(mark) if mark.0 > *owner => continue,
                Some(mark) if mark.0 == *owner => Excluded(mark),
                _ => Included((*owner, 0, OrderId::from_bits(0))),
            };
            let to = Included((*owner, u32::MAX, OrderId::from_bits(u128::MAX)));
            let left = limit.saturating_sub(rows.len());
            rows.extend(self.range::<_, _, EarnedMark>(&EARNED_BY_ORDER, (from, to), Order::Up, left)?);
        }
        Ok(rows)
    }

    /// The same by node.
    fn earned_by_node(&self, owners: &[u32], after: Option<(u32, u32)>, limit: usize) -> Result<Vec<((u32, u32), Sum)>> {
        let mut rows = Vec::new();
        for owner in owners {
            let from = match after {
                Some(mark) if mark.0 > *owner => continue,
                Some(mark) if mark.0 == *owner => Excluded(mark),
                _ => Included((*owner, 0)),
            };
            let left = limit.saturating_sub(rows.len());
            rows.extend(self.range::<_, _, (u32, u32)>(
                &EARNED_BY_NODE,
                (from, Included((*owner, u32::MAX))),
                Order::Up,
                left,
            )?);
        }
        Ok(rows)
    }

    /// The shares of the newest days on which a twin's nodes earned anything, newest first.
    fn earned_by_day(&self, owner: u32, days: usize) -> Result<Vec<(u32, Tft)>> {
        let rows = self.under(&EARNED_BY_DAY, &owner, Order::Down, days)?;
        Ok(rows.into_iter().map(|((_, day), share)| (day, share)).collect())
    }
}

impl<T: Read> Earnings for T {}

impl Tx<'_> {
    /// Adds a new bill to what was earned.
    pub(super) fn add_earning(&mut self, bill: &Bill) -> Result<()> {
        // A name is on nobody's node.
        if bill.owner == 0 {
            return Ok(());
        }
        let (by_node, by_order) = ((bill.owner, bill.node), (bill.owner, bill.node, bill.order));
        let by_day = (bill.owner, day_of(bill.at));
        let sum = self.get(&EARNED_BY_NODE, by_node)?.unwrap_or_default().plus(bill);
        self.put(&EARNED_BY_NODE, by_node, &sum)?;
        let sum = self.get(&EARNED_BY_ORDER, by_order)?.unwrap_or_default().plus(bill);
        self.put(&EARNED_BY_ORDER, by_order, &sum)?;
        let day = self.get(&EARNED_BY_DAY, by_day)?.unwrap_or(Tft::ZERO);
        self.put(&EARNED_BY_DAY, by_day, &Tft::from_units(day.units().saturating_add(bill.share.units())))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::base::Time;
    use crate::base::time::DAY;
    use crate::store::Store;

    #[test]
    fn every_bill_is_added_once_and_pages_show_every_row_once() {
        let store = Store::in_memory().unwrap();
        let bill = |owner, node, order: u128, event| Bill {
            contract: 1,
            order: OrderId::from_bits(order),
            node,
            owner,
            block: 1,
            event,
            at: Time::EPOCH + DAY * (event % 3),
            amount: Tft::from_units(100),
            level: "Gold".into(),
            list: Tft::from_units(250),
            share: Tft::from_units(50),
        };
        store
            .write_blocking(move |tx| {
                for event in 0..30 {
                    let row = bill(7 + event % 2, event % 5, u128::from(event % 4), event);
                    assert!(tx.add_bill(&row)? && !tx.add_bill(&row)?, "twice is once");
                }
                tx.add_bill(&bill(0, 0, 1, 99)).map(drop)
            })
            .unwrap();
        let reader = store.read().unwrap();
        let all = reader.earned_by_order(&[7, 8], None, 100).unwrap();
        assert_eq!(
            all.iter().map(|(_, sum)| (sum.bills, sum.billed.units(), sum.share.units())).fold((0, 0, 0), |a, b| (
                a.0 + b.0,
                a.1 + b.1,
                a.2 + b.2
            )),
            (30, 3000, 1500)
        );
        let (mut paged, mut after) = (vec![], None);
        loop {
            let page = reader.earned_by_order(&[7, 8], after, 3).unwrap();
            let Some((last, _)) = page.last() else { break };
            after = Some(*last);
            paged.extend(page);
        }
        assert_eq!(paged, all);
        let nodes = reader.earned_by_node(&[7, 8], None, 100).unwrap();
        assert_eq!((nodes.len(), nodes.iter().map(|(_, sum)| sum.bills).sum::<u64>()), (10, 30));
        assert_eq!(reader.earned_by_node(&[7, 8], Some((8, 3)), 100).unwrap().len(), 1);
        assert_eq!(
            reader.earned_by_day(7, 2).unwrap().iter().map(|(day, share)| (*day, share.units())).collect::<Vec<_>>(),
            [(2, 250), (1, 250)]
        );
    }
}
