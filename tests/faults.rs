//! The fault matrix: everything that can go wrong outside, on every step of an order. Each ends running, running elsewhere or paid back.
//!
//! Plain runs deal each fault to one step, by a seed that is said when it fails (`COOPERAGE_SEED` sets it). `COOPERAGE_LONG=1`
//! deals every fault to every step.

use std::sync::atomic::Ordering;
use std::time::Duration;

use cooperage::base::ids::OrderId;
use cooperage::base::time::MINUTE;
use cooperage::cli::visitor::{Page, Visitor};
use cooperage::domain::order::{Order, Outcome, State};
use cooperage::localgrid::fleet::Condition;
use cooperage::localgrid::node::Fault as Node;
use cooperage::localgrid::{ChainView, ContractStateView};
use cooperage::store::order::Orders;

use crate::kit::chance::Chance;
use crate::kit::fault::Fault;
use crate::kit::market::Market;

/// Where an order stands when the fault strikes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Rung {
    Paying,
    Reserving,
    Deploying,
    Settling,
    Undoing,
    Ending,
    /// It runs, and is being resized.
    Changing,
}

impl Rung {
    const ALL: [Rung; 7] =
        [Rung::Paying, Rung::Reserving, Rung::Deploying, Rung::Settling, Rung::Undoing, Rung::Ending, Rung::Changing];

    fn is_of(self, order: &Order) -> bool {
        let state = order.state;
        match self {
            Rung::Paying => state == State::Paying,
            Rung::Reserving => state == State::Reserving,
            Rung::Deploying => state == State::Deploying,
            // If the VM was faster than we are, the money was taken already.
            Rung::Settling => matches!(state, State::Settling | State::Active),
            Rung::Undoing => state == State::Undoing,
            Rung::Ending => state == State::Ending,
            Rung::Changing => order.revision.is_some(),
        }
    }
}

/// How long something may go wrong before it gets well again, in quiet moments with some seconds each.
const SIMMER: usize = 4;

struct Bench {
    market: Market,
    alice: Visitor,
    /// A country in which one node alone is for sale: an order that fails there has nowhere else to go.
    lonely: String,
    /// Others, so that orders that are held do not meet on one node.
    towns: [String; 3],
}

impl Bench {
    async fn open() -> Bench {
        let market = Market::open_with(|settings| settings.grid.answer_seconds = 1).await;
        let alice = market.shopper().await;
        // In the smallest country all nodes but one are away.
        let app = &market.demo.instance.app;
        let nodes = app.nodes();
        let sold = |country: &str| -> Vec<u32> {
            nodes.iter().filter(|node| node.sellable() && node.country() == country).map(|node| node.id()).collect()
        };
        let lonely = nodes.iter().map(|node| node.country().to_owned()).filter(|country| !sold(country).is_empty());
        let mut towns: Vec<String> =
            nodes.iter().map(|node| node.country().to_owned()).filter(|country| sold(country).len() > 1).collect();
        let lonely = lonely.min_by_key(|country| sold(country).len()).expect("a country");
        for other in sold(&lonely).into_iter().skip(1) {
            market.demo.world.nodes.set_condition(other, Condition::Down);
        }
        app.refresh_nodes().await.expect("an index");
        towns.retain(|country| *country != lonely);
        towns.sort();
        towns.dedup();
        let towns = <[String; 3]>::try_from(towns.into_iter().take(3).collect::<Vec<_>>()).expect("three countries");
        Bench { market, alice, lonely, towns }
    }

