//! Somebody's own account on the chain, and taking servers over to it.

use actix_web::HttpResponse;
use actix_web::http::header;
use actix_web::web::{Path, Query};
use serde::Deserialize;

use super::id;
use crate::base::ids::OrderId;
use crate::base::{Error, Kind, Result};
use crate::domain::order::{Order, State};
use crate::store::backup::Backups;
use crate::store::web_address::WebAddresses;
use crate::web::error::{PageResult, status};
use crate::web::extract::{Form, Me};
use crate::web::page::user::twin::{HandoverView, View, handover_page, page};
use crate::web::ui::form::{Filled, TICKED};

/// More nodes than these are not left out.
const MOST_NODES: usize = 50;

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
    Ok(me.show(200, handover_page(&me.chrome(), &handover_view(&me, &order)?)))
}

#[derive(Deserialize)]
pub struct Wanted {
    /// Numbers of nodes that are out of the question.
    pub not: Option<String>,
}

/// What `cooperage twin take` reads.
pub async fn file(me: Me, path: Path<String>, wanted: Query<Wanted>) -> PageResult {
    let order = running(&me, &path)?;
    let typed = wanted.into_inner().not.unwrap_or_default();
    let filled = Filled::default().with("not", &typed);
    let handed = match nodes(&typed) {
        Ok(not) => me.app.handover(&me.user, order.id, &not).await,
        Err(error) => Err(error),
    };
    match handed {
        Ok(handover) => {
            let text = serde_json::to_string_pretty(&handover)
                .map_err(|cause| Error::internal("A handover does not print.").because(cause))?;
            let name = format!("attachment; filename=\"{}\"", file_name(&order));
            Ok(HttpResponse::Ok().content_type("application/json").insert_header((header::CONTENT_DISPOSITION, name)).body(text))
        }
        Err(error) => refused(&me, &order, error, |view| (&mut view.asked, filled)),
    }
}

/// Numbers, however they are separated.
fn nodes(typed: &str) -> Result<Vec<u32>> {
    let words =
        typed.split(|letter: char| letter == ',' || letter.is_whitespace()).filter(|word| !word.is_empty()).take(MOST_NODES);
    words.map(|word| word.parse().map_err(|_| Error::invalid("not", "Please give numbers of nodes, as in 12, 40."))).collect()
}

pub async fn finish(me: Me, path: Path<String>, form: Form) -> PageResult {
    let order = me.app.order_of(me.user.id, id(&path, "deployment")?)?;
    let contract = form.text("contract").trim().parse();
    let contract =
        contract.map_err(|_| Error::invalid("contract", "Please give the number that the program printed, digits only."));
    let finished = match contract {
        Ok(contract) => me.app.finish_handover(&me.user, order.id, contract, form.text("agreed") == TICKED).await,
        // Pressed twice, it says the same twice.
        Err(error) => order.handed_over.ok_or(error),
    };
    match finished {
        Ok(taken) => {
            let said = format!(
                "It is yours: contract {} of your twin {}. The rented one is being switched off.",
                taken.contract, taken.twin
            );
            Ok(me.go_saying(&format!("/deployments/{}", order.id), true, &said))
        }
        Err(error) => {
            let filled = form.filled(&["contract", "agreed"]);
            refused(&me, &order, error, |view| (&mut view.filled, filled))
        }
    }
}

/// Not possible right now: the page says why, and what was there stays. `form` is the one that was sent, and what was typed into it.
fn refused(me: &Me, order: &Order, error: Error, form: impl FnOnce(&mut HandoverView) -> (&mut Filled, Filled)) -> PageResult {
    let mut view = handover_view(me, order)?;
    let (shown, typed) = form(&mut view);
    match error.kind() {
        Kind::Conflict | Kind::Unavailable => {
            *shown = typed;
            view.trouble = Some(error.message().to_owned());
        }
        Kind::Invalid => *shown = typed.refused(&error),
        _ => return Err(error.into()),
    }
    Ok(me.show(status(error.kind()).as_u16(), handover_page(&me.chrome(), &view)))
}

/// A person's own server that runs.
fn running(me: &Me, path: &str) -> Result<Order> {
    let order = me.app.order_of(me.user.id, id::<OrderId>(path, "deployment")?)?;
    match order.state {
        State::Active => Ok(order),
        _ => Err(Error::not_found("deployment")),
    }
}

fn handover_view(me: &Me, order: &Order) -> Result<HandoverView> {
    let snapshot = me.app.read()?;
    Ok(HandoverView {
        id: order.id,
        name: order.shown_name().to_owned(),
        address: me.user.own_account.as_ref().map(|own| own.address.clone()),
        file: file_name(order),
        backup: snapshot.backup(order.id)?.is_some_and(|backup| !backup.stage.over()),
        web: snapshot.web_address_of(order.id)?.is_some(),
        tunnel: order.wish.net.tunnel.is_some(),
        trouble: None,
        asked: Filled::default(),
        filled: Filled::default(),
    })
}

/// Two servers may have one name; their files never do.
fn file_name(order: &Order) -> String {
    format!("{}-{}.handover.json", order.wish.name, order.id)
}
