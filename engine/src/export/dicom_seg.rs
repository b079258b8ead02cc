//! DICOM segmentation objects: one binary segment a level, SNOMED CT codes.
//!
//! DICOM PS3.3 A.51 and C.8.20. Names no patient and no source series, as a
//! label map knows neither: the viewer is told by position where it belongs.

use std::path::Path;

use dicom_core::value::DataSetSequence;
use dicom_core::{DataElement, PrimitiveValue, Tag, VR};
use dicom_dictionary_std::{tags, uids};
use dicom_object::{FileMetaTableBuilder, InMemDicomObject};
use geom::Point;
use geom::nalgebra::Vector3;
use sha2::{Digest, Sha256};

use super::part::colour;
use crate::clock::civil_date;
use crate::io::{WriteError, write_whole};
use crate::level::{Level, present};
use crate::volume::{Grid, LabelMap};

/// SNOMED CT codes of levels 1-28 (PS3.16, CID 7602 and the bones of the column).
const CODES: [(&str, &str); 28] = [
    ("14806007", "C1 vertebra"),
    ("39976000", "C2 vertebra"),
    ("113205007", "C3 vertebra"),
    ("5329002", "C4 vertebra"),
    ("36978003", "C5 vertebra"),
    ("36054005", "C6 vertebra"),
    ("87391001", "C7 vertebra"),
    ("64864005", "T1 vertebra"),
    ("53733008", "T2 vertebra"),
    ("1626008", "T3 vertebra"),
    ("73071006", "T4 vertebra"),
    ("56401006", "T5 vertebra"),
    ("45296009", "T6 vertebra"),
    ("62487009", "T7 vertebra"),
    ("11068009", "T8 vertebra"),
    ("82687006", "T9 vertebra"),
    ("7610001", "T10 vertebra"),
    ("12989004", "T11 vertebra"),
    ("23215003", "T12 vertebra"),
    ("66794005", "L1 vertebra"),
    ("14293000", "L2 vertebra"),
    ("36470004", "L3 vertebra"),
    ("11994002", "L4 vertebra"),
    ("49668003", "L5 vertebra"),
    // No code of their own for L6 and T13: the label says which vertebra.
    ("51282000", "Vertebra"),
    ("54735007", "Sacrum"),
    ("64688005", "Coccyx"),
    ("51282000", "Vertebra"),
];

/// Writes the levels of `map` as a DICOM segmentation; the file appears whole or
/// not at all. The same map gives the same UIDs.
///
/// * `seconds` - when it was made, seconds since 1970, universal time.
///
/// # Errors
/// [`WriteError`] when the grid's axes are not at right angles (DICOM cannot say
/// that), has more than 65535 rows or columns, or holds no level.
pub fn write(path: &Path, map: &LabelMap, seconds: u64) -> Result<(), WriteError> {
    let failed = |text: String| WriteError {
        path: path.to_owned(),
        doing: "encode the DICOM segmentation",
        source: std::io::Error::new(std::io::ErrorKind::InvalidInput, text),
    };
    let bytes = encode(map, seconds).map_err(failed)?;
    write_whole(path, &bytes)
}

/// A data set that is being filled.
struct Set(InMemDicomObject);

impl Set {
    fn new() -> Self {
        Self(InMemDicomObject::new_empty())
    }

    fn text(mut self, tag: Tag, vr: VR, text: impl Into<String>) -> Self {
        self.0.put(DataElement::new(tag, vr, PrimitiveValue::from(text.into())));
        self
    }

    fn number(mut self, tag: Tag, number: u16) -> Self {
        self.0.put(DataElement::new(tag, VR::US, PrimitiveValue::from(number)));
        self
    }

    fn items(mut self, tag: Tag, items: Vec<Self>) -> Self {
        let items: Vec<InMemDicomObject> = items.into_iter().map(|s| s.0).collect();
        self.0.put(DataElement::new(tag, VR::SQ, DataSetSequence::from(items)));
        self
    }

