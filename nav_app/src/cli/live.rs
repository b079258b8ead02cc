//! Options of the commands with a live or recorded session.

use std::path::PathBuf;

use clap::{Args, ValueEnum};

use super::{AlignmentArguments, HeadsetArguments};

/// Where a session is shown.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub enum View {
    /// In a window, where there is a display.
    Desktop,
    /// Nowhere: changes are told on standard error.
    None,
}

/// Where poses come from, and what its arrays are called there.
#[derive(Debug, Args)]
pub struct TrackerArguments {
    /// `sim://`, `igtl://HOST:PORT`, `ndi://HOST:PORT`, or `replay://` and a
    /// PLUS recording or the folder of a journal.
    #[arg(long, default_value = "sim://")]
    pub tracker: String,
    /// Name of the patient reference in the tracker's messages or recording;
    /// its part number on an NDI tracker, with `/SERIAL` where two are alike.
    #[arg(long, default_value = "ReferenceToTracker")]
    pub reference: String,
    /// Name of an instrument there, with the file of its calibration
    /// (`tool_from_tip`, 16 numbers); may be given up to eight times.
    #[arg(long, value_name = "NAME[=FILE]", default_value = "StylusToTracker")]
    pub tool: Vec<String>,
}

/// A session: the case, the patient, the tracker.
#[derive(Debug, Args)]
pub struct SessionArguments {
    /// Folder written by `segment`, or a label map.
    #[arg(long)]
    pub case: PathBuf,
    /// The CT that was segmented, for the slices.
    #[arg(long)]
    pub ct: Option<PathBuf>,
    /// Where poses come from.
    #[command(flatten)]
    pub from: TrackerArguments,
    /// Points touched on the patient, `x y z` a line, mm; a simulated surgeon's
    /// with sim://.
    #[arg(long)]
    pub points: Option<PathBuf>,
    /// First guess of `patient_from_ct`, 16 numbers.
    #[arg(long)]
    pub initial: Option<PathBuf>,
    /// Take the last registration of the journal again; poses are shown after
    /// a landmark check.
    #[arg(long, requires = "journal", conflicts_with = "points")]
    pub resume: bool,
    /// Landmarks in the CT, `x y z` a line, mm: type `check 2` when the
    /// instrument touches the second.
    #[arg(long)]
    pub landmarks: Option<PathBuf>,
    /// Record the session into this folder.
    #[arg(long, value_name = "FOLDER")]
    pub journal: Option<PathBuf>,
    /// Seed of the simulated patient and tracker.
    #[arg(long, default_value_t = 1)]
    pub seed: u64,
    /// The alignment that follows the session.
    #[command(flatten)]
    pub alignment: AlignmentArguments,
}

/// Options of `navigate`.
#[derive(Debug, Args)]
pub struct NavigateArguments {
    /// The session.
    #[command(flatten)]
    pub session: SessionArguments,
    /// Where the session is shown.
    #[arg(long, value_enum, default_value = "desktop")]
    pub view: View,
    /// In a headset, instead of a window.
    #[command(flatten)]
    pub headset: HeadsetArguments,
    /// Headset: folder of pictures and report.
    #[arg(long, default_value = "spinenav-headset")]
    pub out: PathBuf,
    /// Planned screws to guide to; a plan of other labels is refused.
    #[arg(long, value_name = "FILE.json")]
    pub plan: Option<PathBuf>,
    /// Draw the instrument as this shape: STL, mm, tip at the origin, handle along +z.
    #[arg(long, value_name = "FILE.stl")]
    pub tool_shape: Option<PathBuf>,
    /// Colour the bone by how far the touched points lie from it.
    #[arg(long)]
    pub residuals: bool,
    /// Length of a session without a window, s; 0 goes on until it is ended.
    #[arg(long, default_value_t = 10.0, value_parser = parse_seconds)]
    pub seconds: f64,
}

/// Options of `record`.
#[derive(Debug, Args)]
pub struct RecordArguments {
    /// Where poses come from.
    #[command(flatten)]
    pub from: TrackerArguments,
    /// Folder of the journal; an existing journal goes on.
    #[arg(long, value_name = "FOLDER")]
    pub out: PathBuf,
    /// Length, s; 0 goes on until the size is reached or it is ended.
    #[arg(long, default_value_t = 60.0, value_parser = parse_seconds)]
    pub seconds: f64,
    /// Largest size of this recording, MB.
    #[arg(long, default_value_t = 1000, value_parser = clap::value_parser!(u64).range(1..=1_000_000))]
    pub megabytes: u64,
    /// Seed of the simulated tracker.
    #[arg(long, default_value_t = 1)]
    pub seed: u64,
}

/// A length of time in seconds.
pub fn parse_seconds(text: &str) -> Result<f64, String> {
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
    /// The corrections that the session was started with, where they rename levels.
    #[arg(long, value_name = "FILE.json", requires = "verify")]
    pub corrections: Option<PathBuf>,
    /// The femora that the session's alignment was measured with; default: other_bones.nii.gz in the case.
    #[arg(long, value_name = "LABELS", requires = "verify")]
    pub femora: Option<PathBuf>,
}
