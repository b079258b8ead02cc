//! Why a plan cannot be used.

use std::path::PathBuf;

use thiserror::Error;

use crate::level::Level;

/// Why a plan or a screw is refused.
#[derive(Debug, Error)]
#[non_exhaustive]
pub enum PlanError {
    /// The file could not be read.
    #[error("cannot read {path}: {source}")]
    Read {
        /// The file.
        path: PathBuf,
        /// What the system said.
        source: std::io::Error,
    },
    /// The file is not what it should be.
    #[error("{path} is no {what}: {why}")]
    Content {
        /// The file.
        path: PathBuf,
        /// What was expected.
        what: &'static str,
        /// Line and reason.
        why: String,
    },
    /// More screws than a plan holds.
    #[error("{found} screws, a plan holds at most {most}; make two plans of it")]
    TooMany {
        /// How many there are.
        found: usize,
        /// How many there may be.
        most: usize,
    },
    /// A number of a screw is out of range.
    #[error("screw {number} ({name}): {why}")]
    Screw {
        /// Its place in the plan, from 1.
        number: usize,
        /// Level and side.
        name: String,
        /// What is wrong and what is allowed.
        why: String,
    },
    /// The plan was made on another label map.
    #[error(
        "the plan was made on other labels (its {planned}..., these {found}...): a plan belongs to one segmentation; \
         give the case it was made on, or plan again on this one"
    )]
    OtherAnatomy {
        /// First digits of the plan's hash.
        planned: String,
        /// First digits of the hash of these labels.
        found: String,
    },
    /// The vertebra of a screw is not in the case.
    #[error("{name}: the case holds no {level}; it holds {present}")]
    NoVertebra {
        /// Level and side.
        name: String,
        /// What was asked for.
        level: Level,
        /// What there is.
        present: String,
    },
    /// The screw lies in another vertebra.
    #[error("{name}: it runs through {found}, not through {level}; correct the level or the screw")]
    OtherLevel {
        /// Level and side.
        name: String,
        /// What the plan says.
        level: Level,
        /// Where it is.
        found: Level,
    },
    /// The screw lies on the other side.
    #[error("{name}: it lies {off_mm:.1} mm to the {found} of the canal's middle; correct the side or the screw")]
    OtherSide {
        /// Level and side.
        name: String,
        /// Where it is.
        found: &'static str,
        /// Distance from the midline, mm.
        off_mm: f64,
    },
    /// The screw's axis touches no bone.
    #[error("{name}: its axis meets no bone of {level}; are entry and target LPS mm of this CT?")]
    NoBone {
        /// Level and side.
        name: String,
        /// The level.
        level: Level,
    },
    /// The vertebra has no surface to measure from.
    #[error("{level} has no surface: {why}")]
    Surface {
        /// The level.
        level: Level,
        /// What is wrong.
        why: String,
    },
}
