//! Vectors from what activations are stored as, and back.

use super::Vector;
use crate::cpu::element;

/// A stored number that vectors are read from and rounded to.
pub(in crate::cpu) trait Element: element::Element {
    /// Reads one vector.
    ///
    /// # Safety
    /// `from` is valid for reading `V::LANES` elements.
    unsafe fn read<V: Vector>(v: V, from: *const Self) -> V;
    /// Writes one vector.
    ///
    /// # Safety
    /// `to` is valid for writing `V::LANES` elements.
    unsafe fn write<V: Vector>(v: V, to: *mut Self);
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
}

impl Element for element::Bf16 {
    #[inline(always)]
    unsafe fn read<V: Vector>(v: V, from: *const Self) -> V {
        // SAFETY: as the caller promises; `Bf16` is a transparent `u16` (test
        // `bf16_rounds_alike`).
        unsafe { v.load_bf16(from.cast()) }
    }
    #[inline(always)]
    unsafe fn write<V: Vector>(v: V, to: *mut Self) {
        // SAFETY: as above.
        unsafe { v.store_bf16(to.cast()) }
    }
}
