//! Arguments of `measure`.

use std::path::PathBuf;

use clap::{Args, ValueEnum};

/// Who gave a label map its numbers.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub enum NumberingChoice {
    /// VerSe, as `segment` writes them.
    Verse,
    /// `TotalSegmentator` v2.
    Totalsegmentator,
}

/// How the patient was placed for the scan.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub enum PostureChoice {
    /// On the back, as in a CT scanner.
    Supine,
    /// Upright, bearing weight.
    Standing,
}

/// Options of `measure`.
#[derive(Debug, Args)]
pub struct MeasureArguments {
    /// A folder written by `segment`, or a label map.
    pub case: PathBuf,
    /// Landmarks and levels corrected by hand (JSON).
    #[arg(long, value_name = "FILE.json")]
    pub landmarks: Option<PathBuf>,
    /// A label map of the same scan whose labels 75 and 76 are the left and right femur.
    #[arg(long, value_name = "LABELS")]
    pub femora: Option<PathBuf>,
    /// Who numbered the labels.
    #[arg(long, value_enum, default_value = "verse")]
    pub numbering: NumberingChoice,
    /// How the patient was placed.
    #[arg(long, value_enum, default_value = "supine")]
    pub posture: PostureChoice,
    /// Where single levels lie now: what `register --method articulated --json` prints, or poses of any source
    /// (docs/measure.md). Adds the alignment before and now.
    #[arg(long, value_name = "FILE.json")]
    pub moved: Option<PathBuf>,
    /// What the alignment is to reach (docs/measure.md).
    #[arg(long, value_name = "FILE.json")]
    pub alignment_target: Option<PathBuf>,
    /// Folder for pictures from the side and the front, and measures.json.
    #[arg(long)]
    pub out: Option<PathBuf>,
}
