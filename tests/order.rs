//! Ordering when things go wrong: every field, every press of the button, every part of the world.

use std::sync::atomic::Ordering;
use std::time::Duration;

use cooperage::base::ids::{JobId, OrderId, QuoteId};
use cooperage::base::time::{HOUR, MINUTE};
use cooperage::cli::demo::{ALICE, TOM};
use cooperage::cli::visitor::Page;
use cooperage::domain::charge::RefundState;
use cooperage::domain::job::Work;
use cooperage::domain::order::State;
use cooperage::domain::signer::Purpose;
use cooperage::domain::slot::Slot;
use cooperage::localgrid::card::HookFaults;
use cooperage::store::Turn;
use cooperage::store::charge::Charges;
use cooperage::store::check::check;
use cooperage::store::grid::Chain;
use cooperage::store::job::Jobs;
use cooperage::store::order::Orders;
use cooperage::wire::stripe::server::Fault;

use crate::kit::caller::Caller;
use crate::kit::market::{GOOD_CARD, KEY, Market, other_key};

fn orders(market: &Market) -> usize {
    let snapshot = market.demo.instance.app.read().unwrap();
    State::ALL.into_iter().map(|state| snapshot.count_in(state, 1000).unwrap()).sum()
}

fn quote_id(page: &Page) -> QuoteId {
    page.url.path().trim_start_matches("/quotes/").parse().unwrap_or_else(|_| panic!("no quote: {} {}", page.url, page.text()))
}

