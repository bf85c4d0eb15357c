//! The pretended node index, made from the chain and the nodes; beside it the identity service that nodes ask.

use std::io;
use std::net::{Ipv4Addr, TcpListener};
use std::sync::Arc;

use actix_web::dev::ServerHandle;
use actix_web::web::{self, Data, Query};
use actix_web::{App, HttpResponse, HttpServer};
use serde::Deserialize;
use serde_json::{Value, json};

use super::fleet::Condition;
use super::genesis::{FarmSeed, Genesis, NodeSeed, Resources};
use super::graph::Graph;
use super::node::{NodeView, Nodes, SYSTEM};
use super::{BillView, ChainView, ContractStateView, ContractView};
use crate::base::Clock;
use crate::wire::graphql::answer;
use crate::wire::gridproxy::server::{IndexBackend, routes};
use crate::wire::gridproxy::types::{
    Bill, Contract, ContractDetails, Farm, FarmIp, Location, Node, Power, PublicConfig, Resources as IndexResources, Speed,
    Status, Twin,
};
use crate::wire::key;

/// Reports of a node that is up come every 40 minutes.
const REPORT_EVERY_S: i64 = 40 * 60;
/// When the first node of the fleet was made.
const FIRST_CREATED_S: i64 = 1_700_000_000;
const DAY_S: i64 = 86_400;

/// A handle on the index.
pub struct Index {
    url: reqwest::Url,
    handle: ServerHandle,
}

impl Index {
    /// Serves on a port of this machine, 0 for any. Must be called inside a tokio runtime.
    pub fn start(
        genesis: &Genesis,
        chain: Arc<dyn ChainView>,
        nodes: Nodes,
        clock: Arc<dyn Clock>,
        port: u16,
    ) -> io::Result<Index> {
        let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, port))?;
        let url = format!("http://{}/", listener.local_addr()?);
        let url = url.parse().map_err(|_| io::Error::other("the machine's own address is no URL"))?;
        let graph = Data::new(Graph::new(genesis, chain.clone()));
        let people = Data::from(chain.clone());
        let (farms, seeds) = (genesis.farms.clone(), genesis.nodes.clone());
        let world = Arc::new(World { farms, seeds, chain, nodes: nodes.clone(), clock });
        let app = move || {
            App::new()
                .app_data(Data::new(nodes.clone()))
                .app_data(graph.clone())
                .app_data(people.clone())
                .route("/api/v1/status", web::get().to(identity))
                .route("/graphql", web::post().to(graphql))
                .configure(routes(world.clone()))
        };
        let server = HttpServer::new(app).workers(1).disable_signals().listen(listener)?.run();
        let handle = server.handle();
        tokio::spawn(server);
        Ok(Index { url, handle })
    }

    /// The base address of the index, and of the identity service (`api/v1/status?twin_id=`).
    pub fn url(&self) -> &reqwest::Url {
        &self.url
    }

    pub async fn stop(&self) {
        self.handle.stop(false).await;
    }
}

#[derive(Deserialize)]
struct IdentityQuery {
    /// How nodes ask.
    twin_id: Option<u32>,
    /// How clients ask: an SS58 address.
    client_id: Option<String>,
}

/// Whoever has no twin is nobody the service has heard of.
async fn identity(nodes: Data<Nodes>, chain: Data<dyn ChainView>, query: Query<IdentityQuery>) -> HttpResponse {
    let twin = match (&query.twin_id, &query.client_id) {
        (Some(twin), _) => Some(*twin),
        (None, Some(address)) => {
            let of = |twin: super::TwinView| (key::address(&twin.account) == *address).then_some(twin.id);
            chain.twins().into_iter().find_map(of)
        }
        (None, None) => return HttpResponse::BadRequest().json(json!({ "error": "twin_id or client_id is missing" })),
    };
    let Some(twin) = twin else { return HttpResponse::NotFound().json(json!({ "error": "not found" })) };
    let status = if nodes.is_verified(twin) { "VERIFIED" } else { "UNVERIFIED" };
    HttpResponse::Ok().json(json!({ "result": { "status": status } }))
}

