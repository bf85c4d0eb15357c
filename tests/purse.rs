//! The purse: the screen says to the unit what the chain bills, and nothing is sold that the tokens would not carry.

use std::sync::Arc;

use cooperage::base::ids::OrderId;
use cooperage::base::money::{SCALE, Tft};
use cooperage::base::time::{HOUR, MINUTE};
use cooperage::cli::demo::TOM;
use cooperage::cli::visitor::Visitor;
use cooperage::domain::bill::Bill;
use cooperage::domain::order::State;
use cooperage::domain::purse::{Purse, months};
use cooperage::localgrid::world::OPERATOR_WORDS;
use cooperage::store::grid::Chain;
use cooperage::store::order::Orders;
use cooperage::web::ui::format::tokens;
use cooperage::wire::key::{AccountId, KeyPair, Scheme};
use cooperage::wire::tfchain::Balances;

use crate::kit::market::{GOOD_CARD, Market};

fn operator() -> AccountId {
    KeyPair::from_mnemonic(OPERATOR_WORDS, Scheme::Sr25519).unwrap().public()
}

/// The chain's own word for what the operator has.
fn account(market: &Market) -> Balances {
    market.demo.world.chain.balances(&operator())
}

fn purse(market: &Market) -> Arc<Purse> {
    market.demo.instance.app.purse().expect("the purse was read")
}

fn units(amount: Tft) -> u128 {
    u128::try_from(amount.units()).unwrap()
}

/// Waits until the purse is what the chain has, with every contract's use in it.
async fn read_anew(market: &Market, contracts: usize) -> Arc<Purse> {
    let told = || {
        let (there, Some(purse)) = (account(market), market.demo.instance.app.purse()) else { return false };
        let metered = purse.meters.iter().filter(|meter| meter.line.list > Tft::ZERO).count();
        (units(purse.holdings.free), units(purse.holdings.reserved)) == (there.free, there.reserved) && metered == contracts
    };
    market.until("the purse is what the chain has", told).await;
    purse(market)
}

/// Leaves just so much that can be spent.
async fn drain_to(market: &Market, contracts: usize, left: Tft) -> Arc<Purse> {
    let usable = Tft::from_units(i64::try_from(account(market).usable()).unwrap());
    market.demo.world.chain.withdraw(&operator(), usable.checked_sub(left).unwrap());
    let purse = read_anew(market, contracts).await;
    assert_eq!(purse.holdings.usable, left);
    purse
}

fn bills(market: &Market, contract: u64) -> Vec<Bill> {
    market.demo.instance.app.read().unwrap().bills_of(contract, 1000).unwrap()
}

fn orders(market: &Market) -> usize {
    let snapshot = market.demo.instance.app.read().unwrap();
    State::ALL.into_iter().map(|state| snapshot.count_in(state, 1000).unwrap()).sum()
}

fn warnings(market: &Market) -> Vec<String> {
    let mails = market.demo.world.mail.mails_to(TOM.email);
    mails.into_iter().map(|mail| mail.subject).filter(|subject| subject.contains("the tokens last for less")).collect()
}

async fn with_two_vms(market: &Market) -> (Visitor, Vec<OrderId>) {
    let nora = market.newcomer("Nora").await;
    market.save_card(&nora, GOOD_CARD).await;
    let mut ids = vec![];
    for name in ["web", "shop"] {
        let id = market.order(&nora, name, "").await;
        assert_eq!(market.rest(id).await.state, State::Active);
        ids.push(id);
    }
    (nora, ids)
}

