//! A registration: the pose, its evidence and its verdict.

use std::time::Duration;

use geom::nalgebra::Matrix6;
use geom::{Ct, Patient, PoseCovariance, Transform};

use super::verdict::{Reason, Verdict};

/// What a registration was computed from.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub enum Method {
    /// Points swept over the bone.
    Surface,
    /// Paired landmarks.
    Landmarks,
    /// Points swept over the bone and paired landmarks together.
    Combined,
    /// The surface of another CT.
    OtherCt,
}

/// Where the CT lies on the patient, how well it is known, and whether it may
/// be used. Only the functions of [`super`] make one.
#[derive(Debug, Clone)]
pub struct Registration {
    patient_from_ct: Transform<Patient, Ct>,
    verdict: Verdict,
    reasons: Vec<Reason>,
    evidence: Evidence,
}

/// What the solver leaves behind.
#[derive(Debug, Clone)]
pub(super) struct Evidence {
    pub method: Method,
    pub rms_mm: f64,
    pub sigma_mm: f64,
    pub inliers: usize,
    pub residuals_mm: Vec<f64>,
    pub iterations: usize,
    pub information: Matrix6<f64>,
    pub covariance: PoseCovariance,
    pub figures: Figures,
    pub elapsed: Duration,
}

/// The figures behind a verdict; `None` where a check was not made.
#[derive(Debug, Clone, Default, PartialEq)]
#[non_exhaustive]
pub struct Figures {
    /// Misfit here over the misfit of the best other pose that the search
    /// found; 1 is a tie.
    pub second_best_ratio: Option<f64>,
    /// Misfit here over the misfit at the best of the vertebrae next to it, and
    /// how many vertebrae away that is.
    pub neighbour: Option<(f64, i32)>,
    /// Disturbed solutions that came back, and those tried.
    pub returned: Option<(usize, usize)>,
    /// RMS distance of points that were left out of the solution, mm.
    pub held_out_mm: Option<f64>,
    /// Share of the touchable surface of the touched levels that has a touched
    /// point nearby, 0 to 1.
    pub coverage: Option<f64>,
    /// How far the vertebra that agrees least with the others wants to move
    /// (RMS of its points), mm.
    pub level_motion_mm: Option<f64>,
    /// Largest distance of a landmark that was checked, mm.
    pub landmark_mm: Option<f64>,
}

impl Registration {
    /// The verdict is the worst of the findings; no finding is an accept.
    pub(super) fn new(
        patient_from_ct: Transform<Patient, Ct>,
        findings: Vec<(Verdict, Reason)>,
        evidence: Evidence,
    ) -> Self {
        let verdict = findings.iter().map(|f| f.0).max().unwrap_or(Verdict::Accept);
        let reasons = findings.into_iter().map(|f| f.1).collect();
        Self { patient_from_ct, verdict, reasons, evidence }
    }

    /// Adds a finding; the verdict can only get worse.
    pub(super) fn with_finding(mut self, finding: Option<(Verdict, Reason)>) -> Self {
        if let Some((verdict, reason)) = finding {
            self.verdict = self.verdict.max(verdict);
            self.reasons.push(reason);
        }
        self
    }

    pub(super) const fn figures_mut(&mut self) -> &mut Figures {
        &mut self.evidence.figures
    }

    /// The pose: maps CT points to the patient reference.
    #[must_use]
    pub const fn patient_from_ct(&self) -> Transform<Patient, Ct> {
        self.patient_from_ct
    }

    /// The judgement of the pose.
    #[must_use]
    pub const fn verdict(&self) -> Verdict {
        self.verdict
    }

    /// Why the verdict is not a plain accept; empty when it is.
    #[must_use]
    pub fn reasons(&self) -> &[Reason] {
        &self.reasons
    }

    /// What the pose was computed from.
    #[must_use]
    pub const fn method(&self) -> Method {
        self.evidence.method
    }

    /// RMS distance of the inliers, mm: to the bone's planes for a surface,
    /// to the partners (the FRE) for landmarks. Says nothing about the level:
    /// a wrong one can fit well.
    #[must_use]
    pub const fn rms_mm(&self) -> f64 {
        self.evidence.rms_mm
    }

    /// Robust standard deviation of one measured distance, mm.
    #[must_use]
    pub const fn sigma_mm(&self) -> f64 {
        self.evidence.sigma_mm
    }

    /// Points on the bone.
    #[must_use]
    pub const fn inliers(&self) -> usize {
        self.evidence.inliers
    }

    /// Share of the points on the bone, 0 to 1.
    #[must_use]
    pub fn inlier_share(&self) -> f64 {
        self.evidence.inliers as f64 / self.evidence.residuals_mm.len().max(1) as f64
    }

    /// Distance of every point, in the order given, mm. Surface: signed height
    /// above the nearest plane, positive outside the bone. Landmarks: distance
    /// to the partner.
    #[must_use]
    pub fn residuals_mm(&self) -> &[f64] {
        &self.evidence.residuals_mm
    }

    /// Iterations of the last stage.
    #[must_use]
    pub const fn iterations(&self) -> usize {
        self.evidence.iterations
    }

    /// Fisher information of the pose, the inverse of the covariance: rotation
    /// (rad) before translation (mm), left perturbation in the patient frame.
    #[must_use]
    pub const fn information(&self) -> &Matrix6<f64> {
        &self.evidence.information
    }

    /// Covariance of `patient_from_ct`.
    #[must_use]
    pub const fn covariance(&self) -> &PoseCovariance {
        &self.evidence.covariance
    }

    /// The figures behind the verdict.
    #[must_use]
    pub const fn figures(&self) -> &Figures {
        &self.evidence.figures
    }

    /// How long it took.
    #[must_use]
    pub const fn elapsed(&self) -> Duration {
        self.evidence.elapsed
    }
}
