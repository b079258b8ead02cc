//! The bone surface prepared for registration.

use geom::nalgebra::{Matrix3, Vector3};
use geom::{Ct, Vector};

use super::error::RegisterError;
use crate::surface::{IndexError, NearestCells, NearestGrid, PointCloud};
use kernels::point_to_plane::Site;

/// How a surface is prepared.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct TargetSettings {
    /// From the bone towards the surgeon; only surface that faces this way is
    /// kept. Default posterior, `(0, 1, 0)` in LPS; `None` keeps all.
    pub approach: Option<Vector<Ct>>,
    /// Smallest cosine between normal and approach that is kept. Default -0.1:
    /// six degrees beyond edge-on, for the tilt of the first guess.
    pub min_cosine: f64,
    /// Cell of the look-up grid, mm. Default 2.3: a quarter of the memory of 1.5 and
    /// as many poses found.
    pub cell_mm: f32,
    /// Reach of the look-up grid around the surface, mm. Default 24, the
    /// capture range.
    pub margin_mm: f32,
}

impl Default for TargetSettings {
    fn default() -> Self {
        Self { approach: Some(Vector::new(0.0, 1.0, 0.0)), min_cosine: -0.1, cell_mm: 2.3, margin_mm: 24.0 }
    }
}

/// Cell of the exact look-up, mm: about ten points each at the vertex spacing
/// of a 0.8 mm surface.
const EXACT_CELL_MM: f32 = 2.0;

/// A bone surface in the CT, indexed once and used for any number of
/// registrations; may be shared between threads.
#[derive(Debug)]
pub struct Target {
    /// Sorted by cell; the first tag is the index in the surface as given.
    pub(super) sites: Vec<Site>,
    /// Position of each site's level along the spine, 0 lowest; empty when the
    /// levels are not known.
    ranks: Vec<u8>,
    /// Centre of each level, by rank, relative to `origin`.
    pub(super) level_centres: Vec<Vector3<f64>>,
    /// Patches of surface of each level, by rank.
    patches: Vec<usize>,
    /// Middle of the surface; sites are relative to it, so that `f32` is fine.
    pub(super) origin: Vector3<f64>,
    axis: Vector3<f64>,
    pub(super) cells: NearestCells,
    pub(super) grid: NearestGrid,
}

impl Target {
    /// Culls and indexes `cloud` (CT, mm).
    ///
    /// * `levels` - a number per point that tells the vertebrae apart (any
    ///   numbering); with it a result is tested against the levels next to it.
    ///
    /// Cost: 0.1 us a point and 10 ns a grid cell; about 100 ms for 16
    /// vertebrae.
    ///
    /// # Errors
    /// [`RegisterError`] when lengths differ, a value is not finite, or nothing
    /// of the surface faces the surgeon.
    pub fn new(cloud: &PointCloud, levels: Option<&[u8]>, settings: &TargetSettings) -> Result<Self, RegisterError> {
        let (points, normals) = (cloud.points.len(), cloud.normals.len());
        let level_count = levels.map_or(points, <[u8]>::len);
        if normals != points || level_count != points {
            return Err(RegisterError::UnequalTarget { points, normals, levels: level_count });
        }
        if let Some(index) = cloud.points.iter().position(|p| !p.iter().all(|c| c.is_finite())) {
            return Err(IndexError::NotFinite { index }.into());
        }
        let length = |n: &[f32; 3]| n.iter().map(|c| c * c).sum::<f32>().sqrt();
        if let Some(index) = cloud.normals.iter().position(|n| !(0.9..1.1).contains(&length(n))) {
            return Err(RegisterError::BadNormal { index });
        }
        let kept = settings.approach.map_or_else(|| (0..points).collect(), |a| cloud.facing(a, settings.min_cosine));
        if kept.is_empty() {
            return Err(IndexError::Empty.into());
        }
        let seen = cloud.select(&kept);
        let sum = seen.points.iter().fold(Vector3::zeros(), |s, p| s + Vector3::from(*p).cast::<f64>());
        let origin = sum / seen.points.len() as f64;
        let relative = |p: &[f32; 3]| (Vector3::from(*p).cast::<f64>() - origin).cast::<f32>().into();
        let unsorted: Vec<[f32; 3]> = seen.points.iter().map(relative).collect();
        let (cells, order) = NearestCells::new(&unsorted, EXACT_CELL_MM);
        let site = |&i: &u32| {
            let i = i as usize;
            let (point, normal) = (unsorted[i], seen.normals[i]);
            Site { point, normal, tag: [kept[i] as u32, 0] }
        };
        let sites: Vec<Site> = order.iter().map(site).collect();
        let points: Vec<[f32; 3]> = sites.iter().map(|s| s.point).collect();
        let grid = NearestGrid::new(&points, settings.cell_mm, settings.margin_mm);
        let axis = principal_axis(&points);
        let seen_levels: Vec<u8> =
            levels.map_or_else(Vec::new, |l| sites.iter().filter_map(|s| l.get(s.tag[0] as usize).copied()).collect());
        let (ranks, level_centres) = rank_levels(&points, &seen_levels, axis);
        let patches = patches(&points, &ranks);
        Ok(Self { sites, ranks, level_centres, patches, origin, axis, cells, grid })
    }

