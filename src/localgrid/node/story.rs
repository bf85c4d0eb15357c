//! Deploying on nodes over a real socket, and each way in which it fails.

use std::time::Duration;

use tokio::time::{Instant, sleep};

use super::super::ContractStateView::{Created, Deleted, GracePeriod};
use super::super::fleet::Condition;
use super::Fault;
use super::kit::*;
use crate::wire::zos::answer::addresses;
use crate::wire::zos::data::{Data, Space};
use crate::wire::zos::deployment::State;
use crate::wire::zos::{Disk, Refusal, Vm, Workload, ZosError, refusal};

const NODE: u32 = 1;
const IP: &str = "192.0.2.10/24";
const SECOND: Duration = Duration::from_secs(1);

fn refused<T: std::fmt::Debug>(result: Result<T, ZosError>) -> Refusal {
    match result {
        Err(ZosError::Refused(refusal, _)) => refusal,
        other => panic!("not refused: {other:?}"),
    }
}

fn small() -> Vm {
    Vm { public_ipv4: false, ..vm() }
}

fn errors(workloads: &[Workload]) -> Vec<&str> {
    workloads.iter().map(|workload| workload.result.error.as_str()).filter(|error| !error.is_empty()).collect()
}

#[tokio::test]
async fn a_vm_is_deployed_and_its_addresses_are_read() {
    let world = World::start().await;
    let mut deployment = vm().deployment(OPERATOR).unwrap();
    world.contract(&mut deployment, NODE, 1, &[IP]);
    let before = world.node(NODE).statistics().await.unwrap();
    world.node(NODE).deploy(&deployment).await.unwrap();
    world.until(NODE, 1, |state| state == State::Ok).await;
    let changes = world.node(NODE).changes(1).await.unwrap();
    let started: Vec<_> = changes.iter().filter(|it| it.result.state == State::Ok).map(|it| it.name.as_str()).collect();
    assert_eq!(started, ["boot", "net1", "publicip", "web1"], "one by one, in the node's order");

    let held = world.node(NODE).get(1).await.unwrap();
    assert_eq!(held.hash_hex().unwrap(), deployment.hash_hex().unwrap());
    let found = addresses(&held, "web1").unwrap();
    assert_eq!(found.private.unwrap().to_string(), "10.20.2.5");
    assert_eq!(found.public4.unwrap().to_string(), IP);
    assert_eq!(found.gateway.unwrap().to_string(), "192.0.2.1");
    assert_eq!(found.console.as_deref(), Some("10.20.2.1:20005"));
    let mycelium = found.mycelium.unwrap().to_string();
    assert!(mycelium.starts_with("4") || mycelium.starts_with("5"), "{mycelium} is in 400::/7");
    assert!(mycelium.ends_with(":ff0f:102:304:506"), "{mycelium}");

    let after = world.node(NODE).statistics().await.unwrap();
    assert_eq!(before.free().mru - after.free().mru, 4 * GIB);
    assert_eq!(after.used.ipv4u, 1);
    assert_eq!(world.node(NODE).list_wg_ports().await.unwrap(), [5533]);
    assert_eq!(world.node(NODE).list_private_ips("net1").await.unwrap(), ["10.20.2.5"]);
    assert_eq!(world.node(NODE).list().await.unwrap().len(), 1);
    let start = Instant::now();
    while world.chain.reported.lock().unwrap().get(&1).is_none() {
        assert!(start.elapsed() < SECOND * 10, "the node reports what is used");
        sleep(STEP).await;
    }
    assert_eq!(world.chain.reported.lock().unwrap()[&1].mru, 4 * GIB);
}

#[tokio::test]
async fn a_second_deploy_answers_exists_and_changes_nothing() {
    let world = World::start().await;
    let mut deployment = small().deployment(OPERATOR).unwrap();
    world.contract(&mut deployment, NODE, 1, &[]);
    world.node(NODE).deploy(&deployment).await.unwrap();
    assert_eq!(refused(world.node(NODE).deploy(&deployment).await), Refusal::Exists);
    world.until(NODE, 1, |state| state == State::Ok).await;
    assert_eq!(refused(world.node(NODE).deploy(&deployment).await), Refusal::Exists);
    assert_eq!(world.node(NODE).list().await.unwrap().len(), 1);
}

