//! Digitally reconstructed radiographs on the GPU.
#![allow(unsafe_code)]

use super::buffer::{BLOCK, Buffer, grid_error, launch, narrow, parameters, voxel_count};
use super::grids::DeviceVolume;
use crate::cuda::driver::Shape;
use crate::error::OpError;
use crate::radiograph::{XrayBeam, XrayCamera};

/// Pixels of a block along both image axes.
const TILE: usize = 16;

/// Voxels from the source of nearly parallel beams to the detector.
const FAR_VOXELS: f64 = 262_144.0;

/// [`XrayCamera`] as the kernel reads it: a cone, in voxel indices `(x, y, z)`.
#[derive(Debug, Clone, Copy)]
#[repr(C)]
struct Camera {
    source: [f32; 3],
    corner: [f32; 3],
    column: [f32; 3],
    row: [f32; 3],
    voxel_mm: [f32; 3],
    step_mm: f32,
}

impl Camera {
    /// Parallel beams become those of a far source.
    fn new(camera: &XrayCamera, size: [usize; 2]) -> Self {
        let &XrayCamera { corner, column, row, voxel_mm, step_mm, .. } = camera;
        Self { source: source(camera, size), corner, column, row, voxel_mm, step_mm }
    }
}

/// The cone's own source, or one so far before the middle of the detector that
/// its rays are nearly parallel.
///
/// A place `a` voxels beside the detector's middle and `b` before its plane is
/// then seen `a * b / 262144` voxels aside, and places are rounded to 1/64
/// voxel: within 0.25 voxels for a and b of 250.
fn source(camera: &XrayCamera, size: [usize; 2]) -> [f32; 3] {
    match camera.beam {
        XrayBeam::Cone { source } => source,
        XrayBeam::Parallel { direction } => {
            let direction = direction.map(f64::from);
            let length = direction.iter().map(|d| d * d).sum::<f64>().sqrt();
            let [rows, columns] = size.map(|n| (n as f64 - 1.0) / 2.0);
            std::array::from_fn(|axis| {
                let middle = f64::from(camera.corner[axis])
                    + columns * f64::from(camera.column[axis])
                    + rows * f64::from(camera.row[axis]);
                (middle - FAR_VOXELS * direction[axis] / length) as f32
            })
        }
    }
}

parameters! {
    struct RadiographParameters {
        hu: u64, image: u64, depth: u32, height: u32, width: u32, image_height: u32, image_width: u32,
        camera: Camera,
    }
}

impl DeviceVolume {
    /// [`crate::radiograph::radiograph`] on the GPU.
    ///
    /// The kernel knows cones only: parallel beams come from a source 262 144
    /// voxels before the detector's middle and are bent by up to 0.25 voxels
    /// where a CT of 500 voxels ends.
    ///
    /// - `size`: rows and columns of the image.
    ///
    /// # Errors
    /// [`OpError::Device`] for an empty image, numbers that are not finite, and
    /// a step or voxel size that is not positive.
    ///
    /// Cost: eight reads a step.
    pub fn radiograph(&self, camera: &XrayCamera, size: [usize; 2]) -> Result<Vec<f32>, OpError> {
        let [image_height, image_width] = size;
        let pixels = voxel_count("radiograph", [1, image_height, image_width])?;
        camera.check().map_err(grid_error)?;
        let driver = self.values.driver();
        let image = Buffer::<f32>::new(driver, pixels)?;
        let [depth, height, width] = self.dims.map(narrow);
        let parameters = RadiographParameters {
            hu: self.values.address(),
            image: image.address(),
            depth,
            height,
            width,
            image_height: narrow(image_height),
            image_width: narrow(image_width),
            camera: Camera::new(camera, size),
        };
        let blocks = image_height.div_ceil(TILE) * image_width.div_ceil(TILE);
        let shape = Shape { grid: [narrow(blocks), 1, 1], threads: BLOCK, shared_bytes: 0 };
        // SAFETY: the volume holds its dimensions, the image its pixels, and
        // samples are clamped to the volume; watched by
        // `cuda_volume::a_radiograph_adds_up_what_lies_on_its_rays`.
        unsafe { launch(driver, "radiograph", shape, &parameters)? };
        image.download()
    }
}
