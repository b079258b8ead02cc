//! The inner loop of a matrix product, register-blocked.
//!
//! `c[r][0..16] = sum over k of a[r][k] * b[k][0..16]` for a few rows `r`:
//! the accumulators stay in registers, each `k` loads one row of `b` and one
//! value per row of `a` (Goto & van de Geijn 2008, DOI
//! 10.1145/1356052.1356053). The order of the sum is the same for every row,
//! whatever the number of rows, so that a row's bits do not depend on its
//! neighbours.

use super::Vector;

/// Channels of a block, and columns of one product.
pub(in crate::cpu) const BLOCK: usize = 16;

/// Length of the runs a sum is made of. Adding runs loses less than adding
/// one term after the other: the error grows with the root of the run length
/// plus the number of runs, not with that of the whole length.
const RUN: usize = 64;

/// One product: where its matrices lie.
#[derive(Debug, Clone, Copy)]
pub(in crate::cpu) struct Matmul {
    /// First value of the left matrix; its rows are `a_stride` apart.
    pub a: *const f32,
    /// Values between rows of `a`.
    pub a_stride: usize,
    /// `depth` rows of [`BLOCK`] values.
    pub b: *const f32,
    /// Result, rows of [`BLOCK`] values.
    pub c: *mut f32,
    /// Length of the sums, at least 1.
    pub depth: usize,
}

impl Matmul {
    /// `ROWS` rows with `PER` vectors each.
    ///
    /// # Safety
    /// `a` is readable at `r * a_stride + k`, `b` at `k * BLOCK + lane` and
    /// `c` writable at `r * BLOCK + lane`, for every row `r < ROWS`,
    /// `k < depth` and `lane < BLOCK = PER * V::LANES`.
    #[inline(always)]
    pub(super) unsafe fn run<V: Vector, const ROWS: usize, const PER: usize>(self, v: V) {
        for first in (0..self.depth).step_by(RUN) {
            let mut sums = [[v.splat(0.0); PER]; ROWS];
            // SAFETY: every address is one the caller vouches for (test
            // `products_of_any_number_of_rows`).
            unsafe {
                let mut b = self.b.add(first * BLOCK);
                for k in first..self.depth.min(first + RUN) {
                    let mut row = [v; PER];
                    for (i, row) in row.iter_mut().enumerate() {
                        *row = v.load(b.add(i * V::LANES));
                    }
                    for (r, sums) in sums.iter_mut().enumerate() {
                        let value = v.splat(*self.a.add(r * self.a_stride + k));
                        for (sum, row) in sums.iter_mut().zip(row) {
                            *sum = value.mul_add(row, *sum);
                        }
                    }
                    b = b.add(BLOCK);
                }
                for (r, sums) in sums.iter().enumerate() {
                    for (i, sum) in sums.iter().enumerate() {
                        let c = self.c.add(r * BLOCK + i * V::LANES);
                        if first == 0 { sum.store(c) } else { v.load(c).add(*sum).store(c) }
                    }
                }
            }
        }
    }
}
