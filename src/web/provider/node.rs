//! The nodes of a provider's farms.

use crate::base::Result;
use crate::domain::placement::Node;
use crate::store::Snapshot;
use crate::store::order::Orders;
use crate::web::error::PageResult;
use crate::web::extract::Provider;
use crate::web::page::provider::nodes::{self, NodeState, View, page};

/// VMs counted on one node; none has room for as many.
const COUNTED: usize = 10_000;

pub async fn list(me: Provider) -> PageResult {
    let (nodes, snapshot) = (me.app.nodes_of(&me.user), me.app.read()?);
    let nodes = nodes.iter().map(|node| row(&snapshot, node)).collect::<Result<_>>()?;
    Ok(me.show(200, page(&me.chrome(), &View { nodes, now: me.app.now(), known: !me.app.nodes().is_empty() })))
}

fn row(snapshot: &Snapshot, node: &Node) -> Result<nodes::Node> {
    Ok(nodes::Node {
        id: node.id,
        farm: node.farm,
        farm_name: node.farm_name.clone(),
        place: format!("{}, {}", node.city, node.country),
        cores: node.total.cores,
        memory_mb: node.total.memory >> 20,
        memory_used_mb: node.used.memory >> 20,
        disk_gb: node.total.ssd.saturating_add(node.total.hdd) >> 30,
        state: if node.up { NodeState::Up } else { NodeState::Down },
        last_contact: node.seen,
        deployments: snapshot.carried_by(node.id, COUNTED)?,
    })
}
