//! Packets made of BX2 replies.

use std::collections::VecDeque;

use geom::{Frame, Nanoseconds};

use super::error::NdiStreamError;
use super::gbf::{FRAME_KINDS, Found, TrackedPort, walk};
use super::ports::Roles;
use crate::track::openigtlink::{Counts, Reason};
use crate::track::packet::{Measured, Missing, TrackerPacket};
use crate::track::tool_names::{Place, PoseOf};

/// Packets kept for the reader; older ones give way to newer ones.
const KEPT_PACKETS: usize = 32;
/// No camera sees further, mm.
const FARTHEST_MM: f32 = 1e5;
/// Packets one reply can make: frames of different kinds of marker.
const REPLY_PACKETS: usize = FRAME_KINDS;

/// Collects packets. Fixed memory.
#[derive(Debug)]
pub(super) struct Frames {
    whole: VecDeque<TrackerPacket>,
    sequence: u64,
    numbers: [FrameNumbers; FRAME_KINDS],
}

/// Follows the tracker's count of one kind of frame. The count may go on by
/// more than one from report to report; its least step is one packet.
#[derive(Debug, Clone, Copy, Default)]
struct FrameNumbers {
    last: Option<u32>,
    step: u32,
}

impl FrameNumbers {
    /// Packets of this kind that never came before this one.
    fn lost_before(&mut self, number: u32) -> u64 {
        let Some(last) = self.last.replace(number) else { return 0 };
        let by = number.wrapping_sub(last);
        // Repeated or gone back: the tracker's clock tells what that is.
        if by == 0 || by > u32::MAX / 2 {
            return 0;
        }
        self.step = if self.step == 0 { by } else { self.step.min(by) };
        u64::from(by / self.step) - 1
    }
}

impl Frames {
    pub fn new() -> Self {
        Self { whole: VecDeque::with_capacity(KEPT_PACKETS), sequence: 0, numbers: Default::default() }
    }

    /// Takes in the content of a reply that arrived at `arrival`. Frames of one
    /// time stamp are one packet. No allocation.
    ///
    /// # Errors
    /// [`NdiStreamError::Content`]; nothing of the reply is used then.
    pub fn take(
        &mut self,
        content: &[u8],
        arrival: Nanoseconds,
        roles: &Roles,
        counts: &Counts,
    ) -> Result<(), NdiStreamError> {
        let mut made = [TrackerPacket::default(); REPLY_PACKETS];
        let (mut len, mut lost) = (0, 0);
        let mut heads = self.numbers;
        walk(content, &mut |found| match found {
            Found::Frame(head) => {
                if let Some(numbers) = heads.get_mut(usize::from(head.kind)) {
                    lost += numbers.lost_before(head.number);
                }
                let time = head.time.unwrap_or_else(|| unstamped(counts, arrival));
                let is_new = len == 0 || made.get(len - 1).is_some_and(|packet| packet.source_time != time);
                if let Some(place) = made.get_mut(len).filter(|_| is_new) {
                    *place = TrackerPacket::new(0, time, arrival);
                    len += 1;
                }
            }
            Found::Port(port) => {
                let packet = len.checked_sub(1).and_then(|last| made.get_mut(last));
                if let (Some(packet), Some(role)) = (packet, roles.role(port.handle)) {
                    packet.place(role, Checked { port, counts });
                }
            }
        })?;
        self.numbers = heads;
        self.sequence += lost;
        counts.messages.add();
        for packet in made.iter_mut().take(len) {
            self.sequence += 1;
            packet.sequence = self.sequence;
            if self.whole.len() >= KEPT_PACKETS {
                self.whole.pop_front();
                counts.replaced.add();
            }
            self.whole.push_back(*packet);
        }
        Ok(())
    }

    /// The oldest packet.
    pub fn next(&mut self, now: Nanoseconds) -> Option<TrackerPacket> {
        let mut packet = self.whole.pop_front()?;
        packet.decoded_time = Nanoseconds(now.0.max(packet.arrival_time.0));
        Some(packet)
    }

    pub fn has_packet(&self) -> bool {
        !self.whole.is_empty()
    }
}

fn unstamped(counts: &Counts, arrival: Nanoseconds) -> Nanoseconds {
    counts.unstamped.add();
    arrival
}

/// A port's pose, checked when its frame is known; refusals are counted.
struct Checked<'a> {
    port: TrackedPort,
    counts: &'a Counts,
}

impl PoseOf for Checked<'_> {
    fn measured<F: Frame>(&self) -> Measured<F> {
        let (pose, _rms_mm) = self.port.pose?;
        // What NDI writes where it has no number is finite, and huge.
        if pose.position.iter().any(|mm| mm.abs() > FARTHEST_MM) {
            self.counts.refused(Reason::NotFinite).add();
            return Err(Missing::Refused);
        }
        pose.rigid().map_err(|refusal| {
            self.counts.refused(refusal.reason()).add();
            Missing::Refused
        })
    }
}

