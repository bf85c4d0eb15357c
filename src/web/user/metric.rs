//! How a person's VM is doing: its graphs, its log, and the switch for both.

use std::time::Duration;

use actix_web::HttpRequest;
use actix_web::web::{Data, Path, Query};
use serde::Deserialize;

use super::id;
use super::stream::{self, Look, Streams};
use crate::app::App;
use crate::base::ids::OrderId;
use crate::base::time::{HOUR, MINUTE};
use crate::base::{Error, Result};
use crate::domain::backup::Stage;
use crate::domain::order::{Order, State};
use crate::domain::report::{EVERY, Heard, Seat, Span, series};
use crate::store::backup::Backups;
use crate::store::report::Reports;
use crate::web::error::PageResult;
use crate::web::extract::{Form, Me};
use crate::web::page::user::log;
use crate::web::page::user::metrics::{self, Brief, Speaker, View};
use crate::web::ui::form::TICKED;
use crate::web::ui::part::Pager;

/// How often the page says how long ago it was, where nothing else is new.
const TICK: Duration = Duration::from_secs(20);
/// Lines of one page of a log.
const LINES: usize = 100;

#[derive(Deserialize)]
pub struct Asked {
    pub span: Option<String>,
    /// Which of the two machines of an order with a backup VM.
    pub vm: Option<String>,
}

impl Asked {
    fn span(&self) -> Result<Span> {
        match self.span.as_deref() {
            None | Some("") => Ok(Span::Hour),
            Some(word) => Span::parse(word).ok_or_else(|| Error::not_found("page")),
        }
    }
}

/// The machine that is meant, if the order has it.
fn seat(app: &App, order: OrderId, vm: Option<&str>) -> Result<Seat> {
    let seat = vm.filter(|vm| !vm.is_empty()).map_or(Some(Seat::Main), Seat::parse).ok_or_else(|| Error::not_found("page"))?;
    let there = match seat {
        Seat::Main => true,
        Seat::Backup => app.read()?.backup(order)?.is_some_and(|backup| backup.stage == Stage::Active),
        Seat::Home => false,
    };
    if there { Ok(seat) } else { Err(Error::not_found("page")) }
}

pub async fn show(me: Me, path: Path<String>, asked: Query<Asked>) -> PageResult {
    let order = me.app.order_of(me.user.id, id(&path, "deployment")?)?;
    let span = asked.span()?;
    if order.state != State::Active {
        return Ok(me.go(&format!("/deployments/{}", order.id)));
    }
    let seat = seat(&me.app, order.id, asked.vm.as_deref())?;
    Ok(me.show(200, metrics::page(&me.chrome(), &view(&me.app, &order, seat, span, None)?)))
}

fn view(app: &App, order: &Order, seat: Seat, span: Span, script: Option<String>) -> Result<View> {
    let (snapshot, now) = (app.read()?, app.now());
    let speaker = snapshot.reporter(order.id, seat)?;
    let from = now - span.length();
    let (samples, unit) = match (&speaker, span) {
        (None, _) => (vec![], EVERY),
        (_, Span::Hour | Span::Day) => (snapshot.report_minutes(order.id, seat, from)?, MINUTE),
        (_, Span::Month) => (snapshot.report_hours(order.id, seat, from)?, HOUR),
    };
    Ok(View {
        id: order.id,
        seat,
        name: order.shown_name().to_owned(),
        span,
        now,
        speaker: speaker.map(|known| Speaker { since: known.created, logs: known.logs, ended: known.ended, heard: known.heard }),
        series: series(&samples, unit, span.length(), span.step(), now),
        rows: series(&samples, unit, span.length(), span.row(), now),
        script,
    })
}

/// As the page of the deployment shows it.
pub fn brief(app: &App, order: OrderId) -> Result<Option<Brief>> {
    let (snapshot, now) = (app.read()?, app.now());
    let Some(known) = snapshot.reporter(order, Seat::Main)? else { return Ok(None) };
    let samples = snapshot.report_minutes(order, Seat::Main, now - HOUR)?;
    Ok(Some(Brief {
        now,
        ended: known.ended,
        heard: known.heard,
        series: series(&samples, MINUTE, HOUR, EVERY, now),
        logs: known.logs,
    }))
}

