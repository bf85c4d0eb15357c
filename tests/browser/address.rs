//! A web address in a real browser: it comes up without a reload, and it opens.

use cooperage::cli::demo::ALICE;
use cooperage::domain::order::State;
use cooperage::store::web_address::WebAddresses;
use cooperage::wire::dns::types::Record;

use super::screens::Album;
use super::{go, log_in};
use crate::kit::browser::{Browser, Taste};
use crate::kit::market::Market;

#[tokio::test(flavor = "multi_thread")]
#[ignore = "needs Chromium: COOPERAGE_BROWSER=1 cargo test --test stories browser -- --ignored"]
async fn a_web_address_comes_up_on_the_open_page_and_opens_in_the_same_browser() {
    let market = Market::open().await;
    let mut album = Album::new();
    let alice = market.shopper().await;
    let order = market.order(&alice, "shop", "Belgium").await;
    assert_eq!(market.rest(order).await.state, State::Active);
    let browser = Browser::open(Taste::default()).await;
    log_in(&market, &browser, &ALICE).await;
    let page = format!("/deployments/{order}");
    go(&market, &browser, &page).await;
    album.keep(&browser, "address-none").await;
    browser.types("name", "My Shop").await;
    browser.presses("Set up the address").await;
    browser.sees("3 to 40 small letters").await;
    album.keep(&browser, "address-wrong").await;
    browser.types("name", "corner-shop").await;
    browser.presses("Set up the address").await;
    browser.sees("Works").await;
    browser.sees("Your server answers.").await;
    album.keep(&browser, "address-works").await;
    let address = market.demo.instance.app.read().unwrap().web_address_of(order).unwrap().unwrap();
    let url = market.demo.instance.app.web_url(&address.fqdn().unwrap());
    browser.goto(&url).await;
    browser.sees("It works").await;
    go(&market, &browser, &page).await;
    browser.find(fantoccini::Locator::Css("#web-address summary")).await.click().await.unwrap();
    browser.presses("Remove the address").await;
    market.until("it is gone", || market.demo.instance.app.read().unwrap().web_address_of(order).unwrap().is_none()).await;
    go(&market, &browser, &page).await;
    browser.picks("kind", "domain").await;
    browser.types("domain", "shop.example.org").await;
    market.demo.world.names.set("shop.example.org", vec![Record::A([192, 0, 2, 1].into())]);
    browser.presses("Set up the address").await;
    browser.sees("It leads to 192.0.2.1").await;
    album.keep(&browser, "address-domain").await;
    browser.presses("Check now").await;
    browser.sees("We have looked.").await;
    browser.close().await;
    market.demo.stop().await.expect("a market closes");
    assert!(album.wrong.is_empty(), "{:#?}", album.wrong);
}
