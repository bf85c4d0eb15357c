//! How things stand that run: worked on, not answering, back, or soon over; and who is told of it, once.

use cooperage::base::Time;
use cooperage::base::ids::OrderId;
use cooperage::base::text::Email;
use cooperage::base::time::{DAY, HOUR, MINUTE};
use cooperage::cli::demo::{ALICE, HILBERT, TOM};
use cooperage::cli::visitor::{Page, Visitor};
use cooperage::domain::maintenance::Maintenance;
use cooperage::domain::order::{Order, State};
use cooperage::localgrid::fleet::Condition;
use cooperage::store::account::Accounts;
use cooperage::store::maintenance::Maintenances;
use cooperage::store::node::Nodes;

use crate::kit::bare::Bare;
use crate::kit::caller::Caller;
use crate::kit::market::{GOOD_CARD, Market};

/// Egypt's only nodes that are up: both on the farm with this number, which is given to Hilbert.
const NODES: [u32; 2] = [25, 26];
const FARM: u32 = 8;

/// Alice with a VM in Egypt, Hilbert whose nodes these are, and the VM.
async fn open() -> (Market, Visitor, Visitor, Order) {
    let market = Market::open().await;
    let (alice, hilbert) = (market.log_in(&ALICE).await, market.log_in(&HILBERT).await);
    let app = &market.demo.instance.app;
    let user = app.read().unwrap().user_by_email(&Email::parse(HILBERT.email).unwrap()).unwrap().unwrap();
    app.grant_farm(user.id, FARM, FARM).await.unwrap();
    market.save_card(&alice, GOOD_CARD).await;
    let order = market.order(&alice, "web", "Egypt").await;
    let order = market.rest(order).await;
    assert_eq!(order.state, State::Active);
    (market, alice, hilbert, order)
}

/// How many mails to Alice have this in their subject.
fn told(market: &Market, subject: &str) -> usize {
    market.demo.world.mail.mails_to(ALICE.email).iter().filter(|mail| mail.subject.contains(subject)).count()
}

async fn announce(hilbert: &Visitor, node: u32, starts: Time, ends: Time) -> Page {
    let page = format!("/provider/nodes/{node}");
    let fields = [("starts", starts.as_minute()), ("ends", ends.as_minute()), ("why", "A new power supply.".to_owned())];
    let fields: Vec<(&str, &str)> = fields.iter().map(|(name, value)| (*name, value.as_str())).collect();
    hilbert.fill(&page, &format!("{page}/maintenance"), &fields).await.unwrap()
}

fn windows(market: &Market, node: u32) -> Vec<Maintenance> {
    let app = &market.demo.instance.app;
    app.read().unwrap().maintenances_ahead(node, app.now()).unwrap()
}

