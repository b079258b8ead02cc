//! Alignment that follows registrations of single levels.
//!
//! Landmarks are measured once on the CT. When a level is registered by itself
//! its landmarks move with it, and the parameters are computed again between the
//! same landmarks, so that before and now are the same angle. Promises for each
//! value which levels were followed and which were assumed to lie as in the CT,
//! and the errors of all registrations behind it. The same poses give the same
//! values bit for bit: a journal is replayed exactly.
//!
//! Vertical is that of the CT, carried over by the registration of the whole
//! spine: nothing here knows gravity. Runs beside the navigation loop, which
//! never waits for it. Called by `navigate`, `measure --moved` and
//! [`crate::journal::verify_alignment`].
//!
//! | module | what it holds |
//! |---|---|
//! | `follower` | landmarks, poses, and the values they give |
//! | `alignment` | before, now and target, for scene, report and machines |
//! | `target` | targets of a correction, from a file |
//! | `placed` | poses of levels from a file |

mod alignment;
mod error;
mod follower;
mod placed;
mod target;
#[cfg(test)]
mod tests;

pub use alignment::{Alignment, Estimate, FollowedLevel, FollowedParameter};
pub use error::FollowError;
pub use follower::{FOLLOWED, Follower, Placed};
pub use placed::PlacedFile;
pub use target::{Target, Targets};
