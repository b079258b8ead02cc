//! `calibrate`: measurements in, calibrations with covariance, residuals and
//! verdict out. The mathematics is in `calib`.
//!
//! | module | what it holds |
//! |---|---|
//! | [`poses`], [`live`] | files, recordings and live trackers as poses |
//! | [`guided`], [`touches`] | what to do next, while something live is recorded |
//! | [`report`] | what all results share as JSON and text |
//! | the others | one command each |

mod drift;
mod guided;
mod hand_eye;
mod hand_eye_live;
mod landmarks;
mod live;
mod phantom;
mod phantom_page;
mod pivot;
pub mod poses;
mod report;
mod temporal;
mod tip;
mod touches;

use std::path::Path;

use crate::cli::Calibrate;
use crate::failure::{Blame, Failure};
use crate::report::Output;

/// Runs the command.
pub fn run(what: &Calibrate, quiet: bool) -> Result<Output, Failure> {
    match what {
        Calibrate::Pivot(options) => pivot::run(options, quiet),
        Calibrate::Tip(options) => tip::run(options, quiet),
        Calibrate::HandEye(options) => hand_eye::run(options, quiet),
        Calibrate::Landmarks(options) => landmarks::run(options),
        Calibrate::Temporal(options) => temporal::run(options, quiet),
        Calibrate::Phantom(options) => phantom::run(options, quiet),
        Calibrate::Drift(options) => drift::run(options),
    }
}

/// Writes a file the user asked for.
fn write(file: &Path, content: &str, option: &str) -> Result<(), Failure> {
    let described = |e| anyhow::anyhow!("cannot write {}: {e}; choose another file with {option}", file.display());
    std::fs::write(file, content).map_err(described).bad_input()
}
