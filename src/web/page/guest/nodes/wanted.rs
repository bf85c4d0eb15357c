//! What somebody wants to see of the nodes: read from the address, and written back as the same address.

use serde::Serialize;

use crate::domain::pool::{Field, Filter, Sort};
use crate::web::ui::form::Filled;

/// How nodes are looked at.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Look {
    #[default]
    Cards,
    Table,
    Map,
}

impl Look {
    pub const ALL: [Look; 3] = [Look::Cards, Look::Table, Look::Map];

    pub const fn key(self) -> &'static str {
        match self {
            Look::Cards => "cards",
            Look::Table => "table",
            Look::Map => "map",
        }
    }

    pub const fn title(self) -> &'static str {
        match self {
            Look::Cards => "List",
            Look::Table => "Table",
            Look::Map => "Map",
        }
    }

    fn parse(key: &str) -> Option<Look> {
        Look::ALL.into_iter().find(|look| look.key() == key)
    }
}

#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize)]
pub struct Wanted {
    pub filter: Filter,
    /// A size of the catalogue that there must be room for.
    pub size: Option<String>,
    pub sort: Sort,
    pub look: Look,
    /// From 0 on.
    pub page: usize,
}

/// What an address said.
#[derive(Debug)]
pub struct Read {
    /// As far as it could be read.
    pub wanted: Wanted,
    /// What was typed, word for word, and what is wrong with it.
    pub typed: Filled,
    pub wrong: bool,
}

