//! The ThreeFold Grid, version 3: contracts on TFChain, deployments over the message bus, nodes from the index.

mod block;
mod draft;
mod gateway;
mod plan;
mod purse;
mod store;
mod update;

use std::collections::BTreeMap;
use std::net::SocketAddr;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use futures_util::future::BoxFuture;
use md5::{Digest, Md5};
use serde_json::Value;
use tokio::sync::OnceCell;

pub use self::draft::Version;
use self::draft::machine_name;
pub use self::plan::Planner;
use self::plan::{deployment_data, order_of};
pub use self::store::with_password;
use super::{Account, Block, Call, Census, ContractState, Fate, Held, Progress, Signed, Standing, census};
use crate::base::ids::OrderId;
use crate::base::money::Tft;
use crate::base::time::{HOUR, MINUTE};
use crate::base::{Clock, Error, Kind, Random, Result, Secret, Time};
use crate::domain::handover::Taken;
use crate::domain::order::{Access, Attempt};
use crate::wire::gridproxy::client::GridProxy;
use crate::wire::gridproxy::filter::{FarmFilter, NodeFilter};
use crate::wire::identity::Identity;
use crate::wire::key::{AccountId, KeyPair, Scheme, account, address};
use crate::wire::rmb::client::{Directory, Peer, RmbClient, RmbError};
use crate::wire::rmb::codec::public_key;
use crate::wire::tfchain::client::{ChainClient, Timeouts, forgotten};
use crate::wire::tfchain::types as chain;
use crate::wire::zos::answer::{Refusal, addresses};
use crate::wire::zos::client::{Bus, BusError, Node as ZosNode, ZosError};
use crate::wire::zos::deployment::{Deployment, State, Workload};

/// Blocks a signed call may wait: about six minutes.
const ERA_BLOCKS: u64 = 64;
const INDEX_ANSWER: Duration = Duration::from_secs(15);
/// Blocks asked for at once.
const AT_ONCE: usize = 16;
/// So long a twin's key is believed that was read from the chain: nodes get new ones.
const PEERS_FOR: Duration = Duration::from_secs(10 * MINUTE.as_secs());
/// So long a farmer's account is: twins change hands.
const FARMERS_FOR: Duration = HOUR;
const TERMS_LINK: &str = "https://library.threefold.me/info/legal/#/";

/// Where the grid is, and who we are on it.
pub struct Config {
    pub chain: Vec<String>,
    /// The chain that the books were made with: hex of its first block's hash. No other is asked anything.
    pub genesis: Option<String>,
    pub relay: String,
    pub index: Vec<String>,
    /// Whether a twin was shown to belong to somebody: nodes ask here. May be empty.
    pub identity: String,
    /// Where all stores are reached, if not at their own addresses. May be empty.
    pub stores: String,
    /// The words of the account. Without them nothing is signed.
    pub mnemonic: Secret<String>,
    /// The account to watch, if there are no words.
    pub watch: String,
    /// How long a node may take to answer one request.
    pub answer: Duration,
    pub clock: Arc<dyn Clock>,
    pub random: Arc<dyn Random>,
}

pub struct Tfgrid {
    pub(super) chain: Arc<Chain>,
    relay: reqwest::Url,
    index: GridProxy,
    pub(super) identity: Option<Identity>,
    /// None: watching only.
    key: Option<KeyPair>,
    own: AccountId,
    pub(super) clock: Arc<dyn Clock>,
    random: Arc<dyn Random>,
    bus: OnceCell<RmbBus>,
    answer: Duration,
    /// Where all stores are reached, if not at their own addresses.
    stores: Option<SocketAddr>,
    /// Farmers' accounts by their twin, and when they were learnt.
    farmers: Mutex<BTreeMap<u32, (AccountId, Time)>>,
}

/// The chain, connected at the first question.
pub(super) struct Chain {
    pub(super) urls: Vec<String>,
    genesis: Option<chain::Hash>,
    pub(super) client: OnceCell<ChainClient>,
    /// With the moment they were learnt.
    peers: Mutex<BTreeMap<u32, (Peer, Time)>>,
    clock: Arc<dyn Clock>,
}

impl Chain {
    pub(super) async fn get(&self) -> Result<&ChainClient> {
        self.connected().await.map_err(chain_error)
    }

