//! The tracked pointer and the line it points along.
//!
//! Its pose comes from the snapshot, unchanged. It disappears the moment the
//! engine stops standing behind the pose; a stale one is amber and see-through.

use bevy::prelude::*;

use super::paint::Paint;
use super::picture::{Condition, Picture};
use super::units::M_PER_MM;
use super::{Content, palette};

/// Length from the tip to the end of the handle, mm.
pub const LENGTH_MM: f32 = 150.0;
/// Where the handle begins, mm from the tip.
const HANDLE_FROM_MM: f32 = 95.0;
const SHAFT_RADIUS_MM: f32 = 1.6;
const HANDLE_RADIUS_MM: f32 = 4.5;
const TIP_RADIUS_MM: f32 = 2.2;
/// How far the line is drawn beyond the tip, mm: about a pedicle and a body.
pub const AHEAD_MM: f32 = 70.0;
/// Length of a dash and of the gap behind it, mm.
pub const DASH_MM: f32 = 3.5;
const LINE_RADIUS_MM: f32 = 0.8;

/// The pointer; its origin is the tip.
#[derive(Component)]
pub struct Tool;

/// The materials of the pointer, recoloured with its state.
#[derive(Resource)]
pub struct ToolMaterials {
    solid: Handle<Paint>,
    through_bone: Handle<Paint>,
}

/// Puts the pointer into the scene, hidden.
pub fn spawn(
    mut commands: Commands<'_, '_>,
    mut meshes: ResMut<'_, Assets<Mesh>>,
    mut materials: ResMut<'_, Assets<Paint>>,
) {
    let solid = materials.add(Paint::lit(palette::GOOD, false));
    // The tip and its line stay visible inside the vertebra.
    let through_bone = materials.add(Paint::over_all(palette::GOOD));
    let mut cylinder = |from_mm: f32, to_mm: f32, radius_mm: f32| {
        let mesh = meshes.add(Cylinder::new(radius_mm * M_PER_MM, (to_mm - from_mm) * M_PER_MM));
        // Bevy's cylinders stand on y; ours lie along the shaft, z.
        let place = Transform::from_xyz(0.0, 0.0, 0.5 * (from_mm + to_mm) * M_PER_MM)
            .with_rotation(Quat::from_rotation_x(std::f32::consts::FRAC_PI_2));
        (Mesh3d(mesh), place)
    };
    let shaft = cylinder(4.0, HANDLE_FROM_MM, SHAFT_RADIUS_MM);
    let handle = cylinder(HANDLE_FROM_MM, LENGTH_MM, HANDLE_RADIUS_MM);
    let collar = cylinder(HANDLE_FROM_MM - 2.0, HANDLE_FROM_MM, HANDLE_RADIUS_MM + 1.5);
    let dashes: Vec<_> = (0..(AHEAD_MM / DASH_MM / 2.0) as u16)
        .map(|i| -(f32::from(i) * 2.0 + 1.0) * DASH_MM)
        .map(|start| cylinder(start - DASH_MM, start, LINE_RADIUS_MM))
        .collect();
    let point = meshes.add(Cone { radius: SHAFT_RADIUS_MM * M_PER_MM, height: 4.0 * M_PER_MM });
    let point_place = Transform::from_xyz(0.0, 0.0, 2.0 * M_PER_MM)
        .with_rotation(Quat::from_rotation_x(-std::f32::consts::FRAC_PI_2));
    let ball = meshes.add(Sphere::new(TIP_RADIUS_MM * M_PER_MM));
    commands.spawn((Tool, Transform::default(), Visibility::Hidden)).with_children(|tool| {
        for part in [shaft, handle, collar, (Mesh3d(point), point_place)] {
            tool.spawn((part, MeshMaterial3d(solid.clone())));
        }
        for part in dashes.into_iter().chain([(Mesh3d(ball), Transform::default())]) {
            tool.spawn((part, MeshMaterial3d(through_bone.clone())));
        }
    });
    commands.insert_resource(ToolMaterials { solid, through_bone });
}

/// Follows the snapshot.
pub fn follow(
    picture: Res<'_, Picture>,
    content: Res<'_, Content>,
    handles: Res<'_, ToolMaterials>,
    mut materials: ResMut<'_, Assets<Paint>>,
    mut tools: Query<'_, '_, (&mut Transform, &mut Visibility), With<Tool>>,
    mut painted: Local<'_, Option<Condition>>,
) {
    let shown = picture.ct_from_tip.zip(palette::tool(picture.condition));
    for (mut transform, mut visibility) in &mut tools {
        *visibility = if shown.is_some() { Visibility::Inherited } else { Visibility::Hidden };
        if let Some((ct_from_tip, _)) = &shown {
            *transform = content.frame.pose(ct_from_tip);
        }
    }
    let Some((_, color)) = shown.filter(|_| *painted != Some(picture.condition)) else { return };
    *painted = Some(picture.condition);
    let is_stale = picture.condition == Condition::Stale;
    if let Some(mut solid) = materials.get_mut(&handles.solid) {
        solid.set_color(color.with_alpha(if is_stale { 0.45 } else { 1.0 }));
    }
    if let Some(mut line) = materials.get_mut(&handles.through_bone) {
        line.set_color(color.with_alpha(if is_stale { 0.5 } else { 0.9 }));
    }
}
