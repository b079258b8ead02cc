//! `calibrate temporal`: the latency between two devices.

use calib::TemporalSettings;
use serde_json::json;

use super::hand_eye::{devices, hand_eye_json, hand_eye_text, settings, write_out};
use super::report::output;
use crate::cli::TemporalArguments;
use crate::failure::{Blame, Failure};
use crate::report::Output;

/// Runs the command.
pub fn run(options: &TemporalArguments, quiet: bool) -> Result<Output, Failure> {
    let devices = devices(&options.pair, quiet).bad_input()?;
    let (Some(first_s), Some(second_s)) = (&devices.first_s, &devices.second_s) else {
        let what = "a latency needs the times of both; give 8 columns (t x y z qx qy qz qw), 17, or recordings";
        return Err(Failure::BadInput(anyhow::anyhow!(what)));
    };
    let settings = TemporalSettings {
        reach_s: options.reach_s,
        unrelated_clocks: options.unrelated_clocks,
        hand_eye: settings(&options.pair),
        ..TemporalSettings::default()
    };
    let found = calib::temporal((&devices.first, first_s), (&devices.second, second_s), &settings).bad_input()?;
    write_out(&options.pair, &found.hand_eye)?;
    let json = json!({
        "latency_ms": found.latency_ms,
        "sigma_ms": found.sigma_ms,
        "correlated_ms": found.correlated_ms,
        "correlation": found.correlation,
        "elsewhere": found.elsewhere,
        "hand_eye": hand_eye_json(&found.hand_eye),
    });
    let text = format!(
        "The second device is {:.2} ms later, known to {:.2} ms (by correlation alone {:.1} ms, {:.3}).\n{}",
        found.latency_ms,
        found.sigma_ms,
        found.correlated_ms,
        found.correlation,
        hand_eye_text(&found.hand_eye)
    );
    Ok(output(json, &text, &found.judgement))
}
