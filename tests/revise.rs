//! Changing what runs: stop, start, resize, move. Whatever happens on the way, it ends changed or as it was, and is charged once.

use std::sync::atomic::Ordering;
use std::time::Duration;

use cooperage::base::ids::OrderId;
use cooperage::base::money::{SCALE, Tft, Usd};
use cooperage::base::time::{HOUR, MINUTE};
use cooperage::cli::demo::{ALICE, TOM};
use cooperage::cli::visitor::{Page, Visitor};
use cooperage::domain::catalogue::GIB;
use cooperage::domain::charge::RefundState;
use cooperage::domain::order::{Order, Outcome, State};
use cooperage::domain::revision::{Kind, State as Stage};
use cooperage::domain::signer::Purpose;
use cooperage::localgrid::fleet::Condition;
use cooperage::localgrid::node::Fault;
use cooperage::localgrid::{ChainView, ContractStateView};
use cooperage::store::charge::Charges;
use cooperage::store::grid::Chain;

use crate::kit::caller::Caller;
use crate::kit::fault::operator;
use crate::kit::market::{KEY, Market};

const POOR_CARD: &str = "4000 0000 0000 9995";

async fn ordered(market: &Market, visitor: &Visitor, image: &str) -> Order {
    let wish = [("name", "web"), ("size", "medium"), ("image", image), ("region", ""), ("ssh_key", KEY)];
    let quote = visitor.fill("/order", "/order", &wish).await.unwrap();
    let id = market.confirm(visitor, &quote).await;
    let order = market.rest(id).await;
    assert_eq!(order.state, State::Active, "{:?}", order.timeline);
    order
}

fn path(id: OrderId, what: &str) -> String {
    format!("/deployments/{id}/{what}")
}

/// The names and version numbers of what the order has on its node, by our own record.
fn parts(order: &Order) -> Vec<(String, u64)> {
    let deployment = &order.attempt().unwrap().deployment;
    let parts = deployment["workloads"].as_array().unwrap().iter();
    parts.map(|it| (it["type"].as_str().unwrap().to_owned(), it["version"].as_u64().unwrap())).collect()
}

/// What the chain has for the order is what the order says that its node has.
fn assert_agreed(market: &Market, order: &Order) {
    let attempt = order.attempt().unwrap();
    let contract = market.demo.world.chain.contract(attempt.contract.unwrap()).unwrap();
    assert_eq!(contract.deployment_hash.as_deref(), Some(attempt.hash.as_str()));
}

/// The page with the price of another size.
async fn preview(visitor: &Visitor, id: OrderId, size: &str, more: &[(&str, &str)]) -> Page {
    let at = path(id, "resize");
    let mut typed = vec![("size", size), ("consent", "on")];
    typed.extend(more);
    let page = visitor.fill(&at, &at, &typed).await.unwrap();
    assert!(page.status == 200 && page.says("Confirm the new size"), "{} {}", page.status, page.text());
    page
}

async fn resize(visitor: &Visitor, id: OrderId, size: &str, more: &[(&str, &str)]) {
    let page = preview(visitor, id, size, more).await;
    let done = visitor.submit(&page, &path(id, "resize"), &[]).await.unwrap();
    assert_eq!(done.url.path(), path(id, "progress"), "{} {}", done.status, done.text());
}

fn memory_on(market: &Market, order: &Order) -> u64 {
    market.demo.world.nodes.view(order.attempt().unwrap().node()).unwrap().used.mru / GIB
}

