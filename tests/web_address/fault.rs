//! The faults of the world against a web address on its way up and on its way down: a few by a seed, all of them with `COOPERAGE_LONG=1`.

use std::sync::atomic::Ordering;
use std::time::Duration;

use cooperage::base::time::MINUTE;
use cooperage::domain::web_address::Stage;
use cooperage::localgrid::node::Fault as Node;

use super::{held, press, read, running, there};
use crate::kit::chance::Chance;
use crate::kit::fault::Fault;
use crate::kit::market::Market;

/// Faults of a plain run.
const SAMPLE: usize = 4;
const STAGES: [Stage; 3] = [Stage::Naming, Stage::Reserving, Stage::Building];

/// Lets the world be unwell for a while.
async fn simmer(market: &Market) {
    let mut commits = market.demo.instance.app.store.commits();
    for _ in 0..6 {
        let _quiet = tokio::time::timeout(Duration::from_millis(60), commits.changed()).await;
        market.leap(Duration::from_secs(6));
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn whatever_goes_wrong_a_web_address_comes_up_or_says_why_and_leaves_nothing() {
    let seed = std::env::var_os("COOPERAGE_SEED").and_then(|seed| seed.to_str()?.parse().ok());
    let seed: u64 = seed.unwrap_or_else(|| u64::from(std::process::id()));
    eprintln!("faults are dealt by COOPERAGE_SEED={seed}");
    let mut chance = Chance::new(seed);
    // What ends or pauses the server as well is told by other stories.
    let mut faults: Vec<Fault> =
        Fault::ALL.into_iter().filter(|it| !it.takes_hours() && *it != Fault::ContractsAreDeleted).collect();
    if std::env::var_os("COOPERAGE_LONG").is_none() {
        while faults.len() > SAMPLE {
            faults.remove(usize::try_from(chance.below(faults.len() as u64)).unwrap());
        }
    }
    let market = Market::open().await;
    let alice = market.shopper().await;
    let order = running(&market, &alice, "shop").await;
    let gateways: Vec<u32> =
        market.demo.world.fleet.profiles.iter().filter(|it| it.domain.is_some()).map(|it| it.node).take(2).collect();
    for fault in faults {
        let stage = chance.one_of(&STAGES);
        let what = format!("{fault:?} at {stage:?}");
        // Gateways that take their time and blocks that are not final keep it where the fault is to find it.
        let (nodes, stall) = (&market.demo.world.nodes, &market.demo.world.chain.faults.stall_finality);
        gateways.iter().for_each(|node| nodes.set_fault(*node, Node::Slow(MINUTE)));
        stall.store(stage == Stage::Naming, Ordering::SeqCst);
        press(&alice, order, "", &[("kind", "name")]).await;
        market.until(&what, || read(&market, order).is_some_and(|address| address.stage >= stage && !address.stage.over())).await;
        stall.store(stage == Stage::Reserving, Ordering::SeqCst);
        gateways.iter().for_each(|node| nodes.set_fault(*node, Node::None));
        fault.strike(&market, &gateways);
        if fault != Fault::FinalityStalls {
            stall.store(false, Ordering::SeqCst);
        }
        simmer(&market).await;
        let rests = || matches!(there(&market, order).stage, Stage::Live | Stage::Gone);
        // There are other gateways: one that fails need not come back. Everything else is there but once.
        if fault.is_a_nodes() {
            market.nurse(&what, rests).await;
        }
        fault.heal(&market, &gateways);
        market.nurse(&what, rests).await;
        let address = there(&market, order);
        eprintln!("{what}: {:?} after {} gateways and {} names", address.stage, address.attempts.len(), address.names.len());
        if address.stage == Stage::Gone {
            assert!(address.trouble.is_some_and(|said| said.ends_with('.')), "{what}: no sentence");
        } else {
            press(&alice, order, "/remove", &[]).await;
            fault.strike(&market, &gateways);
            simmer(&market).await;
            fault.heal(&market, &gateways);
        }
        market.nurse(&what, || there(&market, order).stage == Stage::Gone).await;
        assert_eq!(held(&market), [], "{what}: something is left");
        market.nurse("the shop is open", || market.demo.instance.app.obstacles().unwrap().is_empty()).await;
        market.leap(2 * MINUTE);
    }
    market.close().await;
}
