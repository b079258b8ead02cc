//! What the user chose last, kept between runs: a JSON file.
//!
//! Keys that are left out have their defaults; a key nobody knows or a value
//! out of range is refused with its name, so that a wrong file never half
//! works. Nothing of a patient is kept. Called by the window ([`super::window`]),
//! and for pictures where a file is named.

use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use anyhow::{Context, Result, ensure};
use bevy::prelude::*;
use serde::{Deserialize, Serialize};

use super::hanging::SliceMode;
use super::slices::SliceWindow;
use super::volume::VolumeSettings;

/// Longest file that is read, bytes.
const MAX_BYTES: u64 = 1 << 18;
/// Rest after the last change before the file is written.
const REST: Duration = Duration::from_secs(1);

/// All that is kept.
#[derive(Debug, Clone, PartialEq, Default, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct SceneSettings {
    /// Which HU of the slices are black, which white.
    pub window: SliceWindow,
    /// Which planes the slices are cut in.
    pub slices: SliceMode,
    /// How the CT is drawn.
    pub volume: VolumeSettings,
}

impl SceneSettings {
    /// The file in the user's own folder; `None` where there is no such folder.
    #[must_use]
    pub fn user_file() -> Option<PathBuf> {
        let folder = |name: &str| std::env::var_os(name).map(PathBuf::from).filter(|path| path.is_absolute());
        let configuration = if cfg!(windows) {
            folder("APPDATA")
        } else {
            folder("XDG_CONFIG_HOME").or_else(|| folder("HOME").map(|home| home.join(".config")))
        };
        configuration.map(|folder| folder.join("spinenav").join("scene.json"))
    }

    /// Reads `path`; `None` when there is no such file.
    ///
    /// # Errors
    /// The file cannot be read, is longer than 256 kB, is not JSON, has an
    /// unknown key or a value out of range; the message says which.
    pub fn read(path: &Path) -> Result<Option<Self>> {
        let what = || format!("the settings {} cannot be used; correct or delete the file", path.display());
        let length = match std::fs::metadata(path) {
            Err(error) if error.kind() == std::io::ErrorKind::NotFound => return Ok(None),
            other => other.with_context(what)?.len(),
        };
        ensure!(length <= MAX_BYTES, "the settings {} have {length} bytes, more than {MAX_BYTES}", path.display());
        let text = std::fs::read_to_string(path).with_context(what)?;
        Self::from_json(&text).with_context(what).map(Some)
    }

    fn from_json(text: &str) -> Result<Self> {
        let settings: Self = serde_json::from_str(text)?;
        let SliceWindow { centre_hu, width_hu } = settings.window;
        let is_possible = settings.window.dragged(0.0, 0.0) == settings.window;
        ensure!(is_possible, "no slice is drawn with a window of centre_hu {centre_hu}, width_hu {width_hu}");
        settings.volume.check()?;
        Ok(settings)
    }

    /// Writes `path`, whole or not at all.
    ///
    /// # Errors
    /// The folder cannot be made or the file cannot be written.
    pub fn write(&self, path: &Path) -> Result<()> {
        let what = || format!("the settings {} were not saved", path.display());
        if let Some(folder) = path.parent() {
            std::fs::create_dir_all(folder).with_context(what)?;
        }
        let new = path.with_extension(format!("json.{}", std::process::id()));
        std::fs::write(&new, format!("{}\n", serde_json::to_string_pretty(self)?)).with_context(what)?;
        std::fs::rename(&new, path).with_context(what)
    }
}

/// The file that follows what the user chooses.
#[derive(Resource)]
pub struct SettingsFile {
    path: PathBuf,
    changed: Option<Instant>,
}

impl SettingsFile {
    /// Keeps `path` up to date.
    #[must_use]
    pub const fn new(path: PathBuf) -> Self {
        Self { path, changed: None }
    }

    /// Where it is.
    #[must_use]
    pub fn path(&self) -> &Path {
        &self.path
    }
}

/// Saves what was chosen when nothing more has been chosen for a second, or the
/// window closes.
pub fn save(
    mut file: ResMut<'_, SettingsFile>,
    volume: Res<'_, VolumeSettings>,
    window: Res<'_, SliceWindow>,
    slices: Res<'_, SliceMode>,
    mut closes: MessageReader<'_, '_, AppExit>,
    mut is_begun: Local<'_, bool>,
) {
    // What is put in at the start counts as changed, but was not chosen.
    let is_chosen = volume.is_changed() || window.is_changed() || slices.is_changed();
    if is_chosen && std::mem::replace(&mut *is_begun, true) {
        file.changed = Some(Instant::now());
    }
    let is_closing = closes.read().next().is_some();
    if file.changed.is_none_or(|changed| !is_closing && changed.elapsed() < REST) {
        return;
    }
    file.changed = None;
    let settings = SceneSettings { window: *window, slices: *slices, volume: volume.clone() };
    if let Err(error) = settings.write(&file.path) {
        tracing::warn!("{error:#}");
    }
}

#[cfg(test)]
mod tests {
    use super::super::volume::clip::{ClipBox, ToolCut};
    use super::super::volume::transfer::Preset;
    use super::*;

    #[test]
    fn what_was_chosen_is_there_again_and_left_out_keys_have_defaults() {
        let path = std::env::temp_dir().join(format!("spinenav-settings-{}", std::process::id())).join("scene.json");
        assert_eq!(SceneSettings::read(&path).unwrap(), None);
        let curve = Preset::from_text("-200 0 0 0 0\n300 1 0.5 0 0.4").unwrap();
        let clip_box = ClipBox::Corners([0.0, 1.0, 2.0], [3.0, 4.0, 5.0]);
        let volume = VolumeSettings { preset: curve, clip_box, cut: ToolCut::Along, ..VolumeSettings::default() };
        let window = SliceWindow { centre_hu: 40.0, width_hu: 350.0 };
        let chosen = SceneSettings { window, slices: SliceMode::Tool, volume };
        chosen.write(&path).unwrap();
        assert_eq!(SceneSettings::read(&path).unwrap(), Some(chosen));
        std::fs::remove_dir_all(path.parent().unwrap()).unwrap();
        assert_eq!(SceneSettings::from_json("{}").unwrap(), SceneSettings::default());
        let one = SceneSettings::from_json(r#"{"slices": "tool", "volume": {"preset": "bone-skin"}}"#).unwrap();
        assert_eq!((one.slices, one.volume.preset), (SliceMode::Tool, Preset::BoneAndSkin));
    }

    #[test]
    fn a_wrong_file_is_refused_by_name() {
        for (text, word) in [
            (r#"{"windows": {}}"#, "windows"),
            (r#"{"volume": {"presett": "bone"}}"#, "presett"),
            (r#"{"volume": {"preset": "muscle"}}"#, "muscle"),
            (r#"{"window": {"width_hu": -5}}"#, "-5"),
            (r#"{"volume": {"clip_box": {"corners": [[0, 0, 0], [0, 1, 1]]}}}"#, "corner"),
            (r#"{"volume": {"preset": {"curve": [{"hu": 1, "rgb": [0, 0, 9], "opacity": 0}]}}}"#, "curve"),
            ("", "EOF"),
        ] {
            let error = format!("{:#}", SceneSettings::from_json(text).unwrap_err());
            assert!(error.contains(word), "{text}: {error}");
        }
    }
}
