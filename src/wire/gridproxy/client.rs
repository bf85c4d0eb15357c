//! A client of the index: several servers, the first that answers counts.

use std::time::Duration;

use reqwest::{Client, StatusCode, Url};
use serde::Serialize;
use serde::de::DeserializeOwned;
use serde_json::value::RawValue;

use super::filter::{ContractFilter, FarmFilter, NodeFilter, Paging};
use super::types::{Contract, Farm, Node, Stats, Twin};

const ANSWER_WITHIN: Duration = Duration::from_secs(15);
const MAX_BODY_BYTES: usize = 8 << 20;
/// Pages when everything is wanted; a server that never ends is cut off after `MOST_PAGES`.
const PAGE_SIZE: u64 = 500;
const MOST_PAGES: u64 = 100;

#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum IndexError {
    #[error("the node index has no such thing")]
    NotFound,
    /// The request is wrong; another server would say the same.
    #[error("the node index refused: {status} {text}")]
    Refused { status: u16, text: String },
    /// No server gave an answer that can be used; the last reason.
    #[error("no node index answers: {0}")]
    Unavailable(String),
}

/// A page of a list. `count` is the total of all pages, if it was asked for.
#[derive(Debug, Clone, PartialEq)]
pub struct Page<T> {
    pub items: Vec<T>,
    pub count: Option<u64>,
}

/// All pages of a list. A row that can't be read is left out and counted: one bad row must not hide all the others.
#[derive(Debug, Clone, PartialEq)]
pub struct Every<T> {
    pub items: Vec<T>,
    pub dropped: usize,
}

#[derive(Debug, Clone)]
pub struct GridProxy {
    bases: Vec<Url>,
    http: Client,
}

struct Answer {
    body: Vec<u8>,
    count: Option<u64>,
}

impl GridProxy {
    /// `bases` in the order in which they are tried. `http` should follow no redirects.
    pub fn new(bases: Vec<Url>, http: Client) -> Self {
        GridProxy { bases, http }
    }

    pub async fn nodes(&self, filter: &NodeFilter, paging: Paging) -> Result<Page<Node>, IndexError> {
        self.list("nodes", filter, paging).await
    }

    /// All nodes that match, page by page.
    pub async fn every_node(&self, filter: &NodeFilter) -> Result<Every<Node>, IndexError> {
        self.every("nodes", filter).await
    }

    pub async fn node(&self, id: u32) -> Result<Node, IndexError> {
        self.one(&format!("nodes/{id}"), &()).await.map(Node::unnested)
    }

    pub async fn farms(&self, filter: &FarmFilter, paging: Paging) -> Result<Page<Farm>, IndexError> {
        self.list("farms", filter, paging).await
    }

    pub async fn every_farm(&self, filter: &FarmFilter) -> Result<Every<Farm>, IndexError> {
        self.every("farms", filter).await
    }

    pub async fn contracts(&self, filter: &ContractFilter, paging: Paging) -> Result<Page<Contract>, IndexError> {
        self.list("contracts", filter, paging).await
    }

    pub async fn every_contract(&self, filter: &ContractFilter) -> Result<Every<Contract>, IndexError> {
        self.every("contracts", filter).await
    }

    pub async fn twin(&self, id: u32) -> Result<Twin, IndexError> {
        let twins: Page<Twin> = self.list("twins", &[("twin_id", id)], Paging::default()).await?;
        twins.items.into_iter().find(|twin| twin.twin_id == id).ok_or(IndexError::NotFound)
    }

    pub async fn stats(&self) -> Result<Stats, IndexError> {
        self.one("stats", &()).await
    }

    async fn every<T: DeserializeOwned>(&self, path: &str, filter: &impl Serialize) -> Result<Every<T>, IndexError> {
        let mut all = Every { items: Vec::new(), dropped: 0 };
        for page in 1..=MOST_PAGES {
            let paging = Paging { page, size: PAGE_SIZE, ret_count: true };
            let answer = self.first_answer(path, filter, Some(paging)).await?;
            let got = sift(&answer.body, &mut all)?;
            let (seen, short) = ((all.items.len() + all.dropped) as u64, got < PAGE_SIZE);
            if got == 0 || answer.count.map_or(short, |count| seen >= count) {
                return Ok(all);
            }
        }
        Err(IndexError::Unavailable("its list has no end".into()))
    }

