//! Biplanar radiographs: a frontal and a lateral picture of a standing patient
//! to a simple 3-D spine and its sagittal balance.

pub mod drr;
mod geometry;

pub use geometry::{Beam, Geometry, GeometryError, MAX_SIDE, Ray, View};
