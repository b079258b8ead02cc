//! How far a pose can be trusted, and why not further.

use geom::Nanoseconds;
use serde::{Deserialize, Serialize};

use crate::clock::MILLISECOND_NS;
use crate::track::Missing;

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
    /// The pose moved faster than a hand can, or is another instrument's.
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
    /// noise makes an honest tracker change its last digits every packet; a
    /// tracker that rounds coarsely needs a longer stretch.
    pub frozen_after: Nanoseconds,
    /// Fastest believable motion, mm/s.
    pub max_speed_mm_s: f64,
    /// Fastest believable rotation, rad/s.
    pub max_turn_rad_s: f64,
    /// Displacement that is never called a jump, mm: noise at high rates.
    pub least_jump_mm: f64,
    /// How long a tool stays implausible after a jump.
    pub jump_hold: Nanoseconds,
}

impl Default for ToolLimits {
    /// Stale after 100 ms, hidden after 500 ms, frozen after 60 ms (a frozen
    /// pose ages like a stale one, and must be flagged as fast); 2 m/s and
    /// 20 rad/s, about twice what hands do; 3 mm; 250 ms.
    fn default() -> Self {
        Self {
            stale_after: Nanoseconds(100 * MILLISECOND_NS),
            lost_after: Nanoseconds(500 * MILLISECOND_NS),
            frozen_after: Nanoseconds(60 * MILLISECOND_NS),
            max_speed_mm_s: 2000.0,
            max_turn_rad_s: 20.0,
            least_jump_mm: 3.0,
            jump_hold: Nanoseconds(250 * MILLISECOND_NS),
        }
    }
}

/// Why a tool is not live.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
#[non_exhaustive]
pub enum ToolReason {
    /// It was never seen in this session.
    NeverSeen,
    /// No packet came for too long.
    Silent,
    /// Packets came, and it was not in them or they were old.
    NotReported,
    /// No line of sight.
    Occluded,
    /// Too few of its markers are seen.
    PartialMarkers,
    /// Outside the volume the tracker measures in.
    OutOfVolume,
    /// Its pose was no rigid motion, or not finite.
    Refused,
    /// Its pose does not change in any bit.
    Unchanging,
    /// It moved faster than a hand can.
    TooFast,
    /// The tracker's clock jumped; its time is not yet trusted again.
    ClockJumped,
    /// It changed places with another instrument.
    Swapped,
    /// The patient reference gives no trustworthy pose at its time.
    Reference,
}

impl ToolReason {
    /// All reasons, in a fixed order.
    pub const ALL: [Self; 12] = [
        Self::NeverSeen,
        Self::Silent,
        Self::NotReported,
        Self::Occluded,
        Self::PartialMarkers,
        Self::OutOfVolume,
        Self::Refused,
        Self::Unchanging,
        Self::TooFast,
        Self::ClockJumped,
        Self::Swapped,
        Self::Reference,
    ];
}

impl From<Missing> for ToolReason {
    fn from(missing: Missing) -> Self {
        match missing {
            Missing::NotReported => Self::NotReported,
            Missing::Occluded => Self::Occluded,
            Missing::PartialMarkers => Self::PartialMarkers,
            Missing::OutOfVolume => Self::OutOfVolume,
            Missing::Refused => Self::Refused,
        }
    }
}

/// A state with its reason.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Judgement {
    /// How far the pose can be trusted.
    pub state: ToolState,
    /// Why it is not live; `None` while it is.
    pub reason: Option<ToolReason>,
}

impl Judgement {
    /// Nothing is wrong.
    pub const LIVE: Self = Self { state: ToolState::Live, reason: None };

    /// A state other than live.
    #[must_use]
    pub const fn not_live(state: ToolState, reason: ToolReason) -> Self {
        Self { state, reason: Some(reason) }
    }

    /// The same for an instrument shown relative to a `reference`: it is
    /// never better than the reference is.
    #[must_use]
    pub fn under(self, reference: Self) -> Self {
        match (self.state, reference.state) {
            (ToolState::Live, ToolState::Live) | (ToolState::Stale, ToolState::Live | ToolState::Stale) => self,
            (ToolState::Live | ToolState::Stale, state) => Self::not_live(state, ToolReason::Reference),
            _ => self,
        }
    }

    /// The same while the tracker's clock is not trusted.
    #[must_use]
    pub fn without_clock(self) -> Self {
        if self.state == ToolState::Live {
            return Self::not_live(ToolState::Stale, ToolReason::ClockJumped);
        }
        self
    }
}
