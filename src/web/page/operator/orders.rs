//! All orders, the newest first.

use maud::{Markup, html};
use serde::Serialize;

use crate::base::Time;
use crate::base::ids::OrderId;
use crate::base::money::Usd;
use crate::web::ui::format::{money, when};
use crate::web::ui::part::{self, Pager, Tone, number, text};
use crate::web::ui::{Chrome, layout};

/// The rungs of the order ladder, as the operator sees them.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum OrderState {
    Quoted,
    Held,
    Reserved,
    Deployed,
    Active,
    Ended,
    Refunded,
}

impl OrderState {
    pub const ALL: [OrderState; 7] = [
        OrderState::Quoted,
        OrderState::Held,
        OrderState::Reserved,
        OrderState::Deployed,
        OrderState::Active,
        OrderState::Ended,
        OrderState::Refunded,
    ];

    pub const fn name(self) -> &'static str {
        match self {
            OrderState::Quoted => "Quoted",
            OrderState::Held => "Held",
            OrderState::Reserved => "Reserved",
            OrderState::Deployed => "Deployed",
            OrderState::Active => "Active",
            OrderState::Ended => "Ended",
            OrderState::Refunded => "Refunded",
        }
    }

    /// As it stands in an address.
    pub const fn slug(self) -> &'static str {
        match self {
            OrderState::Quoted => "quoted",
            OrderState::Held => "held",
            OrderState::Reserved => "reserved",
            OrderState::Deployed => "deployed",
            OrderState::Active => "active",
            OrderState::Ended => "ended",
            OrderState::Refunded => "refunded",
        }
    }

    pub fn badge(self) -> Markup {
        let tone = match self {
            OrderState::Quoted | OrderState::Ended => Tone::Quiet,
            OrderState::Held | OrderState::Reserved | OrderState::Deployed => Tone::Busy,
            OrderState::Active => Tone::Good,
            OrderState::Refunded => Tone::Warn,
        };
        part::badge(tone, self.name())
    }
}

#[derive(Debug, Clone, Serialize)]
pub struct Row {
    pub id: OrderId,
    pub name: String,
    pub who: String,
    pub state: OrderState,
    pub node: Option<u32>,
    pub price: Usd,
    pub at: Time,
}

#[derive(Debug, Clone, Default, Serialize)]
pub struct View {
    pub rows: Vec<Row>,
    /// Only orders in this state are shown.
    pub filter: Option<OrderState>,
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
                            &format!("No order is {}", state.name().to_lowercase()),
                            "Look at all of them to see where they are.",
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
            @for state in OrderState::ALL {
                a href={ "/operator/orders?state=" (state.slug()) } aria-current=[(view.filter == Some(state)).then_some("true")] {
                    (state.name())
                }
            }
        }
    }
}

const COLUMNS: [part::Column; 5] = [text("Order"), text("State"), text("Who"), text("Node"), number("Price")];

fn row(row: &Row) -> Vec<Markup> {
    vec![
        html! { a.row-link href={ "/operator/orders/" (row.id) } { (row.name) } span.sub { (when(row.at)) } },
        row.state.badge(),
        html! { (row.who) },
        html! { @match row.node { Some(node) => { "Node " (node) }, None => span.soft { "–" } } },
        html! { (money(row.price)) },
    ]
}
