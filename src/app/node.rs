//! The nodes we know of: asked for again and again, looked at, and watched for those that carry something of ours.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;
use std::time::Duration;

use super::{App, lock};
use crate::base::money::Rate;
use crate::base::time::{MINUTE, SECOND};
use crate::base::{Error, Result, Time};
use crate::domain::node::{Node, NodeState, StorageClass};
use crate::domain::observation::{Day, Observations, Turned, day_of};
use crate::domain::pool::{Entry, Pool};
use crate::store::maintenance::Maintenances;
use crate::store::node::NODES_A_ROW;
use crate::store::observation::Observed;
use crate::store::order::Orders;

/// How often what we saw is stored. What a crash loses counts as not looked.
const KEPT_EVERY: Duration = Duration::from_secs(10 * MINUTE.as_secs());

/// How often the list is stored. After a start it is old for a moment, and says so.
const STORED_EVERY: Duration = Duration::from_secs(30 * MINUTE.as_secs());
/// So long what the index told is what is.
const FRESH_FOR: Duration = Duration::from_secs(5 * MINUTE.as_secs());
/// An index that does not answer for so long is away.
pub const LOST_AFTER: Duration = Duration::from_secs(10 * MINUTE.as_secs());
/// Nothing is sold by a list that is older.
pub const OLD_AFTER: Duration = Duration::from_secs(30 * MINUTE.as_secs());
/// Whoever needs nodes does not ask an index again that was asked in vain so lately.
const ASKED_AGAIN_AFTER: Duration = Duration::from_secs(15 * SECOND.as_secs());
/// What somebody hears who would be sold something by an old list.
const STALE: &str = "We can't see just now which places are free, so nothing new can be ordered. Please try again in a few minutes: nothing was charged, and what runs goes on.";

/// When the index last told of nodes; and for the first and for the last time since then that it was asked in vain.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Told {
    pub at: Option<Time>,
    pub lost: Option<(Time, Time)>,
}

impl Told {
    /// Since when nothing new is known although it was asked for again and again.
    pub fn silent(&self) -> Option<Time> {
        let (since, still) = self.lost?;
        (still.since(since) > LOST_AFTER).then(|| self.at.unwrap_or(since))
    }

    /// Nothing is sold any more: the list was too old when it was last asked for in vain.
    pub fn too_old(&self) -> Option<Time> {
        let (since, still) = self.lost?;
        let at = self.at.unwrap_or(since);
        (still.since(at) > OLD_AFTER).then_some(at)
    }
}

/// Nodes that were up before and are not now, or the other way round. Of nodes that were not known nothing can be said.
fn turns(before: &Pool, nodes: &[Node], excused: &BTreeSet<u32>) -> Vec<(u32, Turned)> {
    let turned = |node: &Node| {
        let known = before.node(node.id).filter(|known| known.up() != node.up())?;
        // Of one that is gone the last report is the one that we know.
        let seen = if node.up() { node.seen } else { known.seen() };
        Some((node.id, Turned { up: node.up(), seen, announced: excused.contains(&node.id) }))
    };
    nodes.iter().filter_map(turned).collect()
}

/// What is wrong with a node that carries something of ours.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Trouble {
    /// Its owner took it out of the grid's billing: what runs goes on for now, and can't be renewed.
    OptedOut,
    Standby,
    Down,
    /// The index does not tell of it any more.
    Gone,
}

impl Trouble {
    pub const fn sentence(self) -> &'static str {
        match self {
            Trouble::OptedOut => "left the grid's billing",
            Trouble::Standby => "went to sleep",
            Trouble::Down => "is down",
            Trouble::Gone => "is gone from the grid's list",
        }
    }

    fn of(entry: Option<Entry<'_>>) -> Option<Trouble> {
        match entry {
            None => Some(Trouble::Gone),
            Some(entry) if entry.opted_out() => Some(Trouble::OptedOut),
            Some(entry) => match entry.state() {
                NodeState::Up => None,
                NodeState::Standby => Some(Trouble::Standby),
                NodeState::Down => Some(Trouble::Down),
            },
        }
    }
}

