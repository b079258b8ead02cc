//! Four lanes in a 128-bit register.
//!
//! The product takes 6 rows of four vectors: 24 accumulators, four vectors of
//! `b` and one broadcast fill 29 of the 32 registers.

use std::arch::aarch64 as arm;

use super::{Matmul, Vector};
use crate::half_precision::F16_MAX;

/// A quarter of a block.
#[derive(Debug, Clone, Copy)]
pub(in crate::cpu) struct F32x4(pub(super) arm::float32x4_t);

impl Vector for F32x4 {
    const LANES: usize = 4;
    const ROWS: usize = 6;

    #[inline(always)]
    fn splat(self, x: f32) -> Self {
        // SAFETY: `self` proves NEON (see `Vector`).
        Self(unsafe { arm::vdupq_n_f32(x) })
    }
    #[inline(always)]
    unsafe fn load(self, from: *const f32) -> Self {
        // SAFETY: 4 readable values (caller; test `every_set_computes_the_same`).
        Self(unsafe { arm::vld1q_f32(from) })
    }
    #[inline(always)]
    unsafe fn store(self, to: *mut f32) {
        // SAFETY: 4 writable values (caller; test `every_set_computes_the_same`).
        unsafe { arm::vst1q_f32(to, self.0) }
    }
    #[inline(always)]
    unsafe fn load_f16(self, from: *const u16) -> Self {
        // SAFETY: 4 readable values of 2 bytes (caller; test `f16_rounds_alike`).
        Self(unsafe { arm::vcvt_f32_f16(arm::vreinterpret_f16_u16(arm::vld1_u16(from))) })
    }
    #[inline(always)]
    unsafe fn store_f16(self, to: *mut u16) {
        // SAFETY: 4 writable values of 2 bytes (caller; test `f16_rounds_alike`).
        unsafe {
            let most = arm::vdupq_n_f32(F16_MAX);
            let bounded = arm::vminq_f32(arm::vmaxq_f32(self.0, arm::vnegq_f32(most)), most);
            arm::vst1_u16(to, arm::vreinterpret_u16_f16(arm::vcvt_f16_f32(bounded)));
        }
    }
    #[inline(always)]
    unsafe fn store_bf16(self, to: *mut u16) {
        // SAFETY: 4 writable values of 2 bytes (caller; test `bf16_rounds_alike`).
        unsafe {
            let bits = arm::vreinterpretq_u32_f32(self.0);
            let odd = arm::vandq_u32(arm::vshrq_n_u32::<16>(bits), arm::vdupq_n_u32(1));
            let half = arm::vaddq_u32(odd, arm::vdupq_n_u32(0x7fff));
            arm::vst1_u16(to.cast(), arm::vshrn_n_u32::<16>(arm::vaddq_u32(bits, half)));
        }
    }
    #[inline(always)]
    fn prefetch<T>(self, _: *const T) {}
    #[inline(always)]
    fn add(self, other: Self) -> Self {
        // SAFETY: `self` proves NEON.
        Self(unsafe { arm::vaddq_f32(self.0, other.0) })
    }
    #[inline(always)]
    fn sub(self, other: Self) -> Self {
        // SAFETY: `self` proves NEON.
        Self(unsafe { arm::vsubq_f32(self.0, other.0) })
    }
    #[inline(always)]
    fn mul(self, other: Self) -> Self {
        // SAFETY: `self` proves NEON.
        Self(unsafe { arm::vmulq_f32(self.0, other.0) })
    }
    #[inline(always)]
    fn max(self, other: Self) -> Self {
        // SAFETY: `self` proves NEON.
        Self(unsafe { arm::vmaxq_f32(self.0, other.0) })
    }
    #[inline(always)]
    fn mul_add(self, factor: Self, sum: Self) -> Self {
        // SAFETY: `self` proves NEON.
        Self(unsafe { arm::vfmaq_f32(sum.0, self.0, factor.0) })
    }
    #[inline(always)]
    fn neg_mul_add(self, factor: Self, sum: Self) -> Self {
        // SAFETY: `self` proves NEON.
        Self(unsafe { arm::vfmsq_f32(sum.0, self.0, factor.0) })
    }
    #[inline(always)]
    unsafe fn matmul(self, rows: usize, step: Matmul) {
        // SAFETY: as the caller promises; `rows` is at least what is computed.
        unsafe {
            match rows {
                6.. => step.run::<Self, 6, 4>(self),
                5 => step.run::<Self, 5, 4>(self),
                4 => step.run::<Self, 4, 4>(self),
                3 => step.run::<Self, 3, 4>(self),
                2 => step.run::<Self, 2, 4>(self),
                1 => step.run::<Self, 1, 4>(self),
                0 => {}
            }
        }
    }
}
