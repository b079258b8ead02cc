//! Bad files: each is refused with its name, the number, and what to do.

use std::path::Path;
use std::time::{Duration, Instant};

use engine::io::{self, Limits, Warning};

use crate::phantom::{Folder, Nifti, Storage, gzip};

fn good() -> Nifti {
    Nifti::of(&Storage::RAS).with_sform(&Storage::RAS.ras_affine())
}

/// Reads a CT that must be refused, and checks that the message names the file
/// and holds every one of `parts`.
fn refused(path: &Path, parts: &[&str]) {
    let error = io::read_ct(path, &Limits::default()).map(|l| l.value.grid.to_string()).unwrap_err().to_string();
    let name = path.file_name().unwrap().to_str().unwrap();
    for part in [name].iter().chain(parts) {
        assert!(error.contains(part), "\"{error}\" does not say \"{part}\"");
    }
}

#[test]
fn files_that_are_no_images() {
    let folder = Folder::new();
    refused(&folder.path().join("absent.nii"), &["find", "check the name"]);
    refused(&folder.file("empty.nii", b""), &["empty (0 bytes)", "copy it again"]);
    std::fs::write(folder.path().join("empty2.nii.gz"), b"").unwrap();
    refused(&folder.path().join("empty2.nii.gz"), &["empty (0 bytes)"]);
    refused(
        &folder.file("notes.nii.gz.txt", b"Dear colleague,\nthe CT is on the PACS."),
        &["text file", "Dear colleague", ".nii.gz"],
    );
    let text = b"Dear colleague, the CT is on the PACS. ".repeat(20);
    refused(&folder.file("notes.nii.gz", &text), &["text file", "Dear colleague"]);
    refused(&folder.file("picture.png", b"\x89PNG\r\n\x1a\n0000"), &["no image known", "89 50 4e 47"]);
    refused(folder.path(), &["none of its", "CT slice"]);
}

#[test]
fn cut_off_and_damaged_streams() {
    let folder = Folder::new();
    let bytes = good().bytes();
    let packed = gzip(&bytes);
    std::fs::write(folder.path().join("cut.nii.gz"), &packed[..packed.len() / 2]).unwrap();
    refused(
        &folder.path().join("cut.nii.gz"),
        &["cut off", &format!("of {} bytes", bytes.len()), "copy the file again"],
    );
    std::fs::write(folder.path().join("head.nii.gz"), &packed[..30]).unwrap();
    refused(&folder.path().join("head.nii.gz"), &["cut off", "348"]);
    let mut flipped = packed.clone();
    let crc = flipped.len() - 6;
    flipped[crc] ^= 1;
    std::fs::write(folder.path().join("crc.nii.gz"), &flipped).unwrap();
    refused(&folder.path().join("crc.nii.gz"), &["damaged"]);
    refused(&folder.file("short.nii", &bytes[..bytes.len() - 100]), &["ends 100 bytes too early"]);
    refused(&folder.file("shorter.nii", &bytes[..200]), &["after 200 of 348 bytes"]);
}

#[test]
fn a_kilobyte_that_claims_gigabytes_costs_nothing() {
    let folder = Folder::new();
    // 2048 x 2048 x 2048 x 2 bytes = 17 GB, and the most the format can say.
    for (name, edge, dims) in [("bomb.nii.gz", 1024, 512), ("bomb2.nii.gz", 2048, 2048), ("bomb3.nii.gz", 32767, 32767)]
    {
        let mut file = good();
        file.dim = [3, edge, edge, dims, 1, 1, 1, 1];
        file.data = vec![0; 5];
        let path = folder.file(name, &file.bytes());
        assert!(std::fs::metadata(&path).unwrap().len() < 400);
        let start = Instant::now();
        let number = if edge == 1024 { "1073742176" } else { "limit is 536870912" };
        refused(&path, &[number]);
        assert!(start.elapsed() < Duration::from_millis(100), "{:?}", start.elapsed());
    }
    let mut file = good();
    file.dim = [3, 2000, 2000, 2000, 1, 1, 1, 1];
    refused(&folder.file("claims.nii", &file.bytes()), &["8000000000 voxels"]);
    file.dim = [3, 700, 700, 700, 1, 1, 1, 1];
    refused(&folder.file("claims2.nii", &file.bytes()), &["686000352 bytes", "too early"]);
}

