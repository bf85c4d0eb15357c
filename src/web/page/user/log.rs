//! The end of a VM's log, as it was sent: plain lines, a page of them at a time.

use maud::{Markup, html};
use serde::Serialize;

use crate::base::Time;
use crate::base::ids::OrderId;
use crate::domain::report::Seat;
use crate::web::ui::form;
use crate::web::ui::part::{self, Pager, ago};
use crate::web::ui::{Chrome, layout};

#[derive(Debug, Clone, Serialize)]
pub struct View {
    pub id: OrderId,
    pub seat: Seat,
    pub name: String,
    pub now: Time,
    /// Whether its log is wanted here; None: it says nothing of itself at all.
    pub wanted: Option<bool>,
    /// When it was last heard of.
    pub heard: Option<Time>,
    /// The oldest first.
    pub lines: Vec<String>,
    pub pager: Pager,
}

pub fn page(chrome: &Chrome, view: &View) -> Markup {
    let vm = view.seat.word();
    let (metrics, logs) = (format!("/deployments/{}/metrics?vm={vm}", view.id), format!("/deployments/{}/logs?vm={vm}", view.id));
    layout(
        chrome,
        &format!("Log of {}", view.name),
        html! {
            div.wrap.stack {
                (part::back(&metrics, "How it is doing"))
                (part::head(
                    &format!("Log of {}", view.name),
                    html! {
                        @match view.heard {
                            Some(at) => { "The newest lines it sent, the latest at the end. Last heard of " (ago(at, view.now)) "." }
                            None => "The newest lines of its system log.",
                        }
                    },
                    html! {
                        @if !view.lines.is_empty() {
                            a.btn.quiet href=(logs) { "Load again" }
                            button.btn.quiet type="button" data-copy=(view.lines.join("\n")) hidden { "Copy" span.hidden { " these lines" } }
                        }
                    },
                ))
                @match view.wanted {
                    None => (part::empty("It says nothing of itself", "Switch that on first; the log is a box to tick there.", part::button(&metrics, "Switch it on"))),
                    Some(false) => (part::empty(
                        "Its log stays on the server",
                        "You have not asked for it to be sent here. Logs can hold names and addresses.",
                        form::post(chrome, &format!("/deployments/{}/reports/logs", view.id), html! {
                            (form::hidden("vm", vm))
                            (form::hidden("logs", form::TICKED))
                            (form::submit("Send it here"))
                        }),
                    )),
                    Some(true) if view.lines.is_empty() => (part::empty(
                        "No line yet",
                        "They come with its next messages, within two minutes.",
                        part::button(&logs, "Look again"),
                    )),
                    Some(true) => {
                        pre.log tabindex="0" aria-label="Lines of the log" { @for line in &view.lines { (line) "\n" } }
                        (part::pager(&view.pager))
                    }
                }
            }
        },
    )
}
