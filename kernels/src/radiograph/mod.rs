//! Digitally reconstructed radiographs: what an X-ray of a CT would show.
//!
//! Promises: the line integral of attenuation along each pixel's ray, for cone
//! and parallel beams, the same on every device to rounding. Does not promise
//! scatter, beam hardening or noise. Called by `engine::xray`; the GPU's
//! kernel is `kernels/cuda/volume_radiograph.cu`.
//!
//! The integral is Siddon's (1985, doi:10.1118/1.595715), sampled trilinearly
//! at the middles of even steps, which varies smoothly with the pose. HU become
//! attenuation relative to water, `1 + HU / 1000`, nothing below air.

mod attenuation;
mod camera;

use rayon::prelude::*;

use crate::error::GridError;
use crate::grid::{check_len, count};

use attenuation::Attenuation;
pub use camera::{XrayBeam, XrayCamera};

/// The line integrals of a CT, in mm of water, `[row, column]`.
///
/// - `hu`, `dims`: the CT, `[z, y, x]`; rays count between the outermost voxel centres.
/// - `size`: rows and columns of the image.
///
/// # Errors
/// [`GridError`] for lengths that do not match, an empty image, numbers that
/// are not finite, and a step or voxel size that is not positive.
///
/// Cost: one padded copy of the CT and eight reads a step; rows on all threads
/// of the current rayon pool. The result does not depend on them. Steps outside
/// the box of what is not air are not taken.
///
/// ```
/// use kernels::radiograph::{XrayBeam, XrayCamera, radiograph};
///
/// // A block of water of 3 x 5 x 4 voxels of 2 mm, seen along y.
/// let camera = XrayCamera {
///     beam: XrayBeam::Parallel { direction: [0.0, 1.0, 0.0] },
///     corner: [1.0, 20.0, 1.0],
///     column: [1.0, 0.0, 0.0],
///     row: [0.0, 0.0, 1.0],
///     voxel_mm: [2.0; 3],
///     step_mm: 0.5,
/// };
/// let image = radiograph(&[0.0; 60], [3, 5, 4], &camera, [1, 2])?;
/// assert!((image[0] - 8.0).abs() < 1e-5); // from the first voxel's centre to the fifth's
/// # Ok::<(), kernels::GridError>(())
/// ```
pub fn radiograph(hu: &[f32], dims: [usize; 3], camera: &XrayCamera, size: [usize; 2]) -> Result<Vec<f32>, GridError> {
    const OPERATION: &str = "radiograph";
    check_len(OPERATION, dims, hu.len())?;
    let pixels = count(OPERATION, [1, size[0], size[1]])?;
    camera.check()?;
    let volume = Attenuation::new(hu, dims)?;
    let mut image = vec![0.0; pixels];
    image.par_chunks_mut(size[1]).enumerate().for_each(|(row, line)| {
        for (column, pixel) in line.iter_mut().enumerate() {
            *pixel = volume.along(&camera.ray([row, column], dims), camera.step_mm);
        }
    });
    Ok(image)
}

#[cfg(test)]
mod tests {
    use super::*;

    const DIMS: [usize; 3] = [40, 60, 50];
    const VOXEL_MM: [f32; 3] = [1.0, 0.8, 1.5];

    fn cone() -> XrayCamera {
        XrayCamera {
            beam: XrayBeam::Cone { source: [25.0, -700.0, 10.0] },
            corner: [-5.0, 160.0, -8.0],
            column: [1.5, 0.1, 0.0],
            row: [0.0, 0.0, 1.2],
            voxel_mm: VOXEL_MM,
            step_mm: 0.25,
        }
    }

    /// Length (mm) of a pixel's ray within a box of voxel indices, by hand.
    fn through(camera: &XrayCamera, pixel: [usize; 2], low: [f64; 3], high: [f64; 3]) -> f64 {
        let at = |axis: usize| {
            f64::from(camera.corner[axis])
                + pixel[1] as f64 * f64::from(camera.column[axis])
                + pixel[0] as f64 * f64::from(camera.row[axis])
        };
        let (from, along): ([f64; 3], [f64; 3]) = match camera.beam {
            XrayBeam::Cone { source } => (source.map(f64::from), std::array::from_fn(|k| at(k) - f64::from(source[k]))),
            XrayBeam::Parallel { direction } => {
                (std::array::from_fn(|k| at(k) - 1e3 * f64::from(direction[k])), direction.map(|d| 2e3 * f64::from(d)))
            }
        };
        let (mut enter, mut leave) = (0.0_f64, 1.0_f64);
        for axis in 0..3 {
            let ends = [low[axis], high[axis]].map(|edge| (edge - from[axis]) / along[axis]);
            enter = enter.max(ends[0].min(ends[1]));
            leave = leave.min(ends[0].max(ends[1]));
        }
        let mm = (0..3).map(|k| (along[k] * f64::from(camera.voxel_mm[k])).powi(2)).sum::<f64>().sqrt();
        mm * (leave - enter).max(0.0)
    }

