//! The tile unit against plain sums: a wrong tap, border or lane would make
//! every network after it wrong without any error.

mod case;
mod network;
mod product;

use rayon::prelude::*;

use super::{Cut, Task, Unit, Work};
use crate::cpu::blocks::{InputBlocks, Shared};
use crate::cpu::direct::PlanarSink;
use crate::cpu::element::Lanes;
use crate::cpu::vector::{F16, Isa};
use crate::program::BLOCK;
use case::{Case, in_order};

#[test]
fn channels_in_any_number_and_parts() {
    for (parts, outputs) in [
        (vec![1], 16),
        (vec![3], 17),
        (vec![16], 1),
        (vec![17], 48),
        (vec![48], 33),
        (vec![16, 16], 16),
        (vec![3, 20, 1], 3),
        (vec![16, 7, 40], 65),
    ] {
        Case { parts, outputs, ..Case::default() }.check();
    }
}

#[test]
fn kernels_strides_and_dilations() {
    let cases = [
        ([1, 1, 1], [1; 3], [0; 3], [1; 3]),
        ([1, 1, 1], [2; 3], [0; 3], [1; 3]),
        ([3, 3, 3], [2; 3], [1; 3], [1; 3]),
        ([3, 3, 3], [1, 2, 2], [1; 3], [1; 3]),
        ([1, 3, 3], [1; 3], [0, 1, 1], [1; 3]),
        ([3, 3, 3], [1; 3], [2; 3], [2; 3]),
        ([3, 3, 3], [2; 3], [2; 3], [2; 3]),
        ([2, 2, 2], [2; 3], [0; 3], [1; 3]),
        ([5, 3, 1], [1, 3, 2], [2, 0, 3], [1, 2, 1]),
        ([3, 3, 3], [3, 1, 4], [3, 4, 5], [1, 1, 2]),
        ([1, 2, 2], [1, 2, 2], [0, 1, 1], [1, 3, 3]),
    ];
    for (kernel, stride, padding, dilation) in cases {
        for parts in [vec![5], vec![20, 16]] {
            let dims = [6, 7, 9];
            Case { dims, parts, outputs: 18, kernel, stride, padding, dilation, ..Case::default() }.check();
        }
    }
}

#[test]
fn odd_sizes_and_several_boxes() {
    for dims in [[1, 1, 1], [1, 1, 35], [1, 33, 2], [7, 1, 16], [5, 3, 17], [1, 29, 41], [9, 10, 13]] {
        Case { dims, parts: vec![8], outputs: 20, ..Case::default() }.check();
    }
}

#[test]
fn transposed_convolutions() {
    for (kernel, parts, outputs) in [([2, 2, 2], vec![17], 20), ([1, 2, 3], vec![32], 16), ([3, 1, 1], vec![4, 16], 40)]
    {
        Case { dims: [3, 5, 9], parts, outputs, kernel, transposed: true, ..Case::default() }.check();
    }
}

#[test]
fn any_order_gives_the_same_bits() {
    let case = Case { dims: [6, 9, 40], parts: vec![20], outputs: 70, ..Case::default() };
    let expected = case.run(Unit::MODEL, Isa::detect(), in_order);
    let layer = case.layer();
    assert!(Cut::of_tiles(&layer, case.dims).shares() > 4);
    let threads = case.run(Unit::MODEL, Isa::detect(), |task| {
        (0..task.cut.shares()).into_par_iter().rev().for_each(|share| {
            // SAFETY: every share once.
            unsafe { task.run(share, &mut Work::default()) };
        });
    });
    assert_eq!(threads, expected);
}

#[test]
fn instruction_sets_agree() {
    let case = Case { parts: vec![20], outputs: 17, ..Case::default() };
    let expected = case.run(Unit::MODEL, Isa::PORTABLE, in_order);
    for isa in Isa::available() {
        assert_eq!(case.run(Unit::MODEL, isa, in_order).voxels, expected.voxels, "{isa:?}");
    }
}

#[test]
fn an_infinity_in_one_image_does_not_spoil_the_next() {
    let task = |case: &Case, value: Option<F16>, work: &mut Work| {
        let layer = case.layer();
        let cut = Cut::of_tiles(&layer, case.positions());
        let (mut arena, output_dims) = (case.arena(), case.output_dims());
        if let Some(value) = value {
            arena.split(0..case.stored().len()).1.fill(Lanes([value; BLOCK]));
        }
        let refs = case.refs();
        let input = InputBlocks::new(arena.split(0..0).0, &refs, case.dims);
        let mut voxels = vec![0.0; case.outputs * output_dims.iter().product::<usize>()];
        let (channels, count) = (case.outputs, voxels.len() / case.outputs);
        let sink = PlanarSink { values: Shared::new(&mut voxels), channels, voxels: count };
        let (unit, isa) = (Unit::MODEL, Isa::detect());
        let task = Task { unit, isa, layer: &layer, cut, input, sink: &sink, output_dims, moments: None };
        // SAFETY: one thread.
        (0..cut.shares()).for_each(|share| unsafe { task.run(share, work) });
        voxels
    };
    let (kernel, padding) = ([1, 3, 3], [0, 1, 1]);
    let small = Case { dims: [2, 3, 5], parts: vec![9], outputs: 4, kernel, padding, ..Case::default() };
    // Inside it lies what follows the last voxel of the small patch, 2 x 5 x 7.
    let large = Case { dims: [1, 12, 11], parts: vec![16], ..small.clone() };
    let mut work = Work::default();
    assert!(task(&large, Some(F16(0x7c00)), &mut work).iter().any(|v| !v.is_finite()));
    let used = task(&small, None, &mut work);
    assert_eq!(used, task(&small, None, &mut Work::default()));
    let expected = small.expected();
    assert!(used.iter().zip(&expected).all(|(&value, exact)| (f64::from(value) - exact).abs() < 1e-5));
}
