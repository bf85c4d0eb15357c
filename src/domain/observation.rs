//! Our own looks at nodes, day by day: how reliable a node is must not rest on what it says of itself.
//!
//! Each answer of the index is one look at every node in it: up or not. Where nobody looked, or the index did not tell of a node,
//! nothing is counted, so that an outage of ours is nobody's fault.

use serde::{Deserialize, Serialize};

use super::node::Looks;
use crate::base::Time;

/// Looks that count: today's and those of so many days before, less one.
pub const DAYS: u32 = 90;
const DAY_S: i64 = 86_400;

/// The day of a moment, counted from 1970.
pub fn day_of(at: Time) -> u32 {
    u32::try_from(at.secs().div_euclid(DAY_S)).unwrap_or(0)
}

/// A node that was up at one look and was not at the next, or the other way round.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct Turned {
    /// It was back; else it was gone.
    pub up: bool,
    /// Its last report at that moment.
    pub seen: Time,
    /// It was being worked on, as its provider had announced in time.
    #[serde(default)]
    pub announced: bool,
}

/// What was seen on one day: a column each, by node number, so that a day of ten thousand nodes is a row of some 120 kB.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
pub struct Day {
    nodes: Vec<u32>,
    seen: Vec<u16>,
    up: Vec<u16>,
}

impl Day {
    fn look(&mut self, node: u32, up: bool) {
        let place = match self.nodes.binary_search(&node) {
            Ok(place) => place,
            Err(place) => {
                self.nodes.insert(place, node);
                self.seen.insert(place, 0);
                self.up.insert(place, 0);
                place
            }
        };
        // Beyond 65 535 looks a day the share does not change any more.
        if self.seen[place] < u16::MAX {
            self.seen[place] += 1;
            self.up[place] += u16::from(up);
        }
    }

    pub fn of(&self, node: u32) -> Looks {
        let Ok(place) = self.nodes.binary_search(&node) else { return Looks::default() };
        Looks { seen: self.seen[place].into(), up: self.up[place].into() }
    }

    /// By node number. A row that does not hang together tells of fewer nodes.
    fn iter(&self) -> impl Iterator<Item = (u32, Looks)> {
        let counts = self.seen.iter().zip(&self.up);
        self.nodes.iter().zip(counts).map(|(node, (seen, up))| (*node, Looks { seen: (*seen).into(), up: (*up).into() }))
    }

    /// A stored row as it should be: columns of one length, node numbers that go up.
    pub fn sound(self) -> Day {
        let ascending = self.nodes.is_sorted_by(|before, next| before < next);
        if ascending && self.nodes.len() == self.seen.len() && self.nodes.len() == self.up.len() { self } else { Day::default() }
    }
}

/// Today's looks, and the sum of those of the days before.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Observations {
    day: u32,
    today: Day,
    before: Vec<(u32, Looks)>,
    /// When today's looks were last given out to be stored.
    kept: Option<Time>,
}

impl Observations {
    /// As stored: rows under their days, whatever their order. Days that do not count are left out.
    pub fn new(day: u32, rows: impl IntoIterator<Item = (u32, Day)>) -> Observations {
        let mut observations = Observations { day, ..Observations::default() };
        for (of, row) in rows {
            match of {
                _ if of == day => observations.today = row.sound(),
                _ if of < day && day - of < DAYS => observations.before = merged(&observations.before, row.sound().iter()),
                _ => {}
            }
        }
        observations
    }

    pub fn day(&self) -> u32 {
        self.day
    }

    /// One look at many nodes.
    pub fn look(&mut self, nodes: impl IntoIterator<Item = (u32, bool)>) {
        for (node, up) in nodes {
            self.today.look(node, up);
        }
    }

    /// Today's number, and today's looks at a node.
    pub fn today_of(&self, node: u32) -> (u32, Looks) {
        (self.day, self.today.of(node))
    }

    pub fn of(&self, node: u32) -> Looks {
        let today = self.today.of(node);
        let before = self.before.binary_search_by_key(&node, |(of, _)| *of).map(|place| self.before[place].1).unwrap_or_default();
        sum(today, before)
    }

    /// Today's row, if it was last stored so long ago that what would be lost with the machine is worth a write. What is lost
    /// counts as not looked.
    pub fn to_keep(&mut self, now: Time, every: std::time::Duration) -> Option<(u32, Day)> {
        let due = self.kept.is_none_or(|kept| now.since(kept) >= every || now < kept);
        if !due || self.today.nodes.is_empty() {
            return None;
        }
        self.kept = Some(now);
        Some((self.day, self.today.clone()))
    }

