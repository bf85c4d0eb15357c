//! What is sold, as settings: prices by the unit since when, how much of everything, and the images.

use std::fmt;

use serde::{Deserialize, Serialize};

use super::parse_price;
use crate::base::money::Usd;
use crate::base::{Error, Kind, Result, Time};

/// An amount as people write it: `"10"`, `"10.5"`, `"0.0125"`. Zero is an amount, too.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct Dollars(pub Usd);

impl TryFrom<String> for Dollars {
    type Error = String;
    fn try_from(text: String) -> Result<Self, String> {
        let bad = || format!("“{text}” is not a price in dollars such as \"1.25\"");
        let (whole, rest) = text.split_once('.').unwrap_or((&text, "0"));
        let digits = |part: &str| !part.is_empty() && part.bytes().all(|byte| byte.is_ascii_digit());
        if !digits(whole) || !digits(rest) || whole.len() > 6 || rest.len() > 7 {
            return Err(bad());
        }
        let units = format!("{whole}{rest:0<7}").parse().map_err(|_| bad())?;
        Ok(Dollars(Usd::from_units(units)))
    }
}

impl From<Dollars> for String {
    fn from(amount: Dollars) -> String {
        let text = amount.0.to_string();
        text.trim_end_matches(" USD").to_owned()
    }
}

/// Prices by the unit for a month of 720 hours, in force from a moment on.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct UnitRule {
    /// Milliseconds since 1970; the rule holds for quotes from then on.
    pub from: Time,
    /// Of any machine that is not one of the sizes, before its parts.
    pub base: Dollars,
    pub core: Dollars,
    pub memory_gib: Dollars,
    /// Of the disk of such a machine, and of every data disk.
    pub disk_gib: Dollars,
    pub ipv4: Dollars,
    pub ipv6: Dollars,
    /// Of room on one store of a swarm. What a customer can use takes more than one: with 12 of 20 and 4 spares, twice as much.
    #[serde(default = "swarm_gib")]
    pub swarm_gib: Dollars,
}

/// For rules that were written before there were swarms.
const fn swarm_gib() -> Dollars {
    cents(1)
}

const fn cents(cents: i64) -> Dollars {
    Dollars(Usd::from_cents(cents))
}

/// Before the first rule, and without one.
pub(super) const FIRST_UNITS: UnitRule = UnitRule {
    from: Time::EPOCH,
    base: cents(200),
    core: cents(100),
    memory_gib: cents(125),
    disk_gib: cents(5),
    ipv4: cents(400),
    ipv6: cents(0),
    swarm_gib: swarm_gib(),
};

/// How much of everything one machine may have.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Limits {
    pub cores: u64,
    pub memory_gib: u64,
    /// Of its own disk.
    pub disk_gib: u64,
    pub data_disks: u64,
    /// Of each data disk.
    pub data_disk_gib: u64,
    pub ssh_keys: u64,
    /// That can be used of a storage swarm; 0: none is sold.
    pub swarm_gib: u64,
}

impl Default for Limits {
    fn default() -> Self {
        Limits { cores: 32, memory_gib: 128, disk_gib: 1000, data_disks: 4, data_disk_gib: 2000, ssh_keys: 10, swarm_gib: 10_000 }
    }
}

impl Limits {
    /// The most that the grid's own formats can say, or that a form can show.
    pub(super) fn check(&self) -> Result<()> {
        for (name, value, most) in [
            ("cores", self.cores, 255),
            ("memory_gib", self.memory_gib, 4096),
            ("disk_gib", self.disk_gib, 100_000),
            ("data_disks", self.data_disks, 8),
            ("data_disk_gib", self.data_disk_gib, 100_000),
            ("ssh_keys", self.ssh_keys, 20),
            ("swarm_gib", self.swarm_gib, 1_000_000),
        ] {
            if value > most || (value == 0 && !["data_disks", "swarm_gib"].contains(&name)) {
                return Err(Error::new(Kind::Invalid, format!("limits.{name} is {value}: it must be from 1 to {most}.")));
            }
        }
        Ok(())
    }
}

