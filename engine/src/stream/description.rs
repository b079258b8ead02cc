//! What a session is, for whoever joins it: one JSON object.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use super::frame::SCHEMA;
use super::meshes::{CHUNK_BYTES, LevelMeshes};
use crate::case::Case;
use crate::journal::{RecordedRegistration, case_hash};
use crate::plan::PlannedScrew;
use crate::rt::{SESSION_STATES, TOOL_STATES, ToolRole, TrackedTool};
use crate::safety::{Alarm, ToolReason};

/// Longest description that is read, bytes.
pub const MOST_DESCRIPTION_BYTES: usize = 256 * 1024;

/// A tracked array.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct DescribedTool {
    /// Its number in snapshots.
    pub id: u16,
    /// `"instrument"` or `"second reference"`.
    pub role: String,
    /// Calibration of the tip, 16 numbers row by row.
    pub tool_from_tip: [f64; 16],
}

/// Where the CT lies on the patient, and how far to trust it.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct DescribedRegistration {
    /// 16 numbers row by row.
    pub patient_from_ct: [f64; 16],
    /// `"accepted"`, `"doubtful"` or `"rejected"`, in the program's words.
    pub verdict: String,
    /// RMS distance of the inliers, mm.
    pub rms_mm: f64,
    /// Points on the bone.
    pub inliers: u32,
    /// Why, one reason a line.
    pub reasons: String,
}

/// A bone surface and how to ask for it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct DescribedLevel {
    /// Its number in snapshots (VerSe).
    pub number: u8,
    /// Its name, `"L3"`.
    pub name: String,
    /// Length of the binary STL, bytes.
    pub stl_bytes: usize,
    /// Pieces it is sent in.
    pub chunks: usize,
    /// SHA-256 of the STL, hexadecimal.
    pub stl_sha256: String,
}

/// What the numbers in a snapshot's words stand for, by position.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct DescribedWords {
    /// Steps of a session.
    pub session_states: Vec<String>,
    /// States of a tool or the reference.
    pub tool_states: Vec<String>,
    /// Reasons of a tool, counted from 1; 0 is none.
    pub tool_reasons: Vec<String>,
    /// Alarms by bit, each with what to do.
    pub alarms: Vec<String>,
}

/// What a session is. Names no patient, no user, no machine and no date.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct SessionDescription {
    /// [`SCHEMA`].
    pub schema: u16,
    /// Version of the engine.
    pub program: String,
    /// The session's number, 16 hexadecimal digits.
    pub session: String,
    /// Where the poses come from.
    pub tracker: String,
    /// SHA-256 of what navigation sees of the case, hexadecimal.
    pub case_sha256: String,
    /// The registration the session began with.
    pub registration: DescribedRegistration,
    /// The tracked arrays, in the order of the snapshot.
    pub tools: Vec<DescribedTool>,
    /// Bone surfaces, from head to foot.
    pub levels: Vec<DescribedLevel>,
    /// Bytes of a piece of a surface; the last is shorter.
    pub chunk_bytes: usize,
    /// Bits and numbers in words.
    pub words: DescribedWords,
    /// Planned screws as the engine graded them; empty without a plan.
    #[serde(default)]
    pub plan: Vec<PlannedScrew>,
    /// True when the alignment is followed and may be asked for.
    #[serde(default)]
    pub follows_alignment: bool,
    /// Levels that a person renamed before the session: their name in the case's folder, and in the session.
    #[serde(default)]
    pub renamed: BTreeMap<String, String>,
}

/// Bytes as hexadecimal digits.
#[must_use]
pub fn hexadecimal(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}

impl SessionDescription {
    /// The description of a session that begins, without a plan, an alignment and renamed levels.
    #[must_use]
    pub fn new(
        session: u64,
        tracker: String,
        case: &Case,
        meshes: &LevelMeshes,
        registration: &RecordedRegistration,
        tools: &[TrackedTool],
    ) -> Self {
        let level = |mesh: &super::meshes::LevelMesh| DescribedLevel {
            number: mesh.level.number(),
            name: mesh.level.to_string(),
            stl_bytes: mesh.stl.len(),
            chunks: mesh.stl.len().div_ceil(CHUNK_BYTES),
            stl_sha256: hexadecimal(&mesh.sha256),
        };
        let tool = |tool: &TrackedTool| DescribedTool {
            id: tool.id.0,
            role: match tool.role {
                ToolRole::Instrument => "instrument".into(),
                ToolRole::SecondReference => "second reference".into(),
            },
            tool_from_tip: tool.tool_from_tip.to_row_major(),
        };
        Self {
            schema: SCHEMA,
            program: env!("CARGO_PKG_VERSION").into(),
            session: format!("{session:016x}"),
            tracker,
            case_sha256: hexadecimal(&case_hash(case)),
            registration: DescribedRegistration {
                patient_from_ct: registration.patient_from_ct.to_row_major(),
                verdict: registration.verdict.to_string(),
                rms_mm: registration.rms_mm,
                inliers: registration.inliers,
                reasons: registration.reasons.clone(),
            },
            tools: tools.iter().map(tool).collect(),
            levels: meshes.iter().map(level).collect(),
            chunk_bytes: CHUNK_BYTES,
            words: words(),
            plan: Vec::new(),
            follows_alignment: false,
            renamed: BTreeMap::new(),
        }
    }
}

