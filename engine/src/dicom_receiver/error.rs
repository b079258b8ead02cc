//! Why the receiver does not start.

use std::net::SocketAddr;
use std::path::PathBuf;

use thiserror::Error;

/// A receiver that could not be started.
#[derive(Debug, Error)]
#[non_exhaustive]
pub enum ReceiverError {
    /// Strangers would be served.
    #[error(
        "{address} can be reached from other machines, so the callers' AE titles must be named; allow at least one, or listen on 127.0.0.1"
    )]
    EverybodyAllowed {
        /// Where it should listen.
        address: SocketAddr,
    },
    /// A title that DICOM does not know.
    #[error("{title:?} is no AE title; it has 1 to 16 printable ASCII characters without a backslash")]
    Title {
        /// As given.
        title: String,
    },
    /// The address is taken or not ours.
    #[error("cannot listen on {address}: {source}; choose another port, or end the program that uses it")]
    Listen {
        /// Where it should listen.
        address: SocketAddr,
        /// The system's answer.
        source: std::io::Error,
    },
    /// The certificates cannot be used.
    #[error("cannot use the certificates, {reason}; give PEM files of one authority")]
    Tls {
        /// Which one, and why.
        reason: String,
    },
    /// The folder cannot be used.
    #[error("cannot use {}: {source}; give a folder that can be written", folder.display())]
    Folder {
        /// The folder.
        folder: PathBuf,
        /// The system's answer.
        source: std::io::Error,
    },
}
