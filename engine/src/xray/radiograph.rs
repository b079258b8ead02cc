//! A picture with its geometry, and the grey that the networks see.

use rayon::prelude::*;

use super::geometry::{Geometry, GeometryError};
use crate::io::picture::Picture;

/// Shares of the picture's values that become black and white.
const BLACK_AND_WHITE: [f64; 2] = [0.01, 0.99];
/// Brightest value that is kept: what a hundredth of the pixels has beyond white often lies over the spine, where a
/// patient is thickest.
const BRIGHTEST: f32 = 1.5;

/// A radiograph: bone bright, and where it was taken from.
#[derive(Debug, Clone)]
pub struct Radiograph {
    /// Where pixels and source were.
    pub geometry: Geometry,
    /// Brightness, black 0 and white 1, up to 1.5; row by row.
    pub grey: Vec<f32>,
}

impl Radiograph {
    /// Joins a picture and its geometry.
    ///
    /// # Errors
    /// [`GeometryError::Value`] when the sizes differ or the geometry makes no sense.
    pub fn new(picture: &Picture, geometry: Geometry) -> Result<Self, GeometryError> {
        geometry.check()?;
        let (found, told) = ([picture.rows, picture.columns], [geometry.rows, geometry.columns]);
        if found != told || picture.values.len() != found[0] * found[1] {
            let what = format!("it is for {told:?} rows and columns, the picture has {found:?}");
            return Err(GeometryError::Value { view: geometry.view, what });
        }
        Ok(Self { geometry, grey: scaled(&picture.values) })
    }

    /// Brightness at `[column, row]`, integers the middles of pixels, edge pixels repeated.
    #[must_use]
    pub fn at(&self, pixel: [f64; 2]) -> f32 {
        let (columns, rows) = (self.geometry.columns, self.geometry.rows);
        let place = |v: f64, size: usize| {
            let v = v.clamp(0.0, (size - 1) as f64);
            let low = (v as usize).min(size.saturating_sub(2));
            (low, (low + 1).min(size - 1), (v - low as f64) as f32)
        };
        let (left, right, x) = place(pixel[0], columns);
        let (top, bottom, y) = place(pixel[1], rows);
        let value = |row: usize, column: usize| self.grey.get(row * columns + column).copied().unwrap_or_default();
        let along = |row: usize| value(row, left) * (1.0 - x) + value(row, right) * x;
        along(top) * (1.0 - y) + along(bottom) * y
    }

    /// A part of the picture as grey bytes, row by row: `size` columns and rows of `step` pixels of the
    /// radiograph each, the first one's middle at `first`; black outside.
    ///
    /// Cost: 8 ms for a megapixel on two cores.
    #[must_use]
    pub fn part(&self, first: [f64; 2], step: f64, size: [usize; 2]) -> Vec<u8> {
        let mut bytes = vec![0; size[0] * size[1]];
        let limits = [self.geometry.columns, self.geometry.rows].map(|n| -0.5..n as f64 - 0.5);
        bytes.par_chunks_mut(size[0].max(1)).enumerate().for_each(|(row, out)| {
            for (column, byte) in out.iter_mut().enumerate() {
                let at = [first[0] + step * column as f64, first[1] + step * row as f64];
                if limits[0].contains(&at[0]) && limits[1].contains(&at[1]) {
                    // A cast to u8 saturates.
                    *byte = (self.at(at) * 255.0 + 0.5) as u8;
                }
            }
        });
        bytes
    }
}

/// Values with the 1st percentile as 0 and the 99th as 1.
fn scaled(values: &[f32]) -> Vec<f32> {
    let mut sorted = values.to_vec();
    let mut at = |share: f64| {
        let index = (share * (values.len().saturating_sub(1)) as f64).round() as usize;
        if sorted.is_empty() { 0.0 } else { *sorted.select_nth_unstable_by(index, f32::total_cmp).1 }
    };
    let [black, white] = BLACK_AND_WHITE.map(&mut at);
    let range = (white - black).max(f32::MIN_POSITIVE);
    values.iter().map(|v| ((v - black) / range).clamp(0.0, BRIGHTEST)).collect()
}

#[cfg(test)]
mod tests {
    use super::super::geometry::View;
    use super::*;

    #[test]
    fn what_is_brighter_than_white_still_differs_and_is_white_for_the_eye() {
        let mut values: Vec<f32> = (0..10_000).map(|i| (i % 100) as f32).collect();
        values[500..540].fill(110.0);
        values[600..640].fill(120.0);
        values[700] = 1e6;
        let geometry = Geometry::assumed(View::Lateral, [100, 100], [1.0, 1.0]).unwrap();
        let made =
            Radiograph::new(&Picture { rows: 100, columns: 100, values, pixel: None, view_position: None }, geometry)
                .unwrap();
        let at = |index: usize| made.grey[index];
        assert!(at(510) > 1.05 && at(610) > at(510) + 0.05, "{} {}", at(510), at(610));
        assert_eq!(at(700), BRIGHTEST);
        assert_eq!(made.part([10.0, 5.0], 1.0, [1, 1]), [255]);
    }
}
