//! Arguments of `report`.

use std::path::{Path, PathBuf};

use clap::Args;

use super::PostureChoice;

/// Options of `report`.
#[derive(Debug, Args)]
pub struct ReportArguments {
    /// A folder written by `segment` or `demo`.
    pub case: PathBuf,
    /// The CT, for its slices; default: ct.nii.gz in the case, if it is there.
    #[arg(long, value_name = "FILE_OR_FOLDER")]
    pub ct: Option<PathBuf>,
    /// What `register --json` printed; default: registration.json in the case, if it is there.
    #[arg(long, value_name = "FILE.json")]
    pub registration: Option<PathBuf>,
    /// Landmarks and levels corrected by hand (JSON), as for `measure`.
    #[arg(long, value_name = "FILE.json")]
    pub landmarks: Option<PathBuf>,
    /// Alignment before, now and target, as `navigate --alignment` or `measure --moved --out` writes it; default:
    /// alignment.json in the case, if it is there.
    #[arg(long, value_name = "FILE.json")]
    pub alignment: Option<PathBuf>,
    /// A label map of the same scan with the femora, as for `measure`; default: other_bones.nii.gz in the case, if it is there.
    #[arg(long, value_name = "LABELS")]
    pub femora: Option<PathBuf>,
    /// How the patient was placed.
    #[arg(long, value_enum, default_value = "supine")]
    pub posture: PostureChoice,
    /// The page; default: report.html in the case.
    #[arg(long, value_name = "FILE.html")]
    pub out: Option<PathBuf>,
}

impl ReportArguments {
    /// A case with what lies in its folder, the patient on the back.
    pub fn of(case: &Path) -> Self {
        Self {
            case: case.to_owned(),
            ct: None,
            registration: None,
            alignment: None,
            landmarks: None,
            femora: None,
            posture: PostureChoice::Supine,
            out: None,
        }
    }
}
