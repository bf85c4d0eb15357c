//! The index's side of the wire: routes, filters and paging over whatever knows the grid.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use actix_web::http::StatusCode;
use actix_web::web::{self, Data, Path, Query, ServiceConfig};
use actix_web::{HttpResponse, error};
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};

use super::filter::{ContractFilter, FarmFilter, NodeFilter, Paging};
use super::types::{Bill, Capacity, Contract, Farm, FarmIp, Node, Resources, Stats, Status, Twin};

const MOST: u64 = 99_999;

/// Who knows the grid. Each question is answered from one moment.
pub trait IndexBackend: Send + Sync + 'static {
    fn nodes(&self) -> Vec<Node>;
    fn farms(&self) -> Vec<Farm>;
    fn contracts(&self) -> Vec<Contract>;
    fn twins(&self) -> Vec<Twin>;
    /// Nodes that give machines an IPv6 address.
    fn with_ipv6(&self) -> Vec<u32> {
        vec![]
    }
    /// What the node itself says of its capacity; None if it does not answer.
    fn statistics(&self, _node: u32) -> Option<Value> {
        None
    }
    /// A contract's bills, newest first.
    fn bills(&self, _contract: u64) -> Vec<Bill> {
        vec![]
    }
}

type Backend = Data<dyn IndexBackend>;

/// The routes of gridproxy, for `App::configure`.
pub fn routes(backend: Arc<dyn IndexBackend>) -> impl FnOnce(&mut ServiceConfig) {
    move |config| {
        config
            .app_data(Data::from(backend))
            .app_data(web::QueryConfig::default().error_handler(|error, _| {
                let answer = refusal(StatusCode::BAD_REQUEST, &error.to_string());
                error::InternalError::from_response(error, answer).into()
            }))
            .route("/nodes", web::get().to(nodes))
            .route("/nodes/{id}", web::get().to(node))
            .route("/nodes/{id}/status", web::get().to(node_status))
            .route("/nodes/{id}/statistics", web::get().to(node_statistics))
            .route("/nodes/{id}/gpu", web::get().to(node_gpu))
            .route("/gateways", web::get().to(gateways))
            .route("/gateways/{id}", web::get().to(node))
            .route("/farms", web::get().to(farms))
            .route("/contracts", web::get().to(contracts))
            .route("/contracts/{id}", web::get().to(contract))
            .route("/contracts/{id}/bills", web::get().to(bills))
            .route("/twins", web::get().to(twins))
            .route("/public_ips", web::get().to(public_ips))
            .route("/stats", web::get().to(stats))
            .route("/ping", web::get().to(|| async { HttpResponse::Ok().json(json!({ "ping": "pong" })) }))
            .route("/health", web::get().to(|| async { HttpResponse::Ok().json(json!({ "status": "ok" })) }))
            .route("/version", web::get().to(|| async { HttpResponse::Ok().json(json!({ "version": "local" })) }))
            .default_service(web::to(|| async { refusal(StatusCode::NOT_FOUND, "not found") }));
    }
}

fn refusal(status: StatusCode, text: &str) -> HttpResponse {
    HttpResponse::build(status).json(json!({ "error": text }))
}

/// One page of `items`, with the headers that `ret_count` asks for.
fn page<T: Serialize>(items: &[T], paging: &Paging) -> HttpResponse {
    let size = if paging.size == 0 { super::filter::DEFAULT_SIZE } else { paging.size.min(MOST) };
    let start = usize::try_from(paging.page.max(1).saturating_sub(1).saturating_mul(size)).unwrap_or(usize::MAX);
    let rest = items.get(start..).unwrap_or_default();
    let shown = &rest[..rest.len().min(usize::try_from(size).unwrap_or(usize::MAX))];
    let mut answer = HttpResponse::Ok();
    if paging.ret_count {
        let count = items.len() as u64;
        answer
            .insert_header(("count", count.to_string()))
            .insert_header(("size", size.to_string()))
            .insert_header(("pages", count.div_ceil(size).to_string()));
    }
    answer.json(shown)
}

