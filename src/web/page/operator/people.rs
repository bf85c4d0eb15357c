//! Everybody with an account here, and what they may do.

use maud::{Markup, html};
use serde::Serialize;

use crate::base::Time;
use crate::base::ids::UserId;
use crate::domain::account::Role;
use crate::web::ui::format::day;
use crate::web::ui::part::{self, Pager, Tone, number, text};
use crate::web::ui::{Chrome, layout};

#[derive(Debug, Clone, Serialize)]
pub struct Person {
    pub id: UserId,
    pub name: String,
    pub email: String,
    pub confirmed: bool,
    pub roles: Vec<Role>,
    pub since: Time,
    /// Those that are not over.
    pub deployments: usize,
}

#[derive(Debug, Clone, Default, Serialize)]
pub struct View {
    pub people: Vec<Person>,
    pub pager: Pager,
}

pub fn page(chrome: &Chrome, view: &View) -> Markup {
    layout(
        chrome,
        "People",
        html! {
            div.wrap.stack {
                (part::head("People", html! { "Everybody with an account. One person may hold several roles." }, html! {}))
                @if view.people.is_empty() {
                    (part::empty(
                        "Nobody here",
                        "There is nobody on this page of the list. Go back to its beginning.",
                        part::button("/operator/people", "Show everybody"),
                    ))
                } @else {
                    (part::table("People", &COLUMNS, view.people.iter().map(row).collect()))
                    (part::pager(&view.pager))
                }
            }
        },
    )
}

const COLUMNS: [part::Column; 4] = [text("Name"), text("Roles"), text("Since"), number("Deployments")];

fn row(person: &Person) -> Vec<Markup> {
    vec![
        html! {
            strong { (person.name) }
            span.sub { (person.email) @if !person.confirmed { " (not confirmed)" } }
        },
        html! { span.cluster { @for role in &person.roles { (role_badge(*role)) } } },
        day(person.since),
        html! { (person.deployments) },
    ]
}

fn role_badge(role: Role) -> Markup {
    match role {
        Role::User => part::badge(Tone::Quiet, "User"),
        Role::Provider => part::badge(Tone::Busy, "Provider"),
        Role::Operator => part::badge(Tone::Good, "Operator"),
    }
}
