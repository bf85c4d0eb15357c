//! What is owed: waiting for its time, and parked for the operator.

use maud::{Markup, html};
use serde::Serialize;

use crate::base::Time;
use crate::base::ids::JobId;
use crate::web::ui::form;
use crate::web::ui::format::{ago, when};
use crate::web::ui::part::{self, Pager, Tone, number, text};
use crate::web::ui::{Chrome, layout};

#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum JobState {
    Waiting,
    Parked,
}

impl JobState {
    pub const ALL: [JobState; 2] = [JobState::Waiting, JobState::Parked];

    pub const fn name(self) -> &'static str {
        match self {
            JobState::Waiting => "Waiting",
            JobState::Parked => "Parked",
        }
    }

    /// As it stands in an address.
    pub const fn slug(self) -> &'static str {
        match self {
            JobState::Waiting => "waiting",
            JobState::Parked => "parked",
        }
    }

    /// The state that `slug` writes.
    pub fn with_slug(text: &str) -> Option<JobState> {
        JobState::ALL.into_iter().find(|state| state.slug() == text)
    }

    fn badge(self) -> Markup {
        match self {
            JobState::Waiting => part::badge(Tone::Quiet, self.name()),
            JobState::Parked => part::badge(Tone::Bad, self.name()),
        }
    }
}

#[derive(Debug, Clone, Serialize)]
pub struct Job {
    pub id: JobId,
    /// What is to be done, and to what.
    pub what: String,
    pub state: JobState,
    pub tries: u32,
    pub since: Time,
    /// When it is tried next.
    pub due: Option<Time>,
    pub error: Option<String>,
}

#[derive(Debug, Clone, Serialize)]
pub struct View {
    pub jobs: Vec<Job>,
    /// The only jobs that are shown.
    pub state: JobState,
    pub pager: Pager,
    pub now: Time,
}

pub fn page(chrome: &Chrome, view: &View) -> Markup {
    layout(
        chrome,
        "Jobs",
        html! {
            div.wrap.stack {
                (part::head(
                    "Jobs",
                    html! { "Everything we owe somebody. A job that failed too often is parked until you look at it." },
                    html! {},
                ))
                nav.filters aria-label="Show only" {
                    @for state in JobState::ALL {
                        a href={ "/operator/jobs?state=" (state.slug()) } aria-current=[(view.state == state).then_some("true")] {
                            (state.name())
                        }
                    }
                }
                @if view.jobs.is_empty() {
                    (part::empty(
                        match view.state { JobState::Waiting => "Nothing is owed", JobState::Parked => "Nothing is parked" },
                        "New jobs appear with the next order, payment or bill.",
                        html! { a.btn.quiet href="/operator" { "Back to the overview" } },
                    ))
                } @else {
                    (part::table("Jobs", &COLUMNS, view.jobs.iter().map(|job| row(chrome, job, view.now)).collect()))
                    (part::pager(&view.pager))
                }
            }
        },
    )
}

const COLUMNS: [part::Column; 4] = [text("Job"), text("State"), number("Tries"), text("Last error")];

fn row(chrome: &Chrome, job: &Job, now: Time) -> Vec<Markup> {
    vec![
        html! {
            @let (what, whom) = parts(&job.what);
            strong { (what) }
            @if let Some(whom) = whom { span.sub { code { (whom) } } }
            span.sub { "Since " (ago(job.since, now)) }
        },
        html! {
            (job.state.badge())
            @if let Some(due) = job.due.filter(|_| job.state == JobState::Waiting) { span.sub { "Next: " (when(due)) } }
        },
        html! { (job.tries) },
        html! {
            @match &job.error { Some(error) => (error), None => span.soft { "–" } }
            @if job.state == JobState::Parked {
                div.row-action {
                    (form::post(chrome, &format!("/operator/jobs/{}/retry", job.id), html! {
                        button.btn.quiet.small type="submit" { "Try again" span.hidden { ": " (job.what) } }
                    }))
                }
            }
        },
    ]
}

/// What is to be done, and the id of what it is done to, if the title ends with one.
fn parts(what: &str) -> (&str, Option<&str>) {
    match what.rsplit_once(' ') {
        Some((what, id)) if id.contains('_') => (what, Some(id)),
        _ => (what, None),
    }
}
