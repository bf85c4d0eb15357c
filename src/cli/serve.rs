//! `serve`: the marketplace, until it is told to stop.

use std::sync::Arc;
use std::time::Duration;

use serde::Serialize;
use tokio::signal::unix::{SignalKind, signal};

use super::instance::{Instance, bind};
use super::{Context, Say};
use crate::base::{Error, Kind, Result, Secret};
use crate::host::{HostClock, HostRandom};
use crate::localgrid::world::World;
use crate::settings::{Network, Settings};

/// A node of the local grid takes this long for each part of a deployment.
pub const STEP: Duration = Duration::from_millis(120);
/// How often the chain is asked whether it is still the same.
const LOOK_AGAIN: Duration = Duration::from_secs(60);
/// How soon, while it has not said yet.
const ASK_AGAIN: Duration = Duration::from_secs(1);

#[derive(Serialize)]
struct Listening {
    name: String,
    url: String,
    /// Where mails are read, on the local grid.
    mails: Option<String>,
}

impl Say for Listening {
    fn words(&self) -> String {
        let local = self.mails.as_ref().map(|mails| format!("The local grid begins anew at each start. Mails are at {mails}\n"));
        format!("{}{} listens on {}", local.unwrap_or_default(), self.name, self.url)
    }
}

#[derive(Serialize)]
struct SetUp {
    /// Whoever opens it makes the first operator.
    set_up: String,
}

impl Say for SetUp {
    fn words(&self) -> String {
        format!("\nThere is no operator yet. Make one here, within a week:\n\n    {}\n", self.set_up)
    }
}

pub async fn run(context: &Context) -> Result<()> {
    let mut settings = context.settings.clone();
    let listener = bind(&settings)?;
    let (clock, random) = (HostClock::new(), Arc::new(HostRandom));
    let world = match settings.grid.network == Network::Local && settings.grid.chain.is_empty() {
        true => Some(start_world(&clock, &mut settings, STEP).await?),
        false => None,
    };
    super::wallet::unlock(&mut settings)?;
    needs(&settings)?;
    let instance = Instance::start(settings, listener, clock, random, None).await?;
    if let Some(world) = &world {
        world.meet(&instance.url);
    }
    let (name, url) = (instance.app.settings.brand.name.clone(), instance.url.clone());
    context.tell(&Listening { name, url, mails: world.as_ref().map(|world| world.addresses.mail.clone()) })?;
    if let Some(set_up) = instance.app.offer_set_up().await? {
        context.tell(&SetUp { set_up })?;
    }
    let ended = tokio::select! {
        stopped = until_stopped(&instance) => {
            stopped?;
            Ok(())
        }
        other = other_chain(&instance) => Err(other),
    };
    instance.stop().await;
    if let Some(world) = world {
        world.stop().await;
    }
    ended
}

/// Resolves when another chain answers than the one the data belongs to. Until then nobody there is asked anything.
async fn other_chain(instance: &Instance) -> Error {
    loop {
        match instance.app.same_chain().await {
            Err(other) if other.kind() == Kind::Conflict => return other,
            // Who does not answer may still turn out to be another one.
            answer => tokio::time::sleep(if answer.is_ok() { LOOK_AGAIN } else { ASK_AGAIN }).await,
        }
    }
}

/// Starts the local grid and writes its addresses into the settings.
pub async fn start_world(clock: &Arc<HostClock>, settings: &mut Settings, step: Duration) -> Result<World> {
    let failed = |cause| Error::internal("The local grid can't start.").because(cause);
    let world = World::start(clock.clone(), Arc::new(HostRandom), step).await.map_err(failed)?;
    let at = &world.addresses;
    settings.grid.chain = at.chain.to_vec();
    settings.grid.relay = at.relay.clone();
    settings.grid.index = vec![at.index.clone()];
    settings.grid.identity = at.identity.clone();
    settings.grid.stores = at.stores.clone();
    settings.grid.mnemonic = at.mnemonic.clone();
    settings.gateways.dns = vec![at.dns.to_string()];
    settings.gateways.via = at.web.to_string();
    settings.cards.url = at.cards.clone();
    settings.cards.page = at.cards.clone();
    settings.cards.secret_key = at.cards_secret_key.clone();
    settings.cards.webhook_secret = at.webhook_secret.clone();
    settings.mail.smtp = Secret::new(at.smtp.clone());
    Ok(world)
}

/// What a live instance can't do without, and whether it lacks it.
pub fn needed(settings: &Settings) -> [(&'static str, bool); 3] {
    [
        ("grid.mnemonic", settings.grid.mnemonic.reveal().is_empty() && settings.grid.watch.is_empty()),
        ("cards.secret_key", settings.cards.secret_key.reveal().is_empty()),
        ("cards.publishable_key", settings.cards.page.is_empty() && settings.cards.publishable_key.is_empty()),
    ]
}

fn needs(settings: &Settings) -> Result<()> {
    match needed(settings).iter().find(|(_, missing)| *missing) {
        Some((name, _)) => Err(Error::new(
            Kind::Invalid,
            format!("The setting {name} is missing: the network “{}” needs it.", settings.grid.network.name()),
        )),
        None => Ok(()),
    }
}

/// Resolves on Ctrl-C and SIGTERM; an error when the disk has failed.
pub async fn until_stopped(instance: &Instance) -> Result<()> {
    let failed = |cause| Error::internal("Signals can't be listened to.").because(cause);
    let mut terminate = signal(SignalKind::terminate()).map_err(failed)?;
    tokio::select! {
        reason = instance.app.store.failed() => Err(Error::internal("The disk has failed: nothing more is taken.").because(reason.to_string())),
        _ = terminate.recv() => Ok(()),
        _ = tokio::signal::ctrl_c() => Ok(()),
    }
}
