//! What the chain can do to a business that stands on it: changed runtimes, false nodes, empty wallets, deleted contracts, bills that don't come.

use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::Duration;

use cooperage::app::chain::Obstacle;
use cooperage::base::ids::OrderId;
use cooperage::base::money::{SCALE, Tft};
use cooperage::base::time::{HOUR, MINUTE};
use cooperage::cli::demo::{ALICE, TOM};
use cooperage::cli::visitor::Visitor;
use cooperage::domain::ledger::Account;
use cooperage::domain::order::{Order, State};
use cooperage::domain::signer::Purpose;
use cooperage::domain::slot::Slot;
use cooperage::host::{HostClock, HostRandom};
use cooperage::localgrid::genesis::Resources;
use cooperage::localgrid::world::{OPERATOR_WORDS, World};
use cooperage::localgrid::{ChainView, ContractStateView};
use cooperage::store::grid::Chain;
use cooperage::store::ledger::LedgerRead;
use cooperage::store::order::Orders;
use cooperage::store::schema::{BILLED_TO, CALLS_OPEN, ORPHANS};
use cooperage::store::{Read, Table};
use cooperage::wire::key::{KeyPair, Scheme};
use cooperage::wire::tfchain::{Call, ChainClient, Outcome, Timeouts};
use serde_json::json;

use crate::kit::caller::Caller;
use crate::kit::fault::{Fault, operator};
use crate::kit::market::Market;
use crate::kit::process::House;

/// Alice with a VM that runs, and its contract.
async fn running(market: &Market) -> (Visitor, Order, u64) {
    let alice = market.shopper().await;
    let id = market.order(&alice, "web", "").await;
    let order = market.rest(id).await;
    assert_eq!(order.state, State::Active, "{:?}", order.timeline);
    let contract = order.attempt().and_then(|attempt| attempt.contract).unwrap();
    (alice, order, contract)
}

fn words(market: &Market) -> Vec<&'static str> {
    market.demo.instance.app.obstacles().unwrap().iter().map(Obstacle::word).collect()
}

/// Nobody who buys a server is told of chains, tokens and wallets.
fn assert_plain(text: &str) {
    // Who takes a server over to a key of their own has to do with the grid itself: that offer stands below all else.
    let lower = text.split("Make it yours").next().unwrap_or_default().to_lowercase();
    for word in ["chain", "token", "wallet", "tft", "blockchain", "contract"] {
        assert!(!lower.contains(word), "“{word}” on a user's page: {text}");
    }
}

/// A button pressed in vain: nothing is made, and the page says so in plain words.
async fn assert_closed(market: &Market, alice: &Visitor, quote: &cooperage::cli::visitor::Page) {
    let page = alice.submit(quote, &format!("{}/confirm", quote.url.path()), &[]).await.unwrap();
    assert!(page.says("can't be ordered right now. Please try again later: nothing was charged"), "{}", page.text());
    assert_plain(&page.text());
    let ready = Caller::new(market.url()).get("/readyz").await;
    assert_eq!(ready.status, 503, "{}", ready.body);
    let tom = market.log_in(&TOM).await;
    let overview = tom.get("/operator").await.unwrap();
    assert!(overview.says("New orders are off."), "{}", overview.text());
}

fn contracts_of(market: &Market, order: OrderId) -> usize {
    let all = market.demo.world.chain.contracts();
    all.iter().filter(|contract| contract.deployment_data.contains(&order.to_string())).count()
}

fn billed(market: &Market, contract: u64) -> Vec<i64> {
    let snapshot = market.demo.instance.app.read().unwrap();
    snapshot.bills_of(contract, 10_000).unwrap().iter().map(|bill| bill.amount.units()).collect()
}

