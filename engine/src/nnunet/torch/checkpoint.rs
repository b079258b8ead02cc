//! An nnU-Net checkpoint: names, settings, weights.

use std::collections::BTreeMap;
use std::fs::File;
use std::io::{Read, Seek};
use std::path::Path;

use super::archive::Archive;
use super::error::CheckpointError;
use super::pickle;
use super::storage;
use super::value::{Document, Id, TensorPlace, Value};

/// Largest `data.pkl`, bytes; nnU-Net's have ten million at most.
const MAX_PICKLE: u64 = 64 << 20;
/// Largest storage, bytes.
const MAX_STORAGE: u64 = 4 << 30;
/// Prefixes that wrappers of the network leave in names.
const WRAPPERS: [&str; 2] = ["module.", "_orig_mod."];

/// An open checkpoint; weights are read when asked for.
#[derive(Debug)]
pub struct Checkpoint<R> {
    archive: Archive<R>,
    weights: BTreeMap<String, TensorPlace>,
    /// Class that trained the network, such as `nnUNetTrainerNoMirroring`.
    pub trainer: String,
    /// Configuration that was trained, such as `3d_fullres`.
    pub configuration: String,
    /// Axes of the network's input that may be mirrored, from those trained so.
    pub mirror_axes: Vec<usize>,
}

impl Checkpoint<File> {
    /// Opens `fold_X/checkpoint_final.pth`.
    ///
    /// # Errors
    /// [`CheckpointError`]: what is wrong with the file.
    pub fn open(path: &Path) -> Result<Self, CheckpointError> {
        Self::from_reader(File::open(path)?)
    }
}

impl<R: Read + Seek> Checkpoint<R> {
    /// From anything that reads and seeks.
    ///
    /// # Errors
    /// [`CheckpointError`]: what is wrong with the content.
    ///
    /// Cost: the pickle is read, the weights are not.
    pub fn from_reader(reader: R) -> Result<Self, CheckpointError> {
        let mut archive = Archive::open(reader)?;
        if archive.size("byteorder").is_some() && archive.read("byteorder", 16)? != b"little" {
            let what = "says the numbers are not little-endian; save it anew on an ordinary computer";
            return Err(CheckpointError::Entry { entry: "byteorder".into(), what: what.into() });
        }
        let document = pickle::read(&archive.read("data.pkl", MAX_PICKLE)?)?;
        let root = document.root;
        let missing = |name| move || CheckpointError::Missing(name);
        let weights = document.entry(root, "network_weights").ok_or_else(missing("network_weights"))?;
        let weights = collect_weights(&document, weights)?;
        let trainer = document.text(root, "trainer_name").ok_or_else(missing("trainer_name"))?.to_owned();
        let arguments = document.entry(root, "init_args").ok_or_else(missing("init_args"))?;
        let configuration = document.text(arguments, "configuration");
        let configuration = configuration.ok_or_else(missing("init_args/configuration"))?.to_owned();
        let axes = document.entry(root, "inference_allowed_mirroring_axes");
        let axes = axes.and_then(|id| document.numbers(id)).unwrap_or_default();
        let mirror_axes = axes.into_iter().filter_map(|axis| usize::try_from(axis).ok()).filter(|a| *a < 3).collect();
        Ok(Self { archive, weights, trainer, configuration, mirror_axes })
    }

    /// Names of all weights.
    pub fn names(&self) -> impl Iterator<Item = &str> {
        self.weights.keys().map(String::as_str)
    }

    /// Whether there is a weight of this name.
    #[must_use]
    pub fn contains(&self, name: &str) -> bool {
        self.weights.contains_key(name)
    }

    /// A weight as f32, last axis fastest.
    ///
    /// # Errors
    /// [`CheckpointError::Weight`] when it is missing, has another shape, lies
    /// beyond its storage, or holds NaN or infinity; otherwise as the file is.
    pub fn tensor(&mut self, name: &str, shape: &[usize]) -> Result<Vec<f32>, CheckpointError> {
        let fail = |what: String| CheckpointError::Weight { name: name.to_owned(), what };
        let place =
            self.weights.get(name).ok_or_else(|| fail("is missing; does the plans file belong to it?".into()))?;
        if place.shape.iter().map(|n| usize::try_from(*n).ok()).ne(shape.iter().map(|n| Some(*n))) {
            return Err(fail(format!("has shape {:?}, the plans need {shape:?}", place.shape)));
        }
        let entry = format!("data/{}", place.key);
        let count = storage::check(place, self.archive.size(&entry).unwrap_or(0)).map_err(fail)?;
        let bytes = self.archive.read(&entry, MAX_STORAGE)?;
        let numbers = storage::gather(place, &bytes, count);
        match numbers.iter().position(|n| !n.is_finite()) {
            Some(index) => {
                let fail = |what: String| CheckpointError::Weight { name: name.to_owned(), what };
                Err(fail(format!(
                    "has {} at index {index}; the training diverged or the file is damaged",
                    numbers[index]
                )))
            }
            None => Ok(numbers),
        }
    }
}

/// Tensors by name; anything else among the weights is refused.
fn collect_weights(document: &Document, weights: Id) -> Result<BTreeMap<String, TensorPlace>, CheckpointError> {
    let fail = |name: &str, what: String| CheckpointError::Weight { name: name.to_owned(), what };
    let pairs = match document.get(weights) {
        Value::Dict(pairs) => pairs,
        Value::Opaque(what) => {
            return Err(fail("network_weights", format!("would need `{what}`, which is not executed")));
        }
        _ => return Err(fail("network_weights", "is no dictionary".into())),
    };
    let mut found = BTreeMap::new();
    for (key, value) in pairs {
        let Value::Text(name) = document.get(*key) else {
            return Err(fail("network_weights", "has a name that is no text".into()));
        };
        let mut short = name.as_str();
        while let Some(rest) = WRAPPERS.iter().find_map(|wrapper| short.strip_prefix(wrapper)) {
            short = rest;
        }
        match document.get(*value) {
            Value::Tensor(place) => drop(found.insert(short.to_owned(), TensorPlace::clone(place))),
            Value::Opaque(what) | Value::Global(_, what) => {
                return Err(fail(name, format!("would need `{what}`, which is not executed")));
            }
            _ => return Err(fail(name, "is no tensor".into())),
        }
    }
    Ok(found)
}
