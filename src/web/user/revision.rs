//! Stopping and starting, and the list of what was changed.

use actix_web::web::{Path, Query};
use serde::Deserialize;

use super::{id, mark};
use crate::base::ids::{OrderId, RevisionId};
use crate::base::{Error, Result};
use crate::domain::catalogue::Place;
use crate::domain::order::Order;
use crate::domain::revision::{Kind as Change, Revision, Rung, State as Stage};
use crate::store::revision::Revisions;
use crate::web::error::{PageResult, status};
use crate::web::extract::{Form, Me};
use crate::web::guest::offer;
use crate::web::page::user::revisions::{CONSENT, Outcome, Row, StopView, View, page, stop_page};
use crate::web::ui::form::{Filled, TICKED};
use crate::web::ui::part::{self, Pager, StepState};

/// Changes on one page.
const ROWS: usize = 10;

#[derive(Deserialize)]
pub struct Listed {
    before: Option<String>,
}

pub async fn list(me: Me, path: Path<String>, query: Query<Listed>) -> PageResult {
    let order = me.app.order_of(me.user.id, id(&path, "deployment")?)?;
    let mark = mark::<RevisionId>(query.before.as_deref())?;
    let mut found = me.app.read()?.revisions_of(order.id, mark, ROWS + 1)?;
    let more = found.len() > ROWS;
    found.truncate(ROWS);
    let here = format!("/deployments/{}/changes", order.id);
    let older = found.last().filter(|_| more).map(|last| format!("{here}?before={}.{}", last.created.ms(), last.id));
    let pager = Pager { newer: mark.map(|_| here), older };
    let view = View { id: order.id, name: order.shown_name().to_owned(), rows: found.iter().map(row).collect(), pager };
    Ok(me.show(200, page(&me.chrome(), &view)))
}

/// Where somebody is sent who can't change it now; None if it can be changed.
pub fn elsewhere(order: &Order) -> Option<String> {
    match (order.revision, order.unchangeable()) {
        (Some(_), _) => Some(format!("/deployments/{}/progress", order.id)),
        (None, Some(_)) => Some(format!("/deployments/{}", order.id)),
        (None, None) => None,
    }
}

pub async fn ask(me: Me, path: Path<String>) -> PageResult {
    let order = me.app.order_of(me.user.id, id(&path, "deployment")?)?;
    match elsewhere(&order).or_else(|| order.stopped.map(|_| format!("/deployments/{}", order.id))) {
        Some(to) => Ok(me.go(&to)),
        None => Ok(me.show(200, stop_page(&me.chrome(), &stop_view(&order, Filled::default())))),
    }
}

pub async fn stop(me: Me, path: Path<String>, form: Form) -> PageResult {
    let order = me.app.order_of(me.user.id, id(&path, "deployment")?)?;
    match agreed(order.wish.forgets(), &form) {
        Ok(()) => {}
        Err(error) => {
            let view = stop_view(&order, form.filled(&[CONSENT]).refused(&error));
            return Ok(me.show(status(error.kind()).as_u16(), stop_page(&me.chrome(), &view)));
        }
    }
    me.app.switch_order(&me.user, order.id, false).await?;
    Ok(me.go(&format!("/deployments/{}/progress", order.id)))
}

pub async fn start(me: Me, path: Path<String>, _form: Form) -> PageResult {
    let order: OrderId = id(&path, "deployment")?;
    me.app.switch_order(&me.user, order, true).await?;
    Ok(me.go(&format!("/deployments/{order}/progress")))
}

/// Whether the box was ticked, where one must be.
pub fn agreed(must: bool, form: &Form) -> Result<()> {
    match must && form.text(CONSENT) != TICKED {
        true => Err(Error::invalid(CONSENT, "Please tick it, so that we know that you know.")),
        false => Ok(()),
    }
}

fn stop_view(order: &Order, filled: Filled) -> StopView {
    StopView {
        id: order.id,
        name: order.shown_name().to_owned(),
        forgets: order.wish.forgets(),
        disks: offer::disks(&order.wish),
        filled,
    }
}

fn row(revision: &Revision) -> Row {
    let outcome = match revision.state {
        Stage::Done => Outcome::Done,
        Stage::Failed | Stage::Dropped => Outcome::Failed,
        _ => Outcome::UnderWay,
    };
    let what = match revision.kind {
        Change::Resize => Some(format!("{} instead of {}.", revision.wish.measures(), revision.before)),
        Change::Move => Some(match &revision.wish.place {
            Place::Country(country) => format!("From {} to another node in {country}.", revision.before),
            _ => format!("From {} to anywhere else.", revision.before),
        }),
        Change::Stop | Change::Start => None,
    };
    Row { id: revision.id, kind: revision.kind, what, at: revision.created, outcome, steps: steps(revision) }
}

/// The steps of a change, each with the last thing that was said about it.
pub fn steps(revision: &Revision) -> Vec<part::Step> {
    let current = revision.rung();
    let step = |rung: Rung| {
        let said = revision.story.iter().rfind(|told| told.rung == rung);
        let troubled = said.is_some_and(|told| told.trouble);
        let state = match () {
            () if revision.state == Stage::Done => StepState::Done,
            () if revision.state.at_rest() && said.is_none() => StepState::Todo,
            () if troubled && (rung != current || revision.state.at_rest()) => StepState::Failed,
            () if revision.state.at_rest() || rung < current => StepState::Done,
            () if rung == current => StepState::Now,
            () => StepState::Todo,
        };
        let text = match said {
            Some(told) => told.text.clone(),
            None if revision.state.at_rest() => "It did not come to this.".to_owned(),
            None => ahead(rung).to_owned(),
        };
        part::Step { name: rung.title().into(), text, state, at: said.map(|told| told.at) }
    };
    Rung::ALL.into_iter().filter(|rung| revision.takes(*rung)).map(step).collect()
}

const fn ahead(rung: Rung) -> &'static str {
    match rung {
        Rung::Pay => "Your bank sets the difference aside.",
        Rung::Agree => "The provider agrees to the change.",
        Rung::Change => "The node makes the change.",
        Rung::Finish => "It is as you want it.",
    }
}
