//! What the tests of relay, nodes and index share: a chain that does as it is told, and an operator on the bus.

use std::collections::BTreeMap;
use std::net::Ipv4Addr;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use futures_util::future::BoxFuture;
use serde_json::Value;
use tokio::sync::watch;
use tokio::time::{Instant, sleep};

use super::super::fleet::{self, RELAY};
use super::super::genesis::{Genesis, Resources};
use super::super::relay::Relay;
use super::super::{BillView, ChainView, ContractStateView, ContractView, TwinView};
use super::Nodes;
use crate::host::{HostClock, HostRandom};
use crate::wire::key::{KeyPair, Scheme};
use crate::wire::rmb::{Peer, RmbClient, RmbError, codec};
use crate::wire::zos::client::latest;
use crate::wire::zos::deployment::State;
use crate::wire::zos::{Bus, BusError, Deployment, Disk, Mycelium, Node, PrivateNet, Vm, Workload, ZosError};

pub const GIB: u64 = 1 << 30;
pub const OPERATOR: u32 = 1000;
pub const STRANGER: u32 = 1001;
/// Quick enough for a test, slow enough to see the steps.
pub const STEP: Duration = Duration::from_millis(20);

pub struct FakeChain {
    twins: Mutex<BTreeMap<u32, TwinView>>,
    contracts: Mutex<BTreeMap<u64, ContractView>>,
    pub reported: Mutex<BTreeMap<u64, Resources>>,
    changes: watch::Sender<u64>,
}

impl FakeChain {
    pub fn new(genesis: &Genesis) -> Arc<FakeChain> {
        let twins = genesis.twins.iter().cloned();
        let twins = twins.map(|it| (it.id, TwinView { id: it.id, account: it.account, relay: it.relay, pk: it.pk }));
        let (contracts, reported) = Default::default();
        Arc::new(FakeChain { twins: Mutex::new(twins.collect()), contracts, reported, changes: watch::channel(0).0 })
    }

    pub fn put_twin(&self, id: u32, key: &KeyPair, pk: bool) {
        let pk = pk.then(|| codec::public_key(key.encryption_secret()).unwrap().to_vec());
        let twin = TwinView { id, account: key.public(), relay: Some(RELAY.into()), pk };
        self.twins.lock().unwrap().insert(id, twin);
    }

    pub fn forget_relay(&self, id: u32) {
        self.twins.lock().unwrap().get_mut(&id).unwrap().relay = None;
    }

    pub fn put_contract(&self, contract: ContractView) {
        self.contracts.lock().unwrap().insert(contract.id, contract);
        self.changes.send_modify(|change| *change += 1);
    }

    pub fn set_state(&self, contract: u64, state: ContractStateView) {
        self.contracts.lock().unwrap().get_mut(&contract).unwrap().state = state;
        self.changes.send_modify(|change| *change += 1);
    }
}

impl ChainView for FakeChain {
    fn twin(&self, id: u32) -> Option<TwinView> {
        self.twins.lock().unwrap().get(&id).cloned()
    }
    fn twins(&self) -> Vec<TwinView> {
        self.twins.lock().unwrap().values().cloned().collect()
    }
    fn contract(&self, id: u64) -> Option<ContractView> {
        self.contracts.lock().unwrap().get(&id).cloned()
    }
    fn contracts(&self) -> Vec<ContractView> {
        self.contracts.lock().unwrap().values().cloned().collect()
    }
    fn changes(&self) -> watch::Receiver<u64> {
        self.changes.subscribe()
    }
    fn bills(&self, _: u64) -> Vec<BillView> {
        vec![]
    }
    fn report_resources(&self, contract: u64, used: Resources) {
        self.reported.lock().unwrap().insert(contract, used);
    }
}

/// The bus as nodes' clients want it, over the true client.
pub struct Line {
    pub client: RmbClient,
    pub ttl: Duration,
}

impl Bus for Line {
    fn call<'a>(&'a self, twin: u32, command: &'a str, payload: Value) -> BoxFuture<'a, Result<Value, BusError>> {
        Box::pin(async move {
            self.client.call(twin, command, payload, self.ttl).await.map_err(|error| match error {
                RmbError::Remote { message, .. } => BusError::Remote(message),
                error if error.outcome_is_unknown() => BusError::Unknown(error.to_string()),
                error => BusError::Undelivered(error.to_string()),
            })
        })
    }
}

pub struct World {
    pub genesis: Genesis,
    pub chain: Arc<FakeChain>,
    pub clock: Arc<HostClock>,
    pub relay: Relay,
    pub relay_url: reqwest::Url,
    pub nodes: Nodes,
    pub line: Line,
}

impl Drop for World {
    fn drop(&mut self) {
        self.nodes.stop();
        self.relay.stop();
    }
}

