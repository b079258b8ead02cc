//! One report of a tracker: the patient reference and up to eight instruments.

use geom::{Frame, Nanoseconds, Patient, Tool, Tracker, Transform};
use serde::{Deserialize, Serialize};

use super::tool_list::ToolList;

/// Number of an instrument, unique within a session.
///
/// Sources map what their peer calls it (a device name, a port handle) to this
/// number by their own table, so that no name of a peer reaches the engine.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Default, Serialize, Deserialize)]
#[serde(transparent)]
pub struct ToolId(pub u16);

/// Why a tracker gives no pose of an array.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
#[non_exhaustive]
pub enum Missing {
    /// This packet says nothing about it; the next one may.
    #[default]
    NotReported,
    /// No line of sight.
    Occluded,
    /// Too few of its markers are seen for a pose.
    PartialMarkers,
    /// It is outside the volume the tracker measures in.
    OutOfVolume,
    /// A pose came, and the door refused it: not finite, mirrored, not rigid.
    Refused,
}

/// A measured pose, or why there is none.
pub type Measured<F> = Result<Transform<Tracker, F>, Missing>;

/// One instrument in a packet.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct ToolSlot {
    /// Which instrument.
    pub id: ToolId,
    /// Pose of its marker array.
    pub tracker_from_tool: Measured<Tool>,
}

impl Default for ToolSlot {
    fn default() -> Self {
        Self { id: ToolId::default(), tracker_from_tool: Err(Missing::NotReported) }
    }
}

/// One packet of a tracker: all poses are of the instant `source_time`.
///
/// Plain data of fixed size (about 700 bytes), copied whole. An instrument
/// that is not listed was not reported. A source that gets one instrument a
/// message hands over one packet a message, with the reference `NotReported`
/// in those that do not carry it.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct TrackerPacket {
    /// Count of the source, growing by one a packet. A source whose protocol
    /// carries a count passes it on unchanged, so that repeats are seen.
    pub sequence: u64,
    /// When the source measured, on the source's own clock.
    pub source_time: Nanoseconds,
    /// When the packet's first byte was there to read, on the session's clock.
    pub arrival_time: Nanoseconds,
    /// When the packet was decoded, on the session's clock.
    pub decoded_time: Nanoseconds,
    /// `source_time` mapped to the session's clock. Sources set it to
    /// `arrival_time`; the navigation loop replaces it.
    pub session_time: Nanoseconds,
    /// Pose of the patient reference.
    pub tracker_from_patient: Measured<Patient>,
    /// The instruments.
    pub tools: ToolList<ToolSlot>,
}

impl Default for TrackerPacket {
    /// An empty packet of time 0.
    fn default() -> Self {
        let zero = Nanoseconds(0);
        Self {
            sequence: 0,
            source_time: zero,
            arrival_time: zero,
            decoded_time: zero,
            session_time: zero,
            tracker_from_patient: Err(Missing::NotReported),
            tools: ToolList::default(),
        }
    }
}

impl TrackerPacket {
    /// An empty packet that arrived at `arrival_time`.
    #[must_use]
    pub fn new(sequence: u64, source_time: Nanoseconds, arrival_time: Nanoseconds) -> Self {
        let (decoded_time, session_time) = (arrival_time, arrival_time);
        Self { sequence, source_time, arrival_time, decoded_time, session_time, ..Self::default() }
    }

    /// The packet with one more instrument; a ninth is left out.
    #[must_use]
    pub fn with_tool(mut self, id: ToolId, tracker_from_tool: Measured<Tool>) -> Self {
        // A full list is left as it is: the caller's table has eight entries.
        let _ = self.tools.push(ToolSlot { id, tracker_from_tool });
        self
    }

    /// What the packet says about an instrument; `NotReported` when it is not
    /// in it.
    pub fn tool(&self, id: ToolId) -> Measured<Tool> {
        self.tools.iter().find(|slot| slot.id == id).map_or(Err(Missing::NotReported), |slot| slot.tracker_from_tool)
    }
}

/// A pose when it is finite, [`Missing::Refused`] otherwise; for doors that
/// build a transform from numbers of a peer.
pub fn finite<F: Frame>(pose: Transform<Tracker, F>) -> Measured<F> {
    if pose.is_finite() { Ok(pose) } else { Err(Missing::Refused) }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_tool_that_is_not_in_the_packet_was_not_reported() {
        let packet = TrackerPacket::new(1, Nanoseconds(5), Nanoseconds(9)).with_tool(ToolId(3), Err(Missing::Occluded));
        assert_eq!(packet.tool(ToolId(3)), Err(Missing::Occluded));
        assert_eq!(packet.tool(ToolId(4)), Err(Missing::NotReported));
        assert_eq!((packet.session_time, packet.decoded_time), (Nanoseconds(9), Nanoseconds(9)));
    }
}
