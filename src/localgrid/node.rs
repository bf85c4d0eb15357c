//! Pretended Zero-OS nodes: they take deployments, run nothing, and answer like the real ones.

#[cfg(test)]
mod bus_story;
mod command;
mod engine;
mod gateway;
#[cfg(test)]
pub(super) mod kit;
mod shelf;
#[cfg(test)]
mod story;

use std::collections::{BTreeMap, BTreeSet};
use std::sync::{Arc, Mutex, MutexGuard, OnceLock, PoisonError};
use std::time::Duration;

use serde_json::Value;
use tokio::time::sleep;

use self::command::{Context, Done};
use self::engine::{Engine, Op};
use self::shelf::{Vault, namespace};
use super::fleet::{Condition, Profile, node_key};
use super::genesis::{Genesis, Resources};
use super::names::Names;
use super::relay::Relay;
use super::{ChainView, ContractStateView, TwinView};
use crate::base::{Clock, Random};
use crate::wire::key::KeyPair;
use crate::wire::rmb::types::Empty;
use crate::wire::rmb::{Address, Envelope, Failure, JSON, Message, codec};
use crate::wire::zos::answer::PublicConfig;
use crate::wire::zos::data::Data;
use crate::wire::zos::deployment::{Outcome, State};

pub(super) use self::command::addresses_of;
pub use self::engine::SYSTEM;
pub use self::gateway::{Backend, Machine, Served};

/// How long a workload takes to start, so that progress can be watched.
pub const STEP: Duration = Duration::from_millis(120);
/// So often a node at work looks whether its pace was changed.
const STRETCH: Duration = Duration::from_millis(50);

/// Ways in which a node can fail.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Fault {
    #[default]
    None,
    /// Connected, never answers.
    Silent,
    /// Takes a deployment, starts its first workload and is silent from then on.
    DiesDuringDeploy,
    /// Starts all of a deployment but its last workload; that one is an error.
    FailsAtTheLast,
    /// Each workload takes this long.
    Slow(Duration),
    /// Says that everything is free, and has no memory left.
    LiesAboutCapacity,
    AnswersTwice,
    /// Does at once what it is asked for, and says so later.
    AnswersLate(Duration),
    /// Answers everything with an error.
    SaysNo,
    /// Answers in a way that nobody can decrypt.
    Mumbles,
    /// Finds that what it was sent is not what the contract is about.
    SeesAnotherHash,
    /// Its own chain does not know the contract.
    LagsBehindChain,
    /// Sets a VM up and pauses it at once.
    Pauses,
    /// Starts one workload, then forgets what it had not done yet, as one that was switched off.
    Reboots,
    /// Tells of everything but of machines.
    HidesMachines,
}

/// All nodes of the local grid.
#[derive(Clone)]
pub struct Nodes(Arc<World>);

struct World {
    chain: Arc<dyn ChainView>,
    relay: Relay,
    clock: Arc<dyn Clock>,
    random: Arc<dyn Random>,
    step: Duration,
    nodes: BTreeMap<u32, Node>,
    /// Twins that the identity service does not call verified.
    unverified: Mutex<BTreeSet<u32>>,
    /// What is in the stores, by their namespaces.
    vaults: Mutex<BTreeMap<String, Vault>>,
    tasks: Mutex<Vec<tokio::task::AbortHandle>>,
    /// Where names lead, as gateways find out.
    names: OnceLock<Names>,
    /// Contracts of machines whose web server is off.
    quiet: Mutex<BTreeSet<u64>>,
}

struct Node {
    twin: u32,
    key: KeyPair,
    engine: Mutex<Engine>,
    mode: Mutex<Mode>,
}

#[derive(Clone, Copy)]
struct Mode {
    condition: Condition,
    fault: Fault,
    /// Died during a deploy; lasts until another fault is set.
    dead: bool,
}

/// What the index may know of a node.
#[derive(Debug, Clone)]
pub struct NodeView {
    pub condition: Condition,
    /// Whether it would answer on the bus.
    pub healthy: bool,
    pub used: Resources,
    pub features: Vec<String>,
    pub public_config: Option<PublicConfig>,
}