    pub(super) async fn connected(&self) -> Result<&ChainClient, crate::wire::tfchain::Error> {
        self.client.get_or_try_init(|| ChainClient::connect_to(&self.urls, Timeouts::default(), self.genesis)).await
    }

    async fn twin(&self, id: u32, at: Option<chain::Hash>) -> Result<chain::Twin> {
        let twin = self.get().await?.twin(id, at).await.map_err(chain_error)?;
        twin.ok_or_else(|| Error::not_found("twin"))
    }
}

impl Directory for Chain {
    fn peer(&self, twin: u32) -> BoxFuture<'_, Option<Peer>> {
        Box::pin(async move {
            let peers = || self.peers.lock().unwrap_or_else(PoisonError::into_inner);
            let (known, now) = (peers().get(&twin).cloned(), self.clock.now());
            if let Some((peer, at)) = &known
                && now.since(*at) < PEERS_FOR
            {
                return Some(peer.clone());
            }
            match self.twin(twin, None).await {
                Ok(found) => {
                    let peer = Peer { account: found.account, pk: found.pk.filter(|pk| !pk.is_empty()) };
                    peers().insert(twin, (peer.clone(), now));
                    Some(peer)
                }
                // Better an old key than none, while nobody can say.
                Err(_) => known.map(|(peer, _)| peer),
            }
        })
    }
}

/// The message bus, as a node's client wants it.
struct RmbBus {
    client: RmbClient,
    answer: Duration,
}

impl Bus for RmbBus {
    fn call<'a>(&'a self, twin: u32, command: &'a str, payload: Value) -> BoxFuture<'a, Result<Value, BusError>> {
        Box::pin(async move {
            self.client.call(twin, command, payload, self.answer).await.map_err(|error| match error {
                RmbError::Remote { message, .. } => BusError::Remote(message),
                RmbError::Disconnected => BusError::Undelivered(error.to_string()),
                RmbError::Relay { message } => BusError::Undelivered(message),
                RmbError::Timeout | RmbError::BadAnswer(_) => BusError::Unknown(error.to_string()),
            })
        })
    }
}

impl Tfgrid {
    pub fn new(config: Config) -> Result<Self> {
        let wrong = |what: &str| Error::new(Kind::Invalid, format!("The setting {what} can't be used."));
        let url = |what: &str, text: &str| reqwest::Url::parse(text).map_err(|_| wrong(what));
        let http = reqwest::Client::builder()
            .timeout(INDEX_ANSWER)
            .redirect(reqwest::redirect::Policy::none())
            .build()
            .map_err(|cause| Error::internal("No HTTP client can be made.").because(cause))?;
        let bases = config.index.iter().map(|text| url("grid.index", text)).collect::<Result<Vec<_>>>()?;
        let (key, own) = match (config.mnemonic.reveal().is_empty(), config.watch.as_str()) {
            (true, watched) if !watched.is_empty() => (None, account(watched).ok_or_else(|| wrong("grid.watch"))?),
            _ => {
                let key = KeyPair::from_mnemonic(config.mnemonic.reveal(), Scheme::Sr25519).map_err(|_| {
                    Error::new(Kind::Invalid, "The setting grid.mnemonic is missing, or it is not 12 to 24 words of the list.")
                })?;
                let own = key.public();
                (Some(key), own)
            }
        };
        let identity = match config.identity.is_empty() {
            true => None,
            false => Some(Identity::new(url("grid.identity", &config.identity)?, http.clone())),
        };
        let stores = match config.stores.as_str() {
            "" => None,
            address => Some(address.parse().map_err(|_| wrong("grid.stores"))?),
        };
        let genesis = config.genesis.map(|hex| -> Result<chain::Hash> {
            let bytes = hex::decode(hex).ok().and_then(|bytes| bytes.try_into().ok());
            bytes.ok_or_else(|| Error::internal("The chain of these books can't be read."))
        });
        let genesis = genesis.transpose()?;
        Ok(Tfgrid {
            chain: Arc::new(Chain {
                urls: config.chain,
                genesis,
                client: OnceCell::new(),
                peers: Mutex::default(),
                clock: config.clock.clone(),
            }),
            relay: url("grid.relay", &config.relay)?,
            index: GridProxy::new(bases, http),
            identity,
            key,
            own,
            clock: config.clock,
            random: config.random,
            bus: OnceCell::new(),
            answer: config.answer,
            stores,
            farmers: Mutex::default(),
        })
    }

