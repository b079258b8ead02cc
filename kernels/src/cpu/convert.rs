//! Rows of voxels between what is stored and f32.
#![allow(unsafe_code)]

use super::blocks::InputBlock;
use super::element::{Element, Lanes};
use super::vector::Vector;
use crate::program::BLOCK;

/// Vectors of a block with the narrowest vectors, of four lanes.
const MOST_PARTS: usize = 4;

/// Loads every `step`-th voxel of `voxels` into `to`, as many as both have.
#[inline(always)]
pub(in crate::cpu) fn load_row<V: Vector, E: Element>(
    v: V,
    block: &InputBlock<'_, E>,
    voxels: &[Lanes<E>],
    step: usize,
    to: &mut [[f32; BLOCK]],
) {
    let count = voxels.len().div_ceil(step).min(to.len());
    let slope = v.splat(block.slope);
    let (mut scale, mut shift) = ([v; MOST_PARTS], [v; MOST_PARTS]);
    for (i, part) in (0..BLOCK).step_by(V::LANES).enumerate() {
        // SAFETY: `part + LANES <= BLOCK`, the length of scale and shift (test
        // `rows_are_loaded_and_stored`).
        unsafe {
            scale[i] = v.load(block.scale.as_ptr().add(part));
            shift[i] = v.load(block.shift.as_ptr().add(part));
        }
    }
    let (from, to) = (voxels.as_ptr(), to.as_mut_ptr());
    for voxel in 0..count {
        for (i, part) in (0..BLOCK).step_by(V::LANES).enumerate() {
            // SAFETY: `voxel < count` bounds both sides, `part` each voxel
            // (test `rows_are_loaded_and_stored`).
            unsafe {
                let value = E::read(v, from.add(voxel * step).cast::<E>().add(part)).mul_add(scale[i], shift[i]);
                value.max(value.mul(slope)).store(to.add(voxel).cast::<f32>().add(part));
            }
        }
    }
}

/// Stores a row and leaves in `from` what a reader will find.
#[inline(always)]
pub(in crate::cpu) fn store_row<V: Vector, E: Element>(v: V, from: &mut [[f32; BLOCK]], to: &mut [Lanes<E>]) {
    for (from, to) in from.iter_mut().zip(to) {
        // SAFETY: one voxel on both sides.
        unsafe { store_voxel(v, from, to) };
    }
}

/// Stores a voxel and leaves in `from` what a reader will find.
///
/// # Safety
/// `to` is valid for writing, and nobody else uses it meanwhile.
#[inline(always)]
pub(in crate::cpu) unsafe fn store_voxel<V: Vector, E: Element>(v: V, from: &mut [f32; BLOCK], to: *mut Lanes<E>) {
    for part in (0..BLOCK).step_by(V::LANES) {
        // SAFETY: `part + LANES <= BLOCK`, the length of both sides (caller;
        // test `rows_are_loaded_and_stored`).
        unsafe {
            let (from, to) = (from.as_mut_ptr().add(part), to.cast::<E>().add(part));
            E::write(v.load(from), to);
            E::read(v, to).store(from);
        }
    }
}

/// Sum and sum of squares of each lane, in f32: for a handful of voxels.
#[inline(always)]
pub(in crate::cpu) fn sums<V: Vector>(v: V, voxels: &[[f32; BLOCK]]) -> [[f32; BLOCK]; 2] {
    let mut result = [[0.0; BLOCK]; 2];
    for part in (0..BLOCK).step_by(V::LANES) {
        let (mut sum, mut squares) = (v.splat(0.0), v.splat(0.0));
        for values in voxels {
            // SAFETY: `part + LANES <= BLOCK` (test `rows_are_loaded_and_stored`).
            let value = unsafe { v.load(values.as_ptr().add(part)) };
            sum = sum.add(value);
            squares = value.mul_add(value, squares);
        }
        // SAFETY: as above.
        unsafe {
            sum.store(result[0].as_mut_ptr().add(part));
            squares.store(result[1].as_mut_ptr().add(part));
        }
    }
    result
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::cpu::vector::{F16, Isa, Kernel};

    struct There<'a, E>(InputBlock<'a, E>, &'a mut Vec<[f32; BLOCK]>, &'a mut Vec<Lanes<E>>);

    impl<E: Element> Kernel for There<'_, E> {
        type Output = [[f32; BLOCK]; 2];
        #[inline(always)]
        fn run<V: Vector>(self, v: V) -> Self::Output {
            let Self(block, row, stored) = self;
            load_row(v, &block, block.voxels, 2, row);
            store_row(v, row, stored);
            sums(v, row)
        }
    }

    fn rows<E: Element>(isa: Isa) {
        let value = |voxel: usize, lane: usize| voxel as f32 - lane as f32;
        let voxels: Vec<Lanes<E>> =
            (0..5).map(|voxel| Lanes::narrow(std::array::from_fn(|lane| value(voxel, lane)))).collect();
        let scale: [f32; BLOCK] = std::array::from_fn(|lane| if lane < 15 { 2.0 } else { 0.0 });
        let block = InputBlock { voxels: &voxels, scale: &scale, shift: &[0.0; BLOCK], slope: 0.5 };
        let (mut row, mut stored) = (vec![[7.0; BLOCK]; 4], vec![Lanes::narrow([9.0; BLOCK]); 3]);
        let [sum, squares] = isa.run(There(block, &mut row, &mut stored));
        for lane in 0..BLOCK {
            let expected: Vec<f32> =
                (0..3).map(|i| scale[lane] * value(2 * i, lane)).map(|y| y.max(y * 0.5)).chain([7.0]).collect();
            for (i, expected) in expected.iter().enumerate() {
                assert_eq!(row[i][lane], *expected, "{isa:?}");
                assert!(i == 3 || stored[i].widen()[lane] == *expected, "{isa:?}");
            }
            assert_eq!(sum[lane], expected.iter().sum::<f32>());
            assert_eq!(squares[lane], expected.iter().map(|v| v * v).sum::<f32>());
        }
    }

    #[test]
    fn rows_are_loaded_and_stored() {
        for isa in Isa::available() {
            rows::<f32>(isa);
            rows::<F16>(isa);
        }
    }
}
