//! Backup VMs: where they may stand, how they are built and taken down, and what happens when none can be had.
//!
//! One job an order does everything that leaves the house, so that nothing is built while it is taken down.

mod alone;
mod watch;
pub(super) mod way_in;

use super::lease::{Built, Signed, know};
use super::order::{ask, new_attempt, reservation};
pub(super) use alone::carry_on;

use super::{App, mail, prorate, swarm};
use crate::base::ids::{JobId, OrderId, UserId};
use crate::base::money::Usd;
use crate::base::time::HOUR;
use crate::base::{Error, Random, Result, Time};
use crate::domain::backup::{Backup, BackupVm, Charge, MAX_ATTEMPTS, Stage, apart_from, apart_from_backup, is_apart, twin};
use crate::domain::job::{Next, Work};
use crate::domain::order::{Attempt, Order, Outcome, Quote, State, Step};
use crate::domain::placement::{Ask, Choice, Scored, choose};
use crate::domain::pool::{Filter, Pool};
use crate::domain::price::{backup_part, without_backup};
use crate::domain::report::{Reporter, Seat};
use crate::domain::slot::{Kind, Slot};
use crate::domain::term::Due;
use crate::domain::wish::Wish;
use crate::store::account::Accounts;
use crate::store::backup::Backups;
use crate::store::exposure::Exposures;
use crate::store::order::Orders;
use crate::store::report::Reports;
use crate::store::revision::Revisions;
use crate::store::{Read, Tx};

/// The best place for the second machine beside the first.
pub(super) fn beside(
    read: &impl Read,
    nodes: &Pool,
    wish: &Wish,
    user: UserId,
    first: &Scored,
    tried: &[u32],
    now: Time,
) -> Result<Choice> {
    let ask = second(wish, read, user, first)?.without_nodes(tried);
    choose(nodes, &ask, &read.market(now)?).map_err(|none| {
        let why = none.sentence();
        Error::invalid("backup", format!("There is no second place far enough from the first one, with another farmer. {why}"))
    })
}

fn second(wish: &Wish, read: &impl Read, user: UserId, first: &Scored) -> Result<Ask> {
    let mut ask = ask(&twin(wish), read.buyer_of(user)?);
    ask.avoid.extend(apart_from(first));
    Ok(ask)
}

/// The second place of the quote if it still has room and is still apart from the first, else the best one now. None: none was wished for.
pub(super) fn still_free(tx: &Tx<'_>, nodes: &Pool, quote: &Quote, first: &Scored, now: Time) -> Result<Option<Choice>> {
    let Some(offered) = &quote.backup else { return Ok(None) };
    if is_apart(first, &offered.best) {
        let ask = second(&quote.wish, tx, quote.user, first)?;
        let only = Filter { nodes: [offered.best.node].into(), ..ask.filter.clone() };
        if choose(nodes, &Ask { filter: only, ..ask }, &tx.market(now)?).is_ok() {
            return Ok(Some(offered.clone()));
        }
    }
    beside(tx, nodes, &quote.wish, quote.user, first, &[], now).map(Some).map_err(|none| Error::unfunded(none.message()))
}

/// Keeps room for it, in the write that makes the order.
pub(super) fn begin(tx: &mut Tx<'_>, quote: &Quote, order: OrderId, choice: Choice) -> Result<()> {
    let best = &choice.best;
    tx.reserve(best.node, order, &reservation(&twin(&quote.wish), best.farm, None))?;
    let mut backup = BackupVm::new(order, backup_part(&quote.parts), choice);
    backup.sync.plan = Some(super::sync::usual_plan(&quote.wish)?);
    tx.put_backup(&backup)
}

/// The order is over: nothing is built any more, and no room is kept.
pub(super) fn let_go(tx: &mut Tx<'_>, order: &Order) -> Result<()> {
    let Some(mut backup) = tx.backup(order.id)? else { return Ok(()) };
    tx.release_backup(&backup)?;
    if !backup.stage.over() {
        backup.stage = Stage::Ended;
        tx.put_backup(&backup)?;
    }
    Ok(())
}

/// Keeps a server that goes elsewhere away from its backup VM, which stays.
pub(super) fn keep_apart(books: &impl Backups, order: OrderId, ask: &mut Ask) -> Result<()> {
    if let Some(backup) = books.backup(order)?.filter(|backup| !backup.stage.over()) {
        ask.avoid.extend(apart_from_backup(backup.node()));
    }
    Ok(())
}

