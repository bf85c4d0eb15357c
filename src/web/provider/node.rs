//! The nodes of a provider's farms, and whom they are sold to.

use actix_web::web::Path;

use crate::base::ids::{MaintenanceId, PoolId};
use crate::base::{Error, Kind, Result, Time};
use crate::domain::exposure::{Allocation, Exposure, Stage as Way};
use crate::domain::maintenance::Maintenance;
use crate::domain::pool::{Entry, Pool};
use crate::store::exposure::Exposures;
use crate::store::maintenance::Maintenances;
use crate::store::node::Nodes;
use crate::store::order::Orders;
use crate::store::{Snapshot, Turn};
use crate::web::error::{PageResult, status};
use crate::web::extract::{Form, Provider};
use crate::web::list::{Query, ROWS, numbered, paged, read_mark, turn, write_mark};
use crate::web::page::provider::maintenance::{Stage, Window, Windows};
use crate::web::page::provider::node::{self, Refused, Standing};
use crate::web::page::provider::nodes::{self, Sold, View, page};
use crate::web::ui::form::Filled;

/// What became of a node, as far as its page tells.
const TURNS_SHOWN: usize = 20;
/// VMs counted on one node; none has room for as many.
const COUNTED: usize = 10_000;

pub async fn list(me: Provider, query: Query) -> PageResult {
    let (pool, snapshot, exposures) = (me.app.nodes(), me.app.read()?, me.app.exposures());
    let own = me.app.nodes_of(&me.user, &pool);
    let (shown, pager) = numbered("/provider/nodes", &query, &own)?;
    let nodes = shown.iter().map(|node| row(&snapshot, &exposures, *node)).collect::<Result<_>>()?;
    Ok(me.show(200, page(&me.chrome(), &View { nodes, now: me.app.now(), known: !pool.is_empty(), pager })))
}

pub async fn show(me: Provider, path: Path<String>, query: Query) -> PageResult {
    let node = number(&path)?;
    let asked = turn(&query, read_mark)?;
    let view = view(&me, node, &asked, Filled::default(), Filled::default())?;
    Ok(me.show(200, node::page(&me.chrome(), &view)))
}

/// The page, with what was typed into one of its forms.
pub(super) fn shown(me: &Provider, node: u32, offer: Filled, window: Filled, status: u16) -> PageResult {
    Ok(me.show(status, node::page(&me.chrome(), &view(me, node, &Turn::First, offer, window)?)))
}

pub async fn expose(me: Provider, path: Path<String>, form: Form) -> PageResult {
    let (node, said) = (number(&path)?, form.text("exposed"));
    let exposed = said == "yes";
    if !exposed && said != "no" {
        // A node that is not theirs is not there, whatever was said of it.
        own(&me, &me.app.nodes(), node)?;
        return Err(Error::invalid("exposed", "Please say whether buyers may order on this node.").into());
    }
    me.app.expose_node(&me.user, node, exposed).await?;
    let said = if exposed { "Buyers can order on it now." } else { "No new order comes to it any more." };
    Ok(me.go_saying(&format!("/provider/nodes/{node}"), true, said))
}

pub async fn offer(me: Provider, path: Path<String>, form: Form) -> PageResult {
    let node = number(&path)?;
    let offered = match form.text("pool").parse() {
        Ok(pool) => me.app.offer_node(&me.user, node, pool).await,
        Err(_) => Err(Error::invalid("pool", "Please choose one of the pools.")),
    };
    match offered {
        Ok(()) => Ok(me.go_saying(&format!("/provider/nodes/{node}"), true, "It is offered. You see here what becomes of it.")),
        // The page that shows where the node stands has no such form.
        Err(error) if error.kind() == Kind::Conflict => {
            Ok(me.go_saying(&format!("/provider/nodes/{node}"), false, error.message()))
        }
        Err(error) if error.kind() == Kind::Invalid => {
            shown(&me, node, form.filled(&["pool"]).refused(&error), Filled::default(), status(error.kind()).as_u16())
        }
        Err(error) => Err(error.into()),
    }
}

pub async fn withdraw(me: Provider, path: Path<String>, _form: Form) -> PageResult {
    let node = number(&path)?;
    me.app.withdraw_node(&me.user, node).await?;
    Ok(me.go_saying(&format!("/provider/nodes/{node}"), true, "It is in no private pool any more."))
}

pub(super) fn number(text: &str) -> Result<u32> {
    text.parse().map_err(|_| Error::not_found("node"))
}

/// A node of theirs; any other is not there.
fn own<'a>(me: &Provider, pool: &'a Pool, id: u32) -> Result<Entry<'a>> {
    pool.node(id).filter(|entry| me.user.farms.contains(&entry.farm())).ok_or_else(|| Error::not_found("node"))
}

