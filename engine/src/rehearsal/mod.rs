//! Simulated patients whose true pose is known: what the surgeon would touch,
//! what the tracker would see, and how wrong a registration is.
//!
//! | module | what it holds |
//! |---|---|
//! | [`manoeuvre`] | a correction by known angles, touched again |
//! | `patient` | one patient with a live tool, for the demo |
//! | `script` | what a rehearsal varies, as a file |
//! | `trials` | many registrations of simulated patients |
//! | `practice` | a trainee's strokes, hints after each, the score |
//! | `by_hand` | the same, place by place as a hand touches them: landmarks, then the bone |
//! | `landmark` | which landmarks |
//! | `advice` | where more points would help most |
//! | `faults` | scripted faults of image, tracker, reference and host |
//!
//! The bone of a simulation is any label map. With the segmentation's own
//! labels the result is the error of registration alone; with labels that the
//! segmentation never saw its error is part of the result.

mod advice;
mod by_hand;
mod faults;
mod landmark;
pub mod manoeuvre;
mod patient;
mod practice;
mod script;
mod trials;

pub use advice::Advice;
pub use by_hand::{HandPractice, TouchRefusal};
pub use faults::{FaultTrial, rehearse_faults};
pub use landmark::Landmark;
pub use patient::Scenario;
pub use practice::{GOOD_MM, PracticeScript, Practised, Standing, Stroke, practise};
pub use script::{RehearsalError, Script};
pub use trials::{Rehearsal, Trial, partly, rehearse};
