//! What was found: as a list, as a table, as a map, or with a way out where nothing was.

use maud::{Markup, html};

use super::{Found, Node, View};
use crate::domain::pool::Field;
use crate::web::ui::format::{about, count, disk, memory, percent};
use crate::web::ui::icon::{Icon, icon};
use crate::web::ui::map::{self, Dot};
use crate::web::ui::part::{self, Tone, number, text};

pub(super) fn found(view: &View) -> Markup {
    match &view.found {
        Found::Unread => html! {
            p.flash.bad { (icon(Icon::Alert)) span {
                "Please look at what is marked in the filters; nothing is searched until it can be read. "
                a href=(view.wanted.href()) data-sieve-link { "Search without it" }
            } }
        },
        Found::Unknown => part::empty(
            "We don't know the nodes yet",
            "Their list has not come since we started. It is asked for again and again; look once more in a minute.",
            part::button("/catalogue", "Look at sizes and prices"),
        ),
        Found::Nothing { ways } => nothing(view, ways),
        Found::Nodes { nodes, pager } => html! {
            @if view.wanted.look == super::Look::Table { (table(view, nodes)) } @else {
                ul.node-cards { @for node in nodes { li.node-card { (card(view, node)) } } }
            }
            (pages(pager))
        },
        Found::Map { by, dots, nowhere } => atlas(view, *by, dots, *nowhere),
    }
}

fn nothing(view: &View, ways: &[(String, String)]) -> Markup {
    html! {
        div.empty {
            h2 { "No node is like that" }
            @if ways.is_empty() { p { "Nothing takes orders right now. We look again all the time; please come back a little later." } } @else {
                p { "These get you further:" }
                ul.relax { @for (href, sentence) in ways { li { a href=(href) data-sieve-link { (sentence) } } } }
            }
            @if ways.is_empty() { a.btn.quiet href="/catalogue" { "Look at sizes and prices" } }
            @else { a.btn.quiet href=(view.wanted.cleared().href()) data-sieve-link { "Clear all filters" } }
        }
    }
}

fn pages(pager: &part::Pager) -> Markup {
    part::pager_saying("← Before", "Next →", pager)
}

fn badges(node: &Node) -> Markup {
    html! {
        @if !node.classes.is_empty() || node.certified || node.whole {
            p.badges {
                @for class in &node.classes { (part::badge(Tone::Busy, class.word())) }
                @if node.certified { (part::badge(Tone::Good, "Certified")) }
                @if node.whole { (part::badge(Tone::Warn, "Only whole")) }
            }
        }
    }
}

fn order(view: &View, node: &Node) -> Markup {
    html! {
        @if node.whole { span.hint { "Only rented whole" } }
        @else if let Some(window) = node.worked_on { span.hint { "Maintenance on " (window.starts.day()) } }
        @else {
            a.btn.quiet.small href=(view.wanted.order_on(node.id)) { "Order here" span.hidden { ", on node " (node.id) } }
        }
    }
}

fn uptime(node: &Node) -> Markup {
    html! {
        @match node.measured {
            Some(points) => { (percent(points.into())) " up" }
            None => span.soft { "not measured yet" },
        }
    }
}

fn line(node: &Node) -> Markup {
    html! { @if node.line_mbps == 0 { span.soft { "not measured yet" } } @else { (count(node.line_mbps)) " Mbit/s" } }
}

