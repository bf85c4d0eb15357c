//! An order: the ladder it climbs, and what it says to people on every rung.

use std::collections::BTreeSet;
use std::net::IpAddr;
use std::time::Duration;

use serde::{Deserialize, Serialize};

use super::backup::Consent;
use super::catalogue::Sla;
use super::handover::Taken;
use super::placement::Choice;
use super::price::Part;
use super::revision::Open;
use super::term::{Due, Proration, Term};
use super::tunnel::Tunnel;
pub use super::wish::Wish;
use crate::base::Time;
use crate::base::ids::{CardId, ChargeId, OrderId, QuoteId, UserId};
use crate::base::money::Usd;
use crate::base::text::{ShownName, Tag};
use crate::base::time::{MINUTE, MONTH};

/// How long a price stands.
pub const QUOTE_LIFE: Duration = Duration::from_secs(30 * MINUTE.as_secs());
/// Nodes that are tried before the money goes back.
pub const MAX_ATTEMPTS: usize = 4;
/// How long a node may take before another one is tried (`threefoldtech/zosbase: pkg/gridtypes`, with room for a first image download).
pub const DEPLOY_PATIENCE: Duration = Duration::from_secs(6 * MINUTE.as_secs());
/// Entries kept on a timeline; an order that needs more than this has other problems.
const TIMELINE_MAX: usize = 200;

/// A price given once and kept, with the promise and the node it was given for.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Quote {
    pub id: QuoteId,
    pub user: UserId,
    pub wish: Wish,
    /// For the first month of 720 hours.
    pub price: Usd,
    /// What the price is made of; its sum. Empty in quotes from before there were parts.
    #[serde(default)]
    pub parts: Vec<Part>,
    pub sla: Sla,
    pub choice: Choice,
    /// Where the backup VM would stand, if one is wished for.
    #[serde(default)]
    pub backup: Option<Choice>,
    pub created: Time,
    /// The order made of it. Pressing the button twice makes one order.
    #[serde(default)]
    pub order: Option<OrderId>,
}

impl Quote {
    pub fn expires(&self) -> Time {
        self.created + QUOTE_LIFE
    }
}

/// Where an order stands. At rest it is `Active`, `Ended` or `Refunded`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum State {
    /// The card is being authorised.
    Paying,
    /// A contract for the node is being made.
    Reserving,
    /// The node is setting the VM up.
    Deploying,
    /// It runs; the authorised money is being captured.
    Settling,
    Active,
    /// Nothing worked: contracts are cancelled and the money goes back.
    Undoing,
    /// The customer, or the end of the paid time, ended it: final bill, rest of the money back.
    Ending,
    Ended,
    Refunded,
}

impl State {
    pub const ALL: [State; 9] = [
        State::Paying,
        State::Reserving,
        State::Deploying,
        State::Settling,
        State::Active,
        State::Undoing,
        State::Ending,
        State::Ended,
        State::Refunded,
    ];

    pub const fn at_rest(self) -> bool {
        matches!(self, State::Active | State::Ended | State::Refunded)
    }

    /// Nothing runs any more, and nothing will.
    pub const fn over(self) -> bool {
        matches!(self, State::Ended | State::Refunded)
    }

    pub const fn word(self) -> &'static str {
        match self {
            State::Paying => "Paying",
            State::Reserving => "Reserving",
            State::Deploying => "Deploying",
            State::Settling => "Finishing",
            State::Active => "Running",
            State::Undoing => "Undoing",
            State::Ending => "Ending",
            State::Ended => "Ended",
            State::Refunded => "Refunded",
        }
    }
}

/// The five steps people see.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Step {
    Select,
    Pay,
    Deploy,
    Allocate,
    Access,
}

impl Step {
    pub const ALL: [Step; 5] = [Step::Select, Step::Pay, Step::Deploy, Step::Allocate, Step::Access];

    pub const fn title(self) -> &'static str {
        match self {
            Step::Select => "Select",
            Step::Pay => "Pay",
            Step::Deploy => "Deploy",
            Step::Allocate => "Allocate",
            Step::Access => "Access",
        }
    }
}

