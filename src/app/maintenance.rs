//! Maintenance windows: a provider announces, changes or cancels one, and everybody who has something on the node hears of it.

use std::collections::BTreeMap;

use super::App;
use super::limit::Limit;
use super::mail::standing;
use crate::base::ids::{JobId, MaintenanceId, UserId};
use crate::base::{Error, Result, Time};
use crate::domain::account::User;
use crate::domain::job::{Next, Work};
use crate::domain::maintenance::{Maintenance, OPEN_MAX, Window};
use crate::domain::order::{Order, Outcome};
use crate::domain::placement::left_out;
use crate::domain::web_address::WebAddress;
use crate::store::account::Accounts;
use crate::store::backup::Backups;
use crate::store::exposure::Exposures;
use crate::store::maintenance::Maintenances;
use crate::store::web_address::WebAddresses;
use crate::store::{Read, Tx};

/// People told in one write.
const TOLD_AT_ONCE: usize = 100;

/// What a form sends of a window, as it was typed. Times are UTC.
#[derive(Debug, Clone, Default)]
pub struct WindowForm {
    pub starts: String,
    pub ends: String,
    pub why: String,
}

/// What an order has on a node.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Stake {
    Machine,
    Backup,
    Shard,
    Gateway,
}

impl Stake {
    /// As in "its backup VM".
    pub const fn noun(self) -> &'static str {
        match self {
            Stake::Machine => "the server itself",
            Stake::Backup => "its backup VM",
            Stake::Shard => "a part of its storage swarm",
            Stake::Gateway => "the way in from its web address",
        }
    }
}

impl App {
    /// Announces a window for a node on one of the provider's farms.
    pub async fn announce_maintenance(&self, provider: &User, node: u32, form: &WindowForm) -> Result<MaintenanceId> {
        let (now, by) = (self.now(), provider.id);
        let (window, why) = self.check_window(provider, node, form, now)?;
        let (id, job) = (MaintenanceId::random(&*self.random), JobId::random(&*self.random));
        let farm = self.nodes().node(node).map(|entry| entry.farm());
        self.store
            .write(move |tx| {
                let ahead = tx.maintenances_ahead(node, now)?;
                let farm = farm.ok_or_else(|| Error::not_found("node"))?;
                own(tx, by, farm)?;
                // Pressed twice.
                if let Some(same) = ahead.iter().find(|row| row.window() == window && row.why == why) {
                    return Ok(same.id);
                }
                if ahead.len() >= OPEN_MAX {
                    return Err(Error::conflict(format!(
                        "There are {OPEN_MAX} windows ahead already: that is as many as can be."
                    )));
                }
                overlaps(&ahead, None, window)?;
                let Window { starts, ends } = window;
                let row = Maintenance {
                    id,
                    node,
                    farm,
                    by,
                    starts,
                    ends,
                    why,
                    announced: now,
                    cancelled: None,
                    version: 0,
                    told: None,
                };
                tx.put_maintenance(&row)?;
                tx.owe(job, Work::TellTenants(id), now)?;
                Ok(id)
            })
            .await
            .inspect(|_| self.nudge())
    }

    /// Says anew when it is, and what is done. What is changed so late that it is short notice counts as such.
    pub async fn change_maintenance(&self, provider: &User, node: u32, id: MaintenanceId, form: &WindowForm) -> Result<()> {
        let now = self.now();
        let (window, why) = self.check_window(provider, node, form, now)?;
        self.alter_maintenance(provider, node, id, move |tx, row| {
            if (row.window(), &row.why) == (window, &why) {
                return Ok(false);
            }
            overlaps(&tx.maintenances_ahead(node, now)?, Some(id), window)?;
            // Other words for the same time are no news of the time.
            row.announced = if row.window() == window { row.announced } else { now };
            (row.starts, row.ends, row.why) = (window.starts, window.ends, why);
            Ok(true)
        })
        .await
    }

    /// It will not be: the node takes orders again at once.
    pub async fn cancel_maintenance(&self, provider: &User, node: u32, id: MaintenanceId) -> Result<()> {
        let now = self.now();
        self.alter_maintenance(provider, node, id, move |_, row| {
            row.cancelled = Some(now);
            Ok(true)
        })
        .await
    }

