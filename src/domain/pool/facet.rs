//! What else would be found: a count beside each value that a filter could have, and which wish stands in the way.
//!
//! A node matters to the count of a value if it fulfils all wishes, or all but the one that the value would take the place of. So one
//! pass that knows which rows fail nothing, and which fail exactly one thing, tells all counts and all advice at once.

use std::collections::BTreeMap;

use serde::Serialize;

use super::filter::{Field, Filter};
use super::rows::bits;
use super::scan::{Search, Test};
use super::words::Word;
use super::{Pool, Rows};
use crate::domain::node::Class;

/// Values shown of a field with many.
const VALUES_MAX: usize = 60;
const CORES: &[&str] = &["2", "4", "8", "16", "32", "64"];
const MEMORY: &[&str] = &["4", "8", "16", "32", "64", "128", "256"];
const SSD: &[&str] = &["50", "100", "250", "500", "1000", "2000"];
const HDD: &[&str] = &["500", "1000", "4000", "10000"];
const BANDWIDTH: &[&str] = &["100", "250", "500", "1000", "10000"];
const PRICE: &[&str] = &["25", "50", "100", "250", "500"];
const UPTIME: &[&str] = &["90", "95", "99", "99.5", "99.9"];
const YES: &[&str] = &["yes"];
const YES_NO: &[&str] = &["yes", "no"];

/// How many nodes there would be if a field had this value and all others stayed.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Count {
    /// As in a query.
    pub value: String,
    /// For people, without the unit of the field.
    pub label: String,
    pub nodes: usize,
    /// It is the value that the filter has now.
    pub chosen: bool,
}

/// Dropping these wishes, how many nodes there would be.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Relax {
    pub fields: Vec<Field>,
    pub nodes: usize,
}

impl Relax {
    /// `Without “Country: Peru” there are 12 nodes.`
    pub fn sentence(&self, filter: &Filter) -> String {
        let wish = |field: &Field| format!("“{}”", filter.wish(*field).unwrap_or_default());
        let wishes: Vec<String> = self.fields.iter().map(wish).collect();
        let nodes = match self.nodes {
            1 => "is 1 node".to_owned(),
            many => format!("are {many} nodes"),
        };
        match wishes.as_slice() {
            [] => format!("There {nodes}."),
            [one] => format!("Without {one} there {nodes}."),
            [firsts @ .., last] => format!("Without {} and {last} there {nodes}.", firsts.join(", ")),
        }
    }
}

/// What a filter finds, and what others like it would.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize)]
pub struct Facets {
    /// Nodes that are wanted.
    pub matches: usize,
    /// Nodes there are to choose from.
    pub among: usize,
    /// Fields with values to choose from, each value with its count. Values that nobody has are left out of names, not of numbers.
    pub counts: BTreeMap<Field, Vec<Count>>,
    /// Nothing matches: which single wish to drop and how many nodes that gives, most first; if no single one helps, the fewest
    /// that do so together. Empty where something matches, and where there is nothing to choose from.
    pub relax: Vec<Relax>,
}

impl Facets {
    /// The values of one field.
    pub fn of(&self, field: Field) -> &[Count] {
        self.counts.get(&field).map_or(&[], Vec::as_slice)
    }
}

