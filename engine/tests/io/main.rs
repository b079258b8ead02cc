//! Files in and out over `engine::io`: one module per format, bad input apart.
#![allow(clippy::unwrap_used, clippy::panic, reason = "helpers of tests fail by panicking, like the tests")]

mod bad_files;
mod dicom;
mod dicom_bad;
mod fuzz;
mod nifti;
mod nifti_bad;
mod pdu_fuzz;
mod phantom;
mod picture;
mod receiver;
mod stl;