#[tokio::test(flavor = "multi_thread")]
async fn a_wrong_field_says_so_at_the_field_and_keeps_what_was_typed() {
    let market = Market::open().await;
    let alice = Caller::person(market.url(), &ALICE).await;
    let good =
        [("name", "web"), ("size", "medium"), ("image", "ubuntu-24.04"), ("region", "Belgium"), ("key", "new"), ("ssh_key", KEY)];
    let long = "a".repeat(33);
    let two_keys = format!("{KEY}\nssh-ed25519 AAAA");
    let eleven = (0..11).map(other_key).collect::<Vec<_>>().join("\n");
    let with_options = format!("command=\"rm -rf /\" {KEY}");
    let cases = [
        ("name", "", "2 to 32 small letters"),
        ("name", "a", "2 to 32 small letters"),
        ("name", "Web", "2 to 32 small letters"),
        ("name", "1web", "2 to 32 small letters"),
        ("name", "web-", "2 to 32 small letters"),
        ("name", "we b", "2 to 32 small letters"),
        ("name", "<script>alert(1)</script>", "2 to 32 small letters"),
        ("name", "web.example.org", "2 to 32 small letters"),
        ("name", &long, "2 to 32 small letters"),
        ("size", "", "choose one of the sizes"),
        ("size", "gigantic", "choose one of the sizes"),
        ("image", "", "choose one of the systems"),
        ("image", "windows-95", "choose one of the systems"),
        ("region", "Atlantis", "Nothing of this size is free in Atlantis"),
        ("ssh_key", "", "not a public SSH key"),
        ("ssh_key", "hello", "not a public SSH key"),
        ("ssh_key", "ssh-ed25519 AAAA", "not a public SSH key"),
        ("ssh_key", &two_keys, "Line 2: This is not a public SSH key"),
        ("ssh_key", &eleven, "11 keys; 10 can sign in"),
        ("ssh_key", &with_options, "not a public SSH key"),
        ("ssh_key", "ssh-dss AAAAB3NzaC1kc3MAAACBAP", "not a public SSH key"),
        ("ssh_key", "-----BEGIN OPENSSH PRIVATE KEY-----\nb3BlbnNz\n-----END OPENSSH PRIVATE KEY-----", "private key: never"),
    ];
    for (field, value, message) in cases {
        let typed: Vec<(&str, &str)> =
            good.iter().map(|(name, usual)| (*name, if *name == field { value } else { *usual })).collect();
        let answer = alice.post("/order", &typed).await;
        assert_eq!(answer.status, 422, "{field}={value:?}");
        let at = answer
            .body
            .find(&format!("id=\"f-{field}-error\""))
            .unwrap_or_else(|| panic!("{field}={value:?}: nothing at the field"));
        let said = answer.body[at..].split("</p>").next().unwrap();
        assert!(said.contains(message), "{field}={value:?}: {said}");
        assert!(!answer.body.contains("<script>alert"), "{field}");
        for (name, kept) in typed {
            let part = &answer.body[answer.body.find(&format!("id=\"f-{name}")).unwrap_or_default()..];
            match name {
                "name" if !kept.contains('<') => assert!(part.contains(&format!("value=\"{kept}\"")), "{field}: {name} is lost"),
                // A private key is the one thing not to be shown again.
                "ssh_key" if kept.contains("PRIVATE KEY") => assert!(!answer.body.contains("b3BlbnNz"), "shown again"),
                "ssh_key" => assert!(answer.body.contains(&kept.replace('"', "&quot;")), "{field}: {name} is lost"),
                "size" | "image" if name != field => {
                    let chosen = answer.body.split("<input").find(|tag| tag.contains(&format!("value=\"{kept}\""))).unwrap();
                    assert!(chosen.split('>').next().unwrap().contains("checked"), "{field}: {name} is lost");
                }
                "region" if name != field => {
                    assert!(answer.body.contains("value=\"Belgium\" selected"), "{field}: {name} is lost")
                }
                _ => {}
            }
        }
    }
    assert_eq!(orders(&market), 0);
    market.close().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn one_offer_is_one_order_at_the_price_that_was_shown() {
    let market = Market::open().await;
    let alice = Caller::person(market.url(), &ALICE).await;
    let visitor = market.log_in(&ALICE).await;
    // Without a card.
    let quote = market.quote(&visitor, "web", "").await;
    let confirm = format!("{}/confirm", quote.url.path());
    let answer = alice.post(&confirm, &[]).await;
    assert_eq!((answer.status, answer.header("location")), (303, quote.url.path()));
    let page = alice.get(quote.url.path()).await;
    assert!(page.says("Please add a card first."), "{}", page.body);
    assert_eq!(orders(&market), 0);
    // Too late.
    market.save_card(&visitor, GOOD_CARD).await;
    let late = visitor.get(quote.url.path()).await.unwrap();
    market.leap(31 * MINUTE);
    let said = visitor.submit(&late, &confirm, &[]).await.unwrap();
    assert!(said.says("more than half an hour old"), "{}", said.text());
    assert_eq!(orders(&market), 0);
    // Two hundred presses at once, and fields that nobody asked for.
    let quote = market.quote(&visitor, "web", "").await;
    let stored = market.demo.instance.app.read().unwrap().quote(quote_id(&quote)).unwrap().unwrap();
    let confirm = format!("{}/confirm", quote.url.path());
    let csrf = alice.csrf().await;
    let extra =
        [("price", "0.01"), ("amount", "1"), ("size", "small"), ("state", "active"), ("user", "usr_1"), ("card", "card_1")];
    let presses = (0..200).map(|_| alice.send(alice.form(&confirm, &csrf, &extra)));
    let answers = futures_util::future::join_all(presses).await;
    let mut led: Vec<String> =
        answers.iter().filter(|answer| answer.status == 303).map(|answer| answer.header("location").to_owned()).collect();
    assert!(led.len() >= 100, "{}", led.len());
    // The rest was told to come more slowly.
    assert!(answers.iter().all(|answer| matches!(answer.status, 303 | 429)));
    led.dedup();
    assert_eq!(led.len(), 1, "{led:?}");
    assert_eq!(orders(&market), 1);
    let id: OrderId = led[0].split('/').nth(2).unwrap().parse().unwrap();
    let order = market.rest(id).await;
    assert_eq!(order.state, State::Active, "{:?}", order.timeline);
    assert_eq!((order.price, order.wish.size.id.as_str()), (stored.price, "medium"));
    market.assert_settled(&order, "two hundred presses");
    // Pressing again afterwards shows the order.
    market.leap(3 * MINUTE);
    assert_eq!(alice.post(&confirm, &[]).await.header("location"), led[0]);
    assert_eq!(alice.get(quote.url.path()).await.header("location"), format!("/deployments/{id}"));
    market.close().await;
}

/// What goes wrong with the next call that changes something at the card processor.
const FAULTS: [Fault; 6] = [
    Fault::TimeoutBefore,
    Fault::TimeoutAfter,
    Fault::Cached500 { effect: true },
    Fault::Cached500 { effect: false },
    Fault::Throttled,
    Fault::Outage,
];

#[tokio::test(flavor = "multi_thread")]
async fn whatever_happens_when_the_bank_is_asked_it_is_asked_once() {
    let market = Market::open().await;
    let alice = market.shopper().await;
    market.demo.world.cards.set_hang(Duration::from_millis(30));
    for fault in FAULTS {
        let what = format!("{fault:?} when asking the bank");
        let quote = market.quote(&alice, "web", "").await;
        market.demo.world.cards.fail_next(fault);
        let id = market.confirm(&alice, &quote).await;
        market.nurse(&what, || market.read(id).state.at_rest()).await;
        let order = market.read(id);
        market.assert_settled(&order, &what);
        let hopeless = fault == Fault::Cached500 { effect: false };
        assert_eq!(order.state, if hopeless { State::Ended } else { State::Active }, "{what}: {:?}", order.timeline);
    }
    market.close().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn whatever_happens_when_the_money_is_taken_it_is_taken_once() {
    let market = Market::open().await;
    let alice = market.shopper().await;
    market.demo.world.cards.set_hang(Duration::from_millis(30));
    for fault in FAULTS {
        let what = format!("{fault:?} when taking the money");
        let id = market.order(&alice, "web", "").await;
        market.until("the bank holds it", || market.read(id).state != State::Paying).await;
        market.demo.world.cards.fail_next(fault);
        assert!(matches!(market.read(id).state, State::Reserving | State::Deploying), "{what}: too late for this test");
        market.nurse(&what, || market.read(id).state.at_rest()).await;
        let order = market.read(id);
        market.assert_settled(&order, &what);
        assert_eq!(order.state, State::Active, "{what}: {:?}", order.timeline);
    }
    market.close().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn whatever_happens_when_money_is_given_back_it_is_given_back_once() {
    let market = Market::open().await;
    let alice = market.shopper().await;
    market.demo.world.cards.set_hang(Duration::from_millis(30));
    for fault in FAULTS {
        let what = format!("{fault:?} when giving it back");
        let id = market.order(&alice, "web", "").await;
        assert_eq!(market.rest(id).await.state, State::Active);
        market.leap(10 * HOUR);
        market.demo.world.cards.fail_next(fault);
        let path = format!("/deployments/{id}/delete");
        alice.fill(&path, &path, &[]).await.unwrap();
        market.nurse(&what, || market.read(id).state == State::Ended).await;
        let order = market.read(id);
        let left = order.price.checked_sub(order.price.checked_sub(order.earned).unwrap().floor_to_cent()).unwrap();
        // An error that is repeated under its key takes a day: only then a new key is sure not to pay twice.
        market.nurse_by(2 * HOUR, &what, || market.charged(id) == left).await;
        let refunds = || market.demo.instance.app.read().unwrap().refunds_of(order.charge).unwrap();
        market.nurse_by(HOUR, "our books know it", || refunds().iter().all(|refund| refund.processor_refund.is_some())).await;
        // And not once more, however long one waits.
        market.leap(2 * HOUR);
        assert_eq!((market.charged(id), refunds().len()), (left, 1), "{what}");
    }
    market.close().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_refund_that_takes_effect_long_after_its_answer_was_lost_is_not_paid_again() {
    let market = Market::open().await;
    let alice = market.shopper().await;
    let id = market.order(&alice, "web", "").await;
    assert_eq!(market.rest(id).await.state, State::Active);
    market.leap(HOUR);
    market.demo.world.cards.set_hang(Duration::from_millis(100));
    market.demo.world.cards.fail_next(Fault::Late);
    let path = format!("/deployments/{id}/delete");
    alice.fill(&path, &path, &[]).await.unwrap();
    let charge = market.read(id).charge;
    let refunds = || market.demo.instance.app.read().unwrap().refunds_of(charge).unwrap();
    market.until("the refund is on its way", || refunds().iter().any(|refund| refund.last_sent.is_some())).await;
    // Hours go by on our clock before it takes effect: long enough to lose patience.
    let first_key = refunds()[0].key.clone();
    market.leap(5 * HOUR);
    market.nurse_by(HOUR, "the refund is done", || refunds().iter().all(|refund| refund.processor_refund.is_some())).await;
    let order = market.read(id);
    let left = order.price.checked_sub(refunds()[0].amount).unwrap();
    market.leap(30 * HOUR);
    assert_eq!((market.charged(id), refunds().len()), (left, 1));
    assert_eq!(refunds()[0].key, first_key, "another key would not have been recognised");
    market.close().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_refund_that_the_bank_sends_back_is_told_and_sent_again_by_a_person() {
    let market = Market::open().await;
    let (alice, tom) = (market.shopper().await, market.log_in(&TOM).await);
    let id = market.order(&alice, "web", "").await;
    assert_eq!(market.rest(id).await.state, State::Active);
    let path = format!("/deployments/{id}/delete");
    alice.fill(&path, &path, &[]).await.unwrap();
    let order = market.ended(id).await;
    let refunds = || market.demo.instance.app.read().unwrap().refunds_of(order.charge).unwrap();
    market.until("it is paid", || refunds().iter().all(|refund| refund.state == RefundState::Done)).await;
    let (left, amount) = (market.charged(id), refunds()[0].amount);
    // Days later the customer's bank does not want it. The notice gets lost: the processor's list tells.
    market.demo.world.cards.set_hook_faults(HookFaults { drop_next: usize::MAX, ..HookFaults::default() });
    assert_eq!(market.demo.world.cards.send_refunds_back(&id.to_string()), 1);
    market.leap(HOUR);
    market.until("we know it", || refunds()[0].state == RefundState::Failed).await;
    market.demo.world.cards.set_hook_faults(HookFaults::default());
    assert_eq!(market.charged(id), order.price, "the processor has it all again");
    let said = alice.get(&format!("/deployments/{id}")).await.unwrap();
    assert!(said.says("Your bank did not take"), "{}", said.text());
    let jobs = || market.demo.instance.app.read().unwrap().jobs_parked(Turn::First, 10).unwrap();
    market.until("it waits for a person", || jobs().len() == 1).await;
    let page = tom.get("/operator/jobs?state=parked").await.unwrap();
    assert!(page.says("did not take the refund"), "{}", page.text());
    let books = |market: &Market| check(&market.demo.instance.app.read().unwrap(), |_, _| ()).unwrap();
    assert!(books(&market).is_clean(), "{:?}", books(&market).findings);
    tom.submit(&page, &format!("/operator/jobs/{}/retry", jobs()[0].id), &[]).await.unwrap();
    market.until("it is paid again", || refunds()[0].state == RefundState::Done).await;
    assert_eq!((market.charged(id), refunds()[0].amount, refunds().len()), (left, amount, 1));
    let trace = tom.get(&format!("/operator/orders/{id}")).await.unwrap();
    assert!(trace.says("Sent back by the customer"), "{}", trace.text());
    market.close().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_call_that_nobody_follows_any_more_does_not_hold_up_those_behind_it() {
    let market = Market::open().await;
    let alice = market.shopper().await;
    let faults = &market.demo.world.chain.faults;
    faults.drop_extrinsics.store(true, Ordering::SeqCst);
    let first = market.order(&alice, "first", "").await;
    let purpose = Purpose::CreateContract(Slot::machine(first, 0));
    let call = |purpose: Purpose| market.demo.instance.app.read().unwrap().call(&purpose).unwrap();
    market.until("it is signed", || call(purpose).is_some()).await;
    // Whoever wanted it waits for a person now, and its bytes are lost.
    let (store, now) = (&market.demo.instance.app.store, market.demo.instance.app.now());
    store.write(move |tx| tx.owe_parked(JobId::from_bits(1), Work::ClimbOrder(first), "for this test", now)).await.unwrap();
    let signed = call(purpose).unwrap();
    let second = market.order(&alice, "second", "").await;
    let behind = Purpose::CreateContract(Slot::machine(second, 0));
    market.until("the second is signed", || call(behind).is_some()).await;
    assert!(call(behind).unwrap().nonce > signed.nonce, "it is not behind the first");
    faults.drop_extrinsics.store(false, Ordering::SeqCst);
    market.nurse("the second order is at rest", || market.read(second).state.at_rest()).await;
    assert_eq!(market.read(second).state, State::Active, "{:?}", market.read(second).timeline);
    // A person lets the first go on.
    let job = market.demo.instance.app.read().unwrap().job_for(&Work::ClimbOrder(first)).unwrap().unwrap();
    assert!(job.parked, "it went on by itself: this test shows nothing");
    market.demo.instance.app.retry_job(job.id).await.unwrap();
    market.nurse("the first order is at rest", || market.read(first).state.at_rest()).await;
    market.close().await;
}
