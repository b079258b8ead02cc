//! What one DICOM file says before its pixels.

use std::path::{Path, PathBuf};

use dicom_core::Tag;
use dicom_dictionary_std::{tags, uids};
use dicom_object::{DefaultDicomObject, OpenFileOptions};
use dicom_transfer_syntax_registry::{TransferSyntaxIndex, TransferSyntaxRegistry};
use geom::nalgebra::Vector3;

use super::lengths;
use crate::io::error::Problem;

/// A file that was looked at.
pub(super) enum Found {
    /// A CT slice.
    Slice(Box<SliceHeader>),
    /// Something that is no CT slice and no danger.
    Skipped { path: PathBuf, why: String },
}

/// The attributes of a CT slice that its place and its values depend on.
#[derive(Debug, Clone)]
pub(super) struct SliceHeader {
    pub path: PathBuf,
    pub series_uid: String,
    pub series_description: String,
    pub rows: usize,
    pub columns: usize,
    /// Centre of the first pixel, LPS mm.
    pub position: Vector3<f64>,
    /// Unit direction in which the column index grows.
    pub along_row: Vector3<f64>,
    /// Unit direction in which the row index grows.
    pub along_column: Vector3<f64>,
    /// Distance between rows, then between columns, mm.
    pub spacing_mm: [f64; 2],
    /// `GantryDetectorTilt`, degrees.
    pub tilt_deg: f64,
    /// Slope and intercept to HU, when given.
    pub rescale: Option<(f32, f32)>,
    pub layout: PixelLayout,
}

/// How a stored pixel is packed.
#[derive(Debug, Clone, Copy)]
pub(super) struct PixelLayout {
    pub is_16_bit: bool,
    pub bits_stored: u16,
    pub high_bit: u16,
    pub is_signed: bool,
    /// The value that marks pixels outside the field, as stored bits.
    pub padding: Option<u16>,
}

impl SliceHeader {
    /// What the padding value is in HU.
    pub(super) fn padding_hu(&self) -> Option<f32> {
        let (slope, intercept) = self.rescale.unwrap_or((1.0, 0.0));
        self.layout.padding.map(|bits| self.layout.value(bits) * slope + intercept)
    }
}

impl PixelLayout {
    /// The number in a stored word: bits below and above are cut, the sign is extended.
    pub(super) fn value(self, word: u16) -> f32 {
        let above = 15u16.saturating_sub(self.high_bit).min(15);
        let below = 16u16.saturating_sub(self.bits_stored).min(15);
        let left = word << above;
        if self.is_signed { f32::from(left.cast_signed() >> below) } else { f32::from(left >> below) }
    }
}

/// Reads everything up to the pixels and decides what the file is.
pub(super) fn read_header(path: &Path) -> Result<Found, Problem> {
    lengths::check(path)?;
    let object =
        OpenFileOptions::new().read_until(tags::PIXEL_DATA).open_file(path).map_err(|e| damaged("parsed", &e))?;
    let skipped = |why: String| Ok(Found::Skipped { path: path.to_owned(), why });
    let class = object.meta().media_storage_sop_class_uid().trim_end_matches(['\0', ' ']).to_owned();
    let modality = text(&object, tags::MODALITY).unwrap_or_else(|| "unknown".into());
    if class == uids::MEDIA_STORAGE_DIRECTORY_STORAGE {
        return skipped("it is a DICOMDIR, an index without pixels".into());
    }
    if object.get(tags::ROWS).is_none() {
        return skipped(format!("{}, modality {modality}, holds no pixels", class_name(&class)));
    }
    if class != uids::CT_IMAGE_STORAGE || modality != "CT" {
        return Err(Problem::NotCt { modality, class: class_name(&class).into() });
    }
    if text(&object, tags::IMAGE_TYPE).is_some_and(|kind| kind.contains("LOCALIZER")) {
        return skipped("it is a localizer (scout view)".into());
    }
    check_transfer_syntax(object.meta().transfer_syntax())?;
    Ok(Found::Slice(Box::new(slice(path, &object)?)))
}

