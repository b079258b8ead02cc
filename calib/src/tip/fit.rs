//! Tip and phantom from mean touches: a linear start, then Gauss-Newton with
//! weights that shrink, rejection and a full refit.
//!
//! The mean of `R_j tip + p_j` over a touch is `M tip + m` with the mean matrix
//! `M`, so that a touch in which the tool was tilted needs no linearisation.

use geom::nalgebra::{DMatrix, DVector, Matrix3, Matrix6, SMatrix, SVector, Vector3};

use crate::rigid::{Rigid, nearest_rotation, rotation_of, skew};
use crate::statistics::{chi_square, median, median_norm};

/// One touch, averaged.
#[derive(Debug, Clone, Copy)]
pub(super) struct Touch {
    /// Mean of the rotation matrices; no rotation itself.
    pub rotation: Matrix3<f64>,
    pub translation: Vector3<f64>,
    /// True place in the phantom.
    pub landmark: Vector3<f64>,
}

/// What pivoting within the touches says.
#[derive(Debug, Clone, Copy)]
pub(super) struct Pivoted {
    pub tip: Vector3<f64>,
    pub covariance: Matrix3<f64>,
}

/// Tip and phantom that fit best.
#[derive(Debug, Clone)]
pub(super) struct Solution {
    pub tip: Vector3<f64>,
    pub tip_covariance: Matrix3<f64>,
    pub phantom: Rigid,
    /// Of a turn about the room's origin (rad) and a shift (mm).
    pub phantom_covariance: Matrix6<f64>,
    /// Error of a touch, mm an axis.
    pub sigma_mm: f64,
    pub residuals: Vec<Vector3<f64>>,
    pub is_inlier: Vec<bool>,
}

/// Errors of a touch are never believed to be smaller, mm an axis.
const MIN_SIGMA_MM: f64 = 1e-3;
/// Touches beyond this normal deviate of their chi-square are left out.
const REJECTION_DEVIATE: f64 = 3.09;
/// Fewer touches have none to spare for rejection.
const MIN_ROBUST: usize = 6;
/// A tip that is known worse along any axis is none, mm for an error of 1 mm.
const MAX_GAIN: f64 = 1e3;

/// A pivoted tip's covariance with what its own residuals cannot know: a slide
/// of the size of a touch's error.
pub(super) fn with_slide(pivoted: &Pivoted, sigma_mm: f64) -> Matrix3<f64> {
    pivoted.covariance + Matrix3::identity() * (sigma_mm * sigma_mm)
}

struct State {
    tip: Vector3<f64>,
    phantom: Rigid,
}

impl State {
    fn residuals(&self, touches: &[Touch]) -> Vec<Vector3<f64>> {
        let of = |t: &Touch| t.rotation * self.tip + t.translation - self.phantom.apply(&t.landmark);
        touches.iter().map(of).collect()
    }
}

/// Fits all touches that agree; `None` when tip or phantom are not determined.
///
/// * `start` - a guess of the tip; without one a linear solution is the start.
/// * `prior` - what pivoting says, to be part of the result.
pub(super) fn fit(touches: &[Touch], start: Option<Vector3<f64>>, prior: Option<&Pivoted>) -> Option<Solution> {
    let mut weights = vec![1.0; touches.len()];
    let mut state = start.and_then(|tip| placed(touches, tip)).or_else(|| linear(touches))?;
    let mut sigma = 1.0;
    let mut is_inlier = vec![true; touches.len()];
    let limit = chi_square(3.0, REJECTION_DEVIATE);
    for round in 0..16 {
        converge(touches, &weights, &mut state, sigma, prior)?;
        let norms: Vec<f64> = state.residuals(touches).iter().map(Vector3::norm).collect();
        let counted = weights.iter().filter(|w| **w > 0.25).count();
        let freedom = (3 * counted) as f64 - if prior.is_some() { 6.0 } else { 9.0 };
        let shrunk = (freedom / (3 * counted).max(1) as f64).max(0.1).sqrt();
        if round < 8 {
            sigma = (median(&norms) / median_norm(3.0) / shrunk).max(MIN_SIGMA_MM);
            if touches.len() >= MIN_ROBUST {
                // Geman-McClure, its width ending at three deviations.
                let width = 3.0 * sigma * f64::from(1 << (7 - round).min(4));
                weights = norms.iter().map(|r| (1.0 + (r / width).powi(2)).powi(-2)).collect();
            }
            continue;
        }
        let squares: f64 = norms.iter().zip(&weights).filter(|(_, w)| **w > 0.25).map(|(r, _)| r * r).sum();
        sigma = (squares / freedom.max(1.0)).sqrt().max(MIN_SIGMA_MM);
        let next: Vec<bool> =
            norms.iter().map(|r| touches.len() < MIN_ROBUST || r * r <= limit * sigma * sigma).collect();
        let is_settled = next == is_inlier && round > 9;
        is_inlier = next;
        weights = is_inlier.iter().map(|inlier| f64::from(u8::from(*inlier))).collect();
        if is_settled {
            break;
        }
    }
    let information = converge(touches, &weights, &mut state, sigma, prior)?;
    let residuals = state.residuals(touches);
    let covariance = information.try_inverse()?;
    let tip_covariance: Matrix3<f64> = covariance.fixed_view::<3, 3>(0, 0).into_owned();
    // False also for numbers that are none.
    let is_determined = tip_covariance.symmetric_eigenvalues().max() < (MAX_GAIN * sigma).powi(2);
    if !is_determined {
        return None;
    }
    let phantom_covariance = about_origin(&covariance.fixed_view::<6, 6>(3, 3).into_owned(), &centre(touches, &state));
    Some(Solution {
        tip: state.tip,
        tip_covariance,
        phantom: state.phantom,
        phantom_covariance,
        sigma_mm: sigma,
        residuals,
        is_inlier,
    })
}

