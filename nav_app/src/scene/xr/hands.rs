//! The wearer's hands, as the scene draws them, and words that tell what they do.
//!
//! A hand that is not seen is not drawn: where it was last is no place to show.

use bevy::prelude::*;
use bevy::ui::UiTargetCamera;

use super::super::eyes::{self, BOARD_GAP_M, PANEL_SIZE, SlicePanel, interface_camera};
use super::super::paint::Paint;
use super::super::widgets::text;
use super::super::{Content, palette};
use super::interaction::{Hand, Holding, Interaction, Mode};

/// Radius of a drawn hand, m.
const HAND_M: f32 = 0.012;
/// Length and radius of the line a hand points along, m.
const POINTER_M: (f32, f32) = (0.14, 0.0015);
/// Radius of the ring that shows a held plane, m.
const RING_M: f32 = 0.07;
/// Pixels of the words below the panel.
const WORDS: UVec2 = UVec2::new(860, 104);
const SIZE: f32 = 20.0;

/// A drawn hand: 0 left, 1 right.
#[derive(Component)]
pub struct DrawnHand(usize, Handle<Paint>);

/// The ring that shows a held plane.
#[derive(Component)]
pub struct CutRing;

/// A line of the words below the panel.
#[derive(Component)]
pub struct HandWords(usize);

/// Puts hands, ring and words into the scene, the first two hidden.
pub fn spawn(
    mut commands: Commands<'_, '_>,
    panel: Single<'_, '_, Entity, With<SlicePanel>>,
    content: Res<'_, Content>,
    mut images: ResMut<'_, Assets<Image>>,
    mut meshes: ResMut<'_, Assets<Mesh>>,
    mut materials: ResMut<'_, Assets<Paint>>,
) {
    let ball = meshes.add(Sphere::new(HAND_M));
    let pointer = meshes.add(
        Mesh::from(Cylinder::new(POINTER_M.1, POINTER_M.0))
            .rotated_by(Quat::from_rotation_x(std::f32::consts::FRAC_PI_2))
            .translated_by(Vec3::NEG_Z * 0.5 * POINTER_M.0),
    );
    for number in 0..2 {
        let paint = materials.add(Paint::over_all(palette::TEXT));
        let hand = DrawnHand(number, paint.clone());
        commands
            .spawn((
                hand,
                Mesh3d(ball.clone()),
                MeshMaterial3d(paint.clone()),
                Transform::default(),
                Visibility::Hidden,
            ))
            .with_child((Mesh3d(pointer.clone()), MeshMaterial3d(paint)));
    }
    let ring = Mesh::from(Torus { minor_radius: 0.0015, major_radius: RING_M });
    // Its axis is y; a plane's normal is z here.
    let ring = meshes.add(ring.rotated_by(Quat::from_rotation_x(std::f32::consts::FRAC_PI_2)));
    let paint = materials.add(Paint::over_all(palette::TEXT));
    commands.spawn((CutRing, Mesh3d(ring), MeshMaterial3d(paint), Transform::default(), Visibility::Hidden));
    let (camera, image) = interface_camera(&mut commands, &mut images, WORDS, palette::PANEL);
    let whole = Node {
        width: percent(100.0),
        height: percent(100.0),
        flex_direction: FlexDirection::Column,
        padding: UiRect::axes(px(14.0), px(8.0)),
        row_gap: px(4.0),
        ..default()
    };
    commands.spawn((whole, UiTargetCamera(camera))).with_children(|lines| {
        let (words, _) = words(mode(&content), [Holding::Nothing; 2]);
        for (number, line) in words.into_iter().enumerate() {
            lines.spawn((text(line, SIZE, palette::CAPTION), HandWords(number)));
        }
    });
    let size = Vec2::new(PANEL_SIZE.x, PANEL_SIZE.x * WORDS.y as f32 / WORDS.x as f32);
    let below = -(0.5 * (PANEL_SIZE.y + size.y) + BOARD_GAP_M);
    let board = eyes::board(&mut meshes, &mut materials, image, size, below);
    commands.spawn((board, ChildOf(*panel)));
}

/// Whether the scene may be moved: not where a session stands behind it.
#[must_use]
pub const fn mode(content: &Content) -> Mode {
    match (content.header.is_practice, content.header.is_demonstration) {
        (true, _) => Mode::Practice,
        (false, true) => Mode::Preview,
        (false, false) => Mode::Guidance,
    }
}

