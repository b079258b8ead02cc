//! `resample_data_or_seg_to_shape` of nnU-Net: `skimage.transform.resize`
//! with `mode="edge"`, no anti-aliasing, and thick slices treated apart.
//!
//! Interpolation is separable, so each axis is a pass of its own. Cubic
//! splines follow Unser et al. 1993 (DOI 10.1109/78.193220) with the edge
//! voxels repeated 12 times before the filter, as `scipy.ndimage.zoom` does.

use rayon::prelude::*;

use super::card::Resampling;

/// nnU-Net's `ANISO_THRESHOLD`: slices this much thicker than voxels are
/// wide are treated apart.
const THICK_RATIO: f64 = 3.0;
/// Edge voxels repeated before the spline filter (`_prepad_for_spline_filter`
/// of SciPy): the filter's memory of them is below 1e-6.
const SPLINE_PAD: usize = 12;
/// Pole of the cubic B-spline filter, `sqrt(3) - 2`.
const POLE: f64 = -0.267_949_192_431_122_7;
/// Columns filtered together, for the cache and the vector units.
const COLUMNS: usize = 64;

/// Voxels along each axis after resampling, at least one.
#[must_use]
pub fn new_dims(dims: [usize; 3], from_mm: [f64; 3], to_mm: [f64; 3]) -> [usize; 3] {
    // Python's `round`: halves to even.
    [0, 1, 2].map(|axis| (from_mm[axis] / to_mm[axis] * dims[axis] as f64).round_ties_even().clamp(1.0, 1e6) as usize)
}

/// The axis of thick slices that is treated apart, if any.
#[must_use]
pub fn separate_axis(force: Option<bool>, from_mm: [f64; 3], to_mm: [f64; 3]) -> Option<usize> {
    let largest = |spacing: [f64; 3]| spacing.into_iter().fold(f64::MIN, f64::max);
    let is_thick = |spacing: [f64; 3]| largest(spacing) / spacing.into_iter().fold(f64::MAX, f64::min) > THICK_RATIO;
    let spacing = match force {
        Some(false) => return None,
        Some(true) => from_mm,
        None if is_thick(from_mm) => from_mm,
        None if is_thick(to_mm) => to_mm,
        None => return None,
    };
    // Equal but for the rounding of an oblique affine.
    let mut axes = (0..3).filter(|axis| largest(spacing) / spacing[*axis] < 1.0 + 1e-5);
    // Two equally thick axes are no slices.
    match (axes.next(), axes.next()) {
        (Some(axis), None) => Some(axis),
        _ => None,
    }
}

/// An image `[z, y, x]` on another number of voxels.
///
/// Cost: one pass an axis, on all threads.
#[must_use]
pub fn resize_image(
    values: Vec<f32>,
    dims: [usize; 3],
    to: [usize; 3],
    resampling: Resampling,
    spacing: [[f64; 3]; 2],
) -> Vec<f32> {
    let Resampling::Spline { order, order_z, force_separate_z } = resampling else { return values };
    if dims == to {
        return values;
    }
    let separate = separate_axis(force_separate_z, spacing[0], spacing[1]);
    let ranges = if order == 3 { ranges(&values, dims, separate) } else { Vec::new() };
    let (mut values, mut dims) = (values, dims);
    for axis in (0..3).filter(|axis| Some(*axis) != separate) {
        values = along_axis(&values, dims, axis, &Taps::new(dims[axis], to[axis], order));
        dims[axis] = to[axis];
    }
    clamp_to(&mut values, dims, separate, &ranges);
    if let Some(axis) = separate {
        values = along_axis(&values, dims, axis, &Taps::new(dims[axis], to[axis], order_z));
    }
    values
}

/// Smallest and largest value of the image, or of each slice across `separate`.
fn ranges(values: &[f32], dims: [usize; 3], separate: Option<usize>) -> Vec<[f32; 2]> {
    let slices = separate.map_or(1, |axis| dims[axis]);
    let mut ranges = vec![[f32::INFINITY, f32::NEG_INFINITY]; slices];
    for_slices(dims, separate, |index, slice| {
        ranges[slice] = [ranges[slice][0].min(values[index]), ranges[slice][1].max(values[index])];
    });
    ranges
}

/// Splines overshoot; `skimage.transform.resize` clips to the input's range.
fn clamp_to(values: &mut [f32], dims: [usize; 3], separate: Option<usize>, ranges: &[[f32; 2]]) {
    if !ranges.is_empty() {
        for_slices(dims, separate, |index, slice| {
            values[index] = values[index].max(ranges[slice][0]).min(ranges[slice][1]);
        });
    }
}

