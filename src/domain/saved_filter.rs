//! A filter that somebody keeps under a name.

use serde::{Deserialize, Serialize};

use super::pool::{Filter, Sort};
use crate::base::Time;
use crate::base::ids::{FilterId, UserId};

/// So many one person may keep: they are all shown on one page.
pub const FILTERS_MAX: usize = 20;
const NAME_MAX: usize = 40;

#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct SavedFilter {
    pub id: FilterId,
    pub user: UserId,
    pub name: String,
    pub filter: Filter,
    /// A size of the catalogue that there must be room for.
    #[serde(default)]
    pub size: Option<String>,
    #[serde(default)]
    pub sort: Sort,
    pub created: Time,
}

/// A name as it is kept: one line, not too long.
pub fn name(text: &str) -> Result<String, String> {
    let name = text.trim();
    match () {
        () if name.is_empty() => Err("Please give it a name.".into()),
        () if name.chars().count() > NAME_MAX || name.chars().any(char::is_control) => {
            Err(format!("Please use at most {NAME_MAX} letters, on one line."))
        }
        () => Ok(name.to_owned()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_name_is_one_short_line() {
        assert_eq!(name("  Near home "), Ok("Near home".into()));
        for wrong in ["", "  ", "a\nb", &"x".repeat(41)] {
            assert!(name(wrong).is_err(), "{wrong:?}");
        }
    }
}
