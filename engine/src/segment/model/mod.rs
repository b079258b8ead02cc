//! Networks on disk: weights in safetensors, a card in JSON beside them.
//!
//! | module | what it holds |
//! |---|---|
//! | `card` | what a card says |
//! | `check` | what it must not say |
//! | `network` | from a card to a program |

mod card;
mod check;
mod network;
#[cfg(test)]
pub(super) mod tests;

use std::path::{Path, PathBuf};
use std::sync::Arc;

use kernels::{NetworkError, Program, Weights};
use thiserror::Error;

use crate::io::bounded::{TEXT_BYTES, WEIGHTS_BYTES, read_bounded};

pub use card::{CardArchitecture, InputChannel, Mode, ModelCard, OutputActivation, Preprocessing, Role, join};

/// Why a model cannot be used.
#[derive(Debug, Error)]
#[non_exhaustive]
pub enum ModelError {
    /// A file of the model cannot be read.
    #[error("cannot read {path}: {source}; a model is NAME.safetensors with its card NAME.json beside it")]
    Read {
        /// The file.
        path: PathBuf,
        /// What the system said.
        source: std::io::Error,
    },
    /// The card is not what a card must be.
    #[error("the model card is not usable: {source}")]
    Card {
        /// What the parser said, with line and column.
        source: serde_json::Error,
    },
    /// The card's values make no sense together.
    #[error("the model card says {0}")]
    Content(String),
    /// The weights do not fit the architecture.
    #[error("the weights do not fit the card: {0}")]
    Weights(#[from] NetworkError),
    /// The model does not run in the way that was asked for.
    #[error("{name} does not run in mode {mode}: {reason}; its modes: {modes}")]
    Mode {
        /// The model.
        name: String,
        /// What was asked for.
        mode: Mode,
        /// Why not.
        reason: String,
        /// What there is.
        modes: String,
    },
    /// The model is a step of another one.
    #[error("{name} gives a {role} and runs only as a step of another model; `models list` shows which")]
    Step {
        /// The model.
        name: String,
        /// What it is for.
        role: Role,
    },
    /// The model that has to run before it is missing, or another one.
    #[error("{name} needs {needs} to run before it, and was given {given}")]
    Companion {
        /// The model.
        name: String,
        /// What its card asks for.
        needs: String,
        /// What it got.
        given: String,
    },
}

/// A network ready to run.
#[derive(Debug)]
pub struct Model {
    /// Its card.
    pub card: ModelCard,
    /// From window to class probabilities; to logits and offsets when it has
    /// both; to a heat map.
    pub program: Arc<Program>,
}

impl Model {
    /// From the bytes of a weight file and its card.
    ///
    /// # Errors
    /// [`ModelError`] naming what does not fit.
    pub fn from_bytes(weights: &[u8], card: &[u8]) -> Result<Self, ModelError> {
        let card: ModelCard = serde_json::from_slice(card).map_err(|source| ModelError::Card { source })?;
        check::check(&card)?;
        let program = network::program(&card, &Weights::from_safetensors(weights)?)?;
        let divisor = program.divisor;
        let patch = card.preprocessing.patch_voxels;
        if patch.iter().zip(divisor).any(|(n, divisor)| *n == 0 || n % divisor != 0 || *n > 512) {
            let found = format!("patch_voxels {patch:?}, but this network needs multiples of {divisor:?} up to 512");
            return Err(ModelError::Content(found));
        }
        Ok(Self { card, program: Arc::new(program) })
    }

    /// From `NAME.safetensors`, with the card `NAME.json` beside it.
    ///
    /// # Errors
    /// [`ModelError`] naming the file or what does not fit.
    pub fn from_file(path: &Path) -> Result<Self, ModelError> {
        let read =
            |path: PathBuf, limit| read_bounded(&path, limit).map_err(|source| ModelError::Read { path, source });
        let card = read(path.with_extension("json"), TEXT_BYTES)?;
        let weights = read(path.to_path_buf(), WEIGHTS_BYTES)?;
        Self::from_bytes(&weights, &card)
    }

    /// Takes what [`Device::class_fields`](kernels::Device::class_fields) gives
    /// for this model apart: class probabilities, and from each voxel to the
    /// centroid of its vertebra, mm `[x, y, z]` (empty when the network has no
    /// such output; means something inside vertebrae only).
    pub(super) fn split(&self, mut fields: Vec<Vec<f32>>) -> (Vec<Vec<f32>>, Vec<[f32; 3]>) {
        let classes = self.card.architecture.classes.len();
        if fields.len() != classes + 3 {
            return (fields, Vec::new());
        }
        let offsets = fields.split_off(classes);
        let in_mm = |i: usize| [2, 1, 0].map(|axis: usize| offsets[axis][i] * OFFSET_UNIT_MM);
        let offsets_mm = (0..offsets[0].len()).map(in_mm).collect();
        softmax(&mut fields);
        (fields, offsets_mm)
    }

    /// Index of a class by its name.
    #[must_use]
    pub fn class(&self, name: &str) -> Option<usize> {
        self.card.architecture.classes.iter().position(|class| class == name)
    }
}

/// Unit of the network's offsets, mm; so trained.
const OFFSET_UNIT_MM: f32 = 25.0;

/// Logits to probabilities, voxel by voxel.
fn softmax(fields: &mut [Vec<f32>]) {
    for i in 0..fields.first().map_or(0, Vec::len) {
        let highest = fields.iter().map(|field| field[i]).fold(f32::NEG_INFINITY, f32::max);
        let mut sum = 0.0;
        for field in fields.iter_mut() {
            field[i] = (field[i] - highest).exp();
            sum += field[i];
        }
        fields.iter_mut().for_each(|field| field[i] /= sum);
    }
}
