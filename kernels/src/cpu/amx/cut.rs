//! How the output of a layer is cut into shares of work.
//!
//! The cut depends on shapes only, never on the number of threads, because
//! statistics are summed box by box.

use super::layer::Layer;
use super::patch::Patch;
use super::tiles::Line;
pub(in crate::cpu) use crate::cpu::cut::Cut;
pub(super) use crate::cpu::cut::Region;

/// Bytes of a patch that leave room for weights in a second-level cache of
/// 2 MB, which every processor with tiles has.
const PATCH_BYTES: usize = 768 * 1024;

/// Fewest and most positions of a box: small boxes load many voxels around
/// them, large ones leave threads idle at the end.
const POSITIONS: [usize; 2] = [512, 4096];

/// Shares that keep a few threads busy to the end.
const SHARES: usize = 16;

impl Cut {
    /// The cut of `layer` for positions `dims`: the size of the output, or of
    /// the input for a transposed convolution.
    pub fn of_tiles(layer: &Layer, dims: [usize; 3]) -> Self {
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
        let panels = layer.panels();
        // An even number, because two panels share the tiles of the input.
        Self::of(dims, size, panels, |boxes| panels.div_ceil(SHARES.div_ceil(boxes)).next_multiple_of(2))
    }
}
