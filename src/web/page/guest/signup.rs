//! A new account.

use maud::{Markup, html};
use serde::Serialize;

use crate::web::ui::form::{self, Filled, Text};
use crate::web::ui::{Chrome, layout};

#[derive(Debug, Clone, Default, Serialize)]
pub struct View {
    pub filled: Filled,
}

pub fn page(chrome: &Chrome, view: &View) -> Markup {
    layout(
        chrome,
        "Create your account",
        html! {
            div.narrow {
                h1 { "Create your account" }
                p.lead { "An e-mail address and a password. You add a card later, when you order something." }
                (form::sheet(chrome, "/signup", &view.filled, html! {
                    (Text::new("name", "Your name").autocomplete("name").max(100).show(&view.filled))
                    (Text::email("email", "E-mail").hint("We send one mail to check that it is yours.").show(&view.filled))
                    (Text::password("password", "Password", "new-password")
                        .hint("Twelve characters or more. A few words you can remember do well.").show(&view.filled))
                    (form::submit("Create account"))
                }))
                p.aside { "You have an account? " a href="/login" { "Sign in" } }
            }
        },
    )
}
