//! Providers: what they are told of their nodes and of what they earned.

use std::collections::BTreeSet;

use cooperage::app::account::NewPerson;
use cooperage::base::Secret;
use cooperage::base::ids::TransferId;
use cooperage::base::money::Tft;
use cooperage::domain::account::Role;
use cooperage::domain::ledger::{Account, Cause, NewTransfer};
use cooperage::store::account::Accounts;

use crate::kit::bare::Bare;
use crate::kit::caller::Caller;
use crate::kit::market::PASSWORD;

#[tokio::test(flavor = "multi_thread")]
async fn earnings_stand_there_while_the_grids_index_is_silent() {
    let place = Bare::open(|settings| settings.grid.index = vec!["http://127.0.0.1:1".into()]).await;
    let app = place.instance.app.clone();
    let (email, twin, farm) = ("hilda@example.org", 71, 12);
    let form = NewPerson { name: "Hilda".into(), email: email.into(), password: Secret::from(PASSWORD) };
    let hilda = app.create_person(form, BTreeSet::from([Role::User])).await.unwrap();
    app.grant_farm(hilda.id, farm, twin).await.unwrap();
    let now = app.now();
    let earned = Tft::from_units(123_4567890);
    let transfer = NewTransfer {
        id: TransferId::from_bits(1),
        debit: Account::PROVIDER_SHARE,
        credit: Account::provider(twin),
        amount: earned.into(),
        cause: Cause::new("provider-share", "bill-1"),
        memo: String::new(),
    };
    app.store.write(move |tx| tx.transfer(transfer, now).map(drop)).await.unwrap();
    assert!(app.nodes().is_empty(), "nobody tells us of nodes");
    let browser = Caller::with_password(&place.url, email, PASSWORD).await;
    let hilda = app.read().unwrap().user(hilda.id).unwrap().unwrap();
    let (sums, bills) = app.earnings(&hilda).unwrap();
    assert_eq!((sums.share, sums.owed, bills.len()), (earned, earned, 0));
    let nodes = browser.get("/provider/nodes").await;
    assert!(nodes.says("We don't know your nodes yet"), "{}", nodes.body);
    assert_eq!(browser.get("/provider/earnings").await.status, 200);
    drop(app);
    place.close().await;
}
