//! The numbers, large enough to be read from two metres.
//!
//! A missing value is "--"; an old one is never kept.

use std::fmt::Write;

use bevy::prelude::*;
use engine::register::Verdict;
use engine::safety::SessionState;

use super::picture::{Condition, Picture};
use super::widgets::{self, Area, text};
use super::{Content, SceneHeader, palette, status};

/// Characters of a row of small print.
const ROW_CHARACTERS: usize = 46;
/// What is written for a value nobody stands behind.
const MISSING: &str = "--";

/// A text that follows the picture.
#[derive(Component, Debug, Clone, Copy, PartialEq, Eq)]
pub enum Field {
    /// Level of the nearest bone.
    Level,
    /// Distance from the tip to bone.
    Distance,
    /// Predicted error at the tip.
    Error,
    /// Age of the pose.
    Age,
    /// State of the instrument.
    Tool,
    /// Step of the session.
    Session,
    /// Why nothing is shown.
    Banner,
}

impl Field {
    /// Writes the field's words over what `out` holds.
    fn write(self, picture: &Picture, header: &SceneHeader, out: &mut String) {
        out.clear();
        let number = |out: &mut String, value: Option<f32>, digits: usize| match value {
            Some(value) => write!(out, "{value:.digits$}"),
            None => out.write_str(MISSING),
        };
        // Writing to a string cannot fail.
        let _ = match self {
            Self::Level => match picture.level {
                Some(level) => write!(out, "{level}"),
                None => out.write_str(MISSING),
            },
            Self::Distance => number(out, picture.bone_distance_mm, 1),
            Self::Error => number(out, picture.predicted_tre_mm, 1),
            Self::Age => number(out, picture.pose_age_ms, 0),
            Self::Tool => out.write_str(picture.condition.name()),
            Self::Session if header.is_practice => out.write_str("virtual patient"),
            Self::Session if header.is_demonstration => out.write_str("demo"),
            Self::Session => out.write_str(picture.session.map_or(MISSING, session_name)),
            Self::Banner => out.write_str(picture.condition.banner().unwrap_or_default()),
        };
    }
}

/// What is told of the registration: it stays as it is, except where one is practised.
#[derive(Component, Debug, Clone, Copy, PartialEq, Eq)]
pub enum Registered {
    /// Its verdict.
    Verdict,
    /// RMS residual.
    Rms,
    /// Predicted error at the centre.
    CentreTre,
}

impl Registered {
    /// Words and ink, in the order of the variants.
    pub fn words(
        verdict: Option<Verdict>,
        rms_mm: Option<f64>,
        centre_tre_mm: Option<f64>,
        without: &str,
    ) -> [(String, Color); 3] {
        let ink = match verdict {
            Some(Verdict::Accept) => palette::GOOD,
            Some(Verdict::Doubtful) => palette::CAUTION,
            Some(Verdict::Reject) => Color::srgb(1.0, 0.42, 0.38),
            None => palette::CAPTION,
        };
        // What a rejected registration predicts about itself is worth nothing.
        let usable_mm = centre_tre_mm.filter(|_| verdict.is_some_and(|verdict| verdict != Verdict::Reject));
        let mm = |value: Option<f64>| {
            let words = value.filter(|v| v.is_finite()).map_or_else(|| MISSING.into(), |v| format!("{v:.2} mm"));
            (words, palette::TEXT)
        };
        [(verdict.map_or_else(|| without.into(), |v| v.to_string()), ink), mm(rms_mm), mm(usable_mm)]
    }
}

const fn session_name(state: SessionState) -> &'static str {
    match state {
        SessionState::NoImage => "no image",
        SessionState::Segmented => "segmented",
        SessionState::Registered(_) => "registered",
        SessionState::Navigating => "navigating",
        SessionState::Degraded(_) => "degraded",
        SessionState::Stopped => "stopped",
    }
}

/// A box coloured by the instrument's state.
#[derive(Component)]
pub struct StateBox;

