//! The best of many without putting all of them in order.

use std::cmp::Reverse;
use std::collections::BinaryHeap;

use serde::{Deserialize, Serialize};

use super::rows::Rows;
use super::{Pool, UNMEASURED};

/// In which order nodes are shown: always the best first, and the lower node number first among equals.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Sort {
    #[default]
    Score,
    /// The cheapest first; without a price last.
    Price,
    /// By our own looks; those looked at too seldom last, by their own report.
    Uptime,
    /// The most free memory first.
    Memory,
    /// The fastest in its slower direction first.
    Bandwidth,
    /// By the farm's name.
    Name,
    /// By number.
    Node,
}

impl Sort {
    pub const ALL: [Sort; 7] = [Sort::Score, Sort::Price, Sort::Uptime, Sort::Memory, Sort::Bandwidth, Sort::Name, Sort::Node];

    /// As in a query.
    pub const fn key(self) -> &'static str {
        match self {
            Sort::Score => "score",
            Sort::Price => "price",
            Sort::Uptime => "uptime",
            Sort::Memory => "memory",
            Sort::Bandwidth => "bandwidth",
            Sort::Name => "name",
            Sort::Node => "node",
        }
    }

    pub const fn title(self) -> &'static str {
        match self {
            Sort::Score => "Best first",
            Sort::Price => "Cheapest first",
            Sort::Uptime => "Most reliable first",
            Sort::Memory => "Most free memory first",
            Sort::Bandwidth => "Fastest line first",
            Sort::Name => "By farm",
            Sort::Node => "By node number",
        }
    }

    pub fn parse(key: &str) -> Option<Sort> {
        Sort::ALL.into_iter().find(|sort| sort.key() == key)
    }
}

impl Pool {
    /// The first `most` of these rows. `points` is asked for `Sort::Score` only.
    pub fn best(&self, rows: &Rows, sort: Sort, most: usize, points: impl Fn(usize) -> u32) -> Vec<usize> {
        match sort {
            Sort::Score => top(rows, most, points),
            Sort::Price => top(rows, most, |row| Reverse(self.prices[row])),
            Sort::Uptime => top(rows, most, |row| match self.measured[row] {
                UNMEASURED => (false, self.uptimes[row]),
                measured => (true, measured.into()),
            }),
            Sort::Memory => top(rows, most, |row| self.memory_free[row]),
            Sort::Bandwidth => top(rows, most, |row| self.upload_bps[row].min(self.download_bps[row])),
            Sort::Name => {
                let names: Vec<String> = self.farms.iter().map(|farm| self.words.text(farm.name).to_lowercase()).collect();
                let mut order: Vec<&str> = names.iter().map(String::as_str).collect();
                order.sort_unstable();
                // Farms of one name have one place.
                let places: Vec<usize> =
                    names.iter().map(|name| order.partition_point(|before| *before < name.as_str())).collect();
                top(rows, most, |row| Reverse(places[self.farm[row] as usize]))
            }
            Sort::Node => rows.iter().take(most).collect(),
        }
    }
}

/// The rows with the highest keys, the highest first, the lower row first among equals.
pub(super) fn top<K: Ord>(rows: &Rows, most: usize, key: impl Fn(usize) -> K) -> Vec<usize> {
    // The worst of the best is on top of the heap: whoever does not beat it costs one comparison.
    let mut heap: BinaryHeap<Reverse<(K, Reverse<usize>)>> = BinaryHeap::with_capacity(most.min(rows.count()) + 1);
    for row in rows.iter() {
        let candidate = (key(row), Reverse(row));
        if heap.len() < most {
            heap.push(Reverse(candidate));
        } else if let Some(mut worst) = heap.peek_mut()
            && worst.0 < candidate
        {
            *worst = Reverse(candidate);
        }
    }
    heap.into_sorted_vec().into_iter().map(|Reverse((_, Reverse(row)))| row).collect()
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::super::tests::{pool, world};
    use super::*;

    proptest! {
        #[test]
        fn the_best_are_those_that_sorting_all_would_give(keys in proptest::collection::vec(0u8..20, 0..200), most in 0usize..60) {
            let rows = Rows::that(keys.len(), |row| row % 7 != 2);
            let mut all: Vec<usize> = rows.iter().collect();
            all.sort_by_key(|row| (Reverse(keys[*row]), *row));
            all.truncate(most);
            prop_assert_eq!(top(&rows, most, |row| keys[row]), all);
        }
    }

    #[test]
    fn each_order_is_by_its_column_and_then_by_the_number() {
        let (nodes, pool) = (world(200), pool(200));
        let rows = Rows::all(200);
        let order = |sort| pool.best(&rows, sort, 200, |row| u32::try_from(row % 3).unwrap());
        let by = |key: &dyn Fn(usize) -> (i64, i64)| {
            let mut all: Vec<usize> = (0..200).collect();
            all.sort_by_key(|row| key(*row));
            all
        };
        let signed = |number: u64| i64::try_from(number).unwrap();
        assert_eq!(order(Sort::Score), by(&|row| (-signed(row as u64 % 3), 0)));
        assert_eq!(order(Sort::Price), by(&|row| (nodes[row].price.map_or(i64::MAX, |price| price.units()), 0)));
        assert_eq!(order(Sort::Memory), by(&|row| (-signed(nodes[row].total.minus(nodes[row].used).memory), 0)));
        assert_eq!(order(Sort::Bandwidth), by(&|row| (-signed(nodes[row].upload_bps.min(nodes[row].download_bps)), 0)));
        assert_eq!(
            order(Sort::Uptime),
            by(&|row| match nodes[row].looks.basis_points() {
                Some(points) => (0, -i64::from(points)),
                None => (1, -signed(nodes[row].uptime_s)),
            })
        );
        assert_eq!(order(Sort::Name), by(&|row| (nodes[row].farm.into(), 0)), "Farm 1 to Farm 9");
        assert_eq!(order(Sort::Node), (0..200).collect::<Vec<_>>());
    }

    #[test]
    fn an_order_prints_and_parses_inverse() {
        for sort in Sort::ALL {
            assert_eq!(Sort::parse(sort.key()), Some(sort));
        }
        assert_eq!(Sort::parse("luck"), None);
    }
}
