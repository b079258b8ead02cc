//! Weights from a formula, for parity tests and benchmarks.
//!
//! Promises: the same numbers as `tests/golden/synthetic_weights.py`, from the
//! names of the tensors alone, on every machine. Does not promise a network
//! that recognises anything.

use std::collections::BTreeMap;

use super::Weights;
use crate::error::OpError;
use crate::graph::{Graph, NetworkError, Op};
use crate::tensor::{Tensor, count};

/// Keeps the signals of networks with rectifiers between 0.1 and 10.
pub const DEFAULT_GAIN: f64 = 0.7;

/// What a layer's `weight` is.
#[derive(Clone, Copy)]
enum Layer {
    /// Convolution, by the number of weights one output sums.
    Conv { fan_in: usize },
    /// Scale of a norm.
    Norm,
}

impl Weights {
    /// [`Weights::synthetic_with_gain`] with [`DEFAULT_GAIN`].
    ///
    /// # Errors
    /// As [`Weights::synthetic_with_gain`].
    ///
    /// ```
    /// use kernels::graph::{Conv, GraphBuilder};
    ///
    /// let mut g = GraphBuilder::new();
    /// let x = g.input(1);
    /// let x = g.conv(x, "head", Conv::new(2, [1; 3]));
    /// g.output("logits", x);
    /// let weights = kernels::Weights::synthetic(&g.build()?)?;
    /// let bias = weights.get("head.bias").map(|tensor| tensor.values.to_vec());
    /// assert_eq!(bias, Some(vec![-0.056_950_69, -0.091_559_81]));
    /// # Ok::<(), kernels::NetworkError>(())
    /// ```
    pub fn synthetic(graph: &Graph) -> Result<Self, NetworkError> {
        Self::synthetic_with_gain(graph, DEFAULT_GAIN)
    }

    /// Every tensor of `graph`: convolutions uniform in
    /// `+-gain * sqrt(6 / fan_in)` (He et al. 2015, arXiv:1502.01852, has
    /// gain 1), shifts and running means in `+-0.1`, scales and running
    /// variances in `0.5..1.5`.
    ///
    /// # Errors
    /// [`NetworkError::Operation`] when a tensor would not fit in memory.
    ///
    /// Cost: about two nanoseconds a value.
    pub fn synthetic_with_gain(graph: &Graph, gain: f64) -> Result<Self, NetworkError> {
        let layers = layers(graph);
        let mut weights = Self::new();
        for (name, shape) in graph.tensors() {
            let Some((layer, kind)) = name.rsplit_once('.') else { continue };
            let (scale, offset) = match (kind, layers.get(layer)) {
                ("weight", Some(Layer::Conv { fan_in })) => (2.0 * gain * (6.0 / (*fan_in).max(1) as f64).sqrt(), -0.5),
                ("weight", _) | ("running_var", _) => (1.0, 0.5),
                _ => (0.2, -0.5),
            };
            let values = values(&name, count("synthetic weights", &shape)?, scale, offset);
            weights.insert(&name, shape, values)?;
        }
        Ok(weights)
    }
}

/// The input parity tests and benchmarks feed: uniform in `+-1.7`, shape
/// `[channels, z, y, x]`.
///
/// # Errors
/// [`OpError::Shape`] when a side is zero or the tensor does not fit.
pub fn synthetic_input(shape: [usize; 4]) -> Result<Tensor, OpError> {
    let values = values("input", count("synthetic input", &shape)?, 3.4, -0.5);
    Tensor::new(shape, values)
}

fn layers(graph: &Graph) -> BTreeMap<&str, Layer> {
    let mut layers = BTreeMap::new();
    for node in graph.nodes() {
        let inputs = node.inputs.first().map_or(0, |&id| graph.channels(id));
        match &node.op {
            Op::Conv { weights, kernel, groups, .. } => {
                let fan_in = inputs / (*groups).max(1) * kernel.iter().product::<usize>();
                layers.insert(weights.as_str(), Layer::Conv { fan_in });
            }
            Op::ConvTranspose { weights, .. } => {
                // The kernel is the stride: one tap per input channel.
                layers.insert(weights.as_str(), Layer::Conv { fan_in: inputs });
            }
            Op::BatchNorm { weights, .. } | Op::InstanceNorm { weights, .. } => {
                layers.insert(weights.as_str(), Layer::Norm);
            }
            _ => {}
        }
    }
    layers
}

/// `scale * (u + offset)` for `u` uniform in `[0, 1)`, rounded once.
fn values(name: &str, count: usize, scale: f64, offset: f64) -> Vec<f32> {
    let seed = fnv1a64(name.as_bytes());
    let uniform = |index: u64| (splitmix64(seed.wrapping_add(index)) >> 40) as f64 / f64::from(1 << 24);
    (0..count as u64).map(|index| ((uniform(index) + offset) * scale) as f32).collect()
}

/// 64-bit FNV-1a (Fowler, Noll, Vo).
fn fnv1a64(bytes: &[u8]) -> u64 {
    bytes.iter().fold(0xcbf2_9ce4_8422_2325, |hash, &byte| (hash ^ u64::from(byte)).wrapping_mul(0x0100_0000_01b3))
}

/// One step of SplitMix64 (Steele et al. 2014, DOI 10.1145/2660193.2660195).
fn splitmix64(state: u64) -> u64 {
    let z = state.wrapping_add(0x9e37_79b9_7f4a_7c15);
    let z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    let z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
    z ^ (z >> 31)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_hashes_are_the_published_ones() {
        assert_eq!(fnv1a64(b""), 0xcbf2_9ce4_8422_2325);
        assert_eq!(fnv1a64(b"foobar"), 0x8594_4171_f739_67e8);
        assert_eq!(splitmix64(0), 0xe220_a839_7b1d_cdaf);
    }

    #[test]
    fn the_input_stays_in_its_range_and_differs_everywhere() {
        let input = synthetic_input([1, 4, 5, 6]).unwrap();
        assert!(input.data().iter().all(|value| value.abs() <= 1.7));
        let mut sorted = input.data().to_vec();
        sorted.sort_by(f32::total_cmp);
        sorted.dedup();
        assert!(sorted.len() > 115);
    }
}
