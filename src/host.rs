//! The only place that asks the machine for the time and for randomness.

use std::sync::Arc;
use std::sync::atomic::{AtomicI64, Ordering};
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use tokio::sync::watch;

use crate::base::{Clock, Random, Time};

/// The machine's clock, or a fast one: it can leap forward. Never goes backwards, even if the machine's clock does.
pub struct HostClock {
    ahead_ms: AtomicI64,
    latest_ms: AtomicI64,
    leaps: watch::Sender<u64>,
}

impl HostClock {
    pub fn new() -> Arc<Self> {
        Arc::new(HostClock { ahead_ms: AtomicI64::new(0), latest_ms: AtomicI64::new(0), leaps: watch::channel(0).0 })
    }

    /// Moves time forward for everybody who holds this clock. For the local world and for tests.
    pub fn leap(&self, span: Duration) {
        self.ahead_ms.fetch_add(i64::try_from(span.as_millis()).unwrap_or(0), Ordering::SeqCst);
        self.leaps.send_modify(|count| *count += 1);
    }

    /// How far this clock runs ahead of the machine's.
    pub fn ahead(&self) -> Duration {
        Duration::from_millis(self.ahead_ms.load(Ordering::SeqCst).unsigned_abs())
    }

    /// Tells when time has leapt, so that whoever sleeps until a moment can look again.
    pub fn leaps(&self) -> watch::Receiver<u64> {
        self.leaps.subscribe()
    }
}

impl Clock for HostClock {
    #[allow(clippy::disallowed_methods)]
    fn now(&self) -> Time {
        let since = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
        let wall = i64::try_from(since.as_millis()).unwrap_or(i64::MAX);
        let now = wall.saturating_add(self.ahead_ms.load(Ordering::SeqCst));
        Time::from_ms(self.latest_ms.fetch_max(now, Ordering::SeqCst).max(now))
    }
}

/// The operating system's random source.
pub struct HostRandom;

impl Random for HostRandom {
    #[allow(clippy::disallowed_methods)]
    fn fill(&self, bytes: &mut [u8]) {
        getrandom::fill(bytes).expect("the operating system has randomness");
    }
}
