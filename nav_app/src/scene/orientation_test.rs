//! The patient the right way round, whatever way the voxels of the file run:
//! all 48 orders and directions of their axes, in every slice, in the 3-D view
//! and in both eyes.
//!
//! The phantom is a flag: a pole along the spine, its cloth at the top on the
//! patient's right, a ball low on the patient's left, another one in front.

use std::sync::Arc;

use bevy::prelude::*;
use bevy::render::render_resource::TextureFormat;
use bevy::render::view::screenshot::{Screenshot, ScreenshotCaptured};
use drawing::contours::Contours;
use engine::case::Case;
use engine::volume::{Grid, LabelMap, Volume};
use geom::nalgebra::Matrix3x4;
use geom::{Ct, Point};

use super::camera::{Eye3d, Orbit};
use super::hanging::SliceMode;
use super::plane::{Plane, SliceView};
use super::slices::{self, Focus, Look, SliceWindow};
use super::volume::VolumeHull;
use super::{Content, SceneHeader, SceneInput, SnapshotFeed, VolumeSettings, adapters, headless, volume};

/// HU at a place, LPS mm.
fn flag([left, posterior, superior]: [f64; 3]) -> f32 {
    let is_pole = left.abs() < 5.0 && posterior.abs() < 5.0 && superior.abs() < 30.0;
    let is_cloth = (-28.0..0.0).contains(&left) && posterior.abs() < 5.0 && (14.0..30.0).contains(&superior);
    let ball = |at: [f64; 3]| (left - at[0]).hypot(posterior - at[1]).hypot(superior - at[2]) < 8.0;
    if is_pole || is_cloth || ball([20.0, 0.0, -18.0]) || ball([0.0, -22.0, 0.0]) { 1000.0 } else { -1000.0 }
}

/// The same flag in voxels that run in one of the 48 ways.
fn case(way: usize) -> Case {
    const ORDERS: [[usize; 3]; 6] = [[0, 1, 2], [0, 2, 1], [1, 0, 2], [1, 2, 0], [2, 0, 1], [2, 1, 0]];
    // Extents differ along the patient's axes, so that a wrong order shows.
    let (extent, spacing) = ([36usize, 33, 40], [2.0, 2.0, 2.0]);
    let order = ORDERS[way / 8];
    let (mut affine, mut size) = (Matrix3x4::zeros(), [0; 3]);
    for (axis, world) in order.into_iter().enumerate() {
        let sign = if way >> axis & 1 == 1 { -1.0 } else { 1.0 };
        let half = 0.5 * (extent[world] - 1) as f64 * spacing[world];
        affine[(world, axis)] = sign * spacing[world];
        affine[(world, 3)] = -sign * half;
        size[axis] = extent[world];
    }
    let grid = Grid::new(size, affine).unwrap();
    let voxel = |i: usize| [i % size[0], i / size[0] % size[1], i / (size[0] * size[1])].map(|n| n as f64);
    let hu = (0..grid.len()).map(|i| flag(grid.to_ct(Point::from(voxel(i))).to_array())).collect();
    Case {
        ct: Volume { hu, grid: grid.clone() },
        labels: LabelMap { labels: vec![0; grid.len()], grid },
        vertebrae: Vec::new(),
        levels_are_anchored: true,
    }
}

/// Brightness of a square of pixels around a share of width and height.
fn brightness(rgba: &[u8], width: usize, [x, y]: [f32; 2]) -> f32 {
    let height = rgba.len() / 4 / width;
    let (column, row) = ((x * width as f32) as usize, (y * height as f32) as usize);
    let pixels =
        (row - 2..=row + 2).flat_map(|row| (column - 2..=column + 2).map(move |column| (row * width + column) * 4));
    pixels.map(|at| f32::from(rgba[at])).sum::<f32>() / 25.0
}

#[test]
fn slices_of_all_48_orientations_hang_as_in_radiology() {
    let view = |plane| SliceView { plane, size: [80; 2], mm_per_pixel: 1.0 };
    let mut first: Vec<Vec<u8>> = Vec::new();
    for way in 0..48 {
        let case = case(way);
        let contours = Contours::new(&case.vertebrae);
        for (number, plane) in Plane::ALL.into_iter().enumerate() {
            let focus = Focus::Spine(Point::<Ct>::new(0.0, 0.0, if plane == Plane::Axial { 20.0 } else { 0.0 }));
            let look = Look { focus, window: SliceWindow::default(), mode: SliceMode::Patient, density: 1.0 };
            let rgba = slices::draw(&case, &contours, &[], view(plane), &look).rgba;
            let lit = |x: f32, y: f32| brightness(&rgba, 80, [x, y]) > 80.0;
            match plane {
                // The patient's right on the viewer's left.
                Plane::Axial => assert!(lit(0.25, 0.5) && !lit(0.75, 0.5), "axial, way {way}"),
                Plane::Coronal => {
                    assert!(lit(0.25, 0.22) && !lit(0.75, 0.22) && !lit(0.25, 0.78), "coronal, way {way}");
                    assert!(lit(0.75, 0.72), "the ball low on the left, way {way}");
                }
                // The front on the viewer's left.
                Plane::Sagittal => assert!(lit(0.22, 0.5) && !lit(0.78, 0.5), "sagittal, way {way}"),
            }
            match first.get(number) {
                None => first.push(rgba),
                Some(expected) => {
                    let worst = expected.iter().zip(&rgba).map(|(a, b)| a.abs_diff(*b)).max();
                    assert!(worst <= Some(1), "{} of way {way} differs by {worst:?}", plane.name());
                }
            }
        }
    }
}