#[tokio::test]
async fn a_deployment_that_does_not_fit_its_contract_ends_in_workload_errors() {
    let world = World::start().await;
    // The hash on chain is of something else.
    let mut deployment = small().deployment(OPERATOR).unwrap();
    world.contract(&mut deployment, NODE, 1, &[]);
    deployment.description.push('x');
    deployment.sign(OPERATOR, &operator_key()).unwrap();
    world.node(NODE).deploy(&deployment).await.unwrap();
    let failed = world.until(NODE, 1, |state| state == State::Error).await;
    assert_eq!(errors(&failed).len(), 3);
    assert!(errors(&failed).iter().all(|error| refusal(error) == Refusal::HashMismatch), "{failed:?}");

    // The contract is for another node.
    let mut deployment = small().deployment(OPERATOR).unwrap();
    world.contract(&mut deployment, NODE + 1, 2, &[]);
    world.node(NODE).deploy(&deployment).await.unwrap();
    let failed = world.until(NODE, 2, |state| state == State::Error).await;
    assert!(errors(&failed).iter().all(|error| refusal(error) == Refusal::WrongNode), "{failed:?}");

    // The node's chain connection does not know the contract yet.
    let mut deployment = small().deployment(OPERATOR).unwrap();
    deployment.contract_id = 3;
    deployment.sign(OPERATOR, &operator_key()).unwrap();
    world.node(NODE).deploy(&deployment).await.unwrap();
    let failed = world.until(NODE, 3, |state| state == State::Error).await;
    assert!(errors(&failed).iter().all(|error| refusal(error) == Refusal::ContractUnknown), "{failed:?}");
}

#[tokio::test]
async fn a_deployment_is_refused_at_once_for_what_can_be_seen_at_once() {
    let world = World::start().await;
    let node = world.node(NODE);
    let good = || {
        let mut deployment = small().deployment(OPERATOR).unwrap();
        world.contract(&mut deployment, NODE, 1, &[]);
        deployment
    };
    let mut unsigned = good();
    unsigned.signature_requirement.signatures.clear();
    assert_eq!(refused(node.deploy(&unsigned).await), Refusal::BadSignature);
    let mut tampered = good();
    tampered.workloads[0].metadata.push('x');
    assert_eq!(refused(node.deploy(&tampered).await), Refusal::BadSignature);
    let mut updated = good();
    updated.version = 1;
    assert_eq!(refused(node.deploy(&updated).await), Refusal::BadVersion);
    let mut foreign = good();
    foreign.twin_id = STRANGER;
    assert_eq!(refused(node.deploy(&foreign).await), Refusal::TwinMismatch);
    let mut badly_named = good();
    badly_named.workloads[0].name = "my-net".into();
    assert_eq!(refused(node.deploy(&badly_named).await), Refusal::Other);

    world.nodes.set_verified(OPERATOR, false);
    assert_eq!(refused(node.deploy(&good()).await), Refusal::NotVerified);
    world.nodes.set_verified(OPERATOR, true);
    assert_eq!(refused(node.get(1).await), Refusal::NotFound, "nothing of all that was kept");
    assert_eq!(node.deploy(&good()).await, Ok(()));
}

#[tokio::test]
async fn a_machine_that_does_not_fit_is_an_error_of_that_machine_only() {
    let world = World::start().await;
    // Memory: node 1 has 64 GiB less what the system keeps.
    let mut huge = Vm { memory: 63 * GIB, ..small() }.deployment(OPERATOR).unwrap();
    world.contract(&mut huge, NODE, 1, &[]);
    world.node(NODE).deploy(&huge).await.unwrap();
    let end = world.until(NODE, 1, |state| state != State::Init).await;
    assert_eq!(errors(&end).into_iter().map(refusal).collect::<Vec<_>>(), [Refusal::NoCapacity]);
    assert_eq!(end.iter().filter(|workload| workload.result.state == State::Ok).count(), 2, "nothing is rolled back");

    // A public address that no contract reserved: the address fails, and the machine that needs it.
    let mut public = vm();
    (public.network.name, public.network.wireguard_port) = ("net2".into(), 5534);
    let mut public = public.deployment(OPERATOR).unwrap();
    world.contract(&mut public, NODE, 2, &[]);
    world.node(NODE).deploy(&public).await.unwrap();
    let end = world.until(NODE, 2, |state| state != State::Init).await;
    assert_eq!(errors(&end).len(), 2, "{end:?}");

    // A disk image without a disk to boot from.
    let mut diskless = Vm { disk: Disk::Root(0), ..small() };
    (diskless.network.name, diskless.network.wireguard_port) = ("net3".into(), 5535);
    let mut diskless = diskless.deployment(OPERATOR).unwrap();
    world.contract(&mut diskless, NODE, 3, &[]);
    world.node(NODE).deploy(&diskless).await.unwrap();
    let end = world.until(NODE, 3, |state| state != State::Init).await;
    assert_eq!(errors(&end), ["first disk mount on a full vm should be a zmount"]);
}

