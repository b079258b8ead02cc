//! One pose for each vertebra: the posture on the table is not that of the scan.

use std::time::Instant;

use geom::nalgebra::Vector3;
use geom::{Ct, Patient, Point, Transform};

use super::anchors::Anchors;
use super::checks::TIE;
use super::error::RegisterError;
use super::judge::judge;
use super::pose::Pose;
use super::registration::{Method, Registration};
use super::search::CLOSE_POINTS;
use super::settings::{Checks, Settings};
use super::solve::{APPROACH, CLOSE_IN, finish, misfit_mm, solve};
use super::source::Source;
use super::surface::from_guesses;
use super::target::{Target, TargetSettings};
use super::verdict::{Reason, Verdict};
use crate::surface::PointCloud;

/// Settings of [`Articulated::register`].
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct ArticulatedSettings {
    /// The search for the whole, and the checks.
    pub surface: Settings,
    /// Standard deviation of a vertebra's shift against its neighbour, mm.
    /// Default 2.
    pub neighbour_shift_mm: f64,
    /// Standard deviation of its turn, degrees. Default 4: lumbar segments flex
    /// by 5 to 10 degrees over their whole range.
    pub neighbour_turn_deg: f64,
    /// A vertebra with fewer points gets no pose of its own. Default 12.
    pub min_points: usize,
}

impl Default for ArticulatedSettings {
    fn default() -> Self {
        Self { surface: Settings::default(), neighbour_shift_mm: 2.0, neighbour_turn_deg: 4.0, min_points: 12 }
    }
}

/// The pose of one vertebra.
#[derive(Debug, Clone)]
pub struct LevelPose {
    /// Its number, as given with the surface.
    pub level: u8,
    /// Its registration.
    pub registration: Registration,
}

/// Surfaces of the vertebrae, together and one by one.
#[derive(Debug)]
pub struct Articulated {
    whole: Target,
    /// Number and surface of each level, in order along the spine.
    levels: Vec<(u8, Target)>,
}

/// Rounds in which every vertebra is solved with its neighbours held.
const ROUNDS: usize = 4;

impl Articulated {
    /// Prepares `cloud` (CT, mm) with the level number of each point.
    ///
    /// # Errors
    /// As [`Target::new`]. Cost: about twice that.
    pub fn new(cloud: &PointCloud, levels: &[u8], settings: &TargetSettings) -> Result<Self, RegisterError> {
        let whole = Target::new(cloud, Some(levels), settings)?;
        // Only vertebrae that moved a little look for themselves.
        let near = TargetSettings { margin_mm: settings.margin_mm.min(10.0), ..*settings };
        let mut parts = Vec::new();
        for level in whole.levels_along(levels) {
            let own: Vec<usize> = (0..cloud.len()).filter(|&i| levels.get(i) == Some(&level)).collect();
            parts.push((level, Target::new(&cloud.select(&own), None, &near)?));
        }
        Ok(Self { whole, levels: parts })
    }

    /// Finds a pose for every vertebra that was touched, from points on several
    /// levels.
    ///
    /// First all points are registered to the spine as it was scanned; then
    /// each point belongs to the vertebra it lies on, and every vertebra moves
    /// to its own points while its neighbours pull it to where they expect it
    /// (block coordinate descent on one cost). The verdict of a vertebra
    /// includes the test of the level of all, and doubts a motion that no
    /// posture makes.
    ///
    /// # Errors
    /// As [`super::surface`]. No vertebra with enough points gives an empty list.
    pub fn register(
        &self,
        points: &[Point<Patient>],
        initial: &Transform<Patient, Ct>,
        settings: &ArticulatedSettings,
    ) -> Result<Vec<LevelPose>, RegisterError> {
        let begun = Instant::now();
        let source = Source::new(points, settings.surface.min_points)?;
        if !initial.is_finite() {
            return Err(RegisterError::InitialNotFinite);
        }
        let guess = Pose::from_transform(&initial.inverse(), &source, &self.whole);
        let whole = from_guesses(&self.whole, (&source, &Anchors::default()), &[guess], &settings.surface)?;
        let start = whole.pose.to_transform(&source, &self.whole);
        let mut poses = vec![start; self.levels.len()];
        let mut sources = Vec::new();
        for round in 0..ROUNDS {
            if round < 2 {
                sources = self.assign(points, &poses, settings.min_points);
            }
            for (rank, own) in sources.iter().enumerate() {
                let Some(own) = own else { continue };
                let (anchors, mut pose) = self.expected(rank, &poses, &sources, own, settings);
                finish(&self.levels[rank].1, &own.blocks, &anchors, &mut pose, (0.003, own.radius_mm));
                poses[rank] = pose.to_transform(own, &self.levels[rank].1);
            }
        }
        // The level is judged with every vertebra free: a bent spine fits
        // badly as a whole at its own level too.
        let limit = settings.surface.checks.max_neighbour_ratio;
        let about_level = self.level_ratio(&poses, &sources).filter(|found| found.0 > limit).map(|(ratio, levels)| {
            let verdict = if ratio > TIE { Verdict::Reject } else { Verdict::Doubtful };
            (verdict, Reason::NeighbourLevel { ratio, levels })
        });
        let judged = sources.iter().enumerate().filter_map(|(rank, own)| {
            let own = own.as_ref()?;
            Some(self.judged(rank, own, (&poses, &sources), about_level.as_ref(), settings, begun))
        });
        Ok(judged.collect())
    }

