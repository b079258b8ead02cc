//! Poses with their times: pieces of a recording between which one can
//! interpolate.

use geom::nalgebra::Vector3;
use geom::{Frame, Transform};

use crate::error::CalibrationError;
use crate::pivot::check_times;
use crate::rigid::{Rigid, quaternion, rigids};
use crate::statistics::median;

/// Gaps longer than this many usual intervals are not bridged.
const MAX_GAP_INTERVALS: f64 = 5.0;

/// A stream of poses in the order of their times.
#[derive(Debug, Clone)]
pub(crate) struct Stream {
    times_s: Vec<f64>,
    poses: Vec<Rigid>,
    interval_s: f64,
}

impl Stream {
    /// Checks and keeps; of poses with the same time the first counts.
    pub fn new<A: Frame, B: Frame>(
        poses: &[Transform<A, B>],
        times_s: &[f64],
        of: &'static str,
    ) -> Result<Self, CalibrationError> {
        check_times(poses.len(), times_s)?;
        let all = rigids(poses, of)?;
        let mut own = Self { times_s: Vec::new(), poses: Vec::new(), interval_s: 0.0 };
        for (pose, time) in all.into_iter().zip(times_s) {
            if own.times_s.last().is_none_or(|last| time > last) {
                own.times_s.push(*time);
                own.poses.push(pose);
            }
        }
        let intervals: Vec<f64> = own.times_s.windows(2).map(|pair| pair[1] - pair[0]).collect();
        own.interval_s = median(&intervals);
        let has_interval = own.interval_s > 0.0;
        if !has_interval {
            return Err(CalibrationError::TooFew {
                what: "a stream of poses",
                of: "poses with times of their own",
                found: own.poses.len(),
                wanted: 2,
                remedy: "record with a running clock",
            });
        }
        Ok(own)
    }

    pub fn times_s(&self) -> &[f64] {
        &self.times_s
    }

    pub fn poses(&self) -> &[Rigid] {
        &self.poses
    }

    /// Usual time between poses, s.
    pub const fn interval_s(&self) -> f64 {
        self.interval_s
    }

    pub fn first_s(&self) -> f64 {
        self.times_s.first().copied().unwrap_or(0.0)
    }

    pub fn last_s(&self) -> f64 {
        self.times_s.last().copied().unwrap_or(0.0)
    }

    /// The pose at `time_s`: linear in position, along the great circle in
    /// rotation; `None` outside the recording and within its gaps.
    pub fn at(&self, time_s: f64) -> Option<Rigid> {
        let next = self.times_s.partition_point(|t| *t < time_s);
        let (t1, p1) = (self.times_s.get(next)?, self.poses.get(next)?);
        if *t1 <= time_s {
            return Some(*p1);
        }
        let before = next.checked_sub(1)?;
        let (t0, p0) = (self.times_s.get(before)?, self.poses.get(before)?);
        if t1 - t0 > MAX_GAP_INTERVALS * self.interval_s {
            return None;
        }
        let share = (time_s - t0) / (t1 - t0);
        let rotation = quaternion(&p0.rotation).try_slerp(&quaternion(&p1.rotation), share, 1e-9)?;
        let translation: Vector3<f64> = p0.translation.lerp(&p1.translation, share);
        Some(Rigid { rotation: rotation.to_rotation_matrix().into_inner(), translation })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use geom::nalgebra::UnitQuaternion;
    use geom::{Tool, Tracker};

    #[test]
    fn between_poses_is_halfway_and_in_a_gap_is_nothing() {
        let pose = |i: u32| {
            let turn = UnitQuaternion::from_scaled_axis(Vector3::z() * 0.2 * f64::from(i));
            Transform::<Tracker, Tool>::new(turn, Vector3::x() * f64::from(i))
        };
        let poses: Vec<_> = (0..6).map(pose).collect();
        let stream = Stream::new(&poses, &[0.0, 1.0, 2.0, 2.0, 3.0, 20.0], "pose").unwrap();
        let half = stream.at(0.5).unwrap();
        assert!((half.translation.x - 0.5).abs() < 1e-12 && (quaternion(&half.rotation).angle() - 0.1).abs() < 1e-12);
        assert!(stream.at(10.0).is_none() && stream.at(-0.1).is_none() && stream.at(21.0).is_none());
        assert!(Stream::new(&poses, &[0.0; 6], "pose").is_err());
        assert!(Stream::new(&poses, &[0.0, 2.0, 1.0, 3.0, 4.0, 5.0], "pose").is_err());
    }
}