#[tokio::test(flavor = "multi_thread")]
async fn what_is_stopped_keeps_its_addresses_its_room_and_its_price() {
    let market = Market::open().await;
    let alice = market.shopper().await;
    let before = ordered(&market, &alice, "ubuntu-22.04").await;
    let (id, used) = (before.id, memory_on(&market, &before));
    // A disk image: everything on its disks stays, so nobody is asked for consent.
    alice.fill(&path(id, "stop"), &path(id, "stop"), &[]).await.unwrap();
    let revision = market.revised(id).await;
    assert_eq!((revision.kind, revision.state), (Kind::Stop, Stage::Done), "{:?}", revision.story);
    let stopped = market.read(id);
    assert!(stopped.stopped.is_some() && stopped.attempt().unwrap().off.is_some());
    assert_eq!(parts(&stopped), [("network".to_owned(), 0), ("zmount".to_owned(), 0)]);
    assert_agreed(&market, &stopped);
    assert_eq!(memory_on(&market, &stopped), used - 4);
    let page = alice.get(&format!("/deployments/{id}")).await.unwrap();
    assert!(page.says("Stopped") && page.says("It is stopped since") && page.says("$10.00 for 30 days"), "{}", page.text());
    assert!(!page.says("ssh root@") && page.says("It is stopped. Start it to sign in"), "{}", page.text());
    // Its room is not sold to anybody else.
    let app = market.demo.instance.app.clone();
    let node = stopped.attempt().unwrap().node();
    let kept = cooperage::store::order::Orders::reserved(&app.read().unwrap(), app.now()).unwrap();
    assert!(kept[&node].memory >= 4 * GIB);
    // Hours in which it is stopped are hours of its month; that little is billed is no alarm.
    market.leap(6 * HOUR);
    market.until("the blocks are read", || market.read(id).earned > Usd::ZERO).await;
    app.reconcile_contracts().await.unwrap();
    assert!(!app.warnings().unwrap().iter().any(|said| said.contains("not billed")), "{:?}", app.warnings().unwrap());
    let page = alice.get(&format!("/deployments/{id}")).await.unwrap();
    alice.submit(&page, &path(id, "start"), &[]).await.unwrap();
    let revision = market.revised(id).await;
    assert_eq!((revision.kind, revision.state), (Kind::Start, Stage::Done), "{:?}", revision.story);
    let after = market.read(id);
    assert_eq!((&after.access, after.stopped, &after.wish), (&before.access, None, &before.wish), "the same addresses");
    assert_eq!(parts(&after).last(), Some(&("zmachine".to_owned(), 2)));
    assert_agreed(&market, &after);
    assert_eq!((memory_on(&market, &after), market.charged(id)), (used, before.price));
    let page = alice.get(&path(id, "changes")).await.unwrap();
    assert!(page.says("It is started.") && page.says("It is stopped."), "{}", page.text());
    market.close().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn what_would_be_lost_has_to_be_agreed_to() {
    let market = Market::open_with(|settings| settings.limits.memory_gib = 100_000).await;
    let alice = market.shopper().await;
    let id = ordered(&market, &alice, "ubuntu-24.04").await.id;
    for what in ["stop", "move"] {
        let page = alice.fill(&path(id, what), &path(id, what), &[]).await.unwrap();
        assert!(page.status == 422 && page.says("Please tick it"), "{what}: {} {}", page.status, page.text());
    }
    let page = alice.fill(&path(id, "resize"), &path(id, "resize"), &[("size", "large")]).await.unwrap();
    assert!(page.status == 422 && page.says("Please tick it"), "{} {}", page.status, page.text());
    let wrong = [
        ("size", "keep", "already"),
        ("size", "gigantic", "choose one of the sizes"),
        ("cores", "0", "A whole number"),
        ("memory_gib", "100001", "A whole number"),
        ("memory_gib", "90000", "no room for that where it runs"),
        ("disk_gib", "3", "needs a disk of"),
        ("disk1_gib", "x", "A whole number"),
    ];
    for (field, value, said) in wrong {
        let mut typed = vec![("size", "keep"), ("consent", "on")];
        typed.retain(|(name, _)| *name != field);
        typed.push((field, value));
        let page = alice.fill(&path(id, "resize"), &path(id, "resize"), &typed).await.unwrap();
        assert!(page.status == 422 && page.says(said), "{field}={value}: {} {}", page.status, page.text());
    }
    let page = alice.fill(&path(id, "move"), &path(id, "move"), &[("region", "Atlantis"), ("consent", "on")]).await.unwrap();
    assert!(page.status == 422 && page.says("Atlantis"), "{} {}", page.status, page.text());
    assert_eq!((market.read(id).revision, parts(&market.read(id))[0].1), (None, 0));
    market.close().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn growing_costs_the_difference_and_shrinking_gives_it_back_to_the_cent() {
    let market = Market::open().await;
    let alice = market.shopper().await;
    let before = ordered(&market, &alice, "ubuntu-24.04").await;
    let (id, used) = (before.id, memory_on(&market, &before));
    // Eleven hours have begun: 709 are left.
    market.leap(10 * HOUR);
    let page = preview(&alice, id, "large", &[("disk1_gib", "20")]).await;
    // 19.00 more for the size and 20 GB of disk for a month, × 709 ÷ 720.
    let disk = market.demo.instance.app.unit_prices(market.demo.instance.app.now()).disk_gib.cents().unwrap() * 20;
    let due = Usd::from_cents(((1900 + disk) * 709 + 719) / 720);
    let shown = |amount: Usd| format!("${}.{:02}", amount.cents().unwrap() / 100, amount.cents().unwrap() % 100);
    let new = Usd::from_cents(2900 + disk);
    for said in [shown(due), shown(new), "709 hours left".to_owned(), "20 GB at /mnt/data1".to_owned()] {
        assert!(page.says(&said), "{said}: {}", page.text());
    }
    let done = alice.submit(&page, &path(id, "resize"), &[]).await.unwrap();
    assert!(done.says("Resizing web"), "{}", done.text());
    let revision = market.revised(id).await;
    assert_eq!(revision.state, Stage::Done, "{:?}", revision.story);
    let large = market.read(id);
    assert_eq!((large.wish.size.id.as_str(), large.price, &large.access), ("large", new, &before.access));
    assert_eq!((memory_on(&market, &large), market.charged(id)), (used + 12, before.price.checked_add(due).unwrap()));
    assert_agreed(&market, &large);
    assert_eq!(large.paid(), before.price.checked_add(due).unwrap());
    let page = alice.get(&format!("/deployments/{id}")).await.unwrap();
    assert!(page.says("Receipt 2") && page.says("Running") && page.says("20 GB at /mnt/data1"), "{}", page.text());
    let trace = market.log_in(&TOM).await.get(&format!("/operator/orders/{id}")).await.unwrap();
    assert!(trace.says("New size: change") && trace.text().matches("Taken from the card").count() == 2, "{}", trace.text());
    let receipt = alice.get(&format!("/receipts/{}", large.more_charges[0])).await.unwrap();
    assert!(receipt.says(&shown(due)) && receipt.says("Large") && receipt.says("instead of Medium"), "{}", receipt.text());
    let first = alice.get(&format!("/receipts/{}", large.charge)).await.unwrap();
    assert!(first.says("web (Medium, Ubuntu 24.04), 30 days") && first.says("$10.00"), "{}", first.text());
    assert!(market.demo.world.mail.wait_for(ALICE.email, "web was resized").await.is_some());
    // Back down: the disk stays as it is, the machine becomes small.
    let page = preview(&alice, id, "small", &[]).await;
    let back = Usd::from_cents(2300 * 709 / 720);
    assert!(page.says("You get back") && page.says(&shown(back)), "{}", page.text());
    alice.submit(&page, &path(id, "resize"), &[]).await.unwrap();
    let revision = market.revised(id).await;
    assert_eq!(revision.state, Stage::Done, "{:?}", revision.story);
    let paid = large.paid().checked_sub(back).unwrap();
    market.until("the difference has gone back", || market.charged(id) == paid).await;
    let small = market.read(id);
    assert_eq!((small.paid(), small.price, memory_on(&market, &small)), (paid, Usd::from_cents(600 + disk), used - 2));
    // Every unit that was paid is earned, goes back, or is the part of a cent that can't.
    market.leap(20 * HOUR);
    alice.fill(&path(id, "delete"), &path(id, "delete"), &[]).await.unwrap();
    let over = market.ended(id).await;
    let unused = paid.checked_sub(over.earned).unwrap().floor_to_cent();
    market.until("the rest has gone back", || market.charged(id) == paid.checked_sub(unused).unwrap()).await;
    let refunds = || {
        let snapshot = market.demo.instance.app.read().unwrap();
        over.charges().flat_map(|charge| snapshot.refunds_of(charge).unwrap()).collect::<Vec<_>>()
    };
    market.until("our books know it", || refunds().iter().all(|refund| refund.state == RefundState::Done)).await;
    let page = alice.get(&format!("/deployments/{id}")).await.unwrap();
    let in_the_end = market.charged(id);
    assert!(page.says(&format!("{} for the hours used", shown(in_the_end))), "{}", page.text());
    market.close().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn what_a_node_can_not_do_becomes_what_it_was_before_and_is_not_charged() {
    let market = Market::open().await;
    let alice = market.shopper().await;
    let before = ordered(&market, &alice, "ubuntu-22.04").await;
    let (id, node) = (before.id, before.attempt().unwrap().node());
    // The new machine does not come up; the old one does.
    market.demo.world.nodes.set_fault(node, Fault::FailsAtTheLast);
    resize(&alice, id, "large", &[]).await;
    market.nurse_by(Duration::from_secs(5), "it turns back", || market.last_revision(id).drafts.len() > 1).await;
    market.demo.world.nodes.set_fault(node, Fault::None);
    let revision = market.revised(id).await;
    assert_eq!(revision.state, Stage::Failed, "{:?}", revision.story);
    let after = market.read(id);
    assert_eq!((&after.wish, &after.access, after.stopped, after.price), (&before.wish, &before.access, None, before.price));
    assert_agreed(&market, &after);
    assert_eq!(parts(&after).last(), Some(&("zmachine".to_owned(), 2)));
    market.assert_settled(&after, "refused by the node");
    let page = alice.get(&path(id, "progress")).await.unwrap();
    assert!(page.says("web was not resized") && page.says("Nothing was charged."), "{}", page.text());
    // It could not follow the chain and has put everything aside: what runs there goes on, and nothing of it is touched any more.
    let other = ordered(&market, &alice, "ubuntu-22.04").await;
    let its = other.attempt().unwrap().node();
    market.demo.world.nodes.set_fault(its, Fault::LagsBehindChain);
    resize(&alice, other.id, "large", &[]).await;
    assert_eq!(market.revised(other.id).await.state, Stage::Failed);
    market.demo.world.nodes.set_fault(its, Fault::None);
    resize(&alice, other.id, "large", &[]).await;
    let revision = market.revised(other.id).await;
    assert_eq!((revision.state, revision.drafts.len()), (Stage::Failed, 0), "{:?}", revision.story);
    let same = market.read(other.id);
    assert_eq!((&same.access, same.stopped, parts(&same)), (&other.access, None, parts(&other)));
    assert_agreed(&market, &same);
    market.assert_settled(&same, "put aside");
    let page = alice.get(&format!("/deployments/{}", other.id)).await.unwrap();
    assert!(page.says("has lost track of it") && page.says("ssh root@"), "{}", page.text());
    alice.fill(&path(other.id, "move"), &path(other.id, "move"), &[("consent", "on")]).await.unwrap();
    assert_eq!(market.revised(other.id).await.state, Stage::Done);
    // Not even the old one comes up again: it is left stopped, and starts when the node is well.
    market.demo.world.nodes.set_fault(node, Fault::FailsAtTheLast);
    resize(&alice, id, "large", &[]).await;
    let revision = market.revised(id).await;
    assert_eq!(revision.state, Stage::Failed, "{:?}", revision.story);
    let stopped = market.read(id);
    assert!(stopped.stopped.is_some() && stopped.wish == before.wish, "{:?}", revision.story);
    assert_agreed(&market, &stopped);
    market.assert_settled(&stopped, "left stopped");
    market.demo.world.nodes.set_fault(node, Fault::None);
    let page = alice.get(&format!("/deployments/{id}")).await.unwrap();
    alice.submit(&page, &path(id, "start"), &[]).await.unwrap();
    assert_eq!(market.revised(id).await.state, Stage::Done);
    assert_eq!(market.read(id).access, before.access);
    market.close().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_card_that_is_declined_changes_nothing_and_two_presses_are_one() {
    let market = Market::open().await;
    let alice = market.shopper().await;
    let before = ordered(&market, &alice, "ubuntu-24.04").await;
    let (id, app) = (before.id, market.demo.instance.app.clone());
    let good = app.read().unwrap().cards_of(before.user).unwrap()[0].id;
    market.save_card(&alice, POOR_CARD).await;
    let poor = app.read().unwrap().cards_of(before.user).unwrap().into_iter().find(|card| card.id != good).unwrap().id;
    app.choose_card(before.user, poor).await.unwrap();
    resize(&alice, id, "large", &[]).await;
    let revision = market.revised(id).await;
    assert_eq!((revision.state, revision.drafts.len()), (Stage::Failed, 0), "{:?}", revision.story);
    let after = market.read(id);
    assert_eq!((&after.wish, parts(&after)), (&before.wish, parts(&before)));
    market.assert_settled(&after, "declined");
    // Pressed twice, and something else meanwhile.
    app.choose_card(before.user, good).await.unwrap();
    let node = before.attempt().unwrap().node();
    market.demo.world.nodes.set_fault(node, Fault::Slow(Duration::from_millis(400)));
    let page = preview(&alice, id, "large", &[]).await;
    for _ in 0..2 {
        let done = alice.submit(&page, &path(id, "resize"), &[]).await.unwrap();
        assert_eq!(done.url.path(), path(id, "progress"), "{}", done.text());
    }
    let caller = Caller::person(market.url(), &ALICE).await;
    // Another size is not the one under way.
    let other = [("size", "small"), ("seal", "whatever"), ("consent", "on")];
    let answer = caller.post(&path(id, "resize"), &other).await;
    assert!(answer.status == 409 && answer.says("It is being changed: resizing since"), "{} {}", answer.status, answer.body);
    let answer = caller.post(&path(id, "stop"), &[("consent", "on")]).await;
    assert!(answer.status == 409 && answer.says("It is being changed: resizing since"), "{} {}", answer.status, answer.body);
    let page = alice.get(&format!("/deployments/{id}")).await.unwrap();
    assert!(page.says("Resizing since") && !page.body.contains("/move\""), "{}", page.text());
    market.demo.world.nodes.set_fault(node, Fault::None);
    assert_eq!(market.revised(id).await.state, Stage::Done);
    market.assert_settled(&market.read(id), "two presses");
    assert_eq!(market.read(id).more_charges.len(), 1);
    // What was shown an hour ago is shown again.
    let page = preview(&alice, id, "medium", &[]).await;
    market.leap(HOUR);
    let again = alice.submit(&page, &path(id, "resize"), &[]).await.unwrap();
    assert!(again.status == 409 && again.says("This is what it costs now"), "{} {}", again.status, again.text());
    let done = alice.submit(&again, &path(id, "resize"), &[]).await.unwrap();
    assert_eq!(done.url.path(), path(id, "progress"), "{}", done.text());
    assert_eq!(market.revised(id).await.state, Stage::Done);
    market.close().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn deleting_in_the_middle_of_a_change_leaves_nothing_behind() {
    let market = Market::open().await;
    let alice = market.shopper().await;
    let delete = async |id: OrderId, what: &str| {
        alice.fill(&path(id, "delete"), &path(id, "delete"), &[]).await.unwrap();
        market.demo.world.chain.faults.stall_finality.store(false, Ordering::SeqCst);
        market.nurse(what, || market.read(id).state == State::Ended).await;
        let order = market.read(id);
        assert_eq!((order.revision, market.last_revision(id).state), (None, Stage::Dropped), "{what}");
        let unused = order.paid().checked_sub(order.earned).unwrap().floor_to_cent();
        let left = order.paid().checked_sub(unused).unwrap();
        market.until(what, || market.charged(id) == left).await;
        assert_eq!(order.paid(), order.price, "{what}: the difference is not kept");
        let truth = market.demo.world.cards.truth(&id.to_string());
        assert_eq!((truth.open, truth.open_cents), (0, 0), "{what}");
    };
    // While the chain is told, …
    let order = ordered(&market, &alice, "ubuntu-24.04").await;
    market.demo.world.chain.faults.stall_finality.store(true, Ordering::SeqCst);
    resize(&alice, order.id, "large", &[]).await;
    market.until("it is drawn up", || !market.last_revision(order.id).drafts.is_empty()).await;
    delete(order.id, "while the chain is told").await;
    // … while the node is at work and then dies, …
    let order = ordered(&market, &alice, "ubuntu-24.04").await;
    let node = order.attempt().unwrap().node();
    market.demo.world.nodes.set_fault(node, Fault::Slow(Duration::from_secs(60)));
    resize(&alice, order.id, "large", &[]).await;
    let sent = || market.last_revision(order.id).drafts.last().is_some_and(|it| it.sent.is_some());
    market.nurse_by(Duration::from_secs(5), "the node is at work", sent).await;
    market.demo.world.nodes.set_fault(node, Fault::Silent);
    delete(order.id, "while the node is at work").await;
    market.demo.world.nodes.set_fault(node, Fault::None);
    // … and while it moves.
    let order = ordered(&market, &alice, "ubuntu-24.04").await;
    market.demo.world.chain.faults.stall_finality.store(true, Ordering::SeqCst);
    alice.fill(&path(order.id, "move"), &path(order.id, "move"), &[("consent", "on")]).await.unwrap();
    market.until("a contract is on its way", || market.demo.world.chain.contracts().len() > 3).await;
    delete(order.id, "while it moves").await;
    market
        .nurse("nothing is left", || {
            market.demo.world.chain.contracts().iter().all(|contract| contract.state == ContractStateView::Deleted)
        })
        .await;
    market.close().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn what_moves_runs_on_until_it_runs_elsewhere() {
    let market = Market::open().await;
    let alice = market.shopper().await;
    let before = ordered(&market, &alice, "ubuntu-24.04").await;
    let id = before.id;
    let old = before.attempt().unwrap();
    alice.fill(&path(id, "move"), &path(id, "move"), &[("consent", "on")]).await.unwrap();
    let revision = market.revised(id).await;
    assert_eq!((revision.kind, revision.state), (Kind::Move, Stage::Done), "{:?}", revision.story);
    let after = market.read(id);
    let new = after.attempt().unwrap();
    assert_ne!(new.node(), old.node());
    assert_ne!(after.access, before.access);
    assert_eq!((after.wish.size.id.as_str(), after.price, &after.attempts[0].outcome), ("medium", before.price, &Outcome::Left));
    market.until("the old place is given back", || market.read(id).attempts[0].cleared).await;
    market.assert_settled(&market.read(id), "moved");
    let mail = market.demo.world.mail.wait_for(ALICE.email, "web was moved").await.unwrap();
    assert!(mail.text.contains("Its addresses are new") && mail.text.contains("ssh root@"), "{}", mail.text);
    // The first place that it is to go to next fails; where it is it runs on meanwhile.
    let here = new.node();
    for node in market.demo.world.nodes.ids() {
        market.demo.world.nodes.set_fault(node, if node == here { Fault::None } else { Fault::FailsAtTheLast });
    }
    alice.fill(&path(id, "move"), &path(id, "move"), &[("consent", "on")]).await.unwrap();
    market.nurse_by(Duration::from_secs(5), "the first one fails", || market.read(id).attempts.len() > 3).await;
    assert_eq!(market.read(id).attempt().unwrap().node(), here);
    let page = alice.get(&format!("/deployments/{id}")).await.unwrap();
    assert!(page.says("ssh root@") && page.says("Moving since"), "{}", page.text());
    for node in market.demo.world.nodes.ids() {
        market.demo.world.nodes.set_fault(node, Fault::None);
    }
    let revision = market.revised(id).await;
    assert_eq!(revision.state, Stage::Done, "{:?}", revision.story);
    assert_ne!(market.read(id).attempt().unwrap().node(), here);
    // Nowhere works: it stays.
    let here = market.read(id).attempt().unwrap().node();
    for node in market.demo.world.nodes.ids() {
        market.demo.world.nodes.set_fault(node, if node == here { Fault::None } else { Fault::FailsAtTheLast });
    }
    let access = market.read(id).access;
    alice.fill(&path(id, "move"), &path(id, "move"), &[("consent", "on")]).await.unwrap();
    let revision = market.revised(id).await;
    assert_eq!(revision.state, Stage::Failed, "{:?}", revision.story);
    let order = market.read(id);
    assert_eq!((order.attempt().unwrap().node(), &order.access, &order.wish), (here, &access, &before.wish.clone()));
    market
        .nurse("what failed is cleared", || {
            let order = market.read(id);
            order.attempts.iter().all(|attempt| attempt.cleared || attempt.outcome == Outcome::Works)
        })
        .await;
    market.assert_settled(&market.read(id), "stays");
    market.close().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn what_is_stopped_can_be_resized_and_moved() {
    let market = Market::open().await;
    let alice = market.shopper().await;
    let before = ordered(&market, &alice, "ubuntu-22.04").await;
    let id = before.id;
    let stop = async || {
        alice.fill(&path(id, "stop"), &path(id, "stop"), &[]).await.unwrap();
        assert_eq!(market.revised(id).await.state, Stage::Done);
    };
    stop().await;
    let off = memory_on(&market, &market.read(id));
    // Its disk can only grow, for the system is on it.
    let at = path(id, "resize");
    let page = alice.fill(&at, &at, &[("size", "small")]).await.unwrap();
    assert!(page.status == 422 && page.says("can only grow"), "{} {}", page.status, page.text());
    resize(&alice, id, "large", &[]).await;
    let revision = market.revised(id).await;
    assert_eq!(revision.state, Stage::Done, "{:?}", revision.story);
    let large = market.read(id);
    assert!(large.stopped.is_some() && large.wish.size.id == "large" && memory_on(&market, &large) == off);
    assert_eq!(parts(&large), [("network".to_owned(), 0), ("zmount".to_owned(), 2)]);
    assert_agreed(&market, &large);
    market.assert_settled(&large, "resized while it is stopped");
    let page = alice.get(&format!("/deployments/{id}")).await.unwrap();
    alice.submit(&page, &path(id, "start"), &[]).await.unwrap();
    assert_eq!(market.revised(id).await.state, Stage::Done);
    let started = market.read(id);
    assert_eq!((memory_on(&market, &started), &started.access), (off + 16, &before.access));
    // Only its data: a disk that a machine has does not grow, so the machine is made anew with it.
    for (gib, version) in [("20", 4), ("30", 5)] {
        resize(&alice, id, "keep", &[("disk1_gib", gib)]).await;
        let revision = market.revised(id).await;
        assert_eq!(revision.state, Stage::Done, "{:?}", revision.story);
        let more = market.read(id);
        let [.., data, machine] = &parts(&more)[..] else { panic!("{:?}", parts(&more)) };
        assert_eq!((data, machine), (&("zmount".to_owned(), version), &("zmachine".to_owned(), version)));
        assert_eq!((memory_on(&market, &more), &more.access), (off + 16, &before.access));
        market.assert_settled(&more, "more data");
    }
    // Moved while it is stopped it runs at its new place, and nothing is kept at the old one.
    stop().await;
    let here = started.attempt().unwrap().node();
    alice.fill(&path(id, "move"), &path(id, "move"), &[("consent", "on")]).await.unwrap();
    assert_eq!(market.revised(id).await.state, Stage::Done);
    let moved = market.read(id);
    assert!(moved.stopped.is_none() && moved.attempt().unwrap().node() != here);
    market.until("the old place is given back", || market.read(id).attempts[0].cleared).await;
    let kept = cooperage::store::order::Orders::carrying(&market.demo.instance.app.read().unwrap()).unwrap();
    assert_eq!(kept.keys().collect::<Vec<_>>(), [&moved.attempt().unwrap().node()]);
    market.assert_settled(&market.read(id), "moved");
    market.close().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_node_that_is_lost_in_the_middle_of_a_change_holds_nothing_up() {
    let market = Market::open().await;
    let alice = market.shopper().await;
    let before = ordered(&market, &alice, "ubuntu-22.04").await;
    let (id, node, used) = (before.id, before.attempt().unwrap().node(), memory_on(&market, &before));
    let begin = async || {
        market.demo.world.nodes.set_fault(node, Fault::Slow(Duration::from_secs(60)));
        resize(&alice, id, "large", &[]).await;
        let sent = || market.last_revision(id).drafts.last().is_some_and(|draft| draft.sent.is_some());
        market.nurse_by(Duration::from_secs(5), "the node is at work", sent).await;
    };
    // The node may hear of the chain's blocks a little later than we: it is left that time.
    let (faults, last) = (&market.demo.world.chain.faults, || market.last_revision(id));
    market.demo.world.nodes.set_fault(node, Fault::Slow(Duration::from_secs(60)));
    resize(&alice, id, "large", &[]).await;
    market.until("the chain was told", || last().drafts.last().is_some_and(|draft| draft.agreed.is_some())).await;
    faults.stall_finality.store(true, Ordering::SeqCst);
    market.demo.instance.app.climb_revision(last().id).await.unwrap();
    assert_eq!(last().drafts[0].sent, None);
    faults.stall_finality.store(false, Ordering::SeqCst);
    market.nurse_by(Duration::from_secs(5), "the node is at work", || last().drafts[0].sent.is_some()).await;
    market.demo.world.nodes.set_fault(node, Fault::Silent);
    market.leap(HOUR);
    assert_eq!(market.last_revision(id).state, Stage::Changing, "it is waited for");
    market.leap(HOUR + HOUR / 10);
    let revision = market.revised(id).await;
    assert_eq!(revision.state, Stage::Failed, "{:?}", revision.story);
    let same = market.read(id);
    assert_eq!((&same.wish, &same.access, same.price), (&before.wish, &before.access, before.price));
    market.assert_settled(&same, "given up");
    let page = alice.get(&path(id, "progress")).await.unwrap();
    assert!(page.says("has not answered for two hours") && page.says("Nothing was charged."), "{}", page.text());
    // It comes back and does what it was told: the next change begins with that.
    market.demo.world.nodes.set_fault(node, Fault::None);
    market.until("the node is done", || memory_on(&market, &same) == used + 12).await;
    alice.fill(&path(id, "stop"), &path(id, "stop"), &[]).await.unwrap();
    assert_eq!(market.revised(id).await.state, Stage::Done);
    assert_eq!(memory_on(&market, &same), used - 4);
    let page = alice.get(&format!("/deployments/{id}")).await.unwrap();
    alice.submit(&page, &path(id, "start"), &[]).await.unwrap();
    assert_eq!(market.revised(id).await.state, Stage::Done);
    let started = market.read(id);
    assert_eq!((memory_on(&market, &started), &started.access), (used, &before.access));
    assert_agreed(&market, &started);
    // While its place is not paid nothing is sent to the chain to turn back what did not work. It is to be billed in a moment.
    let app = market.demo.instance.app.clone();
    let contract = started.attempt().unwrap().contract.unwrap();
    let billed = || app.read().unwrap().bills_of(contract, 1000).unwrap().last().map(|bill| bill.at).unwrap();
    market.leap((billed() + HOUR).since(app.now()).saturating_sub(MINUTE * 2));
    begin().await;
    let chain = &market.demo.world.chain;
    chain.drain(&operator(), Tft::from_units(SCALE / 1000));
    market.leap(MINUTE * 3);
    market.until("it is paused", || market.read(id).paused.is_some()).await;
    market.demo.world.nodes.set_fault(node, Fault::FailsAtTheLast);
    market.nurse_by(Duration::from_secs(5), "it turns back", || market.last_revision(id).drafts.len() > 1).await;
    let back = Purpose::UpdateContract { revision: market.last_revision(id).id, draft: 1 };
    market.leap(HOUR / 2);
    market.leap(HOUR / 2);
    assert_eq!(app.read().unwrap().call(&back).unwrap(), None);
    market.demo.world.nodes.set_fault(node, Fault::None);
    chain.fund(&operator(), Tft::from_units(400_000 * SCALE));
    market.leap(HOUR);
    let revision = market.revised(id).await;
    assert_eq!(revision.state, Stage::Failed, "{:?}", revision.story);
    let same = market.read(id);
    assert_eq!((&same.wish, &same.access, same.stopped), (&before.wish, &before.access, None));
    assert_agreed(&market, &same);
    market.assert_settled(&same, "turned back when it was paid");
    // One that does not come back can be left.
    begin().await;
    market.demo.world.nodes.set_fault(node, Fault::Silent);
    market.leap(2 * HOUR + HOUR / 10);
    assert_eq!(market.revised(id).await.state, Stage::Failed);
    app.refresh_nodes().await.unwrap();
    alice.fill(&path(id, "move"), &path(id, "move"), &[("consent", "on")]).await.unwrap();
    let revision = market.revised(id).await;
    assert_eq!((revision.kind, revision.state), (Kind::Move, Stage::Done), "{:?}", revision.story);
    assert_ne!(market.read(id).attempt().unwrap().node(), node);
    market.assert_settled(&market.read(id), "left");
    drop(app);
    market.close().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn what_was_ordered_of_a_farm_can_be_moved_to_another() {
    let market = Market::open().await;
    let alice = market.shopper().await;
    let nodes = market.demo.instance.app.nodes();
    let farm = nodes.iter().find(|node| node.sellable()).unwrap().farm();
    drop(nodes);
    let wish = [("name", "web"), ("size", "medium"), ("image", "ubuntu-24.04"), ("ssh_key", KEY)];
    let quote = alice.fill(&format!("/order?filter=farm%3D{farm}%26memory%3D4"), "/order", &wish).await.unwrap();
    let id = market.confirm(&alice, &quote).await;
    let before = market.rest(id).await;
    assert_eq!((before.wish.filter.farm, before.attempt().unwrap().choice.best.farm), (Some(farm), farm));
    // All of the farm is away: anywhere else is anywhere.
    let app = market.demo.instance.app.clone();
    let there: Vec<u32> = app.nodes().iter().filter(|node| node.farm() == farm).map(|node| node.id()).collect();
    there.iter().for_each(|node| market.demo.world.nodes.set_condition(*node, Condition::Down));
    app.refresh_nodes().await.unwrap();
    alice.fill(&path(id, "move"), &path(id, "move"), &[("consent", "on")]).await.unwrap();
    let revision = market.revised(id).await;
    assert_eq!((revision.kind, revision.state), (Kind::Move, Stage::Done), "{:?}", revision.story);
    let after = market.read(id);
    assert_ne!(after.attempt().unwrap().choice.best.farm, farm);
    assert_eq!((after.wish.filter.to_string().as_str(), after.price), ("memory=4", before.price));
    drop(app);
    market.close().await;
}
