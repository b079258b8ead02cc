//! Every fault by name: what happens, what the user has to see.

use super::named_fault::{Amount, Fault, Kind, Place, Sign};
use crate::safety::{Alarm, DegradedReason, ToolReason};

use Kind as K;
use Place::{Host, Image, Reference, Registration, Segmentation, Tracker};

const fn tool(reason: ToolReason) -> Sign {
    Sign::Tool(reason)
}
const fn alarm(alarm: Alarm) -> Sign {
    Sign::Alarm(alarm)
}
const fn words(words: &'static str) -> Sign {
    Sign::Words(words)
}

const REFUSED: &[Sign] = &[tool(ToolReason::Refused), alarm(Alarm::PosesRefused)];
const SILENT: &[Sign] = &[tool(ToolReason::Silent), alarm(Alarm::TrackerSilent)];
const DELAYED: &[Sign] = &[alarm(Alarm::Delayed), tool(ToolReason::Silent), alarm(Alarm::TrackerSilent)];
const UNKNOWN: &[Sign] = &[alarm(Alarm::UnknownTool)];
const CLOCK: &[Sign] = &[alarm(Alarm::ClockBack), tool(ToolReason::ClockJumped)];
const REFERENCE_LOST: &[Sign] =
    &[alarm(Alarm::ReferenceLost), tool(ToolReason::Reference), Sign::Session(DegradedReason::ReferenceLost)];
const REFERENCE_JUMP: &[Sign] =
    &[alarm(Alarm::ReferenceImplausible), alarm(Alarm::Drift), Sign::Session(DegradedReason::Drift)];

/// All faults, by place.
#[must_use]
pub const fn list() -> &'static [Fault] {
    FAULTS
}

const fn fault(place: Place, name: &'static str, kind: Kind, what: &'static str, signs: &'static [Sign]) -> Fault {
    Fault { place, name, kind, what, signs, amount: None }
}

