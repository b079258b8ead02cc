//! Why a connection is dropped, and why a single message or pose is refused.

use geom::TransformError;
use thiserror::Error;

/// The byte stream can no longer be trusted: the connection must be dropped.
///
/// There is no resynchronisation. A message found by searching for something
/// that looks like a header could be a pose nobody sent.
#[derive(Debug, Error, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub enum StreamError {
    /// The header begins with a version that does not exist.
    #[error("header version {found}, known are 1 to 3: these bytes are not an OpenIGTLink header; reconnecting")]
    Version {
        /// The version found.
        found: u16,
    },
    /// The message type is empty or holds bytes that cannot be printed.
    #[error("message type \"{name}\" is not printable text: these bytes are not an OpenIGTLink header; reconnecting")]
    TypeName {
        /// The field, escaped.
        name: super::Name<12>,
    },
    /// The header claims more than the message type may have.
    #[error("{kind} claims a body of {declared} bytes, the cap is {cap}; raise the cap if the sender is right")]
    TooLarge {
        /// The message type.
        kind: super::Name<12>,
        /// Body size in the header.
        declared: u64,
        /// What the limits allow.
        cap: u64,
    },
    /// The body is not what the sender summed up.
    #[error("{kind} body has CRC-64 {computed:016x}, its header says {declared:016x}: bytes were lost or changed")]
    Checksum {
        /// The message type.
        kind: super::Name<12>,
        /// Sum in the header.
        declared: u64,
        /// Sum of the bytes received.
        computed: u64,
    },
}

/// One message or pose is not used; the stream goes on.
#[derive(Debug, Error, Clone, PartialEq)]
#[non_exhaustive]
pub enum Refusal {
    /// The body does not have the size its type demands.
    #[error("{kind} content of {found} bytes; it needs {needed}")]
    Size {
        /// The message type.
        kind: &'static str,
        /// Bytes found.
        found: usize,
        /// What would fit.
        needed: &'static str,
    },
    /// A number inside the body contradicts the body.
    #[error("{kind}: {what}")]
    Content {
        /// The message type.
        kind: &'static str,
        /// What contradicts.
        what: &'static str,
    },
    /// Extended header or metadata point outside the body.
    #[error("the extended header or metadata of a message does not fit in its body")]
    Extended,
    /// A number is NaN or infinite.
    #[error("a pose or position holds NaN or infinity; the sender lost the tool without saying so")]
    NotFinite,
    /// The matrix mirrors.
    #[error("mirrored matrix (determinant {determinant:.4}); an axis of the sender is flipped")]
    Reflection {
        /// Of the 3x3 block.
        determinant: f64,
    },
    /// The matrix scales or shears.
    #[error("matrix is not rigid: off orthonormal by {deviation:.4}; the sender scales or mixes units")]
    NotRigid {
        /// Largest entry of `R^T R - I`.
        deviation: f64,
    },
    /// The quaternion is not of unit length.
    #[error("quaternion of length {norm:.4} instead of 1")]
    NotUnit {
        /// Its length.
        norm: f64,
    },
    /// A position without a whole orientation cannot place a tool.
    #[error("the tool comes without a full orientation; ask the sender for six degrees of freedom")]
    NoOrientation,
}

impl Refusal {
    /// What it counts as.
    #[must_use]
    pub const fn reason(&self) -> Reason {
        match self {
            Self::Size { .. } | Self::Content { .. } | Self::Extended => Reason::Malformed,
            Self::NotFinite => Reason::NotFinite,
            Self::Reflection { .. } => Reason::Reflection,
            Self::NotRigid { .. } | Self::NotUnit { .. } => Reason::NotRigid,
            Self::NoOrientation => Reason::NoOrientation,
        }
    }
}

impl From<TransformError> for Refusal {
    fn from(error: TransformError) -> Self {
        match error {
            TransformError::NotRigid { determinant, .. } if determinant < 0.0 => Self::Reflection { determinant },
            TransformError::NotRigid { deviation, .. } => Self::NotRigid { deviation },
            _ => Self::NotFinite,
        }
    }
}

/// What refusals are counted by.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum Reason {
    /// Sizes or counts in the body contradict each other.
    Malformed,
    /// NaN or infinity.
    NotFinite,
    /// A mirrored matrix.
    Reflection,
    /// A matrix that scales or shears, a quaternion that is not of unit length.
    NotRigid,
    /// A position only.
    NoOrientation,
}

impl Reason {
    /// Every reason, in the order of [`super::Counts`].
    pub const ALL: [Self; 5] =
        [Self::Malformed, Self::NotFinite, Self::Reflection, Self::NotRigid, Self::NoOrientation];
}
