//! Long lists a page at a time: which page an address asks for, and where its neighbours are.

use std::collections::BTreeMap;
use std::fmt::Display;
use std::str::FromStr;

use super::error::url_query;
use super::ui::part::Pager;
use crate::base::{Error, Result, Time};
use crate::store::Turn;

/// Rows on one page of a list.
pub const ROWS: usize = 50;

/// What stands behind the question mark of a list: which rows, and where the page begins.
pub type Query = actix_web::web::Query<BTreeMap<String, String>>;

/// Where a list goes on: the moment and the id of a row, `1795270000000-ord_…` in an address.
pub type Mark<T> = (Time, T);

pub fn write_mark<T: Display>((at, id): &Mark<T>) -> String {
    format!("{}-{id}", at.ms())
}

pub fn read_mark<T: FromStr>(text: &str) -> Option<Mark<T>> {
    // Moments before 1970 have a sign, ids have no hyphen.
    let (at, id) = text.rsplit_once('-')?;
    Some((Time::from_ms(at.parse().ok()?), id.parse().ok()?))
}

/// A page of a list that is at hand as a whole, by the page's number (`page`, the first is 0).
pub fn numbered<'a, R>(path: &str, query: &BTreeMap<String, String>, rows: &'a [R]) -> Result<(&'a [R], Pager)> {
    let nowhere = || Error::not_found("page of this list");
    let page: usize = query.get("page").map_or(Ok(0), |text| text.parse()).map_err(|_| nowhere())?;
    let from = page.checked_mul(ROWS).filter(|from| *from < rows.len() || page == 0).ok_or_else(nowhere)?;
    let to = rows.len().min(from + ROWS);
    let link = |page: usize| if page == 0 { path.to_owned() } else { format!("{path}?page={page}") };
    let pager = Pager { newer: page.checked_sub(1).map(link), older: (to < rows.len()).then(|| link(page + 1)) };
    Ok((&rows[from..to], pager))
}

/// The page that is asked for.
pub fn turn<M>(query: &BTreeMap<String, String>, read: impl Fn(&str) -> Option<M>) -> Result<Turn<M>> {
    turn_of(query, NAMES, read)
}

/// What the pages before and after a mark are called in an address.
pub type Names = (&'static str, &'static str);
const NAMES: Names = ("before", "after");

/// The same for a list that shares its page with another one.
pub fn turn_of<M>(query: &BTreeMap<String, String>, names: Names, read: impl Fn(&str) -> Option<M>) -> Result<Turn<M>> {
    let mark = |name: &'static str| match query.get(name) {
        Some(text) => read(text).map(Some).ok_or_else(|| Error::invalid(name, "There is no such place in this list.")),
        None => Ok(None),
    };
    Ok(match (mark(names.0)?, mark(names.1)?) {
        (Some(mark), _) => Turn::Before(mark),
        (None, Some(mark)) => Turn::After(mark),
        (None, None) => Turn::First,
    })
}

/// Cuts a page out of rows that were asked for with one more than fit, newest first, and says where its neighbours are.
/// `path` may have a query of its own, as a list of pairs.
pub fn paged<R, M>(
    path: &str,
    keep: &[(&str, &str)],
    turn: &Turn<M>,
    rows: Vec<R>,
    mark: impl Fn(&R) -> String,
) -> (Vec<R>, Pager) {
    paged_as(NAMES, path, keep, turn, rows, mark)
}