fn locked<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

impl Node {
    fn alive(&self) -> bool {
        let mode = *locked(&self.mode);
        mode.condition == Condition::Up && !mode.dead && mode.fault != Fault::Silent
    }
}

impl Nodes {
    /// Connects every node that is up to the relay. Must be called inside a tokio runtime.
    pub fn start(
        genesis: &Genesis,
        profiles: &[Profile],
        chain: Arc<dyn ChainView>,
        relay: Relay,
        clock: Arc<dyn Clock>,
        random: Arc<dyn Random>,
        step: Duration,
    ) -> Nodes {
        let mut nodes = BTreeMap::new();
        for seed in &genesis.nodes {
            let ordinary = Profile { node: seed.id, condition: Condition::Up, light: false, domain: None };
            let profile = profiles.iter().find(|profile| profile.node == seed.id).cloned().unwrap_or(ordinary);
            let farm = genesis.farms.iter().find(|farm| farm.id == seed.farm);
            let gateways = farm.map(|farm| farm.public_ips.iter().cloned().collect()).unwrap_or_default();
            let mode = Mode { condition: profile.condition, fault: Fault::None, dead: false };
            let engine = Engine { seed: seed.clone(), profile, gateways, held: BTreeMap::new(), really_free: None };
            let node = Node { twin: seed.twin, key: node_key(seed.id), engine: Mutex::new(engine), mode: Mutex::new(mode) };
            nodes.insert(seed.id, node);
        }
        let (unverified, vaults, tasks, names, quiet) = Default::default();
        let all = Nodes(Arc::new(World { chain, relay, clock, random, step, nodes, unverified, vaults, tasks, names, quiet }));
        for id in all.0.nodes.keys() {
            if all.mode(*id).is_some_and(|mode| mode.condition == Condition::Up) {
                all.plug_in(*id);
            }
        }
        all.spawn(all.clone().follow_chain());
        all
    }

    /// Ends everything the nodes do; they cannot be started again.
    pub fn stop(&self) {
        for node in self.0.nodes.values() {
            self.0.relay.detach(node.twin);
        }
        for task in locked(&self.0.tasks).drain(..) {
            task.abort();
        }
    }

    /// Another fault, or none: a dead node lives again and goes on where it was.
    pub fn set_fault(&self, node: u32, fault: Fault) {
        let Some(it) = self.0.nodes.get(&node) else { return };
        {
            let mut mode = locked(&it.mode);
            (mode.fault, mode.dead) = (fault, false);
        }
        locked(&it.engine).really_free = (fault == Fault::LiesAboutCapacity).then_some(0);
        self.catch_up(node);
    }

    /// Every node there is.
    pub fn ids(&self) -> Vec<u32> {
        self.0.nodes.keys().copied().collect()
    }

    pub fn fault(&self, node: u32) -> Option<Fault> {
        self.mode(node).map(|mode| mode.fault)
    }

    /// Powers a node on or off; its deployments survive.
    pub fn set_condition(&self, node: u32, condition: Condition) {
        let Some(it) = self.0.nodes.get(&node) else { return };
        let before = std::mem::replace(&mut locked(&it.mode).condition, condition);
        match (before == Condition::Up, condition == Condition::Up) {
            (true, false) => self.0.relay.detach(it.twin),
            (false, true) => {
                self.plug_in(node);
                self.catch_up(node);
            }
            _ => {}
        }
    }

    /// What the identity service says of a twin. Everybody is verified unless it is switched off here.
    pub fn set_verified(&self, twin: u32, verified: bool) {
        let mut unverified = locked(&self.0.unverified);
        if verified {
            unverified.remove(&twin)
        } else {
            unverified.insert(twin)
        };
    }

    pub fn is_verified(&self, twin: u32) -> bool {
        !locked(&self.0.unverified).contains(&twin)
    }

