//! Series that must not become a volume: each error names files and numbers.

use dicom_core::{PrimitiveValue, VR};
use dicom_dictionary_std::{tags, uids};
use engine::io::{self, Limits, Warning};

use crate::dicom::{AXIAL, Slice, series, write_all};
use crate::phantom::Folder;

fn refused(folder: &Folder, parts: &[&str]) {
    let error = io::read_ct(folder.path(), &Limits::default()).map(|l| l.warnings).unwrap_err().to_string();
    for part in parts {
        assert!(error.contains(part), "\"{error}\" does not say \"{part}\"");
    }
}

/// The axial series with one change.
fn changed(change: impl FnOnce(&mut Vec<Slice>)) -> Folder {
    let mut slices = series(&AXIAL);
    change(&mut slices);
    write_all(&slices)
}

#[test]
fn a_missing_slice_is_found_between_its_neighbours() {
    let folder = changed(|s| drop(s.remove(5)));
    refused(&folder, &["1 slice(s) missing between 004.dcm and 006.dcm", "gap of 4.00 mm", "2.00 mm apart"]);
    let folder = changed(|s| drop(s.drain(3..6)));
    refused(&folder, &["3 slice(s) missing between 002.dcm and 006.dcm", "8.00 mm"]);
}

#[test]
fn two_slices_in_one_place() {
    let folder = changed(|s| {
        let mut double = s[4].clone();
        double.name = "again.dcm".into();
        s.push(double);
    });
    refused(&folder, &["004.dcm", "again.dcm", "same position (-199.00 mm"]);
}

#[test]
fn an_uneven_stack() {
    let shift = |s: &mut Vec<Slice>, mm: f64| {
        s[5].set(tags::IMAGE_POSITION_PATIENT, VR::DS, format!("-31\\12.5\\{}", -207.0 + 10.0 + mm));
    };
    refused(&changed(|s| shift(s, 0.7)), &["005.dcm lies 0.70 mm", "every 2.00 mm"]);
    let folder = changed(|s| shift(s, 0.2));
    let loaded = io::read_ct(folder.path(), &Limits::default()).unwrap();
    let [Warning::UnevenSlices { off_mm }] = loaded.warnings[..] else { panic!("{:?}", loaded.warnings) };
    assert!((off_mm - 0.2).abs() < 1e-6);
}

#[test]
fn two_series_in_one_folder() {
    let folder = changed(|s| {
        for slice in &mut s[8..] {
            slice.set(tags::SERIES_INSTANCE_UID, VR::UI, "9.8.7");
            slice.set(tags::SERIES_DESCRIPTION, VR::LO, "lung");
        }
    });
    refused(&folder, &["2 series", "1.2.3 \"spine 2.0\" (8 files)", "9.8.7 \"lung\" (3 files)", "leave one"]);
}

#[test]
fn an_mr_and_other_classes() {
    let folder = changed(|s| {
        s[3].class = uids::MR_IMAGE_STORAGE;
        s[3].set(tags::SOP_CLASS_UID, VR::UI, uids::MR_IMAGE_STORAGE);
        s[3].set(tags::MODALITY, VR::CS, "MR");
    });
    refused(&folder, &["003.dcm", "MR Image Storage of modality MR", "not a CT"]);
    let folder = changed(|s| {
        s[0].class = uids::ENHANCED_CT_IMAGE_STORAGE;
        s[0].set(tags::SOP_CLASS_UID, VR::UI, uids::ENHANCED_CT_IMAGE_STORAGE);
    });
    refused(&folder, &["000.dcm", "Enhanced CT", "not supported"]);
}

#[test]
fn slices_that_disagree() {
    let folder = changed(|s| s[2].set(tags::PIXEL_SPACING, VR::DS, "0.75\\1.6"));
    refused(&folder, &["002.dcm", "pixel spacing is 1.6000x0.7500 mm", "000.dcm has 1.5000x0.7500 mm"]);
    let folder = changed(|s| s[6].set(tags::IMAGE_ORIENTATION_PATIENT, VR::DS, "0.8\\0.6\\0\\-0.6\\0.8\\0"));
    refused(&folder, &["006.dcm", "orientation", "0.8000, 0.6000"]);
    let folder = changed(|s| {
        s[1].set(tags::ROWS, VR::US, 7u16);
        s[1].set(tags::COLUMNS, VR::US, 9u16);
    });
    refused(&folder, &["001.dcm", "size in pixels is 9x7", "7x9"]);
    refused(&changed(|s| s.truncate(1)), &["1 slice(s)", "at least 2"]);
}