    /// Our address on the chain.
    pub fn address(&self) -> String {
        address(&self.own)
    }

    /// The key, unless we only watch.
    fn key(&self) -> Result<&KeyPair> {
        self.key.as_ref().ok_or_else(|| Error::unavailable("There are no words for the wallet: nothing can be signed."))
    }

    pub fn can_sign(&self) -> bool {
        self.key.is_some()
    }

    pub fn planner(&self, twin: u32) -> Planner {
        Planner::new(twin)
    }

    /// Every node of the grid, with what selling on it needs. Whether a node opted out is asked of the chain, for all at once.
    pub async fn nodes(&self, now: Time) -> Result<Census> {
        let (every_node, every_farm) = (NodeFilter::default(), FarmFilter::default());
        let (nodes, farms) = tokio::try_join!(self.index.every_node(&every_node), self.index.every_farm(&every_farm))
            .map_err(|cause| Error::unavailable("The node index does not answer.").because(cause))?;
        let chain = self.chain.get().await?;
        let (opted_out, policy) =
            tokio::try_join!(chain.opted_out_nodes(None), chain.pricing_policy(None)).map_err(chain_error)?;
        let beside = census::Beside { farms: &farms.items, opted_out: &opted_out, policy: &policy, now };
        Ok(census::take(nodes.items, nodes.dropped.saturating_add(farms.dropped), &beside))
    }

    /// What the chain says of one node now.
    pub async fn standing(&self, node: u32) -> Result<Standing> {
        let chain = self.chain.get().await?;
        let at = Some(chain.finalized().await.map_err(chain_error)?.hash);
        let (opted_out, rented_by, extra_fee_musd) =
            tokio::try_join!(chain.opted_out(node, at), chain.rented_by(node, at), chain.extra_fee(node, at))
                .map_err(chain_error)?;
        Ok(Standing { opted_out, rented_by, extra_fee_musd })
    }

    /// The accounts of farmers, as of a block at most an hour before `head`.
    async fn farmers(&self, twins: impl Iterator<Item = u32>, head: &Block) -> Result<BTreeMap<AccountId, u32>> {
        let known = || self.farmers.lock().unwrap_or_else(PoisonError::into_inner);
        let mut farmers = BTreeMap::new();
        for twin in twins {
            let before = known().get(&twin).copied();
            let account = match before {
                Some((account, at)) if head.at.since(at) < FARMERS_FOR => account,
                _ => match self.chain.twin(twin, Some(head.hash)).await {
                    Ok(found) => {
                        known().insert(twin, (found.account, head.at));
                        found.account
                    }
                    // One that is gone keeps nobody's bills from being read.
                    Err(error) if error.kind() == Kind::NotFound => {
                        tracing::warn!(twin, "the chain does not know a farmer's twin: what it is paid can't be told");
                        continue;
                    }
                    Err(error) => return Err(error),
                },
            };
            farmers.insert(account, twin);
        }
        Ok(farmers)
    }

    /// The account behind a farmer's twin, for proofs of ownership.
    pub async fn account_of(&self, twin: u32) -> Result<AccountId> {
        let head = self.finalized().await?;
        self.chain.twin(twin, Some(head.hash)).await.map(|twin| twin.account)
    }

    // What our account has on the chain.

    pub async fn account(&self) -> Result<Account> {
        let chain = self.chain.get().await?;
        let own = self.own;
        let at = Some(chain.finalized().await.map_err(chain_error)?.hash);
        let twin = chain.twin_id_of(&own, at).await.map_err(chain_error)?;
        let current = match twin {
            Some(id) => {
                let twin = self.chain.twin(id, at).await?;
                // Without the key nobody can tell whether the twin's is the right one.
                self.key.is_none()
                    || (twin.relay.as_deref() == Some(self.relay_name().as_str()) && twin.pk == self.encryption_key())
            }
            None => false,
        };
        Ok(Account {
            address: self.address(),
            terms_accepted: twin.is_some() || chain.accepted_terms(&own, at).await.map_err(chain_error)?,
            twin,
            twin_current: current,
        })
    }