    pub fn view(&self, node: u32) -> Option<NodeView> {
        let node = self.0.nodes.get(&node)?;
        let mode = *locked(&node.mode);
        let engine = locked(&node.engine);
        Some(NodeView {
            condition: mode.condition,
            healthy: mode.condition == Condition::Up && !mode.dead && mode.fault != Fault::Silent,
            used: if mode.fault == Fault::LiesAboutCapacity { SYSTEM } else { engine.used() },
            features: engine.features().into_iter().map(str::to_owned).collect(),
            public_config: command::public_config_of(&engine),
        })
    }

    /// What a node would answer to `zos.statistics.get`; None if it would not answer.
    pub fn statistics(&self, node: u32) -> Option<Value> {
        let node = self.0.nodes.get(&node).filter(|node| node.alive())?;
        let lies = locked(&node.mode).fault == Fault::LiesAboutCapacity;
        Some(command::statistics(&locked(&node.engine), lies))
    }

    fn mode(&self, node: u32) -> Option<Mode> {
        self.0.nodes.get(&node).map(|node| *locked(&node.mode))
    }

    fn spawn(&self, work: impl Future<Output = ()> + Send + 'static) {
        let task = tokio::spawn(work).abort_handle();
        let mut tasks = locked(&self.0.tasks);
        tasks.retain(|task| !task.is_finished());
        tasks.push(task);
    }

    fn plug_in(&self, node: u32) {
        let Some(it) = self.0.nodes.get(&node) else { return };
        let mut inbox = self.0.relay.attach(it.twin);
        let nodes = self.clone();
        self.spawn(async move {
            while let Some(bytes) = inbox.recv().await {
                // Each on its own: a slow answer must not hold up the others.
                nodes.spawn(nodes.clone().receive(node, bytes));
            }
        });
    }

    async fn receive(self, node: u32, bytes: Vec<u8>) {
        let Some(it) = self.0.nodes.get(&node) else { return };
        let Ok(request) = codec::decode(&bytes) else { return };
        let Some(Message::Request(asked)) = &request.message else { return };
        // Who cannot be believed gets no answer, as with the real ones.
        let sender = self.0.chain.twin(request.source_twin()).filter(|twin| codec::verify(&request, &twin.account));
        let late = request.expired(self.0.relay.now().secs());
        let Some(sender) = sender.filter(|_| request.destination_twin() == it.twin && !late) else {
            return tracing::debug!(node, "local node ignored a message");
        };
        if !it.alive() {
            return;
        }
        let fault = locked(&it.mode).fault;
        let result = match fault {
            Fault::SaysNo => Err("internal error: no space left on device".into()),
            _ => self.perform(node, it, &sender, &request, &asked.command, fault),
        };
        let result = if fault == Fault::HidesMachines { result.map(command::without_machines) } else { result };
        if let Fault::AnswersLate(delay) = fault {
            sleep(delay).await;
        }
        let mut answer = self.answer(it, &sender, &request, result);
        if fault == Fault::Mumbles {
            // Sealed for itself: signed, and of no use to anybody else.
            let own = TwinView { pk: codec::public_key(it.key.encryption_secret()).map(|pk| pk.to_vec()), ..sender.clone() };
            answer = self.answer(it, &own, &request, Ok(Value::Null));
        }
        self.0.relay.submit(it.twin, &answer);
        if fault == Fault::AnswersTwice {
            self.0.relay.submit(it.twin, &answer);
        }
    }

