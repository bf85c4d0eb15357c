//! The gate: who may do what to whose things, on every route there is; and what a stranger's page can't make a browser do.

use std::collections::BTreeSet;
use std::time::Duration;

use cooperage::base::ids::{CardId, ChargeId, FilterId, JobId, MaintenanceId, OrderId, PoolId, QuoteId, SessionId};
use cooperage::base::time::MINUTE;
use cooperage::cli::demo::{ALICE, HILBERT, TOM};
use cooperage::domain::order::State;
use cooperage::domain::pool::{Filter, Sort};
use cooperage::domain::report::Seat;
use cooperage::store::Read;
use cooperage::store::account::Accounts;
use cooperage::store::charge::Charges;
use cooperage::store::schema::CARDS;

use crate::kit::caller::{Answer, Caller};
use crate::kit::market::{GOOD_CARD, Market, PASSWORD};

/// Every route: what a guest, the owner of the thing in the path (for operators' routes: nobody's), another user, a provider and an
/// operator get. Order matters: what ends things comes last. Forms are sent empty but genuine.
const EXPECTED: &[(&str, &str, [u16; 5])] = &[
    ("GET", "/", [200; 5]),
    ("GET", "/catalogue", [200; 5]),
    ("GET", "/nodes", [200; 5]),
    ("GET", "/nodes/{id}", [200; 5]),
    ("GET", "/signup", [200, 303, 303, 303, 303]),
    ("POST", "/signup", [422; 5]),
    ("GET", "/verify", [200; 5]),
    ("POST", "/verify", [422; 5]),
    ("POST", "/verify/again", [422; 5]),
    ("GET", "/login", [200, 303, 303, 303, 303]),
    ("POST", "/login", [422; 5]),
    ("GET", "/forgot", [200; 5]),
    ("POST", "/forgot", [422; 5]),
    ("GET", "/reset", [200; 5]),
    ("POST", "/reset", [422; 5]),
    ("GET", "/setup", [404; 5]),
    ("POST", "/setup", [404; 5]),
    ("GET", "/order", [303, 200, 200, 200, 200]),
    ("POST", "/order", [303, 422, 422, 422, 422]),
    ("GET", "/filters", [303, 200, 200, 200, 200]),
    // An empty form asks for nothing that could be kept.
    ("POST", "/filters", [303, 422, 422, 422, 422]),
    ("POST", "/filters/{id}/rename", [303, 422, 404, 404, 404]),
    ("POST", "/filters/{id}/remove", [303, 303, 404, 404, 404]),
    ("GET", "/quotes/{id}", [303, 200, 404, 404, 404]),
    ("GET", "/deployments", [303, 200, 200, 200, 200]),
    ("GET", "/deployments/{id}", [303, 200, 404, 404, 404]),
    ("GET", "/deployments/{id}/progress", [303, 200, 404, 404, 404]),
    ("GET", "/deployments/{id}/events", [303, 200, 404, 404, 404]),
    ("GET", "/deployments/{id}/delete", [303, 200, 404, 404, 404]),
    ("GET", "/deployments/{id}/changes", [303, 200, 404, 404, 404]),
    ("GET", "/deployments/{id}/stop", [303, 200, 404, 404, 404]),
    // Her system is on no disk of its own: what is lost has to be agreed to.
    ("POST", "/deployments/{id}/stop", [303, 422, 404, 404, 404]),
    // It runs already.
    ("POST", "/deployments/{id}/start", [303, 409, 404, 404, 404]),
    ("GET", "/deployments/{id}/resize", [303, 200, 404, 404, 404]),
    ("POST", "/deployments/{id}/resize", [303, 422, 404, 404, 404]),
    ("GET", "/deployments/{id}/move", [303, 200, 404, 404, 404]),
    ("POST", "/deployments/{id}/move", [303, 422, 404, 404, 404]),
    // Alice's was ordered without one.
    ("GET", "/deployments/{id}/tunnel", [303, 404, 404, 404, 404]),
    ("GET", "/deployments/{id}/handover", [303, 200, 404, 404, 404]),
    // She has not shown an account of hers.
    ("GET", "/deployments/{id}/handover/file", [303, 409, 404, 404, 404]),
    // An empty form names no contract.
    ("POST", "/deployments/{id}/handover", [303, 422, 404, 404, 404]),
    ("GET", "/twin", [303, 200, 200, 200, 200]),
    ("POST", "/twin", [303, 422, 422, 422, 422]),
    ("POST", "/twin/forget", [303; 5]),
    ("GET", "/deployments/{id}/metrics", [303, 200, 404, 404, 404]),
    ("GET", "/deployments/{id}/metrics/events", [303, 200, 404, 404, 404]),
    ("GET", "/deployments/{id}/logs", [303, 200, 404, 404, 404]),
    // Alice's was ordered without a backup VM.
    ("GET", "/deployments/{id}/backup", [303, 404, 404, 404, 404]),
    ("POST", "/deployments/{id}/backup/line", [303, 404, 404, 404, 404]),
    ("POST", "/deployments/{id}/backup/plan", [303, 404, 404, 404, 404]),
    ("GET", "/deployments/{id}/backup/drill", [303, 404, 404, 404, 404]),
    ("POST", "/deployments/{id}/backup/drill", [303, 404, 404, 404, 404]),
    ("POST", "/deployments/{id}/backup/return", [303, 404, 404, 404, 404]),
    // Whoever has the VM's own address is the VM: an empty form is no message of one.
    ("GET", "/r/{id}/install", [200; 5]),
    ("POST", "/r/{id}/sync", [422; 5]),
    ("POST", "/r/{id}", [422; 5]),
    // Its machine says that it ends.
    ("POST", "/r/{id}/end", [200; 5]),
    ("GET", "/deployments/{id}/copies", [303, 200, 404, 404, 404]),
    ("POST", "/deployments/{id}/copies", [303, 422, 404, 404, 404]),
    // Nothing is copied yet.
    ("POST", "/deployments/{id}/copies/line", [303, 404, 404, 404, 404]),
    ("POST", "/deployments/{id}/copies/end", [303, 303, 404, 404, 404]),
    ("POST", "/deployments/{id}/reports/logs", [303, 303, 404, 404, 404]),
    ("POST", "/deployments/{id}/reports", [303, 200, 404, 404, 404]),
    ("POST", "/deployments/{id}/reports/end", [303, 303, 404, 404, 404]),
    ("GET", "/deployments/{id}/address/events", [303, 200, 404, 404, 404]),
    // There is no address yet that could be with another gateway.
    ("GET", "/deployments/{id}/address/gateway", [303, 404, 404, 404, 404]),
    ("POST", "/deployments/{id}/address/gateway", [303, 404, 404, 404, 404]),
    // An empty form asks for a name of our choosing.
    ("POST", "/deployments/{id}/address", [303, 303, 404, 404, 404]),
    ("POST", "/deployments/{id}/address/change", [303, 303, 404, 404, 404]),
    ("POST", "/deployments/{id}/address/check", [303, 303, 404, 404, 404]),
    ("POST", "/deployments/{id}/address/remove", [303, 303, 404, 404, 404]),
    ("POST", "/deployments/{id}/label", [303, 303, 404, 404, 404]),
    // Nor has it a storage swarm; that of one who has is in tests/swarm.rs.
    ("GET", "/deployments/{id}/swarm", [303, 404, 404, 404, 404]),
    ("GET", "/deployments/{id}/swarm/events", [303, 404, 404, 404, 404]),
    ("GET", "/deployments/{id}/swarm/config", [303, 404, 404, 404, 404]),
    ("POST", "/deployments/{id}/swarm/saved", [303, 404, 404, 404, 404]),
    ("POST", "/deployments/{id}/swarm/drill", [303, 404, 404, 404, 404]),
    ("POST", "/deployments/{id}/swarm/replace", [303, 404, 404, 404, 404]),
    ("GET", "/cards", [303, 200, 200, 200, 200]),
    ("GET", "/cards/done", [404; 5]),
    ("GET", "/cards/new/{id}", [303, 200, 404, 404, 404]),
    ("POST", "/cards", [303; 5]),
    ("GET", "/receipts/{id}", [303, 200, 404, 404, 404]),
    ("GET", "/profile", [303, 200, 200, 200, 200]),
    ("POST", "/profile", [303, 422, 422, 422, 422]),
    ("GET", "/provider/nodes", [303, 404, 404, 200, 404]),
    // Node 1 stands on Hilbert's farm.
    ("GET", "/provider/nodes/{id}", [303, 404, 404, 200, 404]),
    ("POST", "/provider/nodes/{id}/expose", [303, 404, 404, 422, 404]),
    ("POST", "/provider/nodes/{id}/offer", [303, 404, 404, 422, 404]),
    ("POST", "/provider/nodes/{id}/withdraw", [303, 404, 404, 303, 404]),
    ("POST", "/provider/nodes/{id}/maintenance", [303, 404, 404, 422, 404]),
    // There is no window: even the provider can't change one.
    ("GET", "/provider/nodes/{id}/maintenance/{window}", [303, 404, 404, 404, 404]),
    ("POST", "/provider/nodes/{id}/maintenance/{window}", [303, 404, 404, 404, 404]),
    ("POST", "/provider/nodes/{id}/maintenance/{window}/cancel", [303, 404, 404, 404, 404]),
    ("GET", "/provider/earnings", [303, 404, 404, 200, 404]),
    ("GET", "/provider/claim", [303, 200, 200, 200, 200]),
    ("POST", "/provider/claim", [303, 422, 422, 422, 422]),
    ("GET", "/operator", [303, 404, 404, 404, 200]),
    ("GET", "/operator/orders", [303, 404, 404, 404, 200]),
    ("GET", "/operator/orders/{id}", [303, 404, 404, 404, 200]),
    ("GET", "/operator/jobs", [303, 404, 404, 404, 200]),
    ("GET", "/operator/purse", [303, 404, 404, 404, 200]),
    // There is no parked job: even the operator can't try one again.
    ("POST", "/operator/jobs/{id}/retry", [303, 404, 404, 404, 404]),
    ("GET", "/operator/accounts", [303, 404, 404, 404, 200]),
    ("GET", "/operator/people", [303, 404, 404, 404, 200]),
    ("GET", "/operator/pools", [303, 404, 404, 404, 200]),
    ("POST", "/operator/pools", [303, 404, 404, 404, 422]),
    ("GET", "/operator/pools/{id}", [303, 404, 404, 404, 200]),
    // An empty form names no node and no person: there is none such.
    ("POST", "/operator/pools/{id}/approve", [303, 404, 404, 404, 404]),
    ("GET", "/operator/pools/{id}/refuse", [303, 404, 404, 404, 404]),
    ("POST", "/operator/pools/{id}/refuse", [303, 404, 404, 404, 404]),
    ("POST", "/operator/pools/{id}/members", [303, 404, 404, 404, 422]),
    ("POST", "/operator/pools/{id}/leave", [303, 404, 404, 404, 404]),
    ("GET", "/operator/settings", [303, 404, 404, 404, 200]),
    ("POST", "/hooks/cards", [400; 5]),
    ("GET", "/assets/{name}", [200; 5]),
    ("GET", "/livez", [200; 5]),
    ("GET", "/readyz", [200; 5]),
    ("POST", "/quotes/{id}/confirm", [303, 303, 404, 404, 404]),
    ("POST", "/cards/{id}/default", [303, 303, 404, 404, 404]),
    ("POST", "/cards/{id}/remove", [303, 303, 404, 404, 404]),
    ("POST", "/deployments/{id}/delete", [303, 303, 404, 404, 404]),
    ("POST", "/keys/{id}/forget", [303, 303, 404, 404, 404]),
    ("POST", "/sessions/{id}/end", [303, 303, 404, 404, 404]),
    ("POST", "/operator/clock/skip", [303, 404, 404, 404, 303]),
    ("POST", "/logout", [303; 5]),
];