    /// The points of each level, by where they lie now; `None` for too few.
    fn assign(
        &self,
        points: &[Point<Patient>],
        ct_from_patient: &[Transform<Ct, Patient>],
        min_points: usize,
    ) -> Vec<Option<Source>> {
        let mut own: Vec<Vec<Point<Patient>>> = vec![Vec::new(); self.levels.len()];
        for point in points {
            let distance = |rank: usize| {
                let target = &self.levels[rank].1;
                let at = (ct_from_patient[rank] * *point).vector3() - target.origin;
                let site = target.find(at.cast::<f32>().into(), true)?;
                Some((at - Vector3::from(site.point).cast::<f64>()).norm())
            };
            let found = (0..self.levels.len()).filter_map(|rank| Some((distance(rank)?, rank)));
            let nearest = found.min_by(|a, b| a.0.total_cmp(&b.0));
            if let Some((_, rank)) = nearest.filter(|n| n.0 < 6.0) {
                own[rank].push(*point);
            }
        }
        own.iter().map(|points| Source::new(points, min_points).ok()).collect()
    }

    /// Where the neighbours expect a level, and where it is now.
    fn expected(
        &self,
        rank: usize,
        poses: &[Transform<Ct, Patient>],
        sources: &[Option<Source>],
        own: &Source,
        settings: &ArticulatedSettings,
    ) -> (Anchors, Pose) {
        let target = &self.levels[rank].1;
        let mut anchors = Anchors::default();
        for neighbour in [rank.checked_sub(1), Some(rank + 1)].into_iter().flatten() {
            if sources.get(neighbour).is_some_and(Option::is_some) {
                let there = Pose::from_transform(&poses[neighbour], own, target);
                let turn_rad = settings.neighbour_turn_deg.to_radians();
                anchors.append(Anchors::near(&there, settings.neighbour_shift_mm, turn_rad));
            }
        }
        (anchors, Pose::from_transform(&poses[rank], own, target))
    }

    fn judged(
        &self,
        rank: usize,
        own: &Source,
        (poses, sources): (&[Transform<Ct, Patient>], &[Option<Source>]),
        about_level: Option<&(Verdict, Reason)>,
        settings: &ArticulatedSettings,
        begun: Instant,
    ) -> LevelPose {
        let (level, target) = &self.levels[rank];
        let (anchors, pose) = self.expected(rank, poses, sources, own, settings);
        let limit = settings.surface.checks.min_inliers.min(settings.min_points);
        // One posterior arch spreads less than several.
        let checks = Checks { min_inliers: limit, ..settings.surface.checks };
        let judged = judge(target, (own, &anchors), pose, &[], &Settings { checks, ..settings.surface });
        let moved = [rank.checked_sub(1), Some(rank + 1)].into_iter().flatten().filter_map(|neighbour| {
            sources.get(neighbour)?.as_ref()?;
            let there = Pose::from_transform(&poses[neighbour], own, target);
            let shift_mm = (there.centre - pose.centre).norm();
            Some((there.rotation.angle_to(&pose.rotation).to_degrees(), shift_mm))
        });
        let (turn_deg, shift_mm) = moved.fold((0.0f64, 0.0f64), |most, m| (most.0.max(m.0), most.1.max(m.1)));
        let is_large = turn_deg > 3.0 * settings.neighbour_turn_deg || shift_mm > 3.0 * settings.neighbour_shift_mm;
        let finding = is_large.then_some((Verdict::Doubtful, Reason::LargeMotion { turn_deg, shift_mm }));
        let registration = judged.registration(Method::Surface, begun).with_finding(finding);
        LevelPose { level: *level, registration: registration.with_finding(about_level.cloned()) }
    }

    /// Misfit of all vertebrae where they are over their misfit one level up or
    /// down, each free to settle there; and that level.
    fn level_ratio(
        &self,
        ct_from_patient: &[Transform<Ct, Patient>],
        sources: &[Option<Source>],
    ) -> Option<(f64, i32)> {
        let ratio = |steps: i32| {
            let (mut here, mut there, mut count) = (0.0, 0.0, 0usize);
            for (rank, own) in sources.iter().enumerate() {
                let neighbour = i32::try_from(rank).ok().and_then(|r| usize::try_from(r + steps).ok());
                let (Some(own), Some((_, other))) = (own, neighbour.and_then(|r| self.levels.get(r))) else { continue };
                let points = own.subset(CLOSE_POINTS);
                let target = &self.levels[rank].1;
                // Relative to each target's own middle the place is the same.
                let mut pose = Pose::from_transform(&ct_from_patient[rank], own, target);
                here += misfit_mm(target, &points, &pose).powi(2);
                solve(other, &points, &mut pose, &[APPROACH[1], APPROACH[2], CLOSE_IN[1]], (0.02, own.radius_mm));
                there += misfit_mm(other, &points, &pose).powi(2);
                count += 1;
            }
            (count * 2 > sources.iter().flatten().count()).then(|| ((here / f64::max(there, 1e-9)).sqrt(), steps))
        };
        [-1, 1].into_iter().filter_map(ratio).max_by(|a, b| a.0.total_cmp(&b.0))
    }
}
