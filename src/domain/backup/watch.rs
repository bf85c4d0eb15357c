//! Whether a machine is up, as far as anybody outside can tell: what its node's index says, and whether it speaks.

use std::time::Duration;

use serde::{Deserialize, Serialize};

use crate::base::Time;
use crate::base::time::MINUTE;

/// How often both machines are looked at.
pub const EVERY: Duration = Duration::from_secs(30);
/// Failures in a row after which a machine is called down.
pub const FAILURES: u32 = 5;
/// And so long they must have lasted, so that five looks in a hurry are none.
pub const LASTED: Duration = Duration::from_secs(150);
/// A machine that speaks once a minute and has not for so long, does not speak.
pub const STALE: Duration = Duration::from_secs(2 * MINUTE.as_secs());
/// So long it takes at most to be sure that a machine is down: it falls silent, the next look sees it, and so does one after `LASTED`.
const NOTICED: Duration = Duration::from_secs(STALE.as_secs() + LASTED.as_secs() + 2 * EVERY.as_secs());
/// So long it may take to send visitors elsewhere: a block or two of the chain, then the gateway, then a visit of ours.
pub const POINTED: Duration = Duration::from_secs(270);
/// What is stated of a takeover: from the failure of the server to its visitors being at the backup VM.
pub const TAKEOVER: Duration = Duration::from_secs(NOTICED.as_secs() + POINTED.as_secs());

/// What one look at a machine found, by ways that do not fail for the same reason.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Signs {
    /// Whether its node is up; None: the index does not know it.
    pub node: Option<bool>,
    /// Whether it spoke lately; None: nobody has told it to speak, or not since its line was made anew.
    pub speaks: Option<bool>,
    /// Whether somebody answered a visit of ours; None: nobody went there, or what was seen says nothing about the machine.
    pub answers: Option<bool>,
}

impl Signs {
    /// A machine that speaks or answers is up, whatever is said of its node.
    fn failed(self) -> bool {
        let lives = self.speaks == Some(true) || self.answers == Some(true);
        !lives && [self.node, self.speaks, self.answers].contains(&Some(false))
    }

    /// One sign alone may be wrong: indexes lag, and scripts are taken away from machines that are well.
    fn proves(self) -> bool {
        self.failed() && [self.node, self.speaks, self.answers].iter().filter(|sign| **sign == Some(false)).count() >= 2
    }
}

/// What the looks at one machine came to.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
pub struct Probe {
    #[serde(default)]
    pub looked: Option<Time>,
    /// Whether its node was up at the last look; None: the index does not know it.
    #[serde(default)]
    pub node: Option<bool>,
    /// Whether it spoke lately; None: nobody has told it to speak.
    #[serde(default)]
    pub speaks: Option<bool>,
    /// Whether it answered a visit; None: nobody went there, or it says nothing.
    #[serde(default)]
    pub answers: Option<bool>,
    /// In a row, and since when.
    #[serde(default)]
    pub failures: u32,
    #[serde(default)]
    pub since: Option<Time>,
    /// Failures in a row of which more than one sign told.
    #[serde(default)]
    pub proven: u32,
}

/// How the two machines are, as last seen: beside the backup VM's row, which seldom changes.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(default)]
pub struct Looks {
    /// The server itself.
    pub main: Probe,
    /// The backup VM.
    pub own: Probe,
}

/// In a word.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum State {
    /// Nobody can tell.
    Unknown,
    Up,
    /// It failed, and not yet for long enough to be sure.
    Doubtful,
    Down {
        since: Time,
    },
}

impl Probe {
    /// One more look.
    pub fn look(self, signs: Signs, now: Time) -> Probe {
        let Signs { node, speaks, answers } = signs;
        let (failures, since) = match signs.failed() {
            true => (self.failures.saturating_add(1), self.since.or(Some(now))),
            false => (0, None),
        };
        let proven = if signs.proves() { self.proven.saturating_add(1) } else { 0 };
        Probe { looked: Some(now), node, speaks, answers, failures, since, proven }
    }

    /// It is down, and not by one sign alone.
    pub fn is_proven(&self) -> bool {
        self.proven >= FAILURES && matches!(self.state(), State::Down { .. })
    }

    pub fn state(&self) -> State {
        match (self.since, self.looked) {
            (Some(since), Some(looked)) if self.failures >= FAILURES && looked.since(since) >= LASTED => State::Down { since },
            (Some(_), _) => State::Doubtful,
            (None, _) if self.node.is_none() && self.speaks.is_none() && self.answers.is_none() => State::Unknown,
            (None, _) => State::Up,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::base::time::SECOND;

    #[test]
    fn five_failures_over_two_and_a_half_minutes_are_down_and_one_answer_is_up() {
        let start = Time::from_secs(1000);
        let heard = |node, speaks| Signs { node, speaks, answers: None };
        let mut probe = Probe::default();
        assert_eq!(probe.state(), State::Unknown);
        probe = probe.look(heard(Some(true), Some(true)), start);
        assert_eq!(probe.state(), State::Up);
        for look in 0..5_u32 {
            probe = probe.look(heard(Some(true), Some(false)), start + 30 * SECOND * look);
            assert_eq!(probe.state(), State::Doubtful, "{look}");
        }
        probe = probe.look(heard(Some(false), Some(false)), start + 150 * SECOND);
        assert_eq!(probe.state(), State::Down { since: start });
        assert_eq!(probe.look(heard(Some(false), Some(true)), start + 180 * SECOND).state(), State::Up, "it speaks");
        // Many looks at once are one moment.
        let hurried = (0..50).fold(Probe::default(), |probe, _| probe.look(heard(Some(false), None), start));
        assert_eq!(hurried.state(), State::Doubtful);
        assert_eq!(Probe::default().look(heard(None, None), start).state(), State::Unknown);
    }
}
