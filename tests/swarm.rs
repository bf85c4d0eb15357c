//! Storage swarms, as their owners see them: ordered with a server, built on many nodes, drilled, watched, mended and taken down.

use std::collections::BTreeSet;
use std::time::Duration;

use cooperage::base::ids::OrderId;
use cooperage::base::money::Usd;
use cooperage::base::time::{HOUR, MINUTE};
use cooperage::cli::demo::{ALICE, HILBERT, TOM};
use cooperage::cli::visitor::{Page, Visitor};
use cooperage::domain::node::NodeState;
use cooperage::domain::order::State;
use cooperage::domain::slot::Kind;
use cooperage::domain::swarm::{Alarm, CONSENT, Looks, Role, Shard, Stage, Swarm};
use cooperage::localgrid::fleet::{self, Condition};
use cooperage::localgrid::genesis::NodeSeed;
use cooperage::localgrid::node::Fault;
use cooperage::localgrid::{ChainView, ContractStateView};
use cooperage::store::Read;
use cooperage::store::grid::Chain;
use cooperage::store::order::{Orders, Reservation};
use cooperage::store::schema::{CONTRACTS, RESERVATIONS};
use cooperage::store::swarm::Swarms;

use crate::kit::caller::Caller;
use crate::kit::fault::Fault as Outside;
use crate::kit::market::{KEY, Market};

fn typed<'a>(more: &[(&'a str, &'a str)]) -> Vec<(&'a str, &'a str)> {
    let mut fields = vec![
        ("name", "vault"),
        ("size", "small"),
        ("image", "ubuntu-24.04"),
        ("region", ""),
        ("ssh_key", KEY),
        ("swarm_gib", "120"),
        ("swarm_agreed", "on"),
    ];
    for (field, value) in more {
        fields.retain(|(known, _)| known != field);
        fields.push((field, value));
    }
    fields
}

struct Bench {
    market: Market,
    alice: Visitor,
}

impl Bench {
    async fn open() -> Bench {
        let market = Market::open().await;
        let alice = market.shopper().await;
        Bench { market, alice }
    }

    async fn order(&self, more: &[(&str, &str)]) -> OrderId {
        let quote = self.alice.fill("/order", "/order", &typed(more)).await.unwrap();
        assert!(quote.url.path().starts_with("/quotes/"), "{}", quote.text());
        self.market.confirm(&self.alice, &quote).await
    }

    fn swarm(&self, id: OrderId) -> Option<Swarm> {
        self.market.demo.instance.app.read().unwrap().swarm(id).unwrap()
    }

    /// Nodes on which room is kept for an order, or was until the nodes themselves told that it is used.
    fn promised(&self, id: OrderId) -> usize {
        let mut nodes = 0;
        let snapshot = self.market.demo.instance.app.read().unwrap();
        let count = |(_, order): (u32, OrderId), _: Reservation| {
            nodes += usize::from(order == id);
            Ok(())
        };
        snapshot.each(&RESERVATIONS, count).unwrap();
        nodes
    }

    fn looks(&self, id: OrderId) -> Looks {
        self.market.demo.instance.app.read().unwrap().looks(id).unwrap()
    }

    fn stage(&self, id: OrderId) -> Option<Stage> {
        self.swarm(id).map(|swarm| swarm.stage)
    }

    async fn built(&self, id: OrderId) -> Swarm {
        let rests = || matches!(self.stage(id), Some(Stage::Ready | Stage::Gone));
        self.market.nurse_by(Duration::from_secs(30), "the swarm is built", rests).await;
        let swarm = self.swarm(id).unwrap();
        assert_eq!(swarm.stage, Stage::Ready, "{:#?}", swarm.history);
        swarm
    }

    async fn page(&self, id: OrderId) -> Page {
        self.alice.get(&format!("/deployments/{id}/swarm")).await.unwrap()
    }

    async fn press(&self, id: OrderId, what: &str, fields: &[(&str, &str)]) -> Page {
        let page = self.page(id).await;
        self.alice.submit(&page, &format!("/deployments/{id}/swarm/{what}"), fields).await.unwrap()
    }

