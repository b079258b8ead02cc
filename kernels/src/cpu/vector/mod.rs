//! Vectors of f32 for every instruction set, and the choice between them.
//!
//! A [`Kernel`] is written once, generic over [`Vector`]; [`Isa::run`] runs it
//! compiled for the best instructions of this processor. A block of 16
//! channels is `16 / LANES` vectors.
//!
//! Promises: the order of operations on each lane is that of the source, for
//! every instruction set; only the rounding of a fused multiply-add differs
//! (the portable vector rounds twice). Called by [`super::winograd`] and the
//! other kernels of the processor.
//!
//! # How the instructions get into generic code
//! Everything a kernel calls is `#[inline(always)]`, so that it ends up inside
//! the one function of [`Isa::run`] that has the target feature. A helper that
//! is not inlined would still be right, but slow.
#![allow(unsafe_code)]

#[cfg(target_arch = "x86_64")]
mod avx2;
#[cfg(target_arch = "x86_64")]
mod avx512;
mod element;
mod isa;
mod matmul;
#[cfg(target_arch = "aarch64")]
mod neon;
mod portable;
#[cfg(test)]
mod tests;

pub(in crate::cpu) use element::{Element, F16};
pub(in crate::cpu) use isa::{Isa, Kernel};
pub(in crate::cpu) use matmul::{BLOCK, Matmul};

/// `LANES` values of f32 in registers.
///
/// A value exists only where the processor has the instructions: kernels get
/// their first one from [`Isa::run`] and make all others from it. That is why
/// arithmetic is safe, and why even [`Vector::splat`] takes a vector.
pub(in crate::cpu) trait Vector: Copy {
    /// Values in a vector; divides 16.
    const LANES: usize;
    /// Rows of a matrix product computed together; see [`Matmul`].
    const ROWS: usize;

    /// `x` in every lane.
    #[must_use]
    fn splat(self, x: f32) -> Self;
    /// Reads `LANES` values, at any alignment.
    ///
    /// # Safety
    /// `from` is valid for reading `LANES` values.
    #[must_use]
    unsafe fn load(self, from: *const f32) -> Self;
    /// Writes `LANES` values, at any alignment.
    ///
    /// # Safety
    /// `to` is valid for writing `LANES` values.
    unsafe fn store(self, to: *mut f32);
    /// Reads `LANES` values stored as fp16.
    ///
    /// # Safety
    /// `from` is valid for reading `LANES` values.
    #[must_use]
    unsafe fn load_f16(self, from: *const u16) -> Self;
    /// Rounds to fp16 (to nearest, ties to even, at most +-65504) and writes.
    ///
    /// # Safety
    /// `to` is valid for writing `LANES` values.
    unsafe fn store_f16(self, to: *mut u16);
    /// Rounds to bfloat16 (to nearest, ties to even), which tile units
    /// multiply, and writes.
    ///
    /// # Safety
    /// `to` is valid for writing `LANES` values.
    unsafe fn store_bf16(self, to: *mut u16);
    /// Asks for the cache line at `at`, which may be any address.
    fn prefetch<T>(self, at: *const T);
    /// Lane by lane `self + other`.
    #[must_use]
    fn add(self, other: Self) -> Self;
    /// Lane by lane `self - other`.
    #[must_use]
    fn sub(self, other: Self) -> Self;
    /// Lane by lane `self * other`.
    #[must_use]
    fn mul(self, other: Self) -> Self;
    /// The larger of both, lane by lane.
    #[must_use]
    fn max(self, other: Self) -> Self;
    /// `self * factor + sum`, rounded once where the processor can.
    #[must_use]
    fn mul_add(self, factor: Self, sum: Self) -> Self;
    /// `sum - self * factor`, rounded once where the processor can.
    #[must_use]
    fn neg_mul_add(self, factor: Self, sum: Self) -> Self;
    /// [`Matmul`] for up to `ROWS` rows.
    ///
    /// # Safety
    /// As [`Matmul::run`]; `rows <= ROWS`.
    unsafe fn matmul(self, rows: usize, step: Matmul);
}
