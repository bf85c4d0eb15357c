//! What we owe, in the order it is due.

use std::collections::BTreeSet;

use super::page::{AGES, turned};
use super::schema::{JOB_BY_WORK, JOBS, JOBS_BY_DUE, JOBS_PARKED};
use super::{Index, Order, Read, Snapshot, Turn, Tx};
use crate::base::ids::JobId;
use crate::base::{Error, Result, Time};
use crate::domain::job::{Job, Work};

/// Jobs that are woken together.
const HELPING: usize = 500;

pub trait Jobs: Read {
    fn job(&self, id: JobId) -> Result<Option<Job>> {
        self.get(&JOBS, id)
    }

    fn job_for(&self, work: &Work) -> Result<Option<Job>> {
        match self.get(&JOB_BY_WORK, work.key().as_str())? {
            Some(id) => self.job(id),
            None => Ok(None),
        }
    }

    /// Jobs that are due until `now`, the longest due first.
    fn jobs_due(&self, now: Time, limit: usize) -> Result<Vec<Job>> {
        let due = self.links::<_, _, Time>(&JOBS_BY_DUE, ..=now, Order::Up, limit)?;
        due.into_iter().map(|(_, id)| self.need(&JOBS, id, "job")).collect()
    }

    /// A page of the jobs that wait for their time, the latest due first: what fails again and again waits longest.
    fn jobs_waiting(&self, turn: Turn<(Time, JobId)>, limit: usize) -> Result<Vec<Job>> {
        page(self, &JOBS_BY_DUE, turn, limit)
    }

    /// A page of the jobs that wait for the operator, newest first.
    fn jobs_parked(&self, turn: Turn<(Time, JobId)>, limit: usize) -> Result<Vec<Job>> {
        page(self, &JOBS_PARKED, turn, limit)
    }

    /// When the next job is due that is not one of `busy`.
    fn next_due(&self, busy: &BTreeSet<JobId>) -> Result<Option<Time>> {
        let first = self.links::<_, _, Time>(&JOBS_BY_DUE, .., Order::Up, busy.len() + 1)?;
        Ok(first.into_iter().find(|(_, id)| !busy.contains(id)).map(|(due, _)| due))
    }
}

impl<T: Read> Jobs for T {}

fn page(reader: &(impl Read + ?Sized), index: &Index<Time, JobId>, turn: Turn<(Time, JobId)>, limit: usize) -> Result<Vec<Job>> {
    let all = ((AGES.0, JobId::from_bits(0)), (AGES.1, JobId::from_bits(u128::MAX)));
    let links = turned(reader, index, all, turn, limit)?;
    links.into_iter().map(|(_, id)| reader.need(&JOBS, id, "job")).collect()
}

impl Snapshot {
    /// How many jobs wait for their time, and how many for the operator.
    pub fn job_counts(&self) -> Result<(u64, u64)> {
        Ok((self.count_links(&JOBS_BY_DUE)?, self.count_links(&JOBS_PARKED)?))
    }
}

impl Tx<'_> {
    /// Owes a work from `due` on. If it is owed already, the earlier moment counts; a parked one stays parked.
    pub fn owe(&mut self, id: JobId, work: Work, due: Time) -> Result<()> {
        if let Some(job) = self.job_for(&work)? {
            let due = if job.parked { job.due } else { job.due.min(due) };
            return self.put_job(&Job { due, asked: job.asked + 1, ..job });
        }
        self.put(&JOB_BY_WORK, work.key().as_str(), &id)?;
        self.put_job(&Job { id, work, created: due, due, failures: 0, last_error: None, parked: false, asked: 1 })
    }

    /// Owes a work that must not run before a person has looked at it.
    pub fn owe_parked(&mut self, id: JobId, work: Work, why: &str, now: Time) -> Result<()> {
        self.owe(id, work.clone(), now)?;
        let job = self.job_for(&work)?.ok_or_else(|| Error::internal("A job that was just written is not there."))?;
        self.put_job(&job.parked(why))
    }

    pub fn put_job(&mut self, job: &Job) -> Result<()> {
        self.unlist_job(job.id)?;
        if job.parked {
            self.link(&JOBS_PARKED, job.due, job.id);
        } else {
            self.link(&JOBS_BY_DUE, job.due, job.id);
        }
        self.put(&JOBS, job.id, job)
    }

    /// Notes how a run of `job` ended: None is done for good. Asked for again meanwhile, it stays due.
    pub fn end_run(&mut self, job: &Job, next: Option<Job>) -> Result<()> {
        let Some(now) = self.job(job.id)? else { return Ok(()) };
        if now.asked != job.asked {
            let failures = next.as_ref().map_or(0, |next| next.failures);
            return self.put_job(&Job { failures, ..now });
        }
        match next {
            Some(next) => self.put_job(&next),
            None => {
                self.unlist_job(job.id)?;
                self.remove(&JOBS, job.id)?;
                self.remove(&JOB_BY_WORK, job.work.key().as_str()).map(|_| ())
            }
        }
    }

    /// Takes a parked job up again, now.
    pub fn retry_job(&mut self, id: JobId, now: Time) -> Result<()> {
        let job = self.job(id)?.filter(|job| job.parked).ok_or_else(|| Error::not_found("parked job"))?;
        self.put_job(&Job { parked: false, failures: 0, due: now, ..job })
    }

    /// Makes due what waits for a moment later than `latest`; gives how much that was.
    pub fn wake_jobs(&mut self, latest: Time, now: Time) -> Result<usize> {
        let mut woken = 0;
        loop {
            let late = self.links::<_, _, Time>(&JOBS_BY_DUE, latest.., Order::Down, HELPING)?;
            if late.is_empty() {
                return Ok(woken);
            }
            for (_, id) in late {
                let job: Job = self.need(&JOBS, id, "job")?;
                self.put_job(&Job { due: now, ..job })?;
                woken += 1;
            }
        }
    }

    fn unlist_job(&mut self, id: JobId) -> Result<()> {
        if let Some(old) = self.job(id)? {
            self.unlink(&JOBS_BY_DUE, old.due, id);
            self.unlink(&JOBS_PARKED, old.due, id);
        }
        Ok(())
    }
}