    /// Brings an order to each rung and holds it there: by slow nodes, by a chain that finalizes nothing, by a bank that is away.
    /// `Paying` is not led anywhere: it begins when something has struck.
    async fn lead(&self, rungs: &[Rung], what: &str) -> Vec<(Rung, OrderId)> {
        let (market, alice, world) = (&self.market, &self.alice, &self.market.demo.world);
        // Nodes that failed a moment ago are back, and are to be known as such.
        let app = &market.demo.instance.app;
        // Nobody asks for so many offers in a row: what was used up of them is given back.
        market.leap(MINUTE);
        app.refresh_nodes().await.expect("an index");
        // The shop may still be closed for what struck before: it opens with the next word from the chain.
        market.until(what, || app.obstacles().is_ok_and(|them| them.is_empty())).await;
        // With many on their way each has to be held longer.
        let slow = Duration::from_millis(if rungs.len() > 1 { 2000 } else { 250 });
        let mut led = Vec::new();
        if rungs.contains(&Rung::Ending) {
            let id = market.order(alice, "ending", &self.towns[0]).await;
            market.nurse(what, || market.read(id).state == State::Active).await;
            led.push((Rung::Ending, id));
        }
        if rungs.contains(&Rung::Changing) {
            let id = market.order(alice, "changing", &self.towns[0]).await;
            market.nurse(what, || market.read(id).state == State::Active).await;
            let node = market.read(id).attempt().map(|attempt| attempt.node()).expect("a node");
            world.nodes.set_fault(node, Node::Slow(4 * slow));
            let path = format!("/deployments/{id}/resize");
            let page = alice.fill(&path, &path, &[("size", "large"), ("consent", "on")]).await.expect("a price");
            alice.submit(&page, &path, &[]).await.expect("a change");
            let sent = || market.last_revision(id).drafts.last().is_some_and(|draft| draft.sent.is_some());
            market.nurse_by(Duration::from_secs(6), what, sent).await;
            led.push((Rung::Changing, id));
        }
        // Each on a node of its own: what is done to one is not done to the others.
        let mut held = Vec::new();
        let parts = [(Rung::Undoing, &self.lonely), (Rung::Settling, &self.towns[1]), (Rung::Deploying, &self.towns[2])];
        for (rung, town) in parts.into_iter().filter(|(rung, _)| rungs.contains(rung)) {
            let quote = market.quote(alice, "held", town).await;
            let node = self.node_of(&quote);
            world.nodes.set_fault(node, Node::Slow(slow));
            let id = market.confirm(alice, &quote).await;
            let sent = || market.read(id).attempt().is_some_and(|attempt| attempt.sent.is_some());
            market.nurse_by(Duration::from_secs(6), what, sent).await;
            held.push((rung, id, node));
        }
        let node = |rung: Rung| held.iter().find(|(of, ..)| *of == rung).map(|(.., node)| *node);
        let stalls = [Rung::Reserving, Rung::Ending, Rung::Undoing].iter().any(|rung| rungs.contains(rung));
        world.chain.faults.stall_finality.store(stalls, Ordering::SeqCst);
        if rungs.contains(&Rung::Reserving) {
            let id = market.order(alice, "reserving", "").await;
            led.push((Rung::Reserving, id));
        }
        for (_, id) in led.iter().filter(|(rung, _)| *rung == Rung::Ending) {
            let path = format!("/deployments/{id}/delete");
            alice.fill(&path, &path, &[]).await.expect("a way out");
        }
        let arrived = |led: &[(Rung, OrderId)]| led.iter().all(|(rung, id)| rung.is_of(&market.read(*id)));
        market.until(what, || arrived(&led)).await;
        // From here on no bank is needed.
        world.cards.set_outage(rungs.contains(&Rung::Settling));
        node(Rung::Undoing).into_iter().for_each(|node| world.nodes.set_fault(node, Node::SeesAnotherHash));
        node(Rung::Settling).into_iter().for_each(|node| world.nodes.set_fault(node, Node::None));
        led.extend(held.iter().map(|(rung, id, _)| (*rung, *id)));
        market.until(what, || arrived(&led)).await;
        // The one that is being set up stays slow until something strikes.
        held.iter().filter(|(rung, ..)| *rung != Rung::Deploying).for_each(|(.., node)| world.nodes.set_fault(*node, Node::None));
        led
    }

