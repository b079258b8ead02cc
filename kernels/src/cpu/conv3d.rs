//! 3-D convolution on the processor: packed weights and the task loop.

use rayon::prelude::*;

use super::panel::{Panels, Scratch};
use super::region::{Task, split};
use super::simd::{LANES, Simd};
use crate::error::OpError;
use crate::tensor::Tensor;
use crate::op_weights::Conv3dWeights;

/// Convolution weights in the order the processor's kernel reads them.
#[derive(Debug, Clone)]
pub struct PackedConv3d {
    source: Conv3dWeights,
    panels: Panels,
}

impl PackedConv3d {
    pub(super) fn new(source: &Conv3dWeights) -> Self {
        let taps = source.kernel.pow(3);
        let sizes = [source.outputs, source.inputs, source.kernel, source.stride];
        let panels = Panels::new(
            sizes,
            |output, input, tap| source.weight[(output * source.inputs + input) * taps + tap],
            |output| source.bias.as_ref().map_or(0.0, |bias| bias[output]),
        );
        Self { source: source.clone(), panels }
    }
}

pub(super) fn conv3d(simd: Simd, input: &Tensor, layer: &PackedConv3d) -> Result<Tensor, OpError> {
    let shape = layer.source.output_shape(input.shape())?;
    let mut output = Tensor::zeros(shape)?;
    let dims = output.dims();
    split(output.data_mut(), dims, 1).into_par_iter().for_each_init(Scratch::default, |scratch, task| {
        scratch.multiply(simd, input, &layer.panels, task.region);
        write(scratch, task);
    });
    Ok(output)
}

/// `[voxel][channel]` sums to `[channel][voxel]` rows of the output.
fn write(scratch: &Scratch, mut task: Task<'_>) {
    let depth = task.region.depth;
    for (channel, planes) in task.planes.chunks_mut(depth).enumerate() {
        let sums = scratch.panel(channel / LANES);
        let values = sums.iter().map(|lanes| lanes[channel % LANES]);
        let voxels = planes.iter_mut().flat_map(|plane| plane.iter_mut());
        voxels.zip(values).for_each(|(voxel, value)| *voxel = value);
    }
}
