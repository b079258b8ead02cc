//! Promises about the source text itself.

use std::path::{Path, PathBuf};

fn root() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("..")
}

fn rust_files(folder: &Path, found: &mut Vec<PathBuf>) {
    for entry in std::fs::read_dir(folder).unwrap().flatten() {
        let path = entry.path();
        if path.is_dir() && path.file_name().is_some_and(|n| n != "target" && n != ".git") {
            rust_files(&path, found);
        } else if path.extension().is_some_and(|e| e == "rs") {
            found.push(path);
        }
    }
}

fn sources_of(folders: &[&str]) -> Vec<(PathBuf, String)> {
    let mut files = Vec::new();
    for folder in folders {
        rust_files(&root().join(folder), &mut files);
    }
    assert!(!files.is_empty());
    files.into_iter().map(|f| (f.clone(), std::fs::read_to_string(f).unwrap())).collect()
}

#[test]
fn unsafe_code_lives_in_kernels_only() {
    for (path, text) in sources_of(&["engine", "calib", "nav_app"]) {
        let code = text.lines().filter(|l| !l.trim_start().starts_with("//"));
        assert!(!code.clone().any(|l| l.contains("unsafe ")), "{} holds unsafe code", path.display());
    }
}

#[test]
fn every_module_says_what_it_is_for() {
    for (path, text) in sources_of(&["engine", "kernels", "calib", "nav_app", "tests"]) {
        assert!(text.starts_with("//!"), "{} has no //! at its top", path.display());
    }
}

#[test]
fn what_ships_carries_its_attribution() {
    let notice = std::fs::read_to_string(root().join("NOTICE")).unwrap();
    for name in ["LIDC-IDRI-0001", "10.7937/K9/TCIA.2015.LO9QL9SX", "CC BY 3.0", "VerSe", "CC BY-SA 4.0"] {
        assert!(notice.contains(name), "NOTICE does not mention {name}");
    }
}
