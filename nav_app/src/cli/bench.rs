//! Options of the benchmarks.

use std::path::PathBuf;

use clap::{Args, Subcommand, ValueEnum};

#[cfg(feature = "scene")]
use super::BenchRenderArguments;
use super::bench_stream::{BenchStreamArguments, StreamObserverArguments};
use super::{BenchCalibrateArguments, DeviceChoice};

/// Options of `bench`.
#[derive(Debug, Args)]
pub struct BenchArguments {
    /// What to measure.
    #[command(subcommand)]
    pub what: Bench,
}

/// What can be measured.
#[derive(Debug, Subcommand)]
pub enum Bench {
    /// The networks: time, memory, share of what the processor can do, and
    /// the same in PyTorch, ONNX Runtime and OpenVINO where they are installed.
    #[command(
        after_help = "Examples:\n  spinenav bench segment --networks compact,dense\n  spinenav bench segment --sizes 64,16x256x256 --report bench.html\n  scripts/install_peers.sh .venv && spinenav bench segment --peers .venv/bin/python --json"
    )]
    Segment(BenchSegmentArguments),
    /// Surface registration: success, error and time over displaced starts, and
    /// the same for small_gicp, Open3D and a plain kd-tree where installed.
    #[command(
        after_help = "Examples:\n  spinenav bench register --report register.html\n  spinenav bench register --data cases --points 500 --peers .venv/bin/python --json"
    )]
    Register(BenchRegisterArguments),
    /// Calibrations on simulated recordings with a known truth, and the same for
    /// scikit-surgerycalibration and OpenCV where installed.
    #[command(
        after_help = "Examples:\n  spinenav bench calibrate --report calibrate.html\n  scripts/install_calib_peers.sh .venv-calib && spinenav bench calibrate --peers .venv-calib/bin/python --json"
    )]
    Calibrate(BenchCalibrateArguments),
    /// Latency of a pose from a tracker's socket to the viewer, stage by stage,
    /// counted from the intended send time, beside the machine's own timer jitter.
    #[command(
        after_help = "Examples:\n  spinenav bench latency --report latency.html\n  spinenav bench latency --poses 1000000 --load segment --json\n  scripts/make_latency_rivals.sh rivals && spinenav bench latency --rivals rivals --report rivals.html"
    )]
    Latency(BenchLatencyArguments),
    /// Engine and observers as separate processes: the engine's own latency, the way to an
    /// observer, bandwidth; slow and dead observers; through a router (feature `stream`).
    #[command(
        after_help = "Examples:\n  spinenav bench stream\n  spinenav bench stream --seconds 10 --rounds 5 --json\n  spinenav bench stream --hz 60 --cases display\n\nBuilt with: cargo run --features stream -- bench stream"
    )]
    Stream(BenchStreamArguments),
    /// An observer that counts, for `stream`.
    #[command(hide = true)]
    StreamObserver(StreamObserverArguments),
    #[cfg(feature = "scene")]
    /// Frame times of the scene: volumes and surfaces of several sizes, moving
    /// (resolution adapts) and still (whole).
    #[command(
        after_help = "Examples:\n  spinenav bench render\n  spinenav bench render --volumes 0,512x512x300 --surfaces 0,24 --frames 60 --json"
    )]
    Render(BenchRenderArguments),
    /// Runs one network in this process, as lines on standard input ask.
    #[command(hide = true)]
    NetworkWorker(NetworkWorkerArguments),
    /// Relays poses from an OpenIGTLink tracker to a client, for `latency --rivals`.
    #[command(hide = true)]
    LatencyRelay(LatencyRelayArguments),
}

/// How numbers between the layers are stored; sums are f32.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub enum DtypeChoice {
    /// 32-bit floats.
    F32,
    /// 16-bit floats (fp16); a processor with AMX multiplies them as bf16.
    Half,
}

/// Options of `bench segment`.
#[derive(Debug, Args)]
pub struct BenchSegmentArguments {
    /// Networks by name or beginning of a name; all when not given.
    #[arg(long, value_delimiter = ',')]
    pub networks: Vec<String>,
    /// Sizes of the image, `SIDE` or `ZxYxX`; each network's usual ones when not given.
    #[arg(long, value_delimiter = ',', value_parser = parse_size)]
    pub sizes: Vec<[usize; 3]>,
    /// Where the networks run.
    #[arg(long, value_enum, default_value = "auto")]
    pub device: DeviceChoice,
    /// How activations are stored.
    #[arg(long, value_enum, default_value = "f32")]
    pub dtype: DtypeChoice,
    /// Threads on every side; 0 is one a core.
    #[arg(long, default_value_t = 0)]
    pub threads: usize,
    /// Rounds in which all sides take turns.
    #[arg(long, default_value_t = 5, value_parser = clap::value_parser!(u32).range(1..=1000))]
    pub rounds: u32,
    /// Python with the packages of scripts/install_peers.sh, to time them beside.
    #[arg(long, value_name = "PYTHON")]
    pub peers: Option<PathBuf>,
    /// Write one HTML file with plots.
    #[arg(long, value_name = "FILE.html")]
    pub report: Option<PathBuf>,
}

