//! A first solution of `A X = Y B` without a guess.
//!
//! Rotations by the Kronecker product (Shah, J. Mechanisms Robotics 5(3), 2013,
//! doi:10.1115/1.4024473): `vec(R_Y) = (R_B (x) R_A) vec(R_X)` for every pair,
//! so both are singular vectors of the sum. Translations by least squares. All
//! pairs count alike and no relative motions have to be chosen.

use geom::nalgebra::{DMatrix, DVector, Matrix3, Matrix3x6, Matrix6, Vector3, Vector6};

use super::Pair;
use crate::rigid::{Rigid, nearest_rotation, rotation_vector};
use crate::statistics::median;

/// Rounds in which pairs that disagree lose weight.
const ROUNDS: usize = 8;

/// `X` and `Y`, robust against a minority of wrong pairs; `None` when the
/// rotations leave them open.
pub(super) fn closed_form(pairs: &[Pair]) -> Option<(Rigid, Rigid)> {
    let mut weights = vec![1.0; pairs.len()];
    let mut found = weighted(pairs, &weights)?;
    for _ in 0..ROUNDS {
        let (x, y) = &found;
        let turns: Vec<f64> = pairs.iter().map(|pair| rotation_error(pair, x, y).norm()).collect();
        let shifts: Vec<f64> = pairs.iter().map(|pair| shift_error(pair, x, y).norm()).collect();
        let scale = |values: &[f64]| 2.0 * median(values) + 1e-12;
        let (turn, shift) = (scale(&turns), scale(&shifts));
        for (weight, (t, s)) in weights.iter_mut().zip(turns.iter().zip(&shifts)) {
            *weight = (1.0 + (t / turn).powi(2) + (s / shift).powi(2)).powi(-2);
        }
        found = weighted(pairs, &weights)?;
    }
    Some(found)
}

/// Rotation by which `A X` leads beyond `Y B`, radians, axes of the base.
pub(super) fn rotation_error(pair: &Pair, x: &Rigid, y: &Rigid) -> Vector3<f64> {
    rotation_vector(&(pair.a.rotation * x.rotation * (y.rotation * pair.b.rotation).transpose()))
}

/// Shift by which `A X` leads beyond `Y B`, mm, axes of the base.
pub(super) fn shift_error(pair: &Pair, x: &Rigid, y: &Rigid) -> Vector3<f64> {
    pair.a.apply(&x.translation) - y.apply(&pair.b.translation)
}

fn weighted(pairs: &[Pair], weights: &[f64]) -> Option<(Rigid, Rigid)> {
    let (r_x, r_y) = rotations(pairs, weights)?;
    // R_A t_X - t_Y = R_Y t_B - t_A.
    let (mut normal, mut right) = (Matrix6::zeros(), Vector6::zeros());
    for (pair, weight) in pairs.iter().zip(weights) {
        let mut rows = Matrix3x6::zeros();
        rows.fixed_view_mut::<3, 3>(0, 0).copy_from(&pair.a.rotation);
        rows.fixed_view_mut::<3, 3>(0, 3).copy_from(&-Matrix3::identity());
        normal += rows.transpose() * rows * *weight;
        right += rows.transpose() * (r_y * pair.b.translation - pair.a.translation) * *weight;
    }
    let solved = normal.cholesky()?.solve(&right);
    let (t_x, t_y) = (solved.fixed_rows::<3>(0).into_owned(), solved.fixed_rows::<3>(3).into_owned());
    let is_finite = solved.iter().all(|v| v.is_finite());
    is_finite.then_some((Rigid { rotation: r_x, translation: t_x }, Rigid { rotation: r_y, translation: t_y }))
}

fn rotations(pairs: &[Pair], weights: &[f64]) -> Option<(Matrix3<f64>, Matrix3<f64>)> {
    let mut sum = DMatrix::<f64>::zeros(9, 9);
    for (pair, weight) in pairs.iter().zip(weights) {
        sum += DMatrix::from_fn(9, 9, |row, column| {
            // (R_B (x) R_A), entries of column-major vectors of 3x3 matrices.
            weight * pair.b.rotation[(row / 3, column / 3)] * pair.a.rotation[(row % 3, column % 3)]
        });
    }
    let eigen = (sum.transpose() * &sum).symmetric_eigen();
    let v: DVector<f64> = eigen.eigenvectors.column(eigen.eigenvalues.imax()).into_owned();
    let u = &sum * &v;
    let as_matrix = |vector: &DVector<f64>| Matrix3::from_iterator(vector.iter().copied());
    let (x, y) = (as_matrix(&v), as_matrix(&u));
    // The sign of a singular vector is free; both turn together.
    let sign = x.determinant().signum();
    Some((nearest_rotation(&(x * sign))?, nearest_rotation(&(y * sign))?))
}
