//! What must not be missed, at the edges of the 3-D view: a frame in the
//! colour of the instrument's state, alarms with what to do, the steps of the
//! session, and how the CT is drawn.

use bevy::prelude::*;

use super::flow::{self, Progress, STEPS};
use super::picture::{Condition, Picture};
use super::volume::VolumeSettings;
use super::widgets::{self, text};
use super::{Content, palette};

/// Width of the frame, design pixels.
const FRAME: f32 = 7.0;
/// Height of the strip of steps, design pixels.
const STRIP: f32 = 46.0;
/// What frame and strip take of the view's lower edge, design pixels.
pub const RESERVED: f32 = STRIP + 2.0 * FRAME;
/// Most alarms shown at once.
const MAX_ALARMS: usize = 3;

/// One side of the frame.
#[derive(Component)]
pub struct StateFrame;

/// A line of an alarm.
#[derive(Component)]
pub struct AlarmLine(usize);

/// A step of the session.
#[derive(Component)]
pub struct StepChip(usize);

/// What is missing, in words.
#[derive(Component)]
pub struct StepWords;

/// How the CT is drawn, in words.
#[derive(Component)]
pub struct VolumeWords;

/// Puts everything into the 3-D view's node.
pub fn spawn(view: &mut ChildSpawnerCommands<'_>) {
    let strip = Node {
        position_type: PositionType::Absolute,
        left: px(FRAME),
        right: px(FRAME),
        bottom: px(FRAME),
        height: px(STRIP),
        align_items: AlignItems::Center,
        column_gap: px(6.0),
        padding: UiRect::horizontal(px(8.0)),
        ..default()
    };
    view.spawn((strip, BackgroundColor(palette::PANEL))).with_children(|strip| {
        for (number, name) in STEPS.iter().enumerate() {
            let chip = Node { padding: UiRect::axes(px(8.0), px(5.0)), ..default() };
            strip.spawn((chip, BackgroundColor(palette::EDGE), StepChip(number))).with_children(|chip| {
                chip.spawn(text(format!("{} {name}", number + 1), 17.0, palette::TEXT));
            });
        }
        // Two lines where one is too short for the words.
        let rest = Node { flex_grow: 1.0, flex_basis: px(0.0), min_width: px(0.0), ..default() };
        let words = strip.spawn((text("", 17.0, palette::CAUTION), rest, StepWords)).id();
        strip.commands().entity(words).insert(TextLayout::new(Justify::Left, LineBreak::WordBoundary));
    });
    let place =
        Node { position_type: PositionType::Absolute, right: px(FRAME + 8.0), bottom: px(RESERVED), ..default() };
    view.spawn((text("", 18.0, palette::CAPTION), place, widgets::chip(), VolumeWords));
    for line in 0..MAX_ALARMS {
        // On the right: level names stand on the left.
        let place = Node {
            position_type: PositionType::Absolute,
            right: px(FRAME + 8.0),
            top: px(100.0 + 34.0 * line as f32),
            padding: UiRect::axes(px(8.0), px(3.0)),
            ..default()
        };
        let chip = BackgroundColor(palette::CAUTION);
        view.spawn((text("", 21.0, palette::BACKGROUND), place, chip, Visibility::Hidden, AlarmLine(line)));
    }
    // Four strips and no whole-screen layer, which a software device pays for.
    let (whole, thin) = (percent(100.0), px(FRAME));
    let side = Node { position_type: PositionType::Absolute, ..default() };
    for node in [
        Node { left: px(0.0), top: px(0.0), width: whole, height: thin, ..side.clone() },
        Node { left: px(0.0), bottom: px(0.0), width: whole, height: thin, ..side.clone() },
        Node { left: px(0.0), top: px(0.0), width: thin, height: whole, ..side.clone() },
        Node { right: px(0.0), top: px(0.0), width: thin, height: whole, ..side },
    ] {
        view.spawn((node, BackgroundColor(palette::ALARM), StateFrame));
    }
}

/// The colour of a state, for frame and box.
#[must_use]
pub const fn color(condition: Condition) -> Color {
    match condition {
        Condition::Live => palette::GOOD,
        Condition::Stale => palette::CAUTION,
        Condition::Practice => palette::EDGE,
        _ => palette::ALARM,
    }
}

/// Follows the picture.
pub fn write(
    picture: Res<'_, Picture>,
    content: Res<'_, Content>,
    mut frames: Query<'_, '_, &mut BackgroundColor, (With<StateFrame>, Without<StepChip>)>,
    mut chips: Query<'_, '_, (&StepChip, &mut BackgroundColor), Without<StateFrame>>,
    mut words: Query<'_, '_, &mut Text, (With<StepWords>, Without<AlarmLine>)>,
    mut alarms: Query<'_, '_, (&AlarmLine, &mut Text, &mut Visibility), Without<StepWords>>,
) {
    for mut background in &mut frames {
        background.set_if_neq(BackgroundColor(color(picture.condition)));
    }
    let has_bone = !content.case.vertebrae.is_empty();
    let nobody = match &content.header {
        header if header.is_practice => Some("practice on a virtual patient"),
        header if header.is_demonstration => Some("demonstration, no patient"),
        _ => None,
    };
    let steps = flow::progress(picture.session, has_bone, nobody);
    for (chip, mut background) in &mut chips {
        let color = match steps.get(chip.0) {
            Some(Progress::Done) => palette::DONE,
            Some(Progress::Missing(_)) => palette::TODO,
            _ => palette::EDGE,
        };
        background.set_if_neq(BackgroundColor(color));
    }
    let missing = steps.iter().find_map(|step| if let Progress::Missing(words) = step { Some(*words) } else { None });
    for mut text in &mut words {
        set(&mut text, missing.unwrap_or_default());
    }
    for (line, mut text, mut visibility) in &mut alarms {
        let alarm = picture.alarms.iter().nth(line.0);
        visibility.set_if_neq(if alarm.is_some() { Visibility::Inherited } else { Visibility::Hidden });
        set(&mut text, alarm.map_or("", |alarm| alarm.advice()));
    }
}

/// Follows how the CT is drawn.
pub fn tell_volume(settings: Res<'_, VolumeSettings>, mut words: Query<'_, '_, (&mut Text, Ref<'_, VolumeWords>)>) {
    for (mut text, tag) in &mut words {
        if settings.is_changed() || tag.is_added() {
            let told = if settings.is_shown {
                let (preset, clip, cut) = (settings.preset.name(), settings.clip_box.name(), settings.cut.name());
                format!("CT: {preset}, {clip}, {cut}")
            } else {
                "V: CT   F1: keys".to_owned()
            };
            set(&mut text, &told);
        }
    }
}

fn set(text: &mut Mut<'_, Text>, words: &str) {
    if text.0 != words {
        words.clone_into(&mut text.0);
    }
}