/// Words on a [`StateBox`].
#[derive(Component)]
pub struct OnStateBox;

/// The banner across a view.
#[derive(Component)]
pub struct Banner;

/// Writes the fields.
pub fn write(
    picture: Res<'_, Picture>,
    content: Res<'_, Content>,
    mut words: Local<'_, String>,
    mut fields: Query<'_, '_, (&Field, &mut Text)>,
    mut boxes: Query<'_, '_, &mut BackgroundColor, With<StateBox>>,
    mut banners: Query<'_, '_, &mut Visibility, With<Banner>>,
    mut inks: Query<'_, '_, &mut TextColor, With<OnStateBox>>,
) {
    for (field, mut text) in &mut fields {
        field.write(&picture, &content.header, &mut words);
        if text.0 != *words {
            text.0.clone_from(&words);
        }
    }
    let color = status::color(picture.condition);
    let ink = match picture.condition {
        Condition::Live | Condition::Stale => palette::BACKGROUND,
        _ => palette::ON_ALARM,
    };
    for mut text in &mut inks {
        text.set_if_neq(TextColor(ink));
    }
    for mut background in &mut boxes {
        background.set_if_neq(BackgroundColor(color));
    }
    let has_banner = picture.condition.banner().is_some();
    for mut visibility in &mut banners {
        visibility.set_if_neq(if has_banner { Visibility::Inherited } else { Visibility::Hidden });
    }
}

/// Puts the panel into `area` (430 by 430 design pixels).
pub fn spawn(parent: &mut ChildSpawnerCommands<'_>, content: &Content, area: Area, scale: f32) {
    let s = |v: f32| v * scale;
    parent.spawn((area.node(scale), BackgroundColor(palette::PANEL))).with_children(|panel| {
        let mut number = |field: Field, caption: &str, unit: &str, x: f32, y: f32, size: f32| {
            panel.spawn((text(caption, s(17.0), palette::CAPTION), widgets::at(s(x), s(y))));
            let row =
                Node { align_items: AlignItems::FlexEnd, column_gap: px(s(8.0)), ..widgets::at(s(x), s(y + 16.0)) };
            panel.spawn(row).with_children(|row| {
                row.spawn((text(MISSING, s(size), palette::TEXT), field));
                // Stands on the number's baseline.
                let raised = Node { margin: UiRect::bottom(px(s(0.17 * size - 4.0))), ..default() };
                row.spawn((text(unit, s(24.0), palette::CAPTION), raised));
            });
        };
        number(Field::Level, "LEVEL", "", 18.0, 66.0, 68.0);
        number(Field::Distance, "TIP TO BONE", "mm", 196.0, 66.0, 68.0);
        number(Field::Error, "EXPECTED ERROR", "mm", 18.0, 172.0, 68.0);
        number(Field::Age, "POSE AGE", "ms", 256.0, 172.0, 48.0);
        state_row(panel, area, scale);
        registration(panel, &content.header, scale);
        let notice = Area::new(18.0, area.height - 44.0, area.width - 36.0, 32.0);
        let mut node = notice.node(scale);
        (node.justify_content, node.align_items) = (JustifyContent::Center, AlignItems::Center);
        node.border = UiRect::all(px(s(1.5)));
        panel.spawn((node, BorderColor::all(palette::CAUTION))).with_children(|notice| {
            notice.spawn(text("RESEARCH USE ONLY", s(20.0), palette::CAUTION));
        });
    });
}

fn state_row(panel: &mut ChildSpawnerCommands<'_>, area: Area, scale: f32) {
    let s = |v: f32| v * scale;
    let row = Node {
        align_items: AlignItems::Center,
        justify_content: JustifyContent::SpaceBetween,
        padding: UiRect::horizontal(px(s(18.0))),
        ..Area::new(0.0, 0.0, area.width, 50.0).node(scale)
    };
    panel.spawn((row, StateBox, BackgroundColor(palette::ALARM))).with_children(|row| {
        row.spawn((text("", s(30.0), palette::BACKGROUND), Field::Tool, OnStateBox));
        row.spawn((text("", s(22.0), palette::BACKGROUND), Field::Session, OnStateBox));
    });
}

