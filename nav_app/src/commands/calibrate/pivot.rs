//! `calibrate pivot`: the tip and the shaft of a tool.

use calib::pivot::{DwellSettings, Moved, Pivot, RecordedPivot, Spin, pivot_recording, spin, tool_from_tip};
use calib::{Coverage, PivotSettings, Verdict};
use geom::{Vector, World};
use serde_json::{Value, json};

use super::guided::{guided, still};
use super::live;
use super::poses::{Poses, read};
use super::report::{matrix_file, output, place, rows};
use super::write;
use crate::cli::PivotArguments;
use crate::failure::{Blame, Failure};
use crate::report::Output;

/// Runs the command.
pub fn run(options: &PivotArguments, quiet: bool) -> Result<Output, Failure> {
    let settings = PivotSettings::default();
    let (recorded, view) = match live::address(&options.poses) {
        Some(address) if !options.many => {
            let (recorded, view) = guided(address, options, quiet)?;
            (recorded, Some(view))
        }
        _ if options.guide.window || options.guide.until_accepted.is_some() => {
            let what = "--window and --until-accepted follow a live tracker (igtl://HOST:PORT) without --many";
            return Err(Failure::WrongUse(anyhow::anyhow!(what)));
        }
        _ => (read(&options.poses, &options.options).bad_input()?, None),
    };
    if let Some(file) = &options.guide.picture {
        let view = view.clone().unwrap_or_else(|| still(&recorded, options));
        crate::scene::render_guide(view, file).internal()?;
    }
    let (found, dwells) = if options.many {
        let times = recorded.times(&options.poses).bad_input()?;
        let many = pivot_recording(&recorded.poses, times, &DwellSettings::default(), &settings).bad_input()?;
        let RecordedPivot { pivot, dwells, .. } = many;
        (pivot, dwells)
    } else {
        (calib::pivot(&recorded.poses, &settings).bad_input()?, Vec::new())
    };
    let spun = options.spin.as_ref().map(|from| -> Result<Spin, Failure> {
        let poses = read(from, &options.options).bad_input()?;
        spin(&poses.poses, Some(found.tip)).bad_input()
    });
    let spun = spun.transpose()?;
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
    if view.is_some() && judgement.verdict() == Verdict::Accept {
        let [x, y, z] = found.tip.to_array();
        output.text.push_str(&format!(
            "\nNext: touch known points with it (`calibrate phantom --tip {x:.2},{y:.2},{z:.2}`); for the direction of \
             its shaft, turn it about itself and give that recording with --spin."
        ));
    }
    Ok(output)
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
