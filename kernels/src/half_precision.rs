//! 16-bit floats as bits: fp16 is what activations and weights are stored in,
//! bf16 is what tile units multiply.

use half::{bf16, f16};

/// The largest finite fp16.
pub(crate) const F16_MAX: f32 = 65504.0;

/// The nearest fp16, ties to even. What lies beyond the largest becomes the
/// largest: infinities would turn into NaN in the next norm.
pub(crate) fn f16_from_f32(value: f32) -> u16 {
    f16::from_f32(value.clamp(-F16_MAX, F16_MAX)).to_bits()
}

/// Exact.
pub(crate) fn f16_to_f32(bits: u16) -> f32 {
    f16::from_bits(bits).to_f32()
}

/// The nearest bf16, ties to even.
pub(crate) fn bf16_from_f32(value: f32) -> u16 {
    bf16::from_f32(value).to_bits()
}

/// Exact.
pub(crate) fn bf16_to_f32(bits: u16) -> f32 {
    bf16::from_bits(bits).to_f32()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn halves_are_the_published_ones() {
        // Powers, the smallest denormal, the largest value, a third; IEEE 754.
        for (bits, value) in
            [(0x3c00, 1.0), (0xc000, -2.0), (0x0001, 5.960_464_5e-8), (0x7bff, F16_MAX), (0x3555, 0.333_251_95)]
        {
            assert_eq!((f16_to_f32(bits), f16_from_f32(value)), (value, bits));
        }
        assert_eq!([1e6, f32::NEG_INFINITY].map(f16_from_f32), [0x7bff, 0xfbff]);
        // 1 + 2^-11 lies halfway between 1 and 1 + 2^-10: to even.
        assert_eq!(f16_from_f32(1.0 + 1.0 / 2048.0), 0x3c00);
        assert_eq!((bf16_to_f32(0x3f80), bf16_from_f32(1.0 + 3.0 / 256.0)), (1.0, 0x3f82));
    }
}
