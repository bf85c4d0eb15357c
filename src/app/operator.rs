//! The operator's levers: the grid account, parked jobs, what is left open.

use std::time::Duration;

use super::mail::standing;
use super::signer::Overdue;
use super::{App, lock};
use crate::base::ids::JobId;
use crate::base::time::{DAY, HOUR, MONTH, SECOND};
use crate::base::{Error, Result, Time};
use crate::domain::job::{LONGEST_NAP, Next, Work};
use crate::domain::order::{Order, State, Step};
use crate::domain::signer::{CallState, Purpose, SignedCall};
use crate::grid::{Call, Fate};
use crate::store::Read;
use crate::store::check::{Report, check};
use crate::store::grid::Chain;
use crate::store::job::Jobs;
use crate::store::order::Orders;
use crate::store::schema::{BILLED_TO, CHAIN, TWIN};

/// Orders that a sweep has in memory at once.
const SLICE: usize = 200;

/// So long before the end of the month its owner is reminded of it.
const REMINDED_BEFORE: Duration = Duration::from_secs(3 * DAY.as_secs());

/// What the operator's account on the grid may need, in this order.
const SET_UP: [(Purpose, Call); 3] =
    [(Purpose::AcceptTerms, Call::AcceptTerms), (Purpose::CreateTwin, Call::CreateTwin), (Purpose::UpdateTwin, Call::UpdateTwin)];
/// How long a chain may take to show what a finalized call did.
const SHOWN_WITHIN: Duration = Duration::from_secs(600);

/// When the books were last computed again from the journal, and what came out.
#[derive(Debug, Clone)]
pub struct LedgerCheck {
    pub at: Time,
    pub report: Report,
}

fn is_due_for_reminder(order: &Order, now: Time) -> bool {
    let soon = |until: Time| now < until && until <= now + REMINDED_BEFORE;
    order.state == State::Active && order.reminded.is_none() && order.paid_until().is_some_and(soon)
}

impl App {
    /// Our twin on the grid, once it is set up.
    pub fn twin(&self) -> Result<u32> {
        self.read()?
            .single(&TWIN)?
            .ok_or_else(|| Error::unavailable("The grid account is still being set up. Please try again in a minute."))
    }

    /// Refuses to go on with books that were made with another chain: contract numbers would mean other contracts.
    pub async fn same_chain(&self) -> Result<()> {
        let (chain, known) = (self.grid.genesis().await?, self.read()?.single(&CHAIN)?);
        match (chain, known) {
            (Some(chain), None) => self.store.write(move |tx| tx.set(&CHAIN, &chain)).await,
            (Some(chain), Some(known)) if known == chain => Ok(()),
            _ => Err(Error::conflict(
                "This data folder was made with another chain. Take another folder with --data, or the network it belongs to. \
                 (The built-in local grid begins anew at each start, and so must its data.)",
            )),
        }
    }

