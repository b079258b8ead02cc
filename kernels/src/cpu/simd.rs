//! The inner loop of every convolution, once per instruction set.
//!
//! One call computes [`POSITIONS`] output voxels for [`LANES`] output
//! channels: `acc[p][c] += sum over taps t of patch[base[p] + tap[t]] *
//! weights[t][c]`. 6 x 16 accumulators fill 12 of the 16 AVX2 registers; per
//! tap, 2 weight loads and 6 broadcasts feed 12 fused multiply-adds, so the
//! two FMA ports are the limit (register blocking after Goto & van de Geijn
//! 2008, DOI 10.1145/1356052.1356053).
//!
//! The sum runs over the taps in order in every variant; only the rounding of
//! the fused multiply-add differs between them.
#![allow(unsafe_code)]

/// Output channels computed together: two 8-lane vectors.
pub(super) const LANES: usize = 16;

/// Output voxels computed together.
pub(super) const POSITIONS: usize = 6;

/// Accumulators of one call, `[position][lane]`.
pub(super) const TILE: usize = POSITIONS * LANES;

/// The instruction sets the inner loop is written for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Simd {
    /// Plain Rust, any processor.
    Portable,
    /// 256-bit vectors with fused multiply-add. Only [`Simd::detect`] makes it.
    #[cfg(target_arch = "x86_64")]
    Avx2Fma,
}

impl Simd {
    /// The fastest variant this processor can run.
    pub(crate) fn detect() -> Self {
        #[cfg(target_arch = "x86_64")]
        if is_x86_feature_detected!("avx2") && is_x86_feature_detected!("fma") {
            return Self::Avx2Fma;
        }
        Self::Portable
    }

    /// For reports.
    pub(crate) fn name(self) -> &'static str {
        match self {
            Self::Portable => "portable",
            #[cfg(target_arch = "x86_64")]
            Self::Avx2Fma => "AVX2+FMA",
        }
    }
}

/// Adds all taps to one tile of accumulators.
///
/// `weights` holds [`LANES`] values per tap. Panics when a slice is too short
/// for `bases` and `taps`: a bug of this crate, never of its input.
#[inline]
pub(super) fn accumulate(
    simd: Simd,
    patch: &[f32],
    bases: &[usize; POSITIONS],
    taps: Taps<'_>,
    weights: &[f32],
    acc: &mut [f32; TILE],
) {
    let last = bases.iter().fold(0, |a, &b| a.max(b)) + taps.last;
    assert!(last < patch.len(), "tap outside the patch");
    assert!(weights.len() == taps.offsets.len() * LANES, "weights per tap");
    match simd {
        Simd::Portable => portable(patch, bases, taps.offsets, weights, acc),
        #[cfg(target_arch = "x86_64")]
        // SAFETY: `Simd::Avx2Fma` only comes from `detect`, so the processor
        // has both features; the asserts above bound every read: `bases[p] +
        // offsets[t] <= last < patch.len()` and 16 weights per offset
        // (tests `variants_agree`, `a_tap_outside_the_patch_panics`).
        Simd::Avx2Fma => unsafe { avx2_fma(patch, bases, taps.offsets, weights, acc) },
    }
}

/// Where the taps of a kernel lie relative to an output voxel's base.
#[derive(Debug, Clone, Copy)]
pub(super) struct Taps<'a> {
    offsets: &'a [usize],
    last: usize,
}

impl<'a> Taps<'a> {
    /// Remembers the farthest offset, so that a tile is checked in one step.
    pub(super) fn new(offsets: &'a [usize]) -> Self {
        let last = offsets.iter().fold(0, |a, &b| a.max(b));
        Self { offsets, last }
    }
}

fn portable(patch: &[f32], bases: &[usize; POSITIONS], offsets: &[usize], weights: &[f32], acc: &mut [f32; TILE]) {
    for (&base, acc) in bases.iter().zip(acc.as_chunks_mut::<LANES>().0) {
        let mut sum = *acc;
        for (&offset, weight) in offsets.iter().zip(weights.as_chunks::<LANES>().0) {
            let value = patch[base + offset];
            for (sum, weight) in sum.iter_mut().zip(weight) {
                *sum += value * weight;
            }
        }
        *acc = sum;
    }
}

