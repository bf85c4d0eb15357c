//! Erasure coding: an object becomes `expected` pieces, any `minimal` of which give it back. Reed–Solomon over the field of 256 elements.
//!
//! The first pieces are the object itself, cut up; the others are sums of those, weighted by a Cauchy matrix. Every square part of
//! such a matrix can be turned around, and that is why any pieces do, as long as there are enough.

/// The field's polynomial, x⁸ + x⁴ + x³ + x² + 1: the usual one of Reed–Solomon codes.
const POLYNOMIAL: u16 = 0x11d;

/// Products by way of logarithms.
struct Field {
    exponents: [u8; 510],
    logarithms: [u8; 256],
}

static FIELD: Field = Field::new();

impl Field {
    const fn new() -> Field {
        let (mut exponents, mut logarithms) = ([0; 510], [0; 256]);
        let (mut power, mut value) = (0, 1u16);
        while power < 255 {
            exponents[power] = value as u8;
            exponents[power + 255] = value as u8;
            logarithms[value as usize] = power as u8;
            value <<= 1;
            if value & 0x100 != 0 {
                value ^= POLYNOMIAL;
            }
            power += 1;
        }
        Field { exponents, logarithms }
    }

    fn times(&self, a: u8, b: u8) -> u8 {
        if a == 0 || b == 0 {
            return 0;
        }
        let power = usize::from(self.logarithms[usize::from(a)]) + usize::from(self.logarithms[usize::from(b)]);
        self.exponents[power]
    }

    /// One divided by `a`, which is not zero.
    fn inverse(&self, a: u8) -> u8 {
        self.exponents[255 - usize::from(self.logarithms[usize::from(a)])]
    }
}

/// How many pieces there are, and how many of them are enough.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Code {
    minimal: u8,
    expected: u8,
}

/// Why an object can't be put together.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Broken {
    /// Fewer pieces than are needed.
    TooFew { found: usize, needed: usize },
    /// Pieces of several lengths, or more of them than the code has: they are not of one object.
    Unlike,
}

impl Code {
    /// None unless 1 ≤ `minimal` ≤ `expected`.
    pub fn new(minimal: u8, expected: u8) -> Option<Code> {
        (1..=expected).contains(&minimal).then_some(Code { minimal, expected })
    }

    fn needed(self) -> usize {
        usize::from(self.minimal)
    }

    /// How much of each of the object's own pieces is in piece `number`.
    fn weights(self, number: u8) -> Vec<u8> {
        let own = |place| u8::from(place == number);
        // Numbers of pieces differ from those of the object's own, so nothing is divided by zero.
        let mixed = |place| FIELD.inverse(number ^ place);
        (0..self.minimal).map(|place| if number < self.minimal { own(place) } else { mixed(place) }).collect()
    }

    /// All pieces of an object, in their order, each of the same length. Zeros fill the last ones up.
    pub fn encode(self, object: &[u8]) -> Vec<Vec<u8>> {
        let length = object.len().div_ceil(self.needed());
        let cut = |place: usize| {
            let from = (place * length).min(object.len());
            let mut piece = object[from..(from + length).min(object.len())].to_vec();
            piece.resize(length, 0);
            piece
        };
        let own: Vec<Vec<u8>> = (0..self.needed()).map(cut).collect();
        (0..self.expected).map(|number| sum(&self.weights(number), &own, length)).collect()
    }

    /// The object of `length` bytes out of the pieces that are left; None stands for one that is lost.
    pub fn decode(self, pieces: &[Option<Vec<u8>>], length: usize) -> Result<Vec<u8>, Broken> {
        let left: Vec<(u8, &Vec<u8>)> =
            (0..=u8::MAX).zip(pieces).filter_map(|(number, piece)| Some((number, piece.as_ref()?))).collect();
        let found = left.len();
        let enough = left.get(..self.needed()).ok_or(Broken::TooFew { found, needed: self.needed() })?;
        let width = length.div_ceil(self.needed());
        if pieces.len() != usize::from(self.expected) || left.iter().any(|(_, piece)| piece.len() != width) {
            return Err(Broken::Unlike);
        }
        let rows = enough.iter().map(|(number, _)| self.weights(*number)).collect();
        let back = turned_around(rows).ok_or(Broken::Unlike)?;
        let bytes: Vec<Vec<u8>> = enough.iter().map(|(_, piece)| (*piece).clone()).collect();
        let mut object: Vec<u8> = back.iter().flat_map(|weights| sum(weights, &bytes, width)).collect();
        object.truncate(length);
        Ok(object)
    }
}

/// The weighted sum of pieces.
fn sum(weights: &[u8], pieces: &[Vec<u8>], length: usize) -> Vec<u8> {
    let mut sum = vec![0; length];
    for (weight, piece) in weights.iter().zip(pieces).filter(|(weight, _)| **weight != 0) {
        for (to, from) in sum.iter_mut().zip(piece) {
            *to ^= FIELD.times(*weight, *from);
        }
    }
    sum
}

