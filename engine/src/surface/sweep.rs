//! Spreading of the nearest points from cell to cell of a lattice.

use rayon::prelude::*;

/// Held by a cell that no point has reached.
pub(super) const NO_POINT: u32 = u32::MAX;

/// A lattice in which every cell holds a point, and takes over its
/// neighbour's when that is nearer to its centre.
///
/// Cells hold the coordinates of their point beside its index, so that a sweep
/// reads memory in order instead of looking points up.
pub(super) struct Sweep {
    /// Centre of the lowest cell, mm.
    low: [f32; 3],
    cell_mm: f32,
    size: [usize; 3],
    /// x, y and z of the point each cell holds; infinite without one.
    pub(super) held: [Vec<f32>; 3],
    /// Its index.
    pub(super) nearest: Vec<u32>,
}

/// A run of cells along x with what they hold.
struct Row<'a> {
    held: [&'a mut [f32]; 3],
    nearest: &'a mut [u32],
}

/// The same, to read from.
struct From<'a> {
    held: [&'a [f32]; 3],
    nearest: &'a [u32],
}

impl Sweep {
    /// Cells without points.
    pub(super) fn new(low: [f32; 3], cell_mm: f32, size: [usize; 3]) -> Self {
        let count = size.iter().product();
        let held = [0; 3].map(|_| vec![f32::INFINITY; count]);
        Self { low, cell_mm, size, held, nearest: vec![NO_POINT; count] }
    }

    /// Coordinate of the centre of cell `at` along `axis`, mm.
    pub(super) fn centre(&self, axis: usize, at: usize) -> f32 {
        self.low[axis] + at as f32 * self.cell_mm
    }

    /// Sweeps along y, z, x, y and z, forth and back, and gives the indices.
    pub(super) fn spread(mut self) -> Vec<u32> {
        self.within_planes(false);
        self.between_planes();
        self.within_planes(true);
        self.between_planes();
        self.nearest
    }

    /// Along x, if asked, and along y, in every plane.
    fn within_planes(&mut self, is_along_x: bool) {
        let [width, height, _] = self.size;
        let plane = width * height;
        let xs: Vec<f32> = (0..width).map(|x| self.centre(0, x)).collect();
        let ys: Vec<f32> = (0..height).map(|y| self.centre(1, y)).collect();
        let (low, cell_mm) = (self.low[2], self.cell_mm);
        let [a, b, c] = &mut self.held;
        let held = a.par_chunks_mut(plane).zip(b.par_chunks_mut(plane)).zip(c.par_chunks_mut(plane));
        held.zip(self.nearest.par_chunks_mut(plane)).enumerate().for_each(|(z, (((a, b), c), nearest))| {
            let at_z = low + z as f32 * cell_mm;
            let mut all = Row { held: [a, b, c], nearest };
            if is_along_x {
                (0..height).for_each(|y| all.cut(y * width, width).along(&xs, ys[y], at_z));
            }
            let mut between = |to_y: usize, from_y: usize| {
                let (mut to, from) = all.split(to_y * width, from_y * width, width);
                to.take_over(&from, &xs, ys[to_y], at_z);
            };
            (1..height).for_each(|y| between(y, y - 1));
            (1..height).rev().for_each(|y| between(y - 1, y));
        });
    }

    /// Along z.
    fn between_planes(&mut self) {
        let [width, height, depth] = self.size;
        let plane = width * height;
        let xs: Vec<f32> = (0..width).map(|x| self.centre(0, x)).collect();
        let ys: Vec<f32> = (0..height).map(|y| self.centre(1, y)).collect();
        let (low, cell_mm) = (self.low[2], self.cell_mm);
        let [a, b, c] = &mut self.held;
        let mut all = Row { held: [a, b, c], nearest: &mut self.nearest };
        let mut between = |to_z: usize, from_z: usize| {
            let (to, from) = all.split(to_z * plane, from_z * plane, plane);
            let at_z = low + to_z as f32 * cell_mm;
            let [a, b, c] = to.held;
            let held = a.par_chunks_mut(width).zip(b.par_chunks_mut(width)).zip(c.par_chunks_mut(width));
            let rows = held.zip(to.nearest.par_chunks_mut(width)).enumerate().with_min_len(32);
            rows.for_each(|(y, (((a, b), c), nearest))| {
                let from = from.cut(y * width, width);
                Row { held: [a, b, c], nearest }.take_over(&from, &xs, ys[y], at_z);
            });
        };
        (1..depth).for_each(|z| between(z, z - 1));
        (1..depth).rev().for_each(|z| between(z - 1, z));
    }
}

