//! `calibrate hand-eye`: one tracked device on another.

use anyhow::{Result, bail};
use calib::hand_eye::{HandEye, HandEyeNoise, HandEyeSettings};
use calib::simulate::PoseNoise;
use geom::{Headset, Tool, Tracker, Transform, World};
use serde_json::{Value, json};

use super::poses::{Poses, read, renamed};
use super::report::{matrix_file, output, place, rows};
use super::write;
use super::{hand_eye_live, live};
use crate::cli::HandEyeArguments;
use crate::failure::{Blame, Failure};
use crate::report::Output;

/// Both devices' poses with their times.
pub struct Devices {
    /// `tracker_from_tool`.
    pub first: Vec<Transform<Tracker, Tool>>,
    /// Their times, s.
    pub first_s: Option<Vec<f64>>,
    /// `world_from_headset`.
    pub second: Vec<Transform<World, Headset>>,
    /// Their times, s.
    pub second_s: Option<Vec<f64>>,
}

/// Reads both devices; two live ones at once.
pub fn devices(options: &HandEyeArguments, quiet: bool) -> Result<Devices> {
    match (live::address(&options.first), live::address(&options.second)) {
        (Some(first), Some(second)) => return hand_eye_live::record(first, second, options, quiet),
        (None, None) if options.until_accepted.is_none() => {}
        (None, None) => bail!("--until-accepted follows two live devices (igtl://HOST:PORT)"),
        _ => bail!("one device is live and the other a file; give two files, or two addresses igtl://HOST:PORT"),
    }
    let first = read(&options.first, &options.options)?;
    let second = read(&options.second, &hand_eye_live::second_options(options))?;
    Ok(paired_devices(first, second, options))
}

/// Both devices' poses, named.
pub fn paired_devices(first: Poses, second: Poses, options: &HandEyeArguments) -> Devices {
    let Poses { poses, times_s: second_s, .. } = second;
    let second = if options.second_sees_world {
        renamed(&poses.iter().map(Transform::inverse).collect::<Vec<_>>())
    } else {
        renamed(&poses)
    };
    Devices { first: renamed(&first.poses), first_s: first.times_s, second, second_s }
}

/// What the options say of the devices' errors.
pub fn settings(options: &HandEyeArguments) -> HandEyeSettings {
    let noise = |[position_mm, rotation_deg]: [f64; 2]| PoseNoise { position_mm, rotation_deg };
    let (first, second) = (noise(options.first_noise), noise(options.second_noise));
    let noise = HandEyeNoise { first, second, second_sees_world: options.second_sees_world };
    HandEyeSettings { noise, ..HandEyeSettings::default() }
}

/// Runs the command.
pub fn run(options: &HandEyeArguments, quiet: bool) -> Result<Output, Failure> {
    let devices = devices(options, quiet).bad_input()?;
    let (first, second) = pairs(&devices, options).bad_input()?;
    let found = calib::hand_eye(&first, &second, &settings(options)).bad_input()?;
    write_out(options, &found)?;
    Ok(output(hand_eye_json(&found), &hand_eye_text(&found), &found.judgement))
}

/// Writes the hand-eye transform where asked for, unless it was refused.
pub fn write_out(options: &HandEyeArguments, found: &HandEye<Tracker, Tool, World, Headset>) -> Result<(), Failure> {
    match &options.out {
        Some(file) if found.judgement.verdict() != calib::Verdict::Reject => {
            write(file, &matrix_file("hand_from_eye", &found.hand_from_eye), "--out")
        }
        _ => Ok(()),
    }
}

/// Poses of both devices at the same instants.
type Pairs = (Vec<Transform<Tracker, Tool>>, Vec<Transform<World, Headset>>);

/// Pairs by time where both have times, else by line.
pub fn pairs(devices: &Devices, options: &HandEyeArguments) -> Result<Pairs> {
    if let (Some(first_s), Some(second_s)) = (&devices.first_s, &devices.second_s) {
        let latency_s = options.latency_ms * 1e-3;
        let times: Vec<f64> = first_s.iter().map(|t| t + latency_s).collect();
        let seconds = calib::temporal::interpolated(&devices.second, second_s, &times)?;
        let pairs: Pairs =
            devices.first.iter().zip(seconds).filter_map(|(first, second)| Some((*first, second?))).unzip();
        if pairs.0.len() < 5 {
            let (n, m) = (devices.first.len(), devices.second.len());
            bail!(
                "{} of {n} and {m} poses have a partner at the same time; find the latency with `calibrate temporal`, or leave out the times",
                pairs.0.len()
            );
        }
        return Ok(pairs);
    }
    Ok((devices.first.clone(), devices.second.clone()))
}

/// For machines.
pub fn hand_eye_json(found: &HandEye<Tracker, Tool, World, Headset>) -> Value {
    json!({
        "hand_from_eye": found.hand_from_eye,
        "hand_from_eye_covariance": rows(found.hand_from_eye_covariance.matrix()),
        "base_from_world": found.base_from_world,
        "base_from_world_covariance": rows(found.base_from_world_covariance.matrix()),
        "position_error_mm": found.position_error_mm,
        "rotation_error_deg": found.rotation_error_deg,
        "pairs": found.is_inlier.len(),
        "inliers": found.inliers(),
        "rms_mm": found.rms_mm,
        "rms_deg": found.rms_deg,
        "residuals_mm": found.residuals_mm,
        "residuals_deg": found.residuals_deg,
        "span_deg": found.span.second_deg,
        "span_first_deg": found.span.first_deg,
        "second_axis": found.span.second_axis,
    })
}

/// For people.
pub fn hand_eye_text(found: &HandEye<Tracker, Tool, World, Headset>) -> String {
    let turn = found.hand_from_eye.rotation().scaled_axis().map(f64::to_degrees);
    format!(
        "Eye at {} mm in the hand, known to {:.2} mm; turned by {} deg, known to {:.3} deg.\n\
         {} of {} pairs agree, misfit {:.2} mm and {:.2} deg RMS; rotations span {:.0} and {:.0} deg.",
        place(found.hand_from_eye.translation().into()),
        found.position_error_mm,
        place(turn.into()),
        found.rotation_error_deg,
        found.inliers(),
        found.is_inlier.len(),
        found.rms_mm,
        found.rms_deg,
        found.span.first_deg,
        found.span.second_deg,
    )
}