async fn graphql(graph: Data<Graph>, body: web::Bytes) -> HttpResponse {
    match answer(&**graph, &body) {
        Ok(answer) => HttpResponse::Ok().json(answer),
        Err(refusal) => HttpResponse::BadRequest().json(refusal),
    }
}

struct World {
    farms: Vec<FarmSeed>,
    seeds: Vec<NodeSeed>,
    chain: Arc<dyn ChainView>,
    nodes: Nodes,
    clock: Arc<dyn Clock>,
}

impl World {
    fn live(&self) -> Vec<ContractView> {
        let mut contracts = self.chain.contracts();
        contracts.retain(|contract| contract.state != ContractStateView::Deleted);
        contracts
    }

    fn farm(&self, farm: &FarmSeed, live: &[ContractView]) -> Farm {
        let holder = |ip: &String| live.iter().find(|contract| contract.ips.contains(ip)).map_or(0, |contract| contract.id);
        let public_ips = (1..).zip(&farm.public_ips).map(|(number, (ip, gateway)): (u32, _)| FarmIp {
            id: format!("{:010}-{number}", farm.id),
            ip: ip.clone(),
            gateway: gateway.clone(),
            contract_id: holder(ip),
            farm_id: farm.id,
        });
        Farm {
            name: farm.name.clone(),
            farm_id: farm.id,
            twin_id: farm.twin,
            pricing_policy_id: 1,
            certification_type: "NotCertified".into(),
            stellar_address: String::new(),
            dedicated: farm.dedicated,
            public_ips: public_ips.collect(),
        }
    }

    fn node(&self, seed: &NodeSeed, farm: &Farm, view: NodeView, live: &[ContractView], now: i64) -> Node {
        let (status, age) = match view.condition {
            // Reports of different nodes come at different moments.
            Condition::Up => (Status::Up, i64::from(seed.id) * 397 % REPORT_EVERY_S),
            Condition::Standby => (Status::Standby, 3 * 3600),
            Condition::Down => (Status::Down, 30 * 3600),
        };
        let power = if view.condition == Condition::Standby { "Down" } else { "Up" };
        let mut on_node = live.iter().filter(|contract| contract.node == Some(seed.id));
        let rent = on_node.clone().find(|contract| contract.deployment_hash.is_none());
        let created = FIRST_CREATED_S + i64::from(seed.id) * DAY_S;
        let config = view.public_config.unwrap_or_default();
        Node {
            id: format!("{:010}-{:06}-local", seed.id, 1),
            node_id: seed.id,
            farm_id: seed.farm,
            farm_name: farm.name.clone(),
            twin_id: seed.twin,
            country: seed.country.clone(),
            region: seed.region.clone(),
            city: seed.city.clone(),
            grid_version: 3,
            uptime: if status == Status::Up { (now - created).max(0) % (90 * DAY_S) } else { 0 },
            created,
            farming_policy_id: 1,
            updated_at: now - age,
            total_resources: resources(seed.total),
            used_resources: resources(if status == Status::Up { view.used } else { SYSTEM }),
            capacity: None,
            location: Location {
                country: seed.country.clone(),
                city: seed.city.clone(),
                longitude: seed.longitude.parse().unwrap_or_default(),
                latitude: seed.latitude.parse().unwrap_or_default(),
            },
            public_config: PublicConfig {
                domain: config.domain,
                gw4: config.gw4,
                gw6: config.gw6,
                ipv4: config.ipv4,
                ipv6: config.ipv6,
            },
            status,
            certification_type: if seed.certified { "Certified" } else { "Diy" }.into(),
            dedicated: farm.dedicated || rent.is_some(),
            in_dedicated_farm: farm.dedicated,
            rent_contract_id: rent.map_or(0, |rent| rent.id),
            rented: rent.is_some(),
            rentable: rent.is_none() && (farm.dedicated || on_node.next().is_none()),
            rented_by_twin_id: rent.map_or(0, |rent| rent.twin),
            serial_number: format!("LOCAL-{:04}", seed.id),
            power: Power { state: power.into(), target: power.into() },
            num_gpu: 0,
            extra_fee: 0,
            healthy: view.healthy,
            speed: Speed { upload: seed.upload_bps, download: seed.download_bps },
            gpus: Vec::new(),
            // Not to be trusted on the real index either; nobody may come to need it.
            price_usd: None,
            farm_free_ips: farm.public_ips.iter().filter(|ip| ip.contract_id == 0).count() as u64,
            features: view.features,
        }
    }
}

