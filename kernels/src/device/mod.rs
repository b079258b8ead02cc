//! What a device must be able to do: run a [`Program`].
//!
//! A device is a sibling module that implements [`Device`]; [`crate::Cpu`] is
//! the reference. One test body runs on all of them (`tests/parity.rs`).

mod choice;
mod fallback;
pub(crate) mod volume;

use std::fmt::Debug;
use std::sync::Arc;

use crate::error::OpError;
use crate::graph::NetworkError;
use crate::program::Program;
use crate::radiograph::{XrayCamera, radiograph};
use crate::tensor::Tensor;

pub use choice::{Choice, Opened, open};
pub use fallback::{Fallback, LossReport};
pub use volume::{ClassFields, HuWindow, Passes, VolumeError, VolumeRun};

/// How activations are stored; sums are always f32.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Default)]
pub enum Precision {
    /// 32-bit floats.
    #[default]
    F32,
    /// 16-bit floats (fp16). Half the memory.
    Half,
}

/// A place where networks run.
pub trait Device: Send + Sync + Debug {
    /// Name and extent for reports, such as `CPU, 2 threads, AVX2+FMA`.
    fn description(&self) -> String;

    /// Packs the program's weights in the order this device reads them.
    ///
    /// # Errors
    /// [`OpError::Device`] when the device is out of memory or gone.
    fn load(&self, program: &Arc<Program>, precision: Precision) -> Result<Box<dyn Executable>, OpError>;

    /// Brings a CT to the network's grid and runs the network over it: the CT
    /// there and the channels of the first output.
    ///
    /// - `hu`: the CT, `run.ct_dims` voxels.
    /// - `progress`: called with 0.0 when the network begins, then with the
    ///   share that is done.
    ///
    /// A device with its own memory keeps everything there between the CT and
    /// the fields; this default does all but the network on the processor.
    ///
    /// # Errors
    /// [`VolumeError::Grid`] for grids and settings that make no sense,
    /// [`VolumeError::Network`] when the network refuses or the device failed.
    ///
    /// Cost: the network's, for each window; three passes over the CT for the
    /// blur.
    fn class_fields(
        &self,
        program: &Arc<Program>,
        hu: &[f32],
        run: &VolumeRun,
        progress: &mut dyn FnMut(f64),
    ) -> Result<ClassFields, VolumeError> {
        volume::class_fields(self, program, hu, run, progress)
    }

    /// What an X-ray of a CT would show: [`crate::radiograph::radiograph`],
    /// which is this default.
    ///
    /// - `hu`, `dims`: the CT, `[z, y, x]`.
    /// - `size`: rows and columns of the image.
    ///
    /// # Errors
    /// [`VolumeError::Grid`] for grids and settings that make no sense,
    /// [`VolumeError::Network`] when the device failed.
    ///
    /// Cost: eight reads a step of each ray, and the CT's way to the device.
    fn radiograph(
        &self,
        hu: &[f32],
        dims: [usize; 3],
        camera: &XrayCamera,
        size: [usize; 2],
    ) -> Result<Vec<f32>, VolumeError> {
        Ok(radiograph(hu, dims, camera, size)?)
    }
}

/// A network ready to run on one device.
///
/// Deterministic: the same device type gives the same bits for the same
/// input, whatever else the machine does.
pub trait Executable: Send + Debug {
    /// Runs the network on `input`, `[channels, depth, height, width]`.
    ///
    /// `outputs` holds one tensor per output afterwards and is reused when
    /// its shapes fit. Memory is planned when the size of the input changes;
    /// a second run with the same size allocates nothing.
    ///
    /// # Errors
    /// [`NetworkError::InputShape`], [`NetworkError::InputSize`] and
    /// [`NetworkError::NonFiniteInput`] for the input;
    /// [`NetworkError::Operation`] with [`OpError::Device`] when the device
    /// failed. `outputs` is then unspecified.
    fn run(&mut self, input: &Tensor, outputs: &mut Vec<Tensor>) -> Result<(), NetworkError>;

    /// Bytes held for the last input size: weights, activations, scratch.
    fn peak_bytes(&self) -> usize;
}

/// Refuses what no device can run: wrong channels, no voxels, NaN.
///
/// # Errors
/// [`NetworkError::InputShape`], [`NetworkError::NonFiniteInput`].
pub fn check_input(program: &Program, input: &Tensor) -> Result<(), NetworkError> {
    if input.channels() != program.inputs || input.voxels() == 0 {
        return Err(NetworkError::InputShape { shape: input.shape(), channels: program.inputs });
    }
    // A sum is NaN or infinite when a value is; large finite sums overflow
    // only beyond 1e38, and are then looked at one by one.
    let sum: f32 = input.data().iter().map(|value| value * 0.0).sum();
    if sum == 0.0 {
        return Ok(());
    }
    match input.data().iter().position(|value| !value.is_finite()) {
        None => Ok(()),
        Some(index) => Err(NetworkError::NonFiniteInput { index, value: input.data()[index] }),
    }
}

/// Makes `outputs` hold one tensor per program output with the shapes of
/// `grids`, keeping what already fits.
///
/// # Errors
/// [`OpError::Shape`] when an output does not fit in memory.
pub fn fit_outputs(program: &Program, grids: &[[usize; 3]], outputs: &mut Vec<Tensor>) -> Result<(), OpError> {
    let shape_of = |index: usize| {
        let output = &program.outputs[index];
        let [z, y, x] = grids[output.grid.0];
        [output.channels, z, y, x]
    };
    outputs.truncate(program.outputs.len());
    for index in 0..program.outputs.len() {
        let shape = shape_of(index);
        match outputs.get_mut(index) {
            Some(tensor) if tensor.shape() == shape => {}
            Some(tensor) => *tensor = Tensor::zeros(shape)?,
            None => outputs.push(Tensor::zeros(shape)?),
        }
    }
    Ok(())
}
