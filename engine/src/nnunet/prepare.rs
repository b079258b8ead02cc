//! An image as the network wants it, and labels back on the image's grid:
//! nnU-Net's `DefaultPreprocessor.run_case_npy` for inference.
//!
//! In this order: turn and transpose, crop to what is not zero, normalise,
//! resample. Arrays are `[z, y, x]` of the image, then the network's axes.

use super::card::{Axes, Normalization, Preprocessing};
use super::error::NnunetError;
use super::resize::{new_dims, resize_image};
use crate::volume::{Grid, LabelMap, Volume};

/// Smallest deviation that divides.
const MIN_DEVIATION: f32 = 1e-8;
/// Most voxels of the resampled image.
const MAX_VOXELS: usize = 1 << 30;

/// How the network's axes lie in the image.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct Layout {
    /// Axis `[z, y, x]` of the image that is axis `i` of the network.
    order: [usize; 3],
    /// Whether it is walked backwards.
    is_flipped: [bool; 3],
}

/// The network's input, and what is needed to put labels back.
#[derive(Debug)]
pub struct Prepared {
    /// Normalised values on the network's grid.
    pub values: Vec<f32>,
    /// Its size.
    pub dims: [usize; 3],
    /// Size before resampling: labels are wanted on this.
    pub cropped: [usize; 3],
    /// Distance of voxels `[before, after]` resampling, mm.
    pub spacing_mm: [[f64; 3]; 2],
    first: [usize; 3],
    whole: [usize; 3],
    layout: Layout,
}

/// Prepares a CT.
///
/// # Errors
/// [`NnunetError::Image`] when the resampled image would be absurdly large.
///
/// Cost: a handful of passes over the image, and resampling.
pub fn prepare(ct: &Volume, p: &Preprocessing) -> Result<Prepared, NnunetError> {
    let [nx, ny, nz] = ct.grid.size();
    let [sx, sy, sz] = ct.grid.spacing_mm();
    let (stored, stored_mm) = ([nz, ny, nx], [sz, sy, sx]);
    let layout = layout(&ct.grid, p);
    let whole = layout.order.map(|axis| stored[axis]);
    let from_mm = layout.order.map(|axis| stored_mm[axis]);
    let values = take(&ct.hu, stored, layout);
    let (first, cropped) = nonzero_box(&values, whole);
    let mut values = crop(&values, whole, first, cropped);
    normalise(&mut values, cropped, p.normalization);

    let wanted_mm = [0, 1, 2].map(|axis| p.spacing_mm[axis].unwrap_or(from_mm[axis]));
    let dims = match p.data_resampling {
        super::card::Resampling::Never => cropped,
        super::card::Resampling::Spline { .. } => new_dims(cropped, from_mm, wanted_mm),
    };
    if dims.iter().try_fold(1usize, |n, d| n.checked_mul(*d)).is_none_or(|n| n > MAX_VOXELS) {
        let what = format!("at the model's spacing {wanted_mm:?} mm it would have {dims:?} voxels; crop it first");
        return Err(NnunetError::Image(what));
    }
    let values = resize_image(values, cropped, dims, p.data_resampling, [from_mm, wanted_mm]);
    Ok(Prepared { values, dims, cropped, spacing_mm: [from_mm, wanted_mm], first, whole, layout })
}

impl Prepared {
    /// Labels of the cropped box back on the grid of the image.
    #[must_use]
    pub fn restore(&self, labels: &[u8], grid: &Grid) -> LabelMap {
        let [nx, ny, nz] = grid.size();
        let stored = [nz, ny, nx];
        let mut restored = vec![0; grid.len()];
        let strides = strides(stored, self.layout);
        let mut rows = labels.chunks_exact(self.cropped[2]);
        for z in 0..self.cropped[0] {
            for y in 0..self.cropped[1] {
                let start = strides.at([z + self.first[0], y + self.first[1], self.first[2]]);
                for (x, label) in rows.next().unwrap_or_default().iter().enumerate() {
                    restored[strides.step(start, x)] = *label;
                }
            }
        }
        LabelMap { grid: grid.clone(), labels: restored }
    }

    /// Size of the whole image along the network's axes.
    #[must_use]
    pub const fn whole(&self) -> [usize; 3] {
        self.whole
    }
}

/// Turning, then nnU-Net's `transpose_forward`.
fn layout(grid: &Grid, p: &Preprocessing) -> Layout {
    let (mut order, mut is_flipped) = ([0, 1, 2], [false; 3]);
    if p.axes == Axes::RAS {
        for (x_first, side) in grid.orientation().bytes().enumerate() {
            // Grid axes count x first, image axes z first.
            let target = match side {
                b'R' | b'L' => 2,
                b'A' | b'P' => 1,
                _ => 0,
            };
            order[target] = 2 - x_first;
            is_flipped[target] = b"LPI".contains(&side);
        }
    }
    Layout { order: p.transpose.map(|axis| order[axis]), is_flipped: p.transpose.map(|axis| is_flipped[axis]) }
}

/// Memory places of the network's voxels in the image.
struct Strides {
    origin: usize,
    step: [isize; 3],
}

