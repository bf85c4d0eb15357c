//! What somebody sees who looks around among the nodes: the market as it was a moment ago, and a node's last days.

use std::sync::{Arc, Mutex};
use std::time::Duration;

use super::{App, lock};
use crate::base::{Result, Time};
use crate::domain::account::User;
use crate::domain::exposure::{Buyer, Exposure, Market};
use crate::domain::node::Looks;
use crate::domain::observation::{Day, day_of};
use crate::domain::placement::{Ask, Listing, count_all, list};
use crate::domain::pool::{Pool, Sort};
use crate::store::exposure::Exposures;
use crate::store::maintenance::Maintenances;
use crate::store::observation::Observed;
use crate::store::order::Orders;

/// So old may be what is shown of promised room: adding it up for each guest would cost more than finding the nodes.
const SHOWN_FOR: Duration = Duration::from_secs(2);
/// Days that a node's page shows.
pub const DAYS_SHOWN: u32 = 30;

/// Kept between two who look.
#[derive(Debug, Default)]
pub(super) struct Looked {
    market: Mutex<Option<Shown>>,
    /// Today's number, and the days before it as they are stored.
    days: Mutex<Option<(u32, PastDays)>>,
}

impl Looked {
    /// A day was stored: whoever looked in the moment between midnight and now has seen less of it.
    pub(super) fn forget_days(&self) {
        *lock(&self.days) = None;
    }
}

type PastDays = Arc<Vec<(u32, Day)>>;

#[derive(Debug)]
struct Shown {
    at: Time,
    commit: u64,
    exposures: Arc<Vec<Exposure>>,
    market: Arc<Market>,
}

impl App {
    /// What is promised and kept back, for looking at: at most two seconds old, but of whom nodes are sold to always the newest.
    pub fn shown_market(&self) -> Result<Arc<Market>> {
        let (now, commit, exposures) = (self.now(), *self.store.commits().borrow(), self.exposures());
        let mut shown = lock(&self.looked.market);
        let fresh = |shown: &&Shown| {
            let young = shown.at <= now && now.since(shown.at) < SHOWN_FOR;
            Arc::ptr_eq(&shown.exposures, &exposures) && (shown.commit == commit && shown.at <= now || young)
        };
        // Promises fade with time, too.
        let fading = |shown: &&Shown| now.since(shown.at) < 30 * SHOWN_FOR;
        if let Some(shown) = shown.as_ref().filter(fresh).filter(fading) {
            return Ok(shown.market.clone());
        }
        let snapshot = self.read()?;
        let market = Arc::new(Market {
            addresses: snapshot.promised_addresses()?,
            reserved: snapshot.reserved(now)?,
            ours: snapshot.carried()?,
            exposures: (*exposures).clone(),
            kept_free: snapshot.nodes_kept_free(now)?,
        });
        *shown = Some(Shown { at: now, commit, exposures, market: market.clone() });
        Ok(market)
    }

    /// What somebody sees who chooses the node for themselves: a page of nodes with room for the need, and counts beside every filter.
    /// A guest asks with an empty `Buyer`.
    /// Rows in the answer are rows of this `pool`.
    pub fn list_nodes(&self, pool: &Pool, ask: &Ask, sort: Sort, skip: usize, most: usize) -> Result<Listing> {
        Ok(list(pool, ask, &*self.shown_market()?, sort, skip, most))
    }

    /// How many nodes `list_nodes` would find.
    pub fn count_nodes(&self, pool: &Pool, ask: &Ask) -> Result<usize> {
        Ok(count_all(pool, ask, &*self.shown_market()?))
    }

    /// Somebody who looks around, as a buyer. A guest is one without anything.
    pub fn buyer(&self, user: Option<&User>) -> Result<Buyer> {
        user.map_or(Ok(Buyer::default()), |user| self.read()?.buyer(user))
    }

    /// What we saw of a node on each of its last days, the oldest first. A day on which nobody looked has no looks.
    pub fn days_of(&self, node: u32) -> Result<Vec<(u32, Looks)>> {
        let (today, seen) = {
            let observed = lock(&self.observed);
            observed.as_ref().map_or_else(|| (day_of(self.now()), Looks::default()), |observed| observed.today_of(node))
        };
        let past = self.past_days(today)?;
        let on = |day: u32| past.iter().find(|(of, _)| *of == day).map_or(Looks::default(), |(_, row)| row.of(node));
        let days = today.saturating_sub(DAYS_SHOWN - 1)..today;
        Ok(days.map(|day| (day, on(day))).chain([(today, seen)]).collect())
    }

    /// Days that are over do not change: they are read once a day.
    fn past_days(&self, today: u32) -> Result<PastDays> {
        let mut kept = lock(&self.looked.days);
        if let Some((_, days)) = kept.as_ref().filter(|(day, _)| *day == today) {
            return Ok(days.clone());
        }
        let days = self.read()?.days_between(today.saturating_sub(DAYS_SHOWN - 1), today)?;
        let days: PastDays = Arc::new(days.into_iter().map(|(day, row)| (day, row.sound())).collect());
        *kept = Some((today, days.clone()));
        Ok(days)
    }
}
