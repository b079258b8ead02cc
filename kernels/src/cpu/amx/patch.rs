//! The input voxels under a box of output voxels as bf16, with the load
//! applied and zeros around the volume.
//!
//! `[plane][phase][z][y][x][16 or 32 channels]`: two blocks side by side make
//! the 64 bytes of a tile's row; a last single block has 32 bytes per voxel,
//! so that a row holds a voxel and the next one (two taps).

use super::cut::Region;
use super::layer::{Layer, Plane};
use super::taps::{Axis, Step};
use super::tiles::{Line, ROW_VALUES, ROWS};
use crate::cpu::blocks::{InputBlock, InputBlocks};
use crate::cpu::element::Lanes;
use crate::cpu::vector::{Element, Kernel, Vector};
use crate::program::BLOCK;

/// Where everything lies in the patch of one box.
#[derive(Debug, Clone, Copy)]
pub(super) struct Patch<'a> {
    layer: &'a Layer,
    region: Region,
    /// Voxels of a phase, `[z, y, x]`.
    pub dims: [usize; 3],
    phases: [usize; 3],
}

/// Where the rows of a step start.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Offset {
    /// First value for position 0.
    pub first: usize,
    /// Values from one position to the next.
    pub width: usize,
}

impl<'a> Patch<'a> {
    pub(super) fn new(layer: &'a Layer, region: Region) -> Self {
        let dims = [0, 1, 2].map(|axis| region.size[axis] + layer.axes[axis].reach());
        Self { layer, region, dims, phases: [0, 1, 2].map(|axis| layer.axes[axis].phases.len()) }
    }

    /// Voxels of all phases.
    fn voxels(&self) -> usize {
        self.dims.iter().chain(&self.phases).product()
    }

    /// Lines of memory, with as many after the last voxel as the last window
    /// may read beyond it.
    pub(super) fn lines(&self) -> usize {
        let blocks: usize = self.layer.planes.iter().map(|plane| plane.blocks).sum();
        (self.voxels() * blocks).div_ceil(2) + ROWS
    }

    /// Index of voxel `[z, y, x]` of a phase, in voxels of its plane.
    fn index(&self, phase: [usize; 3], [z, y, x]: [usize; 3]) -> usize {
        let phase = (phase[0] * self.phases[1] + phase[1]) * self.phases[2] + phase[2];
        ((phase * self.dims[0] + z) * self.dims[1] + y) * self.dims[2] + x
    }

    /// First value of a plane. A single block can only be the last one.
    fn plane(&self, index: usize) -> usize {
        index * self.voxels() * ROW_VALUES
    }

    pub(super) fn offset(&self, step: &Step) -> Offset {
        let width = self.layer.planes[step.plane].blocks * BLOCK;
        Offset { first: self.plane(step.plane) + self.index(step.phase, step.shift) * width, width }
    }
}

/// Fills a patch.
pub(super) struct Fill<'a, E> {
    pub patch: Patch<'a>,
    pub input: InputBlocks<'a, E>,
    pub to: &'a mut [Line],
}

impl<E: Element> Kernel for Fill<'_, E> {
    type Output = ();

    #[inline(always)]
    fn run<V: Vector>(self, v: V) {
        let Self { patch, input, to } = self;
        let lines = patch.lines();
        // Never what another box has left behind: zero weights times its
        // infinities would be NaN.
        to[lines - ROWS - 1..lines].fill(Line::ZERO);
        let to = to[..lines].as_flattened_values();
        for (index, plane) in patch.layer.planes.iter().enumerate() {
            for half in 0..plane.blocks {
                let block = input.block(plane.first_block + half);
                let first = patch.plane(index) + half * BLOCK;
                patch.fill_block(v, &block, input.dims(), *plane, &mut to[first..]);
            }
        }
    }
}