/// Refuses what can't be done while a backup VM is built or given back: it is built as its server was ordered, and away from it.
pub(super) fn at_rest(books: &impl Backups, order: OrderId) -> Result<()> {
    match books.backup(order)?.is_none_or(|backup| backup.stage == Stage::Active || backup.stage.over()) {
        true => Ok(()),
        false => Err(Error::conflict("Its backup VM is being built or given back: it can be changed as soon as that is done.")),
    }
}

/// The server is at another place, where it is empty and nobody has been told to speak. A copy there is must not be written over by that: its
/// backup VM is in charge until its owner says otherwise.
pub(super) fn moved(tx: &mut Tx<'_>, order: &Order, random: &dyn Random, now: Time) -> Result<()> {
    let Some(mut backup) = tx.backup(order.id)?.filter(|backup| backup.stage == Stage::Active) else { return Ok(()) };
    if let Some(known) = tx.reporter(order.id, Seat::Main)? {
        // The old one may speak until it is gone: what it says is not said of the new one.
        tx.put_reporter(&Reporter { hash: hex::encode(random.bytes::<32>()), created: now, ..known })?;
    }
    backup.sync.key = None;
    if backup.sync.held.is_some() && backup.charge.is_none() {
        let visited = way_in::point(tx, order, backup.access.as_ref(), random, now)?;
        backup.charge = Some(Charge { since: now, visited });
        backup.note(
            now,
            "The server is at another place and empty: the backup VM is in charge, so that its copy is not written over.",
        );
    }
    tx.put_backup(&backup)
}

/// The grid deleted its contract under it: it is given up, and what was paid for hours to come goes back.
pub(super) fn lose(tx: &mut Tx<'_>, slot: Slot, random: &dyn Random, now: Time) -> Result<()> {
    let Some(mut backup) = tx.backup(slot.order)? else { return Ok(()) };
    if backup.stage == Stage::Active && backup.current().is_some_and(|(number, _)| number == slot.number) {
        fail(tx, &mut backup, "The place that carried it has ended it.", random, now)?;
        tx.put_backup(&backup)?;
        tx.owe(JobId::random(random), Work::TendBackup(slot.order), now)?;
    }
    Ok(())
}

/// It is given up. If it was in charge, the server itself is again: there is nobody else.
fn fail(tx: &mut Tx<'_>, backup: &mut BackupVm, why: &str, random: &dyn Random, now: Time) -> Result<()> {
    backup.stage = Stage::Failing;
    backup.reason = Some(why.to_owned());
    backup.trouble(now, why);
    if backup.step_back(now).is_some()
        && let Some(order) = tx.order(backup.order)?.filter(|order| order.lost.is_none())
    {
        way_in::lead(tx, &order, Some(backup), random, now)?;
        backup.note(now, "It was in charge: the server itself is again.");
    }
    Ok(())
}

impl App {
    /// A person's own backup VM.
    pub fn backup_of(&self, user: UserId, order: OrderId) -> Result<(Order, BackupVm)> {
        let order = self.order_of(user, order)?;
        let backup = self.read()?.backup(order.id)?.ok_or_else(|| Error::not_found("backup VM"))?;
        Ok((order, backup))
    }

    /// Takes a backup VM as far as it goes now: up after its order runs, down when it ends.
    pub async fn tend_backup(&self, id: OrderId) -> Result<Next> {
        loop {
            let snapshot = self.read()?;
            let (Some(order), Some(backup)) = (snapshot.order(id)?, snapshot.backup(id)?) else { return Ok(Next::Done) };
            drop(snapshot);
            if backup.stage == Stage::Active {
                self.tell_of_loss(&order).await?;
            }
            let before = (backup.stage, backup.attempts.len());
            let next = match backup.stage {
                Stage::Waiting if order.state == State::Active => self.place_backup(&order, &backup).await?,
                Stage::Reserving => self.reserve_backup(&order, &backup).await?,
                Stage::Deploying => self.deploy_backup(&order, &backup).await?,
                Stage::Failing => self.give_backup_up(&order, &backup).await?,
                Stage::Ending => self.end_backup(&order, &backup).await?,
                // It stands: what was begun elsewhere before is given back.
                Stage::Active if !self.clear_backup(&order, &backup).await? => return Ok(self.at_next_block().await),
                Stage::Waiting | Stage::Active | Stage::Failed | Stage::Ended => return Ok(Next::Done),
            };
            let now = self.read()?.backup(id)?.map(|backup| (backup.stage, backup.attempts.len()));
            if now == Some(before) {
                return Ok(next);
            }
        }
    }

