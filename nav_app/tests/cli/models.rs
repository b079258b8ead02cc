//! A model that somebody trained elsewhere, as its user imports it.

use std::path::Path;

use super::{folder, message, spinenav};

fn golden(name: &str) -> String {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../engine/tests/nnunet_golden").join(name).display().to_string()
}

#[test]
fn an_nnunet_folder_becomes_a_model() {
    let out = folder("models-import");
    let output = spinenav(&["models", "import", &golden("plain"), "--out", &out.display().to_string(), "--json"]);
    assert_eq!(output.status.code(), Some(0), "{}", message(&output));
    let json: serde_json::Value = serde_json::from_slice(&output.stdout).unwrap();
    let files: Vec<&str> = json["files"].as_array().unwrap().iter().filter_map(|file| file.as_str()).collect();
    assert_eq!(files.len(), 2);
    assert!(files.iter().all(|file| Path::new(file).exists()), "{files:?}");

    let output = spinenav(&["models", "info", files[0], "--json"]);
    assert_eq!(output.status.code(), Some(0), "{}", message(&output));
    let info: serde_json::Value = serde_json::from_slice(&output.stdout).unwrap();
    assert!(info["parameters"].as_u64().is_some_and(|n| n > 10_000), "{info:#}");
    assert!(info["licence"].is_string(), "{info:#}");
}

#[test]
fn a_checkpoint_cut_short_is_bad_input() {
    let bad = folder("models-cut");
    std::fs::create_dir_all(bad.join("fold_0")).unwrap();
    for file in ["plans.json", "dataset.json"] {
        std::fs::copy(Path::new(&golden("plain")).join(file), bad.join(file)).unwrap();
    }
    let whole = std::fs::read(Path::new(&golden("plain")).join("fold_0/checkpoint_final.pth")).unwrap();
    std::fs::write(bad.join("fold_0/checkpoint_final.pth"), &whole[..whole.len() / 2]).unwrap();
    let out = folder("models-cut-out").display().to_string();
    let output = spinenav(&["models", "import", &bad.display().to_string(), "--out", &out]);
    assert_eq!(output.status.code(), Some(3), "{}", message(&output));
    assert!(message(&output).contains("checkpoint_final.pth"), "{}", message(&output));
}

#[test]
fn every_model_that_ships_says_what_it_is_for_and_how_good_it_is() {
    let output = spinenav(&["models", "list", "--json"]);
    assert_eq!(output.status.code(), Some(0), "{}", message(&output));
    let json: serde_json::Value = serde_json::from_slice(&output.stdout).unwrap();
    let models = json["models"].as_array().unwrap();
    assert_eq!(models.len(), 8);
    for model in models {
        assert!(model["role"].is_string() && model["licence"].is_string(), "{model:#}");
        assert!(model["parameters"].as_u64().is_some_and(|n| n > 100_000), "{model:#}");
        assert!(model["training_data"].as_array().is_some_and(|data| !data.is_empty()), "{model:#}");
    }
    let text = spinenav(&["models", "list"]);
    let text = String::from_utf8_lossy(&text.stdout).into_owned();
    assert_eq!(text.matches("Dice: ").count(), 8, "{text}");
}

#[test]
fn a_mode_that_does_not_fit_the_model_is_wrong_use_and_says_why() {
    let out = folder("mode-refused").display().to_string();
    let refused = |model: &str, mode: &str| {
        let output = spinenav(&["segment", "no-such.nii", "--out", &out, "--model", model, "--mode", mode]);
        assert_eq!(output.status.code(), Some(2), "{}", message(&output));
        message(&output)
    };
    assert!(refused("compact-spine", "box128").contains("voxels of 2.5 mm"));
    assert!(refused("mafu-instances", "patches").contains("its modes: windows"));
    assert!(refused("lumbar-localiser", "patches").contains("step of another model"));
    assert!(refused("compact-spine", "sideways").contains("patches, box128, slabs, windows"));
    assert!(refused("unknown", "patches").contains("mafu-instances"));
}
