//! Samples of choosing a node: every look of the list, what is wrong, what is not there, one node, and what is kept.

use super::{For, NOW, Shown, ago, guest, user};
use crate::base::Time;
use crate::base::ids::FilterId;
use crate::base::money::Usd;
use crate::base::time::{DAY, HOUR, MINUTE};
use crate::domain::maintenance::Window;
use crate::domain::node::{Class, Looks, NodeState, Spot};
use crate::domain::observation::Turned;
use crate::domain::pool::{Facets, Field, Filter, Rows, Search, tests::pool};
use crate::web::page::guest::node::{self, SizeHere};
use crate::web::page::guest::nodes::{self, Found, Look, Node, Saved, Wanted};
use crate::web::page::user::saved_filters;
use crate::web::ui::form::Filled;
use crate::web::ui::map::Dot;
use crate::web::ui::part::Pager;

pub fn pages() -> Vec<Shown> {
    list_pages().into_iter().chain(one_pages()).chain(kept_pages()).collect()
}

fn node_of(id: u32, place: &str) -> Node {
    Node {
        id,
        farm_name: "Freefarm Ghent".into(),
        place: place.into(),
        classes: vec![Class::Vm, Class::Kubernetes, Class::Bandwidth],
        certified: id.is_multiple_of(2),
        whole: id == 14,
        cores: 16,
        memory_mb: 65_536,
        memory_free_mb: 41_472,
        ssd_gb: 2048,
        ssd_free_gb: 1511,
        hdd_gb: if id == 13 { 16_384 } else { 0 },
        gpus: if id == 12 { vec!["NVIDIA Corporation GeForce RTX 4090".into()] } else { vec![] },
        measured: (id != 13).then_some(9987),
        line_mbps: if id == 14 { 0 } else { 1000 },
        price: (id != 14).then(|| Usd::from_cents(12_345)),
        ipv4: 4,
        ipv6: true,
        points: 74,
        of: 100,
        worked_on: (id == 13).then_some(Window { starts: NOW + DAY, ends: NOW + DAY + HOUR }),
    }
}

fn facets(query: &str) -> (Filter, Facets) {
    let (pool, filter) = (pool(300), Filter::parse(query).unwrap());
    let facets = pool.facets(&Search { filter: &filter, among: &Rows::all(300), mine: &[101] });
    (filter, facets)
}

fn view(query: &str, look: Look, found: Found) -> nodes::View {
    let (filter, facets) = facets(query);
    let wanted = Wanted { filter, look, ..Wanted::default() };
    nodes::View {
        orderable: facets.matches,
        link: format!("https://cooperage.example{}", wanted.href()),
        wanted,
        facets,
        typed: Filled::default(),
        sizes: ["Small", "Medium", "Large"].map(|name| (name.to_lowercase(), name.to_owned())).into(),
        found,
        saved: vec![],
        saving: Filled::default(),
        told: Some(ago(MINUTE)),
        old: look == Look::Table,
    }
}

fn some() -> Found {
    let nodes = vec![
        node_of(11, "Ghent, Belgium"),
        node_of(12, "São Paulo, Brazil"),
        node_of(13, "Freiburg, Germany"),
        node_of(14, "Llanfairpwllgwyngyll, United Kingdom of Great Britain"),
    ];
    Found::Nodes { nodes, pager: Pager { newer: Some("/nodes".into()), older: Some("/nodes?page=3".into()) } }
}

fn map() -> Found {
    let dot = |name: &str, nodes, latitude: i32, longitude: i32| Dot {
        name: name.into(),
        nodes,
        spot: Spot::new(latitude * 1_000_000, longitude * 1_000_000),
        href: Some(format!("/nodes?country={}&look=map", name.replace(' ', "+"))),
    };
    let dots = vec![
        dot("Belgium", 812, 51, 4),
        dot("Germany", 431, 51, 10),
        dot("United States", 290, 38, -97),
        dot("Switzerland", 96, 47, 8),
        dot("Netherlands", 55, 52, 5),
        dot("Egypt", 40, 30, 31),
        dot("Kenya", 12, -1, 37),
        dot("Brazil", 9, -15, -50),
        dot("Singapore", 3, 1, 104),
        Dot { spot: None, ..dot("Somewhere", 2, 1, 1) },
    ];
    Found::Map { by: Field::Country, dots, nowhere: 2 }
}

