//! Looking after backup VMs: whether both servers are up, whether they are in step, what a drill shows, and jobs that were lost.

use super::super::{App, mail};
use super::way_in;
use crate::base::ids::{JobId, OrderId};
use crate::base::time::DAY;
use crate::base::{Random, Result, Time};
use crate::domain::backup::{BackupVm, Probe, STALE, Stage, State as Looks};
use crate::domain::job::Work;
use crate::domain::order::{Order, State};
use crate::domain::report::Seat;
use crate::domain::web_address::Seen;
use crate::store::Tx;
use crate::store::account::Accounts;
use crate::store::backup::Backups;
use crate::store::job::Jobs;
use crate::store::order::Orders;
use crate::store::report::Reports;
use crate::store::web_address::WebAddresses;

/// Rows looked at together.
const SLICE: usize = 100;

/// What was seen of the two nodes: None where the index does not know one.
#[derive(Clone, Copy)]
struct Nodes {
    main: Option<bool>,
    own: Option<bool>,
}

impl App {
    /// One look at every backup VM and its server.
    pub async fn watch_backups(&self) -> Result<usize> {
        let (mut after, mut looked) = (None, 0);
        loop {
            let rows = self.read()?.backups_open(after, SLICE)?;
            let Some(last) = rows.last() else { return Ok(looked) };
            after = Some(last.order);
            let (pool, snapshot) = (self.nodes(), self.read()?);
            let up = |node: u32| pool.node(node).map(|entry| entry.up());
            let mut seen: Vec<(OrderId, Nodes)> = Vec::new();
            let mut lost = Vec::new();
            for backup in rows {
                let Some(order) = snapshot.order(backup.order)? else { continue };
                let moves = !backup.is_settled() || (backup.stage == Stage::Waiting && order.state == State::Active);
                if moves && snapshot.job_for(&Work::TendBackup(order.id))?.is_none() {
                    lost.push((JobId::random(&*self.random), order.id));
                }
                if backup.stage == Stage::Active && order.state == State::Active {
                    let main = order.attempt().and_then(|attempt| up(attempt.node()));
                    seen.push((order.id, Nodes { main, own: up(backup.node().node) }));
                }
            }
            drop(snapshot);
            looked += seen.len();
            if seen.is_empty() && lost.is_empty() {
                continue;
            }
            let (now, random) = (self.now(), self.random.clone());
            let (brand, site) = (self.settings.brand.name.clone(), self.settings.server.public_url.clone());
            self.store
                .write(move |tx| {
                    lost.iter().try_for_each(|(job, order)| tx.owe(*job, Work::TendBackup(*order), now))?;
                    let letters = Letters { brand: &brand, site: &site, random: &*random };
                    seen.into_iter().try_for_each(|(order, nodes)| look(tx, order, nodes, &letters, now))
                })
                .await?;
            self.nudge();
        }
    }
}

struct Letters<'a> {
    brand: &'a str,
    site: &'a str,
    random: &'a dyn Random,
}

fn look(tx: &mut Tx<'_>, id: OrderId, nodes: Nodes, letters: &Letters<'_>, now: Time) -> Result<()> {
    let (Some(order), Some(mut backup)) = (tx.order(id)?, tx.backup(id)?) else { return Ok(()) };
    if backup.stage != Stage::Active || order.state != State::Active {
        return Ok(());
    }
    let heard = |seat| tx.reporter(id, seat).map(|known| known.map(|known| known.heard.map(|heard| heard.at)));
    let (main, own) = (heard(Seat::Main)?, heard(Seat::Backup)?);
    // One that was let speak and never did says nothing about itself yet.
    let speaks = |heard: Option<Option<Time>>| heard.flatten().map(|at| now.since(at) <= STALE);
    let before = backup.main.state();
    // One that its owner has stopped, or that is being changed, is not missed.
    backup.main = match order.stopped.is_some() || order.revision.is_some() {
        true => Probe::default(),
        false => backup.main.look(nodes.main, speaks(main), now),
    };
    backup.own = backup.own.look(nodes.own, speaks(own), now);
    follow_need(tx, &order, &mut backup, letters, now)?;
    follow_main(tx, &order, &mut backup, before, letters, now)?;
    let answered = answer(tx, &backup, own.flatten())?;
    follow_drill(&mut backup, answered);
    follow_sync(tx, &order, &mut backup, letters, now)?;
    tx.put_backup(&backup)
}

