//! Working memory of the threads, kept between steps and runs.

use std::sync::{Mutex, PoisonError};

use rayon::prelude::*;

use crate::cpu::{amx, direct, rows, winograd};

/// One thread's working memory.
#[derive(Debug, Default)]
pub(super) struct Work {
    pub direct: direct::Work,
    pub amx: amx::Work,
    pub winograd: winograd::Work,
    pub rows: rows::Work,
}

/// The working memory of all threads.
#[derive(Debug)]
pub(super) struct Scratch {
    threads: Vec<Mutex<Work>>,
}

impl Scratch {
    pub fn new(threads: usize) -> Self {
        Self { threads: (0..threads.max(1)).map(|_| Mutex::default()).collect() }
    }

    /// Calls `share` for every index below `shares`, on all threads. A share
    /// must not wait for another one.
    pub fn for_each(&self, shares: usize, share: impl Fn(usize, &mut Work) + Sync) {
        (0..shares).into_par_iter().with_max_len(1).for_each(|index| {
            // Threads of one pool have different numbers, so nobody waits here.
            let thread = rayon::current_thread_index().unwrap_or(0) % self.threads.len();
            let mut work = self.threads[thread].lock().unwrap_or_else(PoisonError::into_inner);
            share(index, &mut work);
        });
    }

    /// Bytes of all threads.
    pub fn bytes(&self) -> usize {
        let bytes = |work: &Mutex<Work>| {
            let work = work.lock().unwrap_or_else(PoisonError::into_inner);
            work.direct.bytes() + work.amx.bytes() + work.winograd.bytes() + work.rows.bytes()
        };
        self.threads.iter().map(bytes).sum()
    }
}
