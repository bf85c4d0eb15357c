//! A set of rows: one bit each, so that a set of a million nodes is 125 kB and two sets meet 64 rows at a time.

/// Some of the rows of one pool.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Rows {
    words: Vec<u64>,
    len: usize,
}

impl Rows {
    pub fn none(len: usize) -> Rows {
        Rows { words: vec![0; len.div_ceil(64)], len }
    }

    pub fn all(len: usize) -> Rows {
        let mut words = vec![u64::MAX; len.div_ceil(64)];
        if let Some(last) = words.last_mut().filter(|_| !len.is_multiple_of(64)) {
            *last = (1 << (len % 64)) - 1;
        }
        Rows { words, len }
    }

    pub fn that(len: usize, test: impl Fn(usize) -> bool) -> Rows {
        let mut rows = Rows::none(len);
        for row in 0..len {
            rows.words[row / 64] |= u64::from(test(row)) << (row % 64);
        }
        rows
    }

    pub fn contains(&self, row: usize) -> bool {
        self.words.get(row / 64).is_some_and(|word| word >> (row % 64) & 1 == 1)
    }

    /// A row beyond the pool is not taken in.
    pub fn insert(&mut self, row: usize) {
        if row < self.len {
            self.words[row / 64] |= 1 << (row % 64);
        }
    }

    pub fn remove(&mut self, row: usize) {
        if row < self.len {
            self.words[row / 64] &= !(1 << (row % 64));
        }
    }

    pub fn count(&self) -> usize {
        self.words.iter().map(|word| word.count_ones() as usize).sum()
    }

    pub fn is_empty(&self) -> bool {
        self.words.iter().all(|word| *word == 0)
    }

    /// In the order of the rows.
    pub fn iter(&self) -> impl Iterator<Item = usize> + '_ {
        self.words.iter().enumerate().flat_map(|(place, word)| bits(*word).map(move |bit| place * 64 + bit))
    }

    /// Those that are in both; sets of different pools have nothing in common.
    pub fn and(mut self, other: &Rows) -> Rows {
        let mut others = other.words.iter();
        for word in &mut self.words {
            *word &= others.next().copied().unwrap_or(0);
        }
        self
    }

    pub fn or(mut self, other: &Rows) -> Rows {
        for (word, other) in self.words.iter_mut().zip(&other.words) {
            *word |= other;
        }
        self
    }

    pub fn without(mut self, other: &Rows) -> Rows {
        for (word, other) in self.words.iter_mut().zip(&other.words) {
            *word &= !other;
        }
        self
    }

    pub(super) fn words(&self) -> &[u64] {
        &self.words
    }

    pub(super) fn into_words(self) -> Vec<u64> {
        self.words
    }

    pub(super) fn of_words(words: Vec<u64>, len: usize) -> Rows {
        Rows { words, len }
    }
}

/// The places of the set bits, lowest first.
pub(super) fn bits(mut word: u64) -> impl Iterator<Item = usize> {
    std::iter::from_fn(move || {
        let bit = (word != 0).then(|| word.trailing_zeros() as usize)?;
        word &= word - 1;
        Some(bit)
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sets_meet_part_and_join() {
        let even = Rows::that(130, |row| row % 2 == 0);
        let third = Rows::that(130, |row| row % 3 == 0);
        assert_eq!((Rows::all(130).count(), Rows::none(130).count(), even.count()), (130, 0, 65));
        assert_eq!(even.clone().and(&third).iter().collect::<Vec<_>>(), (0..130).step_by(6).collect::<Vec<_>>());
        assert_eq!(even.clone().or(&third).count(), 65 + 44 - 22);
        assert_eq!(even.clone().without(&third).count(), 65 - 22);
        assert_eq!(Rows::all(64).count(), 64);
        assert!(Rows::all(0).is_empty());
    }

    #[test]
    fn rows_beyond_the_pool_are_in_no_set() {
        let mut rows = Rows::none(70);
        rows.insert(70);
        rows.insert(69);
        assert_eq!(rows.iter().collect::<Vec<_>>(), [69]);
        assert!(rows.contains(69) && !rows.contains(70) && !rows.contains(1000));
        rows.remove(69);
        assert!(rows.is_empty());
    }
}