    /// Terms, twin, relay and key: one after the other, until the chain has them all.
    pub async fn set_up_grid(&self) -> Result<Next> {
        self.same_chain().await?;
        let now = self.now();
        let again = Next::Again(now + Duration::from_millis(100));
        // What is on its way is followed to its end, even if the chain shows its effect already: it holds a nonce.
        for (purpose, call) in SET_UP {
            let open = self.read()?.call(&purpose)?.is_some_and(|known| known.state == CallState::Open);
            if open && matches!(self.drive_call(purpose, call, Overdue::SignAnew).await?, Fate::Pending | Fate::Expired) {
                return Ok(again);
            }
        }
        let account = self.grid.account().await?;
        let step = match account {
            _ if !account.terms_accepted => Some((Purpose::AcceptTerms, Call::AcceptTerms)),
            _ if account.twin.is_none() => Some((Purpose::CreateTwin, Call::CreateTwin)),
            _ if !account.twin_current => Some((Purpose::UpdateTwin, Call::UpdateTwin)),
            _ => None,
        };
        if let Some((purpose, call)) = step {
            // How an earlier call ended says nothing about a need of today; only a chain that lags is given time.
            match self.read()?.call(&purpose)? {
                Some(SignedCall { state: CallState::Landed { .. }, signed, .. }) if now.since(signed) < SHOWN_WITHIN => {
                    return Err(Error::unavailable("The chain took a call and does not show its effect yet."));
                }
                Some(_) => self.forget_call(purpose).await?,
                None => {}
            }
            return match self.drive_call(purpose, call, Overdue::SignAnew).await? {
                Fate::Refused(reason) => Err(Error::internal("The chain refuses to set up our account.").because(reason)),
                _ => Ok(again),
            };
        }
        let twin = account.twin.ok_or_else(|| Error::internal("An account without a twin."))?;
        let head = self.grid.finalized().await?.number;
        self.store
            .write(move |tx| {
                // No contract can be older than the twin being known: from here on no bill is missed.
                if tx.single(&BILLED_TO)?.is_none() {
                    tx.set(&BILLED_TO, &head)?;
                }
                tx.set(&TWIN, &twin)
            })
            .await?;
        tracing::info!(twin, address = %account.address, "the grid account is ready");
        Ok(Next::Done)
    }

    /// Owes the set-up of the grid account; safe to ask at each start.
    pub async fn owe_set_up(&self) -> Result<()> {
        let (job, now) = (JobId::random(&*self.random), self.now());
        self.store.write(move |tx| tx.owe(job, Work::SetUpGrid, now)).await?;
        self.nudge();
        Ok(())
    }

    /// Jobs that a clock put off which was ahead when the program last ran: nothing waits for so long, so they are looked at now.
    pub async fn wake_sleepers(&self) -> Result<()> {
        let now = self.now();
        let woken = self.store.write(move |tx| tx.wake_jobs(now + LONGEST_NAP + SECOND, now)).await?;
        if woken > 0 {
            tracing::warn!(woken, "the clock is behind where it was: jobs that waited for a time far off are looked at now");
        }
        Ok(())
    }

    /// Every order that is not at rest gets its job back, should it have lost it.
    pub async fn reconcile_orders(&self) -> Result<usize> {
        let (snapshot, until) = (self.read()?, self.now());
        let mut lost = Vec::new();
        for state in State::ALL.into_iter().filter(|state| !state.at_rest()) {
            let mut last = None;
            loop {
                let orders = snapshot.orders_until(state, until, last, SLICE)?;
                for order in &orders {
                    if snapshot.job_for(&Work::ClimbOrder(order.id))?.is_none() {
                        lost.push((JobId::random(&*self.random), order.id));
                    }
                }
                match orders.last() {
                    Some(order) if orders.len() == SLICE => last = Some((order.created, order.id)),
                    _ => break,
                }
            }
        }
        self.reconcile_revisions().await?;
        let (count, now) = (lost.len(), self.now());
        if count > 0 {
            tracing::warn!(count, "orders without a job were found and taken up again");
            self.store
                .write(move |tx| lost.iter().try_for_each(|(job, order)| tx.owe(*job, Work::ClimbOrder(*order), now)))
                .await?;
            self.nudge();
        }
        Ok(count)
    }

    /// Ends what is paid until now and no longer. Ending can't be undone, so our own clock alone is not believed: the
    /// chain's last finalized block must be as late.
    pub async fn end_expired(&self) -> Result<usize> {
        let Some(head) = self.heard().head else { return Ok(0) };
        let now = self.now().min(head.at);
        let snapshot = self.read()?;
        let (mut count, mut last) = (0, None);
        loop {
            // Nobody's month began before the order was made.
            let orders = snapshot.orders_until(State::Active, now - MONTH, last, SLICE)?;
            for order in orders.iter().filter(|order| order.paid_until().is_some_and(|until| until <= now)) {
                let (id, letters, now) = (order.id, self.letters(), self.now());
                let ended = self.store.write(move |tx| {
                    let order = tx.order(id)?.ok_or_else(|| Error::not_found("order"))?;
                    super::order::begin_end(tx, order, "The month that was paid for is over.", &letters, now)
                });
                match ended.await {
                    Ok(()) => count += 1,
                    // One that can't be ended does not keep the others running.
                    Err(error) => tracing::error!(order = %id, ?error, "a month is over and the VM can't be ended"),
                }
            }
            match orders.last() {
                Some(order) if orders.len() == SLICE => last = Some((order.created, order.id)),
                _ => break,
            }
        }
        if count > 0 {
            self.nudge();
        }
        Ok(count)
    }