fn windows(snapshot: &Snapshot, id: u32, asked: &Turn<(Time, MaintenanceId)>, filled: Filled, now: Time) -> Result<Windows> {
    let rows = snapshot.maintenances_of(id, *asked, ROWS + 1)?;
    let mark = |row: &Maintenance| write_mark(&(row.starts, row.id));
    let (rows, pager) = paged(&format!("/provider/nodes/{id}"), &[], asked, rows, mark);
    let row = |row: Maintenance| Window {
        id: row.id,
        starts: row.starts,
        ends: row.ends,
        stage: match () {
            () if row.cancelled.is_some() => Stage::Cancelled,
            () if row.is_now(now) => Stage::Now,
            () if row.is_open(now) => Stage::Ahead,
            () => Stage::Over,
        },
        short_notice: row.is_short_notice(),
        why: row.why,
    };
    Ok(Windows { rows: rows.into_iter().map(row).collect(), pager, filled })
}

fn view(me: &Provider, id: u32, asked: &Turn<(Time, MaintenanceId)>, filled: Filled, window: Filled) -> Result<node::View> {
    let (pool, snapshot) = (me.app.nodes(), me.app.read()?);
    let entry = own(me, &pool, id)?;
    let exposure = snapshot.exposure(id)?.unwrap_or_else(|| Exposure::public(id, entry.farm()));
    let pools = snapshot.private_pools()?;
    let name =
        |id: PoolId| pools.iter().find(|pool| pool.id == id).map_or_else(|| "a private pool".into(), |pool| pool.name.clone());
    let standing = match &exposure.allocation {
        None => Standing::Public,
        Some(Allocation { pool, stage: Way::Offered, since, .. }) => Standing::Offered { pool: name(*pool), since: *since },
        Some(Allocation { pool, stage: Way::Allocated, since, .. }) => Standing::Allocated { pool: name(*pool), since: *since },
    };
    let (total, used) = (entry.total(), entry.used());
    Ok(node::View {
        id,
        farm: entry.farm(),
        farm_name: entry.farm_name().to_owned(),
        place: format!("{}, {}", entry.city(), entry.country()),
        state: entry.state(),
        healthy: entry.healthy(),
        opted_out: entry.opted_out(),
        dedicated: entry.dedicated(),
        last_contact: entry.seen(),
        uptime_s: entry.uptime_s(),
        looks: entry.looks(),
        classes: entry.classes().collect(),
        certified: entry.certified(),
        cores: u32::try_from(total.cores).unwrap_or(u32::MAX),
        memory_mb: total.memory >> 20,
        memory_used_mb: used.memory >> 20,
        ssd_gb: total.ssd >> 30,
        hdd_gb: total.hdd >> 30,
        gpus: entry.gpus().map(|gpu| gpu.model()).collect(),
        upload_mbps: entry.upload_bps() / 1_000_000,
        download_mbps: entry.download_bps() / 1_000_000,
        free_ips: entry.free_ips(),
        ipv6: entry.ipv6(),
        price: entry.price(),
        deployments: snapshot.carried_by(id, COUNTED)?,
        exposed: exposure.exposed,
        standing,
        refused: exposure.refused.map(|refused| Refused { pool: name(refused.pool), reason: refused.reason, at: refused.at }),
        pools: pools.iter().map(|pool| (pool.id, pool.name.clone())).collect(),
        filled,
        maintenance: windows(&snapshot, id, asked, window, me.app.now())?,
        turns: snapshot.turns_of(id, TURNS_SHOWN)?,
        now: me.app.now(),
    })
}

fn row(snapshot: &Snapshot, exposures: &[Exposure], node: Entry<'_>) -> Result<nodes::Node> {
    Ok(nodes::Node {
        id: node.id(),
        farm: node.farm(),
        farm_name: node.farm_name().to_owned(),
        place: format!("{}, {}", node.city(), node.country()),
        cores: node.total().cores,
        memory_mb: node.total().memory >> 20,
        memory_used_mb: node.used().memory >> 20,
        disk_gb: node.total().ssd.saturating_add(node.total().hdd) >> 30,
        state: node.state(),
        last_contact: node.seen(),
        deployments: snapshot.carried_by(node.id(), COUNTED)?,
        sold: sold(exposures.binary_search_by_key(&node.id(), |row| row.node).ok().map(|place| &exposures[place])),
    })
}

fn sold(exposure: Option<&Exposure>) -> Sold {
    match exposure {
        Some(exposure) if !exposure.exposed => Sold::KeptBack,
        Some(exposure) if exposure.pool().is_some() => Sold::Pool,
        _ => Sold::Everybody,
    }
}