    #[test]
    fn a_block_of_water_is_as_thick_as_its_rays_are_long() {
        let water = vec![0.0; 40 * 60 * 50];
        let slanted = XrayCamera { beam: XrayBeam::Parallel { direction: [0.2, 1.0, -0.1] }, ..cone() };
        for camera in [cone(), slanted] {
            let image = radiograph(&water, DIMS, &camera, [30, 35]).unwrap();
            for (index, got) in image.iter().enumerate() {
                let want = through(&camera, [index / 35, index % 35], [0.0; 3], [49.0, 59.0, 39.0]);
                assert!((f64::from(*got) - want).abs() < 2e-3, "{:?} {index}: {got}, {want}", camera.beam);
            }
            assert!(image.iter().any(|mm| *mm > 47.0) && image.contains(&0.0));
        }
    }

    #[test]
    fn a_ball_of_bone_has_the_chords_of_a_ball() {
        let (middle, radius) = ([24.0_f64, 29.0, 19.0], 14.0);
        let hu: Vec<f32> = (0..40 * 60 * 50)
            .map(|i| {
                let at = [i % 50, i / 50 % 60, i / 3000];
                let away =
                    (0..3).map(|k| ((at[k] as f64 - middle[k]) * f64::from(VOXEL_MM[k])).powi(2)).sum::<f64>().sqrt();
                // The surface crosses voxels: their share of bone, so that the sum is not that of steps.
                (1000.0 * (2.0 * (radius - away + 0.5).clamp(0.0, 1.0) - 1.0)) as f32
            })
            .collect();
        let camera = XrayCamera {
            beam: XrayBeam::Parallel { direction: [0.0, 1.0, 0.0] },
            corner: [0.0, 100.0, 0.0],
            column: [1.0, 0.0, 0.0],
            row: [0.0, 0.0, 1.0],
            ..cone()
        };
        let image = radiograph(&hu, DIMS, &camera, [40, 50]).unwrap();
        for (index, got) in image.iter().enumerate() {
            let [x, z] = [(index % 50) as f64 - middle[0], ((index / 50) as f64 - middle[2]) * 1.5];
            let squared = radius * radius - x * x - z * z;
            // Twice water's attenuation; grazing rays see the voxels.
            if squared > 25.0 {
                assert!((f64::from(*got) - 4.0 * squared.sqrt()).abs() < 0.6, "{index}: {got} {squared}");
            } else if squared < -80.0 {
                assert_eq!(*got, 0.0);
            }
        }
    }

    #[test]
    fn air_around_the_patient_changes_nothing() {
        let hu: Vec<f32> = (0..40 * 60 * 50)
            .map(|i| {
                let at = [i % 50, i / 50 % 60, i / 3000];
                if (10..30).contains(&at[0]) && (25..50).contains(&at[1]) { (i % 700) as f32 } else { -3000.0 }
            })
            .collect();
        let bright: Vec<f32> = hu.iter().map(|v| v.max(-999.999)).collect();
        let size = [30, 35];
        let (skipped, all) =
            (radiograph(&hu, DIMS, &cone(), size).unwrap(), radiograph(&bright, DIMS, &cone(), size).unwrap());
        for (a, b) in skipped.iter().zip(&all) {
            assert!((a - b).abs() < 1e-3, "{a} {b}");
        }
    }

    #[test]
    fn impossible_arrangements_are_refused_by_name() {
        let hu = vec![0.0; 8];
        let text = |camera: &XrayCamera, size| radiograph(&hu, [2, 2, 2], camera, size).unwrap_err().to_string();
        assert!(text(&XrayCamera { step_mm: 0.0, ..cone() }, [2, 2]).contains("step"));
        assert!(text(&XrayCamera { corner: [f32::NAN; 3], ..cone() }, [2, 2]).contains("finite"));
        let still = XrayBeam::Parallel { direction: [0.0; 3] };
        assert!(text(&XrayCamera { beam: still, ..cone() }, [2, 2]).contains("direction"));
        assert!(text(&cone(), [0, 2]).contains("[1, 0, 2]"));
        assert!(radiograph(&hu, [2, 2, 3], &cone(), [2, 2]).is_err());
        // One voxel, seen from inside itself, and a volume without anything in it.
        let inside = XrayCamera { beam: XrayBeam::Cone { source: [0.0; 3] }, ..cone() };
        assert_eq!(radiograph(&[500.0], [1; 3], &inside, [1, 1]).unwrap(), [0.0]);
        assert!(radiograph(&[-1000.0; 8], [2; 3], &cone(), [3, 3]).unwrap().iter().all(|v| *v == 0.0));
    }
}
