//! In the steady state the scene's own systems allocate nothing: neither while
//! all stands still nor while numbers change. Needs no graphics device.

use std::sync::Arc;
use std::time::{Duration, Instant};

use bevy::prelude::*;
use engine::case::Case;
use engine::volume::{Grid, LabelMap, Volume as Ct};
use geom::{Point, Transform as Pose, Vector};

use super::paint::Paint;
use super::picture::{Condition, Picture};
use super::volume::material::VolumeMaterial;
use super::*;

fn case() -> Case {
    let grid = Grid::axis_aligned([40, 40, 40], [2.0; 3], [-40.0; 3].into()).unwrap();
    let vertebrae = engine::surface::phantom::spine(2).into_iter().enumerate().map(|(i, mesh)| {
        let level = engine::level::Level::from_number(23 - i as u8).unwrap();
        engine::case::Vertebra {
            level,
            voxels: 0,
            volume_mm3: 0.0,
            confidence: 0.9,
            doubts: Vec::new(),
            body_centre: Point::new(0.0, -20.0, 10.0),
            mesh,
            surface_error_mm: Vec::new(),
        }
    });
    Case {
        ct: Ct { hu: vec![40.0; grid.len()], grid: grid.clone() },
        vertebrae: vertebrae.collect(),
        labels: LabelMap { labels: vec![0; grid.len()], grid },
        levels_are_anchored: true,
    }
}

fn spawn(
    mut commands: Commands<'_, '_>,
    content: Res<'_, Content>,
    screens: Res<'_, Screens>,
    slices: Res<'_, ColumnScreens>,
    mut images: ResMut<'_, Assets<Image>>,
) {
    let view = images.add(Image::default());
    camera::spawn(&mut commands, view.clone(), camera::standard_view(&content, &Picture::default(), 1.0), Msaa::Off);
    let camera = commands.spawn_empty().id();
    layout::spawn_desktop(&mut commands, camera, &content, &screens, &slices.0, view);
}

/// A world with everything on the screen, and our systems of a frame.
fn scene() -> (World, Schedule) {
    let mut app = App::new();
    app.add_plugins((TaskPoolPlugin::default(), AssetPlugin::default()));
    app.init_asset::<Image>().init_asset::<Mesh>().init_asset::<Paint>().init_asset::<VolumeMaterial>();
    let content = Content::new(Arc::new(case()), SceneHeader::default());
    let mut screens = Screens::new(Contours::new(&content.case.vertebrae));
    let mut images = app.world_mut().resource_mut::<Assets<Image>>();
    let slices = Plane::ALL.map(|plane| (plane, screens.add(layout::column_view(plane), &mut images)));
    app.insert_resource(content)
        .insert_resource(screens)
        .insert_resource(ColumnScreens(slices.to_vec()))
        .insert_resource(labels::ViewScale(1.0))
        .init_resource::<Picture>()
        .init_resource::<quality::Quality>()
        .init_resource::<slices::SliceWindow>()
        .init_resource::<SliceMode>()
        .init_resource::<VolumeSettings>()
        .init_resource::<volume::Volume>()
        .init_resource::<volume::clip::HandCut>();
    let mut world = std::mem::take(app.world_mut());
    let mut startup = Schedule::default();
    startup.add_systems((spawn, tool::spawn));
    startup.run(&mut world);
    let mut schedule = Schedule::default();
    schedule.set_executor(SingleThreadedExecutor::new());
    schedule.add_systems((
        (tool::follow, panel::write, status::write).run_if(picture::has_changed),
        (status::tell_volume, slice_view::tell_window),
        (slice_view::redraw, slice_view::place_names, slice_view::tell_hanging).chain(),
        (camera::follow_orbit, labels::place.run_if(labels::have_moved), labels::name_edges).chain(),
        volume::march,
    ));
    (world, schedule)
}

#[test]
fn frames_without_a_new_slice_allocate_nothing() {
    let (mut world, mut schedule) = scene();
    let ct_from_tip = Some(Pose::from_translation(Vector::new(5.0, 20.0, 10.0)));
    let shown = |age: f32| Picture {
        condition: Condition::Live,
        ct_from_tip,
        bone_distance_mm: Some(age / 3.0),
        predicted_tre_mm: Some(1.1),
        pose_age_ms: Some(age),
        ..Picture::default()
    };
    // Slices of this tip are drawn, buffers have their size.
    let begun = Instant::now();
    let mut frames = 0u16;
    while !world.resource::<Screens>().are_drawn() || frames < 20 {
        assert!(begun.elapsed() < Duration::from_secs(60), "the slices are never drawn");
        world.insert_resource(shown(100.0 + f32::from(frames)));
        schedule.run(&mut world);
        frames += 1;
        std::thread::sleep(Duration::from_millis(5));
    }
    for kind in ["all stands still", "numbers change"] {
        for frame in 0..10u8 {
            if kind == "numbers change" {
                *world.resource_mut::<Picture>() = shown(f32::from(frame));
            }
            let counted = allocation_counter::measure(|| schedule.run(&mut world));
            assert_eq!(counted.count_total, 0, "{kind}, frame {frame}: {counted:?}");
        }
    }
    // The same count does see a new tip, whose slices are drawn.
    std::thread::sleep(Duration::from_millis(100));
    world.resource_mut::<Picture>().ct_from_tip = Some(Pose::from_translation(Vector::new(0.0, 20.0, 10.0)));
    assert!(allocation_counter::measure(|| schedule.run(&mut world)).count_total > 0);
}
