//! Planned screws: cylinders in the 3-D view, outlines in the slices, and how
//! far the instrument is from the nearest one.
//!
//! Plans and their grades come checked ([`super::SceneHeader`]); the numbers are
//! the engine's ([`engine::plan::guide`]) for the pose of the snapshot.

use bevy::prelude::*;
use drawing::canvas::{Canvas, Pen};
use engine::plan::{Grade, guide};
use geom::nalgebra::Vector3;
use geom::{Point, Vector};

use super::layout::NotePlace;
use super::paint::Paint;
use super::picture::{Picture, has_changed};
use super::plane::PlacedView;
use super::units::M_PER_MM;
use super::widgets::{self, text};
use super::{Content, palette};
use crate::grade_colours::grade_rgb;
use crate::scene_input::PlannedScrew;

/// Opacity of a screw, drawn over bone.
const ALPHA: f32 = 0.62;
/// The ring around the tightest place stands this far off the screw, mm.
const RING_MM: f32 = 2.0;
const RING_THICK_MM: f32 = 0.7;
/// Corners of an outline.
const AROUND: usize = 96;
/// What is written for a value nobody stands behind.
const MISSING: &str = "--";

/// The screw that is followed, and how it lies.
#[derive(Component)]
struct PlanWords;

/// The numbers.
#[derive(Component)]
struct GuideWords;

/// Adds screws and numbers where there is a plan.
pub fn plugin(app: &mut App) {
    app.add_systems(Startup, spawn).add_systems(Update, (spawn_panel, write.run_if(has_changed)).chain());
}

fn color(grade: Grade) -> Color {
    let [r, g, b] = grade_rgb(grade);
    Srgba::rgb_u8(r, g, b).into()
}

fn spawn(
    mut commands: Commands<'_, '_>,
    content: Res<'_, Content>,
    mut meshes: ResMut<'_, Assets<Mesh>>,
    mut materials: ResMut<'_, Assets<Paint>>,
) {
    for PlannedScrew { screw, found } in content.header.plan.iter() {
        let Some(direction) = screw.direction().map(|d| content.frame.direction(d)) else { continue };
        let turn = Quat::from_rotation_arc(Vec3::Y, direction.normalize_or(Vec3::Y));
        let at = |mm: f64| Transform::from_translation(content.frame.point(screw.along(mm))).with_rotation(turn);
        let radius = 0.5 * screw.diameter_mm as f32;
        let cylinder = Cylinder::new(radius * M_PER_MM, screw.length_mm as f32 * M_PER_MM);
        let mut paint = Paint::over_all(color(found.grade).with_alpha(ALPHA));
        paint.set_striped(found.grade != Grade::A);
        let body = (Mesh3d(meshes.add(cylinder)), MeshMaterial3d(materials.add(paint)));
        commands.spawn((body, at(0.5 * screw.length_mm)));
        // A shape of its own where it breaks out, for those who do not see colours.
        if found.grade != Grade::A {
            let ring = Torus { minor_radius: RING_THICK_MM * M_PER_MM, major_radius: (radius + RING_MM) * M_PER_MM };
            let paint = materials.add(Paint::over_all(color(found.grade)));
            commands.spawn((Mesh3d(meshes.add(ring)), MeshMaterial3d(paint), at(found.pedicle.at_mm)));
        }
    }
}

/// The numbers' box, wherever notes are taken.
fn spawn_panel(
    mut commands: Commands<'_, '_>,
    content: Res<'_, Content>,
    views: Query<'_, '_, Entity, Added<NotePlace>>,
) {
    if content.header.plan.is_empty() {
        return;
    }
    for view in &views {
        commands.entity(view).with_children(|view| {
            // Where a banner hides it there are no numbers anyway.
            view.spawn(widgets::note(12.0)).with_children(|panel| {
                panel.spawn((text("", 21.0, palette::CAPTION), PlanWords));
                panel.spawn((text("", 25.0, palette::TEXT), GuideWords));
            });
        });
    }
}

