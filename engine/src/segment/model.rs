//! Networks on disk: weights in safetensors, a card in JSON beside them.

use std::path::{Path, PathBuf};
use std::sync::Arc;

use kernels::architectures::CompactUnet;
use kernels::device::HuWindow;
use kernels::{Graph, NetworkError, Program, Weights};
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
    /// `compact-unet`, or `graph` for any network.
    pub kind: String,
    /// Channels of each level of a `compact-unet`.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub channels: Vec<usize>,
    /// The network of kind `graph`; its first output is the logits.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub graph: Option<Graph>,
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

impl Preprocessing {
    /// HU as the network sees them.
    #[must_use]
    pub fn window(&self) -> HuWindow {
        let [low, high] = self.clamp_hu;
        HuWindow { low, high, offset: self.offset_hu, scale: self.scale_hu }
    }
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
    /// From window to class probabilities.
    pub program: Arc<Program>,
}

impl Model {
    /// From the bytes of a weight file and its card.
    ///
    /// # Errors
    /// [`ModelError`] naming what does not fit.
    pub fn from_bytes(weights: &[u8], card: &[u8]) -> Result<Self, ModelError> {
        let card: ModelCard = serde_json::from_slice(card).map_err(|source| ModelError::Card { source })?;
        check(&card)?;
        let graph = graph(&card.architecture)?.with_softmax()?;
        let program = Program::new(&graph, &Weights::from_safetensors(weights)?)?;
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
        let read = |path: PathBuf| std::fs::read(&path).map_err(|source| ModelError::Read { path, source });
        let card = read(path.with_extension("json"))?;
        let weights = read(path.to_path_buf())?;
        Self::from_bytes(&weights, &card)
    }

    /// Index of a class by its name.
    #[must_use]
    pub fn class(&self, name: &str) -> Option<usize> {
        self.card.architecture.classes.iter().position(|class| class == name)
    }
}

fn graph(architecture: &CardArchitecture) -> Result<Graph, ModelError> {
    let CardArchitecture { channels, inputs, classes, graph, .. } = architecture;
    let graph = match graph {
        Some(graph) => graph.clone(),
        None => CompactUnet { channels: channels.clone(), inputs: *inputs, classes: classes.len() }.graph()?,
    };
    let logits = graph.outputs().first().map_or(0, |output| graph.channels(output.node));
    if logits != classes.len() {
        return Err(ModelError::Content(format!("{} classes, but its network has {logits} logits", classes.len())));
    }
    Ok(graph)
}

fn check(card: &ModelCard) -> Result<(), ModelError> {
    let p = &card.preprocessing;
    let architecture = &card.architecture;
    let complaint = if !["compact-unet", "graph"].contains(&architecture.kind.as_str()) {
        format!("architecture {:?}, but this version runs \"compact-unet\" and \"graph\"", architecture.kind)
    } else if (architecture.kind == "graph") != architecture.graph.is_some() {
        format!("architecture {:?}, and a graph belongs to kind \"graph\" alone", architecture.kind)
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

#[cfg(test)]
pub(super) mod tests {
    use kernels::graph::{Activation, Conv, GraphBuilder};

    use super::*;

    fn local_files() -> (Vec<u8>, serde_json::Value) {
        let mut g = GraphBuilder::new();
        let image = g.input(1);
        let x = g.conv(image, "down", Conv::new(5, [3; 3]).stride([2; 3]));
        let x = g.activate(x, Activation::Relu);
        let x = g.conv_transpose(x, "up", 3, [2; 3], true);
        let x = g.concat(&[x, image]);
        let x = g.conv(x, "head", Conv::new(2, [1; 3]));
        g.output("logits", x);
        let graph = g.build().unwrap();
        let mut weights = Weights::new();
        for (name, shape) in graph.tensors() {
            let count = shape.iter().product();
            let values = (0..count).map(|i: usize| ((i * 7 + name.len()) % 11) as f32 * 0.05 - 0.2).collect();
            weights.insert(&name, shape, values).unwrap();
        }
        let card = serde_json::json!({
            "name": "local", "version": "1", "licence": "MIT", "vertebra_threshold": 0.5,
            "architecture": { "kind": "graph", "inputs": 1, "classes": ["background", "vertebra"], "graph": graph },
            "preprocessing": {
                "axes": "LPS", "spacing_mm": 2.0, "patch_voxels": [16, 16, 16],
                "clamp_hu": [-1000.0, 1000.0], "offset_hu": 0.0, "scale_hu": 500.0, "padding_hu": -1000.0
            }
        });
        (weights.to_safetensors().unwrap(), card)
    }

    /// A model without norms over the image.
    pub(in crate::segment) fn local_model() -> Model {
        let (weights, card) = local_files();
        Model::from_bytes(&weights, card.to_string().as_bytes()).unwrap()
    }

    #[test]
    fn a_card_can_bring_its_own_network() {
        let model = local_model();
        assert!(model.program.is_local());
        assert_eq!(model.program.divisor, [2; 3]);
    }

    #[test]
    fn classes_and_logits_must_agree() {
        let (weights, mut card) = local_files();
        card["architecture"]["classes"] = serde_json::json!(["background", "vertebra", "disc"]);
        let text = Model::from_bytes(&weights, card.to_string().as_bytes()).unwrap_err().to_string();
        assert!(text.contains("3 classes") && text.contains("2 logits"), "{text}");
    }

    #[test]
    fn a_graph_that_is_no_network_is_refused_with_its_node() {
        let (weights, mut card) = local_files();
        card["architecture"]["graph"]["nodes"][1]["op"]["stride"] = serde_json::json!([0, 1, 1]);
        let text = Model::from_bytes(&weights, card.to_string().as_bytes()).unwrap_err().to_string();
        assert!(text.contains("`down`") && text.contains("stride"), "{text}");
    }
}
