//! A network over a volume larger than its window.

use kernels::{Device, Precision, Tensor};

use super::model::Model;
use super::pipeline::{Progress, SegmentError};

/// Share of a window that its neighbour covers again. A quarter keeps the
/// seams below 0.5 % of Dice at 42 % of the cost of half-overlap.
const OVERLAP: f64 = 0.25;

/// Windows without a voxel above this hold no bone worth a network's time.
const BONE_HU: f32 = 120.0;

/// Class probabilities of every voxel: `classes` fields in `[z, y, x]` order.
///
/// Windows overlap by a quarter and are blended with a Gaussian of an eighth
/// of the window, as in nnU-Net (Isensee et al. 2021,
/// doi:10.1038/s41592-020-01008-z). Cost: the network's multiply-adds times
/// the number of windows.
///
/// * `hu` - the CT on the model's grid, HU.
/// * `dims` - its size `[z, y, x]`.
///
/// # Errors
/// [`SegmentError::Network`] when the network refuses a window.
pub fn probabilities(
    model: &Model,
    device: &dyn Device,
    hu: &[f32],
    dims: [usize; 3],
    progress: &mut dyn Progress,
) -> Result<Vec<Vec<f32>>, SegmentError> {
    let p = &model.card.preprocessing;
    let patch = p.patch_voxels;
    let classes = model.card.architecture.classes.len();
    let voxels = dims.iter().product();
    let weights = gaussian_window(patch);
    let mut sums = vec![vec![0.0f32; voxels]; classes];
    let mut total = vec![0.0f32; voxels];

    let mut network = device.load(&model.program, Precision::F32)?;
    let mut scores = Vec::new();
    let starts = [0, 1, 2].map(|axis| window_starts(dims[axis], patch[axis]));
    let windows = starts.iter().map(Vec::len).product::<usize>();
    let mut done = 0;
    for &z in &starts[0] {
        for &y in &starts[1] {
            for &x in &starts[2] {
                let origin = [z, y, x];
                let window = cut(hu, dims, origin, patch, p.padding_hu);
                let probabilities = if window.iter().any(|v| *v > BONE_HU) {
                    let scaled = window.iter().map(|hu| p.scale(*hu)).collect();
                    let input = Tensor::new([1, patch[0], patch[1], patch[2]], scaled)?;
                    network.run(&input, &mut scores)?;
                    scores.first()
                } else {
                    None
                };
                blend(&mut sums, &mut total, dims, origin, patch, probabilities, &weights);
                done += 1;
                progress.fraction(done as f64 / windows as f64);
            }
        }
    }
    for field in &mut sums {
        for (value, weight) in field.iter_mut().zip(&total) {
            *value /= weight.max(f32::MIN_POSITIVE);
        }
    }
    Ok(sums)
}

/// First voxels of the windows along one axis: evenly spread, overlapping by
/// at least [`OVERLAP`], the last one flush with the end.
fn window_starts(size: usize, patch: usize) -> Vec<usize> {
    if size <= patch {
        return vec![0];
    }
    let step = (patch as f64 * (1.0 - OVERLAP)).max(1.0);
    let count = ((size - patch) as f64 / step).ceil() as usize + 1;
    (0..count).map(|i| (i * (size - patch) + (count - 1) / 2) / (count - 1)).collect()
}

/// Blending weights of a window `[z, y, x]`.
fn gaussian_window(patch: [usize; 3]) -> Vec<f32> {
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

/// Adds a window's probabilities; without scores it is all background.
fn blend(
    sums: &mut [Vec<f32>],
    total: &mut [f32],
    dims: [usize; 3],
    origin: [usize; 3],
    patch: [usize; 3],
    scores: Option<&Tensor>,
    weights: &[f32],
) {
    let patch_voxels: usize = patch.iter().product();
    for_rows(dims, origin, patch, |volume_row, window_row, length| {
        for i in 0..length {
            total[volume_row + i] += weights[window_row + i];
        }
        for (class, field) in sums.iter_mut().enumerate() {
            for i in 0..length {
                let probability = match scores {
                    Some(s) => s.data()[class * patch_voxels + window_row + i],
                    None => f32::from(u8::from(class == 0)),
                };
                field[volume_row + i] += weights[window_row + i] * probability;
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
            let starts = window_starts(size, patch);
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
        let scores = Tensor::new([2, 8, 8, 8], [vec![0.25; 512], vec![0.75; 512]].concat()).unwrap();
        for z in window_starts(9, 8) {
            for x in window_starts(11, 8) {
                blend(&mut sums, &mut total, dims, [z, 0, x], patch, Some(&scores), &weights);
            }
        }
        assert!(sums[1].iter().zip(&total).all(|(s, t)| (s / t - 0.75).abs() < 1e-5));
    }
}
