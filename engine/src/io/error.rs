//! Why a file was refused.

use std::path::{Path, PathBuf};

use thiserror::Error;

use crate::volume::GridError;

/// A file or folder that could not be read: which one, and why.
#[derive(Debug, Error)]
#[error("{}: {problem}", path.display())]
pub struct ReadError {
    /// The file or folder that was refused.
    pub path: PathBuf,
    /// What is wrong with it, and what to do.
    #[source]
    pub problem: Problem,
}

impl ReadError {
    pub(crate) fn new(path: &Path, problem: Problem) -> Self {
        Self { path: path.to_owned(), problem }
    }

    /// For `map_err` on what the operating system refuses.
    pub(crate) fn io(path: &Path, doing: &'static str) -> impl FnOnce(std::io::Error) -> Self {
        let path = path.to_owned();
        move |source| Self { path, problem: Problem::Io { doing, source } }
    }
}

/// What is wrong with a file. Each message says what to do next.
#[derive(Debug, Error)]
#[non_exhaustive]
pub enum Problem {
    /// The operating system refused.
    #[error("cannot {doing}: {source}; check the name and the permissions")]
    Io {
        /// What was tried.
        doing: &'static str,
        /// The system's answer.
        source: std::io::Error,
    },
    /// No bytes at all.
    #[error("the file is empty (0 bytes); copy it again from its source")]
    Empty,
    /// Text where an image was expected.
    #[error(
        "this is a text file (it begins with \"{start}\"), not an image; give a DICOM folder, or a .nii, .nii.gz, .nrrd, .mha or .mhd file"
    )]
    Text {
        /// Its first characters.
        start: String,
    },
    /// No format known here.
    #[error(
        "this is no image known here (it begins with the bytes {start}); give a DICOM folder, or a .nii, .nii.gz, .nrrd, .mha or .mhd file"
    )]
    UnknownFormat {
        /// Its first bytes in hexadecimal.
        start: String,
    },
    /// A budget of [`super::Limits`] is exceeded.
    #[error("it asks for {found} {what}, the limit is {limit}; crop or downsample it, or raise the limit")]
    TooLarge {
        /// What is counted.
        what: &'static str,
        /// How many the file declares or has.
        found: u64,
        /// How many are allowed.
        limit: u64,
    },
    /// The header promises more than the file can hold.
    #[error(
        "the header promises {declared} bytes of voxels, but the file of {present} bytes {why}; it is damaged or forged, export it again"
    )]
    SizeMismatch {
        /// Bytes the header asks for.
        declared: u64,
        /// Bytes in the file.
        present: u64,
        /// Why that cannot be.
        why: String,
    },
    /// The compressed stream ends or breaks before its end.
    #[error(
        "the compressed data is cut off or damaged after {read} of {declared} bytes ({source}); copy the file again"
    )]
    Compressed {
        /// Bytes that could be read.
        read: u64,
        /// Bytes needed.
        declared: u64,
        /// What the decompressor said.
        source: std::io::Error,
    },
    /// A NIfTI header field that cannot be used.
    #[error("the NIfTI header cannot be used: {0}")]
    NiftiHeader(String),
    /// The text header of another format that cannot be used.
    #[error("the {format} header cannot be used: {reason}")]
    Header {
        /// NRRD or MetaImage.
        format: &'static str,
        /// What is wrong, and what to do.
        reason: String,
    },
    /// A voxel count that is zero or overflows.
    #[error("the size {size:?} is not that of a volume; export the whole series as one 3-D image")]
    Size {
        /// Voxels along x, y, z.
        size: [usize; 3],
    },
    /// The affine is not finite or singular.
    #[error("its position and orientation in space cannot be used: {source}; export it again with a valid geometry")]
    Geometry {
        /// What the grid says.
        #[from]
        source: GridError,
    },
    /// More than one time point.
    #[error("it holds {0} volumes in one file (4-D); export a single time point")]
    TimePoints(usize),
    /// Every voxel has the same value.
    #[error("no image content: all {voxels} voxels are {value}; choose the reconstructed CT series")]
    NoContent {
        /// Voxels looked at.
        voxels: usize,
        /// Their common value.
        value: f32,
    },
    /// The values cannot be Hounsfield units.
    #[error(
        "the values run from {low} to {high}, which are not Hounsfield units ({why}); export the CT without normalising or windowing it"
    )]
    NotHounsfield {
        /// Lowest value.
        low: f32,
        /// Highest value.
        high: f32,
        /// What gives it away.
        why: &'static str,
    },
    /// A label that is not a whole number from 0 to 255.
    #[error("voxel {index} is {value}, but a label is a whole number from 0 to 255; give the label map, not the CT")]
    NotLabels {
        /// Memory index of the voxel.
        index: usize,
        /// Its value.
        value: f64,
    },
    /// Labels in DICOM.
    #[error("labels are read from NIfTI, NRRD or MetaImage; convert the DICOM segmentation to one of these")]
    LabelsNotNifti,
    /// A DICOM file could not be parsed or decoded.
    #[error("the DICOM file cannot be {doing}: {reason}")]
    Dicom {
        /// What was tried.
        doing: &'static str,
        /// What the parser said.
        reason: String,
    },
    /// A folder or list without any usable DICOM file.
    #[error("none of its {files} files is a CT slice{hint}; give the folder that holds the CT series")]
    NoSlices {
        /// Files looked at.
        files: usize,
        /// What was found instead.
        hint: String,
    },
    /// An image of another modality or class.
    #[error("this is {class} of modality {modality}, not a CT image; give a folder that holds only the CT series")]
    NotCt {
        /// Modality as the file says it, `MR`.
        modality: String,
        /// Name of the SOP class or its UID.
        class: String,
    },
    /// More than one series in a folder.
    #[error("it holds {} series: {}; leave one of them in the folder or choose one by its UID", series.len(), list_series(series))]
    SeveralSeries {
        /// Series UID, description and number of files, most files first.
        series: Vec<(String, String, usize)>,
    },
    /// A series without enough slices.
    #[error("the series has {0} slice(s); a volume needs at least 2, so give the folder with the whole series")]
    TooFewSlices(usize),
    /// Slices are absent.
    #[error(
        "{missing} slice(s) missing between {before} and {after}: a gap of {gap_mm:.2} mm where slices lie {spacing_mm:.2} mm apart; send the whole series again"
    )]
    MissingSlice {
        /// How many fit into the gap.
        missing: usize,
        /// File below the gap.
        before: String,
        /// File above the gap.
        after: String,
        /// Distance found, mm.
        gap_mm: f64,
        /// Distance usual in this series, mm.
        spacing_mm: f64,
    },
    /// Two slices in one place.
    #[error(
        "{first} and {second} lie at the same position ({position_mm:.2} mm along the slice normal); remove one of them or separate the acquisitions"
    )]
    DuplicateSlice {
        /// One file.
        first: String,
        /// The other.
        second: String,
        /// Where both are, mm.
        position_mm: f64,
    },
    /// A slice off the straight, even row of the others.
    #[error(
        "{file} lies {off_mm:.2} mm from where an evenly spaced stack (every {spacing_mm:.2} mm) would have it; reconstruct the series with a constant increment"
    )]
    UnevenSlices {
        /// The worst file.
        file: String,
        /// Its distance from its place, mm.
        off_mm: f64,
        /// Mean slice distance, mm.
        spacing_mm: f64,
    },
    /// Slices that differ in something all must share.
    #[error(
        "its {what} is {found}, but {other} has {expected}; all slices of a volume must agree, so separate the series"
    )]
    Inconsistent {
        /// The attribute.
        what: &'static str,
        /// In the file refused.
        found: String,
        /// The file compared with.
        other: String,
        /// What that one has.
        expected: String,
    },
    /// The process that read the file refused it, died or took too long.
    #[error("{reason} (read by a process of its own, because it comes from outside)")]
    Isolated {
        /// What it said, or how it ended.
        reason: String,
    },
    /// A radiograph that cannot be used.
    #[error("the {format} cannot be used as a radiograph: {reason}")]
    Picture {
        /// PNG, TIFF, DICOM or file.
        format: &'static str,
        /// What is wrong, and what to do.
        reason: String,
    },
    /// A mesh file that cannot be used.
    #[error("the STL mesh cannot be used: {0}")]
    Stl(String),
}

fn list_series(series: &[(String, String, usize)]) -> String {
    let name = |(uid, description, files): &(String, String, usize)| format!("{uid} \"{description}\" ({files} files)");
    series.iter().map(name).collect::<Vec<_>>().join(", ")
}

/// A file that could not be written; nothing was left under its name.
#[derive(Debug, Error)]
#[error("{}: cannot {doing}: {source}; check that the folder exists and has room", path.display())]
pub struct WriteError {
    /// The file asked for.
    pub path: PathBuf,
    /// What was tried.
    pub doing: &'static str,
    /// The system's answer.
    pub source: std::io::Error,
}
