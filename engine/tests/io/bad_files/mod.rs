//! Three hundred files that nobody should send, one list a format: each is
//! refused in words that say what is wrong.
//!
//! `collection` makes them; the same files seed the fuzzer beside.

mod dicom;
mod meshes;
mod models;
mod nifti;
mod pictures;
mod text_headers;
mod texts;

use std::time::{Duration, Instant};

use engine::io::{self, Limits, numbers};
use engine::measure::Corrections;
use engine::rehearsal::Script;
use engine::segment::Model;
use engine::track::recording::{Recording, RecordingLimits};
use engine::track::{ToolId, ToolNames};
use kernels::Weights;

use crate::phantom::Folder;

/// What reads a file.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Door {
    /// A CT of any format.
    Ct,
    /// A label map.
    Labels,
    /// One slice of a DICOM series whose others are good.
    DicomSlice,
    /// An STL mesh.
    Mesh,
    /// Touched points, three numbers a line.
    Points,
    /// A 4x4 matrix.
    Matrix,
    /// Corrections of a measurement.
    Corrections,
    /// A rehearsal.
    Script,
    /// Card of a network.
    Card,
    /// Weights of a network.
    Weights,
    /// A PLUS recording.
    Recording,
    /// A radiograph of any format.
    Picture,
}

/// A file that must be refused.
pub struct Bad {
    pub name: String,
    pub door: Door,
    pub bytes: Vec<u8>,
    /// One of these must be said.
    pub said: &'static [&'static str],
}

impl Bad {
    pub fn new(door: Door, name: impl Into<String>, bytes: impl Into<Vec<u8>>, said: &'static [&'static str]) -> Self {
        Self { name: name.into(), door, bytes: bytes.into(), said }
    }
}

/// All of them.
pub fn collection() -> Vec<Bad> {
    let volumes = [nifti::files(), text_headers::files(), dicom::files()];
    let others = [meshes::files(), models::files(), texts::files(), pictures::files()];
    volumes.into_iter().chain(others).flatten().collect()
}

/// Reads `bytes` through `door`: what it says, or `None` when it takes the file.
pub fn refusal(door: Door, bytes: &[u8], folder: &Folder) -> Option<String> {
    let limits = Limits::default();
    let file = || folder.file("file.bin", bytes);
    match door {
        Door::Ct => io::read_ct(&file(), &limits).err().map(|e| e.to_string()),
        Door::Labels => io::read_labels(&file(), &limits).err().map(|e| e.to_string()),
        Door::DicomSlice => {
            folder.file("001.dcm", bytes);
            io::read_ct(folder.path(), &limits).err().map(|e| e.to_string())
        }
        Door::Mesh => io::stl::read(&file(), &limits).err().map(|e| e.to_string()),
        Door::Picture => io::picture::read_picture(&file(), &limits).err().map(|e| e.to_string()),
        Door::Points => numbers::read_rows::<3>(&file(), "x y z").err().map(|e| e.to_string()),
        Door::Matrix => numbers::read_matrix(&file()).err().map(|e| e.to_string()),
        Door::Corrections => Corrections::read(&file()).err().map(|e| e.to_string()),
        Door::Script => Script::from_json(&String::from_utf8_lossy(bytes)).err().map(|e| e.to_string()),
        Door::Card => Model::from_bytes(&[], bytes).err().map(|e| chain(&e)),
        Door::Weights => Weights::from_safetensors(bytes).err().map(|e| chain(&e)),
        Door::Recording => {
            let names = ToolNames::new(Some("ReferenceToTracker"), &[("StylusToTracker", ToolId(1))]).unwrap();
            Recording::read(&file(), &names, &RecordingLimits::default()).err().map(|e| e.to_string())
        }
    }
}

fn chain(error: &dyn std::error::Error) -> String {
    let below = error.source().map(chain).unwrap_or_default();
    format!("{error} {below}")
}

/// A folder with the good slices of a series around the place of the bad one.
pub fn folder_for(door: Door) -> Folder {
    let folder = Folder::new();
    if door == Door::DicomSlice {
        let slices = crate::dicom::series(&crate::dicom::AXIAL);
        slices.iter().take(5).filter(|s| s.name != "001.dcm").for_each(|s| drop(s.write(folder.path())));
    }
    folder
}

#[test]
fn three_hundred_bad_files_are_refused_each_with_its_reason() {
    let all = collection();
    let mut wrong = Vec::new();
    let (mut slowest, mut slowest_name) = (Duration::ZERO, String::new());
    for bad in &all {
        let folder = folder_for(bad.door);
        let since = Instant::now();
        let said = refusal(bad.door, &bad.bytes, &folder);
        let took = since.elapsed();
        if took > slowest {
            (slowest, slowest_name) = (took, bad.name.clone());
        }
        match said {
            None => wrong.push(format!("{:?} {}: taken", bad.door, bad.name)),
            Some(text) if !bad.said.iter().any(|s| text.contains(s)) => {
                wrong.push(format!("{:?} {}: {text:?} says none of {:?}", bad.door, bad.name, bad.said));
            }
            Some(_) => {}
        }
    }
    println!("{} bad files; the slowest, {slowest_name}, took {slowest:?}", all.len());
    assert!(all.len() >= 300, "{} files", all.len());
    assert!(wrong.is_empty(), "{} of {}\n{}", wrong.len(), all.len(), wrong.join("\n"));
}
