//! Watching an order climb: the page, and the same part of it again with each change.

use std::time::Duration;

use actix_web::HttpRequest;
use actix_web::web::{Bytes, Data, Path};

use super::deployment::steps;
use super::id;
use super::stream::{self, Look, Streams};
use crate::app::App;
use crate::base::Result;
use crate::base::ids::OrderId;
use crate::domain::charge::{Charge, ChargeState};
use crate::domain::order::{Order, State};
use crate::domain::revision::{Revision, State as Stage};
use crate::store::charge::Charges;
use crate::store::revision::Revisions;
use crate::web::error::PageResult;
use crate::web::extract::Me;
use crate::web::page::user::progress::{self, Outcome, View, page};

/// How often an unchanged order is looked at, so that the elapsed time moves.
pub(super) const TICK: Duration = Duration::from_secs(1);

pub async fn show(me: Me, path: Path<String>) -> PageResult {
    let order = me.app.order_of(me.user.id, id(&path, "deployment")?)?;
    if order.active_since.is_some() && order.state != State::Active {
        // It ran, and is on its way out or gone: how it came up is over.
        return Ok(me.go(&format!("/deployments/{}", order.id)));
    }
    Ok(me.show(200, page(&me.chrome(), &seen(&me.app, &order)?)))
}

/// Server-sent events: the fragment of the page, whenever it says something new.
pub async fn events(me: Me, path: Path<String>, request: HttpRequest, streams: Data<Streams>) -> PageResult {
    let order: OrderId = id(&path, "deployment")?;
    let user = me.user.id;
    me.app.order_of(user, order)?;
    let app = me.app.clone();
    let (mut last, mut clock, mut ended) = (String::new(), String::new(), false);
    stream::answer(&me, &request, streams, TICK, move |_| {
        let Some(view) = Some(()).filter(|()| !ended).and_then(|()| seen(&app, &app.order_of(user, order).ok()?).ok()) else {
            return Look::Over;
        };
        ended = view.outcome != Outcome::Running;
        let now = progress::clock(&view);
        // The time that passes is no news: it is sent by itself, so that nothing else on the page is replaced each second.
        let still = progress::steps(&View { now: view.started, ..view.clone() }).into_string();
        if still != last {
            (last, clock) = (still, now);
            return stream::fragment(&progress::steps(&view).into_string());
        }
        if now != clock {
            clock = now;
            return Look::Say(Bytes::from(format!("event: clock\ndata: {clock}\n\n")));
        }
        Look::Still
    })
}

/// The last thing that was done to it, or is being done: its start, or a change of it.
fn seen(app: &App, order: &Order) -> Result<View> {
    let (snapshot, now) = (app.read()?, app.now());
    match snapshot.revisions_of(order.id, None, 1)?.pop().filter(|_| order.state == State::Active) {
        Some(revision) => {
            let charge = revision.charge.map(|charge| snapshot.charge(charge)).transpose()?.flatten();
            Ok(changing(order, &revision, charge, now))
        }
        None => Ok(view(order, snapshot.charge(order.charge)?, now)),
    }
}

fn changing(order: &Order, revision: &Revision, charge: Option<Charge>, now: crate::base::Time) -> View {
    let outcome = match revision.state {
        Stage::Done => Outcome::Ready,
        Stage::Failed | Stage::Dropped => Outcome::Unchanged,
        _ => Outcome::Running,
    };
    let ask = charge.filter(|_| revision.state == Stage::Paying).and_then(|charge| match charge.state {
        ChargeState::NeedsAction { url } => Some(url),
        _ => None,
    });
    View {
        id: order.id,
        name: order.shown_name().to_owned(),
        steps: super::revision::steps(revision),
        outcome,
        change: Some(revision.kind),
        ask,
        started: revision.created,
        now: revision.ended.unwrap_or(now),
    }
}

fn view(order: &Order, charge: Option<Charge>, now: crate::base::Time) -> View {
    let outcome = match order.state {
        State::Active | State::Ending => Outcome::Ready,
        State::Ended if order.active_since.is_some() => Outcome::Ready,
        State::Ended => Outcome::Declined,
        State::Refunded => Outcome::Refunded,
        _ => Outcome::Running,
    };
    let now = if outcome == Outcome::Running { now } else { order.timeline.last().map_or(now, |last| last.at) };
    let ask = charge.filter(|_| order.state == State::Paying).and_then(|charge| match charge.state {
        ChargeState::NeedsAction { url } => Some(url),
        _ => None,
    });
    let (name, steps) = (order.wish.name.to_string(), steps(order));
    View { id: order.id, name, steps, outcome, change: None, ask, started: order.created, now }
}