    /// Tells those whose month is over soon, once each. Looks once an hour of business time.
    pub async fn remind_of_ends(&self) -> Result<usize> {
        let now = self.now();
        if lock(&self.reminded).is_some_and(|last| now.since(last) < HOUR) {
            return Ok(0);
        }
        let (snapshot, letters) = (self.read()?, self.letters());
        let (mut due, mut last) = (Vec::new(), None);
        loop {
            let orders = snapshot.orders_until(State::Active, now + REMINDED_BEFORE - MONTH, last, SLICE)?;
            due.extend(orders.iter().filter(|order| is_due_for_reminder(order, now)).map(|order| order.id));
            match orders.last() {
                Some(order) if orders.len() == SLICE => last = Some((order.created, order.id)),
                _ => break,
            }
        }
        let count = due.len();
        for slice in due.chunks(SLICE).map(<[_]>::to_vec) {
            let letters = letters.clone();
            self.store
                .write(move |tx| {
                    for id in slice {
                        let Some(mut order) = tx.order(id)?.filter(|order| is_due_for_reminder(order, now)) else { continue };
                        order.reminded = Some(now);
                        let until = order.paid_until().unwrap_or(now);
                        order.note(now, Step::Access, format!("Its month is over on {}: its owner was reminded.", until.day()));
                        letters.send(tx, order.user, now, |user| standing::ends_soon(&letters, user, &order, until, now))?;
                        tx.put_order(&order)?;
                    }
                    Ok(())
                })
                .await?;
        }
        *lock(&self.reminded) = Some(now);
        if count > 0 {
            self.nudge();
        }
        Ok(count)
    }

    /// Computes the books again from the journal. What it finds is remembered, and an error in the log if it is anything.
    pub async fn check_ledger(&self) -> Result<LedgerCheck> {
        let (snapshot, at) = (self.read()?, self.now());
        let report = tokio::task::spawn_blocking(move || check(&snapshot, |_, _| ()))
            .await
            .map_err(|cause| Error::internal("The check of the ledger broke off.").because(cause))??;
        if !report.is_clean() {
            tracing::error!(wrong = report.wrong, first = ?report.findings.first(), "the ledger does not agree with its journal");
        }
        let checked = LedgerCheck { at, report };
        *lock(&self.checked) = Some(checked.clone());
        Ok(checked)
    }

    /// Checks the ledger unless that was done within the last day.
    pub async fn check_ledger_daily(&self) -> Result<()> {
        match self.ledger_checked() {
            Some(last) if self.now().since(last.at) < DAY => Ok(()),
            _ => self.check_ledger().await.map(drop),
        }
    }

    /// The last check of the ledger since the start.
    pub fn ledger_checked(&self) -> Option<LedgerCheck> {
        lock(&self.checked).clone()
    }

    /// Whether time can be moved here.
    pub fn can_skip(&self) -> bool {
        self.leap.get().is_some()
    }

    /// Moves time forward, where that can be done.
    pub fn skip(&self, span: Duration) -> Result<()> {
        let leap = self.leap.get().ok_or_else(|| Error::not_found("page"))?;
        leap(span);
        self.nudge();
        Ok(())
    }

    /// Takes a parked job up again.
    pub async fn retry_job(&self, id: JobId) -> Result<()> {
        let now = self.now();
        self.store.write(move |tx| tx.retry_job(id, now)).await?;
        self.nudge();
        Ok(())
    }
}