    fn value(mut self, tag: Tag, vr: VR, value: PrimitiveValue) -> Self {
        self.0.put(DataElement::new(tag, vr, value));
        self
    }
}

/// A frame: which segment, which slice.
struct Frame {
    segment: u16,
    slice: usize,
}

fn encode(map: &LabelMap, seconds: u64) -> Result<Vec<u8>, String> {
    let [columns, rows, slices] = map.grid.size();
    let [columns, rows] = [columns, rows].map(u16::try_from);
    let (Ok(columns), Ok(rows)) = (columns, rows) else { return Err("more than 65535 rows or columns".to_owned()) };
    right_angles(&map.grid)?;
    let levels = present(&map.labels);
    if levels.is_empty() {
        return Err("the label map holds no level".to_owned());
    }
    let (frames, pixels) = frames(map, &levels, slices);
    let uid = |what: &str| uid(map, what);
    let (date, time) = date_and_time(seconds);
    let set = identity(&uid, &date, &time)
        .number(tags::ROWS, rows)
        .number(tags::COLUMNS, columns)
        .text(tags::NUMBER_OF_FRAMES, VR::IS, frames.len().to_string())
        .items(tags::SEGMENT_SEQUENCE, (1u16..).zip(&levels).map(|(number, level)| segment(number, *level)).collect())
        .items(
            tags::DIMENSION_ORGANIZATION_SEQUENCE,
            vec![Set::new().text(tags::DIMENSION_ORGANIZATION_UID, VR::UI, uid("dimension"))],
        )
        .items(tags::DIMENSION_INDEX_SEQUENCE, dimensions(&uid("dimension")))
        .items(tags::SHARED_FUNCTIONAL_GROUPS_SEQUENCE, vec![shared(&map.grid)])
        .items(tags::PER_FRAME_FUNCTIONAL_GROUPS_SEQUENCE, frames.iter().map(|f| per_frame(&map.grid, f)).collect())
        .value(tags::PIXEL_DATA, VR::OB, PrimitiveValue::U8(pixels.into()));
    let meta = FileMetaTableBuilder::new()
        .transfer_syntax(uids::EXPLICIT_VR_LITTLE_ENDIAN)
        .media_storage_sop_class_uid(uids::SEGMENTATION_STORAGE)
        .media_storage_sop_instance_uid(uid("instance"));
    let file = set.0.with_meta(meta).map_err(|e| e.to_string())?;
    let mut bytes = Vec::new();
    file.write_all(&mut bytes).map_err(|e| e.to_string())?;
    Ok(bytes)
}

fn right_angles(grid: &Grid) -> Result<(), String> {
    let axes = [0, 1, 2].map(|i| axis(grid, i));
    let worst = axes[0].dot(&axes[1]).abs().max(axes[0].dot(&axes[2]).abs()).max(axes[1].dot(&axes[2]).abs());
    if worst > 1e-4 {
        let angle = worst.asin().to_degrees();
        return Err(format!(
            "the grid is sheared by {angle:.2} degrees; resample it, or export NRRD, which can say so"
        ));
    }
    Ok(())
}

fn axis(grid: &Grid, i: usize) -> Vector3<f64> {
    grid.ct_from_voxel().column(i).normalize()
}

/// Frames that are not empty, and their bits, packed without gaps (PS3.5 8.1.1).
fn frames(map: &LabelMap, levels: &[Level], slices: usize) -> (Vec<Frame>, Vec<u8>) {
    let in_slice = map.grid.len() / slices.max(1);
    let (mut frames, mut pixels, mut bit) = (Vec::new(), Vec::new(), 0usize);
    for (segment, level) in (1u16..).zip(levels) {
        for (slice, voxels) in map.labels.chunks(in_slice).enumerate() {
            if !voxels.contains(&level.number()) {
                continue;
            }
            pixels.resize((bit + in_slice).div_ceil(8), 0u8);
            for (i, _) in voxels.iter().enumerate().filter(|(_, v)| **v == level.number()) {
                if let Some(byte) = pixels.get_mut((bit + i) / 8) {
                    *byte |= 1 << ((bit + i) % 8);
                }
            }
            bit += in_slice;
            frames.push(Frame { segment, slice });
        }
    }
    pixels.resize(pixels.len().next_multiple_of(2), 0);
    (frames, pixels)
}