#[tokio::test(flavor = "multi_thread")]
async fn the_screen_says_to_the_unit_what_the_chain_bills() {
    let market = Market::open().await;
    let (_, ids) = with_two_vms(&market).await;
    // Blocks that were sealed at once for calls shift the first bills; from then on an hour is an hour.
    market.leap(3 * HOUR);
    let contracts: Vec<u64> = ids.iter().filter_map(|id| market.read(*id).attempt()?.contract).collect();
    assert_eq!(contracts.len(), 2);
    market.until("three bills of each", || contracts.iter().all(|id| bills(&market, *id).len() >= 3)).await;
    let purse = read_anew(&market, 2).await;
    let tom = market.log_in(&TOM).await;
    let page = tom.get("/operator/purse").await.unwrap();
    let (mut hours, mut reserved) = (0, 0);
    for meter in &purse.meters {
        let bills = bills(&market, meter.running.contract);
        let (last, before) = (&bills[bills.len() - 1], &bills[bills.len() - 2]);
        assert_eq!(last.at.since(before.at), HOUR);
        let standing = purse.standing(meter);
        assert_eq!((last.amount, last.level.as_str()), (standing.hour, purse.ladder.name(standing.level)));
        assert_eq!(last.level, "Gold", "the wallet of the local world holds enough");
        reserved += bills.iter().map(|bill| bill.amount.units()).sum::<i64>();
        for said in [format!("{} an hour", tokens(last.amount)), format!("Last bill {} at Gold", tokens(last.amount))] {
            assert!(page.says(&said), "{said}: {}", page.text());
        }
        hours += last.amount.units();
    }
    assert_eq!(purse.burn(), Tft::from_units(hours));
    assert_eq!(purse.holdings.reserved, Tft::from_units(reserved), "nothing was paid out yet");
    // A moment later the wallet is another one: that alone is read.
    market.demo.world.chain.fund(&operator(), Tft::from_units(SCALE));
    market
        .until("the new wallet is known", || self::purse(&market).holdings.free.units() == purse.holdings.free.units() + SCALE)
        .await;
    assert_eq!(self::purse(&market), Arc::new(Purse { holdings: self::purse(&market).holdings, ..Purse::clone(&purse) }));
    let usable = self::purse(&market).holdings.usable;
    assert_eq!(units(usable), account(&market).usable());
    assert!(page.says("Every contract is at the highest level"), "{}", page.text());
    assert!(page.says("Covered") && page.says("50 % of what is billed"), "{}", page.text());

    let price = purse.price.rate.musd();
    market.demo.world.chain.set_price(price * 2);
    market.leap(MINUTE);
    market.until("the new price is read", || self::purse(&market).price.rate.musd() == price * 2).await;
    let dearer = self::purse(&market);
    assert!(dearer.burn() < purse.burn(), "a dearer token pays for more");

    let answer = tom.get("/operator/purse?plan=medium&price=&machines=10&level=Gold&fee=2.9&fixed=0.30").await.unwrap();
    assert!(answer.says("$100.00 for 10 machines") && answer.says("$5.90"), "{}", answer.text());
    let wrong = tom.get("/operator/purse?plan=medium&price=free&machines=0&level=Gold&fee=2.9&fixed=0.30").await.unwrap();
    assert_eq!(wrong.status, 422);
    assert!(wrong.says("A price in dollars") && wrong.says("A whole number from 1"), "{}", wrong.text());
    assert!(wrong.body.contains("value=\"free\""), "what was typed is kept");
    market.close().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_purse_that_runs_dry_warns_once_a_mark_stops_sales_before_the_bank_is_asked_and_sells_again_when_filled() {
    let market = Market::open().await;
    let (nora, _) = with_two_vms(&market).await;
    market.leap(HOUR);
    let purse = read_anew(&market, 2).await;
    assert!(warnings(&market).is_empty());
    let late = market.quote(&nora, "late", "").await;
    let list = purse.list_burn().units();

    // Seventeen days and a bit at list price: of each of two equal contracts that is less than a month and a half.
    let purse = drain_to(&market, 2, Tft::from_units(list * 413)).await;
    assert_eq!((purse.runway(&[]), purse.burn()), (Some(413), purse.list_burn()), "the discount is gone");
    market.demo.world.mail.wait_for(TOM.email, "less than 30 days").await.expect("a warning");
    let tom = market.log_in(&TOM).await;
    let page = tom.get("/operator/purse").await.unwrap();
    assert!(page.says("The tokens get short: 17 days are left"), "{}", page.text());
    let next = &purse.lifts()[0];
    assert!(page.says(&format!("{} more lifts the lowest contract", tokens(next.missing))), "{}", page.text());

    // Two days: below the floor of seven.
    let before = orders(&market);
    let purse = drain_to(&market, 2, Tft::from_units(list * 48)).await;
    assert_eq!(purse.runway(&[]), Some(48));
    market.demo.world.mail.wait_for(TOM.email, "less than 3 days").await.expect("a warning");
    for path in ["/operator", "/operator/purse"] {
        let page = tom.get(path).await.unwrap();
        assert!(page.says("New orders are refused."), "{path}: {}", page.text());
    }
    let action = format!("{}/confirm", late.url.path());
    let refused = nora.submit(&late, &action, &[]).await.unwrap();
    assert!(refused.says("New orders are paused for the moment, so nothing was taken from your card."), "{}", refused.text());
    let offered = market.quote(&nora, "later", "").await;
    assert_eq!(offered.status, 422);
    assert!(offered.says("New orders are paused") && offered.body.contains("value=\"later\""), "{}", offered.text());
    for word in ["token", "wallet", "purse", "TFT", "chain"] {
        assert!(!refused.says(word) && !offered.says(word), "{word}");
    }
    assert_eq!(orders(&market), before, "no order was made, so no bank was asked");

    // Back above all marks: the same offer can be taken, and nobody is told anything twice.
    market.demo.world.chain.fund(&operator(), Tft::from_units(100_000 * SCALE));
    let purse = read_anew(&market, 2).await;
    assert_eq!(purse.standing(&purse.meters[0]).level, purse.ladder.top());
    let id = market.confirm(&nora, &late).await;
    assert_eq!(market.rest(id).await.state, State::Active);
    assert!(!tom.get("/operator").await.unwrap().says("New orders are refused"));
    market.leap(HOUR);
    read_anew(&market, 3).await;
    let told = warnings(&market);
    assert_eq!(told.len(), 2, "{told:?}");
    market.close().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn what_could_not_be_paid_is_owed_until_more_comes_in() {
    let market = Market::open().await;
    with_two_vms(&market).await;
    market.leap(2 * HOUR);
    read_anew(&market, 2).await;
    drain_to(&market, 2, Tft::ZERO).await;
    market.leap(HOUR);
    let app = market.demo.instance.app.clone();
    market.until("both contracts sleep", || purse(&market).meters.iter().all(|meter| meter.paused)).await;
    let first = purse(&market);
    market.leap(HOUR);
    let owes_more = |purse: &Purse| purse.meters.iter().zip(&first.meters).all(|(now, then)| now.owed > then.owed);
    market.until("both owe another hour", || owes_more(&purse(&market))).await;
    let purse = purse(&market);
    assert_eq!(purse.owed().checked_sub(first.owed()), Some(purse.list_burn()), "an hour of each, without a discount");
    assert_eq!(purse.runway(&[]), Some(0));
    let tom = market.log_in(&TOM).await;
    let page = tom.get("/operator/purse").await.unwrap();
    assert!(page.says("Asleep") && page.says(&format!("Owes {}", tokens(purse.meters[0].owed))), "{}", page.text());
    assert!(page.says("Not covered") && page.says("Short by"), "{}", page.text());

    market.demo.world.chain.fund(&operator(), Tft::from_units(100_000 * SCALE));
    market.leap(HOUR);
    let paid = || app.purse().is_some_and(|purse| purse.owed() == Tft::ZERO && purse.meters.iter().all(|meter| !meter.paused));
    market.until("everything is paid", paid).await;
    let late = purse.meters.clone();
    let purse = read_anew(&market, 2).await;
    assert!(months(purse.burn()) < months(purse.list_burn()));
    // What was owed is not taken for the rest of a discount.
    for meter in &late {
        let bills = bills(&market, meter.running.contract);
        let bill = bills.iter().find(|bill| bill.amount > meter.owed).unwrap_or_else(|| panic!("{bills:?}"));
        assert_ne!(bill.level, "None");
        let hour = bill.list.units() - meter.owed.units();
        let list = purse.ladder.due(meter.line.list, 0, meter.line.surcharge).units();
        assert!((hour - list).abs() * 100 < list, "{bill:?}: {hour} is not {list}");
    }
    drop(app);
    market.close().await;
}
