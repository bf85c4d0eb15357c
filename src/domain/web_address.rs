//! A web address: the way in to a machine from the web, through a gateway of the grid, by a name of the gateway's or a domain of
//! the customer's own.

mod record;

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};
use std::time::Duration;

use serde::{Deserialize, Serialize};

pub use record::{ISSUER, Look, Records, Verdict, expected, judge};

use super::order::{Attempt, Outcome};
use super::placement::Scored;
use super::slot::{Kind, Slot};
use crate::base::Time;
use crate::base::ids::{OrderId, WebAddressId};
use crate::base::text::{DomainName, WebName};
use crate::base::time::{DAY, MINUTE};

/// Tries with gateways within a day before it is given up.
pub const TRIES_MAX: usize = 8;
/// Names of our own choice that are tried.
pub const NAMES_MAX: usize = 6;
/// So long a gateway that has carried it, or that a domain's record was made for, is waited for before another one is taken.
pub const GATEWAY_PATIENCE: Duration = Duration::from_secs(30 * MINUTE.as_secs());
/// Tries of a domain on a gateway that does not see its record: with the waits between them that is seven hours.
const REFUSALS_MAX: u32 = 12;
/// What a gateway remembers of a domain's old records is seldom older than this when it asks again.
const LONGEST_REFUSAL_WAIT: Duration = Duration::from_secs(60 * MINUTE.as_secs());
/// Said of a try with a gateway that asked for the domain's record and found an older one than we did.
pub const NOT_SEEN: &str = "The gateway does not see the domain's new record yet: older ones are remembered for hours in places. We try again by ourselves, less and less often.";
/// Changes of where it leads, or of its gateway, within a day: each is signed for, and the fee is not the customer's.
pub const CHANGES_A_DAY: usize = 20;
/// So long a domain may point elsewhere before its address is given up: it keeps others from using the domain here.
pub const DOMAIN_PATIENCE: Duration = Duration::from_secs(7 * DAY.as_secs());

/// What people type.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Host {
    /// Below the domain of whichever gateway carries it.
    Name {
        name: WebName,
        /// The name is of our choosing, so another one will do as well.
        #[serde(default)]
        ours: bool,
    },
    Domain(DomainName),
}

/// How far it is. At rest it is `Live` or `Gone`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Stage {
    /// A gateway is being chosen.
    Choosing,
    /// The customer's domain has to point at the gateway first: it refuses it otherwise.
    Waiting,
    /// The name is being reserved on the chain.
    Naming,
    /// The contract with the gateway is being made.
    Reserving,
    /// The gateway is setting it up.
    Building,
    Live,
    /// The gateway is told of another machine or port.
    Pointing,
    Removing,
    Gone,
}

impl Stage {
    pub const fn over(self) -> bool {
        matches!(self, Stage::Gone)
    }

    /// Nothing changes by itself for a while.
    pub const fn at_rest(self) -> bool {
        matches!(self, Stage::Live | Stage::Gone)
    }
}

/// The node that carries it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Gateway {
    pub place: Scored,
    /// What its names end with.
    pub domain: String,
    #[serde(default)]
    pub v4: Option<Ipv4Addr>,
    #[serde(default)]
    pub v6: Option<Ipv6Addr>,
}

impl Gateway {
    pub fn node(&self) -> u32 {
        self.place.node
    }
}

/// Where visitors come out.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Target {
    pub ip: IpAddr,
    pub port: u16,
    /// TLS ends in the machine, not at the gateway.
    #[serde(default)]
    pub passthrough: bool,
}

impl Target {
    /// As gateways want it: `http://[400::1]:80`, or `[400::1]:443` where TLS is passed through.
    pub fn backend(&self) -> String {
        let place = std::net::SocketAddr::new(self.ip, self.port);
        if self.passthrough { place.to_string() } else { format!("http://{place}") }
    }
}

/// A name on the chain, or the try to get it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Reservation {
    pub name: WebName,
    pub since: Time,
    #[serde(default)]
    pub contract: Option<u64>,
    /// The contract is gone from the chain, or never was there.
    #[serde(default)]
    pub cleared: bool,
}

/// A new version of what the gateway carries, on its way there: the contract first, then the gateway.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Change {
    pub target: Target,
    pub version: u32,
    /// Frozen and hashed, as an attempt's.
    pub deployment: serde_json::Value,
    pub hash: String,
    pub since: Time,
    /// When the gateway was seen to have taken it.
    #[serde(default)]
    pub taken: Option<Time>,
}

