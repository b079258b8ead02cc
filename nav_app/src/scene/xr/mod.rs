//! The scene in a headset.
//!
//! OpenXR is driven directly (crate `headset`) beside Bevy's renderer: a frame
//! is begun, the eyes are found for the time it will be seen, the scene is
//! updated once with that time's snapshot, drawn, and given to the runtime with
//! the very poses it was drawn from. `docs/scene.md` tells why not
//! `bevy_mod_openxr`.
//!
//! The process that runs this ends when the session is lost, with an error that
//! says so ([`viewer::XrEnd`]); whoever started it starts it again. It writes a line to
//! standard output at least twice a second, so that one that hangs is found.
//!
//! | module | what it holds |
//! |---|---|
//! | [`viewer`] | the loop |
//! | [`stage`] | cameras, slices and words in the room |
//! | [`placement`] | where the spine hangs |
//! | [`interaction`] | what hands do to it |
//! | [`grab`] | how held things follow them |
//! | [`hands`] | how they are drawn and told |
//! | [`touch`] | what they touch and press in a practice |
//! | [`board`] | what a practice tells, its buttons |
//! | [`lens`] | an eye's projection |
//! | [`log`] | what happened, for people and for tests |

mod board;
mod grab;
mod hands;
mod interaction;
#[cfg(test)]
mod interaction_test;
mod lens;
mod log;
mod placement;
mod stage;
mod touch;
mod viewer;

pub use viewer::{XrSettings, run_headset};
