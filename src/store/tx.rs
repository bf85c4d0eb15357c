//! The two readers: a snapshot, and a transaction that can also write.

use std::cell::{Cell, RefCell};
use std::collections::BTreeMap;
use std::collections::btree_map::Entry;
use std::ops::{Bound, RangeBounds};
use std::sync::Arc;

use redb::{ReadableTable, ReadableTableMetadata, TableDefinition, TableError};

use super::health::Health;
use super::key::{AsKey, Key, encode};
use super::table::{Index, META, Order, Pair, Raw, Row, Single, Span, Table, bytes_of, encode_pair, row};
use crate::base::{Error, Result};

type Definition = TableDefinition<'static, &'static [u8], &'static [u8]>;
type OpenTable<'txn> = redb::Table<'txn, &'static [u8], &'static [u8]>;

const fn definition(name: &'static str) -> Definition {
    TableDefinition::new(name)
}

fn bounds(span: &Span) -> (Bound<&[u8]>, Bound<&[u8]>) {
    (span.0.as_ref().map(Vec::as_slice), span.1.as_ref().map(Vec::as_slice))
}

/// Everything as it was at one moment. Later writes do not show; nothing waits for it.
pub struct Snapshot {
    pub(super) txn: redb::ReadTransaction,
    pub(super) health: Arc<Health>,
}

impl Snapshot {
    /// How many rows a table has, without counting them.
    pub fn count<K, V>(&self, table: &Table<K, V>) -> Result<u64> {
        self.rows(table.name)
    }

    /// How many pairs an index has.
    pub fn count_links<K, P>(&self, index: &Index<K, P>) -> Result<u64> {
        self.rows(index.name)
    }

    fn rows(&self, name: &'static str) -> Result<u64> {
        match self.table(name)? {
            Some(table) => table.len().map_err(|cause| self.health.fail(cause.into())),
            None => Ok(0),
        }
    }

    /// A table nobody has written to yet is an empty one.
    fn table(&self, name: &'static str) -> Result<Option<redb::ReadOnlyTable<&'static [u8], &'static [u8]>>> {
        match self.txn.open_table(definition(name)) {
            Ok(table) => Ok(Some(table)),
            Err(TableError::TableDoesNotExist(_)) => Ok(None),
            Err(cause) => Err(self.health.fail(cause.into())),
        }
    }
}

impl Raw for Snapshot {
    fn raw_get(&self, table: &'static str, key: &[u8]) -> Result<Option<Vec<u8>>> {
        let Some(table) = self.table(table)? else { return Ok(None) };
        get(&table, key).map_err(|cause| self.health.fail(cause.into()))
    }

    fn raw_scan(&self, table: &'static str, span: &Span, order: Order, limit: usize) -> Result<Vec<Pair>> {
        if is_empty(span) {
            return Ok(Vec::new());
        }
        let Some(table) = self.table(table)? else { return Ok(Vec::new()) };
        scan(&table, span, order, limit, None).map_err(|cause| self.health.fail(cause.into()))
    }
}

/// What one request has written so far: None is a removal.
type Overlay = BTreeMap<&'static str, Changes>;
type Changes = BTreeMap<Vec<u8>, Option<Vec<u8>>>;

/// One request inside the open redb transaction of its batch.
///
/// Its writes stay in an overlay that its reads look through, and reach redb only when the request has succeeded. So a
/// request that fails leaves nothing behind while its batch mates live, without savepoints.
pub struct Tx<'batch> {
    tables: &'batch dyn Base,
    overlay: Overlay,
}

impl<'batch> Tx<'batch> {
    pub(super) fn new(tables: &'batch dyn Base) -> Self {
        Tx { tables, overlay: Overlay::new() }
    }

    pub(super) fn into_overlay(self) -> Overlay {
        self.overlay
    }

    fn write(&mut self, table: &'static str, key: Vec<u8>, value: Option<Vec<u8>>) {
        self.overlay.entry(table).or_default().insert(key, value);
    }

    /// Writes a row, over an older one if there is one.
    pub fn put<K: Key, V: Row>(&mut self, table: &Table<K, V>, key: impl AsKey<K>, value: &V) -> Result<()> {
        let bytes = bytes_of(table.name, value)?;
        self.write(table.name, encode(&key), Some(bytes));
        Ok(())
    }

