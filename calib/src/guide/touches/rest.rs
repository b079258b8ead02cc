//! Whether the tip rests now, and where.

use std::ops::Range;

use geom::nalgebra::Vector3;
use geom::{Frame, Point, Tool, Transform};

use crate::pivot::DwellSettings;

/// Longer than a rest has to be: the way into the divot is left out, s.
const LEAD_S: f64 = 0.3;
/// Fewer poses are no rest.
const MIN_POSES: usize = 5;
/// Both halves of a rest lie this near to each other, mm: a slow slide is none.
const MAX_CREEP_MM: f64 = 1.0;

/// The last moments of a recording.
#[derive(Debug, Clone)]
pub(super) struct Rest {
    /// Where the tip is now, mm.
    pub now: Vector3<f64>,
    /// How much of a rest there is, 0 to 1.
    pub share: f64,
    /// Its poses, once it is one.
    pub poses: Option<Range<usize>>,
}

impl Rest {
    /// Looks back from the last pose; `None` without one.
    ///
    /// Cost: linear in the poses of a rest.
    pub fn of<Room: Frame>(
        room_from_tool: &[Transform<Room, Tool>],
        times_s: &[f64],
        tip: Point<Tool>,
        settings: &DwellSettings,
    ) -> Option<Self> {
        let count = room_from_tool.len().min(times_s.len());
        let last_s = *times_s.get(count.checked_sub(1)?)?;
        let place = |i: usize| room_from_tool.get(i).filter(|pose| pose.is_finite()).map(|p| (*p * tip).vector3());
        let now = place(count - 1)?;
        let wanted_s = settings.min_seconds + LEAD_S;
        let (mut sum, mut rested_s, mut from) = (Vector3::zeros(), 0.0, count);
        for i in (0..count).rev() {
            let age_s = last_s - times_s[i];
            // Time that runs backwards, or a number that is none, ends it.
            let is_older = age_s >= rested_s;
            let Some(at) = place(i).filter(|_| is_older) else { break };
            sum += at;
            let mean = sum / (count - i) as f64;
            if (at - mean).norm() > settings.radius_mm || (now - mean).norm() > settings.radius_mm {
                break;
            }
            (rested_s, from) = (age_s, i);
            if rested_s >= wanted_s {
                break;
            }
        }
        let share = (rested_s / wanted_s).min(1.0);
        let first = (from..count).find(|i| last_s - times_s[*i] <= settings.min_seconds).unwrap_or(count);
        let middle = first + (count - first) / 2;
        let mean = |range: Range<usize>| {
            let length = range.len().max(1) as f64;
            range.filter_map(place).sum::<Vector3<f64>>() / length
        };
        let creep_mm = (mean(first..middle) - mean(middle..count)).norm();
        let is_rest = share >= 1.0 && count - first >= MIN_POSES && creep_mm <= MAX_CREEP_MM;
        let share = if is_rest { 1.0 } else { share.min(0.95) };
        Some(Self { now, share, poses: is_rest.then_some(first..count) })
    }
}
