//! Whom nodes are sold to: kept back, offered, private; and what happens when a node leaves between looking and buying.

use cooperage::base::text::Email;
use cooperage::base::time::MINUTE;
use cooperage::cli::demo::{ALICE, HILBERT, TOM};
use cooperage::cli::visitor::{Page, Visitor};
use cooperage::domain::observation::{Observations, day_of};
use cooperage::domain::order::State;
use cooperage::localgrid::fleet::Condition;
use cooperage::store::account::Accounts;
use cooperage::store::exposure::Exposures;
use cooperage::store::observation::Observed;
use cooperage::store::order::Orders;

use crate::kit::caller::Caller;
use crate::kit::market::{GOOD_CARD, Market};

/// Egypt's only nodes that are up: both on the farm with this number, which is given to Hilbert.
const NODES: [u32; 2] = [25, 26];
const FARM: u32 = 8;

async fn open() -> (Market, Visitor, Visitor) {
    let market = Market::open().await;
    let (alice, hilbert) = (market.log_in(&ALICE).await, market.log_in(&HILBERT).await);
    let app = &market.demo.instance.app;
    let user = app.read().unwrap().user_by_email(&Email::parse(HILBERT.email).unwrap()).unwrap().unwrap();
    app.grant_farm(user.id, FARM, FARM).await.unwrap();
    (market, alice, hilbert)
}

async fn press(visitor: &Visitor, page: &str, action: &str, fields: &[(&str, &str)]) -> Page {
    visitor.fill(page, action, fields).await.unwrap()
}

async fn expose(hilbert: &Visitor, node: u32, exposed: &str) {
    let page = format!("/provider/nodes/{node}");
    press(hilbert, &page, &format!("{page}/expose"), &[("exposed", exposed)]).await;
}

/// The node of a quote for Egypt, or the words of the refusal.
async fn egypt(market: &Market, visitor: &Visitor) -> Result<u32, String> {
    let page = market.quote(visitor, "web", "Egypt").await;
    match page.url.path().strip_prefix("/quotes/") {
        Some(id) => {
            let quote = market.demo.instance.app.read().unwrap();
            Ok(quote.quote(id.parse().unwrap()).unwrap().unwrap().choice.best.node)
        }
        None => Err(page.text()),
    }
}

/// Tom makes a pool and lets nobody in. Gives the address of its page.
async fn pool(tom: &Visitor) -> String {
    let page = press(tom, "/operator/pools", "/operator/pools", &[("name", "Nile co-op")]).await;
    assert!(page.says("Nile co-op") && page.says("No node waits for you"), "{}", page.text());
    page.url.path().to_owned()
}

