//! What a person moved on the radiographs, by file, with name and time.

use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};

use serde::{Deserialize, Serialize};
use thiserror::Error;

use super::landmarks::{Bounds, Corners, Placed, SeenHead, SeenVertebra, ViewLandmarks, level_of, name};
use crate::io::bounded::{TEXT_BYTES, read_bounded};
use crate::io::{WriteError, write_whole};
use crate::level::Level;
use crate::measure;

/// Largest pixel coordinate that is believed.
const FAR_PX: f64 = 1e5;

/// Why a correction file cannot be used.
#[derive(Debug, Error)]
#[non_exhaustive]
pub enum XrayCorrectionError {
    /// The system could not read it.
    #[error("cannot read {path}: {source}")]
    Read {
        /// The file.
        path: PathBuf,
        /// What the system said.
        source: std::io::Error,
    },
    /// It is not the JSON expected.
    #[error("{path} is no correction file for radiographs: {source}")]
    Json {
        /// The file.
        path: PathBuf,
        /// Line and reason.
        source: serde_json::Error,
    },
    /// An entry that cannot be used.
    #[error("correction {entry} cannot be used: {why}")]
    Entry {
        /// Where: `lateral.corners.L3`.
        entry: String,
        /// What is wrong, and what would be right.
        why: String,
    },
}

/// What was moved in one view; pixels `[column, row]`, integers the middles of pixels.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct ViewCorrections {
    /// Boxes by level: left, top, right, bottom; a level not found is added.
    pub boxes: BTreeMap<String, Bounds>,
    /// Corners by level: upper left and right, lower right and left in the picture.
    pub corners: BTreeMap<String, Corners>,
    /// Femoral heads, `left` and `right` of the patient: column, row, radius.
    pub heads: BTreeMap<String, [f64; 3]>,
    /// Levels to leave out, and `heads`.
    pub remove: BTreeSet<String>,
}

/// A correction file, checked.
///
/// ```json
/// { "by": "Dr. Example", "when": "2026-01-31T09:30:00Z",
///   "levels": { "T12": "L1" },
///   "lateral": {
///     "boxes": { "L3": [410, 1210, 520, 1300] },
///     "corners": { "S1": [[400, 1500], [490, 1560], [450, 1620], [380, 1560]] },
///     "heads": { "left": [380, 1750, 62], "right": [402, 1744, 60] },
///     "remove": ["C3"] } }
/// ```
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct XrayCorrections {
    /// Who made them.
    pub by: String,
    /// When, as that person's program wrote it.
    pub when: String,
    /// What the program called so in both views, and what it is.
    pub levels: BTreeMap<String, String>,
    /// In the frontal view.
    pub frontal: ViewCorrections,
    /// In the lateral view.
    pub lateral: ViewCorrections,
}

fn entry(entry: String, why: &str) -> XrayCorrectionError {
    XrayCorrectionError::Entry { entry, why: why.to_owned() }
}

fn level(place: &str, text: &str) -> Result<Level, XrayCorrectionError> {
    level_of(text).ok_or_else(|| entry(format!("{place}.{text}"), "levels are C2 to L6, T13 and S1"))
}

impl XrayCorrections {
    /// Reads and checks a file.
    ///
    /// # Errors
    /// [`XrayCorrectionError`] naming the file or the entry.
    pub fn read(path: &Path) -> Result<Self, XrayCorrectionError> {
        let bytes =
            read_bounded(path, TEXT_BYTES).map_err(|source| XrayCorrectionError::Read { path: path.into(), source })?;
        let read: Self =
            serde_json::from_slice(&bytes).map_err(|source| XrayCorrectionError::Json { path: path.into(), source })?;
        read.check()?;
        Ok(read)
    }

    /// Writes the file; it is a whole one at any time.
    ///
    /// # Errors
    /// [`WriteError`] naming the file.
    pub fn write(&self, path: &Path) -> Result<(), WriteError> {
        write_whole(path, format!("{:#}\n", serde_json::json!(self)).as_bytes())
    }

