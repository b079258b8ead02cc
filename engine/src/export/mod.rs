//! Bones and landmarks for other programs.
//!
//! Promises names, colours, units and axes as each format wants them, and files
//! that appear whole or not at all. STL and PLY are written by [`crate::io`],
//! as are NIfTI label maps. Called by `spinenav export`; `docs/export.md` says
//! which program was tried with what.

pub mod decimate;
pub mod dicom_seg;
pub mod gltf;
pub mod hollow;
pub mod nrrd;
pub mod obj;
mod part;
pub mod printable;
pub mod slicer;

pub use part::{Part, colour};