/// What leads visitors to it: a whole name, and the addresses that a domain's record has to have.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Reach {
    pub name: String,
    #[serde(default)]
    pub v4: Option<Ipv4Addr>,
    #[serde(default)]
    pub v6: Option<Ipv6Addr>,
}

/// What a visit of ours has seen.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Seen {
    Answers,
    /// The gateway is there, and nobody behind it.
    NothingBehind,
    /// The gateway does not know the name yet.
    NoRoute,
    NoCertificate,
    Silence,
    Nowhere,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct Visit {
    pub seen: Seen,
    pub at: Time,
    /// Since when it has been so.
    pub since: Time,
}

#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct WebAddress {
    pub id: WebAddressId,
    pub order: OrderId,
    pub host: Host,
    /// Where visitors should come out. Whoever moves the machine changes it.
    pub target: Target,
    pub created: Time,
    pub stage: Stage,
    /// Since when it has been at this stage.
    pub since: Time,
    /// Contracts of the order's earlier addresses: slots are numbered on from here.
    pub first: u32,
    #[serde(default)]
    pub gateway: Option<Gateway>,
    /// Gateways that did not work.
    #[serde(default)]
    pub avoid: Vec<u32>,
    /// Contracts with gateways, one after another; the last one counts.
    #[serde(default)]
    pub attempts: Vec<Attempt>,
    /// Names, one after another; the last one counts. None for a domain.
    #[serde(default)]
    pub names: Vec<Reservation>,
    /// What the newest contract is for, until the gateway carries it.
    #[serde(default)]
    pub planned: Option<Target>,
    /// What the gateway carries, once it does.
    #[serde(default)]
    pub served: Option<Target>,
    #[serde(default)]
    pub change: Option<Change>,
    /// How many changes there were: each is signed for under a number of its own.
    #[serde(default)]
    pub changes: u32,
    /// Changes that did not work, in a row.
    #[serde(default)]
    pub misses: u32,
    #[serde(default)]
    pub look: Option<Look>,
    #[serde(default)]
    pub visit: Option<Visit>,
    /// Since when nobody could tell us where its name leads: what was seen before stays.
    #[serde(default)]
    pub blind: Option<Time>,
    /// What led to it while it is being made anew: its owner hears of it if that changes.
    #[serde(default)]
    pub before: Option<Reach>,
    /// When where it leads, or its gateway, was changed lately, oldest first.
    #[serde(default)]
    pub turns: Vec<Time>,
    /// It can't be paid: the gateway has paused it.
    #[serde(default)]
    pub paused: bool,
    /// Why it is not as it should be, or why it is no more: a sentence for its owner.
    #[serde(default)]
    pub trouble: Option<String>,
}

impl WebAddress {
    /// The whole name, as far as it is known.
    pub fn fqdn(&self) -> Option<String> {
        match &self.host {
            Host::Domain(domain) => Some(domain.to_string()),
            Host::Name { .. } => {
                let (name, gateway) = (self.names.last()?, self.gateway.as_ref()?);
                Some(format!("{}.{}", name.name, gateway.domain))
            }
        }
    }

    pub fn enter(&mut self, stage: Stage, now: Time) {
        if self.stage != stage {
            (self.stage, self.since) = (stage, now);
        }
    }

    /// The slot of a contract with a gateway.
    pub fn slot(&self, number: usize) -> Slot {
        self.numbered(Kind::Gateway, number)
    }

    /// The slot of a name's contract.
    pub fn name_slot(&self, number: usize) -> Slot {
        self.numbered(Kind::Name, number)
    }

    fn numbered(&self, kind: Kind, number: usize) -> Slot {
        let number = self.first.saturating_add(u32::try_from(number).unwrap_or(u32::MAX));
        Slot { order: self.order, kind, number }
    }

    /// All slots that ever were its own.
    pub fn slots(&self) -> Vec<Slot> {
        let gateways = (0..self.attempts.len()).map(|number| self.slot(number));
        gateways.chain((0..self.names.len()).map(|number| self.name_slot(number))).collect()
    }

    /// The name that counts now.
    pub fn name(&self) -> Option<&WebName> {
        self.names.last().map(|name| &name.name)
    }