fn chosen(backend: &dyn IndexBackend, filter: &NodeFilter) -> Vec<Node> {
    let mut nodes = backend.nodes();
    nodes.retain(|node| filter.matches(node));
    if let Some(wish) = filter.has_ipv6 {
        let with = backend.with_ipv6();
        nodes.retain(|node| with.contains(&node.node_id) == wish);
    }
    if let Some(owner) = filter.owned_by {
        let farms: Vec<u32> = backend.farms().iter().filter(|farm| farm.twin_id == owner).map(|farm| farm.farm_id).collect();
        nodes.retain(|node| farms.contains(&node.farm_id));
    }
    filter.sort(&mut nodes);
    nodes
}

async fn nodes(backend: Backend, filter: Query<NodeFilter>, paging: Query<Paging>) -> HttpResponse {
    page(&chosen(&**backend, &filter), &paging)
}

async fn gateways(backend: Backend, filter: Query<NodeFilter>, paging: Query<Paging>) -> HttpResponse {
    let filter = NodeFilter { domain: Some(true), ..filter.into_inner() };
    page(&chosen(&**backend, &filter), &paging)
}

fn with_node(backend: &Backend, id: &str, answer: impl FnOnce(Node) -> HttpResponse) -> HttpResponse {
    let Ok(id) = id.parse::<u32>() else { return refusal(StatusCode::BAD_REQUEST, "invalid node id") };
    match backend.nodes().into_iter().find(|node| node.node_id == id) {
        Some(node) => answer(node),
        None => refusal(StatusCode::NOT_FOUND, "node not found"),
    }
}

/// One node has its resources nested, as no list has.
async fn node(backend: Backend, id: Path<String>) -> HttpResponse {
    with_node(&backend, &id, |mut node| {
        let capacity = Capacity { total_resources: node.total_resources, used_resources: node.used_resources };
        node.capacity = Some(capacity);
        (node.total_resources, node.used_resources) = (Resources::default(), Resources::default());
        match serde_json::to_value(node) {
            Ok(mut json) => {
                if let Some(object) = json.as_object_mut() {
                    object.remove("total_resources");
                    object.remove("used_resources");
                }
                HttpResponse::Ok().json(json)
            }
            Err(error) => refusal(StatusCode::INTERNAL_SERVER_ERROR, &error.to_string()),
        }
    })
}

async fn node_status(backend: Backend, id: Path<String>) -> HttpResponse {
    with_node(&backend, &id, |node| HttpResponse::Ok().json(json!({ "status": node.status })))
}

async fn node_statistics(backend: Backend, id: Path<String>) -> HttpResponse {
    with_node(&backend, &id, |node| match backend.statistics(node.node_id) {
        Some(statistics) => HttpResponse::Ok().json(statistics),
        None => refusal(StatusCode::BAD_GATEWAY, "the node does not answer"),
    })
}

async fn node_gpu(backend: Backend, id: Path<String>) -> HttpResponse {
    with_node(&backend, &id, |node| HttpResponse::Ok().json(node.gpus))
}

async fn farms(backend: Backend, filter: Query<FarmFilter>, paging: Query<Paging>) -> HttpResponse {
    let mut farms = backend.farms();
    farms.retain(|farm| filter.matches(farm));
    let of_nodes = filter.of_nodes();
    if of_nodes != NodeFilter::default() {
        let with: BTreeSet<u32> = chosen(&**backend, &of_nodes).iter().map(|node| node.farm_id).collect();
        farms.retain(|farm| with.contains(&farm.farm_id));
    }
    filter.sort(&mut farms);
    page(&farms, &paging)
}

async fn contracts(backend: Backend, filter: Query<ContractFilter>, paging: Query<Paging>) -> HttpResponse {
    let mut contracts = backend.contracts();
    contracts.retain(|contract| filter.matches(contract));
    filter.sort(&mut contracts);
    page(&contracts, &paging)
}

