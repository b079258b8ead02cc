//! The tile instructions in plain Rust, for tests: what runs where the
//! processor has none, and what the hardware is compared with.
//!
//! `TDPBF16PS` after the operation section of Intel's Software Developer's
//! Manual, volume 2: for each element of C, the products of the even and of
//! the odd values are summed apart, from zero, by fused multiply-adds in the
//! order of `k`; both sums are added, then the result to C. Every step rounds
//! to nearest even, takes denormal inputs as zero and makes denormal results
//! zero.

use super::tiles::{ROW_VALUES, ROWS, SUMS, Tiles};

/// Eight tiles of 1 KB; f32 values are kept as their two halves.
#[derive(Debug)]
pub(super) struct Model {
    tiles: [[[u16; ROW_VALUES]; ROWS]; 8],
}

impl Model {
    pub(super) fn configure() -> Self {
        // Garbage, so that a tile used before it is loaded shows.
        Self { tiles: [[[0x4217; ROW_VALUES]; ROWS]; 8] }
    }

    fn sum(&self, tile: usize, row: usize, column: usize) -> f32 {
        let [low, high] = [0, 1].map(|half| u32::from(self.tiles[tile][row][2 * column + half]));
        f32::from_bits(high << 16 | low)
    }

    fn set_sum(&mut self, tile: usize, row: usize, column: usize, value: f32) {
        let bits = value.to_bits();
        self.tiles[tile][row][2 * column] = (bits & 0xffff) as u16;
        self.tiles[tile][row][2 * column + 1] = (bits >> 16) as u16;
    }

    #[inline(always)]
    fn multiply_tiles(&mut self, c: usize, a: usize, b: usize) {
        for m in 0..ROWS {
            // `[2n]` adds the even values of column n, `[2n + 1]` the odd ones.
            let mut sums = [0.0_f32; ROW_VALUES];
            for k in 0..ROWS {
                let pair = [0, 1].map(|half| wide(self.tiles[a][m][2 * k + half]));
                for (n, sum) in sums.iter_mut().enumerate() {
                    *sum = flush(pair[n % 2].mul_add(wide(self.tiles[b][k][n]), *sum));
                }
            }
            for n in 0..ROWS {
                let pair = flush(sums[2 * n] + sums[2 * n + 1]);
                let sum = flush(flush(self.sum(c, m, n)) + pair);
                self.set_sum(c, m, n, sum);
            }
        }
    }

    /// The same, with an instruction for what is a library call otherwise.
    ///
    /// # Safety
    /// The processor has AVX2 and FMA.
    #[cfg(target_arch = "x86_64")]
    #[target_feature(enable = "avx2,fma")]
    unsafe fn multiply_fused(&mut self, c: usize, a: usize, b: usize) {
        self.multiply_tiles(c, a, b);
    }
}

/// A bf16 value as f32.
#[inline(always)]
fn wide(half: u16) -> f32 {
    flush(f32::from_bits(u32::from(half) << 16))
}

/// Denormals become zero of their sign.
#[inline(always)]
fn flush(value: f32) -> f32 {
    if value.abs() < f32::MIN_POSITIVE { 0.0_f32.copysign(value) } else { value }
}

impl Tiles for Model {
    fn zero<const T: usize>(&mut self) {
        self.tiles[T] = [[0; ROW_VALUES]; ROWS];
    }

    unsafe fn load<const T: usize>(&mut self, from: *const u16, row_bytes: usize) {
        for (row, values) in self.tiles[T].iter_mut().enumerate() {
            // SAFETY: the caller's promise (the tests of this module).
            *values = unsafe { from.byte_add(row * row_bytes).cast::<[u16; ROW_VALUES]>().read_unaligned() };
        }
    }

    fn multiply<const C: usize, const A: usize, const B: usize>(&mut self) {
        #[cfg(target_arch = "x86_64")]
        if is_x86_feature_detected!("avx2") && is_x86_feature_detected!("fma") {
            // SAFETY: the processor has the instructions (test
            // `hardware_is_the_model`).
            return unsafe { self.multiply_fused(C, A, B) };
        }
        self.multiply_tiles(C, A, B);
    }

    unsafe fn store<const T: usize>(&mut self, to: *mut f32) {
        for index in 0..SUMS {
            // SAFETY: the caller's promise (the tests of this module).
            unsafe { *to.add(index) = self.sum(T, index / ROWS, index % ROWS) };
        }
    }
}
