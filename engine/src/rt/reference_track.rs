//! The patient reference at the instant an instrument was measured.

use geom::{Nanoseconds, Patient, Tracker, Transform};

use crate::clock::MILLISECOND_NS;

/// Longest gap between two poses that is interpolated: three packets at 60 Hz.
const LONGEST_GAP_NS: u64 = 50 * MILLISECOND_NS;
/// How long the newest pose is held for an instrument measured after it, for
/// sources that report one array a message.
const LONGEST_HOLD_NS: u64 = 20 * MILLISECOND_NS;

/// The last two valid poses of the reference.
#[derive(Debug, Clone, Copy, Default)]
pub struct ReferenceTrack {
    before: Option<(Nanoseconds, Transform<Tracker, Patient>)>,
    newest: Option<(Nanoseconds, Transform<Tracker, Patient>)>,
}

impl ReferenceTrack {
    /// Takes in a valid pose; poses come in the order of their measurement.
    pub fn push(&mut self, time: Nanoseconds, pose: Transform<Tracker, Patient>) {
        self.before = self.newest.replace((time, pose));
    }

    /// The pose at `time`: as measured, or interpolated between valid
    /// neighbours at most 50 ms apart, or the newest one held for at most
    /// 20 ms. `None` where nothing valid is near: nothing is extrapolated.
    #[must_use]
    pub fn at(&self, time: Nanoseconds) -> Option<Transform<Tracker, Patient>> {
        let (newest_time, newest) = self.newest?;
        if time >= newest_time {
            return (time.0 - newest_time.0 <= LONGEST_HOLD_NS).then_some(newest);
        }
        let (before_time, before) = self.before?;
        let gap = newest_time.0.saturating_sub(before_time.0);
        if time < before_time || gap > LONGEST_GAP_NS {
            return None;
        }
        let share = (time.0 - before_time.0) as f64 / gap.max(1) as f64;
        let rotation = before.rotation().try_slerp(&newest.rotation(), share, 1e-9)?;
        Some(Transform::new(rotation, before.translation().lerp(&newest.translation(), share)))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use geom::Vector;

    fn ms(ms: u64) -> Nanoseconds {
        Nanoseconds(ms * MILLISECOND_NS)
    }

    fn x_at(times: [u64; 2], asked: u64) -> Option<f64> {
        let mut track = ReferenceTrack::default();
        for (time, x) in times.into_iter().zip([0.0, 10.0]) {
            track.push(ms(time), Transform::from_translation(Vector::new(x, 0.0, 0.0)));
        }
        track.at(ms(asked)).map(|pose| pose.translation().x)
    }

    #[test]
    fn poses_between_valid_neighbours_are_interpolated() {
        assert_eq!([100, 105, 120].map(|t| x_at([100, 120], t).map(|x| x.round())), [Some(0.0), Some(3.0), Some(10.0)]);
    }

    #[test]
    fn nothing_is_made_up_across_a_gap_or_beyond_the_ends() {
        assert_eq!(x_at([100, 151], 120), None);
        assert_eq!(x_at([100, 120], 99), None);
        assert_eq!((x_at([100, 120], 140), x_at([100, 120], 141)), (Some(10.0), None));
    }
}
