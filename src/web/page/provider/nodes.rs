//! A provider's nodes: what they have, and whether they are there.

use maud::{Markup, html};
use serde::Serialize;

use crate::base::Time;
use crate::domain::node::NodeState;
use crate::web::ui::format::{ago, disk, memory};
use crate::web::ui::part::{self, Pager, Tone, number, text};
use crate::web::ui::{Chrome, layout};

pub(super) fn badge(state: NodeState) -> Markup {
    let tone = match state {
        NodeState::Up => Tone::Good,
        NodeState::Standby => Tone::Warn,
        NodeState::Down => Tone::Bad,
    };
    part::badge(tone, state.word())
}

#[derive(Debug, Clone, Serialize)]
pub struct Node {
    pub id: u32,
    pub farm: u32,
    pub farm_name: String,
    pub place: String,
    pub cores: u64,
    pub memory_mb: u64,
    pub memory_used_mb: u64,
    pub disk_gb: u64,
    pub state: NodeState,
    pub last_contact: Time,
    /// Running here through this instance.
    pub deployments: usize,
    pub sold: Sold,
}

/// To whom.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Sold {
    Everybody,
    /// The members of a private pool.
    Pool,
    KeptBack,
}

#[derive(Debug, Clone, Serialize)]
pub struct View {
    pub nodes: Vec<Node>,
    pub now: Time,
    /// The grid's index has answered since the start.
    pub known: bool,
    pub pager: Pager,
}

pub fn page(chrome: &Chrome, view: &View) -> Markup {
    layout(
        chrome,
        "Nodes",
        html! {
            div.wrap.stack {
                (part::head(
                    "Your nodes",
                    html! { "Nodes of your farms appear here by themselves, and so does what becomes of them." },
                    html! { @if !view.nodes.is_empty() { a.btn.quiet href="/provider/claim" { "Add a farm" } } },
                ))
                @if !view.known {
                    (part::empty(
                        "We don't know your nodes yet",
                        "The grid's list of nodes has not come since we started. It is asked for again and again; look once more in a minute.",
                        part::button("/provider/earnings", "Look at your earnings"),
                    ))
                } @else if view.nodes.is_empty() {
                    (part::empty(
                        "No nodes yet",
                        "Show us that a farm is yours and its nodes appear here. There is nothing to install on them.",
                        part::button("/provider/claim", "Add your farm"),
                    ))
                } @else {
                    (part::table("Your nodes", &COLUMNS, view.nodes.iter().map(|node| row(node, view.now)).collect()))
                    (part::pager_saying("← Before", "Next →", &view.pager))
                }
            }
        },
    )
}

const COLUMNS: [part::Column; 8] = [
    text("Node"),
    text("State"),
    text("Sold to"),
    text("Place"),
    number("Cores"),
    text("Memory in use"),
    number("Disk"),
    number("Deployments"),
];

fn row(node: &Node, now: Time) -> Vec<Markup> {
    vec![
        html! { a.row-link href={ "/provider/nodes/" (node.id) } { "Node " (node.id) } span.sub { (node.farm_name) " (farm " (node.farm) ")" } },
        html! { (badge(node.state)) span.sub { "Seen " (ago(node.last_contact, now)) } },
        match node.sold {
            Sold::Everybody => html! { "Everybody" },
            Sold::Pool => html! { "A private pool" },
            Sold::KeptBack => part::badge(Tone::Quiet, "Nobody else"),
        },
        html! { (node.place) },
        html! { (node.cores) },
        html! {
            (memory(node.memory_used_mb)) " of " (memory(node.memory_mb))
            (part::bar("Memory in use", node.memory_used_mb, node.memory_mb))
        },
        html! { (disk(node.disk_gb)) },
        html! { (node.deployments) },
    ]
}
