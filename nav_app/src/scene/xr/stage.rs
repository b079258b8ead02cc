//! The scene's own eyes become the headset's.

use bevy::camera::RenderTarget;
use bevy::prelude::*;
use bevy::render::RenderApp;
use bevy::render::render_asset::RenderAssets;
use bevy::render::render_resource::{TextureFormat, TextureUsages};
use bevy::render::texture::GpuImage;
use headset::Views;

use super::super::eyes::{Eye, EyeImages, SlicePanel};
use super::super::headless::Shots;
use super::interaction::Hand;
use super::lens::Lens;
use super::placement::Placement;

/// What the headset wants drawn.
#[derive(Resource, Clone, Copy)]
pub struct EyeKind {
    /// Width and height of each eye, pixels.
    pub sizes: [[u32; 2]; 2],
    /// True where the room is to be seen behind the scene.
    pub is_see_through: bool,
}

/// Gives the eyes' cameras lenses and textures of the headset's kind.
pub fn fit_eyes(
    kind: Res<'_, EyeKind>,
    mut commands: Commands<'_, '_>,
    mut pictures: ResMut<'_, EyeImages>,
    mut images: ResMut<'_, Assets<Image>>,
    mut shots: ResMut<'_, Shots>,
    mut eyes: Query<'_, '_, (Entity, &Eye, &mut Camera)>,
) {
    for (entity, eye, mut camera) in &mut eyes {
        if kind.is_see_through {
            camera.clear_color = Color::NONE.into();
        }
        let Some([width, height]) = kind.sizes.get(eye.0).copied() else { continue };
        let mut image = Image::new_target_texture(width, height, TextureFormat::Rgba8UnormSrgb, None);
        image.texture_descriptor.usage |= TextureUsages::COPY_SRC;
        let image = images.add(image);
        // Multisampling is left to hardware that has bandwidth to spare.
        let lens = Projection::custom(Lens::default());
        commands.entity(entity).insert((RenderTarget::Image(image.clone().into()), lens, Msaa::Off));
        if let Some(picture) = pictures.0.get_mut(eye.0) {
            *picture = image;
        }
    }
    for (name, picture) in ["eye_left", "eye_right"].into_iter().zip(pictures.0.clone()) {
        shots.ask(name, picture);
    }
}

/// The middle of the head in the room.
#[must_use]
pub fn head(views: &Views) -> Transform {
    let [left, right] = views.eyes.map(|eye| pose(&eye));
    let middle = 0.5 * (left.translation + right.translation);
    Transform::from_translation(middle).with_rotation(left.rotation.slerp(right.rotation, 0.5))
}

/// The wearer's hands in the room.
#[must_use]
pub fn hands(hands: &headset::Hands) -> [Hand; 2] {
    hands.hands.map(|hand| {
        let place = |pose: headset::HandPose| place(pose.position_m, pose.rotation);
        let (grip, aim) = (hand.grip.map(place), hand.aim.map(place));
        let headset::HandState { grab, clip, has_trigger, .. } = hand;
        Hand { grip, aim, grab, clip, has_trigger, stick: hand.stick.into() }
    })
}

/// Hangs the slices at a place of the room.
pub fn hang_panel(world: &mut World, placement: &Placement, panel: &Transform) {
    let mut panels = world.query_filtered::<&mut Transform, With<SlicePanel>>();
    for mut place in panels.iter_mut(world) {
        place.set_if_neq(placement.thing(panel));
    }
}

fn pose(eye: &headset::EyeView) -> Transform {
    place(eye.position_m, eye.rotation)
}

fn place(position_m: [f32; 3], rotation: [f32; 4]) -> Transform {
    let rotation = Quat::from_array(rotation);
    // A runtime that sends no unit quaternion has no turn.
    let rotation =
        if rotation.is_finite() && rotation.length_squared() > 1e-6 { rotation.normalize() } else { Quat::IDENTITY };
    Transform::from_translation(Vec3::from_array(position_m)).with_rotation(rotation)
}

/// Puts the cameras where the eyes will be; `None` stops them drawing.
pub fn look(world: &mut World, seen: Option<(&Views, &Placement)>) {
    let mut cameras = world.query::<(&Eye, &mut Camera, &mut Transform, &mut Projection)>();
    for (eye, mut camera, mut place, mut projection) in cameras.iter_mut(world) {
        let view = seen.and_then(|(views, placement)| Some((views.eyes.get(eye.0)?, placement)));
        camera.is_active = view.is_some();
        let Some((view, placement)) = view else { continue };
        *place = placement.scene(&pose(view));
        let lens = Lens::new(view.angles_rad);
        if let Projection::Custom(custom) = &mut *projection
            && let Some(old) = custom.get_mut::<Lens>()
        {
            *old = lens;
        }
    }
}

/// What was drawn, left first; `None` before the first frame.
#[must_use]
pub fn drawn(app: &App) -> Option<[wgpu::Texture; 2]> {
    let [left, right] = &app.world().get_resource::<EyeImages>()?.0;
    let images = app.get_sub_app(RenderApp)?.world().get_resource::<RenderAssets<GpuImage>>()?;
    let texture = |image: &Handle<Image>| images.get(image).map(|gpu| (*gpu.texture).clone());
    Some([texture(left)?, texture(right)?])
}
