//! Which level lies open? Registration without any first guess of the place.

use std::time::Instant;

use geom::nalgebra::UnitQuaternion;
use geom::{Ct, Patient, Point, Transform};

use super::anchors::Anchors;
use super::error::RegisterError;
use super::pose::Pose;
use super::registration::{Method, Registration};
use super::settings::{MultiStart, Settings};
use super::source::Source;
use super::surface::from_guesses;
use super::target::Target;

/// Starts around each place along the spine.
const STARTS: usize = 192;

/// [`super::surface`] where not even the level is known: the search starts at
/// every level and between them.
///
/// * `facing` - how the patient lies: only its rotation is used, right to
///   about 45 degrees.
///
/// Neighbouring vertebrae look alike: the verdict compares the result with
/// every other place along the spine, and one level of points is often
/// rejected where three are accepted.
///
/// # Errors
/// As [`super::surface`]. Cost: about 100 ms of CPU for 16 levels.
pub fn whole_spine(
    target: &Target,
    points: &[Point<Patient>],
    facing: &Transform<Patient, Ct>,
    settings: &Settings,
) -> Result<Registration, RegisterError> {
    let begun = Instant::now();
    let source = Source::new(points, settings.min_points)?;
    if !facing.is_finite() {
        return Err(RegisterError::InitialNotFinite);
    }
    let rotation: UnitQuaternion<f64> = facing.rotation().inverse();
    let places = target.places_along();
    let guesses: Vec<Pose> = places.into_iter().map(|centre| Pose { rotation, centre }).collect();
    let search = MultiStart {
        starts: STARTS,
        capture_deg: settings.search.wide_deg,
        // Half the distance between two places, and the width of the exposure.
        capture_mm: 20.0,
        keep: settings.search.keep.max(16),
        wide_starts: 0,
        ..settings.search
    };
    let settings = Settings { search, ..*settings };
    let judged = from_guesses(target, (&source, &Anchors::default()), &guesses, &settings)?;
    Ok(judged.registration(Method::Surface, begun))
}
