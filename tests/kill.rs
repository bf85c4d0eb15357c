//! kill -9 under load: whatever was acknowledged is there afterwards, and everything outside happened exactly once.
//!
//! The world lives here, the marketplace is the real program. `COOPERAGE_LONG=1` kills ten times as often,
//! `COOPERAGE_SEED=n` plays another story.

mod address;

mod audit;

use std::collections::{BTreeMap, BTreeSet};
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use cooperage::base::Clock;
use cooperage::base::ids::OrderId;
use cooperage::base::money::Usd;
use cooperage::base::time::DAY;
use cooperage::cli::visitor::{Page, Visitor};
use cooperage::domain::backup::Stage;
use cooperage::domain::charge::{Charge, ChargeState, RefundState};
use cooperage::domain::job::{Job, Work};
use cooperage::domain::order::{Order, State};
use cooperage::domain::signer::{CallState, SignedCall};
use cooperage::host::{HostClock, HostRandom};
use cooperage::localgrid::ChainView;
use cooperage::localgrid::node::Fault;
use cooperage::localgrid::world::World;
use cooperage::store::charge::Charges;
use cooperage::store::check::check;
use cooperage::store::grid::Chain;
use cooperage::store::job::Jobs;
use cooperage::store::order::Orders;
use cooperage::store::revision::Revisions;
use cooperage::store::schema::{BILLED_TO, CALLS, NOTICED_TO, VERSION};
use cooperage::store::{Read, Snapshot, Turn, Tx};
use cooperage::wire::stripe::server::Fault as CardFault;
use tokio::task::{LocalSet, spawn_local};

use self::audit::backups;
use crate::kit::chance::Chance;
use crate::kit::market::{GOOD_CARD, KEY, PASSWORD};
use crate::kit::process::{House, Process, bytes_of};

/// Everything here fails: orders for this place go all the way down again.
const HOPELESS: &str = "Spain";
const POOR_CARD: &str = "4000 0000 0000 9995";
const STEP: Duration = Duration::from_millis(25);
const RUNGS: [State; 6] = [State::Paying, State::Reserving, State::Deploying, State::Settling, State::Undoing, State::Ending];
/// Sign-ups and log-ins are limited by address, and all our people have one address.
const NEWCOMERS: usize = 4;

/// A house in a world, with people who go on no matter what.
struct Siege {
    clock: Arc<HostClock>,
    world: World,
    house: House,
    closing: AtomicBool,
    /// Changes that were cut off.
    cut: AtomicUsize,
    acks: Mutex<Acks>,
}

/// What people were told.
#[derive(Default)]
struct Acks {
    orders: BTreeMap<OrderId, usize>,
    deleted: BTreeSet<OrderId>,
    sign_ups: Vec<String>,
}

impl Siege {
    async fn lay() -> Siege {
        let _already = rustls::crypto::ring::default_provider().install_default();
        let clock = HostClock::new();
        let world = World::start(clock.clone(), Arc::new(HostRandom), STEP).await.unwrap();
        world.cards.set_hang(Duration::from_millis(150));
        for node in world.fleet.nodes.iter().filter(|node| node.country == HOPELESS) {
            world.nodes.set_fault(node.id, Fault::FailsAtTheLast);
        }
        let house = House::within(&world.addresses);
        world.meet(&house.url());
        Siege { clock, world, house, closing: AtomicBool::new(false), cut: AtomicUsize::new(0), acks: Mutex::default() }
    }

    fn closing(&self) -> bool {
        self.closing.load(Ordering::SeqCst)
    }

    /// Does something again until a page comes that is no excuse. None once the siege is over and nothing came for long.
    async fn insist(&self, mut act: impl AsyncFnMut() -> cooperage::base::Result<Page>) -> Page {
        let asked = tokio::time::Instant::now();
        loop {
            match act().await {
                Ok(page) if page.status < 500 && page.status != 429 => return page,
                answer => assert!(asked.elapsed() < Duration::from_secs(120), "no answer for too long: {answer:?}"),
            }
            tokio::time::sleep(Duration::from_millis(60)).await;
        }
    }

