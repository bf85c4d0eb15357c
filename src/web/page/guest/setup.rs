//! The first run: whoever holds the one-time code from the console becomes the operator.

use maud::{Markup, html};
use serde::Serialize;

use crate::web::ui::form::{self, Filled, Text};
use crate::web::ui::{Chrome, layout};

#[derive(Debug, Clone, Default, Serialize)]
pub struct View {
    pub filled: Filled,
    /// The code from the address that was printed at the start. Asked for if it is missing.
    #[serde(skip)]
    pub code: Option<String>,
}

pub fn page(chrome: &Chrome, view: &View) -> Markup {
    layout(
        chrome,
        "Set up",
        html! {
            div.narrow {
                h1 { "Set up " (chrome.brand) }
                p.lead { "It runs. Make the first account now: it is the operator's, who sees orders, money and settings." }
                (form::sheet(chrome, "/setup", &view.filled, html! {
                    @match &view.code {
                        Some(code) => (form::hidden("code", code)),
                        None => (Text::new("code", "Set-up code")
                            .hint("It was printed when the program started, and works once.").code().show(&view.filled)),
                    }
                    (Text::new("name", "Your name").autocomplete("name").max(100).show(&view.filled))
                    (Text::email("email", "E-mail").show(&view.filled))
                    (Text::password("password", "Password", "new-password")
                        .hint("Twelve characters or more. This account can do a lot: make it a good one.").show(&view.filled))
                    (form::submit("Create the operator's account"))
                }))
            }
        },
    )
}
