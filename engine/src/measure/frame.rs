//! A bone's own axes and the outline of its endplate, while both settle.

use geom::nalgebra::Vector3;

use crate::surface::Mesh;

/// Axes and half sizes of a body or a plate. `up`, `anterior` and `left` are
/// unit vectors at right angles once [`Frame::turn`] was called.
#[derive(Clone, Copy)]
pub(super) struct Frame {
    /// Middle, LPS mm.
    pub centre: Vector3<f64>,
    pub up: Vector3<f64>,
    pub anterior: Vector3<f64>,
    pub left: Vector3<f64>,
    /// Half sizes front to back and side to side, mm.
    pub half_depth: f64,
    pub half_width: f64,
    /// Half a body's height, mm; 0 for a plate.
    pub half_height: f64,
}

impl Frame {
    /// A frame whose axes are not set yet.
    pub fn at(centre: Vector3<f64>, [half_depth, half_width, half_height]: [f64; 3]) -> Self {
        let zero = Vector3::zeros();
        Self { centre, up: zero, anterior: zero, left: zero, half_depth, half_width, half_height }
    }

    /// Turns `up` along the given direction and `left` as near to the given
    /// one as it goes; `None` when the two do not span a plane.
    pub fn turn(&mut self, up: Vector3<f64>, left: Vector3<f64>) -> Option<()> {
        self.up = up.try_normalize(1e-9)?;
        self.left = (left - self.up * left.dot(&self.up)).try_normalize(1e-3)?;
        // left x up points to the front in LPS: x cross z = -y.
        self.anterior = self.left.cross(&self.up);
        Some(())
    }

    /// Place of `p` in the frame: to the front, left and up, mm.
    pub fn local(&self, p: &Vector3<f64>) -> [f64; 3] {
        let q = p - self.centre;
        [q.dot(&self.anterior), q.dot(&self.left), q.dot(&self.up)]
    }

    /// How far out a place lies between the middle (0) and the outline (1).
    pub fn radius(&self, anterior_mm: f64, left_mm: f64) -> f64 {
        (anterior_mm / self.half_depth).hypot(left_mm / self.half_width)
    }
}

/// Vertices of a surface and their normals, LPS mm.
pub(super) fn points_and_normals(mesh: &Mesh) -> Vec<(Vector3<f64>, Vector3<f64>)> {
    let pairs = mesh.vertices.iter().zip(&mesh.normals);
    pairs.map(|(p, n)| (Vector3::from(*p).cast(), Vector3::from(*n).cast())).collect()
}
