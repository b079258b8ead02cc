//! The engine's surface extraction, written again without its data
//! structures: the truth for the kernels and for their table.

use std::collections::BTreeMap;

/// An edge of the samples' grid: its lower sample `(x, y, z)`, which may be -1
/// at the border, and its axis.
pub type Edge = ([i32; 3], usize);

/// Corner at the low end of a cell's edge, and its axis.
fn edge_origin(edge: usize) -> ([i32; 3], usize) {
    let (axis, b, c) = (edge / 4, (edge & 1) as i32, (edge >> 1 & 1) as i32);
    match axis {
        0 => ([0, b, c], 0),
        1 => ([b, 0, c], 1),
        _ => ([b, c, 0], 2),
    }
}

fn edge_between(a: usize, b: usize) -> usize {
    let (low, axis) = (a & b, a ^ b);
    match axis {
        1 => low >> 1,
        2 => 4 + (low & 1) + 2 * (low >> 2),
        _ => 8 + (low & 3),
    }
}

/// The faces' corners, counter-clockwise seen from outside.
const FACES: [[usize; 4]; 6] = [[0, 4, 6, 2], [1, 3, 7, 5], [0, 1, 5, 4], [2, 6, 7, 3], [0, 2, 3, 1], [4, 5, 7, 6]];

fn on_one_face(a: usize, b: usize) -> bool {
    let holds = |face: &[usize; 4], edge: usize| (0..4).any(|i| edge_between(face[i], face[(i + 1) % 4]) == edge);
    FACES.iter().any(|face| holds(face, a) && holds(face, b))
}

fn polygons(pattern: usize) -> Vec<Vec<usize>> {
    let is_inside = |corner: usize| pattern >> corner & 1 == 1;
    let mut next = BTreeMap::new();
    for face in FACES {
        let corner = |i: usize| face[i % 4];
        for i in (0..4).filter(|&i| !is_inside(corner(i)) && is_inside(corner(i + 1))) {
            let leave = (i + 1..i + 4).find(|&k| !is_inside(corner(k + 1))).unwrap();
            next.insert(edge_between(corner(i), corner(i + 1)), edge_between(corner(leave), corner(leave + 1)));
        }
    }
    let mut loops = Vec::new();
    while let Some((&start, _)) = next.iter().next() {
        let (mut polygon, mut edge) = (Vec::new(), start);
        while let Some(following) = next.remove(&edge) {
            polygon.push(edge);
            edge = following;
        }
        loops.push(polygon);
    }
    loops
}

/// Triangles of a corner pattern, three edges of the cell each.
fn cell_triangles(pattern: usize) -> Vec<[usize; 3]> {
    let mut triangles = Vec::new();
    for polygon in polygons(pattern) {
        let n = polygon.len();
        let is_clean = |apex: &usize| (2..n - 1).all(|k| !on_one_face(polygon[*apex], polygon[(apex + k) % n]));
        let apex = (0..n).find(is_clean).expect("no pattern needs a vertex in the middle");
        triangles.extend((1..n - 1).map(|k| [polygon[apex], polygon[(apex + k) % n], polygon[(apex + k + 1) % n]]));
    }
    triangles
}

/// The crossed edges with the share at which they are, and the triangles
/// (rotated so that the lowest edge is first, sorted).
pub fn extract(field: &[f32], dims: [usize; 3], level: f32) -> (BTreeMap<Edge, f64>, Vec<[Edge; 3]>) {
    let table: Vec<_> = (0..256).map(cell_triangles).collect();
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
        for triangle in &table[pattern] {
            let mut edges = triangle.map(|edge| {
                let (offset, axis) = edge_origin(edge);
                ([0, 1, 2].map(|i| cell[i] + offset[i]), axis)
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
