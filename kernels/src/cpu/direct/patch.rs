//! The input voxels under a box of output voxels, zeros around the volume
//! included, with the load applied.

use super::cut::Region;
use super::layer::{Chunk, Direct};
use crate::cpu::blocks::{InputBlock, InputBlocks};
use crate::cpu::convert::load_row;
use crate::cpu::element::{Element, Lanes};
use crate::cpu::vector::Vector;
use crate::program::BLOCK;

/// What a convolution reads.
#[derive(Debug, Clone, Copy)]
pub(in crate::cpu) enum Input<'a, E> {
    /// Blocks of channels, 16 values side by side.
    Blocks(InputBlocks<'a, E>),
    /// The network's input: `[channel][z][y][x]`.
    Planes {
        /// All values.
        values: &'a [f32],
        /// `[z, y, x]`.
        dims: [usize; 3],
    },
}

/// How a patch samples one axis. A kernel of width 1 needs only every
/// `stride`-th voxel; wider ones need all of them.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Sampling {
    /// Input voxels from one patch voxel to the next.
    pub input_step: usize,
    /// Patch voxels from one output voxel to the next.
    pub patch_step: usize,
}

impl Direct {
    pub(super) fn sampling(&self, axis: usize) -> Sampling {
        if self.kernel[axis] == 1 {
            Sampling { input_step: self.stride[axis], patch_step: 1 }
        } else {
            Sampling { input_step: 1, patch_step: self.stride[axis] }
        }
    }

    /// Voxels `[z, y, x]` of the patch for a box.
    pub(super) fn patch_dims(&self, size: [usize; 3]) -> [usize; 3] {
        std::array::from_fn(|axis| {
            (size[axis] - 1) * self.sampling(axis).patch_step + self.dilation[axis] * (self.kernel[axis] - 1) + 1
        })
    }

    /// Fills `patch` with the planes of `chunk`, `[plane][z][y][x][run]`.
    #[inline(always)]
    pub(super) fn fill_patch<V: Vector, E: Element>(
        &self,
        v: V,
        input: &Input<'_, E>,
        region: &Region,
        chunk: &Chunk,
        patch: &mut [f32],
    ) {
        let dims @ [_, height, width] = self.patch_dims(region.size);
        let row_len = width * self.run;
        let plane_rows = dims[0] * height;
        for (row, target) in patch.chunks_exact_mut(row_len).take(chunk.planes.len() * plane_rows).enumerate() {
            let plane = chunk.planes.start + row / plane_rows;
            let z = self.input_index(0, region, row % plane_rows / height);
            let y = self.input_index(1, region, row % height);
            match input {
                Input::Blocks(blocks) => {
                    let dims = blocks.dims();
                    let block = blocks.block(plane);
                    let Some(first) = row_start(dims, 0, z, y) else {
                        target.fill(0.0);
                        continue;
                    };
                    self.fill_blocks(v, &block, &block.voxels[first..first + dims[2]], region, target);
                }
                Input::Planes { values, dims } => {
                    let Some(first) = row_start(*dims, plane, z, y) else {
                        target.fill(0.0);
                        continue;
                    };
                    self.fill_values(&values[first..first + dims[2]], region, target);
                }
            }
        }
    }

    /// Input index of patch voxel `at` on an axis; outside wraps far up.
    #[inline(always)]
    fn input_index(&self, axis: usize, region: &Region, at: usize) -> usize {
        (region.start[axis] * self.stride[axis] + at * self.sampling(axis).input_step).wrapping_sub(self.padding[axis])
    }

    /// Patch voxels before, inside and their first input voxel, along x.
    #[inline(always)]
    fn inside(&self, region: &Region, patch: usize, input: usize) -> (usize, usize, usize) {
        let step = self.sampling(2).input_step;
        let start = region.start[2] * self.stride[2];
        let before = self.padding[2].saturating_sub(start).div_ceil(step).min(patch);
        let first = start + before * step - self.padding[2].min(start + before * step);
        let inside = input.saturating_sub(first).div_ceil(step).min(patch - before);
        (before, inside, first)
    }

    #[inline(always)]
    fn fill_blocks<V: Vector, E: Element>(
        &self,
        v: V,
        block: &InputBlock<'_, E>,
        row: &[Lanes<E>],
        region: &Region,
        target: &mut [f32],
    ) {
        let target = target.as_chunks_mut::<BLOCK>().0;
        let (before, inside, first) = self.inside(region, target.len(), row.len());
        let (left, rest) = target.split_at_mut(before);
        let (middle, right) = rest.split_at_mut(inside);
        left.fill([0.0; BLOCK]);
        right.fill([0.0; BLOCK]);
        if inside == 0 {
            return;
        }
        match self.sampling(2).input_step {
            1 => load_row(v, block, &row[first..], 1, middle),
            step => load_row(v, block, &row[first..], step, middle),
        }
    }

    #[inline(always)]
    fn fill_values(&self, row: &[f32], region: &Region, target: &mut [f32]) {
        let (before, inside, first) = self.inside(region, target.len(), row.len());
        let (left, rest) = target.split_at_mut(before);
        let (middle, right) = rest.split_at_mut(inside);
        left.fill(0.0);
        right.fill(0.0);
        if inside == 0 {
            return;
        }
        let step = self.sampling(2).input_step;
        for (target, value) in middle.iter_mut().zip(row[first..].iter().step_by(step)) {
            *target = *value;
        }
    }
}

/// First voxel of row `[z, y]` of a plane; `None` outside the volume.
#[inline(always)]
fn row_start([depth, height, width]: [usize; 3], plane: usize, z: usize, y: usize) -> Option<usize> {
    (z < depth && y < height).then_some(((plane * depth + z) * height + y) * width)
}
