//! Options of `calibrate`.

use std::path::PathBuf;

use calib::guide::RoomAxes;
use clap::{Args, Subcommand, ValueEnum};

/// Options of `calibrate`.
#[derive(Debug, Args)]
pub struct CalibrateArguments {
    /// What to calibrate.
    #[command(subcommand)]
    pub what: Calibrate,
}

/// What can be calibrated.
#[derive(Debug, Subcommand)]
pub enum Calibrate {
    /// The tip of a tool, from poses while it pivots in a divot.
    #[command(
        after_help = "Examples:\n  spinenav calibrate pivot poses.csv --spin spin.csv --out stylus_tip.txt\n  spinenav calibrate pivot igtl://127.0.0.1:18944 --tool StylusToTracker --until-accepted --out stylus_tip.txt\n  spinenav calibrate pivot igtl://127.0.0.1:18944 --spin igtl://127.0.0.1:18944 --window --axes LPS\n  spinenav calibrate pivot touches.igs.mha --many --reference ReferenceToTracker --json"
    )]
    Pivot(PivotArguments),
    /// The tip of a tool, from touching landmarks whose places are known.
    #[command(
        after_help = "Examples:\n  spinenav calibrate tip touches.igs.mha --geometry divots.txt --reference ReferenceToTracker --out stylus_tip.txt\n  spinenav calibrate tip touched.txt --listed --geometry divots.txt\n  spinenav calibrate tip igtl://127.0.0.1:18944 --tool Stylus --geometry divots.txt --out stylus_tip.txt"
    )]
    Tip(TipArguments),
    /// Where one tracked device sits on another (A X = Y B).
    #[command(
        after_help = "Examples:\n  spinenav calibrate hand-eye tracker.csv headset.csv --out tool_from_headset.txt\n  spinenav calibrate hand-eye igtl://127.0.0.1:18944 igtl://127.0.0.1:18945 --second-tool Headset --until-accepted"
    )]
    HandEye(HandEyeArguments),
    /// A registration of paired points, its predicted error, and the worst point.
    #[command(
        after_help = "Examples:\n  spinenav calibrate landmarks pairs.txt --target 10,20,150\n  spinenav calibrate landmarks touched.txt --known fiducials.txt --map tre.svg"
    )]
    Landmarks(LandmarksArguments),
    /// How late the second device's clock tells of a motion, with the hand-eye
    /// transform.
    #[command(after_help = "Example:\n  spinenav calibrate temporal tracker.csv headset.csv --unrelated-clocks --json")]
    Temporal(TemporalArguments),
    /// Accuracy test on a phantom with divots, bias and precision apart.
    #[command(
        after_help = "Examples:\n  spinenav calibrate phantom --simulate\n  spinenav calibrate phantom touches.igs.mha --geometry divots.txt --reference ReferenceToTracker --report phantom.html\n  spinenav calibrate phantom igtl://127.0.0.1:18944 --tool Stylus --geometry divots.txt --tip 0,0,-150 --window --report phantom.html"
    )]
    Phantom(PhantomArguments),
    /// Whether a reference, or a pointer left in a divot, stays where it is.
    #[command(
        after_help = "Example:\n  spinenav calibrate drift session.igs.mha --tool StylusToTracker --reference ReferenceToTracker --point 0,0,100"
    )]
    Drift(DriftArguments),
}

/// Unit of the positions in a file.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub enum LengthUnit {
    /// Millimetres.
    Mm,
    /// Metres, as ROS records.
    M,
}

/// Where poses come from, for all that read them.
#[derive(Debug, Args)]
pub struct PoseOptions {
    /// Name of the instrument in a recording or live stream.
    #[arg(long, default_value = "StylusToTracker")]
    pub tool: String,
    /// Name of a reference there; poses are then seen from it.
    #[arg(long)]
    pub reference: Option<String>,
    /// Length of a live recording, s [default: 15; touches: as long as they take].
    /// Ctrl-C ends it earlier with what there is.
    #[arg(long, value_parser = parse_seconds)]
    pub seconds: Option<f64>,
    /// Unit of the positions in text files.
    #[arg(long, value_enum, default_value = "mm")]
    pub unit: LengthUnit,
}

impl PoseOptions {
    /// Length of a live recording, s.
    pub fn seconds(&self) -> f64 {
        self.seconds.unwrap_or(15.0)
    }
}

/// Options of `calibrate pivot`.
#[derive(Debug, Args)]
pub struct PivotArguments {
    /// Poses: .csv, .json, a PLUS recording (.mha), the folder of a journal, or igtl://HOST:PORT.
    pub poses: String,
    /// How to read them.
    #[command(flatten)]
    pub options: PoseOptions,
    /// The recording holds touches of many places, not one long pivot.
    #[arg(long)]
    pub many: bool,
    /// Poses while the tool is turned about its shaft, for its direction; of a
    /// live tracker (igtl://HOST:PORT) guided, after a live pivot with the same one.
    #[arg(long)]
    pub spin: Option<String>,
    /// Write `tool_from_tip` (16 numbers), as `navigate --tool NAME=FILE` reads it.
    #[arg(long)]
    pub out: Option<PathBuf>,
    /// Write the coverage picture.
    #[arg(long, value_name = "FILE.svg")]
    pub coverage: Option<PathBuf>,
    /// What is told while a live tracker is recorded.
    #[command(flatten)]
    pub guide: GuideArguments,
}