    /// Number of surface points kept.
    #[must_use]
    pub const fn len(&self) -> usize {
        self.sites.len()
    }

    /// Never true: an empty surface is refused.
    #[must_use]
    pub const fn is_empty(&self) -> bool {
        self.sites.is_empty()
    }

    /// The surface point that belongs to `at` (relative to the origin): the
    /// nearest one, or one near it; `None` beyond the reach of the grid.
    pub(super) fn find(&self, at: [f32; 3], is_exact: bool) -> Option<&Site> {
        let near = self.grid.nearest(at)?;
        let m = self.sites.get(near as usize)?.point;
        let squared = (at[0] - m[0]).powi(2) + (at[1] - m[1]).powi(2) + (at[2] - m[2]).powi(2);
        let found = if is_exact { self.cells.nearest(&self.sites, |s| s.point, at, (near, squared)).0 } else { near };
        self.sites.get(found as usize)
    }

    /// Place along the spine of the level that belongs to `at`; `None` beyond the
    /// reach of the grid or where the levels are not known.
    pub(super) fn rank_at(&self, at: [f32; 3]) -> Option<u8> {
        self.ranks.get(self.grid.nearest(at)? as usize).copied()
    }

    /// Places along the spine at which a search may start, relative to the
    /// origin: the levels and the middles between them, or every 15 mm where
    /// the levels are not known.
    pub(super) fn places_along(&self) -> Vec<Vector3<f64>> {
        let centres = &self.level_centres;
        if !centres.is_empty() {
            let between = centres.windows(2).map(|pair| (pair[0] + pair[1]) / 2.0);
            return centres.iter().copied().chain(between).collect();
        }
        let along = |s: &Site| self.axis.dot(&Vector3::from(s.point).cast::<f64>());
        let mut sorted: Vec<(f64, usize)> = self.sites.iter().map(along).zip(0..).collect();
        sorted.sort_by(|a, b| a.0.total_cmp(&b.0));
        let place = |run: &[(f64, usize)]| {
            let sum = run.iter().fold(Vector3::zeros(), |s, r| s + Vector3::from(self.sites[r.1].point).cast::<f64>());
            sum / run.len() as f64
        };
        sorted.chunk_by(|a, b| (a.0 / 15.0).floor() == (b.0 / 15.0).floor()).map(place).collect()
    }

    /// Share of the patches of the touched levels that have a matched site, 0
    /// to 1; `None` when nothing matched. A level counts as touched from a
    /// twentieth of the points on.
    pub(super) fn coverage(&self, matched: &[usize]) -> Option<f64> {
        let mut touched: Vec<(u8, [i16; 3])> =
            matched.iter().filter_map(|&i| Some((self.rank_of(i), patch(&self.sites.get(i)?.point)))).collect();
        let mut counts = [0usize; 256];
        touched.iter().for_each(|t| counts[usize::from(t.0)] += 1);
        touched.retain(|t| counts[usize::from(t.0)] * 20 >= matched.len());
        touched.sort_unstable();
        touched.dedup();
        let is_touched = |rank: usize| counts[rank] > 0 && counts[rank] * 20 >= matched.len();
        let all: usize = self.patches.iter().enumerate().filter(|(rank, _)| is_touched(*rank)).map(|p| p.1).sum();
        (all > 0).then(|| touched.len() as f64 / all as f64)
    }

    /// The level numbers of the surface as given, in order along the spine.
    pub(super) fn levels_along(&self, levels: &[u8]) -> Vec<u8> {
        let mut found = vec![None; self.level_centres.len()];
        for (site, rank) in self.sites.iter().zip(&self.ranks) {
            if let Some(slot) = found.get_mut(usize::from(*rank)) {
                *slot = levels.get(site.tag[0] as usize).copied();
            }
        }
        found.into_iter().flatten().collect()
    }

    fn rank_of(&self, site: usize) -> u8 {
        self.ranks.get(site).copied().unwrap_or(0)
    }

    /// Where a set of matched sites would lie one or two vertebrae further
    /// along the spine: shifts in mm, with the number of vertebrae.
    ///
    /// With known levels from the centres of the levels themselves; otherwise
    /// guessed along the long axis of the surface at the heights vertebrae
    /// have (18 mm thoracic to 38 mm lumbar).
    pub(super) fn neighbour_shifts(&self, matched: &[usize]) -> Vec<(i32, Vector3<f64>)> {
        if self.level_centres.len() < 2 {
            let guess = |mm: f64| [(-1, self.axis * -mm), (1, self.axis * mm)];
            let is_known_single = self.level_centres.len() == 1;
            return if is_known_single {
                Vec::new()
            } else {
                [18.0, 25.0, 32.0, 38.0].into_iter().flat_map(guess).collect()
            };
        }
        let shift = |steps: i32| {
            let (mut sum, mut count) = (Vector3::zeros(), 0usize);
            for rank in matched.iter().filter_map(|&i| self.ranks.get(i)) {
                let there = usize::try_from(i32::from(*rank) + steps).ok().and_then(|r| self.level_centres.get(r));
                if let (Some(here), Some(there)) = (self.level_centres.get(usize::from(*rank)), there) {
                    sum += there - here;
                    count += 1;
                }
            }
            // A level that few points could move to is no rival.
            (count * 3 > matched.len()).then(|| (steps, sum / count as f64))
        };
        [-2, -1, 1, 2].into_iter().filter_map(shift).collect()
    }
}