    /// Changes a backup VM in one transaction, if it is still at the stage the change was thought up for.
    async fn change_backup<F>(&self, backup: &BackupVm, change: F) -> Result<()>
    where
        F: FnOnce(&mut Tx<'_>, &mut BackupVm) -> Result<()> + Send + 'static,
    {
        let (id, stage) = (backup.order, backup.stage);
        self.store
            .write(move |tx| {
                let mut backup = tx.backup(id)?.ok_or_else(|| Error::not_found("backup VM"))?;
                if backup.stage != stage {
                    return Ok(()); // its order ends, or its contract is gone: what was learned here is old
                }
                change(tx, &mut backup)?;
                tx.put_backup(&backup)
            })
            .await
    }

    /// The server runs: now it is known from what the second one must keep away.
    async fn place_backup(&self, order: &Order, backup: &BackupVm) -> Result<Next> {
        let planner = self.grid.planner(self.twin()?);
        let (nodes, random, now) = (self.known_nodes().await?, self.random.clone(), self.now());
        let id = order.id;
        self.change_backup(backup, move |tx, backup| {
            let order = tx.order(id)?.ok_or_else(|| Error::not_found("order"))?;
            let first = order.attempt().map(|attempt| attempt.choice.best.clone());
            let first = first.ok_or_else(|| Error::internal("An order that runs without an attempt."))?;
            // Beside a part of the swarm it would fall with it; and a node has one reservation an order.
            let taken = swarm::nodes_of(tx, id)?;
            let choice = match is_apart(&first, &backup.first.best) && !taken.contains(&backup.first.best.node) {
                true => Some(backup.first.clone()),
                // The server went elsewhere than it was meant to, and too near, or a part of the swarm is there.
                false => {
                    // Not the server's own room, should it be on that very node.
                    if backup.first.best.node != first.node && !taken.contains(&backup.first.best.node) {
                        tx.release(backup.first.best.node, id)?;
                    }
                    beside(tx, &nodes, &order.wish, order.user, &first, &taken, now).ok()
                }
            };
            match choice {
                Some(choice) => {
                    backup.note(now, format!("{} in {} is asked to carry it.", choice.best.farm_name, choice.best.city));
                    attempt(tx, backup, &order.wish, choice, |wish, choice| planner.plan(wish, id, choice, &*random), now)
                }
                None => fail(tx, backup, "There was no second place left that is far enough from the first one.", &*random, now),
            }
        })
        .await?;
        Ok(self.soon())
    }

    async fn reserve_backup(&self, order: &Order, backup: &BackupVm) -> Result<Next> {
        let (slot, attempt) = current(backup)?;
        let number = slot.number as usize;
        match self.sign_lease(slot, attempt, twin(&order.wish).public_ips()).await? {
            Signed::Waits(next) => Ok(next),
            Signed::TooLate(why) => {
                let (now, random) = (self.now(), self.random.clone());
                self.change_backup(backup, move |tx, backup| fail(tx, backup, why, &*random, now)).await?;
                Ok(self.soon())
            }
            Signed::Refused(what) => self.next_place(order, backup, what).await,
            Signed::Made { contract, block } => {
                let now = self.now();
                self.change_backup(backup, move |tx, backup| {
                    let attempt = &mut backup.attempts[number];
                    attempt.contract = Some(contract);
                    know(tx, slot, attempt, contract, block, now)?;
                    let said = format!("{} has agreed to carry it.", attempt.choice.best.farm_name);
                    backup.note(now, said);
                    backup.stage = Stage::Deploying;
                    Ok(())
                })
                .await?;
                Ok(self.soon())
            }
        }
    }

    async fn deploy_backup(&self, order: &Order, backup: &BackupVm) -> Result<Next> {
        let (slot, attempt) = current(backup)?;
        let (number, now) = (slot.number as usize, self.now());
        match self.build_lease(slot, attempt).await? {
            Built::Waits(next) => Ok(next),
            Built::Failed(what) => self.next_place(order, backup, what).await,
            Built::Sent => {
                self.change_backup(backup, move |_, backup| {
                    backup.attempts[number].sent = Some(now);
                    Ok(())
                })
                .await?;
                Ok(self.soon())
            }
            Built::Up(deployed) => {
                let access = deployed.access()?;
                let (brand, site) = (self.settings.brand.name.clone(), self.settings.server.public_url.clone());
                let random = self.random.clone();
                self.change_backup(backup, move |tx, backup| {
                    let attempt = &mut backup.attempts[number];
                    attempt.outcome = Outcome::Works;
                    let best = attempt.choice.best.clone();
                    let mut order = tx.order(backup.order)?.ok_or_else(|| Error::not_found("order"))?;
                    // As with every server: its room is reported by the node from now on.
                    tx.reserve(best.node, order.id, &reservation(&twin(&order.wish), best.farm, Some(now + HOUR)))?;
                    backup.note(now, format!("It is up at {}.", access.address()));
                    backup.access = Some(access);
                    backup.active_since = Some(now);
                    backup.stage = Stage::Active;
                    order.note(now, Step::Access, format!("The backup VM is up at {} in {}.", best.farm_name, best.city));
                    tx.put_order(&order)?;
                    match tx.user(order.user)? {
                        Some(user) => tx.queue_mail(&mail::backup_up(&brand, &site, &user, &order, &*random, now), &*random, now),
                        None => Ok(()),
                    }
                })
                .await?;
                self.nudge();
                Ok(self.soon())
            }
        }
    }

    /// This place failed: another one is tried, or none is left.
    async fn next_place(&self, order: &Order, backup: &BackupVm, what: &'static str) -> Result<Next> {
        let planner = self.grid.planner(self.twin()?);
        let (nodes, random, now) = (self.known_nodes().await?, self.random.clone(), self.now());
        let (id, number) = (order.id, current(backup)?.0.number as usize);
        self.change_backup(backup, move |tx, backup| {
            let order = tx.order(id)?.ok_or_else(|| Error::not_found("order"))?;
            let failed = &mut backup.attempts[number];
            let why = format!("{} in {} {what}.", failed.choice.best.farm_name, failed.choice.best.city);
            failed.outcome = Outcome::Failed { why: why.clone() };
            let node = failed.node();
            backup.trouble(now, why);
            tx.release(node, id)?;
            let mut tried: Vec<u32> = backup.attempts.iter().map(Attempt::node).collect();
            tried.extend(swarm::nodes_of(tx, id)?);
            let first = order.attempt().map(|attempt| attempt.choice.best.clone());
            let choice = match first.filter(|_| backup.attempts.len() < MAX_ATTEMPTS) {
                Some(first) => beside(tx, &nodes, &order.wish, order.user, &first, &tried, now).ok(),
                None => None,
            };
            match choice {
                Some(choice) => {
                    backup.note(now, format!("Trying {} in {} instead.", choice.best.farm_name, choice.best.city));
                    attempt(tx, backup, &order.wish, choice, |wish, choice| planner.plan(wish, id, choice, &*random), now)
                }
                None => fail(tx, backup, "None of the places that we tried could start it.", &*random, now),
            }
        })
        .await?;
        Ok(self.soon())
    }

    /// Nothing is left of it on the grid, then its price goes back. The server itself goes on.
    async fn give_backup_up(&self, order: &Order, backup: &BackupVm) -> Result<Next> {
        if !self.clear_backup(order, backup).await? {
            return Ok(self.at_next_block().await);
        }
        let (random, now, id) = (self.random.clone(), self.now(), order.id);
        let (brand, site) = (self.settings.brand.name.clone(), self.settings.server.public_url.clone());
        self.change_backup(backup, move |tx, backup| {
            let mut order = tx.order(id)?.ok_or_else(|| Error::not_found("order"))?;
            tx.release_backup(backup)?;
            backup.stage = Stage::Failed;
            if !matches!(order.state, State::Active | State::Ending) {
                return Ok(());
            }
            if order.lost.is_some() && order.state == State::Active {
                return alone::end(tx, order, (&brand, &site), &*random, now);
            }
            // Hours that were begun are kept, and nothing goes back twice.
            let at = order.ended.unwrap_or(now);
            let due = Due::Back(backup.unused(order.active_since, at));
            let price = order.price.checked_sub(backup.price).unwrap_or_default();
            let due = prorate::reprice(tx, &mut order, (price, due, at), None, &*random, now)?;
            let back = if let Due::Back(back) = due { back } else { Usd::ZERO };
            order.parts = without_backup(&order.parts);
            order.wish.backup = Backup::None;
            // What is being changed was agreed on when there was one: its own difference stays what it is.
            if let Some(open) = order.revision
                && let Some(mut change) = tx.revision(open.id)?
            {
                change.price = change.price.checked_sub(backup.price).unwrap_or_default();
                change.parts = without_backup(&change.parts);
                change.wish.backup = Backup::None;
                tx.put_revision(&change)?;
            }
            let why = backup.reason.clone().unwrap_or_default();
            order.trouble(now, Step::Access, format!("There is no backup VM: {} The server itself goes on.", lower(&why)));
            if back.units() > 0 {
                backup.note(now, format!("{} goes back to your card.", back.shown()));
            }
            tx.put_order(&order)?;
            match tx.user(order.user)? {
                Some(user) => {
                    let letter = mail::backup_failed(&brand, &site, &user, &order, &why, back, &*random, now);
                    tx.queue_mail(&letter, &*random, now)
                }
                None => Ok(()),
            }
        })
        .await?;
        self.nudge();
        Ok(Next::Done)
    }

    async fn end_backup(&self, order: &Order, backup: &BackupVm) -> Result<Next> {
        if !self.clear_backup(order, backup).await? {
            return Ok(self.at_next_block().await);
        }
        let now = self.now();
        self.change_backup(backup, move |tx, backup| {
            tx.release_backup(backup)?;
            backup.note(now, "It is switched off, and its disks are gone.");
            backup.stage = Stage::Ended;
            Ok(())
        })
        .await?;
        self.nudge();
        Ok(Next::Done)
    }

    /// Cancels every contract of it but that of the one that runs. True when none is left.
    async fn clear_backup(&self, order: &Order, backup: &BackupVm) -> Result<bool> {
        let mut clear = true;
        for (slot, attempt) in backup.slots().zip(&backup.attempts) {
            if attempt.cleared || backup.keeps(slot) {
                continue;
            }
            let (id, number) = (order.id, slot.number as usize);
            let keep = move |tx: &mut Tx<'_>, contract| {
                let mut backup = tx.backup(id)?.ok_or_else(|| Error::not_found("backup VM"))?;
                backup.attempts[number].contract = Some(contract);
                tx.put_backup(&backup)
            };
            if !self.clear_lease(slot, attempt, twin(&order.wish).public_ips(), keep).await? {
                clear = false;
                continue;
            }
            self.store
                .write(move |tx| {
                    let mut backup = tx.backup(id)?.ok_or_else(|| Error::not_found("backup VM"))?;
                    backup.attempts[number].cleared = true;
                    tx.put_backup(&backup)
                })
                .await?;
        }
        Ok(clear)
    }

