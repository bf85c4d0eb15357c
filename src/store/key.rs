//! Keys as bytes: they sort as the values do, and no key is the beginning of another one.

use crate::base::Time;
use crate::base::ids::{
    CardId, ChargeId, FilterId, JobId, MailId, MaintenanceId, OrderId, PoolId, QuoteId, RefundId, RevisionId, SessionId,
    TransferId, UserId, WebAddressId,
};
use crate::domain::ledger::Account;

/// A value that can be (part of) a key. Tuples of keys are keys.
pub trait Key: Sized {
    fn write(&self, bytes: &mut Vec<u8>);
    /// Takes one key off the front.
    fn read(bytes: &mut &[u8]) -> Option<Self>;
}

/// What may be passed where a key `K` is asked for: the key, a reference to it, or `&str` for `String`.
pub trait AsKey<K> {
    fn write_key(&self, bytes: &mut Vec<u8>);
}

impl<K: Key> AsKey<K> for K {
    fn write_key(&self, bytes: &mut Vec<u8>) {
        self.write(bytes);
    }
}

impl<K: Key> AsKey<K> for &K {
    fn write_key(&self, bytes: &mut Vec<u8>) {
        self.write(bytes);
    }
}

impl AsKey<String> for &str {
    fn write_key(&self, bytes: &mut Vec<u8>) {
        write_text(self, bytes);
    }
}

/// The first parts of a composite key, or all of it.
pub trait PrefixOf<K> {
    fn write_prefix(&self, bytes: &mut Vec<u8>);
}

macro_rules! prefix {
    ([$($all:ident)*] $whole:ty, $part:ty) => {
        impl<$($all: Key),*> PrefixOf<$whole> for $part {
            fn write_prefix(&self, bytes: &mut Vec<u8>) {
                self.write(bytes);
            }
        }
    };
}

prefix!([A] A, A);
prefix!([A B] (A, B), A);
prefix!([A B C] (A, B, C), A);
prefix!([A B C] (A, B, C), (A, B));
prefix!([A B C D] (A, B, C, D), A);
prefix!([A B C D] (A, B, C, D), (A, B));
prefix!([A B C D] (A, B, C, D), (A, B, C));
// An index whose own key is a pair: `(a,)` is everything under its first part.
prefix!([A B P] ((A, B), P), (A,));

pub(super) fn encode<K: Key>(key: &impl AsKey<K>) -> Vec<u8> {
    let mut bytes = Vec::with_capacity(32);
    key.write_key(&mut bytes);
    bytes
}

pub(super) fn encode_prefix<K: Key>(prefix: &impl PrefixOf<K>) -> Vec<u8> {
    let mut bytes = Vec::with_capacity(32);
    prefix.write_prefix(&mut bytes);
    bytes
}

pub(super) fn decode<K: Key>(mut bytes: &[u8]) -> Option<K> {
    K::read(&mut bytes).filter(|_| bytes.is_empty())
}

fn take<const N: usize>(bytes: &mut &[u8]) -> Option<[u8; N]> {
    let (chunk, rest) = bytes.split_first_chunk()?;
    *bytes = rest;
    Some(*chunk)
}

macro_rules! numbers {
    ($($number:ty)*) => {$(
        impl Key for $number {
            fn write(&self, bytes: &mut Vec<u8>) {
                bytes.extend_from_slice(&self.to_be_bytes());
            }
            fn read(bytes: &mut &[u8]) -> Option<Self> {
                take(bytes).map(<$number>::from_be_bytes)
            }
        }
    )*};
}

numbers!(u8 u16 u32 u64 u128);

/// The sign is flipped, so that -1 comes before 0.
impl Key for i64 {
    fn write(&self, bytes: &mut Vec<u8>) {
        (self.cast_unsigned() ^ (1 << 63)).write(bytes);
    }
    fn read(bytes: &mut &[u8]) -> Option<Self> {
        u64::read(bytes).map(|flipped| (flipped ^ (1 << 63)).cast_signed())
    }
}

impl Key for bool {
    fn write(&self, bytes: &mut Vec<u8>) {
        bytes.push(u8::from(*self));
    }
    fn read(bytes: &mut &[u8]) -> Option<Self> {
        match u8::read(bytes)? {
            0 => Some(false),
            1 => Some(true),
            _ => None,
        }
    }
}

impl Key for Time {
    fn write(&self, bytes: &mut Vec<u8>) {
        self.ms().write(bytes);
    }
    fn read(bytes: &mut &[u8]) -> Option<Self> {
        i64::read(bytes).map(Time::from_ms)
    }
}

