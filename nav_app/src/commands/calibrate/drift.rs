//! `calibrate drift`: does it stay where it is?

use calib::DriftSettings;
use geom::Point;
use serde_json::json;

use super::poses::read;
use super::report::{output, place};
use crate::cli::DriftArguments;
use crate::failure::{Blame, Failure};
use crate::report::Output;

/// Runs the command.
pub fn run(options: &DriftArguments) -> Result<Output, Failure> {
    let recorded = read(&options.poses, &options.options).bad_input()?;
    let times = recorded.times(&options.poses).bad_input()?;
    let settings = DriftSettings { max_shift_mm: options.limit_mm, ..DriftSettings::default() };
    let found = calib::drift(&recorded.poses, times, Point::from(options.point), &settings).bad_input()?;
    let jump = found.jump.map(|j| json!({ "at_s": j.at_s, "shift_mm": j.shift_mm }));
    let course: Vec<[f64; 2]> = found.course.iter().map(|(s, mm)| [*s, *mm]).collect();
    let json = json!({
        "seconds": found.seconds,
        "shift_mm": found.shift_mm,
        "max_shift_mm": found.max_shift_mm,
        "max_turn_deg": found.max_turn_deg,
        "rate_mm_per_min": found.rate_mm_per_min,
        "rate_sigma_mm_per_min": found.rate_sigma_mm_per_min,
        "noise_mm": found.noise_mm,
        "jump": jump,
        "course_s_mm": course,
    });
    let text = format!(
        "Over {:.0} s the point moved by {:.2} mm at most ({:.2} mm at the end), turned by {:.2} deg at most.\n\
         Creep {} mm a minute, +- {:.3} an axis; single poses scatter by {:.2} mm.",
        found.seconds,
        found.max_shift_mm,
        found.shift_mm,
        found.max_turn_deg,
        place(found.rate_mm_per_min),
        found.rate_sigma_mm_per_min,
        found.noise_mm
    );
    Ok(output(json, &text, &found.judgement))
}