/// Width of a patch of surface that one touched point stands for, mm.
const PATCH_MM: f32 = 6.0;

fn patch(point: &[f32; 3]) -> [i16; 3] {
    // Rounding down without a call: places are within metres of the middle.
    [0, 1, 2].map(|i| ((point[i] + 6e4) * (1.0 / PATCH_MM)) as i16)
}

/// Number of patches of each rank; all points have rank 0 without levels.
fn patches(points: &[[f32; 3]], ranks: &[u8]) -> Vec<usize> {
    let rank = |i: usize| ranks.get(i).copied().unwrap_or(0);
    let mut all: Vec<(u8, [i16; 3])> = points.iter().enumerate().map(|(i, p)| (rank(i), patch(p))).collect();
    // Sorted by cell already, so that equal ones mostly follow each other.
    all.dedup();
    all.sort_unstable();
    all.dedup();
    let mut counts = vec![0; 256];
    all.iter().for_each(|p| counts[usize::from(p.0)] += 1);
    counts
}

fn principal_axis(points: &[[f32; 3]]) -> Vector3<f64> {
    let mut scatter = Matrix3::zeros();
    for point in points {
        let p = Vector3::from(*point).cast::<f64>();
        scatter += p * p.transpose();
    }
    let eigen = scatter.symmetric_eigen();
    eigen.eigenvectors.column(eigen.eigenvalues.imax()).into()
}

/// Orders the levels by their centres along `axis`.
fn rank_levels(points: &[[f32; 3]], levels: &[u8], axis: Vector3<f64>) -> (Vec<u8>, Vec<Vector3<f64>>) {
    let mut sums = vec![(Vector3::zeros(), 0usize); 256];
    for (point, level) in points.iter().zip(levels) {
        let (sum, count) = &mut sums[usize::from(*level)];
        *sum += Vector3::from(*point).cast::<f64>();
        *count += 1;
    }
    let mut centres: Vec<(usize, Vector3<f64>)> =
        sums.iter().enumerate().filter(|(_, s)| s.1 > 0).map(|(level, s)| (level, s.0 / s.1 as f64)).collect();
    centres.sort_by(|a, b| axis.dot(&a.1).total_cmp(&axis.dot(&b.1)));
    let mut rank_of = [0u8; 256];
    for (rank, (level, _)) in (0..=u8::MAX).zip(&centres) {
        rank_of[*level] = rank;
    }
    (levels.iter().map(|l| rank_of[usize::from(*l)]).collect(), centres.into_iter().map(|c| c.1).collect())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::surface::phantom::{LEVEL_PITCH_MM, spine};

    #[test]
    fn neighbours_are_found_whatever_the_numbering() {
        let mut cloud = PointCloud::default();
        let mut levels = Vec::new();
        for (mesh, level) in spine(3).iter().zip([28u8, 7, 19]) {
            cloud.append(&mesh.vertices_cloud());
            levels.resize(cloud.len(), level);
        }
        let target = Target::new(&cloud, Some(&levels), &TargetSettings::default()).unwrap();
        assert!(target.len() < cloud.len() * 7 / 10, "the front is culled");
        let middle: Vec<usize> = (0..target.len()).filter(|&i| target.ranks[i] == 1).collect();
        let shifts = target.neighbour_shifts(&middle);
        assert_eq!(shifts.iter().map(|s| s.0).collect::<Vec<_>>(), [-1, 1]);
        assert!(shifts.iter().all(|s| (s.1.norm() / LEVEL_PITCH_MM - 1.0).abs() < 0.15));
    }

    #[test]
    fn damaged_surfaces_are_refused() {
        let good = spine(1)[0].vertices_cloud();
        let settings = TargetSettings::default();
        let refuse = |cloud: &PointCloud, levels: Option<&[u8]>| Target::new(cloud, levels, &settings).unwrap_err();
        assert!(matches!(refuse(&PointCloud::default(), None), RegisterError::Index(_)));
        assert!(matches!(refuse(&good, Some(&[1])), RegisterError::UnequalTarget { .. }));
        let mut bad = good.clone();
        bad.normals[3] = [f32::NAN; 3];
        assert!(matches!(refuse(&bad, None), RegisterError::BadNormal { index: 3 }));
        bad = good;
        bad.points[5][1] = f32::INFINITY;
        assert!(matches!(refuse(&bad, None), RegisterError::Index(_)));
    }
}