    #[allow(clippy::too_many_arguments)] // one call, all of it needed
    fn perform(
        &self,
        node: u32,
        it: &Node,
        sender: &TwinView,
        request: &Envelope,
        command: &str,
        fault: Fault,
    ) -> Result<Value, String> {
        if request.schema.as_deref() != Some(JSON) {
            return Err("invalid schema, expecting 'application/json'".into());
        }
        let plain = codec::open(it.key.encryption_secret(), sender.pk.as_deref(), request.payload.as_ref());
        let plain = plain.ok_or("failed to decrypt payload")?;
        let payload = if plain.is_empty() {
            Value::Null
        } else {
            serde_json::from_slice(&plain).map_err(|error| format!("failed to decode payload: {error}"))?
        };
        let context = Context {
            sender: sender.id,
            chain: &*self.0.chain,
            verified: self.is_verified(sender.id),
            lies_about_capacity: fault == Fault::LiesAboutCapacity,
        };
        let Done { answer, provision } = command::handle(&mut locked(&it.engine), &context, command, payload)?;
        if let Some(contract) = provision {
            self.spawn(self.clone().provision(node, contract));
        }
        Ok(answer)
    }

    fn answer(&self, it: &Node, to: &TwinView, request: &Envelope, result: Result<Value, String>) -> Vec<u8> {
        let (message, payload) = match result {
            Ok(value) => {
                let plain = value.to_string().into_bytes();
                let sealed = codec::seal(it.key.encryption_secret(), to.pk.as_deref(), self.0.random.bytes(), plain);
                (Message::Response(Empty {}), Some(sealed))
            }
            Err(message) => (Message::Error(Failure { code: 0, message }), None),
        };
        let mut answer = Envelope {
            uid: request.uid.clone(),
            timestamp: self.0.clock.now().secs().unsigned_abs(),
            expiration: request.expiration,
            source: Some(Address { twin: it.twin, connection: None }),
            destination: request.source.clone(),
            message: Some(message),
            schema: Some(JSON.into()),
            payload,
            ..Envelope::default()
        };
        codec::sign(&mut answer, &it.key);
        codec::encode(&answer)
    }

    /// Starts the pending workloads of a deployment one by one.
    async fn provision(self, node: u32, contract: u64) {
        let Some(it) = self.0.nodes.get(&node) else { return };
        loop {
            let fault = self.work(it).await;
            if !it.alive() {
                return; // what is pending waits until the node is back
            }
            let (started, finished) = self.provision_one(it, contract, fault);
            if started && fault == Fault::DiesDuringDeploy {
                locked(&it.mode).dead = true;
            }
            if started && fault == Fault::Reboots {
                locked(&it.engine).held.remove(&contract);
                locked(&it.mode).fault = Fault::None;
                return;
            }
            if finished {
                break;
            }
        }
        let used = locked(&it.engine).held.get(&contract).map(Engine::used_by);
        if let Some(used) = used {
            self.0.chain.report_resources(contract, used);
        }
        self.reconcile(it); // the contract may have changed state meanwhile
    }

    /// What one workload takes. Whoever hastens the node meanwhile does not wait for the old pace.
    async fn work(&self, it: &Node) -> Fault {
        let mut worked = Duration::ZERO;
        loop {
            let fault = locked(&it.mode).fault;
            let takes = if let Fault::Slow(delay) = fault { delay } else { self.0.step };
            if worked >= takes {
                return fault;
            }
            let stretch = (takes - worked).min(STRETCH);
            sleep(stretch).await;
            worked += stretch;
        }
    }

