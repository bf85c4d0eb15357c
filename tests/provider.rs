//! Providers: what they are told of their nodes and of what they earned.

use std::collections::BTreeSet;

use cooperage::app::account::NewPerson;
use cooperage::base::Secret;
use cooperage::base::ids::TransferId;
use cooperage::base::money::Tft;
use cooperage::cli::demo::{ALICE, TOM};
use cooperage::domain::account::Role;
use cooperage::domain::ledger::{Account, Cause, NewTransfer};
use cooperage::localgrid::fleet::farmer_key;
use cooperage::store::account::Accounts;

use crate::kit::bare::Bare;
use crate::kit::caller::Caller;
use crate::kit::market::{Market, PASSWORD};

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
    let sums = app.earned(&app.owners_of(&hilda).unwrap()).unwrap();
    assert_eq!((sums.share, sums.owed), (earned, earned));
    let nodes = browser.get("/provider/nodes").await;
    assert!(nodes.says("We don't know your nodes yet"), "{}", nodes.body);
    assert_eq!(browser.get("/provider/earnings").await.status, 200);
    drop(app);
    place.close().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_farm_is_shown_by_its_farmers_key_over_a_sentence_of_ones_own_and_by_one_person_only() {
    let market = Market::open().await;
    let alice = Caller::with_password(market.url(), ALICE.email, ALICE.password).await;
    let tom = Caller::with_password(market.url(), TOM.email, TOM.password).await;
    let sentence = async |who: &Caller| {
        let page = who.get("/provider/claim").await.body;
        let from = page.split("data-copy=\"").nth(1).expect("the sentence");
        from.split('"').next().expect("its end").to_owned()
    };
    // Priya's farm is the last one of the local grid; the key of its twin is everybody's to make.
    let pool = market.demo.instance.app.nodes();
    let node = pool.iter().find(|node| node.farm_name() == "Monsoon Metal").expect("Priya's node");
    let (farm, key) = (node.farm().to_string(), farmer_key("Priya Nair"));
    let claim = async |who: &Caller, signature: &[u8]| {
        who.post("/provider/claim", &[("farm", &farm), ("signature", &format!("0x{}", hex::encode(signature)))]).await
    };
    assert_eq!(alice.get("/provider/nodes").await.status, 404, "she is no provider yet");
    // What somebody else may show is of no use to her, nor is another farmer's key.
    let refused = claim(&alice, &key.sign(sentence(&tom).await.as_bytes())).await;
    assert!(refused.status == 422 && refused.says("was not made with the key of the farm's owner"), "{}", refused.body);
    let refused = claim(&alice, &farmer_key("Hilbert").sign(sentence(&alice).await.as_bytes())).await;
    assert_eq!(refused.status, 422);
    // A wallet in a browser wraps what it signs.
    let wrapped = format!("<Bytes>{}</Bytes>", sentence(&alice).await);
    assert_eq!(claim(&alice, &key.sign(wrapped.as_bytes())).await.status, 303);
    assert!(alice.get("/provider/nodes").await.says("Monsoon Metal"));
    let late = claim(&tom, &key.sign(sentence(&tom).await.as_bytes())).await;
    assert!(late.status == 409 && late.says("belongs to another account"), "{}", late.body);
    drop(pool);
    market.close().await;
}