/// How an image boots.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum BootRule {
    /// A disk image: the list has an `image.raw`.
    Disk,
    /// A root file system with a kernel in `boot`.
    Rooted,
    /// A root file system without a kernel.
    Micro,
}

/// An image to choose. Without any, the built-in ones are on sale.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ImageRule {
    pub id: String,
    pub name: String,
    #[serde(default)]
    pub about: String,
    pub flist: String,
    #[serde(default)]
    pub entrypoint: String,
    pub boot: BootRule,
    pub least_disk_gib: u64,
}

impl fmt::Display for ImageRule {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "image {}", self.id)
    }
}

pub(super) fn check_images(images: &[ImageRule], limits: &Limits) -> Result<()> {
    let bad = |what: String| Err(Error::new(Kind::Invalid, what));
    for (place, image) in images.iter().enumerate() {
        let plain = image.id.bytes().all(|byte| byte.is_ascii_lowercase() || byte.is_ascii_digit() || b".-".contains(&byte));
        if !(1..=40).contains(&image.id.len()) || !plain {
            return bad(format!("The id of {image} is not 1 to 40 small letters, digits, dots or hyphens."));
        }
        if images[..place].iter().any(|other| other.id == image.id) {
            return bad(format!("There are two of {image}."));
        }
        if image.name.trim().is_empty() {
            return bad(format!("The {image} has no name."));
        }
        if !reqwest::Url::parse(&image.flist).is_ok_and(|url| url.scheme() == "https" && url.path().ends_with(".flist")) {
            return bad(format!("The {image} is at “{}”, which is not an https:// address that ends in .flist.", image.flist));
        }
        if !(1..=limits.disk_gib).contains(&image.least_disk_gib) {
            return bad(format!("The {image} needs {} GiB: it must be from 1 to limits.disk_gib.", image.least_disk_gib));
        }
    }
    Ok(())
}

pub(super) fn check_price(size: &str, price: &str) -> Result<()> {
    match parse_price(price) {
        Some(_) => Ok(()),
        None => Err(Error::new(
            Kind::Invalid,
            format!("prices.{size} is “{price}”, which is not a price in dollars such as \"10.00\"."),
        )),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_price_is_read_to_the_last_unit_and_written_as_it_was() {
        for (text, units) in [("0", 0), ("1.25", 12_500_000), ("0.0000001", 1), ("999999", 9_999_990_000_000)] {
            assert_eq!(Dollars::try_from(text.to_owned()), Ok(Dollars(Usd::from_units(units))), "{text}");
        }
        assert_eq!(String::from(cents(125)), "1.25");
        for wrong in ["", "-1", "1,25", "1.", ".5", "1.00000001", "1000000", "1e3", "$1"] {
            assert!(Dollars::try_from(wrong.to_owned()).is_err(), "{wrong}");
        }
    }

    #[test]
    fn an_image_that_could_not_be_deployed_stops_the_start() {
        let good = ImageRule {
            id: "debian-13".into(),
            name: "Debian 13".into(),
            about: String::new(),
            flist: "https://hub.grid.tf/us/debian-13.flist".into(),
            entrypoint: String::new(),
            boot: BootRule::Disk,
            least_disk_gib: 10,
        };
        let check = |image: ImageRule| check_images(&[image], &Limits::default());
        assert!(check(good.clone()).is_ok());
        assert!(check_images(&[good.clone(), good.clone()], &Limits::default()).is_err(), "twice");
        for wrong in [
            ImageRule { id: "Debian 13".into(), ..good.clone() },
            ImageRule { name: " ".into(), ..good.clone() },
            ImageRule { flist: "http://hub.grid.tf/us/debian-13.flist".into(), ..good.clone() },
            ImageRule { flist: "https://hub.grid.tf/us/debian-13".into(), ..good.clone() },
            ImageRule { least_disk_gib: 0, ..good.clone() },
            ImageRule { least_disk_gib: 1001, ..good },
        ] {
            assert!(check(wrong.clone()).is_err(), "{wrong:?}");
        }
    }
}
