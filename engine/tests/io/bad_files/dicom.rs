//! DICOM: one slice of a series that does not belong, cannot be, or lies.

use dicom_core::{PrimitiveValue, Tag, VR};
use dicom_dictionary_std::{tags, uids};

use super::{Bad, Door};
use crate::dicom::{AXIAL, Slice, series};
use crate::phantom::Folder;

fn slice() -> Slice {
    series(&AXIAL)[1].clone()
}

fn bytes(slice: &Slice) -> Vec<u8> {
    let folder = Folder::new();
    std::fs::read(slice.write(folder.path())).unwrap()
}

fn with(change: impl FnOnce(&mut Slice)) -> Vec<u8> {
    let mut slice = slice();
    change(&mut slice);
    bytes(&slice)
}

/// Attribute, its text, what must be said.
const TEXTS: &[(Tag, VR, &str, &[&str])] = &[
    (tags::IMAGE_POSITION_PATIENT, VR::DS, "1\\2", &["ImagePositionPatient"]),
    (tags::IMAGE_POSITION_PATIENT, VR::DS, "nan\\2\\3", &["ImagePositionPatient"]),
    (tags::IMAGE_POSITION_PATIENT, VR::DS, "here\\2\\3", &["ImagePositionPatient"]),
    (tags::IMAGE_POSITION_PATIENT, VR::DS, "1e300\\1e300\\1e300", &["same way", "finite", "missing"]),
    (tags::IMAGE_POSITION_PATIENT, VR::DS, "900\\900\\-205", &["mm"]),
    (tags::IMAGE_ORIENTATION_PATIENT, VR::DS, "1\\0\\0\\1\\0\\0", &["right angle"]),
    (tags::IMAGE_ORIENTATION_PATIENT, VR::DS, "0\\0\\0\\0\\0\\0", &["unit"]),
    (tags::IMAGE_ORIENTATION_PATIENT, VR::DS, "1\\0\\0\\0\\1", &["ImageOrientationPatient"]),
    (tags::IMAGE_ORIENTATION_PATIENT, VR::DS, "0.8\\0.6\\0\\-0.6\\0.8\\0", &["orientation"]),
    (tags::PIXEL_SPACING, VR::DS, "0\\1", &["PixelSpacing"]),
    (tags::PIXEL_SPACING, VR::DS, "-1\\1", &["PixelSpacing"]),
    (tags::PIXEL_SPACING, VR::DS, "1", &["PixelSpacing"]),
    (tags::PIXEL_SPACING, VR::DS, "inf\\1", &["PixelSpacing"]),
    (tags::PIXEL_SPACING, VR::DS, "3\\3", &["pixel spacing"]),
    (tags::RESCALE_SLOPE, VR::DS, "0", &["RescaleSlope"]),
    (tags::MODALITY, VR::CS, "MR", &["not a CT"]),
    (tags::MODALITY, VR::CS, "US", &["not a CT"]),
    (tags::PHOTOMETRIC_INTERPRETATION, VR::CS, "RGB", &["RGB"]),
    (tags::PHOTOMETRIC_INTERPRETATION, VR::CS, "MONOCHROME1", &["MONOCHROME1"]),
    (tags::PHOTOMETRIC_INTERPRETATION, VR::CS, "PALETTE COLOR", &["PALETTE"]),
    (tags::NUMBER_OF_FRAMES, VR::IS, "20", &["frame"]),
    (tags::SERIES_INSTANCE_UID, VR::UI, "9.9.9", &["2 series"]),
    (tags::IMAGE_TYPE, VR::CS, "ORIGINAL\\PRIMARY\\LOCALIZER", &["missing", "slice"]),
];

const NUMBERS: &[(Tag, u16, &[&str])] = &[
    (tags::ROWS, 0, &["size", "pixels", "rows"]),
    (tags::ROWS, 8, &["size"]),
    (tags::ROWS, 65535, &["size"]),
    (tags::COLUMNS, 0, &["size", "pixels"]),
    (tags::COLUMNS, 65535, &["size"]),
    (tags::BITS_ALLOCATED, 0, &["BitsAllocated"]),
    (tags::BITS_ALLOCATED, 1, &["BitsAllocated"]),
    (tags::BITS_ALLOCATED, 12, &["BitsAllocated"]),
    (tags::BITS_ALLOCATED, 32, &["BitsAllocated"]),
    (tags::BITS_ALLOCATED, 65535, &["BitsAllocated"]),
    (tags::BITS_STORED, 0, &["BitsStored"]),
    (tags::BITS_STORED, 17, &["BitsStored"]),
    (tags::BITS_STORED, 65535, &["BitsStored"]),
    (tags::HIGH_BIT, 16, &["HighBit"]),
    (tags::HIGH_BIT, 3, &["HighBit"]),
    (tags::SAMPLES_PER_PIXEL, 0, &["sample"]),
    (tags::SAMPLES_PER_PIXEL, 3, &["sample"]),
];

