//! Samples of what guests and users see.

use super::{For, NOW, Shown, address, ago, guest, order, staff, step, user};
use crate::base::ids::{CardId, ChargeId, QuoteId, SessionId};
use crate::base::money::Usd;
use crate::base::time::{DAY, HOUR, MINUTE, SECOND};
use crate::domain::account::Role;
use crate::web::page::{guest, user};
use crate::web::ui::form::Filled;
use crate::web::ui::offer::{CardLine, Image, KeyLine, Region, Size, Sla};
use crate::web::ui::part::{Pager, StepState};
use crate::web::ui::{Chrome, Flash, Mood};

pub(super) fn sizes() -> Vec<Size> {
    let size = |slug: &str, name: &str, summary: &str, vcpus, memory_mb, disk_gb, cents| Size {
        slug: slug.into(),
        name: name.into(),
        summary: summary.into(),
        vcpus,
        memory_mb,
        disk_gb,
        price: Usd::from_cents(cents),
    };
    vec![
        size("small", "Small", "A website, a bot, a first try.", 1, 2048, 50, 1000),
        size("medium", "Medium", "A shop or a team's tools.", 2, 4096, 100, 1900),
        size("large", "Large", "A database or a busy service.", 4, 8192, 200, 3600),
    ]
}

fn images() -> Vec<Image> {
    let image = |slug: &str, name: &str, summary: &str, own_kernel| Image {
        slug: slug.into(),
        name: name.into(),
        summary: summary.into(),
        own_kernel,
    };
    vec![
        image("ubuntu-24.04", "Ubuntu 24.04", "The common choice, supported until 2029.", true),
        image("ubuntu-22.04", "Ubuntu 22.04", "The older long-term release.", true),
        image("debian-12", "Debian 12", "Small, steady, no surprises.", false),
        image("alpine-3", "Alpine 3", "The smallest of all.", false),
    ]
}

fn regions() -> Vec<Region> {
    let region = |slug: &str, name: &str, nodes| Region { slug: slug.into(), name: name.into(), nodes };
    vec![region("be", "Belgium", 12), region("de", "Germany", 7), region("tz", "Tanzania", 1)]
}

fn sla() -> Sla {
    Sla {
        availability: 9950,
        performance: "The processor, memory and disk you ordered are yours; none of them is sold twice.".into(),
        support: "By e-mail, answered within one working day.".into(),
        backup: "None is included. Keep a copy of what you cannot lose.".into(),
        remedy: "You get back a tenth of the month's price for each half per cent below the promise, up to all of it.".into(),
    }
}

pub(super) fn visa() -> CardLine {
    CardLine { brand: "Visa".into(), last4: "4242".into(), exp_month: 4, exp_year: 2029 }
}

fn charge() -> ChargeId {
    ChargeId::from_bits(0x0123_4567_89ab_cdef_0123_4567_89ab_cdef)
}

