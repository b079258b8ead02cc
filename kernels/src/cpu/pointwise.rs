//! Operations without neighbours: concatenation and softmax.

use rayon::prelude::*;

use crate::error::OpError;
use crate::tensor::Tensor;

/// Voxels one task works on.
const CHUNK: usize = 1 << 14;

pub(super) fn concat_channels(first: &Tensor, second: &Tensor) -> Result<Tensor, OpError> {
    if first.dims() != second.dims() {
        return Err(OpError::Mismatch { operation: "concat_channels", first: first.shape(), second: second.shape() });
    }
    let [depth, height, width] = first.dims();
    let channels = first.channels() + second.channels();
    let mut output = Tensor::zeros([channels, depth, height, width])?;
    let (head, tail) = output.data_mut().split_at_mut(first.data().len());
    for (to, from) in [(head, first.data()), (tail, second.data())] {
        to.par_chunks_mut(CHUNK).zip(from.par_chunks(CHUNK)).for_each(|(to, from)| to.copy_from_slice(from));
    }
    Ok(output)
}

pub(super) fn softmax_channels(mut input: Tensor) -> Tensor {
    let voxels = input.voxels();
    // One task per run of voxels, holding that run of every channel.
    let mut tasks: Vec<Vec<&mut [f32]>> = Vec::new();
    tasks.resize_with(voxels.div_ceil(CHUNK), Vec::new);
    for channel in input.data_mut().chunks_mut(voxels) {
        for (task, chunk) in tasks.iter_mut().zip(channel.chunks_mut(CHUNK)) {
            task.push(chunk);
        }
    }
    tasks.into_par_iter().for_each(|mut channels| {
        let len = channels.first().map_or(0, |chunk| chunk.len());
        for voxel in 0..len {
            let largest = channels.iter().fold(f32::NEG_INFINITY, |a, c| a.max(c[voxel]));
            let mut sum = 0.0;
            for channel in &mut channels {
                channel[voxel] = (channel[voxel] - largest).exp();
                sum += channel[voxel];
            }
            for channel in &mut channels {
                channel[voxel] /= sum;
            }
        }
    });
    input
}
