//! Why nothing could be computed at all; what was computed is judged by
//! [`crate::Judgement`].

use geom::FitError;
use thiserror::Error;

/// Input that no calibration can be computed from.
#[derive(Debug, Error, Clone, PartialEq)]
#[non_exhaustive]
pub enum CalibrationError {
    /// Too few poses or points.
    #[error("{what} needs at least {wanted} {of}, {found} were given; {remedy}")]
    TooFew {
        /// Which calibration.
        what: &'static str,
        /// Of what there are too few.
        of: &'static str,
        /// How many were given.
        found: usize,
        /// How many are needed.
        wanted: usize,
        /// What to do.
        remedy: &'static str,
    },
    /// More than is ever useful; keeps time and memory bounded.
    #[error("{found} {of} were given, {limit} are the most that {what} takes; cut the recording")]
    TooMany {
        /// Which calibration.
        what: &'static str,
        /// Of what there are too many.
        of: &'static str,
        /// How many were given.
        found: usize,
        /// How many are taken.
        limit: usize,
    },
    /// Two lists that belong together differ in length.
    #[error("{left} {left_of} go with {right} {right_of}; every one needs its partner")]
    Unpaired {
        /// Length of the first list.
        left: usize,
        /// What it holds.
        left_of: &'static str,
        /// Length of the second list.
        right: usize,
        /// What it holds.
        right_of: &'static str,
    },
    /// A value is NaN or infinite.
    #[error("{of} {index} holds a value that is not a finite number; leave it out or record it again")]
    NotFinite {
        /// What holds it.
        of: &'static str,
        /// Its place in the list, from 0.
        index: usize,
    },
    /// A value is larger than anything in an operating room.
    #[error("{of} {index} is beyond {limit:e} {unit}; check the unit, or leave it out")]
    OutOfRange {
        /// What holds it.
        of: &'static str,
        /// Its place in the list, from 0.
        index: usize,
        /// The limit.
        limit: f64,
        /// Its unit.
        unit: &'static str,
    },
    /// The motion leaves the result undetermined.
    #[error("{what} is not determined by this motion: {reason}; {remedy}")]
    Undetermined {
        /// Which calibration.
        what: &'static str,
        /// What is missing.
        reason: String,
        /// What to do.
        remedy: &'static str,
    },
    /// The points do not fix a rigid motion.
    #[error("the points cannot be registered: {0}")]
    Fit(#[from] FitError),
}

/// Refuses counts outside `wanted..=limit`.
pub(crate) fn check_count(
    what: &'static str,
    of: &'static str,
    found: usize,
    (wanted, limit): (usize, usize),
    remedy: &'static str,
) -> Result<(), CalibrationError> {
    if found < wanted {
        return Err(CalibrationError::TooFew { what, of, found, wanted, remedy });
    }
    if found > limit {
        return Err(CalibrationError::TooMany { what, of, found, limit });
    }
    Ok(())
}
