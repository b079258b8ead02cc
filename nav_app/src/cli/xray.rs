//! Arguments of `xray`.

use std::path::PathBuf;

use clap::Args;

use super::{DeviceChoice, PostureChoice};

/// Options of `xray`.
#[derive(Debug, Args)]
pub struct XrayArguments {
    /// From the front or the back, the patient's right on the left: PNG, TIFF or DICOM (CR, DX, SC).
    #[arg(long, value_name = "IMAGE")]
    pub frontal: PathBuf,
    /// From the side, the patient looking to the left.
    #[arg(long, value_name = "IMAGE")]
    pub lateral: PathBuf,
    /// Geometry of the frontal picture, if not in the .json beside it.
    #[arg(long, value_name = "FILE.json")]
    pub frontal_geometry: Option<PathBuf>,
    /// Geometry of the lateral picture, if not in the .json beside it.
    #[arg(long, value_name = "FILE.json")]
    pub lateral_geometry: Option<PathBuf>,
    /// Edge of a pixel at the patient, mm, of pictures without geometry; beams are taken for parallel.
    #[arg(long, value_name = "MM")]
    pub pixel_mm: Option<f64>,
    /// Bone is dark in PNG or TIFF pictures (DICOM says so itself).
    #[arg(long)]
    pub dark_bone: bool,
    /// Boxes, landmarks and levels corrected by hand (JSON).
    #[arg(long, value_name = "FILE.json")]
    pub corrections: Option<PathBuf>,
    /// Correct boxes, corners and names in a window; every change is written to the corrections' file
    /// (without --corrections: corrections.json in --out, or xray-corrections.json here).
    #[arg(long)]
    pub window: bool,
    /// Who corrects in the window; the account's name if not given.
    #[arg(long, value_name = "NAME", requires = "window")]
    pub by: Option<String>,
    /// Run no network: use what the corrections place, and nothing else.
    #[arg(long, requires = "corrections")]
    pub by_hand: bool,
    /// Folder with other networks than those that ship: radiograph-detector and
    /// radiograph-contour, .safetensors and .json.
    #[arg(long, value_name = "DIR", conflicts_with = "by_hand")]
    pub models: Option<PathBuf>,
    /// Where the networks run.
    #[arg(long, value_enum, default_value = "auto")]
    pub device: DeviceChoice,
    /// How the patient was placed.
    #[arg(long, value_enum, default_value = "standing")]
    pub posture: PostureChoice,
    /// Truth of computed radiographs, as `drr --labels` writes it: boxes, corners and parameters are compared.
    #[arg(long, value_name = "FILE.json")]
    pub truth: Option<PathBuf>,
    /// Folder for both views with landmarks (SVG), the 3-D spine (STL, OBJ, PNG) and the measures (JSON).
    #[arg(long)]
    pub out: Option<PathBuf>,
}
