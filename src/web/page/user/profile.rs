//! Who somebody is here, where they are signed in, and what else they could be.

use maud::{Markup, html};
use serde::Serialize;

use crate::base::Time;
use crate::base::ids::SessionId;
use crate::domain::account::Role;
use crate::web::page::user::order::key_field;
use crate::web::ui::form::{self, Filled, Text};
use crate::web::ui::format::ago;
use crate::web::ui::offer::KeyLine;
use crate::web::ui::part::{self, Tone};
use crate::web::ui::{Chrome, layout};

#[derive(Debug, Clone, Serialize)]
pub struct Session {
    pub id: SessionId,
    /// `Firefox on Linux`
    pub browser: String,
    pub address: String,
    pub last_seen: Time,
    /// The one that shows this page.
    pub this: bool,
}

#[derive(Debug, Clone, Serialize)]
pub struct View {
    pub email: String,
    pub email_confirmed: bool,
    pub roles: Vec<Role>,
    pub sessions: Vec<Session>,
    /// The person's own address on the chain, if they have shown one.
    pub account: Option<String>,
    /// SSH keys that are offered at the next order.
    pub keys: Vec<KeyLine>,
    /// Holds `name`.
    pub filled: Filled,
    pub now: Time,
}

pub fn page(chrome: &Chrome, view: &View) -> Markup {
    layout(
        chrome,
        "Profile",
        html! {
            div.mid.stack {
                (part::head("Profile", html! { "What we call you, and where you are signed in." }, html! {}))
                (part::card("You", you(chrome, view)))
                (part::card("Your SSH keys", keys(chrome, view)))
                (part::card("Where you are signed in", sessions(chrome, view)))
                (own(view))
                (provider(view))
            }
        },
    )
}

fn own(view: &View) -> Markup {
    part::card(
        "Your own account on the grid",
        html! {
            @match &view.account {
                Some(address) => p { "Servers can be taken over to " code.fingerprint { (address) } ". " a href="/twin" { "Look at it" } }
                None => p.soft { "With a key of your own you can take your servers over, and they go on without us. " a href="/twin" { "Show us one" } }
            }
        },
    )
}

fn you(chrome: &Chrome, view: &View) -> Markup {
    html! {
        (part::facts(vec![("E-mail", html! {
            span.cluster {
                (view.email)
                @if view.email_confirmed { (part::badge(Tone::Good, "Confirmed")) } @else { (part::badge(Tone::Warn, "Not confirmed")) }
            }
        })]))
        @if !view.email_confirmed {
            (form::post(chrome, "/verify/again", html! {
                (form::hidden("email", &view.email))
                button.btn.quiet.small type="submit" { "Send the mail again" }
            }))
        }
        (form::sheet(chrome, "/profile", &view.filled, html! {
            (Text::new("name", "Name").autocomplete("name").max(100).show(&view.filled))
            div.between { button.btn type="submit" { "Save" } a href="/forgot" { "Change my password" } }
        }))
    }
}

fn keys(chrome: &Chrome, view: &View) -> Markup {
    html! {
        @if view.keys.is_empty() {
            p.soft { "The keys of your orders are kept here for the next one. There is none yet: " a href="/order" { "order a server" } "." }
        } @else {
            p.soft { "Offered when you order a server. Forgetting one changes nothing about servers that run." }
            ul.lines {
                @for key in &view.keys {
                    li {
                        span { strong { (key.name) } span.sub { code.fingerprint { (key.fingerprint) } } }
                        (form::post(chrome, &format!("/keys/{}/forget", key_field(&key.fingerprint).trim_start_matches("key_")), html! {
                            button.btn.quiet.small type="submit" { "Forget" span.hidden { " " (key.name) } }
                        }))
                    }
                }
            }
        }
    }
}

fn sessions(chrome: &Chrome, view: &View) -> Markup {
    html! {
        p.soft { "If you do not know one of these, end it and change your password." }
        ul.lines {
            @for session in &view.sessions {
                li {
                    span { strong { (session.browser) } span.sub {
                        @if !session.address.is_empty() { (session.address) ", " }
                        "Last seen " (ago(session.last_seen, view.now))
                    } }
                    @if session.this { (part::badge(Tone::Good, "This browser")) } @else {
                        (form::post(chrome, &format!("/sessions/{}/end", session.id), html! {
                            button.btn.quiet.small type="submit" { "End" span.hidden { " " (session.browser) } }
                        }))
                    }
                }
            }
        }
    }
}

fn provider(view: &View) -> Markup {
    if view.roles.contains(&Role::Provider) {
        return part::card(
            "You are a provider",
            html! { p { "Your nodes and what they earn have an area of their own: " a href="/provider/nodes" { "go there" } "." } },
        );
    }
    part::card(
        "Do you run nodes yourself?",
        html! {
            p { "See your nodes here, and earn a share of what every server on them costs. It costs nothing, and your account stays \
                 the same." }
            p.actions { (part::button("/provider/claim", "Show that a farm is yours")) }
        },
    )
}
