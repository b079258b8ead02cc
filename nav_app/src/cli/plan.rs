//! Options of `plan`.

use std::path::PathBuf;

use clap::{Args, Subcommand};
use engine::plan::DIAMETER_RANGE_MM;

/// What is planned.
#[derive(Debug, Subcommand)]
pub enum Plan {
    /// How each screw of a plan lies: breach, grade, canal, pictures.
    #[command(
        after_help = "Example:\n  spinenav plan check plan.json --labels case --ct ct.nii.gz --out pictures\n\nExit status 4 where a screw leaves its pedicle by 2 mm or more (grade C to E)."
    )]
    Check(PlanCheckArguments),
    /// A screw through the narrowest part of each pedicle, as a start.
    #[command(after_help = "Example:\n  spinenav plan suggest --labels case --levels L2,L3 --out plan.json")]
    Suggest(PlanSuggestArguments),
    /// Lines drawn in 3D Slicer (entry, then target) as a plan.
    #[command(after_help = "Example:\n  spinenav plan import *.mrk.json --labels case --diameter 5.5 --out plan.json")]
    Import(PlanImportArguments),
}

/// The bone that is planned on.
#[derive(Debug, Args)]
pub struct PlanCase {
    /// Folder written by `segment`, or a label map; without it the CT that ships.
    #[arg(long, visible_alias = "case")]
    pub labels: Option<PathBuf>,
    /// The CT that was segmented, for the pictures.
    #[arg(long, requires = "labels")]
    pub ct: Option<PathBuf>,
}

/// Options of `plan`.
#[derive(Debug, Args)]
pub struct PlanArguments {
    /// What is done.
    #[command(subcommand)]
    pub what: Plan,
}

/// Options of `plan check`.
#[derive(Debug, Args)]
pub struct PlanCheckArguments {
    /// The plan, JSON; docs/planning.md has the format.
    pub plan: PathBuf,
    /// The bone.
    #[command(flatten)]
    pub case: PlanCase,
    /// What `register --json` printed: its predicted error widens what may happen.
    #[arg(long, value_name = "FILE.json")]
    pub registration: Option<PathBuf>,
    /// Folder for a page, two pictures a screw and a Slicer line each.
    #[arg(long)]
    pub out: Option<PathBuf>,
}

/// Options of `plan suggest`.
#[derive(Debug, Args)]
pub struct PlanSuggestArguments {
    /// The bone.
    #[command(flatten)]
    pub case: PlanCase,
    /// Levels such as `L2,L3`; all from T1 down without it.
    #[arg(long, value_delimiter = ',')]
    pub levels: Vec<String>,
    /// Where the plan is written.
    #[arg(long, value_name = "FILE.json")]
    pub out: PathBuf,
}

/// Options of `plan import`.
#[derive(Debug, Args)]
pub struct PlanImportArguments {
    /// Markups files with lines.
    #[arg(required = true)]
    pub lines: Vec<PathBuf>,
    /// The bone; a line is planned where most of it lies.
    #[command(flatten)]
    pub case: PlanCase,
    /// Diameter of all screws, mm.
    #[arg(long, default_value_t = 5.5, value_parser = parse_diameter)]
    pub diameter: f64,
    /// Where the plan is written.
    #[arg(long, value_name = "FILE.json")]
    pub out: PathBuf,
}

fn parse_diameter(text: &str) -> Result<f64, String> {
    let mm: f64 = text.parse().map_err(|_| format!("{text:?} is no number"))?;
    let [least, most] = DIAMETER_RANGE_MM;
    if (least..=most).contains(&mm) { Ok(mm) } else { Err(format!("{mm} mm is not within {least} to {most}")) }
}
