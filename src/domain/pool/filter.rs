//! What somebody looks for in a node: read from a query, and printed back as the same query, so that it can be shared and saved.

use std::collections::BTreeSet;
use std::fmt;

use serde::{Deserialize, Serialize};

use super::super::node::Class;
use crate::base::money::Usd;

/// Letters of a name, in a filter and of whatever is filtered.
pub const TEXT_MAX: usize = 100;
const NODES_MAX: usize = 500;
/// Above these nobody has a node, and below them every sum fits.
const CORES_MAX: u32 = 100_000;
const GIB_MAX: u32 = 10_000_000;
const MBPS_MAX: u32 = 10_000_000;
const CENTS_MAX: i64 = 1_000_000_000;

/// One thing that can be asked of a node. At most one value each, so that one can be changed or dropped by itself.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Field {
    Region,
    Country,
    City,
    Farm,
    Node,
    Owner,
    Mine,
    Class,
    Cores,
    Memory,
    Ssd,
    Hdd,
    Gpu,
    Ipv4,
    Ipv6,
    Bandwidth,
    Dedicated,
    Certified,
    Price,
    Uptime,
}

impl Field {
    pub const ALL: [Field; 20] = [
        Field::Region,
        Field::Country,
        Field::City,
        Field::Farm,
        Field::Node,
        Field::Owner,
        Field::Mine,
        Field::Class,
        Field::Cores,
        Field::Memory,
        Field::Ssd,
        Field::Hdd,
        Field::Gpu,
        Field::Ipv4,
        Field::Ipv6,
        Field::Bandwidth,
        Field::Dedicated,
        Field::Certified,
        Field::Price,
        Field::Uptime,
    ];

    /// Its name in a query and in a form.
    pub const fn key(self) -> &'static str {
        match self {
            Field::Region => "region",
            Field::Country => "country",
            Field::City => "city",
            Field::Farm => "farm",
            Field::Node => "node",
            Field::Owner => "owner",
            Field::Mine => "mine",
            Field::Class => "class",
            Field::Cores => "cores",
            Field::Memory => "memory",
            Field::Ssd => "ssd",
            Field::Hdd => "hdd",
            Field::Gpu => "gpu",
            Field::Ipv4 => "ipv4",
            Field::Ipv6 => "ipv6",
            Field::Bandwidth => "bandwidth",
            Field::Dedicated => "dedicated",
            Field::Certified => "certified",
            Field::Price => "price",
            Field::Uptime => "uptime",
        }
    }

    /// Its label, without a unit.
    pub const fn title(self) -> &'static str {
        match self {
            Field::Region => "Continent",
            Field::Country => "Country",
            Field::City => "City",
            Field::Farm => "Farm number",
            Field::Node => "Node numbers",
            Field::Owner => "Farmer's number",
            Field::Mine => "My own nodes",
            Field::Class => "Good for",
            Field::Cores => "Cores, at least",
            Field::Memory => "Free memory, at least",
            Field::Ssd => "Free SSD, at least",
            Field::Hdd => "Free HDD, at least",
            Field::Gpu => "Free graphics card",
            Field::Ipv4 => "Public IPv4 address",
            Field::Ipv6 => "IPv6",
            Field::Bandwidth => "Measured bandwidth both ways, at least",
            Field::Dedicated => "Rented whole",
            Field::Certified => "Certified hardware",
            Field::Price => "Price of the whole node, at most",
            Field::Uptime => "Measured uptime, at least",
        }
    }

    /// What its number is counted in.
    pub const fn unit(self) -> Option<&'static str> {
        match self {
            Field::Memory | Field::Ssd | Field::Hdd => Some("GB"),
            Field::Bandwidth => Some("Mbit/s"),
            Field::Price => Some("USD a month"),
            Field::Uptime => Some("%"),
            _ => None,
        }
    }

    pub fn parse(key: &str) -> Option<Field> {
        Field::ALL.into_iter().find(|field| field.key() == key)
    }

    /// One bit each.
    pub(super) const fn bit(self) -> u32 {
        1 << self as u32
    }
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub enum GpuWish {
    Any,
    /// Somewhere in the maker's and the model's name, whatever the case.
    Model(String),
}

