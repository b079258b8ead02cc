//! Bad images end with status 3 and a message that names what is wrong.

use std::path::Path;

use crate::dicom::{self, MR_STORAGE, Slice, write_ct_series};
use crate::files::{RAS, nifti, picture};
use crate::{folder, message, spinenav};

/// Segments `input` and expects status 3 and all of `words` in the message.
#[track_caller]
fn refused(input: &Path, words: &[&str]) {
    let out = input.with_extension("case");
    let output =
        spinenav(&["segment".as_ref(), input.as_os_str(), "--out".as_ref(), out.as_os_str(), "--json".as_ref()]);
    let said = message(&output);
    assert_eq!(output.status.code(), Some(3), "{said}");
    let json: serde_json::Value = serde_json::from_slice(&output.stdout).unwrap();
    assert_eq!(json["error"]["kind"], "bad-input");
    for word in words {
        assert!(said.to_lowercase().contains(&word.to_lowercase()), "{word:?} is not in: {said}");
    }
    assert!(!said.contains("panicked"), "{said}");
}

fn file(name: &str, bytes: &[u8]) -> std::path::PathBuf {
    let path = folder(&format!("bad-{name}")).join(name);
    std::fs::write(&path, bytes).unwrap();
    path
}

#[test]
fn a_missing_file() {
    refused(&folder("bad-missing").join("nothing.nii"), &["nothing.nii"]);
}

#[test]
fn an_empty_file() {
    refused(&file("empty.nii", b""), &["empty.nii", "empty"]);
}

#[test]
fn a_text_file() {
    refused(&file("notes.nii", b"These are my notes on the patient, not an image.\n"), &["notes.nii"]);
}

#[test]
fn a_truncated_gzip() {
    let whole = std::fs::read(concat!(env!("CARGO_MANIFEST_DIR"), "/assets/lidc-idri-0001-spine-ct.nii.gz")).unwrap();
    refused(&file("cut.nii.gz", &whole[..200_000]), &["cut.nii.gz"]);
}

#[test]
fn a_nifti_that_claims_more_than_it_holds() {
    refused(&file("short.nii", &nifti([64, 64, 64], RAS, &picture(1000))), &["short.nii", "64"]);
}

#[test]
fn a_nan_and_an_infinite_affine() {
    for (name, value) in [("nan.nii", f32::NAN), ("inf.nii", f32::INFINITY)] {
        let mut affine = RAS;
        affine[1][1] = value;
        refused(&file(name, &nifti([16, 16, 16], affine, &picture(4096))), &[name]);
    }
}

#[test]
fn an_all_zero_volume() {
    refused(&file("zero.nii", &nifti([16, 16, 16], RAS, &[0; 4096])), &["zero.nii"]);
}

#[test]
fn an_image_without_a_spine() {
    refused(&file("rod.nii", &nifti([16, 16, 16], RAS, &picture(4096))), &["no vertebra"]);
}

#[test]
fn a_dicom_folder_with_a_missing_slice() {
    let series = folder("bad-missing-slice");
    write_ct_series(&series, "1.2.3.5", &[0.0, 1.0, 2.0, 4.0, 5.0, 6.0]);
    refused(&series, &["slice", "1.2.3.5-003.dcm"]);
}

#[test]
fn a_dicom_folder_with_two_series() {
    let series = folder("bad-two-series");
    write_ct_series(&series, "1.2.3.5", &[0.0, 1.0, 2.0, 3.0]);
    write_ct_series(&series, "1.2.3.66", &[0.0, 1.0, 2.0]);
    refused(&series, &["series", "1.2.3.5", "1.2.3.66"]);
}

#[test]
fn a_dicom_folder_with_an_mr() {
    let series = folder("bad-mr");
    for instance in 1..5usize {
        let slice = Slice { modality: "MR", sop_class: MR_STORAGE, series: "1.2.3.7", instance, z_mm: instance as f64 };
        dicom::write(&series.join(format!("mr-{instance}.dcm")), &slice);
    }
    refused(&series, &["MR", "mr-1.dcm"]);
}
