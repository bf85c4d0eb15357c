//! Moments and spans. A moment is milliseconds since 1970, UTC; it never knows what time it is now.

use std::fmt;
use std::ops::{Add, Sub};
use std::time::Duration;

use jiff::Timestamp;
use jiff::tz::TimeZone;
use serde::{Deserialize, Serialize};

pub const SECOND: Duration = Duration::from_secs(1);
pub const MINUTE: Duration = Duration::from_secs(60);
pub const HOUR: Duration = Duration::from_secs(3600);
pub const DAY: Duration = Duration::from_secs(86_400);
/// The grid's month and ours: 30 days, 720 hours (`threefoldtech/tfchain: pallet-smart-contract/src/billing.rs`).
pub const MONTH: Duration = Duration::from_secs(30 * 86_400);

/// A moment: milliseconds since the Unix epoch.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Default, Serialize, Deserialize)]
#[serde(transparent)]
pub struct Time(i64);

impl Time {
    pub const EPOCH: Time = Time(0);

    pub const fn from_ms(ms: i64) -> Self {
        Time(ms)
    }

    pub const fn from_secs(secs: i64) -> Self {
        Time(secs.saturating_mul(1000))
    }

    pub const fn ms(self) -> i64 {
        self.0
    }

    /// Whole seconds since the Unix epoch, rounded down.
    pub const fn secs(self) -> i64 {
        self.0.div_euclid(1000)
    }

    /// How long it was from `earlier` to here; zero if `earlier` is later.
    pub fn since(self, earlier: Time) -> Duration {
        Duration::from_millis(u64::try_from(self.0.saturating_sub(earlier.0)).unwrap_or(0))
    }

    /// From `2026-11-21T14:05`, UTC, as a browser sends a day and a time; a space may stand between them.
    pub fn from_minute(text: &str) -> Option<Time> {
        let at = text.trim().parse::<jiff::civil::DateTime>().ok()?;
        Some(Time(at.to_zoned(TimeZone::UTC).ok()?.timestamp().as_millisecond()))
    }

    /// `2026-11-21T14:05`, UTC: as a browser takes it.
    pub fn as_minute(self) -> String {
        self.zoned().map_or_else(String::new, |at| at.strftime("%Y-%m-%dT%H:%M").to_string())
    }

    /// From the `Date` header of an answer: `Sat, 21 Nov 2026 10:00:00 GMT` (RFC 9110, 5.6.7).
    pub fn from_http(date: &str) -> Option<Time> {
        let date = jiff::fmt::rfc2822::parse(date).ok()?;
        Some(Time(date.timestamp().as_millisecond()))
    }

    fn zoned(self) -> Option<jiff::Zoned> {
        Timestamp::from_millisecond(self.0).ok().map(|at| at.to_zoned(TimeZone::UTC))
    }

    /// `2026-11-21`, UTC.
    pub fn date(self) -> String {
        self.zoned().map_or_else(|| "out of range".into(), |at| at.strftime("%Y-%m-%d").to_string())
    }

    /// `21 November 2026`, UTC: for people.
    pub fn day(self) -> String {
        self.zoned().map_or_else(|| "out of range".into(), |at| at.strftime("%-d %B %Y").to_string())
    }

    /// `14:05`, UTC: where the day is known.
    pub fn clock(self) -> String {
        self.zoned().map_or_else(|| "out of range".into(), |at| at.strftime("%H:%M").to_string())
    }

    /// `21 Nov`, UTC: where the year is known.
    pub fn short_day(self) -> String {
        self.zoned().map_or_else(|| "out of range".into(), |at| at.strftime("%-d %b").to_string())
    }

    /// `21 Nov 2026, 14:05 UTC`: for people.
    pub fn minute(self) -> String {
        self.zoned().map_or_else(|| "out of range".into(), |at| at.strftime("%-d %b %Y, %H:%M UTC").to_string())
    }
}

/// Prints RFC 3339 with milliseconds.
impl fmt::Display for Time {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.zoned() {
            Some(at) => write!(f, "{}", at.strftime("%Y-%m-%dT%H:%M:%S.%3fZ")),
            None => write!(f, "{} ms", self.0),
        }
    }
}

fn ms(span: Duration) -> i64 {
    i64::try_from(span.as_millis()).unwrap_or(i64::MAX)
}

impl Add<Duration> for Time {
    type Output = Time;
    fn add(self, span: Duration) -> Time {
        Time(self.0.saturating_add(ms(span)))
    }
}

impl Sub<Duration> for Time {
    type Output = Time;
    fn sub(self, span: Duration) -> Time {
        Time(self.0.saturating_sub(ms(span)))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_moment_prints_as_people_and_programs_read_it() {
        let at = Time::from_secs(1_795_270_000);
        assert_eq!(at.to_string(), "2026-11-21T14:06:40.000Z");
        assert_eq!(at.date(), "2026-11-21");
        assert_eq!(at.minute(), "21 Nov 2026, 14:06 UTC");
        assert_eq!(at.as_minute(), "2026-11-21T14:06");
        for text in ["2026-11-21T14:06", " 2026-11-21 14:06 ", "2026-11-21T14:06:00"] {
            assert_eq!(Time::from_minute(text), Some(Time::from_secs(1_795_269_960)), "{text}");
        }
        for text in ["", "tomorrow", "14:06", "2026-02-30T10:00", "2026-11-21T25:00"] {
            assert_eq!(Time::from_minute(text), None, "{text}");
        }
        assert_eq!((at.clock(), at.short_day()), ("14:06".into(), "21 Nov".into()));
    }

    #[test]
    fn spans_saturate() {
        assert_eq!(Time::EPOCH.since(Time::from_secs(5)), Duration::ZERO);
        assert_eq!((Time::from_secs(5) + HOUR).since(Time::from_secs(5)), HOUR);
        assert_eq!(Time::from_ms(i64::MAX) + DAY, Time::from_ms(i64::MAX));
    }
}