#[tokio::test(flavor = "multi_thread")]
async fn a_node_that_is_kept_back_is_out_of_the_order_form_at_once_but_for_its_provider() {
    let (market, alice, hilbert) = open().await;
    expose(&hilbert, NODES[0], "no").await;
    assert_eq!(egypt(&market, &alice).await, Ok(NODES[1]));
    assert!(alice.get("/order").await.unwrap().says("Egypt"));
    expose(&hilbert, NODES[1], "no").await;
    let refused = egypt(&market, &alice).await.unwrap_err();
    assert!(refused.contains("Nothing of this size is free in Egypt right now."), "{refused}");
    assert!(!alice.get("/order").await.unwrap().says("Egypt"), "nor is it offered");
    assert!(!market.guest().get("/catalogue").await.unwrap().says("Egypt"), "nor shown to guests, whose page is kept");
    assert!(hilbert.get("/order").await.unwrap().says("Egypt"));
    assert!(NODES.contains(&egypt(&market, &hilbert).await.unwrap()), "one's own nodes are for oneself");
    let page = hilbert.get(&format!("/provider/nodes/{}", NODES[0])).await.unwrap();
    assert!(page.says("Only you") && page.says("Show it to buyers"), "{}", page.text());
    expose(&hilbert, NODES[0], "yes").await;
    assert_eq!(egypt(&market, &alice).await, Ok(NODES[0]));
    assert!(market.guest().get("/catalogue").await.unwrap().says("Egypt"));
    market.close().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_private_node_is_offered_taken_sold_to_members_only_and_given_back() {
    let (market, alice, hilbert) = open().await;
    let tom = market.log_in(&TOM).await;
    let pool = pool(&tom).await;
    let id = pool.rsplit('/').next().unwrap().to_owned();
    expose(&hilbert, NODES[1], "no").await;
    let node = format!("/provider/nodes/{}", NODES[0]);
    // Offered, it is sold as before.
    press(&hilbert, &node, &format!("{node}/offer"), &[("pool", &id)]).await;
    assert_eq!(egypt(&market, &alice).await, Ok(NODES[0]));
    assert!(tom.get("/operator/pools").await.unwrap().says("1 node offered"));
    // Taken, it is gone for everybody else, also for somebody who has a price in hand.
    market.save_card(&alice, GOOD_CARD).await;
    let quote = market.quote(&alice, "web", "Egypt").await;
    press(&tom, &pool, &format!("{pool}/approve"), &[("node", &NODES[0].to_string())]).await;
    assert!(egypt(&market, &alice).await.is_err());
    let refused = alice.submit(&quote, &format!("{}/confirm", quote.url.path()), &[]).await.unwrap();
    assert!(refused.says("Nothing of this size is free in Egypt"), "{}", refused.text());
    assert!(hilbert.get(&node).await.unwrap().says("Members of Nile co-op"));
    // A member orders on it, and it runs there.
    let page = press(&tom, &pool, &format!("{pool}/members"), &[("email", ALICE.email)]).await;
    assert!(page.says(ALICE.name), "{}", page.text());
    let order = market.order(&alice, "web", "Egypt").await;
    let order = market.rest(order).await;
    assert_eq!((order.state, order.attempts[0].node()), (State::Active, NODES[0]));
    // Let go, with a reason that its provider reads.
    let ask = format!("{pool}/refuse?node={}", NODES[0]);
    let unsaid = press(&tom, &ask, &format!("{pool}/refuse"), &[("node", &NODES[0].to_string()), ("reason", " ")]).await;
    assert_eq!(unsaid.status, 422);
    assert!(unsaid.says("Please say why"), "{}", unsaid.text());
    let reason = "The pool is moving to Cairo's other end.";
    press(&tom, &ask, &format!("{pool}/refuse"), &[("node", &NODES[0].to_string()), ("reason", reason)]).await;
    assert!(hilbert.get(&node).await.unwrap().says(reason));
    assert!(egypt(&market, &hilbert).await.is_ok());
    let bob = market.newcomer("Bob").await;
    assert_eq!(egypt(&market, &bob).await, Ok(NODES[0]), "everybody's again");
    market.close().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_node_is_in_one_pool_at_most_and_only_its_own_provider_decides() {
    let (market, _, hilbert) = open().await;
    let app = market.demo.instance.app.clone();
    let (first, second) = (app.create_private_pool("First").await.unwrap(), app.create_private_pool("Second").await.unwrap());
    assert!(app.create_private_pool("first").await.is_err(), "one name, one pool");
    let node = format!("/provider/nodes/{}", NODES[0]);
    press(&hilbert, &node, &format!("{node}/offer"), &[("pool", &first.to_string())]).await;
    let again = Caller::person(market.url(), &HILBERT).await;
    // From a page that was open since before.
    again.post(&format!("{node}/offer"), &[("pool", &second.to_string())]).await;
    let told = again.get(&node).await;
    assert!(told.says("in another pool, or offered to one"), "{}", told.body);
    app.approve_offer(first, NODES[0]).await.unwrap();
    assert!(app.approve_offer(second, NODES[0]).await.is_err(), "it is not offered there");
    let exposures = app.read().unwrap().exposures().unwrap();
    assert_eq!((exposures.len(), exposures[0].pool()), (1, Some(first)));
    // Node 9 is on nobody's farm here.
    assert_eq!(again.post("/provider/nodes/9/expose", &[("exposed", "no")]).await.status, 404);
    assert_eq!(again.get("/provider/nodes/9").await.status, 404);
    press(&hilbert, &node, &format!("{node}/withdraw"), &[]).await;
    assert!(app.read().unwrap().exposures().unwrap().is_empty(), "what is true of every node is not kept");
    drop(app);
    market.close().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_node_that_left_billing_after_the_last_look_is_not_bought_on() {
    let (market, alice, hilbert) = open().await;
    market.save_card(&alice, GOOD_CARD).await;
    let quote = market.quote(&alice, "web", "Egypt").await;
    let chosen = egypt(&market, &hilbert).await.unwrap();
    let other = NODES.into_iter().find(|node| *node != chosen).unwrap();
    // The list still says that it takes orders; the chain knows better.
    market.demo.world.chain.set_opted_out(chosen, true);
    let order = market.confirm(&alice, &quote).await;
    let order = market.rest(order).await;
    assert_eq!(order.state, State::Active);
    assert_eq!(order.attempts.iter().map(|attempt| attempt.node()).collect::<Vec<_>>(), [chosen, other]);
    assert_eq!(order.attempts[0].contract, None, "nothing was signed for it");
    assert!(order.timeline.iter().any(|entry| entry.text.contains("takes no new orders any more")), "{:?}", order.timeline);
    market.close().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn the_operator_is_alarmed_when_a_node_with_deployments_leaves_and_calmed_when_it_is_back() {
    let (market, alice, _) = open().await;
    let tom = market.log_in(&TOM).await;
    market.save_card(&alice, GOOD_CARD).await;
    let order = market.order(&alice, "web", "Egypt").await;
    let node = market.rest(order).await.attempts[0].node();
    let overview = async || tom.get("/operator").await.unwrap();
    let look = async || market.demo.instance.app.refresh_nodes().await.unwrap();
    assert!(!overview().await.says("at risk"));
    for (condition, words) in [(Condition::Standby, "went to sleep"), (Condition::Down, "is down")] {
        market.demo.world.nodes.set_condition(node, condition);
        look().await;
        let page = overview().await;
        assert!(page.says("at risk") && page.says(&format!("Node {node} {words}")), "{}", page.text());
    }
    market.demo.world.nodes.set_condition(node, Condition::Up);
    market.demo.world.chain.set_opted_out(node, true);
    look().await;
    assert!(overview().await.says("left the grid's billing"));
    market.demo.world.chain.set_opted_out(node, false);
    look().await;
    assert!(!overview().await.says("at risk"));
    market.close().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn what_we_see_of_a_node_is_counted_stored_and_shown() {
    let (market, _, hilbert) = open().await;
    let app = market.demo.instance.app.clone();
    market.demo.world.nodes.set_condition(NODES[1], Condition::Down);
    for _ in 0..100 {
        app.refresh_nodes().await.unwrap();
    }
    market.demo.world.nodes.set_condition(NODES[1], Condition::Up);
    for _ in 0..100 {
        app.refresh_nodes().await.unwrap();
    }
    let (steady, shaky) = {
        let pool = app.nodes();
        (pool.node(NODES[0]).unwrap().measured_bp().unwrap(), pool.node(NODES[1]).unwrap().measured_bp().unwrap())
    };
    assert_eq!(steady, 10_000);
    assert!((3000..7000).contains(&shaky), "{shaky}: about half of the looks");
    assert!(hilbert.get(&format!("/provider/nodes/{}", NODES[0])).await.unwrap().says("100 % up, of "));
    market.leap(11 * MINUTE);
    app.refresh_nodes().await.unwrap();
    let today = day_of(app.now());
    let stored = Observations::new(today, app.read().unwrap().days_until(today).unwrap());
    assert!(stored.of(NODES[1]).seen > 200 && stored.of(NODES[1]).up < stored.of(NODES[0]).up, "{:?}", stored.of(NODES[1]));
    drop(app);
    market.close().await;
}