fn resources(it: Resources) -> IndexResources {
    IndexResources { cru: it.cru, sru: it.sru, hru: it.hru, mru: it.mru }
}

impl IndexBackend for World {
    fn nodes(&self) -> Vec<Node> {
        let (live, now) = (self.live(), self.clock.now().secs());
        let farms = self.farms();
        let of = |seed: &NodeSeed| {
            let farm = farms.iter().find(|farm| farm.farm_id == seed.farm)?;
            Some(self.node(seed, farm, self.nodes.view(seed.id)?, &live, now))
        };
        self.seeds.iter().filter_map(of).collect()
    }

    fn farms(&self) -> Vec<Farm> {
        let live = self.live();
        self.farms.iter().map(|farm| self.farm(farm, &live)).collect()
    }

    fn contracts(&self) -> Vec<Contract> {
        let farm_of = |node: Option<u32>| {
            let seed = self.seeds.iter().find(|seed| Some(seed.id) == node)?;
            self.farms.iter().find(|farm| farm.id == seed.farm)
        };
        let contract = |it: ContractView| {
            let farm = farm_of(it.node);
            let of_node = it.deployment_hash.is_some();
            let kind = match (it.node, of_node) {
                (None, _) => "name",
                (Some(_), true) => "node",
                (Some(_), false) => "rent",
            };
            Contract {
                contract_id: it.id,
                twin_id: it.twin,
                state: match it.state {
                    ContractStateView::Created => "Created",
                    ContractStateView::GracePeriod => "GracePeriod",
                    ContractStateView::Deleted => "Deleted",
                }
                .into(),
                created_at: it.created,
                kind: kind.into(),
                details: ContractDetails {
                    node_id: it.node,
                    deployment_data: of_node.then_some(it.deployment_data),
                    deployment_hash: it.deployment_hash,
                    number_of_public_ips: of_node.then_some(it.public_ips),
                    name: it.name,
                    farm_name: farm.map(|farm| farm.name.clone()),
                    farm_id: farm.map(|farm| farm.id),
                },
            }
        };
        self.chain.contracts().into_iter().map(contract).collect()
    }

    fn twins(&self) -> Vec<Twin> {
        let twin = |it: super::TwinView| Twin {
            twin_id: it.id,
            account_id: key::address(&it.account),
            relay: it.relay.unwrap_or_default(),
            public_key: it.pk.map(|pk| format!("0x{}", hex::encode(pk))).unwrap_or_default(),
        };
        self.chain.twins().into_iter().map(twin).collect()
    }

    fn with_ipv6(&self) -> Vec<u32> {
        self.seeds.iter().filter(|seed| seed.ipv6).map(|seed| seed.id).collect()
    }

    fn statistics(&self, node: u32) -> Option<Value> {
        self.nodes.statistics(node)
    }

    fn bills(&self, contract: u64) -> Vec<Bill> {
        let bill = |it: BillView| Bill {
            amount_billed: u64::try_from(it.amount).unwrap_or(u64::MAX),
            discount_received: format!("{:?}", it.level),
            timestamp: i64::try_from(it.at).unwrap_or(i64::MAX),
        };
        self.chain.bills(contract).into_iter().rev().map(bill).collect()
    }
}

#[cfg(test)]
mod tests {
    use super::super::fleet::fleet;
    use super::super::node::Fault;
    use super::super::node::kit::{self, GIB, OPERATOR};
    use super::*;
    use crate::wire::gridproxy::{ContractFilter, FarmFilter, GridProxy, IndexError, NodeFilter, Paging};
    use crate::wire::zos::deployment::State;

    fn http() -> reqwest::Client {
        let _ = rustls::crypto::ring::default_provider().install_default();
        reqwest::Client::builder().tls_certs_only([]).build().unwrap()
    }

