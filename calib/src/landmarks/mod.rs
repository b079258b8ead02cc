//! Paired points with weights: the motion, its covariance, the error to expect
//! at any target, and which point does not fit the others.
//!
//! Complements [`crate::fiducials`] (equal weights, closed formulas) where
//! points differ in quality or their order is unknown. For a registration of a
//! patient with the engine's checks see `engine::register`.

mod correspondence;
#[cfg(test)]
mod tests;

use geom::nalgebra::{Matrix3, Matrix3x6, Matrix6, Vector3};
use geom::{Frame, Point, PoseCovariance, Transform, fit_rigid};

use crate::error::{CalibrationError, check_count};
use crate::rigid::{check_points, skew};
use crate::verdict::{Judgement, Verdict};

pub use correspondence::{Correspondence, match_points};
pub use geom::LandmarkSettings;

/// The point that fits the others least.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct WorstPoint {
    /// Its place in the list, from 0.
    pub index: usize,
    /// How far it lies from where the others put it, mm.
    pub held_out_mm: f64,
    /// FRE of the others alone, mm.
    pub fre_without_mm: f64,
    /// Its distance divided by what is to be expected of a good point.
    pub ratio: f64,
}

/// Paired points registered, with the evidence.
#[derive(Debug, Clone)]
pub struct Landmarks<To: Frame, From: Frame> {
    /// The motion found.
    pub to_from: Transform<To, From>,
    /// Its covariance: the FLE seen through the arrangement of the points.
    pub covariance: PoseCovariance,
    /// Weighted fiducial registration error, mm.
    pub fre_mm: f64,
    /// Localisation error of a point of mean weight, RMS distance, mm.
    pub fle_mm: f64,
    /// Misfit of every pair, mm.
    pub residuals_mm: Vec<f64>,
    /// The worst of at least five pairs.
    pub worst: Option<WorstPoint>,
    /// What it is worth.
    pub judgement: Judgement,
    /// Middle of the points and their principal axes, the longest first.
    centre: Point<To>,
    axes: Matrix3<f64>,
}

/// Registers paired points.
///
/// * `to`, `from` - the same points in both frames and the same order, mm.
/// * `weights` - inverse of each pair's expected squared error, 0 or more; a
///   pair of weight 0 only shows its residual. `None`: all alike.
///
/// # Errors
/// [`CalibrationError::Fit`] for fewer than three pairs, unequal lists, values
/// that are not finite, or points on a line; more than 10 000 are refused.
///
/// Cost: linear; with the search for the worst point quadratic up to 200 pairs.
pub fn landmarks<To: Frame, From: Frame>(
    to: &[Point<To>],
    from: &[Point<From>],
    weights: Option<&[f64]>,
    settings: &LandmarkSettings,
) -> Result<Landmarks<To, From>, CalibrationError> {
    check_count("a landmark registration", "pairs", to.len(), (0, 10_000), "")?;
    check_points(to, "measured point")?;
    check_points(from, "known point")?;
    // Only ratios matter; the largest weight is made one.
    let largest = weights.map_or(1.0, |w| w.iter().copied().fold(0.0, f64::max));
    let scaled = weights.map(|w| w.iter().map(|w| w / largest).collect::<Vec<_>>());
    let fit = fit_rigid(to, from, scaled.as_deref())?;
    let weights = scaled.unwrap_or_else(|| vec![1.0; to.len()]);
    let used = weights.iter().filter(|w| **w > 0.0).count();
    let mean_weight = weights.iter().sum::<f64>() / used as f64;
    let shares: Vec<f64> = weights.iter().map(|w| w / mean_weight).collect();
    let residuals_mm: Vec<f64> = to.iter().zip(from).map(|(t, f)| t.distance(fit.to_from * *f)).collect();
    let squares: f64 = residuals_mm.iter().zip(&shares).map(|(r, s)| s * r * r).sum();
    // FRE^2 = (1 - 2/n) FLE^2 (Fitzpatrick et al. 1998, doi:10.1109/42.736021,
    // eq. 10): six of the 3 n coordinates are used up.
    let freedom = (3 * used).saturating_sub(6).max(1) as f64;
    let fle_mm = (3.0 * squares / freedom).sqrt().max(settings.min_fle_mm.max(1e-6));
    let mut information = Matrix6::zeros();
    for (point, share) in to.iter().zip(&shares) {
        let mut rows = Matrix3x6::zeros();
        rows.fixed_view_mut::<3, 3>(0, 0).copy_from(&-skew(&point.vector3()));
        rows.fixed_view_mut::<3, 3>(0, 3).copy_from(&Matrix3::identity());
        information += rows.transpose() * rows * *share;
    }
    let covariance = information.try_inverse().map(|inverse| inverse * (fle_mm * fle_mm / 3.0));
    let total: f64 = shares.iter().sum();
    let centre = to.iter().zip(&shares).fold(Vector3::zeros(), |sum, (p, s)| sum + p.vector3() * *s) / total;
    let mut found = Landmarks {
        to_from: fit.to_from,
        covariance: covariance.and_then(PoseCovariance::new).unwrap_or_else(PoseCovariance::zero),
        fre_mm: fit.fre_mm,
        fle_mm,
        residuals_mm,
        worst: worst_point(to, from, &weights, settings),
        judgement: Judgement::default(),
        centre: Point::from_vector3(centre),
        axes: principal_axes(to, &centre),
    };
    found.judgement = judgement(&found, used, settings);
    Ok(found)
}

