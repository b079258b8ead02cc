//! A practice in words: what is asked for, where to go on, what came of it.

use bevy::prelude::*;

use super::super::layout::SpineView;
use super::super::palette;
use super::super::widgets::{self, text};
use super::{Means, Practice};

/// Where the words begin in a window, design pixels: inside the frame.
const TOP: f32 = 15.0;
/// Lines there are.
const LINES: usize = 4;
/// Columns of a line.
const COLUMNS: usize = 84;
/// Height of the letters, design pixels.
const SIZE: f32 = 19.0;

/// A line of the words.
#[derive(Component)]
pub struct PracticeLine(usize);

/// Puts the words into a window, once there is a view of the spine.
pub fn spawn(mut commands: Commands<'_, '_>, views: Query<'_, '_, Entity, Added<SpineView>>) {
    let Ok(view) = views.single() else { return };
    let (place, chip) = widgets::note(TOP);
    commands.entity(view).with_children(|view| {
        view.spawn((place, chip, GlobalZIndex(1))).with_children(|lines| spawn_lines(lines, LineBreak::NoWrap));
    });
}

/// Puts empty lines into what lays them out.
pub fn spawn_lines(lines: &mut ChildSpawnerCommands<'_>, breaks: LineBreak) {
    for number in 0..LINES {
        lines.spawn((text("", SIZE, palette::TEXT), PracticeLine(number))).insert(TextLayout::linebreak(breaks));
    }
}

/// Follows the practice.
pub fn tell(
    practice: Res<'_, Practice>,
    means: Res<'_, Means>,
    added: Query<'_, '_, (), Added<PracticeLine>>,
    mut lines: Query<'_, '_, (&PracticeLine, &mut Text, &mut TextColor)>,
) {
    if !practice.is_changed() && added.is_empty() {
        return;
    }
    let told = words(&practice, *means);
    for (line, mut text, mut color) in &mut lines {
        let Some((words, ink)) = told.get(line.0) else { continue };
        if text.0 != *words {
            text.0.clone_from(words);
        }
        color.set_if_neq(TextColor(*ink));
    }
}

/// Four lines; an empty one takes no room.
fn words(practice: &Practice, means: Means) -> [(String, Color); LINES] {
    let levels: Vec<String> = practice.levels.iter().map(ToString::to_string).collect();
    let begin = format!("PRACTICE  {} laid open", levels.join(" "));
    if let Some(score) = &practice.score {
        let ink = if score.is_good { palette::GOOD } else { palette::CAUTION };
        let ended = match means {
            Means::Mouse => "The practice is over: Enter closes the window and keeps it.",
            Means::Hands => "The practice is over: point at END; it is kept.",
        };
        let counts = format!("{begin}  {}", counts(practice));
        return [
            (fitting(&counts), palette::CAPTION),
            (fitting(&score.words), ink),
            (ended.into(), palette::TEXT),
            Default::default(),
        ];
    }
    let refusal = (practice.refusal.as_deref().map(fitting).unwrap_or_default(), palette::CAUTION);
    if let Some(landmark) = &practice.landmark {
        let (number, count) = (landmark.number, landmark.count);
        let asked = format!("TOUCH LANDMARK {number} of {count} (ring): {}", landmark.words);
        let keys = match means {
            Means::Mouse => "A click on the bone touches, a drag beside it turns   Backspace: take one back",
            Means::Hands => "Point at the bone, trigger: touch   grab: move it, both hands: size",
        };
        let first = format!("{begin}  STEP 1 of 2: landmarks");
        return [(first, palette::CAPTION), (fitting(&asked), palette::TEXT), (keys.into(), palette::CAPTION), refusal];
    }
    let (first, keys) = match means {
        Means::Mouse => {
            ("click or drag on the bone, turn beside it", "  Backspace: take a stroke back  Enter: register")
        }
        Means::Hands => ("hold the trigger and draw over the bone", ""),
    };
    let first = format!("{begin}  STEP 2 of 2: {first}");
    let keys = format!("{}{keys}", counts(practice));
    let hint = match &practice.hint {
        _ if practice.is_busy() => "looking where to go on ...".to_owned(),
        Some(h) => format!("TAKE POINTS HERE (ring): {}, {:.2} -> {:.2} mm", h.words, h.before_mm, h.after_mm),
        None if practice.points() == 0 => practice.landmark_fre_mm.map_or_else(String::new, |mm| {
            format!("The landmarks fit within {mm:.1} mm (FRE): draw over the bone now")
        }),
        None => "no registration yet: touch more".to_owned(),
    };
    [(first, palette::CAPTION), (fitting(&keys), palette::TEXT), (fitting(&hint), palette::TEXT), refusal]
}

fn counts(practice: &Practice) -> String {
    format!("{} points in {} strokes", practice.points(), practice.strokes.len())
}

/// ASCII, and no longer than a line.
fn fitting(words: &str) -> String {
    words.chars().map(|c| if c.is_ascii() { c } else { '?' }).take(COLUMNS).collect()
}
