//! The commands of a node: JSON in, JSON out, or an error of which only the words count.

use std::net::{IpAddr, Ipv6Addr};

use serde::Deserialize;
use serde::de::DeserializeOwned;
use serde_json::{Value, json};

use super::super::ChainView;
use super::super::genesis::{NodeSeed, Resources};
use super::engine::{Engine, Held, SYSTEM};
use crate::wire::zos::answer::{CpuBenchmark, PublicConfig};
use crate::wire::zos::deployment::{Deployment, State};

/// What a command needs besides the node itself.
pub struct Context<'a> {
    pub sender: u32,
    pub chain: &'a dyn ChainView,
    pub verified: bool,
    pub lies_about_capacity: bool,
}

/// What the caller has to do after a command went well.
pub struct Done {
    pub answer: Value,
    /// Contract of a deployment that now has to be provisioned.
    pub provision: Option<u64>,
}

#[derive(Deserialize)]
struct ContractArgument {
    contract_id: u64,
}

#[derive(Deserialize)]
struct TaskArgument {
    #[serde(alias = "Name")]
    name: String,
}

#[derive(Deserialize)]
struct NetworkArgument {
    network_name: String,
}

fn read<T: DeserializeOwned>(payload: Value) -> Result<T, String> {
    serde_json::from_value(payload).map_err(|error| format!("failed to decode payload: {error}"))
}

pub fn handle(engine: &mut Engine, context: &Context, command: &str, payload: Value) -> Result<Done, String> {
    let mut provision = None;
    let answer = match command {
        "zos.deployment.deploy" => {
            provision = Some(deploy(engine, context, read(payload)?)?);
            Value::Null
        }
        "zos.deployment.update" => {
            provision = Some(update(engine, context, read(payload)?)?);
            Value::Null
        }
        "zos.deployment.delete" => {
            return Err("deletion over the api is disabled, please cancel your contract instead".into());
        }
        "zos.deployment.get" => to_json(&owned(engine, context, payload)?.deployment)?,
        "zos.deployment.changes" => to_json(&owned(engine, context, payload)?.history)?,
        "zos.deployment.list" => {
            let mine = engine.held.values().filter(|held| held.deployment.twin_id == context.sender);
            let active =
                |held: &&Held| held.deployment.workloads.iter().any(|it| matches!(it.result.state, State::Ok | State::Paused));
            to_json(&mine.filter(active).map(|held| &held.deployment).collect::<Vec<_>>())?
        }
        "zos.statistics.get" => statistics(engine, context.lies_about_capacity),
        "zos.gpu.list" => json!([]),
        "zos.storage.pools" => {
            let (total, used) = (engine.seed.total, engine.used());
            json!([{ "name": "ssd0", "type": "ssd", "size": total.sru, "used": used.sru }])
        }
        "zos.network.list_wg_ports" => json!(engine.wireguard_ports()),
        "zos.network.public_config_get" => public_config(engine)?,
        "zos.network.interfaces" => json!({ "zos": [format!("192.168.1.{}", 1 + engine.seed.id % 250)], "ygg": [] }),
        "zos.network.has_ipv6" => json!(engine.seed.ipv6),
        "zos.network.list_public_ips" => json!(engine.public_ips()),
        "zos.network.list_private_ips" => {
            json!(engine.private_ips(context.sender, &read::<NetworkArgument>(payload)?.network_name))
        }
        "zos.perf.get" => match read::<TaskArgument>(payload)?.name.as_str() {
            CpuBenchmark::NAME => json!({
                "name": CpuBenchmark::NAME,
                "description": "Measures the performance of the node CPU by reporting the timespent of computing a task in seconds.",
                "result": { "single": 1.135, "multi": 1.105, "threads": 1, "workloads": engine.held.len() },
                "timestamp": 1_700_504_403,
            }),
            other => return Err(format!("failed to get test result for task {other}: not found")),
        },
        "zos.system.version" => json!({ "zos": "3.14.11", "zinit": "v0.2.25" }),
        "zos.system.node_features_get" => json!(engine.features()),
        _ => return Err(format!("unsupported command '{command}'")),
    };
    Ok(Done { answer, provision })
}

fn to_json(value: &impl serde::Serialize) -> Result<Value, String> {
    serde_json::to_value(value).map_err(|error| error.to_string())
}