    async fn list<T: DeserializeOwned>(
        &self,
        path: &str,
        filter: &impl Serialize,
        paging: Paging,
    ) -> Result<Page<T>, IndexError> {
        let answer = self.first_answer(path, filter, Some(paging)).await?;
        let items: Option<Vec<T>> = read(&answer.body)?;
        Ok(Page { items: items.unwrap_or_default(), count: answer.count })
    }

    async fn one<T: DeserializeOwned>(&self, path: &str, filter: &impl Serialize) -> Result<T, IndexError> {
        read(&self.first_answer(path, filter, None).await?.body)
    }

    async fn first_answer(&self, path: &str, filter: &impl Serialize, paging: Option<Paging>) -> Result<Answer, IndexError> {
        let mut last = IndexError::Unavailable("no server is configured".into());
        for base in &self.bases {
            match self.ask(base, path, filter, paging).await {
                Err(IndexError::Unavailable(why)) => {
                    tracing::warn!(%base, why, "node index does not answer");
                    last = IndexError::Unavailable(why);
                }
                answer => return answer,
            }
        }
        Err(last)
    }

    async fn ask(&self, base: &Url, path: &str, filter: &impl Serialize, paging: Option<Paging>) -> Result<Answer, IndexError> {
        let unavailable = |error: reqwest::Error| IndexError::Unavailable(error.without_url().to_string());
        let mut url = base.clone();
        url.path_segments_mut()
            .map_err(|()| IndexError::Unavailable("not an HTTP address".into()))?
            .pop_if_empty()
            .extend(path.split('/'));
        let mut request = self.http.get(url).timeout(ANSWER_WITHIN).query(filter);
        if let Some(paging) = paging {
            request = request.query(&paging);
        }
        let mut response = request.send().await.map_err(unavailable)?;
        let status = response.status();
        let count = response.headers().get("count").and_then(|count| count.to_str().ok()?.parse().ok());
        let mut body = Vec::new();
        while let Some(chunk) = response.chunk().await.map_err(unavailable)? {
            if body.len() + chunk.len() > MAX_BODY_BYTES {
                return Err(IndexError::Unavailable("answer larger than 8 MiB".into()));
            }
            body.extend_from_slice(&chunk);
        }
        if status.is_success() {
            return Ok(Answer { body, count });
        }
        let text: String = String::from_utf8_lossy(&body).chars().take(200).collect();
        match status {
            StatusCode::NOT_FOUND => Err(IndexError::NotFound),
            _ if status.is_client_error() && status != StatusCode::TOO_MANY_REQUESTS => {
                Err(IndexError::Refused { status: status.as_u16(), text })
            }
            _ => Err(IndexError::Unavailable(format!("{} {text}", status.as_u16()))),
        }
    }
}

/// Adds the rows of a page that can be read; tells how many rows there were.
pub fn sift<T: DeserializeOwned>(body: &[u8], all: &mut Every<T>) -> Result<u64, IndexError> {
    let unread = |error: serde_json::Error| IndexError::Unavailable(format!("not what was expected: {error}"));
    let rows: Option<Vec<&RawValue>> = serde_json::from_slice(body).map_err(unread)?;
    let rows = rows.unwrap_or_default();
    for row in &rows {
        match serde_json::from_str(row.get()) {
            Ok(item) => all.items.push(item),
            Err(_) => all.dropped += 1,
        }
    }
    Ok(rows.len() as u64)
}

fn read<T: DeserializeOwned>(body: &[u8]) -> Result<T, IndexError> {
    serde_json::from_slice(body).map_err(|error| IndexError::Unavailable(format!("not what was expected: {error}")))
}

#[cfg(test)]
mod tests {
    use std::net::{Ipv4Addr, TcpListener};
    use std::sync::Arc;

    use actix_web::{App, HttpResponse, HttpServer, web};

    use super::*;
    use crate::wire::gridproxy::filter::Order;
    use crate::wire::gridproxy::server::{IndexBackend, routes};
    use crate::wire::gridproxy::types::{ContractDetails, FarmIp, Resources, Status};

    /// 120 nodes in 12 farms: enough for pages. Node `n` has `n` GiB of memory free.
    struct Fixed;

