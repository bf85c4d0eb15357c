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
