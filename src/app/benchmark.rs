//! Asking nodes how fast they are, a few at a time and each once a day.

use std::collections::BTreeMap;

use futures_util::stream::{self, StreamExt};

use super::{App, lock};
use crate::base::Result;
use crate::domain::benchmark::{ASKED_EVERY, Benchmark};
use crate::domain::node::{Node, NodeState};
use crate::store::Read;
use crate::store::schema::BENCHMARKS;

/// Nodes asked in one round.
const ROUND: usize = 20;
/// Questions under way at once.
const AT_ONCE: usize = 4;
/// A node that we just heard of is left in peace.
const LOOKED: u32 = 2;

impl App {
    /// Asks the nodes that were asked longest ago. Gives how many answered with a figure.
    pub async fn ask_benchmarks(&self) -> Result<usize> {
        let (pool, now) = (self.nodes(), self.now());
        let known = self.benchmarks()?;
        let due = |node: u32| known.get(&node).is_none_or(|known| now.since(known.asked) >= ASKED_EVERY);
        let mut nodes: Vec<(u32, u32)> = pool
            .iter()
            .filter(|node| node.state() == NodeState::Up && node.looks().seen >= LOOKED && due(node.id()))
            .map(|node| (node.id(), node.twin()))
            .collect();
        nodes.sort_by_key(|(node, _)| (known.get(node).map(|known| known.asked), *node));
        nodes.truncate(ROUND);
        if nodes.is_empty() {
            return Ok(0);
        }
        let answers: Vec<(u32, Benchmark)> = stream::iter(nodes)
            .map(|(node, twin)| async move {
                // One that does not answer is asked again tomorrow: it is one figure among others.
                let single_ms = self.grid.benchmark(twin).await.unwrap_or_else(|error| {
                    tracing::debug!(node, ?error, "a node told no benchmark");
                    None
                });
                (node, Benchmark { single_ms, asked: now })
            })
            .buffer_unordered(AT_ONCE)
            .collect()
            .await;
        let told = answers.iter().filter(|(_, benchmark)| benchmark.single_ms.is_some()).count();
        lock(&self.benchmarks).get_or_insert_default().extend(answers.iter().copied());
        self.store.write(move |tx| answers.iter().try_for_each(|(node, row)| tx.put(&BENCHMARKS, *node, row))).await?;
        Ok(told)
    }

    /// Tells each node what it said of itself.
    pub(super) fn note_benchmarks(&self, nodes: &mut [Node]) -> Result<()> {
        let known = self.benchmarks()?;
        for node in nodes {
            node.benchmark = known.get(&node.id).and_then(Benchmark::points);
        }
        Ok(())
    }

    fn benchmarks(&self) -> Result<BTreeMap<u32, Benchmark>> {
        if let Some(known) = lock(&self.benchmarks).as_ref() {
            return Ok(known.clone());
        }
        let mut stored = BTreeMap::new();
        self.read()?.each(&BENCHMARKS, |node, row| {
            stored.insert(node, row);
            Ok(())
        })?;
        Ok(lock(&self.benchmarks).get_or_insert(stored).clone())
    }
}
