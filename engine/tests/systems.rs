//! Every published system, end to end, with the weights that ship on the CT
//! that ships: a surgeon who picks a system gets vertebrae from it.
//!
//! The CT was trained on; the floors say that a system does here what its card
//! says, not how good it is on a patient. Figures: `docs/networks.md`.
#![allow(clippy::unwrap_used, clippy::panic, reason = "helpers of tests fail by panicking, like the tests")]

use std::path::{Path, PathBuf};

use engine::case::Case;
use engine::io::{Limits, read_ct, read_labels};
use engine::segment::metrics::compare;
use engine::segment::{Method, Mode, Model, SegmentError, Silent, System, segment};
use engine::volume::{LabelMap, Volume};

/// The lowest 125 mm of the CT: T12 to L3, T11 and L3 cut.
const SLICES: std::ops::Range<usize> = 0..125;

fn asset(name: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../nav_app/assets").join(name)
}

fn model(name: &str) -> Model {
    Model::from_file(&Path::new(env!("CARGO_MANIFEST_DIR")).join(format!("models/{name}.safetensors"))).unwrap()
}

fn system(name: &str, mode: Option<Mode>) -> System {
    let model = model(name);
    let companion = model.card.needs.clone().map(|needs| self::model(&needs));
    System::new(model, companion, mode).unwrap()
}

/// Part of the CT that ships, and its reference labels.
fn scan() -> (Volume, LabelMap) {
    let ct = read_ct(&asset("lidc-idri-0001-spine-ct.nii.gz"), &Limits::default()).unwrap().value;
    let labels = read_labels(&asset("lidc-idri-0001-spine-labels.nii.gz"), &Limits::default()).unwrap().value;
    let [nx, ny, _] = ct.grid.size();
    let part = [0..nx, 0..ny, SLICES];
    (ct.crop(&part).unwrap(), labels.crop(&part).unwrap())
}

/// Dice that the card promises on the CT this one is a part of, less what a
/// part may differ; 0 where nothing was measured.
fn floor(model: &Model, mode: Mode) -> f64 {
    let measured = model.card.more["measured"].as_array().cloned().unwrap_or_default();
    let mine = measured.iter().filter(|m| m["mode"].is_null() || m["mode"] == mode.to_string());
    let chest = mine.filter(|m| m["ct"].as_str().is_some_and(|ct| ct.starts_with("LIDC-IDRI-0001")));
    let dice: Vec<f64> = chest.filter_map(|m| m["vertebra_dice"].as_f64()).collect();
    dice.iter().copied().reduce(f64::min).map_or(0.0, |dice| (dice - 0.2).max(0.0))
}

/// Runs a system: vertebrae with surfaces, each level once, on the grid of the
/// CT, as good as its card says. A network that trained too little for a card
/// that promises anything may say that it finds none.
fn check(name: &str, mode: Option<Mode>) {
    let (ct, mut truth) = scan();
    let system = system(name, mode);
    // A network of the lumbar spine is judged on that, as in its card.
    let is_lumbar = name == "xunet-lumbar";
    truth.labels.iter_mut().filter(|label| is_lumbar && !(20..=25).contains(*label)).for_each(|label| *label = 0);
    let least_dice = floor(system.model(), system.mode());
    let method = Method::Network(Box::new(system));
    let case: Case = match segment(ct, &method, &kernels::Cpu::new(), &mut Silent) {
        Ok(case) => case,
        Err(SegmentError::NoSpine { .. } | SegmentError::NoLumbarSpine { .. }) if least_dice == 0.0 => return,
        Err(error) => panic!("{name}: {error}"),
    };
    assert_eq!(case.labels.grid, case.ct.grid);
    assert!(!case.vertebrae.is_empty());
    for vertebra in &case.vertebrae {
        assert!(!vertebra.mesh.triangles.is_empty() && vertebra.voxels > 0, "{name} {}", vertebra.level);
        assert_eq!(case.vertebrae.iter().filter(|v| v.level == vertebra.level).count(), 1, "{name}");
        assert!((0.0..=1.0).contains(&vertebra.confidence), "{name} {}", vertebra.level);
    }
    let comparison = compare(&case.labels, &truth).unwrap();
    println!("{name}: column {:.3}, levels {:.3}", comparison.column.dice, comparison.matched_dice_mean);
    assert!(comparison.column.dice >= least_dice, "{name}: {comparison:?}");
}

#[test]
fn the_own_network() {
    check("compact-spine", None);
}

#[test]
fn system_a_in_patches() {
    check("dense-3d-spine", Some(Mode::Patches));
}

#[test]
fn system_a_in_a_box() {
    check("dense-3d-spine", Some(Mode::Box128));
}

#[test]
fn system_b() {
    check("mafu-instances", None);
}

#[test]
fn system_c() {
    check("residual-spine-pelvis", None);
}

#[test]
fn system_d() {
    check("xunet-lumbar", None);
}
