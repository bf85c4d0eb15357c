//! Everything on offer, for anybody who wants to look.

use maud::{Markup, html};
use serde::Serialize;

use super::landing::size_cards;
use crate::web::ui::icon::{Icon, icon};
use crate::web::ui::offer::{self, Image, Region, Size, Sla};
use crate::web::ui::{Chrome, layout, part};

#[derive(Debug, Clone, Serialize)]
pub struct View {
    pub sizes: Vec<Size>,
    pub images: Vec<Image>,
    pub regions: Vec<Region>,
    pub sla: Sla,
}

pub fn page(chrome: &Chrome, view: &View) -> Markup {
    layout(
        chrome,
        "Sizes and prices",
        html! {
            div.wrap.stack {
                (part::head(
                    "Sizes and prices",
                    html! { "What you see is what you pay: one amount for 30 days, charged when you confirm." },
                    html! {},
                ))
                section aria-label="Sizes" { (size_cards(&view.sizes, "/order")) }
                div.duo {
                    div.stack {
                        (part::card("Operating systems", images(&view.images)))
                        (part::card("The promise that comes with every size", offer::sla(&view.sla)))
                    }
                    (part::card("Where your server can run", regions(&view.regions)))
                }
            }
        },
    )
}

fn images(images: &[Image]) -> Markup {
    html! {
        @if images.is_empty() {
            p { "No image is on offer yet. The people who run this place are still setting it up. Meanwhile " a href="/nodes" { "look at the nodes" } "." }
        }
        ul.lines {
            @for image in images { li { strong { (image.name) } span { (image.summary) } } }
        }
    }
}

/// A name as part of an address.
fn encoded(name: &str) -> String {
    serde_urlencoded::to_string([("", name)]).unwrap_or_default().trim_start_matches('=').to_owned()
}

fn regions(regions: &[Region]) -> Markup {
    html! {
        @if regions.is_empty() { p { "No node is up right now, so nothing can be ordered. Please look again in a few minutes." } }
        ul.lines {
            @for region in regions {
                li {
                    strong { (icon(Icon::Pin)) a href={ "/nodes?country=" (encoded(&region.name)) } { (region.name) } }
                    span { (region.nodes) @if region.nodes == 1 { " node ready" } @else { " nodes ready" } }
                }
            }
        }
    }
}
