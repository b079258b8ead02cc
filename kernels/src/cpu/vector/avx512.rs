//! Sixteen lanes in a 512-bit register.
//!
//! The product takes 24 rows of one vector: 24 accumulators and a vector of
//! `b`; the values of `a` are broadcast from memory inside the multiply-add.
//! Only AVX-512F is used, which every AVX-512 processor has.

use std::arch::x86_64 as x86;

use super::{Matmul, Vector};
use crate::half_precision::F16_MAX;

/// A whole block.
#[derive(Debug, Clone, Copy)]
pub(in crate::cpu) struct F32x16(pub(super) x86::__m512);

impl Vector for F32x16 {
    const LANES: usize = 16;
    const ROWS: usize = 24;

    #[inline(always)]
    fn splat(self, x: f32) -> Self {
        // SAFETY: `self` proves AVX-512F (see `Vector`).
        Self(unsafe { x86::_mm512_set1_ps(x) })
    }
    #[inline(always)]
    unsafe fn load(self, from: *const f32) -> Self {
        // SAFETY: 16 readable values (caller; test `every_set_computes_the_same`).
        Self(unsafe { x86::_mm512_loadu_ps(from) })
    }
    #[inline(always)]
    unsafe fn store(self, to: *mut f32) {
        // SAFETY: 16 writable values (caller; test `every_set_computes_the_same`).
        unsafe { x86::_mm512_storeu_ps(to, self.0) }
    }
    #[inline(always)]
    unsafe fn load_f16(self, from: *const u16) -> Self {
        // SAFETY: 16 readable values of 2 bytes (caller; test `f16_rounds_alike`).
        Self(unsafe { x86::_mm512_cvtph_ps(x86::_mm256_loadu_si256(from.cast())) })
    }
    #[inline(always)]
    unsafe fn store_f16(self, to: *mut u16) {
        let most = self.splat(F16_MAX);
        // SAFETY: 16 writable values of 2 bytes (caller; test `f16_rounds_alike`).
        unsafe {
            let bounded = x86::_mm512_min_ps(x86::_mm512_max_ps(self.0, most.mul(self.splat(-1.0)).0), most.0);
            let halves = x86::_mm512_cvtps_ph::<{ x86::_MM_FROUND_TO_NEAREST_INT }>(bounded);
            x86::_mm256_storeu_si256(to.cast(), halves);
        }
    }
    #[inline(always)]
    unsafe fn store_bf16(self, to: *mut u16) {
        // SAFETY: 16 writable values of 2 bytes (caller; test `bf16_rounds_alike`).
        unsafe {
            let bits = x86::_mm512_castps_si512(self.0);
            let odd = x86::_mm512_and_si512(x86::_mm512_srli_epi32::<16>(bits), x86::_mm512_set1_epi32(1));
            let half = x86::_mm512_add_epi32(odd, x86::_mm512_set1_epi32(0x7fff));
            let top = x86::_mm512_srli_epi32::<16>(x86::_mm512_add_epi32(bits, half));
            x86::_mm256_storeu_si256(to.cast(), x86::_mm512_cvtepi32_epi16(top));
        }
    }
    #[inline(always)]
    fn prefetch<T>(self, at: *const T) {
        // SAFETY: a prefetch never faults, whatever the address.
        unsafe { x86::_mm_prefetch::<{ x86::_MM_HINT_T0 }>(at.cast()) }
    }
    #[inline(always)]
    fn add(self, other: Self) -> Self {
        // SAFETY: `self` proves AVX-512F.
        Self(unsafe { x86::_mm512_add_ps(self.0, other.0) })
    }
    #[inline(always)]
    fn sub(self, other: Self) -> Self {
        // SAFETY: `self` proves AVX-512F.
        Self(unsafe { x86::_mm512_sub_ps(self.0, other.0) })
    }
    #[inline(always)]
    fn mul(self, other: Self) -> Self {
        // SAFETY: `self` proves AVX-512F.
        Self(unsafe { x86::_mm512_mul_ps(self.0, other.0) })
    }
    #[inline(always)]
    fn max(self, other: Self) -> Self {
        // SAFETY: `self` proves AVX-512F.
        Self(unsafe { x86::_mm512_max_ps(self.0, other.0) })
    }
    #[inline(always)]
    fn mul_add(self, factor: Self, sum: Self) -> Self {
        // SAFETY: `self` proves AVX-512F.
        Self(unsafe { x86::_mm512_fmadd_ps(self.0, factor.0, sum.0) })
    }
    #[inline(always)]
    fn neg_mul_add(self, factor: Self, sum: Self) -> Self {
        // SAFETY: `self` proves AVX-512F.
        Self(unsafe { x86::_mm512_fnmadd_ps(self.0, factor.0, sum.0) })
    }
    #[inline(always)]
    unsafe fn matmul(self, rows: usize, step: Matmul) {
        // SAFETY: as the caller promises; `rows` is at least what is computed.
        unsafe { if rows >= 24 { step.run::<Self, 24, 1>(self) } else { rest(self, rows, step) } }
    }
}

/// Fewer than 24 rows, in pieces of 12, 6, 3 and 1.
///
/// # Safety
/// As [`Matmul::run`] for `rows` rows.
#[inline(always)]
unsafe fn rest(v: F32x16, rows: usize, step: Matmul) {
    let mut done = 0;
    // SAFETY: the pieces add up to `rows`, for which the caller vouches.
    unsafe {
        while done < rows {
            let piece = Matmul { a: step.a.add(done * step.a_stride), c: step.c.add(done * super::BLOCK), ..step };
            done += match rows - done {
                12.. => {
                    piece.run::<F32x16, 12, 1>(v);
                    12
                }
                6..12 => {
                    piece.run::<F32x16, 6, 1>(v);
                    6
                }
                3..6 => {
                    piece.run::<F32x16, 3, 1>(v);
                    3
                }
                _ => {
                    piece.run::<F32x16, 1, 1>(v);
                    1
                }
            };
        }
    }
}
