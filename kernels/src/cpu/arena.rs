//! The memory of one executable: all buffers in one allocation.
#![allow(unsafe_code)]

use std::marker::PhantomData;
use std::ops::Range;

use super::element::{Element, Lanes};

/// A cache line, as wide as the widest vector.
#[derive(Clone, Copy)]
#[repr(C, align(64))]
struct Line([u8; 64]);

/// Memory for every buffer of a program, zero at first.
#[derive(Debug, Default)]
pub(in crate::cpu) struct Arena<E> {
    /// Integers, because the system hands out zeroed pages for those without
    /// touching them: the threads that fill a page first place it.
    memory: Vec<u128>,
    len: usize,
    stored: PhantomData<E>,
}

impl<E: Element> Arena<E> {
    /// Room for `len` [`Lanes`]; `None` when the system has not that much.
    pub fn new(len: usize) -> Option<Self> {
        let bytes = len.checked_mul(size_of::<Lanes<E>>())?.checked_add(2 * size_of::<Line>())?;
        let words = bytes.div_ceil(size_of::<u128>());
        // `vec!` would abort where this returns an error.
        Vec::<u128>::new().try_reserve_exact(words).ok()?;
        Some(Self { memory: vec![0; words], len, stored: PhantomData })
    }

    /// Bytes it occupies.
    pub fn bytes(&self) -> usize {
        self.memory.len() * size_of::<u128>()
    }

    fn lanes(&mut self) -> &mut [Lanes<E>] {
        // SAFETY: `Line` and `Lanes<E>` are arrays of plain numbers, for which
        // every bit pattern is valid (test `readers_never_see_what_is_written`).
        let (_, lines, _) = unsafe { self.memory.align_to_mut::<Line>() };
        // SAFETY: as above; a line is a whole number of `Lanes<E>`.
        let (_, lanes, _) = unsafe { lines.align_to_mut::<Lanes<E>>() };
        &mut lanes[..self.len]
    }

    /// The range a step writes, and everything else for reading.
    /// Panics when the range is outside.
    pub fn split(&mut self, written: Range<usize>) -> (Reads<'_, E>, &mut [Lanes<E>]) {
        let (before, rest) = self.lanes().split_at_mut(written.start);
        let (target, after) = rest.split_at_mut(written.end - written.start);
        (Reads { before, after, after_start: written.end }, target)
    }
}

/// The part of an arena that is not being written.
#[derive(Debug, Clone, Copy)]
pub(in crate::cpu) struct Reads<'a, E> {
    before: &'a [Lanes<E>],
    after: &'a [Lanes<E>],
    after_start: usize,
}

impl<'a, E: Element> Reads<'a, E> {
    /// `len` lanes from `first` on. Panics when some of them are being
    /// written: the plan refuses such programs.
    #[inline]
    pub fn slice(&self, first: usize, len: usize) -> &'a [Lanes<E>] {
        if first < self.before.len() {
            &self.before[first..first + len]
        } else {
            &self.after[first - self.after_start..][..len]
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn readers_never_see_what_is_written() {
        let mut arena = Arena::<f32>::new(10).unwrap();
        assert_eq!(arena.lanes().as_ptr().align_offset(64), 0);
        let (reads, target) = arena.split(4..6);
        target[0] = Lanes([1.0; 16]);
        assert_eq!(reads.slice(0, 4).len() + reads.slice(6, 4).len(), 8);
        assert!(std::panic::catch_unwind(|| reads.slice(3, 2).len()).is_err());
        assert!(std::panic::catch_unwind(|| reads.slice(5, 2).len()).is_err());
        let (reads, _) = arena.split(0..1);
        assert_eq!(reads.slice(4, 1)[0], Lanes([1.0; 16]));
    }

    #[test]
    fn more_memory_than_exists_is_refused() {
        assert!(Arena::<f32>::new(usize::MAX / 64).is_none());
    }
}
