//! Joint least squares of both unknowns, each pair weighed by what its
//! rotation noise does at the end of its levers.
//!
//! Residual of a pair, in the base's axes at the eye's origin: `r_R = log(R_A
//! R_X (R_Y R_B)^T)` and `r_t = A t_X - Y t_B`. A rotation error `w` of `A`
//! about the array's origin adds `w` to `r_R` and `w x (R_A t_X)` to `r_t`; a
//! second device that measures the world in its own eye has the same lever to
//! the world's origin. The 6x6 covariance that follows whitens the residual.

use geom::nalgebra::{Matrix3, Matrix6, SMatrix, SVector, Vector3, Vector6};

use super::closed_form::{rotation_error, shift_error};
use super::{HandEyeNoise, Pair};
use crate::rigid::{Rigid, rotation_of, skew};

type Matrix12 = SMatrix<f64, 12, 12>;
type Vector12 = SVector<f64, 12>;

/// Multiples of the assumed noise that the residuals showed.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(crate) struct Scales {
    pub first_rotation: f64,
    pub second_rotation: f64,
    pub position: f64,
}

impl Default for Scales {
    fn default() -> Self {
        Self { first_rotation: 1.0, second_rotation: 1.0, position: 1.0 }
    }
}

/// Both unknowns and the information about them.
#[derive(Debug, Clone)]
pub(crate) struct Refined {
    pub x: Rigid,
    pub y: Rigid,
    /// Order: rotation of X, position of X, rotation of Y, position of Y.
    pub information: Matrix12,
}

/// Residual of a pair: rotation (rad), then shift (mm).
pub(crate) fn residual(pair: &Pair, x: &Rigid, y: &Rigid) -> Vector6<f64> {
    let (turn, shift) = (rotation_error(pair, x, y), shift_error(pair, x, y));
    Vector6::new(turn.x, turn.y, turn.z, shift.x, shift.y, shift.z)
}

/// Covariance of the residual of a pair.
pub(crate) fn covariance(pair: &Pair, x: &Rigid, y: &Rigid, noise: &HandEyeNoise, scales: &Scales) -> Matrix6<f64> {
    let rotation = |deg: f64, scale: f64| (deg.to_radians() * scale).powi(2);
    let position = |mm: f64| (mm * scales.position).powi(2);
    let (lever_a, lever_b) = levers(pair, x, y, noise);
    let mut sum = levered(&skew(&lever_a)) * rotation(noise.first.rotation_deg, scales.first_rotation);
    sum += levered(&skew(&lever_b)) * rotation(noise.second.rotation_deg, scales.second_rotation);
    let shift = position(noise.first.position_mm) + position(noise.second.position_mm);
    for axis in 3..6 {
        sum[(axis, axis)] += shift;
    }
    sum
}

/// What the rotation errors of each device act through, mm, axes of the base.
fn levers(pair: &Pair, x: &Rigid, y: &Rigid, noise: &HandEyeNoise) -> (Vector3<f64>, Vector3<f64>) {
    let second = if noise.second_sees_world { y.rotation * pair.b.translation } else { Vector3::zeros() };
    (pair.a.rotation * x.translation, second)
}

/// `L L^T` of `L = [I; -skew(l)]`: what a unit rotation does to a residual.
fn levered(skewed: &Matrix3<f64>) -> Matrix6<f64> {
    let mut sum = Matrix6::identity();
    sum.fixed_view_mut::<3, 3>(0, 3).copy_from(skewed);
    sum.fixed_view_mut::<3, 3>(3, 0).copy_from(&-skewed);
    sum.fixed_view_mut::<3, 3>(3, 3).copy_from(&(-skewed * skewed));
    sum
}

/// Squared whitened residual of every pair; a pair without one is infinite.
pub(crate) fn distances(pairs: &[Pair], x: &Rigid, y: &Rigid, noise: &HandEyeNoise, scales: &Scales) -> Vec<f64> {
    let of = |pair: &Pair| {
        let r = residual(pair, x, y);
        let factor = covariance(pair, x, y, noise, scales).cholesky();
        factor.map_or(f64::INFINITY, |factor| r.dot(&factor.solve(&r)))
    };
    pairs.iter().map(of).collect()
}

/// One Gauss-Newton step; `None` when the unknowns are not determined.
pub(crate) fn step(
    pairs: &[Pair],
    weights: &[f64],
    (x, y): (&Rigid, &Rigid),
    noise: &HandEyeNoise,
    scales: &Scales,
) -> Option<(Refined, f64)> {
    let (mut information, mut right) = (Matrix12::zeros(), Vector12::zeros());
    for (pair, weight) in pairs.iter().zip(weights).filter(|(_, w)| **w > 0.0) {
        let r = residual(pair, x, y);
        let j = jacobian(pair, y);
        let whitened = covariance(pair, x, y, noise, scales).cholesky()?.inverse() * *weight;
        information += j.transpose() * whitened * j;
        right -= j.transpose() * (whitened * r);
    }
    let delta = information.cholesky()?.solve(&right);
    if delta.iter().any(|v| !v.is_finite()) {
        return None;
    }
    let part = |at: usize| delta.fixed_rows::<3>(at).into_owned();
    let moved = |pose: &Rigid, at: usize| Rigid {
        rotation: rotation_of(&part(at)) * pose.rotation,
        translation: pose.translation + part(at + 3),
    };
    // Rotations in units in which a radian is a metre, for the stopping rule.
    let size = (0..12).map(|i| delta[i].abs() * if i % 6 < 3 { 1000.0 } else { 1.0 }).fold(0.0, f64::max);
    Some((Refined { x: moved(x, 0), y: moved(y, 6), information }, size))
}

