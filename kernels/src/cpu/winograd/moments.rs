//! Sums of the voxels a batch writes, for instance norm.

use crate::cpu::vector::{BLOCK, Vector};

/// Sum and sum of squares per lane. A tile is summed in f32 (at most 64
/// values), tiles in f64 and in order.
#[derive(Debug, Clone, Copy, PartialEq, Default)]
pub(in crate::cpu) struct Moments {
    /// Of the values.
    pub sum: [f64; BLOCK],
    /// Of their squares.
    pub squares: [f64; BLOCK],
}

impl Moments {
    /// Adds the sums of one tile for the lanes from `part` on.
    #[inline(always)]
    pub(super) fn add<V: Vector>(&mut self, part: usize, sum: V, squares: V) {
        let mut lanes = [0.0; BLOCK];
        for (moment, tile) in [(&mut self.sum, sum), (&mut self.squares, squares)] {
            // SAFETY: a vector has at most 16 lanes.
            unsafe { tile.store(lanes.as_mut_ptr()) };
            for (moment, &lane) in moment[part..].iter_mut().zip(&lanes[..V::LANES]) {
                *moment += f64::from(lane);
            }
        }
    }

    /// Adds the moments of another batch.
    pub fn merge(&mut self, other: &Self) {
        for (a, b) in self.sum.iter_mut().zip(&other.sum).chain(self.squares.iter_mut().zip(&other.squares)) {
            *a += b;
        }
    }
}
