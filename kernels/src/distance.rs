//! Exact Euclidean distance of every voxel to a mask.

use rayon::prelude::*;

use crate::error::GridError;
use crate::grid::{check_len, check_setting, rows_by_y};

/// Squared distance in mm^2 from each voxel centre to the nearest centre of a
/// `true` voxel: 0 inside the mask, infinity everywhere when the mask is empty.
///
/// - `dims`, `spacing_mm`: `[z, y, x]`.
///
/// # Errors
/// [`GridError`] for lengths that do not match, empty grids, and spacings
/// that are not positive.
///
/// Cost: linear in the voxels: one pass along x, then a lower envelope of
/// parabolas along y and z (Felzenszwalb & Huttenlocher 2012, algorithm 1,
/// DOI 10.4086/toc.2012.v008a019); all threads of the current rayon pool. The
/// result does not depend on them and is exact up to f32 rounding.
///
/// ```
/// let mask = [false, false, false, true];
/// let squared_mm = kernels::distance_transform(&mask, [1, 1, 4], [1.0, 1.0, 0.5])?;
/// assert_eq!(squared_mm, [2.25, 1.0, 0.25, 0.0]);
/// # Ok::<(), kernels::GridError>(())
/// ```
pub fn distance_transform(mask: &[bool], dims: [usize; 3], spacing_mm: [f64; 3]) -> Result<Vec<f32>, GridError> {
    const OPERATION: &str = "distance_transform";
    let voxels = check_len(OPERATION, dims, mask.len())?;
    for spacing in spacing_mm {
        check_setting(OPERATION, "spacing_mm", spacing, spacing > 0.0, "positive")?;
    }
    let [_, height, width] = dims;
    let [along_z, along_y, along_x] = spacing_mm;
    let mut squared = vec![0.0; voxels];
    squared.par_chunks_mut(height * width).zip(mask.par_chunks(height * width)).for_each_init(
        Line::default,
        |line, (plane, mask)| {
            for (row, mask) in plane.chunks_mut(width).zip(mask.chunks(width)) {
                distance_along_row(row, mask, along_x);
            }
            let mut rows: Vec<&mut [f32]> = plane.chunks_mut(width).collect();
            line.transform(&mut rows, along_y);
        },
    );
    rows_by_y(&mut squared, dims)
        .into_par_iter()
        .for_each_init(Line::default, |line, mut rows| line.transform(&mut rows, along_z));
    Ok(squared)
}

/// Squared distance to the nearest `true` of the same row, by two sweeps.
fn distance_along_row(row: &mut [f32], mask: &[bool], spacing_mm: f64) {
    let mut steps = f64::INFINITY;
    for (value, &is_inside) in row.iter_mut().zip(mask) {
        steps = if is_inside { 0.0 } else { steps + 1.0 };
        *value = (steps * spacing_mm).powi(2) as f32;
    }
    let mut steps = f64::INFINITY;
    for (value, &is_inside) in row.iter_mut().zip(mask).rev() {
        steps = if is_inside { 0.0 } else { steps + 1.0 };
        *value = value.min((steps * spacing_mm).powi(2) as f32);
    }
}

/// Columns taken out of the rows together, one cache line of f32.
const COLUMNS: usize = 16;

/// Working memory of the one-dimensional transform.
#[derive(Default)]
struct Line {
    /// A block of columns, `[column][index]`.
    values: Vec<f64>,
    /// Indices of the parabolas in the lower envelope.
    vertices: Vec<usize>,
    /// `starts[k]`: where parabola `k` becomes the lowest.
    starts: Vec<f64>,
}

