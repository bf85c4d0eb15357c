//! The journeys again, in a real browser: with script and without, with a bank that asks, with a card that is refused.

mod address;
mod screens;

use std::time::Duration;

use cooperage::base::ids::OrderId;
use cooperage::base::time::HOUR;
use cooperage::cli::demo::{HILBERT, Person, TOM};
use cooperage::domain::order::{Order, State};
use cooperage::localgrid::node::Fault;
use cooperage::store::grid::Chain;

use crate::kit::browser::{Browser, Taste};
use crate::kit::market::{GOOD_CARD, KEY, Market, PASSWORD};

fn pace(market: &Market, pace: Duration) {
    for node in market.demo.instance.app.nodes().iter() {
        market.demo.world.nodes.set_fault(node.id(), Fault::Slow(pace));
    }
}

async fn go(market: &Market, browser: &Browser, path: &str) {
    browser.goto(&format!("{}{path}", market.url())).await;
}

/// Signs up and proves the address, by way of the mail sink's own page.
async fn signs_up(market: &Market, browser: &Browser, name: &str) {
    let email = format!("{}@example.org", name.to_lowercase());
    go(market, browser, "/").await;
    browser.follows("Create your account").await;
    browser.types("name", name).await;
    browser.types("email", &email).await;
    browser.types("password", PASSWORD).await;
    browser.presses("Create account").await;
    browser.sees("We sent you a mail").await;
    market.demo.world.mail.wait_for(&email, "Confirm").await.expect("a mail");
    browser.goto(&market.demo.world.addresses.mail).await;
    browser.follows("Confirm").await;
    browser.sees(&email).await;
    browser.follows_to("/verify?token=").await;
    browser.presses("Yes, this is my address").await;
    browser.arrives("/order").await;
    browser.sees(name).await;
}

/// Fills in the form on the card processor's own page.
async fn types_card(browser: &Browser, number: &str) {
    browser.sees("Test card processor").await;
    browser.types("number", number).await;
    browser.types("expiry", "12 / 39").await;
    browser.types("cvc", "123").await;
    browser.types("name", "Somebody").await;
    browser.presses("Save card").await;
}

async fn wishes(browser: &Browser, name: &str) {
    browser.types("name", name).await;
    browser.selects("region", "Belgium").await;
    browser.types("ssh_key", KEY).await;
    browser.presses("Continue to the price").await;
    browser.sees("To pay now").await;
}

/// The order whose page is shown.
async fn shown(market: &Market, browser: &Browser) -> Order {
    let url = browser.url().await;
    let id: OrderId = url.path().split('/').nth(2).and_then(|id| id.parse().ok()).expect("the page of an order");
    market.read(id)
}

async fn log_in(market: &Market, browser: &Browser, person: &Person) {
    go(market, browser, "/login").await;
    browser.types("email", person.email).await;
    browser.types("password", person.password).await;
    browser.presses("Sign in").await;
    browser.arrives("/deployments").await;
}

async fn bills(market: &Market, order: &Order) -> usize {
    let contract = order.attempt().and_then(|attempt| attempt.contract).expect("a contract");
    market.demo.instance.app.read().expect("a snapshot").bills_of(contract, 1000).expect("a read").len()
}

/// What Tom and Hilbert do once somebody's VM runs.
async fn tom_and_hilbert(market: &Market, taste: Taste, order: &Order) {
    let tom = Browser::open(taste).await;
    log_in(market, &tom, &TOM).await;
    tom.follows("Operator").await;
    tom.sees("Revenue").await;
    tom.presses("Skip an hour").await;
    tom.sees("An hour has passed").await;
    let asked = tokio::time::Instant::now();
    while bills(market, order).await == 0 {
        assert!(asked.elapsed() < Duration::from_secs(30), "the chain does not bill");
        tokio::time::sleep(Duration::from_millis(20)).await;
    }

    let hilbert = Browser::open(taste).await;
    log_in(market, &hilbert, &HILBERT).await;
    hilbert.follows("Provider").await;
    hilbert.sees("Your nodes").await;
    hilbert.sees("Hilbert's Barn").await;
    hilbert.follows("Earnings").await;
    hilbert.sees("Still owed to you").await;
    let farm = &order.attempt().expect("an attempt").choice.best.farm_name;
    if farm.starts_with("Hilbert") {
        hilbert.sees(&order.id.to_string()).await;
    }
    hilbert.close().await;

    tom.follows("Orders").await;
    tom.follows(order.wish.name.as_str()).await;
    tom.sees("Taken from the card").await;
    tom.sees("Hours used").await;
    tom.sees("trf_").await;
    tom.follows("Jobs").await;
    tom.sees("Everything we owe somebody").await;
    tom.close().await;
}

