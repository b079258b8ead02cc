//! Instance norm and leaky rectifier, in place.

use rayon::prelude::*;

use crate::op_device::{INSTANCE_NORM_EPS, LEAKY_RELU_SLOPE};
use crate::error::OpError;
use crate::tensor::Tensor;
use crate::op_weights::NormWeights;

/// Values summed by one task. Fixed, because the order of the sum depends on
/// it and the result must not depend on the number of threads.
const CHUNK: usize = 1 << 14;

/// Independent partial sums, so that the compiler can use vectors.
const LANES: usize = 8;

pub(super) fn instance_norm_leaky_relu(mut input: Tensor, norm: &NormWeights) -> Result<Tensor, OpError> {
    if input.channels() != norm.scale.len() {
        return Err(OpError::Channels { operation: "instance_norm", expected: norm.scale.len(), shape: input.shape() });
    }
    let voxels = input.voxels();
    input.data_mut().par_chunks_mut(voxels).zip(norm.scale.par_iter().zip(&norm.shift)).for_each(
        |(channel, (&scale, &shift))| {
            let (scale, shift) = affine(channel, scale, shift);
            channel.par_chunks_mut(CHUNK).for_each(|chunk| {
                for value in chunk {
                    let normed = *value * scale + shift;
                    // For a slope below one this is the rectifier without a branch.
                    *value = normed.max(normed * LEAKY_RELU_SLOPE);
                }
            });
        },
    );
    Ok(input)
}

/// Folds mean, variance, scale and shift into one multiplication and addition.
fn affine(channel: &[f32], scale: f32, shift: f32) -> (f32, f32) {
    let partial: Vec<[f64; 2]> = channel.par_chunks(CHUNK).map(moments).collect();
    let [sum, squares] = partial.iter().fold([0.0; 2], |a, b| [a[0] + b[0], a[1] + b[1]]);
    let count = channel.len() as f64;
    let mean = sum / count;
    // f64 sums of f32 values: the cancellation costs at most half the digits.
    let variance = (squares / count - mean * mean).max(0.0);
    let scale = f64::from(scale) / (variance + f64::from(INSTANCE_NORM_EPS)).sqrt();
    (scale as f32, (f64::from(shift) - mean * scale) as f32)
}

/// Sum and sum of squares.
fn moments(chunk: &[f32]) -> [f64; 2] {
    let mut sums = [0.0; LANES];
    let mut squares = [0.0; LANES];
    let (whole, rest) = chunk.as_chunks::<LANES>();
    for values in whole {
        for (lane, &value) in values.iter().enumerate() {
            let value = f64::from(value);
            sums[lane] += value;
            squares[lane] += value * value;
        }
    }
    for (lane, &value) in rest.iter().enumerate() {
        let value = f64::from(value);
        sums[lane] += value;
        squares[lane] += value * value;
    }
    [sums.iter().sum(), squares.iter().sum()]
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_large_offset_does_not_eat_the_variance() {
        // Hounsfield-like values around 30 000 with a spread of 1.
        let values: Vec<f32> = (0..40_001_u32).map(|i| 30_000.0 + (i % 3) as f32 - 1.0).collect();
        let (scale, shift) = affine(&values, 1.0, 0.0);
        let spread = (2.0_f64 / 3.0).sqrt();
        assert!((f64::from(scale) * spread - 1.0).abs() < 1e-4, "{scale}");
        assert!((f64::from(shift) + 30_000.0 / spread).abs() < 0.5, "{shift}");
    }
}