fn words() -> DescribedWords {
    DescribedWords {
        session_states: SESSION_STATES.iter().map(ToString::to_string).collect(),
        tool_states: TOOL_STATES.iter().map(|state| format!("{state:?}").to_lowercase()).collect(),
        tool_reasons: ToolReason::ALL.iter().map(|reason| format!("{reason:?}")).collect(),
        alarms: Alarm::ALL.iter().map(|alarm| alarm.advice().to_owned()).collect(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::fault::phantom;
    use crate::level::Level;
    use crate::plan::{Assessment, Breach, Direction, Grade, Screw, Side};
    use geom::Point;

    /// A screw whose numbers have no last bit to lose.
    fn planned() -> PlannedScrew {
        let screw = Screw {
            level: Level::from_number(22).unwrap(),
            side: Side::Left,
            entry: Point::new(24.5, -88.0, 310.25),
            target: Point::new(10.5, -130.0, 312.0),
            diameter_mm: 6.5,
            length_mm: 45.0,
        };
        let found = Assessment {
            grade: Grade::B,
            grade_95: Grade::C,
            pedicle: Breach { outward_mm: 1.5, at_mm: 20.0, direction: Direction::Medial },
            stretch_mm: [12.0, 24.5],
            body: None,
            canal_mm: Some([-1.5, 20.0]),
            tip_depth_mm: 8.0,
            entry_gap_mm: 0.25,
            surface_sd_mm: 0.5,
            registration_sd_mm: Some(0.75),
            notes: vec!["the breach is that into the canal behind the pedicle".into()],
        };
        PlannedScrew { screw, found }
    }

    #[test]
    fn screws_arrive_as_they_were_graded_and_an_engine_without_a_plan_has_none() {
        let case = phantom::case().unwrap();
        let meshes = LevelMeshes::new(&case);
        let registration = RecordedRegistration::from(&phantom::registration().unwrap());
        let without = SessionDescription::new(1, "phantom".into(), &case, &meshes, &registration, &phantom::tools());
        let renamed = BTreeMap::from([("T12".to_owned(), "L1".to_owned())]);
        let made = SessionDescription { plan: vec![planned(); crate::plan::MOST_SCREWS], renamed, ..without };
        let json = serde_json::to_vec(&made).unwrap();
        assert!(json.len() < MOST_DESCRIPTION_BYTES, "{}", json.len());
        let back: SessionDescription = serde_json::from_slice(&json).unwrap();
        assert_eq!((&back.plan, &back.renamed), (&made.plan, &made.renamed));
        let mut older: serde_json::Value = serde_json::from_slice(&json).unwrap();
        for key in ["plan", "renamed", "follows_alignment"] {
            older.as_object_mut().unwrap().remove(key);
        }
        let older: SessionDescription = serde_json::from_value(older).unwrap();
        assert!(older.plan.is_empty() && older.renamed.is_empty() && !older.follows_alignment);
    }

    #[test]
    fn a_description_comes_back_and_names_every_number() {
        let case = phantom::case().unwrap();
        let meshes = LevelMeshes::new(&case);
        let registration = RecordedRegistration::from(&phantom::registration().unwrap());
        let made = SessionDescription::new(0xab, "phantom".into(), &case, &meshes, &registration, &phantom::tools());
        let json = serde_json::to_vec(&made).unwrap();
        assert!(json.len() < MOST_DESCRIPTION_BYTES);
        let back: SessionDescription = serde_json::from_slice(&json).unwrap();
        // A number in JSON may lose its last bit.
        let pose = |d: &SessionDescription| d.registration.patient_from_ct;
        assert!(pose(&back).iter().zip(pose(&made)).all(|(back, made)| (back - made).abs() < 1e-9));
        assert_eq!((&back.tools, &back.levels, &back.words), (&made.tools, &made.levels, &made.words));
        assert_eq!(
            (made.session.as_str(), made.tools.len(), made.levels[0].name.as_str()),
            ("00000000000000ab", 3, "L3")
        );
        assert_eq!(made.words.tool_states.len(), 5);
        assert_eq!((made.words.session_states[4].as_str(), made.words.tool_states[0].as_str()), ("navigating", "live"));
    }
}
