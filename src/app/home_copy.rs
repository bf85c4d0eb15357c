//! Copies on a machine of the customer's own: what it should fetch, what it tells, and telling its owner when it is late.

use super::account::{Token, hash_token};
use super::{App, mail, sync};
use crate::base::ids::{OrderId, UserId};
use crate::base::{Error, Result, Time};
use crate::domain::home_copy::{HomeCopies, Plan, USUAL_DAYS};
use crate::domain::order::{Order, State};
use crate::domain::report::{Reporter, Seat};
use crate::domain::sync::Told;
use crate::store::Tx;
use crate::store::account::Accounts;
use crate::store::backup::Backups;
use crate::store::home_copy::HomeCopyRows;
use crate::store::order::Orders;
use crate::store::report::Reports;

/// Rows looked at together.
const SLICE: usize = 200;

impl App {
    /// What is proposed: the folders that the backup VM has, too, or else the data disks.
    pub fn usual_home_plan(&self, order: &Order) -> Result<Plan> {
        let backup = self.read()?.backup(order.id)?.and_then(|backup| backup.sync.plan);
        let plan = backup.map_or_else(|| sync::usual_plan(&order.wish), Ok)?;
        Ok(Plan { days: USUAL_DAYS, folders: plan.folders })
    }

    /// Says what is to be fetched and how often. The first time it gives the secret of the machine that will.
    pub async fn plan_home_copies(&self, user: UserId, order: OrderId, days: &str, folders: &str) -> Result<Option<Token>> {
        self.order_of(user, order)?;
        let plan = Plan::parse(days, folders).map_err(|(field, why)| Error::invalid(field, why))?;
        let (token, now) = (self.token(), self.now());
        let hash = hash_token(token.reveal());
        let first = self
            .store
            .write(move |tx| {
                let owned = tx.order(order)?.filter(|order| order.user == user).ok_or_else(|| Error::not_found("deployment"))?;
                if owned.state != State::Active {
                    return Err(Error::conflict("This server does not run."));
                }
                let known = tx.home_copies(order)?;
                let first = known.is_none();
                let copies = match known {
                    Some(known) if known.plan == plan => return Ok(false),
                    Some(known) => HomeCopies { plan, since: now, alarmed: None, ..known },
                    None => HomeCopies::new(order, plan, now),
                };
                if first {
                    tx.put_reporter(&Reporter::new(order, Seat::Home, hash, now))?;
                }
                tx.put_home_copies(&copies)?;
                Ok(first)
            })
            .await?;
        Ok(first.then_some(token))
    }

    /// A new secret for the machine that fetches them.
    pub async fn renew_home_copies(&self, user: UserId, order: OrderId) -> Result<Token> {
        self.order_of(user, order)?;
        self.read()?.home_copies(order)?.ok_or_else(|| Error::not_found("copy"))?;
        self.switch_on_reports(user, order, Seat::Home, false).await
    }

    /// No machine fetches anything any more, as far as we are concerned.
    pub async fn end_home_copies(&self, user: UserId, order: OrderId) -> Result<()> {
        self.switch_off_reports(user, order, Seat::Home).await
    }

    /// Looks for copies that are late, and tells their owners.
    pub async fn watch_home_copies(&self) -> Result<usize> {
        let (mut after, mut looked) = (None, 0);
        loop {
            let (snapshot, now) = (self.read()?, self.now());
            let rows = snapshot.all_home_copies(after, SLICE)?;
            let Some(last) = rows.last() else { return Ok(looked) };
            after = Some(last.order);
            looked += rows.len();
            let moved = |copies: &HomeCopies| copies.is_late(now) || copies.alarmed.is_some();
            let ids: Vec<OrderId> = rows.into_iter().filter(moved).map(|copies| copies.order).collect();
            drop(snapshot);
            if ids.is_empty() {
                continue;
            }
            let random = self.random.clone();
            let (brand, site) = (self.settings.brand.name.clone(), self.settings.server.public_url.clone());
            self.store
                .write(move |tx| {
                    ids.into_iter().try_for_each(|id| {
                        let (Some(order), Some(mut copies)) = (tx.order(id)?, tx.home_copies(id)?) else { return Ok(()) };
                        if !copies.is_late(now) && copies.alarmed.take().is_some() {
                            return tx.put_home_copies(&copies);
                        }
                        let ended = tx.reporter(id, Seat::Home)?.is_none_or(|known| known.ended.is_some());
                        // What its owner has stopped, or what is gone, can't be copied.
                        let rests = order.state != State::Active || order.stopped.is_some() || order.lost.is_some();
                        if rests || !copies.is_alarming(ended, now) {
                            return Ok(());
                        }
                        copies.alarmed = Some(now);
                        tx.put_home_copies(&copies)?;
                        match tx.user(order.user)? {
                            Some(user) => {
                                let letter = mail::home_copy_late(&brand, &site, &user, &order, copies.last, &*random, now);
                                tx.queue_mail(&letter, &*random, now)
                            }
                            None => Ok(()),
                        }
                    })
                })
                .await?;
            self.nudge();
        }
    }
}

/// What such a machine tells, and what it is told.
pub(super) fn take(tx: &mut Tx<'_>, known: Reporter, told: Told, now: Time) -> Result<String> {
    let order = tx.order(known.order)?.ok_or_else(|| Error::not_found("page"))?;
    let mut copies = tx.home_copies(known.order)?.ok_or_else(|| Error::not_found("page"))?;
    if known.ended.is_some() {
        tx.put_reporter(&Reporter { ended: None, ..known })?;
    }
    if let Some(run) = told.run {
        let before = copies.clone();
        copies.add(run, now);
        if !copies.is_late(now) {
            copies.alarmed = None;
        }
        if copies != before {
            tx.put_home_copies(&copies)?;
        }
    }
    let address = order
        .access
        .as_ref()
        .filter(|_| order.stopped.is_none() && order.lost.is_none())
        .map(|access| access.address().to_owned());
    Ok(copies.told(address.as_deref(), now))
}