/// Options of a guided recording.
#[derive(Debug, Args)]
pub struct GuideArguments {
    /// End as soon as it is accepted and nothing is missing, after this many
    /// seconds at the latest; in the place of --seconds. Touches always end so.
    #[arg(long, value_name = "SECONDS", num_args = 0..=1, default_missing_value = "120", value_parser = parse_seconds)]
    pub until_accepted: Option<f64>,
    /// Show the guide in a window, too; ends as --until-accepted does.
    #[arg(long)]
    pub window: bool,
    /// Write the guide's last picture.
    #[arg(long, value_name = "FILE.png")]
    pub picture: Option<PathBuf>,
    /// Where x, y and z of the tracker (or --reference) lead: three letters, one each of L R,
    /// A P, S I (left, right, front, back, head, feet). Then sides are told by the patient.
    #[arg(long, value_name = "LPS")]
    pub axes: Option<RoomAxes>,
}

/// Options of `calibrate tip`.
#[derive(Debug, Args)]
pub struct TipArguments {
    /// Poses while the landmarks are touched, as in `pivot`, or a live tracker, which is
    /// guided; or with --listed a text file.
    pub poses: String,
    /// How to read them.
    #[command(flatten)]
    pub options: PoseOptions,
    /// True places of the landmarks, `x y z` a line, mm.
    #[arg(long)]
    pub geometry: PathBuf,
    /// The file says what was touched: `landmark x y z qx qy qz qw` a line, landmarks counted
    /// from 1; neighbouring lines of one landmark are one touch.
    #[arg(long)]
    pub listed: bool,
    /// A rough tip, mm: needed where the tool was held still in its touches. A live
    /// one is pivoted first when not given.
    #[arg(long, value_name = "X,Y,Z", allow_hyphen_values = true, conflicts_with = "listed", value_parser = parse_point)]
    pub tip: Option<[f64; 3]>,
    /// How far a touch may lie from its landmark while landmarks are searched, mm.
    #[arg(long, default_value_t = 3.0, value_parser = parse_finite)]
    pub tolerance_mm: f64,
    /// Write `tool_from_tip` (16 numbers), as `navigate --tool NAME=FILE` reads it.
    #[arg(long)]
    pub out: Option<PathBuf>,
    /// What is told while a live tracker is recorded.
    #[command(flatten)]
    pub guide: GuideArguments,
}

/// Options of `calibrate hand-eye`.
#[derive(Debug, Args)]
pub struct HandEyeArguments {
    /// Poses of the first device (`base_from_hand`): tracker or robot.
    pub first: String,
    /// Poses of the second (`world_from_eye`): headset or camera.
    pub second: String,
    /// How to read them.
    #[command(flatten)]
    pub options: PoseOptions,
    /// Name of the second device, where it differs from --tool.
    #[arg(long, value_name = "NAME")]
    pub second_tool: Option<String>,
    /// Of two live devices: end as soon as the calibration is accepted, after
    /// this many seconds at the latest; in the place of --seconds.
    #[arg(long, value_name = "SECONDS", num_args = 0..=1, default_missing_value = "120", value_parser = parse_seconds)]
    pub until_accepted: Option<f64>,
    /// The second file holds `eye_from_world`: a camera that sees a target.
    #[arg(long)]
    pub second_sees_world: bool,
    /// Errors of the first device, `MM,DEG` an axis; only ratios matter.
    #[arg(long, value_name = "MM,DEG", default_value = "0.25,0.1", value_parser = parse_noise)]
    pub first_noise: [f64; 2],
    /// Errors of the second device.
    #[arg(long, value_name = "MM,DEG", default_value = "0.25,0.1", value_parser = parse_noise)]
    pub second_noise: [f64; 2],
    /// How much later the second device's stamps are, ms (from `calibrate temporal`).
    #[arg(long, default_value_t = 0.0, allow_hyphen_values = true, value_parser = parse_finite)]
    pub latency_ms: f64,
    /// Write `hand_from_eye` (16 numbers).
    #[arg(long)]
    pub out: Option<PathBuf>,
}

