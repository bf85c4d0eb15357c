//! A server that does not answer, as far as we can see from outside: since when, and whether its owner was told.

use std::time::Duration;

use serde::{Deserialize, Serialize};

use crate::base::Time;
use crate::base::time::MINUTE;

/// Shorter than this is a hiccup that nobody needs to hear of.
pub const TOLD_AFTER: Duration = Duration::from_secs(10 * MINUTE.as_secs());
/// And so many looks must have seen it, so that one leap of a clock is no outage.
const LOOKS: u32 = 3;
/// Back is what stays back for so long.
const BACK_AFTER: Duration = Duration::from_secs(3 * MINUTE.as_secs());
/// A server that tells how it is, once a minute, and has not for so long, does not answer.
pub const SILENT_AFTER: Duration = Duration::from_secs(5 * MINUTE.as_secs());

/// What we see.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Why {
    /// The machine that carries it is down.
    NodeDown,
    /// The machine that carries it was put to sleep.
    NodeAsleep,
    /// The machine that carries it is not known to the grid any more.
    NodeGone,
    /// The machine that carries it is up, and the server itself says nothing any more.
    Silent,
}

impl Why {
    /// For its owner.
    pub const fn sentence(self) -> &'static str {
        match self {
            Why::NodeDown => "The machine that carries it is down.",
            Why::NodeAsleep => "The machine that carries it was put to sleep by its provider.",
            Why::NodeGone => "The machine that carries it has left the grid.",
            Why::Silent => {
                "The machine that carries it is up, but the server itself has stopped telling how it is: it may be off, overloaded or cut off."
            }
        }
    }
}

/// One of a server that has not ended yet.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct Outage {
    pub since: Time,
    pub why: Why,
    pub looks: u32,
    /// When its owner was told.
    #[serde(default)]
    pub told: Option<Time>,
    /// Since when it seems to be back.
    #[serde(default)]
    pub well: Option<Time>,
}

/// What its owner should hear.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum News {
    Nothing,
    Down,
    Back,
}

impl Outage {
    /// It does not answer right now.
    pub const fn is_now(&self) -> bool {
        self.well.is_none()
    }

    /// After one more look. `quiet`: its owner knows, or somebody else tells.
    pub fn after(before: Option<Outage>, seen: Option<Why>, quiet: bool, now: Time) -> (Option<Outage>, News) {
        match (before, seen) {
            (None, None) => (None, News::Nothing),
            (None, Some(why)) => (Some(Outage { since: now, why, looks: 1, told: None, well: None }), News::Nothing),
            (Some(outage), Some(why)) => {
                let outage = Outage { why, well: None, looks: outage.looks.saturating_add(1), ..outage };
                let due = outage.looks >= LOOKS && now.since(outage.since) >= TOLD_AFTER;
                match outage.told.is_none() && due && !quiet {
                    true => (Some(Outage { told: Some(now), ..outage }), News::Down),
                    false => (Some(outage), News::Nothing),
                }
            }
            // Nobody has heard of it.
            (Some(Outage { told: None, .. }), None) => (None, News::Nothing),
            (Some(outage), None) => match outage.well {
                Some(well) if now.since(well) >= BACK_AFTER => (None, News::Back),
                well => (Some(Outage { well: well.or(Some(now)), ..outage }), News::Nothing),
            },
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// What is told on a way of looks, each a number of minutes and whether it answers.
    fn told(looks: &[(u32, bool)], quiet: bool) -> Vec<(u32, News)> {
        let (mut outage, mut told) = (None, vec![]);
        for (minute, answers) in looks {
            let seen = (!answers).then_some(Why::NodeDown);
            let (next, news) = Outage::after(outage, seen, quiet, Time::from_secs(1_000_000) + MINUTE * *minute);
            outage = next;
            if news != News::Nothing {
                told.push((*minute, news));
            }
        }
        told
    }

    #[test]
    fn an_outage_is_told_once_and_so_is_its_end() {
        let down = |from: u32, to: u32| (from..to).map(|minute| (minute, false));
        let up = |from: u32, to: u32| (from..to).map(|minute| (minute, true));
        let long: Vec<_> = down(0, 60).chain(up(60, 70)).chain(down(70, 90)).collect();
        assert_eq!(told(&long, false), [(10, News::Down), (63, News::Back), (80, News::Down)]);
        let hiccup: Vec<_> = down(0, 9).chain(up(9, 20)).collect();
        assert_eq!(told(&hiccup, false), []);
        let flaps: Vec<_> = down(0, 20).chain(up(20, 22)).chain(down(22, 30)).chain(up(30, 40)).collect();
        assert_eq!(told(&flaps, false), [(10, News::Down), (33, News::Back)], "two minutes are not back");
        assert_eq!(told(&[(0, false), (600, false)], false), [], "two looks");
        assert_eq!(told(&long, true), []);
    }
}
