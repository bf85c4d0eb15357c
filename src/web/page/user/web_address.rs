//! The card "Web address" of a deployment: what leads there, whether it works, and what to do where it does not.

use maud::{Markup, html};
use serde::Serialize;

use crate::base::Time;
use crate::base::ids::OrderId;
use crate::web::ui::form::{self, Choice, Filled, Text};
use crate::web::ui::format::when;
use crate::web::ui::part::{self, Step, Tone, badge, copyable};
use crate::web::ui::{Chrome, icon, layout};

/// A record to make at a registrar.
#[derive(Debug, Clone, Serialize)]
pub struct Record {
    pub kind: &'static str,
    pub name: String,
    pub value: String,
    pub note: &'static str,
}

/// What the last look at the records has found.
#[derive(Debug, Clone, Serialize)]
pub struct Found {
    pub at: Time,
    pub found: String,
    pub advice: String,
    pub right: bool,
}

#[derive(Debug, Clone, Serialize)]
pub struct Shown {
    /// As a browser wants it; None while its name is not known.
    pub url: Option<String>,
    pub tone: Tone,
    pub word: &'static str,
    /// What is going on, and what to do about it.
    pub sentence: String,
    /// While it is being set up.
    pub steps: Vec<Step>,
    /// It is a domain of one's own.
    pub own: bool,
    pub records: Vec<Record>,
    pub found: Option<Found>,
    /// `Antwerp, Belgium`
    pub gateway: Option<String>,
    pub port: u16,
    pub passthrough: bool,
    /// It can be opened.
    pub opens: bool,
    /// Something changes by itself, sooner or later.
    pub moves: bool,
    /// Within moments.
    pub soon: bool,
    /// It is no more: only its last words are shown.
    pub over: bool,
    /// It is being taken away: there is nothing to change any more.
    pub leaving: bool,
    /// Another gateway can be had for it.
    pub may_leave: bool,
}

/// What changes with another gateway.
#[derive(Debug, Clone, Serialize)]
pub struct LeaveView {
    pub id: OrderId,
    /// What its owner calls the server.
    pub server: String,
    /// The whole name.
    pub name: String,
    /// `Antwerp, Belgium`
    pub gateway: String,
    /// The records of a domain that will not be right any more; none for a name.
    pub records: Vec<Record>,
}

#[derive(Debug, Clone, Serialize)]
pub struct View {
    pub id: OrderId,
    pub shown: Option<Shown>,
    /// What our own name would begin with.
    pub host: String,
    /// The door of the pretended web, which has no TLS.
    pub door: Option<String>,
    /// Holds `kind`, `name`, `domain`, `port` and `passthrough`.
    pub filled: Filled,
}

impl View {
    /// Whether the page is worth loading again by itself where there is no script.
    pub fn moves(&self) -> bool {
        self.shown.as_ref().is_some_and(|shown| shown.soon)
    }
}

pub fn card(chrome: &Chrome, view: &View) -> Markup {
    let at = format!("/deployments/{}/address", view.id);
    html! {
        section.card.web-address #web-address {
            h2 { "Web address" }
            @match view.shown.as_ref().filter(|shown| !shown.over) {
                Some(shown) => {
                    div.stack data-live=[shown.moves.then(|| format!("{at}/events"))] { (body(view.id, shown, view.door.as_deref())) }
                    p.hidden role="status" data-said {}
                    @if !shown.leaving { (ways(chrome, view, shown, &at)) }
                }
                None => {
                    @if let Some(shown) = &view.shown { p.flash.bad { (icon::icon(icon::Icon::Alert)) span { (shown.sentence) } } }
                    (add(chrome, view, &at))
                }
            }
        }
    }
}

/// The part that moves by itself.
pub fn body(id: OrderId, shown: &Shown, door: Option<&str>) -> Markup {
    html! {
        div.stack data-end[!shown.moves] {
            p.cluster { (badge(shown.tone, shown.word)) span data-say { (shown.sentence) } }
            @if shown.over { p { a href={ "/deployments/" (id) } { "Load the page again" } " to set up another one." } }
            @if let Some(url) = &shown.url {
                (copyable("Address", url))
                @if shown.opens { p.actions { a.btn.quiet href=(url) rel="noreferrer" target="_blank" { "Open it" } } }
            }
            @if !shown.records.is_empty() { (records(shown, door)) }
            @if !shown.steps.is_empty() { (part::track(&shown.steps)) }
            p.hint {
                @match (shown.passthrough, door) {
                    (true, _) => "Encrypted connections are passed on as they are to port ",
                    (false, None) => "The gateway encrypts; behind it, visitors reach port ",
                    (false, Some(_)) => "Visitors reach port ",
                }
                (shown.port) " of your server"
                @if let Some(gateway) = &shown.gateway { ", by a gateway in " (gateway) }
                "."
                @if door.is_some() { " This is a rehearsal: the address works on this machine only, and without encryption." }
            }
        }
    }
}

