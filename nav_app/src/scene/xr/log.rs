//! What happened in the headset, for people and for tests.

use std::collections::VecDeque;
use std::time::{Duration, Instant};

use bevy::prelude::Transform;
use headset::{HeadsetState, Views};
use serde_json::{Value, json};

use super::interaction::Interaction;
use crate::quantile::{quantile, sorted};

/// Most frames that are remembered; times of earlier ones are forgotten.
const REMEMBERED: usize = 20_000;
/// Longest silence towards whoever watches over this process.
const SILENCE: Duration = Duration::from_millis(400);

/// Counts, times and extremes of a run.
pub struct Log {
    name: String,
    sizes: [[u32; 2]; 2],
    states: Vec<&'static str>,
    frames: u64,
    drawn: u64,
    untracked: u64,
    intervals_ms: VecDeque<f64>,
    ahead_ms: VecDeque<f64>,
    last_frame: Option<Instant>,
    last_word: Option<Instant>,
    head_low: [f32; 3],
    head_high: [f32; 3],
    pupils_mm: f32,
    hands: Option<Interaction>,
    first_place: Option<[f32; 3]>,
}

impl Log {
    /// Nothing yet.
    pub fn new(name: &str, sizes: [[u32; 2]; 2]) -> Self {
        Self {
            name: name.to_owned(),
            sizes,
            states: Vec::new(),
            frames: 0,
            drawn: 0,
            untracked: 0,
            intervals_ms: VecDeque::new(),
            ahead_ms: VecDeque::new(),
            last_frame: None,
            last_word: None,
            head_low: [f32::INFINITY; 3],
            head_high: [f32::NEG_INFINITY; 3],
            pupils_mm: 0.0,
            hands: None,
            first_place: None,
        }
    }

    /// A state; said once when it changes.
    pub fn state(&mut self, state: HeadsetState) {
        if self.states.last() != Some(&state.name()) {
            tracing::warn!(state = state.name(), headset = %self.name, "headset");
            self.states.push(state.name());
        }
    }

    /// True when somebody should hear that this process lives.
    pub fn owes_word(&mut self) -> bool {
        let is_due = self.last_word.is_none_or(|last| last.elapsed() > SILENCE);
        if is_due {
            self.last_word = Some(Instant::now());
        }
        is_due
    }

    /// Frames that were begun.
    pub const fn frames(&self) -> u64 {
        self.frames
    }

    /// Frames that were drawn and shown.
    pub const fn drawn(&self) -> u64 {
        self.drawn
    }

    /// A frame that was ended.
    pub fn frame(&mut self, views: Option<&Views>, took: Duration, is_drawn: bool) {
        let now = Instant::now();
        self.frames += 1;
        self.drawn += u64::from(is_drawn);
        let remember = |list: &mut VecDeque<f64>, ms: f64| {
            if list.len() == REMEMBERED {
                list.pop_front();
            }
            list.push_back(ms);
        };
        if let Some(last) = self.last_frame.replace(now) {
            remember(&mut self.intervals_ms, now.duration_since(last).as_secs_f64() * 1e3);
        }
        remember(&mut self.ahead_ms, took.as_secs_f64() * 1e3);
        let Some(views) = views else { return };
        self.untracked += u64::from(!views.is_tracked);
        let [left, right] = views.eyes.map(|eye| eye.position_m);
        for axis in 0..3 {
            let middle = 0.5 * (left[axis] + right[axis]);
            self.head_low[axis] = self.head_low[axis].min(middle);
            self.head_high[axis] = self.head_high[axis].max(middle);
        }
        let apart: f32 = left.iter().zip(right).map(|(l, r)| (l - r).powi(2)).sum();
        self.pupils_mm = apart.sqrt() * 1e3;
    }

    /// What the hands have done so far.
    pub fn hands(&mut self, interaction: &Interaction) {
        self.first_place.get_or_insert_with(|| place(interaction));
        self.hands = Some(interaction.clone());
    }

    /// For machines.
    pub fn json(&self) -> Value {
        let quantiles = |values: &VecDeque<f64>| {
            let values = sorted(values.iter().copied());
            let at = |share| quantile(&values, share);
            json!({ "count": values.len(), "p50_ms": at(0.5), "p90_ms": at(0.9), "p99_ms": at(0.99), "max_ms": values.last() })
        };
        json!({
            "headset": self.name,
            "eye_pixels": self.sizes,
            "states": self.states,
            "frames": self.frames,
            "frames_drawn": self.drawn,
            "frames_untracked": self.untracked,
            "frame_interval": quantiles(&self.intervals_ms),
            "locate_to_submit": quantiles(&self.ahead_ms),
            "head_low_m": self.head_low.map(finite),
            "head_high_m": self.head_high.map(finite),
            "pupils_mm": self.pupils_mm,
            "hands": self.hands.as_ref().map(|hands| hands_json(hands, self.first_place.unwrap_or_default())),
        })
    }
}

/// Where the scene's origin is in the room, m.
fn place(interaction: &Interaction) -> [f32; 3] {
    interaction.placement().room(&Transform::IDENTITY).translation.to_array()
}

/// * `first` - where the scene was hung first.
fn hands_json(interaction: &Interaction, first: [f32; 3]) -> Value {
    let (tally, place) = (interaction.tally(), place(interaction));
    let moved = [0, 1, 2].map(|axis: usize| place[axis] - first[axis]);
    json!({
        "mode": format!("{:?}", interaction.mode()).to_lowercase(),
        "seen_frames": tally.seen,
        "grabs": tally.grabs,
        "panel_grabs": tally.panel_grabs,
        "grabs_refused": tally.refused,
        "scene_moved_m": moved,
        "scene_scale": interaction.placement().scale(),
        "is_cut": interaction.cut().is_some(),
    })
}

fn finite(value: f32) -> Option<f32> {
    Some(value).filter(|v| v.is_finite())
}
