//! The first page: what this is, how it works, what it costs and what is promised.

use maud::{Markup, html};
use serde::Serialize;

use crate::base::money::Usd;
use crate::web::ui::format::{money, percent};
use crate::web::ui::icon::{Icon, icon};
use crate::web::ui::offer::{self, Size, Sla};
use crate::web::ui::part::{Tone, badge, copyable};
use crate::web::ui::{Chrome, asset, layout};

#[derive(Debug, Clone, Serialize)]
pub struct View {
    pub sizes: Vec<Size>,
    pub sla: Sla,
    /// Nodes that are up, and countries they stand in.
    pub nodes: u32,
    pub countries: u32,
}

pub fn page(chrome: &Chrome, view: &View) -> Markup {
    layout(
        chrome,
        "Cloud servers from a co-operative",
        html! {
            (hero(chrome, view))
            (how())
            (sizes(view))
            (promise(view))
            (call(chrome, view))
        },
    )
}

fn hero(chrome: &Chrome, view: &View) -> Markup {
    html! {
        section.hero {
            img.hero-hoops src=(asset::url("hoops.svg")) alt="" width="560" height="560";
            div.wrap.hero-row {
                div.hero-text {
                    h1 { "Cloud servers from people you can name." }
                    p.hero-lead {
                        (chrome.brand) " is a co-operative. Its members own the machines, run them and answer for them. \
                        You order a server, pay by card, and sign in about two minutes later."
                    }
                    p.actions {
                        a.btn.large href=(start(chrome)) { "Start a server" }
                        a.btn.quiet.large href="/catalogue" { "See all sizes" }
                    }
                    p.hero-note { (hero_note(view)) }
                }
                (sample(view))
            }
        }
    }
}

fn start(chrome: &Chrome) -> &'static str {
    if chrome.who.is_some() { "/order" } else { "/signup" }
}

fn cheapest(view: &View) -> Option<Usd> {
    view.sizes.iter().map(|size| size.price).min()
}

fn hero_note(view: &View) -> Markup {
    html! {
        @if let Some(price) = cheapest(view) { "From " strong { (money(price)) } " for 30 days. " }
        @match (view.nodes, view.countries) {
            (0, _) => "",
            (1, _) => "One node is ready now.",
            (nodes, 1) => { (nodes) " nodes are ready now." }
            (nodes, countries) => { (nodes) " nodes in " (countries) " countries are ready now." }
        }
    }
}

/// What a server looks like once it runs; plainly called an example.
fn sample(view: &View) -> Markup {
    html! {
        aside.sample aria-label="An example of a running server" {
            p.sample-head { span.sample-name { (icon(Icon::Server)) "web-1" } (badge(Tone::Good, "Running")) }
            @if let Some(size) = view.sizes.first() {
                p.sample-line { (size.line()) }
            }
            (copyable("Sign in with", "ssh root@2001:db8:42::7"))
            p.sample-line { (icon(Icon::Pin)) "Ghent, Belgium" }
            p.sample-line { (icon(Icon::Shield)) (percent(view.sla.availability)) " availability promised" }
            p.sample-foot { "An example: this is what you see when your server is ready." }
        }
    }
}

fn how() -> Markup {
    let steps = [
        (
            "Choose",
            "Pick a size and an operating system. If you do not care where it runs, we choose the best node and tell you why.",
        ),
        ("Confirm", "See the whole price and the written promise on one screen. Your card is charged once, when you say so."),
        ("Sign in", "Watch each step as it happens. When it is done you get an address and the line to type."),
    ];
    html! {
        section.band #how {
            div.wrap {
                h2 { "Three screens to a running server" }
                ol.how {
                    @for (place, (name, text)) in steps.iter().enumerate() {
                        li { span.how-number aria-hidden="true" { (place + 1) } h3 { (name) } p { (text) } }
                    }
                }
            }
        }
    }
}

fn sizes(view: &View) -> Markup {
    html! {
        section.band.plain #sizes {
            div.wrap {
                h2 { "One price, everything in it" }
                p.lead { "Processor, memory, disk and an address of its own. No set-up fee, no minimum term." }
                (size_cards(view.sizes.as_slice(), "/order"))
            }
        }
    }
}

/// Cards with prices, each leading to the order form with this size picked.
pub fn size_cards(sizes: &[Size], order: &str) -> Markup {
    html! {
        @if sizes.is_empty() {
            p.lead { "No sizes are on sale yet. The people who run this place are still setting it up; please come back soon." }
            p.actions { a.btn.quiet href="/nodes" { "Look at the nodes meanwhile" } }
        } @else {
            ul.sizes {
                @for size in sizes {
                    li.size {
                        h3 { (size.name) }
                        p.size-for { (size.summary) }
                        (offer::price(size.price))
                        (offer::measures(size))
                        a.btn.quiet href={ (order) "?size=" (size.slug) } { "Choose " (size.name) }
                    }
                }
            }
        }
    }
}

fn promise(view: &View) -> Markup {
    html! {
        section.band {
            div.wrap.split {
                div {
                    h2 { "A promise, and money back if we break it" }
                    p.lead {
                        "You see this before you pay, it is stored with your order word for word, \
                        and it does not change while your server runs."
                    }
                }
                (offer::sla(&view.sla))
            }
        }
    }
}

fn call(chrome: &Chrome, view: &View) -> Markup {
    html! {
        section.call {
            div.wrap {
                h2 { "Your money stays with the people who do the work" }
                p.lead {
                    "A fixed share of what your server costs to host goes to the member whose machine carries it. \
                    The rest stays with the co-operative."
                }
                p.actions {
                    a.btn.large href=(start(chrome)) { @if chrome.who.is_some() { "Order a server" } @else { "Create your account" } }
                    @if let Some(price) = cheapest(view) { span.call-note { "Servers from " (money(price)) } }
                }
            }
        }
    }
}
