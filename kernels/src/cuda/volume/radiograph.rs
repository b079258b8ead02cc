//! Digitally reconstructed radiographs on the GPU.
#![allow(unsafe_code)]

use super::buffer::{BLOCK, Buffer, grid_error, launch, narrow, parameters, voxel_count};
use super::grids::DeviceVolume;
use crate::cuda::driver::Shape;
use crate::error::OpError;
use crate::grid::check_setting;

/// Pixels of a block along both image axes.
const TILE: usize = 16;

/// Where an X-ray source and its detector are, in voxel indices `(x, y, z)` of
/// the CT (integers are voxel centres).
#[derive(Debug, Clone, Copy, PartialEq)]
#[repr(C)]
pub struct XrayCamera {
    /// The source.
    pub source: [f32; 3],
    /// Middle of the first pixel.
    pub corner: [f32; 3],
    /// From a pixel to the next in its row.
    pub column: [f32; 3],
    /// From a row to the next.
    pub row: [f32; 3],
    /// Voxel size of the CT along x, y, z, mm.
    pub voxel_mm: [f32; 3],
    /// Longest step along a ray, mm; half the voxel size is fine enough.
    pub step_mm: f32,
}

parameters! {
    struct RadiographParameters {
        hu: u64, image: u64, depth: u32, height: u32, width: u32, image_height: u32, image_width: u32,
        camera: XrayCamera,
    }
}

impl DeviceVolume {
    /// The line integral of attenuation, relative to water and in mm of it,
    /// from the source to each pixel: `1 + HU / 1000`, nothing below air,
    /// between the outermost voxel centres (Siddon 1985, doi:10.1118/1.595715,
    /// for the integral; sampled trilinearly at even steps).
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
        for value in [camera.source, camera.corner, camera.column, camera.row].into_iter().flatten() {
            check_setting("radiograph", "camera", f64::from(value), true, "finite").map_err(grid_error)?;
        }
        for value in camera.voxel_mm.into_iter().chain([camera.step_mm]) {
            let value = f64::from(value);
            check_setting("radiograph", "voxel or step", value, value > 0.0, "above 0 mm").map_err(grid_error)?;
        }
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
            camera: *camera,
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
