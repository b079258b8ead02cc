//! DICOM series written slice by slice from the phantom, in every orientation
//! and encoding.

use std::path::{Path, PathBuf};

use dicom_core::{DataElement, PrimitiveValue, Tag, VR};
use dicom_dictionary_std::{tags, uids};
use dicom_object::{FileMetaTableBuilder, InMemDicomObject};
use engine::io::{self, Limits, Warning};
use geom::nalgebra::Vector3;

use crate::phantom::{Folder, Nifti, ORIGIN, SIZE, SPACING, Storage, assert_is_phantom, hu};

/// Stored value of -1000 HU and below is never 0: intercept and slope count.
const INTERCEPT: i32 = -1024;
/// Retired by the standard, still in archives.
const EXPLICIT_VR_BIG_ENDIAN: &str = "1.2.840.10008.1.2.2";

/// One slice to be written; fields are changed by the tests.
#[derive(Clone)]
pub struct Slice {
    pub object: InMemDicomObject,
    pub syntax: &'static str,
    pub class: &'static str,
    pub name: String,
}

impl Slice {
    pub fn set(&mut self, tag: Tag, vr: VR, value: impl Into<PrimitiveValue>) {
        self.object.put(DataElement::new(tag, vr, value.into()));
    }

    pub fn write(&self, folder: &Path) -> PathBuf {
        let path = folder.join(&self.name);
        let meta = FileMetaTableBuilder::new()
            .transfer_syntax(self.syntax)
            .media_storage_sop_class_uid(self.class)
            .media_storage_sop_instance_uid("1.2.3.4");
        self.object.clone().with_meta(meta).unwrap().write_to_file(&path).unwrap();
        path
    }
}

fn join(values: &[f64]) -> String {
    values.iter().map(|v| format!("{v}")).collect::<Vec<_>>().join("\\")
}

/// The phantom as slices: columns along patient axis `order[0]`, rows along
/// `order[1]`, slices along `order[2]`, each backwards when flipped.
pub fn series(storage: &Storage) -> Vec<Slice> {
    let [columns, rows, count] = storage.size();
    let direction = |axis: usize| {
        let mut v = Vector3::zeros();
        v[storage.order[axis]] = if storage.flip[axis] { -1.0 } else { 1.0 };
        v
    };
    let lattice = |index: [usize; 3]| {
        let mut lps = [0; 3];
        for (axis, index) in index.into_iter().enumerate() {
            let patient = storage.order[axis];
            lps[patient] = if storage.flip[axis] { SIZE[patient] - 1 - index } else { index };
        }
        lps
    };
    let slice = |k: usize| {
        let first = lattice([0, 0, k]);
        let position = [0, 1, 2].map(|a| ORIGIN[a] + SPACING[a] * first[a] as f64);
        let axes = [direction(0), direction(1)].map(|v| v.as_slice().to_vec()).concat();
        let pixels: Vec<u16> = (0..rows * columns)
            .map(|i| lattice([i % columns, i / columns, k]))
            .map(|[l, p, s]| (i32::from(hu(l, p, s)) - INTERCEPT) as u16)
            .collect();
        let mut slice = Slice {
            object: InMemDicomObject::new_empty(),
            syntax: uids::EXPLICIT_VR_LITTLE_ENDIAN,
            class: uids::CT_IMAGE_STORAGE,
            name: format!("{k:03}.dcm"),
        };
        slice.set(tags::SOP_CLASS_UID, VR::UI, uids::CT_IMAGE_STORAGE);
        slice.set(tags::SOP_INSTANCE_UID, VR::UI, format!("1.2.3.{k}"));
        slice.set(tags::MODALITY, VR::CS, "CT");
        slice.set(tags::IMAGE_TYPE, VR::CS, "ORIGINAL\\PRIMARY\\AXIAL");
        slice.set(tags::SERIES_INSTANCE_UID, VR::UI, "1.2.3");
        slice.set(tags::SERIES_DESCRIPTION, VR::LO, "spine 2.0 ");
        slice.set(tags::IMAGE_POSITION_PATIENT, VR::DS, join(&position));
        slice.set(tags::IMAGE_ORIENTATION_PATIENT, VR::DS, join(&axes));
        slice.set(tags::PIXEL_SPACING, VR::DS, join(&[SPACING[storage.order[1]], SPACING[storage.order[0]]]));
        slice.set(tags::SAMPLES_PER_PIXEL, VR::US, 1u16);
        slice.set(tags::PHOTOMETRIC_INTERPRETATION, VR::CS, "MONOCHROME2");
        slice.set(tags::ROWS, VR::US, rows as u16);
        slice.set(tags::COLUMNS, VR::US, columns as u16);
        slice.set(tags::BITS_ALLOCATED, VR::US, 16u16);
        slice.set(tags::BITS_STORED, VR::US, 12u16);
        slice.set(tags::HIGH_BIT, VR::US, 11u16);
        slice.set(tags::PIXEL_REPRESENTATION, VR::US, 0u16);
        slice.set(tags::RESCALE_INTERCEPT, VR::DS, "-1024");
        slice.set(tags::RESCALE_SLOPE, VR::DS, "1");
        slice.set(tags::PIXEL_DATA, VR::OW, PrimitiveValue::U16(pixels.into()));
        slice
    };
    (0..count).map(slice).collect()
}

