//! How often somebody may try: a bucket of tries that refills with time, kept in memory and bounded.

use std::collections::BTreeMap;
use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use crate::base::time::{HOUR, MINUTE};
use crate::base::{Error, Kind, Result, Time};

/// What is limited. Every route that works without a log-in names one of these.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Limit {
    /// Reading pages.
    Read,
    /// Log-in tries from one address.
    LogIn,
    /// Log-in tries for one account, from wherever.
    LogInAccount,
    SignUp,
    /// One-time links asked for by one address.
    Link,
    /// One-time links asked for to one address, from wherever: nobody's mailbox is flooded through us.
    LinkAccount,
    /// One-time links tried.
    Ticket,
    /// Webhooks, by sender.
    Notice,
    /// Changes by somebody logged in.
    Change,
}

impl Limit {
    /// How many at once, and how long until one more is allowed.
    const fn shape(self) -> (u32, Duration) {
        match self {
            Limit::Read => (600, Duration::from_millis(50)),
            Limit::LogIn => (20, Duration::from_secs(15)),
            Limit::LogInAccount => (10, MINUTE),
            Limit::SignUp => (10, Duration::from_secs(6 * MINUTE.as_secs())),
            Limit::Link | Limit::LinkAccount => (5, Duration::from_secs(HOUR.as_secs() / 5)),
            Limit::Ticket => (20, MINUTE),
            Limit::Notice => (1000, Duration::from_millis(20)),
            Limit::Change => (120, Duration::from_millis(500)),
        }
    }
}

/// Buckets kept at once. When there are more, the ones nobody used for longest go first.
const BUCKETS: usize = 65_536;

#[derive(Default)]
pub struct Limits {
    buckets: Mutex<BTreeMap<(Limit, String), Bucket>>,
}

struct Bucket {
    /// When the bucket will be full again.
    full: Time,
}

impl Limits {
    /// Takes one try of `who`; an error with the waiting time when there is none left.
    pub fn take(&self, limit: Limit, who: &str, now: Time) -> Result<()> {
        let (burst, refill) = limit.shape();
        let mut buckets = self.buckets.lock().unwrap_or_else(PoisonError::into_inner);
        if buckets.len() >= BUCKETS {
            buckets.retain(|_, bucket| bucket.full > now);
            if buckets.len() >= BUCKETS {
                // Everybody is being limited: that is an attack, and forgetting would help the attacker.
                return Err(wait(MINUTE));
            }
        }
        let bucket = buckets.entry((limit, who.to_owned())).or_insert(Bucket { full: now });
        let used = bucket.full.since(now);
        if used + refill > refill * burst {
            return Err(wait(used + refill - refill * burst));
        }
        bucket.full = now.max(bucket.full) + refill;
        Ok(())
    }
}

fn wait(span: Duration) -> Error {
    let minutes = span.as_secs().div_ceil(60);
    let when = if minutes <= 1 { "in a minute".to_owned() } else { format!("in {minutes} minutes") };
    Error::new(Kind::Limited, format!("That was too often. Please try again {when}."))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn tries_run_out_and_come_back_one_by_one() {
        let limits = Limits::default();
        let mut now = Time::from_secs(1000);
        for _ in 0..10 {
            limits.take(Limit::LogInAccount, "alice", now).unwrap();
        }
        assert_eq!(limits.take(Limit::LogInAccount, "alice", now).unwrap_err().kind(), Kind::Limited);
        assert!(limits.take(Limit::LogInAccount, "bob", now).is_ok());
        now = now + MINUTE;
        assert!(limits.take(Limit::LogInAccount, "alice", now).is_ok());
        assert!(limits.take(Limit::LogInAccount, "alice", now).is_err());
    }
}
