//! Trajectories that were drawn in 3D Slicer.

use std::path::Path;

use geom::{Ct, Point};
use serde::Deserialize;

use super::error::PlanError;
use super::file::MOST_SCREWS;
use crate::io::read_text;

/// Keys this program does not need are passed over: Slicer writes many, and
/// more with every version.
#[derive(Deserialize)]
struct File {
    markups: Vec<Markup>,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Markup {
    #[serde(rename = "type")]
    kind: String,
    coordinate_system: Option<serde_json::Value>,
    coordinate_units: Option<serde_json::Value>,
    #[serde(default)]
    control_points: Vec<ControlPoint>,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct ControlPoint {
    position: Option<[f64; 3]>,
    position_status: Option<String>,
}

impl ControlPoint {
    /// Where it was put; Slicer also writes points that are still to be put somewhere.
    fn placed(&self) -> Option<[f64; 3]> {
        self.position.filter(|_| self.position_status.as_deref().is_none_or(|status| status == "defined"))
    }
}

/// First and second point of every line in a markups file (`.mrk.json`), LPS
/// mm; RAS files are turned round.
///
/// # Errors
/// [`PlanError`]: no JSON, no line, a line without two finite points, another
/// coordinate system or unit, or more than 64 lines.
pub fn read_lines(path: &Path) -> Result<Vec<[Point<Ct>; 2]>, PlanError> {
    let text = read_text(path).map_err(|source| PlanError::Read { path: path.into(), source })?;
    lines(&text).map_err(|why| PlanError::Content { path: path.into(), what: "markups file with lines", why })
}

fn lines(text: &str) -> Result<Vec<[Point<Ct>; 2]>, String> {
    let file: File = serde_json::from_str(text).map_err(|e| e.to_string())?;
    let lines: Vec<&Markup> = file.markups.iter().filter(|m| m.kind == "Line").collect();
    if lines.is_empty() {
        return Err("it holds no line; draw one from entry to target (Markups, Line)".into());
    }
    if lines.len() > MOST_SCREWS {
        return Err(format!("it holds {} lines, at most {MOST_SCREWS} are read", lines.len()));
    }
    lines.iter().enumerate().map(|(i, m)| m.line().map_err(|why| format!("line {}: {why}", i + 1))).collect()
}

impl Markup {
    fn line(&self) -> Result<[Point<Ct>; 2], String> {
        // Slicer wrote numbers (0 RAS, 1 LPS) before it wrote words, and LPS where it said nothing.
        let system = self.coordinate_system.as_ref().map(|v| v.as_str().map_or_else(|| v.to_string(), Into::into));
        let sign = match system.as_deref() {
            None | Some("LPS" | "1") => 1.0,
            Some("RAS" | "0") => -1.0,
            Some(other) => return Err(format!("its coordinate system is {other}, LPS or RAS are read")),
        };
        let units = self.coordinate_units.as_ref().map(|v| v.as_str().map_or_else(|| v.to_string(), Into::into));
        if units.as_deref().is_some_and(|u| u != "mm") {
            return Err(format!("its unit is {}, mm is read", units.unwrap_or_default()));
        }
        let points: Vec<[f64; 3]> = self.control_points.iter().filter_map(ControlPoint::placed).collect();
        let [entry, target] = points[..] else {
            return Err(format!("it has {} placed points, a line has two (entry, then target)", points.len()));
        };
        let ends = [entry, target].map(|[x, y, z]| Point::new(sign * x, sign * y, z));
        if ends.iter().all(|p| p.is_finite()) { Ok(ends) } else { Err("a coordinate is no finite number".into()) }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_line_of_slicer_keeps_its_ends_and_left_stays_left() {
        let file = |system: &str| {
            format!(
                r#"{{"@schema": "x", "markups": [{{"type": "Line", "coordinateSystem": {system}, "coordinateUnits": "mm",
                "locked": true, "controlPoints": [{{"id": "1", "position": [20, -30, 5]}}, {{"position": [10, -70, 6]}}]}}]}}"#
            )
        };
        let lps = lines(&file("\"LPS\"")).unwrap();
        assert_eq!(lps[0].map(|p| p.to_array()), [[20.0, -30.0, 5.0], [10.0, -70.0, 6.0]]);
        assert_eq!(lines(&file("0")).unwrap()[0][0].to_array(), [-20.0, 30.0, 5.0]);
        assert!(lines(&file("\"IJK\"")).unwrap_err().contains("IJK"));
        assert!(lines(r#"{"markups": [{"type": "Line", "controlPoints": [{"position": [1, 2, 3]}]}]}"#).is_err());
        assert!(lines(r#"{"markups": []}"#).unwrap_err().contains("no line"));
        let unplaced = file("\"LPS\"").replace("70, 6]", "70, 6], \"positionStatus\": \"preview\"");
        assert!(lines(&unplaced).unwrap_err().contains("1 placed point"), "a point that was not put down is none");
        assert!(lines(&file("\"LPS\"").replace("-70", "1e999")).is_err());
    }
}
