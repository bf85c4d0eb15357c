//! A person's own backup VM: how it is, what is copied to it, and trying a takeover.

use actix_web::web::Path;

use super::id;
use super::quote::apart;
use crate::app::App;
use crate::base::ids::OrderId;
use crate::base::{Error, Kind, Result};
use crate::domain::backup::{BackupVm, Stage};
use crate::domain::order::{Access, Order};
use crate::domain::placement::Scored;
use crate::domain::report::Seat;
use crate::store::backup::Backups;
use crate::store::report::Reports;
use crate::store::web_address::WebAddresses;
use crate::web::error::{PageResult, status};
use crate::web::extract::{Form, Me};
use crate::web::page::user::backup::{Brief, Machine, View, drill_page, page};
use crate::web::ui::form::Filled;

pub async fn show(me: Me, path: Path<String>) -> PageResult {
    let (order, backup) = me.app.backup_of(me.user.id, id(&path, "deployment")?)?;
    Ok(me.show(200, page(&me.chrome(), &view(&me.app, &order, &backup, planned(&backup))?)))
}

/// Makes a line for one of the two. It is on this answer and nowhere else.
pub async fn line(me: Me, path: Path<String>, form: Form) -> PageResult {
    let (order, backup) = me.app.backup_of(me.user.id, id(&path, "deployment")?)?;
    let seat = Seat::parse(form.text("vm")).ok_or_else(|| Error::invalid("vm", "Which of the two servers is it for?"))?;
    let logs = me.app.read()?.reporter(order.id, seat)?.is_some_and(|known| known.logs);
    let secret = me.app.switch_on_reports(me.user.id, order.id, seat, logs).await?;
    let script = format!("{}/r/{}/install", me.app.settings.server.public_url, secret.reveal());
    let view = View { line: Some((seat, script)), ..view(&me.app, &order, &backup, planned(&backup))? };
    Ok(me.show(200, page(&me.chrome(), &view)))
}

pub async fn plan(me: Me, path: Path<String>, form: Form) -> PageResult {
    let order: OrderId = id(&path, "deployment")?;
    match me.app.plan_sync(me.user.id, order, form.text("every"), form.text("folders")).await {
        Ok(()) => back(&me, order, "Saved. The servers hear of it within a minute."),
        Err(error) if error.kind() == Kind::Invalid => {
            let (order, backup) = me.app.backup_of(me.user.id, order)?;
            let filled = form.filled(&["every", "folders"]).refused(&error);
            Ok(me.show(status(error.kind()).as_u16(), page(&me.chrome(), &view(&me.app, &order, &backup, filled)?)))
        }
        Err(error) => Err(error.into()),
    }
}

/// Asked before visitors are sent elsewhere.
pub async fn ask_drill(me: Me, path: Path<String>) -> PageResult {
    let (order, backup) = me.app.backup_of(me.user.id, id(&path, "deployment")?)?;
    if backup.charge.is_some() || backup.stage != Stage::Active {
        return Ok(me.go(&format!("/deployments/{}/backup", order.id)));
    }
    Ok(me.show(200, drill_page(&me.chrome(), &view(&me.app, &order, &backup, Filled::default())?)))
}

pub async fn drill(me: Me, path: Path<String>, _form: Form) -> PageResult {
    let order: OrderId = id(&path, "deployment")?;
    me.app.begin_drill(me.user.id, order).await?;
    back(&me, order, "The drill runs. What it measures appears below.")
}

pub async fn undrill(me: Me, path: Path<String>, _form: Form) -> PageResult {
    let order: OrderId = id(&path, "deployment")?;
    me.app.end_drill(me.user.id, order).await?;
    back(&me, order, "The server itself is in charge again.")
}

fn back(me: &Me, order: OrderId, said: &str) -> PageResult {
    Ok(me.go_saying(&format!("/deployments/{order}/backup"), true, said))
}

fn planned(backup: &BackupVm) -> Filled {
    let Some(plan) = &backup.sync.plan else { return Filled::default() };
    let folders: Vec<&str> = plan.folders.iter().map(|folder| folder.as_str()).collect();
    Filled::default().with("every", plan.every.to_string()).with("folders", folders.join("\n"))
}

fn place(node: &Scored) -> String {
    format!("{}, {}, on node {} of {}", node.city, node.country, node.node, node.farm_name)
}

fn view(app: &App, order: &Order, backup: &BackupVm, filled: Filled) -> Result<View> {
    let (snapshot, now) = (app.read()?, app.now());
    let machine = |seat, at: Option<&Scored>, access: Option<&Access>, probe| -> Result<Machine> {
        let known = snapshot.reporter(order.id, seat)?;
        Ok(Machine {
            seat,
            place: at.map(place).unwrap_or_default(),
            ssh: access.map(Access::ssh),
            probe,
            told: known.as_ref().is_some_and(|known| known.ended.is_none()),
            heard: known.and_then(|known| known.heard).map(|heard| heard.at),
        })
    };
    let first = order.attempt().map(|attempt| &attempt.choice.best);
    let looks = snapshot.backup_looks(order.id)?;
    Ok(View {
        id: order.id,
        name: order.shown_name().to_owned(),
        now,
        stage: backup.stage,
        reason: backup.reason.clone(),
        price: backup.price,
        apart: first.map(|first| apart(first, backup.node())).unwrap_or_default(),
        main: machine(Seat::Main, first, order.access.as_ref(), looks.main)?,
        own: machine(Seat::Backup, Some(backup.node()), backup.access.as_ref(), looks.own)?,
        sync: backup.sync.clone(),
        web: snapshot.web_address_of(order.id)?.is_some(),
        lost: order.lost.as_ref().map(|lost| lost.at),
        unready: backup.unready(&looks),
        charge: backup.charge,
        drills: backup.drills.iter().rev().copied().collect(),
        consent: order.consent,
        events: backup.events.iter().rev().cloned().collect(),
        line: None,
        filled,
    })
}

/// As the page of the deployment shows it.
pub fn brief(app: &App, order: OrderId) -> Result<Option<Brief>> {
    let Some(backup) = app.read()?.backup(order)? else { return Ok(None) };
    Ok(Some(Brief {
        stage: backup.stage,
        place: format!("{}, {}", backup.node().city, backup.node().country),
        held: backup.sync.held.map(|held| held.marker),
        late: backup.sync.alarmed.is_some(),
        charge: backup.charge.is_some(),
        now: app.now(),
    }))
}