/// The matrix that undoes this one, by elimination; None if there is none.
fn turned_around(mut rows: Vec<Vec<u8>>) -> Option<Vec<Vec<u8>>> {
    let size = rows.len();
    for (number, row) in rows.iter_mut().enumerate() {
        row.extend((0..size).map(|place| u8::from(place == number)));
    }
    for column in 0..size {
        let pivot = (column..size).find(|row| rows[*row][column] != 0)?;
        rows.swap(column, pivot);
        let scale = FIELD.inverse(rows[column][column]);
        rows[column].iter_mut().for_each(|value| *value = FIELD.times(*value, scale));
        let lead = rows[column].clone();
        for row in rows.iter_mut().enumerate().filter(|(number, _)| *number != column).map(|(_, row)| row) {
            let factor = row[column];
            row.iter_mut().zip(&lead).for_each(|(value, lead)| *value ^= FIELD.times(factor, *lead));
        }
    }
    Some(rows.into_iter().map(|mut row| row.split_off(size)).collect())
}

#[cfg(test)]
mod tests {
    use proptest::collection::vec;
    use proptest::prelude::*;

    use super::*;

    /// Loses the pieces with these numbers.
    fn lose(pieces: &[Vec<u8>], lost: &[usize]) -> Vec<Option<Vec<u8>>> {
        pieces.iter().enumerate().map(|(number, piece)| (!lost.contains(&number)).then(|| piece.clone())).collect()
    }

    #[test]
    fn the_field_is_the_usual_one() {
        // `2 · 0x80 = 0x1d` is the polynomial itself; the others are of the tables that everybody prints.
        assert_eq!((FIELD.times(2, 0x80), FIELD.times(3, 7), FIELD.times(0xb6, 0x53)), (0x1d, 9, 0xee));
        for value in 1..=255 {
            assert_eq!(FIELD.times(value, FIELD.inverse(value)), 1);
        }
    }

    #[test]
    fn all_pieces_but_the_first_are_not_the_object() {
        let code = Code::new(2, 4).unwrap();
        let pieces = code.encode(b"cooperage");
        assert_eq!((pieces[0].as_slice(), pieces[1].as_slice()), (&b"coope"[..], &b"rage\0"[..]));
        assert_eq!(code.decode(&lose(&pieces, &[0, 1]), 9).unwrap(), b"cooperage");
        assert_eq!(code.decode(&lose(&pieces, &[0, 1, 3]), 9), Err(Broken::TooFew { found: 1, needed: 2 }));
    }

    #[test]
    fn what_can_not_be_a_code_is_none() {
        for (minimal, expected) in [(0, 0), (0, 5), (5, 4)] {
            assert_eq!(Code::new(minimal, expected), None);
        }
        assert!(Code::new(1, 1).is_some() && Code::new(255, 255).is_some());
    }

    #[test]
    fn pieces_of_something_else_are_noticed() {
        let code = Code::new(2, 3).unwrap();
        let mut pieces: Vec<_> = code.encode(b"four").into_iter().map(Some).collect();
        assert_eq!(code.decode(&pieces, 5), Err(Broken::Unlike), "another length");
        pieces.push(Some(b"ab".to_vec()));
        assert_eq!(code.decode(&pieces, 4), Err(Broken::Unlike), "one too many");
    }

    proptest! {
        #[test]
        fn any_twelve_of_twenty_give_the_object_back_and_eleven_do_not(
            object in vec(any::<u8>(), 0..400), order in Just((0..20).collect::<Vec<usize>>()).prop_shuffle(),
        ) {
            let code = Code::new(12, 20).unwrap();
            let pieces = code.encode(&object);
            prop_assert_eq!(pieces.len(), 20);
            prop_assert_eq!(code.decode(&lose(&pieces, &order[..8]), object.len()), Ok(object.clone()));
            let ninth = code.decode(&lose(&pieces, &order[..9]), object.len());
            prop_assert_eq!(ninth, Err(Broken::TooFew { found: 11, needed: 12 }));
        }

        #[test]
        fn every_code_keeps_its_promise(
            minimal in 1u8..40, more in 0u8..40, object in vec(any::<u8>(), 0..200), seed in any::<u64>(),
        ) {
            let code = Code::new(minimal, minimal + more).unwrap();
            let pieces = code.encode(&object);
            // A walk through the numbers that meets each of them, and starts somewhere.
            let many = pieces.len();
            let lost: Vec<usize> = (0..usize::from(more)).map(|step| (usize::try_from(seed % 997).unwrap() + step) % many).collect();
            prop_assert_eq!(code.decode(&lose(&pieces, &lost), object.len()), Ok(object));
        }

        #[test]
        fn a_piece_that_was_changed_gives_another_object(
            object in vec(any::<u8>(), 24..100), number in 0usize..12, at in 0usize..2, by in 1u8..,
        ) {
            let code = Code::new(12, 20).unwrap();
            let mut pieces: Vec<_> = code.encode(&object).into_iter().map(Some).collect();
            pieces[number].as_mut().unwrap()[at] ^= by;
            // The code does not notice: whoever must be sure compares hashes.
            let told = code.decode(&pieces, object.len()).unwrap();
            prop_assert!(told != object || number * object.len().div_ceil(12) + at >= object.len());
        }

        #[test]
        fn noise_is_an_error_or_an_object_and_never_a_panic(
            minimal in 1u8..30, more in 0u8..30, pieces in vec(proptest::option::of(vec(any::<u8>(), 0..6)), 0..300), length in 0usize..200,
        ) {
            let code = Code::new(minimal, minimal + more).unwrap();
            if let Ok(object) = code.decode(&pieces, length) {
                prop_assert_eq!(object.len(), length);
            }
        }
    }
}
