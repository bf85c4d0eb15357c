//! Notices of the card processor: forged, late, twice, lying or lost. They may say when to look; they never say what is true.

use std::time::Duration;

use cooperage::base::Secret;
use cooperage::cli::demo::ALICE;
use cooperage::domain::charge::{Charge, Notice};
use cooperage::domain::order::{Order, State};
use cooperage::localgrid::card::HookFaults;
use cooperage::store::Read;
use cooperage::store::charge::Charges;
use cooperage::store::ledger::LedgerRead;
use cooperage::store::schema::NOTICED_TO;
use cooperage::wire::stripe::webhook::sign;
use reqwest::RequestBuilder;

use crate::kit::caller::Caller;
use crate::kit::market::{GOOD_CARD, Market};
use crate::kit::record;

const HOOK: &str = "/hooks/cards";

/// What a notice must not change: the order, its charge and the journal, to the last byte.
fn money(market: &Market, order: &Order) -> (Order, Charge, String) {
    let snapshot = market.demo.instance.app.read().unwrap();
    let charge = snapshot.charge(order.charge).unwrap().unwrap();
    (market.read(order.id), charge, format!("{:?}", snapshot.journal_head().unwrap()))
}

fn notice(market: &Market, id: &str) -> Option<Notice> {
    market.demo.instance.app.read().unwrap().notice(id).unwrap()
}

fn event(id: &str, kind: &str, object: &str, more: &str) -> String {
    format!(
        r#"{{"id":"{id}","object":"event","type":"{kind}","created":1795270000,"livemode":false,"data":{{"object":{{"id":"{object}","object":"payment_intent"{more}}}}}}}"#
    )
}

fn signed(market: &Market, caller: &Caller, body: &str) -> RequestBuilder {
    let app = &market.demo.instance.app;
    let signature = sign(body.as_bytes(), &market.demo.world.addresses.webhook_secret, app.now());
    caller.request("POST", HOOK).header("stripe-signature", signature).body(body.to_owned())
}

/// Waits until a recorded notice was looked into.
async fn handled(market: &Market, id: &str) -> Notice {
    market.until("the notice is read", || notice(market, id).is_some_and(|notice| notice.handled.is_some())).await;
    notice(market, id).unwrap()
}

async fn alices_vm(market: &Market) -> Order {
    let alice = market.log_in(&ALICE).await;
    market.save_card(&alice, GOOD_CARD).await;
    let id = market.order(&alice, "web", "").await;
    let order = market.rest(id).await;
    assert_eq!(order.state, State::Active, "{:?}", order.timeline);
    // The fee is booked a second later; from then on everything is quiet.
    market.leap(Duration::from_secs(2));
    let fee = || market.demo.instance.app.read().unwrap().charge(order.charge).unwrap().unwrap().fee;
    market.until("the fee is booked", || fee().is_some()).await;
    market.read(id)
}

