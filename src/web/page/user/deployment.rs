//! One deployment: how to get in, how it came about, what it costs and what was promised.

use maud::{Markup, html};
use serde::Serialize;

use super::deployments::Status;
use crate::base::Time;
use crate::base::ids::{ChargeId, OrderId};
use crate::base::money::Usd;
use crate::web::ui::form;
use crate::web::ui::format::{money, when};
use crate::web::ui::offer::{self, Size, Sla};
use crate::web::ui::part::{self, Step, copyable};
use crate::web::ui::{Chrome, layout};

/// How to get in.
#[derive(Debug, Clone, Serialize)]
pub struct Access {
    pub address: String,
    /// The whole line to type.
    pub ssh: String,
    /// The comment of the key that may sign in.
    pub key_name: String,
}

/// What became of something that ran.
#[derive(Debug, Clone, Copy, Serialize)]
pub struct Over {
    pub at: Time,
    /// What went back to the card, and what was kept for the hours used.
    pub back: Usd,
    pub kept: Usd,
}

#[derive(Debug, Clone, Serialize)]
pub struct View {
    pub id: OrderId,
    pub name: String,
    pub status: Status,
    /// One sentence when something is not as it should be.
    pub note: Option<String>,
    pub access: Option<Access>,
    /// The five: select, pay, deploy, allocate, access.
    pub steps: Vec<Step>,
    pub size: Size,
    pub image: String,
    pub ordered: Time,
    pub paid_until: Option<Time>,
    pub price: Usd,
    /// How it ended, if it ran and runs no more.
    pub over: Option<Over>,
    pub receipt: Option<ChargeId>,
    pub sla: Sla,
    pub place: Option<String>,
    pub node: Option<u32>,
    pub can_delete: bool,
}

pub fn page(chrome: &Chrome, view: &View) -> Markup {
    layout(
        chrome,
        &view.name,
        html! {
            div.wrap.stack {
                (part::back("/deployments", "All deployments"))
                header.head {
                    div {
                        h1 { (view.name) }
                        p.lead.cluster { (view.status.badge()) span { (view.size.line()) } span { (view.image) } }
                    }
                    div.actions {
                        @if view.can_delete { a.btn.quiet.danger href={ "/deployments/" (view.id) "/delete" } { "Delete" } }
                    }
                }
                @if matches!(view.status, Status::Ended | Status::Refunded) { (gone(view)) } @else {
                    @if let Some(note) = &view.note { p.flash.notice { span { (note) } } }
                    (access(view))
                }
                section.card { h2 { "How it came about" } (part::track(&view.steps)) }
                div.duo {
                    (part::card("Price and place", price(view)))
                    (part::card("What we promise", offer::sla(&view.sla)))
                }
            }
        },
    )
}

fn access(view: &View) -> Markup {
    html! {
        section.access {
            h2 { "Sign in" }
            @match &view.access {
                Some(access) => {
                    p { "With the SSH key " code { (access.key_name) } ", from any terminal:" }
                    (copyable("Command", &access.ssh))
                    (copyable("Address", &access.address))
                }
                None if view.status == Status::Starting => {
                    p { "The address appears here when the server runs. " }
                    p.actions { (part::button(&format!("/deployments/{}/progress", view.id), "Watch it start")) }
                }
                None => p { "There is nothing to sign in to any more." },
            }
        }
    }
}

/// What one comes here for when there is nothing to sign in to any more.
fn gone(view: &View) -> Markup {
    part::card(
        "It runs no more",
        html! {
            @if let Some(note) = &view.note { p { (note) } }
            p.actions {
                (part::button("/order", "Order a server"))
                @if let Some(id) = view.receipt { a.btn.quiet href={ "/receipts/" (id) } { "See the receipt" } }
            }
        },
    )
}

fn price(view: &View) -> Markup {
    let mut facts = vec![("Price", html! { strong { (money(view.price)) } " for 30 days" })];
    match view.over {
        Some(over) => facts.extend([
            ("Ran until", when(over.at)),
            ("Paid back", html! { (money(over.back)) }),
            ("In the end", html! { strong { (money(over.kept)) } " for the hours used" }),
        ]),
        None => facts.push(("Paid until", html! { @match view.paid_until { Some(at) => (when(at)), None => "Not charged" } })),
    }
    html! {
        (part::facts(facts.into_iter().chain([
            ("Receipt", html! {
                @match view.receipt { Some(id) => a href={ "/receipts/" (id) } { "Open the receipt" }, None => "None yet" }
            }),
            ("Ordered", when(view.ordered)),
            ("Runs in", html! { (view.place.as_deref().unwrap_or("Not chosen yet")) }),
            ("Node", html! { @match view.node { Some(node) => (node), None => "–" } }),
            ("Order number", html! { code { (view.id) } }),
        ]).collect()))
    }
}

/// Asked before a deployment is deleted.
#[derive(Debug, Clone, Serialize)]
pub struct RemoveView {
    pub id: OrderId,
    pub name: String,
    pub paid_until: Option<Time>,
}

pub fn remove_page(chrome: &Chrome, view: &RemoveView) -> Markup {
    layout(
        chrome,
        &format!("Delete {}", view.name),
        html! {
            div.narrow {
                (part::back(&format!("/deployments/{}", view.id), &view.name))
                h1 { "Delete " (view.name) "?" }
                p.lead { "The server stops and everything on its disk is gone for good. We keep no copy." }
                @if let Some(until) = view.paid_until {
                    p { "It is paid until " (when(until)) ". Hours you have not used go back to your card." }
                }
                (form::post(chrome, &format!("/deployments/{}/delete", view.id), html! {
                    div.actions {
                        button.btn.danger.large type="submit" { "Delete " (view.name) }
                        a.btn.quiet.large href={ "/deployments/" (view.id) } { "Keep it" }
                    }
                }))
            }
        },
    )
}
