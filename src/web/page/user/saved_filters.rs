//! The filters that somebody keeps, to be renamed and deleted.

use maud::{Markup, html};
use serde::Serialize;

use crate::base::Time;
use crate::base::ids::FilterId;
use crate::domain::saved_filter::FILTERS_MAX;
use crate::web::ui::form::{self, Filled};
use crate::web::ui::format::{count, day};
use crate::web::ui::{Chrome, layout, part};

#[derive(Debug, Clone, Serialize)]
pub struct Row {
    pub id: FilterId,
    pub name: String,
    /// What it asks for, in words.
    pub wishes: Vec<String>,
    pub href: String,
    pub created: Time,
    /// Holds `name`.
    pub filled: Filled,
}

#[derive(Debug, Clone, Default, Serialize)]
pub struct View {
    pub rows: Vec<Row>,
}

pub fn page(chrome: &Chrome, view: &View) -> Markup {
    layout(
        chrome,
        "Your filters",
        html! {
            div.wrap.stack {
                (part::back("/nodes", "Choose a node"))
                (part::head(
                    "Your filters",
                    html! { "Only you see them. You have " (count(view.rows.len() as u64)) " of at most " (FILTERS_MAX) "." },
                    html! {},
                ))
                @if view.rows.is_empty() {
                    (part::empty(
                        "No filter is saved yet",
                        "Narrow the nodes down to what you need, and give that a name: next time it is one press away.",
                        part::button("/nodes", "Choose a node"),
                    ))
                }
                @for (place, row) in view.rows.iter().enumerate() { (one(chrome, row, place)) }
            }
        },
    )
}

fn one(chrome: &Chrome, row: &Row, place: usize) -> Markup {
    let here = |verb: &str| format!("/filters/{}/{verb}", row.id);
    let id = format!("f-name-{place}");
    let error = row.filled.error("name");
    html! {
        section.card {
            div.between {
                h2 { a href=(row.href) { (row.name) } }
                span.soft { "Saved on " (day(row.created)) }
            }
            ul.wishes { @for wish in &row.wishes { li { span.wish { (wish) } } } }
            div.between {
                (form::post(chrome, &here("rename"), html! {
                    div.keep-line {
                        div.field {
                            label for=(id) { "Name" }
                            input id=(id) name="name" type="text" maxlength="40" required value=(row.filled.value("name").unwrap_or(&row.name))
                                aria-invalid=[error.map(|_| "true")] aria-describedby=[error.map(|_| format!("{id}-error"))];
                            (form::error_line(&id, error))
                        }
                        button.btn.quiet type="submit" { "Rename" }
                    }
                }))
                (form::post(chrome, &here("remove"), html! {
                    button.btn.quiet.danger type="submit" { "Delete" span.hidden { " " (row.name) } }
                }))
            }
        }
    }
}
