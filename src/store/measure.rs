//! How fast postings become durable on this machine's disk: one commit each, and many in one commit.

use std::path::Path;
use std::thread;
use std::time::{Duration, Instant};

use serde::Serialize;

use super::check::check;
use super::{Options, Store};
use crate::base::ids::TransferId;
use crate::base::money::{Asset, Usd};
use crate::base::{Error, Result, Time};
use crate::domain::ledger::{Account, Cause, NewTransfer};

/// What was measured.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Figures {
    /// One writer, one durable commit a posting.
    pub single: Run,
    /// Many writers that share commits.
    pub group: Run,
}

impl Figures {
    /// How many times as many postings a second the group makes durable.
    pub fn gain(&self) -> f64 {
        self.group.per_second() / self.single.per_second()
    }
}

#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Run {
    pub writers: u64,
    pub postings: u64,
    pub commits: u64,
    pub took: Duration,
    /// From asking to knowing that it is durable: half of all postings were faster.
    pub median: Duration,
    /// Of a hundred postings, one was slower.
    pub p99: Duration,
}

impl Run {
    pub fn per_second(&self) -> f64 {
        self.postings as f64 / self.took.as_secs_f64().max(f64::MIN_POSITIVE)
    }
}

/// Measures in a new folder inside `dir`, on the disk in question, and removes it. `single` and `group` say how many
/// postings each run makes; the group's are shared among `writers`.
pub fn measure(dir: &Path, writers: u64, single: u64, group: u64) -> Result<Figures> {
    let folder = dir.join(format!("measure-{}", std::process::id()));
    let figures = (|| {
        let one = Options { batch: 1, ..Options::default() };
        let single = run(&folder.join("single"), one, 1, single.max(1))?;
        let group = run(&folder.join("group"), Options::default(), writers.max(1), group.max(1))?;
        Ok(Figures { single, group })
    })();
    if let Err(cause) = std::fs::remove_dir_all(&folder) {
        tracing::warn!(%cause, folder = %folder.display(), "what was measured with could not be removed");
    }
    figures
}

fn run(folder: &Path, options: Options, writers: u64, postings: u64) -> Result<Run> {
    let store = Store::open(folder, options)?;
    let commits = store.commits();
    let begun = Instant::now();
    let runs: Result<Vec<Vec<Duration>>> = thread::scope(|scope| {
        let shares = (0..writers).map(|writer| (writer..postings).step_by(writers as usize));
        let threads: Vec<_> =
            shares.map(|share| scope.spawn(|| share.map(|number| time_one(&store, number)).collect::<Result<_>>())).collect();
        threads.into_iter().map(|thread| thread.join().map_err(|_| Error::internal("A writer panicked."))?).collect()
    });
    let took = begun.elapsed();
    let mut waits: Vec<Duration> = runs?.concat();
    waits.sort_unstable();
    let report = check(&store.read()?, |_, _| ())?;
    if !report.is_clean() || report.transfers != postings {
        return Err(Error::internal("The ledger that was measured with is not clean.").because(format!("{report:?}")));
    }
    let at = |percent: usize| waits.get((waits.len() * percent / 100).min(waits.len() - 1)).copied().unwrap_or_default();
    let commits = *commits.borrow();
    Ok(Run { writers, postings, commits, took, median: at(50), p99: at(99) })
}

/// One posting, from asking to knowing.
fn time_one(store: &Store, number: u64) -> Result<Duration> {
    let asked = Instant::now();
    let new = NewTransfer {
        id: TransferId::from_bits(number.into()),
        debit: Account::opening(Asset::Usd),
        credit: Account::HOSTING,
        amount: Usd::from_units(1).into(),
        cause: Cause::new("measure", number),
        memo: String::new(),
    };
    store.write_blocking(move |tx| tx.transfer(new, Time::EPOCH))?;
    Ok(asked.elapsed())
}

#[cfg(test)]
mod tests {
    use super::super::open::tests::Folder;
    use super::*;

    #[test]
    fn both_runs_post_what_they_were_asked_to_and_the_group_shares_commits() {
        let dir = Folder::new("measure");
        let figures = measure(&dir.0, 16, 20, 320).unwrap();
        assert_eq!((figures.single.postings, figures.single.commits), (20, 20));
        assert_eq!(figures.group.postings, 320);
        assert!(figures.group.commits < 320 / 2, "{figures:?}");
        assert!(figures.single.median <= figures.single.p99);
        assert_eq!(std::fs::read_dir(&dir.0).unwrap().count(), 0, "nothing is left behind");
    }
}
