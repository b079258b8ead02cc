//! A window that has drawn everything once and stays out of sight until it is its turn.
//!
//! Promises that the window is seen two frames after its turn has come, with the settings the user has by then, and that
//! it costs next to nothing before. Called by the window ([`super::window`]) for a viewer that waits to take over.

use std::time::{Duration, Instant};

use bevy::prelude::*;
use bevy::window::PrimaryWindow;
use bevy::winit::{UpdateMode, WinitSettings};

use super::hanging::SliceMode;
use super::picture::Picture;
use super::settings::{SceneSettings, SettingsFile};
use super::slices::SliceWindow;
use super::volume::VolumeSettings;
use crate::turn::{State, Turn};

/// Time between frames out of sight; each is a sign of life.
const FRAME: Duration = Duration::from_millis(200);

/// Longest time for the first new picture after the call: what an engine that is silent last said is shown then, as such.
const PATIENCE: Duration = Duration::from_millis(500);
/// Frames with new data before the window is seen; the one before them would cry that there is none.
const FRESH: u32 = 2;

/// The turn that a window waits for, and how often it draws from then on.
#[derive(Resource)]
struct Waiting {
    turn: Turn,
    then: UpdateMode,
    called: Option<Instant>,
    fresh: u32,
}

/// Keeps the window out of sight until its turn, then drawing as `app` was going to.
pub fn plugin(app: &mut App, turn: Turn) {
    let then = app.world().get_resource::<WinitSettings>().map_or(UpdateMode::Continuous, |all| all.focused_mode);
    let rarely = UpdateMode::reactive_low_power(FRAME);
    app.insert_resource(WinitSettings { focused_mode: rarely, unfocused_mode: rarely })
        .insert_resource(Waiting { turn, then, called: None, fresh: 0 })
        .add_systems(Update, come_into_sight.run_if(resource_exists::<Waiting>));
}

fn come_into_sight(
    mut waiting: ResMut<'_, Waiting>,
    picture: Res<'_, Picture>,
    mut window: Single<'_, '_, &mut Window, With<PrimaryWindow>>,
    mut winit: ResMut<'_, WinitSettings>,
    file: Option<Res<'_, SettingsFile>>,
    mut chosen: (ResMut<'_, SliceWindow>, ResMut<'_, SliceMode>, ResMut<'_, VolumeSettings>),
    mut exit: MessageWriter<'_, AppExit>,
    mut commands: Commands<'_, '_>,
) {
    match waiting.turn.state() {
        State::Waits => return,
        State::IsOver => {
            exit.write(AppExit::Success);
            return;
        }
        State::HasCome => {}
    }
    let Some(called) = waiting.called else {
        waiting.called = Some(Instant::now());
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
    waiting.fresh += u32::from(picture.is_changed());
    if waiting.fresh >= FRESH || called.elapsed() > PATIENCE {
        window.visible = true;
        commands.remove_resource::<Waiting>();
    }
}
