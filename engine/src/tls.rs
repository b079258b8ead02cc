//! Certificates of one side of a TLS connection, and what is made of them.
//!
//! Both sides show a certificate of one authority; who has none is not let in.
//! The versions are TLS 1.2 and 1.3, as the profiles of DICOM PS3.15, annex B.9
//! and later, ask for.

use std::path::PathBuf;

/// Certificates of one side; all PEM files.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Tls {
    /// Certificate of the authority that signed both sides' certificates.
    pub authority: PathBuf,
    /// This side's certificate; its common name is who it is.
    pub certificate: PathBuf,
    /// The private key of it.
    pub key: PathBuf,
}

#[cfg(feature = "tls")]
mod server {
    use std::path::Path;
    use std::sync::Arc;

    use rustls::crypto::ring;
    use rustls::pki_types::pem::PemObject;
    use rustls::pki_types::{CertificateDer, PrivateKeyDer};
    use rustls::server::WebPkiClientVerifier;
    use rustls::{RootCertStore, ServerConfig};

    use super::Tls;

    impl Tls {
        /// What a server with these certificates does: shows its own, and asks for one of the same authority.
        ///
        /// # Errors
        /// In words: which file cannot be read or does not fit, and why.
        pub fn server(&self) -> Result<Arc<ServerConfig>, String> {
            let unfit = |path: &Path, why: &dyn std::fmt::Display| format!("{}: {why}", path.display());
            let certificates = |path: &Path| -> Result<Vec<CertificateDer<'static>>, String> {
                let read = CertificateDer::pem_file_iter(path).map_err(|e| unfit(path, &e))?;
                let all: Vec<_> = read.collect::<Result<_, _>>().map_err(|e| unfit(path, &e))?;
                if all.is_empty() { Err(unfit(path, &"no certificate in PEM form is in it")) } else { Ok(all) }
            };
            let mut roots = RootCertStore::empty();
            for certificate in certificates(&self.authority)? {
                roots.add(certificate).map_err(|e| unfit(&self.authority, &e))?;
            }
            let provider = Arc::new(ring::default_provider());
            let callers = WebPkiClientVerifier::builder_with_provider(Arc::new(roots), provider.clone())
                .build()
                .map_err(|e| unfit(&self.authority, &e))?;
            let key = PrivateKeyDer::from_pem_file(&self.key).map_err(|e| unfit(&self.key, &e))?;
            let config = ServerConfig::builder_with_provider(provider)
                .with_safe_default_protocol_versions()
                .map_err(|e| e.to_string())?
                .with_client_cert_verifier(callers)
                .with_single_cert(certificates(&self.certificate)?, key)
                .map_err(|e| unfit(&self.certificate, &e))?;
            Ok(Arc::new(config))
        }
    }
}