    fn node_of(&self, quote: &Page) -> u32 {
        let id = quote.url.path().trim_start_matches("/quotes/").parse();
        let obstacles = || self.market.demo.instance.app.obstacles();
        let id = id.unwrap_or_else(|_| panic!("no quote: {} {:?} {}", quote.url, obstacles(), quote.text()));
        self.market.demo.instance.app.read().unwrap().quote(id).unwrap().expect("a quote").choice.best.node
    }

    /// Nodes that carry, or are to carry, these orders.
    fn nodes(&self, orders: &[OrderId]) -> Vec<u32> {
        orders.iter().filter_map(|id| self.market.read(*id).attempt().map(|attempt| attempt.node())).collect()
    }

    /// Presses the button of an offer. None if orders are closed, and it says so before anybody pays.
    async fn try_to_order(&self, quote: &Page) -> Option<OrderId> {
        let before = self.orders();
        let page = self.alice.submit(quote, &format!("{}/confirm", quote.url.path()), &[]).await.expect("an answer");
        if let Some(id) = page.url.path().split('/').nth(2).and_then(|id| id.parse().ok()) {
            return Some(id);
        }
        assert!(page.says("Please try again later"), "{}: {}", page.url, page.text());
        assert_eq!(self.orders(), before, "refused, and an order was made");
        None
    }

    fn orders(&self) -> usize {
        let snapshot = self.market.demo.instance.app.read().unwrap();
        State::ALL.into_iter().map(|state| snapshot.count_in(state, 10_000).unwrap()).sum()
    }

    /// Lets a fault strike orders on these rungs, heals the world, and sees what has become of them: says so, in the order of `led`.
    async fn round(&self, fault: Fault, rungs: &[Rung]) -> String {
        let market = &self.market;
        let what = format!("{fault:?} on {rungs:?}");
        let led = self.lead(rungs, &what).await;
        let mut ids: Vec<OrderId> = led.iter().map(|(_, id)| *id).collect();
        let mut offer = match rungs.contains(&Rung::Paying) {
            true => Some(market.quote(&self.alice, "web", "").await),
            false => None,
        };
        let mut nodes = self.nodes(&ids);
        nodes.extend(offer.iter().map(|offer| self.node_of(offer)));
        for (rung, id) in &led {
            assert!(rung.is_of(&market.read(*id)), "{what}: {rung:?} was left too early: {:?}", market.read(*id).timeline);
        }
        // While hours go by no offer stands: it is taken up just before.
        if let Some(offer) = offer.take_if(|_| fault.takes_hours()) {
            ids.extend(self.try_to_order(&offer).await);
        }
        nodes.iter().for_each(|node| market.demo.world.nodes.set_fault(*node, Node::None));
        fault.strike(market, &nodes);
        market.demo.world.cards.set_outage(false);
        if fault != Fault::FinalityStalls {
            market.demo.world.chain.faults.stall_finality.store(false, Ordering::SeqCst);
        }
        if let Some(offer) = &offer {
            ids.extend(self.try_to_order(offer).await);
        }
        let mut commits = market.demo.instance.app.store.commits();
        for _ in 0..SIMMER {
            let _quiet = tokio::time::timeout(Duration::from_millis(80), commits.changed()).await;
            market.leap(Duration::from_secs(6));
        }
        let sound = |id: &OrderId| self.is_sound(&market.read(*id));
        // There are other nodes: one that fails need not come back. Everything else is there but once, and so is the node of what runs.
        if fault.is_a_nodes() && !rungs.contains(&Rung::Changing) {
            market.nurse(&what, || ids.iter().all(sound)).await;
        }
        fault.heal(market, &nodes);
        market.nurse(&what, || ids.iter().all(sound)).await;
        ids.iter().for_each(|id| market.assert_settled(&market.read(*id), &what));
        market.nurse("orders are taken again", || market.demo.instance.app.obstacles().unwrap().is_empty()).await;
        market.nurse("no contract is without a live order", || self.orphans().is_empty()).await;
        let places = led.iter().map(|(rung, _)| *rung).chain([Rung::Paying]);
        let ends = places.zip(&ids).map(|(rung, id)| {
            let order = market.read(*id);
            let elsewhere = if order.attempts.len() > 1 { " elsewhere" } else { "" };
            let change = match rung {
                Rung::Changing => format!(
                    ", {:?}{}",
                    market.last_revision(*id).state,
                    if order.stopped.is_some() { " and stopped" } else { "" }
                ),
                _ => String::new(),
            };
            format!("{rung:?} → {}{elsewhere}{change}", order.state.word())
        });
        ends.collect::<Vec<_>>().join(", ")
    }

