//! Where two snapshots differ, by name.

use super::words_content;
use crate::rt::{Snapshot, ToolView};

type Difference = (String, String, String);

/// The first field that differs in any bit, with both values in words; `None`
/// when every bit is the same.
pub(super) fn difference(recorded: &Snapshot, replayed: &Snapshot) -> Option<Difference> {
    if words_content::words(recorded) == words_content::words(replayed) {
        return None;
    }
    let whole = [fields(recorded), fields(replayed)];
    if let Some(found) = first("", &whole) {
        return Some(found);
    }
    for (index, pair) in recorded.tools.iter().zip(replayed.tools.iter()).enumerate() {
        if let Some(found) = first(&format!("tools[{index}]."), &[tool_fields(pair.0), tool_fields(pair.1)]) {
            return Some(found);
        }
    }
    // A number that prints the same, such as a sign of zero.
    Some(("bits".into(), format!("{recorded:?}"), format!("{replayed:?}")))
}

type Named = Vec<(&'static str, String)>;

fn first(prefix: &str, [a, b]: &[Named; 2]) -> Option<Difference> {
    let (recorded, replayed) = a.iter().zip(b).find(|(a, b)| a.1 != b.1)?;
    Some((format!("{prefix}{}", recorded.0), recorded.1.clone(), replayed.1.clone()))
}

fn fields(s: &Snapshot) -> Named {
    vec![
        ("sequence", format!("{:?}", s.sequence)),
        ("source_time", format!("{:?}", s.source_time)),
        ("arrival_time", format!("{:?}", s.arrival_time)),
        ("published", format!("{:?}", s.published)),
        ("session", format!("{:?}", s.session)),
        ("reference", format!("{:?}", s.reference)),
        ("alarms", format!("{:?}", s.alarms)),
        ("check", format!("{:?}", s.check)),
        ("tools.len", format!("{:?}", s.tools.len())),
    ]
}

fn tool_fields(t: &ToolView) -> Named {
    let pose = t.ct_from_tip.map(|pose| (pose.rotation().coords, pose.translation()));
    vec![
        ("id", format!("{:?}", t.id)),
        ("state", format!("{:?}", t.state)),
        ("reason", format!("{:?}", t.reason)),
        ("measured", format!("{:?}", t.measured)),
        ("ct_from_tip", format!("{pose:?}")),
        ("is_predicted", format!("{:?}", t.is_predicted)),
        ("bone_distance_mm", format!("{:?}", t.bone_distance_mm)),
        ("nearest_level", format!("{:?}", t.nearest_level)),
        ("predicted_tre_mm", format!("{:?}", t.predicted_tre_mm)),
    ]
}
