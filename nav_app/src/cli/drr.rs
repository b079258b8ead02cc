//! Arguments of `drr`.

use std::path::PathBuf;

use clap::Args;

use super::{DeviceChoice, NumberingChoice};

/// Options of `drr`.
#[derive(Debug, Args)]
pub struct DrrArguments {
    /// CT: .nii, .nii.gz, .nrrd, .mha, or a folder of DICOM slices.
    pub ct: PathBuf,
    /// A label map of the same scan, or a folder written by `segment`: writes truth.json too.
    #[arg(long)]
    pub labels: Option<PathBuf>,
    /// A label map of the same scan whose labels 75 and 76 are the left and right femur.
    #[arg(long, value_name = "LABELS", requires = "labels")]
    pub femora: Option<PathBuf>,
    /// Who numbered the labels.
    #[arg(long, value_enum, default_value = "verse")]
    pub numbering: NumberingChoice,
    /// Folder to write into.
    #[arg(long)]
    pub out: PathBuf,
    /// Parallel beams instead of a point source.
    #[arg(long)]
    pub parallel: bool,
    /// From the point source to the detector, mm.
    #[arg(long, default_value_t = 1800.0, conflicts_with = "parallel")]
    pub source_mm: f64,
    /// Edge of a pixel on the detector, mm.
    #[arg(long, default_value_t = 0.5)]
    pub pixel_mm: f64,
    /// Mean energy of the photons, keV, 40 to 80: the lower, the more bone stands out; 70 keeps the CT's own contrast.
    #[arg(long, default_value_t = engine::xray::drr::RADIOGRAPH_KEV)]
    pub kev: f64,
    /// Turn the patient about the long axis, the axis to the left and the axis to the back, degrees.
    #[arg(long, value_name = "LONG,LEFT,BACK", value_delimiter = ',', allow_hyphen_values = true)]
    pub turn_deg: Option<Vec<f64>>,
    /// Where rays are cast.
    #[arg(long, value_enum, default_value = "auto")]
    pub device: DeviceChoice,
}
