//! A second machine that can take over: where it must not stand, how far it is, what it holds, and what trying it out has shown.

mod watch;

use std::collections::BTreeSet;

use serde::{Deserialize, Serialize};

use super::catalogue::Place;
use super::order::{Access, Attempt, Entry, Order, Step};
use super::placement::{Avoid, Choice, Scored, Whom};
use super::pool::Filter;
use super::slot::{Kind, Slot};
use super::sync::Sync;
use super::wish::{Net, Wish};
use crate::base::Time;
use crate::base::ids::OrderId;
use crate::base::money::Usd;
use crate::base::time::HOUR;

pub use watch::{EVERY, Looks, POINTED, Probe, STALE, Signs, State, TAKEOVER};

/// What stands beside the machine that was ordered.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Backup {
    #[default]
    None,
    /// The same machine again, on another node, farm and farmer.
    Machine,
}

impl Backup {
    /// As forms say it.
    pub const fn word(self) -> &'static str {
        match self {
            Backup::None => "none",
            Backup::Machine => "vm",
        }
    }

    /// An empty text is none.
    pub fn parse(text: &str) -> Option<Backup> {
        match text {
            "" | "none" => Some(Backup::None),
            "vm" => Some(Backup::Machine),
            _ => None,
        }
    }
}

/// What one agrees to who orders a backup VM. The newest is shown; older ones stay, because orders name them by number from 1 on.
const WORDINGS: [&str; 2] = [
    "I understand that a backup VM lowers the risk and does not remove it. Both servers can fail at the same time, and what was written after \
     the last copy can be lost. What I delete or damage on the server is deleted or damaged in the copy, too. I keep another copy of what I can't \
     do without.",
    "I understand that a backup VM lowers the risk and does not remove it. Where the server has a web address of ours, and the backup VM is up and \
     holds a copy, visitors are sent to it within 10 minutes after the server fails; without one nothing is switched by itself. Both servers can fail \
     at the same time, and what was written after the last copy can be lost. What I delete or damage on the server is deleted or damaged in the copy, \
     too. I keep another copy of what I can't do without.",
];

/// That somebody agreed, to which wording, and when.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct Consent {
    /// From 1 on.
    pub wording: u32,
    pub at: Time,
}

impl Consent {
    /// To the wording that is shown now.
    pub fn now(at: Time) -> Consent {
        Consent { wording: u32::try_from(WORDINGS.len()).unwrap_or(u32::MAX), at }
    }

    pub fn text(self) -> &'static str {
        usize::try_from(self.wording).ok().and_then(|number| WORDINGS.get(number.checked_sub(1)?)).copied().unwrap_or(WORDINGS[0])
    }

    /// What is shown now.
    pub const fn wording() -> &'static str {
        WORDINGS[WORDINGS.len() - 1]
    }
}

/// How far a backup VM is. At rest it is `Active`, `Failed` or `Ended`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Stage {
    /// The machine itself comes first.
    Waiting,
    Reserving,
    Deploying,
    Active,
    /// It can't be had: what was begun is given back, and its price with it.
    Failing,
    Failed,
    /// The order ends.
    Ending,
    Ended,
}

impl Stage {
    /// Nothing of it is on the grid, and nothing will be.
    pub const fn over(self) -> bool {
        matches!(self, Stage::Failed | Stage::Ended)
    }

    pub const fn at_rest(self) -> bool {
        matches!(self, Stage::Waiting | Stage::Active) || self.over()
    }
}

/// Nodes that are tried for it.
pub const MAX_ATTEMPTS: usize = 4;
/// What is kept of what happened, and of drills.
const EVENTS_MAX: usize = 60;
const DRILLS_MAX: usize = 24;

/// The backup VM of an order.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct BackupVm {
    pub order: OrderId,
    /// Its part of the order's price.
    pub price: Usd,
    pub stage: Stage,
    /// Where room is kept for it until it is built.
    pub first: Choice,
    #[serde(default)]
    pub attempts: Vec<Attempt>,
    #[serde(default)]
    pub access: Option<Access>,
    #[serde(default)]
    pub active_since: Option<Time>,
    /// Why there is none, in a sentence for the owner.
    #[serde(default)]
    pub reason: Option<String>,
    /// What became of it, the newest last.
    #[serde(default)]
    pub events: Vec<Entry>,
    #[serde(default)]
    pub sync: Sync,
    /// It is in charge, and since when.
    #[serde(default)]
    pub charge: Option<Charge>,
    /// What was measured, the newest last.
    #[serde(default)]
    pub drills: Vec<Drill>,
}

