//! The end of a machine's log: as many lines as are kept, and of which day they are.

use serde::{Deserialize, Serialize};

use super::{LOG_BYTES, LOG_LINES, number};
use crate::base::Time;
use crate::base::time::DAY;

/// The end of a machine's log, as far as it was sent.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
pub struct Tail {
    /// The newest at the end.
    pub lines: Vec<String>,
    /// How many of them came on which day, by its number since 1970: the oldest day first.
    #[serde(default)]
    days: Vec<(u32, usize)>,
}

impl Tail {
    /// Adds what is new in `fresh`, which begins somewhere in what is known already or behind it. Tells whether anything was.
    pub fn extend(&mut self, fresh: Vec<String>, now: Time) -> bool {
        let most = fresh.len().min(self.lines.len());
        let known = (1..=most).rev().find(|count| self.lines.ends_with(&fresh[..*count])).unwrap_or(0);
        if known == fresh.len() {
            return false;
        }
        self.lines.extend(fresh.into_iter().skip(known));
        self.date(now);
        let mut bytes: usize = self.lines.iter().map(String::len).sum();
        let mut gone = self.lines.len().saturating_sub(LOG_LINES);
        bytes -= self.lines[..gone].iter().map(String::len).sum::<usize>();
        while bytes > LOG_BYTES {
            bytes -= self.lines[gone].len();
            gone += 1;
        }
        self.drop_first(gone);
        true
    }

    /// Lets go of lines that came on a day before this moment's. Tells whether there were any.
    pub fn forget(&mut self, before: Time, now: Time) -> bool {
        self.date(now);
        let limit = number(before, DAY);
        let old = self.days.iter().take_while(|(day, _)| *day < limit).map(|(_, count)| count).sum();
        self.drop_first(old);
        old > 0
    }

    /// Whether `forget` would find any.
    pub fn has_older(&self, before: Time) -> bool {
        self.days.first().is_some_and(|(day, _)| *day < number(before, DAY))
    }

    /// Lines without a day are of today.
    fn date(&mut self, now: Time) {
        let (today, dated) = (number(now, DAY), self.days.iter().map(|(_, count)| count).sum::<usize>());
        match (self.days.last_mut(), self.lines.len().saturating_sub(dated)) {
            (_, 0) => {}
            (Some((day, count)), more) if *day == today => *count += more,
            (_, more) => self.days.push((today, more)),
        }
    }

    fn drop_first(&mut self, count: usize) {
        self.lines.drain(..count);
        let mut left = count;
        self.days.retain_mut(|(_, of_day)| {
            let taken = left.min(*of_day);
            *of_day -= taken;
            left -= taken;
            *of_day > 0
        });
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const START: Time = Time::from_secs(1_795_270_000);

    fn lines(from: usize, to: usize) -> Vec<String> {
        (from..to).map(|n| format!("line {n}")).collect()
    }

    #[test]
    fn a_log_goes_on_where_it_was_and_stays_small() {
        let mut tail = Tail::default();
        assert!(tail.extend(lines(0, 100), START));
        assert!(!tail.extend(lines(0, 100), START), "nothing new");
        assert!(!tail.extend(lines(40, 100), START), "nothing new");
        assert!(tail.extend(lines(50, 150), START));
        assert_eq!(tail.lines, lines(0, 150));
        // What was lost between two messages is lost.
        assert!(tail.extend(lines(300, 310), START));
        assert_eq!(tail.lines.len(), 160);
        assert!(tail.extend(lines(1000, 2000), START));
        assert_eq!(tail.lines, lines(2000 - LOG_LINES, 2000));
        assert!(tail.extend((0..200).map(|n| format!("{n:0>500}")).collect(), START));
        assert!(tail.lines.iter().map(String::len).sum::<usize>() <= LOG_BYTES && tail.lines.len() > 90);
        assert!(!tail.extend(vec![], START));
    }

    #[test]
    fn lines_go_by_the_day_on_which_they_came() {
        let mut tail = Tail::default();
        for day in 0..10_usize {
            let at = START + DAY * u32::try_from(day).unwrap();
            assert!(tail.extend(lines(day * 10, day * 10 + 10), at) && tail.extend(lines(day * 10 + 5, day * 10 + 12), at));
        }
        let now = START + DAY * 9;
        assert!(!tail.has_older(START) && !tail.forget(START, now));
        assert!(tail.has_older(START + DAY * 3) && tail.forget(START + DAY * 3, now));
        assert_eq!((tail.lines.len(), tail.lines[0].as_str()), (7 * 10, "line 32"));
        assert!(tail.forget(now + DAY, now) && tail == Tail::default());
        // Kept since before days were noted: today is the first that is known of them.
        let mut tail = Tail { lines: lines(0, 5), days: vec![] };
        assert!(!tail.forget(now, now) && tail.forget(now + DAY, now));
    }
}
