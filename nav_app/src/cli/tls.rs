//! Certificates of this side of a connection.

use std::path::PathBuf;

use clap::Args;
use engine::tls::Tls;

/// Certificates, all or none.
#[derive(Debug, Args)]
pub struct TlsArguments {
    /// For TLS: certificate (PEM) of the authority that signed both sides' certificates.
    #[arg(long, value_name = "FILE", requires_all = ["tls_certificate", "tls_key"])]
    pub tls_authority: Option<PathBuf>,
    /// For TLS: this side's certificate (PEM); its common name is who it is.
    #[arg(long, value_name = "FILE", requires_all = ["tls_authority", "tls_key"])]
    pub tls_certificate: Option<PathBuf>,
    /// For TLS: private key (PEM) of this side's certificate.
    #[arg(long, value_name = "FILE", requires_all = ["tls_authority", "tls_certificate"])]
    pub tls_key: Option<PathBuf>,
}

impl TlsArguments {
    /// The three files, when they were given.
    pub fn files(&self) -> Option<Tls> {
        let (authority, certificate) = (self.tls_authority.clone()?, self.tls_certificate.clone()?);
        Some(Tls { authority, certificate, key: self.tls_key.clone()? })
    }
}
