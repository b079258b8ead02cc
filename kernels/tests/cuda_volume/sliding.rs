//! Sliding windows, softmax and labels.

use kernels::Tensor;
use kernels::cuda::volume::SlidingSettings;
use kernels::device::HuWindow;

use crate::{Random, assert_close, on_every_device};

const DIMS: [usize; 3] = [9, 7, 13];
const PATCH: [usize; 3] = [6, 8, 5];
const VOXELS: usize = 9 * 7 * 13;
const PATCH_VOXELS: usize = 6 * 8 * 5;
const CLASSES: usize = 3;
const ORIGINS: [[usize; 3]; 5] = [[0, 0, 0], [3, 0, 4], [3, 0, 8], [0, 0, 8], [8, 6, 12]];

/// Probabilities of the channels at each voxel.
fn softmax(logits: &Tensor) -> Tensor {
    let (mut result, voxels) = (logits.clone(), logits.voxels());
    for voxel in 0..voxels {
        let at = |class: usize| f64::from(logits.data()[class * voxels + voxel]);
        let largest = (0..logits.channels()).map(at).fold(f64::NEG_INFINITY, f64::max);
        let sum: f64 = (0..logits.channels()).map(|class| (at(class) - largest).exp()).sum();
        for class in 0..logits.channels() {
            result.data_mut()[class * voxels + voxel] = ((at(class) - largest).exp() / sum) as f32;
        }
    }
    result
}

/// What `Device::class_fields` does on the processor: weights times
/// probabilities, divided by the weights.
fn blended(windows: &[Option<Tensor>], weights: &[f32]) -> Vec<f32> {
    let (mut sums, mut total) = (vec![0f32; CLASSES * VOXELS], vec![0f32; VOXELS]);
    for (origin, window) in ORIGINS.iter().zip(windows) {
        for (i, weight) in weights.iter().enumerate() {
            let at = [i / 40 + origin[0], i / 5 % 8 + origin[1], i % 5 + origin[2]];
            if at.iter().zip(DIMS).any(|(a, n)| *a >= n) {
                continue;
            }
            let voxel = (at[0] * DIMS[1] + at[1]) * DIMS[2] + at[2];
            total[voxel] += weight;
            for class in 0..CLASSES {
                let background = f32::from(u8::from(class == 0));
                let p = window.as_ref().map_or(background, |t| t.data()[class * PATCH_VOXELS + i]);
                sums[class * VOXELS + voxel] += weight * p;
            }
        }
    }
    for (i, sum) in sums.iter_mut().enumerate() {
        *sum /= total[i % VOXELS].max(f32::MIN_POSITIVE);
    }
    sums
}

/// A seam between windows, or a window in the wrong place, would cut a
/// vertebra in two.
#[test]
fn blends_windows_like_the_engine() {
    let mut random = Random(11);
    let weights = random.values(PATCH_VOXELS, 0.1, 1.0);
    let mut logits = || Tensor::new([CLASSES, 6, 8, 5], random.values(CLASSES * PATCH_VOXELS, -9.0, 9.0)).unwrap();
    let mut windows: Vec<Option<Tensor>> =
        std::iter::repeat_with(|| softmax(&logits())).take(ORIGINS.len()).map(Some).collect();
    // No bone where the third window lies, nor in the one voxel of the last.
    (windows[2], windows[4]) = (None, None);
    let hu: Vec<f32> = (0..VOXELS).map(|i| if i / 91 >= 3 && i % 13 >= 8 { -500.0 } else { 300.0 }).collect();
    let want = blended(&windows, &weights);
    on_every_device(|cuda| {
        let volume = cuda.upload_volume(&hu, DIMS).unwrap();
        let mut sums = cuda.sliding_sums(DIMS, CLASSES, PATCH, &weights).unwrap();
        let input = cuda.upload_tensor(&Tensor::zeros([1, 6, 8, 5]).unwrap()).unwrap();
        // What a network makes of nothing must not count.
        let nonsense = Tensor::new([CLASSES, 6, 8, 5], vec![f32::NAN; CLASSES * PATCH_VOXELS]).unwrap();
        for (origin, window) in ORIGINS.into_iter().zip(&windows) {
            sums.cut(&volume, origin, &SlidingSettings::default(), &input).unwrap();
            sums.blend(&cuda.upload_tensor(window.as_ref().unwrap_or(&nonsense)).unwrap()).unwrap();
        }
        let probabilities = sums.into_probabilities().unwrap();
        assert_close(probabilities.download().unwrap().data(), &want, 1e-5);
    });
}

#[test]
fn windows_are_cut_scaled_and_padded() {
    let mut hu = Random(5).values(VOXELS, -500.0, 100.0);
    hu[(8 * 7 + 6) * 13 + 12] = 700.0;
    let window = HuWindow { low: -200.0, high: 600.0, offset: 100.0, scale: 250.0 };
    let settings = SlidingSettings { window, ..SlidingSettings::default() };
    on_every_device(|cuda| {
        let volume = cuda.upload_volume(&hu, DIMS).unwrap();
        let mut sums = cuda.sliding_sums(DIMS, CLASSES, PATCH, &[1.0; PATCH_VOXELS]).unwrap();
        let input = cuda.upload_tensor(&Tensor::zeros([1, 6, 8, 5]).unwrap()).unwrap();
        sums.cut(&volume, [3, 0, 8], &settings, &input).unwrap();
        let cut = input.download().unwrap();
        let at = |z: usize, y: usize, x: usize| cut.at([0, z, y, x]).unwrap();
        assert_eq!((at(5, 6, 4), at(5, 7, 4)), (2.0, -1.2)); // clamped bone, padding
        let scaled = (hu[4 * 91 + 2 * 13 + 9].clamp(-200.0, 600.0) - 100.0) / 250.0;
        assert!((at(1, 2, 1) - scaled).abs() < 1e-6);
        assert!(sums.cut(&volume, [9, 0, 0], &settings, &input).is_err());
        let wrong = cuda.upload_tensor(&Tensor::zeros([1, 6, 8, 6]).unwrap()).unwrap();
        assert!(sums.cut(&volume, [0; 3], &settings, &wrong).is_err() && sums.blend(&wrong).is_err());
    });
}

#[test]
fn softmax_and_labels_of_logits() {
    let mut logits = Tensor::new([4, 3, 5, 7], Random(2).values(420, -90.0, 90.0)).unwrap();
    // A tie: the first of equals wins.
    (0..4).for_each(|class| logits.data_mut()[class * 105 + 17] = 3.0);
    let want = softmax(&logits);
    let label =
        |i: usize| (0..4).fold(0, |a, c| if logits.data()[c * 105 + i] > logits.data()[a * 105 + i] { c } else { a });
    on_every_device(|cuda| {
        let mut tensor = cuda.upload_tensor(&logits).unwrap();
        let labels = tensor.argmax_channels().unwrap().download().unwrap();
        assert!(labels.iter().enumerate().all(|(i, l)| usize::from(*l) == label(i)) && labels[17] == 0);
        tensor.softmax_channels().unwrap();
        assert_close(tensor.download().unwrap().data(), want.data(), 1e-5);
        assert!(tensor.into_volume().is_err());
        let one = cuda.upload_tensor(&Tensor::zeros([1, 2, 3, 4]).unwrap()).unwrap();
        assert_eq!(one.into_volume().unwrap().dims(), [2, 3, 4]);
    });
}