/// Three lines that tell what hands do, and whether to insist.
const fn words(mode: Mode, holding: [Holding; 2]) -> ([&'static str; 3], bool) {
    let is_refused = matches!(holding[0], Holding::Refused) || matches!(holding[1], Holding::Refused);
    let first = match mode {
        Mode::Preview => "PREVIEW  grab: move   both hands: size   (stays level)",
        Mode::Practice => "PRACTICE  grab: move   both hands: size   (stays level)",
        Mode::Guidance if is_refused => "GUIDANCE  THE SPINE STAYS: A GRAB DOES NOT MOVE IT",
        Mode::Guidance => "GUIDANCE  the spine stays where it is; a grab moves nothing",
    };
    let second = "grab the slices: move them, within reach   stick: window";
    let third = match mode {
        Mode::Practice => "trigger: touch the bone, press a button   stick press: centre",
        _ => "trigger: cut the CT (tap: whole)   A/X: look   stick press: centre",
    };
    ([first, second, third], is_refused)
}

/// Shows the hands where they are and what they hold.
pub fn show(world: &mut World, interaction: &Interaction, hands: &[Hand; 2]) {
    let placement = *interaction.placement();
    let mut paints = [const { None }; 2];
    let mut drawn = world.query::<(&DrawnHand, &mut Transform, &mut Visibility)>();
    for (hand, mut place, mut visibility) in drawn.iter_mut(world) {
        let state = hands.get(hand.0).and_then(|hand| Some((hand.grip?, hand.aim)));
        visibility.set_if_neq(if state.is_some() { Visibility::Inherited } else { Visibility::Hidden });
        let Some((grip, aim)) = state else { continue };
        *place = placement.thing(&grip.with_rotation(aim.unwrap_or(grip).rotation));
        let color = match interaction.holding().get(hand.0) {
            Some(Holding::Scene | Holding::Panel) => palette::GOOD,
            Some(Holding::Refused) => palette::CAUTION,
            _ => palette::TEXT,
        };
        if let Some(paint) = paints.get_mut(hand.0) {
            *paint = Some((hand.1.clone(), color));
        }
    }
    let mut materials = world.resource_mut::<Assets<Paint>>();
    for (paint, color) in paints.into_iter().flatten() {
        // Looked at first without writing: a material that is written to goes to the device again.
        let is_other = materials.get(&paint).is_some_and(|paint| !paint.has_color(color));
        if is_other && let Some(mut paint) = materials.get_mut(&paint) {
            paint.set_color(color);
        }
    }
    let cut = interaction.cut().filter(|_| interaction.is_cutting());
    let mut rings = world.query_filtered::<(&mut Transform, &mut Visibility), With<CutRing>>();
    for (mut place, mut visibility) in rings.iter_mut(world) {
        visibility.set_if_neq(if cut.is_some() { Visibility::Inherited } else { Visibility::Hidden });
        if let Some(cut) = cut {
            let turn = Quat::from_rotation_arc(Vec3::Z, cut.normal.normalize_or(Vec3::Z));
            let scale = Vec3::splat(1.0 / placement.scale());
            *place = Transform::from_translation(cut.at).with_rotation(turn).with_scale(scale);
        }
    }
    tell(world, interaction);
}

/// Keeps the words in step.
fn tell(world: &mut World, interaction: &Interaction) {
    let (words, is_refused) = words(interaction.mode(), interaction.holding());
    let ink = if is_refused { palette::CAUTION } else { palette::CAPTION };
    let mut lines = world.query::<(&HandWords, &mut Text, &mut TextColor)>();
    for (line, mut text, mut color) in lines.iter_mut(world) {
        let Some(wanted) = words.get(line.0) else { continue };
        if text.0 != *wanted {
            text.0 = (*wanted).to_owned();
        }
        if line.0 == 0 {
            color.set_if_neq(TextColor(ink));
        }
    }
}

/// Nobody's hands: the head is not found, so nothing is shown.
pub fn hide(world: &mut World) {
    let mut drawn = world.query_filtered::<&mut Visibility, Or<(With<DrawnHand>, With<CutRing>)>>();
    for mut visibility in drawn.iter_mut(world) {
        visibility.set_if_neq(Visibility::Hidden);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn in_guidance_the_wearer_is_told_that_the_spine_stays() {
        for holding in [Holding::Nothing, Holding::Refused] {
            let ([first, ..], is_refused) = words(Mode::Guidance, [Holding::Nothing, holding]);
            assert!(first.to_lowercase().contains("stays"), "{first}");
            assert_eq!(is_refused, holding == Holding::Refused);
        }
        let ([first, ..], _) = words(Mode::Preview, [Holding::Scene; 2]);
        assert!(first.contains("move"));
    }
}
