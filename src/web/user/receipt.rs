//! One receipt, fit for printing.

use actix_web::web::Path;

use super::card::{number, status};
use super::id;
use crate::base::Error;
use crate::base::ids::ChargeId;
use crate::domain::charge::Charge;
use crate::domain::order::Order;
use crate::domain::price::{self, Part};
use crate::store::charge::Charges;
use crate::store::order::Orders;
use crate::web::error::PageResult;
use crate::web::extract::Me;
use crate::web::page::user::receipt::{Line, View, page};

pub async fn show(me: Me, path: Path<String>) -> PageResult {
    let snapshot = me.app.read()?;
    let none = || Error::not_found("receipt");
    let charge =
        snapshot.charge(id::<ChargeId>(&path, "receipt")?)?.filter(|charge| charge.user == me.user.id).ok_or_else(none)?;
    let (Some(receipt), Some(at)) = (charge.receipt, charge.captured) else { return Err(none().into()) };
    let order = snapshot.order(charge.order)?.ok_or_else(none)?;
    let card = snapshot.card(charge.card)?.map(|card| card.label()).unwrap_or_default();
    let text = format!("{} ({}, {}), 30 days", order.wish.name, order.wish.size.name, order.wish.image.name);
    let view = View {
        charge: charge.id,
        number: number(receipt),
        at,
        payer: me.user.name.to_string(),
        payer_email: me.user.email.to_string(),
        card,
        status: status(&charge),
        lines: lines(&order, &charge, text),
        total: charge.amount,
        refunded: Some(charge.refunded).filter(|refunded| refunded.units() > 0),
        order: order.id,
    };
    Ok(me.show(200, page(&me.chrome(), &view)))
}

/// What it was charged for; in charges from before they knew, the parts of the price as they were quoted.
fn lines(order: &Order, charge: &Charge, server: String) -> Vec<Line> {
    let total = charge.amount;
    if !charge.lines.is_empty() {
        return charge.lines.iter().map(|line| Line { text: line.what.clone(), amount: line.amount }).collect();
    }
    let Some((machine, extras)) = order.parts.split_first().filter(|_| price::total(&order.parts) == Some(total)) else {
        return vec![Line { text: server, amount: total }];
    };
    let extra = |part: &Part| Line { text: part.what.clone(), amount: part.amount };
    std::iter::once(Line { text: server, amount: machine.amount }).chain(extras.iter().map(extra)).collect()
}
