//! Eight lanes in a 256-bit register, with fused multiply-add and F16C.
//!
//! The product takes 6 rows of two vectors: 12 accumulators, two vectors of
//! `b` and one broadcast fill 15 of the 16 registers.

use std::arch::x86_64 as x86;

use super::{Matmul, Vector};
use crate::half_precision::F16_MAX;

/// Half a block.
#[derive(Debug, Clone, Copy)]
pub(in crate::cpu) struct F32x8(pub(super) x86::__m256);

impl Vector for F32x8 {
    const LANES: usize = 8;
    const ROWS: usize = 6;

    #[inline(always)]
    fn splat(self, x: f32) -> Self {
        // SAFETY: `self` proves AVX2 (see `Vector`).
        Self(unsafe { x86::_mm256_set1_ps(x) })
    }
    #[inline(always)]
    unsafe fn load(self, from: *const f32) -> Self {
        // SAFETY: 8 readable values (caller; test `every_set_computes_the_same`).
        Self(unsafe { x86::_mm256_loadu_ps(from) })
    }
    #[inline(always)]
    unsafe fn store(self, to: *mut f32) {
        // SAFETY: 8 writable values (caller; test `every_set_computes_the_same`).
        unsafe { x86::_mm256_storeu_ps(to, self.0) }
    }
    #[inline(always)]
    unsafe fn load_f16(self, from: *const u16) -> Self {
        // SAFETY: 8 readable values of 2 bytes (caller; test `f16_rounds_alike`).
        Self(unsafe { x86::_mm256_cvtph_ps(x86::_mm_loadu_si128(from.cast())) })
    }
    #[inline(always)]
    unsafe fn store_f16(self, to: *mut u16) {
        let most = self.splat(F16_MAX);
        // SAFETY: `self` proves F16C; 8 writable values of 2 bytes (caller;
        // test `f16_rounds_alike`).
        unsafe {
            let bounded = x86::_mm256_min_ps(x86::_mm256_max_ps(self.0, most.mul(self.splat(-1.0)).0), most.0);
            let halves = x86::_mm256_cvtps_ph::<{ x86::_MM_FROUND_TO_NEAREST_INT }>(bounded);
            x86::_mm_storeu_si128(to.cast(), halves);
        }
    }
    #[inline(always)]
    unsafe fn store_bf16(self, to: *mut u16) {
        // SAFETY: 8 writable values of 2 bytes (caller; test `bf16_rounds_alike`).
        unsafe {
            let bits = x86::_mm256_castps_si256(self.0);
            let odd = x86::_mm256_and_si256(x86::_mm256_srli_epi32::<16>(bits), x86::_mm256_set1_epi32(1));
            let half = x86::_mm256_add_epi32(odd, x86::_mm256_set1_epi32(0x7fff));
            let top = x86::_mm256_srli_epi32::<16>(x86::_mm256_add_epi32(bits, half));
            let (low, high) = (x86::_mm256_castsi256_si128(top), x86::_mm256_extracti128_si256::<1>(top));
            x86::_mm_storeu_si128(to.cast(), x86::_mm_packus_epi32(low, high));
        }
    }
    #[inline(always)]
    fn prefetch<T>(self, at: *const T) {
        // SAFETY: a prefetch never faults, whatever the address.
        unsafe { x86::_mm_prefetch::<{ x86::_MM_HINT_T0 }>(at.cast()) }
    }
    #[inline(always)]
    fn add(self, other: Self) -> Self {
        // SAFETY: `self` proves AVX2.
        Self(unsafe { x86::_mm256_add_ps(self.0, other.0) })
    }
    #[inline(always)]
    fn sub(self, other: Self) -> Self {
        // SAFETY: `self` proves AVX2.
        Self(unsafe { x86::_mm256_sub_ps(self.0, other.0) })
    }
    #[inline(always)]
    fn mul(self, other: Self) -> Self {
        // SAFETY: `self` proves AVX2.
        Self(unsafe { x86::_mm256_mul_ps(self.0, other.0) })
    }
    #[inline(always)]
    fn max(self, other: Self) -> Self {
        // SAFETY: `self` proves AVX2.
        Self(unsafe { x86::_mm256_max_ps(self.0, other.0) })
    }
    #[inline(always)]
    fn mul_add(self, factor: Self, sum: Self) -> Self {
        // SAFETY: `self` proves FMA.
        Self(unsafe { x86::_mm256_fmadd_ps(self.0, factor.0, sum.0) })
    }
    #[inline(always)]
    fn neg_mul_add(self, factor: Self, sum: Self) -> Self {
        // SAFETY: `self` proves FMA.
        Self(unsafe { x86::_mm256_fnmadd_ps(self.0, factor.0, sum.0) })
    }
    #[inline(always)]
    unsafe fn matmul(self, rows: usize, step: Matmul) {
        // SAFETY: as the caller promises; `rows` is at least what is computed.
        unsafe {
            match rows {
                6.. => step.run::<Self, 6, 2>(self),
                5 => step.run::<Self, 5, 2>(self),
                4 => step.run::<Self, 4, 2>(self),
                3 => step.run::<Self, 3, 2>(self),
                2 => step.run::<Self, 2, 2>(self),
                1 => step.run::<Self, 1, 2>(self),
                0 => {}
            }
        }
    }
}