/// The backup VM is the one that counts.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct Charge {
    pub since: Time,
    /// Visitors of its web address are sent to it.
    #[serde(default)]
    pub visited: bool,
}

/// A takeover that was tried out.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct Drill {
    pub pressed: Time,
    /// The server was down; nobody pressed anything.
    #[serde(default)]
    pub real: bool,
    /// Visitors were sent to it: what is stated of a takeover is about them.
    #[serde(default)]
    pub visited: bool,
    /// When the backup VM was first seen to answer after that.
    #[serde(default)]
    pub answered: Option<Time>,
    /// The newest marker that it held when the button was pressed.
    #[serde(default)]
    pub marker: Option<Time>,
    /// When the first server was put back in charge.
    #[serde(default)]
    pub back: Option<Time>,
}

impl Drill {
    /// Seconds from the press of the button until the backup VM was seen to answer.
    pub fn rto_secs(&self) -> Option<u64> {
        Some(self.answered?.since(self.pressed).as_secs())
    }

    /// Seconds of work that would have been lost.
    pub fn rpo_secs(&self) -> Option<u64> {
        Some(self.pressed.since(self.marker?).as_secs())
    }

    /// Whether visitors were there as soon as a takeover within the stated time needs it: noticing takes the rest of it. None: that was not tried,
    /// or can't be told yet.
    pub fn in_time(&self, now: Time) -> Option<bool> {
        if !self.visited {
            return None;
        }
        match self.answered {
            Some(at) => Some(at.since(self.pressed) <= POINTED),
            None => (self.back.unwrap_or(now).since(self.pressed) > POINTED).then_some(false),
        }
    }
}

impl BackupVm {
    pub fn new(order: OrderId, price: Usd, first: Choice) -> BackupVm {
        BackupVm {
            order,
            price,
            stage: Stage::Waiting,
            first,
            attempts: vec![],
            access: None,
            active_since: None,
            reason: None,
            events: vec![],
            sync: Sync::default(),
            charge: None,
            drills: vec![],
        }
    }

    pub fn note(&mut self, at: Time, text: impl Into<String>) {
        self.push(at, text.into(), false);
    }

    pub fn trouble(&mut self, at: Time, text: impl Into<String>) {
        self.push(at, text.into(), true);
    }

    fn push(&mut self, at: Time, text: String, trouble: bool) {
        if self.events.len() >= EVENTS_MAX {
            self.events.remove(0);
        }
        self.events.push(Entry { at, step: Step::Access, text, trouble });
    }

    /// Puts it in charge: for a drill, or because the server is down (`real`). `visited`: visitors are sent to it.
    pub fn take_over(&mut self, real: bool, visited: bool, now: Time) {
        if self.drills.len() >= DRILLS_MAX {
            self.drills.remove(0);
        }
        let marker = self.sync.held.map(|held| held.marker);
        self.drills.push(Drill { pressed: now, real, visited, answered: None, marker, back: None });
        self.charge = Some(Charge { since: now, visited });
    }

    /// Takes it out of charge, and closes the drill. None: it was not in charge.
    pub fn step_back(&mut self, now: Time) -> Option<Charge> {
        let charge = self.charge.take()?;
        if let Some(drill) = self.drills.last_mut().filter(|drill| drill.back.is_none()) {
            drill.back = Some(now);
        }
        Some(charge)
    }

    /// Whether it is to take over by itself, where visitors can be sent to it: the server is surely down, it is surely up, and holds something.
    pub fn is_needed(&self, looks: &Looks) -> bool {
        let ready = looks.own.state() == State::Up && looks.own.speaks == Some(true) && self.sync.held.is_some();
        self.stage == Stage::Active && self.charge.is_none() && looks.main.is_proven() && ready
    }

