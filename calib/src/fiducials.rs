//! Paired-point registration: fiducials touched on the patient and marked in
//! the CT, with FRE and the predicted TRE at any target.
//!
//! Names follow Fitzpatrick, West, Maurer, *Predicting error in rigid-body
//! point-based registration*, IEEE TMI 17(5), 1998, doi:10.1109/42.736021:
//! FLE is the error of locating one fiducial, FRE the misfit after
//! registration, TRE the error at a target. FRE says nothing about TRE by
//! itself (Fitzpatrick, Proc. SPIE 7261, 2009, doi:10.1117/12.813601): the
//! fiducials' arrangement and the target's distance from them do.

use geom::nalgebra::{Matrix3, Vector3};
use geom::{FitError, Frame, Point, Transform, fit_rigid};
use thiserror::Error;

/// Why fiducials cannot be registered.
#[derive(Debug, Error, Clone, PartialEq)]
#[non_exhaustive]
pub enum FiducialRegistrationError {
    /// The points do not fix a rigid motion.
    #[error("the fiducials cannot be registered: {0}")]
    Fit(#[from] FitError),
    /// The error of a prediction needs more than three points.
    #[error("{found} fiducials leave nothing to estimate the localisation error from; touch at least 4")]
    TooFewForError {
        /// Fiducials given.
        found: usize,
    },
}

/// A registration by fiducials and the error it predicts.
#[derive(Debug, Clone)]
pub struct FiducialRegistration<To: Frame, From: Frame> {
    /// The motion found.
    pub to_from: Transform<To, From>,
    /// Fiducial registration error, root mean square, mm.
    pub fre_mm: f64,
    /// Misfit of each fiducial after registration, mm.
    pub residuals_mm: Vec<f64>,
    /// Fiducial localisation error estimated from FRE, root mean square of
    /// the displacement, mm: `<FRE^2> = (1 - 2/N) FLE^2` (eq. 8 of the paper).
    pub fle_mm: f64,
    count: usize,
    centroid: Point<To>,
    axes: Matrix3<f64>,
    /// Mean squared distance of the fiducials from each principal axis, mm^2.
    axis_distances_mm2: [f64; 3],
}

/// Registers paired fiducials.
///
/// * `to`, `from` - the same fiducials in both frames, in the same order, mm.
///
/// Cost: linear in the points plus two 3x3 decompositions.
///
/// # Errors
/// [`FiducialRegistrationError`] for fewer than four pairs, values that are
/// not finite, or points on a line.
///
/// ```
/// use geom::{Ct, Patient, Point};
/// let ct = [[0., 0., 0.], [40., 0., 0.], [0., 40., 0.], [0., 0., 40.]].map(Point::<Ct>::from);
/// let patient = [[5., 0., 0.], [45., 0., 0.], [5., 40., 0.], [5., 0., 40.]].map(Point::<Patient>::from);
/// let registration = calib::register_fiducials(&patient, &ct).unwrap();
/// assert!(registration.fre_mm < 1e-9);
/// // With 0.3 mm of localisation error the middle of the four is known best.
/// let centre = registration.tre_mm(Point::new(15., 10., 10.), 0.3);
/// assert!((centre - 0.15).abs() < 1e-9 && registration.tre_mm(Point::new(200., 10., 10.), 0.3) > 0.5);
/// ```
pub fn register_fiducials<To: Frame, From: Frame>(
    to: &[Point<To>],
    from: &[Point<From>],
) -> Result<FiducialRegistration<To, From>, FiducialRegistrationError> {
    let fit = fit_rigid(to, from, None)?;
    let count = from.len();
    if count < 4 {
        return Err(FiducialRegistrationError::TooFewForError { found: count });
    }
    let moved: Vec<Point<To>> = from.iter().map(|p| fit.to_from * *p).collect();
    let residuals_mm = moved.iter().zip(to).map(|(a, b)| a.distance(*b)).collect();
    let centroid = Point::centroid(&moved).unwrap_or(Point::new(0.0, 0.0, 0.0));
    let scatter = moved.iter().fold(Matrix3::zeros(), |sum, p| {
        let d = (*p - centroid).vector3();
        sum + d * d.transpose()
    }) / count as f64;
    let eigen = scatter.symmetric_eigen();
    let spread = eigen.eigenvalues;
    Ok(FiducialRegistration {
        to_from: fit.to_from,
        fre_mm: fit.fre_mm,
        residuals_mm,
        fle_mm: fit.fre_mm / (1.0 - 2.0 / count as f64).sqrt(),
        count,
        centroid,
        axes: eigen.eigenvectors,
        // Squared distance from an axis is the spread along the two others.
        axis_distances_mm2: [spread[1] + spread[2], spread[0] + spread[2], spread[0] + spread[1]],
    })
}

impl<To: Frame, From: Frame> FiducialRegistration<To, From> {
    /// Expected TRE (root mean square, mm) at `target` when one fiducial is
    /// located with `fle_mm` (root mean square displacement).
    ///
    /// Eq. 46 of the paper: `TRE^2 = FLE^2 / N (1 + 1/3 sum_k d_k^2 / f_k^2)`
    /// with `d_k` the target's and `f_k` the fiducials' RMS distance from
    /// principal axis `k`.
    #[must_use]
    pub fn tre_mm(&self, target: Point<To>, fle_mm: f64) -> f64 {
        let from_centre: Vector3<f64> = self.axes.transpose() * (target - self.centroid).vector3();
        let squared = from_centre.component_mul(&from_centre);
        let distances = [squared.y + squared.z, squared.x + squared.z, squared.x + squared.y];
        let lever: f64 = distances
            .iter()
            .zip(self.axis_distances_mm2)
            .map(|(d, f)| if f > 0.0 { d / f } else { f64::INFINITY })
            .sum();
        fle_mm * ((1.0 + lever / 3.0) / self.count as f64).sqrt()
    }

