//! Options of `serve`, and of the process that reads for it.

use std::net::{IpAddr, SocketAddr};
use std::path::PathBuf;

use clap::Args;

use super::DeviceChoice;
use super::tls::TlsArguments;

/// Options of `serve`.
#[derive(Debug, Args)]
pub struct ServeArguments {
    /// Folder for what is received.
    #[arg(long)]
    pub out: PathBuf,
    /// Where to listen for DICOM.
    #[arg(long, value_name = "ADDRESS:PORT", default_value = "127.0.0.1:11112")]
    pub dicom: SocketAddr,
    /// Our AE title.
    #[arg(long, default_value = "SPINENAV")]
    pub ae_title: String,
    /// AE title that may call; repeat for several. Needed where other machines can connect.
    #[arg(long, value_name = "TITLE")]
    pub allow: Vec<String>,
    /// IP address that may connect; repeat for several. Default: every address.
    #[arg(long, value_name = "IP")]
    pub peer: Vec<IpAddr>,
    /// With them only TLS is spoken (built with the feature `tls`).
    #[command(flatten)]
    pub tls: TlsArguments,
    /// Most GiB in the folder.
    #[arg(long, value_name = "GIB", default_value_t = 20)]
    pub disk: u64,
    /// GiB of the disk that stay free whatever is sent.
    #[arg(long, value_name = "GIB", default_value_t = 2)]
    pub keep_free: u64,
    /// A series is whole when nothing came for this long after its sender left, s.
    #[arg(long, value_name = "S", default_value_t = 2.0)]
    pub quiet_s: f64,
    /// A series that is not whole after this long without an object is set aside, s.
    #[arg(long, value_name = "S", default_value_t = 120.0)]
    pub incomplete_s: f64,
    /// Segment every finished series, one at a time.
    #[arg(long)]
    pub segment: bool,
    /// The model for that: the name of one that ships, or a .safetensors file.
    #[arg(long, default_value = "compact-spine")]
    pub model: String,
    /// Where the network runs.
    #[arg(long, value_enum, default_value = "auto")]
    pub device: DeviceChoice,
    /// End after so many series; 0 goes on.
    #[arg(long, value_name = "COUNT", default_value_t = 0)]
    pub series: usize,
    /// End after so many seconds; 0 goes on.
    #[arg(long, value_name = "S", default_value_t = 0.0)]
    pub seconds: f64,
}

/// Options of the hidden `read-image`.
#[derive(Debug, Args)]
pub struct ReadImageArguments {
    /// Limits as JSON.
    pub limits: String,
    /// The image.
    pub path: PathBuf,
}
