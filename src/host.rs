//! The only place that asks the machine for the time and for randomness.

use std::sync::Arc;
use std::sync::atomic::{AtomicI64, Ordering};
use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

use tokio::sync::watch;

use crate::base::{Clock, Random, Time};

/// The machine's clock, or a fast one: it can leap forward. Never goes backwards and never stands still, even if the machine's clock is
/// set back: from its start on it goes at least as fast as time passes.
pub struct HostClock {
    started: Instant,
    started_ms: i64,
    ahead_ms: AtomicI64,
    latest_ms: AtomicI64,
    leaps: watch::Sender<u64>,
}

impl HostClock {
    #[allow(clippy::disallowed_methods)]
    pub fn new() -> Arc<Self> {
        Arc::new(HostClock {
            started: Instant::now(),
            started_ms: machine_ms(),
            ahead_ms: AtomicI64::new(0),
            latest_ms: AtomicI64::new(0),
            leaps: watch::channel(0).0,
        })
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
    fn now(&self) -> Time {
        self.at(machine_ms(), ms(self.started.elapsed()))
    }
}

impl HostClock {
    /// `machine_ms` by the machine's clock, `passed_ms` after the start.
    fn at(&self, machine_ms: i64, passed_ms: i64) -> Time {
        let wall = machine_ms.max(self.started_ms.saturating_add(passed_ms));
        let now = wall.saturating_add(self.ahead_ms.load(Ordering::SeqCst));
        Time::from_ms(self.latest_ms.fetch_max(now, Ordering::SeqCst).max(now))
    }
}

#[allow(clippy::disallowed_methods)]
fn machine_ms() -> i64 {
    ms(SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default())
}

fn ms(span: Duration) -> i64 {
    i64::try_from(span.as_millis()).unwrap_or(i64::MAX)
}

/// The operating system's random source.
pub struct HostRandom;

impl Random for HostRandom {
    #[allow(clippy::disallowed_methods)]
    fn fill(&self, bytes: &mut [u8]) {
        getrandom::fill(bytes).expect("the operating system has randomness");
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn time_goes_on_when_the_machines_clock_is_set_back() {
        let clock = HostClock::new();
        let start = clock.started_ms;
        assert_eq!(clock.at(start + 5_000, 5_000), Time::from_ms(start + 5_000));
        // Set forward: believed. Set back by two hours: what has passed counts, and nothing is lived through twice.
        assert_eq!(clock.at(start + 60_000, 6_000), Time::from_ms(start + 60_000));
        assert_eq!(clock.at(start - 7_200_000, 7_000), Time::from_ms(start + 60_000));
        assert_eq!(clock.at(start - 7_100_000, 107_000), Time::from_ms(start + 107_000));
        clock.leap(Duration::from_secs(3600));
        assert_eq!(clock.at(start - 7_100_000, 107_000), Time::from_ms(start + 3_707_000));
    }
}
