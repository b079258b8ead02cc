//! Calibration: what must be measured before a number on the screen is true.
//!
//! | module | what it finds |
//! |---|---|
//! | [`pivot`] | the tip of a tool and the direction of its shaft |
//! | [`hand_eye`] | where one tracked device sits on another |
//! | [`temporal`] | how late one device's clock tells of a motion |
//! | [`landmarks`], [`fiducials`] | paired points, and the error they predict elsewhere |
//! | [`phantom`] | the accuracy of a pointer on a phantom with divots |
//! | [`drift`] | whether what should be fixed stays fixed |
//! | [`tip`] | the tip of a tool from landmarks whose places are known |
//! | [`coverage`], [`guide`] | which orientations are still missing, and what to do next |
//! | [`simulate`] | measurements with a known truth |
//!
//! Every result carries a covariance, its residuals and a [`Judgement`]:
//! accepted, doubtful or rejected, with the reason and the remedy. What cannot
//! be computed at all is a [`CalibrationError`]. No I/O and no clock. Calls
//! `geom`; `nav_app` and tests call it. `docs/calibration.md` has the methods,
//! their papers and the measured figures.

pub mod coverage;
pub mod drift;
mod error;
pub mod fiducials;
pub mod guide;
pub mod hand_eye;
pub mod landmarks;
pub mod phantom;
pub mod pivot;
mod rigid;
pub mod simulate;
mod statistics;
mod stream;
pub mod temporal;
pub mod tip;
mod verdict;

pub use coverage::Coverage;
pub use drift::{Drift, DriftSettings, drift};
pub use error::CalibrationError;
pub use fiducials::{FiducialRegistration, FiducialRegistrationError, register_fiducials};
pub use hand_eye::{HandEye, HandEyeSettings, hand_eye};
pub use landmarks::{Landmarks, landmarks};
pub use phantom::{PhantomAccuracy, PhantomSettings, phantom_accuracy};
pub use pivot::{Pivot, PivotSettings, pivot};
pub use temporal::{Temporal, TemporalSettings, temporal};
pub use tip::{LandmarkTip, TipSettings, tip_from_landmarks};
pub use verdict::{Finding, Judgement, Verdict};
