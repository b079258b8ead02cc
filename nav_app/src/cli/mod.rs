//! The command line as data.

use std::path::PathBuf;

use clap::{Args, Parser, Subcommand, ValueEnum};

mod alignment;
mod bench;
mod bench_calibrate;
#[cfg(feature = "scene")]
mod bench_render;
mod bench_stream;
mod calibrate;
mod case_report;
mod drr;
mod export;
mod headset;
mod live;
mod measure;
mod plan;
#[cfg(feature = "scene")]
mod scene;
mod serve;
mod stream;
mod tls;
mod xray;

pub use alignment::AlignmentArguments;
pub use bench::{
    Bench, BenchArguments, BenchLatencyArguments, BenchRegisterArguments, BenchSegmentArguments, DtypeChoice,
    LatencyLoad, LatencyRelayArguments, NetworkWorkerArguments,
};
pub use bench_calibrate::BenchCalibrateArguments;
#[cfg(feature = "scene")]
pub use bench_render::BenchRenderArguments;
#[cfg(feature = "stream")]
pub use bench_stream::{BenchStreamArguments, ObserverWork, StreamCase, StreamObserverArguments};
pub use calibrate::{
    Calibrate, CalibrateArguments, DriftArguments, GuideArguments, HandEyeArguments, LandmarksArguments, LengthUnit,
    PhantomArguments, PivotArguments, PoseOptions, TemporalArguments, TipArguments,
};
pub use case_report::ReportArguments;
pub use drr::DrrArguments;
pub use export::{ExportArguments, ExportFormat};
pub use headset::HeadsetArguments;
pub use live::{NavigateArguments, RecordArguments, ReplayArguments, SessionArguments, TrackerArguments, View};
pub use measure::{MeasureArguments, NumberingChoice, PostureChoice};
pub use plan::{Plan, PlanArguments, PlanCase, PlanCheckArguments, PlanImportArguments, PlanSuggestArguments};
#[cfg(feature = "scene")]
pub use scene::{CutChoice, SceneArguments, SlicesChoice, ToolStateChoice};
pub use serve::{ReadImageArguments, ServeArguments};
#[cfg(feature = "stream")]
pub use stream::WatchedViewer;
pub use stream::{EngineArguments, ViewArguments};
pub use xray::XrayArguments;