    /// A person with an account and a card.
    async fn newcomer(&self, name: &str, card: &str) -> Visitor {
        let visitor = Visitor::new(&self.house.url()).unwrap();
        self.sign_up(&visitor, name).await;
        for _ in 0..50 {
            let page = self.insist(async || visitor.fill("/cards", "/cards", &[]).await).await;
            let Some(action) = page.action().filter(|action| page.url.path().starts_with("/card/") && action != "/cards") else {
                continue;
            };
            let typed = [("number", card), ("expiry", "12 / 39"), ("cvc", "123"), ("name", name)];
            // A lost answer loses nothing: the card's notice comes as well.
            let _lost = visitor.submit(&page, &action, &typed).await;
            let cards = self.insist(async || visitor.get("/cards").await).await;
            if cards.says(&card[card.len() - 4..]) {
                return visitor;
            }
        }
        panic!("{name} gets no card saved");
    }

    /// Signs up and proves the address; whoever was told "welcome" is in the log.
    async fn sign_up(&self, visitor: &Visitor, name: &str) {
        let email = format!("{}@example.org", name.to_lowercase());
        let form = [("name", name), ("email", email.as_str()), ("password", PASSWORD)];
        self.insist(async || visitor.fill("/signup", "/signup", &form).await).await;
        let mut told = Vec::new();
        for _ in 0..50 {
            let Some(mail) = self.world.mail.wait_for(&email, "Confirm").await else { continue };
            let link = mail.text.split_whitespace().find(|word| word.starts_with(&self.house.url())).unwrap();
            let proved = visitor.fill(&link[self.house.url().len()..], "/verify", &[]).await;
            // A cut after the proof was taken: the link is used up, the person is logged in or can log in.
            let entered = [("email", email.as_str()), ("password", PASSWORD)];
            let entered = visitor.fill("/login", "/login", &entered).await;
            for welcome in [proved, entered, visitor.get("/profile").await] {
                match welcome {
                    Ok(page) if page.status == 200 && page.says(name) => {
                        self.acks.lock().unwrap().sign_ups.push(email);
                        return;
                    }
                    Ok(page) => told.push(format!("{} {} {}", page.status, page.url.path(), page.text())),
                    Err(error) => told.push(format!("{error:?}")),
                }
            }
            tokio::time::sleep(Duration::from_millis(100)).await;
        }
        panic!("{name} does not get in:\n{}", told.join("\n"));
    }

    /// Orders and deletes until the siege is over.
    async fn shop(&self, who: usize, visitor: Visitor, mut chance: Chance) {
        let mut round = 0;
        while !self.closing() {
            round += 1;
            let place = if chance.percent(15) { HOPELESS } else { "" };
            let name = format!("vm{who}x{round}");
            let wish = [
                ("name", name.as_str()),
                ("size", "small"),
                ("image", "ubuntu-24.04"),
                ("region", place),
                ("key", "new"),
                ("ssh_key", KEY),
                ("backup", if chance.percent(30) { "vm" } else { "none" }),
            ];
            let quote = self.insist(async || visitor.fill("/order", "/order", &wish).await).await;
            if !quote.url.path().starts_with("/quotes/") {
                tokio::time::sleep(Duration::from_millis(100)).await;
                continue; // no room, or no nodes known yet
            }
            let confirm = format!("{}/confirm", quote.url.path());
            // The same button of the same quote, until somebody answers: it must make one order.
            let agreed = [("consent", "on")];
            let page = self.insist(async || visitor.submit(&quote, &confirm, &agreed).await).await;
            let Some(id) = order_of(&page) else { continue };
            self.acks.lock().unwrap().orders.insert(id, who);
            if chance.percent(25) {
                let again = self.insist(async || visitor.submit(&quote, &confirm, &agreed).await).await;
                assert_eq!(order_of(&again), Some(id), "the second press of a button made another order");
            }
            let mine = format!("/deployments/{id}");
            let remove = format!("{mine}/delete");
            while !self.closing() {
                let page = self.insist(async || visitor.get(&mine).await).await;
                assert_eq!(page.status, 200, "an acknowledged order is gone: {id}");
                if page.body.contains(&remove) {
                    if chance.percent(60) {
                        self.change(&visitor, id, &mut chance).await;
                    }
                    if chance.percent(85) {
                        tokio::time::sleep(Duration::from_millis(chance.below(300))).await;
                        self.press(&visitor, &remove, &[]).await;
                        self.acks.lock().unwrap().deleted.insert(id);
                    }
                    break;
                }
                if page.says("Refunded") || page.says("Deleted") {
                    break;
                }
                tokio::time::sleep(Duration::from_millis(100)).await;
            }
        }
    }

