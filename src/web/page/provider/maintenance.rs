//! Maintenance windows of a node: what is ahead, what was, and the form that announces one.

use maud::{Markup, html};
use serde::Serialize;

use crate::base::Time;
use crate::base::ids::MaintenanceId;
use crate::web::ui::form::{self, Filled, Text};
use crate::web::ui::format::when;
use crate::web::ui::part::{self, Pager, Tone};
use crate::web::ui::{Chrome, layout};

/// How far a window is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Stage {
    Ahead,
    Now,
    Over,
    Cancelled,
}

#[derive(Debug, Clone, Serialize)]
pub struct Window {
    pub id: MaintenanceId,
    pub starts: Time,
    pub ends: Time,
    pub why: String,
    pub stage: Stage,
    /// It was announced so late that what is not up then counts against the node.
    pub short_notice: bool,
}

#[derive(Debug, Clone, Default, Serialize)]
pub struct Windows {
    pub rows: Vec<Window>,
    pub pager: Pager,
    /// Holds `starts`, `ends` and `why`.
    pub filled: Filled,
}

/// The card on the page of a node.
pub fn card(chrome: &Chrome, node: u32, windows: &Windows) -> Markup {
    let open = windows.filled.is_refused();
    html! {
        section #maintenance {
            (part::card("Maintenance", html! {
                @if windows.rows.is_empty() {
                    p.soft { "None announced. Before you work on this node, announce it: whoever has something on it is told by mail, and nobody new is placed on it." }
                } @else {
                    ul.lines { @for row in &windows.rows { li { (line(chrome, node, row)) } } }
                    (part::pager(&windows.pager))
                }
                details.more open[open] {
                    summary { "Announce maintenance" span.hint { "Everybody who has something on this node gets a mail at once." } }
                    div.more-body { (sheet(chrome, &format!("/provider/nodes/{node}/maintenance"), &windows.filled, "Announce it")) }
                }
            }))
        }
    }
}

fn line(chrome: &Chrome, node: u32, row: &Window) -> Markup {
    let here = format!("/provider/nodes/{node}/maintenance/{}", row.id);
    html! {
        span {
            strong { (when(row.starts)) " to " (when(row.ends)) }
            span.sub { (row.why) }
            span.cluster {
                @match row.stage {
                    Stage::Ahead => (part::badge(Tone::Busy, "Announced")),
                    Stage::Now => (part::badge(Tone::Warn, "Now")),
                    Stage::Over => (part::badge(Tone::Quiet, "Over")),
                    Stage::Cancelled => (part::badge(Tone::Quiet, "Cancelled")),
                }
                @if row.short_notice && row.stage != Stage::Cancelled { (part::badge(Tone::Warn, "Short notice")) }
            }
        }
        @if matches!(row.stage, Stage::Ahead | Stage::Now) {
            span.cluster {
                @if row.stage == Stage::Ahead { a.btn.quiet.small href=(here) { "Change …" span.hidden { " the one of " (row.starts.minute()) } } }
                (form::post(chrome, &format!("{here}/cancel"), html! {
                    button.btn.quiet.small type="submit" { "Cancel it" span.hidden { " (the one of " (row.starts.minute()) ")" } }
                }))
            }
        }
    }
}

fn sheet(chrome: &Chrome, action: &str, filled: &Filled, verb: &str) -> Markup {
    form::sheet(
        chrome,
        action,
        filled,
        html! {
            div.duo {
                (Text::moment("starts", "Begins").hint("UTC, as everything here.").show(filled))
                (Text::moment("ends", "Ends").hint("UTC; a day later at most.").show(filled))
            }
            (Text::new("why", "What is done").max(300).hint("A sentence that your tenants read.").show(filled))
            p.hint {
                "Announced a day before or earlier, it costs the node none of its reliability: times at which it is down then are left out. Nobody new is \
                 placed on it from a week before until it is over."
            }
            div.between { button.btn type="submit" { (verb) } }
        },
    )
}

/// What the page that changes one shows.
#[derive(Debug, Clone, Serialize)]
pub struct EditView {
    pub node: u32,
    pub id: MaintenanceId,
    /// Holds `starts`, `ends` and `why`.
    pub filled: Filled,
}

pub fn edit_page(chrome: &Chrome, view: &EditView) -> Markup {
    let action = format!("/provider/nodes/{}/maintenance/{}", view.node, view.id);
    layout(
        chrome,
        "Change maintenance",
        html! {
            div.mid.stack {
                (part::back(&format!("/provider/nodes/{}", view.node), &format!("Node {}", view.node)))
                (part::head("Change maintenance", html! { "Whoever has something on node " (view.node) " is told of it by mail." }, html! {}))
                (part::card("When, and what", sheet(chrome, &action, &view.filled, "Change it")))
            }
        },
    )
}
