//! Convolution as a matrix product whose left side is gathered on the fly:
//! for each output voxel, the input values under the kernel; on the right,
//! the weights in panels of [`LANES`] output channels. Nothing is unrolled in
//! memory (no im2col): a tap is an offset into a zero-padded patch.

use std::ops::Range;

use super::region::Region;
use super::simd::{LANES, POSITIONS, Simd, TILE, Taps, accumulate};
use crate::tensor::Tensor;

/// Taps between two visits of a tile: 13.8 KB of weights and the rows under
/// them fit a 32 KB first-level cache.
const CHUNK_TAPS: usize = 216;

/// Weights in the order the inner loop reads them: `[panel][input][tap][LANES]`.
#[derive(Debug, Clone)]
pub(super) struct Panels {
    /// Columns of the product: output channels (times 8 when transposed).
    pub columns: usize,
    pub inputs: usize,
    /// Side of the cubic kernel; the patch has `kernel / 2` voxels of padding.
    pub kernel: usize,
    pub stride: usize,
    packed: Vec<f32>,
    bias: Vec<f32>,
}

impl Panels {
    /// `weight(column, input, tap)` and `bias(column)` read the file's order.
    pub(super) fn new(
        [columns, inputs, kernel, stride]: [usize; 4],
        weight: impl Fn(usize, usize, usize) -> f32,
        bias: impl Fn(usize) -> f32,
    ) -> Self {
        let taps = kernel.pow(3);
        let panels = columns.div_ceil(LANES);
        let mut packed = Vec::with_capacity(panels * LANES * inputs * taps);
        for first in (0..columns).step_by(LANES) {
            for input in 0..inputs {
                for tap in 0..taps {
                    packed.extend(
                        (first..first + LANES).map(
                            |column| {
                                if column < columns { weight(column, input, tap) } else { 0.0 }
                            },
                        ),
                    );
                }
            }
        }
        let bias = (0..panels * LANES).map(|column| if column < columns { bias(column) } else { 0.0 }).collect();
        Self { columns, inputs, kernel, stride, packed, bias }
    }

    fn panel_count(&self) -> usize {
        self.columns.div_ceil(LANES)
    }

    /// Weights of one panel for a range of input channels.
    fn chunk(&self, panel: usize, inputs: &Range<usize>) -> &[f32] {
        let per_input = self.kernel.pow(3) * LANES;
        let start = panel * self.inputs * per_input;
        &self.packed[start + inputs.start * per_input..start + inputs.end * per_input]
    }
}

/// A thread's working memory, kept between tasks.
#[derive(Debug, Default)]
pub(super) struct Scratch {
    patch: Vec<f32>,
    offsets: Vec<usize>,
    bases: Vec<usize>,
    sums: Vec<f32>,
}

impl Scratch {
    /// Computes all columns for the voxels of `region`.
    pub(super) fn multiply(&mut self, simd: Simd, input: &Tensor, panels: &Panels, region: Region) {
        let patch_dims = patch_dims(panels, region);
        let step = (CHUNK_TAPS / panels.kernel.pow(3)).max(1);
        self.find_bases(panels.stride, region, patch_dims);
        self.start_from_bias(panels);
        for first in (0..panels.inputs).step_by(step) {
            let inputs = first..(first + step).min(panels.inputs);
            self.find_offsets(panels.kernel, inputs.len(), patch_dims);
            self.fill_patch(input, panels, region, &inputs);
            let taps = Taps::new(&self.offsets);
            let bases = self.bases.as_chunks::<POSITIONS>().0;
            let tiles = self.sums.as_chunks_mut::<TILE>().0;
            for (panel, tiles) in tiles.chunks_mut(bases.len()).enumerate() {
                let weights = panels.chunk(panel, &inputs);
                for (bases, tile) in bases.iter().zip(tiles) {
                    accumulate(simd, &self.patch, bases, taps, weights, tile);
                }
            }
        }
    }

    /// The sums of one panel, `[voxel][LANES]`, after [`Scratch::multiply`].
    pub(super) fn panel(&self, panel: usize) -> &[[f32; LANES]] {
        let len = self.bases.len() * LANES;
        self.sums[panel * len..(panel + 1) * len].as_chunks().0
    }

    fn start_from_bias(&mut self, panels: &Panels) {
        self.sums.clear();
        for panel in 0..panels.panel_count() {
            let bias = &panels.bias[panel * LANES..(panel + 1) * LANES];
            for _ in 0..self.bases.len() {
                self.sums.extend_from_slice(bias);
            }
        }
    }

    /// Where each output voxel's first tap lies in the patch. The last tile
    /// is filled up with its last voxel.
    fn find_bases(&mut self, stride: usize, region: Region, [_, height, width]: [usize; 3]) {
        let bases = &mut self.bases;
        bases.clear();
        for z in 0..region.depth {
            for y in 0..region.height {
                let row = (z * height + y) * stride * width;
                bases.extend((0..region.width).map(|x| row + x * stride));
            }
        }
        let tiles = bases.len().div_ceil(POSITIONS);
        let last = bases.last().copied().unwrap_or(0);
        bases.resize(tiles * POSITIONS, last);
    }

    /// Where the taps of `inputs` channels lie relative to a base.
    fn find_offsets(&mut self, kernel: usize, inputs: usize, [depth, height, width]: [usize; 3]) {
        let offsets = &mut self.offsets;
        offsets.clear();
        for channel in 0..inputs {
            for z in 0..kernel {
                for y in 0..kernel {
                    let row = ((channel * depth + z) * height + y) * width;
                    offsets.extend(row..row + kernel);
                }
            }
        }
    }

    /// Copies the input under the region with its zero padding.
    fn fill_patch(&mut self, input: &Tensor, panels: &Panels, region: Region, inputs: &Range<usize>) {
        let [depth, height, width] = patch_dims(panels, region);
        let [in_depth, in_height, in_width] = input.dims();
        let pad = panels.kernel / 2;
        let used = (width - pad).min(in_width);
        self.patch.clear();
        for channel in inputs.clone() {
            for z in 0..depth {
                let z = (region.z * panels.stride + z).checked_sub(pad).filter(|&z| z < in_depth);
                for y in 0..height {
                    let y = (region.y * panels.stride + y).checked_sub(pad).filter(|&y| y < in_height);
                    let end = self.patch.len() + width;
                    if let (Some(z), Some(y)) = (z, y) {
                        let row = ((channel * in_depth + z) * in_height + y) * in_width;
                        self.patch.resize(end - width + pad, 0.0);
                        self.patch.extend_from_slice(&input.data()[row..row + used]);
                    }
                    self.patch.resize(end, 0.0);
                }
            }
        }
    }
}

/// Input voxels `[z, y, x]` under a region, padding included.
fn patch_dims(panels: &Panels, region: Region) -> [usize; 3] {
    [region.depth, region.height, region.width].map(|n| (n - 1) * panels.stride + panels.kernel)
}
