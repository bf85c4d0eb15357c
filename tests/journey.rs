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
    market.demo.world.nodes.set_fault(first, Fault::FailsAfterTwo);
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
        market.demo.world.nodes.set_fault(node.id, Fault::FailsAfterTwo);
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
