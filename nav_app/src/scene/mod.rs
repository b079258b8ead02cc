//! What the surgeon sees: spine, instrument, slices, numbers.
//!
//! The scene computes no pose; it draws the newest [`Snapshot`] and shows
//! nothing the engine does not stand behind ([`picture`]). It runs in a window
//! ([`run_window`]) or draws PNG files without a display ([`render_headless`]).
//!
//! Bevy's own messages go through `tracing`; `wgpu=error,naga=error,bevy=warn`
//! keeps them quiet.
//!
//! [`Snapshot`]: engine::rt::Snapshot
#![allow(clippy::needless_pass_by_value, reason = "Bevy hands resources and queries to systems by value")]
#![allow(clippy::too_many_arguments, reason = "a system's arguments are what it reads and writes, not a call's")]

mod adapter;
mod alignment;
#[cfg(test)]
mod allocation_test;
mod camera;
mod corrections;
mod enlarge;
mod eyes;
mod flow;
mod guide;
mod hanging;
mod headless;
mod keys;
mod labels;
mod layout;
mod measure;
mod opening;
mod orbit_control;
#[cfg(test)]
mod orientation_test;
mod paint;
pub mod palette;
mod panel;
mod picture;
mod plane;
mod practice;
mod quality;
#[cfg(test)]
mod render_test;
mod residuals;
mod screws;
mod settings;
mod slice_view;
mod slices;
mod standby;
mod status;
mod tool;
mod tool_shape;
mod units;
mod vertebrae;
mod video;
mod volume;
pub mod widgets;
mod window;
#[cfg(feature = "xr")]
mod xr;

use std::sync::Arc;

use bevy::app::PluginGroupBuilder;
use bevy::ecs::schedule::SingleThreadedExecutor;
use bevy::prelude::*;
use bevy::render::settings::{Backends, RenderCreation, WgpuSettings};
use bevy::render::{RenderApp, RenderPlugin};
use bevy::window::ExitCondition;
use drawing::contours::Contours;
use drawing::pick::first_hit;
use engine::case::Case;
use geom::{Ct, Point};

pub use adapter::{adapters, display_name, for_window as adapter_for_window};
pub use guide::{render_guide, run_guide};
pub use hanging::SliceMode;
pub use headless::{render_headless, render_headless_with};
pub use measure::{FrameRun, MemorySample, measure_frames, measure_memory};
pub use opening::{Open, Opened};
pub use picture::SnapshotFeed;
pub use settings::SceneSettings;
pub use volume::VolumeSettings;
pub use volume::clip::{ClipBox, ToolCut};
pub use volume::count::{RayWork, count as count_ray_work};
pub use volume::transfer::Preset;
pub use window::{SceneStart, run_window, run_window_with};

pub use crate::scene_input::{SceneHeader, SceneInput};
#[cfg(feature = "xr")]
pub use xr::{XrSettings, run_headset};

use picture::{Feed, Picture};
use plane::Plane;
use slice_view::{ScreenId, Screens};
use units::SceneFrame;

/// The parts of the input that never change, and where they lie.
#[derive(Resource, Clone)]
pub struct Content {
    case: Arc<Case>,
    header: SceneHeader,
    frame: SceneFrame,
    spine_centre: Point<Ct>,
}

/// The slices of the column.
#[derive(Resource, Clone)]
pub struct ColumnScreens(Vec<(Plane, ScreenId)>);

impl Content {
    fn new(case: Arc<Case>, header: SceneHeader) -> Self {
        // Slices without a tip cut the middle vertebra's body.
        let middle = case.vertebrae.get(case.vertebrae.len() / 2).map(|v| v.body_centre);
        let (low, high) = case.ct.grid.bounds();
        let spine_centre = middle.filter(|p| p.is_finite()).unwrap_or_else(|| low + (high - low) * 0.5);
        let boxes = case.vertebrae.iter().filter_map(|v| v.mesh.bounds());
        let whole = boxes.reduce(|(low, high), (l, h)| {
            let corner = |p: Point<Ct>| p.vector3();
            (Point::from_vector3(corner(low).inf(&corner(l))), Point::from_vector3(corner(high).sup(&corner(h))))
        });
        let centre = whole.map_or(spine_centre, |(low, high)| low + (high - low) * 0.5);
        Self { case, header, frame: SceneFrame::new(centre), spine_centre }
    }

    /// The first bone along a ray of the scene.
    fn bone_along(&self, from: Vec3, along: Vec3) -> Option<Point<Ct>> {
        let (from, along) = (self.frame.ct_point(from), self.frame.ct_direction(along));
        let hits = self.case.vertebrae.iter().filter_map(|v| first_hit(&v.mesh, from, along));
        hits.min_by(f64::total_cmp).map(|distance| from + along * distance)
    }
}

/// Bevy's plugins for a window, or for none.
fn plugins(window: Option<Window>) -> PluginGroupBuilder {
    let settings = WgpuSettings { backends: Some(Backends::VULKAN), ..default() };
    DefaultPlugins
        .build()
        .set(WindowPlugin {
            exit_condition: if window.is_some() { ExitCondition::OnPrimaryClosed } else { ExitCondition::DontExit },
            primary_window: window,
            ..default()
        })
        .set(RenderPlugin {
            render_creation: RenderCreation::Automatic(Box::new(settings)),
            // Otherwise the first frames show nothing but the background.
            synchronous_pipeline_compilation: true,
            ..default()
        })
}

/// Bevy's plugins for a window that is not the scene's.
pub fn window_plugins(window: Window) -> PluginGroupBuilder {
    plugins(Some(window))
}

/// Runs all systems one after the other. Ours are short: where the device draws
/// by processor, handing them from thread to thread costs more than it saves.
fn run_on_one_thread(app: &mut App) {
    let one_by_one = |app: &mut SubApp| {
        let mut schedules = app.world_mut().resource_mut::<Schedules>();
        for (_, schedule) in schedules.iter_mut() {
            schedule.set_executor(SingleThreadedExecutor::new());
        }
    };
    one_by_one(app.main_mut());
    if let Some(render) = app.get_sub_app_mut(RenderApp) {
        one_by_one(render);
    }
}

/// Adds what window and pictures have in common; `feed` is already primed.
fn add_content(app: &mut App, content: Content, mut feed: Feed) {
    paint::plugin(app);
    volume::plugin(app);
    screws::plugin(app);
    residuals::plugin(app);
    alignment::plugin(app);
    app.init_resource::<quality::Quality>();
    let mut screens = Screens::new(Contours::new(&content.case.vertebrae));
    let mut images = app.world_mut().resource_mut::<Assets<Image>>();
    let slices = Plane::ALL.map(|plane| (plane, screens.add(layout::column_view(plane), &mut images)));
    app.insert_resource(ClearColor(palette::BACKGROUND))
        .insert_resource(feed.picture())
        .insert_resource(feed)
        .insert_resource(screens)
        .insert_resource(ColumnScreens(slices.to_vec()))
        .insert_resource(content)
        .insert_resource(labels::ViewScale(1.0))
        .init_resource::<slices::SliceWindow>()
        .init_resource::<SliceMode>()
        .add_systems(PreUpdate, picture::take_snapshot)
        .add_systems(Startup, (vertebrae::spawn, tool::spawn))
        .add_systems(
            Update,
            (
                (tool::follow, panel::write, status::write).run_if(picture::has_changed),
                (status::tell_volume, slice_view::tell_window),
                (slice_view::redraw, slice_view::place_names, slice_view::tell_hanging).chain(),
                (camera::follow_orbit, labels::place.run_if(labels::have_moved), labels::name_edges).chain(),
            ),
        );
}