fn records(shown: &Shown, door: Option<&str>) -> Markup {
    html! {
        section.way-in {
            h3 { "The record of your domain" }
            p { "Make this record where your domain is registered. Instead of the first, a CNAME to a name that leads to the same address will do as well." }
            @for record in &shown.records {
                (copyable(&format!("{} record of {}{}", record.kind, record.name, record.note), &record.value))
            }
            @if let Some(door) = door {
                p.hint { "This is a rehearsal: make it at the " a href=(door) rel="noreferrer" target="_blank" { "pretended registrar" } "." }
            }
            @if let Some(found) = &shown.found {
                p { "We found: " code { (found.found) } ". " @if found.right { "That is right." } @else { (found.advice) } }
                p.hint { "Looked at " (when(found.at)) "." @if !found.right { " We look again every few minutes." } }
            }
        }
    }
}

/// What can be done with one that is there.
fn ways(chrome: &Chrome, view: &View, shown: &Shown, at: &str) -> Markup {
    let wrong = view.filled.is_refused();
    html! {
        @if shown.own {
            (form::post(chrome, &format!("{at}/check"), html! {
                div.actions { button.btn.quiet type="submit" { "Check now" } }
            }))
        }
        details.more open[wrong] {
            summary { "Change or remove" span.hint { "Another port, another gateway, or no web address at all." } }
            div.more-body {
                (form::sheet(chrome, &format!("{at}/change"), &view.filled, html! {
                    (port(&view.filled))
                    (passthrough(&view.filled))
                    div.actions { button.btn.quiet type="submit" { "Change it" } }
                }))
                @if shown.may_leave {
                    div.stack {
                        p.hint { "If its gateway is slow or silent, another one can carry the address. " @if shown.own { "The record of your domain has to be changed then." } @else { "It has another name then." } }
                        div.actions { a.btn.quiet href={ (at) "/gateway" } { "Use another gateway" } }
                    }
                }
                (form::post(chrome, &format!("{at}/remove"), html! {
                    p.hint {
                        "Removed, the address leads nowhere, and its name is free for others to take."
                        @if shown.own { " Remove the record of your domain first: whoever claims the domain next would be found by it." }
                    }
                    div.actions { button.btn.quiet.danger type="submit" { "Remove the address" } }
                }))
            }
        }
    }
}

/// Asked before an address leaves its gateway.
pub fn leave_page(chrome: &Chrome, view: &LeaveView) -> Markup {
    let back = format!("/deployments/{}", view.id);
    layout(
        chrome,
        "Use another gateway",
        html! {
            div.narrow {
                (part::back(&back, &view.server))
                h1 { "Use another gateway?" }
                p.lead { strong { (view.name) } " goes through a gateway in " (view.gateway) " now. We choose another one, as near to your server as can be had." }
                ul {
                    @if view.records.is_empty() {
                        li { "The name ends otherwise then, for its end is the gateway's own. Links to " (view.name) " lead nowhere any more." }
                        li { "We write to you as soon as the new name works. That takes about a minute." }
                    } @else {
                        li {
                            "The record of your domain has to be changed: "
                            @for (place, record) in view.records.iter().enumerate() {
                                @if place > 0 { " and " }
                                code { (record.kind) " " (record.value) }
                            }
                            " will not be right any more. The page of your server shows the new one, and we write to you, too."
                        }
                        li { "Until the new record is seen everywhere visitors do not find your server. That can take hours." }
                    }
                    li { "If no other gateway can be had, it stays with this one." }
                }
                (form::post(chrome, &format!("{back}/address/gateway"), html! {
                    div.actions {
                        button.btn.large type="submit" { "Use another gateway" }
                        a.btn.quiet.large href=(back) { "Stay with this one" }
                    }
                }))
            }
        },
    )
}

fn add(chrome: &Chrome, view: &View, at: &str) -> Markup {
    let choice = |value: &str, title: &str, text: &str| Choice {
        value: value.into(),
        title: title.into(),
        text: html! { (text) },
        aside: html! {},
    };
    let kinds = [
        choice("name", "A name from us", "Ready within a minute."),
        choice("domain", "A domain of your own", "You make one record where it is registered."),
    ];
    html! {
        p { "Visitors reach your server by name and with HTTPS, without a public address of its own. One web address is included in the price." }
        (form::sheet(chrome, at, &view.filled, html! {
            (form::choices("kind", "What should it be?", None, &kinds, &view.filled))
            div.duo {
                (Text::new("name", "Name").code().max(40).optional()
                    .hint(&format!("For a name from us. Empty: {} and a few letters.", view.host)).show(&view.filled))
                (Text::new("domain", "Domain").code().max(253).optional()
                    .hint("For a domain of your own, such as shop.example.org.").show(&view.filled))
            }
            (form::more("Port and encryption", "Port 80, and the gateway encrypts.", &["port", "passthrough"], &view.filled, html! {
                (port(&view.filled))
                (passthrough(&view.filled))
            }))
            div.actions { button.btn type="submit" { "Set up the address" } }
        }))
    }
}

fn port(filled: &Filled) -> Markup {
    Text::new("port", "Port of your server")
        .digits()
        .max(5)
        .optional()
        .hint("Where your web server listens, on IPv6 too. Empty: 80, or 443 where encryption is passed on.")
        .show(filled)
}

fn passthrough(filled: &Filled) -> Markup {
    form::tick(
        "passthrough",
        "My server does the encryption",
        html! { "Connections are passed on as they are; your server needs a certificate of its own." },
        filled,
    )
}
