//! Two machines kept in step by themselves: what one says of a copy it made, what the other says it holds, and what both are told.

mod read;

use std::time::Duration;

use serde::{Deserialize, Serialize};

use crate::base::Time;
use crate::base::text::{MountPath, SshKey};
use crate::base::time::MINUTE;

pub use read::Told;

/// Minutes between two copies.
pub const EVERY_MIN: (u32, u32) = (5, 1440);
/// Folders that are copied.
pub const FOLDERS_MAX: usize = 8;
/// Copies that are remembered.
const RUNS_MAX: usize = 30;
/// So many intervals without a newer copy, and its owner is told.
const LATE_AFTER: u32 = 3;
/// The largest message about it, in bytes.
pub const MESSAGE_BYTES: usize = 4096;

/// What is copied, and how often.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Plan {
    /// Minutes.
    pub every: u32,
    pub folders: Vec<MountPath>,
}

/// One copy, as the machine that made it tells.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Run {
    pub started: Time,
    pub finished: Time,
    /// Bytes that had changed.
    pub bytes: u64,
    /// None: it went well.
    #[serde(default)]
    pub wrong: Option<String>,
}

/// What the other machine holds: everything that was written before `marker`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct Held {
    pub marker: Time,
    pub told: Time,
}

/// How the two are kept in step.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(default)]
pub struct Sync {
    pub plan: Option<Plan>,
    /// Since when this plan is wanted.
    pub planned: Option<Time>,
    /// The public half of the key that the first machine made for itself.
    pub key: Option<SshKey>,
    /// The key by which the second one is known.
    pub host: Option<SshKey>,
    pub runs: Vec<Run>,
    pub held: Option<Held>,
    /// When its owner was told that it is late.
    pub alarmed: Option<Time>,
}

impl Sync {
    /// Remembers a copy; one that was told already is told again when an answer is lost.
    pub fn add(&mut self, run: Run) {
        if self.runs.iter().any(|known| known.started == run.started) {
            return;
        }
        if self.runs.len() >= RUNS_MAX {
            self.runs.remove(0);
        }
        self.runs.push(run);
    }

    /// What is held is never older than what was held before.
    pub fn hold(&mut self, marker: Time, now: Time) {
        // A clock that is ahead can't make a copy newer than this moment.
        let marker = marker.min(now).max(self.held.map_or(marker, |held| held.marker));
        self.held = Some(Held { marker, told: now });
    }

    /// Whether it is late enough to be told of: no newer copy for three intervals, from the moment on at which both machines could.
    pub fn is_late(&self, both_since: Time, now: Time) -> bool {
        let Some(plan) = &self.plan else { return false };
        let from = self.held.map_or(both_since.max(self.planned.unwrap_or(both_since)), |held| held.marker);
        now.since(from) > LATE_AFTER * plan.interval()
    }
}

impl Plan {
    pub fn interval(&self) -> Duration {
        MINUTE * self.every
    }

    /// What a form says: minutes, and folders one a line.
    ///
    /// # Errors
    /// The field that is wrong, and why.
    pub fn parse(every: &str, folders: &str) -> Result<Plan, (&'static str, String)> {
        let (least, most) = EVERY_MIN;
        let minutes = every.trim().parse().ok().filter(|minutes| (least..=most).contains(minutes));
        let every = minutes.ok_or_else(|| ("every", format!("A whole number of minutes from {least} to {most}, please.")))?;
        Ok(Plan { every, folders: parse_folders(folders)? })
    }
}

/// What a form says, one a line.
///
/// # Errors
/// The field, and why.
pub fn parse_folders(text: &str) -> Result<Vec<MountPath>, (&'static str, String)> {
    let mut read: Vec<MountPath> = Vec::new();
    for line in text.lines().map(str::trim).filter(|line| !line.is_empty()) {
        let path = MountPath::parse(line).map_err(|why| ("folders", format!("{line}: {why}")))?;
        if !read.contains(&path) {
            read.push(path);
        }
    }
    match read.len() {
        0 => Err(("folders", "Which folders should be copied?".into())),
        1..=FOLDERS_MAX => Ok(read),
        _ => Err(("folders", format!("At most {FOLDERS_MAX} folders, please."))),
    }
}

