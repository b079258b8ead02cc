//! The questions a result must answer before it is accepted.

use geom::nalgebra::Vector3;
use rayon::prelude::*;

use super::factor::Coarse;
use super::pose::Pose;
use super::random::Random;
use super::search::{CLOSE_POINTS, Candidate};
use super::settings::Checks;
use super::solve::{APPROACH, CLOSE_IN, misfit_mm, solve};
use super::source::Source;
use super::target::Target;
use super::uncertainty::{Residuals, Uncertainty};
use super::verdict::{Reason, Verdict};

/// From this ratio on two poses fit equally well.
const TIE: f64 = 0.95;
/// Poses that move the points less than this are the same answer, mm.
const RETURN_MM: f64 = 0.75;
/// A rival must lie at least this far away, mm.
const RIVAL_MM: f64 = 3.0;
/// Points used where a pose is only tried.
const TRIAL_POINTS: usize = 120;

type Findings = Vec<(Verdict, Reason)>;

/// Everything the checks look at.
pub(super) struct Examined<'a> {
    pub target: &'a Target,
    pub source: &'a Source,
    pub pose: &'a Pose,
    pub rivals: &'a [Candidate],
    pub residuals: &'a Residuals,
    pub uncertainty: &'a Uncertainty,
}

/// Runs all checks; an empty list means accept.
pub(super) fn examine(examined: &Examined<'_>, checks: &Checks) -> Findings {
    let mut findings = Vec::new();
    check_points(examined, checks, &mut findings);
    check_observability(examined, checks, &mut findings);
    let points = examined.source.subset(CLOSE_POINTS);
    let here = misfit_mm(&Coarse(examined.target), &points, examined.pose);
    let ((ambiguity, neighbour), stability) = rayon::join(
        || (ambiguity(examined, checks, &points, here), neighbour_level(examined, checks, &points, here)),
        || stability(examined, checks),
    );
    findings.extend([ambiguity, neighbour, stability].into_iter().flatten());
    findings
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
fn ambiguity(examined: &Examined<'_>, checks: &Checks, points: &[[f32; 3]], here: f64) -> Option<(Verdict, Reason)> {
    let lookup = Coarse(examined.target);
    let distance = |c: &Candidate| c.pose.distance_mm(examined.pose, examined.source.radius_mm);
    let rivals = examined.rivals.iter().filter(|c| distance(c) > RIVAL_MM);
    let (ratio, distance_mm) = rivals
        .map(|c| (here / misfit_mm(&lookup, points, &c.pose).max(1e-9), distance(c)))
        .max_by(|a, b| a.0.total_cmp(&b.0))?;
    (ratio > checks.max_ambiguity).then(|| (graded(ratio > TIE), Reason::Ambiguous { ratio, distance_mm }))
}

/// Would the points fit one or two vertebrae further up or down?
///
/// The residual alone does not tell a wrong level from the right one, the
/// comparison does: at the right level its neighbours fit clearly worse.
fn neighbour_level(
    examined: &Examined<'_>,
    checks: &Checks,
    points: &[[f32; 3]],
    here: f64,
) -> Option<(Verdict, Reason)> {
    let (lookup, radius_mm) = (Coarse(examined.target), examined.source.radius_mm);
    let few = examined.source.subset(TRIAL_POINTS);
    let shifts = examined.target.neighbour_shifts(&examined.residuals.matched);
    let stages = [APPROACH[1], APPROACH[2], CLOSE_IN[1]];
    let solve_there = |(levels, shift): &(i32, Vector3<f64>)| {
        // A vertebra's height varies from level to level: try around it.
        let nudges = [-5.0, 0.0, 5.0].map(|mm| shift + shift.try_normalize(1e-9).unwrap_or_else(Vector3::zeros) * mm);
        let tries = nudges.map(|shift| {
            let mut pose = examined.pose.moved(Vector3::zeros(), shift);
            solve(&lookup, &few, &mut pose, &stages, (0.02, radius_mm));
            (misfit_mm(&lookup, points, &pose), pose)
        });
        // A descent that came home again says nothing about the neighbour.
        let there = tries.iter().filter(|t| t.1.distance_mm(examined.pose, radius_mm) > RIVAL_MM);
        let misfit = there.map(|t| t.0).min_by(f64::total_cmp)?;
        Some((here / misfit.max(1e-9), *levels))
    };
    let ratios: Vec<(f64, i32)> = shifts.par_iter().filter_map(solve_there).collect();
    let (ratio, levels) = ratios.into_iter().max_by(|a, b| a.0.total_cmp(&b.0))?;
    let reason = Reason::NeighbourLevel { ratio, levels };
    (ratio > checks.max_neighbour_ratio).then(|| (graded(ratio > TIE), reason))
}

/// Does the solution come back when it is pushed away a little?
fn stability(examined: &Examined<'_>, checks: &Checks) -> Option<(Verdict, Reason)> {
    let (lookup, radius_mm) = (Coarse(examined.target), examined.source.radius_mm);
    let points = examined.source.subset(TRIAL_POINTS);
    // The grid's own solution is the home: it differs a little from the exact.
    let settle = |mut pose: Pose| {
        solve(&lookup, &points, &mut pose, &CLOSE_IN, (0.02, radius_mm));
        pose
    };
    let home = settle(*examined.pose);
    let mut random = Random::new(1);
    let tried = checks.disturbances;
    let mut push = |size: f64| Vector3::from(random.direction()) * size;
    let pushed: Vec<Pose> = (0..tried)
        .map(|_| examined.pose.moved(push(checks.disturbance.to_radians()), push(checks.disturbance)))
        .collect();
    let returned = pushed.into_par_iter().filter(|p| settle(*p).distance_mm(&home, radius_mm) < RETURN_MM).count();
    (returned < tried).then(|| (graded(returned * 2 < tried), Reason::Unstable { returned, tried }))
}
