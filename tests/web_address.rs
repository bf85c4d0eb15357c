//! Web addresses: a name from us, a domain of one's own, and everything that can go wrong on the way to them.

mod fault;

use std::net::Ipv4Addr;
use std::sync::atomic::Ordering;
use std::time::Duration;

use cooperage::base::ids::OrderId;
use cooperage::base::time::{DAY, HOUR, MINUTE};
use cooperage::cli::demo::{ALICE, TOM};
use cooperage::cli::visitor::{Page, Visitor};
use cooperage::domain::order::{Outcome, State};
use cooperage::domain::signer::Purpose;
use cooperage::domain::slot::Kind;
use cooperage::domain::web_address::{CHANGES_A_DAY, Host, Seen, Stage, WebAddress};
use cooperage::localgrid::fleet::Condition;
use cooperage::localgrid::genesis::Resources;
use cooperage::localgrid::node::Fault;
use cooperage::localgrid::{ChainView, ContractStateView, ContractView};
use cooperage::store::grid::Chain;
use cooperage::store::order::Orders;
use cooperage::store::web_address::WebAddresses;
use cooperage::wire::dns::types::Record;

use crate::kit::caller::Caller;
use crate::kit::market::Market;

/// Presses the button of a form of the card; a form whose fields are not given sends them as they are.
async fn press(visitor: &Visitor, order: OrderId, way: &str, fields: &[(&str, &str)]) -> Page {
    let at = format!("/deployments/{order}");
    visitor.fill(&at, &format!("{at}/address{way}"), fields).await.expect("a page")
}

fn read(market: &Market, order: OrderId) -> Option<WebAddress> {
    market.demo.instance.app.read().unwrap().last_web_address(order).unwrap()
}

fn there(market: &Market, order: OrderId) -> WebAddress {
    read(market, order).expect("a web address")
}

async fn until_stage(market: &Market, order: OrderId, stage: Stage) -> WebAddress {
    let what = format!("the web address is {stage:?}");
    market.until(&what, || read(market, order).is_some_and(|address| address.stage == stage)).await;
    there(market, order)
}

async fn until_seen(market: &Market, order: OrderId, seen: Seen) -> WebAddress {
    let is = |address: WebAddress| address.stage == Stage::Live && address.visit.is_some_and(|visit| visit.seen == seen);
    market.nurse(&format!("a visit shows {seen:?}"), || read(market, order).is_some_and(is)).await;
    there(market, order)
}

/// Alice's running VM.
async fn running(market: &Market, alice: &Visitor, name: &str) -> OrderId {
    let order = market.order(alice, name, "Belgium").await;
    assert_eq!(market.rest(order).await.state, State::Active);
    order
}

/// What stands behind an address, as anybody finds it who asks the pretended web by name.
async fn visit(market: &Market, host: &str) -> (u16, String) {
    let via = market.demo.world.addresses.web;
    let client = reqwest::Client::builder().resolve(host, via).no_proxy().build().unwrap();
    let answer = client.get(format!("http://{host}:{}/", via.port())).send().await.unwrap();
    (answer.status().as_u16(), answer.text().await.unwrap())
}

/// Contracts of ours on the chain that are no machine's.
fn held(market: &Market) -> Vec<ContractView> {
    let snapshot = market.demo.instance.app.read().unwrap();
    let mut all = market.demo.world.chain.contracts();
    all.retain(|contract| contract.state != ContractStateView::Deleted);
    all.retain(|contract| snapshot.contract(contract.id).unwrap().is_none_or(|known| known.slot.kind != Kind::Machine));
    all
}

/// Mails to Alice whose subject says this.
fn told(market: &Market, subject: &str) -> usize {
    market.demo.world.mail.mails_to(ALICE.email).iter().filter(|mail| mail.subject.contains(subject)).count()
}

fn host_of(address: &WebAddress) -> String {
    address.fqdn().expect("a whole name")
}

