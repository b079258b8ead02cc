//! The keys of the window: one table that is obeyed and shown on `F1`.

use bevy::prelude::*;

use super::hanging::SliceMode;
use super::plane::Plane;
use super::slices::SliceWindow;
use super::volume::VolumeSettings;
use super::volume::clip::{ClipBox, ToolCut};
use super::volume::transfer::Preset;

/// What a key does.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Action {
    /// The standard view.
    StandardView,
    /// A plane large over the 3-D view; `None` for all views.
    Enlarge(Option<Plane>),
    /// Draws the CT, or not.
    Volume,
    /// The next preset of the CT.
    Preset,
    /// Draws the bone surfaces, or not.
    Surfaces,
    /// The CT around the spine, or whole.
    ClipBox,
    /// Cuts the CT open at the tip.
    Cut,
    /// The next window of the slices.
    Window,
    /// Slices in the patient's planes, or along the tool.
    Slices,
    /// Begins or ends a video.
    Video,
    /// Saves the screen.
    Screenshot,
    /// Shows or hides the keys.
    Help,
}

/// A key, how it is called, what it does, and in words.
pub const KEYS: [(KeyCode, &str, Action, &str); 15] = [
    (KeyCode::KeyR, "R", Action::StandardView, "standard view"),
    (KeyCode::Digit1, "1", Action::Enlarge(Some(Plane::Axial)), "axial slice or probe's eye large"),
    (KeyCode::Digit2, "2", Action::Enlarge(Some(Plane::Sagittal)), "sagittal slice or in-line one large"),
    (KeyCode::Digit3, "3", Action::Enlarge(Some(Plane::Coronal)), "coronal slice or other in-line one large"),
    (KeyCode::Digit0, "0", Action::Enlarge(None), "all views"),
    (KeyCode::KeyT, "T", Action::Slices, "slices: of the patient, or along the tool"),
    (KeyCode::KeyW, "W", Action::Window, "slices: bone, soft tissue, vessels, lung"),
    (KeyCode::KeyV, "V", Action::Volume, "the CT itself on and off"),
    (KeyCode::KeyB, "B", Action::Preset, "CT: bone, bone + skin, angiography"),
    (KeyCode::KeyM, "M", Action::Surfaces, "bone surfaces on and off"),
    (KeyCode::KeyX, "X", Action::ClipBox, "CT: whole or around the spine"),
    (KeyCode::KeyC, "C", Action::Cut, "CT: cut across or along the tool"),
    (KeyCode::KeyS, "S", Action::Screenshot, "save a screenshot"),
    (KeyCode::F9, "F9", Action::Video, "begin or end a video (PNG files)"),
    (KeyCode::F1, "F1", Action::Help, "this help"),
];
/// What the mouse does.
const MOUSE: [(&str, &str); 5] = [
    ("left drag", "turn the spine"),
    ("right drag", "move it; on a slice: brightness and contrast"),
    ("wheel", "nearer, farther"),
    ("click", "on a slice: large; again: back"),
    ("drop", "a CT or a case: open it"),
];
/// Keys that answer where corrections may be made ([`super::corrections`]).
const CORRECTIONS: [(&str, &str); 1] = [("L", "correct landmarks and level names (with --corrections, --by)")];

/// The text of the help.
#[must_use]
pub fn help() -> String {
    let keys = KEYS.iter().map(|(_, name, _, words)| (*name, *words));
    let lines = MOUSE.into_iter().chain(keys).chain(CORRECTIONS).map(|(name, words)| format!("{name:<11} {words}"));
    lines.collect::<Vec<_>>().join("\n")
}

/// What was pressed this frame.
pub fn pressed(keys: &ButtonInput<KeyCode>) -> impl Iterator<Item = Action> {
    KEYS.iter().filter(|(key, ..)| keys.just_pressed(*key)).map(|(_, _, action, _)| *action)
}

/// What the keys of [`apply`] change.
pub struct Chosen<'a> {
    /// How the CT is drawn.
    pub volume: &'a mut VolumeSettings,
    /// Which HU of the slices are black, which white.
    pub window: &'a mut SliceWindow,
    /// Which planes the slices are cut in.
    pub slices: &'a mut SliceMode,
}

/// Changes how the CT and the slices are drawn; other actions are not for here.
pub fn apply(action: Action, settings: Chosen<'_>, own: Option<&Preset>) {
    let Chosen { volume, window, slices } = settings;
    match action {
        Action::Volume => volume.is_shown = !volume.is_shown,
        Action::Surfaces => volume.has_surfaces = !volume.has_surfaces,
        Action::Preset => volume.show_next_preset(own),
        Action::ClipBox => {
            volume.clip_box = if volume.clip_box == ClipBox::Whole { ClipBox::Spine } else { ClipBox::Whole };
        }
        Action::Cut => {
            volume.cut = match volume.cut {
                ToolCut::Nothing => ToolCut::Across,
                ToolCut::Across => ToolCut::Along,
                ToolCut::Along => ToolCut::Nothing,
            };
        }
        Action::Window => *window = window.next(),
        Action::Slices => *slices = slices.next(),
        _ => {}
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn no_key_has_two_meanings_and_all_are_told() {
        for (i, (key, name, action, words)) in KEYS.iter().enumerate() {
            assert!(KEYS[i + 1..].iter().all(|(other, _, meaning, _)| other != key && meaning != action), "{name}");
            assert!(help().contains(words));
        }
        assert!(help().is_ascii(), "the font has nothing else");
    }

    #[test]
    fn presets_come_round_again_with_the_users_own() {
        let own = Preset::Curve(Vec::new());
        let (mut volume, mut window) = (VolumeSettings::default(), SliceWindow::default());
        let mut slices = SliceMode::default();
        let mut seen = vec![volume.preset.name()];
        for _ in 0..4 {
            let chosen = Chosen { volume: &mut volume, window: &mut window, slices: &mut slices };
            apply(Action::Preset, chosen, Some(&own));
            seen.push(volume.preset.name());
        }
        assert_eq!(seen, ["bone", "bone + skin", "angiography", "own curve", "bone"]);
        assert!(volume.is_shown);
    }
}
