//! Registration of the patient to the CT: where is the bone on the table?
//!
//! Promises a pose together with what it is worth: a [`Registration`] cannot
//! be had without its [`Verdict`], the reasons in words, and a covariance from
//! which the error at any point is predicted. The same points give the same
//! pose bit for bit, on any number of threads. Does not decide whether a
//! doubtful registration is used: the surgeon does. Called by the session and
//! by the rehearsal.
//!
//! | way | for |
//! |---|---|
//! | [`surface`] | points swept over the bone, a rough first guess |
//! | [`whole_spine`] | the same, the level unknown |
//! | [`landmarks`], [`weighted_landmarks`], [`robust_landmarks`], [`unordered_landmarks`] | paired points; some wrong; in no order |
//! | [`landmarks_and_surface`], [`check_landmarks`] | both together; landmarks as a test |
//! | [`Articulated`] | each vertebra its own pose |
//! | [`update`] | few points after a bump |
//! | [`between_cts`] | the surface of another CT |
//!
//! Inside, from the bottom: `target` and `source` (prepared surface and
//! points), `correspond` (pairs), `anchors` (pairs that pull beside the
//! surface), `solve` (Gauss-Newton), `search` (many starts), `uncertainty`,
//! `checks` and `judge` (the verdict). [`parts`] puts single parts together
//! freely; [`benchmark`] measures; [`simulate`] plays the surgeon.

mod anchors;
mod articulated;
pub mod benchmark;
mod between_cts;
mod checks;
mod combined;
mod correspond;
mod error;
mod judge;
mod landmarks;
mod level_motion;
pub mod parts;
mod pose;
mod prediction;
pub mod random;
mod registration;
mod residual_map;
mod search;
mod settings;
pub mod simulate;
mod solve;
mod source;
mod surface;
mod target;
mod uncertainty;
mod update;
mod verdict;
mod whole_spine;

pub use articulated::{Articulated, ArticulatedSettings, LevelPose};
pub use between_cts::between_cts;
pub use combined::{check_landmarks, landmarks_and_surface};
pub use error::RegisterError;
pub use landmarks::{LandmarkSettings, landmarks, robust_landmarks, unordered_landmarks, weighted_landmarks};
pub use prediction::Observability;
pub use registration::{Figures, Method, Registration};
pub use residual_map::{VertexResidual, residual_colour, residual_map, residual_map_at, touched_places};
pub use settings::{Checks, MultiStart, Settings, SurfaceError};
pub use surface::surface;
pub use target::{Target, TargetSettings};
pub use update::{Bump, update};
pub use verdict::{Reason, Verdict};
pub use whole_spine::whole_spine;

#[cfg(test)]
mod tests;
