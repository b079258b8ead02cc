//! Makes cases from the reference labels of the CT that ships.

use std::path::Path;

use anyhow::{Context, Result};
use engine::level::present;
use engine::register::benchmark::{Case, Suite};
use engine::register::random::Random;
use engine::register::simulate::{Sweep, displaced, sweep};
use engine::rehearsal::partly;
use engine::surface::{self, Mesh, MeshSettings, PointCloud};
use engine::volume::{Grid, LabelMap};
use geom::{Ct, Patient, Point, Transform, Vector};

use crate::assets;

/// Displacements of the start, degrees and mm.
const STARTS: [(f64, f64); 4] = [(5.0, 5.0), (10.0, 10.0), (20.0, 20.0), (45.0, 25.0)];
/// Levels touched at the ends of the column make half cases: they are left out.
const MARGIN: usize = 1;
/// Points at which the error is measured.
const TARGETS: usize = 300;
/// Share of the exposed bone that is not touched, from one side.
const MISSED_SHARE: [f64; 2] = [0.15, 0.35];
/// The second segmentation: voxels of this width (mm), smoothed by this much
/// (mm), cut at this share of bone instead of one half.
const SECOND: (f64, f64, f32) = (1.6, 1.0, 0.6);
/// A vertebra moved against the CT by up to this, degrees and mm.
const MOTION: (f64, f64) = (5.0, 3.0);

/// What lies between the bone that is touched and the bone in the CT.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Variant {
    /// Nothing: one mesh serves as both.
    Same,
    /// Another segmentation.
    SecondSegmentation,
    /// The posture changed: each vertebra moved by itself.
    Moved,
}

impl Variant {
    /// Name of its folder within that of the plain cases.
    pub const fn folder(self) -> &'static str {
        match self {
            Self::Same => "",
            Self::SecondSegmentation => "second-segmentation",
            Self::Moved => "moved-vertebrae",
        }
    }
}

/// The bone of the CT that ships, from its reference labels.
#[derive(Debug)]
pub struct Spine {
    levels: Vec<(u8, Mesh)>,
    /// The same levels segmented another way.
    second: Vec<Mesh>,
}

impl Spine {
    /// Surfaces of all labelled vertebrae; the labels are put into `folder`.
    pub fn that_ships(folder: &Path) -> Result<Self> {
        let labels = assets::demo_labels(folder)?;
        let numbers: Vec<u8> =
            present(&labels.labels).iter().filter(|level| level.is_vertebra()).map(|level| level.number()).collect();
        let meshes = surface::from_masks(&labels, &numbers, &MeshSettings::default());
        let second = segmented_again(&labels, &numbers)?;
        Ok(Self { levels: numbers.into_iter().zip(meshes).collect(), second })
    }

    /// All of it as a target, without cases.
    pub fn suite(&self) -> Suite {
        let (mut cloud, mut levels) = (PointCloud::default(), Vec::new());
        for (number, mesh) in &self.levels {
            cloud.append(&mesh.vertices_cloud());
            levels.resize(cloud.len(), *number);
        }
        let approach = Vector::new(0.0, 1.0, 0.0);
        Suite { name: "the CT that ships".to_owned(), cloud, levels, approach, cases: Vec::new() }
    }

    /// `each` cases of `points` points for every displacement. The same
    /// arguments give the same cases.
    pub fn cases(&self, variant: Variant, points: usize, each: usize) -> Result<Vec<Case>> {
        let mut random = Random::new(20_261_121 + points as u64);
        let pairs = STARTS.iter().flat_map(|start| (0..each).map(move |index| (start, index)));
        pairs.map(|(&start, index)| self.case(variant, points, start, index, &mut random)).collect()
    }

