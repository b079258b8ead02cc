//! Radiographs made from a CT (digitally reconstructed radiographs, DRRs).
//!
//! Promises the line integral of attenuation for every pixel of a
//! [`Geometry`], on any device, with bone as photons of one energy see it, and
//! where labelled bodies are in the picture. Does not promise scatter, beam
//! hardening, noise or a standing patient: a CT is taken lying. Called by `spinenav drr`, for training and for tests with
//! a known truth.

mod arrangement;
mod energy;
mod truth;

use geom::nalgebra::Vector3;
use kernels::Device;
use kernels::device::VolumeError;
use kernels::radiograph::{XrayBeam, XrayCamera};
use thiserror::Error;

use super::geometry::{Beam, Geometry, GeometryError};
use crate::volume::{Grid, Volume};

pub use arrangement::{Arrangement, BeamShape};
pub use energy::{CT_KEV, RADIOGRAPH_KEV, at_energy};
pub use truth::{Shown, Truth, ViewTruth};

/// Share of the smallest voxel edge that a ray advances.
const STEP: f64 = 0.5;
/// Percentiles of a picture that become black and white.
const RANGE: [f64; 2] = [0.01, 0.999];

/// Why there is no picture.
#[derive(Debug, Error)]
#[non_exhaustive]
pub enum DrrError {
    /// The arrangement cannot be.
    #[error("the X-ray arrangement does not fit this CT: {0}")]
    Geometry(#[from] GeometryError),
    /// A setting is out of range.
    #[error("{setting} = {value}, must be {range}")]
    Setting {
        /// Its name.
        setting: &'static str,
        /// The refused value.
        value: f64,
        /// What would be accepted.
        range: &'static str,
    },
    /// The device failed or refused.
    #[error("the radiograph could not be computed: {0}")]
    Device(#[from] VolumeError),
    /// CT and labels are of different scans.
    #[error("the labels have {labels}, the CT has {ct}; they must be of one scan")]
    OtherScan {
        /// The labels' grid.
        labels: String,
        /// The CT's grid.
        ct: String,
    },
}

/// The picture of `ct`, in mm of water, row by row.
///
/// # Errors
/// [`DrrError`] for a geometry that cannot be and a device that failed.
///
/// Cost: about 8 reads each half voxel of every ray.
pub fn radiograph(ct: &Volume, geometry: &Geometry, device: &dyn Device) -> Result<Vec<f32>, DrrError> {
    geometry.check()?;
    let [x, y, z] = ct.grid.size();
    let camera = camera(&ct.grid, geometry);
    Ok(device.radiograph(&ct.hu, [z, y, x], &camera, [geometry.rows, geometry.columns])?)
}

/// A geometry in the voxel indices of a grid.
fn camera(grid: &Grid, geometry: &Geometry) -> XrayCamera {
    let affine = grid.voxel_from_ct();
    let turn = affine.fixed_columns::<3>(0);
    let direction = |v: [f64; 3]| -> [f32; 3] { (turn * Vector3::from(v)).cast().into() };
    let place = |v: [f64; 3]| -> [f32; 3] { (turn * Vector3::from(v) + affine.column(3)).cast().into() };
    let spacing = grid.spacing_mm();
    XrayCamera {
        beam: match geometry.beam {
            Beam::Cone { source_mm } => XrayBeam::Cone { source: place(source_mm) },
            Beam::Parallel { direction: along } => XrayBeam::Parallel { direction: direction(along) },
        },
        corner: place(geometry.corner_mm),
        column: direction(geometry.column_mm),
        row: direction(geometry.row_mm),
        voxel_mm: spacing.map(|mm| mm as f32),
        step_mm: (STEP * spacing.into_iter().fold(f64::INFINITY, f64::min)) as f32,
    }
}

/// Grey levels with bone bright: the 1st percentile is black, the 99.9th white.
#[must_use]
pub fn grey(picture: &[f32]) -> Vec<u16> {
    let mut sorted: Vec<f32> = picture.iter().copied().filter(|v| v.is_finite()).collect();
    sorted.sort_unstable_by(f32::total_cmp);
    let at = |share: f64| sorted.get((share * (sorted.len().saturating_sub(1)) as f64) as usize).copied();
    let [low, high] = RANGE.map(|share| at(share).unwrap_or(0.0));
    let scale = f32::from(u16::MAX) / (high - low).max(f32::MIN_POSITIVE);
    picture.iter().map(|v| ((v - low) * scale) as u16).collect()
}

#[cfg(test)]
mod tests {
    use geom::Point;

    use super::*;
    use crate::xray::View;

    /// Water of 60 x 60 x 90 mm with a ball of bone left of, behind and above the middle.
    fn phantom() -> Volume {
        let grid = Grid::axis_aligned([30, 30, 30], [2.0, 2.0, 3.0], Point::new(-10.0, 40.0, 7.0)).unwrap();
        let hu = (0..27_000)
            .map(|i| {
                let at = [i % 30, i / 30 % 30, i / 900].map(|v| v as f64);
                let away = [(at[0] - 20.0) * 2.0, (at[1] - 22.0) * 2.0, (at[2] - 20.0) * 3.0];
                if away.iter().map(|v| v * v).sum::<f64>() < 64.0 { 1500.0 } else { 0.0 }
            })
            .collect();
        Volume { grid, hu }
    }

    #[test]
    fn bone_is_where_the_geometry_says_in_both_views_and_beams() {
        let ct = phantom();
        let bone = Vector3::new(30.0, 84.0, 67.0);
        for beam in [BeamShape::Parallel, BeamShape::Cone { source_mm: 900.0 }] {
            let arrangement = Arrangement { beam, pixel_mm: 1.0, turn_deg: [8.0, -4.0, 3.0] };
            for view in [View::Frontal, View::Lateral] {
                let geometry = arrangement.geometry(&ct.grid, view).unwrap();
                let picture = radiograph(&ct, &geometry, &kernels::Cpu::new()).unwrap();
                // Of the brightest pixels, compared with their surroundings along the row.
                let bright = |i: usize| picture[i] > 0.9 * picture.iter().copied().fold(0.0, f32::max);
                let found: Vec<[f64; 2]> = (0..picture.len())
                    .filter(|i| bright(*i))
                    .map(|i| [(i % geometry.columns) as f64, (i / geometry.columns) as f64])
                    .collect();
                let mean = [0, 1].map(|k| found.iter().map(|p| p[k]).sum::<f64>() / found.len() as f64);
                let want = geometry.project(bone).unwrap();
                let away = (mean[0] - want[0]).hypot(mean[1] - want[1]);
                assert!(away < 2.0, "{view} {beam:?}: {mean:?} instead of {want:?}");
                // The patient's left is right in the frontal, the back right in the lateral picture; the head is up.
                assert!(mean[0] > geometry.columns as f64 / 2.0 && mean[1] < geometry.rows as f64 / 2.0);
            }
        }
    }

    #[test]
    fn a_picture_uses_all_grey_levels() {
        let picture: Vec<f32> = (0..2000).map(|i| i as f32).collect();
        let grey = grey(&picture);
        assert_eq!((grey[0], grey[19], grey[1999]), (0, 0, u16::MAX));
        assert!((i32::from(grey[1000]) - 32_500).abs() < 500);
        assert!(super::grey(&[3.0; 9]).iter().all(|v| *v == 0));
    }
}
