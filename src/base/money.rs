//! Money: whole units of 10⁻⁷, one type an asset. `Usd` and `Tft` meet only in `Rate`.

use std::fmt;

use serde::{Deserialize, Serialize};

/// Units in one whole: every asset has seven decimals, as on TFChain and on Stellar.
pub const SCALE: i64 = 10_000_000;
const UNITS_PER_CENT: i64 = SCALE / 100;

/// What is counted.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "UPPERCASE")]
pub enum Asset {
    Usd,
    Tft,
}

impl Asset {
    pub const ALL: [Asset; 2] = [Asset::Usd, Asset::Tft];

    pub const fn code(self) -> &'static str {
        match self {
            Asset::Usd => "USD",
            Asset::Tft => "TFT",
        }
    }
}

impl fmt::Display for Asset {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.code())
    }
}

impl std::str::FromStr for Asset {
    type Err = ();
    fn from_str(text: &str) -> Result<Self, ()> {
        Asset::ALL.into_iter().find(|asset| asset.code() == text).ok_or(())
    }
}

/// Writes `units` with as many of the seven decimals as are needed, at least two: `10.00`, `-0.0000001`.
pub fn write_units(f: &mut impl fmt::Write, units: i128) -> fmt::Result {
    let scale = SCALE.unsigned_abs() as u128;
    let (whole, rest) = (units.unsigned_abs() / scale, units.unsigned_abs() % scale);
    let digits = format!("{rest:07}");
    let shown = digits.trim_end_matches('0').len().max(2);
    write!(f, "{}{whole}.{}", if units < 0 { "-" } else { "" }, &digits[..shown])
}

macro_rules! asset {
    ($name:ident, $asset:expr, $doc:literal) => {
        #[doc = $doc]
        #[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Default, Serialize, Deserialize)]
        #[serde(transparent)]
        pub struct $name(i64);

        impl $name {
            pub const ZERO: $name = $name(0);
            pub const ASSET: Asset = $asset;

            pub const fn from_units(units: i64) -> Self {
                $name(units)
            }

            pub const fn units(self) -> i64 {
                self.0
            }

            pub fn checked_add(self, other: Self) -> Option<Self> {
                self.0.checked_add(other.0).map($name)
            }

            pub fn checked_sub(self, other: Self) -> Option<Self> {
                self.0.checked_sub(other.0).map($name)
            }

            /// `self × part ÷ whole`, rounded down. None on overflow or a whole of zero.
            pub fn part(self, part: u64, whole: u64) -> Option<Self> {
                let product = i128::from(self.0).checked_mul(i128::from(part))?;
                if whole == 0 {
                    return None;
                }
                i64::try_from(product.div_euclid(i128::from(whole))).ok().map($name)
            }
        }

        /// `10.00 USD`
        impl fmt::Display for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                write_units(f, self.0.into())?;
                write!(f, " {}", $asset)
            }
        }
    };
}

asset!(Usd, Asset::Usd, "US dollars in units of 10⁻⁷.");
asset!(Tft, Asset::Tft, "ThreeFold tokens in units of 10⁻⁷, the chain's own unit.");

impl Usd {
    pub const fn from_cents(cents: i64) -> Self {
        Usd(cents.saturating_mul(UNITS_PER_CENT))
    }

    /// Whole cents, or None if there is a fraction of a cent left.
    pub fn cents(self) -> Option<i64> {
        (self.0 % UNITS_PER_CENT == 0).then_some(self.0 / UNITS_PER_CENT)
    }

    /// Up to the next whole cent, away from zero only for positive amounts.
    pub const fn ceil_to_cent(self) -> Self {
        let rest = self.0.rem_euclid(UNITS_PER_CENT);
        if rest == 0 { self } else { Usd(self.0 + (UNITS_PER_CENT - rest)) }
    }

    /// Down to a whole cent.
    pub const fn floor_to_cent(self) -> Self {
        Usd(self.0 - self.0.rem_euclid(UNITS_PER_CENT))
    }