/// A deployment of the sender; somebody else's is "not found".
fn owned<'a>(engine: &'a Engine, context: &Context, payload: Value) -> Result<&'a Held, String> {
    let contract = read::<ContractArgument>(payload)?.contract_id;
    let held = engine.held.get(&contract).filter(|held| held.deployment.twin_id == context.sender);
    held.ok_or_else(|| "deployment not found".into())
}

/// An answer that tells of a deployment, without the machines in it.
pub fn without_machines(mut answer: Value) -> Value {
    if let Some(parts) = answer.get_mut("workloads").and_then(Value::as_array_mut) {
        parts.retain(|part| part["type"].as_str().is_none_or(|kind| !kind.starts_with("zmachine")));
    }
    answer
}

fn deploy(engine: &mut Engine, context: &Context, deployment: Deployment) -> Result<u64, String> {
    if deployment.version != 0 {
        return Err("expected version to be 0 on deployment creation".into());
    }
    check(engine, context, &deployment)?;
    let contract = deployment.contract_id;
    engine.take(deployment)?;
    Ok(contract)
}

fn update(engine: &mut Engine, context: &Context, deployment: Deployment) -> Result<u64, String> {
    check(engine, context, &deployment)?;
    let contract = deployment.contract_id;
    engine.change(deployment)?;
    Ok(contract)
}

/// What is judged at once. Contract, hash and capacity are judged later, workload by workload.
fn check(engine: &Engine, context: &Context, deployment: &Deployment) -> Result<(), String> {
    if !context.verified {
        return Err(format!("user with twin id {} is not verified", context.sender));
    }
    if deployment.twin_id != context.sender {
        return Err("twin id mismatch".into());
    }
    engine.validate(deployment)?;
    deployment.verify_signatures(|twin| Some(context.chain.twin(twin)?.account)).map_err(|fault| fault.to_string())
}

pub fn statistics(engine: &Engine, lies_about_capacity: bool) -> Value {
    let capacity =
        |it: Resources, ips: usize| json!({ "cru": it.cru, "sru": it.sru, "hru": it.hru, "mru": it.mru, "ipv4u": ips });
    let used = if lies_about_capacity { SYSTEM } else { engine.used() };
    let workloads = engine.held.values().map(|held| held.deployment.workloads.len()).sum::<usize>();
    let last = engine.held.values().flat_map(|held| &held.history).map(|change| change.result.created).max();
    json!({
        "total": capacity(engine.seed.total, 0),
        "used": capacity(used, engine.public_ips().len()),
        "system": capacity(SYSTEM, 0),
        "users": { "deployments": engine.held.len(), "workloads": workloads, "last_deployment_timestamp": last.unwrap_or(0) },
        "open_connections": 0,
    })
}

fn public_config(engine: &Engine) -> Result<Value, String> {
    let Some(config) = public_config_of(engine) else { return Err("no public configuration".into()) };
    Ok(json!({
        "type": "macvlan", "ipv4": config.ipv4, "ipv6": config.ipv6, "gw4": config.gw4, "gw6": config.gw6, "domain": config.domain,
    }))
}

/// Only gateways have one.
pub fn public_config_of(engine: &Engine) -> Option<PublicConfig> {
    let domain = engine.profile.domain.clone()?;
    let mut config = PublicConfig { kind: "macvlan".into(), domain, ..PublicConfig::default() };
    for ip in addresses_of(&engine.seed) {
        match ip {
            IpAddr::V4(_) => (config.ipv4, config.gw4) = (format!("{ip}/24"), "203.0.113.1".into()),
            IpAddr::V6(_) => (config.ipv6, config.gw6) = (format!("{ip}/64"), format!("2001:db8:0:{:x}::1", engine.seed.id)),
        }
    }
    Some(config)
}

