//! The pretended grid by itself: chain, relay, nodes, index and identity service, each on a port of its own of this machine.

use std::net::{Ipv4Addr, SocketAddr};
use std::sync::{Arc, OnceLock};
use std::time::Duration;

use sha2::{Digest, Sha256};

use super::chain::{Chain, Window};
use super::fleet::{Fleet, RELAY, fleet};
use super::index::Index;
use super::names::Names;
use super::node::Nodes;
use super::relay::Relay;
use super::web::Web;
use crate::base::money::{SCALE, Tft};
use crate::base::{Clock, Random};
use crate::wire::dns::server::Server as NameServer;
use crate::wire::key::{KeyPair, Scheme, account as account_of, address, words_of};

/// The operator's words on the local grid: a public test phrase, worth nothing anywhere else.
pub const OPERATOR_WORDS: &str = "bottom drive obey lake curtain smoke basket hold race lonely fit walk";
/// Enough for the largest discount on everything the catalogue sells.
const OPERATOR_BALANCE: Tft = Tft::from_units(500_000 * SCALE);
const VISITOR_BALANCE: Tft = Tft::from_units(10_000 * SCALE);
/// Who else has tokens. Their words can be worked out by anybody, and are worth nothing.
const VISITORS: [&str; 3] = ["ada", "bert", "cleo"];
/// Thousandths of a dollar.
const TFT_PRICE: u32 = 10;

/// Where the parts listen on this machine; 0 takes any free port.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Ports {
    pub chain: u16,
    pub relay: u16,
    pub index: u16,
    pub stores: u16,
}

/// Somebody with tokens, and without a twin so far.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Account {
    pub name: &'static str,
    pub words: String,
    /// SS58.
    pub address: String,
    pub balance: Tft,
}

/// What a client of the grid must know.
#[derive(Debug, Clone)]
pub struct Addresses {
    pub chain: String,
    /// The chain's second node: the same blocks behind another door.
    pub window: String,
    pub relay: String,
    /// Node index; below it `/graphql`, and the identity service at `/api/v1/status`.
    pub index: String,
    /// The stores of all nodes, whatever address a node tells: `127.0.0.1:9900`.
    pub stores: String,
    /// The server of names, over UDP.
    pub dns: SocketAddr,
    /// Where all gateways are, over plain HTTP, by the name that is asked for.
    pub web: SocketAddr,
}

/// The running grid. `stop` ends it.
pub struct Grid {
    pub chain: Arc<Chain>,
    pub window: Arc<Window>,
    pub relay: Relay,
    pub nodes: Nodes,
    pub index: Index,
    pub names: Names,
    pub name_server: NameServer,
    pub web: Web,
    pub fleet: Fleet,
    pub addresses: Addresses,
}

/// The host name under which twins name the relay on the chain.
pub const RELAY_NAME: &str = RELAY;

/// Who begins with tokens. Worked out once a process: keys are made of words slowly, on purpose.
pub fn accounts() -> std::io::Result<Vec<Account>> {
    static ALL: OnceLock<Vec<Account>> = OnceLock::new();
    if let Some(all) = ALL.get() {
        return Ok(all.clone());
    }
    let account = |name, words: String, balance| -> std::io::Result<Account> {
        let key = KeyPair::from_mnemonic(&words, Scheme::Sr25519).map_err(std::io::Error::other)?;
        Ok(Account { name, words, address: address(&key.public()), balance })
    };
    let mut all = vec![account("operator", OPERATOR_WORDS.to_owned(), OPERATOR_BALANCE)?];
    for name in VISITORS {
        let digest = <[u8; 32]>::from(Sha256::digest(format!("cooperage local account {name}")));
        let mut entropy = [0; 16];
        entropy.copy_from_slice(&digest[..16]);
        all.push(account(name, words_of(&entropy), VISITOR_BALANCE)?);
    }
    Ok(ALL.get_or_init(|| all).clone())
}

impl Grid {
    /// Starts everything. `clock` is the chain's and may leap; `bus` is by what messages and tokens expire, and should be
    /// the real time if programs by others take part. `step` is how long a node takes for each part of a deployment, and
    /// `finality` how long a block waits until it is final: never nothing where others look on, who know the two apart.
    pub async fn start(
        clock: Arc<dyn Clock>,
        bus: Arc<dyn Clock>,
        random: Arc<dyn Random>,
        step: Duration,
        finality: Duration,
        ports: Ports,
    ) -> std::io::Result<Grid> {
        let fleet = fleet();
        let mut balances = Vec::new();
        for account in accounts()? {
            let id = account_of(&account.address).ok_or_else(|| std::io::Error::other("no address"))?;
            balances.push((id, account.balance));
        }
        let genesis = fleet.genesis(balances, TFT_PRICE);
        let listen = (Ipv4Addr::LOCALHOST, ports.chain).into();
        let (chain, chain_url) = Chain::start(&genesis, clock.clone(), listen, finality).await?;
        let (window, window_url) = Window::open(chain.clone(), (Ipv4Addr::LOCALHOST, 0).into()).await?;
        let (relay, relay_url) = Relay::start(chain.clone(), bus, ports.relay).await?;
        let nodes = Nodes::start(&genesis, &fleet.profiles, chain.clone(), relay.clone(), clock.clone(), random, step);
        let names = Names::new(&genesis, &fleet.profiles);
        nodes.set_names(names.clone());
        let (name_server, dns) = names.serve(0).await?;
        let web = Web::start(nodes.clone(), 0).await?;
        let index = Index::start(&genesis, chain.clone(), nodes.clone(), clock, ports.index)?;
        let (relay_url, index_url) = (relay_url.to_string(), index.url().to_string());
        let stores = nodes.serve_stores(ports.stores).await?.to_string();
        let addresses =
            Addresses { chain: chain_url, window: window_url, relay: relay_url, index: index_url, stores, dns, web: web.address };
        Ok(Grid { chain, window, relay, nodes, index, names, name_server, web, fleet, addresses })
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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_ready_made_accounts_are_the_same_every_time() {
        let all = accounts().unwrap();
        assert_eq!(all.iter().map(|account| account.name).collect::<Vec<_>>(), ["operator", "ada", "bert", "cleo"]);
        assert_eq!(all, accounts().unwrap());
        assert!(all.iter().all(|account| account.words.split(' ').count() == 12));
    }
}
