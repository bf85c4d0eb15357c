//! Announcing, changing and cancelling maintenance of a node.

use actix_web::web::Path;

use super::node::{number, shown};
use crate::app::maintenance::WindowForm;
use crate::base::ids::MaintenanceId;
use crate::base::{Error, Kind, Result};
use crate::domain::maintenance::Maintenance;
use crate::store::maintenance::Maintenances;
use crate::web::error::{PageResult, status};
use crate::web::extract::{Form, Provider};
use crate::web::page::provider::maintenance::{EditView, edit_page};
use crate::web::ui::form::Filled;

const FIELDS: [&str; 3] = ["starts", "ends", "why"];

pub async fn create(me: Provider, path: Path<String>, form: Form) -> PageResult {
    let node = number(&path)?;
    match me.app.announce_maintenance(&me.user, node, &read(&form)).await {
        Ok(_) => Ok(me.go_saying(&here(node), true, "It is announced. Whoever has something on this node gets a mail.")),
        Err(error) if can_be_mended(&error) => {
            shown(&me, node, Filled::default(), form.filled(&FIELDS).refused(&error), status(error.kind()).as_u16())
        }
        Err(error) => Err(error.into()),
    }
}

pub async fn edit(me: Provider, path: Path<(String, String)>) -> PageResult {
    let (node, row) = found(&me, &path)?;
    let filled = Filled::default().with("starts", row.starts.as_minute()).with("ends", row.ends.as_minute()).with("why", row.why);
    Ok(me.show(200, edit_page(&me.chrome(), &EditView { node, id: row.id, filled })))
}

pub async fn update(me: Provider, path: Path<(String, String)>, form: Form) -> PageResult {
    let (node, row) = found(&me, &path)?;
    match me.app.change_maintenance(&me.user, node, row.id, &read(&form)).await {
        Ok(()) => Ok(me.go_saying(&here(node), true, "It is changed. Whoever has something on this node gets a mail.")),
        Err(error) if can_be_mended(&error) => {
            let view = EditView { node, id: row.id, filled: form.filled(&FIELDS).refused(&error) };
            Ok(me.show(status(error.kind()).as_u16(), edit_page(&me.chrome(), &view)))
        }
        Err(error) => Err(error.into()),
    }
}

pub async fn remove(me: Provider, path: Path<(String, String)>, _form: Form) -> PageResult {
    let (node, row) = found(&me, &path)?;
    match me.app.cancel_maintenance(&me.user, node, row.id).await {
        Ok(()) => Ok(me.go_saying(&here(node), true, "It is cancelled. Whoever has something on this node gets a mail.")),
        Err(error) if error.kind() == Kind::Conflict => Ok(me.go_saying(&here(node), false, error.message())),
        Err(error) => Err(error.into()),
    }
}

fn can_be_mended(error: &Error) -> bool {
    matches!(error.kind(), Kind::Invalid | Kind::Conflict | Kind::Limited)
}

fn here(node: u32) -> String {
    format!("/provider/nodes/{node}")
}

fn read(form: &Form) -> WindowForm {
    let text = |name| form.text(name).to_owned();
    WindowForm { starts: text("starts"), ends: text("ends"), why: text("why") }
}

/// A window of a node of theirs; any other is not there.
fn found(me: &Provider, (node, id): &(String, String)) -> Result<(u32, Maintenance)> {
    let nothing = || Error::not_found("maintenance window");
    let (node, id): (u32, MaintenanceId) = (number(node)?, id.parse().map_err(|_| nothing())?);
    let row = me.app.read()?.maintenance(id)?.filter(|row| row.node == node).ok_or_else(nothing)?;
    if me.user.farms.contains(&row.farm) { Ok((node, row)) } else { Err(nothing()) }
}
