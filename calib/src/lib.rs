//! Calibration: what must be measured before a number on the screen is true.
//!
//! Now: paired-point (fiducial) registration with the error it predicts at a
//! target. Calls `geom`; `nav_app` and tests call it.

pub mod fiducials;

pub use fiducials::{FiducialRegistration, FiducialRegistrationError, register_fiducials};
