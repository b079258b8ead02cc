//! StealthStation S8 1.3.0 and 1.3.2, 2024, class II: a scan in lateral
//! position was shown turned by 180 degrees, and the warning of slices more
//! than 2 mm apart was missing.

use std::path::PathBuf;

use engine::io::{self, Limits, Warning};
use engine::volume::{Grid, LabelMap, SlicePlane, Volume};
use geom::nalgebra::Matrix3x4;

/// Voxels along left, posterior, superior; all different.
const SIZE: [usize; 3] = [9, 7, 5];

/// A marker: no turn and no mirror puts it back in its place.
const MARKER: [usize; 3] = [7, 1, 3];

/// The 48 ways in which rows, columns and slices may be stored.
fn storages() -> impl Iterator<Item = ([usize; 3], [bool; 3])> {
    let orders = [[0, 1, 2], [0, 2, 1], [1, 0, 2], [1, 2, 0], [2, 0, 1], [2, 1, 0]];
    orders.into_iter().flat_map(|order| (0..8).map(move |b| (order, [b & 1 > 0, b & 2 > 0, b & 4 > 0])))
}

/// Grid of a storage with `spacing_mm` along left, posterior, superior, and the patient's lattice point of each voxel.
fn stored(order: [usize; 3], flip: [bool; 3], spacing_mm: [f64; 3]) -> (Grid, Vec<[usize; 3]>) {
    let mut affine = Matrix3x4::zeros();
    for axis in 0..3 {
        let patient = order[axis];
        affine[(patient, axis)] = if flip[axis] { -spacing_mm[patient] } else { spacing_mm[patient] };
        if flip[axis] {
            affine[(patient, 3)] = spacing_mm[patient] * (SIZE[patient] - 1) as f64;
        }
    }
    let grid = Grid::new(order.map(|patient| SIZE[patient]), affine).unwrap();
    let [nx, ny, _] = grid.size();
    let lattice = |index: usize| {
        let voxel = [index % nx, index / nx % ny, index / nx / ny];
        let mut lps = [0; 3];
        for axis in 0..3 {
            let patient = order[axis];
            lps[patient] = if flip[axis] { SIZE[patient] - 1 - voxel[axis] } else { voxel[axis] };
        }
        lps
    };
    let lattice = (0..grid.len()).map(lattice).collect();
    (grid, lattice)
}

fn volume(order: [usize; 3], flip: [bool; 3], spacing_mm: [f64; 3]) -> Volume {
    let (grid, lattice) = stored(order, flip, spacing_mm);
    let hu = lattice.iter().map(|[l, p, s]| ((l * 211 + p * 977 + s * 3001) % 2500) as f32 - 1000.0).collect();
    Volume { grid, hu }
}

fn file(name: &str) -> PathBuf {
    std::env::temp_dir().join(format!("spinenav-recall-{}-{name}", std::process::id()))
}

/// Axial, coronal and sagittal slices through the middle, seen as radiologists see them.
fn three_views(volume: &Volume) -> Vec<f32> {
    let plane =
        |u: [f64; 3], v: [f64; 3]| SlicePlane::new([1.25, 1.25, 2.25].into(), u.into(), v.into(), 1.0, [6, 4]).unwrap();
    let views = [
        plane([1.0, 0.0, 0.0], [0.0, 1.0, 0.0]),
        plane([1.0, 0.0, 0.0], [0.0, 0.0, -1.0]),
        plane([0.0, 1.0, 0.0], [0.0, 0.0, -1.0]),
    ];
    views.iter().flat_map(|view| volume.slice(view)).collect()
}

