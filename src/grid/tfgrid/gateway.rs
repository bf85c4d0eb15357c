//! The way in from the web: names on the chain, and what is put on a gateway (`threefoldtech/zosbase: pkg/gateway`).
//!
//! A gateway's workload can't be changed: the old one is left out of the next version and a new one is added under another name. The
//! node removes first, so the domain is free again when the new one asks for it, and the contract and the whole name stay.

use serde_json::{Value, json};

use super::super::{GatewayState, Plan, PublicConfig};
use super::plan::Planner;
use super::{Tfgrid, chain_error, node_error};
use crate::base::ids::OrderId;
use crate::base::text::{DomainName, WebName};
use crate::base::{Error, Random, Result};
use crate::domain::web_address::{Host, Target};
use crate::wire::zos::answer::Refusal;
use crate::wire::zos::client::{Node as ZosNode, ZosError};
use crate::wire::zos::data::{Data, FqdnGateway, IpNet, NameGateway};
use crate::wire::zos::deployment::{Deployment, State, Workload};

impl Planner {
    /// What is put on a gateway for a name or a domain.
    pub fn gateway(
        &self,
        order: OrderId,
        host: &Host,
        name: Option<&WebName>,
        target: &Target,
        random: &dyn Random,
    ) -> Result<Plan> {
        let mut deployment = Deployment::new(self.twin(), vec![proxy(host, name, target, 0)?]);
        deployment.metadata =
            json!({ "version": 3, "type": "gateway", "name": "web", "projectName": order.to_string() }).to_string();
        deployment.description = hex::encode(random.bytes::<16>());
        frozen(&deployment)
    }

    /// The version after `version` of what is on a gateway, with another target.
    pub fn repoint(&self, before: &Value, version: u32, host: &Host, name: Option<&WebName>, target: &Target) -> Result<Plan> {
        let before: Deployment = serde_json::from_value(before.clone()).map_err(unread)?;
        let version = version.checked_add(1).ok_or_else(|| Error::internal("A deployment of too many versions."))?;
        let workloads = vec![proxy(host, name, target, version)?];
        let mut deployment = Deployment { version, workloads, contract_id: 0, ..before };
        deployment.signature_requirement.signatures.clear();
        frozen(&deployment)
    }
}

fn proxy(host: &Host, name: Option<&WebName>, target: &Target, version: u32) -> Result<Workload> {
    let (backends, tls_passthrough) = (vec![target.backend()], target.passthrough);
    let data = match (host, name) {
        (Host::Domain(domain), _) => {
            Data::FqdnGateway(FqdnGateway { fqdn: domain.to_string(), tls_passthrough, backends, network: None })
        }
        (Host::Name { .. }, Some(name)) => {
            Data::NameGateway(NameGateway { name: name.to_string(), tls_passthrough, backends, network: None })
        }
        (Host::Name { .. }, None) => return Err(Error::internal("A gateway without a name.")),
    };
    Ok(Workload { version, ..Workload::new(format!("web{version}"), data) })
}

fn frozen(deployment: &Deployment) -> Result<Plan> {
    let hash = deployment.hash_hex().map_err(|cause| Error::internal("This gateway can't be hashed.").because(cause))?;
    let deployment =
        serde_json::to_value(deployment).map_err(|cause| Error::internal("A deployment does not print.").because(cause))?;
    Ok(Plan { deployment, hash, tunnel: None })
}

fn unread(cause: serde_json::Error) -> Error {
    Error::internal("A stored deployment can't be read.").because(cause)
}

impl Tfgrid {
    /// Who has a name on the chain at a block, the last finalized one if none is given: contract and twin.
    pub async fn name_holder(&self, name: &WebName, at: Option<[u8; 32]>) -> Result<Option<(u64, u32)>> {
        let chain = self.chain.get().await?;
        let at = match at {
            Some(at) => at,
            None => chain.finalized().await.map_err(chain_error)?.hash,
        };
        let Some(id) = chain.contract_by_name(name.as_str(), Some(at)).await.map_err(chain_error)? else { return Ok(None) };
        let contract = chain.contract(id, Some(at)).await.map_err(chain_error)?;
        Ok(contract.map(|contract| (contract.id, contract.twin)))
    }

    /// How a node is reached from outside, as it says itself; None for one that is no gateway.
    pub async fn public_config(&self, node_twin: u32) -> Result<Option<PublicConfig>> {
        let config = match ZosNode::new(self.bus().await?, node_twin).public_config().await {
            Ok(config) => config,
            Err(ZosError::Refused(..)) => return Ok(None),
            Err(error) => return Err(node_error(error)),
        };
        let ip = |net: &str| net.parse::<IpNet>().ok().map(|net| net.ip);
        // Names end with it, links are made of it, and we visit them: what is no name is none.
        let domain = DomainName::parse(&config.domain).map(String::from).unwrap_or_default();
        Ok(Some(PublicConfig {
            domain,
            v4: ip(&config.ipv4).and_then(|ip| if let std::net::IpAddr::V4(ip) = ip { Some(ip) } else { None }),
            v6: ip(&config.ipv6).and_then(|ip| if let std::net::IpAddr::V6(ip) = ip { Some(ip) } else { None }),
        }))
    }

    /// What a gateway has of ours; None if it knows nothing of it.
    pub async fn gateway_state(&self, node_twin: u32, contract: u64) -> Result<Option<GatewayState>> {
        let deployment = match ZosNode::new(self.bus().await?, node_twin).get(contract).await {
            Ok(deployment) => deployment,
            Err(ZosError::Refused(Refusal::NotFound, _)) => return Ok(None),
            Err(error) => return Err(node_error(error)),
        };
        Ok(Some(state_of(&deployment)))
    }