use engine::segment::Mode;

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
        after_help = "Examples:\n  spinenav segment patient.nii.gz --out case\n  spinenav segment dicom_folder --out case --json\n  spinenav segment patient.nii.gz --out case --model mafu-instances\n  spinenav segment patient.nii.gz --out case --model dense-3d-spine --mode box128"
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
        after_help = "Examples:\n  spinenav rehearse\n  spinenav rehearse script.json --case case --report rehearsal.html\n  spinenav rehearse --practice strokes.json --trainee trainee-1 --results trainees --out pictures\n  spinenav rehearse --by-mouse --trainee trainee-1\n\nA script, with the defaults; every entry may be left out:\n  { \"trials\": 100, \"seed\": 1, \"levels\": [\"L2\", \"L3\"], \"points\": 200, \"noise_mm\": 0.3,\n    \"outlier_share\": 0.1, \"missed_share\": [0.15, 0.35], \"half_width_mm\": 30,\n    \"start_deg\": 15, \"start_mm\": 15,\n    \"faults\": [\"at 4 s for 1 s tracker freeze\", \"at 5 s reference bump 8 mm\"] }\nWithout levels, the lowest three that lie whole in the scan are laid open. Strokes, for --practice:\n  { \"seed\": 1, \"levels\": [\"L2\"], \"strokes\": [{ \"level\": \"L2\", \"part\": \"left lamina\", \"points\": 40 }] }\n Faults are listed in docs/faults.md; each\nis run in a simulated session of its own, and all together once."
    )]
    Rehearse(RehearseArguments),
    /// Guide an instrument on a segmented case: register, follow the tracker,
    /// show, record.
    #[command(
        after_help = "Examples:\n  spinenav navigate --case case --tracker sim:// --journal session\n  spinenav navigate --case case --plan plan.json\n  spinenav navigate --case case --ct patient.nii.gz --tracker igtl://127.0.0.1:18944 --points touched.txt --initial guess.txt --tool StylusToTracker=stylus_tip.txt\n  spinenav navigate --case case --tracker ndi://192.168.0.9 --points touched.txt --reference 8700339 --tool 8700340=tip.txt --landmarks landmarks.txt\n  spinenav navigate --case case --tracker sim:// --alignment alignment.json --alignment-target targets.json\n  spinenav navigate --case case --tracker sim:// --xr\n  spinenav navigate --case case --tracker replay://session --points touched.txt --view none --seconds 60 --json\n  spinenav navigate --case case --tracker igtl://127.0.0.1 --journal session --resume --landmarks landmarks.txt\n\nWhile it runs, on standard input: `level L3 FILE`, or `levels FILE` for several at once, after they were touched again (with --alignment), `bend L3 8` for a simulated patient, `alignment` for the table; `check 2` when the instrument touches the second landmark of --landmarks, `check X Y Z` for a place in the CT (mm), `tools` when every array is on its instrument, `end`."
    )]
    Navigate(NavigateArguments),
    /// Run a session as a process of its own, for viewers elsewhere (feature `stream`).
    #[command(
        after_help = "Examples:\n  spinenav engine --case case --tracker sim:// --view desktop\n  spinenav engine --case case --tracker igtl://127.0.0.1:18944 --points touched.txt --journal session --intent-key key\n  spinenav engine --case case --listen tcp/127.0.0.1:7447 --listen tls/0.0.0.0:7448 --tls-authority ca.pem --tls-certificate theatre.pem --tls-key theatre.key --observer room-2 --operator console\n\nBuilt with: cargo run --features stream -- engine --case case\nOn standard input as with `navigate`: check, tools, end. docs/stream.md has the bytes and who may do what."
    )]
    Engine(EngineArguments),
    /// Show a session of another process, read-only unless it has the key (feature `stream`).
    #[command(
        after_help = "Examples:\n  spinenav view\n  spinenav view --json --hz 60\n  spinenav view --window --case case --ct patient.nii.gz\n  spinenav view --intent acknowledge-tools --intent-key key\n  spinenav view --connect tcp/127.0.0.1:7447 --route tcp/127.0.0.1:7448\n  spinenav view --connect tls/theatre.example:7448 --tls-authority ca.pem --tls-certificate room-2.pem --tls-key room-2.key\n\nBuilt with: cargo run --features stream -- view"
    )]
    View(ViewArguments),
    /// Record a tracker without guidance; what was recorded plays as a tracker.
    #[command(
        after_help = "Examples:\n  spinenav record --tracker igtl://127.0.0.1:18944 --out recording --seconds 60\n  spinenav record --tracker ndi://192.168.0.9 --reference 8700339 --tool 8700340 --out recording --megabytes 200\n  spinenav navigate --case case --tracker replay://recording --points touched.txt"
    )]
    Record(RecordArguments),
    /// Read a recorded session again; with --verify run it again and compare
    /// every snapshot bit for bit.
    #[command(
        after_help = "Examples:\n  spinenav replay session\n  spinenav replay session --verify --case case --json"
    )]
    Replay(ReplayArguments),
    /// Measure alignment: Cobb angle, kyphosis, lordosis, pelvis, rotations, heights, slips.
    #[command(
        after_help = "Examples:\n  spinenav measure case --out measures\n  spinenav measure labels.nii.gz --numbering totalsegmentator --landmarks moved.json --json\n\nA correction file (LPS mm; endplates three points or a front and a back one, femoral heads four, C7 one):\n  { \"by\": \"Dr. Example\", \"when\": \"2026-01-31T09:30\", \"levels\": { \"T12\": \"L1\" },\n    \"landmarks\": { \"sacral-plate\": [[-12, -140, 300], [-10, -108, 286]], \"C7-centre\": [[2, -90, 720]] } }"
    )]
    Measure(MeasureArguments),
    /// Two radiographs, from the front and from the side, to a simple 3-D spine
    /// and its sagittal balance (PI, PT, SS, GLL, TK, SVA).
    #[command(
        after_help = "Examples:\n  spinenav xray --frontal front.png --lateral side.png --out spine\n  spinenav xray --frontal front.dcm --lateral side.dcm --corrections moved.json --json\n  spinenav xray --frontal front.tif --lateral side.tif --pixel-mm 0.14\n\nWhere a picture was taken from stands in a .json of its name beside it, with --pixel-mm or in DICOM tags; the\nlatter two mean parallel beams and equal heights, and the result says so. docs/xray.md has both file formats.\n\nCorrections (pixels [column, row]; corners upper left, upper right, lower right, lower left in the picture):\n  { \"by\": \"Dr. Example\", \"when\": \"2026-01-31T09:30\", \"levels\": { \"T12\": \"L1\" },\n    \"lateral\": { \"boxes\": { \"L3\": [410, 1210, 520, 1300] }, \"heads\": { \"left\": [380, 1750, 62] },\n      \"corners\": { \"S1\": [[400, 1500], [490, 1560], [450, 1620], [380, 1560]] }, \"remove\": [\"C3\"] } }\n\nResearch use only: trained and tested on radiographs computed from CTs, on no real one."
    )]
    Xray(XrayArguments),
    /// Plan pedicle screws: breach, grade, distance to the canal, a first suggestion.
    #[command(
        after_help = "Examples:\n  spinenav plan suggest --out plan.json\n  spinenav plan check plan.json --labels case --ct ct.nii.gz --out pictures\n  spinenav plan import L3-left.mrk.json --labels case --diameter 6.5 --out plan.json"
    )]
    Plan(PlanArguments),
    /// Write one page about a case: pictures, alignment, confidence, registration.
    #[command(
        after_help = "Examples:\n  spinenav report case\n  spinenav report case --ct ct.nii.gz --registration registration.json --out case.html"
    )]
    Report(ReportArguments),
    /// Receive CT series from a hospital's network (DICOM C-STORE), and segment them.
    #[command(
        after_help = "Examples:\n  spinenav serve --out inbox --segment\n  spinenav serve --out inbox --dicom 0.0.0.0:11112 --allow CT_SCANNER --peer 192.168.0.20 --segment\n  spinenav serve --out inbox --dicom 0.0.0.0:2762 --allow CT_SCANNER --tls-authority ca.pem --tls-certificate theatre.pem --tls-key theatre.key\n  spinenav serve --out inbox --series 1 --json\n\nA finished series lies in inbox/series-.../dicom, its labels beside it; what stayed incomplete in inbox/set-aside."
    )]
    Serve(ServeArguments),
    /// Read an image for another process of ours.
    #[command(hide = true)]
    ReadImage(ReadImageArguments),
    /// Frontal and lateral radiographs computed from a CT, for training and for tests with a known truth.
    #[command(
        after_help = "Examples:\n  spinenav drr patient.nii.gz --out pair\n  spinenav drr patient.nii.gz --labels case --out pair --parallel --pixel-mm 0.8 --turn-deg 10,0,-5\n\nWritten are frontal.png and lateral.png (16 bit, bone bright), frontal.json and lateral.json (pixels and beam in the\nCT's LPS mm), and with --labels truth.json: boxes and corners of the bodies, and the CT's own parameters."
    )]
    Drr(DrrArguments),
    /// Write a segmented case for other programs.
    #[command(
        after_help = "Examples:\n  spinenav export case --format stl --out meshes\n  spinenav export case --format gltf --triangles 20000\n  spinenav export case --format stl --printable --scale 0.5\n  spinenav export case --format stl --printable --hollow-mm 3\n  spinenav export case/labels.nii.gz --format dicom-seg --out column\n  spinenav export case --format tfm --transform patient_from_ct.txt"
    )]
    Export(ExportArguments),
    /// The networks at hand, and those of nnU-Net v2 made usable.
    #[command(after_help = "Example:\n  spinenav models import nnUNetTrainer__nnUNetPlans__3d_fullres --out my-models")]
    Models(ModelsArguments),
    /// Calibrate tools, devices and clocks; test accuracy; watch for drift.
    #[command(
        after_help = "Examples:\n  spinenav calibrate pivot poses.csv --out stylus_tip.txt\n  spinenav calibrate phantom --simulate --json"
    )]
    Calibrate(CalibrateArguments),
    /// Measure speed and memory on this machine.
    #[command(
        after_help = "Examples:\n  spinenav bench segment --networks compact --report bench.html\n  spinenav bench register --report register.html"
    )]
    Bench(BenchArguments),
    #[cfg(feature = "scene")]
    /// Show the scene with a demonstrated instrument: in a window, as pictures,
    /// in a headset.
    #[command(
        after_help = "Examples:\n  spinenav scene --volume bone-skin\n  spinenav scene --headless --volume bone --cut along --out pictures\n  spinenav scene --headless --state frozen --out pictures\n  spinenav scene --case case --ct patient.nii.gz --volume curve.txt\n  spinenav scene --xr"
    )]
    Scene(SceneArguments),
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
    /// Colour the bone by how far the touched points lie from it.
    #[arg(long)]
    pub residuals: bool,
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
    /// Folder for labels.nii.gz, confidence.json and one STL a vertebra; other_bones.nii.gz
    /// (1 pelvis, 2 femora) where the model knows them.
    #[arg(long)]
    pub out: PathBuf,
    /// A model that ships (`models list`), `threshold`, or a .safetensors file with its card beside it.
    #[arg(long, default_value = "compact-spine")]
    pub model: String,
    /// How the model is run: `patches`, `box128`, `slabs` or `windows`; by default as its card says.
    #[arg(long)]
    pub mode: Option<Mode>,
    /// Where the network runs.
    #[arg(long, value_enum, default_value = "auto")]
    pub device: DeviceChoice,
    /// The CT comes from outside: read it in another process with limits on memory and time.
    #[arg(long)]
    pub untrusted: bool,
    /// Reference labels (VerSe numbers) to compare with.
    #[arg(long)]
    pub truth: Option<PathBuf>,
    /// Name one vertebra, all others are counted from it: `3=L2` (third from
    /// the head), `L1=L2` (what was named L1), `10,-120,350=L2` (nearest body
    /// centre, LPS mm).
    #[arg(long, value_name = "VERTEBRA=LEVEL", allow_hyphen_values = true)]
    pub set_level: Option<LevelChoice>,
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

