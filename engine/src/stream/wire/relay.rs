//! A router between an engine and many observers, in a process of its own.
//!
//! The engine then sends every snapshot once, whoever watches. Access control
//! stays with the engine for what reaches it; the router adds none, so it should
//! listen where its observers are known: on this machine, or over TLS, where a
//! certificate of the same authority is needed.

use zenoh::Wait;

use super::address::{EngineAddress, ViewerAddress};
use super::{WireError, config};

/// A running router. Dropping it closes.
pub struct Relay(zenoh::Session);

impl Relay {
    /// Connects to the engine and listens for observers.
    ///
    /// # Errors
    /// [`WireError`] when an address is refused or cannot be listened on.
    pub fn open(engine: &ViewerAddress, observers: &EngineAddress) -> Result<Self, WireError> {
        let config = config::of_relay(engine, observers)?;
        zenoh::open(config).wait().map(Self).map_err(WireError::zenoh("route"))
    }

    /// False once it was closed.
    #[must_use]
    pub fn is_open(&self) -> bool {
        !self.0.is_closed()
    }
}