/// What is asked of a node; `None` and empty ask for nothing.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct Filter {
    /// Continent.
    pub region: Option<String>,
    pub country: Option<String>,
    pub city: Option<String>,
    pub farm: Option<u32>,
    /// One of these.
    pub nodes: BTreeSet<u32>,
    /// A farmer's twin.
    pub owner: Option<u32>,
    /// Nodes of farms that whoever asks has proved to be theirs.
    pub mine: bool,
    pub class: Option<Class>,
    pub cores: Option<u32>,
    pub memory_gib: Option<u32>,
    pub ssd_gib: Option<u32>,
    pub hdd_gib: Option<u32>,
    pub gpu: Option<GpuWish>,
    /// The farm has a public address to give.
    pub ipv4: bool,
    pub ipv6: bool,
    /// Measured, in the slower direction.
    pub bandwidth_mbps: Option<u32>,
    /// Must be rented whole, or must not.
    pub dedicated: Option<bool>,
    pub certified: Option<bool>,
    /// For a month of the whole node; a node without a price is above any.
    pub price: Option<Usd>,
    /// Hundredths of a percent by our own looks; a node that we looked at too seldom is below any.
    pub uptime_bp: Option<u16>,
}

/// A value that can't be read, and what would be right.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Wrong {
    pub field: Field,
    pub why: String,
}

impl Filter {
    /// The same wherever and whoever's: what is asked of a node itself.
    #[must_use]
    pub fn anywhere(&self) -> Filter {
        let (region, country, city, farm, owner) = Default::default();
        Filter { region, country, city, farm, owner, nodes: BTreeSet::new(), mine: false, ..self.clone() }
    }

    /// Reads the fields of a query string. Pairs with other names are somebody else's; the last of two with one name counts, as
    /// in a form that is sent twice.
    pub fn parse(query: &str) -> Result<Filter, Vec<Wrong>> {
        // Any bytes are some pairs: the format knows no errors but those of the target type.
        let pairs: Vec<(String, String)> = serde_urlencoded::from_str(query).unwrap_or_default();
        Filter::of(pairs.iter().map(|(key, value)| (key.as_str(), value.as_str())))
    }