    /// As people read it, `$10.00`, `−$1,250.00`; more decimals only where there is a fraction of a cent, because money is never
    /// rounded in silence.
    pub fn shown(self) -> String {
        let text = amount_text(self.0);
        match text.strip_prefix('-') {
            Some(rest) => format!("−${rest}"),
            None => format!("${text}"),
        }
    }
}

/// Two, four or seven decimals, so that columns stay readable; thousands set apart.
pub fn amount_text(units: i64) -> String {
    let mut plain = String::new();
    write_units(&mut plain, units.into()).expect("a String takes every write");
    let (sign, digits) = plain.strip_prefix('-').map_or(("", plain.as_str()), |rest| ("-", rest));
    let (whole, rest) = digits.split_once('.').unwrap_or((digits, "00"));
    let places = match rest.len() {
        0..=2 => 2,
        3..=4 => 4,
        _ => 7,
    };
    format!("{sign}{}.{rest:0<places$}", count(whole.parse().unwrap_or_default()))
}

/// `12,480`.
pub fn count(number: u64) -> String {
    let digits = number.to_string();
    let mut text = String::new();
    for (place, digit) in digits.chars().enumerate() {
        if place > 0 && (digits.len() - place).is_multiple_of(3) {
            text.push(',');
        }
        text.push(digit);
    }
    text
}

/// The price of one TFT in thousandths of a US dollar, as the chain states it (`TFTPriceModule`).
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(transparent)]
pub struct Rate(u32);

impl Rate {
    /// None for a price of zero: nothing can be divided by it.
    pub const fn from_musd(musd: u32) -> Option<Self> {
        if musd == 0 { None } else { Some(Rate(musd)) }
    }

    pub const fn musd(self) -> u32 {
        self.0
    }

    /// What `tft` is worth, rounded down to a unit.
    pub fn to_usd(self, tft: Tft) -> Option<Usd> {
        i64::try_from((i128::from(tft.0) * i128::from(self.0)).div_euclid(1000)).ok().map(Usd)
    }

    /// The tokens that `usd` buys, rounded up to a unit so that a cost is never understated.
    pub fn to_tft(self, usd: Usd) -> Option<Tft> {
        let (product, price) = (i128::from(usd.0) * 1000, i128::from(self.0));
        i64::try_from((product + price - 1).div_euclid(price)).ok().map(Tft)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn money_prints_with_the_decimals_it_needs() {
        assert_eq!(Usd::from_cents(1000).to_string(), "10.00 USD");
        assert_eq!(Tft::from_units(1).to_string(), "0.0000001 TFT");
        assert_eq!(Usd::from_units(-15_000_000).to_string(), "-1.50 USD");
    }

    #[test]
    fn cents_round_where_the_name_says() {
        let odd = Usd::from_units(100_001);
        assert_eq!(odd.cents(), None);
        assert_eq!(odd.ceil_to_cent().cents(), Some(2));
        assert_eq!(odd.floor_to_cent().cents(), Some(1));
        assert_eq!(Usd::from_units(-1).floor_to_cent().cents(), Some(-1));
    }

    #[test]
    fn a_part_is_rounded_down() {
        assert_eq!(Tft::from_units(5).part(50, 100), Some(Tft::from_units(2)));
        assert_eq!(Tft::from_units(5).part(1, 0), None);
    }

    #[test]
    fn assets_meet_only_in_a_rate() {
        let rate = Rate::from_musd(10).expect("not zero");
        assert_eq!(rate.to_usd(Tft::from_units(SCALE)), Some(Usd::from_cents(1)));
        assert_eq!(rate.to_tft(Usd::from_cents(1)), Some(Tft::from_units(SCALE)));
        assert_eq!(Rate::from_musd(3).and_then(|rate| rate.to_tft(Usd::from_units(1))), Some(Tft::from_units(334)));
        assert_eq!(Rate::from_musd(0), None);
    }
}
