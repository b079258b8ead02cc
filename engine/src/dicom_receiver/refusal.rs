//! Why an object is not kept, as the peer is told.

use std::fmt;

/// Status of a C-STORE or C-ECHO answer (PS3.4, table B.2-1).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Status {
    /// Kept, or kept before with the same content.
    Success,
    /// A limit or the disk is in the way; the peer may send it again later.
    OutOfResources,
    /// The object is not what the request said.
    Mismatch,
    /// The object cannot be used.
    CannotUnderstand,
    /// The request is none that is served here.
    UnknownOperation,
}

impl Status {
    /// Its number on the wire.
    #[must_use]
    pub const fn code(self) -> u16 {
        match self {
            Self::Success => 0x0000,
            Self::OutOfResources => 0xa700,
            Self::Mismatch => 0xa900,
            Self::CannotUnderstand => 0xc000,
            Self::UnknownOperation => 0x0211,
        }
    }
}

/// An object that is not kept.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Refusal {
    pub status: Status,
    /// In words, without anything from the object but numbers.
    pub reason: String,
}

impl Refusal {
    pub(super) fn new(status: Status, reason: impl Into<String>) -> Self {
        Self { status, reason: reason.into() }
    }
}

impl fmt::Display for Refusal {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} (status {:04x})", self.reason, self.status.code())
    }
}