fn list_pages() -> Vec<Shown> {
    let show = |name, of: &super::Chrome, view: &nodes::View| Shown { name, of: For::Anybody, markup: nodes::page(of, view) };
    let saved = |bits, name: &str| Saved { id: FilterId::from_bits(bits), name: name.into(), href: "/nodes?ipv6=yes".into() };
    let query = "region=Europe&country=Belgium&cores=6&memory=8&ipv6=yes&certified=yes&class=vm&uptime=95";
    let kept = nodes::View {
        saved: vec![saved(1, "Near home"), saved(2, "Build machines, cheap")],
        saving: Filled::default().with("name", "Near home").wrong("name", "You have a filter of this name already."),
        ..view(query, Look::Cards, some())
    };
    let wrong = nodes::View {
        typed: Filled::default()
            .with("cores", "many")
            .wrong("cores", "Please give a number of cores, such as 8.")
            .with("class", "toaster")
            .wrong("class", "Please choose one of: vm, kubernetes, storage, gpu, bandwidth.")
            .with("ipv4", "maybe")
            .wrong("ipv4", "Please say yes or no.")
            .with("sort", "luck")
            .wrong("sort", "Please choose one of the orders.")
            .with("size", "vast")
            .wrong("size", "Please choose one of the sizes."),
        ..view("country=Belgium", Look::Cards, Found::Unread)
    };
    let ways = vec![
        ("/nodes?cores=4".to_owned(), "Without “Country: Peru” there are 300 nodes.".to_owned()),
        ("/nodes?country=Peru".to_owned(), "Without “Room for Large” there is 1 node.".to_owned()),
    ];
    let (at, me) = (guest("/nodes"), user("/nodes"));
    vec![
        show("choose", &at, &view("", Look::Cards, some())),
        show("choose-filtered", &me, &kept),
        show("choose-table", &me, &view("region=Europe", Look::Table, some())),
        show("choose-map", &at, &view("", Look::Map, map())),
        show("choose-wrong", &at, &wrong),
        show("choose-none", &me, &view("country=Peru&cores=4", Look::Cards, Found::Nothing { ways })),
        show("choose-hopeless", &at, &view("", Look::Cards, Found::Nothing { ways: vec![] })),
        show("choose-unknown", &at, &view("", Look::Cards, Found::Unknown)),
    ]
}

fn one_pages() -> Vec<Shown> {
    let show = |name, view: &node::View| Shown { name, of: For::Anybody, markup: node::page(&guest("/nodes/12"), view) };
    let size = |slug: &str, name: &str, cents, fits| SizeHere {
        slug: slug.into(),
        name: name.into(),
        line: "2 vCPUs · 4 GB memory · 50 GB SSD".into(),
        price: Usd::from_cents(cents),
        fits,
    };
    let day = |place: u32| {
        let up = match place {
            7 => 2000,
            12 => 2850,
            _ => 2879,
        };
        let looks = if (3..5).contains(&place) { Looks::default() } else { Looks { seen: 2880, up } };
        (NOW - DAY * (29 - place), looks)
    };
    let full = node::View {
        node: node_of(12, "Ghent, Belgium"),
        region: "Europe".into(),
        spot: Spot::new(51_054_300, 3_717_400),
        state: NodeState::Up,
        orderable: true,
        own: false,
        farm: 3,
        owner: 17,
        siblings: 4,
        upload_mbps: 1000,
        download_mbps: 1200,
        uptime_s: 40 * 86_400,
        last_contact: ago(MINUTE * 12),
        turns: vec![(ago(DAY), Turned { up: true, seen: ago(DAY), announced: false })],
        now: NOW,
        looks: Looks { seen: 80_000, up: 79_400 },
        days: (0..30).map(day).collect(),
        sizes: vec![size("small", "Small", 600, true), size("medium", "Medium", 1000, true), size("huge", "Huge", 5900, false)],
    };
    let bare = node::View {
        node: Node {
            classes: vec![],
            gpus: vec![],
            hdd_gb: 0,
            ipv4: 0,
            ipv6: false,
            certified: false,
            ..node_of(14, "Somewhere")
        },
        spot: None,
        state: NodeState::Standby,
        orderable: false,
        own: true,
        siblings: 1,
        looks: Looks { seen: 12, up: 12 },
        days: vec![(ago(DAY), Looks::default()), (Time::EPOCH, Looks { seen: 12, up: 12 })],
        ..full.clone()
    };
    vec![show("choose-node", &full), show("choose-node-bare", &bare)]
}

fn kept_pages() -> Vec<Shown> {
    let show =
        |name, view: &saved_filters::View| Shown { name, of: For::Anybody, markup: saved_filters::page(&user("/filters"), view) };
    let row = |bits, name: &str, filled: Filled| saved_filters::Row {
        id: FilterId::from_bits(bits),
        name: name.into(),
        wishes: ["Continent: Europe", "Free memory, at least: 8 GB", "Room for Large", "Cheapest first"].map(Into::into).into(),
        href: "/nodes?region=Europe&memory=8".into(),
        created: ago(4 * DAY),
        filled,
    };
    let wrong = Filled::default().with("name", "").wrong("name", "Please give it a name.");
    let some = saved_filters::View {
        rows: vec![row(1, "Build machines, cheap", wrong), row(2, "Near home", Filled::default().with("name", "Near home"))],
    };
    vec![show("filters", &some), show("filters-empty", &saved_filters::View::default())]
}
