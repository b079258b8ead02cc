//! Broken labels, to see whether the checks find them.
//!
//! What a pipeline that cuts at discs and grows along bone can do wrong: an
//! arch or a slab of a vertebra goes to its neighbour, two levels share a
//! label, one is lost, one is cut in two, all names are one off. Only for
//! tests and the benchmark `label_faults`.

mod inject;
mod trial;

pub use inject::Fault;
pub use trial::{Trial, trial};
