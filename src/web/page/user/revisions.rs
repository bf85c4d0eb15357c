//! Stopping a server, and everything that was ever changed of it.

use maud::{Markup, html};
use serde::Serialize;

use crate::base::Time;
use crate::base::ids::{OrderId, RevisionId};
use crate::domain::revision::Kind;
use crate::web::ui::form::{self, Filled};
use crate::web::ui::format::when;
use crate::web::ui::part::{self, Pager, Step, Tone};
use crate::web::ui::{Chrome, layout};

/// Asked before something is stopped.
#[derive(Debug, Clone, Serialize)]
pub struct StopView {
    pub id: OrderId,
    pub name: String,
    /// Whether what is not on a data disk is lost.
    pub forgets: bool,
    /// Where its data disks are.
    pub disks: Vec<String>,
    pub filled: Filled,
}

/// The box to tick where something is lost.
pub const CONSENT: &str = "consent";

pub fn stop_page(chrome: &Chrome, view: &StopView) -> Markup {
    layout(
        chrome,
        &format!("Stop {}", view.name),
        html! {
            div.narrow {
                (part::back(&format!("/deployments/{}", view.id), &view.name))
                h1 { "Stop " (view.name) "?" }
                p.lead { "It is switched off until you start it again. Its addresses and its room stay yours, so the price stays as well." }
                (form::sheet(chrome, &format!("/deployments/{}/stop", view.id), &view.filled, html! {
                    (loss(view.forgets, &view.disks, &view.filled))
                    div.actions {
                        button.btn.large type="submit" { "Stop " (view.name) }
                        a.btn.quiet.large href={ "/deployments/" (view.id) } { "Let it run" }
                    }
                }))
            }
        },
    )
}

/// What is kept and what is lost when a machine is switched off or made anew, and the consent to it.
pub fn loss(forgets: bool, disks: &[String], filled: &Filled) -> Markup {
    let kept = html! { @if disks.is_empty() { "It has none." } @else { "They are: " (disks.join(", ")) "." } };
    html! {
        @if forgets {
            (form::tick(CONSENT, "I have copied what I need", html! {
                "Its system is on no disk of its own: switched on again, it is made anew, and everything in it is lost. Data disks stay. " (kept)
            }, filled))
        } @else {
            p.hint { "Everything on its disks stays, the system's included. It starts from them again." }
        }
    }
}

/// One change, as its owner reads it.
#[derive(Debug, Clone, Serialize)]
pub struct Row {
    pub id: RevisionId,
    pub kind: Kind,
    /// From what to what.
    pub what: Option<String>,
    pub at: Time,
    pub outcome: Outcome,
    pub steps: Vec<Step>,
}

#[derive(Debug, Clone, Copy, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Outcome {
    UnderWay,
    Done,
    Failed,
}

impl Outcome {
    fn badge(self) -> Markup {
        match self {
            Outcome::UnderWay => part::badge(Tone::Busy, "Under way"),
            Outcome::Done => part::badge(Tone::Good, "Done"),
            Outcome::Failed => part::badge(Tone::Bad, "Not done"),
        }
    }
}

#[derive(Debug, Clone, Serialize)]
pub struct View {
    pub id: OrderId,
    pub name: String,
    pub rows: Vec<Row>,
    pub pager: Pager,
}

pub fn page(chrome: &Chrome, view: &View) -> Markup {
    let here = format!("/deployments/{}", view.id);
    layout(
        chrome,
        &format!("Changes of {}", view.name),
        html! {
            div.mid.stack {
                (part::back(&here, &view.name))
                (part::head(&format!("Changes of {}", view.name), html! { "Everything that was done to it since it runs, the newest first." }, html! {}))
                @if view.rows.is_empty() {
                    (part::empty("Nothing was changed", "It can be stopped, resized and moved from its own page.", part::button(&here, "Back to it")))
                }
                @for row in &view.rows {
                    section.card id=(row.id) {
                        h2 { (row.kind.noun()) }
                        p.cluster { (row.outcome.badge()) span { (when(row.at)) } }
                        @if let Some(what) = &row.what { p { (what) } }
                        (part::steps(&row.steps))
                    }
                }
                (part::pager(&view.pager))
            }
        },
    )
}
