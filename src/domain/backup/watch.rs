//! Whether a machine is up, as far as anybody outside can tell: what its node's index says, and whether it speaks.

use std::time::Duration;

use serde::{Deserialize, Serialize};

use crate::base::Time;
use crate::base::time::MINUTE;

/// Failures in a row after which a machine is called down.
pub const FAILURES: u32 = 5;
/// And so long they must have lasted, so that five looks in a hurry are none.
pub const LASTED: Duration = Duration::from_secs(150);
/// A machine that speaks once a minute and has not for so long, does not speak.
pub const STALE: Duration = Duration::from_secs(2 * MINUTE.as_secs());

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
    /// In a row, and since when.
    #[serde(default)]
    pub failures: u32,
    #[serde(default)]
    pub since: Option<Time>,
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
    /// One more look. A machine that speaks is up, whatever is said of its node.
    pub fn look(self, node: Option<bool>, speaks: Option<bool>, now: Time) -> Probe {
        let failed = match (node, speaks) {
            (_, Some(speaks)) => !speaks,
            (Some(up), None) => !up,
            (None, None) => false,
        };
        let (failures, since) = match failed {
            true => (self.failures.saturating_add(1), self.since.or(Some(now))),
            false => (0, None),
        };
        Probe { looked: Some(now), node, speaks, failures, since }
    }

    pub fn state(&self) -> State {
        match (self.since, self.looked) {
            (Some(since), Some(looked)) if self.failures >= FAILURES && looked.since(since) >= LASTED => State::Down { since },
            (Some(_), _) => State::Doubtful,
            (None, _) if self.node.is_none() && self.speaks.is_none() => State::Unknown,
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
        let mut probe = Probe::default();
        assert_eq!(probe.state(), State::Unknown);
        probe = probe.look(Some(true), Some(true), start);
        assert_eq!(probe.state(), State::Up);
        for look in 0..5_u32 {
            probe = probe.look(Some(true), Some(false), start + 30 * SECOND * look);
            assert_eq!(probe.state(), State::Doubtful, "{look}");
        }
        probe = probe.look(Some(false), Some(false), start + 150 * SECOND);
        assert_eq!(probe.state(), State::Down { since: start });
        assert_eq!(probe.look(Some(false), Some(true), start + 180 * SECOND).state(), State::Up, "it speaks");
        // Many looks at once are one moment.
        let hurried = (0..50).fold(Probe::default(), |probe, _| probe.look(Some(false), None, start));
        assert_eq!(hurried.state(), State::Doubtful);
        assert_eq!(Probe::default().look(None, None, start).state(), State::Unknown);
    }
}