impl From<'_> {
    fn cut(&self, start: usize, length: usize) -> From<'_> {
        let range = start..start + length;
        From { held: self.held.map(|h| &h[range.clone()]), nearest: &self.nearest[range] }
    }
}

impl Row<'_> {
    fn cut(&mut self, start: usize, length: usize) -> Row<'_> {
        let range = start..start + length;
        let [a, b, c] = &mut self.held;
        let held = [&mut a[range.clone()], &mut b[range.clone()], &mut c[range.clone()]];
        Row { held, nearest: &mut self.nearest[range] }
    }

    /// Two runs of cells that follow each other, the first to be written.
    fn split(&mut self, to: usize, from: usize, length: usize) -> (Row<'_>, From<'_>) {
        fn pair<T>(all: &mut [T], to: usize, from: usize, length: usize) -> (&mut [T], &[T]) {
            let (lower, upper) = all[to.min(from)..][..2 * length].split_at_mut(length);
            if to < from { (lower, upper) } else { (upper, lower) }
        }
        let [a, b, c] = &mut self.held;
        let [(a, a_from), (b, b_from), (c, c_from)] = [a, b, c].map(|h| pair(h, to, from, length));
        let (nearest, nearest_from) = pair(self.nearest, to, from, length);
        (Row { held: [a, b, c], nearest }, From { held: [a_from, b_from, c_from], nearest: nearest_from })
    }

    /// Each cell takes over what the one beside it in `from` holds when that is
    /// nearer; centres at `xs`, `y`, `z`. Without branches, for the compiler to
    /// do several at once.
    #[inline(never)]
    fn take_over(&mut self, from: &From<'_>, xs: &[f32], y: f32, z: f32) {
        let count = xs.len();
        let [px, py, pz] = &mut self.held;
        let (px, py, pz, index) = (&mut px[..count], &mut py[..count], &mut pz[..count], &mut self.nearest[..count]);
        let [qx, qy, qz] = from.held.map(|h| &h[..count]);
        let other = &from.nearest[..count];
        for i in 0..count {
            let own = (px[i] - xs[i]) * (px[i] - xs[i]) + (py[i] - y) * (py[i] - y) + (pz[i] - z) * (pz[i] - z);
            let new = (qx[i] - xs[i]) * (qx[i] - xs[i]) + (qy[i] - y) * (qy[i] - y) + (qz[i] - z) * (qz[i] - z);
            let is_nearer = new < own;
            px[i] = if is_nearer { qx[i] } else { px[i] };
            py[i] = if is_nearer { qy[i] } else { py[i] };
            pz[i] = if is_nearer { qz[i] } else { pz[i] };
            index[i] = if is_nearer { other[i] } else { index[i] };
        }
    }

    /// Forth and back along this row.
    #[inline(never)]
    fn along(&mut self, xs: &[f32], y: f32, z: f32) {
        let [px, py, pz] = &mut self.held;
        let mut take = |to: usize, from: usize| {
            let squared = |i: usize| (px[i] - xs[to]).powi(2) + (py[i] - y).powi(2) + (pz[i] - z).powi(2);
            if squared(from) < squared(to) {
                (px[to], py[to], pz[to]) = (px[from], py[from], pz[from]);
                self.nearest[to] = self.nearest[from];
            }
        };
        (1..xs.len()).for_each(|x| take(x, x - 1));
        (1..xs.len()).rev().for_each(|x| take(x - 1, x));
    }
}
