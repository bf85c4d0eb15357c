//! Another version of a deployment that is on a node: handed over, and asked about (`threefoldtech/zosbase: pkg/provision`).

use serde_json::Value;

use super::super::Revised;
use super::{Deployed, Tfgrid, is_reached, node_error, read_stored};
use crate::base::{Error, Result};
use crate::wire::zos::answer::Refusal;
use crate::wire::zos::client::{Node as ZosNode, ZosError, latest};
use crate::wire::zos::deployment::{State, Workload};

impl Tfgrid {
    /// Hands another version of a deployment to its node; the contract on the chain must be for it already. One that the node has
    /// is refused if it is handed over again: `revised` tells.
    pub async fn update(&self, node_twin: u32, contract: u64, version: &Value) -> Result<()> {
        let deployment = self.signed(contract, version)?;
        ZosNode::new(self.bus().await?, node_twin).update(&deployment).await.map_err(node_error)
    }

    /// What a node says that it has, as it says it; None if it knows nothing of it.
    pub async fn held(&self, node_twin: u32, contract: u64) -> Result<Option<Value>> {
        match ZosNode::new(self.bus().await?, node_twin).get(contract).await {
            Ok(deployment) => serde_json::to_value(&deployment)
                .map(Some)
                .map_err(|cause| Error::internal("A deployment does not print.").because(cause)),
            Err(ZosError::Refused(Refusal::NotFound, _)) => Ok(None),
            Err(error) => Err(node_error(error)),
        }
    }

    /// How far a node is with another version. It tells of the new number at once and of parts only as it comes to them; a disk that
    /// could not be grown looks as before, so that what has changed must be asked for as well.
    pub async fn revised(&self, node_twin: u32, contract: u64, version: &Value) -> Result<Revised> {
        let (node, wanted) = (ZosNode::new(self.bus().await?, node_twin), read_stored(version)?);
        let told = match node.get(contract).await {
            Ok(told) => told,
            Err(ZosError::Refused(Refusal::NotFound, _)) => return Ok(Revised::NotTaken),
            Err(error) => return Err(node_error(error)),
        };
        if told.version < wanted.version {
            return Ok(Revised::NotTaken);
        }
        if told.version > wanted.version {
            return Ok(Revised::Failed("the node has a newer version".into()));
        }
        let failed = |part: &&Workload| matches!(part.result.state, State::Error | State::Deleted | State::Unchanged);
        if let Some(bad) = told.workloads.iter().filter(|part| wanted.workload(&part.name).is_some()).find(failed) {
            return Ok(Revised::Failed(format!("{}: {}", bad.name, bad.result.error)));
        }
        let there = |part: &Workload| {
            told.workload(&part.name).is_some_and(|held| held.version == part.version && held.result.state == State::Ok)
        };
        let gone = told.workloads.iter().all(|held| wanted.workload(&held.name).is_some());
        if !gone || !wanted.workloads.iter().all(there) {
            let changes = node.changes(contract).await.map_err(node_error)?;
            let refused = latest(&changes).into_iter().find(|part| {
                let ours = wanted.workload(&part.name).is_some_and(|ours| ours.version == part.version);
                ours && part.result.state == State::Unchanged
            });
            return Ok(refused.map_or(Revised::Working, |part| Revised::Failed(format!("{}: {}", part.name, part.result.error))));
        }
        Ok(match is_reached(&told, &wanted) {
            true => Revised::Ready(Deployed(Box::new(told))),
            false => Revised::Working,
        })
    }
}
