//! Finer grids: repeated voxels, or linear between voxel centres.

use super::gather::{Gather, Row};
use super::task::Scratch;
use crate::cpu::element::Element;
use crate::cpu::vector::Vector;
use crate::graph::UpsampleKind;
use crate::program::BLOCK;

/// An upsampling by whole factors `[z, y, x]`.
#[derive(Debug, Clone, Copy)]
pub(in crate::cpu) struct Upsample {
    pub factor: [usize; 3],
    pub kind: UpsampleKind,
}

/// Two neighbours on an axis and their weights.
#[derive(Debug, Clone, Copy, PartialEq)]
struct Between {
    at: [usize; 2],
    weight: [f32; 2],
}

impl Upsample {
    /// Row `[z, y]` of an output block.
    #[inline(always)]
    pub(super) fn row<V: Vector, E: Element>(
        &self,
        v: V,
        input: &Gather<'_, E>,
        [block, z, y]: [usize; 3],
        Scratch { loaded, mixed, packed }: &mut Scratch,
        target: &mut Row,
    ) {
        let [depth, height, width] = input.dims();
        loaded.resize(width, [0.0; BLOCK]);
        if self.kind == UpsampleKind::Nearest {
            input.row(v, [block, z / self.factor[0], y / self.factor[1]], packed, loaded);
            for (repeated, values) in target.chunks_mut(self.factor[2]).zip(loaded.iter()) {
                repeated.fill(*values);
            }
            return;
        }
        mixed.clear();
        mixed.resize(width, [0.0; BLOCK]);
        let (z, y) = (self.between(0, z, depth), self.between(1, y, height));
        for (iz, wz) in z.at.into_iter().zip(z.weight) {
            for (iy, wy) in y.at.into_iter().zip(y.weight) {
                if wz * wy == 0.0 {
                    continue;
                }
                input.row(v, [block, iz, iy], packed, loaded);
                for (sum, value) in mixed.as_flattened_mut().iter_mut().zip(loaded.as_flattened()) {
                    *sum += wz * wy * value;
                }
            }
        }
        for (x, target) in target.iter_mut().enumerate() {
            let Between { at: [a, b], weight: [wa, wb] } = self.between(2, x, width);
            for lane in 0..BLOCK {
                target[lane] = wa * mixed[a][lane] + wb * mixed[b][lane];
            }
        }
    }

    /// PyTorch's `align_corners=False`: `(at + 0.5) / factor - 0.5`, not below 0.
    #[inline(always)]
    fn between(&self, axis: usize, at: usize, size: usize) -> Between {
        // In half steps of the fine grid, so that small numbers stay exact.
        let place = ((2 * at + 1) as f32 / (2 * self.factor[axis]) as f32 - 0.5).max(0.0);
        let first = (place as usize).min(size - 1);
        let second = (first + 1).min(size - 1);
        let weight = place - first as f32;
        Between { at: [first, second], weight: [1.0 - weight, weight] }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn corners_are_not_extrapolated() {
        let up = Upsample { factor: [1, 2, 4], kind: UpsampleKind::Linear };
        assert_eq!(up.between(1, 0, 5), Between { at: [0, 1], weight: [1.0, 0.0] });
        assert_eq!(up.between(1, 1, 5), Between { at: [0, 1], weight: [0.75, 0.25] });
        assert_eq!(up.between(1, 9, 5).at, [4, 4]);
        assert_eq!(up.between(2, 4, 3).weight, [0.375, 0.625]);
        assert_eq!(up.between(0, 3, 5), Between { at: [3, 4], weight: [1.0, 0.0] });
    }
}
