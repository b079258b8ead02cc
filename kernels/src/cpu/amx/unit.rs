//! Which tile unit computes.

#[cfg(test)]
use super::model::Model;
use super::tiles::TileKernel;
#[cfg(all(target_arch = "x86_64", target_os = "linux"))]
use super::{detect, hardware::Hardware};

/// A tile unit this process may use.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(in crate::cpu) struct Unit(Kind);

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Kind {
    #[cfg(all(target_arch = "x86_64", target_os = "linux"))]
    Hardware,
    #[cfg(test)]
    Model,
}

impl Unit {
    /// Plain Rust with the same results, about a thousand times slower.
    #[cfg(test)]
    pub const MODEL: Self = Self(Kind::Model);

    /// The processor's, where there is one.
    #[must_use]
    pub fn detect() -> Option<Self> {
        #[cfg(all(target_arch = "x86_64", target_os = "linux"))]
        if detect::detect() {
            return Some(Self(Kind::Hardware));
        }
        None
    }

    /// Runs `kernel` on this unit.
    pub(super) fn run(self, kernel: impl TileKernel) {
        match self.0 {
            #[cfg(all(target_arch = "x86_64", target_os = "linux"))]
            // SAFETY: `detect` has said yes, and a kernel starts no other
            // (test `hardware_is_the_model`).
            Kind::Hardware => kernel.run(unsafe { Hardware::configure() }),
            #[cfg(test)]
            Kind::Model => kernel.run(Model::configure()),
        }
    }
}
