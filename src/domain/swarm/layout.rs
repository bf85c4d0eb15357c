//! How a swarm is laid out, and what becomes of it when parts are away: the arithmetic behind every sentence about it.
//!
//! Each object is cut into `expected` pieces on as many backends, any `minimal` of which give it back. Writing takes `expected`
//! backends that answer, so spares stand by; the list of what is where lies on four further ones, two of which are enough to read
//! it and all of which are needed to write (`threefoldtech/0-stor_v2: zstor/src/zdb_meta.rs, actors/zstor.rs`).

use serde::{Deserialize, Serialize};

use crate::domain::catalogue::GIB;

/// Backends that hold the list of what is where: a number of zstor's own.
pub const META: usize = 4;
/// So many of them are enough to read it.
pub const META_MINIMAL: usize = 2;
/// What each of those is given, in bytes.
pub const META_SIZE: u64 = GIB;

/// What a backend is there for.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Role {
    /// Holds pieces of what is stored.
    Data,
    /// Holds the list of what is where.
    Meta,
}

impl Role {
    pub const ALL: [Role; 2] = [Role::Data, Role::Meta];

    pub const fn word(self) -> &'static str {
        match self {
            Role::Data => "Data",
            Role::Meta => "Directory",
        }
    }
}

/// How many pieces of what kind.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct Layout {
    /// Pieces that give an object back.
    pub minimal: u8,
    /// Pieces that an object is cut into.
    pub expected: u8,
    /// Backends beyond those, so that storing goes on when some are away.
    pub spares: u8,
}

impl Default for Layout {
    /// Any 8 of 20 may be lost, and 4 stand by.
    fn default() -> Self {
        Layout { minimal: 12, expected: 20, spares: 4 }
    }
}

/// Whether what is stored can be read.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Reads {
    All,
    /// Objects that happen to lie on too many of those that are away can't be read.
    Some,
    Nothing,
}

/// What works at a moment.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Verdict {
    pub reads: Reads,
    pub writes: bool,
}

/// How bad it is, for whoever is told by mail.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Default, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Alarm {
    #[default]
    None,
    /// Storing waits.
    Waits,
    /// The list can't be written any more, or some of what is stored can't be read.
    Danger,
}

/// One line of the table of what survives what.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Row {
    pub lost: String,
    pub reads: String,
    pub writes: String,
}

impl Layout {
    /// The most that one may ask for: bounded by what one order may put on the grid.
    pub const EXPECTED_MAX: u8 = 32;
    pub const SPARES_MAX: u8 = 8;

    /// # Errors
    /// The field that is wrong, and why.
    pub fn new(minimal: u8, expected: u8, spares: u8) -> Result<Layout, (&'static str, String)> {
        if !(3..=Self::EXPECTED_MAX).contains(&expected) {
            return Err(("swarm_expected", format!("From 3 to {} shards, please.", Self::EXPECTED_MAX)));
        }
        if !(2..expected).contains(&minimal) {
            return Err(("swarm_minimal", format!("From 2 to {}, please: fewer than all shards.", expected - 1)));
        }
        if spares > Self::SPARES_MAX {
            return Err(("swarm_spares", format!("At most {} spares, please.", Self::SPARES_MAX)));
        }
        Ok(Layout { minimal, expected, spares })
    }

    /// Backends that hold pieces.
    pub fn data(self) -> usize {
        usize::from(self.expected) + usize::from(self.spares)
    }

    /// All backends.
    pub fn members(self) -> usize {
        self.data() + META
    }

    pub fn count(self, role: Role) -> usize {
        match role {
            Role::Data => self.data(),
            Role::Meta => META,
        }
    }

    /// Pieces of an object that may be lost.
    pub fn disposable(self) -> usize {
        usize::from(self.expected.saturating_sub(self.minimal))
    }

    /// So many of one role may fall together, with one farm or one farmer, and everything can still be read.
    pub fn most_together(self, role: Role) -> usize {
        match role {
            Role::Data => self.disposable(),
            Role::Meta => META - META_MINIMAL,
        }
    }

    /// Bytes that one backend must have so that `usable` bytes fit into the swarm: up to whole GiB.
    pub fn backend_size(self, usable: u64, role: Role) -> u64 {
        match role {
            Role::Data => usable.div_ceil(u64::from(self.minimal.max(1))).div_ceil(GIB).saturating_mul(GIB),
            Role::Meta => META_SIZE,
        }
    }

    /// Bytes on all backends.
    pub fn raw(self, usable: u64) -> u64 {
        let of = |role: Role| self.backend_size(usable, role).saturating_mul(self.count(role) as u64);
        of(Role::Data).saturating_add(of(Role::Meta))
    }