#[test]
fn attributes_that_are_missing_or_impossible() {
    let folder = changed(|s| drop(s[2].object.take(tags::IMAGE_POSITION_PATIENT)));
    refused(&folder, &["002.dcm", "ImagePositionPatient"]);
    let folder = changed(|s| s[2].set(tags::IMAGE_POSITION_PATIENT, VR::DS, "1\\nan\\3"));
    refused(&folder, &["002.dcm", "ImagePositionPatient"]);
    let folder = changed(|s| s[2].set(tags::IMAGE_ORIENTATION_PATIENT, VR::DS, "1\\0\\0\\1\\0\\0"));
    refused(&folder, &["002.dcm", "right angle"]);
    let folder = changed(|s| s[2].set(tags::PIXEL_SPACING, VR::DS, "0\\0"));
    refused(&folder, &["002.dcm", "PixelSpacing"]);
    let folder = changed(|s| s[2].set(tags::BITS_ALLOCATED, VR::US, 32u16));
    refused(&folder, &["002.dcm", "BitsAllocated 32"]);
    let folder = changed(|s| s[2].set(tags::PHOTOMETRIC_INTERPRETATION, VR::CS, "RGB"));
    refused(&folder, &["002.dcm", "RGB"]);
    let folder = changed(|s| s.iter_mut().for_each(|s| drop(s.object.take(tags::RESCALE_SLOPE))));
    let loaded = io::read_ct(folder.path(), &Limits::default()).unwrap();
    assert!(loaded.warnings.contains(&Warning::NoRescale { slices: 11 }), "{:?}", loaded.warnings);
}

#[test]
fn pixels_that_are_short_or_cut_off() {
    let folder = changed(|s| s[2].set(tags::PIXEL_DATA, VR::OW, PrimitiveValue::U16(vec![1; 20].into())));
    refused(&folder, &["002.dcm", "40 bytes of pixels", "7x9 pixels need 126"]);
    let folder = changed(|_| ());
    let path = folder.path().join("004.dcm");
    let bytes = std::fs::read(&path).unwrap();
    for keep in [200, 400, bytes.len() - 60] {
        std::fs::write(&path, &bytes[..keep]).unwrap();
        refused(&folder, &["004.dcm"]);
    }
}

#[test]
fn a_kilobyte_that_claims_four_gigabytes_of_pixels_costs_nothing() {
    let folder = changed(|_| ());
    let path = folder.path().join("004.dcm");
    let mut bytes = std::fs::read(&path).unwrap();
    let at = bytes.len() - 126 - 4;
    bytes[at..at + 4].copy_from_slice(&0xffff_fff0u32.to_le_bytes());
    std::fs::write(&path, &bytes).unwrap();
    let start = std::time::Instant::now();
    refused(&folder, &["004.dcm", "(7fe0,0010) claims 4294967280 bytes, but 126 follow", "send the file again"]);
    assert!(start.elapsed().as_millis() < 100, "{:?}", start.elapsed());
}

#[test]
fn an_encoding_that_cannot_be_decoded_is_named() {
    let folder = changed(|s| s[0].syntax = uids::JPEGLS_LOSSLESS);
    refused(&folder, &["000.dcm", "JPEG-LS", "1.2.840.10008.1.2.4.80", "uncompressed"]);
}

#[test]
fn damaged_files_are_errors_and_never_panics() {
    // Every 7th byte of a slice overwritten, one at a time: read or refused, both are fine.
    let folder = changed(|s| s.truncate(3));
    let path = folder.path().join("001.dcm");
    let bytes = std::fs::read(&path).unwrap();
    for at in (128..bytes.len()).step_by(7) {
        let mut damaged = bytes.clone();
        damaged[at] ^= 0xff;
        std::fs::write(&path, &damaged).unwrap();
        let _ = io::read_ct(folder.path(), &Limits::default());
    }
}

#[test]
fn budgets_hold_for_folders() {
    let folder = changed(|_| ());
    for (limits, part) in [
        (Limits { files: 5, ..Limits::default() }, "files, the limit is 5"),
        (Limits { voxels: 100, ..Limits::default() }, "693 voxels, the limit is 100"),
        (Limits { bytes: 300, ..Limits::default() }, "the limit is 300"),
    ] {
        let error = io::read_ct(folder.path(), &limits).unwrap_err().to_string();
        assert!(error.contains(part), "{error}");
    }
}
