//! Every page with rich and with empty data: held against the rules all pages share, and written out to be looked at.

use std::time::Duration;

use maud::Markup;

use super::form::Filled;
use super::offer::{CardLine, Image, Region, Size, Sla};
use super::part::{Pager, Step, StepState};
use super::{Chrome, Flash, Mood, Role, Who, asset};
use crate::base::Time;
use crate::base::ids::{CardId, ChargeId, JobId, OrderId, QuoteId, SessionId, TransferId, UserId};
use crate::base::money::{Tft, Usd};
use crate::base::time::{DAY, HOUR, MINUTE, SECOND};
use crate::web::{guest, operator, provider, user};

const NOW: Time = Time::from_secs(1_795_270_000);

/// Who may see a page decides what words may be on it.
#[derive(Clone, Copy, PartialEq, Eq)]
enum For {
    Anybody,
    Staff,
}

struct Shown {
    name: &'static str,
    of: For,
    markup: Markup,
}

fn guest(path: &str) -> Chrome {
    Chrome { brand: "Cooperage".into(), who: None, csrf: "c5rf".into(), flash: None, path: path.into() }
}

fn user(path: &str) -> Chrome {
    Chrome { who: Some(Who { name: "Alice Verbeke".into(), roles: vec![Role::User] }), ..guest(path) }
}

fn staff(path: &str) -> Chrome {
    let roles = vec![Role::User, Role::Provider, Role::Operator];
    Chrome { who: Some(Who { name: "Tom Okafor".into(), roles }), ..guest(path) }
}

fn ago(span: Duration) -> Time {
    NOW - span
}

fn sizes() -> Vec<Size> {
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
    let image = |slug: &str, name: &str, summary: &str| Image { slug: slug.into(), name: name.into(), summary: summary.into() };
    vec![
        image("ubuntu-24.04", "Ubuntu 24.04", "The common choice, supported until 2029."),
        image("debian-12", "Debian 12", "Small, steady, no surprises."),
        image("nixos-24.11", "NixOS 24.11", "The whole system from one file."),
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
        backup: "None is included. Keep a copy of what you cannot lose.".into(),
        remedy: "You get back a tenth of the month's price for each half per cent below the promise, up to all of it.".into(),
    }
}

fn visa() -> CardLine {
    CardLine { brand: "Visa".into(), last4: "4242".into(), exp_month: 4, exp_year: 2029 }
}

fn order() -> OrderId {
    OrderId::from_bits(0x0123_4567_89ab_cdef_0123_4567_89ab_cdef)
}

fn charge() -> ChargeId {
    ChargeId::from_bits(0x0123_4567_89ab_cdef_0123_4567_89ab_cdef)
}

fn step(name: &str, text: &str, state: StepState, at: Option<Time>) -> Step {
    Step { name: name.into(), text: text.into(), state, at }
}

fn guest_pages() -> Vec<Shown> {
    use guest::{catalogue, error, forgot, landing, login, setup, signup, verify};
    let show = |name, markup| Shown { name, of: For::Anybody, markup };
    let lost = |status, who: fn(&str) -> Chrome| {
        error::page(&who("/nowhere"), &error::View { status, message: None, reference: Some("7f3a-22c1".into()) })
    };
    let wrong = Filled::default()
        .with("name", "Alice")
        .with("email", "alice@")
        .wrong("email", "This is not an e-mail address.")
        .wrong("password", "Twelve characters or more, please.");
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

fn order_pages() -> Vec<Shown> {
    use user::{order as form, quote};
    let show = |name, markup| Shown { name, of: For::Anybody, markup };
    let keys = vec![form::SavedKey {
        fingerprint: "SHA256:k2v7dJm1x0cUqf6yWcNq0o5oX2fWm8q5mB7rYl0a9Zs".into(),
        name: "alice@laptop".into(),
    }];
    let full = form::View { sizes: sizes(), images: images(), regions: regions(), keys, filled: Filled::default() };
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
        key_name: "alice@laptop".into(),
        sla: sla(),
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
        card: Some(visa()),
        paid_until: NOW + 30 * DAY,
        expires: NOW + 15 * MINUTE,
    };
    let bare = quote::View { card: None, runner_up: None, ..quoted.clone() };
    let empty = form::View { sizes: vec![], images: vec![], regions: vec![], keys: vec![], filled: Filled::default() };
    vec![
        show("order-wrong", form::page(&user("/order"), &form::View { keys: vec![], filled: wrong, ..full.clone() })),
        show("order", form::page(&user("/order"), &full)),
        show("order-empty", form::page(&user("/order"), &empty)),
        show("quote", quote::page(&user("/order"), &quoted)),
        show("quote-no-card", quote::page(&user("/order"), &bare)),
    ]
}

