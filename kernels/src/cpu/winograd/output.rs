//! From products back to voxels, and out.

use super::sizes::Sizes;
use super::transform::{Axis, Four, One, Two};
use super::weights::Line;
use crate::cpu::blocks::OutputBlocks;
use crate::cpu::statistics::Moments;
use crate::cpu::vector::{BLOCK, Element, Isa, Kernel, Vector};
use crate::graph::Activation;

/// Products of a plane of points, at most 6 x 6.
const PLANE: usize = 36;

/// Turns the products of one plane of points into voxels.
pub(super) struct Planes<'a> {
    pub sizes: &'a Sizes,
    /// Which plane.
    pub z: usize,
    /// Tiles in use.
    pub tiles: usize,
    /// As [`super::product::Products`] leaves them.
    pub products: &'a [f32],
    /// `[tile][plane][y][x][lane]`.
    pub planes: &'a mut [f32],
}

impl Planes<'_> {
    /// Transforms all tiles.
    pub fn run_on(self, isa: Isa) {
        let [_, my, mx] = self.sizes.tile.outputs;
        match (my, mx) {
            (2, 2) => isa.run((Two, Two, self)),
            (2, _) => isa.run((Two, Four, self)),
            (_, 2) => isa.run((Four, Two, self)),
            _ => isa.run((Four, Four, self)),
        }
    }
}

impl<Y: Axis, X: Axis> Kernel for (Y, X, Planes<'_>) {
    type Output = ();
    #[inline(always)]
    fn run<V: Vector>(self, v: V) {
        let (along_y, along_x, Planes { sizes, z, tiles, products, planes }) = self;
        let (group, depth) = (sizes.group, sizes.tile.inputs()[0]);
        let size = Y::OUTPUTS * X::OUTPUTS * BLOCK;
        assert!(products.len() >= tiles.div_ceil(group) * group * Y::INPUTS * X::INPUTS * BLOCK);
        assert!(planes.len() >= tiles * depth * size && z < depth);
        for tile in 0..tiles {
            let first = (tile / group * Y::INPUTS * X::INPUTS * group + tile % group) * BLOCK;
            for part in (0..BLOCK).step_by(V::LANES) {
                // SAFETY: the asserts bound both sides (test
                // `every_instruction_set_and_tile_computes_the_convolution`).
                let (from, to) = unsafe {
                    let to = planes.as_mut_ptr().add((tile * depth + z) * size + part);
                    (products.as_ptr().add(first + part), to)
                };
                let mut rows = [v; PLANE];
                for y in 0..Y::INPUTS {
                    // SAFETY: as above.
                    let get = |x: usize| unsafe { v.load(from.add((y * X::INPUTS + x) * group * BLOCK)) };
                    along_x.output(get, |x, value| rows[y * X::OUTPUTS + x] = value);
                }
                for x in 0..X::OUTPUTS {
                    // SAFETY: as above.
                    let put = |y: usize, value: V| unsafe { value.store(to.add((y * X::OUTPUTS + x) * BLOCK)) };
                    along_y.output(|y| rows[y * X::OUTPUTS + x], put);
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
            1 => isa.run((One, self)),
            2 => isa.run((Two, self)),
            _ => isa.run((Four, self)),
        }
    }
}

impl<A: Axis, E: Element> Kernel for (A, Finish<'_, E>) {
    type Output = ();
    #[inline(always)]
    fn run<V: Vector>(self, v: V) {
        let (axis, Finish { sizes, origin, planes, bias, activation, output, panel, moments }) = self;
        let [_, height, width] = sizes.tile.outputs;
        let size = height * width * BLOCK;
        assert!(planes.len() >= A::INPUTS * size && output.dims() == sizes.dims);
        let inside: [usize; 3] = std::array::from_fn(|a| sizes.tile.outputs[a].min(sizes.dims[a] - origin[a]));
        let whole = inside == sizes.tile.outputs;
        let corner: *mut E = output.voxel(panel, sizes.index(origin)).cast();
        let slice = sizes.dims[1] * sizes.dims[2] * BLOCK;
        let slope = activation.slope().map(|slope| v.splat(slope));
        let mut sums = [[v.splat(0.0); 2]; 4];
        for y in 0..inside[1] {
            for x in 0..inside[2] {
                for (part, [sum, squares]) in (0..BLOCK).step_by(V::LANES).zip(&mut sums) {
                    // SAFETY: below `size` floats of each plane (assert), inside
                    // a line of bias, and inside the output because the corner
                    // is and `inside` ends with it (test
                    // `volumes_of_any_size_end_where_they_should`).
                    let (from, bias, to) = unsafe {
                        let to = corner.add((y * sizes.dims[2] + x) * BLOCK + part);
                        (planes.as_ptr().add((y * width + x) * BLOCK + part), v.load(bias.0.as_ptr().add(part)), to)
                    };
                    // SAFETY: as above.
                    let get = |z: usize| unsafe { v.load(from.add(z * size)) };
                    let mut column = [v; 4];
                    axis.output(get, |z, value| column[z] = value);
                    for (z, value) in column.into_iter().enumerate().take(A::OUTPUTS) {
                        if whole || z < inside[0] {
                            let value = activate(value.add(bias), slope, activation);
                            // SAFETY: as above; this task alone writes the voxels
                            // of its tiles (test `any_split_gives_the_same_bits`).
                            // The statistics are those of what is stored.
                            let stored = unsafe {
                                E::write(value, to.add(z * slice));
                                E::read(v, to.add(z * slice))
                            };
                            *sum = sum.add(stored);
                            *squares = stored.mul_add(stored, *squares);
                        }
                    }
                }
            }
        }
        for (part, [sum, squares]) in (0..BLOCK).step_by(V::LANES).zip(sums) {
            add(&mut moments.sum[part..], sum);
            add(&mut moments.squares[part..], squares);
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

/// Adds the f32 sums of one tile (at most 64 values) to f64 sums.
#[inline(always)]
fn add<V: Vector>(sums: &mut [f64], tile: V) {
    let mut lanes = [0.0; BLOCK];
    // SAFETY: a vector has at most 16 lanes.
    unsafe { tile.store(lanes.as_mut_ptr()) };
    for (sum, &lane) in sums.iter_mut().zip(&lanes[..V::LANES]) {
        *sum += f64::from(lane);
    }
}
