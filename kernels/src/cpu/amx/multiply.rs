//! The inner loops: four tiles of sums, held while all steps pass.
//!
//! Tiles 0 to 3 are sums, 4 and 5 voxels, 6 and 7 weights.

use super::patch::Offset;
use super::tiles::{Line, ROW_VALUES, ROWS, SUMS, Tiles};

/// Windows multiplied together when only one panel is left.
pub(super) const WINDOWS: usize = 4;

/// Sums of up to four tiles, `[tile][row][output channel]`.
#[derive(Debug, Clone)]
#[repr(C, align(64))]
pub(super) struct Sums(pub [[f32; SUMS]; 4]);

/// What a share multiplies.
#[derive(Debug, Clone, Copy)]
pub(super) struct Operands<'a> {
    pub patch: &'a [Line],
    /// One per step.
    pub offsets: &'a [Offset],
}

impl Operands<'_> {
    /// Panics when a window or the weights are too short: a bug of this
    /// crate, never of its input.
    #[inline(always)]
    fn check(&self, starts: &[usize], weights: &[&[Line]]) {
        let last = starts.iter().copied().max().unwrap_or(0) + ROWS - 1;
        let end = self.offsets.iter().map(|offset| offset.first + last * offset.width + ROW_VALUES).max();
        assert!(end.unwrap_or(0) <= self.patch.len() * ROW_VALUES, "window past the end of a patch");
        assert!(weights.iter().all(|weights| weights.len() == self.offsets.len() * ROWS), "one tile of weights a step");
    }

    /// One or two windows with two panels: sums `[window][panel]`.
    #[inline(always)]
    pub(super) fn two_panels<T: Tiles>(&self, tiles: &mut T, starts: &[usize], weights: [&[Line]; 2], sums: &mut Sums) {
        self.check(starts, &weights);
        let patch: *const u16 = self.patch.as_ptr().cast();
        let (first, second) = (starts[0], starts.get(1).copied());
        tiles.zero::<0>();
        tiles.zero::<1>();
        tiles.zero::<2>();
        tiles.zero::<3>();
        let mut weights = weights.map(<[Line]>::as_ptr);
        for offset in self.offsets {
            let row_bytes = offset.width * 2;
            // SAFETY: `check` bounds windows and weights (tests `amx::tests`).
            unsafe {
                tiles.load::<6>(weights[0].cast(), size_of::<Line>());
                tiles.load::<4>(patch.add(offset.first + first * offset.width), row_bytes);
                tiles.multiply::<0, 4, 6>();
                tiles.load::<7>(weights[1].cast(), size_of::<Line>());
                tiles.multiply::<1, 4, 7>();
                if let Some(second) = second {
                    tiles.load::<5>(patch.add(offset.first + second * offset.width), row_bytes);
                    tiles.multiply::<2, 5, 6>();
                    tiles.multiply::<3, 5, 7>();
                }
                weights = weights.map(|line| line.add(ROWS));
            }
        }
        store(tiles, sums);
    }

    /// One to four windows with one panel: sums `[window]`.
    #[inline(always)]
    pub(super) fn one_panel<T: Tiles>(&self, tiles: &mut T, starts: &[usize], weights: &[Line], sums: &mut Sums) {
        self.check(starts, &[weights]);
        let patch: *const u16 = self.patch.as_ptr().cast();
        tiles.zero::<0>();
        tiles.zero::<1>();
        tiles.zero::<2>();
        tiles.zero::<3>();
        let mut line = weights.as_ptr();
        for offset in self.offsets {
            let row_bytes = offset.width * 2;
            // SAFETY: `check` bounds windows and weights (tests `amx::tests`).
            unsafe {
                let from = |window: usize| patch.add(offset.first + starts[window] * offset.width);
                tiles.load::<6>(line.cast(), size_of::<Line>());
                tiles.load::<4>(from(0), row_bytes);
                tiles.multiply::<0, 4, 6>();
                if starts.len() > 1 {
                    tiles.load::<5>(from(1), row_bytes);
                    tiles.multiply::<1, 5, 6>();
                }
                if starts.len() > 2 {
                    tiles.load::<4>(from(2), row_bytes);
                    tiles.multiply::<2, 4, 6>();
                }
                if starts.len() > 3 {
                    tiles.load::<5>(from(3), row_bytes);
                    tiles.multiply::<3, 5, 6>();
                }
                line = line.add(ROWS);
            }
        }
        store(tiles, sums);
    }
}

#[inline(always)]
fn store<T: Tiles>(tiles: &mut T, sums: &mut Sums) {
    let [a, b, c, d] = &mut sums.0;
    // SAFETY: four arrays of `SUMS` values (tests `amx::tests`).
    unsafe {
        tiles.store::<0>(a.as_mut_ptr());
        tiles.store::<1>(b.as_mut_ptr());
        tiles.store::<2>(c.as_mut_ptr());
        tiles.store::<3>(d.as_mut_ptr());
    }
}
