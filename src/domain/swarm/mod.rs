//! A storage swarm: many small stores on many nodes, which together keep what one machine writes, and lose nothing when some are lost.

pub mod config;
pub mod layout;
pub mod place;

use std::collections::BTreeMap;
use std::net::IpAddr;
use std::time::Duration;

use serde::{Deserialize, Serialize};

pub use self::layout::{Alarm, Layout, META, META_MINIMAL, Reads, Role, Verdict};
use super::order::{Attempt, Outcome};
use super::placement::Scored;
use super::slot::{Kind, Slot};
use crate::base::Time;
use crate::base::ids::{OrderId, UserId};
use crate::base::money::Usd;
use crate::base::seal::Locked;
use crate::base::time::{HOUR, MINUTE};

/// So long a swarm is tried to be built.
pub const BUILD_PATIENCE: Duration = Duration::from_secs(HOUR.as_secs());
/// Shards that may fail while it is built, before it is given up.
pub const FAILURES_MAX: usize = 16;
/// Shards that one swarm may have had: one that needs more than this needs a person.
pub const SHARDS_MAX: usize = 200;
/// One that is away for so long is replaced without anybody asking.
pub const REPAIR_AFTER: Duration = Duration::from_secs(2 * HOUR.as_secs());
/// Before this nobody can ask for it: nodes start anew.
pub const REPAIR_ASKED_AFTER: Duration = Duration::from_secs(5 * MINUTE.as_secs());
/// Entries kept of a swarm's history.
const HISTORY_MAX: usize = 200;

/// What is agreed to before one is ordered: stored with the order.
pub const CONSENT: &str = "A storage swarm is not a promise that nothing can be lost. If more shards are lost together than the table says, \
                           or the configuration file with its key, what is stored is gone and nobody can bring it back. What your server has \
                           not sent out yet, the last quarter of an hour as a rule, is on the server alone.";

/// A swarm as somebody wants it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct SwarmWish {
    /// Bytes that fit in.
    pub usable: u64,
    pub layout: Layout,
    /// What it costs for a month, as quoted.
    #[serde(default)]
    pub price: Usd,
    /// The words that were agreed to.
    pub consent: String,
}

impl SwarmWish {
    pub fn raw(&self) -> u64 {
        self.layout.raw(self.usable)
    }
}

/// Where a swarm stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Stage {
    /// Shards are being set up.
    Building,
    /// Its owner has it.
    Ready,
    /// It could not be built: everything is taken down, then that part of the price goes back.
    Undoing,
    /// Its order ends: everything is taken down.
    Ending,
    Gone,
}

impl Stage {
    /// Nothing is owed to it any more until something happens.
    pub const fn over(self) -> bool {
        matches!(self, Stage::Gone)
    }
}

/// Where a store is reached.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Backend {
    pub namespace: String,
    pub ip: IpAddr,
    pub port: u16,
}

impl Backend {
    /// `[400::1]:9900`
    pub fn address(&self) -> String {
        std::net::SocketAddr::new(self.ip, self.port).to_string()
    }
}

/// Of all addresses of a store the one to use: on the encrypted overlay that every machine of ours is on, else the one that every line
/// reaches, else whatever there is.
pub fn best_address(ips: impl IntoIterator<Item = IpAddr>) -> Option<IpAddr> {
    let rank = |ip: &IpAddr| match ip {
        IpAddr::V6(ip) => match ip.octets()[0] & 0xfe {
            0x04 => 0, // mycelium: 400::/7
            0x02 => 2, // yggdrasil: 200::/7
            _ => 1,
        },
        IpAddr::V4(_) => 1,
    };
    ips.into_iter().min_by_key(rank)
}

/// One store of a swarm, on one node: its place in the list is its number for good.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Shard {
    pub role: Role,
    pub attempt: Attempt,
    #[serde(default)]
    pub backend: Option<Backend>,
    /// The first configuration that names it; 0 while none does.
    #[serde(default)]
    pub since: u32,
}

impl Shard {
    /// Part of the swarm, or about to be.
    pub fn is_open(&self) -> bool {
        matches!(self.attempt.outcome, Outcome::Trying | Outcome::Works)
    }