    /// All contracts that ever were its own, as far as their numbers are known.
    pub fn contracts(&self) -> impl Iterator<Item = u64> {
        let gateways = self.attempts.iter().filter_map(|attempt| attempt.contract);
        gateways.chain(self.names.iter().filter_map(|name| name.contract))
    }

    /// The number after the last one that is taken.
    pub fn next_first(&self) -> u32 {
        let taken = self.attempts.len().max(self.names.len());
        self.first.saturating_add(u32::try_from(taken).unwrap_or(u32::MAX))
    }

    /// Whether the domain points where it must, and what is to be said about it. None for a name, and before a gateway is chosen.
    pub fn verdict(&self) -> Option<Verdict> {
        let (Host::Domain(_), Some(gateway)) = (&self.host, &self.gateway) else { return None };
        let look = self.look.as_ref()?;
        Some(judge(gateway, &look.records, self.target.passthrough))
    }

    /// Takes a look in. One that nobody answered leaves what was found before.
    pub fn looked(&mut self, look: Look) {
        let unanswered = look.records.unanswered;
        self.blind = unanswered.then(|| self.blind.unwrap_or(look.at));
        if !unanswered || self.look.is_none() {
            self.look = Some(look);
        }
    }

    fn reach(&self) -> Option<Reach> {
        let gateway = self.gateway.as_ref()?;
        Some(Reach { name: self.fqdn()?, v4: gateway.v4, v6: gateway.v6 })
    }

    /// From here on it is made anew. What people may rely on is kept: where it has worked, and any record that may have been made.
    pub fn leave(&mut self) {
        let worked = self.attempts.last().is_some_and(|attempt| attempt.outcome == Outcome::Works);
        if self.before.is_none() && (worked || matches!(self.host, Host::Domain(_))) {
            self.before = self.reach();
        }
    }

    /// What led to it before, if that does not any more. Asked as soon as it is certain what does.
    pub fn arrive(&mut self) -> Option<Reach> {
        let now = self.reach()?;
        let own = matches!(self.host, Host::Domain(_));
        self.before.take().filter(|old| if own { (old.v4, old.v6) != (now.v4, now.v6) } else { old.name != now.name })
    }

    /// Notes a change that its owner wants. False where there were too many of them.
    pub fn turn(&mut self, now: Time) -> bool {
        let may = self.may_turn(now);
        if may {
            self.turns.retain(|at| now.since(*at) < DAY);
            self.turns.push(now);
        }
        may
    }

    /// Whether it may be changed once more today.
    pub fn may_turn(&self, now: Time) -> bool {
        self.turns.iter().filter(|at| now.since(**at) < DAY).count() < CHANGES_A_DAY
    }

    /// How often in a row the newest gateway did not see the domain's record.
    fn refusals(&self) -> u32 {
        let Some(newest) = self.attempts.last().map(Attempt::node) else { return 0 };
        let unseen = |it: &&Attempt| it.node() == newest && matches!(&it.outcome, Outcome::Failed { why } if why == NOT_SEEN);
        let ended = self.attempts.iter().rev().skip_while(|it| it.outcome == Outcome::Trying);
        u32::try_from(ended.take_while(unseen).count()).unwrap_or(u32::MAX)
    }

    /// How long the gateway is left alone after it did not see the domain's record: longer and longer.
    pub fn refusal_wait(&self) -> Duration {
        match self.refusals() {
            0 => Duration::ZERO,
            times => (MINUTE * (1 << times.min(10))).min(LONGEST_REFUSAL_WAIT),
        }
    }

    /// Whether a gateway that has just refused a domain which leads to it is asked again.
    pub fn bears_refusal(&self) -> bool {
        matches!(self.host, Host::Domain(_)) && self.refusals().saturating_add(1) < REFUSALS_MAX
    }

    /// Whether so many gateways have failed today that another one would fail, too.
    pub fn is_hopeless(&self, now: Time) -> bool {
        let failed = |it: &&Attempt| match &it.outcome {
            Outcome::Failed { why } => why != NOT_SEEN && now.since(it.started) < DAY,
            _ => false,
        };
        self.attempts.iter().filter(failed).count() >= TRIES_MAX
    }

    /// Whether the domain has not led to the gateway for so long that nobody waits any more.
    pub fn waited_enough(&self, now: Time) -> bool {
        self.stage == Stage::Waiting && now.since(self.since) > DOMAIN_PATIENCE
    }