/// Patient, study, series, equipment and image attributes.
fn identity(uid: &dyn Fn(&str) -> String, date: &str, time: &str) -> Set {
    let set = Set::new()
        .text(tags::SOP_CLASS_UID, VR::UI, uids::SEGMENTATION_STORAGE)
        .text(tags::SOP_INSTANCE_UID, VR::UI, uid("instance"))
        .text(tags::STUDY_INSTANCE_UID, VR::UI, uid("study"))
        .text(tags::SERIES_INSTANCE_UID, VR::UI, uid("series"))
        .text(tags::FRAME_OF_REFERENCE_UID, VR::UI, uid("frame"));
    let texts = [
        (tags::PATIENT_NAME, VR::PN, ""),
        (tags::PATIENT_ID, VR::LO, ""),
        (tags::PATIENT_BIRTH_DATE, VR::DA, ""),
        (tags::PATIENT_SEX, VR::CS, ""),
        (tags::STUDY_DATE, VR::DA, date),
        (tags::STUDY_TIME, VR::TM, time),
        (tags::STUDY_ID, VR::SH, ""),
        (tags::ACCESSION_NUMBER, VR::SH, ""),
        (tags::REFERRING_PHYSICIAN_NAME, VR::PN, ""),
        (tags::MODALITY, VR::CS, "SEG"),
        (tags::SERIES_NUMBER, VR::IS, "1"),
        (tags::SERIES_DESCRIPTION, VR::LO, "SpineNav vertebrae"),
        (tags::INSTANCE_NUMBER, VR::IS, "1"),
        (tags::POSITION_REFERENCE_INDICATOR, VR::LO, ""),
        (tags::MANUFACTURER, VR::LO, "SpineNav"),
        (tags::MANUFACTURER_MODEL_NAME, VR::LO, "SpineNav"),
        (tags::DEVICE_SERIAL_NUMBER, VR::LO, "none"),
        (tags::SOFTWARE_VERSIONS, VR::LO, env!("CARGO_PKG_VERSION")),
        (tags::IMAGE_TYPE, VR::CS, "DERIVED\\PRIMARY"),
        (tags::CONTENT_DATE, VR::DA, date),
        (tags::CONTENT_TIME, VR::TM, time),
        (tags::CONTENT_LABEL, VR::CS, "VERTEBRAE"),
        (tags::CONTENT_DESCRIPTION, VR::LO, "Vertebral levels"),
        (tags::CONTENT_CREATOR_NAME, VR::PN, "SpineNav"),
        (tags::PHOTOMETRIC_INTERPRETATION, VR::CS, "MONOCHROME2"),
        (tags::LOSSY_IMAGE_COMPRESSION, VR::CS, "00"),
        (tags::SEGMENTATION_TYPE, VR::CS, "BINARY"),
    ];
    let numbers = [
        (tags::SAMPLES_PER_PIXEL, 1),
        (tags::BITS_ALLOCATED, 1),
        (tags::BITS_STORED, 1),
        (tags::HIGH_BIT, 0),
        (tags::PIXEL_REPRESENTATION, 0),
    ];
    let set = texts.into_iter().fold(set, |set, (tag, vr, text)| set.text(tag, vr, text));
    numbers.into_iter().fold(set, |set, (tag, number)| set.number(tag, number))
}

fn code(value: &str, meaning: &str) -> Vec<Set> {
    vec![Set::new().text(tags::CODE_VALUE, VR::SH, value).text(tags::CODING_SCHEME_DESIGNATOR, VR::SH, "SCT").text(
        tags::CODE_MEANING,
        VR::LO,
        meaning,
    )]
}

