//! Coordinate frames, transforms, units, rigid fits and error propagation.
//!
//! Promises: world lengths are millimetres, frames are right-handed and LPS
//! (DICOM), poses are `f64`, and a transform only composes when its inner
//! frames meet. No `unsafe`, no I/O, no clock. Everything above this crate
//! calls it; it calls nobody.
//!
//! ```
//! use geom::{Ct, Patient, Point, Tracker, Transform, Vector};
//!
//! let patient_from_ct = Transform::<Patient, Ct>::from_translation(Vector::new(10.0, 0.0, 0.0));
//! let tracker_from_patient = Transform::<Tracker, Patient>::from_translation(Vector::new(0.0, 5.0, 0.0));
//! let tracker_from_ct = tracker_from_patient * patient_from_ct;
//! let tip = tracker_from_ct * Point::<Ct>::new(1.0, 1.0, 1.0);
//! assert_eq!(tip.to_array(), [11.0, 6.0, 1.0]);
//! ```

mod covariance;
mod frames;
mod landmark_settings;
mod point;
mod rigid_fit;
mod se3;
mod transform;
mod units;
mod verdict;

pub use covariance::PoseCovariance;
pub use frames::{Ct, Frame, Headset, Patient, Tip, Tool, Tracker, Voxel, World};
pub use landmark_settings::LandmarkSettings;
pub use point::{Point, Vector};
pub use rigid_fit::{FitError, RigidFit, fit_rigid};
pub use se3::Twist;
pub use transform::{Transform, TransformError};
pub use units::{Degrees, Millimetres, Nanoseconds, Radians};
pub use verdict::Verdict;

/// The linear algebra the poses are made of, so that callers use one version.
pub use nalgebra;