    pub fn of<'a>(pairs: impl IntoIterator<Item = (&'a str, &'a str)>) -> Result<Filter, Vec<Wrong>> {
        let (mut filter, mut wrong) = (Filter::default(), Vec::new());
        for (key, value) in pairs {
            let Some(field) = Field::parse(key) else { continue };
            wrong.retain(|known: &Wrong| known.field != field);
            if let Err(why) = filter.set(field, value) {
                wrong.push(Wrong { field, why });
            }
        }
        if wrong.is_empty() { Ok(filter) } else { Err(wrong) }
    }

    /// Sets one field from its text in a query; an empty one asks for nothing.
    pub fn set(&mut self, field: Field, value: &str) -> Result<(), String> {
        let value = value.trim();
        match field {
            Field::Region => self.region = text(value)?,
            Field::Country => self.country = text(value)?,
            Field::City => self.city = text(value)?,
            Field::Farm => self.farm = whole(value, u32::MAX, "A farm has a number, such as 12.")?,
            Field::Node => self.nodes = numbers(value)?,
            Field::Owner => self.owner = whole(value, u32::MAX, "A farmer has a number, such as 77.")?,
            Field::Mine => self.mine = yes(value)?.unwrap_or(false),
            Field::Class => {
                let known = || Class::ALL.map(Class::key).join(", ");
                let class = || Class::parse(value).ok_or_else(|| format!("Please choose one of: {}.", known()));
                self.class = (!value.is_empty()).then(class).transpose()?;
            }
            Field::Cores => self.cores = whole(value, CORES_MAX, "Please give a number of cores, such as 8.")?,
            Field::Memory => self.memory_gib = whole(value, GIB_MAX, "Please give gigabytes of memory, such as 32.")?,
            Field::Ssd => self.ssd_gib = whole(value, GIB_MAX, "Please give gigabytes of SSD, such as 500.")?,
            Field::Hdd => self.hdd_gib = whole(value, GIB_MAX, "Please give gigabytes of HDD, such as 4000.")?,
            Field::Gpu => {
                self.gpu = text(value)?.map(|model| match model.to_lowercase().as_str() {
                    "any" => GpuWish::Any,
                    _ => GpuWish::Model(model),
                });
            }
            Field::Ipv4 => self.ipv4 = yes(value)?.unwrap_or(false),
            Field::Ipv6 => self.ipv6 = yes(value)?.unwrap_or(false),
            Field::Bandwidth => self.bandwidth_mbps = whole(value, MBPS_MAX, "Please give Mbit a second, such as 1000.")?,
            Field::Dedicated => self.dedicated = yes(value)?,
            Field::Certified => self.certified = yes(value)?,
            Field::Price => {
                let cents = hundredths(value, CENTS_MAX, "Please give US dollars a month, such as 49.90.")?;
                self.price = cents.map(Usd::from_cents);
            }
            Field::Uptime => {
                let points = hundredths(value, 10_000, "Please give a percentage of at most 100, such as 99.5.")?;
                self.uptime_bp = points.map(|points| u16::try_from(points).unwrap_or(10_000));
            }
        }
        Ok(())
    }

    /// The text of one field as in a query; None where it asks for nothing.
    pub fn get(&self, field: Field) -> Option<String> {
        let number = |number: Option<u32>| number.map(|number| number.to_string());
        let yes_no = |is: bool| if is { "yes" } else { "no" }.to_owned();
        let if_so = |is: bool| is.then(|| yes_no(true));
        match field {
            Field::Region => self.region.clone(),
            Field::Country => self.country.clone(),
            Field::City => self.city.clone(),
            Field::Farm => number(self.farm),
            Field::Node => (!self.nodes.is_empty()).then(|| self.nodes.iter().map(u32::to_string).collect::<Vec<_>>().join(",")),
            Field::Owner => number(self.owner),
            Field::Mine => if_so(self.mine),
            Field::Class => self.class.map(|class| class.key().to_owned()),
            Field::Cores => number(self.cores),
            Field::Memory => number(self.memory_gib),
            Field::Ssd => number(self.ssd_gib),
            Field::Hdd => number(self.hdd_gib),
            Field::Gpu => self.gpu.as_ref().map(|wish| match wish {
                GpuWish::Any => "any".to_owned(),
                GpuWish::Model(model) => model.clone(),
            }),
            Field::Ipv4 => if_so(self.ipv4),
            Field::Ipv6 => if_so(self.ipv6),
            Field::Bandwidth => number(self.bandwidth_mbps),
            Field::Dedicated => self.dedicated.map(yes_no),
            Field::Certified => self.certified.map(yes_no),
            // Prices come from whole cents only.
            Field::Price => self.price.map(|price| decimal(price.floor_to_cent().cents().unwrap_or(0))),
            Field::Uptime => self.uptime_bp.map(|points| decimal(points.into())),
        }
    }

    /// The fields that ask for something, with their texts, always in the same order.
    pub fn pairs(&self) -> Vec<(Field, String)> {
        Field::ALL.into_iter().filter_map(|field| Some((field, self.get(field)?))).collect()
    }

    pub fn is_empty(&self) -> bool {
        self.pairs().is_empty()
    }

    /// `Free memory, at least: 8 GB`; None where it asks for nothing.
    pub fn wish(&self, field: Field) -> Option<String> {
        let value = match (field, self.class) {
            (Field::Class, Some(class)) => class.word().to_owned(),
            _ => self.get(field)?,
        };
        let unit = field.unit().map(|unit| format!(" {unit}")).unwrap_or_default();
        let plain = matches!(field, Field::Mine | Field::Ipv4 | Field::Ipv6 | Field::Dedicated | Field::Certified);
        Some(if plain && value == "yes" { field.title().to_owned() } else { format!("{}: {value}{unit}", field.title()) })
    }

    /// Everything it asks for, in words.
    pub fn wishes(&self) -> Vec<String> {
        Field::ALL.into_iter().filter_map(|field| self.wish(field)).collect()
    }

    /// The same without one field.
    pub fn without(&self, field: Field) -> Filter {
        let mut filter = self.clone();
        // Nothing is what every field can be set to.
        let _always = filter.set(field, "");
        filter
    }
}

/// The query it was read from, in the one way of writing it.
impl fmt::Display for Filter {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let pairs: Vec<_> = self.pairs().into_iter().map(|(field, value)| (field.key(), value)).collect();
        f.write_str(&serde_urlencoded::to_string(pairs).map_err(|_| fmt::Error)?)
    }
}

