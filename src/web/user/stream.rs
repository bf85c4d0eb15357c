//! Server-sent events: whoever watches a page hears when it would say something new.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use actix_web::http::{Method, header};
use actix_web::web::{Bytes, Data};
use actix_web::{HttpRequest, HttpResponse};
use futures_util::stream;

use crate::base::ids::UserId;
use crate::base::{Error, Kind, Result};
use crate::web::error::PageResult;
use crate::web::extract::Me;

/// One stream lasts this long at most; a browser that still cares comes back by itself.
const LIFE: Duration = Duration::from_secs(120);
/// Streams one person may have open at once: each of them holds a connection.
pub const STREAMS_MAX: usize = 24;
/// Commits so close together are looked at once.
const PAUSE: Duration = Duration::from_millis(200);

/// What a look at the page gave.
pub(super) enum Look {
    /// An event, whole.
    Say(Bytes),
    /// Nothing new.
    Still,
    /// Nothing new will come, or there is nothing to look at any more.
    Over,
}

/// An event that puts a fragment of the page in place of the one before.
pub(super) fn fragment(html: &str) -> Look {
    Look::Say(Bytes::from(format!("data: {}\n\n", html.replace('\n', " "))))
}

/// Looks at once, after each commit, and each `tick`; `look` is told whether it was the tick, or the first time since it said something.
pub(super) fn answer<L>(me: &Me, request: &HttpRequest, streams: Data<Streams>, tick: Duration, look: L) -> PageResult
where
    L: FnMut(bool) -> Look + 'static,
{
    let mut answer = HttpResponse::Ok();
    answer.content_type("text/event-stream");
    if request.method() == Method::HEAD {
        return Ok(answer.finish());
    }
    let place = streams.into_inner().enter(me.user.id)?;
    let open = Open {
        look,
        commits: me.app.store.commits(),
        tick,
        ticked: true,
        until: tokio::time::Instant::now() + LIFE,
        _place: place,
    };
    let events =
        stream::unfold(open, |mut open| async move { open.next().await.map(|event| (Ok::<_, actix_web::Error>(event), open)) });
    Ok(answer
        .insert_header((header::CACHE_CONTROL, "no-store"))
        .insert_header(("x-accel-buffering", "no"))
        .insert_header((header::CONTENT_ENCODING, "identity")) // a compressor would hold events back
        .streaming(events))
}

struct Open<L> {
    look: L,
    commits: tokio::sync::watch::Receiver<u64>,
    tick: Duration,
    ticked: bool,
    until: tokio::time::Instant,
    _place: Place,
}

impl<L: FnMut(bool) -> Look> Open<L> {
    async fn next(&mut self) -> Option<Bytes> {
        while tokio::time::Instant::now() < self.until {
            match (self.look)(self.ticked) {
                Look::Say(event) => {
                    self.ticked = true;
                    return Some(event);
                }
                Look::Over => return None,
                Look::Still => {}
            }
            self.ticked = tokio::select! {
                biased;
                changed = self.commits.changed() => {
                    changed.ok()?;
                    // Whatever anybody commits meanwhile is seen by the one look that follows.
                    tokio::time::sleep(PAUSE).await;
                    false
                }
                () = tokio::time::sleep(self.tick) => true,
            };
        }
        None
    }
}

/// How many streams each person has open.
#[derive(Default)]
pub struct Streams(Mutex<BTreeMap<UserId, usize>>);

impl Streams {
    fn enter(self: Arc<Self>, user: UserId) -> Result<Place> {
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
struct Place {
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
