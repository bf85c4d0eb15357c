//! The rows of the chain's GraphQL index, made from the pretended chain.

use std::sync::Arc;

use serde_json::{Value, json};

use super::genesis::{FarmSeed, Genesis, NodeSeed};
use super::{BillView, ChainView, ContractStateView, ContractView, TwinView};
use crate::wire::graphql::{GraphBackend, Row};
use crate::wire::key;

pub struct Graph {
    farms: Vec<FarmSeed>,
    nodes: Vec<NodeSeed>,
    chain: Arc<dyn ChainView>,
}

impl Graph {
    pub fn new(genesis: &Genesis, chain: Arc<dyn ChainView>) -> Graph {
        Graph { farms: genesis.farms.clone(), nodes: genesis.nodes.clone(), chain }
    }

    fn contracts(&self, is: fn(&ContractView) -> bool, more: impl Fn(ContractView) -> Value) -> Vec<Value> {
        let common = |contract: ContractView| {
            let mut row = json!({
                "id": format!("{:010}", contract.id),
                "gridVersion": 4,
                "contractID": contract.id.to_string(),
                "twinID": contract.twin,
                "createdAt": contract.created.to_string(),
                "solutionProviderID": null,
                "state": match contract.state {
                    ContractStateView::Created => "Created",
                    ContractStateView::GracePeriod => "GracePeriod",
                    ContractStateView::Deleted => "Deleted",
                },
            });
            if let (Value::Object(row), Value::Object(more)) = (&mut row, more(contract)) {
                row.extend(more);
            }
            row
        };
        self.chain.contracts().into_iter().filter(is).map(common).collect()
    }
}

impl GraphBackend for Graph {
    fn rows(&self, list: &str) -> Option<Vec<Row>> {
        let id = |number: u64| format!("{number:010}");
        let rows: Vec<Value> = match list {
            "nodes" => {
                let row = |node: &NodeSeed| {
                    json!({
                        "id": id(node.id.into()),
                        "gridVersion": 3,
                        "nodeID": node.id,
                        "farmID": node.farm,
                        "twinID": node.twin,
                        "country": node.country,
                        "city": node.city,
                    })
                };
                self.nodes.iter().map(row).collect()
            }
            "farms" => {
                let row = |farm: &FarmSeed| {
                    json!({
                        "id": id(farm.id.into()),
                        "gridVersion": 4,
                        "farmID": farm.id,
                        "name": farm.name,
                        "twinID": farm.twin,
                        "pricingPolicyID": 1,
                        "dedicatedFarm": farm.dedicated,
                    })
                };
                self.farms.iter().map(row).collect()
            }
            "twins" => {
                let row = |twin: TwinView| {
                    json!({
                        "id": id(twin.id.into()),
                        "gridVersion": 1,
                        "twinID": twin.id,
                        "accountID": key::address(&twin.account),
                        "relay": twin.relay,
                        "publicKey": twin.pk.map(|pk| format!("0x{}", hex::encode(pk))),
                    })
                };
                self.chain.twins().into_iter().map(row).collect()
            }
            "nodeContracts" => self.contracts(
                |contract| contract.deployment_hash.is_some(),
                |contract| {
                    json!({
                        "nodeID": contract.node,
                        "deploymentData": contract.deployment_data,
                        "deploymentHash": contract.deployment_hash,
                        "numberOfPublicIPs": contract.public_ips,
                    })
                },
            ),
            "nameContracts" => self.contracts(|contract| contract.name.is_some(), |contract| json!({ "name": contract.name })),
            "rentContracts" => self.contracts(
                |contract| contract.node.is_some() && contract.deployment_hash.is_none(),
                |contract| json!({ "nodeID": contract.node }),
            ),
            "contractBillReports" => {
                let bills = self.chain.contracts().into_iter().flat_map(|contract| self.chain.bills(contract.id));
                let row = |(number, bill): (u64, BillView)| {
                    json!({
                        "id": id(number),
                        "contractID": bill.contract.to_string(),
                        "discountReceived": format!("{:?}", bill.level),
                        "amountBilled": bill.amount.to_string(),
                        "timestamp": bill.at.to_string(),
                    })
                };
                (0..).zip(bills).map(row).collect()
            }
            _ => return None,
        };
        Some(rows.into_iter().filter_map(|row| row.as_object().cloned()).collect())
    }
}
