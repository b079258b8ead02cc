//! What a fault does to a packet.

use geom::{Frame, Nanoseconds, Patient, Tracker, Transform, Twist, Vector};

use super::named_fault::Kind;
use super::script::Injection;
use crate::track::{Measured, Missing, ToolId, ToolList, ToolSlot, TrackerPacket};

/// Number of an instrument that no session uses.
const OTHER_TOOL: ToolId = ToolId(999);

/// What a fault remembers from packet to packet.
#[derive(Debug, Clone, Copy, Default)]
pub(super) struct Memory {
    /// Packets it has struck.
    pub struck: u64,
    /// The first of them, as it was.
    pub first: Option<TrackerPacket>,
}

/// Alters a packet in place, as the wire or the tracker would have.
pub(super) fn alter(packet: &mut TrackerPacket, injection: &Injection, memory: &mut Memory) {
    let first = *memory.first.get_or_insert(*packet);
    memory.struck += 1;
    let amount = injection.amount;
    let nanoseconds = (amount * 1e6) as u64;
    match injection.fault.kind {
        Kind::Freeze => (packet.tools, packet.tracker_from_patient) = (first.tools, first.tracker_from_patient),
        Kind::Nan => tools(packet, injection, |_, pose| through_the_door(pose, |m| m[3] = f64::NAN)),
        Kind::Mirror => {
            tools(packet, injection, |_, pose| through_the_door(pose, |m| [0, 4, 8].iter().for_each(|&i| m[i] = -m[i])))
        }
        Kind::Shear => tools(packet, injection, |_, pose| through_the_door(pose, |m| m[1] += 0.1)),
        Kind::Jump if memory.struck.is_multiple_of(2) => {
            let off = Transform::from_translation(Vector::<Tracker>::new(amount, 0.0, 0.0));
            tools(packet, injection, |_, pose| pose.map(|pose| off * pose));
        }
        Kind::WrongId => rename(packet, injection, OTHER_TOOL),
        Kind::WrongSerial => rename(packet, injection, ToolId(u16::MAX)),
        Kind::SwapTools => swap(packet),
        Kind::Occlude => tools(packet, injection, |_, _| Err(Missing::Occluded)),
        Kind::PartialMarkers => tools(packet, injection, |_, _| Err(Missing::PartialMarkers)),
        Kind::OutOfVolume => tools(packet, injection, |_, _| Err(Missing::OutOfVolume)),
        Kind::DropTool => leave_out(packet, injection),
        Kind::ClockForward => packet.source_time.0 = packet.source_time.0.saturating_add(nanoseconds),
        Kind::ClockBack => packet.source_time.0 = packet.source_time.0.saturating_sub(nanoseconds),
        Kind::ClockDrift => {
            let since = packet.source_time.0.saturating_sub(first.source_time.0) as f64;
            packet.source_time.0 = packet.source_time.0.saturating_sub((since * amount * 0.01) as u64);
        }
        Kind::NoTimestamp => packet.source_time = Nanoseconds(0),
        Kind::Restart => {
            packet.sequence = packet.sequence.saturating_sub(first.sequence);
            packet.source_time.0 = packet.source_time.0.saturating_sub(first.source_time.0);
        }
        _ => reference(packet, injection, &first),
    }
}

/// Faults of the patient reference.
fn reference(packet: &mut TrackerPacket, injection: &Injection, first: &TrackerPacket) {
    let moved = |mm: f64| Transform::<Patient, Patient>::from_translation(Vector::new(mm * 0.6, 0.0, mm * 0.8));
    let measured = packet.tracker_from_patient;
    packet.tracker_from_patient = match injection.fault.kind {
        Kind::ReferenceOcclude => Err(Missing::Occluded),
        Kind::ReferenceRemove => Err(Missing::NotReported),
        Kind::ReferenceFreeze => first.tracker_from_patient,
        Kind::ReferenceNan => through_the_door(measured, |m| m[0] = f64::NAN),
        Kind::ReferenceBump => measured.map(|pose| pose * moved(injection.amount)),
        Kind::ReferenceSlip => {
            let seconds = packet.arrival_time.0.saturating_sub(first.arrival_time.0) as f64 * 1e-9;
            measured.map(|pose| pose * moved(injection.amount * seconds))
        }
        Kind::ReferenceSwap => {
            let other = Twist { rotation_rad: [0.0, 0.4, 0.0].into(), translation_mm: [60.0, -90.0, 30.0].into() };
            measured.map(|pose| pose * Transform::<Patient, Patient>::exp(&other))
        }
        _ => measured,
    };
}

/// The pose after its matrix was spoilt on the wire: through the same check
/// that every door makes.
fn through_the_door<F: Frame>(measured: Measured<F>, spoil: impl FnOnce(&mut [f64; 16])) -> Measured<F> {
    let mut matrix = measured?.to_row_major();
    spoil(&mut matrix);
    Transform::from_row_major(&matrix).map_err(|_| Missing::Refused)
}

fn is_struck(injection: &Injection, id: ToolId) -> bool {
    injection.tool.is_none_or(|tool| tool == id)
}

fn tools(
    packet: &mut TrackerPacket,
    injection: &Injection,
    change: impl Fn(ToolId, Measured<geom::Tool>) -> Measured<geom::Tool>,
) {
    for slot in packet.tools.iter_mut().filter(|slot| is_struck(injection, slot.id)) {
        slot.tracker_from_tool = change(slot.id, slot.tracker_from_tool);
    }
}

fn rename(packet: &mut TrackerPacket, injection: &Injection, to: ToolId) {
    packet.tools.iter_mut().filter(|slot| is_struck(injection, slot.id)).for_each(|slot| slot.id = to);
}

fn swap(packet: &mut TrackerPacket) {
    let poses: Vec<Measured<geom::Tool>> = packet.tools.iter().take(2).map(|slot| slot.tracker_from_tool).collect();
    for (slot, pose) in packet.tools.iter_mut().zip(poses.into_iter().rev()) {
        slot.tracker_from_tool = pose;
    }
}

fn leave_out(packet: &mut TrackerPacket, injection: &Injection) {
    let kept: Vec<ToolSlot> = packet.tools.iter().filter(|slot| !is_struck(injection, slot.id)).copied().collect();
    packet.tools = ToolList::from_slice(&kept).unwrap_or_default();
}