#[cfg(test)]
mod tests {
    use super::super::encode::{Reported, gbf};
    use super::super::gbf::FrameHead;
    use super::super::ports::ToolInfo;
    use super::*;
    use crate::track::{ToolId, ToolNames};
    use geom::{Patient, Tool, Tracker, Transform, Vector};

    fn roles() -> Roles {
        let names = ToolNames::new(Some("R"), &[("A", ToolId(1)), ("B", ToolId(2))]).unwrap();
        let mut roles = Roles::default();
        for (handle, id) in [(1, "R"), (2, "A"), (3, "B"), (9, "other")] {
            roles.add(handle, &ToolInfo { id: id.into(), serial: "1".into() }, &names).unwrap();
        }
        roles
    }

    fn head(kind: u8, number: u32, ms: u64) -> FrameHead {
        FrameHead { kind, number, time: Some(Nanoseconds(ms * 1_000_000)) }
    }

    fn at<F: Frame>(x: f64) -> Measured<F> {
        Ok(Transform::<Tracker, F>::from_translation(Vector::new(x, 0.0, -1500.0)))
    }

    fn taken(frames: &mut Frames, content: &[u8], counts: &Counts) -> Vec<TrackerPacket> {
        frames.take(content, Nanoseconds(5), &roles(), counts).unwrap();
        std::iter::from_fn(|| frames.next(Nanoseconds(6))).collect()
    }

    #[test]
    fn a_frame_becomes_a_packet_with_its_time_and_the_reason_for_each_missing_tool() {
        let ports = vec![
            Reported::new::<Patient>(1, at(1.0)),
            Reported::new::<Tool>(2, at(2.0)),
            Reported::new::<Tool>(3, Err(Missing::OutOfVolume)),
            Reported::new::<Tool>(9, at(9.0)),
        ];
        let counts = Counts::default();
        let found = taken(&mut Frames::new(), &gbf(&[(head(0, 100, 40), ports)]), &counts);
        let packet = found[0];
        assert_eq!(
            (found.len(), packet.source_time, packet.arrival_time),
            (1, Nanoseconds(40_000_000), Nanoseconds(5))
        );
        assert_eq!(packet.tracker_from_patient.unwrap().translation().x, 1.0);
        assert_eq!(packet.tool(ToolId(1)).unwrap().translation().x, 2.0);
        assert_eq!(packet.tool(ToolId(2)), Err(Missing::OutOfVolume));
        assert_eq!((packet.tools.len(), counts.refused_in_all()), (2, 0));
    }

    #[test]
    fn frames_of_one_instant_are_one_packet_and_those_of_two_are_two() {
        let one = |handle| vec![Reported::new::<Tool>(handle, at(1.0))];
        let counts = Counts::default();
        let same = gbf(&[(head(0, 7, 40), one(1)), (head(1, 8, 40), one(2))]);
        assert_eq!(taken(&mut Frames::new(), &same, &counts).len(), 1);
        let other = gbf(&[(head(0, 7, 40), one(1)), (head(1, 8, 50), one(2))]);
        let found = taken(&mut Frames::new(), &other, &counts);
        assert_eq!((found.len(), found[1].tracker_from_patient.is_err()), (2, true));
    }

    #[test]
    fn a_count_that_goes_on_by_three_a_frame_loses_nothing_until_it_goes_on_by_six() {
        let (mut frames, counts) = (Frames::new(), Counts::default());
        let numbers = [100, 103, 106, 112, 115].into_iter().zip(1..);
        let sequence =
            numbers.map(|(n, ms)| taken(&mut frames, &gbf(&[(head(0, n, ms), Vec::new())]), &counts)[0].sequence);
        assert_eq!(sequence.collect::<Vec<_>>(), [1, 2, 3, 5, 6]);
    }

    #[test]
    fn poses_that_are_no_rigid_motion_are_refused_and_counted() {
        // What NDI writes for "no number", NaN, and a quaternion of length 2.
        for (place, value) in [(4, -3.697_314e28), (0, f32::NAN), (0, 2.0)] {
            let mut pose = [1.0, 0.0, 0.0, 0.0, 1.0, 2.0, 3.0_f32];
            pose[place] = value;
            let counts = Counts::default();
            let content = gbf(&[(head(0, 1, 1), vec![Reported { handle: 2, pose: Ok(pose) }])]);
            let found = taken(&mut Frames::new(), &content, &counts);
            assert_eq!(found[0].tool(ToolId(1)), Err(Missing::Refused), "{value}");
            assert_eq!(counts.refused_in_all(), 1);
        }
    }
}