    /// Changes a window that is not over, and owes the news of it if `change` says that there is any.
    async fn alter_maintenance<F>(&self, provider: &User, node: u32, id: MaintenanceId, change: F) -> Result<()>
    where
        F: FnOnce(&Tx<'_>, &mut Maintenance) -> Result<bool> + Send + 'static,
    {
        let (now, user, job) = (self.now(), provider.id, JobId::random(&*self.random));
        self.store
            .write(move |tx| {
                let mut row =
                    tx.maintenance(id)?.filter(|row| row.node == node).ok_or_else(|| Error::not_found("maintenance window"))?;
                own(tx, user, row.farm)?;
                if row.cancelled.is_some() {
                    return Ok(()); // pressed twice
                }
                if !row.is_open(now) {
                    return Err(Error::conflict("This maintenance is over: there is nothing left to change."));
                }
                if !change(tx, &mut row)? {
                    return Ok(());
                }
                (row.version, row.told) = (row.version.saturating_add(1), None);
                tx.put_maintenance(&row)?;
                tx.owe(job, Work::TellTenants(id), now)
            })
            .await?;
        self.nudge();
        Ok(())
    }

    fn check_window(&self, provider: &User, node: u32, form: &WindowForm, now: Time) -> Result<(Window, String)> {
        let known = self.nodes().node(node).map(|entry| entry.farm());
        // A node that is not theirs is not there, whatever was said of it.
        if known.is_none_or(|farm| !provider.farms.contains(&farm)) {
            return Err(Error::not_found("node"));
        }
        let checked = Maintenance::check(&form.starts, &form.ends, &form.why, now)?;
        self.limits.take(Limit::Announcement, &node.to_string(), now)?;
        Ok(checked)
    }

    /// Puts a mail for everybody who has something on the node into the outbox, some at a time: who was told is kept in the same write
    /// as the mails, so that nobody hears of it twice.
    pub async fn tell_tenants(&self, id: MaintenanceId) -> Result<Next> {
        loop {
            let snapshot = self.read()?;
            let Some(row) = snapshot.maintenance(id)? else { return Ok(Next::Done) };
            let now = self.now();
            if row.ends <= now {
                return Ok(Next::Done);
            }
            let mut tenants: BTreeMap<UserId, Vec<(Stake, String)>> = BTreeMap::new();
            for order in snapshot.orders_at(row.node)? {
                if row.told.is_none_or(|told| order.user > told) {
                    let stake = stake_of(&snapshot, &order, row.node)?;
                    tenants.entry(order.user).or_default().push((stake, order.shown_name().to_owned()));
                }
            }
            let now_told: Vec<_> = tenants.into_iter().take(TOLD_AT_ONCE).collect();
            if now_told.is_empty() {
                return Ok(Next::Done);
            }
            let letters = self.letters();
            self.store
                .write(move |tx| {
                    // Changed meanwhile: then there is other news to tell.
                    let Some(mut known) =
                        tx.maintenance(id)?.filter(|known| (known.version, known.told) == (row.version, row.told))
                    else {
                        return Ok(());
                    };
                    for (user, stakes) in now_told {
                        known.told = Some(user);
                        letters.send(tx, user, now, |user| standing::maintenance(&letters, user, &row, &stakes, now))?;
                    }
                    tx.put_maintenance(&known)
                })
                .await?;
            self.nudge();
        }
    }

    /// Windows ahead on every node that an order has something on, each with what it has there.
    pub fn maintenance_for(&self, order: &Order) -> Result<Vec<(Stake, Maintenance)>> {
        let (snapshot, now) = (self.read()?, self.now());
        let mut all = Vec::new();
        for row in snapshot.open_maintenances(now)? {
            let placed = snapshot.placed(row.node, order.id)?;
            let gateway = || Ok::<_, Error>(snapshot.web_address_of(order.id)?.is_some_and(|address| is_at(&address, row.node)));
            if placed || gateway()? {
                all.push((stake_of(&snapshot, order, row.node)?, row));
            }
        }
        all.sort_by_key(|(stake, row)| (row.starts, *stake));
        Ok(all)
    }

    /// How many more nodes an offer could have been made for, if none were worked on soon.
    pub fn left_out(&self, quote: &crate::domain::order::Quote) -> Result<usize> {
        let snapshot = self.read()?;
        let ask = super::order::ask(&quote.wish, snapshot.buyer_of(quote.user)?);
        Ok(left_out(&self.nodes(), &ask, &snapshot.market(self.now())?))
    }
}

fn own(tx: &Tx<'_>, user: UserId, farm: u32) -> Result<()> {
    match tx.user(user)?.is_some_and(|user| user.farms.contains(&farm)) {
        true => Ok(()),
        false => Err(Error::not_found("node")),
    }
}

fn overlaps(ahead: &[Maintenance], but: Option<MaintenanceId>, window: Window) -> Result<()> {
    let others = ahead.iter().filter(|row| Some(row.id) != but);
    match others.into_iter().find(|row| row.starts < window.ends && window.starts < row.ends) {
        Some(other) => Err(Error::invalid("starts", format!("There is another window then: {}.", other.window().text()))),
        None => Ok(()),
    }
}

fn is_at(address: &WebAddress, node: u32) -> bool {
    address.gateway.as_ref().is_some_and(|gateway| gateway.node() == node)
}

fn stake_of(store: &impl Read, order: &Order, node: u32) -> Result<Stake> {
    let works = |outcome: &Outcome| matches!(outcome, Outcome::Works | Outcome::Trying);
    if order.attempts.iter().any(|attempt| attempt.node() == node && works(&attempt.outcome)) {
        return Ok(Stake::Machine);
    }
    if Backups::backup(store, order.id)?.is_some_and(|backup| backup.nodes().contains(&node)) {
        return Ok(Stake::Backup);
    }
    let gateway = WebAddresses::web_address_of(store, order.id)?.is_some_and(|address| is_at(&address, node));
    Ok(if gateway && !Maintenances::placed(store, node, order.id)? { Stake::Gateway } else { Stake::Shard })
}
