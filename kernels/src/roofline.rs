//! What this processor can do at most: fused multiply-adds per second and
//! bytes per second from memory.
//!
//! Promises: both are measured, on as many threads as the work they are
//! compared with, in about a second. The roof of a computation is
//! `min(peak, intensity * bandwidth)` (Williams, Waterman & Patterson 2009,
//! DOI 10.1145/1498765.1498785). Does not promise that nothing runs faster: a
//! network that fits in the cache is not bound by memory, and a Winograd
//! convolution does fewer multiply-adds than the textbook counts.
//!
//! `spinenav bench segment` calls it to say how close a network comes.
#![allow(unsafe_code, reason = "the fastest instructions are called only after they are detected")]

use std::hint::black_box;
use std::time::Instant;

use rayon::prelude::*;
use rayon::{ThreadPool, ThreadPoolBuilder};

use crate::error::OpError;

/// Multiply-add rounds of a try: about half a millisecond, shorter than the
/// slices in which a busy machine hands out its cores.
const ROUNDS: usize = 1 << 18;

/// Tries of the multiply-adds; the least disturbed one counts.
const FMA_TRIES: usize = 200;

/// Tries of the copy.
const COPY_TRIES: usize = 5;

/// Values copied: 256 MiB read and 256 MiB written, beyond any last cache.
const COPIED: usize = 64 << 20;

/// The two numbers of a roofline.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Roofline {
    /// 10^9 floating-point operations a second, two a fused multiply-add, f32.
    pub peak_gflops: f64,
    /// 10^9 bytes a second, read and written.
    pub bandwidth_gb_s: f64,
}

impl Roofline {
    /// Measures both with `threads` threads (0 counts as 1).
    ///
    /// # Errors
    /// [`OpError::Device`] when the threads cannot be started.
    ///
    /// Cost: a second, and 512 MiB for a moment.
    pub fn measure(threads: usize) -> Result<Self, OpError> {
        Ok(Self { peak_gflops: peak_gflops(threads)?, bandwidth_gb_s: bandwidth_gb_s(threads)? })
    }

    /// The most a computation of `flops` operations over `bytes` bytes of
    /// memory traffic can reach, in 10^9 operations a second.
    ///
    /// ```
    /// let roof = kernels::roofline::Roofline { peak_gflops: 100.0, bandwidth_gb_s: 20.0 };
    /// assert_eq!(roof.attainable_gflops(8e9, 2e9), 80.0); // bound by memory
    /// assert_eq!(roof.attainable_gflops(8e9, 1e9), 100.0); // bound by arithmetic
    /// ```
    #[must_use]
    pub fn attainable_gflops(&self, flops: f64, bytes: f64) -> f64 {
        if bytes > 0.0 { self.peak_gflops.min(flops / bytes * self.bandwidth_gb_s) } else { self.peak_gflops }
    }
}

/// Most fused multiply-adds a second, as 10^9 f32 operations, two each: the
/// sum of what each thread reaches while all of them run.
///
/// # Errors
/// [`OpError::Device`] when the threads cannot be started.
pub fn peak_gflops(threads: usize) -> Result<f64, OpError> {
    let multiply_add = best_multiply_add();
    let seconds = pool(threads)?.broadcast(|_| {
        best_seconds(FMA_TRIES, || {
            black_box((multiply_add.run)(black_box(ROUNDS)));
        })
    });
    let operations = (2 * multiply_add.per_round * ROUNDS) as f64;
    Ok(seconds.iter().map(|seconds| operations / seconds * 1e-9).sum())
}

/// Speed of copying between blocks of memory too large for the caches, as
/// 10^9 bytes a second, those read and those written.
///
/// # Errors
/// [`OpError::Device`] when the threads cannot be started.
pub fn bandwidth_gb_s(threads: usize) -> Result<f64, OpError> {
    let pool = pool(threads)?;
    let (from, mut to) = (vec![1.0_f32; COPIED], vec![0.0_f32; COPIED]);
    let part = COPIED.div_ceil(4 * pool.current_num_threads());
    let seconds = best_seconds(COPY_TRIES, || {
        let parts = to.par_chunks_mut(part).zip(from.par_chunks(part));
        pool.install(|| parts.for_each(|(to, from)| black_box(to).copy_from_slice(from)));
    });
    let bytes = 2 * size_of::<f32>() * COPIED;
    Ok(bytes as f64 / seconds * 1e-9)
}

fn pool(threads: usize) -> Result<ThreadPool, OpError> {
    let built = ThreadPoolBuilder::new().num_threads(threads.max(1)).build();
    built.map_err(|error| OpError::Device { device: "CPU", reason: error.to_string() })
}

/// Shortest time of some runs after one that touches the memory and wakes the
/// clock up.
fn best_seconds(tries: usize, mut work: impl FnMut()) -> f64 {
    work();
    let timed = (0..tries).map(|_| {
        let since = Instant::now();
        work();
        since.elapsed().as_secs_f64()
    });
    timed.fold(f64::INFINITY, f64::min).max(1e-9)
}

