//! A server whose place ended it, while its backup VM stands and holds a copy: the order goes on with that one, for it may hold the only copy.

use super::super::{App, mail, prorate};
use super::way_in;
use crate::base::ids::{JobId, OrderId};
use crate::base::{Error, Random, Result, Time};
use crate::domain::backup::Stage;
use crate::domain::job::Work;
use crate::domain::order::{Lost, Order, Outcome, State, Step};
use crate::domain::price::{total, without_backup};
use crate::store::Tx;
use crate::store::account::Accounts;
use crate::store::backup::Backups;
use crate::store::order::Orders;

/// What its owner reads.
const WHY: &str = "The place that carried the server has ended it.";

/// Puts the backup VM in charge of an order whose server is gone since `at`, and gives back what the server would have cost from then on.
/// False: there is none that could go on alone.
pub(in crate::app) fn carry_on(tx: &mut Tx<'_>, order: &mut Order, at: Time, random: &dyn Random, now: Time) -> Result<bool> {
    let able = |backup: &crate::domain::backup::BackupVm| backup.stage == Stage::Active && backup.sync.held.is_some();
    let Some(mut backup) = tx.backup(order.id)?.filter(able) else { return Ok(false) };
    let number = order.attempt_number().ok_or_else(|| Error::internal("An active order without an attempt."))?;
    let parts: Vec<_> = without_swarm(order);
    let price = total(&parts).ok_or_else(|| Error::internal("A price that can't be counted."))?;
    let left = order.price.checked_sub(price).unwrap_or_default();
    let due = order.prorate(left, at).map(|proration| proration.due).unwrap_or_default();
    prorate::reprice(tx, order, (left, due, at), None, random, now)?;
    order.parts.retain(|part| !parts.contains(part));
    order.lost = Some(Lost { at, price, parts, told: false });
    (order.access, order.stopped, order.paused) = (None, None, None);
    let attempt = &mut order.attempts[number];
    attempt.outcome = Outcome::Failed { why: WHY.into() };
    tx.release(attempt.node(), order.id)?;
    let attempt = u32::try_from(number).unwrap_or(u32::MAX);
    tx.owe(JobId::random(random), Work::CancelAttempt { order: order.id, attempt }, now)?;
    if let Some(open) = order.revision {
        tx.owe(JobId::random(random), Work::Revise(open.id), now)?;
    }
    if backup.charge.is_none() {
        let visited = way_in::point(tx, order, backup.access.as_ref(), random, now)?;
        backup.take_over(true, visited, now);
    }
    backup.trouble(now, format!("{WHY} The backup VM is in charge until the server is set up elsewhere."));
    order.trouble(now, Step::Access, format!("{WHY} Its backup VM goes on, and is in charge."));
    tx.put_backup(&backup)?;
    tx.owe(JobId::random(random), Work::TendBackup(order.id), now)?;
    tx.put_order(order)?;
    Ok(true)
}

/// The parts of the server itself: neither its backup VM's nor its swarm's, which both go on.
fn without_swarm(order: &Order) -> Vec<crate::domain::price::Part> {
    crate::domain::price::without_swarm(&without_backup(&order.parts))
}

/// The backup VM is gone, too: nothing is left that could go on.
pub(super) fn end(tx: &mut Tx<'_>, order: Order, (brand, site): (&str, &str), random: &dyn Random, now: Time) -> Result<()> {
    if let Some(user) = tx.user(order.user)? {
        tx.queue_mail(&mail::both_lost(brand, site, &user, &order, random, now), random, now)?;
    }
    super::super::order::begin_end_told(
        tx,
        order,
        "The places that carried it and its backup VM have ended them.",
        random,
        now,
        now,
    )
}

impl App {
    /// Tells the owner once that the server is gone.
    pub(super) async fn tell_of_loss(&self, order: &Order) -> Result<()> {
        if order.lost.as_ref().is_none_or(|lost| lost.told) {
            return Ok(());
        }
        let (id, random, now): (OrderId, _, _) = (order.id, self.random.clone(), self.now());
        let (brand, site) = (self.settings.brand.name.clone(), self.settings.server.public_url.clone());
        self.store
            .write(move |tx| {
                let Some(mut order) = tx.order(id)?.filter(|order| order.state == State::Active) else { return Ok(()) };
                let Some(lost) = order.lost.as_mut().filter(|lost| !lost.told) else { return Ok(()) };
                lost.told = true;
                let held = tx.backup(id)?.and_then(|backup| backup.sync.held).map(|held| held.marker);
                if let Some(user) = tx.user(order.user)? {
                    tx.queue_mail(&mail::server_lost(&brand, &site, &user, &order, held, &*random, now), &*random, now)?;
                }
                tx.put_order(&order)
            })
            .await?;
        self.nudge();
        Ok(())
    }
}
