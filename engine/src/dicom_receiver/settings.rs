//! What the receiver may do, and with whom.

use std::net::{IpAddr, Ipv4Addr, SocketAddr};
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use crate::io::{self, Limits};
use crate::tls::Tls;

/// How much peers may ask of this machine.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ReceiverLimits {
    /// Peers served at the same time, each by a thread. Default 4; more are told to come back later.
    pub associations: usize,
    /// Longest time between two packets of a peer. Default 30 s.
    pub silence: Duration,
    /// Longest time of an association, however busy. Default 30 min.
    pub association: Duration,
    /// Largest object, bytes. Default 64 MiB; a CT slice has 0.5 MiB.
    pub object_bytes: u64,
    /// Most objects of a series. Default 4000.
    pub series_objects: usize,
    /// Most series that are being received. Default 8.
    pub series: usize,
    /// Most bytes below the receiver's folder, what was there before included. Default 20 GiB.
    pub disk_bytes: u64,
    /// Bytes of the disk that are left free whatever the budget says: the journal needs some. Default 2 GiB.
    pub keep_free_bytes: u64,
}

impl Default for ReceiverLimits {
    fn default() -> Self {
        Self {
            associations: 4,
            silence: Duration::from_secs(30),
            association: Duration::from_secs(30 * 60),
            object_bytes: 64 << 20,
            series_objects: 4000,
            series: 8,
            disk_bytes: 20 << 30,
            keep_free_bytes: 2 << 30,
        }
    }
}

/// Judges a finished series: the folder with its DICOM files is a CT, or why not.
///
/// `Ok` holds what should be told to the user. The default reads the series in
/// this process; a program that listens to strangers gives one that starts
/// another process.
pub type SeriesCheck = Arc<dyn Fn(&Path) -> Result<Vec<String>, String> + Send + Sync>;

/// Settings of [`super::DicomReceiver`].
#[derive(Clone)]
pub struct ReceiverSettings {
    /// Where to listen. Default 127.0.0.1:11112, this machine only.
    pub address: SocketAddr,
    /// Our application entity title. Default `SPINENAV`.
    pub ae_title: String,
    /// Titles that may call; empty allows every title, on this machine only.
    pub allowed_titles: Vec<String>,
    /// Addresses that may connect; empty allows all.
    pub allowed_peers: Vec<IpAddr>,
    /// Only over TLS, with these certificates. Default no TLS. Needs the feature `tls`.
    pub tls: Option<Tls>,
    /// Folder for finished series, created when it is not there.
    pub folder: PathBuf,
    /// A series is whole when nobody who sends to it is connected and nothing came for this long. Default 2 s.
    pub quiet: Duration,
    /// A series that is not whole after this long without an object is set aside. Default 2 min.
    pub incomplete: Duration,
    /// Limits.
    pub limits: ReceiverLimits,
    /// Judges a series before it is called finished.
    pub check: SeriesCheck,
}

impl ReceiverSettings {
    /// Defaults with series going to `folder`.
    #[must_use]
    pub fn new(folder: PathBuf) -> Self {
        Self {
            address: SocketAddr::new(IpAddr::V4(Ipv4Addr::LOCALHOST), 11112),
            ae_title: "SPINENAV".into(),
            allowed_titles: Vec::new(),
            allowed_peers: Vec::new(),
            tls: None,
            folder,
            quiet: Duration::from_secs(2),
            incomplete: Duration::from_secs(120),
            limits: ReceiverLimits::default(),
            check: Arc::new(read_here),
        }
    }
}

impl std::fmt::Debug for ReceiverSettings {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("ReceiverSettings")
            .field("address", &self.address)
            .field("ae_title", &self.ae_title)
            .field("folder", &self.folder)
            .field("limits", &self.limits)
            .finish_non_exhaustive()
    }
}

fn read_here(folder: &Path) -> Result<Vec<String>, String> {
    let loaded = io::dicom::read_folder(folder, None, &Limits::default()).map_err(|e| e.problem.to_string())?;
    Ok(loaded.warnings.iter().map(ToString::to_string).collect())
}