/// Axial slices from feet to head, as scanners write them.
pub const AXIAL: Storage = Storage { order: [0, 1, 2], flip: [false; 3] };

pub fn write_all(slices: &[Slice]) -> Folder {
    let folder = Folder::new();
    slices.iter().for_each(|s| drop(s.write(folder.path())));
    folder
}

#[test]
fn every_orientation_and_file_order_shows_the_same_anatomy() {
    // Axial, coronal, sagittal, each flipped along each axis; a flip of the
    // slice axis is a reversed file order.
    for storage in Storage::all() {
        let folder = write_all(&series(&storage));
        let loaded = io::read_ct(folder.path(), &Limits::default()).unwrap();
        assert!(loaded.warnings.is_empty(), "{storage:?}: {:?}", loaded.warnings);
        assert_is_phantom(&loaded.value, &format!("{storage:?}"));
        let linear = loaded.value.grid.ct_from_voxel().fixed_view::<3, 3>(0, 0).into_owned();
        assert!(linear.determinant() > 0.0, "{storage:?}: slices ascend along the normal, so axes are right-handed");
    }
}

#[test]
fn dicom_and_nifti_of_one_scan_agree() {
    let folder = write_all(&series(&AXIAL));
    let dicom = io::read_ct(folder.path(), &Limits::default()).unwrap().value;
    let file = Nifti::of(&Storage::RAS).with_sform(&Storage::RAS.ras_affine());
    let nifti = io::read_ct(&folder.file("same.nii.gz", &file.bytes()), &Limits::default()).unwrap().value;
    for index in 0..dicom.grid.len() {
        let [nx, ny, _] = dicom.grid.size();
        let voxel = [index % nx, index / nx % ny, index / nx / ny].map(|v| v as f64);
        let other = nifti.sample(dicom.grid.to_ct(voxel.into())).unwrap();
        assert!((dicom.hu[index] - other).abs() < 0.2);
    }
}

#[test]
fn uncompressed_and_deflated_encodings_give_the_same_hu() {
    let plain = series(&AXIAL);
    for syntax in [uids::IMPLICIT_VR_LITTLE_ENDIAN, EXPLICIT_VR_BIG_ENDIAN, uids::DEFLATED_EXPLICIT_VR_LITTLE_ENDIAN] {
        let slices: Vec<Slice> = plain.iter().cloned().map(|s| Slice { syntax, ..s }).collect();
        let folder = write_all(&slices);
        assert_is_phantom(&io::read_ct(folder.path(), &Limits::default()).unwrap().value, syntax);
    }
}

#[test]
fn signed_pixels_with_a_slope_per_slice_and_padding_keep_their_hu() {
    let mut slices = series(&AXIAL);
    for (k, slice) in slices.iter_mut().enumerate() {
        let slope = if k % 2 == 0 { 1.0 } else { 0.5 };
        let mut pixels: Vec<u16> = (0..SIZE[0] * SIZE[1])
            .map(|i| (f64::from(hu(i % SIZE[0], i / SIZE[0], k)) / slope) as i16 as u16)
            .collect();
        if k == 4 {
            pixels[0] = -3000i16 as u16;
        }
        slice.set(tags::PIXEL_DATA, VR::OW, PrimitiveValue::U16(pixels.into()));
        slice.set(tags::BITS_STORED, VR::US, 16u16);
        slice.set(tags::HIGH_BIT, VR::US, 15u16);
        slice.set(tags::PIXEL_REPRESENTATION, VR::US, 1u16);
        slice.set(tags::PIXEL_PADDING_VALUE, VR::SS, PrimitiveValue::from(-3000i16));
        slice.set(tags::RESCALE_INTERCEPT, VR::DS, "0");
        slice.set(tags::RESCALE_SLOPE, VR::DS, format!("{slope}"));
    }
    let loaded = io::read_ct(write_all(&slices).path(), &Limits::default()).unwrap();
    assert_eq!(loaded.warnings, [Warning::Padding { hu: -3000.0, voxels: 1 }]);
    let mut volume = loaded.value;
    let at = volume.grid.index([0, 0, 4]);
    assert_eq!(volume.hu[at], -3000.0);
    volume.hu[at] = f32::from(hu(0, 0, 4));
    assert_is_phantom(&volume, "signed");
}

