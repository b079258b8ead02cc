//! Networks on disk: weights in safetensors, a card in JSON beside them.

use std::path::{Path, PathBuf};

use kernels::network::NetworkError;
use kernels::{Architecture, CompactUnet, Cpu};
use serde::{Deserialize, Serialize};
use thiserror::Error;

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
}

/// The network a card describes.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct CardArchitecture {
    /// Family; `compact-unet` is the one known.
    pub kind: String,
    /// Channels of each level.
    pub channels: Vec<usize>,
    /// Input channels, 1 for CT.
    pub inputs: usize,
    /// Output classes in order; `vertebra` is required.
    pub classes: Vec<String>,
}

/// How a CT becomes the network's input.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Preprocessing {
    /// Axis directions of the input; `LPS` is the one known.
    pub axes: String,
    /// Voxel edge, mm.
    pub spacing_mm: f64,
    /// Window size `[z, y, x]`.
    pub patch_voxels: [usize; 3],
    /// Lowest and highest HU kept.
    pub clamp_hu: [f32; 2],
    /// Subtracted after clamping.
    pub offset_hu: f32,
    /// Divides after subtraction.
    pub scale_hu: f32,
    /// Value outside the scan.
    pub padding_hu: f32,
}

/// What is known of a model: how to run it, what it learnt from, how good it is.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct ModelCard {
    /// Name of the model.
    pub name: String,
    /// Version of the weights.
    pub version: String,
    /// Network family and size.
    pub architecture: CardArchitecture,
    /// Input preparation.
    pub preprocessing: Preprocessing,
    /// Probability from which a voxel counts as vertebra.
    pub vertebra_threshold: f32,
    /// Licence of the weights.
    pub licence: String,
    /// Everything else the card tells: data, training, measured Dice, failures.
    #[serde(flatten)]
    pub more: serde_json::Map<String, serde_json::Value>,
}

/// A network ready to run.
#[derive(Debug)]
pub struct Model {
    /// Its card.
    pub card: ModelCard,
    pub(super) network: CompactUnet<Cpu>,
}

impl Model {
    /// From the bytes of a weight file and its card.
    ///
    /// # Errors
    /// [`ModelError`] naming what does not fit.
    pub fn from_bytes(device: &Cpu, weights: &[u8], card: &[u8]) -> Result<Self, ModelError> {
        let card: ModelCard = serde_json::from_slice(card).map_err(|source| ModelError::Card { source })?;
        check(&card)?;
        let architecture = Architecture {
            channels: card.architecture.channels.clone(),
            inputs: card.architecture.inputs,
            classes: card.architecture.classes.len(),
        };
        let network = CompactUnet::from_safetensors(device, weights, &architecture)?;
        let divisor = architecture.divisor();
        if card.preprocessing.patch_voxels.iter().any(|n| *n == 0 || n % divisor != 0 || *n > 512) {
            let found = format!(
                "patch_voxels {:?}, but this network needs multiples of {divisor} up to 512",
                card.preprocessing.patch_voxels
            );
            return Err(ModelError::Content(found));
        }
        Ok(Self { card, network })
    }

    /// From `NAME.safetensors`, with the card `NAME.json` beside it.
    ///
    /// # Errors
    /// [`ModelError`] naming the file or what does not fit.
    pub fn from_file(device: &Cpu, path: &Path) -> Result<Self, ModelError> {
        let read = |path: PathBuf| std::fs::read(&path).map_err(|source| ModelError::Read { path, source });
        let card = read(path.with_extension("json"))?;
        let weights = read(path.to_path_buf())?;
        Self::from_bytes(device, &weights, &card)
    }

    /// Index of a class by its name.
    #[must_use]
    pub fn class(&self, name: &str) -> Option<usize> {
        self.card.architecture.classes.iter().position(|class| class == name)
    }
}

fn check(card: &ModelCard) -> Result<(), ModelError> {
    let p = &card.preprocessing;
    let complaint = if card.architecture.kind != "compact-unet" {
        format!("architecture {:?}, but this version runs \"compact-unet\"", card.architecture.kind)
    } else if card.architecture.inputs != 1 {
        format!("{} input channels, but a CT has 1", card.architecture.inputs)
    } else if !card.architecture.classes.iter().any(|class| class == "vertebra") {
        format!("classes {:?}, without \"vertebra\"", card.architecture.classes)
    } else if p.axes != "LPS" {
        format!("axes {:?}, but this version feeds \"LPS\"", p.axes)
    } else if !(0.5..=10.0).contains(&p.spacing_mm) {
        format!("spacing_mm {}, outside 0.5 to 10", p.spacing_mm)
    } else if !(p.scale_hu.is_finite() && p.scale_hu > 0.0 && p.clamp_hu[0] < p.clamp_hu[1] && p.offset_hu.is_finite())
    {
        format!("clamp_hu {:?}, offset_hu {}, scale_hu {}, which is no scaling", p.clamp_hu, p.offset_hu, p.scale_hu)
    } else if !(0.01..=0.99).contains(&card.vertebra_threshold) {
        format!("vertebra_threshold {}, outside 0.01 to 0.99", card.vertebra_threshold)
    } else {
        return Ok(());
    };
    Err(ModelError::Content(complaint))
}