    pub fn works(&self) -> bool {
        self.attempt.outcome == Outcome::Works
    }

    pub fn node(&self) -> &Scored {
        &self.attempt.choice.best
    }
}

/// What was found by a drill.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Drill {
    pub asked: Time,
    /// None while it runs.
    #[serde(default)]
    pub done: Option<Proof>,
}

#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Proof {
    pub at: Time,
    pub passed: bool,
    /// What was tried and what came of it, a sentence each.
    pub said: Vec<String>,
}

/// One line of a swarm's history.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Event {
    pub at: Time,
    pub text: String,
    #[serde(default)]
    pub trouble: bool,
}

#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Swarm {
    pub order: OrderId,
    pub user: UserId,
    pub wish: SwarmWish,
    pub created: Time,
    pub stage: Stage,
    #[serde(default)]
    pub shards: Vec<Shard>,
    /// What the stores' passwords are made of.
    pub seed: Locked,
    /// The key that everything is encrypted with: ours only until its owner has it.
    #[serde(default)]
    pub key: Option<Locked>,
    /// When it was whole for the first time.
    #[serde(default)]
    pub ready: Option<Time>,
    /// Of the configuration: one more whenever a shard was replaced.
    #[serde(default)]
    pub version: u32,
    /// The version that is in place, by its owner's word.
    #[serde(default)]
    pub saved: u32,
    /// Since when no node has room for a shard that is missing; None while none is missing, or there is room.
    #[serde(default)]
    pub no_room: Option<Time>,
    #[serde(default)]
    pub drill: Option<Drill>,
    /// Why there is none, in a sentence.
    #[serde(default)]
    pub reason: Option<String>,
    #[serde(default)]
    pub history: Vec<Event>,
}

impl Swarm {
    pub fn note(&mut self, at: Time, text: impl Into<String>) {
        self.push(Event { at, text: text.into(), trouble: false });
    }

    pub fn trouble(&mut self, at: Time, text: impl Into<String>) {
        self.push(Event { at, text: text.into(), trouble: true });
    }

    fn push(&mut self, event: Event) {
        if self.history.len() >= HISTORY_MAX {
            // How it began is worth keeping less than what happened lately.
            self.history.remove(0);
        }
        self.history.push(event);
    }

    pub fn layout(&self) -> Layout {
        self.wish.layout
    }

    pub fn slot(&self, number: u32) -> Slot {
        Slot { order: self.order, kind: Kind::Shard, number }
    }

    /// Every shard that there ever was, with its number.
    pub fn numbered(&self) -> impl Iterator<Item = (u32, &Shard)> {
        (0u32..).zip(&self.shards)
    }

    /// Those that are part of it, or about to be.
    pub fn open(&self) -> impl Iterator<Item = (u32, &Shard)> {
        self.numbered().filter(|(_, shard)| shard.is_open())
    }

    pub fn working(&self) -> impl Iterator<Item = (u32, &Shard)> {
        self.numbered().filter(|(_, shard)| shard.works())
    }

    pub fn slots(&self) -> impl Iterator<Item = Slot> + use<> {
        let (order, count) = (self.order, u32::try_from(self.shards.len()).unwrap_or(u32::MAX));
        (0..count).map(move |number| Slot { order, kind: Kind::Shard, number })
    }

    pub fn shard(&self, number: u32) -> Option<&Shard> {
        self.shards.get(usize::try_from(number).ok()?)
    }

    pub fn shard_mut(&mut self, number: u32) -> Option<&mut Shard> {
        self.shards.get_mut(usize::try_from(number).ok()?)
    }

    /// A role that too few have, if there is one.
    pub fn lacks(&self) -> Option<Role> {
        Role::ALL.into_iter().find(|role| self.is_short_of(*role))
    }

    /// Whether too few have this role.
    pub fn is_short_of(&self, role: Role) -> bool {
        self.open().filter(|(_, shard)| shard.role == role).count() < self.layout().count(role)
    }

    pub fn failures(&self) -> usize {
        self.shards.iter().filter(|shard| !shard.is_open()).count()
    }

    /// So many of all shards are set up.
    pub fn progress(&self) -> (usize, usize) {
        (self.working().count(), self.layout().members())
    }

