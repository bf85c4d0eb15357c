//! Whether what runs answers, as far as we can see: told to its owner once when it stays away, and once when it is back.

use std::collections::{BTreeMap, BTreeSet};

use super::App;
use super::mail::standing::{self, Letters};
use super::node::Trouble;
use crate::base::ids::OrderId;
use crate::base::{Result, Time};
use crate::domain::backup::Stage;
use crate::domain::order::{State, Step};
use crate::domain::outage::{News, Outage, SILENT_AFTER, Why};
use crate::domain::report::{Reporter, Seat};
use crate::store::backup::Backups;
use crate::store::maintenance::Maintenances;
use crate::store::order::Orders;
use crate::store::outage::Outages;
use crate::store::schema::REPORTERS;
use crate::store::{Read, Snapshot, Tx};

/// Orders looked at in one write.
const SLICE: usize = 100;

impl App {
    /// One look at all that runs. Gives how many do not answer.
    pub async fn watch_orders(&self) -> Result<usize> {
        // After a leap of the clock the list is old until it is asked for again.
        self.known_nodes().await?;
        let (now, snapshot) = (self.now(), self.read()?);
        // Of a list that is old nothing can be said: it may be we who are cut off.
        let Some(nodes) = self.nodes_in_trouble()? else { return Ok(0) };
        let mut seen = silent(&snapshot, now)?;
        for (node, why) in &nodes {
            for order in snapshot.placed_on(*node)? {
                if snapshot.order(order)?.is_some_and(|order| order.attempt().is_some_and(|attempt| attempt.node() == *node)) {
                    seen.insert(order, *why);
                }
            }
        }
        // Announced work is no news: its owner has had a mail about it.
        let announced: BTreeSet<u32> =
            snapshot.open_maintenances(now)?.into_iter().filter(|row| row.is_now(now)).map(|row| row.node).collect();
        let mut looked: Vec<(OrderId, Option<Why>)> = seen.iter().map(|(order, why)| (*order, Some(*why))).collect();
        looked.extend(
            snapshot.outages()?.into_iter().filter(|(order, _)| !seen.contains_key(order)).map(|(order, _)| (order, None)),
        );
        drop(snapshot);
        let letters = self.letters();
        for slice in looked.chunks(SLICE).map(<[_]>::to_vec) {
            let (letters, announced) = (letters.clone(), announced.clone());
            self.store
                .write(move |tx| slice.into_iter().try_for_each(|(order, why)| look(tx, order, why, &announced, &letters, now)))
                .await?;
        }
        if !looked.is_empty() {
            self.nudge();
        }
        Ok(seen.len())
    }

    /// Nodes that carry something of ours and do not answer; None while the list of nodes is too old to tell.
    fn nodes_in_trouble(&self) -> Result<Option<Vec<(u32, Why)>>> {
        if !self.nodes_are_fresh(self.now()) {
            return Ok(None);
        }
        let why = |trouble| match trouble {
            Trouble::OptedOut => None, // what runs goes on
            Trouble::Standby => Some(Why::NodeAsleep),
            Trouble::Down => Some(Why::NodeDown),
            Trouble::Gone => Some(Why::NodeGone),
        };
        Ok(Some(self.at_risk()?.into_iter().filter_map(|risk| Some((risk.node, why(risk.trouble)?))).collect()))
    }
}

/// Servers that told how they are, and have stopped to.
fn silent(snapshot: &Snapshot, now: Time) -> Result<BTreeMap<OrderId, Why>> {
    let mut silent = BTreeMap::new();
    snapshot.each(&REPORTERS, |(order, seat), row: Reporter| {
        let heard = row.heard.filter(|heard| now.since(heard.at) > SILENT_AFTER);
        if seat == Seat::Main as u8 && heard.is_some() {
            silent.insert(order, Why::Silent);
        }
        Ok(())
    })?;
    Ok(silent)
}

fn look(tx: &mut Tx<'_>, id: OrderId, seen: Option<Why>, announced: &BTreeSet<u32>, letters: &Letters, now: Time) -> Result<()> {
    let before = tx.outage(id)?;
    // One that ended, that its owner has stopped, that is being changed or that can't be paid is not missed.
    let watched = |order: &crate::domain::order::Order| {
        order.state == State::Active
            && order.stopped.is_none()
            && order.revision.is_none()
            && order.paused.is_none()
            && order.lost.is_none()
    };
    let Some(mut order) = tx.order(id)?.filter(watched) else {
        return if before.is_some() { tx.remove_outage(id) } else { Ok(()) };
    };
    // Whoever looks after a backup VM tells of its server, too.
    let quiet = order.attempt().is_some_and(|attempt| announced.contains(&attempt.node()))
        || tx.backup(id)?.is_some_and(|backup| backup.stage == Stage::Active);
    let (after, news) = Outage::after(before, seen, quiet, now);
    match (news, after.or(before)) {
        (News::Down, Some(outage)) => {
            order.trouble(now, Step::Access, format!("It does not answer since {}.", outage.since.minute()));
            letters.send(tx, order.user, now, |user| standing::down(letters, user, &order, &outage, now))?;
            tx.put_order(&order)?;
        }
        (News::Back, Some(outage)) => {
            order.note(now, Step::Access, "It answers again.");
            letters.send(tx, order.user, now, |user| standing::back(letters, user, &order, &outage, now))?;
            tx.put_order(&order)?;
        }
        _ => {}
    }
    match after {
        Some(outage) => tx.put_outage(id, &outage),
        None if before.is_some() => tx.remove_outage(id),
        None => Ok(()),
    }
}
