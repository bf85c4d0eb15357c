//! What we owe, in the order it is due.

use super::schema::{JOBS, JOBS_BY_DUE, JOBS_PARKED, JOB_BY_WORK};
use super::{Order, Read, Tx};
use crate::base::ids::JobId;
use crate::base::{Error, Result, Time};
use crate::domain::job::{Job, Work};

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

    /// Jobs that wait, whether or not they are due yet.
    fn jobs_waiting(&self, limit: usize) -> Result<Vec<Job>> {
        let due = self.links::<_, _, Time>(&JOBS_BY_DUE, .., Order::Up, limit)?;
        due.into_iter().map(|(_, id)| self.need(&JOBS, id, "job")).collect()
    }

    /// Jobs that wait for the operator, newest first.
    fn jobs_parked(&self, limit: usize) -> Result<Vec<Job>> {
        let parked = self.links::<_, _, Time>(&JOBS_PARKED, .., Order::Down, limit)?;
        parked.into_iter().map(|(_, id)| self.need(&JOBS, id, "job")).collect()
    }

    /// When the next job is due.
    fn next_due(&self) -> Result<Option<Time>> {
        Ok(self.links::<_, _, Time>(&JOBS_BY_DUE, .., Order::Up, 1)?.first().map(|(due, _)| *due))
    }
}

impl<T: Read> Jobs for T {}

impl Tx<'_> {
    /// Owes a work from `due` on. If it is owed already, the earlier moment counts; a parked one stays parked.
    pub fn owe(&mut self, id: JobId, work: Work, due: Time) -> Result<()> {
        if let Some(job) = self.job_for(&work)? {
            if !job.parked && due < job.due {
                self.put_job(&Job { due, ..job })?;
            }
            return Ok(());
        }
        self.put(&JOB_BY_WORK, work.key().as_str(), &id)?;
        self.put_job(&Job { id, work, created: due, due, failures: 0, last_error: None, parked: false })
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

    /// The work is done.
    pub fn drop_job(&mut self, id: JobId) -> Result<()> {
        self.unlist_job(id)?;
        if let Some(job) = self.take(&JOBS, id)? {
            self.remove(&JOB_BY_WORK, job.work.key().as_str())?;
        }
        Ok(())
    }

    /// Takes a parked job up again, now.
    pub fn retry_job(&mut self, id: JobId, now: Time) -> Result<()> {
        let job = self.job(id)?.filter(|job| job.parked).ok_or_else(|| Error::not_found("parked job"))?;
        self.put_job(&Job { parked: false, failures: 0, due: now, ..job })
    }

    fn unlist_job(&mut self, id: JobId) -> Result<()> {
        if let Some(old) = self.job(id)? {
            self.unlink(&JOBS_BY_DUE, old.due, id);
            self.unlink(&JOBS_PARKED, old.due, id);
        }
        Ok(())
    }
}