/// Sent by programs: no form of ours, and known by something else.
const OF_PROGRAMS: [&str; 4] = ["/hooks/cards", "/r/{id}", "/r/{id}/sync", "/r/{id}/end"];

/// Who asks, in the order of the columns above.
const GUEST: usize = 0;
const OWNER: usize = 1;
const PROVIDER: usize = 3;
const OPERATOR: usize = 4;

/// Every route of the product as its own table of routes has it.
fn routes() -> BTreeSet<(String, String)> {
    let source = include_str!("../src/web/routes.rs");
    let lines: Vec<&str> = source.lines().filter(|line| line.trim().starts_with(".route(")).collect();
    let read = |line: &&str| {
        let path = line.split('"').nth(1)?.to_owned();
        let method = if line.contains("get().to") {
            "GET"
        } else if line.contains("post().to") {
            "POST"
        } else {
            return None;
        };
        Some((method.to_owned(), path))
    };
    let read: BTreeSet<_> = lines.iter().filter_map(read).collect();
    assert_eq!(read.len(), lines.len(), "a route that this test can't read");
    assert_eq!(source.matches(".route(").count(), lines.len(), "a route that does not stand on a line of its own");
    assert!(!source.contains(".service("), "routes are made with .route");
    read
}

#[test]
fn every_route_has_an_expectation_for_everybody() {
    let expected: Vec<_> = EXPECTED.iter().map(|(method, path, _)| (method.to_string(), path.to_string())).collect();
    assert_eq!(expected.iter().cloned().collect::<BTreeSet<_>>(), routes());
    assert_eq!(expected.len(), routes().len(), "each once");
}

