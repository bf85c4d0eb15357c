//! All orders, the newest first.

use maud::{Markup, html};
use serde::Serialize;

use crate::base::Time;
use crate::base::ids::OrderId;
use crate::base::money::Usd;
use crate::domain::order::State;
use crate::web::ui::format::{money, when};
use crate::web::ui::part::{self, Pager, Tone, number, text};
use crate::web::ui::{Chrome, layout};

/// A state as it stands in an address.
pub const fn slug(state: State) -> &'static str {
    match state {
        State::Paying => "paying",
        State::Reserving => "reserving",
        State::Deploying => "deploying",
        State::Settling => "settling",
        State::Active => "active",
        State::Undoing => "undoing",
        State::Ending => "ending",
        State::Ended => "ended",
        State::Refunded => "refunded",
    }
}

/// The state that `slug` writes.
pub fn state_of(text: &str) -> Option<State> {
    State::ALL.into_iter().find(|state| slug(*state) == text)
}

pub fn badge(state: State) -> Markup {
    let tone = match state {
        State::Paying | State::Reserving | State::Deploying | State::Settling => Tone::Busy,
        State::Active => Tone::Good,
        State::Undoing | State::Refunded => Tone::Warn,
        State::Ending | State::Ended => Tone::Quiet,
    };
    part::badge(tone, state.word())
}

#[derive(Debug, Clone, Serialize)]
pub struct Row {
    pub id: OrderId,
    pub name: String,
    pub who: String,
    pub state: State,
    pub node: Option<u32>,
    pub price: Usd,
    pub at: Time,
}

#[derive(Debug, Clone, Default, Serialize)]
pub struct View {
    pub rows: Vec<Row>,
    /// Only orders in this state are shown.
    pub filter: Option<State>,
    pub pager: Pager,
}

pub fn page(chrome: &Chrome, view: &View) -> Markup {
    layout(
        chrome,
        "Orders",
        html! {
            div.wrap.stack {
                (part::head("Orders", html! { "Every order ever placed here, and how far it has come." }, html! {}))
                (filters(view))
                @if view.rows.is_empty() {
                    @match view.filter {
                        Some(state) => (part::empty(
                            "No order is at this point",
                            &format!("There is none under “{}” right now. Look at all of them to see where they are.", state.word()),
                            html! { a.btn.quiet href="/operator/orders" { "Show all orders" } },
                        )),
                        None => (part::empty(
                            "No orders yet",
                            "Place one yourself to see the whole path, from the card to the node.",
                            part::button("/order", "Place an order"),
                        )),
                    }
                } @else {
                    (part::table("Orders", &COLUMNS, view.rows.iter().map(row).collect()))
                    (part::pager(&view.pager))
                }
            }
        },
    )
}

fn filters(view: &View) -> Markup {
    html! {
        nav.filters aria-label="Show only" {
            a href="/operator/orders" aria-current=[view.filter.is_none().then_some("true")] { "All" }
            @for state in State::ALL {
                a href={ "/operator/orders?state=" (slug(state)) } aria-current=[(view.filter == Some(state)).then_some("true")] {
                    (state.word())
                }
            }
        }
    }
}

const COLUMNS: [part::Column; 5] = [text("Order"), text("State"), text("Who"), text("Node"), number("Price")];

fn row(row: &Row) -> Vec<Markup> {
    vec![
        html! { a.row-link href={ "/operator/orders/" (row.id) } { (row.name) } span.sub { (when(row.at)) } },
        badge(row.state),
        html! { (row.who) },
        html! { @match row.node { Some(node) => { "Node " (node) }, None => span.soft { "–" } } },
        html! { (money(row.price)) },
    ]
}