#[tokio::test]
async fn a_light_node_takes_light_machines_only() {
    let world = World::start().await;
    let light_node = (1..).find(|id| world.nodes.view(*id).unwrap().features.contains(&"zmachine-light".to_owned())).unwrap();
    let mut classic = small().deployment(OPERATOR).unwrap();
    world.contract(&mut classic, light_node, 1, &[]);
    let refusal = world.node(light_node).deploy(&classic).await.unwrap_err().to_string();
    assert!(refusal.contains("unknown workload type 'network'"), "{refusal}");
    let mut light = Vm { light: true, ..small() }.deployment(OPERATOR).unwrap();
    world.contract(&mut light, light_node, 2, &[]);
    world.node(light_node).deploy(&light).await.unwrap();
    world.until(light_node, 2, |state| state == State::Ok).await;
    let found = addresses(&world.node(light_node).get(2).await.unwrap(), "web1").unwrap();
    assert!(found.mycelium.is_some() && found.public4.is_none());
    assert!(world.node(light_node).public_config().await.is_err());
}

#[tokio::test]
async fn a_wireguard_port_or_an_address_is_given_once() {
    let world = World::start().await;
    let deploy = async |id: u64, change: fn(&mut Vm)| {
        let mut vm = small();
        change(&mut vm);
        let mut deployment = vm.deployment(OPERATOR).unwrap();
        world.contract(&mut deployment, NODE, id, &[]);
        world.node(NODE).deploy(&deployment).await.unwrap();
        world.until(NODE, id, |state| state != State::Init).await
    };
    assert_eq!(errors(&deploy(1, |_| {}).await), [""; 0]);
    let same_port = deploy(2, |vm| vm.network.name = "other".into()).await;
    assert_eq!(errors(&same_port)[0], "wireguard port 5533 already in use");
    // The same network of the same twin may be there twice; the address may not.
    assert_eq!(errors(&deploy(3, |_| {}).await), ["ip 10.20.2.5 is already in use"]);
    assert_eq!(errors(&deploy(4, |vm| vm.network.ip = [10, 20, 2, 6].into()).await), [""; 0]);
}

#[tokio::test]
async fn workloads_follow_their_contract() {
    let world = World::start().await;
    let mut deployment = small().deployment(OPERATOR).unwrap();
    world.contract(&mut deployment, NODE, 1, &[]);
    world.node(NODE).deploy(&deployment).await.unwrap();
    world.until(NODE, 1, |state| state == State::Ok).await;
    world.chain.set_state(1, GracePeriod);
    world.until(NODE, 1, |state| state == State::Paused).await;
    world.chain.set_state(1, Created);
    let again = world.until(NODE, 1, |state| state == State::Ok).await;
    assert!(again.iter().any(|workload| workload.result.data["ip"] == "10.20.2.5"), "the addresses are still there");
    world.chain.set_state(1, Deleted);
    world.until_gone(NODE, 1).await;
    assert_eq!(world.node(NODE).statistics().await.unwrap().users.workloads, 0);
}

#[tokio::test]
async fn a_node_that_was_off_learns_what_it_missed() {
    let world = World::start().await;
    let mut deployment = small().deployment(OPERATOR).unwrap();
    world.contract(&mut deployment, NODE, 1, &[]);
    world.node(NODE).deploy(&deployment).await.unwrap();
    world.until(NODE, 1, |state| state == State::Ok).await;
    world.nodes.set_condition(NODE, Condition::Down);
    let away = world.node(NODE).get(1).await;
    assert_eq!(away, Err(ZosError::Undelivered("relay: destination offline".into())));
    world.chain.set_state(1, Deleted);
    world.nodes.set_condition(NODE, Condition::Up);
    world.until_gone(NODE, 1).await;
}

/// Waits until the workload `name` has settled at `version`.
async fn settled(world: &World, name: &str, version: u32) -> Workload {
    let start = Instant::now();
    loop {
        let last = world.until(NODE, 1, |state| state != State::Init).await;
        // The last word on the old version is `ok` as well: the version tells them apart.
        if let Some(workload) = last.into_iter().find(|it| it.name == name && it.version == version) {
            return workload;
        }
        assert!(start.elapsed() < SECOND * 5);
        sleep(STEP).await;
    }
}

fn size(workload: &mut Workload) -> &mut u64 {
    let Data::Zmount(disk) = &mut workload.data else { panic!("not a disk") };
    &mut disk.size
}

