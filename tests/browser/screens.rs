//! A picture of every page, with what a played journey leaves behind: in two widths, light and dark.

use std::path::PathBuf;
use std::time::Duration;

use cooperage::base::Time;
use cooperage::base::ids::OrderId;
use cooperage::base::time::{DAY, HOUR};
use cooperage::cli::demo::{ALICE, HILBERT, TOM};
use cooperage::domain::backup::Stage;
use cooperage::localgrid::fleet::Condition;
use cooperage::localgrid::grid::accounts;
use cooperage::localgrid::node::Fault;
use cooperage::store::backup::Backups;
use cooperage::store::swarm::Swarms;
use cooperage::wire::key::{KeyPair, Scheme};
use cooperage::wire::smtp::Verdict;

use fantoccini::Locator;

use super::{bills, go, log_in, pace, types_card};
use crate::kit::browser::{Browser, Taste};
use crate::kit::caller::Caller;
use crate::kit::fault::Fault as Outside;
use crate::kit::market::{GOOD_CARD, KEY, Market, PASSWORD};

const WIDTHS: [u32; 2] = [390, 1440];

/// Where the pictures go, and what was wrong with the pages on them.
pub(super) struct Album {
    folder: PathBuf,
    pub(super) wrong: Vec<String>,
}

impl Album {
    pub(super) fn new() -> Album {
        let usual = PathBuf::from(env!("CARGO_TARGET_TMPDIR")).join("pictures");
        let folder = std::env::var_os("COOPERAGE_SHOTS").map_or(usual, PathBuf::from);
        std::fs::create_dir_all(&folder).expect("a folder");
        Album { folder, wrong: Vec::new() }
    }

    /// Pictures of what the browser shows now.
    pub(super) async fn keep(&mut self, browser: &Browser, name: &str) {
        for width in WIDTHS {
            for dark in [false, true] {
                browser.looks(width, 900, dark).await;
                let over = browser.overflow().await;
                if over > 0 {
                    self.wrong.push(format!("{name} at {width} is {over} too wide"));
                }
                let file = format!("{name}.{width}.{}.png", if dark { "dark" } else { "light" });
                std::fs::write(self.folder.join(file), browser.picture().await).expect("a picture is kept");
            }
        }
        browser.looks(1440, 900, false).await;
    }

    async fn visit(&mut self, market: &Market, browser: &Browser, pages: &[(&str, &str)]) {
        for (name, path) in pages {
            go(market, browser, path).await;
            self.keep(browser, name).await;
        }
    }
}

fn all(market: &Market, fault: Fault) {
    for node in market.demo.instance.app.nodes().iter() {
        market.demo.world.nodes.set_fault(node.id(), fault);
    }
}

#[tokio::test(flavor = "multi_thread")]
#[ignore = "needs Chromium: COOPERAGE_BROWSER=1 cargo test --test stories browser -- --ignored"]
async fn every_page_fits_into_its_window() {
    let mut album = Album::new();
    let market = Market::open().await;
    guests(&market, &mut album).await;
    let nora = Browser::open(Taste::default()).await;
    users(&market, &mut album, &nora).await;
    let tom = Browser::open(Taste::default()).await;
    log_in(&market, &tom, &TOM).await;
    operators(&market, &mut album, &tom).await;
    providers(&market, &mut album).await;
    mails(&market, &mut album).await;
    nora.close().await;
    tom.close().await;
    market.demo.stop().await.expect("a market closes");
    assert!(album.wrong.is_empty(), "{:#?}", album.wrong);
}