/// A node in trouble, and how many VMs of ours are on it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct AtRisk {
    pub node: u32,
    pub trouble: Trouble,
    pub vms: u32,
}

impl App {
    /// How old what we know of nodes is.
    pub fn census(&self) -> Told {
        *lock(&self.told)
    }

    /// Whether what we know of nodes can be called what is.
    pub(super) fn nodes_are_fresh(&self, now: Time) -> bool {
        self.census().at.is_some_and(|at| now.since(at) < FRESH_FOR)
    }

    /// The nodes we know of. Where what is known is old they are asked for first: none known is not the same as none there.
    pub async fn known_nodes(&self) -> Result<Arc<Pool>> {
        let _one = self.asking.lock().await;
        let (now, empty) = (self.now(), self.nodes().is_empty());
        let in_vain = self.census().lost.is_some_and(|(_, still)| now.since(still) < ASKED_AGAIN_AFTER);
        if empty || !(self.nodes_are_fresh(now) || in_vain) {
            let asked = self.refresh_nodes().await;
            if empty {
                asked?;
            }
        }
        Ok(self.nodes())
    }

    /// The same for somebody who is sold something on one: nobody is charged for room that was there long ago.
    pub async fn nodes_to_sell(&self) -> Result<Arc<Pool>> {
        let nodes = self.known_nodes().await?;
        match self.census().at.is_some_and(|at| self.now().since(at) < OLD_AFTER) {
            true => Ok(nodes),
            false => Err(Error::unavailable(STALE)),
        }
    }

    /// Asks the grid for its nodes again, and for the token's price.
    pub async fn refresh_nodes(&self) -> Result<usize> {
        if let Err(error) = self.ask_identity().await {
            tracing::info!(?error, "the identity service was asked in vain");
        }
        let now = self.now();
        let census = match self.grid.nodes(now).await {
            Ok(census) => census,
            Err(error) => {
                let mut told = lock(&self.told);
                told.lost = Some((told.lost.map_or(now, |(since, _)| since), now));
                if told.lost.is_some_and(|(since, still)| still.since(since) > LOST_AFTER) {
                    tracing::error!(last = ?told.at, "the node index does not answer: nothing new is known of nodes");
                }
                return Err(error);
            }
        };
        if census.dropped > 0 {
            tracing::warn!(dropped = census.dropped, kept = census.nodes.len(), "the node index told of things that can't be");
        }
        let mut nodes = census.nodes;
        let excused: BTreeSet<u32> =
            self.read()?.open_maintenances(now)?.into_iter().filter(|row| row.excuses(now)).map(|row| row.node).collect();
        let keep = self.look_at(&mut nodes, &excused, now)?;
        self.note_benchmarks(&mut nodes)?;
        let turns = turns(&self.nodes(), &nodes, &excused);
        let rows = self.rows_to_keep(&nodes, now)?;
        let (ssd, hdd) = self.settings.nodes.storage_bytes();
        let pool = Arc::new(Pool::new(nodes, StorageClass { ssd, hdd }));
        let count = pool.len();
        *lock(&self.pool) = pool;
        *lock(&self.told) = Told { at: Some(now), lost: None };
        if !keep.is_empty() {
            self.store.write(move |tx| keep.iter().try_for_each(|(day, looks)| tx.put_day(*day, looks))).await?;
            self.looked.forget_days();
        }
        for slice in turns.chunks(NODES_A_ROW).map(<[_]>::to_vec) {
            let back = slice.iter().filter(|(_, turned)| turned.up).count();
            tracing::info!(back, gone = slice.len() - back, "nodes came back or went away");
            self.store.write(move |tx| slice.iter().try_for_each(|(node, turned)| tx.add_turn(*node, now, *turned))).await?;
        }
        self.keep_nodes(rows, now).await?;
        self.tell_of_trouble()?;
        match self.grid.price_musd().await {
            Ok(musd) => *lock(&self.price) = Rate::from_musd(musd),
            // The old price will do: it is for looking at, nothing is booked with it.
            Err(error) => tracing::info!(?error, "the token's price is not known anew"),
        }
        Ok(count)
    }

