//! The operator's levers: the grid account, parked jobs, what is left open.

use super::App;
use crate::base::ids::JobId;
use crate::base::{Error, Result};
use crate::domain::job::{Next, Work};
use crate::domain::order::State;
use crate::domain::signer::Purpose;
use crate::grid::{Call, Fate};
use crate::store::Read;
use crate::store::job::Jobs;
use crate::store::order::Orders;
use crate::store::schema::TWIN;

/// Orders of one state that a sweep looks at in one go.
const SWEPT: usize = 1000;

impl App {
    /// Our twin on the grid, once it is set up.
    pub fn twin(&self) -> Result<u32> {
        self.read()?
            .single(&TWIN)?
            .ok_or_else(|| Error::unavailable("The grid account is still being set up. Please try again in a minute."))
    }

    /// Terms, twin, relay and key: one after the other, until the chain has them all.
    pub async fn set_up_grid(&self) -> Result<Next> {
        let again = Next::Again(self.now() + std::time::Duration::from_millis(100));
        let account = self.grid.account().await?;
        let step = match account {
            _ if !account.terms_accepted => Some((Purpose::AcceptTerms, Call::AcceptTerms)),
            _ if account.twin.is_none() => Some((Purpose::CreateTwin, Call::CreateTwin)),
            _ if !account.twin_current => Some((Purpose::UpdateTwin, Call::UpdateTwin)),
            _ => None,
        };
        if let Some((purpose, call)) = step {
            return match self.drive_call(purpose, call).await? {
                Fate::Refused(reason) => Err(Error::internal("The chain refuses to set up our account.").because(reason)),
                _ => Ok(again),
            };
        }
        let twin = account.twin.ok_or_else(|| Error::internal("An account without a twin."))?;
        self.store.write(move |tx| tx.set(&TWIN, &twin)).await?;
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

    /// Every order that is not at rest gets its job back, should it have lost it.
    pub async fn reconcile_orders(&self) -> Result<usize> {
        let snapshot = self.read()?;
        let mut lost = Vec::new();
        for state in State::ALL.into_iter().filter(|state| !state.at_rest()) {
            for order in snapshot.orders_in(state, None, SWEPT)? {
                if snapshot.job_for(&Work::ClimbOrder(order.id))?.is_none() {
                    lost.push((JobId::random(&*self.random), order.id));
                }
            }
        }
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

    /// Ends what is paid until now and no longer.
    pub async fn end_expired(&self) -> Result<usize> {
        let now = self.now();
        let expired: Vec<_> = self
            .read()?
            .orders_in(State::Active, None, SWEPT)?
            .into_iter()
            .filter(|order| order.paid_until().is_some_and(|until| until <= now))
            .collect();
        let count = expired.len();
        for order in expired {
            let random = self.random.clone();
            self.store
                .write(move |tx| {
                    let order = tx.order(order.id)?.ok_or_else(|| Error::not_found("order"))?;
                    super::order::begin_end(tx, order, "The month that was paid for is over.", &*random, now)
                })
                .await?;
        }
        if count > 0 {
            self.nudge();
        }
        Ok(count)
    }

    /// Takes a parked job up again.
    pub async fn retry_job(&self, id: JobId) -> Result<()> {
        let now = self.now();
        self.store.write(move |tx| tx.retry_job(id, now)).await?;
        self.nudge();
        Ok(())
    }
}
