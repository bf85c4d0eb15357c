//! Finding the nodes that fulfil a filter: each wish becomes a test of one column, and 64 rows are tested at a time.

use std::collections::BTreeMap;

use super::filter::{Field, Filter, GpuWish};
use super::rows::{Rows, bits};
use super::words::Word;
use super::{Pool, UNMEASURED, flag};
use crate::domain::catalogue::GIB;

/// With so few rows left of 64, they are looked at one by one.
const FEW: u32 = 6;

/// What is looked for, and among which nodes.
#[derive(Debug, Clone, Copy)]
pub struct Search<'a> {
    pub filter: &'a Filter,
    /// Whatever the filter says, only these: what is for sale to whoever asks.
    pub among: &'a Rows,
    /// Farmers' twins of whoever asks: what “my own nodes” are.
    pub mine: &'a [u32],
}

/// One wish as a test of one column.
#[derive(Debug)]
pub(super) enum Test<'a> {
    /// Nothing fulfils it.
    Never,
    Word(&'a [Word], Word),
    Equal(&'a [u32], u32),
    AnyOf(&'a [u32], &'a [u32]),
    AtLeast(&'a [u32], u32),
    AtLeastBytes(&'a [u64], u64),
    AtMost(&'a [i64], i64),
    Measured(&'a [u16], u16),
    Some(&'a [u16]),
    Flag(&'a [u16], u16, bool),
    Bit(&'a [u8], u8),
    Rows(Rows),
}

impl Test<'_> {
    /// Which of the 64 rows from `64 × place` on fulfil it. Rows beyond the pool do not.
    pub(super) fn mask(&self, place: usize) -> u64 {
        match self {
            Test::Never => 0,
            Test::Word(column, wanted) => mask(column, place, |word| word.0 == wanted.0),
            Test::Equal(column, wanted) => mask(column, place, |value| value == *wanted),
            Test::AnyOf(column, wanted) => mask(column, place, |value| wanted.contains(&value)),
            Test::AtLeast(column, least) => mask(column, place, |value| value >= *least),
            Test::AtLeastBytes(column, least) => mask(column, place, |value| value >= *least),
            Test::AtMost(column, most) => mask(column, place, |value| value <= *most),
            Test::Measured(column, least) => mask(column, place, |value| value >= *least && value != UNMEASURED),
            Test::Some(column) => mask(column, place, |value| value > 0),
            Test::Flag(column, bit, wanted) => {
                let (bit, wanted) = (*bit, if *wanted { *bit } else { 0 });
                mask(column, place, |flags| flags & bit == wanted)
            }
            Test::Bit(column, bit) => mask(column, place, |classes| classes & bit != 0),
            Test::Rows(rows) => rows.words().get(place).copied().unwrap_or(0),
        }
    }

    /// Whether one row fulfils it.
    fn holds(&self, row: usize) -> bool {
        match self {
            Test::Never => false,
            Test::Word(column, wanted) => column[row] == *wanted,
            Test::Equal(column, wanted) => column[row] == *wanted,
            Test::AnyOf(column, wanted) => wanted.contains(&column[row]),
            Test::AtLeast(column, least) => column[row] >= *least,
            Test::AtLeastBytes(column, least) => column[row] >= *least,
            Test::AtMost(column, most) => column[row] <= *most,
            Test::Measured(column, least) => column[row] >= *least && column[row] != UNMEASURED,
            Test::Some(column) => column[row] > 0,
            Test::Flag(column, bit, wanted) => (column[row] & bit != 0) == *wanted,
            Test::Bit(column, bit) => column[row] & bit != 0,
            Test::Rows(rows) => rows.contains(row),
        }
    }
}

/// Without a branch inside, so that the compiler can test many values at once; then eight bytes become eight bits by one product.
fn mask<T: Copy>(column: &[T], place: usize, test: impl Fn(T) -> bool) -> u64 {
    let from = (place * 64).min(column.len());
    let part = &column[from..column.len().min(from + 64)];
    let mut hits = [0u8; 64];
    for (hit, value) in hits.iter_mut().zip(part) {
        *hit = u8::from(test(*value));
    }
    let mut found = 0;
    for (byte, eight) in hits.as_chunks::<8>().0.iter().enumerate() {
        found |= (u64::from_le_bytes(*eight).wrapping_mul(0x0102_0408_1020_4080) >> 56) << (byte * 8);
    }
    found
}

impl Pool {
    /// The nodes that are wanted.
    pub fn find(&self, search: &Search<'_>) -> Rows {
        let tests: Vec<Test<'_>> = self.tests(search.filter, search.mine).into_iter().map(|(_, test)| test).collect();
        self.pass(search.among.clone(), &tests)
    }

    /// Those of `rows` that pass all tests.
    pub(super) fn pass(&self, rows: Rows, tests: &[Test<'_>]) -> Rows {
        let mut words = rows.into_words();
        words.truncate(self.len().div_ceil(64));
        for (place, left) in words.iter_mut().enumerate() {
            for test in tests {
                match left.count_ones() {
                    0 => break,
                    1..=FEW => {
                        for bit in bits(*left) {
                            *left &= !(u64::from(!test.holds(place * 64 + bit)) << bit);
                        }
                    }
                    _ => *left &= test.mask(place),
                }
            }
        }
        Rows::of_words(words, self.len())
    }

    /// The tests that a filter is made of, one a field.
    pub(super) fn tests<'a>(&'a self, filter: &Filter, mine: &'a [u32]) -> Vec<(Field, Test<'a>)> {
        Field::ALL.into_iter().filter_map(|field| Some((field, self.test(filter, field, mine)?))).collect()
    }

    fn test<'a>(&'a self, filter: &Filter, field: Field, mine: &'a [u32]) -> Option<Test<'a>> {
        let named = |column: &'a [Word], name: &str| self.words.name(name).map_or(Test::Never, |word| Test::Word(column, word));
        let gib = |column: &'a [u64], gib: u32| Test::AtLeastBytes(column, u64::from(gib) * GIB);
        let flag = |bit, wanted| Test::Flag(&self.flags, bit, wanted);
        match field {
            Field::Region => filter.region.as_deref().map(|name| named(&self.regions, name)),
            Field::Country => filter.country.as_deref().map(|name| named(&self.countries, name)),
            Field::City => filter.city.as_deref().map(|name| named(&self.cities, name)),
            Field::Farm => filter.farm.map(|id| {
                let place = self.farms.iter().position(|farm| farm.id == id).and_then(|place| u32::try_from(place).ok());
                place.map_or(Test::Never, |place| Test::Equal(&self.farm, place))
            }),
            Field::Node => (!filter.nodes.is_empty()).then(|| Test::Rows(self.rows_of(filter.nodes.iter().copied()))),
            Field::Owner => filter.owner.map(|twin| Test::Equal(&self.owners, twin)),
            Field::Mine => filter.mine.then_some(Test::AnyOf(&self.owners, mine)),
            Field::Class => filter.class.map(|class| Test::Bit(&self.classes, class.bit())),
            Field::Cores => filter.cores.map(|cores| Test::AtLeast(&self.cores, cores)),
            Field::Memory => filter.memory_gib.map(|least| gib(&self.memory_free, least)),
            Field::Ssd => filter.ssd_gib.map(|least| gib(&self.ssd_free, least)),
            Field::Hdd => filter.hdd_gib.map(|least| gib(&self.hdd_free, least)),
            Field::Gpu => filter.gpu.as_ref().map(|wish| match wish {
                GpuWish::Any => flag(flag::GPU_FREE, true),
                GpuWish::Model(model) => Test::Rows(self.with_card(model)),
            }),
            Field::Ipv4 => filter.ipv4.then_some(Test::Some(&self.free_ips)),
            Field::Ipv6 => filter.ipv6.then(|| flag(flag::IPV6, true)),
            Field::Bandwidth => filter.bandwidth_mbps.map(|least| Test::AtLeast(&self.line_mbps, least)),
            Field::Dedicated => filter.dedicated.map(|wanted| flag(flag::DEDICATED, wanted)),
            Field::Certified => filter.certified.map(|wanted| flag(flag::CERTIFIED, wanted)),
            Field::Price => filter.price.map(|most| Test::AtMost(&self.prices, most.units())),
            Field::Uptime => filter.uptime_bp.map(|least| Test::Measured(&self.measured, least)),
        }
    }

    /// Nodes with a free card whose name has this in it.
    fn with_card(&self, model: &str) -> Rows {
        let small = model.to_lowercase();
        let mut rows = Rows::none(self.len());
        let mut known: BTreeMap<(Word, Word), bool> = BTreeMap::new();
        for card in self.cards.iter().filter(|card| card.free) {
            let named = || format!("{} {}", self.words.text(card.vendor), self.words.text(card.device)).to_lowercase();
            if *known.entry((card.vendor, card.device)).or_insert_with(|| named().contains(&small)) {
                rows.insert(card.row as usize);
            }
        }
        rows
    }
}

#[cfg(test)]
pub(super) mod tests {
    use proptest::prelude::*;

    use super::super::tests::{pool, world};
    use super::*;
    use crate::base::money::Usd;
    use crate::domain::node::{Class, Node, StorageClass, classes};
    use crate::domain::pool::filter::tests::filters;

    /// The same question, asked of a row in plain words.
    fn plain(filter: &Filter, node: &Node, mine: &[u32]) -> bool {
        let same = |wanted: &Option<String>, has: &str| wanted.as_ref().is_none_or(|it| it.to_lowercase() == has.to_lowercase());
        let least = |wanted: Option<u32>, has: u64| wanted.is_none_or(|gib| has >= u64::from(gib) * GIB);
        let free = node.total.minus(node.used);
        let card =
            |model: &str| node.gpus.iter().any(|gpu| gpu.free && gpu.model().to_lowercase().contains(&model.to_lowercase()));
        same(&filter.region, &node.region)
            && same(&filter.country, &node.country)
            && same(&filter.city, &node.city)
            && filter.farm.is_none_or(|farm| farm == node.farm)
            && (filter.nodes.is_empty() || filter.nodes.contains(&node.id))
            && filter.owner.is_none_or(|owner| owner == node.owner)
            && (!filter.mine || mine.contains(&node.owner))
            && filter.class.is_none_or(|class| classes(node, StorageClass::default()) & class.bit() != 0)
            && filter.cores.is_none_or(|cores| node.total.cores >= u64::from(cores))
            && least(filter.memory_gib, free.memory)
            && least(filter.ssd_gib, free.ssd)
            && least(filter.hdd_gib, free.hdd)
            && filter.gpu.as_ref().is_none_or(|wish| match wish {
                GpuWish::Any => card(""),
                GpuWish::Model(model) => card(model),
            })
            && (!filter.ipv4 || node.free_ips > 0)
            && (!filter.ipv6 || node.ipv6)
            && filter.bandwidth_mbps.is_none_or(|mbps| node.upload_bps.min(node.download_bps) / 1_000_000 >= u64::from(mbps))
            && filter.dedicated.is_none_or(|wanted| wanted == node.dedicated)
            && filter.certified.is_none_or(|wanted| wanted == node.certified)
            && filter.price.is_none_or(|most| node.price.is_some_and(|price| price <= most))
            && filter.uptime_bp.is_none_or(|points| node.looks.basis_points().is_some_and(|has| has >= points))
    }

    /// Filters that some nodes of the made-up grid fulfil.
    pub(in crate::domain::pool) fn likely() -> impl Strategy<Value = Filter> {
        let name = |names: &'static [&'static str]| {
            proptest::option::weighted(0.3, (0..names.len()).prop_map(move |place| names[place].to_owned()))
        };
        let number =
            |numbers: &'static [u32]| proptest::option::weighted(0.3, (0..numbers.len()).prop_map(move |place| numbers[place]));
        let maybe = |weight: f64| prop::bool::weighted(weight);
        let class = proptest::option::weighted(0.2, (0..Class::ALL.len()).prop_map(|place| Class::ALL[place]));
        let places = (name(&["europe", "Africa"]), name(&["BELGIUM", "Canada", "Peru"]), name(&["Ghent", "Cairo"]));
        let room = (number(&[4, 16, 64]), number(&[8, 32]), number(&[100, 2000]), number(&[1, 9000]), number(&[500, 1000]));
        let yes_no = || proptest::option::weighted(0.2, any::<bool>());
        let more = (maybe(0.2), maybe(0.2), maybe(0.2), yes_no(), yes_no(), class, number(&[3, 99]));
        let gpu = proptest::option::weighted(0.1, prop_oneof![Just(GpuWish::Any), Just(GpuWish::Model("rtx 4".into()))]);
        let limits = (number(&[3000, 9000]), number(&[9900, 9950, 10_000]), gpu);
        (places, room, more, limits).prop_map(|(places, room, more, limits)| Filter {
            region: places.0,
            country: places.1,
            city: places.2,
            cores: room.0,
            memory_gib: room.1,
            ssd_gib: room.2,
            hdd_gib: room.3,
            bandwidth_mbps: room.4,
            mine: more.0,
            ipv4: more.1,
            ipv6: more.2,
            dedicated: more.3,
            certified: more.4,
            class: more.5,
            farm: more.6,
            price: limits.0.map(|cents| Usd::from_cents(cents.into())),
            uptime_bp: limits.1.map(|points| u16::try_from(points).unwrap()),
            gpu: limits.2,
            ..Filter::default()
        })
    }

    proptest! {
        #[test]
        fn the_columns_say_what_the_rows_say(filter in prop_oneof![3 => likely(), 1 => filters()], nodes in 1u32..400) {
            let (rows, pool) = (world(nodes), pool(nodes));
            let among = Rows::that(pool.len(), |row| row % 5 != 3);
            let mine = [101, 103];
            let found = pool.find(&Search { filter: &filter, among: &among, mine: &mine });
            let wanted: Vec<usize> =
                (0..rows.len()).filter(|row| row % 5 != 3 && plain(&filter, &rows[*row], &mine)).collect();
            prop_assert_eq!(found.iter().collect::<Vec<_>>(), wanted, "{}", filter);
        }
    }

    #[test]
    fn a_mask_holds_the_hits_of_64_rows_in_their_order() {
        let column: Vec<u32> = (0..100).map(|row| u32::from([3, 64, 70, 99].contains(&row))).collect();
        assert_eq!(mask(&column, 0, |value| value == 1), 1 << 3);
        assert_eq!(mask(&column, 1, |value| value == 1), 1 | 1 << 6 | 1 << 35);
        assert_eq!(mask(&column, 1, |_| true), (1 << 36) - 1, "rows beyond the pool fulfil nothing");
        assert_eq!(mask(&column, 2, |_| true), 0);
    }

    #[test]
    fn nothing_is_my_own_for_somebody_without_farms() {
        let pool = pool(50);
        let (filter, among) = (Filter { mine: true, ..Filter::default() }, Rows::all(50));
        assert!(pool.find(&Search { filter: &filter, among: &among, mine: &[] }).is_empty());
    }
}
