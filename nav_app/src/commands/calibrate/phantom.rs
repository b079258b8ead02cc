//! `calibrate phantom`: the accuracy of a pointer on a phantom with divots.

use std::path::Path;

use anyhow::{Result, bail};
use calib::guide::TouchPurpose;
use calib::landmarks::match_points;
use calib::phantom::{ErrorSummary, PhantomAccuracy, PhantomScene, Touch, stepped_phantom};
use calib::pivot::{Dwell, DwellSettings, find_dwells, pivot_recording};
use calib::simulate::{Draws, PoseNoise};
use calib::{PhantomSettings, PivotSettings, phantom_accuracy};
use engine::io::numbers;
use geom::{Ct, Point, Tool, World};
use serde_json::{Value, json};

use super::live;
use super::phantom_page::page;
use super::poses::read;
use super::report::{output, rows};
use super::touches::{self, Touched, Touches};
use crate::cli::PhantomArguments;
use crate::failure::{Blame, Failure};
use crate::page::write_report;
use crate::report::Output;

/// How far a touch may lie from its divot when nobody says which it is, mm.
const MATCH_MM: f64 = 3.0;
/// A rest with less tilt is the pointer lying about, not a touch, degrees.
const MIN_TILT_DEG: f64 = 5.0;

/// What was compared with the geometry.
struct Test {
    divots: Vec<Point<Ct>>,
    touches: Vec<Touch<World>>,
    /// The pointer's tip, where it was found or given.
    tip: Option<Point<Tool>>,
    /// Rests of the pointer that met no divot.
    strays: usize,
    /// Another assignment of divots fits nearly as well.
    is_ambiguous: bool,
}

/// Runs the command.
pub fn run(options: &PhantomArguments, quiet: bool) -> Result<Output, Failure> {
    let test = match (&options.touches, &options.geometry) {
        (Some(touches), Some(geometry)) => match live::address(touches) {
            Some(address) => touched(address, &divots(geometry).bad_input()?, options, quiet)?,
            None => {
                touches::check(&options.guide)?;
                measured(touches, geometry, options).bad_input()?
            }
        },
        _ => simulated(options).bad_input()?,
    };
    let found = phantom_accuracy(&test.divots, &test.touches, &PhantomSettings::default()).bad_input()?;
    let mut judgement = found.judgement.clone();
    if test.is_ambiguous {
        let reason = "the touches fit the phantom in two ways";
        judgement.add(calib::Verdict::Reject, reason, "touch one more divot, or give `divot x y z` a line");
    }
    if let Some(file) = &options.report {
        write_report(file, &page(&found, &judgement, &source(options)))?;
    }
    let mut json = accuracy_json(&found);
    json["tip_mm"] = json!(test.tip);
    json["strays"] = json!(test.strays);
    json["simulated"] = json!(options.simulate);
    Ok(output(json, &text(&found, &test, &source(options)), &judgement))
}

fn source(options: &PhantomArguments) -> String {
    match &options.touches {
        Some(from) => from.clone(),
        None => format!("simulated tracker with {:.2} mm of noise, seed {}", options.noise_mm, options.seed),
    }
}

fn simulated(options: &PhantomArguments) -> Result<Test> {
    if !(0.0..=10.0).contains(&options.noise_mm) {
        bail!("--noise-mm {} is not within 0 to 10", options.noise_mm);
    }
    let divots = stepped_phantom();
    let noise = PoseNoise { position_mm: options.noise_mm, rotation_deg: 0.6 * options.noise_mm };
    let scene = PhantomScene { noise, ..PhantomScene::default() };
    let touches = scene.touches(&divots, &mut Draws::new(options.seed))?;
    let renamed = touches.iter().map(|t| Touch { divot: t.divot, at: Point::from(t.at.to_array()) }).collect();
    Ok(Test { divots, touches: renamed, tip: None, strays: 0, is_ambiguous: false })
}

/// The places of the divots.
fn divots(geometry: &Path) -> Result<Vec<Point<Ct>>> {
    Ok(numbers::read_rows::<3>(geometry, "x y z of a divot, mm")?.into_iter().map(Point::from).collect())
}

/// A live pointer, led from divot to divot.
fn touched(address: &str, divots: &[Point<Ct>], options: &PhantomArguments, quiet: bool) -> Result<Test, Failure> {
    let what = Touches {
        address,
        options: &options.options,
        guide: &options.guide,
        points: divots,
        tip: options.tip.map(Point::from),
        purpose: TouchPurpose::Test(PhantomSettings::default()),
        tolerance_mm: MATCH_MM,
        repeats: usize::from(options.repeats),
    };
    let Touched { guide, .. } = what.record(quiet)?;
    let (touches, tip, strays) = (guide.touches(), guide.tip(), guide.refused());
    Ok(Test { divots: divots.to_vec(), touches, tip, strays, is_ambiguous: false })
}

