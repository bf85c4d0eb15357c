//! How often somebody may try: a bucket of tries that refills with time, kept in memory and bounded.

use std::collections::{BTreeMap, BTreeSet};
use std::net::{IpAddr, Ipv6Addr};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use crate::base::time::{HOUR, MINUTE};
use crate::base::{Error, Kind, Result, Time};

/// What is limited. Every route that works without a log-in names one of these.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Limit {
    /// Reading pages, by address; by account for whoever is logged in.
    Read,
    /// Log-in tries from one address.
    LogIn,
    /// Log-in tries for one account from one address.
    LogInAccount,
    /// Log-in tries for one account, from wherever. One address alone can't use these up: a stranger must not keep somebody out.
    LogInAnywhere,
    SignUp,
    /// Sign-ups with one address, from wherever. Apart from the links somebody asks for, so that a stranger's sign-ups use up none of those.
    SignUpAccount,
    /// One-time links asked for by one address.
    Link,
    /// One-time links asked for to one address, from wherever: nobody's mailbox is flooded through us.
    LinkAccount,
    /// One-time links tried.
    Ticket,
    /// Webhooks, by sender.
    Notice,
    /// Offers asked for by one account: each is kept for a day.
    Offer,
    /// Cards begun by one account: each is kept by us and by the processor.
    NewCard,
    /// Messages of one VM about itself.
    Report,
    /// Addresses of VMs that nobody has, tried by one sender.
    Knock,
    /// What is said of the maintenance of one node: everybody who has something there gets a mail each time.
    Announcement,
    /// Changes by somebody logged in.
    Change,
}

/// How many kinds of limits there are.
const LIMITS: usize = Limit::Change as usize + 1;

impl Limit {
    /// How many at once, and how long until one more is allowed.
    const fn shape(self) -> (u32, Duration) {
        match self {
            Limit::Read => (600, Duration::from_millis(50)),
            Limit::LogIn => (20, Duration::from_secs(15)),
            Limit::LogInAccount => (10, MINUTE),
            Limit::LogInAnywhere => (60, Duration::from_secs(5)),
            Limit::SignUp => (10, Duration::from_secs(6 * MINUTE.as_secs())),
            Limit::Link | Limit::LinkAccount | Limit::SignUpAccount => (5, Duration::from_secs(HOUR.as_secs() / 5)),
            Limit::Ticket => (20, MINUTE),
            Limit::Offer => (120, MINUTE),
            Limit::NewCard => (20, Duration::from_secs(6 * MINUTE.as_secs())),
            Limit::Announcement => (12, Duration::from_secs(2 * HOUR.as_secs())),
            Limit::Notice => (1000, Duration::from_millis(20)),
            Limit::Report => (10, Duration::from_secs(15)),
            Limit::Knock => (30, Duration::from_secs(2)),
            Limit::Change => (120, Duration::from_millis(500)),
        }
    }
}

/// Buckets kept at once for each limit. When one more comes, the one goes that would be full again soonest: whoever tried most is remembered
/// longest, and nobody is refused because others are many.
const BUCKETS: usize = 16_384;

/// The buckets of each limit apart: a flood of one kind forgets nothing of another.
#[derive(Default)]
pub struct Limits {
    buckets: [Mutex<Buckets>; LIMITS],
}

/// When the bucket of each one will be full again, and the same by that moment. Who is not in here has a full one.
#[derive(Default)]
struct Buckets {
    full: BTreeMap<Arc<str>, Time>,
    soonest: BTreeSet<(Time, Arc<str>)>,
}

impl Buckets {
    fn set(&mut self, who: Arc<str>, full: Time) {
        if let Some(old) = self.full.insert(who.clone(), full) {
            self.soonest.remove(&(old, who.clone()));
        }
        self.soonest.insert((full, who));
    }

    /// Makes room for one more: those that are full again first, as they would be made anew just so.
    fn make_room(&mut self, now: Time) {
        while let Some((full, _)) = self.soonest.first() {
            if *full > now && self.full.len() < BUCKETS {
                return;
            }
            if let Some((_, who)) = self.soonest.pop_first() {
                self.full.remove(&who);
            }
        }
    }
}

impl Limits {
    /// Takes one try of `who`; an error with the waiting time when there is none left.
    pub fn take(&self, limit: Limit, who: &str, now: Time) -> Result<()> {
        let (burst, refill) = limit.shape();
        let mut buckets = self.buckets[limit as usize].lock().unwrap_or_else(PoisonError::into_inner);
        let (who, full) = match buckets.full.get_key_value(who) {
            Some((who, full)) => (who.clone(), *full),
            None => {
                buckets.make_room(now);
                (who.into(), now)
            }
        };
        let used = full.since(now);
        if used + refill > refill * burst {
            return Err(wait(used + refill - refill * burst));
        }
        buckets.set(who, now.max(full) + refill);
        Ok(())
    }
}

/// Under what somebody at this address is counted. Whoever has one address of version 6 has 2⁶⁴ of them: the network is what counts.
pub fn place(address: IpAddr) -> String {
    match address.to_canonical() {
        IpAddr::V4(address) => address.to_string(),
        IpAddr::V6(address) => format!("{}/64", Ipv6Addr::from_bits(address.to_bits() & !u128::from(u64::MAX))),
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

    #[test]
    fn a_flood_of_strangers_shuts_nobody_out_and_frees_nobody() {
        let (limits, now) = (Limits::default(), Time::from_secs(1000));
        for _ in 0..10 {
            limits.take(Limit::LogInAccount, "alice", now).unwrap();
        }
        for stranger in 0..2 * BUCKETS {
            limits.take(Limit::LogInAccount, &format!("stranger {stranger}"), now).unwrap();
        }
        let kept = |limit: Limit| {
            let buckets = limits.buckets[limit as usize].lock().unwrap();
            assert_eq!(buckets.full.len(), buckets.soonest.len());
            buckets.full.len()
        };
        assert_eq!(kept(Limit::LogInAccount), BUCKETS);
        assert!(limits.take(Limit::LogInAccount, "alice", now).is_err(), "whoever tried most is not forgotten");
        for _ in 0..10 {
            limits.take(Limit::LogInAccount, "bob", now).unwrap();
        }
        assert!(limits.take(Limit::LogInAccount, "bob", now).is_err());
        assert!(limits.take(Limit::Read, "carol", now).is_ok());
        assert_eq!(kept(Limit::Read), 1, "another limit has a room of its own");
        // What has recovered takes no room.
        limits.take(Limit::LogInAccount, "dora", now + HOUR).unwrap();
        assert_eq!(kept(Limit::LogInAccount), 1);
    }

    #[test]
    fn an_address_is_counted_alone_and_a_network_of_version_6_as_one() {
        let at = |text: &str| place(text.parse().unwrap());
        assert_eq!(at("192.0.2.7"), "192.0.2.7");
        assert_eq!(at("::ffff:192.0.2.7"), "192.0.2.7");
        assert_eq!(at("2001:db8:1:2:3:4:5:6"), "2001:db8:1:2::/64");
        assert_eq!(at("2001:db8:1:2::1"), at("2001:db8:1:2:ffff::"));
        assert_ne!(at("2001:db8:1:2::1"), at("2001:db8:1:3::1"));
    }
}
