//! Samples of what providers and operators see.

use super::{For, NOW, Shown, ago, order, staff, step};
use crate::base::ids::{JobId, OrderId, TransferId, UserId};
use crate::base::money::{Tft, Usd};
use crate::base::time::{DAY, HOUR, MINUTE, SECOND};
use crate::web::ui::Role;
use crate::web::ui::form::Filled;
use crate::web::ui::part::{Pager, StepState};
use crate::web::page::{operator, provider};

fn tft(hundredths: i64) -> Tft {
    Tft::from_units(hundredths * 100_000)
}

pub fn provider_pages() -> Vec<Shown> {
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

pub fn overview_pages() -> Vec<Shown> {
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
        wallet: Wallet {
            balance: tft(8_421_050),
            worth: Usd::from_cents(84_210),
            runway_days: Some(214),
            trend: (0..14).map(|day| tft(8_421_050 + (13 - day) * 41_000 * (1 + day % 3))).collect(),
        },
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
        wallet: Wallet { balance: tft(40_050), worth: Usd::from_cents(400), runway_days: Some(9), trend: vec![] },
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

pub fn trace_pages() -> Vec<Shown> {
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

pub fn list_pages() -> Vec<Shown> {
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

pub fn ledger_pages() -> Vec<Shown> {
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
