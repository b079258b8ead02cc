//! What activations are stored as: f32, or fp16 with sums in f32.

use super::Vector;
use crate::half_precision::{f16_from_f32, f16_to_f32};

/// The bits of an IEEE 754 binary16.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
#[repr(transparent)]
pub(in crate::cpu) struct F16(pub u16);

/// A stored number.
pub(in crate::cpu) trait Element:
    Copy + Default + PartialEq + Send + Sync + std::fmt::Debug + 'static
{
    /// Reads one vector.
    ///
    /// # Safety
    /// `from` is valid for reading `V::LANES` elements.
    unsafe fn read<V: Vector>(v: V, from: *const Self) -> V;
    /// Writes one vector, rounded as by `from_f32`.
    ///
    /// # Safety
    /// `to` is valid for writing `V::LANES` elements.
    unsafe fn write<V: Vector>(v: V, to: *mut Self);
    /// The nearest stored value, ties to even; the largest finite one for
    /// what lies beyond it.
    fn from_f32(value: f32) -> Self;
    /// Exact.
    fn to_f32(self) -> f32;
}

impl Element for f32 {
    #[inline(always)]
    unsafe fn read<V: Vector>(v: V, from: *const Self) -> V {
        // SAFETY: as the caller promises (test `every_set_computes_the_same`).
        unsafe { v.load(from) }
    }
    #[inline(always)]
    unsafe fn write<V: Vector>(v: V, to: *mut Self) {
        // SAFETY: as the caller promises (test `every_set_computes_the_same`).
        unsafe { v.store(to) }
    }
    #[inline(always)]
    fn from_f32(value: f32) -> Self {
        value
    }
    #[inline(always)]
    fn to_f32(self) -> f32 {
        self
    }
}

impl Element for F16 {
    #[inline(always)]
    unsafe fn read<V: Vector>(v: V, from: *const Self) -> V {
        // SAFETY: as the caller promises; `F16` is a transparent `u16` (test
        // `f16_rounds_alike`).
        unsafe { v.load_f16(from.cast()) }
    }
    #[inline(always)]
    unsafe fn write<V: Vector>(v: V, to: *mut Self) {
        // SAFETY: as above.
        unsafe { v.store_f16(to.cast()) }
    }
    #[inline(always)]
    fn from_f32(value: f32) -> Self {
        Self(f16_from_f32(value))
    }
    #[inline(always)]
    fn to_f32(self) -> f32 {
        f16_to_f32(self.0)
    }
}
