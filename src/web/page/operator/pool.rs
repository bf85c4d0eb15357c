//! One private pool: nodes that were offered, nodes in it, and who may order there.

use maud::{Markup, html};
use serde::Serialize;

use crate::base::Time;
use crate::base::ids::{PoolId, UserId};
use crate::domain::node::Class;
use crate::web::ui::form::{self, Filled, Text};
use crate::web::ui::format::ago;
use crate::web::ui::part::{self, Pager, Tone};
use crate::web::ui::{Chrome, layout};

#[derive(Debug, Clone, Serialize)]
pub struct Node {
    pub id: u32,
    pub farm: u32,
    /// None: the index does not tell of it just now.
    pub about: Option<About>,
    /// Who offered it.
    pub provider: String,
    pub since: Time,
    /// The provider keeps it back at the moment.
    pub kept_back: bool,
}

#[derive(Debug, Clone, Serialize)]
pub struct About {
    pub farm_name: String,
    pub place: String,
    pub cores: u64,
    pub memory_gb: u64,
    pub up: bool,
    pub classes: Vec<Class>,
}

#[derive(Debug, Clone, Serialize)]
pub struct Member {
    pub id: UserId,
    pub name: String,
    pub email: String,
}

#[derive(Debug, Clone, Serialize)]
pub struct View {
    pub id: PoolId,
    pub name: String,
    pub offers: Vec<Node>,
    pub offers_pager: Pager,
    pub nodes: Vec<Node>,
    pub pager: Pager,
    pub members: Vec<Member>,
    pub members_pager: Pager,
    /// Holds `email`.
    pub filled: Filled,
    pub now: Time,
}

pub fn page(chrome: &Chrome, view: &View) -> Markup {
    layout(
        chrome,
        &view.name,
        html! {
            div.wrap.stack {
                (part::back("/operator/pools", "Private pools"))
                (part::head(&view.name, html! { "What is in here is sold to the members below, and to nobody else." }, html! {}))
                (part::card("Offered", offers(chrome, view)))
                (part::card("In this pool", nodes(view)))
                (part::card("Members", members(chrome, view)))
            }
        },
    )
}

fn offers(chrome: &Chrome, view: &View) -> Markup {
    html! {
        @if view.offers.is_empty() {
            p.soft { "No node waits for you. Providers offer them on the page of each node." }
        } @else {
            ul.lines { @for node in &view.offers { li {
                (described(node, view.now, "Offered"))
                span.cluster {
                    (form::post(chrome, &here(view, "approve"), html! {
                        (form::hidden("node", &node.id.to_string()))
                        button.btn.small type="submit" { "Take it" span.hidden { " (node " (node.id) ")" } }
                    }))
                    (refusal(view, node, "Refuse …"))
                }
            } } }
            (part::pager(&view.offers_pager))
        }
    }
}

fn nodes(view: &View) -> Markup {
    html! {
        @if view.nodes.is_empty() {
            p.soft { "None yet. A node comes in when its provider offers it and you take it." }
        } @else {
            ul.lines { @for node in &view.nodes { li {
                (described(node, view.now, "Came in"))
                (refusal(view, node, "Let it go …"))
            } } }
            (part::pager(&view.pager))
        }
    }
}

fn described(node: &Node, now: Time, since: &str) -> Markup {
    html! {
        span {
            strong { "Node " (node.id) }
            span.sub {
                @match &node.about {
                    Some(about) => {
                        (about.farm_name) " (farm " (node.farm) "), " (about.place) ": " (about.cores) " cores, " (about.memory_gb) " GB of memory"
                        @for class in &about.classes { ", " (class.word()) }
                    }
                    None => { "Farm " (node.farm) ". The grid's list does not tell of it just now." }
                }
            }
            span.sub { (since) " " (ago(node.since, now)) ", by " (node.provider) }
            @if node.about.as_ref().is_some_and(|about| !about.up) { (part::badge(Tone::Bad, "Not up")) }
            @if node.kept_back { (part::badge(Tone::Quiet, "Kept back by its provider")) }
        }
    }
}

/// A reason is wanted, on a page of its own.
fn refusal(view: &View, node: &Node, verb: &str) -> Markup {
    html! {
        a.btn.quiet.small href={ (here(view, "refuse")) "?node=" (node.id) } { (verb) span.hidden { " (node " (node.id) ")" } }
    }
}

fn members(chrome: &Chrome, view: &View) -> Markup {
    html! {
        @if view.members.is_empty() {
            p.soft { "Nobody yet: so far nobody can order on the nodes in here but their own providers." }
        } @else {
            ul.lines { @for member in &view.members { li {
                span { strong { (member.name) } span.sub { (member.email) } }
                (form::post(chrome, &here(view, "leave"), html! {
                    (form::hidden("user", &member.id.to_string()))
                    button.btn.quiet.small type="submit" { "Remove" span.hidden { " " (member.name) } }
                }))
            } } }
            (part::pager_saying("← From the first", "More →", &view.members_pager))
        }
        (form::sheet(chrome, &here(view, "members"), &view.filled, html! {
            (Text::email("email", "E-mail address of somebody with an account here").show(&view.filled))
            div.between { button.btn.quiet type="submit" { "Let them in" } }
        }))
    }
}

fn here(view: &View, verb: &str) -> String {
    format!("/operator/pools/{}/{verb}", view.id)
}

/// What the page that asks for a reason shows.
#[derive(Debug, Clone, Serialize)]
pub struct Refusal {
    pub pool: PoolId,
    pub pool_name: String,
    pub node: u32,
    /// It is in the pool already, and was not only offered.
    pub inside: bool,
    /// Holds `reason`.
    pub filled: Filled,
}

/// Asks why a node is not wanted.
pub fn refusal_page(chrome: &Chrome, view: &Refusal) -> Markup {
    let title = if view.inside { format!("Let node {} go", view.node) } else { format!("Refuse node {}", view.node) };
    let what = if view.inside {
        "It will be sold to everybody again. What runs on it goes on."
    } else {
        "It stays as it is: sold to everybody."
    };
    layout(
        chrome,
        &title,
        html! {
            div.mid.stack {
                (part::back(&format!("/operator/pools/{}", view.pool), &view.pool_name))
                (part::head(&title, html! { (what) }, html! {}))
                (part::card("Why", form::sheet(chrome, &format!("/operator/pools/{}/refuse", view.pool), &view.filled, html! {
                    (form::hidden("node", &view.node.to_string()))
                    (Text::new("reason", "The reason").max(300).hint("The node's provider reads it.").show(&view.filled))
                    div.between {
                        button.btn type="submit" { @if view.inside { "Let it go" } @else { "Refuse it" } }
                        a href={ "/operator/pools/" (view.pool) } { "Leave it as it is" }
                    }
                })))
            }
        },
    )
}