    /// Checks names and numbers.
    ///
    /// # Errors
    /// The first entry that cannot be used.
    pub fn check(&self) -> Result<(), XrayCorrectionError> {
        for (from, into) in &self.levels {
            level("levels", from)?;
            level("levels", into)?;
        }
        self.frontal.check("frontal")?;
        self.lateral.check("lateral")
    }

    /// True when nothing is corrected.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.levels.is_empty() && [&self.frontal, &self.lateral].iter().all(|v| **v == ViewCorrections::default())
    }

    /// Renames levels of a view, all at once, so that a whole column can move up.
    ///
    /// # Errors
    /// When two bodies would have one name.
    pub(super) fn rename(&self, view: &mut ViewLandmarks) -> Result<(), XrayCorrectionError> {
        for seen in &mut view.vertebrae {
            if let Some(into) =
                self.levels.iter().find(|(from, _)| level_of(from) == Some(seen.level)).map(|(_, to)| to)
            {
                seen.level = level("levels", into)?;
            }
        }
        let mut levels = BTreeSet::new();
        for seen in &view.vertebrae {
            if !levels.insert(seen.level) {
                let place = format!("levels ({} view)", view.view);
                let why = format!("two bodies would be {}; rename the other too", name(seen.level));
                return Err(XrayCorrectionError::Entry { entry: place, why });
            }
        }
        Ok(())
    }
}

impl ViewCorrections {
    fn check(&self, view: &str) -> Result<(), XrayCorrectionError> {
        for (text, bounds) in &self.boxes {
            level(&format!("{view}.boxes"), text)?;
            if !bounds.is_usable() {
                return Err(entry(
                    format!("{view}.boxes.{text}"),
                    "a box is [left, top, right, bottom], pixels, at least 1 wide and high",
                ));
            }
        }
        for (text, corners) in &self.corners {
            level(&format!("{view}.corners"), text)?;
            if !is_convex(corners) {
                let why = "corners are upper left, upper right, lower right, lower left in the picture, [column, row], of a convex body";
                return Err(entry(format!("{view}.corners.{text}"), why));
            }
        }
        for (side, circle) in &self.heads {
            let place = format!("{view}.heads.{side}");
            if !["left", "right"].contains(&side.as_str()) {
                return Err(entry(place, "femoral heads are left and right (of the patient)"));
            }
            if circle.iter().any(|v| !v.is_finite() || v.abs() > FAR_PX) || circle[2] < 1.0 {
                return Err(entry(place, "a head is [column, row, radius] in pixels, radius at least 1"));
            }
        }
        for text in self.remove.iter().filter(|text| *text != "heads") {
            level(&format!("{view}.remove"), text)?;
        }
        Ok(())
    }

    /// Levels removed, boxes moved or added; these lose their outlines, which
    /// are then looked for in the new boxes.
    pub(super) fn apply_boxes(&self, view: &mut ViewLandmarks) {
        let removed: Vec<Option<Level>> = self.remove.iter().map(|text| level_of(text)).collect();
        view.vertebrae.retain(|v| !removed.contains(&Some(v.level)));
        if self.remove.contains("heads") {
            view.heads.clear();
        }
        for (level, bounds) in self.boxes.iter().filter_map(|(text, b)| Some((level_of(text)?, *b))) {
            place(view, level, bounds);
        }
    }

    /// Corners and heads placed by hand; the last word.
    pub(super) fn apply_landmarks(&self, view: &mut ViewLandmarks) {
        for (level, corners) in self.corners.iter().filter_map(|(text, c)| Some((level_of(text)?, *c))) {
            let Some(bounds) = Bounds::around(&corners) else { continue };
            let seen = place(view, level, bounds);
            seen.corners = Ok(corners);
            seen.rms_px = 0.0;
            seen.placed = Placed::ByHand;
        }
        if !self.heads.is_empty() {
            let head = |(side, [x, y, radius]): (&String, &[f64; 3])| SeenHead {
                centre: [*x, *y],
                radius_px: *radius,
                confidence: 1.0,
                side: Some(usize::from(side == "right")),
                placed: Placed::ByHand,
            };
            let by_hand: Vec<SeenHead> = self.heads.iter().map(head).collect();
            let replaces_all = by_hand.len() == 2;
            if replaces_all {
                view.heads.clear();
            } else if let Some(one) = by_hand.first() {
                // The found head nearest to the moved one was that one.
                let off = |h: &SeenHead| (h.centre[0] - one.centre[0]).hypot(h.centre[1] - one.centre[1]);
                let nearest =
                    (0..view.heads.len()).min_by(|a, b| off(&view.heads[*a]).total_cmp(&off(&view.heads[*b])));
                if let Some(nearest) = nearest {
                    view.heads.remove(nearest);
                }
            }
            view.heads.extend(by_hand);
        }
        view.vertebrae.sort_by_key(|v| measure::order(v.level));
    }
}

