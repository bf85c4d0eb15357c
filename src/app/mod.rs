//! What somebody can do: one function a verb. The only room that writes.

pub mod account;
pub mod backup;
pub mod benchmark;
pub mod bill;
pub mod card;
pub mod chain;
pub mod charge;
pub mod exposure;
pub mod hasher;
pub mod home_copy;
pub mod label;
pub mod ladder;
mod lease;
pub mod limit;
pub mod look;
pub mod mail;
pub mod maintenance;
pub mod node;
pub mod notice;
pub mod operator;
pub mod order;
mod orphan;
pub mod outage;
pub mod post_office;
mod proof;
mod prorate;
pub mod provider;
pub mod purse;
pub mod refund;
pub mod report;
pub mod revise;
pub mod revision;
pub mod saved_filter;
pub mod signer;
pub mod swarm;
pub mod sync;
pub mod twin;
pub mod web_address;
pub mod wish;

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, MutexGuard, OnceLock, PoisonError};
use std::time::Duration;

use tokio::sync::Notify;

use crate::base::money::Rate;
use crate::base::seal::Locker;
use crate::base::time::DAY;
use crate::base::{Clock, Random, Result, Time};
use crate::domain::benchmark::Benchmark;
use crate::domain::catalogue::Catalogue;
use crate::domain::exposure::Exposure;
use crate::domain::node::StorageClass;
use crate::domain::observation::Observations;
use crate::domain::pool::Pool;
use crate::domain::purse::Purse;
use crate::grid::Grid;
use crate::settings::Settings;
use crate::store::exposure::Exposures;
use crate::store::node::Nodes;
use crate::store::order::OrderMark;
use crate::store::{Snapshot, Store};
use crate::wire::dns::client::Resolver;
use crate::wire::stripe::Stripe;
use crate::wire::visit::client::Visitor;

/// How long the card processor may take to answer.
const CARDS_TIMEOUT: Duration = Duration::from_secs(20);

/// Moves time forward, in worlds where that can be done.
pub type Leap = Arc<dyn Fn(Duration) + Send + Sync>;

/// Everything a verb needs: time, randomness, the store and the ways out.
pub struct App {
    pub store: Store,
    pub clock: Arc<dyn Clock>,
    pub random: Arc<dyn Random>,
    pub settings: Settings,
    pub catalogue: Catalogue,
    pub grid: Grid,
    pub limits: limit::Limits,
    pub(crate) cards: Stripe,
    hasher: hasher::Hasher,
    post_office: post_office::PostOffice,
    /// Locks secrets of customers away under the wallet's words; None without them.
    locker: Option<Locker>,
    resolver: Resolver,
    visitor: Visitor,
    /// Nodes as the index last told.
    pool: Mutex<Arc<Pool>>,
    /// When that was, and whether it is asked for in vain.
    told: Mutex<node::Told>,
    /// When the list of nodes was last stored.
    nodes_stored: Mutex<Option<Time>>,
    /// What we saw of the nodes; None until the first look.
    observed: Mutex<Option<Observations>>,
    /// What nodes said of their speed, by number; None until it is needed.
    benchmarks: Mutex<Option<BTreeMap<u32, Benchmark>>>,
    /// Nodes that carried something of ours and were in trouble at the last look.
    troubled: Mutex<BTreeMap<u32, node::Trouble>>,
    /// Whom nodes are sold to, as it is stored: for looking at. Whoever sells asks the store.
    exposures: Mutex<Arc<Vec<Exposure>>>,
    /// What whoever looks around is shown; whoever sells asks the store.
    looked: look::Looked,
    /// The token's price as the chain last told; None until then.
    price: Mutex<Option<Rate>>,
    heard: Mutex<chain::Heard>,
    /// The last order whose contract was looked at; None: begin with the newest.
    looked_at: Mutex<Option<OrderMark>>,
    /// Our tokens and what runs on them, as the chain last told.
    purse: Mutex<Option<Arc<Purse>>>,
    /// Rung when our tokens are not what they were when the purse was read.
    purse_moved: Notify,
    /// Rung whenever the bills of a new block have been read.
    heads: Notify,
    checked: Mutex<Option<operator::LedgerCheck>>,
    /// When months that are over soon were last looked for.
    reminded: Mutex<Option<Time>>,
    /// When leftovers were last cleared away.
    cleared: Mutex<Option<Time>>,
    /// When contracts that nobody knows were last looked for.
    orphans_sought: Mutex<Option<Time>>,
    leap: OnceLock<Leap>,
    /// One call is signed at a time: nonces go up by one.
    signing: tokio::sync::Mutex<()>,
    /// Whoever needs nodes before any are known asks for them, and the others wait for the answer.
    asking: tokio::sync::Mutex<()>,
    bell: Notify,
}