fn progress_views() -> [(&'static str, user::progress::View); 3] {
    use user::progress::{Outcome, View};
    let at = |seconds| Some(NOW - SECOND * seconds);
    let paid = step("Payment", "$10.00 is set aside on your card.", StepState::Done, at(68));
    let reserved = step("Reservation", "Node 11 in Ghent keeps your place.", StepState::Done, at(51));
    let view = |outcome, steps| View { id: order(), name: "web-1".into(), steps, outcome, started: ago(SECOND * 75), now: NOW };
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

fn deployment_pages() -> Vec<Shown> {
    use user::deployments::Status;
    use user::{deployment, deployments, progress};
    let show = |name, markup| Shown { name, of: For::Anybody, markup };
    let row = |name: &str, status, place: Option<&str>, cents| deployments::Row {
        id: order(),
        name: name.into(),
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
        status: Status::Running,
        note: None,
        access: Some(deployment::Access {
            address: "302:9e63:7d43:b742:3582:a831:cd41:3f19".into(),
            ssh: "ssh root@302:9e63:7d43:b742:3582:a831:cd41:3f19".into(),
            key_name: "alice@laptop".into(),
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
        receipt: Some(charge()),
        sla: sla(),
        place: Some("Ghent, Belgium".into()),
        node: Some(11),
        can_delete: true,
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
        receipt: None,
        place: None,
        node: None,
        can_delete: false,
        ..view.clone()
    };
    let flash = Flash { kind: Mood::Good, text: "first-try is deleted.".into() };
    let mut pages = vec![
        show("deployments", {
            let chrome = Chrome { flash: Some(flash), ..user("/deployments") };
            let pager = Pager { newer: None, older: Some("/deployments?before=x".into()) };
            deployments::page(&chrome, &deployments::View { rows, pager })
        }),
        show("deployments-empty", deployments::page(&user("/deployments"), &deployments::View::default())),
        show("deployment", deployment::page(&user("/deployments/x"), &view)),
        show("deployment-starting", deployment::page(&staff("/deployments/x"), &starting)),
        show("deployment-remove", {
            let view = deployment::RemoveView { id: order(), name: "web-1".into(), paid_until: Some(NOW + 30 * DAY) };
            deployment::remove_page(&user("/deployments/x/delete"), &view)
        }),
    ];
    for (name, view) in progress_views() {
        pages.push(show(name, progress::page(&user("/deployments/x/progress"), &view)));
    }
    pages
}

fn money_pages() -> Vec<Shown> {
    use user::cards::{Charge, ChargeStatus, SavedCard};
    use user::{cards, profile, receipt};
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
        filled: Filled::default().with("name", "Alice Verbeke"),
        now: NOW,
    };
    let new =
        profile::View { email_confirmed: false, roles: vec![Role::User, Role::Provider], sessions: vec![], ..alice.clone() };
    vec![
        show("cards", cards::page(&user("/cards"), &full)),
        show("cards-empty", cards::page(&user("/cards"), &cards::View::default())),
        show("receipt", receipt::page(&user("/receipts/x"), &paper)),
        show("profile", profile::page(&user("/profile"), &alice)),
        show("profile-provider", profile::page(&staff("/profile"), &new)),
    ]
}

fn tft(hundredths: i64) -> Tft {
    Tft::from_units(hundredths * 100_000)
}

fn provider_pages() -> Vec<Shown> {
    use provider::{claim, earnings, nodes};
    let show = |name, markup| Shown { name, of: For::Staff, markup };
    let node = |id, place: &str, state, used, span| nodes::Node {
        id,
        farm: 3,
        farm_name: "Freefarm Ghent".into(),
        place: place.into(),
        cores: 16,
        memory_mb: 65_536,
        memory_used_mb: used,
        disk_gb: 2048,
        state,
        last_contact: ago(span),
        deployments: 3,
    };
    let farm = nodes::View {
        nodes: vec![
            node(11, "Ghent, Belgium", nodes::NodeState::Up, 22_528, 40 * SECOND),
            node(12, "Ghent, Belgium", nodes::NodeState::Standby, 0, 2 * HOUR),
            node(14, "Antwerp, Belgium", nodes::NodeState::Down, 4096, 3 * DAY),
        ],
        now: NOW,
    };
    let amount = |hundredths| earnings::Amount { tft: tft(hundredths), usd: Usd::from_units(hundredths * 1000) };
    let row = |node, bits, billed| earnings::Row {
        node,
        order: OrderId::from_bits(bits),
        billed: amount(billed),
        share: amount(billed / 2),
        paid_by_chain: amount(billed / 10 * 3),
        owed: amount(billed / 10 * 2),
    };
    let none = earnings::View {
        share: 5000,
        rule_since: None,
        billed: amount(0),
        earned: amount(0),
        paid_by_chain: amount(0),
        owed: amount(0),
        rows: vec![],
        days: vec![],
    };
    let full = earnings::View {
        rule_since: Some(ago(60 * DAY)),
        billed: amount(182_340),
        earned: amount(91_170),
        paid_by_chain: amount(54_702),
        owed: amount(36_468),
        rows: vec![row(11, 1 << 100, 120_340), row(14, 5 << 99, 62_000)],
        days: (0..14)
            .map(|day: u32| earnings::Day { at: ago(DAY * (14 - day)), share: amount(4000 + i64::from(day * day % 7) * 900) })
            .collect(),
        ..none.clone()
    };
    let sentence = "I own farm 3 and link it to the account alice@example.org on cooperage.example, 21 November 2026.";
    let filled = Filled::default()
        .with("farm", "3")
        .with("signature", "0xabc")
        .wrong("signature", "A signature has 128 hexadecimal digits.");
    let farms = vec![claim::Farm { id: 3, name: "Freefarm Ghent".into(), nodes: 3 }];
    vec![
        show("nodes", nodes::page(&staff("/provider/nodes"), &farm)),
        show("nodes-empty", nodes::page(&staff("/provider/nodes"), &nodes::View { nodes: vec![], now: NOW })),
        show("earnings", earnings::page(&staff("/provider/earnings"), &full)),
        show("earnings-empty", earnings::page(&staff("/provider/earnings"), &none)),
        show("claim", claim::page(&staff("/provider/claim"), &claim::View { sentence: sentence.into(), farms, filled })),
        show(
            "claim-empty",
            claim::page(&staff("/provider/claim"), &claim::View { sentence: sentence.into(), ..Default::default() }),
        ),
    ]
}

fn overview_pages() -> Vec<Shown> {
    use operator::orders::OrderState;
    use operator::overview::{Day, Grid, Jobs, JournalCheck, LocalClock, OrderCount, View, Wallet, page};
    let show = |name, markup| Shown { name, of: For::Staff, markup };
    let numbers = [2, 1, 0, 1, 112, 9, 3];
    let calm = View {
        orders: OrderState::ALL.into_iter().zip(numbers).map(|(state, number)| OrderCount { state, number }).collect(),
        revenue: Usd::from_cents(142_600),
        card_fees: Usd::from_cents(7_935),
        grid_cost: Usd::from_cents(61_240),
        provider_share: Usd::from_cents(30_620),
        margin: Usd::from_cents(73_425),
        days: (0..21)
            .map(|day: u32| Day { at: ago(DAY * (21 - day)), revenue: Usd::from_cents(i64::from(2000 + day * 37 % 11 * 900)) })
            .collect(),
        wallet: Wallet { balance: tft(8_421_050), worth: Usd::from_cents(84_210), runway_days: Some(214) },
        jobs: Jobs { waiting: 4, running: 1, parked: 0 },
        journal: Some(JournalCheck { at: ago(3 * HOUR), transfers: 4812, problem: None }),
        grid: Grid {
            network: "local".into(),
            reachable: true,
            block: 1_204_118,
            block_at: ago(4 * SECOND),
            nodes_up: 18,
            nodes: 20,
        },
        clock: Some(LocalClock { ahead_s: 7260 }),
        now: NOW,
    };
    let storm = View {
        jobs: Jobs { waiting: 12, running: 0, parked: 2 },
        journal: Some(JournalCheck {
            at: ago(MINUTE),
            transfers: 4812,
            problem: Some("Transfer 4,811 does not follow from the one before it.".into()),
        }),
        wallet: Wallet { balance: tft(40_050), worth: Usd::from_cents(400), runway_days: Some(9) },
        grid: Grid { reachable: false, network: "main".into(), ..calm.grid.clone() },
        clock: None,
        ..calm.clone()
    };
    let fresh = View {
        orders: vec![],
        revenue: Usd::ZERO,
        card_fees: Usd::ZERO,
        grid_cost: Usd::ZERO,
        provider_share: Usd::ZERO,
        margin: Usd::ZERO,
        days: vec![],
        jobs: Jobs::default(),
        journal: None,
        wallet: Wallet { runway_days: None, ..calm.wallet.clone() },
        clock: Some(LocalClock { ahead_s: 0 }),
        ..calm.clone()
    };
    vec![
        show("overview", page(&staff("/operator"), &calm)),
        show("overview-storm", page(&staff("/operator"), &storm)),
        show("overview-empty", page(&staff("/operator"), &fresh)),
    ]
}

fn trace_pages() -> Vec<Shown> {
    use operator::order::{Amount, Attempt, Hop, HopState, View, page};
    use operator::orders::OrderState;
    let show = |name, markup| Shown { name, of: For::Staff, markup };
    let hop = |title: &str, from: &str, to: &str, amount, worth, state, minutes: Option<u32>, outside: Option<&str>| Hop {
        title: title.into(),
        from: from.into(),
        to: to.into(),
        amount,
        worth,
        state,
        at: minutes.map(|minutes| ago(MINUTE * minutes)),
        transfer: (state != HopState::Owed).then(|| TransferId::from_bits(0xfeed_beef_0123 << 70)),
        outside: outside.map(Into::into),
    };
    let usd = |cents| Amount::Usd(Usd::from_cents(cents));
    let coins = |hundredths| Amount::Tft(tft(hundredths));
    let posted = HopState::Posted;
    let hops = vec![
        hop(
            "Card charge held",
            "user:alice",
            "assets:card-processor:held",
            usd(1000),
            None,
            posted,
            Some(90),
            Some("pi_3PqT9x2eZvKYlo2C"),
        ),
        hop(
            "Charge taken",
            "assets:card-processor:held",
            "assets:card-processor",
            usd(1000),
            None,
            posted,
            Some(88),
            Some("ch_3PqT9x2eZvKYlo2C"),
        ),
        hop("Card fee", "assets:card-processor", "expenses:card-fee", usd(59), None, posted, Some(88), Some("txn_1PqTA0")),
        hop("Order fulfilled", "liabilities:orders", "income:sales", usd(1000), None, posted, Some(86), None),
        hop(
            "Grid bill, hour 1",
            "assets:wallet",
            "expenses:grid",
            coins(31),
            Some(Amount::Usd(Usd::from_units(31_000))),
            posted,
            Some(28),
            Some("block 1,204,118"),
        ),
        hop(
            "Provider's share",
            "expenses:grid",
            "liabilities:provider:tom",
            coins(15),
            Some(Amount::Usd(Usd::from_units(15_500))),
            posted,
            Some(28),
            None,
        ),
        hop(
            "Paid by the chain",
            "liabilities:provider:tom",
            "outside:chain",
            coins(9),
            None,
            posted,
            Some(28),
            Some("extrinsic 1,204,118-2"),
        ),
        hop(
            "Still owed to the provider",
            "liabilities:provider:tom",
            "outside:provider",
            coins(6),
            None,
            HopState::Owed,
            None,
            None,
        ),
    ];
    let at = |minutes| Some(ago(MINUTE * minutes));
    let view = View {
        id: order(),
        name: "web-1".into(),
        state: OrderState::Active,
        user: UserId::from_bits(9),
        who: "Alice Verbeke".into(),
        ordered: ago(91 * MINUTE),
        paid: Usd::from_cents(1000),
        card_fee: Usd::from_cents(59),
        grid_cost: Usd::from_units(31_000),
        provider_share: Usd::from_units(15_500),
        margin: Usd::from_units(94_069_000),
        hops,
        steps: vec![
            step("Quoted", "$10.00, node 11 chosen out of 20.", StepState::Done, at(91)),
            step("Held", "$10.00 held on Visa 4242.", StepState::Done, at(90)),
            step("Reserved", "Contract 4,411 on node 5 failed; contract 4,412 on node 11.", StepState::Done, at(89)),
            step("Deployed", "The node says ok.", StepState::Done, at(88)),
            step("Active", "Charge taken; the user has the address.", StepState::Done, at(86)),
        ],
        attempts: vec![
            Attempt {
                number: 1,
                node: 5,
                farm: "Falkenstein One".into(),
                contract: Some(4411),
                result: "The node did not answer within 60 s.".into(),
                ok: false,
                at: ago(89 * MINUTE),
            },
            Attempt {
                number: 2,
                node: 11,
                farm: "Freefarm Ghent".into(),
                contract: Some(4412),
                result: "Deployed in 38 s.".into(),
                ok: true,
                at: ago(88 * MINUTE),
            },
        ],
    };
    let fresh = View { state: OrderState::Quoted, hops: vec![], steps: vec![], attempts: vec![], ..view.clone() };
    vec![
        show("trace", page(&staff("/operator/orders/x"), &view)),
        show("trace-empty", page(&staff("/operator/orders/x"), &fresh)),
    ]
}

fn list_pages() -> Vec<Shown> {
    use operator::orders::OrderState;
    use operator::{jobs, orders, people};
    let show = |name, markup| Shown { name, of: For::Staff, markup };
    let rows = OrderState::ALL.into_iter().zip(["web-3", "web-2", "db-1", "shop", "web-1", "first-try", "far-away"]);
    let rows = rows.map(|(state, name)| orders::Row {
        id: order(),
        name: name.into(),
        who: "Alice Verbeke".into(),
        state,
        node: (state != OrderState::Quoted).then_some(11),
        price: Usd::from_cents(1000),
        at: ago(90 * MINUTE),
    });
    let pager = Pager { newer: Some("/operator/orders".into()), older: Some("/operator/orders?before=x".into()) };
    let job = |what: &str, state, tries, error: Option<&str>| jobs::Job {
        id: JobId::from_bits(1),
        what: what.into(),
        state,
        tries,
        since: ago(9 * MINUTE),
        due: (state == jobs::JobState::Waiting).then(|| NOW + MINUTE),
        error: error.map(Into::into),
    };
    let work = vec![
        job("Deploy order web-2", jobs::JobState::Running, 1, None),
        job("Send mail to alice@example.org", jobs::JobState::Waiting, 3, Some("The mail server does not answer.")),
        job("Cancel contract 4,411", jobs::JobState::Parked, 12, Some("The chain refused: ContractNotExists.")),
    ];
    let person = |name: &str, roles: &[Role], confirmed| people::Person {
        id: UserId::from_bits(1),
        name: name.into(),
        email: "someone@example.org".into(),
        confirmed,
        roles: roles.to_vec(),
        since: ago(40 * DAY),
        deployments: 2,
    };
    let everybody = vec![
        person("Tom Okafor", &[Role::User, Role::Provider, Role::Operator], true),
        person("Alice Verbeke", &[Role::User], true),
        person("Hilbert Janssen", &[Role::User, Role::Provider], false),
    ];
    let orders_at = "/operator/orders";
    let filtered = orders::View { filter: Some(OrderState::Refunded), ..Default::default() };
    vec![
        show(
            "orders",
            orders::page(&staff(orders_at), &orders::View { rows: rows.collect(), filter: None, pager: pager.clone() }),
        ),
        show("orders-empty", orders::page(&staff(orders_at), &orders::View::default())),
        show("orders-filtered", orders::page(&staff(orders_at), &filtered)),
        show(
            "jobs",
            jobs::page(&staff("/operator/jobs"), &jobs::View { jobs: work, filter: None, pager: pager.clone(), now: NOW }),
        ),
        show("jobs-empty", {
            let view = jobs::View { jobs: vec![], filter: Some(jobs::JobState::Parked), pager: Pager::default(), now: NOW };
            jobs::page(&staff("/operator/jobs"), &view)
        }),
        show("people", people::page(&staff("/operator/people"), &people::View { people: everybody, pager })),
        show("people-empty", people::page(&staff("/operator/people"), &people::View::default())),
    ]
}

fn ledger_pages() -> Vec<Shown> {
    use operator::accounts::{Account, Balance, View, page};
    use operator::{overview::JournalCheck, settings};
    let show = |name, markup| Shown { name, of: For::Staff, markup };
    let dollars = |name: &str, about: &str, cents, held| Account {
        name: name.into(),
        about: about.into(),
        balance: Balance::Usd { posted: Usd::from_cents(cents), held: Usd::from_cents(held) },
    };
    let accounts = vec![
        dollars("assets:card-processor", "What the card processor owes us.", 134_665, 1000),
        dollars("liabilities:orders", "Paid by users, not yet delivered.", -1000, 0),
        dollars("income:sales", "What users paid for what they got.", -141_600, 0),
        dollars("expenses:card-fee", "What the card processor keeps.", 7935, 0),
        Account {
            name: "assets:wallet".into(),
            about: "Tokens on the chain.".into(),
            balance: Balance::Tft { posted: tft(8_421_050), held: Tft::ZERO },
        },
        Account {
            name: "liabilities:provider:tom".into(),
            about: "Tom's share, not yet paid.".into(),
            balance: Balance::Tft { posted: tft(-36_468), held: Tft::ZERO },
        },
    ];
    let check =
        |problem: Option<&str>| Some(JournalCheck { at: ago(3 * HOUR), transfers: 4812, problem: problem.map(Into::into) });
    let setting = |name: &str, value: &str, source: &str| settings::Setting {
        name: name.into(),
        value: value.into(),
        source: source.into(),
    };
    let printed = settings::View {
        settings: vec![
            setting("web.listen", "127.0.0.1:8080", "default"),
            setting("grid.network", "local", "default"),
            setting("grid.mnemonic", "•••", "environment"),
            setting("mail.smtp", "", "default"),
        ],
        version: "0.1.0".into(),
        file: Some("/etc/cooperage/config.toml".into()),
    };
    let at = "/operator/accounts";
    vec![
        show("accounts", page(&staff(at), &View { accounts: accounts.clone(), check: check(None), now: NOW })),
        show(
            "accounts-wrong",
            page(&staff(at), &View { accounts, check: check(Some("Transfer 4,811 breaks the chain of hashes.")), now: NOW }),
        ),
        show("accounts-empty", page(&staff(at), &View { accounts: vec![], check: None, now: NOW })),
        show("settings", settings::page(&staff("/operator/settings"), &printed)),
        show(
            "settings-empty",
            settings::page(&staff("/operator/settings"), &settings::View { file: None, settings: vec![], ..printed.clone() }),
        ),
    ]
}

fn all() -> Vec<Shown> {
    [
        guest_pages(),
        order_pages(),
        deployment_pages(),
        money_pages(),
        provider_pages(),
        overview_pages(),
        trace_pages(),
        list_pages(),
        ledger_pages(),
    ]
    .into_iter()
    .flatten()
    .collect()
}

/// The text of every tag that begins with `<name`, up to its `>`.
fn tags<'a>(html: &'a str, name: &str) -> Vec<&'a str> {
    let open = format!("<{name}");
    html.match_indices(&open)
        .map(|(at, _)| &html[at..])
        .filter(|rest| rest[open.len()..].starts_with([' ', '>']))
        .map(|rest| &rest[..=rest.find('>').expect("a tag ends")])
        .collect()
}

fn attribute<'a>(tag: &'a str, name: &str) -> Option<&'a str> {
    let rest = &tag[tag.find(&format!(" {name}=\""))? + name.len() + 3..];
    Some(&rest[..rest.find('"')?])
}