/// Counts the values of one field.
enum Counter<'a> {
    /// A test a value.
    Tests(Vec<(String, Test<'a>, usize)>),
    /// By word.
    Words(&'a [Word], Vec<u32>),
    /// By place in the list of farms.
    Farms(&'a [u32], Vec<u32>),
}

impl Counter<'_> {
    fn add(&mut self, place: usize, rows: u64) {
        match self {
            Counter::Tests(tests) => {
                for (_, test, count) in tests {
                    *count += (test.mask(place) & rows).count_ones() as usize;
                }
            }
            Counter::Words(column, counts) => bits(rows).for_each(|bit| counts[column[place * 64 + bit].0 as usize] += 1),
            Counter::Farms(column, counts) => bits(rows).for_each(|bit| counts[column[place * 64 + bit] as usize] += 1),
        }
    }
}

impl Pool {
    /// Everything that a page with filters shows, in one pass over the columns.
    pub fn facets(&self, search: &Search<'_>) -> Facets {
        let tests = self.tests(search.filter, search.mine);
        // Beside each counter the place of its own field's test, if the filter has one.
        let place = |field: Field| tests.iter().position(|(tested, _)| *tested == field);
        let counter = |field| Some((field, place(field), self.counter(search, field)?));
        let mut counters: Vec<(Field, Option<usize>, Counter<'_>)> = Field::ALL.into_iter().filter_map(counter).collect();
        let mut facets = Facets::default();
        let mut alone = vec![0; tests.len()];
        let mut fails = vec![0; tests.len()];
        for (place, among) in search.among.words().iter().enumerate().take(self.len().div_ceil(64)) {
            facets.among += among.count_ones() as usize;
            // Rows that fail at least one wish, and at least two.
            let (mut once, mut twice) = (0, 0);
            for (fail, (_, test)) in fails.iter_mut().zip(&tests) {
                *fail = among & !test.mask(place);
                twice |= once & *fail;
                once |= *fail;
            }
            let (all, only) = (among & !once, once & !twice);
            if all | only == 0 {
                continue;
            }
            facets.matches += all.count_ones() as usize;
            for (count, fail) in alone.iter_mut().zip(&fails) {
                *count += (only & fail).count_ones() as usize;
            }
            for (_, own, counter) in &mut counters {
                let own = own.map_or(0, |own| only & fails[own]);
                counter.add(place, all | own);
            }
        }
        facets.counts =
            counters.into_iter().map(|(field, _, counter)| (field, self.counted(search.filter, field, counter))).collect();
        if facets.matches == 0 {
            let single = |((field, _), nodes): (&(Field, Test<'_>), &usize)| Relax { fields: vec![*field], nodes: *nodes };
            facets.relax = tests.iter().zip(&alone).map(single).filter(|relax| relax.nodes > 0).collect();
            facets.relax.sort_by_key(|relax| std::cmp::Reverse(relax.nodes));
            if facets.relax.is_empty() {
                facets.relax.extend(self.fewest(&tests, search.among));
            }
        }
        facets
    }

    /// The fewest wishes whose dropping gives any node; of several such sets the one that gives most.
    fn fewest(&self, tests: &[(Field, Test<'_>)], among: &Rows) -> Option<Relax> {
        // How many rows fail exactly this set of wishes. There are far fewer sets than rows.
        let mut sets: BTreeMap<u32, usize> = BTreeMap::new();
        for (place, word) in among.words().iter().enumerate().take(self.len().div_ceil(64)) {
            let fails: Vec<(Field, u64)> = tests.iter().map(|(field, test)| (*field, !test.mask(place))).collect();
            for bit in bits(*word) {
                let set = fails.iter().filter(|(_, fail)| fail >> bit & 1 == 1).fold(0, |set, (field, _)| set | field.bit());
                *sets.entry(set).or_default() += 1;
            }
        }
        let (set, nodes) = sets.iter().min_by_key(|(set, nodes)| (set.count_ones(), std::cmp::Reverse(**nodes)))?;
        let fields = tests.iter().map(|(field, _)| *field).filter(|field| set & field.bit() != 0).collect();
        // No smaller set gives anything, so nothing but this very set lies within it.
        Some(Relax { fields, nodes: *nodes })
    }

    fn counter<'a>(&'a self, search: &Search<'a>, field: Field) -> Option<Counter<'a>> {
        let words = |column| Some(Counter::Words(column, vec![0; self.words.len()]));
        let values: Vec<String> = match field {
            Field::Region => return words(&self.regions),
            Field::Country => return words(&self.countries),
            Field::City => return words(&self.cities),
            Field::Farm => return Some(Counter::Farms(&self.farm, vec![0; self.farms.len()])),
            // Numbers that one types: there is no list of them.
            Field::Node | Field::Owner => return None,
            Field::Mine if search.mine.is_empty() => return None,
            Field::Class => Class::ALL.iter().map(|class| class.key().to_owned()).collect(),
            Field::Gpu => std::iter::once("any".to_owned()).chain(self.models()).collect(),
            Field::Mine | Field::Ipv4 | Field::Ipv6 => owned(YES),
            Field::Dedicated | Field::Certified => owned(YES_NO),
            Field::Cores => owned(CORES),
            Field::Memory => owned(MEMORY),
            Field::Ssd => owned(SSD),
            Field::Hdd => owned(HDD),
            Field::Bandwidth => owned(BANDWIDTH),
            Field::Price => owned(PRICE),
            Field::Uptime => owned(UPTIME),
        };
        // What is chosen now is shown with its number, also if it is none of the usual.
        let chosen =
            search.filter.get(field).filter(|chosen| values.iter().all(|value| value.to_lowercase() != chosen.to_lowercase()));
        let tests = values.into_iter().chain(chosen).filter_map(|value| {
            let mut filter = Filter::default();
            filter.set(field, &value).ok()?;
            let (_, test) = self.tests(&filter, search.mine).pop()?;
            Some((value, test, 0))
        });
        Some(Counter::Tests(tests.collect()))
    }

    /// Graphics cards that are free somewhere, by name: the most common ones.
    fn models(&self) -> Vec<String> {
        let mut cards: BTreeMap<(Word, Word), usize> = BTreeMap::new();
        for card in self.cards.iter().filter(|card| card.free) {
            *cards.entry((card.vendor, card.device)).or_default() += 1;
        }
        let mut names: BTreeMap<String, usize> = BTreeMap::new();
        for ((vendor, device), count) in cards {
            let name = [self.words.text(vendor).trim(), self.words.text(device).trim()].join(" ").trim().to_owned();
            if !name.is_empty() && name != "any" {
                *names.entry(name).or_default() += count;
            }
        }
        // Where there are too many to list, those go that are the fewest.
        let mut most: Vec<(String, usize)> = names.into_iter().collect();
        most.sort_by_key(|(_, count)| std::cmp::Reverse(*count));
        most.truncate(VALUES_MAX);
        let mut names: Vec<String> = most.into_iter().map(|(name, _)| name).collect();
        names.sort_unstable();
        names
    }

    fn counted(&self, filter: &Filter, field: Field, counter: Counter<'_>) -> Vec<Count> {
        let chosen = filter.get(field);
        let is_chosen = |value: &str| chosen.as_ref().is_some_and(|chosen| chosen.to_lowercase() == value.to_lowercase());
        let count = |value: String, label: String, nodes: usize| {
            let chosen = is_chosen(&value);
            Count { value, label, nodes, chosen }
        };
        let mut counts: Vec<Count> = match counter {
            Counter::Tests(tests) => {
                let label = |value: &str| match field {
                    Field::Class => Class::parse(value).map_or("", Class::word).to_owned(),
                    Field::Gpu if value == "any" => "Any".to_owned(),
                    _ if value == "yes" => "Yes".to_owned(),
                    _ if value == "no" => "No".to_owned(),
                    _ => value.to_owned(),
                };
                return tests.into_iter().map(|(value, _, nodes)| count(value.clone(), label(&value), nodes)).collect();
            }
            Counter::Words(_, counts) => self
                .words
                .names()
                .map(|(word, text)| count(text.to_owned(), text.to_owned(), counts[word.0 as usize] as usize))
                .filter(|count| (count.nodes > 0 || count.chosen) && !count.value.is_empty())
                .collect(),
            Counter::Farms(_, counts) => self
                .farms
                .iter()
                .zip(&counts)
                .map(|(farm, nodes)| count(farm.id.to_string(), self.words.text(farm.name).to_owned(), *nodes as usize))
                .filter(|count| count.nodes > 0 || count.chosen)
                .collect(),
        };
        counts.sort_by(|left, right| right.nodes.cmp(&left.nodes).then_with(|| left.label.cmp(&right.label)));
        // Of many the most common ones, and what is chosen in any case.
        let mut rank = 0..;
        counts.retain(|count| rank.next().is_some_and(|rank| rank < VALUES_MAX) || count.chosen);
        counts.sort_by(|left, right| left.label.cmp(&right.label));
        counts
    }
}

fn owned(values: &[&str]) -> Vec<String> {
    values.iter().map(|value| (*value).to_owned()).collect()
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::super::scan::tests::likely;
    use super::super::tests::pool;
    use super::*;

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(40))]
        #[test]
        fn each_count_is_what_choosing_the_value_gives(filter in likely(), nodes in 1u32..300) {
            let pool = pool(nodes);
            let among = Rows::that(pool.len(), |row| row % 5 != 3);
            let search = Search { filter: &filter, among: &among, mine: &[101] };
            let facets = pool.facets(&search);
            prop_assert_eq!(facets.matches, pool.find(&search).count());
            prop_assert_eq!(facets.among, among.count());
            for (field, counts) in &facets.counts {
                for count in counts {
                    let mut changed = filter.clone();
                    changed.set(*field, &count.value).unwrap();
                    let found = pool.find(&Search { filter: &changed, ..search }).count();
                    prop_assert_eq!(count.nodes, found, "{:?} {}", field, count.value);
                    prop_assert_eq!(count.chosen, filter.get(*field).is_some_and(|it| it.to_lowercase() == count.value.to_lowercase()));
                }
            }
            for relax in &facets.relax {
                let wider = relax.fields.iter().fold(filter.clone(), |filter, field| filter.without(*field));
                prop_assert_eq!(relax.nodes, pool.find(&Search { filter: &wider, ..search }).count());
                prop_assert!(relax.nodes > 0);
            }
            let hopeless = facets.matches == 0 && facets.among > 0;
            prop_assert_eq!(hopeless, !facets.relax.is_empty(), "where nothing matches there is advice, and only there");
        }
    }

    #[test]
    fn the_most_common_cards_are_listed_however_they_are_called() {
        use crate::domain::node::Gpu;
        let mut nodes = super::super::tests::world(100);
        let card = |vendor: &str, device: String| Gpu { vendor: vendor.into(), device, free: true };
        for (place, node) in (0..).zip(&mut nodes) {
            node.gpus = vec![card("A maker of", format!("card {place}")), card("NVIDIA Corporation", "RTX 4090".into())];
        }
        let pool = Pool::new(nodes, crate::domain::node::StorageClass::default());
        let filter = Filter::parse("gpu=nvidia corporation rtx 4090").unwrap();
        let facets = pool.facets(&Search { filter: &filter, among: &Rows::all(100), mine: &[] });
        let (_, counts) = facets.counts.iter().find(|(field, _)| **field == Field::Gpu).unwrap();
        let chosen: Vec<_> =
            counts.iter().filter(|count| count.chosen).map(|count| (count.value.as_str(), count.nodes)).collect();
        assert_eq!(chosen, [("NVIDIA Corporation RTX 4090", 100)], "as others write it, and once");
        assert_eq!(counts.len(), 1 + VALUES_MAX);
    }

    fn facets(query: &str) -> Facets {
        let (pool, filter) = (pool(300), Filter::parse(query).unwrap());
        pool.facets(&Search { filter: &filter, among: &Rows::all(300), mine: &[] })
    }

    #[test]
    fn the_single_wish_in_the_way_is_named_with_what_it_costs() {
        let filter = Filter::parse("country=Peru&cores=4").unwrap();
        let facets = facets("country=Peru&cores=4");
        assert_eq!((facets.matches, facets.relax.clone()), (0, vec![Relax { fields: vec![Field::Country], nodes: 300 }]));
        assert_eq!(facets.relax[0].sentence(&filter), "Without “Country: Peru” there are 300 nodes.");
    }

    #[test]
    fn where_no_single_wish_helps_the_fewest_that_do_are_named() {
        let filter = Filter::parse("country=Peru&cores=1000&memory=8").unwrap();
        let facets = facets("country=Peru&cores=1000&memory=8");
        let [relax] = &facets.relax[..] else { panic!("{:?}", facets.relax) };
        assert_eq!(relax.fields, [Field::Country, Field::Cores]);
        assert!(relax.sentence(&filter).starts_with("Without “Country: Peru” and “Cores, at least: 1000” there are "));
    }

    #[test]
    fn a_country_that_nobody_has_is_shown_while_it_is_chosen() {
        let counts = facets("country=Peru");
        assert!(counts.of(Field::Country).iter().all(|count| !count.chosen && count.nodes > 0), "Peru is no country of the grid");
        let counts = facets("country=belgium&cores=1000");
        let chosen: Vec<_> = counts.of(Field::Country).iter().filter(|count| count.chosen).collect();
        assert_eq!((chosen.len(), chosen[0].value.as_str(), chosen[0].nodes), (1, "Belgium", 0));
        assert!(counts.of(Field::Cores).iter().any(|count| count.chosen && count.value == "1000" && count.nodes == 0));
        assert!(counts.of(Field::Mine).is_empty(), "nobody asks");
    }
}
