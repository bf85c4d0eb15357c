//! Webhooks of the card processor: recorded first, believed never. What they point to is fetched again before anything moves.

use std::time::Duration;

use super::App;
use super::charge::no_answer;
use crate::base::ids::{ChargeId, JobId};
use crate::base::time::{DAY, HOUR, SECOND};
use crate::base::{Error, Kind, Result, Time};
use crate::domain::charge::{ChargeState, Notice};
use crate::domain::job::{Next, Work};
use crate::store::charge::Charges;
use crate::store::schema::NOTICED_TO;
use crate::store::{Read, Tx};
use crate::wire::stripe::{EventHead, PaymentStatus, StripeError, webhook};

/// So far back the processor's list is read again: what happens there is not listed in the order in which it is written down.
const OVERLAP: Duration = Duration::from_secs(HOUR.as_secs());
/// Pages of a hundred that are read of one slice of the list.
const PAGES_AT_ONCE: usize = 10;

fn notice(id: String, kind: String, object: Option<String>, now: Time) -> Notice {
    Notice { id, kind, object: object.unwrap_or_default(), received: now, handled: None, note: String::new() }
}

/// Set-ups, payments and refunds: what `read_notice` can do something about.
fn is_about_ours(event: &EventHead) -> bool {
    let object = event.object_id.as_deref().unwrap_or_default();
    ["seti_", "pi_", "re_"].iter().any(|kind| object.starts_with(kind))
}

/// A copy of one that is known has no effect.
fn record(tx: &mut Tx<'_>, notice: &Notice, job: JobId, now: Time) -> Result<()> {
    if tx.notice(&notice.id)?.is_some() {
        return Ok(());
    }
    tx.put_notice(notice)?;
    tx.owe(job, Work::ReadNotice(notice.id.clone()), now)
}

impl App {
    /// Whether notices are taken at all: without a secret anybody could write them.
    pub fn takes_notices(&self) -> bool {
        !self.settings.cards.webhook_secret.reveal().is_empty()
    }

    /// Checks the signature over the raw bytes and records the notice. A copy of one that is known has no effect.
    pub async fn receive_notice(&self, raw: &[u8], signature: &str) -> Result<()> {
        let now = self.now();
        let secrets: Vec<_> = [&self.settings.cards.webhook_secret, &self.settings.cards.webhook_secret_old]
            .into_iter()
            .filter(|secret| !secret.reveal().is_empty())
            .cloned()
            .collect();
        let event = webhook::verify(raw, signature, &secrets, now).map_err(|refused| {
            tracing::warn!(%refused, "a card notice was refused");
            Error::forbidden("The signature does not fit.")
        })?;
        let notice = notice(event.id, event.kind, event.object_id, now);
        let job = JobId::random(&*self.random);
        self.store.write(move |tx| record(tx, &notice, job, now)).await?;
        self.nudge();
        Ok(())
    }

    /// Asks the processor what it told us and did not reach us: without a webhook, or with one that was away for longer than the processor
    /// repeats itself, nobody would hear of a refund that came back. Gives how many notices were new.
    ///
    /// The list is told newest first, and may be longer than can be read in one go: then it is read in slices of time, oldest
    /// first, and how far it came is stored with each.
    pub async fn sweep_notices(&self) -> Result<usize> {
        let mut fresh = 0;
        let mut from = self.read()?.single(&NOTICED_TO)?.unwrap_or(self.now()) - OVERLAP;
        // None: up to whatever is the newest.
        let mut span = None;
        loop {
            let until = span.map(|span| from + span).filter(|until| *until < self.now());
            let Some(told) = self.cards.events(from, until, PAGES_AT_ONCE).await.map_err(no_answer)? else {
                let half = until.unwrap_or(self.now()).since(from) / 2;
                if half < SECOND {
                    return Err(Error::internal("The card processor lists more in a second than can be read."));
                }
                span = Some(Duration::from_secs(half.as_secs()));
                continue;
            };
            fresh += self.take_notices(told, until).await?;
            let Some(until) = until else { break };
            (from, span) = (until, span.map(|span| span * 2));
        }
        if fresh > 0 {
            tracing::info!(fresh, "card notices that had not reached us");
            self.nudge();
        }
        Ok(fresh)
    }

