//! The command line as data.

use std::path::PathBuf;

use clap::{Args, Parser, Subcommand, ValueEnum};

use crate::commands::{LevelChoice, ModelsArguments};

/// Real-time engine for spine surgery: CT in, tracked spine out.
/// Research use only; not a medical device.
#[derive(Debug, Parser)]
#[command(name = "spinenav", version, propagate_version = true)]
#[command(
    after_help = "Start with:  spinenav demo\n\nExit status: 0 done, 2 wrong use, 3 bad input, 4 result refused, 1 a bug of ours."
)]
pub struct Arguments {
    /// What to do.
    #[command(subcommand)]
    pub command: Command,
    /// Print one JSON object on standard output; logs go to standard error.
    #[arg(long, global = true)]
    pub json: bool,
    /// Say more; twice for everything.
    #[arg(short, long, global = true, action = clap::ArgAction::Count)]
    pub verbose: u8,
    /// Say only errors.
    #[arg(short, long, global = true)]
    pub quiet: bool,
}

/// The commands.
#[derive(Debug, Subcommand)]
pub enum Command {
    /// The whole job on the CT that ships: segment, register, navigate, show.
    #[command(after_help = "Examples:\n  spinenav demo\n  spinenav demo --headless --out pictures --json")]
    Demo(DemoArguments),
    /// Segment a CT into named vertebrae with a confidence each.
    #[command(
        after_help = "Examples:\n  spinenav segment patient.nii.gz --out case\n  spinenav segment dicom_folder --out case --json"
    )]
    Segment(SegmentArguments),
    /// Register points touched on the patient to a bone surface.
    #[command(
        after_help = "Examples:\n  spinenav register --target case/L3.stl --points touched.txt\n  spinenav register --target case/labels.nii.gz --points touched.txt --initial guess.txt --json\n  spinenav register --target case/labels.nii.gz --points touched.txt --method whole-spine --residuals bone.ply\n  spinenav register --target before.nii.gz --other during.nii.gz\n  spinenav register --landmarks pairs.txt"
    )]
    Register(RegisterArguments),
    /// Register simulated patients many times before the operation: how wrong
    /// it gets, what the verdicts are worth, where to touch more bone.
    #[command(
        after_help = "Examples:\n  spinenav rehearse\n  spinenav rehearse plan.json --case case --report rehearsal.html\n\nA script, with the defaults; every entry may be left out:\n  { \"trials\": 100, \"seed\": 1, \"levels\": [\"L2\", \"L3\"], \"points\": 200, \"noise_mm\": 0.3,\n    \"outlier_share\": 0.1, \"missed_share\": [0.15, 0.35], \"half_width_mm\": 30,\n    \"start_deg\": 15, \"start_mm\": 15 }\nWithout levels, the lowest three that lie whole in the scan are laid open."
    )]
    Rehearse(RehearseArguments),
    /// Guide an instrument on a segmented case: register, follow the tracker,
    /// show, record.
    #[command(
        after_help = "Examples:\n  spinenav navigate --case case --tracker sim:// --journal session\n  spinenav navigate --case case --ct patient.nii.gz --tracker igtl://127.0.0.1:18944 --points touched.txt --initial guess.txt --tool StylusToTracker=stylus_tip.txt\n  spinenav navigate --case case --tracker replay://session --points touched.txt --view none --seconds 60 --json"
    )]
    Navigate(NavigateArguments),
    /// Read a recorded session again; with --verify run it again and compare
    /// every snapshot bit for bit.
    #[command(
        after_help = "Examples:\n  spinenav replay session\n  spinenav replay session --verify --case case --json"
    )]
    Replay(ReplayArguments),
    /// Write a segmented case for other programs.
    #[command(
        after_help = "Examples:\n  spinenav export case --format stl --out meshes\n  spinenav export case/labels.nii.gz --format nifti --out column"
    )]
    Export(ExportArguments),
    /// The networks at hand, and those of nnU-Net v2 made usable.
    #[command(after_help = "Example:\n  spinenav models import nnUNetTrainer__nnUNetPlans__3d_fullres --out my-models")]
    Models(ModelsArguments),
    /// Measure speed and memory on this machine.
    #[command(
        after_help = "Examples:\n  spinenav bench segment --networks compact --report bench.html\n  spinenav bench register --report register.html"
    )]
    Bench(BenchArguments),
    /// Say what this machine offers and what SpineNav will use.
    #[command(after_help = "Example:\n  spinenav doctor")]
    Doctor,
}

