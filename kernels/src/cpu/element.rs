//! The 16 channels of one block at one voxel.
//!
//! All arithmetic is f32; a value is widened when it is read and rounded once
//! when it is written.

pub(in crate::cpu) use super::vector::Element;
use crate::program::BLOCK;

/// The channels of one block at one voxel, as stored. 32-byte aligned, so
/// that no vector of 8 floats crosses a cache line.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
#[repr(C, align(32))]
pub(in crate::cpu) struct Lanes<E>(pub [E; BLOCK]);

/// The definition that vectors are tested against.
#[allow(dead_code, reason = "used by tests only; steps use vectors")]
impl<E: Element> Lanes<E> {
    /// The stored values, exact.
    pub fn widen(&self) -> [f32; BLOCK] {
        self.0.map(E::to_f32)
    }

    /// The nearest stored values.
    pub fn narrow(values: [f32; BLOCK]) -> Self {
        Self(values.map(E::from_f32))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::cpu::vector::F16;

    #[test]
    fn f16_rounds_to_nearest_even_and_stays_finite() {
        let mut values = [0.0; BLOCK];
        // 1 + 2^-11 lies halfway between 1 and 1 + 2^-10; 1 + 3 * 2^-11 between two others.
        values[..6].copy_from_slice(&[1.0, 1.0 + 1.0 / 2048.0, 1.0 + 3.0 / 2048.0, -2.5, 1e-6, f32::INFINITY]);
        let back = Lanes::<F16>::narrow(values).widen();
        assert_eq!(back[..4], [1.0, 1.0, 1.0 + 1.0 / 512.0, -2.5]);
        assert!((back[4] / 1e-6 - 1.0).abs() < 0.03);
        assert_eq!(back[5], 65504.0);
        assert_eq!(Lanes::<F16>::narrow(back).widen(), back);
    }

    #[test]
    fn a_voxel_takes_64_or_32_bytes() {
        assert_eq!((size_of::<Lanes<f32>>(), size_of::<Lanes<F16>>()), (64, 32));
    }
}