    /// Records what was listed; `until` is the end of a slice of the list.
    async fn take_notices(&self, told: Vec<EventHead>, until: Option<Time>) -> Result<usize> {
        let now = self.now();
        let newest = until.or_else(|| told.iter().map(|event| event.created).max());
        let random = self.random.clone();
        self.store
            .write(move |tx| {
                let mut fresh = 0;
                for event in told.into_iter().filter(is_about_ours) {
                    let notice = notice(event.id, event.kind, event.object_id, now);
                    if tx.notice(&notice.id)?.is_none() {
                        record(tx, &notice, JobId::random(&*random), now)?;
                        fresh += 1;
                    }
                }
                let before = tx.single(&NOTICED_TO)?;
                // What is older than a day is known by now, however wrong our clock is; looked at for ever it would be written down anew
                // each time it is cleared away.
                let oldest = if until.is_some() { None } else { Some(now - DAY) };
                tx.set(&NOTICED_TO, &newest.max(before).max(oldest).unwrap_or(now))?;
                Ok(fresh)
            })
            .await
    }

    /// Looks at the object a notice points to, and lets the order it belongs to look for itself.
    pub async fn read_notice(&self, id: &str) -> Result<Next> {
        let snapshot = self.read()?;
        let Some(notice) = snapshot.notice(id)?.filter(|notice| notice.handled.is_none()) else { return Ok(Next::Done) };
        let note = match notice.object.split('_').next() {
            Some("seti") => match snapshot.card_setup(&notice.object)? {
                Some(_) if notice.kind == "setup_intent.succeeded" => match self.finish_card(&notice.object).await {
                    Ok(_) => "card saved".to_owned(),
                    // The processor itself says otherwise: it is believed, the notice is not.
                    Err(error) if matches!(error.kind(), Kind::Conflict | Kind::NotFound) => {
                        tracing::warn!(notice = %notice.id, ?error, "a card notice does not hold");
                        "not so, says the processor".to_owned()
                    }
                    Err(error) => return Err(error),
                },
                _ => "nothing of ours".to_owned(),
            },
            Some("pi") => match snapshot.charge_by_payment(&notice.object)? {
                Some(charge) => {
                    // The order's own climb asks the processor; the notice only says when.
                    let (job, now) = (JobId::random(&*self.random), self.now());
                    let work = charge.revision.map_or(Work::ClimbOrder(charge.order), Work::Revise);
                    self.store.write(move |tx| tx.owe(job, work, now)).await?;
                    self.nudge();
                    format!("order {} looks for itself", charge.order)
                }
                None => self.let_go_of_stray(&notice.object).await?.to_owned(),
            },
            Some("re") => match self.refund_came_back(&notice.object).await? {
                Some((refund, told)) => {
                    self.refund_failed(refund, told).await?;
                    format!("refund {refund} came to nothing")
                }
                None => "noted".to_owned(),
            },
            _ => "noted".to_owned(),
        };
        let now = self.now();
        let handled = Notice { handled: Some(now), note, ..notice };
        self.store.write(move |tx| tx.put_notice(&handled)).await?;
        Ok(Next::Done)
    }

    /// A payment that none of our charges knows. If it carries the name of one that was given up, its answer was lost for so
    /// long that nobody waited any more: the bank is told to let go.
    async fn let_go_of_stray(&self, intent: &str) -> Result<&'static str> {
        let told = match self.cards.payment_intent(intent).await {
            Ok(told) => told,
            Err(StripeError::Rejected { .. }) => return Ok("nothing of ours"),
            Err(error) => return Err(no_answer(error)),
        };
        let name = told.metadata.get("charge").and_then(|name| name.parse::<ChargeId>().ok());
        let Some(charge) = name.map(|id| self.read()?.charge(id)).transpose()?.flatten() else { return Ok("nothing of ours") };
        let given_up = matches!(charge.state, ChargeState::Declined { .. } | ChargeState::Voided);
        if !given_up || told.customer.as_deref() != Some(charge.customer.as_str()) {
            return Ok("nothing of ours, or not yet");
        }
        if told.status != PaymentStatus::RequiresCapture {
            return Ok("given up before");
        }
        tracing::warn!(charge = %charge.id, "a payment that was given up is held by the bank after all: it is let go");
        self.cards.cancel(&charge.cancel_key, intent).await.map_err(no_answer)?;
        Ok("given up before: the bank was told to let go")
    }
}
