//! Batch norms as scale and shift, and folding them into convolutions.

use std::sync::Arc;

use super::step::{Conv, ConvTranspose};
use crate::graph::NetworkError;
use crate::weights::Weights;

/// `y = scale * x + shift` per channel.
pub(super) struct ScaleShift {
    pub scale: Vec<f32>,
    pub shift: Vec<f32>,
}

impl ScaleShift {
    /// `scale = gamma / sqrt(var + eps)`, `shift = beta - mean * scale`
    /// (Ioffe & Szegedy 2015, arXiv:1502.03167, with running statistics).
    pub(super) fn batch_norm(weights: &Weights, name: &str, eps: f32) -> Result<Self, NetworkError> {
        let values = |kind: &str| values(weights, &format!("{name}.{kind}"));
        let (gamma, beta, mean, var) =
            (values("weight")?, values("bias")?, values("running_mean")?, values("running_var")?);
        let mut result = Self { scale: Vec::new(), shift: Vec::new() };
        for (index, &variance) in var.iter().enumerate() {
            let root = (f64::from(variance) + f64::from(eps)).sqrt();
            let scale = f64::from(gamma[index]) / root;
            if !scale.is_finite() {
                let name = format!("{name}.running_var");
                return Err(NetworkError::NonFiniteWeight { name, index, value: variance });
            }
            result.scale.push(scale as f32);
            result.shift.push((f64::from(beta[index]) - f64::from(mean[index]) * scale) as f32);
        }
        Ok(result)
    }

    /// The channels from `first` on.
    pub(super) fn slice(&self, first: usize, channels: usize) -> Self {
        let range = first..first + channels;
        Self { scale: self.scale[range.clone()].to_vec(), shift: self.shift[range].to_vec() }
    }

    /// Puts the norm into the convolution before it.
    pub(super) fn fold_into_conv(&self, conv: &mut Conv) {
        let per_output = conv.weight.len() / conv.outputs;
        let weight = conv.weight.iter().enumerate().map(|(i, w)| w * self.scale[i / per_output]);
        conv.weight = weight.collect();
        conv.bias = self.fold_bias(&conv.bias);
    }

    /// Puts the norm into the transposed convolution before it.
    pub(super) fn fold_into_conv_transpose(&self, conv: &mut ConvTranspose) {
        let taps: usize = conv.kernel.iter().product();
        let weight = conv.weight.iter().enumerate().map(|(i, w)| w * self.scale[i / taps % conv.outputs]);
        conv.weight = weight.collect();
        conv.bias = self.fold_bias(&conv.bias);
    }

    fn fold_bias(&self, bias: &[f32]) -> Arc<[f32]> {
        bias.iter().zip(&self.scale).zip(&self.shift).map(|((bias, scale), shift)| bias * scale + shift).collect()
    }
}

/// The values of a tensor that [`Weights::check`] has seen.
pub(super) fn values<'a>(weights: &'a Weights, name: &str) -> Result<&'a Arc<[f32]>, NetworkError> {
    match weights.get(name) {
        Some(tensor) => Ok(&tensor.values),
        None => Err(NetworkError::MissingTensor { name: name.to_owned(), expected: Vec::new() }),
    }
}

/// `[outputs, inputs / groups, taps]` with zeros where groups do not meet:
/// `[outputs, inputs, taps]`.
pub(super) fn spread_groups(weight: &Arc<[f32]>, outputs: usize, inputs: usize, groups: usize) -> Arc<[f32]> {
    if groups == 1 {
        return Arc::clone(weight);
    }
    let per_group = inputs / groups;
    let taps = weight.len() / (outputs * per_group);
    let mut spread = vec![0.0; outputs * inputs * taps];
    for output in 0..outputs {
        let first = output / (outputs / groups) * per_group;
        let from = output * per_group * taps;
        let to = (output * inputs + first) * taps;
        spread[to..to + per_group * taps].copy_from_slice(&weight[from..from + per_group * taps]);
    }
    spread.into()
}
