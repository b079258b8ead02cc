//! The tracked pointer and the line it points along.
//!
//! Its pose comes from the snapshot, unchanged. It disappears the moment the
//! engine stops standing behind the pose; a stale one is amber with black stripes.

use bevy::prelude::*;

use super::paint::Paint;
use super::picture::{Condition, Picture};
use super::units::M_PER_MM;
use super::{Content, palette};

/// Length from the tip to the end of the handle, mm.
pub const LENGTH_MM: f32 = 150.0;
/// Where the handle begins, mm from the tip.
const HANDLE_FROM_MM: f32 = 95.0;
/// Length of the conical point, mm.
const POINT_MM: f32 = 4.0;
const SHAFT_RADIUS_MM: f32 = 1.6;
const HANDLE_RADIUS_MM: f32 = 4.5;
const TIP_RADIUS_MM: f32 = 2.2;
/// How far the line is drawn beyond the tip, mm: about a pedicle and a body.
pub const AHEAD_MM: f32 = 70.0;
/// Length of a dash and of the gap behind it, mm.
pub const DASH_MM: f32 = 3.5;
const LINE_RADIUS_MM: f32 = 0.8;
/// Opacity of the ball around the tip.
const BALL_ALPHA: f32 = 0.28;
/// Largest ball, mm: a worse error is told by its number.
const BALL_MM: f32 = 15.0;

/// The pointer; its origin is the tip.
#[derive(Component)]
pub struct Tool;

/// A ball as large as the predicted error, around the tip.
#[derive(Component)]
pub struct ErrorBall;

/// The materials of the pointer, recoloured with its state.
#[derive(Resource)]
pub struct ToolMaterials {
    solid: Handle<Paint>,
    through_bone: Handle<Paint>,
    error: Handle<Paint>,
}

/// Puts the pointer into the scene, hidden.
pub fn spawn(
    mut commands: Commands<'_, '_>,
    content: Res<'_, Content>,
    mut meshes: ResMut<'_, Assets<Mesh>>,
    mut materials: ResMut<'_, Assets<Paint>>,
) {
    let solid = materials.add(Paint::lit(palette::GOOD));
    // The tip and its line stay visible inside the vertebra.
    let through_bone = materials.add(Paint::over_all(palette::GOOD));
    let point = Cone { radius: SHAFT_RADIUS_MM * M_PER_MM, height: POINT_MM * M_PER_MM };
    let body = [
        cylinder(POINT_MM, HANDLE_FROM_MM, SHAFT_RADIUS_MM),
        cylinder(HANDLE_FROM_MM, LENGTH_MM, HANDLE_RADIUS_MM),
        cylinder(HANDLE_FROM_MM - 2.0, HANDLE_FROM_MM, HANDLE_RADIUS_MM + 1.5),
        lay_along_shaft(Mesh::from(point), 0.0, POINT_MM, -1.0),
    ];
    let dashes = (0..(AHEAD_MM / DASH_MM / 2.0) as u16)
        .map(|i| -(f32::from(i) * 2.0 + 1.0) * DASH_MM)
        .map(|start| cylinder(start - DASH_MM, start, LINE_RADIUS_MM));
    let line = dashes.chain([Mesh::from(Sphere::new(TIP_RADIUS_MM * M_PER_MM))]);
    let own = content.header.tool_shape.as_deref().map(super::tool_shape::mesh);
    let parts = [(own.unwrap_or_else(|| joined(body)), solid.clone()), (joined(line), through_bone.clone())];
    commands.spawn((Tool, Transform::default(), Visibility::Hidden)).with_children(|tool| {
        for (mesh, paint) in parts {
            tool.spawn((Mesh3d(meshes.add(mesh)), MeshMaterial3d(paint)));
        }
    });
    let error = materials.add(Paint::over_all(palette::GOOD.with_alpha(BALL_ALPHA)));
    let ball = meshes.add(Sphere::new(M_PER_MM));
    commands.spawn((ErrorBall, Mesh3d(ball), MeshMaterial3d(error.clone()), Transform::default(), Visibility::Hidden));
    commands.insert_resource(ToolMaterials { solid, through_bone, error });
}

