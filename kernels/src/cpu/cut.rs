//! Shares of work: boxes of a grid times groups of panels.
//!
//! Whoever makes a [`Cut`] chooses its boxes from shapes only, never from the
//! number of threads, because statistics are summed box by box.

use std::ops::Range;

/// A box of positions `[z, y, x]`: output voxels, or input voxels of a
/// transposed convolution.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(in crate::cpu) struct Region {
    pub start: [usize; 3],
    pub size: [usize; 3],
}

/// The cut of one layer at one size.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(in crate::cpu) struct Cut {
    /// Positions.
    dims: [usize; 3],
    /// Size of a box; the last ones may be smaller.
    size: [usize; 3],
    /// Boxes along each axis.
    counts: [usize; 3],
    panels: usize,
    /// Panels of a share.
    panels_at_once: usize,
}

impl Cut {
    /// Boxes of `size`, and `panels_at_once(boxes)` of the `panels` in a share.
    pub fn of(dims: [usize; 3], size: [usize; 3], panels: usize, panels_at_once: impl FnOnce(usize) -> usize) -> Self {
        let counts: [usize; 3] = std::array::from_fn(|axis| dims[axis].div_ceil(size[axis]));
        let panels_at_once = panels_at_once(counts.iter().product());
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
    pub fn share(&self, index: usize) -> (usize, Region, Range<usize>) {
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