type IsPlan = (With<PlanWords>, Without<GuideWords>);
type IsGuide = (With<GuideWords>, Without<PlanWords>);

fn write(
    picture: Res<'_, Picture>,
    content: Res<'_, Content>,
    mut plans: Query<'_, '_, (&mut Text, &mut TextColor), IsPlan>,
    mut guides: Query<'_, '_, &mut Text, IsGuide>,
) {
    let (name, grade, numbers) = words(&picture, &content.header.plan);
    for (mut text, mut ink) in &mut plans {
        if text.0 != name {
            text.0.clone_from(&name);
            ink.set_if_neq(TextColor(color(grade)));
        }
    }
    for mut text in &mut guides {
        if text.0 != numbers {
            text.0.clone_from(&numbers);
        }
    }
}

/// The followed screw, its grade, and the numbers; without a pose the worst
/// screw and no number.
fn words(picture: &Picture, plan: &[PlannedScrew]) -> (String, Grade, String) {
    let screws: Vec<_> = plan.iter().map(|p| p.screw).collect();
    let guided = picture
        .ct_from_tip
        .and_then(|pose| guide(&screws, pose * Point::new(0.0, 0.0, 0.0), pose * Vector::new(0.0, 0.0, -1.0)));
    let (Some(guided), Some(planned)) = (guided, guided.and_then(|g| plan.get(g.screw))) else {
        let worst = plan.iter().max_by_key(|p| p.found.grade);
        let name = worst.map_or_else(String::new, |w| {
            format!("PLAN  {} screws, worst grade {}: {}", plan.len(), w.found.grade, w.screw.name())
        });
        let numbers = format!("entry {MISSING}   angle {MISSING}   off axis {MISSING}   to go {MISSING}");
        return (name, worst.map_or(Grade::E, |w| w.found.grade), numbers);
    };
    let (screw, found) = (&planned.screw, &planned.found);
    let wall = if found.pedicle.outward_mm > 0.0 { "breach" } else { "wall" };
    let name = format!(
        "PLAN  {}  {} x {} mm  grade {}  {wall} {:.1} mm {}",
        screw.name(),
        screw.diameter_mm,
        screw.length_mm,
        found.grade,
        found.pedicle.outward_mm.abs(),
        found.pedicle.direction.name(),
    );
    let numbers = format!(
        "entry {:.1} mm   angle {:.1} deg   off axis {:.1} mm   to go {:.0} mm",
        guided.to_entry_mm, guided.angle_deg, guided.off_axis_mm, guided.remaining_mm
    );
    (name, found.grade, numbers)
}

/// Draws where the screws cross a slice: the outline of the cut cylinder and,
/// thin, the axis where it runs within the screw's radius of the plane.
pub fn outline(canvas: &mut Canvas, screws: &[PlannedScrew], placed: &PlacedView) {
    let Some(plane) = placed.sampling() else { return };
    let corner = plane.position(0.0, 0.0).vector3();
    let (right, down) = (plane.position(1.0, 0.0).vector3() - corner, plane.position(0.0, 1.0).vector3() - corner);
    let Some(normal) = right.cross(&down).try_normalize(1e-12) else { return };
    let pixels_per_mm = (1.0 / right.norm().max(1e-6)) as f32;
    for PlannedScrew { screw, found } in screws {
        let Some(axis) = screw.direction().map(Vector::vector3) else { continue };
        let height = |mm: f64| (screw.along(mm).vector3() - corner).dot(&normal);
        let radius = 0.5 * screw.diameter_mm;
        let pen = Pen { rgb: grade_rgb(found.grade), alpha: 0.95, width: 1.8 };
        let dash = match found.grade {
            Grade::A => 0.0,
            Grade::B => 2.0 * pixels_per_mm,
            _ => pixels_per_mm,
        };
        let corners = cut(axis, radius, [height(0.0), height(screw.length_mm)], screw.length_mm, normal);
        for [a, b] in corners {
            let pixel = |p: Vector3<f64>| placed.pixel(Point::from_vector3(screw.entry.vector3() + p));
            let (a, b) = (pixel(a), pixel(b));
            if dash > 0.0 { canvas.dashed_line(a, b, dash, pen) } else { canvas.line(a, b, pen) }
        }
        // The stretch of the axis that lies within the cylinder's reach of the plane.
        let near: Vec<f64> =
            (0..=60).map(|i| screw.length_mm * f64::from(i) / 60.0).filter(|mm| height(*mm).abs() <= radius).collect();
        if let (Some(from), Some(to)) = (near.first(), near.last()) {
            let thin = Pen { width: 1.0, alpha: 0.7, ..pen };
            canvas.dashed_line(placed.pixel(screw.along(*from)), placed.pixel(screw.along(*to)), pixels_per_mm, thin);
        }
    }
}

