//! Resampling, smoothing and masks.

use kernels::cuda::volume::LabelBox;
use kernels::device::HuWindow;
use kernels::{Interpolation, gaussian_blur, resample};

use crate::{Random, assert_close, on_every_device};

const SOURCE: [usize; 3] = [7, 9, 11];
const SHIFTED: [[f64; 4]; 3] = [[0.7, 0.0, 0.0, -0.9], [0.0, 1.3, 0.0, -0.5], [0.0, 0.0, -0.6, 6.4]];
const OBLIQUE: [[f64; 4]; 3] = [[0.7, 0.1, 0.0, -0.9], [-0.2, 1.3, 0.05, 0.3], [0.1, 0.0, 0.6, -0.2]];

fn hu(voxels: usize) -> Vec<f32> {
    Random(3).values(voxels, -1000.0, 2000.0)
}

/// A CT that lands half a voxel off would put the planned screw there too.
#[test]
fn resamples_like_the_cpu() {
    let source = hu(7 * 9 * 11);
    for (affine, dims) in [(SHIFTED, [5, 13, 17]), (OBLIQUE, [9, 6, 19]), (SHIFTED, [1, 1, 300])] {
        let want = resample(&source, SOURCE, &affine, dims, Interpolation::Linear, -1024.0).unwrap();
        assert!(want.contains(&-1024.0) && want.iter().any(|v| *v != -1024.0));
        on_every_device(|cuda| {
            let volume = cuda.upload_volume(&source, SOURCE).unwrap();
            let moved = volume.resample(&affine, dims, -1024.0, &HuWindow::default()).unwrap();
            assert_eq!(moved.dims(), dims);
            // On a GPU multiply-adds are fused: a few units in the last place.
            assert_close(&moved.download().unwrap(), &want, 1e-3);
        });
    }
}

/// What the network sees must be what it was trained on.
#[test]
fn the_window_is_applied_to_samples_and_outside() {
    let source = hu(7 * 9 * 11);
    let window = HuWindow { low: -200.0, high: 1000.0, offset: 150.0, scale: 320.0 };
    let want: Vec<f32> = resample(&source, SOURCE, &SHIFTED, [5, 13, 17], Interpolation::Linear, -1024.0).unwrap();
    let want: Vec<f32> = want.iter().map(|v| (v.clamp(-200.0, 1000.0) - 150.0) / 320.0).collect();
    on_every_device(|cuda| {
        let volume = cuda.upload_volume(&source, SOURCE).unwrap();
        let moved = volume.resample(&SHIFTED, [5, 13, 17], -1024.0, &window).unwrap();
        assert_close(&moved.download().unwrap(), &want, 1e-5);
    });
}

#[test]
fn labels_come_back_to_the_ct() {
    let labels: Vec<u8> = hu(7 * 9 * 11).iter().map(|v| (v.abs() / 100.0) as u8).collect();
    for affine in [SHIFTED, OBLIQUE] {
        let want = resample(&labels, SOURCE, &affine, [6, 11, 14], Interpolation::Nearest, 77).unwrap();
        on_every_device(|cuda| {
            let labels = cuda.upload_labels(&labels, SOURCE).unwrap();
            assert_eq!(labels.resample(&affine, [6, 11, 14], 77).unwrap().download().unwrap(), want);
        });
    }
}

#[test]
fn smooths_like_the_cpu() {
    // Wider than a block, kernels wider than the volume, and no smoothing.
    for (dims, sigma) in [([5, 6, 300], [0.9, 1.7, 2.3]), (SOURCE, [3.0, 0.0, 0.6]), (SOURCE, [0.0; 3])] {
        let source = hu(dims.iter().product());
        let want = gaussian_blur(&source, dims, sigma).unwrap();
        on_every_device(|cuda| {
            let volume = cuda.upload_volume(&source, dims).unwrap();
            assert_close(&volume.gaussian_blur(sigma).unwrap().download().unwrap(), &want, 1e-3);
        });
    }
}

