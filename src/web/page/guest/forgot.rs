//! A forgotten password: asking for a mail, and setting a new one.

use maud::{Markup, html};
use serde::Serialize;

use crate::web::ui::form::{self, Filled, Text};
use crate::web::ui::{Chrome, layout};

#[derive(Debug, Clone, Default, Serialize)]
pub struct View {
    pub filled: Filled,
    /// The form has been sent. Says the same whether the address is known or not.
    pub sent: bool,
}

pub fn page(chrome: &Chrome, view: &View) -> Markup {
    layout(
        chrome,
        "Set a new password",
        html! {
            div.narrow {
                @if view.sent {
                    h1 { "Look into your mail" }
                    p.lead {
                        "If there is an account with this address, a mail with a link is on its way. \
                        The link works once, for 15 minutes."
                    }
                    p.aside { "Nothing after a few minutes? Look into the spam folder, or " a href="/forgot" { "try again" } "." }
                } @else {
                    h1 { "Forgot your password?" }
                    p.lead { "Tell us your address and we send you a link to set a new one." }
                    (form::sheet(chrome, "/forgot", &view.filled, html! {
                        (Text::email("email", "E-mail").show(&view.filled))
                        (form::submit("Send me the link"))
                    }))
                    p.aside { a href="/login" { "← Back to sign in" } }
                }
            }
        },
    )
}

/// The form behind the link in the mail.
#[derive(Debug, Clone, Default, Serialize)]
pub struct ResetView {
    pub filled: Filled,
    /// The one-time code from the link.
    #[serde(skip)]
    pub code: String,
}

pub fn reset_page(chrome: &Chrome, view: &ResetView) -> Markup {
    layout(
        chrome,
        "Choose a new password",
        html! {
            div.narrow {
                h1 { "Choose a new password" }
                p.lead { "Afterwards every other browser is signed out." }
                (form::sheet(chrome, "/reset", &view.filled, html! {
                    (form::hidden("code", &view.code))
                    (Text::password("password", "New password", "new-password")
                        .hint("Twelve characters or more. A few words you can remember do well.").show(&view.filled))
                    (form::submit("Set the password"))
                }))
                p.aside { "The link is older than 15 minutes, or was used? " a href="/forgot" { "Ask for a new one" } "." }
            }
        },
    )
}