/// A loop of independent multiply-adds in registers.
#[derive(Clone, Copy)]
struct MultiplyAdd {
    /// Multiply-adds of f32 values in one round.
    per_round: usize,
    /// Does some rounds; returns a value that depends on all of them.
    run: fn(usize) -> f32,
}

/// The widest one this processor has.
fn best_multiply_add() -> MultiplyAdd {
    #[cfg(target_arch = "x86_64")]
    {
        if std::arch::is_x86_feature_detected!("avx512f") {
            return MultiplyAdd { per_round: 16 * CHAINS, run: x86::avx512 };
        }
        if std::arch::is_x86_feature_detected!("avx2") && std::arch::is_x86_feature_detected!("fma") {
            return MultiplyAdd { per_round: 8 * CHAINS, run: x86::avx2 };
        }
    }
    MultiplyAdd { per_round: 4 * CHAINS, run: portable }
}

/// Sums that do not wait for each other: latency 4 x 2 units is 8; a few more
/// do no harm and fit in 16 registers.
const CHAINS: usize = 12;

fn portable(rounds: usize) -> f32 {
    let mut sums = [[0.0_f32; 4]; CHAINS];
    let (a, b) = (black_box(0.999_f32), black_box(0.001_f32));
    for _ in 0..rounds {
        for sum in sums.iter_mut().flatten() {
            // Fused only where that is one instruction; elsewhere a library call.
            *sum = if cfg!(target_arch = "aarch64") { a.mul_add(*sum, b) } else { a * *sum + b };
        }
    }
    sums.iter().flatten().sum()
}

#[cfg(target_arch = "x86_64")]
mod x86 {
    use std::arch::x86_64::{
        _mm256_cvtss_f32, _mm256_fmadd_ps, _mm256_set1_ps, _mm512_cvtss_f32, _mm512_fmadd_ps, _mm512_set1_ps,
    };
    use std::hint::black_box;

    use super::CHAINS;

    pub(super) fn avx2(rounds: usize) -> f32 {
        // SAFETY: `best_multiply_add` hands this function out only where AVX2
        // and FMA were detected; watched by `the_peak_is_plausible`.
        unsafe { avx2_loop(rounds) }
    }

    pub(super) fn avx512(rounds: usize) -> f32 {
        // SAFETY: `best_multiply_add` hands this function out only where
        // AVX-512F was detected; watched by `the_peak_is_plausible`.
        unsafe { avx512_loop(rounds) }
    }

    #[target_feature(enable = "avx2,fma")]
    fn avx2_loop(rounds: usize) -> f32 {
        let (a, b) = (_mm256_set1_ps(black_box(0.999)), _mm256_set1_ps(black_box(0.001)));
        let mut sums = [b; CHAINS];
        for _ in 0..rounds {
            for sum in &mut sums {
                *sum = _mm256_fmadd_ps(a, *sum, b);
            }
        }
        sums.iter().map(|sum| _mm256_cvtss_f32(*sum)).sum()
    }

    #[target_feature(enable = "avx512f")]
    fn avx512_loop(rounds: usize) -> f32 {
        let (a, b) = (_mm512_set1_ps(black_box(0.999)), _mm512_set1_ps(black_box(0.001)));
        let mut sums = [b; CHAINS];
        for _ in 0..rounds {
            for sum in &mut sums {
                *sum = _mm512_fmadd_ps(a, *sum, b);
            }
        }
        sums.iter().map(|sum| _mm512_cvtss_f32(*sum)).sum()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A roof of zero or infinity would make every network look perfect or dead.
    #[test]
    fn the_peak_is_plausible() {
        let peak = peak_gflops(1).unwrap();
        assert!((0.1..10_000.0).contains(&peak), "{peak} GFLOP/s on one thread");
    }

    /// The chains must be computed, not optimised away: `x <- 0.999 x + 0.001`
    /// tends to 1 in every lane.
    #[test]
    fn the_loops_compute_what_they_claim() {
        let best = best_multiply_add();
        let lanes = (best.run)(100_000) / CHAINS as f32;
        assert!((lanes - 1.0).abs() < 1e-2, "{lanes}");
        let portable = portable(100_000) / (4 * CHAINS) as f32;
        assert!((portable - 1.0).abs() < 1e-2, "{portable}");
    }

    #[test]
    fn the_roof_is_the_lower_of_both_limits() {
        let roof = Roofline { peak_gflops: 100.0, bandwidth_gb_s: 10.0 };
        assert_eq!(roof.attainable_gflops(1e9, 1e9), 10.0);
        assert_eq!(roof.attainable_gflops(1e12, 1e9), 100.0);
        assert_eq!(roof.attainable_gflops(1e9, 0.0), 100.0);
    }
}