#[tokio::test(flavor = "multi_thread")]
#[ignore = "needs Chromium: COOPERAGE_BROWSER=1 cargo test --test stories browser -- --ignored"]
async fn a_person_signs_up_pays_and_watches_a_server_start_without_a_reload() {
    let market = Market::open().await;
    let nora = Browser::open(Taste::default()).await;
    signs_up(&market, &nora, "Nora").await;
    nora.follows("Cards").await;
    nora.presses("Add a card").await;
    types_card(&nora, GOOD_CARD).await;
    nora.sees("Your card is saved").await;
    nora.sees("4242").await;

    // Bank and node wait for the watcher: however slow the browser is, the first sentence is not missed.
    market.demo.world.cards.set_outage(true);
    pace(&market, HOUR);
    go(&market, &nora, "/order").await;
    wishes(&nora, "web").await;
    nora.presses("Pay").await;
    nora.arrives("/deployments/").await;
    assert!(!nora.has("[data-end]").await, "it was ready before anybody could watch");
    let watch = "const now = () => document.querySelector('[data-say]').textContent; \
                 window.stayed = true; window.said = [now()]; \
                 new MutationObserver(() => window.said.push(now())) \
                     .observe(document.querySelector('[data-live]'), { childList: true });";
    nora.script(watch).await;
    market.demo.world.cards.set_outage(false);
    nora.sees("is setting the VM up").await;
    pace(&market, Duration::from_millis(20));
    nora.find(fantoccini::Locator::Css("[data-end]")).await;
    assert_eq!(nora.script("return window.stayed").await, true, "the page was loaded again");
    let mut said: Vec<_> = nora.script("return window.said").await.as_array().cloned().unwrap_or_default();
    said.dedup();
    assert!(said.len() >= 3, "nobody could follow that: {said:?}");
    let order = shown(&market, &nora).await;
    assert_eq!(order.state, State::Active);

    nora.follows("See how to sign in").await;
    nora.sees("ssh root@").await;
    nora.follows("Open the receipt").await;
    nora.sees("Receipt R-0").await;
    nora.sees("nora@example.org").await;
    nora.close().await;
    tom_and_hilbert(&market, Taste::default(), &order).await;
    assert_eq!(market.charged(order.id), order.price);
    market.close().await;
}

#[tokio::test(flavor = "multi_thread")]
#[ignore = "needs Chromium: COOPERAGE_BROWSER=1 cargo test --test stories browser -- --ignored"]
async fn the_whole_journey_works_in_a_browser_without_script() {
    let market = Market::open().await;
    let plain = Taste { script: false, ..Taste::default() };
    let nora = Browser::open(plain).await;
    signs_up(&market, &nora, "Nora").await;
    pace(&market, HOUR);
    wishes(&nora, "web").await;
    nora.presses("Add a card").await;
    types_card(&nora, GOOD_CARD).await;
    nora.arrives("/quotes/").await;
    nora.presses("Pay").await;
    nora.sees("Starting web").await;
    pace(&market, Duration::from_millis(20));
    assert!(!nora.has("button[data-copy]:not([hidden])").await, "script ran");
    nora.sees("web is ready").await;
    let order = shown(&market, &nora).await;
    nora.follows("See how to sign in").await;
    nora.sees("ssh root@").await;
    nora.follows("Open the receipt").await;
    nora.sees("Receipt R-0").await;
    nora.close().await;
    tom_and_hilbert(&market, plain, &order).await;
    market.close().await;
}

