//! Eight numbers at a time, with AVX2 or in plain Rust, to the same bits.

use super::{LANES, Lanes, Site};

/// Eight `f32`.
///
/// A value exists only where the processor has the instructions: all are made
/// from the first one, which [`super::plane_sums`] makes after asking. That is
/// why the arithmetic is safe. No fused multiply-add, so that all
/// implementations round alike.
pub(super) trait Eight: Copy {
    fn splat(self, x: f32) -> Self;
    fn load(self, from: &Lanes) -> Self;
    fn store(self) -> Lanes;
    fn add(self, other: Self) -> Self;
    fn sub(self, other: Self) -> Self;
    fn mul(self, other: Self) -> Self;
    fn div(self, other: Self) -> Self;
    fn min(self, other: Self) -> Self;
    fn max(self, other: Self) -> Self;
    /// `chosen` where `self <= limit`, else `other`; `other` for NaN.
    fn choose(self, limit: Self, chosen: Self, other: Self) -> Self;
    /// Position and normal of eight sites: x, y, z, x, y, z.
    fn gather(self, sites: [&Site; LANES]) -> [Self; 6];
}

/// For every processor.
#[derive(Clone, Copy)]
pub(super) struct Portable(pub Lanes);

impl Portable {
    #[inline(always)]
    fn zip(self, other: Self, f: impl Fn(f32, f32) -> f32) -> Self {
        Self(std::array::from_fn(|i| f(self.0[i], other.0[i])))
    }
}

impl Eight for Portable {
    fn splat(self, x: f32) -> Self {
        Self([x; LANES])
    }
    fn load(self, from: &Lanes) -> Self {
        Self(*from)
    }
    fn store(self) -> Lanes {
        self.0
    }
    fn add(self, other: Self) -> Self {
        self.zip(other, |a, b| a + b)
    }
    fn sub(self, other: Self) -> Self {
        self.zip(other, |a, b| a - b)
    }
    fn mul(self, other: Self) -> Self {
        self.zip(other, |a, b| a * b)
    }
    fn div(self, other: Self) -> Self {
        self.zip(other, |a, b| a / b)
    }
    // As the instructions do: the second where one is NaN.
    fn min(self, other: Self) -> Self {
        self.zip(other, |a, b| if a < b { a } else { b })
    }
    fn max(self, other: Self) -> Self {
        self.zip(other, |a, b| if a > b { a } else { b })
    }
    fn choose(self, limit: Self, chosen: Self, other: Self) -> Self {
        Self(std::array::from_fn(|i| if self.0[i] <= limit.0[i] { chosen.0[i] } else { other.0[i] }))
    }
    fn gather(self, sites: [&Site; LANES]) -> [Self; 6] {
        std::array::from_fn(|k| {
            Self(std::array::from_fn(|i| if k < 3 { sites[i].point[k] } else { sites[i].normal[k - 3] }))
        })
    }
}

#[cfg(target_arch = "x86_64")]
pub(super) use avx2::Avx2;

#[cfg(target_arch = "x86_64")]
mod avx2 {
    use std::arch::x86_64::{
        __m256, _CMP_LE_OQ, _mm256_add_ps, _mm256_blendv_ps, _mm256_cmp_ps, _mm256_div_ps, _mm256_loadu_ps,
        _mm256_max_ps, _mm256_min_ps, _mm256_mul_ps, _mm256_permute2f128_ps, _mm256_set1_ps, _mm256_shuffle_ps,
        _mm256_storeu_ps, _mm256_sub_ps, _mm256_unpackhi_ps, _mm256_unpacklo_ps,
    };

    use super::{Eight, LANES, Lanes, Site};

    /// For processors with AVX2.
    #[derive(Clone, Copy)]
    pub(in super::super) struct Avx2(pub __m256);