    pub fn is_whole(&self) -> bool {
        Role::ALL
            .into_iter()
            .all(|role| self.working().filter(|(_, shard)| shard.role == role).count() >= self.layout().count(role))
    }

    /// Whether a shard holds its part, as far as can be known. The first ones do from the beginning. One that replaced another is
    /// empty until its owner's program fills it: the owner has said that a configuration with it is in place, and it has something
    /// in it where others have.
    pub fn is_in_place(&self, number: u32, shard: &Shard, looks: &Looks) -> bool {
        match shard.since {
            0 => false,
            1 => true,
            since if since > self.saved => false,
            _ => {
                let empty = |number: u32| looks.shards.get(&number).is_none_or(|look| look.entries == 0);
                !empty(number) || self.working().all(|(other, it)| it.role != shard.role || empty(other))
            }
        }
    }

    /// So many data and directory shards are there: set up, holding their part, and heard of at the last look.
    pub fn there(&self, looks: &Looks) -> (usize, usize) {
        let there = |role: Role| {
            let mine = self.working().filter(|(number, shard)| shard.role == role && self.is_in_place(*number, shard, looks));
            mine.filter(|(number, _)| !looks.is_away(*number)).count()
        };
        (there(Role::Data), there(Role::Meta))
    }

    /// Whether shards that are away can be given up: everything that is stored can be read from those that are there. What was
    /// replaced before counts only once it is filled; and when nobody answered, nothing is known.
    pub fn can_spare(&self, looks: &Looks) -> bool {
        let (data, meta) = self.there(looks);
        !looks.blind && self.layout().verdict(data, meta).reads == Reads::All
    }

    /// Shards that are to be given back: those that failed before they were part of it, and those whose successors are. One without
    /// a successor stays: its node may come back, and the owner's program still knows it.
    pub fn given_up(&self) -> Vec<u32> {
        let mut numbers = Vec::new();
        for role in Role::ALL {
            let failed = self.numbered().filter(|(_, shard)| shard.role == role && !shard.is_open() && !shard.attempt.cleared);
            let (never, once): (Vec<_>, Vec<_>) = failed.partition(|(_, shard)| shard.since == 0);
            let there = self.working().filter(|(_, shard)| shard.role == role && shard.since > 0).count();
            let waiting = self.layout().count(role).saturating_sub(there);
            let succeeded = once.len().saturating_sub(waiting);
            numbers.extend(never.iter().chain(once.iter().take(succeeded)).map(|(number, _)| *number));
        }
        numbers
    }

    /// Shards that are to be replaced without anybody asking: away for long, and nothing that is stored is lost by giving them up.
    pub fn overdue(&self, looks: &Looks, now: Time) -> Vec<u32> {
        // One repair at a time: the owner's program must fill what is new. One that no node has room for keeps no other one waiting.
        if self.stage != Stage::Ready || self.open().any(|(_, shard)| !shard.works()) || !self.can_spare(looks) {
            return vec![];
        }
        let long = |number: &u32| looks.away_since(*number).is_some_and(|since| now.since(since) >= REPAIR_AFTER);
        self.working().map(|(number, _)| number).filter(long).collect()
    }
}

/// What was seen of one shard.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
pub struct Look {
    /// When it last answered.
    #[serde(default)]
    pub seen: Option<Time>,
    /// Since when it does not.
    #[serde(default)]
    pub away: Option<Time>,
    /// Bytes of what it holds, and how many things those are.
    #[serde(default)]
    pub used: u64,
    #[serde(default)]
    pub entries: u64,
}

/// How a swarm's shards are, as last seen; kept beside it, for it is written often.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
pub struct Looks {
    /// When somebody last looked.
    #[serde(default)]
    pub at: Option<Time>,
    /// Nobody answered then: it may be ourselves who are cut off, so nothing was concluded.
    #[serde(default)]
    pub blind: bool,
    #[serde(default)]
    pub shards: BTreeMap<u32, Look>,
    /// What was told by mail.
    #[serde(default)]
    pub told: Alarm,
    /// What the last look found: one bad look alone is not told.
    #[serde(default)]
    pub found: Alarm,
}

/// What one shard answered.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Told {
    pub used: u64,
    pub entries: u64,
}