    async fn world() -> (kit::World, Index, GridProxy) {
        let world = kit::World::start().await;
        let index = Index::start(&world.genesis, world.chain.clone(), world.nodes.clone(), world.clock.clone(), 0).unwrap();
        let client = GridProxy::new(vec![index.url().clone()], http());
        (world, index, client)
    }

    #[tokio::test]
    async fn nodes_are_chosen_by_what_a_marketplace_asks_for() {
        let (world, index, client) = world().await;
        let find = async |filter| client.every_node(&filter).await.unwrap().items;
        let all = find(NodeFilter::default()).await;
        assert_eq!(all.len(), fleet().nodes.len());
        let up = NodeFilter { status: vec![Status::Up], healthy: Some(true), ..Default::default() };
        assert_eq!(find(up.clone()).await.len(), all.len() - 2, "one on standby, one down");
        for (status, count) in [(Status::Standby, 1), (Status::Down, 1)] {
            assert_eq!(find(NodeFilter { status: vec![status], ..Default::default() }).await.len(), count);
        }
        let belgium = find(NodeFilter { country: Some("belgium".into()), free_mru: Some(32 * GIB), ..up.clone() }).await;
        assert!(!belgium.is_empty() && belgium.iter().all(|node| node.country == "Belgium" && node.free().mru >= 32 * GIB));
        let shared = find(NodeFilter { available_for: Some(OPERATOR), ..up.clone() }).await;
        assert!(shared.len() < all.len() && shared.iter().all(|node| !node.in_dedicated_farm), "dedicated farms are left out");
        let classic = NodeFilter { features: vec!["zmachine".into(), "ip".into()], free_ips: Some(1), ..up.clone() };
        let classic = find(classic).await;
        assert!(!classic.is_empty() && classic.iter().all(|node| node.farm_free_ips > 0));
        let certified = find(NodeFilter { certification_type: Some("Certified".into()), ..up.clone() }).await;
        assert!(!certified.is_empty() && certified.iter().all(|node| node.certification_type == "Certified"));
        assert!(find(NodeFilter { has_gpu: Some(true), ..up.clone() }).await.is_empty());
        let storage = find(NodeFilter { free_hru: Some(1 << 43), sort_by: Some("total_hru".into()), ..up }).await;
        assert!(storage.len() >= 6 && storage.is_sorted_by_key(|node| node.total_resources.hru));
        let page = client.nodes(&NodeFilter::default(), Paging { page: 2, size: 30, ret_count: true }).await.unwrap();
        assert_eq!((page.items.len() as u64, page.count), (all.len() as u64 - 30, Some(all.len() as u64)));

        world.nodes.set_fault(2, Fault::Silent);
        let silent = client.node(2).await.unwrap();
        assert_eq!((silent.status, silent.healthy), (Status::Up, false));
        assert_eq!(client.node(4711).await, Err(IndexError::NotFound));
        index.stop().await;
    }

    #[tokio::test]
    async fn the_index_follows_what_is_deployed() {
        let (world, index, client) = world().await;
        let before = client.node(1).await.unwrap();
        let mut deployment = kit::vm().deployment(OPERATOR).unwrap();
        world.contract(&mut deployment, 1, 1, &["192.0.2.10/24"]);
        world.node(1).deploy(&deployment).await.unwrap();
        world.until(1, 1, |state| state == State::Ok).await;
        let after = client.node(1).await.unwrap();
        assert_eq!(before.free().mru - after.free().mru, 4 * GIB);
        assert_eq!((before.farm_free_ips, after.farm_free_ips), (8, 7));
        let barn =
            client.farms(&FarmFilter { name: Some("Hilbert's Barn".into()), ..Default::default() }, Paging::default()).await;
        let barn = barn.unwrap().items.remove(0);
        assert_eq!(barn.public_ips.iter().map(|ip| ip.contract_id).sum::<u64>(), 1);

        let ours = ContractFilter { twin_id: Some(OPERATOR), kind: Some("node".into()), ..Default::default() };
        let contracts = client.every_contract(&ours).await.unwrap().items;
        assert_eq!(contracts.len(), 1);
        assert_eq!(contracts[0].details.deployment_hash.as_deref(), Some(&*deployment.hash_hex().unwrap()));
        assert_eq!(contracts[0].details.farm_name.as_deref(), Some("Hilbert's Barn"));
        world.chain.set_state(1, ContractStateView::Deleted);
        world.until_gone(1, 1).await;
        assert_eq!(client.node(1).await.unwrap().used_resources, before.used_resources);
        assert_eq!(client.twin(OPERATOR).await.unwrap().pk().map(|pk| pk.len()), Some(33));
        let stats = client.stats().await.unwrap();
        assert!(stats.nodes >= 36 && stats.countries >= 10 && stats.contracts == 0);
        index.stop().await;
    }

