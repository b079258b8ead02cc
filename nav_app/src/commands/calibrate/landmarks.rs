//! `calibrate landmarks`: paired points, their predicted error, the worst one.

use std::fmt::Write as _;
use std::path::Path;

use anyhow::{Result, bail};
use calib::landmarks::{LandmarkSettings, Landmarks, landmarks, match_points};
use engine::io::numbers;
use geom::{Ct, Patient, Point};
use serde_json::json;

use super::report::{output, place, rows};
use super::write;
use crate::cli::LandmarksArguments;
use crate::failure::{Blame, Failure};
use crate::report::Output;

struct Pairs {
    to: Vec<Point<Patient>>,
    from: Vec<Point<Ct>>,
    weights: Option<Vec<f64>>,
    /// Number of the known point of each measured one, where it was searched.
    order: Option<Vec<Option<usize>>>,
    is_ambiguous: bool,
}

/// Runs the command.
pub fn run(options: &LandmarksArguments) -> Result<Output, Failure> {
    let pairs = match &options.known {
        Some(known) => searched(&options.points, known, options.tolerance_mm),
        None => paired(&options.points),
    };
    let pairs = pairs.bad_input()?;
    let settings = LandmarkSettings::FIDUCIALS;
    let found = landmarks(&pairs.to, &pairs.from, pairs.weights.as_deref(), &settings).bad_input()?;
    let mut judgement = found.judgement.clone();
    if pairs.is_ambiguous {
        let reason = "another order of the points fits nearly as well";
        judgement.add(calib::Verdict::Reject, reason, "touch one more point that breaks the symmetry, or give pairs");
    }
    if let Some(file) = &options.map {
        write(file, &map_svg(&found), "--map")?;
    }
    let targets: Vec<(Point<Ct>, f64)> = options
        .target
        .iter()
        .map(|t| Point::from(*t))
        .map(|t| (t, found.predicted_tre_mm(found.to_from * t)))
        .collect();
    let worst = found.worst.map(|w| {
        json!({ "point": w.index + 1, "held_out_mm": w.held_out_mm, "fre_without_mm": w.fre_without_mm, "ratio": w.ratio })
    });
    let json = json!({
        "to_from": found.to_from,
        "covariance": rows(found.covariance.matrix()),
        "fre_mm": found.fre_mm,
        "fle_mm": found.fle_mm,
        "residuals_mm": found.residuals_mm,
        "worst": worst,
        "predicted_tre_mm": found.predicted_tre_mm(found.centre()),
        "targets": targets.iter().map(|(at, mm)| json!({ "at_mm": at, "predicted_tre_mm": mm })).collect::<Vec<_>>(),
        "order": pairs.order.as_ref().map(|o| o.iter().map(|i| i.map(|i| i + 1)).collect::<Vec<_>>()),
    });
    let mut text = format!(
        "FRE {:.2} mm over {} pairs; a point is located to {:.2} mm. Predicted error {:.2} mm in the middle",
        found.fre_mm,
        found.residuals_mm.len(),
        found.fle_mm,
        found.predicted_tre_mm(found.centre())
    );
    for (at, mm) in &targets {
        let _infallible = write!(text, ", {mm:.2} mm at {}", place(at.to_array()));
    }
    text.push('.');
    if let Some(worst) = found.worst {
        let (number, mm) = (worst.index + 1, worst.held_out_mm);
        let _infallible = write!(text, "\nWorst: point {number}, {mm:.2} mm from where the others put it.");
    }
    Ok(output(json, &text, &judgement))
}

/// Pairs, with a weight each where there is a seventh column.
fn paired(path: &Path) -> Result<Pairs> {
    const MEANING: &str = "x y z measured, x y z known, mm, and a weight where one has it";
    let (rows, weights): (Vec<[f64; 6]>, _) = match numbers::read_rows::<7>(path, MEANING) {
        Ok(rows) => {
            let weights = rows.iter().map(|r| r[6]).collect();
            (rows.iter().map(|r| [r[0], r[1], r[2], r[3], r[4], r[5]]).collect(), Some(weights))
        }
        Err(_) => (numbers::read_rows::<6>(path, MEANING)?, None),
    };
    let to = rows.iter().map(|r| Point::new(r[0], r[1], r[2])).collect();
    let from = rows.iter().map(|r| Point::new(r[3], r[4], r[5])).collect();
    Ok(Pairs { to, from, weights, order: None, is_ambiguous: false })
}

fn searched(points: &Path, known: &Path, tolerance_mm: f64) -> Result<Pairs> {
    let read = |path: &Path, meaning| numbers::read_rows::<3>(path, meaning);
    let measured: Vec<Point<Patient>> = read(points, "x y z measured, mm")?.into_iter().map(Point::from).collect();
    let known: Vec<Point<Ct>> = read(known, "x y z known, mm")?.into_iter().map(Point::from).collect();
    let found = match_points(&measured, &known, tolerance_mm)?;
    let pair = |(to, partner): (&Point<Patient>, &Option<usize>)| Some((*to, *known.get((*partner)?)?));
    let (to, from): (Vec<_>, Vec<_>) = measured.iter().zip(&found.partners).filter_map(pair).unzip();
    if to.len() < 3 {
        bail!("{} of {} points found a partner; touch more, or raise --tolerance-mm", to.len(), measured.len());
    }
    Ok(Pairs { to, from, weights: None, order: Some(found.partners), is_ambiguous: found.is_ambiguous })
}

/// Cells of the map along each side, and what it reaches to each side, mm.
const CELLS: usize = 41;
const HALF_MM: f64 = 150.0;

/// Predicted error on a plane through the points: pale below 0.5 mm, dark
/// from 2 mm on.
fn map_svg(found: &Landmarks<Patient, Ct>) -> String {
    let side = 10.0;
    let mut svg = format!(
        "<svg xmlns=\"http://www.w3.org/2000/svg\" viewBox=\"0 0 {w} {h}\" font-family=\"sans-serif\" font-size=\"13\">\n",
        w = side * CELLS as f64,
        h = side * CELLS as f64 + 24.0
    );
    for (i, (_, mm)) in found.tre_map(HALF_MM, CELLS).iter().enumerate() {
        let (x, y) = (side * (i % CELLS) as f64, side * (CELLS - 1 - i / CELLS) as f64);
        let shade = ((mm - 0.5) / 1.5).clamp(0.0, 1.0);
        let level = |from: f64, to: f64| (from + (to - from) * shade).round();
        let (r, g, b) = (level(237.0, 8.0), level(244.0, 48.0), level(251.0, 107.0));
        let _infallible = writeln!(
            svg,
            "<rect x=\"{x}\" y=\"{y}\" width=\"{side}\" height=\"{side}\" fill=\"rgb({r},{g},{b})\"><title>{mm:.2} mm</title></rect>"
        );
    }
    let _infallible = writeln!(
        svg,
        "<text x=\"4\" y=\"{:.0}\">predicted error, {HALF_MM:.0} mm to each side; {:.2} mm in the middle, dark from 2 mm</text>\n</svg>",
        side * CELLS as f64 + 17.0,
        found.predicted_tre_mm(found.centre())
    );
    svg
}
