//! Copies on a machine of a person's own: what it should fetch, its line, and when it was last heard to have fetched anything.

use actix_web::web::Path;

use super::id;
use crate::app::App;
use crate::base::ids::OrderId;
use crate::base::{Kind, Result};
use crate::domain::home_copy::Plan;
use crate::domain::order::{Order, State};
use crate::domain::report::Seat;
use crate::store::home_copy::HomeCopyRows;
use crate::store::report::Reports;
use crate::web::error::{PageResult, status};
use crate::web::extract::{Form, Me};
use crate::web::page::user::home_copy::{Brief, Kept, View, page};
use crate::web::report::home_folder;
use crate::web::ui::form::Filled;

pub async fn show(me: Me, path: Path<String>) -> PageResult {
    let order = me.app.order_of(me.user.id, id(&path, "deployment")?)?;
    if order.state != State::Active {
        return Ok(me.go(&format!("/deployments/{}", order.id)));
    }
    answer(&me, &order, None, 200, None)
}

/// Saves what is fetched. The first time the machine's line is on this answer, and nowhere else.
pub async fn update(me: Me, path: Path<String>, form: Form) -> PageResult {
    let order = me.app.order_of(me.user.id, id(&path, "deployment")?)?;
    match me.app.plan_home_copies(me.user.id, order.id, form.text("days"), form.text("folders")).await {
        Ok(Some(secret)) => answer(&me, &order, Some(secret.reveal()), 200, None),
        Ok(None) => {
            let said = "Saved. If other folders are copied now: run the line that “copy.sh line” shows on the server once more.";
            Ok(me.go_saying(&format!("/deployments/{}/copies", order.id), true, said))
        }
        Err(error) if error.kind() == Kind::Invalid => {
            let filled = form.filled(&["days", "folders"]).refused(&error);
            answer(&me, &order, None, status(error.kind()).as_u16(), Some(filled))
        }
        Err(error) => Err(error.into()),
    }
}

/// A new line for the machine. It is on this answer and nowhere else.
pub async fn line(me: Me, path: Path<String>, _form: Form) -> PageResult {
    let order = me.app.order_of(me.user.id, id(&path, "deployment")?)?;
    let secret = me.app.renew_home_copies(me.user.id, order.id).await?;
    answer(&me, &order, Some(secret.reveal()), 200, None)
}

pub async fn remove(me: Me, path: Path<String>, _form: Form) -> PageResult {
    let order: OrderId = id(&path, "deployment")?;
    me.app.end_home_copies(me.user.id, order).await?;
    Ok(me.go_saying(
        &format!("/deployments/{order}/copies"),
        true,
        "We wait for no copies any more. Those you have stay where they are.",
    ))
}

fn answer(me: &Me, order: &Order, secret: Option<&String>, status: u16, filled: Option<Filled>) -> PageResult {
    let app = &me.app;
    let snapshot = app.read()?;
    let copies = snapshot.home_copies(order.id)?;
    let known = snapshot.reporter(order.id, Seat::Home)?;
    let plan = copies.as_ref().map_or_else(|| app.usual_home_plan(order), |copies| Ok(copies.plan.clone()))?;
    let now = app.now();
    let view = View {
        id: order.id,
        name: order.shown_name().to_owned(),
        now,
        folder: home_folder(order.wish.name.as_str()),
        address: order.access.as_ref().map(|access| access.address().to_owned()),
        public: order.access.as_ref().is_some_and(|access| access.public_ip.is_some() || access.public_ip6.is_some()),
        kept: copies.map(|copies| Kept {
            late: copies.is_late(now),
            last: copies.last,
            ended: known.and_then(|known| known.ended),
            runs: copies.runs.into_iter().rev().collect(),
        }),
        example: plan.folders.first().map_or("/srv", |folder| folder.as_str()).to_owned(),
        filled: filled.unwrap_or_else(|| planned(&plan)),
        script: secret.map(|secret| format!("{}/r/{secret}/install", app.settings.server.public_url)),
    };
    Ok(me.show(status, page(&me.chrome(), &view)))
}

fn planned(plan: &Plan) -> Filled {
    let folders: Vec<&str> = plan.folders.iter().map(|folder| folder.as_str()).collect();
    Filled::default().with("days", plan.days.to_string()).with("folders", folders.join("\n"))
}

/// As the page of the deployment shows it.
pub fn brief(app: &App, order: OrderId) -> Result<Option<Brief>> {
    let (snapshot, now) = (app.read()?, app.now());
    let Some(copies) = snapshot.home_copies(order)? else { return Ok(None) };
    Ok(Some(Brief { last: copies.last, late: copies.is_late(now), now }))
}
