//! A person's own storage swarm.

use std::time::Duration;

use actix_web::http::header;
use actix_web::web::{Data, Path};
use actix_web::{HttpRequest, HttpResponse};

use super::id;
use super::stream::{self, Look, Streams};
use crate::app::App;
use crate::base::ids::OrderId;
use crate::base::{Error, Kind, Result, Time};
use crate::domain::order::{Order, Outcome};
use crate::domain::price::UnitPrices;
use crate::domain::swarm::{Alarm, CONSENT, Layout, Looks, REPAIR_ASKED_AFTER, Role, Shard, Stage, Swarm, SwarmWish, place};
use crate::store::swarm::Swarms;
use crate::web::error::PageResult;
use crate::web::extract::{Form, Me};
use crate::web::page::user::swarm::{Card, Config, Drill, Line, Offer, Terms, View, moving, page};
use crate::web::ui::format;
use crate::web::ui::part::Tone;

/// How often it is looked at where nobody commits: what is away is away for longer.
const TICK: Duration = Duration::from_secs(20);
/// Lines of history that are shown.
const LINES: usize = 40;

pub async fn show(me: Me, path: Path<String>) -> PageResult {
    let order = me.app.order_of(me.user.id, id(&path, "deployment")?)?;
    Ok(me.show(200, page(&me.chrome(), &view(&me, &order)?)))
}

/// Server-sent events: the moving part of the page, whenever it says something new.
pub async fn events(me: Me, path: Path<String>, request: HttpRequest, streams: Data<Streams>) -> PageResult {
    let order = me.app.order_of(me.user.id, id(&path, "deployment")?)?;
    view(&me, &order)?;
    let (looker, mut last, mut ended) = (me.clone(), String::new(), false);
    stream::answer(&me, &request, streams, TICK, move |_| {
        let Some(view) = Some(()).filter(|()| !ended).and_then(|()| view(&looker, &order).ok()) else { return Look::Over };
        ended = !view.moving;
        let fresh = moving(&view).into_string();
        if fresh == last {
            return Look::Still;
        }
        last = fresh;
        stream::fragment(&last)
    })
}

/// The file for the owner's server.
pub async fn config(me: Me, path: Path<String>) -> PageResult {
    let text = me.app.swarm_config(me.user.id, id(&path, "deployment")?)?;
    Ok(HttpResponse::Ok()
        .content_type("text/plain; charset=utf-8")
        .insert_header((header::CONTENT_DISPOSITION, "attachment; filename=\"zstor.toml\""))
        .insert_header((header::CACHE_CONTROL, "no-store"))
        .body(text.reveal().clone()))
}

pub async fn saved(me: Me, path: Path<String>, form: Form) -> PageResult {
    let order: OrderId = id(&path, "deployment")?;
    let version = form.text("version").parse().unwrap_or(0);
    let done = me.app.keep_config(me.user.id, order, version).await;
    back(&me, order, done, "Saved. We do not have the key any more.")
}

pub async fn drill(me: Me, path: Path<String>, _form: Form) -> PageResult {
    let order: OrderId = id(&path, "deployment")?;
    let done = me.app.ask_drill(me.user.id, order).await;
    back(&me, order, done, "It is being tried. Load this page again in a moment.")
}

pub async fn replace(me: Me, path: Path<String>, form: Form) -> PageResult {
    let order: OrderId = id(&path, "deployment")?;
    let number = form.text("shard").parse().map_err(|_| Error::not_found("shard"));
    let done = match (me.app.swarm_of(me.user.id, order), number) {
        (Ok(_), Ok(number)) => me.app.replace_shard(me.user.id, order, number).await,
        (Err(error), _) | (_, Err(error)) => Err(error),
    };
    back(&me, order, done, "It is being replaced by one on another node.")
}

fn back(me: &Me, order: OrderId, done: Result<()>, said: &str) -> PageResult {
    let page = format!("/deployments/{order}/swarm");
    match done {
        Ok(()) => Ok(me.go_saying(&page, true, said)),
        Err(error) if matches!(error.kind(), Kind::Conflict | Kind::Unfunded | Kind::Unavailable) => {
            Ok(me.go_saying(&page, false, error.message()))
        }
        Err(error) => Err(error.into()),
    }
}

/// What the order form says of swarms; None where none is sold.
pub fn offer(app: &App, prices: &UnitPrices) -> Option<Offer> {
    let (most_gb, layout) = (app.settings.limits.swarm_gib, Layout::default());
    let thousand = SwarmWish { usable: 1000 << 30, layout, price: Default::default(), consent: String::new() };
    let price = prices.swarm(&thousand)?;
    (most_gb > 0).then(|| Offer {
        most_gb,
        price,
        minimal: layout.minimal,
        expected: layout.expected,
        spares: layout.spares,
        survives: layout.table(),
        consent: CONSENT.into(),
    })
}

/// What was asked for, as pages say it.
pub fn terms(wish: &SwarmWish) -> Terms {
    Terms {
        usable_gb: wish.usable >> 30,
        minimal: wish.layout.minimal,
        expected: wish.layout.expected,
        spares: wish.layout.spares,
        survives: wish.layout.table(),
        consent: wish.consent.clone(),
    }
}