impl Looks {
    pub fn is_away(&self, number: u32) -> bool {
        self.away_since(number).is_some()
    }

    pub fn away_since(&self, number: u32) -> Option<Time> {
        self.shards.get(&number)?.away
    }

    /// After another look: what each shard answered, if it did. When none did, nothing is concluded about any.
    pub fn after(mut self, answers: &[(u32, Option<Told>)], now: Time) -> Looks {
        self.at = Some(now);
        self.blind = !answers.is_empty() && answers.iter().all(|(_, told)| told.is_none());
        self.shards.retain(|number, _| answers.iter().any(|(known, _)| known == number));
        if self.blind {
            return self;
        }
        for (number, told) in answers {
            let look = self.shards.entry(*number).or_default();
            match told {
                Some(told) => *look = Look { seen: Some(now), away: None, used: told.used, entries: told.entries },
                None => _ = look.away.get_or_insert(now),
            }
        }
        self
    }

    /// After a verdict on what was seen: gives what has to be told now. It is told when two looks in a row found it, worse or better.
    pub fn judged(mut self, alarm: Alarm) -> (Looks, Option<Alarm>) {
        let twice = std::mem::replace(&mut self.found, alarm) == alarm;
        let news = (!self.blind && twice && alarm != self.told).then_some(alarm);
        self.told = news.unwrap_or(self.told);
        (self, news)
    }
}

#[cfg(test)]
pub(crate) mod tests {
    use super::*;
    use crate::domain::placement::Choice;

    pub(crate) fn scored(node: u32, farm: u32) -> Scored {
        Scored {
            node,
            twin: 1000 + node,
            farm,
            farm_name: format!("Farm {farm}"),
            owner: farm,
            country: "Belgium".into(),
            city: "Ghent".into(),
            parts: vec![],
            address: None,
        }
    }

    pub(crate) fn shard(role: Role, node: u32, farm: u32) -> Shard {
        Shard {
            role,
            attempt: Attempt {
                choice: Choice { best: scored(node, farm), runner_up: None, fitting: 1 },
                started: Time::EPOCH,
                deployment: serde_json::Value::Null,
                hash: String::new(),
                tunnel: None,
                contract: Some(node.into()),
                sent: Some(Time::EPOCH),
                outcome: Outcome::Works,
                off: None,
                cleared: false,
            },
            backend: Some(Backend { namespace: format!("7-{node}-s{node}"), ip: "400::1".parse().unwrap(), port: 9900 }),
            since: 1,
        }
    }

    /// Whole, three shards a farm.
    pub(crate) fn swarm() -> Swarm {
        let layout = Layout::default();
        let data = (0..24).map(|node| shard(Role::Data, node, node / 3));
        let meta = (24..28).map(|node| shard(Role::Meta, node, node / 2));
        Swarm {
            order: OrderId::from_bits(1),
            user: UserId::from_bits(1),
            wish: SwarmWish { usable: 1000 << 30, layout, price: Usd::from_cents(2020), consent: CONSENT.into() },
            created: Time::EPOCH,
            stage: Stage::Ready,
            shards: data.chain(meta).collect(),
            seed: Locked::default(),
            key: None,
            ready: Some(Time::EPOCH),
            version: 1,
            saved: 1,
            no_room: None,
            drill: None,
            reason: None,
            history: vec![],
        }
    }

    fn answers(away: std::ops::Range<u32>) -> Vec<(u32, Option<Told>)> {
        (0..28).map(|number| (number, (!away.contains(&number)).then_some(Told { used: 5, entries: 1 }))).collect()
    }

    #[test]
    fn the_address_on_the_overlay_is_the_one_to_use() {
        let ip = |text: &str| text.parse::<IpAddr>().unwrap();
        let best = |ips: &[&str]| best_address(ips.iter().map(|text| ip(text)));
        assert_eq!(best(&["2a10::1", "300::1", "5f1::1"]), Some(ip("5f1::1")));
        assert_eq!(best(&["300::1", "2a10::1"]), Some(ip("2a10::1")));
        assert_eq!(best(&["200::1"]), Some(ip("200::1")));
        assert_eq!(best(&[]), None);
        let backend = Backend { namespace: "n".into(), ip: ip("5f1::1"), port: 9900 };
        assert_eq!(backend.address(), "[5f1::1]:9900");
    }

