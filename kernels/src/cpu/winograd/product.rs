//! The matrix products at the points of one plane.

use super::sizes::Sizes;
use super::weights::Line;
use crate::cpu::vector::{BLOCK, Kernel, Matmul, Vector};

/// Products of all tiles at the points `[first, first + sizes.plane())`.
pub(super) struct Products<'a> {
    pub sizes: &'a Sizes,
    /// First point of the plane.
    pub first: usize,
    /// Tiles in use.
    pub tiles: usize,
    /// Transformed inputs.
    pub values: &'a [f32],
    /// Weights of the plane, `[point][input channel]`.
    pub weights: &'a [Line],
    /// `[group][point][tile of group][lane]`.
    pub products: &'a mut [f32],
}

impl Kernel for Products<'_> {
    type Output = ();
    #[inline(always)]
    fn run<V: Vector>(self, v: V) {
        let Sizes { group, depth, .. } = *self.sizes;
        let plane = self.sizes.plane();
        let groups = self.tiles.div_ceil(group);
        assert!(group == V::ROWS && self.weights.len() == plane * depth);
        assert!(self.values.len() >= groups * self.sizes.tile.points() * self.sizes.point_step());
        assert!(self.products.len() >= groups * plane * group * BLOCK);
        for point in 0..plane {
            for index in 0..groups {
                let value = self.sizes.value(index * group, self.first + point);
                // SAFETY: the asserts bound all three matrices (test
                // `every_instruction_set_and_tile_computes_the_convolution`).
                unsafe {
                    let step = Matmul {
                        a: self.values.as_ptr().add(value),
                        a_stride: depth,
                        b: self.weights.as_ptr().add(point * depth).cast(),
                        c: self.products.as_mut_ptr().add((index * plane + point) * group * BLOCK),
                        depth,
                    };
                    v.matmul(group.min(self.tiles - index * group), step);
                }
            }
        }
    }
}