const REMOVED: &[(Tag, &[&str])] = &[
    (tags::IMAGE_POSITION_PATIENT, &["ImagePositionPatient"]),
    (tags::IMAGE_ORIENTATION_PATIENT, &["ImageOrientationPatient"]),
    (tags::PIXEL_SPACING, &["PixelSpacing"]),
    (tags::MODALITY, &["modality unknown"]),
    (tags::SAMPLES_PER_PIXEL, &["SamplesPerPixel"]),
    (tags::PHOTOMETRIC_INTERPRETATION, &["MONOCHROME2"]),
    (tags::BITS_ALLOCATED, &["BitsAllocated"]),
    (tags::BITS_STORED, &["BitsStored"]),
    (tags::HIGH_BIT, &["HighBit"]),
    (tags::PIXEL_REPRESENTATION, &["PixelRepresentation"]),
    (tags::COLUMNS, &["Columns"]),
    (tags::ROWS, &["missing", "slice"]),
    (tags::PIXEL_DATA, &["pixel", "Pixel"]),
    (tags::SERIES_INSTANCE_UID, &["2 series"]),
];

pub fn files() -> Vec<Bad> {
    let bad = |name: String, bytes: Vec<u8>, said| Bad::new(Door::DicomSlice, format!("dicom {name}"), bytes, said);
    let mut all = Vec::new();
    for (tag, vr, value, said) in TEXTS {
        all.push(bad(format!("{tag} as {value}"), with(|s| s.set(*tag, *vr, *value)), said));
    }
    for (tag, value, said) in NUMBERS {
        all.push(bad(format!("{tag} as {value}"), with(|s| s.set(*tag, VR::US, *value)), said));
    }
    for (tag, said) in REMOVED {
        all.push(bad(format!("without {tag}"), with(|s| drop(s.object.take(*tag))), said));
    }
    for class in [uids::MR_IMAGE_STORAGE, uids::ENHANCED_CT_IMAGE_STORAGE, uids::SECONDARY_CAPTURE_IMAGE_STORAGE] {
        let change = |s: &mut Slice| {
            s.class = class;
            s.set(tags::SOP_CLASS_UID, VR::UI, class);
        };
        all.push(bad(format!("of class {class}"), with(change), &["not a CT"]));
    }
    for pixels in [0usize, 1, 20, 62] {
        let value = PrimitiveValue::U16(vec![1; pixels].into());
        all.push(bad(format!("with {pixels} pixels"), with(|s| s.set(tags::PIXEL_DATA, VR::OW, value)), &["pixel"]));
    }
    let whole = bytes(&slice());
    // The syntax is named in the meta group as text of the same length at most.
    let at = whole.windows(19).position(|w| w == uids::EXPLICIT_VR_LITTLE_ENDIAN.as_bytes()).unwrap();
    for syntax in ["1.2.3.4.5", "1.2.840.10008.1.2.9", "nonsense"] {
        let mut changed = whole.clone();
        changed[at..at + 20].fill(0);
        changed[at..at + syntax.len()].copy_from_slice(syntax.as_bytes());
        all.push(bad(format!("of transfer syntax {syntax}"), changed, &["transfer syntax", "parsed"]));
    }
    for syntax in [uids::JPEGLS_LOSSLESS, uids::JPEGLS_NEAR_LOSSLESS] {
        all.push(bad(format!("of transfer syntax {syntax}"), with(|s| s.syntax = syntax), &["not supported"]));
    }
    for keep in [133, 140, 160, 200, 300, 400, 500, whole.len() - 127, whole.len() - 1] {
        all.push(bad(format!("cut after {keep}"), whole[..keep].to_vec(), &["cannot be", "missing", "slice"]));
    }
    // Length of the pixels: more than there is, and undefined.
    let length_at = whole.len() - 126 - 4;
    for length in [0x0000_0100u32, 0x7fff_fffe, 0xffff_fff0, 0xffff_fffe] {
        let mut lie = whole.clone();
        lie[length_at..length_at + 4].copy_from_slice(&length.to_le_bytes());
        all.push(bad(format!("that claims {length} bytes of pixels"), lie, &["claims", "follow"]));
    }
    let nested: Vec<u8> =
        (0..100_000).flat_map(|_| *b"\x08\x00\x15\x11SQ\0\0\xff\xff\xff\xff\xfe\xff\x00\xe0\xff\xff\xff\xff").collect();
    let deep = [&whole[..length_at - 8], &nested].concat();
    all.push(bad("nested 100 000 deep".into(), deep, &["cannot be", "deep", "slice", "missing"]));
    all
}
