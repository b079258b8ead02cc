//! From stored blocks to transformed tiles.
//!
//! A run of tiles side by side along x shares its rows: values are loaded
//! once into rows with zeros around the volume, then transformed along z and y
//! for all tiles together, and along x tile by tile.

use super::sizes::{Sizes, Work};
use super::transform::{Axis, Four, One, Two};
use crate::cpu::blocks::InputBlock;
use crate::cpu::element::Lanes;
use crate::cpu::vector::{BLOCK, Element, Isa, Kernel, Vector};

/// Tiles of one run: neighbours along x.
#[derive(Debug, Clone, Copy)]
pub(super) struct Run {
    /// Tile position `[z, y, x]` of the first.
    pub tile: [usize; 3],
    /// How many.
    pub len: usize,
    /// Place of the first in the batch.
    pub slot: usize,
}

/// Rows between asking for one and loading it: memory answers in the time of
/// two, and rows are too short for the processor to guess.
const AHEAD: usize = 2;

/// One block of the input.
pub(super) struct Source<'a, E> {
    pub isa: Isa,
    pub sizes: &'a Sizes,
    pub block: InputBlock<'a, E>,
    /// Which block of the input it is.
    pub index: usize,
}

impl<E: Element> Source<'_, E> {
    /// Transforms a run of tiles.
    pub fn transform(&self, run: Run, work: &mut Work) {
        let Self { isa, sizes, .. } = *self;
        let [nz, ny, nx] = sizes.tile.inputs();
        let [mz, my, mx] = sizes.tile.outputs;
        let row = (run.len * mx + nx - mx) * BLOCK;
        // Rows of one y at all z, then all products along z.
        let (rows, rest) = work.rows.split_at_mut(nz.max(ny) * row);
        let planes = &mut rest[..nz * ny * row];
        for y in 0..ny {
            for z in 0..nz {
                self.load(run, y * nz + z, &mut rows[z * row..][..row]);
            }
            let along = Along { from: rows, from_step: row, to: &mut planes[y * row..], to_step: ny * row, len: row };
            along.run_on(isa, mz);
        }
        for z in 0..nz {
            let from = &planes[z * ny * row..][..ny * row];
            Along { from, from_step: row, to: rows, to_step: row, len: row }.run_on(isa, my);
            for y in 0..ny {
                let (point, lane) = ((z * ny + y) * nx, self.index * BLOCK);
                let from = &rows[y * row..][..row];
                Columns { from, to: &mut work.values, sizes, run, point, lane }.run_on(isa, mx);
            }
        }
    }

    /// Loads row `index` of a run, counted z first, with its zeros.
    fn load(&self, run: Run, index: usize, to: &mut [f32]) {
        let Some(voxels) = self.row(run, index) else { return to.fill(0.0) };
        let [_, _, start] = self.start(run);
        let before = (-start).max(0) as usize;
        let first = start.max(0) as usize;
        let inside = (voxels.len() - first).min(to.len() / BLOCK - before);
        to[..before * BLOCK].fill(0.0);
        to[(before + inside) * BLOCK..].fill(0.0);
        let later = &self.row(run, index + AHEAD).unwrap_or(voxels)[first..][..inside];
        let (voxels, to) = (&voxels[first..][..inside], &mut to[before * BLOCK..][..inside * BLOCK]);
        self.isa.run(Fetch { voxels, later, block: &self.block, to });
    }

    /// First voxel `[z, y, x]` of a run, which may lie before the volume.
    fn start(&self, run: Run) -> [isize; 3] {
        let padding = self.sizes.tile.padding();
        std::array::from_fn(|a| (run.tile[a] * self.sizes.tile.outputs[a]) as isize - padding[a] as isize)
    }

    /// Row `index` of a run, if it is inside the volume.
    fn row(&self, run: Run, index: usize) -> Option<&[Lanes<E>]> {
        let depth = self.sizes.tile.inputs()[0];
        let [z, y, _] = self.start(run);
        self.sizes.row(self.block.voxels, z + (index % depth) as isize, y + (index / depth) as isize)
    }
}

/// Loads voxels, and asks for those that come `later`.
struct Fetch<'a, E> {
    voxels: &'a [Lanes<E>],
    later: &'a [Lanes<E>],
    block: &'a InputBlock<'a, E>,
    to: &'a mut [f32],
}

