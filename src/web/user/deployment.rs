//! A person's own deployments.

use actix_web::HttpResponse;
use actix_web::http::header;
use actix_web::web::{Path, Query};
use serde::Deserialize;

use super::{PAGE, id, mark, web_address};
use crate::app::App;
use crate::app::maintenance::Stake;
use crate::base::ids::OrderId;
use crate::base::money::Usd;
use crate::base::text::{ShownName, Tag};
use crate::base::{Error, Kind, Result};
use crate::domain::charge::{Charge, ChargeState};
use crate::domain::maintenance::Maintenance;
use crate::domain::order::{Access, Order, State, Step, bare};
use crate::domain::outage::Outage;
use crate::domain::revision::State as Stage;
use crate::domain::tunnel::Tunnel;
use crate::store::charge::Charges;
use crate::store::order::Orders;
use crate::store::outage::Outages;
use crate::store::revision::Revisions;
use crate::web::error::{PageResult, status as web_status};
use crate::web::extract::{Form, Me};
use crate::web::guest::offer;
use crate::web::page::user::deployment::{self, RemoveView};
use crate::web::page::user::deployments::{self, Row, Status};
use crate::web::ui::form::Filled;
use crate::web::ui::part::{self, Pager, StepState};

#[derive(Deserialize)]
pub struct Listed {
    pub before: Option<String>,
    /// Only those with this tag.
    pub tag: Option<String>,
}

pub async fn list(me: Me, query: Query<Listed>) -> PageResult {
    let mark = mark::<OrderId>(query.before.as_deref())?;
    let tag = query.tag.as_deref().filter(|tag| !tag.is_empty());
    let tag = tag.map(|tag| Tag::parse(tag).map_err(|_| Error::not_found("tag"))).transpose()?;
    let snapshot = me.app.read()?;
    let mut orders = match &tag {
        Some(tag) => snapshot.orders_tagged(me.user.id, tag, mark, PAGE + 1)?,
        None => snapshot.orders_of(me.user.id, mark, PAGE + 1)?,
    };
    let more = orders.len() > PAGE;
    orders.truncate(PAGE);
    let (here, and) = match &tag {
        Some(tag) => (format!("/deployments?tag={tag}"), '&'),
        None => ("/deployments".to_owned(), '?'),
    };
    let older = orders.last().filter(|_| more).map(|last| format!("{here}{and}before={}.{}", last.created.ms(), last.id));
    let pager = Pager { newer: mark.map(|_| here), older };
    let rows = orders.iter().map(|order| Ok(row(order, snapshot.outage(order.id)?.as_ref()))).collect::<Result<_>>()?;
    let view = deployments::View { rows, pager, tag: tag.map(String::from) };
    Ok(me.show(200, deployments::page(&me.chrome(), &view)))
}

pub async fn show(me: Me, path: Path<String>) -> PageResult {
    let order = me.app.order_of(me.user.id, id(&path, "deployment")?)?;
    show_with(&me, &order, 200, None, None)
}

/// The page, with what was typed into its forms, if anything was.
pub fn show_with(me: &Me, order: &Order, status: u16, label: Option<Filled>, web: Option<Filled>) -> PageResult {
    let label = label.unwrap_or_else(|| {
        let tags: Vec<&str> = order.tags.iter().map(Tag::as_str).collect();
        Filled::default().with("title", order.title.as_ref().map_or("", ShownName::as_str)).with("tags", tags.join(", "))
    });
    let view = deployment::View { web: web_address::view(&me.app, order, web)?, ..view(&me.app, order, label)? };
    Ok(me.show(status, deployment::page(&me.chrome(), &view)))
}

pub async fn label(me: Me, path: Path<String>, form: Form) -> PageResult {
    let id: OrderId = id(&path, "deployment")?;
    match me.app.label_order(me.user.id, id, form.text("title"), form.text("tags")).await {
        Ok(()) => Ok(me.go_saying(&format!("/deployments/{id}"), true, "Saved.")),
        Err(error) if error.kind() == Kind::Invalid => {
            let order = me.app.order_of(me.user.id, id)?;
            let filled = form.filled(&["title", "tags"]).refused(&error);
            show_with(&me, &order, web_status(error.kind()).as_u16(), Some(filled), None)
        }
        Err(error) => Err(error.into()),
    }
}

/// The customer's end of the tunnel, as a file. There is no secret in it.
pub async fn tunnel(me: Me, path: Path<String>) -> PageResult {
    let order = me.app.order_of(me.user.id, id(&path, "deployment")?)?;
    let tunnel = order.tunnel().ok_or_else(|| Error::not_found("tunnel"))?;
    let name = format!("attachment; filename=\"{}.conf\"", Tunnel::file(&order.wish.name));
    Ok(HttpResponse::Ok()
        .content_type("text/plain; charset=utf-8")
        .insert_header((header::CONTENT_DISPOSITION, name))
        .body(tunnel.conf(&order.wish.name)))
}