/// Calls `visit(voxel, slice)` for all voxels.
fn for_slices(dims: [usize; 3], separate: Option<usize>, mut visit: impl FnMut(usize, usize)) {
    let [_, height, width] = dims;
    for index in 0..dims.iter().product() {
        let slice = match separate {
            None => 0,
            Some(0) => index / (height * width),
            Some(1) => index / width % height,
            Some(_) => index % width,
        };
        visit(index, slice);
    }
}

/// Where the values along one axis come from.
#[derive(Debug, Clone)]
pub(super) struct Taps {
    from: usize,
    /// Neighbour below, neighbour above, weight of the one above; for cubic
    /// splines the voxel below in padded coordinates and the fraction.
    places: Vec<(usize, usize, f64)>,
    is_cubic: bool,
    is_identity: bool,
}

impl Taps {
    /// From `from` voxels to `to`, both at least one; order 0, 1 or 3.
    pub(super) fn new(from: usize, to: usize, order: u8) -> Self {
        let scale = from as f64 / to as f64;
        let last = from.saturating_sub(1);
        let place = |index: usize| {
            let at = scale * (index as f64 + 0.5) - 0.5;
            let inside = at.clamp(0.0, last as f64);
            match order {
                0 => ((inside + 0.5).floor() as usize, (inside + 0.5).floor() as usize, 0.0),
                1 => (inside.floor() as usize, (inside.floor() as usize + 1).min(last), inside.fract()),
                _ => {
                    // Never below -0.5, so not negative.
                    let padded = at + SPLINE_PAD as f64;
                    (padded.floor() as usize, 0, padded - padded.floor())
                }
            }
        };
        Self { from, places: (0..to).map(place).collect(), is_cubic: order == 3, is_identity: from == to }
    }

    pub(super) fn places(&self) -> &[(usize, usize, f64)] {
        &self.places
    }
}

/// Resamples one axis.
fn along_axis(values: &[f32], dims: [usize; 3], axis: usize, taps: &Taps) -> Vec<f32> {
    if taps.is_identity {
        return values.to_vec();
    }
    let inner: usize = dims[axis + 1..].iter().product();
    let (from, to) = (taps.from, taps.places.len());
    let starts: Vec<usize> = (0..inner).step_by(COLUMNS).collect();
    let mut out = vec![0.0; values.len() / from * to];
    if axis == 0 {
        let blocks: Vec<Vec<f32>> = starts.par_iter().map(|start| columns(values, inner, *start, taps)).collect();
        for (start, block) in starts.iter().zip(&blocks) {
            scatter(&mut out, inner, *start, block);
        }
    } else {
        out.par_chunks_mut(to * inner).zip(values.par_chunks(from * inner)).for_each(|(out, values)| {
            for start in &starts {
                scatter(out, inner, *start, &columns(values, inner, *start, taps));
            }
        });
    }
    out
}

/// Writes a block of columns to its place.
fn scatter(out: &mut [f32], inner: usize, start: usize, block: &[f32]) {
    let width = COLUMNS.min(inner - start);
    for (row, from) in out.chunks_exact_mut(inner).zip(block.chunks_exact(width)) {
        row[start..start + width].copy_from_slice(from);
    }
}

/// Up to [`COLUMNS`] columns of `[from][inner]`, resampled to `[to][width]`.
fn columns(values: &[f32], inner: usize, start: usize, taps: &Taps) -> Vec<f32> {
    let width = COLUMNS.min(inner - start);
    let row = |index: usize| &values[index * inner + start..index * inner + start + width];
    let mut out = Vec::with_capacity(taps.places.len() * width);
    if taps.is_cubic {
        let filtered = spline_filter(taps.from, width, row);
        for (below, _, fraction) in &taps.places {
            let weights = cubic_weights(*fraction);
            let rows = &filtered[(below - 1) * width..(below + 3) * width];
            out.extend((0..width).map(|x| (0..4).map(|k| weights[k] * rows[k * width + x]).sum::<f64>() as f32));
        }
    } else {
        for (below, above, weight) in &taps.places {
            let pairs = row(*below).iter().zip(row(*above));
            out.extend(pairs.map(|(a, b)| (f64::from(*a) * (1.0 - weight) + f64::from(*b) * weight) as f32));
        }
    }
    out
}

/// B-spline coefficients of columns with repeated edges, `[from + 24][width]`.
fn spline_filter<'a>(from: usize, width: usize, row: impl Fn(usize) -> &'a [f32]) -> Vec<f64> {
    let padded = from + 2 * SPLINE_PAD;
    // The filter's gain, (1 - z)(1 - 1/z).
    let gain = (1.0 - POLE) * (1.0 - 1.0 / POLE);
    let mut c: Vec<f64> = (0..padded)
        .flat_map(|index| row(index.saturating_sub(SPLINE_PAD).min(from - 1)).iter().map(move |v| f64::from(*v) * gain))
        .collect();
    for x in 0..width {
        let start = (0..padded).rev().fold(0.0, |sum, index| sum * POLE + c[index * width + x]);
        c[x] = start;
    }
    for index in width..padded * width {
        c[index] += POLE * c[index - width];
    }
    let last = (padded - 1) * width;
    for x in last..last + width {
        c[x] = POLE / (POLE * POLE - 1.0) * (c[x] + POLE * c[x - width]);
    }
    for index in (0..last).rev() {
        c[index] = POLE * (c[index + width] - c[index]);
    }
    c
}

