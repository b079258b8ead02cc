//! Transposed convolution with kernel 2 and stride 2: a 1x1 convolution to
//! eight times the channels, whose results are the corners of a 2x2x2 cube.

use rayon::prelude::*;

use super::panel::{Panels, Scratch};
use super::region::{Task, split};
use super::simd::{LANES, Simd};
use crate::error::OpError;
use crate::tensor::Tensor;
use crate::op_weights::ConvTranspose3dWeights;

/// Corners of the cube one input voxel becomes.
const CORNERS: usize = 8;

/// Transposed-convolution weights in the order the processor's kernel reads
/// them: column `output * 8 + corner`.
#[derive(Debug, Clone)]
pub struct PackedConvTranspose3d {
    outputs: usize,
    panels: Panels,
}

impl PackedConvTranspose3d {
    pub(super) fn new(source: &ConvTranspose3dWeights) -> Self {
        let columns = source.outputs * CORNERS;
        let panels = Panels::new(
            [columns, source.inputs, 1, 1],
            |column, input, _| source.weight[input * columns + column],
            |column| source.bias[column / CORNERS],
        );
        Self { outputs: source.outputs, panels }
    }
}

pub(super) fn conv_transpose3d(simd: Simd, input: &Tensor, layer: &PackedConvTranspose3d) -> Result<Tensor, OpError> {
    if input.channels() != layer.panels.inputs {
        return Err(OpError::Channels {
            operation: "conv_transpose3d",
            expected: layer.panels.inputs,
            shape: input.shape(),
        });
    }
    let [depth, height, width] = input.dims().map(|n| n.saturating_mul(2));
    let mut output = Tensor::zeros([layer.outputs, depth, height, width])?;
    split(output.data_mut(), input.dims(), 2).into_par_iter().for_each_init(Scratch::default, |scratch, task| {
        scratch.multiply(simd, input, &layer.panels, task.region);
        write(scratch, task);
    });
    Ok(output)
}

/// Spreads the corners of each input voxel over the two planes, rows and
/// columns it becomes.
fn write(scratch: &Scratch, mut task: Task<'_>) {
    let region = task.region;
    let width = region.width;
    for (output, planes) in task.planes.chunks_mut(region.depth * 2).enumerate() {
        let column = output * CORNERS;
        let sums = scratch.panel(column / LANES);
        for (z, plane) in planes.iter_mut().enumerate() {
            for (y, row) in plane.chunks_mut(width * 2).enumerate() {
                let lane = column % LANES + (z % 2) * 4 + (y % 2) * 2;
                let first = (z / 2 * region.height + y / 2) * width;
                for (pair, lanes) in row.as_chunks_mut::<2>().0.iter_mut().zip(&sums[first..]) {
                    *pair = [lanes[lane], lanes[lane + 1]];
                }
            }
        }
    }
}
