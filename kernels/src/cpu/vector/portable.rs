//! Sixteen lanes in an array: what the compiler makes of it.

use super::{Matmul, Vector};
use crate::half_precision::{bf16_from_f32, f16_from_f32, f16_to_f32};

/// A whole block.
#[derive(Debug, Clone, Copy)]
pub(in crate::cpu) struct F32x16([f32; 16]);

impl F32x16 {
    /// Zeros.
    pub(super) const ZERO: Self = Self([0.0; 16]);

    #[inline(always)]
    fn zip(mut self, other: Self, f: impl Fn(f32, f32) -> f32) -> Self {
        for (a, b) in self.0.iter_mut().zip(other.0) {
            *a = f(*a, b);
        }
        self
    }
}

impl Vector for F32x16 {
    const LANES: usize = 16;
    const ROWS: usize = 6;

    #[inline(always)]
    fn splat(self, x: f32) -> Self {
        Self([x; 16])
    }
    #[inline(always)]
    unsafe fn load(self, from: *const f32) -> Self {
        // SAFETY: 16 readable values (caller; test `every_set_computes_the_same`).
        Self(unsafe { from.cast::<[f32; 16]>().read_unaligned() })
    }
    #[inline(always)]
    unsafe fn store(self, to: *mut f32) {
        // SAFETY: 16 writable values (caller; test `every_set_computes_the_same`).
        unsafe { to.cast::<[f32; 16]>().write_unaligned(self.0) }
    }
    #[inline(always)]
    unsafe fn load_f16(self, from: *const u16) -> Self {
        // SAFETY: 16 readable values (caller; test `f16_rounds_alike`).
        Self(unsafe { from.cast::<[u16; 16]>().read_unaligned() }.map(f16_to_f32))
    }
    #[inline(always)]
    unsafe fn store_f16(self, to: *mut u16) {
        // SAFETY: 16 writable values (caller; test `f16_rounds_alike`).
        unsafe { to.cast::<[u16; 16]>().write_unaligned(self.0.map(f16_from_f32)) }
    }
    #[inline(always)]
    unsafe fn store_bf16(self, to: *mut u16) {
        // SAFETY: 16 writable values (caller; test `bf16_rounds_alike`).
        unsafe { to.cast::<[u16; 16]>().write_unaligned(self.0.map(bf16_from_f32)) }
    }
    #[inline(always)]
    fn prefetch<T>(self, _: *const T) {}
    #[inline(always)]
    fn add(self, other: Self) -> Self {
        self.zip(other, |a, b| a + b)
    }
    #[inline(always)]
    fn sub(self, other: Self) -> Self {
        self.zip(other, |a, b| a - b)
    }
    #[inline(always)]
    fn mul(self, other: Self) -> Self {
        self.zip(other, |a, b| a * b)
    }
    #[inline(always)]
    fn max(self, other: Self) -> Self {
        self.zip(other, |a, b| if a > b { a } else { b })
    }
    #[inline(always)]
    fn mul_add(self, factor: Self, sum: Self) -> Self {
        self.mul(factor).add(sum)
    }
    #[inline(always)]
    fn neg_mul_add(self, factor: Self, sum: Self) -> Self {
        sum.sub(self.mul(factor))
    }
    #[inline(always)]
    unsafe fn matmul(self, rows: usize, step: Matmul) {
        // SAFETY: as the caller promises, row by row.
        unsafe {
            for r in 0..rows {
                let row = Matmul { a: step.a.add(r * step.a_stride), c: step.c.add(r * super::BLOCK), ..step };
                row.run::<Self, 1, 1>(self);
            }
        }
    }
}