    /// Opens a page and presses its button, until somebody answers. Where the page is another one by now, it was pressed before and
    /// the answer was lost.
    async fn press(&self, visitor: &Visitor, path: &str, typed: &[(&str, &str)]) -> Page {
        self.insist(async || match visitor.get(path).await? {
            page if page.status >= 500 || page.status == 429 => Ok(page),
            page if page.body.contains(&format!("action=\"{path}\"")) => visitor.submit(&page, path, typed).await,
            page => Ok(page),
        })
        .await
    }

    /// Stops, starts, resizes or moves what runs, and does not always wait for it.
    async fn change(&self, visitor: &Visitor, id: OrderId, chance: &mut Chance) {
        let mine = format!("/deployments/{id}");
        let at = |what: &str| format!("{mine}/{what}");
        for _ in 0..1 + chance.below(3) {
            match chance.below(4) {
                0 => drop(self.press(visitor, &at("stop"), &[("consent", "on")]).await),
                1 => drop(
                    self.insist(async || match visitor.get(&mine).await? {
                        page if page.body.contains(&at("start")) => visitor.submit(&page, &at("start"), &[]).await,
                        page => Ok(page),
                    })
                    .await,
                ),
                2 => drop(self.press(visitor, &at("move"), &[("consent", "on")]).await),
                _ => {
                    let size = chance.one_of(&["small", "medium"]);
                    let page = self.press(visitor, &at("resize"), &[("size", size), ("consent", "on")]).await;
                    if page.body.contains("name=\"seal\"") {
                        self.insist(async || visitor.submit(&page, &at("resize"), &[]).await).await;
                    }
                }
            }
            for _ in 0..chance.below(15) {
                tokio::time::sleep(Duration::from_millis(100)).await;
                let page = self.insist(async || visitor.get(&mine).await).await;
                if !page.says(" since ") {
                    break;
                }
            }
        }
    }

    /// People who sign up meanwhile.
    async fn strangers(&self) {
        for number in 0..NEWCOMERS {
            let visitor = Visitor::new(&self.house.url()).unwrap();
            self.sign_up(&visitor, &format!("Stranger{number}")).await;
        }
    }

    /// Bad weather at the card processor: requests that get lost before or after they did what they say.
    async fn weather(&self, mut chance: Chance) {
        while !self.closing() {
            tokio::time::sleep(Duration::from_millis(300 + chance.below(900))).await;
            self.world.cards.fail_next(chance.one_of(&[CardFault::TimeoutBefore, CardFault::TimeoutAfter, CardFault::Throttled]));
        }
    }