    /// Whether nothing of an order's backup VM is on the grid any more. If there is, it is told to end.
    pub(super) async fn backup_is_down(&self, order: &Order) -> Result<bool> {
        let Some(backup) = self.read()?.backup(order.id)? else { return Ok(true) };
        if backup.stage.over() {
            return Ok(true);
        }
        if !matches!(backup.stage, Stage::Ending | Stage::Failing) {
            let (random, now) = (self.random.clone(), self.now());
            self.change_backup(&backup, move |tx, backup| {
                backup.stage = Stage::Ending;
                tx.owe(JobId::random(&*random), Work::TendBackup(backup.order), now)
            })
            .await?;
            self.nudge();
        }
        Ok(false)
    }
}

/// One more place is tried: room is kept there, and what will be built is frozen.
fn attempt(
    tx: &mut Tx<'_>,
    backup: &mut BackupVm,
    wish: &Wish,
    choice: Choice,
    plan: impl FnOnce(&Wish, &Choice) -> Result<crate::grid::Plan>,
    now: Time,
) -> Result<()> {
    let wish = twin(wish);
    let plan = plan(&wish, &choice)?;
    tx.reserve(choice.best.node, backup.order, &reservation(&wish, choice.best.farm, None))?;
    backup.attempts.push(new_attempt(choice, plan, now));
    backup.stage = Stage::Reserving;
    Ok(())
}

fn current(backup: &BackupVm) -> Result<(Slot, &Attempt)> {
    let (number, attempt) = backup.current().ok_or_else(|| Error::internal("A backup VM without an attempt."))?;
    Ok((Slot { order: backup.order, kind: Kind::Backup, number }, attempt))
}

/// The sentence, in the middle of another one.
fn lower(text: &str) -> String {
    let mut letters = text.chars();
    letters.next().map_or_else(String::new, |first| first.to_lowercase().chain(letters).collect())
}