fn segment(number: u16, level: Level) -> Set {
    let (value, meaning) = CODES.get(usize::from(level.number()) - 1).copied().unwrap_or(("51282000", "Vertebra"));
    Set::new()
        .number(tags::SEGMENT_NUMBER, number)
        .text(tags::SEGMENT_LABEL, VR::LO, level.to_string())
        .text(tags::SEGMENT_ALGORITHM_TYPE, VR::CS, "AUTOMATIC")
        .text(tags::SEGMENT_ALGORITHM_NAME, VR::LO, "SpineNav")
        .items(tags::SEGMENTED_PROPERTY_CATEGORY_CODE_SEQUENCE, code("123037004", "Anatomical Structure"))
        .items(tags::SEGMENTED_PROPERTY_TYPE_CODE_SEQUENCE, code(value, meaning))
        .value(
            tags::RECOMMENDED_DISPLAY_CIE_LAB_VALUE,
            VR::US,
            PrimitiveValue::U16(cielab(colour(level)).as_slice().into()),
        )
}

/// sRGB to CIE L*a*b* (D65 adapted to D50 by the usual matrix) as DICOM scales it (PS3.3 C.10.7.1.1).
fn cielab(rgb: [u8; 3]) -> [u16; 3] {
    let [r, g, b] = rgb.map(|c| {
        let v = f64::from(c) / 255.0;
        if v <= 0.040_45 { v / 12.92 } else { ((v + 0.055) / 1.055).powf(2.4) }
    });
    let curve = |t: f64| if t > 0.008_856 { t.cbrt() } else { 7.787 * t + 16.0 / 116.0 };
    let x = curve((0.4361 * r + 0.3851 * g + 0.1431 * b) / 0.9642);
    let y = curve(0.2225 * r + 0.7169 * g + 0.0606 * b);
    let z = curve((0.0139 * r + 0.0971 * g + 0.7141 * b) / 0.8251);
    let (l, a, b) = (116.0 * y - 16.0, 500.0 * (x - y), 200.0 * (y - z));
    let scale = |v: f64, low: f64, span: f64| ((v - low) / span * 65_535.0).clamp(0.0, 65_535.0).round() as u16;
    [scale(l, 0.0, 100.0), scale(a, -128.0, 255.0), scale(b, -128.0, 255.0)]
}

fn dimensions(organization: &str) -> Vec<Set> {
    let one = |pointer: Tag, group: Tag, label: &str| {
        Set::new()
            .text(tags::DIMENSION_ORGANIZATION_UID, VR::UI, organization)
            .value(tags::DIMENSION_INDEX_POINTER, VR::AT, PrimitiveValue::Tags([pointer].as_slice().into()))
            .value(tags::FUNCTIONAL_GROUP_POINTER, VR::AT, PrimitiveValue::Tags([group].as_slice().into()))
            .text(tags::DIMENSION_DESCRIPTION_LABEL, VR::LO, label)
    };
    vec![
        one(tags::REFERENCED_SEGMENT_NUMBER, tags::SEGMENT_IDENTIFICATION_SEQUENCE, "Segment Number"),
        one(tags::IMAGE_POSITION_PATIENT, tags::PLANE_POSITION_SEQUENCE, "Image Position Patient"),
    ]
}

fn shared(grid: &Grid) -> Set {
    let [column_mm, row_mm, slice_mm] = grid.spacing_mm();
    let (across, down) = (axis(grid, 0), axis(grid, 1));
    let orientation: Vec<String> = across.iter().chain(down.iter()).map(|c| decimal(*c)).collect();
    let measures = Set::new()
        .text(tags::SLICE_THICKNESS, VR::DS, decimal(slice_mm))
        .text(tags::SPACING_BETWEEN_SLICES, VR::DS, decimal(slice_mm))
        .text(tags::PIXEL_SPACING, VR::DS, format!("{}\\{}", decimal(row_mm), decimal(column_mm)));
    let plane = Set::new().text(tags::IMAGE_ORIENTATION_PATIENT, VR::DS, orientation.join("\\"));
    Set::new().items(tags::PIXEL_MEASURES_SEQUENCE, vec![measures]).items(tags::PLANE_ORIENTATION_SEQUENCE, vec![plane])
}

