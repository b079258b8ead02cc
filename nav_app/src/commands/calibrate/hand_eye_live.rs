//! Two live devices at once, for hand-eye and temporal calibration: what is
//! missing is told every second.
//!
//! Their clocks are not ours and may differ, so poses are stamped when they
//! arrive; what that costs is a latency between the links, which `calibrate
//! temporal` finds and `--latency-ms` takes.
#![allow(clippy::print_stderr, reason = "what is missing in a live recording belongs on stderr")]

use std::sync::Arc;
use std::time::Duration;

use anyhow::Result;
use calib::Verdict;
use engine::clock::{Clock, SystemClock};
use kernels::interrupt::Interrupt;

use super::hand_eye::{Devices, paired_devices, pairs, settings};
use super::live::Live;
use super::poses::{Poses, Stamps};
use crate::cli::{HandEyeArguments, PoseOptions};

/// Pairs a look takes; of more an even share.
const MAX_LOOKED_AT: usize = 300;
/// Accepted for this long is done, s.
const HOLD_S: f64 = 2.0;

/// Records both until the time is up, on Ctrl-C, or the calibration is accepted
/// where that was asked for.
pub fn record(first: &str, second: &str, options: &HandEyeArguments, quiet: bool) -> Result<Devices> {
    let clock: Arc<dyn Clock> = Arc::new(SystemClock::default());
    let limit_s = options.until_accepted.unwrap_or_else(|| options.options.seconds());
    let interrupt = Interrupt::watch()?;
    let of_second = second_options(options);
    let mut first = Live::start(first, &options.options, clock.clone(), Stamps::Arrival)?;
    let mut second = Live::start(second, &of_second, clock.clone(), Stamps::Arrival)?;
    let (mut told_s, mut good_since_s) = (0.0, None);
    loop {
        first.take();
        second.take();
        let now_s = clock.now().0 as f64 * 1e-9;
        if now_s >= limit_s || first.is_full() || second.is_full() || interrupt.is_asked() {
            break;
        }
        if now_s - told_s >= 1.0 {
            told_s = now_s;
            let (verdict, words) = look(first.timed(), second.timed(), options);
            if !quiet {
                eprintln!("{:4.0} s left, {words}", limit_s - now_s);
            }
            good_since_s = if verdict == Some(Verdict::Accept) { good_since_s.or(Some(now_s)) } else { None };
            if options.until_accepted.is_some() && good_since_s.is_some_and(|since| now_s - since >= HOLD_S) {
                break;
            }
        }
        std::thread::sleep(Duration::from_millis(1));
    }
    Ok(paired_devices(first.finish(&options.options)?, second.finish(&of_second)?, options))
}

/// How the second device is read.
pub fn second_options(options: &HandEyeArguments) -> PoseOptions {
    let own = &options.options;
    let tool = options.second_tool.clone().unwrap_or_else(|| own.tool.clone());
    PoseOptions { tool, reference: own.reference.clone(), seconds: own.seconds, unit: own.unit }
}

/// The verdict so far, and what to do.
fn look(first: Poses, second: Poses, options: &HandEyeArguments) -> (Option<Verdict>, String) {
    let counts = format!("{} and {} poses", first.poses.len(), second.poses.len());
    let start = "hold both still in many orientations, turned about all axes";
    let devices = paired_devices(first, second, options);
    let Ok((first, second)) = pairs(&devices, options) else { return (None, format!("{counts}: {start}")) };
    let stride = first.len().div_ceil(MAX_LOOKED_AT).max(1);
    let (first, second): (Vec<_>, Vec<_>) = first.into_iter().zip(second).step_by(stride).unzip();
    let Ok(found) = calib::hand_eye(&first, &second, &settings(options)) else {
        return (None, format!("{counts}: {start}"));
    };
    let verdict = found.judgement.verdict();
    let worst = found.judgement.findings().iter().max_by_key(|f| f.verdict);
    let advice = worst.map_or_else(|| "go on a moment longer".to_owned(), |f| f.remedy.clone());
    let words = format!(
        "{counts}, {:.0} % agree; span {:.0} and {:.0} deg, eye known to {:.2} mm and {:.2} deg; {verdict}: {advice}",
        100.0 * found.inliers() as f64 / found.is_inlier.len().max(1) as f64,
        found.span.first_deg,
        found.span.second_deg,
        found.position_error_mm,
        found.rotation_error_deg,
    );
    (Some(verdict), words)
}
