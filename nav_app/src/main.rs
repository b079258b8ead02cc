//! The `spinenav` program: command line and scene. Computes no pose itself.
//!
//! `docs/architecture.md` shows where it stands; `cli` lists the commands.

mod assets;
mod bone_colours;
mod calendar;
mod cli;
mod commands;
mod failure;
mod grade_colours;
mod guide_view;
mod page;
mod progress;
mod quantile;
mod report;
#[cfg(feature = "scene")]
mod scene;
#[cfg(not(feature = "scene"))]
#[path = "no_scene.rs"]
mod scene;
mod scene_input;
mod shown_alignment;
#[cfg_attr(
    not(all(feature = "stream", feature = "scene")),
    allow(dead_code, reason = "without a stream or a scene nobody waits for a turn")
)]
mod turn;
#[cfg(feature = "scene")]
mod xray_window;

use std::process::ExitCode;

use clap::Parser;

fn main() -> ExitCode {
    let arguments = cli::Arguments::parse();
    report::start_logging(arguments.verbose, arguments.quiet);
    match commands::run(&arguments) {
        Ok(output) => {
            report::print_output(&output, arguments.json);
            ExitCode::from(output.exit_status())
        }
        Err(failure) => {
            report::print_failure(&failure, arguments.json);
            ExitCode::from(failure.exit_status())
        }
    }
}
