//! Checking that an e-mail address is somebody's own.

use maud::{Markup, html};
use serde::Serialize;

use crate::web::ui::form::{Filled, Text};
use crate::web::ui::{Chrome, form, layout, part};

#[derive(Debug, Clone, Serialize)]
#[serde(tag = "state", rename_all = "snake_case")]
pub enum View {
    /// A mail is on its way.
    Sent { email: String },
    /// The link was opened: one press confirms. Opening it alone changes nothing, for mail programs open links too.
    Confirm {
        #[serde(skip)]
        code: String,
        /// The sign-up was typed in another browser: its password says that it was the same person.
        asks: bool,
        filled: Filled,
    },
    /// The link was good.
    Confirmed,
    /// The link was used before, or is too old.
    Stale,
}

pub fn page(chrome: &Chrome, view: &View) -> Markup {
    let (title, body) = match view {
        View::Sent { email } => ("We sent you a mail", sent(chrome, email)),
        View::Confirm { code, asks: false, .. } => ("Confirm your address", confirm(chrome, code)),
        View::Confirm { code, asks: true, filled } => ("Confirm your address", ask(chrome, code, filled)),
        View::Confirmed => ("Your address is confirmed", confirmed(chrome)),
        View::Stale => ("This link no longer works", stale()),
    };
    layout(chrome, title, html! { div.narrow { h1 { (title) } (body) } })
}

fn sent(chrome: &Chrome, email: &str) -> Markup {
    html! {
        p.lead { "Follow the link we sent to " strong { (email) } " to finish your account. It works for 24 hours." }
        p { "Nothing there after a few minutes? Look into the spam folder first." }
        (form::post(chrome, "/verify/again", html! {
            (form::hidden("email", email))
            button.btn.quiet type="submit" { "Send it again" }
        }))
    }
}

fn confirm(chrome: &Chrome, code: &str) -> Markup {
    html! {
        p.lead { "One press, and the account is yours." }
        (form::post(chrome, "/verify", html! {
            (form::hidden("code", code))
            p.actions { button.btn.large type="submit" { "Yes, this is my address" } }
        }))
    }
}

fn ask(chrome: &Chrome, code: &str, filled: &Filled) -> Markup {
    html! {
        p.lead { "You signed up in another browser. Type the password that you chose there, and the account is yours." }
        (form::sheet(chrome, "/verify", filled, html! {
            (form::hidden("code", code))
            (Text::password("password", "Password", "current-password").show(filled))
            (form::submit("Yes, this is my address"))
        }))
        p.aside {
            "It does not fit, or it was not you who signed up? " a href="/forgot" { "Choose a password of your own" } " by mail."
        }
    }
}

fn confirmed(chrome: &Chrome) -> Markup {
    html! {
        p.lead { "Thank you. You can order your first server now." }
        p.actions {
            @if chrome.who.is_some() { (part::button("/order", "Order a server")) } @else { (part::button("/login", "Sign in")) }
        }
    }
}

fn stale() -> Markup {
    html! {
        p.lead { "It was used before, or it is older than 24 hours. If your address is confirmed already, there is nothing to do." }
        p.actions { (part::button("/login", "Sign in to get a new one")) }
    }
}