/// The public addresses of a node, if it is a gateway.
pub fn addresses_of(seed: &NodeSeed) -> Vec<IpAddr> {
    let host = u8::try_from(200 + seed.id % 50).unwrap_or(200);
    let v6 = || Ipv6Addr::new(0x2001, 0xdb8, 0, u16::try_from(seed.id).unwrap_or(u16::MAX), 0, 0, 0, 2);
    let mut all = vec![IpAddr::from([203, 0, 113, host])];
    all.extend(seed.ipv6.then(|| IpAddr::V6(v6())));
    all
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;
    use std::sync::{Arc, OnceLock};

    use proptest::prelude::*;

    use super::super::super::fleet::{Fleet, fleet};
    use super::super::super::{ContractStateView, ContractView};
    use super::super::kit::{FakeChain, OPERATOR, operator_key, vm};
    use super::*;
    use crate::wire::zos::{Data, IpNet, Outcome};

    /// Made once: a fleet has a hundred keys.
    fn world() -> &'static (Fleet, Arc<FakeChain>) {
        static WORLD: OnceLock<(Fleet, Arc<FakeChain>)> = OnceLock::new();
        WORLD.get_or_init(|| {
            let fleet = fleet();
            let chain = FakeChain::new(&fleet.genesis(Vec::new(), 10));
            chain.put_twin(OPERATOR, &operator_key(), true);
            (fleet, chain)
        })
    }

    fn engine() -> Engine {
        let fleet = &world().0;
        let (seed, profile) = (fleet.nodes[0].clone(), fleet.profiles[0].clone());
        Engine { seed, profile, gateways: BTreeMap::new(), held: BTreeMap::new(), really_free: None }
    }

    fn run(engine: &mut Engine, command: &str, payload: Value) -> Result<Done, String> {
        let context = Context { sender: OPERATOR, chain: &*world().1, verified: true, lies_about_capacity: false };
        handle(engine, &context, command, payload)
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(24))]
        #[test]
        fn wild_but_signed_deployments_are_taken_or_refused_without_a_panic(
            prefix in 0u8..=32, ip: [u8; 4], host: [u8; 4], memory: u64, size: u64, cpu: u8, seed: Vec<u8>, name: String,
        ) {
            let mut deployment = vm().deployment(OPERATOR).unwrap();
            let net = |ip: [u8; 4]| std::net::IpAddr::from(ip);
            for workload in &mut deployment.workloads {
                match &mut workload.data {
                    Data::Network(it) => it.subnet = Some(IpNet::new(net(ip), prefix)),
                    Data::Zmount(it) => it.size = size,
                    Data::Machine(it) => {
                        it.network.interfaces[0].ip = net(host);
                        (it.compute_capacity.cpu, it.compute_capacity.memory, it.size) = (cpu, memory, size);
                        if let Some(mycelium) = &mut it.network.mycelium {
                            mycelium.hex_seed.0.extend(&seed);
                        }
                        it.env.insert(name.clone(), name.clone());
                    }
                    _ => {}
                }
            }
            deployment.contract_id = 1;
            deployment.sign(OPERATOR, &operator_key()).unwrap();
            let mut engine = engine();
            let taken = run(&mut engine, "zos.deployment.deploy", to_json(&deployment).unwrap()).is_ok();
            prop_assert_eq!(engine.held.len(), usize::from(taken));
            let contract = ContractView {
                id: 1, twin: OPERATOR, state: ContractStateView::Created, node: Some(1), deployment_hash: None,
                deployment_data: String::new(), public_ips: 0, ips: Vec::new(), name: None, created: 0,
            };
            let pending = engine.held.get(&1).map(|held| held.pending.iter().map(|op| op.name().to_owned()).collect());
            let pending: Vec<String> = pending.unwrap_or_default();
            for name in pending {
                let result = engine.provision(&contract, &name);
                let state = if result.is_ok() { State::Ok } else { State::Error };
                let outcome = Outcome { state, data: result.unwrap_or_default(), ..Default::default() };
                engine.held.get_mut(&1).unwrap().settle(&name, outcome);
            }
            let (used, total) = (engine.used(), engine.seed.total);
            prop_assert!(used.mru <= total.mru && used.sru <= total.sru, "never more than there is");
        }

        #[test]
        fn noise_is_an_error_of_the_command(text: String, number: u64) {
            for command in ["zos.deployment.deploy", "zos.deployment.update", "zos.deployment.get", "zos.network.list_private_ips"] {
                for payload in [json!(text), json!(number), json!([number]), json!({"contract_id": text, "twin_id": number})] {
                    prop_assert!(run(&mut engine(), command, payload).is_err());
                }
            }
            prop_assert!(run(&mut engine(), &text, Value::Null).is_err());
        }
    }
}
