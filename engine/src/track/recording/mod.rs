//! Tracker recordings of the PLUS toolkit (`.igs.mha`) as a [`Source`].
//!
//! A MetaImage sequence: text lines `key = value`, among them for every frame
//! `Seq_FrameNNNN_StylusToTrackerTransform`, its `...Status` and `Timestamp`,
//! then the voxels, which are not read. Poses marked `INVALID` and poses that
//! are not rigid are no poses. Lengths in mm, tracker space.

mod error;
mod replay;
mod text;
mod voxels;

pub use error::{RecordingError, RecordingProblem};
pub use replay::RecordedSource;
pub use text::{Recording, RecordingLimits};
