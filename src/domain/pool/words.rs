//! Texts that many nodes share, kept once and named by a small number.

use std::collections::HashMap;

/// The number of a text.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub(super) struct Word(pub(super) u32);

/// All texts, one behind the other.
#[derive(Debug, Default)]
pub(super) struct Words {
    text: String,
    /// Where each one ends.
    ends: Vec<u32>,
    /// Those that are names: no two of them differ in large and small letters only.
    names: Vec<Word>,
}

impl Words {
    pub(super) fn text(&self, word: Word) -> &str {
        let place = word.0 as usize;
        let from = place.checked_sub(1).map_or(0, |before| self.ends[before] as usize);
        &self.text[from..self.ends[place] as usize]
    }

    /// How many there are: words are numbered from 0 to here.
    pub(super) fn len(&self) -> usize {
        self.ends.len()
    }

    pub(super) fn names(&self) -> impl Iterator<Item = (Word, &str)> {
        self.names.iter().map(|word| (*word, self.text(*word)))
    }

    /// The word for a name, however it is spelt.
    pub(super) fn name(&self, text: &str) -> Option<Word> {
        let small = text.to_lowercase();
        self.names().find(|(_, known)| known.to_lowercase() == small).map(|(word, _)| word)
    }

    pub(super) fn bytes(&self) -> usize {
        self.text.capacity() + (self.ends.capacity() + self.names.capacity()) * size_of::<u32>()
    }
}

/// Gives out numbers while the pool is made.
#[derive(Debug, Default)]
pub(super) struct WordsBuilder {
    words: Words,
    known: HashMap<Box<str>, Word>,
    /// By each spelling that was met, and in small letters.
    names: HashMap<Box<str>, Word>,
}

impl WordsBuilder {
    pub(super) fn intern(&mut self, text: &str) -> Word {
        if let Some(word) = self.known.get(text) {
            return *word;
        }
        let word = Word(u32::try_from(self.words.ends.len()).unwrap_or(u32::MAX));
        self.words.text.push_str(text);
        self.words.ends.push(u32::try_from(self.words.text.len()).unwrap_or(u32::MAX));
        self.known.insert(text.into(), word);
        word
    }

    /// The word for a name that is the same in large and small letters, as it was spelt first.
    pub(super) fn intern_name(&mut self, text: &str) -> Word {
        if let Some(word) = self.names.get(text) {
            return *word;
        }
        let small = text.to_lowercase();
        let word = match self.names.get(small.as_str()) {
            Some(word) => *word,
            None => {
                let word = self.intern(text);
                self.words.names.push(word);
                word
            }
        };
        self.names.insert(small.into(), word);
        self.names.insert(text.into(), word);
        word
    }

    pub(super) fn done(mut self) -> Words {
        self.words.text.shrink_to_fit();
        self.words.ends.shrink_to_fit();
        self.words.names.shrink_to_fit();
        self.words
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_text_is_kept_once() {
        let mut builder = WordsBuilder::default();
        let words: Vec<Word> = ["Ghent", "", "Zürich", "Ghent", "", "ghent"].iter().map(|text| builder.intern(text)).collect();
        assert_eq!(words, [0, 1, 2, 0, 1, 3].map(Word));
        let kept = builder.done();
        assert_eq!([0, 1, 2, 3].map(|word| kept.text(Word(word))), ["Ghent", "", "Zürich", "ghent"]);
    }

    #[test]
    fn a_name_is_the_same_in_large_and_small_letters() {
        let mut builder = WordsBuilder::default();
        let words: Vec<Word> =
            ["Zürich", "zürich", "ZÜRICH", "Ghent", "Zürich"].iter().map(|text| builder.intern_name(text)).collect();
        assert_eq!(words, [0, 0, 0, 1, 0].map(Word));
        let kept = builder.done();
        assert_eq!(kept.names().map(|(_, text)| text).collect::<Vec<_>>(), ["Zürich", "Ghent"]);
        assert_eq!((kept.name("zÜrich"), kept.name("Genf")), (Some(Word(0)), None));
    }
}
