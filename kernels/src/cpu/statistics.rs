//! Sums for instance norms, in an order that no number of threads changes.
//!
//! Every task sums its own voxels and leaves one [`Moments`] per block in a
//! slot of its own; [`Affines::update`] adds the slots in order.

use super::blocks::BlockRef;
use super::convert::sums;
use super::vector::Vector;
use crate::program::{Affine, AffineId, BLOCK, Load, StatisticsId};

/// Sum and sum of squares of each lane.
#[derive(Debug, Clone, Copy, PartialEq, Default)]
pub(in crate::cpu) struct Moments {
    pub sum: [f64; BLOCK],
    pub squares: [f64; BLOCK],
}

impl Moments {
    /// Adds a handful of voxels: summed in f32 first, which a handful cannot
    /// spoil, because converting each value costs more than its product.
    #[inline(always)]
    pub fn add<V: Vector>(&mut self, v: V, voxels: &[[f32; BLOCK]]) {
        let [sum, squares] = sums(v, voxels);
        for lane in 0..BLOCK {
            self.sum[lane] += f64::from(sum[lane]);
            self.squares[lane] += f64::from(squares[lane]);
        }
    }

    /// Adds the moments of other voxels.
    pub fn merge(&mut self, other: &Self) {
        for lane in 0..BLOCK {
            self.sum[lane] += other.sum[lane];
            self.squares[lane] += other.squares[lane];
        }
    }
}

/// Scale and shift per channel.
#[derive(Debug, Clone, Default)]
struct Line {
    scale: Vec<f32>,
    shift: Vec<f32>,
}

/// The current values of a program's affines.
#[derive(Debug, Clone)]
pub(in crate::cpu) struct Affines {
    lines: Vec<Line>,
}

impl Affines {
    pub fn new(affines: &[Affine]) -> Self {
        let line = |affine: &Affine| match affine {
            Affine::Constant { scale, shift } => Line { scale: scale.clone(), shift: shift.clone() },
            Affine::Instance { gamma, beta, .. } => Line { scale: gamma.clone(), shift: beta.clone() },
        };
        Self { lines: affines.iter().map(line).collect() }
    }

    /// Computes what depends on `statistics`. `slots` holds one [`Moments`]
    /// per block for each task, task by task; `voxels` is what they counted.
    ///
    /// `variance = E[x^2] - E[x]^2` in f64 loses at most half of its 53 bits
    /// when the mean is 10^4 times the spread.
    pub fn update(
        &mut self,
        affines: &[Affine],
        statistics: StatisticsId,
        slots: &[Moments],
        blocks: usize,
        voxels: usize,
    ) {
        for (affine, line) in affines.iter().zip(&mut self.lines) {
            let Affine::Instance { statistics: from, gamma, beta, eps } = affine else { continue };
            if *from != statistics {
                continue;
            }
            for block in 0..gamma.len().div_ceil(BLOCK) {
                let mut moments = Moments::default();
                slots.iter().skip(block).step_by(blocks).for_each(|slot| moments.merge(slot));
                for (lane, channel) in (block * BLOCK..gamma.len()).take(BLOCK).enumerate() {
                    let mean = moments.sum[lane] / voxels as f64;
                    let variance = (moments.squares[lane] / voxels as f64 - mean * mean).max(0.0);
                    let spread = (variance + f64::from(*eps)).sqrt();
                    let scale = if spread > 0.0 { f64::from(gamma[channel]) / spread } else { 0.0 };
                    line.scale[channel] = scale as f32;
                    line.shift[channel] = (f64::from(beta[channel]) - mean * scale) as f32;
                }
            }
        }
    }

    /// What block `index` of a part with `channels` channels is loaded with.
    pub fn fill(&self, load: Load, index: usize, channels: usize, target: &mut BlockRef) {
        let first = index * BLOCK;
        let live = channels.saturating_sub(first).min(BLOCK);
        target.slope = load.slope;
        target.scale = [0.0; BLOCK];
        target.shift = [0.0; BLOCK];
        match load.affine {
            None => target.scale[..live].fill(1.0),
            Some(AffineId(affine)) => {
                let line = &self.lines[affine];
                target.scale[..live].copy_from_slice(&line.scale[first..first + live]);
                target.shift[..live].copy_from_slice(&line.shift[first..first + live]);
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_large_offset_does_not_eat_the_variance() {
        // Hounsfield-like values around 3000 with a spread of 1, in two tasks.
        let mut slots = [Moments::default(); 2];
        for voxel in 0..30_000_u16 {
            let value = 3000.0 + f64::from(voxel % 3) - 1.0;
            let slot = &mut slots[usize::from(voxel % 2)];
            slot.merge(&Moments { sum: [value; BLOCK], squares: [value * value; BLOCK] });
        }
        let affines =
            [Affine::Instance { statistics: StatisticsId(0), gamma: vec![1.0; 3], beta: vec![0.5; 3], eps: 0.0 }];
        let mut values = Affines::new(&affines);
        values.update(&affines, StatisticsId(0), &slots, 1, 30_000);
        let mut block = BlockRef { first: 0, scale: [9.0; BLOCK], shift: [9.0; BLOCK], slope: 0.0 };
        values.fill(Load { affine: Some(AffineId(0)), slope: 0.25 }, 0, 3, &mut block);
        let spread = (2.0_f32 / 3.0).sqrt();
        assert!((block.scale[2] * spread - 1.0).abs() < 1e-3, "{block:?}");
        assert!((block.scale[2] * 3000.0 + block.shift[2] - 0.5).abs() < 1e-2, "{block:?}");
        assert_eq!((block.scale[3], block.shift[3], block.slope), (0.0, 0.0, 0.25));
    }
}