fn per_frame(grid: &Grid, frame: &Frame) -> Set {
    let corner = grid.to_ct(Point::new(0.0, 0.0, frame.slice as f64)).to_array().map(decimal).join("\\");
    let slice = u32::try_from(frame.slice + 1).unwrap_or(u32::MAX);
    let index = PrimitiveValue::U32([u32::from(frame.segment), slice].as_slice().into());
    Set::new()
        .items(tags::FRAME_CONTENT_SEQUENCE, vec![Set::new().value(tags::DIMENSION_INDEX_VALUES, VR::UL, index)])
        .items(tags::PLANE_POSITION_SEQUENCE, vec![Set::new().text(tags::IMAGE_POSITION_PATIENT, VR::DS, corner)])
        .items(
            tags::SEGMENT_IDENTIFICATION_SEQUENCE,
            vec![Set::new().number(tags::REFERENCED_SEGMENT_NUMBER, frame.segment)],
        )
}

/// A decimal string of at most 16 characters (PS3.5 6.2), as many digits as fit.
fn decimal(value: f64) -> String {
    let value = if value == 0.0 { 0.0 } else { value };
    (0..=12)
        .rev()
        .map(|digits| format!("{value:.digits$}"))
        .find(|t| t.len() <= 16)
        .unwrap_or_else(|| format!("{value:.6e}"))
}

/// A UID from the content (PS3.5 B.2: 2.25 and a number of 128 bits).
fn uid(map: &LabelMap, what: &str) -> String {
    let mut hash = Sha256::new();
    hash.update(what.as_bytes());
    map.grid.ct_from_voxel().iter().for_each(|v| hash.update(v.to_le_bytes()));
    map.grid.size().iter().for_each(|n| hash.update(n.to_le_bytes()));
    hash.update(&map.labels);
    let number = hash.finalize().first_chunk::<16>().map_or(1, |bytes| u128::from_be_bytes(*bytes));
    format!("2.25.{number}")
}

/// Date and time as DICOM writes them.
fn date_and_time(seconds: u64) -> (String, String) {
    let (days, rest) = (seconds / 86_400, seconds % 86_400);
    let [year, month, day] = civil_date(days);
    (format!("{year:04}{month:02}{day:02}"), format!("{:02}{:02}{:02}", rest / 3600, rest / 60 % 60, rest % 60))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn dates_and_decimals_are_as_the_standard_wants_them() {
        assert_eq!(date_and_time(19_782 * 86_400 + 3_661), ("20240229".into(), "010101".into()));
        for value in [-123.456_789_012_345, 0.703_125, 1e-9, -0.0, 12_345_678.901_234] {
            let text = decimal(value);
            assert!(text.len() <= 16, "{text}");
            assert!((text.parse::<f64>().unwrap() - value).abs() < 1e-6);
        }
    }

    #[test]
    fn a_frame_a_slice_with_bone_and_bits_without_gaps() {
        let grid = Grid::axis_aligned([3, 3, 4], [1.0, 1.0, 2.0], Point::new(0.0, 0.0, 0.0)).unwrap();
        let mut map = LabelMap { labels: vec![0; grid.len()], grid };
        map.labels[9] = 20;
        map.labels[18] = 20;
        map.labels[19] = 21;
        let (frames, pixels) = frames(&map, &present(&map.labels), 4);
        let found: Vec<(u16, usize)> = frames.iter().map(|f| (f.segment, f.slice)).collect();
        assert_eq!(found, [(1, 1), (1, 2), (2, 2)]);
        assert_eq!(pixels, [1, 2, 8, 0], "bits 0, 9 and 19");
        assert_eq!(uid(&map, "series"), uid(&map, "series"));
        assert_ne!(uid(&map, "series"), uid(&map, "study"));
    }
}