    #[test]
    fn eight_may_be_away_and_a_ninth_is_told_after_two_looks() {
        let swarm = swarm();
        let at = |minutes: u32| Time::EPOCH + MINUTE * minutes;
        let looks = Looks::default().after(&answers(0..8), at(1));
        assert_eq!(swarm.there(&looks), (16, 4));
        let (looks, news) = looks.judged(swarm.layout().alarm(16, 4));
        assert_eq!(news, None, "once is not enough");
        let (looks, news) = looks.after(&answers(0..8), at(2)).judged(Alarm::Waits);
        assert_eq!(news, Some(Alarm::Waits));
        let looks = looks.after(&answers(0..9), at(3));
        assert_eq!((swarm.there(&looks), looks.away_since(0), looks.away_since(8)), ((15, 4), Some(at(1)), Some(at(3))));
        let (looks, news) = looks.judged(Alarm::Danger);
        assert_eq!(news, None);
        let (looks, news) = looks.judged(Alarm::Danger);
        assert_eq!((news, looks.clone().judged(Alarm::Danger).1), (Some(Alarm::Danger), None), "once and not again");
        let looks = looks.after(&answers(0..0), at(4));
        assert_eq!((swarm.there(&looks), looks.shards[&3].used), ((24, 4), 5));
        let (looks, _) = looks.judged(Alarm::None);
        assert_eq!(looks.judged(Alarm::None).1, Some(Alarm::None), "that it is well again is told, too");
    }

    #[test]
    fn when_nobody_answers_nothing_is_concluded() {
        let swarm = swarm();
        let seen = Looks::default().after(&answers(0..2), Time::EPOCH + MINUTE);
        let blind = seen.clone().after(&answers(0..28), Time::EPOCH + HOUR);
        assert!(blind.blind);
        assert_eq!((blind.shards.clone(), swarm.there(&blind)), (seen.shards, (22, 4)));
        let (judged, news) = blind.judged(Alarm::Danger);
        assert_eq!((news, judged.judged(Alarm::Danger).1), (None, None));
    }

    #[test]
    fn what_is_away_for_long_is_replaced_unless_giving_it_up_would_lose_something() {
        let now = Time::EPOCH + HOUR * 10;
        let away = |many: u32, since: Time| Looks::default().after(&answers(0..many), since);
        let swarm = swarm();
        assert_eq!(swarm.overdue(&away(2, now - REPAIR_AFTER), now), [0, 1]);
        assert_eq!(swarm.overdue(&away(2, now - MINUTE), now), Vec::<u32>::new());
        assert_eq!(swarm.overdue(&away(8, now - HOUR * 9), now).len(), 8);
        assert_eq!(
            swarm.overdue(&away(9, now - HOUR * 9), now),
            Vec::<u32>::new(),
            "their nodes may come back, and hold what can't be read without"
        );
        let mut mending = swarm.clone();
        mending.shards[0].attempt.outcome = Outcome::Failed { why: "away".into() };
        mending.shards.push(Shard { since: 2, ..shard(Role::Data, 99, 99) });
        (mending.version, mending.saved) = (2, 1);
        let looks = Looks::default().after(&answers(1..8), now - HOUR * 9);
        assert_eq!(mending.there(&looks), (16, 4), "the new one is empty until its owner has put the configuration in place");
        assert_eq!(mending.overdue(&looks, now).len(), 7);
        let looks = Looks::default().after(&answers(1..9), now - HOUR * 9);
        assert_eq!(mending.overdue(&looks, now), Vec::<u32>::new());
        mending.saved = 2;
        assert_eq!(mending.there(&looks), (15, 4), "its owner says that it is in place, and nothing is in it");
        let filled =
            Looks::default().after(&[answers(1..9), vec![(28, Some(Told { used: 5, entries: 1 }))]].concat(), now - HOUR * 9);
        assert_eq!((mending.there(&filled), mending.can_spare(&filled)), ((16, 4), true));
        mending.shards[28].attempt.outcome = Outcome::Trying;
        assert_eq!(mending.overdue(&filled, now), Vec::<u32>::new(), "one repair at a time");
    }

