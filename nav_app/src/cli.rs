//! The command line as data.

use std::path::PathBuf;

use clap::{Args, Parser, Subcommand, ValueEnum};

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
        after_help = "Examples:\n  spinenav register --target case/L3.stl --points touched.txt\n  spinenav register --target case/labels.nii.gz --points touched.txt --initial guess.txt --json"
    )]
    Register(RegisterArguments),
    /// Write a segmented case for other programs.
    #[command(
        after_help = "Examples:\n  spinenav export case --format stl --out meshes\n  spinenav export case/labels.nii.gz --format nifti --out column"
    )]
    Export(ExportArguments),
    /// Say what this machine offers and what SpineNav will use.
    #[command(after_help = "Example:\n  spinenav doctor")]
    Doctor,
}

/// Where networks run.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub enum DeviceChoice {
    /// The fastest there is.
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
}

/// Options of `register`.
#[derive(Debug, Args)]
pub struct RegisterArguments {
    /// Bone: an STL in CT coordinates (LPS mm) or a label map (.nii, .nii.gz).
    #[arg(long, required_unless_present = "landmarks")]
    pub target: Option<PathBuf>,
    /// Points touched on the patient, `x y z` a line, mm in the patient reference.
    #[arg(long, required_unless_present = "landmarks")]
    pub points: Option<PathBuf>,
    /// Landmark pairs, `x y z  x y z` a line: patient, then CT.
    #[arg(long)]
    pub landmarks: Option<PathBuf>,
    /// First guess of patient_from_ct: 16 numbers, row by row.
    #[arg(long)]
    pub initial: Option<PathBuf>,
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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_command_line_is_consistent() {
        use clap::CommandFactory;
        Arguments::command().debug_assert();
    }
}
