//! One list of all ids. Random 128-bit numbers, one type a noun, so that they can't be swapped or guessed.

use std::fmt;
use std::str::FromStr;

use serde::{Deserialize, Deserializer, Serialize, Serializer};

use super::seam::Random;

/// Crockford's alphabet: no i, l, o, u, so that an id can be read out on the telephone.
const ALPHABET: &[u8; 32] = b"0123456789abcdefghjkmnpqrstvwxyz";
/// 128 bits at 5 bits a letter.
const LETTERS: usize = 26;

fn write_id(f: &mut fmt::Formatter<'_>, prefix: &str, bits: u128) -> fmt::Result {
    write!(f, "{prefix}_")?;
    for place in (0..LETTERS).rev() {
        let letter = ALPHABET[(bits >> (place * 5)) as usize & 31];
        write!(f, "{}", char::from(letter))?;
    }
    Ok(())
}

fn read_id(prefix: &str, text: &str) -> Option<u128> {
    let letters = text.strip_prefix(prefix)?.strip_prefix('_')?.as_bytes();
    if letters.len() != LETTERS || letters[0] > b'7' {
        return None; // the first letter carries only three bits
    }
    letters.iter().try_fold(0u128, |bits, letter| {
        let value = ALPHABET.iter().position(|known| known == letter)?;
        Some(bits << 5 | value as u128)
    })
}

/// The text is not an id of this kind.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct NotAnId;

impl fmt::Display for NotAnId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("not an id of this kind")
    }
}

impl std::error::Error for NotAnId {}

macro_rules! ids {
    ($($name:ident $prefix:literal $doc:literal,)*) => {$(
        #[doc = $doc]
        #[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
        pub struct $name(u128);

        impl $name {
            pub const PREFIX: &'static str = $prefix;

            pub fn random(random: &dyn Random) -> Self {
                $name(u128::from_be_bytes(random.bytes()))
            }

            pub const fn from_bits(bits: u128) -> Self {
                $name(bits)
            }

            pub const fn bits(self) -> u128 {
                self.0
            }
        }

        impl fmt::Display for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                write_id(f, $prefix, self.0)
            }
        }

        impl fmt::Debug for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                fmt::Display::fmt(self, f)
            }
        }

        impl FromStr for $name {
            type Err = NotAnId;
            fn from_str(text: &str) -> Result<Self, NotAnId> {
                read_id($prefix, text).map($name).ok_or(NotAnId)
            }
        }

        impl Serialize for $name {
            fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
                serializer.collect_str(self)
            }
        }

        impl<'de> Deserialize<'de> for $name {
            fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
                let text = std::borrow::Cow::<'de, str>::deserialize(deserializer)?;
                text.parse().map_err(serde::de::Error::custom)
            }
        }
    )*};
}

ids! {
    CardId "card" "A saved card.",
    ChargeId "chg" "An intent to take money from a card, or to give it back.",
    FilterId "flt" "A filter that somebody saved.",
    JobId "job" "Something owed, with a payload.",
    MailId "mail" "A mail in the outbox; also its Message-ID.",
    MaintenanceId "mnt" "A time in which a provider works on a node.",
    OrderId "ord" "An order, and the deployment it becomes.",
    PoolId "pool" "A private pool of nodes.",
    QuoteId "quo" "A price given once and kept.",
    RefundId "ref" "An intent to give money back to a card.",
    RevisionId "rev" "A change of something that runs.",
    SessionId "ses" "A browser session as people see it in a list; not the cookie's secret.",
    TransferId "trf" "One movement in the ledger.",
    UserId "usr" "A person's account.",
    WebAddressId "web" "A web address of a machine.",
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_id_prints_and_parses_inverse() {
        for bits in [0, 1, u128::MAX, 0x0123_4567_89ab_cdef_0123_4567_89ab_cdef] {
            let id = OrderId::from_bits(bits);
            assert_eq!(id.to_string().parse::<OrderId>(), Ok(id));
        }
        assert_eq!(OrderId::from_bits(31).to_string(), "ord_0000000000000000000000000z");
    }

    #[test]
    fn an_id_of_another_noun_is_refused() {
        let user = UserId::from_bits(7).to_string();
        assert_eq!(user.parse::<OrderId>(), Err(NotAnId));
        for wrong in ["", "ord_", "ord_8zzzzzzzzzzzzzzzzzzzzzzzzz", "ord_0000000000000000000000000I", "ord_00"] {
            assert_eq!(wrong.parse::<OrderId>(), Err(NotAnId), "{wrong}");
        }
    }
}