fn jacobian(pair: &Pair, y: &Rigid) -> SMatrix<f64, 6, 12> {
    let mut j = SMatrix::<f64, 6, 12>::zeros();
    j.fixed_view_mut::<3, 3>(0, 0).copy_from(&pair.a.rotation);
    j.fixed_view_mut::<3, 3>(3, 3).copy_from(&pair.a.rotation);
    j.fixed_view_mut::<3, 3>(0, 6).copy_from(&-Matrix3::identity());
    j.fixed_view_mut::<3, 3>(3, 6).copy_from(&skew(&(y.rotation * pair.b.translation)));
    j.fixed_view_mut::<3, 3>(3, 9).copy_from(&-Matrix3::identity());
    j
}

/// Steps until nothing moves by a micrometre (or microradian).
pub(crate) fn converge(
    pairs: &[Pair],
    weights: &[f64],
    start: (&Rigid, &Rigid),
    noise: &HandEyeNoise,
    scales: &Scales,
) -> Option<Refined> {
    let (mut refined, mut size) = step(pairs, weights, start, noise, scales)?;
    for _ in 0..30 {
        if size < 1e-3 {
            break;
        }
        (refined, size) = step(pairs, weights, (&refined.x, &refined.y), noise, scales)?;
    }
    Some(refined)
}

/// Share of the rotation noise that either device has at least.
const MIN_ROTATION_SHARE: f64 = 0.05;

/// How much larger the errors are than assumed, by the method of moments, from
/// the residuals of the pairs that count.
///
/// Errors `w` of a rotation show up as `w` in the rotation residual and as `w x
/// l` in the shift: the mean of `(l x r_t) . r_R` is `2 l^2` times their
/// variance, which tells a device with a long lever from one without. Along the
/// lever only position errors are left.
pub(crate) fn scales(pairs: &[Pair], counts: &[bool], x: &Rigid, y: &Rigid, noise: &HandEyeNoise) -> Scales {
    let (mut turns, mut cross, mut along, mut along_lever) = (0.0, 0.0, 0.0, 0.0);
    let (mut lever_squares, mut lever_products, mut count) = (0.0, 0.0, 0.0_f64);
    for pair in pairs.iter().zip(counts).filter(|(_, counts)| **counts).map(|(pair, _)| pair) {
        let r = residual(pair, x, y);
        let (turn, shift) = (r.fixed_rows::<3>(0).into_owned(), r.fixed_rows::<3>(3).into_owned());
        let (a, b) = levers(pair, x, y, noise);
        turns += turn.norm_squared() / 3.0;
        cross += b.cross(&shift).dot(&turn) / 2.0;
        lever_squares += b.norm_squared();
        lever_products += a.dot(&b);
        // Without a lever of the second device, that of the first.
        let axis = b.try_normalize(1.0).or_else(|| a.try_normalize(1.0)).unwrap_or_else(Vector3::x);
        along += shift.dot(&axis).powi(2);
        along_lever += a.cross(&axis).norm_squared();
        count += 1.0;
    }
    // Each half of the residuals lost six of its degrees of freedom.
    let share = ((count - 2.0) / count).max(0.1);
    let both = turns / (count * share);
    let assumed = |deg: f64| deg.to_radians().powi(2);
    let (of_first, of_second) = (assumed(noise.first.rotation_deg), assumed(noise.second.rotation_deg));
    let usual = of_second / (of_first + of_second);
    let part = if noise.second_sees_world {
        // cross = first * products + second * squares, first + second = both.
        (cross / share - both * lever_products) / (both * (lever_squares - lever_products))
    } else {
        usual
    };
    let part = if part.is_finite() { part.clamp(MIN_ROTATION_SHARE, 1.0 - MIN_ROTATION_SHARE) } else { usual };
    let (first, second) = (both * (1.0 - part), both * part);
    let position = (along / share - first * along_lever) / count;
    let position = position.max(0.05 * along / count.max(1.0));
    let assumed_position = noise.first.position_mm.powi(2) + noise.second.position_mm.powi(2);
    let bounded = |v: f64| if v.is_finite() { v.clamp(1e-8, 1e8).sqrt() } else { 1.0 };
    Scales {
        first_rotation: bounded(first / of_first),
        second_rotation: bounded(second / of_second),
        position: bounded(position / assumed_position),
    }
}
