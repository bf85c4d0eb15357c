//! Private pools: what there is, and what waits for a decision.

use maud::{Markup, html};
use serde::Serialize;

use crate::base::Time;
use crate::base::ids::PoolId;
use crate::web::ui::form::{self, Filled, Text};
use crate::web::ui::format::{ago, count};
use crate::web::ui::part::{self, Pager, Tone, number, text};
use crate::web::ui::{Chrome, layout};

#[derive(Debug, Clone, Serialize)]
pub struct Pool {
    pub id: PoolId,
    pub name: String,
    pub created: Time,
    pub members: usize,
    pub nodes: u64,
    /// Nodes offered to it that nobody has decided about.
    pub offers: u64,
}

#[derive(Debug, Clone, Serialize)]
pub struct View {
    pub pools: Vec<Pool>,
    pub pager: Pager,
    /// Holds `name`.
    pub filled: Filled,
    pub now: Time,
}

pub fn page(chrome: &Chrome, view: &View) -> Markup {
    layout(
        chrome,
        "Private pools",
        html! {
            div.wrap.stack {
                (part::head(
                    "Private pools",
                    html! { "Every node is sold to everybody, unless its provider offered it to a private pool and you took it." },
                    html! {},
                ))
                @if view.pools.is_empty() {
                    (part::empty(
                        "No private pool yet",
                        "Make one, and providers can offer nodes to it. Its nodes are then sold to its members only.",
                        html! { a.btn.quiet href="#new" { "Make the first one below" } },
                    ))
                } @else {
                    (part::table("Private pools", &COLUMNS, view.pools.iter().map(|pool| row(pool, view.now)).collect()))
                    (part::pager_saying("← Before", "Next →", &view.pager))
                }
                section #new {
                    (part::card("A new pool", form::sheet(chrome, "/operator/pools", &view.filled, html! {
                        (Text::new("name", "Name").max(60).hint("Providers and members read it.").show(&view.filled))
                        div.between { button.btn type="submit" { "Make this pool" } }
                    })))
                }
            }
        },
    )
}

const COLUMNS: [part::Column; 4] = [text("Pool"), text("Waits for you"), number("Nodes"), number("Members")];

fn row(pool: &Pool, now: Time) -> Vec<Markup> {
    vec![
        html! { a.row-link href={ "/operator/pools/" (pool.id) } { (pool.name) } span.sub { "Made " (ago(pool.created, now)) } },
        html! {
            @match pool.offers {
                0 => span.soft { "Nothing" },
                1 => (part::badge(Tone::Warn, "1 node offered")),
                many => (part::badge(Tone::Warn, &format!("{} nodes offered", count(many)))),
            }
        },
        html! { (count(pool.nodes)) },
        html! { (count(pool.members as u64)) },
    ]
}
