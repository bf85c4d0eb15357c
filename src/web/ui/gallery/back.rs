//! Samples of what providers and operators see.

use super::{For, NOW, Shown, ago, order, staff, step};
use crate::base::ids::{JobId, OrderId, TransferId, UserId};
use crate::base::money::{Tft, Usd};
use crate::base::time::{DAY, HOUR, MINUTE, SECOND};
use crate::domain::account::Role;
use crate::domain::node::NodeState;
use crate::domain::order::State;
use crate::web::page::{operator, provider};
use crate::web::ui::form::Filled;
use crate::web::ui::part::{Pager, StepState};

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
        sold: if id == 12 { nodes::Sold::KeptBack } else { nodes::Sold::Everybody },
    };
    let farm = nodes::View {
        nodes: vec![
            node(11, "Ghent, Belgium", NodeState::Up, 22_528, 40 * SECOND),
            node(12, "Ghent, Belgium", NodeState::Up, 0, 2 * HOUR),
            node(14, "Antwerp, Belgium", NodeState::Down, 4096, 3 * DAY),
        ],
        now: NOW,
        known: true,
        pager: Pager { newer: None, older: Some("/provider/nodes?page=1".into()) },
    };
    let amount = |hundredths| earnings::Amount { tft: tft(hundredths), worth: Some(Usd::from_units(hundredths * 1000)) };
    let row = |node, bits, billed| earnings::Row {
        node,
        order: (bits > 0).then(|| OrderId::from_bits(bits)),
        billed: amount(billed),
        share: amount(billed / 2),
        bills: 214,
        last: ago(20 * MINUTE),
    };
    let none = earnings::View {
        share: 5000,
        rule_since: None,
        of_list: false,
        earned: amount(0),
        paid_by_chain: amount(0),
        owed: amount(0),
        nodes: vec![],
        nodes_pager: Pager::default(),
        rows: vec![],
        pager: Pager::default(),
        days: vec![],
    };
    let full = earnings::View {
        rule_since: Some(ago(60 * DAY)),
        of_list: true,
        nodes: vec![row(11, 0, 120_340), row(14, 0, 62_000)],
        pager: Pager { newer: None, older: Some("/provider/earnings?after=7-14-x".into()) },
        earned: amount(91_170),
        paid_by_chain: amount(54_702),
        owed: amount(36_468),
        rows: vec![row(11, 1 << 100, 120_340), row(14, 5 << 99, 62_000)],
        days: (0..14)
            .map(|day: u32| earnings::Day { at: ago(DAY * (14 - day)), share: amount(4000 + i64::from(day * day % 7) * 900) })
            .collect(),
        ..none.clone()
    };
    let sentence = "https://cooperage.example may show the farms of this key to usr_00000000000000000000000009";
    let filled = Filled::default()
        .with("farm", "3")
        .with("signature", "0xabc")
        .wrong("signature", "A signature has 128 hexadecimal digits.");
    let farms = vec![claim::Farm { id: 3, name: "Freefarm Ghent".into(), nodes: 3 }];
    vec![
        show("nodes", nodes::page(&staff("/provider/nodes"), &farm)),
        show(
            "nodes-unknown",
            nodes::page(
                &staff("/provider/nodes"),
                &nodes::View { nodes: vec![], now: NOW, known: false, pager: Pager::default() },
            ),
        ),
        show(
            "nodes-empty",
            nodes::page(
                &staff("/provider/nodes"),
                &nodes::View { nodes: vec![], now: NOW, known: true, pager: Pager::default() },
            ),
        ),
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
    use operator::overview::{AtRisk, Day, Grid, Jobs, JournalCheck, OrderCount, Planned, Runway, Tokens, View, Wallet, page};
    let show = |name, markup| Shown { name, of: For::Staff, markup };
    let numbers = [2, 1, 0, 1, 112, 0, 1, 9, 3];
    let coins = |hundredths| Tokens { tft: tft(hundredths), worth: Some(Usd::from_units(hundredths * 1000)) };
    let calm = View {
        orders: State::ALL
            .into_iter()
            .zip(numbers)
            .map(|(state, number)| OrderCount { state, number, more: number > 100 })
            .collect(),
        revenue: Usd::from_cents(142_600),
        card_fees: Usd::from_cents(7_935),
        grid_cost: coins(6_124_000),
        provider_share: coins(3_062_000),
        chain_payouts: coins(1_020_000),
        margin: Some(Usd::from_cents(53_005)),
        days: (0..21)
            .map(|day: u32| Day { at: ago(DAY * (21 - day)), revenue: Usd::from_cents(i64::from(2000 + day * 37 % 11 * 900)) })
            .collect(),
        wallet: Wallet {
            balance: tft(8_421_050),
            worth: Some(Usd::from_cents(84_210)),
            runway: Some(Runway { days: Some(214), sells: true, floor_days: 7 }),
            trend: (0..14).map(|day| tft(8_421_050 + (13 - day) * 41_000 * (1 + day % 3))).collect(),
        },
        jobs: Jobs { waiting: 4, parked: 0 },
        unread: None,
        journal: Some(JournalCheck { at: ago(3 * HOUR), transfers: 4812, problem: None }),
        grid: Grid {
            network: "local".into(),
            reachable: true,
            block: Some((1_204_118, ago(4 * SECOND))),
            nodes_up: 18,
            nodes: 20,
            told: Some(ago(20 * SECOND)),
            runtime: Some(149),
            verified: Some(true),
            address: "5DTestUPts3kjeXSTMyerHihn1uwMfLj8vU8sqF7qYrFabHE".into(),
        },
        at_risk: vec![],
        maintenance: vec![],
        obstacles: vec![],
        warnings: vec![],
        clock: true,
        now: NOW,
    };
    let storm = View {
        at_risk: vec![
            AtRisk { node: 27, trouble: "is down", deployments: 2 },
            AtRisk { node: 32, trouble: "left the grid's billing", deployments: 1 },
        ],
        maintenance: vec![Planned { node: 11, starts: NOW + HOUR * 30, ends: NOW + HOUR * 34, deployments: 3 }],
        jobs: Jobs { waiting: 12, parked: 2 },
        unread: None,
        journal: Some(JournalCheck {
            at: ago(MINUTE),
            transfers: 4812,
            problem: Some("Transfer 4,811 does not follow from the one before it.".into()),
        }),
        wallet: Wallet {
            balance: tft(40_050),
            worth: Some(Usd::from_cents(400)),
            runway: Some(Runway { days: Some(4), sells: false, floor_days: 7 }),
            trend: vec![],
        },
        grid: Grid { reachable: false, network: "main".into(), verified: Some(false), ..calm.grid.clone() },
        obstacles: vec![
            "The chain runs version 158 of its runtime, which lacks what we need: SmartContractModule.cancel_contract as we fill it. \
             Nothing is signed and no order is taken until it has it again or a newer Cooperage knows this runtime."
                .into(),
        ],
        warnings: vec![
            "The chain's node wss://tfchain.grid.threefold.me/ws is 84 blocks behind the others. It is left out.".into(),
            "Deployments are paused (3) because the wallet could not pay for them.".into(),
        ],
        clock: false,
        ..calm.clone()
    };
    let fresh = View {
        orders: vec![],
        revenue: Usd::ZERO,
        card_fees: Usd::ZERO,
        grid_cost: Tokens::default(),
        provider_share: Tokens::default(),
        chain_payouts: Tokens::default(),
        margin: None,
        days: vec![],
        jobs: Jobs::default(),
        unread: None,
        journal: None,
        wallet: Wallet { worth: None, runway: None, ..calm.wallet.clone() },
        grid: Grid { block: None, told: None, ..calm.grid.clone() },
        ..calm.clone()
    };
    vec![
        show("overview", page(&staff("/operator"), &calm)),
        show("overview-storm", page(&staff("/operator"), &storm)),
        show("overview-empty", page(&staff("/operator"), &fresh)),
    ]
}

