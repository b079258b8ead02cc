//! A small CT series on the disk, with a fault in it.

use std::path::Path;

use dicom_core::{DataElement, PrimitiveValue, Tag, VR};
use dicom_dictionary_std::{tags, uids};
use dicom_object::{FileMetaTableBuilder, InMemDicomObject};

const SLICES: usize = 12;
const SIDE: u16 = 8;

/// Writes axial slices 1 mm apart; slices for which `is_missing` are left
/// out, and each one is `shear_mm` further to the left than the one below.
pub(super) fn write(folder: &Path, is_missing: impl Fn(usize) -> bool, shear_mm: f64) -> Result<(), String> {
    for k in (0..SLICES).filter(|k| !is_missing(*k)) {
        let meta = FileMetaTableBuilder::new()
            .transfer_syntax(uids::EXPLICIT_VR_LITTLE_ENDIAN)
            .media_storage_sop_class_uid(uids::CT_IMAGE_STORAGE)
            .media_storage_sop_instance_uid(format!("1.2.3.{k}"));
        let file = slice(k, shear_mm).with_meta(meta).map_err(|e| e.to_string())?;
        file.write_to_file(folder.join(format!("{k:03}.dcm"))).map_err(|e| e.to_string())?;
    }
    Ok(())
}

fn slice(k: usize, shear_mm: f64) -> InMemDicomObject {
    let mut object = InMemDicomObject::new_empty();
    let mut set = |tag: Tag, vr: VR, value: PrimitiveValue| {
        object.put(DataElement::new(tag, vr, value));
    };
    let position = format!("{}\\0\\{k}", k as f64 * shear_mm);
    let texts = [
        (tags::SOP_CLASS_UID, VR::UI, uids::CT_IMAGE_STORAGE.to_owned()),
        (tags::SOP_INSTANCE_UID, VR::UI, format!("1.2.3.{k}")),
        (tags::MODALITY, VR::CS, "CT".into()),
        (tags::IMAGE_TYPE, VR::CS, "ORIGINAL\\PRIMARY\\AXIAL".into()),
        (tags::SERIES_INSTANCE_UID, VR::UI, "1.2.3".into()),
        (tags::IMAGE_POSITION_PATIENT, VR::DS, position),
        (tags::IMAGE_ORIENTATION_PATIENT, VR::DS, "1\\0\\0\\0\\1\\0".into()),
        (tags::PIXEL_SPACING, VR::DS, "1\\1".into()),
        (tags::PHOTOMETRIC_INTERPRETATION, VR::CS, "MONOCHROME2".into()),
        (tags::RESCALE_INTERCEPT, VR::DS, "-1024".into()),
        (tags::RESCALE_SLOPE, VR::DS, "1".into()),
    ];
    texts.into_iter().for_each(|(tag, vr, text)| set(tag, vr, text.into()));
    let numbers = [
        (tags::SAMPLES_PER_PIXEL, 1),
        (tags::ROWS, SIDE),
        (tags::COLUMNS, SIDE),
        (tags::BITS_ALLOCATED, 16),
        (tags::BITS_STORED, 12),
        (tags::HIGH_BIT, 11),
        (tags::PIXEL_REPRESENTATION, 0),
    ];
    numbers.into_iter().for_each(|(tag, number)| set(tag, VR::US, number.into()));
    let pixels: Vec<u16> = (0..SIDE * SIDE).map(|i| (i * 37 + k as u16 * 101) % 2400).collect();
    set(tags::PIXEL_DATA, VR::OW, PrimitiveValue::U16(pixels.into()));
    object
}
