//! From the best pose of a search to a registration with its verdict.

use std::time::Instant;

use super::anchors::Anchors;
use super::checks::{Examined, examine};
use super::pose::Pose;
use super::registration::{Evidence, Figures, Method, Registration};
use super::search::Candidate;
use super::settings::Settings;
use super::solve::finish;
use super::source::Source;
use super::target::Target;
use super::uncertainty::{Residuals, Uncertainty};
use super::verdict::{Reason, Verdict};

/// A step of the last solution that moves the points less than this ends it, mm.
const TOLERANCE_MM: f64 = 0.003;

/// Of many more points than this, so many bring the pose close: then the others
/// are matched once instead of several times.
const FIRST_POINTS: usize = 4096;

/// A pose solved on all points, with everything that was found out about it.
pub(super) struct Judged<'a> {
    pub target: &'a Target,
    pub source: &'a Source,
    pub pose: Pose,
    pub residuals: Residuals,
    pub uncertainty: Uncertainty,
    pub findings: Vec<(Verdict, Reason)>,
    pub figures: Figures,
    pub iterations: usize,
}

/// Solves `pose` on all points and `anchors` and examines it; `rivals` are the
/// other poses that the search found.
pub(super) fn judge<'a>(
    target: &'a Target,
    (source, anchors): (&'a Source, &Anchors),
    mut pose: Pose,
    rivals: &[Candidate],
    settings: &Settings,
) -> Judged<'a> {
    if source.offsets.len() > 2 * FIRST_POINTS {
        let few = source.subset(FIRST_POINTS);
        finish(target, &few, anchors, &mut pose, (TOLERANCE_MM, source.radius_mm));
    }
    let (found, iterations) = finish(target, &source.blocks, anchors, &mut pose, (TOLERANCE_MM, source.radius_mm));
    let residuals = Residuals::new(&found, source, &pose);
    let uncertainty = Uncertainty::new(&found, (source, anchors), &pose, &residuals, &settings.surface);
    let examined =
        Examined { target, source, anchors, pose: &pose, rivals, residuals: &residuals, uncertainty: &uncertainty };
    let (findings, figures) = examine(&examined, &settings.checks);
    Judged { target, source, pose, residuals, uncertainty, findings, figures, iterations }
}

impl Judged<'_> {
    /// The worst of the findings.
    pub fn verdict(&self) -> Verdict {
        self.findings.iter().map(|f| f.0).max().unwrap_or(Verdict::Accept)
    }

    /// True when the pose may lie in the wrong basin: a wider search could help.
    pub fn is_basin_doubted(&self) -> bool {
        let is_doubt = |f: &(Verdict, Reason)| matches!(f.1, Reason::Ambiguous { .. } | Reason::NeighbourLevel { .. });
        self.verdict() == Verdict::Reject || self.findings.iter().any(is_doubt)
    }

    /// Higher for the better of two results of the same points: first the
    /// verdict, then the share of points on the bone.
    pub fn merit(&self) -> f64 {
        let by_verdict = match self.verdict() {
            Verdict::Accept => 4.0,
            Verdict::Doubtful => 2.0,
            Verdict::Reject => 0.0,
        };
        by_verdict + self.residuals.inlier_share()
    }

    /// The registration, with what it took since `begun`.
    pub fn registration(self, method: Method, begun: Instant) -> Registration {
        let patient_from_ct = self.pose.to_transform(self.source, self.target).inverse();
        let centroid_in_ct = self.pose.centre + self.target.origin;
        let (covariance, information) = self.uncertainty.in_patient(&patient_from_ct, centroid_in_ct);
        let mut residuals_mm = vec![f64::NAN; self.source.order.len()];
        for (&index, height) in self.source.order.iter().zip(&self.residuals.heights_mm) {
            if let Some(slot) = residuals_mm.get_mut(index) {
                *slot = *height;
            }
        }
        let evidence = Evidence {
            method,
            rms_mm: self.residuals.rms_mm,
            sigma_mm: self.residuals.sigma_mm,
            inliers: self.residuals.matched.len(),
            residuals_mm,
            iterations: self.iterations,
            information,
            covariance,
            figures: self.figures,
            elapsed: begun.elapsed(),
        };
        Registration::new(patient_from_ct, self.findings, evidence)
    }
}
