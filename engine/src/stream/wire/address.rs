//! Where engine and viewers meet.
//!
//! Without certificates everything stays on this machine: `tcp/` takes loopback
//! addresses only. `tls/` takes any address, and needs the certificate of the
//! authority, an own certificate and its key: both sides show who they are.

use std::net::IpAddr;

use crate::stream::SCHEMA;
use crate::tls::Tls;

use super::WireError;

/// Who may do what over TLS, by the common names of certificates. Who is in
/// neither list sees nothing.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Access {
    /// May see.
    pub observers: Vec<String>,
    /// May see, and send intents that are signed with the session's key.
    pub operators: Vec<String>,
}

/// Where the engine is heard.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct EngineAddress {
    /// Its name in all keys: lower-case letters, digits and `-`.
    pub name: String,
    /// `tcp/127.0.0.1:PORT` or `tls/ADDRESS:PORT`.
    pub listen: Vec<String>,
    /// Zenoh's router mode, so that other routers and peers find their way.
    pub is_router: bool,
    /// For `tls/`.
    pub tls: Option<Tls>,
    /// For `tls/`.
    pub access: Access,
}

impl Default for EngineAddress {
    /// `engine` on port 7447 of this machine only.
    fn default() -> Self {
        Self {
            name: "engine".into(),
            listen: vec!["tcp/127.0.0.1:7447".into()],
            is_router: false,
            tls: None,
            access: Access::default(),
        }
    }
}

/// Where a viewer finds an engine or a router.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ViewerAddress {
    /// The engine's name.
    pub name: String,
    /// Where to connect.
    pub connect: Vec<String>,
    /// For `tls/`.
    pub tls: Option<Tls>,
}

impl Default for ViewerAddress {
    /// Where [`EngineAddress::default`] listens.
    fn default() -> Self {
        Self { name: "engine".into(), connect: vec!["tcp/127.0.0.1:7447".into()], tls: None }
    }
}

/// The first part of all keys of an engine.
///
/// # Errors
/// [`WireError::Address`] for a name with other characters than `a-z`, `0-9`
/// and `-`, or more than 32: it must not reach into other keys.
pub fn prefix(name: &str) -> Result<String, WireError> {
    let is_fine = |c: u8| c.is_ascii_lowercase() || c.is_ascii_digit() || c == b'-';
    if name.is_empty() || name.len() > 32 || !name.bytes().all(is_fine) {
        let what = format!("{name:?} is no name of an engine: up to 32 of a-z, 0-9 and -");
        return Err(WireError::Address(what));
    }
    Ok(format!("spinenav/{SCHEMA}/{name}"))
}

/// Checks an endpoint and adds what every socket of ours has.
///
/// # Errors
/// [`WireError::Address`] says what may be given.
pub fn endpoint(text: &str, has_tls: bool) -> Result<String, WireError> {
    let refuse = |why: &str| {
        Err(WireError::Address(format!("{text:?} cannot be used: {why}; give tcp/127.0.0.1:7447 or tls/HOST:7447")))
    };
    let Some((protocol, place)) = text.split_once('/') else { return refuse("it has no protocol") };
    let Some((host, port)) = place.rsplit_once(':') else { return refuse("it has no port") };
    let host = host.trim_start_matches('[').trim_end_matches(']');
    if port.parse::<u16>().is_err() {
        return refuse("its port is no number below 65536");
    }
    // Zenoh reads settings behind # and ?; they are ours to give.
    let is_plain = |c: char| c.is_ascii_alphanumeric() || ".:-".contains(c);
    if host.is_empty() || !host.chars().all(is_plain) {
        return refuse("its host has characters that no host has");
    }
    let is_loopback = host == "localhost" || host.parse::<IpAddr>().is_ok_and(|ip| ip.is_loopback());
    match protocol {
        "tcp" if !is_loopback => refuse("tcp/ is for this machine only, elsewhere anybody could listen"),
        "tls" if !has_tls => refuse("tls/ needs the certificates of the authority and of this side"),
        // Small buffers: who stands still must not find seconds of old
        // pictures when it wakes.
        "tcp" | "tls" => Ok(format!("{text}#so_sndbuf=32768;so_rcvbuf=32768")),
        _ => refuse("it is neither tcp/ nor tls/"),
    }
}
