//! The order form.

use actix_web::web::Query;
use serde::Deserialize;

use super::quote::CARD_STAYS;
use crate::app::App;
use crate::app::order::{OrderForm, SwarmForm};
use crate::app::wish::disk_fields;
use crate::base::{Kind, Result};
use crate::domain::exposure::{Buyer, for_sale, open_to};
use crate::domain::pool::{Entry, Filter, Pool};
use crate::store::exposure::Exposures;
use crate::web::error::{PageResult, status};
use crate::web::extract::{Form, Me};
use crate::web::guest::offer;
use crate::web::page::user::order::{Chosen, Options, View, key_field, page};
use crate::web::ui::form::{Filled, TICKED};

#[derive(Deserialize)]
pub struct Wanted {
    #[serde(default)]
    size: String,
    /// A node that was chosen.
    #[serde(default)]
    node: String,
    /// A filter as a query, within which the best node is wanted.
    #[serde(default)]
    filter: String,
}

pub async fn new(me: Me, wanted: Query<Wanted>) -> PageResult {
    let size = if me.app.catalogue.size(&wanted.size).is_some() { &wanted.size } else { "medium" };
    let mut filled =
        Filled::default().with("size", size).with("image", me.app.catalogue.images.first().map_or("", |image| &image.id));
    // Whoever signed in last time signs in this time, too.
    for key in me.user.known_keys().into_iter().take(1) {
        filled = filled.with(&key_field(&key.fingerprint()), TICKED);
    }
    for (name, value) in [("node", &wanted.node), ("filter", &wanted.filter)] {
        filled = filled.with(name, value);
    }
    if let Err(closed) = me.app.open_for_orders() {
        filled = filled.refused(&closed);
    }
    Ok(me.show(200, page(&me.chrome(), &view(&me, filled)?)))
}

pub async fn create(me: Me, form: Form) -> PageResult {
    let known: Vec<(String, String)> =
        me.user.known_keys().into_iter().map(|key| (key_field(&key.fingerprint()), key.fingerprint())).collect();
    let disks = disks(&me);
    let text = |name: &str| form.text(name).to_owned();
    let wish = OrderForm {
        name: text("name"),
        image: text("image"),
        size: text("size"),
        saved_keys: known.iter().filter(|(field, _)| form.text(field) == TICKED).map(|(_, key)| key.clone()).collect(),
        ssh_key: text("ssh_key"),
        region: text("region"),
        filter: text("filter"),
        node: text("node"),
        cores: text("cores"),
        memory_gib: text("memory_gib"),
        disk_gib: text("disk_gib"),
        disks: disks.iter().map(|(size, path)| (text(size), text(path))).collect(),
        ipv4: form.text("ipv4") == TICKED,
        ipv6: form.text("ipv6") == TICKED,
        wireguard: text("wireguard"),
        backup: text("backup"),
        swarm: SwarmForm {
            usable_gib: text("swarm_gib"),
            minimal: text("swarm_minimal"),
            expected: text("swarm_expected"),
            spares: text("swarm_spares"),
            agreed: form.text("swarm_agreed") == TICKED,
        },
    };
    match me.app.quote(&me.user, &wish).await {
        Ok(quote) => Ok(me.go(&format!("/quotes/{}", quote.id))),
        Err(error) if matches!(error.kind(), Kind::Invalid | Kind::Unavailable) => {
            let mut names = FIELDS.to_vec();
            names.extend(disks.iter().flat_map(|(size, path)| [*size, *path]));
            names.extend(known.iter().map(|(field, _)| field.as_str()));
            let mut filled = form.filled(&names).refused(&error);
            if wish.ssh_key.contains("PRIVATE KEY") {
                // It came here by mistake: at least no page, no cache and no screenshot has it.
                filled = filled.with("ssh_key", "");
            }
            Ok(me.show(status(error.kind()).as_u16(), page(&me.chrome(), &view(&me, filled)?)))
        }
        Err(error) => Err(error.into()),
    }
}

/// What is kept when something is wrong, beside disks and saved keys.
const FIELDS: [&str; 19] = [
    "backup",
    "name",
    "image",
    "size",
    "region",
    "node",
    "filter",
    "ssh_key",
    "cores",
    "memory_gib",
    "disk_gib",
    "ipv4",
    "ipv6",
    "wireguard",
    "swarm_gib",
    "swarm_minimal",
    "swarm_expected",
    "swarm_spares",
    "swarm_agreed",
];

/// The fields of every data disk that may be asked for.
fn disks(me: &Me) -> Vec<(&'static str, &'static str)> {
    (1..=me.app.settings.limits.data_disks).map(disk_fields).collect()
}

fn view(me: &Me, filled: Filled) -> Result<View> {
    let (limits, prices) = (&me.app.settings.limits, me.app.unit_prices(me.app.now()));
    let (buyer, pool) = (me.app.read()?.buyer(&me.user)?, me.app.nodes());
    let theirs = for_sale(&pool, &me.app.exposures(), &buyer);
    let count = |has: fn(Entry<'_>) -> bool| theirs.iter().filter_map(|row| pool.at(row)).filter(|node| has(*node)).count();
    Ok(View {
        sizes: offer::sizes(&me.app),
        images: offer::images(&me.app),
        regions: offer::regions(&me.app, &buyer),
        keys: offer::keys(me.user.known_keys()),
        options: Options {
            cores: limits.cores,
            memory_gb: limits.memory_gib,
            disk_gb: limits.disk_gib,
            data_disk_gb: limits.data_disk_gib,
            ssh_keys: limits.ssh_keys,
            disks: disks(me),
            base: prices.base,
            core: prices.core,
            memory: prices.memory_gib,
            disk: prices.disk_gib,
            ipv4: prices.ipv4,
            ipv6: prices.ipv6,
            ipv4_nodes: count(|node| node.gives_ipv4()),
            ipv6_nodes: count(|node| node.gives_ipv6()),
            tunnel_nodes: count(|node| node.tunnel_address().is_some()),
        },
        swarm: super::swarm::offer(&me.app, &prices),
        chosen: chosen(&me.app, &pool, &buyer, &filled),
        filled,
    })
}

/// The node or the filter that the form was opened with.
fn chosen(app: &App, pool: &Pool, buyer: &Buyer, filled: &Filled) -> Option<Chosen> {
    let held = |name| filled.value(name).filter(|value| !value.is_empty());
    if let Some(node) = held("node") {
        let id: Option<u32> = node.parse().ok();
        let open = open_to(pool, &app.exposures(), buyer);
        let known = id.and_then(|id| pool.node(id)).filter(|entry| open.contains(entry.row()));
        let place = known.map(|entry| format!("{} in {}", entry.farm_name(), offer::place(entry)));
        let title = id.map_or_else(|| "On a node that you chose".into(), |id| format!("On node {id}"));
        return Some(Chosen { title, wishes: place.into_iter().collect(), href: "/nodes".into(), note: None });
    }
    let query = held("filter")?;
    let parsed = Filter::parse(query);
    let note = parsed.as_ref().ok().filter(|filter| filter.gpu.is_some()).map(|_| CARD_STAYS);
    let wishes = match parsed {
        Ok(filter) => filter.wishes(),
        Err(wrong) => wrong.into_iter().map(|wrong| wrong.why).collect(),
    };
    Some(Chosen { title: "On the best node within your filter".into(), wishes, href: format!("/nodes?{query}"), note })
}
