//! Typed tables: keys whose bytes sort as they do, rows as JSON, and the questions every reader can ask.
//!
//! Rows are additive: a new field carries `#[serde(default)]`, a field no longer needed stays readable. Any other
//! change is a migration with its own frozen copy of the old type. Stored names never change.

use std::marker::PhantomData;
use std::ops::{Bound, RangeBounds};

use serde::Serialize;
use serde::de::DeserializeOwned;

use super::key::{AsKey, Key, PrefixOf, decode, encode, encode_prefix};
use crate::base::{Error, Result};

/// Whatever serde can write and read again.
pub trait Row: Serialize + DeserializeOwned {}

impl<T: Serialize + DeserializeOwned> Row for T {}

/// A table of rows `V` in the order of their keys `K`.
pub struct Table<K, V> {
    pub(super) name: &'static str,
    types: PhantomData<fn() -> (K, V)>,
}

impl<K: Key, V: Row> Table<K, V> {
    /// `name` is what is stored: it never changes and belongs to this table alone.
    pub const fn new(name: &'static str) -> Self {
        Table { name, types: PhantomData }
    }

    /// The same table with its rows as another program wrote them: for migrations, each of which has its own frozen copy of the type.
    pub(super) const fn with_rows<W: Row>(&self) -> Table<K, W> {
        Table { name: self.name, types: PhantomData }
    }
}

/// Finds rows of another table: many primary keys `P` under one key `K`, each pair at most once.
pub struct Index<K, P> {
    pub(super) name: &'static str,
    types: PhantomData<fn() -> (K, P)>,
}

impl<K: Key, P: Key> Index<K, P> {
    pub const fn new(name: &'static str) -> Self {
        Index { name, types: PhantomData }
    }
}

/// One value of its own, kept in the table META.
pub struct Single<V> {
    pub(super) name: &'static str,
    types: PhantomData<fn() -> V>,
}

impl<V: Row> Single<V> {
    pub const fn new(name: &'static str) -> Self {
        Single { name, types: PhantomData }
    }
}

/// The table that holds every `Single`.
pub(super) const META: &str = "meta";

/// From which end a range is read.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Order {
    /// Smallest key first.
    Up,
    /// Largest key first: the newest, where keys start with a time or a number.
    Down,
}

/// The bytes between which a range lies.
pub(super) type Span = (Bound<Vec<u8>>, Bound<Vec<u8>>);
pub(super) type Pair = (Vec<u8>, Vec<u8>);

const EVERYTHING: Span = (Bound::Unbounded, Bound::Unbounded);
/// How many rows are held in memory at once while a whole table is walked.
const CHUNK: usize = 512;