impl<E: Element> Kernel for Fetch<'_, E> {
    type Output = ();
    #[inline(always)]
    fn run<V: Vector>(self, v: V) {
        assert!(self.voxels.len() * BLOCK <= self.to.len());
        let slope = v.splat(self.block.slope);
        let from: *const E = self.voxels.as_ptr().cast();
        let to = self.to.as_mut_ptr();
        for part in (0..BLOCK).step_by(V::LANES) {
            // SAFETY: `part + LANES <= BLOCK`, the length of scale, shift and
            // each voxel; the assert bounds the writes (test
            // `every_instruction_set_and_tile_computes_the_convolution`).
            unsafe {
                let scale = v.load(self.block.scale.as_ptr().add(part));
                let shift = v.load(self.block.shift.as_ptr().add(part));
                for voxel in 0..self.voxels.len() {
                    if part == 0 {
                        v.prefetch(self.later.as_ptr().wrapping_add(voxel));
                    }
                    let value = E::read(v, from.add(voxel * BLOCK + part)).mul_add(scale, shift);
                    value.max(value.mul(slope)).store(to.add(voxel * BLOCK + part));
                }
            }
        }
    }
}

/// A transform of `len` floats at a time: input `i` at `from[i * from_step..]`,
/// product `j` to `to[j * to_step..]`.
struct Along<'a> {
    from: &'a [f32],
    from_step: usize,
    to: &'a mut [f32],
    to_step: usize,
    len: usize,
}

impl Along<'_> {
    /// For an axis with `outputs` outputs.
    fn run_on(self, isa: Isa, outputs: usize) {
        match outputs {
            1 => isa.run((One, self)),
            2 => isa.run((Two, self)),
            _ => isa.run((Four, self)),
        }
    }
}

impl<A: Axis> Kernel for (A, Along<'_>) {
    type Output = ();
    #[inline(always)]
    fn run<V: Vector>(self, v: V) {
        let (axis, Along { from, from_step, to, to_step, len }) = self;
        let last = A::INPUTS - 1;
        assert!(from.len() >= last * from_step + len && len.is_multiple_of(BLOCK));
        assert!(to.len() >= last * to_step + len);
        let (from, to) = (from.as_ptr(), to.as_mut_ptr());
        for at in (0..len).step_by(V::LANES) {
            // SAFETY: `at + LANES <= len` and the asserts bound both sides
            // (test `every_instruction_set_and_tile_computes_the_convolution`).
            let get = |i: usize| unsafe { v.load(from.add(at + i * from_step)) };
            // SAFETY: as above.
            axis.input(get, |j, value| unsafe { value.store(to.add(at + j * to_step)) });
        }
    }
}

/// The last transform, along x, with the products put where the matrix
/// product reads them.
struct Columns<'a> {
    /// A row of the run.
    from: &'a [f32],
    to: &'a mut [f32],
    sizes: &'a Sizes,
    run: Run,
    /// First point of the row.
    point: usize,
    /// First input lane.
    lane: usize,
}

impl Columns<'_> {
    /// For an axis with `outputs` outputs.
    fn run_on(self, isa: Isa, outputs: usize) {
        match outputs {
            2 => isa.run((Two, self)),
            _ => isa.run((Four, self)),
        }
    }
}

impl<A: Axis> Kernel for (A, Columns<'_>) {
    type Output = ();
    #[inline(always)]
    fn run<V: Vector>(self, v: V) {
        let (axis, Columns { from, to, sizes, run, point, lane }) = self;
        let step = sizes.point_step();
        assert!(from.len() >= (run.len * A::OUTPUTS + A::INPUTS - A::OUTPUTS) * BLOCK);
        for tile in 0..run.len {
            let first = sizes.value(run.slot + tile, point) + lane;
            assert!(first + (A::INPUTS - 1) * step + BLOCK <= to.len());
            for part in (0..BLOCK).step_by(V::LANES) {
                // SAFETY: the asserts (test
                // `every_instruction_set_and_tile_computes_the_convolution`).
                let get = |i: usize| unsafe { v.load(from.as_ptr().add((tile * A::OUTPUTS + i) * BLOCK + part)) };
                // SAFETY: as above.
                axis.input(get, |j, value| unsafe { value.store(to.as_mut_ptr().add(first + j * step + part)) });
            }
        }
    }
}