    /// Looks at the swarm as the sweep does, when its time has come.
    async fn look(&self, id: OrderId) -> Looks {
        let before = self.looks(id).at;
        self.market.leap(4 * MINUTE);
        self.market.until("somebody has looked", || self.looks(id).at > before).await;
        self.looks(id)
    }

    fn switch(&self, nodes: impl IntoIterator<Item = u32>, condition: Condition) {
        nodes.into_iter().for_each(|node| self.market.demo.world.nodes.set_condition(node, condition));
    }

    /// Contracts of shards that are on the chain.
    fn shards_on_chain(&self) -> usize {
        let snapshot = self.market.demo.instance.app.read().unwrap();
        let live = self.market.demo.world.chain.contracts().into_iter().filter(|it| it.state != ContractStateView::Deleted);
        live.filter(|it| snapshot.contract(it.id).unwrap().is_some_and(|known| known.slot.kind == Kind::Shard)).count()
    }

    /// A node that could take another shard, and all others that have none of this order.
    fn spare_and_others(&self, id: OrderId) -> (u32, Vec<u32>) {
        let (swarm, fleet) = (self.swarm(id).unwrap(), fleet::fleet());
        let mut used: BTreeSet<u32> = swarm.shards.iter().map(|shard| shard.node().node).collect();
        used.extend(self.market.read(id).tried());
        let could = |node: &&NodeSeed| {
            let profile = &fleet.profiles[node.id as usize - 1];
            let shared = !fleet.farms[node.farm as usize - 1].dedicated && !node.opted_out && !profile.light;
            shared && profile.condition == Condition::Up && node.total.hru >= 1 << 40 && !used.contains(&node.id)
        };
        let spare = fleet.nodes.iter().find(could).expect("a spare node").id;
        (spare, fleet.nodes.iter().map(|node| node.id).filter(|node| *node != spare && !used.contains(node)).collect())
    }

    async fn delete(&self, id: OrderId) {
        let path = format!("/deployments/{id}/delete");
        self.alice.fill(&path, &path, &[]).await.unwrap();
        let over = || self.market.read(id).state == State::Ended;
        self.market.nurse_by(Duration::from_secs(30), "it is taken down", over).await;
        assert_eq!((self.shards_on_chain(), self.stage(id), self.promised(id)), (0, Some(Stage::Gone), 0));
    }
}

fn nodes_of(swarm: &Swarm, role: Role) -> Vec<u32> {
    swarm.working().filter(|(_, shard)| shard.role == role).map(|(_, shard)| shard.node().node).collect()
}