/// The body of a level with a box placed by hand, in the list.
fn place(view: &mut ViewLandmarks, level: Level, bounds: Bounds) -> &mut SeenVertebra {
    let fresh = SeenVertebra {
        level,
        bounds,
        confidence: 1.0,
        contour: Vec::new(),
        corners: Err("no outline was looked for in its box".to_owned()),
        rms_px: 0.0,
        placed: Placed::ByHand,
    };
    let at = view.vertebrae.iter().position(|v| v.level == level).unwrap_or(view.vertebrae.len());
    if at < view.vertebrae.len() {
        view.vertebrae[at] = fresh;
    } else {
        view.vertebrae.push(fresh);
    }
    &mut view.vertebrae[at]
}

/// Convex and clockwise as seen (rows run down), with finite corners.
fn is_convex(corners: &Corners) -> bool {
    let is_finite = corners.iter().flatten().all(|v| v.is_finite() && v.abs() < FAR_PX);
    let turns = (0..4).all(|i| {
        let [a, b, c] = [0, 1, 2].map(|k| corners[(i + k) % 4]);
        (b[0] - a[0]) * (c[1] - b[1]) - (b[1] - a[1]) * (c[0] - b[0]) > 0.5
    });
    is_finite && turns
}

#[cfg(test)]
mod tests {
    use super::*;

    fn said(json: &str) -> String {
        let read: Result<XrayCorrections, _> = serde_json::from_str(json);
        read.map_err(|e| e.to_string()).and_then(|c| c.check().map_err(|e| e.to_string())).unwrap_err()
    }

    #[test]
    fn wrong_entries_are_named() {
        assert!(said(r#"{"levels": {"T12": "Z9"}}"#).contains("levels.Z9"));
        assert!(said(r#"{"lateral": {"boxes": {"L3": [5, 5, 5, 9]}}}"#).contains("lateral.boxes.L3"));
        assert!(said(r#"{"frontal": {"corners": {"L3": [[0,0],[0,9],[9,9],[9,0]]}}}"#).contains("upper left"));
        assert!(said(r#"{"frontal": {"heads": {"middle": [1, 2, 3]}}}"#).contains("left and right"));
        assert!(said(r#"{"lateral": {"remove": ["C1"]}}"#).contains("C2 to L6"));
        assert!(said(r#"{"sideways": {}}"#).contains("sideways"));
    }

    #[test]
    fn a_column_moves_up_by_names_and_never_holds_one_twice() {
        let seen = |text: &str| {
            let mut view = ViewLandmarks::empty(super::super::View::Lateral);
            place(&mut view, level_of(text).unwrap(), Bounds { left: 0.0, top: 0.0, right: 9.0, bottom: 9.0 });
            view.vertebrae.remove(0)
        };
        let mut view = ViewLandmarks::empty(super::super::View::Lateral);
        view.vertebrae = vec![seen("T12"), seen("L1")];
        let both: XrayCorrections = serde_json::from_str(r#"{"levels": {"T12": "L1", "L1": "L2"}}"#).unwrap();
        both.rename(&mut view).unwrap();
        assert_eq!(view.vertebrae.iter().map(|v| v.level.number()).collect::<Vec<_>>(), [20, 21]);
        let one: XrayCorrections = serde_json::from_str(r#"{"levels": {"L1": "L2"}}"#).unwrap();
        assert!(one.rename(&mut view).unwrap_err().to_string().contains("two bodies would be L2"));
    }
}