#[test]
fn every_page_has_a_title_a_language_and_one_heading() {
    for Shown { name, markup, .. } in all() {
        let html = markup.into_string();
        assert!(html.starts_with("<!DOCTYPE html><html lang=\"en\">"), "{name}");
        assert_eq!(tags(&html, "h1").len(), 1, "{name}: h1");
        let title = html.split("<title>").nth(1).and_then(|rest| rest.split("</title>").next());
        assert!(title.is_some_and(|title| title.ends_with(" · Cooperage") && title.len() > 14), "{name}: {title:?}");
        assert_eq!(tags(&html, "main").len(), 1, "{name}: main");
    }
}

#[test]
fn no_page_needs_an_exception_in_the_content_security_policy() {
    for Shown { name, markup, .. } in all() {
        let html = markup.into_string();
        assert!(!html.contains(" style=") && tags(&html, "style").is_empty(), "{name}: style");
        for script in html.split("<script").skip(1) {
            let (tag, rest) = script.split_once('>').expect("a tag ends");
            assert!(tag.contains(" src=\"/assets/") && rest.starts_with("</script>"), "{name}: script");
        }
        for handler in [" onclick=", " onload=", " onsubmit=", " onchange=", "javascript:"] {
            assert!(!html.contains(handler), "{name}: {handler}");
        }
        for address in ["src=\"http", "href=\"http", "action=\"http", "src=\"//", "href=\"//"] {
            assert!(!html.contains(address), "{name}: another origin");
        }
    }
}

