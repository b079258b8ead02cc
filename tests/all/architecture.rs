//! Dependencies point one way: geom <- kernels <- engine <- calib <- nav_app;
//! headset stands beside engine, drawing beside calib.

use std::process::Command;

use serde_json::Value;

/// From the lowest to the highest; a crate may use only those before it.
const ORDER: [&str; 7] = ["geom", "kernels", "headset", "engine", "calib", "drawing", "nav_app"];

pub fn metadata() -> Value {
    let output = Command::new(env!("CARGO"))
        .args(["metadata", "--format-version", "1", "--no-deps", "--offline"])
        .current_dir(concat!(env!("CARGO_MANIFEST_DIR"), "/.."))
        .output()
        .unwrap();
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    serde_json::from_slice(&output.stdout).unwrap()
}

fn packages(metadata: &Value) -> impl Iterator<Item = (&str, Vec<&str>)> {
    metadata["packages"].as_array().unwrap().iter().map(|package| {
        let dependencies = package["dependencies"].as_array().unwrap();
        let normal = dependencies.iter().filter(|d| d["kind"] != "dev").map(|d| d["name"].as_str().unwrap());
        (package["name"].as_str().unwrap(), normal.collect())
    })
}

fn rank(name: &str) -> Option<usize> {
    ORDER.iter().position(|n| *n == name)
}

#[test]
fn workspace_dependencies_point_one_way() {
    let metadata = metadata();
    let mut seen = Vec::new();
    for (name, dependencies) in packages(&metadata) {
        seen.push(name);
        let Some(own) = rank(name) else {
            assert_eq!(name, "tests", "a crate nobody gave a place in the order");
            continue;
        };
        for dependency in dependencies {
            if let Some(other) = rank(dependency) {
                assert!(other < own, "{name} depends on {dependency}, which stands above it");
            }
        }
    }
    assert!(ORDER.iter().all(|name| seen.contains(name)), "{seen:?}");
}

#[test]
fn display_and_gpu_crates_stay_where_they_belong() {
    let homes: [(&str, &[&str]); 4] = [
        ("bevy", &["nav_app"]),
        ("wgpu", &["nav_app", "kernels", "headset"]),
        ("openxr", &["headset"]),
        ("cudarc", &["kernels"]),
    ];
    for (name, dependencies) in packages(&metadata()) {
        for (dependency, allowed) in homes {
            assert!(!dependencies.contains(&dependency) || allowed.contains(&name), "{name} must not use {dependency}");
        }
    }
}
