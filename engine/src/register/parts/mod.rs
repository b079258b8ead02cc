//! Registration put together from parts, in the manner of small_gicp (Koide,
//! JOSS 2024, doi:10.21105/joss.06948).
//!
//! [`align`] descends once from a first guess with the look-up, rejectors,
//! weighting and factor of an [`Align`]. It promises a local minimum and the
//! evidence for it, not the right basin and no verdict: [`super::surface`] does.
//! The same bits on any number of threads. Called by [`super::between_cts`], by
//! comparisons of methods and by callers with needs of their own.

mod align;
mod factor;
mod reject;

use geom::nalgebra::Matrix6;
use geom::{Ct, Patient, Point, Transform, Vector};

pub use align::align;
pub use factor::Factor;
pub use kernels::point_to_plane::Weighting;
pub use reject::Reject;

/// The points that are moved onto the bone.
#[derive(Debug, Clone, Copy)]
pub struct Moving<'a> {
    /// Positions, mm.
    pub points: &'a [Point<Patient>],
    /// Unit outward normals, one a point, where they are known.
    pub normals: Option<&'a [Vector<Patient>]>,
}

/// How the surface point that belongs to a point is found.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub enum Lookup {
    /// By grid: nanoseconds, off by up to a cell.
    Grid,
    /// The nearest one.
    Exact,
}

/// The parts of a registration.
#[derive(Debug, Clone, PartialEq)]
pub struct Align {
    /// Default exact.
    pub lookup: Lookup,
    /// Pairs that any of them refuses are left out. Default: beyond 3 mm.
    pub rejectors: Vec<Reject>,
    /// Weightings one after the other, each until its end: graduated when they
    /// become stricter. Default Tukey with 1.5 mm.
    pub weightings: Vec<Weighting>,
    /// What a pair pulls at. Default point to plane.
    pub factor: Factor,
    /// Iterations under each weighting. Default 30.
    pub max_iterations: usize,
    /// A step that moves the points less (RMS) ends a weighting, mm. Default
    /// 0.003.
    pub tolerance_mm: f64,
}

impl Default for Align {
    fn default() -> Self {
        Self {
            lookup: Lookup::Exact,
            rejectors: vec![Reject::Distance { most_mm: 3.0 }],
            weightings: vec![Weighting::Tukey { cutoff_mm: 1.5 }],
            factor: Factor::PointToPlane,
            max_iterations: 30,
            tolerance_mm: 0.003,
        }
    }
}

/// A local minimum and the evidence for it.
#[derive(Debug, Clone)]
pub struct Alignment {
    /// The pose.
    pub patient_from_ct: Transform<Patient, Ct>,
    /// Sum of the weighted `J^T J`: rotation (rad) about the points' centroid
    /// before translation (mm), in the CT's axes, for a variance of 1 mm^2.
    pub information: Matrix6<f64>,
    /// Iterations over all weightings.
    pub iterations: usize,
    /// True when the last weighting ended by its tolerance.
    pub has_converged: bool,
    /// Signed height of each point above its plane, mm; NaN without a pair.
    pub residuals_mm: Vec<f64>,
    /// Weight of each point in the last iteration, 0 for rejected ones.
    pub weights: Vec<f64>,
}

impl Alignment {
    /// Number of points with a weight.
    #[must_use]
    pub fn inliers(&self) -> usize {
        self.weights.iter().filter(|w| **w > 0.0).count()
    }
}

#[cfg(test)]
mod tests;
