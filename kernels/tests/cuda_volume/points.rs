//! Neighbours and normal equations.

use kernels::Cuda;
use kernels::cuda::volume::{Neighbour, NormalEquations, PointsPose, RobustKernel, Search};

use crate::{Random, on_every_device};

fn cloud(count: usize, seed: u64) -> Vec<[f32; 3]> {
    let mut random = Random(seed);
    (0..count).map(|_| [random.next() * 60.0 - 30.0, random.next() * 40.0, random.next() * 90.0]).collect()
}

fn unit(vectors: Vec<[f32; 3]>) -> Vec<[f32; 3]> {
    let scaled = |v: [f32; 3]| v.map(|c| c / v.iter().map(|c| c * c).sum::<f32>().sqrt());
    vectors.into_iter().map(scaled).collect()
}

fn pose() -> PointsPose {
    let (s, c) = (0.3_f32.sin(), 0.3_f32.cos());
    PointsPose { rotation: [c, -s, 0.0, s, c, 0.0, 0.0, 0.0, 1.0], centre: [4.0, -3.0, 7.5] }
}

fn placed(pose: &PointsPose, o: &[f32; 3]) -> ([f32; 3], [f32; 3]) {
    let arm = [0, 3, 6].map(|i| (0..3).map(|k| pose.rotation[i + k] * o[k]).sum::<f32>());
    (arm, [0, 1, 2].map(|i| arm[i] + pose.centre[i]))
}

fn squared(a: &[f32; 3], b: &[f32; 3]) -> f32 {
    a.iter().zip(b).map(|(a, b)| (a - b) * (a - b)).sum()
}

/// The truth: every target point for every source point.
fn nearest(targets: &[[f32; 3]], at: &[f32; 3]) -> Neighbour {
    let pairs = targets.iter().zip(0_u32..).map(|(t, index)| Neighbour { index, squared_mm2: squared(at, t) });
    pairs.min_by(|a, b| a.squared_mm2.total_cmp(&b.squared_mm2)).unwrap()
}

/// A neighbour on the wrong side of a lamina pulls the pose into the canal.
#[test]
fn finds_the_nearest_points() {
    for (targets, sources, cell_mm) in [(1, 3, 2.0), (700, 300, 6.0), (3000, 37, 1.5), (257, 600, 40.0)] {
        let (points, offsets) = (cloud(targets, 1), cloud(sources, 2));
        on_every_device(|cuda| {
            let target = cuda.registration_target(&points, &unit(cloud(targets, 4)), cell_mm).unwrap();
            let moved = cuda.upload_points(&offsets).unwrap();
            let all = target.nearest(&moved, &pose(), Search::Exhaustive).unwrap().download().unwrap();
            let wide = target.nearest(&moved, &pose(), Search::Within(500.0)).unwrap().download().unwrap();
            let near = target.nearest(&moved, &pose(), Search::Within(5.0)).unwrap().download().unwrap();
            assert_eq!(all, wide);
            for (i, offset) in offsets.iter().enumerate() {
                let at = placed(&pose(), offset).1;
                let (want, got) = (nearest(&points, &at), all[i].unwrap());
                // Rounding may swap two points that are equally near.
                assert!((got.squared_mm2 - want.squared_mm2).abs() <= 1e-4 * want.squared_mm2.max(1.0));
                let own = squared(&at, &points[got.index as usize]);
                assert!((got.squared_mm2 - own).abs() <= 1e-4 * own.max(1.0));
                assert_eq!(near[i], all[i].filter(|n| n.squared_mm2 <= 25.0));
            }
        });
    }
}

/// Voxel lattices repeat points; a replay must find the same of them.
#[test]
fn the_lowest_of_equally_near_points_wins() {
    let points: Vec<[f32; 3]> = (0..600).map(|i| [(i % 3) as f32, (i / 3 % 2) as f32, 0.0]).collect();
    on_every_device(|cuda| {
        let target = cuda.registration_target(&points, &vec![[0.0, 0.0, 1.0]; 600], 0.5).unwrap();
        let moved = cuda.upload_points(&[[0.5, 0.5, 0.0], [2.0, 1.0, 3.0], [1.0, 0.0, 0.0]]).unwrap();
        let still = PointsPose { rotation: [1.0, 0.0, 0.0, 0.0, 1.0, 0.0, 0.0, 0.0, 1.0], centre: [0.0; 3] };
        for search in [Search::Exhaustive, Search::Within(50.0)] {
            let found = target.nearest(&moved, &still, search).unwrap().download().unwrap();
            assert_eq!(found.iter().map(|n| n.unwrap().index).collect::<Vec<_>>(), [0, 5, 1]);
        }
    });
}