pub async fn ask(me: Me, path: Path<String>) -> PageResult {
    let order = me.app.order_of(me.user.id, id(&path, "deployment")?)?;
    if order.state != State::Active {
        return Ok(me.go(&format!("/deployments/{}", order.id)));
    }
    let backup = super::backup::brief(&me.app, order.id)?.is_some_and(|backup| !backup.stage.over());
    let view = RemoveView {
        id: order.id,
        name: order.shown_name().to_owned(),
        swarm: order.wish.swarm.is_some(),
        paid_until: order.paid_until(),
        backup,
    };
    Ok(me.show(200, deployment::remove_page(&me.chrome(), &view)))
}

pub async fn remove(me: Me, path: Path<String>, _form: Form) -> PageResult {
    let order: OrderId = id(&path, "deployment")?;
    me.app.end_order(me.user.id, order).await?;
    Ok(me.go_saying(
        &format!("/deployments/{order}"),
        true,
        "It is being switched off. What you have not used goes back to your card.",
    ))
}

fn status(order: &Order, outage: Option<&Outage>) -> Status {
    match order.state {
        State::Paying | State::Reserving | State::Deploying | State::Settling => Status::Starting,
        State::Active => match (order.revision, order.stopped) {
            (Some(open), _) => Status::Changing(open.kind),
            (None, Some(_)) => Status::Stopped,
            (None, None) if order.lost.is_some() => Status::Lost,
            (None, None) if order.paused.is_none() && outage.is_some_and(Outage::is_now) => Status::Down,
            (None, None) => Status::Running,
        },
        State::Undoing | State::Ending => Status::Ending,
        State::Ended if order.active_since.is_none() => Status::NotStarted,
        State::Ended => Status::Ended,
        State::Refunded => Status::Refunded,
    }
}

fn place(order: &Order) -> Option<String> {
    order.attempt().map(|attempt| format!("{}, {}", attempt.choice.best.city, attempt.choice.best.country))
}

fn row(order: &Order, outage: Option<&Outage>) -> Row {
    Row {
        id: order.id,
        name: order.shown_name().to_owned(),
        tags: order.tags.iter().map(Tag::to_string).collect(),
        status: status(order, outage),
        size: order.wish.size.name.clone(),
        image: order.wish.image.name.clone(),
        place: place(order),
        price: order.price,
        paid_until: order.paid_until().filter(|_| order.state == State::Active),
    }
}

fn view(app: &App, order: &Order, filled: Filled) -> Result<deployment::View> {
    let snapshot = app.read()?;
    let charges = order.charges().map(|charge| snapshot.charge(charge)).collect::<Result<Vec<_>>>()?;
    let paid: Vec<Charge> = charges.into_iter().flatten().filter(|charge| charge.state == ChargeState::Captured).collect();
    let last = snapshot.revisions_of(order.id, None, 1)?.pop();
    let runs = order.state == State::Active && order.stopped.is_none();
    let access = order.access.as_ref().filter(|_| runs).map(|access| self::access(order, access));
    let outage = snapshot.outage(order.id)?;
    let status = status(order, outage.as_ref());
    Ok(deployment::View {
        id: order.id,
        name: order.shown_name().to_owned(),
        host: order.wish.name.to_string(),
        tags: order.tags.iter().map(Tag::to_string).collect(),
        status,
        down: outage
            .filter(|_| status == Status::Down)
            .map(|outage| deployment::Down { since: outage.since, why: outage.why.sentence() }),
        maintenance: maintenance(app, order)?,
        note: note(order),
        changes: deployment::Changes {
            open: order.revision.map(|open| format!("{} since {}.", open.kind.doing(), open.since.minute())),
            can: order.unchangeable().is_none(),
            stopped: order.stopped,
            lost: order.lost.is_some(),
            any: last.is_some(),
            failed: last.filter(|last| last.state == Stage::Failed).and_then(|last| Some(last.story.last()?.text.clone())),
        },
        access,
        steps: steps(order),
        size: offer::size(&order.wish.size),
        image: order.wish.image.name.clone(),
        ordered: order.created,
        paid_until: order.paid_until(),
        price: order.price,
        over: over(order, &paid),
        receipts: paid.iter().map(|charge| charge.id).collect(),
        sla: offer::sla(&order.sla),
        place: place(order),
        node: order.attempt().map(|attempt| attempt.node()),
        disks: offer::disks(&order.wish),
        swarm: super::swarm::card(app, order)?,
        can_delete: order.state == State::Active,
        backup: super::backup::brief(app, order.id)?,
        brief: super::metric::brief(app, order.id)?,
        copies: super::home_copy::brief(app, order.id)?,
        web: None,
        filled,
    })
}

