//! Another size: asked for, shown with its price, and confirmed as it was shown.

use actix_web::web::Path;

use super::revision::{agreed, elsewhere};
use super::{card_line, id};
use crate::app::revision::{KEEP, OTHER_PRICE, Preview, ResizeForm};
use crate::app::wish::disk_fields;
use crate::base::{Error, Kind, Result};
use crate::domain::backup::Backup;
use crate::domain::catalogue::GIB;
use crate::domain::order::Order;
use crate::web::error::{PageResult, status};
use crate::web::extract::{Form, Me};
use crate::web::guest::offer;
use crate::web::page::user::resize::{PreviewView, View, page, preview_page};
use crate::web::page::user::revisions::CONSENT;
use crate::web::ui::form::Filled;

/// What was shown, as the confirmation brings it back.
const SEAL: &str = "seal";
const FIELDS: [&str; 5] = ["size", "cores", "memory_gib", "disk_gib", CONSENT];

pub async fn edit(me: Me, path: Path<String>) -> PageResult {
    let order = me.app.order_of(me.user.id, id(&path, "deployment")?)?;
    match elsewhere(&order) {
        Some(to) => Ok(me.go(&to)),
        None => {
            let view = view(&me, &order, Filled::default().with("size", KEEP));
            Ok(me.show(200, page(&me.chrome(), &view)))
        }
    }
}

pub async fn update(me: Me, path: Path<String>, form: Form) -> PageResult {
    let order = me.app.order_of(me.user.id, id(&path, "deployment")?)?;
    let wanted = wanted(&me, &order, &form);
    let seal = form.text(SEAL).to_owned();
    let done = match seal.is_empty() {
        true => previewed(&me, &order, &wanted, &form).await.map(|preview| me.show(200, preview)),
        false => match me.app.resize_order(&me.user, order.id, &wanted, &seal).await {
            Ok(_) => Ok(me.go(&format!("/deployments/{}/progress", order.id))),
            // The price is another by now: it is shown again, and nothing was done.
            Err(error) if error.kind() == Kind::Conflict && error.message() == OTHER_PRICE => {
                let preview = me.app.preview_resize(&order, &wanted).await?;
                let view = preview_view(&me, &order, &preview, &form, Some(error.message().to_owned()))?;
                return Ok(me.show(status(error.kind()).as_u16(), preview_page(&me.chrome(), &view)));
            }
            Err(error) => Err(error),
        },
    };
    match done {
        Ok(answer) => Ok(answer),
        Err(error) if matches!(error.kind(), Kind::Invalid | Kind::Unavailable) && order.unchangeable().is_none() => {
            let names = names(&me, &order);
            let filled = form.filled(&names).refused(&error);
            Ok(me.show(status(error.kind()).as_u16(), page(&me.chrome(), &view(&me, &order, filled))))
        }
        Err(error) => Err(error.into()),
    }
}

async fn previewed(me: &Me, order: &Order, wanted: &ResizeForm, form: &Form) -> Result<maud::Markup> {
    if let Some(why) = order.unchangeable() {
        return Err(Error::conflict(why));
    }
    let preview = me.app.preview_resize(order, wanted).await?;
    agreed(order.wish.forgets() && order.stopped.is_none(), form)?;
    Ok(preview_page(&me.chrome(), &preview_view(me, order, &preview, form, None)?))
}

fn wanted(me: &Me, order: &Order, form: &Form) -> ResizeForm {
    let text = |name: &str| form.text(name).to_owned();
    ResizeForm {
        size: text("size"),
        cores: text("cores"),
        memory_gib: text("memory_gib"),
        disk_gib: text("disk_gib"),
        disks: disks(me, order).iter().map(|(size, path)| (text(size), text(path))).collect(),
    }
}

/// Names of the two fields of each data disk there is, and of one more.
fn disks(me: &Me, order: &Order) -> Vec<(&'static str, &'static str)> {
    let most = me.app.settings.limits.data_disks;
    let there = u64::try_from(order.wish.disks.len()).unwrap_or(u64::MAX);
    (1..=there.saturating_add(1).min(most.max(there))).map(disk_fields).collect()
}

fn names(me: &Me, order: &Order) -> Vec<&'static str> {
    FIELDS.into_iter().chain(disks(me, order).into_iter().flat_map(|(size, path)| [size, path])).collect()
}

fn view(me: &Me, order: &Order, filled: Filled) -> View {
    let fields = disks(me, order);
    let there = order.wish.disks.iter().zip(&fields);
    View {
        id: order.id,
        name: order.shown_name().to_owned(),
        now: offer::size(&order.wish.size),
        price: order.price,
        keep: KEEP,
        sizes: offer::sizes(&me.app),
        disks: there.map(|(disk, (field, _))| (*field, disk.mount.to_string(), disk.size / GIB)).collect(),
        another: fields.get(order.wish.disks.len()).copied(),
        forgets: order.wish.forgets(),
        stopped: order.stopped.is_some(),
        grows: !order.wish.forgets(),
        backup: order.wish.backup == Backup::Machine,
        filled,
    }
}

fn preview_view(me: &Me, order: &Order, preview: &Preview, form: &Form, again: Option<String>) -> Result<PreviewView> {
    let typed = names(me, order).into_iter().map(|name| (name.to_owned(), form.text(name).to_owned()));
    let hidden = typed.filter(|(_, value)| !value.is_empty()).chain([(SEAL.to_owned(), preview.seal())]).collect();
    Ok(PreviewView {
        id: order.id,
        name: order.shown_name().to_owned(),
        before: offer::size(&order.wish.size),
        after: offer::size(&preview.wish.size),
        disks: offer::disks(&preview.wish),
        old: order.price,
        new: preview.price,
        hours: preview.proration.hours,
        until: order.paid_until(),
        due: preview.proration.due,
        card: me.app.card_of(&me.user)?.as_ref().map(card_line),
        forgets: order.wish.forgets(),
        stopped: order.stopped.is_some(),
        hidden,
        again,
    })
}
