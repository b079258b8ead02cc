//! How the output of a layer is cut into shares of work.
//!
//! The cut depends on shapes only, never on the number of threads, because
//! statistics are summed box by box.

use std::ops::Range;

use super::layer::Layer;
use super::patch::Patch;
use super::tiles::Line;

/// A box of positions `[z, y, x]`: output voxels, or input voxels of a
/// transposed convolution.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Region {
    pub start: [usize; 3],
    pub size: [usize; 3],
}

/// Bytes of a patch that leave room for weights in a second-level cache of
/// 2 MB, which every processor with tiles has.
const PATCH_BYTES: usize = 768 * 1024;

/// Fewest and most positions of a box: small boxes load many voxels around
/// them, large ones leave threads idle at the end.
const POSITIONS: [usize; 2] = [512, 4096];

/// Shares that keep a few threads busy to the end.
const SHARES: usize = 16;

/// The cut of one layer at one size.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(in crate::cpu) struct Cut {
    dims: [usize; 3],
    /// Size of a box; the last ones may be smaller.
    size: [usize; 3],
    /// Boxes along each axis.
    counts: [usize; 3],
    panels: usize,
    panels_at_once: usize,
}

impl Cut {
    /// The cut of `layer` for positions `dims`: the size of the output, or of
    /// the input for a transposed convolution.
    pub fn new(layer: &Layer, dims: [usize; 3]) -> Self {
        let total: usize = dims.iter().product();
        let most = (total / SHARES).clamp(POSITIONS[0], POSITIONS[1]);
        let bytes = |size| Patch::new(layer, Region { start: [0; 3], size }).lines() * size_of::<Line>();
        let mut size = dims;
        while size.iter().product::<usize>() > most || bytes(size) > PATCH_BYTES {
            // Halves the longest side, x last: long rows fill their tiles.
            let Some(axis) = [2, 1, 0].into_iter().max_by_key(|&axis| size[axis]).filter(|&axis| size[axis] > 1) else {
                break;
            };
            size[axis] = size[axis].div_ceil(2);
        }
        let counts: [usize; 3] = std::array::from_fn(|axis| dims[axis].div_ceil(size[axis]));
        let boxes: usize = counts.iter().product();
        let panels = layer.panels();
        // An even number, because two panels share the tiles of the input.
        let panels_at_once = panels.div_ceil(SHARES.div_ceil(boxes)).next_multiple_of(2);
        Self { dims, size, counts, panels, panels_at_once }
    }

    /// Number of boxes: the statistics slots are `[box][panel]`.
    pub fn boxes(&self) -> usize {
        self.counts.iter().product()
    }

    /// Number of shares.
    pub fn shares(&self) -> usize {
        self.boxes() * self.panels.div_ceil(self.panels_at_once)
    }

    /// Number of the box, the box and the panels of a share. Shares of a box
    /// are neighbours, so that threads read the same voxels.
    pub(super) fn share(&self, index: usize) -> (usize, Region, Range<usize>) {
        let groups = self.panels.div_ceil(self.panels_at_once);
        let (number, group) = (index / groups, index % groups);
        let [_, height, width] = self.counts;
        let at = [number / (width * height), number / width % height, number % width];
        let start: [usize; 3] = std::array::from_fn(|axis| at[axis] * self.size[axis]);
        let size = std::array::from_fn(|axis| self.size[axis].min(self.dims[axis] - start[axis]));
        let first = group * self.panels_at_once;
        (number, Region { start, size }, first..(first + self.panels_at_once).min(self.panels))
    }
}
