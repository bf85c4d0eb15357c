//! The nodes of a provider's farms, and whom they are sold to.

use actix_web::web::Path;

use crate::base::ids::PoolId;
use crate::base::{Error, Kind, Result};
use crate::domain::exposure::{Allocation, Exposure, Stage};
use crate::domain::pool::Entry;
use crate::store::Snapshot;
use crate::store::exposure::Exposures;
use crate::store::order::Orders;
use crate::web::error::{PageResult, status};
use crate::web::extract::{Form, Provider};
use crate::web::page::provider::node::{self, Refused, Standing};
use crate::web::page::provider::nodes::{self, Sold, View, page};
use crate::web::ui::form::Filled;

/// VMs counted on one node; none has room for as many.
const COUNTED: usize = 10_000;

pub async fn list(me: Provider) -> PageResult {
    let (pool, snapshot) = (me.app.nodes(), me.app.read()?);
    let nodes = me.app.nodes_of(&me.user, &pool).into_iter().map(|node| row(&snapshot, node)).collect::<Result<_>>()?;
    Ok(me.show(200, page(&me.chrome(), &View { nodes, now: me.app.now(), known: !pool.is_empty() })))
}

pub async fn show(me: Provider, path: Path<String>) -> PageResult {
    let view = view(&me, number(&path)?, Filled::default())?;
    Ok(me.show(200, node::page(&me.chrome(), &view)))
}

pub async fn expose(me: Provider, path: Path<String>, form: Form) -> PageResult {
    let (node, said) = (number(&path)?, form.text("exposed"));
    let exposed = said == "yes";
    if !exposed && said != "no" {
        // A node that is not theirs is not there, whatever was said of it.
        view(&me, node, Filled::default())?;
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
            let view = view(&me, node, form.filled(&["pool"]).refused(&error))?;
            Ok(me.show(status(error.kind()).as_u16(), node::page(&me.chrome(), &view)))
        }
        Err(error) => Err(error.into()),
    }
}

pub async fn withdraw(me: Provider, path: Path<String>, _form: Form) -> PageResult {
    let node = number(&path)?;
    me.app.withdraw_node(&me.user, node).await?;
    Ok(me.go_saying(&format!("/provider/nodes/{node}"), true, "It is in no private pool any more."))
}

fn number(text: &str) -> Result<u32> {
    text.parse().map_err(|_| Error::not_found("node"))
}

fn view(me: &Provider, id: u32, filled: Filled) -> Result<node::View> {
    let (pool, snapshot) = (me.app.nodes(), me.app.read()?);
    let entry = pool.node(id).filter(|entry| me.user.farms.contains(&entry.farm())).ok_or_else(|| Error::not_found("node"))?;
    let exposure = snapshot.exposure(id)?.unwrap_or_else(|| Exposure::public(id, entry.farm()));
    let pools = snapshot.private_pools()?;
    let name =
        |id: PoolId| pools.iter().find(|pool| pool.id == id).map_or_else(|| "a private pool".into(), |pool| pool.name.clone());
    let standing = match &exposure.allocation {
        None => Standing::Public,
        Some(Allocation { pool, stage: Stage::Offered, since, .. }) => Standing::Offered { pool: name(*pool), since: *since },
        Some(Allocation { pool, stage: Stage::Allocated, since, .. }) => Standing::Allocated { pool: name(*pool), since: *since },
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
        now: me.app.now(),
    })
}

fn row(snapshot: &Snapshot, node: Entry<'_>) -> Result<nodes::Node> {
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
        sold: sold(snapshot.exposure(node.id())?.as_ref()),
    })
}

fn sold(exposure: Option<&Exposure>) -> Sold {
    match exposure {
        Some(exposure) if !exposure.exposed => Sold::KeptBack,
        Some(exposure) if exposure.pool().is_some() => Sold::Pool,
        _ => Sold::Everybody,
    }
}