#[test]
fn a_gzip_bomb_stops_at_the_declared_size() {
    let folder = Folder::new();
    // 64 MB of zeros in 65 kB behind a header for 1 386 bytes: never inflated.
    let mut bytes = good().bytes();
    bytes.resize(64 << 20, 0);
    let path = folder.file("bomb.nii.gz", &bytes);
    let start = Instant::now();
    let loaded = io::read_ct(&path, &Limits::default()).unwrap();
    assert_eq!(loaded.warnings, [Warning::TrailingBytes]);
    assert!(start.elapsed() < Duration::from_millis(500), "{:?}", start.elapsed());
    // Zeros all the way are not even a header.
    let path = folder.file("zeros.nii.gz", &vec![0; 16 << 20]);
    refused(&path, &["no image known"]);
    let limits = Limits { bytes: 1000, ..Limits::default() };
    let error = io::read_ct(&path, &limits).unwrap_err().to_string();
    assert!(error.contains("zeros.nii.gz") && error.contains("limit is 1000"), "{error}");
}

#[test]
fn geometry_that_cannot_be() {
    let folder = Folder::new();
    for (name, value, shown) in [("nan.nii", f32::NAN, "NaN"), ("inf.nii", f32::INFINITY, "inf")] {
        let mut file = good();
        file.sform.as_mut().unwrap()[5] = value;
        refused(&folder.file(name, &file.bytes()), &["sform", shown, "not a finite number"]);
        let mut file = Nifti::of(&Storage::RAS).with_qform(&Storage::RAS.ras_affine());
        file.qform.as_mut().unwrap()[4] = value;
        refused(&folder.file(&format!("q{name}"), &file.bytes()), &["qform", shown]);
        let mut file = Nifti::of(&Storage::RAS);
        file.pixdim[2] = value;
        refused(&folder.file(&format!("p{name}"), &file.bytes()), &["voxel size", shown]);
    }
    let mut file = good();
    file.sform.as_mut().unwrap()[0] = 0.0;
    refused(&folder.file("singular.nii", &file.bytes()), &["position and orientation", "no length"]);
    // A broken sform is not silently replaced by a good qform.
    let mut file = good().with_qform(&Storage::RAS.ras_affine());
    file.sform = Some([0.0; 12]);
    refused(&folder.file("zero.nii", &file.bytes()), &["position and orientation"]);
}

#[test]
fn headers_that_cannot_be() {
    let folder = Folder::new();
    type Change = fn(&mut Nifti);
    let cases: [(&str, Change, &[&str]); 9] = [
        ("zero.nii", |f| f.dim[2] = 0, &["[7, 0, 11]"]),
        ("negative.nii", |f| f.dim[3] = 65_000, &["65000", "from 1 to 32767"]),
        ("flat.nii", |f| f.dim[0] = 2, &["2 dimensions"]),
        ("times.nii", |f| f.dim = [4, 7, 9, 11, 3, 1, 1, 1], &["3 volumes", "4-D"]),
        ("rgb.nii", |f| (f.datatype, f.bitpix) = (128, 24), &["RGB"]),
        ("type.nii", |f| f.datatype = 7, &["datatype 7"]),
        ("bits.nii", |f| f.bitpix = 8, &["16 bits", "bitpix is 8"]),
        ("offset.nii", |f| f.vox_offset = 349.5, &["vox_offset is 349.5"]),
        ("slope.nii", |f| (f.slope, f.inter) = (2.0, f32::NAN), &["scl_inter is NaN"]),
    ];
    for (name, change, parts) in cases {
        let mut file = good();
        change(&mut file);
        refused(&folder.file(name, &file.bytes()), parts);
    }
    let mut pair = good().bytes();
    pair[344..348].copy_from_slice(b"ni1\0");
    refused(&folder.file("pair.hdr", &pair), &["two files"]);
    let mut second = good().bytes();
    second[..4].copy_from_slice(&540i32.to_le_bytes());
    refused(&folder.file("second.nii", &second), &["NIfTI-2"]);
}

