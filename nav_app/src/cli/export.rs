//! Arguments of `export`.

use std::path::PathBuf;

use clap::{Args, ValueEnum};

/// Files other programs open.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub enum ExportFormat {
    /// One binary STL a vertebra, LPS mm.
    Stl,
    /// One coloured binary PLY a vertebra, LPS mm.
    Ply,
    /// One OBJ with materials, LPS mm.
    Obj,
    /// One binary glTF 2.0 (.glb) with names and colours, metres, y up.
    Gltf,
    /// A segmentation as 3D Slicer reads it (.seg.nrrd).
    Nrrd,
    /// The label map as .nii.gz.
    Nifti,
    /// A DICOM segmentation object.
    DicomSeg,
    /// The landmarks of `measure` as Slicer markups (.mrk.json).
    Markups,
    /// The transform given by --transform as ITK text (.tfm).
    Tfm,
}

impl ExportFormat {
    /// True for surfaces.
    pub const fn is_mesh(self) -> bool {
        matches!(self, Self::Stl | Self::Ply | Self::Obj | Self::Gltf)
    }
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
    /// One watertight solid, separate bones joined by struts, for 3-D printing.
    #[arg(long)]
    pub printable: bool,
    /// Radius of the struts, mm.
    #[arg(long, default_value_t = 3.0, requires = "printable")]
    pub strut_mm: f64,
    /// Make the solid hollow with walls of this thickness, mm, at least 1.6, before --scale; each
    /// cavity gets two holes.
    #[arg(long, value_name = "WALL", requires = "printable")]
    pub hollow_mm: Option<f64>,
    /// Diameter of those holes, mm.
    #[arg(long, default_value_t = 3.5, requires = "hollow_mm")]
    pub hole_mm: f64,
    /// Make surfaces this many times larger.
    #[arg(long, default_value_t = 1.0)]
    pub scale: f64,
    /// At most this many triangles a surface, where --max-error-mm allows it.
    #[arg(long)]
    pub triangles: Option<usize>,
    /// No step of that moves the surface by more, mm.
    #[arg(long, default_value_t = 0.5)]
    pub max_error_mm: f64,
    /// For tfm: a transform, 16 numbers, row by row, LPS mm.
    #[arg(long, value_name = "FILE")]
    pub transform: Option<PathBuf>,
    /// For markups: trajectories, `entry x y z  target x y z` a line, LPS mm.
    #[arg(long, value_name = "FILE")]
    pub trajectories: Option<PathBuf>,
}
