//! Backup VMs: ordered with one charge, built apart from the server, kept in step by the very scripts that we serve, tried out, and ended.

use std::net::IpAddr;
use std::sync::atomic::Ordering;

use cooperage::base::ids::OrderId;
use cooperage::base::money::Usd;
use cooperage::base::time::{HOUR, MINUTE};
use cooperage::cli::demo::{ALICE, TOM};
use cooperage::cli::visitor::{Page, Visitor};
use cooperage::domain::backup::{BackupVm, Stage, State as Looked};
use cooperage::domain::order::{Access, State};
use cooperage::domain::report::Seat;
use cooperage::domain::web_address::Stage::Live;
use cooperage::domain::web_address::{Seen, WebAddress};
use cooperage::localgrid::node::Fault;
use cooperage::localgrid::{ChainView, ContractStateView};
use cooperage::store::backup::Backups;
use cooperage::store::report::Reports;
use cooperage::store::web_address::WebAddresses;

use crate::kit::caller::Caller;
use crate::kit::machine::Machine;
use crate::kit::market::{KEY, Market};

async fn quote(visitor: &Visitor, name: &str, more: &[(&str, &str)]) -> Page {
    let mut wish =
        vec![("name", name), ("size", "medium"), ("image", "ubuntu-24.04"), ("region", ""), ("ssh_key", KEY), ("backup", "vm")];
    wish.extend(more);
    visitor.fill("/order", "/order", &wish).await.unwrap()
}

async fn order(market: &Market, visitor: &Visitor, name: &str) -> OrderId {
    let quote = quote(visitor, name, &[]).await;
    let page = visitor.submit(&quote, &format!("{}/confirm", quote.url.path()), &[("consent", "on")]).await.unwrap();
    let id = page.url.path().split('/').nth(2).unwrap_or_default();
    let order = id.parse().unwrap_or_else(|_| panic!("no order: {} {}", page.url, page.text()));
    assert_eq!(market.rest(order).await.state, State::Active);
    order
}

fn backup(market: &Market, order: OrderId) -> BackupVm {
    market.demo.instance.app.read().unwrap().backup(order).unwrap().unwrap()
}

async fn stands(market: &Market, order: OrderId) -> BackupVm {
    market.until("the backup VM stands", || backup(market, order).stage == Stage::Active).await;
    backup(market, order)
}

fn live_contracts(market: &Market) -> usize {
    market.demo.world.chain.contracts().iter().filter(|contract| contract.state != ContractStateView::Deleted).count()
}

/// The line for one of the two, as its page shows it.
async fn line(visitor: &Visitor, order: OrderId, vm: &str) -> String {
    let page = visitor.get(&format!("/deployments/{order}/backup")).await.unwrap();
    assert!(page.body.contains("/backup/line"), "{}", page.text());
    // Two forms lead there: what is sent says which of them.
    let page = visitor.submit(&page, &format!("/deployments/{order}/backup/line"), &[("vm", vm)]).await.unwrap();
    let text = page.text();
    let from = text.find("curl -").unwrap_or_else(|| panic!("no line: {text}"));
    let to = text[from..].find("| sh").unwrap() + 4;
    text[from..from + to].to_owned()
}