#[tokio::test]
async fn a_spare_disk_grows_by_an_update_but_a_mounted_one_or_a_machine_does_not() {
    let world = World::start().await;
    let mut deployment = small().deployment(OPERATOR).unwrap();
    deployment.workloads.push(Workload::new("spare", Data::Zmount(Space { size: GIB })));
    let (boot, machine, spare) = (1, 2, 3);
    world.contract(&mut deployment, NODE, 1, &[]);
    world.node(NODE).deploy(&deployment).await.unwrap();
    world.until(NODE, 1, |state| state == State::Ok).await;

    let mut larger = deployment.clone();
    let Data::Machine(it) = &mut larger.workloads[machine].data else { panic!() };
    it.compute_capacity.cpu = 4;
    (larger.version, larger.workloads[machine].version) = (1, 1);
    world.contract(&mut larger, NODE, 1, &[]);
    assert_eq!(refused(world.node(NODE).update(&larger).await), Refusal::NoUpgrade);

    let mut grown = deployment.clone();
    *size(&mut grown.workloads[spare]) += GIB;
    *size(&mut grown.workloads[boot]) += GIB;
    grown.version = 1;
    world.contract(&mut grown, NODE, 1, &[]);
    let before = world.node(NODE).statistics().await.unwrap();
    world.node(NODE).update(&grown).await.unwrap();
    let held = world.node(NODE).get(1).await.unwrap();
    assert_eq!((held.version, &held.workload("spare").unwrap().data), (1, &deployment.workloads[spare].data), "left alone");
    (grown.version, grown.workloads[spare].version, grown.workloads[boot].version) = (2, 2, 2);
    world.contract(&mut grown, NODE, 1, &[]);
    world.node(NODE).update(&grown).await.unwrap();
    assert_eq!(settled(&world, "spare", 2).await.result.state, State::Ok);
    let mounted = settled(&world, "boot", 2).await;
    assert_eq!(mounted.result.state, State::Unchanged);
    // What did not work shows among the changes only.
    let held = world.node(NODE).get(1).await.unwrap();
    let disk = held.workload("boot").unwrap();
    assert_eq!((disk.version, disk.result.state, &disk.data), (0, State::Ok, &deployment.workloads[boot].data));
    let after = world.node(NODE).statistics().await.unwrap();
    assert_eq!(after.used.sru - before.used.sru, GIB);
    assert_eq!(refused(world.node(NODE).update(&grown).await), Refusal::BadVersion, "not twice");
}

#[tokio::test]
async fn a_machine_is_replaced_in_one_update_and_its_disk_grows_in_between() {
    let world = World::start().await;
    let mut deployment = small().deployment(OPERATOR).unwrap();
    let (boot, machine) = (1, 2);
    world.contract(&mut deployment, NODE, 1, &[]);
    world.node(NODE).deploy(&deployment).await.unwrap();
    world.until(NODE, 1, |state| state == State::Ok).await;
    let before = addresses(&world.node(NODE).get(1).await.unwrap(), "web1").unwrap();

    let mut next = deployment.clone();
    *size(&mut next.workloads[boot]) += GIB;
    next.workloads[machine].name = "web2".into();
    (next.version, next.workloads[boot].version, next.workloads[machine].version) = (1, 1, 1);
    world.contract(&mut next, NODE, 1, &[]);
    world.node(NODE).update(&next).await.unwrap();
    let told = world.node(NODE).get(1).await.unwrap();
    assert!(told.version == 1 && told.workload("web2").is_none(), "what it has not come to it does not know");
    let start = Instant::now();
    while world.node(NODE).get(1).await.unwrap().workload("web2").is_none_or(|it| it.result.state != State::Ok) {
        assert!(start.elapsed() < SECOND * 10, "it does not come up");
        sleep(STEP).await;
    }
    let told = world.node(NODE).get(1).await.unwrap();
    assert!(told.workload("web1").is_none());
    assert_eq!((told.workload("boot").unwrap().version, told.workload("net1").unwrap().version), (1, 0));
    assert_eq!(addresses(&told, "web2").unwrap(), before, "the same addresses");
    assert_eq!(settled(&world, "web1", 0).await.result.state, State::Deleted);

    // A version that its contract is not for: everything is put aside, and nothing of it is done.
    let mut wrong = next.clone();
    wrong.workloads.remove(machine);
    wrong.version = 2;
    wrong.sign(OPERATOR, &operator_key()).unwrap();
    world.node(NODE).update(&wrong).await.unwrap();
    let aside = world.until(NODE, 1, |state| matches!(state, State::Error | State::Deleted)).await;
    assert!(errors(&aside).iter().any(|error| refusal(error) == Refusal::HashMismatch), "{aside:?}");
    assert!(world.node(NODE).get(1).await.unwrap().workload("web2").is_some());
}

