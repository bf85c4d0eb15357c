//! What is over leaves the store by itself, and what counts stays.

use std::collections::BTreeSet;
use std::time::Duration;

use cooperage::base::ids::{OrderId, UserId};
use cooperage::base::time::DAY;
use cooperage::cli::demo::ALICE;
use cooperage::domain::order::{Order, State};
use cooperage::store::Read;
use cooperage::store::account::Accounts;
use cooperage::store::order::Orders;
use cooperage::store::schema::{CARD_SETUPS, MAILS, NOTICES, QUOTES, SESSIONS, TICKETS};
use cooperage::wire::smtp::server::Verdict;

use crate::kit::caller::Caller;
use crate::kit::market::{GOOD_CARD, Market, PASSWORD};

/// Rows of each table that is cleared: tickets, sessions, quotes, card set-ups, notices, mails.
fn counts(market: &Market) -> [u64; 6] {
    let read = market.demo.instance.app.read().unwrap();
    let count = [read.count(&TICKETS), read.count(&SESSIONS), read.count(&QUOTES), read.count(&CARD_SETUPS)];
    let [tickets, sessions, quotes, setups] = count.map(Result::unwrap);
    [tickets, sessions, quotes, setups, read.count(&NOTICES).unwrap(), read.count(&MAILS).unwrap()]
}

fn user(market: &Market, email: &str) -> Option<UserId> {
    let read = market.demo.instance.app.read().unwrap();
    read.user_by_email(&cooperage::base::text::Email::parse(email).unwrap()).unwrap().map(|user| user.id)
}

#[tokio::test(flavor = "multi_thread")]
async fn what_is_over_is_cleared_away_and_orders_and_people_stay() {
    let market = Market::open().await;
    let (alice, nora) = (market.log_in(&ALICE).await, Caller::new(market.url()));
    market.save_card(&alice, GOOD_CARD).await;
    let order = market.order(&alice, "web", "").await;
    market.rest(order).await;
    let delete = format!("/deployments/{order}/delete");
    alice.fill(&delete, &delete, &[]).await.unwrap();
    assert_eq!(market.ended(order).await.state, State::Ended);
    // How it came up is over: its page is the one of the VM.
    let page = alice.get(&format!("/deployments/{order}/progress")).await.unwrap();
    assert_eq!(page.url.path(), format!("/deployments/{order}"));
    market.quote(&alice, "two", "").await;
    let form = [("name", "Nora"), ("email", "nora@example.org"), ("password", PASSWORD)];
    nora.post("/signup", &form).await;
    nora.post("/forgot", &[("email", ALICE.email)]).await;
    market
        .until("all mails are sent", || {
            let read = market.demo.instance.app.read().unwrap();
            read.all(&MAILS, 100).unwrap().iter().all(|(_, mail)| mail.sent.is_some())
        })
        .await;
    let before = counts(&market);
    assert!(before.iter().all(|count| *count > 0), "{before:?}");
    // What was sent is not kept, and no link ever was.
    for (_, mail) in market.demo.instance.app.read().unwrap().all(&MAILS, 100).unwrap() {
        assert!(mail.text.is_empty() && mail.ticket.is_none(), "{}", mail.text);
    }
    market.demo.world.chain.stop();
    market.leap(2 * DAY);
    market.until("links and prices are gone", || counts(&market)[0] == 0 && counts(&market)[2] == 1).await;
    assert!(user(&market, "nora@example.org").is_some(), "she may still ask for the mail again");
    // Signed up anew, she has a week anew.
    nora.post("/signup", &form).await;
    market.until("the second link is there", || counts(&market)[0] > 0).await;
    market.leap(6 * DAY);
    market.until("the second link is gone", || counts(&market)[0] == 0).await;
    assert!(user(&market, "nora@example.org").is_some());
    market.leap(10 * DAY);
    market.until("whoever never came is forgotten", || user(&market, "nora@example.org").is_none()).await;
    let mails = || market.demo.instance.app.read().unwrap().all(&MAILS, 100).unwrap();
    let old: BTreeSet<_> = mails().into_iter().map(|(id, _)| id).collect();
    market.leap(31 * DAY);
    market.until("the rest is gone", || counts(&market)[..5] == [0; 5]).await;
    // Operators may have been written to meanwhile, for a node that did not answer; what was sent before is gone.
    market.until("old mails are gone", || mails().iter().all(|(id, _)| !old.contains(id))).await;
    assert!(user(&market, ALICE.email).is_some());
    assert_eq!(market.read(order).state, State::Ended);
    // The address is free again.
    nora.post("/signup", &form).await;
    assert!(user(&market, "nora@example.org").is_some());
    market.close().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn many_orders_that_came_to_nothing_hide_none_that_are_open() {
    let market = Market::open().await;
    let alice = market.log_in(&ALICE).await;
    market.save_card(&alice, GOOD_CARD).await;
    let id = market.order(&alice, "web", "").await;
    let order = market.rest(id).await;
    let store = &market.demo.instance.app.store;
    let copy = |number: u128, state: State| Order {
        id: OrderId::from_bits(number),
        state,
        created: order.created + Duration::from_millis(u64::try_from(number).unwrap()),
        ..order.clone()
    };
    let open: Vec<Order> = (1..50).map(|number| copy(number, State::Active)).collect();
    let over: Vec<Order> = (1000..1600).map(|number| copy(number, State::Ended)).collect();
    let all: Vec<Order> = open.iter().chain(&over).cloned().collect();
    store.write(move |tx| all.iter().try_for_each(|order| tx.add_order(order))).await.unwrap();
    let quote = market.quote(&alice, "more", "").await;
    let refused = alice.submit(&quote, &format!("{}/confirm", quote.url.path()), &[]).await.unwrap();
    assert!(refused.says("You have 50 VMs already"), "{}", refused.text());
    let close = open.clone();
    store
        .write(move |tx| close.iter().try_for_each(|order| tx.put_order(&Order { state: State::Ended, ..order.clone() })))
        .await
        .unwrap();
    assert_eq!(market.demo.instance.app.read().unwrap().open_orders_of(order.user, 100).unwrap(), 1);
    let next = market.confirm(&alice, &quote).await;
    market.rest(next).await;
    market.close().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_sign_up_with_an_address_that_is_nobodys_is_no_failure_of_ours() {
    let market = Market::open().await;
    market.demo.world.mail.fail_next(Verdict::Nobody);
    let nora = Caller::new(market.url());
    nora.post("/signup", &[("name", "Nora"), ("email", "nobody@example.org"), ("password", PASSWORD)]).await;
    let mails = || market.demo.instance.app.read().unwrap().all(&MAILS, 100).unwrap();
    market.until("the mail is given up", || mails().is_empty()).await;
    market.until("nothing is owed", || market.demo.instance.app.read().unwrap().job_counts().unwrap() == (0, 0)).await;
    market.close().await;
}
