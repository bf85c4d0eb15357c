//! Showing that a farm is one's own. For anybody who is logged in: it makes them a provider.

use crate::base::{Error, Kind};
use crate::web::error::{PageResult, status};
use crate::web::extract::{Form, Me};
use crate::web::page::provider::claim::{Farm, View, page};
use crate::web::ui::form::Filled;

pub async fn new(me: Me) -> PageResult {
    Ok(me.show(200, page(&me.chrome(), &view(&me, Filled::default()))))
}

pub async fn create(me: Me, form: Form) -> PageResult {
    match me.app.claim_farm(&me.user, form.text("farm"), form.text("signature")).await {
        Ok(()) => Ok(me.go_saying("/provider/nodes", true, "The farm is yours here now.")),
        Err(error) if can_be_mended(&error) => {
            let filled = form.filled(&["farm", "signature"]).refused(&error);
            Ok(me.show(status(error.kind()).as_u16(), page(&me.chrome(), &view(&me, filled))))
        }
        Err(error) => Err(error.into()),
    }
}

/// Whether it helps to see the form again.
fn can_be_mended(error: &Error) -> bool {
    matches!(error.kind(), Kind::Invalid | Kind::Conflict | Kind::Unavailable)
}

fn view(me: &Me, filled: Filled) -> View {
    let pool = me.app.nodes();
    let nodes = me.app.nodes_of(&me.user, &pool);
    let farm = |id: &u32| {
        let of_it: Vec<_> = nodes.iter().filter(|node| node.farm() == *id).collect();
        // The index tells no name of a farm whose nodes are all away.
        let name = of_it.first().map_or_else(|| format!("Farm {id}"), |node| node.farm_name().to_owned());
        Farm { id: *id, name, nodes: of_it.len() }
    };
    View { sentence: me.app.claim_text(me.user.id), farms: me.user.farms.iter().map(farm).collect(), filled }
}