impl<To: Frame, From: Frame> Landmarks<To, From> {
    /// Expected error (RMS distance, mm) at a target, from the points' own
    /// localisation error and arrangement.
    #[must_use]
    pub fn predicted_tre_mm(&self, target: Point<To>) -> f64 {
        self.covariance.rms_at_point_mm(target)
    }

    /// The predicted error on a square through the middle of the points, in
    /// the plane of their two longest axes: `cells` x `cells` values, row by
    /// row, over `half_mm` to each side.
    #[must_use]
    pub fn tre_map(&self, half_mm: f64, cells: usize) -> Vec<(Point<To>, f64)> {
        let cells = cells.clamp(2, 400);
        let at = |i: usize| (2.0 * i as f64 / (cells - 1) as f64 - 1.0) * half_mm;
        let target = |row: usize, column: usize| {
            let offset = self.axes.column(0) * at(column) + self.axes.column(1) * at(row);
            Point::from_vector3(self.centre.vector3() + offset)
        };
        let all = (0..cells).flat_map(|row| (0..cells).map(move |column| (row, column)));
        all.map(|(row, column)| target(row, column)).map(|p| (p, self.predicted_tre_mm(p))).collect()
    }

    /// Middle of the points.
    #[must_use]
    pub const fn centre(&self) -> Point<To> {
        self.centre
    }
}

/// Unit axes of the points' spread, the longest first.
fn principal_axes<To: Frame>(points: &[Point<To>], centre: &Vector3<f64>) -> Matrix3<f64> {
    let scatter = points.iter().fold(Matrix3::zeros(), |sum, p| {
        let d = p.vector3() - centre;
        sum + d * d.transpose()
    });
    let eigen = scatter.symmetric_eigen();
    let mut order = [0, 1, 2];
    order.sort_by(|a, b| eigen.eigenvalues[*b].total_cmp(&eigen.eigenvalues[*a]));
    Matrix3::from_columns(&order.map(|k| eigen.eigenvectors.column(k).into_owned()))
}

/// Pairs up to which every one is left out once.
const MAX_HELD_OUT: usize = 200;

fn worst_point<To: Frame, From: Frame>(
    to: &[Point<To>],
    from: &[Point<From>],
    weights: &[f64],
    settings: &LandmarkSettings,
) -> Option<WorstPoint> {
    let used: Vec<usize> = (0..to.len()).filter(|i| weights[*i] > 0.0).collect();
    if used.len() < 5 || used.len() > MAX_HELD_OUT {
        return None;
    }
    let without = |index: usize| {
        let mut others = weights.to_vec();
        others[index] = 0.0;
        let fit = fit_rigid(to, from, Some(&others)).ok()?;
        let held_out_mm = to[index].distance(fit.to_from * from[index]);
        let count = (used.len() - 1) as f64;
        let fle = (fit.fre_mm / (1.0 - 2.0 / count).sqrt()).max(settings.min_fle_mm.max(1e-6));
        // A good point is off by its own error and the registration's there:
        // about FLE^2 (1 + 2/n) for a point among the others.
        let ratio = held_out_mm / (fle * (1.0 + 2.0 / count).sqrt());
        Some(WorstPoint { index, held_out_mm, fre_without_mm: fit.fre_mm, ratio })
    };
    used.iter().filter_map(|i| without(*i)).max_by(|a, b| a.ratio.total_cmp(&b.ratio))
}

/// A point this many times its expected error away is named as wrong.
const WRONG_RATIO: f64 = 4.0;

fn judgement<To: Frame, From: Frame>(
    found: &Landmarks<To, From>,
    used: usize,
    settings: &LandmarkSettings,
) -> Judgement {
    let mut judgement = Judgement::default();
    if used < settings.min_pairs {
        let reason = format!("{used} pairs leave no way to see a wrong one, {} are wanted", settings.min_pairs);
        judgement.add(Verdict::Doubtful, reason, "touch more points, spread in all three directions");
    }
    let (fre, limit) = (found.fre_mm, settings.max_fre_mm);
    let reason = format!("FRE of {fre:.2} mm, {limit:.2} is usual at most");
    let remedy = "look at the worst point; check that both lists name the same points in the same order";
    judgement.at_most(fre, (limit, 2.0 * limit), reason, remedy);
    if let Some(worst) = found.worst.filter(|worst| worst.ratio > WRONG_RATIO && worst.held_out_mm > 0.5 * limit) {
        let (number, mm) = (worst.index + 1, worst.held_out_mm);
        let reason = format!(
            "point {number} lies {mm:.1} mm from where the others put it (FRE {:.2} mm without it)",
            worst.fre_without_mm
        );
        judgement.add(Verdict::Doubtful, reason, format!("touch point {number} again, or leave it out"));
    }
    judgement
}
