//! From a CT to the class probabilities of a network, on the GPU.
//!
//! The steps of [`crate::device::VolumeRun`] in the order of the processor:
//! blur, resample, cut a window, run the network, blend, divide. All launches
//! for one geometry are one recording; the next CT of that geometry costs a
//! copy and one launch. Windows without bone run as well (a recording has no
//! branches), but their values are not used.

use std::sync::Arc;

use super::buffer::Buffer;
use super::grids::DeviceVolume;
use super::recording::{Recording, record};
use super::sliding::SlidingSettings;
use super::tensor::DeviceTensor;
use crate::cuda::driver::Driver;
use crate::cuda::{Cuda, DeviceNetwork};
use crate::device::volume::{gaussian_window, padded, window_origins};
use crate::device::{ClassFields, HuWindow, Passes, VolumeError, VolumeRun};
use crate::graph::NetworkError;
use crate::program::Program;

/// The network's grid on the GPU after a run.
#[derive(Debug)]
pub(super) struct OnGrid {
    pub hu: DeviceVolume,
    pub probabilities: DeviceTensor,
    /// Not 0 when the CT held NaN.
    broken: Buffer<u32>,
}

/// How windows lie on the grid.
struct Windows {
    patch: [usize; 3],
    weights: Vec<f32>,
    origins: Vec<[usize; 3]>,
    threshold_hu: f32,
}

/// Whether the network runs over that grid on a GPU as it is: in windows, or
/// in one pass whose activations (fp16 here) fit in what the caller allows.
///
/// # Errors
/// [`NetworkError`] when the network cannot take the size.
pub(super) fn fits(program: &Program, run: &VolumeRun) -> Result<bool, NetworkError> {
    let Passes::Whole { activation_bytes } = run.passes else { return Ok(true) };
    let layout = program.layout(padded(program, run.grid_dims), size_of::<u16>())?;
    Ok(layout.arena_bytes <= activation_bytes)
}

/// One pass is one window of weight 1 over everything.
fn windows(program: &Program, run: &VolumeRun) -> Windows {
    match run.passes {
        Passes::Whole { .. } => {
            let patch = padded(program, run.grid_dims);
            let weights = vec![1.0; patch.iter().product()];
            Windows { patch, weights, origins: vec![[0; 3]], threshold_hu: f32::MIN }
        }
        Passes::Windows { patch, overlap, empty_below_hu } => Windows {
            patch,
            weights: gaussian_window(patch),
            origins: window_origins(run.grid_dims, patch, overlap),
            threshold_hu: empty_below_hu,
        },
    }
}

/// Queues (or records) everything from a CT on the GPU to class probabilities.
pub(super) fn class_probabilities(
    cuda: &Cuda,
    network: &mut DeviceNetwork,
    ct: &DeviceVolume,
    run: &VolumeRun,
) -> Result<OnGrid, VolumeError> {
    let Windows { patch, weights, origins, threshold_hu } = windows(network.program(), run);
    let classes = network.program().outputs.first().map_or(0, |output| output.channels);
    let unscaled = HuWindow::default();
    let resampled = |ct: &DeviceVolume| ct.resample(&run.ct_from_grid, run.grid_dims, run.outside_hu, &unscaled);
    let hu = if run.blur_voxels.iter().any(|sigma| *sigma > 0.0) {
        resampled(&ct.gaussian_blur(run.blur_voxels)?)?
    } else {
        resampled(ct)?
    };
    let settings = SlidingSettings { window: run.window, padding_hu: run.outside_hu, threshold_hu };
    let mut sums = cuda.sliding_sums(run.grid_dims, classes, patch, &weights)?;
    for origin in origins {
        sums.cut(&hu, origin, &settings, network.input(patch)?)?;
        let outputs = network.run_on_device()?;
        let first = outputs.first().ok_or(NetworkError::Tiles { reason: "it has no output" })?;
        sums.blend(first)?;
    }
    let (probabilities, broken) = sums.into_parts()?;
    Ok(OnGrid { hu, probabilities, broken })
}

impl OnGrid {
    /// Waits, and refuses a CT with NaN as the processor does.
    pub(super) fn check(&self, first_nan: impl FnOnce() -> usize) -> Result<(), VolumeError> {
        if self.broken.first()? == 0 {
            return Ok(());
        }
        Err(NetworkError::NonFiniteInput { index: first_nan(), value: f32::NAN }.into())
    }
}

/// A network with memory and recorded launches for CTs of one geometry.
#[derive(Debug)]
pub(in crate::cuda) struct ClassChain {
    recording: Recording,
    on_grid: OnGrid,
    ct: DeviceVolume,
    network: DeviceNetwork,
    run: VolumeRun,
}

impl ClassChain {
    /// Whether that run can be a chain; otherwise it goes piece by piece.
    pub(in crate::cuda) fn fits(program: &Program, run: &VolumeRun) -> Result<bool, NetworkError> {
        fits(program, run)
    }

    /// Plans, reserves and records; `run` has been checked.
    pub(in crate::cuda) fn new(cuda: &Cuda, program: &Arc<Program>, run: &VolumeRun) -> Result<Self, VolumeError> {
        let mut network = cuda.load_network(program)?;
        let (ct, on_grid, recording) = recorded(cuda, &mut network, run, Ok)?;
        Ok(Self { recording, on_grid, ct, network, run: *run })
    }

    /// Whether it was made for that program and geometry.
    pub(in crate::cuda) fn is_for(&self, program: &Arc<Program>, run: &VolumeRun) -> bool {
        Arc::ptr_eq(self.network.program(), program) && self.run == *run
    }

    /// The CT on the grid and its class fields.
    pub(in crate::cuda) fn run(&mut self, hu: &[f32]) -> Result<ClassFields, VolumeError> {
        self.ct.fill(hu)?;
        self.recording.replay()?;
        self.on_grid.check(|| first_nan(hu))?;
        let fields = self.on_grid.probabilities.values.download()?;
        let classes = fields.chunks_exact(self.on_grid.hu.voxels()).map(<[f32]>::to_vec).collect();
        Ok(ClassFields { hu: self.on_grid.hu.download()?, classes })
    }
}

/// The CT's memory, what `more` makes of the class probabilities, and the
/// recording of both.
pub(super) fn recorded<T>(
    cuda: &Cuda,
    network: &mut DeviceNetwork,
    run: &VolumeRun,
    more: impl FnOnce(OnGrid) -> Result<T, VolumeError>,
) -> Result<(DeviceVolume, T, Recording), VolumeError> {
    let driver: &Arc<Driver> = &cuda.driver;
    let ct = DeviceVolume::reserve(driver, run.ct_dims)?;
    // Planned now: only launches belong into the recording.
    network.input(windows(network.program(), run).patch)?;
    let (made, recording) = record(driver, || more(class_probabilities(cuda, network, &ct, run)?))?;
    Ok((ct, made, recording))
}

/// Index of the first value that is not a number.
pub(super) fn first_nan(hu: &[f32]) -> usize {
    hu.iter().position(|value| value.is_nan()).unwrap_or(0)
}
