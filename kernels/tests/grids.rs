//! Resampling against a direct formula, and the same bits for every grid
//! operation on any number of threads.
#![allow(clippy::unwrap_used, reason = "tests")]

use kernels::{
    Connectivity, Cpu, GridError, Interpolation, connected_components, distance_transform, erode_mm, gaussian_blur,
    resample,
};

const DIMS: [usize; 3] = [5, 6, 7];
const IDENTITY: [[f64; 4]; 3] = [[1.0, 0.0, 0.0, 0.0], [0.0, 1.0, 0.0, 0.0], [0.0, 0.0, 1.0, 0.0]];
/// Rotated, scaled, flipped and shifted; leaves the source on some sides.
const OBLIQUE: [[f64; 4]; 3] = [[0.61, -0.33, 0.08, 1.2], [0.27, 0.52, -0.11, 0.4], [0.05, 0.17, -0.44, 3.9]];

/// Along the axes, one of them flipped.
const ALIGNED: [[f64; 4]; 3] = [[0.8, 0.0, 0.0, -0.7], [0.0, -0.9, 0.0, 5.2], [0.0, 0.0, 0.7, 0.1]];

fn image() -> Vec<f32> {
    (0..210_u16).map(|i| (f32::from(i) * 0.9).sin()).collect()
}

fn map(matrix: &[[f64; 4]; 3], [x, y, z]: [usize; 3]) -> [f64; 3] {
    matrix.map(|[a, b, c, d]| a * x as f64 + b * y as f64 + c * z as f64 + d)
}

#[test]
fn the_identity_copies() {
    let labels: Vec<u16> = (0..210).collect();
    let same = resample(&labels, DIMS, &IDENTITY, DIMS, Interpolation::Nearest, 0);
    assert_eq!(same.unwrap(), labels);
    let same = resample(&image(), DIMS, &IDENTITY, DIMS, Interpolation::Linear, 0.0);
    assert_eq!(same.unwrap(), image());
}

#[test]
fn any_grid_reads_the_trilinear_blend() {
    reads_the_trilinear_blend(&OBLIQUE);
    reads_the_trilinear_blend(&ALIGNED);
}

fn reads_the_trilinear_blend(matrix: &[[f64; 4]; 3]) {
    let image = image();
    let dst_dims = [8, 9, 10];
    let dst = resample(&image, DIMS, matrix, dst_dims, Interpolation::Linear, -9.0).unwrap();
    let mut outside = 0;
    for (i, &value) in dst.iter().enumerate() {
        let point = map(matrix, [i % 10, i / 10 % 9, i / 90]);
        let sizes = [7.0, 6.0, 5.0];
        let is_inside = (0..3).all(|a| point[a] >= -0.5 && point[a] < sizes[a] - 0.5);
        outside += usize::from(!is_inside);
        // A tent of width one around every voxel; the border continues outwards.
        let tent = |a: usize, n: usize| {
            let inside = point[a].clamp(0.0, sizes[a] - 1.0);
            (1.0 - (inside - n as f64).abs()).max(0.0)
        };
        let blend = |(j, v): (usize, &f32)| f64::from(*v) * tent(0, j % 7) * tent(1, j / 7 % 6) * tent(2, j / 42);
        let blend: f64 = image.iter().enumerate().map(blend).sum();
        let expected = if is_inside { blend } else { -9.0 };
        assert!((f64::from(value) - expected).abs() < 1e-6, "{point:?}: {value} {expected}");
    }
    assert!((20..700).contains(&outside), "both cases are tested: {outside}");
}

#[test]
fn labels_take_the_voxel_that_holds_the_point() {
    take_the_voxel_that_holds_the_point(&OBLIQUE);
    take_the_voxel_that_holds_the_point(&ALIGNED);
}

fn take_the_voxel_that_holds_the_point(matrix: &[[f64; 4]; 3]) {
    let labels: Vec<u8> = (0..210).collect();
    let dst = resample(&labels, DIMS, matrix, [8, 9, 10], Interpolation::Nearest, 255).unwrap();
    for (i, &label) in dst.iter().enumerate() {
        let point = map(matrix, [i % 10, i / 10 % 9, i / 90]);
        let [x, y, z] = point.map(|p| (p + 0.5).floor());
        let is_inside = (0.0..7.0).contains(&x) && (0.0..6.0).contains(&y) && (0.0..5.0).contains(&z);
        let expected = if is_inside { ((z * 6.0 + y) * 7.0 + x) as u8 } else { 255 };
        assert_eq!(label, expected, "{point:?}");
    }
}

#[test]
fn half_a_voxel_beyond_the_border_still_counts() {
    let row = |shift: f64, interpolation| {
        let matrix = [[1.0, 0.0, 0.0, shift], IDENTITY[1], IDENTITY[2]];
        let src = [100_i16, 201];
        resample(&src, [1, 1, 2], &matrix, [1, 1, 2], interpolation, -1024).unwrap()
    };
    assert_eq!(row(-0.5, Interpolation::Nearest), [100, 201]);
    assert_eq!(row(-0.51, Interpolation::Nearest), [-1024, 100]);
    assert_eq!(row(-0.5, Interpolation::Linear), [100, 151]);
    assert_eq!(row(0.49, Interpolation::Linear), [149, 201]);
    assert_eq!(row(0.5, Interpolation::Linear), [151, -1024]);
}

#[test]
fn nonsense_is_refused() {
    let run = |src: &[f32], matrix: &[[f64; 4]; 3], dst| {
        resample(src, [1, 1, 2], matrix, dst, Interpolation::Linear, 0.0).is_err()
    };
    let mut broken = IDENTITY;
    broken[1][2] = f64::NAN;
    assert!(!run(&[1.0, 2.0], &IDENTITY, [1, 1, 2]));
    assert!(run(&[1.0], &IDENTITY, [1, 1, 2]));
    assert!(run(&[1.0, 2.0], &broken, [1, 1, 2]));
    assert!(run(&[1.0, 2.0], &IDENTITY, [1, 0, 2]));
    assert!(run(&[1.0, 2.0], &IDENTITY, [usize::MAX, 2, 2]));
    let far = [[1e300; 4]; 3];
    let dst = resample(&[1_u8], [1, 1, 1], &far, [1, 2, 2], Interpolation::Nearest, 9);
    assert_eq!(dst.unwrap(), [9; 4]);
    let labels = resample(&[1_u8], [1, 1, 1], &IDENTITY, [1, 1, 1], Interpolation::Linear, 0);
    assert_eq!(labels, Err(GridError::LinearLabels { voxel: "u8" }));
}

#[test]
fn no_result_depends_on_the_number_of_threads() {
    let dims = [19, 23, 41];
    let count: u16 = 19 * 23 * 41;
    let image: Vec<f32> = (0..count).map(|i| (f32::from(i) * 0.37).sin()).collect();
    let mask: Vec<bool> = image.iter().map(|&v| v > 0.6).collect();
    let results = [1, 2, 7].map(|threads| {
        let work = || {
            let parts = connected_components(&mask, dims, Connectivity::Corners).unwrap();
            (
                resample(&image, dims, &OBLIQUE, dims, Interpolation::Linear, 0.0).unwrap(),
                gaussian_blur(&image, dims, [1.0, 2.0, 0.5]).unwrap(),
                distance_transform(&mask, dims, [2.5, 0.7, 0.7]).unwrap(),
                erode_mm(&mask, dims, [2.5, 0.7, 0.7], 0.8).unwrap(),
                parts,
            )
        };
        Cpu::with_threads(threads).unwrap().install(work)
    });
    assert!(results.iter().all(|result| *result == results[0]));
}
