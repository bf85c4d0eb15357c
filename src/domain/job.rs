//! Everything we owe. A job holds ids, is safe to run twice, and is parked for the operator when it fails too often.

use std::time::Duration;

use serde::{Deserialize, Serialize};

use crate::base::Time;
use crate::base::ids::{ChargeId, JobId, MailId, MaintenanceId, OrderId, RefundId, RevisionId, WebAddressId};

/// What is owed. One job a work: asking twice is asking once.
#[derive(Debug, Clone, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Work {
    /// Take an order to its next rung, or down again.
    ClimbOrder(OrderId),
    /// Cancel the contract of an attempt that failed.
    CancelAttempt {
        order: OrderId,
        attempt: u32,
    },
    /// Build an order's backup VM, or take it down.
    TendBackup(OrderId),
    /// Take a change of something that runs onwards, or back.
    Revise(RevisionId),
    /// Take a web address onwards, or look whether it works.
    TendAddress(WebAddressId),
    /// Book what the card processor kept for a charge.
    BookFee(ChargeId),
    /// Give money back.
    PayRefund(RefundId),
    /// Look at what a webhook points to.
    ReadNotice(String),
    SendMail(MailId),
    /// Tell everybody who has something on a node what its provider says of its maintenance.
    TellTenants(MaintenanceId),
    /// Build an order's storage swarm, mend it, or take it down.
    TendSwarm(OrderId),
    /// Try whether a swarm keeps what it promises.
    DrillSwarm(OrderId),
    /// Terms, twin, relay: what the operator's account on the grid needs.
    SetUpGrid,
}

impl Work {
    /// The key it is unique by.
    pub fn key(&self) -> String {
        match self {
            Work::ClimbOrder(order) => format!("climb-order/{order}"),
            Work::CancelAttempt { order, attempt } => format!("cancel-attempt/{order}/{attempt}"),
            Work::TendBackup(order) => format!("tend-backup/{order}"),
            Work::Revise(revision) => format!("revise/{revision}"),
            Work::TendAddress(address) => format!("tend-address/{address}"),
            Work::BookFee(charge) => format!("book-fee/{charge}"),
            Work::PayRefund(refund) => format!("pay-refund/{refund}"),
            Work::ReadNotice(notice) => format!("read-notice/{notice}"),
            Work::SendMail(mail) => format!("send-mail/{mail}"),
            Work::TellTenants(window) => format!("tell-tenants/{window}"),
            Work::TendSwarm(order) => format!("tend-swarm/{order}"),
            Work::DrillSwarm(order) => format!("drill-swarm/{order}"),
            Work::SetUpGrid => "set-up-grid".into(),
        }
    }

    /// For people.
    pub fn title(&self) -> String {
        match self {
            Work::ClimbOrder(order) => format!("Take order {order} onwards"),
            Work::CancelAttempt { order, attempt } => format!("Clean up attempt {} of order {order}", attempt + 1),
            Work::TendBackup(order) => format!("Look after the backup VM of order {order}"),
            Work::Revise(revision) => format!("Take change {revision} onwards"),
            Work::TendAddress(address) => format!("Look after web address {address}"),
            Work::BookFee(charge) => format!("Book the card fee of {charge}"),
            Work::PayRefund(refund) => format!("Pay refund {refund}"),
            Work::ReadNotice(notice) => format!("Look into card notice {notice}"),
            Work::SendMail(mail) => format!("Send mail {mail}"),
            Work::TellTenants(window) => format!("Tell tenants of maintenance {window}"),
            Work::TendSwarm(order) => format!("Look after the storage swarm of order {order}"),
            Work::DrillSwarm(order) => format!("Drill the storage swarm of order {order}"),
            Work::SetUpGrid => "Set up the grid account".into(),
        }
    }
}

/// How a run ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Next {
    Done,
    /// Not finished and nothing wrong: look again then.
    Again(Time),
    /// Trying again by itself would do no good: a person must look, and is told why.
    Park(&'static str),
}

#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Job {
    pub id: JobId,
    pub work: Work,
    pub created: Time,
    pub due: Time,
    /// Failures in a row.
    #[serde(default)]
    pub failures: u32,
    #[serde(default)]
    pub last_error: Option<String>,
    /// Waits for the operator to say "try again".
    #[serde(default)]
    pub parked: bool,
    /// How often it was asked for: a run that was asked for again meanwhile is not the last one.
    #[serde(default)]
    pub asked: u32,
}

/// Failures in a row after which a job is parked: with the waits below that is about a day.
pub const MAX_FAILURES: u32 = 20;

/// How long to wait after the `failures`th failure in a row: 2 s, 4 s, … at most two hours.
pub fn backoff(failures: u32) -> Duration {
    Duration::from_secs(1 << failures.min(20)).min(Duration::from_secs(7200))
}

/// No job waits longer than this between two looks. One that seems to was put off by a clock that was ahead.
pub const LONGEST_NAP: Duration = Duration::from_secs(2 * 3600);

/// The longest wait for somebody who does not answer: when he is back, everybody should notice soon.
const LONGEST_WAIT: Duration = Duration::from_secs(600);

impl Job {
    /// The job after a run that got no answer from outside. It waits, however long that takes: nobody here can do anything.
    pub fn unanswered(mut self, error: String, now: Time) -> Job {
        self.failures = self.failures.saturating_add(1);
        self.last_error = Some(error);
        self.due = now + backoff(self.failures).min(LONGEST_WAIT);
        self
    }

    /// The job that a person must look at.
    pub fn parked(mut self, why: &str) -> Job {
        self.last_error = Some(why.to_owned());
        self.parked = true;
        self
    }

    /// The job after a failed run.
    pub fn failed(mut self, error: String, now: Time) -> Job {
        self.failures += 1;
        self.last_error = Some(error);
        self.parked = self.failures >= MAX_FAILURES;
        self.due = now + backoff(self.failures);
        self
    }

    /// The job after a run that wants to look again.
    pub fn again(mut self, at: Time) -> Job {
        self.failures = 0;
        self.last_error = None;
        self.due = at;
        self
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_job_that_keeps_failing_is_parked_after_about_a_day() {
        let mut now = Time::from_secs(0);
        let mut job = Job {
            id: JobId::from_bits(1),
            work: Work::SetUpGrid,
            created: now,
            due: now,
            failures: 0,
            last_error: None,
            parked: false,
            asked: 1,
        };
        let mut runs = 0;
        while !job.parked {
            runs += 1;
            job = job.failed("no answer".into(), now);
            now = job.due;
        }
        assert_eq!(runs, MAX_FAILURES);
        assert!((12 * 3600..36 * 3600).contains(&now.secs()), "{} s", now.secs());
        assert_eq!(job.again(now).failures, 0);
    }

    #[test]
    fn a_job_that_gets_no_answer_waits_for_ever_and_notices_soon_when_there_is_one() {
        let mut job = Job {
            id: JobId::from_bits(1),
            work: Work::SetUpGrid,
            created: Time::EPOCH,
            due: Time::EPOCH,
            failures: 0,
            last_error: None,
            parked: false,
            asked: 1,
        };
        for _ in 0..1000 {
            let now = job.due;
            job = job.unanswered("no answer".into(), now);
            assert!(!job.parked && job.due > now && job.due <= now + LONGEST_WAIT);
        }
    }
}
