//! One DICOM radiograph: CR, DX or secondary capture.

use std::path::Path;

use dicom_dictionary_std::{tags, uids};
use dicom_object::{DefaultDicomObject, OpenFileOptions};

use super::slice::{PixelLayout, check_transfer_syntax, class_name, damaged, integer, layout, number, text};
use super::{guarded, lengths, pixels};
use crate::io::error::{Problem, ReadError};
use crate::io::limits::Limits;
use crate::io::picture::{self, Picture, PixelSize};
use crate::io::warning::{Loaded, Warning};

/// Storage classes of radiographs.
const CLASSES: [&str; 4] = [
    uids::COMPUTED_RADIOGRAPHY_IMAGE_STORAGE,
    uids::DIGITAL_X_RAY_IMAGE_STORAGE_FOR_PRESENTATION,
    uids::DIGITAL_X_RAY_IMAGE_STORAGE_FOR_PROCESSING,
    uids::SECONDARY_CAPTURE_IMAGE_STORAGE,
];
/// Magnifications that are believed: source to detector over source to patient.
const MAGNIFICATIONS: std::ops::RangeInclusive<f64> = 1.0..=3.0;

/// What the pixels' meaning depends on.
struct Header {
    size: [usize; 2],
    layout: PixelLayout,
    rescale: (f32, f32),
    /// Lowest and highest value shown.
    window: Option<[f32; 2]>,
    is_bone_dark: bool,
    pixel: Option<PixelSize>,
    view_position: Option<String>,
}

/// Reads the radiograph at `path`; bone comes out bright whatever the file says.
///
/// # Errors
/// [`ReadError`] for other images (CT, MR), more than one frame, colours,
/// compressions that are not supported, damaged data.
pub(in crate::io) fn read_radiograph(path: &Path, limits: &Limits) -> Result<Loaded<Picture>, ReadError> {
    let header = guarded(path, "parsed", || read_header(path))?;
    picture::check_size(path, "DICOM file", header.size, limits)?;
    let words = guarded(path, "decoded", || pixels::stored(path, header.size, header.layout))?;
    let mut values = values(&words, &header);
    if header.is_bone_dark {
        let highest = values.iter().copied().fold(f32::NEG_INFINITY, f32::max);
        values.iter_mut().for_each(|v| *v = highest - *v);
    }
    let mut warnings = Vec::new();
    if header.pixel.is_none() {
        let what = "the DICOM file does not say how large its pixels are; give --pixel-mm or a geometry";
        warnings.push(Warning::Reported(what.to_owned()));
    }
    let [rows, columns] = header.size;
    let value = Picture { rows, columns, values, pixel: header.pixel, view_position: header.view_position };
    Ok(Loaded { value, warnings })
}

fn values(words: &[u16], header: &Header) -> Vec<f32> {
    let (slope, intercept) = header.rescale;
    let [low, high] = header.window.unwrap_or([f32::NEG_INFINITY, f32::INFINITY]);
    let value = |word: u16| (header.layout.value(word) * slope + intercept).clamp(low, high);
    let is_padding = |word: u16| header.layout.padding == Some(word);
    let kept = words.iter().filter(|word| !is_padding(**word)).map(|word| value(*word));
    // Where nothing was exposed there is no bone: the value of no bone.
    let edge = if header.is_bone_dark { kept.fold(f32::MIN, f32::max) } else { kept.fold(f32::MAX, f32::min) };
    words.iter().map(|word| if is_padding(*word) { edge } else { value(*word) }).collect()
}

fn read_header(path: &Path) -> Result<Header, Problem> {
    lengths::check(path)?;
    let object =
        OpenFileOptions::new().read_until(tags::PIXEL_DATA).open_file(path).map_err(|e| damaged("parsed", &e))?;
    let class = object.meta().media_storage_sop_class_uid().trim_end_matches(['\0', ' ']).to_owned();
    if !CLASSES.contains(&class.as_str()) {
        let modality = text(&object, tags::MODALITY).unwrap_or_else(|| "unknown".into());
        let class = class_name(&class);
        let reason = format!("it is {class}, modality {modality}; give CR, DX or a secondary capture");
        return Err(Problem::Picture { format: "DICOM file", reason });
    }
    check_transfer_syntax(object.meta().transfer_syntax())?;
    let layout = layout(&object, &["MONOCHROME1", "MONOCHROME2"])?;
    let rescale = match (number(&object, tags::RESCALE_SLOPE), number(&object, tags::RESCALE_INTERCEPT)) {
        (Some(slope), Some(intercept)) if slope != 0.0 => (slope as f32, intercept as f32),
        _ => (1.0, 0.0),
    };
    Ok(Header {
        size: [integer(&object, tags::ROWS, "Rows")?.into(), integer(&object, tags::COLUMNS, "Columns")?.into()],
        layout,
        rescale,
        window: window(&object),
        is_bone_dark: text(&object, tags::PHOTOMETRIC_INTERPRETATION).is_some_and(|kind| kind == "MONOCHROME1"),
        pixel: pixel_size(&object),
        view_position: text(&object, tags::VIEW_POSITION).filter(|view| !view.is_empty()),
    })
}

/// The first window that the file is meant to be shown with (PS3.3 C.11.2.1.2, its ends).
fn window(object: &DefaultDicomObject) -> Option<[f32; 2]> {
    let first = |tag| object.get(tag)?.to_multi_float64().ok()?.first().copied().filter(|v| v.is_finite());
    let (centre, width) = (first(tags::WINDOW_CENTER)?, first(tags::WINDOW_WIDTH)?);
    (width > 1.0).then(|| [(centre - width / 2.0) as f32, (centre + width / 2.0) as f32])
}

/// Pixel size at the patient where the file tells it, else at the detector.
fn pixel_size(object: &DefaultDicomObject) -> Option<PixelSize> {
    let sizes = |tag| {
        let values = object.get(tag)?.to_multi_float64().ok()?;
        let pair: [f64; 2] = values.as_slice().try_into().ok()?;
        pair.iter().all(|mm| picture::PIXEL_MM.contains(mm)).then_some(pair)
    };
    // Calibrated on something of known size (PS3.3 10.7.1.3).
    if let Some(mm) = sizes(tags::PIXEL_SPACING) {
        return Some(PixelSize { mm, is_at_patient: true });
    }
    let at_detector = sizes(tags::IMAGER_PIXEL_SPACING).or_else(|| sizes(tags::NOMINAL_SCANNED_PIXEL_SPACING))?;
    let by_distance = || {
        let to_detector = number(object, tags::DISTANCE_SOURCE_TO_DETECTOR)?;
        Some(to_detector / number(object, tags::DISTANCE_SOURCE_TO_PATIENT).filter(|mm| *mm > 0.0)?)
    };
    let factor = number(object, tags::ESTIMATED_RADIOGRAPHIC_MAGNIFICATION_FACTOR).or_else(by_distance);
    Some(match factor.filter(|factor| MAGNIFICATIONS.contains(factor)) {
        Some(factor) => PixelSize { mm: at_detector.map(|mm| mm / factor), is_at_patient: true },
        None => PixelSize { mm: at_detector, is_at_patient: false },
    })
}
