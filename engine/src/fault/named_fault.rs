//! What a fault is.

use std::fmt;

use crate::rt::Snapshot;
use crate::safety::{Alarm, DegradedReason, SessionState, ToolReason};

/// Where a fault strikes.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Place {
    /// The tracker's stream.
    Tracker,
    /// The patient reference.
    Reference,
    /// The CT.
    Image,
    /// The segmentation of the CT.
    Segmentation,
    /// Landmarks and touched points.
    Registration,
    /// This machine.
    Host,
}

impl Place {
    /// All places.
    pub const ALL: [Self; 6] =
        [Self::Tracker, Self::Reference, Self::Image, Self::Segmentation, Self::Registration, Self::Host];

    /// Its name in a script.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Tracker => "tracker",
            Self::Reference => "reference",
            Self::Image => "image",
            Self::Segmentation => "segmentation",
            Self::Registration => "registration",
            Self::Host => "host",
        }
    }
}

/// What the user has to see.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Sign {
    /// A tool is not live, for this reason.
    Tool(ToolReason),
    /// This alarm is raised.
    Alarm(Alarm),
    /// The session is degraded, for this reason.
    Session(DegradedReason),
    /// A refusal, a warning or a verdict's reason that says this; the empty
    /// text stands for any.
    Words(&'static str),
}

impl Sign {
    /// True when the snapshot shows it.
    #[must_use]
    pub fn is_in(self, snapshot: &Snapshot) -> bool {
        match self {
            Self::Tool(reason) => snapshot.tools.iter().any(|tool| tool.reason == Some(reason)),
            Self::Alarm(alarm) => snapshot.alarms.has(alarm),
            Self::Session(reason) => snapshot.session == SessionState::Degraded(reason),
            Self::Words(_) => false,
        }
    }
}

impl fmt::Display for Sign {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Tool(reason) => write!(f, "tool: {reason:?}"),
            Self::Alarm(alarm) => write!(f, "alarm: {alarm:?}"),
            Self::Session(reason) => write!(f, "session: {reason:?}"),
            Self::Words("") => f.write_str("a reason in words"),
            Self::Words(words) => write!(f, "\"{words}\""),
        }
    }
}

/// The number a fault can be given, with its unit.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Amount {
    /// Unit in a script.
    pub unit: &'static str,
    /// Taken when the script gives none.
    pub default: f64,
}

impl Amount {
    pub(super) const fn milliseconds(default: f64) -> Self {
        Self { unit: "ms", default }
    }
    pub(super) const fn millimetres(default: f64) -> Self {
        Self { unit: "mm", default }
    }
    pub(super) const fn millimetres_a_second(default: f64) -> Self {
        Self { unit: "mm/s", default }
    }
    pub(super) const fn percent(default: f64) -> Self {
        Self { unit: "%", default }
    }
    pub(super) const fn packets(default: f64) -> Self {
        Self { unit: "packets", default }
    }
}

/// A named fault.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Fault {
    /// Where it strikes.
    pub place: Place,
    /// Its name at that place.
    pub name: &'static str,
    /// What is done.
    pub kind: Kind,
    /// What happens, in words.
    pub what: &'static str,
    /// One of these has to be shown.
    pub signs: &'static [Sign],
    /// The number it takes.
    pub amount: Option<Amount>,
}

impl Fault {
    pub(super) const fn with(mut self, amount: Amount) -> Self {
        self.amount = Some(amount);
        self
    }

    /// Place and name, as a script says them: `"tracker unplug"`.
    #[must_use]
    pub fn full_name(&self) -> String {
        format!("{} {}", self.place.name(), self.name)
    }
}

/// What is done to the engine; the catalogue says it in words.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
#[allow(missing_docs, reason = "the catalogue has a sentence for each")]
pub enum Kind {
    Unplug,
    HalfOpen,
    SlowLink,
    Burst,
    Duplicate,
    Reorder,
    PacketLoss,
    RateDrop,
    Freeze,
    Nan,
    Mirror,
    Shear,
    Jump,
    WrongId,
    WrongSerial,
    SwapTools,
    Occlude,
    PartialMarkers,
    OutOfVolume,
    DropTool,
    ClockForward,
    ClockBack,
    ClockDrift,
    NoTimestamp,
    Restart,
    ReferenceOcclude,
    ReferenceRemove,
    ReferenceFreeze,
    ReferenceNan,
    ReferenceBump,
    ReferenceSlip,
    ReferenceSwap,
    WrongPatient,
    TwinPatient,
    MirroredImage,
    ScaledImage,
    ThickVoxels,
    CutOffImage,
    MissingSlices,
    GantryTilt,
    EmptySegmentation,
    MixedLevels,
    MetalStreak,
    Collinear,
    WrongCorrespondence,
    Symmetric,
    TooFewPoints,
    Metres,
    NeighbourLevel,
    DiskFull,
    JournalUnwritable,
    JournalStalled,
    CpuStarved,
    HostClockStep,
}
