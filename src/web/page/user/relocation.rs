//! Moving a server to another place.

use maud::{Markup, html};
use serde::Serialize;

use super::revisions::CONSENT;
use crate::base::ids::OrderId;
use crate::base::money::Usd;
use crate::web::ui::form::{self, Filled};
use crate::web::ui::format::money;
use crate::web::ui::offer::Region;
use crate::web::ui::{Chrome, layout, part};

#[derive(Debug, Clone, Serialize)]
pub struct View {
    pub id: OrderId,
    pub name: String,
    /// Where it is.
    pub place: String,
    pub regions: Vec<Region>,
    pub stopped: bool,
    /// Its backup VM, if it has one.
    pub backup: Option<Beside>,
    /// What it costs for the rest of the month to have it again.
    pub due: Option<Usd>,
    pub filled: Filled,
}

/// What a backup VM means for a move.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
pub enum Beside {
    /// It stays where it is.
    Stays,
    /// It is all that is left.
    Alone,
}

pub fn page(chrome: &Chrome, view: &View) -> Markup {
    let regions = |region: &Region| {
        let nodes = if region.nodes == 1 { "node" } else { "nodes" };
        (region.slug.clone(), format!("{} ({} {nodes})", region.name, region.nodes))
    };
    let anywhere = (String::new(), "Anywhere else: choose the best for me".to_owned());
    let places: Vec<_> = std::iter::once(anywhere).chain(view.regions.iter().map(regions)).collect();
    layout(
        chrome,
        &format!("Move {}", view.name),
        html! {
            div.narrow {
                (part::back(&format!("/deployments/{}", view.id), &view.name))
                h1 { "Move " (view.name) }
                @let lost = view.backup == Some(Beside::Alone);
                p.lead {
                    "It is set up anew on another node, with the same size, system, keys and price. "
                    @if lost { "It was in " (view.place) ", where its place has ended it." } @else { "It is in " (view.place) " now." }
                }
                ul {
                    @if lost {}
                    @else if view.stopped { li { "It is stopped now; at its new place it runs." } }
                    @else { li { "It runs on where it is until it runs there. Then it is switched off here." } }
                    li { "Its addresses become new ones; a WireGuard tunnel has to be set up again." }
                    @if view.backup.is_some() {
                        li {
                            "Its backup VM stays where it is, and the server goes where no farm and no farmer is the same. If it holds a copy it is in charge \
                             then, so that the empty server does not write over it: copy what you need back, then put the server in charge."
                        }
                    }
                    @match view.due {
                        Some(due) => {
                            li { strong { (money(due)) " is charged to your card" } " for the rest of the month, when it runs. If no other place can take it, nothing is." }
                        }
                        None if lost => li { "It costs nothing for the rest of the month." },
                        None => li { "If no other place can take it, it stays where it is, as it is. Moving costs nothing." },
                    }
                }
                (form::sheet(chrome, &format!("/deployments/{}/move", view.id), &view.filled, html! {
                    (form::select("region", "Where to", None, &places, &view.filled))
                    (form::tick(CONSENT, "I know that no data moves along", html! {
                        "It starts with empty disks. "
                        @if !lost { "What is here is deleted when it runs there: copy what you need before." }
                    }, &view.filled))
                    div.actions {
                        button.btn.large type="submit" { "Move " (view.name) }
                        a.btn.quiet.large href={ "/deployments/" (view.id) } { "Leave it here" }
                    }
                }))
            }
        },
    )
}
