//! `xray --window`: both radiographs with what was found, moved by mouse and keys until it is right.
//!
//! Boxes, corners and femoral heads are dragged; the measures follow while one works. Every change is
//! written to the corrections file at once, so that nothing is lost with the window. The analysis runs in
//! a thread of its own ([`worker`]) and the window draws what it found last.
#![allow(clippy::needless_pass_by_value, reason = "Bevy hands resources and queries to systems by value")]
#![allow(clippy::too_many_arguments, reason = "a system's arguments are what it reads and writes, not a call's")]

mod edit;
#[cfg(test)]
mod edit_test;
mod hands;
mod picture;
mod shown;
mod worker;

use std::path::PathBuf;

use anyhow::{Result, bail};
use bevy::prelude::*;
use bevy::window::WindowResolution;
use bevy::winit::{UpdateMode, WinitSettings};
use engine::xray::{Findings, Pair, Radiograph, RunningNetworks, XraySettings, enhanced};

use crate::scene::{adapter_for_window, window_plugins};
use edit::Sheet;
use picture::Frame;
use worker::{Answer, Worker};

/// Shortest time between frames: nothing moves but what the hand moves.
const FRAME: std::time::Duration = std::time::Duration::from_millis(33);

/// What the window begins with, and where changes go.
pub struct Start {
    /// Both radiographs.
    pub pair: Pair,
    /// What was found so far.
    pub findings: Findings,
    /// Further analyses.
    pub settings: XraySettings,
    /// Written after every change.
    pub file: PathBuf,
    /// Who corrects.
    pub by: String,
}

/// What the person works on.
#[derive(Resource)]
struct Work {
    pair: std::sync::Arc<Pair>,
    sheet: Sheet,
    findings: Findings,
    frames: [Frame; 2],
    file: PathBuf,
    by: String,
    /// Which view and what in it the pointer holds.
    held: Option<(edit::ViewIndex, edit::Handle)>,
    /// What the last action came to, for the line at the bottom.
    said: String,
    is_alarm: bool,
    /// Both pictures with bone standing out.
    enhanced: [Radiograph; 2],
    is_enhanced: bool,
    /// The pictures are to be drawn anew.
    is_dirty: bool,
    worker: Worker,
}

impl Work {
    /// Writes what was moved and has it analysed.
    fn changed(&mut self) {
        (self.sheet.corrections.by, self.sheet.corrections.when) = (self.by.clone(), crate::calendar::now());
        self.is_dirty = true;
        match self.sheet.corrections.write(&self.file) {
            Ok(()) => self.say(format!("saved to {}", self.file.display()), false),
            Err(error) => self.say(format!("NOT SAVED: {error}"), true),
        }
        self.worker.ask(self.sheet.corrections.clone());
    }

    fn say(&mut self, words: String, is_alarm: bool) {
        (self.said, self.is_alarm) = (words, is_alarm);
    }

    /// Takes up what the worker found, unless something is being moved.
    fn take(&mut self) {
        if self.held.is_some() {
            return;
        }
        match self.worker.newest() {
            Some(Answer::Found(findings)) => {
                self.sheet.show(&findings);
                self.findings = *findings;
                self.is_dirty = true;
            }
            Some(Answer::Refused(why)) => self.say(why, true),
            None => {}
        }
    }
}

/// Opens the window and returns what was found with the last corrections, once it is closed. Must be
/// called on the main thread, once a process.
///
/// # Errors
/// There is no display or no Vulkan device; or the analysis failed.
pub fn run(start: Start, networks: Option<RunningNetworks>) -> Result<Findings> {
    adapter_for_window()?;
    let Start { pair, findings, settings, file, by } = start;
    let pair = std::sync::Arc::new(pair);
    let (worker, thread) = Worker::start(pair.clone(), networks, settings)?;
    let frames = [&pair.frontal, &pair.lateral].map(|r| Frame::whole(r, shown::PICTURE.map(|n| n as usize)));
    let enhanced = [&pair.frontal, &pair.lateral].map(enhanced);
    let said = format!("changes are saved to {}; C shows bone more clearly, F1 lists mouse and keys", file.display());
    let first = findings.clone();
    let work = Work {
        pair,
        sheet: Sheet::new(&findings),
        findings,
        frames,
        file,
        by,
        held: None,
        said,
        is_alarm: false,
        enhanced,
        is_enhanced: false,
        is_dirty: true,
        worker,
    };
    let window = Window {
        title: "SpineNav radiographs - research use only".into(),
        resolution: WindowResolution::new(1920, 1080),
        ..default()
    };
    let mut app = App::new();
    app.add_plugins(window_plugins(window))
        .insert_resource(WinitSettings {
            focused_mode: UpdateMode::reactive(FRAME),
            unfocused_mode: UpdateMode::reactive_low_power(FRAME),
        })
        .insert_resource(work)
        .insert_resource(ClearColor(crate::scene::palette::BACKGROUND))
        .add_systems(Startup, shown::spawn)
        .add_systems(
            Update,
            (
                shown::fit,
                hands::keys,
                hands::pointer,
                |mut work: ResMut<'_, Work>| work.take(),
                shown::draw,
                shown::tell,
            )
                .chain(),
        );
    app.run();
    // The questions end with the window; what was asked last is answered before the thread ends.
    match thread.join() {
        Ok(last) => Ok(last.unwrap_or(first)),
        Err(_) => bail!("the analysis of the radiographs stopped; the corrections are saved"),
    }
}