/// A market in which Alice owns one of everything, and others ask.
struct Town {
    market: Market,
    people: [Caller; 5],
    order: OrderId,
    quote: String,
    card: CardId,
    /// `seti_…` of a card that Alice has begun to save.
    setup: String,
    charge: ChargeId,
    session: SessionId,
    pool: PoolId,
    filter: FilterId,
    /// In the address of Alice's VM.
    secret: String,
    /// As the profile names an SSH key.
    key: String,
    asset: String,
}

impl Town {
    async fn open() -> Town {
        let market = Market::open().await;
        let alice = market.log_in(&ALICE).await;
        market.save_card(&alice, GOOD_CARD).await;
        market.save_card(&alice, GOOD_CARD).await;
        let order = market.order(&alice, "web", "").await;
        let quote = market.quote(&alice, "two", "").await.url.path().trim_start_matches("/quotes/").to_owned();
        market.newcomer("Bob").await;
        let base = market.url().to_owned();
        let people = [
            Caller::new(&base),
            Caller::person(&base, &ALICE).await,
            Caller::with_password(&base, "bob@example.org", PASSWORD).await,
            Caller::person(&base, &HILBERT).await,
            Caller::person(&base, &TOM).await,
        ];
        let order = market.rest(order).await;
        assert_eq!(order.state, State::Active);
        let snapshot = market.demo.instance.app.read().unwrap();
        let card = snapshot.cards_of(order.user).unwrap().into_iter().find(|card| card.id != order.card).unwrap().id;
        // The newest session is the one of the table; the browser that did the shopping has another.
        let mut sessions = snapshot.sessions_of(order.user).unwrap();
        sessions.sort_by_key(|session| session.created);
        let session = sessions[0].id;
        assert!(snapshot.get(&CARDS, card).unwrap().is_some());
        drop(snapshot);
        let page = people[GUEST].get("/").await.body;
        let asset = page.split("/assets/").nth(1).unwrap().split('"').next().unwrap().to_owned();
        // A card that she has begun to save.
        let begun = people[GUEST + 1].post("/cards", &[]).await;
        let setup = begun.header("location").split("/card/").nth(1).unwrap().split('?').next().unwrap().to_owned();
        let pool = market.demo.instance.app.create_private_pool("Ghent co-op").await.unwrap();
        let wish = Filter::parse("country=Belgium").unwrap();
        let filter = market.demo.instance.app.save_filter(order.user, "Near home", wish, None, Sort::default()).await.unwrap();
        let secret = market.demo.instance.app.switch_on_reports(order.user, order.id, Seat::Main, true).await.unwrap();
        let secret = secret.reveal().clone();
        let profile = people[GUEST + 1].get("/profile").await.body;
        let key = profile.split("/keys/").nth(1).unwrap().split('/').next().unwrap().to_owned();
        let (order, charge) = (order.id, order.charge);
        Town { key, secret, filter, order, charge, quote, card, setup, session, pool, asset, people, market }
    }

