//! The journal: what happened to money, numbered from 1 without a gap, each entry chained to the one before.

use std::fmt;

use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256};

use super::account::Account;
use super::rules::Cause;
use crate::base::Time;
use crate::base::ids::TransferId;

/// What a transfer moves, fixed when it is opened.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Terms {
    pub debit: Account,
    pub credit: Account,
    /// Units of the asset both accounts are in.
    pub amount: i64,
    pub cause: Cause,
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub memo: String,
}

/// What an entry says was done.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Deed {
    /// Opened and held: the amount is taken out of what can be spent and has not yet arrived.
    Hold(Terms),
    /// Opened and posted at once.
    Transfer(Terms),
    /// A held transfer moved this much; the rest of the hold was let go.
    Post(i64),
    /// A held transfer was let go.
    Void,
}

/// One line of the journal. Never changed, never removed.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Entry {
    pub number: u64,
    /// Never earlier than the entry before.
    pub at: Time,
    pub transfer: TransferId,
    pub deed: Deed,
    pub hash: Hash,
}

impl Entry {
    /// The entry that follows `head`.
    pub fn after(head: &Head, at: Time, transfer: TransferId, deed: Deed) -> Entry {
        let mut entry = Entry { number: head.number + 1, at: at.max(head.at), transfer, deed, hash: Hash::default() };
        entry.hash = entry.seal(&head.hash);
        entry
    }

    /// What `hash` must be: SHA-256 of the hash before and this entry as lines of text. The form is frozen; a field that
    /// is added later is hashed only where it is there.
    pub fn seal(&self, before: &Hash) -> Hash {
        let mut lines = format!("{before}\n{}\n{}\n{}\n", self.number, self.at.ms(), self.transfer);
        let terms = |verb: &str, terms: &Terms| {
            let Terms { debit, credit, amount, cause, memo } = terms;
            format!("{verb}\n{debit}\n{credit}\n{amount}\n{cause}\n{memo}\n")
        };
        lines += &match &self.deed {
            Deed::Hold(held) => terms("hold", held),
            Deed::Transfer(moved) => terms("transfer", moved),
            Deed::Post(amount) => format!("post\n{amount}\n"),
            Deed::Void => "void\n".into(),
        };
        Hash(Sha256::digest(lines).into())
    }

    pub fn head(&self) -> Head {
        Head { number: self.number, at: self.at, hash: self.hash }
    }
}

/// The end of the journal: everything before it is fixed by its hash.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
pub struct Head {
    pub number: u64,
    pub at: Time,
    pub hash: Hash,
}

/// A SHA-256, printed in hex.
#[derive(Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct Hash(pub [u8; 32]);

impl fmt::Display for Hash {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&hex::encode(self.0))
    }
}

impl fmt::Debug for Hash {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

impl TryFrom<String> for Hash {
    type Error = hex::FromHexError;
    fn try_from(text: String) -> Result<Self, Self::Error> {
        let mut bytes = [0; 32];
        hex::decode_to_slice(text, &mut bytes).map(|()| Hash(bytes))
    }
}

impl From<Hash> for String {
    fn from(hash: Hash) -> String {
        hash.to_string()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn entry() -> Entry {
        let terms = Terms {
            debit: Account::WALLET,
            credit: Account::opening(crate::base::money::Asset::Tft),
            amount: 5,
            cause: Cause::new("opening", 1),
            memo: String::new(),
        };
        Entry::after(&Head::default(), Time::from_ms(7), TransferId::from_bits(9), Deed::Transfer(terms))
    }

    #[test]
    fn the_form_that_is_hashed_never_changes() {
        assert_eq!(entry().hash.to_string(), "735fb7daf0c94533c61ed5c5df5ba52eeb66c8c0f325e2396a438e3840e6bfe8");
    }

    #[test]
    fn every_field_is_under_the_seal() {
        let first = entry();
        let seal = |change: fn(&mut Entry)| {
            let mut other = first.clone();
            change(&mut other);
            other.seal(&Hash::default())
        };
        assert_eq!(seal(|_| ()), first.hash);
        fn terms(entry: &mut Entry) -> &mut Terms {
            let Deed::Transfer(terms) = &mut entry.deed else { panic!("a transfer") };
            terms
        }
        let changes: [fn(&mut Entry); 9] = [
            |entry| entry.number += 1,
            |entry| entry.at = Time::from_ms(8),
            |entry| entry.transfer = TransferId::from_bits(8),
            |entry| terms(entry).amount += 1,
            |entry| terms(entry).debit = Account::GRID_RESERVE,
            |entry| terms(entry).credit = Account::WALLET,
            |entry| terms(entry).cause = Cause::new("opening", 2),
            |entry| terms(entry).memo = "x".into(),
            |entry| entry.deed = Deed::Hold(terms(entry).clone()),
        ];
        for change in changes {
            assert_ne!(seal(change), first.hash);
        }
        assert_ne!(first.seal(&first.hash), first.hash);
    }

    #[test]
    fn time_never_runs_backwards_in_the_journal() {
        let first = entry();
        let second = Entry::after(&first.head(), Time::from_ms(3), TransferId::from_bits(9), Deed::Void);
        assert_eq!((second.number, second.at), (2, Time::from_ms(7)));
    }
}