fn cylinder(from_mm: f32, to_mm: f32, radius_mm: f32) -> Mesh {
    let mesh = Cylinder::new(radius_mm * M_PER_MM, (to_mm - from_mm) * M_PER_MM);
    lay_along_shaft(Mesh::from(mesh), from_mm, to_mm, 1.0)
}

/// Bevy's solids stand on y; ours lie along the shaft, z, upright (`sense` 1)
/// or upside down (-1).
fn lay_along_shaft(mesh: Mesh, from_mm: f32, to_mm: f32, sense: f32) -> Mesh {
    let place = Transform::from_xyz(0.0, 0.0, 0.5 * (from_mm + to_mm) * M_PER_MM)
        .with_rotation(Quat::from_rotation_x(sense * std::f32::consts::FRAC_PI_2));
    mesh.transformed_by(place)
}

/// One mesh of many; all have the attributes of Bevy's solids, so that every
/// merge succeeds.
fn joined(parts: impl IntoIterator<Item = Mesh>) -> Mesh {
    let mut parts = parts.into_iter();
    let mut whole = parts.next().unwrap_or_else(|| Mesh::from(Sphere::new(M_PER_MM)));
    for part in parts {
        let merged = whole.merge(&part);
        debug_assert!(merged.is_ok(), "{merged:?}");
    }
    whole
}

type IsTool = (With<Tool>, Without<ErrorBall>);
type IsBall = (With<ErrorBall>, Without<Tool>);

/// Follows the snapshot.
pub fn follow(
    picture: Res<'_, Picture>,
    content: Res<'_, Content>,
    handles: Res<'_, ToolMaterials>,
    mut materials: ResMut<'_, Assets<Paint>>,
    mut tools: Query<'_, '_, (&mut Transform, &mut Visibility), IsTool>,
    mut balls: Query<'_, '_, (&mut Transform, &mut Visibility), IsBall>,
    mut painted: Local<'_, (Option<Condition>, Option<Color>)>,
) {
    let shown = picture.ct_from_tip.zip(palette::tool(picture.condition));
    for (mut transform, mut visibility) in &mut tools {
        visibility.set_if_neq(if shown.is_some() { Visibility::Inherited } else { Visibility::Hidden });
        if let Some((ct_from_tip, _)) = &shown {
            transform.set_if_neq(content.frame.pose(ct_from_tip));
        }
    }
    for (mut transform, mut visibility) in &mut balls {
        let error = shown.and_then(|(pose, _)| Some((pose, picture.predicted_tre_mm?)));
        visibility.set_if_neq(if error.is_some() { Visibility::Inherited } else { Visibility::Hidden });
        let Some((pose, tre_mm)) = error else { continue };
        // The sphere is a millimetre large.
        transform.set_if_neq(content.frame.pose(&pose).with_scale(Vec3::splat(tre_mm.clamp(0.1, BALL_MM))));
        let color = palette::error(tre_mm).with_alpha(BALL_ALPHA);
        // A material that is written to goes to the device again.
        if painted.1.replace(color) != Some(color)
            && let Some(mut ball) = materials.get_mut(&handles.error)
        {
            ball.set_color(color);
        }
    }
    let Some((_, color)) = shown.filter(|_| painted.0 != Some(picture.condition)) else { return };
    painted.0 = Some(picture.condition);
    let is_stale = picture.condition == Condition::Stale;
    if let Some(mut solid) = materials.get_mut(&handles.solid) {
        solid.set_color(color);
        solid.set_striped(is_stale);
    }
    if let Some(mut line) = materials.get_mut(&handles.through_bone) {
        line.set_color(color.with_alpha(if is_stale { 0.5 } else { 0.9 }));
    }
}
