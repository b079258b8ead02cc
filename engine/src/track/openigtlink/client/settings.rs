//! Where to connect, how patient to be, and why a connection ended.

use std::time::Duration;

use thiserror::Error;

use crate::track::connector::Connection;
use crate::track::openigtlink::error::StreamError;
use crate::track::openigtlink::header::Version;
use crate::track::openigtlink::kind::Limits;
use crate::track::openigtlink::messages::StartTracking;
use crate::track::openigtlink::name::Name;

/// How tools are asked for after connecting.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Request {
    /// STT_TDATA: poses as matrices.
    Matrices(StartTracking),
    /// STT_QTDATA: poses as quaternions.
    Quaternions(StartTracking),
    /// Nothing is asked; the peer sends by itself, as TRANSFORM senders do.
    Nothing,
}

/// Where to connect and how patient to be.
#[derive(Debug, Clone)]
pub struct ClientSettings {
    /// `host:port`; the protocol's port is 18944.
    pub address: String,
    /// What to ask for.
    pub request: Request,
    /// Header version of our first message; answers take the peer's.
    pub version: Version,
    /// Caps of message bodies.
    pub limits: Limits,
    /// Longest wait for a connection. Default 1 s.
    pub connect_timeout: Duration,
    /// Longest wait of one [`Client::receive`]. Default 2 ms.
    pub wait: Duration,
    /// Without a whole message for this long the peer is asked for its status;
    /// without one for this long again the connection is dropped as half open.
    /// Default 1 s.
    pub silence: Duration,
    /// Pause before a connection that failed at once is tried again, doubled
    /// each time up to 5 s. Default 100 ms.
    pub pause: Duration,
}

impl ClientSettings {
    /// Asks `address` for every TDATA packet.
    #[must_use]
    pub fn new(address: impl Into<String>) -> Self {
        let everything = StartTracking { interval_ms: 0, coordinate: Name::from_wire(&[0; 32]) };
        Self {
            address: address.into(),
            request: Request::Matrices(everything),
            version: Version::V1,
            limits: Limits::for_tracking(),
            connect_timeout: Duration::from_secs(1),
            wait: Duration::from_millis(2),
            silence: Duration::from_secs(1),
            pause: Duration::from_millis(100),
        }
    }

    pub(super) fn connection(&self) -> Connection {
        let Self { connect_timeout, wait, pause, .. } = *self;
        Connection { thread: "igtl-connect", address: self.address.clone(), connect_timeout, wait, pause }
    }
}

/// Why a connection ended.
#[derive(Debug, Error)]
#[non_exhaustive]
pub enum LinkEnd {
    /// The peer closed it.
    #[error("the peer closed the connection")]
    Closed,
    /// The system reported a fault.
    #[error("the connection failed: {0}")]
    Io(#[from] std::io::Error),
    /// Nothing came for too long.
    #[error("no whole message for twice {0:?}: the peer is gone or hangs; is the tracker's program running?")]
    Silent(Duration),
    /// The bytes are not what OpenIGTLink sends.
    #[error(transparent)]
    Stream(#[from] StreamError),
}
