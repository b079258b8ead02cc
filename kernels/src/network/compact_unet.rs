//! A small 3-D U-Net (Cicek et al. 2016, DOI 10.1007/978-3-319-46723-8_49)
//! with strided convolutions down, 2x2x2 transposed convolutions up, and
//! instance norm with leaky rectifier after every 3x3x3 convolution, as
//! nnU-Net does (Isensee et al. 2021, DOI 10.1038/s41592-020-01008-z).

use std::fmt;

use super::weight_file::WeightFile;
use super::{Architecture, NetworkError};
use crate::cpu::Cpu;
use crate::op_device::OpDevice;
use crate::error::OpError;
use crate::tensor::Tensor;

/// A compact U-Net whose weights live on a device.
pub struct CompactUnet<D: OpDevice = Cpu> {
    architecture: Architecture,
    encoder: Vec<Stage<D>>,
    decoder: Vec<(D::ConvTranspose3d, Stage<D>)>,
    head: D::Conv3d,
}

/// Two blocks of convolution, norm and rectifier.
type Stage<D> = [Block<D>; 2];

struct Block<D: OpDevice> {
    conv: D::Conv3d,
    norm: D::Norm,
}

impl<D: OpDevice> fmt::Debug for CompactUnet<D> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("CompactUnet").field("architecture", &self.architecture).finish_non_exhaustive()
    }
}

impl<D: OpDevice> CompactUnet<D> {
    /// Reads weights from the bytes of a safetensors file and packs them for
    /// `device`.
    ///
    /// Tensors, all F32, PyTorch order:
    /// - `enc.{level}.{0|1}.conv.weight`, `enc.{level}.{0|1}.norm.{weight|bias}`
    ///   (level 0 is the finest; the first convolution of the others has stride 2)
    /// - `up.{j}.{weight|bias}`, `dec.{j}.{0|1}.conv.weight`,
    ///   `dec.{j}.{0|1}.norm.{weight|bias}` (step 0 is the deepest; its input
    ///   is the upsampled tensor followed by the skip)
    /// - `head.{weight|bias}`
    ///
    /// # Errors
    /// [`NetworkError`] naming the tensor that is missing, superfluous, of
    /// another type or shape, or not finite; or what is wrong with the file
    /// or the architecture. Hostile headers are errors, never large
    /// allocations.
    ///
    /// Cost: two copies of the weights.
    pub fn from_safetensors(device: &D, buffer: &[u8], architecture: &Architecture) -> Result<Self, NetworkError> {
        architecture.check()?;
        let mut file = WeightFile::parse(buffer)?;
        let channels = &architecture.channels;
        let mut inputs = architecture.inputs;
        let mut encoder = Vec::with_capacity(channels.len());
        for (level, &outputs) in channels.iter().enumerate() {
            let stride = if level == 0 { 1 } else { 2 };
            let prefix = format!("enc.{level}");
            encoder.push(stage(device, &mut file, &prefix, [inputs, outputs, stride])?);
            inputs = outputs;
        }
        let mut decoder = Vec::with_capacity(channels.len() - 1);
        for (step, &outputs) in channels.iter().rev().skip(1).enumerate() {
            let up = file.up(&format!("up.{step}"), [inputs, outputs])?;
            let up = device.prepare_conv_transpose3d(&up)?;
            let prefix = format!("dec.{step}");
            decoder.push((up, stage(device, &mut file, &prefix, [2 * outputs, outputs, 1])?));
            inputs = outputs;
        }
        let head = device.prepare_conv3d(&file.head("head", [architecture.classes, inputs])?)?;
        file.finish()?;
        Ok(Self { architecture: architecture.clone(), encoder, decoder, head })
    }

    /// Runs the network: `[inputs, d, h, w]` to logits `[classes, d, h, w]`.
    /// `device` must be the one the network was loaded onto.
    ///
    /// # Errors
    /// [`NetworkError::InputSize`] when a side is not a multiple of
    /// [`Architecture::divisor`], [`NetworkError::NonFiniteInput`] for NaN
    /// and infinities, [`NetworkError::Operation`] for a wrong number of
    /// channels or a failing device.
    ///
    /// Cost: [`Architecture::macs`] multiply-adds; at its peak about
    /// `4 * channels[0]` values per input voxel.
    pub fn forward(&self, device: &D, input: &Tensor) -> Result<Tensor, NetworkError> {
        self.architecture.check_input(input.shape())?;
        if let Some(index) = input.data().iter().position(|value| !value.is_finite()) {
            let value = input.data()[index];
            return Err(NetworkError::NonFiniteInput { index, value });
        }
        let mut tensor = device.upload(input)?;
        let mut skips = Vec::with_capacity(self.encoder.len());
        for (level, stage) in self.encoder.iter().enumerate() {
            if level > 0 {
                let finer = run(device, stage, &tensor)?;
                skips.push(std::mem::replace(&mut tensor, finer));
            } else {
                tensor = run(device, stage, &tensor)?;
            }
        }
        for ((up, stage), skip) in self.decoder.iter().zip(skips.into_iter().rev()) {
            tensor = device.conv_transpose3d(&tensor, up)?;
            tensor = device.concat_channels(&tensor, &skip)?;
            drop(skip);
            tensor = run(device, stage, &tensor)?;
        }
        let logits = device.conv3d(&tensor, &self.head)?;
        Ok(device.download(logits)?)
    }

    /// What the network was built as.
    #[must_use]
    pub fn architecture(&self) -> &Architecture {
        &self.architecture
    }
}

fn stage<D: OpDevice>(
    device: &D,
    file: &mut WeightFile<'_>,
    prefix: &str,
    [inputs, outputs, stride]: [usize; 3],
) -> Result<Stage<D>, NetworkError> {
    let mut block = |index: usize, inputs: usize, stride: usize| {
        let prefix = format!("{prefix}.{index}");
        let shape = [outputs, inputs, 3, 3, 3];
        let conv = file.conv3d(&format!("{prefix}.conv"), shape, stride)?;
        let norm = file.norm(&format!("{prefix}.norm"), outputs)?;
        Ok::<_, NetworkError>(Block { conv: device.prepare_conv3d(&conv)?, norm: device.prepare_norm(&norm)? })
    };
    Ok([block(0, inputs, stride)?, block(1, outputs, 1)?])
}

fn run<D: OpDevice>(device: &D, stage: &Stage<D>, input: &D::Tensor) -> Result<D::Tensor, OpError> {
    let [first, second] = stage;
    let tensor = device.conv3d(input, &first.conv)?;
    let tensor = device.instance_norm_leaky_relu(tensor, &first.norm)?;
    let tensor = device.conv3d(&tensor, &second.conv)?;
    device.instance_norm_leaky_relu(tensor, &second.norm)
}