    // SAFETY of all blocks below: an `Avx2` exists only where the processor has
    // AVX2, and reads and writes stay within the referenced arrays and sites
    // (test `all_instructions_give_the_same_bits`).
    impl Eight for Avx2 {
        #[inline(always)]
        fn splat(self, x: f32) -> Self {
            // SAFETY: see above.
            Self(unsafe { _mm256_set1_ps(x) })
        }
        #[inline(always)]
        fn load(self, from: &Lanes) -> Self {
            // SAFETY: see above.
            Self(unsafe { _mm256_loadu_ps(from.as_ptr()) })
        }
        #[inline(always)]
        fn store(self) -> Lanes {
            let mut to = [0.0; LANES];
            // SAFETY: see above.
            unsafe { _mm256_storeu_ps(to.as_mut_ptr(), self.0) };
            to
        }
        #[inline(always)]
        fn add(self, other: Self) -> Self {
            // SAFETY: see above.
            Self(unsafe { _mm256_add_ps(self.0, other.0) })
        }
        #[inline(always)]
        fn sub(self, other: Self) -> Self {
            // SAFETY: see above.
            Self(unsafe { _mm256_sub_ps(self.0, other.0) })
        }
        #[inline(always)]
        fn mul(self, other: Self) -> Self {
            // SAFETY: see above.
            Self(unsafe { _mm256_mul_ps(self.0, other.0) })
        }
        #[inline(always)]
        fn div(self, other: Self) -> Self {
            // SAFETY: see above.
            Self(unsafe { _mm256_div_ps(self.0, other.0) })
        }
        #[inline(always)]
        fn min(self, other: Self) -> Self {
            // SAFETY: see above.
            Self(unsafe { _mm256_min_ps(self.0, other.0) })
        }
        #[inline(always)]
        fn max(self, other: Self) -> Self {
            // SAFETY: see above.
            Self(unsafe { _mm256_max_ps(self.0, other.0) })
        }
        #[inline(always)]
        fn choose(self, limit: Self, chosen: Self, other: Self) -> Self {
            // SAFETY: see above.
            Self(unsafe { _mm256_blendv_ps(other.0, chosen.0, _mm256_cmp_ps::<_CMP_LE_OQ>(self.0, limit.0)) })
        }
        #[inline(always)]
        fn gather(self, sites: [&Site; LANES]) -> [Self; 6] {
            // SAFETY: see above; a site is eight `f32` wide (`repr(C)`), its
            // tags are only moved, never used as numbers.
            // Written out: closures would not get the instructions.
            unsafe {
                let r0 = _mm256_loadu_ps(std::ptr::from_ref(sites[0]).cast());
                let r1 = _mm256_loadu_ps(std::ptr::from_ref(sites[1]).cast());
                let r2 = _mm256_loadu_ps(std::ptr::from_ref(sites[2]).cast());
                let r3 = _mm256_loadu_ps(std::ptr::from_ref(sites[3]).cast());
                let r4 = _mm256_loadu_ps(std::ptr::from_ref(sites[4]).cast());
                let r5 = _mm256_loadu_ps(std::ptr::from_ref(sites[5]).cast());
                let r6 = _mm256_loadu_ps(std::ptr::from_ref(sites[6]).cast());
                let r7 = _mm256_loadu_ps(std::ptr::from_ref(sites[7]).cast());
                // Transposes 8 x 8, leaving out the last two columns.
                let (l01, h01) = (_mm256_unpacklo_ps(r0, r1), _mm256_unpackhi_ps(r0, r1));
                let (l23, h23) = (_mm256_unpacklo_ps(r2, r3), _mm256_unpackhi_ps(r2, r3));
                let (l45, h45) = (_mm256_unpacklo_ps(r4, r5), _mm256_unpackhi_ps(r4, r5));
                let (l67, h67) = (_mm256_unpacklo_ps(r6, r7), _mm256_unpackhi_ps(r6, r7));
                let (a0, b0) = (_mm256_shuffle_ps::<0x44>(l01, l23), _mm256_shuffle_ps::<0x44>(l45, l67));
                let (a1, b1) = (_mm256_shuffle_ps::<0xee>(l01, l23), _mm256_shuffle_ps::<0xee>(l45, l67));
                let (a2, b2) = (_mm256_shuffle_ps::<0x44>(h01, h23), _mm256_shuffle_ps::<0x44>(h45, h67));
                let (a3, b3) = (_mm256_shuffle_ps::<0xee>(h01, h23), _mm256_shuffle_ps::<0xee>(h45, h67));
                [
                    Self(_mm256_permute2f128_ps::<0x20>(a0, b0)),
                    Self(_mm256_permute2f128_ps::<0x20>(a1, b1)),
                    Self(_mm256_permute2f128_ps::<0x20>(a2, b2)),
                    Self(_mm256_permute2f128_ps::<0x20>(a3, b3)),
                    Self(_mm256_permute2f128_ps::<0x31>(a0, b0)),
                    Self(_mm256_permute2f128_ps::<0x31>(a1, b1)),
                ]
            }
        }
    }
}