/// Says once that the server is down, and once that it is back.
fn follow_main(
    tx: &mut Tx<'_>,
    order: &Order,
    backup: &mut BackupVm,
    before: Looks,
    letters: &Letters<'_>,
    now: Time,
) -> Result<()> {
    let is_down = |seen| matches!(seen, Looks::Down { .. });
    match (is_down(before), backup.main) {
        (false, main) if is_down(main.state()) => {
            backup.trouble(now, "The server itself does not answer: five looks in a row.");
            if backup.charge.is_some_and(|charge| charge.since == now) {
                return Ok(()); // its owner has heard of that already
            }
            let held = backup.sync.held.map(|held| held.marker);
            send(tx, order, now, letters, |user| {
                mail::server_down(letters.brand, letters.site, user, order, held, letters.random, now)
            })
        }
        (true, Probe { failures: 0, .. }) => {
            backup.note(now, "The server itself answers again.");
            Ok(())
        }
        _ => Ok(()),
    }
}

/// Lets it take over where visitors can be sent to it: taking them away from the server is what keeps the two apart.
fn follow_need(tx: &mut Tx<'_>, order: &Order, backup: &mut BackupVm, letters: &Letters<'_>, now: Time) -> Result<()> {
    if !backup.is_needed() || !way_in::point(tx, order, backup.access.as_ref(), letters.random, now)? {
        return Ok(());
    }
    backup.take_over(true, true, now);
    backup.trouble(
        now,
        "The server itself is down: its visitors are sent to the backup VM until you put the server back in charge.",
    );
    let held = backup.sync.held.map(|held| held.marker);
    send(tx, order, now, letters, |user| mail::took_over(letters.brand, letters.site, user, order, held, letters.random, now))
}

/// When the backup VM was seen to answer: where visitors are sent to it, by a visit of ours that came to it; else by its own words.
fn answer(tx: &Tx<'_>, backup: &BackupVm, heard: Option<Time>) -> Result<Option<Time>> {
    if !backup.charge.is_some_and(|charge| charge.visited) {
        return Ok(heard);
    }
    let address = tx.web_address_of(backup.order)?.filter(|address| address.served.as_ref() == Some(&address.target));
    Ok(address.and_then(|address| address.visit).filter(|visit| visit.seen == Seen::Answers).map(|visit| visit.since))
}

/// The first answer of the backup VM after it was put in charge ends the measuring.
fn follow_drill(backup: &mut BackupVm, heard: Option<Time>) {
    let Some(drill) = backup.drills.last_mut().filter(|drill| drill.answered.is_none() && drill.back.is_none()) else { return };
    if let Some(at) = heard.filter(|at| *at > drill.pressed) {
        drill.answered = Some(at);
        let (took, lost) = (drill.rto_secs().unwrap_or_default(), drill.rpo_secs());
        let lost = lost.map_or_else(|| "It holds no whole copy yet.".to_owned(), |lost| format!("Its copy was {lost} s old."));
        backup.note(at, format!("The drill measured: {took} s until the backup VM answered. {lost}"));
    }
}

/// Says once that the copy is late, and once that it is not any more.
fn follow_sync(tx: &mut Tx<'_>, order: &Order, backup: &mut BackupVm, letters: &Letters<'_>, now: Time) -> Result<()> {
    let both_since = backup.active_since.unwrap_or(now);
    let late = backup.charge.is_none() && backup.sync.is_late(both_since, now);
    let told = backup.sync.alarmed;
    // Once a day for as long as it lasts; once where there never was a copy, for perhaps none is wanted.
    let again = |told| backup.sync.held.is_some() && now.since(told) >= DAY;
    if late && told.is_none_or(again) {
        backup.sync.alarmed = Some(now);
        backup.trouble(now, "The copy is late: none newer for three intervals.");
        let held = backup.sync.held.map(|held| held.marker);
        return send(tx, order, now, letters, |user| {
            mail::sync_late(letters.brand, letters.site, user, order, held, letters.random, now)
        });
    }
    if !late && told.is_some() && backup.charge.is_none() {
        backup.sync.alarmed = None;
        backup.note(now, "The copy is in step again.");
    }
    Ok(())
}

fn send(
    tx: &mut Tx<'_>,
    order: &Order,
    now: Time,
    letters: &Letters<'_>,
    write: impl FnOnce(&crate::domain::account::User) -> crate::domain::mail::Mail,
) -> Result<()> {
    match tx.user(order.user)? {
        Some(user) => tx.queue_mail(&write(&user), letters.random, now),
        None => Ok(()),
    }
}
