//! The board of a practice, above the slices: what is asked for, and two buttons to point at; dots where hands point.

use bevy::prelude::*;
use bevy::ui::UiTargetCamera;

use super::super::eyes::{self, BOARD_GAP_M, PANEL_SIZE, SlicePanel, interface_camera};
use super::super::paint::Paint;
use super::super::practice::{Practice, words};
use super::super::widgets::text;
use super::super::{Content, palette};
use super::grab;
use super::interaction::{Hand, Interaction};
use super::touch::{Button, Pressed, Target, Touching};
use crate::scene_input::{NextLandmark, Wish};

/// Pixels of the board and height of its buttons.
const BOARD: Vec2 = Vec2::new(560.0, 252.0);
const BUTTONS: f32 = 64.0;
/// Height of the letters on a button, pixels.
const LETTERS: f32 = 26.0;
/// Radius of the dot where a hand points, m.
const DOT_M: f32 = 0.002;

/// Width and height of the board, and of its middle above the panel's, m.
const SIZE_M: Vec2 = Vec2::new(PANEL_SIZE.x, PANEL_SIZE.x * BOARD.y / BOARD.x);
const ABOVE_M: f32 = 0.5 * (PANEL_SIZE.y + SIZE_M.y) + BOARD_GAP_M;
const BUTTONS_M: f32 = SIZE_M.y * BUTTONS / BOARD.y;

/// A drawn button.
#[derive(Component)]
pub struct DrawnButton(Button);

/// The words on a button.
#[derive(Component)]
pub struct ButtonWords(Button);

/// Where a hand points: 0 left, 1 right.
#[derive(Component)]
pub struct PointedAt(usize);

/// Hangs the board above the slices, where somebody practises.
pub fn spawn(
    mut commands: Commands<'_, '_>,
    panel: Single<'_, '_, Entity, With<SlicePanel>>,
    mut images: ResMut<'_, Assets<Image>>,
    mut meshes: ResMut<'_, Assets<Mesh>>,
    mut materials: ResMut<'_, Assets<Paint>>,
) {
    let (camera, image) = interface_camera(&mut commands, &mut images, BOARD.as_uvec2(), palette::PANEL);
    let whole = Node {
        width: percent(100.0),
        height: percent(100.0),
        flex_direction: FlexDirection::Column,
        justify_content: JustifyContent::SpaceBetween,
        ..default()
    };
    let told = Node {
        flex_direction: FlexDirection::Column,
        padding: UiRect::axes(px(12.0), px(8.0)),
        row_gap: px(4.0),
        ..default()
    };
    let strip = Node { height: px(BUTTONS), column_gap: px(4.0), ..default() };
    let button = Node {
        flex_grow: 1.0,
        flex_basis: px(0.0),
        justify_content: JustifyContent::Center,
        align_items: AlignItems::Center,
        ..default()
    };
    commands.spawn((whole, UiTargetCamera(camera))).with_children(|board| {
        board.spawn(told).with_children(|lines| words::spawn_lines(lines, LineBreak::WordBoundary));
        board.spawn(strip).with_children(|strip| {
            for which in [Button::TakeBack, Button::Go] {
                strip
                    .spawn((button.clone(), BackgroundColor(palette::EDGE), DrawnButton(which)))
                    .with_child((text("", LETTERS, palette::TEXT), ButtonWords(which)));
            }
        });
    });
    let board = eyes::board(&mut meshes, &mut materials, image, SIZE_M, ABOVE_M);
    commands.spawn((board, ChildOf(*panel)));
    let dot = meshes.add(Sphere::new(DOT_M).mesh().uv(12, 8));
    for number in 0..2 {
        let paint = MeshMaterial3d(materials.add(Paint::over_all(palette::CAUTION)));
        commands.spawn((PointedAt(number), Mesh3d(dot.clone()), paint, Transform::default(), Visibility::Hidden));
    }
}

/// Where the board is in the room.
fn place(panel: &Transform) -> Transform {
    panel.with_translation(panel.translation + panel.rotation * (Vec3::Y * ABOVE_M))
}

/// The button at a place of the board, m from its middle.
fn button_at(at: Vec2) -> Option<Button> {
    let half = 0.5 * SIZE_M;
    let is_on = at.x.abs() < half.x && (-half.y..BUTTONS_M - half.y).contains(&at.y);
    is_on.then_some(if at.x < 0.0 { Button::TakeBack } else { Button::Go })
}

/// The middle of a button in the room.
fn middle_of(button: Button, panel: &Transform) -> Vec3 {
    let aside = if button == Button::TakeBack { -0.25 } else { 0.25 } * SIZE_M.x;
    place(panel).transform_point(Vec3::new(aside, 0.5 * (BUTTONS_M - SIZE_M.y), 0.0))
}

/// What the practice waits for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Asked {
    Landmark(usize),
    Bone,
    Nothing,
}

/// The hands of somebody who practises, and what the log was told.
#[derive(Default)]
pub struct AtBoard {
    touching: Touching,
    asked: Option<Asked>,
    is_told: bool,
    is_over: bool,
}

