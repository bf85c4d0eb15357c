//! What somebody can do: one function a verb. The only room that writes.

pub mod account;
pub mod bill;
pub mod card;
pub mod charge;
pub mod hasher;
pub mod ladder;
pub mod limit;
pub mod mail;
pub mod notice;
pub mod operator;
pub mod order;
pub mod post_office;
pub mod provider;
pub mod signer;

use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use tokio::sync::Notify;

use crate::base::{Clock, Random, Result, Time};
use crate::domain::catalogue::Catalogue;
use crate::domain::placement::Node;
use crate::grid::Grid;
use crate::settings::Settings;
use crate::store::{Snapshot, Store};
use crate::wire::stripe::Stripe;

/// How long the card processor may take to answer.
const CARDS_TIMEOUT: Duration = Duration::from_secs(20);

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
    /// Nodes as the index last told, with the moment it did.
    pool: Mutex<Arc<Vec<Node>>>,
    /// One call is signed at a time: nonces go up by one.
    signing: tokio::sync::Mutex<()>,
    bell: Notify,
    /// Moves a fast clock, where there is one.
    leap: std::sync::OnceLock<Leap>,
}

/// Moves time forward for everybody.
pub type Leap = Arc<dyn Fn(Duration) + Send + Sync>;

impl App {
    pub fn new(store: Store, clock: Arc<dyn Clock>, random: Arc<dyn Random>, settings: Settings, grid: Grid) -> Result<Arc<App>> {
        let cards = Stripe::new(&settings.cards.url, settings.cards.secret_key.clone(), CARDS_TIMEOUT)
            .map_err(|cause| crate::base::Error::internal("The card processor's address can't be used.").because(cause))?;
        let hasher = hasher::Hasher::new(&*random)?;
        let post_office = post_office::PostOffice::new(&settings)?;
        let mut catalogue = Catalogue::default();
        for size in &mut catalogue.sizes {
            size.price = settings.price_of(&size.id).unwrap_or(size.price);
        }
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
            pool: Mutex::default(),
            signing: tokio::sync::Mutex::new(()),
            bell: Notify::new(),
            leap: std::sync::OnceLock::new(),
        }))
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

    /// Gives the operator a fast clock: for the local world only.
    pub fn set_leap(&self, leap: Leap) {
        let _set_before = self.leap.set(leap);
    }

    /// The nodes we know of.
    pub fn nodes(&self) -> Arc<Vec<Node>> {
        self.pool.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }

    /// Asks the grid for its nodes again.
    pub async fn refresh_nodes(&self) -> Result<usize> {
        let nodes = Arc::new(self.grid.nodes(self.now()).await?);
        let count = nodes.len();
        *self.pool.lock().unwrap_or_else(PoisonError::into_inner) = nodes;
        Ok(count)
    }
}
