//! Showing that a farm is one's own, by signing a sentence with the farm's key.

use maud::{Markup, html};
use serde::Serialize;

use crate::web::ui::form::{self, Filled, Text};
use crate::web::ui::part::{self, copyable};
use crate::web::ui::{Chrome, layout};

#[derive(Debug, Clone, Serialize)]
pub struct Farm {
    pub id: u32,
    pub name: String,
    pub nodes: usize,
}

#[derive(Debug, Clone, Default, Serialize)]
pub struct View {
    /// The sentence to sign. It names this account, so that nobody else can use the signature.
    pub sentence: String,
    pub farms: Vec<Farm>,
    pub filled: Filled,
}

pub fn page(chrome: &Chrome, view: &View) -> Markup {
    layout(
        chrome,
        "Add a farm",
        html! {
            div.mid.stack {
                (part::head(
                    "Add a farm",
                    html! { "Sign one sentence with the key that owns the farm. Nothing is sent to the chain, and nothing is spent." },
                    html! {},
                ))
                (part::card("1. Sign this sentence", html! {
                    (copyable("The sentence, to the letter", &view.sentence))
                    p.hint { "Any tool that signs raw bytes with an sr25519 or ed25519 key will do. The key stays with you." }
                }))
                (part::card("2. Send us the signature", form::sheet(chrome, "/provider/claim", &view.filled, html! {
                    (Text::new("farm", "Farm number").hint("As the chain counts it, for example 42.").code().show(&view.filled))
                    (Text::new("signature", "Signature").hint("128 hexadecimal digits, with or without 0x.").rows(3).code()
                        .show(&view.filled))
                    (form::submit("Add the farm"))
                })))
                (part::card("Your farms", farms(view)))
            }
        },
    )
}

fn farms(view: &View) -> Markup {
    html! {
        @if view.farms.is_empty() { p.soft { "None yet. The farm appears here as soon as its signature is good." } }
        ul.lines {
            @for farm in &view.farms {
                li {
                    strong { (farm.name) }
                    span { "Farm " (farm.id) ", " (farm.nodes) @if farm.nodes == 1 { " node" } @else { " nodes" } }
                }
            }
        }
    }
}