impl Line {
    /// Replaces each column through `rows` by its transform.
    fn transform(&mut self, rows: &mut [&mut [f32]], spacing_mm: f64) {
        let (length, width) = (rows.len(), rows.first().map_or(0, |row| row.len()));
        for first in (0..width).step_by(COLUMNS) {
            let columns = COLUMNS.min(width - first);
            self.values.resize(columns * length, 0.0);
            for (index, row) in rows.iter().enumerate() {
                for (column, &value) in row[first..first + columns].iter().enumerate() {
                    self.values[column * length + index] = f64::from(value);
                }
            }
            for column in 0..columns {
                self.find_envelope(column * length..(column + 1) * length, spacing_mm);
                self.evaluate(column * length, rows, first + column, spacing_mm);
            }
        }
    }

    /// The parabolas `spacing^2 (p - q)^2 + values[q]` that are lowest
    /// somewhere, from left to right (algorithm 1, lines 1-15). Infinite ones
    /// never are.
    fn find_envelope(&mut self, column: std::ops::Range<usize>, spacing_mm: f64) {
        let values = &self.values[column];
        let square = spacing_mm * spacing_mm;
        self.vertices.clear();
        self.starts.clear();
        for (q, &value) in values.iter().enumerate().filter(|(_, v)| v.is_finite()) {
            let mut start = f64::NEG_INFINITY;
            while let (Some(&v), Some(&previous)) = (self.vertices.last(), self.starts.last()) {
                // Where parabolas q and v meet (equation after algorithm 1),
                // written with (q - v)(q + v) so that nothing cancels.
                let gap = (q - v) as f64;
                start = ((value - values[v]) / (square * gap) + (q + v) as f64) / 2.0;
                if start > previous {
                    break;
                }
                self.vertices.pop();
                self.starts.pop();
                start = f64::NEG_INFINITY;
            }
            self.vertices.push(q);
            self.starts.push(start);
        }
    }

    /// Reads the envelope at every index (algorithm 1, lines 16-21).
    fn evaluate(&self, start: usize, rows: &mut [&mut [f32]], x: usize, spacing_mm: f64) {
        let mut k = 0;
        if self.vertices.is_empty() {
            return;
        }
        for (p, row) in rows.iter_mut().enumerate() {
            while self.starts.get(k + 1).is_some_and(|&next| next < p as f64) {
                k += 1;
            }
            let q = self.vertices[k];
            let distance = spacing_mm * p.abs_diff(q) as f64;
            row[x] = (distance * distance + self.values[start + q]) as f32;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn equals_the_search_over_all_pairs() {
        let (dims, spacing) = ([6, 9, 19], [2.5, 0.7, 1.1]);
        let [_, h, w] = dims;
        for every in [2, 17, 211] {
            let inside = |i: &usize| (i * 7919 % 1013) % every == 1;
            let mask: Vec<bool> = (0..6 * 9 * 19).map(|i| inside(&i)).collect();
            let squared = distance_transform(&mask, dims, spacing).unwrap();
            let point = |i: usize| [i / (h * w), i / w % h, i % w];
            for (i, &value) in squared.iter().enumerate() {
                let to = |j: usize| -> f64 {
                    (0..3).map(|a| spacing[a] * point(i)[a].abs_diff(point(j)[a]) as f64).map(|d| d * d).sum()
                };
                let all = (0..mask.len()).filter(|&j| mask[j]).map(to);
                let expected = all.fold(f64::INFINITY, f64::min);
                let error = (f64::from(value) - expected).abs();
                assert!(error <= 1e-5 * expected, "{i}: {value} {expected}");
            }
        }
    }

    #[test]
    fn an_empty_mask_is_infinitely_far() {
        let squared = distance_transform(&[false; 8], [2, 2, 2], [1.0; 3]).unwrap();
        assert!(squared.iter().all(|v| *v == f32::INFINITY));
    }

    #[test]
    fn nonsense_is_refused() {
        assert!(distance_transform(&[true], [1, 1, 2], [1.0; 3]).is_err());
        assert!(distance_transform(&[true], [1, 1, 1], [1.0, 0.0, 1.0]).is_err());
        assert!(distance_transform(&[true], [1, 1, 1], [1.0, f64::NAN, 1.0]).is_err());
        assert!(distance_transform(&[], [0, 1, 1], [1.0; 3]).is_err());
    }
}
