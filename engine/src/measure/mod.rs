//! Alignment of the spine: angles, balance, rotations, heights and slips.
//!
//! Promises for each value its standard deviation and the landmarks it comes
//! from, or the reason why it is not there; nothing is guessed for what is out
//! of view. Landmarks come from the labels by robust fits and can be moved by
//! hand ([`Corrections`]); measures follow. It does not know how the patient
//! stood or lay: the caller says so ([`Posture`]) and the report names the
//! values that it touches. Called by `spinenav measure`. [`follow`] computes
//! the parameters again when levels were registered one by one.
//!
//! Vertical is the image's z axis, the sagittal plane its y-z and the coronal
//! plane its x-z plane (LPS), as on a radiograph taken along the image's axes.
//! Pelvic incidence alone is measured in the pelvis's own plane.

mod angles;
mod body;
mod correction;
mod fit;
pub mod follow;
mod frame;
pub mod handle;
mod levels;
pub mod numbering;
pub mod projection;
mod report;
mod sacrum;
mod sagittal;
mod spine;
mod symmetry;
pub mod synthetic;
#[cfg(test)]
mod tests;
mod vertebra;

pub use angles::{Curve, Measure, Value, coronal, sagittal, tilt_deg};
pub(crate) use correction::HAND_SD_MM;
pub use correction::{CorrectionError, Corrections};
pub use fit::{Plane, Sphere, plane, sphere};
pub use levels::{DiscMeasures, LevelMeasures, RotationFrame};
pub use report::{PARAMETERS, Parameter, Posture, Report};
pub use sacrum::Sacrum;
pub use sagittal::global_lordosis;
pub use spine::{BodyAxes, FEMUR_LEFT, FEMUR_RIGHT, Spine, body_axes, order};
pub use vertebra::{Endplate, Origin, Side, Vertebra};

use crate::volume::LabelMap;

/// Measures the spine in `map` (VerSe numbers; femora or their heads as
/// [`FEMUR_LEFT`] and [`FEMUR_RIGHT`]), after the corrections.
///
/// # Errors
/// [`CorrectionError`] when a correction does not fit the map.
///
/// Cost: about 100 ms a vertebra and core.
pub fn measure(
    map: &mut LabelMap,
    corrections: &Corrections,
    posture: Posture,
) -> Result<(Spine, Report), CorrectionError> {
    corrections.check()?;
    corrections.rename(map)?;
    let spine = Spine::find(map, corrections);
    let report = Report::of(&spine, corrections, posture);
    Ok((spine, report))
}