    fn case(
        &self,
        variant: Variant,
        points: usize,
        (offset_deg, offset_mm): (f64, f64),
        index: usize,
        random: &mut Random,
    ) -> Result<Case> {
        let count = 1 + index % 3;
        let choices = (self.levels.len() + 1).saturating_sub(count + 2 * MARGIN);
        let first = MARGIN + random.below(choices);
        let touched = self.levels.get(first..first + count).context("too few labelled vertebrae")?;
        let (_, middle) = touched.get(count / 2).context("no vertebra")?;
        // The error counts where the surgeon works: on the middle one.
        let targets = middle.sample(TARGETS, random.bits());
        let targets: Vec<Point<Ct>> = targets.points.iter().map(|p| Point::from(*p)).collect();
        let centre = Point::centroid(&targets).context("an empty vertebra")?;
        let mut exposed = PointCloud::default();
        for (rank, (_, mesh)) in touched.iter().enumerate() {
            let second = self.second.get(first + rank).context("no second segmentation")?;
            let mesh = if variant == Variant::SecondSegmentation { second } else { mesh };
            exposed.append(&bone(variant, mesh, rank == count / 2, random)?);
        }
        let exposed = partly(&exposed, MISSED_SHARE, random);
        let truth = Transform::<Patient, Ct>::identity() * displaced(centre, offset_deg, offset_mm, random);
        let settings = Sweep { points, seed: random.bits(), ..Sweep::default() };
        let points = sweep(&exposed, &truth, &settings);
        Ok(Case { offset_deg, offset_mm, initial: Transform::identity(), truth, points, targets })
    }
}

/// One vertebra as it is touched. The middle one stays where the CT has it:
/// its pose is the answer.
fn bone(variant: Variant, mesh: &Mesh, is_middle: bool, random: &mut Random) -> Result<PointCloud> {
    let cloud = mesh.vertices_cloud();
    match variant {
        Variant::Moved if !is_middle => {
            let places: Vec<Point<Ct>> = cloud.points.iter().map(|p| Point::from(*p)).collect();
            let centre = Point::centroid(&places).context("an empty vertebra")?;
            let motion = displaced(centre, MOTION.0 * random.uniform(), MOTION.1 * random.uniform(), random);
            Ok(cloud.moved(&motion))
        }
        Variant::Same | Variant::SecondSegmentation | Variant::Moved => Ok(cloud),
    }
}

/// The levels as another program would have drawn them: on coarser voxels,
/// smoothed, and cut at another threshold.
fn segmented_again(labels: &LabelMap, numbers: &[u8]) -> Result<Vec<Mesh>> {
    let (spacing_mm, sigma_mm, threshold) = SECOND;
    let (low, high) = labels.grid.bounds();
    let size = (high - low).to_array().map(|mm| (mm / spacing_mm) as usize + 1);
    let grid = Grid::axis_aligned(size, [spacing_mm; 3], low)?;
    let place = |i: usize| [i % size[0], i / size[0] % size[1], i / (size[0] * size[1])].map(|at| at as f64);
    let coarse: Vec<u8> =
        (0..grid.len()).map(|i| labels.sample_nearest(grid.to_ct(place(i).into())).unwrap_or(0)).collect();
    let settings = MeshSettings { sigma_mm, ..MeshSettings::default() };
    let one = |number: &u8| {
        let share: Vec<f32> = coarse.iter().map(|label| if label == number { 0.5 / threshold } else { 0.0 }).collect();
        surface::from_probability(&share, &grid, &settings)
    };
    Ok(numbers.iter().map(one).collect())
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
        for variant in [Variant::Same, Variant::SecondSegmentation, Variant::Moved] {
            let cases = spine.cases(variant, 60, 3)?;
            assert_eq!(cases.len(), 3 * STARTS.len());
            let again = spine.cases(variant, 60, 3)?;
            for (case, again) in cases.iter().zip(&again) {
                assert_eq!((&case.points, case.truth), (&again.points, again.truth));
                assert_eq!((case.points.len(), case.targets.len()), (60, TARGETS));
                let angle = case.truth.angle_rad().to_degrees();
                assert!((angle - case.offset_deg).abs() < 1e-6, "{angle}");
                let middle = Point::centroid(&case.targets).context("targets")?;
                let shift = (Point::<Ct>::from((case.truth * middle).to_array()) - middle).norm();
                assert!((shift - case.offset_mm).abs() < 1e-3, "{shift}");
            }
        }
        Ok(())
    }
}
