//! A change of something that runs: stop, start, another size, another place. It climbs a ladder of its own while the order stays active.

use serde::{Deserialize, Serialize};

use super::order::{Access, DEPLOY_PATIENCE, Order};
use super::price::Part;
use super::term::Due;
use super::wish::Wish;
use crate::base::Time;
use crate::base::ids::{ChargeId, OrderId, RevisionId, UserId};
use crate::base::money::Usd;

/// What is changed.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Kind {
    Stop,
    Start,
    Resize,
    /// To another node, with the same measures and nothing of its data.
    Move,
}

impl Kind {
    /// `Resizing since …`
    pub const fn doing(self) -> &'static str {
        match self {
            Kind::Stop => "Stopping",
            Kind::Start => "Starting",
            Kind::Resize => "Resizing",
            Kind::Move => "Moving",
        }
    }

    /// `It was resized.`
    pub const fn done(self) -> &'static str {
        match self {
            Kind::Stop => "stopped",
            Kind::Start => "started",
            Kind::Resize => "resized",
            Kind::Move => "moved",
        }
    }

    pub const fn noun(self) -> &'static str {
        match self {
            Kind::Stop => "Stop",
            Kind::Start => "Start",
            Kind::Resize => "New size",
            Kind::Move => "Move",
        }
    }
}

/// Where a revision stands. At rest it is `Done`, `Failed` or `Dropped`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum State {
    /// The card is being authorised for the difference.
    Paying,
    /// The contract on the chain is being told of what comes.
    Agreeing,
    /// The node is at work.
    Changing,
    /// Another node is looked for, and sets up what moves there.
    Moving,
    /// It is as it should be; the money is being moved.
    Settling,
    /// It could not be done: the money is let go.
    Releasing,
    Done,
    /// Everything is as it was before, or the story says what is not.
    Failed,
    /// The order ended meanwhile.
    Dropped,
}

impl State {
    pub const fn at_rest(self) -> bool {
        matches!(self, State::Done | State::Failed | State::Dropped)
    }
}

/// What a draft is for.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Way {
    /// To what was asked for.
    Forth,
    /// To what was there before.
    Back,
    /// To what is there without its machine: all that is left when not even the old one comes up again.
    Bare,
}

/// One version of a deployment: frozen before its hash goes to the chain.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Draft {
    pub way: Way,
    pub deployment: serde_json::Value,
    pub hash: String,
    /// The machine, if it is switched off in this version.
    #[serde(default)]
    pub off: Option<serde_json::Value>,
    /// The node has it already: only the chain must be told.
    #[serde(default)]
    pub held: bool,
    /// The block in which the chain was told of it.
    #[serde(default)]
    pub agreed: Option<u32>,
    /// When it went to the node.
    #[serde(default)]
    pub sent: Option<Time>,
}

/// The steps that people see.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Rung {
    Pay,
    Agree,
    Change,
    Finish,
}

impl Rung {
    pub const ALL: [Rung; 4] = [Rung::Pay, Rung::Agree, Rung::Change, Rung::Finish];

    pub const fn title(self) -> &'static str {
        match self {
            Rung::Pay => "Pay",
            Rung::Agree => "Agree",
            Rung::Change => "Change",
            Rung::Finish => "Finish",
        }
    }
}

/// One line of its story.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Told {
    pub at: Time,
    pub rung: Rung,
    pub text: String,
    #[serde(default)]
    pub trouble: bool,
}

/// Lines kept of one story.
const STORY_MAX: usize = 60;

#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Revision {
    pub id: RevisionId,
    pub order: OrderId,
    pub user: UserId,
    pub kind: Kind,
    pub created: Time,
    pub state: State,
    /// Since when it is in this state.
    pub since: Time,
    /// What there is to be afterwards.
    pub wish: Wish,
    /// For 30 days, and what it is made of.
    pub price: Usd,
    #[serde(default)]
    pub parts: Vec<Part>,
    /// For the rest of the month, as it was confirmed.
    #[serde(default)]
    pub due: Due,
    /// What was there before, in a few words.
    #[serde(default)]
    pub before: String,
    #[serde(default)]
    pub charge: Option<ChargeId>,
    #[serde(default)]
    pub drafts: Vec<Draft>,
    /// The order's first attempt that belongs to it: those from there on were made to move.
    #[serde(default)]
    pub attempts_from: Option<u32>,
    #[serde(default)]
    pub access: Option<Access>,
    /// Nobody knows which version its node has: it was silent for too long.
    #[serde(default)]
    pub lost: bool,
    #[serde(default)]
    pub story: Vec<Told>,
    /// Why it was not done, in a sentence.
    #[serde(default)]
    pub reason: Option<String>,
    #[serde(default)]
    pub ended: Option<Time>,
}

