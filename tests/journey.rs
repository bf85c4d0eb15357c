//! The first journey and what can go wrong on it, through the front door.

use cooperage::cli::demo::{HILBERT, TOM};
use cooperage::domain::order::State;
use cooperage::localgrid::node::Fault;

use crate::kit::market::{GOOD_CARD, Market};

#[tokio::test(flavor = "multi_thread")]
async fn a_card_payment_becomes_a_running_vm_and_its_provider_earns() {
    let market = Market::open().await;
    let nora = market.newcomer("Nora").await;
    let back = market.save_card(&nora, GOOD_CARD).await;
    assert!(back.says("4242"), "{}", back.text());
    let order = market.order(&nora, "web", "Belgium").await;
    let order = market.rest(order).await;
    assert_eq!(order.state, State::Active, "{:?}", order.timeline);
    assert_eq!(market.charged(order.id), order.price);
    let page = nora.get(&format!("/deployments/{}", order.id)).await.unwrap();
    assert!(page.says("ssh root@"), "{}", page.text());
    let hilbert = market.log_in(&HILBERT).await;
    assert_eq!(hilbert.get("/provider/nodes").await.unwrap().status, 200);
    let tom = market.log_in(&TOM).await;
    assert!(tom.get(&format!("/operator/orders/{}", order.id)).await.unwrap().says("web"));
    market.close().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_declined_card_is_told_why_and_nothing_is_held() {
    let market = Market::open().await;
    let nora = market.newcomer("Nora").await;
    market.save_card(&nora, "4000 0000 0000 9995").await;
    let order = market.order(&nora, "web", "").await;
    let order = market.rest(order).await;
    assert_eq!(order.state, State::Ended);
    assert!(order.reason.as_deref().unwrap_or_default().contains("enough"), "{:?}", order.reason);
    let truth = market.demo.world.cards.truth(&order.id.to_string());
    assert_eq!((truth.captured_cents, truth.open_cents), (0, 0));
    market.close().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_node_that_fails_is_replaced_by_another() {
    let market = Market::open().await;
    let nora = market.newcomer("Nora").await;
    market.save_card(&nora, GOOD_CARD).await;
    let quote = market.quote(&nora, "web", "Belgium").await;
    let id = quote.url.path().trim_start_matches("/quotes/").parse().unwrap();
    let first = {
        use cooperage::store::order::Orders;
        market.demo.instance.app.read().unwrap().quote(id).unwrap().unwrap().choice.best.node
    };
    market.demo.world.nodes.set_fault(first, Fault::FailsAtTheLast);
    let order = market.confirm(&nora, &quote).await;
    let order = market.rest(order).await;
    assert_eq!(order.state, State::Active, "{:?}", order.timeline);
    assert_eq!(order.attempts.len(), 2);
    assert_ne!(order.attempts[1].node(), first);
    market.until("the failed attempt is cleaned up", || market.read(order.id).attempts[0].cleared).await;
    assert_eq!(market.charged(order.id), order.price);
    market.close().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn when_no_node_works_the_money_goes_back() {
    let market = Market::open().await;
    let nora = market.newcomer("Nora").await;
    market.save_card(&nora, GOOD_CARD).await;
    for node in market.demo.instance.app.nodes().iter() {
        market.demo.world.nodes.set_fault(node.id(), Fault::FailsAtTheLast);
    }
    let order = market.order(&nora, "web", "").await;
    let order = market.rest(order).await;
    assert_eq!(order.state, State::Refunded, "{:?}", order.timeline);
    let truth = market.demo.world.cards.truth(&order.id.to_string());
    assert_eq!((truth.captured_cents, truth.open_cents), (0, 0), "the bank holds nothing any more");
    market.close().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn deleting_a_vm_pays_back_the_hours_that_were_not_used() {
    use cooperage::base::time::HOUR;
    let market = Market::open().await;
    let nora = market.newcomer("Nora").await;
    market.save_card(&nora, GOOD_CARD).await;
    let order = market.order(&nora, "web", "").await;
    let order = market.rest(order).await;
    market.leap(10 * HOUR);
    let path = format!("/deployments/{}/delete", order.id);
    nora.fill(&path, &path, &[]).await.unwrap();
    let order = market.ended(order.id).await;
    assert_eq!(order.state, State::Ended, "{:?}", order.timeline);
    let used = order.price.part(11, 720).unwrap();
    assert_eq!(order.earned, used, "ten hours and the started eleventh");
    let back = order.price.checked_sub(used).unwrap().floor_to_cent();
    market.until("the refund is paid", || market.charged(order.id) == order.price.checked_sub(back).unwrap()).await;
    market.close().await;
}

/// The charge behind an order, and the payment it became at the processor.
async fn payment(market: &Market, order: cooperage::base::ids::OrderId) -> String {
    use cooperage::store::charge::Charges;
    let charge = || market.demo.instance.app.read().unwrap().charge(market.read(order).charge).unwrap().unwrap();
    market.until("the bank asks", || charge().payment_intent.is_some()).await;
    charge().payment_intent.unwrap()
}

#[tokio::test(flavor = "multi_thread")]
async fn a_bank_that_asks_each_time_is_answered_on_its_own_page() {
    let market = Market::open().await;
    let nora = market.newcomer("Nora").await;
    let back = market.save_card(&nora, "4000 0027 6000 3184").await;
    // This card asks when it is saved, too.
    let action = back.action().expect("the bank's question");
    nora.submit(&back, &action, &[("answer", "approve")]).await.unwrap();
    let order = market.order(&nora, "web", "").await;
    payment(&market, order).await;
    let mut page = nora.get(&format!("/deployments/{order}/progress")).await.unwrap();
    while !page.says("Confirm with your bank") {
        page = nora.get(&format!("/deployments/{order}/progress")).await.unwrap();
    }
    let link = page.body.split("href=\"").find(|rest| rest.contains("/pay/pi_")).and_then(|rest| rest.split('"').next()).unwrap();
    let question = nora.get(&link.replace("&amp;", "&")).await.unwrap();
    let action = question.action().expect("the bank's question");
    let back = nora.submit(&question, &action, &[("answer", "approve")]).await.unwrap();
    assert!(back.url.as_str().starts_with(market.url()), "{}", back.url);
    let order = market.rest(order).await;
    assert_eq!(order.state, State::Active, "{:?}", order.timeline);
    assert_eq!(market.charged(order.id), order.price);
    market.close().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_payment_that_its_owner_refuses_at_the_bank_is_not_made() {
    let market = Market::open().await;
    let nora = market.newcomer("Nora").await;
    let back = market.save_card(&nora, "4000 0027 6000 3184").await;
    if let Some(action) = back.action().filter(|action| action.contains("challenge") || back.says("Was this you")) {
        nora.submit(&back, &action, &[("answer", "approve")]).await.unwrap();
    }
    let order = market.order(&nora, "web", "").await;
    let payment = payment(&market, order).await;
    market.demo.world.cards.answer_payment(&payment, false);
    let order = market.rest(order).await;
    assert_eq!(order.state, State::Ended, "{:?}", order.timeline);
    let truth = market.demo.world.cards.truth(&order.id.to_string());
    assert_eq!((truth.captured_cents, truth.open_cents), (0, 0));
    market.close().await;
}

/// Short: a week in which nobody reads, then the VM is deleted. `COOPERAGE_LONG=1`: the whole month goes by.
#[tokio::test(flavor = "multi_thread")]
async fn a_chain_that_forgot_holds_nothing_up_and_a_month_that_is_over_ends_the_vm() {
    use cooperage::base::time::DAY;
    use cooperage::store::grid::Chain;
    #[allow(clippy::disallowed_methods, reason = "the length of a test is no setting of the product")]
    let long = std::env::var("COOPERAGE_LONG").is_ok();
    let market = Market::open().await;
    let nora = market.newcomer("Nora").await;
    market.save_card(&nora, GOOD_CARD).await;
    let order = market.order(&nora, "web", "").await;
    let order = market.rest(order).await;
    // At once, so that the chain has forgotten the first days before anybody could read them.
    market.leap(if long { 31 } else { 7 } * DAY);
    let unread = || market.demo.instance.app.read().unwrap().unread_blocks().unwrap();
    market.patient_until("the gap is written down", || unread().is_some()).await;
    if !long {
        let path = format!("/deployments/{}/delete", order.id);
        nora.fill(&path, &path, &[]).await.unwrap();
    }
    market.patient_until("the order has ended", || market.read(order.id).state == State::Ended).await;
    let order = market.read(order.id);
    let kept = market.charged(order.id);
    if long {
        assert_eq!((order.earned, kept), (order.price, order.price), "the month was used up: nothing goes back");
    } else {
        assert_eq!(order.earned, order.price.part(7 * 24 + 1, 720).unwrap(), "seven days and the started hour");
    }
    let tom = market.log_in(&TOM).await;
    assert!(tom.get("/operator").await.unwrap().says("Bills are missing in the books"));
    market.close().await;
}
