//! Watching an order climb: the page, and the same part of it again with each change.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use actix_web::http::{Method, header};
use actix_web::web::{Bytes, Data, Path};
use actix_web::{HttpRequest, HttpResponse};
use futures_util::stream;

use super::deployment::steps;
use super::id;
use crate::base::ids::{OrderId, UserId};
use crate::base::{Error, Kind, Result};
use crate::domain::charge::{Charge, ChargeState};
use crate::domain::order::{Order, State};
use crate::domain::revision::{Revision, State as Stage};
use crate::store::charge::Charges;
use crate::store::revision::Revisions;
use crate::web::error::PageResult;
use crate::web::extract::Me;
use crate::web::page::user::progress::{self, Outcome, View, page};

/// One stream lasts this long at most; a browser that still cares comes back by itself.
pub(super) const STREAM: Duration = Duration::from_secs(120);
/// Streams one person may have open at once: each of them holds a connection.
pub const STREAMS_MAX: usize = 24;
/// Commits so close together are looked at once.
pub(super) const PAUSE: Duration = Duration::from_millis(200);
/// How often an unchanged order is looked at, so that the elapsed time moves.
pub(super) const TICK: Duration = Duration::from_secs(1);

pub async fn show(me: Me, path: Path<String>) -> PageResult {
    let order = me.app.order_of(me.user.id, id(&path, "deployment")?)?;
    if order.active_since.is_some() && order.state != State::Active {
        // It ran, and is on its way out or gone: how it came up is over.
        return Ok(me.go(&format!("/deployments/{}", order.id)));
    }
    Ok(me.show(200, page(&me.chrome(), &seen(&me, &order)?)))
}

/// Server-sent events: the fragment of the page, whenever it says something new.
pub async fn events(me: Me, path: Path<String>, request: HttpRequest, streams: Data<Streams>) -> PageResult {
    let order: OrderId = id(&path, "deployment")?;
    me.app.order_of(me.user.id, order)?;
    if request.method() == Method::HEAD {
        return Ok(HttpResponse::Ok().content_type("text/event-stream").finish());
    }
    let place = streams.into_inner().enter(me.user.id)?;
    let commits = me.app.store.commits();
    let (last, clock, until) = (String::new(), String::new(), tokio::time::Instant::now() + STREAM);
    let watch = Watch { me, order, commits, last, clock, _place: place, ended: false, until };
    let events =
        stream::unfold(
            watch,
            |mut watch| async move { watch.next().await.map(|event| (Ok::<_, actix_web::Error>(event), watch)) },
        );
    Ok(HttpResponse::Ok()
        .content_type("text/event-stream")
        .insert_header((header::CACHE_CONTROL, "no-store"))
        .insert_header(("x-accel-buffering", "no"))
        .insert_header((header::CONTENT_ENCODING, "identity")) // a compressor would hold events back
        .streaming(events))
}

/// How many streams each person has open.
#[derive(Default)]
pub struct Streams(Mutex<BTreeMap<UserId, usize>>);

impl Streams {
    pub(super) fn enter(self: Arc<Self>, user: UserId) -> Result<Place> {
        let mut open = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let count = open.entry(user).or_default();
        if *count >= STREAMS_MAX {
            return Err(Error::new(Kind::Limited, "You watch this in many windows already. Please close some of them."));
        }
        *count += 1;
        drop(open);
        Ok(Place { streams: self, user })
    }
}

/// One open stream; given back when it is dropped, however it ends.
pub(super) struct Place {
    streams: Arc<Streams>,
    user: UserId,
}

impl Drop for Place {
    fn drop(&mut self) {
        let mut open = self.streams.0.lock().unwrap_or_else(PoisonError::into_inner);
        match open.get_mut(&self.user) {
            Some(count) if *count > 1 => *count -= 1,
            _ => drop(open.remove(&self.user)),
        }
    }
}

struct Watch {
    me: Me,
    order: OrderId,
    commits: tokio::sync::watch::Receiver<u64>,
    /// What was sent last, without the time that passes.
    last: String,
    clock: String,
    _place: Place,
    ended: bool,
    until: tokio::time::Instant,
}

impl Watch {
    async fn next(&mut self) -> Option<Bytes> {
        while !self.ended && tokio::time::Instant::now() < self.until {
            let view = self.view().ok()?;
            self.ended = view.outcome != Outcome::Running;
            let clock = progress::clock(&view);
            // The time that passes is no news: it is sent by itself, so that nothing else on the page is replaced each second.
            let still = progress::steps(&View { now: view.started, ..view.clone() }).into_string();
            if still != self.last {
                (self.last, self.clock) = (still, clock);
                return Some(Bytes::from(format!("data: {}\n\n", progress::steps(&view).into_string().replace('\n', " "))));
            }
            if clock != self.clock {
                self.clock = clock;
                return Some(Bytes::from(format!("event: clock\ndata: {}\n\n", self.clock)));
            }
            tokio::select! {
                biased;
                // Whatever anybody commits meanwhile is seen by the one look that follows.
                changed = self.commits.changed() => {
                    changed.ok()?;
                    tokio::time::sleep(PAUSE).await;
                }
                () = tokio::time::sleep(TICK) => {}
            }
        }
        None
    }

    fn view(&self) -> Result<View> {
        let order = self.me.app.order_of(self.me.user.id, self.order)?;
        seen(&self.me, &order)
    }
}

/// The last thing that was done to it, or is being done: its start, or a change of it.
fn seen(me: &Me, order: &Order) -> Result<View> {
    let (snapshot, now) = (me.app.read()?, me.app.now());
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
