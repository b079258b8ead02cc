//! Values on a small grid in a vertebra's own axes.

use rayon::prelude::*;

/// Values at corners `low + step * [i, j, k]` of local coordinates (to the
/// left, to the front, up), mm; `[k, j, i]` in memory.
#[derive(Debug, Clone)]
pub(super) struct Lattice {
    pub low: [f64; 3],
    pub step: [f64; 3],
    pub size: [usize; 3],
    pub values: Vec<f32>,
}

impl Lattice {
    /// Corners that cover `low` to `high`; `value` is asked at each, in parallel.
    pub fn fill(low: [f64; 3], high: [f64; 3], step: [f64; 3], value: impl Fn([f64; 3]) -> f32 + Sync) -> Self {
        let size = [0, 1, 2].map(|i| ((high[i] - low[i]) / step[i]).ceil().clamp(1.0, 500.0) as usize + 1);
        let mut lattice = Self { low, step, size, values: vec![0.0; size.iter().product()] };
        let plane = size[0] * size[1];
        lattice.values.par_chunks_mut(plane).enumerate().for_each(|(k, values)| {
            for (n, slot) in values.iter_mut().enumerate() {
                let at = [n % size[0], n / size[0], k];
                *slot = value([0, 1, 2].map(|i| low[i] + step[i] * at[i] as f64));
            }
        });
        lattice
    }

    /// Local coordinates of a corner by its place in memory.
    pub fn place(&self, index: usize) -> [f64; 3] {
        let [nx, ny, _] = self.size;
        let at = [index % nx, index / nx % ny, index / (nx * ny)];
        [0, 1, 2].map(|i| self.low[i] + self.step[i] * at[i] as f64)
    }

    /// Trilinear between the corners; `None` outside them.
    pub fn at(&self, local: [f64; 3]) -> Option<f64> {
        let (mut corner, mut share) = ([0usize; 3], [0f64; 3]);
        for i in 0..3 {
            let along = (local[i] - self.low[i]) / self.step[i];
            // False for NaN as well.
            if !(along >= 0.0 && along < (self.size[i] - 1) as f64) {
                return None;
            }
            (corner[i], share[i]) = (along as usize, along.fract());
        }
        let mut sum = 0.0;
        for bits in 0..8usize {
            let d = [bits & 1, bits >> 1 & 1, bits >> 2];
            let weight: f64 = (0..3).map(|i| if d[i] == 1 { share[i] } else { 1.0 - share[i] }).product();
            let [x, y, z] = [0, 1, 2].map(|i| corner[i] + d[i]);
            sum += weight * f64::from(*self.values.get((z * self.size[1] + y) * self.size[0] + x)?);
        }
        Some(sum)
    }
}
