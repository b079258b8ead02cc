//! Do the touched vertebrae still stand to each other as in the CT?

use geom::nalgebra::Vector3;
use kernels::point_to_plane::PointBlocks;
use rayon::prelude::*;

use super::anchors::Anchors;
use super::pose::Pose;
use super::solve::{finish, misfit_mm};
use super::source::Source;
use super::target::Target;

/// Points looked at.
const POINTS: usize = 400;
/// A level with fewer of them says nothing.
const MIN_POINTS: usize = 40;
/// Alone, a level must fit this much better before it counts as moved: noise
/// and the waves of a segmentation gain less.
const GAIN: f64 = 0.85;

/// The vertebra whose points, solved by themselves, move furthest from `pose`:
/// its place among the touched ones from the lowest, and how far (RMS, mm).
///
/// `None` with fewer than two levels, or when none fits better alone.
pub(super) fn furthest(target: &Target, source: &Source, pose: &Pose) -> Option<(usize, f64)> {
    let placement = pose.placement();
    let mut levels: Vec<(u8, Vec<[f32; 3]>)> = Vec::new();
    for point in source.spread(POINTS) {
        let Some(rank) = target.rank_at(placement.place(point)) else { continue };
        match levels.iter_mut().find(|l| l.0 == rank) {
            Some((_, own)) => own.push(point),
            None => levels.push((rank, vec![point])),
        }
    }
    levels.retain(|l| l.1.len() >= MIN_POINTS);
    if levels.len() < 2 {
        return None;
    }
    levels.sort_by_key(|l| l.0);
    let alone = |(place, (_, points)): (usize, &(u8, Vec<[f32; 3]>))| {
        let blocks = PointBlocks::new(points);
        let mut own = *pose;
        finish(target, &blocks, &Anchors::default(), &mut own, (0.02, source.radius_mm));
        let is_better = misfit_mm(target, &blocks, &own) < GAIN * misfit_mm(target, &blocks, pose);
        is_better.then(|| (place, motion_mm(points, pose, &own)))
    };
    let moved: Vec<(usize, f64)> = levels.par_iter().enumerate().filter_map(alone).collect();
    moved.into_iter().max_by(|a, b| a.1.total_cmp(&b.1))
}

/// RMS distance between the places of the points at two poses, mm.
fn motion_mm(points: &[[f32; 3]], from: &Pose, to: &Pose) -> f64 {
    let squared = |p: &[f32; 3]| {
        let offset = Vector3::from(*p).cast::<f64>();
        (to.rotation * offset + to.centre - from.rotation * offset - from.centre).norm_squared()
    };
    (points.iter().map(squared).sum::<f64>() / points.len().max(1) as f64).sqrt()
}
