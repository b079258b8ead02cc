//! Packets made of messages: a TDATA is one, TRANSFORMs of one instant are one.

use std::collections::VecDeque;

use geom::{Frame, Nanoseconds};

use super::client::Arrived;
use super::counts::Counts;
use super::error::Refusal;
use super::messages::{Element, Message, Position, WirePose};
use super::pose::Matrix;
use super::timestamp::Timestamp;
use crate::track::packet::{Measured, Missing, TrackerPacket};
use crate::track::tool_names::{Place, PoseOf, Role, ToolNames, missing};

/// Packets kept for the reader; older ones give way to newer ones.
const KEPT_PACKETS: usize = 32;

/// Collects poses into packets. Senders of TRANSFORM give each tool its own
/// message; those whose stamps lie within the tolerance are of one instant.
#[derive(Debug)]
pub(super) struct Gather {
    names: ToolNames,
    tolerance: Nanoseconds,
    patience: Nanoseconds,
    open: Option<TrackerPacket>,
    whole: VecDeque<TrackerPacket>,
    sequence: u64,
}

impl Gather {
    pub(super) fn new(names: ToolNames, tolerance: Nanoseconds, patience: Nanoseconds) -> Self {
        Self { names, tolerance, patience, open: None, whole: VecDeque::with_capacity(KEPT_PACKETS), sequence: 0 }
    }

    /// Takes in a message; what holds no pose is passed over.
    pub(super) fn take(&mut self, arrived: &Arrived<'_>, counts: &Counts) {
        let device = arrived.header.device;
        match &arrived.decoded.message {
            Message::TrackingData(elements) => self.take_all(elements.iter(), arrived, counts),
            Message::QuaternionTrackingData(elements) => self.take_all(elements.iter(), arrived, counts),
            Message::Transform(matrix) => {
                let status = arrived.decoded.metadata.pose_status().and_then(missing);
                self.take_one(device.as_bytes(), Form { pose: Single(*matrix), status, counts }, arrived);
            }
            Message::Position(position) => {
                self.take_one(device.as_bytes(), Form { pose: *position, status: None, counts }, arrived);
            }
            _ => {}
        }
    }

    fn take_all<P: WirePose>(&mut self, tools: impl Iterator<Item = Element<P>>, at: &Arrived<'_>, counts: &Counts) {
        self.finish(counts);
        let mut packet = self.packet(at, counts);
        for tool in tools {
            if let Some(role) = self.names.role(tool.name.as_bytes()) {
                packet.place(role, Form { pose: tool, status: None, counts });
            }
        }
        self.open = Some(packet);
        self.finish(counts);
    }

    fn take_one<P: Checked>(&mut self, name: &[u8], form: Form<'_, P>, at: &Arrived<'_>) {
        let Some(role) = self.names.role(name) else { return };
        let time = source_time(at);
        if let Some(open) = &mut self.open {
            let apart = open.source_time.0.abs_diff(time.0);
            if apart > self.tolerance.0 || has(open, role) {
                self.finish(form.counts);
            }
        }
        let mut packet = self.open.take().unwrap_or_else(|| self.packet(at, form.counts));
        packet.place(role, form);
        let filled = packet.tools.len() + usize::from(has(&packet, Role::Reference));
        self.open = Some(packet);
        if filled >= self.names.len() {
            self.finish(form.counts);
        }
    }

    fn packet(&mut self, at: &Arrived<'_>, counts: &Counts) -> TrackerPacket {
        if !at.header.time.is_set() {
            counts.unstamped.add();
        }
        self.sequence += 1;
        TrackerPacket::new(self.sequence, source_time(at), at.arrival)
    }

    fn finish(&mut self, counts: &Counts) {
        let Some(packet) = self.open.take() else { return };
        if self.whole.len() >= KEPT_PACKETS {
            self.whole.pop_front();
            counts.replaced.add();
        }
        self.whole.push_back(packet);
    }

    /// The oldest whole packet. One that waits for tools longer than the
    /// patience goes out without them.
    pub(super) fn next(&mut self, now: Nanoseconds, counts: &Counts) -> Option<TrackerPacket> {
        if self.open.is_some_and(|open| now.0.saturating_sub(open.arrival_time.0) >= self.patience.0) {
            self.finish(counts);
        }
        let mut packet = self.whole.pop_front()?;
        packet.decoded_time = Nanoseconds(now.0.max(packet.arrival_time.0));
        Some(packet)
    }

    pub(super) fn has_packet(&self) -> bool {
        !self.whole.is_empty()
    }

    /// Forgets what is incomplete, for when a connection ends.
    pub(super) fn forget_open(&mut self) {
        self.open = None;
    }
}

fn has(packet: &TrackerPacket, role: Role) -> bool {
    match role {
        Role::Reference => packet.tracker_from_patient != Err(Missing::NotReported),
        Role::Tool(id) => packet.tools.iter().any(|slot| slot.id == id),
    }
}

/// The sender's time, or the arrival for a sender that gives none.
fn source_time(at: &Arrived<'_>) -> Nanoseconds {
    if at.header.time == Timestamp::UNSET { at.arrival } else { at.header.time.nanoseconds() }
}

/// Anything of the wire that can be checked into a transform.
trait Checked: Copy {
    fn rigid<To: Frame, Src: Frame>(&self) -> Result<geom::Transform<To, Src>, Refusal>;
}

#[derive(Clone, Copy)]
struct Single(Matrix);

impl Checked for Single {
    fn rigid<To: Frame, Src: Frame>(&self) -> Result<geom::Transform<To, Src>, Refusal> {
        self.0.rigid()
    }
}

impl Checked for Position {
    fn rigid<To: Frame, Src: Frame>(&self) -> Result<geom::Transform<To, Src>, Refusal> {
        Self::rigid(self)
    }
}

impl<P: WirePose> Checked for Element<P> {
    fn rigid<To: Frame, Src: Frame>(&self) -> Result<geom::Transform<To, Src>, Refusal> {
        Self::rigid(self)
    }
}

/// A pose with what the sender says of it; refusals are counted.
#[derive(Clone, Copy)]
struct Form<'a, P> {
    pose: P,
    status: Option<Missing>,
    counts: &'a Counts,
}

impl<P: Checked> PoseOf for Form<'_, P> {
    fn measured<F: Frame>(&self) -> Measured<F> {
        if let Some(missing) = self.status {
            return Err(missing);
        }
        self.pose.rigid().map_err(|refusal| {
            self.counts.refused(refusal.reason()).add();
            Missing::Refused
        })
    }
}
