//! Plans as files: JSON, bound to the label map they were made on.

use std::path::Path;

use geom::Point;
use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256};

use super::error::PlanError;
use super::screw::{Screw, Side};
use crate::io::{WriteError, read_text, write_whole};
use crate::level::Level;
use crate::stream::description::hexadecimal;
use crate::volume::LabelMap;

/// What the file says it is.
pub const FORMAT: &str = "spinenav-plan-1";
/// The frame of all coordinates.
const FRAME: &str = "CT LPS mm";
/// Most screws of a plan: two a vertebra, and room.
pub const MOST_SCREWS: usize = 64;
/// Diameters that are believed, mm.
pub const DIAMETER_RANGE_MM: [f64; 2] = [2.0, 12.0];
/// Lengths that are believed, mm.
const LENGTH_MM: [f64; 2] = [10.0, 120.0];
/// Coordinates that are believed, mm: no scanner is larger.
const REACH_MM: f64 = 10_000.0;
/// How far the target may lie from the tip, mm: screws come in steps of 5 mm,
/// and a target beyond twice that is a mistake in the file.
const TARGET_MM: f64 = 10.0;

/// Screws planned on one label map.
#[derive(Debug, Clone, PartialEq)]
pub struct Plan {
    /// [`labels_hash`] of that map.
    pub labels_sha256: String,
    /// The screws.
    pub screws: Vec<Screw>,
}

#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct FileContent {
    format: String,
    frame: String,
    labels_sha256: String,
    screws: Vec<FileScrew>,
}

#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct FileScrew {
    level: String,
    side: Side,
    entry_ct_mm: [f64; 3],
    target_ct_mm: [f64; 3],
    diameter_mm: f64,
    length_mm: f64,
}

/// SHA-256 of a label map: its voxels and where they lie, as hexadecimal
/// digits. Other bone, another place or another name of a level is another map.
///
/// Cost: one pass over the voxels.
#[must_use]
pub fn labels_hash(labels: &LabelMap) -> String {
    let mut hash = Sha256::new();
    for size in labels.grid.size() {
        hash.update((size as u64).to_le_bytes());
    }
    for number in labels.grid.ct_from_voxel().iter() {
        hash.update(number.to_bits().to_le_bytes());
    }
    hash.update(&labels.labels);
    hexadecimal(&hash.finalize())
}

impl Plan {
    /// A plan without screws on `labels`.
    #[must_use]
    pub fn on(labels: &LabelMap) -> Self {
        Self { labels_sha256: labels_hash(labels), screws: Vec::new() }
    }

    /// Reads and checks a file (at most 8 MiB, 64 screws).
    ///
    /// # Errors
    /// [`PlanError`] naming the file or the screw.
    pub fn read(path: &Path) -> Result<Self, PlanError> {
        let text = read_text(path).map_err(|source| PlanError::Read { path: path.into(), source })?;
        let content = |why: String| PlanError::Content { path: path.into(), what: "plan of screws", why };
        let file: FileContent = serde_json::from_str(&text).map_err(|e| content(e.to_string()))?;
        if file.format != FORMAT {
            return Err(content(format!("its format is {:?}, this program reads {FORMAT:?}", file.format)));
        }
        if file.frame != FRAME {
            return Err(content(format!("its frame is {:?}, it must be {FRAME:?}", file.frame)));
        }
        if file.screws.len() > MOST_SCREWS {
            return Err(content(format!("it holds {} screws, at most {MOST_SCREWS} are read", file.screws.len())));
        }
        let screws = file.screws.into_iter().enumerate().map(|(i, s)| s.screw(i + 1)).collect::<Result<_, _>>()?;
        let plan = Self { labels_sha256: file.labels_sha256, screws };
        plan.check_numbers()?;
        Ok(plan)
    }

    /// Whether [`Self::read`] would believe every number; what made a plan calls it before it writes.
    ///
    /// # Errors
    /// [`PlanError::TooMany`], [`PlanError::Screw`].
    pub fn check_numbers(&self) -> Result<(), PlanError> {
        if self.screws.len() > MOST_SCREWS {
            return Err(PlanError::TooMany { found: self.screws.len(), most: MOST_SCREWS });
        }
        (1..).zip(&self.screws).try_for_each(|(number, screw)| check_screw(number, screw))
    }

    /// Writes the plan, whole or not at all.
    ///
    /// # Errors
    /// The system refused.
    pub fn write(&self, path: &Path) -> Result<(), WriteError> {
        let screw = |s: &Screw| FileScrew {
            level: s.level.to_string(),
            side: s.side,
            entry_ct_mm: s.entry.to_array(),
            target_ct_mm: s.target.to_array(),
            diameter_mm: s.diameter_mm,
            length_mm: s.length_mm,
        };
        let file = FileContent {
            format: FORMAT.into(),
            frame: FRAME.into(),
            labels_sha256: self.labels_sha256.clone(),
            screws: self.screws.iter().map(screw).collect(),
        };
        let text = serde_json::to_string_pretty(&file).unwrap_or_default();
        write_whole(path, format!("{text}\n").as_bytes())
    }

    /// Whether the plan was made on `labels`.
    ///
    /// # Errors
    /// [`PlanError::OtherAnatomy`].
    pub fn check_anatomy(&self, labels: &LabelMap) -> Result<(), PlanError> {
        let found = labels_hash(labels);
        if self.labels_sha256.eq_ignore_ascii_case(&found) {
            return Ok(());
        }
        let start = |hash: &str| hash.chars().take(12).collect();
        Err(PlanError::OtherAnatomy { planned: start(&self.labels_sha256), found: start(&found) })
    }
}

impl FileScrew {
    fn screw(self, number: usize) -> Result<Screw, PlanError> {
        let level = Level::from_name(&self.level).filter(|l| l.is_vertebra()).ok_or_else(|| PlanError::Screw {
            number,
            name: format!("{} {}", self.level, self.side.name()),
            why: "its level is none of C1 to L6".into(),
        })?;
        let (entry, target) = (Point::from(self.entry_ct_mm), Point::from(self.target_ct_mm));
        Ok(Screw { level, side: self.side, entry, target, diameter_mm: self.diameter_mm, length_mm: self.length_mm })
    }
}

fn check_screw(number: usize, screw: &Screw) -> Result<(), PlanError> {
    let wrong = |why: String| PlanError::Screw { number, name: screw.name(), why };
    let within = |what: &str, value: f64, [low, high]: [f64; 2]| {
        let is_right = (low..=high).contains(&value);
        if is_right { Ok(()) } else { Err(wrong(format!("{what} is {value} mm, it must be {low} to {high}"))) }
    };
    within("diameter_mm", screw.diameter_mm, DIAMETER_RANGE_MM)?;
    within("length_mm", screw.length_mm, LENGTH_MM)?;
    for (what, place) in [("entry_ct_mm", screw.entry), ("target_ct_mm", screw.target)] {
        for coordinate in place.to_array() {
            within(what, coordinate, [-REACH_MM, REACH_MM])?;
        }
    }
    let (apart, length) = (screw.entry.distance(screw.target), screw.length_mm);
    if apart < 1.0 || (apart - length).abs() > TARGET_MM {
        return Err(wrong(format!(
            "entry and target are {apart:.1} mm apart and the screw is {length} mm long; they may differ by {TARGET_MM} mm"
        )));
    }
    Ok(())
}
