//! From products back to voxels, and out.

use super::moments::Moments;
use super::sizes::Sizes;
use super::transform::{Axis, Four, One, Two};
use super::weights::Line;
use crate::cpu::blocks::OutputBlocks;
use crate::cpu::element::Lanes;
use crate::cpu::vector::{BLOCK, Element, Isa, Kernel, Vector};
use crate::graph::Activation;

/// Products of a plane of points, at most 6 x 6.
const PLANE: usize = 36;

/// Turns the products of plane `z` into voxels, for `tiles` tiles.
pub(super) fn planes(isa: Isa, sizes: &Sizes, z: usize, tiles: usize, products: &[f32], planes: &mut [f32]) {
    let [_, my, mx] = sizes.tile.outputs;
    match (my, mx) {
        (2, 2) => isa.run(Planes { axes: (Two, Two), sizes, z, tiles, products, planes }),
        (2, _) => isa.run(Planes { axes: (Two, Four), sizes, z, tiles, products, planes }),
        (_, 2) => isa.run(Planes { axes: (Four, Two), sizes, z, tiles, products, planes }),
        _ => isa.run(Planes { axes: (Four, Four), sizes, z, tiles, products, planes }),
    }
}

struct Planes<'a, A> {
    #[allow(dead_code, reason = "names the type only")]
    axes: A,
    sizes: &'a Sizes,
    z: usize,
    tiles: usize,
    products: &'a [f32],
    planes: &'a mut [f32],
}

impl<Y: Axis, X: Axis> Kernel for Planes<'_, (Y, X)> {
    type Output = ();
    #[inline(always)]
    fn run<V: Vector>(self, v: V) {
        let sizes = self.sizes;
        let (group, depth) = (sizes.group, sizes.tile.inputs()[0]);
        let size = Y::OUTPUTS * X::OUTPUTS * BLOCK;
        assert!(self.products.len() >= self.tiles.div_ceil(group) * group * Y::INPUTS * X::INPUTS * BLOCK);
        assert!(self.planes.len() >= self.tiles * depth * size && self.z < depth);
        for tile in 0..self.tiles {
            let first = (tile / group * Y::INPUTS * X::INPUTS * group + tile % group) * BLOCK;
            for part in (0..BLOCK).step_by(V::LANES) {
                // SAFETY: the asserts bound both sides (test `winograd::tests`).
                let (from, to) = unsafe {
                    let to = self.planes.as_mut_ptr().add((tile * depth + self.z) * size + part);
                    (self.products.as_ptr().add(first + part), to)
                };
                let mut rows = [v; PLANE];
                for y in 0..Y::INPUTS {
                    // SAFETY: as above.
                    let get = |x: usize| unsafe { v.load(from.add((y * X::INPUTS + x) * group * BLOCK)) };
                    X::output(get, |x, value| rows[y * X::OUTPUTS + x] = value);
                }
                for x in 0..X::OUTPUTS {
                    // SAFETY: as above.
                    let put = |y: usize, value: V| unsafe { value.store(to.add((y * X::OUTPUTS + x) * BLOCK)) };
                    Y::output(|y| rows[y * X::OUTPUTS + x], put);
                }
            }
        }
    }
}

/// The last transform of one tile, along z; bias, activation, statistics and
/// the way out.
pub(super) struct Finish<'a, E> {
    pub sizes: &'a Sizes,
    /// First voxel `[z, y, x]` of the tile.
    pub origin: [usize; 3],
    /// `[plane][y][x][lane]`.
    pub planes: &'a [f32],
    pub bias: &'a Line,
    pub activation: Activation,
    pub output: &'a OutputBlocks<'a, E>,
    /// Output block.
    pub panel: usize,
    pub moments: &'a mut Moments,
}

impl<E: Element> Finish<'_, E> {
    /// Writes the tile.
    pub fn run_on(self, isa: Isa) {
        match self.sizes.tile.outputs[0] {
            1 => isa.run(FinishAlong { axis: One, tile: self }),
            2 => isa.run(FinishAlong { axis: Two, tile: self }),
            _ => isa.run(FinishAlong { axis: Four, tile: self }),
        }
    }
}

struct FinishAlong<'a, A, E> {
    #[allow(dead_code, reason = "names the type only")]
    axis: A,
    tile: Finish<'a, E>,
}

impl<A: Axis, E: Element> Kernel for FinishAlong<'_, A, E> {
    type Output = ();
    #[inline(always)]
    fn run<V: Vector>(self, v: V) {
        let Finish { sizes, origin, planes, bias, activation, output, panel, moments } = self.tile;
        let [_, height, width] = sizes.tile.outputs;
        let size = height * width * BLOCK;
        assert!(planes.len() >= A::INPUTS * size);
        let inside: [usize; 3] = std::array::from_fn(|a| sizes.tile.outputs[a].min(sizes.dims[a] - origin[a]));
        let slope = activation.slope().map(|slope| v.splat(slope));
        for part in (0..BLOCK).step_by(V::LANES) {
            // SAFETY: a line has 16 floats.
            let bias = unsafe { v.load(bias.0.as_ptr().add(part)) };
            let (mut sum, mut squares) = (v.splat(0.0), v.splat(0.0));
            for y in 0..inside[1] {
                for x in 0..inside[2] {
                    // SAFETY: below `size` floats of each plane (assert).
                    let from = unsafe { planes.as_ptr().add((y * width + x) * BLOCK + part) };
                    let mut column = [v; 4];
                    // SAFETY: as above.
                    A::output(|z| unsafe { v.load(from.add(z * size)) }, |z, value| column[z] = value);
                    for (z, value) in column.iter().enumerate().take(inside[0].min(A::OUTPUTS)) {
                        let value = activate(value.add(bias), slope, activation);
                        sum = sum.add(value);
                        squares = value.mul_add(value, squares);
                        let voxel = sizes.index([origin[0] + z, origin[1] + y, origin[2] + x]);
                        // SAFETY: this task alone writes the voxels of its
                        // tiles (test `any_split_gives_the_same_bits`).
                        unsafe { E::write(value, output.voxel(panel, voxel).cast::<E>().add(part)) };
                    }
                }
            }
            moments.add(part, sum, squares);
        }
    }
}

/// Two straight lines in vectors; the curved ones lane by lane.
#[inline(always)]
fn activate<V: Vector>(value: V, slope: Option<V>, activation: Activation) -> V {
    if let Some(slope) = slope {
        return value.max(value.mul(slope));
    }
    let mut lanes = [0.0; BLOCK];
    // SAFETY: a vector has at most 16 lanes.
    unsafe {
        value.store(lanes.as_mut_ptr());
        for lane in &mut lanes[..V::LANES] {
            *lane = activation.apply(*lane);
        }
        value.load(lanes.as_ptr())
    }
}
