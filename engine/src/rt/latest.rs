//! A cell that always holds the newest value: one writer, many readers.
//!
//! Nobody waits and nobody locks: the writer's work is fixed, whatever readers
//! do, and a reader that is overtaken while it copies tries again, a bounded
//! number of times. Values cross as atomic words ([`Words`]), so that a torn
//! copy is impossible to read without being noticed and no `unsafe` is needed.
//!
//! A sequence lock over four slots; Lameter, "Effective synchronization on
//! Linux/NUMA systems", 2005; orderings as in Boehm, MSPC 2012,
//! doi:10.1145/2247684.2247688.

use std::marker::PhantomData;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering, fence};

use super::words::{WordReader, WordWriter, Words};

/// Slots the writer goes round: a reader is overtaken only when four values
/// are published while it copies one.
const SLOTS: u64 = 4;
/// Copies a reader tries before it says that there is nothing to read.
const TRIES: usize = 16;

#[derive(Debug)]
struct Slot {
    /// Twice the number of the value in it; odd while it is written.
    version: AtomicU64,
    words: Box<[AtomicU64]>,
}

#[derive(Debug)]
struct Cell {
    /// Number of the newest value; 0 before the first.
    newest: AtomicU64,
    slots: Vec<Slot>,
}

impl Cell {
    fn slot(&self, number: u64) -> Option<&Slot> {
        self.slots.get(usize::try_from(number % SLOTS).ok()?)
    }
}

/// The writing end; there is one.
#[derive(Debug)]
pub struct Publisher<T> {
    cell: Arc<Cell>,
    number: u64,
    words: Vec<u64>,
    value: PhantomData<fn(T)>,
}

/// A reading end; clone it for every reader.
#[derive(Debug)]
pub struct Reader<T> {
    cell: Arc<Cell>,
    seen: AtomicU64,
    value: PhantomData<fn() -> T>,
}

impl<T> Clone for Reader<T> {
    /// Another reader that has seen nothing yet.
    fn clone(&self) -> Self {
        Self { cell: self.cell.clone(), seen: AtomicU64::new(0), value: PhantomData }
    }
}

/// A new cell without a value.
#[must_use]
pub fn latest<T: Words>() -> (Publisher<T>, Reader<T>) {
    let slot = |_| Slot { version: AtomicU64::new(0), words: (0..T::LEN).map(|_| AtomicU64::new(0)).collect() };
    let cell = Arc::new(Cell { newest: AtomicU64::new(0), slots: (0..SLOTS).map(slot).collect() });
    let publisher = Publisher { cell: cell.clone(), number: 0, words: vec![0; T::LEN], value: PhantomData };
    (publisher, Reader { cell, seen: AtomicU64::new(0), value: PhantomData })
}

impl<T: Words> Publisher<T> {
    /// Publishes a value. Fixed work: no wait, no lock, no allocation.
    pub fn publish(&mut self, value: &T) {
        value.write(&mut WordWriter::new(&mut self.words));
        self.number += 1;
        let Some(slot) = self.cell.slot(self.number) else { return };
        slot.version.store(2 * self.number - 1, Ordering::Relaxed);
        // A reader that sees one of the words below also sees the odd version.
        fence(Ordering::Release);
        for (place, word) in slot.words.iter().zip(&self.words) {
            place.store(*word, Ordering::Relaxed);
        }
        slot.version.store(2 * self.number, Ordering::Release);
        self.cell.newest.store(self.number, Ordering::Release);
    }
}

impl<T: Words> Reader<T> {
    /// The newest value, with its number counted from 1; `None` before the
    /// first. Repeats the value when nothing newer came. Bounded work.
    #[must_use]
    pub fn read(&self) -> Option<(u64, T)> {
        // On the stack: a reader must not allocate either. 128 words hold
        // everything that is published here.
        let mut copy = [0; 128];
        let copy = copy.get_mut(..T::LEN)?;
        for _ in 0..TRIES {
            let number = self.cell.newest.load(Ordering::Acquire);
            let slot = self.cell.slot(number).filter(|_| number > 0)?;
            if slot.version.load(Ordering::Acquire) != 2 * number {
                continue;
            }
            for (word, place) in copy.iter_mut().zip(&slot.words) {
                *word = place.load(Ordering::Relaxed);
            }
            fence(Ordering::Acquire);
            if slot.version.load(Ordering::Relaxed) == 2 * number {
                return Some((number, T::read(&mut WordReader::new(copy))?));
            }
        }
        None
    }

    /// The newest value when this reader has not taken it before.
    #[must_use]
    pub fn take(&self) -> Option<T> {
        if self.cell.newest.load(Ordering::Acquire) <= self.seen.load(Ordering::Relaxed) {
            return None;
        }
        let (number, value) = self.read()?;
        self.seen.store(number, Ordering::Relaxed);
        Some(value)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Many equal words: a torn copy would show.
    #[derive(Debug, PartialEq)]
    struct Wide(u64);

    impl Words for Wide {
        const LEN: usize = 64;
        fn write(&self, words: &mut WordWriter<'_>) {
            (0..Self::LEN).for_each(|_| words.word(self.0));
        }
        fn read(words: &mut WordReader<'_>) -> Option<Self> {
            let first = words.word()?;
            for _ in 1..Self::LEN {
                assert_eq!(words.word(), Some(first), "a torn value");
            }
            Some(Self(first))
        }
    }

    #[test]
    fn every_reader_gets_the_newest_value_once_and_may_look_again() {
        let (mut publisher, reader) = latest();
        assert!(reader.read().is_none() && reader.take().is_none());
        publisher.publish(&Wide(1));
        publisher.publish(&Wide(2));
        let other = reader.clone();
        assert_eq!((reader.take(), reader.take()), (Some(Wide(2)), None));
        assert_eq!(other.take(), Some(Wide(2)));
        assert_eq!(other.read(), Some((2, Wide(2))));
    }

    #[test]
    fn values_are_whole_and_never_go_back_for_four_readers() {
        let count = if cfg!(miri) { 40 } else { 200_000 };
        let (mut publisher, reader) = latest();
        std::thread::scope(|scope| {
            for _ in 0..4 {
                let reader = reader.clone();
                scope.spawn(move || {
                    let mut last = 0;
                    while last < count {
                        if let Some(Wide(value)) = reader.take() {
                            assert!(value > last);
                            last = value;
                        }
                        std::hint::spin_loop();
                    }
                });
            }
            (1..=count).for_each(|value| publisher.publish(&Wide(value)));
        });
    }
}
