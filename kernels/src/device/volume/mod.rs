//! A network over a whole CT: resampled to the network's grid, scaled, and
//! run in one pass or in overlapping windows.
//!
//! Promises: on every device the same steps in the same order
//! ([`Device::class_fields`](super::Device::class_fields)); the functions here
//! are those of the processor, and what other devices are compared with. Does
//! not know what the classes mean. Called by `engine::segment`.

mod whole;
mod windows;

use thiserror::Error;

use super::{Device, Precision};
use crate::error::{GridError, OpError};
use crate::gaussian::gaussian_blur;
use crate::graph::NetworkError;
use crate::grid::{check_len, check_setting, count};
use crate::program::Program;
use crate::resample::{Interpolation, resample};

pub(crate) use whole::padded;
#[cfg(feature = "cuda-device")]
pub(crate) use windows::{gaussian_window, window_origins};

/// What a network is given of an HU value: `(clamp(hu) - offset) / scale`.
#[derive(Debug, Clone, Copy, PartialEq)]
#[repr(C)]
pub struct HuWindow {
    /// Lowest HU kept.
    pub low: f32,
    /// Highest HU kept.
    pub high: f32,
    /// Subtracted, HU.
    pub offset: f32,
    /// Divided by, HU; not 0.
    pub scale: f32,
}

impl Default for HuWindow {
    /// Leaves every value as it is.
    fn default() -> Self {
        Self { low: f32::NEG_INFINITY, high: f32::INFINITY, offset: 0.0, scale: 1.0 }
    }
}

impl HuWindow {
    /// The value a network sees; NaN stays NaN.
    #[must_use]
    pub fn apply(&self, hu: f32) -> f32 {
        // Comparisons, not `clamp`, which panics when the ends are swapped.
        let kept = if hu < self.low { self.low } else { hu };
        let kept = if kept > self.high { self.high } else { kept };
        (kept - self.offset) / self.scale
    }

    pub(crate) fn check(&self, operation: &'static str) -> Result<(), GridError> {
        let scale = f64::from(self.scale);
        check_setting(operation, "offset", f64::from(self.offset), true, "finite")?;
        check_setting(operation, "scale", scale, scale != 0.0, "finite and not 0")?;
        if self.low <= self.high {
            return Ok(());
        }
        let (setting, value, range) = ("low", f64::from(self.low), "at most the window's high end");
        Err(GridError::Setting { operation, setting, value, range })
    }
}

/// How a network is moved over a volume.
#[derive(Debug, Clone, Copy, PartialEq)]
pub enum Passes {
    /// Everything at once, padded at the far ends to what the network
    /// divides by. Where activations would need more than `activation_bytes`
    /// (as f32), in tiles with the same result.
    ///
    /// Right for networks without norms over the image.
    Whole {
        /// Largest memory for activations.
        activation_bytes: usize,
    },
    /// Overlapping windows blended with a Gaussian of an eighth of the window
    /// (nnU-Net, Isensee et al. 2021, doi:10.1038/s41592-020-01008-z).
    Windows {
        /// Size of a window `[z, y, x]`.
        patch: [usize; 3],
        /// Share of a window that its neighbour covers again, 0 to 0.9.
        overlap: f64,
        /// Windows without a voxel above this are all of class 0.
        empty_below_hu: f32,
    },
}

/// How a CT becomes the input of a network, and how the network is moved over it.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct VolumeRun {
    /// Voxels of the CT `[z, y, x]`.
    pub ct_dims: [usize; 3],
    /// Voxels of the network's grid `[z, y, x]`.
    pub grid_dims: [usize; 3],
    /// Row-major affine from indices `(x, y, z, 1)` of the network's grid to
    /// those of the CT.
    pub ct_from_grid: [[f64; 4]; 3],
    /// Gaussian over the CT against aliasing, in CT voxels `[z, y, x]`; 0 for none.
    pub blur_voxels: [f64; 3],
    /// HU outside the CT, and of what windows reach over.
    pub outside_hu: f32,
    /// What the network is given of an HU value.
    pub window: HuWindow,
    /// One pass or windows.
    pub passes: Passes,
}

