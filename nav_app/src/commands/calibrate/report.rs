//! What all calibrations share as JSON and text.

use calib::{Judgement, Verdict};
use geom::nalgebra::{DMatrix, Dim, Matrix, RawStorage};
use geom::{Frame, Transform};
use serde_json::{Value, json};

use crate::report::Output;

/// A result for machines and people; `json` holds the figures of its own.
pub fn output(mut json: Value, text: &str, judgement: &Judgement) -> Output {
    json["verdict"] = json!(judgement.verdict());
    json["reasons"] = judgement.findings().iter().map(ToString::to_string).collect();
    json["findings"] = json!(judgement);
    let findings: String = judgement.findings().iter().map(|f| format!("\n  - {f}")).collect();
    let text = format!("{text}\nThe calibration is {}.{findings}", judgement.verdict());
    Output { json, text, is_refused: judgement.verdict() == Verdict::Reject }
}

/// A matrix row by row.
pub fn rows<R: Dim, C: Dim, S: RawStorage<f64, R, C>>(matrix: &Matrix<f64, R, C, S>) -> Vec<Vec<f64>> {
    let dynamic = DMatrix::from_fn(matrix.nrows(), matrix.ncols(), |i, j| matrix[(i, j)]);
    dynamic.row_iter().map(|row| row.iter().copied().collect()).collect()
}

/// Sixteen numbers in four lines, with a heading, as the other commands read it.
pub fn matrix_file<A: Frame, B: Frame>(name: &str, pose: &Transform<A, B>) -> String {
    let m = pose.to_row_major();
    let lines: String = m.chunks(4).map(|row| format!("{} {} {} {}\n", row[0], row[1], row[2], row[3])).collect();
    format!("# {name}, mm, row by row\n{lines}")
}

/// `x, y, z` with two decimals.
pub fn place(at: [f64; 3]) -> String {
    format!("({:.2}, {:.2}, {:.2})", at[0], at[1], at[2])
}