    #[tokio::test]
    async fn lists_can_be_asked_for_by_what_only_the_index_knows() {
        let (_world, index, client) = world().await;
        let find = async |filter| client.every_node(&filter).await.unwrap().items;
        let seeds = fleet().nodes;
        let with_ipv6 = find(NodeFilter { has_ipv6: Some(true), ..Default::default() }).await.len();
        assert_eq!(with_ipv6, seeds.iter().filter(|seed| seed.ipv6).count());
        let owned = find(NodeFilter { owned_by: Some(1), ..Default::default() }).await;
        assert!(!owned.is_empty() && owned.iter().all(|node| node.farm_name == "Hilbert's Barn"));
        let dedicated = find(NodeFilter { dedicated: Some(true), ..Default::default() }).await;
        assert!(!dedicated.is_empty() && dedicated.iter().all(|node| node.in_dedicated_farm));
        let farms = FarmFilter { country: Some("Belgium".into()), node_certified: Some(true), ..Default::default() };
        let farms: Vec<_> = client.every_farm(&farms).await.unwrap().items.into_iter().map(|farm| farm.name).collect();
        assert_eq!(farms, ["Hilbert's Barn", "Lieve Servers"]);
        index.stop().await;
    }

    #[tokio::test]
    async fn the_chains_rows_are_asked_for_in_graphql_too() {
        let (world, index, _) = world().await;
        let mut deployment = kit::vm().deployment(OPERATOR).unwrap();
        world.contract(&mut deployment, 1, 1, &[]);
        let ask = async |query: &str| {
            let url = index.url().join("graphql").unwrap();
            let answer = http().post(url).json(&json!({ "query": query, "variables": {} })).send().await.unwrap();
            (answer.status().as_u16(), answer.json::<Value>().await.unwrap())
        };
        let (status, answer) = ask("{ nodes(where: {nodeID_eq: 1}) { twinID } nodeContracts { contractID nodeID state } }").await;
        let contract = json!({ "contractID": "1", "nodeID": 1, "state": "Created" });
        let twin = fleet().nodes[0].twin;
        assert_eq!((status, answer), (200, json!({ "data": { "nodes": [{ "twinID": twin }], "nodeContracts": [contract] } })));
        for list in ["farms", "twins", "nameContracts", "rentContracts", "contractBillReports"] {
            assert_eq!(ask(&format!("{{ {list}Connection {{ totalCount }} }}")).await.0, 200, "{list}");
        }
        assert_eq!(ask("{ uptimeEvents { id } }").await.0, 400);
        index.stop().await;
    }

    #[tokio::test]
    async fn the_identity_service_says_who_is_verified() {
        let (world, index, _) = world().await;
        let ask = async || {
            let url = index.url().join("api/v1/status?twin_id=1000").unwrap();
            http().get(url).send().await.unwrap().json::<Value>().await.unwrap()
        };
        assert_eq!(ask().await, json!({"result": {"status": "VERIFIED"}}));
        world.nodes.set_verified(OPERATOR, false);
        assert_ne!(ask().await["result"]["status"], "VERIFIED");
        // Clients ask by address, and whoever the chain does not know is not found.
        let by_address = async |account| {
            let url = index.url().join(&format!("api/v1/status?client_id={}", key::address(&account))).unwrap();
            http().get(url).send().await.unwrap()
        };
        let known = by_address(kit::operator_key().public()).await.json::<Value>().await.unwrap();
        assert_eq!(known["result"]["status"], "UNVERIFIED");
        assert_eq!(by_address([7; 32]).await.status(), 404);
        index.stop().await;
    }
}