    impl IndexBackend for Fixed {
        fn nodes(&self) -> Vec<Node> {
            let node = |node_id: u32| Node {
                node_id,
                twin_id: 1000 + node_id,
                farm_id: 1 + node_id % 12,
                country: if node_id.is_multiple_of(2) { "Belgium" } else { "Côte d'Ivoire" }.into(),
                status: if node_id.is_multiple_of(3) { Status::Standby } else { Status::Up },
                healthy: node_id != 1,
                total_resources: Resources {
                    mru: u64::from(node_id + 1) << 30,
                    cru: 200 - u64::from(node_id),
                    ..Default::default()
                },
                used_resources: Resources { mru: 1 << 30, ..Default::default() },
                rented: node_id == 4,
                rented_by_twin_id: if node_id == 4 { 7 } else { 0 },
                features: vec!["zmachine".into(), "network".into()],
                certification_type: "Diy".into(),
                ..Node::default()
            };
            (1..=120).map(node).collect()
        }

        fn farms(&self) -> Vec<Farm> {
            let ip = FarmIp { ip: "192.0.2.2/24".into(), gateway: "192.0.2.1".into(), ..FarmIp::default() };
            (1..=12).map(|farm_id| Farm { farm_id, public_ips: vec![ip.clone()], ..Farm::default() }).collect()
        }

        fn contracts(&self) -> Vec<Contract> {
            let details = |node| ContractDetails { node_id: Some(node), ..Default::default() };
            let contract = |contract_id: u64, state: &str| Contract {
                contract_id,
                twin_id: 7,
                state: state.into(),
                kind: "node".into(),
                details: details(4),
                ..Contract::default()
            };
            vec![contract(1, "Created"), contract(2, "GracePeriod"), contract(3, "Deleted")]
        }

        fn twins(&self) -> Vec<Twin> {
            vec![Twin { twin_id: 7, public_key: "0x03".into(), ..Twin::default() }]
        }
    }

    fn http() -> Client {
        let _ = rustls::crypto::ring::default_provider().install_default();
        Client::builder().tls_certs_only([]).redirect(reqwest::redirect::Policy::none()).build().unwrap()
    }

