//! What ships inside the program, so that one file is enough to run it.
//!
//! Sources and licences are in `NOTICE`.

/// A crop of LIDC-IDRI-0001 around the thoracolumbar spine, 1 mm; made by
/// `scripts/make_demo_ct.py`.
pub const DEMO_CT: &[u8] = include_bytes!("../assets/lidc-idri-0001-spine-ct.nii.gz");

/// Its reference labels, VerSe numbers.
pub const DEMO_LABELS: &[u8] = include_bytes!("../assets/lidc-idri-0001-spine-labels.nii.gz");

/// A model that ships; trained by `engine/training`.
#[derive(Debug, Clone, Copy)]
pub struct ShippedModel {
    /// What `--model` calls it.
    pub name: &'static str,
    /// Its weights, safetensors.
    pub weights: &'static [u8],
    /// Its card, JSON.
    pub card: &'static [u8],
}

macro_rules! shipped {
    ($($name:literal),+) => {
        [$(ShippedModel {
            name: $name,
            weights: include_bytes!(concat!("../../engine/models/", $name, ".safetensors")),
            card: include_bytes!(concat!("../../engine/models/", $name, ".json")),
        }),+]
    };
}

/// All models that ship, the default one first.
pub const MODELS: [ShippedModel; 6] = shipped!(
    "compact-spine",
    "mafu-instances",
    "dense-3d-spine",
    "residual-spine-pelvis",
    "xunet-lumbar",
    "lumbar-localiser"
);

/// The model that ships under a name.
pub fn model(name: &str) -> Option<ShippedModel> {
    MODELS.into_iter().find(|model| model.name == name)
}

/// The networks for radiographs: boxes, then outlines; trained by `engine/training/radiographs`.
pub const RADIOGRAPH_MODELS: [ShippedModel; 2] = shipped!("radiograph-detector", "radiograph-contour");

/// The reference labels of the CT that ships, by way of a file in `folder`.
pub fn demo_labels(folder: &std::path::Path) -> anyhow::Result<engine::volume::LabelMap> {
    use anyhow::Context;
    let path = folder.join("reference-labels.nii.gz");
    std::fs::write(&path, DEMO_LABELS).with_context(|| format!("cannot write {}", path.display()))?;
    Ok(engine::io::read_labels(&path, &engine::io::Limits::default())?.value)
}

/// The CT that ships and its reference labels, by way of a folder that is gone
/// afterwards.
pub fn demo_ct_and_labels() -> anyhow::Result<(engine::volume::Volume, engine::volume::LabelMap)> {
    use engine::io::{Limits, read_ct};
    let folder = std::env::temp_dir().join(format!("spinenav-shipped-{}", std::process::id()));
    std::fs::create_dir_all(&folder)?;
    let path = folder.join("ct.nii.gz");
    let read = std::fs::write(&path, DEMO_CT)
        .map_err(anyhow::Error::from)
        .and_then(|()| Ok((read_ct(&path, &Limits::default())?.value, demo_labels(&folder)?)));
    // A folder that stays behind does no harm.
    let _ = std::fs::remove_dir_all(&folder);
    read
}
