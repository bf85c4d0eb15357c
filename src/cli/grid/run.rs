//! `grid` without a verb: chain, relay, nodes, index and identity service until it is told to stop.

use std::sync::Arc;
use std::time::Duration;

use serde::Serialize;
use serde_json::json;
use tokio::signal::unix::{SignalKind, signal};

use super::super::serve::STEP;
use super::super::{Context, Say};
use crate::base::money::Tft;
use crate::base::time::HOUR;
use crate::base::{Error, Kind, Random, Result, Secret};
use crate::cli::demo::HOUR_EVERY;
use crate::host::{HostClock, HostRandom};
use crate::localgrid::card::{CardWorld, Options};
use crate::localgrid::control::{Control, Switches};
use crate::localgrid::grid::{Grid, Ports, RELAY_NAME, accounts};
use crate::localgrid::mail::MailWorld;

/// A block is final so long after it was made. On the real chain it is some blocks' time; clients that watch an extrinsic
/// overlook that it is in a block if it is final in the same moment.
const FINALITY: Duration = Duration::from_secs(1);

#[derive(Debug, clap::Args)]
pub struct Alone {
    /// Listen on this port and the seven after it: chain, relay, index, control, cards, SMTP, mail pages, stores. Free ports otherwise.
    #[arg(long, value_name = "PORT")]
    port_base: Option<u16>,
    /// Let the clock stand at the real time but for skips. Otherwise an hour goes by every twenty seconds.
    #[arg(long)]
    still: bool,
    /// Run the card processor too.
    #[arg(long)]
    cards: bool,
    /// Run the mail sink too.
    #[arg(long)]
    mail: bool,
}

/// One line of JSON when everything listens, or some lines for people.
#[derive(Serialize)]
struct Ready {
    chain: String,
    relay: String,
    /// The name that a twin's record on the chain has to give.
    relay_name: &'static str,
    index: String,
    graphql: String,
    identity: String,
    /// The stores of all nodes.
    stores: String,
    control: String,
    /// Where all gateways are, and a registrar of names; the server of names, over UDP.
    web: String,
    dns: String,
    cards: Option<Cards>,
    mail: Option<Mail>,
    accounts: Vec<Account>,
    nodes: usize,
    farms: usize,
    #[serde(skip)]
    still: bool,
}

#[derive(Serialize)]
struct Cards {
    url: String,
    secret_key: String,
    webhook_secret: String,
}

#[derive(Serialize)]
struct Mail {
    smtp: String,
    pages: String,
}

#[derive(Serialize)]
struct Account {
    name: &'static str,
    mnemonic: String,
    address: String,
    /// Of 10⁻⁷ TFT.
    units: i64,
}

impl Say for Ready {
    fn words(&self) -> String {
        let mut text = format!(
            "\n  The local grid is running: {} nodes on {} farms.\n\n    chain     {}\n    relay     {}  (on the chain: {})\n    index     {}\n    graphql   {}\n    identity  {}\n    stores    {}\n    control   {}\n    web       {}\n    dns       {}\n",
            self.nodes,
            self.farms,
            self.chain,
            self.relay,
            self.relay_name,
            self.index,
            self.graphql,
            self.identity,
            self.stores,
            self.control,
            self.web,
            self.dns
        );
        if let Some(cards) = &self.cards {
            text += &format!("    cards     {}  key {}  webhook secret {}\n", cards.url, cards.secret_key, cards.webhook_secret);
        }
        if let Some(mail) = &self.mail {
            text += &format!("    mail      {}  pages {}\n", mail.smtp, mail.pages);
        }
        text += "\n  Accounts with tokens; the words are public and worth nothing elsewhere:\n\n";
        for Account { name, mnemonic, address, units } in &self.accounts {
            text += &format!("    {name:9} {}  {address}\n              {mnemonic}\n", Tft::from_units(*units));
        }
        text += &format!(
            "\n  For a marketplace of yours:\n\n    COOPERAGE_GRID__CHAIN={} COOPERAGE_GRID__RELAY={} COOPERAGE_GRID__INDEX={} COOPERAGE_GATEWAYS__VIA={} COOPERAGE_GATEWAYS__DNS={}\n",
            self.chain,
            self.relay,
            self.index,
            self.web.trim_start_matches("http://").trim_end_matches('/'),
            self.dns
        );
        text += match self.still {
            true => "\n  The clock is the real one; POST {\"seconds\": 3600} to /skip of control leaps.\n",
            false => "\n  The clock is fast: an hour goes by every 20 seconds. --still stops that.\n",
        };
        text + "\n  Nothing leaves this machine. Ctrl-C stops it and throws everything away.\n"
    }
}