#[test]
fn stored_units_and_masks() {
    let stored: Vec<i16> = (0..315).map(|i| i * 37 - 2000).collect();
    on_every_device(|cuda| {
        let volume = cuda.upload_stored_hu(&stored, [5, 7, 9]).unwrap();
        assert!(volume.download().unwrap().iter().zip(&stored).all(|(v, s)| *v == f32::from(*s)));
        let mask = volume.above(1000.0).unwrap();
        let want: Vec<u8> = stored.iter().map(|s| u8::from(*s > 1000)).collect();
        assert_eq!(mask.download().unwrap(), want);
        let labels: Vec<u8> = (0..315).map(|i| (i % 5) as u8).collect();
        let labels = cuda.upload_labels(&labels, [5, 7, 9]).unwrap();
        let is_three = |i: usize| i % 5 == 3;
        let (mask, field) = (labels.mask_of(3).unwrap(), labels.field_of(3).unwrap());
        assert!(mask.download().unwrap().iter().enumerate().all(|(i, v)| *v == u8::from(is_three(i))));
        assert!(field.download().unwrap().iter().enumerate().all(|(i, v)| (*v == 1.0) == is_three(i)));
    });
}

/// A box that is too small would cut a piece off the vertebra's surface.
#[test]
fn boxes_and_fields_of_labels() {
    let dims = [23, 41, 37]; // more than one block of voxels
    let mut labels = vec![0_u8; 23 * 41 * 37];
    let mut random = Random(6);
    for _ in 0..400 {
        let at = [2.0, 5.0, 1.0].map(|margin| margin + random.next() * 18.0).map(|v| v as usize);
        labels[(at[0] * 41 + at[1]) * 37 + at[2]] = [3, 7, 255][at[0] / 7];
    }
    let place = |i: usize| [i / 1517, i / 37 % 41, i % 37];
    let mut want = vec![None; 256];
    for (i, &label) in labels.iter().enumerate().filter(|(_, label)| **label != 0) {
        let known: &mut LabelBox = want[usize::from(label)].get_or_insert(LabelBox { low: [99; 3], high: [0; 3] });
        for (axis, at) in place(i).into_iter().enumerate() {
            known.low[axis] = known.low[axis].min(at);
            known.high[axis] = known.high[axis].max(at);
        }
    }
    on_every_device(|cuda| {
        let map = cuda.upload_labels(&labels, dims).unwrap();
        assert_eq!(map.label_boxes().unwrap(), want);
        // A box that hangs over two ends.
        let field = map.field_in_box(7, [-2, 6, 10], [29, 12, 30]).unwrap().download().unwrap();
        assert!(field.contains(&1.0));
        for (i, value) in field.iter().enumerate() {
            let [z, y, x] = [(i / 360).wrapping_sub(2), i / 30 % 12 + 6, i % 30 + 10];
            let is_label = z < 23 && x < 37 && labels[(z * 41 + y) * 37 + x] == 7;
            assert_eq!(*value, f32::from(u8::from(is_label)), "{z} {y} {x}");
        }
        assert!(map.field_in_box(7, [isize::MIN, 0, 0], [2, 2, 2]).is_err());
        assert!(map.field_in_box(7, [0; 3], [2, 0, 2]).is_err());
    });
}

/// Bad input is an error that names the numbers, never a read out of bounds.
#[test]
fn nonsense_is_refused() {
    on_every_device(|cuda| {
        let text = |error: kernels::OpError| error.to_string();
        assert!(text(cuda.upload_volume(&[0.0; 3], [1, 2, 2]).unwrap_err()).contains("[1, 2, 2]"));
        assert!(cuda.upload_volume(&[], [0, 2, 2]).is_err());
        assert!(cuda.upload_labels(&[], [1 << 11, 1 << 10, 1 << 10]).is_err());
        let volume = cuda.upload_volume(&[0.0; 8], [2, 2, 2]).unwrap();
        let mut affine = SHIFTED;
        affine[1][2] = f64::NAN;
        let window = HuWindow::default();
        assert!(text(volume.resample(&affine, [2, 2, 2], 0.0, &window).unwrap_err()).contains("NaN"));
        assert!(volume.resample(&SHIFTED, [2, 0, 2], 0.0, &window).is_err());
        assert!(volume.resample(&SHIFTED, [2, 2, 2], 0.0, &HuWindow { scale: 0.0, ..window }).is_err());
        assert!(volume.resample(&SHIFTED, [2, 2, 2], 0.0, &HuWindow { low: 5.0, high: 4.0, ..window }).is_err());
        assert!(volume.gaussian_blur([0.0, 1e9, 0.0]).is_err());
        assert!(volume.above(f32::NAN).is_err());
        let other = kernels::Cuda::open().unwrap();
        let mut sums = other.sliding_sums([2, 2, 2], 2, [2, 2, 2], &[1.0; 8]).unwrap();
        let input = other.upload_tensor(&kernels::Tensor::zeros([1, 2, 2, 2]).unwrap()).unwrap();
        assert!(text(sums.cut(&volume, [0; 3], &Default::default(), &input).unwrap_err()).contains("clone"));
    });
}