    fn relay_name(&self) -> String {
        self.relay.host_str().unwrap_or_default().to_owned()
    }

    fn encryption_key(&self) -> Option<Vec<u8>> {
        public_key(self.key.as_ref()?.encryption_secret()).map(|key| key.to_vec())
    }

    // Signed calls.

    pub async fn next_nonce(&self) -> Result<u32> {
        self.chain.get().await?.next_nonce(&self.own).await.map_err(chain_error)
    }

    /// The contract for what an attempt puts on its node, and for so many public IPv4 addresses.
    pub fn contract_call(&self, order: OrderId, attempt: &Attempt, public_ips: u32) -> Call {
        let said = attempt.deployment.get("metadata").and_then(Value::as_str);
        let data = said.map_or_else(|| deployment_data(order), str::to_owned);
        Call::CreateContract { node: attempt.node(), hash: attempt.hash.clone(), data, public_ips }
    }

    /// The contract of an attempt, for another version of what is on its node.
    pub fn update_call(&self, order: OrderId, contract: u64, hash: &str) -> Call {
        Call::UpdateContract { contract, hash: hash.to_owned(), data: deployment_data(order) }
    }

    /// Signs a call; nothing leaves but questions.
    pub async fn sign(&self, call: &Call, nonce: u32) -> Result<Signed> {
        let call = match call {
            Call::AcceptTerms => chain::Call::AcceptTerms { link: TERMS_LINK.into(), hash: hex::encode(Md5::digest(TERMS_LINK)) },
            Call::CreateTwin => chain::Call::CreateTwin { relay: Some(self.relay_name()), pk: self.encryption_key() },
            Call::UpdateTwin => chain::Call::UpdateTwin { relay: Some(self.relay_name()), pk: self.encryption_key() },
            Call::CreateContract { node, hash, data, public_ips } => chain::Call::CreateNodeContract {
                node: *node,
                hash: ascii(hash)?,
                data: data.clone().into_bytes(),
                public_ips: *public_ips,
                solution_provider: None,
            },
            Call::CancelContract { contract } => chain::Call::CancelContract { contract: *contract },
            Call::UpdateContract { contract, hash, data } => {
                chain::Call::UpdateNodeContract { contract: *contract, hash: ascii(hash)?, data: data.clone().into_bytes() }
            }
            Call::CreateName { name } => chain::Call::CreateNameContract { name: name.clone().into_bytes() },
        };
        let signed = self.chain.get().await?.sign(self.key()?, &call, nonce, ERA_BLOCKS).await.map_err(chain_error)?;
        Ok(Signed {
            nonce,
            bytes: signed.bytes,
            hash: signed.hash,
            birth_block: signed.birth_block,
            last_block: signed.last_block,
        })
    }

    /// Sends signed bytes. Sending them again is harmless.
    pub async fn submit(&self, bytes: &[u8]) -> Result<()> {
        self.chain.get().await?.submit(bytes).await.map(drop).map_err(|error| match &error {
            crate::wire::tfchain::Error::Rejected { reason } if reason.contains("pay some fees") => {
                Error::unfunded("The wallet can't pay the grid's fee.").because(error)
            }
            _ => chain_error(error),
        })
    }

    /// What became of signed bytes, by finalized blocks only.
    pub async fn fate(&self, signed: &Signed) -> Result<Fate> {
        let call = chain::SignedCall {
            bytes: signed.bytes.clone(),
            hash: signed.hash,
            signer: self.own,
            nonce: signed.nonce,
            birth_block: signed.birth_block,
            last_block: signed.last_block,
        };
        let outcome = self.chain.get().await?.outcome(&call).await.map_err(chain_error)?;
        Ok(match outcome {
            chain::Outcome::Pending => Fate::Pending,
            chain::Outcome::Included { number, result: Ok(_), .. } => Fate::Landed { block: number },
            chain::Outcome::Included { result: Err(error), .. } => Fate::Refused(format!("{}.{}", error.pallet, error.name)),
            chain::Outcome::Expired => Fate::Expired,
            chain::Outcome::Usurped => Fate::Usurped,
        })
    }