pub fn guest_pages() -> Vec<Shown> {
    use guest::{catalogue, error, forgot, landing, login, setup, signup, verify};
    let show = |name, markup| Shown { name, of: For::Anybody, markup };
    let lost = |status, who: fn(&str) -> Chrome| {
        error::page(&who("/nowhere"), &error::View { title: None, status, message: None, reference: Some("7f3a-22c1".into()) })
    };
    let wrong = Filled::default()
        .with("name", "Alice")
        .with("email", "alice@")
        .wrong("email", "This is not an e-mail address.")
        .wrong("password", "Twelve characters or more, please.");
    let confirm = |asks, filled| verify::View::Confirm { code: "x".into(), asks, filled };
    let wrong_password = Filled::default().wrong("password", "This is not the password of the sign-up that this mail is about.");
    vec![
        show("landing", landing::page(&guest("/"), &landing::View { sizes: sizes(), sla: sla(), nodes: 20, countries: 3 })),
        show("landing-empty", landing::page(&guest("/"), &landing::View { sizes: vec![], sla: sla(), nodes: 0, countries: 0 })),
        show("catalogue", {
            let view = catalogue::View { sizes: sizes(), images: images(), regions: regions(), sla: sla() };
            catalogue::page(&guest("/catalogue"), &view)
        }),
        show("catalogue-empty", {
            let view = catalogue::View { sizes: vec![], images: vec![], regions: vec![], sla: sla() };
            catalogue::page(&guest("/catalogue"), &view)
        }),
        show("signup", signup::page(&guest("/signup"), &signup::View::default())),
        show("signup-wrong", signup::page(&guest("/signup"), &signup::View { filled: wrong })),
        show("login", login::page(&guest("/login"), &login::View { next: Some("/order".into()), ..Default::default() })),
        show("forgot", forgot::page(&guest("/forgot"), &forgot::View::default())),
        show("forgot-sent", forgot::page(&guest("/forgot"), &forgot::View { sent: true, ..Default::default() })),
        show("reset", forgot::reset_page(&guest("/reset"), &forgot::ResetView { code: "x".into(), ..Default::default() })),
        show("verify-sent", verify::page(&user("/verify"), &verify::View::Sent { email: "alice@example.org".into() })),
        show("verify-confirm", verify::page(&guest("/verify"), &confirm(false, Filled::default()))),
        show("verify-asks", verify::page(&guest("/verify"), &confirm(true, wrong_password))),
        show("verify-confirmed", verify::page(&guest("/verify"), &verify::View::Confirmed)),
        show("verify-stale", verify::page(&user("/verify"), &verify::View::Stale)),
        show("setup", setup::page(&guest("/setup"), &setup::View { code: Some("x".into()), ..Default::default() })),
        show("setup-bare", setup::page(&guest("/setup"), &setup::View::default())),
        show("error-401", lost(401, guest)),
        show("error-403", lost(403, user)),
        show("error-404", lost(404, guest)),
        show("error-409", lost(409, user)),
        show("error-422", lost(422, user)),
        show("error-500", lost(500, user)),
        show("error-503", lost(503, user)),
    ]
}

fn keys() -> Vec<KeyLine> {
    let key = |name: &str, print: &str| KeyLine { name: name.into(), fingerprint: format!("SHA256:{print}") };
    vec![
        key("alice@laptop", "ZWRGgGyn8lpAUdDYAuFzoHDaBBmBPNQQQtkDWk/u3Ow"),
        key("alice@phone", "KucvkDRS0CVwhfdbCUzPZfEmTZRTYIp2p35GUlx/IWo"),
    ]
}

fn options() -> user::order::Options {
    user::order::Options {
        cores: 32,
        memory_gb: 128,
        disk_gb: 1000,
        data_disk_gb: 2000,
        ssh_keys: 10,
        disks: vec![("disk1_gib", "disk1_path"), ("disk2_gib", "disk2_path")],
        base: Usd::from_cents(200),
        core: Usd::from_cents(100),
        memory: Usd::from_cents(125),
        disk: Usd::from_cents(5),
        ipv4: Usd::from_cents(400),
        ipv6: Usd::ZERO,
        ipv4_nodes: 12,
        ipv6_nodes: 7,
        tunnel_nodes: 1,
    }
}