    /// Writes a new row; a conflict if the key is taken.
    pub fn insert<K: Key, V: Row>(&mut self, table: &Table<K, V>, key: impl AsKey<K>, value: &V) -> Result<()> {
        let key = encode(&key);
        if self.raw_get(table.name, &key)?.is_some() {
            return Err(Error::conflict("This exists already."));
        }
        let bytes = bytes_of(table.name, value)?;
        self.write(table.name, key, Some(bytes));
        Ok(())
    }

    /// Removes a row; tells whether there was one.
    pub fn remove<K: Key, V: Row>(&mut self, table: &Table<K, V>, key: impl AsKey<K>) -> Result<bool> {
        let key = encode(&key);
        let was = self.raw_get(table.name, &key)?.is_some();
        if was {
            self.write(table.name, key, None);
        }
        Ok(was)
    }

    /// Claims a row by removing it: of many who try, one gets it.
    pub fn take<K: Key, V: Row>(&mut self, table: &Table<K, V>, key: impl AsKey<K>) -> Result<Option<V>> {
        let key = encode(&key);
        let Some(bytes) = self.raw_get(table.name, &key)? else { return Ok(None) };
        let row = row(table.name, &bytes)?;
        self.write(table.name, key, None);
        Ok(Some(row))
    }

    /// Lets `index` find `primary` under `key`.
    pub fn link<K: Key, P: Key>(&mut self, index: &Index<K, P>, key: impl AsKey<K>, primary: impl AsKey<P>) {
        self.write(index.name, encode_pair(&key, &primary), Some(Vec::new()));
    }

    pub fn unlink<K: Key, P: Key>(&mut self, index: &Index<K, P>, key: impl AsKey<K>, primary: impl AsKey<P>) {
        self.write(index.name, encode_pair(&key, &primary), None);
    }

    /// Moves `primary` from the key `old` to the key `new`; None where it is not listed.
    pub fn relink<K: Key + PartialEq, P: Key>(&mut self, index: &Index<K, P>, primary: &P, old: Option<&K>, new: Option<&K>) {
        if old == new {
            return;
        }
        if let Some(old) = old {
            self.unlink(index, old, primary);
        }
        if let Some(new) = new {
            self.link(index, new, primary);
        }
    }

    /// Sets one of the values in META.
    pub fn set<V: Row>(&mut self, single: &Single<V>, value: &V) -> Result<()> {
        let bytes = bytes_of(single.name, value)?;
        self.write(META, encode::<String>(&single.name), Some(bytes));
        Ok(())
    }
}

impl Raw for Tx<'_> {
    fn raw_get(&self, table: &'static str, key: &[u8]) -> Result<Option<Vec<u8>>> {
        match self.overlay.get(table).and_then(|changes| changes.get(key)) {
            Some(change) => Ok(change.clone()),
            None => self.tables.get(table, key),
        }
    }

    fn raw_scan(&self, table: &'static str, span: &Span, order: Order, limit: usize) -> Result<Vec<Pair>> {
        if is_empty(span) {
            return Ok(Vec::new());
        }
        self.tables.scan(table, span, order, limit, self.overlay.get(table))
    }
}

/// What lies under the overlays of a batch.
pub(super) trait Base {
    fn get(&self, table: &'static str, key: &[u8]) -> Result<Option<Vec<u8>>>;
    fn scan(&self, table: &'static str, span: &Span, order: Order, limit: usize, changes: Option<&Changes>) -> Result<Vec<Pair>>;
}

/// The tables of an open redb transaction, each opened once for the whole batch.
pub(super) struct OpenTables<'txn> {
    txn: &'txn redb::WriteTransaction,
    open: RefCell<BTreeMap<&'static str, OpenTable<'txn>>>,
    health: &'txn Health,
    /// Set while redb works: a panic then is redb's, not the request's.
    inside: Cell<bool>,
}

impl<'txn> OpenTables<'txn> {
    pub(super) fn new(txn: &'txn redb::WriteTransaction, health: &'txn Health) -> Self {
        OpenTables { txn, open: RefCell::default(), health, inside: Cell::new(false) }
    }

    /// Whether redb was at work when the last request ended: it panicked there.
    pub(super) fn was_inside(&self) -> bool {
        self.inside.get()
    }

