//! How well a pose is known.

use geom::nalgebra::{Matrix3, Matrix6, Vector3, Vector6};
use geom::{Ct, Patient, PoseCovariance, Transform, Vector};

use super::anchors::Anchors;
use super::correspond::Matched;
use super::pose::Pose;
use super::settings::SurfaceError;
use super::solve::{CONTACT_MM, CUTOFF_MM, FINAL, information, linearize};
use super::source::Source;

/// Smallest noise that is believed, mm: 0.05 is the RMS error of the best
/// optical trackers (Polaris Vega), and what the spacing of the surface points
/// adds on curved bone.
const MIN_SIGMA_MM: f64 = 0.05;
/// Segmentation errors of points nearer than this are taken to move together,
/// mm: some ten voxels, the width of a process, as a network errs.
const PATCH_MM: f32 = 10.0;
/// Points that the patches are judged by.
const PATCH_POINTS: usize = 4096;
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
    /// Standard deviation of what the points of a patch have in common, mm.
    patch_sigma_mm: f64,
    /// Pull on the pose of a surface that lies 1 mm too far out everywhere.
    uniform_pull: Vector6<f64>,
}

impl Residuals {
    pub fn new(found: &Matched<'_>, source: &Source, pose: &Pose) -> Self {
        let placement = pose.placement();
        let (mut heights_mm, mut matched) = (Vec::with_capacity(source.offsets.len()), Vec::new());
        let (mut inlying, mut in_cells) = (Vec::new(), Vec::new());
        let mut uniform_pull = Vector6::zeros();
        let step = source.offsets.len().div_ceil(PATCH_POINTS).max(1);
        for (i, o) in source.offsets.iter().enumerate() {
            let p = placement.place(*o);
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
                if i % step == 0 {
                    in_cells.push((site.point.map(|c| (c / PATCH_MM).floor() as i32), f64::from(height)));
                }
                let normal = Vector3::from(site.normal).cast::<f64>();
                let lever = Vector3::from(p).cast::<f64>() - pose.centre;
                let turn = lever.cross(&normal);
                let weight = f64::from(FINAL.weight(height * height, height));
                uniform_pull += Vector6::new(turn.x, turn.y, turn.z, normal.x, normal.y, normal.z) * weight;
            }
        }
        let rms_mm = (inlying.iter().map(|h| h * h).sum::<f64>() / inlying.len().max(1) as f64).sqrt();
        let middle = inlying.len() / 2;
        let median = if inlying.is_empty() {
            f64::from(CUTOFF_MM)
        } else {
            *inlying.select_nth_unstable_by(middle, f64::total_cmp).1
        };
        let sigma_mm = (MAD_TO_SIGMA * median).max(MIN_SIGMA_MM);
        // Outliers close to the bone would make their patches differ.
        in_cells.retain(|c| c.1.abs() < 3.0 * sigma_mm);
        in_cells.sort_unstable_by_key(|c| c.0);
        let (patches, patch_sigma_mm) = between_patches(&in_cells);
        Self { heights_mm, matched, rms_mm, sigma_mm, patches, patch_sigma_mm, uniform_pull }
    }

    /// Share of the points on the bone.
    pub fn inlier_share(&self) -> f64 {
        self.matched.len() as f64 / self.heights_mm.len().max(1) as f64
    }
}

/// Number of patches, and the standard deviation (mm) of their true means: the
/// random effect of a one-way analysis of variance with unequal groups (Searle,
/// Casella and McCulloch 1992, doi:10.1002/9780470316856, sec. 3.6).
///
/// `in_cells` - patch and height of every inlier, sorted by patch. Six of the
/// means were used up by the pose.
fn between_patches(in_cells: &[([i32; 3], f64)]) -> (usize, f64) {
    let count = in_cells.len() as f64;
    let mean = in_cells.iter().map(|c| c.1).sum::<f64>() / count.max(1.0);
    let (mut patches, mut between, mut within, mut squared_sizes) = (0usize, 0.0, 0.0, 0.0);
    for patch in in_cells.chunk_by(|a, b| a.0 == b.0) {
        let size = patch.len() as f64;
        let own = patch.iter().map(|c| c.1).sum::<f64>() / size;
        patches += 1;
        between += size * (own - mean).powi(2);
        within += patch.iter().map(|c| (c.1 - own).powi(2)).sum::<f64>();
        squared_sizes += size * size;
    }
    let (freedom, left) = (patches as f64 - 6.0, count - patches as f64);
    if freedom < 1.0 || left < 1.0 {
        return (patches, 0.0);
    }
    let typical_size = (count - squared_sizes / count) / (patches as f64 - 1.0);
    let (between, within) = (between / freedom, within / left);
    // Chance alone reaches this ratio one time in hundreds (three standard deviations of
    // an F statistic with many degrees of freedom below); noise is not believed twice.
    let is_chance = between < within * (1.0 + 3.0 * (2.0 / freedom).sqrt());
    let variance = if is_chance { 0.0 } else { (between - within) / typical_size.max(1.0) };
    (patches, variance.sqrt())
}

/// Covariance of the pose about the points' centroid, in the CT's axes.
#[derive(Debug)]
pub(super) struct Uncertainty {
    covariance: Matrix6<f64>,
}

impl Uncertainty {
    /// `(sigma^2 + surface^2 * inliers / patches) * H^-1`, Cox and Hinkley's
    /// least-squares covariance where the error of the surface is averaged over
    /// patches, not over points; and the shift that an edge drawn too far out or
    /// in everywhere makes, which no residual shows.
    ///
    /// The error of the surface is what is stated or what the patches'
    /// residuals have in common, whichever is larger.
    pub fn new(
        found: &Matched<'_>,
        (source, anchors): (&Source, &Anchors),
        pose: &Pose,
        residuals: &Residuals,
        surface: &SurfaceError,
    ) -> Self {
        let information = information(&linearize(found, &source.blocks, pose, CONTACT_MM, FINAL));
        let shared = residuals.matched.len() as f64 / residuals.patches.max(1) as f64;
        let stated = |mm: f64| if mm.is_finite() { mm.abs() } else { 0.0 };
        let patch_sigma_mm = stated(surface.patch_sigma_mm).max(residuals.patch_sigma_mm);
        let variance = (CALIBRATION * residuals.sigma_mm).powi(2) + patch_sigma_mm.powi(2) * shared.max(1.0);
        let inverted = inverse(&(information / variance + anchors.equations(pose).0));
        let edge = inverted * (residuals.uniform_pull / variance) * stated(surface.edge_sigma_mm);
        Self { covariance: inverted + edge * edge.transpose() }
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