fn slice(path: &Path, object: &DefaultDicomObject) -> Result<SliceHeader, Problem> {
    let [px, py, pz] = numbers::<3>(object, tags::IMAGE_POSITION_PATIENT, "ImagePositionPatient")?;
    let [rx, ry, rz, cx, cy, cz] = numbers::<6>(object, tags::IMAGE_ORIENTATION_PATIENT, "ImageOrientationPatient")?;
    let (along_row, along_column) = (Vector3::new(rx, ry, rz), Vector3::new(cx, cy, cz));
    let is_unit = |v: &Vector3<f64>| (v.norm() - 1.0).abs() < 0.01;
    if !is_unit(&along_row) || !is_unit(&along_column) || along_row.dot(&along_column).abs() > 0.01 {
        let found = [rx, ry, rz, cx, cy, cz];
        return Err(unusable(format!("ImageOrientationPatient is {found:?}, not two unit vectors at a right angle")));
    }
    let spacing_mm = numbers::<2>(object, tags::PIXEL_SPACING, "PixelSpacing")?;
    if spacing_mm.iter().any(|s| *s <= 0.0) {
        return Err(unusable(format!("PixelSpacing is {spacing_mm:?}; it must be above 0")));
    }
    let rescale = match (number(object, tags::RESCALE_SLOPE), number(object, tags::RESCALE_INTERCEPT)) {
        (Some(slope), Some(intercept)) if slope != 0.0 => Some((slope as f32, intercept as f32)),
        (Some(slope), Some(_)) => return Err(unusable(format!("RescaleSlope is {slope}"))),
        _ => None,
    };
    Ok(SliceHeader {
        path: path.to_owned(),
        series_uid: text(object, tags::SERIES_INSTANCE_UID).unwrap_or_default(),
        series_description: text(object, tags::SERIES_DESCRIPTION).unwrap_or_default(),
        rows: integer(object, tags::ROWS, "Rows")?.into(),
        columns: integer(object, tags::COLUMNS, "Columns")?.into(),
        position: Vector3::new(px, py, pz),
        along_row: along_row.normalize(),
        along_column: along_column.normalize(),
        spacing_mm,
        tilt_deg: number(object, tags::GANTRY_DETECTOR_TILT).unwrap_or(0.0),
        rescale,
        layout: layout(object, &["MONOCHROME2"])?,
    })
}

/// How the pixels are packed; one frame of one sample of these `kinds` (`PhotometricInterpretation`).
pub(super) fn layout(object: &DefaultDicomObject, kinds: &[&str]) -> Result<PixelLayout, Problem> {
    let samples = integer(object, tags::SAMPLES_PER_PIXEL, "SamplesPerPixel")?;
    let frames = number(object, tags::NUMBER_OF_FRAMES).unwrap_or(1.0);
    let photometric = text(object, tags::PHOTOMETRIC_INTERPRETATION).unwrap_or_default();
    if samples != 1 || frames != 1.0 || !kinds.contains(&photometric.as_str()) {
        let kinds = kinds.join(" or ");
        return Err(unusable(format!(
            "it has {frames} frame(s) of {samples} sample(s), {photometric}; needed is one {kinds} frame"
        )));
    }
    let allocated = integer(object, tags::BITS_ALLOCATED, "BitsAllocated")?;
    let bits_stored = integer(object, tags::BITS_STORED, "BitsStored")?;
    let high_bit = integer(object, tags::HIGH_BIT, "HighBit")?;
    let fits = (1..=allocated).contains(&bits_stored) && high_bit < allocated && high_bit + 1 >= bits_stored;
    if !matches!(allocated, 8 | 16) || !fits {
        return Err(unusable(format!(
            "BitsAllocated {allocated}, BitsStored {bits_stored}, HighBit {high_bit} do not fit; 8 or 16 bits are supported"
        )));
    }
    // VR is US or SS; either way the low 16 bits are what is stored.
    let padding = object.get(tags::PIXEL_PADDING_VALUE).and_then(|e| e.to_int::<i32>().ok());
    Ok(PixelLayout {
        is_16_bit: allocated == 16,
        bits_stored,
        high_bit,
        is_signed: integer(object, tags::PIXEL_REPRESENTATION, "PixelRepresentation")? == 1,
        padding: padding.map(|v| (v & 0xffff) as u16),
    })
}

