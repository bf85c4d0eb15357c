//! Samples of the operator's purse.

use super::{For, NOW, Shown, ago, order, staff};
use crate::base::money::{Tft, Usd};
use crate::base::time::{DAY, HOUR, MINUTE, SECOND};
use crate::web::page::operator::overview::Runway;
use crate::web::page::operator::purse::{Amount, Level, Lift, Price, Row, Share, Sums, Tariff, Told, View, page};
use crate::web::page::operator::simulator;
use crate::web::ui::form::Filled;
use crate::web::ui::part::Pager;

/// Hundredths of a token, worth a cent each.
fn coins(hundredths: i64) -> Amount {
    Amount { tft: Tft::from_units(hundredths * 100_000), worth: Usd::from_units(hundredths * 1000) }
}

fn row(contract: u64, name: &str, level: (&str, u32), held_tenths: u64, month: i64) -> Row {
    let left = 100 - i64::from(level.1);
    let next = (level.1 < 60).then(|| Lift { level: "Silver".into(), missing: coins(152_410), saves: coins(month / 10) });
    Row {
        contract,
        node: 11,
        order: order(),
        name: name.into(),
        paused: false,
        owed: Tft::ZERO,
        list_hour: Amount { tft: Tft::from_units(month * 100_000 / 720), worth: Usd::from_units(month * 1000 / 720) },
        list_month: coins(month),
        level: level.0.into(),
        percent_off: level.1,
        held_tenths,
        hour: Amount { tft: Tft::from_units(month * 1000 * left / 720), worth: Usd::from_units(month * 10 * left / 720) },
        month: coins(month * left / 100),
        last: Some((Tft::from_units(month * 1000 * left / 720), level.0.into())),
        next,
        paid_until: Some(NOW + DAY * 12 + HOUR * 3),
        to_end: Tft::from_units(month * 1000 * left / 720 * 291),
        carried: true,
    }
}

fn full() -> Told {
    let level =
        |name: &str, half_months, percent_off, published| Level { name: name.into(), half_months, percent_off, published };
    let lift = |level: &str, missing, saves| Lift { level: level.into(), missing: coins(missing), saves: coins(saves) };
    Told {
        block: 1_204_118,
        at: ago(40 * SECOND),
        tariff: Tariff {
            compute: Usd::from_units(100_000),
            storage: Usd::from_units(50_000),
            traffic: Usd::from_units(15_000),
            address: Usd::from_units(40_000),
            name: Usd::from_units(2_500),
            dedicated_percent: 50,
        },
        price: Price { musd: 10, average: 9, least: 10, most: 1000, set: Some(ago(9 * MINUTE)) },
        levels: vec![
            level("None", 0, 0, None),
            level("Default", 3, 20, Some((3, 20))),
            level("Bronze", 6, 30, Some((6, 30))),
            level("Silver", 12, 40, Some((12, 40))),
            level("Gold", 36, 60, Some((36, 60))),
        ],
        table_since: Some(ago(DAY * 300)),
        network_percent: 40,
        runway: Runway { days: Some(214), sells: true, floor_days: 7 },
        sums: Sums {
            free: coins(1_250_051),
            kept: Amount { tft: Tft::from_units(500), worth: Usd::ZERO },
            usable: Amount { tft: Tft::from_units(125_005_099_500), worth: Usd::from_units(1_250_050_995) },
            reserved: coins(2_314),
            owed: coins(0),
            beside: coins(100_000),
            month: coins(113_400),
            list_month: coins(324_000),
            needed: coins(48_210),
            needed_at_list: coins(130_950),
            simple_days: Some(330),
        },
        lowest: Some(4412),
        lifts: vec![lift("Silver", 152_410, 32_400), lift("Gold", 3_125_000, 97_200)],
        contracts: 3,
        rows: vec![
            row(4398, "db-1", ("Gold", 60), 1_543, 81_000),
            row(4412, "web-with-a-rather-long-name-of-it", ("Bronze", 30), 41, 324_000),
            row(4413, "shop", ("Gold", 60), 190, 81_000),
        ],
        pager: Pager { newer: Some("/operator/purse?from=1".into()), older: Some("/operator/purse?from=4420".into()) },
        share: Share {
            of_list: false,
            percent: 50,
            since: Some(ago(DAY * 60)),
            next: Some((NOW + DAY * 30, true, 40)),
            by_billed: coins(56_700),
            by_list: coins(162_000),
            farmer_percent: 50,
            by_chain: coins(56_700),
            promised: coins(91_170),
            paid: coins(54_702),
            owed: coins(36_468),
        },
    }
}

fn simulated() -> simulator::View {
    let outcome = |level: &str, cents| simulator::Outcome { level: level.into(), margin: Usd::from_cents(cents) };
    let levels = [("None", "None, 0 % off"), ("Gold", "Gold, 60 % off")];
    simulator::View {
        plans: vec![("medium".into(), "Medium, $10.00".into())],
        levels: levels.map(|(value, text)| (value.into(), text.into())).to_vec(),
        filled: Filled::default()
            .with("machines", "10")
            .with("fee", "2.9")
            .with("fixed", "0.30")
            .with("level", "Gold")
            .with("price", ""),
        answer: Some(simulator::Answer {
            level: "Gold".into(),
            percent_off: 60,
            holds: Tft::from_units(145_800_000_000),
            machines: 10,
            revenue: Usd::from_cents(10_000),
            card_fee: Usd::from_cents(590),
            billed: Tft::from_units(32_400_000_000),
            grid: Usd::from_cents(3_240),
            provider: Usd::from_cents(1_620),
            extra: Usd::ZERO,
            margin: Usd::from_cents(6_170),
            levels: vec![
                outcome("None", 1_310),
                outcome("Default", 2_930),
                outcome("Bronze", 3_740),
                outcome("Silver", 4_550),
                outcome("Gold", 6_170),
            ],
        }),
    }
}

pub fn pages() -> Vec<Shown> {
    let show = |name, view: &View| Shown { name, of: For::Staff, markup: page(&staff("/operator/purse"), view) };
    let calm = View { told: Some(full()), answers: true, simulator: simulated(), now: NOW };
    let mut short = full();
    short.at = ago(HOUR * 5);
    short.runway = Runway { days: Some(2), sells: false, floor_days: 7 };
    short.sums.usable = coins(8_100);
    short.sums.owed = coins(31);
    short.sums.beside = coins(0);
    short.rows[1].paused = true;
    short.rows[1].owed = coins(31).tft;
    short.rows.iter_mut().for_each(|row| row.carried = false);
    let wrong = simulator::View {
        filled: Filled::default().with("machines", "many").wrong("machines", "A whole number from 1 to 100,000."),
        answer: None,
        ..simulated()
    };
    let mut idle = full();
    (idle.contracts, idle.lowest, idle.runway.days) = (0, None, None);
    (idle.rows, idle.lifts) = (vec![], vec![]);
    idle.price.set = None;
    idle.share.next = None;
    idle.share.since = None;
    let unknown = View { told: None, answers: false, simulator: simulator::View::default(), now: NOW };
    vec![
        show("purse", &calm),
        show("purse-short", &View { told: Some(short), answers: false, simulator: wrong, now: NOW }),
        show("purse-idle", &View { told: Some(idle), ..calm.clone() }),
        show("purse-unknown", &unknown),
    ]
}
