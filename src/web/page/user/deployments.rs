//! Everything a user runs.

use maud::{Markup, html};
use serde::Serialize;

use crate::base::Time;
use crate::base::ids::OrderId;
use crate::base::money::Usd;
use crate::domain::revision::Kind;
use crate::web::ui::format::{day, money};
use crate::web::ui::part::{self, Pager, Tone, number, text};
use crate::web::ui::{Chrome, layout};

/// Where a deployment is in its life, as its owner sees it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Status {
    Starting,
    Running,
    /// By its owner.
    Stopped,
    Changing(Kind),
    /// Its backup VM is all that is left.
    Lost,
    Down,
    Ending,
    Ended,
    Refunded,
    /// The bank said no before anything was begun.
    NotStarted,
}

impl Status {
    pub fn badge(self) -> Markup {
        match self {
            Status::Starting => part::badge(Tone::Busy, "Starting"),
            Status::Running => part::badge(Tone::Good, "Running"),
            Status::Stopped => part::badge(Tone::Quiet, "Stopped"),
            Status::Changing(kind) => part::badge(Tone::Busy, kind.doing()),
            Status::Lost => part::badge(Tone::Warn, "Backup VM only"),
            Status::Down => part::badge(Tone::Bad, "Not answering"),
            Status::Ending => part::badge(Tone::Busy, "Being deleted"),
            Status::Ended => part::badge(Tone::Quiet, "Deleted"),
            Status::Refunded => part::badge(Tone::Warn, "Refunded"),
            Status::NotStarted => part::badge(Tone::Bad, "Not started"),
        }
    }
}

#[derive(Debug, Clone, Serialize)]
pub struct Row {
    pub id: OrderId,
    pub name: String,
    pub tags: Vec<String>,
    pub status: Status,
    pub size: String,
    pub image: String,
    pub place: Option<String>,
    pub price: Usd,
    pub paid_until: Option<Time>,
}

#[derive(Debug, Clone, Default, Serialize)]
pub struct View {
    pub rows: Vec<Row>,
    pub pager: Pager,
    /// Only those with this tag are listed.
    pub tag: Option<String>,
}

pub fn page(chrome: &Chrome, view: &View) -> Markup {
    let action = html! { @if !view.rows.is_empty() { (part::button("/order", "Order a server")) } };
    layout(
        chrome,
        "Deployments",
        html! {
            div.wrap.stack {
                (part::head("Deployments", html! { "Every server you have ordered, the newest first." }, action))
                @if let Some(tag) = &view.tag {
                    nav.filters aria-label="Which deployments are listed" {
                        a href="/deployments" { "All" }
                        a href={ "/deployments?tag=" (tag) } aria-current="page" { (tag) }
                    }
                }
                @if view.rows.is_empty() && view.tag.is_some() {
                    (part::empty(
                        "Nothing has this tag",
                        "Tags are given on the page of a server, under “Name and tags”.",
                        part::button("/deployments", "See all deployments"),
                    ))
                } @else if view.rows.is_empty() {
                    (part::empty(
                        "Your first server is three screens away",
                        "Choose a size and an operating system, confirm the price, and watch it start.",
                        part::button("/order", "Order a server"),
                    ))
                } @else {
                    (part::table("Deployments", &COLUMNS, view.rows.iter().map(row).collect()))
                    (part::pager(&view.pager))
                }
            }
        },
    )
}

/// Each leads to everything that has it.
pub fn tags(tags: &[String]) -> Markup {
    html! { @for tag in tags { a.tag href={ "/deployments?tag=" (tag) } { (tag) } } }
}

const COLUMNS: [part::Column; 5] = [text("Name"), text("State"), text("Where"), text("Paid until"), number("Price for 30 days")];

fn row(row: &Row) -> Vec<Markup> {
    let href = match row.status {
        Status::Starting => format!("/deployments/{}/progress", row.id),
        _ => format!("/deployments/{}", row.id),
    };
    vec![
        html! {
            a.row-link href=(href) { (row.name) }
            span.sub { (row.size) ", " (row.image) }
            @if !row.tags.is_empty() { span.cluster { (tags(&row.tags)) } }
        },
        row.status.badge(),
        html! { @match &row.place { Some(place) => (place), None => span.soft { "Not chosen yet" } } },
        html! { @match row.paid_until { Some(at) => (day(at)), None => span.soft { "–" } } },
        html! { (money(row.price)) },
    ]
}
