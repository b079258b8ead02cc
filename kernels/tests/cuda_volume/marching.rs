//! Surface extraction without data structures: the truth for the kernels and
//! for their table.

use std::collections::BTreeMap;

use kernels::cell_table::{CASES, edge_origin};

/// An edge of the samples' grid: its lower sample `(x, y, z)`, which may be -1
/// at the border, and its axis.
pub type Edge = ([i32; 3], usize);

/// The crossed edges with the share at which they are, and the triangles
/// (rotated so that the lowest edge is first, sorted).
pub fn extract(field: &[f32], dims: [usize; 3], level: f32) -> (BTreeMap<Edge, f64>, Vec<[Edge; 3]>) {
    assert!(CASES.iter().all(|case| case.centres.is_empty()), "no pattern needs a vertex in the middle");
    let [d, h, w] = dims.map(|n| n as i32);
    let sample = |[x, y, z]: [i32; 3]| {
        let is_in = (0..w).contains(&x) && (0..h).contains(&y) && (0..d).contains(&z);
        if is_in { field[((z * h + y) * w + x) as usize] } else { f32::NEG_INFINITY }
    };
    let (mut crossings, mut triangles) = (BTreeMap::new(), Vec::new());
    let cells = (-1..d).flat_map(|z| (-1..h).flat_map(move |y| (-1..w).map(move |x| [x, y, z])));
    for cell in cells {
        let at = |c: usize| [0, 1, 2].map(|axis| cell[axis] + (c >> axis & 1) as i32);
        let pattern = (0..8).fold(0, |p, c| p | usize::from(sample(at(c)) > level) << c);
        for triangle in &CASES[pattern].triangles {
            let mut edges = triangle.map(|edge| {
                let (offset, axis) = edge_origin(edge);
                ([0, 1, 2].map(|i| cell[i] + offset[i] as i32), axis)
            });
            for edge in edges {
                let mut end = edge.0;
                end[edge.1] += 1;
                crossings.insert(edge, share(sample(edge.0), sample(end), level));
            }
            let first = (0..3).min_by_key(|&i| edges[i]).unwrap();
            edges.rotate_left(first);
            triangles.push(edges);
        }
    }
    triangles.sort_unstable();
    (crossings, triangles)
}

fn share(a: f32, b: f32, level: f32) -> f64 {
    let (a, b) = (f64::from(a), f64::from(b));
    let share = (f64::from(level) - a) / (b - a);
    let has_gradient = a.is_finite() && b.is_finite() && share.is_finite();
    if has_gradient { share.clamp(0.01, 0.99) } else { 0.5 }
}
