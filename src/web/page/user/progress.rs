//! A deployment in the making: what is happening now, what comes next, how long it has taken.

use maud::{Markup, html};
use serde::Serialize;

use crate::base::Time;
use crate::base::ids::OrderId;
use crate::domain::revision::Kind;
use crate::web::ui::format::span;
use crate::web::ui::part::{self, Step, StepState};
use crate::web::ui::{Chrome, chart, layout, layout_live};

#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Outcome {
    Running,
    Ready,
    /// It could not be delivered, and nothing is kept.
    Refunded,
    /// The bank said no before anything was begun.
    Declined,
    /// A change that could not be made.
    Unchanged,
}

#[derive(Debug, Clone, Serialize)]
pub struct View {
    pub id: OrderId,
    pub name: String,
    pub steps: Vec<Step>,
    pub outcome: Outcome,
    /// What is changed, of something that runs already.
    pub change: Option<Kind>,
    /// The bank's page, while the bank waits for its customer.
    pub ask: Option<String>,
    pub started: Time,
    pub now: Time,
}

pub fn page(chrome: &Chrome, view: &View) -> Markup {
    let (title, _) = heading(view);
    let frame = if view.outcome == Outcome::Running { layout_live } else { layout };
    frame(
        chrome,
        &title,
        html! {
            div.mid.stack.waiting {
                div.live.stack data-live={ "/deployments/" (view.id) "/events" } { (steps(view)) }
                p.hidden role="status" data-said {}
            }
        },
    )
}

fn heading(view: &View) -> (String, &'static str) {
    match (view.change, view.outcome) {
        (Some(kind), Outcome::Running) => {
            return (
                format!("{} {}", kind.doing(), view.name),
                "You may close this page: the work goes on, and we write to you if it fails.",
            );
        }
        (Some(kind), Outcome::Ready) => {
            return (format!("{} is {}", view.name, kind.done()), "All steps are done. This is how it went.");
        }
        (Some(kind), _) => {
            return (format!("{} was not {}", view.name, kind.done()), "Nothing was charged for it. This is how far it came.");
        }
        (None, _) => {}
    }
    match view.outcome {
        Outcome::Running if lost(view).is_some() => {
            (format!("{} could not be started", view.name), "It is being undone, and you pay nothing. You may close this page.")
        }
        Outcome::Running => {
            (format!("Starting {}", view.name), "You may close this page: the work goes on, and you find it under Deployments.")
        }
        Outcome::Ready => (format!("{} is ready", view.name), "All steps are done. This is how it went."),
        Outcome::Refunded => (format!("{} was not delivered", view.name), "You pay nothing. This is how far it came."),
        Outcome::Declined | Outcome::Unchanged => {
            (format!("{} was not started", view.name), "You pay nothing, and no server was made.")
        }
    }
}

/// How long it has taken, in words.
pub fn clock(view: &View) -> String {
    span(view.now.since(view.started))
}

/// The part that moves. The page shows it once; after that the server sends it again with each change.
pub fn steps(view: &View) -> Markup {
    let done = view.steps.iter().filter(|step| step.state == StepState::Done).count();
    let (title, lead) = heading(view);
    html! {
        (part::head(&title, html! { (lead) }, html! {}))
        div.card.progress-card data-end[view.outcome != Outcome::Running] {
            p.progress-now data-say { (headline(view)) }
            progress.bar.tall value=(done) max=(view.steps.len().max(1)) aria-label="Steps done" {
                (done) " of " (view.steps.len())
            }
            p.progress-foot {
                span { (done) " of " (view.steps.len()) " steps" }
                span data-clock { (clock(view)) }
            }
            (chart::staves(done, view.steps.len()))
            (part::steps(&below_headline(&view.steps)))
            @match view.outcome {
                Outcome::Running => @if let Some(bank) = &view.ask {
                    p.actions { a.btn.large href=(bank) { "Confirm with your bank" } }
                },
                Outcome::Ready if view.change.is_none() => p.actions { (part::button(&format!("/deployments/{}", view.id), "See how to sign in")) },
                Outcome::Ready | Outcome::Unchanged => p.actions { (part::button(&format!("/deployments/{}", view.id), "Back to it")) },
                Outcome::Refunded => p.actions {
                    (part::button("/order", "Order again"))
                    a.btn.quiet href={ "/deployments/" (view.id) } { "See what happened" }
                },
                Outcome::Declined => p.actions {
                    (part::button("/cards", "Use another card"))
                    a.btn.quiet href="/order" { "Order again" }
                },
            }
        }
    }
}

/// The sentence of the step under way stands on top, in large; it need not be read twice.
fn below_headline(steps: &[Step]) -> Vec<Step> {
    let quiet = |step: &Step| match step.state {
        StepState::Now => Step { text: String::new(), ..step.clone() },
        _ => step.clone(),
    };
    steps.iter().map(quiet).collect()
}

/// The step at which it went wrong for good, while what was done is undone.
fn lost(view: &View) -> Option<&Step> {
    let under_way = view.steps.iter().any(|step| step.state == StepState::Now);
    view.steps.iter().find(|step| step.state == StepState::Failed).filter(|_| !under_way)
}

fn headline(view: &View) -> String {
    match view.outcome {
        Outcome::Ready | Outcome::Unchanged if view.change.is_some() => {
            view.steps.last().map_or_else(String::new, |step| step.text.clone())
        }
        Outcome::Ready | Outcome::Unchanged => format!("{} is running.", view.name),
        Outcome::Refunded => "It could not be delivered. Nothing is kept of your money.".into(),
        Outcome::Declined => "The payment did not go through.".into(),
        Outcome::Running => {
            if let Some(step) = lost(view) {
                return step.text.clone();
            }
            let now = view.steps.iter().find(|step| step.state == StepState::Now);
            now.map_or_else(|| "Your order is in the queue.".into(), |step| step.text.clone())
        }
    }
}
