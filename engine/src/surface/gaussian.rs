//! Separable Gaussian smoothing of a small field.

/// Smooths `field` in place with one standard deviation per axis, in samples;
/// beyond the border counts as zero. Kernels reach three standard deviations.
///
/// Cost: one multiply-add a sample, axis and tap.
pub(super) fn blur(field: &mut Vec<f32>, size: [usize; 3], sigma: [f64; 3]) {
    let strides = [1, size[0], size[0] * size[1]];
    for axis in 0..3 {
        let taps = kernel(sigma[axis]);
        if taps.len() > 1 {
            *field = convolve(field, size[axis], strides[axis], &taps);
        }
    }
}

/// How many samples the kernel reaches to either side.
pub(super) fn reach(sigma: f64) -> usize {
    (3.0 * sigma).ceil().clamp(0.0, 64.0) as usize
}

/// Normalised taps from the centre outwards to both sides.
fn kernel(sigma: f64) -> Vec<f32> {
    let reach = reach(sigma) as i32;
    let weight = |i: i32| if i == 0 { 1.0 } else { (-0.5 * (f64::from(i) / sigma).powi(2)).exp() };
    let total: f64 = (-reach..=reach).map(weight).sum();
    (-reach..=reach).map(|i| (weight(i) / total) as f32).collect()
}

/// Convolves along the axis whose neighbours lie `stride` apart and which has
/// `length` samples, run by run so that the inner loop is contiguous.
fn convolve(field: &[f32], length: usize, stride: usize, taps: &[f32]) -> Vec<f32> {
    let mut out = vec![0.0; field.len()];
    let reach = taps.len() / 2;
    for (source, target) in field.chunks(length * stride).zip(out.chunks_mut(length * stride)) {
        for (tap, &weight) in taps.iter().enumerate() {
            // target[i] += weight * source[i + tap - reach], both in range.
            let (skip_target, skip_source) = (reach.saturating_sub(tap), tap.saturating_sub(reach));
            let count = length.saturating_sub(skip_target.max(skip_source)) * stride;
            let target = target.iter_mut().skip(skip_target * stride).take(count);
            let source = source.iter().skip(skip_source * stride).take(count);
            target.zip(source).for_each(|(t, s)| *t += weight * s);
        }
    }
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_point_spreads_as_a_gaussian_and_keeps_its_mass() {
        let size = [15, 17, 13];
        let mut field = vec![0.0; 15 * 17 * 13];
        let at = |x: usize, y: usize, z: usize| (z * 17 + y) * 15 + x;
        field[at(7, 8, 6)] = 1.0;
        blur(&mut field, size, [1.0, 1.5, 0.0]);
        assert!((field.iter().sum::<f32>() - 1.0).abs() < 1e-5);
        assert_eq!(field[at(7, 8, 7)], 0.0);
        let ratio = f64::from(field[at(9, 8, 6)] / field[at(7, 8, 6)]);
        assert!((ratio - (-2.0f64).exp()).abs() < 1e-6);
        let ratio = f64::from(field[at(7, 11, 6)] / field[at(7, 8, 6)]);
        assert!((ratio - (-2.0f64).exp()).abs() < 1e-6);
    }
}
