//! Sweeps: no input, idempotent, a timer plus a nudge. What one misses, the next one finds.

use std::future::Future;
use std::sync::Arc;
use std::time::Duration;

use tokio::sync::watch;
use tokio::task::JoinHandle;

use super::runner::leap;
use crate::app::App;
use crate::base::{Kind, Result};
use crate::domain::backup::EVERY;

/// How soon a sweep that failed is tried again.
const AFTER_FAILURE: Duration = Duration::from_secs(1);

/// Starts all sweeps.
pub fn start(app: &Arc<App>, stopped: &watch::Receiver<bool>, leaps: Option<watch::Receiver<u64>>) -> Vec<JoinHandle<()>> {
    let begin = |name, every, sweep| tokio::spawn(repeat(name, every, app.clone(), stopped.clone(), leaps.clone(), sweep));
    vec![
        begin("nodes", Duration::from_secs(30), Sweep::Nodes),
        begin("bills", Duration::from_secs(5), Sweep::Bills),
        begin("purse", Duration::from_secs(60), Sweep::Purse),
        begin("calls", Duration::from_secs(10), Sweep::Calls),
        begin("orders", Duration::from_secs(60), Sweep::Orders),
        begin("backups", EVERY, Sweep::Backups),
        begin("copies", Duration::from_secs(600), Sweep::Copies),
        begin("addresses", Duration::from_secs(60), Sweep::Addresses),
        begin("contracts", Duration::from_secs(60), Sweep::Contracts),
        begin("outages", Duration::from_secs(60), Sweep::Outages),
        begin("swarms", Duration::from_secs(60), Sweep::Swarms),
        begin("orphans", Duration::from_secs(60), Sweep::Orphans),
        begin("notices", Duration::from_secs(600), Sweep::Notices),
        begin("expired", Duration::from_secs(10), Sweep::Expired),
        begin("ledger", Duration::from_secs(60), Sweep::Ledger),
        begin("benchmarks", Duration::from_secs(60), Sweep::Benchmarks),
        begin("leftovers", Duration::from_secs(60), Sweep::Leftovers),
    ]
}

#[derive(Clone, Copy)]
enum Sweep {
    /// Which nodes there are, and how full they are.
    Nodes,
    /// What finalized blocks billed.
    Bills,
    /// Our tokens on the grid, and what runs on them.
    Purse,
    /// Signed calls that whoever wanted them does not follow.
    Calls,
    /// Orders that lost their job.
    Orders,
    /// Backup VMs: whether they and their servers are up and in step, and those that lost their job.
    Backups,
    /// Copies on customers' own machines that are late.
    Copies,
    /// Web addresses that lost their job.
    Addresses,
    /// Contracts that the chain paused or deleted, or does not bill.
    Contracts,
    /// Servers that do not answer, and those that do again.
    Outages,
    /// Storage swarms: whether their shards answer, and whether somebody tends those that need it.
    Swarms,
    /// Contracts on the chain that the books know nothing of: at the start and then once an hour of business time.
    Orphans,
    /// What the card processor told us and did not reach us.
    Notices,
    /// Months that are over, or soon will be.
    Expired,
    /// Whether the books agree: at the start and then once a day of business time.
    Ledger,
    /// How fast nodes are, by their own word.
    Benchmarks,
    /// What is over and needed by nobody: at the start and then once a day of business time.
    Leftovers,
}

impl Sweep {
    /// Resolves when the next round may find something before its time.
    async fn news(self, app: &App) {
        match self {
            // A chain that does not tell is looked at by the timer.
            Sweep::Bills => {
                if app.more_to_bill().await.is_err() {
                    std::future::pending().await
                }
            }
            Sweep::Purse => app.purse_moved().await,
            _ => std::future::pending().await,
        }
    }

    async fn once(self, app: &App) -> Result<()> {
        match self {
            Sweep::Nodes => app.refresh_nodes().await.map(drop),
            Sweep::Bills => {
                // After a leap there is more than one helping to read.
                while app.read_bills().await? > 1 {}
                Ok(())
            }
            Sweep::Purse => app.refresh_purse().await,
            Sweep::Calls => app.drive_open_calls().await.map(drop),
            Sweep::Orders => app.reconcile_orders().await.map(drop),
            Sweep::Backups => app.watch_backups().await.map(drop),
            Sweep::Copies => app.watch_home_copies().await.map(drop),
            Sweep::Addresses => app.reconcile_addresses().await.map(drop),
            Sweep::Contracts => app.reconcile_contracts().await.map(drop),
            Sweep::Outages => app.watch_orders().await.map(drop),
            Sweep::Swarms => app.watch_swarms().await.map(drop),
            Sweep::Orphans => app.look_for_orphans_hourly().await.map(drop),
            Sweep::Notices => app.sweep_notices().await.map(drop),
            Sweep::Expired => {
                app.remind_of_ends().await?;
                app.end_expired().await.map(drop)
            }
            Sweep::Ledger => app.check_ledger_daily().await,
            Sweep::Benchmarks => app.ask_benchmarks().await.map(drop),
            Sweep::Leftovers => app.clear_leftovers_daily().await,
        }
    }
}

async fn repeat(
    name: &'static str,
    every: Duration,
    app: Arc<App>,
    mut stopped: watch::Receiver<bool>,
    mut leaps: Option<watch::Receiver<u64>>,
    sweep: Sweep,
) {
    while !*stopped.borrow() {
        let (wait, listens) = match guarded(sweep.once(&app), &mut stopped).await {
            Some(Ok(())) => (every, true),
            // Cut off by the stop, which is said only once: waiting for it again would be waiting for nothing.
            None => return,
            Some(Err(error)) => {
                match error.kind() {
                    Kind::Unavailable => tracing::info!(name, ?error, "a sweep has to wait"),
                    _ => tracing::error!(name, ?error, "a sweep failed"),
                }
                // What failed is news still: listening would end the wait at once.
                (AFTER_FAILURE, false)
            }
        };
        tokio::select! {
            biased;
            _ = stopped.changed() => {}
            () = leap(&mut leaps) => {}
            () = sweep.news(&app), if listens => {}
            () = tokio::time::sleep(wait) => {}
        }
    }
}

/// None when the stop came first: a sweep may be cut off anywhere.
async fn guarded<T>(work: impl Future<Output = T>, stopped: &mut watch::Receiver<bool>) -> Option<T> {
    tokio::select! {
        biased;
        _ = stopped.changed() => None,
        done = work => Some(done),
    }
}
