//! Blocks of channels as steps read and write them.
//!
//! Readers get [`InputBlocks`]: shared slices with the load to apply. Writers
//! get [`Shared`], the one place where several threads write one slice; who
//! writes which index is decided by the step's tasks.
#![allow(unsafe_code)]

use std::marker::PhantomData;

use super::arena::Reads;
use super::element::{Element, Lanes};
use crate::program::BLOCK;

/// Where a block lies and what to do with its values:
/// `y = max(v, slope * v)`, `v = scale * x + shift`. Dead lanes have scale and
/// shift zero, so that they load as zero.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(in crate::cpu) struct BlockRef {
    /// First voxel in the arena, counted in [`Lanes`].
    pub first: usize,
    pub scale: [f32; BLOCK],
    pub shift: [f32; BLOCK],
    /// In `[0, 1]`.
    pub slope: f32,
}

/// One block of an input.
#[derive(Debug, Clone, Copy)]
pub(in crate::cpu) struct InputBlock<'a, E> {
    /// `[z][y][x]`.
    pub voxels: &'a [Lanes<E>],
    pub scale: &'a [f32; BLOCK],
    pub shift: &'a [f32; BLOCK],
    /// In `[0, 1]`.
    pub slope: f32,
}

/// All blocks of an input, in lane order.
#[derive(Debug, Clone, Copy)]
pub(in crate::cpu) struct InputBlocks<'a, E> {
    memory: Reads<'a, E>,
    refs: &'a [BlockRef],
    dims: [usize; 3],
}

impl<'a, E: Element> InputBlocks<'a, E> {
    pub fn new(memory: Reads<'a, E>, refs: &'a [BlockRef], dims: [usize; 3]) -> Self {
        Self { memory, refs, dims }
    }

    /// Number of blocks.
    pub fn len(&self) -> usize {
        self.refs.len()
    }

    /// `[z, y, x]` of every block.
    pub fn dims(&self) -> [usize; 3] {
        self.dims
    }

    /// Block `index`. Panics past the last one.
    #[inline]
    pub fn block(&self, index: usize) -> InputBlock<'a, E> {
        let BlockRef { first, scale, shift, slope } = &self.refs[index];
        let voxels = self.memory.slice(*first, self.dims.iter().product());
        InputBlock { voxels, scale, shift, slope: *slope }
    }
}

/// A slice that several threads write at once, each its own indices.
///
/// Reading is not offered while it exists. Every call is checked against the
/// length; that no two threads use one index at a time is what callers promise.
#[derive(Debug)]
pub(in crate::cpu) struct Shared<'a, T> {
    first: *mut T,
    len: usize,
    owner: PhantomData<&'a mut [T]>,
}

// SAFETY: access from other threads is access to `T` by unique reference or by
// value, which `T: Send` allows; disjointness is the promise of the callers of
// the unsafe methods (test `threads_write_their_own_indices`).
unsafe impl<T: Send> Sync for Shared<'_, T> {}
// SAFETY: as above.
unsafe impl<T: Send> Send for Shared<'_, T> {}

impl<'a, T: Copy> Shared<'a, T> {
    pub fn new(slice: &'a mut [T]) -> Self {
        Self { first: slice.as_mut_ptr(), len: slice.len(), owner: PhantomData }
    }

    /// Number of values.
    pub fn len(&self) -> usize {
        self.len
    }

    /// Writes one value. Panics past the end.
    ///
    /// # Safety
    /// While this call runs, no other thread writes `index` or holds a row
    /// with it.
    #[inline(always)]
    pub unsafe fn set(&self, index: usize, value: T) {
        assert!(index < self.len, "write past the end");
        // SAFETY: inside the slice (assert); nobody else uses this index now
        // (caller; test `threads_write_their_own_indices`).
        unsafe { *self.first.add(index) = value }
    }

    /// The values `[first, first + len)`. Panics past the end.
    ///
    /// # Safety
    /// While the result lives, nobody else writes or holds any of its indices.
    #[inline(always)]
    #[allow(clippy::mut_from_ref, reason = "the caller promises that the rows are disjoint")]
    pub unsafe fn row(&self, first: usize, len: usize) -> &mut [T] {
        assert!(first <= self.len && len <= self.len - first, "row past the end");
        // SAFETY: inside the slice (assert); nobody else uses these indices
        // (caller; test `threads_write_their_own_indices`).
        unsafe { std::slice::from_raw_parts_mut(self.first.add(first), len) }
    }
}

/// The output of a step: `blocks` planes of `[z][y][x]` [`Lanes`], written by
/// several threads.
#[derive(Debug)]
pub(in crate::cpu) struct OutputBlocks<'a, E> {
    cells: Shared<'a, Lanes<E>>,
    dims: [usize; 3],
}

impl<'a, E: Element> OutputBlocks<'a, E> {
    pub fn new(slice: &'a mut [Lanes<E>], dims: [usize; 3]) -> Self {
        Self { cells: Shared::new(slice), dims }
    }

    /// `[z, y, x]` of every block.
    pub fn dims(&self) -> [usize; 3] {
        self.dims
    }

    /// Voxels of one block.
    #[inline(always)]
    pub fn voxels(&self) -> usize {
        self.dims[0] * self.dims[1] * self.dims[2]
    }

    /// The voxels of row `[z, y]` of a block. Panics outside.
    ///
    /// # Safety
    /// While the result lives, nobody else writes or holds this row.
    #[inline(always)]
    #[allow(clippy::mut_from_ref, reason = "the caller promises that the rows are disjoint")]
    pub unsafe fn row(&self, block: usize, z: usize, y: usize) -> &mut [Lanes<E>] {
        let [depth, height, width] = self.dims;
        // SAFETY: the caller's promise, passed on.
        unsafe { self.cells.row(((block * depth + z) * height + y) * width, width) }
    }

    /// Where voxel `index` (`(z * height + y) * width + x`) of a block lies,
    /// for writing. Panics outside. The writer makes sure that nobody else
    /// writes this voxel or holds its row meanwhile.
    #[inline(always)]
    pub fn voxel(&self, block: usize, index: usize) -> *mut Lanes<E> {
        let index = block * self.voxels() + index;
        assert!(index < self.cells.len, "write past the end");
        // SAFETY: inside the slice (assert).
        unsafe { self.cells.first.add(index) }
    }
}

#[cfg(test)]
mod tests {
    use rayon::prelude::*;

    use super::*;

    #[test]
    fn threads_write_their_own_indices() {
        let mut values = vec![0_usize; 1000];
        let shared = Shared::new(&mut values);
        (0..500).into_par_iter().for_each(|i| {
            // SAFETY: indices 2i and 2i + 1 belong to task i.
            unsafe {
                shared.set(2 * i, 2 * i);
                shared.row(2 * i + 1, 1)[0] = 2 * i + 1;
            }
        });
        assert!(values.iter().enumerate().all(|(i, &v)| i == v));
    }

    #[test]
    #[should_panic(expected = "row past the end")]
    fn a_row_past_the_end_panics() {
        let mut values = [0; 4];
        // SAFETY: one thread.
        unsafe { Shared::new(&mut values).row(3, 2) };
    }
}
