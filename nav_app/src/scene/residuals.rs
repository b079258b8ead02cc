//! How well the touched points fit, as colours on the bone.

use bevy::prelude::*;
use engine::register::{residual_colour, residual_map_at};
use engine::surface::{Mesh as BoneMesh, PointCloud};

use super::layout::{self, NotePlace};
use super::paint::Paint;
use super::units::M_PER_MM;
use super::widgets::{self, text};
use super::{Content, SceneHeader, palette};

/// The residual whose colour is full, mm: half of what navigation may be off.
const FULL_MM: f64 = 1.0;
/// Hints that are told: there is no room for more above the names.
const HINTS: usize = 2;
/// Radius of the ring around a hint, mm.
const RING_MM: f32 = 9.0;
/// Boxes of the legend.
const SHARES: [f64; 5] = [-1.0, -0.5, 0.0, 0.5, 1.0];

/// Adds the legend where touched points are shown.
pub fn plugin(app: &mut App) {
    app.add_systems(Startup, mark_hint).add_systems(Update, spawn_legend);
}

/// A ring around the bone that should be touched next.
fn mark_hint(
    mut commands: Commands<'_, '_>,
    content: Res<'_, Content>,
    mut meshes: ResMut<'_, Assets<Mesh>>,
    mut materials: ResMut<'_, Assets<Paint>>,
) {
    let Some(hint) = content.header.hints.first() else { return };
    let ring = Torus { minor_radius: 0.8 * M_PER_MM, major_radius: RING_MM * M_PER_MM };
    // Bevy's ring lies flat; the surgeon looks along z.
    let place = Transform::from_translation(content.frame.point(hint.at))
        .with_rotation(Quat::from_rotation_x(std::f32::consts::FRAC_PI_2));
    let paint = materials.add(Paint::over_all(palette::TEXT));
    commands.spawn((Mesh3d(meshes.add(ring)), MeshMaterial3d(paint), place));
}

/// Linear colours of a bone's vertices; `None` where no touched points are to
/// be shown.
#[must_use]
pub fn colors(header: &SceneHeader, bone: &BoneMesh) -> Option<Vec<[f32; 3]>> {
    let touched = header.touched.as_ref()?;
    let cloud = PointCloud { points: bone.vertices.clone(), normals: bone.normals.clone() };
    let map = residual_map_at(&touched.places, &touched.heights_mm, &cloud, FULL_MM);
    let linear = |rgb: [u8; 3]| {
        let color = LinearRgba::from(Srgba::rgb_u8(rgb[0], rgb[1], rgb[2]));
        [color.red, color.green, color.blue]
    };
    Some(map.iter().map(|vertex| linear(vertex.colour)).collect())
}

fn spawn_legend(
    mut commands: Commands<'_, '_>,
    content: Res<'_, Content>,
    views: Query<'_, '_, Entity, Added<NotePlace>>,
) {
    if content.header.touched.is_none() {
        return;
    }
    for view in &views {
        commands.entity(view).with_children(|view| {
            view.spawn(widgets::note(layout::legend_top(&content))).with_children(|legend| {
                for (number, hint) in content.header.hints.iter().take(HINTS).enumerate() {
                    let lead = if number == 0 { "TAKE POINTS HERE (ring):" } else { "then:" };
                    let words = format!("{lead} {}, {:.2} -> {:.2} mm", hint.words, hint.before_mm, hint.after_mm);
                    let ink = if number == 0 { palette::TEXT } else { palette::CAPTION };
                    legend.spawn(text(words, 18.0, ink));
                }
                legend.spawn(text("TOUCHED POINTS ABOVE (+) AND BELOW (-) THE BONE, mm", 16.0, palette::CAPTION));
                let row = Node { column_gap: px(4.0), align_items: AlignItems::Center, ..default() };
                legend.spawn(row).with_children(|row| {
                    for share in SHARES {
                        let [r, g, b] = residual_colour(share);
                        chip(row, Srgba::rgb_u8(r, g, b).into(), &format!("{:+.1}", share * FULL_MM));
                    }
                    chip(row, Srgba::rgb_u8(150, 150, 150).into(), "not touched");
                });
            });
        });
    }
}

fn chip(row: &mut ChildSpawnerCommands<'_>, color: Color, words: &str) {
    let node = Node { padding: UiRect::axes(px(8.0), px(2.0)), ..default() };
    row.spawn((node, BackgroundColor(color))).with_children(|chip| {
        // Black on full blue cannot be read.
        let ink = if color.luminance() < 0.12 { palette::TEXT } else { palette::BACKGROUND };
        chip.spawn(text(words, 18.0, ink));
    });
}