    /// The number of the contract for a plan at a block, if it is ours: anybody may squat a hash.
    pub async fn contract_of(&self, node: u32, hash: &str, twin: u32, at: &[u8; 32]) -> Result<Option<u64>> {
        let chain = self.chain.get().await?;
        let Some(id) = chain.contract_by_hash(node, &ascii(hash)?, Some(*at)).await.map_err(chain_error)? else {
            return Ok(None);
        };
        let contract = chain.contract(id, Some(*at)).await.map_err(chain_error)?;
        Ok(contract.filter(|contract| contract.twin == twin).map(|contract| contract.id))
    }

    /// Every contract that our twin has at a block.
    pub async fn contracts_held(&self, twin: u32, at: &Block) -> Result<Vec<Held>> {
        let all = self.chain.get().await?.contracts_of(twin, Some(at.hash)).await.map_err(chain_error)?;
        let live = all.into_iter().filter(|contract| !matches!(contract.state, chain::ContractState::Deleted(_)));
        let held = live.map(|contract| {
            let (node, order) = match &contract.kind {
                chain::ContractKind::Node { node, data, .. } => (Some(*node), order_of(data)),
                chain::ContractKind::Rent { node } => (Some(*node), None),
                chain::ContractKind::Name { .. } | chain::ContractKind::Other => (None, None),
            };
            Held { contract: contract.id, node, order }
        });
        Ok(held.collect())
    }

    /// The first block that has a contract which is there at `head`; of those whose state the chain still keeps.
    pub async fn born(&self, contract: u64, head: &Block) -> Result<u32> {
        let chain = self.chain.get().await?;
        let (mut before, mut there) = (0, head.number);
        while there - before > 1 {
            let middle = before + (there - before) / 2;
            let hash = chain.block_hash(middle).await.map_err(chain_error)?;
            let has = match hash {
                Some(hash) => chain.has_contract(contract, hash).await,
                None => Ok(false),
            };
            match has {
                Ok(true) => there = middle,
                Ok(false) => before = middle,
                Err(error) if forgotten(&error) => before = middle,
                Err(error) => return Err(chain_error(error)),
            }
        }
        Ok(there)
    }

    /// What has become of a contract, at a block.
    pub async fn contract_state(&self, contract: u64, at: &[u8; 32]) -> Result<ContractState> {
        let state = |found: Option<chain::Contract>| match found.map(|contract| contract.state) {
            None | Some(chain::ContractState::Deleted(_)) => ContractState::Gone,
            Some(chain::ContractState::GracePeriod(_)) => ContractState::Paused,
            Some(chain::ContractState::Created) => ContractState::Runs,
        };
        let chain = self.chain.get().await?;
        match state(chain.contract(contract, Some(*at)).await.map_err(chain_error)?) {
            // What is gone ends an order for good: one node alone is not believed.
            ContractState::Gone => Ok(state(chain.vouched_contract(contract, *at).await.map_err(chain_error)?)),
            there => Ok(there),
        }
    }

    /// What the owner of an account has of an order under a twin of their own, at a finalized block and by the word of two nodes: a live
    /// contract of this number whose public text names the order.
    pub async fn taken_over(&self, owner: &str, order: OrderId, contract: u64) -> Result<Option<Taken>> {
        let owner = account(owner).ok_or_else(|| Error::internal("A stored address can't be read."))?;
        let chain = self.chain.get().await?;
        let at = chain.finalized().await.map_err(chain_error)?.hash;
        let Some(twin) = chain.twin_id_of(&owner, Some(at)).await.map_err(chain_error)? else { return Ok(None) };
        let found = chain.vouched_contract(contract, at).await.map_err(chain_error)?;
        let theirs = |it: &chain::Contract| it.twin == twin && !matches!(it.state, chain::ContractState::Deleted(_));
        let wanted = deployment_data(order);
        Ok(match found.filter(theirs).map(|contract| contract.kind) {
            Some(chain::ContractKind::Node { node, data, .. }) if data == wanted.as_bytes() => {
                Some(Taken { twin, contract, node })
            }
            _ => None,
        })
    }

    // Deployments.