    /// What works while so many backends of each role are there.
    pub fn verdict(self, data: usize, meta: usize) -> Verdict {
        let lost = self.data().saturating_sub(data);
        let reads = if meta < META_MINIMAL || lost > self.disposable() + usize::from(self.spares) {
            Reads::Nothing
        } else if lost > self.disposable() {
            Reads::Some
        } else {
            Reads::All
        };
        Verdict { reads, writes: data >= usize::from(self.expected) && meta >= META }
    }

    /// Fewer data backends than this, and not everything can be read.
    pub fn reading_needs(self) -> usize {
        self.data().saturating_sub(self.disposable())
    }

    pub fn alarm(self, data: usize, meta: usize) -> Alarm {
        if data < self.reading_needs() || meta < META {
            Alarm::Danger
        } else if data < usize::from(self.expected) {
            Alarm::Waits
        } else {
            Alarm::None
        }
    }

    /// What works, in a sentence.
    pub fn sentence(self, data: usize, meta: usize) -> String {
        let (away, all) = (self.members().saturating_sub(data + meta), self.members());
        let Verdict { reads, writes } = self.verdict(data, meta);
        let who = match away {
            0 => return format!("All {all} shards are there: everything can be read and stored."),
            1 => "1 shard is away".to_owned(),
            many => format!("{many} shards are away"),
        };
        match (reads, writes) {
            (Reads::All, true) => format!("{who}: everything can be read and stored."),
            (Reads::All, false) => {
                let why = if meta < META { "the directory is not whole" } else { "too few spares are left" };
                format!("{who}: everything can be read; storing waits, for {why}.")
            }
            (Reads::Some, _) => format!(
                "{who}, more than {} data shards among them: some of what is stored can't be read until they are back, and storing waits.",
                self.disposable()
            ),
            (Reads::Nothing, _) => {
                format!("{who}: too many. Nothing that is stored can be read until enough of them are back, and storing waits.")
            }
        }
    }

