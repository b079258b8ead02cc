//! What activations are stored as: f32, or bfloat16 with sums in f32.

use super::Vector;

/// A value as the upper half of an f32.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
#[repr(transparent)]
pub(in crate::cpu) struct Bf16(pub u16);

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
    /// The nearest stored value, ties to even.
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

impl Element for Bf16 {
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
    /// Adding half of the last kept bit, less one when that bit is even,
    /// rounds to nearest even. NaN is refused at the doors of the crate.
    #[inline(always)]
    fn from_f32(value: f32) -> Self {
        let bits = value.to_bits();
        Self((bits.wrapping_add(0x7fff + ((bits >> 16) & 1)) >> 16) as u16)
    }
    #[inline(always)]
    fn to_f32(self) -> f32 {
        f32::from_bits(u32::from(self.0) << 16)
    }
}