/// Server-sent events: the moving part of the page, when the VM has spoken, or when it has been silent for a while longer.
pub async fn events(me: Me, path: Path<String>, asked: Query<Asked>, request: HttpRequest, streams: Data<Streams>) -> PageResult {
    let order = me.app.order_of(me.user.id, id(&path, "deployment")?)?.id;
    let (span, seat) = (asked.span()?, seat(&me.app, order, asked.vm.as_deref())?);
    let (app, user) = (me.app.clone(), me.user.id);
    // When the VM had spoken as the fragment was last made, and that fragment.
    let (mut drawn, mut last) = (None, String::new());
    stream::answer(&me, &request, streams, TICK, move |ticked| {
        let mut look = || -> Option<Option<String>> {
            // Others commit all the time: only what this VM said is worth drawing.
            let known = app.read().ok()?.reporter(order, seat).ok()?;
            let heard = known.and_then(|known| known.heard).map(|heard: Heard| heard.at);
            if !ticked && heard == drawn {
                return Some(None);
            }
            drawn = heard;
            let order = app.order_of(user, order).ok()?;
            Some(Some(metrics::fragment(&view(&app, &order, seat, span, None).ok()?).into_string()))
        };
        match look() {
            None => Look::Over,
            Some(Some(fresh)) if fresh != last => {
                last = fresh;
                stream::fragment(&last)
            }
            Some(_) => Look::Still,
        }
    })
}

#[derive(Deserialize)]
pub struct Turned {
    /// How many pages back from the newest.
    pub back: Option<String>,
    pub vm: Option<String>,
}

pub async fn logs(me: Me, path: Path<String>, turned: Query<Turned>) -> PageResult {
    let order = me.app.order_of(me.user.id, id(&path, "deployment")?)?;
    if order.state != State::Active {
        return Ok(me.go(&format!("/deployments/{}", order.id)));
    }
    let seat = seat(&me.app, order.id, turned.vm.as_deref())?;
    let snapshot = me.app.read()?;
    let back: usize = match turned.back.as_deref() {
        None | Some("") => 0,
        Some(text) => text.parse().map_err(|_| Error::not_found("page of this list"))?,
    };
    let known = snapshot.reporter(order.id, seat)?;
    let mut lines = snapshot.report_tail(order.id, seat)?.lines;
    lines.truncate(lines.len().saturating_sub(back.saturating_mul(LINES)));
    let older = lines.len() > LINES;
    lines.drain(..lines.len().saturating_sub(LINES));
    let at = |back: usize| format!("/deployments/{}/logs?vm={}&back={back}", order.id, seat.word());
    let view = log::View {
        id: order.id,
        seat,
        name: order.shown_name().to_owned(),
        now: me.app.now(),
        wanted: known.as_ref().map(|known| known.logs),
        heard: known.and_then(|known| known.heard).map(|heard| heard.at),
        lines,
        pager: Pager { newer: back.checked_sub(1).map(at), older: older.then(|| at(back + 1)) },
    };
    Ok(me.show(200, log::page(&me.chrome(), &view)))
}

/// Switches it on, or makes a new line for it. The line is on this answer and nowhere else.
pub async fn create(me: Me, path: Path<String>, form: Form) -> PageResult {
    let order = me.app.order_of(me.user.id, id(&path, "deployment")?)?.id;
    let seat = seat(&me.app, order, Some(form.text("vm")))?;
    let secret = me.app.switch_on_reports(me.user.id, order, seat, form.text("logs") == TICKED).await?;
    let script = format!("{}/r/{}/install", me.app.settings.server.public_url, secret.reveal());
    let order = me.app.order_of(me.user.id, order)?;
    Ok(me.show(200, metrics::page(&me.chrome(), &view(&me.app, &order, seat, Span::Hour, Some(script))?)))
}

pub async fn update(me: Me, path: Path<String>, form: Form) -> PageResult {
    let order = me.app.order_of(me.user.id, id(&path, "deployment")?)?.id;
    let seat = seat(&me.app, order, Some(form.text("vm")))?;
    let wanted = form.text("logs") == TICKED;
    me.app.want_logs(me.user.id, order, seat, wanted).await?;
    let said = if wanted {
        "Its log comes with its next messages."
    } else {
        "Its log is not sent any more, and what was here is deleted."
    };
    let next = if wanted { "logs" } else { "metrics" };
    Ok(me.go_saying(&format!("/deployments/{order}/{next}?vm={}", seat.word()), true, said))
}

pub async fn remove(me: Me, path: Path<String>, form: Form) -> PageResult {
    let order = me.app.order_of(me.user.id, id(&path, "deployment")?)?.id;
    let seat = seat(&me.app, order, Some(form.text("vm")))?;
    me.app.switch_off_reports(me.user.id, order, seat).await?;
    Ok(me.go_saying(
        &format!("/deployments/{order}/metrics?vm={}", seat.word()),
        true,
        "Switched off. What it had told is deleted.",
    ))
}
