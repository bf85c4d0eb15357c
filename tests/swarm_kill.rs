//! A swarm is built and taken down while its builder is killed again and again: it ends whole, and then gone, and nothing is left or done twice.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use cooperage::base::ids::OrderId;
use cooperage::cli::visitor::Visitor;
use cooperage::domain::order::State;
use cooperage::domain::slot::Kind;
use cooperage::domain::swarm::{Stage, Swarm};
use cooperage::host::{HostClock, HostRandom};
use cooperage::localgrid::node::Fault;
use cooperage::localgrid::world::World;
use cooperage::localgrid::{ChainView, ContractStateView};
use cooperage::store::Store;
use cooperage::store::check::check;
use cooperage::store::order::Orders;
use cooperage::store::swarm::Swarms;

use crate::kit::chance::Chance;
use crate::kit::market::{GOOD_CARD, KEY, PASSWORD};
use crate::kit::process::{House, Process};

const STEP: Duration = Duration::from_millis(60);

struct Siege {
    world: World,
    house: House,
    process: Process,
    chance: Chance,
}

impl Siege {
    async fn lay(seed: u64) -> Siege {
        let _already = rustls::crypto::ring::default_provider().install_default();
        let world = World::start(HostClock::new(), Arc::new(HostRandom), STEP).await.unwrap();
        let house = House::within(&world.addresses);
        world.meet(&house.url());
        let mut process = house.start();
        house.ready(&mut process).await;
        Siege { world, house, process, chance: Chance::new(seed) }
    }

    /// Somebody with a card.
    async fn shopper(&self) -> Visitor {
        let visitor = Visitor::new(&self.house.url()).unwrap();
        let email = "alice@example.org";
        visitor.fill("/signup", "/signup", &[("name", "Alice"), ("email", email), ("password", PASSWORD)]).await.unwrap();
        let mail = self.world.mail.wait_for(email, "Confirm").await.expect("a mail");
        let link = mail.text.split_whitespace().find(|word| word.starts_with(&self.house.url())).unwrap();
        visitor.fill(&link[self.house.url().len()..], "/verify", &[]).await.unwrap();
        let page = visitor.fill("/cards", "/cards", &[]).await.unwrap();
        let typed = [("number", GOOD_CARD), ("expiry", "12 / 39"), ("cvc", "123"), ("name", "Alice")];
        visitor.submit(&page, &page.action().unwrap(), &typed).await.unwrap();
        visitor
    }

    async fn kill(&mut self) {
        tokio::time::sleep(Duration::from_millis(self.chance.below(220))).await;
        self.process.kill();
        self.process = self.house.start();
        self.house.ready(&mut self.process).await;
    }

    fn look<T>(&self, ask: impl FnOnce(&Store) -> T) -> T {
        let store = self.house.look().expect("a store");
        let told = ask(&store);
        store.close();
        told
    }

    fn swarm(&self, id: OrderId) -> Option<Swarm> {
        self.look(|store| store.read().unwrap().swarm(id).unwrap())
    }

    fn state(&self, id: OrderId) -> State {
        self.look(|store| store.read().unwrap().order(id).unwrap().unwrap().state)
    }

    async fn until(&self, what: &str, is: impl Fn(&Siege) -> bool) {
        let asked = tokio::time::Instant::now();
        while !is(self) {
            assert!(asked.elapsed() < Duration::from_secs(60), "waited in vain until {what}\n{}", self.house.said());
            tokio::time::sleep(Duration::from_millis(150)).await;
        }
    }

    /// Contracts on the chain by what they carry; each of them is known to our books.
    fn live(&self) -> BTreeMap<Kind, usize> {
        let contracts: Vec<_> = self
            .world
            .chain
            .contracts()
            .into_iter()
            .filter(|it| it.state != ContractStateView::Deleted)
            .map(|it| it.id)
            .collect();
        self.look(|store| {
            let snapshot = store.read().unwrap();
            let mut kinds = BTreeMap::new();
            for id in contracts {
                let known = snapshot.contract(id).unwrap().unwrap_or_else(|| panic!("contract {id} is nobody's"));
                *kinds.entry(known.slot.kind).or_default() += 1;
            }
            kinds
        })
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_builder_that_is_killed_again_and_again_leaves_a_whole_swarm_and_then_nothing() {
    let kills = if std::env::var_os("COOPERAGE_LONG").is_some() { 40 } else { 3 };
    let seed = std::env::var_os("COOPERAGE_SEED").and_then(|seed| seed.to_str()?.parse().ok());
    let seed = seed.unwrap_or_else(|| u64::from(std::process::id()));
    eprintln!("kills are dealt by COOPERAGE_SEED={seed}");
    let mut siege = Siege::lay(seed).await;
    for node in [3, 17] {
        siege.world.nodes.set_fault(node, Fault::FailsAtTheLast);
    }
    let alice = siege.shopper().await;
    let typed = [
        ("name", "vault"),
        ("size", "small"),
        ("image", "ubuntu-24.04"),
        ("region", ""),
        ("ssh_key", KEY),
        ("swarm_gib", "120"),
        ("swarm_agreed", "on"),
    ];
    let quote = alice.fill("/order", "/order", &typed).await.unwrap();
    let page = alice.submit(&quote, &format!("{}/confirm", quote.url.path()), &[]).await.unwrap();
    let id: OrderId =
        page.url.path().split('/').nth(2).and_then(|id| id.parse().ok()).unwrap_or_else(|| panic!("{}", page.text()));
    siege.until("the swarm is begun", |siege| siege.swarm(id).is_some()).await;
    for _ in 0..kills {
        siege.kill().await;
    }
    siege.until("the swarm is whole", |siege| siege.swarm(id).is_some_and(|swarm| swarm.stage == Stage::Ready)).await;
    let whole = BTreeMap::from([(Kind::Machine, 1), (Kind::Shard, 28)]);
    siege.until("nothing else is left", |siege| siege.live() == whole).await;

    let path = format!("/deployments/{id}/delete");
    alice.fill(&path, &path, &[]).await.unwrap();
    for _ in 0..kills {
        siege.kill().await;
    }
    siege.until("it has ended", |siege| siege.state(id) == State::Ended).await;
    assert_eq!(siege.live(), BTreeMap::new());
    assert_eq!(siege.swarm(id).unwrap().stage, Stage::Gone);
    let truth = siege.world.cards.truth(&id.to_string());
    assert_eq!(truth.captures, 1);
    siege.look(|store| {
        let report = check(&store.read().unwrap(), |_, _| ()).unwrap();
        assert!(report.is_clean(), "{:?}", report.findings);
    });
    drop(siege.process);
    siege.world.stop().await;
}