#[test]
fn recall_stealthstation_2024_every_way_of_scanning_gives_the_same_three_views() {
    let path = file("views.nii.gz");
    let expected = three_views(&volume([0, 1, 2], [false; 3], [1.0; 3]));
    for (order, flip) in storages() {
        io::nifti::write_volume(&path, &volume(order, flip, [1.0; 3])).unwrap();
        let read = io::read_ct(&path, &Limits::default()).unwrap();
        assert!(!read.warnings.contains(&Warning::NoOrientation));
        let shown = three_views(&read.value);
        let worst = shown.iter().zip(&expected).map(|(a, b)| (a - b).abs()).fold(0.0, f32::max);
        assert!(worst < 0.5, "{order:?} {flip:?}: a pixel differs by {worst} HU");
    }
    std::fs::remove_file(&path).unwrap();
}

#[test]
fn recall_stealthstation_2024_a_marker_on_the_left_stays_on_the_left() {
    for (name, write) in [
        ("marker.nii.gz", io::nifti::write_labels as fn(&std::path::Path, &LabelMap) -> _),
        ("marker.seg.nrrd", engine::export::nrrd::write_segmentation),
    ] {
        let path = file(name);
        for (order, flip) in storages() {
            let (grid, lattice) = stored(order, flip, [1.0, 0.5, 1.5]);
            let labels = lattice.iter().map(|at| if *at == MARKER { 20 } else { 0 }).collect();
            write(&path, &LabelMap { grid, labels }).unwrap();
            let read = io::read_labels(&path, &Limits::default()).unwrap().value;
            let [l, p, s] = MARKER.map(|v| v as f64);
            let place = [l, 0.5 * p, 1.5 * s];
            assert_eq!(read.sample_nearest(place.into()), Some(20), "{name} {order:?} {flip:?}");
            let mirrored = [8.0 - place[0], place[1], place[2]];
            assert_eq!(read.sample_nearest(mirrored.into()), Some(0), "{name} {order:?} {flip:?}");
        }
        std::fs::remove_file(&path).unwrap();
    }
}

fn warns(spacing_mm: [f64; 3], order: [usize; 3]) -> bool {
    let path = file(&format!("thick-{order:?}-{spacing_mm:?}.nii.gz"));
    io::nifti::write_volume(&path, &volume(order, [false, true, false], spacing_mm)).unwrap();
    let read = io::read_ct(&path, &Limits::default()).unwrap();
    std::fs::remove_file(&path).unwrap();
    read.warnings.iter().any(|w| matches!(w, Warning::ThickVoxels { .. }))
}

#[test]
fn recall_stealthstation_2024_slices_more_than_2_mm_apart_always_warn() {
    for axis in 0..3 {
        for (thickness, expected) in [(2.05, true), (2.5, true), (5.0, true), (2.0, false), (1.0, false)] {
            for order in [[0, 1, 2], [1, 2, 0], [2, 1, 0]] {
                let mut spacing_mm = [1.0; 3];
                spacing_mm[axis] = thickness;
                assert_eq!(warns(spacing_mm, order), expected, "{thickness} mm along {axis}, stored {order:?}");
            }
        }
    }
}

#[test]
fn recall_stealthstation_2024_the_warning_names_the_spacing_and_what_to_do() {
    let words = Warning::ThickVoxels { spacing_mm: [0.5, 0.5, 3.0] }.to_string();
    assert!(words.contains("0.50x0.50x3.00 mm") && words.contains("2 mm") && words.contains("thinner"), "{words}");
}

#[test]
fn recall_stealthstation_2024_an_image_without_orientation_says_so() {
    // NRRD without a space: nothing says where left is.
    let head = "NRRD0004\ntype: short\ndimension: 3\nsizes: 4 4 4\nencoding: raw\nendian: little\nspacings: 1 1 1\n\n";
    let voxels: Vec<u8> = (0..64i16).flat_map(|v| (v * 40 - 1000).to_le_bytes()).collect();
    let path = file("nowhere.nrrd");
    std::fs::write(&path, [head.as_bytes(), &voxels].concat()).unwrap();
    let read = io::read_ct(&path, &Limits::default()).unwrap();
    std::fs::remove_file(&path).unwrap();
    assert!(read.warnings.contains(&Warning::NoOrientation));
    assert!(Warning::NoOrientation.to_string().contains("left and right"));
}
