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
}

/// A bf16 value as f32.
fn wide(half: u16) -> f32 {
    flush(f32::from_bits(u32::from(half) << 16))
}

/// Denormals become zero of their sign.
fn flush(value: f32) -> f32 {
    if value.is_subnormal() { 0.0_f32.copysign(value) } else { value }
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
        for m in 0..ROWS {
            for n in 0..ROWS {
                let mut sums = [0.0_f32; 2];
                for k in 0..ROWS {
                    for (half, sum) in sums.iter_mut().enumerate() {
                        let (a, b) = (wide(self.tiles[A][m][2 * k + half]), wide(self.tiles[B][k][2 * n + half]));
                        *sum = flush(a.mul_add(b, *sum));
                    }
                }
                let pair = flush(sums[0] + sums[1]);
                let sum = flush(flush(self.sum(C, m, n)) + pair);
                self.set_sum(C, m, n, sum);
            }
        }
    }

    unsafe fn store<const T: usize>(&mut self, to: *mut f32) {
        for index in 0..SUMS {
            // SAFETY: the caller's promise (the tests of this module).
            unsafe { *to.add(index) = self.sum(T, index / ROWS, index % ROWS) };
        }
    }
}
