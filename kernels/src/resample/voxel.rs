//! What a voxel can be: an intensity that blends, or a label that does not.

use super::Interpolation;
use super::sample::{Blend, Job, linear, nearest};

/// Values a grid can hold; implemented here only, for `f32` and `i16`
/// (intensities) and `bool`, `u8`, `u16`, `u32`, `i32` (labels).
pub trait Voxel: Copy + Send + Sync {
    /// Name for error messages.
    const NAME: &'static str;

    /// Whether a value between two values means nothing.
    const IS_LABEL: bool;

    /// Samples a checked job. A method, so that the loops are compiled in
    /// this crate: generic code would be compiled in the caller's, which may
    /// not be optimised.
    #[doc(hidden)]
    fn sample(job: &Job<'_, Self>, dst: &mut [Self]);
}

macro_rules! intensity {
    ($($intensity:ty),*) => {$(
        impl Voxel for $intensity {
            const NAME: &'static str = stringify!($intensity);
            const IS_LABEL: bool = false;
            fn sample(job: &Job<'_, Self>, dst: &mut [Self]) {
                match job.interpolation {
                    Interpolation::Nearest => nearest(job, dst),
                    Interpolation::Linear => linear(job, dst),
                }
            }
        }
    )*};
}
intensity!(f32, i16);

macro_rules! label {
    ($($label:ty),*) => {$(
        impl Voxel for $label {
            const NAME: &'static str = stringify!($label);
            const IS_LABEL: bool = true;
            fn sample(job: &Job<'_, Self>, dst: &mut [Self]) {
                nearest(job, dst);
            }
        }
    )*};
}
label!(bool, u8, u16, u32, i32);

impl Blend for f32 {
    fn to_f32(self) -> f32 {
        self
    }

    fn from_f32(blend: f32) -> Self {
        blend
    }
}

/// Stored Hounsfield units; blends round to the nearest integer.
impl Blend for i16 {
    fn to_f32(self) -> f32 {
        f32::from(self)
    }

    fn from_f32(blend: f32) -> Self {
        // A blend lies between its corners, so the cast does not saturate.
        blend.round() as Self
    }
}
