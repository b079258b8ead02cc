//! The geometry of a voxel grid.

use geom::nalgebra::{Matrix3, Matrix3x4, Vector3};
use geom::{Ct, Point, Voxel};
use thiserror::Error;

/// Why numbers do not describe a grid.
#[derive(Debug, Error, Clone, PartialEq)]
#[non_exhaustive]
pub enum GridError {
    /// An axis has no voxels, or their product overflows.
    #[error("a grid of {0:?} voxels cannot exist")]
    Size([usize; 3]),
    /// The affine is not finite or maps the voxels into a plane.
    #[error("the voxel-to-world matrix is unusable: {0}")]
    Affine(String),
}

/// Size of a voxel grid and the affine that places it in the CT frame.
///
/// Voxel `(i, j, k)` counts along x (fastest in memory), y, z; its centre lies
/// at `ct_from_voxel * (i, j, k, 1)` in LPS millimetres. The affine may
/// permute, flip, scale, rotate and shear (gantry tilt).
#[derive(Debug, Clone, PartialEq)]
pub struct Grid {
    size: [usize; 3],
    ct_from_voxel: Matrix3x4<f64>,
    voxel_from_ct: Matrix3x4<f64>,
}

impl Grid {
    /// From the voxel counts `[x, y, z]` and the voxel-to-LPS-mm affine.
    ///
    /// # Errors
    /// [`GridError`] when a count is zero, the product overflows, or the
    /// affine is not finite or not invertible.
    pub fn new(size: [usize; 3], ct_from_voxel: Matrix3x4<f64>) -> Result<Self, GridError> {
        let count = size.iter().try_fold(1usize, |n, s| n.checked_mul(*s));
        if count.is_none_or(|n| n == 0) {
            return Err(GridError::Size(size));
        }
        if ct_from_voxel.iter().any(|v| !v.is_finite()) {
            return Err(GridError::Affine("it holds a value that is not a finite number".into()));
        }
        let linear: Matrix3<f64> = ct_from_voxel.fixed_view::<3, 3>(0, 0).into();
        let edge_product: f64 = linear.column_iter().map(|c| c.norm()).product();
        let inverse =
            linear.try_inverse().filter(|_| linear.determinant().abs() > 1e-6 * edge_product && edge_product > 0.0);
        let Some(inverse) = inverse else {
            return Err(GridError::Affine("two of its axes point the same way or one has no length".into()));
        };
        let mut voxel_from_ct = Matrix3x4::zeros();
        voxel_from_ct.fixed_view_mut::<3, 3>(0, 0).copy_from(&inverse);
        voxel_from_ct.set_column(3, &-(inverse * ct_from_voxel.column(3)));
        Ok(Self { size, ct_from_voxel, voxel_from_ct })
    }

    /// An axis-aligned LPS grid: voxel `(0, 0, 0)` at `origin`, `spacing_mm` apart.
    ///
    /// # Errors
    /// As [`Grid::new`].
    pub fn axis_aligned(size: [usize; 3], spacing_mm: [f64; 3], origin: Point<Ct>) -> Result<Self, GridError> {
        let mut affine = Matrix3x4::zeros();
        affine.fixed_view_mut::<3, 3>(0, 0).set_diagonal(&Vector3::from(spacing_mm));
        affine.set_column(3, &origin.vector3());
        Self::new(size, affine)
    }

    /// Voxel counts `[x, y, z]`.
    #[must_use]
    pub const fn size(&self) -> [usize; 3] {
        self.size
    }

    /// Number of voxels.
    #[must_use]
    pub const fn len(&self) -> usize {
        self.size[0] * self.size[1] * self.size[2]
    }

    /// Never true: a grid has at least one voxel.
    #[must_use]
    pub const fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// The voxel-to-LPS-mm affine.
    #[must_use]
    pub const fn ct_from_voxel(&self) -> &Matrix3x4<f64> {
        &self.ct_from_voxel
    }

    /// The LPS-mm-to-voxel affine.
    #[must_use]
    pub const fn voxel_from_ct(&self) -> &Matrix3x4<f64> {
        &self.voxel_from_ct
    }

    /// Distance between neighbouring voxels along the grid's x, y, z, in mm.
    #[must_use]
    pub fn spacing_mm(&self) -> [f64; 3] {
        [0, 1, 2].map(|axis| self.ct_from_voxel.column(axis).norm())
    }

    /// Position of a continuous voxel index.
    #[must_use]
    pub fn to_ct(&self, voxel: Point<Voxel>) -> Point<Ct> {
        Point::from_vector3(self.ct_from_voxel * voxel.vector3().push(1.0))
    }

    /// Continuous voxel index of a position; may lie outside the grid.
    #[must_use]
    pub fn to_voxel(&self, position: Point<Ct>) -> Point<Voxel> {
        Point::from_vector3(self.voxel_from_ct * position.vector3().push(1.0))
    }

    /// Memory index of voxel `[x, y, z]`, which must lie in the grid.
    #[must_use]
    pub const fn index(&self, [x, y, z]: [usize; 3]) -> usize {
        (z * self.size[1] + y) * self.size[0] + x
    }

    /// Corners of the box spanned by the voxel centres, lowest and highest LPS.
    #[must_use]
    pub fn bounds(&self) -> (Point<Ct>, Point<Ct>) {
        let (mut low, mut high) = (Vector3::repeat(f64::INFINITY), Vector3::repeat(f64::NEG_INFINITY));
        for corner in 0..8usize {
            let voxel = [0, 1, 2].map(|axis| if corner >> axis & 1 == 1 { (self.size[axis] - 1) as f64 } else { 0.0 });
            let position = self.to_ct(Point::from(voxel)).vector3();
            low = low.inf(&position);
            high = high.sup(&position);
        }
        (Point::from_vector3(low), Point::from_vector3(high))
    }
}