    async fn bus(&self) -> Result<&RmbBus> {
        self.bus
            .get_or_try_init(|| async {
                let twin =
                    self.account().await?.twin.ok_or_else(|| Error::unavailable("The grid account is still being set up."))?;
                let sid = hex::encode(self.random.bytes::<8>());
                let directory: Arc<dyn Directory> = self.chain.clone();
                let client = RmbClient::connect(
                    self.relay.clone(),
                    twin,
                    self.key()?.clone(),
                    sid,
                    self.clock.clone(),
                    self.random.clone(),
                    directory,
                );
                Ok(RmbBus { client, answer: self.answer })
            })
            .await
    }

    /// Hands a plan to its node. Handing it over again is harmless.
    pub async fn deploy(&self, node_twin: u32, contract: u64, plan: &Value) -> Result<()> {
        let deployment = self.signed(contract, plan)?;
        match ZosNode::new(self.bus().await?, node_twin).deploy(&deployment).await {
            Ok(()) | Err(ZosError::Refused(Refusal::Exists, _)) => Ok(()),
            Err(error) => Err(node_error(error)),
        }
    }

    /// A stored deployment as a node takes it.
    fn signed(&self, contract: u64, plan: &Value) -> Result<Deployment> {
        let mut deployment = read_stored(plan)?;
        deployment.contract_id = contract;
        deployment
            .sign(deployment.twin_id, self.key()?)
            .map_err(|cause| Error::internal("A stored deployment can't be signed.").because(cause))?;
        Ok(deployment)
    }

    /// How far a node is with the plan that it was handed.
    pub async fn progress(&self, node_twin: u32, contract: u64, plan: &Value) -> Result<Progress> {
        let told = match ZosNode::new(self.bus().await?, node_twin).get(contract).await {
            Ok(told) => told,
            Err(ZosError::Refused(Refusal::NotFound, _)) => return Ok(Progress::Unknown),
            Err(error) => return Err(node_error(error)),
        };
        Ok(how_far(told, &read_stored(plan)?))
    }

    /// Milliseconds that one thread of a node takes for its own benchmark; None if it has not run yet.
    pub async fn benchmark(&self, node_twin: u32) -> Result<Option<u32>> {
        match ZosNode::new(self.bus().await?, node_twin).cpu_benchmark().await {
            Ok(report) => Ok(report.single_ms()),
            Err(ZosError::Refused(..)) => Ok(None),
            Err(error) => Err(node_error(error)),
        }
    }
}

/// A deployment whose parts are all ready, as its node describes it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Deployed(Box<Deployment>);

impl Deployed {
    /// How to reach the machine in it. What `progress` and `revised` call ready has it, if a machine was asked for.
    pub fn access(&self) -> Result<Access> {
        access(&self.0).ok_or_else(|| Error::unavailable("The node says ready, and gives no address."))
    }

    /// Whether there is a machine in it: one that is stopped has none.
    pub fn has_machine(&self) -> bool {
        machine_name(&self.0).is_some()
    }
}

/// What a node tells of a plan. Only what was handed over counts: a node that leaves a part of it out, or calls a machine ready that
/// can't be reached, is not done, whatever it says of the rest.
fn how_far(told: Deployment, plan: &Deployment) -> Progress {
    if told.workloads.iter().any(|part| part.result.state == State::Paused) {
        return Progress::Paused;
    }
    let failed = |state: &State| matches!(state, State::Error | State::Deleted | State::Unchanged);
    if let Some(bad) = told.workloads.iter().find(|part| failed(&part.result.state)) {
        return Progress::Failed(format!("{}: {}", bad.name, bad.result.error));
    }
    let is_ready = |part: &Workload| told.workload(&part.name).is_some_and(|told| told.result.state == State::Ok);
    let (ready, rest): (Vec<_>, Vec<_>) = plan.workloads.iter().partition(|part| is_ready(part));
    let now = match rest.first() {
        Some(part) => part.data.kind(),
        None if is_reached(&told, plan) => return Progress::Ready(Deployed(Box::new(told))),
        None => "address",
    };
    Progress::Working { ready: ready.len(), of: plan.workloads.len(), now: now.to_owned() }
}

/// Whether a node tells how to reach the machine that it was asked for, if it was asked for one.
fn is_reached(told: &Deployment, wanted: &Deployment) -> bool {
    machine_name(wanted).is_none() || access(told).is_some()
}