impl Strides {
    fn at(&self, index: [usize; 3]) -> usize {
        let offset: isize = (0..3).map(|axis| index[axis] as isize * self.step[axis]).sum();
        self.origin.wrapping_add_signed(offset)
    }

    /// `x` voxels along the network's last axis.
    fn step(&self, start: usize, x: usize) -> usize {
        start.wrapping_add_signed(x as isize * self.step[2])
    }
}

fn strides(stored: [usize; 3], layout: Layout) -> Strides {
    let memory = [stored[1] * stored[2], stored[2], 1];
    let mut strides = Strides { origin: 0, step: [0; 3] };
    for axis in 0..3 {
        let from = layout.order[axis];
        strides.step[axis] = memory[from] as isize;
        if layout.is_flipped[axis] {
            strides.origin += (stored[from] - 1) * memory[from];
            strides.step[axis] = -strides.step[axis];
        }
    }
    strides
}

/// The image in the network's order of axes.
fn take(values: &[f32], stored: [usize; 3], layout: Layout) -> Vec<f32> {
    let dims = layout.order.map(|axis| stored[axis]);
    let strides = strides(stored, layout);
    let mut taken = Vec::with_capacity(values.len());
    for z in 0..dims[0] {
        for y in 0..dims[1] {
            let start = strides.at([z, y, 0]);
            taken.extend((0..dims[2]).map(|x| values[strides.step(start, x)]));
        }
    }
    taken
}

/// First voxel and size of the box around all values that are not zero; the
/// whole image when all are.
fn nonzero_box(values: &[f32], dims: [usize; 3]) -> ([usize; 3], [usize; 3]) {
    let (mut low, mut high) = (dims, [0; 3]);
    for (row, values) in values.chunks_exact(dims[2]).enumerate() {
        let Some(first) = values.iter().position(|v| *v != 0.0) else { continue };
        let last = values.iter().rposition(|v| *v != 0.0).unwrap_or(first);
        let (start, end) = ([row / dims[1], row % dims[1], first], [row / dims[1], row % dims[1], last]);
        for axis in 0..3 {
            low[axis] = low[axis].min(start[axis]);
            high[axis] = high[axis].max(end[axis]);
        }
    }
    if low == dims {
        return ([0; 3], dims);
    }
    (low, [0, 1, 2].map(|axis| high[axis] + 1 - low[axis]))
}

fn crop(values: &[f32], dims: [usize; 3], first: [usize; 3], size: [usize; 3]) -> Vec<f32> {
    let rows = (0..size[0]).flat_map(|z| (0..size[1]).map(move |y| (z, y)));
    let start = |(z, y): (usize, usize)| ((z + first[0]) * dims[1] + y + first[1]) * dims[2] + first[2];
    rows.flat_map(|row| values[start(row)..start(row) + size[2]].iter().copied()).collect()
}

fn normalise(values: &mut [f32], dims: [usize; 3], scheme: Normalization) {
    match scheme {
        Normalization::None => {}
        Normalization::Ct { low_hu, high_hu, mean_hu, std_hu } => {
            let [low, high, mean, std] = [low_hu, high_hu, mean_hu, std_hu].map(|v| v as f32);
            values.iter_mut().for_each(|v| *v = (v.max(low).min(high) - mean) / std.max(MIN_DEVIATION));
        }
        Normalization::RescaleTo01 => {
            let low = values.iter().copied().fold(f32::INFINITY, f32::min);
            let high = values.iter().copied().fold(f32::NEG_INFINITY, f32::max) - low;
            values.iter_mut().for_each(|v| *v = (*v - low) / high.max(MIN_DEVIATION));
        }
        Normalization::ZScore { nonzero_only } => {
            let is_counted = if nonzero_only { nonzero_filled(values, dims) } else { vec![true; values.len()] };
            let counted = || values.iter().zip(&is_counted).filter(|(_, c)| **c).map(|(v, _)| f64::from(*v));
            let count = counted().count().max(1) as f64;
            let mean = counted().sum::<f64>() / count;
            let variance = counted().map(|v| (v - mean).powi(2)).sum::<f64>() / count;
            let (mean, deviation) = (mean as f32, (variance.sqrt() as f32).max(MIN_DEVIATION));
            for (value, _) in values.iter_mut().zip(&is_counted).filter(|(_, c)| **c) {
                *value = (*value - mean) / deviation;
            }
        }
    }
}

