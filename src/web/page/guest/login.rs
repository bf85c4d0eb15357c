//! Signing in.

use maud::{Markup, html};
use serde::Serialize;

use crate::web::ui::form::{self, Filled, Text};
use crate::web::ui::{Chrome, layout};

#[derive(Debug, Clone, Default, Serialize)]
pub struct View {
    pub filled: Filled,
    /// Where to go afterwards; a path of ours.
    pub next: Option<String>,
}

pub fn page(chrome: &Chrome, view: &View) -> Markup {
    layout(
        chrome,
        "Sign in",
        html! {
            div.narrow {
                h1 { "Welcome back" }
                p.lead { "Sign in to see your servers." }
                (form::sheet(chrome, "/login", &view.filled, html! {
                    @if let Some(next) = &view.next { (form::hidden("next", next)) }
                    (Text::email("email", "E-mail").autocomplete("username").show(&view.filled))
                    (Text::password("password", "Password", "current-password").show(&view.filled))
                    (form::submit("Sign in"))
                    a href="/forgot" { "I forgot my password" }
                }))
                p.aside { "New here? " a href="/signup" { "Create an account" } }
            }
        },
    )
}
