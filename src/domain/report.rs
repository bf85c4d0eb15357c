//! What a VM says of itself once a minute, and what is kept of it: samples by the minute and by the hour, and the end of its log.

mod read;
mod tail;
mod words;

use std::time::Duration;

use serde::{Deserialize, Serialize};

use crate::base::Time;
use crate::base::ids::OrderId;
use crate::base::time::{DAY, HOUR, MINUTE, MONTH};

pub use read::Refused;
pub use tail::Tail;
pub use words::plain;

/// How often a VM speaks.
pub const EVERY: Duration = MINUTE;
/// The largest message that is read, in bytes: figures, and at most 16 kB of log.
pub const MESSAGE_BYTES: usize = 24 * 1024;
/// Disks one VM may speak of.
pub const DISKS_MAX: usize = 16;
/// Lines of the log that are kept, and the bytes that they may have together.
pub const LOG_LINES: usize = 400;
pub const LOG_BYTES: usize = 48 * 1024;
/// Letters of one line; the rest of it is cut off.
pub const LINE_MAX: usize = 500;
/// How long what is known by the minute, and by the hour, is kept.
pub const MINUTES_KEPT: Duration = DAY;
pub const HOURS_KEPT: Duration = MONTH;
/// After so long a silence, what happened in between can't be told from two readings of a counter.
const STALE: Duration = Duration::from_secs(5 * MINUTE.as_secs());

/// Which machine of an order it is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Seat {
    /// The VM itself.
    Main = 0,
    /// The one that stands in for it.
    Backup = 1,
    /// No machine of the order's: one of its owner's own, which fetches copies. It says nothing of how it is.
    Home = 2,
}

impl Seat {
    /// Those that are rented.
    pub const ALL: [Seat; 2] = [Seat::Main, Seat::Backup];

    /// As forms and addresses say it.
    pub const fn word(self) -> &'static str {
        match self {
            Seat::Main => "main",
            Seat::Backup => "backup",
            Seat::Home => "home",
        }
    }

    pub fn parse(text: &str) -> Option<Seat> {
        Seat::ALL.into_iter().find(|seat| seat.word() == text)
    }
}

/// A file system: used and whole size in KiB, and where it is mounted.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Disk {
    pub used: u64,
    pub size: u64,
    pub mount: String,
}

/// One message, as it was sent. Counters run since the machine started.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Figures {
    /// Hundredths of a second since it started.
    pub uptime: u64,
    /// Hundredths of a second in which its processors worked, and all of them.
    pub busy: u64,
    pub all: u64,
    /// Hundredths: how many programs wanted to run at once, over the last minute.
    pub load: u64,
    /// KiB.
    pub memory_used: u64,
    pub memory: u64,
    pub disks: Vec<Disk>,
    /// Bytes that came in and went out over all of its networks.
    pub received: u64,
    pub sent: u64,
}

/// A message that could be read.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Report {
    pub figures: Figures,
    /// The newest lines of its log, if it sent them.
    pub log: Vec<String>,
}

/// The newest figures, and when they came.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Heard {
    pub at: Time,
    pub figures: Figures,
}

/// What we know of a machine that may speak.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Reporter {
    pub order: OrderId,
    pub seat: Seat,
    /// Of the secret in its address; the secret itself is kept nowhere.
    pub hash: String,
    /// When this secret was made.
    pub created: Time,
    /// It has spoken with this secret.
    #[serde(default)]
    pub used: bool,
    /// A secret that takes the place of this one as soon as the machine speaks with it.
    #[serde(default)]
    pub next: Option<Successor>,
    /// Whether its owner wants its log here.
    #[serde(default)]
    pub logs: bool,
    #[serde(default)]
    pub heard: Option<Heard>,
    /// When it said that it ends. It has not spoken since.
    #[serde(default)]
    pub ended: Option<Time>,
}

/// A secret that was made while an older one is in use.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Successor {
    pub hash: String,
    pub created: Time,
}

impl Reporter {
    pub fn new(order: OrderId, seat: Seat, hash: String, created: Time) -> Reporter {
        Reporter { order, seat, hash, created, used: false, next: None, logs: false, heard: None, ended: None }
    }