/// One line of an order's history.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Entry {
    pub at: Time,
    pub step: Step,
    pub text: String,
    /// Something went wrong here.
    #[serde(default)]
    pub trouble: bool,
}

#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Outcome {
    Trying,
    Works,
    Failed {
        why: String,
    },
    /// It worked, and was left for another node.
    Left,
}

/// One node tried for an order.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Attempt {
    pub choice: Choice,
    pub started: Time,
    /// The deployment, frozen: what the contract's hash was made of, and what is sent to the node. Opaque here.
    pub deployment: serde_json::Value,
    /// Hex of its hash, as on the chain.
    pub hash: String,
    /// The customer's way into the private network, if one was asked for.
    #[serde(default)]
    pub tunnel: Option<Tunnel>,
    #[serde(default)]
    pub contract: Option<u64>,
    /// When the node took the deployment.
    #[serde(default)]
    pub sent: Option<Time>,
    pub outcome: Outcome,
    /// The machine as it is kept while it is stopped. Opaque here.
    #[serde(default)]
    pub off: Option<serde_json::Value>,
    /// The contract is gone from the chain, or never was there.
    #[serde(default)]
    pub cleared: bool,
}

impl Attempt {
    pub fn node(&self) -> u32 {
        self.choice.best.node
    }
}

/// How the customer reaches the VM.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
pub struct Access {
    pub private_ip: String,
    #[serde(default)]
    pub public_ip: Option<String>,
    #[serde(default)]
    pub public_ip6: Option<String>,
    #[serde(default)]
    pub mycelium_ip: Option<String>,
    #[serde(default)]
    pub console: Option<String>,
}

impl Access {
    /// The address to connect to: a public one if there is one, and the one of the two that every line reaches.
    pub fn address(&self) -> &str {
        let public = self.public_ip.as_ref().or(self.public_ip6.as_ref());
        bare(public.or(self.mycelium_ip.as_ref()).unwrap_or(&self.private_ip))
    }

    pub fn ssh(&self) -> String {
        format!("ssh root@{}", self.address())
    }

    /// Its address on the overlay that gateways are on, too.
    pub fn overlay(&self) -> Option<IpAddr> {
        bare(self.mycelium_ip.as_deref()?).parse().ok()
    }
}

/// An address without the size of its network.
pub fn bare(ip: &str) -> &str {
    ip.split('/').next().unwrap_or_default()
}

/// Tags that one VM can have.
pub const TAGS_MAX: usize = 8;

#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Order {
    pub id: OrderId,
    pub user: UserId,
    pub quote: QuoteId,
    pub wish: Wish,
    pub price: Usd,
    pub sla: Sla,
    pub card: CardId,
    pub charge: ChargeId,
    pub created: Time,
    pub state: State,
    pub attempts: Vec<Attempt>,
    pub timeline: Vec<Entry>,
    #[serde(default)]
    pub access: Option<Access>,
    #[serde(default)]
    pub active_since: Option<Time>,
    /// When the VM stopped being the customer's.
    #[serde(default)]
    pub ended: Option<Time>,
    /// Since when it is paused because its place is not paid; it goes on when it is.
    #[serde(default)]
    pub paused: Option<Time>,
    /// When it last went on after a pause.
    #[serde(default)]
    pub resumed: Option<Time>,
    /// Why it is not running, in a sentence for its owner.
    #[serde(default)]
    pub reason: Option<String>,
    /// Earned by running, out of the price.
    #[serde(default)]
    pub earned: Usd,
    /// What the price is made of, as quoted.
    #[serde(default)]
    pub parts: Vec<Part>,
    /// What its owner calls it, if not by its host name.
    #[serde(default)]
    pub title: Option<ShownName>,
    #[serde(default)]
    pub tags: BTreeSet<Tag>,
    /// Its owner has it under their own twin, and it ended here.
    #[serde(default)]
    pub handed_over: Option<Taken>,
    /// To what can be lost although there is a backup VM.
    #[serde(default)]
    pub consent: Option<Consent>,
    /// The month since the last change of its price; None while there was none.
    #[serde(default)]
    pub term: Option<Term>,
    /// Charges beside the first, for what became dearer.
    #[serde(default)]
    pub more_charges: Vec<ChargeId>,
    /// The change under way.
    #[serde(default)]
    pub revision: Option<Open>,
    /// Since when its owner has it stopped.
    #[serde(default)]
    pub stopped: Option<Time>,
    /// The server itself is gone, and the order goes on with its backup VM alone.
    #[serde(default)]
    pub lost: Option<Lost>,
    /// When its owner was told that its month is over soon.
    #[serde(default)]
    pub reminded: Option<Time>,
}