    /// What survives what, honestly: each line is what [`Layout::verdict`] says.
    pub fn table(self) -> Vec<Row> {
        let spares = usize::from(self.spares);
        let (many, most) = (self.disposable(), self.data());
        let row = |lost: String, data: usize, meta: usize| {
            let verdict = self.verdict(most.saturating_sub(data), META - meta);
            let reads = match verdict.reads {
                Reads::All => "Yes",
                Reads::Some => "Not all of it",
                Reads::Nothing => "No",
            };
            let writes = if verdict.writes { "Yes" } else { "Waits on your server" };
            Row { lost, reads: reads.into(), writes: writes.into() }
        };
        let count = |from: usize, to: usize, what: &str| match (from == to, to) {
            (true, 1) => format!("1 {what}"),
            (true, _) => format!("{to} {what}s"),
            (false, _) => format!("{from} to {to} {what}s"),
        };
        let mut rows = Vec::new();
        if spares > 0 {
            let both = spares.min(many);
            rows.push(row(count(1, both, "data shard"), both, 0));
        }
        if many > spares {
            rows.push(row(count(spares + 1, many, "data shard"), many, 0));
        }
        if spares > 0 {
            rows.push(row(count(many + 1, many + spares, "data shard"), many + spares, 0));
        }
        rows.push(row(format!("{} data shards or more", many + spares + 1), many + spares + 1, 0));
        rows.push(row("1 or 2 directory shards".into(), 0, 2));
        rows.push(row("3 or 4 directory shards".into(), 0, 3));
        rows.push(Row {
            lost: "The server itself".into(),
            reads: "From a new server with the same configuration: all that had left the old one".into(),
            writes: "From a new server".into(),
        });
        rows.push(Row { lost: "The configuration with its key".into(), reads: "Never again".into(), writes: "No".into() });
        rows
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use proptest::prelude::*;

    use super::*;

    #[test]
    fn a_terabyte_takes_what_the_dossier_says() {
        let layout = Layout::default();
        assert_eq!(layout.backend_size(1000 * GIB, Role::Data), 84 * GIB);
        assert_eq!((layout.data(), layout.members(), layout.disposable()), (24, 28, 8));
        assert_eq!(layout.raw(1000 * GIB), (24 * 84 + 4) * GIB);
        assert_eq!(layout.raw(u64::MAX), u64::MAX, "nothing wraps around");
    }

    #[test]
    fn eight_are_read_without_and_the_ninth_is_said() {
        let layout = Layout::default();
        assert_eq!(layout.verdict(24, 4), Verdict { reads: Reads::All, writes: true });
        assert_eq!(layout.verdict(20, 4), Verdict { reads: Reads::All, writes: true }, "the spares are for this");
        assert_eq!(layout.verdict(19, 4), Verdict { reads: Reads::All, writes: false });
        assert_eq!(layout.verdict(16, 4), Verdict { reads: Reads::All, writes: false });
        assert_eq!(layout.verdict(15, 4), Verdict { reads: Reads::Some, writes: false });
        assert_eq!(layout.verdict(11, 4), Verdict { reads: Reads::Nothing, writes: false });
        assert_eq!(layout.verdict(24, 3), Verdict { reads: Reads::All, writes: false });
        assert_eq!(layout.verdict(24, 2).reads, Reads::All);
        assert_eq!(layout.verdict(24, 1), Verdict { reads: Reads::Nothing, writes: false });
        assert_eq!(layout.reading_needs(), 16);
        let alarms = [24, 20, 19, 16, 15].map(|data| layout.alarm(data, 4));
        assert_eq!(alarms, [Alarm::None, Alarm::None, Alarm::Waits, Alarm::Waits, Alarm::Danger]);
        assert_eq!(layout.alarm(24, 3), Alarm::Danger);
        assert!(layout.sentence(15, 4).contains("more than 8 data shards") && layout.sentence(15, 4).contains("can't be read"));
        assert!(layout.sentence(16, 4).contains("everything can be read; storing waits"));
    }

    #[test]
    fn the_table_says_what_the_arithmetic_says() {
        let rows = Layout::default().table();
        let told: Vec<(&str, &str, &str)> = rows.iter().map(|row| (&*row.lost, &*row.reads, &*row.writes)).collect();
        let waits = "Waits on your server";
        let expected = [
            ("1 to 4 data shards", "Yes", "Yes"),
            ("5 to 8 data shards", "Yes", waits),
            ("9 to 12 data shards", "Not all of it", waits),
            ("13 data shards or more", "No", waits),
            ("1 or 2 directory shards", "Yes", waits),
            ("3 or 4 directory shards", "No", waits),
        ];
        assert_eq!(told[..6], expected);
        // Without spares every loss stops the writing.
        let bare = Layout { spares: 0, ..Layout::default() }.table();
        assert_eq!((&*bare[0].lost, &*bare[0].writes), ("1 to 8 data shards", waits));
        assert_eq!((&*bare[1].lost, &*bare[1].reads), ("9 data shards or more", "No"));
    }

    #[test]
    fn a_layout_that_is_none_says_at_which_field() {
        for (minimal, expected, spares, field) in [
            (12, 33, 4, "swarm_expected"),
            (1, 2, 0, "swarm_expected"),
            (20, 20, 4, "swarm_minimal"),
            (1, 20, 4, "swarm_minimal"),
            (12, 20, 9, "swarm_spares"),
        ] {
            assert_eq!(Layout::new(minimal, expected, spares).unwrap_err().0, field);
        }
        assert_eq!(Layout::new(12, 20, 4), Ok(Layout::default()));
    }

    proptest! {
        /// Objects lie on any `expected` of the data backends: what the verdict says of them is what happens to them.
        #[test]
        fn the_verdict_is_true_of_every_object(
            minimal in 2u8..12, parity in 1u8..10, spares in 0u8..6, order in Just((0..28usize).collect::<Vec<_>>()).prop_shuffle(), lost in 0usize..20,
        ) {
            let layout = Layout { minimal, expected: minimal + parity, spares };
            let (data, expected) = (layout.data(), usize::from(layout.expected));
            let order: Vec<usize> = order.into_iter().filter(|place| *place < data).collect();
            let lost = lost.min(data);
            // The object with the most pieces among the lost ones, and the one with the fewest.
            let gone: BTreeSet<usize> = order[..lost].iter().copied().collect();
            let worst = order.iter().take(expected).filter(|place| !gone.contains(place)).count();
            let best = order.iter().rev().take(expected).filter(|place| !gone.contains(place)).count();
            let (worst, best) = (worst >= usize::from(minimal), best >= usize::from(minimal));
            let verdict = layout.verdict(data - lost, META);
            prop_assert_eq!(verdict.reads, match (worst, best) {
                (true, _) => Reads::All,
                (false, true) => Reads::Some,
                (false, false) => Reads::Nothing,
            });
            prop_assert_eq!(verdict.writes, data - lost >= expected);
        }

        #[test]
        fn losing_a_farm_that_holds_no_more_than_it_may_costs_nothing_that_is_stored(minimal in 2u8..20, parity in 1u8..12, spares in 0u8..8) {
            let layout = Layout { minimal, expected: minimal + parity, spares };
            let (data, meta) = (layout.most_together(Role::Data), layout.most_together(Role::Meta));
            prop_assert_eq!(layout.verdict(layout.data() - data, META - meta).reads, Reads::All);
            prop_assert!(layout.verdict(layout.data() - data - 1, META).reads != Reads::All);
        }

        #[test]
        fn what_is_usable_fits_into_what_enough_backends_have(usable in 1u64..1 << 60, minimal in 2u8..32) {
            let layout = Layout { minimal, expected: minimal + 1, spares: 0 };
            let size = layout.backend_size(usable, Role::Data);
            prop_assert!(u128::from(size) * u128::from(minimal) >= u128::from(usable));
            prop_assert!(u128::from(size - GIB) * u128::from(minimal) < u128::from(usable), "and not a GiB more");
        }
    }
}
