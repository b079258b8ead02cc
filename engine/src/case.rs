//! What the slow path prepares and the fast path only reads.

use geom::{Ct, Point};

use crate::level::Level;
use crate::segment::Doubt;
use crate::surface::{Mesh, PointCloud};
use crate::volume::{LabelMap, Volume};

/// One segmented vertebra.
#[derive(Debug, Clone)]
pub struct Vertebra {
    /// Its level; see [`Case::levels_are_anchored`] for how far to trust it.
    pub level: Level,
    /// Voxels that carry the level in the label map.
    pub voxels: usize,
    /// Volume of the mask, mm^3.
    pub volume_mm3: f64,
    /// Confidence in this mask, 0 to 1; below 0.5 it is shown as uncertain.
    pub confidence: f32,
    /// Why the confidence is what it is, in words for the user.
    pub doubts: Vec<Doubt>,
    /// Centre of the vertebral body.
    pub body_centre: Point<Ct>,
    /// Closed surface, smoothed without shrinking.
    pub mesh: Mesh,
}

/// An immutable segmented CT: made once, shared by registration, navigation
/// and scene.
#[derive(Debug)]
pub struct Case {
    /// The CT.
    pub ct: Volume,
    /// Level numbers on the CT's grid.
    pub labels: LabelMap,
    /// From head to foot.
    pub vertebrae: Vec<Vertebra>,
    /// True when something fixed the names of the levels (ribs, sacrum); false
    /// when they are counted from an assumption and may be shifted as a whole.
    pub levels_are_anchored: bool,
}

impl Case {
    /// All vertebra surfaces as one point cloud with outward normals, and the
    /// level number of each point.
    #[must_use]
    pub fn surface_points(&self) -> (PointCloud, Vec<u8>) {
        let mut cloud = PointCloud::default();
        let mut levels = Vec::new();
        for vertebra in &self.vertebrae {
            cloud.points.extend_from_slice(&vertebra.mesh.vertices);
            cloud.normals.extend_from_slice(&vertebra.mesh.normals);
            levels.resize(cloud.points.len(), vertebra.level.number());
        }
        (cloud, levels)
    }

    /// The vertebra of a level.
    #[must_use]
    pub fn vertebra(&self, level: Level) -> Option<&Vertebra> {
        self.vertebrae.iter().find(|v| v.level == level)
    }
}