/// A network's grid after a run; fields are `[z, y, x]`.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct ClassFields {
    /// The CT on the grid, HU.
    pub hu: Vec<f32>,
    /// One field for each channel of the network's first output.
    pub classes: Vec<Vec<f32>>,
}

/// Why a network could not be run over a volume.
#[derive(Debug, Error)]
pub enum VolumeError {
    /// A grid or a setting makes no sense.
    #[error(transparent)]
    Grid(#[from] GridError),
    /// The network or its device failed.
    #[error(transparent)]
    Network(#[from] NetworkError),
}

impl From<OpError> for VolumeError {
    fn from(error: OpError) -> Self {
        Self::Network(error.into())
    }
}

impl VolumeRun {
    /// Refuses grids that do not fit `voxels` of CT, and settings that are
    /// not finite or out of range.
    ///
    /// # Errors
    /// [`GridError`] naming the setting.
    pub fn check(&self, voxels: usize) -> Result<(), GridError> {
        const OPERATION: &str = "class_fields";
        check_len(OPERATION, self.ct_dims, voxels)?;
        count(OPERATION, self.grid_dims)?;
        self.window.check(OPERATION)?;
        for &value in self.ct_from_grid.iter().flatten() {
            check_setting(OPERATION, "ct_from_grid", value, true, "finite")?;
        }
        check_setting(OPERATION, "outside_hu", f64::from(self.outside_hu), true, "finite")?;
        if let Passes::Windows { patch, overlap, empty_below_hu } = self.passes {
            count(OPERATION, patch)?;
            let is_valid = (0.0..=0.9).contains(&overlap);
            check_setting(OPERATION, "overlap", overlap, is_valid, "0 to 0.9")?;
            check_setting(OPERATION, "empty_below_hu", f64::from(empty_below_hu), true, "finite")?;
        }
        Ok(())
    }

    /// Refuses networks whose first output is not a field over their input.
    pub(crate) fn check_program(&self, program: &Program) -> Result<(), NetworkError> {
        let dims = match self.passes {
            Passes::Whole { .. } => padded(program, self.grid_dims),
            Passes::Windows { patch, .. } => patch,
        };
        let layout = program.layout(dims, size_of::<f32>())?;
        if program.outputs.first().is_some_and(|output| layout.grids[output.grid.0] == dims) {
            return Ok(());
        }
        Err(NetworkError::Tiles { reason: "its first output has another size than the input" })
    }

    /// The CT on the network's grid.
    fn sample(&self, hu: &[f32]) -> Result<Vec<f32>, GridError> {
        let (from_to, to) = (&self.ct_from_grid, self.grid_dims);
        let linear = |hu: &[f32]| resample(hu, self.ct_dims, from_to, to, Interpolation::Linear, self.outside_hu);
        if self.blur_voxels.iter().any(|sigma| *sigma > 0.0) {
            return linear(&gaussian_blur(hu, self.ct_dims, self.blur_voxels)?);
        }
        linear(hu)
    }
}

/// [`Device::class_fields`] for devices that offer nothing better: the grids
/// on the processor, the network on the device.
pub(crate) fn class_fields<D: Device + ?Sized>(
    device: &D,
    program: &std::sync::Arc<Program>,
    hu: &[f32],
    run: &VolumeRun,
    progress: &mut dyn FnMut(f64),
) -> Result<ClassFields, VolumeError> {
    run.check(hu.len())?;
    run.check_program(program)?;
    let hu = run.sample(hu)?;
    progress(0.0);
    let mut network = device.load(program, Precision::F32)?;
    let classes = match run.passes {
        Passes::Whole { activation_bytes } => {
            whole::probabilities(program, &mut *network, &hu, run, activation_bytes, progress)?
        }
        Passes::Windows { .. } => windows::probabilities(program, &mut *network, &hu, run, progress)?,
    };
    Ok(ClassFields { hu, classes })
}
