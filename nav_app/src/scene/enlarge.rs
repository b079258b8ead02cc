//! A slice large over the 3-D view, and the mouse on slices.

use bevy::input::mouse::AccumulatedMouseMotion;
use bevy::prelude::*;
use bevy::ui::{ComputedNode, RelativeCursorPosition};

use super::layout::SpineView;
use super::plane::{Plane, SliceView};
use super::slice_view::{self, ScreenId, Screens};
use super::slices::SliceWindow;
use super::widgets::Area;

/// Edge of an enlarged slice's design pixel, mm.
const MM_PER_PIXEL: f64 = 0.2;
/// HU for a pixel of mouse travel.
const HU_PER_PIXEL: f32 = 4.0;
/// Travel up to which a press is a click, pixels.
const CLICK: f32 = 5.0;

/// The slice drawn large over the 3-D view.
#[derive(Resource)]
pub struct Enlarged {
    screen: ScreenId,
    /// Which plane, if any.
    pub plane: Option<Plane>,
    node: Option<Entity>,
}

impl Enlarged {
    /// None is large yet.
    pub fn new(screens: &mut Screens, images: &mut Assets<Image>) -> Self {
        let screen = screens.add(SliceView { plane: Plane::Axial, size: [1, 1], mm_per_pixel: 1.0 }, images);
        screens.show(screen, None);
        Self { screen, plane: None, node: None }
    }

    /// Covers the 3-D view (`over`, `size` design pixels) with a plane, or
    /// uncovers it.
    pub fn show(
        &mut self,
        commands: &mut Commands<'_, '_>,
        screens: &mut Screens,
        over: Entity,
        size: Vec2,
        plane: Option<Plane>,
    ) {
        if let Some(node) = self.node.take() {
            commands.entity(node).despawn();
        }
        self.plane = plane;
        let pixels = size.as_uvec2().max(UVec2::ONE).to_array();
        let view = plane.map(|plane| SliceView { plane, size: pixels, mm_per_pixel: MM_PER_PIXEL });
        screens.show(self.screen, view);
        if plane.is_some() {
            let area = Area::new(0.0, 0.0, size.x, size.y);
            let id = self.screen;
            let cover = commands.spawn((area.node(1.0), ChildOf(over))).id();
            commands.entity(cover).with_children(|cover| slice_view::spawn(cover, screens, id, area, 1.0));
            self.node = Some(cover);
        }
    }
}

/// What a button did since it was pressed on a slice.
#[derive(Default)]
pub struct Drag {
    on: Option<ScreenId>,
    travel: f32,
}

/// A click makes a slice large, or the large one small; a drag with the right
/// button changes brightness and contrast.
pub fn use_mouse(
    buttons: Res<'_, ButtonInput<MouseButton>>,
    motion: Res<'_, AccumulatedMouseMotion>,
    slices: Query<'_, '_, (&ScreenId, &RelativeCursorPosition, &ComputedNode)>,
    view: Single<'_, '_, (Entity, &ComputedNode), With<SpineView>>,
    mut drag: Local<'_, Drag>,
    mut commands: Commands<'_, '_>,
    mut screens: ResMut<'_, Screens>,
    mut enlarged: ResMut<'_, Enlarged>,
    mut window: ResMut<'_, SliceWindow>,
) {
    if buttons.any_just_pressed([MouseButton::Left, MouseButton::Right]) {
        let under = slices.iter().filter(|(_, cursor, _)| cursor.cursor_over());
        // The large slice lies over everything else.
        let topmost = under.max_by(|a, b| (a.0 == &enlarged.screen).cmp(&(b.0 == &enlarged.screen)));
        *drag = Drag { on: topmost.map(|(id, ..)| *id), travel: 0.0 };
    }
    drag.travel += motion.delta.length();
    let Some(id) = drag.on else { return };
    if buttons.pressed(MouseButton::Right) && motion.delta != Vec2::ZERO {
        let next = window.dragged(motion.delta.x * HU_PER_PIXEL, -motion.delta.y * HU_PER_PIXEL);
        window.set_if_neq(next);
    }
    if buttons.just_released(MouseButton::Left) {
        drag.on = None;
        if drag.travel <= CLICK {
            let plane = screens.view(id).map(|view| view.plane);
            let wanted = plane.filter(|plane| id != enlarged.screen && enlarged.plane != Some(*plane));
            let size = view.1.size().max(Vec2::ONE) * view.1.inverse_scale_factor();
            enlarged.show(&mut commands, &mut screens, view.0, size, wanted);
        }
    }
}