#[test]
fn a_damaged_header_is_an_error_and_never_a_panic_or_a_wait() {
    let folder = Folder::new();
    let bytes = good().with_qform(&Storage::RAS.ras_affine()).bytes();
    let start = Instant::now();
    for at in 0..348 {
        for value in [0, 1, 0x7f, 0x80, 0xff] {
            let mut damaged = bytes.clone();
            damaged[at] = value;
            let _ = io::read_ct(&folder.file("damaged.nii", &damaged), &Limits::default());
        }
    }
    assert!(start.elapsed() < Duration::from_secs(10), "{:?}", start.elapsed());
}

#[test]
fn values_that_are_no_ct() {
    let folder = Folder::new();
    let with = |name: &str, value: fn(usize) -> i16| {
        let data = (0..7 * 9 * 11).flat_map(|i| value(i).to_le_bytes()).collect();
        folder.file(name, &Nifti { data, ..good() }.bytes())
    };
    refused(&with("zero.nii.gz", |_| 0), &["no image content", "all 693 voxels are 0"]);
    refused(&with("mask.nii", |i| (i % 2) as i16), &["from 0 to 1", "not Hounsfield"]);
    refused(&with("soft.nii", |i| (i % 90) as i16), &["from 0 to 89", "not Hounsfield"]);
    refused(&with("picture.nii", |i| (i % 256) as i16), &["8-bit"]);
    let shifted = io::read_ct(&with("shifted.nii", |i| (i * 5) as i16), &Limits::default()).unwrap();
    assert_eq!(shifted.warnings, [Warning::NoAir { low_hu: 0.0 }]);
    let lung = io::read_ct(&with("lung.nii", |i| (i % 90) as i16 - 900), &Limits::default()).unwrap();
    assert_eq!(lung.warnings, [Warning::NoBone { high_hu: -811.0 }]);
}

#[test]
fn voxels_that_are_no_numbers_become_air_and_are_counted() {
    let folder = Folder::new();
    let mut values: Vec<f32> = Storage::RAS.values().iter().map(|v| f32::from(*v)).collect();
    (values[0], values[7], values[100]) = (f32::NAN, f32::INFINITY, f32::NEG_INFINITY);
    let data = values.iter().flat_map(|v| v.to_le_bytes()).collect();
    let path = folder.file("nan.nii", &Nifti { data, datatype: 16, bitpix: 32, ..good() }.bytes());
    let loaded = io::read_ct(&path, &Limits::default()).unwrap();
    assert_eq!(loaded.warnings, [Warning::NotFinite { voxels: 3 }]);
    assert_eq!([loaded.value.hu[0], loaded.value.hu[7], loaded.value.hu[100]], [-1024.0; 3]);
}

#[test]
fn a_ct_given_as_labels_is_noticed() {
    let folder = Folder::new();
    let path = folder.file("ct.nii.gz", &good().bytes());
    let error = io::read_labels(&path, &Limits::default()).unwrap_err().to_string();
    assert!(
        error.contains("ct.nii.gz") && error.contains("voxel 0 is 1326") && error.contains("not the CT"),
        "{error}"
    );
    let empty = Nifti { data: vec![0; 7 * 9 * 11 * 2], ..good() };
    let loaded = io::read_labels(&folder.file("no.nii.gz", &empty.bytes()), &Limits::default()).unwrap();
    assert_eq!(loaded.warnings, [Warning::NoLabels]);
    assert!(io::read_labels(folder.path(), &Limits::default()).unwrap_err().to_string().contains("convert"));
}