    fn serve() -> Url {
        let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).unwrap();
        let url = format!("http://{}", listener.local_addr().unwrap()).parse().unwrap();
        let huge = || async { HttpResponse::Ok().body(vec![b' '; MAX_BODY_BYTES + 1]) };
        let app = move || App::new().route("/huge/stats", web::get().to(huge)).configure(routes(Arc::new(Fixed)));
        tokio::spawn(HttpServer::new(app).workers(1).disable_signals().listen(listener).unwrap().run());
        url
    }

    fn ids(nodes: &[Node]) -> Vec<u32> {
        nodes.iter().map(|node| node.node_id).collect()
    }

    #[tokio::test]
    async fn lists_come_in_pages_with_a_count() {
        let index = GridProxy::new(vec![serve()], http());
        let paging = |page| Paging { page, size: 50, ret_count: true };
        let last = index.nodes(&NodeFilter::default(), paging(3)).await.unwrap();
        assert_eq!((last.items.len(), last.count), (20, Some(120)));
        assert_eq!(index.nodes(&NodeFilter::default(), paging(4)).await.unwrap().items, vec![]);
        let default = index.nodes(&NodeFilter::default(), Paging::default()).await.unwrap();
        assert_eq!((default.items.len(), default.count), (50, None));
        assert_eq!(index.every_node(&NodeFilter::default()).await.unwrap().items.len(), 120);
        assert_eq!(index.every_farm(&FarmFilter::default()).await.unwrap().items.len(), 12);
    }

    #[test]
    fn a_bad_row_costs_itself_only() {
        let mut all = Every { items: Vec::new(), dropped: 0 };
        let page =
            r#"[{"nodeId":1},{"nodeId":-1},7,null,"x",{"nodeId":2,"status":["up"]},{"nodeId":3,"uptime":"long"},{"nodeId":4}]"#;
        assert_eq!(sift::<Node>(page.as_bytes(), &mut all), Ok(8));
        assert_eq!((ids(&all.items), all.dropped), (vec![1, 4], 6));
        assert_eq!(sift::<Node>(b"null", &mut all), Ok(0));
        assert!(sift::<Node>(b"<html>", &mut all).is_err() && sift::<Node>(b"{\"nodeId\":1}", &mut all).is_err());
    }

    #[tokio::test]
    async fn filters_and_order_reach_the_server() {
        let index = GridProxy::new(vec![serve()], http());
        let find = async |filter| ids(&index.every_node(&filter).await.unwrap().items);
        let filter = NodeFilter { free_mru: Some(118 << 30), ..Default::default() };
        assert_eq!(find(filter.clone()).await, [118, 119, 120]);
        assert_eq!(find(NodeFilter { sort_by: Some("free_cru".into()), ..filter.clone() }).await, [120, 119, 118]);
        assert_eq!(find(NodeFilter { sort_order: Some(Order::Desc), ..filter.clone() }).await, [120, 119, 118]);
        assert_eq!(find(NodeFilter { status: vec![Status::Standby, Status::Down], ..filter.clone() }).await, [120]);
        assert_eq!(find(NodeFilter { country: Some("Cote d'Ivoire".into()), ..filter.clone() }).await, [119; 0]);
        assert_eq!(find(NodeFilter { country: Some("Côte d'ivoire".into()), ..filter }).await, [119]);
        let few = NodeFilter { node_ids: vec![1, 2, 4], ..Default::default() };
        assert_eq!(find(NodeFilter { healthy: Some(true), ..few.clone() }).await, [2, 4]);
        assert_eq!(find(NodeFilter { available_for: Some(8), ..few.clone() }).await, [1, 2]);
        assert_eq!(find(NodeFilter { available_for: Some(7), ..few.clone() }).await, [1, 2, 4]);
        assert_eq!(find(NodeFilter { farm_ids: vec![2, 3], ..few.clone() }).await, [1, 2]);
        let both = vec!["network".into(), "zmachine".into()];
        assert_eq!(find(NodeFilter { features: both, ..few.clone() }).await, [1, 2, 4]);
        assert_eq!(find(NodeFilter { features: vec!["qsfs".into()], ..few.clone() }).await, [1; 0]);
        assert_eq!(find(NodeFilter { certification_type: Some("Certified".into()), ..few }).await, [1; 0]);

        let live = ContractFilter { state: vec!["Created".into(), "GracePeriod".into()], ..Default::default() };
        let contracts = index.every_contract(&live).await.unwrap().items;
        assert_eq!(contracts.iter().map(|contract| contract.contract_id).collect::<Vec<_>>(), [1, 2]);
    }

    #[tokio::test]
    async fn single_things_are_found_or_not() {
        let index = GridProxy::new(vec![serve()], http());
        let node = index.node(9).await.unwrap();
        assert_eq!((node.node_id, node.free().mru), (9, 9 << 30), "the nested form is unnested");
        assert_eq!(index.node(121).await, Err(IndexError::NotFound));
        assert_eq!(index.twin(7).await.unwrap().pk(), Some(vec![3]));
        assert_eq!(index.twin(8).await, Err(IndexError::NotFound));
        let stats = index.stats().await.unwrap();
        assert_eq!((stats.nodes, stats.farms, stats.countries, stats.contracts, stats.public_ips), (80, 12, 2, 2, 12));
    }

    #[tokio::test]
    async fn the_next_server_is_asked_when_one_is_of_no_use() {
        let good = serve();
        let gone = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).unwrap().local_addr().unwrap();
        let gone: Url = format!("http://{gone}").parse().unwrap();
        let huge = good.join("huge").unwrap();
        assert!(matches!(GridProxy::new(vec![gone.clone()], http()).stats().await, Err(IndexError::Unavailable(_))));
        let too_large = GridProxy::new(vec![huge.clone()], http()).stats().await;
        assert_eq!(too_large, Err(IndexError::Unavailable("answer larger than 8 MiB".into())));
        let index = GridProxy::new(vec![gone, huge, good.clone()], http());
        assert_eq!(index.stats().await.unwrap().nodes, 80);

        // A wrong question is not asked again elsewhere.
        let answer = reqwest::Client::clone(&http()).get(good.join("nodes?farm_ids=x").unwrap()).send().await.unwrap();
        assert_eq!(answer.status(), 400);
        assert!(answer.text().await.unwrap().starts_with(r#"{"error":"#));
    }
}