    /// What must hold at any moment, seen right after a kill. Which rungs were cut off.
    fn look(&self, acked: &BTreeSet<OrderId>) -> BTreeMap<State, usize> {
        let Some(store) = self.house.look() else {
            assert!(acked.is_empty());
            return BTreeMap::new();
        };
        let snapshot = store.read().unwrap();
        let report = check(&snapshot, |_, _| ()).unwrap();
        assert!(report.is_clean(), "{:?}", report.findings);
        for id in acked {
            assert!(snapshot.order(*id).unwrap().is_some(), "an acknowledged order is lost: {id}");
        }
        self.cut.fetch_add(snapshot.revisions_open(None, 1000).unwrap().len(), Ordering::SeqCst);
        let count = |state| (state, snapshot.count_in(state, 1000).unwrap());
        RUNGS.into_iter().map(count).filter(|(_, count)| *count > 0).collect()
    }

    /// Sets when an order's job is due, in a house without a process.
    async fn put_off(&self, order: OrderId, by: Duration) {
        let (store, due) = (self.house.store(), HostClock::new().now() + by);
        let put = store.write(move |tx| {
            let job = tx.job_for(&Work::ClimbOrder(order))?.expect("an order under way has a job");
            tx.put_job(&Job { due, ..job })
        });
        put.await.unwrap();
        store.close();
    }

    /// The processor's list of events has nothing new for a day.
    async fn hush(&self) {
        let (store, far) = (self.house.store(), HostClock::new().now() + DAY);
        store.write(move |tx| tx.set(&NOTICED_TO, &far)).await.unwrap();
        store.close();
    }

    fn acked(&self) -> BTreeSet<OrderId> {
        self.acks.lock().unwrap().orders.keys().copied().collect()
    }

    /// Lets the marketplace work until nothing is left to do, and leaves it stopped.
    async fn come_to_rest(&self, mut process: Process) {
        let mut left = Vec::new();
        for _ in 0..40 {
            tokio::time::sleep(Duration::from_secs(1)).await;
            let status = process.stop(Duration::from_secs(10)).await.expect("it does not stop within ten seconds");
            assert!(status.success(), "{status}\n{}", self.house.said());
            let store = self.house.store();
            left = self.open(&store.read().unwrap());
            if left.is_empty() {
                store.close();
                return;
            }
            // What failed often waits long: nobody here waits with it.
            let now = HostClock::new().now();
            let waiting = store.read().unwrap().jobs_waiting(Turn::First, 1000).unwrap();
            let hurry = move |tx: &mut Tx<'_>| waiting.into_iter().try_for_each(|job| tx.put_job(&Job { due: now, ..job }));
            store.write(hurry).await.unwrap();
            store.close();
            drop(store);
            process = self.house.start();
            self.house.ready(&mut process).await;
        }
        panic!("it does not come to rest:\n{}\n{}", left.join("\n"), self.house.said());
    }

    /// What is still under way.
    fn open(&self, snapshot: &Snapshot) -> Vec<String> {
        let mut open = Vec::new();
        for state in RUNGS {
            let orders = snapshot.orders_in(state, None, 1000).unwrap();
            open.extend(orders.iter().map(|order| format!("order {} is {state:?}: {:?}", order.id, order.timeline.last())));
        }
        let moving = backups(snapshot).into_values().filter(|backup| !backup.is_settled());
        open.extend(
            moving.map(|backup| format!("the backup VM of {} is {:?}: {:?}", backup.order, backup.stage, backup.events.last())),
        );
        let read_to = snapshot.single(&BILLED_TO).unwrap();
        let mut unread = |call: SignedCall| match call.state {
            CallState::Landed { block } if Some(block) > read_to => open.push(format!("the bills of block {block} are not read")),
            _ => {}
        };
        let read = snapshot.each(&CALLS, |_, call| {
            unread(call);
            Ok(())
        });
        read.unwrap();
        let (waiting, parked) = (snapshot.jobs_waiting(Turn::First, 1000), snapshot.jobs_parked(Turn::First, 1000));
        open.extend(waiting.unwrap().iter().chain(&parked.unwrap()).map(|job| format!("{job:?}")));
        open
    }