struct Nothing;

impl SnapshotFeed for Nothing {
    fn latest(&self) -> Option<engine::rt::Snapshot> {
        None
    }
}

/// Edge of a picture, pixels.
const SIZE: u32 = 96;

#[derive(Resource, Default)]
struct Captured([Option<Vec<u8>>; 3]);

/// Three cameras on small textures: the 3-D view and two eyes.
fn cameras(mut commands: Commands<'_, '_>, mut images: ResMut<'_, Assets<Image>>) {
    let orbit = Orbit { focus: Vec3::ZERO, yaw_rad: 0.0, pitch_rad: 0.0, distance_m: 0.3 };
    for (number, side) in [(0usize, 0.0), (1, -0.0315), (2, 0.0315)] {
        let image = images.add(Image::new_target_texture(SIZE, SIZE, TextureFormat::Rgba8UnormSrgb, None));
        let mut place = orbit.transform();
        place.translation.x += side;
        place.look_at(Vec3::ZERO, Vec3::Y);
        commands.spawn((
            Eye3d,
            Shown(number, image.clone()),
            Camera3d::default(),
            Camera { order: -1, ..default() },
            bevy::camera::RenderTarget::Image(image.into()),
            Projection::Perspective(PerspectiveProjection { fov: 0.3, near: 0.02, ..default() }),
            bevy::core_pipeline::tonemapping::Tonemapping::None,
            Msaa::Off,
            place,
        ));
    }
}

#[derive(Component)]
struct Shown(usize, Handle<Image>);

fn pictures(app: &mut App, case: Case) -> [Vec<u8>; 3] {
    let world = app.world_mut();
    let hulls: Vec<_> = world.query_filtered::<Entity, With<VolumeHull>>().iter(world).collect();
    for hull in hulls {
        world.despawn(hull);
    }
    world.insert_resource(Content::new(Arc::new(case), SceneHeader::default()));
    world.insert_resource(volume::Volume::default());
    world.insert_resource(Captured::default());
    for _ in 0..2000 {
        app.update();
        let world = app.world();
        if world.resource::<volume::Volume>().is_ready(world.resource::<VolumeSettings>()) {
            break;
        }
        std::thread::sleep(std::time::Duration::from_millis(1));
    }
    (0..2).for_each(|_| app.update());
    let world = app.world_mut();
    let shown: Vec<_> = world.query::<&Shown>().iter(world).map(|s| (s.0, s.1.clone())).collect();
    for (number, image) in shown {
        let keep = move |shot: On<'_, '_, ScreenshotCaptured>, mut captured: ResMut<'_, Captured>| {
            captured.0[number] = shot.image.data.clone();
        };
        app.world_mut().spawn(Screenshot::image(image)).observe(keep);
    }
    for _ in 0..60 {
        app.update();
        if app.world().resource::<Captured>().0.iter().all(Option::is_some) {
            break;
        }
    }
    std::mem::take(&mut app.world_mut().resource_mut::<Captured>().0).map(|picture| picture.expect("no picture came"))
}

#[test]
fn the_volume_of_all_48_orientations_is_right_way_round_in_view_and_eyes() {
    if adapters().is_empty() {
        println!("skipped: no Vulkan device");
        return;
    }
    let input = SceneInput { case: Arc::new(case(0)), snapshots: Box::new(Nothing), header: SceneHeader::default() };
    let mut app = headless::bare(input);
    app.insert_resource(VolumeSettings { is_shown: true, has_surfaces: false, ..VolumeSettings::default() });
    app.add_systems(PostStartup, cameras);
    headless::finish(&mut app);
    let mut first: Option<[Vec<u8>; 3]> = None;
    for way in 0..48 {
        let seen = pictures(&mut app, case(way));
        for (picture, name) in seen.iter().zip(["view", "left eye", "right eye"]) {
            let lit = |x: f32, y: f32| brightness(picture, SIZE as usize, [x, y]) > 60.0;
            // From behind: the patient's right on the viewer's right, head up.
            assert!(lit(0.72, 0.26) && !lit(0.28, 0.26), "{name} of way {way}: the cloth is on the wrong side");
            assert!(lit(0.28, 0.71) && !lit(0.72, 0.71), "{name} of way {way}: the ball is on the wrong side");
        }
        let expected = first.get_or_insert_with(|| seen.clone());
        for (a, b) in expected.iter().zip(&seen) {
            let apart = a.iter().zip(b).map(|(a, b)| f64::from(a.abs_diff(*b))).sum::<f64>() / a.len() as f64;
            // Half floats and the grain of the rays' start leave a little.
            assert!(apart < 1.0, "way {way} differs by {apart} on average");
        }
    }
    // The eyes see from different places.
    let [_, left, right] = first.unwrap();
    assert!(left.iter().zip(&right).filter(|(a, b)| a.abs_diff(**b) > 40).count() > 100);
}
