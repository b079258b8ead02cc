//! Every operation on every device, against loops too simple to be wrong.
//!
//! A new device is one line in `test_on_every_device`.
#![allow(clippy::unwrap_used, reason = "tests")]

use kernels::{Conv3dWeights, ConvTranspose3dWeights, Cpu, OpDevice, NormWeights, OpError, Tensor};

/// Largest error relative to the largest expected value: f32 sums of up to
/// 27 * 40 terms in two orders.
const TOLERANCE: f32 = 2e-5;

/// Makes one test per device and body.
macro_rules! test_on_every_device {
    ($($body:ident),* $(,)?) => {
        mod cpu {
            $(#[test] fn $body() { super::$body(&kernels::Cpu::new()); })*
        }
        mod cpu_portable {
            $(#[test] fn $body() { super::$body(&kernels::Cpu::new().portable()); })*
        }
        mod cpu_one_thread {
            $(#[test] fn $body() { super::$body(&kernels::Cpu::with_threads(1).unwrap()); })*
        }
    };
}

test_on_every_device!(
    convolution_is_the_sum_under_the_kernel,
    transposed_convolution_spreads_every_voxel,
    instance_norm_normalises_each_channel,
    a_constant_channel_becomes_its_shift,
    concatenation_keeps_both_tensors,
    softmax_sums_to_one_even_for_large_logits,
    wrong_channels_are_refused,
);

#[test]
fn no_result_depends_on_the_number_of_threads() {
    let results = [1, 2, 3, 8].map(|threads| {
        let cpu = Cpu::with_threads(threads).unwrap();
        let input = noise([20, 9, 33, 31], 1);
        let conv = Conv3dWeights::new([24, 20, 3, 3, 3], 1, values(24 * 540, 2), None).unwrap();
        let conv = cpu.prepare_conv3d(&conv).unwrap();
        let norm = NormWeights::new(values(24, 3), values(24, 4)).unwrap();
        let norm = cpu.prepare_norm(&norm).unwrap();
        let up = ConvTranspose3dWeights::new([24, 7, 2, 2, 2], values(1344, 5), values(7, 6));
        let up = cpu.prepare_conv_transpose3d(&up.unwrap()).unwrap();
        let sum = cpu.conv3d(&input, &conv).unwrap();
        let normed = cpu.instance_norm_leaky_relu(sum, &norm).unwrap();
        let large = cpu.conv_transpose3d(&normed, &up).unwrap();
        cpu.softmax_channels(large).unwrap()
    });
    assert!(results.iter().all(|result| *result == results[0]));
}

fn convolution_is_the_sum_under_the_kernel<D: OpDevice>(device: &D) {
    for (inputs, outputs, kernel, stride, dims) in [
        (1, 16, 3, 1, [3, 4, 5]),
        (3, 5, 3, 1, [6, 7, 20]),
        (40, 33, 3, 1, [4, 3, 9]),
        (9, 17, 3, 2, [5, 8, 11]),
        (2, 3, 3, 2, [1, 2, 1]),
        (19, 3, 1, 1, [4, 5, 6]),
        (4, 20, 1, 2, [5, 4, 7]),
        (1, 1, 3, 1, [2, 3, 700]),
        (2, 2, 3, 1, [1, 1, 1]),
    ] {
        let shape = [outputs, inputs, kernel, kernel, kernel];
        let (weight, bias) = (values(shape.iter().product(), 1), values(outputs, 2));
        let input = noise([inputs, dims[0], dims[1], dims[2]], 3);
        let naive = naive_conv3d(&input, shape, stride, &weight, &bias);
        let weights = Conv3dWeights::new(shape, stride, weight, Some(bias)).unwrap();
        assert_eq!(weights.output_shape(input.shape()).unwrap(), naive.shape());
        let layer = device.prepare_conv3d(&weights).unwrap();
        let result = device.conv3d(&device.upload(&input).unwrap(), &layer);
        assert_close(&device.download(result.unwrap()).unwrap(), &naive);
    }
}

fn naive_conv3d(
    input: &Tensor,
    [outputs, inputs, kernel, ..]: [usize; 5],
    stride: usize,
    weight: &[f32],
    bias: &[f32],
) -> Tensor {
    let side = |n: usize| (n + kernel / 2 * 2 - kernel) / stride + 1;
    let [d, h, w] = input.dims().map(side);
    build([outputs, d, h, w], |[output, z, y, x]| {
        let mut sum = f64::from(bias[output]);
        for i in 0..inputs * kernel.pow(3) {
            let (channel, tap) = (i / kernel.pow(3), i % kernel.pow(3));
            let taps = [tap / kernel / kernel, tap / kernel % kernel, tap % kernel];
            let at = |o: usize, tap: usize| (o * stride + tap).wrapping_sub(kernel / 2);
            let voxel = [channel, at(z, taps[0]), at(y, taps[1]), at(x, taps[2])];
            let value = input.at(voxel).unwrap_or(0.0);
            sum += f64::from(value) * f64::from(weight[output * inputs * kernel.pow(3) + i]);
        }
        sum as f32
    })
}

fn transposed_convolution_spreads_every_voxel<D: OpDevice>(device: &D) {
    for (inputs, outputs, dims) in [(1, 1, [1, 1, 1]), (5, 7, [3, 4, 5]), (33, 4, [2, 9, 60])] {
        let shape = [inputs, outputs, 2, 2, 2];
        let (weight, bias) = (values(inputs * outputs * 8, 1), values(outputs, 2));
        let input = noise([inputs, dims[0], dims[1], dims[2]], 3);
        let [d, h, w] = dims.map(|n| 2 * n);
        let naive = build([outputs, d, h, w], |[output, z, y, x]| {
            let corner = z % 2 * 4 + y % 2 * 2 + x % 2;
            let product = |channel: usize| {
                let value = input.at([channel, z / 2, y / 2, x / 2]).unwrap();
                value * weight[(channel * outputs + output) * 8 + corner]
            };
            bias[output] + (0..inputs).map(product).sum::<f32>()
        });
        let weights = ConvTranspose3dWeights::new(shape, weight, bias).unwrap();
        let layer = device.prepare_conv_transpose3d(&weights).unwrap();
        let result = device.conv_transpose3d(&device.upload(&input).unwrap(), &layer);
        assert_close(&device.download(result.unwrap()).unwrap(), &naive);
    }
}

fn instance_norm_normalises_each_channel<D: OpDevice>(device: &D) {
    let input = noise([5, 7, 50, 61], 1);
    let (scale, shift) = (values(5, 2), values(5, 3));
    let channel_moments: Vec<(f64, f64)> = (0..5)
        .map(|channel| {
            let values = input.channel(channel).unwrap();
            let count = values.len() as f64;
            let mean = values.iter().map(|&v| f64::from(v)).sum::<f64>() / count;
            let squares = values.iter().map(|&v| (f64::from(v) - mean).powi(2));
            (mean, squares.sum::<f64>() / count)
        })
        .collect();
    let naive = build(input.shape(), |index| {
        let channel = index[0];
        let (mean, variance) = channel_moments[channel];
        let normed = (f64::from(input.at(index).unwrap()) - mean) / (variance + 1e-5).sqrt();
        let value = normed * f64::from(scale[channel]) + f64::from(shift[channel]);
        (if value < 0.0 { 0.01 * value } else { value }) as f32
    });
    assert_close(&norm(device, &input, scale, shift), &naive);
}

fn a_constant_channel_becomes_its_shift<D: OpDevice>(device: &D) {
    let input = Tensor::new([2, 2, 3, 4], vec![7.0; 48]).unwrap();
    let result = norm(device, &input, vec![3.0, 3.0], vec![0.5, -2.0]);
    assert!(result.channel(0).unwrap().iter().all(|v| (v - 0.5).abs() < 1e-4));
    assert!(result.channel(1).unwrap().iter().all(|v| (v + 0.02).abs() < 1e-4));
}

fn norm<D: OpDevice>(device: &D, input: &Tensor, scale: Vec<f32>, shift: Vec<f32>) -> Tensor {
    let weights = NormWeights::new(scale, shift).unwrap();
    let layer = device.prepare_norm(&weights).unwrap();
    let result = device.instance_norm_leaky_relu(device.upload(input).unwrap(), &layer);
    device.download(result.unwrap()).unwrap()
}

fn concatenation_keeps_both_tensors<D: OpDevice>(device: &D) {
    let (first, second) = (noise([3, 4, 5, 6], 1), noise([2, 4, 5, 6], 2));
    let expected = build([5, 4, 5, 6], |[channel, z, y, x]| {
        let second = |channel| second.at([channel, z, y, x]).unwrap();
        first.at([channel, z, y, x]).unwrap_or_else(|| second(channel - 3))
    });
    let upload = |tensor: &Tensor| device.upload(tensor).unwrap();
    let both = device.concat_channels(&upload(&first), &upload(&second)).unwrap();
    assert_eq!(device.download(both).unwrap(), expected);
    let turned = noise([2, 4, 6, 5], 2);
    let error = device.concat_channels(&upload(&first), &upload(&turned)).err();
    assert!(matches!(error, Some(OpError::Mismatch { .. })), "{error:?}");
}

fn softmax_sums_to_one_even_for_large_logits<D: OpDevice>(device: &D) {
    let mut logits = noise([3, 5, 60, 70], 1).into_data();
    logits[0] = 1000.0;
    let input = Tensor::new([3, 5, 60, 70], logits).unwrap();
    let naive = build(input.shape(), |[channel, z, y, x]| {
        let value = |channel: usize| f64::from(input.at([channel, z, y, x]).unwrap());
        let sum: f64 = (0..3).map(|c| (value(c) - value(channel)).exp()).sum();
        (1.0 / sum) as f32
    });
    let result = device.softmax_channels(device.upload(&input).unwrap());
    assert_close(&device.download(result.unwrap()).unwrap(), &naive);
}

fn wrong_channels_are_refused<D: OpDevice>(device: &D) {
    let input = device.upload(&noise([3, 4, 4, 4], 1)).unwrap();
    let conv = Conv3dWeights::new([2, 4, 1, 1, 1], 1, vec![1.0; 8], None).unwrap();
    let conv = device.prepare_conv3d(&conv).unwrap();
    let error = device.conv3d(&input, &conv).err().unwrap().to_string();
    assert!(error.contains("conv3d") && error.contains('4') && error.contains("[3, 4, 4, 4]"));
    let up = ConvTranspose3dWeights::new([4, 1, 2, 2, 2], vec![1.0; 32], vec![0.0]).unwrap();
    let up = device.prepare_conv_transpose3d(&up).unwrap();
    assert!(device.conv_transpose3d(&input, &up).is_err());
    let norm = NormWeights::new(vec![1.0; 4], vec![0.0; 4]).unwrap();
    let norm = device.prepare_norm(&norm).unwrap();
    assert!(device.instance_norm_leaky_relu(input, &norm).is_err());
}

fn assert_close(actual: &Tensor, expected: &Tensor) {
    assert_eq!(actual.shape(), expected.shape());
    let scale = expected.data().iter().fold(0.0_f32, |a, b| a.max(b.abs()));
    for (i, (a, b)) in actual.data().iter().zip(expected.data()).enumerate() {
        let is_close = (a - b).abs() <= TOLERANCE * scale;
        assert!(is_close, "{:?} [{i}]: {a} instead of {b}", expected.shape());
    }
}

/// A tensor from a function of `[channel, z, y, x]`.
fn build(shape: [usize; 4], value: impl Fn([usize; 4]) -> f32) -> Tensor {
    let [_, d, h, w] = shape;
    let index = |i: usize| [i / w / h / d, i / w / h % d, i / w % h, i % w];
    let values = (0..shape.iter().product()).map(|i| value(index(i))).collect();
    Tensor::new(shape, values).unwrap()
}

fn noise(shape: [usize; 4], seed: u32) -> Tensor {
    Tensor::new(shape, values(shape.iter().product(), seed)).unwrap()
}

/// Values in -1..1 from a linear congruential generator (Numerical Recipes).
fn values(len: usize, seed: u32) -> Vec<f32> {
    let mut state = seed;
    let next = || {
        state = state.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
        (state >> 8) as f32 / (1 << 23) as f32 - 1.0
    };
    std::iter::repeat_with(next).take(len).collect()
}
