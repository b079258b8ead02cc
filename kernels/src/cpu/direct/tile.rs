//! The inner loop: a few output positions times 16 output channels.
//!
//! The sums stay in registers while all taps of a chunk pass: per row of
//! weights, one load of 16 weights and one broadcast per position (register
//! blocking after Goto & van de Geijn 2008, DOI 10.1145/1356052.1356053). The
//! order of a sum is that of the rows, for every instruction set.

use crate::cpu::element::Lanes;
use crate::cpu::vector::Vector;
use crate::program::BLOCK;

/// Most positions of a tile, over all instruction sets.
pub(super) const MOST_POSITIONS: usize = 12;

/// Positions of a tile: with AVX2, 6 of two vectors fill 12 of 16 registers;
/// AVX-512 has 32 registers, but 12 addresses fill the integer ones.
#[inline(always)]
pub(super) const fn positions<V: Vector>() -> usize {
    if V::LANES == 16 && V::ROWS > 6 { 12 } else { 6 }
}

/// What one tile adds up.
#[derive(Debug, Clone, Copy)]
pub(super) struct Tile<'a> {
    pub patch: &'a [f32],
    /// First patch value of each position.
    pub bases: &'a [usize],
    /// Patch values from a base to each tap; `run` values follow each other.
    pub offsets: &'a [usize],
    /// The largest of `offsets`.
    pub last: usize,
    pub run: usize,
    /// `run` rows per offset.
    pub weights: &'a [Lanes<f32>],
    /// What the sums start from instead of their stored values.
    pub start: Option<&'a [f32; BLOCK]>,
}

impl Tile<'_> {
    /// Adds to `sums`, one row per position.
    /// Panics when a slice is too short: a bug of this crate, never of its input.
    #[inline(always)]
    pub(super) fn accumulate<V: Vector>(self, v: V, sums: &mut [[f32; BLOCK]]) {
        match (V::LANES, positions::<V>(), self.run) {
            (16, 12, 1) => self.rows::<V, 12, 1, 1>(v, sums),
            (16, 12, _) => self.rows::<V, 12, 1, 16>(v, sums),
            (16, _, 1) => self.rows::<V, 6, 1, 1>(v, sums),
            (16, _, _) => self.rows::<V, 6, 1, 16>(v, sums),
            (8, _, 1) => self.rows::<V, 6, 2, 1>(v, sums),
            (8, _, _) => self.rows::<V, 6, 2, 16>(v, sums),
            (_, _, 1) => self.rows::<V, 6, 4, 1>(v, sums),
            (_, _, _) => self.rows::<V, 6, 4, 16>(v, sums),
        }
    }

    /// `ROWS` positions of `PER` vectors; `RUN` values per offset.
    #[inline(always)]
    #[allow(clippy::needless_range_loop, reason = "one index walks registers and memory")]
    fn rows<V: Vector, const ROWS: usize, const PER: usize, const RUN: usize>(self, v: V, sums: &mut [[f32; BLOCK]]) {
        assert!(sums.len() == ROWS && self.bases.len() == ROWS && PER * V::LANES == BLOCK, "tile shape");
        let farthest = self.bases.iter().fold(0, |a, &b| if a > b { a } else { b });
        assert!(farthest + self.last + RUN <= self.patch.len(), "tap outside the patch");
        assert!(self.weights.len() == self.offsets.len() * RUN, "weights per tap");
        let mut acc = [[v; PER]; ROWS];
        let mut origins = [self.patch.as_ptr(); ROWS];
        let mut row: *const f32 = self.weights.as_ptr().cast();
        // SAFETY: the first assert bounds bases and sums, the second every
        // `base + offset + r` with `offset <= last`, `r < RUN` (`last` comes
        // with the offsets from `Offsets::find`), the third the rows of
        // weights (tests `instruction_sets_agree`,
        // `a_tap_outside_the_patch_panics`).
        unsafe {
            for p in 0..ROWS {
                origins[p] = self.patch.as_ptr().add(self.bases[p]);
                let from = self.start.map_or(sums[p].as_ptr(), |start| start.as_ptr());
                for i in 0..PER {
                    acc[p][i] = v.load(from.add(i * V::LANES));
                }
            }
            for &offset in self.offsets {
                for r in 0..RUN {
                    let mut weights = [v; PER];
                    for i in 0..PER {
                        weights[i] = v.load(row.add(i * V::LANES));
                    }
                    for p in 0..ROWS {
                        let value = v.splat(*origins[p].add(offset + r));
                        for i in 0..PER {
                            acc[p][i] = value.mul_add(weights[i], acc[p][i]);
                        }
                    }
                    row = row.add(BLOCK);
                }
            }
            for p in 0..ROWS {
                for i in 0..PER {
                    acc[p][i].store(sums[p].as_mut_ptr().add(i * V::LANES));
                }
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::cpu::vector::{Isa, Kernel};

    struct Run<'a>(Tile<'a>, &'a [usize], &'a mut Vec<[f32; BLOCK]>);

    impl Kernel for Run<'_> {
        type Output = ();
        #[inline(always)]
        fn run<V: Vector>(self, v: V) {
            let Run(tile, bases, sums) = self;
            for (bases, sums) in bases.chunks(positions::<V>()).zip(sums.chunks_mut(positions::<V>())) {
                Tile { bases, ..tile }.accumulate(v, sums);
            }
        }
    }

    #[test]
    fn instruction_sets_agree() {
        let patch: Vec<f32> = (0..200_u8).map(|i| (f32::from(i) * 0.7).sin()).collect();
        let bases = [0, 5, 44, 7, 7, 12, 90, 3, 3, 1, 60, 61];
        for (run, offsets) in [(1, vec![0, 7, 3, 91]), (16, vec![16, 0, 40])] {
            let weights: Vec<_> = (0..offsets.len() * run)
                .map(|row| Lanes(std::array::from_fn(|lane| ((row * 16 + lane) as f32 * 0.3).cos())))
                .collect();
            let last = *offsets.iter().max().unwrap();
            for isa in Isa::available() {
                let mut sums = vec![[0.25; BLOCK]; 12];
                let tile =
                    Tile { patch: &patch, bases: &[], offsets: &offsets, last, run, weights: &weights, start: None };
                isa.run(Run(tile, &bases, &mut sums));
                for (sums, base) in sums.iter().zip(bases) {
                    for (lane, sum) in sums.iter().enumerate() {
                        let tap = |t: usize| patch[base + offsets[t / run] + t % run] * weights[t].0[lane];
                        let exact = 0.25 + (0..weights.len()).map(|t| f64::from(tap(t))).sum::<f64>();
                        assert!((f64::from(*sum) - exact).abs() < 1e-5, "{isa:?} {run}");
                    }
                }
            }
        }
    }

    #[test]
    #[should_panic(expected = "tap outside the patch")]
    fn a_tap_outside_the_patch_panics() {
        let (weights, mut sums) = ([Lanes([0.0; BLOCK])], vec![[0.0; BLOCK]; 12]);
        let tile =
            Tile { patch: &[0.0; 8], bases: &[], offsets: &[2], last: 2, run: 1, weights: &weights, start: None };
        Isa::detect().run(Run(tile, &[0, 0, 0, 0, 0, 6, 0, 0, 0, 0, 0, 6], &mut sums));
    }
}