#[tokio::test(flavor = "multi_thread")]
async fn two_servers_are_one_order_stand_apart_and_end_together() {
    let market = Market::open().await;
    let alice = market.shopper().await;
    // What can be lost is agreed to first.
    let offer = quote(&alice, "web", &[]).await;
    for words in ["Why these two", "no farm and no farmer", "Backup VM: the same once more", "Both can fail at once", "$20.00"] {
        assert!(offer.says(words) || offer.text().to_lowercase().contains(&words.to_lowercase()), "{words}: {}", offer.text());
    }
    let confirm = format!("{}/confirm", offer.url.path());
    let refused = alice.submit(&offer, &confirm, &[]).await.unwrap();
    assert_eq!((refused.status, refused.says("tick the box")), (422, true), "{}", refused.text());
    assert_eq!(market.demo.world.chain.contracts().len(), 0, "nothing was begun");
    let order = order(&market, &alice, "web").await;
    let vm = stands(&market, order).await;
    let read = market.read(order);
    let (first, second) = (&read.attempt().unwrap().choice.best, vm.node());
    assert!(first.node != second.node && first.farm != second.farm && first.owner != second.owner, "{first:?} {second:?}");
    assert_eq!(
        (read.price, vm.price, market.charged(order)),
        (Usd::from_cents(2000), Usd::from_cents(1000), Usd::from_cents(2000))
    );
    let consent = read.consent.unwrap();
    assert!(consent.wording == 2 && consent.at == read.created && consent.text().contains("Both servers can fail"));
    assert_eq!(live_contracts(&market), 2);
    market.demo.world.mail.wait_for(ALICE.email, "the backup VM of web is up").await.unwrap();
    let page = alice.get(&format!("/deployments/{order}/backup")).await.unwrap();
    for words in ["Running", "What you agreed to", "Both servers can fail at the same time", &second.farm_name, "Nothing yet"] {
        assert!(page.says(words), "{words}: {}", page.text());
    }
    assert!(alice.get(&format!("/deployments/{order}")).await.unwrap().says("Its copy is empty yet"));
    let tom = market.log_in(&TOM).await;
    let traced = tom.get(&format!("/operator/orders/{order}")).await.unwrap();
    assert!(traced.says("Backup VM: The node runs it."), "{}", traced.text());
    // Others see none of it, and can press nothing.
    market.newcomer("Bob").await;
    let bob = Caller::with_password(market.url(), "bob@example.org", crate::kit::market::PASSWORD).await;
    assert_eq!(bob.get(&format!("/deployments/{order}/backup")).await.status, 404);
    assert_eq!(bob.get(&format!("/deployments/{order}/backup/drill")).await.status, 404);
    for verb in ["line", "plan", "drill", "return"] {
        assert_eq!(bob.post(&format!("/deployments/{order}/backup/{verb}"), &[("vm", "main")]).await.status, 404, "{verb}");
    }
    // The end: both go, both last bills are read, and hours that were not used go back for both.
    let delete = format!("/deployments/{order}/delete");
    assert!(alice.get(&delete).await.unwrap().says("Its backup VM goes with it"));
    alice.fill(&delete, &delete, &[]).await.unwrap();
    let ended = market.ended(order).await;
    assert_eq!((ended.state, backup(&market, order).stage, live_contracts(&market)), (State::Ended, Stage::Ended, 0));
    market.until("the rest goes back", || market.charged(order) < Usd::from_cents(5)).await;
    market.assert_settled(&market.read(order), "ended");
    assert!(alice.get(&format!("/deployments/{order}/backup")).await.unwrap().says("It ends with the server"));
    market.close().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn when_no_second_place_works_the_server_goes_on_and_that_part_goes_back() {
    let market = Market::open().await;
    let alice = market.shopper().await;
    let offer = quote(&alice, "web", &[]).await;
    // Only the node that was offered for the server itself works.
    let offered = market.demo.instance.app.read().unwrap();
    let id = offer.url.path().trim_start_matches("/quotes/").parse().unwrap();
    let choice = cooperage::store::order::Orders::quote(&offered, id).unwrap().unwrap().choice;
    drop(offered);
    for node in market.demo.instance.app.nodes().iter().filter(|node| node.id() != choice.best.node) {
        market.demo.world.nodes.set_fault(node.id(), Fault::SaysNo);
    }
    let page = alice.submit(&offer, &format!("{}/confirm", offer.url.path()), &[("consent", "on")]).await.unwrap();
    let order: OrderId = page.url.path().split('/').nth(2).unwrap().parse().unwrap();
    assert_eq!(market.rest(order).await.state, State::Active);
    market.nurse("it is given up", || backup(&market, order).stage == Stage::Failed).await;
    let (read, vm) = (market.read(order), backup(&market, order));
    assert!(vm.attempts.len() > 1 && vm.attempts.iter().all(|attempt| attempt.cleared), "{:?}", vm.events);
    assert_eq!((read.state, read.price, live_contracts(&market)), (State::Active, Usd::from_cents(1000), 1));
    market.until("its price goes back", || market.charged(order) == Usd::from_cents(1000)).await;
    assert!(
        read.timeline.iter().any(|entry| entry.trouble && entry.text.contains("There is no backup VM")),
        "{:?}",
        read.timeline
    );
    let mail = market.demo.world.mail.wait_for(ALICE.email, "no backup VM for web").await.unwrap();
    assert!(mail.text.contains("$10.00 goes back"), "{}", mail.text);
    assert!(alice.get(&format!("/deployments/{order}/backup")).await.unwrap().says("There is none"));
    // And the rest of the money is told right at the end, too.
    let delete = format!("/deployments/{order}/delete");
    alice.fill(&delete, &delete, &[]).await.unwrap();
    market.ended(order).await;
    market.until("the rest goes back", || market.charged(order) < Usd::from_cents(5)).await;
    market.close().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_place_that_fails_in_any_way_is_left_and_given_back_and_one_that_is_lost_is_paid_back() {
    let market = Market::open_with(|settings| settings.grid.answer_seconds = 1).await;
    let alice = market.shopper().await;
    let faults = [Fault::Silent, Fault::DiesDuringDeploy, Fault::FailsAtTheLast, Fault::Mumbles, Fault::SeesAnotherHash];
    let mut orders = Vec::new();
    for (number, fault) in faults.into_iter().enumerate() {
        let offer = quote(&alice, &format!("web{number}"), &[]).await;
        let id = offer.url.path().trim_start_matches("/quotes/").parse().unwrap();
        let read = market.demo.instance.app.read().unwrap();
        let offered = cooperage::store::order::Orders::quote(&read, id).unwrap().unwrap().backup.unwrap().best.node;
        drop(read);
        market.demo.world.nodes.set_fault(offered, fault);
        let page = alice.submit(&offer, &format!("{}/confirm", offer.url.path()), &[("consent", "on")]).await.unwrap();
        let order: OrderId = page.url.path().split('/').nth(2).unwrap().parse().unwrap();
        market.nurse("it stands elsewhere", || backup(&market, order).stage == Stage::Active).await;
        market.demo.world.nodes.set_fault(offered, Fault::None);
        let vm = backup(&market, order);
        assert!(vm.attempts.len() > 1 && vm.node().node != offered, "{fault:?}: {:?}", vm.events);
        orders.push(order);
    }
    let cleared = |order: OrderId| {
        let attempts = backup(&market, order).attempts;
        attempts.iter().rev().skip(1).all(|attempt| attempt.cleared)
    };
    market.nurse("what failed is given back", || orders.iter().all(|order| cleared(*order))).await;
    assert_eq!(live_contracts(&market), 2 * orders.len());
    // A chain that stands still holds an end up, and nothing is forgotten for it.
    let stalled = &market.demo.world.chain.faults.stall_finality;
    stalled.store(true, Ordering::SeqCst);
    let delete = format!("/deployments/{}/delete", orders[0]);
    alice.fill(&delete, &delete, &[]).await.unwrap();
    market
        .until("the backup VM is told", || {
            backup(&market, orders[0]).stage == Stage::Ending || market.read(orders[0]).state == State::Ending
        })
        .await;
    stalled.store(false, Ordering::SeqCst);
    assert_eq!(market.ended(orders[0]).await.state, State::Ended);
    assert_eq!((backup(&market, orders[0]).stage, live_contracts(&market)), (Stage::Ended, 2 * orders.len() - 2));
    // One that the grid deletes: the server goes on, and what was paid for hours to come goes back.
    let lost = orders[1];
    let contract = backup(&market, lost).current().and_then(|(_, attempt)| attempt.contract).unwrap();
    market.demo.world.chain.end_contract(contract);
    let app = &market.demo.instance.app;
    let secret = app.switch_on_reports(market.read(lost).user, lost, Seat::Backup, true).await.unwrap();
    assert!(app.reporter_of(secret.reveal(), "192.0.2.1").is_ok());
    market.nurse("it is given up", || backup(&market, lost).stage == Stage::Failed).await;
    assert!(app.reporter_of(secret.reveal(), "192.0.2.1").is_err(), "who had its address has none");
    market.until("what is left goes back", || market.charged(lost) < Usd::from_cents(1100)).await;
    let read = market.read(lost);
    assert_eq!((read.state, market.charged(lost), read.price), (State::Active, read.paid(), Usd::from_cents(1000)));
    assert!(read.paid() > read.price, "hours it ran are paid: {:?}", read.paid());
    for order in orders.into_iter().skip(1) {
        let delete = format!("/deployments/{order}/delete");
        alice.fill(&delete, &delete, &[]).await.unwrap();
        market.ended(order).await;
    }
    market.until("all is given back", || live_contracts(&market) == 0).await;
    market.close().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn the_two_are_kept_in_step_and_a_drill_says_what_it_measured() {
    let market = Market::open().await;
    let alice = market.shopper().await;
    let order = order(&market, &alice, "web").await;
    stands(&market, order).await;
    let (main, own) = (Machine::new("curl"), Machine::new("curl"));
    for (machine, vm) in [(&main, "main"), (&own, "backup")] {
        machine.with_ssh(&own);
        let said = machine.does("/bin/sh", &line(&alice, order, vm).await).await;
        assert!(said.contains("Done"), "{said}");
    }
    let data = main.folder("srv-data");
    std::fs::write(data.join("letter"), "dear all").unwrap();
    let plan = format!("/deployments/{order}/backup/plan");
    let page = format!("/deployments/{order}/backup");
    let wrong = alice.fill(&page, &plan, &[("every", "15"), ("folders", "/etc")]).await.unwrap();
    assert_eq!((wrong.status, wrong.says("The system itself lives there")), (422, true), "{}", wrong.text());
    let folders = data.to_str().unwrap();
    let saved = alice.fill(&page, &plan, &[("every", "15"), ("folders", folders)]).await.unwrap();
    assert!(saved.says("Saved"), "{}", saved.text());
    let tick = |machine: &Machine| format!("sh {} tick", machine.path("usr/local/lib/cooperage/sync.sh").display());
    // Keys find each other: the one that copies tells its own, the other one lets it in and tells by what it is known.
    main.does("/bin/sh", &tick(&main)).await;
    own.does("/bin/sh", &tick(&own)).await;
    main.does("/bin/sh", &tick(&main)).await;
    let vm = backup(&market, order);
    assert!(vm.sync.runs.iter().all(|run| run.wrong.is_none()) && vm.sync.runs.len() == 1, "{:?}", vm.sync.runs);
    assert_eq!(std::fs::read_to_string(own.copied(folders).join("letter")).unwrap(), "dear all");
    // What it holds is what it tells itself, not what the other one hopes.
    assert!(vm.sync.held.is_none());
    own.does("/bin/sh", &tick(&own)).await;
    // Each has its figures.
    for vm in ["main", "backup"] {
        let figures = alice.get(&format!("/deployments/{order}/metrics?vm={vm}")).await.unwrap();
        assert_eq!(
            (figures.says("of 60 GB in all"), figures.says("How the backup VM of web")),
            (true, vm == "backup"),
            "{}",
            figures.text()
        );
    }
    let shown = alice.get(&page).await.unwrap();
    assert!(shown.says("Went well") && shown.says("This much would be lost now"), "{}", shown.text());
    // Not due: nothing is copied again.
    main.does("/bin/sh", &tick(&main)).await;
    assert_eq!(backup(&market, order).sync.runs.len(), 1);
    // A disk that is not mounted is an empty folder: nothing is copied, and least of all that it is empty.
    let deep = data.join("deep");
    std::fs::create_dir(&deep).unwrap();
    std::fs::write(deep.join("more"), "and more").unwrap();
    main.kernel("mounts", &format!("/dev/vdb {} ext4 rw 0 0\nproc /proc proc rw 0 0\n", deep.display()));
    market.leap(16 * MINUTE);
    main.does("/bin/sh", &tick(&main)).await;
    own.does("/bin/sh", &tick(&own)).await;
    assert_eq!(std::fs::read_to_string(own.copied(folders).join("deep/more")).unwrap(), "and more");
    for place in [&deep, &data] {
        let mounted = place.with_extension("mounted");
        std::fs::rename(place, &mounted).unwrap();
        std::fs::create_dir(place).unwrap();
        market.leap(16 * MINUTE);
        main.does("/bin/sh", &tick(&main)).await;
        let refused = backup(&market, order).sync.runs.pop().unwrap();
        let why = refused.wrong.unwrap_or_default();
        assert!(why.starts_with(place.to_str().unwrap()) && why.contains("its disk is not mounted"), "{why}");
        assert!(alice.get(&page).await.unwrap().says("its disk is not mounted"));
        assert_eq!(std::fs::read_to_string(own.copied(folders).join("deep/more")).unwrap(), "and more");
        std::fs::remove_dir(place).unwrap();
        std::fs::rename(&mounted, place).unwrap();
    }
    // A copy that fails is told as what it is, and after three intervals its owner hears of it.
    own.lock_out(true);
    market.leap(16 * MINUTE);
    main.does("/bin/sh", &tick(&main)).await;
    let failed = backup(&market, order).sync.runs.pop().unwrap();
    assert!(failed.wrong.as_deref().is_some_and(|why| why.contains("no way in")), "{failed:?}");
    assert!(alice.get(&page).await.unwrap().says("Failed: "));
    market.leap(31 * MINUTE);
    market.demo.world.mail.wait_for(ALICE.email, "the copy of web is late").await.unwrap();
    assert!(alice.get(&page).await.unwrap().says("No newer copy for three intervals"));
    own.lock_out(false);
    main.does("/bin/sh", &tick(&main)).await;
    own.does("/bin/sh", &tick(&own)).await;
    let held = backup(&market, order).sync.held.unwrap().marker;
    // A drill: what is measured is what was seen, and nothing is copied meanwhile.
    market.leap(5 * MINUTE);
    let once = format!("sh {} once", own.path("usr/local/lib/cooperage/report.sh").display());
    own.does("/bin/sh", &once).await;
    market.until("it is up", || !matches!(looks(&market, order).own.state(), Looked::Down { .. })).await;
    let drill = format!("{page}/drill");
    let pressed = alice.fill(&drill, &drill, &[]).await.unwrap();
    assert!(pressed.says("The backup VM is in charge") && pressed.says("Not yet"), "{}", pressed.text());
    market.leap(16 * MINUTE);
    let runs = backup(&market, order).sync.runs.len();
    main.does("/bin/sh", &tick(&main)).await;
    assert_eq!(backup(&market, order).sync.runs.len(), runs, "it is not written over");
    own.does("/bin/sh", &once).await;
    market.nurse_by(MINUTE / 2, "the answer is seen", || backup(&market, order).drills[0].answered.is_some()).await;
    let drill = backup(&market, order).drills[0];
    let heard = market.demo.instance.app.read().unwrap().reporter(order, Seat::Backup).unwrap().unwrap().heard.unwrap().at;
    assert_eq!((drill.answered, drill.marker), (Some(heard), Some(held)));
    assert!((960..1000).contains(&drill.rto_secs().unwrap()) && (300..360).contains(&drill.rpo_secs().unwrap()), "{drill:?}");
    let page_back = alice.fill(&page, &format!("{page}/return"), &[]).await.unwrap();
    assert!(
        page_back.says("16 min") && page_back.says("5 min") && !page_back.says("The backup VM is in charge"),
        "{}",
        page_back.text()
    );
    // Silence of a server that spoke is noticed, and told once.
    market.nurse_by(MINUTE / 2, "it is called down", || alice_mail(&market)).await;
    assert!(alice.get(&page).await.unwrap().says("Down since"));
    // What is left on a machine after it is taken away: nothing, and nobody is let in.
    own.does("/bin/sh", &format!("sh {} remove", own.path("usr/local/lib/cooperage/report.sh").display())).await;
    assert!(!own.path("usr/local/lib/cooperage").exists());
    assert!(!std::fs::read_to_string(own.path(".ssh/authorized_keys")).unwrap_or_default().contains("cooperage"));
    market.leap(HOUR);
    market.close().await;
}

/// What a visitor of the server's web address finds, once it is served by the machine with this contract.
async fn leads_to(market: &Market, order: OrderId, access: &Access, contract: u64) {
    let ip: IpAddr = access.mycelium_ip.as_deref().unwrap().parse().unwrap();
    let address = || market.demo.instance.app.read().unwrap().last_web_address(order).unwrap().unwrap();
    let served = |address: &WebAddress| address.stage == Live && address.served.as_ref().is_some_and(|target| target.ip == ip);
    let answers = || {
        let address = address();
        served(&address) && address.visit.is_some_and(|visit| visit.seen == Seen::Answers)
    };
    market.nurse_by(MINUTE / 6, "its visitors get there", answers).await;
    let (host, via) = (address().fqdn().unwrap(), market.demo.world.addresses.web);
    let client = reqwest::Client::builder().resolve(&host, via).no_proxy().build().unwrap();
    let text = client.get(format!("http://{host}:{}/", via.port())).send().await.unwrap().text().await.unwrap();
    assert!(text.contains(&format!("contract {contract}")), "{text}");
}

#[tokio::test(flavor = "multi_thread")]
async fn visitors_follow_a_drill_and_a_server_that_is_down_and_come_back_only_by_hand() {
    let market = Market::open().await;
    let alice = market.shopper().await;
    let order = order(&market, &alice, "web").await;
    let vm = stands(&market, order).await;
    let read = market.read(order);
    let first = (read.access.clone().unwrap(), read.attempt().unwrap().contract.unwrap());
    let second = (vm.access.clone().unwrap(), vm.current().unwrap().1.contract.unwrap());
    let (mine, page) = (format!("/deployments/{order}"), format!("/deployments/{order}/backup"));
    alice.fill(&mine, &format!("{mine}/address"), &[("kind", "name")]).await.unwrap();
    market
        .nurse("there is a web address", || market.demo.instance.app.read().unwrap().last_web_address(order).unwrap().is_some())
        .await;
    leads_to(&market, order, &first.0, first.1).await;
    // A drill: visitors come to the backup VM, and that is what is measured.
    let drill_page = format!("{page}/drill");
    let empty = alice.get(&drill_page).await.unwrap();
    assert!(empty.says("holds no whole copy yet") && !empty.says("Begin the drill"), "{}", empty.text());
    // Both speak, and the backup VM holds a copy.
    let voices = Voices::of(&market, &alice, order).await;
    voices.both_speak().await;
    let now = voices.copied(&market).await;
    let say_backup = async || {
        market.leap(MINUTE / 2);
        voices.speak(1).await;
        let looked = market.demo.instance.app.now() - MINUTE / 4;
        market.until("both are looked at", || looks(&market, order).own.looked.is_some_and(|at| at >= looked)).await;
    };
    say_backup().await;
    let asked = alice.get(&drill_page).await.unwrap();
    assert!(asked.says("Visitors of your web address come to the backup VM") && asked.says("it is up"), "{}", asked.text());
    let pressed = alice.submit(&asked, &drill_page, &[]).await.unwrap();
    assert!(pressed.says("Visitors of your web address are sent to it"), "{}", pressed.text());
    leads_to(&market, order, &second.0, second.1).await;
    market.nurse_by(MINUTE / 6, "the answer is seen", || backup(&market, order).drills[0].answered.is_some()).await;
    let drill = backup(&market, order).drills[0];
    assert!(!drill.real && drill.visited && drill.rto_secs().is_some() && drill.rpo_secs().is_some(), "{drill:?}");
    assert!(alice.get(&page).await.unwrap().says("within 10 minutes"));
    // Whatever is done to the server meanwhile, and to its address: visitors stay.
    for what in ["stop", "start"] {
        let from = if what == "stop" { format!("{mine}/stop") } else { mine.clone() };
        alice.fill(&from, &format!("{mine}/{what}"), &[("consent", "on")]).await.unwrap();
        let change = market.revised(order).await;
        assert_eq!(change.state, cooperage::domain::revision::State::Done, "{:?}", change.story);
        leads_to(&market, order, &second.0, second.1).await;
    }
    alice.fill(&mine, &format!("{mine}/address/remove"), &[]).await.unwrap();
    let address = || market.demo.instance.app.read().unwrap().web_address_of(order).unwrap();
    market.nurse_by(MINUTE / 6, "the address is gone", || address().is_none()).await;
    alice.fill(&mine, &format!("{mine}/address"), &[("kind", "name")]).await.unwrap();
    market.nurse_by(MINUTE / 6, "there is another one", || address().is_some()).await;
    leads_to(&market, order, &second.0, second.1).await;
    alice.fill(&page, &format!("{page}/return"), &[]).await.unwrap();
    leads_to(&market, order, &first.0, first.1).await;
    // A server that is silent and answers its visitors keeps them, and nobody is told that it is down.
    voices.both_speak().await;
    for _ in 0..11 {
        say_backup().await;
    }
    let seen = looks(&market, order).main;
    assert_eq!((seen.speaks, seen.answers, backup(&market, order).charge), (Some(false), Some(true), None), "{seen:?}");
    assert!(!alice_mail(&market) && alice.get(&page).await.unwrap().says("answers when we visit it"));
    // Now it does not answer either.
    market.demo.world.nodes.set_quiet(first.1, true);
    for _ in 0..40 {
        if backup(&market, order).charge.is_some() {
            break;
        }
        say_backup().await;
    }
    let (taken, drill) = (backup(&market, order).charge.expect("it took over"), *backup(&market, order).drills.last().unwrap());
    assert!(taken.visited && drill.real && drill.marker.is_some_and(|marker| marker.secs() == now), "{drill:?}");
    leads_to(&market, order, &second.0, second.1).await;
    market.demo.world.mail.wait_for(ALICE.email, "the backup VM of web has taken over").await.unwrap();
    assert!(!alice_mail(&market), "one mail says it");
    // It is back, and nothing happens by itself.
    market.demo.world.nodes.set_quiet(first.1, false);
    voices.speak(0).await;
    for _ in 0..3 {
        say_backup().await;
    }
    assert!(backup(&market, order).charge.is_some());
    let shown = alice.get(&page).await.unwrap();
    assert!(shown.says("The server was down") && shown.says("Still in charge"), "{}", shown.text());
    alice.fill(&page, &format!("{page}/return"), &[]).await.unwrap();
    leads_to(&market, order, &first.0, first.1).await;
    // The place of the backup VM ends it while it is in charge: visitors come back, for there is nobody else.
    say_backup().await;
    alice.fill(&drill_page, &drill_page, &[]).await.unwrap();
    leads_to(&market, order, &second.0, second.1).await;
    market.demo.world.chain.end_contract(second.1);
    market.nurse("it is given up", || backup(&market, order).stage == Stage::Failed).await;
    leads_to(&market, order, &first.0, first.1).await;
    let lost = backup(&market, order);
    assert!(lost.charge.is_none() && lost.drills.last().unwrap().back.is_some(), "{lost:?}");
    let delete = format!("{mine}/delete");
    alice.fill(&delete, &delete, &[]).await.unwrap();
    market.ended(order).await;
    assert_eq!(live_contracts(&market), 0, "server, backup VM, name and gateway");
    market.close().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_server_with_a_backup_vm_is_resized_and_moved_and_outlived_by_it() {
    let market = Market::open().await;
    let alice = market.shopper().await;
    let order = order(&market, &alice, "web").await;
    let vm = stands(&market, order).await;
    let (mine, page) = (format!("/deployments/{order}"), format!("/deployments/{order}/backup"));
    let (resize, relocate) = (format!("{mine}/resize"), format!("{mine}/move"));
    let apart = |place: &cooperage::domain::placement::Scored| {
        let other = vm.node();
        assert!(place.node != other.node && place.farm != other.farm && place.owner != other.owner, "{place:?} {other:?}");
    };
    // Smaller: the backup VM stays what it is, and so does its price.
    let shown = alice.fill(&resize, &resize, &[("size", "small"), ("consent", "on")]).await.unwrap();
    assert!(shown.says("Confirm the new size"), "{}", shown.text());
    alice.submit(&shown, &resize, &[]).await.unwrap();
    assert_eq!(market.revised(order).await.state, cooperage::domain::revision::State::Done);
    let small = market.read(order);
    assert_eq!((small.price, backup(&market, order).price), (Usd::from_cents(1600), Usd::from_cents(1000)));
    // Elsewhere, but nowhere near its backup VM. It is empty there, so the copy is kept from it.
    let voices = Voices::of(&market, &alice, order).await;
    voices.both_speak().await;
    voices.copied(&market).await;
    assert!(alice.get(&relocate).await.unwrap().says("no farm and no farmer is the same"));
    alice.fill(&relocate, &relocate, &[("region", ""), ("consent", "on")]).await.unwrap();
    let change = market.revised(order).await;
    assert_eq!(change.state, cooperage::domain::revision::State::Done, "{:?}", change.story);
    apart(&market.read(order).attempt().unwrap().choice.best);
    assert!(backup(&market, order).charge.is_some() && backup(&market, order).drills.is_empty());
    let refused = voices.caller.send(voices.caller.request("POST", &voices.paths[0]).body(FIGURES)).await;
    assert_eq!(refused.status, 404, "the old one is not heard any more");
    alice.fill(&page, &format!("{page}/return"), &[]).await.unwrap();
    assert!(backup(&market, order).charge.is_none());
    // Its place ends it: the backup VM, which holds the only copy, goes on and is in charge.
    let end = |order: OrderId| {
        let contract = market.read(order).attempt().unwrap().contract.unwrap();
        market.demo.world.chain.end_contract(contract);
    };
    end(order);
    market.nurse("it is seen", || market.read(order).lost.is_some()).await;
    market.demo.world.mail.wait_for(ALICE.email, "web is lost").await.unwrap();
    let (lost, left) = (market.read(order), backup(&market, order));
    assert_eq!(
        (lost.state, lost.price, left.stage),
        (State::Active, Usd::from_cents(1000), Stage::Active),
        "{:?}",
        lost.timeline
    );
    assert!(left.charge.is_some() && left.drills.last().unwrap().real, "{left:?}");
    market.until("its part goes back", || market.charged(order) == lost.paid()).await;
    market.until("only the backup VM is left", || live_contracts(&market) == 1).await;
    let shown = alice.get(&mine).await.unwrap();
    assert!(shown.says("Backup VM only") && shown.says("has ended it") && !shown.says("Resize"), "{}", shown.text());
    let refused = alice.fill(&relocate, &format!("{page}/return"), &[]).await;
    assert!(refused.is_err() || refused.unwrap().status != 200, "there is nothing to return to");
    assert!(alice.get(&page).await.unwrap().says("There is no server that could be put back in charge"));
    // It is set up elsewhere for the rest of the month, and the backup VM stays in charge until its owner says otherwise.
    assert!(alice.get(&relocate).await.unwrap().says("is charged to your card"));
    alice.fill(&relocate, &relocate, &[("region", ""), ("consent", "on")]).await.unwrap();
    let change = market.revised(order).await;
    assert_eq!(change.state, cooperage::domain::revision::State::Done, "{:?}", change.story);
    let again = market.read(order);
    apart(&again.attempt().unwrap().choice.best);
    assert_eq!((again.lost.as_ref(), again.price, live_contracts(&market)), (None, Usd::from_cents(1600), 2));
    assert_eq!((market.charged(order), again.more_charges.len()), (again.paid(), 1));
    assert!(backup(&market, order).charge.is_some());
    alice.fill(&page, &format!("{page}/return"), &[]).await.unwrap();
    // Both places end what they carry: then it is over, and what was not used goes back.
    end(order);
    market.nurse("it is seen", || market.read(order).lost.is_some()).await;
    market.demo.world.chain.end_contract(vm.current().unwrap().1.contract.unwrap());
    let over = market.ended(order).await;
    market.demo.world.mail.wait_for(ALICE.email, "web has ended").await.unwrap();
    let unused = over.paid().checked_sub(over.earned).unwrap().floor_to_cent();
    let kept = over.paid().checked_sub(unused).unwrap();
    market.until("the rest goes back", || market.charged(order) == kept).await;
    assert_eq!(live_contracts(&market), 0);
    market.close().await;
}

const FIGURES: &str = "cooperage 1\nuptime 600.00\ncpu 1 0 0 1\nload 0.42\nmemory 4194304 3000000\nnet 1 1\n";

/// The two servers of an order, as far as they are heard.
struct Voices {
    caller: Caller,
    /// Where they speak: the server, then the backup VM.
    paths: Vec<String>,
}

impl Voices {
    async fn of(market: &Market, visitor: &Visitor, order: OrderId) -> Voices {
        let mut paths = Vec::new();
        for which in ["main", "backup"] {
            let line = line(visitor, order, which).await;
            paths.push(format!("/r/{}", line.split("/r/").nth(1).unwrap().split('/').next().unwrap()));
        }
        Voices { caller: Caller::new(market.url()), paths }
    }

    async fn say(&self, path: &str, body: String) {
        let answer = self.caller.send(self.caller.request("POST", path).body(body)).await;
        assert_eq!(answer.status, 200, "{}", answer.body);
    }

    async fn speak(&self, which: usize) {
        self.say(&self.paths[which], FIGURES.into()).await;
    }

    async fn both_speak(&self) {
        self.speak(0).await;
        self.speak(1).await;
    }

    /// The backup VM tells that it holds what was written until now.
    async fn copied(&self, market: &Market) -> i64 {
        let now = market.demo.instance.app.now().secs();
        self.say(&format!("{}/sync", self.paths[1]), format!("cooperage-sync 1\nmarker {now}\n")).await;
        now
    }
}

fn looks(market: &Market, order: OrderId) -> cooperage::domain::backup::Looks {
    market.demo.instance.app.read().unwrap().backup_looks(order).unwrap()
}

fn alice_mail(market: &Market) -> bool {
    market.demo.world.mail.mails_to(ALICE.email).iter().any(|mail| mail.subject.contains("web does not answer"))
}