/// The sheet on the page of its server, once there is something to say.
pub fn card(app: &App, order: &Order) -> Result<Option<Card>> {
    let snapshot = app.read()?;
    let Some(swarm) = snapshot.swarm(order.id)? else { return Ok(None) };
    Ok(Some(card_of(&swarm, &snapshot.looks(order.id)?)))
}

fn card_of(swarm: &Swarm, looks: &Looks) -> Card {
    let ((ready, of), layout) = (swarm.progress(), swarm.layout());
    let (data, meta) = swarm.there(looks);
    let alarm = layout.alarm(data, meta);
    let (there, tone, badge, headline) = match swarm.stage {
        Stage::Building => (ready, Tone::Busy, "Being built", format!("{ready} of {of} shards are ready.")),
        Stage::Ready => {
            let (tone, badge) = match alarm {
                Alarm::None if data + meta == of => (Tone::Good, "All there"),
                Alarm::None => (Tone::Warn, "Some away"),
                Alarm::Waits => (Tone::Warn, "Storing waits"),
                Alarm::Danger => (Tone::Bad, "Needs attention"),
            };
            (data + meta, tone, badge, layout.sentence(data, meta))
        }
        Stage::Undoing | Stage::Ending => {
            let left = swarm.shards.iter().filter(|shard| !shard.attempt.cleared).count();
            let said = swarm.reason.clone().unwrap_or_else(|| "Every shard is being given back.".into());
            (left.min(of), Tone::Busy, "Being taken down", said)
        }
        Stage::Gone => (
            0,
            Tone::Quiet,
            "Gone",
            swarm.reason.clone().unwrap_or_else(|| "Every shard is given back, and what it held is gone.".into()),
        ),
    };
    let ask = (swarm.stage == Stage::Ready && swarm.saved < swarm.version).then(|| match swarm.saved {
        0 => "Download its configuration and put it in place.".to_owned(),
        _ => format!("There is a new configuration: number {}.", swarm.version),
    });
    Card { order: swarm.order, headline, tone, badge: badge.into(), there, of, ask }
}

fn view(me: &Me, order: &Order) -> Result<View> {
    let (swarm, looks) = me.app.swarm_of(me.user.id, order.id)?;
    let (now, layout) = (me.app.now(), swarm.layout());
    let open = || swarm.open().map(|(_, shard)| (shard.role, shard.node()));
    let weak = if swarm.stage == Stage::Ready { place::weak_spots(layout, open()) } else { vec![] };
    let held = swarm.stage == Stage::Ready && !swarm.can_spare(&looks) && looks.shards.values().any(|look| look.away.is_some());
    let config = Config { version: swarm.version, saved: swarm.saved, with_key: swarm.key.is_some() };
    Ok(View {
        name: order.shown_name().to_owned(),
        card: card_of(&swarm, &looks),
        moving: !matches!(swarm.stage, Stage::Ready | Stage::Gone),
        looked: looks.at.filter(|_| swarm.stage == Stage::Ready),
        blind: looks.blind && swarm.stage == Stage::Ready,
        now,
        terms: terms(&swarm.wish),
        raw_gb: swarm.wish.raw() >> 30,
        shards: swarm.open().map(|(number, shard)| line(&swarm, &looks, number, shard, now)).collect(),
        weak,
        held,
        config: (swarm.stage == Stage::Ready).then_some(config),
        drill: swarm.drill.as_ref().map(|drill| Drill {
            asked: drill.asked,
            done: drill.done.as_ref().map(|proof| (proof.at, proof.passed, proof.said.clone())),
        }),
        history: swarm.history.iter().rev().take(LINES).map(|event| (event.at, event.text.clone(), event.trouble)).collect(),
    })
}

fn line(swarm: &Swarm, looks: &Looks, number: u32, shard: &Shard, now: Time) -> Line {
    let look = looks.shards.get(&number).copied().unwrap_or_default();
    let away = look.away;
    let (tone, state) = match (&shard.attempt.outcome, away) {
        (Outcome::Trying, _) if shard.attempt.sent.is_some() => (Tone::Busy, "Being set up"),
        (Outcome::Trying, _) if shard.attempt.contract.is_some() => (Tone::Busy, "Reserved"),
        (Outcome::Trying, _) => (Tone::Busy, "Asked for"),
        (_, Some(_)) => (Tone::Bad, "Away"),
        (_, None) if !swarm.is_in_place(number, shard, looks) => (Tone::Warn, "New, empty"),
        (_, None) if look.seen.is_none() => (Tone::Good, "Ready"),
        (_, None) => (Tone::Good, "There"),
    };
    let node = shard.node();
    let most = layout_gb(swarm, shard.role);
    Line {
        number,
        role: shard.role.word(),
        node: node.node,
        farm: node.farm_name.clone(),
        place: format!("{}, {}", node.city, node.country),
        tone,
        state: state.into(),
        seen: look.seen,
        used: format!("{} of {}", format::memory(look.used >> 20), format::disk(most)),
        replaceable: swarm.stage == Stage::Ready
            && away.is_some_and(|since| now.since(since) >= REPAIR_ASKED_AFTER)
            && swarm.can_spare(looks),
    }
}

fn layout_gb(swarm: &Swarm, role: Role) -> u64 {
    swarm.layout().backend_size(swarm.wish.usable, role) >> 30
}