    /// With a new secret. The machine goes on with the one that it has until it has got the new one; one that never spoke has none.
    pub fn renewed(self, hash: String, now: Time) -> Reporter {
        match self.used || self.heard.is_some() {
            true => Reporter { next: Some(Successor { hash, created: now }), ..self },
            false => Reporter { hash, created: now, next: None, ..self },
        }
    }

    /// As it is when it has spoken with the secret of this hash, which is one of its own.
    pub fn spoken(self, hash: &str) -> Reporter {
        match self.next {
            Some(next) if next.hash == hash => {
                Reporter { hash: next.hash, created: next.created, used: true, next: None, ..self }
            }
            next => Reporter { used: true, next, ..self },
        }
    }

    /// Of every secret that is good just now.
    pub fn hashes(&self) -> impl Iterator<Item = &str> {
        [Some(self.hash.as_str()), self.next.as_ref().map(|next| next.hash.as_str())].into_iter().flatten()
    }
}

/// What is kept of one minute, or of one hour on average.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct Sample {
    /// Hundredths of a per cent of its processors' time; None where there is nothing to compare with.
    #[serde(default)]
    pub cpu: Option<u64>,
    /// Hundredths.
    pub load: u64,
    /// KiB.
    pub memory_used: u64,
    pub memory: u64,
    /// KiB, over all of its disks.
    pub disk_used: u64,
    pub disk: u64,
    /// Bytes a second.
    #[serde(default)]
    pub received: Option<u64>,
    #[serde(default)]
    pub sent: Option<u64>,
}

impl Sample {
    /// What two messages in a row say about the time between them. Counters that went backwards belong to a machine that was started anew.
    pub fn between(before: Option<&Heard>, now: &Heard) -> Sample {
        let figures = &now.figures;
        let before = before
            .filter(|before| now.at.since(before.at) <= STALE && before.at < now.at)
            .map(|before| &before.figures)
            .filter(|before| before.uptime < figures.uptime);
        let grown = |old: u64, new: u64| new.checked_sub(old);
        let rate = |old: fn(&Figures) -> u64| {
            let before = before?;
            let (span, bytes) = (figures.uptime - before.uptime, grown(old(before), old(figures))?);
            u64::try_from(u128::from(bytes) * 100 / u128::from(span)).ok()
        };
        let cpu = before.and_then(|before| {
            let (busy, all) = (grown(before.busy, figures.busy)?, grown(before.all, figures.all)?);
            (u128::from(busy) * 10_000).checked_div(all.into()).and_then(|share| u64::try_from(share.min(10_000)).ok())
        });
        let sum = |of: fn(&Disk) -> u64| figures.disks.iter().fold(0_u64, |sum, disk| sum.saturating_add(of(disk)));
        Sample {
            cpu,
            load: figures.load,
            memory_used: figures.memory_used,
            memory: figures.memory,
            disk_used: sum(|disk| disk.used),
            disk: sum(|disk| disk.size),
            received: rate(|figures| figures.received),
            sent: rate(|figures| figures.sent),
        }
    }
}

/// A sum of values, and of how many.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
pub struct Sum(u64, u32);

impl Sum {
    fn add(&mut self, value: Option<u64>) {
        if let Some(value) = value {
            *self = Sum(self.0.saturating_add(value), self.1.saturating_add(1));
        }
    }

    fn mean(self) -> Option<u64> {
        self.0.checked_div(self.1.into())
    }
}

/// The sums of some samples: of an hour as it is kept, or of what one point of a graph stands for.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
pub struct Sums {
    cpu: Sum,
    load: Sum,
    memory_used: Sum,
    memory: Sum,
    disk_used: Sum,
    disk: Sum,
    received: Sum,
    sent: Sum,
}

impl Sums {
    pub fn add(&mut self, sample: &Sample) {
        self.cpu.add(sample.cpu);
        self.load.add(Some(sample.load));
        self.memory_used.add(Some(sample.memory_used));
        self.memory.add(Some(sample.memory));
        self.disk_used.add(Some(sample.disk_used));
        self.disk.add(Some(sample.disk));
        self.received.add(sample.received);
        self.sent.add(sample.sent);
    }