    /// [`Self::tre_mm`] with the localisation error that this registration's
    /// own FRE suggests. With few fiducials that estimate is loose: at six its
    /// relative standard deviation is about 20 %.
    #[must_use]
    pub fn predicted_tre_mm(&self, target: Point<To>) -> f64 {
        self.tre_mm(target, self.fle_mm)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use geom::{Ct, Patient, Twist};

    /// Splitmix64 (Steele et al. 2014, doi:10.1145/2660193.2660195) and
    /// Box-Muller: a seeded normal draw for the Monte Carlo.
    struct Normal(u64);
    impl Normal {
        fn uniform(&mut self) -> f64 {
            self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
            let mut z = self.0;
            z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
            z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
            ((z ^ (z >> 31)) >> 11) as f64 / (1u64 << 53) as f64
        }
        fn draw(&mut self) -> f64 {
            (-2.0 * self.uniform().max(1e-300).ln()).sqrt() * (std::f64::consts::TAU * self.uniform()).cos()
        }
    }

    fn truth() -> Transform<Patient, Ct> {
        Transform::exp(&Twist {
            rotation_rad: Vector3::new(0.4, -2.0, 0.9),
            translation_mm: Vector3::new(80.0, -30.0, 500.0),
        })
    }

    /// Six landmarks as a surgeon would touch them on two lumbar levels, mm.
    fn landmarks() -> Vec<Point<Ct>> {
        [
            [0.0, 60.0, 0.0],
            [-28.0, 38.0, 4.0],
            [27.0, 39.0, 3.0],
            [1.0, 63.0, 36.0],
            [-26.0, 40.0, 39.0],
            [29.0, 37.0, 38.0],
        ]
        .map(Point::from)
        .to_vec()
    }

    #[test]
    fn predicted_tre_agrees_with_monte_carlo_within_three_percent() {
        let (ct, fle_mm, trials) = (landmarks(), 0.3, 20_000);
        // At the landmarks, in the vertebral body, and a hand's width away.
        let targets = [[0.0, 50.0, 20.0], [0.0, 5.0, 20.0], [10.0, 0.0, 150.0]].map(Point::<Ct>::from);
        let mut normal = Normal(7);
        let (mut squared, mut fre_squared) = ([0.0; 3], 0.0);
        let exact: Vec<_> = ct.iter().map(|p| truth() * *p).collect();
        for _ in 0..trials {
            let sigma = fle_mm / 3f64.sqrt();
            let mut noise = || Vector3::new(normal.draw(), normal.draw(), normal.draw()) * sigma;
            let touched: Vec<_> = exact.iter().map(|p| Point::from_vector3(p.vector3() + noise())).collect();
            let found = register_fiducials(&touched, &ct).unwrap();
            fre_squared += found.fre_mm.powi(2);
            for (sum, target) in squared.iter_mut().zip(&targets) {
                *sum += (found.to_from * *target).distance(truth() * *target).powi(2);
            }
        }
        let ideal = register_fiducials(&exact, &ct).unwrap();
        for (sum, target) in squared.iter().zip(&targets) {
            let (measured, predicted) = ((sum / trials as f64).sqrt(), ideal.tre_mm(truth() * *target, fle_mm));
            assert!((predicted / measured - 1.0).abs() < 0.03, "predicted {predicted:.4} measured {measured:.4}");
        }
        let fle_from_fre = (fre_squared / trials as f64 / (1.0 - 2.0 / 6.0)).sqrt();
        assert!((fle_from_fre / fle_mm - 1.0).abs() < 0.03, "FLE from FRE {fle_from_fre:.4}");
    }

    #[test]
    fn residuals_point_at_the_landmark_that_was_missed() {
        let ct = landmarks();
        let mut patient: Vec<_> = ct.iter().map(|p| truth() * *p).collect();
        patient[4] = patient[4] + geom::Vector::new(0.0, 6.0, 0.0);
        let found = register_fiducials(&patient, &ct).unwrap();
        let worst = (0..6).max_by(|a, b| found.residuals_mm[*a].total_cmp(&found.residuals_mm[*b])).unwrap();
        assert_eq!(worst, 4);
    }

    #[test]
    fn three_points_and_lines_are_refused() {
        let ct = landmarks();
        let patient: Vec<_> = ct.iter().map(|p| truth() * *p).collect();
        let three = register_fiducials(&patient[..3], &ct[..3]).unwrap_err();
        assert!(matches!(three, FiducialRegistrationError::TooFewForError { found: 3 }));
        let line: Vec<_> = (0..5).map(|i| Point::<Ct>::new(0.0, 0.0, f64::from(i))).collect();
        let to: Vec<_> = line.iter().map(|p| truth() * *p).collect();
        assert!(register_fiducials(&to, &line).unwrap_err().to_string().contains("line"));
    }
}
