//! Message types and how large a body each may have.

use super::name::Name;

/// Generates the enum, its names on the wire and the look-up from one table.
macro_rules! kinds {
    ($($(#[$doc:meta])* $kind:ident = $name:literal),+ $(,)?) => {
        /// A message type understood here; anything else is [`Kind::Unknown`].
        #[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
        #[non_exhaustive]
        pub enum Kind {
            $($(#[$doc])* $kind,)+
            /// A type nobody here understands; skipped by its size.
            Unknown,
        }

        impl Kind {
            /// Every type understood here.
            pub const KNOWN: &[Self] = &[$(Self::$kind),+];

            /// The type with this name on the wire.
            #[must_use]
            pub fn from_wire(name: &Name<12>) -> Self {
                match name.as_bytes() {
                    $(bytes if bytes == $name.as_bytes() => Self::$kind,)+
                    _ => Self::Unknown,
                }
            }

            /// Its name on the wire.
            #[must_use]
            pub const fn name(self) -> &'static str {
                match self {
                    $(Self::$kind => $name,)+
                    Self::Unknown => "unknown",
                }
            }
        }
    };
}

kinds! {
    /// One rigid motion.
    Transform = "TRANSFORM",
    /// Several tools in one packet, as matrices.
    TrackingData = "TDATA",
    /// Asks the peer to send [`Kind::TrackingData`].
    StartTrackingData = "STT_TDATA",
    /// Asks the peer to stop.
    StopTrackingData = "STP_TDATA",
    /// The peer's answer to either.
    ReplyTrackingData = "RTS_TDATA",
    /// Several tools in one packet, as quaternions.
    QuaternionTrackingData = "QTDATA",
    /// Asks the peer to send [`Kind::QuaternionTrackingData`].
    StartQuaternionTrackingData = "STT_QTDATA",
    /// Asks the peer to stop.
    StopQuaternionTrackingData = "STP_QTDATA",
    /// The peer's answer to either.
    ReplyQuaternionTrackingData = "RTS_QTDATA",
    /// A position with or without a quaternion.
    Position = "POSITION",
    /// Health of a device.
    Status = "STATUS",
    /// Asks for [`Kind::Status`].
    GetStatus = "GET_STATUS",
    /// Named points.
    Point = "POINT",
    /// A text.
    String = "STRING",
    /// Voxels with their place.
    Image = "IMAGE",
    /// A surface.
    PolyData = "POLYDATA",
    /// The types a peer understands.
    Capability = "CAPABILITY",
    /// Asks for [`Kind::Capability`].
    GetCapability = "GET_CAPABIL",
}

/// Largest content of each message type in bytes, checked against the header
/// before a byte of the body is kept. A type with cap 0 is skipped unread.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Limits {
    /// TDATA and QTDATA. Default 4 480: 64 tools of 70 bytes.
    pub tracking: u64,
    /// STATUS. Default 4 KiB.
    pub status: u64,
    /// STRING. Default 65 539, what its own length field allows.
    pub string: u64,
    /// POINT. Default 557 056: 4 096 points of 136 bytes.
    pub points: u64,
    /// IMAGE. Default 128 MiB: 256 slices of 512x512 in 16 bits.
    pub image: u64,
    /// POLYDATA. Default 64 MiB: about 1.5 million triangles.
    pub polydata: u64,
    /// Extended header and metadata beside the content, header 2 and later.
    /// Default 64 KiB.
    pub metadata: u64,
    /// What is skipped at most: a larger claim is garbage, not a message.
    /// Default 1 GiB.
    pub skipped: u64,
}

impl Default for Limits {
    fn default() -> Self {
        Self {
            tracking: 64 * 70,
            status: 4 << 10,
            string: 4 + 65_535,
            points: 4_096 * 136,
            image: 128 << 20,
            polydata: 64 << 20,
            metadata: 64 << 10,
            skipped: 1 << 30,
        }
    }
}

impl Limits {
    /// For a connection that wants poses: images and surfaces are skipped, so
    /// the connection never holds more than a few hundred kilobytes.
    #[must_use]
    pub fn for_tracking() -> Self {
        Self { image: 0, polydata: 0, points: 0, ..Self::default() }
    }

    /// Largest content of a message of this type.
    #[must_use]
    pub const fn content(&self, kind: Kind) -> u64 {
        match kind {
            Kind::Transform => 48,
            Kind::TrackingData | Kind::QuaternionTrackingData => self.tracking,
            Kind::StartTrackingData | Kind::StartQuaternionTrackingData => 36,
            // Some senders pad requests and answers that need no content.
            Kind::StopTrackingData | Kind::StopQuaternionTrackingData | Kind::GetStatus | Kind::GetCapability => 64,
            Kind::ReplyTrackingData | Kind::ReplyQuaternionTrackingData => 64,
            Kind::Position => 28,
            Kind::Status => self.status,
            Kind::Point => self.points,
            Kind::String => self.string,
            Kind::Image => self.image,
            Kind::PolyData => self.polydata,
            Kind::Capability => 12 * 256,
            Kind::Unknown => 0,
        }
    }
}