    /// None where there was nothing.
    pub fn mean(&self) -> Option<Sample> {
        Some(Sample {
            cpu: self.cpu.mean(),
            load: self.load.mean()?,
            memory_used: self.memory_used.mean()?,
            memory: self.memory.mean()?,
            disk_used: self.disk_used.mean()?,
            disk: self.disk.mean()?,
            received: self.received.mean(),
            sent: self.sent.mean(),
        })
    }
}

/// How far back somebody looks.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Span {
    Hour,
    Day,
    Month,
}

impl Span {
    pub const ALL: [Span; 3] = [Span::Hour, Span::Day, Span::Month];

    /// As it stands in an address.
    pub const fn word(self) -> &'static str {
        match self {
            Span::Hour => "hour",
            Span::Day => "day",
            Span::Month => "month",
        }
    }

    pub fn parse(text: &str) -> Option<Span> {
        Span::ALL.into_iter().find(|span| span.word() == text)
    }

    pub const fn length(self) -> Duration {
        match self {
            Span::Hour => HOUR,
            Span::Day => DAY,
            Span::Month => MONTH,
        }
    }

    /// What one point of its graph stands for.
    pub const fn step(self) -> Duration {
        match self {
            Span::Hour => MINUTE,
            Span::Day => Duration::from_secs(5 * MINUTE.as_secs()),
            Span::Month => HOUR,
        }
    }

    /// What one row of its table stands for.
    pub const fn row(self) -> Duration {
        match self {
            Span::Hour => Duration::from_secs(5 * MINUTE.as_secs()),
            Span::Day => HOUR,
            Span::Month => DAY,
        }
    }
}

/// The number of the minute, hour or other step that a moment lies in, since 1970.
pub fn number(at: Time, step: Duration) -> u32 {
    let step = i64::try_from(step.as_secs().max(1)).unwrap_or(i64::MAX);
    u32::try_from(at.secs().div_euclid(step)).unwrap_or_default()
}

/// When the step of this number begins.
pub fn moment(number: u32, step: Duration) -> Time {
    Time::from_secs(i64::from(number).saturating_mul(i64::try_from(step.as_secs()).unwrap_or(i64::MAX)))
}

