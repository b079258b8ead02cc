//! How a volume is cut into batches, and the memory one batch needs.

use super::tile::Tile;
use super::weights::{Line, Winograd};
use crate::cpu::vector::BLOCK;

/// The cut of one layer at one size. It depends on nothing but shapes and
/// the instruction set, never on the number of threads.
#[derive(Debug, Clone, Copy)]
pub(in crate::cpu) struct Sizes {
    pub(super) tile: Tile,
    pub(super) dims: [usize; 3],
    /// Tiles along each axis.
    pub(super) counts: [usize; 3],
    /// Stored input channels.
    pub(super) depth: usize,
    /// Tiles the matrix product takes at once.
    pub(super) group: usize,
    /// Tiles of a batch.
    pub(super) batch: usize,
}

/// Tiles of one run at most: their rows stay in the first two caches.
const RUN: usize = 8;

/// Tiles of a batch: enough for every weight loaded to serve many tiles, and
/// few enough for the memory of a batch to stay in the second-level cache.
const TILES: usize = 24;

impl Sizes {
    /// The cut of `layer` on a volume of `dims`; `rows` is
    /// [`crate::cpu::vector::Isa::rows`].
    pub fn new(layer: &Winograd, dims: [usize; 3], rows: usize) -> Self {
        let tile = layer.tile;
        let counts = tile.counts(dims);
        let all: usize = counts.iter().product();
        // As many batches as give each about TILES tiles, all of one length.
        let batches = (all + TILES / 2) / TILES;
        let batch = all.div_ceil(batches.max(1)).div_ceil(rows).max(1) * rows;
        Self { tile, dims, counts, depth: layer.depth, group: rows, batch }
    }

    /// Number of batches.
    pub fn batches(&self) -> usize {
        self.tiles().div_ceil(self.batch)
    }

    /// Tiles of the volume.
    pub(super) fn tiles(&self) -> usize {
        self.counts.iter().product()
    }

    /// `[z, y, x]` of tile `index`.
    pub(super) fn position(&self, index: usize) -> [usize; 3] {
        let [_, height, width] = self.counts;
        [index / (width * height), index / width % height, index % width]
    }

    /// Runs of neighbouring tiles, of `len` tiles from `first` on:
    /// position of the first tile and length.
    pub(super) fn runs(self, first: usize, len: usize) -> impl Iterator<Item = (usize, usize)> {
        let end = first + len;
        let mut next = first;
        std::iter::from_fn(move || {
            let start = next;
            let left = self.counts[2] - start % self.counts[2];
            next = start + left.min(RUN).min(end - start);
            (start < end).then_some((start, next - start))
        })
    }

    /// Index of voxel `[z, y, x]`.
    #[inline(always)]
    pub(super) fn index(&self, [z, y, x]: [usize; 3]) -> usize {
        (z * self.dims[1] + y) * self.dims[2] + x
    }

    /// The voxels of row `[z, y]`; `None` outside the volume.
    pub(super) fn row<'a, T>(&self, voxels: &'a [T], z: isize, y: isize) -> Option<&'a [T]> {
        let inside = |at: isize, axis: usize| usize::try_from(at).ok().filter(|&at| at < self.dims[axis]);
        let (z, y) = (inside(z, 0)?, inside(y, 1)?);
        voxels.get(self.index([z, y, 0])..)?.get(..self.dims[2])
    }

    /// Floats from one point's values of a group to the next: one line more
    /// than needed, so that they do not compete for the same cache sets.
    pub(super) fn point_step(&self) -> usize {
        self.group * self.depth + BLOCK
    }

    /// Where the values of a tile at a point start.
    pub(super) fn value(&self, slot: usize, point: usize) -> usize {
        let group = slot / self.group * self.tile.points() + point;
        group * self.point_step() + slot % self.group * self.depth
    }

    /// Products of one plane of points.
    pub(super) fn plane(&self) -> usize {
        let [_, ny, nx] = self.tile.inputs();
        ny * nx
    }

    /// Floats between tiles whose planes are back in voxels.
    pub(super) fn plane_outputs(&self) -> usize {
        let [_, my, mx] = self.tile.outputs;
        my * mx * BLOCK
    }
}

/// What a thread needs while it computes; grows to the largest task it meets.
#[derive(Debug, Default)]
pub(in crate::cpu) struct Work {
    /// Rows of a run.
    pub(super) rows: Memory,
    /// Transformed inputs, `[group][point][tile of group][channel]`.
    pub(super) values: Memory,
    /// Products of one plane of points, `[group][point][tile of group][lane]`.
    pub(super) products: Memory,
    /// Planes back in voxels, `[tile][plane][y][x][lane]`.
    pub(super) planes: Memory,
}

impl Work {
    /// Makes room for a batch of `sizes`.
    pub(super) fn fit(&mut self, sizes: &Sizes) {
        let [nz, ny, nx] = sizes.tile.inputs();
        let width = RUN * sizes.tile.outputs[2] + nx;
        self.rows.fit((nz.max(ny) + nz * ny) * width * BLOCK);
        let groups = sizes.batch / sizes.group;
        self.values.fit(groups * sizes.tile.points() * sizes.point_step());
        self.products.fit(sizes.batch * sizes.plane() * BLOCK);
        self.planes.fit(sizes.batch * nz * sizes.plane_outputs());
    }

    /// Bytes it has grown to.
    pub fn bytes(&self) -> usize {
        [&self.rows, &self.values, &self.products, &self.planes].map(|memory| memory.0.len() * 64).iter().sum()
    }
}

/// Floats that start on a cache line.
#[derive(Debug, Default)]
pub(super) struct Memory(Vec<Line>);

impl Memory {
    fn fit(&mut self, floats: usize) {
        let lines = floats.div_ceil(BLOCK);
        if self.0.len() < lines {
            self.0.resize(lines, Line([0.0; BLOCK]));
        }
    }
}

impl std::ops::Deref for Memory {
    type Target = [f32];
    fn deref(&self) -> &[f32] {
        // SAFETY: a `Line` is 16 floats without padding (test
        // `every_instruction_set_and_tile_computes_the_convolution`).
        unsafe { std::slice::from_raw_parts(self.0.as_ptr().cast(), self.0.len() * BLOCK) }
    }
}

impl std::ops::DerefMut for Memory {
    fn deref_mut(&mut self) -> &mut [f32] {
        // SAFETY: as above, and the only reference.
        unsafe { std::slice::from_raw_parts_mut(self.0.as_mut_ptr().cast(), self.0.len() * BLOCK) }
    }
}