#[test]
fn every_field_has_a_label_and_every_id_is_its_own() {
    for Shown { name, markup, .. } in all() {
        let html = markup.into_string();
        let mut labelled: Vec<&str> = tags(&html, "label").into_iter().filter_map(|tag| attribute(tag, "for")).collect();
        labelled.sort_unstable();
        for kind in ["input", "textarea", "select"] {
            for tag in tags(&html, kind).into_iter().filter(|tag| attribute(tag, "type") != Some("hidden")) {
                let id = attribute(tag, "id").unwrap_or_else(|| panic!("{name}: {tag} has no id"));
                assert!(labelled.binary_search(&id).is_ok(), "{name}: {tag} has no label");
            }
        }
        let mut ids: Vec<&str> = html.match_indices(" id=\"").map(|(at, _)| html[at + 5..].split('"').next().unwrap()).collect();
        let number = ids.len();
        ids.sort_unstable();
        ids.dedup();
        assert_eq!(ids.len(), number, "{name}: an id twice");
        for tag in html.split('<').filter(|tag| tag.contains("aria-describedby=")) {
            for id in attribute(tag, "aria-describedby").unwrap().split(' ') {
                assert!(ids.binary_search(&id).is_ok(), "{name}: {id} describes nothing");
            }
        }
    }
}