impl From<Filter> for String {
    fn from(filter: Filter) -> String {
        filter.to_string()
    }
}

impl TryFrom<String> for Filter {
    type Error = String;
    fn try_from(query: String) -> Result<Filter, String> {
        Filter::parse(&query).map_err(|wrong| wrong.into_iter().map(|wrong| wrong.why).collect::<Vec<_>>().join(" "))
    }
}

fn text(value: &str) -> Result<Option<String>, String> {
    if value.chars().count() > TEXT_MAX || value.chars().any(char::is_control) {
        return Err(format!("Please use at most {TEXT_MAX} letters, on one line."));
    }
    Ok((!value.is_empty()).then(|| value.to_owned()))
}

/// A whole number from 1 on.
fn whole(value: &str, most: u32, advice: &str) -> Result<Option<u32>, String> {
    if value.is_empty() {
        return Ok(None);
    }
    let digits = value.bytes().all(|byte| byte.is_ascii_digit());
    let number = value.parse().ok().filter(|number| digits && (1..=most).contains(number));
    number.map(Some).ok_or_else(|| advice.to_owned())
}

fn numbers(value: &str) -> Result<BTreeSet<u32>, String> {
    let advice = || format!("Please give node numbers, such as 12, 15, and at most {NODES_MAX} of them.");
    let parts = value.split([',', ' ']).map(str::trim).filter(|part| !part.is_empty());
    let numbers: BTreeSet<u32> =
        parts.map(|part| whole(part, u32::MAX, "").ok().flatten().ok_or_else(advice)).collect::<Result<_, _>>()?;
    if numbers.len() > NODES_MAX { Err(advice()) } else { Ok(numbers) }
}

fn yes(value: &str) -> Result<Option<bool>, String> {
    match value {
        "" => Ok(None),
        "yes" => Ok(Some(true)),
        "no" => Ok(Some(false)),
        _ => Err("Please say yes or no.".into()),
    }
}

/// A number with at most two decimals, in hundredths, above 0.
fn hundredths(value: &str, most: i64, advice: &str) -> Result<Option<i64>, String> {
    if value.is_empty() {
        return Ok(None);
    }
    let (whole, rest) = value.split_once('.').unwrap_or((value, "0"));
    let digits = |text: &str| !text.is_empty() && text.len() <= 12 && text.bytes().all(|byte| byte.is_ascii_digit());
    let sum = || {
        let rest = match rest.len() {
            1 => rest.parse::<i64>().ok()? * 10,
            2 => rest.parse().ok()?,
            _ => return None,
        };
        whole.parse::<i64>().ok()?.checked_mul(100)?.checked_add(rest)
    };
    let found = (digits(whole) && digits(rest)).then(sum).flatten();
    found.filter(|found| (1..=most).contains(found)).map(Some).ok_or_else(|| advice.to_owned())
}

fn decimal(hundredths: i64) -> String {
    match hundredths % 100 {
        0 => (hundredths / 100).to_string(),
        rest if rest % 10 == 0 => format!("{}.{}", hundredths / 100, rest / 10),
        rest => format!("{}.{rest:02}", hundredths / 100),
    }
}

#[cfg(test)]
pub(super) mod tests {
    use proptest::prelude::*;

    use super::*;

    fn wishes() -> impl Strategy<Value = Option<GpuWish>> {
        let model = "[^\\pC\\s]([^\\pC]{0,20}[^\\pC\\s])?".prop_filter("stands for any", |text| text.to_lowercase() != "any");
        prop_oneof![Just(None), Just(Some(GpuWish::Any)), model.prop_map(|model| Some(GpuWish::Model(model)))]
    }