/// Hashes and the like, of a fixed length.
impl<const N: usize> Key for [u8; N] {
    fn write(&self, bytes: &mut Vec<u8>) {
        bytes.extend_from_slice(self);
    }
    fn read(bytes: &mut &[u8]) -> Option<Self> {
        take(bytes)
    }
}

/// Text ends with 0, 0; a 0 inside it is written 0, 255. So "a" sorts before "ab", also as the first part of a pair.
fn write_text(text: &str, bytes: &mut Vec<u8>) {
    for byte in text.bytes() {
        bytes.push(byte);
        if byte == 0 {
            bytes.push(u8::MAX);
        }
    }
    bytes.extend_from_slice(&[0, 0]);
}

impl Key for String {
    fn write(&self, bytes: &mut Vec<u8>) {
        write_text(self, bytes);
    }
    fn read(bytes: &mut &[u8]) -> Option<Self> {
        let mut text = Vec::new();
        loop {
            match (u8::read(bytes)?, bytes.first()) {
                (0, Some(0)) => {
                    u8::read(bytes)?;
                    return String::from_utf8(text).ok();
                }
                (0, Some(&u8::MAX)) => {
                    u8::read(bytes)?;
                    text.push(0);
                }
                (0, _) => return None,
                (byte, _) => text.push(byte),
            }
        }
    }
}

macro_rules! ids {
    ($($id:ident)*) => {$(
        impl Key for $id {
            fn write(&self, bytes: &mut Vec<u8>) {
                self.bits().write(bytes);
            }
            fn read(bytes: &mut &[u8]) -> Option<Self> {
                u128::read(bytes).map($id::from_bits)
            }
        }
    )*};
}

ids!(CardId ChargeId FilterId JobId MailId MaintenanceId OrderId PoolId QuoteId RefundId RevisionId SessionId TransferId UserId WebAddressId);

/// By its name, so that accounts list in the order people read them.
impl Key for Account {
    fn write(&self, bytes: &mut Vec<u8>) {
        write_text(&self.to_string(), bytes);
    }
    fn read(bytes: &mut &[u8]) -> Option<Self> {
        String::read(bytes)?.parse().ok()
    }
}

macro_rules! tuples {
    ($(($($part:ident $place:tt),*))*) => {$(
        impl<$($part: Key),*> Key for ($($part,)*) {
            fn write(&self, bytes: &mut Vec<u8>) {
                $(self.$place.write(bytes);)*
            }
            fn read(bytes: &mut &[u8]) -> Option<Self> {
                Some(($($part::read(bytes)?,)*))
            }
        }
    )*};
}

tuples! { (A 0) (A 0, B 1) (A 0, B 1, C 2) (A 0, B 1, C 2, D 3) }

#[cfg(test)]
mod tests {
    use super::*;

    fn sorted<K: Key + Ord + Clone + std::fmt::Debug>(mut keys: Vec<K>) {
        keys.sort();
        let mut stored: Vec<Vec<u8>> = keys.iter().map(|key| encode(key)).collect();
        stored.sort();
        let read: Vec<K> = stored.iter().map(|bytes| decode(bytes).expect("a key that was written")).collect();
        assert_eq!(read, keys);
    }

    #[test]
    fn keys_sort_as_their_values_do() {
        sorted(vec![i64::MIN, -1, 0, 1, i64::MAX]);
        sorted(vec![Time::from_ms(-5), Time::EPOCH, Time::from_ms(1 << 40)]);
        sorted(vec![u128::MAX, 0, 1 << 64]);
        sorted(["", "a", "a\0", "a\0b", "a\u{1}", "ab", "b", "ä"].map(String::from).to_vec());
        sorted(vec![("a".to_string(), 2u8), ("ab".to_string(), 1), ("a".to_string(), 1), ("".to_string(), 255)]);
    }

    #[test]
    fn the_first_parts_of_a_key_are_how_it_begins() {
        let whole = encode(&((7u64, "a".to_string()), 9u8));
        let pair = encode_prefix::<((u64, String), u8)>(&(7u64, "a".to_string()));
        let first = encode_prefix::<((u64, String), u8)>(&(7u64,));
        assert!(whole.starts_with(&pair) && pair.starts_with(&first));
        assert!(!encode(&"ab".to_string()).starts_with(&encode(&"a".to_string())), "no key begins another");
    }

    #[test]
    fn a_key_with_something_behind_it_is_not_a_key() {
        assert_eq!(decode::<u8>(&[1, 2]), None);
        assert_eq!(decode::<String>(b"abc"), None);
        assert_eq!(decode::<bool>(&[2]), None);
    }
}