#[test]
fn every_form_that_changes_something_carries_the_anti_forgery_field() {
    for Shown { name, markup, .. } in all() {
        let html = markup.into_string();
        for form in html.split("<form").skip(1) {
            let form = form.split("</form>").next().unwrap();
            let (tag, body) = form.split_once('>').unwrap();
            assert!(tag.contains("method=\"post\"") || tag.contains("method=\"get\""), "{name}: a form without a method");
            assert!(tag.contains("action=\"/"), "{name}: a form leads nowhere");
            if tag.contains("method=\"post\"") {
                assert!(body.contains("<input type=\"hidden\" name=\"csrf\" value=\"c5rf\">"), "{name}: {tag}");
            }
        }
    }
}

#[test]
fn s0_24_no_page_of_a_user_speaks_of_how_nodes_are_paid() {
    for Shown { name, markup, .. } in all().into_iter().filter(|page| page.of == For::Anybody) {
        let html = markup.into_string().to_lowercase();
        for word in ["token", "wallet", "seed phrase", "tft", "chain", "crypto", "mnemonic"] {
            assert!(!html.contains(word), "{name}: {word}");
        }
    }
}

#[test]
fn the_quote_shows_price_promise_reason_and_card_on_one_screen() {
    let page = all().into_iter().find(|page| page.name == "quote").expect("a quote").markup.into_string();
    for part in ["Pay $10.00 and deploy", "99.5 %", "214 days", "Why not node 5", "Visa ending in 4242", "What happens next"] {
        assert!(page.contains(part), "{part}");
    }
    let bare = all().into_iter().find(|page| page.name == "quote-no-card").expect("a quote").markup.into_string();
    assert!(bare.contains("Add a card") && !bare.contains("and deploy</button>"));
}