/// The engine's `register::factor`, in f64.
fn equations(
    (points, normals): (&[[f32; 3]], &[[f32; 3]]),
    offsets: &[[f32; 3]],
    found: &[Option<Neighbour>],
    reach: f32,
    kernel: RobustKernel,
) -> NormalEquations {
    let mut sums =
        NormalEquations { information: [[0.0; 6]; 6], right_side: [0.0; 6], squared_error_mm2: 0.0, inliers: 0 };
    for (offset, found) in offsets.iter().zip(found) {
        let Some(found) = found.filter(|n| n.squared_mm2 <= reach * reach) else { continue };
        let (arm, at) = placed(&pose(), offset);
        let (a, at) = (arm.map(f64::from), at.map(f64::from));
        let (m, n) = (points[found.index as usize].map(f64::from), normals[found.index as usize].map(f64::from));
        let e: f64 = (0..3).map(|i| (at[i] - m[i]) * n[i]).sum();
        let weight = match kernel {
            RobustKernel::GemanMcClure { scale_mm } => {
                let scale = f64::from(scale_mm * scale_mm);
                (scale / (scale + f64::from(found.squared_mm2))).powi(2)
            }
            RobustKernel::Tukey { cutoff_mm } => (1.0 - (e / f64::from(cutoff_mm)).powi(2)).max(0.0).powi(2),
            _ => unreachable!(),
        };
        let j = [a[1] * n[2] - a[2] * n[1], a[2] * n[0] - a[0] * n[2], a[0] * n[1] - a[1] * n[0], n[0], n[1], n[2]];
        for row in 0..6 {
            (0..6).for_each(|column| sums.information[row][column] += weight * j[row] * j[column]);
            sums.right_side[row] -= weight * j[row] * e;
        }
        sums.squared_error_mm2 += weight * e * e;
        sums.inliers += 1;
    }
    sums
}

fn solve_once(cuda: &Cuda, count: usize, reach: f32, kernel: RobustKernel) -> (NormalEquations, NormalEquations) {
    let (points, normals, offsets) = (cloud(900, 1), unit(cloud(900, 4)), cloud(count, 2));
    let target = cuda.registration_target(&points, &normals, 5.0).unwrap();
    let moved = cuda.upload_points(&offsets).unwrap();
    let found = target.nearest(&moved, &pose(), Search::Within(50.0)).unwrap();
    let got = target.normal_equations(&moved, &pose(), &found, reach, kernel).unwrap();
    let want = equations((&points, &normals), &offsets, &found.download().unwrap(), reach, kernel);
    (got, want)
}

#[test]
fn sums_the_equations_of_the_engine() {
    let kernels = [RobustKernel::GemanMcClure { scale_mm: 4.0 }, RobustKernel::Tukey { cutoff_mm: 3.0 }];
    // The last has more blocks than a warp adds up at once.
    for (count, kernel) in [(1, kernels[0]), (2500, kernels[0]), (34_000, kernels[1])] {
        on_every_device(|cuda| {
            let (got, want) = solve_once(cuda, count, 8.0, kernel);
            assert_eq!(got.inliers, want.inliers);
            let is_close = |a: f64, b: f64, scale: f64| (a - b).abs() <= 2e-5 * scale;
            let diagonal = |i: usize| want.information[i][i].sqrt();
            for row in 0..6 {
                for column in 0..6 {
                    let scale = diagonal(row) * diagonal(column);
                    let (a, b) = (got.information[row][column], want.information[row][column]);
                    assert!(is_close(a, b, scale), "{row} {column}: {a} {b}");
                }
                let scale = diagonal(row) * want.squared_error_mm2.sqrt();
                assert!(is_close(got.right_side[row], want.right_side[row], scale));
            }
            assert!(is_close(got.squared_error_mm2, want.squared_error_mm2, want.squared_error_mm2));
            // The same bits again.
            assert_eq!(got, solve_once(cuda, count, 8.0, kernel).0);
        });
    }
}

#[test]
fn nonsense_finds_nothing_or_is_refused() {
    on_every_device(|cuda| {
        let up = [[0.0, 0.0, 1.0]];
        let target = cuda.registration_target(&[[1.0, 2.0, 3.0]], &up, 1.0).unwrap();
        let moved = cuda.upload_points(&[[0.0; 3]; 5]).unwrap();
        let lost = PointsPose { centre: [f32::NAN, 0.0, 0.0], ..pose() };
        for search in [Search::Exhaustive, Search::Within(9.0)] {
            let found = target.nearest(&moved, &lost, search).unwrap();
            assert_eq!(found.download().unwrap(), [None; 5]);
            let kernel = RobustKernel::Tukey { cutoff_mm: 1.0 };
            let sums = target.normal_equations(&moved, &lost, &found, 5.0, kernel).unwrap();
            assert_eq!((sums.inliers, sums.information), (0, [[0.0; 6]; 6]));
            assert!(target.normal_equations(&moved, &lost, &found, f32::NAN, kernel).is_err());
        }
        assert!(target.nearest(&moved, &pose(), Search::Within(-1.0)).is_err());
        assert!(cuda.upload_points(&[]).is_err());
        let error = cuda.registration_target(&[[0.0, f32::NAN, 0.0]], &up, 1.0).unwrap_err();
        assert!(error.to_string().contains("point 0"), "{error}");
        assert!(cuda.registration_target(&[[0.0; 3]], &[], 1.0).is_err());
        assert!(cuda.registration_target(&[[0.0; 3]], &up, 0.0).is_err());
        // A far-away point makes cells larger, not memory.
        let spread = [[-1e5; 3], [1e5; 3]];
        let target = cuda.registration_target(&spread, &[up[0]; 2], 900.0).unwrap();
        let found = target.nearest(&moved, &pose(), Search::Within(1e6)).unwrap().download().unwrap();
        assert!(found.iter().all(|n| n.is_some()));
    });
}
