//! The whole pretended world in one value: chain, relay, nodes, index, card processor and post office, each on a port of its own.

use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use super::card::{CardWorld, Options};
use super::chain::{Chain, Window};
use super::fleet::Fleet;
pub use super::grid::OPERATOR_WORDS;
use super::grid::{Grid, Ports};
use super::index::Index;
use super::mail::MailWorld;
use super::names::Names;
use super::node::Nodes;
use super::relay::Relay;
use super::web::Web;
use crate::base::{Clock, Random, Secret};
use crate::wire::dns::server::Server as NameServer;

/// The running world. `stop` ends it.
pub struct World {
    pub chain: Arc<Chain>,
    /// The chain's second node.
    pub window: Arc<Window>,
    pub relay: Relay,
    pub nodes: Nodes,
    pub cards: CardWorld,
    pub mail: MailWorld,
    pub fleet: Fleet,
    pub names: Names,
    pub addresses: Addresses,
    index: Index,
    name_server: NameServer,
    web: Web,
}

/// What a client of this world must know.
#[derive(Debug, Clone)]
pub struct Addresses {
    /// Of both nodes of the chain.
    pub chain: [String; 2],
    pub relay: String,
    pub index: String,
    /// The stores of all nodes.
    pub stores: String,
    /// The identity service.
    pub identity: String,
    /// API and card page are one origin.
    pub cards: String,
    pub cards_secret_key: Secret<String>,
    pub webhook_secret: Secret<String>,
    pub smtp: String,
    /// The mail sink, for the browser.
    pub mail: String,
    pub mnemonic: Secret<String>,
    /// The server of names, over UDP.
    pub dns: SocketAddr,
    /// Where all gateways are, over plain HTTP.
    pub web: SocketAddr,
}

impl World {
    /// Starts everything on free ports of this machine. `step` is how long a node takes for each part of a deployment.
    pub async fn start(clock: Arc<dyn Clock>, random: Arc<dyn Random>, step: Duration) -> std::io::Result<World> {
        let (at_once, ports) = (Duration::ZERO, Ports::default());
        let grid = Grid::start(clock.clone(), clock.clone(), random.clone(), step, at_once, ports).await?;
        let secret = |prefix: &str| Secret::new(format!("{prefix}_{}", hex::encode(random.bytes::<16>())));
        let (secret_key, webhook_secret) = (secret("sk_test"), secret("whsec"));
        let options = Options {
            webhook_url: None,
            webhook_secret: webhook_secret.clone(),
            secret_key: secret_key.clone(),
            return_origins: vec![],
            port: 0,
        };
        let cards = CardWorld::start(options, clock.clone(), random.clone()).await?;
        let mail = MailWorld::start(0, 0, random, clock).await?;
        let addresses = Addresses {
            chain: [grid.addresses.chain, grid.addresses.window],
            relay: grid.addresses.relay,
            identity: grid.addresses.index.clone(),
            index: grid.addresses.index,
            stores: grid.addresses.stores,
            cards: cards.base_url.clone(),
            cards_secret_key: secret_key,
            webhook_secret,
            smtp: format!("smtp://{}", mail.smtp),
            mail: mail.url.clone(),
            mnemonic: OPERATOR_WORDS.into(),
            dns: grid.addresses.dns,
            web: grid.addresses.web,
        };
        let Grid { chain, window, relay, nodes, index, fleet, names, name_server, web, .. } = grid;
        Ok(World { chain, window, relay, nodes, cards, mail, fleet, names, addresses, index, name_server, web })
    }

    /// Tells the world where the marketplace is: webhooks go there, and the card page sends people back there.
    pub fn meet(&self, site: &str) {
        self.cards.set_webhook(&format!("{site}/hooks/cards"));
        self.cards.set_return_origins(vec![site.to_owned()]);
        self.mail.set_site(site);
    }

    pub async fn stop(self) {
        self.web.stop();
        self.name_server.stop();
        self.nodes.stop();
        self.index.stop().await;
        self.relay.stop();
        self.window.stop();
        self.chain.stop();
    }
}
