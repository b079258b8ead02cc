//! Layer weights as a file holds them, checked, before a device packs them
//! into the order its kernels read ([`Device::prepare_conv3d`] and its kin).
//!
//! [`Device::prepare_conv3d`]: crate::OpDevice::prepare_conv3d

use crate::error::OpError;
use crate::tensor::count;

/// Weights of a 3-D convolution with a cubic kernel of 1 or 3, stride 1 or 2,
/// zero padding of `kernel / 2`.
#[derive(Debug, Clone)]
pub struct Conv3dWeights {
    pub(crate) outputs: usize,
    pub(crate) inputs: usize,
    pub(crate) kernel: usize,
    pub(crate) stride: usize,
    pub(crate) weight: Vec<f32>,
    pub(crate) bias: Option<Vec<f32>>,
}

impl Conv3dWeights {
    /// `weight` has shape `[outputs, inputs, kernel, kernel, kernel]`
    /// (PyTorch `Conv3d.weight`), `bias` has `outputs` values.
    ///
    /// # Errors
    /// [`OpError::Unsupported`] for other kernels and strides,
    /// [`OpError::Length`] and [`OpError::Shape`] when the sizes do not agree.
    pub fn new(shape: [usize; 5], stride: usize, weight: Vec<f32>, bias: Option<Vec<f32>>) -> Result<Self, OpError> {
        const OPERATION: &str = "conv3d weights";
        let [outputs, inputs, kernel, ky, kx] = shape;
        for side in [kernel, ky, kx] {
            let is_known = side == kernel && (side == 1 || side == 3);
            supported(is_known, OPERATION, "kernel", side, "1x1x1, 3x3x3")?;
        }
        supported(stride == 1 || stride == 2, OPERATION, "stride", stride, "1, 2")?;
        expect_length(OPERATION, &shape, weight.len())?;
        if let Some(bias) = &bias {
            expect_length("conv3d bias", &[outputs], bias.len())?;
        }
        Ok(Self { outputs, inputs, kernel, stride, weight, bias })
    }

    /// Shape of the result for an input of `[channels, depth, height, width]`:
    /// each side becomes `(side - 1) / stride + 1`.
    ///
    /// # Errors
    /// [`OpError::Channels`] when the input has another number of channels.
    pub fn output_shape(&self, input: [usize; 4]) -> Result<[usize; 4], OpError> {
        let [channels, depth, height, width] = input;
        if channels != self.inputs {
            return Err(OpError::Channels { operation: "conv3d", expected: self.inputs, shape: input });
        }
        // padding = kernel / 2 with an odd kernel: (n + 2p - k) / s + 1 = (n - 1) / s + 1.
        let side = |n: usize| n.saturating_sub(1) / self.stride + 1;
        Ok([self.outputs, side(depth), side(height), side(width)])
    }

    /// Multiply-accumulates for an output of `voxels` voxels.
    #[must_use]
    pub fn macs(&self, voxels: u64) -> u64 {
        voxels * self.weight.len() as u64
    }
}

/// Weights of a transposed 3-D convolution with kernel 2 and stride 2, which
/// doubles depth, height and width.
#[derive(Debug, Clone)]
pub struct ConvTranspose3dWeights {
    pub(crate) inputs: usize,
    pub(crate) outputs: usize,
    pub(crate) weight: Vec<f32>,
    pub(crate) bias: Vec<f32>,
}

impl ConvTranspose3dWeights {
    /// `weight` has shape `[inputs, outputs, 2, 2, 2]` (PyTorch
    /// `ConvTranspose3d.weight`), `bias` has `outputs` values.
    ///
    /// # Errors
    /// [`OpError::Unsupported`] for other kernels, [`OpError::Length`] and
    /// [`OpError::Shape`] when the sizes do not agree.
    pub fn new(shape: [usize; 5], weight: Vec<f32>, bias: Vec<f32>) -> Result<Self, OpError> {
        const OPERATION: &str = "conv_transpose3d weights";
        let [inputs, outputs, kz, ky, kx] = shape;
        for side in [kz, ky, kx] {
            supported(side == 2, OPERATION, "kernel", side, "2x2x2")?;
        }
        expect_length(OPERATION, &shape, weight.len())?;
        expect_length("conv_transpose3d bias", &[outputs], bias.len())?;
        Ok(Self { inputs, outputs, weight, bias })
    }

    /// Multiply-accumulates for an *input* of `voxels` voxels.
    #[must_use]
    pub fn macs(&self, voxels: u64) -> u64 {
        voxels * self.weight.len() as u64
    }
}

/// Scale and shift of an affine instance norm, one pair per channel.
#[derive(Debug, Clone)]
pub struct NormWeights {
    pub(crate) scale: Vec<f32>,
    pub(crate) shift: Vec<f32>,
}

impl NormWeights {
    /// Scale and shift (PyTorch `weight` and `bias`), one value per channel.
    ///
    /// # Errors
    /// [`OpError::Length`] when they differ in length, [`OpError::Shape`]
    /// when they are empty.
    pub fn new(scale: Vec<f32>, shift: Vec<f32>) -> Result<Self, OpError> {
        expect_length("instance_norm weights", &[scale.len()], shift.len())?;
        Ok(Self { scale, shift })
    }
}

fn supported(
    is_supported: bool,
    operation: &'static str,
    setting: &'static str,
    value: usize,
    supported: &'static str,
) -> Result<(), OpError> {
    if is_supported {
        return Ok(());
    }
    Err(OpError::Unsupported { operation, setting, value, supported })
}

fn expect_length(operation: &'static str, shape: &[usize], given: usize) -> Result<(), OpError> {
    let needed = count(operation, shape)?;
    if needed == given {
        return Ok(());
    }
    Err(OpError::Length { operation, shape: shape.to_vec(), needed, given })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn kernels_and_strides_nobody_wrote_are_refused() {
        assert!(Conv3dWeights::new([1, 1, 5, 5, 5], 1, vec![0.0; 125], None).is_err());
        assert!(Conv3dWeights::new([1, 1, 3, 3, 1], 1, vec![0.0; 9], None).is_err());
        assert!(Conv3dWeights::new([1, 1, 1, 1, 1], 3, vec![0.0], None).is_err());
        assert!(Conv3dWeights::new([1, 1, 1, 1, 1], 2, vec![0.0], None).is_ok());
        assert!(ConvTranspose3dWeights::new([1, 1, 3, 3, 3], vec![0.0; 27], vec![0.0]).is_err());
    }

    #[test]
    fn lengths_that_do_not_match_are_refused() {
        assert!(Conv3dWeights::new([2, 1, 1, 1, 1], 1, vec![0.0; 3], None).is_err());
        assert!(Conv3dWeights::new([2, 1, 1, 1, 1], 1, vec![0.0; 2], Some(vec![0.0])).is_err());
        assert!(Conv3dWeights::new([usize::MAX, 9, 3, 3, 3], 1, vec![], None).is_err());
        assert!(ConvTranspose3dWeights::new([1, 2, 2, 2, 2], vec![0.0; 16], vec![0.0]).is_err());
        assert!(NormWeights::new(vec![1.0], vec![]).is_err());
        assert!(NormWeights::new(vec![], vec![]).is_err());
    }

    #[test]
    fn stride_two_rounds_up() {
        let conv = Conv3dWeights::new([2, 1, 3, 3, 3], 2, vec![0.0; 54], None);
        let shape = conv.and_then(|c| c.output_shape([1, 5, 6, 1]));
        assert_eq!(shape, Ok([2, 3, 3, 1]));
    }
}