#[tokio::test(flavor = "multi_thread")]
#[ignore = "needs Chromium: COOPERAGE_BROWSER=1 cargo test --test stories browser -- --ignored"]
async fn a_person_narrows_the_nodes_down_and_orders_within_what_is_left() {
    let market = Market::open().await;
    let nora = Browser::open(Taste::default()).await;
    signs_up(&market, &nora, "Nora").await;
    nora.follows("Cards").await;
    nora.presses("Add a card").await;
    types_card(&nora, GOOD_CARD).await;
    nora.sees("Your card is saved").await;
    go(&market, &nora, "/nodes").await;
    nora.sees("Choose a node").await;
    nora.script("window.stayed = true").await;
    let all = nora.script("return document.querySelector('[data-say]').textContent").await;
    // A continent first: the list of countries becomes its own.
    nora.picks("region", "Europe").await;
    nora.sees("Continent: Europe").await;
    assert_eq!(nora.url().await.query(), Some("region=Europe"), "the address is the filter");
    nora.selects("country", "Belgium").await;
    nora.sees("Country: Belgium").await;
    assert_eq!(nora.url().await.query(), Some("region=Europe&country=Belgium"), "the address is the filter");
    assert_ne!(nora.script("return document.querySelector('[data-say]').textContent").await, all);
    assert_eq!(nora.script("return document.activeElement.id").await, "f-country", "the keyboard stays where it was");
    // What is typed counts as soon as one goes on; what can't be read is said where it was typed.
    nora.types("cores", "many\t").await;
    nora.sees("Please give a number of cores").await;
    assert_eq!(nora.typed("cores").await, "many");
    nora.types("cores", "8\t").await;
    nora.sees("Cores, at least: 8").await;
    nora.follows("Map").await;
    nora.sees("Each circle is a city").await;
    nora.follows("List").await;
    nora.sees("Order here").await;
    nora.script("history.back()").await;
    nora.sees("Each circle is a city").await;
    assert_eq!(nora.script("return window.stayed").await, true, "the page was loaded again");
    nora.follows("Order on the best of").await;
    nora.sees("On the best node within your filter").await;
    nora.types("name", "web").await;
    nora.types("ssh_key", KEY).await;
    nora.presses("Continue to the price").await;
    nora.sees("within your filter.").await;
    nora.presses("Pay").await;
    nora.sees("web is ready").await;
    let order = shown(&market, &nora).await;
    assert_eq!((order.state, order.attempts[0].choice.best.country.as_str()), (State::Active, "Belgium"));
    // A node and its page come by the list, too.
    go(&market, &nora, "/nodes?country=Belgium").await;
    nora.types("name", "Near home").await;
    nora.presses("Save").await;
    nora.sees("Saved.").await;
    nora.sees("Near home").await;
    nora.close().await;
    market.close().await;
}

#[tokio::test(flavor = "multi_thread")]
#[ignore = "needs Chromium: COOPERAGE_BROWSER=1 cargo test --test stories browser -- --ignored"]
async fn nodes_are_chosen_without_script_too() {
    let market = Market::open().await;
    let nora = Browser::open(Taste { script: false, ..Taste::default() }).await;
    go(&market, &nora, "/nodes").await;
    nora.selects("country", "Kenya").await;
    nora.types("cores", "900").await;
    nora.presses("Show nodes").await;
    nora.sees("No node is like that").await;
    nora.follows("Without “Cores, at least: 900”").await;
    nora.sees("Savanna Grid").await;
    nora.follows("Node ").await;
    nora.sees("How it did when we looked").await;
    nora.close().await;
    market.close().await;
}

#[tokio::test(flavor = "multi_thread")]
#[ignore = "needs Chromium: COOPERAGE_BROWSER=1 cargo test --test stories browser -- --ignored"]
async fn a_bank_that_asks_is_answered_on_the_processors_page() {
    let market = Market::open().await;
    let nora = Browser::open(Taste::default()).await;
    signs_up(&market, &nora, "Nora").await;
    nora.follows("Cards").await;
    nora.presses("Add a card").await;
    types_card(&nora, "4000 0025 0000 3155").await;
    nora.sees("Your bank asks: was this you?").await;
    nora.presses("Yes, approve").await;
    nora.sees("Your card is saved").await;
    nora.sees("3155").await;
    go(&market, &nora, "/order").await;
    wishes(&nora, "web").await;
    nora.presses("Pay").await;
    nora.sees("web is ready").await;
    let order = shown(&market, &nora).await;
    assert_eq!(market.charged(order.id), order.price);
    nora.close().await;
    market.close().await;
}

#[tokio::test(flavor = "multi_thread")]
#[ignore = "needs Chromium: COOPERAGE_BROWSER=1 cargo test --test stories browser -- --ignored"]
async fn whoever_has_come_to_the_banks_link_by_keyboard_stays_there_while_time_passes() {
    let market = Market::open().await;
    let nora = Browser::open(Taste::default()).await;
    signs_up(&market, &nora, "Nora").await;
    nora.follows("Cards").await;
    nora.presses("Add a card").await;
    types_card(&nora, "4000 0027 6000 3184").await;
    nora.sees("Your bank asks: was this you?").await;
    nora.presses("Yes").await;
    nora.sees("Your card is saved").await;
    go(&market, &nora, "/order").await;
    wishes(&nora, "web").await;
    nora.presses("Pay").await;
    nora.sees("Confirm with your bank").await;
    let link = "[...document.querySelectorAll('[data-live] a')].find((link) => link.textContent.startsWith('Confirm with'))";
    nora.script(&format!("{link}.focus()")).await;
    let clock = || nora.script("return document.querySelector('[data-clock]').textContent");
    let mut seen = std::collections::BTreeSet::new();
    while seen.len() < 4 {
        seen.insert(clock().await.as_str().unwrap().to_owned());
    }
    let focused = "return document.activeElement.textContent";
    assert_eq!(nora.script(focused).await, "Confirm with your bank");
    nora.follows("Confirm with your bank").await;
    nora.sees("Your bank asks: was this you?").await;
    nora.presses("Yes").await;
    nora.sees("web is ready").await;
    nora.close().await;
    market.close().await;
}