    /// Today's row, whenever it was stored last.
    pub fn today(&self) -> (u32, Day) {
        (self.day, self.today.clone())
    }
}

fn sum(one: Looks, other: Looks) -> Looks {
    Looks { seen: one.seen.saturating_add(other.seen), up: one.up.saturating_add(other.up) }
}

/// Both lists are by node number, and so is what comes out.
fn merged(sums: &[(u32, Looks)], more: impl Iterator<Item = (u32, Looks)>) -> Vec<(u32, Looks)> {
    let mut all = Vec::with_capacity(sums.len());
    let (mut sums, mut more) = (sums.iter().copied().peekable(), more.peekable());
    loop {
        all.push(match (sums.peek().copied(), more.peek().copied()) {
            (Some((node, looks)), Some((other, others))) if node == other => {
                sums.next();
                more.next();
                (node, sum(looks, others))
            }
            (Some(first), Some(other)) if first.0 < other.0 => {
                sums.next();
                first
            }
            (_, Some(other)) => {
                more.next();
                other
            }
            (Some(first), None) => {
                sums.next();
                first
            }
            (None, None) => {
                all.shrink_to_fit();
                return all;
            }
        });
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;
    use std::time::Duration;

    use proptest::prelude::*;

    use super::*;

    proptest! {
        /// Looks on days in any order of nodes, against the plainest way of counting.
        #[test]
        fn the_sums_are_those_of_the_days_that_count(
            looks in proptest::collection::vec((900u32..1001, 1u32..20, any::<bool>()), 0..300),
        ) {
            let mut rows: BTreeMap<u32, Day> = BTreeMap::new();
            let mut plain: BTreeMap<u32, Looks> = BTreeMap::new();
            for (day, node, up) in looks {
                rows.entry(day).or_default().look(node, up);
                if day <= 1000 && 1000 - day < DAYS {
                    let sum = plain.entry(node).or_default();
                    (sum.seen, sum.up) = (sum.seen + 1, sum.up + u32::from(up));
                }
            }
            let stored = serde_json::to_string(&rows).unwrap();
            let rows: BTreeMap<u32, Day> = serde_json::from_str(&stored).unwrap();
            let observations = Observations::new(1000, rows);
            for node in 0..25 {
                prop_assert_eq!(observations.of(node), plain.get(&node).copied().unwrap_or_default());
            }
        }
    }

    #[test]
    fn where_nobody_looked_nothing_is_counted() {
        let mut observations = Observations::new(7, []);
        observations.look([(1, true), (2, false)]);
        observations.look([(1, true)]);
        assert_eq!(observations.of(1), Looks { seen: 2, up: 2 });
        assert_eq!(observations.of(2), Looks { seen: 1, up: 0 }, "the index did not tell of it the second time");
        assert_eq!(observations.of(3), Looks::default());
    }

    #[test]
    fn todays_row_is_kept_now_and_then() {
        let (every, mut observations) = (Duration::from_secs(600), Observations::new(7, []));
        let at = |seconds| Time::from_secs(seconds);
        assert_eq!(observations.to_keep(at(0), every), None, "nothing was seen yet");
        observations.look([(1, true)]);
        assert!(observations.to_keep(at(0), every).is_some());
        observations.look([(1, false)]);
        assert_eq!(observations.to_keep(at(599), every), None);
        let (day, row) = observations.to_keep(at(600), every).unwrap();
        let again = Observations::new(8, [(day, row)]);
        assert_eq!((day, again.of(1)), (7, Looks { seen: 2, up: 1 }));
    }

    #[test]
    fn a_row_that_does_not_hang_together_is_none() {
        let torn: Day = serde_json::from_str(r#"{"nodes":[2,1],"seen":[5,5],"up":[5,5]}"#).unwrap();
        let short: Day = serde_json::from_str(r#"{"nodes":[1,2],"seen":[5],"up":[5,5]}"#).unwrap();
        assert_eq!(Observations::new(7, [(6, torn), (7, short)]).of(1), Looks::default());
    }

    #[test]
    fn days_are_those_of_the_calendar() {
        assert_eq!(day_of(Time::EPOCH), 0);
        assert_eq!(day_of(Time::from_secs(86_399)), 0);
        assert_eq!(day_of(Time::from_secs(86_400)), 1);
        assert_eq!(day_of(Time::from_ms(-1)), 0);
    }
}