#[tokio::test(flavor = "multi_thread")]
async fn maintenance_is_announced_told_once_kept_free_of_new_orders_and_costs_no_reliability() {
    let (market, alice, hilbert, order) = open().await;
    let app = market.demo.instance.app.clone();
    let (node, now) = (order.attempts[0].node(), app.now());
    let other = NODES.into_iter().find(|known| *known != node).unwrap();
    let deployment = format!("/deployments/{}", order.id);
    // What can't be is said at its field, and one provider has no say about another's node.
    let wrong = announce(&hilbert, node, now - HOUR, now + HOUR).await;
    assert!(wrong.status == 422 && wrong.says("It has to begin in the future"), "{}", wrong.text());
    let starts = Time::from_minute(&(now + 30 * HOUR).as_minute()).unwrap();
    let said = announce(&hilbert, node, starts, starts + 2 * HOUR).await;
    assert!(said.says("It is announced") && said.says("A new power supply."), "{}", said.text());
    let id = windows(&market, node)[0].id;
    let tom = Caller::with_password(market.url(), TOM.email, TOM.password).await;
    let path = format!("/provider/nodes/{node}/maintenance/{id}");
    assert!([403, 404].contains(&tom.get(&path).await.status));
    // The tenant hears of it once, and sees it.
    market.until("Alice is told", || told(&market, "maintenance on") == 1).await;
    let page = alice.get(&deployment).await.unwrap();
    assert!(
        page.says("Maintenance from") && page.says("A new power supply.") && page.says("set it up elsewhere"),
        "{}",
        page.text()
    );
    let overview = market.log_in(&TOM).await.get("/operator").await.unwrap();
    assert!(overview.says("Providers will work on nodes"), "{}", overview.text());
    assert!(overview.says(&format!("Node {node}")), "{}", overview.text());
    // Nobody new is placed there, and it is said why; its own provider may.
    let quote = market.quote(&alice, "second", "Egypt").await;
    assert!(quote.says("Why not another one?") && quote.says("worked on within a week"), "{}", quote.text());
    announce(&hilbert, other, starts, starts + HOUR).await;
    let refused = market.quote(&alice, "second", "Egypt").await;
    assert!(refused.says("will be worked on within the next week"), "{}", refused.text());
    // What guests are shown of it is a moment old.
    market.leap(MINUTE);
    let chosen = alice.get(&format!("/nodes/{node}")).await.unwrap();
    assert!(chosen.says("Its provider works on it from") && chosen.says("Last contact"), "{}", chosen.text());
    assert!(market.quote(&hilbert, "own", "Egypt").await.url.path().starts_with("/quotes/"));
    // Changed and cancelled: told again, once each.
    let later = (starts + HOUR).as_minute();
    let until = (starts + 3 * HOUR).as_minute();
    let changed = [("starts", later.as_str()), ("ends", until.as_str()), ("why", "A new power supply.")];
    hilbert.fill(&path, &path, &changed).await.unwrap();
    market.until("Alice hears of the change", || told(&market, "maintenance changed") == 1).await;
    // While it lasts, what is not up is not counted.
    let before = app.nodes().node(node).unwrap().looks();
    market.leap(32 * HOUR);
    market.demo.world.nodes.set_condition(node, Condition::Down);
    for _ in 0..20 {
        app.refresh_nodes().await.unwrap();
    }
    let during = app.nodes().node(node).unwrap().looks();
    assert_eq!(during.seen - during.up, before.seen - before.up, "no look at which it was down counts: {before:?}, {during:?}");
    let page = hilbert.get(&format!("/provider/nodes/{node}")).await.unwrap();
    assert!(page.says("Announced maintenance"), "{}", page.text());
    // It was announced, so nobody is told that it is down.
    for _ in 0..4 {
        market.leap(6 * MINUTE);
        app.watch_orders().await.unwrap();
    }
    assert!(alice.get(&deployment).await.unwrap().says("Not answering"));
    assert_eq!(told(&market, "does not answer"), 0);
    market.demo.world.nodes.set_condition(node, Condition::Up);
    app.refresh_nodes().await.unwrap();
    let cancel = format!("{path}/cancel");
    hilbert.fill(&format!("/provider/nodes/{node}"), &cancel, &[]).await.unwrap();
    market.until("Alice hears that it is cancelled", || told(&market, "maintenance cancelled") == 1).await;
    assert!(market.quote(&alice, "second", "Egypt").await.url.path().starts_with("/quotes/"), "it takes orders again");
    assert_eq!((told(&market, "maintenance on"), told(&market, "maintenance changed")), (1, 1));
    drop(app);
    market.close().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_server_that_does_not_answer_is_told_once_and_so_is_that_it_is_back_or_soon_over() {
    let (market, alice, hilbert, order) = open().await;
    let app = market.demo.instance.app.clone();
    let (node, deployment) = (order.attempts[0].node(), format!("/deployments/{}", order.id));
    let look = async || {
        market.leap(6 * MINUTE);
        app.refresh_nodes().await.unwrap();
        app.watch_orders().await.unwrap();
    };
    look().await;
    assert!(!alice.get(&deployment).await.unwrap().says("Not answering"));
    market.demo.world.nodes.set_condition(node, Condition::Down);
    for _ in 0..5 {
        look().await;
    }
    market.until("Alice is told", || told(&market, "does not answer") == 1).await;
    let page = alice.get(&deployment).await.unwrap();
    assert!(page.says("Not answering") && page.says("The machine that carries it is down."), "{}", page.text());
    assert!(page.says("set it up elsewhere"), "{}", page.text());
    assert!(alice.get("/deployments").await.unwrap().says("Not answering"));
    market.demo.world.nodes.set_condition(node, Condition::Up);
    for _ in 0..3 {
        look().await;
    }
    market.until("Alice hears that it is back", || told(&market, "is back") == 1).await;
    assert_eq!((told(&market, "does not answer"), told(&market, "is back")), (1, 1));
    assert!(!alice.get(&deployment).await.unwrap().says("Not answering"));
    let page = hilbert.get(&format!("/provider/nodes/{node}")).await.unwrap();
    assert!(page.says("Down and back") || page.says("Its last report was of"), "{}", page.text());
    // Another one that is paid for two days more.
    let (now, copy) = (app.now(), OrderId::from_bits(7));
    let begun = now - 28 * DAY;
    let soon =
        Order { id: copy, created: begun, active_since: Some(begun), attempts: vec![], reminded: None, ..market.read(order.id) };
    app.store.write(move |tx| tx.add_order(&soon)).await.unwrap();
    market.leap(HOUR);
    market.until("Alice is reminded", || told(&market, "web ends on") == 1).await;
    market.leap(HOUR);
    app.remind_of_ends().await.unwrap();
    assert!(market.read(copy).reminded.is_some());
    assert_eq!(told(&market, "web ends on"), 1);
    drop(app);
    market.demo.stop().await.unwrap();
}

#[tokio::test(flavor = "multi_thread")]
async fn after_a_restart_the_nodes_are_there_with_their_age_and_nothing_is_sold_by_an_old_list() {
    let place = Bare::open(|_| ()).await;
    let app = place.instance.app.clone();
    app.refresh_nodes().await.unwrap();
    // The first answer is stored, whoever asked for it.
    let stored = || app.read().unwrap().stored_nodes().unwrap();
    let asked = tokio::time::Instant::now();
    while stored().is_none() {
        assert!(asked.elapsed().as_secs() < 20, "nothing is stored");
        tokio::time::sleep(std::time::Duration::from_millis(5)).await;
    }
    let (at, count) = stored().map(|(at, nodes)| (at, nodes.len())).unwrap();
    assert!(count > 10);
    drop(app);
    let place = place.again(|settings| settings.grid.index = vec!["http://127.0.0.1:1".into()]).await;
    let app = place.instance.app.clone();
    assert_eq!((app.nodes().len(), app.census().at), (count, Some(at)));
    let guest = Caller::new(&place.url);
    let page = guest.get("/nodes").await;
    assert!(page.says(&format!("As of {}", at.minute())), "{}", page.body);
    assert!(app.nodes_to_sell().await.is_ok(), "it is a moment old");
    place.clock.leap(31 * MINUTE);
    let refused = app.nodes_to_sell().await.unwrap_err();
    assert!(refused.message().contains("We can't see just now which places are free"), "{refused:?}");
    let asked = tokio::time::Instant::now();
    while app.obstacles().unwrap().iter().all(|obstacle| obstacle.word() != "index") {
        assert!(asked.elapsed().as_secs() < 20, "nobody is told");
        tokio::time::sleep(std::time::Duration::from_millis(5)).await;
    }
    assert!(guest.get("/nodes").await.says("the list of nodes does not come just now"));
    drop(app);
    place.close().await;
}