/// Samples in equal steps up to `now`, None where nothing was heard. `of` are the means of steps of length `unit`, by number.
pub fn series(of: &[(u32, Sample)], unit: Duration, span: Duration, step: Duration, now: Time) -> Vec<Option<Sample>> {
    let count = usize::try_from(span.as_secs() / step.as_secs().max(1)).unwrap_or_default();
    let last = number(now, step);
    let mut sums = vec![Sums::default(); count];
    for (at, sample) in of {
        let back = last.checked_sub(number(moment(*at, unit), step)).and_then(|back| usize::try_from(back).ok());
        if let Some(sum) = back.and_then(|back| count.checked_sub(back + 1)).and_then(|place| sums.get_mut(place)) {
            sum.add(sample);
        }
    }
    let mut series: Vec<Option<Sample>> = sums.iter().map(Sums::mean).collect();
    if step == EVERY {
        // Its clock and ours do not tick together: one minute without a message between two with one was no silence.
        for place in 1..series.len().saturating_sub(1) {
            if series[place].is_none() && series[place + 1].is_some() {
                series[place] = series[place - 1];
            }
        }
    }
    series
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::base::time::SECOND;

    fn heard(at: i64, uptime: u64, busy: u64, all: u64, received: u64) -> Heard {
        let disks = vec![Disk { used: 10, size: 40, mount: "/".into() }, Disk { used: 5, size: 10, mount: "/srv".into() }];
        let figures = Figures { uptime, busy, all, load: 42, memory_used: 50, memory: 100, disks, received, sent: received / 2 };
        Heard { at: Time::from_secs(at), figures }
    }

    #[test]
    fn two_messages_say_what_was_between_them() {
        let (before, now) = (heard(1000, 60_000, 100, 1000, 5_000), heard(1060, 66_000, 400, 2000, 65_000));
        let sample = Sample::between(Some(&before), &now);
        assert_eq!((sample.cpu, sample.received, sample.sent), (Some(3000), Some(1000), Some(500)));
        assert_eq!((sample.disk_used, sample.disk, sample.memory_used, sample.load), (15, 50, 50, 42));
    }

    #[test]
    fn what_can_t_be_compared_is_not_made_up() {
        let now = heard(1060, 66_000, 400, 2000, 65_000);
        for before in [
            None,
            Some(heard(100, 100, 100, 1000, 5_000)),
            // Started anew: its counters began again.
            Some(heard(1000, 999_900, 100, 1000, 5_000)),
            Some(heard(1060, 60_000, 100, 1000, 5_000)),
        ] {
            let sample = Sample::between(before.as_ref(), &now);
            assert_eq!((sample.cpu, sample.received, sample.sent), (None, None, None), "{before:?}");
        }
        // A network card that was taken away: its bytes are gone from the sum.
        let sample = Sample::between(Some(&heard(1000, 60_000, 100, 1000, 90_000)), &now);
        assert_eq!((sample.cpu, sample.received), (Some(3000), None));
    }

    #[test]
    fn silence_is_a_gap_and_a_clock_that_drifts_is_none() {
        let sample = Sample::between(None, &heard(0, 1, 1, 1, 1));
        let now = Time::from_secs(100 * 60 + 30);
        let of: Vec<(u32, Sample)> = [90, 91, 93, 97, 98, 99].map(|minute| (minute, sample)).into();
        let shown = series(&of, MINUTE, HOUR, MINUTE, now);
        let there: Vec<bool> = shown.iter().map(Option::is_some).collect();
        assert_eq!(there.len(), 60);
        // 90 to 93 without a break, nothing from 94 to 96, and nothing yet in the minute under way.
        assert_eq!(&there[49..], [true, true, true, true, false, false, false, true, true, true, false]);
        assert!(there[..49].iter().all(|there| !there));
        let hours = series(&of, MINUTE, DAY, HOUR, now);
        assert_eq!((hours.len(), hours[23].is_some(), hours[22].is_some()), (24, true, false));
    }

    #[test]
    fn an_average_counts_what_was_there() {
        let mut sums = Sums::default();
        assert_eq!(sums.mean(), None);
        let (before, now) = (heard(1000, 60_000, 100, 1000, 5_000), heard(1060, 66_000, 400, 2000, 65_000));
        sums.add(&Sample::between(None, &now));
        assert_eq!(sums.mean().map(|mean| (mean.cpu, mean.load)), Some((None, 42)));
        sums.add(&Sample { load: 44, ..Sample::between(Some(&before), &now) });
        assert_eq!(sums.mean().map(|mean| (mean.cpu, mean.load)), Some((Some(3000), 43)));
    }

    #[test]
    fn an_old_secret_is_good_until_the_new_one_was_heard_if_it_ever_was() {
        let at = Time::from_secs;
        let fresh = || Reporter::new(OrderId::from_bits(1), Seat::Main, "old".into(), at(1));
        let hashes = |reporter: &Reporter| reporter.hashes().map(str::to_owned).collect::<Vec<_>>();
        assert_eq!(hashes(&fresh().renewed("new".into(), at(2))), ["new"]);
        let used = fresh().spoken("old").renewed("lost".into(), at(2)).renewed("new".into(), at(3));
        assert_eq!(hashes(&used), ["old", "new"]);
        assert_eq!(hashes(&used.clone().spoken("old")), ["old", "new"]);
        let now = used.spoken("new");
        assert_eq!((hashes(&now), now.created), (vec!["new".to_owned()], at(3)));
        // Rows that were written before this was noted.
        let heard = Reporter { heard: Some(heard(1, 1, 1, 1, 1)), ..fresh() };
        assert_eq!(hashes(&heard.renewed("new".into(), at(2))), ["old", "new"]);
    }

    #[test]
    fn spans_are_made_of_whole_steps() {
        for span in Span::ALL {
            assert_eq!(Span::parse(span.word()), Some(span));
            assert_eq!(span.length().as_secs() % span.row().as_secs(), 0);
            assert_eq!(span.row().as_secs() % span.step().as_secs(), 0);
        }
        assert_eq!(moment(number(Time::from_secs(125), MINUTE), MINUTE) + 5 * SECOND, Time::from_secs(125));
        assert_eq!(number(Time::from_secs(-5), MINUTE), 0);
    }
}