#[rustfmt::skip]
static FAULTS: &[Fault] = &[
    fault(Tracker, "unplug", K::Unplug, "no packet comes any more", SILENT),
    fault(Tracker, "half-open", K::HalfOpen, "the connection stands but nothing comes; the backlog comes at the end", SILENT),
    fault(Tracker, "slow-link", K::SlowLink, "every packet comes late", DELAYED).with(Amount::milliseconds(400.0)),
    fault(Tracker, "burst", K::Burst, "packets are held back and come together", DELAYED).with(Amount::milliseconds(300.0)),
    fault(Tracker, "duplicate", K::Duplicate, "every packet comes twice", &[alarm(Alarm::Duplicated)]),
    fault(Tracker, "reorder", K::Reorder, "each pair of packets comes in the wrong order", &[alarm(Alarm::Reordered)]),
    fault(Tracker, "packet-loss", K::PacketLoss, "a share of the packets is lost on the way", &[alarm(Alarm::PacketsMissing), alarm(Alarm::RateLow)]).with(Amount::percent(60.0)),
    fault(Tracker, "rate-drop", K::RateDrop, "only one packet in so many comes", &[alarm(Alarm::RateLow), alarm(Alarm::PacketsMissing), tool(ToolReason::Silent)]).with(Amount::packets(10.0)),
    fault(Tracker, "freeze", K::Freeze, "packets come on, but with the same poses in every bit", &[tool(ToolReason::Unchanging), alarm(Alarm::ReferenceFrozen)]),
    fault(Tracker, "nan", K::Nan, "the tool's matrix holds NaN", REFUSED),
    fault(Tracker, "mirror", K::Mirror, "the tool's matrix mirrors an axis", REFUSED),
    fault(Tracker, "shear", K::Shear, "the tool's matrix is not orthonormal", REFUSED),
    fault(Tracker, "jump", K::Jump, "the tool's pose is off by this in every second packet", &[tool(ToolReason::TooFast)]).with(Amount::millimetres(120.0)),
    fault(Tracker, "wrong-id", K::WrongId, "the tool comes under the number of another one that is not used", &[alarm(Alarm::UnknownTool), tool(ToolReason::NotReported)]),
    fault(Tracker, "wrong-serial", K::WrongSerial, "an unknown instrument is connected in its place", UNKNOWN),
    fault(Tracker, "swap-tools", K::SwapTools, "the first two tools have each other's poses", &[tool(ToolReason::Swapped), alarm(Alarm::ToolsSwapped), tool(ToolReason::TooFast)]),
    fault(Tracker, "occlude", K::Occlude, "the tool is not in the line of sight", &[tool(ToolReason::Occluded)]),
    fault(Tracker, "partial-markers", K::PartialMarkers, "too few of the tool's markers are seen", &[tool(ToolReason::PartialMarkers)]),
    fault(Tracker, "out-of-volume", K::OutOfVolume, "the tool leaves the measuring volume", &[tool(ToolReason::OutOfVolume)]),
    fault(Tracker, "drop-tool", K::DropTool, "the tool is left out of the packets", &[tool(ToolReason::NotReported)]),
    fault(Tracker, "clock-forward", K::ClockForward, "the tracker's clock is ahead by this", &[alarm(Alarm::ClockForward), tool(ToolReason::ClockJumped)]).with(Amount::milliseconds(10_000.0)),
    fault(Tracker, "clock-back", K::ClockBack, "the tracker's clock is behind by this", CLOCK).with(Amount::milliseconds(900.0)),
    fault(Tracker, "clock-drift", K::ClockDrift, "the tracker's clock runs too slow", &[alarm(Alarm::Delayed), alarm(Alarm::ClockBack), tool(ToolReason::ClockJumped)]).with(Amount::percent(20.0)),
    fault(Tracker, "no-timestamp", K::NoTimestamp, "packets carry time 0", &[alarm(Alarm::ClockBack), tool(ToolReason::ClockJumped), tool(ToolReason::Silent)]),
    fault(Tracker, "restart", K::Restart, "0.3 s of silence, then counts and clock begin anew", &[alarm(Alarm::ClockBack), tool(ToolReason::ClockJumped), tool(ToolReason::Silent), alarm(Alarm::TrackerSilent)]),
    fault(Reference, "occlude", K::ReferenceOcclude, "the reference is not in the line of sight", REFERENCE_LOST),
    fault(Reference, "remove", K::ReferenceRemove, "the reference is left out of the packets", REFERENCE_LOST),
    fault(Reference, "freeze", K::ReferenceFreeze, "the reference's pose is the same in every bit", &[alarm(Alarm::ReferenceFrozen)]),
    fault(Reference, "nan", K::ReferenceNan, "the reference's matrix holds NaN", &[alarm(Alarm::PosesRefused), alarm(Alarm::ReferenceLost), tool(ToolReason::Reference)]),
    fault(Reference, "bump", K::ReferenceBump, "the reference is knocked and stays there", REFERENCE_JUMP).with(Amount::millimetres(8.0)),
    fault(Reference, "slip", K::ReferenceSlip, "the reference slips slowly", &[alarm(Alarm::Drift), Sign::Session(DegradedReason::Drift)]).with(Amount::millimetres_a_second(4.0)),
    fault(Reference, "swap", K::ReferenceSwap, "another array stands where the reference stood", REFERENCE_JUMP),
    fault(Image, "wrong-patient", K::WrongPatient, "the CT is of another patient", &[words("")]),
    fault(Image, "twin-patient", K::TwinPatient, "the CT is of another patient whose bone is alike to half a millimetre", &[words("")]),
    fault(Image, "mirrored", K::MirroredImage, "the CT's affine is flipped left to right", &[words("")]),
    fault(Image, "scaled", K::ScaledImage, "the CT's affine is scaled", &[words("")]).with(Amount::percent(10.0)),
    fault(Image, "thick-voxels", K::ThickVoxels, "voxels are larger than 2 mm", &[words("larger than 2 mm")]),
    fault(Image, "cut-off", K::CutOffImage, "the file ends early", &[words("copy the file again"), words("damaged")]),
    fault(Image, "missing-slices", K::MissingSlices, "slices of the series are missing", &[words("missing")]),
    fault(Image, "gantry-tilt", K::GantryTilt, "slices are not stacked along their normal", &[words("gantry tilt")]),
    fault(Segmentation, "empty", K::EmptySegmentation, "no bone was found", &[words("no label")]),
    fault(Segmentation, "mixed-levels", K::MixedLevels, "two vertebrae are one mask", &[words("times the volume")]),
    fault(Segmentation, "metal-streak", K::MetalStreak, "streaks tear the surface of the touched bone", &[words("")]),
    fault(Registration, "collinear", K::Collinear, "the points lie on a line", &[words("on a line")]),
    fault(Registration, "wrong-correspondence", K::WrongCorrespondence, "two landmarks are exchanged", &[words("landmarks")]),
    fault(Registration, "symmetric", K::Symmetric, "the landmarks match in two orders", &[words("another order")]),
    fault(Registration, "too-few", K::TooFewPoints, "three points are touched", &[words("at least")]),
    fault(Registration, "metres", K::Metres, "the points are in metres", &[words("metres")]),
    fault(Registration, "neighbour-level", K::NeighbourLevel, "the first guess is one level off", &[words("")]),
    fault(Host, "disk-full", K::DiskFull, "the journal's disk has no room", &[words("no room")]),
    fault(Host, "journal-unwritable", K::JournalUnwritable, "the journal's disk refuses to be written", &[words("cannot be written")]),
    fault(Host, "journal-stalled", K::JournalStalled, "the journal's disk hangs", &[words("records were lost")]),
    fault(Host, "cpu-starved", K::CpuStarved, "the navigation loop is not run", &[tool(ToolReason::Silent), alarm(Alarm::PacketsDropped), alarm(Alarm::TrackerSilent)]),
    fault(Host, "clock-step", K::HostClockStep, "this machine's clock jumps forward", &[tool(ToolReason::Silent), alarm(Alarm::TrackerSilent), alarm(Alarm::Delayed), alarm(Alarm::ClockBack)]).with(Amount::milliseconds(2_000.0)),
];