impl App {
    pub fn new(store: Store, clock: Arc<dyn Clock>, random: Arc<dyn Random>, settings: Settings, grid: Grid) -> Result<Arc<App>> {
        let cards = Stripe::new(&settings.cards.url, settings.cards.secret_key.clone(), CARDS_TIMEOUT)
            .map_err(|cause| crate::base::Error::internal("The card processor's address can't be used.").because(cause))?;
        let hasher = hasher::Hasher::default();
        let post_office = post_office::PostOffice::new(&settings)?;
        let words = &settings.grid.mnemonic;
        let locker = (!words.reveal().is_empty()).then(|| Locker::new(words, "cooperage storage swarms 1"));
        let resolver = Resolver::new(settings.gateways.name_servers()?);
        let visitor = Visitor::new(settings.gateways.door()?);
        let mut catalogue = Catalogue::default();
        if !settings.images.is_empty() {
            catalogue.images = settings.images.iter().map(wish::image).collect();
        }
        catalogue.sla = wish::sla(&settings.sla);
        for size in &mut catalogue.sizes {
            size.price = settings.price_of(&size.id).unwrap_or(size.price);
        }
        let exposures = Arc::new(store.read()?.exposures()?);
        // Pages work at once with the list of the last run; it says how old it is, and nothing is sold by one that is too old.
        let (told, nodes) = store.read()?.stored_nodes()?.map_or((None, vec![]), |(at, nodes)| (Some(at), nodes));
        let (ssd, hdd) = settings.nodes.storage_bytes();
        let pool = Pool::new(nodes, StorageClass { ssd, hdd });
        Ok(Arc::new(App {
            store,
            clock,
            random,
            settings,
            catalogue,
            grid,
            limits: limit::Limits::default(),
            cards,
            hasher,
            post_office,
            locker,
            resolver,
            visitor,
            pool: Mutex::new(Arc::new(pool)),
            told: Mutex::new(node::Told { at: told, lost: None }),
            nodes_stored: Mutex::default(),
            observed: Mutex::default(),
            benchmarks: Mutex::default(),
            troubled: Mutex::default(),
            exposures: Mutex::new(exposures),
            looked: look::Looked::default(),
            price: Mutex::default(),
            heard: Mutex::default(),
            looked_at: Mutex::default(),
            purse: Mutex::default(),
            purse_moved: Notify::new(),
            heads: Notify::new(),
            checked: Mutex::default(),
            reminded: Mutex::default(),
            cleared: Mutex::default(),
            orphans_sought: Mutex::default(),
            leap: OnceLock::new(),
            signing: tokio::sync::Mutex::new(()),
            asking: tokio::sync::Mutex::new(()),
            bell: Notify::new(),
        }))
    }

    /// The same app in a world whose time can be moved. The first handle counts.
    pub fn with_leap(self: Arc<Self>, leap: Leap) -> Arc<Self> {
        drop(self.leap.set(leap));
        self
    }

    /// Business time. Once a verb.
    pub fn now(&self) -> Time {
        self.clock.now()
    }

    /// Everything as it is now.
    pub fn read(&self) -> Result<Snapshot> {
        self.store.read()
    }

    /// There may be something to do: wakes the job runner.
    pub fn nudge(&self) {
        self.bell.notify_one();
    }

    /// Resolves at the next nudge.
    pub async fn nudged(&self) {
        self.bell.notified().await;
    }

    /// The nodes we know of.
    pub fn nodes(&self) -> Arc<Pool> {
        lock(&self.pool).clone()
    }

    /// What is said of nodes: the same value until something changes.
    pub fn exposures(&self) -> Arc<Vec<Exposure>> {
        lock(&self.exposures).clone()
    }

    /// After a change: from here on everybody sees it.
    pub(crate) fn reread_exposures(&self) -> Result<()> {
        // Read while the old ones are held, so that of two changes the later one stays.
        let mut exposures = lock(&self.exposures);
        *exposures = Arc::new(self.read()?.exposures()?);
        Ok(())
    }

    /// What a token costs, as far as we know.
    pub fn rate(&self) -> Option<Rate> {
        *lock(&self.price)
    }

    /// Resolves when the bills of a new finalized block have been read.
    pub(crate) async fn next_head(&self) {
        self.heads.notified().await;
    }

    /// How the chain is doing.
    pub fn heard(&self) -> chain::Heard {
        lock(&self.heard).clone()
    }

    /// Removes what is over and needed by nobody, unless that was done within the last day.
    pub async fn clear_leftovers_daily(&self) -> Result<()> {
        let now = self.now();
        if lock(&self.cleared).is_some_and(|last| now.since(last) < DAY) {
            return Ok(());
        }
        let gone = self.store.clear_leftovers(now).await?;
        *lock(&self.cleared) = Some(now);
        if gone > 0 {
            tracing::info!(gone, "leftovers were cleared away");
        }
        Ok(())
    }
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}
