//! Makes cases from the reference labels of the CT that ships.

use std::path::Path;

use anyhow::{Context, Result};
use engine::level::present;
use engine::register::random::Random;
use engine::register::simulate::{Sweep, sweep};
use engine::rehearsal::{displaced, partly};
use engine::surface::{self, Mesh, MeshSettings};
use geom::{Ct, Patient, Point, Transform};

use super::cases::{Bone, Case};
use crate::assets;

/// Displacements of the start, degrees and mm, and how many cases have each.
const STARTS: [(f32, f32); 4] = [(5.0, 5.0), (10.0, 10.0), (20.0, 20.0), (45.0, 25.0)];
/// Levels touched at the ends of the column make half cases: they are left out.
const MARGIN: usize = 1;
/// Points at which the error is measured.
const TARGETS: usize = 300;
/// Share of the exposed bone that is not touched, from one side.
const MISSED_SHARE: [f64; 2] = [0.15, 0.35];

/// The bone of the CT that ships, from its reference labels.
#[derive(Debug)]
pub struct Spine {
    levels: Vec<(u8, Mesh)>,
}

impl Spine {
    /// Surfaces of all labelled vertebrae; the labels are put into `folder`.
    pub fn that_ships(folder: &Path) -> Result<Self> {
        let labels = assets::demo_labels(folder)?;
        let numbers: Vec<u8> =
            present(&labels.labels).iter().filter(|level| level.is_vertebra()).map(|level| level.number()).collect();
        let meshes = surface::from_masks(&labels, &numbers, &MeshSettings::default());
        Ok(Self { levels: numbers.into_iter().zip(meshes).collect() })
    }

    /// All of it as a target.
    pub fn bone(&self) -> Bone {
        let mut bone = Bone::default();
        for (number, mesh) in &self.levels {
            bone.cloud.append(&mesh.vertices_cloud());
            bone.levels.resize(bone.cloud.len(), *number);
        }
        bone
    }

    /// `each` cases of `points` points for every displacement. The same
    /// arguments give the same cases.
    pub fn cases(&self, points: usize, each: usize) -> Result<Vec<Case>> {
        let mut random = Random::new(20_261_121 + points as u64);
        let pairs = STARTS.iter().flat_map(|start| (0..each).map(move |index| (start, index)));
        pairs.map(|(&start, index)| self.case(points, start, index, &mut random)).collect()
    }

    fn case(&self, points: usize, start: (f32, f32), index: usize, random: &mut Random) -> Result<Case> {
        let count = 1 + index % 3;
        let choices = (self.levels.len() + 1).saturating_sub(count + 2 * MARGIN);
        let touched = self.levels.get(MARGIN + random.below(choices)..).unwrap_or_default();
        let mut mesh = Mesh::default();
        touched.iter().take(count).for_each(|(_, level)| mesh.append(level));
        let (middle, _) = touched.get(count / 2).context("too few labelled vertebrae")?;
        let exposed = partly(&mesh.vertices_cloud(), MISSED_SHARE, random);
        let targets: Vec<Point<Ct>> =
            mesh.sample(TARGETS, random.bits()).points.iter().map(|p| Point::from(*p)).collect();
        let centre = Point::centroid(&targets).context("an empty vertebra")?;
        let patient_from_ct =
            Transform::<Patient, Ct>::identity() * displaced(centre, f64::from(start.0), f64::from(start.1), random);
        let settings = Sweep { points, seed: random.bits(), ..Sweep::default() };
        let points = sweep(&exposed, &patient_from_ct, &settings);
        let levels = [u32::try_from(count)?, u32::from(*middle)];
        Ok(Case { start_deg: start.0, start_mm: start.1, levels, patient_from_ct, points, targets })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn cases_are_repeatable_and_as_far_off_as_they_say() -> Result<()> {
        let folder = std::env::temp_dir().join(format!("spinenav-make-{}", std::process::id()));
        std::fs::create_dir_all(&folder)?;
        let spine = Spine::that_ships(&folder)?;
        std::fs::remove_dir_all(&folder)?;
        let cases = spine.cases(60, 3)?;
        assert_eq!(cases, spine.cases(60, 3)?);
        assert_eq!(cases.len(), 3 * STARTS.len());
        for case in &cases {
            assert_eq!((case.points.len(), case.targets.len()), (60, TARGETS));
            let angle = case.patient_from_ct.angle_rad().to_degrees();
            assert!((angle - f64::from(case.start_deg)).abs() < 1e-6, "{angle}");
            let middle = Point::centroid(&case.targets).context("targets")?;
            let moved = (case.patient_from_ct * middle).to_array();
            let shift = (Point::<Ct>::from(moved) - middle).norm();
            assert!((shift - f64::from(case.start_mm)).abs() < 1e-3, "{shift}");
        }
        Ok(())
    }
}