pub fn order_pages() -> Vec<Shown> {
    use user::{order as form, quote};
    let show = |name, markup| Shown { name, of: For::Anybody, markup };
    let full = form::View {
        sizes: sizes(),
        images: images(),
        regions: regions(),
        keys: keys(),
        options: options(),
        swarm: Some(super::swarm::offer()),
        chosen: None,
        filled: Filled::default().with(&form::key_field(&keys()[0].fingerprint), "on"),
    };
    let wrong = Filled::default()
        .with("size", "medium")
        .with("name", "Web 1")
        .with("ssh_key", "hello")
        .wrong("name", "A name has small letters, digits and dashes, and begins with a letter.")
        .wrong("ssh_key", "This is not a public SSH key. It begins with ssh-ed25519, ssh-rsa or ecdsa.");
    let part = |name: &str, points, of, why: &str| quote::ScorePart { name: name.into(), points, of, why: why.into() };
    let quoted = quote::View {
        id: QuoteId::from_bits(77),
        name: "web-1".into(),
        image: "Ubuntu 24.04".into(),
        size: sizes().remove(0),
        total: Usd::from_cents(1000),
        parts: vec![],
        keys: keys()[..1].to_vec(),
        disks: vec![],
        network: vec![],
        swarm: None,
        sla: sla(),
        place: "Continent: Europe; Free memory, at least: 8 GB".into(),
        again: "/order".into(),
        node: quote::ChosenNode {
            node: 11,
            farm: "Freefarm Ghent".into(),
            place: "Ghent, Belgium".into(),
            reason: "It has run for 214 days without a break and has the most room of the 20 nodes that fit your order.".into(),
            parts: vec![
                part("Reliability", 38, 40, "214 days since its last start; seen a minute ago."),
                part("Room to spare", 24, 30, "78 % of its memory is free after your order."),
                part("Certified hardware", 20, 20, "Bought from a certified vendor."),
                part("Spread", 6, 10, "Its farm carries four other orders."),
            ],
        },
        runner_up: Some(quote::RunnerUp {
            node: 5,
            place: "Falkenstein, Germany".into(),
            why_not: "It came second with 81 of 100 points: it was restarted nine days ago.".into(),
        }),
        left_out: 2,
        planned: vec![(NOW + DAY * 9, NOW + DAY * 9 + HOUR * 4)],
        not_with_it: None,
        second: None,
        filled: Filled::default(),
        card: Some(visa()),
        paid_until: NOW + 30 * DAY,
        expires: NOW + 15 * MINUTE,
    };
    let chosen = form::Chosen {
        title: "On the best node within your filter".into(),
        wishes: vec!["Continent: Europe".into(), "Free memory, at least: 8 GB".into()],
        href: "/nodes?region=Europe&memory=8".into(),
        note: Some("You looked for a node with a graphics card."),
    };
    let bare = quote::View { card: None, runner_up: None, ..quoted.clone() };
    let line = |what: &str, cents| quote::Line { what: what.into(), amount: Usd::from_cents(cents) };
    let rich = quote::View {
        size: Size { name: "Custom".into(), vcpus: 3, memory_mb: 6144, disk_gb: 60, ..sizes().remove(0) },
        total: Usd::from_cents(2250),
        parts: vec![
            line("Custom", 1550),
            line("2 data disks, 60 GB in all", 300),
            line("Public IPv4 address", 400),
            line("Public IPv6 address", 0),
        ],
        keys: keys(),
        second: Some(quote::Second {
            node: quote::ChosenNode {
                node: 5,
                farm: "Falkenfarm".into(),
                place: "Falkenstein, Germany".into(),
                ..quoted.node.clone()
            },
            apart: "They share no node, no farm and no farmer.".into(),
            consent: crate::domain::backup::Consent::wording(),
        }),
        filled: Filled::default().wrong("consent", "Please read this and tick the box: nobody can promise more than it says."),
        disks: vec!["20 GB at /mnt/data1".into(), "40 GB at /srv/database".into()],
        network: vec![
            "Public IPv4 address".into(),
            "Public IPv6 address".into(),
            "WireGuard tunnel into its private network".into(),
        ],
        ..quoted.clone()
    };
    let much = Filled::default()
        .with("image", "alpine-3")
        .with("name", "shop")
        .with("cores", "3")
        .with("memory_gib", "600")
        .with("disk1_gib", "20")
        .with("disk2_gib", "40")
        .with("disk2_path", "/etc")
        .with("ipv4", "on")
        .with("wireguard", "not a key")
        .wrong("memory_gib", "A whole number from 1 to 128, please.")
        .wrong("disk2_path", "The system itself lives there. A folder under /mnt, /srv or /data is a good place.")
        .wrong("ipv4", "No place that fits has a public IPv4 address left. Leave it out, or choose another place.")
        .wrong("wireguard", "This is not a WireGuard public key: 44 characters that end with an equals sign.");
    let empty = form::View {
        sizes: vec![],
        images: vec![],
        regions: vec![],
        keys: vec![],
        options: options(),
        swarm: None,
        chosen: None,
        filled: Filled::default(),
    };
    vec![
        show("order-wrong", form::page(&user("/order"), &form::View { keys: vec![], filled: wrong, ..full.clone() })),
        show("order", form::page(&user("/order"), &full)),
        show("order-within", form::page(&user("/order"), &form::View { chosen: Some(chosen), ..full.clone() })),
        show("order-options", form::page(&user("/order"), &form::View { filled: much, ..full.clone() })),
        show("order-empty", form::page(&user("/order"), &empty)),
        show("quote", quote::page(&user("/order"), &quoted)),
        show("quote-options", quote::page(&user("/order"), &rich)),
        show("quote-no-card", quote::page(&user("/order"), &bare)),
    ]
}

