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

/// Transforms a run of tiles of input block `index`.
pub(super) fn transform<E: Element>(isa: Isa, sizes: &Sizes, block: &InputBlock<'_, E>, index: usize, run: Run, work: &mut Work) {
    let tile = sizes.tile;
    let [nz, ny, nx] = tile.inputs();
    let [mz, my, mx] = tile.outputs;
    let padding = tile.padding();
    let width = run.len * mx + nx - mx;
    let row = width * BLOCK;
    let start = |axis: usize| (run.tile[axis] * tile.outputs[axis]) as isize - padding[axis] as isize;
    // Rows of one y at all z, then all products along z.
    let (rows, rest) = work.rows.split_at_mut(nz.max(ny) * row);
    let planes = &mut rest[..nz * ny * row];
    let source = |index: usize| {
        let (y, z) = (index / nz, index % nz);
        sizes.row(block.voxels, start(0) + z as isize, start(1) + y as isize)
    };
    for y in 0..ny {
        for z in 0..nz {
            let to = &mut rows[z * row..][..row];
            let index = y * nz + z;
            fetch(isa, block, source(index), source(index + AHEAD), start(2), to);
        }
        along(isa, mz, rows, row, &mut planes[y * row..], ny * row, row);
    }
    for z in 0..nz {
        along(isa, my, &planes[z * ny * row..][..ny * row], row, rows, row, row);
        for y in 0..ny {
            let from = &rows[y * row..][..row];
            let to = Place { sizes, run, point: (z * ny + y) * nx, lane: index * BLOCK };
            columns(isa, mx, from, &mut work.values, to);
        }
    }
}

/// A row of an input block, if it is inside the volume.
type Row<'a, E> = Option<&'a [Lanes<E>]>;

/// Loads one row with its zeros, and asks for one that comes `later`.
fn fetch<E: Element>(isa: Isa, block: &InputBlock<'_, E>, voxels: Row<'_, E>, later: Row<'_, E>, start: isize, to: &mut [f32]) {
    let Some(voxels) = voxels else { return to.fill(0.0) };
    let width = to.len() / BLOCK;
    let before = (-start).max(0) as usize;
    let first = start.max(0) as usize;
    let inside = voxels.len().saturating_sub(first).min(width - before);
    to[..before * BLOCK].fill(0.0);
    to[(before + inside) * BLOCK..].fill(0.0);
    let to = &mut to[before * BLOCK..][..inside * BLOCK];
    let later = &later.unwrap_or(voxels)[first..][..inside];
    isa.run(Fetch { voxels: &voxels[first..][..inside], later, block, to });
}

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
            // each voxel; the assert bounds the writes (test `winograd::tests`).
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

/// Transforms `len` floats at a time: input `i` at `from[i * from_step..]`,
/// product `j` to `to[j * to_step..]`.
fn along(isa: Isa, outputs: usize, from: &[f32], from_step: usize, to: &mut [f32], to_step: usize, len: usize) {
    match outputs {
        1 => isa.run(Along { axis: One, from, from_step, to, to_step, len }),
        2 => isa.run(Along { axis: Two, from, from_step, to, to_step, len }),
        _ => isa.run(Along { axis: Four, from, from_step, to, to_step, len }),
    }
}

struct Along<'a, A> {
    axis: A,
    from: &'a [f32],
    from_step: usize,
    to: &'a mut [f32],
    to_step: usize,
    len: usize,
}

impl<A: Axis> Kernel for Along<'_, A> {
    type Output = ();
    #[inline(always)]
    fn run<V: Vector>(self, v: V) {
        let last = A::INPUTS - 1;
        assert!(self.from.len() >= last * self.from_step + self.len && self.len % BLOCK == 0);
        assert!(self.to.len() >= last * self.to_step + self.len);
        let (from, to) = (self.from.as_ptr(), self.to.as_mut_ptr());
        for at in (0..self.len).step_by(V::LANES) {
            // SAFETY: `at + LANES <= len` and the asserts bound both sides
            // (test `winograd::tests`).
            let get = |i: usize| unsafe { v.load(from.add(at + i * self.from_step)) };
            // SAFETY: as above.
            A::input(get, |j, value| unsafe { value.store(to.add(at + j * self.to_step)) });
        }
    }
}

/// Where the products of a run go.
#[derive(Debug, Clone, Copy)]
struct Place<'a> {
    sizes: &'a Sizes,
    run: Run,
    point: usize,
    lane: usize,
}

/// The last transform, along x, with the products put where the matrix
/// product reads them.
fn columns(isa: Isa, outputs: usize, from: &[f32], to: &mut [f32], place: Place<'_>) {
    match outputs {
        2 => isa.run(Columns { axis: Two, from, to, place }),
        _ => isa.run(Columns { axis: Four, from, to, place }),
    }
}

struct Columns<'a, A> {
    axis: A,
    from: &'a [f32],
    to: &'a mut [f32],
    place: Place<'a>,
}

impl<A: Axis> Kernel for Columns<'_, A> {
    type Output = ();
    #[inline(always)]
    fn run<V: Vector>(self, v: V) {
        let Place { sizes, run, point, lane } = self.place;
        let step = sizes.point_step();
        let (columns, products) = (A::OUTPUTS, A::INPUTS);
        assert!(self.from.len() >= ((run.len - 1) * columns + products) * BLOCK);
        for tile in 0..run.len {
            let first = sizes.value(run.slot + tile, point) + lane;
            assert!(first + (products - 1) * step + BLOCK <= self.to.len());
            // SAFETY: the asserts (test `winograd::tests`).
            let (from, to) =
                unsafe { (self.from.as_ptr().add(tile * columns * BLOCK), self.to.as_mut_ptr().add(first)) };
            for part in (0..BLOCK).step_by(V::LANES) {
                // SAFETY: the asserts (test `winograd::tests`).
                let get = |i: usize| unsafe { v.load(from.add(i * BLOCK + part)) };
                // SAFETY: as above.
                A::input(get, |j, value| unsafe { value.store(to.add(j * step + part)) });
            }
        }
    }
}