    /// By the truth of the card processor and of the chain, not by ours.
    fn audit(&self, snapshot: &Snapshot) {
        let report = check(snapshot, |_, _| ()).unwrap();
        assert!(report.is_clean(), "{:?}", report.findings);
        assert_eq!(report.held, 0, "money is held for nothing");
        let orders: Vec<Order> =
            State::ALL.into_iter().flat_map(|state| snapshot.orders_in(state, None, 10_000).unwrap()).collect();
        let quotes: BTreeSet<_> = orders.iter().map(|order| order.quote).collect();
        assert_eq!(quotes.len(), orders.len(), "a quote made two orders");
        let acks = self.acks.lock().unwrap();
        for id in acks.orders.keys() {
            assert!(orders.iter().any(|order| order.id == *id), "an acknowledged order is lost: {id}");
        }
        for id in &acks.deleted {
            let order = snapshot.order(*id).unwrap().unwrap();
            assert!(matches!(order.state, State::Ended | State::Refunded), "deleted and still {:?}: {id}", order.state);
        }
        orders.iter().for_each(|order| self.audit_money(snapshot, order));
        self.audit_chain(snapshot, &orders);
        let active = orders.iter().filter(|order| order.state == State::Active).count();
        let kept: u32 = snapshot.carried().unwrap().values().sum();
        let doubled = backups(snapshot).into_values().filter(|backup| backup.stage == Stage::Active).count();
        assert_eq!(usize::try_from(kept).unwrap(), active + doubled, "room is kept that nobody uses");
        println!("{} orders, {active} of them running, {doubled} twice; {} entries in the books", orders.len(), report.entries);
    }

    fn audit_money(&self, snapshot: &Snapshot, order: &Order) {
        let truth = self.world.cards.truth(&order.id.to_string());
        let charges: Vec<Charge> = snapshot.charges_of(order.user, None, 10_000).unwrap();
        let charges: Vec<Charge> = charges.into_iter().filter(|charge| charge.order == order.id).collect();
        let ran = order.active_since.is_some();
        let story = || format!("{order:?}\n{charges:?}\n{truth:?}\n{:?}", snapshot.revisions_of(order.id, None, 100).unwrap());
        let taken: Vec<&Charge> = charges.iter().filter(|charge| charge.state == ChargeState::Captured).collect();
        assert_eq!(truth.captures, taken.len(), "captured once each: {}", story());
        assert_eq!((truth.open, truth.open_cents), (0, 0), "the bank still holds money: {}", story());
        let sum: i64 = taken.iter().map(|charge| charge.amount.cents().unwrap()).sum();
        assert_eq!(truth.captured_cents, sum, "{}", story());
        assert_eq!(ran, taken.iter().any(|charge| charge.id == order.charge), "{}", story());
        let mut back = 0;
        for charge in &taken {
            let refunds = snapshot.refunds_of(charge.id).unwrap();
            assert!(refunds.iter().all(|refund| refund.state == RefundState::Done), "{refunds:?}");
            let gone: i64 = refunds.iter().map(|refund| refund.amount.cents().unwrap()).sum();
            assert!(gone <= charge.amount.cents().unwrap(), "more went back than was taken: {}", story());
            let kept = order.charges().any(|kept| kept == charge.id);
            assert!(kept || gone == charge.amount.cents().unwrap(), "taken for a change that was not made: {}", story());
            back += gone;
        }
        assert_eq!(truth.refunded_cents, back, "the refunds: {}", story());
        let left = match order.state {
            State::Ended if ran => {
                let unused = order.paid().checked_sub(order.earned).unwrap().floor_to_cent();
                order.paid().checked_sub(unused).unwrap()
            }
            _ if ran => order.paid(),
            _ => Usd::ZERO,
        };
        assert_eq!(Usd::from_cents(sum - back), left, "what is left: {}", story());
        assert!(order.revision.is_none(), "a change that is never done: {}", story());
    }

