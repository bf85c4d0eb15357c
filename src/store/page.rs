//! Long lists a page at a time: the newest first, and from a mark on in either direction.

use std::ops::Bound;

use super::key::Key;
use super::table::{Index, Order, Read};
use crate::base::{Result, Time};

/// Which page of a list. A mark is the key of a row at the edge of another page, so rows that come and go move nothing.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Turn<M> {
    /// The newest rows.
    First,
    /// The rows that are older than the mark.
    Before(M),
    /// The rows that are newer than the mark, those next to it.
    After(M),
}

/// Pairs of an index between two of them, the largest first whichever way the page was turned.
pub(super) fn turned<K: Key, P: Key>(
    reader: &(impl Read + ?Sized),
    index: &Index<K, P>,
    (low, high): ((K, P), (K, P)),
    turn: Turn<(K, P)>,
    limit: usize,
) -> Result<Vec<(K, P)>> {
    use Bound::{Excluded, Included};
    Ok(match turn {
        Turn::First => reader.links(index, low..=high, Order::Down, limit)?,
        Turn::Before(mark) => reader.links(index, (Included(low), Excluded(mark)), Order::Down, limit)?,
        Turn::After(mark) => {
            let mut pairs = reader.links(index, (Excluded(mark), Included(high)), Order::Up, limit)?;
            pairs.reverse();
            pairs
        }
    })
}

/// The lowest and the highest moment there can be.
pub(super) const AGES: (Time, Time) = (Time::from_ms(i64::MIN), Time::from_ms(i64::MAX));

#[cfg(test)]
mod tests {
    use super::*;
    use crate::store::Store;

    const NOTES_BY_AGE: Index<(u8, Time), u64> = Index::new("test_notes_by_age");

    #[test]
    fn pages_turn_both_ways_and_stay_within_their_kind() {
        let store = Store::in_memory().unwrap();
        let at = |kind: u8, moment: i64, note: u64| ((kind, Time::from_ms(moment)), note);
        // Two share a moment, one lies before 1970, and two are of other kinds.
        let all = [at(1, 9, 7), at(1, 5, 4), at(1, 5, 2), at(1, -3, 9), at(0, 6, 1), at(2, 1, 1)];
        store
            .write_blocking(move |tx| {
                all.into_iter().for_each(|(key, note)| tx.link(&NOTES_BY_AGE, key, note));
                Ok(())
            })
            .unwrap();
        let reader = store.read().unwrap();
        let whole = (((1, AGES.0), 0), ((1, AGES.1), u64::MAX));
        let page = |turn, limit| turned(&reader, &NOTES_BY_AGE, whole, turn, limit).unwrap();
        assert_eq!(page(Turn::First, 9), all[..4]);
        assert_eq!(page(Turn::First, 2), all[..2]);
        assert_eq!(page(Turn::Before(all[1]), 9), all[2..4]);
        assert_eq!(page(Turn::After(all[3]), 2), all[1..3], "those next to the mark");
        assert_eq!(page(Turn::After(all[0]), 2), []);
        assert_eq!(page(Turn::Before(at(1, 5, 3)), 9), all[2..4], "a mark whose row is gone");
    }
}
