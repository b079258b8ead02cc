//! Iso-surfaces.

use kernels::cuda::volume::TriangleMesh;

use crate::marching::{Edge, extract};
use crate::{Random, on_every_device};

const IDENTITY: [[f64; 4]; 3] = [[1.0, 0.0, 0.0, 0.0], [0.0, 1.0, 0.0, 0.0], [0.0, 0.0, 1.0, 0.0]];

/// The edge a vertex in voxel coordinates lies on: it is at least a hundredth
/// away from both ends.
fn edge_of(vertex: [f32; 3]) -> Edge {
    let axis =
        (0..3).max_by(|&a, &b| (vertex[a] - vertex[a].round()).abs().total_cmp(&(vertex[b] - vertex[b].round()).abs()));
    let axis = axis.unwrap();
    let low = [0, 1, 2].map(|i| if i == axis { vertex[i].floor() } else { vertex[i].round() } as i32);
    (low, axis)
}

fn check(mesh: &TriangleMesh, field: &[f32], dims: [usize; 3], level: f32) {
    let (crossings, want) = extract(field, dims, level);
    assert_eq!(mesh.vertices.len(), crossings.len());
    for &vertex in &mesh.vertices {
        let (low, axis) = edge_of(vertex);
        let share = crossings[&(low, axis)];
        assert!((f64::from(vertex[axis]) - f64::from(low[axis]) - share).abs() < 1e-5, "{vertex:?} {share}");
    }
    let edges: Vec<Edge> = mesh.vertices.iter().map(|v| edge_of(*v)).collect();
    let mut got: Vec<[Edge; 3]> = mesh.triangles.iter().map(|t| t.map(|i| edges[i as usize])).collect();
    for triangle in &mut got {
        let first = (0..3).min_by_key(|&i| triangle[i]).unwrap();
        triangle.rotate_left(first);
    }
    got.sort_unstable();
    assert!(got == want, "{} triangles instead of {}", got.len(), want.len());
}

/// Enclosed volume: positive when wound outward.
fn enclosed(mesh: &TriangleMesh) -> f64 {
    let corner = |i: u32| mesh.vertices[i as usize].map(f64::from);
    let signed = |t: &[u32; 3]| {
        let [a, b, c] = t.map(corner);
        let cross = [b[1] * c[2] - b[2] * c[1], b[2] * c[0] - b[0] * c[2], b[0] * c[1] - b[1] * c[0]];
        (a[0] * cross[0] + a[1] * cross[1] + a[2] * cross[2]) / 6.0
    };
    mesh.triangles.iter().map(signed).sum()
}

/// Noise meets every one of the 256 patterns, and all pairs of neighbours.
#[test]
fn cuts_the_triangles_of_the_engine() {
    for dims in [[9, 11, 37], [2, 3, 64], [1, 1, 1], [18, 17, 16], [3, 2, 30]] {
        let field = Random(8).values(dims.iter().product(), 0.0, 1.0);
        for level in [0.2, 0.5, 0.8] {
            on_every_device(|cuda| {
                let mesh = cuda.upload_volume(&field, dims).unwrap().surface(level, &IDENTITY).unwrap();
                let mesh = mesh.download().unwrap();
                check(&mesh, &field, dims, level);
            });
        }
    }
}

/// The order of vertices and triangles is fixed, or a replay would differ.
#[test]
fn numbers_them_the_same_in_every_run_and_order_of_threads() {
    let field = Random(9).values(11 * 12 * 40, 0.0, 1.0);
    let first = std::cell::RefCell::new(None);
    on_every_device(|cuda| {
        let volume = cuda.upload_volume(&field, [11, 12, 40]).unwrap();
        for _ in 0..2 {
            let mesh = volume.surface(0.6, &IDENTITY).unwrap().download().unwrap();
            assert!(*first.borrow_mut().get_or_insert_with(|| mesh.clone()) == mesh);
        }
    });
}

/// Normals that point into the bone would cull the side the surgeon touches.
#[test]
fn mirrored_grids_wind_outward_too() {
    let dims = [12, 13, 14];
    let field: Vec<f32> = (0..12 * 13 * 14)
        .map(|i| {
            let at = [i % 14, i / 14 % 13, i / 182].map(|v| v as f32);
            5.0 - ((at[0] - 6.5).powi(2) + (at[1] - 6.0).powi(2) + (at[2] - 5.5).powi(2)).sqrt()
        })
        .collect();
    let mirrored = [[-0.8, 0.0, 0.0, 90.0], [0.0, 0.8, 0.1, -60.0], [0.0, 0.0, 1.5, 300.0]];
    on_every_device(|cuda| {
        let volume = cuda.upload_volume(&field, dims).unwrap();
        let ball = volume.surface(0.0, &IDENTITY).unwrap().download().unwrap();
        let expected = 4.0 / 3.0 * std::f64::consts::PI * 125.0;
        assert!((enclosed(&ball) / expected - 1.0).abs() < 0.03, "{}", enclosed(&ball));
        let placed = volume.surface(0.0, &mirrored).unwrap().download().unwrap();
        assert!((enclosed(&placed) / (enclosed(&ball) * 0.8 * 0.8 * 1.5) - 1.0).abs() < 1e-3);
        for (voxel, place) in ball.vertices.iter().zip(&placed.vertices) {
            for (row, got) in mirrored.iter().zip(place) {
                let want = (0..3).map(|i| row[i] * f64::from(voxel[i])).sum::<f64>() + row[3];
                assert!((f64::from(*got) - want).abs() < 1e-4);
            }
        }
    });
}

#[test]
fn broken_and_empty_fields_give_closed_or_no_surfaces() {
    let mut field = vec![1.0; 4 * 5 * 6];
    on_every_device(|cuda| {
        let volume = cuda.upload_volume(&[f32::NAN; 64], [4, 4, 4]).unwrap();
        let none = volume.surface(0.5, &IDENTITY).unwrap();
        assert_eq!((none.triangles(), none.download().unwrap()), (0, TriangleMesh::default()));
        assert!(volume.surface(f32::NAN, &IDENTITY).is_err());
    });
    for value in [f32::NAN, f32::INFINITY, f32::NEG_INFINITY] {
        field[43] = value;
        on_every_device(|cuda| {
            let mesh = cuda.upload_volume(&field, [4, 5, 6]).unwrap().surface(0.5, &IDENTITY).unwrap();
            check(&mesh.download().unwrap(), &field, [4, 5, 6], 0.5);
        });
    }
}
