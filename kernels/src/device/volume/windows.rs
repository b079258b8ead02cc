//! A network over a volume larger than its window.

use super::{Passes, VolumeError, VolumeRun};
use crate::device::Executable;
use crate::program::Program;
use crate::tensor::Tensor;

/// Class fields of every voxel, `[z, y, x]`: windows blended with a Gaussian.
///
/// Cost: the network's multiply-adds times the number of windows.
pub(super) fn probabilities(
    program: &Program,
    network: &mut dyn Executable,
    hu: &[f32],
    run: &VolumeRun,
    progress: &mut dyn FnMut(f64),
) -> Result<Vec<Vec<f32>>, VolumeError> {
    let Passes::Windows { patch, overlap, empty_below_hu } = run.passes else { return Ok(Vec::new()) };
    let dims = run.grid_dims;
    let voxels = dims.iter().product();
    let classes = program.outputs.first().map_or(0, |output| output.channels);
    let weights = gaussian_window(patch);
    let mut sums = vec![vec![0.0f32; voxels]; classes];
    let mut total = vec![0.0f32; voxels];
    let mut outputs = Vec::new();
    let origins = window_origins(dims, patch, overlap);
    for (index, &origin) in origins.iter().enumerate() {
        let window = cut(hu, dims, origin, patch, run.outside_hu);
        let fields = if window.iter().any(|v| *v > empty_below_hu) {
            let scaled = window.iter().map(|hu| run.window.apply(*hu)).collect();
            let input = Tensor::new([1, patch[0], patch[1], patch[2]], scaled)?;
            network.run(&input, &mut outputs)?;
            outputs.first()
        } else {
            None
        };
        blend(&mut sums, &mut total, dims, origin, patch, fields, &weights);
        progress((index + 1) as f64 / origins.len() as f64);
    }
    for field in &mut sums {
        for (value, weight) in field.iter_mut().zip(&total) {
            *value /= weight.max(f32::MIN_POSITIVE);
        }
    }
    Ok(sums)
}

/// First voxels `[z, y, x]` of all windows, in the order they are run.
pub(crate) fn window_origins(dims: [usize; 3], patch: [usize; 3], overlap: f64) -> Vec<[usize; 3]> {
    let [z, y, x] = [0, 1, 2].map(|axis| window_starts(dims[axis], patch[axis], overlap));
    let rows = z.iter().flat_map(|z| y.iter().map(move |y| (*z, *y)));
    rows.flat_map(|(z, y)| x.iter().map(move |x| [z, y, *x])).collect()
}

/// First voxels of the windows along one axis: evenly spread, overlapping by
/// at least `overlap`, the last one flush with the end.
fn window_starts(size: usize, patch: usize, overlap: f64) -> Vec<usize> {
    if size <= patch {
        return vec![0];
    }
    let step = (patch as f64 * (1.0 - overlap)).max(1.0);
    let count = ((size - patch) as f64 / step).ceil() as usize + 1;
    (0..count).map(|i| (i * (size - patch) + (count - 1) / 2) / (count - 1)).collect()
}

/// Blending weights of a window `[z, y, x]`.
pub(crate) fn gaussian_window(patch: [usize; 3]) -> Vec<f32> {
    let profile = |n: usize| -> Vec<f32> {
        let (centre, sigma) = ((n as f64 - 1.0) / 2.0, n as f64 / 8.0);
        (0..n).map(|i| (-0.5 * ((i as f64 - centre) / sigma).powi(2)).exp().max(1e-3) as f32).collect()
    };
    let [z, y, x] = patch.map(profile);
    let rows = z.iter().flat_map(|a| y.iter().map(move |b| a * b));
    rows.flat_map(|ab| x.iter().map(move |c| (ab * c).max(1e-6)).collect::<Vec<_>>()).collect()
}

/// Copies a window out of the volume; voxels outside get `padding`.
fn cut(hu: &[f32], dims: [usize; 3], origin: [usize; 3], patch: [usize; 3], padding: f32) -> Vec<f32> {
    let mut window = vec![padding; patch.iter().product()];
    for_rows(dims, origin, patch, |volume_row, window_row, length| {
        window[window_row..window_row + length].copy_from_slice(&hu[volume_row..volume_row + length]);
    });
    window
}

/// Adds a window's class fields; without any it is all of class 0.
fn blend(
    sums: &mut [Vec<f32>],
    total: &mut [f32],
    dims: [usize; 3],
    origin: [usize; 3],
    patch: [usize; 3],
    fields: Option<&Tensor>,
    weights: &[f32],
) {
    let patch_voxels: usize = patch.iter().product();
    for_rows(dims, origin, patch, |volume_row, window_row, length| {
        for i in 0..length {
            total[volume_row + i] += weights[window_row + i];
        }
        for (class, sum) in sums.iter_mut().enumerate() {
            for i in 0..length {
                let value = match fields {
                    Some(fields) => fields.data()[class * patch_voxels + window_row + i],
                    None => f32::from(u8::from(class == 0)),
                };
                sum[volume_row + i] += weights[window_row + i] * value;
            }
        }
    });
}

/// Calls `row(start in volume, start in window, length)` for every row of the
/// window that lies in the volume.
fn for_rows(dims: [usize; 3], origin: [usize; 3], patch: [usize; 3], mut row: impl FnMut(usize, usize, usize)) {
    let extent = [0, 1, 2].map(|axis| patch[axis].min(dims[axis].saturating_sub(origin[axis])));
    for z in 0..extent[0] {
        for y in 0..extent[1] {
            let volume_row = ((origin[0] + z) * dims[1] + origin[1] + y) * dims[2] + origin[2];
            row(volume_row, (z * patch[1] + y) * patch[2], extent[2]);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn windows_cover_every_voxel_and_overlap() {
        for (size, patch) in [(10, 64), (64, 64), (65, 64), (112, 64), (133, 64), (500, 64), (9, 8)] {
            let starts = window_starts(size, patch, 0.25);
            assert_eq!(starts[0], 0);
            assert!(starts.last().unwrap() + patch >= size);
            assert!(starts.windows(2).all(|w| w[1] > w[0] && w[1] - w[0] <= (patch as f64 * 0.75).ceil() as usize));
        }
    }

    #[test]
    fn blending_a_constant_gives_the_constant() {
        let (dims, patch) = ([9, 8, 11], [8, 8, 8]);
        let weights = gaussian_window(patch);
        let (mut sums, mut total) = (vec![vec![0.0; 9 * 8 * 11]; 2], vec![0.0; 9 * 8 * 11]);
        let fields = Tensor::new([2, 8, 8, 8], [vec![0.25; 512], vec![0.75; 512]].concat()).unwrap();
        for origin in window_origins(dims, patch, 0.25) {
            blend(&mut sums, &mut total, dims, origin, patch, Some(&fields), &weights);
        }
        assert!(sums[1].iter().zip(&total).all(|(s, t)| (s / t - 0.75).abs() < 1e-5));
    }
}