    /// Replaced one after the other over months, by an owner who never says that a configuration is in place.
    #[test]
    fn what_was_replaced_counts_as_empty_however_often_nobody_says_anything() {
        let now = Time::EPOCH + HOUR * 10;
        let mut swarm = Swarm { saved: 0, ..swarm() };
        let mut replaced = 0;
        for number in 0..24 {
            let told = |shard: u32| (shard != number).then_some(Told { used: 5, entries: u64::from(shard < 28) });
            let answers: Vec<_> = swarm.working().map(|(shard, _)| (shard, told(shard))).collect();
            let looks = Looks::default().after(&answers, now - HOUR * 3);
            let overdue = swarm.overdue(&looks, now);
            assert_eq!(overdue.is_empty(), !swarm.can_spare(&looks));
            for old in overdue {
                swarm.shards[old as usize].attempt.outcome = Outcome::Failed { why: "away".into() };
                swarm.version += 1;
                swarm.shards.push(Shard { since: swarm.version, ..shard(Role::Data, 100 + old, 100 + old) });
                replaced += 1;
            }
        }
        assert_eq!(replaced, 8, "as many as may be lost, and no more");
    }

    #[test]
    fn when_we_are_cut_off_nothing_is_given_up() {
        let now = Time::EPOCH + HOUR * 10;
        let swarm = swarm();
        let looks = Looks::default().after(&answers(0..2), now - HOUR * 3);
        assert!(swarm.can_spare(&looks));
        let blind = looks.after(&answers(0..28), now);
        assert_eq!((swarm.can_spare(&blind), swarm.overdue(&blind, now)), (false, vec![]));
    }

    #[test]
    fn what_failed_is_given_back_when_its_successor_is_there_whatever_others_wait_for() {
        let mut swarm = swarm();
        for number in [3, 5, 26] {
            swarm.shards[number].attempt.outcome = Outcome::Failed { why: "away".into() };
        }
        assert_eq!(swarm.given_up(), Vec::<u32>::new(), "nothing has taken their place");
        let seat = |node: u32, since: u32, outcome: Outcome| Shard {
            since,
            attempt: Attempt { outcome, ..shard(Role::Data, node, node).attempt },
            ..shard(Role::Data, node, node)
        };
        swarm.shards.push(seat(40, 0, Outcome::Failed { why: "late".into() }));
        swarm.shards.push(seat(41, 0, Outcome::Trying));
        assert_eq!(swarm.given_up(), [28], "this one never was part of it");
        swarm.shards[29] = seat(41, 2, Outcome::Works);
        assert_eq!((swarm.lacks(), swarm.given_up()), (Some(Role::Data), vec![28, 3]), "there is no room for the other one");
        swarm.shards[3].attempt.cleared = true;
        swarm.shards[28].attempt.cleared = true;
        let now = Time::EPOCH + HOUR * 10;
        let looks = Looks::default().after(&answers(0..1), now - REPAIR_AFTER);
        assert_eq!(swarm.overdue(&looks, now), [0], "one without room keeps nobody else waiting");
    }

    #[test]
    fn a_swarm_knows_what_it_lacks() {
        let mut swarm = swarm();
        assert!(swarm.is_whole() && swarm.lacks().is_none());
        assert_eq!(swarm.progress(), (28, 28));
        swarm.shards[25].attempt.outcome = Outcome::Failed { why: "x".into() };
        assert_eq!((swarm.lacks(), swarm.is_whole(), swarm.failures()), (Some(Role::Meta), false, 1));
        swarm.shards.push(Shard {
            attempt: Attempt { outcome: Outcome::Trying, ..shard(Role::Meta, 40, 40).attempt },
            ..shard(Role::Meta, 40, 40)
        });
        assert_eq!((swarm.lacks(), swarm.is_whole(), swarm.progress()), (None, false, (27, 28)));
        assert_eq!(swarm.slots().count(), 29);
        for number in 0..300 {
            swarm.note(Time::from_ms(number), "x");
        }
        assert_eq!((swarm.history.len(), swarm.history[0].at), (HISTORY_MAX, Time::from_ms(100)));
    }
}
