//! Files in and out over `engine::io`: one module per format, bad input apart.

mod dicom;
mod dicom_bad;
mod nifti;
mod nifti_bad;
mod phantom;
mod stl;
