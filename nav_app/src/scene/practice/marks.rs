//! What a practice shows: a dot for each touch, a ring where to go on, words.

use bevy::prelude::*;

use super::super::layout::SpineView;
use super::super::paint::Paint;
use super::super::units::M_PER_MM;
use super::super::widgets::{self, text};
use super::super::{Content, palette};
use super::Practice;

/// Radius of a dot, mm.
const DOT_MM: f32 = 1.0;
const RING_MM: f32 = 9.0;
/// Where the words begin, design pixels: inside the frame.
const TOP: f32 = 15.0;
/// Columns of the words.
const COLUMNS: usize = 84;

/// The dot of a touch.
#[derive(Component)]
pub struct Dot;

/// The ring around the bone that should be touched next.
#[derive(Component)]
pub struct HintRing;

/// A line of the words.
#[derive(Component)]
pub struct PracticeLine(usize);

/// What dots are made of.
#[derive(Resource)]
pub struct DotParts(Handle<Mesh>, Handle<Paint>);

/// Puts ring and words into the scene, once there is a view of the spine.
pub fn spawn(
    mut commands: Commands<'_, '_>,
    views: Query<'_, '_, Entity, Added<SpineView>>,
    mut meshes: ResMut<'_, Assets<Mesh>>,
    mut materials: ResMut<'_, Assets<Paint>>,
) {
    let Ok(view) = views.single() else { return };
    let dot = Sphere::new(DOT_MM * M_PER_MM).mesh().ico(1).unwrap_or_else(|_| Cuboid::from_length(0.001).into());
    commands.insert_resource(DotParts(meshes.add(dot), materials.add(Paint::lit(palette::GOOD))));
    let ring = Torus { minor_radius: 0.8 * M_PER_MM, major_radius: RING_MM * M_PER_MM };
    let paint = materials.add(Paint::over_all(palette::TEXT));
    let upright = Transform::from_rotation(Quat::from_rotation_x(std::f32::consts::FRAC_PI_2));
    commands.spawn((HintRing, Mesh3d(meshes.add(ring)), MeshMaterial3d(paint), upright, Visibility::Hidden));
    let (place, chip) = widgets::note(TOP);
    commands.entity(view).with_children(|view| {
        view.spawn((place, chip, GlobalZIndex(1))).with_children(|lines| {
            for number in 0..4 {
                lines.spawn((text("", 19.0, palette::TEXT), PracticeLine(number)));
            }
        });
    });
}

/// Follows what was touched, and where to go on.
pub fn follow(
    practice: Res<'_, Practice>,
    content: Res<'_, Content>,
    parts: Option<Res<'_, DotParts>>,
    mut commands: Commands<'_, '_>,
    dots: Query<'_, '_, Entity, With<Dot>>,
    mut ring: Single<'_, '_, (&mut Transform, &mut Visibility), With<HintRing>>,
    mut undone: Local<'_, u32>,
) {
    let Some(parts) = parts.filter(|_| practice.is_changed()) else { return };
    let is_taken_back = std::mem::replace(&mut *undone, practice.undone) != practice.undone;
    if is_taken_back {
        // The order of dots is nobody's, so all are made anew.
        dots.iter().for_each(|dot| commands.entity(dot).despawn());
    }
    let kept = if is_taken_back { 0 } else { dots.iter().count() };
    let places = practice.landmarks.iter().chain(practice.strokes.iter().flatten());
    for place in places.skip(kept) {
        let at = Transform::from_translation(content.frame.point(*place));
        commands.spawn((Dot, Mesh3d(parts.0.clone()), MeshMaterial3d(parts.1.clone()), at));
    }
    let asked = practice.landmark.as_ref().map(|landmark| landmark.at);
    let at = asked.or_else(|| Some(practice.hint.as_ref()?.at)).map(|at| content.frame.point(at));
    let (place, visibility) = &mut *ring;
    visibility.set_if_neq(if at.is_some() { Visibility::Inherited } else { Visibility::Hidden });
    if let Some(at) = at {
        place.translation = at;
    }
}

/// Follows in words.
pub fn tell(
    practice: Res<'_, Practice>,
    added: Query<'_, '_, (), Added<PracticeLine>>,
    mut lines: Query<'_, '_, (&PracticeLine, &mut Text, &mut TextColor)>,
) {
    if !practice.is_changed() && added.is_empty() {
        return;
    }
    let told = words(&practice);
    for (line, mut text, mut color) in &mut lines {
        let Some((words, ink)) = told.get(line.0) else { continue };
        if text.0 != *words {
            text.0.clone_from(words);
        }
        color.set_if_neq(TextColor(*ink));
    }
}

/// Four lines; an empty one takes no room.
fn words(practice: &Practice) -> [(String, Color); 4] {
    let levels: Vec<String> = practice.levels.iter().map(ToString::to_string).collect();
    let begin = format!("PRACTICE  {} laid open", levels.join(" "));
    if let Some(score) = &practice.score {
        let ink = if score.is_good { palette::GOOD } else { palette::CAUTION };
        let ended = "The practice is over: Enter closes the window and keeps it.".to_owned();
        let counts = format!("{begin}  {}", counts(practice));
        return [
            (fitting(&counts), palette::CAPTION),
            (fitting(&score.words), ink),
            (ended, palette::TEXT),
            Default::default(),
        ];
    }
    let refusal = (practice.refusal.as_deref().map(fitting).unwrap_or_default(), palette::CAUTION);
    if let Some(landmark) = &practice.landmark {
        let (number, count) = (landmark.number, landmark.count);
        let asked = format!("TOUCH LANDMARK {number} of {count} (ring): {}", landmark.words);
        let keys = "A click on the bone touches, a drag beside it turns   Backspace: take one back";
        let first = format!("{begin}  STEP 1 of 2: landmarks");
        return [(first, palette::CAPTION), (fitting(&asked), palette::TEXT), (keys.into(), palette::CAPTION), refusal];
    }
    let first = format!("{begin}  STEP 2 of 2: click or drag on the bone, turn beside it");
    let keys = format!("{}  Backspace: take a stroke back  Enter: register", counts(practice));
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