#[tokio::test(flavor = "multi_thread")]
#[ignore = "needs Chromium: COOPERAGE_BROWSER=1 cargo test --test stories browser -- --ignored"]
async fn a_bank_that_is_told_no_saves_no_card() {
    let market = Market::open().await;
    let nora = Browser::open(Taste::default()).await;
    signs_up(&market, &nora, "Nora").await;
    nora.follows("Cards").await;
    nora.presses("Add a card").await;
    types_card(&nora, "4000 0025 0000 3155").await;
    nora.presses("No, refuse").await;
    nora.arrives("/cards").await;
    nora.sees("No card yet").await;
    nora.close().await;
    market.close().await;
}

#[tokio::test(flavor = "multi_thread")]
#[ignore = "needs Chromium: COOPERAGE_BROWSER=1 cargo test --test stories browser -- --ignored"]
async fn a_person_whose_card_is_declined_reads_why_and_what_to_do() {
    let market = Market::open().await;
    let nora = Browser::open(Taste::default()).await;
    signs_up(&market, &nora, "Nora").await;
    wishes(&nora, "web").await;
    nora.presses("Add a card").await;
    types_card(&nora, "4000 0000 0000 9995").await;
    nora.arrives("/quotes/").await;
    nora.presses("Pay").await;
    nora.sees("web was not started").await;
    nora.sees("enough").await;
    nora.sees("You pay nothing").await;
    assert!(!nora.text().await.contains("on its way back"), "nothing was taken, so nothing can come back");
    let order = shown(&market, &nora).await;
    assert_eq!(order.state, State::Ended);
    let truth = market.demo.world.cards.truth(&order.id.to_string());
    assert_eq!((truth.captured_cents, truth.open_cents), (0, 0));
    nora.close().await;
    market.close().await;
}

#[tokio::test(flavor = "multi_thread")]
#[ignore = "needs Chromium: COOPERAGE_BROWSER=1 cargo test --test stories browser -- --ignored"]
async fn what_was_typed_stays_when_a_field_is_wrong() {
    let market = Market::open().await;
    let nora = Browser::open(Taste::default()).await;
    go(&market, &nora, "/signup").await;
    nora.types("name", "Nora of the Long Name").await;
    nora.types("email", "nora@example.org").await;
    nora.types("password", "too short").await;
    nora.presses("Create account").await;
    nora.find(fantoccini::Locator::Css("[name=password][aria-invalid=true]")).await;
    assert_eq!(nora.status().await, 422);
    assert_eq!(nora.typed("name").await, "Nora of the Long Name");
    assert_eq!(nora.typed("email").await, "nora@example.org");
    assert_eq!(nora.typed("password").await, "", "a password is never sent back");

    signs_up(&market, &nora, "Nora").await;
    nora.picks("size", "large").await;
    nora.types("name", "Not A Host Name").await;
    nora.types("ssh_key", "not a key at all").await;
    nora.selects("region", "Belgium").await;
    nora.presses("Continue to the price").await;
    nora.find(fantoccini::Locator::Css("[aria-invalid=true]")).await;
    assert_eq!(nora.status().await, 422);
    assert_eq!(nora.typed("name").await, "Not A Host Name");
    assert_eq!(nora.typed("ssh_key").await, "not a key at all");
    assert_eq!(nora.typed("region").await, "Belgium");
    assert!(nora.has("input[name=size][value=large]:checked").await);
    nora.types("name", "right-now").await;
    nora.types("ssh_key", KEY).await;
    nora.presses("Continue to the price").await;
    nora.sees("To pay now").await;
    nora.sees("right-now").await;
    nora.close().await;
    market.close().await;
}

#[tokio::test(flavor = "multi_thread")]
#[ignore = "needs Chromium: COOPERAGE_BROWSER=1 cargo test --test stories browser -- --ignored"]
async fn an_hour_on_the_clock_is_an_hour_on_the_page() {
    let market = Market::open().await;
    let tom = Browser::open(Taste::default()).await;
    log_in(&market, &tom, &TOM).await;
    let before = market.demo.instance.app.now();
    tom.follows("Operator").await;
    tom.presses("Skip an hour").await;
    tom.sees("An hour has passed").await;
    let gone = market.demo.instance.app.now().since(before);
    assert!(gone >= HOUR && gone < 2 * HOUR, "{gone:?}");
    tom.close().await;
    market.close().await;
}