/// What an order says of the revision that is open on it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct Open {
    pub id: RevisionId,
    pub kind: Kind,
    pub since: Time,
}

impl Revision {
    pub fn note(&mut self, at: Time, rung: Rung, text: impl Into<String>) {
        self.push(Told { at, rung, text: text.into(), trouble: false });
    }

    pub fn trouble(&mut self, at: Time, rung: Rung, text: impl Into<String>) {
        self.push(Told { at, rung, text: text.into(), trouble: true });
    }

    fn push(&mut self, told: Told) {
        if self.story.len() < STORY_MAX {
            self.story.push(told);
        }
    }

    /// Goes on to another state.
    pub fn enter(&mut self, state: State, at: Time) {
        (self.state, self.since) = (state, at);
    }

    /// The draft under way, and its number.
    pub fn draft(&self) -> Option<(u32, &Draft)> {
        Some((u32::try_from(self.drafts.len().checked_sub(1)?).ok()?, self.drafts.last()?))
    }

    /// Whether its node is switching the machine off or on just now, as far as we can know: a machine is not missed meanwhile.
    pub fn is_switching(&self, now: Time) -> bool {
        let sent = self.drafts.last().and_then(|draft| draft.sent);
        sent.is_some_and(|sent| now.since(sent) <= DEPLOY_PATIENCE)
    }

    /// Whether it is on its way back.
    pub fn turned(&self) -> bool {
        self.drafts.last().is_some_and(|draft| draft.way != Way::Forth) || self.state == State::Releasing
    }

    /// The step that people see as current.
    pub fn rung(&self) -> Rung {
        match self.state {
            State::Paying => Rung::Pay,
            State::Agreeing => Rung::Agree,
            State::Changing | State::Moving => Rung::Change,
            State::Settling | State::Releasing | State::Done => Rung::Finish,
            State::Failed | State::Dropped => self.story.last().map_or(Rung::Finish, |told| told.rung),
        }
    }

    /// Whether it takes this step at all.
    pub fn takes(&self, rung: Rung) -> bool {
        match rung {
            Rung::Pay => self.charge.is_some(),
            Rung::Agree => self.kind != Kind::Move,
            Rung::Change | Rung::Finish => true,
        }
    }
}

impl Order {
    /// Why nothing can be changed now, in a sentence.
    pub fn unchangeable(&self) -> Option<String> {
        if let Some(open) = self.revision {
            let since = open.since.minute();
            return Some(format!(
                "It is being changed: {} since {since}. One thing at a time, please.",
                open.kind.doing().to_lowercase()
            ));
        }
        if self.state != super::order::State::Active {
            return Some("Only a server that runs or is stopped can be changed.".into());
        }
        self.paused.map(|_| "It is paused: it can be changed as soon as it goes on.".into())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::base::time::{MINUTE, SECOND};

    #[test]
    fn a_machine_is_not_missed_while_its_node_switches_it_and_no_longer() {
        let (now, order) = (Time::from_secs(10_000), crate::domain::order::tests::order());
        let draft = |sent| Draft {
            way: Way::Forth,
            deployment: serde_json::Value::Null,
            hash: String::new(),
            off: None,
            held: false,
            sent,
            agreed: None,
        };
        let mut revision = Revision {
            id: RevisionId::from_bits(1),
            order: order.id,
            user: order.user,
            kind: Kind::Stop,
            created: now,
            state: State::Agreeing,
            since: now,
            wish: order.wish,
            price: order.price,
            parts: vec![],
            due: Due::Nothing,
            before: String::new(),
            charge: None,
            drafts: vec![],
            attempts_from: None,
            access: None,
            lost: false,
            story: vec![],
            reason: None,
            ended: None,
        };
        assert!(!revision.is_switching(now), "its node was not asked yet");
        revision.drafts.push(draft(None));
        assert!(!revision.is_switching(now), "it does not answer");
        revision.drafts.push(draft(Some(now)));
        assert!(revision.is_switching(now + MINUTE) && revision.is_switching(now + DEPLOY_PATIENCE));
        assert!(!revision.is_switching(now + DEPLOY_PATIENCE + SECOND), "it takes its time, or is gone");
    }
}
