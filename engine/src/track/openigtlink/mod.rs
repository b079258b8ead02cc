//! OpenIGTLink, the language of 3D Slicer, PLUS and many trackers, over TCP.
//!
//! Promises: [`Decoder`] takes bytes in any pieces, checks every size against
//! [`Limits`] before memory is taken and every body against its CRC-64, and
//! gives up a stream for good at the first byte it cannot trust. Content is
//! borrowed from the received bytes: decoding never allocates, encoding only
//! until its buffer has grown. NaN, mirrored and non-rigid poses are refused
//! with a [`Refusal`] and counted by [`Reason`]. Header versions 1 to 3;
//! answers are in the peer's version. [`Client`] and [`IgtlSource`] read a
//! tracker and connect again by themselves; [`Server`] sends to many.
//!
//! Does not: encrypt or authenticate (the protocol cannot; keep it on loopback
//! or a private net), protect the header (its checksum covers the body alone),
//! believe names (they are looked up in the session's own table).
//!
//! Frames: lengths are millimetres. TRANSFORM, POSITION, TDATA and QTDATA are
//! plain tracker space, a pose is `tracker_from_tool` when the sender sends
//! `ToolToTracker`, and no RAS or LPS is involved. IMAGE says whether it is RAS
//! or LPS; POINT and POLYDATA are RAS as 3D Slicer sends them. These three
//! become LPS here, by methods that end in `_lps` or begin with `lps_`.
//!
//! Protocol: <http://openigtlink.org/developers/spec>; Tokuda et al., Int. J.
//! Med. Robotics 5(4), 2009, doi:10.1002/rcs.274.

mod client;
mod counts;
mod crc64;
mod decoder;
mod encoder;
mod error;
mod gather;
mod header;
mod kind;
mod messages;
mod name;
mod pose;
mod server;
mod source;
mod timestamp;
mod wire;

pub use client::{Arrived, Client, ClientSettings, LinkEnd, LinkState, Request};
pub use counts::{Counter, Counts};
pub use decoder::{Decoded, Decoder, Frame};
pub use encoder::{Encoder, Stamp};
pub use error::{Reason, Refusal, StreamError};
pub use header::{HEADER_BYTES, Header, Metadata, US_ASCII, UTF_8, Version};
pub use kind::{Kind, Limits};
pub use messages::{
    Capability, Cells, Element, Elements, Freedom, Image, Message, NamedPoint, Orientation, Points, PolyData, Position,
    STATUS_OK, Scalar, StartTracking, Status, Text, WirePose,
};
pub use name::Name;
pub use pose::{Matrix, QuaternionPose};
pub use server::{OnMessage, Server, ServerSettings};
pub use source::{IgtlSource, IgtlSourceSettings};
pub use timestamp::Timestamp;