pub fn trace_pages() -> Vec<Shown> {
    use operator::order::{Amount, Attempt, Hop, HopState, Sums, View, page};
    let show = |name, markup| Shown { name, of: For::Staff, markup };
    let hop = |title: &str, debit: &str, credit: &str, amount, state, number, outside: Option<&str>| Hop {
        title: title.into(),
        debit: debit.into(),
        credit: credit.into(),
        amount,
        worth: matches!(amount, Amount::Tft(_)).then(|| Usd::from_units(31_000)),
        state,
        number,
        first: (number > 0).then(|| ago(90 * MINUTE)),
        last: (number > 0).then(|| ago(90 * MINUTE - HOUR * u32::try_from(number.min(2) - 1).unwrap())),
        transfers: (0..number.min(2)).map(|place| TransferId::from_bits((0xfeed_beef_0123 << 70) + place as u128)).collect(),
        outside: outside.map(Into::into),
    };
    let usd = |cents| Amount::Usd(Usd::from_cents(cents));
    let coins = |hundredths| Amount::Tft(tft(hundredths));
    let posted = HopState::Posted;
    let user = "liability:customer:usr_00000000000000000000000009:usd";
    let cards = "asset:card-processor:usd";
    let contract = Some("contract 4412, blocks 1203518 to 1204118");
    let hops = vec![
        hop("Taken from the card", cards, user, usd(1000), posted, 1, Some("pi_3PqT9x2eZvKYlo2C")),
        hop("Card fee", "expense:card-fees:usd", cards, usd(59), posted, 1, Some("ch_3PqT9x2eZvKYlo2C")),
        hop("Hours used", user, "income:hosting:usd", usd(3), posted, 2, None),
        hop("Billed by the grid", "expense:grid:tft", "liability:grid-due:tft", coins(31), posted, 2, contract),
        hop("The provider's share", "expense:provider-share:tft", "liability:provider:7:tft", coins(15), posted, 2, contract),
        hop("Paid to the provider by the chain", "liability:provider:7:tft", "expense:grid:tft", coins(9), posted, 1, contract),
        hop("Still owed to the provider", "", "", coins(6), HopState::Owed, 0, None),
        hop("Given back to the card", user, cards, usd(997), HopState::Held, 1, Some("re_3PqT9x2eZvKYlo2C")),
    ];
    let at = |minutes| Some(ago(MINUTE * minutes));
    let view = View {
        id: order(),
        name: "web-1".into(),
        state: State::Active,
        who: "Alice Verbeke".into(),
        asked: vec!["Ubuntu 24.04".into(), "1 vCPU · 2 GB memory · 50 GB SSD".into(), "Public IPv4 address".into()],
        ordered: ago(91 * MINUTE),
        swarm: None,
        sums: Sums {
            paid: Usd::from_cents(1000),
            earned: Usd::from_cents(3),
            card_fee: Usd::from_cents(59),
            grid: tft(31),
            share: tft(15),
            payouts: tft(9),
            ..Sums::default()
        },
        grid_worth: Some(Usd::from_units(31_000)),
        owed_worth: Some(Usd::from_units(6_000)),
        margin: Some(Usd::from_units(-5_637_000)),
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
                ok: Some(false),
                at: ago(89 * MINUTE),
            },
            Attempt {
                number: 2,
                node: 11,
                farm: "Freefarm Ghent".into(),
                contract: Some(4412),
                result: "Deployed in 38 s.".into(),
                ok: Some(true),
                at: ago(88 * MINUTE),
            },
        ],
    };
    let fresh = View {
        state: State::Paying,
        sums: Sums::default(),
        margin: None,
        hops: vec![],
        steps: vec![],
        attempts: vec![],
        ..view.clone()
    };
    vec![
        show("trace", page(&staff("/operator/orders/x"), &view)),
        show("trace-empty", page(&staff("/operator/orders/x"), &fresh)),
    ]
}

