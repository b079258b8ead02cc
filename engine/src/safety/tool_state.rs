//! Whether an instrument may be shown as live.

use geom::{Nanoseconds, Tool, Tracker, Transform};
use serde::{Deserialize, Serialize};

use crate::clock::MILLISECOND_NS;
use crate::track::TrackerPacket;

/// How far the shown pose of an instrument can be trusted.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum ToolState {
    /// Measured now.
    Live,
    /// The last measurement is too old to steer by; shown hatched.
    Stale,
    /// Not seen, or too old to show at all.
    Lost,
    /// Packets come, but the pose in them no longer changes in any bit.
    Frozen,
    /// The pose moved faster than a hand can, or is not a rigid motion.
    Implausible,
}

/// When an instrument stops being live.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct ToolLimits {
    /// Age of a pose from which it is stale; 1 mm at 20 mm/s is 50 ms.
    pub stale_after: Nanoseconds,
    /// Age of a pose from which the tool is hidden.
    pub lost_after: Nanoseconds,
    /// Stretch of bit-identical poses that counts as frozen. Measurement
    /// noise makes an honest tracker change its last digits every packet.
    pub frozen_after: Nanoseconds,
    /// Fastest believable motion, mm/s.
    pub max_speed_mm_s: f64,
}

impl Default for ToolLimits {
    /// Stale after 100 ms, hidden after 500 ms, frozen after 250 ms, 3 m/s.
    fn default() -> Self {
        Self {
            stale_after: Nanoseconds(100 * MILLISECOND_NS),
            lost_after: Nanoseconds(500 * MILLISECOND_NS),
            frozen_after: Nanoseconds(250 * MILLISECOND_NS),
            max_speed_mm_s: 3000.0,
        }
    }
}

/// Judges one instrument from its packets, on the source's time.
#[derive(Debug, Clone)]
pub struct ToolJudge {
    limits: ToolLimits,
    last_seen: Option<Sighting>,
    is_implausible: bool,
    last_source_time: Nanoseconds,
}

#[derive(Debug, Clone, Copy)]
struct Sighting {
    pose: Transform<Tracker, Tool>,
    source_time: Nanoseconds,
    arrival_time: Nanoseconds,
    unchanged_since: Nanoseconds,
}

impl ToolJudge {
    /// A judge that has seen nothing yet.
    #[must_use]
    pub const fn new(limits: ToolLimits) -> Self {
        Self { limits, last_seen: None, is_implausible: false, last_source_time: Nanoseconds(0) }
    }

    /// Takes in a packet. Packets that do not advance the source's time
    /// (duplicates, reordered ones) are ignored and `false` is returned.
    pub fn observe(&mut self, packet: &TrackerPacket) -> bool {
        if packet.source_time <= self.last_source_time {
            return false;
        }
        self.last_source_time = packet.source_time;
        let Some(pose) = packet.tracker_from_tool else { return true };
        if !pose.is_finite() {
            self.is_implausible = true;
            return true;
        }
        let mut unchanged_since = packet.source_time;
        self.is_implausible = false;
        if let Some(before) = self.last_seen {
            if before.pose == pose {
                unchanged_since = before.unchanged_since;
            }
            let seconds = (packet.source_time.0 - before.source_time.0) as f64 * 1e-9;
            let moved_mm = (pose.translation() - before.pose.translation()).norm();
            self.is_implausible = moved_mm > self.limits.max_speed_mm_s * seconds;
        }
        let (source_time, arrival_time) = (packet.source_time, packet.arrival_time);
        self.last_seen = Some(Sighting { pose, source_time, arrival_time, unchanged_since });
        true
    }

    /// The state at `now` on the session's clock. The age of a pose is what
    /// passed since it arrived plus how far the source went on without it.
    #[must_use]
    pub fn state(&self, now: Nanoseconds) -> ToolState {
        let Some(seen) = self.last_seen else { return ToolState::Lost };
        let age =
            Nanoseconds(now.0.saturating_sub(seen.arrival_time.0).max(self.last_source_time.0 - seen.source_time.0));
        if age >= self.limits.lost_after {
            ToolState::Lost
        } else if self.is_implausible {
            ToolState::Implausible
        } else if age >= self.limits.stale_after {
            ToolState::Stale
        } else if seen.source_time.0 - seen.unchanged_since.0 >= self.limits.frozen_after.0 {
            ToolState::Frozen
        } else {
            ToolState::Live
        }
    }

    /// The last pose seen, of whatever worth.
    #[must_use]
    pub fn last_pose(&self) -> Option<Transform<Tracker, Tool>> {
        self.last_seen.map(|s| s.pose)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use geom::Vector;

    fn packet(ms: u64, x_mm: Option<f64>) -> TrackerPacket {
        let time = Nanoseconds(ms * MILLISECOND_NS);
        TrackerPacket {
            sequence: ms,
            source_time: time,
            arrival_time: time,
            tracker_from_patient: Some(Transform::identity()),
            tracker_from_tool: x_mm.map(|x| Transform::from_translation(Vector::new(x, 0.0, 0.0))),
        }
    }

    fn judge(packets: impl IntoIterator<Item = TrackerPacket>) -> ToolJudge {
        let mut judge = ToolJudge::new(ToolLimits::default());
        for packet in packets {
            judge.observe(&packet);
        }
        judge
    }

    fn at(judge: &ToolJudge, ms: u64) -> ToolState {
        judge.state(Nanoseconds(ms * MILLISECOND_NS))
    }

    #[test]
    fn a_silent_tracker_never_leaves_the_tool_live() {
        let judge = judge((1..=10).map(|i| packet(i * 16, Some(i as f64))));
        assert_eq!(at(&judge, 160), ToolState::Live);
        assert_eq!(at(&judge, 160 + 101), ToolState::Stale);
        assert_eq!(at(&judge, 160 + 501), ToolState::Lost);
    }

    #[test]
    fn packets_without_the_tool_age_its_pose() {
        // The stream goes on, the instrument is covered: the arrival of
        // packets must not keep it alive.
        let seen = (1..=5).map(|i| packet(i * 16, Some(i as f64)));
        let judge = judge(seen.chain((6..=20).map(|i| packet(i * 16, None))));
        assert_eq!(at(&judge, 320), ToolState::Stale);
    }

    #[test]
    fn a_frozen_stream_is_found_within_a_quarter_second() {
        let judge = judge((1..=20).map(|i| packet(i * 16, Some(7.0))));
        assert_eq!(at(&judge, 320), ToolState::Frozen);
    }

    #[test]
    fn a_jump_no_hand_can_make_is_implausible() {
        let judge = judge([packet(16, Some(0.0)), packet(32, Some(80.0))]);
        assert_eq!(at(&judge, 32), ToolState::Implausible);
    }

    #[test]
    fn duplicates_and_reordered_packets_change_nothing() {
        let mut judge = judge([packet(16, Some(0.0)), packet(32, Some(0.1))]);
        assert!(!judge.observe(&packet(32, Some(5.0))));
        assert!(!judge.observe(&packet(16, Some(5.0))));
        assert_eq!(judge.last_pose().unwrap().translation().x, 0.1);
    }
}