    /// Any filter that can be typed.
    pub(in crate::domain::pool) fn filters() -> impl Strategy<Value = Filter> {
        let name = || proptest::option::of("[^\\pC\\s]([^\\pC]{0,20}[^\\pC\\s])?");
        let number = |most: u32| proptest::option::of(1..=most);
        let places = (name(), name(), name(), number(u32::MAX), proptest::collection::btree_set(1u32.., 0..4));
        let room = (number(CORES_MAX), number(GIB_MAX), number(GIB_MAX), number(GIB_MAX), wishes(), number(MBPS_MAX));
        let class = proptest::option::of((0..Class::ALL.len()).prop_map(|place| Class::ALL[place]));
        let is = any::<bool>;
        let more = (is(), is(), is(), any::<Option<bool>>(), any::<Option<bool>>(), class, number(u32::MAX));
        let prices = (proptest::option::of(1..=CENTS_MAX), proptest::option::of(1u16..=10_000));
        (places, room, more, prices).prop_map(|(places, room, more, prices)| Filter {
            region: places.0,
            country: places.1,
            city: places.2,
            farm: places.3,
            nodes: places.4,
            cores: room.0,
            memory_gib: room.1,
            ssd_gib: room.2,
            hdd_gib: room.3,
            gpu: room.4,
            bandwidth_mbps: room.5,
            mine: more.0,
            ipv4: more.1,
            ipv6: more.2,
            dedicated: more.3,
            certified: more.4,
            class: more.5,
            owner: more.6,
            price: prices.0.map(Usd::from_cents),
            uptime_bp: prices.1,
        })
    }

    proptest! {
        #[test]
        fn what_is_printed_is_read_again_as_the_same(filter in filters()) {
            let query = filter.to_string();
            prop_assert_eq!(Filter::parse(&query).unwrap(), filter.clone(), "{}", query);
            let row = serde_json::to_string(&filter).unwrap();
            prop_assert_eq!(serde_json::from_str::<Filter>(&row).unwrap(), filter);
        }

        #[test]
        fn noise_is_refused_or_read_and_then_prints_the_same_again(noise in ".{0,60}") {
            if let Ok(filter) = Filter::parse(&noise) {
                prop_assert_eq!(Filter::parse(&filter.to_string()).unwrap(), filter);
            }
            for field in Field::ALL {
                let mut filter = Filter::default();
                if filter.set(field, &noise).is_ok() {
                    prop_assert_eq!(Filter::parse(&filter.to_string()).unwrap(), filter);
                }
            }
        }
    }

    #[test]
    fn a_form_becomes_a_filter() {
        let query = "region=Europe&country=Belgium&node=15,+12&cores=8&memory=32&gpu=RTX+4090&ipv4=yes&dedicated=no&price=49.9\
                     &uptime=99.5&class=vm&sort=price&page=2&city=";
        let filter = Filter::parse(query).unwrap();
        assert_eq!((filter.region.as_deref(), filter.country.as_deref()), (Some("Europe"), Some("Belgium")));
        assert_eq!(filter.nodes, BTreeSet::from([12, 15]));
        assert_eq!((filter.price, filter.uptime_bp), (Some(Usd::from_cents(4990)), Some(9950)));
        assert_eq!(
            filter.to_string(),
            "region=Europe&country=Belgium&node=12%2C15&class=vm&cores=8&memory=32&gpu=RTX+4090&ipv4=yes&dedicated=no&price=49.9&uptime=99.5"
        );
        assert_eq!(filter.without(Field::Node).nodes, BTreeSet::new());
        assert!(Filter::parse("").unwrap().is_empty());
    }

    #[test]
    fn nonsense_is_refused_at_its_field() {
        let wrong = Filter::parse("cores=many&memory=0&uptime=101&price=-1&ipv4=maybe&class=toaster&node=1,x&country=Belgium");
        let fields: Vec<Field> = wrong.unwrap_err().into_iter().map(|wrong| wrong.field).collect();
        let wanted = [Field::Cores, Field::Memory, Field::Uptime, Field::Price, Field::Ipv4, Field::Class, Field::Node];
        assert_eq!(fields, wanted);
        for (query, field) in [
            (format!("country={}", "x".repeat(101)), Field::Country),
            ("city=a%0Ab".into(), Field::City),
            ("price=1.234".into(), Field::Price),
            ("uptime=99,5".into(), Field::Uptime),
            ("memory=99999999".into(), Field::Memory),
            ("farm=%2B7".into(), Field::Farm),
        ] {
            assert_eq!(Filter::parse(&query).unwrap_err()[0].field, field, "{query}");
        }
    }

    #[test]
    fn of_two_values_the_last_counts_also_when_it_mends_the_first() {
        assert_eq!(Filter::parse("cores=4&cores=8").unwrap().cores, Some(8));
        assert!(Filter::parse("cores=8&cores=x").is_err());
        assert_eq!(Filter::parse("cores=x&cores=8").unwrap().cores, Some(8));
    }
}
