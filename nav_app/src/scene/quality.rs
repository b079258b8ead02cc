//! How finely the 3-D view is drawn: coarser while it moves, whole when it rests.
//!
//! A slow device stays usable: the view follows the hand, and is sharp a
//! quarter of a second after the hand rests. Pictures are always whole.

use std::time::{Duration, Instant};

use bevy::prelude::*;

/// Shares of the full resolution along each edge, finest first.
const RESOLUTIONS: [f32; 5] = [1.0, 0.7, 0.5, 0.35, 0.25];
/// Steps of the rays while the view moves, times those of a still one.
const MOVING_STEP: f32 = 2.0;
/// Rest after which the view is drawn whole.
const REST: Duration = Duration::from_millis(250);
/// A frame that took this share of the target or less lets the view be finer:
/// the next resolution has about twice the pixels.
const COMFORT: f32 = 0.4;
/// Frames between two changes: the first one after a change pays for new textures.
const FRAMES_BETWEEN: u32 = 3;

/// How finely the 3-D view is drawn now.
#[derive(Resource, Debug, Clone, Copy, PartialEq)]
pub struct Quality {
    /// Share of the full resolution along each edge.
    pub resolution: f32,
    /// Steps of the rays, times those of a whole picture.
    pub step: f32,
}

impl Default for Quality {
    /// Whole.
    fn default() -> Self {
        Self { resolution: 1.0, step: 1.0 }
    }
}

/// Chooses the [`Quality`] from how long frames take.
#[derive(Resource, Debug, Clone)]
pub struct Adaptive {
    target: Duration,
    level: usize,
    frames: u32,
    moved: Option<Instant>,
}

impl Adaptive {
    /// For frames of at most `target`.
    #[must_use]
    pub const fn new(target: Duration) -> Self {
        Self { target, level: 2, frames: 0, moved: None }
    }

    /// What to draw with at `now`; `took` is the time of the last frame.
    ///
    /// * `is_moving` - whether what is drawn differs from the last frame.
    pub fn choose(&mut self, is_moving: bool, took: Duration, now: Instant) -> Quality {
        // A frame may take longer than a rest: rest begins when it is drawn.
        let was_moving = self.moved.is_some_and(|moved| now.saturating_duration_since(moved) < REST + took);
        if is_moving {
            self.moved = Some(now);
        }
        if !is_moving && !was_moving {
            self.frames = 0;
            return Quality::default();
        }
        self.frames += 1;
        if was_moving && self.frames > FRAMES_BETWEEN {
            let share = took.as_secs_f32() / self.target.as_secs_f32();
            let level = if share > 1.0 {
                (self.level + 1).min(RESOLUTIONS.len() - 1)
            } else if share < COMFORT {
                self.level.saturating_sub(1)
            } else {
                self.level
            };
            if level != self.level {
                (self.level, self.frames) = (level, 0);
            }
        }
        let resolution = RESOLUTIONS.get(self.level).copied().unwrap_or(1.0);
        Quality { resolution, step: if self.level == 0 { 1.0 } else { MOVING_STEP } }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Moves for `frames` frames on a device that needs `whole` for a whole one.
    fn run(adaptive: &mut Adaptive, whole: Duration, frames: u32, now: &mut Instant) -> (Quality, Duration) {
        let (mut quality, mut took) = (Quality::default(), whole);
        for _ in 0..frames {
            quality = adaptive.choose(true, took, *now);
            took = whole.mul_f32(quality.resolution.powi(2) / quality.step).max(Duration::from_millis(1));
            *now += took;
        }
        (quality, took)
    }

    #[test]
    fn a_moving_view_keeps_its_rate_on_slow_and_fast_devices() {
        let target = Duration::from_millis(100);
        for whole_ms in [20, 400, 1500, 2200] {
            let (mut adaptive, mut now) = (Adaptive::new(target), Instant::now());
            let (_, took) = run(&mut adaptive, Duration::from_millis(whole_ms), 60, &mut now);
            assert!(took <= target, "{whole_ms} ms whole takes {took:?} moving");
        }
        let (mut adaptive, mut now) = (Adaptive::new(target), Instant::now());
        let (quality, _) = run(&mut adaptive, Duration::from_millis(20), 60, &mut now);
        assert_eq!(quality, Quality::default(), "a fast device is never coarse");
    }

    #[test]
    fn a_resting_view_becomes_whole() {
        let (mut adaptive, mut now) = (Adaptive::new(Duration::from_millis(100)), Instant::now());
        let (quality, took) = run(&mut adaptive, Duration::from_millis(1500), 60, &mut now);
        assert!(quality.resolution < 1.0);
        assert_eq!(adaptive.choose(false, took, now + Duration::from_millis(10)).resolution, quality.resolution);
        assert_eq!(adaptive.choose(false, took, now + REST + took), Quality::default());
    }
}