    /// Writes what a successful request has gathered.
    pub(super) fn apply(&self, overlay: Overlay) -> Result<()> {
        for (name, changes) in overlay {
            self.with(name, |table| {
                for (key, change) in &changes {
                    match change {
                        Some(value) => drop(table.insert(key.as_slice(), value.as_slice())?),
                        None => drop(table.remove(key.as_slice())?),
                    }
                }
                Ok(())
            })?;
        }
        Ok(())
    }

    fn with<T>(&self, name: &'static str, act: impl FnOnce(&mut OpenTable<'txn>) -> Result<T, redb::StorageError>) -> Result<T> {
        self.inside.set(true);
        let mut open = self.open.borrow_mut();
        let table = match open.entry(name) {
            Entry::Occupied(entry) => Ok(entry.into_mut()),
            Entry::Vacant(entry) => self.txn.open_table(definition(name)).map(|table| entry.insert(table)),
        };
        let done = table.map_err(redb::Error::from).and_then(|table| act(table).map_err(redb::Error::from));
        self.inside.set(false);
        done.map_err(|cause| self.health.fail(cause))
    }
}

impl Base for OpenTables<'_> {
    fn get(&self, table: &'static str, key: &[u8]) -> Result<Option<Vec<u8>>> {
        self.with(table, |table| get(table, key))
    }

    fn scan(&self, table: &'static str, span: &Span, order: Order, limit: usize, changes: Option<&Changes>) -> Result<Vec<Pair>> {
        self.with(table, |table| scan(table, span, order, limit, changes))
    }
}

type Stored<T> = Result<T, redb::StorageError>;

fn get(table: &impl ReadableTable<&'static [u8], &'static [u8]>, key: &[u8]) -> Stored<Option<Vec<u8>>> {
    Ok(table.get(key)?.map(|value| value.value().to_vec()))
}

/// redb and `BTreeMap` both panic on a range that ends before it starts; to us it is just empty.
fn is_empty(span: &Span) -> bool {
    match (span.start_bound(), span.end_bound()) {
        (Bound::Included(from), Bound::Included(to)) => from > to,
        (Bound::Included(from) | Bound::Excluded(from), Bound::Included(to) | Bound::Excluded(to)) => from >= to,
        _ => false,
    }
}

fn scan(
    table: &impl ReadableTable<&'static [u8], &'static [u8]>,
    span: &Span,
    order: Order,
    limit: usize,
    changes: Option<&Changes>,
) -> Stored<Vec<Pair>> {
    let stored = table.range::<&[u8]>(bounds(span))?;
    let changed = changes.into_iter().flat_map(|changes| changes.range::<[u8], _>(bounds(span)));
    match order {
        Order::Up => merge(stored.map(owned), changed, |one, other| one < other, limit),
        Order::Down => merge(stored.rev().map(owned), changed.rev(), |one, other| one > other, limit),
    }
}

type Guard<'a> = redb::AccessGuard<'a, &'static [u8]>;

fn owned(pair: Stored<(Guard<'_>, Guard<'_>)>) -> Stored<Pair> {
    pair.map(|(key, value)| (key.value().to_vec(), value.value().to_vec()))
}

/// Both in the same order; where they meet, the change wins.
fn merge<'a>(
    stored: impl Iterator<Item = Stored<Pair>>,
    changed: impl Iterator<Item = (&'a Vec<u8>, &'a Option<Vec<u8>>)>,
    first: fn(&[u8], &[u8]) -> bool,
    limit: usize,
) -> Stored<Vec<Pair>> {
    let (mut stored, mut changed) = (stored, changed.peekable());
    let mut pairs = Vec::new();
    let mut next = stored.next().transpose()?;
    while pairs.len() < limit {
        match (next.take(), changed.peek()) {
            (Some(pair), change) if change.is_none_or(|(key, _)| first(&pair.0, key)) => {
                pairs.push(pair);
                next = stored.next().transpose()?;
            }
            (pair, Some((key, value))) => {
                next = if pair.as_ref().is_some_and(|pair| pair.0 == **key) { stored.next().transpose()? } else { pair };
                pairs.extend(value.as_ref().map(|value| (key.to_vec(), value.clone())));
                changed.next();
            }
            (_, None) => break,
        }
    }
    Ok(pairs)
}