/// Where networks run.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub enum DeviceChoice {
    /// The GPU if there is one, else the processor.
    Auto,
    /// The processor.
    Cpu,
    /// An NVIDIA GPU.
    Cuda,
}

/// Options of `demo`.
#[derive(Debug, Args)]
pub struct DemoArguments {
    /// Render pictures instead of opening a window.
    #[arg(long)]
    pub headless: bool,
    /// Folder for pictures, labels and surfaces.
    #[arg(long, default_value = "spinenav-demo")]
    pub out: PathBuf,
    /// Segment with this model: the name of one that ships, or a .safetensors file.
    #[arg(long, default_value = "compact-spine")]
    pub model: String,
    /// Where the network runs.
    #[arg(long, value_enum, default_value = "auto")]
    pub device: DeviceChoice,
    /// Seed of the simulated surgeon and tracker.
    #[arg(long, default_value_t = 1)]
    pub seed: u64,
}

/// Options of `segment`.
#[derive(Debug, Args)]
pub struct SegmentArguments {
    /// NIfTI file, DICOM folder or DICOM file.
    pub ct: PathBuf,
    /// Folder for labels.nii.gz, confidence.json and one STL a vertebra.
    #[arg(long)]
    pub out: PathBuf,
    /// `compact-spine`, `threshold`, or a .safetensors file with its card beside it.
    #[arg(long, default_value = "compact-spine")]
    pub model: String,
    /// Where the network runs.
    #[arg(long, value_enum, default_value = "auto")]
    pub device: DeviceChoice,
    /// Reference labels (VerSe numbers) to compare with.
    #[arg(long)]
    pub truth: Option<PathBuf>,
    /// Name one vertebra, all others are counted from it: `3=L2` (third from
    /// the head), `L1=L2` (what was named L1), `10,-120,350=L2` (nearest body
    /// centre, LPS mm).
    #[arg(long, value_name = "VERTEBRA=LEVEL", allow_hyphen_values = true)]
    pub set_level: Option<LevelChoice>,
}

/// Where a session is shown.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub enum View {
    /// In a window, where there is a display.
    Desktop,
    /// Nowhere: changes are told on standard error.
    None,
}

/// Options of `navigate`.
#[derive(Debug, Args)]
pub struct NavigateArguments {
    /// Folder written by `segment`, or a label map.
    #[arg(long)]
    pub case: PathBuf,
    /// The CT that was segmented, for the slices.
    #[arg(long)]
    pub ct: Option<PathBuf>,
    /// `sim://`, `igtl://HOST:PORT`, or `replay://` and a PLUS recording or the
    /// folder of a journal.
    #[arg(long, default_value = "sim://")]
    pub tracker: String,
    /// Points touched on the patient, `x y z` a line, mm; a simulated surgeon's
    /// with sim://.
    #[arg(long)]
    pub points: Option<PathBuf>,
    /// First guess of `patient_from_ct`, 16 numbers.
    #[arg(long)]
    pub initial: Option<PathBuf>,
    /// Name of the patient reference in the tracker's messages or recording.
    #[arg(long, default_value = "ReferenceToTracker")]
    pub reference: String,
    /// Name of an instrument there, with the file of its calibration
    /// (`tool_from_tip`, 16 numbers); may be given up to eight times.
    #[arg(long, value_name = "NAME[=FILE]", default_value = "StylusToTracker")]
    pub tool: Vec<String>,
    /// Where the session is shown.
    #[arg(long, value_enum, default_value = "desktop")]
    pub view: View,
    /// Length of a session without a window, s; 0 goes on until it is ended.
    #[arg(long, default_value_t = 10.0, value_parser = parse_seconds)]
    pub seconds: f64,
    /// Record the session into this folder.
    #[arg(long, value_name = "FOLDER")]
    pub journal: Option<PathBuf>,
    /// Seed of the simulated patient and tracker.
    #[arg(long, default_value_t = 1)]
    pub seed: u64,
}

fn parse_seconds(text: &str) -> Result<f64, String> {
    let seconds: f64 = text.parse().map_err(|_| format!("{text:?} is no number"))?;
    if (0.0..=1e6).contains(&seconds) { Ok(seconds) } else { Err(format!("{seconds} s is not within 0 to 1000000")) }
}

/// Options of `replay`.
#[derive(Debug, Args)]
pub struct ReplayArguments {
    /// Folder of the journal.
    pub journal: PathBuf,
    /// Run the session again and compare every snapshot bit for bit.
    #[arg(long)]
    pub verify: bool,
    /// The case of that session.
    #[arg(long)]
    pub case: Option<PathBuf>,
}

