//! Choosing a node oneself: the filters and their counts, what is ordered by them, and what is kept of them.

use cooperage::cli::demo::{ALICE, HILBERT};
use cooperage::cli::visitor::{Page, Visitor, text_of};
use cooperage::domain::backup::Stage;
use cooperage::domain::catalogue::Place;
use cooperage::domain::order::State;
use cooperage::localgrid::node::Fault;
use cooperage::store::backup::Backups;
use cooperage::store::order::Orders;
use reqwest::Url;

use crate::kit::caller::Caller;
use crate::kit::market::{GOOD_CARD, KEY, Market};

/// How many nodes a page says that there are.
fn counted(page: &Page) -> usize {
    let from = page.body.find("data-say>").expect("a count") + 9;
    let said = text_of(&page.body[from..from + page.body[from..].find("</h2>").expect("its end")]);
    match said.split(' ').next().unwrap_or_default() {
        "No" => 0,
        number => number.replace(',', "").parse().unwrap_or_else(|_| panic!("no count: {said}")),
    }
}

fn unescaped(text: &str) -> String {
    text.replace("&amp;", "&").replace("&quot;", "\"").replace("&#39;", "'")
}

fn attribute(tag: &str, name: &str) -> Option<String> {
    let from = tag.find(&format!(" {name}=\""))? + name.len() + 3;
    Some(unescaped(&tag[from..from + tag[from..].find('"')?]))
}

/// Every value with a number beside it on a page of nodes: the address that choosing it leads to, and the number.
fn numbered(page: &Page) -> Vec<(String, usize)> {
    let mut all = Vec::new();
    // Links that carry their number.
    for link in page
        .body
        .split("<a ")
        .skip(1)
        .filter(|link| ["class=\"chip\"", "class=\"chip none\""].iter().any(|class| link.starts_with(class)))
    {
        let number = link.split("tally-of\">").nth(1).expect("a number").split('<').next().unwrap();
        all.push((
            attribute(&format!(" {}", link.split('>').next().unwrap()), "href").unwrap(),
            number.replace(',', "").parse().unwrap(),
        ));
    }
    let choose = |name: &str, value: &str| {
        let kept = page.url.query_pairs().filter(|(key, _)| key != name && key != "page");
        let mut url = Url::parse("http://x/nodes").unwrap();
        url.query_pairs_mut().extend_pairs(kept).append_pair(name, value);
        format!("/nodes?{}", url.query().unwrap())
    };
    // Lists to drop down say it behind the name.
    for list in page.body.split("<select ").skip(1) {
        let name = attribute(&format!(" {}", list.split('>').next().unwrap()), "name").unwrap();
        for option in list.split("</select>").next().unwrap().split("<option").skip(1) {
            let (tag, rest) = option.split_once('>').unwrap();
            let Some((_, number)) = rest.split('<').next().unwrap().rsplit_once(" · ") else { continue };
            all.push((choose(&name, &attribute(tag, "value").unwrap()), number.replace(',', "").parse().unwrap()));
        }
    }
    // Radio buttons and boxes to tick have it behind their label.
    for tick in page.body.split("class=\"sieve-value").skip(1) {
        let input = tick.split("<input").nth(1).unwrap().split('>').next().unwrap();
        let Some(number) = tick.split("tally-of\">").nth(1).filter(|_| tick.find("tally-of") < tick.find("</div>")) else {
            continue;
        };
        let number = number.split('<').next().unwrap().replace(',', "").parse().unwrap();
        all.push((choose(&attribute(input, "name").unwrap(), &attribute(input, "value").unwrap()), number));
    }
    all
}

async fn nodes(visitor: &Visitor, query: &str) -> Page {
    visitor.get(&format!("/nodes{query}")).await.unwrap()
}

/// Fills in the order form that `path` opens.
async fn quote(visitor: &Visitor, path: &str, name: &str) -> Page {
    let wish = [("name", name), ("size", "medium"), ("image", "ubuntu-24.04"), ("ssh_key", KEY)];
    visitor.fill(path, "/order", &wish).await.unwrap()
}

