//! The questions a result must answer before it is accepted.

use geom::nalgebra::Vector3;
use kernels::point_to_plane::PointBlocks;
use rayon::prelude::*;

use super::anchors::Anchors;
use super::correspond::Matched;
use super::level_motion;
use super::pose::Pose;
use super::random::Random;
use super::registration::Figures;
use super::search::{CLOSE_POINTS, Candidate};
use super::settings::Checks;
use super::solve::{APPROACH, CLOSE_IN, CONTACT_MM, FINAL, finish, linearize, misfit_mm, solve};
use super::source::Source;
use super::target::Target;
use super::uncertainty::{Residuals, Uncertainty};
use super::verdict::{Reason, Verdict};

/// From this ratio on two poses fit equally well.
pub(super) const TIE: f64 = 0.95;
/// Poses that move the points less than this are the same answer, mm.
const RETURN_MM: f64 = 0.75;
/// A rival must lie at least this far away, mm.
const RIVAL_MM: f64 = 3.0;
/// Points of which a fifth is held out.
const HELD_OUT_POINTS: usize = 250;
/// Points the coverage is measured with.
const COVERAGE_POINTS: usize = 8192;
/// Points used where a pose is only tried.
const TRIAL_POINTS: usize = 120;

type Findings = Vec<(Verdict, Reason)>;

/// Everything the checks look at.
pub(super) struct Examined<'a> {
    pub target: &'a Target,
    pub source: &'a Source,
    pub anchors: &'a Anchors,
    pub pose: &'a Pose,
    pub rivals: &'a [Candidate],
    pub residuals: &'a Residuals,
    pub uncertainty: &'a Uncertainty,
}

/// Runs all checks; no findings mean accept.
pub(super) fn examine(examined: &Examined<'_>, checks: &Checks) -> (Findings, Figures) {
    let mut findings = Vec::new();
    check_points(examined, checks, &mut findings);
    check_observability(examined, checks, &mut findings);
    let points = examined.source.subset(CLOSE_POINTS);
    let here = misfit_mm(examined.target, &points, examined.pose);
    let ((second_best, neighbour), (returned, held_out_mm, level_motion)) = rayon::join(
        || (second_best(examined, &points, here), neighbour_level(examined, &points, here)),
        || {
            let moved = level_motion::furthest(examined.target, examined.source, examined.pose);
            (returned(examined, checks), held_out(examined), moved)
        },
    );
    if let Some((ratio, distance_mm)) = second_best.filter(|found| found.0 > checks.max_ambiguity) {
        findings.push((graded(ratio > TIE), Reason::Ambiguous { ratio, distance_mm }));
    }
    if let Some((ratio, levels)) = neighbour.filter(|found| found.0 > checks.max_neighbour_ratio) {
        findings.push((graded(ratio > TIE), Reason::NeighbourLevel { ratio, levels }));
    }
    if returned < checks.disturbances {
        let tried = checks.disturbances;
        findings.push((graded(returned * 2 < tried), Reason::Unstable { returned, tried }));
    }
    let rms_mm = examined.residuals.rms_mm;
    if let Some(held_out_mm) = held_out_mm.filter(|mm| *mm > checks.max_held_out_ratio * rms_mm + 0.1) {
        findings.push((Verdict::Doubtful, Reason::HeldOut { held_out_mm, rms_mm }));
    }
    let limit_mm = checks.max_level_motion_mm;
    if let Some((place, distance_mm)) = level_motion.filter(|found| found.1 > limit_mm) {
        findings.push((Verdict::Doubtful, Reason::LevelMoved { place: place + 1, distance_mm, limit_mm }));
    }
    let figures = Figures {
        second_best_ratio: second_best.map(|found| found.0),
        neighbour,
        returned: Some((returned, checks.disturbances)),
        held_out_mm,
        coverage: coverage(examined),
        landmark_mm: None,
        level_motion_mm: level_motion.map(|found| found.1),
    };
    (findings, figures)
}

/// Share of the touchable surface that was touched, from as many points as tell.
fn coverage(examined: &Examined<'_>) -> Option<f64> {
    let matched = &examined.residuals.matched;
    let some: Vec<usize> = matched.iter().step_by(matched.len().div_ceil(COVERAGE_POINTS).max(1)).copied().collect();
    examined.target.coverage(&some)
}

/// `Reject` from `worse` on, else `Doubtful`.
const fn graded(is_worse: bool) -> Verdict {
    if is_worse { Verdict::Reject } else { Verdict::Doubtful }
}

fn check_points(examined: &Examined<'_>, checks: &Checks, findings: &mut Findings) {
    let (found, wanted) = (examined.residuals.matched.len(), checks.min_inliers);
    if found < wanted {
        findings.push((graded(found * 2 < wanted), Reason::FewInliers { found, wanted }));
    }
    let share = examined.residuals.inlier_share();
    let wanted = checks.min_inlier_share;
    if share < wanted {
        findings.push((graded(share * 1.5 < wanted), Reason::LowInlierShare { share, wanted }));
    }
    let (rms_mm, limit_mm) = (examined.residuals.rms_mm, checks.max_rms_mm);
    if rms_mm > limit_mm {
        findings.push((Verdict::Doubtful, Reason::HighResidual { rms_mm, limit_mm }));
    }
    let (distinct, found) = (examined.source.distinct, examined.source.offsets.len());
    if distinct * 2 < found {
        findings.push((Verdict::Doubtful, Reason::Repeated { distinct, found }));
    }
    let [spread_mm, width_mm, _] = examined.source.extents_mm;
    if examined.source.radius_mm < checks.min_spread_mm || width_mm < 0.1 * spread_mm {
        findings.push((Verdict::Doubtful, Reason::Clustered { spread_mm, width_mm }));
    }
}

