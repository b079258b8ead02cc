//! An OpenXR session on a wgpu device: who wears what, when to draw, what the
//! eyes saw.
//!
//! Promises: every error of the runtime comes back as a [`HeadsetError`], never
//! as a panic; one that ends the session says so ([`HeadsetError::is_loss`]).
//! Does not promise to return: a runtime that hangs holds [`Headset::begin`]
//! for as long as it likes, so the caller's process needs a watchdog.
//!
//! A crate of its own within `kernels`, because it needs `unsafe` and graphics
//! types and nothing else of SpineNav, so that a build without a headset pays
//! nothing for it. `nav_app`'s scene is its only user.
//!
//! | module | what it holds |
//! |---|---|
//! | [`graphics`] | a wgpu device that the runtime agrees with |
//! | [`session`] | states, frames, eyes |
//! | [`eye_buffers`] | images that go to the display |
//! | [`hands`] | controllers and bare hands |
//! | `bindings` | which button does what |
//! | `runtime` | which runtime, which headset |

#![allow(unsafe_code, reason = "handles of Vulkan are passed between OpenXR and wgpu")]

mod bindings;
pub mod eye_buffers;
pub mod graphics;
pub mod hands;
mod runtime;
pub mod session;

pub use graphics::Graphics;
pub use hands::{HandPose, HandState, Hands};
pub use runtime::probe;
pub use session::{EyeView, Frame, Headset, HeadsetSettings, HeadsetState, Views};

use thiserror::Error;

/// Why there is no headset, or none any more.
#[derive(Debug, Error)]
#[non_exhaustive]
pub enum HeadsetError {
    /// No OpenXR loader is installed.
    #[error(
        "there is no OpenXR loader ({0}): install one (`apt install libopenxr-loader1 libopenxr-dev`) and a runtime such as SteamVR or Monado"
    )]
    NoLoader(String),
    /// No runtime answers.
    #[error("no OpenXR runtime answers ({0}): start it (SteamVR, Monado, WiVRn), or name its file in XR_RUNTIME_JSON")]
    NoRuntime(openxr::sys::Result),
    /// The runtime has no headset.
    #[error("the OpenXR runtime {runtime} finds no headset ({source}): connect and wake it, then start again")]
    NoHeadset {
        /// Name of the runtime.
        runtime: String,
        /// What it said.
        source: openxr::sys::Result,
    },
    /// The runtime lacks something without which nothing can be drawn.
    #[error("the OpenXR runtime {runtime} lacks {what}; use another one")]
    Lacking {
        /// Name of the runtime.
        runtime: String,
        /// What is missing.
        what: &'static str,
    },
    /// The graphics device could not be opened for the runtime.
    #[error("the graphics device could not be opened for the headset: {0}; update its driver")]
    Graphics(String),
    /// A call failed.
    #[error("OpenXR refused to {doing}: {source}")]
    Call {
        /// What was being done.
        doing: &'static str,
        /// What the runtime said.
        source: openxr::sys::Result,
    },
}

impl HeadsetError {
    /// True when the session is over and only a new one can help.
    #[must_use]
    pub const fn is_loss(&self) -> bool {
        use openxr::sys::Result as Code;
        matches!(
            self,
            Self::Call {
                source: Code::ERROR_SESSION_LOST | Code::ERROR_INSTANCE_LOST | Code::ERROR_RUNTIME_FAILURE,
                ..
            }
        )
    }
}

/// Names what was being done when the runtime refused.
trait Doing<T> {
    fn doing(self, what: &'static str) -> Result<T, HeadsetError>;
}

impl<T> Doing<T> for openxr::Result<T> {
    fn doing(self, what: &'static str) -> Result<T, HeadsetError> {
        self.map_err(|source| HeadsetError::Call { doing: what, source })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_ends_a_session_is_told_from_what_does_not() {
        use openxr::sys::Result as Code;
        let call = |source| HeadsetError::Call { doing: "wait for a frame", source };
        assert!(call(Code::ERROR_SESSION_LOST).is_loss() && call(Code::ERROR_INSTANCE_LOST).is_loss());
        assert!(!call(Code::ERROR_TIME_INVALID).is_loss());
        assert!(!HeadsetError::NoRuntime(Code::ERROR_RUNTIME_UNAVAILABLE).is_loss());
    }

    #[test]
    fn a_machine_without_runtime_gets_a_sentence() {
        // With a runtime there is nothing to see here.
        if let Err(error) = Headset::open(&HeadsetSettings::default()) {
            assert!(error.to_string().contains("OpenXR") || error.to_string().contains("graphics"), "{error}");
        }
    }
}
