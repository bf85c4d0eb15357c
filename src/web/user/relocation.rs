//! Moving a server to another place.

use actix_web::web::Path;

use super::id;
use super::revision::{agreed, elsewhere};
use crate::base::{Error, Kind, Result};
use crate::domain::backup::Backup;
use crate::domain::order::Order;
use crate::domain::term::Due;
use crate::store::exposure::Exposures;
use crate::web::error::{PageResult, status};
use crate::web::extract::{Form, Me};
use crate::web::guest::offer;
use crate::web::page::user::relocation::{Beside, View, page};
use crate::web::page::user::revisions::CONSENT;
use crate::web::ui::form::Filled;

pub async fn edit(me: Me, path: Path<String>) -> PageResult {
    let order = me.app.order_of(me.user.id, id(&path, "deployment")?)?;
    match elsewhere(&order) {
        Some(to) => Ok(me.go(&to)),
        None => Ok(me.show(200, page(&me.chrome(), &view(&me, &order, Filled::default())?))),
    }
}

pub async fn update(me: Me, path: Path<String>, form: Form) -> PageResult {
    let order = me.app.order_of(me.user.id, id(&path, "deployment")?)?;
    match moved(&me, &order, &form).await {
        Ok(()) => Ok(me.go(&format!("/deployments/{}/progress", order.id))),
        Err(error) if matches!(error.kind(), Kind::Invalid | Kind::Unfunded | Kind::Unavailable) => {
            let filled = form.filled(&["region", CONSENT]).refused(&error);
            Ok(me.show(status(error.kind()).as_u16(), page(&me.chrome(), &view(&me, &order, filled)?)))
        }
        Err(error) => Err(error.into()),
    }
}

async fn moved(me: &Me, order: &Order, form: &Form) -> Result<()> {
    if let Some(why) = order.unchangeable().filter(|_| order.revision.is_none()) {
        return Err(Error::conflict(why));
    }
    agreed(true, form)?;
    me.app.move_order(&me.user, order.id, form.text("region")).await.map(drop)
}

fn view(me: &Me, order: &Order, filled: Filled) -> Result<View> {
    let buyer = me.app.read()?.buyer(&me.user)?;
    Ok(View {
        id: order.id,
        name: order.shown_name().to_owned(),
        place: order.attempt().map(|it| format!("{}, {}", it.choice.best.city, it.choice.best.country)).unwrap_or_default(),
        regions: offer::regions(&me.app, &buyer),
        stopped: order.stopped.is_some(),
        backup: (order.wish.backup == Backup::Machine).then_some(match order.lost {
            Some(_) => Beside::Alone,
            None => Beside::Stays,
        }),
        due: match order.restored().and_then(|(price, _)| order.prorate(price, me.app.now())).map(|proration| proration.due) {
            Some(Due::Pay(due)) => Some(due),
            _ => None,
        },
        filled,
    })
}
