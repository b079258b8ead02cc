//! Radiographs of a CT as a user asks for them.

use super::{folder, message, spinenav};

const CT: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/assets/lidc-idri-0001-spine-ct.nii.gz");

#[test]
fn a_ct_gives_two_pictures_with_geometry_and_bone_as_the_energy_shows_it() {
    let out = folder("drr");
    let made = |kev: &[&str]| {
        let options = ["drr", CT, "--parallel", "--pixel-mm", "2", "--device", "cpu", "--json", "--out"];
        let mut all: Vec<String> = options.iter().map(ToString::to_string).collect();
        all.push(out.join(kev.join("-")).display().to_string());
        all.extend(kev.iter().map(ToString::to_string));
        spinenav(&all)
    };
    let pictures = |kev: &[&str], energy: f64| {
        let output = made(kev);
        assert!(output.status.success(), "{}", message(&output));
        let json: serde_json::Value = serde_json::from_slice(&output.stdout).unwrap();
        assert_eq!(json["energy_kev"], energy);
        let files: Vec<String> = serde_json::from_value(json["files"].clone()).unwrap();
        let names: Vec<&str> = files.iter().filter_map(|f| f.rsplit('/').next()).collect();
        assert_eq!(names, ["frontal.png", "frontal.json", "lateral.png", "lateral.json"]);
        files.iter().step_by(2).map(|f| std::fs::read(f).unwrap()).collect::<Vec<_>>()
    };
    assert_ne!(pictures(&[], 55.0), pictures(&["--kev", "70"], 70.0));
    let refused = made(&["--kev", "20"]);
    assert!(refused.status.code() == Some(2) && message(&refused).contains("40 to 80"), "{}", message(&refused));
}
