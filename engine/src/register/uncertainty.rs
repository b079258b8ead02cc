//! How well a pose is known.

use geom::nalgebra::{Matrix3, Matrix6, Vector3};
use geom::{Ct, Patient, PoseCovariance, Transform, Vector};
use kernels::point_to_plane::Placement;

use super::anchors::Anchors;
use super::correspond::Matched;
use super::pose::Pose;
use super::solve::{CONTACT_MM, CUTOFF_MM, FINAL, information, linearize};
use super::source::Source;

/// Smallest noise that is believed, mm: 0.05 is the RMS error of the best
/// optical trackers (Polaris Vega), and what the spacing of the surface points
/// adds on curved bone.
const MIN_SIGMA_MM: f64 = 0.05;
/// Segmentation errors of points nearer than this are taken to move together,
/// mm: some ten voxels, the width of a process, as a network errs.
const PATCH_MM: f32 = 10.0;
/// Errors are this many times larger than residuals and geometry say: outliers
/// close to the bone pull too. Measured over 10 000 cases on a real spine, 1.03
/// with 10 % outliers and 1.07 with 30 %.
const CALIBRATION: f64 = 1.07;
/// Scales the median absolute value to a standard deviation (Rousseeuw and
/// Croux 1993, doi:10.1080/01621459.1993.10476408, sec. 1).
const MAD_TO_SIGMA: f64 = 1.4826;

/// Distances of the points at the final pose.
#[derive(Debug)]
pub(super) struct Residuals {
    /// Signed height above the plane, mm, in the order of the source; infinite
    /// beyond the reach of the look-up.
    pub heights_mm: Vec<f64>,
    /// Site of each inlier.
    pub matched: Vec<usize>,
    pub rms_mm: f64,
    pub sigma_mm: f64,
    /// Number of patches of bone the inliers lie on.
    patches: usize,
}

impl Residuals {
    pub fn new(found: &Matched<'_>, source: &Source, pose: &Pose) -> Self {
        let Placement { rotation: r, centre: c } = pose.placement();
        let (mut heights_mm, mut matched) = (Vec::with_capacity(source.offsets.len()), Vec::new());
        let (mut inlying, mut cells) = (Vec::new(), Vec::new());
        for (i, o) in source.offsets.iter().enumerate() {
            let p: [f32; 3] =
                std::array::from_fn(|k| r[3 * k] * o[0] + r[3 * k + 1] * o[1] + r[3 * k + 2] * o[2] + c[k]);
            let Some((index, site)) = found.site_of(i).or_else(|| found.site_near(p)) else {
                heights_mm.push(f64::INFINITY);
                continue;
            };
            let d: [f32; 3] = std::array::from_fn(|k| p[k] - site.point[k]);
            let height = d[0] * site.normal[0] + d[1] * site.normal[1] + d[2] * site.normal[2];
            heights_mm.push(f64::from(height));
            if height.abs() < CUTOFF_MM && d.iter().map(|c| c * c).sum::<f32>() <= CONTACT_MM * CONTACT_MM {
                matched.push(index);
                inlying.push(f64::from(height.abs()));
                cells.push(site.point.map(|c| (c / PATCH_MM).floor() as i32));
            }
        }
        cells.sort_unstable();
        cells.dedup();
        let rms_mm = (inlying.iter().map(|h| h * h).sum::<f64>() / inlying.len().max(1) as f64).sqrt();
        let middle = inlying.len() / 2;
        let median = if inlying.is_empty() {
            f64::from(CUTOFF_MM)
        } else {
            *inlying.select_nth_unstable_by(middle, f64::total_cmp).1
        };
        let sigma_mm = (MAD_TO_SIGMA * median).max(MIN_SIGMA_MM);
        Self { heights_mm, matched, rms_mm, sigma_mm, patches: cells.len() }
    }

    /// Share of the points on the bone.
    pub fn inlier_share(&self) -> f64 {
        self.matched.len() as f64 / self.heights_mm.len().max(1) as f64
    }
}

/// Covariance of the pose about the points' centroid, in the CT's axes.
#[derive(Debug)]
pub(super) struct Uncertainty {
    covariance: Matrix6<f64>,
}

impl Uncertainty {
    /// `(sigma^2 + surface^2 * inliers / patches) * H^-1`; Cox and Hinkley's
    /// least-squares covariance, where the error of the surface is averaged
    /// over patches, not over points.
    pub fn new(
        found: &Matched<'_>,
        (source, anchors): (&Source, &Anchors),
        pose: &Pose,
        residuals: &Residuals,
        surface_sigma_mm: f64,
    ) -> Self {
        let information = information(&linearize(found, &source.blocks, pose, CONTACT_MM, FINAL));
        let shared = residuals.matched.len() as f64 / residuals.patches.max(1) as f64;
        let surface = if surface_sigma_mm.is_finite() { surface_sigma_mm } else { 0.0 };
        let variance = (CALIBRATION * residuals.sigma_mm).powi(2) + surface.powi(2) * shared.max(1.0);
        Self { covariance: inverse(&(information / variance + anchors.equations(pose).0)) }
    }

    /// Standard deviation (mm) along the least certain direction.
    pub fn weakest_shift(&self) -> (f64, Vector3<f64>) {
        weakest(&self.covariance.fixed_view::<3, 3>(3, 3).into())
    }

    /// Standard deviation (rad) about the least certain axis.
    pub fn weakest_turn(&self) -> (f64, Vector3<f64>) {
        weakest(&self.covariance.fixed_view::<3, 3>(0, 0).into())
    }

    /// As covariance and information of `patient_from_ct`.
    ///
    /// The solver perturbs `ct_from_patient` on the left about the centroid.
    /// The shift to the CT's origin is an adjoint; for the inverse pose `P`,
    /// `(exp(x) X)^-1 = exp(-Ad_P x) P`, so it is the adjoint of `P` (Barfoot
    /// 2017, eq. 7.45 and 7.261).
    pub fn in_patient(
        &self,
        patient_from_ct: &Transform<Patient, Ct>,
        centroid_in_ct: Vector3<f64>,
    ) -> (PoseCovariance, Matrix6<f64>) {
        let to_origin = Transform::<Ct, Ct>::from_translation(Vector::from_vector3(centroid_in_ct));
        let about_centroid = PoseCovariance::new(self.covariance).unwrap_or_else(PoseCovariance::zero);
        let covariance = about_centroid.transported(&to_origin).transported(patient_from_ct);
        let back = (*patient_from_ct * to_origin).inverse().adjoint();
        (covariance, back.transpose() * inverse(&self.covariance) * back)
    }
}

/// Inverse of a symmetric matrix whose free directions count as known to no
/// better than a metre (or radian).
fn inverse(matrix: &Matrix6<f64>) -> Matrix6<f64> {
    let eigen = ((matrix + matrix.transpose()) * 0.5).symmetric_eigen();
    let inverted = eigen.eigenvalues.map(|v| 1.0 / v.max(1e-6));
    eigen.eigenvectors * Matrix6::from_diagonal(&inverted) * eigen.eigenvectors.transpose()
}

fn weakest(block: &Matrix3<f64>) -> (f64, Vector3<f64>) {
    let eigen = block.symmetric_eigen();
    let largest = eigen.eigenvalues.imax();
    (eigen.eigenvalues[largest].max(0.0).sqrt(), eigen.eigenvectors.column(largest).into())
}
