//! Packets and snapshots as 64-bit words: bit for bit, of fixed length.
//!
//! The latest-value cell, the journal and the output hash share this form, so
//! a replay that compares words compares every bit. It is no file format: who
//! stores words adds a version.

use geom::nalgebra::{Quaternion, UnitQuaternion, Vector3};
use geom::{Frame, Nanoseconds, Transform};

/// A value as `LEN` words.
pub trait Words: Sized {
    /// Number of words.
    const LEN: usize;

    /// Writes exactly `LEN` words.
    fn write(&self, words: &mut WordWriter<'_>);

    /// Reads what `write` wrote; `None` when the words hold no such value.
    fn read(words: &mut WordReader<'_>) -> Option<Self>;
}

/// Fills a slice of words; what does not fit is left out.
#[derive(Debug)]
pub struct WordWriter<'a> {
    words: &'a mut [u64],
    next: usize,
}

impl<'a> WordWriter<'a> {
    /// Writes from the start of `words`.
    #[must_use]
    pub const fn new(words: &'a mut [u64]) -> Self {
        Self { words, next: 0 }
    }

    /// Words written so far.
    #[must_use]
    pub const fn written(&self) -> usize {
        self.next
    }

    /// Writes one word.
    pub fn word(&mut self, word: u64) {
        if let Some(place) = self.words.get_mut(self.next) {
            *place = word;
        }
        self.next += 1;
    }

    /// Writes a time.
    pub fn time(&mut self, time: Nanoseconds) {
        self.word(time.0);
    }

    /// Writes two numbers in one word.
    pub fn floats(&mut self, low: f32, high: f32) {
        self.word(u64::from(low.to_bits()) | u64::from(high.to_bits()) << 32);
    }

    /// Writes a pose in seven words; the identity for `None`.
    pub fn pose<A: Frame, B: Frame>(&mut self, pose: Option<Transform<A, B>>) {
        let pose = pose.unwrap_or_else(Transform::identity);
        let (q, t) = (pose.rotation(), pose.translation());
        for number in q.coords.iter().chain(t.iter()) {
            self.word(number.to_bits());
        }
    }
}

/// Reads words in the order they were written.
#[derive(Debug)]
pub struct WordReader<'a>(std::slice::Iter<'a, u64>);

impl<'a> WordReader<'a> {
    /// Reads from the start of `words`.
    #[must_use]
    pub fn new(words: &'a [u64]) -> Self {
        Self(words.iter())
    }

    /// The next word, `None` at the end.
    pub fn word(&mut self) -> Option<u64> {
        self.0.next().copied()
    }

    /// A time.
    pub fn time(&mut self) -> Option<Nanoseconds> {
        self.word().map(Nanoseconds)
    }

    /// Two numbers.
    pub fn floats(&mut self) -> Option<[f32; 2]> {
        let word = self.word()?;
        Some([word, word >> 32].map(|bits| f32::from_bits((bits & 0xffff_ffff) as u32)))
    }

    /// A pose.
    pub fn pose<A: Frame, B: Frame>(&mut self) -> Option<Transform<A, B>> {
        let mut number = || self.word().map(f64::from_bits);
        let [i, j, k, w] = [number()?, number()?, number()?, number()?];
        let translation = Vector3::new(number()?, number()?, number()?);
        // As it was written: normalising would change the last bits.
        Some(Transform::new(UnitQuaternion::new_unchecked(Quaternion::new(w, i, j, k)), translation))
    }
}

/// One of `all` by its number.
#[must_use]
pub fn nth<T: Copy>(all: &[T], number: u64) -> Option<T> {
    all.get(usize::try_from(number).ok()?).copied()
}

#[cfg(test)]
mod tests {
    use super::*;
    use geom::{Ct, Patient, Twist};

    #[test]
    fn a_pose_comes_back_bit_for_bit() {
        let twist = Twist {
            rotation_rad: Vector3::new(0.1, -0.2, 0.3),
            translation_mm: Vector3::new(1.0 / 3.0, -0.0, f64::NAN),
        };
        let pose = Transform::<Patient, Ct>::exp(&twist);
        let (mut first, mut second) = ([0; 7], [0; 7]);
        WordWriter::new(&mut first).pose(Some(pose));
        WordWriter::new(&mut second).pose(WordReader::new(&first).pose::<Patient, Ct>());
        assert_eq!(first, second);
    }

    #[test]
    fn too_few_words_are_no_value() {
        assert!(WordReader::new(&[0; 6]).pose::<Patient, Ct>().is_none());
    }
}
