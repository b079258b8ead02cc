//! [`Cuda`]: an opened GPU that loads programs.

use std::sync::{Arc, Mutex, PoisonError};

use super::driver::Driver;
use super::executable::CudaExecutable;
use super::volume::ClassChain;
use crate::device::{self, ClassFields, Device, Executable, Precision, VolumeError, VolumeRun};
use crate::error::OpError;
use crate::grid::{check_len, count};
use crate::program::Program;
use crate::radiograph::XrayCamera;

/// An NVIDIA GPU (Ampere or later). Cheap to clone; clones share the GPU.
#[derive(Debug, Clone)]
pub struct Cuda {
    pub(crate) driver: Arc<Driver>,
    /// The last network that was run over a CT, with its memory, for the next
    /// CT of that geometry.
    chain: Arc<Mutex<Option<ClassChain>>>,
}

impl Cuda {
    /// Opens the first GPU.
    ///
    /// # Errors
    /// [`OpError::Device`] naming the reason: no driver, a driver or GPU that
    /// is too old, no GPU, or what the driver said. Never panics.
    ///
    /// Cost: about a millisecond without a GPU; with one, the driver's start.
    pub fn open() -> Result<Self, OpError> {
        Self::open_ordinal(0)
    }

    /// Opens GPU number `ordinal` of the driver's list.
    ///
    /// # Errors
    /// As [`Cuda::open`].
    pub fn open_ordinal(ordinal: usize) -> Result<Self, OpError> {
        Ok(Self { driver: Driver::open(ordinal)?, chain: Arc::default() })
    }
}

impl Device for Cuda {
    fn description(&self) -> String {
        self.driver.description.clone()
    }

    /// Both precisions store fp16; sums are f32.
    fn load(&self, program: &Arc<Program>, _: Precision) -> Result<Box<dyn Executable>, OpError> {
        Ok(Box::new(CudaExecutable::new(&self.driver, program)?))
    }

    /// The CT is copied in, the fields are copied out; in between nothing
    /// leaves the GPU. Network, memory and launches are kept for the next CT
    /// of the same geometry. A pass too large for `activation_bytes` goes in
    /// tiles through the host, as on other devices.
    fn class_fields(
        &self,
        program: &Arc<Program>,
        hu: &[f32],
        run: &VolumeRun,
        progress: &mut dyn FnMut(f64),
    ) -> Result<ClassFields, VolumeError> {
        run.check(hu.len())?;
        run.check_program(program)?;
        if !ClassChain::fits(program, run)? {
            return device::volume::class_fields(self, program, hu, run, progress);
        }
        // Taken out, so that another thread makes its own instead of waiting.
        let kept = self.chain.lock().unwrap_or_else(PoisonError::into_inner).take();
        let mut chain = match kept.filter(|chain| chain.is_for(program, run)) {
            Some(chain) => chain,
            None => ClassChain::new(self, program, run)?,
        };
        progress(0.0);
        let fields = chain.run(hu)?;
        progress(1.0);
        *self.chain.lock().unwrap_or_else(PoisonError::into_inner) = Some(chain);
        Ok(fields)
    }

    /// Parallel beams become nearly parallel ones, see
    /// [`DeviceVolume::radiograph`](super::volume::DeviceVolume::radiograph).
    fn radiograph(
        &self,
        hu: &[f32],
        dims: [usize; 3],
        camera: &XrayCamera,
        size: [usize; 2],
    ) -> Result<Vec<f32>, VolumeError> {
        check_len("radiograph", dims, hu.len())?;
        count("radiograph", [1, size[0], size[1]])?;
        camera.check()?;
        Ok(self.upload_volume(hu, dims)?.radiograph(camera, size)?)
    }
}