fn maintenance(app: &App, order: &Order) -> Result<Vec<deployment::Planned>> {
    if order.state.over() {
        return Ok(vec![]);
    }
    let planned = |(stake, row): (Stake, Maintenance)| deployment::Planned {
        what: stake.noun(),
        node: row.node,
        starts: row.starts,
        ends: row.ends,
        why: row.why,
        itself: stake == Stake::Machine,
    };
    Ok(app.maintenance_for(order)?.into_iter().map(planned).collect())
}

/// One sentence when something is not as it should be, or not as one expects.
fn note(order: &Order) -> Option<String> {
    if order.lost.is_some() && order.state == State::Active {
        return Some(LOST.to_owned());
    }
    match (order.state, order.paused, order.stopped) {
        (State::Active, Some(_), _) => Some(PAUSED.to_owned()),
        (State::Active, None, Some(at)) => Some(format!(
            "It is stopped since {}. Its disks, its addresses and its room are kept for you, so it costs what it costs when it runs.",
            at.minute()
        )),
        _ => order.reason.clone(),
    }
}

/// What the owner of a server is told whose backup VM is all that is left.
const LOST: &str = "The place that carried the server has ended it. Its backup VM runs and is in charge; perhaps it holds the only copy. What you paid \
                    for hours of the server goes back to your card. Move the server to set it up elsewhere, or delete all of it.";
/// What the owner of a paused deployment is told.
const PAUSED: &str = "It is paused, and that is our fault: we owe its place money. We have been told and it goes on by itself as soon as \
                      that is paid. Your data is kept; hours are given back if it has to end.";
fn access(order: &Order, access: &Access) -> deployment::Access {
    let public = |ip: &Option<String>| ip.as_deref().map(|ip| bare(ip).to_owned());
    let addresses = [
        ("Public IPv4 address", public(&access.public_ip)),
        ("Public IPv6 address", public(&access.public_ip6)),
        ("Mycelium address", access.mycelium_ip.clone()),
        ("Private address", Some(access.private_ip.clone()).filter(|ip| !ip.is_empty())),
    ];
    deployment::Access {
        ssh: access.ssh(),
        keys: offer::keys(order.wish.keys()),
        addresses: addresses.into_iter().filter_map(|(what, address)| Some((what, address?))).collect(),
        tunnel: order.tunnel().map(|tunnel| deployment::Tunnel {
            network: tunnel.network.clone(),
            address: bare(&tunnel.address).to_owned(),
            key: tunnel.key.to_string(),
            file: Tunnel::file(&order.wish.name),
        }),
        console: access.console.clone(),
    }
}

fn over(order: &Order, paid: &[Charge]) -> Option<deployment::Over> {
    let at = order.ended.filter(|_| order.state == State::Ended && !paid.is_empty())?;
    let sum = |of: fn(&Charge) -> Usd| paid.iter().try_fold(Usd::ZERO, |sum, charge| sum.checked_add(of(charge)));
    let back = sum(|charge| charge.refunded)?;
    Some(deployment::Over { at, back, kept: sum(|charge| charge.amount)?.checked_sub(back)? })
}

/// The five steps everybody sees, each with the last thing that was said about it.
pub fn steps(order: &Order) -> Vec<part::Step> {
    let (current, _) = order.progress();
    let over = order.active_since.is_some();
    let lost = matches!(order.state, State::Undoing | State::Refunded) || (order.state == State::Ended && !over);
    let broke = order.timeline.iter().rfind(|entry| entry.trouble).filter(|_| lost);
    let step = |step: Step| {
        let last = order.timeline.iter().rfind(|entry| entry.step == step);
        let said = broke.filter(|entry| entry.step == step).or(last);
        let state = match () {
            () if over => StepState::Done,
            () if broke.is_some_and(|entry| entry.step == step) => StepState::Failed,
            () if lost && said.is_some() && broke.is_none_or(|entry| step < entry.step) => StepState::Done,
            () if lost => StepState::Todo,
            () if step < current && !last.is_some_and(|entry| entry.trouble) => StepState::Done,
            () if step == current => StepState::Now,
            () => StepState::Todo,
        };
        // What was said about a step that never began is not to be promised any more.
        let said = said.filter(|_| !lost || state != StepState::Todo);
        let text = match said {
            Some(entry) => entry.text.clone(),
            None if lost => "It did not come to this.".to_owned(),
            None => ahead(step).to_owned(),
        };
        part::Step { name: step.title().into(), text, state, at: said.map(|entry| entry.at) }
    };
    Step::ALL.into_iter().map(step).collect()
}

/// What a step will do, before it has done anything.
const fn ahead(step: Step) -> &'static str {
    match step {
        Step::Select => "We find the best place.",
        Step::Pay => "Your bank sets the amount aside.",
        Step::Deploy => "The provider agrees to carry it.",
        Step::Allocate => "The node sets your server up.",
        Step::Access => "You get an address and a command to sign in.",
    }
}