#[test]
fn the_live_part_alone_is_what_the_page_shows() {
    for (name, view) in progress_views() {
        let fragment = user::progress::steps(&view).into_string();
        assert!(!fragment.contains("<html") && !fragment.contains('\n'), "{name}: one line without a frame");
        let page = user::progress::page(&user("/deployments/x/progress"), &view).into_string();
        assert!(page.contains(&fragment), "{name}");
    }
}

#[test]
fn the_gallery_is_written_where_it_is_asked_for() {
    let Some(folder) = option_env_folder() else { return };
    std::fs::create_dir_all(folder.join("assets")).expect("a folder for the gallery");
    for name in asset::names() {
        let address = asset::url(&name);
        let hashed = address.strip_prefix("/assets/").expect("under /assets/");
        let file = asset::find(hashed).expect("a listed asset");
        std::fs::write(folder.join("assets").join(hashed), file.bytes).expect("an asset is written");
    }
    for Shown { name, markup, .. } in all() {
        let html = markup.into_string().replace("\"/assets/", "\"assets/");
        std::fs::write(folder.join(format!("{name}.html")), html).expect("a page is written");
    }
}

#[allow(clippy::disallowed_methods)] // a wish of whoever runs the tests, not a setting of the program
fn option_env_folder() -> Option<std::path::PathBuf> {
    std::env::var("COOPERAGE_GALLERY").ok().map(Into::into)
}
