//! Images read by another process of the program: the same voxels, and an
//! answer whatever that process does.
#![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

use std::path::{Path, PathBuf};
use std::time::Duration;

use engine::io::{self, Limits, ReaderProcess};
use engine::volume::{Grid, Volume};

fn reader() -> ReaderProcess {
    let program = PathBuf::from(env!("CARGO_BIN_EXE_spinenav"));
    ReaderProcess { program, arguments: vec!["--quiet".into(), "read-image".into()] }
}

/// A CT of 30 million voxels, so that limits have something to bite on.
fn large(name: &str, edge: usize) -> PathBuf {
    let grid = Grid::axis_aligned([edge, edge, 100], [0.5, 0.5, 2.5], [1.0, 2.0, 3.0].into()).unwrap();
    let hu = (0..grid.len()).map(|i| (i % 2000) as f32 - 1000.0).collect();
    let path = std::env::temp_dir().join(format!("spinenav-untrusted-{}-{name}.nii.gz", std::process::id()));
    io::nifti::write_volume(&path, &Volume { grid, hu }).unwrap();
    path
}

fn said(path: &Path, limits: &Limits) -> String {
    reader().read_ct(path, limits).map(|l| l.warnings).unwrap_err().to_string()
}

#[test]
fn another_process_reads_the_same_and_its_end_is_only_a_bad_file() {
    let path = large("same", 60);
    let (here, there) =
        (io::read_ct(&path, &Limits::default()).unwrap(), reader().read_ct(&path, &Limits::default()).unwrap());
    assert_eq!((here.value.hu, here.value.grid), (there.value.hu, there.value.grid));
    let words = |warnings: &[io::Warning]| warnings.iter().map(ToString::to_string).collect::<Vec<_>>();
    assert_eq!(words(&here.warnings), words(&there.warnings));
    assert!(!there.warnings.is_empty(), "2.5 mm must warn");
    std::fs::remove_file(&path).unwrap();

    let path = large("limits", 550);
    let small = Limits { memory: 100 << 20, ..Limits::default() };
    assert!(said(&path, &small).contains("it may use 100 MiB"), "{}", said(&path, &small));
    let hasty = Limits { time: Duration::ZERO, ..Limits::default() };
    assert!(said(&path, &hasty).contains("not read within 0 s"), "{}", said(&path, &hasty));
    std::fs::write(&path, b"Dear colleague").unwrap();
    assert!(said(&path, &Limits::default()).contains("text file"));
    std::fs::remove_file(&path).unwrap();
    let nobody = ReaderProcess { program: "/nowhere/spinenav".into(), arguments: Vec::new() };
    assert!(nobody.read_ct(&path, &Limits::default()).unwrap_err().to_string().contains("cannot be started"));
}
