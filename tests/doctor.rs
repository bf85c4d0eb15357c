//! `cooperage doctor`, as an operator uses it: beside a running marketplace, in a world in which things break.

use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::Duration;

use cooperage::base::money::{SCALE, Tft};
use cooperage::host::{HostClock, HostRandom};
use cooperage::localgrid::world::World;
use serde_json::Value;

use crate::kit::fault::operator;
use crate::kit::process::House;

fn text(bytes: &[u8]) -> String {
    String::from_utf8_lossy(bytes).into_owned()
}

/// What doctor says of everything, and its exit code.
fn examine(house: &House) -> (Value, Option<i32>) {
    let said = house.run(&["doctor", "--json"], "");
    let report = serde_json::from_slice(&said.stdout).unwrap_or_else(|_| panic!("{} {}", text(&said.stdout), text(&said.stderr)));
    (report, said.status.code())
}

/// The check of a name: its state and its words.
fn check<'a>(report: &'a Value, name: &str) -> (&'a str, &'a str) {
    let all = report["checks"].as_array().expect("checks");
    let found = all.iter().find(|check| check["name"] == name).unwrap_or_else(|| panic!("no “{name}” in {report:#}"));
    if found["state"] != "ok" {
        assert!(found["hint"].as_str().is_some_and(|hint| hint.len() > 10), "no hint: {found}");
    }
    (found["state"].as_str().expect("a state"), found["said"].as_str().expect("words"))
}

#[tokio::test(flavor = "multi_thread")]
async fn doctor_says_of_each_thing_whether_it_is_well_while_the_marketplace_runs() {
    let world = World::start(HostClock::new(), Arc::new(HostRandom), Duration::from_millis(20)).await.unwrap();
    let mut house = House::within(&world.addresses);
    house.set("COOPERAGE_CARDS__SECRET_KEY", world.addresses.cards_secret_key.reveal());
    // Before the first start nothing has failed, and what will be made is said.
    let (fresh, code) = examine(&house);
    assert_eq!((code, fresh["well"].as_bool()), (Some(0), Some(true)), "{fresh:#}");
    assert_eq!(check(&fresh, "data folder").0, "warning");
    assert_eq!(check(&fresh, "twin").0, "warning");
    assert!(check(&fresh, "marketplace").1.contains("not running"));
    let mut process = house.start();
    house.ready(&mut process).await;
    let (well, code) = examine(&house);
    assert_eq!((code, well["failures"].as_u64()), (Some(0), Some(0)), "{well:#}");
    let [first, second] = &world.addresses.chain;
    for name in [
        "settings",
        "marketplace",
        "public address",
        first,
        second,
        "runtime",
        "agreement",
        "clock",
        "wallet",
        "balance",
        "terms",
        "twin",
        "identity",
        "relay",
        "card processor",
        "mail server",
        "clocks around",
    ] {
        assert_eq!(check(&well, name).0, "ok", "{name}: {well:#}");
    }
    assert!(check(&well, "marketplace").1.contains("takes orders"));
    // For people: short lines, a mark on each, a sum at the end.
    let words = text(&house.run(&["doctor"], "").stdout);
    for part in ["\nHere\n", "\nChain\n", "\nAccount\n", "\nAround\n", "  ok    settings", "looked at: "] {
        assert!(words.contains(part), "{part}: {words}");
    }
    assert!(words.lines().all(|line| line.chars().count() <= 115), "{words}");
    assert!(!words.contains(world.addresses.mnemonic.reveal()) && !words.contains('\u{1b}'), "{words}");

    // Things break, each by itself.
    world.window.set_forked(true);
    world.chain.fund(&operator(), Tft::from_units(SCALE));
    let (forked, code) = examine(&house);
    assert_eq!((code, check(&forked, "agreement").0), (Some(1), "failure"));
    assert!(check(&forked, "agreement").1.contains("have different blocks"), "{forked:#}");
    world.window.set_forked(false);

    world.window.set_foreign(true);
    assert!(check(&examine(&house).0, "agreement").1.contains("are on different chains"));
    world.window.set_foreign(false);

    world.chain.upgrade(Some(("cancel_contract", "cancel_kontract")));
    let (unknown, code) = examine(&house);
    assert_eq!((code, check(&unknown, "runtime").0), (Some(1), "failure"));
    assert!(check(&unknown, "runtime").1.contains("SmartContractModule.cancel_contract"));
    world.chain.upgrade(None);

    let twin = well["checks"].as_array().unwrap().iter().find(|check| check["name"] == "twin").unwrap()["said"].as_str().unwrap();
    let twin: u32 = twin.split(';').next().unwrap().parse().unwrap();
    world.nodes.set_verified(twin, false);
    assert_eq!(check(&examine(&house).0, "identity").0, "failure");
    world.nodes.set_verified(twin, true);

    world.chain.drain(&operator(), Tft::from_units(SCALE));
    assert_eq!(check(&examine(&house).0, "balance").0, "failure");
    world.chain.fund(&operator(), Tft::from_units(1000 * SCALE));

    world.chain.set_twin(twin, Some("relay.example.org"), None);
    assert_eq!(check(&examine(&house).0, "twin").0, "warning");

    house.set("COOPERAGE_CARDS__SECRET_KEY", "sk_test_of_somebody_else");
    assert_eq!(check(&examine(&house).0, "card processor").0, "failure");
    house.set("COOPERAGE_MAIL__SMTP", "smtp://127.0.0.1:1");
    assert_eq!(check(&examine(&house).0, "mail server").0, "failure");
    house.set("COOPERAGE_GRID__INDEX", "http://127.0.0.1:1/");
    assert_eq!(check(&examine(&house).0, "http://127.0.0.1:1").0, "failure");
    house.set("COOPERAGE_GRID__CHAIN", first);
    assert_eq!(check(&examine(&house).0, "agreement").0, "warning");
    house.set("COOPERAGE_GRID__CHAIN", "ws://127.0.0.1:1");
    let (away, code) = examine(&house);
    assert_eq!((code, check(&away, "ws://127.0.0.1:1").0, check(&away, "wallet").0), (Some(1), "failure", "failure"));
    assert!(world.chain.faults.refuse_next.load(Ordering::SeqCst) == 0 && process.stop(Duration::from_secs(20)).await.is_some());
    world.stop().await;
}

#[test]
fn doctor_looks_at_the_built_in_grid_without_any_setting() {
    let house = House::new();
    let said = house.run(&["doctor", "--json"], "");
    let report: Value = serde_json::from_slice(&said.stdout).unwrap_or_else(|_| panic!("{}", text(&said.stderr)));
    assert_eq!(said.status.code(), Some(0), "{report:#}");
    assert_eq!((report["network"].as_str(), check(&report, "runtime").0), (Some("local"), "ok"));
    assert!(!house.data().exists(), "looking makes nothing");
}