#[tokio::test(flavor = "multi_thread")]
async fn a_name_leads_to_the_server_is_changed_and_is_taken_away_again() {
    let market = Market::open().await;
    let alice = market.shopper().await;
    let order = running(&market, &alice, "shop").await;
    let page = alice.get(&format!("/deployments/{order}")).await.unwrap();
    assert!(page.says("One web address is included in the price."), "{}", page.text());

    // Pressed twice at once: one address, and one way of it to the chain.
    let (once, twice) =
        tokio::join!(press(&alice, order, "", &[("kind", "name")]), press(&alice, order, "", &[("kind", "name")]));
    assert_eq!((once.status, twice.status), (200, 200), "{} {}", once.text(), twice.text());
    let address = until_seen(&market, order, Seen::Answers).await;
    let host = host_of(&address);
    assert!(host.starts_with("shop-") && host.ends_with(".localhost"), "{host}");
    let (contract, gateway) = (address.attempts[0].contract.unwrap(), address.attempts[0].node());
    let kinds: Vec<_> = held(&market).iter().map(|contract| (contract.node, contract.name.clone())).collect();
    let name = host.split('.').next().unwrap().to_owned();
    assert_eq!(kinds, [(None, Some(name)), (Some(gateway), None)], "one name, one gateway");
    let page = alice.get(&format!("/deployments/{order}")).await.unwrap();
    assert!(page.says("Works") && page.body.contains(&format!("http://{host}:")), "{}", page.text());
    assert!(page.says("This is a rehearsal"), "nobody is told of encryption that is not there");
    let machine = market.read(order).attempts[0].contract.unwrap();
    let (status, text) = visit(&market, &host).await;
    assert!(status == 200 && text.contains(&format!("contract {machine}")) && text.contains("port 80"), "{status} {text}");

    // Both are billed to the order; the gateway's owner has a share of his, and nobody one of the name.
    // What a gateway carries takes no room; visitors' traffic would be billed, and this stands in for it.
    let traffic = Resources { sru: 1 << 40, ..Resources::default() };
    market.demo.world.chain.report_resources(contract, traffic);
    market.leap(3 * HOUR);
    let app = market.demo.instance.app.clone();
    let names = address.names[0].contract.unwrap();
    let billed = |contract| app.read().unwrap().last_bill_of(contract).unwrap();
    market.until("both are billed", || billed(contract).is_some() && billed(names).is_some()).await;
    let (gateways, names) = (billed(contract).unwrap(), billed(names).unwrap());
    let farmer = market.demo.world.fleet.farms.iter().find(|farm| farm.id == address.attempts[0].choice.best.farm).unwrap().twin;
    assert_eq!((gateways.order, gateways.owner, names.order, names.owner), (order, farmer, order, 0));
    assert!(gateways.share.units() > 0 && names.amount.units() > 0 && names.share.units() == 0, "{names:?}");

    let tom = market.log_in(&TOM).await;
    let trace = tom.get(&format!("/operator/orders/{order}")).await.unwrap();
    for bill in [&gateways, &names] {
        assert!(trace.says(&format!("contract {}", bill.contract)), "the operator sees what it cost: {}", trace.text());
    }

    // Another port: nobody listens there, and then somebody does. Name and contract stay.
    let page = press(&alice, order, "/change", &[("port", "3000")]).await;
    assert!(page.says("Visitors are led there from now on."), "{}", page.text());
    until_seen(&market, order, Seen::NothingBehind).await;
    let page = alice.get(&format!("/deployments/{order}")).await.unwrap();
    assert!(page.says("is a web server running on port 3000"), "{}", page.text());
    press(&alice, order, "/change", &[("port", "8080")]).await;
    let address = until_seen(&market, order, Seen::Answers).await;
    assert_eq!((host_of(&address), address.attempts.len(), address.attempts[0].contract), (host.clone(), 1, Some(contract)));
    assert!(visit(&market, &host).await.1.contains("port 8080"));

    // Each change is signed for, and we pay the fee: so many a day are enough.
    let user = market.read(order).user;
    let mut changes = 0;
    let refused = loop {
        changes += 1;
        let port = if changes % 2 == 0 { "8080" } else { "3000" };
        match app.change_web_address(user, order, port, false).await {
            Ok(()) => assert!(changes <= CHANGES_A_DAY),
            Err(error) => break error.to_string(),
        }
    };
    assert!(refused.contains("very often today") && there(&market, order).turns.len() == CHANGES_A_DAY, "{changes}: {refused}");

    // While it goes away nothing new can be begun: that would go away with it.
    let stall = &market.demo.world.chain.faults.stall_finality;
    stall.store(true, Ordering::SeqCst);
    press(&alice, order, "/remove", &[]).await;
    let own = Caller::person(market.url(), &ALICE).await;
    let answer = own.post(&format!("/deployments/{order}/address"), &[("kind", "name")]).await;
    assert!(answer.status == 409 && answer.body.contains("still being removed"), "{} {}", answer.status, answer.body);
    stall.store(false, Ordering::SeqCst);
    until_stage(&market, order, Stage::Gone).await;
    assert_eq!(held(&market), [], "nothing is left of it");
    assert_eq!(visit(&market, &host).await.0, 404);
    let page = alice.get(&format!("/deployments/{order}")).await.unwrap();
    assert!(page.says("Set up the address"), "one may have another: {}", page.text());
    market.close().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_domain_waits_for_its_record_says_what_it_found_and_goes_with_its_server() {
    let market = Market::open().await;
    let alice = market.shopper().await;
    let order = running(&market, &alice, "shop").await;
    let domain = "shop.example.org";
    press(&alice, order, "", &[("kind", "domain"), ("domain", " Shop.Example.org. ")]).await;
    market.until("a look at the domain", || read(&market, order).is_some_and(|address| address.look.is_some())).await;
    let gateway = there(&market, order).gateway.unwrap();
    let v4 = gateway.v4.unwrap();
    let names = &market.demo.world.names;
    let check = async |expected: &[&str]| {
        let page = press(&alice, order, "/check", &[]).await;
        for words in expected {
            assert!(page.says(words), "{words} is not on the page: {}", page.text());
        }
    };
    check(&["Waiting for your domain", "We found: no record", &format!("We expected A {v4}")]).await;
    assert_eq!(held(&market), [], "what does not work yet costs nothing");
    names.set(domain, vec![Record::A(Ipv4Addr::new(192, 0, 2, 1))]);
    check(&["We found: A 192.0.2.1", "It leads to 192.0.2.1, which is not the gateway", &format!("We expected A {v4}")]).await;
    names.set(domain, vec![Record::A(v4), Record::Aaaa("2001:db8::bad".parse().unwrap())]);
    check(&["The AAAA record leads to 2001:db8::bad"]).await;
    names.set(domain, vec![Record::Cname("nowhere.example.org".into())]);
    check(&["We found: CNAME nowhere.example.org", "that name leads nowhere"]).await;
    let only = Record::Caa { tag: "issue".into(), value: "other.example".into() };
    names.set(domain, vec![Record::A(v4), only]);
    check(&["its CAA record lets other.example make certificates"]).await;

    // An alias of the gateway's own name will do as well. The gateway itself does not see it yet: it is asked again and again.
    names.set(domain, vec![Record::Cname(gateway.domain.clone())]);
    names.remember(domain, Some(vec![Ipv4Addr::new(192, 0, 2, 1).into()]));
    let page = press(&alice, order, "/check", &[]).await;
    assert_eq!(page.status, 200);
    market.nurse("it was refused four times", || there(&market, order).attempts.len() > 4).await;
    names.remember(domain, None);
    let address = until_seen(&market, order, Seen::Answers).await;
    assert_eq!((host_of(&address), address.names.len()), (domain.to_owned(), 0), "a domain needs no name on the chain");
    assert_eq!((visit(&market, domain).await.0, &address.gateway), (200, &Some(gateway.clone())), "the record stays right");
    assert_eq!(held(&market).len(), 1, "what was refused was given back");

    // When nobody can tell us where it leads, nobody's fault is claimed.
    names.set_unwell(true);
    let page = press(&alice, order, "/check", &[]).await;
    assert!(page.says("so we could not look"), "{}", page.text());
    market.until("it can't be looked at", || there(&market, order).blind.is_some()).await;
    let page = alice.get(&format!("/deployments/{order}")).await.unwrap();
    assert!(page.says("Works") && page.says("this is what we saw before") && page.says("That is right."), "{}", page.text());
    names.set_unwell(false);
    market.nurse("it can be looked at again", || there(&market, order).blind.is_none()).await;

    // The grid ends it: it is made anew with the same gateway, and its owner need not do anything.
    market.demo.world.chain.end_contract(address.attempts.last().unwrap().contract.unwrap());
    let tried = address.attempts.len();
    market.nurse("it is made anew", || there(&market, order).attempts.len() > tried).await;
    let address = until_seen(&market, order, Seen::Answers).await;
    assert_eq!(address.gateway, Some(gateway.clone()));
    assert_eq!(told(&market, "change the record"), 0);

    // The record is changed behind our back: we notice, and say so.
    names.set(domain, vec![Record::A(Ipv4Addr::new(192, 0, 2, 1))]);
    check(&["Your domain leads elsewhere", "It leads to 192.0.2.1"]).await;

    // Its owner wants another gateway, and is told of the new record.
    let way = format!("/deployments/{order}/address/gateway");
    let page = alice.get(&way).await.unwrap();
    assert!(page.says("The record of your domain has to be changed") && page.says(&format!("A {v4}")), "{}", page.text());
    alice.fill(&way, &way, &[]).await.unwrap();
    let address = until_stage(&market, order, Stage::Waiting).await;
    let another = address.gateway.as_ref().and_then(|gateway| gateway.v4).unwrap();
    assert_ne!(another, v4);
    let mail = market.demo.world.mail.wait_for(ALICE.email, "change the record of shop.example.org").await.unwrap();
    assert!(mail.text.contains(&format!("A  {another}")), "{}", mail.text);
    check(&["please change the record of your domain", &format!("We expected A {another}")]).await;

    // Somebody else can't have the same domain here, and with the server goes the address.
    let other = running(&market, &alice, "other").await;
    let page = press(&alice, other, "", &[("kind", "domain"), ("domain", domain)]).await;
    assert!(page.status == 422 && page.says("leads to a server here already"), "{} {}", page.status, page.text());
    let remove = format!("/deployments/{order}/delete");
    alice.fill(&remove, &remove, &[]).await.unwrap();
    market.ended(order).await;
    assert_eq!((there(&market, order).stage, held(&market)), (Stage::Gone, vec![]));
    let page = press(&alice, other, "", &[("kind", "domain"), ("domain", domain)]).await;
    assert!(page.status == 200 && page.says("is being set up"), "it is free again: {}", page.text());

    // Its record is never changed: after a week nobody waits any more, and its owner hears of it.
    until_stage(&market, other, Stage::Waiting).await;
    market.leap(8 * DAY);
    until_stage(&market, other, Stage::Gone).await;
    let mail = market.demo.world.mail.wait_for(ALICE.email, "no web address shop.example.org").await.unwrap();
    assert!(mail.text.contains("within a week"), "{}", mail.text);
    market.close().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_name_that_somebody_has_is_refused_at_its_field_or_a_moment_later() {
    let market = Market::open().await;
    let alice = market.shopper().await;
    let (first, second) = (running(&market, &alice, "one").await, running(&market, &alice, "two").await);
    let wish = [("kind", "name"), ("name", "corner-shop")];
    // At the same moment: the chain gives it to one of them, and the other is told.
    let (one, other) = tokio::join!(press(&alice, first, "", &wish), press(&alice, second, "", &wish));
    assert_eq!((one.status, other.status), (200, 200));
    let rests = |order| read(&market, order).is_some_and(|address| matches!(address.stage, Stage::Live | Stage::Gone));
    market.until("both have come to rest", || rests(first) && rests(second)).await;
    let (live, gone): (Vec<_>, Vec<_>) =
        [first, second].into_iter().partition(|order| there(&market, *order).stage == Stage::Live);
    let ([live], [gone]) = (live.as_slice(), gone.as_slice()) else { panic!("one of them has it") };
    assert!(there(&market, *live).fqdn().unwrap().starts_with("corner-shop."));
    let page = alice.get(&format!("/deployments/{gone}")).await.unwrap();
    assert!(page.says("Somebody has the name “corner-shop” already") && page.says("Set up the address"), "{}", page.text());
    let page = press(&alice, *gone, "", &wish).await;
    assert!(page.status == 422 && page.says("Somebody has this name already"), "{} {}", page.status, page.text());
    press(&alice, *gone, "", &[("kind", "name"), ("name", "corner-shop-2")]).await;
    until_stage(&market, *gone, Stage::Live).await;
    market.close().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn what_is_typed_wrong_is_said_at_its_field() {
    let market = Market::open().await;
    let alice = market.shopper().await;
    let order = running(&market, &alice, "shop").await;
    let gateway = market.demo.world.fleet.profiles.iter().find_map(|profile| profile.domain.clone()).unwrap();
    let below = format!("shop.{gateway}");
    for (kind, field, typed, said) in [
        ("name", "name", "ab", "3 to 40 small letters"),
        ("name", "name", "My Shop", "3 to 40 small letters"),
        ("name", "name", "shop.example.org", "3 to 40 small letters"),
        ("name", "name", "xn--shop", "two hyphens"),
        ("name", "name", "<b>shop</b>", "3 to 40 small letters"),
        ("domain", "domain", "", "such as shop.example.org"),
        ("domain", "domain", "https://shop.example.org", "without https://"),
        ("domain", "domain", "192.0.2.7", "This is an address"),
        ("domain", "domain", "bücher.example", "xn--"),
        ("domain", "domain", "printer.local", "not known on the Internet"),
        ("domain", "domain", below.as_str(), "the gateway's own"),
        ("name", "port", "0", "from 1 to 65535"),
        ("name", "port", "70000", "from 1 to 65535"),
        ("name", "port", "http", "from 1 to 65535"),
    ] {
        let page = press(&alice, order, "", &[("kind", kind), (field, typed)]).await;
        assert!(page.status == 422 && page.says(said), "{field} {typed}: {} {}", page.status, page.text());
        let kept = typed.replace('<', "&lt;").replace('>', "&gt;");
        assert!(typed.is_empty() || page.body.contains(&format!("value=\"{kept}\"")), "{typed} is not kept");
    }
    assert_eq!(read(&market, order), None, "nothing was begun");
    let (own, stranger) = (Caller::person(market.url(), &ALICE).await, Caller::person(market.url(), &TOM).await);
    for way in ["", "/change", "/check", "/remove"] {
        let answer = stranger.post(&format!("/deployments/{order}/address{way}"), &[("kind", "name")]).await;
        assert_eq!(answer.status, 404, "{way}");
    }
    // What is not there can't be changed, and is removed already.
    for (way, status) in [("/change", 404), ("/check", 404), ("/remove", 303)] {
        assert_eq!(own.post(&format!("/deployments/{order}/address{way}"), &[]).await.status, status, "{way}");
    }
    // What a node says of itself that carries nobody's address keeps nobody from a domain.
    let node = market.demo.world.fleet.profiles.iter().find(|it| it.domain.as_ref() == Some(&gateway)).unwrap().node;
    market.demo.world.nodes.set_condition(node, Condition::Down);
    market.demo.instance.app.refresh_nodes().await.unwrap();
    let page = press(&alice, order, "", &[("kind", "domain"), ("domain", below.as_str())]).await;
    assert!(page.status == 200 && page.says("is being set up"), "{} {}", page.status, page.text());
    market.close().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_gateway_that_dies_or_fails_during_set_up_is_replaced_and_leaves_nothing() {
    let market = Market::open().await;
    let alice = market.shopper().await;
    let order = running(&market, &alice, "shop").await;
    let nodes = &market.demo.world.nodes;
    // The nearest of all fails, and the next one is gone in the middle.
    let gateways: Vec<u32> = market.demo.world.fleet.profiles.iter().filter(|it| it.domain.is_some()).map(|it| it.node).collect();
    let (antwerp, zurich, amsterdam) = (gateways[0], gateways[1], gateways[2]);
    nodes.set_fault(antwerp, Fault::FailsAtTheLast);
    nodes.set_fault(amsterdam, Fault::DiesDuringDeploy);
    press(&alice, order, "", &[("kind", "name")]).await;
    let address = until_seen(&market, order, Seen::Answers).await;
    let tried: Vec<_> = address.attempts.iter().map(|attempt| (attempt.node(), attempt.outcome == Outcome::Works)).collect();
    assert_eq!(tried, [(antwerp, false), (amsterdam, false), (zurich, true)]);
    assert_eq!(address.names.len(), 1, "the name was reserved once");
    assert!(host_of(&address).ends_with(&format!("gw{zurich:02}.localhost")));
    assert_eq!(held(&market).len(), 2, "what failed was given back");
    assert_eq!(visit(&market, &host_of(&address)).await.0, 200);

    // The gateway is switched off later: we see it, and when it is back all is well.
    nodes.set_fault(zurich, Fault::Silent);
    until_seen(&market, order, Seen::Silence).await;
    nodes.set_fault(zurich, Fault::None);
    until_seen(&market, order, Seen::Answers).await;

    // Its owner does not want to wait for such a gateway again.
    gateways.iter().for_each(|node| nodes.set_fault(*node, Fault::None));
    let way = format!("/deployments/{order}/address/gateway");
    let page = alice.get(&way).await.unwrap();
    assert!(page.says("Use another gateway?") && page.says("The name ends otherwise then"), "{}", page.text());
    alice.fill(&way, &way, &[]).await.unwrap();
    market.nurse("another one has it", || there(&market, order).attempts.len() > 3).await;
    let after = until_seen(&market, order, Seen::Answers).await;
    assert!(host_of(&after) != host_of(&address) && after.names.len() == 1, "{after:?}");
    assert_eq!((visit(&market, &host_of(&after)).await.0, visit(&market, &host_of(&address)).await.0), (200, 404));
    let mail = market.demo.world.mail.wait_for(ALICE.email, "your web address has changed").await.unwrap();
    assert!(mail.text.contains(&host_of(&after)) && mail.text.contains(&host_of(&address)), "{}", mail.text);
    assert_eq!(held(&market).len(), 2, "what was left was given back");
    market.close().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn visitors_are_led_to_the_machine_that_takes_over_and_the_name_stays() {
    let market = Market::open().await;
    let alice = market.shopper().await;
    let (order, spare) = (running(&market, &alice, "shop").await, running(&market, &alice, "spare").await);
    press(&alice, order, "", &[("kind", "name")]).await;
    let before = until_seen(&market, order, Seen::Answers).await;
    let host = host_of(&before);
    let machine = |order| market.read(order).attempts[0].contract.unwrap();
    // Its own machine is silent, so visitors are sent to the other one, and back again.
    market.demo.world.nodes.set_quiet(machine(order), true);
    until_seen(&market, order, Seen::NothingBehind).await;
    let app = market.demo.instance.app.clone();
    let ip = |order| market.read(order).access.unwrap().mycelium_ip.unwrap().parse().unwrap();
    app.point_web_address(order, ip(spare)).await.unwrap();
    app.point_web_address(order, ip(spare)).await.unwrap();
    let after = until_seen(&market, order, Seen::Answers).await;
    assert!(visit(&market, &host).await.1.contains(&format!("contract {}", machine(spare))));
    assert_eq!((host_of(&after), after.attempts[0].contract, after.changes), (host.clone(), before.attempts[0].contract, 1));
    market.demo.world.nodes.set_quiet(machine(order), false);

    // While the gateway is silent it can't be told; it is as soon as it is back.
    let gateway = before.attempts[0].node();
    market.demo.world.nodes.set_fault(gateway, Fault::Silent);
    app.point_web_address(order, ip(order)).await.unwrap();
    let told = |address: WebAddress| address.trouble.is_some_and(|said| said.contains("gateway does not answer"));
    market.nurse("the page says that the gateway is silent", || read(&market, order).is_some_and(told)).await;
    market.demo.world.nodes.set_fault(gateway, Fault::None);
    until_seen(&market, order, Seen::Answers).await;
    assert!(visit(&market, &host).await.1.contains(&format!("contract {}", machine(order))));
    // Nor is it told before it carries it: the node knows of the new version long before it comes to it.
    market.demo.world.nodes.set_fault(gateway, Fault::Slow(Duration::from_millis(300)));
    app.point_web_address(order, ip(spare)).await.unwrap();
    let led = |address: WebAddress| address.stage == Stage::Live && address.served.is_some_and(|served| served.ip == ip(spare));
    market.until("they are led there", || read(&market, order).is_some_and(led)).await;
    assert!(visit(&market, &host).await.1.contains(&format!("contract {}", machine(spare))), "not yet");
    market.demo.world.nodes.set_fault(gateway, Fault::None);
    // Pointing where nothing points is no harm.
    app.point_web_address(spare, ip(order)).await.unwrap();
    assert_eq!(read(&market, spare), None);
    market.close().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn what_the_grid_deletes_under_an_address_is_made_anew() {
    let market = Market::open().await;
    let alice = market.shopper().await;
    let order = running(&market, &alice, "shop").await;
    press(&alice, order, "", &[("kind", "name"), ("name", "corner-shop")]).await;
    let before = until_seen(&market, order, Seen::Answers).await;
    let home = before.attempts[0].node();
    let host = host_of(&before);
    let until_anew = async |lost: u64| {
        let anew = |address: WebAddress| {
            let contracts = [address.attempts.last().and_then(|it| it.contract), address.names.last().and_then(|it| it.contract)];
            address.stage == Stage::Live && contracts.iter().all(Option::is_some) && !contracts.contains(&Some(lost))
        };
        market.nurse("it is made anew", || read(&market, order).is_some_and(anew)).await;
        until_seen(&market, order, Seen::Answers).await
    };
    let gateway = || there(&market, order).attempts.last().unwrap().contract.unwrap();
    for lost in [gateway(), before.names[0].contract.unwrap()] {
        market.demo.world.chain.end_contract(lost);
        let address = until_anew(lost).await;
        assert_eq!((host_of(&address), address.attempts.last().unwrap().node()), (host.clone(), home), "nobody notices");
        assert_eq!(visit(&market, &host).await.0, 200);
    }
    // A gateway may lose it all by itself, and says so when it is asked.
    let lost = gateway();
    market.demo.world.nodes.lose(home, lost);
    until_seen(&market, order, Seen::NoRoute).await;
    let address = until_anew(lost).await;
    assert_eq!((host_of(&address), told(&market, "web address")), (host.clone(), 0));

    // One that stays away is waited for, and then the address is another one: its owner is told.
    let lost = gateway();
    market.demo.world.nodes.set_fault(home, Fault::Silent);
    market.demo.world.chain.end_contract(lost);
    let waits = |address: WebAddress| address.trouble.is_some_and(|said| said.contains("We wait for it"));
    market.nurse("it is waited for", || read(&market, order).is_some_and(waits)).await;
    let address = until_anew(lost).await;
    assert!(host_of(&address).starts_with("corner-shop.") && host_of(&address) != host);
    let mail = market.demo.world.mail.wait_for(ALICE.email, "your web address has changed").await.unwrap();
    assert!(mail.text.contains(&host_of(&address)) && mail.text.contains(&host), "{}", mail.text);
    market.demo.world.nodes.set_fault(home, Fault::None);
    assert_eq!(held(&market).len(), 2);
    market.leap(20 * MINUTE);
    market.close().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn what_is_not_paid_is_not_changed_until_it_is_and_no_fee_is_wasted_on_it() {
    let market = Market::open().await;
    let alice = market.shopper().await;
    let order = running(&market, &alice, "shop").await;
    press(&alice, order, "", &[("kind", "name")]).await;
    let address = until_seen(&market, order, Seen::Answers).await;
    let broke = crate::kit::fault::Fault::ContractsAreNotPaid;
    broke.strike(&market, &[]);
    // The gateway itself costs nothing without visitors; it does not let a name in that is not paid.
    let contract = address.names[0].contract.unwrap();
    let state = || market.demo.world.chain.contract(contract).map(|contract| contract.state);
    market.nurse("it is not paid", || state() == Some(ContractStateView::GracePeriod)).await;
    market.demo.instance.app.change_web_address(market.read(order).user, order, "8080", false).await.unwrap();
    let waits = |address: WebAddress| address.stage == Stage::Pointing && address.paused && address.change.is_some();
    market.nurse("it waits", || read(&market, order).is_some_and(waits)).await;
    for _ in 0..4 {
        market.leap(12 * MINUTE);
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
    let change = Purpose::PointAddress { address: address.id, change: there(&market, order).changes };
    assert_eq!(market.demo.instance.app.read().unwrap().call(&change).unwrap(), None, "nothing was signed");
    let page = alice.get(&format!("/deployments/{order}")).await.unwrap();
    assert!(page.says("Paused") && page.says("that is our fault"), "{}", page.text());
    broke.heal(&market, &[]);
    market.nurse("it is changed", || read(&market, order).is_some_and(|it| it.served.is_some_and(|it| it.port == 8080))).await;
    until_seen(&market, order, Seen::Answers).await;
    market.close().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_server_that_is_deleted_takes_its_half_made_address_with_it() {
    let market = Market::open().await;
    let alice = market.shopper().await;
    for stage in [Stage::Naming, Stage::Reserving, Stage::Building] {
        let order = running(&market, &alice, "shop").await;
        // Slow enough to be caught in the middle.
        for profile in market.demo.world.fleet.profiles.iter().filter(|it| it.domain.is_some()) {
            market.demo.world.nodes.set_fault(profile.node, Fault::Slow(MINUTE));
        }
        press(&alice, order, "", &[("kind", "name")]).await;
        let begun = |address: WebAddress| address.stage >= stage;
        market.until("it is half made", || read(&market, order).is_some_and(begun)).await;
        let remove = format!("/deployments/{order}/delete");
        alice.fill(&remove, &remove, &[]).await.unwrap();
        let order = market.ended(order).await;
        assert!(matches!(there(&market, order.id).host, Host::Name { ours: true, .. }));
        assert_eq!((there(&market, order.id).stage, held(&market)), (Stage::Gone, vec![]), "{stage:?}");
    }
    market.close().await;
}