    /// The route's path with Alice's thing in it.
    fn path(&self, route: &str) -> String {
        let id = match route {
            _ if route.starts_with("/quotes/") => self.quote.clone(),
            _ if route.starts_with("/deployments/") || route.starts_with("/operator/orders/") => self.order.to_string(),
            _ if route.starts_with("/cards/new/") => self.setup.clone(),
            _ if route.starts_with("/cards/") => self.card.to_string(),
            _ if route.starts_with("/receipts/") => self.charge.to_string(),
            _ if route.starts_with("/keys/") => self.key.clone(),
            _ if route.starts_with("/sessions/") => self.session.to_string(),
            _ if route.starts_with("/operator/pools/") => self.pool.to_string(),
            _ if route.starts_with("/provider/nodes/") || route.starts_with("/nodes/") => "1".to_owned(),
            _ if route.starts_with("/r/") => self.secret.clone(),
            _ if route.starts_with("/filters/") => self.filter.to_string(),
            _ => JobId::from_bits(7).to_string(),
        };
        route.replace("{id}", &id).replace("{name}", &self.asset).replace("{window}", &MaintenanceId::from_bits(7).to_string())
    }

    fn commits(&self) -> u64 {
        *self.market.demo.instance.app.store.commits().borrow()
    }
}

/// An id of the right kind that nobody has.
fn unknown(route: &str) -> String {
    match route.split('/').nth(1).unwrap_or_default() {
        "quotes" => QuoteId::from_bits(7).to_string(),
        "deployments" => OrderId::from_bits(7).to_string(),
        "cards" => CardId::from_bits(7).to_string(),
        "receipts" => ChargeId::from_bits(7).to_string(),
        "sessions" => SessionId::from_bits(7).to_string(),
        "operator" if route.contains("/orders/") => OrderId::from_bits(7).to_string(),
        "operator" if route.contains("/pools/") => PoolId::from_bits(7).to_string(),
        "provider" | "nodes" => u32::MAX.to_string(),
        "r" => "0".repeat(64),
        "filters" => FilterId::from_bits(7).to_string(),
        "operator" => JobId::from_bits(7).to_string(),
        _ => "unknown.css".to_owned(),
    }
}