/// The journal stands still but for what the chain's own clock does: asks until nothing else moved between two looks.
async fn calm(market: &Market, order: &Order) -> (Order, Charge, String) {
    loop {
        let before = money(market, order);
        tokio::time::sleep(Duration::from_millis(150)).await;
        if money(market, order) == before {
            return before;
        }
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_forged_notice_has_no_effect_and_is_logged() {
    record::start();
    let market = Market::open().await;
    let order = alices_vm(&market).await;
    let before = calm(&market, &order).await;
    let payment = before.1.payment_intent.clone().unwrap();
    let caller = Caller::new(market.url());
    let body = event("evt_forged", "payment_intent.succeeded", &payment, "");
    let now = market.demo.instance.app.now();
    let secret = &market.demo.world.addresses.webhook_secret;
    let good = sign(body.as_bytes(), secret, now);
    let bare = good.split("v1=").nth(1).unwrap().to_owned();
    let at = now.secs();
    let forged = [
        ("no header", None),
        ("an empty header", Some(String::new())),
        ("noise", Some("v1".into())),
        ("another secret", Some(sign(body.as_bytes(), &Secret::new("whsec_guess".to_owned()), now))),
        ("no secret", Some(sign(body.as_bytes(), &Secret::new(String::new()), now))),
        ("another body", Some(sign(b"{}", secret, now))),
        ("an old time", Some(sign(body.as_bytes(), secret, now - Duration::from_secs(301)))),
        ("a time to come", Some(sign(body.as_bytes(), secret, now + Duration::from_secs(330)))),
        ("a newer time on an old signature", Some(format!("t={},v1={bare}", at - 1))),
        ("two times", Some(format!("t={},t={at},v1={bare}", at - 400))),
        ("no time", Some(format!("v1={bare}"))),
        ("no signature", Some(format!("t={at}"))),
        ("another scheme", Some(format!("t={at},v0={bare}"))),
        ("a short signature", Some(format!("t={at},v1={}", &bare[..62]))),
    ];
    for (what, header) in forged {
        let mut request = caller.request("POST", HOOK).body(body.clone());
        if let Some(header) = header {
            request = request.header("stripe-signature", header);
        }
        assert_eq!(caller.send(request).await.status, 400, "{what}");
        assert_eq!(notice(&market, "evt_forged"), None, "{what}");
    }
    // Rightly signed, but nothing: also refused.
    for nothing in ["", "{}", "null", "[]", "\u{0}", "{\"id\":\"\"}", "{\"id\":7,\"type\":8}"] {
        let answer = caller.send(signed(&market, &caller, nothing)).await;
        assert_eq!(answer.status, 400, "{nothing:?}: {}", answer.body);
    }
    let large = event("evt_large", "payment_intent.succeeded", &"x".repeat(300 * 1024), "");
    assert!(matches!(caller.send(signed(&market, &caller, &large)).await.status, 400 | 413));
    assert_eq!(notice(&market, "evt_large"), None);
    let log = record::text();
    for words in ["a card notice was refused", "no signature fits", "signed too long ago", "signature header is malformed"] {
        assert!(log.contains(words), "{words} is not in the log");
    }
    assert_eq!(money(&market, &order), before);
    market.close().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_rightly_signed_lie_moves_nothing() {
    let market = Market::open().await;
    let order = alices_vm(&market).await;
    let nora = market.newcomer("Nora").await;
    market.save_card(&nora, GOOD_CARD).await;
    let before = calm(&market, &order).await;
    let payment = before.1.payment_intent.clone().unwrap();
    let caller = Caller::new(market.url());
    let lies = [
        // Another amount, another currency, another order, another customer: nobody reads them.
        ("evt_amount", "payment_intent.succeeded", payment.as_str(), r#","amount":1,"amount_received":1,"currency":"jpy""#),
        (
            "evt_order",
            "payment_intent.succeeded",
            &payment,
            r#","metadata":{"order":"ord_x","charge":"chg_x"},"customer":"cus_x""#,
        ),
        ("evt_undo", "payment_intent.canceled", &payment, r#","status":"canceled""#),
        ("evt_failed", "payment_intent.payment_failed", &payment, ""),
        ("evt_back", "charge.refunded", &payment, r#","amount_refunded":1200"#),
        ("evt_hold", "payment_intent.amount_capturable_updated", &payment, ""),
        // Things that are not ours.
        ("evt_unknown", "payment_intent.succeeded", "pi_nobodys", ""),
        ("evt_setup", "setup_intent.succeeded", "seti_nobodys", ""),
        ("evt_charge", "charge.dispute.created", "dp_nobodys", ""),
        ("evt_path", "payment_intent.succeeded", "pi_../../v1/refunds", ""),
        ("evt_empty", "payment_intent.succeeded", "", ""),
    ];
    for (id, kind, object, more) in lies {
        let body = event(id, kind, object, more);
        // Twice, and both times the answer is that it is recorded.
        for _ in 0..2 {
            assert_eq!(caller.send(signed(&market, &caller, &body)).await.status, 200, "{id}");
        }
        assert!(!handled(&market, id).await.note.is_empty());
        assert_eq!(money(&market, &order), before, "{id}");
    }
    // The same name with other contents is the same notice: the first one counts.
    let other = event("evt_unknown", "payment_intent.succeeded", &payment, "");
    assert_eq!(caller.send(signed(&market, &caller, &other)).await.status, 200);
    assert_eq!(notice(&market, "evt_unknown").unwrap().object, "pi_nobodys");
    // A card that was never saved is not saved because a notice says so.
    let page = nora.fill("/cards", "/cards", &[]).await.unwrap();
    let setup = page.url.path().rsplit('/').next().unwrap().to_owned();
    assert!(setup.starts_with("seti_"), "{}", page.url);
    let owner = market.demo.instance.app.read().unwrap().card_setup(&setup).unwrap().unwrap().user;
    let body = event("evt_unsaved", "setup_intent.succeeded", &setup, r#","status":"succeeded","payment_method":"pm_x""#);
    assert_eq!(caller.send(signed(&market, &caller, &body)).await.status, 200);
    let read = handled(&market, "evt_unsaved").await;
    assert!(read.note.contains("not so"), "{}", read.note);
    assert_eq!(market.demo.instance.app.read().unwrap().cards_of(owner).unwrap().len(), 1);
    // A thousand at once are one.
    let body = event("evt_storm", "payment_intent.succeeded", &payment, "");
    let storm = (0..200).map(|_| caller.send(signed(&market, &caller, &body)));
    assert!(futures_util::future::join_all(storm).await.iter().all(|answer| answer.status == 200));
    handled(&market, "evt_storm").await;
    assert_eq!(money(&market, &order), before);
    let truth = market.demo.world.cards.truth(&order.id.to_string());
    assert_eq!((truth.captures, market.charged(order.id)), (1, order.price));
    market.close().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn however_notices_come_an_order_is_charged_once() {
    let market = Market::open().await;
    let alice = market.log_in(&ALICE).await;
    let cards = &market.demo.world.cards;
    let ways = [
        ("all lost", HookFaults { drop_next: usize::MAX, ..HookFaults::default() }),
        ("each twice", HookFaults { duplicate: true, ..HookFaults::default() }),
        (
            "backwards and twice",
            HookFaults { duplicate: true, reorder: true, delay: Duration::from_millis(300), ..HookFaults::default() },
        ),
        ("with a forged one before each", HookFaults { forge: true, ..HookFaults::default() }),
        ("late", HookFaults { delay: Duration::from_secs(1), ..HookFaults::default() }),
    ];
    let mut orders = Vec::new();
    for (what, faults) in ways {
        cards.set_hook_faults(faults);
        let back = market.save_card(&alice, GOOD_CARD).await;
        assert!(back.says("Your card is saved."), "{what}: {}", back.text());
        let id = market.order(&alice, "web", "").await;
        let order = market.rest(id).await;
        assert_eq!(order.state, State::Active, "{what}: {:?}", order.timeline);
        orders.push((what, order));
    }
    market.leap(Duration::from_secs(5));
    let newest = cards.events().pop().unwrap();
    market.until("the last of the late ones has come", || notice(&market, &newest.id).is_some()).await;
    for (what, order) in &orders {
        assert_eq!(market.charged(order.id), order.price, "{what}");
        assert_eq!(cards.truth(&order.id.to_string()).captures, 1, "{what}");
        assert_eq!(market.read(order.id).state, State::Active, "{what}");
    }
    let owner = orders[0].1.user;
    assert_eq!(market.demo.instance.app.read().unwrap().cards_of(owner).unwrap().len(), orders.len(), "one card each");
    market.close().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn without_a_secret_for_notices_there_is_no_such_route() {
    let market = crate::kit::bare::Bare::open(|settings| settings.cards.webhook_secret = Secret::new(String::new())).await;
    let caller = Caller::new(&market.url);
    let body = event("evt_any", "payment_intent.succeeded", "pi_any", "");
    for secret in ["", "whsec_guess"] {
        let signature = sign(body.as_bytes(), &Secret::new(secret.to_owned()), market.instance.app.now());
        let request = caller.request("POST", HOOK).header("stripe-signature", signature).body(body.clone());
        assert_eq!(caller.send(request).await.status, 404);
    }
    market.close().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_list_of_events_that_is_too_long_for_one_go_is_worked_off_in_slices() {
    let market = Market::open().await;
    let (app, cards) = (&market.demo.instance.app, &market.demo.world.cards);
    // Nothing reaches us but by the list, and the sweep of the list sleeps.
    cards.set_hook_faults(HookFaults { drop_next: usize::MAX, ..HookFaults::default() });
    let alice = market.log_in(&ALICE).await;
    market.save_card(&alice, GOOD_CARD).await;
    let saved = cards.events().into_iter().find(|event| event.kind == "setup_intent.succeeded").unwrap();
    let began = app.now();
    // Less than the sweep's own beat: it is called below.
    market.demo.clock.leap(Duration::from_secs(4000));
    cards.flood(3500);
    let end = app.now();
    app.store.write(move |tx| tx.set(&NOTICED_TO, &began)).await.unwrap();
    app.sweep_notices().await.unwrap();
    assert!(notice(&market, &saved.id).is_some(), "what lies below was not reached");
    let noticed = app.read().unwrap().single(&NOTICED_TO).unwrap().unwrap();
    assert!(noticed + Duration::from_secs(2) >= end && noticed <= app.now(), "{noticed} {end}");
    assert_eq!(app.sweep_notices().await.unwrap(), 0);
    market.close().await;
}
