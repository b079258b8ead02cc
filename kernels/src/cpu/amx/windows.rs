//! Which 16 positions a tile holds.
//!
//! The rows of a tile are equally spaced in memory, so a tile takes 16
//! neighbouring voxels of the patch, whatever they are: voxels between two
//! rows of the box are computed and thrown away. Going along the patch and
//! starting a window at each position that no window holds yet needs the
//! fewest windows (the greedy cover of points by intervals).

use super::patch::Patch;
use super::tiles::ROWS;

/// A position of a window.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Place {
    /// Row of the tile.
    pub row: usize,
    /// Output voxel (of the first corner).
    pub voxel: usize,
}

/// The windows of one box.
#[derive(Debug, Default)]
pub(super) struct Windows {
    /// First voxel of each in the patch, and where its places end.
    starts: Vec<(usize, usize)>,
    places: Vec<Place>,
}

impl Windows {
    /// Covers the box of `patch`. `voxel_of` gives the output voxel of
    /// position `[z, y, 0]` in the box and the distance of the next one.
    pub(super) fn cover(
        &mut self,
        patch: &Patch<'_>,
        size: [usize; 3],
        voxel_of: impl Fn(usize, usize) -> (usize, usize),
    ) {
        self.starts.clear();
        self.places.clear();
        let mut start = 0;
        for z in 0..size[0] {
            for y in 0..size[1] {
                let (first, step) = voxel_of(z, y);
                let row = (z * patch.dims[1] + y) * patch.dims[2];
                for x in 0..size[2] {
                    let at = row + x;
                    if self.starts.is_empty() || at >= start + ROWS {
                        start = at;
                        self.starts.push((start, 0));
                    }
                    self.places.push(Place { row: at - start, voxel: first + x * step });
                    if let Some(window) = self.starts.last_mut() {
                        window.1 = self.places.len();
                    }
                }
            }
        }
    }

    pub(super) fn len(&self) -> usize {
        self.starts.len()
    }

    /// First voxel of a window in the patch.
    pub(super) fn start(&self, window: usize) -> usize {
        self.starts[window].0
    }

    /// The positions of a window, in order.
    pub(super) fn places(&self, window: usize) -> &[Place] {
        let first = if window == 0 { 0 } else { self.starts[window - 1].1 };
        &self.places[first..self.starts[window].1]
    }

    pub(super) fn bytes(&self) -> usize {
        self.starts.capacity() * size_of::<(usize, usize)>() + self.places.capacity() * size_of::<Place>()
    }
}