/// A server whose place ended it while its backup VM goes on.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Lost {
    pub at: Time,
    /// What the server cost for 30 days, and of what: it costs that again when it is set up elsewhere.
    pub price: Usd,
    pub parts: Vec<Part>,
    /// Its owner has heard of it.
    #[serde(default)]
    pub told: bool,
}

impl Order {
    pub fn note(&mut self, at: Time, step: Step, text: impl Into<String>) {
        self.push(Entry { at, step, text: text.into(), trouble: false });
    }

    pub fn trouble(&mut self, at: Time, step: Step, text: impl Into<String>) {
        self.push(Entry { at, step, text: text.into(), trouble: true });
    }

    /// It stands still through no fault of its owner.
    pub fn pause(&mut self, at: Time) {
        self.paused = Some(at);
        self.trouble(at, Step::Access, "Paused: we owe its place money. We have been told; your data is kept.");
    }

    /// It runs again.
    pub fn resume(&mut self, at: Time) {
        (self.paused, self.resumed) = (None, Some(at));
        self.note(at, Step::Access, "It runs again.");
    }

    fn push(&mut self, entry: Entry) {
        if self.timeline.len() < TIMELINE_MAX {
            self.timeline.push(entry);
        }
    }

    /// The attempt that works, or the one under way.
    pub fn attempt(&self) -> Option<&Attempt> {
        self.attempts.get(self.attempt_number()?)
    }

    /// Its place among the attempts. While something moves, the one that works stays the one that counts.
    pub fn attempt_number(&self) -> Option<usize> {
        let works = self.attempts.iter().rposition(|attempt| attempt.outcome == Outcome::Works);
        works.or(self.attempts.len().checked_sub(1))
    }

    /// What people see as its name.
    pub fn shown_name(&self) -> &str {
        self.title.as_ref().map_or(self.wish.name.as_str(), ShownName::as_str)
    }

    /// The customer's way into the private network of what runs.
    pub fn tunnel(&self) -> Option<&Tunnel> {
        self.attempt().filter(|attempt| attempt.outcome == Outcome::Works && self.state == State::Active)?.tunnel.as_ref()
    }

    pub fn tried(&self) -> Vec<u32> {
        self.attempts.iter().map(Attempt::node).collect()
    }

    pub fn paid_until(&self) -> Option<Time> {
        self.active_since.map(|since| since + MONTH)
    }

    fn term(&self) -> Option<Term> {
        self.term.or_else(|| Some(Term::first(self.active_since?, self.price)))
    }

    /// What was paid for the month and not given back: all of it was earned or will be, unless it goes back.
    pub fn paid(&self) -> Usd {
        self.term().map_or(self.price, |term| term.paid())
    }

    /// What running has earned until it ended, or until `now`: by the started hour, at most all that was paid.
    /// Never less than what was earned before, whatever the clock says.
    pub fn earned_by(&self, now: Time) -> Usd {
        let Some(term) = self.term() else { return Usd::ZERO };
        term.earned_by(self.ended.unwrap_or(now)).max(self.earned)
    }

    /// What another price means for the rest of the month.
    pub fn prorate(&self, price: Usd, now: Time) -> Option<Proration> {
        self.term()?.prorate(self.price, price, now)
    }

    /// What it costs with its server, and of what: of one that is lost, once it is set up elsewhere.
    pub fn restored(&self) -> Option<(Usd, Vec<Part>)> {
        match &self.lost {
            None => Some((self.price, self.parts.clone())),
            Some(lost) => {
                let parts = lost.parts.iter().chain(&self.parts).cloned().collect();
                Some((self.price.checked_add(lost.price)?, parts))
            }
        }
    }

