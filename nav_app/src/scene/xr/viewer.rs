//! The loop between runtime and scene.

use std::io::Write;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::{Duration, Instant};

use anyhow::{Context, Result};
use bevy::app::{PluginsState, TerminalCtrlCHandlerPlugin};
use bevy::prelude::*;
use bevy::render::RenderPlugin;
use bevy::render::pipelined_rendering::PipelinedRenderingPlugin;
use bevy::render::renderer::{
    RenderAdapter, RenderAdapterInfo, RenderDevice, RenderInstance, RenderQueue, WgpuWrapper,
};
use bevy::render::settings::RenderCreation;
use bevy::winit::WinitPlugin;
use headset::{Frame, Graphics, Hands, Headset, HeadsetError, HeadsetSettings, HeadsetState};
use serde_json::{Value, json};

use super::super::picture::Feed;
use super::super::practice::{self, Means, Practice};
use super::super::slices::SliceWindow;
use super::super::vertebrae::IsCoarse;
use super::super::volume::VolumeSettings;
use super::super::volume::clip::HandCut;
use super::super::{Content, SceneInput, add_content, eyes, headless, plugins};
use super::board::{self, AtBoard};
use super::hands;
use super::interaction::{CutPlane, Input, Interaction, Mode};
use super::log::Log;
use super::stage::{self, EyeKind};

/// Longest time a held stick or trigger counts for in one frame, s.
const LONGEST_STEP_S: f32 = 0.1;
/// Pause while the headset takes no frames.
const ASLEEP: Duration = Duration::from_millis(30);

/// How the scene is shown in the headset.
#[derive(Clone)]
pub struct XrSettings {
    /// End after this many drawn frames and save both eyes' pictures; 0 goes on.
    pub frames: u32,
    /// Folder of pictures and report.
    pub out: PathBuf,
    /// What is asked of the runtime.
    pub headset: HeadsetSettings,
    /// How the CT is drawn.
    pub volume: VolumeSettings,
    /// A practice to be done in it; its pictures are saved when it is over.
    pub practice: Option<practice::Behind>,
}

/// How it ended.
#[derive(Debug)]
pub struct XrEnd {
    /// What happened, for machines.
    pub report: Value,
    /// Set when the session was lost: a new process may find a new one.
    pub loss: Option<HeadsetError>,
}

/// Opens the headset and shows the scene until the wearer ends it, the frames
/// are drawn or the session is lost.
///
/// # Errors
/// There is no headset to begin with, or pictures cannot be written.
pub fn run_headset(input: SceneInput, settings: &XrSettings) -> Result<XrEnd> {
    let mut headset = Headset::open(&settings.headset)?;
    let mut log = Log::new(headset.name(), headset.sizes());
    let mut app = assemble(input, settings, &headset);
    warm_up(&mut app);
    let shown = show(&mut headset, &mut app, &mut log, settings.frames);
    let is_finished = settings.frames > 0 || matches!(shown, Ok(Ending::Practised));
    let loss = shown.err();
    let mut images = Vec::new();
    if is_finished && loss.is_none() {
        let paths = headless::take_pictures(&mut app, &settings.out).context("the eyes' pictures were not saved")?;
        images.extend(paths.iter().map(|path| path.display().to_string()));
    }
    let mut report = log.json();
    report["images"] = json!(images);
    report["chosen"] = chosen(app.world());
    report["lost"] = json!(loss.as_ref().map(ToString::to_string));
    // The headset goes before the scene: it borrows the scene's textures.
    drop(headset);
    drop(app);
    Ok(XrEnd { report, loss })
}

/// What the wearer's buttons have come to.
fn chosen(world: &World) -> Value {
    let (window, volume) = (world.resource::<SliceWindow>(), world.resource::<VolumeSettings>());
    json!({
        "window_centre_hu": window.centre_hu,
        "window_width_hu": window.width_hu,
        "is_ct_shown": volume.is_shown,
        "preset": volume.preset.name(),
    })
}

/// Draws once before anybody looks: the first picture makes shaders and
/// textures, which takes seconds, and a frame that takes seconds counts as hung.
fn warm_up(app: &mut App) {
    // Eyes are there after the first update, and draw from then on.
    (0..3).for_each(|_| app.update());
    stage::look(app.world_mut(), None);
}

/// Why no more frames are shown.
enum Ending {
    /// The wearer has had enough, or the frames that were wanted are drawn.
    Closed,
    /// A practice is over.
    Practised,
}