impl AtBoard {
    /// Lets the hands touch bone and press buttons; takes from them what is not for the scene.
    pub fn act(&mut self, world: &mut World, interaction: &Interaction, hands: &mut [Hand; 2]) {
        let (placement, panel) = (*interaction.placement(), *interaction.panel());
        let board = place(&panel);
        let content = world.resource::<Content>();
        let look = |aim: &Transform| {
            if let Some(button) = grab::pointed_at(&board, aim).and_then(button_at) {
                return Target::Button(button);
            }
            let eye = placement.scene(aim);
            content.bone_along(eye.translation, *eye.forward()).map_or(Target::Nothing, Target::Bone)
        };
        let asks_landmark = world.resource::<Practice>().landmark.is_some();
        let pressed = self.touching.step(hands, asks_landmark, &look);
        for pressed in pressed {
            let mut practice = world.resource_mut::<Practice>();
            match pressed {
                Pressed::Wish(wish) => practice.ask(wish),
                Pressed::Go if practice.score.is_some() => self.is_over = true,
                Pressed::Go => practice.ask(Wish::Register),
            }
        }
        self.show(world, interaction, hands);
        self.tell(world, interaction);
    }

    /// True once the wearer has ended it, after its score.
    pub const fn is_over(&self) -> bool {
        self.is_over
    }

    fn show(&self, world: &mut World, interaction: &Interaction, hands: &[Hand; 2]) {
        let frame = world.resource::<Content>().frame;
        let board = place(interaction.panel());
        let targets = self.touching.targets();
        let at = |number: usize| match targets.get(number)? {
            Target::Nothing => None,
            Target::Bone(place) => Some(frame.point(*place)),
            Target::Button(_) => {
                let hand = hands.get(number)?;
                let on = grab::pointed_at(&board, &hand.aim.or(hand.grip)?)?;
                let room = Transform::from_translation(board.transform_point(on.extend(0.0)));
                Some(interaction.placement().thing(&room).translation)
            }
        };
        let mut dots = world.query::<(&PointedAt, &mut Transform, &mut Visibility)>();
        for (dot, mut place, mut visibility) in dots.iter_mut(world) {
            let at = at(dot.0);
            visibility.set_if_neq(if at.is_some() { Visibility::Inherited } else { Visibility::Hidden });
            if let Some(at) = at {
                place.set_if_neq(
                    Transform::from_translation(at).with_scale(Vec3::splat(1.0 / interaction.placement().scale())),
                );
            }
        }
        let mut buttons = world.query::<(&DrawnButton, &mut BackgroundColor)>();
        for (button, mut color) in buttons.iter_mut(world) {
            let is_pointed_at = targets.contains(&Target::Button(button.0));
            color.set_if_neq(BackgroundColor(if is_pointed_at { palette::DONE } else { palette::EDGE }));
        }
    }

    /// Tells the log where the landmark that is asked for is in the room, and where the buttons are.
    fn tell(&mut self, world: &World, interaction: &Interaction) {
        if !std::mem::replace(&mut self.is_told, true) {
            let [back, go] = [Button::TakeBack, Button::Go].map(|b| middle_of(b, interaction.panel()).to_array());
            tracing::info!(take_back_m = ?back, register_m = ?go, "practice: buttons");
        }
        let practice = world.resource::<Practice>();
        let asked = match (&practice.score, &practice.landmark) {
            (Some(_), _) => Asked::Nothing,
            (None, Some(landmark)) => Asked::Landmark(landmark.number),
            (None, None) => Asked::Bone,
        };
        if self.asked.replace(asked) == Some(asked) {
            return;
        }
        if let Some(score) = &practice.score {
            tracing::info!("practice: over: {}", score.words);
        } else if let Some(NextLandmark { number, count, words, at }) = &practice.landmark {
            let scene = Transform::from_translation(world.resource::<Content>().frame.point(*at));
            let room_m = interaction.placement().room(&scene).translation.to_array();
            tracing::info!(number, count, ?room_m, "practice: {words} is asked for");
        } else {
            tracing::info!("practice: the bone is asked for");
        }
    }
}

/// Keeps the words on the buttons in step.
pub fn label(practice: Res<'_, Practice>, mut words: Query<'_, '_, (&ButtonWords, &mut Text)>) {
    if !practice.is_changed() {
        return;
    }
    let is_over = practice.score.is_some();
    for (button, mut text) in &mut words {
        let wanted = match (button.0, is_over) {
            (Button::TakeBack, false) => "TAKE BACK",
            (Button::TakeBack, true) => "",
            (Button::Go, false) => "REGISTER",
            (Button::Go, true) => "END",
        };
        if text.0 != wanted {
            text.0 = wanted.to_owned();
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_hand_that_points_at_the_middle_of_a_button_presses_it() {
        let panel = Transform::from_xyz(0.2, 1.5, -0.5).with_rotation(Quat::from_rotation_y(-0.4));
        let eye = Vec3::new(-0.1, 1.3, 0.1);
        for button in [Button::TakeBack, Button::Go] {
            let aim = Transform::from_translation(eye).looking_at(middle_of(button, &panel), Vec3::Y);
            assert_eq!(grab::pointed_at(&place(&panel), &aim).and_then(button_at), Some(button));
        }
        // The words above the buttons, and the slices below them, are none.
        for above in [BUTTONS_M + 0.01, -0.01] {
            let at = place(&panel).transform_point(Vec3::new(0.02, above - 0.5 * SIZE_M.y, 0.0));
            let aim = Transform::from_translation(eye).looking_at(at, Vec3::Y);
            assert_eq!(grab::pointed_at(&place(&panel), &aim).and_then(button_at), None);
        }
    }
}
