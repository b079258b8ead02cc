//! How activations are stored: as they are (f32), or rounded to bf16.
//!
//! All arithmetic is f32; a value is widened when it is read and rounded once
//! when it is written.

use std::fmt::Debug;

use crate::program::BLOCK;

/// The channels of one block at one voxel. 32-byte aligned, so that no vector
/// of 8 floats crosses a cache line.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
#[repr(C, align(32))]
pub(in crate::cpu) struct Lanes<E>(pub [E; BLOCK]);

/// A stored number.
pub(in crate::cpu) trait Element: Copy + Default + Debug + PartialEq + Send + Sync + 'static {
    /// The stored values as f32, exact.
    fn widen(lanes: &Lanes<Self>) -> [f32; BLOCK];

    /// The nearest stored values, ties to even.
    fn narrow(values: [f32; BLOCK]) -> Lanes<Self>;
}

impl Element for f32 {
    #[inline(always)]
    fn widen(lanes: &Lanes<Self>) -> [f32; BLOCK] {
        lanes.0
    }

    #[inline(always)]
    fn narrow(values: [f32; BLOCK]) -> Lanes<Self> {
        Lanes(values)
    }
}

/// The upper half of an f32: 8 bits of exponent, 8 bits of precision.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
#[repr(transparent)]
pub(in crate::cpu) struct Bf16(u16);

impl Element for Bf16 {
    #[inline(always)]
    fn widen(lanes: &Lanes<Self>) -> [f32; BLOCK] {
        lanes.0.map(|half| f32::from_bits(u32::from(half.0) << 16))
    }

    #[inline(always)]
    fn narrow(values: [f32; BLOCK]) -> Lanes<Self> {
        Lanes(values.map(|value| {
            // Adding half of the last kept bit, less one when that bit is
            // even, rounds to nearest even. NaN stays NaN only when its upper
            // bits say so, which holds for those arithmetic makes.
            let bits = value.to_bits();
            Bf16((bits.wrapping_add(0x7fff + (bits >> 16 & 1)) >> 16) as u16)
        }))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn bf16_rounds_to_nearest_even() {
        let mut values = [0.0; BLOCK];
        // 1 + 2^-8 lies halfway between 1 and 1 + 2^-7; 1 + 3 * 2^-8 between two others.
        values[..6].copy_from_slice(&[1.0, 1.003_906_25, 1.011_718_75, -2.5, 1e-20, f32::INFINITY]);
        let back = Bf16::widen(&Bf16::narrow(values));
        assert_eq!(back[..4], [1.0, 1.0, 1.015_625, -2.5]);
        assert!((back[4] / 1e-20 - 1.0).abs() < 0.004);
        assert_eq!(back[5], f32::INFINITY);
        assert_eq!(Bf16::narrow(back), Bf16::narrow(Bf16::widen(&Bf16::narrow(back))));
    }

    #[test]
    fn a_voxel_takes_64_or_32_bytes() {
        assert_eq!((size_of::<Lanes<f32>>(), size_of::<Lanes<Bf16>>()), (64, 32));
    }
}