/// Options of `rehearse`.
#[derive(Debug, Args)]
#[command(group(
    clap::ArgGroup::new("practising").multiple(true).arg("xr").conflicts_with_all(["script", "report"])
))]
pub struct RehearseArguments {
    /// JSON file that says what is rehearsed; without it everything is as below.
    pub script: Option<PathBuf>,
    /// Play one person's strokes on a virtual patient instead, and score them.
    #[arg(long, value_name = "STROKES.json", group = "practising")]
    pub practice: Option<PathBuf>,
    /// Practise in a window: touch the bone with the mouse, register with Enter. Patient and
    /// levels are those of --practice, which has no strokes then.
    #[arg(long, group = "practising", conflicts_with = "xr")]
    pub by_mouse: bool,
    /// A practice in a headset.
    #[command(flatten)]
    pub headset: HeadsetArguments,
    /// Headset: folder of a practice that outlives the process that draws.
    #[arg(long, hide = true, requires = "worker")]
    pub state: Option<PathBuf>,
    /// Keep the practice under this pseudonym.
    #[arg(long, requires = "practising")]
    pub trainee: Option<String>,
    /// Folder with a file of JSON lines and a chart a trainee.
    #[arg(long, default_value = "spinenav-trainees", requires = "practising")]
    pub results: PathBuf,
    /// Folder for pictures: what was touched, where to go on.
    #[arg(long, requires = "practising")]
    pub out: Option<PathBuf>,
    /// A folder written by `segment`, or a label map; without it the CT that ships.
    #[arg(long)]
    pub case: Option<PathBuf>,
    /// Write one HTML file with plots.
    #[arg(long, value_name = "FILE.html")]
    pub report: Option<PathBuf>,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_command_line_is_consistent() {
        use clap::CommandFactory;
        Arguments::command().debug_assert();
    }
}