#[tokio::test(flavor = "multi_thread")]
#[ignore = "needs Chromium: COOPERAGE_BROWSER=1 cargo test --test stories browser -- --ignored"]
async fn a_person_makes_a_server_larger_watches_it_and_moves_it() {
    let mut album = Album::new();
    let market = Market::open().await;
    let visitor = market.shopper().await;
    let id = market.order(&visitor, "greenhouse", "").await;
    market.rest(id).await;
    let alice = Browser::open(Taste::default()).await;
    log_in(&market, &alice, &ALICE).await;
    let here = format!("/deployments/{id}");
    go(&market, &alice, &here).await;
    alice.follows("Resize").await;
    album.keep(&alice, "change-resize").await;
    alice.presses("See the price").await;
    alice.sees("That is what it has already").await;
    album.keep(&alice, "change-resize-wrong").await;
    alice.picks("size", "large").await;
    alice.picks("consent", "on").await;
    alice.presses("See the price").await;
    alice.sees("Confirm the new size").await;
    album.keep(&alice, "change-preview").await;
    pace(&market, Duration::from_secs(4));
    alice.presses("Pay").await;
    alice.sees("Resizing greenhouse").await;
    alice.sees("is at work on it").await;
    album.keep(&alice, "change-progress").await;
    go(&market, &alice, &here).await;
    album.keep(&alice, "change-under-way").await;
    go(&market, &alice, &format!("{here}/progress")).await;
    pace(&market, Duration::from_millis(20));
    alice.sees("greenhouse is resized").await;
    album.keep(&alice, "change-done").await;
    go(&market, &alice, &format!("{here}/stop")).await;
    album.keep(&alice, "change-stop").await;
    alice.picks("consent", "on").await;
    alice.presses("Stop greenhouse").await;
    alice.sees("greenhouse is stopped").await;
    go(&market, &alice, &here).await;
    alice.sees("It is stopped since").await;
    album.keep(&alice, "change-stopped").await;
    go(&market, &alice, &format!("{here}/move")).await;
    album.keep(&alice, "change-move").await;
    alice.picks("consent", "on").await;
    alice.presses("Move greenhouse").await;
    alice.sees("greenhouse is moved").await;
    go(&market, &alice, &format!("{here}/changes")).await;
    album.keep(&alice, "change-list").await;
    go(&market, &alice, &here).await;
    album.keep(&alice, "change-moved").await;
    alice.close().await;
    market.demo.stop().await.expect("a market closes");
    assert!(album.wrong.is_empty(), "{:#?}", album.wrong);
}

#[tokio::test(flavor = "multi_thread")]
#[ignore = "needs Chromium: COOPERAGE_BROWSER=1 cargo test --test stories browser -- --ignored"]
async fn a_storage_swarm_is_ordered_watched_and_proved_on_pages_that_fit() {
    let mut album = Album::new();
    let market = Market::open().await;
    let alice = Browser::open(Taste::default()).await;
    log_in(&market, &alice, &ALICE).await;
    go(&market, &alice, "/cards").await;
    alice.presses("Add a card").await;
    types_card(&alice, GOOD_CARD).await;
    go(&market, &alice, "/order?size=small").await;
    alice.types("name", "vault").await;
    alice.types("ssh_key", KEY).await;
    alice.script("document.querySelectorAll('main details').forEach((part) => (part.open = true))").await;
    alice.types("swarm_gib", "120").await;
    album.keep(&alice, "swarm-order").await;
    alice.presses("Continue to the price").await;
    alice.sees("read what can be lost").await;
    album.keep(&alice, "swarm-unread").await;
    alice.script("document.getElementById('f-swarm_agreed').click()").await;
    alice.presses("Continue to the price").await;
    alice.sees("Storage swarm, 120 GB on 28 shards").await;
    album.keep(&alice, "swarm-quote").await;
    alice.presses("Pay $").await;
    alice.sees("is running").await;
    alice.follows("See how to sign in").await;
    alice.sees("Storage swarm").await;
    let id = id_shown(&alice).await;
    go(&market, &alice, &format!("/deployments/{id}/swarm")).await;
    album.keep(&alice, "swarm-building").await;
    alice.sees("28 of 28 shards").await;
    go(&market, &alice, &format!("/deployments/{id}/swarm")).await;
    alice.presses("I have saved it").await;
    alice.sees("We do not have the key any more").await;
    alice.presses("Prove it").await;
    let done = || {
        let swarm = market.demo.instance.app.read().unwrap().swarm(id).unwrap();
        swarm.is_some_and(|swarm| swarm.drill.is_some_and(|drill| drill.done.is_some()))
    };
    market.until("the drill is over", done).await;
    let nodes: Vec<u32> = {
        let swarm = market.demo.instance.app.read().unwrap().swarm(id).unwrap().unwrap();
        swarm.working().take(6).map(|(_, shard)| shard.node().node).collect()
    };
    nodes.iter().for_each(|node| market.demo.world.nodes.set_condition(*node, Condition::Down));
    let looked =
        || market.demo.instance.app.read().unwrap().looks(id).unwrap().shards.values().filter(|look| look.away.is_some()).count();
    market.nurse("they are found away", || looked() == 6).await;
    go(&market, &alice, &format!("/deployments/{id}/swarm")).await;
    alice.sees("storing waits").await;
    alice.sees("Read back whole without 8 of them").await;
    album.keep(&alice, "swarm").await;
    go(&market, &alice, &format!("/deployments/{id}")).await;
    album.keep(&alice, "swarm-deployment").await;
    nodes.iter().for_each(|node| market.demo.world.nodes.set_condition(*node, Condition::Up));
    alice.close().await;
    market.close().await;
    assert!(album.wrong.is_empty(), "{}", album.wrong.join("\n"));
}

