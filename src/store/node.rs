//! The list of nodes as it was when it was last stored, so that a start has one, and what became of nodes while we looked.

use super::schema::{NODE_TURNS, NODES, NODES_AT};
use super::{Order, Read, Tx};
use crate::base::{Result, Time};
use crate::domain::node::Node;
use crate::domain::observation::Turned;

/// Nodes of one row: the writer is never held for long.
pub const NODES_A_ROW: usize = 500;
/// What is remembered of one node.
const TURNS_MAX: usize = 60;

pub trait Nodes: Read {
    /// The nodes that were stored, and when the index told of them.
    fn stored_nodes(&self) -> Result<Option<(Time, Vec<Node>)>> {
        let Some(at) = self.single(&NODES_AT)? else { return Ok(None) };
        let mut nodes = Vec::new();
        self.each(&NODES, |_, row| {
            nodes.extend(row);
            Ok(())
        })?;
        Ok(Some((at, nodes)))
    }

    /// What became of a node, newest first.
    fn turns_of(&self, node: u32, limit: usize) -> Result<Vec<(Time, Turned)>> {
        let rows = self.under(&NODE_TURNS, &node, Order::Down, limit)?;
        Ok(rows.into_iter().map(|((_, at), row)| (at, row)).collect())
    }
}

impl<T: Read> Nodes for T {}

impl Tx<'_> {
    /// One row of nodes.
    pub fn put_nodes(&mut self, place: u32, nodes: &Vec<Node>) -> Result<()> {
        self.put(&NODES, place, nodes)
    }

    /// All rows are written: there are so many, and the index told of them then.
    pub fn close_nodes(&mut self, rows: u32, at: Time) -> Result<()> {
        let mut more = Vec::new();
        self.each(&NODES, |place, _| {
            more.extend((place >= rows).then_some(place));
            Ok(())
        })?;
        for place in more {
            self.remove(&NODES, place)?;
        }
        self.set(&NODES_AT, &at)
    }

    /// Remembers what became of a node, and forgets what is older than the newest.
    pub fn add_turn(&mut self, node: u32, at: Time, turned: Turned) -> Result<()> {
        let known = self.under(&NODE_TURNS, &node, Order::Down, TURNS_MAX + 1)?;
        for (key, _) in known.into_iter().skip(TURNS_MAX - 1) {
            self.remove(&NODE_TURNS, key)?;
        }
        self.put(&NODE_TURNS, (node, at), &turned)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::domain::node::tests::node;
    use crate::store::Store;

    #[test]
    fn stored_nodes_come_back_and_fewer_rows_take_the_place_of_more() {
        let store = Store::in_memory().unwrap();
        assert_eq!(store.read().unwrap().stored_nodes().unwrap(), None);
        let keep = |rows: Vec<Vec<Node>>, at: Time| {
            store
                .write_blocking(move |tx| {
                    let count = rows.len() as u32;
                    (0..).zip(&rows).try_for_each(|(place, row)| tx.put_nodes(place, row))?;
                    tx.close_nodes(count, at)
                })
                .unwrap();
        };
        keep(vec![vec![node(1), node(2)], vec![node(3)]], Time::from_secs(5));
        keep(vec![vec![node(2)]], Time::from_secs(9));
        assert_eq!(store.read().unwrap().stored_nodes().unwrap(), Some((Time::from_secs(9), vec![node(2)])));
    }

    #[test]
    fn only_the_newest_turns_of_a_node_are_remembered() {
        let store = Store::in_memory().unwrap();
        store
            .write_blocking(|tx| {
                (0..100).try_for_each(|second| {
                    let turned = Turned { up: second % 2 == 0, seen: Time::EPOCH, announced: false };
                    tx.add_turn(7, Time::from_secs(second), turned)
                })
            })
            .unwrap();
        let turns = store.read().unwrap().turns_of(7, 1000).unwrap();
        assert_eq!((turns.len(), turns[0].0, turns[TURNS_MAX - 1].0), (60, Time::from_secs(99), Time::from_secs(40)));
    }
}