    /// Whether its owner can have another gateway now.
    pub fn can_leave(&self) -> bool {
        matches!(self.stage, Stage::Waiting | Stage::Reserving | Stage::Building | Stage::Live | Stage::Pointing)
    }

    /// Leaves its gateway for another one, because its owner wants that.
    pub fn leave_gateway(&mut self, now: Time) {
        self.leave();
        // One that failed once may be well by now; those that were left are not wanted.
        let failed = |node| self.attempts.iter().any(|it| it.node() == node && matches!(it.outcome, Outcome::Failed { .. }));
        let left = self.avoid.iter().copied().filter(|node| !failed(*node));
        self.avoid = left.chain(self.gateway.as_ref().map(Gateway::node)).collect();
        if let Some(last) = self.attempts.last_mut().filter(|last| !matches!(last.outcome, Outcome::Failed { .. })) {
            last.outcome = Outcome::Left;
        }
        (self.served, self.change, self.visit, self.look, self.paused) = (None, None, None, None, false);
        self.trouble = None;
        self.enter(Stage::Choosing, now);
    }

    /// When it is to be looked at again: soon while something is about to become right, and seldom once it is.
    pub fn look_again(&self, now: Time) -> Time {
        let fresh = now.since(self.since) <= 15 * MINUTE;
        now + match self.stage {
            Stage::Waiting if fresh => MINUTE,
            Stage::Live if self.blind.is_some() => MINUTE,
            Stage::Live if self.visit.is_some_and(|visit| visit.seen == Seen::Answers) => 10 * MINUTE,
            Stage::Live if fresh => MINUTE / 6,
            _ => 5 * MINUTE,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::record::tests::gateway;
    use super::*;
    use crate::base::time::HOUR;
    use crate::domain::placement::Choice;

    const NOW: Time = Time::from_secs(1_000_000);

    fn at(node: u32) -> Gateway {
        let gateway = gateway();
        let place = Scored { node, ..gateway.place };
        Gateway { place, domain: format!("gw{node}.example.net"), v4: Some([203, 0, 113, node as u8].into()), v6: None }
    }

    fn attempt(node: u32, outcome: Outcome) -> Attempt {
        Attempt {
            choice: Choice { best: at(node).place, runner_up: None, fitting: 1 },
            started: NOW,
            deployment: serde_json::Value::Null,
            hash: String::new(),
            tunnel: None,
            contract: None,
            sent: None,
            outcome,
            off: None,
            cleared: false,
        }
    }

    fn unseen(node: u32) -> Attempt {
        attempt(node, Outcome::Failed { why: NOT_SEEN.into() })
    }

    fn failed(node: u32) -> Attempt {
        attempt(node, Outcome::Failed { why: "It broke.".into() })
    }

    fn address(host: Host, attempts: Vec<Attempt>) -> WebAddress {
        let name = WebName::parse("shop").unwrap();
        let known = serde_json::json!({
            "id": WebAddressId::from_bits(1), "order": OrderId::from_bits(1), "host": host,
            "target": { "ip": "400::1", "port": 80 }, "created": NOW, "stage": Stage::Live, "since": NOW, "first": 0,
        });
        let mut address: WebAddress = serde_json::from_value(known).unwrap();
        address.gateway = Some(at(1));
        address.names = vec![Reservation { name, since: NOW, contract: Some(1), cleared: false }];
        address.attempts = attempts;
        address
    }

    fn by_name(attempts: Vec<Attempt>) -> WebAddress {
        address(Host::Name { name: WebName::parse("shop").unwrap(), ours: true }, attempts)
    }

    fn by_domain(attempts: Vec<Attempt>) -> WebAddress {
        address(Host::Domain(DomainName::parse("shop.example.org").unwrap()), attempts)
    }

    #[test]
    fn its_owner_hears_of_what_does_not_lead_to_it_any_more() {
        let mut name = by_name(vec![attempt(1, Outcome::Works)]);
        name.leave();
        assert_eq!(name.arrive(), None, "the same gateway and the same name");
        name.leave();
        name.gateway = Some(at(2));
        assert_eq!(name.arrive().map(|old| old.name), Some("shop.gw1.example.net".into()));
        assert_eq!(name.arrive(), None, "it is said once");
        name.leave();
        name.names[0].name = WebName::parse("shop-2").unwrap();
        name.attempts = vec![failed(2)];
        name.leave();
        assert_eq!(name.arrive().map(|old| old.name), Some("shop.gw2.example.net".into()), "as it was when it worked last");
        let mut new = by_name(vec![failed(1)]);
        new.leave();
        new.gateway = Some(at(2));
        assert_eq!(new.arrive(), None, "nobody knew that name yet");
        // A record may have been made before anything worked.
        let mut domain = by_domain(vec![failed(1)]);
        domain.leave();
        domain.gateway = Some(Gateway { domain: "other.example".into(), ..at(1) });
        assert_eq!(domain.arrive(), None, "the record stays right");
        domain.leave();
        domain.gateway = Some(at(2));
        assert_eq!(domain.arrive().and_then(|old| old.v4), at(1).v4);
    }

    #[test]
    fn a_gateway_that_does_not_see_a_record_is_asked_for_hours() {
        let mut domain = by_domain(vec![failed(3), unseen(2), unseen(2)]);
        assert_eq!(domain.refusal_wait(), 4 * MINUTE);
        domain.attempts.push(unseen(1));
        assert_eq!(domain.refusal_wait(), 2 * MINUTE, "each gateway for itself");
        domain.attempts.push(attempt(1, Outcome::Works));
        assert_eq!(domain.refusal_wait(), Duration::ZERO, "it has seen it since");
        let (mut domain, mut waited) = (by_domain(vec![]), Duration::ZERO);
        loop {
            domain.attempts.push(attempt(1, Outcome::Trying));
            if !domain.bears_refusal() {
                break;
            }
            *domain.attempts.last_mut().unwrap() = unseen(1);
            assert!(!domain.is_hopeless(NOW), "what it may see later is no failure");
            waited += domain.refusal_wait();
        }
        assert!((4 * HOUR..12 * HOUR).contains(&waited), "{waited:?}");
        assert!(!by_name(vec![attempt(1, Outcome::Trying)]).bears_refusal(), "a name needs no record");
    }

    #[test]
    fn what_fails_too_often_is_given_up_and_so_is_a_domain_that_never_comes() {
        let failures = |times| by_name((0..times).map(|_| failed(1)).collect());
        assert!(failures(TRIES_MAX).is_hopeless(NOW) && !failures(TRIES_MAX - 1).is_hopeless(NOW));
        assert!(!failures(TRIES_MAX).is_hopeless(NOW + DAY), "the day is over");
        assert!(!by_name(vec![attempt(1, Outcome::Left); TRIES_MAX]).is_hopeless(NOW), "its owner left them");
        let mut domain = by_domain(vec![]);
        domain.enter(Stage::Waiting, NOW);
        assert!(!domain.waited_enough(NOW + DOMAIN_PATIENCE) && domain.waited_enough(NOW + DOMAIN_PATIENCE + MINUTE));
        domain.enter(Stage::Live, NOW);
        assert!(!domain.waited_enough(NOW + 2 * DOMAIN_PATIENCE));
    }

    #[test]
    fn a_look_that_nobody_answers_leaves_what_was_found() {
        let look = |at, unanswered| Look { at, records: Records { unanswered, ..Records::default() } };
        let mut domain = by_domain(vec![]);
        domain.looked(look(NOW, true));
        assert_eq!((domain.blind, domain.look.as_ref().map(|look| look.at)), (Some(NOW), Some(NOW)), "all there is");
        domain.looked(look(NOW + MINUTE, false));
        assert_eq!(domain.blind, None);
        for minutes in 2..4 {
            domain.looked(look(NOW + minutes * MINUTE, true));
            assert_eq!((domain.blind, domain.look.as_ref().map(|look| look.at)), (Some(NOW + 2 * MINUTE), Some(NOW + MINUTE)));
        }
    }

    #[test]
    fn so_many_changes_a_day_and_no_more() {
        let mut name = by_name(vec![]);
        assert!((0..CHANGES_A_DAY).all(|_| name.turn(NOW)) && !name.turn(NOW + HOUR));
        assert!(name.turn(NOW + DAY) && name.turns.len() == 1, "old ones are forgotten");
    }

    #[test]
    fn a_backend_is_written_as_gateways_read_it() {
        let mut target = Target { ip: "400::1".parse().unwrap(), port: 80, passthrough: false };
        assert_eq!(target.backend(), "http://[400::1]:80");
        target.passthrough = true;
        target.port = 443;
        assert_eq!(target.backend(), "[400::1]:443");
    }
}
