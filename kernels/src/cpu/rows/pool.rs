//! Maximum and mean of moving windows.

use super::gather::{Gather, Row};
use super::task::Scratch;
use crate::cpu::element::Element;
use crate::cpu::vector::Vector;
use crate::graph::PoolKind;
use crate::program::BLOCK;

/// A pool; sizes `[z, y, x]`.
#[derive(Debug, Clone, Copy)]
pub(in crate::cpu) struct Pool {
    pub kind: PoolKind,
    pub kernel: [usize; 3],
    pub stride: [usize; 3],
    /// Maximum only.
    pub padding: [usize; 3],
}

impl Pool {
    /// Row `[z, y]` of an output block.
    #[inline(always)]
    pub(super) fn row<V: Vector, E: Element>(
        &self,
        v: V,
        input: &Gather<'_, E>,
        [block, z, y]: [usize; 3],
        Scratch { loaded, packed, .. }: &mut Scratch,
        target: &mut Row,
    ) {
        let [depth, height, width] = input.dims();
        loaded.resize(width, [0.0; BLOCK]);
        target.fill(match self.kind {
            PoolKind::Max => [f32::NEG_INFINITY; BLOCK],
            PoolKind::Average => [0.0; BLOCK],
        });
        for z in self.window(0, z, depth) {
            for y in self.window(1, y, height) {
                input.row(v, [block, z, y], packed, loaded);
                match self.kind {
                    PoolKind::Max => self.along(loaded, target, |a, b| if a > b { a } else { b }),
                    PoolKind::Average => self.along(loaded, target, |a, b| a + b),
                }
            }
        }
        if self.kind == PoolKind::Average {
            let share = 1.0 / self.kernel.iter().product::<usize>() as f32;
            for value in target.as_flattened_mut() {
                *value *= share;
            }
        }
    }

    /// Input voxels of a window on one axis, inside the volume.
    #[inline(always)]
    fn window(&self, axis: usize, at: usize, size: usize) -> std::ops::Range<usize> {
        let start = at * self.stride[axis];
        let end = (start + self.kernel[axis]).saturating_sub(self.padding[axis]).min(size);
        start.saturating_sub(self.padding[axis])..end
    }

    #[inline(always)]
    fn along(&self, row: &Row, target: &mut Row, join: impl Fn(f32, f32) -> f32) {
        for (x, target) in target.iter_mut().enumerate() {
            for values in &row[self.window(2, x, row.len())] {
                for lane in 0..BLOCK {
                    target[lane] = join(target[lane], values[lane]);
                }
            }
        }
    }
}