/// The phantom where a tip puts it.
fn placed(touches: &[Touch], tip: Vector3<f64>) -> Option<State> {
    let count = touches.len() as f64;
    let at: Vec<Vector3<f64>> = touches.iter().map(|t| t.rotation * tip + t.translation).collect();
    let to = at.iter().sum::<Vector3<f64>>() / count;
    let from = touches.iter().map(|t| t.landmark).sum::<Vector3<f64>>() / count;
    let cross = at
        .iter()
        .zip(touches)
        .fold(Matrix3::zeros(), |sum: Matrix3<f64>, (a, t)| sum + (a - to) * (t.landmark - from).transpose());
    // Landmarks on a line leave the turn about it open.
    let spread = cross.svd(false, false).singular_values;
    if spread[1] <= 1e-9 * spread[0] {
        return None;
    }
    let rotation = nearest_rotation(&cross)?;
    Some(State { tip, phantom: Rigid { rotation, translation: to - rotation * from } })
}

/// Tip and a free matrix in the place of the phantom's rotation, by linear
/// least squares; the nearest rotation is the start.
fn linear(touches: &[Touch]) -> Option<State> {
    let count = touches.len() as f64;
    let mean_rotation = touches.iter().fold(Matrix3::zeros(), |sum, t| sum + t.rotation) / count;
    let mean_translation = touches.iter().map(|t| t.translation).sum::<Vector3<f64>>() / count;
    let middle = touches.iter().map(|t| t.landmark).sum::<Vector3<f64>>() / count;
    let scale = touches.iter().map(|t| (t.landmark - middle).norm()).fold(0.0, f64::max).max(1e-6);
    let mut rows = DMatrix::<f64>::zeros(3 * touches.len(), 12);
    let mut right = DVector::<f64>::zeros(3 * touches.len());
    for (i, t) in touches.iter().enumerate() {
        let from = (t.landmark - middle) / scale;
        rows.view_mut((3 * i, 0), (3, 3)).copy_from(&(t.rotation - mean_rotation));
        for k in 0..3 {
            rows.view_mut((3 * i + k, 3 + 3 * k), (1, 3)).copy_from(&-from.transpose());
        }
        right.rows_mut(3 * i, 3).copy_from(&-(t.translation - mean_translation));
    }
    let solved = rows.svd(true, true).solve(&right, 1e-9).ok()?;
    let matrix = Matrix3::from_fn(|row, column| solved[3 + 3 * row + column]) / scale;
    let tip = Vector3::new(solved[0], solved[1], solved[2]);
    let rotation = nearest_rotation(&matrix)?;
    let translation = mean_rotation * tip + mean_translation - rotation * middle;
    tip.iter().all(|v| v.is_finite()).then_some(State { tip, phantom: Rigid { rotation, translation } })
}

fn centre(touches: &[Touch], state: &State) -> Vector3<f64> {
    touches.iter().map(|t| state.phantom.apply(&t.landmark)).sum::<Vector3<f64>>() / touches.len().max(1) as f64
}

/// Gauss-Newton on tip, turn of the phantom about its middle, and shift;
/// returns the information matrix at the end.
fn converge(
    touches: &[Touch],
    weights: &[f64],
    state: &mut State,
    sigma: f64,
    prior: Option<&Pivoted>,
) -> Option<SMatrix<f64, 9, 9>> {
    let prior = match prior {
        Some(prior) => Some((prior.tip, with_slide(prior, sigma).try_inverse()?)),
        None => None,
    };
    for last in (0..50).map(|i| i == 49) {
        let centre = centre(touches, state);
        let (mut normal, mut right) = (SMatrix::<f64, 9, 9>::zeros(), SVector::<f64, 9>::zeros());
        for ((touch, r), weight) in touches.iter().zip(state.residuals(touches)).zip(weights) {
            let mut rows = SMatrix::<f64, 3, 9>::zeros();
            rows.fixed_view_mut::<3, 3>(0, 0).copy_from(&touch.rotation);
            rows.fixed_view_mut::<3, 3>(0, 3).copy_from(&skew(&(state.phantom.apply(&touch.landmark) - centre)));
            rows.fixed_view_mut::<3, 3>(0, 6).copy_from(&-Matrix3::identity());
            let weight = weight / (sigma * sigma);
            normal += rows.transpose() * rows * weight;
            right -= rows.transpose() * r * weight;
        }
        if let Some((tip, information)) = &prior {
            let mut block = normal.fixed_view_mut::<3, 3>(0, 0);
            block += information;
            let mut part = right.fixed_rows_mut::<3>(0);
            part += information * (tip - state.tip);
        }
        let step = normal.cholesky()?.solve(&right);
        if step.iter().any(|v| !v.is_finite()) {
            return None;
        }
        state.tip += step.fixed_rows::<3>(0);
        let turn = rotation_of(&step.fixed_rows::<3>(3).into_owned());
        let shift: Vector3<f64> = step.fixed_rows::<3>(6).into_owned();
        let moved = turn * (state.phantom.translation - centre) + centre + shift;
        state.phantom = Rigid { rotation: turn * state.phantom.rotation, translation: moved };
        if step.norm() < 1e-9 || last {
            return Some(normal);
        }
    }
    None
}

/// The covariance of a turn about `centre` and a shift, as one of a turn about
/// the room's origin and a shift.
fn about_origin(covariance: &Matrix6<f64>, centre: &Vector3<f64>) -> Matrix6<f64> {
    let mut map = Matrix6::identity();
    map.fixed_view_mut::<3, 3>(3, 0).copy_from(&skew(centre));
    let moved = map * covariance * map.transpose();
    (moved + moved.transpose()) * 0.5
}
