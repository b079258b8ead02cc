//! Bone surfaces: meshes, point clouds with normals, nearest-neighbour index.
//!
//! Promises closed, outward-wound surfaces with sub-voxel vertices in CT
//! millimetres, whatever the grid's axes, and look-ups that refuse what they
//! cannot answer. Does not decide what bone is: that is `segment`. Called by
//! `register` (target), by the case builder and by the mesh writers.

mod cloud;
mod distance_grid;
mod extract;
mod gaussian;
mod mask;
mod mesh;
mod nearest_cells;
mod nearest_grid;
mod nearest_index;
mod nearest_surface;
pub mod phantom;
mod sampling;
mod sweep;
mod taubin;
mod visibility;

pub use distance_grid::DistanceGrid;
pub use extract::extract;
pub use mask::{MeshSettings, from_labels, from_mask, from_masks, from_probability};
pub use nearest_cells::NearestCells;
pub use nearest_grid::NearestGrid;
pub use nearest_index::{IndexError, Nearest, NearestIndex};
pub use nearest_surface::NearestSurface;
pub use sampling::{sample_curvature, sample_normals};
pub use taubin::{Taubin, smooth};

/// A triangle surface in the CT frame, millimetres; triangles wind so that
/// their normals point out of the bone.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Mesh {
    /// Vertex positions, mm.
    pub vertices: Vec<[f32; 3]>,
    /// Unit outward normal of each vertex.
    pub normals: Vec<[f32; 3]>,
    /// Vertex indices of each triangle.
    pub triangles: Vec<[u32; 3]>,
}

/// Points on a surface with unit outward normals, millimetres.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct PointCloud {
    /// Positions, mm.
    pub points: Vec<[f32; 3]>,
    /// Unit outward normals, one a point.
    pub normals: Vec<[f32; 3]>,
}
