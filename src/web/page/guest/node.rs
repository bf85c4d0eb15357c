//! One node: what it has, where it stands, how it did when we looked, whose it is, and what fits on it.

use maud::{Markup, html};
use serde::Serialize;

use super::nodes::Node;
use crate::base::Time;
use crate::base::money::Usd;
use crate::domain::node::{Looks, NodeState, Spot};
use crate::domain::observation::Turned;
use crate::web::page::provider::node::turns;
use crate::web::ui::chart::{self, Day};
use crate::web::ui::format::{about, ago, count, cpus, disk, memory, money, percent, span, when};
use crate::web::ui::icon::{Icon, icon};
use crate::web::ui::map::{self, Dot};
use crate::web::ui::part::{self, Tone};
use crate::web::ui::{Chrome, layout};

/// A size of the catalogue on this node.
#[derive(Debug, Clone, Serialize)]
pub struct SizeHere {
    pub slug: String,
    pub name: String,
    pub line: String,
    pub price: Usd,
    /// There is room for it.
    pub fits: bool,
}

#[derive(Debug, Clone, Serialize)]
pub struct View {
    pub node: Node,
    pub region: String,
    pub spot: Option<Spot>,
    pub state: NodeState,
    /// Takes an order of whoever looks at it.
    pub orderable: bool,
    /// It is theirs.
    pub own: bool,
    pub farm: u32,
    /// The farmer's number.
    pub owner: u32,
    /// Nodes of this farm that one can look at.
    pub siblings: usize,
    pub upload_mbps: u64,
    pub download_mbps: u64,
    pub uptime_s: u64,
    pub last_contact: Time,
    /// What became of it while we looked, newest first.
    pub turns: Vec<(Time, Turned)>,
    pub now: Time,
    pub looks: Looks,
    /// The last days, oldest first: their beginning, and what we saw.
    pub days: Vec<(Time, Looks)>,
    pub sizes: Vec<SizeHere>,
}

pub fn page(chrome: &Chrome, view: &View) -> Markup {
    let node = &view.node;
    layout(
        chrome,
        &format!("Node {}", node.id),
        html! {
            div.wrap.stack {
                (part::back("/nodes", "All nodes"))
                (part::head(
                    &format!("Node {}", node.id),
                    html! { (node.place) ", run by " (node.farm_name) },
                    html! { @if view.orderable { a.btn.large href={ "/order?node=" (node.id) } { "Order on this node" } } },
                ))
                (standing(view))
                div.duo.wide-left {
                    (part::card("What it has", machine(view)))
                    (part::card("Where it is, and whose", place(view)))
                }
                (part::card("How it did when we looked", reliability(view)))
                (part::card("What a server costs here", sizes(view)))
            }
        },
    )
}

fn standing(view: &View) -> Markup {
    let node = &view.node;
    let (tone, word) = match view.state {
        NodeState::Up => (Tone::Good, "Up"),
        NodeState::Standby => (Tone::Warn, "Asleep"),
        NodeState::Down => (Tone::Bad, "Down"),
    };
    html! {
        p.cluster {
            (part::badge(tone, word))
            @for class in &node.classes { (part::badge(Tone::Busy, class.word())) }
            @if node.certified { (part::badge(Tone::Good, "Certified")) }
            span.soft { "Last contact " (ago(view.last_contact, view.now)) }
            @if view.own { (part::badge(Tone::Quiet, "Yours")) }
            @if !view.orderable {
                span.soft {
                    @if let Some(window) = node.worked_on { "Its provider works on it from " (when(window.starts)) " to " (when(window.ends)) ": it takes no orders until then." }
                    @else if node.whole { "It is only rented whole, so no single server can be ordered on it." }
                    @else { "It takes no orders right now." }
                }
            }
        }
    }
}

fn share(label: &str, free: u64, total: u64, write: fn(u64) -> String) -> Markup {
    html! { (write(free)) " free of " (write(total)) (part::bar(label, total.saturating_sub(free), total)) }
}

fn machine(view: &View) -> Markup {
    let node = &view.node;
    part::facts(vec![
        ("Cores", html! { (cpus(node.cores)) }),
        ("Memory", share("Memory in use", node.memory_free_mb, node.memory_mb, memory)),
        ("SSD", share("SSD in use", node.ssd_free_gb, node.ssd_gb, disk)),
        ("HDD", html! { @if node.hdd_gb > 0 { (disk(node.hdd_gb)) } @else { "None" } }),
        ("Graphics cards", html! { @if node.gpus.is_empty() { "None" } @else { (node.gpus.join(", ")) } }),
        (
            "Measured line",
            html! {
                @if node.line_mbps == 0 { "Not measured yet" }
                @else { (count(view.download_mbps)) " Mbit/s down, " (count(view.upload_mbps)) " Mbit/s up" }
            },
        ),
        (
            "Public addresses",
            html! {
                @if node.ipv4 > 0 { (count(node.ipv4.into())) " IPv4 free on its farm" } @else { "No IPv4 free on its farm" }
                @if node.ipv6 { ", IPv6" }
            },
        ),
        (
            "The whole node",
            html! { @match node.price { Some(price) => { (about(price)) " a month by the list" } None => "No list price known" } },
        ),
    ])
}

fn place(view: &View) -> Markup {
    let node = &view.node;
    let dot = Dot { name: node.place.clone(), nodes: 1, spot: view.spot, href: None };
    html! {
        @if view.spot.is_some() { (map::world(&format!("Map: {}", node.place), &[dot])) }
        @else { p.hint { "Where exactly it stands is not known." } }
        p.node-place { (icon(Icon::Pin)) span { (node.place) span.sub { (view.region) } } }
        (part::facts(vec![
            ("Run by", html! { strong { (node.farm_name) } }),
            ("Its nodes", html! { a href={ "/nodes?farm=" (view.farm) } { (count(view.siblings as u64)) @if view.siblings == 1 { " node" } @else { " nodes" } " of this farm" } }),
            ("Farmer", html! { a href={ "/nodes?owner=" (view.owner) } { "Number " (view.owner) } }),
        ]))
    }
}

fn reliability(view: &View) -> Markup {
    let days: Vec<Day> = view.days.iter().map(|(at, looks)| Day { at: *at, looks: *looks }).collect();
    html! {
        p {
            @match view.looks.basis_points() {
                Some(points) => { strong { (percent(points.into())) } " up, of the " (count(view.looks.seen.into())) " times we looked within 90 days." }
                None => {
                    "We have looked " (count(view.looks.seen.into())) @if view.looks.seen == 1 { " time" } @else { " times" }
                    " so far; from " (count(Looks::ENOUGH.into())) " on it says something. Until then there is its own report only: up for "
                    (span(std::time::Duration::from_secs(view.uptime_s))) " since its last start."
                }
            }
        }
        (chart::days("Share of looks at which it was up, by day", &days))
        p.hint { "Each column is a day, the last one is today. Grey: nobody looked. Times of maintenance that was announced a day before are left out." }
        h3 { "Down and back" }
        (turns(&view.turns))
    }
}

fn sizes(view: &View) -> Markup {
    html! {
        p.hint { "The price for 30 days is the same on every node; what differs is whether there is room." }
        ul.lines {
            @for size in &view.sizes {
                li {
                    div { strong { (size.name) } span.sub { (size.line) } }
                    span.size-here {
                        strong { (money(size.price)) }
                        @if !view.orderable { } @else if size.fits {
                            a.btn.quiet.small href={ "/order?node=" (view.node.id) "&size=" (size.slug) } { "Order " (size.name) }
                        } @else { span.soft { "No room" } }
                    }
                }
            }
        }
    }
}