/// Written by `fixtures/make.py`: the same four 32x32 slices in each encoding.
#[test]
fn compressed_slices_hold_the_uncompressed_values() {
    let fixtures = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/io/fixtures");
    let plain = io::read_ct(&fixtures.join("plain"), &Limits::default()).unwrap().value;
    assert_eq!(plain.grid.to_string(), "32x32x4 voxels, 1.00x1.00x1.50 mm, axes LPS");
    assert_eq!(
        plain.hu[32 * 32 + 5 * 32 + 9],
        9.0 * 40.0 - 5.0 * 25.0 - 700.0 + 300.0 + f32::from((9 * 7 + 5 * 13) % 32u16)
    );
    for encoding in ["rle", "jpeg_lossless", "jpeg_lossless_sv1", "jpeg_2000"] {
        let volume = io::read_ct(&fixtures.join(encoding), &Limits::default()).unwrap().value;
        assert_eq!(volume.grid, plain.grid, "{encoding}");
        assert_eq!(volume.hu, plain.hu, "{encoding}");
    }
}

#[test]
fn a_gantry_tilt_is_mentioned_and_stays_in_the_affine() {
    let mut slices = series(&AXIAL);
    let shear = 15f64.to_radians().tan() * SPACING[2];
    for (k, slice) in slices.iter_mut().enumerate() {
        let position = [ORIGIN[0], ORIGIN[1] + shear * k as f64, ORIGIN[2] + SPACING[2] * k as f64];
        slice.set(tags::IMAGE_POSITION_PATIENT, VR::DS, join(&position));
        slice.set(tags::GANTRY_DETECTOR_TILT, VR::DS, "15");
    }
    let loaded = io::read_ct(write_all(&slices).path(), &Limits::default()).unwrap();
    let text = loaded.warnings[0].to_string();
    assert!(text.contains("gantry tilt") && text.contains("15.00 degrees"), "{text}");
    let at = loaded.value.grid.to_ct([0.0, 0.0, 10.0].into()).to_array();
    assert!((at[1] - (ORIGIN[1] + 10.0 * shear)).abs() < 1e-6);
    let mut noted = series(&AXIAL);
    noted[0].set(tags::GANTRY_DETECTOR_TILT, VR::DS, "-8.5");
    noted.iter_mut().skip(1).for_each(|s| s.set(tags::GANTRY_DETECTOR_TILT, VR::DS, "-8.5"));
    let loaded = io::read_ct(write_all(&noted).path(), &Limits::default()).unwrap();
    assert_eq!(loaded.warnings, [Warning::TiltTagOnly { tag_deg: -8.5 }]);
}

#[test]
fn one_of_two_series_can_be_chosen_and_strangers_are_skipped() {
    let mut slices = series(&AXIAL);
    let mut other = slices[0].clone();
    other.set(tags::SERIES_INSTANCE_UID, VR::UI, "9.9.9");
    other.name = "other.dcm".into();
    let mut scout = slices[0].clone();
    scout.set(tags::IMAGE_TYPE, VR::CS, "ORIGINAL\\PRIMARY\\LOCALIZER");
    scout.name = "scout.dcm".into();
    slices.extend([other, scout]);
    let folder = write_all(&slices);
    folder.file("LICENSE.txt", b"text");
    folder.file("EMPTY", b"");
    let loaded = io::dicom::read_folder(folder.path(), Some("1.2.3"), &Limits::default()).unwrap();
    assert!(matches!(&loaded.warnings[..], [Warning::SkippedFiles { count: 4, .. }]), "{:?}", loaded.warnings);
    assert_is_phantom(&loaded.value, "chosen series");
}
