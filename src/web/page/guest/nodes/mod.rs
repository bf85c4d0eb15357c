//! Every node there is to choose from: narrowed down by a form, in three looks, and kept under a name by those who come again.

mod looks;
mod sieve;
mod wanted;

use maud::{Markup, html};
use serde::Serialize;

pub use self::wanted::{Look, Read, Wanted};
use crate::base::Time;
use crate::base::ids::FilterId;
use crate::base::money::Usd;
use crate::domain::maintenance::Window;
use crate::domain::node::Class;
use crate::domain::pool::{Facets, Field, Sort};
use crate::web::ui::form::{self, Filled};
use crate::web::ui::format::{count, when};
use crate::web::ui::icon::{Icon, icon};
use crate::web::ui::map::Dot;
use crate::web::ui::part::Pager;
use crate::web::ui::{Chrome, asset, layout, part};

/// A node as it is shown among others.
#[derive(Debug, Clone, Serialize)]
pub struct Node {
    pub id: u32,
    pub farm_name: String,
    pub place: String,
    pub classes: Vec<Class>,
    pub certified: bool,
    /// Only rented whole: it takes no single server.
    pub whole: bool,
    pub cores: u32,
    pub memory_mb: u64,
    pub memory_free_mb: u64,
    pub ssd_gb: u64,
    pub ssd_free_gb: u64,
    pub hdd_gb: u64,
    pub gpus: Vec<String>,
    /// Hundredths of a percent of our own looks; None while there are too few.
    pub measured: Option<u16>,
    pub line_mbps: u64,
    /// For a month of all it has.
    pub price: Option<Usd>,
    pub ipv4: u32,
    pub ipv6: bool,
    pub points: u32,
    pub of: u32,
    /// When its provider will work on it next, if that keeps new orders away.
    pub worked_on: Option<Window>,
}

/// What was found.
#[derive(Debug, Clone, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Found {
    /// Something in the form can't be read: first things first.
    Unread,
    Nodes {
        nodes: Vec<Node>,
        pager: Pager,
    },
    Map {
        by: Field,
        dots: Vec<Dot>,
        /// Nodes that don't say where they stand.
        nowhere: usize,
    },
    /// Nothing: an address and a sentence for each way to find something.
    Nothing {
        ways: Vec<(String, String)>,
    },
    /// The list of nodes has not come yet.
    Unknown,
}

/// What somebody has saved.
#[derive(Debug, Clone, Serialize)]
pub struct Saved {
    pub id: FilterId,
    pub name: String,
    pub href: String,
}

#[derive(Debug, Clone, Serialize)]
pub struct View {
    pub wanted: Wanted,
    pub facets: Facets,
    pub typed: Filled,
    /// Keys and names of the sizes on sale.
    pub sizes: Vec<(String, String)>,
    pub found: Found,
    /// How many of them take an order now.
    pub orderable: usize,
    pub saved: Vec<Saved>,
    /// What was typed to save this one, and what is wrong with it.
    pub saving: Filled,
    /// The whole address, to be passed on.
    pub link: String,
    /// When the list of nodes was told, and whether that is long ago.
    pub told: Option<Time>,
    pub old: bool,
}

pub fn page(chrome: &Chrome, view: &View) -> Markup {
    layout(
        chrome,
        "Choose a node",
        html! {
            div.wrap.stack {
                (part::head(
                    "Choose a node",
                    html! { "Say what you need. The number beside each value is how many nodes are left with it." },
                    html! {},
                ))
                (tabs(true))
                div.sift {
                    aside.sift-side aria-label="Filters" { (sieve::form(view)) }
                    section.sift-main aria-label="Nodes" {
                        (tools(view))
                        div data-part="wishes" { (wishes(view)) }
                        div.sift-found data-part="found" { (looks::found(view)) }
                        div data-part="told" { (told(view)) }
                        div data-part="keep" { (keep(chrome, view)) }
                    }
                }
            }
            script src=(asset::url("sieve.js")) defer {}
        },
    )
}

/// Of when it all is.
fn told(view: &View) -> Markup {
    html! {
        @if let Some(at) = view.told {
            @if view.old {
                p.flash.notice { span { "This is how things stood on " (when(at)) ": the list of nodes does not come just now. Orders wait until it does." } }
            } @else { p.hint { "As of " (when(at)) "." } }
        }
    }
}

