//! Arguments of the alignment that follows a session.

use std::path::PathBuf;

use clap::Args;

/// Options of the alignment in a session.
#[derive(Debug, Clone, Default, Args)]
pub struct AlignmentArguments {
    /// Measure the alignment, follow it when levels are registered again (type `levels FILE`), and keep before, now and
    /// target in this file.
    #[arg(long, value_name = "FILE.json")]
    pub alignment: Option<PathBuf>,
    /// What the alignment is to reach (docs/measure.md).
    #[arg(long, value_name = "FILE.json", requires = "alignment")]
    pub alignment_target: Option<PathBuf>,
    /// Landmarks and levels corrected by hand; what is corrected in the window is written here.
    #[arg(long, value_name = "FILE.json", requires = "alignment")]
    pub corrections: Option<PathBuf>,
    /// Who corrects in the window; nothing can be moved there without a name.
    #[arg(long, value_name = "NAME", requires = "corrections")]
    pub by: Option<String>,
    /// A label map with the femora; default: other_bones.nii.gz in the case, if it is there.
    #[arg(long, value_name = "LABELS", requires = "alignment")]
    pub femora: Option<PathBuf>,
}