/// Voxels that are not zero, and zeros the border cannot reach through faces
/// (`scipy.ndimage.binary_fill_holes`).
fn nonzero_filled(values: &[f32], dims: [usize; 3]) -> Vec<bool> {
    let mut is_inside = vec![true; values.len()];
    let at = |[z, y, x]: [usize; 3]| (z * dims[1] + y) * dims[2] + x;
    let position = |index: usize| [index / (dims[1] * dims[2]), index / dims[2] % dims[1], index % dims[2]];
    let is_border = |p: [usize; 3]| (0..3).any(|axis| p[axis] == 0 || p[axis] + 1 == dims[axis]);
    let mut open: Vec<usize> =
        (0..values.len()).filter(|index| values[*index] == 0.0 && is_border(position(*index))).collect();
    open.iter().for_each(|index| is_inside[*index] = false);
    while let Some(index) = open.pop() {
        let here = position(index);
        for axis in 0..3 {
            for step in [-1isize, 1] {
                let mut next = here;
                next[axis] = next[axis].wrapping_add_signed(step);
                if next[axis] < dims[axis] && values[at(next)] == 0.0 && is_inside[at(next)] {
                    is_inside[at(next)] = false;
                    open.push(at(next));
                }
            }
        }
    }
    is_inside
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::nnunet::card::Resampling;

    fn settings(axes: Axes, transpose: [usize; 3]) -> Preprocessing {
        Preprocessing {
            axes,
            transpose,
            spacing_mm: [None; 3],
            patch_voxels: [4; 3],
            normalization: Normalization::None,
            data_resampling: Resampling::Never,
            logit_resampling: Resampling::Never,
            mirror_axes: vec![],
        }
    }

    /// Voxel values are 1 + their memory index; 2 x 3 x 4 voxels.
    fn volume(spacing: [f64; 3]) -> Volume {
        let grid = Grid::axis_aligned([2, 3, 4], spacing, [0.0; 3].into()).unwrap();
        Volume { hu: (1..=24u8).map(f32::from).collect(), grid }
    }

    #[test]
    fn a_left_posterior_superior_image_is_turned_to_ras_and_back() {
        let ct = volume([1.0, 2.0, 3.0]);
        let prepared = prepare(&ct, &settings(Axes::RAS, [0, 1, 2])).unwrap();
        assert_eq!(prepared.dims, [4, 3, 2]);
        // First voxel: most left, most posterior in LPS, lowest.
        assert_eq!(prepared.values[..6], [6.0, 5.0, 4.0, 3.0, 2.0, 1.0]);
        let labels: Vec<u8> = prepared.values.iter().map(|v| *v as u8).collect();
        let restored = prepared.restore(&labels, &ct.grid);
        assert_eq!(restored.labels, (1..=24).collect::<Vec<u8>>());
    }

    #[test]
    fn transposed_axes_carry_their_spacing_and_come_back() {
        let ct = volume([1.0, 2.0, 3.0]);
        let prepared = prepare(&ct, &settings(Axes::AsStored, [1, 2, 0])).unwrap();
        assert_eq!((prepared.dims, prepared.spacing_mm[0]), ([3, 2, 4], [2.0, 1.0, 3.0]));
        assert_eq!(prepared.values[..4], [1.0, 7.0, 13.0, 19.0]);
        let labels: Vec<u8> = prepared.values.iter().map(|v| *v as u8).collect();
        assert_eq!(prepared.restore(&labels, &ct.grid).labels, (1..=24).collect::<Vec<u8>>());
    }

    #[test]
    fn zeros_around_the_body_are_cut_off_and_come_back_as_background() {
        let mut ct = volume([1.0; 3]);
        ct.hu.iter_mut().enumerate().for_each(|(i, v)| *v *= f32::from(u8::from([8, 9, 14].contains(&i))));
        let prepared = prepare(&ct, &settings(Axes::AsStored, [0, 1, 2])).unwrap();
        assert_eq!((prepared.cropped, prepared.values.as_slice()), ([2, 1, 2], [9.0, 10.0, 15.0, 0.0].as_slice()));
        let restored = prepared.restore(&[5, 6, 7, 8], &ct.grid).labels;
        assert_eq!(restored.iter().map(|l| usize::from(*l)).sum::<usize>(), 26);
        assert_eq!((restored[8], restored[9], restored[14], restored[15]), (5, 6, 7, 8));
        // Nothing but zeros: nothing is cut.
        ct.hu.fill(0.0);
        assert_eq!(prepare(&ct, &settings(Axes::AsStored, [0, 1, 2])).unwrap().cropped, [4, 3, 2]);
    }

    #[test]
    fn z_score_counts_enclosed_zeros_but_not_the_surroundings() {
        // A shell of ones around a zero, in a field of zeros.
        let mut values = vec![0.0; 125];
        for z in 1..4 {
            for y in 1..4 {
                (1..4).for_each(|x| values[(z * 5 + y) * 5 + x] = 1.0);
            }
        }
        values[62] = 0.0;
        normalise(&mut values, [5; 3], Normalization::ZScore { nonzero_only: true });
        assert_eq!(values[0], 0.0);
        // 26 ones and a zero: mean 26/27, deviation sqrt(26)/27.
        assert!((values[62] + 26f32.sqrt()).abs() < 1e-4, "{}", values[62]);
        assert!((values[31] - 1.0 / 26f32.sqrt()).abs() < 1e-5);
    }

    #[test]
    fn hounsfield_units_are_clamped_shifted_and_scaled() {
        let mut values = [-2000.0, 100.0, 5000.0];
        let scheme = Normalization::Ct { low_hu: -900.0, high_hu: 1100.0, mean_hu: 100.0, std_hu: 500.0 };
        normalise(&mut values, [1, 1, 3], scheme);
        assert_eq!(values, [-2.0, 0.0, 2.0]);
    }
}