    /// Mails may come twice, but never with another action in them.
    fn audit_mails(&self) {
        let mut about: BTreeMap<(Vec<String>, String, String), BTreeSet<String>> = BTreeMap::new();
        for mail in self.world.mail.mails() {
            let link = mail.text.split_whitespace().find(|word| word.contains("/deployments/")).unwrap_or_default().to_owned();
            if !link.is_empty() {
                about.entry((mail.to, mail.subject, link)).or_default().insert(mail.message_id);
            }
        }
        for (what, ids) in about {
            assert_eq!(ids.len(), 1, "told twice: {what:?}");
        }
    }

    async fn audit_people(&self) {
        let emails = self.acks.lock().unwrap().sign_ups.clone();
        for email in emails {
            let visitor = Visitor::new(&self.house.url()).unwrap();
            let entered = [("email", email.as_str()), ("password", PASSWORD)];
            let page = self.insist(async || visitor.fill("/login", "/login", &entered).await).await;
            assert!(page.status == 200 && page.url.path() != "/login", "{email} can't log in: {}", page.text());
        }
    }
}

/// The order whose page this is.
fn order_of(page: &Page) -> Option<OrderId> {
    let mut parts = page.url.path().split('/').skip(1);
    (parts.next() == Some("deployments")).then(|| parts.next()?.parse().ok()).flatten()
}

#[allow(clippy::disallowed_methods)] // not a setting of the product
fn wish(name: &str) -> Option<String> {
    std::env::var(name).ok()
}

#[derive(Clone, Copy, PartialEq)]
enum Way {
    Kill,
    Terminate,
}

