//! What a reader noticed but did not refuse.

use std::fmt;

/// Something read, and what the user should know about it.
#[derive(Debug, Clone)]
pub struct Loaded<T> {
    /// The volume or labels.
    pub value: T,
    /// Noticed on the way, in the order noticed; to be shown to the user.
    pub warnings: Vec<Warning>,
}

/// Spacing above which screws can no longer be judged; see [`Warning::ThickVoxels`].
pub const THICK_MM: f64 = 2.0;

/// What deserves a look although the file could be read.
#[derive(Debug, Clone, PartialEq)]
#[non_exhaustive]
pub enum Warning {
    /// Voxels are larger than 2 mm along an axis: a pedicle's cortex is below
    /// that, and surfaces get steps of that size.
    ThickVoxels {
        /// Spacing along x, y, z, mm.
        spacing_mm: [f64; 3],
    },
    /// The file says nothing about orientation: taken as right-anterior-
    /// superior axes. Left and right may be swapped.
    NoOrientation,
    /// sform and qform place a corner differently; the sform was used.
    FormsDisagree {
        /// Largest distance of a corner, mm.
        distance_mm: f64,
    },
    /// The header's length unit is not the millimetre; it was converted.
    Unit {
        /// Unit of the file.
        unit: &'static str,
    },
    /// Voxels that were NaN or infinite and became air.
    NotFinite {
        /// How many.
        voxels: usize,
    },
    /// Nothing as thin as air or lung: cropped inside the body, or an offset
    /// (often 1024) is missing.
    NoAir {
        /// Lowest value, HU.
        low_hu: f32,
    },
    /// Nothing as dense as bone.
    NoBone {
        /// Highest value, HU.
        high_hu: f32,
    },
    /// A label map without any label.
    NoLabels,
    /// Bytes after the last voxel were ignored.
    TrailingBytes,
    /// Files in a DICOM folder that are no CT slices.
    SkippedFiles {
        /// How many.
        count: usize,
        /// One of them.
        example: String,
        /// Why that one was skipped.
        why: String,
    },
    /// Slices are not stacked along their normal; the shear is kept.
    GantryTilt {
        /// Angle between the normal and the stacking direction, degrees.
        angle_deg: f64,
    },
    /// The scanner notes a tilt that the slice positions do not show.
    TiltTagOnly {
        /// `GantryDetectorTilt`, degrees.
        tag_deg: f64,
    },
    /// Slice positions deviate a little from an even row.
    UnevenSlices {
        /// Largest deviation, mm.
        off_mm: f64,
    },
    /// Pixels outside the scanner's field, which keep their HU.
    Padding {
        /// `PixelPaddingValue` in HU.
        hu: f32,
        /// How many.
        voxels: usize,
    },
    /// As the process says that read the file.
    Reported(String),
    /// No RescaleSlope/Intercept: stored values were taken as HU.
    NoRescale {
        /// Slices without them.
        slices: usize,
    },
}

impl fmt::Display for Warning {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::ThickVoxels { spacing_mm: [x, y, z] } => write!(
                f,
                "voxels of {x:.2}x{y:.2}x{z:.2} mm are larger than {THICK_MM} mm along an axis; surfaces will be coarse, use a thinner reconstruction if there is one"
            ),
            Self::NoOrientation => f.write_str(
                "the file gives no orientation (NIfTI: sform and qform codes are 0; NRRD: no space); axes are taken as right-anterior-superior, so check left and right",
            ),
            Self::FormsDisagree { distance_mm } => write!(
                f,
                "sform and qform place the volume {distance_mm:.2} mm apart; the sform was used, so check the position"
            ),
            Self::Unit { unit } => write!(f, "the header measures in {unit}; converted to millimetres"),
            Self::NotFinite { voxels } => {
                write!(f, "{voxels} voxels were not finite numbers and became air (-1024 HU)")
            }
            Self::NoAir { low_hu } => write!(
                f,
                "no voxel is below -200 HU (lowest {low_hu}); the CT is cropped inside the body or its offset is missing"
            ),
            Self::NoBone { high_hu } => {
                write!(f, "no voxel is above 200 HU (highest {high_hu}); there is no bone in this CT")
            }
            Self::NoLabels => f.write_str("the label map holds no label, only background"),
            Self::TrailingBytes => f.write_str("there are bytes after the last voxel; they were ignored"),
            Self::SkippedFiles { count, example, why } => {
                write!(f, "{count} file(s) skipped, for example {example}: {why}")
            }
            Self::GantryTilt { angle_deg } => write!(
                f,
                "gantry tilt: slices are stacked {angle_deg:.2} degrees off their normal; the volume keeps this shear"
            ),
            Self::TiltTagOnly { tag_deg } => write!(
                f,
                "the scanner notes a gantry tilt of {tag_deg:.2} degrees that the slice positions do not show; check that the spine looks straight"
            ),
            Self::UnevenSlices { off_mm } => {
                write!(f, "slice positions deviate by up to {off_mm:.2} mm from even spacing")
            }
            Self::Padding { hu, voxels } => {
                write!(f, "{voxels} voxels lie outside the scanner's field (padding, {hu} HU)")
            }
            Self::Reported(words) => f.write_str(words),
            Self::NoRescale { slices } => {
                write!(f, "{slices} slice(s) have no RescaleSlope and RescaleIntercept; their values were taken as HU")
            }
        }
    }
}
