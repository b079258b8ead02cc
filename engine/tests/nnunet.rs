//! Models made by nnU-Net itself: imported without Python, they must label a
//! CT as nnU-Net does. `scripts/make_nnunet_model.py` made the golden files.
#![allow(clippy::unwrap_used, reason = "helpers of tests fail by panicking, like the tests")]

use std::fs;
use std::path::{Path, PathBuf};

use engine::io::{Limits, read_ct, read_labels};
use engine::nnunet::card::{Normalization, Resampling};
use engine::nnunet::{Axes, ImportSettings, NnunetModel, PredictSettings, import};
use engine::segment::Progress;
use engine::volume::{LabelMap, Volume};
use kernels::{Cpu, Precision};

/// First voxel and size of the crop, x y z; as in the script.
const CROP: [std::ops::Range<usize>; 3] = [40..116, 30..114, 150..240];

struct Silent;

impl Progress for Silent {
    fn stage(&mut self, _: &'static str) {}
    fn fraction(&mut self, _: f64) {}
}

fn golden(name: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/nnunet_golden").join(name)
}

fn ct() -> Volume {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("../nav_app/assets/lidc-idri-0001-spine-ct.nii.gz");
    read_ct(&path, &Limits::default()).unwrap().value.crop(&CROP).unwrap()
}

/// A folder that is removed at the end.
struct Folder(PathBuf);

impl Folder {
    fn new(name: &str) -> Self {
        let path = std::env::temp_dir().join(format!("spinenav-nnunet-{name}-{}", std::process::id()));
        let _ = fs::remove_dir_all(&path);
        fs::create_dir_all(&path).unwrap();
        Self(path)
    }

    /// A copy of a golden model.
    fn copy_of(name: &str, purpose: &str) -> Self {
        let folder = Self::new(purpose);
        fs::create_dir(folder.0.join("fold_0")).unwrap();
        for file in ["plans.json", "dataset.json", "fold_0/checkpoint_final.pth"] {
            fs::copy(golden(name).join(file), folder.0.join(file)).unwrap();
        }
        folder
    }

    fn refusal(&self, settings: &ImportSettings) -> String {
        import(&self.0, settings).err().map_or_else(|| "accepted".into(), |error| error.to_string())
    }