pub fn list_pages() -> Vec<Shown> {
    use operator::{jobs, orders, people};
    let show = |name, markup| Shown { name, of: For::Staff, markup };
    let rows = State::ALL.into_iter().zip(["web-3", "web-2", "db-1", "shop", "web-1", "undone", "gone", "first-try", "far-away"]);
    let rows = rows.map(|(state, name)| orders::Row {
        id: order(),
        name: name.into(),
        who: "Alice Verbeke".into(),
        state,
        node: (state != State::Paying).then_some(11),
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
        job("Take order web-2 onwards", jobs::JobState::Waiting, 0, None),
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
    let filtered = orders::View { filter: Some(State::Refunded), ..Default::default() };
    vec![
        show(
            "orders",
            orders::page(&staff(orders_at), &orders::View { rows: rows.collect(), filter: None, pager: pager.clone() }),
        ),
        show("orders-empty", orders::page(&staff(orders_at), &orders::View::default())),
        show("orders-filtered", orders::page(&staff(orders_at), &filtered)),
        show(
            "jobs",
            jobs::page(
                &staff("/operator/jobs"),
                &jobs::View { jobs: work, state: jobs::JobState::Waiting, pager: pager.clone(), now: NOW },
            ),
        ),
        show("jobs-empty", {
            let view = jobs::View { jobs: vec![], state: jobs::JobState::Parked, pager: Pager::default(), now: NOW };
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
    let dollars = |name: &str, about: &'static str, cents, held| Account {
        name: name.into(),
        about,
        balance: Balance::Usd { posted: Usd::from_cents(cents), held: Usd::from_cents(held) },
    };
    let accounts = vec![
        dollars("assets:card-processor", "What the card processor owes us.", 134_665, 1000),
        dollars("liabilities:orders", "Paid by users, not yet delivered.", -1000, 0),
        dollars("income:sales", "What users paid for what they got.", -141_600, 0),
        dollars("expenses:card-fee", "What the card processor keeps.", 7935, 0),
        Account {
            name: "assets:wallet".into(),
            about: "Tokens on the chain.",
            balance: Balance::Tft { posted: tft(8_421_050), held: Tft::ZERO },
        },
        Account {
            name: "liabilities:provider:tom".into(),
            about: "Tom's share, not yet paid.",
            balance: Balance::Tft { posted: tft(-36_468), held: Tft::ZERO },
        },
    ];
    let check =
        |problem: Option<&str>| Some(JournalCheck { at: ago(3 * HOUR), transfers: 4812, problem: problem.map(Into::into) });
    let setting = |name: &str, value: &str| settings::Setting { name: name.into(), value: value.into() };
    let printed = settings::View {
        settings: vec![
            setting("web.listen", "127.0.0.1:8080"),
            setting("grid.network", "local"),
            setting("grid.mnemonic", "•••"),
            setting("mail.smtp", ""),
        ],
        version: "0.1.0",
    };
    let at = "/operator/accounts";
    vec![
        show(
            "accounts",
            page(&staff(at), &View { accounts: accounts.clone(), check: check(None), pager: Pager::default(), now: NOW }),
        ),
        show(
            "accounts-wrong",
            page(
                &staff(at),
                &View {
                    accounts,
                    check: check(Some("Transfer 4,811 breaks the chain of hashes.")),
                    pager: Pager::default(),
                    now: NOW,
                },
            ),
        ),
        show("accounts-empty", page(&staff(at), &View { accounts: vec![], check: None, pager: Pager::default(), now: NOW })),
        show("settings", settings::page(&staff("/operator/settings"), &printed)),
        show(
            "settings-empty",
            settings::page(&staff("/operator/settings"), &settings::View { settings: vec![], ..printed.clone() }),
        ),
    ]
}
