//! Options of `bench calibrate`.

use std::path::PathBuf;

use clap::Args;

/// Options of `bench calibrate`.
#[derive(Debug, Args)]
pub struct BenchCalibrateArguments {
    /// Simulated recordings of each kind.
    #[arg(long, default_value_t = 100, value_parser = clap::value_parser!(u64).range(1..=10_000))]
    pub trials: u64,
    /// Folder of the PLUS toolkit's test data, for the recording of eight landmarks.
    #[arg(long, value_name = "FOLDER")]
    pub plus: Option<PathBuf>,
    /// Folder with pose logs `t x y z qx qy qz qw` (m), pairs of files of
    /// `hand_eye_calibration` of ETH Zurich.
    #[arg(long, value_name = "FOLDER")]
    pub ethz: Option<PathBuf>,
    /// Python with scikit-surgerycalibration and OpenCV, to run them beside;
    /// `scripts/install_calib_peers.sh` makes one.
    #[arg(long, value_name = "PYTHON")]
    pub peers: Option<PathBuf>,
    /// Trials the others run; the slowest takes a second each.
    #[arg(long, default_value_t = 20, value_parser = clap::value_parser!(u64).range(1..=10_000))]
    pub peer_trials: u64,
    /// Write one HTML file.
    #[arg(long, value_name = "FILE.html")]
    pub report: Option<PathBuf>,
}
