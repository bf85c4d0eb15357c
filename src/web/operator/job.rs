//! What is owed, and a second chance for what is parked.

use actix_web::web::Path;

use super::id;
use crate::base::Error;
use crate::domain::job::Job;
use crate::store::job::Jobs;
use crate::web::error::PageResult;
use crate::web::extract::{Form, Operator};
use crate::web::list::{Query, ROWS, paged, read_mark, turn, write_mark};
use crate::web::page::operator::jobs::{self, JobState, View, page};

const HERE: &str = "/operator/jobs";

pub async fn list(me: Operator, query: Query) -> PageResult {
    let state = match query.get("state") {
        Some(text) => JobState::with_slug(text).ok_or_else(|| Error::not_found("kind of job"))?,
        None => JobState::Waiting,
    };
    let (turn, snapshot) = (turn(&query, read_mark)?, me.app.read()?);
    let found = match state {
        JobState::Waiting => snapshot.jobs_waiting(turn, ROWS + 1)?,
        JobState::Parked => snapshot.jobs_parked(turn, ROWS + 1)?,
    };
    let (found, pager) = paged(HERE, &[("state", state.slug())], &turn, found, |job: &Job| write_mark(&(job.due, job.id)));
    let view = View { jobs: found.into_iter().map(row).collect(), state, pager, now: me.app.now() };
    Ok(me.show(200, page(&me.chrome(), &view)))
}

pub async fn update(me: Operator, path: Path<String>, _form: Form) -> PageResult {
    me.app.retry_job(id(&path, "parked job")?).await?;
    Ok(me.go_saying(&format!("{HERE}?state=parked"), true, "The job is tried again now."))
}

fn row(job: Job) -> jobs::Job {
    jobs::Job {
        id: job.id,
        what: job.work.title(),
        state: if job.parked { JobState::Parked } else { JobState::Waiting },
        tries: job.failures,
        since: job.created,
        due: (!job.parked).then_some(job.due),
        error: job.last_error,
    }
}