pub(super) fn check_transfer_syntax(uid: &str) -> Result<(), Problem> {
    let uid = uid.trim_end_matches(['\0', ' ']);
    let known = TransferSyntaxRegistry.get(uid);
    if known.is_some_and(|syntax| syntax.can_decode_all()) {
        return Ok(());
    }
    let name = known.map_or("an unknown encoding", |syntax| syntax.name());
    let reason = format!(
        "its transfer syntax {name} ({uid}) is not supported; send it uncompressed (Explicit VR Little Endian)"
    );
    Err(Problem::Dicom { doing: "decoded", reason })
}

fn unusable(reason: String) -> Problem {
    Problem::Dicom { doing: "used", reason }
}

pub(super) fn text(object: &DefaultDicomObject, tag: Tag) -> Option<String> {
    let text = object.get(tag)?.to_str().ok()?;
    Some(text.trim_matches(['\0', ' ']).to_owned())
}

pub(super) fn number(object: &DefaultDicomObject, tag: Tag) -> Option<f64> {
    object.get(tag)?.to_float64().ok().filter(|v| v.is_finite())
}

pub(super) fn integer(object: &DefaultDicomObject, tag: Tag, name: &str) -> Result<u16, Problem> {
    let value = object.get(tag).and_then(|e| e.to_int::<u16>().ok());
    value.ok_or_else(|| unusable(format!("{name} is missing or no number")))
}

fn numbers<const N: usize>(object: &DefaultDicomObject, tag: Tag, name: &str) -> Result<[f64; N], Problem> {
    let values = object.get(tag).and_then(|e| e.to_multi_float64().ok()).unwrap_or_default();
    let array: Option<[f64; N]> =
        values.as_slice().try_into().ok().filter(|a: &[f64; N]| a.iter().all(|v| v.is_finite()));
    array.ok_or_else(|| unusable(format!("{name} is {values:?}; {N} finite numbers are needed")))
}

/// What a parser or decoder says about a file, and what to do.
pub(super) fn damaged(doing: &'static str, error: &dyn std::error::Error) -> Problem {
    Problem::Dicom { doing, reason: format!("{}; send the file again from its source", chain(error)) }
}

/// An error with everything below it, in one line.
fn chain(error: &dyn std::error::Error) -> String {
    let mut text = error.to_string();
    let mut below = error.source();
    while let Some(cause) = below {
        text = format!("{text}: {cause}");
        below = cause.source();
    }
    text
}

/// Names of the classes a user is likely to give by mistake.
pub(super) fn class_name(uid: &str) -> &str {
    match uid {
        uids::CT_IMAGE_STORAGE => "CT Image Storage",
        uids::ENHANCED_CT_IMAGE_STORAGE => "Enhanced CT Image Storage (multi-frame, not supported)",
        uids::LEGACY_CONVERTED_ENHANCED_CT_IMAGE_STORAGE => {
            "Legacy Converted Enhanced CT Image Storage (not supported)"
        }
        uids::MR_IMAGE_STORAGE => "MR Image Storage",
        uids::ENHANCED_MR_IMAGE_STORAGE => "Enhanced MR Image Storage",
        uids::POSITRON_EMISSION_TOMOGRAPHY_IMAGE_STORAGE => "PET Image Storage",
        uids::SECONDARY_CAPTURE_IMAGE_STORAGE => "Secondary Capture Image Storage",
        uids::COMPUTED_RADIOGRAPHY_IMAGE_STORAGE => "Computed Radiography Image Storage",
        uids::DIGITAL_X_RAY_IMAGE_STORAGE_FOR_PRESENTATION => "Digital X-Ray Image Storage",
        uids::ULTRASOUND_IMAGE_STORAGE => "Ultrasound Image Storage",
        uids::RT_DOSE_STORAGE => "RT Dose Storage",
        uids::SEGMENTATION_STORAGE => "Segmentation Storage",
        other => other,
    }
}