    /// Takes over another price, as of the moment at which it was agreed on. Gives what is really due: what was earned meanwhile
    /// does not go back.
    pub fn reprice(&mut self, price: Usd, due: Due, agreed: Time) -> Due {
        let Some(term) = self.term() else { return Due::Nothing };
        let kept = term.earned_by(agreed).max(self.earned);
        let left = term.paid().checked_sub(kept).unwrap_or_default().floor_to_cent();
        let due = match due {
            Due::Back(back) if back.min(left) == Usd::ZERO => Due::Nothing,
            Due::Back(back) => Due::Back(back.min(left)),
            due => due,
        };
        self.term = Some(term.followed(agreed, due));
        self.price = price;
        due
    }

    /// Every charge that was made for it, the first one first.
    pub fn charges(&self) -> impl Iterator<Item = ChargeId> {
        std::iter::once(self.charge).chain(self.more_charges.iter().copied())
    }

    /// The step people see as current, and the percentage of the way.
    pub fn progress(&self) -> (Step, u8) {
        match self.state {
            State::Paying => (Step::Pay, 20),
            State::Reserving => (Step::Deploy, 40),
            State::Deploying => (Step::Allocate, 60),
            State::Settling => (Step::Access, 90),
            State::Active | State::Ending | State::Ended => (Step::Access, 100),
            State::Undoing | State::Refunded => (self.timeline.last().map_or(Step::Pay, |entry| entry.step), 100),
        }
    }
}