/// The books know of the wallet what the chain does.
async fn assert_reconciled(market: &Market) {
    let app = &market.demo.instance.app;
    market
        .nurse("the books have the chain's balance", || {
            let chain = market.demo.world.chain.balances(&operator());
            let booked = app.read().unwrap().balance(Account::WALLET).unwrap().posted(Account::WALLET);
            u128::try_from(booked) == Ok(chain.free + chain.reserved)
        })
        .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_runtime_that_we_do_not_know_turns_orders_off_and_a_good_one_turns_them_on_again() {
    let market = Market::open().await;
    let (alice, _, contract) = running(&market).await;
    let quote = market.quote(&alice, "second", "").await;
    for renamed in [("create_node_contract", "kreate_node_contract"), ("deployment_data", "deployment_dada")] {
        market.demo.world.chain.upgrade(Some(renamed));
        market.nurse("we know that we don't know it", || words(&market) == ["runtime"]).await;
        assert_closed(&market, &alice, &quote).await;
        let tom = market.log_in(&TOM).await;
        let said = tom.get("/operator").await.unwrap();
        assert!(said.says("SmartContractModule.create_node_contract as we fill it"), "{}", said.text());
        // What runs goes on, and is billed.
        let before = billed(&market, contract).len();
        market.leap(2 * HOUR);
        market.nurse("its hours are billed", || billed(&market, contract).len() >= before + 2).await;
        market.demo.world.chain.upgrade(None);
        market.nurse("it is good again", || words(&market).is_empty()).await;
    }
    let quote = market.quote(&alice, "second", "").await;
    let id = market.confirm(&alice, &quote).await;
    assert_eq!(market.rest(id).await.state, State::Active);
    market.close().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_call_that_was_signed_before_an_upgrade_is_signed_anew_once() {
    let market = Market::open().await;
    let alice = market.shopper().await;
    let chain = &market.demo.world.chain;
    chain.faults.drop_extrinsics.store(true, Ordering::SeqCst);
    let id = market.order(&alice, "web", "").await;
    let call = || market.demo.instance.app.read().unwrap().call(&Purpose::CreateContract(Slot::machine(id, 0))).unwrap();
    market.until("it is signed", || call().is_some()).await;
    let first = call().unwrap();
    chain.upgrade(None);
    chain.faults.drop_extrinsics.store(false, Ordering::SeqCst);
    market.nurse_by(MINUTE, "the order is at rest", || market.read(id).state.at_rest()).await;
    assert_eq!(market.read(id).state, State::Active, "{:?}", market.read(id).timeline);
    let landed = call().unwrap();
    assert_eq!((landed.renewals, landed.nonce, contracts_of(&market, id)), (1, first.nonce, 1));
    assert_ne!(landed.bytes, first.bytes);
    market.close().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn nothing_is_booked_that_two_nodes_of_the_chain_do_not_agree_on() {
    let market = Market::open().await;
    let (_, _, contract) = running(&market).await;
    let tom = market.log_in(&TOM).await;
    let read_to = || market.demo.instance.app.read().unwrap().single(&BILLED_TO).unwrap().unwrap();
    let wrong = || market.demo.instance.app.grid.endpoints().into_iter().find_map(|endpoint| endpoint.wrong);
    for (fault, said) in [
        (Fault::SecondNodeIsForked, "than the others"),
        (Fault::SecondNodeIsForeign, "is a node of another chain"),
        (Fault::SecondNodeIsStale, "blocks behind the others"),
        (Fault::SecondNodeIsSilent, "does not answer"),
    ] {
        assert_reconciled(&market).await;
        let (before, bills) = (read_to(), billed(&market, contract).len());
        fault.strike(&market, &[]);
        let head = market.demo.world.chain.finalized();
        market.leap(HOUR + MINUTE);
        market.until(&format!("{fault:?} is seen"), || wrong().is_some_and(|wrong| wrong.contains(said))).await;
        assert!(read_to() <= head.max(before), "{fault:?}: blocks were read that nobody vouches for");
        assert_eq!(billed(&market, contract).len(), bills, "{fault:?}: booked all the same");
        let page = tom.get("/operator").await.unwrap();
        assert!(page.says("Until two agree again nothing new is booked or signed."), "{fault:?}: {}", page.text());
        fault.heal(&market, &[]);
        market.nurse(&format!("{fault:?} is over"), || billed(&market, contract).len() > bills).await;
        market.nurse("nothing is wrong with it", || wrong().is_none()).await;
    }
    market.close().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_wallet_that_is_used_elsewhere_is_told_of_and_nothing_is_lost_or_done_twice() {
    let market = Market::open().await;
    let alice = market.shopper().await;
    let chain = &market.demo.world.chain;
    chain.faults.drop_extrinsics.store(true, Ordering::SeqCst);
    let ids = [market.order(&alice, "one", "").await, market.order(&alice, "two", "").await];
    let signed = |id| market.demo.instance.app.read().unwrap().call(&Purpose::CreateContract(Slot::machine(id, 0))).unwrap();
    market.until("both are signed", || ids.iter().all(|id| signed(*id).is_some())).await;
    chain.steal_nonce(&operator());
    chain.faults.drop_extrinsics.store(false, Ordering::SeqCst);
    market.nurse_by(MINUTE, "both are at rest", || ids.iter().all(|id| market.read(*id).state.at_rest())).await;
    for id in ids {
        assert_eq!(market.read(id).state, State::Active, "{:?}", market.read(id).timeline);
        assert_eq!(contracts_of(&market, id), 1);
    }
    let tom = market.log_in(&TOM).await;
    let page = tom.get("/operator").await.unwrap();
    assert!(page.says("The wallet was used by somebody else (1 calls)"), "{}", page.text());
    market.close().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn an_empty_wallet_closes_the_shop_and_pauses_what_runs_until_it_is_filled() {
    let market = Market::open().await;
    let (alice, order, contract) = running(&market).await;
    let quote = market.quote(&alice, "second", "").await;
    let chain = &market.demo.world.chain;
    assert_reconciled(&market).await;
    chain.drain(&operator(), Tft::from_units(SCALE / 1000));
    market.leap(2 * HOUR);
    market.nurse("it is known to be paused", || market.read(order.id).paused.is_some()).await;
    let page = alice.get(&format!("/deployments/{}", order.id)).await.unwrap();
    assert!(page.says("It is paused, and that is our fault"), "{}", page.text());
    assert_plain(&page.text());
    market.nurse("we know that it is empty", || words(&market) == ["funds"]).await;
    assert_closed(&market, &alice, &quote).await;
    let tom = market.log_in(&TOM).await;
    let overview = tom.get("/operator").await.unwrap();
    assert!(overview.says("Deployments are paused (1)"), "{}", overview.text());
    market.nurse_by(MINUTE, "the part that was there is booked", || !billed(&market, contract).is_empty()).await;
    let bills = billed(&market, contract);
    market.leap(3 * HOUR);
    chain.fund(&operator(), Tft::from_units(1000 * SCALE));
    market.leap(HOUR);
    market.nurse("it runs again", || market.read(order.id).paused.is_none()).await;
    market.nurse("the time it stood still is billed", || billed(&market, contract).len() > bills.len()).await;
    let lump = billed(&market, contract)[bills.len()];
    assert!(Some(&lump) > bills.last(), "{lump} after {bills:?}: in one lump");
    // The part that was paid when there was too little is a bill, too: what was taken is what is booked, and shared.
    let app = &market.demo.instance.app;
    let booked = app.read().unwrap().bills_of(contract, 100).unwrap();
    assert_eq!((booked[0].amount.units(), booked[0].level.as_str()), (SCALE / 1000 - 500, "None"), "{booked:?}");
    let paid_out =
        chain.rewards().into_iter().map(|reward| reward.farmer + reward.foundation + reward.staking_pool).sum::<u128>();
    let taken = chain.balances(&operator()).reserved + paid_out;
    assert_eq!(u128::try_from(booked.iter().map(|bill| bill.amount.units()).sum::<i64>()), Ok(taken));
    assert!(booked.iter().all(|bill| bill.share.units() == bill.amount.units() / 2));
    assert_reconciled(&market).await;
    market.nurse("orders are taken again", || words(&market).is_empty()).await;
    let page = alice.get(&format!("/deployments/{}", order.id)).await.unwrap();
    assert!(!page.says("It is paused"), "{}", page.text());
    // Its owner heard of both, once.
    let told = |subject: &str| {
        let mails = market.demo.world.mail.mails_to(ALICE.email);
        mails.iter().filter(|mail| mail.subject.contains(subject)).count()
    };
    market.until("both mails came", || (told("is paused"), told("goes on")) == (1, 1)).await;
    market.close().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_contract_that_is_deleted_under_a_vm_ends_it_and_unused_hours_go_back() {
    let market = Market::open().await;
    let (alice, order, contract) = running(&market).await;
    market.leap(10 * HOUR - MINUTE);
    market.nurse("ten hours are billed", || billed(&market, contract).len() >= 9).await;
    let before = market.demo.instance.app.now();
    // One node of the chain that says so is not enough.
    let head = market.demo.world.chain.finalized();
    market.demo.world.chain.lie_of_an_end(contract);
    let read_to = || market.demo.instance.app.read().unwrap().single(&BILLED_TO).unwrap();
    market.until("the lie is read", || read_to() > Some(head)).await;
    assert_eq!(market.read(order.id).state, State::Active);
    market.demo.world.chain.end_contract(contract);
    let after = market.demo.instance.app.now();
    market.nurse("it has ended", || market.read(order.id).state == State::Ended).await;
    market.nurse("the rest was paid back", || market.charged(order.id) < order.price).await;
    let ended = market.read(order.id);
    // Hours count until the block that deleted it, whenever we came to read it.
    let at = ended.ended.unwrap();
    assert!(before <= at + MINUTE && at <= after, "{at:?} is not between {before:?} and {after:?}");
    let hours = at.since(ended.active_since.unwrap()).as_millis().div_ceil(HOUR.as_millis());
    let used = order.price.part(u64::try_from(hours).unwrap(), 720).unwrap();
    let kept = order.price.checked_sub(order.price.checked_sub(used).unwrap().floor_to_cent()).unwrap();
    assert_eq!(market.charged(order.id), kept, "{:?}", ended.timeline);
    assert!(ended.timeline.iter().any(|entry| entry.trouble && entry.text == "The place that carried it has ended it."));
    let page = alice.get(&format!("/deployments/{}", order.id)).await.unwrap();
    assert!(page.says("The place that carried it has ended it."), "{}", page.text());
    assert_plain(&page.text());
    // Its owner heard of the end and of the final bill, once each.
    let told = |subject: &str| {
        let mails = market.demo.world.mail.mails_to(ALICE.email);
        mails.into_iter().filter(|mail| mail.subject.contains(subject)).map(|mail| mail.text).collect::<Vec<_>>()
    };
    market.until("both mails came", || (told("has ended").len(), told("the final bill").len()) == (1, 1)).await;
    assert!(told("has ended")[0].contains("The place that carried it has ended it."), "{:?}", told("has ended"));
    told("has ended").iter().chain(&told("the final bill")).for_each(|text| assert_plain(text));
    assert_reconciled(&market).await;
    market.close().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn what_is_billed_late_is_booked_once_and_what_is_not_billed_is_noticed() {
    let market = Market::open().await;
    let (_, order, contract) = running(&market).await;
    let chain = &market.demo.world.chain;
    market.leap(2 * HOUR);
    market.nurse("an hour is billed", || billed(&market, contract).len() >= 2).await;
    let hourly = *billed(&market, contract).last().unwrap();
    chain.set_billing(false);
    market.leap(6 * HOUR);
    let unbilled = || market.demo.instance.app.heard().unbilled;
    market.nurse("somebody notices", || unbilled() == [contract]).await;
    let tom = market.log_in(&TOM).await;
    let page = tom.get("/operator").await.unwrap();
    assert!(page.says("were not billed for hours"), "{}", page.text());
    let before = billed(&market, contract).len();
    chain.set_billing(true);
    market.leap(HOUR);
    market.nurse("the lump is booked", || billed(&market, contract).len() > before).await;
    let lump = billed(&market, contract)[before];
    assert!(lump >= 6 * hourly, "{lump} for more than six hours of {hourly}");
    market.nurse("nothing is to be noticed", || unbilled().is_empty()).await;
    let app = &market.demo.instance.app;
    let share = app.read().unwrap().bills_of(contract, 100).unwrap().iter().map(|bill| bill.share.units()).sum::<i64>();
    let all: i64 = billed(&market, contract).iter().sum();
    assert!(share * 2 <= all && share * 2 > all - 100, "{share} of {all}");
    assert_eq!(market.read(order.id).state, State::Active);
    assert_reconciled(&market).await;
    market.close().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn nobody_pays_while_nodes_would_refuse_what_we_send() {
    let market = Market::open().await;
    let alice = market.shopper().await;
    let quote = market.quote(&alice, "web", "").await;
    Fault::IdentityIsNotVerified.strike(&market, &[]);
    // Once verified, it is asked again within the hour.
    market.nurse_by(20 * MINUTE, "we know it", || words(&market) == ["identity"]).await;
    let fresh = market.demo.instance.app.read().unwrap().quote(quote.url.path()[8..].parse().unwrap()).unwrap().unwrap();
    assert!(fresh.order.is_none());
    assert_closed(&market, &alice, &quote).await;
    Fault::IdentityIsNotVerified.heal(&market, &[]);
    market.nurse("we are verified", || words(&market).is_empty()).await;
    let id = market.order(&alice, "web", "").await;
    assert_eq!(market.rest(id).await.state, State::Active);
    market.close().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn setting_one_of_relay_and_key_anew_never_loses_the_other() {
    let market = Market::open().await;
    let (app, chain) = (&market.demo.instance.app, &market.demo.world.chain);
    let twin = app.twin().unwrap();
    let good = ChainView::twin(&**chain, twin).unwrap();
    assert!(good.relay.is_some() && good.pk.is_some());
    for (relay, pk) in [(None, good.pk.clone()), (good.relay.as_deref(), None), (Some("relay.example.org"), Some(vec![2; 33]))] {
        chain.set_twin(twin, relay, pk);
        app.owe_set_up().await.unwrap();
        market.nurse("the chain has both", || ChainView::twin(&**chain, twin).as_ref() == Some(&good)).await;
    }
    market.close().await;
}

/// The same wallet in other hands: what a program with books of its own did with it.
async fn by_other_hands(market: &Market, call: &Call) {
    let client = ChainClient::connect(&market.demo.world.addresses.chain[..1], Timeouts::default()).await.unwrap();
    let key = KeyPair::from_mnemonic(OPERATOR_WORDS, Scheme::Sr25519).unwrap();
    let nonce = client.next_nonce(&key.public()).await.unwrap();
    let signed = client.sign(&key, call, nonce, 64).await.unwrap();
    client.submit(&signed.bytes).await.unwrap();
    let outcome = client.outcome(&signed).await.unwrap();
    assert!(matches!(outcome, Outcome::Included { result: Ok(_), .. }), "{outcome:?}");
}

async fn contract_by_other_hands(market: &Market, node: u32, hash: &str, project: &str) -> u64 {
    let data = json!({ "version": 3, "type": "vm", "name": "vm", "projectName": project }).to_string().into_bytes();
    let hash = hash.as_bytes().try_into().unwrap();
    by_other_hands(market, &Call::CreateNodeContract { node, hash, data, public_ips: 0, solution_provider: None }).await;
    market.demo.world.chain.contracts().into_iter().map(|contract| contract.id).max().unwrap()
}

/// The contract of an order that waits for its bank, made by somebody who is further on: as after a backup was restored.
async fn made_before(market: &Market, order: OrderId) -> u64 {
    let attempt = market.read(order).attempt().cloned().unwrap();
    contract_by_other_hands(market, attempt.node(), &attempt.hash, &order.to_string()).await
}
#[tokio::test(flavor = "multi_thread")]
async fn a_contract_that_the_books_have_forgotten_is_taken_up_again_or_given_back() {
    let market = Market::open().await;
    let alice = market.shopper().await;
    let (chain, cards) = (&market.demo.world.chain, &market.demo.world.cards);
    let state = |contract| ChainView::contract(&**chain, contract).map(|contract| contract.state);

    cards.set_outage(true);
    let kept = market.order(&alice, "kept", "").await;
    let contract = made_before(&market, kept).await;
    // It is billed before we know of it.
    chain.report_resources(contract, Resources { cru: 2, mru: 4 << 30, sru: 50 << 30, hru: 0 });
    market.leap(5 * MINUTE);
    by_other_hands(&market, &Call::BillContract { contract }).await;
    let first = ChainView::bills(&**chain, contract);
    assert_eq!(first.len(), 1);
    market
        .until("its block is read", || {
            let app = &market.demo.instance.app;
            app.read().unwrap().single(&BILLED_TO).unwrap() >= Some(chain.finalized())
        })
        .await;
    cards.set_outage(false);
    market.nurse_by(MINUTE, "it is at rest", || market.read(kept).state.at_rest()).await;
    let order = market.read(kept);
    assert_eq!(order.state, State::Active, "{:?}", order.timeline);
    assert_eq!((order.attempts.len(), order.attempt().unwrap().contract), (1, Some(contract)), "{:?}", order.timeline);
    market.until("what was billed before is booked", || billed(&market, contract).len() >= first.len()).await;
    assert_eq!(u128::try_from(billed(&market, contract)[0]), Ok(first[0].amount));

    cards.set_outage(true);
    let lost = market.order(&alice, "lost", "").await;
    let contract = made_before(&market, lost).await;
    chain.faults.reject_submits.store(true, Ordering::SeqCst);
    cards.set_outage(false);
    let signed = || market.demo.instance.app.read().unwrap().call(&Purpose::CreateContract(Slot::machine(lost, 0))).unwrap();
    market.nurse_by(MINUTE, "it is signed for", || signed().is_some()).await;
    market.leap(31 * MINUTE);
    market.nurse("it is given up", || market.read(lost).state == State::Undoing).await;
    chain.faults.reject_submits.store(false, Ordering::SeqCst);
    market.nurse_by(MINUTE, "it is over", || market.read(lost).state == State::Refunded).await;
    assert_eq!(state(contract), Some(ContractStateView::Deleted));
    market.close().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn books_of_one_chain_are_not_gone_on_with_on_another() {
    let (clock, step) = (HostClock::new(), Duration::from_millis(20));
    let world = World::start(clock.clone(), Arc::new(HostRandom), step).await.unwrap();
    let mut house = House::within(&world.addresses);
    let mut process = house.start();
    house.ready(&mut process).await;
    assert!(process.stop(Duration::from_secs(10)).await.is_some_and(|status| status.success()), "{}", house.said());
    let books = |house: &House| {
        let store = house.store();
        let snapshot = store.read().unwrap();
        let books = (snapshot.single(&BILLED_TO).unwrap(), format!("{:?}", snapshot.journal_head().unwrap()));
        drop(snapshot);
        store.close();
        books
    };
    let before = books(&house);
    assert!(before.0.is_some());
    let other = World::start(clock, Arc::new(HostRandom), step).await.unwrap();
    for nodes in [&other.addresses.chain[..], &other.addresses.chain[..1]] {
        house.set("COOPERAGE_GRID__CHAIN", &nodes.join(","));
        let end = house.try_to_start().await;
        assert!(!end.status.success());
        assert!(end.said.contains("This data folder was made with another chain."), "{}", end.said);
        assert_eq!(books(&house), before, "read from another chain");
    }
    other.stop().await;
    world.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn one_bad_row_among_signed_calls_stops_nobody() {
    const ROWS: Table<String, serde_json::Value> = Table::new("calls");
    let market = Market::open().await;
    let app = &market.demo.instance.app;
    let spoil = app.store.write(|tx| {
        tx.put(&ROWS, "cancel-contract/of-another-age", &json!({ "purpose": "unheard of" }))?;
        tx.link(&CALLS_OPEN, 0u32, "cancel-contract/of-another-age".to_owned());
        Ok(())
    });
    spoil.await.unwrap();
    running(&market).await;
    assert!(app.drive_open_calls().await.is_err(), "it is not passed over in silence");
    market.close().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_chain_that_stands_still_or_is_lost_closes_the_shop_before_anybody_pays() {
    let market = Market::open().await;
    let (alice, _, _) = running(&market).await;
    let quote = market.quote(&alice, "second", "").await;
    let chain = &market.demo.world.chain;
    // It answers, and its newest finalized block gets old.
    chain.faults.stall_finality.store(true, Ordering::SeqCst);
    market.leap(11 * MINUTE);
    market.until("we know that it stands still", || words(&market) == ["standstill"]).await;
    assert_closed(&market, &alice, &quote).await;
    chain.faults.stall_finality.store(false, Ordering::SeqCst);
    market.nurse_by(MINUTE, "it goes on", || words(&market).is_empty()).await;
    // One of two is away: nobody is believed alone.
    let quote = market.quote(&alice, "second", "").await;
    Fault::SecondNodeIsSilent.strike(&market, &[]);
    market.nurse_by(MINUTE, "we know that it is lost", || words(&market) == ["unreachable"]).await;
    assert_closed(&market, &alice, &quote).await;
    Fault::SecondNodeIsSilent.heal(&market, &[]);
    market.nurse_by(MINUTE, "it is back", || words(&market).is_empty()).await;
    let id = market.order(&alice, "second", "").await;
    assert_eq!(market.rest(id).await.state, State::Active);
    market.close().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_contract_that_cannot_be_looked_at_hides_none_behind_it() {
    const ROWS: Table<(u64, u32, u32), serde_json::Value> = Table::new("bills");
    let market = Market::open().await;
    let (alice, _, first) = running(&market).await;
    let second = market.order(&alice, "second", "").await;
    let second = market.rest(second).await.attempt().and_then(|attempt| attempt.contract).unwrap();
    let (app, chain) = (&market.demo.instance.app, &market.demo.world.chain);
    market.leap(2 * HOUR);
    market.nurse("both are billed", || billed(&market, first).len().min(billed(&market, second).len()) >= 1).await;
    // The newest is looked at first.
    let spoil = app.store.write(move |tx| tx.put(&ROWS, (second, u32::MAX, 0), &json!({ "of": "another age" })));
    spoil.await.unwrap();
    chain.set_billing(false);
    market.leap(6 * HOUR);
    market.nurse("the other is seen to be unbilled", || app.heard().unbilled == [first]).await;
    assert!(app.reconcile_contracts().await.is_err(), "it is not passed over in silence");
    // Nor does it keep the operator from the purse.
    let tom = market.log_in(&TOM).await;
    let page = tom.get("/operator/purse").await.unwrap();
    assert_eq!(page.status, 200, "{}", page.text());
    market.close().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn contracts_that_the_books_know_nothing_of_are_told_of_once_and_given_back_if_their_order_is_over() {
    let market = Market::open().await;
    let (alice, order, own) = running(&market).await;
    let chain = &market.demo.world.chain;
    let state = |contract| ChainView::contract(&**chain, contract).unwrap().state;
    let path = format!("/deployments/{}/delete", order.id);
    alice.fill(&path, &path, &[]).await.unwrap();
    market.nurse_by(MINUTE, "it is over", || market.read(order.id).state == State::Ended).await;
    let node = order.attempt().unwrap().node();
    let left = contract_by_other_hands(&market, node, &"a".repeat(32), &order.id.to_string()).await;
    let foreign = contract_by_other_hands(&market, node, &"b".repeat(32), "a hobby of Tom's").await;
    let (other, _, live) = running(&market).await;
    drop(other);
    for _ in 0..3 {
        market.leap(HOUR);
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
    market.nurse("what was left of an order is given back", || state(left) == ContractStateView::Deleted).await;
    let tom = market.log_in(&TOM).await;
    let overview = tom.get("/operator").await.unwrap();
    assert!(overview.says("that the books know nothing of") && overview.says(&foreign.to_string()), "{}", overview.text());
    market.leap(HOUR);
    market
        .nurse("it is known to be gone", || {
            let orphans = market.demo.instance.app.read().unwrap().single(&ORPHANS).unwrap().unwrap_or_default();
            orphans.into_keys().eq([foreign])
        })
        .await;
    assert_eq!((state(foreign), state(live)), (ContractStateView::Created, ContractStateView::Created), "not ours to end");
    assert_eq!(state(own), ContractStateView::Deleted);
    let mails = || market.demo.world.mail.mails_to(TOM.email).into_iter().filter(|mail| mail.subject.contains("don't know"));
    market.until("Tom was told", || mails().count() > 0).await;
    let told: Vec<_> = mails().collect();
    assert_eq!(told.iter().filter(|mail| mail.text.contains(&foreign.to_string())).count(), 1, "{told:?}");
    chain.end_contract(foreign);
    market.close().await;
}