/// Weights of the four coefficients around a place, `t` behind the second.
fn cubic_weights(t: f64) -> [f64; 4] {
    let s = 1.0 - t;
    let near = |t: f64| 2.0 / 3.0 - t * t * (1.0 - t / 2.0);
    [s * s * s / 6.0, near(t), near(s), t * t * t / 6.0]
}

#[cfg(test)]
mod tests {
    use super::*;

    const CUBIC: Resampling = Resampling::Spline { order: 3, order_z: 0, force_separate_z: None };

    /// `skimage.transform.resize(x, n, 3, mode="edge", anti_aliasing=False)`, skimage 0.26, scipy 1.17.
    #[test]
    fn cubic_splines_are_those_of_scikit_image() {
        let line = vec![0.0, 1.0, 4.0, 2.0, -3.0, 5.0, 6.0];
        let finer = resize_image(line.clone(), [1, 1, 7], [1, 1, 10], CUBIC, [[1.0; 3]; 2]);
        let coarser = resize_image(line, [1, 1, 7], [1, 1, 4], CUBIC, [[1.0; 3]; 2]);
        for (found, expected) in finer.iter().zip(FINER).chain(coarser.iter().zip(COARSER)) {
            assert!((f64::from(*found) - expected).abs() < 1e-5, "{finer:?} {coarser:?}");
        }
    }

    const FINER: [f64; 10] = [
        -0.013_571_2,
        0.240_437_3,
        1.749_805_8,
        3.909_163_6,
        3.615_209,
        -0.502_719_5,
        -2.858_171_7,
        2.948_616_1,
        6.0,
        5.895_662_7,
    ];
    const COARSER: [f64; 4] = [0.109_470_4, 4.158_423_4, -3.0, 6.0];

    #[test]
    fn a_smooth_volume_keeps_its_shape_along_every_axis() {
        let wave = |z: f64, y: f64, x: f64| (z * 0.3).sin() + (y * 0.2).cos() + x * 0.01;
        let sample = |dims: [usize; 3], scale: [f64; 3]| -> Vec<f32> {
            let at = |i: usize, axis: usize| (i as f64 + 0.5) * scale[axis] - 0.5;
            let rows = (0..dims[0]).flat_map(|z| (0..dims[1]).map(move |y| (z, y)));
            rows.flat_map(|(z, y)| (0..dims[2]).map(move |x| wave(at(z, 0), at(y, 1), at(x, 2)) as f32)).collect()
        };
        let (from, to) = ([20, 30, 70], [30, 20, 100]);
        let scale = [0, 1, 2].map(|axis| from[axis] as f64 / to[axis] as f64);
        let found = resize_image(sample(from, [1.0; 3]), from, to, CUBIC, [[1.0; 3]; 2]);
        let expected = sample(to, scale);
        for (index, (f, e)) in found.iter().zip(&expected).enumerate() {
            let [z, y, x] = [index / 2000, index / 100 % 20, index % 100];
            let is_inside = (4..26).contains(&z) && (3..17).contains(&y) && (4..96).contains(&x);
            assert!(!is_inside || (f - e).abs() < 2e-3, "{z} {y} {x}: {f}, {e}");
        }
    }

    #[test]
    fn thick_slices_are_treated_apart_only_when_they_are_slices() {
        assert_eq!(separate_axis(None, [5.0, 1.0, 1.0], [1.0; 3]), Some(0));
        assert_eq!(separate_axis(None, [1.0; 3], [1.0, 1.0, 4.0]), Some(2));
        assert_eq!(separate_axis(None, [3.0, 1.0, 1.0], [1.0; 3]), None);
        assert_eq!(separate_axis(None, [0.24, 1.25, 1.25], [1.0; 3]), None);
        assert_eq!(separate_axis(Some(false), [5.0, 1.0, 1.0], [1.0; 3]), None);
        assert_eq!(separate_axis(Some(true), [1.0, 1.5, 1.0], [1.0; 3]), Some(1));
        assert_eq!(separate_axis(Some(true), [1.0; 3], [5.0, 1.0, 1.0]), None);
    }

    #[test]
    fn halves_are_rounded_to_even_as_python_does() {
        assert_eq!(new_dims([5, 7, 1], [0.5; 3], [1.0; 3]), [2, 4, 1]);
    }
}
