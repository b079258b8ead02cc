//! NDI optical trackers over TCP: the Combined API with streamed BX2 replies.
//!
//! Promises: [`Decoder`] takes bytes in any pieces, holds every declared size
//! against a limit and every reply against its CRC-16 before it is used, and
//! gives up a connection at the first byte it cannot trust. Reading poses
//! allocates nothing. [`NdiSource`] initialises the tracker, finds the session's
//! tools by part and serial number, starts the stream, and connects again by
//! itself. [`Simulator`] is a tracker without hardware.
//!
//! Does not: load tool definitions (the tracker's own program does), follow
//! stray markers, encrypt. **Untested on hardware**: written from the public API
//! guide; no camera was at hand.
//!
//! Frames: a pose is `tracker_from_tool` in millimetres, in the camera's own
//! coordinates; no axis is turned.
//!
//! `docs/ndi.md` tells how to connect, and what is refused.

mod crc16;
mod decoder;
mod encode;
mod error;
mod frames;
mod gbf;
mod handshake;
mod ports;
mod simulator;
mod source;

pub use crc16::crc16;
pub use decoder::{Decoder, Reply};
pub use encode::{Reported, binary_reply, gbf, streamed, text_reply};
pub use error::{NdiEnd, NdiStreamError};
pub use gbf::{Found, FrameHead, TrackedPort, walk};
pub use simulator::{MakeSource, Misbehaviour, SimulatedPort, Simulator, SimulatorSettings};
pub use source::{NdiSource, NdiSourceSettings};
