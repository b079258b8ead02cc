//! Options of `scene`.

use std::path::PathBuf;

use clap::{Args, ValueEnum};

use super::HeadsetArguments;

/// State the demonstrated instrument is shown in.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub enum ToolStateChoice {
    /// Measured now.
    Live,
    /// Measured a moment ago.
    Stale,
    /// Not seen.
    Lost,
    /// The tracker repeats itself.
    Frozen,
    /// Moved as no hand can.
    Implausible,
}

/// A plane that cuts the volume at the tip.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub enum CutChoice {
    /// None.
    None,
    /// Square to the shaft.
    Across,
    /// Along the shaft, facing the viewer.
    Along,
}

/// Which planes the slices are cut in.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub enum SlicesChoice {
    /// Axial, sagittal, coronal.
    Patient,
    /// Probe's eye, and two that hold the tool's shaft.
    Tool,
}

/// Options of `scene`.
#[derive(Debug, Args)]
pub struct SceneArguments {
    /// Folder written by `segment`, or a label map; without it the CT that ships.
    #[arg(long)]
    pub case: Option<PathBuf>,
    /// The CT that was segmented.
    #[arg(long, requires = "case")]
    pub ct: Option<PathBuf>,
    /// Planned screws to show; a plan of other labels is refused.
    #[arg(long, value_name = "FILE.json")]
    pub plan: Option<PathBuf>,
    /// Draw the instrument as this shape: STL, mm, tip at the origin, handle along +z.
    #[arg(long, value_name = "FILE.stl")]
    pub tool_shape: Option<PathBuf>,
    /// Render pictures instead of opening a window.
    #[arg(long, conflicts_with = "xr")]
    pub headless: bool,
    /// Folder for pictures.
    #[arg(long, default_value = "spinenav-scene")]
    pub out: PathBuf,
    /// Cast the CT: `bone`, `bone-skin`, `angiography`, or a file of a curve
    /// (`HU red green blue opacity` a line; the last four 0 to 1).
    #[arg(long, value_name = "PRESET|FILE")]
    pub volume: Option<String>,
    /// Leave the vertebrae's surfaces out.
    #[arg(long)]
    pub no_surfaces: bool,
    /// What of the volume is kept: `spine` and a little around it (default),
    /// `whole`, or corners `X,Y,Z,X,Y,Z`, LPS mm.
    #[arg(long, value_name = "BOX", allow_hyphen_values = true)]
    pub clip_box: Option<String>,
    /// Cut the volume open at the tip.
    #[arg(long, value_enum)]
    pub cut: Option<CutChoice>,
    /// Which planes the slices are cut in.
    #[arg(long, value_enum)]
    pub slices: Option<SlicesChoice>,
    /// What was chosen last: read at the start, and kept up to date by the window.
    /// A window without it uses the user's own file, pictures use none.
    #[arg(long, value_name = "FILE")]
    pub settings: Option<PathBuf>,
    /// Record what the window shows into this folder: numbered PNG files.
    #[arg(long, value_name = "FOLDER", conflicts_with_all = ["headless", "xr"])]
    pub video: Option<PathBuf>,
    /// Alignment to show, as `navigate --alignment` or `measure --moved --out` writes it.
    #[arg(long, value_name = "FILE.json", conflicts_with = "corrections")]
    pub alignment: Option<PathBuf>,
    /// Landmarks and levels corrected by hand: renames the levels, shows the alignment, and takes what is corrected
    /// in the window.
    #[arg(long, value_name = "FILE.json", requires = "case")]
    pub corrections: Option<PathBuf>,
    /// Who corrects in the window; nothing can be moved there without a name.
    #[arg(long, value_name = "NAME", requires = "corrections")]
    pub by: Option<String>,
    /// State to show the instrument in.
    #[arg(long, value_enum, default_value = "live")]
    pub state: ToolStateChoice,
    /// In a headset.
    #[command(flatten)]
    pub headset: HeadsetArguments,
}