async fn guests(market: &Market, album: &mut Album) {
    let guest = Browser::open(Taste::default()).await;
    let pages = [
        ("guest-landing", "/"),
        ("guest-catalogue", "/catalogue"),
        ("guest-nodes", "/nodes"),
        ("guest-nodes-table", "/nodes?region=Europe&look=table"),
        ("guest-nodes-map", "/nodes?look=map"),
        ("guest-nodes-map-belgium", "/nodes?country=Belgium&look=map"),
        ("guest-nodes-none", "/nodes?country=Kenya&certified=yes"),
        ("guest-nodes-wrong", "/nodes?country=Kenya&cores=many"),
        ("guest-node", "/nodes/12"),
        ("guest-signup", "/signup"),
        ("guest-verify-confirm", "/verify?token=0"),
        ("guest-login", "/login"),
        ("guest-forgot", "/forgot"),
        ("guest-reset", "/reset?token=0"),
    ];
    album.visit(market, &guest, &pages).await;
    go(market, &guest, "/verify?token=0").await;
    guest.presses("Yes, this is my address").await;
    album.keep(&guest, "guest-verify-stale").await;
    go(market, &guest, "/login").await;
    guest.types("email", "nobody@example.org").await;
    guest.types("password", "a wrong password").await;
    guest.presses("Sign in").await;
    album.keep(&guest, "guest-login-wrong").await;
    go(market, &guest, "/signup").await;
    guest.types("name", "Nora").await;
    guest.types("email", "nora").await;
    guest.types("password", "short").await;
    guest.presses("Create account").await;
    album.keep(&guest, "guest-signup-wrong").await;
    go(market, &guest, "/forgot").await;
    guest.types("email", "nobody@example.org").await;
    guest.presses("Send me the link").await;
    album.keep(&guest, "guest-forgot-sent").await;
}

