//! `calibrate tip`: the tip of a tool from touching known landmarks.

use std::path::Path;

use anyhow::{Result, anyhow, bail};
use calib::guide::TouchPurpose;
use calib::pivot::tool_from_tip;
use calib::tip::{LandmarkTip, RecordedTip, TipSearch, TouchedLandmark, tip_from_recording};
use calib::{TipSettings, Verdict, tip_from_landmarks};
use engine::io::numbers;
use geom::{Ct, Point, World};
use serde_json::{Value, json};

use super::live;
use super::poses::{from_quaternion, read};
use super::report::{matrix_file, output, place, rows};
use super::touches::{Touched, Touches};
use super::write;
use crate::cli::TipArguments;
use crate::failure::{Blame, Failure};
use crate::report::Output;

/// Runs the command.
pub fn run(options: &TipArguments, quiet: bool) -> Result<Output, Failure> {
    let RecordedTip { found, touches, strays } = match live::address(&options.poses) {
        Some(address) => touched(address, options, quiet)?,
        None => {
            super::touches::check(&options.guide)?;
            tip(options).bad_input()?
        }
    };
    let pose = tool_from_tip(found.tip, None);
    if let (Some(file), Some(pose)) = (&options.out, &pose)
        && found.judgement.verdict() != Verdict::Reject
    {
        write(file, &matrix_file("tool_from_tip", pose), "--out")?;
    }
    let mut json = tip_json(&found, &touches);
    json["strays"] = json!(strays);
    json["tool_from_tip"] = json!(pose);
    Ok(output(json, &text(&found, &touches, strays), &found.judgement))
}

/// The places of the landmarks.
fn landmarks(options: &TipArguments) -> Result<Vec<Point<Ct>>> {
    let rows = numbers::read_rows::<3>(&options.geometry, "x y z of a landmark, mm")?;
    Ok(rows.into_iter().map(Point::from).collect())
}

/// A live tool, led from landmark to landmark.
fn touched(address: &str, options: &TipArguments, quiet: bool) -> Result<RecordedTip<World, Ct>, Failure> {
    if options.listed {
        return Err(Failure::WrongUse(anyhow!("--listed reads a file; leave it out for a live tracker")));
    }
    let landmarks = landmarks(options).bad_input()?;
    let settings = TipSettings::default();
    let what = Touches {
        address,
        options: &options.options,
        guide: &options.guide,
        points: &landmarks,
        tip: options.tip.map(Point::from),
        purpose: TouchPurpose::Tip(settings),
        tolerance_mm: options.tolerance_mm,
        repeats: 1,
    };
    let Touched { guide, poses } = what.record(quiet)?;
    let touches = guide.touched();
    let found = tip_from_landmarks(&poses.poses, &touches, &landmarks, &settings).bad_input()?;
    Ok(RecordedTip { found, touches, strays: guide.refused() })
}

/// The tip as the options ask for it, from files.
pub fn tip(options: &TipArguments) -> Result<RecordedTip<World, Ct>> {
    let landmarks = landmarks(options)?;
    let settings = TipSettings::default();
    if options.listed {
        return listed(options, &landmarks, &settings);
    }
    let recorded = read(&options.poses, &options.options)?;
    let times = recorded.times(&options.poses)?;
    let search = TipSearch { tolerance_mm: options.tolerance_mm, ..TipSearch::default() };
    let guess = options.tip.map(Point::from);
    Ok(tip_from_recording(&recorded.poses, times, &landmarks, guess, &search, &settings)?)
}

/// Touches that say which landmark they are.
fn listed(options: &TipArguments, landmarks: &[Point<Ct>], settings: &TipSettings) -> Result<RecordedTip<World, Ct>> {
    let path = Path::new(&options.poses);
    let rows = numbers::read_rows::<8>(path, "landmark x y z qx qy qz qw")?;
    let (mut poses, mut touches): (Vec<_>, Vec<TouchedLandmark>) = (Vec::new(), Vec::new());
    for (line, row) in rows.iter().enumerate() {
        let number = row[0];
        if number.fract() != 0.0 || !(1.0..=landmarks.len() as f64).contains(&number) {
            let (path, count) = (path.display(), landmarks.len());
            bail!("{path}, pose {}: landmark {number} is not one of 1 to {count} of the geometry", line + 1);
        }
        let landmark = number as usize - 1;
        poses.push(from_quaternion(&row[1..], options.options.unit)?);
        match touches.last_mut().filter(|touch| touch.landmark == landmark) {
            Some(touch) => touch.poses.push(line),
            None => touches.push(TouchedLandmark { landmark, poses: vec![line] }),
        }
    }
    let found = tip_from_landmarks(&poses, &touches, landmarks, settings)?;
    Ok(RecordedTip { found, touches, strays: 0 })
}

fn tip_json(found: &LandmarkTip<World, Ct>, touches: &[TouchedLandmark]) -> Value {
    let touched = touches.iter().zip(&found.residuals_mm).zip(&found.is_inlier).map(|((touch, mm), inlier)| {
        json!({ "landmark": touch.landmark + 1, "poses": touch.poses.len(), "residual_mm": mm, "counts": inlier })
    });
    let pivoted = found
        .pivoted
        .map(|p| json!({ "tip_mm": p.tip, "tip_error_mm": p.error_mm, "apart_mm": p.apart_mm, "is_used": p.is_used }));
    json!({
        "tip_mm": found.tip,
        "tip_covariance_mm2": rows(&found.tip_covariance_mm2),
        "tip_error_mm": found.tip_error_mm(),
        "room_from_phantom": found.room_from_phantom,
        "covariance": rows(found.covariance.matrix()),
        "rms_mm": found.rms_mm,
        "touches": touched.collect::<Vec<_>>(),
        "span_deg": found.span.span_deg,
        "weakest_direction": found.span.weakest,
        "pivoted": pivoted,
    })
}

fn text(found: &LandmarkTip<World, Ct>, touches: &[TouchedLandmark], strays: usize) -> String {
    let mut text = format!(
        "Tip at {} mm in the tool, known to {:.2} mm; {} of {} touches meet their landmarks within {:.2} mm RMS, span {:.0} deg.",
        place(found.tip.to_array()),
        found.tip_error_mm(),
        found.inliers(),
        touches.len(),
        found.rms_mm,
        found.span.span_deg,
    );
    if strays > 0 {
        text.push_str(&format!("\n{strays} rests met no landmark."));
    }
    if let Some(pivoted) = &found.pivoted {
        let apart = pivoted.apart_mm.map_or_else(String::new, |mm| format!(", {mm:.2} mm from the landmarks' alone"));
        let used = if pivoted.is_used { "part of the result" } else { "left out" };
        let tip = place(pivoted.tip.to_array());
        text.push_str(&format!("\nPivoting in the touches: {tip} +- {:.2} mm{apart}; {used}.", pivoted.error_mm));
    }
    text
}