#[cfg(test)]
pub(crate) mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::base::time::{DAY, HOUR};

    pub(crate) fn order() -> Order {
        Order {
            id: OrderId::from_bits(1),
            user: UserId::from_bits(1),
            quote: QuoteId::from_bits(1),
            price: Usd::from_cents(1000),
            wish: crate::domain::wish::tests::wish(),
            sla: Sla::default(),
            card: CardId::from_bits(1),
            charge: ChargeId::from_bits(1),
            created: Time::EPOCH,
            state: State::Active,
            attempts: vec![],
            timeline: vec![],
            access: None,
            active_since: Some(Time::EPOCH),
            ended: None,
            paused: None,
            resumed: None,
            reason: None,
            earned: Usd::ZERO,
            parts: vec![],
            title: None,
            tags: BTreeSet::new(),
            handed_over: None,
            consent: None,
            term: None,
            more_charges: vec![],
            revision: None,
            stopped: None,
            lost: None,
            reminded: None,
        }
    }

    #[test]
    fn the_price_is_earned_by_the_started_hour_and_never_more_than_once() {
        let mut order = order();
        assert_eq!(order.earned_by(Time::EPOCH), Usd::ZERO);
        assert_eq!(order.earned_by(Time::from_ms(1)), order.price.part(1, 720).unwrap());
        assert_eq!(order.earned_by(Time::EPOCH + HOUR), order.price.part(1, 720).unwrap());
        assert_eq!(order.earned_by(Time::EPOCH + MONTH + DAY), order.price);
        order.ended = Some(Time::EPOCH + HOUR + HOUR);
        assert_eq!(order.earned_by(Time::EPOCH + MONTH), order.price.part(2, 720).unwrap());
        // A clock that starts in the past gives nothing back.
        assert_eq!(order.earned_by(Time::EPOCH), order.price.part(2, 720).unwrap());
        order.ended = None;
        order.earned = order.price.part(5, 720).unwrap();
        assert_eq!(order.earned_by(Time::EPOCH + HOUR), order.earned);
    }

    #[test]
    fn what_was_earned_while_a_lower_price_was_on_its_way_does_not_go_back() {
        let mut order = order();
        let asked = Time::EPOCH + HOUR * 710;
        let due = order.prorate(Usd::from_cents(100), asked).unwrap().due;
        assert_eq!(due, Due::Back(Usd::from_cents(12)), "9.00 × 10 ÷ 720 = 0.125");
        // The node was away until the month was over, and every hour was booked at the old price.
        order.earned = order.earned_by(Time::EPOCH + MONTH);
        assert_eq!(order.reprice(Usd::from_cents(100), due, asked), Due::Nothing);
        assert_eq!((order.paid(), order.earned_by(Time::EPOCH + MONTH)), (Usd::from_cents(1000), Usd::from_cents(1000)));
    }

    proptest! {
        /// Whatever is agreed on, however long it takes to be done, and whenever hours are booked: never more is earned than was
        /// paid, and at the end every unit that was paid is earned, goes back, or is the part of a cent that can't.
        #[test]
        fn changes_of_price_lose_nothing_and_make_nothing(
            changes in proptest::collection::vec((0u64..500_000_000, 1i64..100_000, 0u64..50_000_000, any::<bool>()), 0..12),
            end in 0u64..4_000_000_000,
        ) {
            let (mut order, mut now) = (order(), Time::EPOCH);
            let mut paid = order.price;
            for (wait, cents, takes, booked) in changes {
                now = now + Duration::from_millis(wait);
                let price = Usd::from_cents(cents);
                let due = order.prorate(price, now).unwrap().due;
                let agreed = now;
                now = now + Duration::from_millis(takes);
                if booked {
                    order.earned = order.earned_by(now);
                }
                paid = match order.reprice(price, due, agreed) {
                    Due::Nothing => paid,
                    Due::Pay(more) => {
                        prop_assert_eq!(Due::Pay(more), due, "what is charged is what was shown");
                        paid.checked_add(more).unwrap()
                    }
                    Due::Back(back) => paid.checked_sub(back).unwrap(),
                };
                prop_assert_eq!(order.paid(), paid);
                prop_assert!(order.earned <= paid && order.earned_by(now) <= paid);
            }
            order.ended = Some(now + Duration::from_millis(end));
            let earned = order.earned_by(now + MONTH);
            let unused = paid.checked_sub(earned).unwrap();
            prop_assert!(unused >= Usd::ZERO && unused.checked_sub(unused.floor_to_cent()).unwrap() < Usd::from_cents(1));
            order.ended = None;
            prop_assert_eq!(order.earned_by(Time::EPOCH + MONTH + DAY), paid);
        }
    }

    #[test]
    fn while_something_moves_the_one_that_works_counts() {
        let attempt = |outcome| Attempt {
            choice: Choice {
                best: super::super::placement::Scored {
                    node: 1,
                    twin: 1,
                    farm: 1,
                    farm_name: String::new(),
                    owner: 1,
                    country: String::new(),
                    city: String::new(),
                    parts: vec![],
                    address: None,
                },
                runner_up: None,
                fitting: 1,
            },
            started: Time::EPOCH,
            deployment: serde_json::Value::Null,
            hash: String::new(),
            tunnel: None,
            contract: None,
            sent: None,
            outcome,
            off: None,
            cleared: false,
        };
        let mut order = order();
        assert_eq!(order.attempt_number(), None);
        order.attempts = vec![attempt(Outcome::Failed { why: String::new() }), attempt(Outcome::Trying)];
        assert_eq!(order.attempt_number(), Some(1));
        order.attempts[1].outcome = Outcome::Works;
        order.attempts.push(attempt(Outcome::Trying));
        assert_eq!(order.attempt_number(), Some(1));
        (order.attempts[1].outcome, order.attempts[2].outcome) = (Outcome::Left, Outcome::Works);
        assert_eq!(order.attempt_number(), Some(2));
    }

    #[test]
    fn the_address_shown_is_the_one_that_can_be_reached() {
        let mut access = Access { private_ip: "10.1.2.2".into(), ..Access::default() };
        assert_eq!(access.ssh(), "ssh root@10.1.2.2");
        access.mycelium_ip = Some("5f1::2".into());
        assert_eq!(access.address(), "5f1::2");
        access.public_ip6 = Some("2001:db8::7/64".into());
        assert_eq!(access.address(), "2001:db8::7");
        access.public_ip = Some("192.0.2.7/24".into());
        assert_eq!(access.address(), "192.0.2.7");
    }
}
