//! Storage with a memory: real keys, SCALE bytes, readable as it was at every recent block, and undoable within one.

use std::collections::BTreeMap;

use parity_scale_codec::{Decode, Encode};

use crate::wire::tfchain::codec::{blake2_128, storage_prefix};

/// Blocks whose state can be asked for.
pub const HISTORY: u32 = 20_000;

/// A value as of a block; None: removed.
type Value = Option<Vec<u8>>;
type Version = (u32, Value);

#[derive(Default)]
pub struct Db {
    /// What each key was set to, by the block that did it.
    values: BTreeMap<Vec<u8>, Vec<Version>>,
    /// The block being built.
    block: u32,
    /// What to put back to undo the changes of this block, oldest first. None: this block had not touched the key.
    undo: Vec<(Vec<u8>, Option<Value>)>,
}

/// A place to return to if what follows fails.
pub struct Mark(usize);

pub fn plain(pallet: &str, item: &str) -> Vec<u8> {
    storage_prefix(pallet, item)
}

/// The key of an entry: every map we keep is hashed with Blake2_128Concat.
pub fn entry(pallet: &str, item: &str, key: &impl Encode) -> Vec<u8> {
    let mut full = storage_prefix(pallet, item);
    concat(&mut full, key);
    full
}

pub fn entry2(pallet: &str, item: &str, first: &impl Encode, second: &impl Encode) -> Vec<u8> {
    let mut full = storage_prefix(pallet, item);
    concat(&mut full, first);
    concat(&mut full, second);
    full
}

fn concat(full: &mut Vec<u8>, key: &impl Encode) {
    let key = key.encode();
    full.extend(blake2_128(&key));
    full.extend(key);
}

impl Db {
    pub fn begin(&mut self, block: u32) {
        self.block = block;
        self.undo.clear();
    }

    pub fn mark(&self) -> Mark {
        Mark(self.undo.len())
    }

    pub fn roll_back(&mut self, mark: &Mark) {
        while self.undo.len() > mark.0 {
            let Some((key, before)) = self.undo.pop() else { return };
            let Some(versions) = self.values.get_mut(&key) else { continue };
            versions.pop();
            match before {
                Some(value) => versions.push((self.block, value)),
                None if versions.is_empty() => {
                    self.values.remove(&key);
                }
                None => {}
            }
        }
    }

    /// Forgets what blocks after `to` did.
    pub fn rewind(&mut self, to: u32) {
        self.undo.clear();
        for versions in self.values.values_mut() {
            versions.retain(|(block, _)| *block <= to);
        }
        self.values.retain(|_, versions| !versions.is_empty());
        self.block = to;
    }

    pub fn raw(&self, key: &[u8]) -> Option<&[u8]> {
        self.values.get(key)?.last()?.1.as_deref()
    }

    pub fn raw_at(&self, key: &[u8], block: u32) -> Option<&[u8]> {
        let versions = self.values.get(key)?;
        let after = versions.partition_point(|(set, _)| *set <= block);
        versions[..after].last()?.1.as_deref()
    }

    pub fn get<T: Decode>(&self, key: &[u8]) -> Option<T> {
        T::decode(&mut self.raw(key)?).ok()
    }

    pub fn put(&mut self, key: Vec<u8>, value: &impl Encode) {
        self.set(key, Some(value.encode()));
    }

    pub fn remove(&mut self, key: Vec<u8>) {
        if self.raw(&key).is_some() {
            self.set(key, None);
        }
    }

    fn set(&mut self, key: Vec<u8>, value: Value) {
        let versions = self.values.entry(key.clone()).or_default();
        let before = match versions.last() {
            Some((block, _)) if *block == self.block => versions.pop().map(|(_, value)| value),
            _ => None,
        };
        versions.push((self.block, value));
        let floor = self.block.saturating_sub(HISTORY);
        while versions.get(1).is_some_and(|(block, _)| *block <= floor) {
            versions.remove(0);
        }
        self.undo.push((key, before));
    }

    /// Existing keys under `prefix` behind `after`, in order.
    pub fn keys(&self, prefix: &[u8], after: Option<&[u8]>, count: usize, block: u32) -> Vec<Vec<u8>> {
        let keys = self.values.range(prefix.to_vec()..).map(|(key, _)| key).take_while(|key| key.starts_with(prefix));
        let behind = keys.filter(|key| after.is_none_or(|after| key.as_slice() > after));
        behind.filter(|key| self.raw_at(key, block).is_some()).take(count).cloned().collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_block_remembers_its_own_values() {
        let mut db = Db::default();
        for block in 1..=3u32 {
            db.begin(block);
            db.put(vec![7], &block);
        }
        db.begin(4);
        db.remove(vec![7]);
        assert_eq!(db.raw_at(&[7], 0), None);
        assert_eq!(db.raw_at(&[7], 2), Some(&2u32.encode()[..]));
        assert_eq!(db.raw_at(&[7], 4), None);
        assert_eq!(db.keys(&[], None, 9, 3), vec![vec![7]]);
        assert!(db.keys(&[], None, 9, 4).is_empty());
    }

    #[test]
    fn rolling_back_leaves_no_trace() {
        let mut db = Db::default();
        db.begin(1);
        db.put(vec![1], &1u8);
        db.begin(2);
        db.put(vec![1], &2u8);
        let mark = db.mark();
        db.put(vec![1], &3u8);
        db.put(vec![2], &3u8);
        db.remove(vec![1]);
        db.roll_back(&mark);
        assert_eq!(db.get::<u8>(&[1]), Some(2));
        assert_eq!(db.raw_at(&[1], 1), Some(&[1u8][..]));
        assert!(db.keys(&[2], None, 9, 2).is_empty());
    }
}