/// Options of `calibrate landmarks`.
#[derive(Debug, Args)]
pub struct LandmarksArguments {
    /// Pairs `x y z  x y z [weight]`, one a line; or with --known `x y z` alone.
    pub points: PathBuf,
    /// Known points `x y z`: the order is searched.
    #[arg(long)]
    pub known: Option<PathBuf>,
    /// How far a point may lie from its partner in that search, mm.
    #[arg(long, default_value_t = 2.0, value_parser = parse_finite)]
    pub tolerance_mm: f64,
    /// Where the error matters, in the frame of the second points (or the known ones), mm.
    #[arg(long, value_name = "X,Y,Z", allow_hyphen_values = true, value_parser = parse_point)]
    pub target: Vec<[f64; 3]>,
    /// Write a map of the predicted error.
    #[arg(long, value_name = "FILE.svg")]
    pub map: Option<PathBuf>,
}

/// Options of `calibrate temporal`.
#[derive(Debug, Args)]
pub struct TemporalArguments {
    /// Both devices, read as in `hand-eye`.
    #[command(flatten)]
    pub pair: HandEyeArguments,
    /// Largest latency looked for, s.
    #[arg(long, default_value_t = 2.0, value_parser = parse_seconds)]
    pub reach_s: f64,
    /// The clocks have nothing to do with each other.
    #[arg(long)]
    pub unrelated_clocks: bool,
}

/// Options of `calibrate phantom`.
#[derive(Debug, Args)]
pub struct PhantomArguments {
    /// Touches `divot x y z` (divots counted from 1), a recording of the pointer
    /// as in `pivot`, or a live tracker (igtl://HOST:PORT), which is guided.
    #[arg(required_unless_present = "simulate")]
    pub touches: Option<String>,
    /// True places of the divots, `x y z` a line, mm.
    #[arg(long, required_unless_present = "simulate")]
    pub geometry: Option<PathBuf>,
    /// How to read a recording.
    #[command(flatten)]
    pub options: PoseOptions,
    /// Tip of the pointer in its array, mm; found in the recording when not given,
    /// of a live one by pivoting it first.
    #[arg(long, value_name = "X,Y,Z", allow_hyphen_values = true, value_parser = parse_point)]
    pub tip: Option<[f64; 3]>,
    /// Test a simulated pointer on a simulated phantom.
    #[arg(long, conflicts_with = "touches")]
    pub simulate: bool,
    /// Noise of the simulated tracker, mm an axis.
    #[arg(long, default_value_t = 0.25, value_parser = parse_finite)]
    pub noise_mm: f64,
    /// Seed of the simulation.
    #[arg(long, default_value_t = 1)]
    pub seed: u64,
    /// Touches of each divot that a live tracker is guided to.
    #[arg(long, default_value_t = 3, value_parser = clap::value_parser!(u16).range(1..=100))]
    pub repeats: u16,
    /// Write one HTML file.
    #[arg(long, value_name = "FILE.html")]
    pub report: Option<PathBuf>,
    /// What is told while a live tracker is recorded.
    #[command(flatten)]
    pub guide: GuideArguments,
}

/// Options of `calibrate drift`.
#[derive(Debug, Args)]
pub struct DriftArguments {
    /// Poses, as in `pivot`.
    pub poses: String,
    /// How to read them.
    #[command(flatten)]
    pub options: PoseOptions,
    /// The point to watch, in the instrument's axes, mm.
    #[arg(long, value_name = "X,Y,Z", default_value = "0,0,0", allow_hyphen_values = true, value_parser = parse_point)]
    pub point: [f64; 3],
    /// Movement that is doubted, mm.
    #[arg(long, default_value_t = 1.0, value_parser = parse_finite)]
    pub limit_mm: f64,
}

fn parse_finite(text: &str) -> Result<f64, String> {
    text.parse().ok().filter(|v: &f64| v.is_finite()).ok_or_else(|| format!("{text:?} is no number"))
}

fn parse_seconds(text: &str) -> Result<f64, String> {
    let seconds = parse_finite(text)?;
    if (0.1..=3600.0).contains(&seconds) { Ok(seconds) } else { Err(format!("{seconds} s is not within 0.1 to 3600")) }
}

fn numbers<const N: usize>(text: &str) -> Result<[f64; N], String> {
    let all: Vec<f64> = text.split(',').map(|word| parse_finite(word.trim())).collect::<Result<_, _>>()?;
    let found = all.len();
    all.try_into().map_err(|_| format!("{text:?} has {found} numbers where {N} are expected, separated by commas"))
}

fn parse_point(text: &str) -> Result<[f64; 3], String> {
    numbers(text)
}

fn parse_noise(text: &str) -> Result<[f64; 2], String> {
    let noise: [f64; 2] = numbers(text)?;
    if noise.iter().all(|v| *v > 0.0) { Ok(noise) } else { Err(format!("{text:?}: both must be above zero")) }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn points_and_noises_are_read_or_refused_in_words() {
        assert_eq!(parse_point("1, -2.5,3"), Ok([1.0, -2.5, 3.0]));
        assert!(parse_point("1,2").is_err_and(|e| e.contains("2 numbers where 3")));
        assert!(parse_point("1,2,nan").is_err() && parse_noise("0,1").is_err() && parse_seconds("1e9").is_err());
    }
}