    /// (whether a workload was started, whether nothing is left to do)
    fn provision_one(&self, it: &Node, contract: u64, fault: Fault) -> (bool, bool) {
        let view = self.0.chain.contract(contract);
        let (created, outside) = (self.0.clock.now().secs(), self.outside());
        let mut engine = locked(&it.engine);
        let Some(held) = engine.held.get(&contract) else { return (false, true) };
        let Some(op) = held.pending.front().cloned() else { return (false, true) };
        let last = held.pending.len() == 1;
        let checked = match fault {
            Fault::SeesAnotherHash => Err("contract hash does not match deployment hash".into()),
            Fault::LagsBehindChain => Err("failed to get deployment contract: not found".into()),
            _ => engine.check_contract(held, view),
        };
        let checked = match checked {
            Ok(contract) => contract,
            Err(why) => {
                let Some(held) = engine.held.get_mut(&contract) else { return (false, true) };
                held.put_aside(&why, created);
                return (true, true);
            }
        };
        let breaks = fault == Fault::FailsAtTheLast && last;
        let broken = || Err("failed to provision: input/output error".to_owned());
        if let (Op::Add(workload), Some(held)) = (&op, engine.held.get_mut(&contract)) {
            held.add(workload);
        }
        let admitted = |engine: &Engine, name: &str| {
            let held = engine.held.get(&contract);
            match held.and_then(|held| Some((held, held.deployment.workload(name)?))) {
                Some((held, workload)) => gateway::admit(engine, held, workload, &outside),
                None => Ok(()),
            }
        };
        let result = match &op {
            Op::Remove(_) => Ok(Value::Null),
            _ if breaks => broken(),
            Op::Update(workload) => engine.update(&checked, workload),
            Op::Install(name) => admitted(&engine, name).and_then(|()| engine.provision(&checked, name)),
            Op::Add(workload) => admitted(&engine, &workload.name).and_then(|()| engine.provision(&checked, &workload.name)),
        };
        let Some(held) = engine.held.get_mut(&contract) else { return (false, true) };
        held.pending.pop_front();
        let outcome = |state, error, data| Outcome { created, state, error, data };
        match (&op, result) {
            (Op::Remove(name), _) => held.remove(name, created),
            (Op::Update(workload), Ok(data)) => held.updated(workload, outcome(State::Ok, String::new(), data)),
            // A failed update leaves running what ran before.
            (Op::Update(workload), Err(error)) => held.updated(workload, outcome(State::Unchanged, error, Value::Null)),
            (op, Ok(data)) => {
                let state = if fault == Fault::Pauses { State::Paused } else { State::Ok };
                held.settle(op.name(), outcome(state, String::new(), data));
            }
            (op, Err(error)) => held.settle(op.name(), outcome(State::Error, error, Value::Null)),
        }
        (true, held.pending.is_empty())
    }

    async fn follow_chain(self) {
        let mut changes = self.0.chain.changes();
        while changes.changed().await.is_ok() {
            for node in self.0.nodes.values().filter(|node| node.alive()) {
                self.reconcile(node);
            }
        }
    }

    /// A node that is back looks at the chain and goes on with what it had not finished.
    fn catch_up(&self, node: u32) {
        let Some(it) = self.0.nodes.get(&node).filter(|it| it.alive()) else { return };
        self.reconcile(it);
        let unfinished: Vec<u64> =
            locked(&it.engine).held.iter().filter(|(_, held)| !held.pending.is_empty()).map(|(id, _)| *id).collect();
        for contract in unfinished {
            self.spawn(self.clone().provision(node, contract));
        }
    }

    /// Does to the deployments of a node what the chain did to their contracts.
    fn reconcile(&self, node: &Node) {
        let created = self.0.clock.now().secs();
        let mut engine = locked(&node.engine);
        engine.held.retain(|contract, held| {
            // A contract that the chain does not know (yet) is left to provisioning.
            let Some(view) = self.0.chain.contract(*contract) else { return true };
            let (from, to) = match (view.state, held.paused) {
                (ContractStateView::Deleted, _) => {
                    let stores = held.deployment.workloads.iter().filter(|it| matches!(it.data, Data::Zdb(_)));
                    stores.for_each(|it| self.clear_store(&namespace(view.twin, *contract, &it.name)));
                    return false;
                }
                (ContractStateView::GracePeriod, false) => (State::Ok, State::Paused),
                (ContractStateView::Created, true) => (State::Paused, State::Ok),
                _ => return true,
            };
            if from == State::Ok && !held.pending.is_empty() {
                return true; // paused as soon as it has come up
            }
            held.paused = to == State::Paused;
            let names: Vec<_> = held.deployment.workloads.iter().filter(|it| it.result.state == from).collect();
            let turned: Vec<_> = names.into_iter().map(|it| (it.name.clone(), it.result.clone())).collect();
            for (name, result) in turned {
                held.settle(&name, Outcome { created, state: to, ..result });
            }
            true
        });
    }
}
