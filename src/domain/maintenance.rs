//! Maintenance windows: when a provider works on a node. Told before, so that who is there can go elsewhere and nobody new comes.

use std::time::Duration;

use serde::{Deserialize, Serialize};

use crate::base::ids::{MaintenanceId, UserId};
use crate::base::time::{DAY, HOUR};
use crate::base::{Error, Result, Time};

/// Nodes whose window begins within this take no new orders: nobody should be sent away in their first week.
pub const HORIZON: Duration = Duration::from_secs(7 * DAY.as_secs());
/// A window that was told of so long before it begins costs the node none of its reliability. Shorter notice does.
pub const NOTICE: Duration = DAY;
/// What takes longer is no maintenance, but a node that is away.
pub const LONGEST: Duration = DAY;
/// So far ahead a window may lie.
const AHEAD: Duration = Duration::from_secs(90 * DAY.as_secs());
/// Windows of one node that are not over.
pub const OPEN_MAX: usize = 8;
/// Letters of the sentence.
pub const WHY_MAX: usize = 300;

/// One window of one node.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Maintenance {
    pub id: MaintenanceId,
    pub node: u32,
    pub farm: u32,
    /// Who announced it.
    pub by: UserId,
    pub starts: Time,
    pub ends: Time,
    /// What is done, in the provider's words.
    pub why: String,
    /// When what stands here was first said: a change is said anew.
    pub announced: Time,
    #[serde(default)]
    pub cancelled: Option<Time>,
    /// How often it was changed or cancelled.
    #[serde(default)]
    pub version: u32,
    /// Tenants are told one after the other, by their ids: this one was the last that was told of this version.
    #[serde(default)]
    pub told: Option<UserId>,
}

/// When a node is worked on, as far as placement needs it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub struct Window {
    pub starts: Time,
    pub ends: Time,
}

impl Window {
    /// `21 Nov 2026, 14:06 UTC to 21 Nov 2026, 16:06 UTC`
    pub fn text(self) -> String {
        format!("{} to {}", self.starts.minute(), self.ends.minute())
    }
}

impl Maintenance {
    pub const fn window(&self) -> Window {
        Window { starts: self.starts, ends: self.ends }
    }

    /// It lies ahead, or is now.
    pub fn is_open(&self, now: Time) -> bool {
        self.cancelled.is_none() && self.ends > now
    }

    pub fn is_now(&self, now: Time) -> bool {
        self.is_open(now) && self.starts <= now
    }

    /// Nobody new should come to the node.
    pub fn keeps_away(&self, now: Time) -> bool {
        self.is_open(now) && self.starts <= now + HORIZON
    }

    /// What is not up now was announced in time: it says nothing of how reliable the node is. A node that is worked on day after day
    /// pays for that by taking no orders.
    pub fn excuses(&self, now: Time) -> bool {
        self.is_now(now) && !self.is_short_notice()
    }

    /// It was announced too late for that.
    pub fn is_short_notice(&self) -> bool {
        self.announced + NOTICE > self.starts
    }

    /// Says what there is to say of a window, or what is wrong with it.
    pub fn check(starts: &str, ends: &str, why: &str, now: Time) -> Result<(Window, String)> {
        let moment = |field, text: &str| {
            Time::from_minute(text)
                .ok_or_else(|| Error::invalid(field, "Please give a day and a time, such as 2026-12-01T08:00."))
        };
        let (starts, ends, why) = (moment("starts", starts)?, moment("ends", ends)?, why.trim());
        if starts <= now {
            return Err(Error::invalid("starts", "It has to begin in the future: what is past can't be announced."));
        }
        if starts > now + AHEAD {
            return Err(Error::invalid("starts", "It can be at most 90 days ahead."));
        }
        if ends <= starts {
            return Err(Error::invalid("ends", "It has to end after it begins."));
        }
        if ends.since(starts) > LONGEST {
            let hours = LONGEST.as_secs() / HOUR.as_secs();
            return Err(Error::invalid("ends", format!("It can last {hours} hours at most. Announce another one for the rest.")));
        }
        match why {
            "" => Err(Error::invalid("why", "Please say in a sentence what is done: whoever has something there reads it.")),
            _ if why.chars().count() > WHY_MAX => Err(Error::invalid("why", format!("Please use at most {WHY_MAX} letters."))),
            _ if why.chars().any(char::is_control) => Err(Error::invalid("why", "Please write it on one line.")),
            _ => Ok((Window { starts, ends }, why.to_owned())),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const NOW: Time = Time::from_secs(1_795_269_960);

    fn window(hours_ahead: u32, hours: u32, announced: Time) -> Maintenance {
        let starts = NOW + HOUR * hours_ahead;
        Maintenance {
            id: MaintenanceId::from_bits(1),
            node: 7,
            farm: 1,
            by: UserId::from_bits(1),
            starts,
            ends: starts + HOUR * hours,
            why: "A new disk.".into(),
            announced,
            cancelled: None,
            version: 0,
            told: None,
        }
    }

    #[test]
    fn a_window_keeps_new_orders_away_for_a_week_before_and_until_it_is_over() {
        let at = |hours: u32| NOW + HOUR * hours;
        let far = window(10 * 24, 4, NOW);
        let away: Vec<bool> = [0, 71, 72, 240, 243, 244].map(|hours| far.keeps_away(at(hours))).into();
        assert_eq!(away, [false, false, true, true, true, false]);
        let cancelled = Maintenance { cancelled: Some(NOW), ..far };
        assert!(!cancelled.keeps_away(at(240)) && !cancelled.is_open(NOW));
    }

    #[test]
    fn only_what_was_announced_a_day_before_excuses_a_node() {
        let during = NOW + HOUR * 31;
        assert!(window(30, 4, NOW).excuses(during));
        assert!(!window(30, 4, NOW).excuses(NOW), "it has not begun");
        assert!(!window(30, 4, NOW + HOUR * 7).excuses(during), "23 hours before");
    }

    #[test]
    fn a_window_says_what_is_wrong_with_it() {
        let wrong = |starts: Time, ends: Time, why: &str| {
            let checked = Maintenance::check(&starts.as_minute(), &ends.as_minute(), why, NOW);
            checked.map_err(|error| error.field().map(ToOwned::to_owned)).err().flatten()
        };
        let (soon, later) = (NOW + HOUR, NOW + HOUR * 3);
        assert_eq!(wrong(soon, later, " A new disk. "), None);
        assert_eq!(wrong(NOW, later, "A new disk.").as_deref(), Some("starts"));
        assert_eq!(wrong(NOW + DAY * 91, NOW + DAY * 92, "A new disk.").as_deref(), Some("starts"));
        assert_eq!(wrong(later, soon, "A new disk.").as_deref(), Some("ends"));
        assert_eq!(wrong(soon, soon + HOUR * 25, "A new disk.").as_deref(), Some("ends"));
        for why in ["", "two\nlines", &"x".repeat(301)] {
            assert_eq!(wrong(soon, later, why).as_deref(), Some("why"), "{why}");
        }
        assert!(Maintenance::check("soon", "later", "A new disk.", NOW).is_err());
    }
}
