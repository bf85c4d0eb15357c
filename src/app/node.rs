//! The nodes we know of: asked for again and again, looked at, and watched for those that carry something of ours.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use super::{App, lock};
use crate::base::money::Rate;
use crate::base::time::MINUTE;
use crate::base::{Result, Time};
use crate::domain::node::{Node, NodeState, StorageClass};
use crate::domain::observation::{Day, Observations, day_of};
use crate::domain::pool::{Entry, Pool};
use crate::store::observation::Observed;
use crate::store::order::Orders;

/// How often what we saw is stored. What a crash loses counts as not looked.
const KEPT_EVERY: Duration = Duration::from_secs(10 * MINUTE.as_secs());

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
    /// Asks the grid for its nodes again, and for the token's price.
    pub async fn refresh_nodes(&self) -> Result<usize> {
        if let Err(error) = self.ask_identity().await {
            tracing::info!(?error, "the identity service was asked in vain");
        }
        let now = self.now();
        let census = self.grid.nodes(now).await?;
        if census.dropped > 0 {
            tracing::warn!(dropped = census.dropped, kept = census.nodes.len(), "the node index told of things that can't be");
        }
        let mut nodes = census.nodes;
        let keep = self.look_at(&mut nodes, now)?;
        self.note_benchmarks(&mut nodes)?;
        let (ssd, hdd) = self.settings.nodes.storage_bytes();
        let pool = Arc::new(Pool::new(nodes, StorageClass { ssd, hdd }));
        let count = pool.len();
        *lock(&self.pool) = pool;
        if !keep.is_empty() {
            self.store.write(move |tx| keep.iter().try_for_each(|(day, looks)| tx.put_day(*day, looks))).await?;
            self.looked.forget_days();
        }
        self.tell_of_trouble()?;
        match self.grid.price_musd().await {
            Ok(musd) => *lock(&self.price) = Rate::from_musd(musd),
            // The old price will do: it is for looking at, nothing is booked with it.
            Err(error) => tracing::info!(?error, "the token's price is not known anew"),
        }
        Ok(count)
    }

    /// Counts one look at each node and tells each what we saw of it so far. Gives the days that should be stored now.
    fn look_at(&self, nodes: &mut Vec<Node>, now: Time) -> Result<Vec<(u32, Day)>> {
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
        observed.look(nodes.iter().map(|node| (node.id, node.up())));
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
