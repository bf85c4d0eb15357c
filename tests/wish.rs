//! What a customer can wish for beside a size and a system: from the form through the price and the ladder to the access card.

use std::process::{Command, Stdio};

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use cooperage::base::ids::OrderId;
use cooperage::base::money::Usd;
use cooperage::base::text::Tag;
use cooperage::cli::demo::{ALICE, HILBERT};
use cooperage::cli::visitor::{Page, Visitor};
use cooperage::domain::catalogue::{Boot, Catalogue, GIB};
use cooperage::domain::order::{Order, State};
use cooperage::localgrid::ChainView;
use cooperage::settings::{BootRule, Dollars, ImageRule, UnitRule};
use cooperage::store::order::Orders;
use serde_json::Value;

use crate::kit::caller::Caller;
use crate::kit::market::{GOOD_CARD, KEY, Market, PASSWORD, other_key};
use crate::kit::record;

/// A public key as `wg pubkey` prints them; the private half of this one is nowhere.
const WG_KEY: &str = "HIgo9xNzJMWLKASShiTqIybxZ0U3wGLiUeJ1PKf8ykw=";

/// The basic form, and more.
fn typed<'a>(name: &'a str, more: &[(&'a str, &'a str)]) -> Vec<(&'a str, &'a str)> {
    let mut fields = vec![("name", name), ("size", "medium"), ("image", "ubuntu-24.04"), ("region", ""), ("ssh_key", KEY)];
    for (field, value) in more {
        fields.retain(|(known, _)| known != field);
        fields.push((field, value));
    }
    fields
}

async fn quote(visitor: &Visitor, name: &str, more: &[(&str, &str)]) -> Page {
    let page = visitor.fill("/order", "/order", &typed(name, more)).await.unwrap();
    assert!(page.url.path().starts_with("/quotes/"), "{more:?}: {}", page.text());
    page
}

async fn ordered(market: &Market, visitor: &Visitor, name: &str, more: &[(&str, &str)]) -> Order {
    let quote = quote(visitor, name, more).await;
    let id = market.confirm(visitor, &quote).await;
    let order = market.rest(id).await;
    assert_eq!(order.state, State::Active, "{more:?}: {:?}", order.timeline);
    order
}

async fn shopper(market: &Market) -> Visitor {
    let alice = market.log_in(&ALICE).await;
    market.save_card(&alice, GOOD_CARD).await;
    alice
}

/// The workloads of what runs, by name.
fn workload(order: &Order, name: &str) -> Option<Value> {
    let deployment = &order.attempt().unwrap().deployment;
    deployment["workloads"].as_array().unwrap().iter().find(|it| it["name"] == name).cloned()
}

/// The private network of what runs.
fn network(order: &Order) -> Value {
    let workloads = order.attempt().unwrap().deployment["workloads"].as_array().unwrap().clone();
    workloads.into_iter().find(|it| it["type"] == "network").unwrap()
}

/// What `wg` answers, and what it complains of.
fn wg(arguments: &[&str], input: &str) -> (String, String) {
    use std::io::Write;
    let started = Command::new("wg").args(arguments).stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped()).spawn();
    let mut child = started.expect("this test needs the Debian package `wireguard-tools`");
    child.stdin.take().unwrap().write_all(input.as_bytes()).unwrap();
    let output = child.wait_with_output().unwrap();
    (String::from_utf8(output.stdout).unwrap().trim().to_owned(), String::from_utf8_lossy(&output.stderr).into_owned())
}