impl Patch<'_> {
    #[inline(always)]
    fn fill_block<V: Vector, E: Element>(
        &self,
        v: V,
        block: &InputBlock<'_, E>,
        dims: [usize; 3],
        plane: Plane,
        to: &mut [u16],
    ) {
        let (width, axes) = (plane.blocks * BLOCK, &self.layer.axes);
        let rows = self.voxels() / self.dims[2];
        for row in 0..rows {
            let (y, rest) = (row % self.dims[1], row / self.dims[1]);
            let (z, phase) = (rest % self.dims[0], rest / self.dims[0]);
            let [pz, py, px] = [
                phase / (self.phases[1] * self.phases[2]),
                phase / self.phases[2] % self.phases[1],
                phase % self.phases[2],
            ];
            let z = axes[0].input(self.region.start[0] + z, pz);
            let y = axes[1].input(self.region.start[1] + y, py);
            let to = &mut to[row * self.dims[2] * width..];
            let outside = z < 0 || y < 0 || z >= dims[0] as isize || y >= dims[1] as isize;
            let voxels =
                if outside { &[] } else { &block.voxels[(z as usize * dims[1] + y as usize) * dims[2]..][..dims[2]] };
            let origin = axes[2].input(self.region.start[2], px);
            Row { origin, step: axes[2].stride, len: self.dims[2], width }.fill(v, block, voxels, to);
        }
    }
}

impl Axis {
    /// Input index of voxel `at` of a phase; outside the volume, below zero
    /// or beyond its end.
    fn input(&self, at: usize, phase: usize) -> isize {
        (at * self.stride + self.phases[phase]) as isize - self.padding as isize
    }
}

/// One row of one phase.
#[derive(Debug, Clone, Copy)]
struct Row {
    /// Input index of the first voxel.
    origin: isize,
    /// Input voxels from one voxel to the next.
    step: usize,
    /// Voxels.
    len: usize,
    /// Values from one voxel to the next.
    width: usize,
}

impl Row {
    #[inline(always)]
    fn fill<V: Vector, E: Element>(self, v: V, block: &InputBlock<'_, E>, voxels: &[Lanes<E>], to: &mut [u16]) {
        let Self { origin, step, len, width } = self;
        let until = |index: usize| (index as isize - origin).max(0) as usize;
        let before = until(0).div_ceil(step).min(len);
        let end = until(voxels.len()).div_ceil(step).clamp(before, len);
        assert!(to.len() >= (len - 1) * width + BLOCK, "row past the end of a patch");
        for voxel in (0..before).chain(end..len) {
            to[voxel * width..][..BLOCK].fill(0);
        }
        if before == end {
            return;
        }
        let first = (origin + (before * step) as isize) as usize;
        assert!(first + (end - 1 - before) * step < voxels.len(), "row past the end of the input");
        let slope = v.splat(block.slope);
        for part in (0..BLOCK).step_by(V::LANES) {
            // SAFETY: `part + LANES <= BLOCK`, the length of scale, shift and
            // each voxel; the asserts bound both sides (tests `amx::tests`).
            unsafe {
                let scale = v.load(block.scale.as_ptr().add(part));
                let shift = v.load(block.shift.as_ptr().add(part));
                let mut from = voxels.as_ptr().add(first).cast::<E>().add(part);
                let mut to = to.as_mut_ptr().add(before * width + part);
                for _ in before..end {
                    let value = E::read(v, from).mul_add(scale, shift);
                    value.max(value.mul(slope)).store_bf16(to);
                    from = from.wrapping_add(step * BLOCK);
                    to = to.wrapping_add(width);
                }
            }
        }
    }
}

/// Lines as their values.
pub(super) trait Values {
    fn as_flattened_values(&mut self) -> &mut [u16];
}

impl Values for [Line] {
    fn as_flattened_values(&mut self) -> &mut [u16] {
        // SAFETY: a line is 32 values without padding (tests `amx::tests`).
        unsafe { std::slice::from_raw_parts_mut(self.as_mut_ptr().cast(), self.len() * ROW_VALUES) }
    }
}
