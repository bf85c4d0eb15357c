//! The wallet's words: sealed at rest, opened at the start, found nowhere; and a wallet that is watched without them.

use std::sync::Arc;
use std::time::Duration;

use cooperage::base::Secret;
use cooperage::cli::demo::{ALICE, TOM};
use cooperage::host::{HostClock, HostRandom};
use cooperage::localgrid::world::{OPERATOR_WORDS, World};
use cooperage::store::Read;
use cooperage::store::schema::TWIN;

use crate::kit::bare::Bare;
use crate::kit::caller::Caller;
use crate::kit::market::Market;
use crate::kit::process::{House, bytes_of};

fn text(bytes: &[u8]) -> String {
    String::from_utf8_lossy(bytes).into_owned()
}

/// Whether any three of the words stand next to each other somewhere.
fn gives_away(bytes: &[u8]) -> bool {
    let words: Vec<&str> = OPERATOR_WORDS.split(' ').collect();
    words.windows(3).any(|three| {
        let three = three.join(" ");
        bytes.windows(three.len()).any(|part| part == three.as_bytes())
    })
}

#[tokio::test(flavor = "multi_thread")]
async fn the_words_of_the_wallet_are_found_in_no_file_page_or_line() {
    assert!(gives_away(format!("the words are {OPERATOR_WORDS}").as_bytes()), "this test would find nothing");
    let world = World::start(HostClock::new(), Arc::new(HostRandom), Duration::from_millis(20)).await.unwrap();
    let mut house = House::within(&world.addresses);
    house.unset("COOPERAGE_GRID__MNEMONIC");
    // Not without a passphrase, not with a misspelt word.
    let refused = house.run(&["admin", "wallet", "set"], OPERATOR_WORDS);
    assert_eq!(refused.status.code(), Some(3), "{}", text(&refused.stderr));
    house.set("COOPERAGE_GRID__PASSPHRASE", "a barrel of passphrases");
    let misspelt = OPERATOR_WORDS.replace("lonely", "lonelie");
    let refused = house.run(&["admin", "wallet", "set"], &misspelt);
    assert_eq!(refused.status.code(), Some(3));
    assert!(!gives_away(&refused.stderr) && !text(&refused.stderr).contains("lonelie"), "{}", text(&refused.stderr));
    let sealed = house.run(&["admin", "wallet", "set"], &format!("  {OPERATOR_WORDS}  \nanother line"));
    assert!(sealed.status.success(), "{}", text(&sealed.stderr));
    let again = house.run(&["admin", "wallet", "set"], OPERATOR_WORDS);
    assert!(again.status.code() == Some(3) && text(&again.stderr).contains("--replace"), "{}", text(&again.stderr));
    assert!(house.run(&["admin", "wallet", "set", "--replace"], OPERATOR_WORDS).status.success());
    let shown = house.run(&["admin", "wallet", "show"], "");
    assert!(text(&shown.stdout).contains("sealed in the data folder"), "{}", text(&shown.stdout));

    // It starts with the passphrase, and with no other and none.
    let mut process = house.start();
    house.ready(&mut process).await;
    let guest = Caller::new(&house.url());
    let mut seen = vec![sealed.stdout, sealed.stderr, shown.stdout, house.run(&["settings"], "").stdout];
    seen.push(house.run(&["doctor", "--json"], "").stdout);
    for path in ["/", "/readyz", "/catalogue", "/login"] {
        seen.push(guest.get(path).await.body.into_bytes());
    }
    assert!(process.stop(Duration::from_secs(20)).await.is_some());
    seen.push(house.said().into_bytes());
    seen.extend(bytes_of(&house.data()).into_iter().map(|(_, bytes)| bytes));
    for bytes in &seen {
        assert!(!gives_away(bytes), "{}", text(bytes));
    }
    let mode = std::os::unix::fs::MetadataExt::mode(&std::fs::metadata(house.data().join("wallet.sealed")).unwrap());
    assert_eq!(mode & 0o777, 0o600);
    for wrong in ["another passphrase", ""] {
        house.set("COOPERAGE_GRID__PASSPHRASE", wrong);
        let end = house.try_to_start().await;
        assert_eq!(end.status.code(), Some(3), "{}", end.said);
        assert!(end.said.contains("assphrase") && !gives_away(end.said.as_bytes()), "{}", end.said);
    }
    world.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_watched_wallet_is_read_and_shown_and_takes_no_order() {
    // Somebody else has set the account up.
    let market = Market::open().await;
    let address = market.demo.instance.app.grid.address();
    let at = market.demo.world.addresses.clone();
    let watcher = Bare::open(|settings| {
        settings.grid.chain = at.chain.to_vec();
        settings.grid.relay = at.relay.clone();
        settings.grid.index = vec![at.index.clone()];
        settings.grid.identity = at.identity.clone();
        settings.grid.mnemonic = Secret::default();
        settings.grid.watch = address.clone();
    })
    .await;
    let app = &watcher.instance.app;
    market.until("the twin is known", || app.read().unwrap().single(&TWIN).unwrap().is_some()).await;
    market.until("the balance is known", || app.heard().wallet.is_some_and(|wallet| wallet.free.units() > 0)).await;
    let words: Vec<_> = app.obstacles().unwrap().iter().map(cooperage::app::chain::Obstacle::word).collect();
    assert_eq!(words, ["watch-only"]);
    let ready = Caller::new(&watcher.url).get("/readyz").await;
    assert!(ready.status == 503 && ready.body.contains("watch-only"), "{}", ready.body);
    let refused = app.grid.sign(&cooperage::grid::Call::AcceptTerms, 0).await.unwrap_err();
    assert_eq!(refused.message(), "There are no words for the wallet: nothing can be signed.");
    watcher.close().await;
    let (alice, tom) = (market.log_in(&ALICE).await, market.log_in(&TOM).await);
    assert!(alice.get("/deployments").await.is_ok());
    assert!(tom.get("/operator").await.unwrap().says(&address));
    market.close().await;
}