/// Frame after frame.
fn show(headset: &mut Headset, app: &mut App, log: &mut Log, frames: u32) -> Result<Ending, HeadsetError> {
    let mut wearer = Wearer::default();
    loop {
        if wearer.at_board.is_over() {
            return Ok(Ending::Practised);
        }
        let (state, was_centred) = headset.poll()?;
        log.state(state);
        if log.owes_word() {
            // Whoever listened is gone when this fails; the wearer is not.
            let _ = writeln!(std::io::stdout(), "{} {}", state.name(), log.frames());
        }
        if state == HeadsetState::Ended || (frames > 0 && log.drawn() >= u64::from(frames)) {
            return Ok(Ending::Closed);
        }
        wearer.wants_centre |= was_centred;
        let Some(frame) = headset.begin()? else {
            std::thread::sleep(ASLEEP);
            continue;
        };
        let begun = Instant::now();
        let views = headset.views(&frame)?;
        let pressed = headset.hands(&frame);
        wearer.wants_centre |= pressed.wants_centre;
        // A view that is not known is not drawn: darkness is honest, the old
        // picture is not.
        let known = Some(&views).filter(|views| frame.is_seen && views.has_position && views.has_rotation);
        let world = app.world_mut();
        if let Some(views) = known {
            let interaction = wearer.act(world, &stage::head(views), &pressed, &frame);
            stage::look(world, Some((views, interaction.placement())));
            log.hands(interaction);
        } else {
            hands::hide(world);
            stage::look(world, None);
        }
        app.update();
        let textures = stage::drawn(app);
        let drawn = known.zip(textures.as_ref()).map(|(views, [left, right])| (views, [left, right]));
        let is_drawn = drawn.is_some();
        headset.end(&frame, drawn)?;
        log.frame(Some(&views), begun.elapsed(), is_drawn);
    }
}

/// What the wearer has done so far.
#[derive(Default)]
struct Wearer {
    interaction: Option<Interaction>,
    wants_centre: bool,
    last_ns: Option<i64>,
    at_board: AtBoard,
}

impl Wearer {
    /// Takes in what the hands do, for the time the frame will be seen.
    fn act(&mut self, world: &mut World, head: &Transform, pressed: &Hands, frame: &Frame) -> &Interaction {
        let size = eyes::PANEL_SIZE;
        let begin = || {
            let mode = hands::mode(world.resource::<Content>());
            Interaction::new(mode, head, eyes::panel_place(), 0.5 * size)
        };
        let interaction = self.interaction.get_or_insert_with(begin);
        let passed_ns = self.last_ns.replace(frame.display_ns).map_or(0, |last| frame.display_ns - last);
        let mut hands = stage::hands(pressed);
        if world.contains_resource::<Practice>() {
            self.at_board.act(world, interaction, &mut hands);
        }
        let input = Input {
            hands,
            head: *head,
            wants_centre: std::mem::take(&mut self.wants_centre),
            seconds: (passed_ns as f32 * 1e-9).clamp(0.0, LONGEST_STEP_S),
        };
        let change = interaction.step(&input);
        if change != Vec2::ZERO {
            let mut window = world.resource_mut::<SliceWindow>();
            let next = window.dragged(change.x, change.y);
            window.set_if_neq(next);
        }
        let cut = interaction.cut().map(CutPlane::equation);
        let before = std::mem::replace(&mut world.resource_mut::<HandCut>().0, cut);
        // A cut of a CT that is not drawn would be no answer to a press.
        let is_practice = interaction.mode() == Mode::Practice;
        if !is_practice && ((before.is_none() && cut.is_some()) || pressed.wants_preset) {
            let mut volume = world.resource_mut::<VolumeSettings>();
            if pressed.wants_preset && volume.is_shown {
                volume.show_next_preset(None);
            }
            volume.is_shown = true;
        }
        stage::hang_panel(world, interaction.placement(), interaction.panel());
        hands::show(world, interaction, &input.hands);
        interaction
    }
}

/// The app that draws on the headset's device.
fn assemble(input: SceneInput, settings: &XrSettings, headset: &Headset) -> App {
    let mut app = App::new();
    let render_creation = creation(headset.graphics());
    let plugins = plugins(None)
        .set(RenderPlugin { render_creation, synchronous_pipeline_compilation: true, ..default() })
        .disable::<WinitPlugin>()
        .disable::<PipelinedRenderingPlugin>()
        .disable::<TerminalCtrlCHandlerPlugin>();
    app.add_plugins(plugins)
        .init_resource::<headless::Shots>()
        .insert_resource(EyeKind { sizes: headset.sizes(), is_see_through: headset.is_see_through() });
    add_content(&mut app, Content::new(input.case, input.header), Feed::live(input.snapshots));
    app.insert_resource(settings.volume.clone());
    if headset.graphics().adapter.get_info().device_type == wgpu::DeviceType::Cpu {
        app.insert_resource(IsCoarse);
    }
    app.add_systems(PostStartup, (eyes::spawn, stage::fit_eyes, hands::spawn).chain());
    if let Some(behind) = settings.practice.clone() {
        practice::plugin(&mut app, behind, Means::Hands);
        app.add_systems(PostStartup, board::spawn.after(hands::spawn)).add_systems(Update, board::label);
    }
    while app.plugins_state() == PluginsState::Adding {
        bevy::tasks::tick_global_task_pools_on_main_thread();
    }
    app.finish();
    app.cleanup();
    app
}

fn creation(graphics: &Graphics) -> RenderCreation {
    let Graphics { instance, adapter, device, queue, .. } = graphics.clone();
    let info = adapter.get_info();
    RenderCreation::manual(
        RenderDevice::new(WgpuWrapper::new(device)),
        RenderQueue(Arc::new(WgpuWrapper::new(queue))),
        RenderAdapterInfo(WgpuWrapper::new(info)),
        RenderAdapter(Arc::new(WgpuWrapper::new(adapter))),
        RenderInstance(Arc::new(WgpuWrapper::new(instance))),
    )
}
