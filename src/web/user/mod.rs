//! What somebody with an account may do: order, watch, pay, delete.

pub mod backup;
pub mod card;
pub mod deployment;
pub mod home_copy;
pub mod metric;
pub mod order;
pub mod profile;
pub mod progress;
pub mod quote;
pub mod receipt;
pub mod relocation;
pub mod resize;
pub mod revision;
pub mod saved_filter;
pub mod stream;
pub mod swarm;
pub mod twin;
pub mod web_address;

use std::str::FromStr;

use crate::base::{Error, Result, Time};
use crate::domain::charge::Card;
use crate::web::ui::offer::CardLine;

/// Rows of one page of a list.
pub const PAGE: usize = 25;

/// An id out of an address. A wrong one is like an unknown one: it does not exist.
pub fn id<T: FromStr>(text: &str, noun: &str) -> Result<T> {
    text.parse().map_err(|_| Error::not_found(noun))
}

/// Where a list goes on: `1795270000000.ord_…`, as the pager's links carry it.
pub fn mark<T: FromStr>(text: Option<&str>) -> Result<Option<(Time, T)>> {
    let Some(text) = text.filter(|text| !text.is_empty()) else { return Ok(None) };
    let read = || {
        let (at, id) = text.split_once('.')?;
        Some((Time::from_ms(at.parse().ok()?), id.parse().ok()?))
    };
    read().map(Some).ok_or_else(|| Error::not_found("page of this list"))
}

pub fn card_line(card: &Card) -> CardLine {
    let mut letters = card.brand.chars();
    CardLine {
        brand: letters.next().into_iter().flat_map(char::to_uppercase).chain(letters).collect(),
        last4: card.last4.clone(),
        exp_month: u8::try_from(card.exp_month).unwrap_or(0),
        exp_year: u16::try_from(card.exp_year).unwrap_or(0),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::base::ids::OrderId;

    #[test]
    fn the_mark_of_a_list_is_read_or_refused() {
        let id = OrderId::from_bits(7);
        assert_eq!(mark::<OrderId>(Some(&format!("5.{id}"))).unwrap(), Some((Time::from_ms(5), id)));
        assert_eq!(mark::<OrderId>(None).unwrap(), None);
        for wrong in ["5", "x.y", "5.usr_00000000000000000000000000", "99999999999999999999.x"] {
            assert!(mark::<OrderId>(Some(wrong)).is_err(), "{wrong}");
        }
    }
}
