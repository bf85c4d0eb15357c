//! kill -9 while a web address is set up, changed and taken away: each happens once, and nothing is left.

use std::time::Duration;

use cooperage::base::ids::OrderId;
use cooperage::cli::visitor::Visitor;
use cooperage::domain::web_address::{Stage, WebAddress};
use cooperage::localgrid::{ChainView, ContractStateView};
use cooperage::store::web_address::WebAddresses;

use super::{Siege, order_of};
use crate::kit::chance::Chance;
use crate::kit::market::{GOOD_CARD, KEY};
use crate::kit::process::Process;

impl Siege {
    /// Kills the marketplace again and again until the web address is as wanted. How often that was.
    async fn kill_until(
        &self,
        process: &mut Process,
        chance: &mut Chance,
        order: OrderId,
        is: impl Fn(&WebAddress) -> bool,
    ) -> usize {
        for times in 0..200 {
            tokio::time::sleep(Duration::from_millis(60 + chance.below(240))).await;
            process.kill();
            let store = self.house.look().unwrap();
            let address = store.read().unwrap().last_web_address(order).unwrap();
            *process = self.house.start();
            self.house.ready(process).await;
            if address.as_ref().is_some_and(&is) {
                return times;
            }
        }
        panic!("it does not come to that:\n{}", self.house.said());
    }

    fn live_contracts(&self) -> usize {
        let live = |contract: &&_| contract_lives(contract);
        self.world.chain.contracts().iter().filter(live).count()
    }

    async fn ask_for(&self, visitor: &Visitor, order: OrderId, way: &str, fields: &[(&str, &str)]) {
        let at = format!("/deployments/{order}");
        let page = self.insist(async || visitor.fill(&at, &format!("{at}{way}"), fields).await).await;
        assert_eq!(page.status, 200, "{}", page.text());
    }
}

fn contract_lives(contract: &cooperage::localgrid::ContractView) -> bool {
    contract.state != ContractStateView::Deleted
}

#[tokio::test(flavor = "multi_thread")]
async fn a_web_address_that_is_cut_off_at_any_step_comes_up_once_and_leaves_nothing() {
    let siege = Siege::lay().await;
    let mut chance = Chance::new(7);
    let mut process = siege.house.start();
    siege.house.ready(&mut process).await;
    let nora = siege.newcomer("Nora", GOOD_CARD).await;
    let wish = [("name", "web"), ("size", "small"), ("image", "ubuntu-24.04"), ("region", ""), ("key", "new"), ("ssh_key", KEY)];
    let quote = nora.fill("/order", "/order", &wish).await.unwrap();
    let order = nora.submit(&quote, &format!("{}/confirm", quote.url.path()), &[]).await.unwrap();
    let order = order_of(&order).unwrap();
    let at = format!("/deployments/{order}");
    while !nora.get(&at).await.unwrap().says("Set up the address") {
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
    siege.ask_for(&nora, order, "/address", &[("kind", "name")]).await;
    siege.kill_until(&mut process, &mut chance, order, |address| address.stage == Stage::Live).await;
    assert_eq!(siege.live_contracts(), 3, "a machine, a name, a gateway");
    siege.ask_for(&nora, order, "/address/change", &[("port", "8080")]).await;
    let changed =
        |address: &WebAddress| address.stage == Stage::Live && address.served.as_ref().is_some_and(|served| served.port == 8080);
    siege.kill_until(&mut process, &mut chance, order, changed).await;
    assert_eq!(siege.live_contracts(), 3);
    let delete = format!("{at}/delete");
    siege.insist(async || nora.fill(&delete, &delete, &[]).await).await;
    siege.kill_until(&mut process, &mut chance, order, |address| address.stage == Stage::Gone).await;
    siege.come_to_rest(process).await;
    assert_eq!(siege.live_contracts(), 0, "nothing is left");
    let store = siege.house.store();
    siege.audit(&store.read().unwrap());
    store.close();
}
