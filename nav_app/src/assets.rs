//! What ships inside the program, so that one file is enough to run it.
//!
//! Sources and licences are in `NOTICE`.

/// A crop of LIDC-IDRI-0001 around the thoracolumbar spine, 1 mm; made by
/// `scripts/make_demo_ct.py`.
pub const DEMO_CT: &[u8] = include_bytes!("../assets/lidc-idri-0001-spine-ct.nii.gz");

/// Its reference labels, VerSe numbers.
pub const DEMO_LABELS: &[u8] = include_bytes!("../assets/lidc-idri-0001-spine-labels.nii.gz");

/// Weights of the model that ships; trained by `engine/training`.
pub const COMPACT_SPINE_WEIGHTS: &[u8] = include_bytes!("../../engine/models/compact-spine.safetensors");

/// Its card.
pub const COMPACT_SPINE_CARD: &[u8] = include_bytes!("../../engine/models/compact-spine.json");

/// The reference labels of the CT that ships, by way of a file in `folder`.
pub fn demo_labels(folder: &std::path::Path) -> anyhow::Result<engine::volume::LabelMap> {
    use anyhow::Context;
    let path = folder.join("reference-labels.nii.gz");
    std::fs::write(&path, DEMO_LABELS).with_context(|| format!("cannot write {}", path.display()))?;
    Ok(engine::io::read_labels(&path, &engine::io::Limits::default())?.value)
}
