//! From loose slices to an even stack.

use std::path::Path;

use geom::nalgebra::{Matrix3x4, Vector3};

use super::file_name;
use super::slice::SliceHeader;
use crate::io::error::{Problem, ReadError};
use crate::io::warning::Warning;
use crate::volume::Grid;

/// Slices closer than this are taken for the same position, mm.
const SAME_POSITION_MM: f64 = 0.01;
/// A step this many times the usual one is a gap.
const GAP_FACTOR: f64 = 1.5;
/// Deviation from an even stack that is refused, in slice distances.
const UNEVEN_REFUSED: f64 = 0.25;
/// Deviation from an even stack that is mentioned, mm.
const UNEVEN_MENTIONED_MM: f64 = 0.05;
/// Angle between normal and stacking direction that is mentioned, degrees.
const TILT_MENTIONED_DEG: f64 = 0.1;
/// Largest difference of direction cosines or pixel spacing between slices.
const SAME_GEOMETRY: f64 = 1e-3;

/// Slices in ascending order along their normal, and the grid they form.
#[derive(Debug)]
pub(super) struct Stack {
    pub grid: Grid,
    pub slices: Vec<SliceHeader>,
}

/// Sorts `slices`, checks that they belong together, and places them.
pub(super) fn arrange(
    place: &Path,
    mut slices: Vec<SliceHeader>,
    warnings: &mut Vec<Warning>,
) -> Result<Stack, ReadError> {
    let fail = |problem| ReadError::new(place, problem);
    let Some(first) = slices.first().cloned().filter(|_| slices.len() > 1) else {
        return Err(fail(Problem::TooFewSlices(slices.len())));
    };
    slices.iter().try_for_each(|slice| agree(slice, &first))?;
    let normal = first.along_row.cross(&first.along_column).normalize();
    let height = |slice: &SliceHeader| slice.position.dot(&normal);
    slices.sort_by(|a, b| height(a).total_cmp(&height(b)));
    gaps_and_doubles(&slices, height).map_err(fail)?;
    let step = even_step(&slices, warnings).map_err(fail)?;
    tilt(&normal, &step, first.tilt_deg, warnings);
    let without_rescale = slices.iter().filter(|s| s.rescale.is_none()).count();
    if without_rescale > 0 {
        warnings.push(Warning::NoRescale { slices: without_rescale });
    }
    let origin = slices.first().map_or(first.position, |s| s.position);
    let [row_mm, column_mm] = first.spacing_mm;
    let columns = [first.along_row * column_mm, first.along_column * row_mm, step, origin];
    let size = [first.columns, first.rows, slices.len()];
    let grid = Grid::new(size, Matrix3x4::from_columns(&columns)).map_err(|e| fail(e.into()))?;
    Ok(Stack { grid, slices })
}

/// Refuses a slice that differs from `first` in size, spacing or orientation.
fn agree(slice: &SliceHeader, first: &SliceHeader) -> Result<(), ReadError> {
    let differs = |what, found: String, expected: String| {
        let other = file_name(&first.path);
        Err(ReadError::new(&slice.path, Problem::Inconsistent { what, found, other, expected }))
    };
    let far = |a: &Vector3<f64>, b: &Vector3<f64>| (a - b).amax() > SAME_GEOMETRY;
    let size = |s: &SliceHeader| format!("{}x{}", s.columns, s.rows);
    let spacing = |s: &SliceHeader| format!("{:.4}x{:.4} mm", s.spacing_mm[1], s.spacing_mm[0]);
    let axes = |s: &SliceHeader| {
        let text = |v: &Vector3<f64>| format!("{:.4}, {:.4}, {:.4}", v.x, v.y, v.z);
        format!("[{}; {}]", text(&s.along_row), text(&s.along_column))
    };
    if (slice.rows, slice.columns) != (first.rows, first.columns) {
        return differs("size in pixels", size(slice), size(first));
    }
    if slice.spacing_mm.iter().zip(first.spacing_mm).any(|(a, b)| (a - b).abs() > SAME_GEOMETRY) {
        return differs("pixel spacing", spacing(slice), spacing(first));
    }
    if far(&slice.along_row, &first.along_row) || far(&slice.along_column, &first.along_column) {
        return differs("orientation (ImageOrientationPatient)", axes(slice), axes(first));
    }
    Ok(())
}

/// Two slices in one place, or a step much larger than the usual one.
fn gaps_and_doubles(slices: &[SliceHeader], height: impl Fn(&SliceHeader) -> f64) -> Result<(), Problem> {
    let pairs = || slices.iter().zip(slices.iter().skip(1));
    let mut steps: Vec<f64> = pairs().map(|(a, b)| height(b) - height(a)).collect();
    if let Some((a, b)) = pairs().find(|(a, b)| height(b) - height(a) < SAME_POSITION_MM) {
        let (first, second) = (file_name(&a.path), file_name(&b.path));
        return Err(Problem::DuplicateSlice { first, second, position_mm: height(a) });
    }
    steps.sort_by(f64::total_cmp);
    let usual = steps.get(steps.len() / 2).copied().unwrap_or_default();
    // The worst gap is named: with several, it is the one to look for first.
    let gap = |(a, b): &(&SliceHeader, &SliceHeader)| height(b) - height(a);
    let worst = pairs().max_by(|a, b| gap(a).total_cmp(&gap(b)));
    match worst.filter(|pair| gap(pair) > GAP_FACTOR * usual) {
        Some((a, b)) => {
            let gap_mm = height(b) - height(a);
            let missing = ((gap_mm / usual).round() as usize).saturating_sub(1).max(1);
            let (before, after) = (file_name(&a.path), file_name(&b.path));
            Err(Problem::MissingSlice { missing, before, after, gap_mm, spacing_mm: usual })
        }
        None => Ok(()),
    }
}

/// The step from slice to slice: from first to last, every slice near its place.
fn even_step(slices: &[SliceHeader], warnings: &mut Vec<Warning>) -> Result<Vector3<f64>, Problem> {
    let (Some(first), Some(last)) = (slices.first(), slices.last()) else {
        return Err(Problem::TooFewSlices(0));
    };
    let step = (last.position - first.position) / (slices.len().max(2) - 1) as f64;
    let off = |(i, slice): (usize, &SliceHeader)| (slice.position - first.position - step * i as f64).norm();
    let worst = slices.iter().enumerate().map(|pair| (off(pair), pair.1)).max_by(|a, b| a.0.total_cmp(&b.0));
    if let Some((off_mm, slice)) = worst {
        let spacing_mm = step.norm();
        if off_mm > UNEVEN_REFUSED * spacing_mm {
            return Err(Problem::UnevenSlices { file: file_name(&slice.path), off_mm, spacing_mm });
        }
        if off_mm > UNEVEN_MENTIONED_MM {
            warnings.push(Warning::UnevenSlices { off_mm });
        }
    }
    Ok(step)
}

fn tilt(normal: &Vector3<f64>, step: &Vector3<f64>, tag_deg: f64, warnings: &mut Vec<Warning>) {
    let angle_deg = normal.angle(step).to_degrees();
    if angle_deg > TILT_MENTIONED_DEG {
        warnings.push(Warning::GantryTilt { angle_deg });
    } else if tag_deg.abs() > TILT_MENTIONED_DEG {
        warnings.push(Warning::TiltTagOnly { tag_deg });
    }
}
