//! What the navigation loop is told once: its limits.

use geom::Nanoseconds;

use crate::clock::MILLISECOND_NS;
use crate::safety::{CheckLimits, DriftLimits, StreamLimits, ToolLimits};

/// What the loop is told once.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct LoopSettings {
    /// When an instrument stops being live.
    pub tool: ToolLimits,
    /// When the patient reference does.
    pub reference: ToolLimits,
    /// When the stream is out of order.
    pub stream: StreamLimits,
    /// When the reference has moved.
    pub drift: DriftLimits,
    /// How far a pose is carried forward to the time it is displayed; at most
    /// one frame. 0 shows poses as they were measured.
    pub prediction: Nanoseconds,
    /// When a landmark check passes.
    pub check: CheckLimits,
    /// Time after which a landmark check is due; 0 never asks.
    pub check_every: Nanoseconds,
}

impl Default for LoopSettings {
    /// No prediction. Checks pass within 2 mm, the accepted error of
    /// navigation, and are due every 30 minutes. Where poses are withheld three
    /// landmarks 20 mm apart are needed: a turn of 10 degrees about their
    /// middle moves one of them by more than 2 mm. Three places in a line do
    /// not show a turn about that line.
    fn default() -> Self {
        Self {
            tool: ToolLimits::default(),
            reference: ToolLimits::default(),
            stream: StreamLimits::default(),
            drift: DriftLimits::default(),
            prediction: Nanoseconds(0),
            check: CheckLimits { tolerance_mm: 2.0, landmarks: 3, apart_mm: 20.0 },
            check_every: Nanoseconds(30 * 60 * 1000 * MILLISECOND_NS),
        }
    }
}