pub fn progress_views() -> [(&'static str, user::progress::View); 3] {
    use user::progress::{Outcome, View};
    let at = |seconds| Some(NOW - SECOND * seconds);
    let paid = step("Payment", "$10.00 is set aside on your card.", StepState::Done, at(68));
    let reserved = step("Reservation", "Node 11 in Ghent keeps your place.", StepState::Done, at(51));
    let view = |outcome, steps| View {
        id: order(),
        name: "web-1".into(),
        steps,
        outcome,
        change: None,
        ask: None,
        started: ago(SECOND * 75),
        now: NOW,
    };
    [
        ("progress", {
            let steps = vec![
                paid.clone(),
                reserved.clone(),
                step("Deployment", "The node is fetching Ubuntu 24.04 and starting your server.", StepState::Now, at(51)),
                step("First sign of life", "We wait until the server answers on its address.", StepState::Todo, None),
                step("Access", "You get the address and the line to sign in.", StepState::Todo, None),
            ];
            view(Outcome::Running, steps)
        }),
        ("progress-ready", {
            let steps = vec![
                paid.clone(),
                reserved,
                step("Deployment", "Ubuntu 24.04 is started.", StepState::Done, at(20)),
                step("First sign of life", "The server answered.", StepState::Done, at(4)),
                step("Access", "Your address is ready.", StepState::Done, at(1)),
            ];
            view(Outcome::Ready, steps)
        }),
        ("progress-refunded", {
            let steps = vec![
                step("Payment", "$10.00 was set aside, and is released again.", StepState::Done, at(68)),
                step("Reservation", "Three nodes were tried; none could take the order.", StepState::Failed, at(12)),
            ];
            view(Outcome::Refunded, steps)
        }),
    ]
}

pub fn deployment_pages() -> Vec<Shown> {
    use user::deployments::Status;
    use user::{deployment, deployments, progress};
    let show = |name, markup| Shown { name, of: For::Anybody, markup };
    let row = |name: &str, status, place: Option<&str>, cents| deployments::Row {
        id: order(),
        name: name.into(),
        tags: if name == "web-1" { vec!["shop".into(), "production".into()] } else { vec![] },
        status,
        size: "Small".into(),
        image: "Ubuntu 24.04".into(),
        place: place.map(Into::into),
        price: Usd::from_cents(cents),
        paid_until: place.map(|_| NOW + 30 * DAY),
    };
    let rows = vec![
        row("web-2", Status::Starting, None, 1000),
        row("web-1", Status::Running, Some("Ghent, Belgium"), 1000),
        row("shop-database", Status::Down, Some("Falkenstein, Germany"), 3600),
        row("first-try", Status::Ended, Some("Ghent, Belgium"), 1900),
        row("far-away", Status::Refunded, None, 1000),
    ];
    let at = |minutes| Some(NOW - MINUTE * minutes);
    let view = deployment::View {
        id: order(),
        name: "web-1".into(),
        host: "web-1".into(),
        tags: vec![],
        status: Status::Running,
        note: None,
        over: None,
        access: Some(deployment::Access {
            ssh: "ssh root@302:9e63:7d43:b742:3582:a831:cd41:3f19".into(),
            keys: keys()[..1].to_vec(),
            addresses: vec![
                ("Mycelium address", "302:9e63:7d43:b742:3582:a831:cd41:3f19".into()),
                ("Private address", "10.20.2.2".into()),
            ],
            tunnel: None,
            console: Some("10.20.2.1:20002".into()),
        }),
        steps: vec![
            step("Select", "Small with Ubuntu 24.04.", StepState::Done, at(14)),
            step("Pay", "$10.00 from Visa ending in 4242.", StepState::Done, at(12)),
            step("Deploy", "Sent to node 11 in Ghent.", StepState::Done, at(11)),
            step("Allocate", "1 vCPU, 2 GB and 50 GB are yours.", StepState::Done, at(11)),
            step("Access", "The address is ready.", StepState::Done, at(10)),
        ],
        size: sizes().remove(0),
        image: "Ubuntu 24.04".into(),
        ordered: ago(14 * MINUTE),
        paid_until: Some(NOW + 30 * DAY),
        price: Usd::from_cents(1000),
        receipts: vec![charge()],
        changes: deployment::Changes { can: true, ..Default::default() },
        down: None,
        maintenance: vec![],
        sla: sla(),
        place: Some("Ghent, Belgium".into()),
        node: Some(11),
        disks: vec![],
        swarm: None,
        can_delete: true,
        backup: None,
        brief: None,
        copies: None,
        web: Some(user::web_address::View {
            id: order(),
            shown: Some(address::works()),
            host: "web-1".into(),
            door: None,
            filled: Filled::default().with("port", "80"),
        }),
        filled: Filled::default(),
    };
    let rich = deployment::View {
        name: "The shop's database".into(),
        status: Status::Down,
        down: Some(deployment::Down { since: ago(20 * MINUTE), why: "The machine that carries it is down." }),
        maintenance: vec![deployment::Planned {
            what: "the server itself",
            node: 11,
            starts: NOW + HOUR * 30,
            ends: NOW + HOUR * 34,
            why: "A new power supply.".into(),
            itself: true,
        }],
        tags: vec!["shop".into(), "production".into()],
        access: Some(deployment::Access {
            ssh: "ssh root@192.0.2.17".into(),
            keys: keys(),
            addresses: vec![
                ("Public IPv4 address", "192.0.2.17".into()),
                ("Public IPv6 address", "2001:db8:0:5::9c1f".into()),
                ("Mycelium address", "302:9e63:7d43:b742:3582:a831:cd41:3f19".into()),
                ("Private address", "10.20.2.2".into()),
            ],
            tunnel: Some(deployment::Tunnel {
                network: "10.20.2.0/24".into(),
                address: "100.64.20.3".into(),
                key: "HIgo9xNzJMWLKASShiTqIybxZ0U3wGLiUeJ1PKf8ykw=".into(),
                file: "web-1".into(),
            }),
            console: Some("10.20.2.1:20002".into()),
        }),
        disks: vec!["20 GB at /mnt/data1".into(), "40 GB at /srv/database".into()],
        backup: Some(super::backup::brief(Some(ago(8 * MINUTE)))),
        brief: Some(super::metrics::brief()),
        copies: Some(super::copies::brief()),
        filled: Filled::default()
            .with("title", "The shop's database")
            .with("tags", "Shop, production")
            .wrong("tags", "A tag is 1 to 24 small letters, digits or hyphens."),
        web: Some(user::web_address::View {
            id: order(),
            shown: Some(address::waits()),
            host: "web-1".into(),
            door: None,
            filled: Filled::default().with("port", "80"),
        }),
        ..view.clone()
    };
    let refused = deployment::View {
        web: Some(user::web_address::View {
            id: order(),
            shown: None,
            host: "web-1".into(),
            door: Some("http://127.0.0.1:8081/".into()),
            filled: Filled::default()
                .with("kind", "domain")
                .with("domain", "https://shop.example.org")
                .with("port", "http")
                .wrong("domain", "The name alone, please, without https:// and without anything behind it.")
                .wrong("port", "A whole number from 1 to 65535, such as 80."),
        }),
        ..view.clone()
    };
    let starting = deployment::View {
        status: Status::Starting,
        note: Some("The first node did not answer in time; we are trying the next one. Nothing more is charged.".into()),
        access: None,
        steps: vec![
            step("Select", "Small with Ubuntu 24.04.", StepState::Done, at(2)),
            step("Pay", "$10.00 is set aside.", StepState::Done, at(1)),
            step("Deploy", "Node 5 in Falkenstein is asked.", StepState::Now, None),
            step("Allocate", "", StepState::Todo, None),
            step("Access", "", StepState::Todo, None),
        ],
        paid_until: None,
        receipts: vec![],
        changes: deployment::Changes::default(),
        place: None,
        node: None,
        can_delete: false,
        web: None,
        ..view.clone()
    };
    let flash = Flash { kind: Mood::Good, text: "first-try is deleted.".into() };
    let mut pages = vec![
        show("deployments", {
            let chrome = Chrome { flash: Some(flash), ..user("/deployments") };
            let pager = Pager { newer: None, older: Some("/deployments?before=x".into()) };
            deployments::page(&chrome, &deployments::View { rows, pager, tag: None })
        }),
        show("deployments-tag", {
            let tagged = deployments::View { tag: Some("shop".into()), ..Default::default() };
            deployments::page(&user("/deployments"), &tagged)
        }),
        show("deployments-empty", deployments::page(&user("/deployments"), &deployments::View::default())),
        show("deployment", deployment::page(&user("/deployments/x"), &view)),
        show("deployment-options", deployment::page(&user("/deployments/x"), &rich)),
        show("deployment-address", deployment::page(&user("/deployments/x"), &refused)),
        show("address-leave", user::web_address::leave_page(&user("/deployments/x"), &address::leaves(vec![]))),
        show(
            "address-leave-domain",
            user::web_address::leave_page(&user("/deployments/x"), &address::leaves(address::waits().records)),
        ),
        show("deployment-starting", deployment::page(&staff("/deployments/x"), &starting)),
        show("deployment-remove", {
            let view = deployment::RemoveView {
                id: order(),
                name: "web-1".into(),
                swarm: true,
                paid_until: Some(NOW + 30 * DAY),
                backup: true,
            };
            deployment::remove_page(&user("/deployments/x/delete"), &view)
        }),
    ];
    for (name, view) in progress_views() {
        pages.push(show(name, progress::page(&user("/deployments/x/progress"), &view)));
    }
    pages
}

pub fn money_pages() -> Vec<Shown> {
    use user::cards::{Charge, ChargeStatus, SavedCard};
    use user::{cards, profile, receipt, twin};
    let show = |name, markup| Shown { name, of: For::Anybody, markup };
    let charged = |what: &str, cents, status, receipt: Option<&str>, days: u32| Charge {
        id: charge(),
        at: ago(DAY * days),
        what: what.into(),
        card: "Visa 4242".into(),
        amount: Usd::from_cents(cents),
        status,
        receipt: receipt.map(Into::into),
    };
    let master = CardLine { brand: "Mastercard".into(), last4: "5100".into(), exp_month: 11, exp_year: 2027 };
    let full = cards::View {
        cards: vec![
            SavedCard { id: CardId::from_bits(1), line: visa(), default: true },
            SavedCard { id: CardId::from_bits(2), line: master, default: false },
        ],
        charges: vec![
            charged("web-2, Small, 30 days", 1000, ChargeStatus::Held, None, 0),
            charged("web-1, Small, 30 days", 1000, ChargeStatus::Paid, Some("2026-000127"), 1),
            charged("far-away, Small, 30 days", 1000, ChargeStatus::Released, None, 3),
            charged("shop-database, Large, 30 days", 3600, ChargeStatus::Refunded, Some("2026-000098"), 40),
            charged("shop-database, Large, 30 days", 3600, ChargeStatus::Declined, None, 41),
        ],
        pager: Pager { newer: None, older: Some("/cards?before=x".into()) },
    };
    let paper = receipt::View {
        charge: charge(),
        number: "2026-000127".into(),
        at: ago(DAY),
        payer: "Alice Verbeke".into(),
        payer_email: "alice@example.org".into(),
        card: "Visa ending in 4242".into(),
        status: ChargeStatus::Paid,
        lines: vec![receipt::Line {
            text: "Server web-1, Small, from 20 November to 20 December 2026".into(),
            amount: Usd::from_cents(1000),
        }],
        total: Usd::from_cents(1000),
        refunded: None,
        order: order(),
    };
    let session = |bits, browser: &str, address: &str, span, this| profile::Session {
        id: SessionId::from_bits(bits),
        browser: browser.into(),
        address: address.into(),
        last_seen: ago(span),
        this,
    };
    let alice = profile::View {
        email: "alice@example.org".into(),
        email_confirmed: true,
        roles: vec![Role::User],
        sessions: vec![
            session(1, "Firefox on Linux", "198.51.100.7", SECOND, true),
            session(2, "Safari on an iPhone", "2001:db8::1f", 3 * HOUR, false),
        ],
        account: Some("5DfhGyQdFobKM8NsWvEeAKk5EQQgYe9AydgJ7rMB6E1EqRzV".into()),
        keys: keys(),
        filled: Filled::default().with("name", "Alice Verbeke"),
        now: NOW,
    };
    let new = profile::View {
        email_confirmed: false,
        roles: vec![Role::User, Role::Provider],
        sessions: vec![],
        account: None,
        keys: vec![],
        ..alice.clone()
    };
    let own = twin::View {
        sentence: "https://coop.example may know this key as the own key of usr_0001".into(),
        account: Some(("5DfhGyQdFobKM8NsWvEeAKk5EQQgYe9AydgJ7rMB6E1EqRzV".into(), ago(DAY))),
        filled: Filled::default(),
    };
    let handover = twin::HandoverView {
        id: order(),
        name: "web-1".into(),
        address: own.account.as_ref().map(|(address, _)| address.clone()),
        file: "web-1-ord_0000000000000000000000000m.handover.json".into(),
        backup: true,
        web: true,
        tunnel: true,
        trouble: Some("The chain does not answer.".into()),
        asked: Filled::default(),
        filled: Filled::default().with("contract", "many").wrong("contract", "Please give the number that the program printed."),
    };
    vec![
        show("cards", cards::page(&user("/cards"), &full)),
        show(
            "card-form",
            user::card_form::page(
                &user("/cards"),
                &user::card_form::View {
                    intent: "seti_1".into(),
                    secret: "seti_1_secret_1".into(),
                    publishable_key: "pk_test_1".into(),
                    script: "https://js.stripe.com/v3/".into(),
                },
            ),
        ),
        show("cards-empty", cards::page(&user("/cards"), &cards::View::default())),
        show("receipt", receipt::page(&user("/receipts/x"), &paper)),
        show("profile", profile::page(&user("/profile"), &alice)),
        show("profile-provider", profile::page(&staff("/profile"), &new)),
        show("twin", twin::page(&user("/twin"), &own)),
        show("twin-none", twin::page(&user("/twin"), &twin::View { account: None, ..own.clone() })),
        show("handover", twin::handover_page(&user("/deployments/x"), &handover)),
        show(
            "handover-none",
            twin::handover_page(&user("/deployments/x"), &twin::HandoverView { address: None, ..handover.clone() }),
        ),
    ]
}
