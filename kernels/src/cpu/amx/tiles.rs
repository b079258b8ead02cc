//! What the code needs from a tile unit: eight tiles of 16 rows of 64 bytes.
//!
//! Two implementations: the processor's instructions (`hardware`) and, for
//! tests, a model of them (`model`).

/// Rows of a tile: output voxels, or pairs of input channels.
pub(super) const ROWS: usize = 16;

/// bf16 values in a row of a tile.
pub(super) const ROW_VALUES: usize = 32;

/// f32 values of a whole tile of sums.
pub(super) const SUMS: usize = 256;

/// One row of a tile in memory, on a cache line of its own.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[repr(C, align(64))]
pub(super) struct Line(pub [u16; ROW_VALUES]);

impl Line {
    pub(super) const ZERO: Self = Self([0; ROW_VALUES]);
}

/// A tile unit that has been configured; dropping it gives the unit back.
///
/// Tiles are named by constants 0 to 7, because the instructions hold them.
pub(super) trait Tiles {
    /// Makes tile `T` zero.
    fn zero<const T: usize>(&mut self);

    /// Reads 16 rows of 64 bytes, `row_bytes` apart; they may overlap.
    ///
    /// # Safety
    /// Every row is readable.
    unsafe fn load<const T: usize>(&mut self, from: *const u16, row_bytes: usize);

    /// `C[m][n] += sum over k of A[m][2k] B[k][2n] + A[m][2k+1] B[k][2n+1]`:
    /// bf16 products, f32 sums.
    fn multiply<const C: usize, const A: usize, const B: usize>(&mut self);

    /// Writes the 16 x 16 sums of tile `T`, row by row.
    ///
    /// # Safety
    /// `to` is writable for [`SUMS`] values.
    unsafe fn store<const T: usize>(&mut self, to: *mut f32);
}

/// Work for a tile unit.
pub(super) trait TileKernel {
    /// Does the work. Implementations are `#[inline(always)]`.
    fn run<T: Tiles>(self, tiles: T);
}
