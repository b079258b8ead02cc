//! The alignment of the engine's session: for the window, or as a table that is printed whenever it changes.

use std::io::Write;
use std::sync::Arc;
use std::time::{Duration, Instant};

use engine::stream::wire::ViewerWire;

use super::{description, goes_on};
use crate::cli::ViewArguments;
use crate::commands::alignment::table;
use crate::commands::engine::blame;
use crate::failure::{Blame, Failure};
use crate::shown_alignment::SharedAlignment;

/// Time between two questions: levels are registered again within seconds, not faster.
const ASK: Duration = Duration::from_millis(500);

/// Asks for it from now on, on a thread that ends with the viewer; what the scene shows.
///
/// # Errors
/// The system refuses a thread.
pub fn follow(viewer: &Arc<ViewerWire>) -> Result<SharedAlignment, Failure> {
    let shown = SharedAlignment::default();
    let (put, viewer) = (shown.clone(), Arc::downgrade(viewer));
    let ask = move || {
        let mut known = 0;
        while let Some(viewer) = viewer.upgrade() {
            // While nobody answers, the scene says so; what was known is asked for again.
            if let Ok(Some(told)) = viewer.alignment(known) {
                known = told.number;
                put.put(told.into());
            }
            drop(viewer);
            std::thread::sleep(ASK);
        }
    };
    std::thread::Builder::new().name("viewer-alignment".into()).spawn(ask).internal()?;
    Ok(shown)
}

/// Prints it now and whenever it changes, until the time is over or nobody reads any more.
///
/// # Errors
/// There is no engine, or its session follows no alignment.
pub fn print(options: &ViewArguments, viewer: &ViewerWire, as_json: bool) -> Result<(), Failure> {
    if !description(viewer)?.follows_alignment {
        let what = "the engine's session follows no alignment: start it with `engine --alignment FILE`";
        return Err(Failure::BadInput(anyhow::anyhow!(what)));
    }
    let (began, mut known) = (Instant::now(), 0);
    loop {
        if let Some(told) = viewer.alignment(known).map_err(blame)? {
            known = told.number;
            let text = match as_json {
                true => serde_json::to_string(&told).internal()?,
                false => [table::lines(&told.alignment), vec![format!("  {}", told.said)]].concat().join("\n"),
            };
            let mut out = std::io::stdout().lock();
            if writeln!(out, "{text}").and_then(|()| out.flush()).is_err() {
                return Ok(());
            }
        }
        if !goes_on(began, options.seconds) {
            return Ok(());
        }
        std::thread::sleep(ASK);
    }
}
