//! `plans.json` and `dataset.json` of nnU-Net v2, both generations of plans.
//!
//! Whatever would change the result and is not supported is refused by name,
//! never skipped.

mod architecture;
mod configuration;
mod dataset;
mod file;

pub use architecture::{Architecture, Block, Norm};
pub use configuration::Configuration;
pub use dataset::Dataset;
pub use file::Plans;

#[cfg(test)]
mod tests;