#[tokio::test]
async fn a_silent_node_ends_in_an_unknown_outcome() {
    let mut world = World::start().await;
    world.line.ttl = SECOND;
    assert!(world.node(NODE).system_version().await.is_ok());
    world.nodes.set_fault(NODE, Fault::Silent);
    assert_eq!(world.node(NODE).system_version().await, Err(ZosError::Unknown("no answer in time".into())));
    assert!(!world.nodes.view(NODE).unwrap().healthy);
    world.nodes.set_fault(NODE, Fault::None);
    assert!(world.node(NODE).system_version().await.is_ok());
}

#[tokio::test]
async fn a_node_that_dies_during_a_deploy_goes_on_when_it_is_back() {
    let mut world = World::start().await;
    world.line.ttl = SECOND;
    world.nodes.set_fault(NODE, Fault::DiesDuringDeploy);
    let mut deployment = small().deployment(OPERATOR).unwrap();
    world.contract(&mut deployment, NODE, 1, &[]);
    assert_eq!(world.node(NODE).deploy(&deployment).await, Ok(()));
    let start = Instant::now();
    while !matches!(world.node(NODE).changes(1).await, Err(ZosError::Unknown(_))) {
        assert!(start.elapsed() < SECOND * 10, "still alive");
        sleep(STEP).await;
    }
    world.nodes.set_fault(NODE, Fault::None);
    world.until(NODE, 1, |state| state == State::Ok).await;
}

#[tokio::test]
async fn a_node_that_fails_after_two_leaves_two_running() {
    let world = World::start().await;
    world.nodes.set_fault(NODE, Fault::FailsAtTheLast);
    let mut deployment = small().deployment(OPERATOR).unwrap();
    world.contract(&mut deployment, NODE, 1, &[]);
    world.node(NODE).deploy(&deployment).await.unwrap();
    let end = world.until(NODE, 1, |state| state != State::Init).await;
    assert_eq!(errors(&end), ["failed to provision: input/output error"]);
    assert_eq!(end.iter().filter(|workload| workload.result.state == State::Ok).count(), 2);
}

#[tokio::test]
async fn a_node_that_lies_about_its_capacity_is_found_out_by_deploying() {
    let world = World::start().await;
    world.nodes.set_fault(NODE, Fault::LiesAboutCapacity);
    assert!(world.node(NODE).statistics().await.unwrap().free().mru > 60 * GIB);
    let mut deployment = small().deployment(OPERATOR).unwrap();
    world.contract(&mut deployment, NODE, 1, &[]);
    world.node(NODE).deploy(&deployment).await.unwrap();
    let end = world.until(NODE, 1, |state| state != State::Init).await;
    assert_eq!(errors(&end).into_iter().map(refusal).collect::<Vec<_>>(), [Refusal::NoCapacity]);
}

#[tokio::test]
async fn a_slow_node_takes_its_time_and_arrives() {
    let world = World::start().await;
    world.nodes.set_fault(NODE, Fault::Slow(STEP * 10));
    let mut deployment = small().deployment(OPERATOR).unwrap();
    world.contract(&mut deployment, NODE, 1, &[]);
    let start = Instant::now();
    world.node(NODE).deploy(&deployment).await.unwrap();
    world.until(NODE, 1, |state| state == State::Ok).await;
    assert!(start.elapsed() >= STEP * 30);
}

#[tokio::test]
async fn a_second_or_late_answer_disturbs_nobody() {
    let mut world = World::start().await;
    world.nodes.set_fault(NODE, Fault::AnswersTwice);
    for _ in 0..3 {
        assert!(world.node(NODE).system_version().await.is_ok());
    }
    // Late: the deploy is carried out, although its answer comes when nobody waits any more.
    world.line.ttl = SECOND;
    world.nodes.set_fault(NODE, Fault::AnswersLate(SECOND + SECOND / 2));
    let mut deployment = small().deployment(OPERATOR).unwrap();
    world.contract(&mut deployment, NODE, 1, &[]);
    assert!(matches!(world.node(NODE).deploy(&deployment).await, Err(ZosError::Unknown(_))));
    world.nodes.set_fault(NODE, Fault::None);
    sleep(SECOND).await;
    world.until(NODE, 1, |state| state == State::Ok).await;
}
