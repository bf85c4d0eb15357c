//! Keeping two servers in step: what their owner wants, what they tell, and what they are told. Who is in charge, and trying that out.

use super::backup::way_in;
use super::{App, home_copy};
use crate::base::ids::{OrderId, UserId};
use crate::base::{Error, Result};
use crate::domain::backup::{BackupVm, Stage};
use crate::domain::order::{State, bare};
use crate::domain::report::{Reporter, Seat};
use crate::domain::sync::{Plan, Told, WAIT, hold, push};
use crate::domain::wish::Wish;
use crate::store::Tx;
use crate::store::backup::Backups;
use crate::store::order::Orders;

/// Minutes between two copies, where nobody says otherwise.
const USUAL_MINUTES: &str = "15";
/// Folders that are copied where there are no data disks.
const USUAL_FOLDERS: &str = "/srv\n/home";

/// What is copied as long as nobody says otherwise: the data disks.
pub(super) fn usual_plan(wish: &Wish) -> Result<Plan> {
    let disks: Vec<&str> = wish.disks.iter().map(|disk| disk.mount.as_str()).collect();
    let folders = if disks.is_empty() { USUAL_FOLDERS.to_owned() } else { disks.join("\n") };
    Plan::parse(USUAL_MINUTES, &folders).map_err(|(_, why)| Error::internal(why))
}

impl App {
    /// What is copied, and how often.
    pub async fn plan_sync(&self, user: UserId, order: OrderId, every: &str, folders: &str) -> Result<()> {
        self.backup_of(user, order)?;
        let plan = Plan::parse(every, folders).map_err(|(field, why)| Error::invalid(field, why))?;
        let now = self.now();
        self.change_own_backup(user, order, move |_, backup| {
            if backup.sync.plan.as_ref() != Some(&plan) {
                (backup.sync.plan, backup.sync.planned) = (Some(plan), Some(now));
            }
            Ok(())
        })
        .await
    }

    /// Takes what a machine tells of its copies, and gives what it is told.
    pub async fn take_sync(&self, reporter: Reporter, told: Told) -> Result<String> {
        let now = self.now();
        self.store
            .write(move |tx| {
                // Switched off or renewed in the meantime: nobody is there any more.
                let known = tx.hear_reporter(&reporter.hash)?.ok_or_else(|| Error::not_found("page"))?;
                if known.seat == Seat::Home {
                    return home_copy::take(tx, known, told, now);
                }
                let Some(mut backup) = tx.backup(known.order)?.filter(|backup| backup.stage == Stage::Active) else {
                    return Ok(WAIT.to_owned());
                };
                let before = backup.clone();
                let sync = &mut backup.sync;
                match known.seat {
                    Seat::Main | Seat::Home => {
                        sync.key = told.key.or(sync.key.take());
                        told.run.into_iter().for_each(|run| sync.add(run));
                    }
                    Seat::Backup => {
                        sync.host = told.host.or(sync.host.take());
                        told.marker.into_iter().for_each(|marker| sync.hold(marker, now));
                    }
                }
                let answer = match (known.seat, &sync.plan, &sync.host) {
                    // While the backup is in charge nothing is written over it.
                    _ if backup.charge.is_some() => WAIT.to_owned(),
                    (Seat::Backup, Some(plan), _) => hold(sync.key.as_ref(), plan),
                    (Seat::Main, Some(plan), Some(host)) => {
                        match backup.access.as_ref().and_then(|access| access.mycelium_ip.as_ref()) {
                            Some(address) => push(plan, bare(address), host, now),
                            None => WAIT.to_owned(),
                        }
                    }
                    _ => WAIT.to_owned(),
                };
                if backup != before {
                    tx.put_backup(&backup)?;
                }
                Ok(answer)
            })
            .await
    }

    /// Tries a takeover: from now on the backup VM counts as the one in charge, nothing is copied over it, and it is measured how long it
    /// takes until it is seen to answer.
    pub async fn begin_drill(&self, user: UserId, order: OrderId) -> Result<()> {
        let (now, random) = (self.now(), self.random.clone());
        self.change_own_backup(user, order, move |tx, backup| {
            if backup.charge.is_some() {
                return Ok(()); // pressed twice
            }
            if let Some(why) = backup.unready(&tx.backup_looks(order)?) {
                return Err(Error::conflict(why));
            }
            let order = tx.order(order)?.ok_or_else(|| Error::not_found("deployment"))?;
            super::web_address::turn(tx, order.id, now)?;
            let visited = way_in::point(tx, &order, backup.access.as_ref(), &*random, now)?;
            backup.take_over(false, visited, now);
            backup.note(now, "A drill began: the backup VM is in charge, and nothing is copied to it.");
            Ok(())
        })
        .await
    }

    /// Puts the server itself back in charge. Never by itself: what was written on the backup VM meanwhile is written over by the next copy.
    pub async fn end_drill(&self, user: UserId, order: OrderId) -> Result<()> {
        let (now, random) = (self.now(), self.random.clone());
        self.change_own_backup(user, order, move |tx, backup| {
            let order = tx.order(order)?.ok_or_else(|| Error::not_found("deployment"))?;
            if order.lost.is_some() {
                return Err(Error::conflict(
                    "There is no server that could be put back in charge. Move it to another place first.",
                ));
            }
            if backup.step_back(now).is_some() {
                way_in::lead(tx, &order, Some(backup), &*random, now)?;
                backup.note(now, "The server itself is in charge again, and copies go on.");
            }
            Ok(())
        })
        .await
    }

    async fn change_own_backup<F>(&self, user: UserId, order: OrderId, change: F) -> Result<()>
    where
        F: FnOnce(&mut Tx<'_>, &mut BackupVm) -> Result<()> + Send + 'static,
    {
        self.store
            .write(move |tx| {
                let own = tx.order(order)?.filter(|order| order.user == user).ok_or_else(|| Error::not_found("deployment"))?;
                let mut backup = tx.backup(order)?.ok_or_else(|| Error::not_found("backup VM"))?;
                if own.state != State::Active {
                    return Err(Error::conflict("This server does not run."));
                }
                change(tx, &mut backup)?;
                tx.put_backup(&backup)
            })
            .await
    }
}