pub async fn run(context: &Context, args: Alone) -> Result<()> {
    let port = |offset: u16| match args.port_base {
        None => Ok(0),
        Some(base) => base
            .checked_add(offset)
            .filter(|_| base > 0)
            .ok_or_else(|| Error::new(Kind::Invalid, format!("--port-base {base} leaves no room for eight ports."))),
    };
    let failed = |cause: std::io::Error| {
        let said = match cause.kind() {
            std::io::ErrorKind::AddrInUse => "A port of the local grid is taken: choose another --port-base, or none.",
            _ => "The local grid can't start.",
        };
        Error::new(Kind::Conflict, said).because(cause)
    };
    let (clock, random) = (HostClock::new(), Arc::new(HostRandom));
    let ports = Ports { chain: port(0)?, relay: port(1)?, index: port(2)?, stores: port(7)? };
    // Programs by others can't leap: on the bus it is always the real time.
    let grid = Grid::start(clock.clone(), HostClock::new(), random.clone(), STEP, FINALITY, ports).await.map_err(failed)?;
    let mut ready = Ready {
        chain: grid.addresses.chain.clone(),
        relay: grid.addresses.relay.clone(),
        relay_name: RELAY_NAME,
        index: grid.addresses.index.clone(),
        graphql: format!("{}graphql", grid.addresses.index),
        identity: format!("{}api/v1/status", grid.addresses.index),
        stores: grid.addresses.stores.clone(),
        control: String::new(),
        web: format!("http://{}/", grid.addresses.web),
        dns: grid.addresses.dns.to_string(),
        cards: None,
        mail: None,
        accounts: accounts()
            .map_err(failed)?
            .into_iter()
            .map(|it| Account { name: it.name, mnemonic: it.words, address: it.address, units: it.balance.units() })
            .collect(),
        nodes: grid.fleet.nodes.len(),
        farms: grid.fleet.farms.len(),
        still: args.still,
    };
    let cards = match args.cards {
        true => Some(cards(&mut ready, port(4)?, clock.clone(), random.clone()).await.map_err(failed)?),
        false => None,
    };
    let mail = match args.mail {
        true => {
            let mail = MailWorld::start(port(5)?, port(6)?, random, clock.clone()).await.map_err(failed)?;
            ready.mail = Some(Mail { smtp: format!("smtp://{}", mail.smtp), pages: mail.url.clone() });
            Some(mail)
        }
        false => None,
    };
    let leaper = clock.clone();
    let switches = Switches {
        chain: grid.chain.clone(),
        nodes: grid.nodes.clone(),
        clock: clock.clone(),
        leap: Arc::new(move |span| leaper.leap(span)),
        about: json!({ "chain": ready.chain, "relay": ready.relay, "index": ready.index }),
    };
    let control = Control::start(switches, port(3)?).map_err(failed)?;
    ready.control.clone_from(&control.url);
    context.line(&ready)?;
    let ticking = (!args.still).then(|| tokio::spawn(tick(clock)));
    let stopped = until_told().await;
    if let Some(ticking) = ticking {
        ticking.abort();
    }
    control.stop().await;
    grid.stop().await;
    drop((cards, mail));
    stopped
}

async fn cards(ready: &mut Ready, port: u16, clock: Arc<HostClock>, random: Arc<dyn Random>) -> std::io::Result<CardWorld> {
    let secret = |prefix: &str| format!("{prefix}_{}", hex::encode(random.bytes::<16>()));
    let (secret_key, webhook_secret) = (secret("sk_test"), secret("whsec"));
    let options = Options {
        webhook_url: None,
        webhook_secret: Secret::new(webhook_secret.clone()),
        secret_key: Secret::new(secret_key.clone()),
        return_origins: vec![],
        port,
    };
    let cards = CardWorld::start(options, clock, random).await?;
    ready.cards = Some(Cards { url: cards.base_url.clone(), secret_key, webhook_secret });
    Ok(cards)
}

async fn tick(clock: Arc<HostClock>) {
    loop {
        tokio::time::sleep(HOUR_EVERY).await;
        clock.leap(HOUR);
    }
}

async fn until_told() -> Result<()> {
    let failed = |cause| Error::internal("Signals can't be listened to.").because(cause);
    let mut terminate = signal(SignalKind::terminate()).map_err(failed)?;
    tokio::select! {
        _ = terminate.recv() => Ok(()),
        _ = tokio::signal::ctrl_c() => Ok(()),
    }
}
