//! Whether the shards of swarms answer: looked at every few minutes, told by mail when it gets worse or better, mended when it lasts.

use std::time::Duration;

use futures_util::future::join_all;
use futures_util::stream::{self, StreamExt};

use crate::app::{App, mail};
use crate::base::Result;
use crate::base::ids::{JobId, OrderId};
use crate::base::time::MINUTE;
use crate::domain::job::Work;
use crate::domain::swarm::{Stage, Swarm, Told};
use crate::store::account::Accounts;
use crate::store::job::Jobs;
use crate::store::order::Orders;
use crate::store::swarm::Swarms;

/// How often each swarm is looked at.
const EVERY: Duration = Duration::from_secs(3 * MINUTE.as_secs());
/// Swarms that are listed at once.
const SLICE: usize = 50;
/// Swarms that are asked at once: one with a shard that is away takes as long as somebody's patience, and a look opens a connection to
/// each of its shards.
const AT_ONCE: usize = 8;

impl App {
    /// Looks at every swarm that was not looked at lately, and sees that those under way are tended.
    pub async fn watch_swarms(&self) -> Result<usize> {
        let mut looked = 0;
        for stage in [Stage::Building, Stage::Undoing, Stage::Ending] {
            for id in self.read()?.swarms_in(stage, None, 1000)? {
                self.tend_if_nobody_does(id).await?;
            }
        }
        let mut after = None;
        loop {
            let slice = self.read()?.swarms_in(Stage::Ready, after, SLICE)?;
            looked += some_at_once(slice.iter().copied(), |id| self.look_if_due(id)).await;
            match slice.last() {
                Some(last) if slice.len() == SLICE => after = Some(*last),
                _ => return Ok(looked),
            }
        }
    }

    /// Looks at a swarm if it is time. One that can't be looked at keeps nobody from looking at the others.
    async fn look_if_due(&self, id: OrderId) -> bool {
        let looked = async {
            let (snapshot, now) = (self.read()?, self.now());
            let due = snapshot.looks(id)?.at.is_none_or(|at| now.since(at) >= EVERY);
            let swarm = snapshot.swarm(id)?.filter(|swarm| due && swarm.stage == Stage::Ready);
            drop(snapshot); // what is written meanwhile need not be kept twice
            match swarm {
                Some(swarm) => self.look_at_swarm(&swarm).await.map(|()| true),
                None => Ok(false),
            }
        };
        looked.await.unwrap_or_else(|error| {
            tracing::error!(order = %id, ?error, "a storage swarm can't be looked at");
            true
        })
    }

    async fn tend_if_nobody_does(&self, id: OrderId) -> Result<()> {
        let work = Work::TendSwarm(id);
        if self.read()?.job_for(&work)?.is_some() {
            return Ok(());
        }
        let (now, job) = (self.now(), JobId::random(&*self.random));
        self.store.write(move |tx| tx.owe(job, work, now)).await?;
        self.nudge();
        Ok(())
    }

    /// Asks every shard of a swarm, and draws the conclusions.
    pub async fn look_at_swarm(&self, swarm: &Swarm) -> Result<()> {
        let passwords = self.passwords(swarm)?;
        let asked: Vec<_> = swarm.working().filter_map(|(number, shard)| Some((number, shard.backend.clone()?))).collect();
        let asking = asked.into_iter().map(|(number, backend)| {
            let password = passwords.of(number);
            async move { (number, self.grid.ask_store(&backend, &password).await.ok()) }
        });
        let answers: Vec<(u32, Option<Told>)> = join_all(asking).await;
        let (id, now, random, nodes) = (swarm.order, self.now(), self.random.clone(), self.nodes());
        let make = self.shard_maker()?;
        let (brand, site) = (self.settings.brand.name.clone(), self.settings.server.public_url.clone());
        self.store
            .write(move |tx| {
                let Some(mut swarm) = tx.swarm(id)?.filter(|swarm| swarm.stage == Stage::Ready) else { return Ok(()) };
                let looks = tx.looks(id)?.after(&answers, now);
                let (data, meta) = swarm.there(&looks);
                let (looks, news) = looks.judged(swarm.layout().alarm(data, meta));
                tx.put_looks(id, &looks)?;
                if let (Some(alarm), Some(order)) = (news, tx.order(id)?) {
                    let said = swarm.layout().sentence(data, meta);
                    tracing::warn!(order = %id, data, meta, "a storage swarm: {said}");
                    let owner = tx.user(swarm.user)?;
                    let operators = tx.operators()?;
                    let to = operators.iter().filter(|user| Some(user.id) != owner.as_ref().map(|owner| owner.id)).chain(&owner);
                    for user in to {
                        let letter =
                            mail::swarm_alarm(&brand, &site, user, &order, user.id == swarm.user, alarm, &said, &*random, now);
                        tx.queue_mail(&letter, &*random, now)?;
                    }
                }
                let mut replaced = false;
                for number in swarm.overdue(&looks, now) {
                    replaced |= make.replace(tx, &nodes, &mut swarm, number, now, &*random)?;
                }
                if replaced {
                    tx.put_swarm(&swarm)?;
                    tx.owe(JobId::random(&*random), Work::TendSwarm(id), now)?;
                }
                Ok(())
            })
            .await?;
        self.nudge();
        Ok(())
    }
}

/// Does something for each, a few at a time; gives how many of them say yes.
async fn some_at_once<I, F: Future<Output = bool>>(all: impl Iterator<Item = I>, one: impl Fn(I) -> F) -> usize {
    stream::iter(all).map(one).buffer_unordered(AT_ONCE).fold(0, async |sum, yes| sum + usize::from(yes)).await
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test(start_paused = true)]
    async fn swarms_that_take_long_to_look_at_are_all_looked_at_before_it_is_time_again() {
        let begun = tokio::time::Instant::now();
        // Nobody answers: to be reached, to be let in, and to be told.
        let slow = |swarm: u32| async move {
            tokio::time::sleep(Duration::from_secs(15)).await;
            swarm.is_multiple_of(2)
        };
        assert_eq!(some_at_once(0..80, slow).await, 40);
        assert!(begun.elapsed() < EVERY, "{:?}", begun.elapsed());
    }
}
