//! Looking after backup VMs: whether both servers are up, whether they are in step, what a drill shows, and jobs that were lost.

use futures_util::future::join_all;

use super::super::{App, mail};
use super::way_in;
use crate::base::ids::{JobId, OrderId};
use crate::base::time::DAY;
use crate::base::{Random, Result, Time};
use crate::domain::backup::{BackupVm, Looks, Probe, STALE, Signs, Stage, State as Looked};
use crate::domain::job::Work;
use crate::domain::order::{Order, State};
use crate::domain::report::{Reporter, Seat};
use crate::domain::web_address::Seen as Visited;
use crate::store::Tx;
use crate::store::account::Accounts;
use crate::store::backup::Backups;
use crate::store::job::Jobs;
use crate::store::order::Orders;
use crate::store::report::Reports;
use crate::store::revision::Revisions;
use crate::store::web_address::WebAddresses;

/// Rows looked at together.
const SLICE: usize = 100;

/// What was seen of the two from here, before anything is written.
#[derive(Clone, Copy)]
struct Seen {
    order: OrderId,
    /// Whether their nodes are up; None where the index does not know one.
    main: Option<bool>,
    own: Option<bool>,
    /// Whether the server answered a visit, where one was made.
    answers: Option<bool>,
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
            let (mut looks, mut lost) = (Vec::new(), Vec::new());
            for backup in rows {
                let Some(order) = snapshot.order(backup.order)? else { continue };
                let moves = !backup.is_settled() || (backup.stage == Stage::Waiting && order.state == State::Active);
                if moves && snapshot.job_for(&Work::TendBackup(order.id))?.is_none() {
                    lost.push((JobId::random(&*self.random), order.id));
                }
                if backup.stage == Stage::Active && order.state == State::Active {
                    let main = order.attempt().and_then(|attempt| up(attempt.node()));
                    let own = up(backup.node().node);
                    let silent = speaks(snapshot.reporter(order.id, Seat::Main)?.as_ref(), self.now()) == Some(false);
                    // Whoever speaks needs no visit; while it is not in charge, visitors are elsewhere.
                    let doubted = backup.charge.is_none() && (silent || main == Some(false));
                    let visit = match doubted && !is_set_aside(&snapshot, &order, self.now())? {
                        true => Some((snapshot.web_address_of(order.id)?, order)),
                        false => None,
                    };
                    looks.push((Seen { order: backup.order, main, own, answers: None }, visit));
                }
            }
            drop(snapshot);
            looked += looks.len();
            if looks.is_empty() && lost.is_empty() {
                continue;
            }
            let visits = looks.into_iter().map(|(seen, visit)| async move {
                let Some((address, order)) = visit else { return seen };
                Seen { answers: self.answers(&order, address.as_ref()).await, ..seen }
            });
            let seen = join_all(visits).await;
            let (now, random) = (self.now(), self.random.clone());
            let (brand, site) = (self.settings.brand.name.clone(), self.settings.server.public_url.clone());
            self.store
                .write(move |tx| {
                    lost.iter().try_for_each(|(job, order)| tx.owe(*job, Work::TendBackup(*order), now))?;
                    let letters = Letters { brand: &brand, site: &site, random: &*random };
                    seen.into_iter().try_for_each(|seen| look(tx, seen, &letters, now))
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

/// Whether a machine spoke lately. None: its line was never run, or it was made anew and has not been run since: then silence means nothing.
fn speaks(reporter: Option<&Reporter>, now: Time) -> Option<bool> {
    let known = reporter?;
    let heard = known.heard.as_ref()?.at;
    match now.since(heard) <= STALE {
        true => Some(true),
        false => (heard >= known.created).then_some(false),
    }
}

/// A server that its owner has stopped, that is gone, or that we switch just now, is not missed.
fn is_set_aside(books: &(impl Orders + Revisions), order: &Order, now: Time) -> Result<bool> {
    if order.stopped.is_some() || order.lost.is_some() {
        return Ok(true);
    }
    match order.revision {
        Some(open) => Ok(books.revision(open.id)?.is_some_and(|revision| revision.is_switching(now))),
        None => Ok(false),
    }
}

fn look(tx: &mut Tx<'_>, seen: Seen, letters: &Letters<'_>, now: Time) -> Result<()> {
    let id = seen.order;
    let (Some(order), Some(mut backup)) = (tx.order(id)?, tx.backup(id)?) else { return Ok(()) };
    if backup.stage != Stage::Active || order.state != State::Active {
        return Ok(());
    }
    let (before, mut looks) = (backup.clone(), tx.backup_looks(id)?);
    let (main, own) = (tx.reporter(id, Seat::Main)?, tx.reporter(id, Seat::Backup)?);
    let was = looks.main.state();
    looks.main = match is_set_aside(tx, &order, now)? {
        true => Probe::default(),
        false => looks.main.look(Signs { node: seen.main, speaks: speaks(main.as_ref(), now), answers: seen.answers }, now),
    };
    looks.own = looks.own.look(Signs { node: seen.own, speaks: speaks(own.as_ref(), now), answers: None }, now);
    follow_need(tx, &order, &mut backup, &looks, letters, now)?;
    follow_main(tx, &order, &mut backup, was, looks.main, letters, now)?;
    let answered = answer(tx, &backup, own.and_then(|own| own.heard).map(|heard| heard.at))?;
    follow_drill(&mut backup, answered);
    follow_sync(tx, &order, &mut backup, letters, now)?;
    tx.put_backup_looks(id, &looks)?;
    if backup != before { tx.put_backup(&backup) } else { Ok(()) }
}

/// Says once that the server is down, and once that it is back.
fn follow_main(
    tx: &mut Tx<'_>,
    order: &Order,
    backup: &mut BackupVm,
    before: Looked,
    main: Probe,
    letters: &Letters<'_>,
    now: Time,
) -> Result<()> {
    let is_down = |seen| matches!(seen, Looked::Down { .. });
    match (is_down(before), main) {
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
fn follow_need(
    tx: &mut Tx<'_>,
    order: &Order,
    backup: &mut BackupVm,
    looks: &Looks,
    letters: &Letters<'_>,
    now: Time,
) -> Result<()> {
    if !backup.is_needed(looks) || !way_in::point(tx, order, backup.access.as_ref(), letters.random, now)? {
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
    Ok(address.and_then(|address| address.visit).filter(|visit| visit.seen == Visited::Answers).map(|visit| visit.since))
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

#[cfg(test)]
mod tests {
    use super::*;
    use crate::base::time::{HOUR, MINUTE};
    use crate::domain::report::{Figures, Heard};

    #[test]
    fn a_line_that_was_made_anew_is_not_missed_until_it_has_spoken() {
        let (made, order) = (Time::from_secs(1_000_000), OrderId::from_bits(1));
        let known = |heard: Option<Time>| {
            let figures =
                Figures { uptime: 1, busy: 0, all: 1, load: 0, memory_used: 0, memory: 1, disks: vec![], received: 0, sent: 0 };
            let heard = heard.map(|at| Heard { at, figures });
            Reporter { heard, ..Reporter::new(order, Seat::Main, String::new(), made) }
        };
        assert_eq!((speaks(None, made), speaks(Some(&known(None)), made + HOUR)), (None, None));
        let old = known(Some(made - MINUTE));
        assert_eq!((speaks(Some(&old), made), speaks(Some(&old), made + HOUR)), (Some(true), None));
        let new = known(Some(made + MINUTE));
        assert_eq!((speaks(Some(&new), made + MINUTE), speaks(Some(&new), made + HOUR)), (Some(true), Some(false)));
    }
}
