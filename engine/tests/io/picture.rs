//! Radiographs as files: what is bright, how large a pixel is, and what is refused.

use std::io::Cursor;

use dicom_core::{PrimitiveValue, VR};
use dicom_dictionary_std::{tags, uids};
use dicom_object::InMemDicomObject;
use engine::io::Limits;
use engine::io::picture::{Picture, PixelSize, read_picture};
use tiff::encoder::{TiffEncoder, colortype};

use crate::dicom::{AXIAL, Slice, series};
use crate::phantom::Folder;

const ROWS: usize = 24;
const COLUMNS: usize = 20;

fn ramp() -> Vec<u16> {
    (0..ROWS * COLUMNS).map(|i| (i * 100) as u16).collect()
}

pub fn png_bytes(colour: png::ColorType, depth: png::BitDepth, data: &[u8]) -> Vec<u8> {
    let mut bytes = Vec::new();
    let mut encoder = png::Encoder::new(&mut bytes, COLUMNS as u32, ROWS as u32);
    encoder.set_color(colour);
    encoder.set_depth(depth);
    encoder.write_header().unwrap().write_image_data(data).unwrap();
    bytes
}

pub fn ramp_png() -> Vec<u8> {
    let data: Vec<u8> = ramp().iter().flat_map(|v| v.to_be_bytes()).collect();
    png_bytes(png::ColorType::Grayscale, png::BitDepth::Sixteen, &data)
}

pub fn ramp_tiff() -> Vec<u8> {
    let mut bytes = Cursor::new(Vec::new());
    let mut encoder = TiffEncoder::new(&mut bytes).unwrap();
    encoder.write_image::<colortype::Gray16>(COLUMNS as u32, ROWS as u32, &ramp()).unwrap();
    bytes.into_inner()
}

/// A computed radiograph of the ramp, 12 bit.
pub fn radiograph() -> Slice {
    let mut file = Slice {
        object: InMemDicomObject::new_empty(),
        syntax: uids::EXPLICIT_VR_LITTLE_ENDIAN,
        class: uids::COMPUTED_RADIOGRAPHY_IMAGE_STORAGE,
        name: "side.dcm".into(),
    };
    file.set(tags::SOP_CLASS_UID, VR::UI, uids::COMPUTED_RADIOGRAPHY_IMAGE_STORAGE);
    file.set(tags::SOP_INSTANCE_UID, VR::UI, "1.2.3.4");
    file.set(tags::MODALITY, VR::CS, "CR");
    file.set(tags::VIEW_POSITION, VR::CS, "LL");
    file.set(tags::IMAGER_PIXEL_SPACING, VR::DS, "0.28\\0.28");
    file.set(tags::ESTIMATED_RADIOGRAPHIC_MAGNIFICATION_FACTOR, VR::DS, "1.4");
    file.set(tags::SAMPLES_PER_PIXEL, VR::US, 1u16);
    file.set(tags::PHOTOMETRIC_INTERPRETATION, VR::CS, "MONOCHROME1");
    file.set(tags::ROWS, VR::US, ROWS as u16);
    file.set(tags::COLUMNS, VR::US, COLUMNS as u16);
    file.set(tags::BITS_ALLOCATED, VR::US, 16u16);
    file.set(tags::BITS_STORED, VR::US, 16u16);
    file.set(tags::HIGH_BIT, VR::US, 15u16);
    file.set(tags::PIXEL_REPRESENTATION, VR::US, 0u16);
    file.set(tags::PIXEL_DATA, VR::OW, PrimitiveValue::U16(ramp().into()));
    file
}

fn read(name: &str, bytes: &[u8]) -> Result<Picture, String> {
    let folder = Folder::new();
    let path = folder.file(name, bytes);
    read_picture(&path, &Limits::default()).map(|loaded| loaded.value).map_err(|e| e.to_string())
}

fn dicom(file: &Slice) -> Result<Picture, String> {
    let folder = Folder::new();
    let path = file.write(folder.path());
    read_picture(&path, &Limits::default()).map(|loaded| loaded.value).map_err(|e| e.to_string())
}

#[test]
fn every_format_shows_the_same_picture() {
    let expected: Vec<f32> = ramp().into_iter().map(f32::from).collect();
    for (name, bytes) in [("a.png", ramp_png()), ("misnamed.dcm", ramp_tiff())] {
        let picture = read(name, &bytes).unwrap();
        assert_eq!([picture.rows, picture.columns], [ROWS, COLUMNS], "{name}");
        assert_eq!(picture.values, expected, "{name}");
        assert!(picture.pixel.is_none());
    }
    let colours: Vec<u8> = (0..ROWS * COLUMNS).flat_map(|i| [(i % 200) as u8, 0, 4, 255]).collect();
    let picture = read("c.png", &png_bytes(png::ColorType::Rgba, png::BitDepth::Eight, &colours)).unwrap();
    assert!((picture.values[11] - 5.0).abs() < 1e-6, "the mean of its colours");
}

#[test]
fn a_dicom_radiograph_has_bright_bone_and_its_pixel_at_the_patient() {
    let picture = dicom(&radiograph()).unwrap();
    let last = ROWS * COLUMNS - 1;
    assert_eq!((picture.values[0], picture.values[last]), (last as f32 * 100.0, 0.0), "MONOCHROME1 is turned round");
    let PixelSize { mm, is_at_patient } = picture.pixel.unwrap();
    assert!((mm[0] - 0.2).abs() < 1e-9 && (mm[1] - 0.2).abs() < 1e-9 && is_at_patient);
    assert_eq!(picture.view_position.as_deref(), Some("LL"));
    let mut other = radiograph();
    other.set(tags::PHOTOMETRIC_INTERPRETATION, VR::CS, "MONOCHROME2");
    other.set(tags::ESTIMATED_RADIOGRAPHIC_MAGNIFICATION_FACTOR, VR::DS, "0");
    other.set(tags::WINDOW_CENTER, VR::DS, "20000");
    other.set(tags::WINDOW_WIDTH, VR::DS, "20000");
    let picture = dicom(&other).unwrap();
    assert_eq!((picture.values[0], picture.values[last]), (10_000.0, 30_000.0), "shown as the file's window says");
    assert!(!picture.pixel.unwrap().is_at_patient, "no magnification is made up");
}

#[test]
fn what_a_dicom_file_says_wrongly_is_refused() {
    let has = |result: Result<Picture, String>, words: &str| {
        let said = result.unwrap_err();
        assert!(said.contains(words), "{said}");
    };
    has(dicom(&series(&AXIAL)[0]), "give CR, DX");
    let mut colour = radiograph();
    colour.set(tags::SAMPLES_PER_PIXEL, VR::US, 3u16);
    has(dicom(&colour), "3 sample(s)");
    let mut cut = radiograph();
    cut.set(tags::ROWS, VR::US, 4000u16);
    has(dicom(&cut), "send the file again");
}
