//! Registration of the patient to the CT: where is the bone on the table?
//!
//! Promises a pose together with what it is worth: a [`Registration`] cannot
//! be had without its [`Verdict`], the reasons in words, and a covariance from
//! which the error at any point is predicted. The same points give the same
//! pose bit for bit, on any number of threads. Does not decide whether a
//! doubtful registration is used: the surgeon does. Called by the session and
//! by the rehearsal.
//!
//! The parts are small and replaceable, as in small_gicp (Koide, JOSS 2024,
//! doi:10.21105/joss.06948): look-up ([`Target`]), robust kernel, factor,
//! solver, search over many starts, checks.

mod checks;
mod error;
mod factor;
mod kernel;
mod landmarks;
mod pose;
pub mod random;
mod registration;
mod search;
mod settings;
pub mod simulate;
mod solve;
mod source;
mod surface;
mod target;
mod uncertainty;
mod verdict;

pub use error::RegisterError;
pub use landmarks::{LandmarkSettings, landmarks};
pub use registration::{Method, Registration};
pub use settings::{Checks, MultiStart, Settings};
pub use surface::surface;
pub use target::{Target, TargetSettings};
pub use verdict::{Reason, Verdict};

#[cfg(test)]
mod tests;