    fn edit(&self, file: &str, from: &str, to: &str) {
        let path = self.0.join(file);
        let text = fs::read_to_string(&path).unwrap();
        assert!(text.contains(from), "{file} has no {from}");
        fs::write(path, text.replace(from, to)).unwrap();
    }
}

impl Drop for Folder {
    fn drop(&mut self) {
        let _ = fs::remove_dir_all(&self.0);
    }
}

/// Imports, writes, reads back, runs.
fn predict(name: &str) -> LabelMap {
    let folder = Folder::new(name);
    let [weights, _] = import(&golden(name), &ImportSettings::default()).unwrap().write(&folder.0).unwrap();
    let mut model = NnunetModel::from_file(&Cpu::new(), &weights, Precision::F32).unwrap();
    model.segment(&ct(), &PredictSettings::default(), &mut Silent).unwrap()
}

/// nnU-Net's predictor sums windows in half precision, so that labels differ
/// where two logits agree to a thousandth: 0.09 % of the voxels of these
/// networks, which never learnt. In single precision hardly any may differ.
fn assert_agrees(name: &str) {
    let found = predict(name);
    for (file, least) in [("labels.nii.gz", 0.999), ("labels_single.nii.gz", 0.9999)] {
        let expected = read_labels(&golden(name).join(file), &Limits::default()).unwrap().value;
        assert_eq!(found.grid.size(), expected.grid.size());
        let equal = found.labels.iter().zip(&expected.labels).filter(|(a, b)| a == b).count();
        let share = equal as f64 / found.labels.len() as f64;
        println!("{name}, {file}: {:.4} % of {} voxels agree", 100.0 * share, found.labels.len());
        assert!(share >= least, "{file}: {share}");
    }
}

#[test]
fn a_plain_unet_labels_a_ct_as_nnunet_does() {
    assert_agrees("plain");
}

#[test]
fn a_residual_unet_with_thick_slices_and_turned_axes_labels_a_ct_as_nnunet_does() {
    assert_agrees("residual");
}

#[test]
fn the_card_tells_what_the_plans_say() {
    let card = import(&golden("plain"), &ImportSettings::default()).unwrap().card;
    assert_eq!(card.source.architecture, "PlainConvUNet");
    assert_eq!((card.source.configuration.as_str(), card.source.fold.as_str()), ("3d_fullres", "0"));
    assert_eq!(card.labels.len(), 5);
    assert_eq!(card.labels[2].name, "second");
    let p = &card.preprocessing;
    assert_eq!((p.patch_voxels, p.spacing_mm), ([32, 40, 48], [Some(1.5); 3]));
    assert_eq!(p.normalization, Normalization::Ct { low_hu: -930.0, high_hu: 1180.0, mean_hu: 92.25, std_hu: 321.5 });
    assert_eq!(p.data_resampling, Resampling::Spline { order: 3, order_z: 0, force_separate_z: None });
    assert_eq!((p.axes, p.mirror_axes.as_slice()), (Axes::AsStored, [0, 1, 2].as_slice()));
    assert_eq!(card.training_data, "unknown");
    // Counted by hand: encoder 1992 + 10464 + 41664, decoder 24944 + 6264, head 45.
    assert_eq!(card.parameters, 85_373);
    // By stage: 0.119 + 0.080 + 0.040 down, 0.163 + 0.326 up, 0.002 head.
    assert!((card.gmac_per_patch - 0.7309).abs() < 1e-3, "{}", card.gmac_per_patch);
}

#[test]
fn mirrored_windows_agree_mostly_with_plain_ones() {
    let imported = import(&golden("residual"), &ImportSettings::default()).unwrap();
    let small = ct().crop(&[0..40, 0..48, 0..40]).unwrap();
    let labels = |mirror: bool| {
        let mut model =
            NnunetModel::new(&Cpu::new(), imported.card.clone(), &imported.weights, Precision::F32).unwrap();
        model.segment(&small, &PredictSettings { mirror }, &mut Silent).unwrap().labels
    };
    let (plain, mirrored) = (labels(false), labels(true));
    let equal = plain.iter().zip(&mirrored).filter(|(a, b)| a == b).count();
    // A network that never learnt gives another, but not an unrelated answer.
    assert!(equal > plain.len() / 3 && equal < plain.len(), "{equal} of {}", plain.len());
}

#[test]
fn plans_that_do_not_belong_to_the_checkpoint_are_refused() {
    let folder = Folder::copy_of("plain", "foreign-plans");
    fs::copy(golden("residual").join("plans.json"), folder.0.join("plans.json")).unwrap();
    let text = folder.refusal(&ImportSettings::default());
    assert!(text.contains("checkpoint_final.pth") && text.contains("has a weight `"), "{text}");

    let folder = Folder::copy_of("plain", "wider-plans");
    folder.edit("plans.json", r#""UNet_base_num_features": 8"#, r#""UNet_base_num_features": 16"#);
    let text = folder.refusal(&ImportSettings::default());
    assert!(text.contains("has shape [8, 1, 3, 3, 3], the plans need [16, 1, 3, 3, 3]"), "{text}");

    let folder = Folder::copy_of("plain", "more-labels");
    folder.edit("dataset.json", r#""fourth": 4"#, r#""fourth": 4, "fifth": 5"#);
    let text = folder.refusal(&ImportSettings::default());
    assert!(text.contains("decoder.seg_layers.1") && text.contains("[6, 8, 1, 1, 1]"), "{text}");
}

#[test]
fn a_folder_that_is_no_model_is_refused_with_advice() {
    let folder = Folder::copy_of("plain", "no-model");
    let with = |configuration: &str, fold: &str| ImportSettings {
        configuration: Some(configuration.into()),
        fold: Some(fold.into()),
        axes: None,
    };
    assert!(folder.refusal(&with("3d_fullres", "3")).contains("fold_3"));
    assert!(folder.refusal(&with("3d_fullres", "../..")).contains("no fold"));
    assert!(folder.refusal(&with("3d_lowres", "0")).contains("trained as `3d_fullres`"));
    assert_eq!(folder.refusal(&with("3d_fullres", "0")), "accepted");

    let checkpoint = folder.0.join("fold_0/checkpoint_final.pth");
    let bytes = fs::read(&checkpoint).unwrap();
    fs::write(&checkpoint, &bytes[..bytes.len() / 2]).unwrap();
    assert!(folder.refusal(&ImportSettings::default()).contains("cut short"));
    fs::remove_file(folder.0.join("dataset.json")).unwrap();
    assert!(folder.refusal(&ImportSettings::default()).contains("dataset.json"));
}

#[test]
fn a_card_that_does_not_fit_its_weights_is_refused() {
    let folder = Folder::new("card");
    let [weights, card] = import(&golden("plain"), &ImportSettings::default()).unwrap().write(&folder.0).unwrap();
    let load = || NnunetModel::from_file(&Cpu::new(), &weights, Precision::F32).err().map(|e| e.to_string());
    assert_eq!(load(), None);
    let text = fs::read_to_string(&card).unwrap();
    for (from, to, named) in [
        (r#""kind": "nnunet-v2""#, r#""kind": "compact-unet""#, "kind"),
        ("decoder.seg_layers.1", "decoder.seg_layers.7", "decoder.seg_layers.7"),
        (r#""number": 4"#, r#""number": 9"#, "labels"),
        (r#""licence""#, r#""license""#, "license"),
        (r#""parameters""#, r#""patch_voxels": [1, 1, 1], "parameters""#, "patch_voxels"),
    ] {
        assert!(text.contains(from));
        fs::write(&card, text.replace(from, to)).unwrap();
        let refusal = load().unwrap_or_else(|| "accepted".into());
        assert!(refusal.contains(named), "{from}: {refusal}");
    }
}