/// The same for a list that shares its page with another one.
pub fn paged_as<R, M>(
    names: Names,
    path: &str,
    keep: &[(&str, &str)],
    turn: &Turn<M>,
    mut rows: Vec<R>,
    mark: impl Fn(&R) -> String,
) -> (Vec<R>, Pager) {
    let more = rows.len() > ROWS;
    let (newer, older) = match turn {
        Turn::First => (false, more),
        Turn::Before(_) => (true, more),
        Turn::After(_) => (more, true),
    };
    match turn {
        // The row too many is the one farthest from the mark.
        Turn::After(_) if more => drop(rows.remove(0)),
        _ => rows.truncate(ROWS),
    }
    let link = |name: &str, row: Option<&R>| {
        let mark = mark(row?);
        let pairs: Vec<(&str, &str)> = keep.iter().copied().chain([(name, mark.as_str())]).collect();
        Some(format!("{path}?{}", url_query(&pairs)))
    };
    let pager =
        Pager { newer: link(names.1, rows.first()).filter(|_| newer), older: link(names.0, rows.last()).filter(|_| older) };
    (rows, pager)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::base::Kind;
    use crate::base::ids::{OrderId, UserId};

    #[test]
    fn a_mark_prints_and_parses_inverse() {
        for mark in [(Time::from_ms(-5), OrderId::from_bits(7)), (Time::from_ms(i64::MAX), OrderId::from_bits(u128::MAX))] {
            assert_eq!(read_mark(&write_mark(&mark)), Some(mark));
        }
        let of_a_user = write_mark(&(Time::EPOCH, UserId::from_bits(7)));
        assert_eq!(read_mark::<OrderId>(&of_a_user), None, "a mark of another list");
    }

    #[test]
    fn a_place_that_is_not_in_the_list_is_refused_with_a_sentence() {
        for text in
            ["", "-", "ord_1", "1-", "x-ord_00000000000000000000000000", "9223372036854775808-ord_00000000000000000000000000"]
        {
            let query = BTreeMap::from([("before".to_owned(), text.to_owned())]);
            let refused = turn(&query, read_mark::<OrderId>).map_err(|error| (error.kind(), error.field()));
            assert_eq!(refused, Err((Kind::Invalid, Some("before"))), "{text}");
        }
    }

    /// A list of the numbers 1 to 120, newest first, turned as the store turns it.
    fn list(turn: Turn<usize>) -> (Vec<usize>, Pager) {
        let all = (1..=120).rev();
        let rows: Vec<usize> = match turn {
            Turn::First => all.take(ROWS + 1).collect(),
            Turn::Before(mark) => all.filter(|row| *row < mark).take(ROWS + 1).collect(),
            Turn::After(mark) => {
                let mut rows: Vec<usize> = (mark + 1..=120).take(ROWS + 1).collect();
                rows.reverse();
                rows
            }
        };
        paged("/list", &[("state", "a b")], &turn, rows, usize::to_string)
    }

    #[test]
    fn numbered_pages_show_every_row_once_and_there_are_no_others() {
        let rows: Vec<usize> = (0..120).collect();
        let page = |text: &str| numbered("/list", &BTreeMap::from([("page".to_owned(), text.to_owned())]), &rows);
        let (first, pager) = page("0").unwrap();
        assert_eq!((first, pager.newer, pager.older.as_deref()), (&rows[..50], None, Some("/list?page=1")));
        let (last, pager) = page("2").unwrap();
        assert_eq!((last, pager.newer.as_deref(), pager.older), (&rows[100..], Some("/list?page=1"), None));
        for text in ["3", "-1", "x", "", "99999999999999999999"] {
            assert_eq!(page(text).map(|_| ()).map_err(|error| error.kind()), Err(Kind::NotFound), "{text}");
        }
        assert!(numbered("/list", &BTreeMap::new(), &rows[..0]).unwrap().0.is_empty(), "an empty list has a first page");
    }

    #[test]
    fn turning_to_older_pages_and_back_shows_every_row_once() {
        let follow = |link: &str| {
            let query: BTreeMap<String, String> = serde_urlencoded::from_str(link.strip_prefix("/list?").unwrap()).unwrap();
            assert_eq!(query["state"], "a b", "the filter is kept");
            turn(&query, |text| text.parse().ok()).unwrap()
        };
        let (first, pager) = list(Turn::First);
        assert_eq!(pager.newer, None);
        let (second, pager) = list(follow(&pager.older.unwrap()));
        let (third, last) = list(follow(&pager.older.clone().unwrap()));
        let seen: Vec<usize> = first.iter().chain(&second).chain(&third).copied().collect();
        assert_eq!(seen, (1..=120).rev().collect::<Vec<_>>());
        assert_eq!(last.older, None);
        let (back, pager) = list(follow(&last.newer.unwrap()));
        assert_eq!(back, second);
        let (back, pager) = list(follow(&pager.newer.unwrap()));
        assert_eq!((back, pager.newer), (first, None));
    }
}