    /// At rest, with its contract on the chain if it runs, and nothing left of what failed.
    fn is_sound(&self, order: &Order) -> bool {
        let runs = order.state == State::Active;
        let live = |contract: u64| {
            self.market.demo.world.chain.contract(contract).is_some_and(|it| it.state != ContractStateView::Deleted)
        };
        let carried = order.attempt().and_then(|attempt| attempt.contract).is_some_and(live);
        let clear = order.attempts.iter().all(|attempt| attempt.cleared || (runs && attempt.outcome == Outcome::Works));
        order.state.at_rest() && order.revision.is_none() && clear && (!runs || (carried && order.paused.is_none()))
    }

    fn orphans(&self) -> Vec<u64> {
        let snapshot = self.market.demo.instance.app.read().unwrap();
        let live = self.market.demo.world.chain.contracts().into_iter().filter(|it| it.state != ContractStateView::Deleted);
        live.map(|contract| contract.id)
            .filter(|id| {
                let order = snapshot.contract(*id).unwrap().and_then(|known| snapshot.order(known.slot.order).unwrap());
                order.is_none_or(|order| order.state.over())
            })
            .collect()
    }

    /// Gives room back: a person may have only so many.
    async fn sweep_up(&self) {
        let running = self.market.demo.instance.app.read().unwrap().orders_in(State::Active, None, 100).unwrap();
        for order in &running {
            let path = format!("/deployments/{}/delete", order.id);
            self.alice.fill(&path, &path, &[]).await.expect("a way out");
        }
        self.market.nurse("the bench is clear", || running.iter().all(|order| self.market.read(order.id).state.over())).await;
    }
}

fn long() -> bool {
    std::env::var_os("COOPERAGE_LONG").is_some()
}

/// Deals each fault of a part of the table to one rung; every rung is dealt equally often.
async fn play(part: impl Fn(usize) -> bool) {
    let seed = std::env::var_os("COOPERAGE_SEED").and_then(|seed| seed.to_str()?.parse().ok());
    let seed: u64 = seed.unwrap_or_else(|| u64::from(std::process::id()));
    eprintln!("faults are dealt by COOPERAGE_SEED={seed}");
    let mut chance = Chance::new(seed);
    let offset = usize::try_from(chance.below(7)).unwrap();
    let bench = Bench::open().await;
    for (place, fault) in Fault::ALL.into_iter().enumerate().filter(|(place, _)| part(*place)) {
        let ends = match long() {
            true => bench.round(fault, &Rung::ALL).await,
            false => bench.round(fault, &[Rung::ALL[(place + place / 7 + offset) % 7]]).await,
        };
        eprintln!("{fault:?}: {ends}");
        if place % 8 == 7 {
            bench.sweep_up().await;
        }
    }
    bench.market.close().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn whatever_the_chain_does_an_order_ends_running_or_paid_back() {
    play(|place| place < 24).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn whatever_the_bus_or_a_node_does_an_order_ends_running_or_paid_back() {
    play(|place| place >= 24).await;
}
