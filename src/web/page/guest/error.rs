//! What somebody sees when it does not go on: what happened, and what to do next.

use maud::{Markup, html};
use serde::Serialize;

use crate::web::ui::{Chrome, asset, layout, part};

#[derive(Debug, Clone, Serialize)]
pub struct View {
    /// What happened, where the status alone does not say it.
    pub title: Option<&'static str>,
    pub status: u16,
    /// The sentence of the error, if it has one for people outside.
    pub message: Option<String>,
    /// What to quote when asking for help.
    pub reference: Option<String>,
}

struct Words {
    title: &'static str,
    text: &'static str,
    href: &'static str,
    action: &'static str,
}

fn words(status: u16, signed_in: bool) -> Words {
    let (href, action) = if signed_in { ("/deployments", "Go to my deployments") } else { ("/", "Go to the first page") };
    match status {
        403 if signed_in => Words {
            title: "This is not open to you",
            text: "Your account does not have the role for this page. Whoever runs this place can give it to you.",
            href,
            action,
        },
        401 | 403 => {
            Words { title: "Please sign in first", text: "This page belongs to an account.", href: "/login", action: "Sign in" }
        }
        404 => Words {
            title: "There is nothing here",
            text: "The address may be mistyped, or what was here is gone, or it belongs to somebody else.",
            href,
            action,
        },
        409 => Words {
            title: "That can't be done now",
            text: "What you wanted to change may have changed in the meantime. Go back, look again, and try once more.",
            href,
            action,
        },
        400..500 => Words {
            title: "That did not work",
            text: "Something in what was sent is not right. Nothing has been changed. Go back, look it over, and send it again.",
            href,
            action,
        },
        503 => Words {
            title: "Back in a moment",
            text: "Something we need does not answer. Your servers keep running. Please try again in a minute.",
            href,
            action,
        },
        _ => Words {
            title: "That was our fault",
            text: "Something went wrong on our side, and it has been written down. If a payment was under way, it is settled or \
                   released by itself.",
            href,
            action,
        },
    }
}

pub fn page(chrome: &Chrome, view: &View) -> Markup {
    let words = words(view.status, chrome.who.is_some());
    let title = view.title.unwrap_or(words.title);
    layout(
        chrome,
        title,
        html! {
            div.narrow.lost {
                img src=(asset::url("mark.svg")) alt="" width="64" height="64";
                p.lost-status { "Error " (view.status) }
                h1 { (title) }
                p.lead { (view.message.as_deref().unwrap_or(words.text)) }
                p.actions { (part::button(words.href, words.action)) }
                @if let Some(reference) = &view.reference { p.hint { "If you ask for help, quote " code { (reference) } "." } }
            }
        },
    )
}