    /// The nodes in rows to be stored, if that was not done lately.
    fn rows_to_keep(&self, nodes: &[Node], now: Time) -> Result<Vec<Vec<Node>>> {
        let mut stored = lock(&self.nodes_stored);
        if stored.is_some_and(|at| now >= at && now.since(at) < STORED_EVERY) {
            return Ok(vec![]);
        }
        *stored = Some(now);
        Ok(nodes.chunks(NODES_A_ROW).map(<[Node]>::to_vec).collect())
    }

    /// Stores the list, a row a write, so that the next start has one.
    async fn keep_nodes(&self, rows: Vec<Vec<Node>>, now: Time) -> Result<()> {
        if rows.is_empty() {
            return Ok(());
        }
        let count = u32::try_from(rows.len()).unwrap_or(u32::MAX);
        for (place, row) in (0..).zip(rows) {
            self.store.write(move |tx| tx.put_nodes(place, &row)).await?;
        }
        self.store.write(move |tx| tx.close_nodes(count, now)).await
    }

    /// Counts one look at each node and tells each what we saw of it so far. Gives the days that should be stored now.
    /// That an `excused` node is not up says nothing of it: such a look is not counted.
    fn look_at(&self, nodes: &mut Vec<Node>, excused: &BTreeSet<u32>, now: Time) -> Result<Vec<(u32, Day)>> {
        let today = day_of(now);
        let mut keep = Vec::new();
        let mut observed = lock(&self.observed);
        if observed.as_ref().is_none_or(|observed| observed.day() != today) {
            // Yesterday's row as it ended; what is stored of it may be a few looks older.
            let last = observed.take().map(|ended| ended.today());
            let mut days = self.read()?.days_until(today)?;
            if let Some((day, looks)) = last {
                days.retain(|(of, _)| *of != day);
                days.push((day, looks.clone()));
                keep.push((day, looks));
            }
            *observed = Some(Observations::new(today, days));
        }
        let observed = observed.get_or_insert_default();
        nodes.sort_by_key(|node| node.id);
        nodes.dedup_by_key(|node| node.id);
        let counts = |node: &&Node| node.up() || !excused.contains(&node.id);
        observed.look(nodes.iter().filter(counts).map(|node| (node.id, node.up())));
        for node in nodes {
            node.looks = observed.of(node.id);
        }
        keep.extend(observed.to_keep(now, KEPT_EVERY));
        Ok(keep)
    }

    /// Nodes that carry VMs of ours and are in trouble, by number. Empty while no node is known: then nothing is known of them.
    pub fn at_risk(&self) -> Result<Vec<AtRisk>> {
        let pool = self.nodes();
        if pool.is_empty() {
            return Ok(vec![]);
        }
        let carrying = self.read()?.carrying()?.into_iter();
        Ok(carrying.filter_map(|(node, vms)| Some(AtRisk { node, vms, trouble: Trouble::of(pool.node(node))? })).collect())
    }

    /// Says in the log what is new since the last look: trouble, and its end.
    fn tell_of_trouble(&self) -> Result<()> {
        let now: BTreeMap<u32, Trouble> = self.at_risk()?.into_iter().map(|risk| (risk.node, risk.trouble)).collect();
        let mut before = lock(&self.troubled);
        for (node, trouble) in now.iter().filter(|(node, trouble)| before.get(*node) != Some(*trouble)) {
            tracing::warn!(node, "a node with VMs of ours {}", trouble.sentence());
        }
        for node in before.keys().filter(|node| !now.contains_key(*node)) {
            tracing::info!(node, "a node with VMs of ours is well again, or carries none any more");
        }
        *before = now;
        Ok(())
    }
}