/// Options of `bench register`.
#[derive(Debug, Args)]
pub struct BenchRegisterArguments {
    /// Folder with target.bin and cases_N.bin; made from the CT that ships where
    /// it is not there.
    #[arg(long, default_value = "spinenav-register-cases")]
    pub data: PathBuf,
    /// Numbers of points; all of the folder when not given.
    #[arg(long, value_delimiter = ',')]
    pub points: Vec<usize>,
    /// Python with the packages of scripts/install_peers.sh, to run them beside.
    #[arg(long, value_name = "PYTHON")]
    pub peers: Option<PathBuf>,
    /// Write one HTML file with plots.
    #[arg(long, value_name = "FILE.html")]
    pub report: Option<PathBuf>,
}

/// What else the machine does while latency is measured.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub enum LatencyLoad {
    /// Nothing.
    None,
    /// The CT that ships is segmented again and again on all cores.
    Segment,
    /// A file is written and flushed without pause.
    Disk,
}

impl LatencyLoad {
    /// Its name in reports.
    pub const fn name(self) -> &'static str {
        match self {
            Self::None => "none",
            Self::Segment => "segment",
            Self::Disk => "disk",
        }
    }
}

/// Options of `bench latency`.
#[derive(Debug, Args)]
pub struct BenchLatencyArguments {
    /// Poses of instruments sent in all; 40 000 take 20 s.
    #[arg(long, default_value_t = 40_000, value_parser = clap::value_parser!(u64).range(1..=1_000_000_000))]
    pub poses: u64,
    /// Packets a second, 1 to 2000.
    #[arg(long, default_value_t = 250.0, value_parser = parse_hz)]
    pub hz: f64,
    /// Instruments in each packet, 1 to 8.
    #[arg(long, default_value_t = 8, value_parser = parse_tools)]
    pub tools: usize,
    /// What else the machine does meanwhile.
    #[arg(long, value_enum, default_value = "none")]
    pub load: LatencyLoad,
    /// Lets observers look on by turns, keep up, be slow and dead, or mean harm, and tells
    /// the engine's latency in each turn; give it 250 000 poses or more.
    #[arg(long)]
    pub observers: bool,
    /// Folder of programs that relay OpenIGTLink (scripts/make_latency_rivals.sh
    /// makes it): only the way through each of them and through SpineNav, from outside.
    #[arg(long, value_name = "FOLDER", conflicts_with = "observers")]
    pub rivals: Option<PathBuf>,
    /// Write one HTML file with plots.
    #[arg(long, value_name = "FILE.html")]
    pub report: Option<PathBuf>,
}

/// Packets a second.
pub fn parse_hz(text: &str) -> Result<f64, String> {
    let hz: f64 = text.parse().map_err(|_| format!("{text:?} is no number"))?;
    if (1.0..=2000.0).contains(&hz) { Ok(hz) } else { Err(format!("{hz} Hz is not within 1 to 2000")) }
}

/// Instruments in a packet.
pub fn parse_tools(text: &str) -> Result<usize, String> {
    let tools: usize = text.parse().map_err(|_| format!("{text:?} is no whole number"))?;
    if (1..=8).contains(&tools) { Ok(tools) } else { Err(format!("{tools} tools are not within 1 to 8")) }
}

/// Options of the process that relays poses.
#[derive(Debug, Args)]
pub struct LatencyRelayArguments {
    /// Instruments in each packet.
    #[arg(long, value_parser = parse_tools)]
    pub tools: usize,
    /// Port of the tracker on this machine.
    #[arg(long)]
    pub tracker_port: u16,
}

/// Options of the process that runs one network.
#[derive(Debug, Args)]
pub struct NetworkWorkerArguments {
    /// The network.
    #[arg(long)]
    pub network: String,
    /// Size of the image.
    #[arg(long, value_parser = parse_size)]
    pub dims: [usize; 3],
    /// Where it runs.
    #[arg(long, value_enum)]
    pub device: DeviceChoice,
    /// How activations are stored.
    #[arg(long, value_enum)]
    pub dtype: DtypeChoice,
}

/// Largest side of an image: keeps products of sizes far from overflowing.
const MAX_SIDE: usize = 4096;

/// `64` is a cube, `16x256x256` is `[z, y, x]`.
fn parse_size(text: &str) -> Result<[usize; 3], String> {
    let sides: Result<Vec<usize>, _> = text.split('x').map(str::parse).collect();
    let size = match sides.as_deref() {
        Ok([side]) => [*side; 3],
        Ok([z, y, x]) => [*z, *y, *x],
        _ => return Err("write one side, as in 64, or three, as in 16x256x256".to_owned()),
    };
    if size.iter().any(|side| !(1..=MAX_SIDE).contains(side)) {
        return Err(format!("each side must be 1 to {MAX_SIDE} voxels"));
    }
    Ok(size)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sizes_are_cubes_or_z_y_x() {
        assert_eq!(parse_size("64"), Ok([64; 3]));
        assert_eq!(parse_size("16x256x128"), Ok([16, 256, 128]));
        for wrong in ["", "0", "64x64", "x", "-1", "1x2x3x4", "99999999999999999999", "5000"] {
            assert!(parse_size(wrong).is_err(), "{wrong}");
        }
    }
}