fn measured(from: &str, geometry: &Path, options: &PhantomArguments) -> Result<Test> {
    let divots = divots(geometry)?;
    let path = Path::new(from);
    let is_list = path.is_file() && path.extension().is_some_and(|e| e == "txt" || e == "csv");
    if is_list && let Ok(rows) = numbers::read_rows::<4>(path, "divot x y z, mm") {
        return listed(&rows, divots, path);
    }
    let recorded = read(from, &options.options)?;
    let times = recorded.times(from)?;
    let dwell = DwellSettings::default();
    let (tip, dwells): (Point<Tool>, Vec<Dwell<World>>) = match options.tip {
        Some(tip) => {
            let tip = Point::from(tip);
            (tip, find_dwells(&recorded.poses, times, tip, &dwell)?)
        }
        None => {
            let found = pivot_recording(&recorded.poses, times, &dwell, &PivotSettings::default())?;
            (found.pivot.tip, found.dwells)
        }
    };
    let rests: Vec<Point<World>> = dwells.iter().filter(|d| d.tilt_deg >= MIN_TILT_DEG).map(|d| d.at).collect();
    let matched = match_points(&rests, &divots, MATCH_MM)?;
    let touches: Vec<Touch<World>> = rests
        .iter()
        .zip(&matched.partners)
        .filter_map(|(at, partner)| partner.map(|divot| Touch { divot, at: *at }))
        .collect();
    let strays = rests.len() - touches.len();
    Ok(Test { divots, touches, tip: Some(tip), strays, is_ambiguous: matched.is_ambiguous })
}

/// Touches that say which divot they are.
fn listed(rows: &[[f64; 4]], divots: Vec<Point<Ct>>, path: &Path) -> Result<Test> {
    let touch = |(line, row): (usize, &[f64; 4])| {
        let number = row[0];
        if number.fract() != 0.0 || !(1.0..=divots.len() as f64).contains(&number) {
            let (path, count) = (path.display(), divots.len());
            bail!("{path}, touch {}: divot {number} is not one of 1 to {count} of the geometry", line + 1);
        }
        Ok(Touch { divot: number as usize - 1, at: Point::new(row[1], row[2], row[3]) })
    };
    let touches = rows.iter().enumerate().map(touch).collect::<Result<_>>()?;
    Ok(Test { divots, touches, tip: None, strays: 0, is_ambiguous: false })
}

fn summary_json(summary: &ErrorSummary) -> Value {
    json!({
        "count": summary.count,
        "mean_mm": summary.mean_mm,
        "sd_mm": summary.sd_mm,
        "rms_mm": summary.rms_mm,
        "p95_mm": summary.p95_mm,
        "max_mm": summary.max_mm,
    })
}

fn accuracy_json(found: &PhantomAccuracy<World, Ct>) -> Value {
    let divots: Vec<Value> = found
        .divots
        .iter()
        .map(|d| {
            json!({
                "divot": d.divot + 1,
                "touches": d.touches,
                "bias_mm": d.bias_mm,
                "precision_mm": d.precision_mm,
                "range_mm": d.range_mm,
                "held_out_mm": d.held_out_mm,
            })
        })
        .collect();
    json!({
        "room_from_phantom": found.room_from_phantom,
        "covariance": rows(found.covariance.matrix()),
        "single": summary_json(&found.single),
        "bias": summary_json(&found.bias),
        "precision_mm": found.precision_mm,
        "distances": summary_json(&found.distances),
        "held_out": found.held_out.as_ref().map(summary_json),
        "residuals_mm": found.residuals_mm,
        "divots": divots,
    })
}

fn text(found: &PhantomAccuracy<World, Ct>, test: &Test, source: &str) -> String {
    let line = |name: &str, s: &ErrorSummary| {
        format!(
            "\n  {name:28} mean {:6.3}  SD {:5.3}  RMS {:5.3}  95 % {:5.3}  max {:5.3} mm ({})",
            s.mean_mm, s.sd_mm, s.rms_mm, s.p95_mm, s.max_mm, s.count
        )
    };
    let mut text = format!("{} touches of {} divots, {source}", found.residuals_mm.len(), found.divots.len());
    if test.strays > 0 {
        text.push_str(&format!("; {} rests met no divot", test.strays));
    }
    text.push_str(&line("single touches", &found.single));
    text.push_str(&line("bias (mean of each divot)", &found.bias));
    if let Some(held_out) = &found.held_out {
        text.push_str(&line("bias, divot left out", held_out));
    }
    text.push_str(&line("distances between divots", &found.distances));
    if let Some(precision) = found.precision_mm {
        text.push_str(&format!("\n  precision of a touch         {precision:.3} mm"));
    }
    text
}
