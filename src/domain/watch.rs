//! What was said about a runway that gets short: each mark is crossed once, and again only after it was well behind us.

use serde::{Deserialize, Serialize};

/// Days of runway at which somebody is told.
pub const MARKS: [u64; 5] = [30, 14, 7, 3, 1];

/// How short the runway was when somebody was told last.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
pub struct Watch {
    /// The lowest mark that is crossed.
    #[serde(default)]
    pub crossed: Option<u64>,
    /// New orders are refused.
    #[serde(default)]
    pub stopped: bool,
}

impl Watch {
    /// The watch after a runway of so many hours, None for one without an end; and the mark that is newly crossed.
    pub fn after(self, hours: Option<u64>, stopped: bool) -> (Watch, Option<u64>) {
        let was = |mark: u64| self.crossed.is_some_and(|crossed| crossed <= mark);
        // A mark stays crossed until a tenth more is there: a runway that swings about it is told of once.
        let is = |mark: u64| hours.is_some_and(|hours| hours < mark * 24 || (was(mark) && hours * 10 < mark * 264));
        let crossed = MARKS.into_iter().filter(|mark| is(*mark)).min();
        let new = crossed.filter(|mark| !was(*mark));
        (Watch { crossed, stopped }, new)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_mark_is_told_once_on_the_way_down_and_again_after_a_rise() {
        let days = |days: u64| Some(days * 24);
        let told = [
            (days(400), None),
            (days(30), None),
            (Some(719), Some(30)),
            (days(20), None),
            (days(31), None),
            (days(29), None),
            (days(5), Some(7)),
            (days(7), None),
            (days(2), Some(3)),
            (Some(0), Some(1)),
            (days(8), None),
            (days(6), Some(7)),
            (days(33), None),
            (days(29), Some(30)),
            (None, None),
            (days(1), Some(3)),
        ];
        let mut watch = Watch::default();
        for (place, (hours, expected)) in told.into_iter().enumerate() {
            let (next, new) = watch.after(hours, false);
            assert_eq!(new, expected, "{place}: {hours:?} after {watch:?}");
            watch = next;
        }
    }
}
