//! What a session says about itself in its first record.

use sha2::{Digest, Sha256};

use super::payload::{Fields, Layout, Payload};
use crate::case::Case;
use crate::rt::{LoopSettings, ToolRole, TrackedTool, TrackerErrors};
use crate::track::{ToolId, ToolList};

/// Everything but the case that a replay needs to make the same navigation
/// loop. Names no patient, no user, no machine and no date.
#[derive(Debug, Clone, PartialEq)]
pub struct SessionStart {
    /// Version of the program, `"0.1.0"`.
    pub program: String,
    /// Operating system, architecture and processors, `"linux x86_64 2"`.
    pub machine: String,
    /// [`case_hash`] of the case.
    pub case_hash: [u8; 32],
    /// SHA-256 of all settings of the loop in words.
    pub settings_hash: [u8; 32],
    /// The settings in words, cut at 1000 bytes.
    pub settings: String,
    /// Measurement errors assumed of the tracker.
    pub errors: TrackerErrors,
    /// The tracked arrays and their calibrations.
    pub tools: ToolList<TrackedTool>,
}

impl SessionStart {
    /// What this program on this machine has to say.
    #[must_use]
    pub fn new(
        case_hash: [u8; 32],
        settings: &LoopSettings,
        errors: TrackerErrors,
        tools: ToolList<TrackedTool>,
    ) -> Self {
        let processors = std::thread::available_parallelism().map_or(0, usize::from);
        let words = format!("{settings:?}");
        Self {
            program: env!("CARGO_PKG_VERSION").into(),
            machine: format!("{} {} {processors}", std::env::consts::OS, std::env::consts::ARCH),
            case_hash,
            settings_hash: Sha256::digest(&words).into(),
            settings: words,
            errors,
            tools,
        }
    }

    /// Checks that a loop with these settings on this case is the one that was
    /// recorded.
    ///
    /// # Errors
    /// What differs, in words.
    pub fn check(&self, case_hash: &[u8; 32], settings: &LoopSettings) -> Result<(), String> {
        let words = format!("{settings:?}");
        if self.case_hash == NO_CASE {
            return Err("it was recorded without a case and shows nothing; play it as a tracker".into());
        }
        if self.case_hash != *case_hash {
            return Err("it was recorded with another case; give the case of that session".into());
        }
        let hash: [u8; 32] = Sha256::digest(&words).into();
        if self.settings_hash != hash {
            return Err(format!("it was recorded with other settings ({}), these are {words}", self.settings));
        }
        Ok(())
    }

    /// As the content of a record.
    #[must_use]
    pub fn payload(&self) -> Payload {
        let mut payload = Payload::default();
        payload.text(&self.program, 32).text(&self.machine, 64).bytes(&self.case_hash).bytes(&self.settings_hash);
        payload.text(&self.settings, 1000).f64(self.errors.position_mm).f64(self.errors.rotation_rad);
        payload.u8(u8::try_from(self.tools.len()).unwrap_or(0));
        for tool in self.tools.iter() {
            let role = match tool.role {
                ToolRole::Instrument => 0,
                ToolRole::SecondReference => 1,
            };
            payload.u16(tool.id.0).u8(role).pose(&tool.tool_from_tip);
        }
        payload
    }

    pub(super) fn read(fields: &mut Fields<'_>) -> Layout<Self> {
        let (program, machine) = (fields.text()?.into(), fields.text()?.into());
        let (case_hash, settings_hash) = (fields.array()?, fields.array()?);
        let settings = fields.text()?.into();
        let errors = TrackerErrors { position_mm: fields.f64()?, rotation_rad: fields.f64()? };
        let mut tools: ToolList<TrackedTool> = ToolList::default();
        for _ in 0..fields.u8()? {
            let id = ToolId(fields.u16()?);
            let role = match fields.u8()? {
                0 => ToolRole::Instrument,
                1 => ToolRole::SecondReference,
                _ => return Err("there is no such role of an array"),
            };
            if !tools.push(TrackedTool { id, role, tool_from_tip: fields.pose()? }) {
                return Err("it has more than eight arrays");
            }
        }
        Ok(Self { program, machine, case_hash, settings_hash, settings, errors, tools })
    }
}

/// In the place of [`case_hash`] for a recording of a tracker alone.
pub const NO_CASE: [u8; 32] = [0; 32];

/// SHA-256 of what navigation sees of a case: bone surfaces and their levels,
/// and the grid of the CT. About 10 ms a million surface points.
#[must_use]
pub fn case_hash(case: &Case) -> [u8; 32] {
    let mut hash = Sha256::new();
    let (cloud, levels) = case.surface_points();
    for coordinate in cloud.points.iter().flatten() {
        hash.update(coordinate.to_bits().to_le_bytes());
    }
    hash.update(&levels);
    for size in case.ct.grid.size() {
        hash.update((size as u64).to_le_bytes());
    }
    for number in case.ct.grid.ct_from_voxel().iter() {
        hash.update(number.to_bits().to_le_bytes());
    }
    hash.finalize().into()
}
