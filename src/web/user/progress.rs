//! Watching an order climb: the page, and the same part of it again with each change.

use std::time::Duration;

use actix_web::HttpResponse;
use actix_web::http::header;
use actix_web::web::{Bytes, Path};
use futures_util::stream;

use super::deployment::steps;
use super::id;
use crate::base::Result;
use crate::base::ids::OrderId;
use crate::domain::charge::{Charge, ChargeState};
use crate::domain::order::{Order, State};
use crate::store::charge::Charges;
use crate::web::error::PageResult;
use crate::web::extract::Me;
use crate::web::page::user::progress::{self, Outcome, View, page};

/// One stream lasts this long at most; a browser that still cares comes back by itself.
const STREAM: Duration = Duration::from_secs(120);
/// How often an unchanged order is looked at, so that the elapsed time moves.
const TICK: Duration = Duration::from_secs(1);

pub async fn show(me: Me, path: Path<String>) -> PageResult {
    let order = me.app.order_of(me.user.id, id(&path, "deployment")?)?;
    Ok(me.show(200, page(&me.chrome(), &view(&order, me.app.read()?.charge(order.charge)?, me.app.now()))))
}

/// Server-sent events: the fragment of the page, whenever it says something new.
pub async fn events(me: Me, path: Path<String>) -> PageResult {
    let order: OrderId = id(&path, "deployment")?;
    me.app.order_of(me.user.id, order)?;
    let commits = me.app.store.commits();
    let watch = Watch { me, order, commits, last: String::new(), ended: false, until: tokio::time::Instant::now() + STREAM };
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

struct Watch {
    me: Me,
    order: OrderId,
    commits: tokio::sync::watch::Receiver<u64>,
    last: String,
    ended: bool,
    until: tokio::time::Instant,
}

impl Watch {
    async fn next(&mut self) -> Option<Bytes> {
        while !self.ended && tokio::time::Instant::now() < self.until {
            let (fragment, ended) = self.fragment().ok()?;
            self.ended = ended;
            if fragment != self.last {
                self.last = fragment;
                return Some(Bytes::from(format!("data: {}\n\n", self.last.replace('\n', " "))));
            }
            tokio::select! {
                biased;
                changed = self.commits.changed() => changed.ok()?,
                () = tokio::time::sleep(TICK) => {}
            }
        }
        None
    }

    fn fragment(&self) -> Result<(String, bool)> {
        let order = self.me.app.order_of(self.me.user.id, self.order)?;
        let view = view(&order, self.me.app.read()?.charge(order.charge)?, self.me.app.now());
        Ok((progress::steps(&view).into_string(), view.outcome != Outcome::Running))
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
    View { id: order.id, name: order.wish.name.to_string(), steps: steps(order), outcome, ask, started: order.created, now }
}