    /// Why it can't be put in charge by hand, in a sentence.
    pub fn unready(&self, looks: &Looks) -> Option<&'static str> {
        match looks.own.state() {
            _ if self.stage != Stage::Active => Some("There is no backup VM that could take over."),
            _ if self.sync.held.is_none() => {
                Some("The backup VM holds no whole copy yet: there is nothing that could take over.")
            }
            State::Down { .. } => Some("The backup VM is down itself: nobody would answer."),
            State::Unknown | State::Up | State::Doubtful => None,
        }
    }

    /// The attempt under way, or the one that works, with its number.
    pub fn current(&self) -> Option<(u32, &Attempt)> {
        let last = self.attempts.last()?;
        Some((u32::try_from(self.attempts.len() - 1).unwrap_or(u32::MAX), last))
    }

    /// Every contract of it, and every one that was tried.
    pub fn slots(&self) -> impl Iterator<Item = Slot> + use<> {
        let order = self.order;
        (0..u32::try_from(self.attempts.len()).unwrap_or(u32::MAX)).map(move |number| Slot { order, kind: Kind::Backup, number })
    }

    /// Whether the contract of this slot is the one that it runs on.
    pub fn keeps(&self, slot: Slot) -> bool {
        self.stage == Stage::Active && self.current().is_some_and(|(number, _)| number == slot.number)
    }

    /// Nothing is under way: neither up nor down, nor is anything left to be given back.
    pub fn is_settled(&self) -> bool {
        self.stage.at_rest() && self.slots().zip(&self.attempts).all(|(slot, attempt)| attempt.cleared || self.keeps(slot))
    }

    /// Nodes on which room may be kept for it.
    pub fn nodes(&self) -> BTreeSet<u32> {
        self.attempts.iter().map(Attempt::node).chain([self.first.best.node]).collect()
    }

    pub fn node(&self) -> &Scored {
        self.attempts.last().map_or(&self.first.best, |attempt| &attempt.choice.best)
    }

    /// What of its price was not used: all of it if it never ran, else hours that were not begun when it ended. `month` began with the order's.
    pub fn unused(&self, month: Option<Time>, now: Time) -> Usd {
        let Some(begun) = month.filter(|_| self.active_since.is_some()) else { return self.price };
        let hours = u64::try_from(now.since(begun).as_millis().div_ceil(HOUR.as_millis())).unwrap_or(720).min(720);
        self.price.part(720 - hours, 720).unwrap_or(Usd::ZERO).floor_to_cent()
    }
}

/// The wish for the second machine: the same, where the first one is not. A tunnel ends on one node only.
pub fn twin(wish: &Wish) -> Wish {
    let place = match &wish.place {
        Place::Node(_) => Place::Anywhere,
        place => place.clone(),
    };
    // Who chose one node, farm or farmer chose the first machine's.
    let filter = Filter { nodes: BTreeSet::new(), farm: None, owner: None, ..wish.filter.clone() };
    Wish { place, filter, net: Net { tunnel: None, ..wish.net.clone() }, backup: Backup::None, swarm: None, ..wish.clone() }
}

/// What the second machine must keep away from.
pub fn apart_from(first: &Scored) -> Vec<Avoid> {
    let why = |why: &str| why.to_owned();
    vec![
        Avoid { whom: Whom::Node(first.node), why: why("The server itself is there.") },
        Avoid { whom: Whom::Farm(first.farm), why: why("It stands on the same farm as the server itself.") },
        Avoid { whom: Whom::Owner(first.owner), why: why("It belongs to the farmer whom the server itself is with.") },
    ]
}

/// What the server must keep away from, when it goes elsewhere while its backup VM stays.
pub fn apart_from_backup(second: &Scored) -> Vec<Avoid> {
    let why = |why: &str| why.to_owned();
    vec![
        Avoid { whom: Whom::Node(second.node), why: why("Its backup VM is there.") },
        Avoid { whom: Whom::Farm(second.farm), why: why("It stands on the same farm as its backup VM.") },
        Avoid { whom: Whom::Owner(second.owner), why: why("It belongs to the farmer whom its backup VM is with.") },
    ]
}

/// The machine that visitors belong to: the backup VM while it is in charge, else the server itself.
pub fn host<'a>(order: &'a Order, backup: Option<&'a BackupVm>) -> Option<&'a Access> {
    match backup.filter(|backup| backup.charge.is_some()) {
        Some(backup) => backup.access.as_ref(),
        None => order.access.as_ref(),
    }
}

