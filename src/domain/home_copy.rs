//! Copies on a machine of the customer's own: what it is to fetch and how often, what it said of that, and when it is late.

use std::time::Duration;

use serde::{Deserialize, Serialize};

use super::sync::{Run, folders, parse_folders};
use crate::base::Time;
use crate::base::ids::OrderId;
use crate::base::text::MountPath;
use crate::base::time::DAY;

/// Days between two copies.
pub const DAYS: (u32, u32) = (1, 31);
/// As long as nobody says otherwise.
pub const USUAL_DAYS: u32 = 7;
/// Copies that are remembered.
const RUNS_MAX: usize = 12;
/// A machine at home may be off for a while.
const GRACE: Duration = DAY;
/// How often its owner is told that it is late, for as long as it is.
const TOLD_EVERY: Duration = Duration::from_secs(7 * DAY.as_secs());

/// What is fetched, and how often.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Plan {
    pub days: u32,
    pub folders: Vec<MountPath>,
}

/// What we know of the copies of one order.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct HomeCopies {
    pub order: OrderId,
    pub plan: Plan,
    /// Since when this plan is wanted.
    pub since: Time,
    /// The newest last.
    #[serde(default)]
    pub runs: Vec<Run>,
    /// The newest whole copy holds everything that was written before this moment.
    #[serde(default)]
    pub last: Option<Time>,
    /// When its owner was told that it is late.
    #[serde(default)]
    pub alarmed: Option<Time>,
}

impl Plan {
    /// What a form says: days, and folders one a line.
    ///
    /// # Errors
    /// The field that is wrong, and why.
    pub fn parse(days: &str, folders: &str) -> Result<Plan, (&'static str, String)> {
        let (least, most) = DAYS;
        let read = days.trim().parse().ok().filter(|days| (least..=most).contains(days));
        let days = read.ok_or_else(|| ("days", format!("A whole number of days from {least} to {most}, please.")))?;
        Ok(Plan { days, folders: parse_folders(folders)? })
    }

    pub fn interval(&self) -> Duration {
        DAY * self.days
    }
}

impl HomeCopies {
    pub fn new(order: OrderId, plan: Plan, now: Time) -> HomeCopies {
        HomeCopies { order, plan, since: now, runs: vec![], last: None, alarmed: None }
    }

    /// Remembers what became of a copy; one that was told already is told again when an answer is lost.
    pub fn add(&mut self, run: Run, now: Time) {
        if self.runs.iter().any(|known| known.started == run.started && known.wrong == run.wrong) {
            return;
        }
        if run.wrong.is_none() {
            // A clock that is ahead can't make a copy newer than this moment, and an old one makes it no older.
            self.last = self.last.max(Some(run.started.min(now)));
        }
        if self.runs.len() >= RUNS_MAX {
            self.runs.remove(0);
        }
        self.runs.push(run);
    }

    /// Whether there was no new copy for longer than there should be.
    pub fn is_late(&self, now: Time) -> bool {
        now.since(self.last.unwrap_or(self.since).max(self.since)) > self.plan.interval() + GRACE
    }

    /// Whether its owner has to be told now: a machine that said that it ends is not waited for.
    pub fn is_alarming(&self, ended: bool, now: Time) -> bool {
        !ended && self.is_late(now) && self.alarmed.is_none_or(|told| now.since(told) >= TOLD_EVERY)
    }

    /// What the machine is told to do; None: the server can't be reached just now.
    pub fn told(&self, address: Option<&str>, now: Time) -> String {
        let folders = folders(&self.plan.folders);
        match address {
            Some(address) => {
                let minutes = self.plan.days * 24 * 60;
                format!("role pull\nevery {minutes}\nnow {}\npeer {address}\n{folders}", now.secs())
            }
            None => format!("role wait\n{folders}"),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::base::time::MINUTE;

    fn copies() -> HomeCopies {
        HomeCopies::new(OrderId::from_bits(1), Plan::parse("7", "/srv\n/home").unwrap(), Time::from_secs(100_000))
    }

    fn run(at: Time, wrong: Option<&str>) -> Run {
        Run { started: at, finished: at + MINUTE, bytes: 5, wrong: wrong.map(str::to_owned) }
    }

    #[test]
    fn a_plan_is_days_and_folders() {
        let field = |days, folders| Plan::parse(days, folders).unwrap_err().0;
        assert_eq!(
            [field("0", "/srv"), field("32", "/srv"), field("", "/srv"), field("7", "")],
            ["days", "days", "days", "folders"]
        );
        let told = copies().told(Some("5f1::2"), Time::from_secs(77));
        assert_eq!(told, "role pull\nevery 10080\nnow 77\npeer 5f1::2\nfolder /srv\nfolder /home\n");
        assert_eq!(copies().told(None, Time::from_secs(77)), "role wait\nfolder /srv\nfolder /home\n");
    }

    #[test]
    fn it_is_late_a_day_after_its_time_and_told_once_a_week() {
        let (mut copies, start) = (copies(), copies().since);
        assert!(!copies.is_late(start + DAY * 8) && copies.is_late(start + DAY * 8 + MINUTE), "there never was one");
        copies.add(run(start + DAY * 5, None), start + DAY * 5);
        copies.add(run(start + DAY * 12, Some("no way in")), start + DAY * 12);
        assert_eq!((copies.last, copies.runs.len()), (Some(start + DAY * 5), 2));
        let late = start + DAY * 13 + MINUTE;
        assert!(!copies.is_alarming(false, late - MINUTE) && copies.is_alarming(false, late) && !copies.is_alarming(true, late));
        copies.alarmed = Some(late);
        assert!(!copies.is_alarming(false, late + DAY) && copies.is_alarming(false, late + DAY * 7));
        // Nothing of the future, nothing twice, and nothing older in place of what is newer.
        copies.add(run(late + DAY, None), late);
        copies.add(run(late + DAY, None), late);
        copies.add(run(start, None), late);
        assert_eq!((copies.last, copies.runs.len()), (Some(late), 4));
        (0..50).for_each(|n| copies.add(run(late + MINUTE * n, None), late));
        assert_eq!(copies.runs.len(), RUNS_MAX);
    }
}
