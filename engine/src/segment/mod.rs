//! From a CT to named vertebrae with a confidence each.
//!
//! A network decides at 2.5 mm *which* bone a voxel belongs to; the CT at
//! 1 mm decides *where its edge lies*; the spine's curve and the discs along
//! it split the bone into vertebrae; ribs and sacrum name the levels. What is
//! uncertain says so in [`Doubt`]s. Called by the slow path only.

mod boundary;
mod class_fields;
mod column;
pub(crate) mod confidence;
mod contrast;
mod curve;
mod hu_alignment;
mod instances;
mod levels;
pub mod metrics;
mod model;
mod pipeline;
mod preprocess;
mod semantic;
mod threshold;
mod votes;

pub use confidence::Doubt;
pub use levels::{SetLevelError, set_level};
pub use model::{Model, ModelCard, ModelError};
pub use pipeline::{Method, Progress, SegmentError, Silent, assemble, segment};
pub use semantic::Semantic;
