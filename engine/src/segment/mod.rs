//! From a CT to named vertebrae with a confidence each.
//!
//! A network decides at 2.5 mm *which* bone a voxel belongs to; the spine's
//! curve and the discs along it split the bone into vertebrae; ribs and sacrum
//! name the levels; the CT at its own resolution decides *where the surface
//! lies*. Votes, pieces and sizes are asked whether the labels are right, and
//! what is uncertain says so in [`Doubt`]s. Called by the slow path only.

mod audit;
mod boundary;
mod class_fields;
mod column;
pub(crate) mod confidence;
mod contrast;
mod curve;
pub mod faults;
mod hu_alignment;
mod instances;
mod levels;
pub mod metrics;
mod model;
mod pipeline;
mod preprocess;
mod refine;
mod semantic;
mod spine;
mod systems;
mod threshold;
mod vote_table;
mod votes;

pub use confidence::Doubt;
pub use levels::{SetLevelError, set_level};
pub use model::{
    CardArchitecture, InputChannel, Mode, Model, ModelCard, ModelError, OutputActivation, Preprocessing, Role,
};
pub use pipeline::{Method, Progress, SegmentError, Segmentation, Silent, segment, segment_with_bones};
pub use semantic::Semantic;
pub use systems::System;