fn registration(panel: &mut ChildSpawnerCommands<'_>, header: &SceneHeader, scale: f32) {
    let s = |v: f32| v * scale;
    let without = if header.is_practice { "to be made" } else { "none" };
    let [(words, color), rms, tre] = Registered::words(header.verdict, header.rms_mm, header.centre_tre_mm, without);
    panel.spawn((text("REGISTRATION", s(17.0), palette::CAPTION), widgets::at(s(18.0), s(278.0))));
    panel.spawn((text(words, s(27.0), color), widgets::at(s(18.0), s(296.0)), Registered::Verdict));
    let rows = [("RMS", rms, Registered::Rms), ("centre TRE", tre, Registered::CentreTre)];
    for ((name, (value, color), tag), y) in rows.into_iter().zip([280.0, 306.0]) {
        panel.spawn((text(name, s(18.0), palette::CAPTION), widgets::at(s(198.0), s(y))));
        panel.spawn((text(value, s(20.0), color), widgets::at(s(318.0), s(y - 2.0)), tag));
    }
    // Of a path that is too long, the end tells more than the beginning.
    let end = header.ct_name.char_indices().rev().nth(ROW_CHARACTERS - 1).map_or(0, |(start, _)| start);
    for (words, y) in [(header.ct_name.get(end..).unwrap_or_default(), 336.0), (header.device.as_str(), 353.0)] {
        let place = Node {
            width: px(s(393.0)),
            max_height: px(s(32.0)),
            overflow: Overflow::clip(),
            ..widgets::at(s(18.0), s(y))
        };
        let layout = TextLayout::new(Justify::Left, LineBreak::WordBoundary);
        panel.spawn((place, text(ascii(words), s(14.0), palette::CAPTION))).insert(layout);
    }
}

/// The default font has only ASCII.
fn ascii(words: &str) -> String {
    words.chars().map(|c| if c.is_ascii() { c } else { '?' }).collect()
}

/// The banner along the upper edge of a view.
pub fn spawn_banner(parent: &mut ChildSpawnerCommands<'_>) {
    let node = Node {
        position_type: PositionType::Absolute,
        left: px(0.0),
        right: px(0.0),
        top: px(0.0),
        height: px(92.0),
        justify_content: JustifyContent::Center,
        align_items: AlignItems::Center,
        ..default()
    };
    // Over everything else in the view: notes of screws and alignment have nothing to tell under an alarm.
    parent.spawn((node, BackgroundColor(palette::ALARM), Banner, ZIndex(1), Visibility::Hidden)).with_children(
        |banner| {
            banner.spawn((text("", 48.0, palette::ON_ALARM), Field::Banner));
        },
    );
}

#[cfg(test)]
mod tests {
    use super::*;

    fn words(field: Field, picture: &Picture) -> String {
        let mut words = "left from before".to_owned();
        field.write(picture, &SceneHeader::default(), &mut words);
        words
    }

    #[test]
    fn a_missing_value_is_two_dashes() {
        let nothing = Picture::default();
        for field in [Field::Level, Field::Distance, Field::Error, Field::Age, Field::Session] {
            assert_eq!(words(field, &nothing), "--");
        }
        assert_eq!(words(Field::Banner, &nothing), "NO DATA FROM ENGINE");
    }

    #[test]
    fn a_shown_value_keeps_its_digits() {
        let picture = Picture { bone_distance_mm: Some(8.25), pose_age_ms: Some(16.6), ..Picture::default() };
        assert_eq!((words(Field::Distance, &picture), words(Field::Age, &picture)), ("8.2".into(), "17".into()));
    }
}