#[tokio::test(flavor = "multi_thread")]
async fn a_server_with_a_swarm_is_ordered_handed_over_drilled_and_deleted() {
    let bench = Bench::open().await;
    let quote = bench.alice.fill("/order", "/order", &typed(&[])).await.unwrap();
    for said in ["Storage swarm, 120 GB on 28 shards", "$2.44", "9 to 12 data shards", "not a promise that nothing can be lost"] {
        assert!(quote.says(said), "{said}: {}", quote.text());
    }
    let id = bench.market.confirm(&bench.alice, &quote).await;
    assert!(bench.promised(id) > 24, "its room is kept from the order on");
    let order = bench.market.rest(id).await;
    assert_eq!(order.state, State::Active, "{:?}", order.timeline);
    assert_eq!(order.wish.swarm.as_ref().unwrap().consent, CONSENT, "what was agreed to is stored with the order");
    let swarm = bench.built(id).await;

    // Where it is.
    let seats: Vec<&Shard> = swarm.working().map(|(_, shard)| shard).collect();
    let (data, meta) = (nodes_of(&swarm, Role::Data), nodes_of(&swarm, Role::Meta));
    let distinct = |nodes: &[u32]| nodes.iter().collect::<BTreeSet<_>>().len();
    assert_eq!((data.len(), distinct(&data), meta.len(), distinct(&meta)), (24, 24, 4, 4));
    for seat in &seats {
        let together = |role| seats.iter().filter(|other| other.role == role && other.node().farm == seat.node().farm).count();
        assert!(together(Role::Data) <= 8 && together(Role::Meta) <= 2, "{seat:?}");
        assert_ne!(seat.node().node, order.attempt().unwrap().node(), "a shard beside the server itself");
        assert_eq!(seat.backend.as_ref().unwrap().port, 9900);
    }
    let snapshot = bench.market.demo.instance.app.read().unwrap();
    let contracts = snapshot.all(&CONTRACTS, 1000).unwrap();
    assert_eq!(contracts.iter().filter(|(_, it)| it.slot.kind == Kind::Shard && it.slot.order == id).count(), 28);
    drop(snapshot);
    assert_eq!(bench.shards_on_chain(), 28);

    // No password and no key lies in the store as it is.
    let raw = serde_json::to_string(&swarm).unwrap();
    let config = Caller::person(bench.market.url(), &ALICE).await.get(&format!("/deployments/{id}/swarm/config")).await;
    assert_eq!(config.header("content-disposition"), "attachment; filename=\"zstor.toml\"");
    let read: toml::Table = config.body.parse().unwrap();
    let key = read["encryption"]["key"].as_str().unwrap().to_owned();
    assert_eq!((key.len(), read["meta"]["config"]["encryption"]["key"].as_str()), (64, Some(key.as_str())));
    let backends = read["groups"][0]["backends"].as_array().unwrap();
    assert_eq!((backends.len(), read["meta"]["config"]["backends"].as_array().unwrap().len()), (24, 4));
    for backend in backends {
        let password = backend["password"].as_str().unwrap();
        assert!(password.len() == 32 && !raw.contains(password) && !raw.contains(&key));
        assert!(backend["address"].as_str().unwrap().starts_with("[4") || backend["address"].as_str().unwrap().starts_with("[5"));
    }
    assert_eq!(
        Caller::person(bench.market.url(), &HILBERT).await.get(&format!("/deployments/{id}/swarm/config")).await.status,
        404
    );

    // Once its owner has it, the key is gone.
    let page = bench.press(id, "saved", &[]).await;
    assert!(page.says("Saved"), "{}", page.text());
    assert!(bench.swarm(id).unwrap().key.is_none());
    let again = Caller::person(bench.market.url(), &ALICE).await.get(&format!("/deployments/{id}/swarm/config")).await;
    assert!(!again.body.contains(&key) && again.body.contains("PUT THE KEY"), "{}", again.body);

    // A drill.
    bench.press(id, "drill", &[]).await;
    let done = || bench.swarm(id).unwrap().drill.is_some_and(|drill| drill.done.is_some());
    bench.market.until("the drill is over", done).await;
    let page = bench.page(id).await;
    for said in
        ["Read back whole without 8 of them", "Without 9 of them it could not be read, as it must be", "Without 3 of them"]
    {
        assert!(page.says(said), "{said}: {}", page.text());
    }
    assert!(bench.swarm(id).unwrap().drill.unwrap().done.unwrap().passed);
    let left =
        |shard: &Shard| bench.market.demo.world.nodes.stored(&shard.backend.as_ref().unwrap().namespace).map_or(0, |it| it.0);
    assert_eq!(seats.iter().map(|shard| left(shard)).sum::<usize>(), 0, "what was tried with is removed");

    // Bills of shards are the order's, and their nodes' owners earn.
    bench.market.leap(HOUR + MINUTE);
    let billed = || {
        let snapshot = bench.market.demo.instance.app.read().unwrap();
        swarm.working().all(|(_, shard)| snapshot.last_bill_of(shard.attempt.contract.unwrap()).unwrap().is_some())
    };
    bench.market.until("every shard is billed", billed).await;

    bench.delete(id).await;
    let order = bench.market.read(id);
    assert_eq!(order.price, Usd::from_cents(order.parts.iter().map(|part| part.amount.cents().unwrap()).sum()));
    assert!(bench.page(id).await.says("given back"));
    bench.market.close().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn eight_may_be_away_a_ninth_is_said_and_what_stays_away_is_replaced() {
    let bench = Bench::open().await;
    let id = bench.order(&[]).await;
    bench.market.rest(id).await;
    let swarm = bench.built(id).await;
    bench.press(id, "saved", &[]).await;
    bench.look(id).await;
    assert!(bench.page(id).await.says("All 28 shards are there: everything can be read and stored."));

    let data = nodes_of(&swarm, Role::Data);
    bench.switch(data[..8].to_vec(), Condition::Down);
    bench.look(id).await;
    let page = bench.page(id).await;
    assert!(page.says("everything can be read; storing waits"), "{}", page.text());
    bench.look(id).await;
    assert_eq!(bench.looks(id).told, Alarm::Waits);
    let mail = bench.market.demo.world.mail.wait_for(ALICE.email, "can't store anything now").await.expect("a mail");
    assert!(mail.text.contains("everything can be read"), "{}", mail.text);
    assert!(
        bench.market.demo.world.mail.wait_for(TOM.email, "can't store anything now").await.is_some(),
        "operators hear of it, too"
    );
    let tom = bench.market.log_in(&TOM).await;
    let trace = tom.get(&format!("/operator/orders/{id}")).await.unwrap();
    assert!(trace.says("Storage swarm: 8 shards are away"), "{}", trace.text());

    // A drill still reads whatever it is given, and says that it can't store.
    bench.press(id, "drill", &[]).await;
    let done = || bench.swarm(id).unwrap().drill.is_some_and(|drill| drill.done.is_some());
    bench.market.until("the drill is over", done).await;
    assert!(bench.page(id).await.says("Only 16 data shards answered, and 20 are needed"));

    bench.switch([data[8]], Condition::Down);
    bench.look(id).await;
    let page = bench.page(id).await;
    assert!(page.says("some of what is stored can't be read until they are back"), "{}", page.text());
    bench.look(id).await;
    assert!(bench.market.demo.world.mail.wait_for(ALICE.email, "needs attention").await.is_some());
    // Now none is given up, though its owner asks for it: it may come back, and holds what nothing else does.
    bench.look(id).await;
    let page = bench.page(id).await;
    assert!(page.says("None is replaced now") && !page.body.contains("/swarm/replace"), "{}", page.text());
    let ninth = swarm.working().find(|(_, shard)| shard.node().node == data[8]).unwrap().0;
    let path = format!("/deployments/{id}/swarm/replace");
    let asked = Caller::person(bench.market.url(), &ALICE).await.post(&path, &[("shard", &ninth.to_string())]).await;
    assert_eq!((asked.status, bench.swarm(id).unwrap().failures()), (303, 0));

    // They come back: nothing was replaced, and nothing is lost.
    bench.switch(data[..9].to_vec(), Condition::Up);
    bench.look(id).await;
    assert!(bench.page(id).await.says("All 28 shards are there"));

    // One that stays away is replaced by itself; one that its owner does not want to wait for, at once.
    bench.switch([data[0], data[1]], Condition::Down);
    let looks = bench.look(id).await;
    let away: Vec<u32> = looks.shards.iter().filter(|(_, look)| look.away.is_some()).map(|(number, _)| *number).collect();
    assert_eq!(away.len(), 2);
    assert!(!bench.page(id).await.body.contains("/swarm/replace"), "nodes start anew: nobody is asked before five minutes");
    let early = Caller::person(bench.market.url(), &ALICE).await.post(&path, &[("shard", &away[0].to_string())]).await;
    assert_eq!((early.status, bench.swarm(id).unwrap().failures()), (303, 0));
    bench.look(id).await;
    bench.look(id).await;
    let page = bench.press(id, "replace", &[("shard", &away[0].to_string())]).await;
    assert!(page.says("It is being replaced"), "{}", page.text());
    let version = |number: u32| bench.swarm(id).is_some_and(|swarm| swarm.version == number && swarm.is_whole());
    bench.market.nurse_by(Duration::from_secs(30), "it is replaced", || version(2)).await;
    let page = bench.page(id).await;
    for said in ["Download the new configuration", "SIGUSR1", "Configuration 2"] {
        assert!(page.says(said), "{said}: {}", page.text());
    }
    bench.press(id, "saved", &[]).await;
    assert_eq!(bench.swarm(id).unwrap().saved, 2);
    bench.market.leap(2 * HOUR);
    bench.market.nurse_by(Duration::from_secs(30), "the other one is replaced, too", || version(3)).await;
    let swarm = bench.swarm(id).unwrap();
    assert!(nodes_of(&swarm, Role::Data).iter().all(|node| *node != data[0] && *node != data[1]));
    let given_back = || bench.shards_on_chain() == 28;
    bench.market.nurse_by(Duration::from_secs(30), "what was replaced is given back", given_back).await;

    // Six are lost, and there is room for five, on a node that is free and on those of the directory: they are built all the same,
    // and the sixth when there is room again.
    let (spare, others) = bench.spare_and_others(id);
    bench.switch(others.clone(), Condition::Down);
    let app = &bench.market.demo.instance.app;
    let few = || app.nodes().iter().filter(|node| node.state() == NodeState::Up).all(|node| !others.contains(&node.id()));
    bench.market.nurse_by(Duration::from_secs(40), "the list knows how few are left", few).await;
    let lost = swarm.working().filter(|(_, shard)| shard.role == Role::Data).map(|(_, shard)| shard.attempt.contract.unwrap());
    lost.take(6).for_each(|contract| bench.market.demo.world.chain.end_contract(contract));
    let settled = |swarm: Swarm| swarm.version == 4 && swarm.progress().0 == 27 && swarm.given_up().is_empty();
    let mended = || bench.swarm(id).is_some_and(settled);
    bench.market.nurse_by(Duration::from_secs(30), "five of them are replaced", mended).await;
    let short = bench.swarm(id).unwrap();
    assert!(short.no_room.is_some() && nodes_of(&short, Role::Data).contains(&spare), "{:#?}", short.history);
    assert_eq!(bench.shards_on_chain(), 27);
    bench.switch(others, Condition::Up);
    bench.market.leap(HOUR);
    let whole = || version(5) && bench.shards_on_chain() == 28;
    bench.market.nurse_by(MINUTE, "the sixth is replaced, too", whole).await;
    assert!(bench.swarm(id).unwrap().no_room.is_none());
    bench.delete(id).await;
    bench.market.close().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn nodes_that_fail_are_replaced_and_a_swarm_that_can_not_be_built_is_paid_back() {
    let bench = Bench::open().await;
    let world = &bench.market.demo.world;
    // Some nodes fail in several ways, and there are others.
    for (node, fault) in [(3, Fault::SaysNo), (17, Fault::SeesAnotherHash), (21, Fault::FailsAtTheLast)] {
        world.nodes.set_fault(node, fault);
    }
    let region = [("region", "Switzerland")];
    let id = bench.order(&region).await;
    let order = bench.market.rest(id).await;
    assert_eq!(order.state, State::Active, "{:?}", order.timeline);
    let swarm = bench.built(id).await;
    let used: BTreeSet<u32> = swarm.working().map(|(_, shard)| shard.node().node).collect();
    assert!([3, 17, 21].iter().all(|node| !used.contains(node)), "{used:?}");
    let given_back = || bench.shards_on_chain() == 28;
    bench.market.nurse_by(Duration::from_secs(30), "what failed is given back", given_back).await;
    bench.delete(id).await;

    // Now so many fail that there is no way.
    for node in world.nodes.ids() {
        if node % 2 == 0 {
            world.nodes.set_fault(node, Fault::FailsAtTheLast);
        }
    }
    // The server itself finds a place in Switzerland.
    (12..=15).for_each(|node| world.nodes.set_fault(node, Fault::None));
    let id = bench.order(&region).await;
    let order = bench.market.rest(id).await;
    assert_eq!(order.state, State::Active, "{:?}", order.timeline);
    let gone = || bench.stage(id) == Some(Stage::Gone);
    bench.market.nurse_by(Duration::from_secs(30), "it is given up", gone).await;
    let back = || bench.market.charged(id) == bench.market.read(id).price;
    bench.market.nurse_by(Duration::from_secs(30), "that part is paid back", back).await;
    let (before, after) = (order.price, bench.market.read(id).price);
    assert_eq!(before.checked_sub(after), Some(Usd::from_cents(244)));
    assert_eq!(bench.shards_on_chain(), 0);
    let page = bench.page(id).await;
    assert!(page.says("could not be built") && page.says("goes back to your card"), "{}", page.text());
    assert_eq!(bench.market.read(id).state, State::Active, "the server runs without it");
    assert_eq!(bench.market.charged(id), bench.market.read(id).paid());
    bench.delete(id).await;

    // Where the server itself can't be had no room is kept for its swarm.
    world.nodes.ids().into_iter().for_each(|node| world.nodes.set_fault(node, Fault::FailsAtTheLast));
    let id = bench.order(&region).await;
    assert_eq!((bench.market.rest(id).await.state, bench.promised(id)), (State::Refunded, 0));
    bench.market.close().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn whatever_the_chain_or_the_bus_does_a_swarm_ends_whole_or_paid_back() {
    let faults = [
        Outside::AnswersToCallsAreLost,
        Outside::ChainForgetsCalls,
        Outside::CallsLandLate,
        Outside::ConnectionsBreakInTheCall,
        Outside::ChainRefuses,
        Outside::NonceIsStolen,
        Outside::BlocksAreReorganised,
        Outside::FinalityStalls,
        Outside::PoolIsFull,
        Outside::RelayIsDown,
        Outside::AnswersAreLost,
        Outside::MessagesComeTwice,
        Outside::ContractsAreDeleted,
    ];
    let long = std::env::var_os("COOPERAGE_LONG").is_some();
    let dealt = usize::try_from(std::process::id()).unwrap() % faults.len();
    let bench = Bench::open().await;
    for (_, fault) in faults.into_iter().enumerate().filter(|(place, _)| long || *place == dealt) {
        eprintln!("{fault:?}");
        let id = bench.order(&[]).await;
        bench.market.rest(id).await;
        let seated = || bench.swarm(id).is_some_and(|swarm| !swarm.shards.is_empty());
        bench.market.until("its shards are seated", seated).await;
        fault.strike(&bench.market, &[]);
        let mut commits = bench.market.demo.instance.app.store.commits();
        for _ in 0..4 {
            let _quiet = tokio::time::timeout(Duration::from_millis(80), commits.changed()).await;
            bench.market.leap(Duration::from_secs(6));
        }
        fault.heal(&bench.market, &[]);
        let rests = || {
            let swarm = bench.swarm(id).unwrap();
            let clear = swarm.shards.iter().all(|shard| shard.works() || shard.attempt.cleared);
            matches!(swarm.stage, Stage::Ready | Stage::Gone) && clear
        };
        bench.market.nurse(&format!("{fault:?}: the swarm is at rest"), rests).await;
        let swarm = bench.swarm(id).unwrap();
        let (whole, order) = (swarm.stage == Stage::Ready, bench.market.read(id));
        let left = || bench.shards_on_chain() == if whole { 28 } else { 0 };
        bench.market.nurse(&format!("{fault:?}: nothing else is left"), left).await;
        eprintln!("{fault:?}: {:?}, the server {:?}", swarm.stage, order.state);
        // The machine's own contract may have been among those that were deleted.
        if order.state == State::Active {
            let back = || bench.market.charged(id) == bench.market.read(id).price;
            bench.market.nurse(&format!("{fault:?}: paid for what there is"), back).await;
            bench.delete(id).await;
        } else {
            bench.market.ended(id).await;
        }
    }
    bench.market.close().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn what_is_asked_wrongly_says_so_at_its_field() {
    let market = Market::open().await;
    let alice = Caller::person(market.url(), &ALICE).await;
    type Case<'a> = (&'a [(&'a str, &'a str)], &'a str, &'a str);
    let cases: [Case<'_>; 7] = [
        (&[("swarm_gib", "many")], "swarm_gib", "from 1 to 10000"),
        (&[("swarm_gib", "10001")], "swarm_gib", "from 1 to 10000"),
        (&[("swarm_agreed", "")], "swarm_agreed", "read what can be lost"),
        (&[("swarm_minimal", "20")], "swarm_minimal", "fewer than all shards"),
        (&[("swarm_expected", "33")], "swarm_expected", "From 3 to 32"),
        (&[("swarm_spares", "9")], "swarm_spares", "At most 8"),
        (
            &[("swarm_expected", "32"), ("swarm_minimal", "20"), ("swarm_spares", "8")],
            "swarm_gib",
            "no room for so large a swarm",
        ),
    ];
    for (more, field, message) in cases {
        let answer = alice.post("/order", &typed(more)).await;
        assert_eq!(answer.status, 422, "{more:?}");
        let at = answer.body.find(&format!("id=\"f-{field}-error\"")).unwrap_or_else(|| panic!("{more:?}: nothing at the field"));
        let said = answer.body[at..].split("</p>").next().unwrap();
        assert!(said.contains(message), "{more:?}: {said}");
        assert!(answer.body.contains("value=\"120\"") || more[0].0 == "swarm_gib", "{more:?}: what was typed is lost");
    }
    let light = alice.post("/order", &typed(&[("image", "alpine-3")])).await;
    assert!(light.status == 422 && light.says("needs FUSE"), "{}", light.body);
    market.close().await;
}

/// Says what redis-py does and what it is told, in one word a line.
const SCRIPT: &str = r#"
import sys, redis
c = redis.Connection(host="127.0.0.1", port=int(sys.argv[1]))
c.connect()
def ask(*words):
    c.send_command(*words)
    try:
        return c.read_response()
    except redis.ResponseError as error:
        return str(error)
name, password = sys.argv[2], sys.argv[3]
print(ask("PING"))
print(ask("SELECT", name, "wrong"))
print(ask("SELECT", name, password))
key = ask("SET", b"", b"\x00binary\r\n" * 100)
print(key.hex())
print(ask("GET", key) == b"\x00binary\r\n" * 100)
print(ask("SET", b"mine", b"x"))
print("entries: 1" in ask("NSINFO", name).decode())
print(ask("DEL", key))
print(ask("GET", key))
"#;

#[tokio::test(flavor = "multi_thread")]
#[ignore = "needs Python and its package index: COOPERAGE_REDIS=1 cargo test --test stories swarm -- --ignored"]
async fn a_redis_client_by_others_keeps_and_reads_in_a_store() {
    let bench = Bench::open().await;
    let id = bench.order(&[]).await;
    bench.market.rest(id).await;
    bench.built(id).await;
    let config = Caller::person(bench.market.url(), &ALICE).await.get(&format!("/deployments/{id}/swarm/config")).await;
    let read: toml::Table = config.body.parse().unwrap();
    let store = &read["groups"][0]["backends"][0];
    let folder = std::env::temp_dir().join(format!("cooperage-redis-{}", std::process::id()));
    let python = |arguments: &[&str]| {
        let mut command = std::process::Command::new("python3");
        command.args(arguments).env("PYTHONPATH", &folder).output().expect("Python is there")
    };
    let target = folder.to_str().unwrap();
    let installed = python(&["-m", "pip", "install", "--quiet", "--break-system-packages", "--target", target, "redis==5.2.1"]);
    assert!(installed.status.success(), "{}", String::from_utf8_lossy(&installed.stderr));
    let port = bench.market.demo.world.addresses.stores.rsplit(':').next().unwrap().to_owned();
    let (name, password) = (store["namespace"].as_str().unwrap(), store["password"].as_str().unwrap());
    let said = python(&["-c", SCRIPT, &port, name, password]);
    let lines = String::from_utf8_lossy(&said.stdout).into_owned();
    let lines: Vec<&str> = lines.lines().collect();
    let expected = [
        "b'PONG'",
        "Access denied",
        "b'OK'",
        "00000000",
        "True",
        "Invalid key, use empty key for auto-generated key",
        "True",
        "b'OK'",
        "None",
    ];
    assert_eq!(lines, expected, "{}", String::from_utf8_lossy(&said.stderr));
    std::fs::remove_dir_all(&folder).unwrap();
    bench.delete(id).await;
    bench.market.close().await;
}