impl Wanted {
    /// Reads a query. `sizes` are the names that a size may have. Of two values for one field the last counts. None for a page that
    /// there can't be.
    pub fn read(pairs: &[(String, String)], sizes: &[String]) -> Option<Read> {
        let mut wanted = Wanted::default();
        let mut wrong: Vec<(&'static str, String)> = Vec::new();
        let mut typed = Filled::default();
        for (key, value) in pairs {
            let value = value.trim();
            let (name, read) = match (Field::parse(key), key.as_str()) {
                (Some(field), _) => (field.key(), wanted.filter.set(field, value)),
                (None, "size") => ("size", wanted.set_size(value, sizes)),
                (None, "sort") => ("sort", wanted.set_sort(value)),
                (None, "look") if value.is_empty() => continue,
                (None, "look") => {
                    wanted.look = Look::parse(value)?;
                    continue;
                }
                (None, "page") => {
                    wanted.page = value.parse::<usize>().ok().and_then(|page| page.checked_sub(1))?;
                    continue;
                }
                _ => continue,
            };
            typed = typed.with(name, value);
            wrong.retain(|(known, _)| *known != name);
            wrong.extend(read.err().map(|why| (name, why)));
        }
        let any = !wrong.is_empty();
        typed = wrong.into_iter().fold(typed, |typed, (name, why)| typed.wrong(name, why));
        Some(Read { wanted, typed, wrong: any })
    }

    fn set_size(&mut self, value: &str, sizes: &[String]) -> Result<(), String> {
        let known = value.is_empty() || sizes.iter().any(|size| size == value);
        self.size = (known && !value.is_empty()).then(|| value.to_owned());
        if known { Ok(()) } else { Err("Please choose one of the sizes.".into()) }
    }

    fn set_sort(&mut self, value: &str) -> Result<(), String> {
        let sort = if value.is_empty() { Some(Sort::default()) } else { Sort::parse(value) };
        self.sort = sort.unwrap_or_default();
        sort.map(drop).ok_or_else(|| "Please choose one of the orders.".into())
    }

    /// The address that shows this.
    pub fn href(&self) -> String {
        let mut pairs: Vec<(&str, String)> = self.filter.pairs().into_iter().map(|(field, value)| (field.key(), value)).collect();
        pairs.extend(self.size.clone().map(|size| ("size", size)));
        let other = |name, is: bool, value: &str| (!is).then(|| (name, value.to_owned()));
        pairs.extend(other("sort", self.sort == Sort::default(), self.sort.key()));
        pairs.extend(other("look", self.look == Look::default(), self.look.key()));
        pairs.extend((self.page > 0).then(|| ("page", (self.page + 1).to_string())));
        at("/nodes", &pairs)
    }

    /// The same with another value for one field, from the first page on.
    pub fn with(&self, field: Field, value: &str) -> Wanted {
        let mut other = Wanted { page: 0, ..self.clone() };
        // What can't be read is not offered.
        let _fits = other.filter.set(field, value);
        other
    }

    pub fn without(&self, fields: &[Field]) -> Wanted {
        fields.iter().fold(self.clone(), |wanted, field| wanted.with(*field, ""))
    }

    pub fn of_any_size(&self) -> Wanted {
        Wanted { size: None, page: 0, ..self.clone() }
    }

    /// Nothing is asked for, and all else stays.
    pub fn cleared(&self) -> Wanted {
        Wanted { filter: Filter::default(), page: 0, size: None, ..self.clone() }
    }

    pub fn looking(&self, look: Look) -> Wanted {
        Wanted { look, page: 0, ..self.clone() }
    }

    pub fn on_page(&self, page: usize) -> Wanted {
        Wanted { page, ..self.clone() }
    }

    /// Where the best of these nodes is ordered.
    pub fn order_href(&self) -> String {
        let filter = (!self.filter.is_empty()).then(|| ("filter", self.filter.to_string()));
        at("/order", &filter.into_iter().chain(self.size_pair()).collect::<Vec<_>>())
    }

    /// Where one node is ordered.
    pub fn order_on(&self, node: u32) -> String {
        at("/order", &std::iter::once(("node", node.to_string())).chain(self.size_pair()).collect::<Vec<_>>())
    }

    fn size_pair(&self) -> Option<(&'static str, String)> {
        self.size.clone().map(|size| ("size", size))
    }
}

fn at(path: &str, pairs: &[(&str, String)]) -> String {
    match serde_urlencoded::to_string(pairs).unwrap_or_default() {
        query if query.is_empty() => path.to_owned(),
        query => format!("{path}?{query}"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(query: &str) -> Option<Read> {
        Wanted::read(&serde_urlencoded::from_str::<Vec<(String, String)>>(query).unwrap(), &["small".into(), "large".into()])
    }

    #[test]
    fn an_address_is_read_and_written_as_the_same() {
        for query in ["", "country=Belgium&cores=8&size=large&sort=price&look=map&page=3", "gpu=any&look=table", "node=1%2C2"] {
            let wanted = read(query).unwrap().wanted;
            let href = wanted.href();
            assert_eq!(href.trim_start_matches("/nodes").trim_start_matches('?'), query);
            assert_eq!(read(href.split_once('?').map_or("", |(_, query)| query)).unwrap().wanted, wanted);
        }
        assert_eq!(read("region=&country=&cores=&size=&sort=&look=&unknown=1").unwrap().wanted, Wanted::default());
    }

    #[test]
    fn what_cannot_be_read_is_kept_as_it_was_typed_and_the_rest_counts() {
        let read = read("cores=many&country=Belgium&size=vast&sort=luck&price=%20-1").unwrap();
        assert!(read.wrong);
        assert_eq!(read.wanted.filter.to_string(), "country=Belgium");
        for (name, value) in [("cores", "many"), ("size", "vast"), ("sort", "luck"), ("price", "-1")] {
            assert_eq!(read.typed.value(name), Some(value));
            assert!(read.typed.error(name).is_some(), "{name}");
        }
        assert_eq!(read.typed.error("country"), None);
    }

    #[test]
    fn a_page_that_there_cannot_be_is_none() {
        for query in ["page=0", "page=x", "page=-1", "look=sideways", "page=99999999999999999999"] {
            assert!(read(query).is_none(), "{query}");
        }
    }

    #[test]
    fn what_is_ordered_is_what_was_looked_at() {
        let wanted = read("country=Belgium&size=small&look=map&page=2").unwrap().wanted;
        assert_eq!(wanted.order_href(), "/order?filter=country%3DBelgium&size=small");
        assert_eq!(wanted.order_on(7), "/order?node=7&size=small");
        assert_eq!(Wanted::default().order_href(), "/order");
        assert_eq!(wanted.without(&[Field::Country]).href(), "/nodes?size=small&look=map");
    }
}
