//! Reads a safetensors buffer and hands out its tensors, each checked and
//! each exactly once, so that neither a missing nor a forgotten one goes
//! unnoticed.
//!
//! The header is untrusted: `safetensors` checks every declared range against
//! the buffer before anything is allocated, and a tensor is copied only after
//! its shape is the one the architecture needs.

use std::collections::BTreeMap;

use safetensors::SafeTensors;
use safetensors::tensor::{Dtype, TensorView};

use super::NetworkError;
use crate::op_weights::{Conv3dWeights, ConvTranspose3dWeights, NormWeights};

pub(super) struct WeightFile<'a> {
    tensors: BTreeMap<String, TensorView<'a>>,
}

impl<'a> WeightFile<'a> {
    pub(super) fn parse(buffer: &'a [u8]) -> Result<Self, NetworkError> {
        let file = SafeTensors::deserialize(buffer).map_err(|source| NetworkError::File { source })?;
        Ok(Self { tensors: file.tensors().into_iter().collect() })
    }

    /// A convolution without bias: `{prefix}.weight`.
    pub(super) fn conv3d(
        &mut self,
        prefix: &str,
        shape: [usize; 5],
        stride: usize,
    ) -> Result<Conv3dWeights, NetworkError> {
        let weight = self.take(&format!("{prefix}.weight"), &shape)?;
        Ok(Conv3dWeights::new(shape, stride, weight, None)?)
    }

    /// A 1x1x1 convolution with bias: `{prefix}.weight`, `{prefix}.bias`.
    pub(super) fn head(&mut self, prefix: &str, [outputs, inputs]: [usize; 2]) -> Result<Conv3dWeights, NetworkError> {
        let shape = [outputs, inputs, 1, 1, 1];
        let weight = self.take(&format!("{prefix}.weight"), &shape)?;
        let bias = self.take(&format!("{prefix}.bias"), &[outputs])?;
        Ok(Conv3dWeights::new(shape, 1, weight, Some(bias))?)
    }

    /// A transposed convolution: `{prefix}.weight`, `{prefix}.bias`.
    pub(super) fn up(
        &mut self,
        prefix: &str,
        [inputs, outputs]: [usize; 2],
    ) -> Result<ConvTranspose3dWeights, NetworkError> {
        let shape = [inputs, outputs, 2, 2, 2];
        let weight = self.take(&format!("{prefix}.weight"), &shape)?;
        let bias = self.take(&format!("{prefix}.bias"), &[outputs])?;
        Ok(ConvTranspose3dWeights::new(shape, weight, bias)?)
    }

    /// An affine norm: `{prefix}.weight`, `{prefix}.bias`.
    pub(super) fn norm(&mut self, prefix: &str, channels: usize) -> Result<NormWeights, NetworkError> {
        let scale = self.take(&format!("{prefix}.weight"), &[channels])?;
        let shift = self.take(&format!("{prefix}.bias"), &[channels])?;
        Ok(NormWeights::new(scale, shift)?)
    }

    /// Fails when a tensor was not asked for.
    pub(super) fn finish(self) -> Result<(), NetworkError> {
        match self.tensors.into_keys().next() {
            None => Ok(()),
            Some(name) => Err(NetworkError::UnknownTensor { name }),
        }
    }

    fn take(&mut self, name: &str, expected: &[usize]) -> Result<Vec<f32>, NetworkError> {
        let tensor = self.tensors.remove(name).ok_or_else(|| NetworkError::MissingTensor { name: name.to_owned() })?;
        if tensor.dtype() != Dtype::F32 {
            return Err(NetworkError::TensorType { name: name.to_owned(), dtype: format!("{:?}", tensor.dtype()) });
        }
        if tensor.shape() != expected {
            return Err(NetworkError::TensorShape {
                name: name.to_owned(),
                actual: tensor.shape().to_vec(),
                expected: expected.to_vec(),
            });
        }
        let bytes = tensor.data().as_chunks::<4>().0;
        let values: Vec<f32> = bytes.iter().map(|&b| f32::from_le_bytes(b)).collect();
        match values.iter().position(|value| !value.is_finite()) {
            None => Ok(values),
            Some(index) => Err(NetworkError::NonFiniteWeight { name: name.to_owned(), index, value: values[index] }),
        }
    }
}