#[tokio::test(flavor = "multi_thread")]
async fn a_marketplace_that_is_killed_again_and_again_loses_nothing_and_doubles_nothing() {
    let long = wish("COOPERAGE_LONG").is_some();
    let hits = LocalSet::new().run_until(besiege(if long { 200 } else { 20 }, Way::Kill)).await;
    if long {
        assert!(RUNGS.iter().all(|rung| hits.contains_key(rung)), "a rung was never cut off: {hits:?}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_marketplace_that_is_asked_to_stop_under_load_stops_in_time_and_loses_nothing() {
    LocalSet::new().run_until(besiege(3, Way::Terminate)).await;
}

/// Ends the marketplace `times` times while people order and delete, lets it come to rest, and audits it.
async fn besiege(times: usize, way: Way) -> BTreeMap<State, usize> {
    let seed = wish("COOPERAGE_SEED").and_then(|seed| seed.parse().ok()).unwrap_or(1);
    println!("seed {seed}");
    let mut chance = Chance::new(seed);
    let siege = Arc::new(Siege::lay().await);
    let mut process = siege.house.start();
    siege.house.ready(&mut process).await;
    let mut people = Vec::new();
    for who in 0..5 {
        let card = if who == 4 { POOR_CARD } else { GOOD_CARD };
        let visitor = siege.newcomer(&format!("Besieged{who}"), card).await;
        let (siege, chance) = (siege.clone(), Chance::new(chance.number()));
        people.push(spawn_local(async move { siege.shop(who, visitor, chance).await }));
    }
    let (storm, strangers) = (siege.clone(), siege.clone());
    let weather = Chance::new(chance.number());
    people.push(spawn_local(async move { storm.weather(weather).await }));
    people.push(spawn_local(async move { strangers.strangers().await }));
    let (mut hits, mut early) = (BTreeMap::<State, usize>::new(), 0);
    for _ in 0..times {
        if way == Way::Kill && chance.percent(30) {
            early += 1;
            tokio::time::sleep(Duration::from_millis(chance.below(500))).await;
        } else {
            siege.house.ready(&mut process).await;
            tokio::time::sleep(Duration::from_millis(50 + chance.below(1000))).await;
        }
        let acked = siege.acked();
        match way {
            Way::Kill => process.kill(),
            Way::Terminate => {
                let status = process.stop(Duration::from_secs(10)).await.expect("it does not stop within ten seconds");
                assert!(status.success(), "{status}\n{}", siege.house.said());
            }
        }
        for (state, _) in siege.look(&acked) {
            *hits.entry(state).or_default() += 1;
        }
        process = siege.house.start();
    }
    siege.house.ready(&mut process).await;
    siege.closing.store(true, Ordering::SeqCst);
    for person in people {
        person.await.unwrap();
    }
    siege.come_to_rest(process).await;
    let cut = siege.cut.load(Ordering::SeqCst);
    println!("ended {times} times, {early} of them during a start; on these rungs: {hits:?}; in {cut} changes");
    // Twenty kills may miss them all; two hundred do not.
    assert!(times < 200 || cut > 0, "no change was ever cut off");
    let store = siege.house.store();
    siege.audit(&store.read().unwrap());
    store.close();
    drop(store);
    siege.audit_mails();
    let mut process = siege.house.start();
    siege.house.ready(&mut process).await;
    siege.audit_people().await;
    assert!(process.stop(Duration::from_secs(10)).await.unwrap().success());
    hits
}

#[tokio::test(flavor = "multi_thread")]
async fn bills_of_a_contract_that_is_learnt_of_late_are_in_the_books() {
    let siege = Siege::lay().await;
    let mut process = siege.house.start();
    siege.house.ready(&mut process).await;
    let nora = siege.newcomer("Nora", GOOD_CARD).await;
    // A notice would wake the order.
    siege.world.cards.set_webhook("http://127.0.0.1:1/");
    // The chain takes the contract, and nobody hears of it: no answer comes, and nothing is final yet.
    siege.world.chain.faults.swallow_submit_reply.store(true, Ordering::SeqCst);
    siege.world.chain.faults.stall_finality.store(true, Ordering::SeqCst);
    let wish = [("name", "web"), ("size", "small"), ("image", "ubuntu-24.04"), ("region", ""), ("key", "new"), ("ssh_key", KEY)];
    let quote = nora.fill("/order", "/order", &wish).await.unwrap();
    let order = nora.submit(&quote, &format!("{}/confirm", quote.url.path()), &[]).await.unwrap();
    let order = order_of(&order).unwrap();
    while siege.world.chain.contracts().is_empty() {
        tokio::time::sleep(Duration::from_millis(5)).await;
    }
    process.kill();
    // Only what is used is billed.
    let contract = siege.world.chain.contracts()[0].id;
    let used = siege.world.fleet.nodes[0].total;
    siege.world.chain.report_resources(contract, used);
    siege.clock.leap(Duration::from_secs(3 * 3600 + 60));
    siege.world.chain.tick();
    siege.world.chain.faults.swallow_submit_reply.store(false, Ordering::SeqCst);
    siege.world.chain.faults.stall_finality.store(false, Ordering::SeqCst);
    // The blocks are read while the order still has to wait; nor does the list of notices wake it.
    siege.put_off(order, Duration::from_secs(3600)).await;
    siege.hush().await;
    for round in 1..=10 {
        let mut process = siege.house.start();
        siege.house.ready(&mut process).await;
        // Each time longer: a machine that is slow enough would never read a helping of blocks to its end.
        tokio::time::sleep(Duration::from_secs(round)).await;
        process.stop(Duration::from_secs(10)).await.expect("it does not stop within ten seconds");
        if siege.house.store().read().unwrap().single(&BILLED_TO).unwrap() >= Some(1800) {
            break;
        }
    }
    let store = siege.house.store();
    assert!(store.read().unwrap().single(&BILLED_TO).unwrap() >= Some(1800), "the blocks were not read");
    assert!(
        store.read().unwrap().contract(contract).unwrap().is_none(),
        "the contract is known already: this test shows nothing"
    );
    store.close();
    drop(store);
    siege.put_off(order, Duration::ZERO).await;
    // Nodes refuse a caller whose clock is hours behind, so the order gets no further; its bills must.
    for round in 1..=10 {
        let mut process = siege.house.start();
        siege.house.ready(&mut process).await;
        // Each time longer: a machine that is slow enough would never read a helping of blocks to its end.
        tokio::time::sleep(Duration::from_secs(round)).await;
        process.stop(Duration::from_secs(10)).await.expect("it does not stop within ten seconds");
        if siege.house.store().read().unwrap().bills_of(contract, 100).unwrap().len() == 3 {
            break;
        }
    }
    let store = siege.house.store();
    let snapshot = store.read().unwrap();
    assert_eq!(snapshot.contract(contract).unwrap().map(|contract| contract.slot.order), Some(order));
    assert_eq!(snapshot.bills_of(contract, 100).unwrap().len(), 3);
    assert!(check(&snapshot, |_, _| ()).unwrap().is_clean());
}

/// What a start that must fail says: one sentence for people, and nothing touched.
async fn refuses(house: &House, words: &str) {
    let before = bytes_of(&house.data());
    let end = house.try_to_start().await;
    assert!(!end.status.success(), "it started: {}", end.said);
    assert!(end.said.contains(words), "it said: {}", end.said);
    let lines = end.said.lines().filter(|line| line.starts_with("cooperage: ")).count();
    assert_eq!(lines, 1, "one sentence: {}", end.said);
    assert!(!end.said.contains("panicked"), "{}", end.said);
    assert_eq!(bytes_of(&house.data()), before, "a refused start touched the data");
}

/// A house in which a marketplace has lived for a moment.
async fn lived_in(world: &World) -> House {
    let house = House::within(&world.addresses);
    let mut process = house.start();
    house.ready(&mut process).await;
    assert!(process.stop(Duration::from_secs(10)).await.unwrap().success());
    house
}

async fn world() -> World {
    let _already = rustls::crypto::ring::default_provider().install_default();
    World::start(HostClock::new(), Arc::new(HostRandom), STEP).await.unwrap()
}

#[tokio::test(flavor = "multi_thread")]
async fn two_marketplaces_never_share_a_data_folder() {
    let world = world().await;
    let mut house = House::within(&world.addresses);
    let mut first = house.start();
    house.ready(&mut first).await;
    let listen = house.listen.clone();
    house.set("COOPERAGE_SERVER__LISTEN", "127.0.0.1:0");
    let end = house.try_to_start().await;
    assert_eq!(end.status.code(), Some(3), "{}", end.said);
    assert!(end.said.contains(&format!("(process {})", first.id())) && end.said.lines().count() == 1, "{}", end.said);
    house.set("COOPERAGE_SERVER__LISTEN", &listen);
    house.ready(&mut first).await;
    assert!(first.stop(Duration::from_secs(10)).await.unwrap().success());
    assert!(check(&house.store().read().unwrap(), |_, _| ()).unwrap().is_clean());
}

#[tokio::test(flavor = "multi_thread")]
async fn a_start_that_can_not_succeed_says_why_and_touches_nothing() {
    let world = world().await;
    let mut house = lived_in(&world).await;
    let whole = std::fs::read(house.store_file()).unwrap();
    // Cut off.
    for length in [0, 1, 100, 4096, whole.len() / 2, whole.len() - 1] {
        std::fs::write(house.store_file(), &whole[..length]).unwrap();
        refuses(&house, "restore it from a backup").await;
    }
    std::fs::write(house.store_file(), &whole).unwrap();
    // Written by a newer program.
    let store = house.store();
    store.write(|tx| tx.set(&VERSION, &99)).await.unwrap();
    store.close();
    drop(store);
    refuses(&house, "newer Cooperage").await;
    std::fs::write(house.store_file(), &whole).unwrap();
    // A setting that is none.
    house.set("COOPERAGE_SERVER__COLOUR", "red");
    refuses(&house, "colour").await;
    // An occupied port.
    house.unset("COOPERAGE_SERVER__COLOUR");
    let taken = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    house.set("COOPERAGE_SERVER__LISTEN", &taken.local_addr().unwrap().to_string());
    refuses(&house, "is taken").await;
}
