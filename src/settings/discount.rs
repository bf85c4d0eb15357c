//! The discount table that the grid's public pages show: dated, beside the chain's own, and never booked with.

use serde::{Deserialize, Serialize};

use super::{Settings, ShareRule};
use crate::base::{Error, Kind, Result, Time};

/// Months of a contract to be held for each level, and the percentages off.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct PublishedTable {
    /// Milliseconds since 1970; the table was shown from then on.
    pub from: Time,
    pub months: [u32; 4],
    pub percent: [u32; 4],
    /// The most that it takes off public addresses and traffic.
    pub network_percent: u32,
}

/// `threefoldtech/info_grid`: staking discount levels.
const FIRST_TABLE: PublishedTable =
    PublishedTable { from: Time::EPOCH, months: [3, 6, 12, 36], percent: [20, 30, 40, 60], network_percent: 40 };

impl PublishedTable {
    fn is_sound(&self) -> bool {
        let rises = self.months.windows(2).all(|pair| pair[0] < pair[1]);
        rises && self.percent.iter().chain([&self.network_percent]).all(|percent| *percent <= 100)
    }
}

pub(super) fn check(tables: &[PublishedTable]) -> Result<()> {
    let Some(table) = tables.iter().find(|table| !table.is_sound()) else { return Ok(()) };
    let what = "months must rise, and no percentage may be above 100";
    Err(Error::new(Kind::Invalid, format!("The published discount table from {} is wrong: {what}.", table.from.date())))
}

impl Settings {
    /// The published discount table in force at a moment.
    pub fn published_at(&self, at: Time) -> PublishedTable {
        let begun = self.published.iter().filter(|table| table.from <= at);
        begun.max_by_key(|table| table.from).copied().unwrap_or(FIRST_TABLE)
    }

    /// The share rule that comes next, if one is set.
    pub fn next_share(&self, after: Time) -> Option<ShareRule> {
        self.share.iter().filter(|rule| rule.from > after).min_by_key(|rule| rule.from).copied()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_table_that_falls_or_gives_more_than_all_is_refused_with_its_date() {
        assert_eq!(check(&[FIRST_TABLE]).map_err(|error| error.to_string()), Ok(()));
        for bad in [
            PublishedTable { months: [3, 3, 12, 36], ..FIRST_TABLE },
            PublishedTable { percent: [20, 30, 40, 101], ..FIRST_TABLE },
            PublishedTable { network_percent: 101, ..FIRST_TABLE },
        ] {
            let error = check(&[FIRST_TABLE, bad]).unwrap_err();
            assert!(error.message().contains("1970-01-01") && error.message().contains("months must rise"), "{error}");
        }
    }

    #[test]
    fn the_published_table_in_force_is_the_newest_that_began_and_the_next_share_the_first_to_come() {
        let file = "[[published]]\nfrom = 1000\nmonths = [1, 2, 3, 4]\npercent = [5, 10, 15, 20]\nnetwork_percent = 15\n\
                    [[share]]\nfrom = 2000\nbasis = \"list\"\npercent = 60\n\
                    [[share]]\nfrom = 1000\nbasis = \"billed\"\npercent = 40";
        let settings: Settings = toml::from_str(file).unwrap();
        let months = |at| settings.published_at(Time::from_ms(at)).months;
        assert_eq!((months(999), months(1000)), (FIRST_TABLE.months, [1, 2, 3, 4]));
        let next = |at| settings.next_share(Time::from_ms(at)).map(|rule| rule.percent);
        assert_eq!((next(0), next(1000), next(2000)), (Some(40), Some(60), None));
    }
}
