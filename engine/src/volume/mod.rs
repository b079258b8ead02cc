//! Voxel grids in world millimetres (LPS), and what lies on them.
//!
//! Voxels stay in the order of their file; the affine says where they are.
//! Nothing above this module asks for an axis order: it samples by position.

mod blocks;
mod crop;
mod grid;
mod grid_describe;
mod sample;
mod slice;

pub use blocks::{BLOCK, BlockRanges};
pub use grid::{Grid, GridError};
pub use slice::{OUTSIDE_HU, SlicePlane};

/// A CT: Hounsfield units on a grid, x fastest, then y, then z.
#[derive(Debug, Clone)]
pub struct Volume {
    /// Where the voxels lie.
    pub grid: Grid,
    /// Hounsfield units, `grid.len()` of them, `[z, y, x]`.
    pub hu: Vec<f32>,
}

/// Structure numbers on a grid, 0 for background; same order as [`Volume`].
#[derive(Debug, Clone, PartialEq)]
pub struct LabelMap {
    /// Where the voxels lie.
    pub grid: Grid,
    /// One number a voxel, `grid.len()` of them, `[z, y, x]`.
    pub labels: Vec<u8>,
}
