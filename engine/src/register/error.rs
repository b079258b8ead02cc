//! Why there is no registration at all.

use geom::FitError;
use thiserror::Error;

use crate::surface::IndexError;

/// Why a registration could not be computed; the message says what to do.
#[derive(Debug, Error, Clone, PartialEq)]
#[non_exhaustive]
pub enum RegisterError {
    /// Too few points were touched.
    #[error("{found} points were touched, at least {needed} are needed; sweep more of the exposed bone")]
    TooFewPoints {
        /// Points given.
        found: usize,
        /// Points needed.
        needed: usize,
    },
    /// A touched point is NaN or infinite.
    #[error("touched point {index} is not a finite position; the tracker lost sight of the pointer, touch it again")]
    NotFinite {
        /// Index of the first such point.
        index: usize,
    },
    /// All points lie on a line or in one spot.
    #[error(
        "the points lie on a line: {spread_mm:.1} mm along it but only {width_mm:.1} mm across; sweep to both sides of it"
    )]
    Collinear {
        /// RMS extent along the line, mm.
        spread_mm: f64,
        /// RMS extent across it, mm.
        width_mm: f64,
    },
    /// All points lie in a plane.
    #[error(
        "the points lie in a plane ({thickness_mm:.2} mm thick) and would slide along it; touch faces that look another way, such as the side of a spinous process"
    )]
    Coplanar {
        /// RMS extent across the plane, mm.
        thickness_mm: f64,
    },
    /// The points are too close together or too far apart to be millimetres.
    #[error(
        "the points spread over {spread_mm:.3} mm (RMS), no vertebra does; positions have to be in millimetres, were they metres?"
    )]
    Units {
        /// RMS distance from their centre, mm.
        spread_mm: f64,
    },
    /// Most points are copies of each other.
    #[error(
        "{found} points were touched but only {distinct} of them differ, at least {needed} are needed; keep the pointer moving"
    )]
    Duplicates {
        /// Points given.
        found: usize,
        /// Points that differ.
        distinct: usize,
        /// Points needed.
        needed: usize,
    },
    /// The first guess is NaN or infinite.
    #[error("the first guess of the pose is not finite; start again from landmarks")]
    InitialNotFinite,
    /// No start brought the points to the bone.
    #[error(
        "from the first guess the points do not reach the bone within {capture_mm:.0} mm and {capture_deg:.0} deg; start from landmarks nearer to the exposed levels"
    )]
    NoOverlap {
        /// Capture range searched, mm.
        capture_mm: f64,
        /// Capture range searched, degrees.
        capture_deg: f64,
    },
    /// More landmarks than can be tried in any order.
    #[error("{found} landmarks are too many to find their order, at most {most} can be; touch them in order instead")]
    TooManyLandmarks {
        /// Landmarks given.
        found: usize,
        /// Most that can be given.
        most: usize,
    },
    /// The touched landmarks fit the marked ones in no order.
    #[error("the {touched} touched landmarks fit the marked ones in no order; check that they are the same landmarks")]
    NoOrder {
        /// Landmarks touched.
        touched: usize,
    },
    /// A surface comes without a normal or a level for each of its points.
    #[error("the bone surface has {points} points but {normals} normals and {levels} levels; make it again")]
    UnequalTarget {
        /// Points of the surface.
        points: usize,
        /// Normals of the surface.
        normals: usize,
        /// Level numbers given.
        levels: usize,
    },
    /// A normal of the surface has no length or is not finite.
    #[error("normal {index} of the bone surface is not a direction; make the surface again")]
    BadNormal {
        /// Index of the first such normal.
        index: usize,
    },
    /// The surface cannot be searched.
    #[error("the bone surface cannot be used as a target: {0}")]
    Index(#[from] IndexError),
    /// The landmarks fix no pose.
    #[error("the landmarks fix no pose: {0}")]
    Fit(#[from] FitError),
}