#[tokio::test(flavor = "multi_thread")]
async fn a_wrong_option_says_so_at_its_field_and_keeps_what_was_typed() {
    let market = Market::open().await;
    let alice = Caller::person(market.url(), &ALICE).await;
    /// What is typed beside the basics, the field that is refused, and a word of why.
    type Case<'a> = (&'a [(&'a str, &'a str)], &'a str, &'a str);
    let cases: [Case<'_>; 20] = [
        (&[("cores", "0")], "cores", "from 1 to 32"),
        (&[("cores", "33")], "cores", "from 1 to 32"),
        (&[("cores", "two")], "cores", "from 1 to 32"),
        (&[("cores", "+2")], "cores", "from 1 to 32"),
        (&[("memory_gib", "4.5")], "memory_gib", "from 1 to 128"),
        (&[("memory_gib", "99999999999999999999")], "memory_gib", "from 1 to 128"),
        (&[("disk_gib", "-5")], "disk_gib", "from 1 to 1000"),
        (&[("disk_gib", "9")], "disk_gib", "needs a disk of 10 GB"),
        (&[("disk_gib", "14"), ("image", "ubuntu-22.04")], "disk_gib", "needs a disk of 15 GB"),
        (&[("disk1_gib", "2001")], "disk1_gib", "from 1 to 2000"),
        (&[("disk1_gib", "1e3")], "disk1_gib", "from 1 to 2000"),
        (&[("disk2_path", "/mnt/x")], "disk2_gib", "How large"),
        (&[("disk1_gib", "1"), ("disk1_path", "/etc")], "disk1_path", "The system itself lives there"),
        (&[("disk1_gib", "1"), ("disk1_path", "../data")], "disk1_path", "A folder such as /mnt/data"),
        (&[("disk1_gib", "1"), ("disk1_path", "/mnt/data2"), ("disk2_gib", "1")], "disk2_path", "Another disk is there"),
        (
            &[("disk1_gib", "1"), ("disk1_path", "/srv"), ("disk2_gib", "1"), ("disk2_path", "/srv/a")],
            "disk2_path",
            "Another disk",
        ),
        (&[("wireguard", "my key")], "wireguard", "not a WireGuard public key"),
        (&[("wireguard", "AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA=")], "wireguard", "not a WireGuard public key"),
        // No node of that country has one.
        (&[("ipv4", "on"), ("region", "Kenya")], "ipv4", "has a public IPv4 address left"),
        (&[("wireguard", WG_KEY), ("region", "Kenya")], "wireguard", "can be reached by WireGuard"),
    ];
    for (more, field, message) in cases {
        let answer = alice.post("/order", &typed("web", more)).await;
        assert_eq!(answer.status, 422, "{more:?}");
        let at = answer.body.find(&format!("id=\"f-{field}-error\"")).unwrap_or_else(|| panic!("{more:?}: nothing at the field"));
        let said = answer.body[at..].split("</p>").next().unwrap();
        assert!(said.contains(message), "{more:?}: {said}");
        // It is not hidden in something that is shut.
        assert!(answer.body.contains("<details class=\"more\" open"), "{more:?}");
        for (name, kept) in more.iter().filter(|(name, _)| !["ipv4", "image", "region"].contains(name)) {
            let part = &answer.body[answer.body.find(&format!("id=\"f-{name}\"")).unwrap()..];
            let tag = part.split('>').next().unwrap();
            assert!(tag.contains(&format!("value=\"{kept}\"")), "{more:?}: {name} is lost: {tag}");
        }
    }
    market.close().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_wish_with_everything_is_priced_part_by_part_and_comes_to_the_access_card() {
    let market = Market::open().await;
    let alice = shopper(&market).await;
    let keys = format!("{KEY}\n# my telephone\n{}", other_key(1));
    let wish: [(&str, &str); 13] = [
        ("image", "ubuntu-22.04"),
        ("ssh_key", &keys),
        ("cores", "3"),
        ("memory_gib", "6"),
        ("disk_gib", "60"),
        ("disk1_gib", "20"),
        ("disk2_gib", "40"),
        ("disk2_path", "/srv/database"),
        ("ipv4", "on"),
        ("ipv6", "on"),
        ("wireguard", WG_KEY),
        ("region", "Switzerland"),
        ("name", "shop"),
    ];
    let free = |order: Option<&Order>| {
        let nodes = market.demo.instance.app.nodes();
        let node = order.map_or(12, |order| order.attempt().unwrap().node());
        nodes.node(node).unwrap().free_ips()
    };
    let before = free(None);
    let page = quote(&alice, "shop", &wish).await;
    for said in [
        "$22.50", // in all
        "$15.50", // 3 cores, 6 GB, 60 GB, and the base
        "2 data disks, 60 GB in all $3.00",
        "Public IPv4 address $4.00",
        "Public IPv6 address Included",
        "20 GB at /mnt/data1",
        "40 GB at /srv/database",
        "WireGuard tunnel",
        "alice@laptop",
        "key-1",
    ] {
        assert!(page.says(said), "{said}: {}", page.text());
    }
    let id = market.confirm(&alice, &page).await;
    let order = market.rest(id).await;
    assert_eq!(order.state, State::Active, "{:?}", order.timeline);
    assert_eq!((order.price, market.charged(id)), (Usd::from_cents(2250), Usd::from_cents(2250)));

    // What the node was given.
    let disk = |name| workload(&order, name).unwrap()["data"]["size"].as_u64().unwrap();
    assert_eq!((disk("boot"), disk("data1"), disk("data2")), (60 * GIB, 20 * GIB, 40 * GIB));
    let machine = workload(&order, "vm").unwrap()["data"].clone();
    assert_eq!(
        (machine["compute_capacity"]["cpu"].as_u64(), machine["compute_capacity"]["memory"].as_u64()),
        (Some(3), Some(6 * GIB))
    );
    let mounts: Vec<&str> = machine["mounts"].as_array().unwrap().iter().map(|it| it["mountpoint"].as_str().unwrap()).collect();
    assert_eq!(mounts, ["/", "/mnt/data1", "/srv/database"], "the system's disk is the first one");
    assert_eq!(machine["env"]["SSH_KEY"].as_str().unwrap().lines().count(), 2);
    assert_eq!(network(&order)["data"]["peers"][0]["wireguard_public_key"], WG_KEY);
    let contract = market.demo.world.chain.contract(order.attempt().unwrap().contract.unwrap()).unwrap();
    assert_eq!((contract.public_ips, contract.ips.len()), (1, 1));

    // What its owner sees.
    let page = alice.get(&format!("/deployments/{id}")).await.unwrap();
    let access = order.access.clone().unwrap();
    let address = contract.ips[0].split('/').next().unwrap();
    assert_eq!(access.address(), address);
    for said in [
        &format!("ssh root@{address}"),
        access.public_ip6.as_ref().unwrap(),
        access.mycelium_ip.as_ref().unwrap(),
        &access.private_ip,
        access.console.as_ref().unwrap(),
        "SHA256:",
        "20 GB at /mnt/data1",
        "Download shop.conf",
        WG_KEY,
    ] {
        assert!(page.says(said), "{said}: {}", page.text());
    }
    let receipt = alice.get(&format!("/receipts/{}", order.charge)).await.unwrap();
    for said in ["$15.50", "2 data disks, 60 GB in all $3.00", "Public IPv4 address $4.00", "Total $22.50"] {
        assert!(receipt.says(said), "{said}: {}", receipt.text());
    }

    // The address is taken, and free again when the machine is gone.
    market.demo.instance.app.refresh_nodes().await.unwrap();
    assert_eq!(free(Some(&order)), before - 1);
    let path = format!("/deployments/{id}/delete");
    alice.fill(&path, &path, &[]).await.unwrap();
    market.ended(id).await;
    market.demo.instance.app.refresh_nodes().await.unwrap();
    assert_eq!(free(Some(&order)), before);
    assert_eq!(Caller::person(market.url(), &ALICE).await.get(&format!("/deployments/{id}/tunnel")).await.status, 404);
    market.close().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn the_tunnel_file_is_what_wireguard_reads_and_the_keys_on_both_ends_fit() {
    let market = Market::open().await;
    let alice = shopper(&market).await;
    let (private, _) = wg(&["genkey"], "");
    let (public, _) = wg(&["pubkey"], &private);
    let order = ordered(&market, &alice, "a-name-that-is-long", &[("wireguard", &public)]).await;
    let caller = Caller::person(market.url(), &ALICE).await;
    let file = caller.get(&format!("/deployments/{}/tunnel", order.id)).await;
    assert_eq!(file.header("content-disposition"), "attachment; filename=\"a-name-that-is.conf\"");
    assert!(!file.body.contains(&private), "nobody but its owner has it");

    // `wg-quick` takes the lines that are not for `wg`, and gives the rest to it; the private key comes by the PostUp line.
    let ours = ["Address", "PostUp"];
    let plain: String = file
        .body
        .lines()
        .filter(|line| !ours.iter().any(|name| line.starts_with(name)))
        .map(|line| format!("{line}\n"))
        .collect();
    let folder = std::env::temp_dir().join(format!("cooperage-tunnel-{}", std::process::id()));
    std::fs::create_dir_all(&folder).unwrap();
    let judge = |text: &str| {
        let path = folder.join("tunnel.conf");
        std::fs::write(&path, text).unwrap();
        // There is no such interface: what is wrong with the file is said before that is noticed.
        wg(&["setconf", "cooperage-none", path.to_str().unwrap()], "").1
    };
    let said = judge(&plain.replace("[Interface]", &format!("[Interface]\nPrivateKey = {private}")));
    assert!(!said.contains("arsing error") && said.contains("Unable to modify interface"), "{said}");
    assert!(
        judge(&plain.replace("AllowedIPs = ", "AllowedIPs = x")).contains("arsing error"),
        "a judge that minds nothing is none"
    );
    std::fs::remove_dir_all(&folder).unwrap();

    // The node's end.
    let net = network(&order)["data"].clone();
    let (node_public, _) = wg(&["pubkey"], net["wireguard_private_key"].as_str().unwrap());
    let line = |name: &str| file.body.lines().find_map(|line| line.strip_prefix(&format!("{name} = "))).unwrap().to_owned();
    assert_eq!(line("PublicKey"), node_public);
    assert!(line("Endpoint").ends_with(&format!(":{}", net["wireguard_listen_port"])), "{}", line("Endpoint"));
    assert_eq!(line("AllowedIPs"), net["subnet"].as_str().unwrap());
    let peer = &net["peers"][0];
    assert_eq!(peer["wireguard_public_key"], public.as_str());
    assert_eq!(peer["allowed_ips"][1], line("Address").as_str());
    assert_ne!(peer["subnet"], net["subnet"], "two ends, two subnets");
    // It ends on a node that can be reached from outside.
    let nodes = market.demo.instance.app.nodes();
    let node = nodes.node(order.attempt().unwrap().node()).unwrap();
    assert!(line("Endpoint").starts_with(node.tunnel_address().unwrap()));

    // Others neither see it nor that it is there.
    let hilbert = Caller::person(market.url(), &HILBERT).await;
    assert_eq!(hilbert.get(&format!("/deployments/{}/tunnel", order.id)).await.status, 404);
    market.close().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn every_system_starts_from_where_it_must() {
    let market = Market::open().await;
    let alice = shopper(&market).await;
    let images = Catalogue::default().images;
    let form = alice.get("/order").await.unwrap();
    let mut orders = Vec::new();
    for image in &images {
        assert!(form.body.contains(&format!("value=\"{}\"", image.id)), "{} is not in the form", image.name);
        let more = [("size", "small"), ("image", image.id.as_str()), ("disk1_gib", "1")];
        let page = quote(&alice, "web", &more).await;
        orders.push((image, market.confirm(&alice, &page).await));
    }
    for (image, id) in orders {
        let order = market.rest(id).await;
        assert_eq!(order.state, State::Active, "{}: {:?}", image.name, order.timeline);
        let machine = workload(&order, "vm").unwrap()["data"].clone();
        let boots = (machine["mounts"][0]["name"].as_str(), machine["size"].as_u64());
        match image.boot {
            Boot::Full => assert_eq!(boots, (Some("boot"), Some(0)), "{}", image.name),
            Boot::Rooted | Boot::Micro => assert_eq!(boots, (Some("data1"), Some(25 * GIB)), "{}", image.name),
        }
        assert_eq!((machine["flist"].as_str(), machine["entrypoint"].as_str()), (Some(&*image.flist), Some(&*image.entrypoint)));
    }
    market.close().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn no_two_machines_share_a_network_whosever_they_are() {
    let market = Market::open().await;
    let alice = shopper(&market).await;
    let bob = market.newcomer("Bob").await;
    market.save_card(&bob, GOOD_CARD).await;
    let mut names = Vec::new();
    for (who, visitor) in [("alice", &alice), ("bob", &bob), ("alice", &alice)] {
        let order = ordered(&market, visitor, "web", &[("region", "Belgium")]).await;
        let name = network(&order)["name"].as_str().unwrap().to_owned();
        // Nodes share networks of one twin by name, and all customers are one twin: it must be long and random.
        assert!(name.len() >= 16 && !name.contains("web") && !name.contains(who), "{name}");
        names.push(name);
    }
    names.sort();
    names.dedup();
    assert_eq!(names.len(), 3);
    market.close().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn the_last_public_address_is_sold_once() {
    let market = Market::open().await;
    let alice = shopper(&market).await;
    let dutch = [("ipv4", "on"), ("region", "Netherlands")];
    let mut orders: Vec<OrderId> = Vec::new();
    // The farm there has four; nobody asks the grid again meanwhile.
    for _ in 0..4 {
        let page = quote(&alice, "web", &dutch).await;
        orders.push(market.confirm(&alice, &page).await);
    }
    let caller = Caller::person(market.url(), &ALICE).await;
    let mut addresses = Vec::new();
    for id in &orders {
        let order = market.rest(*id).await;
        assert_eq!(order.state, State::Active, "{:?}", order.timeline);
        addresses.push(order.access.unwrap().public_ip.unwrap());
    }
    addresses.sort();
    addresses.dedup();
    assert_eq!(addresses.len(), 4, "each has its own");
    market.demo.instance.app.refresh_nodes().await.unwrap();
    let answer = caller.post("/order", &typed("web", &dutch)).await;
    assert_eq!(answer.status, 422);
    assert!(answer.says("No place that fits has a public IPv4 address left"), "{}", answer.body);
    // Without it, and elsewhere, there is room.
    quote(&alice, "web", &[("region", "Netherlands")]).await;
    quote(&alice, "web", &[("ipv4", "on")]).await;
    market.close().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn no_secret_is_in_what_the_grid_makes_public_nor_in_any_log() {
    record::start();
    let market = Market::open().await;
    let alice = shopper(&market).await;
    let order = ordered(&market, &alice, "secretive-shop", &[("wireguard", WG_KEY), ("disk1_gib", "5"), ("ipv4", "on")]).await;
    let net = network(&order)["data"].clone();
    let text = |value: &Value| value.as_str().unwrap().to_owned();
    let words = &market.demo.world.addresses;
    let secrets = [
        ("the node's WireGuard key", text(&net["wireguard_private_key"])),
        ("the Mycelium key", text(&net["mycelium"]["hex_key"])),
        ("the operator's words", words.mnemonic.reveal().clone()),
        ("the processor's key", words.cards_secret_key.reveal().clone()),
        ("the webhooks' secret", words.webhook_secret.reveal().clone()),
        ("a password", ALICE.password.to_owned()),
    ];
    let personal = [ALICE.email, ALICE.name, "secretive-shop", "alice@laptop"];

    // What stands on the chain and in the index for everybody.
    let contract = market.demo.world.chain.contract(order.attempt().unwrap().contract.unwrap()).unwrap();
    let deployment = &order.attempt().unwrap().deployment;
    let mut public = vec![contract.deployment_data.clone(), text(&deployment["metadata"]), text(&deployment["description"])];
    let workloads = deployment["workloads"].as_array().unwrap();
    public.extend(workloads.iter().flat_map(|it| [text(&it["metadata"]), text(&it["description"]), text(&it["name"])]));
    assert!(public[0].contains(&order.id.to_string()), "{}", public[0]);
    for text in &public {
        for (what, secret) in &secrets {
            assert!(!text.contains(secret), "{what} is in {text}");
        }
        for word in personal {
            assert!(!text.contains(word), "{word} is in {text}");
        }
    }
    // The environment, which the farmer can read: public keys and nothing else.
    let env = workload(&order, "vm").unwrap()["data"]["env"].as_object().unwrap().clone();
    assert_eq!(env.keys().collect::<Vec<_>>(), ["SSH_KEY"]);
    let key = text(&env["SSH_KEY"]);
    assert!(key.lines().all(|line| line.starts_with("ssh-")) && !key.contains("PRIVATE"), "{key}");

    // What its owner sees: the tunnel's keys are public ones.
    let mut pages = String::new();
    for path in ["", "/tunnel", "/progress"] {
        pages += &alice.get(&format!("/deployments/{}{path}", order.id)).await.unwrap().body;
    }
    let log = record::text();
    assert!(log.contains("the grid account is ready"), "the log is recorded");
    for (what, secret) in &secrets {
        assert!(!pages.contains(secret), "{what} is on a page");
        assert!(!log.contains(secret), "{what} is in the log");
    }
    market.close().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn keys_are_kept_for_the_next_order_until_they_are_forgotten() {
    let market = Market::open().await;
    market.newcomer("Nora").await;
    let nora = Caller::with_password(market.url(), "nora@example.org", PASSWORD).await;
    let two = format!("{KEY}\r\n{}", other_key(7));
    let quoted = nora.post("/order", &typed("web", &[("ssh_key", &two)])).await;
    assert_eq!(quoted.status, 303, "{}", quoted.body);
    let form = nora.get("/order").await;
    assert!(form.says("alice@laptop") && form.says("key-7"), "{}", form.body);
    let name =
        |tag: &str| Some(tag.split("name=\"").nth(1)?.split('"').next()?.to_owned()).filter(|name| name.starts_with("key_"));
    let boxes: Vec<String> = form.body.split("<input").filter_map(name).collect();
    assert_eq!(boxes.len(), 2);
    // The second one alone, and nothing pasted.
    let quoted = nora.post("/order", &typed("web", &[("ssh_key", ""), (&boxes[1], "on")])).await;
    let page = nora.get(quoted.header("location")).await;
    assert!(page.says("key-7") && !page.says("alice@laptop"), "{}", page.body);
    // Ticking a key that is somebody else's is ticking nothing.
    let alice = Caller::person(market.url(), &ALICE).await;
    let answer = alice.post("/order", &typed("web", &[("ssh_key", ""), (&boxes[1], "on")])).await;
    assert_eq!(answer.status, 422, "{}", answer.body);
    // The last used one stands first now, and can be forgotten.
    let id = nora.get("/profile").await.body.split("/keys/").nth(1).unwrap().split('/').next().unwrap().to_owned();
    assert_eq!(boxes[1], format!("key_{id}"));
    let forgotten = nora.post(&format!("/keys/{id}/forget"), &[]).await;
    assert_eq!(forgotten.status, 303);
    let profile = nora.get("/profile").await;
    assert!(profile.says("alice@laptop") && !profile.says("key-7"), "{}", profile.body);
    assert_eq!(nora.post(&format!("/keys/{id}/forget"), &[]).await.status, 404);
    market.close().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn names_and_tags_find_a_machine_and_change_nothing_that_runs() {
    let market = Market::open().await;
    let visitor = shopper(&market).await;
    let first = ordered(&market, &visitor, "web", &[]).await;
    let second = ordered(&market, &visitor, "db", &[]).await;
    let alice = Caller::person(market.url(), &ALICE).await;
    let label = |id: OrderId| format!("/deployments/{id}/label");
    for (title, tags, field, message) in [
        ("a\nb", "", "title", "control characters"),
        (&*"x".repeat(61), "", "title", "1 to 60"),
        ("x", "Shop", "tags", "1 to 24 small letters"),
        ("x", "a b c d e f g h i", "tags", "At most 8"),
    ] {
        let answer = alice.post(&label(first.id), &[("title", title), ("tags", tags)]).await;
        assert_eq!(answer.status, 422, "{title} {tags}");
        let said = answer.body.split(&format!("id=\"f-{field}-error\"")).nth(1).unwrap().split("</p>").next().unwrap();
        assert!(said.contains(message), "{said}");
        assert!(answer.body.contains("<details class=\"more\" open"));
    }
    let named = [("title", "The shop's <own> server"), ("tags", "shop, production shop")];
    assert_eq!(alice.post(&label(first.id), &named).await.status, 303);
    assert_eq!(alice.post(&label(second.id), &[("title", "db"), ("tags", "production")]).await.status, 303);
    let page = alice.get(&format!("/deployments/{}", first.id)).await;
    assert!(page.says("The shop's <own> server") && page.says("Host name web"), "{}", page.body);
    assert!(!page.body.contains("<own>"));
    // The list, and its filter.
    let list = alice.get("/deployments?tag=shop").await;
    assert!(list.says("The shop's <own> server") && !list.body.contains(&second.id.to_string()), "{}", list.body);
    let list = alice.get("/deployments?tag=production").await;
    assert!(list.body.contains(&first.id.to_string()) && list.body.contains(&second.id.to_string()));
    assert!(alice.get("/deployments?tag=nothing").await.says("Nothing has this tag"));
    assert_eq!(alice.get("/deployments?tag=%3Cscript%3E").await.status, 404);
    assert!(
        !Caller::person(market.url(), &HILBERT).await.get("/deployments?tag=shop").await.body.contains(&first.id.to_string())
    );
    // Page by page.
    let snapshot = market.demo.instance.app.read().unwrap();
    let tag = Tag::parse("production").unwrap();
    let page = snapshot.orders_tagged(first.user, &tag, None, 1).unwrap();
    assert_eq!(page.iter().map(|order| order.id).collect::<Vec<_>>(), [second.id], "the newest first");
    let rest = snapshot.orders_tagged(first.user, &tag, Some((page[0].created, page[0].id)), 1).unwrap();
    assert_eq!(rest.iter().map(|order| order.id).collect::<Vec<_>>(), [first.id]);
    drop(snapshot);
    // Taking it all away again.
    assert_eq!(alice.post(&label(first.id), &[("title", ""), ("tags", "")]).await.status, 303);
    assert!(!alice.get("/deployments?tag=shop").await.body.contains(&first.id.to_string()));
    let order = market.read(first.id);
    assert_eq!((order.shown_name(), order.state, order.tags.len()), ("web", State::Active, 0));
    assert_eq!(order.attempt(), first.attempt(), "what runs is what ran");
    market.close().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn an_operators_own_images_and_dated_prices_are_what_is_sold() {
    let own = ImageRule {
        id: "debian-13".into(),
        name: "Debian 13".into(),
        about: "Ours.".into(),
        flist: "https://hub.example.org/us/debian-13.flist".into(),
        entrypoint: "/start".into(),
        boot: BootRule::Micro,
        least_disk_gib: 30,
    };
    let dollars = |cents| Dollars(Usd::from_cents(cents));
    let rule = |from, ipv4| UnitRule {
        from: cooperage::base::Time::from_ms(from),
        base: dollars(0),
        core: dollars(1000),
        memory_gib: dollars(0),
        disk_gib: Dollars(Usd::from_units(33_333)),
        ipv4: dollars(ipv4),
        ipv6: dollars(100),
        swarm_gib: dollars(1),
    };
    let market = Market::open_with(|settings| {
        settings.images = vec![own];
        settings.units = vec![rule(0, 700), rule(i64::MAX, 900)];
    })
    .await;
    let alice = shopper(&market).await;
    let image = ("image", "debian-13");
    let caller = Caller::person(market.url(), &ALICE).await;
    let small = caller.post("/order", &typed("web", &[image, ("size", "small")])).await;
    assert!(small.status == 422 && small.says("Debian 13 needs a disk of 30 GB"), "{}", small.body);
    assert!(caller.post("/order", &typed("web", &[])).await.says("choose one of the systems"), "the built-in ones are gone");
    let page = quote(&alice, "web", &[image, ("cores", "3"), ("disk1_gib", "7"), ("ipv4", "on"), ("ipv6", "on")]).await;
    // Three cores and 50 GB, up to the cent; 7 GB, up to the cent; and the rule that is in force.
    for said in ["$30.17", "Data disk, 7 GB $0.03", "IPv4 address $7.00", "IPv6 address $1.00", "$38.20"] {
        assert!(page.says(said), "{said}: {}", page.text());
    }
    // One of the sizes is that size, and what holds more than it costs no less.
    for (cores, price) in [("2", "$10.00"), ("1", "$10.17")] {
        assert!(quote(&alice, "web", &[image, ("cores", cores)]).await.says(price), "{cores}");
    }
    market.close().await;
}

/// What leaves us as a WireGuard key is one: the type says so, and the format is the one of `wg`.
#[test]
fn a_key_of_wg_is_a_key_here() {
    for _ in 0..8 {
        let (private, _) = wg(&["genkey"], "");
        let (public, _) = wg(&["pubkey"], &private);
        let read = cooperage::base::text::WgKey::parse(&public).unwrap();
        assert_eq!((read.as_str(), STANDARD.decode(&public).unwrap().len()), (public.as_str(), 32));
    }
}
