//! What may be shown, as lines: for a terminal, a log or a program.

use std::io::Write;
use std::time::{Duration, Instant};

use engine::rt::ToolView;
use engine::stream::wire::ViewerWire;
use engine::stream::{LinkState, LinkView, line};
use geom::Point;
use serde::Serialize;

use super::goes_on;
use crate::cli::ViewArguments;

/// Longest time between two looks: a change of the link is told this soon.
const LOOK: Duration = Duration::from_millis(20);

/// Prints until the time is over or nobody reads any more.
pub fn print(options: &ViewArguments, viewer: &ViewerWire, as_json: bool) {
    let (began, interval) = (Instant::now(), Duration::from_secs_f64(1.0 / options.hz));
    let mut last: Option<(LinkState, Instant)> = None;
    while goes_on(began, options.seconds) {
        std::thread::park_timeout(interval.min(LOOK));
        let view = viewer.view();
        if last.is_some_and(|(state, at)| state == view.state && at.elapsed() < interval) {
            continue;
        }
        last = Some((view.state, Instant::now()));
        let text = if as_json { format!("{}\n", line(&view)) } else { words(&view) };
        let mut out = std::io::stdout().lock();
        if out.write_all(text.as_bytes()).and_then(|()| out.flush()).is_err() {
            return;
        }
    }
}

/// A line an instrument; one line where there is none to show.
fn words(view: &LinkView) -> String {
    let link = format!("link {}{}, {:.0} ms old", word(&view.state), reason(&view.reason), view.age.0 as f64 * 1e-6);
    let Some(shown) = &view.snapshot else { return format!("{link}\n") };
    let mut text = String::new();
    for tool in shown.tools.iter() {
        text += &format!("{link}; session {}; {}\n", shown.session, instrument(tool));
    }
    if text.is_empty() { format!("{link}; session {}\n", shown.session) } else { text }
}

fn instrument(tool: &ToolView) -> String {
    let mut text = format!("instrument {} {}{}", tool.id.0, word(&tool.state), reason(&tool.reason));
    if let Some(pose) = tool.ct_from_tip {
        let [x, y, z] = (pose * Point::new(0.0, 0.0, 0.0)).to_array();
        text += &format!("; tip {x:.1} {y:.1} {z:.1} mm");
    }
    let level = tool.nearest_level.map_or_else(String::new, |level| format!(" of {level}"));
    text += &tool.bone_distance_mm.map_or_else(String::new, |mm| format!("; {mm:.1} mm from the bone{level}"));
    text + &tool.predicted_tre_mm.map_or_else(String::new, |mm| format!("; error {mm:.1} mm"))
}

/// The name that JSON has for it.
fn word(value: &impl Serialize) -> String {
    serde_json::to_value(value).ok().and_then(|value| Some(value.as_str()?.to_owned())).unwrap_or_default()
}

fn reason(value: &Option<impl Serialize>) -> String {
    value.as_ref().map_or_else(String::new, |value| format!(" ({})", word(value)))
}

#[cfg(test)]
mod tests {
    use super::*;
    use engine::stream::Link;
    use geom::Nanoseconds;

    #[test]
    fn without_an_engine_a_line_says_so_and_nothing_else() {
        let view = Link::default().view(Nanoseconds(5));
        assert_eq!(words(&view), "link waiting (silent), 0 ms old\n");
    }

    #[test]
    fn an_instrument_without_a_pose_has_no_number() {
        let text = instrument(&ToolView::default());
        assert!(text.starts_with("instrument 0 lost") && !text.contains("mm"), "{text}");
    }
}