/// What a snapshot and a transaction each do in their own way. The bytes never leave this room.
pub(super) trait Raw {
    fn raw_get(&self, table: &'static str, key: &[u8]) -> Result<Option<Vec<u8>>>;
    fn raw_scan(&self, table: &'static str, span: &Span, order: Order, limit: usize) -> Result<Vec<Pair>>;
}

/// The questions. The same on a snapshot and inside a write, where they see what the write has done so far.
#[allow(private_bounds, reason = "only this room implements readers")]
pub trait Read: Raw {
    /// The row at `key`.
    fn get<K: Key, V: Row>(&self, table: &Table<K, V>, key: impl AsKey<K>) -> Result<Option<V>> {
        self.raw_get(table.name, &encode(&key))?.map(|bytes| row(table.name, &bytes)).transpose()
    }

    /// The row at `key`, or the error that there is no such `noun`.
    fn need<K: Key, V: Row>(&self, table: &Table<K, V>, key: impl AsKey<K>, noun: &str) -> Result<V> {
        self.get(table, key)?.ok_or_else(|| Error::not_found(noun))
    }

    fn has<K: Key, V: Row>(&self, table: &Table<K, V>, key: impl AsKey<K>) -> Result<bool> {
        Ok(self.raw_get(table.name, &encode(&key))?.is_some())
    }

    /// Rows from the first key on, at most `limit`.
    fn all<K: Key, V: Row>(&self, table: &Table<K, V>, limit: usize) -> Result<Vec<(K, V)>> {
        scan(self, table, &EVERYTHING, Order::Up, limit)
    }

    /// The rows with the largest keys, the largest first.
    fn newest<K: Key, V: Row>(&self, table: &Table<K, V>, limit: usize) -> Result<Vec<(K, V)>> {
        scan(self, table, &EVERYTHING, Order::Down, limit)
    }

    fn last<K: Key, V: Row>(&self, table: &Table<K, V>) -> Result<Option<(K, V)>> {
        Ok(self.newest(table, 1)?.pop())
    }

    /// Rows whose keys lie in `bounds`. A bound may be a whole key or the first parts of one: with keys
    /// `(user, time)`, the range `user..=user` is everything of that user.
    fn range<K: Key, V: Row, Q: PrefixOf<K>>(
        &self,
        table: &Table<K, V>,
        bounds: impl RangeBounds<Q>,
        order: Order,
        limit: usize,
    ) -> Result<Vec<(K, V)>> {
        scan(self, table, &span(bounds), order, limit)
    }

    /// Rows whose keys start with `prefix`.
    fn under<K: Key, V: Row, Q: PrefixOf<K>>(
        &self,
        table: &Table<K, V>,
        prefix: &Q,
        order: Order,
        limit: usize,
    ) -> Result<Vec<(K, V)>> {
        scan(self, table, &under(encode_prefix(prefix)), order, limit)
    }

    /// The next `limit` rows after the key `after`, or the first ones. The last key of a page asks for the next page.
    fn page<K: Key, V: Row>(&self, table: &Table<K, V>, after: Option<K>, limit: usize) -> Result<Vec<(K, V)>> {
        let from = after.map_or(Bound::Unbounded, |key| Bound::Excluded(encode(&key)));
        scan(self, table, &(from, Bound::Unbounded), Order::Up, limit)
    }

    /// Walks a whole table in the order of its keys without holding it in memory.
    fn each<K: Key, V: Row>(&self, table: &Table<K, V>, mut visit: impl FnMut(K, V) -> Result<()>) -> Result<()> {
        walk(self, table.name, |key, value| visit(typed(table.name, key)?, row(table.name, value)?))
    }

    /// Walks a whole index in its order.
    fn each_link<K: Key, P: Key>(&self, index: &Index<K, P>, mut visit: impl FnMut(K, P) -> Result<()>) -> Result<()> {
        walk(self, index.name, |key, _| {
            let (key, primary) = typed(index.name, key)?;
            visit(key, primary)
        })
    }

    /// The primary keys under `key`, in their order.
    fn linked<K: Key, P: Key>(&self, index: &Index<K, P>, key: impl AsKey<K>, order: Order, limit: usize) -> Result<Vec<P>> {
        let pairs = self.raw_scan(index.name, &under(encode(&key)), order, limit)?;
        pairs.iter().map(|(key, _)| typed::<(K, P)>(index.name, key).map(|(_, primary)| primary)).collect()
    }

    /// Pairs of an index whose keys lie in `bounds`: what is due until now is `..=now`.
    fn links<K: Key, P: Key, Q: PrefixOf<(K, P)>>(
        &self,
        index: &Index<K, P>,
        bounds: impl RangeBounds<Q>,
        order: Order,
        limit: usize,
    ) -> Result<Vec<(K, P)>> {
        let pairs = self.raw_scan(index.name, &span(bounds), order, limit)?;
        pairs.iter().map(|(key, _)| typed(index.name, key)).collect()
    }

    fn is_linked<K: Key, P: Key>(&self, index: &Index<K, P>, key: impl AsKey<K>, primary: impl AsKey<P>) -> Result<bool> {
        Ok(self.raw_get(index.name, &encode_pair(&key, &primary))?.is_some())
    }

    /// The rows an index finds under `key`, in the order of their primary keys.
    fn follow<K: Key, P: Key, V: Row>(
        &self,
        index: &Index<K, P>,
        key: impl AsKey<K>,
        table: &Table<P, V>,
        limit: usize,
    ) -> Result<Vec<V>> {
        self.follow_in(index, key, table, Order::Up, limit)
    }

    /// `follow`, from the end that is asked for.
    fn follow_in<K: Key, P: Key, V: Row>(
        &self,
        index: &Index<K, P>,
        key: impl AsKey<K>,
        table: &Table<P, V>,
        order: Order,
        limit: usize,
    ) -> Result<Vec<V>> {
        let gone = || Error::internal(format!("The index {} points to a row that is not there.", index.name));
        let keys = self.linked(index, key, order, limit)?;
        keys.into_iter().map(|primary| self.get(table, primary)?.ok_or_else(gone)).collect()
    }

    /// One of the values in META.
    fn single<V: Row>(&self, single: &Single<V>) -> Result<Option<V>> {
        self.raw_get(META, &encode::<String>(&single.name))?.map(|bytes| row(single.name, &bytes)).transpose()
    }
}

impl<T: Raw> Read for T {}

fn scan<K: Key, V: Row>(
    reader: &(impl Raw + ?Sized),
    table: &Table<K, V>,
    span: &Span,
    order: Order,
    limit: usize,
) -> Result<Vec<(K, V)>> {
    let pairs = reader.raw_scan(table.name, span, order, limit)?;
    pairs.iter().map(|(key, value)| Ok((typed(table.name, key)?, row(table.name, value)?))).collect()
}

/// Shows all of a table, a chunk at a time.
fn walk(reader: &(impl Raw + ?Sized), table: &'static str, mut visit: impl FnMut(&[u8], &[u8]) -> Result<()>) -> Result<()> {
    let mut from = Bound::Unbounded;
    loop {
        let pairs = reader.raw_scan(table, &(from, Bound::Unbounded), Order::Up, CHUNK)?;
        for (key, value) in &pairs {
            visit(key, value)?;
        }
        match pairs.into_iter().nth(CHUNK - 1) {
            Some((last, _)) => from = Bound::Excluded(last),
            None => return Ok(()),
        }
    }
}

/// The stored bytes of a row.
pub(super) fn bytes_of<V: Row>(name: &'static str, value: &V) -> Result<Vec<u8>> {
    serde_json::to_vec(value).map_err(|cause| Error::internal(format!("A row of {name} cannot be written.")).because(cause))
}

pub(super) fn row<V: Row>(name: &'static str, bytes: &[u8]) -> Result<V> {
    serde_json::from_slice(bytes).map_err(|cause| Error::internal(format!("A row of {name} cannot be read.")).because(cause))
}

fn typed<K: Key>(name: &'static str, bytes: &[u8]) -> Result<K> {
    decode(bytes).ok_or_else(|| Error::internal(format!("A key of {name} cannot be read.")))
}

/// The stored key of a pair in an index.
pub(super) fn encode_pair<K: Key, P: Key>(key: &impl AsKey<K>, primary: &impl AsKey<P>) -> Vec<u8> {
    let mut bytes = encode(key);
    primary.write_key(&mut bytes);
    bytes
}

/// No key is the beginning of another one, so a whole key may be treated as a prefix of itself.
fn span<K: Key, Q: PrefixOf<K>>(bounds: impl RangeBounds<Q>) -> Span {
    let from = match bounds.start_bound() {
        Bound::Included(prefix) => Bound::Included(encode_prefix(prefix)),
        Bound::Excluded(prefix) => after(encode_prefix(prefix), Bound::Included),
        Bound::Unbounded => Bound::Unbounded,
    };
    let to = match bounds.end_bound() {
        Bound::Included(prefix) => after(encode_prefix(prefix), Bound::Excluded),
        Bound::Excluded(prefix) => Bound::Excluded(encode_prefix(prefix)),
        Bound::Unbounded => Bound::Unbounded,
    };
    (from, to)
}

fn under(prefix: Vec<u8>) -> Span {
    (Bound::Included(prefix.clone()), after(prefix, Bound::Excluded))
}

/// The bound at the first bytes that are larger than everything that starts with `prefix`.
fn after(mut prefix: Vec<u8>, bound: fn(Vec<u8>) -> Bound<Vec<u8>>) -> Bound<Vec<u8>> {
    while let Some(last) = prefix.pop() {
        if last < u8::MAX {
            prefix.push(last + 1);
            return bound(prefix);
        }
    }
    Bound::Unbounded
}