fn card(view: &View, node: &Node) -> Markup {
    html! {
        div.node-head {
            h3 { a href={ "/nodes/" (node.id) } { "Node " (node.id) } }
            span.node-score title="Price, reliability, room, spread, speed and hardware, as for a server that we place" {
                strong { (node.points) } " of " (node.of)
            }
        }
        p.node-place { (icon(Icon::Pin)) span { (node.place) span.sub { (node.farm_name) } } }
        dl.node-facts {
            div { dt { "Cores" } dd { (node.cores) } }
            div { dt { "Memory free" } dd { (memory(node.memory_free_mb)) span.soft { " of " (memory(node.memory_mb)) } } }
            div { dt { "SSD free" } dd { (disk(node.ssd_free_gb)) span.soft { " of " (disk(node.ssd_gb)) } } }
            div { dt { "HDD" } dd { @if node.hdd_gb > 0 { (disk(node.hdd_gb)) } @else { span.soft { "none" } } } }
            @if !node.gpus.is_empty() { div.wide { dt { "Graphics card" } dd { (node.gpus.join(", ")) } } }
            div { dt { "Line" } dd { (line(node)) } }
            div { dt { "Measured" } dd { (uptime(node)) } }
        }
        div.node-foot { (badges(node)) (order(view, node)) }
    }
}

const COLUMNS: [part::Column; 9] = [
    text("Node"),
    text("Place"),
    number("Cores"),
    number("Memory"),
    number("SSD"),
    number("Mbit/s"),
    number("Up"),
    number("Whole node"),
    text("Order"),
];

/// A dash that says in words what is missing.
fn missing(words: &str) -> Markup {
    html! { span.soft title=(words) { span aria-hidden="true" { "–" } span.hidden { (words) } } }
}

fn table(view: &View, nodes: &[Node]) -> Markup {
    let row = |node: &Node| {
        vec![
            html! { a.row-link href={ "/nodes/" (node.id) } { "Node " (node.id) } span.sub { (node.farm_name) } },
            html! { (node.place) },
            html! { (node.cores) },
            html! { (memory(node.memory_free_mb)) },
            html! { (disk(node.ssd_free_gb)) },
            html! { @if node.line_mbps == 0 { (missing("not measured yet")) } @else { (count(node.line_mbps)) } },
            html! { @match node.measured { Some(points) => (percent(points.into())), None => (missing("not measured yet")) } },
            html! { @match node.price { Some(price) => (about(price)), None => (missing("not known")) } },
            html! {
                @if node.whole { span.soft title="Only rented whole" { "Whole" } }
                @else if let Some(window) = node.worked_on { span.soft title={ "Its provider works on it: " (window.text()) } { "Maintenance" } }
                @else {
                    a href=(view.wanted.order_on(node.id)) { "Order" span.hidden { " on node " (node.id) } }
                }
            },
        ]
    };
    html! {
        div.dense { (part::table("Nodes", &COLUMNS, nodes.iter().map(row).collect())) }
        p.hint { "Memory and SSD: what is free. Mbit/s: measured, in the slower direction. Up: how often when we looked. Whole node: list price of a month." }
    }
}

fn atlas(view: &View, by: Field, dots: &[Dot], nowhere: usize) -> Markup {
    let (many, one) = if by == Field::City { ("cities", "city") } else { ("countries", "country") };
    let most = dots.iter().map(|dot| dot.nodes).max().unwrap_or(1);
    html! {
        figure.map-box {
            (map::world(&format!("Map of nodes by {one}"), dots))
            figcaption.hint {
                "Each circle is a " (one) "; choose one to see its nodes. "
                @if nowhere > 0 { (count(nowhere as u64)) @if nowhere == 1 { " node does" } @else { " nodes do" } " not say where." }
            }
        }
        div.map-list {
            h3 { (count(dots.len() as u64)) " " (if dots.len() == 1 { one } else { many }) }
            ul.places {
                @for dot in dots {
                    li {
                        @match &dot.href {
                            Some(href) => a href=(href) data-sieve-link { (dot.name) },
                            None => span { (dot.name) },
                        }
                        span.tally-of { (count(dot.nodes as u64)) }
                        (part::bar(&dot.name, dot.nodes as u64, most as u64))
                    }
                }
            }
            p { a href=(view.wanted.looking(super::Look::Cards).href()) data-sieve-link { "Show these " (count(view.facets.matches as u64)) " as a list" } }
        }
    }
}
