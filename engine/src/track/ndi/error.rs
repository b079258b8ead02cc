//! Why a connection to an NDI tracker is dropped.

use std::time::Duration;

use thiserror::Error;

/// Bytes that are not what the Combined API sends. The connection is dropped:
/// what looks like the next reply could be a pose nobody sent.
#[derive(Debug, Error, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub enum NdiStreamError {
    /// A reply begins with a byte that begins none.
    #[error("a reply begins with byte {found:#04x}: these bytes are not of an NDI tracker; check the address and port")]
    Start {
        /// The byte.
        found: u8,
    },
    /// A reply is longer than any that was asked for.
    #[error("a reply of {found} bytes, the limit is {limit}; only poses are asked for")]
    TooLong {
        /// Declared or received bytes.
        found: u64,
        /// What the limit is.
        limit: u64,
    },
    /// The bytes are not those that were summed up.
    #[error("{what} has CRC-16 {computed:04x}, it says {declared:04x}: bytes were lost or changed")]
    Checksum {
        /// Which part of the reply.
        what: &'static str,
        /// Sum in the reply.
        declared: u16,
        /// Sum of the bytes received.
        computed: u16,
    },
    /// A text reply has no checksum, or holds what cannot be printed.
    #[error("a reply is no printable text with a checksum; check the address and port")]
    Text,
    /// The reply contradicts itself although its checksum is right.
    #[error("a BX2 reply contradicts itself: {what}, at byte {at}")]
    Content {
        /// What is wrong.
        what: &'static str,
        /// Where, counted from the first byte of the content.
        at: usize,
    },
}

/// Why a connection ended.
#[derive(Debug, Error)]
#[non_exhaustive]
pub enum NdiEnd {
    /// The peer closed it.
    #[error("the tracker closed the connection")]
    Closed,
    /// The system reported a fault.
    #[error("the connection failed: {0}")]
    Io(#[from] std::io::Error),
    /// Nothing came for too long.
    #[error("nothing came for {0:?} while {1}: the tracker is gone or hangs; check its power and network")]
    Silent(Duration, &'static str),
    /// The bytes are not what a tracker sends.
    #[error(transparent)]
    Stream(#[from] NdiStreamError),
    /// The tracker refused a command.
    #[error("the tracker refused {command:?}: error {code:02x}, {words}")]
    Refused {
        /// The command.
        command: String,
        /// The number in its answer.
        code: u8,
        /// What it means.
        words: &'static str,
    },
    /// An answer that does not fit the command.
    #[error("the tracker answered {command:?} with {answer:?}; it may speak another version of the Combined API")]
    Answer {
        /// The command.
        command: String,
        /// Its answer, shortened.
        answer: String,
    },
    /// Two tools cannot be told apart by the name they were given.
    #[error(
        "ports {first:02x} and {second:02x} both hold a tool {name}: name it with its serial number, {name}/SERIAL"
    )]
    Ambiguous {
        /// The name in the session's table.
        name: String,
        /// The one port.
        first: u8,
        /// The other.
        second: u8,
    },
    /// No tool of the session's table is there.
    #[error(
        "no tool of this session is on the tracker; it has: {found}; load them there, or name them with --reference and --tool"
    )]
    NoTool {
        /// What is there.
        found: String,
    },
}

/// What an error number of the API guide means, as far as a start can meet it.
#[must_use]
pub const fn error_words(code: u8) -> &'static str {
    match code {
        0x01 => "it knows no such command",
        0x02 => "the command is too long",
        0x03 => "the command is too short",
        0x04 => "the command's checksum is wrong",
        0x05 => "it did not finish in time",
        0x07 => "a parameter is wrong",
        0x08 => "it is not initialised",
        0x09 => "it is tracking already",
        0x0a => "it does not track, or no tool is enabled",
        0x0c => "a system error; switch it off and on",
        0x0e => "its tool memory cannot be read",
        0x1c => "the port handle is not initialised",
        0x1d => "the port is empty",
        0x22 => "the tool is not initialised",
        0x2a => "a tool's definition is missing or damaged",
        _ => "see the API guide",
    }
}