async fn contract(backend: Backend, id: Path<String>) -> HttpResponse {
    let Ok(id) = id.parse::<u64>() else { return refusal(StatusCode::BAD_REQUEST, "invalid contract id") };
    match backend.contracts().into_iter().find(|contract| contract.contract_id == id) {
        Some(contract) => HttpResponse::Ok().json(contract),
        None => refusal(StatusCode::NOT_FOUND, "contract not found"),
    }
}

async fn bills(backend: Backend, id: Path<String>, paging: Query<Paging>) -> HttpResponse {
    let Ok(id) = id.parse::<u64>() else { return refusal(StatusCode::BAD_REQUEST, "invalid contract id") };
    page(&backend.bills(id), &paging)
}

#[derive(Default, Deserialize)]
#[serde(default)]
struct TwinFilter {
    twin_id: Option<u32>,
    account_id: Option<String>,
    relay: Option<String>,
    public_key: Option<String>,
}

async fn twins(backend: Backend, filter: Query<TwinFilter>, paging: Query<Paging>) -> HttpResponse {
    let same = |wish: &Option<String>, is: &str| wish.as_ref().is_none_or(|wish| wish == is);
    let mut twins = backend.twins();
    twins.retain(|twin| {
        filter.twin_id.is_none_or(|id| id == twin.twin_id)
            && same(&filter.account_id, &twin.account_id)
            && same(&filter.relay, &twin.relay)
            && same(&filter.public_key, &twin.public_key)
    });
    page(&twins, &paging)
}

#[derive(Default, Deserialize)]
#[serde(default)]
struct IpFilter {
    farm_ids: String,
    free: Option<bool>,
}

async fn public_ips(backend: Backend, filter: Query<IpFilter>, paging: Query<Paging>) -> HttpResponse {
    let farms: Vec<u32> = filter.farm_ids.split(',').filter_map(|id| id.trim().parse().ok()).collect();
    let ips: Vec<FarmIp> = backend
        .farms()
        .into_iter()
        .filter(|farm| farms.is_empty() || farms.contains(&farm.farm_id))
        .flat_map(|farm| farm.public_ips)
        .filter(|ip| filter.free.is_none_or(|free| free == (ip.contract_id == 0)))
        .collect();
    page(&ips, &paging)
}

async fn stats(backend: Backend, filter: Query<NodeFilter>) -> HttpResponse {
    let status = if filter.status.is_empty() { vec![Status::Up] } else { filter.status.clone() };
    let nodes = chosen(&**backend, &NodeFilter { status, ..NodeFilter::default() });
    let (farms, contracts) = (backend.farms(), backend.contracts());
    let mut distribution = BTreeMap::<String, u64>::new();
    for node in &nodes {
        *distribution.entry(node.country.clone()).or_default() += 1;
    }
    let sum = |field: fn(&Resources) -> u64| nodes.iter().map(|node| field(&node.total_resources)).sum();
    let count = |is: fn(&Node) -> bool| nodes.iter().filter(|node| is(node)).count() as u64;
    let live = contracts.iter().filter(|contract| contract.state != "Deleted");
    HttpResponse::Ok().json(Stats {
        nodes: nodes.len() as u64,
        farms: farms.len() as u64,
        countries: nodes.iter().map(|node| &node.country).collect::<BTreeSet<_>>().len() as u64,
        total_cru: sum(|total| total.cru),
        total_sru: sum(|total| total.sru),
        total_mru: sum(|total| total.mru),
        total_hru: sum(|total| total.hru),
        public_ips: farms.iter().map(|farm| farm.public_ips.len() as u64).sum(),
        access_nodes: count(|node| !node.public_config.ipv4.is_empty()),
        gateways: count(|node| !node.public_config.domain.is_empty()),
        twins: backend.twins().len() as u64,
        contracts: live.count() as u64,
        nodes_distribution: distribution,
        gpus: nodes.iter().map(|node| u64::from(node.num_gpu)).sum(),
        dedicated_nodes: count(|node| node.rented || node.in_dedicated_farm),
        workloads_number: 0,
    })
}