/// The pieces of the plane's cut through a cylinder from the origin along
/// `axis`: of its mantle and of its two ends.
///
/// * `heights` - of both ends' middles above the plane, mm.
fn cut(
    axis: Vector3<f64>,
    radius: f64,
    heights: [f64; 2],
    length: f64,
    normal: Vector3<f64>,
) -> Vec<[Vector3<f64>; 2]> {
    let other = if axis.z.abs() < 0.9 { Vector3::z() } else { Vector3::x() };
    let across = axis.cross(&other).normalize();
    let second = axis.cross(&across);
    let rim = |i: usize| {
        let (sine, cosine) = (std::f64::consts::TAU * i as f64 / AROUND as f64).sin_cos();
        (across * cosine + second * sine) * radius
    };
    let mut pieces = Vec::new();
    for i in 0..AROUND {
        let (a, b) = (rim(i), rim(i + 1));
        // Four corners of one strip of the mantle; the plane crosses two of its edges.
        let strip = [a, b, b + axis * length, a + axis * length];
        let level = [
            heights[0] + a.dot(&normal),
            heights[0] + b.dot(&normal),
            heights[1] + b.dot(&normal),
            heights[1] + a.dot(&normal),
        ];
        pieces.extend(crossing(&strip, &level));
        for (end, height) in [(Vector3::zeros(), heights[0]), (axis * length, heights[1])] {
            let wedge = [end, end + a, end + b];
            pieces.extend(crossing(&wedge, &[height, height + a.dot(&normal), height + b.dot(&normal)]));
        }
    }
    pieces
}

/// Where the plane crosses a convex polygon whose corners have these heights.
fn crossing(corners: &[Vector3<f64>], heights: &[f64]) -> Option<[Vector3<f64>; 2]> {
    let mut ends = [None, None];
    for i in 0..corners.len() {
        let j = (i + 1) % corners.len();
        if (heights[i] < 0.0) != (heights[j] < 0.0) {
            let share = heights[i] / (heights[i] - heights[j]);
            let place = corners[i] + (corners[j] - corners[i]) * share;
            *ends.iter_mut().find(|end| end.is_none())? = Some(place);
        }
    }
    Some([ends[0]?, ends[1]?])
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_cut_across_is_a_circle_and_one_along_a_rectangle() {
        let length = |pieces: &[[Vector3<f64>; 2]]| pieces.iter().map(|[a, b]| (a - b).norm()).sum::<f64>();
        let across = cut(Vector3::y(), 3.0, [-20.0, 20.0], 40.0, Vector3::y());
        assert!((length(&across) - std::f64::consts::TAU * 3.0).abs() < 0.02);
        let along = cut(Vector3::y(), 3.0, [0.01, 0.01], 40.0, Vector3::z());
        assert!((length(&along) - 92.0).abs() < 0.3, "{}", length(&along));
        assert!(cut(Vector3::y(), 3.0, [3.1, 3.1], 40.0, Vector3::z()).is_empty());
    }

    #[test]
    fn without_a_pose_there_are_no_numbers() {
        let (_, grade, numbers) = words(&Picture::default(), &[]);
        assert!(grade == Grade::E && numbers.matches(MISSING).count() == 4);
    }
}