/// Whether two places don't fall together.
pub fn is_apart(first: &Scored, second: &Scored) -> bool {
    first.node != second.node && first.farm != second.farm && first.owner != second.owner
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::base::time::MINUTE;
    use crate::domain::wish::tests::wish;

    fn scored(node: u32, farm: u32, owner: u32) -> Scored {
        let (country, city) = ("Belgium".to_owned(), "Ghent".to_owned());
        Scored { node, twin: node, farm, farm_name: "Farm".into(), owner, country, city, parts: vec![], address: None }
    }

    fn vm() -> BackupVm {
        let first = Choice { best: scored(1, 1, 1), runner_up: None, fitting: 1 };
        BackupVm::new(OrderId::from_bits(1), Usd::from_cents(720), first)
    }

    #[test]
    fn apart_is_another_node_another_farm_and_another_farmer() {
        let first = scored(1, 1, 1);
        assert!(is_apart(&first, &scored(2, 2, 2)));
        for near in [scored(1, 2, 2), scored(2, 1, 2), scored(2, 2, 1)] {
            assert!(!is_apart(&first, &near));
        }
        assert_eq!(apart_from(&first).len(), 3);
    }

    #[test]
    fn the_twin_may_stand_where_the_first_one_was_not_chosen_to_be() {
        let mut first = wish();
        first.backup = Backup::Machine;
        first.place = Place::Node(7);
        first.filter = Filter::parse("node=7&farm=3&owner=9&ipv6=yes").unwrap();
        let second = twin(&first);
        assert_eq!((second.place.clone(), second.backup), (Place::Anywhere, Backup::None));
        assert_eq!(second.filter, Filter::parse("ipv6=yes").unwrap());
        assert_eq!((second.name, second.size), (first.name.clone(), first.size.clone()));
        first.place = Place::parse("Belgium");
        assert_eq!(twin(&first).place, Place::parse("Belgium"), "a country holds for both");
    }

    #[test]
    fn what_was_not_used_goes_back() {
        let mut vm = vm();
        let start = Time::from_secs(1000);
        assert_eq!(vm.unused(Some(start), start + HOUR * 100), vm.price, "it never ran");
        vm.active_since = Some(start + MINUTE);
        assert_eq!(vm.unused(Some(start), start + HOUR * 100 + MINUTE), Usd::from_cents(720 - 101));
        assert_eq!(vm.unused(Some(start), start + HOUR * 2000), Usd::ZERO);
    }

    #[test]
    fn a_drill_says_what_was_measured_and_nothing_else() {
        let mut vm = vm();
        let now = Time::from_secs(10_000);
        vm.take_over(false, false, now);
        assert_eq!((vm.drills[0].rto_secs(), vm.drills[0].rpo_secs()), (None, None));
        vm.drills[0].answered = Some(now + MINUTE);
        vm.drills[0].marker = Some(now - HOUR);
        assert_eq!((vm.drills[0].rto_secs(), vm.drills[0].rpo_secs()), (Some(60), Some(3600)));
        (0..100).for_each(|_| vm.take_over(false, false, now));
        (0..200).for_each(|n| vm.note(now, format!("{n}")));
        assert_eq!((vm.drills.len(), vm.events.len(), vm.events.last().unwrap().text.as_str()), (DRILLS_MAX, EVENTS_MAX, "199"));
    }

    #[test]
    fn it_takes_over_by_itself_only_when_everything_is_sure() {
        let (mut vm, start) = (vm(), Time::from_secs(10_000));
        let looked = |signs: Signs| (0..8).fold(Probe::default(), |probe, look| probe.look(signs, start + MINUTE * look));
        let signs = |node: bool, speaks: Option<bool>, answers: Option<bool>| Signs { node: Some(node), speaks, answers };
        let (down, up) = (
            looked(signs(true, Some(false), Some(false))),
            looked(Signs { node: Some(true), speaks: Some(true), answers: None }),
        );
        let looks = Looks { main: down, own: up };
        vm.stage = Stage::Active;
        assert!(!vm.is_needed(&looks), "it holds nothing");
        assert!(vm.unready(&looks).is_some_and(|why| why.contains("no whole copy")));
        vm.sync.hold(start, start);
        assert!(vm.is_needed(&looks) && vm.unready(&looks).is_none());
        assert!(!vm.is_needed(&Looks { main: up, ..looks }));
        for (main, why) in [
            (signs(true, Some(false), Some(true)), "it is silent, and answers visitors"),
            (signs(false, Some(false), Some(true)), "its node is said to be down, and it answers visitors"),
            (signs(true, Some(false), None), "it is silent, and nothing else is known"),
            (signs(false, None, None), "its node is said to be down, and nothing else is known"),
            (signs(true, None, Some(false)), "its line was made anew and has not spoken, and its web server is off"),
        ] {
            assert!(!vm.is_needed(&Looks { main: looked(main), ..looks }), "{why}");
        }
        for main in [signs(false, Some(false), None), signs(false, None, Some(false)), signs(false, Some(false), Some(false))] {
            assert!(vm.is_needed(&Looks { main: looked(main), ..looks }), "{main:?}");
        }
        // Only the last look found a second sign.
        let late = looked(signs(true, Some(false), None)).look(signs(true, Some(false), Some(false)), start + MINUTE * 8);
        assert!(!vm.is_needed(&Looks { main: late, ..looks }));
        assert!(!vm.is_needed(&Looks { own: down, ..looks }), "both are down");
        assert!(vm.unready(&Looks { own: down, ..looks }).is_some_and(|why| why.contains("down itself")));
        let unheard = Probe::default().look(signs(true, None, None), start);
        assert!(!vm.is_needed(&Looks { own: unheard, ..looks }), "nobody has heard of it");
        vm.take_over(true, true, start);
        assert!(!vm.is_needed(&looks), "it is in charge already");
    }

    #[test]
    fn visitors_belong_to_whoever_is_in_charge() {
        let at = |ip: &str| Access { mycelium_ip: Some(ip.into()), ..Access::default() };
        let (mut order, mut vm, now) = (crate::domain::order::tests::order(), vm(), Time::from_secs(10_000));
        (order.access, vm.access) = (Some(at("400::1")), Some(at("400::2/64")));
        let ip = |order: &Order, vm: Option<&BackupVm>| host(order, vm).and_then(Access::overlay).unwrap().to_string();
        assert_eq!((ip(&order, None).as_str(), ip(&order, Some(&vm)).as_str()), ("400::1", "400::1"));
        vm.take_over(false, true, now);
        assert_eq!(ip(&order, Some(&vm)), "400::2");
        assert!(vm.step_back(now + MINUTE).is_some_and(|charge| charge.visited) && vm.drills[0].back == Some(now + MINUTE));
        assert_eq!((ip(&order, Some(&vm)).as_str(), vm.step_back(now + HOUR)), ("400::1", None));
        assert_eq!(vm.drills[0].back, Some(now + MINUTE), "a drill is closed once");
    }

    #[test]
    fn a_drill_says_whether_the_stated_time_is_kept() {
        let now = Time::from_secs(10_000);
        let drill = Drill { pressed: now, real: false, visited: true, answered: None, marker: None, back: None };
        assert_eq!((drill.in_time(now + MINUTE), drill.in_time(now + HOUR)), (None, Some(false)));
        assert_eq!(Drill { answered: Some(now + POINTED), ..drill }.in_time(now + HOUR), Some(true));
        assert_eq!(Drill { answered: Some(now + POINTED + MINUTE), ..drill }.in_time(now + HOUR), Some(false));
        assert_eq!(Drill { back: Some(now + MINUTE), ..drill }.in_time(now + HOUR), None, "it was broken off");
        assert_eq!(Drill { visited: false, ..drill }.in_time(now + HOUR), None, "nobody was sent there");
        let stated = format!("within {} minutes", TAKEOVER.as_secs() / 60);
        assert!(TAKEOVER.as_secs().is_multiple_of(60) && Consent::wording().contains(&stated), "{stated}");
    }

    #[test]
    fn a_wording_that_was_agreed_to_can_be_read_again() {
        let consent = Consent::now(Time::EPOCH);
        assert_eq!((consent.text(), consent.wording), (Consent::wording(), 2));
        assert_eq!(Consent { wording: 1, ..consent }.text(), WORDINGS[0]);
        for backup in [Backup::None, Backup::Machine] {
            assert_eq!(Backup::parse(backup.word()), Some(backup));
        }
        assert_eq!((Backup::parse(""), Backup::parse("both")), (Some(Backup::None), None));
    }
}