    /// Hands the next version to a gateway; the contract on the chain must be for it already. One that it has is refused if it is
    /// handed over again: `gateway_state` tells.
    pub async fn point(&self, node_twin: u32, contract: u64, version: &Value) -> Result<()> {
        let mut deployment: Deployment = serde_json::from_value(version.clone()).map_err(unread)?;
        deployment.contract_id = contract;
        deployment
            .sign(deployment.twin_id, self.key()?)
            .map_err(|cause| Error::internal("A stored deployment can't be signed.").because(cause))?;
        ZosNode::new(self.bus().await?, node_twin).update(&deployment).await.map_err(node_error)
    }
}

/// A node tells of the new number at once, and of parts as it comes to them: until then it carries the old one, or for a moment none.
fn state_of(told: &Deployment) -> GatewayState {
    let newest = told.workloads.iter().find(|part| part.version == told.version);
    let failed = newest.filter(|part| matches!(part.result.state, State::Error | State::Deleted | State::Unchanged));
    GatewayState {
        version: told.version,
        ready: told.workloads.len() == 1 && newest.is_some_and(|part| part.result.state == State::Ok),
        failed: failed.map(|part| part.result.error.clone()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::host::HostRandom;

    fn target(port: u16, passthrough: bool) -> Target {
        Target { ip: "400::1".parse().unwrap(), port, passthrough }
    }

    fn read(plan: &Plan) -> Deployment {
        serde_json::from_value(plan.deployment.clone()).unwrap()
    }

    /// The recorded deployments with a gateway (`tests/vectors/grid/deployments.json`) hash as recorded in `wire::zos`; what we plan
    /// differs from them in nothing but values, so that the same code hashes it.
    #[test]
    fn what_we_plan_has_the_shape_of_the_recorded_gateways() {
        let vectors: Value = serde_json::from_str(include_str!("../../../tests/vectors/grid/deployments.json")).unwrap();
        let recorded = |name: &str| {
            let case = vectors["cases"].as_array().unwrap().iter().find(|case| case["name"] == name).unwrap();
            case["deployment"]["workloads"][0].clone()
        };
        let (name, domain) = (WebName::parse("mygw").unwrap(), DomainName::parse("shop.example.org").unwrap());
        let by_name = Host::Name { name: name.clone(), ours: false };
        let planner = Planner::new(7);
        for (host, case) in [(by_name, "gateway_name"), (Host::Domain(domain), "gateway_fqdn")] {
            let passthrough = recorded(case)["data"]["tls_passthrough"].as_bool().unwrap();
            let plan = planner.gateway(OrderId::from_bits(1), &host, Some(&name), &target(80, passthrough), &HostRandom).unwrap();
            let ours = plan.deployment["workloads"][0].clone();
            assert_eq!(ours["type"], recorded(case)["type"]);
            let keys =
                |data: &Value| data.as_object().unwrap().keys().filter(|key| *key != "network").cloned().collect::<Vec<_>>();
            assert_eq!(keys(&ours["data"]), keys(&recorded(case)["data"]));
            assert_eq!(read(&plan).hash_hex().unwrap(), plan.hash);
        }
    }

    #[test]
    fn the_next_version_leaves_the_old_workload_out_and_names_the_new_one_otherwise() {
        let name = WebName::parse("shop").unwrap();
        let host = Host::Name { name: name.clone(), ours: true };
        let planner = Planner::new(7);
        let first = planner.gateway(OrderId::from_bits(1), &host, Some(&name), &target(80, false), &HostRandom).unwrap();
        let next = planner.repoint(&first.deployment, 0, &host, Some(&name), &target(8080, false)).unwrap();
        let (first, next) = (read(&first), read(&next));
        assert_eq!((next.version, next.workloads.len()), (1, 1));
        assert_ne!(first.workloads[0].name, next.workloads[0].name);
        assert_eq!(next.workloads[0].version, 1);
        assert_eq!((next.metadata, next.description), (first.metadata, first.description), "all else stays");
        let Data::NameGateway(data) = &next.workloads[0].data else { panic!("{next:?}", next = next.workloads) };
        assert_eq!((data.name.as_str(), data.backends.as_slice()), ("shop", ["http://[400::1]:8080".to_owned()].as_slice()));
    }

    #[test]
    fn a_gateway_is_ready_when_it_carries_the_newest_version_and_nothing_else() {
        let name = WebName::parse("shop").unwrap();
        let host = Host::Name { name: name.clone(), ours: true };
        let planner = Planner::new(7);
        let first = planner.gateway(OrderId::from_bits(1), &host, Some(&name), &target(80, false), &HostRandom).unwrap();
        let next = planner.repoint(&first.deployment, 0, &host, Some(&name), &target(8080, false)).unwrap();
        let part = |plan: &Plan, state| {
            let mut part = read(plan).workloads.remove(0);
            (part.result.state, part.result.error) = (state, "as it says".into());
            part
        };
        let told = |workloads: Vec<Workload>| {
            let state = state_of(&Deployment { workloads, ..read(&next) });
            assert_eq!(state.version, 1);
            (state.ready, state.failed.is_some())
        };
        assert_eq!(told(vec![part(&first, State::Ok)]), (false, false), "it has not come to it yet");
        assert_eq!(told(vec![]), (false, false), "the old one is gone, and the new one not there");
        assert_eq!(told(vec![part(&first, State::Ok), part(&next, State::Init)]), (false, false));
        assert_eq!(told(vec![part(&next, State::Init)]), (false, false));
        assert_eq!(told(vec![part(&next, State::Ok)]), (true, false));
        assert_eq!(told(vec![part(&next, State::Error)]), (false, true));
        assert_eq!(told(vec![part(&first, State::Error)]), (false, false), "how the old one was says nothing of the new one");
    }
}
