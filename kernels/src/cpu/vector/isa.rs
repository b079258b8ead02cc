//! Which instructions the processor has, asked once.

use super::{Vector, portable};

/// Code written once for all instruction sets.
pub(in crate::cpu) trait Kernel {
    /// What it returns.
    type Output;
    /// Does the work. `v` is any vector: the proof that the instructions exist.
    /// Implementations are `#[inline(always)]`.
    fn run<V: Vector>(self, v: V) -> Self::Output;
}

/// An instruction set this processor has.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(in crate::cpu) struct Isa(Set);

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Set {
    Portable,
    #[cfg(target_arch = "x86_64")]
    Avx2,
    #[cfg(target_arch = "x86_64")]
    Avx512,
    #[cfg(target_arch = "aarch64")]
    Neon,
}

impl Isa {
    /// Plain Rust, which every processor runs.
    pub const PORTABLE: Self = Self(Set::Portable);

    /// Every set of this processor, slowest first.
    #[must_use]
    pub fn available() -> Vec<Self> {
        let mut sets = vec![Self::PORTABLE];
        #[cfg(target_arch = "x86_64")]
        {
            if is_x86_feature_detected!("avx2") && is_x86_feature_detected!("fma") && is_x86_feature_detected!("f16c") {
                sets.push(Self(Set::Avx2));
            }
            if is_x86_feature_detected!("avx512f") {
                sets.push(Self(Set::Avx512));
            }
        }
        #[cfg(target_arch = "aarch64")]
        if std::arch::is_aarch64_feature_detected!("neon") {
            sets.push(Self(Set::Neon));
        }
        sets
    }

    /// The fastest set of this processor.
    #[must_use]
    pub fn detect() -> Self {
        Self::available().pop().unwrap_or(Self::PORTABLE)
    }

    /// For reports.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self.0 {
            Set::Portable => "portable",
            #[cfg(target_arch = "x86_64")]
            Set::Avx2 => "AVX2+FMA",
            #[cfg(target_arch = "x86_64")]
            Set::Avx512 => "AVX-512F",
            #[cfg(target_arch = "aarch64")]
            Set::Neon => "NEON",
        }
    }

    /// Rows a matrix product computes together ([`Vector::ROWS`]).
    #[must_use]
    pub fn rows(self) -> usize {
        struct Rows;
        impl Kernel for Rows {
            type Output = usize;
            #[inline(always)]
            fn run<V: Vector>(self, _: V) -> usize {
                V::ROWS
            }
        }
        self.run(Rows)
    }

    /// Runs `kernel` compiled for this instruction set.
    #[inline]
    pub fn run<K: Kernel>(self, kernel: K) -> K::Output {
        match self.0 {
            Set::Portable => kernel.run(portable::F32x16::ZERO),
            #[cfg(target_arch = "x86_64")]
            // SAFETY: the set only comes from `available`, which asked the
            // processor (test `every_set_computes_the_same`).
            Set::Avx2 => unsafe { avx2(kernel) },
            #[cfg(target_arch = "x86_64")]
            // SAFETY: as above.
            Set::Avx512 => unsafe { avx512(kernel) },
            #[cfg(target_arch = "aarch64")]
            // SAFETY: as above.
            Set::Neon => unsafe { neon(kernel) },
        }
    }
}

/// # Safety
/// The processor has AVX2, FMA and F16C.
#[cfg(target_arch = "x86_64")]
#[target_feature(enable = "avx2,fma,f16c")]
unsafe fn avx2<K: Kernel>(kernel: K) -> K::Output {
    kernel.run(super::avx2::F32x8(std::arch::x86_64::_mm256_setzero_ps()))
}

/// # Safety
/// The processor has AVX-512F.
#[cfg(target_arch = "x86_64")]
#[target_feature(enable = "avx512f,avx2,fma")]
unsafe fn avx512<K: Kernel>(kernel: K) -> K::Output {
    kernel.run(super::avx512::F32x16(std::arch::x86_64::_mm512_setzero_ps()))
}

/// # Safety
/// The processor has NEON.
#[cfg(target_arch = "aarch64")]
#[target_feature(enable = "neon")]
unsafe fn neon<K: Kernel>(kernel: K) -> K::Output {
    kernel.run(super::neon::F32x4(std::arch::aarch64::vdupq_n_f32(0.0)))
}