/// How to reach the machine in what a node tells; None while there is no way.
fn access(told: &Deployment) -> Option<Access> {
    let found = addresses(told, machine_name(told)?)?;
    let access = Access {
        private_ip: found.private.map(|ip| ip.to_string()).unwrap_or_default(),
        public_ip: found.public4.map(|net| net.ip.to_string()),
        public_ip6: found.public6.map(|net| net.ip.to_string()),
        mycelium_ip: found.mycelium.map(|ip| ip.to_string()),
        console: found.console,
    };
    Some(access).filter(|access| !access.address().is_empty())
}

fn read_stored(plan: &Value) -> Result<Deployment> {
    serde_json::from_value(plan.clone()).map_err(|cause| Error::internal("A stored deployment can't be read.").because(cause))
}

fn ascii(hash: &str) -> Result<[u8; 32]> {
    hash.as_bytes().try_into().map_err(|_| Error::internal("A deployment hash is not 32 letters."))
}

fn tft(units: u128) -> Result<Tft> {
    i64::try_from(units).map(Tft::from_units).map_err(|_| Error::internal("The chain names an amount that can't be."))
}

pub(super) fn chain_error(error: crate::wire::tfchain::client::Error) -> Error {
    use crate::wire::tfchain::client::Error as Chain;
    match error {
        Chain::Unavailable(_) => Error::unavailable("The grid's chain does not answer.").because(error),
        // Nothing is wrong with what is owed: it waits for the chain it was meant for.
        Chain::OtherChain => Error::unavailable("Another chain answers than the one these books were made with.").because(error),
        // Nobody here can do anything about it: what is owed waits until the runtime is good again.
        Chain::UnknownRuntime(_) => {
            Error::unavailable("The grid's chain was changed in a way that we do not know.").because(error)
        }
        _ => Error::internal("The grid's chain says something unexpected.").because(error),
    }
}

/// `Unavailable` when the outcome is unknown, `Conflict` when the node said no.
fn node_error(error: ZosError) -> Error {
    match error {
        ZosError::Refused(_, text) => Error::conflict("The node refused.").because(text),
        unknown => Error::unavailable("The node does not answer.").because(unknown),
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;
    use crate::wire::zos::data::Data;
    use crate::wire::zos::deployment::Outcome;

    #[test]
    fn a_node_is_done_when_every_part_that_was_asked_for_is_there_and_the_machine_can_be_reached() {
        let machine =
            json!({"flist": "f", "network": {"public_ip": "ip", "interfaces": []}, "compute_capacity": {"cpu": 1, "memory": 1}});
        let part = |name: &str, kind: &str, json| Workload::new(name, Data::from_json(kind, json).unwrap());
        let plan = Deployment::new(7, vec![part("ip", "ip", json!({"v4": true})), part("vm", "zmachine", machine)]);
        let told = |ip: Value, vm: Value| {
            let ok = |data| Outcome { created: 1, state: State::Ok, error: String::new(), data };
            let mut told = plan.clone();
            (told.workloads[0].result, told.workloads[1].result) = (ok(ip), ok(vm));
            told
        };
        let good = told(json!({"ip": "192.0.2.9/24"}), json!({"ip": "10.1.2.3"}));
        assert!(matches!(how_far(good.clone(), &plan), Progress::Ready(_)));
        let working = |ready, now: &str| Progress::Working { ready, of: 2, now: now.into() };
        let without = |names: &[&str]| {
            let mut told = good.clone();
            told.workloads.retain(|part| !names.contains(&part.name.as_str()));
            told
        };
        assert_eq!(how_far(without(&["vm"]), &plan), working(1, "zmachine"));
        assert_eq!(how_far(without(&["ip"]), &plan), working(1, "ip"));
        assert_eq!(how_far(without(&["ip", "vm"]), &plan), working(0, "ip"));
        for nothing in [Value::Null, json!({"ip": ""}), json!({})] {
            let told = told(Value::Null, nothing.clone());
            assert_eq!(how_far(told, &plan), working(2, "address"), "{nothing}");
        }
        let mut bad = good;
        bad.workloads[0].result.state = State::Error;
        assert!(matches!(how_far(bad, &plan), Progress::Failed(_)));
    }
}