/// The one who gets furthest on a route: a stranger's trick must fail where the owner's honest form works.
fn rightful(route: &str) -> usize {
    let guests = [
        "/signup",
        "/verify",
        "/verify/again",
        "/login",
        "/forgot",
        "/reset",
        "/setup",
        "/hooks/cards",
        "/r/{id}",
        "/r/{id}/sync",
        "/r/{id}/end",
        "/r/{id}/install",
    ];
    match () {
        () if route.starts_with("/operator") => OPERATOR,
        () if route.starts_with("/provider/nodes/") => PROVIDER,
        () if guests.contains(&route) => GUEST,
        () => OWNER,
    }
}

fn assert_guarded(answer: &Answer, what: &str) {
    let policy = answer.header("content-security-policy");
    assert!(policy.starts_with("default-src 'none'"), "{what}: {policy}");
    let known = policy.replace("https://*.js.stripe.com", "");
    for wrong in ["unsafe-inline", "unsafe-eval", "*", "data:"] {
        assert!(!known.contains(wrong), "{what}: {policy}");
    }
    for part in ["script-src 'self'", "frame-ancestors 'none'", "base-uri 'none'", "form-action 'self'"] {
        assert!(policy.contains(part), "{what}: {policy}");
    }
    assert_eq!(answer.header("x-content-type-options"), "nosniff", "{what}");
    assert_eq!(answer.header("referrer-policy"), "same-origin", "{what}");
    assert_eq!(answer.header("cross-origin-opener-policy"), "same-origin", "{what}");
    assert!(!answer.header("cache-control").is_empty(), "{what}");
    assert!(answer.header("server").is_empty() && answer.header("x-powered-by").is_empty(), "{what}");
    for cookie in answer.cookies() {
        assert!(cookie.contains("HttpOnly") && cookie.contains("SameSite=Lax") && cookie.contains("Path=/"), "{what}: {cookie}");
        assert!(!cookie.contains("Domain="), "{what}: {cookie}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn everybody_gets_what_is_theirs_and_nothing_else() {
    let town = Town::open().await;
    // Reading first: nothing of it may change anything. Background work commits too, but not each time somebody looks.
    for (_, route, _) in EXPECTED.iter().filter(|(method, _, _)| *method == "GET") {
        let mut silent = false;
        for _ in 0..6 {
            let before = town.commits();
            town.people[rightful(route)].get(&town.path(route)).await;
            town.people[GUEST].get(&town.path(route)).await;
            silent = town.commits() == before;
            if silent {
                break;
            }
        }
        assert!(silent, "GET {route} writes something every time");
    }
    // What does not exist.
    for (method, route, _) in EXPECTED.iter().filter(|(_, path, _)| path.contains('{')) {
        // Nobody asks for so much at once: each route gets its own seconds.
        town.market.leap(Duration::from_secs(5));
        let malformed = ["x", "%00", "%FF", "..%2f..%2fetc%2fpasswd", "ord_", "1", "%E2%80%AE", &"a".repeat(2000)];
        let unknown = unknown(route);
        let who = &town.people[rightful(route)];
        let csrf = who.csrf().await;
        if *method == "POST" {
            // One account may send only so much at once.
            town.market.leap(std::time::Duration::from_secs(8));
        }
        // A node is called by a number, and there is a first one.
        let named = |id: &&str| *id == "1" && (route.starts_with("/provider/nodes/") || route.starts_with("/nodes/"));
        for id in malformed.into_iter().filter(|id| !named(id)).chain([unknown.as_str()]) {
            let path = route.replace("{id}", id).replace("{name}", id).replace("{window}", id);
            let request = if *method == "GET" { who.request("GET", &path) } else { who.form(&path, &csrf, &[]) };
            let answer = who.send(request).await;
            assert_eq!(answer.status, 404, "{method} {path}");
            assert_guarded(&answer, &path);
        }
    }
    // Forgeries: nothing happens, wherever they are sent.
    let stranger = town.people[GUEST].csrf().await;
    for (_, route, _) in EXPECTED.iter().filter(|(method, path, _)| *method == "POST" && !OF_PROGRAMS.contains(path)) {
        let (who, path) = (&town.people[rightful(route)], town.path(route));
        let own = who.csrf().await;
        let foreign = if rightful(route) == GUEST { "0".repeat(32) } else { stranger.clone() };
        let large = "x".repeat(17 * 1024);
        let forgeries = [
            ("no form", 403, who.request("POST", &path)),
            ("no csrf", 403, who.request("POST", &path).form(&[("name", "x")])),
            ("an empty csrf", 403, who.form(&path, "", &[])),
            ("a foreign csrf", 403, who.form(&path, &foreign, &[])),
            ("another origin", 403, who.form(&path, &own, &[]).header("origin", "https://evil.example")),
            ("no origin", 403, who.form(&path, &own, &[]).header("origin", "null")),
            ("another site", 403, who.form(&path, &own, &[]).header("sec-fetch-site", "cross-site")),
            ("a sibling site", 403, who.form(&path, &own, &[]).header("sec-fetch-site", "same-site")),
            (
                "json",
                403,
                who.request("POST", &path).header("content-type", "application/json").body(format!("{{\"csrf\":\"{own}\"}}")),
            ),
            ("too much", 422, who.form(&path, &own, &[("name", large.as_str())])),
            ("no text", 422, who.request("POST", &path).body(vec![b'a', b'=', 0xFF, 0xFE, b'%', b'F', b'F'])),
        ];
        for (what, status, request) in forgeries {
            let mut request = Some(request);
            let mut silent = false;
            for _ in 0..6 {
                let Some(again) = request.as_ref().and_then(reqwest::RequestBuilder::try_clone) else { break };
                let before = town.commits();
                let answer = who.send(again).await;
                assert_eq!(answer.status, status, "POST {path} with {what}: {}", answer.body);
                let title = if what.contains("origin") || what.contains("site") { "from somewhere else" } else { "once more" };
                assert!(status != 403 || answer.says(title), "POST {path} with {what}: {}", answer.body);
                assert_guarded(&answer, &path);
                silent = town.commits() == before;
                if silent {
                    request = None;
                }
            }
            assert!(silent, "POST {path} with {what} writes something");
        }
    }
    // Nobody may change so much at once.
    town.market.leap(std::time::Duration::from_secs(120));
    // Then the honest forms: strangers before owners, so that there is something to be seen.
    // So much as all of this nobody asks for in a minute: what the forgeries have used up of it is given back.
    town.market.leap(MINUTE);
    for (method, route, expected) in EXPECTED {
        // One machine says no more than this at once, whoever says it for it.
        if *route == "/r/{id}/end" {
            town.market.leap(MINUTE + MINUTE / 3);
        }
        for who in [GUEST, 2, 3, OPERATOR, OWNER] {
            let (path, caller) = (town.path(route), &town.people[who]);
            let request = match *method {
                "GET" => caller.request("GET", &path),
                _ => caller.form(&path, &caller.csrf().await, &[]),
            };
            let answer = caller.send(request).await;
            assert_eq!(answer.status, expected[who], "{method} {path}, column {who}: {}", answer.body);
            if *method == "GET" {
                let head = caller.send(caller.request("HEAD", &path)).await;
                assert_eq!((head.status, head.body.as_str()), (answer.status, ""), "HEAD {path}, column {who}");
                assert_eq!(head.header("content-type"), answer.header("content-type"), "HEAD {path}, column {who}");
            }
            if *route != "/hooks/cards" {
                assert_guarded(&answer, &path);
            }
            let to = answer.header("location");
            let logs_in = to.starts_with("/login");
            assert_eq!(logs_in, who == GUEST && answer.status == 303 && *route != "/logout", "{method} {path}: {to}");
        }
    }
    let ended = town.market.ended(town.order).await;
    assert_eq!(ended.state, State::Ended);
    let Town { market, people, .. } = town;
    // Nobody is logged in any more, and no other method opens anything.
    for who in &people {
        assert_eq!(who.get("/profile").await.status, 303);
    }
    for method in ["PUT", "DELETE", "PATCH", "OPTIONS", "TRACE"] {
        for path in ["/", "/operator", "/deployments", "/cards"] {
            let answer = people[GUEST].send(people[GUEST].request(method, path)).await;
            assert_eq!(answer.status, 405, "{method} {path}");
            let (reads, both) = ("GET, HEAD", "GET, HEAD, POST");
            assert_eq!(answer.header("allow"), if path == "/cards" { both } else { reads }, "{method} {path}");
            assert_guarded(&answer, path);
        }
    }
    let quote = market.demo.instance.app.quote_of(ended.user, town.quote.parse().unwrap()).unwrap();
    market.ended_or_active(quote.order.unwrap()).await;
    market.close().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_link_or_a_form_never_leads_away_from_us() {
    let market = Market::open().await;
    let base = market.url().to_owned();
    let alice = Caller::person(&base, &ALICE).await;
    let corpus = [
        "https://evil.example",
        "//evil.example",
        "///evil.example",
        "/\\evil.example",
        "\\\\evil.example",
        "/\t/evil.example",
        "/%09/evil.example",
        "http:evil.example",
        "javascript:alert(1)",
        "/@evil.example",
        "/..//evil.example",
        "/.//evil.example",
        "/a/..//evil.example",
        "evil.example",
        "/x\r\nset-cookie: a=b",
        "//evil.example/%2e%2e",
        "/%2f/evil.example",
        "data:text/html,x",
    ];
    let stays = |answer: &Answer, next: &str| {
        let to = reqwest::Url::parse(&base).unwrap().join(answer.header("location")).unwrap();
        assert!(to.as_str().starts_with(&base), "{next}: {to}");
        assert!(answer.cookies().iter().all(|cookie| !cookie.starts_with("a=b")), "{next}");
        // A browser that follows it lands on a path that can't be read as another host.
        assert!(!to.path().starts_with("//"), "{next}: {to}");
    };
    for next in corpus {
        let query = reqwest::Url::parse_with_params(&format!("{base}/login"), [("next", next)]).unwrap();
        let answer = alice.send(alice.request("GET", &query.as_str()[base.len()..])).await;
        assert_eq!(answer.status, 303);
        stays(&answer, next);
        market.leap(std::time::Duration::from_secs(60));
        let guest = Caller::new(&base);
        let fields = [("email", ALICE.email), ("password", ALICE.password), ("next", next)];
        let answer = guest.post("/login", &fields).await;
        assert_eq!(answer.status, 303, "{}", answer.body);
        stays(&answer, next);
    }
    let answer = Caller::new(&base).get("/cards?x=%0d%0aa:b&next=//evil.example").await;
    stays(&answer, "a guest's page");
    market.close().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn over_https_every_cookie_belongs_to_this_host_alone() {
    let market = Market::open().await;
    let base = market.url().to_owned();
    let plain = Caller::new(&base).get("/login").await;
    assert!(plain.cookies().iter().all(|cookie| cookie.starts_with("cooperage-guest=")), "{:?}", plain.cookies());
    market.close().await;
    let market = Market::open_at("https://cooperage.example").await;
    let base = market.url().to_owned();
    let page = Caller::new(&base).get("/login").await;
    assert_guarded(&page, "/login");
    assert!(page.header("strict-transport-security").contains("max-age="));
    let cookie = page.cookies()[0].split(';').next().unwrap().to_owned();
    let from = page.body.find("name=\"csrf\" value=\"").unwrap() + 19;
    let csrf = &page.body[from..from + 32];
    let caller = Caller::new(&base);
    let fields = [("email", ALICE.email), ("password", ALICE.password)];
    let request = caller.form("/login", csrf, &fields).header("cookie", &cookie).header("origin", "https://cooperage.example");
    let answer = caller.send(request).await;
    assert_eq!(answer.status, 303, "{}", answer.body);
    for set in page.cookies().into_iter().chain(answer.cookies()) {
        assert!(set.starts_with("__Host-") && set.contains("Secure") && set.contains("HttpOnly"), "{set}");
        assert!(set.contains("SameSite=Lax") && set.contains("Path=/") && !set.contains("Domain"), "{set}");
    }
    // A name without the prefix could be set by a neighbour under the same domain: it means nothing.
    let session = answer.cookies().into_iter().find(|set| set.starts_with("__Host-cooperage=")).unwrap();
    let token = session.split(['=', ';']).nth(1).unwrap().to_owned();
    let with = |name: &str| caller.request("GET", "/profile").header("cookie", format!("{name}={token}"));
    assert_eq!(caller.send(with("cooperage")).await.status, 303);
    assert_eq!(caller.send(with("__Host-cooperage")).await.status, 200);
    market.close().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn nobody_without_an_account_tries_anything_without_end() {
    // Behind a proxy each visitor has an address of its own, so that limits by address and by account can be told apart.
    let market = Market::open_with(|settings| settings.server.trusted_proxy = "127.0.0.1".into()).await;
    let base = market.url().to_owned();
    let guests: Vec<_> = EXPECTED
        .iter()
        .filter(|(method, path, _)| *method == "POST" && rightful(path) == GUEST)
        .map(|(_, path, _)| *path)
        .collect();
    for (place, path) in guests.iter().enumerate() {
        let caller = Caller::new(&base);
        let csrf = caller.csrf().await;
        let mut tries = 0;
        if *path == "/hooks/cards" {
            // Programs are quicker than people: all at once.
            let notice = || caller.request("POST", path).header("x-forwarded-for", "192.0.2.250");
            let answers = futures_util::future::join_all((0..1500).map(|_| caller.send(notice()))).await;
            assert!(answers.iter().any(|answer| answer.status == 429), "{path} can be tried without end");
            let other = caller.request("POST", path).header("x-forwarded-for", "198.51.100.250");
            assert_eq!(caller.send(other).await.status, 400, "the processor is not shut out by somebody else's noise");
            continue;
        }
        let limited = loop {
            tries += 1;
            // A new address each time, unless that is what is counted.
            let email = format!("p{place}n{tries}@example.org");
            let fields = [("name", "Mallory"), ("email", &email), ("password", PASSWORD), ("code", "no such link")];
            let fields: Vec<_> = fields.iter().map(|(name, value)| (*name, &**value)).collect();
            let request = caller.form(path, &csrf, &fields).header("x-forwarded-for", format!("192.0.2.{place}"));
            let answer = caller.send(request).await;
            if answer.status == 429 {
                break answer;
            }
            assert!(tries < 60, "{path} can be tried without end: {}", answer.status);
        };
        assert!(limited.says("too often"), "{path}: {}", limited.body);
        // Somebody else is not shut out by it, and time heals.
        let request = caller.form(path, &csrf, &[]).header("x-forwarded-for", format!("198.51.100.{place}"));
        assert_ne!(caller.send(request).await.status, 429, "{path}");
    }
    // Many addresses, one account.
    for (path, account) in [("/login", "alice"), ("/forgot", "tom"), ("/verify/again", "hilbert"), ("/signup", "carol")] {
        let caller = Caller::new(&base);
        let csrf = caller.csrf().await;
        let email = format!("{account}@cooperage.example");
        let mut tries = 0;
        loop {
            tries += 1;
            let fields = [("name", "Mallory"), ("email", email.as_str()), ("password", "not the right words")];
            let request = caller.form(path, &csrf, &fields).header("x-forwarded-for", format!("203.0.113.{tries}"));
            if caller.send(request).await.status == 429 {
                break;
            }
            assert!(tries < 90, "{path}: one account can be tried from everywhere");
        }
    }
    // Whoever tries an account from one address shuts out that address, not its owner; and signing up with it uses up no link of hers.
    let (mallory, hilbert) = (Caller::new(&base), Caller::new(&base));
    for (path, owner, password) in [("/login", HILBERT, "not the right words"), ("/signup", ALICE, PASSWORD)] {
        let csrf = mallory.csrf().await;
        let fields = [("name", "Mallory"), ("email", owner.email), ("password", password)];
        for tries in 1.. {
            let place = if path == "/login" { "192.0.2.230".into() } else { format!("192.0.2.{}", 231 + tries) };
            if mallory.send(mallory.form(path, &csrf, &fields).header("x-forwarded-for", place)).await.status == 429 {
                break;
            }
            assert!(tries < 20, "{path} can be tried without end");
        }
    }
    let csrf = hilbert.csrf().await;
    let home = |path, fields: &[(&str, &str)]| hilbert.form(path, &csrf, fields).header("x-forwarded-for", "198.51.100.231");
    assert_ne!(hilbert.send(home("/forgot", &[("email", ALICE.email)])).await.status, 429);
    let inside = hilbert.send(home("/login", &[("email", HILBERT.email), ("password", HILBERT.password)])).await;
    assert_eq!(inside.status, 303, "{}", inside.body);
    // One who writes the header without being the proxy gets no fresh start: only the last name in the last such line counts.
    let forgeries: [fn(usize) -> Vec<String>; 3] = [
        |tries| vec![format!("10.0.0.{tries}, 192.0.2.200")],
        |tries| vec![format!("10.0.1.{tries}"), "192.0.2.201".into()],
        |tries| vec![format!("10.0.2.{tries}"), format!("10.0.3.{tries}, 2001:db8::{tries:x}")],
    ];
    for (kind, lines) in forgeries.iter().enumerate() {
        let caller = Caller::new(&base);
        let csrf = caller.csrf().await;
        let mut tries = 0;
        loop {
            tries += 1;
            let email = format!("q{kind}{tries}@example.org");
            let mut request = caller.form("/login", &csrf, &[("email", &email), ("password", "x")]);
            for line in lines(tries) {
                request = request.header("x-forwarded-for", line);
            }
            if caller.send(request).await.status == 429 {
                break;
            }
            assert!(tries < 60, "a forged header gives a fresh start: {:?}", lines(tries));
        }
    }
    market.close().await;
}
