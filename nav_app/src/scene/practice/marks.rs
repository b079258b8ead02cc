//! What a practice shows on the bone: a dot for each touch, a ring where to go on.

use bevy::prelude::*;

use super::super::paint::Paint;
use super::super::units::M_PER_MM;
use super::super::{Content, palette};
use super::Practice;

/// Radius of a dot, mm.
const DOT_MM: f32 = 1.0;
const RING_MM: f32 = 9.0;

/// The dot of a touch.
#[derive(Component)]
pub struct Dot;

/// The ring around the bone that should be touched next.
#[derive(Component)]
pub struct HintRing;

/// What dots are made of.
#[derive(Resource)]
pub struct DotParts(Handle<Mesh>, Handle<Paint>);

/// Puts the ring into the scene.
pub fn spawn(
    mut commands: Commands<'_, '_>,
    mut meshes: ResMut<'_, Assets<Mesh>>,
    mut materials: ResMut<'_, Assets<Paint>>,
) {
    let dot = Sphere::new(DOT_MM * M_PER_MM).mesh().ico(1).unwrap_or_else(|_| Cuboid::from_length(0.001).into());
    commands.insert_resource(DotParts(meshes.add(dot), materials.add(Paint::lit(palette::GOOD))));
    let ring = Torus { minor_radius: 0.8 * M_PER_MM, major_radius: RING_MM * M_PER_MM };
    let paint = materials.add(Paint::over_all(palette::TEXT));
    let upright = Transform::from_rotation(Quat::from_rotation_x(std::f32::consts::FRAC_PI_2));
    commands.spawn((HintRing, Mesh3d(meshes.add(ring)), MeshMaterial3d(paint), upright, Visibility::Hidden));
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