/// What the first machine is told to do.
pub fn push(plan: &Plan, address: &str, host: &SshKey, now: Time) -> String {
    format!(
        "role push\nevery {}\nnow {}\npeer {address}\nhost {}\n{}",
        plan.every,
        now.secs(),
        bare(host),
        folders(&plan.folders)
    )
}

/// What a machine is told that has nothing to do, or not yet.
pub const WAIT: &str = "role wait\n";

/// What the second machine is told: who may write to it, and where.
pub fn hold(key: Option<&SshKey>, plan: &Plan) -> String {
    let Some(key) = key else { return WAIT.to_owned() };
    format!("role hold\nauthorize {}\n{}", bare(key), folders(&plan.folders))
}

/// As lines of what a machine is told.
pub(super) fn folders(folders: &[MountPath]) -> String {
    folders.iter().map(|folder| format!("folder {folder}\n")).collect()
}

/// Type and key, without the words behind them.
fn bare(key: &SshKey) -> String {
    key.as_str().split(' ').take(2).collect::<Vec<_>>().join(" ")
}

#[cfg(test)]
mod tests {
    use super::*;

    fn plan() -> Plan {
        Plan::parse("15", "/srv\n\n /mnt/data1 \n/srv\n").unwrap()
    }

    #[test]
    fn a_plan_is_minutes_and_folders_that_may_be_written_over() {
        assert_eq!((plan().every, plan().folders.len()), (15, 2));
        let field = |every, folders| Plan::parse(every, folders).unwrap_err().0;
        assert_eq!([field("4", "/srv"), field("x", "/srv"), field("1441", "/srv")], ["every"; 3]);
        assert_eq!([field("15", ""), field("15", "/etc"), field("15", "srv"), field("15", "/srv\n/usr")], ["folders"; 4]);
        let many: String = (0..9).map(|n| format!("/mnt/{n}\n")).collect();
        assert_eq!(field("15", &many), "folders");
    }

    #[test]
    fn it_is_late_after_three_intervals_without_a_newer_copy() {
        let start = Time::from_secs(100_000);
        let mut sync = Sync::default();
        assert!(!sync.is_late(start, start + MINUTE * 1000), "nothing was planned");
        (sync.plan, sync.planned) = (Some(plan()), Some(start + MINUTE));
        assert!(!sync.is_late(start, start + MINUTE * 46));
        assert!(sync.is_late(start, start + MINUTE * 47));
        sync.hold(start + MINUTE * 46, start + MINUTE * 47);
        assert!(!sync.is_late(start, start + MINUTE * 91));
        assert!(sync.is_late(start, start + MINUTE * 92));
        // An older marker changes nothing, and one of the future is none.
        sync.hold(start, start + MINUTE * 92);
        assert_eq!(sync.held.unwrap().marker, start + MINUTE * 46);
        sync.hold(start + MINUTE * 1000, start + MINUTE * 93);
        assert_eq!(sync.held.unwrap().marker, start + MINUTE * 93);
    }

    #[test]
    fn a_copy_that_is_told_twice_is_one() {
        let mut sync = Sync::default();
        let run = |n| Run { started: Time::from_secs(n), finished: Time::from_secs(n + 1), bytes: 5, wrong: None };
        for n in [1, 2, 2, 1] {
            sync.add(run(n));
        }
        assert_eq!(sync.runs.len(), 2);
        (10..100).for_each(|n| sync.add(run(n)));
        assert_eq!((sync.runs.len(), sync.runs[29].started), (RUNS_MAX, Time::from_secs(99)));
    }

    #[test]
    fn what_machines_are_told_has_no_word_too_many() {
        let key = SshKey::parse("ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAILM+rvN+ot98qgEN796jTiQfZfG1KaT0PtFDJ/XFSqti a@b").unwrap();
        let told = push(&plan(), "5f1::2", &key, Time::from_secs(77));
        assert!(told.starts_with("role push\nevery 15\nnow 77\npeer 5f1::2\nhost ssh-ed25519 AAAA"), "{told}");
        assert!(told.ends_with("XFSqti\nfolder /srv\nfolder /mnt/data1\n"), "{told}");
        let told = hold(Some(&key), &plan());
        assert!(told.starts_with("role hold\nauthorize ssh-ed25519 AAAA") && told.ends_with("folder /mnt/data1\n"), "{told}");
        assert_eq!(hold(None, &plan()), WAIT);
    }
}