/// How touched points find their place on the bone.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub enum SurfaceMethod {
    /// One rigid bone, near the first guess (45 degrees, 25 mm).
    Surface,
    /// One rigid bone, at whatever level of the spine.
    WholeSpine,
    /// Every vertebra by itself, held by its neighbours; needs a label map.
    Articulated,
    /// A few new points after the reference was bumped; --initial is the pose before.
    AfterBump,
}

/// Options of `register`.
#[derive(Debug, Args)]
pub struct RegisterArguments {
    /// Bone: an STL in CT coordinates (LPS mm) or a label map (.nii, .nii.gz).
    #[arg(long)]
    pub target: Option<PathBuf>,
    /// Points touched on the patient, `x y z` a line, mm in the patient reference.
    #[arg(long)]
    pub points: Option<PathBuf>,
    /// The bone in another CT, as --target: its place instead of the patient's.
    #[arg(long)]
    pub other: Option<PathBuf>,
    /// Landmark pairs, `x y z  x y z` a line: patient, then CT; alone, or beside --points.
    #[arg(long)]
    pub landmarks: Option<PathBuf>,
    /// The landmarks were touched in another order than they were marked.
    #[arg(long, requires = "landmarks", conflicts_with = "points")]
    pub unordered: bool,
    /// How the points find their place.
    #[arg(long, value_enum, default_value = "surface")]
    pub method: SurfaceMethod,
    /// First guess of patient_from_ct: 16 numbers, row by row.
    #[arg(long)]
    pub initial: Option<PathBuf>,
    /// Landmark pairs that take no part and must agree.
    #[arg(long)]
    pub check: Option<PathBuf>,
    /// How exactly those can be touched, mm.
    #[arg(long, default_value_t = 1.0)]
    pub touch_mm: f64,
    /// Write the bone as a .ply coloured by the points' distance from it (1 mm: red above, blue below).
    #[arg(long, value_name = "FILE.ply")]
    pub residuals: Option<PathBuf>,
    /// True patient_from_ct, to report the true error.
    #[arg(long)]
    pub truth: Option<PathBuf>,
}

/// Files other programs open.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub enum ExportFormat {
    /// One binary STL a vertebra, LPS mm.
    Stl,
    /// The label map as .nii.gz.
    Nifti,
}

/// Options of `rehearse`.
#[derive(Debug, Args)]
pub struct RehearseArguments {
    /// JSON file that says what is rehearsed; without it everything is as below.
    pub script: Option<PathBuf>,
    /// A folder written by `segment`, or a label map; without it the CT that ships.
    #[arg(long)]
    pub case: Option<PathBuf>,
    /// Write one HTML file with plots.
    #[arg(long, value_name = "FILE.html")]
    pub report: Option<PathBuf>,
}

/// Options of `export`.
#[derive(Debug, Args)]
pub struct ExportArguments {
    /// A folder written by `segment`, or a label map.
    pub case: PathBuf,
    /// What to write.
    #[arg(long, value_enum)]
    pub format: ExportFormat,
    /// Folder to write into.
    #[arg(long, default_value = ".")]
    pub out: PathBuf,
}

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
    /// Latency of a pose from a tracker's socket to the viewer, stage by stage,
    /// counted from the intended send time, beside the machine's own timer jitter.
    #[command(
        after_help = "Examples:\n  spinenav bench latency --report latency.html\n  spinenav bench latency --poses 1000000 --load segment --json"
    )]
    Latency(BenchLatencyArguments),
    /// Runs one network in this process, as lines on standard input ask.
    #[command(hide = true)]
    NetworkWorker(NetworkWorkerArguments),
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
    /// Write one HTML file with plots.
    #[arg(long, value_name = "FILE.html")]
    pub report: Option<PathBuf>,
}

fn parse_hz(text: &str) -> Result<f64, String> {
    let hz: f64 = text.parse().map_err(|_| format!("{text:?} is no number"))?;
    if (1.0..=2000.0).contains(&hz) { Ok(hz) } else { Err(format!("{hz} Hz is not within 1 to 2000")) }
}

fn parse_tools(text: &str) -> Result<usize, String> {
    let tools: usize = text.parse().map_err(|_| format!("{text:?} is no whole number"))?;
    if (1..=8).contains(&tools) { Ok(tools) } else { Err(format!("{tools} tools are not within 1 to 8")) }
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

    #[test]
    fn the_command_line_is_consistent() {
        use clap::CommandFactory;
        Arguments::command().debug_assert();
    }
}