async fn users(market: &Market, album: &mut Album, nora: &Browser) {
    go(market, nora, "/signup").await;
    nora.types("name", "Nora Vandenberghe").await;
    nora.types("email", "nora@example.org").await;
    nora.types("password", PASSWORD).await;
    nora.presses("Create account").await;
    album.keep(nora, "guest-verify-sent").await;
    let link = market.link("nora@example.org", "Confirm").await;
    go(market, nora, &link).await;
    nora.presses("Yes, this is my address").await;
    nora.arrives("/order").await;
    let fresh = [
        ("user-order-first", "/order"),
        ("user-deployments-empty", "/deployments"),
        ("user-cards-empty", "/cards"),
        ("user-profile", "/profile"),
        ("provider-claim", "/provider/claim"),
    ];
    album.visit(market, nora, &fresh).await;
    go(market, nora, "/order").await;
    nora.types("name", "Not A Name").await;
    nora.types("ssh_key", "my key").await;
    nora.presses("Continue to the price").await;
    album.keep(nora, "user-order-wrong").await;
    nora.types("name", "greenhouse-sensors").await;
    nora.types("ssh_key", KEY).await;
    nora.selects("region", "Belgium").await;
    nora.presses("Continue to the price").await;
    nora.sees("To pay now").await;
    album.keep(nora, "user-quote-no-card").await;
    cards(album, nora).await;
    album.keep(nora, "user-quote").await;

    pace(market, Duration::from_secs(4));
    nora.presses("Pay").await;
    nora.arrives("/deployments/").await;
    nora.sees("Starting").await;
    tokio::time::sleep(Duration::from_secs(1)).await;
    album.keep(nora, "user-progress").await;
    pace(market, Duration::from_millis(20));
    nora.find(fantoccini::Locator::Css("[data-end]")).await;
    album.keep(nora, "user-progress-ready").await;
    let active = id_shown(nora).await;

    all(market, Fault::FailsAtTheLast);
    let refunded = orders(market, nora, "shop-without-luck").await;
    nora.find(fantoccini::Locator::Css("[data-end]")).await;
    album.keep(nora, "user-progress-refunded").await;
    all(market, Fault::None);
    let deleted = orders(market, nora, "try-out").await;
    nora.sees("is ready").await;
    market.leap(5 * HOUR);
    album.visit(market, nora, &[("user-delete", &format!("/deployments/{deleted}/delete"))]).await;
    nora.presses("Delete").await;
    nora.arrives("/deployments").await;
    album.keep(nora, "user-deleting").await;
    market.ended(deleted).await;
    market.rest(refunded).await;
    declined(market, album, nora).await;
    days_go_by(market, active).await;
    let played = [
        ("user-deployments", "/deployments".to_owned()),
        ("user-deployment-active", format!("/deployments/{active}")),
        ("user-deployment-refunded", format!("/deployments/{refunded}")),
        ("user-deployment-deleted", format!("/deployments/{deleted}")),
        ("user-cards", "/cards".to_owned()),
        ("user-order", "/order".to_owned()),
        ("user-twin-none", "/twin".to_owned()),
        ("user-handover-none", format!("/deployments/{active}/handover")),
        ("user-copies-none", format!("/deployments/{active}/copies")),
    ];
    let played: Vec<_> = played.iter().map(|(name, path)| (*name, path.as_str())).collect();
    album.visit(market, nora, &played).await;
    go(market, nora, &format!("/deployments/{active}/copies")).await;
    nora.script("document.querySelector('form[action$=copies]').requestSubmit()").await;
    nora.sees("Run one of these lines on your own machine").await;
    album.keep(nora, "user-copies").await;
    own_account(market, album, nora, active).await;
    go(market, nora, &format!("/deployments/{active}")).await;
    nora.follows("Open the receipt").await;
    album.keep(nora, "user-receipt").await;
    go(market, nora, &format!("/deployments/{deleted}")).await;
    nora.follows("Open the receipt").await;
    album.keep(nora, "user-receipt-paid-back").await;
}

