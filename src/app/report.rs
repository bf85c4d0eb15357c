//! VMs that say how they are: switched on by their owner, heard once a minute, forgotten when it is over.

use super::App;
use super::account::{Token, hash_token};
use super::limit::Limit;
use crate::base::ids::{OrderId, UserId};
use crate::base::{Error, Result};
use crate::domain::backup::Stage;
use crate::domain::order::State;
use crate::domain::report::{Heard, Report, Reporter, Sample, Seat};
use crate::store::backup::Backups;
use crate::store::order::Orders;
use crate::store::report::Reports;

impl App {
    /// Lets a machine speak, under a new secret that is given once. What was heard stays, and so does an older secret that it speaks with,
    /// until it has spoken with the new one.
    pub async fn switch_on_reports(&self, user: UserId, order: OrderId, seat: Seat, logs: bool) -> Result<Token> {
        let (token, now) = (self.token(), self.now());
        let hash = hash_token(token.reveal());
        self.store
            .write(move |tx| {
                let owned = tx.order(order)?.filter(|order| order.user == user).ok_or_else(|| Error::not_found("deployment"))?;
                if owned.state != State::Active {
                    return Err(Error::conflict("It can be switched on as soon as the server runs."));
                }
                let reporter = match tx.reporter(order, seat)? {
                    Some(known) => known.renewed(hash, now),
                    None => Reporter::new(order, seat, hash, now),
                };
                if !logs {
                    tx.remove_tail(order, seat)?;
                }
                tx.put_reporter(&Reporter { logs, ..reporter })
            })
            .await?;
        Ok(token)
    }

    /// Whether a VM's log is wanted here. One that is not wanted any more is forgotten at once.
    pub async fn want_logs(&self, user: UserId, order: OrderId, seat: Seat, logs: bool) -> Result<()> {
        self.order_of(user, order)?;
        self.store
            .write(move |tx| {
                let known = tx.reporter(order, seat)?.ok_or_else(|| Error::not_found("reporter"))?;
                if !logs {
                    tx.remove_tail(order, seat)?;
                }
                tx.put_reporter(&Reporter { logs, ..known })
            })
            .await
    }

    /// Forgets a VM's secret and all it said.
    pub async fn switch_off_reports(&self, user: UserId, order: OrderId, seat: Seat) -> Result<()> {
        self.order_of(user, order)?;
        match self.read()?.reporter(order, seat)? {
            Some(reporter) => self.store.forget_reporter(reporter).await.map(drop),
            None => Ok(()),
        }
    }

    /// Whose address this is, by a secret of its own that is its `hash`. A wrong one, one that is over and none at all look the same, and are counted against their sender.
    pub fn reporter_of(&self, secret: &str, sender: &str) -> Result<Reporter> {
        let snapshot = self.read()?;
        let known = match secret.len() == 64 {
            true => snapshot.reporter_by_hash(&hash_token(secret))?,
            false => None,
        };
        if let Some(reporter) = known
            && snapshot.order(reporter.order)?.is_some_and(|order| order.state == State::Active)
            && (reporter.seat != Seat::Backup || snapshot.backup(reporter.order)?.is_some_and(|vm| vm.stage == Stage::Active))
        {
            return Ok(reporter);
        }
        self.limits.take(Limit::Knock, sender, self.now())?;
        Err(Error::not_found("page"))
    }

    /// Counts one message of a machine.
    pub fn admit_report(&self, reporter: &Reporter) -> Result<()> {
        self.limits.take(Limit::Report, &format!("{} {}", reporter.order, reporter.seat as u8), self.now())
    }

    /// Keeps what a machine said. Tells whether its log is wanted.
    pub async fn take_report(&self, reporter: Reporter, report: Report) -> Result<bool> {
        let now = self.now();
        self.store
            .write(move |tx| {
                // Switched off or renewed in the meantime: nobody is there any more.
                let known = tx.hear_reporter(&reporter.hash)?.ok_or_else(|| Error::not_found("page"))?;
                // Whoever fetches copies is asked for nothing else.
                if known.seat == Seat::Home {
                    return Err(Error::not_found("page"));
                }
                let (order, seat, logs) = (known.order, known.seat, known.logs);
                let heard = Heard { at: now, figures: report.figures };
                tx.add_sample(order, seat, now, &Sample::between(known.heard.as_ref(), &heard))?;
                if logs && !report.log.is_empty() {
                    let mut tail = tx.report_tail(order, seat)?;
                    if tail.extend(report.log, now) {
                        tx.put_tail(order, seat, &tail)?;
                    }
                }
                tx.put_reporter(&Reporter { heard: Some(heard), ended: None, ..known })?;
                Ok(logs)
            })
            .await
    }

    /// A machine says that it ends: from now on nobody waits for it.
    pub async fn take_end(&self, reporter: Reporter) -> Result<()> {
        let now = self.now();
        self.store
            .write(move |tx| {
                let known = tx.hear_reporter(&reporter.hash)?.ok_or_else(|| Error::not_found("page"))?;
                tx.put_reporter(&Reporter { heard: None, ended: Some(now), ..known })
            })
            .await
    }
}