/// Where the link leads that says this, or begins so.
fn link(page: &Page, words: &str) -> String {
    let said =
        |link: &&str| text_of(link.split_once('>').map_or("", |(_, rest)| rest.split("</a>").next().unwrap())).starts_with(words);
    let found = page.body.split("<a ").skip(1).find(said).unwrap_or_else(|| panic!("no link “{words}”: {}", page.text()));
    attribute(&format!(" {}", found.split('>').next().unwrap()), "href").unwrap()
}

#[tokio::test(flavor = "multi_thread")]
async fn the_number_beside_each_value_is_what_choosing_it_gives() {
    let market = Market::open().await;
    let guest = market.guest();
    for query in ["", "?region=Europe&memory=32", "?country=Belgium&certified=yes&size=large", "?class=storage&ipv6=yes&cores=8"]
    {
        let page = nodes(&guest, query).await;
        let all = numbered(&page);
        assert!(all.len() > 40, "{} values on {query}", all.len());
        for (href, number) in all {
            let chosen = guest.get(&href).await.unwrap();
            assert_eq!((chosen.status, counted(&chosen)), (200, number), "{href} from {query}");
        }
    }
    market.close().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn every_circle_of_the_map_leads_to_as_many_nodes_as_it_says() {
    let market = Market::open().await;
    let guest = market.guest();
    let page = nodes(&guest, "?look=map&cores=8").await;
    let mut sum = 0;
    for circle in page.body.split("<a class=\"map-place").skip(1) {
        let tag = circle.split('>').next().unwrap();
        let says = attribute(tag, "aria-label").unwrap();
        let number: usize = says.rsplit(": ").next().unwrap().split(' ').next().unwrap().parse().unwrap();
        let country = guest.get(&attribute(tag, "href").unwrap()).await.unwrap();
        assert_eq!(counted(&country), number, "{says}");
        assert!(country.body.contains("<svg class=\"map\"") && country.says("Each circle is a city"), "{says}");
        sum += number;
    }
    assert_eq!(sum, counted(&page));
    market.close().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn nonsense_in_a_filter_is_said_at_its_field_and_everything_typed_is_kept() {
    let market = Market::open().await;
    let guest = market.guest();
    let page = nodes(&guest, "?cores=many&price=-3&country=Belgium&node=1,x&ipv4=maybe&class=toaster&size=vast").await;
    assert_eq!(page.status, 422);
    for (field, typed) in
        [("cores", "many"), ("price", "-3"), ("node", "1,x"), ("ipv4", "maybe"), ("class", "toaster"), ("size", "vast")]
    {
        assert!(page.body.contains(&format!("id=\"f-{field}-error\"")), "{field}");
        assert!(page.body.contains(&format!("value=\"{typed}\"")), "{field} lost what was typed");
    }
    assert!(page.says("Please give a number of cores, such as 8."), "{}", page.text());
    assert!(!page.body.contains("id=\"f-country-error\"") && page.body.contains("<option value=\"Belgium\" selected>"));
    assert!(page.says("Not searched yet") && !page.says("Order here"));
    for lost in ["?page=0", "?page=1000000", "?look=upside-down", "/0", "/99999", "/x"] {
        assert_eq!(nodes(&guest, lost).await.status, 404, "{lost}");
    }
    market.close().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn an_empty_result_says_which_wish_to_drop_and_the_link_does_it() {
    let market = Market::open().await;
    let guest = market.guest();
    let page = nodes(&guest, "?country=Kenya&certified=yes&memory=4").await;
    assert_eq!(counted(&page), 0);
    let way = "Without “Certified hardware” there ";
    assert!(page.says(way), "{}", page.text());
    let wider = guest.get(&link(&page, way)).await.unwrap();
    assert!(counted(&wider) > 0 && !wider.url.query().unwrap().contains("certified"), "{}", wider.url);
    assert!(page.says(&format!("{way}are {} nodes.", counted(&wider))));
    let huge = nodes(&guest, "?node=11&size=huge").await;
    assert!(huge.says("No node is like that"), "{}", huge.text());
    market.close().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn an_order_within_a_filter_is_placed_within_it_and_goes_on_within_it() {
    let market = Market::open().await;
    let alice = market.log_in(&ALICE).await;
    market.save_card(&alice, GOOD_CARD).await;
    let page = nodes(&alice, "?region=Africa&memory=8").await;
    let order = link(&page, "Order on the best of ");
    let form = alice.get(&order).await.unwrap();
    assert!(form.says("On the best node within your filter") && form.says("Continent: Africa"), "{}", form.text());
    let offer = quote(&alice, &order, "nile").await;
    assert!(offer.says("within your filter.") && offer.says("Why not node "), "{}", offer.text());
    let first = {
        let snapshot = market.demo.instance.app.read().unwrap();
        snapshot.quote(offer.url.path().rsplit('/').next().unwrap().parse().unwrap()).unwrap().unwrap().choice.best.node
    };
    market.demo.world.nodes.set_fault(first, Fault::FailsAtTheLast);
    let id = market.confirm(&alice, &offer).await;
    let order = market.rest(id).await;
    assert_eq!(order.state, State::Active, "{:?}", order.timeline);
    assert_eq!((order.wish.place, order.wish.filter.to_string().as_str()), (Place::Anywhere, "region=Africa&memory=8"));
    assert_eq!(order.attempts.len(), 2);
    let pool = market.demo.instance.app.nodes();
    assert!(order.attempts.iter().all(|attempt| pool.node(attempt.node()).unwrap().region() == "Africa"), "never wider");
    drop(pool);
    // What nobody fulfils is refused, not widened.
    let refused = quote(&alice, "/order?filter=region%3DAfrica%26cores%3D900", "none").await;
    assert_eq!(refused.status, 422);
    assert!(refused.says("No node is as you wish it right now. Without “Cores, at least: 900” there are"), "{}", refused.text());
    assert!(
        refused.says("On the best node within your filter") && refused.body.contains("value=\"none\""),
        "what was typed is kept"
    );
    let nonsense = quote(&alice, "/order?filter=cores%3Dmany", "none").await;
    assert_eq!(nonsense.status, 422);
    assert!(nonsense.says("Please give a number of cores, such as 8."), "{}", nonsense.text());
    market.close().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn advanced_view_a_continent_a_backup_vm_and_the_promise_are_one_order() {
    let market = Market::open().await;
    let alice = market.shopper().await;
    // The advanced view, narrowed down to a continent; the button leads to the form, which keeps the filter.
    let page = nodes(&alice, "?region=Europe&cores=4").await;
    let path = link(&page, "Order on the best of");
    let wish = [("name", "shop"), ("size", "small"), ("image", "ubuntu-24.04"), ("ssh_key", KEY), ("backup", "vm")];
    let offer = alice.fill(&path, "/order", &wish).await.unwrap();
    assert!(offer.says("Continent: Europe") && offer.says("The backup VM, and why these two"), "{}", offer.text());
    assert!(offer.says("99.5 %") && offer.says("If we miss it"), "the promise stands on the same page: {}", offer.text());
    let page = alice.submit(&offer, &format!("{}/confirm", offer.url.path()), &[("consent", "on")]).await.unwrap();
    let id = page.url.path().split('/').nth(2).unwrap().parse().unwrap_or_else(|_| panic!("{}", page.text()));
    let order = market.rest(id).await;
    assert_eq!(order.state, State::Active, "{:?}", order.timeline);
    let app = market.demo.instance.app.clone();
    let backup = || app.read().unwrap().backup(id).unwrap().unwrap();
    market.until("the backup VM stands", || backup().stage == Stage::Active).await;
    // Both within the filter, apart from each other, and the promise kept with the order.
    let pool = app.nodes();
    let (first, second) = (order.attempt().unwrap().node(), backup().node().node);
    for node in [first, second] {
        assert_eq!(pool.node(node).unwrap().region(), "Europe", "node {node}");
    }
    assert_ne!(pool.node(first).unwrap().owner(), pool.node(second).unwrap().owner());
    assert_eq!(order.wish.filter.to_string(), "region=Europe&cores=4");
    assert_eq!((order.sla.availability_bp, order.sla.backup.contains("backup VM elsewhere")), (9950, true), "{:?}", order.sla);
    let page = alice.get(&format!("/deployments/{id}")).await.unwrap();
    assert!(page.says("99.5 %") && page.says("A backup VM elsewhere"), "{}", page.text());
    // A wish for a graphics card says that the card stays where it is.
    let page = alice.get("/order?filter=gpu%3Dany").await.unwrap();
    assert!(page.says("The card itself is not part of a server"), "{}", page.text());
    drop((pool, app));
    market.close().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_chosen_node_is_the_one_or_none_and_the_money_goes_back() {
    let market = Market::open().await;
    let alice = market.log_in(&ALICE).await;
    market.save_card(&alice, GOOD_CARD).await;
    let node = alice.get("/nodes/24").await.unwrap();
    assert!(node.says("Node 24") && node.says("Barcelona, Spain") && node.says("Nube del Turia"), "{}", node.text());
    let order = link(&node, "Order on this node");
    assert_eq!(order, "/order?node=24");
    let offer = quote(&alice, &order, "here").await;
    assert!(offer.says("You chose it yourself; no other one is tried.") && !offer.says("Why not node"), "{}", offer.text());
    let order = market.confirm(&alice, &offer).await;
    let order = market.rest(order).await;
    assert_eq!((order.state, order.attempts.len(), order.attempts[0].node()), (State::Active, 1, 24));
    // It fails: nothing else is tried.
    market.demo.world.nodes.set_fault(24, Fault::FailsAtTheLast);
    let offer = quote(&alice, "/order?node=24", "again").await;
    let id = market.confirm(&alice, &offer).await;
    let order = market.ended(id).await;
    assert_eq!((order.state, order.attempts.len()), (State::Refunded, 1), "{:?}", order.timeline);
    assert_eq!(order.reason.as_deref(), Some("The node that you chose could not start it. You were not charged."));
    assert_eq!(market.charged(id).units(), 0);
    for (node, why) in [("39", "takes no orders right now"), ("99999", "is not on the list"), ("x", "A node has a number")] {
        let refused = quote(&alice, &format!("/order?node={node}"), "none").await;
        assert_eq!(refused.status, 422, "{node}");
        assert!(refused.says(why), "{node}: {}", refused.text());
    }
    market.close().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_provider_finds_and_orders_on_nodes_of_their_own() {
    let market = Market::open().await;
    let (hilbert, alice) = (market.log_in(&HILBERT).await, market.log_in(&ALICE).await);
    assert!(!nodes(&alice, "").await.says("My own nodes"), "she has none");
    assert_eq!(counted(&nodes(&alice, "?mine=yes").await), 0);
    let page = nodes(&hilbert, "?mine=yes").await;
    assert_eq!(counted(&page), 4);
    market.save_card(&hilbert, GOOD_CARD).await;
    let offer = quote(&hilbert, &link(&page, "Order on the best of 4"), "own").await;
    let order = market.confirm(&hilbert, &offer).await;
    let order = market.rest(order).await;
    assert_eq!((order.state, order.attempts[0].choice.best.farm), (State::Active, 1));
    // Kept back, a node is still there for its provider, and for nobody else.
    hilbert.fill("/provider/nodes/2", "/provider/nodes/2/expose", &[("exposed", "no")]).await.unwrap();
    assert_eq!(alice.get("/nodes/2").await.unwrap().status, 404);
    assert_eq!(counted(&nodes(&alice, "?node=2").await), 0);
    assert_eq!(counted(&nodes(&hilbert, "?node=2").await), 1);
    assert!(hilbert.get("/nodes/2").await.unwrap().says("Yours"));
    market.close().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_filter_is_kept_renamed_and_deleted_by_whoever_saved_it() {
    let market = Market::open().await;
    let (alice, bob) = (market.log_in(&ALICE).await, market.newcomer("Bob").await);
    let save =
        async |query: &str, name: &str| alice.fill(&format!("/nodes{query}"), "/filters", &[("name", name)]).await.unwrap();
    let saved = save("?region=Europe&ipv6=yes&sort=price&size=small", "Near home").await;
    assert!(saved.says("Saved.") && saved.says("Near home"), "{}", saved.text());
    assert_eq!(saved.url.query(), Some("region=Europe&ipv6=yes&size=small&sort=price"), "one is where one was");
    let twice = save("?region=Africa", "near HOME").await;
    assert_eq!(twice.status, 422);
    assert!(
        twice.says("You have a filter of this name already.") && twice.body.contains("value=\"near HOME\""),
        "{}",
        twice.text()
    );
    assert!(twice.says("Continent: Africa"), "what was looked at is still there");
    assert_eq!(save("?region=Africa", " ").await.status, 422);
    let list = alice.get("/filters").await.unwrap();
    assert!(list.says("Near home") && list.says("Room for Small") && list.says("Cheapest first"), "{}", list.text());
    let opened = alice.get(&link(&list, "Near home")).await.unwrap();
    assert_eq!(opened.url.query(), saved.url.query());
    // Nobody else sees or changes it.
    let rename = list
        .body
        .split("action=\"")
        .find(|part| part.starts_with("/filters/flt_"))
        .unwrap()
        .split('"')
        .next()
        .unwrap()
        .to_owned();
    assert!(!bob.get("/filters").await.unwrap().says("Near home"));
    let other = Caller::person(market.url(), &HILBERT).await;
    for path in [rename.clone(), rename.replace("rename", "remove")] {
        assert_eq!(other.post(&path, &[("name", "Mine")]).await.status, 404, "{path}");
    }
    let renamed = alice.submit(&list, &rename, &[("name", "Old country")]).await.unwrap();
    assert!(renamed.says("Old country") && !renamed.says("Near home"), "{}", renamed.text());
    let none = alice.submit(&renamed, &rename, &[("name", "")]).await.unwrap();
    assert_eq!(none.status, 422);
    for number in 2..=20 {
        assert_eq!(save(&format!("?cores={number}"), &format!("filter {number}")).await.status, 200);
    }
    let full = save("?cores=21", "one more").await;
    assert_eq!(full.status, 422);
    assert!(full.says("You have 20 saved filters"), "{}", full.text());
    let list = alice.get("/filters").await.unwrap();
    let gone = alice.submit(&list, &rename.replace("rename", "remove"), &[]).await.unwrap();
    assert!(gone.says("It is deleted.") && !gone.says("Old country"), "{}", gone.text());
    assert_eq!(save("?cores=21", "one more").await.status, 200, "there is room again");
    market.close().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn the_looks_show_the_same_nodes_in_the_order_that_was_asked_for() {
    let market = Market::open().await;
    let guest = market.guest();
    let ids = |page: &Page| -> Vec<u32> {
        page.body.split("href=\"/nodes/").skip(1).filter_map(|rest| rest.split('"').next()?.parse().ok()).collect()
    };
    let cards = ids(&nodes(&guest, "?sort=node").await);
    assert_eq!(cards.len(), 24);
    assert!(cards.is_sorted());
    assert_eq!(ids(&nodes(&guest, "?sort=node&look=table").await), cards);
    let first = nodes(&guest, "?sort=node").await;
    let rest = ids(&guest.get(&link(&first, "Next")).await.unwrap());
    assert!(rest[0] > cards[23] && cards.len() + rest.len() == counted(&first), "{rest:?}");
    let priced = ids(&nodes(&guest, "?sort=price").await);
    let pool = market.demo.instance.app.nodes();
    assert!(priced.is_sorted_by_key(|id| pool.node(*id).unwrap().price().map_or(i64::MAX, |price| price.units())));
    drop(pool);
    assert!(guest.get("/nodes/1").await.unwrap().says("so far; from 180 on it says something"));
    market.close().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn what_nodes_tell_of_their_speed_counts_from_the_next_look_and_silence_costs_nothing() {
    let market = Market::open().await;
    let app = market.demo.instance.app.clone();
    let alice = market.log_in(&ALICE).await;
    assert!(quote(&alice, "/order?node=1", "web").await.says("It has told no benchmark yet."));
    market.demo.world.nodes.set_fault(2, Fault::Silent);
    app.refresh_nodes().await.unwrap();
    let known = |node: u32| app.nodes().node(node).and_then(|entry| entry.benchmark());
    // A few at a time, until there is nobody left to ask.
    let mut told = 0;
    loop {
        match app.ask_benchmarks().await.unwrap() {
            0 => break,
            some => told += some,
        }
    }
    assert!(told > 20, "{told}");
    assert_eq!(known(1), None, "the list is as it was read");
    app.refresh_nodes().await.unwrap();
    assert_eq!((known(1), known(2)), (Some(881), None), "1.135 seconds, as the local nodes say");
    assert!(quote(&alice, "/order?node=1", "web2").await.says("881 points in its own benchmark"));
    market.close().await;
}