/// Shows an account of her own, and looks at how a server becomes hers, with what can be wrong there.
async fn own_account(market: &Market, album: &mut Album, nora: &Browser, order: OrderId) {
    let ada = &accounts().expect("accounts")[1];
    let key = KeyPair::from_mnemonic(&ada.words, Scheme::Sr25519).expect("her words");
    let sentence = market.demo.instance.app.own_text(market.read(order).user);
    go(market, nora, "/twin").await;
    nora.types("address", &ada.address).await;
    nora.types("signature", "not a signature").await;
    nora.presses("This account is mine").await;
    album.keep(nora, "user-twin-wrong").await;
    nora.types("signature", &hex::encode(key.sign(sentence.as_bytes()))).await;
    nora.presses("This account is mine").await;
    nora.sees("This account is yours.").await;
    album.keep(nora, "user-twin").await;
    go(market, nora, &format!("/deployments/{order}/handover")).await;
    album.keep(nora, "user-handover").await;
    nora.types("contract", "4711").await;
    nora.presses("I have copied everything").await;
    nora.sees("no contract of this number").await;
    album.keep(nora, "user-handover-wrong").await;
}

/// Three days in steps of four hours, each of them billed before the next one comes.
async fn days_go_by(market: &Market, order: OrderId) {
    for step in 1..=18 {
        market.leap(4 * HOUR);
        let asked = tokio::time::Instant::now();
        while bills(market, &market.read(order)).await < 4 * step && asked.elapsed() < Duration::from_secs(10) {
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
    }
}

async fn cards(album: &mut Album, nora: &Browser) {
    nora.presses("Add a card").await;
    nora.sees("Test card processor").await;
    album.keep(nora, "card-empty").await;
    types_card(nora, "4242 4242 4242 4241").await;
    nora.sees("was not saved").await;
    album.keep(nora, "card-wrong").await;
    types_card(nora, "4000 0025 0000 3155").await;
    nora.sees("was this you?").await;
    album.keep(nora, "card-challenge").await;
    nora.presses("Yes, approve").await;
    nora.arrives("/quotes/").await;
}

/// An order that its bank refuses, with a second card.
async fn declined(market: &Market, album: &mut Album, nora: &Browser) {
    go(market, nora, "/cards").await;
    nora.presses("Add a card").await;
    types_card(nora, "4000 0000 0000 9995").await;
    nora.sees("9995").await;
    orders(market, nora, "too-dear").await;
    nora.find(fantoccini::Locator::Css("[data-end]")).await;
    album.keep(nora, "user-progress-declined").await;
    go(market, nora, "/cards").await;
    nora.presses("Add a card").await;
    types_card(nora, GOOD_CARD).await;
    nora.sees("4242").await;
}

async fn orders(market: &Market, nora: &Browser, name: &str) -> OrderId {
    go(market, nora, "/order").await;
    nora.types("name", name).await;
    nora.presses("Continue to the price").await;
    nora.sees("To pay now").await;
    nora.presses("Pay").await;
    nora.arrives("/deployments/").await;
    id_shown(nora).await
}

async fn id_shown(browser: &Browser) -> OrderId {
    let url = browser.url().await;
    url.path().split('/').nth(2).and_then(|id| id.parse().ok()).expect("the page of an order")
}

async fn operators(market: &Market, album: &mut Album, tom: &Browser) {
    let pages = [
        ("operator-overview", "/operator"),
        ("operator-orders", "/operator/orders"),
        ("operator-orders-none", "/operator/orders?state=undoing"),
        ("operator-purse", "/operator/purse"),
        ("operator-purse-wrong", "/operator/purse?machines=many#margin"),
        ("operator-jobs", "/operator/jobs"),
        ("operator-jobs-none", "/operator/jobs?state=parked"),
        ("operator-accounts", "/operator/accounts"),
        ("operator-people", "/operator/people"),
        ("operator-pools", "/operator/pools"),
        ("operator-settings", "/operator/settings"),
    ];
    album.visit(market, tom, &pages).await;
    for name in ["greenhouse-sensors", "shop-without-luck", "try-out", "too-dear"] {
        go(market, tom, "/operator/orders").await;
        tom.follows(name).await;
        tom.sees("Money trace").await;
        album.keep(tom, &format!("operator-order-{name}")).await;
    }
    parked(market).await;
    album
        .visit(market, tom, &[("operator-overview-parked", "/operator"), ("operator-jobs-parked", "/operator/jobs?state=parked")])
        .await;
    Outside::ContractsAreNotPaid.strike(market, &[]);
    market.nurse("orders are closed", || !market.demo.instance.app.obstacles().expect("a look").is_empty()).await;
    album.visit(market, tom, &[("operator-overview-closed", "/operator"), ("user-order-closed", "/order")]).await;
    Outside::ContractsAreNotPaid.heal(market, &[]);
}

/// A mail that is refused for good, for a day and more.
async fn parked(market: &Market) {
    for _ in 0..64 {
        market.demo.world.mail.fail_next(Verdict::Never);
    }
    let guest = market.guest();
    let form = [("name", "Ivo"), ("email", "ivo@example.org"), ("password", PASSWORD)];
    guest.fill("/signup", "/signup", &form).await.expect("a sign-up");
    let app = market.demo.instance.app.clone();
    for _ in 0..60 {
        if app.read().and_then(|snapshot| snapshot.job_counts()).expect("a count").1 > 0 {
            return;
        }
        market.leap(DAY / 8);
        tokio::time::sleep(Duration::from_millis(100)).await;
    }
    panic!("no job was parked");
}

async fn providers(market: &Market, album: &mut Album) {
    let hilbert = Browser::open(Taste::default()).await;
    log_in(market, &hilbert, &HILBERT).await;
    let pages = [
        ("provider-nodes", "/provider/nodes"),
        ("provider-node", "/provider/nodes/1"),
        ("provider-earnings", "/provider/earnings"),
        ("provider-claim-known", "/provider/claim"),
        ("user-profile-provider", "/profile"),
    ];
    album.visit(market, &hilbert, &pages).await;
    announced(market, album, &hilbert).await;
    hilbert.close().await;
    let alice = Browser::open(Taste::default()).await;
    log_in(market, &alice, &ALICE).await;
    album.visit(market, &alice, &[("user-profile-alice", "/profile")]).await;
    // A browser writes down that a page was missing: this one is not asked whether it was quiet.
    album.visit(market, &alice, &[("error-404", "/deployments/nothing"), ("error-no-role", "/operator")]).await;
    drop(alice);
}

/// Announces maintenance of a node, with what can be wrong there.
async fn announced(market: &Market, album: &mut Album, hilbert: &Browser) {
    let (begins, ends) = (market.demo.instance.app.now() + 3 * DAY, market.demo.instance.app.now() + 3 * DAY + 2 * HOUR);
    go(market, hilbert, "/provider/nodes/1").await;
    let fill = |begins: Time, ends: Time| {
        format!(
            "const field = name => document.querySelector(`[name=${{name}}]`); field('starts').value = '{}'; field('ends').value = '{}'; \
             field('why').value = 'A new power supply.'; field('why').form.requestSubmit()",
            begins.as_minute(),
            ends.as_minute()
        )
    };
    hilbert.script(&fill(ends, begins)).await;
    hilbert.sees("That did not work yet").await;
    album.keep(hilbert, "provider-maintenance-wrong").await;
    hilbert.script(&fill(begins, ends)).await;
    hilbert.sees("It is announced").await;
    album.keep(hilbert, "provider-maintenance").await;
}

async fn mails(market: &Market, album: &mut Album) {
    let reader = Browser::open(Taste::default()).await;
    reader.goto(&market.demo.world.addresses.mail).await;
    album.keep(&reader, "mail-list").await;
    for (name, subject) in [("mail-confirm", "Confirm"), ("mail-running", "is running"), ("mail-not-started", "was not started")]
    {
        reader.goto(&market.demo.world.addresses.mail).await;
        if reader.text().await.contains(subject) {
            reader.click_on(subject).await;
            album.keep(&reader, name).await;
        }
    }
    reader.close().await;
}

/// How a server is doing, as its owner sees it: off, the line, a day of figures with a silence in it, and its log.
#[tokio::test(flavor = "multi_thread")]
#[ignore = "needs Chromium: COOPERAGE_BROWSER=1 cargo test --test stories browser -- --ignored"]
async fn the_figures_of_a_server_fit_into_every_window() {
    let mut album = Album::new();
    let market = Market::open().await;
    let shopper = market.shopper().await;
    let order = market.order(&shopper, "greenhouse-sensors", "").await;
    market.rest(order).await;
    let alice = Browser::open(Taste::default()).await;
    log_in(&market, &alice, &ALICE).await;
    let metrics = format!("/deployments/{order}/metrics");
    go(&market, &alice, &metrics).await;
    album.keep(&alice, "user-metrics-off").await;
    alice.find(Locator::Css("label[for=f-logs]")).await.click().await.expect("a tick");
    alice.presses("Give me the line").await;
    alice.sees("Run one of these lines").await;
    album.keep(&alice, "user-metrics-line").await;
    let text = alice.text().await;
    let secret = text.split("/r/").nth(1).and_then(|rest| rest.split('/').next()).expect("a line").to_owned();
    // A day of messages, a quarter of an hour apart at first, with an hour of silence.
    let caller = Caller::new(market.url());
    let say = |n: u64| {
        let (busy, idle) = (n * 60 * (20 + n * 13 % 70), n * 6000);
        let disks = "disk 14680064 52428800 /\ndisk 1048576 10485760 /mnt/data\n";
        let log = format!(
            "2026-11-28T10:00:{:02}+0000 greenhouse systemd[1]: Started something with a <name> and a rather long line behind it, number {n}.\n",
            n % 60
        );
        format!(
            "cooperage 1\nuptime {}.00\ncpu {busy} 0 0 {idle}\nload 0.42\nmemory 4194304 {}\n{disks}net {} {}\nlog\n{log}",
            n * 60,
            3_000_000 - n * 9000,
            n * n * 90_000,
            n * 40_000
        )
    };
    for n in 1..90_u64 {
        if !(50..60).contains(&n) {
            let answer = caller.send(caller.request("POST", &format!("/r/{secret}")).body(say(n))).await;
            assert_eq!(answer.status, 200, "{}", answer.body);
        }
        market.leap(cooperage::base::time::MINUTE);
    }
    go(&market, &alice, &metrics).await;
    alice.sees("Last heard of").await;
    album.keep(&alice, "user-metrics-hour").await;
    go(&market, &alice, &format!("{metrics}?span=day")).await;
    alice.script("document.querySelectorAll('details').forEach((box) => { box.open = true; })").await;
    album.keep(&alice, "user-metrics-day-open").await;
    go(&market, &alice, &format!("/deployments/{order}/logs")).await;
    album.keep(&alice, "user-log").await;
    go(&market, &alice, &format!("/deployments/{order}")).await;
    album.keep(&alice, "user-deployment-figures").await;
    alice.close().await;
    market.close().await;
    assert!(album.wrong.is_empty(), "{:#?}", album.wrong);
}

/// The form that asks for nothing but what has no default, with a backup VM beside the server: from there to two servers in step.
#[tokio::test(flavor = "multi_thread")]
#[ignore = "needs Chromium: COOPERAGE_BROWSER=1 cargo test --test stories browser -- --ignored"]
async fn a_person_orders_a_server_with_a_backup_vm_in_the_basic_view() {
    let mut album = Album::new();
    let market = Market::open().await;
    let alice = Browser::open(Taste::default()).await;
    log_in(&market, &alice, &ALICE).await;
    market.save_card(&market.log_in(&ALICE).await, GOOD_CARD).await;
    go(&market, &alice, "/order").await;
    alice.types("name", "greenhouse").await;
    alice.types("ssh_key", KEY).await;
    alice.picks("backup", "vm").await;
    album.keep(&alice, "user-order-backup").await;
    alice.presses("Continue to the price").await;
    alice.sees("The backup VM, and why these two").await;
    album.keep(&alice, "user-quote-backup").await;
    // Without the tick nothing is ordered, and the page says why.
    alice.presses("Pay $20.00 and deploy").await;
    alice.sees("tick the box").await;
    album.keep(&alice, "user-quote-backup-refused").await;
    alice.find(Locator::Css("label[for=f-consent]")).await.click().await.expect("a tick");
    alice.presses("Pay $20.00 and deploy").await;
    alice.sees("is ready").await;
    let order: OrderId = alice.url().await.path().split('/').nth(2).and_then(|id| id.parse().ok()).expect("an order");
    let page = format!("/deployments/{order}/backup");
    let stands = || {
        let read = market.demo.instance.app.read().expect("a snapshot");
        read.backup(order).expect("a read").is_some_and(|backup| backup.stage == Stage::Active)
    };
    market.until("the backup VM stands", stands).await;
    go(&market, &alice, &page).await;
    album.keep(&alice, "user-backup-fresh").await;
    // Each of the two has a line of its own.
    let mut secrets = Vec::new();
    for which in ["main", "backup"] {
        go(&market, &alice, &page).await;
        alice.find(Locator::XPath(&format!("//form[input[@value='{which}']]//button"))).await.click().await.expect("a click");
        alice.sees("Run one of these lines").await;
        let text = alice.text().await;
        secrets.push(text.split("/r/").nth(1).and_then(|rest| rest.split('/').next()).expect("a line").to_owned());
    }
    album.keep(&alice, "user-backup-line").await;
    let caller = Caller::new(market.url());
    let key = KEY.replace("alice@laptop", "cooperage-sync");
    let say = async |secret: &str, more: String| {
        let request =
            caller.request("POST", &format!("/r/{secret}/sync")).body(format!("cooperage-sync 1\nkey {key}\nhost {key}\n{more}"));
        let answer = caller.send(request).await;
        assert_eq!(answer.status, 200, "{}", answer.body);
        answer.body
    };
    say(&secrets[1], String::new()).await;
    let told = say(&secrets[0], String::new()).await;
    assert!(told.contains("role push") && told.contains("folder /srv"), "{told}");
    let now = told.lines().find_map(|line| line.strip_prefix("now ")).expect("a moment").to_owned();
    say(&secrets[0], format!("run {now} 14 48120334 ok\n")).await;
    say(&secrets[1], format!("marker {now}\n")).await;
    for secret in &secrets {
        let figures = "cooperage 1\nuptime 600.00\ncpu 1 0 0 1\nload 0.42\nmemory 4194304 3000000\nnet 1 1\n";
        assert_eq!(caller.send(caller.request("POST", &format!("/r/{secret}")).body(figures)).await.status, 200);
    }
    market.leap(3 * cooperage::base::time::MINUTE / 2);
    go(&market, &alice, &page).await;
    alice.sees("Went well").await;
    album.keep(&alice, "user-backup-in-step").await;
    alice.follows("Begin a drill").await;
    alice.sees("Begin the drill").await;
    album.keep(&alice, "user-backup-drill-asked").await;
    alice.presses("Begin the drill").await;
    alice.sees("The backup VM is in charge").await;
    album.keep(&alice, "user-backup-drill").await;
    alice.presses("Put the server back in charge").await;
    alice.sees("Begin a drill").await;
    go(&market, &alice, &format!("/deployments/{order}")).await;
    alice.sees("Its copy holds what was written before").await;
    album.keep(&alice, "user-deployment-backup").await;
    alice.close().await;
    market.close().await;
    assert!(album.wrong.is_empty(), "{:#?}", album.wrong);
}
