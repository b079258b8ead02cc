//! `calibrate pivot`: the tip and the shaft of a tool.

use calib::guide::{PivotGuide, SpinGuide};
use calib::pivot::{Dwell, DwellSettings, Moved, Pivot, RecordedPivot, Spin, pivot_recording, spin, tool_from_tip};
use calib::{Coverage, PivotSettings, Verdict};
use geom::{Vector, World};
use serde_json::{Value, json};

use super::guided::{self, Follow, Session};
use super::live;
use super::poses::{Poses, read};
use super::report::{matrix_file, output, place, rows};
use super::write;
use crate::cli::PivotArguments;
use crate::failure::{Blame, Failure};
use crate::guide_view::GuideEnd;
use crate::report::Output;

/// Fewer poses are no spin calibration.
const MIN_SPIN_POSES: usize = 10;

/// What was measured, live or from files.
struct Measured {
    recorded: Poses,
    found: Pivot<World>,
    dwells: Vec<Dwell<World>>,
    spun: Option<Spin>,
}

/// Runs the command.
pub fn run(options: &PivotArguments, quiet: bool) -> Result<Output, Failure> {
    let settings = PivotSettings::default();
    let is_guided = live::address(&options.poses).is_some() && !options.many;
    let is_spin_guided = options.spin.as_deref().and_then(live::address).is_some();
    let Measured { recorded, found, dwells, spun } = if is_guided || is_spin_guided {
        guided::session(&options.guide, quiet, |session| measure(options, Some(session)))?
    } else {
        guided::check_is_live(&options.guide, " without --many")?;
        let measured = measure(options, None)?;
        if let Some(file) = &options.guide.picture {
            let mut guide = PivotGuide::new(guided::settings(&options.guide));
            let view = guided::still(&measured.recorded, &options.options.tool, &mut guide);
            crate::scene::render_guide(view, file).internal()?;
        }
        measured
    };
    let mut judgement = found.judgement.clone();
    spun.iter().flat_map(|s| s.judgement.findings()).for_each(|f| {
        judgement.add(f.verdict, f.reason.clone(), f.remedy.clone());
    });
    // From the tip to the handle: sides are where the handle was tilted to.
    let handle = Vector::from_vector3(-found.tip.vector3());
    let coverage = Coverage::new(&recorded.poses, handle, 0.5 * settings.min_span_deg).bad_input()?;
    if let Some(file) = &options.coverage {
        write(file, &coverage.svg(), "--coverage")?;
    }
    let pose = tool_from_tip(found.tip, spun.as_ref().map(|s| s.axis));
    if let (Some(file), Some(pose)) = (&options.out, &pose) {
        // A refused tip must not be found by the next command.
        if judgement.verdict() != Verdict::Reject {
            write(file, &matrix_file("tool_from_tip", pose), "--out")?;
        }
    }
    let mut json = pivot_json(&found, &recorded);
    json["tool_from_tip"] = json!(pose);
    json["axis_from"] = json!(if spun.is_some() { "spin" } else { "origin to tip" });
    json["spin"] = spun.as_ref().map_or(Value::Null, spin_json);
    json["coverage"] = coverage_json(&coverage);
    json["places"] = dwells
        .iter()
        .zip(&found.pivot_covariances_mm2)
        .map(|(d, c)| {
            json!({ "at_mm": d.at, "covariance_mm2": rows(c), "poses": d.poses.len(), "tilt_deg": d.tilt_deg,
                    "scatter_mm": d.scatter_mm })
        })
        .collect();
    let mut output = output(json, &text(&found, spun.as_ref(), &coverage, options.many), &judgement);
    if is_guided && judgement.verdict() == Verdict::Accept {
        let [x, y, z] = found.tip.to_array();
        let address = &options.poses;
        output.text.push_str(&format!(
            "\nNext: touch known points with it (`calibrate phantom {address} --tip {x:.2},{y:.2},{z:.2}`)"
        ));
        let shaft = "; for the direction of its shaft, turn it about itself (--spin).";
        output.text.push_str(if spun.is_some() { "." } else { shaft });
    }
    Ok(output)
}

