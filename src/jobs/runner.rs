//! Runs what is due: several at once, one work never twice at the same time, failures with growing waits.

use std::collections::{BTreeSet, HashMap};
use std::sync::Arc;
use std::time::Duration;

use tokio::sync::watch;
use tokio::task::JoinSet;

use crate::app::App;
use crate::base::ids::JobId;
use crate::base::{Kind, Result};
use crate::domain::job::{Job, Next, Work};
use crate::store::job::Jobs;

/// Jobs that run at once.
const AT_ONCE: usize = 128;
/// The longest sleep: a look that finds nothing costs next to nothing.
const NAP: Duration = Duration::from_millis(500);
/// How long running jobs may go on after a stop.
const GRACE: Duration = Duration::from_secs(8);

/// Which task runs which job: one that breaks off is told from the others.
type Running = HashMap<tokio::task::Id, Job>;

pub async fn run(app: Arc<App>, mut stopped: watch::Receiver<bool>, mut leaps: Option<watch::Receiver<u64>>) {
    let mut running = Running::new();
    let mut tasks: JoinSet<()> = JoinSet::new();
    while !*stopped.borrow() {
        if let Err(error) = start_due(&app, &mut running, &mut tasks) {
            tracing::error!(?error, "the jobs can't be read");
        }
        let nap = nap(&app, &running);
        tokio::select! {
            biased;
            _ = stopped.changed() => {}
            Some(ended) = tasks.join_next_with_id(), if !tasks.is_empty() => {
                let (task, broken) = match ended {
                    Ok((task, ())) => (task, None),
                    Err(error) => (error.id(), Some(error.to_string())),
                };
                if let (Some(job), Some(why)) = (running.remove(&task), broken) {
                    tracing::error!(work = %job.work.title(), %why, "a job broke off");
                    end_run(&app, &job, Some(job.clone().failed(why, app.now()))).await;
                }
            }
            () = app.nudged() => {}
            () = leap(&mut leaps) => {}
            () = tokio::time::sleep(nap) => {}
        }
    }
    let all = async { while tasks.join_next().await.is_some() {} };
    if tokio::time::timeout(GRACE, all).await.is_err() {
        tracing::info!("jobs were cut off by the stop; they go on at the next start");
    }
}

pub async fn leap(leaps: &mut Option<watch::Receiver<u64>>) {
    match leaps {
        Some(leaps) => {
            if leaps.changed().await.is_err() {
                std::future::pending::<()>().await;
            }
        }
        None => std::future::pending().await,
    }
}

/// Until the next job is due that is not running already.
fn nap(app: &App, running: &Running) -> Duration {
    if running.len() >= AT_ONCE {
        return NAP;
    }
    let next = app.read().and_then(|snapshot| snapshot.next_due(&busy(running))).ok().flatten();
    next.map_or(NAP, |due| due.since(app.now())).clamp(Duration::from_millis(10), NAP)
}

fn busy(running: &Running) -> BTreeSet<JobId> {
    running.values().map(|job| job.id).collect()
}

fn start_due(app: &Arc<App>, running: &mut Running, tasks: &mut JoinSet<()>) -> Result<()> {
    let room = AT_ONCE.saturating_sub(running.len());
    if room == 0 {
        return Ok(());
    }
    let busy = busy(running);
    let due = app.read()?.jobs_due(app.now(), room + busy.len())?;
    for job in due.into_iter().filter(|job| !busy.contains(&job.id)).take(room) {
        let (app, own) = (app.clone(), job.clone());
        let task = tasks.spawn(async move { run_one(&app, own).await });
        running.insert(task.id(), job);
    }
    Ok(())
}

async fn run_one(app: &App, job: Job) {
    let outcome = act(app, &job.work).await;
    let now = app.now();
    let next = match outcome {
        Ok(Next::Done) => None,
        Ok(Next::Again(at)) => Some(job.clone().again(at)),
        Ok(Next::Park(why)) => {
            tracing::error!(work = %job.work.title(), why, "a job is parked: it waits for the operator");
            Some(job.clone().parked(why))
        }
        Err(error) if error.kind() == Kind::Unavailable => {
            let next = job.clone().unanswered(error.to_string(), now);
            tracing::info!(work = %job.work.title(), ?error, failures = next.failures, "a job has to wait");
            Some(next)
        }
        Err(error) => {
            let next = job.clone().failed(error.to_string(), now);
            match next.parked {
                true => tracing::error!(work = %job.work.title(), ?error, "a job is parked: it waits for the operator"),
                false => tracing::warn!(work = %job.work.title(), ?error, failures = next.failures, "a job failed"),
            }
            Some(next)
        }
    };
    end_run(app, &job, next).await;
}

async fn end_run(app: &App, job: &Job, next: Option<Job>) {
    let job = job.clone();
    if let Err(error) = app.store.write(move |tx| tx.end_run(&job, next)).await {
        tracing::error!(?error, "the end of a job can't be written");
    }
}

/// The registry: every work there is, and the verb that does it.
async fn act(app: &App, work: &Work) -> Result<Next> {
    match work {
        Work::ClimbOrder(order) => app.climb_order(*order).await,
        Work::CancelAttempt { order, attempt } => app.cancel_attempt(*order, *attempt).await,
        Work::TendBackup(order) => app.tend_backup(*order).await,
        Work::Revise(revision) => app.climb_revision(*revision).await,
        Work::TendAddress(address) => app.tend_address(*address).await,
        Work::BookFee(charge) => app.book_fee(*charge).await,
        Work::PayRefund(refund) => app.pay_refund(*refund).await,
        Work::ReadNotice(notice) => app.read_notice(notice).await,
        Work::TellTenants(window) => app.tell_tenants(*window).await,
        Work::SendMail(mail) => app.send_mail(*mail).await,
        Work::TendSwarm(order) => app.tend_swarm(*order).await,
        Work::DrillSwarm(order) => app.drill_swarm(*order).await,
        Work::SetUpGrid => app.set_up_grid().await,
    }
}