/// # Safety
/// The processor has AVX2 and FMA; every `bases[p] + offsets[t]` is below
/// `patch.len()`; `weights` holds [`LANES`] values per offset.
#[cfg(target_arch = "x86_64")]
#[target_feature(enable = "avx2,fma")]
unsafe fn avx2_fma(
    patch: &[f32],
    bases: &[usize; POSITIONS],
    offsets: &[usize],
    weights: &[f32],
    acc: &mut [f32; TILE],
) {
    use std::arch::x86_64::{
        _mm256_broadcast_ss, _mm256_fmadd_ps, _mm256_loadu_ps, _mm256_setzero_ps, _mm256_storeu_ps,
    };
    let mut sums = [[_mm256_setzero_ps(); 2]; POSITIONS];
    for (sum, acc) in sums.iter_mut().zip(acc.as_chunks::<LANES>().0) {
        // SAFETY: `acc` is an array of 16 floats (test `variants_agree`).
        *sum = unsafe { [_mm256_loadu_ps(acc.as_ptr()), _mm256_loadu_ps(acc.as_ptr().add(8))] };
    }
    // SAFETY: each base alone is inside the patch (caller; same test).
    let origins = bases.map(|base| unsafe { patch.as_ptr().add(base) });
    let mut weight = weights.as_ptr();
    for &offset in offsets {
        // SAFETY: 16 weights per offset, and base + offset lies inside the
        // patch (caller; tests `variants_agree`, `a_tap_outside_the_patch_panics`).
        unsafe {
            let low = _mm256_loadu_ps(weight);
            let high = _mm256_loadu_ps(weight.add(8));
            for (sum, origin) in sums.iter_mut().zip(&origins) {
                let value = _mm256_broadcast_ss(&*origin.add(offset));
                sum[0] = _mm256_fmadd_ps(value, low, sum[0]);
                sum[1] = _mm256_fmadd_ps(value, high, sum[1]);
            }
            weight = weight.add(LANES);
        }
    }
    for (sum, acc) in sums.iter().zip(acc.as_chunks_mut::<LANES>().0) {
        // SAFETY: `acc` is an array of 16 floats (test `variants_agree`).
        unsafe {
            _mm256_storeu_ps(acc.as_mut_ptr(), sum[0]);
            _mm256_storeu_ps(acc.as_mut_ptr().add(8), sum[1]);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn variants_agree() {
        let patch: Vec<f32> = (0..97_u8).map(|i| (f32::from(i) * 0.7).sin()).collect();
        let offsets: Vec<usize> = (0..40).map(|t| (t * 13) % 53).collect();
        let weights: Vec<f32> = (0..640_u16).map(|i| (f32::from(i) * 0.3).cos()).collect();
        let bases = [0, 5, 44, 7, 7, 12];
        let mut tiles = [Simd::Portable, Simd::detect()].map(|simd| {
            let mut acc = [0.25; TILE];
            accumulate(simd, &patch, &bases, Taps::new(&offsets), &weights, &mut acc);
            acc
        });
        let exact = |p: usize, lane: usize| {
            let tap = |(t, o): (usize, &usize)| f64::from(patch[bases[p] + o]) * f64::from(weights[t * LANES + lane]);
            0.25 + offsets.iter().enumerate().map(tap).sum::<f64>()
        };
        for tile in &mut tiles {
            for (i, value) in tile.iter().enumerate() {
                let error = f64::from(*value) - exact(i / LANES, i % LANES);
                assert!(error.abs() < 1e-5, "{i}: {error}");
            }
        }
    }

    #[test]
    #[should_panic(expected = "tap outside the patch")]
    fn a_tap_outside_the_patch_panics() {
        let bases = [0, 0, 0, 0, 0, 6];
        let mut acc = [0.0; TILE];
        accumulate(Simd::detect(), &[0.0; 8], &bases, Taps::new(&[2]), &[0.0; LANES], &mut acc);
    }
}