/// Records what is live by the guides, reads what is not, and calibrates.
fn measure(options: &PivotArguments, session: Option<&Session>) -> Result<Measured, Failure> {
    let settings = PivotSettings::default();
    let (recorded, end) = match (live::address(&options.poses).filter(|_| !options.many), session) {
        (Some(address), Some(session)) => {
            let what = Follow::new(address, &options.options, &options.guide);
            let mut guide = PivotGuide::new(guided::settings(&options.guide));
            let (recorded, view) = session.follow(&what, &mut guide)?;
            (recorded, view.end)
        }
        _ => (read(&options.poses, &options.options).bad_input()?, None),
    };
    let (found, dwells) = if options.many {
        let times = recorded.times(&options.poses).bad_input()?;
        let many = pivot_recording(&recorded.poses, times, &DwellSettings::default(), &settings).bad_input()?;
        let RecordedPivot { pivot, dwells, .. } = many;
        (pivot, dwells)
    } else {
        (calib::pivot(&recorded.poses, &settings).bad_input()?, Vec::new())
    };
    // Who ended the pivot, or has to do it again, is not asked to turn the tool.
    let is_over = end == Some(GuideEnd::Ended) || found.judgement.verdict() == Verdict::Reject;
    let spun = match (&options.spin, options.spin.as_deref().and_then(live::address), session) {
        (None, ..) => None,
        (Some(_), Some(_), Some(_)) if is_over => None,
        (Some(_), Some(address), Some(session)) => {
            let what = Follow::new(address, &options.options, &options.guide);
            let mut guide = SpinGuide::new(guided::settings(&options.guide), found.tip);
            let (poses, view) = session.follow(&what, &mut guide)?;
            // What was ended at once costs the axis, not the tip.
            let is_nothing = view.end == Some(GuideEnd::Ended) && poses.poses.len() < MIN_SPIN_POSES;
            if is_nothing { None } else { Some(spin(&poses.poses, Some(found.tip)).bad_input()?) }
        }
        (Some(from), ..) => {
            let poses = read(from, &options.options).bad_input()?;
            Some(spin(&poses.poses, Some(found.tip)).bad_input()?)
        }
    };
    Ok(Measured { recorded, found, dwells, spun })
}

fn pivot_json(found: &Pivot<World>, recorded: &Poses) -> Value {
    let step = found.step.as_ref().map(|step| {
        let moved = if step.moved == Moved::Pivot { "pivot" } else { "tip" };
        json!({ "moved": moved, "shift_mm": step.shift_mm, "at_pose": step.at_pose })
    });
    json!({
        "tip_mm": found.tip,
        "tip_covariance_mm2": rows(&found.tip_covariance_mm2),
        "tip_error_mm": found.tip_error_mm(),
        "pivots_mm": found.pivots,
        "poses": found.is_inlier.len(),
        "missing": recorded.missing,
        "inliers": found.inliers(),
        "rms_mm": found.rms_mm,
        "residuals_mm": found.residuals_mm,
        "noise_axial_mm": found.noise.axial_mm,
        "noise_lateral_mm": found.noise.lateral_mm,
        "span_deg": found.span.span_deg,
        "weakest_direction": found.span.weakest,
        "step": step,
        "bend_mm": found.bend_mm,
    })
}

fn spin_json(spin: &Spin) -> Value {
    json!({
        "axis": spin.axis,
        "axis_covariance_rad2": rows(&spin.axis_covariance_rad2),
        "turn_deg": spin.turn_deg,
        "wobble_deg": spin.wobble_deg,
        "residuals_deg": spin.residuals_deg,
    })
}

fn coverage_json(coverage: &Coverage) -> Value {
    let sectors = coverage.names.iter().zip(coverage.reached_deg);
    json!({
        "wanted_deg": coverage.wanted_deg,
        "sectors": sectors.map(|(name, deg)| json!({ "towards": name, "tilt_deg": deg })).collect::<Vec<_>>(),
        "missing": coverage.missing(),
    })
}

fn text(found: &Pivot<World>, spin: Option<&Spin>, coverage: &Coverage, many: bool) -> String {
    let tip = place(found.tip.to_array());
    let mut text = format!(
        "Tip at {tip} mm in the tool, known to {:.3} mm; residuals {:.2} mm RMS over {} of {} poses, span {:.0} deg.",
        found.tip_error_mm(),
        found.rms_mm,
        found.inliers(),
        found.is_inlier.len(),
        found.span.span_deg,
    );
    if let Some(spin) = spin {
        let axis = place(spin.axis.to_array());
        text.push_str(&format!(
            "\nShaft along {axis}, turned by {:.0} deg, wobble {:.2} deg.",
            spin.turn_deg, spin.wobble_deg
        ));
    }
    if many {
        let places = found.pivots.iter().map(|p| format!("\n  {}", place(p.to_array()))).collect::<String>();
        return format!("{text}\n{} places:{places}", found.pivots.len());
    }
    format!("{text}\n{}", coverage.text().trim_end())
}
