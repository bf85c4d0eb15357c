//! Somebody's own account on the chain, and taking servers over to it.

use actix_web::HttpResponse;
use actix_web::http::header;
use actix_web::web::Path;

use super::id;
use crate::base::ids::OrderId;
use crate::base::{Error, Kind, Result};
use crate::domain::order::{Order, State};
use crate::web::error::{PageResult, status};
use crate::web::extract::{Form, Me};
use crate::web::page::user::twin::{HandoverView, View, handover_page, page};
use crate::web::ui::form::Filled;

pub async fn show(me: Me) -> PageResult {
    Ok(me.show(200, page(&me.chrome(), &view(&me, Filled::default()))))
}

pub async fn update(me: Me, form: Form) -> PageResult {
    match me.app.prove_account(me.user.id, form.text("address"), form.text("signature")).await {
        Ok(()) => Ok(me.go_saying("/twin", true, "This account is yours.")),
        Err(error) if error.kind() == Kind::Invalid => {
            let filled = form.filled(&["address", "signature"]).refused(&error);
            Ok(me.show(status(error.kind()).as_u16(), page(&me.chrome(), &view(&me, filled))))
        }
        Err(error) => Err(error.into()),
    }
}

pub async fn remove(me: Me, _form: Form) -> PageResult {
    me.app.forget_account(me.user.id).await?;
    Ok(me.go_saying("/twin", true, "Forgotten. What you took over stays yours."))
}

fn view(me: &Me, filled: Filled) -> View {
    let account = me.user.own_account.as_ref().map(|own| (own.address.clone(), own.proved));
    View { sentence: me.app.own_text(me.user.id), account, filled }
}

pub async fn handover(me: Me, path: Path<String>) -> PageResult {
    let order = running(&me, &path)?;
    Ok(me.show(200, handover_page(&me.chrome(), &handover_view(&me, &order, None))))
}

/// What `cooperage twin take` reads.
pub async fn file(me: Me, path: Path<String>) -> PageResult {
    let order = running(&me, &path)?;
    match me.app.handover(&me.user, order.id).await {
        Ok(handover) => {
            let text = serde_json::to_string_pretty(&handover)
                .map_err(|cause| Error::internal("A handover does not print.").because(cause))?;
            let name = format!("attachment; filename=\"{}\"", file_name(&order));
            Ok(HttpResponse::Ok().content_type("application/json").insert_header((header::CONTENT_DISPOSITION, name)).body(text))
        }
        Err(error) => refused(&me, &order, error),
    }
}

pub async fn finish(me: Me, path: Path<String>, _form: Form) -> PageResult {
    let order = me.app.order_of(me.user.id, id(&path, "deployment")?)?;
    match me.app.finish_handover(&me.user, order.id).await {
        Ok(taken) => {
            let said = format!(
                "It is yours: contract {} of your twin {}. The rented one is being switched off.",
                taken.contract, taken.twin
            );
            Ok(me.go_saying(&format!("/deployments/{}", order.id), true, &said))
        }
        Err(error) => refused(&me, &order, error),
    }
}

/// Not possible right now: the page says why, and what was there stays.
fn refused(me: &Me, order: &Order, error: Error) -> PageResult {
    match error.kind() {
        Kind::Conflict | Kind::Unavailable => {
            let view = handover_view(me, order, Some(error.message().to_owned()));
            Ok(me.show(status(error.kind()).as_u16(), handover_page(&me.chrome(), &view)))
        }
        _ => Err(error.into()),
    }
}

/// A person's own server that runs.
fn running(me: &Me, path: &str) -> Result<Order> {
    let order = me.app.order_of(me.user.id, id::<OrderId>(path, "deployment")?)?;
    match order.state {
        State::Active => Ok(order),
        _ => Err(Error::not_found("deployment")),
    }
}

fn handover_view(me: &Me, order: &Order, trouble: Option<String>) -> HandoverView {
    HandoverView {
        id: order.id,
        name: order.shown_name().to_owned(),
        address: me.user.own_account.as_ref().map(|own| own.address.clone()),
        file: file_name(order),
        trouble,
    }
}

fn file_name(order: &Order) -> String {
    format!("{}.handover.json", order.wish.name)
}
