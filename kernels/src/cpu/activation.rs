//! Point-wise functions on the channels of voxels.
//!
//! Written so that the compiler turns them into vector instructions wherever
//! they are inlined.

use crate::graph::Activation;
use crate::program::BLOCK;

/// Applies `activation` to every lane.
#[inline(always)]
pub(in crate::cpu) fn activate(activation: Activation, mut values: [f32; BLOCK]) -> [f32; BLOCK] {
    activate_all(activation, std::slice::from_mut(&mut values));
    values
}

/// Applies `activation` to every lane of every voxel.
#[inline(always)]
pub(in crate::cpu) fn activate_all(activation: Activation, voxels: &mut [[f32; BLOCK]]) {
    let values = voxels.as_flattened_mut();
    match activation {
        Activation::Identity => {}
        Activation::Relu => bend(values, 0.0),
        Activation::LeakyRelu { slope } => bend(values, slope),
        Activation::Silu => values.iter_mut().for_each(|v| *v /= 1.0 + exp(-*v)),
        Activation::Sigmoid => values.iter_mut().for_each(|v| *v = 1.0 / (1.0 + exp(-*v))),
    }
}

/// `max(v, slope * v)`: the leaky rectifier for slopes in `[0, 1]`.
#[inline(always)]
fn bend(values: &mut [f32], slope: f32) {
    for value in values {
        // A plain comparison becomes one instruction; `f32::max` does not.
        let bent = *value * slope;
        *value = if *value > bent { *value } else { bent };
    }
}

/// `e^x` within two units in the last place; the ends of the range of f32
/// give the smallest normal number and about 1e38, never NaN or infinity.
///
/// `x = n ln 2 + r`; the polynomial for `e^r` is that of the Cephes library
/// (S. Moshier 1989, `expf.c`).
#[inline(always)]
pub(in crate::cpu) fn exp(x: f32) -> f32 {
    /// Adding it moves the integer part into the low bits.
    const SHIFTER: f32 = 12_582_912.0;
    /// `ln 2` in two parts, the first with few digits so that `n` times it is exact.
    const LN2: [f32; 2] = [0.693_359_4, -2.121_944_4e-4];
    let x = if x > 88.0 { 88.0 } else { x };
    let x = if x < -87.0 { -87.0 } else { x };
    let shifted = x * std::f32::consts::LOG2_E + SHIFTER;
    let n = shifted - SHIFTER;
    let r = x - n * LN2[0] - n * LN2[1];
    let mut p = 1.987_569_2e-4;
    for c in [1.398_2e-3, 8.333_452e-3, 4.166_579_6e-2, 0.166_666_66, 0.5] {
        p = p * r + c;
    }
    let e = p * r * r + r + 1.0;
    // The low bits of `shifted` hold n; moved to the exponent they are 2^n.
    let scale = f32::from_bits((shifted.to_bits() << 23).wrapping_add(0x3f80_0000));
    e * scale
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn exp_is_exact_to_two_units() {
        for i in -8700..8800_i16 {
            let x = f32::from(i) * 0.01;
            let error = f64::from(exp(x)) / f64::from(x).exp() - 1.0;
            assert!(error.abs() < 2.4e-7, "{x}: {error}");
        }
        assert!(exp(f32::NEG_INFINITY) > 0.0 && exp(-200.0) < 1e-37);
        assert!(exp(1e30) > 1e38 && exp(1e30).is_finite());
    }

    #[test]
    fn every_activation_is_its_definition() {
        let all = [
            Activation::Identity,
            Activation::Relu,
            Activation::LeakyRelu { slope: 0.01 },
            Activation::Silu,
            Activation::Sigmoid,
        ];
        for activation in all {
            let values: [f32; BLOCK] = std::array::from_fn(|i| (i as f32 - 7.5) * 3.0);
            for (fast, x) in activate(activation, values).into_iter().zip(values) {
                let exact = activation.apply(x);
                assert!((fast - exact).abs() <= 1e-6 * exact.abs(), "{activation:?} {x}: {fast} {exact}");
            }
        }
    }
}
