//! What the slow path prepares and the fast path only reads.

use geom::{Ct, Point};

use crate::level::{Level, present};
use crate::segment::Doubt;
use crate::surface::{self, Mesh, MeshSettings, PointCloud};
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
    /// For each vertex of `mesh` the expected distance to the bone's true
    /// surface, mm; empty where nothing is known.
    pub surface_error_mm: Vec<f32>,
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
    /// A case from a label map that was made before (VerSe numbers): surfaces
    /// and volumes are measured anew, the centre of a vertebra's label stands
    /// for that of its body, and nothing is known about confidence (1) or about
    /// what the names rest on.
    ///
    /// * `ct` - the CT on the grid of the labels; empty `hu` where only the bone
    ///   is wanted.
    ///
    /// Cost: two passes over the map and the surfaces, 0.3 s for a whole spine.
    #[must_use]
    pub fn from_labels(ct: Volume, labels: LabelMap) -> Self {
        let levels: Vec<Level> = present(&labels.labels).into_iter().filter(|l| l.is_vertebra()).collect();
        let numbers: Vec<u8> = levels.iter().map(|level| level.number()).collect();
        let meshes = surface::from_masks(&labels, &numbers, &MeshSettings::default());
        let voxel_mm3 = labels.grid.spacing_mm().iter().product::<f64>();
        let mut found = vec![(0usize, [0.0; 3]); 256];
        let [nx, ny, _] = labels.grid.size();
        for (index, label) in labels.labels.iter().enumerate().filter(|(_, label)| **label != 0) {
            let (voxels, sum) = &mut found[usize::from(*label)];
            *voxels += 1;
            let at = [index % nx, index / nx % ny, index / (nx * ny)];
            (0..3).for_each(|axis| sum[axis] += at[axis] as f64);
        }
        let vertebra = |(level, mesh): (Level, Mesh)| {
            let (voxels, sum) = found[usize::from(level.number())];
            let middle = sum.map(|total| total / voxels.max(1) as f64);
            Vertebra {
                level,
                voxels,
                volume_mm3: voxels as f64 * voxel_mm3,
                confidence: 1.0,
                doubts: Vec::new(),
                body_centre: labels.grid.to_ct(middle.into()),
                mesh,
                surface_error_mm: Vec::new(),
            }
        };
        let vertebrae = levels.into_iter().zip(meshes).map(vertebra).collect();
        Self { ct, labels, vertebrae, levels_are_anchored: false }
    }

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

#[cfg(test)]
mod tests {
    use super::*;
    use crate::volume::Grid;

    #[test]
    fn a_label_map_is_a_case_again() {
        let grid = Grid::axis_aligned([30, 20, 40], [1.0, 1.0, 2.0], Point::new(5.0, 0.0, 0.0)).unwrap();
        let label = |i: usize| match (i % 30, i / 30 % 20, i / 600) {
            (5..15, 5..15, 5..10) => 20,
            (5..15, 5..15, 20..30) => 19,
            (20..25, 5..15, 20..30) => 120,
            _ => 0,
        };
        let labels = LabelMap { labels: (0..grid.len()).map(label).collect(), grid: grid.clone() };
        let case = Case::from_labels(Volume { grid, hu: Vec::new() }, labels);
        let found: Vec<(u8, usize)> = case.vertebrae.iter().map(|v| (v.level.number(), v.voxels)).collect();
        assert_eq!(found, [(19, 1000), (20, 500)], "and nothing that is no vertebra");
        assert!(case.vertebrae[1].body_centre.distance(Point::new(14.5, 9.5, 14.0)) < 1e-9);
        assert!((case.vertebrae[0].mesh.volume_mm3() / 2000.0 - 1.0).abs() < 0.1);
    }
}
