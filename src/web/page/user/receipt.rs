//! One receipt, fit for a printer.

use maud::{Markup, html};
use serde::Serialize;

use super::cards::ChargeStatus;
use crate::base::Time;
use crate::base::ids::{ChargeId, OrderId};
use crate::base::money::Usd;
use crate::web::ui::format::{day, money, when};
use crate::web::ui::{Chrome, asset, layout, part};

#[derive(Debug, Clone, Serialize)]
pub struct Line {
    pub text: String,
    pub amount: Usd,
}

#[derive(Debug, Clone, Serialize)]
pub struct View {
    pub charge: ChargeId,
    /// Receipts are numbered without gaps.
    pub number: String,
    pub at: Time,
    pub payer: String,
    pub payer_email: String,
    pub card: String,
    pub status: ChargeStatus,
    pub lines: Vec<Line>,
    pub total: Usd,
    pub refunded: Option<Usd>,
    pub order: OrderId,
}

pub fn page(chrome: &Chrome, view: &View) -> Markup {
    layout(
        chrome,
        &format!("Receipt {}", view.number),
        html! {
            div.mid.stack {
                div.no-print { (part::back("/cards", "Cards and receipts")) }
                article.receipt {
                    header.receipt-head {
                        p.brand { img src=(asset::url("mark.svg")) alt="" width="32" height="32"; span { (chrome.brand) } }
                        (view.status.badge())
                    }
                    h1 { "Receipt " (view.number) }
                    (part::facts(vec![
                        ("Date", day(view.at)),
                        ("Paid by", html! { (view.payer) br; (view.payer_email) }),
                        ("Card", html! { (view.card) }),
                        ("Order", html! { code { (view.order) } }),
                    ]))
                    table.receipt-lines {
                        caption.hidden { "What was paid for" }
                        thead { tr { th scope="col" { "For" } th.number scope="col" { "Amount" } } }
                        tbody { @for line in &view.lines { tr { td { (line.text) } td.number { (money(line.amount)) } } } }
                        tfoot {
                            tr { th scope="row" { "Total" } td.number { (money(view.total)) } }
                            @if let Some(refunded) = view.refunded {
                                tr { th scope="row" { "Paid back" } td.number { (money(refunded)) } }
                                @if let Some(kept) = view.total.checked_sub(refunded) {
                                    tr { th scope="row" { "Paid in the end" } td.number { (money(kept)) } }
                                }
                            }
                        }
                    }
                    p.hint { "Charged on " (when(view.at)) ". All amounts in US dollars. Charge " code { (view.charge) } "." }
                }
                p.hint.no-print { "To keep a copy, print this page or save it as a PDF." }
            }
        },
    )
}