/// The two ways to an order: the basic view and the advanced one.
pub fn tabs(here: bool) -> Markup {
    html! {
        nav.filters aria-label="How to choose the node" {
            a href="/order" aria-current=[(!here).then_some("page")] { "Choose for me" }
            a href="/nodes" aria-current=[here.then_some("page")] { "Choose the node yourself" }
        }
    }
}

fn sentence(view: &View) -> String {
    match &view.found {
        Found::Unread => "Not searched yet".to_owned(),
        Found::Unknown => "No nodes known yet".to_owned(),
        Found::Nothing { .. } => "No nodes".to_owned(),
        Found::Nodes { .. } | Found::Map { .. } => match view.facets.matches {
            1 => "1 node".to_owned(),
            many => format!("{} nodes", count(many as u64)),
        },
    }
}

fn tools(view: &View) -> Markup {
    let wrong = view.typed.error("sort").is_some();
    html! {
        div.tools {
            h2.tools-count role="status" data-say { (sentence(view)) }
            div.tools-sort {
                label for="f-sort" { "Order" }
                select #f-sort name="sort" form="sieve" data-part="sort-options" aria-invalid=[wrong.then_some("true")]
                    aria-describedby=[wrong.then_some("f-sort-error")] {
                    @for sort in Sort::ALL {
                        option value=(if sort == Sort::default() { "" } else { sort.key() }) selected[!wrong && sort == view.wanted.sort] { (sort.title()) }
                    }
                    @if let Some(typed) = view.typed.value("sort").filter(|_| wrong) { option value=(typed) selected { (typed) } }
                }
                div data-part="sort-note" { (form::error_line("f-sort", view.typed.error("sort"))) }
            }
            nav.looks aria-label="Look" data-part="looks" {
                @for look in Look::ALL {
                    a href=(view.wanted.looking(look).href()) data-sieve-link aria-current=[(look == view.wanted.look).then_some("true")] { (look.title()) }
                }
            }
        }
    }
}

/// What is asked for, each with a way to drop it.
fn wishes(view: &View) -> Markup {
    let wanted = &view.wanted;
    let size = wanted.size.as_ref().map(|size| {
        let name = view.sizes.iter().find(|(key, _)| key == size).map_or(size.as_str(), |(_, name)| name);
        (format!("Room for {name}"), wanted.of_any_size().href())
    });
    let all: Vec<(String, String)> = Field::ALL
        .into_iter()
        .filter_map(|field| Some((wanted.filter.wish(field)?, wanted.without(&[field]).href())))
        .chain(size)
        .collect();
    html! {
        @if !all.is_empty() {
            ul.wishes aria-label="What you ask for" {
                @for (wish, href) in &all {
                    li { a.wish href=(href) data-sieve-link { span.hidden { "Drop " } (wish) span aria-hidden="true" { " ×" } } }
                }
            }
        }
        @if view.orderable > 0 && !wanted.filter.is_empty() && !matches!(view.found, Found::Unread) {
            p.best {
                a.btn.small href=(wanted.order_href()) {
                    @if view.orderable == 1 { "Order on it" } @else { "Order on the best of " (count(view.orderable as u64)) }
                }
                span.hint { "Your order stays within this filter, whatever happens." }
            }
        }
    }
}

/// Passing it on, and keeping it.
fn keep(chrome: &Chrome, view: &View) -> Markup {
    html! {
        section.keep aria-label="Share and save" {
            (part::copyable("Link to what you see", &view.link))
            @if chrome.who.is_none() {
                p.hint { a href={ "/login?" (next(&view.wanted)) } { "Sign in" } " to save a filter under a name." }
            } @else {
                @if !view.wanted.filter.is_empty() && !matches!(view.found, Found::Unread) {
                    (form::post(chrome, "/filters", html! {
                        div.keep-line {
                            (form::Text::new("name", "Save this filter as").max(40).show(&view.saving))
                            (form::hidden("query", view.wanted.href().split_once('?').map_or("", |(_, query)| query)))
                            button.btn.quiet type="submit" { "Save" }
                        }
                    }))
                }
                @if !view.saved.is_empty() {
                    div.keep-saved {
                        h3 { "Your filters" }
                        ul.wishes {
                            @for saved in &view.saved { li { a.wish href=(saved.href) data-sieve-link { (icon(Icon::Check)) (saved.name) } } }
                            li { a.keep-edit href="/filters" { "Rename or delete" } }
                        }
                    }
                }
            }
        }
    }
}

fn next(wanted: &Wanted) -> String {
    serde_urlencoded::to_string([("next", wanted.href())]).unwrap_or_default()
}
