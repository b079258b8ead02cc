//! A window that has drawn everything once and stays out of sight until it is its turn.
//!
//! Promises that the window is seen two frames with data after its turn has come, or half a second after it where there
//! is none, with the settings the user has by then, and that once it is warm it draws nothing before. Called by the window ([`super::window`]) for a viewer that waits to take over.

use std::time::{Duration, Instant};

use bevy::prelude::*;
use bevy::window::PrimaryWindow;
use bevy::winit::{UpdateMode, WinitSettings};

use super::hanging::SliceMode;
use super::picture::{Condition, Picture};
use super::settings::{SceneSettings, SettingsFile};
use super::slices::SliceWindow;
use super::volume::VolumeSettings;
use crate::turn::{State, Turn};

/// Time between frames out of sight; each is a sign of life.
const FRAME: Duration = Duration::from_millis(200);

/// Frames that are drawn out of sight: shaders are made, textures are where they belong.
const WARM: u32 = 20;
/// Longest time for the first data after the call: that an engine is silent is shown then, and not before.
const PATIENCE: Duration = Duration::from_millis(500);
/// Frames with data before the window is seen.
const FRESH: u32 = 2;

/// The turn that a window waits for, and how often it draws from then on.
#[derive(Resource)]
struct Waiting {
    turn: Turn,
    then: UpdateMode,
    called: Option<Instant>,
    drawn: u32,
    fresh: u32,
    /// Cameras that draw from the call on.
    asleep: Vec<Entity>,
}

/// Keeps the window out of sight until its turn, then drawing as `app` was going to.
pub fn plugin(app: &mut App, turn: Turn) {
    let then = app.world().get_resource::<WinitSettings>().map_or(UpdateMode::Continuous, |all| all.focused_mode);
    let rarely = UpdateMode::reactive_low_power(FRAME);
    app.insert_resource(WinitSettings { focused_mode: rarely, unfocused_mode: rarely })
        .insert_resource(Waiting { turn, then, called: None, drawn: 0, fresh: 0, asleep: Vec::new() })
        .add_systems(Update, come_into_sight.run_if(resource_exists::<Waiting>));
}

fn come_into_sight(
    mut waiting: ResMut<'_, Waiting>,
    picture: Res<'_, Picture>,
    mut window: Single<'_, '_, &mut Window, With<PrimaryWindow>>,
    mut winit: ResMut<'_, WinitSettings>,
    file: Option<Res<'_, SettingsFile>>,
    mut chosen: (ResMut<'_, SliceWindow>, ResMut<'_, SliceMode>, ResMut<'_, VolumeSettings>),
    mut cameras: Query<'_, '_, (Entity, &mut Camera)>,
    mut exit: MessageWriter<'_, AppExit>,
    mut commands: Commands<'_, '_>,
) {
    match waiting.turn.state() {
        State::Waits => {
            waiting.drawn += 1;
            if waiting.drawn > WARM {
                // Also those that other systems have woken since.
                for (entity, mut camera) in cameras.iter_mut().filter(|(_, camera)| camera.is_active) {
                    camera.is_active = false;
                    if !waiting.asleep.contains(&entity) {
                        waiting.asleep.push(entity);
                    }
                }
            }
            return;
        }
        State::IsOver => {
            exit.write(AppExit::Success);
            return;
        }
        State::HasCome => {}
    }
    let Some(called) = waiting.called else {
        waiting.called = Some(Instant::now());
        for entity in std::mem::take(&mut waiting.asleep) {
            if let Ok((_, mut camera)) = cameras.get_mut(entity) {
                camera.is_active = true;
            }
        }
        *winit = WinitSettings { focused_mode: waiting.then, unfocused_mode: waiting.then };
        // What was chosen in the window before; a file that cannot be used was told at the start.
        if let Some(Ok(Some(settings))) = file.map(|file| SceneSettings::read(file.path())) {
            let SceneSettings { window, slices, volume } = settings;
            chosen.0.set_if_neq(window);
            chosen.1.set_if_neq(slices);
            chosen.2.set_if_neq(volume);
        }
        return;
    };
    waiting.fresh += u32::from(picture.condition != Condition::NoData);
    if waiting.fresh >= FRESH || called.elapsed() > PATIENCE {
        window.visible = true;
        commands.remove_resource::<Waiting>();
    }
}