pub fn operator_key() -> KeyPair {
    KeyPair::from_mini_secret([42; 32], Scheme::Sr25519)
}

impl World {
    pub async fn start() -> World {
        let fleet = fleet::fleet();
        let genesis = fleet.genesis(Vec::new(), 10);
        let chain = FakeChain::new(&genesis);
        chain.put_twin(OPERATOR, &operator_key(), true);
        let clock = HostClock::new();
        let (relay, relay_url) = Relay::start(chain.clone(), clock.clone(), 0).await.unwrap();
        let (profiles, random) = (&fleet.profiles, Arc::new(HostRandom));
        let nodes = Nodes::start(&genesis, profiles, chain.clone(), relay.clone(), clock.clone(), random, STEP);
        let client = client(&chain, &clock, &relay_url, OPERATOR, operator_key(), "operator");
        let line = Line { client, ttl: Duration::from_secs(5) };
        World { genesis, chain, clock, relay, relay_url, nodes, line }
    }

    pub fn client(&self, twin: u32, key: KeyPair, sid: &str) -> RmbClient {
        client(&self.chain, &self.clock, &self.relay_url, twin, key, sid)
    }

    pub fn twin_of(&self, node: u32) -> u32 {
        self.genesis.nodes[node as usize - 1].twin
    }

    pub fn node(&self, node: u32) -> Node<'_> {
        Node::new(&self.line, self.twin_of(node))
    }

    /// Makes the contract for a deployment on `node`, then signs the deployment.
    pub fn contract(&self, deployment: &mut Deployment, node: u32, id: u64, ips: &[&str]) {
        deployment.contract_id = id;
        deployment.sign(OPERATOR, &operator_key()).unwrap();
        self.chain.put_contract(ContractView {
            id,
            twin: OPERATOR,
            state: ContractStateView::Created,
            node: Some(node),
            deployment_hash: Some(deployment.hash_hex().unwrap()),
            deployment_data: deployment.metadata.clone(),
            public_ips: ips.len() as u32,
            ips: ips.iter().map(|ip| (*ip).to_owned()).collect(),
            name: None,
            created: 1_700_000_000,
        });
    }

    /// Polls until every workload is what `done` wants; panics after ten seconds.
    pub async fn until(&self, node: u32, contract: u64, done: impl Fn(State) -> bool) -> Vec<Workload> {
        let start = Instant::now();
        loop {
            let changes = self.node(node).changes(contract).await.unwrap();
            let last = latest(&changes);
            if last.iter().all(|workload| done(workload.result.state)) {
                return last.into_iter().cloned().collect();
            }
            assert!(start.elapsed() < Duration::from_secs(10), "still {last:?}");
            sleep(STEP).await;
        }
    }

    /// Waits until the node does not know the contract any more.
    pub async fn until_gone(&self, node: u32, contract: u64) {
        let start = Instant::now();
        while !matches!(self.node(node).get(contract).await, Err(ZosError::Refused(crate::wire::zos::Refusal::NotFound, _))) {
            assert!(start.elapsed() < Duration::from_secs(10), "still there");
            sleep(STEP).await;
        }
    }
}

fn client(chain: &Arc<FakeChain>, clock: &Arc<HostClock>, relay: &reqwest::Url, twin: u32, key: KeyPair, sid: &str) -> RmbClient {
    let chain = chain.clone();
    let directory = move |twin| chain.twin(twin).map(|twin| Peer { account: twin.account, pk: twin.pk });
    RmbClient::connect(relay.clone(), twin, key, sid, clock.clone(), Arc::new(HostRandom), Arc::new(directory))
}

/// A full VM with a boot disk, mycelium and a public address.
pub fn vm() -> Vm {
    Vm {
        name: "web1".into(),
        flist: "https://hub.grid.tf/tf-official-vms/ubuntu-22.04.flist".into(),
        entrypoint: "/init.sh".into(),
        cpu: 2,
        memory: 4 * GIB,
        disk: Disk::Boot(25 * GIB),
        data_disks: vec![],
        ssh_keys: vec!["ssh-ed25519 AAAA".into()],
        env: Default::default(),
        network: PrivateNet {
            name: "net1".into(),
            range: "10.20.0.0/16".parse().unwrap(),
            subnet: "10.20.2.0/24".parse().unwrap(),
            ip: Ipv4Addr::new(10, 20, 2, 5),
            wireguard_key: [1; 32],
            wireguard_port: 5533,
            peers: vec![],
            mycelium: Some(Mycelium { key: [0xaa; 32], seed: [1, 2, 3, 4, 5, 6] }),
            metadata: String::new(),
        },
        public_ipv4: true,
        public_ipv6: false,
        light: false,
        metadata: r#"{"version":4,"type":"vm"}"#.into(),
        description: String::new(),
    }
}
