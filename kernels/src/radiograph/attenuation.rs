//! A CT as attenuation, laid out for rays.

use rayon::prelude::*;

use super::camera::Ray;
use crate::error::GridError;
use crate::grid::count;

/// Most steps of a ray.
const MAX_STEPS: f32 = 1_048_576.0;

/// Attenuation relative to water with the last plane, row and voxel repeated
/// once, so that a sample never asks whether it has a neighbour.
#[derive(Debug)]
pub(super) struct Attenuation {
    values: Vec<f32>,
    /// Voxels of the CT along x, y, z.
    size: [usize; 3],
    /// Where it is not air: first and last voxel along x, y, z, one voxel wider.
    low: [f32; 3],
    high: [f32; 3],
}

/// What is not air in some rows: lowest and highest x, y, z.
type Extent = ([usize; 3], [usize; 3]);

impl Attenuation {
    /// - `dims`: `[z, y, x]`.
    ///
    /// # Errors
    /// [`GridError::Dims`] when the copy would not fit.
    pub(super) fn new(hu: &[f32], dims: [usize; 3]) -> Result<Self, GridError> {
        let [depth, height, width] = dims;
        let padded = dims.map(|n| n.saturating_add(1));
        let mut values = vec![0.0; count("radiograph", padded)?];
        let plane = padded[1] * padded[2];
        let extent = values
            .par_chunks_mut(plane)
            .enumerate()
            .map(|(z, plane)| {
                let mut extent = ([usize::MAX; 3], [0; 3]);
                for (y, row) in plane.chunks_mut(width + 1).enumerate() {
                    let start = (z.min(depth - 1) * height + y.min(height - 1)) * width;
                    fill_row(row, &hu[start..start + width], [y, z], &mut extent);
                }
                extent
            })
            .reduce(|| ([usize::MAX; 3], [0; 3]), joined);
        let low = extent.0.map(|n| n.saturating_sub(1) as f32);
        let high = extent.1.map(|n| (n + 1) as f32);
        Ok(Self { values, size: [width, height, depth], low, high })
    }

    /// The integral along a ray, in mm of water.
    pub(super) fn along(&self, ray: &Ray, step_mm: f32) -> f32 {
        if ray.enter >= ray.leave {
            return 0.0;
        }
        let length_mm = ray.length_mm * (ray.leave - ray.enter);
        let steps = (length_mm / step_mm).ceil().clamp(1.0, MAX_STEPS);
        let share = (ray.leave - ray.enter) / steps;
        let (first, end) = self.steps_in_matter(ray, share, steps as usize);
        let mut sum = 0.0;
        for step in first..end {
            let t = ray.enter + (step as f32 + 0.5) * share;
            sum += self.at([0, 1, 2].map(|axis| ray.from[axis] + t * ray.along[axis]));
        }
        sum * (length_mm / steps)
    }

    /// The steps that may meet something, first and one past the last.
    fn steps_in_matter(&self, ray: &Ray, share: f32, steps: usize) -> (usize, usize) {
        let (mut enter, mut leave) = (ray.enter, ray.leave);
        for axis in 0..3 {
            let (from, along) = (ray.from[axis], ray.along[axis]);
            if along != 0.0 {
                let (a, b) = ((self.low[axis] - from) / along, (self.high[axis] - from) / along);
                enter = enter.max(a.min(b));
                leave = leave.min(a.max(b));
            } else if from < self.low[axis] || from > self.high[axis] {
                return (0, 0);
            }
        }
        // One step wider, for rounding; negative numbers and NaN become 0.
        let first = ((enter - ray.enter) / share - 1.0) as usize;
        let end = ((leave - ray.enter) / share + 2.0) as usize;
        (first, end.min(steps))
    }

    /// Trilinear sample; places are clamped to the voxel centres.
    #[inline]
    fn at(&self, place: [f32; 3]) -> f32 {
        let mut low = [0_usize; 3];
        let mut share = [0.0_f32; 3];
        for axis in 0..3 {
            let inside = place[axis].clamp(0.0, (self.size[axis] - 1) as f32);
            low[axis] = inside as usize;
            share[axis] = inside - low[axis] as f32;
        }
        let row = self.size[0] + 1;
        let plane = row * (self.size[1] + 1);
        let first = low[2] * plane + low[1] * row + low[0];
        let pair = |start: usize| {
            let two = &self.values[start..start + 2];
            two[0] + (two[1] - two[0]) * share[0]
        };
        let (a, b) = (pair(first), pair(first + row));
        let (c, d) = (pair(first + plane), pair(first + plane + row));
        let (near, far) = (a + (b - a) * share[1], c + (d - c) * share[1]);
        near + (far - near) * share[2]
    }
}

/// One row as attenuation, its last value twice; widens `extent` by what is not air.
fn fill_row(row: &mut [f32], hu: &[f32], [y, z]: [usize; 2], extent: &mut Extent) {
    for (value, hu) in row.iter_mut().zip(hu) {
        *value = (1.0 + hu * 1e-3).max(0.0);
    }
    if let [.., before, last] = row {
        *last = *before;
    }
    let is_matter = |value: &f32| *value > 0.0;
    if let (Some(first), Some(last)) = (row.iter().position(is_matter), row.iter().rposition(is_matter)) {
        *extent = joined(*extent, ([first, y, z], [last, y, z]));
    }
}

fn joined(a: Extent, b: Extent) -> Extent {
    ([0, 1, 2].map(|k| a.0[k].min(b.0[k])), [0, 1, 2].map(|k| a.1[k].max(b.1[k])))
}
