//! How an iso-surface crosses one cell, for each of the 256 corner patterns.
//!
//! Lorensen and Cline, SIGGRAPH 1987, doi:10.1145/37401.37422, but the table
//! is derived instead of typed in, so that it is closed by construction:
//!
//! * on every face the crossings are joined by one rule that both cells of the
//!   face share (inside corners are kept apart), so no hole can open;
//! * a polygon is cut only along diagonals that do not lie on a cell face (a
//!   centre vertex is added where none exists), so no edge can be shared by
//!   more than two triangles.
//!
//! Called by the engine's surface extraction; `cuda/volume_cells.cuh` holds
//! the same triangles for the GPU, and its tests compare with these.

use std::sync::LazyLock;

/// Number of edges of a cell; larger vertex numbers are polygon centres.
pub const EDGES: usize = 12;

/// The surface within one cell.
#[derive(Debug, Default, Clone)]
pub struct CellCase {
    /// Vertex numbers: `0..12` cell edges, `12 + i` the centre of polygon `i`.
    pub triangles: Vec<[usize; 3]>,
    /// Polygons (as cell edges) that need a centre vertex.
    pub centres: Vec<Vec<usize>>,
}

/// The cases by corner pattern: bit `c` set when corner `c` is inside, corner
/// `c` at `(c & 1, c >> 1 & 1, c >> 2 & 1)`.
pub static CASES: LazyLock<Vec<CellCase>> = LazyLock::new(|| (0..256).map(cell_case).collect());

/// Corner at the low end of edge `edge` and the axis along which it runs.
pub const fn edge_origin(edge: usize) -> ([usize; 3], usize) {
    let (axis, b, c) = (edge / 4, edge & 1, edge >> 1 & 1);
    match axis {
        0 => ([0, b, c], 0),
        1 => ([b, 0, c], 1),
        _ => ([b, c, 0], 2),
    }
}

/// Number of the edge between two neighbouring corners.
fn edge_between(a: usize, b: usize) -> usize {
    let (low, axis) = (a & b, a ^ b);
    match axis {
        1 => low >> 1,
        2 => 4 + (low & 1) + 2 * (low >> 2),
        _ => 8 + (low & 3),
    }
}

/// The six faces, each as its corners counter-clockwise seen from outside.
const FACES: [[usize; 4]; 6] = [[0, 4, 6, 2], [1, 3, 7, 5], [0, 1, 5, 4], [2, 6, 7, 3], [0, 2, 3, 1], [4, 5, 7, 6]];

fn on_one_face(a: usize, b: usize) -> bool {
    let holds = |face: &[usize; 4], edge: usize| (0..4).any(|i| edge_between(face[i], face[(i + 1) % 4]) == edge);
    FACES.iter().any(|face| holds(face, a) && holds(face, b))
}

fn cell_case(pattern: usize) -> CellCase {
    let mut case = CellCase::default();
    for polygon in polygons(pattern) {
        let n = polygon.len();
        let is_clean = |apex: &usize| (2..n - 1).all(|k| !on_one_face(polygon[*apex], polygon[(apex + k) % n]));
        if let Some(apex) = (0..n).find(is_clean) {
            let fan = (1..n - 1).map(|k| [polygon[apex], polygon[(apex + k) % n], polygon[(apex + k + 1) % n]]);
            case.triangles.extend(fan);
        } else {
            let centre = EDGES + case.centres.len();
            case.triangles.extend((0..n).map(|k| [centre, polygon[k], polygon[(k + 1) % n]]));
            case.centres.push(polygon);
        }
    }
    case
}

/// Closed polygons of edge crossings, wound outward (away from the inside).
fn polygons(pattern: usize) -> Vec<Vec<usize>> {
    let is_inside = |corner: usize| pattern >> corner & 1 == 1;
    // Around a face, each run of inside corners is cut off by one segment,
    // from the edge that enters the run to the edge that leaves it; the next
    // face at that edge takes the polygon on.
    let mut next = [usize::MAX; EDGES];
    for face in FACES {
        let corner = |i: usize| face[i % 4];
        for i in 0..4 {
            if is_inside(corner(i)) || !is_inside(corner(i + 1)) {
                continue;
            }
            let leave = (i + 1..i + 4).find(|&k| !is_inside(corner(k + 1))).unwrap_or(i + 1);
            next[edge_between(corner(i), corner(i + 1))] = edge_between(corner(leave), corner(leave + 1));
        }
    }
    let mut loops = Vec::new();
    for start in 0..EDGES {
        let (mut polygon, mut edge) = (Vec::new(), start);
        while next[edge] != usize::MAX {
            polygon.push(edge);
            edge = std::mem::replace(&mut next[edge], usize::MAX);
        }
        if !polygon.is_empty() {
            loops.push(polygon);
        }
    }
    loops
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_crossed_edge_is_used_by_exactly_one_polygon() {
        for pattern in 0..256 {
            let mut used: Vec<usize> = polygons(pattern).concat();
            used.sort_unstable();
            let crossed: Vec<usize> = (0..EDGES)
                .filter(|&e| {
                    let (o, axis) = edge_origin(e);
                    let low = o[0] | o[1] << 1 | o[2] << 2;
                    (pattern >> low ^ pattern >> (low | 1 << axis)) & 1 == 1
                })
                .collect();
            assert_eq!(used, crossed, "pattern {pattern:08b}");
        }
    }

    #[test]
    fn edges_and_their_corners_agree() {
        for edge in 0..EDGES {
            let (o, axis) = edge_origin(edge);
            let low = o[0] | o[1] << 1 | o[2] << 2;
            assert_eq!(edge_between(low, low | 1 << axis), edge);
            assert_eq!(edge_between(low | 1 << axis, low), edge);
        }
    }

    #[test]
    fn few_patterns_need_a_centre_vertex() {
        let with_centre = CASES.iter().filter(|case| !case.centres.is_empty()).count();
        assert!(with_centre < 64, "{with_centre} of 256");
    }
}