/// Degeneracy by the uncertainty of the weakest direction, in units a surgeon
/// can judge (after Zhang et al., ICRA 2016, doi:10.1109/ICRA.2016.7487211,
/// who threshold the eigenvalues themselves).
fn check_observability(examined: &Examined<'_>, checks: &Checks, findings: &mut Findings) {
    let (sigma_mm, direction) = examined.uncertainty.weakest_shift();
    let limit_mm = checks.max_weakest_mm;
    if sigma_mm > limit_mm {
        let reason = Reason::WeakDirection { sigma_mm, limit_mm, direction: direction.into() };
        findings.push((graded(sigma_mm > 2.0 * limit_mm), reason));
    }
    let (sigma, axis) = examined.uncertainty.weakest_turn();
    let (sigma_deg, limit_deg) = (sigma.to_degrees(), checks.max_weakest_deg);
    if sigma_deg > limit_deg {
        let reason = Reason::WeakAxis { sigma_deg, limit_deg, axis: axis.into() };
        findings.push((graded(sigma_deg > 2.0 * limit_deg), reason));
    }
}

/// Does another pose found by the search fit nearly as well?
fn second_best(examined: &Examined<'_>, points: &PointBlocks, here: f64) -> Option<(f64, f64)> {
    let distance = |c: &Candidate| c.pose.distance_mm(examined.pose, examined.source.radius_mm);
    let rivals = examined.rivals.iter().filter(|c| distance(c) > RIVAL_MM);
    rivals
        .map(|c| (here / misfit_mm(examined.target, points, &c.pose).max(1e-9), distance(c)))
        .max_by(|a, b| a.0.total_cmp(&b.0))
}

/// Would the points fit one or two vertebrae further up or down?
///
/// The residual alone does not tell a wrong level from the right one, the
/// comparison does: at the right level its neighbours fit clearly worse.
fn neighbour_level(examined: &Examined<'_>, points: &PointBlocks, here: f64) -> Option<(f64, i32)> {
    let (target, radius_mm) = (examined.target, examined.source.radius_mm);
    let (fewer, few) = (examined.source.subset(TRIAL_POINTS / 2), examined.source.subset(TRIAL_POINTS));
    let shifts = examined.target.neighbour_shifts(&examined.residuals.matched);
    let solve_there = |(levels, shift): &(i32, Vector3<f64>)| {
        // A vertebra's height varies from level to level: try around it.
        let nudges = [-5.0, 0.0, 5.0].map(|mm| shift + shift.try_normalize(1e-9).unwrap_or_else(Vector3::zeros) * mm);
        let tries = nudges.map(|shift| {
            let mut pose = examined.pose.moved(Vector3::zeros(), shift);
            solve(target, &fewer, &mut pose, &APPROACH[1..2], (0.02, radius_mm));
            solve(target, &few, &mut pose, &[APPROACH[2], CLOSE_IN[1]], (0.02, radius_mm));
            (misfit_mm(target, points, &pose), pose)
        });
        // A descent that came home again says nothing about the neighbour.
        let there = tries.iter().filter(|t| t.1.distance_mm(examined.pose, radius_mm) > RIVAL_MM);
        let misfit = there.map(|t| t.0).min_by(f64::total_cmp)?;
        Some((here / misfit.max(1e-9), *levels))
    };
    let ratios: Vec<(f64, i32)> = shifts.par_iter().filter_map(solve_there).collect();
    ratios.into_iter().max_by(|a, b| a.0.total_cmp(&b.0))
}

/// Does the solution come back when it is pushed away a little?
fn returned(examined: &Examined<'_>, checks: &Checks) -> usize {
    let (target, radius_mm) = (examined.target, examined.source.radius_mm);
    let points = examined.source.subset(TRIAL_POINTS);
    // The grid's own solution is the home: it differs a little from the exact.
    let settle = |mut pose: Pose| {
        solve(target, &points, &mut pose, &CLOSE_IN, (0.02, radius_mm));
        pose
    };
    let home = settle(*examined.pose);
    let mut random = Random::new(1);
    let tried = checks.disturbances;
    let mut push = |size: f64| Vector3::from(random.direction()) * size;
    let pushed: Vec<Pose> = (0..tried)
        .map(|_| examined.pose.moved(push(checks.disturbance.to_radians()), push(checks.disturbance)))
        .collect();
    pushed.into_par_iter().filter(|p| settle(*p).distance_mm(&home, radius_mm) < RETURN_MM).count()
}

/// RMS distance of a fifth of the points at the solution of the others, mm:
/// what the pose is worth where nothing pulled at it. `None` when none of them
/// touches the bone.
fn held_out(examined: &Examined<'_>) -> Option<f64> {
    let (target, source) = (examined.target, examined.source);
    let all = source.spread(HELD_OUT_POINTS);
    let part = |is_held: bool| -> PointBlocks {
        let of = all.iter().enumerate().filter(|(i, _)| (i % 5 == 2) == is_held).map(|(_, point)| *point);
        PointBlocks::new(&of.collect::<Vec<_>>())
    };
    let mut pose = *examined.pose;
    finish(target, &part(false), examined.anchors, &mut pose, (0.01, source.radius_mm));
    let held = part(true);
    let found = Matched::new(target, &held, &pose.placement(), CONTACT_MM);
    let sums = linearize(&found, &held, &pose, CONTACT_MM, FINAL);
    (sums.weights() > 0.0).then(|| (sums.product(6, 6) / sums.weights()).sqrt())
}
