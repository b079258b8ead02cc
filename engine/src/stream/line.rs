//! What a viewer may show, as one JSON object: for programs and logs.

use serde_json::{Value, json};

use super::link::LinkView;
use crate::rt::ToolView;
use geom::Point;

/// The view with lengths in mm and times in ms; `null` for what is not known
/// or no longer to be trusted.
#[must_use]
pub fn line(view: &LinkView) -> Value {
    let shown = view.snapshot.as_ref();
    json!({
        "link": view.state,
        "link_reason": view.reason,
        "age_ms": view.age.0 as f64 * 1e-6,
        "engine_session": format!("{:016x}", view.session),
        "sequence": shown.map(|s| s.sequence),
        "session": shown.map(|s| s.session.to_string()),
        "reference": shown.map(|s| s.reference),
        "alarms": shown.map(|s| s.alarms.iter().map(|alarm| alarm.to_string()).collect::<Vec<_>>()),
        "tools": shown.map(|s| s.tools.iter().map(tool).collect::<Vec<_>>()),
    })
}

fn tool(tool: &ToolView) -> Value {
    json!({
        "id": tool.id.0,
        "state": tool.state,
        "reason": tool.reason,
        "tip_mm": tool.ct_from_tip.map(|pose| (pose * Point::new(0.0, 0.0, 0.0)).to_array()),
        "direction": tool.direction().map(|direction| direction.to_array()),
        "bone_distance_mm": tool.bone_distance_mm,
        "level": tool.nearest_level.map(|level| level.to_string()),
        "predicted_tre_mm": tool.predicted_tre_mm,
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::stream::Link;
    use geom::Nanoseconds;

    #[test]
    fn before_the_first_snapshot_nothing_is_claimed() {
        let line = line(&Link::default().view(Nanoseconds(1)));
        assert_eq!((&line["link"], &line["link_reason"]), (&json!("waiting"), &json!("silent")));
        assert!(["tools", "session", "sequence"].iter().all(|key| line[*key].is_null()));
    }
}
